//! Scenarios of a whole server on a fake clock and a fake network: what clients
//! send goes in as bytes, and what a user would see is asserted: bytes on the
//! wire, events, close codes. Events are shown as lines, sockets and questions
//! by the order in which they came up: `connect #0 /`.
//!
//! The simulation (`chaos.rs`) is there for the fuzzer, too, and without the rest
//! much of the harness is idle.
#![cfg_attr(fuzzing, allow(dead_code))]
#![allow(clippy::unwrap_used)]

#[cfg(test)]
mod acks;
mod chaos;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod control;
mod crowd;
#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod goodbyes;
#[cfg(test)]
mod http;
#[cfg(test)]
mod leaks;
mod ledger;
#[cfg(test)]
mod model;
mod network;
#[cfg(test)]
mod order;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod splits_sessions;
#[cfg(test)]
mod turns;
mod wire;

use super::{
    Accept, Engine, Loudness, Payload,
    config::Config,
    turn::{Answer, READ_BYTES, Record, Run, Span, Turn},
};
use crate::{
    base::{
        Millis,
        error::{ErrorKind, Result},
        id::{AckId, RequestId, SocketId, TimerId},
        limits::Limits,
    },
    hub::{Namespace, audience::Selection, namespace::Dialect},
    session::Data,
};
use wire::{ACCEPTED, End, Kernel, Pipe, handshake};

/// A server, its clients and its host.
struct Salon {
    engine: Engine,
    kernel: Kernel,
    now: Millis,
    events: Turn,
    /// Sockets, requests and questions, by the numbers that lines show.
    sockets: Vec<SocketId>,
    requests: Vec<RequestId>,
    questions: Vec<AckId>,
    timers: Vec<TimerId>,
    /// The loop is so busy that it reads nothing this turn.
    busy: bool,
    /// Where the next clients come from.
    from: Option<std::net::SocketAddr>,
}

/// Plays what a script decides, byte by byte.
pub(crate) fn play_script(script: &[u8]) {
    chaos::Chaos::of_script(script).play();
}

/// Cases of a property, unless the variable SALON_CASES says another number.
fn cases() -> u32 {
    std::env::var("SALON_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000)
}

/// A config with limits that differ from the default ones.
fn config(change: impl FnOnce(&mut Limits)) -> Config {
    let mut config = Config::default();
    change(&mut config.limits);
    config
}

/// Everybody in `/`.
fn all<'a>() -> Selection<'a> {
    Selection { namespace: Some("/"), ..Selection::default() }
}

/// The union of rooms of `/`.
fn rooms<'a>(names: &[&'a str]) -> Selection<'a> {
    let mut to = all();
    to.rooms.extend(names.iter().copied());
    to
}

fn except<'a>(mut to: Selection<'a>, socket: SocketId) -> Selection<'a> {
    to.except_sockets.push(socket);
    to
}

impl Salon {
    fn new(config: Config) -> Self {
        let mut counter = 0u16;
        let random = move |bytes: &mut [u8]| {
            for byte in bytes {
                counter = counter.wrapping_add(1);
                *byte = (counter as u8).wrapping_mul(37) ^ (counter >> 8) as u8;
            }
        };
        Self {
            engine: Engine::new(config, Box::new(random)),
            kernel: Kernel::default(),
            now: 1_000,
            events: Turn::default(),
            sockets: Vec::new(),
            requests: Vec::new(),
            questions: Vec::new(),
            timers: Vec::new(),
            busy: false,
            from: None,
        }
    }

    /// A server whose plain WebSockets speak raw in `/`.
    fn raw(config: Config) -> Self {
        let mut salon = Self::new(config);
        salon.engine.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
        salon
    }

    /// A server with a guard at `/`.
    fn guarded(config: Config) -> Self {
        let mut salon = Self::new(config);
        salon.engine.open("/", Namespace::default().guarded()).unwrap();
        salon
    }

    // What clients do.

    fn connect(&mut self) -> usize {
        let key = self.engine.connect(self.from, self.now);
        self.kernel.pipes.push(Pipe::new(key));
        let client = self.kernel.pipes.len() - 1;
        self.kernel.by_key.insert(key, client);
        client
    }

    /// A client with an open WebSocket at `/`; it has read all that came with it.
    fn open(&mut self) -> usize {
        let client = self.connect();
        self.write(client, handshake("/"));
        self.quiet();
        assert!(self.read(client).starts_with(ACCEPTED.as_bytes()), "no handshake");
        client
    }

