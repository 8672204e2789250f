//! Every reason for which a client can be gone: what the event says, what is on
//! the wire, and that there is exactly one event.

use super::{wire::*, *};
use crate::engine::reason::Reason;

/// A client in the rooms `den` and `bar`.
fn inside(config: Config) -> (Salon, usize) {
    let mut salon = Salon::new(config);
    let client = salon.open();
    salon.join(0, "den");
    salon.join(0, "bar");
    (salon, client)
}

/// Nothing more happens to the client's socket, whatever is tried.
fn is_over(salon: &mut Salon, client: usize, reason: Reason) {
    let nothing: [&str; 0] = [];
    let _ = salon.disconnect(0, 1000, "again");
    salon.write(client, [text("late"), close(1000, "late")].concat());
    salon.end(client, End::Eof);
    assert_eq!(salon.quiet(), nothing);
    assert_eq!(salon.after(100_000), nothing);
    assert!(salon.is_dropped(client));
    assert_eq!(salon.engine.stats().disconnects(reason), 1);
    let all: u64 = Reason::ALL.iter().map(|reason| salon.engine.stats().disconnects(*reason)).sum();
    assert_eq!(all, 1);
    assert_eq!(kind(salon.disconnect(0, 1000, "")), ErrorKind::NotFound);
    assert_eq!(salon.engine.stats().rooms, 0);
}

