//! JSON as text (RFC 8259): validated, measured in depth and cut into slices,
//! never made into a tree. `serde_json` reads; what is kept is ranges.

use std::{borrow::Cow, fmt, ops::Range};

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Why a text is not the JSON that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JsonFault {
    /// It is not JSON, or not of the kind asked for; the text says where.
    Syntax(String),
    /// Arrays and objects nest deeper than the limit.
    TooDeep,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => f.write_str(text),
            Self::TooDeep => f.write_str("arrays and objects nest too deeply"),
        }
    }
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // What was found instead is the peer's own words: they may be long, and
        // do not belong in a log.
        match text.rsplit_once(", expected ") {
            Some((_, expected)) if error.is_data() => Self::Syntax(format!("expected {expected}")),
            _ => Self::Syntax(text),
        }
    }
}

/// The elements of an array, as far as a sender needs to know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elements {
    /// How many there are.
    pub(crate) count: usize,
    /// Where the first one stands in the text.
    pub(crate) first: Range<usize>,
}

/// Checks that `text` is one JSON array no deeper than `depth`, and measures it.
pub(crate) fn array(text: &str, depth: u32) -> Result<Elements, JsonFault> {
    match plain_strings(text.as_bytes()) {
        Some(elements) if depth > 0 => Ok(elements),
        _ => any_array(text, depth),
    }
}

/// The same without a look whether [`plain_strings`] does.
pub(crate) fn any_array(text: &str, depth: u32) -> Result<Elements, JsonFault> {
    check_depth(text, depth)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let elements = reader.deserialize_seq(ElementsOf(text))?;
    reader.end()?;
    Ok(elements)
}

/// Measures an array of strings without escapes and white space between them,
/// which is most of what is said in a chat; anything else, faults included, is
/// for the reader. Takes a fifth of its instructions for a line of text.
///
/// The text comes as bytes, so that whoever has checked it before need not do it
/// once more; what is not ASCII stays inside the strings.
pub(crate) fn plain_strings(bytes: &[u8]) -> Option<Elements> {
    let (mut count, mut first, mut at) = (0, 0..0, 0);
    loop {
        let before = if count == 0 { b'[' } else { b',' };
        let [sign, b'"', string @ ..] = bytes.get(at..)? else { return None };
        let quote = at + 2 + plain_length(string);
        if *sign != before || bytes.get(quote) != Some(&b'"') {
            return None;
        }
        if count == 0 {
            first = at + 1..quote + 1;
        }
        (count, at) = (count + 1, quote + 1);
        if let [b']'] = bytes.get(at..)? {
            return Some(Elements { count, first });
        }
    }
}

/// How many bytes stand in a string for themselves, up to the first that ends
/// it, begins an escape or may not be there.
fn plain_length(bytes: &[u8]) -> usize {
    // Blocks are looked at without a branch inside, so that the loops compile to
    // vectors; long ones once it is clear that the text is no short one.
    let first_odd = |bytes: &[u8]| bytes.iter().position(|&byte| !plain(byte)).unwrap_or(bytes.len());
    match bytes.first_chunk::<16>() {
        Some(block) if all_plain(block) => {}
        _ => return first_odd(bytes),
    }
    let long = bytes.as_chunks::<64>().0.iter().take_while(|block| all_plain(&block[..])).count() * 64;
    let rest = bytes.get(long..).unwrap_or_default();
    let short = rest.as_chunks::<16>().0.iter().take_while(|block| all_plain(&block[..])).count() * 16;
    long + short + first_odd(rest.get(short..).unwrap_or_default())
}

#[inline(always)]
fn all_plain(block: &[u8]) -> bool {
    !block.iter().fold(false, |found, &byte| found | !plain(byte))
}

fn plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// Checks that `text` is one JSON value of any kind, no deeper than `depth`.
pub(crate) fn value(text: &str, depth: u32) -> Result<(), JsonFault> {
    check_depth(text, depth)?;
    serde_json::from_str::<IgnoredAny>(text)?;
    Ok(())
}

