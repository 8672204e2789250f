//! Handshakes, guards and namespaces: who comes in, and what happens to what
//! was said at the door.

use super::{wire::*, *};
use crate::{engine::config::Keep, hub::namespace::Subprotocol};

/// A client that waits for the guard of `/`.
fn waiting(lines: &str) -> (Salon, usize) {
    let mut salon = Salon::guarded(Config::default());
    let client = salon.connect();
    salon.write(client, handshake_with("/", lines));
    assert_eq!(salon.quiet(), ["asks #0 /"]);
    (salon, client)
}

/// The subprotocol in the 101 that the client was sent.
fn protocol(salon: &mut Salon, client: usize) -> Option<String> {
    let answer = String::from_utf8_lossy(&salon.read(client)).into_owned();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    let (_, rest) = answer.split_once("Sec-WebSocket-Protocol: ")?;
    Some(rest.split("\r\n").next().unwrap().to_owned())
}

/// The frames behind the 101.
fn frames_behind(bytes: &[u8]) -> Vec<String> {
    let end = bytes.windows(4).position(|at| at == b"\r\n\r\n").unwrap() + 4;
    wire::frames(&bytes[end..])
}

#[test]
fn first_of_the_hosts_subprotocols_that_the_client_offers_is_chosen() {
    for (offered, chosen) in [
        ("", None),
        ("Sec-WebSocket-Protocol: chat, superchat\r\n", Some("superchat")),
        ("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: x\r\n", Some("chat")),
        ("Sec-WebSocket-Protocol: Chat, CHAT\r\n", None),
    ] {
        let mut salon = Salon::new(Config::default());
        let namespace = Namespace::default().subprotocol("superchat").subprotocol("chat");
        salon.engine.open("/", namespace).unwrap();
        let client = salon.connect();
        salon.write(client, handshake_with("/", offered));
        assert_eq!(salon.quiet(), ["connect #0 /"]);
        assert_eq!(salon.engine.subprotocol(salon.sockets[0]), chosen, "{offered:?}");
        assert_eq!(protocol(&mut salon, client).as_deref(), chosen, "{offered:?}");
    }
}

