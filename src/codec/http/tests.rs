//! Request heads, rule by rule. "Row" is a row of the WebSocket server
//! checklist; the rules themselves cite their sections where they are kept.

use super::*;

fn limits(head_bytes: u32, target_bytes: u32, header_lines: u32) -> Limits {
    Limits { head_bytes, target_bytes, header_lines, ..Limits::default() }
}

fn read(bytes: &[u8]) -> Result<Request, Fault> {
    match HeadReader::default().read(bytes, &Limits::default())? {
        Head::Whole { request, consumed } => {
            assert_eq!(consumed, bytes.len());
            Ok(request)
        }
        Head::More => panic!("the head is not whole: {:?}", bytes.escape_ascii().to_string()),
    }
}

/// A GET of `/` with these lines, HTTP/1.1 and a host.
fn get(lines: &str) -> Result<Request, Fault> {
    read(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes())
}

fn get_1_0(lines: &str) -> Result<Request, Fault> {
    read(format!("GET / HTTP/1.0\r\n{lines}\r\n").as_bytes())
}

fn target(target: &str) -> Result<Request, Fault> {
    read(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
}

fn status(result: Result<Request, Fault>) -> u16 {
    result.map_or_else(|fault| fault.status, |_| 200)
}

/// The status, and how many bytes had been given when it was known.
fn refused_at(bytes: &[u8], limits: &Limits) -> (u16, usize) {
    let mut reader = HeadReader::default();
    for (at, byte) in bytes.iter().enumerate() {
        match reader.read(&[*byte], limits) {
            Ok(Head::More) => {}
            Ok(Head::Whole { .. }) => return (200, at + 1),
            Err(fault) => return (fault.status, at + 1),
        }
    }
    (0, bytes.len())
}

#[test]
fn a_request_is_read_with_all_its_parts() {
    let request = read(
        b"GET /a%20b/%C3%A4+?x=1&y=a+b%21&x=2&z&&q=%zz HTTP/1.1\r\nHost: example.org:80\r\n\
          ACCEPT:  text/html\t \r\nX-Empty:\r\nX-Latin: gr\xfc\xdfe\r\nConnection: keep-alive , Upgrade\r\n\
          connection: x\r\n\r\n",
    )
    .unwrap();
    assert_eq!((request.method(), request.minor_version()), ("GET", 1));
    assert_eq!(request.target(), "/a%20b/%C3%A4+?x=1&y=a+b%21&x=2&z&&q=%zz");
    assert_eq!((request.path(), request.raw_query()), ("/a b/ä+", "x=1&y=a+b%21&x=2&z&&q=%zz"));
    assert_eq!(request.query("x").as_deref(), Some("2"));
    assert_eq!(request.query("y").as_deref(), Some("a b!"));
    assert_eq!(request.query("z").as_deref(), Some(""));
    assert_eq!(request.query("q").as_deref(), Some("%zz"));
    assert_eq!(request.query("w"), None);
    assert_eq!(request.query_pairs().count(), 5);
    assert_eq!(request.header_str("accept"), Some("text/html"));
    assert_eq!(request.header("x-empty"), Some(&b""[..]));
    assert_eq!(request.header("x-latin"), Some(&b"gr\xfc\xdfe"[..]));
    assert_eq!(request.header_str("x-latin"), None);
    assert_eq!(request.header("none"), None);
    assert_eq!(request.authority(), "example.org:80");
    assert_eq!(request.headers().count(), 6);
    assert!(request.list_contains("connection", "UPGRADE") && request.list_contains("Connection", "x"));
    assert!(!request.list_contains("connection", "keep"));
    assert_eq!(format!("{request:?}"), r#"Request { method: "GET", path: "/a b/ä+", .. }"#);
}

// Rows 1.1 and 1.2.
#[test]
fn a_lone_lf_or_cr_is_400_wherever_it_stands() {
    for bytes in [
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET /\n",
        "\rGET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\rx",
        "GET /\r/ HTTP/1.1\r\n",
    ] {
        assert_eq!(refused_at(bytes.as_bytes(), &Limits::default()).0, 400, "{bytes:?}");
    }
}

// Row 1.3.
#[test]
fn some_empty_lines_before_a_request_are_skipped_but_not_many() {
    let few = "\r\n".repeat(usize::from(limits::EMPTY_LINES));
    assert_eq!(status(read(format!("{few}GET / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())), 200);
    let many = few.clone() + "\r\n";
    assert_eq!(refused_at(many.as_bytes(), &Limits::default()), (400, few.len() + 1));
    let mut reader = HeadReader::default();
    assert!(matches!(reader.read(b"\r\n", &Limits::default()), Ok(Head::More)));
    assert!(!reader.has_begun());
    assert!(matches!(reader.read(b"G", &Limits::default()), Ok(Head::More)));
    assert!(reader.has_begun());
}

#[test]
fn what_is_not_http_is_refused_at_its_first_byte() {
    for first in [b'\x16', b'\0', b' ', b'\x80', b'{', b'"', b'\t', b':'] {
        assert_eq!(refused_at(&[first, 3, 1], &Limits::default()), (400, 1), "{first}");
    }
}

// Rows 1.4 and 1.11.
#[test]
fn a_header_line_that_begins_with_white_space_is_400() {
    for line in [" X: y\r\n", "\tX: y\r\n", "A: b\r\n c\r\n", "A: b\r\n\t\r\n", " \r\n"] {
        assert_eq!(status(get(line)), 400, "{line:?}");
        assert_eq!(status(read(format!("GET / HTTP/1.1\r\n{line}Host: a\r\n\r\n").as_bytes())), 400);
    }
}

// Row 1.5.
#[test]
fn a_request_line_is_method_target_and_version() {
    for (line, expected) in [
        ("GET / HTTP/1.1", 200),
        ("GET / HTTP/1.0", 200),
        ("GET / HTTP/1.2", 200),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/0.9", 505),
        ("PRI * HTTP/2.0", 505),
        ("GET  / HTTP/1.1", 400),
        ("GET /  HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET / a HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("GET /", 400),
        ("GET", 400),
        ("GET ", 400),
        ("GET / ", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/1", 400),
        ("GET / HTTP/1.10", 400),
        ("GET / HTTP/11", 400),
        ("GET / HTTP/1.x", 400),
        ("GET / HTTP/x.1", 400),
        ("GET / HTTP/+1.1", 400),
        ("GET / HTTPS/1.1", 400),
        ("G(T / HTTP/1.1", 400),
    ] {
        assert_eq!(status(read_line(line)), expected, "{line:?}");
    }
}

fn read_line(line: &str) -> Result<Request, Fault> {
    read(format!("{line}\r\nHost: a\r\n\r\n").as_bytes())
}

// Row 1.6.
#[test]
fn a_target_over_its_limit_is_414_and_an_unknown_method_501() {
    let limits = limits(400, 8, 6);
    assert_eq!(refused_at(b"GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n", &limits).0, 200);
    assert_eq!(refused_at(b"GET /23456789 HTTP/1.1\r\n", &limits), (414, 13));
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        assert_eq!(status(read_line(&format!("{method} / HTTP/1.1"))), 200, "{method}");
    }
    for method in ["get", "PROPFIND", "GETT", "G", "!", "CONNECT"] {
        assert_eq!(status(read_line(&format!("{method} / HTTP/1.1"))), 501, "{method}");
    }
    assert_eq!(refused_at(&[b'A'; 200], &limits), (501, limits::METHOD_BYTES as usize + 1));
}

// Row 1.7.
#[test]
fn a_target_is_a_path_or_an_http_url() {
    for (text, authority, path, query) in [
        ("/", "a", "/", ""),
        ("/x?y?z", "a", "/x", "y?z"),
        ("//x/../y", "a", "//x/../y", ""),
        ("/{|}\"^`", "a", "/{|}\"^`", ""),
        ("http://b/x", "b", "/x", ""),
        ("HTTP://b:80/x?y", "b:80", "/x", "y"),
        ("wss://[::1]:9", "[::1]:9", "/", ""),
        ("https://b?y=/", "b", "/", "y=/"),
    ] {
        let request = target(text).unwrap();
        assert_eq!((request.authority(), request.path(), request.raw_query()), (authority, path, query));
    }
    for text in
        ["*", "x", "http:/x", "http://", "http:///x", "http://u@b/", "http://b:x/", "ftp://b/", "b:80", "?x"]
    {
        assert_eq!(status(target(text)), 400, "{text:?}");
    }
    assert_eq!(status(read_line("OPTIONS * HTTP/1.1")), 400);
    assert_eq!(status(read_line("CONNECT a:80 HTTP/1.1")), 501);
    // An absolute target does not replace the Host line.
    assert_eq!(status(read(b"GET http://b/ HTTP/1.1\r\n\r\n")), 400);
}

#[test]
fn a_target_that_no_url_may_be_or_that_does_not_decode_is_400() {
    for text in ["/#", "/\x7f", "/\x01", "/ä", "/%", "/%4", "/%zz", "/%00", "/%ff", "/%C3", "/%ed%a0%80"] {
        assert_eq!(status(target(text)), 400, "{text:?}");
    }
    assert_eq!(target("/%2F%2e%25").unwrap().path(), "//.%");
}

// Row 1.8.
#[test]
fn http_1_1_needs_one_host_that_is_one() {
    assert_eq!(status(read(b"GET / HTTP/1.1\r\n\r\n")), 400);
    assert_eq!(status(read(b"GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n")), 400);
    assert_eq!(status(get_1_0("")), 200);
    assert_eq!(status(get_1_0("Host: a\r\nHost: a\r\n")), 400);
    assert_eq!(status(get_1_0("Host: a b\r\n")), 400);
    for host in ["a", "a.b-c_d:80", "127.0.0.1:65535", "[::1]", "[fe80::1]:3000", "a:", "%41", "a,b"] {
        assert_eq!(status(read(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())), 200, "{host}");
    }
    for host in [
        "",
        " ",
        ":80",
        "a b",
        "a/b",
        "a:x",
        "a:65536",
        "a:-1",
        "u@a",
        "[::1",
        "[::1]x",
        "[]",
        "[a]",
        "::1",
        "a:80:80",
        "%4",
        "%zz",
        "ä",
        "a?b",
        "http://a",
        "a\\b",
        "a:99999999999999999999",
    ] {
        let request = read(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert_eq!(status(request), 400, "{host}");
    }
}

// Rows 1.9 and 1.10.
#[test]
fn a_header_line_is_a_token_a_colon_and_a_value_without_control_bytes() {
    for line in ["X : y", "X\t: y", ": y", "X", "X y: z", "X(: y", "Ä: y", "\"X\": y", "X\0: y", "X@: y"] {
        assert_eq!(status(get(&format!("{line}\r\n"))), 400, "{line:?}");
    }
    for byte in (0..=b'\x1f').chain([b'\x7f']) {
        let line = format!("X: a{}b\r\n", char::from(byte));
        let expected = if byte == b'\t' { 200 } else { 400 };
        assert_eq!(status(get(&line)), expected, "{line:?}");
    }
    for (line, value) in [("X:y", "y"), ("X: \t y \t ", "y"), ("X:", ""), ("X:  ", ""), ("X: a: b", "a: b")] {
        assert_eq!(get(&format!("{line}\r\n")).unwrap().header_str("x"), Some(value), "{line:?}");
    }
}

// Row 1.12.
#[test]
fn names_have_no_case_and_what_may_occur_once_must_not_occur_twice() {
    let request = get("X-Y: 1\r\nX_Y: 2\r\nConnection: close\r\nconnection: Upgrade\r\n").unwrap();
    assert_eq!(request.header_str("x-y"), Some("1"));
    assert_eq!(request.header_str("x_y"), Some("2"));
    assert!(request.list_contains("CONNECTION", "close") && request.list_contains("Connection", "upgrade"));
    for name in ["Content-Length", "content-type", "Origin", "AUTHORIZATION", "Sec-WebSocket-Key"] {
        assert_eq!(
            status(get(&format!("{name}: 1\r\nX: y\r\n{}: 1\r\n", name.to_lowercase()))),
            400,
            "{name}"
        );
    }
    for name in ["Accept", "Cookie", "X-Forwarded-For", "Sec-WebSocket-Protocol", "Via"] {
        assert_eq!(status(get(&format!("{name}: 1\r\n{name}: 1\r\n"))), 200, "{name}");
    }
}

// Row 1.13.
#[test]
fn a_head_over_its_limit_is_431_at_the_first_byte_too_much() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    let length = head.len() as u32;
    assert_eq!(refused_at(head, &limits(length, 8, 9)), (200, head.len()));
    for limit in 1..length {
        assert_eq!(refused_at(head, &limits(limit, 8, 9)), (431, limit as usize + 1));
    }
    assert_eq!(refused_at(head, &limits(0, 8, 9)), (431, 1));
    assert_eq!(refused_at(head, &limits(length, 8, 2)).0, 200);
    assert_eq!(refused_at(head, &limits(length, 8, 1)), (431, 26));
    // All at once is no different, and the rest is not needed.
    let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 500]].concat();
    let fault = HeadReader::default().read(&long, &limits(400, 40, 6)).unwrap_err();
    assert_eq!(fault.status, 431);
}

#[test]
fn many_header_lines_are_read_as_well_as_few() {
    for count in [0, 23, 24, 60, 99] {
        let lines: String = (0..count).map(|at| format!("X-{at}: {at}\r\n")).collect();
        let request = get(&lines).unwrap();
        assert_eq!(request.headers().count(), count + 1);
        if count > 0 {
            let last = (count - 1).to_string();
            assert_eq!(request.header_str(&format!("x-{last}")), Some(last.as_str()));
        }
    }
    let lines = "X: y\r\n".repeat(100);
    assert_eq!(status(get(&lines)), 431);
}

// Row 1.14.
#[test]
fn a_head_that_comes_byte_by_byte_holds_only_what_came() {
    let head = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut reader = HeadReader::default();
    for (at, byte) in head.iter().enumerate() {
        match reader.read(&[*byte], &Limits::default()).unwrap() {
            Head::More => assert_eq!(reader.partial, head[..=at]),
            Head::Whole { request, consumed } => {
                assert_eq!((at + 1, consumed, request.path()), (head.len(), 1, "/x"));
            }
        }
    }
    assert_eq!(reader.partial.capacity(), 0);
    assert!(!reader.has_begun());
}

// Rows 2.1 and 2.7.
#[test]
fn a_content_length_is_digits_below_2_to_the_63rd() {
    assert_eq!(get("").unwrap().body(), Framing::None);
    for (digits, length) in [("0", 0), ("5", 5), ("007", 7), ("9223372036854775807", i64::MAX as u64)] {
        let request = get(&format!("Content-Length: {digits}\r\n")).unwrap();
        assert_eq!(request.body(), Framing::Length(length));
    }
    for digits in [
        "",
        "+5",
        "-5",
        "5 5",
        "0x5",
        "5,5",
        "5, 5",
        "a",
        "5.0",
        "5;",
        "9223372036854775808",
        "99999999999999999999",
    ] {
        assert_eq!(status(get(&format!("Content-Length: {digits}\r\n"))), 400, "{digits:?}");
    }
    assert_eq!(status(get("Content-Length: 5\r\nContent-Length: 5\r\n")), 400);
}

// Rows 2.2, 2.3 and 2.4.
#[test]
fn a_transfer_encoding_is_chunked_alone() {
    for (lines, expected) in [
        ("Transfer-Encoding: chunked\r\n", 200),
        ("transfer-encoding: CHUNKED\r\n", 200),
        ("Transfer-Encoding: , chunked ,\r\n", 200),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding:\r\n", 400),
        ("Transfer-Encoding: gzip\r\n", 400),
        ("Transfer-Encoding: identity\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 400),
        ("Transfer-Encoding: chunked;a=b\r\n", 400),
        ("Transfer-Encoding: \"chunked\"\r\n", 400),
        ("Transfer-Encoding: chunked, gzip\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400),
        ("Transfer-Encoding: chunked, chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", 501),
    ] {
        assert_eq!(status(get(lines)), expected, "{lines:?}");
    }
    assert_eq!(get("Transfer-Encoding: chunked\r\n").unwrap().body(), Framing::Chunked);
    let old = get_1_0("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n").unwrap();
    assert_eq!((old.body(), old.keep_alive()), (Framing::Chunked, false));
}

// Row 2.9.
#[test]
fn only_100_continue_can_be_expected() {
    let expects = |lines: &str| get(lines).map(|request| request.expect_continue());
    assert_eq!(expects("Expect: 100-Continue\r\nContent-Length: 5\r\n"), Ok(true));
    assert_eq!(expects("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"), Ok(true));
    assert_eq!(expects("Expect: 100-continue\r\n"), Ok(false));
    assert_eq!(expects("Content-Length: 5\r\n"), Ok(false));
    assert_eq!(status(get("Expect: 200-ok\r\n")), 417);
    assert_eq!(status(get("Expect: 100-continue, x\r\n")), 417);
    let old = get_1_0("Expect: x\r\nContent-Length: 5\r\n").unwrap();
    assert!(!old.expect_continue());
}

// Row 2.11.
#[test]
fn http_1_1_stays_open_and_1_0_closes_unless_told_otherwise() {
    for (lines, in_1_1, in_1_0) in [
        ("", true, false),
        ("Connection: close\r\n", false, false),
        ("Connection: CLOSE\r\n", false, false),
        ("Connection: x, close\r\n", false, false),
        ("Connection: keep-alive\r\n", true, true),
        ("Connection: Keep-Alive\r\nConnection: close\r\n", false, false),
        ("Connection: closed\r\n", true, false),
    ] {
        assert_eq!(get(lines).unwrap().keep_alive(), in_1_1, "{lines:?}");
        assert_eq!(get_1_0(lines).unwrap().keep_alive(), in_1_0, "{lines:?}");
    }
}

// Row 2.15.
#[test]
fn a_get_has_a_body_if_it_says_so() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let Ok(Head::Whole { request, consumed }) = HeadReader::default().read(bytes, &Limits::default()) else {
        panic!("no head");
    };
    assert_eq!((request.body(), &bytes[consumed..]), (Framing::Length(3), &b"abc"[..]));
}

// Row 3.2.
#[test]
fn only_http_1_1_can_ask_for_an_upgrade_to_websocket() {
    assert!(get("Upgrade: WebSocket\r\n").unwrap().is_upgrade());
    assert!(get("Upgrade: h2c, websocket\r\n").unwrap().is_upgrade());
    assert!(get("Upgrade: h2c\r\nUpgrade: websocket\r\n").unwrap().is_upgrade());
    assert!(!get("Upgrade: h2c\r\nConnection: Upgrade\r\n").unwrap().is_upgrade());
    assert!(!get("").unwrap().is_upgrade());
    assert!(!get_1_0("Upgrade: websocket\r\nConnection: Upgrade\r\n").unwrap().is_upgrade());
}