    /// The client's bytes arrive, to be read in one go.
    fn write(&mut self, client: usize, bytes: impl Into<Vec<u8>>) {
        self.kernel.pipes[client].inbound.push_back(bytes.into());
    }

    fn end(&mut self, client: usize, end: End) {
        self.kernel.pipes[client].end = Some(end);
    }

    /// The kernel takes so many more bytes for this client.
    fn room(&mut self, client: usize, bytes: usize) {
        self.kernel.pipes[client].room = bytes;
    }

    /// All that the client has received since the last time.
    fn read(&mut self, client: usize) -> Vec<u8> {
        std::mem::take(&mut self.kernel.pipes[client].outbound)
    }

    /// The same as lines, one for each frame.
    fn frames(&mut self, client: usize) -> Vec<String> {
        wire::frames(&self.read(client))
    }

    /// The status line of the answers that the client has received.
    fn statuses(&mut self, client: usize) -> Vec<u16> {
        let bytes = self.read(client);
        let text = String::from_utf8_lossy(&bytes);
        text.match_indices("HTTP/1.1 ").map(|(at, _)| text[at + 9..at + 12].parse().unwrap()).collect()
    }

    fn is_finished(&self, client: usize) -> bool {
        self.kernel.pipes[client].finished
    }

    fn is_dropped(&self, client: usize) -> bool {
        self.kernel.pipes[client].dropped
    }

    // What the loop does.

    /// One turn, as `net` does it. Answers what happened.
    fn turn(&mut self) -> Vec<String> {
        let Self { engine, kernel, now, events, .. } = self;
        let now = *now;
        engine.flush(kernel, now);
        engine.begin_turn(events, now);
        engine.resume(now);
        while engine.take_wanting().is_some() {}
        for pipe in kernel.pipes.iter_mut().filter(|pipe| !pipe.dropped) {
            if pipe.refused && pipe.room > 0 {
                pipe.refused = false;
                engine.writable(pipe.key);
            }
            if pipe.is_readable() && !self.busy && !engine.is_full() {
                read(engine, pipe, now);
            }
        }
        while engine.take_wanting().is_some() {}
        let unread = |key| kernel.by_key.get(&key).is_some_and(|&client| kernel.pipes[client].is_readable());
        let more = kernel.pipes.iter().any(|pipe| pipe.is_readable() && engine.wants_bytes(pipe.key));
        engine.handle_timeout(now, unread, more);
        engine.flush(kernel, now);
        engine.reap(|key| {
            let client = kernel.by_key.remove(&key).unwrap();
            kernel.pipes[client].dropped = true;
        });
        engine.take_turn(events);
        self.lines()
    }

    /// Turns until there is nothing to do without waiting.
    fn quiet(&mut self) -> Vec<String> {
        let mut lines = self.turn();
        for _ in 0..10_000 {
            if self.is_quiet() {
                return lines;
            }
            lines.extend(self.turn());
        }
        panic!("the server never rests: {lines:?}");
    }

    /// Whether there is nothing to do without waiting.
    fn is_quiet(&self) -> bool {
        let waiting = |pipe: &Pipe| {
            let readable = pipe.is_readable() && self.engine.wants_bytes(pipe.key);
            readable || (pipe.refused && pipe.room > 0 && !pipe.dropped)
        };
        let has_work = self.engine.has_work() || self.engine.is_dirty();
        !has_work && !self.kernel.pipes.iter().any(waiting)
    }

    /// Time passes, and what is due happens.
    fn after(&mut self, wait_ms: Millis) -> Vec<String> {
        self.now += wait_ms;
        self.quiet()
    }

    /// How long the loop may wait.
    fn due_in(&self) -> Option<Millis> {
        self.engine.timeout().map(|at| at.saturating_sub(self.now))
    }

    // What the host does.

    fn socket(&self, number: usize) -> SocketId {
        self.sockets[number]
    }

    /// Commands come between turns; a queue that has reached its cap is
    /// offered to the kernel before the next one, as `Server` does it.
    fn tell<T>(&mut self, command: impl FnOnce(&mut Engine) -> T) -> T {
        self.engine.set_now(self.now);
        let outcome = command(&mut self.engine);
        if self.engine.is_pressed() {
            self.engine.flush(&mut self.kernel, self.now);
        }
        outcome
    }

