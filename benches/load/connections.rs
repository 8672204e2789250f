//! The connections, their handshakes, and the system calls. One receive buffer
//! serves all.

use std::{os::fd::OwnedFd, time::Duration};

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
    time::Timespec,
};

use crate::{
    handshake,
    machine::{nanoseconds, now},
    options::{Options, Protocol},
    websocket::{self, Parser, Unit},
};

const RECEIVE_BYTES: usize = 256 << 10;
/// The largest message whose bytes are thrown away in one receive.
const THROWN_AWAY_BYTES: usize = 2 << 20;
/// Below this, throwing away costs more than looking.
const WORTH_THROWING_AWAY_BYTES: u64 = 16 << 10;
const HANDSHAKES_AT_ONCE: usize = 100;
const QUESTIONS_AT_ONCE: usize = 256;
const CONNECTIONS_OF_AN_ADDRESS: usize = 8_000;
const READS_OF_A_READINESS: usize = 8;

/// How far a connection is: the steps of Socket.IO's `Opening` (Engine.IO's
/// open packet) and `Entering` (the namespace's answer) only where it is spoken.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Stage {
    Connecting,
    Upgrading,
    Opening,
    Entering,
    Ready,
    Lost,
}

pub struct Connection {
    pub socket: OwnedFd,
    pub stage: Stage,
    /// The content was checked once: let the system throw it away unseen.
    pub unseen: bool,
    parser: Parser,
    /// The response's head, while it is incomplete.
    head: Vec<u8>,
    /// What waits for the system, and how much of it is sent.
    queue: Vec<u8>,
    sent: usize,
    /// Where in [`Connections::cycle`] it is, and the bytes of it still to send.
    cycle_at: usize,
    cycle_left: usize,
    waits_to_write: bool,
}

pub struct Event {
    pub at: usize,
    pub readable: bool,
    pub writable: bool,
}

pub struct Connections {
    pub all: Vec<Connection>,
    pub lost: usize,
    /// Whole frames that are sent over and over; the first is `cycle_frame` long.
    pub cycle: Vec<u8>,
    pub cycle_frame: usize,
    pub receives: u64,
    pub sends: u64,
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
    buffer: Vec<u8>,
    spin: bool,
    socketio: bool,
}

impl Connections {
    /// All that the options ask for, ready to speak.
    pub fn open(options: &Options) -> Result<Connections, String> {
        let mut connections = Connections {
            all: Vec::new(),
            lost: 0,
            cycle: Vec::new(),
            cycle_frame: 0,
            receives: 0,
            sends: 0,
            epoll: new_epoll()?,
            ready: Vec::with_capacity(1024),
            buffer: vec![0; THROWN_AWAY_BYTES],
            spin: options.spin,
            socketio: options.protocol == Protocol::SocketIo,
        };
        connections.shake_hands(options)?;
        Ok(connections)
    }

    /// At most [`HANDSHAKES_AT_ONCE`] at a time.
    fn shake_hands(&mut self, options: &Options) -> Result<(), String> {
        let request = handshake::request(options);
        let give_up = now() + nanoseconds(60.0);
        let mut ready = 0;
        while ready < options.connections {
            while self.all.len() < options.connections && self.all.len() - ready < HANDSHAKES_AT_ONCE {
                let source = 2 + self.all.len() / CONNECTIONS_OF_AN_ADDRESS;
                let connection = Connection::new(handshake::connect_from(source as u8, options)?);
                add(&self.epoll, &connection.socket, self.all.len(), true);
                self.all.push(connection);
            }
            if now() > give_up {
                return Err(format!("only {ready} of {} connections opened in 60 s", options.connections));
            }
            for event in 0..self.wait(Duration::from_secs(1)) {
                let Event { at, readable, writable } = self.event(event);
                if writable && self.all[at].stage == Stage::Connecting {
                    self.all[at].stage = Stage::Upgrading;
                    self.pump(at);
                    match options.protocol {
                        Protocol::Raw => self.all[at].stage = Stage::Ready,
                        _ => self.send(at, &request),
                    }
                    ready += usize::from(options.protocol == Protocol::Raw);
                } else if writable {
                    self.pump(at);
                }
                if readable {
                    ready += usize::from(self.shake_hand(at)?);
                }
            }
        }
        Ok(())
    }

