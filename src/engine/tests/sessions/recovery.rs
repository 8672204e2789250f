//! Clients that lost their connection and come back (Socket.IO 5, §8).

use super::*;
use crate::engine::config::{Overflow, Recovery};

fn recovering(change: impl FnOnce(&mut Recovery)) -> Salon {
    let mut recovery = Recovery::default();
    change(&mut recovery);
    Salon::new(config_of(|socketio| socketio.recovery = Some(recovery)))
}

/// What a client remembers.
struct Memory {
    sid: String,
    pid: String,
    offset: Option<String>,
}

impl Memory {
    fn connect(&self, nsp: &str) -> String {
        let offset = self.offset.iter().map(|offset| format!(r#","offset":"{offset}""#)).collect::<String>();
        format!(r#"40{nsp}{{"pid":"{}"{offset}}}"#, self.pid)
    }
}

/// The last argument of an event, if it is a string.
fn offset_of(packet: &str) -> Option<String> {
    packet.ends_with("\"]").then(|| packet.rsplit('"').nth(1).unwrap().to_owned())
}

impl Salon {
    /// A client on a WebSocket in `/`, and what it remembers.
    fn member(&mut self) -> (usize, Memory) {
        let client = self.websocket();
        let number = self.sockets.len();
        assert_eq!(self.says(client, "40"), [format!("connect #{number} /")]);
        let packet = self.frames(client).remove(0);
        let memory = Memory { sid: value_of(&packet, "sid"), pid: value_of(&packet, "pid"), offset: None };
        (client, memory)
    }

    /// What it hears, and remembers.
    fn hears_events(&mut self, client: usize, memory: &mut Memory) -> Vec<String> {
        let frames = self.frames(client);
        for frame in frames.iter().filter(|frame| frame.starts_with("text 42")) {
            memory.offset = offset_of(frame);
        }
        frames
    }

    fn drops(&mut self, client: usize) -> Vec<String> {
        self.end(client, End::Reset);
        self.quiet()
    }

    /// Comes back; the packets that it is sent.
    fn comes_back(&mut self, memory: &Memory) -> (usize, Vec<String>, Vec<String>) {
        let client = self.websocket();
        let lines = self.says(client, &memory.connect(""));
        (client, lines, self.frames(client))
    }
}

fn yes(memory: &Memory) -> String {
    format!(r#"text 40{{"sid":"{}","pid":"{}"}}"#, memory.sid, memory.pid)
}

#[track_caller]
fn assert_fresh(frames: &[String], memory: &Memory) {
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(masked(&frames[0]), r#"text 40{"sid":"*","pid":"*"}"#);
    assert_ne!(value_of(&frames[0], "sid"), memory.sid);
    assert_ne!(value_of(&frames[0], "pid"), memory.pid);
}

#[test]
fn member_that_was_away_is_the_same_with_all_it_missed() {
    let mut salon = recovering(|_| ());
    let (client, mut memory) = salon.member();
    let socket = salon.socket(0);
    salon.engine.set_user(socket, 42).unwrap();
    salon.join(0, "den");
    salon.emit(&all(), "heard", "[]");
    salon.quiet();
    assert!(salon.hears_events(client, &mut memory)[0].starts_with(r#"text 42["heard",""#));
    let gone = r#"gone #0 /: transport error, 1006 "transport error" ["den"]"#;
    assert_eq!(salon.drops(client), [gone]);
    let missed = |number: usize| format!("[{number}]");
    salon.emit(&all(), "all", &missed(1));
    salon.emit(&rooms(&["den"]), "den", &missed(2));
    salon.emit(&rooms(&["other"]), "not", "[]");
    let mut excepted = all();
    excepted.except_rooms.push("den");
    salon.emit(&excepted, "not", "[]");
    let sid = memory.sid.clone();
    salon.emit(&rooms(&[&sid]), "direct", &missed(3));
    salon.tell(|engine| engine.emit(&all(), "not", &Payload::from("[]"), Loudness::Volatile)).unwrap();
    salon
        .tell(|engine| engine.emit(&all(), "bytes", &Payload::binary(&[b"one", b""]), Loudness::Normal))
        .unwrap();
    let (client, lines, frames) = salon.comes_back(&memory);
    assert_eq!(lines, ["connect #1 /"]);
    let told: Vec<&str> = frames.iter().map(|frame| frame.split(",\"").next().unwrap()).collect();
    let events = [r#"text 42["all",1"#, r#"text 42["den",2"#, r#"text 42["direct",3"#];
    assert_eq!(told[..3], events, "{frames:?}");
    assert!(frames[3].starts_with(r#"text 452-["bytes",{"_placeholder":true,"num":0},{"#), "{frames:?}");
    assert_eq!(frames[4..6], ["binary one".to_owned(), "binary ".to_owned()]);
    assert_eq!(frames[6..], [yes(&memory)]);
    // The order of offsets is that of the events.
    let offsets: Vec<u64> = frames[..4]
        .iter()
        .map(|frame| u64::from_str_radix(&offset_of(frame).unwrap(), 16).unwrap())
        .collect();
    assert!(offsets.is_sorted() && offsets[0] > u64::from_str_radix(&memory.offset.unwrap(), 16).unwrap());
    let back = salon.socket(1);
    assert_eq!(salon.engine.user(back).unwrap(), 42);
    assert_eq!(salon.emit(&rooms(&["den"]), "den", "[]"), 1);
    assert_eq!(salon.emit(&rooms(&[&memory.sid]), "sid", "[]"), 1);
    salon.quiet();
    assert_eq!(salon.frames(client).len(), 2);
    assert_eq!(salon.after(121_000), NOTHING, "it is not told as expired");
}

#[test]
fn event_that_was_refused_is_not_replayed() {
    let mut config = config_of(|socketio| socketio.recovery = Some(Recovery::default()));
    (config.overflow, config.limits.queue_bytes) = (Overflow::Drop, 100);
    let mut salon = Salon::new(config);
    let (client, memory) = salon.member();
    salon.room(client, 0);
    assert_eq!(salon.emit_to(0, "kept", "[1]").unwrap(), 1);
    salon.turn();
    let refused = salon.emit_to(0, "refused", &format!("[\"{}\"]", "x".repeat(200)));
    assert_eq!(kind(refused), ErrorKind::Backpressure);
    salon.drops(client);
    let (_, _, frames) = salon.comes_back(&memory);
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert!(frames[0].starts_with(r#"text 42["kept",1,""#), "{frames:?}");
}

#[test]
fn number_set_after_the_loss_is_the_one_that_expires() {
    let mut salon = recovering(|_| ());
    let (client, _) = salon.member();
    salon.drops(client);
    let socket = salon.socket(0);
    salon.tell(|engine| engine.set_user(socket, 7)).unwrap();
    salon.quiet();
    assert_eq!(salon.after(121_000), ["expired #0 7"]);
}

#[test]
fn who_comes_back_with_another_number_gives_the_old_one_back() {
    for set_while_waiting in [false, true] {
        let mut salon = recovering(|_| ());
        salon.engine.open("/", Namespace::default().guarded()).unwrap();
        let client = salon.websocket();
        salon.says(client, "40");
        salon.accept(0, &Accept::default().user(1)).unwrap();
        salon.quiet();
        let packet = salon.frames(client).remove(0);
        let memory = Memory { sid: value_of(&packet, "sid"), pid: value_of(&packet, "pid"), offset: None };
        salon.drops(client);
        let client = salon.websocket();
        assert_eq!(salon.says(client, &memory.connect("")), ["asks #1 /"]);
        let socket = salon.socket(1);
        if set_while_waiting {
            salon.tell(|engine| engine.set_user(socket, 2)).unwrap();
            salon.accept(1, &Accept::default()).unwrap();
        } else {
            salon.accept(1, &Accept::default().user(2)).unwrap();
        }
        assert_eq!(salon.quiet(), ["expired #0 1", "connect #1 /"]);
        assert_eq!(salon.engine.user(socket).unwrap(), 2);
        assert_eq!(salon.after(121_000), NOTHING);
    }
}

#[test]
fn host_is_told_who_is_back_and_that_it_may_be() {
    let mut salon = recovering(|_| ());
    let (client, memory) = salon.member();
    salon.end(client, End::Reset);
    salon.turn();
    let may_return = |turn: &Turn| match turn.records[..] {
        [Record::Disconnect { may_return, .. }] => may_return,
        _ => panic!("{:?}", turn.records),
    };
    assert!(may_return(&salon.events));
    let old = salon.socket(0);
    let client = salon.websocket();
    salon.write(client, text(&memory.connect("")));
    salon.turn();
    assert!(matches!(salon.events.records[..], [Record::Connect { was: Some(was), .. }] if was == old));
    // A goodbye is for good.
    salon.write(client, text("41"));
    salon.turn();
    assert!(!may_return(&salon.events));
}

#[test]
fn who_got_no_event_before_it_dropped_is_recovered_and_misses_nothing() {
    let mut salon = recovering(|_| ());
    salon.emit(&all(), "before", "[]");
    let (client, memory) = salon.member();
    // Said to a client whose connection is dead already.
    salon.room(client, 0);
    salon.emit(&all(), "lost", "[]");
    salon.quiet();
    salon.drops(client);
    salon.emit(&all(), "missed", "[]");
    let (_, _, frames) = salon.comes_back(&memory);
    assert!(frames[0].starts_with(r#"text 42["lost","#) && frames[1].starts_with(r#"text 42["missed","#));
    assert_eq!(frames[2..], [yes(&memory)]);
}

#[test]
fn who_is_back_before_its_old_connection_is_known_dead_takes_its_place() {
    for nsp in ["", "/dynamic,"] {
        let mut salon = recovering(|_| ());
        salon.engine.open_pattern("/dynamic", Namespace::default()).unwrap();
        let shown = if nsp.is_empty() { "/" } else { "/dynamic" };
        let client = salon.websocket();
        salon.says(client, &format!("40{nsp}"));
        let packet = salon.frames(client).remove(0);
        let memory = Memory { sid: value_of(&packet, "sid"), pid: value_of(&packet, "pid"), offset: None };
        let socket = salon.socket(0);
        salon.emit_to(0, "lost", "[]").unwrap();
        salon.quiet();
        salon.read(client);
        let other = salon.websocket();
        let lines = salon.says(other, &memory.connect(nsp));
        let gone = format!(r#"gone #0 {shown}: transport close, no code "transport close" []"#);
        assert_eq!(lines, [gone, format!("connect #1 {shown}")]);
        assert_eq!(salon.hears(client), ["close"]);
        let frames = salon.frames(other);
        assert!(frames[0].starts_with(&format!(r#"text 42{nsp}["lost","#)), "{frames:?}");
        assert!(frames[1].contains(&memory.sid), "{frames:?}");
        assert_ne!(salon.socket(1), socket);
        // It is a whole member.
        assert_eq!(salon.says(other, &format!(r#"42{nsp}["a"]"#)), ["#1 says a []"]);
        assert_eq!(salon.emit_to(1, "b", "[]").unwrap(), 1);
        assert_eq!(salon.says(other, &format!("41{nsp}")).len(), 1);
    }
}

#[test]
fn private_id_of_one_namespace_opens_no_other_and_ends_nobody() {
    let mut salon = recovering(|_| ());
    salon.engine.open("/news", Namespace::default()).unwrap();
    let (client, memory) = salon.member();
    // Its own session must not be ended by it.
    assert_eq!(salon.says(client, &memory.connect("/news,")), ["connect #1 /news"]);
    assert_eq!(salon.hears(client), [r#"text 40/news,{"sid":"*","pid":"*"}"#]);
    assert_eq!(salon.says(client, r#"42["a"]"#), ["#0 says a []"]);
    let other = salon.websocket();
    assert_eq!(salon.says(other, &memory.connect("/news,")), ["connect #2 /news"]);
    assert_eq!(salon.says(client, r#"42["a"]"#), ["#0 says a []"]);
    salon.end(client, End::Reset);
    salon.end(other, End::Reset);
    assert_eq!(salon.quiet().len(), 3);
    assert_eq!(salon.engine.stats().sockets, 0);
}

#[test]
fn three_times_in_a_row() {
    let mut salon = recovering(|_| ());
    let (mut client, mut memory) = salon.member();
    for round in 0..3 {
        salon.drops(client);
        salon.after(60_000);
        salon.emit(&all(), "n", &format!("[{round}]"));
        let (next, lines, frames) = salon.comes_back(&memory);
        assert_eq!(lines, [format!("connect #{} /", round + 1)]);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert!(frames[0].starts_with(&format!(r#"text 42["n",{round},"#)));
        assert_eq!(frames[1], yes(&memory));
        memory.offset = offset_of(&frames[0]);
        client = next;
    }
}

#[test]
fn window_that_is_over_is_told_and_makes_a_new_socket() {
    let mut salon = recovering(|recovery| recovery.window_ms = 5_000);
    let (client, memory) = salon.member();
    let socket = salon.socket(0);
    salon.engine.set_user(socket, 7).unwrap();
    salon.drops(client);
    assert_eq!(salon.after(4_999), NOTHING);
    assert_eq!(salon.after(1), ["expired #0 7"]);
    let (_, _, frames) = salon.comes_back(&memory);
    assert_fresh(&frames, &memory);
}

#[test]
fn events_that_had_to_be_given_up_make_a_new_socket() {
    for change in [|it: &mut Recovery| it.events = 3, |it: &mut Recovery| it.bytes = 1_000] {
        let mut salon = recovering(change);
        let (client, mut memory) = salon.member();
        salon.emit(&all(), "n", "[]");
        salon.quiet();
        salon.hears_events(client, &mut memory);
        salon.drops(client);
        for _ in 0..3 {
            salon.emit(&all(), "n", "[]");
        }
        // Only what it has had is lost so far.
        let (client, _, frames) = salon.comes_back(&memory);
        assert_eq!(frames.len(), 4, "{frames:?}");
        salon.drops(client);
        for _ in 0..5 {
            salon.emit(&all(), "n", "[]");
        }
        let (_, lines, frames) = salon.comes_back(&memory);
        assert_eq!(lines.last().unwrap(), "connect #2 /");
        assert_fresh(&frames, &memory);
    }
}

#[test]
fn too_many_that_are_away_expire_the_oldest() {
    let mut salon = recovering(|recovery| recovery.sockets = 1);
    let (one, memory) = salon.member();
    let (other, kept) = salon.member();
    salon.drops(one);
    let lines = salon.drops(other);
    assert_eq!(lines.last().unwrap(), "expired #0 0");
    let (_, _, frames) = salon.comes_back(&memory);
    assert_fresh(&frames, &memory);
    let (_, _, frames) = salon.comes_back(&kept);
    assert_eq!(frames, [yes(&kept)]);
}

#[test]
fn guard_is_asked_again_and_may_refuse() {
    let mut salon = recovering(|_| ());
    salon.engine.open("/", Namespace::default().guarded()).unwrap();
    let client = salon.websocket();
    salon.says(client, "40");
    salon.accept(0, &Accept::default().user(5)).unwrap();
    salon.quiet();
    let packet = salon.frames(client).remove(0);
    let memory = Memory { sid: value_of(&packet, "sid"), pid: value_of(&packet, "pid"), offset: None };
    salon.drops(client);
    let (client, lines, _) = salon.comes_back(&memory);
    assert_eq!(lines, ["asks #1 /"]);
    salon.emit(&all(), "meanwhile", "[]");
    salon.reject(1, 403, "no").unwrap();
    salon.quiet();
    assert_eq!(salon.frames(client), [r#"text 44{"message":"no"}"#]);
    assert_eq!(salon.says(client, &memory.connect("")), ["asks #2 /"]);
    salon.accept(2, &Accept::default()).unwrap();
    assert_eq!(salon.quiet(), ["connect #2 /"]);
    let frames = salon.frames(client);
    assert!(frames[0].starts_with(r#"text 42["meanwhile","#), "{frames:?}");
    assert_eq!(frames[1..], [yes(&memory)]);
    let back = salon.socket(2);
    assert_eq!(salon.engine.user(back).unwrap(), 5);
}

#[test]
fn events_that_are_given_up_while_the_guard_thinks_make_a_new_socket() {
    let mut salon = recovering(|recovery| recovery.events = 2);
    salon.engine.open("/", Namespace::default().guarded()).unwrap();
    let client = salon.websocket();
    salon.says(client, "40");
    salon.accept(0, &Accept::default()).unwrap();
    salon.quiet();
    let packet = salon.frames(client).remove(0);
    let memory = Memory { sid: value_of(&packet, "sid"), pid: value_of(&packet, "pid"), offset: None };
    salon.drops(client);
    let (client, _, _) = salon.comes_back(&memory);
    for _ in 0..3 {
        salon.emit(&all(), "n", "[]");
    }
    salon.accept(1, &Accept::default()).unwrap();
    salon.quiet();
    assert_fresh(&salon.frames(client), &memory);
}

#[test]
fn goodbyes_and_nonsense_are_for_good() {
    for packet in ["41", "4abc"] {
        let mut salon = recovering(|_| ());
        let (client, memory) = salon.member();
        assert_eq!(salon.says(client, packet).len(), 1);
        let (_, _, frames) = salon.comes_back(&memory);
        assert_fresh(&frames, &memory);
    }
    let mut salon = recovering(|_| ());
    let (_, memory) = salon.member();
    salon.disconnect(0, 1000, "").unwrap();
    salon.quiet();
    let (_, _, frames) = salon.comes_back(&memory);
    assert_fresh(&frames, &memory);
    // A wrong pid or offset, or none at all.
    let (client, memory) = salon.member();
    salon.drops(client);
    for auth in [
        r#"{"pid":"AAAAAAAAAAAAAAAAAAAA"}"#.to_owned(),
        r#"{"pid":7}"#.to_owned(),
        format!(r#"{{"pid":"{}","offset":"x"}}"#, memory.pid),
        format!(r#"{{"pid":"{}","offset":"ffff"}}"#, memory.pid),
    ] {
        let client = salon.websocket();
        salon.says(client, &format!("40{auth}"));
        assert_fresh(&salon.frames(client), &memory);
    }
}

#[test]
fn client_on_polling_is_recovered_onto_a_websocket_and_the_other_way_round() {
    let mut salon = recovering(|_| ());
    let sid = salon.session();
    salon.posts(&sid, "40");
    let packet = salon.polls(&sid);
    let memory = Memory { sid: value_of(&packet, "sid"), pid: value_of(&packet, "pid"), offset: None };
    let poll = salon.parks(&sid);
    salon.end(poll, End::Eof);
    salon.quiet();
    salon.tell(|engine| engine.emit(&all(), "b", &Payload::binary(&[b"x"]), Loudness::Normal)).unwrap();
    let (client, _, frames) = salon.comes_back(&memory);
    assert_eq!((frames.len(), &*frames[1]), (3, "binary x"));
    salon.drops(client);
    let sid = salon.session();
    salon.posts(&sid, &memory.connect(""));
    let packets = salon.polls(&sid);
    let packets: Vec<&str> = packets.split('\u{1e}').collect();
    assert_eq!(packets[1..], ["beA==", yes(&memory).strip_prefix("text ").unwrap()]);
}

#[test]
fn memory_of_what_was_kept_is_given_back() {
    let mut salon = recovering(|recovery| recovery.window_ms = 5_000);
    let (client, _) = salon.member();
    salon.emit(&all(), "n", "[]");
    salon.drops(client);
    salon.after(60_000);
    salon.emit(&all(), "n", "[]");
    salon.quiet();
    assert_eq!(salon.engine.recovery.deadline(), None);
    assert!(salon.engine.recovery.bytes() < 500, "only the newest is there");
}

#[test]
fn what_is_not_for_one_who_is_away_is_not_for_it_when_it_is_back() {
    let mut salon = recovering(|_| ());
    let (client, memory) = salon.member();
    salon.drops(client);
    // Its id is stale by now, and it has not come back.
    salon.turn();
    let to = except(all(), salon.socket(0));
    salon.emit(&to, "mine", "[]");
    let (_, lines, frames) = salon.comes_back(&memory);
    assert_eq!((lines, frames), (vec!["connect #1 /".to_owned()], vec![yes(&memory)]));
}

#[test]
fn nobody_is_back_who_was_dead_for_long_before_it_was_noticed() {
    let mut salon = recovering(|recovery| recovery.events = 1);
    let (client, memory) = salon.member();
    salon.end(client, End::Reset);
    salon.busy = true;
    salon.emit(&all(), "given up", "[]");
    salon.emit(&all(), "kept", "[]");
    // A host that is held up for longer than a heartbeat.
    salon.now += 100_000;
    salon.turn();
    salon.busy = false;
    assert_eq!(salon.quiet(), [r#"gone #0 /: transport error, 1006 "transport error" []"#]);
    let (_, _, frames) = salon.comes_back(&memory);
    assert_fresh(&frames, &memory);
}

#[test]
fn nobody_is_back_whose_events_grew_old_while_the_host_was_held_up() {
    let mut salon = recovering(|_| ());
    let (client, memory) = salon.member();
    salon.end(client, End::Reset);
    salon.busy = true;
    salon.emit(&all(), "grows old", "[]");
    // Older than the window and a heartbeat, with bounds far away.
    salon.now += 200_000;
    salon.emit(&all(), "kept", "[]");
    salon.turn();
    salon.busy = false;
    assert_eq!(salon.quiet(), [r#"gone #0 /: transport error, 1006 "transport error" []"#]);
    let (_, _, frames) = salon.comes_back(&memory);
    assert_fresh(&frames, &memory);
}
