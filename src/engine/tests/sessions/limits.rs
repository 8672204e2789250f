//! Limits at other than their default values: how many sessions, packets of a
//! poll, bytes of a name, depth of JSON.

use super::*;
use crate::base::limits::UNLIMITED;

const PARSE_ERROR: &str = r#"gone #0 /: parse error, no code "parse error" []"#;

impl Salon {
    /// The status of the answer to who wants to begin a session by polling.
    fn opens(&mut self) -> u16 {
        let client = self.request("GET", OPEN, "", "");
        assert_eq!(self.quiet(), NOTHING);
        let (status, body) = self.response(client);
        assert_eq!(body.is_empty(), status != 200);
        assert_eq!(self.is_finished(client), status != 200);
        status
    }

    /// A JSON client that says this: what happens, and what it is told.
    fn told(&mut self, client: usize, message: &str) -> (Vec<String>, Vec<String>) {
        (self.says(client, message), self.hears(client))
    }
}

#[track_caller]
fn assert_limit<T: std::fmt::Debug>(outcome: Result<T>) {
    assert_eq!(kind(outcome), ErrorKind::Limit);
}

#[test]
fn session_over_their_number_that_begins_by_polling_is_503_until_another_goes() {
    let mut salon = Salon::new(config(|limits| limits.sessions = 3));
    let first = salon.guest();
    assert_eq!((salon.opens(), salon.opens(), salon.opens()), (200, 200, 503));
    assert_eq!(salon.engine.stats().sessions, 3);
    // Those that are there go on.
    assert_eq!(salon.posts(&first, r#"42["a"]"#), ["#0 says a []"]);
    // One on a WebSocket is bounded by its connection, and counts.
    let websocket = salon.websocket_guest();
    assert_eq!(salon.opens(), 503);
    let gone = r#"gone #0 /: transport close, no code "transport close" []"#;
    assert_eq!(salon.posts(&first, "1"), [gone]);
    assert_eq!(salon.opens(), 503, "the WebSocket has its place");
    salon.end(websocket, End::Eof);
    assert_eq!(salon.quiet().len(), 1);
    assert_eq!((salon.opens(), salon.opens()), (200, 503));
    // Plain WebSockets are no sessions of Engine.IO.
    salon.open();
    assert_eq!(salon.engine.stats().sockets, 1);
}

#[test]
fn session_that_only_waits_for_its_last_words_to_be_fetched_has_its_place() {
    let mut salon = Salon::new(config(|limits| (limits.sessions, limits.drop_timeout_ms) = (1, 3_000)));
    let sid = salon.guest();
    salon.posts_and_gets(&sid, "4x", 400, "");
    assert_eq!(salon.opens(), 503);
    assert_eq!(salon.after(3_000), NOTHING);
    assert_eq!(salon.opens(), 200);
}

#[test]
fn no_session_and_any_number_of_sessions() {
    let mut salon = Salon::new(config(|limits| limits.sessions = 0));
    assert_eq!(salon.opens(), 503);
    salon.websocket_guest();
    let mut salon = Salon::new(config(|limits| limits.sessions = UNLIMITED));
    (0..100).for_each(|_| assert_eq!(salon.opens(), 200));
}

#[test]
fn poll_gets_so_many_packets_and_the_next_one_the_rest() {
    // None at all would be a poll that is never answered.
    for (most, expected) in [
        (0, vec![1; 10]),
        (1, vec![1; 10]),
        (3, vec![3, 3, 3, 1]),
        (10, vec![10]),
        (11, vec![10]),
        (UNLIMITED, vec![10]),
    ] {
        let mut salon = Salon::new(config(|limits| limits.poll_packets = most));
        let sid = salon.guest();
        for number in 0..10 {
            salon.emit(&all(), "n", &format!("[{number}]"));
        }
        salon.quiet();
        let mut numbers = 0..10;
        for count in expected {
            let payload = salon.polls(&sid);
            let packets: Vec<&str> = payload.split('\u{1e}').collect();
            assert_eq!(packets.len(), count, "{most}");
            for packet in packets {
                assert_eq!(packet, format!(r#"42["n",{}]"#, numbers.next().unwrap()));
            }
        }
        salon.parks(&sid);
    }
}

#[test]
fn attachments_are_packets_of_a_poll_like_others() {
    let mut salon = Salon::new(config(|limits| limits.poll_packets = 2));
    let sid = salon.guest();
    salon.emit_binary(0, "b", &[b"1", b"2", b"3"]);
    salon.emit(&all(), "e", "[]");
    salon.quiet();
    let payloads: Vec<String> = (0..3).map(|_| salon.polls(&sid)).collect();
    assert!(payloads[0].starts_with("453-[") && payloads[0].ends_with("\u{1e}bMQ=="), "{payloads:?}");
    assert_eq!(payloads[1..], ["bMg==\u{1e}bMw==", r#"42["e"]"#]);
}

#[test]
fn name_of_an_event_has_so_many_bytes_in_each_dialect() {
    let new = || Salon::new(config(|limits| limits.name_bytes = 10));
    let fits = ["0123456789", "é€é€", "\\u0061\\u0062cdefghij"];
    let too_long = ["0123456789a", "é€é€a", "\\u0061\\u0062cdefghijk"];
    for (name, other) in fits.iter().zip(too_long) {
        let shown = name.replace("\\u0061\\u0062", "ab");
        let mut salon = new();
        let client = salon.open();
        let (lines, told) = salon.told(client, &format!(r#"{{"event":"{name}"}}"#));
        assert_eq!((lines, told), (vec![format!("#0 says {shown} []")], vec![]));
        let (lines, told) = salon.told(client, &format!(r#"{{"event":"{other}"}}"#));
        assert_eq!(lines, NOTHING);
        assert!(told.len() == 1 && told[0].contains("longer than 10 bytes"), "{told:?}");
        // It is heard on.
        assert_eq!(salon.says(client, r#"{"event":"a"}"#).len(), 1);

        let mut salon = new();
        let client = salon.websocket_guest();
        assert_eq!(salon.says(client, &format!(r#"42["{name}"]"#)), [format!("#0 says {shown} []")]);
        assert_eq!(salon.says(client, &format!(r#"42["{other}"]"#)), [PARSE_ERROR]);
    }
}

#[test]
fn name_of_a_namespace_has_so_many_bytes_in_each_dialect() {
    let mut salon = Salon::new(config(|limits| limits.name_bytes = 10));
    salon.engine.open_pattern("/", Namespace::default()).unwrap();
    for (path, status) in [("/123456789", 101), ("/%C3%A9%C3%A9%C3%A9%C3%A91", 101), ("/1234567890", 404)] {
        let client = salon.connect();
        salon.write(client, handshake(path));
        salon.quiet();
        let answer = salon.read(client);
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{path}");
    }
    let client = salon.websocket();
    assert_eq!(salon.says(client, "40/123456789,").len(), 1);
    assert_eq!(salon.hears(client), [r#"text 40/123456789,{"sid":"*"}"#]);
    // It is not sent back.
    assert_eq!(salon.says(client, "40/1234567890,"), NOTHING);
    assert_eq!(salon.hears(client), [r#"text 44{"message":"Invalid namespace"}"#]);
    assert_eq!(salon.says(client, r#"42/123456789,["a"]"#).len(), 1);
}

#[test]
fn names_that_the_host_gives_have_so_many_bytes() {
    let mut salon = Salon::new(config(|limits| limits.name_bytes = 10));
    salon.open();
    let (fits, too_long) = ("0123456789", "0123456789a");
    assert_eq!(salon.emit_to(0, fits, "[]").unwrap(), 1);
    assert_limit(salon.emit_to(0, too_long, "[]"));
    assert_limit(salon.tell(|engine| engine.emit(&all(), too_long, &Payload::from("[]"), Loudness::Normal)));
    salon.join(0, fits);
    let socket = salon.socket(0);
    assert_limit(salon.tell(|engine| engine.join(socket, too_long)));
    assert_limit(salon.tell(|engine| engine.join_all(&all(), too_long)));
    salon.engine.open("/123456789", Namespace::default().guarded()).unwrap();
    assert_limit(salon.engine.open("/1234567890", Namespace::default()));
    assert_limit(salon.engine.open_pattern("/1234567890", Namespace::default()));
    let client = salon.connect();
    salon.write(client, handshake("/123456789"));
    assert_eq!(salon.quiet(), ["asks #1 /123456789"]);
    assert_limit(salon.accept(1, &Accept::default().room(too_long)));
    salon.accept(1, &Accept::default().room(fits)).unwrap();
    assert_eq!(salon.quiet(), ["connect #1 /123456789"]);
}

#[test]
fn json_is_so_deep_in_each_dialect_and_for_the_host() {
    let new = || Salon::new(config(|limits| limits.json_depth = 3));
    // The array of the arguments, or the object around them, is a level itself.
    for (fits, too_deep) in [("[[1]]", "[[[1]]]"), (r#"{"a":[]}"#, r#"{"a":[{}]}"#), (r#""[[[[""#, "[[{}]]")]
    {
        let mut salon = new();
        let client = salon.open();
        for (message, args) in [
            (format!(r#"{{"event":"a","data":{fits}}}"#), format!("[{fits}]")),
            (r#"{"event":"a","args":[[1],{}]}"#.to_owned(), "[[1],{}]".to_owned()),
        ] {
            assert_eq!(salon.told(client, &message), (vec![format!("#0 says a {args}")], vec![]));
        }
        let (lines, told) = salon.told(client, &format!(r#"{{"event":"a","data":{too_deep}}}"#));
        assert_eq!((lines.len(), told.len()), (0, 1));
        assert!(told[0].contains("exception"), "{told:?}");
        assert_eq!(salon.emit_to(0, "a", &format!("[{fits}]")).unwrap(), 1);
        assert_eq!(kind(salon.emit_to(0, "a", &format!("[{too_deep}]"))), ErrorKind::Invalid);

        let mut salon = new();
        let client = salon.websocket_guest();
        assert_eq!(salon.says(client, &format!(r#"42["a",{fits}]"#)), [format!("#0 says a [{fits}]")]);
        assert_eq!(salon.says(client, &format!(r#"42["a",{too_deep}]"#)), [PARSE_ERROR]);
    }
}

#[test]
fn auth_and_the_data_of_a_rejection_are_so_deep() {
    let mut salon = Salon::new(config(|limits| limits.json_depth = 3));
    salon.engine.open("/", Namespace::default().guarded()).unwrap();
    let client = salon.websocket();
    assert_eq!(salon.says(client, r#"40{"a":[[]]}"#), ["asks #0 /"]);
    let socket = salon.socket(0);
    let mut reject = |data: &str| salon.tell(|engine| engine.reject(socket, 403, "no", Some(data)));
    assert_eq!(kind(reject("[[[[1]]]]")), ErrorKind::Invalid);
    reject("[[[1]]]").unwrap();
    salon.quiet();
    assert_eq!(salon.hears(client), [r#"text 44{"message":"no","data":[[[1]]]}"#]);
    assert_eq!(salon.says(client, r#"40{"a":[[[]]]}"#), NOTHING);
    assert_eq!(salon.hears(client), ["close"]);
}

#[test]
fn json_of_any_depth_is_read_without_the_stack() {
    let mut salon = Salon::new(config(|limits| limits.json_depth = UNLIMITED));
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let client = salon.open();
    let lines = salon.says(client, &format!(r#"{{"event":"a","data":{deep}}}"#));
    assert_eq!(lines, [format!("#0 says a [{deep}]")]);
    let client = salon.websocket_guest();
    assert_eq!(salon.says(client, &format!(r#"42["a",{deep}]"#)), [format!("#1 says a [{deep}]")]);
    assert_eq!(salon.emit(&all(), "a", &format!("[{deep}]")), 2);
}
