//! The move to a WebSocket, at every point of a conversation: a client that
//! keeps the rules (after `3probe` it waits until its poll and its post have
//! ended, then it says `5`), a host that talks all the while, and kernels that
//! take a few bytes at a time. Whatever the order of their steps, each message
//! arrives once and in its place.

use proptest::prelude::*;

use super::*;

/// Who does something next. What can't be done at the moment is left out.
#[derive(Clone, Copy, Debug)]
enum Step {
    Emit,
    EmitBinary,
    Poll,
    Post,
    /// The next step of the move: WebSocket, probe, switch.
    Advance,
    Say,
    /// The kernel takes so many more bytes for the connections that are there.
    Room(usize),
    Turn,
    /// The probing WebSocket breaks off; the client tries another later.
    Break(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Polling,
    /// The WebSocket is asked for, has been given, is probing, may switch, is
    /// the transport.
    Asked(usize),
    Given(usize),
    Probing(usize),
    Probed(usize),
    Moved(usize),
}

struct Chat {
    salon: Salon,
    sid: String,
    way: Move,
    poll: Option<usize>,
    post: Option<usize>,
    /// Numbers said so far by each side, and what was heard.
    emitted: usize,
    said: usize,
    heard_by_client: Vec<String>,
    heard_by_host: Vec<String>,
    frames: Vec<u8>,
    /// What new connections may take.
    space: usize,
}

impl Chat {
    fn new() -> Self {
        let mut salon = Salon::new(Config::default());
        let sid = salon.guest();
        Self {
            salon,
            sid,
            way: Move::Polling,
            poll: None,
            post: None,
            emitted: 0,
            said: 0,
            heard_by_client: Vec::new(),
            heard_by_host: Vec::new(),
            frames: Vec::new(),
            space: usize::MAX,
        }
    }

    fn slow(&mut self, client: usize) -> usize {
        let space = self.space;
        self.salon.room(client, space);
        client
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Emit => {
                self.salon.emit(&all(), "n", &format!("[{}]", self.emitted));
                self.emitted += 1;
            }
            Step::EmitBinary => {
                let bytes = self.emitted.to_string();
                self.salon.emit_binary(0, "b", &[bytes.as_bytes()]);
                self.emitted += 1;
            }
            // A client that has been answered by its probe begins no poll.
            Step::Poll if self.poll.is_none() && !matches!(self.way, Move::Probed(_) | Move::Moved(_)) => {
                let client = self.salon.begin_poll(&self.sid.clone());
                self.poll = Some(self.slow(client));
            }
            Step::Post if self.post.is_none() && !matches!(self.way, Move::Probed(_) | Move::Moved(_)) => {
                let payload = format!("42[\"n\",{}]\u{1e}42[\"n\",{}]", self.said, self.said + 1);
                self.said += 2;
                let client = self.salon.begin_post(&self.sid.clone(), &payload);
                self.post = Some(self.slow(client));
            }
            Step::Say => {
                if let Move::Moved(websocket) = self.way {
                    self.salon.write(websocket, text(&format!("42[\"n\",{}]", self.said)));
                    self.said += 1;
                }
            }
            Step::Advance => self.advance(),
            Step::Room(bytes) => {
                self.space = bytes;
                for client in 0..self.salon.kernel.pipes.len() {
                    self.salon.room(client, bytes);
                }
            }
            Step::Turn => {
                let lines = self.salon.turn();
                self.heard_by_host.extend(lines);
            }
            Step::Break(how) => self.break_off(how),
            Step::Poll | Step::Post => {}
        }
        self.look();
    }

