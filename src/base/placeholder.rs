//! Placeholders: objects `{"_placeholder":true,"num":n}` that stand in JSON
//! for the n-th of a message's binary attachments, counted from 0.
//!
//! The text is valid JSON by then, and it is scanned once. A reader that makes
//! values would refuse what is passed on untouched everywhere else: halves of
//! surrogate pairs, numbers beyond a double.

use super::json;

/// A value, as far as a placeholder cares.
#[derive(Clone, Copy, PartialEq)]
enum Value<'t> {
    True,
    Number(&'t str),
    Other,
}

/// The member whose value is read next.
#[derive(Clone, Copy, Default, PartialEq)]
enum Key {
    Mark,
    Number,
    #[default]
    Other,
}

/// An array or object that is open.
#[derive(Default)]
struct Open {
    key: Key,
    is_placeholder: bool,
    is_within: bool,
}

/// Whether each placeholder in `text`, which is valid JSON, has a whole number
/// from 0 to less than `count`. Of a member that is given twice the last one
/// counts, as it does for JavaScript.
pub(crate) fn all_within(text: &str, count: usize) -> bool {
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text.trim_ascii_start();
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => string_len(rest),
            b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => scalar_len(rest),
            _ => 1,
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after.trim_ascii_start();
        let value = match first {
            b'[' | b'{' => {
                open.push(Open::default());
                continue;
            }
            b']' | b'}' => {
                if open.pop().is_some_and(|object| object.is_placeholder && !object.is_within) {
                    return false;
                }
                Value::Other
            }
            b'"' if rest.starts_with(':') => {
                if let Some(object) = open.last_mut() {
                    object.key = key(token);
                }
                continue;
            }
            b'-' | b'0'..=b'9' => Value::Number(token),
            b't' => Value::True,
            b',' | b':' => continue,
            _ => Value::Other,
        };
        let Some(object) = open.last_mut() else { continue };
        match std::mem::take(&mut object.key) {
            Key::Mark => object.is_placeholder = value == Value::True,
            Key::Number => object.is_within = matches!(value, Value::Number(raw) if is_index(raw, count)),
            Key::Other => {}
        }
    }
    true
}

/// Bytes of the string literal at the start of `text`.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Bytes of the number or word at the start of `text`.
fn scalar_len(text: &str) -> usize {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.bytes().position(|byte| !inside(byte)).unwrap_or(text.len())
}

fn key(raw: &str) -> Key {
    match json::unescape(raw).as_deref() {
        Some("_placeholder") => Key::Mark,
        Some("num") => Key::Number,
        _ => Key::Other,
    }
}

