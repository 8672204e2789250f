//! What pages of other origins are told, for each setting of `Origins`
//! (Engine.IO 4, §10).

use super::*;
use crate::engine::config::Origins;

fn salon_with(origins: Origins, credentials: bool) -> Salon {
    Salon::new(Config { origins, credentials, ..Config::default() })
}

/// The status of an answer to a handshake, and its lines about origins.
fn told(salon: &mut Salon, method: &str, lines: &str) -> (u16, Vec<String>) {
    let client = salon.request(method, OPEN, lines, "");
    salon.quiet();
    headers(salon, client)
}

fn headers(salon: &mut Salon, client: usize) -> (u16, Vec<String>) {
    let bytes = salon.read(client);
    let text = String::from_utf8_lossy(&bytes);
    let head = text.split("\r\n\r\n").next().unwrap();
    let about = |line: &&str| line.starts_with("Access-Control-") || line.starts_with("Vary");
    let mut lines: Vec<String> = head.split("\r\n").filter(about).map(str::to_owned).collect();
    lines.sort();
    (head[9..12].parse().unwrap(), lines)
}

const PAGE: &str = "Origin: https://a.example\r\n";
const OTHER: &str = "Origin: https://b.example\r\n";

#[test]
fn without_a_setting_nothing_is_checked_and_nothing_told() {
    let mut salon = salon_with(Origins::Any, false);
    assert_eq!(told(&mut salon, "GET", PAGE), (200, vec![]));
    assert_eq!(told(&mut salon, "OPTIONS", PAGE), (400, vec![]));
}

#[test]
fn all_are_told_so_on_every_answer() {
    let mut salon = salon_with(Origins::All, false);
    let any = vec!["Access-Control-Allow-Origin: *".to_owned()];
    assert_eq!(told(&mut salon, "GET", ""), (200, any.clone()));
    assert_eq!(told(&mut salon, "GET", PAGE), (200, any.clone()));
    assert_eq!(told(&mut salon, "POST", PAGE), (400, any.clone()));
    let sid = salon.guest();
    let post = salon.begin_post(&sid, "3");
    salon.quiet();
    assert_eq!(headers(&mut salon, post), (200, any.clone()));
    let poll = salon.parks(&sid);
    salon.emit(&all(), "a", "[]");
    salon.quiet();
    assert_eq!(headers(&mut salon, poll), (200, any.clone()));
    let post = salon.begin_post(&sid, "abc");
    salon.quiet();
    assert_eq!(headers(&mut salon, post), (400, any.clone()));
    // The 101 and its refusal too.
    for (query, status) in [("EIO=4&transport=websocket", 101), ("transport=websocket", 400)] {
        let client = salon.connect();
        salon.write(client, handshake(&format!("/socket.io/?{query}")));
        salon.quiet();
        assert_eq!(headers(&mut salon, client), (status, any.clone()));
    }
}

#[test]
fn refusals_of_a_body_are_told_to_pages_too() {
    let mut config = config(|limits| limits.message_bytes = 100);
    config.origins = Origins::All;
    let mut salon = Salon::new(config);
    let any = vec!["Access-Control-Allow-Origin: *".to_owned()];
    let sid = salon.guest();
    for body in ["Content-Length: 101\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n65\r\n"] {
        let post = salon.connect();
        salon.write(post, format!("POST {OPEN}&sid={sid} HTTP/1.1\r\nHost: a\r\n{body}"));
        salon.quiet();
        assert_eq!(headers(&mut salon, post), (413, any.clone()), "{body:?}");
    }
}

#[test]
fn with_credentials_the_origin_is_named_and_never_a_star() {
    let mut salon = salon_with(Origins::All, true);
    let named = |origin: &str| {
        vec![
            "Access-Control-Allow-Credentials: true".to_owned(),
            format!("Access-Control-Allow-Origin: {origin}"),
            "Vary: Origin".to_owned(),
        ]
    };
    assert_eq!(told(&mut salon, "GET", PAGE), (200, named("https://a.example")));
    assert_eq!(told(&mut salon, "GET", OTHER), (200, named("https://b.example")));
    assert_eq!(told(&mut salon, "GET", ""), (200, vec!["Vary: Origin".to_owned()]));
}

