//! Percent-encoding in targets (RFC 3986 §2.1), strict for paths; for queries
//! as forms do it (WHATWG URL, `application/x-www-form-urlencoded`), which
//! takes everything.

use std::borrow::Cow;

use super::Fault;

/// Decodes a path. It is wrong when an escape is malformed, or when the decoded
/// path is not UTF-8 or holds NUL.
pub(super) fn decode_path(path: &str) -> Result<Cow<'_, str>, Fault> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, after, escaped)) = next(rest) {
        if byte == 0 || (byte == b'%' && !escaped) {
            return Err(Fault::bad("the path is not properly percent-encoded"));
        }
        decoded.push(byte);
        rest = after;
    }
    match String::from_utf8(decoded) {
        Ok(path) => Ok(Cow::Owned(path)),
        Err(_) => Err(Fault::bad("the decoded path is not UTF-8")),
    }
}

/// Decodes a name or a value of a query. A malformed escape stands for itself,
/// and what is not UTF-8 becomes U+FFFD.
pub(super) fn decode_form(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after, escaped)) = next(rest) {
        decoded.push(if byte == b'+' && !escaped { b' ' } else { byte });
        rest = after;
    }
    match String::from_utf8(decoded) {
        Ok(text) => Cow::Owned(text),
        Err(wrong) => Cow::Owned(String::from_utf8_lossy(wrong.as_bytes()).into_owned()),
    }
}

/// The first byte, decoded if it is an escape, what follows it, and whether it
/// was an escape.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], bool)> {
    if let [b'%', high, low, rest @ ..] = bytes
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return Some((high << 4 | low, rest, true));
    }
    let (first, rest) = bytes.split_first()?;
    Some((*first, rest, false))
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