/// Whether a number, written in whatever way, is whole and less than `count`.
fn is_index(raw: &str, count: usize) -> bool {
    match (raw.parse::<usize>(), raw.parse::<f64>()) {
        (Ok(number), _) => number < count,
        (_, Ok(number)) => number.fract() == 0.0 && number >= 0.0 && number < count as f64,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_placeholder_numbers_one_of_the_attachments() {
        for (text, count, expected) in [
            (r#"[{"_placeholder":true,"num":0}]"#, 1, true),
            (r#"[{"_placeholder":true,"num":1}]"#, 1, false),
            (r#"[{"_placeholder":true,"num":0}]"#, 0, false),
            (r#"[{"num":1 , "_placeholder" : true}]"#, 2, true),
            (r#"[{"num":2,"_placeholder":true}]"#, 2, false),
            (r#"{"a":[{"b":{"_placeholder":true,"num":9}}]}"#, 10, true),
            (r#"{"a":[{"b":{"_placeholder":true,"num":9}}]}"#, 9, false),
            // Twice the same, and none at all.
            (r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#, 1, true),
            ("[]", 3, true),
            ("7", 3, true),
            (r#""_placeholder""#, 3, true),
        ] {
            assert_eq!(all_within(text, count), expected, "{text} {count}");
        }
    }

    #[test]
    fn a_number_that_is_no_whole_number_in_bounds_is_wrong() {
        for num in ["-1", "0.5", "1e0", "1e400", "\"0\"", "null", "true", "[0]", "{\"num\":0}", "1"] {
            let text = format!("[{{\"_placeholder\":true,\"num\":{num}}}]");
            assert!(!all_within(&text, 1), "{text}");
        }
        for num in ["0", "0.0", "-0", "0e7"] {
            let text = format!("[{{\"_placeholder\":true,\"num\":{num}}}]");
            assert!(all_within(&text, 1), "{text}");
        }
        assert!(!all_within(r#"[{"_placeholder":true}]"#, 1));
        assert!(!all_within(r#"[{"_placeholder":true,"num":18446744073709551616}]"#, 1));
    }

    #[test]
    fn what_only_looks_like_a_placeholder_is_data() {
        for text in [
            r#"[{"_placeholder":false,"num":9}]"#,
            r#"[{"_placeholder":"true","num":9}]"#,
            r#"[{"_placeholder":1,"num":9}]"#,
            r#"["{\"_placeholder\":true,\"num\":9}"]"#,
            r#"[{"a":"_placeholder","b":true,"num":9}]"#,
            r#"["_placeholder",true,{"num":9}]"#,
            r#"[{"_placeholder":[true],"num":9}]"#,
            r#"[{"__proto__":{"_placeholder":false,"num":9},"num":9}]"#,
            r#"[{"_placeholder":true,"_placeholder":false,"num":9}]"#,
            r#"["\\",{"num":9}]"#,
        ] {
            assert!(all_within(text, 1), "{text}");
        }
        // Escapes in keys, and the last of two members, count.
        assert!(!all_within(r#"[{"\u005fplaceholder":true,"n\u0075m":9}]"#, 1));
        assert!(!all_within(r#"[{"_placeholder":true,"num":0,"num":9}]"#, 1));
        assert!(all_within(r#"[{"_placeholder":true,"num":9,"num":0}]"#, 1));
        // Inside a placeholder as well.
        assert!(!all_within(r#"[{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":9}}]"#, 1));
    }

    #[test]
    fn strings_and_numbers_that_are_passed_on_untouched_do_no_harm() {
        assert!(all_within(r#"["\ud800",1e999,{"\ud800":1},"\"",{"_placeholder":true,"num":0}]"#, 1));
    }

    /// A value, and the numbers of the placeholders in it.
    fn value() -> impl Strategy<Value = (String, Vec<u32>)> {
        let leaf = prop_oneof![
            prop::sample::select(&["1", "-2.5e3", "true", "null", "\"x\\\"{\"", "{}", "[]"][..])
                .prop_map(|text| (text.to_owned(), Vec::new())),
            (0u32..4, any::<bool>()).prop_map(|(num, swapped)| {
                let text = match swapped {
                    false => format!("{{\"_placeholder\":true,\"num\":{num}}}"),
                    true => format!("{{ \"num\" : {num} , \"x\":[] , \"_placeholder\" : true }}"),
                };
                (text, vec![num])
            }),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            (any::<bool>(), prop::collection::vec(inner, 0..4)).prop_map(|(object, values)| {
                let numbers = values.iter().flat_map(|(_, numbers)| numbers.clone()).collect();
                let texts = values.iter().enumerate().map(|(key, (text, _))| match object {
                    true => format!("\"{key}\":{text}"),
                    false => text.clone(),
                });
                let inner = texts.collect::<Vec<_>>().join(",");
                (if object { format!("{{{inner}}}") } else { format!("[{inner}]") }, numbers)
            })
        })
    }

    proptest! {
        #[test]
        fn every_placeholder_is_found_wherever_it_stands((text, numbers) in value(), count in 0usize..4) {
            let expected = numbers.iter().all(|&number| (number as usize) < count);
            prop_assert_eq!(all_within(&text, count), expected, "{}", text);
        }
    }
}
