//! Everything at once: clients of all dialects and transports that do what they
//! should and what they should not, in pieces, over kernels of any capacity,
//! while time passes and the host commands at random. After each turn the
//! books must balance, and at the end they must be empty. A seed that fails
//! is in the panic's message.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{wire::*, *};
use crate::engine::{
    config::{Keep, Overflow, Recovery},
    connection::{Client, Open, State},
    session::Via,
};

const STEPS: u32 = 400;
const NAMESPACES: [&str; 5] = ["/", "/door", "/team-1", "/team-2", "/none"];
const PATH: &str = "/socket.io/?EIO=4&transport=";

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        list.get(self.below(list.len())).cloned()
    }
}

/// How far a socket has come, as the host was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Asked,
    Live,
    Gone,
}

/// What the host knows.
#[derive(Default)]
struct Books {
    sockets: BTreeMap<usize, Told>,
    /// Questions to one socket that are open, and to audiences.
    single: BTreeSet<(usize, usize)>,
    many: BTreeMap<usize, BTreeSet<usize>>,
}

struct Chaos {
    salon: Salon,
    dice: Dice,
    books: Books,
    /// Bytes of a client that have not been written yet.
    unsaid: BTreeMap<usize, Vec<u8>>,
    /// Ids that clients were told.
    sids: Vec<String>,
    pids: Vec<String>,
}

