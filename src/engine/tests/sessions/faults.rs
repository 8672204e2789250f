//! What clients do wrong on polling: the answer, the session's end, and that
//! nothing else suffers.

use super::*;

const TRANSPORT_ERROR: &str = r#"gone #0 /: transport error, no code "transport error" []"#;
const TRANSPORT_CLOSE: &str = r#"gone #0 /: transport close, no code "transport close" []"#;
const PARSE_ERROR: &str = r#"gone #0 /: parse error, no code "parse error" []"#;

fn post_target(sid: &str) -> String {
    format!("{OPEN}&sid={sid}")
}

#[test]
fn two_polls_at_once_end_the_session() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let one = salon.parks(&sid);
    let other = salon.begin_poll(&sid);
    assert_eq!(salon.quiet(), [TRANSPORT_ERROR]);
    assert_eq!(salon.response(one), (200, "1".to_owned()));
    assert_eq!(salon.response(other), (400, String::new()));
    salon.assert_unknown(&sid);
}

#[test]
fn two_posts_at_once_end_the_session_and_the_first_is_of_no_use() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let one = salon.connect();
    let head = format!("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", post_target(&sid));
    salon.write(one, format!("{head}42[\"a"));
    assert_eq!(salon.quiet(), NOTHING);
    let other = salon.begin_post(&sid, r#"42["b"]"#);
    assert_eq!(salon.quiet(), [TRANSPORT_ERROR]);
    assert_eq!(salon.response(other), (400, String::new()));
    salon.write(one, *b"\"]");
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(one), (400, UNKNOWN.to_owned()));
}

#[test]
fn post_that_breaks_off_ends_the_session() {
    for end in [End::Eof, End::Reset] {
        let mut salon = Salon::new(Config::default());
        let sid = salon.guest();
        let poll = salon.parks(&sid);
        let post = salon.connect();
        let head = format!("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", post_target(&sid));
        salon.write(post, format!("{head}42[\"a"));
        assert_eq!(salon.quiet(), NOTHING);
        salon.end(post, end);
        assert_eq!(salon.quiet(), [TRANSPORT_ERROR]);
        assert_eq!(salon.response(poll), (200, "1".to_owned()));
        assert!(salon.read(post).is_empty());
        assert_eq!(salon.engine.stats().memory_bytes, 0);
    }
}

#[test]
fn poll_whose_connection_ends_ends_the_session() {
    for (end, line) in [(End::Eof, TRANSPORT_CLOSE), (End::Reset, TRANSPORT_ERROR)] {
        let mut salon = Salon::new(Config::default());
        let sid = salon.guest();
        let poll = salon.parks(&sid);
        salon.end(poll, end);
        assert_eq!(salon.quiet(), [line]);
        salon.assert_unknown(&sid);
    }
}

#[test]
fn poll_that_is_cut_off_and_the_next_one_in_the_same_turn() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let poll = salon.parks(&sid);
    salon.end(poll, End::Eof);
    let next = salon.begin_poll(&sid);
    assert_eq!(salon.quiet(), [TRANSPORT_CLOSE]);
    assert_eq!(salon.response(next), (400, UNKNOWN.to_owned()));
}

#[test]
fn connection_that_ends_after_its_poll_was_answered_ends_nothing() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let poll = salon.parks(&sid);
    salon.emit(&all(), "a", "[]");
    salon.end(poll, End::Eof);
    // The answer goes out first, then the end is seen.
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(poll), (200, r#"42["a"]"#.to_owned()));
    salon.parks(&sid);
}

#[test]
fn end_behind_a_poll_is_the_clients_also_while_an_older_answer_is_on_its_way() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let poll = salon.connect();
    salon.room(poll, 10);
    let get = format!("GET {OPEN}&sid={sid} HTTP/1.1\r\nHost: a\r\n\r\n");
    salon.write(poll, format!("GET {OPEN} HTTP/1.1\r\nHost: a\r\n\r\n{get}"));
    assert_eq!(salon.quiet(), NOTHING);
    salon.end(poll, End::Eof);
    assert_eq!(salon.quiet(), [TRANSPORT_CLOSE]);
}

#[test]
fn octet_stream_is_not_part_of_this_revision() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let post =
        salon.request("POST", &post_target(&sid), "Content-Type: application/octet-stream\r\n", r#"42["a"]"#);
    assert_eq!(salon.quiet(), [TRANSPORT_ERROR]);
    assert_eq!(salon.response(post), (400, String::new()));
    salon.assert_unknown(&sid);
}

