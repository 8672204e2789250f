//! The move from polling to WebSocket, step by step (Engine.IO 4, §7).

use super::*;

impl Salon {
    /// A WebSocket for a session on polling, its handshake answered.
    pub(super) fn probe(&mut self, sid: &str) -> usize {
        let client = self.connect();
        self.write(client, handshake(&format!("/socket.io/?EIO=4&transport=websocket&sid={sid}")));
        assert_eq!(self.quiet(), NOTHING);
        let bytes = self.read(client);
        assert_eq!(String::from_utf8_lossy(&bytes), ACCEPTED, "no open packet: the session exists");
        client
    }

    /// The same, and what comes for asking to be let onto it.
    fn refused_probe(&mut self, sid: &str) {
        let client = self.connect();
        self.write(client, handshake(&format!("/socket.io/?EIO=4&transport=websocket&sid={sid}")));
        assert_eq!(self.quiet(), NOTHING);
        assert_eq!(self.response(client), (400, "Bad request".to_owned()));
        assert!(self.is_finished(client));
    }

    /// A session that has moved.
    fn moved(&mut self) -> (String, usize) {
        let sid = self.guest();
        let number = self.sockets.len() - 1;
        let websocket = self.probe(&sid);
        self.says(websocket, "2probe");
        assert_eq!(self.says(websocket, "5"), [format!("upgraded #{number}")]);
        assert_eq!(self.hears(websocket), ["text 3probe"]);
        (sid, websocket)
    }
}

