//! Clients that behave: of every dialect and transport, over a network that
//! takes its time and breaks. Each knows what it was told and what it said, so
//! that what comes can be judged. They say numbers (`~7~`), hear numbers, ask
//! and answer, move from polling to WebSocket, lose their connections and come
//! back. Those of Socket.IO may join a second namespace, in which they only listen.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{chaos::Dice, ledger::Ledger, network::Network, wire::*, *};

const PATH: &str = "/socket.io/?EIO=4&transport=";
/// Packets in one post; the server's limit here is 8.
const POSTED: usize = 4;
/// A kept connection is used again for so long; the server keeps it longer.
const KEPT_MS: Millis = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Json,
    Raw,
    /// Socket.IO on a WebSocket from the start.
    WebSocket,
    Polling,
    /// From polling to WebSocket as soon as it can.
    Moving,
}

/// How far the move to a WebSocket has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Move {
    #[default]
    No,
    Probing(usize),
    Probed(usize),
}

/// A second namespace of a client, as long as its session lives.
#[derive(Debug)]
pub(super) struct Second {
    nsp: &'static str,
    pub(super) number: Option<usize>,
    pub(super) is_in: bool,
}

/// One client of the crowd.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) speaks: Speaks,
    pub(super) nsp: &'static str,
    address: std::net::SocketAddr,
    pub(super) second: Option<Second>,
    /// It reads only now and then.
    slow: bool,
    pub(super) ws: Option<usize>,
    moving: Move,
    poll: Option<usize>,
    post: Option<usize>,
    kept: Option<(usize, Millis)>,
    /// The server is being asked for a session.
    knocks: bool,
    /// The Engine.IO session.
    pub(super) sid: Option<String>,
    /// What it needs to come back: the private id and the last offset.
    pid: Option<String>,
    offset: Option<String>,
    /// The offset of an event whose attachment is still to come.
    coming: Option<String>,
    /// An attachment that comes is for the second namespace.
    comes_to_second: bool,
    /// What has arrived and is not understood yet, by connection; whether the
    /// head of a WebSocket is behind it.
    inbox: BTreeMap<usize, (bool, Vec<u8>)>,
    outbox: Vec<String>,
    /// The socket that the host sees. It is in when it was told so.
    pub(super) number: Option<usize>,
    is_in: bool,
    pub(super) said: usize,
    /// Questions that the host has not answered.
    pub(super) asked: BTreeSet<u64>,
    next_id: u64,
    back_at: Millis,
    /// It left by itself, and all that it said must have been heard.
    pub(super) said_all: Option<usize>,
}

/// What a client needs to act.
pub(super) struct Around<'a> {
    pub(super) salon: &'a mut Salon,
    pub(super) network: &'a mut Network,
    pub(super) dice: &'a mut Dice,
    pub(super) ledger: &'a mut Ledger,
    /// Whose connection it is.
    pub(super) pipes: &'a mut BTreeMap<usize, usize>,
    pub(super) me: usize,
    pub(super) may_miss: bool,
}

impl Around<'_> {
    fn connect(&mut self, slow: bool, address: std::net::SocketAddr) -> usize {
        self.salon.from = Some(address);
        let pipe = self.salon.connect();
        self.pipes.insert(pipe, self.me);
        if slow {
            self.salon.room(pipe, 4_000);
        }
        if self.dice.one_in(8) {
            self.salon.kernel.pipes[pipe].at_once = 1 + self.dice.below(400);
        }
        pipe
    }

    fn up(&mut self, pipe: usize, bytes: Vec<u8>) {
        self.network.up(pipe, bytes, self.salon.now, self.dice);
    }

    fn end(&mut self, pipe: usize) {
        self.network.end(pipe, End::Eof, self.salon.now, self.dice);
    }
}