    /// Reads one step of a handshake; `true` at its end.
    fn shake_hand(&mut self, at: usize) -> Result<bool, String> {
        let mut messages: Vec<Vec<u8>> = Vec::new();
        let keep = |unit: Unit| {
            if let Unit::Message { head, .. } = unit {
                messages.push(head.to_vec());
            }
        };
        if self.all[at].stage == Stage::Upgrading {
            if self.all[at].read_response(&mut self.buffer, keep)? {
                self.all[at].stage = if self.socketio { Stage::Opening } else { Stage::Ready };
                if !self.socketio {
                    return Ok(true);
                }
            }
        } else {
            self.read(at, keep);
        }
        for message in messages {
            match self.all[at].stage {
                Stage::Opening if message.starts_with(b"0{") => {
                    self.all[at].stage = Stage::Entering;
                    self.send(at, &websocket::frame(websocket::TEXT, b"40", true));
                }
                Stage::Entering if message.starts_with(b"40") => {
                    self.all[at].stage = Stage::Ready;
                    return Ok(true);
                }
                _ => {}
            }
        }
        match self.all[at].stage {
            Stage::Lost => Err(format!("connection {at} was closed in its handshake")),
            _ => Ok(false),
        }
    }

    /// Sends each connection's question and waits for one message back on each.
    pub fn ask_all(&mut self, question: impl Fn(usize) -> Vec<u8>) -> Result<(), String> {
        let mut unanswered: Vec<bool> = vec![true; self.all.len()];
        let (mut asked, mut answered) = (0, 0);
        let give_up = now() + nanoseconds(60.0);
        while answered < self.all.len() {
            while asked < self.all.len() && asked - answered < QUESTIONS_AT_ONCE {
                self.send(asked, &question(asked));
                asked += 1;
            }
            if now() > give_up || self.lost > 0 {
                let left = self.all.len() - answered;
                return Err(format!("{left} connections did not answer, {} lost", self.lost));
            }
            for event in 0..self.wait(Duration::from_millis(500)) {
                let Event { at, readable, writable } = self.event(event);
                if writable {
                    self.pump(at);
                }
                if readable {
                    let mut came = false;
                    self.read(at, |unit| came |= matches!(unit, Unit::Message { .. }));
                    answered += usize::from(came && std::mem::take(&mut unanswered[at]));
                }
            }
        }
        Ok(())
    }

    /// What is ready; the answer ends the borrow, so that each can be dealt with.
    pub fn wait(&mut self, longest: Duration) -> usize {
        wait_for(&self.epoll, &mut self.ready, if self.spin { Duration::ZERO } else { longest })
    }

    #[inline(always)]
    pub fn event(&self, at: usize) -> Event {
        let event = self.ready[at];
        let flags = event.flags;
        Event {
            at: event.data.u64() as usize,
            readable: flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP),
            writable: flags.contains(EventFlags::OUT),
        }
    }

    /// Sends `bytes`, or what fits of them, and the rest when it does.
    pub fn send(&mut self, at: usize, bytes: &[u8]) {
        let connection = &mut self.all[at];
        if connection.stage == Stage::Lost {
            return;
        }
        connection.queue.extend_from_slice(bytes);
        if !connection.waits_to_write {
            self.pump(at);
        }
    }

    /// Sends that many frames of the cycle.
    pub fn send_cycle(&mut self, at: usize, frames: usize) {
        self.all[at].cycle_left += frames * self.cycle_frame;
        if !self.all[at].waits_to_write {
            self.pump(at);
        }
    }

    /// Sends what waits: first the queue (only between frames of the cycle), then the cycle.
    pub fn pump(&mut self, at: usize) {
        let connection = &mut self.all[at];
        if matches!(connection.stage, Stage::Lost | Stage::Connecting) {
            return;
        }
        let full = loop {
            let queued = connection.cycle_at == 0 && connection.sent < connection.queue.len();
            let bytes = if queued {
                &connection.queue[connection.sent..]
            } else {
                let end = (connection.cycle_at + connection.cycle_left).min(self.cycle.len());
                &self.cycle[connection.cycle_at..end]
            };
            if bytes.is_empty() {
                break false;
            }
            self.sends += 1;
            let wanted = bytes.len();
            let sent = match send(&connection.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => sent,
                Err(Errno::AGAIN) => break true,
                Err(_) => return self.lose(at),
            };
            if queued {
                connection.sent += sent;
                if connection.sent == connection.queue.len() {
                    connection.queue.clear();
                    connection.sent = 0;
                }
            } else {
                connection.cycle_at = (connection.cycle_at + sent) % self.cycle_frame;
                connection.cycle_left -= sent;
            }
            if sent < wanted {
                break true;
            }
        };
        if full != connection.waits_to_write {
            connection.waits_to_write = full;
            change(&self.epoll, &connection.socket, at, full);
        }
    }

    /// Reads what is there and hands on each message; pings are answered here.
    #[inline(always)]
    pub fn read(&mut self, at: usize, mut each: impl FnMut(Unit)) {
        let connection = &mut self.all[at];
        if connection.stage == Stage::Lost {
            return;
        }
        let socketio = self.socketio;
        let (mut reply, mut over) = (Vec::new(), None);
        let mut each = |unit: Unit| match unit {
            Unit::Control { opcode: websocket::PING, payload } => {
                reply.extend(websocket::frame(websocket::PONG, payload, true))
            }
            Unit::Control { opcode: websocket::CLOSE, payload } => over = Some(payload.to_vec()),
            Unit::Message { head: b"2", .. } if socketio => {
                reply.extend(websocket::frame(websocket::TEXT, b"3", true))
            }
            Unit::Message { head: head @ [b'4', b'1' | b'4', ..], .. } if socketio => {
                over = Some(head.to_vec())
            }
            unit => each(unit),
        };
        let mut gone = false;
        for _ in 0..READS_OF_A_READINESS {
            self.receives += 1;
            match connection.receive(&mut self.buffer, &mut each) {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => {
                    eprintln!("load: connection {at}: {why}");
                    gone = true;
                    break;
                }
            }
        }
        if let Some(over) = over {
            eprintln!("load: connection {at}: the server ends it: {}", String::from_utf8_lossy(&over));
            gone = true;
        }
        if gone {
            self.lose(at);
        } else if !reply.is_empty() {
            self.send(at, &reply);
        }
    }
}

