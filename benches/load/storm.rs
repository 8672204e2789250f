//! Clients that were connected are cut and come back, all within a second,
//! while older ones stay in a room and hear what is said there.
//!
//! Who comes back is back when its room has taken it in. With Socket.IO it
//! begins on polling, as the protocol's own clients do, and moves: handshake,
//! CONNECT by POST, the answer by a poll, a probe on a WebSocket, the last poll
//! answered, upgrade.

use std::{os::fd::OwnedFd, time::Duration};

use rustix::{
    event::epoll::{self, EventFlags},
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::{
    broadcast::Broadcast,
    connections::{self, Connections},
    handshake,
    machine::{self, nanoseconds, now},
    options::{Mode, Options, Protocol},
    websocket::{self, CLOSE, PING, PONG, Parser, TEXT, Unit},
    window::Load,
};

const READ_BYTES: usize = 16 << 10;
/// Handshakes that are dealt with before the next connects are looked at.
const READY_AT_ONCE: usize = 128;
/// Connects that are begun before answers are looked at.
const STARTED_AT_ONCE: usize = 64;
/// Their room, which is not that of the old.
const BACK: &str = "back";
const PATIENCE_SECONDS: f64 = 60.0;

pub fn run(options: &Options) -> Result<(), String> {
    let before = Options { connections: options.returning, ..options.clone() };
    let mut before = Connections::open(&before)?;
    before.ask_all(|_| websocket::frame(TEXT, &options.join(BACK), true))?;

    let mut old = Broadcast::open(&Options { mode: Mode::Fanout, spin: true, ..options.clone() })?;
    let end = now() + nanoseconds(options.warmup);
    while now() < end {
        old.turn()?;
    }
    old.begin();
    let overflows = machine::listen_overflows();
    // Closed with resets, all in one go.
    drop(before);

    let mut crowd = Crowd::new(options)?;
    let give_up = now() + nanoseconds(PATIENCE_SECONDS);
    while crowd.back < options.returning && now() < give_up && old.fault().is_none() {
        crowd.turn()?;
        old.turn()?;
    }
    let in_storm = format!("{},\"deliveries\":{}", old.figures(), old.count());
    println!(
        "{{\"returning\":{},\"back\":{},\"started_s\":{:.3},\"back_s\":{:.3},\"overflows\":{},\"old\":{},{in_storm}}}",
        options.returning,
        crowd.back,
        crowd.seconds_until(crowd.last_start),
        crowd.seconds_until(crowd.last_back),
        machine::listen_overflows() - overflows,
        options.connections,
    );
    if crowd.back < options.returning {
        let left = options.returning - crowd.back;
        return Err(old.fault().unwrap_or(format!("{left} have not come back in {PATIENCE_SECONDS} s")));
    }
    // Old and new stay, and answer heartbeats.
    let end = now() + nanoseconds(options.seconds);
    while now() < end && old.fault().is_none() {
        crowd.turn()?;
        old.turn()?;
    }
    old.stop();
    let give_up = now() + nanoseconds(10.0);
    while !old.is_home() && now() < give_up && old.fault().is_none() {
        crowd.turn()?;
        old.turn()?;
    }
    match old.fault() {
        Some(fault) => Err(format!("the old: {fault}")),
        None if !old.is_home() => Err("the old have not heard everything".into()),
        None => Ok(()),
    }
}

/// Those who come back.
struct Crowd<'a> {
    options: &'a Options,
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
    clients: Vec<Client>,
    start: u64,
    last_start: u64,
    last_back: u64,
    back: usize,
}

/// Its WebSocket, and before that its polling.
struct Client {
    polling: Option<Polling>,
    socket: Option<Socket>,
    /// The probe is answered, and so is the last poll: the two halves of an upgrade.
    probed: bool,
    paused: bool,
}

/// One connection that carries a session's requests, one after the other.
struct Polling {
    socket: OwnedFd,
    answered: Answered,
    bytes: Vec<u8>,
    sid: String,
    connecting: bool,
}

/// What the request was whose answer comes next.
#[derive(Clone, Copy, PartialEq)]
enum Answered {
    Handshake,
    Post,
    Poll,
}

struct Socket {
    socket: OwnedFd,
    stage: Stage,
    bytes: Vec<u8>,
    parser: Parser,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Connecting,
    Asked,
    Open,
    Back,
}