/// The text that a JSON string stands for; `raw` is the literal with its quotes.
pub(crate) fn unescape(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// `text` as it stands inside a JSON string's quotes.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if plain_length(text.as_bytes()) == text.len() {
        return Cow::Borrowed(text);
    }
    // Writing a string into memory has no way to fail.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    Cow::Owned(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned())
}

/// Reads one JSON object and hands each member to `member`: its key, and where
/// its value stands in `text`. The value is valid JSON by then.
pub(crate) fn object(
    text: &str,
    depth: u32,
    member: impl FnMut(&str, Range<usize>),
) -> Result<(), JsonFault> {
    check_depth(text, depth)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(MembersOf { text, member })?;
    reader.end()?;
    Ok(())
}

/// Reads one JSON array and hands each element's place in `text` to `element`.
pub(crate) fn each(text: &str, element: impl FnMut(Range<usize>)) -> Result<(), JsonFault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_seq(EachOf { text, element })?;
    reader.end()?;
    Ok(())
}

/// Fails if arrays and objects nest deeper than `depth`.
fn check_depth(text: &str, depth: u32) -> Result<(), JsonFault> {
    // Upper bounds first; nearly every text ends at one of them.
    let within = |count: usize| count as u64 <= u64::from(depth);
    if within(text.len()) || within(opened(text)) || deepest(text) <= depth {
        Ok(())
    } else {
        Err(JsonFault::TooDeep)
    }
}

/// How many arrays and objects may begin in the text; brackets in strings count too.
fn opened(text: &str) -> usize {
    // A block's count fits a byte, so that the loop compiles to vectors of bytes:
    // a seventh of the instructions that a plain count takes.
    let in_block = |block: &[u8]| {
        // The two brackets differ in one bit, and no other byte is like them but for it.
        block.iter().fold(0u8, |count, byte| count + u8::from(byte | 0x20 == b'{'))
    };
    text.as_bytes().chunks(usize::from(u8::MAX)).map(|block| usize::from(in_block(block))).sum()
}

/// How deep arrays and objects nest, not counting brackets inside strings.
fn deepest(text: &str) -> u32 {
    let (mut now, mut most) = (0u32, 0u32);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Where `part`, a slice of `text`, stands in it.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

struct ElementsOf<'t>(&'t str);

impl<'de> Visitor<'de> for ElementsOf<'_> {
    type Value = Elements;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Elements, A::Error> {
        let Some(first) = elements.next_element::<&RawValue>()? else {
            return Ok(Elements { count: 0, first: 0..0 });
        };
        let mut count = 1;
        while elements.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Elements { count, first: place(self.0, first.get()) })
    }
}

struct MembersOf<'t, F> {
    text: &'t str,
    member: F,
}

impl<'de, F: FnMut(&str, Range<usize>)> Visitor<'de> for MembersOf<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<&RawValue>()? {
            let value = members.next_value::<&RawValue>()?;
            // A key with half a surrogate pair is valid, and nobody asks for it.
            if let Some(key) = unescape(key.get()) {
                (self.member)(&key, place(self.text, value.get()));
            }
        }
        Ok(())
    }
}

struct EachOf<'t, F> {
    text: &'t str,
    element: F,
}