#[test]
fn subprotocol_sets_the_dialect_of_one_connection() {
    let mut salon = Salon::new(Config::default());
    let raw = Subprotocol::new("bytes", Dialect::Raw);
    let namespace = Namespace::default().subprotocol(raw).subprotocol("json");
    salon.engine.open("/", namespace.clone()).unwrap();
    for (offered, greetings) in [("bytes", 0), ("json", 1), ("other", 1)] {
        let client = salon.connect();
        salon.write(client, handshake_with("/", &format!("Sec-WebSocket-Protocol: {offered}\r\n")));
        salon.quiet();
        assert_eq!(frames_behind(&salon.read(client)).len(), greetings, "{offered}");
    }
    // Both are in one room, and each hears in its own way.
    salon.join(0, "both");
    salon.join(1, "both");
    assert_eq!(salon.emit(&rooms(&["both"]), "hello", "[1]"), 2);
    salon.quiet();
    assert_eq!(salon.frames(0), [r#"text ["hello",1]"#]);
    assert_eq!(salon.frames(1), [r#"text {"event":"hello","data":1}"#]);
    // The guard's choice of a subprotocol counts as well, and its word on the
    // dialect more.
    salon.engine.open("/", namespace.guarded()).unwrap();
    for (acceptance, greetings) in [
        (Accept::default().subprotocol("bytes"), 0),
        (Accept::default().subprotocol("bytes").dialect(Dialect::Json), 1),
    ] {
        let client = salon.connect();
        salon.write(client, handshake_with("/", "Sec-WebSocket-Protocol: json, bytes\r\n"));
        salon.quiet();
        salon.accept(salon.sockets.len() - 1, &acceptance).unwrap();
        salon.quiet();
        assert_eq!(frames_behind(&salon.read(client)).len(), greetings);
    }
}

#[test]
fn subprotocol_that_is_demanded_and_not_offered_is_400() {
    let mut salon = Salon::new(Config::default());
    let demanding = Namespace { require_subprotocol: true, ..Namespace::default().subprotocol("chat") };
    salon.engine.open_pattern("/d", demanding).unwrap();
    let client = salon.connect();
    salon.write(client, handshake_with("/dynamic", "Sec-WebSocket-Protocol: x\r\n"));
    assert!(salon.quiet().is_empty());
    assert_eq!(salon.statuses(client), [400]);
    let stats = salon.engine.stats();
    assert_eq!((stats.refused_subprotocol, stats.namespaces), (1, 1));
}

#[test]
fn frames_in_the_same_segment_as_the_handshake_are_heard() {
    let mut salon = Salon::new(Config::default());
    let client = salon.connect();
    let frames = [text(r#"{"event":"hi"}"#), ping("p"), close(1000, "")].concat();
    salon.write(client, [handshake("/"), frames].concat());
    assert_eq!(salon.quiet(), ["connect #0 /", "#0 says hi []", r#"gone #0 /: client left, 1000 "" []"#]);
    let bytes = salon.read(client);
    let frames = wire::frames(bytes.strip_prefix(ACCEPTED.as_bytes()).unwrap());
    assert_eq!(frames.len(), 3, "{frames:?}");
    assert!(frames[0].starts_with(r#"text {"event":"connect","data":{"sid":""#));
    assert_eq!(frames[1..], ["pong p", "close 1000"]);
}

#[test]
fn error_in_the_same_segment_as_the_handshake_comes_after_the_101() {
    let mut salon = Salon::raw(Config::default());
    let client = salon.connect();
    salon.write(client, [handshake("/"), vec![0xff]].concat());
    assert_eq!(
        salon.quiet(),
        ["connect #0 /", r#"gone #0 /: protocol error, 1002 "reserved bit is set" []"#]
    );
    let bytes = salon.read(client);
    let frames = wire::frames(bytes.strip_prefix(ACCEPTED.as_bytes()).unwrap());
    assert_eq!(frames, ["close 1002 reserved bit is set"]);
}

#[test]
fn accept_gives_user_rooms_dialect_and_subprotocol_at_once() {
    let (mut salon, client) = waiting("Sec-WebSocket-Protocol: one, two\r\n");
    salon.engine.open("/", Namespace::default().guarded().subprotocol("one")).unwrap();
    assert!(salon.read(client).is_empty());
    assert_eq!(salon.emit(&all(), "unheard", "[]"), 0);
    let offer = Accept::default().subprotocol("three");
    assert_eq!(kind(salon.accept(0, &offer)), ErrorKind::Invalid);
    let acceptance = Accept::default().user(42).room("a").room("b").dialect(Dialect::Raw).subprotocol("two");
    salon.accept(0, &acceptance).unwrap();
    assert_eq!(kind(salon.accept(0, &acceptance)), ErrorKind::State);
    // It is in at once.
    assert_eq!(salon.emit(&rooms(&["b"]), "hello", "[1]"), 1);
    let socket = salon.socket(0);
    assert_eq!(salon.engine.user(socket).unwrap(), 42);
    assert_eq!(salon.quiet(), ["connect #0 /"]);
    let bytes = salon.read(client);
    let answer = String::from_utf8_lossy(&bytes);
    assert!(answer.contains("Sec-WebSocket-Protocol: two\r\n"), "{answer}");
    assert_eq!(frames_behind(&bytes), [r#"text ["hello",1]"#]);
    salon.write(client, binary(b"\x01"));
    assert_eq!(salon.quiet(), ["#0 sends [1]"]);
}

#[test]
fn accept_with_too_many_rooms_or_bad_names_changes_nothing() {
    let mut salon = Salon::guarded(config(|limits| limits.rooms = 2));
    let client = salon.connect();
    salon.write(client, handshake("/"));
    salon.quiet();
    let three = Accept::default().room("a").room("b").room("c");
    assert_eq!(kind(salon.accept(0, &three)), ErrorKind::Limit);
    let long = "x".repeat(256);
    assert_eq!(kind(salon.accept(0, &Accept::default().room(&long))), ErrorKind::Limit);
    assert_eq!(kind(salon.accept(0, &Accept::default().room("\0"))), ErrorKind::Invalid);
    assert!(salon.quiet().is_empty() && salon.read(client).is_empty());
    salon.accept(0, &Accept::default()).unwrap();
    assert_eq!(salon.quiet(), ["connect #0 /"]);
}

#[test]
fn what_is_said_while_the_guard_thinks_is_kept_and_heard_in_order() {
    let (mut salon, client) = waiting("");
    let say = |number: usize| text(&format!(r#"{{"event":"say","data":{number}}}"#));
    salon.write(client, [say(0), say(1)].concat());
    salon.write(client, [say(2), say(3)[..5].to_vec()].concat());
    assert!(salon.quiet().is_empty());
    salon.after(40_000);
    salon.accept(0, &Accept::default()).unwrap();
    salon.write(client, [say(3)[5..].to_vec(), say(4)].concat());
    let heard: Vec<String> = (0..5).map(|number| format!("#0 says say [{number}]")).collect();
    assert_eq!(salon.quiet(), [vec!["connect #0 /".to_owned()], heard].concat());
}

#[test]
fn who_says_too_much_at_the_door_is_not_read_until_it_is_in() {
    let (mut salon, client) = waiting("");
    let say =
        |number: usize| text(&format!(r#"{{"event":"say","data":[{number},"{}"]}}"#, "x".repeat(30_000)));
    for number in 0..10 {
        salon.write(client, say(number));
    }
    assert!(salon.quiet().is_empty());
    // 64 KiB and the read that passed them.
    assert_eq!(salon.kernel.pipes[client].inbound.len(), 7);
    let key = salon.kernel.pipes[client].key;
    assert!(!salon.engine.wants_bytes(key));
    salon.accept(0, &Accept::default()).unwrap();
    let lines = salon.quiet();
    assert_eq!(lines.len(), 11);
    for (number, line) in lines.iter().skip(1).enumerate() {
        assert!(line.starts_with(&format!("#0 says say [[{number},")), "{number}");
    }
}

#[test]
fn bad_frame_at_the_door_is_a_fault_once_it_is_in() {
    let (mut salon, client) = waiting("");
    salon.write(client, [text(r#"{"event":"a"}"#), vec![0xff; 20]].concat());
    assert!(salon.quiet().is_empty());
    salon.accept(0, &Accept::default()).unwrap();
    let gone = r#"gone #0 /: protocol error, 1002 "reserved bit is set" []"#;
    assert_eq!(salon.quiet(), ["connect #0 /", "#0 says a []", gone]);
    assert!(salon.is_finished(client));
}

#[test]
fn waiting_client_can_do_nothing_and_nothing_can_be_done_with_it() {
    let (mut salon, _) = waiting("");
    let socket = salon.socket(0);
    assert_eq!(kind(salon.tell(|engine| engine.join(socket, "a"))), ErrorKind::State);
    assert_eq!(kind(salon.emit_to(0, "a", "[]")), ErrorKind::State);
    let stats = salon.engine.stats();
    assert_eq!((stats.sockets, stats.sessions, stats.rooms), (0, 1, 0));
}

#[test]
fn path_is_the_namespace_and_dynamic_ones_come_and_go_with_their_clients() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open_pattern("/team-", Namespace::default()).unwrap();
    salon.engine.open_pattern("/team-x", Namespace::default().guarded()).unwrap();
    let (one, two) = (salon.connect(), salon.connect());
    salon.write(one, handshake("/team-%C3%A4?token=1"));
    salon.write(two, handshake("/team-xy"));
    assert_eq!(salon.quiet(), ["connect #0 /team-ä", "asks #1 /team-xy"]);
    salon.join(0, "den");
    let names = |salon: &Salon| salon.engine.hub().namespaces().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&salon), ["/", "/team-ä", "/team-xy"]);
    salon.end(one, End::Eof);
    salon.end(two, End::Eof);
    assert_eq!(salon.quiet().len(), 2);
    assert_eq!(names(&salon), ["/"]);
    for (prefix, wrong) in
        [("no-slash", ErrorKind::Invalid), (&*format!("/{}", "x".repeat(255)), ErrorKind::Limit)]
    {
        assert_eq!(kind(salon.engine.open(prefix, Namespace::default())), wrong);
    }
}

#[test]
fn handshake_is_kept_until_the_poll_after_connect_or_as_long_as_the_socket() {
    for keep in [Keep::Nothing, Keep::All] {
        let mut salon = Salon::new(Config { keep_handshake: keep, ..Config::default() });
        let client = salon.connect();
        salon.write(client, handshake("/?token=7"));
        assert_eq!(salon.turn(), ["connect #0 /"]);
        let socket = salon.socket(0);
        let query = |salon: &Salon| salon.engine.handshake(socket).map(|it| it.raw_query().to_owned());
        assert_eq!(query(&salon).as_deref(), Some("token=7"));
        salon.turn();
        assert_eq!(query(&salon).is_some(), keep == Keep::All);
        salon.end(client, End::Eof);
        assert_eq!(salon.turn().len(), 1);
        salon.turn();
        assert_eq!(query(&salon), None);
    }
}

#[test]
fn events_of_rooms_and_members_come_when_they_are_asked_for() {
    let mut salon = Salon::new(Config { room_events: true, member_events: true, ..Config::default() });
    let client = salon.open();
    salon.join(0, "den");
    salon.join(0, "den");
    assert_eq!(salon.quiet(), ["created / den", "#0 joined den"]);
    salon.leave(0, "den");
    salon.leave(0, "never there");
    assert_eq!(salon.quiet(), ["#0 left den", "deleted / den"]);
    salon.join(0, "bar");
    salon.quiet();
    salon.end(client, End::Eof);
    let gone = r#"gone #0 /: transport close, 1006 "transport close" ["bar"]"#;
    assert_eq!(salon.quiet(), [gone, "#0 left bar", "deleted / bar"]);
}

#[test]
fn client_that_breaks_off_while_it_is_not_read_is_gone_at_once() {
    let (mut salon, client) = waiting("");
    salon.write(client, vec![b'x'; 70_000]);
    salon.write(client, vec![b'x'; 70_000]);
    salon.quiet();
    salon.end(client, End::Reset);
    assert_eq!(salon.turn(), [r#"gone #0 /: transport close, 1006 "transport close" []"#]);
    assert!(salon.is_dropped(client));
}

#[test]
fn client_that_is_let_in_and_sent_away_in_one_breath_sees_both() {
    let (mut salon, client) = waiting("");
    salon.accept(0, &Accept::default().room("den").dialect(Dialect::Raw)).unwrap();
    salon.send(&rooms(&["den"]), "hello");
    salon.disconnect(0, 4000, "goodbye").unwrap();
    assert_eq!(salon.quiet(), ["connect #0 /", r#"gone #0 /: server left, 4000 "goodbye" ["den"]"#]);
    let bytes = salon.read(client);
    let frames = wire::frames(bytes.strip_prefix(ACCEPTED.as_bytes()).unwrap());
    assert_eq!(frames, ["text hello", "close 4000 goodbye"]);
}