    fn emit(&mut self, to: &Selection<'_>, name: &str, args: &str) -> usize {
        self.tell(|engine| engine.emit(to, name, &Payload::from(args), Loudness::Normal)).unwrap()
    }

    fn emit_to(&mut self, number: usize, name: &str, args: &str) -> Result<usize> {
        let socket = self.socket(number);
        self.tell(|engine| engine.emit_one(socket, name, &Payload::from(args), Loudness::Normal))
    }

    fn send(&mut self, to: &Selection<'_>, text: &str) -> usize {
        self.tell(|engine| engine.send(to, Data::Text(text), Loudness::Normal)).unwrap()
    }

    fn send_to(&mut self, number: usize, text: &str) -> Result<usize> {
        let socket = self.socket(number);
        self.tell(|engine| engine.send_one(socket, Data::Text(text), Loudness::Normal))
    }

    fn join(&mut self, number: usize, room: &str) {
        let socket = self.socket(number);
        self.tell(|engine| engine.join(socket, room)).unwrap();
    }

    fn leave(&mut self, number: usize, room: &str) {
        let socket = self.socket(number);
        self.tell(|engine| engine.leave(socket, room)).unwrap();
    }

    fn accept(&mut self, number: usize, acceptance: &Accept<'_>) -> Result<()> {
        let socket = self.socket(number);
        self.tell(|engine| engine.accept(socket, acceptance))
    }

    fn reject(&mut self, number: usize, status: u16, text: &str) -> Result<()> {
        let socket = self.socket(number);
        self.tell(|engine| engine.reject(socket, status, text, None))
    }

    fn disconnect(&mut self, number: usize, code: u16, text: &str) -> Result<()> {
        let socket = self.socket(number);
        self.tell(|engine| engine.disconnect(socket, code, text))
    }

    fn respond(&mut self, number: usize, status: u16, body: &str) -> bool {
        let request = self.requests[number];
        self.tell(|engine| engine.respond(request, status, &[], body.as_bytes())).unwrap()
    }

    /// All tables are empty, and everybody who came has gone.
    fn assert_empty(&self) {
        let engine = &self.engine;
        assert!(engine.connections.is_empty() && engine.queues.is_empty());
        assert_eq!((engine.chunks.bytes(), engine.partial_bytes, engine.queued_bytes), (0, 0, 0));
        assert!(engine.dirty.is_empty() && engine.resuming.is_empty() && engine.wanting.is_empty());
        assert!(
            engine.dead.is_empty()
                && engine.handshakes.is_empty()
                && engine.protocols.is_empty()
                && engine.announced.is_empty()
        );
        assert!(engine.sessions.is_empty() && engine.by_sid.is_empty() && engine.unclaimed.is_empty());
        assert!(
            engine.doors.is_empty() && engine.guard_timers.deadline().is_none() && engine.auths.is_empty()
        );
        assert!(engine.recovery.has_nobody() && engine.drops.is_empty());
        assert!(engine.acks.is_empty());
        assert!(engine.flood.is_idle());
        assert_eq!(engine.timeout(), None);
        let stats = engine.stats();
        assert_eq!((stats.connections, stats.sessions, stats.sockets, stats.rooms), (0, 0, 0, 0));
        for socket in &self.sockets {
            assert!(engine.hub().get(*socket).is_none());
        }
        let (announced, gone) = (self.sockets.len() as u64, crate::engine::reason::Reason::ALL);
        assert_eq!(gone.iter().map(|reason| stats.disconnects(*reason)).sum::<u64>(), announced);
    }

    // How events are shown.

    fn lines(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        let lines = events.records.iter().map(|record| self.line(&events, record)).collect();
        self.events = events;
        lines
    }

