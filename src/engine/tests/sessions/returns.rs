//! Who may come back after which end (Socket.IO 5, §8), and when the host hears
//! that one will not.

use super::*;
use crate::engine::config::{Overflow, Recovery};

/// A server whose clients may come back, with other limits.
fn recovering(change: impl FnOnce(&mut Limits)) -> Salon {
    let mut config = config_of(|socketio| socketio.recovery = Some(Recovery::default()));
    change(&mut config.limits);
    Salon::new(config)
}

/// What a client is told in the answer to its CONNECT: its sid, and the id that
/// it may come back with.
fn ids(packet: &str) -> (String, String) {
    (value_of(packet, "sid"), value_of(packet, "pid"))
}

impl Salon {
    /// A client on a WebSocket in `/`, with the host's number 7.
    fn returner(&mut self) -> (usize, (String, String)) {
        let client = self.websocket();
        let number = self.sockets.len();
        assert_eq!(self.says(client, "40"), [format!("connect #{number} /")]);
        let ids = ids(&self.frames(client)[0]);
        let socket = self.socket(number);
        self.engine.set_user(socket, 7).unwrap();
        (client, ids)
    }

    /// The same on polling.
    fn polling_returner(&mut self) -> (String, (String, String)) {
        let sid = self.session();
        let number = self.sockets.len();
        assert_eq!(self.posts(&sid, "40"), [format!("connect #{number} /")]);
        let ids = ids(&self.polls(&sid));
        let socket = self.socket(number);
        self.engine.set_user(socket, 7).unwrap();
        (sid, ids)
    }

    /// Turns until a disconnect: its reason, and whether it may return.
    #[track_caller]
    fn goes(&mut self) -> (String, bool) {
        for _ in 0..1_000 {
            self.turn();
            let gone = self.events.records.iter().find_map(|record| match record {
                Record::Disconnect { reason, may_return, .. } => Some((reason.to_string(), *may_return)),
                _ => None,
            });
            if let Some(gone) = gone {
                self.quiet();
                return gone;
            }
        }
        panic!("nobody goes");
    }

    fn all_hang_up(&mut self) {
        (0..self.kernel.pipes.len()).for_each(|client| self.end(client, End::Eof));
    }