impl<'de, F: FnMut(Range<usize>)> Visitor<'de> for EachOf<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            (self.element)(place(self.text, element.get()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_through_an_array_finds_what_the_reader_finds(
            text in "(\\[\"|\",\"|\"\\]|[a-e\"\\\\,\\[\\] €\u{1f}]|[a-z]{14,17})*"
        ) {
            prop_assert_eq!(array(&text, 64), any_array(&text, 64));
            if let Some(elements) = plain_strings(text.as_bytes()) {
                prop_assert_eq!(Ok(elements), any_array(&text, 64));
            }
        }
    }

    #[test]
    fn plain_strings_need_no_reader() {
        let long = format!("[\"{}\",\"€\"]", "x".repeat(100));
        assert_eq!(plain_strings(long.as_bytes()), Some(Elements { count: 2, first: 1..103 }));
        assert_eq!(plain_strings(br#"["a","",""]"#), Some(Elements { count: 3, first: 1..4 }));
        for text in
            ["", "[", "[]", "[\"a\"", "[\"a\"]]", "[\"a\"] ", "\"a\"]", ",\"a\"]", r#"["\n"]"#, "[\"\n\"]"]
        {
            assert_eq!(plain_strings(text.as_bytes()), None, "{text}");
        }
        assert_eq!(array("[\"a\"]", 0), Err(JsonFault::TooDeep));
    }

    #[test]
    fn an_array_is_measured_without_being_built() {
        assert_eq!(array("[]", 64), Ok(Elements { count: 0, first: 0..0 }));
        assert_eq!(array(r#" [ {"a":[1]} ] "#, 64), Ok(Elements { count: 1, first: 3..12 }));
        assert_eq!(array(r#"[1,"two",3]"#, 64), Ok(Elements { count: 3, first: 1..2 }));
    }

    #[test]
    fn what_is_not_one_array_is_refused() {
        for text in ["", "{}", "1", "[", "[1,]", "[1] 2", "[01]", "[\"\u{1}\"]", "[nul]", "[1]]"] {
            assert!(matches!(array(text, 64), Err(JsonFault::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn fault_says_what_was_expected_and_nothing_that_was_sent() {
        for text in [r#""s3cret""#, "17.25", "true", r#"{"s3cret":1}"#, r#"["s3cret" 1]"#] {
            let fault = array(text, 64).unwrap_err().to_string();
            assert!(fault.contains(" at line 1 column "), "{fault}");
            assert!(!["s3cret", "17", "true"].iter().any(|sent| fault.contains(sent)), "{fault}");
        }
        let fault = array(&format!("\"{}\"", "x".repeat(10_000)), 64).unwrap_err().to_string();
        assert!(fault.starts_with("expected ") && fault.len() < 80, "{fault}");
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(array(&nested(64), 64).is_ok());
        assert_eq!(array(&nested(65), 64), Err(JsonFault::TooDeep));
        assert_eq!(array(&nested(100_000), 64), Err(JsonFault::TooDeep));
        let brackets_in_text = format!("[\"{}\\\"[\"]", "[{".repeat(100));
        assert!(array(&brackets_in_text, 64).is_ok());
        let wide = format!("[{}[]]", "[],".repeat(1000));
        assert!(array(&wide, 64).is_ok());
        assert_eq!(opened(&wide), 1002);
        assert_eq!(opened(&"[{]};z\u{db}".repeat(200)), 400);
    }

    #[test]
    fn members_of_an_object_come_with_their_places() {
        let text = r#"{ "event" : "say" , "da\u0074a":[1, 2]}"#;
        let mut seen = Vec::new();
        object(text, 64, |key, at| seen.push((key.to_owned(), &text[at]))).unwrap();
        assert_eq!(seen, [("event".into(), "\"say\""), ("data".into(), "[1, 2]")]);
        // Half a surrogate pair is valid anywhere, and as a key it is nobody's.
        let mut seen = Vec::new();
        object(r#"{"\ud800":1,"b":2}"#, 64, |key, _| seen.push(key.to_owned())).unwrap();
        assert_eq!(seen, ["b"]);
        for bad in ["{1:2}", "{a:1}", r#"{"\ud8":1}"#, r#"{"\x":1}"#, "{\"a\n\":1}", r#"{"a" "b"}"#] {
            assert!(object(bad, 64, |_, _| ()).is_err(), "{bad}");
        }
        assert!(object("[]", 64, |_, _| ()).is_err());
        assert!(object("{\"a\":}", 64, |_, _| ()).is_err());
    }

    #[test]
    fn strings_are_escaped_and_back() {
        for text in ["", "plain", "\"quoted\"", "back\\slash", "new\nline", "\u{0}", "grüß €"] {
            let escaped = escape(text);
            assert_eq!(unescape(&format!("\"{escaped}\"")).unwrap(), text);
        }
        assert!(matches!(escape("plain"), Cow::Borrowed(_)));
        assert_eq!(unescape("12"), None);
        assert_eq!(unescape(r#""\ud800""#), None);
    }
}