    fn line(&mut self, turn: &Turn, record: &Record) -> String {
        let text = |span: Span| turn.text_of(span);
        let socket_of = |list: &mut Vec<SocketId>, socket: SocketId| number(list, socket);
        match *record {
            Record::ConnectRequest { socket, nsp, .. } => {
                format!("asks #{} {}", socket_of(&mut self.sockets, socket), turn.nsp_of(nsp))
            }
            Record::Connect { socket, nsp, .. } => {
                format!("connect #{} {}", socket_of(&mut self.sockets, socket), turn.nsp_of(nsp))
            }
            Record::Disconnect { socket, nsp, reason, code, text: why, rooms, .. } => {
                let mut rooms: Vec<&str> = turn.run_of(rooms).iter().map(|room| text(*room)).collect();
                rooms.sort_unstable();
                let code = code.map_or("no code".to_owned(), |code| code.to_string());
                let socket = socket_of(&mut self.sockets, socket);
                format!("gone #{socket} {}: {reason}, {code} {:?} {rooms:?}", turn.nsp_of(nsp), text(why))
            }
            Record::Message { socket, name, args, attachments, ack, .. } => {
                let socket = socket_of(&mut self.sockets, socket);
                let mut line = format!("#{socket} says {} {}", text(name), text(args));
                line.push_str(&attached(turn, attachments));
                if let Some(ack) = ack {
                    line.push_str(&format!(" asks {}", number(&mut self.questions, ack)));
                }
                line
            }
            Record::Data { socket, data, text: is_text, .. } => {
                let socket = socket_of(&mut self.sockets, socket);
                match is_text {
                    true => format!("#{socket} sends {:?}", text(data)),
                    false => format!("#{socket} sends {:?}", turn.bytes_of(data)),
                }
            }
            Record::Ack { socket, ack, answer } => {
                let answer = match answer {
                    Answer::Args { args, attachments } => {
                        format!("{}{}", text(args), attached(turn, attachments))
                    }
                    Answer::TimedOut => "not in time".to_owned(),
                    Answer::Closed => "not any more".to_owned(),
                };
                let socket = socket_of(&mut self.sockets, socket);
                format!("#{socket} answers {}: {answer}", number(&mut self.questions, ack))
            }
            Record::AcksDone { ack, answered, of } => {
                format!("done {}: {answered} of {of}", number(&mut self.questions, ack))
            }
            Record::Room { nsp, room, created } => {
                format!("{} {} {}", if created { "created" } else { "deleted" }, turn.nsp_of(nsp), text(room))
            }
            Record::Member { socket, room, joined, .. } => {
                let socket = socket_of(&mut self.sockets, socket);
                format!("#{socket} {} {}", if joined { "joined" } else { "left" }, text(room))
            }
            Record::Drain { socket, dropped } => {
                format!("drain #{}: {dropped}", socket_of(&mut self.sockets, socket))
            }
            Record::Http { request, head, body } => {
                let head = turn.request_of(head).unwrap();
                let body = String::from_utf8_lossy(turn.bytes_of(body));
                self.requests.push(request);
                format!("{} {} {body:?}", head.method(), head.target())
            }
            Record::Timer { timer, tag } => format!("timer {} {tag}", number(&mut self.timers, timer)),
            Record::Post { tag, data } => format!("post {tag} {:?}", turn.bytes_of(data)),
            Record::Upgraded { socket, .. } => format!("upgraded #{}", socket_of(&mut self.sockets, socket)),
            Record::Expired { socket, user, .. } => {
                format!("expired #{} {user}", socket_of(&mut self.sockets, socket))
            }
            Record::Stopped => "stopped".to_owned(),
        }
    }
}

/// One read from a client, or its end.
fn read(engine: &mut Engine, pipe: &mut Pipe, now: Millis) {
    if !engine.wants_bytes(pipe.key) {
        if pipe.end == Some(End::Reset) {
            engine.vanish(pipe.key, now);
        }
        return;
    }
    match (pipe.inbound.pop_front(), pipe.end) {
        (Some(mut bytes), _) => {
            if bytes.len() > READ_BYTES {
                pipe.inbound.push_front(bytes.split_off(READ_BYTES));
            }
            engine.space()[..bytes.len()].copy_from_slice(&bytes);
            engine.receive(pipe.key, bytes.len(), now);
        }
        (None, Some(End::Eof)) => engine.end(pipe.key, now),
        (None, Some(End::Reset)) => engine.fail(pipe.key, now),
        (None, None) => {}
    }
}

/// The number of an id: the place at which it first came up.
fn number<T: PartialEq>(list: &mut Vec<T>, id: T) -> usize {
    list.iter().position(|known| *known == id).unwrap_or_else(|| {
        list.push(id);
        list.len() - 1
    })
}

fn attached(turn: &Turn, run: Run) -> String {
    match turn.run_of(run) {
        [] => String::new(),
        spans => {
            format!(" with {:?}", spans.iter().map(|span| turn.bytes_of(*span)).collect::<Vec<_>>())
        }
    }
}

/// What an error is about.
fn kind<T: std::fmt::Debug>(outcome: Result<T>) -> ErrorKind {
    outcome.unwrap_err().kind()
}