impl Connections {
    fn lose(&mut self, at: usize) {
        if self.all[at].stage != Stage::Lost {
            self.all[at].stage = Stage::Lost;
            let _ = epoll::delete(&self.epoll, &self.all[at].socket);
            self.lost += 1;
        }
    }
}

impl Connection {
    fn new(socket: OwnedFd) -> Connection {
        Connection {
            socket,
            stage: Stage::Connecting,
            unseen: false,
            parser: Parser::default(),
            head: Vec::new(),
            queue: Vec::new(),
            sent: 0,
            cycle_at: 0,
            cycle_left: 0,
            waits_to_write: true,
        }
    }

    pub fn has_to_send(&self) -> bool {
        self.sent < self.queue.len() || self.cycle_left > 0
    }

    /// One receive; whether there may be more.
    #[inline(always)]
    fn receive(&mut self, buffer: &mut [u8], each: &mut impl FnMut(Unit)) -> Result<bool, String> {
        let left = self.parser.payload_left();
        let unseen = self.unseen && (WORTH_THROWING_AWAY_BYTES..=THROWN_AWAY_BYTES as u64).contains(&left);
        let (room, flags) =
            if unseen { (left as usize, RecvFlags::TRUNC) } else { (RECEIVE_BYTES, RecvFlags::empty()) };
        let (_, length) = match recv(&self.socket, &mut buffer[..room], flags) {
            Ok((_, 0)) => return Err("closed by the server".into()),
            Ok(received) => received,
            Err(Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        if unseen {
            self.parser.skip(length as u64, each);
        } else {
            self.parser.feed(&buffer[..length], each)?;
        }
        Ok(length == room)
    }

    /// Reads the response to the upgrade; `true` once it is whole. What follows it goes to `each`.
    fn read_response(&mut self, buffer: &mut [u8], mut each: impl FnMut(Unit)) -> Result<bool, String> {
        let (_, length) = match recv(&self.socket, &mut buffer[..RECEIVE_BYTES], RecvFlags::empty()) {
            Ok((_, 0)) => return Err("closed by the server in the handshake".into()),
            Ok(received) => received,
            Err(Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        self.head.extend_from_slice(&buffer[..length]);
        let Some(end) = handshake::response_length(&self.head)? else { return Ok(false) };
        let head = std::mem::take(&mut self.head);
        self.parser.feed(&head[end..], &mut each)?;
        Ok(true)
    }
}

pub fn new_epoll() -> Result<OwnedFd, String> {
    epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|error| format!("epoll: {error}"))
}

pub fn add(epoll: &OwnedFd, socket: &OwnedFd, at: usize, writable: bool) {
    let _ = epoll::add(epoll, socket, EventData::new_u64(at as u64), interest(writable));
}

pub fn change(epoll: &OwnedFd, socket: &OwnedFd, at: usize, writable: bool) {
    let _ = epoll::modify(epoll, socket, EventData::new_u64(at as u64), interest(writable));
}

fn interest(writable: bool) -> EventFlags {
    if writable { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN }
}

/// How many are ready.
pub fn wait_for(epoll: &OwnedFd, ready: &mut Vec<epoll::Event>, longest: Duration) -> usize {
    ready.clear();
    let longest = Timespec { tv_sec: longest.as_secs() as i64, tv_nsec: longest.subsec_nanos().into() };
    epoll::wait(epoll, spare_capacity(ready), Some(&longest)).unwrap_or(0)
}
