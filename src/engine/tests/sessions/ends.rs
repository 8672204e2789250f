//! How sessions end from either side, why, and that each socket that was
//! announced is gone exactly once.

use super::*;
use crate::engine::{config::Overflow, reason::Reason};

#[test]
fn host_takes_a_client_out_of_one_namespace_and_the_session_stays() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open("/news", Namespace::default()).unwrap();
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    assert_eq!(salon.posts(&sid, "40/news,"), ["connect #2 /news"]);
    salon.polls(&sid);
    salon.emit_to(2, "last", "[]").unwrap();
    salon.disconnect(2, 1000, "").unwrap();
    salon.disconnect(1, 1000, "").unwrap();
    let gone = [r#"gone #2 /news: server left, no code "" []"#, r#"gone #1 /: server left, no code "" []"#];
    assert_eq!(salon.quiet(), gone);
    assert_eq!(salon.polls(&sid), "42/news,[\"last\"]\u{1e}41/news,");
    assert_eq!(salon.hears(websocket), ["text 41"]);
    assert_eq!(salon.posts(&sid, r#"42["a"]"#), ["#0 says a []"]);
    // Also one that is in no namespace any more may come in again.
    assert_eq!(salon.says(websocket, "40"), ["connect #3 /"]);
}

#[test]
fn host_takes_a_client_out_of_everything_and_closes_its_session() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open("/news", Namespace::default()).unwrap();
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    salon.posts(&sid, "40/news,");
    salon.says(websocket, "40/news,");
    salon.polls(&sid);
    salon.hears(websocket);
    salon.emit(&all(), "last", "[]");
    for number in [2, 3] {
        let socket = salon.socket(number);
        salon.tell(|engine| engine.disconnect_client(socket)).unwrap();
    }
    let lines = salon.quiet();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(salon.hears(websocket), [r#"text 42["last"]"#, "text 41", "text 41/news,", "close"]);
    assert_eq!(salon.polls(&sid), "42[\"last\"]\u{1e}41\u{1e}41/news,");
    assert_eq!(salon.polls(&sid), "6\u{1e}1");
    salon.assert_unknown(&sid);
    assert_eq!(salon.engine.stats().disconnects(Reason::ServerLeft), 4);
}

#[test]
fn waiting_poll_of_a_session_that_the_host_closes_gets_the_last_words_at_once() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let poll = salon.parks(&sid);
    let socket = salon.socket(0);
    salon.tell(|engine| engine.disconnect_client(socket)).unwrap();
    assert_eq!(salon.quiet().len(), 1);
    assert_eq!(salon.response(poll), (200, "41".to_owned()));
    assert_eq!(salon.polls(&sid), "6\u{1e}1");
}

#[test]
fn closed_namespace_dismisses_its_clients() {
    let mut salon = Salon::new(Config::default());
    salon.engine.open("/news", Namespace::default()).unwrap();
    let sid = salon.guest();
    salon.posts(&sid, "40/news,");
    salon.polls(&sid);
    salon.tell(|engine| engine.close_namespace("/news")).unwrap();
    assert_eq!(salon.quiet(), [r#"gone #1 /news: namespace closed, no code "namespace closed" []"#]);
    assert_eq!(salon.polls(&sid), "41/news,");
    assert_eq!(salon.posts(&sid, "40/news,"), NOTHING);
    assert_eq!(salon.polls(&sid), r#"44/news,{"message":"Invalid namespace"}"#);
}

#[test]
fn shutdown_tells_who_waits_and_says_no_disconnect() {
    let mut salon = Salon::new(Config::default());
    let polled = salon.guest();
    let silent = salon.guest();
    let websocket = salon.websocket_guest();
    let poll = salon.parks(&polled);
    salon.tell(|engine| engine.close());
    let lines = salon.quiet();
    let gone = |number: usize| {
        format!(r#"gone #{number} /: server shutting down, no code "server shutting down" []"#)
    };
    assert_eq!(lines[..3], [gone(0), gone(1), gone(2)]);
    assert_eq!(salon.response(poll), (200, "1".to_owned()));
    assert_eq!(salon.hears(websocket), ["close 1001 server shutting down"]);
    assert_eq!(salon.polls(&silent), "6\x1e1");
    salon.assert_unknown(&silent);
    // Nobody comes in any more.
    let client = salon.request("GET", OPEN, "", "");
    salon.quiet();
    assert_eq!(salon.response(client).0, 503);
    for client in 0..salon.kernel.pipes.len() {
        salon.end(client, End::Eof);
    }
    assert_eq!(salon.quiet(), ["stopped"]);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn session_that_nobody_polls_overflows_and_ends() {
    let mut salon = Salon::new(config(|limits| limits.queue_bytes = 1_000));
    salon.engine.open("/news", Namespace::default()).unwrap();
    let sid = salon.guest();
    salon.posts(&sid, "40/news,");
    salon.polls(&sid);
    let large = format!(r#"["{}"]"#, "x".repeat(400));
    assert_eq!(salon.emit(&all(), "a", &large), 1);
    assert_eq!(salon.emit(&all(), "a", &large), 1);
    assert_eq!(salon.emit(&all(), "a", &large), 0);
    let lines = salon.quiet();
    let gone = [
        r#"gone #0 /: slow reader, no code "slow reader" []"#,
        r#"gone #1 /news: slow reader, no code "slow reader" []"#,
    ];
    assert_eq!(lines, gone);
    salon.assert_unknown(&sid);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn poll_that_waits_takes_more_than_the_cap() {
    let mut salon = Salon::new(config(|limits| limits.queue_bytes = 1_000));
    let sid = salon.guest();
    let large = format!(r#"["{}"]"#, "x".repeat(900));
    let poll = salon.parks(&sid);
    for _ in 0..3 {
        assert_eq!(salon.emit(&all(), "a", &large), 1);
    }
    assert_eq!(salon.quiet(), NOTHING);
    salon.response(poll);
    salon.polls(&sid);
}

#[test]
fn session_that_nobody_polls_drops_if_the_host_prefers_that_and_tells_when_it_has_room() {
    let mut config = config(|limits| limits.queue_bytes = 1_000);
    config.overflow = Overflow::Drop;
    let mut salon = Salon::new(config);
    let sid = salon.guest();
    let large = format!(r#"["{}"]"#, "x".repeat(400));
    for queued in [1, 1, 0, 0] {
        assert_eq!(salon.emit(&all(), "a", &large), queued);
    }
    assert_eq!(kind(salon.emit_to(0, "a", &large)), ErrorKind::Backpressure);
    let poll = salon.begin_poll(&sid);
    assert_eq!(salon.quiet(), ["drain #0: 3"]);
    assert_eq!(salon.response(poll).1.split('\u{1e}').count(), 2);
}

#[test]
fn message_over_the_limit_fails_a_websocket_with_1009() {
    let mut salon = Salon::new(config(|limits| limits.message_bytes = 100));
    let websocket = salon.websocket_guest();
    let exact = format!(r#"42["a","{}"]"#, "x".repeat(90));
    assert_eq!(salon.says(websocket, &exact).len(), 1);
    let lines = salon.says(websocket, &format!("{exact} "));
    assert!(lines[0].starts_with("gone #0 /: message too big, 1009"), "{lines:?}");
    assert!(salon.hears(websocket)[0].starts_with("close 1009"));
}

#[test]
fn goodbye_behind_a_bad_packet_is_seen_though_both_come_in_one_read() {
    for last in [close(1000, ""), b"\x81\x80".to_vec()] {
        let mut salon = Salon::new(Config::default());
        let client = salon.websocket_guest();
        salon.write(client, [text("40[1]"), last.clone()].concat());
        assert_eq!(salon.quiet(), [r#"gone #0 /: parse error, no code "parse error" []"#]);
        let whole = last.len() > 2;
        assert_eq!(salon.is_finished(client), whole);
        if !whole {
            salon.write(client, [b"\0\0\0\0".to_vec(), close(1000, "")].concat());
            assert_eq!(salon.quiet(), NOTHING);
            assert!(salon.is_finished(client));
        }
        assert_eq!(salon.frames(client), ["close"]);
    }
}

#[test]
fn reasons_for_which_a_websocket_session_ends() {
    for (bytes, end, line) in [
        (close(1000, ""), None, r#"gone #0 /: transport close, 1000 "transport close" []"#),
        (close(1001, "bye"), None, r#"gone #0 /: transport close, 1001 "transport close" []"#),
        (vec![], Some(End::Eof), r#"gone #0 /: transport close, 1006 "transport close" []"#),
        (vec![], Some(End::Reset), r#"gone #0 /: transport error, 1006 "transport error" []"#),
        (vec![0xff], None, r#"gone #0 /: protocol error, 1002 "protocol error" []"#),
        (frame(true, 1, &[b'4', 0xff]), None, r#"gone #0 /: protocol error, 1007 "protocol error" []"#),
        (text("abc"), None, r#"gone #0 /: parse error, no code "parse error" []"#),
        (text("41"), None, r#"gone #0 /: client left, no code "client left" []"#),
        (text("1"), None, r#"gone #0 /: transport close, no code "transport close" []"#),
    ] {
        let mut salon = Salon::new(Config::default());
        let websocket = salon.websocket_guest();
        if !bytes.is_empty() {
            salon.write(websocket, bytes);
        }
        salon.kernel.pipes[websocket].end = end;
        assert_eq!(salon.quiet(), [line]);
        let _ = salon.disconnect(0, 1000, "");
        salon.end(websocket, End::Eof);
        assert_eq!(salon.after(100_000), NOTHING, "{line}");
        let all: u64 = Reason::ALL.iter().map(|reason| salon.engine.stats().disconnects(*reason)).sum();
        assert_eq!(all, 1);
        assert_eq!(salon.engine.sessions.len(), 0);
    }
}

#[test]
fn unclaimed_sessions_are_bounded_and_young_ones_are_safe() {
    let mut salon = Salon::new(config(|limits| limits.unclaimed_sessions = 2));
    let try_open = |salon: &mut Salon| {
        let client = salon.request("GET", OPEN, "", "");
        salon.quiet();
        salon.response(client).0
    };
    let first = salon.session();
    let second = salon.session();
    assert_eq!(try_open(&mut salon), 503);
    // Who comes back makes room, also behind one who does not.
    assert_eq!(salon.posts(&second, "3"), NOTHING);
    let third = salon.session();
    assert_eq!(try_open(&mut salon), 503);
    salon.after(4_999);
    assert_eq!(try_open(&mut salon), 503);
    salon.after(1);
    let fourth = salon.session();
    salon.assert_unknown(&first);
    assert_eq!(salon.posts(&fourth, "3"), NOTHING);
    salon.session();
    assert_eq!(salon.posts(&third, "3"), NOTHING);
    assert_eq!(salon.posts(&second, "3"), NOTHING);
    // A WebSocket is a client by itself.
    for _ in 0..5 {
        salon.websocket();
    }
}

#[test]
fn memory_of_sessions_on_polling_is_bounded_too() {
    let mut salon = Salon::new(config(|limits| limits.memory_bytes = 1_000_000));
    let small = salon.guest();
    let large = salon.guest();
    salon.posts(&large, r#"452-["a"]"#);
    salon.emit_to(0, "a", "[]").unwrap();
    for _ in 0..3 {
        salon.emit_to(1, "a", &format!(r#"["{}"]"#, "x".repeat(300_000))).unwrap();
    }
    assert_eq!(salon.quiet(), NOTHING);
    salon.emit_to(1, "a", &format!(r#"["{}"]"#, "x".repeat(300_000))).unwrap();
    assert_eq!(salon.quiet(), [r#"gone #1 /: out of memory, no code "out of memory" []"#]);
    salon.assert_unknown(&large);
    assert_eq!(salon.polls(&small), r#"42["a"]"#);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn memory_of_attachments_that_came_in_part_is_bounded_too() {
    let mut salon = Salon::new(config(|limits| limits.memory_bytes = 1_100_000));
    let one = salon.guest();
    let other = salon.guest();
    let attachment = |bytes: usize| format!("b{}", "AAAA".repeat(bytes / 3));
    assert_eq!(salon.posts(&one, &format!("452-[\"a\"]\u{1e}{}", attachment(450_000))), NOTHING);
    assert_eq!(salon.posts(&other, r#"459-["a"]"#), NOTHING);
    for _ in 0..3 {
        assert_eq!(salon.posts(&other, &attachment(180_000)), NOTHING);
    }
    salon.begin_post(&other, &attachment(180_000));
    assert_eq!(salon.quiet(), [r#"gone #1 /: out of memory, no code "out of memory" []"#]);
    salon.assert_unknown(&other);
    assert_eq!(salon.posts(&one, "bAA==").len(), 1);
}