fn hostile_config(dice: &mut Dice) -> Config {
    let mut config = config(|limits| {
        limits.message_bytes = 4_000;
        limits.queue_bytes = 3_000;
        limits.waiting_bytes = 600;
        limits.payload_packets = 8;
        limits.namespaces = 3;
        limits.acks_awaited = 4;
        limits.acks_owed = 4;
        limits.rooms = 3;
        limits.turn_messages = 4;
        limits.unclaimed_sessions = 4;
        limits.memory_bytes = if dice.one_in(4) { 30_000 } else { 1 << 30 };
    });
    config.http = dice.one_in(2);
    config.overflow = if dice.one_in(2) { Overflow::Drop } else { Overflow::Disconnect };
    config.keep_handshake = if dice.one_in(2) { Keep::All } else { Keep::Nothing };
    (config.room_events, config.member_events) = (dice.one_in(2), dice.one_in(2));
    let few = Recovery { window_ms: 60_000, events: 20, bytes: 4_000, sockets: 3 };
    config.socketio.as_mut().unwrap().recovery = dice.one_in(2).then_some(few);
    config
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut salon = Salon::new(hostile_config(&mut dice));
        salon.engine.open("/door", Namespace::default().guarded()).unwrap();
        salon.engine.open_pattern("/team-", Namespace::default().dialect(Dialect::Raw)).unwrap();
        let (books, unsaid) = (Books::default(), BTreeMap::new());
        Self { salon, dice, books, unsaid, sids: Vec::new(), pids: Vec::new() }
    }

    fn play(&mut self) {
        for _ in 0..STEPS {
            match self.dice.below(32) {
                0..3 => self.arrive(),
                3..15 => self.talk(),
                15 => self.disturb(),
                16..19 => self.command(),
                19 => self.salon.now += self.dice.pick(&[1, 1, 50, 2_000, 11_000, 26_000]).unwrap(),
                _ => self.turn(),
            }
        }
        self.leave();
    }

    // What clients do.

    /// A client arrives, and says what it wants.
    fn arrive(&mut self) {
        let nsp = self.dice.pick(&NAMESPACES).unwrap();
        let bytes = match self.dice.below(6) {
            0 => handshake(nsp),
            1 => handshake(&format!("{PATH}websocket")),
            2 | 3 => request("GET", &format!("{PATH}polling"), ""),
            _ => self.session_request(),
        };
        let client = self.salon.connect();
        self.say(client, bytes);
    }

    /// A request or a handshake for a session that is there, or was.
    fn session_request(&mut self) -> Vec<u8> {
        let there: Vec<u32> = self.salon.engine.sessions.iter().map(|(key, _)| key as u32).collect();
        let session = self.dice.pick(&there).filter(|_| !self.dice.one_in(10));
        let sid = match session.and_then(|key| self.salon.engine.session(key)) {
            Some(session) => String::from_utf8_lossy(&session.sid).into_owned(),
            None => self.dice.pick(&self.sids).unwrap_or_else(|| "nobody".to_owned()),
        };
        match self.dice.below(6) {
            0 => handshake(&format!("{PATH}websocket&sid={sid}")),
            1..4 => request("GET", &format!("{PATH}polling&sid={sid}"), ""),
            _ => {
                let packets: Vec<String> =
                    (0..1 + self.dice.below(5)).map(|_| self.packet(session)).collect();
                request("POST", &format!("{PATH}polling&sid={sid}"), &packets.join("\x1e"))
            }
        }
    }

    /// A packet that makes sense to a session now, or one that need not.
    fn packet(&mut self, key: Option<u32>) -> String {
        let session = key.and_then(|key| self.salon.engine.session(key));
        let Some(session) = session.filter(|_| !self.dice.one_in(16)) else { return self.any_packet() };
        if session.incomplete.held() > 0 {
            return "bAQIDBA==".to_owned();
        }
        let socket = self.dice.pick(&session.sockets);
        let entry = socket.and_then(|socket| self.salon.engine.hub.get(socket));
        let nsp = entry.and_then(|entry| self.salon.engine.hub.namespace(entry.namespace));
        let Some(nsp) = nsp.filter(|_| !self.dice.one_in(6)).map(|entry| entry.name.clone()) else {
            let nsp = self.dice.pick(&NAMESPACES).unwrap();
            let newest = self.pids.len().saturating_sub(3);
            let pid = self.dice.pick(&self.pids[newest..]).unwrap_or_default();
            return format!("40{nsp},{{\"pid\":\"{pid}\"}}");
        };
        let padding = "x".repeat(self.dice.pick(&[0, 10, 500]).unwrap());
        match self.dice.below(12) {
            0..5 => format!("42{nsp},[\"say\",\"{padding}\"]"),
            5 => format!("42{nsp},{}[\"ask\"]", self.dice.below(9)),
            6 => format!("451-{nsp},[\"pic\",{{\"_placeholder\":true,\"num\":0}}]"),
            7..9 => format!("43{nsp},{}[1]", 1 + self.dice.below(12)),
            9 if padding.is_empty() => format!("41{nsp},"),
            _ => "3".to_owned(),
        }
    }

    /// A packet of Engine.IO, with one of Socket.IO in it.
    fn any_packet(&mut self) -> String {
        let nsp = match self.dice.pick(&NAMESPACES) {
            Some("/") | None => String::new(),
            Some(nsp) => format!("{nsp},"),
        };
        let padding = "x".repeat(self.dice.pick(&[0, 10, 500, 1_500]).unwrap());
        match self.dice.below(32) {
            0..5 | 24.. => format!("4{}", ["0", "2[\"say\",1]"][self.dice.below(2)]),
            5 | 6 => {
                let newest = self.pids.len().saturating_sub(3);
                let pid = self.dice.pick(&self.pids[newest..]).unwrap_or_default();
                let offset = self.dice.below(20);
                format!("40{nsp}{{\"pid\":\"{pid}\",\"offset\":\"{offset:x}\",\"a\":\"{padding}\"}}")
            }
            7..10 => format!("42{nsp}[\"say\",\"{padding}\"]"),
            10 => format!("42{nsp}{}[\"ask\"]", self.dice.below(9)),
            11 => format!("451-{nsp}[\"pic\",{{\"_placeholder\":true,\"num\":0}},\"{padding}\"]"),
            12 | 13 => "bAQIDBA==".to_owned(),
            14..16 => format!("43{nsp}{}[1]", 1 + self.dice.below(30)),
            16 => format!("41{nsp}"),
            17 | 18 => "3".to_owned(),
            19 => "5".to_owned(),
            20 | 21 => "2probe".to_owned(),
            _ => {
                self.dice.pick(&["1", "6", "2", "", "9", "44{}", "4", "42[]", "4511-[\"a\"]"]).unwrap().into()
            }
        }
    }

    /// Somebody who is there goes on.
    fn talk(&mut self) {
        let Some(client) = self.somebody() else { return };
        let key = self.salon.kernel.pipes[client].key;
        let bytes = match self.salon.engine.connections.get(key as usize).map(|connection| &connection.state)
        {
            Some(State::Http(_)) => self.session_request(),
            Some(State::Open(Open { client: Client::Plain(_), .. })) => {
                let said = [
                    r#"{"event":"say","data":1}"#,
                    r#"{"event":"ask","id":3}"#,
                    r#"{"ack":1,"data":true}"#,
                    r#"{"event":"connect"}"#,
                    "no json",
                ];
                text(self.dice.pick(&said).unwrap())
            }
            Some(State::Open(Open { client: Client::Probe(session), .. })) if !self.dice.one_in(8) => {
                let asked = self.salon.engine.sessions[*session as usize].probe.is_some_and(|it| it.answered);
                text(if asked { "5" } else { "2probe" })
            }
            Some(State::Open(Open { client: Client::Session(session), .. })) if !self.dice.one_in(16) => {
                let session = *session;
                text(&self.packet(Some(session)))
            }
            _ => match self.dice.below(24) {
                0 => ping("are you there?"),
                1 => binary(&[7; 90]),
                2 => close(1_000, ""),
                3 => frame(false, 1, b"42"),
                _ => text(&self.any_packet()),
            },
        };
        self.say(client, bytes);
    }

    /// Bytes of a client, sometimes in pieces, sometimes never finished.
    fn say(&mut self, client: usize, bytes: Vec<u8>) {
        let mut all = self.unsaid.remove(&client).unwrap_or_default();
        all.extend(bytes);
        if self.dice.one_in(8) {
            let rest = all.split_off(self.dice.below(all.len()));
            self.unsaid.insert(client, rest);
        }
        if !all.is_empty() {
            self.salon.write(client, all);
        }
    }

    fn disturb(&mut self) {
        let Some(client) = self.somebody() else { return };
        match self.dice.below(7) {
            0 => self.salon.end(client, End::Eof),
            1 => self.salon.end(client, End::Reset),
            2 => self.salon.kernel.pipes[client].broken = true,
            3..6 => {
                let room = self.dice.pick(&[0, 7, 200, 5_000, usize::MAX]).unwrap();
                self.salon.room(client, room);
            }
            _ => self.salon.busy = !self.salon.busy,
        }
    }

    fn somebody(&mut self) -> Option<usize> {
        let pipes = self.salon.kernel.pipes.iter().enumerate();
        let there: Vec<usize> = pipes.filter(|(_, pipe)| !pipe.dropped).map(|(client, _)| client).collect();
        self.dice.pick(&there)
    }

    // What the host does.

    fn command(&mut self) {
        let newest = self.salon.sockets.len().saturating_sub(12);
        let sockets = &self.salon.sockets[newest..];
        let Some(socket) = self.dice.pick(sockets) else { return };
        let nsp = self.dice.pick(&NAMESPACES).unwrap();
        let to = Selection { namespace: (!self.dice.one_in(4)).then_some(nsp), ..Selection::default() };
        let to = if self.dice.one_in(2) { except(to, socket) } else { to };
        let room = self.dice.pick(&["a", "b", "c", "d"]).unwrap();
        let args = format!("[\"{}\"]", "y".repeat(self.dice.pick(&[1, 100, 2_000]).unwrap()));
        let said = Payload::from(args);
        let loudness = if self.dice.one_in(4) { Loudness::Volatile } else { Loudness::Normal };
        let patience = Duration::from_millis(self.dice.pick(&[10, 5_000, 90_000]).unwrap());
        let which = self.dice.below(18);
        if let 12 | 13 = which {
            return self.ask(which == 12, socket, &to, patience);
        }
        let answer = match which {
            11 => self.dice.pick(&self.salon.questions),
            _ => None,
        };
        // Stale ids and namespaces that are not there are the host's mistakes:
        // an error, and nothing else.
        let _ = self.salon.tell(|engine| match which {
            0 => engine.accept(socket, &Accept::default().room(room).user(7)),
            1 => engine.reject(socket, 403, "no", Some("{\"a\":1}")),
            2 => engine.join(socket, room),
            3 => engine.leave(socket, room),
            4 => engine.join_all(&to, room).map(drop),
            5..8 => engine.emit(&to, "said", &said, loudness).map(drop),
            8 => engine.emit_one(socket, "said", &said, loudness).map(drop),
            9 => {
                let bytes: &[u8] = b"\x01\x02\x03";
                engine.emit(&to, "pic", &Payload::binary(&[bytes, bytes]), loudness).map(drop)
            }
            10 => engine.send(&to, Data::Binary(&[5; 60]), loudness).map(drop),
            11 => answer.map_or(Ok(()), |ack| engine.answer_ack(ack, &said)),
            14 => engine.disconnect(socket, 1_000, ""),
            15 => engine.disconnect_client(socket),
            16 if patience.as_millis() == 10 => engine.close_namespace(nsp),
            16 => engine.disconnect_all(&to, 4_000, "all of you").map(drop),
            _ => engine.leave_all(socket),
        });
        let open = Namespace::default();
        let _ = self.salon.tell(|engine| engine.open("/", open.clone()));
        let _ = self.salon.tell(|engine| engine.open("/door", open.guarded()));
    }

    fn ask(&mut self, one: bool, socket: SocketId, to: &Selection<'_>, patience: Duration) {
        let said = Payload::from("[1]");
        let asked = self.salon.tell(|engine| match one {
            true => engine.ask_one(socket, "q", &said, patience),
            false => engine.ask(to, "q", &said, patience),
        });
        let Ok(ack) = asked else { return };
        let question = number(&mut self.salon.questions, ack);
        if one {
            let asked = number(&mut self.salon.sockets, socket);
            assert!(self.books.single.insert((asked, question)));
        } else {
            assert!(self.books.many.insert(question, BTreeSet::new()).is_none());
        }
    }

    // What comes of it.

    fn turn(&mut self) {
        let lines = self.salon.turn();
        lines.iter().for_each(|line| self.books.enter(line));
        for client in 0..self.salon.kernel.pipes.len() {
            let bytes = self.salon.read(client);
            let said = String::from_utf8_lossy(&bytes);
            self.sids.extend(ids(&said, "\"sid\":\""));
            self.pids.extend(ids(&said, "\"pid\":\""));
        }
        self.balance();
    }

    /// Nothing is counted twice, and all that points at something points back.
    fn balance(&self) {
        let engine = &self.salon.engine;
        let stats = engine.stats();
        let live = self.books.sockets.values().filter(|told| **told == Told::Live).count();
        assert_eq!(stats.sockets, live as u64, "sockets");
        let there = self.salon.kernel.pipes.iter().filter(|pipe| !pipe.dropped).count();
        assert_eq!(stats.connections, there as u64, "connections");
        let queued: usize = engine.queues.iter().map(|(_, queue)| queue.bytes()).sum();
        assert_eq!(engine.queued_bytes, queued, "queued bytes");
        let mut partial = 0;
        for (key, connection) in &engine.connections {
            let key = key as u32;
            assert!(
                engine.queues.contains(connection.queue as usize) || matches!(connection.state, State::Dead)
            );
            partial += connection.held.as_ref().map_or(0, |held| held.capacity());
            match &connection.state {
                State::Http(exchange) => {
                    partial += exchange.body.as_ref().map_or(0, |(_, _, payload)| payload.capacity());
                    if let Some(parked) = &exchange.parked {
                        assert_eq!(engine.sessions[parked.session as usize].poll, Some(key));
                    }
                    if let Some(session) = exchange.posting {
                        assert_eq!(engine.sessions[session as usize].post, Some(key));
                    }
                }
                State::Open(open) => {
                    partial += open.reader.held();
                    match open.client {
                        Client::Plain(socket) => assert_eq!(engine.hub.get(socket).unwrap().owner, key),
                        Client::Session(session) => {
                            assert_eq!(engine.sessions[session as usize].via, Via::WebSocket(key));
                            assert_eq!(engine.sessions[session as usize].queue, connection.queue);
                        }
                        Client::Probe(session) => {
                            let probe = engine.sessions[session as usize].probe.unwrap();
                            assert_eq!(probe.connection, key);
                        }
                    }
                }
                State::Closing(reader) => partial += reader.held(),
                _ => {}
            }
        }
        assert_eq!(engine.by_sid.len(), engine.sessions.len());
        let mut inside = 0;
        for (key, session) in &engine.sessions {
            assert_eq!(engine.by_sid[&session.sid], key as u32);
            assert!(engine.queues.contains(session.queue as usize));
            assert!(!session.closing || session.sockets.is_empty());
            partial += session.incomplete.held();
            inside += session.sockets.len();
            for socket in &session.sockets {
                let entry = engine.hub.get(*socket).unwrap();
                assert_eq!((entry.owner, entry.route.queue), (key as u32, session.queue));
                assert_ne!(entry.stage, crate::hub::Stage::Left);
                partial += engine.held_by_socket(*socket);
            }
        }
        assert!(inside >= engine.doors.len() && inside >= engine.auths.len());
        for socket in engine.doors.keys() {
            assert!(engine.guard_timers.waits_for(socket.index()).is_some());
        }
        assert_eq!(engine.partial_bytes, partial, "partial bytes");
    }

    /// All leave at last, and nothing of them is left.
    fn leave(&mut self) {
        self.salon.busy = false;
        for client in 0..self.salon.kernel.pipes.len() {
            self.salon.room(client, usize::MAX);
            if self.dice.one_in(3) {
                self.salon.end(client, End::Eof);
            }
        }
        if self.dice.one_in(2) {
            self.salon.tell(Engine::close);
        }
        for wait_ms in [0, 30_000, 30_000, 30_000, 30_000, 60_000, 60_000, 60_000] {
            self.salon.after(wait_ms).iter().for_each(|line| self.books.enter(line));
        }
        self.balance();
        assert!(self.books.sockets.values().all(|told| *told == Told::Gone));
        assert!(self.books.single.is_empty() && self.books.many.is_empty(), "questions without an end");
        self.salon.turn();
        assert!(self.salon.kernel.pipes.iter().all(|pipe| pipe.dropped));
        self.salon.assert_empty();
    }
}

