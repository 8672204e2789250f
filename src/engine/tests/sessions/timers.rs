//! Every deadline of a session, on the millisecond.

use super::*;

#[test]
fn ping_comes_after_the_interval_and_its_pong_begins_the_next() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    for _ in 0..3 {
        let poll = salon.parks(&sid);
        salon.after(24_999);
        assert!(salon.read(poll).is_empty() && salon.read(websocket).is_empty());
        salon.after(1);
        assert_eq!(salon.response(poll), (200, "2".to_owned()));
        assert_eq!(salon.hears(websocket), ["text 2"]);
        assert_eq!(salon.after(19_999), NOTHING);
        assert_eq!(salon.posts(&sid, "3"), NOTHING);
        assert_eq!(salon.says(websocket, "3"), NOTHING);
    }
}

#[test]
fn session_that_nobody_polls_is_gone_after_interval_and_timeout() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    salon.after(25_000);
    assert_eq!(salon.after(19_999), NOTHING);
    assert_eq!(salon.after(1), [r#"gone #0 /: ping timeout, no code "ping timeout" []"#]);
    salon.assert_unknown(&sid);
}

#[test]
fn poll_that_waits_is_closed_when_no_pong_comes_and_a_websocket_too() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    let poll = salon.parks(&sid);
    salon.after(25_000);
    assert_eq!(salon.response(poll), (200, "2".to_owned()));
    let poll = salon.parks(&sid);
    let gone = [
        r#"gone #0 /: ping timeout, no code "ping timeout" []"#,
        r#"gone #1 /: ping timeout, no code "ping timeout" []"#,
    ];
    assert_eq!(salon.after(20_000), gone);
    assert_eq!(salon.response(poll), (200, "1".to_owned()));
    assert_eq!(salon.hears(websocket), ["text 2", "close"]);
    assert!(salon.is_finished(websocket));
    salon.assert_unknown(&sid);
}

