//! The server's side of the opening handshake (RFC 6455 §4.2 and §4.4): what a
//! request must hold to become a WebSocket, and the 101 that answers it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::base::error::{Error, Result};

use super::{
    http::{Fault, Framing, Request, is_token, is_token_byte, trim},
    response,
};

/// What a server puts behind the key (RFC 6455 §1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A handshake that is in order: all that the 101 needs of the request. It may
/// be kept while a guard thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    accept: [u8; 28],
}

impl Handshake {
    /// Checks a request that [asks for an upgrade](Request::is_upgrade). A
    /// refused upgrade ends the connection: what follows it may be frames, and
    /// must never be read as a request.
    pub(crate) fn check(request: &Request) -> Result<Self, Fault> {
        // RFC 6455 §4.2.1 (1): a GET of HTTP/1.1 or later, with a host (which the
        // head's parser has seen to).
        if request.method() != "GET" {
            return Err(Fault::bad("a WebSocket handshake must be a GET"));
        }
        if request.minor_version() == 0 {
            return Err(Fault::bad("a WebSocket handshake must be HTTP/1.1"));
        }
        // (3), (4): lists, compared without case.
        if !request.list_contains("upgrade", "websocket") {
            return Err(Fault::bad("the Upgrade header must name websocket"));
        }
        if !request.list_contains("connection", "upgrade") {
            return Err(Fault::bad("the Connection header must name Upgrade"));
        }
        // A body could be mistaken for frames, or the frames for a body.
        if request.body() != Framing::None {
            return Err(Fault::bad("a WebSocket handshake must have no body"));
        }
        // (6), §4.4, before the key: an older version has other keys.
        match only_line(request, "sec-websocket-version") {
            Some(b"13") => {}
            Some(_) => return Err(Fault::new(426, "only version 13 of WebSocket is spoken here")),
            None => return Err(Fault::bad("Sec-WebSocket-Version must be there once")),
        }
        // (5)
        let key = only_line(request, "sec-websocket-key")
            .filter(|key| is_key(key))
            .ok_or(Fault::bad("Sec-WebSocket-Key must be there once, as base64 of 16 bytes"))?;
        // (8), §11.3.4
        if !request.list("sec-websocket-protocol").all(is_token) {
            return Err(Fault::bad("Sec-WebSocket-Protocol must be a list of tokens"));
        }
        // (9), §9.1
        if !request.header_lines("sec-websocket-extensions").all(is_extension_list) {
            return Err(Fault::bad("Sec-WebSocket-Extensions is malformed"));
        }
        Ok(Self { accept: accept_key(key) })
    }

    /// Writes the 101 (RFC 6455 §4.2.2). `protocol` must be one that the
    /// client offered, see [`choose`]. A bad header of the host's is an error, and then
    /// nothing is written.
    pub(crate) fn write_accept(
        &self,
        out: &mut Vec<u8>,
        protocol: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Result<()> {
        if protocol.is_some_and(|protocol| !is_token(protocol.as_bytes())) {
            return Err(Error::invalid("a subprotocol must be a token of HTTP"));
        }
        for (name, value) in headers {
            response::check_header(name, value)?;
            let prefix = name.as_bytes().get(..SEC_WEBSOCKET.len()).unwrap_or_default();
            if prefix.eq_ignore_ascii_case(SEC_WEBSOCKET) {
                return Err(Error::invalid(format!("the header {name} is written by the server")));
            }
        }
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: ",
        );
        out.extend_from_slice(&self.accept);
        out.extend_from_slice(b"\r\n");
        if let Some(protocol) = protocol {
            response::write_header(out, "Sec-WebSocket-Protocol", protocol);
        }
        for (name, value) in headers {
            response::write_header(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

const SEC_WEBSOCKET: &[u8] = b"sec-websocket-";

/// The proof that a server has read the key: base64 of the SHA-1 of the key, as
/// it was sent, and a fixed suffix (RFC 6455 §4.2.2).
pub(crate) fn accept_key(key: &[u8]) -> [u8; 28] {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key);
    hash.update(KEY_SUFFIX);
    let mut accept = [0; 28];
    // 20 bytes are always 28 characters, so there is no error to handle.
    let length = STANDARD.encode_slice(hash.digest().bytes(), &mut accept);
    debug_assert!(length.is_ok_and(|length| length == accept.len()));
    accept
}

/// The first of the host's subprotocols that the client offers, compared with
/// case (RFC 6455 §4.2.2 (5)).
pub(crate) fn choose<'a>(
    mut wanted_by_host: impl Iterator<Item = &'a str>,
    request: &Request,
) -> Option<&'a str> {
    wanted_by_host.find(|wanted| request.subprotocols().any(|offered| offered == *wanted))
}

/// The value of a field that must have exactly one line.
fn only_line<'a>(request: &'a Request, name: &str) -> Option<&'a [u8]> {
    let mut lines = request.header_lines(name);
    let first = lines.next();
    if lines.next().is_some() { None } else { first }
}