impl Books {
    /// Notes what the host is told, if it may be told that now.
    fn enter(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let socket = || {
            words.iter().find_map(|word| word.strip_prefix('#')?.trim_end_matches(':').parse::<usize>().ok())
        };
        let told = |socket: &usize| self.sockets.get(socket).copied();
        match words[..] {
            ["asks", ..] => assert_eq!(self.sockets.insert(socket().unwrap(), Told::Asked), None, "{line}"),
            ["connect", ..] => {
                let before = self.sockets.insert(socket().unwrap(), Told::Live);
                assert!(matches!(before, None | Some(Told::Asked)), "{line}");
            }
            ["gone", ..] => {
                let before = self.sockets.insert(socket().unwrap(), Told::Gone);
                assert!(matches!(before, Some(Told::Asked | Told::Live)), "{line}: {before:?}");
            }
            [who, "answers", question, ..] if who.starts_with('#') => {
                let question: usize = question.trim_end_matches(':').parse().unwrap();
                let socket = socket().unwrap();
                match self.many.get_mut(&question) {
                    Some(heard) => assert!(heard.insert(socket), "{line}"),
                    None => assert!(self.single.remove(&(socket, question)), "{line}"),
                }
            }
            ["done", question, ..] => {
                let question: usize = question.trim_end_matches(':').parse().unwrap();
                assert!(self.many.remove(&question).is_some(), "{line}");
            }
            [_, "says" | "sends", ..] | ["upgraded" | "drain", ..] => {
                assert_eq!(told(&socket().unwrap()), Some(Told::Live), "{line}");
            }
            ["expired", ..] => assert_eq!(told(&socket().unwrap()), Some(Told::Gone), "{line}"),
            _ => {}
        }
    }
}

/// What a server has written behind each `before`.
fn ids(text: &str, before: &str) -> Vec<String> {
    text.split(before).skip(1).filter_map(|rest| rest.get(..20).map(str::to_owned)).collect()
}

fn request(method: &str, target: &str, body: &str) -> Vec<u8> {
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}").into_bytes()
}

#[test]
fn whatever_happens_the_books_balance() {
    for seed in 0..u64::from(cases()) / 33 {
        let played = std::panic::catch_unwind(|| Chaos::new(seed).play());
        assert!(played.is_ok(), "seed {seed}");
    }
}