#[test]
fn body_over_the_limit_is_413_from_the_head_and_the_session_lives() {
    let mut salon = Salon::new(config(|limits| limits.message_bytes = 100));
    let sid = salon.guest();
    let target = post_target(&sid);
    let post = salon.connect();
    salon.write(post, format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"));
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(post), (413, String::new()));
    assert!(salon.is_finished(post));
    // In chunks it is seen when it is there.
    let post = salon.connect();
    let chunk = format!("65\r\n{}\r\n", "x".repeat(101));
    salon.write(
        post,
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
    );
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(post).0, 413);
    let exact = format!(r#"42["a","{}"]"#, "x".repeat(100 - 10));
    assert_eq!(exact.len(), 100);
    assert_eq!(salon.posts(&sid, &exact).len(), 1);
}

#[test]
fn body_that_is_no_payload_ends_the_session_at_once() {
    for body in ["", "abc", "7", "\u{1e}", "bA", "b!!!!", "\u{20ac}"] {
        let mut salon = Salon::new(Config::default());
        let sid = salon.guest();
        assert_eq!(salon.posts_and_gets(&sid, body, 400, ""), [PARSE_ERROR], "{body:?}");
        salon.assert_unknown(&sid);
    }
}

#[test]
fn packet_that_is_no_socketio_closes_the_session_in_the_orderly_way() {
    for body in ["4abc", "42{}", "42[\"a\"]x"] {
        let mut salon = Salon::new(Config::default());
        let sid = salon.guest();
        assert_eq!(salon.posts_and_gets(&sid, body, 400, ""), [PARSE_ERROR], "{body:?}");
        assert_eq!(salon.polls(&sid), "6\u{1e}1", "{body:?}");
        salon.assert_unknown(&sid);
    }
    // Bytes that are no text.
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let post = salon.connect();
    let mut bytes = format!("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", post_target(&sid));
    bytes.push('4');
    salon.write(post, [bytes.as_bytes(), &[0xff]].concat());
    assert_eq!(salon.quiet(), [PARSE_ERROR]);
    assert_eq!(salon.response(post), (400, String::new()));
}

#[test]
fn packets_before_the_bad_one_count_and_those_after_do_not() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let payload = "42[\"a\"]\u{1e}9\u{1e}42[\"b\"]";
    assert_eq!(salon.posts_and_gets(&sid, payload, 400, ""), ["#0 says a []", PARSE_ERROR]);
}

#[test]
fn ping_of_a_client_is_the_wrong_direction() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    assert_eq!(salon.posts(&sid, "2"), [TRANSPORT_ERROR]);
    salon.assert_unknown(&sid);
    let gone = r#"gone #1 /: transport error, no code "transport error" []"#;
    assert_eq!(salon.says(websocket, "2probe"), [gone]);
    assert_eq!(salon.hears(websocket), ["close"]);
}