impl Guest {
    pub(super) fn new(dice: &mut Dice, address: std::net::SocketAddr) -> Self {
        let (speaks, nsp) = dice
            .pick(&[
                (Speaks::Json, "/"),
                (Speaks::Json, "/door"),
                (Speaks::Raw, "/team-1"),
                (Speaks::Raw, "/team-2"),
                (Speaks::WebSocket, "/"),
                (Speaks::WebSocket, "/team-1"),
                (Speaks::Polling, "/"),
                (Speaks::Polling, "/team-2"),
                (Speaks::Moving, "/"),
                (Speaks::Moving, "/door"),
                (Speaks::Moving, "/team-1"),
            ])
            .unwrap();
        Self {
            speaks,
            nsp,
            address,
            second: None,
            slow: dice.one_in(6),
            ws: None,
            moving: Move::No,
            poll: None,
            post: None,
            kept: None,
            knocks: false,
            sid: None,
            pid: None,
            offset: None,
            coming: None,
            comes_to_second: false,
            inbox: BTreeMap::new(),
            outbox: Vec::new(),
            number: None,
            is_in: false,
            said: 0,
            asked: BTreeSet::new(),
            next_id: 0,
            back_at: 0,
            said_all: None,
        }
    }

    fn is_socketio(&self) -> bool {
        !matches!(self.speaks, Speaks::Json | Speaks::Raw)
    }

    fn is_away(&self) -> bool {
        self.ws.is_none() && self.sid.is_none() && !self.knocks
    }

    /// The host has been told that one of its sockets is in a namespace.
    pub(super) fn enter(&mut self, number: usize, nsp: &str) {
        match &mut self.second {
            Some(second) if second.nsp == nsp => second.number = Some(number),
            _ => self.number = Some(number),
        }
    }

    /// Whether it is where the host thinks, and means to stay.
    pub(super) fn is_hearing(&self) -> bool {
        self.is_in && self.said_all.is_none()
    }

    /// The namespace as it stands in packets.
    fn nsp_in_packets(&self) -> String {
        if self.nsp == "/" { String::new() } else { format!("{},", self.nsp) }
    }

    // What it does by itself.

    pub(super) fn act(&mut self, around: &mut Around<'_>) {
        if self.is_away() {
            if around.salon.now >= self.back_at {
                self.knock(around);
            }
            return;
        }
        match around.dice.below(40) {
            0 => self.lose(around),
            1 => self.leave(around),
            2..7 => self.ask(around),
            7..10 => self.start_move(around),
            10..12 => self.join_second(around),
            _ => self.talk(around),
        }
    }

    fn knock(&mut self, around: &mut Around<'_>) {
        (self.number, self.is_in, self.said, self.next_id, self.said_all) = (None, false, 0, 0, None);
        (self.second, self.comes_to_second) = (None, false);
        self.asked.clear();
        let pipe = around.connect(self.slow, self.address);
        let bytes = match self.speaks {
            Speaks::Json | Speaks::Raw => handshake(self.nsp),
            Speaks::WebSocket => handshake(&format!("{PATH}websocket")),
            Speaks::Polling | Speaks::Moving => {
                self.poll = Some(pipe);
                chaos::request("GET", &format!("{PATH}polling"), "")
            }
        };
        if self.poll.is_none() {
            self.ws = Some(pipe);
        }
        self.knocks = true;
        around.up(pipe, bytes);
    }

    /// All its connections are cut.
    fn lose(&mut self, around: &mut Around<'_>) {
        let moving = match self.moving {
            Move::Probing(pipe) | Move::Probed(pipe) => Some(pipe),
            Move::No => None,
        };
        // A cut probe alone is no loss.
        if let Some(pipe) = moving.filter(|_| around.dice.one_in(2)) {
            around.network.cut(pipe, around.salon.now, around.dice);
            self.inbox.remove(&pipe);
            self.moving = Move::No;
            return;
        }
        for pipe in [self.ws, moving, self.poll, self.post, self.kept.map(|it| it.0)].into_iter().flatten() {
            around.network.cut(pipe, around.salon.now, around.dice);
        }
        self.forget(around);
    }

    fn forget(&mut self, around: &mut Around<'_>) {
        (self.ws, self.poll, self.post, self.kept, self.sid) = (None, None, None, None, None);
        (self.moving, self.knocks, self.is_in) = (Move::No, false, false);
        self.second.iter_mut().for_each(|second| second.is_in = false);
        self.inbox.clear();
        self.outbox.clear();
        self.coming = None;
        self.back_at = around.salon.now + around.dice.below(3_000) as Millis;
    }

