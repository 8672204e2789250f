//! HTTP on a kept connection: statuses, order, bodies, and how it ends.

use super::{wire::*, *};
use crate::engine::config::Origins;

fn served() -> Salon {
    Salon::new(Config { http: true, ..Config::default() })
}

/// What the client is sent as text.
fn answer(salon: &mut Salon, client: usize) -> String {
    String::from_utf8(salon.read(client)).unwrap()
}

const GET: &str = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn malformed_requests_get_their_status_and_the_connection_closes() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9_000));
    let lines = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(100));
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\na: {}\r\n\r\n", "x".repeat(17_000));
    let host = |lines: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    for (request, status) in [
        ("GET / HTTP/1.1\nHost: a\n\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\rx".to_owned(), 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n".to_owned(), 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505),
        (long, 414),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 501),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n".to_owned(), 400),
        (lines, 431),
        (large, 431),
        (host("Content-Length: +1\r\n"), 400),
        (host("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400),
        (host("Transfer-Encoding: gzip\r\n"), 400),
        (host("Transfer-Encoding: gzip, chunked\r\n"), 501),
        (host("Transfer-Encoding: chunked\r\n") + "x", 400),
        (host("Content-Length: 1000001\r\n"), 413),
        (host("Transfer-Encoding: chunked\r\n") + "f4241\r\n", 413),
        (host("Expect: tea\r\n"), 417),
    ] {
        let mut salon = served();
        let client = salon.connect();
        // Nothing behind a fault is read as a request.
        salon.write(client, [request.as_bytes(), GET.as_bytes()].concat());
        assert!(salon.quiet().is_empty(), "{request:?}");
        let answer = answer(&mut salon, client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{request:?}: {answer}");
        assert_eq!(answer.matches("Content-Length: ").count(), 1, "{request:?}: {answer}");
        assert!(salon.is_finished(client));
    }
}

#[test]
fn body_over_the_limit_is_refused_before_a_byte_of_it_has_come() {
    let mut salon = served();
    let client = salon.connect();
    salon.write(
        client,
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000001\r\n\r\n",
    );
    assert!(salon.quiet().is_empty());
    assert_eq!(salon.statuses(client), [413]);
}

#[test]
fn pipelined_requests_are_answered_in_order_one_at_a_time() {
    let mut salon = served();
    let client = salon.connect();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    salon.write(client, [get("/1"), get("/2"), get("/3")].concat());
    salon.write(client, get("/4"));
    for number in 0..4 {
        assert_eq!(salon.quiet(), [format!(r#"GET /{} """#, number + 1)]);
        assert!(salon.quiet().is_empty());
        // The host takes its time; nothing else is looked at.
        salon.after(5_000);
        assert!(salon.respond(number, 200, &format!("answer {number}")));
        assert!(!salon.respond(number, 200, "twice"));
    }
    assert!(salon.quiet().is_empty());
    let text = answer(&mut salon, client);
    let bodies: Vec<&str> = text.split("\r\n\r\n").skip(1).map(|part| &part[..8]).collect();
    assert_eq!(bodies, ["answer 0", "answer 1", "answer 2", "answer 3"]);
    assert!(!salon.is_finished(client));
}

#[test]
fn client_that_asks_on_without_reading_is_not_read_either() {
    let mut salon = Salon::new(Config::default());
    let client = salon.connect();
    salon.room(client, 100);
    for _ in 0..10 {
        salon.write(client, GET.repeat(100));
    }
    salon.quiet();
    assert_eq!(salon.kernel.pipes[client].inbound.len(), 9);
    let queued = salon.engine.stats().queued_bytes;
    assert!(queued < 20_000, "{queued}");
    salon.room(client, usize::MAX);
    salon.quiet();
    assert_eq!(salon.statuses(client), vec![404; 1_000]);
}

#[test]
fn continue_is_said_only_to_those_who_wait_for_it() {
    let post = "POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut salon = served();
    let (polite, hasty) = (salon.connect(), salon.connect());
    salon.write(polite, post);
    salon.write(hasty, format!("{post}he"));
    assert!(salon.quiet().is_empty());
    assert_eq!(answer(&mut salon, polite), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(answer(&mut salon, hasty), "");
    salon.write(polite, "hello");
    salon.write(hasty, "llo");
    assert_eq!(salon.quiet(), [r#"POST /up "hello""#; 2]);
    assert!(salon.respond(0, 204, ""));
    salon.quiet();
    assert_eq!(answer(&mut salon, polite), "HTTP/1.1 204 No Content\r\n\r\n");
}

#[test]
fn chunked_body_arrives_joined_and_the_next_request_behind_it() {
    let mut salon = served();
    let client = salon.connect();
    let head = "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";
    for byte in format!("{head}{body}{GET}").bytes() {
        salon.write(client, [byte]);
    }
    assert_eq!(salon.quiet(), [r#"POST /up "hello""#]);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
    salon.respond(0, 200, "");
    assert_eq!(salon.quiet(), [r#"GET /page """#]);
}

#[test]
fn head_gets_the_head_of_the_answer_alone() {
    let mut salon = served();
    let client = salon.connect();
    salon.write(client, format!("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n{GET}"));
    salon.quiet();
    salon.respond(0, 200, "body");
    assert_eq!(salon.quiet(), [r#"GET /page """#]);
    assert_eq!(answer(&mut salon, client), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    salon.respond(1, 200, "body");
    salon.quiet();
    assert_eq!(answer(&mut salon, client), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
}

#[test]
fn connection_is_kept_as_version_and_header_say() {
    for (head, kept) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
    ] {
        let mut salon = served();
        let client = salon.connect();
        salon.write(client, head);
        salon.quiet();
        salon.respond(0, 200, "");
        salon.quiet();
        let answer = answer(&mut salon, client);
        assert_eq!(answer.contains("Connection: close"), !kept, "{head:?}: {answer}");
        assert_eq!(salon.is_finished(client), !kept, "{head:?}");
    }
}

#[test]
fn client_that_half_closes_behind_its_requests_gets_all_answers() {
    let mut salon = served();
    let client = salon.connect();
    salon.write(client, format!("{GET}{GET}"));
    salon.end(client, End::Eof);
    salon.room(client, 10);
    assert_eq!(salon.quiet(), [r#"GET /page """#]);
    assert!(salon.respond(0, 200, "a body of some length"));
    // While its answer is on its way the next request has to wait.
    assert!(salon.quiet().is_empty());
    salon.room(client, usize::MAX);
    assert_eq!(salon.quiet(), [r#"GET /page """#]);
    salon.room(client, 10);
    assert!(salon.respond(1, 200, "a body of some length"));
    assert!(salon.quiet().is_empty());
    assert!(!salon.is_dropped(client));
    salon.room(client, usize::MAX);
    salon.quiet();
    assert_eq!(salon.statuses(client), [200, 200]);
    assert!(salon.is_dropped(client));
}

#[test]
fn answer_for_a_client_that_is_gone_is_for_nobody() {
    for end in [End::Eof, End::Reset] {
        let mut salon = served();
        let client = salon.connect();
        salon.write(client, GET);
        salon.quiet();
        salon.end(client, end);
        salon.quiet();
        // Half-closed it still listens; broken it does not.
        assert_eq!(salon.respond(0, 200, "late"), end == End::Eof);
        salon.quiet();
        assert!(salon.is_dropped(client));
    }
}

#[test]
fn hosts_mistakes_in_an_answer_are_errors_and_leave_it_open() {
    let mut salon = served();
    let client = salon.connect();
    salon.write(client, GET);
    salon.quiet();
    let request = salon.requests[0];
    for (status, header, body) in [
        (101, ("a", "b"), ""),
        (200, ("a", "b\r\nc: d"), ""),
        (200, ("Connection", "x"), ""),
        (204, ("a", "b"), "x"),
    ] {
        let outcome = salon.tell(|engine| engine.respond(request, status, &[header], body.as_bytes()));
        assert_eq!(kind(outcome), ErrorKind::Invalid);
    }
    assert!(salon.respond(0, 200, ""));
}

#[test]
fn handshakes_that_are_refused_say_why_and_end_the_connection() {
    let version = |version: &str| {
        String::from_utf8(handshake("/")).unwrap().replace("Version: 13", &format!("Version: {version}"))
    };
    let mut limited =
        Salon::new(Config { origins: Origins::List(vec!["https://ok.org".into()]), ..served_config() });
    let requests: [(Vec<u8>, u16); 6] = [
        (handshake("/nowhere"), 404),
        (handshake(&format!("/{}", "x".repeat(255))), 404),
        (handshake_with("/", "Origin: https://evil.org\r\n"), 403),
        (version("8").into_bytes(), 426),
        (handshake_with("/", "Content-Length: 3\r\n"), 400),
        (handshake_with("/", "Sec-WebSocket-Extensions: ;\r\n"), 400),
    ];
    for (request, status) in requests {
        let client = limited.connect();
        limited.write(client, [&request[..], &text("{}"), GET.as_bytes()].concat());
        assert!(limited.quiet().is_empty());
        let answer = String::from_utf8(limited.read(client)).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(answer.contains("Sec-WebSocket-Version: 13"), status == 426, "{answer}");
        assert!(limited.is_finished(client), "{status}");
    }
    for request in [handshake("/"), handshake_with("/", "Origin: https://ok.org\r\n")] {
        let client = limited.connect();
        limited.write(client, request);
        assert_eq!(limited.quiet().len(), 1);
        assert_eq!(limited.statuses(client), [101]);
    }
    let stats = limited.engine.stats();
    assert_eq!((stats.refused_namespace, stats.refused_origin, stats.refused_malformed), (2, 1, 3));
}

fn served_config() -> Config {
    Config { http: true, ..Config::default() }
}

#[test]
fn requests_after_a_shutdown_are_answered_and_closed() {
    let mut salon = served();
    let (asked, asking) = (salon.connect(), salon.connect());
    salon.write(asked, GET);
    salon.write(asking, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    salon.quiet();
    salon.tell(Engine::close);
    salon.quiet();
    assert!(salon.is_finished(asking) && !salon.is_finished(asked));
    assert!(salon.respond(0, 200, "still"));
    salon.quiet();
    let answer = answer(&mut salon, asked);
    assert!(answer.contains("Connection: close"), "{answer}");
    salon.end(asked, End::Eof);
    salon.end(asking, End::Eof);
    assert_eq!(salon.quiet(), ["stopped"]);
}