#[test]
fn packets_out_of_place_do_no_harm() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    assert_eq!(salon.posts(&sid, "0\u{1e}3\u{1e}5\u{1e}6\u{1e}42[\"a\"]"), ["#0 says a []"]);
    for packet in ["0{}", "3", "3probe", "5", "6"] {
        assert_eq!(salon.says(websocket, packet), NOTHING);
    }
    assert_eq!(salon.says(websocket, r#"42["a"]"#), ["#1 says a []"]);
}

#[test]
fn packets_behind_a_close_are_dropped() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let poll = salon.parks(&sid);
    assert_eq!(
        salon.posts(&sid, "42[\"a\"]\u{1e}1\u{1e}42[\"b\"]\u{1e}9"),
        ["#0 says a []", TRANSPORT_CLOSE]
    );
    assert_eq!(salon.response(poll), (200, "6".to_owned()));
    salon.assert_unknown(&sid);
    let websocket = salon.websocket_guest();
    salon.write(websocket, [text("1"), text(r#"42["b"]"#)].concat());
    assert_eq!(salon.quiet(), [r#"gone #1 /: transport close, no code "transport close" []"#]);
    assert_eq!(salon.hears(websocket), ["close"]);
}

#[test]
fn payload_of_too_many_packets_is_refused() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    assert_eq!(salon.posts(&sid, &["6"; 4_096].join("\u{1e}")), NOTHING);
    let payload = ["6"; 4_097].join("\u{1e}");
    assert_eq!(salon.posts_and_gets(&sid, &payload, 400, ""), [PARSE_ERROR]);
}

#[test]
fn each_check_of_a_request_has_its_own_answer() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let json = |code: u8, message: &str| format!(r#"{{"code":{code},"message":"{message}"}}"#);
    let (session, unknown) = (format!("&sid={sid}"), "&sid=AAAAAAAAAAAAAAAAAAAA");
    let (polling, eio) = ("transport=polling", "EIO=4&transport=polling");
    for (method, query, answer) in [
        ("GET", String::new(), json(0, "Transport unknown")),
        ("GET", "EIO=4&transport=__proto__".into(), json(0, "Transport unknown")),
        ("GET", format!("{polling}{unknown}"), json(1, "Session ID unknown")),
        ("GET", format!("{polling}&sid=short"), json(1, "Session ID unknown")),
        ("POST", format!("{eio}{unknown}"), json(1, "Session ID unknown")),
        ("POST", eio.into(), json(2, "Bad handshake method")),
        ("PUT", eio.into(), json(2, "Bad handshake method")),
        ("OPTIONS", eio.into(), json(2, "Bad handshake method")),
        ("GET", "EIO=4&transport=websocket".into(), json(3, "Bad request")),
        ("GET", format!("EIO=4&transport=websocket{session}"), json(3, "Bad request")),
        ("PUT", format!("{eio}{session}"), json(3, "Bad request")),
        ("DELETE", format!("{eio}{session}"), json(3, "Bad request")),
        ("GET", polling.into(), json(5, "Unsupported protocol version")),
        ("GET", format!("EIO=3&{polling}"), json(5, "Unsupported protocol version")),
        ("GET", format!("EIO=4&EIO=5&{polling}"), json(5, "Unsupported protocol version")),
    ] {
        let client = salon.request(method, &format!("/socket.io/?{query}"), "", "");
        assert_eq!(salon.quiet(), NOTHING);
        assert_eq!(salon.response(client), (400, answer), "{method} {query}");
    }
    // The session has seen none of it, and its revision is not looked at.
    let client = salon.request("GET", &format!("/socket.io/?t=1&{polling}&EIO=3{session}"), "", "");
    assert_eq!(salon.quiet(), NOTHING);
    salon.emit(&all(), "a", "[]");
    salon.quiet();
    assert_eq!(salon.response(client), (200, r#"42["a"]"#.to_owned()));
}

#[test]
fn unknown_sid_on_a_websocket_is_refused_in_plain_text_and_closed() {
    let mut salon = Salon::new(Config::default());
    for (query, body) in [
        ("EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA", "Session ID unknown"),
        ("EIO=3&transport=websocket", "Unsupported protocol version"),
        ("EIO=4&transport=polling", "Bad request"),
    ] {
        let client = salon.connect();
        salon.write(client, handshake(&format!("/socket.io/?{query}")));
        salon.quiet();
        assert_eq!(salon.response(client), (400, body.to_owned()));
        assert!(salon.is_finished(client));
    }
}

#[test]
fn requests_back_to_back_on_one_connection_are_answered_in_order() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let client = salon.connect();
    let target = post_target(&sid);
    let post = |body: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let get = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    salon.emit(&all(), "one", "[]");
    salon.write(client, [post(r#"42["a"]"#), get.clone(), post(r#"42["b"]"#), get, post("1")].concat());
    assert_eq!(salon.quiet(), ["#0 says a []", "#0 says b []"]);
    // The second poll waits, and with it what is behind.
    salon.emit(&all(), "two", "[]");
    assert_eq!(salon.quiet(), [TRANSPORT_CLOSE]);
    let bodies: Vec<String> = answers(&salon.read(client)).into_iter().map(|(_, _, body)| body).collect();
    assert_eq!(bodies, ["ok", r#"42["one"]"#, "ok", r#"42["two"]"#, "ok"]);
}

#[test]
fn post_in_chunks_cut_anywhere_is_one_payload() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let client = salon.connect();
    let head =
        format!("POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", post_target(&sid));
    let body = "42[\"a\",\"\u{20ac}\"]".as_bytes();
    let mut bytes = head.into_bytes();
    for byte in body {
        bytes.extend_from_slice(b"1\r\n");
        bytes.push(*byte);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    for byte in bytes {
        salon.write(client, [byte]);
    }
    assert_eq!(salon.quiet(), ["#0 says a [\"\u{20ac}\"]"]);
    assert_eq!(salon.response(client), (200, "ok".to_owned()));
}