    /// It says goodbye, as its dialect has it.
    fn leave(&mut self, around: &mut Around<'_>) {
        if !self.is_in {
            return;
        }
        match (self.is_socketio(), self.ws) {
            (false, Some(pipe)) => {
                around.up(pipe, close(1_000, ""));
                around.end(pipe);
                self.said_all = Some(self.said);
                self.part(around);
            }
            (true, Some(pipe)) => {
                around.up(pipe, text(&format!("41{}", self.nsp_in_packets())));
                around.up(pipe, text("1"));
                around.end(pipe);
                self.said_all = Some(self.said);
                self.part(around);
            }
            // Behind what it has said before.
            (true, None) => {
                self.outbox.push(format!("41{}", self.nsp_in_packets()));
                self.said_all = Some(self.said);
                self.is_in = false;
                self.send_on(around);
            }
            (false, None) => {}
        }
    }

    /// Hears nothing more of this visit, and does not come back as who it was.
    fn part(&mut self, around: &mut Around<'_>) {
        (self.pid, self.offset) = (None, None);
        self.forget(around);
    }

    fn say(&mut self, around: &mut Around<'_>, packet: String) {
        match self.ws {
            Some(pipe) => around.up(pipe, text(&packet)),
            None => {
                self.outbox.push(packet);
                self.send_on(around);
            }
        }
    }