#[test]
fn whole_move() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let poll = salon.parks(&sid);
    let websocket = salon.probe(&sid);
    assert!(salon.read(poll).is_empty(), "until the probe nothing is different");
    for _ in 0..2 {
        assert_eq!(salon.says(websocket, "2probe"), NOTHING);
        assert_eq!(salon.hears(websocket), ["text 3probe"]);
    }
    assert_eq!(salon.response(poll), (200, "6".to_owned()));
    // Messages still go by polling, in both directions, and no poll waits.
    assert_eq!(salon.polls(&sid), "6");
    assert_eq!(salon.posts(&sid, r#"42["a"]"#), ["#0 says a []"]);
    salon.emit(&all(), "one", "[]");
    salon.quiet();
    assert!(salon.hears(websocket).is_empty());
    assert_eq!(salon.polls(&sid), r#"42["one"]"#);
    salon.emit(&all(), "two", "[]");
    assert_eq!(salon.says(websocket, "5"), ["upgraded #0"]);
    assert_eq!(salon.hears(websocket), [r#"text 42["two"]"#]);
    assert_eq!(salon.says(websocket, r#"42["b"]"#), ["#0 says b []"]);
    for client in [salon.begin_poll(&sid), salon.begin_post(&sid, r#"42["c"]"#)] {
        assert_eq!(salon.quiet(), NOTHING);
        assert_eq!(salon.response(client), (400, BAD_REQUEST.to_owned()));
    }
    salon.refused_probe(&sid);
    assert_eq!(salon.says(websocket, r#"42["d"]"#), ["#0 says d []"]);
}

#[test]
fn poll_that_still_waits_at_the_switch_is_let_go_and_loses_nothing() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let poll = salon.parks(&sid);
    let websocket = salon.probe(&sid);
    // Without a probe.
    salon.emit(&all(), "one", "[]");
    salon.write(websocket, text("5"));
    assert_eq!(salon.quiet(), ["upgraded #0"]);
    let (status, body) = salon.response(poll);
    let mut heard = vec![(status, body)];
    heard.extend(salon.hears(websocket).into_iter().map(|frame| (101, frame)));
    let by_poll = vec![(200, r#"42["one"]"#.to_owned())];
    let by_websocket = vec![(200, "6".to_owned()), (101, r#"text 42["one"]"#.to_owned())];
    assert!(heard == by_poll || heard == by_websocket, "{heard:?}");
}

#[test]
fn heartbeat_goes_on_over_the_move_and_the_pong_may_come_by_either_way() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    salon.after(20_000);
    let websocket = salon.probe(&sid);
    salon.says(websocket, "2probe");
    salon.after(5_000);
    assert_eq!(salon.polls(&sid), "2");
    assert_eq!(salon.says(websocket, "5"), ["upgraded #0"]);
    salon.after(19_999);
    salon.says(websocket, "3");
    assert_eq!(salon.after(24_999), NOTHING);
    salon.hears(websocket);
    salon.after(1);
    assert_eq!(salon.hears(websocket), ["text 2"]);
    let gone = r#"gone #0 /: ping timeout, no code "ping timeout" []"#;
    assert_eq!(salon.after(20_000), [gone]);
}

#[test]
fn failing_probe_leaves_polling_alone() {
    type Fail = fn(&mut Salon, usize);
    let ways: [(&str, Fail); 9] = [
        ("eof", |salon, probe| salon.end(probe, End::Eof)),
        ("reset", |salon, probe| salon.end(probe, End::Reset)),
        ("close", |salon, probe| salon.write(probe, close(1000, ""))),
        ("garbage", |salon, probe| salon.write(probe, text("abc"))),
        ("message", |salon, probe| salon.write(probe, text(r#"42["a"]"#))),
        ("other ping", |salon, probe| salon.write(probe, text("2"))),
        ("binary", |salon, probe| salon.write(probe, binary(b"2probe"))),
        ("bad frame", |salon, probe| salon.write(probe, vec![0xff, 0xff])),
        ("silence", |salon, _| salon.now += 10_000),
    ];
    for (name, fail) in ways {
        for is_answered in [false, true] {
            let mut salon = Salon::new(Config::default());
            let sid = salon.guest();
            let probe = salon.probe(&sid);
            if is_answered {
                salon.says(probe, "2probe");
                assert_eq!(salon.polls(&sid), "6");
            }
            salon.refused_probe(&sid);
            fail(&mut salon, probe);
            assert_eq!(salon.quiet(), NOTHING, "{name}");
            assert!(salon.is_finished(probe) || salon.is_dropped(probe), "{name}");
            assert_eq!(salon.posts(&sid, r#"42["a"]"#), ["#0 says a []"], "{name}");
            let poll = salon.parks(&sid);
            salon.emit(&all(), "b", "[]");
            assert_eq!(salon.quiet(), NOTHING);
            assert_eq!(salon.response(poll), (200, r#"42["b"]"#.to_owned()), "{name}");
            // And it may be tried again.
            let probe = salon.probe(&sid);
            salon.says(probe, "2probe");
            assert_eq!(salon.says(probe, "5"), ["upgraded #0"], "{name}");
        }
    }
}

#[test]
fn probe_has_ten_seconds_and_repeating_it_gives_no_more() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let probe = salon.probe(&sid);
    for _ in 0..9 {
        salon.after(1_000);
        salon.says(probe, "2probe");
    }
    salon.after(999);
    assert!(!salon.is_finished(probe));
    salon.after(1);
    assert!(salon.is_finished(probe));
    assert_eq!(salon.hears(probe).last().unwrap(), "close");
    salon.parks(&sid);
}

#[test]
fn session_that_ends_while_probing_takes_its_websocket_along() {
    for payload in ["1", "4abc", "2"] {
        let mut salon = Salon::new(Config::default());
        let sid = salon.guest();
        let probe = salon.probe(&sid);
        salon.says(probe, "2probe");
        salon.begin_post(&sid, payload);
        assert_eq!(salon.quiet().len(), 1);
        assert_eq!(salon.hears(probe), ["text 3probe", "close"]);
        assert!(salon.is_finished(probe));
        assert_eq!(salon.says(probe, "5"), NOTHING);
    }
}

#[test]
fn losing_the_websocket_after_the_move_ends_the_session() {
    let mut salon = Salon::new(Config::default());
    let (sid, websocket) = salon.moved();
    salon.end(websocket, End::Eof);
    assert_eq!(salon.quiet(), [r#"gone #0 /: transport close, 1006 "transport close" []"#]);
    salon.assert_unknown(&sid);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn post_that_is_on_its_way_at_the_switch_is_heard() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.probe(&sid);
    salon.says(websocket, "2probe");
    let post = salon.connect();
    let head = format!("POST {OPEN}&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
    salon.write(post, format!("{head}42[\"a"));
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.says(websocket, "5"), ["upgraded #0"]);
    salon.write(post, *b"\"]");
    assert_eq!(salon.quiet(), ["#0 says a []"]);
    assert_eq!(salon.response(post), (200, "ok".to_owned()));
}

#[test]
fn attachments_may_come_by_two_ways() {
    let mut salon = Salon::new(Config::default());
    let sid = salon.guest();
    let websocket = salon.probe(&sid);
    salon.says(websocket, "2probe");
    assert_eq!(salon.posts(&sid, "452-[\"a\"]\u{1e}bAQ=="), NOTHING);
    assert_eq!(salon.says(websocket, "5"), ["upgraded #0"]);
    salon.write(websocket, binary(&[2]));
    assert_eq!(salon.quiet(), ["#0 says a [] with [[1], [2]]"]);
}

#[test]
fn transports_that_are_switched_off() {
    let mut salon = Salon::new(config_of(|socketio| socketio.upgrade = false));
    let client = salon.request("GET", OPEN, "", "");
    salon.quiet();
    let (_, open) = salon.response(client);
    assert!(open.contains(r#""upgrades":[]"#), "{open}");
    let sid = value_of(&open, "sid");
    salon.posts(&sid, "40");
    salon.refused_probe(&sid);
    let unknown = r#"{"code":0,"message":"Transport unknown"}"#.to_owned();
    let mut salon = Salon::new(config_of(|socketio| socketio.polling = false));
    let client = salon.request("GET", OPEN, "", "");
    salon.quiet();
    assert_eq!(salon.response(client), (400, unknown));
    salon.websocket_guest();
    let mut salon = Salon::new(config_of(|socketio| socketio.websocket = false));
    salon.guest();
    let client = salon.connect();
    salon.write(client, handshake("/socket.io/?EIO=4&transport=websocket"));
    salon.quiet();
    assert_eq!(salon.response(client), (400, "Transport unknown".to_owned()));
}