#[test]
fn client_left_with_a_code_or_without_one() {
    for (sent, line, answered) in [
        (close(1000, ""), r#"client left, 1000 """#, "close 1000"),
        (close(4321, "adieu"), r#"client left, 4321 "adieu""#, "close 4321"),
        (frame(true, 8, b""), r#"client left, 1005 """#, "close"),
    ] {
        let (mut salon, client) = inside(Config::default());
        salon.write(client, sent);
        assert_eq!(salon.quiet(), [format!(r#"gone #0 /: {line} ["bar", "den"]"#)]);
        assert_eq!(salon.frames(client), [answered]);
        assert!(salon.is_finished(client));
        is_over(&mut salon, client, Reason::ClientLeft);
    }
}

#[test]
fn transport_close_without_a_goodbye() {
    let (mut salon, client) = inside(Config::default());
    salon.write(client, text(r#"{"event":"last"}"#));
    salon.end(client, End::Eof);
    let gone = r#"gone #0 /: transport close, 1006 "transport close" ["bar", "den"]"#;
    assert_eq!(salon.quiet(), ["#0 says last []", gone]);
    assert!(salon.read(client).is_empty());
    is_over(&mut salon, client, Reason::TransportClose);
}

#[test]
fn transport_error_in_reading_or_writing() {
    for writing in [false, true] {
        let (mut salon, client) = inside(Config::default());
        if writing {
            salon.kernel.pipes[client].broken = true;
            salon.emit(&all(), "hello", "[]");
        } else {
            salon.end(client, End::Reset);
        }
        let gone = r#"gone #0 /: transport error, 1006 "transport error" ["bar", "den"]"#;
        assert_eq!(salon.quiet(), [gone]);
        is_over(&mut salon, client, Reason::TransportError);
    }
}

#[test]
fn ping_timeout() {
    let (mut salon, client) = inside(Config::default());
    salon.after(25_000);
    let gone = r#"gone #0 /: ping timeout, 1006 "ping timeout" ["bar", "den"]"#;
    assert_eq!(salon.after(20_000), [gone]);
    assert_eq!(salon.frames(client), ["ping", "close 1011 ping timeout"]);
    is_over(&mut salon, client, Reason::PingTimeout);
}

#[test]
fn server_left_says_what_was_said_before_and_then_goodbye() {
    let (mut salon, client) = inside(Config::default());
    salon.emit_to(0, "last", "[]").unwrap();
    salon.disconnect(0, 4001, "banned").unwrap();
    // From here on it is in nothing, and what is done with it does nothing.
    assert_eq!(salon.emit_to(0, "late", "[]").unwrap(), 0);
    assert_eq!(salon.emit(&all(), "late", "[]"), 0);
    salon.join(0, "late");
    salon.disconnect(0, 4002, "again").unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /: server left, 4001 "banned" ["bar", "den"]"#]);
    assert_eq!(salon.frames(client), [r#"text {"event":"last","args":[]}"#, "close 4001 banned"]);
    salon.write(client, close(4001, ""));
    salon.quiet();
    assert!(salon.is_finished(client));
    is_over(&mut salon, client, Reason::ServerLeft);
}

#[test]
fn host_cannot_close_with_a_code_that_may_not_be_on_the_wire() {
    let (mut salon, client) = inside(Config::default());
    for code in [0, 999, 1004, 1005, 1006, 1010, 1015, 2999, 5000] {
        assert_eq!(kind(salon.disconnect(0, code, "")), ErrorKind::Invalid);
    }
    assert!(salon.quiet().is_empty() && salon.read(client).is_empty());
}

#[test]
fn namespace_closed() {
    let (mut salon, client) = inside(Config::default());
    salon.tell(|engine| engine.close_namespace("/")).unwrap();
    let gone = r#"gone #0 /: namespace closed, 1001 "namespace closed" ["bar", "den"]"#;
    assert_eq!(salon.quiet(), [gone]);
    assert_eq!(salon.frames(client), ["close 1001 namespace closed"]);
    let late = salon.connect();
    salon.write(late, handshake("/"));
    salon.quiet();
    assert_eq!(salon.statuses(late), [404]);
    is_over(&mut salon, client, Reason::NamespaceClosed);
}

#[test]
fn rejected_at_the_door() {
    let mut salon = Salon::guarded(Config::default());
    let client = salon.connect();
    salon.write(client, handshake("/"));
    salon.quiet();
    assert_eq!(kind(salon.reject(0, 200, "")), ErrorKind::Invalid);
    salon.reject(0, 418, "no coffee here").unwrap();
    salon.reject(0, 500, "twice").unwrap();
    salon.accept(0, &Accept::default()).unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /: rejected, no code "no coffee here" []"#]);
    let answer = String::from_utf8(salon.read(client)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 418 ") && answer.contains("no coffee here"), "{answer}");
    assert!(answer.contains("Connection: close"), "{answer}");
    assert!(salon.is_finished(client));
    is_over(&mut salon, client, Reason::Rejected);
}

#[test]
fn waiting_client_that_is_disconnected_or_shut_out_gets_a_503() {
    type Act = fn(&mut Salon);
    let acts: [(Act, &str); 3] = [
        (|salon| salon.disconnect(0, 1000, "not today").unwrap(), r#"server left, no code "not today""#),
        (
            |salon| salon.tell(|engine| engine.close_namespace("/")).unwrap(),
            r#"namespace closed, no code "namespace closed""#,
        ),
        (|salon| salon.tell(Engine::close), r#"server shutting down, no code "server shutting down""#),
    ];
    for (act, line) in acts {
        let mut salon = Salon::guarded(Config::default());
        let client = salon.connect();
        salon.write(client, handshake("/"));
        salon.quiet();
        act(&mut salon);
        assert_eq!(salon.quiet(), [format!("gone #0 /: {line} []")]);
        assert_eq!(salon.statuses(client), [503]);
        assert!(salon.is_finished(client));
    }
}

#[test]
fn protocol_error_of_many_kinds() {
    for (bytes, code, text) in [
        (vec![0x81, 0x00], 1002, "frame is not masked"),
        (vec![0xc1], 1002, "reserved bit is set"),
        (vec![0x83], 1002, "unknown opcode"),
        (vec![0x09], 1002, "control frame in fragments"),
        (vec![0x89, 0xfe], 1002, "control frame is too long"),
        (vec![0x82, 0xfe, 0, 125], 1002, "length is not in its shortest form"),
        (frame(true, 0, b"x"), 1002, "continuation of no message"),
        ([frame(false, 1, b"x"), binary(b"")].concat(), 1002, "new message inside an unfinished one"),
        (frame(true, 8, b"x"), 1002, "close frame with half a code"),
        (close(1005, ""), 1002, "close code that is not allowed"),
        (frame(true, 1, b"\xff"), 1007, "text is not UTF-8"),
        (frame(false, 1, b"caf\xc3("), 1007, "text is not UTF-8"),
        (frame(true, 8, b"\x03\xe8\xff"), 1007, "text is not UTF-8"),
    ] {
        let (mut salon, client) = inside(Config::default());
        salon.write(client, [bytes, close(1000, "never read")].concat());
        let gone = format!(r#"gone #0 /: protocol error, {code} "{text}" ["bar", "den"]"#);
        assert_eq!(salon.quiet(), [gone]);
        assert_eq!(salon.frames(client), [format!("close {code} {text}")]);
        assert!(salon.is_finished(client));
        is_over(&mut salon, client, Reason::ProtocolError);
    }
}

#[test]
fn message_too_big_by_what_its_header_says() {
    let (mut salon, client) = inside(config(|limits| limits.message_bytes = 100));
    let fits = format!(r#"{{"event":"a","data":"{}"}}"#, "x".repeat(77));
    assert_eq!(fits.len(), 100);
    salon.write(client, text(&fits));
    assert_eq!(salon.quiet().len(), 1);
    salon.write(client, [0x81, 0x80 | 101, 0, 0, 0, 0]);
    let gone = r#"gone #0 /: message too big, 1009 "message too big" ["bar", "den"]"#;
    assert_eq!(salon.quiet(), [gone]);
    assert_eq!(salon.frames(client), ["close 1009 message too big"]);
    is_over(&mut salon, client, Reason::MessageTooBig);
}

#[test]
fn policy_violation_by_too_many_fragments() {
    let (mut salon, client) = inside(config(|limits| limits.message_fragments = 3));
    let piece = |fin, opcode, bytes: &str| frame(fin, opcode, bytes.as_bytes());
    salon.write(
        client,
        [piece(false, 1, r#"{"event""#), piece(false, 0, r#":"#), piece(true, 0, r#""a"}"#)].concat(),
    );
    assert_eq!(salon.quiet(), ["#0 says a []"]);
    salon.write(client, [piece(false, 2, ""), piece(false, 0, ""), piece(false, 0, "")].concat());
    assert!(salon.quiet().is_empty());
    salon.write(client, piece(false, 0, ""));
    let gone = r#"gone #0 /: policy violation, 1008 "too many fragments" ["bar", "den"]"#;
    assert_eq!(salon.quiet(), [gone]);
    assert_eq!(salon.frames(client), ["close 1008 too many fragments"]);
    is_over(&mut salon, client, Reason::PolicyViolation);
}

#[test]
fn slow_reader() {
    let (mut salon, client) = inside(config(|limits| limits.queue_bytes = 1_000));
    salon.room(client, 0);
    salon.emit(&all(), "a", &format!("[\"{}\"]", "x".repeat(900)));
    salon.quiet();
    salon.emit(&all(), "b", &format!("[\"{}\"]", "x".repeat(900)));
    let gone = r#"gone #0 /: slow reader, 1013 "slow reader" ["bar", "den"]"#;
    assert_eq!(salon.quiet(), [gone]);
    salon.room(client, usize::MAX);
    salon.quiet();
    assert_eq!(salon.frames(client), ["close 1013 slow reader"]);
    is_over(&mut salon, client, Reason::SlowReader);
}

#[test]
fn out_of_memory_takes_the_one_who_owes_the_most() {
    let (mut salon, client) = inside(config(|limits| limits.memory_bytes = 100_000));
    let modest = salon.open();
    for client in [client, modest] {
        salon.room(client, 0);
    }
    salon.emit_to(1, "a", &format!("[\"{}\"]", "x".repeat(30_000))).unwrap();
    salon.emit_to(0, "b", &format!("[\"{}\"]", "x".repeat(90_000))).unwrap();
    // Nobody sent a close: the kernel takes nothing from this connection.
    let gone = r#"gone #0 /: out of memory, 1006 "out of memory" ["bar", "den"]"#;
    assert_eq!(salon.quiet(), [gone]);
    assert!(salon.is_dropped(client) && !salon.is_dropped(modest));
    salon.room(modest, usize::MAX);
    salon.quiet();
    assert_eq!(salon.frames(modest).len(), 1);
    is_over(&mut salon, client, Reason::OutOfMemory);
}

#[test]
fn out_of_memory_by_unfinished_messages_says_so() {
    let (mut salon, client) = inside(config(|limits| limits.memory_bytes = 100_000));
    let other = salon.open();
    salon.write(other, frame(false, 1, "y".repeat(20_000).as_bytes()));
    salon.quiet();
    salon.write(client, frame(false, 1, "x".repeat(90_000).as_bytes()));
    let gone = r#"gone #0 /: out of memory, 1013 "out of memory" ["bar", "den"]"#;
    assert_eq!(salon.quiet(), [gone]);
    assert_eq!(salon.frames(client), ["close 1013 out of memory"]);
    assert!(salon.engine.stats().memory_bytes < 70_000);
    assert!(!salon.is_finished(other));
    is_over(&mut salon, client, Reason::OutOfMemory);
}

#[test]
fn shutdown_says_goodbye_to_all_and_is_over_when_they_are_gone() {
    let (mut salon, client) = inside(Config::default());
    let silent = salon.open();
    let newcomer = salon.connect();
    salon.emit(&all(), "last", "[]");
    salon.tell(Engine::close);
    let gone = |number, rooms| {
        format!(r#"gone #{number} /: server shutting down, 1001 "server shutting down" {rooms}"#)
    };
    assert_eq!(salon.quiet(), [gone(0, r#"["bar", "den"]"#), gone(1, "[]")]);
    let expected = [r#"text {"event":"last","args":[]}"#, "close 1001 server shutting down"];
    assert_eq!(salon.frames(client), expected);
    assert_eq!(salon.frames(silent), expected);
    salon.write(client, close(1001, ""));
    salon.end(client, End::Eof);
    salon.end(newcomer, End::Eof);
    assert!(salon.quiet().is_empty());
    assert!(salon.is_dropped(client) && salon.is_dropped(newcomer) && !salon.is_dropped(silent));
    assert_eq!(salon.after(5_000), ["stopped"]);
    assert!(salon.after(60_000).is_empty());
}

#[test]
fn shutdown_of_an_empty_house_is_over_at_once() {
    let mut salon = Salon::new(Config::default());
    salon.tell(Engine::close);
    // Nothing else would wake the loop.
    assert_eq!(salon.due_in(), Some(0));
    assert_eq!(salon.quiet(), ["stopped"]);
    assert_eq!(salon.due_in(), None);
}

#[test]
fn client_that_leaves_while_it_waits_is_gone_once_and_a_late_accept_harms_nobody() {
    for end in [End::Eof, End::Reset] {
        let mut salon = Salon::guarded(Config::default());
        let client = salon.connect();
        salon.write(client, handshake("/"));
        salon.end(client, end);
        let lines = salon.turn();
        assert_eq!(lines, ["asks #0 /"]);
        let reason = if end == End::Eof { "transport close" } else { "transport error" };
        assert_eq!(salon.turn(), [format!("gone #0 /: {reason}, 1006 {reason:?} []")]);
        // In the same turn it is no mistake to let it in, and does nothing.
        salon.accept(0, &Accept::default().room("den")).unwrap();
        salon.join(0, "den");
        assert!(salon.turn().is_empty());
        assert_eq!(kind(salon.accept(0, &Accept::default())), ErrorKind::NotFound);
        assert!(salon.read(client).is_empty());
        assert!(salon.is_dropped(client));
    }
}
