//! Responses (RFC 9112 §4, §6.3, §9.6; RFC 9110 §15): a head and a body with
//! exactly one framing, written behind what a buffer already holds.

use std::io::Write as _;

use crate::base::error::{Error, Result};

use super::http::{Fault, Request, is_token};

/// What `Expect: 100-continue` waits for (RFC 9110 §10.1.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What of a request shapes the answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answering {
    /// The request was a HEAD: the answer has no body (RFC 9110 §9.3.2).
    pub(crate) head_only: bool,
    /// The request came in HTTP/1.0.
    pub(crate) is_1_0: bool,
    /// The connection stays open behind the answer.
    pub(crate) keep_alive: bool,
}

impl Answering {
    /// An answer to what could not be read as a request; the connection closes.
    pub(crate) const UNREADABLE: Self = Self { head_only: false, is_1_0: false, keep_alive: false };

    pub(crate) fn to(request: &Request) -> Self {
        Self {
            head_only: request.method() == "HEAD",
            is_1_0: request.minor_version() == 0,
            keep_alive: request.keep_alive(),
        }
    }

    /// The same, but the connection closes behind the answer.
    pub(crate) fn closing(self) -> Self {
        Self { keep_alive: false, ..self }
    }
}

/// Fields that this file writes itself, or that would change the framing or
/// the connection.
const RESERVED: [&str; 7] =
    ["content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer", "te"];

/// Writes a response of the host's. Its mistakes are errors, and then nothing
/// is written: a status that is no final one, a bad or reserved header, a body
/// where there can be none.
pub(crate) fn write(
    out: &mut Vec<u8>,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    to: Answering,
) -> Result<()> {
    if !(200..=599).contains(&status) {
        return Err(Error::invalid("the status of a response must be from 200 to 599"));
    }
    if !body.is_empty() && matches!(status, 204 | 205 | 304) {
        return Err(Error::invalid("a response with the status 204, 205 or 304 has no body"));
    }
    for (name, value) in headers {
        check_header(name, value)?;
    }
    write_checked(out, status, headers, body, to);
    Ok(())
}

/// Writes a short answer of the engine's own: the status, and why, as text.
/// The headers must be right; no peer's bytes belong in them.
pub(crate) fn write_text(
    out: &mut Vec<u8>,
    status: u16,
    why: &str,
    headers: &[(&'static str, &'static str)],
    to: Answering,
) {
    let mut text = format!("{status} {}", reason_phrase(status));
    if !why.is_empty() {
        text.push_str(": ");
        text.push_str(why);
    }
    text.push('\n');
    let mut all = vec![("Content-Type", "text/plain; charset=utf-8")];
    all.extend_from_slice(headers);
    write_checked(out, status, &all, text.as_bytes(), to);
}

/// Writes the answer to a fault, behind which the connection closes.
pub(crate) fn write_fault(out: &mut Vec<u8>, fault: Fault, to: Answering) {
    // RFC 6455 §4.4: which version is spoken here.
    let headers: &[_] = if fault.status == 426 { &[("Sec-WebSocket-Version", "13")] } else { &[] };
    write_text(out, fault.status, fault.reason, headers, to.closing());
}

// RFC 9112 §6.3: one framing, which is none for 1xx, 204 and 304.
fn write_checked(out: &mut Vec<u8>, status: u16, headers: &[(&str, &str)], body: &[u8], to: Answering) {
    write_status_line(out, status);
    for (name, value) in headers {
        write_header(out, name, value);
    }
    // RFC 9110 §15.5.22: 426 names a protocol, which is a connection option too (§7.8).
    if status == 426 {
        write_header(out, "Upgrade", "websocket");
    }
    // RFC 9112 §9.3, §9.6.
    match (to.keep_alive, to.is_1_0) {
        (false, _) if status == 426 => write_header(out, "Connection", "Upgrade, close"),
        (true, _) if status == 426 => write_header(out, "Connection", "Upgrade"),
        (false, _) => write_header(out, "Connection", "close"),
        (true, true) => write_header(out, "Connection", "keep-alive"),
        (true, false) => {}
    }
    if !matches!(status, 100..=199 | 204 | 304) {
        // A Vec takes all that is written to it.
        let _ = write!(out, "Content-Length: {}\r\n", body.len());
    }
    out.extend_from_slice(b"\r\n");
    if !to.head_only {
        out.extend_from_slice(body);
    }
}

/// `HTTP/1.1`, whatever version the request had (RFC 9110 §6.2).
pub(super) fn write_status_line(out: &mut Vec<u8>, status: u16) {
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason_phrase(status));
}