#[test]
fn only_the_pong_stops_the_clock() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    salon.after(25_000);
    salon.after(15_000);
    assert_eq!(salon.posts(&sid, r#"42["a"]"#), ["#0 says a []"]);
    salon.write(websocket, ping("frame"));
    assert_eq!(salon.says(websocket, r#"42["a"]"#), ["#1 says a []"]);
    salon.polls(&sid);
    assert_eq!(salon.after(5_000).len(), 2);
}

#[test]
fn loop_that_wakes_late_does_not_prolong_the_pong_and_one_that_was_held_up_does() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.session();
    // Two milliseconds late: the poll at the deadline comes too late.
    salon.after(25_002);
    salon.after(19_998);
    salon.assert_unknown(&sid);
    let sid = salon.guest();
    // The host was busy for long: the client must have time to answer.
    salon.after(44_999);
    assert_eq!(salon.polls(&sid), "2");
    assert_eq!(salon.after(19_000), NOTHING);
    assert_eq!(salon.posts(&sid, "3"), NOTHING);
    assert_eq!(salon.after(20_000), NOTHING);
}

#[test]
fn client_whose_pong_waits_in_the_kernel_is_not_taken_for_silent_on_a_websocket_or_polling() {
    let mut salon = Salon::new(Config::default());
    let websocket = salon.websocket_guest();
    let polling = salon.guest();
    let silent = [salon.websocket_guest(), salon.websocket_guest()];
    let silent_polling = salon.guest();
    salon.after(25_000);
    assert_eq!(salon.polls(&polling), "2");
    assert_eq!(salon.polls(&silent_polling), "2");
    // The host keeps the loop from reading for a minute; on polling the pong comes
    // on a connection that nobody knows.
    salon.write(websocket, text("3"));
    let post = salon.begin_post(&polling, "3");
    (salon.busy, salon.now) = (true, salon.now + 60_000);
    let mut gone = salon.turn();
    salon.busy = false;
    gone.extend(salon.quiet());
    gone.sort_unstable();
    let line = |number| format!("gone #{number} /: ping timeout, no code \"ping timeout\" []");
    assert_eq!(gone, [2, 3, 4].map(line));
    assert_eq!(salon.response(post), (200, "ok".to_owned()));
    assert!(!salon.is_finished(websocket) && silent.iter().all(|client| salon.is_finished(*client)));
    assert_eq!(salon.after(25_000), NOTHING);
    assert_eq!(salon.polls(&polling), "2");
}

#[test]
fn who_never_stops_writing_does_not_keep_the_silent_for_ever() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let flooding = salon.open();
    salon.after(25_000);
    assert_eq!(salon.polls(&sid), "2");
    // Held up once, and then in time, with something unread at the end of each turn.
    let mut lines = Vec::new();
    salon.now += 30_000;
    for _ in 0..2_500 {
        (0..3).for_each(|_| salon.write(flooding, text("{\"event\":\"a\"}")));
        salon.now += 10;
        let happened = salon.turn();
        lines.extend(happened.into_iter().filter(|line| line.starts_with("gone")));
        if !lines.is_empty() {
            break;
        }
    }
    assert_eq!(lines, [r#"gone #0 /: ping timeout, no code "ping timeout" []"#]);
}

#[test]
fn poll_in_the_moment_of_the_deadline_comes_too_late() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    salon.after(25_000);
    salon.now += 20_000;
    let poll = salon.begin_poll(&sid);
    assert_eq!(salon.quiet(), [r#"gone #0 /: ping timeout, no code "ping timeout" []"#]);
    assert_eq!(salon.response(poll), (400, UNKNOWN.to_owned()));
}

#[test]
fn session_without_a_namespace_is_closed_in_time_and_a_refusal_does_not_count() {
    let mut salon = Salon::new(config(|limits| limits.connect_timeout_ms = 1_000));
    let sid = salon.session();
    let websocket = salon.websocket();
    assert_eq!(salon.posts(&sid, "40/nowhere,"), NOTHING);
    assert_eq!(salon.says(websocket, "40/nowhere,"), NOTHING);
    let refused = r#"44/nowhere,{"message":"Invalid namespace"}"#;
    assert_eq!(salon.polls(&sid), refused);
    let poll = salon.parks(&sid);
    assert_eq!(salon.after(999), NOTHING);
    assert!(salon.read(poll).is_empty());
    assert_eq!(salon.after(1), NOTHING);
    assert_eq!(salon.response(poll), (200, "1".to_owned()));
    assert_eq!(salon.hears(websocket), [format!("text {refused}"), "close".to_owned()]);
    salon.assert_unknown(&sid);
    assert_eq!(salon.engine.stats().refused_timeout, 2);
}

#[test]
fn who_has_once_entered_may_be_in_no_namespace() {
    let mut salon = Salon::new(config(|limits| limits.connect_timeout_ms = 1_000));
    let sid = salon.guest();
    assert_eq!(salon.posts(&sid, "41"), [r#"gone #0 /: client left, no code "client left" []"#]);
    assert_eq!(salon.after(24_000), NOTHING);
    assert_eq!(salon.posts(&sid, "40"), ["connect #1 /"]);
}

#[test]
fn attachments_that_do_not_come_close_the_session() {
    let mut salon = Salon::new(config(|limits| limits.attachment_timeout_ms = 5_000));
    let sid = salon.guest();
    let websocket = salon.websocket_guest();
    let head = r#"452-["a",{"_placeholder":true,"num":0}]"#;
    assert_eq!(salon.posts(&sid, head), NOTHING);
    assert_eq!(salon.says(websocket, head), NOTHING);
    assert!(salon.engine.stats().memory_bytes > 0);
    salon.after(3_000);
    // One of two does not prolong it.
    assert_eq!(salon.posts(&sid, "bAQ=="), NOTHING);
    salon.write(websocket, binary(&[1]));
    assert_eq!(salon.after(1_999), NOTHING);
    let gone = [
        r#"gone #0 /: parse error, no code "parse error" []"#,
        r#"gone #1 /: parse error, no code "parse error" []"#,
    ];
    assert_eq!(salon.after(1), gone);
    assert_eq!(salon.hears(websocket), ["close"]);
    assert_eq!(salon.polls(&sid), "6\u{1e}1");
    salon.assert_unknown(&sid);
    salon.after(10_000);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn attachments_that_have_come_leave_no_deadline() {
    let mut salon = Salon::new(config(|limits| limits.attachment_timeout_ms = 5_000));
    let sid = salon.guest();
    assert_eq!(salon.posts(&sid, r#"451-["a",{"_placeholder":true,"num":0}]"#), NOTHING);
    salon.after(4_999);
    assert_eq!(salon.posts(&sid, "bAQ==").len(), 1);
    assert_eq!(salon.after(10_000), NOTHING);
}

#[test]
fn last_words_wait_for_a_poll_and_not_for_ever() {
    let mut salon = Salon::new(config(|limits| limits.drop_timeout_ms = 5_000));
    let sid = salon.guest();
    salon.posts_and_gets(&sid, "4abc", 400, "");
    salon.after(4_999);
    assert_eq!(salon.polls(&sid), "6\u{1e}1");
    salon.assert_unknown(&sid);
    let sid = salon.guest();
    salon.emit_to(1, "last", "[]").unwrap();
    salon.posts_and_gets(&sid, "4abc", 400, "");
    salon.after(4_999);
    assert_eq!(salon.polls(&sid), r#"42["last"]"#);
    salon.after(1);
    salon.assert_unknown(&sid);
    salon.after(20_000);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn guard_that_stays_silent_is_a_refusal_and_the_session_goes_on() {
    let mut salon = Salon::guarded(config(|limits| limits.connect_timeout_ms = 5_000));
    salon.engine.open("/free", Namespace::default()).unwrap();
    let sid = salon.session();
    assert_eq!(salon.posts(&sid, "40/free,"), ["connect #0 /free"]);
    assert_eq!(salon.posts(&sid, "40"), ["asks #1 /"]);
    let poll = salon.begin_poll(&sid);
    salon.quiet();
    salon.read(poll);
    let poll = salon.parks(&sid);
    assert_eq!(salon.after(4_999), NOTHING);
    assert_eq!(salon.after(1), [r#"gone #1 /: guard timeout, no code "no decision in time" []"#]);
    assert_eq!(salon.response(poll), (200, r#"44{"message":"no decision in time"}"#.to_owned()));
    assert_eq!(salon.posts(&sid, "42/free,[\"a\"]"), ["#0 says a []"]);
    assert_eq!(salon.posts(&sid, "40"), ["asks #2 /"]);
}