    fn advance(&mut self) {
        self.way = match self.way {
            Move::Polling => {
                let client = self.salon.connect();
                let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid);
                self.salon.write(client, handshake(&path));
                self.frames.clear();
                Move::Asked(self.slow(client))
            }
            Move::Given(client) => {
                self.salon.write(client, text("2probe"));
                Move::Probing(client)
            }
            Move::Probed(client) if self.poll.is_none() && self.post.is_none() => {
                self.salon.write(client, text("5"));
                Move::Moved(client)
            }
            way => way,
        };
    }

    fn break_off(&mut self, how: usize) {
        let (Move::Asked(client) | Move::Given(client) | Move::Probing(client) | Move::Probed(client)) =
            self.way
        else {
            return;
        };
        match how % 3 {
            0 => self.salon.end(client, End::Reset),
            1 => self.salon.end(client, End::Eof),
            _ if matches!(self.way, Move::Asked(_)) => return,
            _ => self.salon.write(client, text("nonsense")),
        }
        // The next is asked for only when this is seen to be over.
        self.salon.room(client, usize::MAX);
        let lines = self.salon.quiet();
        self.heard_by_host.extend(lines);
        self.salon.read(client);
        self.way = Move::Polling;
    }

    /// The client reads what has come.
    fn look(&mut self) {
        for waiting in [self.poll, self.post].into_iter().flatten() {
            let bytes = &self.salon.kernel.pipes[waiting].outbound;
            if !is_whole(bytes) {
                continue;
            }
            let (status, body) = self.salon.response(waiting);
            assert_eq!(status, 200, "{body}");
            if self.post == Some(waiting) {
                assert_eq!(body, "ok");
                self.post = None;
            } else {
                self.poll = None;
                self.heard_by_client.extend(body.split('\u{1e}').map(by_polling));
            }
        }
        let (Move::Asked(client) | Move::Probing(client) | Move::Moved(client)) = self.way else { return };
        let bytes = self.salon.read(client);
        self.frames.extend_from_slice(&bytes);
        match self.way {
            Move::Asked(_) if self.frames == ACCEPTED.as_bytes() => {
                self.frames.clear();
                self.way = Move::Given(client);
            }
            Move::Probing(_) if self.frames == b"\x81\x063probe" => {
                self.frames.clear();
                self.way = Move::Probed(client);
            }
            Move::Asked(_) | Move::Probing(_) => {
                assert!(self.frames.len() < 200, "too much before the switch")
            }
            _ => {
                let whole = whole_frames(&self.frames);
                let rest = self.frames.split_off(whole);
                let frames = std::mem::replace(&mut self.frames, rest);
                self.heard_by_client.extend(wire::frames(&frames).iter().map(|frame| by_websocket(frame)));
            }
        }
    }

    /// Everything that is under way arrives, and all of it in its place.
    fn finish(mut self) {
        self.step(Step::Room(usize::MAX));
        for _ in 0..3 {
            let lines = self.salon.quiet();
            self.heard_by_host.extend(lines);
            self.look();
        }
        while !matches!(self.way, Move::Moved(_)) && self.salon.engine.stats().queued_bytes > 0 {
            assert!(self.poll.is_none() || matches!(self.way, Move::Polling), "a poll waits with news there");
            self.step(Step::Poll);
            let lines = self.salon.quiet();
            self.heard_by_host.extend(lines);
            self.look();
            if matches!(self.way, Move::Probed(_)) {
                self.step(Step::Advance);
                let lines = self.salon.quiet();
                self.heard_by_host.extend(lines);
                self.look();
            }
        }
        self.heard_by_client.retain(|packet| packet != "6");
        let said: Vec<String> = (0..self.emitted).map(|number| number.to_string()).collect();
        assert_eq!(numbers(&self.heard_by_client), said, "{:?}", self.heard_by_client);
        let upgrades = self.heard_by_host.iter().filter(|line| *line == "upgraded #0").count();
        assert_eq!(upgrades, usize::from(matches!(self.way, Move::Moved(_))));
        self.heard_by_host.retain(|line| line != "upgraded #0");
        let said: Vec<String> = (0..self.said).map(|number| format!("#0 says n [{number}]")).collect();
        assert_eq!(self.heard_by_host, said);
    }
}

/// The number of each message, from its text or the attachment behind it.
fn numbers(packets: &[String]) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut packets = packets.iter();
    while let Some(packet) = packets.next() {
        match packet.strip_prefix(r#"42["n","#) {
            Some(rest) => numbers.push(rest.trim_end_matches(']').to_owned()),
            None => {
                assert_eq!(packet, r#"451-["b",{"_placeholder":true,"num":0}]"#);
                numbers.push(packets.next().unwrap().strip_prefix("bytes ").unwrap().to_owned());
            }
        }
    }
    numbers
}

fn by_polling(packet: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    match packet.strip_prefix('b') {
        Some(base64) => format!("bytes {}", String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()),
        None => packet.to_owned(),
    }
}

fn by_websocket(frame: &str) -> String {
    match frame.split_once(' ') {
        Some(("text", packet)) => packet.to_owned(),
        Some(("binary", bytes)) => format!("bytes {bytes}"),
        _ => panic!("{frame}"),
    }
}

/// Whether an answer is there to its end.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    body.len() >= length.parse().unwrap()
}

/// How many bytes the whole frames have that come first.
fn whole_frames(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = crate::codec::frame::frame_len(&bytes[at..]) {
        if at + length > bytes.len() {
            break;
        }
        at += length;
    }
    at
}

fn any_step() -> impl Strategy<Value = Step> {
    let space = prop_oneof![0..30usize, 30..400usize, Just(usize::MAX)];
    prop_oneof![
        4 => Just(Step::Emit),
        1 => Just(Step::EmitBinary),
        4 => Just(Step::Poll),
        3 => Just(Step::Post),
        5 => Just(Step::Advance),
        2 => Just(Step::Say),
        3 => space.prop_map(Step::Room),
        8 => Just(Step::Turn),
        1 => any::<usize>().prop_map(Step::Break),
    ]
}

/// All orders of a few steps, with turns between them or none.
#[test]
fn every_order_of_a_short_conversation() {
    fn walk(left: &mut [(Step, usize)], path: &mut Vec<Step>) {
        if left.iter().all(|(_, times)| *times == 0) {
            // After which steps there are turns: none, all, every second or third.
            return [0, !0, 0x55, 0xaa, 0x92].into_iter().for_each(|turns| talk(path, turns));
        }
        for at in 0..left.len() {
            if left[at].1 > 0 {
                left[at].1 -= 1;
                path.push(left[at].0);
                walk(left, path);
                path.pop();
                left[at].1 += 1;
            }
        }
    }
    fn talk(steps: &[Step], turns: usize) {
        let mut chat = Chat::new();
        for (at, step) in steps.iter().enumerate() {
            chat.step(*step);
            if turns >> at & 1 == 1 {
                chat.step(Step::Turn);
                chat.step(Step::Turn);
            }
        }
        chat.finish();
    }
    let mut steps = [(Step::Advance, 3), (Step::Emit, 2), (Step::Poll, 1), (Step::Post, 1)];
    walk(&mut steps, &mut Vec::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 20, ..ProptestConfig::default() })]

    #[test]
    fn no_packet_is_lost_doubled_or_out_of_order(steps in prop::collection::vec(any_step(), 0..60)) {
        let mut chat = Chat::new();
        steps.into_iter().for_each(|step| chat.step(step));
        chat.finish();
    }
}