#[test]
fn only_pages_of_the_list_may_come_in() {
    let list = vec!["https://a.example".to_owned(), "https://c.example".to_owned()];
    let mut salon = salon_with(Origins::List(list), false);
    let vary = "Vary: Origin".to_owned();
    let allowed = vec!["Access-Control-Allow-Origin: https://a.example".to_owned(), vary.clone()];
    assert_eq!(told(&mut salon, "GET", PAGE), (200, allowed));
    assert_eq!(told(&mut salon, "GET", OTHER), (403, vec![vary.clone()]));
    assert_eq!(told(&mut salon, "OPTIONS", OTHER), (403, vec![vary.clone()]));
    // Who names no page is none.
    assert_eq!(told(&mut salon, "GET", ""), (200, vec![vary]));
    // Nor may a page use the session of another.
    let sid = salon.guest();
    let poll = salon.request("GET", &format!("{OPEN}&sid={sid}"), OTHER, "");
    salon.quiet();
    assert_eq!(salon.response(poll), (403, r#"{"code":4,"message":"Forbidden"}"#.to_owned()));
    let client = salon.connect();
    salon.write(client, handshake_with("/socket.io/?EIO=4&transport=websocket", OTHER));
    salon.quiet();
    assert_eq!(salon.response(client), (403, "Forbidden".to_owned()));
}

#[test]
fn pages_of_the_same_host_may_come_in() {
    let mut salon = salon_with(Origins::Same, false);
    let allowed = vec!["Access-Control-Allow-Origin: http://a".to_owned(), "Vary: Origin".to_owned()];
    assert_eq!(told(&mut salon, "GET", "Origin: http://a\r\n"), (200, allowed));
    assert_eq!(told(&mut salon, "GET", PAGE).0, 403);
}

#[test]
fn preflight_is_answered_before_any_other_check() {
    let mut salon = salon_with(Origins::All, false);
    let wanted = format!("{PAGE}Access-Control-Request-Headers: x-custom,x-other\r\n");
    let client = salon.request("OPTIONS", "/socket.io/?transport=none&sid=x", &wanted, "");
    salon.quiet();
    let told = [
        "Access-Control-Allow-Headers: x-custom,x-other",
        "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE",
        "Access-Control-Allow-Origin: *",
        "Vary: Access-Control-Request-Headers",
    ];
    assert_eq!(headers(&mut salon, client), (204, told.map(str::to_owned).to_vec()));
    assert!(!salon.is_finished(client), "the connection may be used again");
}

#[test]
fn list_of_origins_is_matched_as_a_whole_by_polling_and_websockets_alike() {
    let listed = ["https://chat.example", "http://localhost:8080"].map(str::to_owned);
    let origins = [
        ("https://chat.example", true),
        ("http://localhost:8080", true),
        // The scheme's own port is none.
        ("https://chat.example:443", true),
        ("http://chat.example", false),
        ("https://chat.example:8443", false),
        ("https://www.chat.example", false),
        ("https://evilchat.example", false),
        ("https://chat.example.evil", false),
        ("https://chat.exampl", false),
        ("https://chat.example/", false),
        ("http://localhost", false),
        ("null", false),
        ("*", false),
        ("", false),
        // A program that is no browser names none.
        ("-", true),
    ];
    for (origin, may_enter) in origins {
        let mut salon = salon_with(Origins::List(listed.to_vec()), false);
        let line = if origin == "-" { String::new() } else { format!("Origin: {origin}\r\n") };
        let polling = salon.request("GET", OPEN, &line, "");
        let doors = ["/", "/socket.io/?EIO=4&transport=websocket"].map(|path| {
            let client = salon.connect();
            salon.write(client, handshake_with(path, &line));
            client
        });
        salon.quiet();
        let statuses = [polling, doors[0], doors[1]].map(|client| salon.statuses(client)[0]);
        let expected = if may_enter { [200, 101, 101] } else { [403; 3] };
        assert_eq!(statuses, expected, "{origin}");
        let stats = salon.engine.stats();
        assert_eq!(stats.refused_origin, if may_enter { 0 } else { 3 }, "{origin}");
        assert_eq!(stats.refused_malformed, 0);
    }
}