    fn talk(&mut self, around: &mut Around<'_>) {
        if !self.is_in || self.said_all.is_some() {
            return;
        }
        let number = self.said;
        self.said += 1;
        let nsp = self.nsp_in_packets();
        match self.speaks {
            Speaks::Raw => self.say(around, format!("~{number}~")),
            Speaks::Json => self.say(around, format!(r#"{{"event":"n","data":"~{number}~"}}"#)),
            _ if around.dice.one_in(5) => {
                let packet = format!(r#"451-{nsp}["n","~{number}~",{{"_placeholder":true,"num":0}}]"#);
                match self.ws {
                    Some(pipe) => around.up(pipe, [text(&packet), binary(b"attached")].concat()),
                    None => self.say(around, format!("{packet}\x1eb{}", STANDARD.encode("attached"))),
                }
            }
            _ => self.say(around, format!(r#"42{nsp}["n","~{number}~"]"#)),
        }
    }

    fn ask(&mut self, around: &mut Around<'_>) {
        // The server owes no more than four.
        if !self.is_in || self.said_all.is_some() || self.speaks == Speaks::Raw || self.asked.len() >= 3 {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.asked.insert(id);
        let nsp = self.nsp_in_packets();
        match self.speaks {
            Speaks::Json => self.say(around, format!(r#"{{"event":"ask","data":"?{id}?","id":{id}}}"#)),
            _ => self.say(around, format!(r#"42{nsp}{id}["ask","?{id}?"]"#)),
        }
    }

    /// Once in a session, so that what comes is for that socket.
    fn join_second(&mut self, around: &mut Around<'_>) {
        if !self.is_in || !self.is_socketio() || self.said_all.is_some() || self.second.is_some() {
            return;
        }
        let Some(nsp) = around.dice.pick(&["/", "/team-1", "/team-2"]).filter(|nsp| *nsp != self.nsp) else {
            return;
        };
        self.second = Some(Second { nsp, number: None, is_in: false });
        self.say(around, if nsp == "/" { "40".to_owned() } else { format!("40{nsp},") });
    }

    fn start_move(&mut self, around: &mut Around<'_>) {
        let (Speaks::Moving, None, Move::No, Some(sid)) = (self.speaks, self.ws, self.moving, &self.sid)
        else {
            return;
        };
        let bytes = handshake(&format!("{PATH}websocket&sid={sid}"));
        let pipe = around.connect(self.slow, self.address);
        self.moving = Move::Probing(pipe);
        around.up(pipe, bytes);
    }

    /// Polls and posts, as far as it may now.
    fn send_on(&mut self, around: &mut Around<'_>) {
        let Some(sid) = self.sid.clone().filter(|_| self.ws.is_none()) else { return };
        if let Move::Probed(pipe) = self.moving {
            if self.poll.is_none() && self.post.is_none() {
                (self.ws, self.moving) = (Some(pipe), Move::No);
                around.up(pipe, text("5"));
                for packet in std::mem::take(&mut self.outbox) {
                    self.move_over(around, pipe, &packet);
                }
            }
            return;
        }
        if self.poll.is_none() {
            let pipe = self.connection(around);
            self.poll = Some(pipe);
            around.up(pipe, chaos::request("GET", &format!("{PATH}polling&sid={sid}"), ""));
        }
        if self.post.is_none() && !self.outbox.is_empty() {
            let pipe = self.connection(around);
            self.post = Some(pipe);
            let count = self.outbox.len().min(POSTED);
            let payload = self.outbox.drain(..count).collect::<Vec<_>>().join("\x1e");
            around.up(pipe, chaos::request("POST", &format!("{PATH}polling&sid={sid}"), &payload));
        }
    }

    fn move_over(&mut self, around: &mut Around<'_>, pipe: usize, packet: &str) {
        for piece in packet.split('\x1e') {
            match piece.strip_prefix('b') {
                Some(bytes) => around.up(pipe, binary(&STANDARD.decode(bytes).unwrap())),
                None => around.up(pipe, text(piece)),
            }
        }
    }

    fn connection(&mut self, around: &mut Around<'_>) -> usize {
        match self.kept.take() {
            Some((pipe, since)) if around.salon.now < since + KEPT_MS => pipe,
            _ => around.connect(self.slow, self.address),
        }
    }

    // What comes to it.

    pub(super) fn take(&mut self, around: &mut Around<'_>, pipe: usize, bytes: &[u8]) {
        if !self.is_mine(pipe) {
            return;
        }
        self.inbox.entry(pipe).or_default().1.extend_from_slice(bytes);
        if Some(pipe) == self.poll || Some(pipe) == self.post {
            self.take_answer(around, pipe);
        } else {
            self.take_frames(around, pipe);
        }
        self.send_on(around);
    }

    fn is_mine(&self, pipe: usize) -> bool {
        [self.ws, self.poll, self.post].contains(&Some(pipe))
            || [Move::Probing(pipe), Move::Probed(pipe)].contains(&self.moving)
    }

    pub(super) fn see_end(&mut self, around: &mut Around<'_>, pipe: usize) {
        if self.kept.is_some_and(|(kept, _)| kept == pipe) {
            self.kept = None;
        }
        if [Move::Probing(pipe), Move::Probed(pipe)].contains(&self.moving) {
            self.moving = Move::No;
            around.end(pipe);
            self.send_on(around);
        } else if self.is_mine(pipe) {
            around.end(pipe);
            self.forget(around);
        }
    }

    fn take_answer(&mut self, around: &mut Around<'_>, pipe: usize) {
        let (_, bytes) = self.inbox.get(&pipe).unwrap();
        let Some((status, body)) = answer(bytes) else { return };
        self.inbox.remove(&pipe);
        let was_poll = self.poll == Some(pipe);
        if was_poll {
            self.poll = None;
        } else {
            self.post = None;
        }
        if status != 200 {
            return self.forget(around);
        }
        self.kept = Some((pipe, around.salon.now));
        if !was_poll {
            assert_eq!(body, "ok");
            // It has left, and said all before.
            if self.said_all.is_some() && self.outbox.is_empty() {
                self.outbox.push("1".to_owned());
                self.send_on(around);
                self.part(around);
            }
            return;
        }
        for piece in body.split('\x1e') {
            match piece.strip_prefix('b') {
                Some(bytes) => self.attachment(around, &STANDARD.decode(bytes).unwrap()),
                None => self.packet(around, piece),
            }
            // A goodbye ends it, also in front of what was for its other namespace.
            if self.sid.is_none() {
                return;
            }
        }
    }

    fn take_frames(&mut self, around: &mut Around<'_>, pipe: usize) {
        let (is_open, bytes) = self.inbox.get_mut(&pipe).unwrap();
        if !*is_open {
            let Some(end) = bytes.windows(4).position(|at| at == b"\r\n\r\n") else { return };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return;
            }
            bytes.drain(..end + 4);
            *is_open = true;
            if self.moving == Move::Probing(pipe) {
                around.up(pipe, text("2probe"));
            } else if self.speaks == Speaks::Raw {
                // Nobody tells it more than this.
                (self.is_in, self.knocks) = (true, false);
            }
        }
        let Some((_, bytes)) = self.inbox.get_mut(&pipe) else { return };
        let mut whole = 0;
        while let Some(length) = crate::codec::frame::frame_len(&bytes[whole..]) {
            if whole + length > bytes.len() {
                break;
            }
            whole += length;
        }
        let frames: Vec<u8> = bytes.drain(..whole).collect();
        for (first, payload) in split(&frames) {
            let said = String::from_utf8_lossy(payload);
            match first & 0x0f {
                _ if !self.is_mine(pipe) => return,
                8 => {
                    around.up(pipe, frame(true, 8, &payload[..payload.len().min(2)]));
                    around.end(pipe);
                    if self.ws == Some(pipe) {
                        self.forget(around);
                    } else {
                        self.moving = Move::No;
                    }
                    return;
                }
                9 => around.up(pipe, frame(true, 10, payload)),
                10 => {}
                2 => self.attachment(around, payload),
                _ if self.moving == Move::Probing(pipe) => {
                    assert_eq!(said, "3probe");
                    self.moving = Move::Probed(pipe);
                }
                _ if self.is_socketio() => self.packet(around, &said),
                _ => self.plain(around, &said),
            }
        }
    }

    /// An Engine.IO packet.
    fn packet(&mut self, around: &mut Around<'_>, packet: &str) {
        let Some(kind) = packet.chars().next() else { panic!("an empty packet") };
        match kind {
            '0' => {
                self.knocks = false;
                self.sid = chaos::ids(packet, "\"sid\":\"").pop();
                let auth = match (&self.pid, &self.offset) {
                    (Some(pid), Some(offset)) => format!(r#"{{"pid":"{pid}","offset":"{offset}"}}"#),
                    (Some(pid), None) => format!(r#"{{"pid":"{pid}"}}"#),
                    _ => String::new(),
                };
                let nsp = self.nsp_in_packets();
                self.say(around, format!("40{nsp}{auth}"));
            }
            '1' => {
                if let Some(pipe) = self.ws {
                    around.end(pipe);
                }
                self.forget(around);
            }
            '2' => self.say(around, "3".to_owned()),
            '4' => self.socketio(around, packet),
            '6' => {}
            _ => panic!("a server does not say {packet}"),
        }
    }

    fn socketio(&mut self, around: &mut Around<'_>, packet: &str) {
        let rest = &packet[2..];
        let rest = if packet.starts_with("45") { &rest[rest.find('-').unwrap() + 1..] } else { rest };
        if let Some(behind) = self.second.as_ref().and_then(|second| behind_nsp(rest, second.nsp)) {
            return self.packet_of_second(around, packet, behind);
        }
        let behind = behind_nsp(rest, self.nsp).unwrap_or_else(|| panic!("{packet} came to {}", self.nsp));
        match packet.as_bytes()[1] {
            b'0' => {
                self.is_in = true;
                let pid = chaos::ids(packet, "\"pid\":\"").pop();
                if pid != self.pid {
                    (self.pid, self.offset) = (pid, None);
                }
            }
            // It may not be here.
            b'1' | b'4' => {
                self.is_in = false;
                if let Some(pipe) = self.ws {
                    around.end(pipe);
                }
                self.part(around);
            }
            b'3' => {
                let digits = behind.find('[').unwrap();
                self.hear_answer(behind[..digits].parse().unwrap(), behind);
            }
            _ if behind.starts_with(|first: char| first.is_ascii_digit()) => {
                let (id, _) = behind.split_once('[').unwrap();
                if around.dice.one_in(2) {
                    let nsp = self.nsp_in_packets();
                    self.say(around, format!(r#"43{nsp}{id}["from {}"]"#, around.me));
                }
            }
            _ => {
                self.comes_to_second = false;
                if self.pid.is_some()
                    && let Some((_, last)) = behind.rsplit_once(",\"")
                    && let Some(offset) = last.strip_suffix("\"]")
                    && !offset.contains('~')
                {
                    let kept = if packet.starts_with("45") { &mut self.coming } else { &mut self.offset };
                    *kept = Some(offset.to_owned());
                }
                self.hear(around, behind.as_bytes());
            }
        }
    }

    /// A packet to the socket in the second namespace.
    fn packet_of_second(&mut self, around: &mut Around<'_>, packet: &str, behind: &str) {
        let Some(second) = &mut self.second else { return };
        match packet.as_bytes()[1] {
            b'0' => second.is_in = true,
            b'1' | b'4' => second.is_in = false,
            _ => {
                assert!(second.is_in, "{packet} came to who is not in {}", second.nsp);
                self.comes_to_second = true;
                self.hear(around, behind.as_bytes());
            }
        }
    }

    /// A text of a plain WebSocket.
    fn plain(&mut self, around: &mut Around<'_>, said: &str) {
        if self.speaks == Speaks::Raw {
            return self.hear(around, said.as_bytes());
        }
        if said.starts_with(r#"{"event":"connect""#) {
            (self.is_in, self.knocks) = (true, false);
        } else if let Some(rest) = said.strip_prefix(r#"{"ack":"#) {
            let digits = rest.find(',').unwrap();
            self.hear_answer(rest[..digits].parse().unwrap(), rest);
        } else if let Some((_, id)) = said.split_once(r#","id":"#) {
            let id = id.trim_end_matches('}');
            if around.dice.one_in(2) {
                self.say(around, format!(r#"{{"ack":{id},"data":"from {}"}}"#, around.me));
            }
        } else if let Some((_, rest)) = said.split_once(r#""attachments":[""#) {
            let bytes = rest.split('"').next().unwrap();
            self.hear(around, &STANDARD.decode(bytes).unwrap());
            self.hear(around, said.as_bytes());
        } else {
            assert!(!said.contains("exception"), "{said}");
            self.hear(around, said.as_bytes());
        }
    }

    fn attachment(&mut self, around: &mut Around<'_>, bytes: &[u8]) {
        self.hear(around, bytes);
        if let Some(offset) = self.coming.take() {
            self.offset = Some(offset);
        }
    }

    fn hear_answer(&mut self, id: u64, said: &str) {
        assert!(self.asked.remove(&id), "question {id} is answered a second time, or was not asked");
        assert!(said.contains(&format!("!{id}!")), "question {id} got another one's answer: {said}");
    }

    /// The number in a message, if it has one, was for this socket.
    fn hear(&mut self, around: &mut Around<'_>, bytes: &[u8]) {
        let mut parts = bytes.split(|byte| *byte == b'~');
        let (Some(_), Some(number), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return };
        let number = std::str::from_utf8(number).unwrap().parse().unwrap();
        let length = rest.iter().take_while(|byte| **byte == b'y').count();
        let in_second = self.second.as_ref().filter(|_| self.comes_to_second);
        let socket = in_second.map_or(self.number, |second| second.number);
        let socket = socket.unwrap_or_else(|| panic!("message {number} came to nobody"));
        around.ledger.delivered[usize::from(in_second.is_some())] += 1;
        around.ledger.hear(socket, number, length, around.may_miss);
    }
}

/// What stands behind the namespace in a packet, if it is of this one.
fn behind_nsp<'p>(rest: &'p str, nsp: &str) -> Option<&'p str> {
    match nsp {
        "/" => (!rest.starts_with('/')).then_some(rest),
        _ => rest.strip_prefix(nsp)?.strip_prefix(','),
    }
}

/// The status and body of an answer that is there to its end.
fn answer(bytes: &[u8]) -> Option<(u16, String)> {
    let end = bytes.windows(4).position(|at| at == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let length = head.split("Content-Length: ").nth(1)?.split("\r\n").next()?.parse().unwrap();
    let body = bytes[end..].get(..length)?;
    Some((head[9..12].parse().unwrap(), String::from_utf8(body.to_vec()).unwrap()))
}