impl<'a> Crowd<'a> {
    fn new(options: &'a Options) -> Result<Crowd<'a>, String> {
        let start = now();
        Ok(Crowd {
            options,
            epoll: connections::new_epoll()?,
            ready: Vec::with_capacity(READY_AT_ONCE),
            clients: Vec::with_capacity(options.returning),
            start,
            last_start: start,
            last_back: start,
            back: 0,
        })
    }

    fn seconds_until(&self, at: u64) -> f64 {
        (at - self.start) as f64 / 1e9
    }

    fn turn(&mut self) -> Result<(), String> {
        self.start_due()?;
        for ready in 0..connections::wait_for(&self.epoll, &mut self.ready, Duration::ZERO) {
            let event = self.ready[ready];
            let (token, flags) = (event.data.u64() as usize, event.flags);
            // Two to a client: its polling and its WebSocket.
            let (at, polls) = (token / 2, token % 2 == 0);
            let writable = flags.contains(EventFlags::OUT);
            let done = if polls { self.polling(at, writable) } else { self.socket(at, writable) };
            done.map_err(|why| format!("client {at} of those who come back: {why}"))?;
        }
        Ok(())
    }

    /// Begins the connections whose time has come.
    fn start_due(&mut self) -> Result<(), String> {
        let share = (now() - self.start) as f64 / nanoseconds(self.options.spread).max(1) as f64;
        let due = (share * self.options.returning as f64) as usize + 1;
        let due = due.min(self.options.returning).min(self.clients.len() + STARTED_AT_ONCE);
        while self.clients.len() < due {
            let at = self.clients.len();
            let mut client = Client { polling: None, socket: None, probed: false, paused: false };
            let socket = handshake::connect_fast(self.options)?;
            if self.options.protocol == Protocol::SocketIo {
                connections::add(&self.epoll, &socket, 2 * at, true);
                let (bytes, sid) = (Vec::new(), String::new());
                let answered = Answered::Handshake;
                client.polling = Some(Polling { socket, answered, bytes, sid, connecting: true });
            } else {
                connections::add(&self.epoll, &socket, 2 * at + 1, true);
                client.socket = Some(Socket::new(socket));
            }
            self.clients.push(client);
            self.last_start = now();
        }
        Ok(())
    }

    fn polling(&mut self, at: usize, writable: bool) -> Result<(), String> {
        let client = &mut self.clients[at];
        let Some(polling) = &mut client.polling else { return Ok(()) };
        if polling.connecting {
            if writable {
                polling.connecting = false;
                connections::change(&self.epoll, &polling.socket, 2 * at, false);
                polling.request(self.options, "GET", "")?;
            }
            return Ok(());
        }
        let Some(body) = polling.answer()? else { return Ok(()) };
        match polling.answered {
            Answered::Handshake => {
                let sid = body.split_once("\"sid\":\"").and_then(|(_, rest)| rest.split_once('"'));
                polling.sid = sid.ok_or_else(|| format!("no session: {body}"))?.0.to_owned();
                polling.answered = Answered::Post;
                polling.request(self.options, "POST", "40")
            }
            Answered::Post => {
                polling.answered = Answered::Poll;
                polling.request(self.options, "GET", "")
            }
            Answered::Poll => {
                let mut packets = body.split('\x1e');
                let entered = packets.clone().any(|packet| packet.starts_with("40"));
                if packets.clone().any(|packet| packet == "2") {
                    polling.answered = Answered::Post;
                    polling.request(self.options, "POST", "3")?;
                } else if packets.any(|packet| packet == "6") {
                    client.paused = true;
                    return self.upgrade(at);
                } else {
                    polling.request(self.options, "GET", "")?;
                }
                if entered {
                    let socket = handshake::connect_fast(self.options)?;
                    connections::add(&self.epoll, &socket, 2 * at + 1, true);
                    self.clients[at].socket = Some(Socket::new(socket));
                }
                Ok(())
            }
        }
    }

    fn socket(&mut self, at: usize, writable: bool) -> Result<(), String> {
        let client = &mut self.clients[at];
        let Some(socket) = &mut client.socket else { return Ok(()) };
        if socket.stage == Stage::Connecting {
            if writable {
                socket.stage = Stage::Asked;
                connections::change(&self.epoll, &socket.socket, 2 * at + 1, false);
                let sid = client
                    .polling
                    .as_ref()
                    .map(|polling| format!("{}&sid={}", self.options.path, polling.sid));
                let path = sid.as_deref().unwrap_or(&self.options.path);
                send_all(&socket.socket, &handshake::request_for(path, self.options))?;
            }
            return Ok(());
        }
        let asked = socket.stage == Stage::Asked;
        let said = socket.read()?;
        if asked && socket.stage == Stage::Open {
            let first = if client.polling.is_some() { b"2probe".to_vec() } else { self.options.join(BACK) };
            socket.send(&first)?;
        }
        for message in said {
            match (socket.stage, &message[..]) {
                (Stage::Open, b"3probe") => client.probed = true,
                (_, b"2") if self.options.protocol == Protocol::SocketIo => socket.send(b"3")?,
                (Stage::Open, b"j:back" | b"42[\"joined\",\"back\"]") => {
                    socket.stage = Stage::Back;
                    self.back += 1;
                    self.last_back = now();
                }
                _ => {}
            }
        }
        self.upgrade(at)
    }

    /// Once both halves are there.
    fn upgrade(&mut self, at: usize) -> Result<(), String> {
        let client = &mut self.clients[at];
        if client.probed
            && client.paused
            && client.polling.take().is_some()
            && let Some(socket) = &client.socket
        {
            socket.send(b"5")?;
            socket.send(&self.options.join(BACK))?;
        }
        Ok(())
    }
}

impl Polling {
    fn request(&self, options: &Options, method: &str, body: &str) -> Result<(), String> {
        let path = options.path.replace("transport=websocket", "transport=polling");
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        let length =
            if method == "POST" { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
        let request =
            format!("{method} {path}{sid} HTTP/1.1\r\nHost: {}\r\n{length}\r\n{body}", options.address);
        send_all(&self.socket, request.as_bytes())
    }

    /// The body of the answer, once it is whole.
    fn answer(&mut self) -> Result<Option<String>, String> {
        receive(&self.socket, &mut self.bytes)?;
        let text = String::from_utf8_lossy(&self.bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(None) };
        if !head.starts_with("HTTP/1.1 200") {
            return Err(text.into_owned());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        let whole = body.get(..length.ok_or("an answer without a length")?).map(str::to_owned);
        if whole.is_some() {
            // One request at a time: nothing follows.
            self.bytes.clear();
        }
        Ok(whole)
    }
}

impl Socket {
    fn new(socket: OwnedFd) -> Socket {
        Socket { socket, stage: Stage::Connecting, bytes: Vec::new(), parser: Parser::default() }
    }

    fn send(&self, message: &[u8]) -> Result<(), String> {
        send_all(&self.socket, &websocket::frame(TEXT, message, true))
    }

    /// The messages that have come; pings are answered here.
    fn read(&mut self) -> Result<Vec<Vec<u8>>, String> {
        receive(&self.socket, &mut self.bytes)?;
        let mut begin = 0;
        if self.stage == Stage::Asked {
            let Some(end) = handshake::response_length(&self.bytes)? else { return Ok(Vec::new()) };
            (self.stage, begin) = (Stage::Open, end);
        }
        let (mut said, mut pongs, mut closed) = (Vec::new(), Vec::new(), None);
        self.parser.feed(&self.bytes[begin..], &mut |unit| match unit {
            Unit::Message { head, .. } => said.push(head.to_vec()),
            Unit::Control { opcode: PING, payload } => pongs.extend(websocket::frame(PONG, payload, true)),
            Unit::Control { opcode: CLOSE, payload } => closed = Some(payload.to_vec()),
            _ => {}
        })?;
        self.bytes.clear();
        if let Some(reason) = closed {
            return Err(format!("closed by the server: {}", String::from_utf8_lossy(&reason)));
        }
        send_all(&self.socket, &pongs)?;
        Ok(said)
    }
}

/// Appends what is there.
fn receive(socket: &OwnedFd, bytes: &mut Vec<u8>) -> Result<(), String> {
    let mut buffer = [0; READ_BYTES];
    match recv(socket, &mut buffer[..], RecvFlags::empty()) {
        Ok((_, 0)) => Err("cut by the server".into()),
        Ok((_, length)) => {
            bytes.extend_from_slice(&buffer[..length]);
            Ok(())
        }
        Err(Errno::AGAIN) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// What is sent here always fits.
fn send_all(socket: &OwnedFd, bytes: &[u8]) -> Result<(), String> {
    match send(socket, bytes, SendFlags::NOSIGNAL) {
        Ok(sent) if sent == bytes.len() => Ok(()),
        Ok(_) => Err("a send was cut short".into()),
        Err(error) => Err(error.to_string()),
    }
}