    /// Whether whoever comes with this private id is the same socket as before.
    #[track_caller]
    fn is_back(&mut self, (sid, pid): &(String, String)) -> bool {
        let client = self.websocket();
        let lines = self.says(client, &format!(r#"40{{"pid":"{pid}"}}"#));
        let number = self.sockets.len() - 1;
        assert_eq!(lines, [format!("connect #{number} /")]);
        let answer = self.frames(client).pop().unwrap();
        let is_same = value_of(&answer, "sid") == *sid;
        assert_eq!(value_of(&answer, "pid") == *pid, is_same);
        let socket = self.socket(number);
        assert_eq!(self.engine.user(socket).unwrap(), if is_same { 7 } else { 0 });
        is_same
    }
}

#[test]
fn who_answered_no_ping_may_come_back_over_either_transport() {
    let mut salon = recovering(|_| ());
    let (_, ids) = salon.returner();
    salon.now += 25_000;
    salon.quiet();
    salon.now += 20_000;
    assert_eq!(salon.goes(), ("ping timeout".to_owned(), true));
    assert!(salon.is_back(&ids));
    let mut salon = recovering(|_| ());
    let (sid, ids) = salon.polling_returner();
    salon.now += 25_000;
    salon.quiet();
    salon.now += 20_000;
    assert_eq!(salon.goes(), ("ping timeout".to_owned(), true));
    salon.assert_unknown(&sid);
    assert!(salon.is_back(&ids));
}

#[test]
fn who_broke_the_protocol_may_come_back() {
    type Break = fn(&mut Salon, usize);
    let ways: [(&str, Break); 3] = [
        ("a bad frame", |salon, client| salon.write(client, vec![0xff, 0xff])),
        ("text that is none", |salon, client| salon.write(client, frame(true, 1, b"4\xff"))),
        ("a packet out of place", |salon, client| salon.write(client, text("42/other,[\"a\"]"))),
    ];
    for (name, breaks) in ways {
        let mut salon = recovering(|_| ());
        let (client, ids) = salon.returner();
        breaks(&mut salon, client);
        assert_eq!(salon.goes(), ("protocol error".to_owned(), true), "{name}");
        assert!(salon.is_back(&ids), "{name}");
    }
}

#[test]
fn who_read_too_slowly_may_come_back_and_hears_what_did_not_fit() {
    let mut salon = recovering(|limits| limits.queue_bytes = 1_000);
    let (client, ids) = salon.returner();
    salon.room(client, 0);
    let said = |number: usize| format!("[{number},\"{}\"]", "x".repeat(400));
    for number in 0..3 {
        salon.emit(&all(), "n", &said(number));
        salon.turn();
    }
    // It went in the turn in which the third was said.
    let gone = |record: &Record| matches!(record, Record::Disconnect { may_return: true, .. });
    assert!(salon.events.records.iter().any(gone), "{:?}", salon.events.records);
    assert_eq!(salon.engine.stats().disconnects(crate::engine::reason::Reason::SlowReader), 1);
    let back = salon.websocket();
    salon.says(back, &format!(r#"40{{"pid":"{}"}}"#, ids.1));
    let bytes = salon.read(back);
    let heard: Vec<&str> = split(&bytes).iter().map(|(_, text)| std::str::from_utf8(text).unwrap()).collect();
    let numbers: Vec<String> = heard.iter().take(3).map(|text| text[7..8].to_owned()).collect();
    assert_eq!(numbers, ["0", "1", "2"], "{heard:?}");
    assert_eq!((heard.len(), value_of(heard[3], "sid")), (4, ids.0));
}

#[test]
fn who_read_too_slowly_by_polling_may_come_back() {
    let mut salon = recovering(|limits| limits.queue_bytes = 1_000);
    let (sid, ids) = salon.polling_returner();
    for _ in 0..3 {
        salon.emit(&all(), "n", &format!("[\"{}\"]", "x".repeat(400)));
    }
    assert_eq!(salon.goes(), ("slow reader".to_owned(), true));
    salon.assert_unknown(&sid);
    assert!(salon.is_back(&ids));
}

#[test]
fn messages_that_are_dropped_end_nobody() {
    let mut config = config_of(|socketio| socketio.recovery = Some(Recovery::default()));
    (config.overflow, config.limits.queue_bytes) = (Overflow::Drop, 1_000);
    let mut salon = Salon::new(config);
    let (sid, _) = salon.polling_returner();
    for _ in 0..5 {
        salon.emit(&all(), "n", &format!("[\"{}\"]", "x".repeat(400)));
    }
    assert_eq!(salon.quiet(), NOTHING);
    let poll = salon.begin_poll(&sid);
    assert_eq!(salon.quiet(), ["drain #0: 3"]);
    assert_eq!(salon.response(poll).1.split('\u{1e}').count(), 2);
}

#[test]
fn who_was_sent_away_or_asked_too_much_may_not_come_back() {
    type Part = fn(&mut Salon, usize);
    let ways: [(&str, Part); 7] = [
        ("client left", |salon, client| salon.write(client, text("41"))),
        ("parse error", |salon, client| salon.write(client, text("4x"))),
        ("message too big", |salon, client| salon.write(client, text(&"x".repeat(2_001)))),
        ("policy violation", |salon, client| {
            salon.write(client, [frame(false, 1, b""), frame(false, 0, b""), frame(true, 0, b"")].concat());
        }),
        ("server left", |salon, _| salon.disconnect(0, 1000, "").unwrap()),
        ("server left", |salon, _| {
            let socket = salon.socket(0);
            salon.tell(|engine| engine.disconnect_client(socket)).unwrap();
        }),
        ("namespace closed", |salon, _| {
            salon.tell(|engine| engine.close_namespace("/")).unwrap();
            salon.engine.open("/", Namespace::default()).unwrap();
        }),
    ];
    for (name, part) in ways {
        let mut salon = recovering(|limits| (limits.message_bytes, limits.message_fragments) = (2_000, 2));
        let (client, ids) = salon.returner();
        part(&mut salon, client);
        assert_eq!(salon.goes(), (name.to_owned(), false));
        assert!(!salon.is_back(&ids), "{name}");
        assert_eq!(salon.after(121_000).iter().filter(|line| line.starts_with("expired")).count(), 0);
    }
}

#[test]
fn who_held_the_most_memory_may_not_come_back() {
    let mut salon = recovering(|limits| limits.memory_bytes = 200_000);
    let (client, ids) = salon.returner();
    salon.room(client, 0);
    for _ in 0..4 {
        salon.send(&all(), &"x".repeat(50_000));
    }
    assert_eq!(salon.goes(), ("out of memory".to_owned(), false));
    assert!(!salon.is_back(&ids));
}

#[test]
fn who_was_connected_at_the_shutdown_may_not_come_back() {
    let mut salon = recovering(|_| ());
    let (websocket, _) = salon.returner();
    let (sid, _) = salon.polling_returner();
    let poll = salon.parks(&sid);
    salon.tell(|engine| engine.close());
    salon.turn();
    let told: Vec<(String, bool)> = salon
        .events
        .records
        .iter()
        .map(|record| match record {
            Record::Disconnect { reason, may_return, .. } => (reason.to_string(), *may_return),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, vec![("server shutting down".to_owned(), false); 2]);
    assert_eq!(salon.hears(websocket), ["close 1001 server shutting down"]);
    assert_eq!(salon.response(poll), (200, "1".to_owned()));
    salon.all_hang_up();
    // No `Expired` comes: the disconnect was the last that the host hears.
    assert_eq!(salon.quiet(), ["stopped"]);
    assert!(salon.engine.recovery.has_nobody());
}

#[test]
fn who_is_away_at_the_shutdown_has_expired_before_the_end() {
    let mut salon = recovering(|_| ());
    let (first, _) = salon.returner();
    let (sid, _) = salon.polling_returner();
    let poll = salon.parks(&sid);
    let (back, ids) = salon.returner();
    let (stays, _) = salon.returner();
    for client in [first, poll, back] {
        salon.end(client, End::Reset);
        assert_eq!(salon.quiet().len(), 1);
    }
    // Who has come back is away no more.
    assert!(salon.is_back(&ids));
    salon.now += 1_000;
    salon.tell(|engine| engine.close());
    let mut lines = salon.turn();
    let goodbyes: Vec<String> = lines.extract_if(.., |line| line.starts_with("gone ")).collect();
    assert_eq!(goodbyes.len(), 2, "{goodbyes:?}");
    assert_eq!(lines, ["expired #0 7", "expired #1 7"]);
    assert_eq!(salon.hears(stays), ["close 1001 server shutting down"]);
    salon.all_hang_up();
    assert_eq!(salon.quiet(), ["stopped"]);
    assert!(salon.engine.recovery.has_nobody());
    assert_eq!(salon.after(121_000), NOTHING, "nobody is told twice");
}

#[test]
fn who_is_away_at_a_shutdown_within_a_grace_has_expired_too() {
    let mut salon = recovering(|_| ());
    let (client, _) = salon.returner();
    salon.end(client, End::Reset);
    salon.quiet();
    salon.tell(|engine| engine.close_within(std::time::Duration::ZERO));
    assert_eq!(salon.quiet(), ["expired #0 7", "stopped"]);
}