// RFC 6455 §4.2.1 (5). 22 characters hold 132 bits; the four behind the 16 bytes
// are not used, and the RFC does not ask for zeros.
fn is_key(key: &[u8]) -> bool {
    matches!(key, [digits @ .., b'=', b'='] if digits.len() == 22
        && digits.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'))
}

/// Whether a line is a list of extensions (RFC 6455 §9.1): a token with
/// parameters behind semicolons, each a token, maybe with a value. Empty
/// members do not count.
fn is_extension_list(line: &[u8]) -> bool {
    let mut rest = trim(line);
    loop {
        rest = match rest {
            [] => return true,
            [b',', after @ ..] => trim(after),
            _ => match take_extension(rest) {
                Some(after @ ([] | [b',', ..])) => after,
                _ => return false,
            },
        };
    }
}

/// What follows one extension, if there is one.
fn take_extension(line: &[u8]) -> Option<&[u8]> {
    let mut rest = take_token(line)?;
    while let [b';', after @ ..] = rest {
        rest = take_token(trim(after))?;
        if let [b'=', after @ ..] = rest {
            rest = take_value(trim(after))?;
        }
    }
    Some(rest)
}

/// What follows a token and white space.
fn take_token(line: &[u8]) -> Option<&[u8]> {
    let length = line.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(line.len());
    if length == 0 { None } else { line.get(length..).map(trim) }
}

/// What follows a parameter's value: a token, or a quoted string that is a
/// token once its backslashes are taken out.
fn take_value(line: &[u8]) -> Option<&[u8]> {
    let [b'"', quoted @ ..] = line else {
        return take_token(line);
    };
    let mut rest = quoted;
    let mut is_empty = true;
    loop {
        rest = match rest {
            [b'"', after @ ..] if !is_empty => return Some(trim(after)),
            [b'\\', byte, after @ ..] | [byte, after @ ..] if is_token_byte(*byte) => after,
            _ => return None,
        };
        is_empty = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        base::limits::Limits,
        codec::http::{Head, HeadReader},
    };

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn request(bytes: &[u8]) -> Request {
        match HeadReader::default().read(bytes, &Limits::default()) {
            Ok(Head::Whole { request, .. }) => request,
            other => panic!("{other:?}"),
        }
    }

    /// The handshake that browsers send, one line of it replaced and some added.
    fn with(replaced: &str, lines: &str) -> Request {
        let mut text = String::from("GET /chat HTTP/1.1\r\n");
        for line in [
            "Host: server.example.com",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ] {
            if replaced.is_empty() || !line.starts_with(replaced) {
                text = text + line + "\r\n";
            }
        }
        request(format!("{text}{lines}\r\n").as_bytes())
    }

    fn status(request: &Request) -> u16 {
        Handshake::check(request).map_or_else(|fault| fault.status, |_| 101)
    }

    // Row 3.7.
    #[test]
    fn the_example_of_the_rfc_is_answered_as_the_rfc_says() {
        assert_eq!(&accept_key(KEY.as_bytes()), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let request = with("", "Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://example.com\r\n");
        assert!(request.is_upgrade());
        let wanted = ["superchat".to_owned(), "chat".to_owned()];
        let mut out = b"before".to_vec();
        let handshake = Handshake::check(&request).unwrap();
        handshake
            .write_accept(&mut out, choose(wanted[1..].iter().map(|it| &**it), &request), &[("X-A", "b")])
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "beforeHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
             X-A: b\r\n\r\n"
        );
    }

    // Row 3.1.
    #[test]
    fn a_handshake_must_hold_everything() {
        for (replaced, lines, expected) in [
            ("", "", 101),
            ("Upgrade", "", 400),
            ("Upgrade", "Upgrade: h2c\r\n", 400),
            ("Upgrade", "UPGRADE: h2c, WebSocket\r\n", 101),
            ("Upgrade", "Upgrade: websocket/13\r\n", 400),
            ("Connection", "", 400),
            ("Connection", "Connection: keep-alive\r\n", 400),
            ("Connection", "Connection: keep-alive, UPGRADE\r\n", 101),
            ("Connection", "Connection: keep-alive\r\nConnection: upgrade\r\n", 101),
            ("Connection", "Connection: xupgrade\r\n", 400),
            ("Sec-WebSocket-Key", "", 400),
            ("Sec-WebSocket-Version", "", 400),
        ] {
            assert_eq!(status(&with(replaced, lines)), expected, "{replaced} {lines:?}");
        }
        let post = "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        assert_eq!(status(&request(post.as_bytes())), 400);
        // Row 3.2.
        let old = post.replace("POST / HTTP/1.1", "GET / HTTP/1.0");
        assert_eq!(status(&request(old.as_bytes())), 400);
        for twice in
            ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "Sec-WebSocket-Version: 13\r\n\r\n"]
        {
            let bytes = post.replace("POST", "GET").replace("\r\n\r\n", "\r\n") + twice;
            let fault = HeadReader::default().read(bytes.as_bytes(), &Limits::default()).unwrap_err();
            assert_eq!(fault.status, 400);
        }
    }

    // Row 3.1.
    #[test]
    fn a_key_is_base64_of_16_bytes_whatever_its_unused_bits() {
        for (key, expected) in [
            ("AQIDBAUGBwgJCgsMDQ4PEC==", 101),
            ("AQIDBAUGBwgJCgsMDQ4PEA==", 101),
            ("AQIDBAUGBwgJCgsMDQ4PEP==", 101),
            ("++++++++++++++++++////==", 101),
            ("", 400),
            ("AQIDBAUGBwgJCgsMDQ4PE===", 400),
            ("AQIDBAUGBwgJCgsMDQ4PEA", 400),
            ("AQIDBAUGBwgJCgsMDQ4PEA=", 400),
            ("AQIDBAUGBwgJCgsMDQ4P", 400),
            ("AQIDBAUGBwgJCgsMDQ4PEBE=", 400),
            ("AQIDBAUGBwgJCgsMDQ4PEAAA==", 400),
            ("AQIDBAUGBwgJCgsMDQ4P_-==", 400),
            ("AQIDBAUGBwgJ CgsMDQ4PE==", 400),
        ] {
            let lines = format!("Sec-WebSocket-Key: {key}\r\n");
            assert_eq!(status(&with("Sec-WebSocket-Key", &lines)), expected, "{key}");
        }
    }

    // Row 3.3.
    #[test]
    fn another_version_is_told_which_one_is_spoken() {
        for version in ["8", "0", "14", "013", "13, 8", "x", ""] {
            let lines = format!("Sec-WebSocket-Version: {version}\r\n");
            assert_eq!(status(&with("Sec-WebSocket-Version", &lines)), 426, "{version}");
        }
    }

    // Row 3.5.
    #[test]
    fn a_handshake_with_a_body_is_refused() {
        for line in ["Content-Length: 5\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"] {
            assert_eq!(status(&with("", line)), 400, "{line}");
        }
    }

    // Row 3.8.
    #[test]
    fn the_first_subprotocol_of_the_hosts_that_is_offered_is_chosen() {
        let offer = |lines: &str| with("", lines);
        let both = offer("Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Protocol: raw\r\n");
        assert_eq!(both.subprotocols().collect::<Vec<_>>(), ["chat", "superchat", "raw"]);
        assert_eq!(choose(["chat", "superchat"].into_iter(), &both), Some("chat"));
        assert_eq!(choose(["superchat", "chat"].into_iter(), &both), Some("superchat"));
        assert_eq!(choose(["none", "raw"].into_iter(), &both), Some("raw"));
        assert_eq!(choose(["Chat"].into_iter(), &both), None);
        assert_eq!(choose([].into_iter(), &both), None);
        assert_eq!(choose(["chat"].into_iter(), &offer("")), None);
        for bad in ["a b", "a, b;c", "\"a\"", "a/b", "ä"] {
            assert_eq!(status(&offer(&format!("Sec-WebSocket-Protocol: {bad}\r\n"))), 400, "{bad}");
        }
        let mut out = Vec::new();
        Handshake::check(&both).unwrap().write_accept(&mut out, None, &[]).unwrap();
        assert!(!String::from_utf8(out).unwrap().contains("Protocol:"));
    }

    // Row 3.9.
    #[test]
    fn extensions_must_parse_and_are_otherwise_passed_over() {
        for good in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate;server_max_window_bits=10 ; x = \"1\\0\" , foo",
            "a, b;c",
            "",
            "a,,b",
            "x-webkit-deflate-frame",
        ] {
            let request = with("", &format!("Sec-WebSocket-Extensions: {good}\r\n"));
            assert_eq!(status(&request), 101, "{good}");
        }
        for bad in [
            "a b",
            "a;",
            ";a",
            "a;b=",
            "a;=b",
            "a;b=\"",
            "a;b=\"\"",
            "a;b=\"c d\"",
            "a;b=\"c\"d",
            "a=b",
            "\"a\"",
            "a;b=\"c\\",
            "a;;b",
            "ä",
            "a;b=c=d",
        ] {
            let request = with("", &format!("Sec-WebSocket-Extensions: {bad}\r\n"));
            assert_eq!(status(&request), 400, "{bad}");
        }
    }

    // Row 3.10.
    #[test]
    fn unknown_headers_do_not_matter() {
        assert_eq!(status(&with("", "X-Foo: bar\r\nSec-WebSocket-Foo: bar\r\n")), 101);
    }

    // Row 3.11.
    #[test]
    fn frames_behind_the_request_are_left_for_the_reader_of_frames() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
        let bytes = [text.as_bytes(), b"\x81\x80abcd"].concat();
        let head = HeadReader::default().read(&bytes, &Limits::default());
        assert!(matches!(head, Ok(Head::Whole { consumed, .. }) if consumed == text.len()));
    }

    #[test]
    fn a_header_of_the_hosts_that_would_break_the_101_is_an_error_and_writes_nothing() {
        let handshake = Handshake::check(&with("", "")).unwrap();
        let mut out = Vec::new();
        for (name, value) in [
            ("X", "a\r\nb"),
            ("X Y", "a"),
            ("Sec-WebSocket-Protocol", "a"),
            ("sec-websocket-extensions", "a"),
            ("Content-Length", "0"),
            ("Upgrade", "x"),
        ] {
            assert!(handshake.write_accept(&mut out, None, &[(name, value)]).is_err(), "{name}");
        }
        assert!(handshake.write_accept(&mut out, Some("a b"), &[]).is_err());
        assert!(out.is_empty());
        assert!(handshake.write_accept(&mut out, None, &[("Set-Cookie", "a=b")]).is_ok());
    }

    proptest! {
        #[test]
        fn any_values_give_an_answer_and_no_panic(
            extensions in "[ab;,=\"\\\\ é-]{0,16}", protocols in "[ab, \"é-]{0,8}", key in "[a-zA=+ ]{0,26}",
        ) {
            let lines = format!(
                "Sec-WebSocket-Extensions: {extensions}\r\nSec-WebSocket-Protocol: {protocols}\r\n\
                 Sec-WebSocket-Key: {key}\r\n"
            );
            let status = status(&with("Sec-WebSocket-Key", &lines));
            prop_assert!(status == 101 || status == 400);
        }
    }
}