pub(super) fn write_header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Checks a header of the host's, so that nothing it got from elsewhere can
/// split a response (RFC 9112 §11.1): the name is a token (RFC 9110 §5.1), the
/// value holds no control byte but tab (§5.5), and the name is not reserved.
pub(crate) fn check_header(name: &str, value: &str) -> Result<()> {
    if !is_token(name.as_bytes()) {
        return Err(Error::invalid(format!("{name:?} cannot be the name of a header")));
    }
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(Error::invalid(format!("the header {name} is written by the server")));
    }
    if value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(Error::invalid(format!("the value of the header {name} holds a control byte")));
    }
    Ok(())
}

/// The phrase behind a status (RFC 9110 §15, RFC 6585); empty, which is
/// allowed (RFC 9112 §4), for others.
pub(crate) fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Answering = Answering { head_only: false, is_1_0: false, keep_alive: true };

    fn written(status: u16, headers: &[(&str, &str)], body: &[u8], to: Answering) -> String {
        let mut out = Vec::new();
        write(&mut out, status, headers, body, to).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_response_has_one_framing_and_its_body() {
        assert_eq!(
            written(200, &[("X-A", "b\tc")], b"hello", OPEN),
            "HTTP/1.1 200 OK\r\nX-A: b\tc\r\nContent-Length: 5\r\n\r\nhello"
        );
        assert_eq!(written(205, &[], b"", OPEN), "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(written(299, &[], b"", OPEN), "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
    }

    // Row 2.13.
    #[test]
    fn no_length_to_204_and_304_and_no_body_to_head() {
        assert_eq!(written(204, &[], b"", OPEN), "HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(written(304, &[], b"", OPEN), "HTTP/1.1 304 Not Modified\r\n\r\n");
        let head = Answering { head_only: true, ..OPEN };
        assert_eq!(written(200, &[], b"hello", head), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        let mut out = Vec::new();
        assert!(write(&mut out, 204, &[], b"x", OPEN).is_err());
        assert!(write(&mut out, 101, &[], b"", OPEN).is_err());
        assert!(write(&mut out, 600, &[], b"", OPEN).is_err());
        assert!(out.is_empty());
    }

    // Row 2.11.
    #[test]
    fn the_connection_header_says_what_the_version_does_not() {
        let old = Answering { is_1_0: true, ..OPEN };
        assert!(!written(200, &[], b"", OPEN).contains("Connection"));
        assert!(written(200, &[], b"", old).contains("Connection: keep-alive\r\n"));
        assert!(written(200, &[], b"", old.closing()).contains("Connection: close\r\n"));
        assert!(written(200, &[], b"", OPEN.closing()).contains("Connection: close\r\n"));
    }

    // Row 2.14.
    #[test]
    fn a_header_that_would_split_the_response_is_an_error_and_writes_nothing() {
        let mut out = b"before".to_vec();
        let bad = [
            ("X-A", "b\r\nSet-Cookie: c"),
            ("X-A", "b\nc"),
            ("X-A", "b\rc"),
            ("X-A", "b\0c"),
            ("X-A", "b\x7fc"),
            ("X A", "b"),
            ("X-A:", "b"),
            ("X\r\n", "b"),
            ("", "b"),
            ("Ä", "b"),
            ("content-LENGTH", "3"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("Upgrade", "websocket"),
        ];
        for (name, value) in bad {
            let error = write(&mut out, 200, &[("X-Good", "1"), (name, value)], b"", OPEN).unwrap_err();
            assert_eq!(error.kind(), crate::base::error::ErrorKind::Invalid, "{name:?}: {value:?}");
        }
        assert_eq!(out, b"before");
        assert!(written(200, &[("X-A", "grüße")], b"", OPEN).contains("X-A: grüße\r\n"));
    }

    #[test]
    fn a_fault_is_told_in_a_line_of_text_and_closes() {
        let mut out = Vec::new();
        write_fault(&mut out, Fault::bad("Host is missing"), OPEN);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
             Content-Length: 33\r\n\r\n400 Bad Request: Host is missing\n"
        );
        let mut out = Vec::new();
        write_text(&mut out, 404, "", &[], OPEN);
        assert!(out.ends_with(b"Content-Length: 14\r\n\r\n404 Not Found\n"));
    }

    // Row 3.3.
    #[test]
    fn a_426_names_the_version_and_the_protocol() {
        let mut out = Vec::new();
        write_fault(&mut out, Fault::new(426, "no"), OPEN);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
        for line in ["Sec-WebSocket-Version: 13", "Upgrade: websocket", "Connection: Upgrade, close"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}");
        }
    }

    // Row 2.9.
    #[test]
    fn continue_is_a_head_without_fields() {
        assert_eq!(CONTINUE, b"HTTP/1.1 100 Continue\r\n\r\n");
    }
}
