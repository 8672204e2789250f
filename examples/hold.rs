//! Holds many WebSocket connections in one room of a chat server, lets one of
//! them speak, and sees that all of them hear it once and in order.
//!
//! `hold --connect 127.0.0.1:PORT [--connections 10000] [--path /] [--rounds 10] [--server-pid PID]`
//!
//! It speaks the JSON dialect by hand, over mio, with a frame parser that knows
//! only what a server of this test may send: it shares no code with the library
//! that it measures. The server joins a client to the room named in
//! `{"event":"join","data":"hall","id":1}`, answers `{"ack":1,…}`, and tells all
//! members, the speaker included, `{"event":"said","data":…}` for a `say`.
//! `tests/hold` starts both and judges by the exit status.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    collections::HashMap,
    fmt::Display,
    io::{self, Read, Write},
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};
use serde_json::Value;

/// The example handshake of RFC 6455, section 1.3; a client that measures need not be unpredictable.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Handshakes under way at once, so that the server's backlog does not overflow.
const MOST_AT_ONCE: usize = 512;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const USAGE: &str = "usage: hold --connect ADDRESS:PORT [--connections N] [--path /PATH] [--rounds N] \
    [--timeout-s N] [--server-pid PID]";

type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    match Options::from_arguments().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("hold: {problem}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    address: SocketAddr,
    connections: usize,
    path: String,
    rounds: usize,
    timeout: Duration,
    server: Option<u32>,
}

impl Options {
    fn from_arguments() -> Outcome<Self> {
        let mut given = HashMap::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            given.insert(name, arguments.next().ok_or(USAGE)?);
        }
        let mut take = |name: &str, default: &str| given.remove(name).unwrap_or_else(|| default.to_owned());
        let options = Self {
            address: number("--connect", &take("--connect", ""))?,
            connections: number("--connections", &take("--connections", "10000"))?,
            path: take("--path", "/"),
            rounds: number("--rounds", &take("--rounds", "10"))?,
            timeout: Duration::from_secs(number("--timeout-s", &take("--timeout-s", "60"))?),
            server: match take("--server-pid", "") {
                none if none.is_empty() => None,
                pid => Some(number("--server-pid", &pid)?),
            },
        };
        match given.keys().next() {
            Some(name) => Err(format!("unknown option {name}\n{USAGE}")),
            None => Ok(options),
        }
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Outcome<T> {
    text.parse().map_err(|_| format!("{name} cannot be {text:?}\n{USAGE}"))
}

fn run(options: &Options) -> Outcome<()> {
    let memory_before = resident_bytes(options.server)?;
    let mut crowd = Crowd::new(options)?;

    let started = Instant::now();
    crowd.connect_all()?;
    println!("connected   {} in {}", options.connections, ms(started.elapsed()));
    let started = Instant::now();
    for id in 0..options.connections {
        crowd.clients[id].send(r#"{"event":"join","data":"hall","id":1}"#)?;
    }
    crowd.until("joined", |client| client.stage == Stage::Joined)?;
    println!("joined      {} in {}", options.connections, ms(started.elapsed()));
    let memory_held = resident_bytes(options.server)?;

    let mut times = Vec::new();
    for round in 0..options.rounds {
        let speaker = round * options.connections / options.rounds;
        let started = Instant::now();
        crowd.clients[speaker].send(&format!(r#"{{"event":"say","data":"{round}"}}"#))?;
        crowd.until("heard it", |client| client.heard > round)?;
        times.push(started.elapsed());
    }
    let memory_after = resident_bytes(options.server)?;

    // Whatever was sent twice in the last round lies before the answer to the close frame.
    let started = Instant::now();
    for client in &mut crowd.clients {
        client.send_frame(CLOSE, &1000u16.to_be_bytes())?;
        client.stage = Stage::Closing;
    }
    crowd.until("closed", |client| client.stage == Stage::Closed)?;
    println!("closed      {} in {}", options.connections, ms(started.elapsed()));
    if let Some(client) = crowd.clients.iter().find(|client| client.heard != options.rounds) {
        return Err(format!("a client heard {} messages instead of {}", client.heard, options.rounds));
    }

    let first = times.first().copied().unwrap_or_default();
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    println!(
        "broadcast   said until all have it: first {}, median {}, worst {}",
        ms(first),
        ms(middle),
        ms(worst)
    );
    if let (Some(before), Some(held), Some(after)) = (memory_before, memory_held, memory_after) {
        let each = held.saturating_sub(before) / options.connections as u64;
        println!("memory      {} before, {} held: {each} bytes a connection", kib(before), kib(held));
        println!("            {} after {} broadcasts", kib(after), options.rounds);
    }
    Ok(())
}

/// All clients and the loop that reads them.
struct Crowd<'a> {
    options: &'a Options,
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    /// One buffer for all reads; what is left of a frame waits in the client.
    received: Vec<u8>,
    deadline: Instant,
}

impl<'a> Crowd<'a> {
    fn new(options: &'a Options) -> Outcome<Self> {
        Ok(Self {
            options,
            poll: Poll::new().map_err(told("cannot poll"))?,
            events: Events::with_capacity(4096),
            clients: Vec::with_capacity(options.connections),
            received: vec![0; 64 << 10],
            deadline: Instant::now() + options.timeout,
        })
    }

    fn connect_all(&mut self) -> Outcome<()> {
        let entered = |client: &Client| client.stage == Stage::Entered;
        let mut done = 0;
        while done < self.options.connections {
            while self.clients.len() < self.options.connections.min(done + MOST_AT_ONCE) {
                let mut stream = TcpStream::connect(self.options.address).map_err(told("cannot connect"))?;
                let token = Token(self.clients.len());
                let interests = Interest::READABLE | Interest::WRITABLE;
                self.poll
                    .registry()
                    .register(&mut stream, token, interests)
                    .map_err(told("cannot register"))?;
                self.clients.push(Client::new(stream));
            }
            self.turn("entered")?;
            done += self.clients[done..].iter().take_while(|client| entered(client)).count();
        }
        Ok(())
    }

    fn until(&mut self, goal: &str, reached: impl Fn(&Client) -> bool) -> Outcome<()> {
        // Those before `done` are there: a turn costs what it read, not a walk over all.
        let mut done = 0;
        loop {
            done += self.clients[done..].iter().take_while(|client| reached(client)).count();
            if done == self.clients.len() {
                return Ok(());
            }
            self.turn(goal).map_err(|problem| {
                let there = self.clients.iter().filter(|client| reached(client)).count();
                format!("{there} of {} {goal}: {problem}", self.clients.len())
            })?;
        }
    }

    /// Waits for the network once and takes what came.
    fn turn(&mut self, goal: &str) -> Outcome<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("time is up, not all {goal} within {} s", self.options.timeout.as_secs()));
        }
        match self.poll.poll(&mut self.events, Some(left)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            answer => answer.map_err(told("cannot poll"))?,
        }
        for event in &self.events {
            let id = event.token().0;
            let client = &mut self.clients[id];
            let told = |problem| format!("client {id}: {problem}");
            if client.stage == Stage::Connecting && event.is_writable() {
                client.ask(self.options).map_err(told)?;
            }
            if event.is_readable() {
                client.read(&mut self.received).map_err(told)?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// TCP is under way.
    Connecting,
    /// The request is sent, the 101 is not here.
    Asked,
    /// The 101 is here, the connect event is not.
    Accepted,
    /// The connect event is here.
    Entered,
    /// The ack of the join is here.
    Joined,
    /// A close frame is sent.
    Closing,
    /// It is answered.
    Closed,
}

struct Client {
    stream: TcpStream,
    stage: Stage,
    /// The broadcasts received; the next one must carry this number.
    heard: usize,
    /// The beginning of a head or frame that has not arrived whole.
    partial: Vec<u8>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        Self { stream, stage: Stage::Connecting, heard: 0, partial: Vec::new() }
    }

    fn ask(&mut self, options: &Options) -> Outcome<()> {
        if let Some(error) = self.stream.take_error().map_err(told("no state"))? {
            return Err(format!("cannot connect: {error}"));
        }
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            options.path, options.address
        );
        self.stage = Stage::Asked;
        self.write(request.as_bytes())
    }

    fn send(&mut self, text: &str) -> Outcome<()> {
        self.send_frame(TEXT, text.as_bytes())
    }

    fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> Outcome<()> {
        let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
        if payload.len() > 125 {
            return Err(format!("{} bytes are more than this client can send", payload.len()));
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.write(&frame)
    }

    /// What a client of this test says always fits the kernel's buffer.
    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        match self.stream.write(bytes) {
            Ok(written) if written == bytes.len() => Ok(()),
            Ok(written) => Err(format!("the kernel took {written} of {} bytes", bytes.len())),
            Err(error) => Err(format!("cannot write: {error}")),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Outcome<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) if matches!(self.stage, Stage::Closed) => return Ok(()),
                Ok(0) => return Err(format!("the server ended the connection while {:?}", self.stage)),
                Ok(length) => self.take(&buffer[..length])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("cannot read while {:?}: {error}", self.stage)),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Outcome<()> {
        let mut earlier = std::mem::take(&mut self.partial);
        let mut rest = if earlier.is_empty() {
            bytes
        } else {
            earlier.extend_from_slice(bytes);
            &earlier[..]
        };
        if self.stage == Stage::Asked {
            let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
                self.partial = rest.to_vec();
                return Ok(());
            };
            let head = String::from_utf8_lossy(&rest[..end]);
            let accepted = head.lines().filter_map(|line| line.split_once(':')).any(|(name, value)| {
                name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
            });
            if !head.starts_with("HTTP/1.1 101 ") || !accepted {
                return Err(format!("the handshake was answered by {head:?}"));
            }
            self.stage = Stage::Accepted;
            rest = &rest[end + 4..];
        }
        while let Some((opcode, payload, length)) = frame(rest)? {
            self.hear(opcode, payload)?;
            rest = &rest[length..];
        }
        self.partial = rest.to_vec();
        Ok(())
    }

    fn hear(&mut self, opcode: u8, payload: &[u8]) -> Outcome<()> {
        match opcode {
            TEXT => self.hear_message(payload),
            PING => self.send_frame(PONG, payload),
            CLOSE if self.stage == Stage::Closing => {
                self.stage = Stage::Closed;
                Ok(())
            }
            CLOSE => Err(format!("the server closed with {:?}", payload)),
            other => Err(format!("a frame with opcode {other}")),
        }
    }

    fn hear_message(&mut self, payload: &[u8]) -> Outcome<()> {
        let message: Value = serde_json::from_slice(payload).map_err(told("not JSON"))?;
        let stage = match (self.stage, message["event"].as_str(), message["ack"].as_u64()) {
            (Stage::Accepted, Some("connect"), None) => Stage::Entered,
            (Stage::Entered, None, Some(1)) => Stage::Joined,
            (Stage::Joined | Stage::Closing, Some("said"), None)
                if message["data"].as_str() == Some(&self.heard.to_string()) =>
            {
                self.heard += 1;
                self.stage
            }
            _ => {
                let text = String::from_utf8_lossy(payload);
                return Err(format!("{:?}, {} heard, and then came {text}", self.stage, self.heard));
            }
        };
        self.stage = stage;
        Ok(())
    }
}

/// The frame that begins here, if it is whole: opcode, payload, length in all.
fn frame(bytes: &[u8]) -> Outcome<Option<(u8, &[u8], usize)>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (header, length) = match (second, rest) {
        (0..=125, _) => (2, usize::from(*second)),
        (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        (126, _) => return Ok(None),
        _ => return Err(format!("a frame of 64 KiB or masked: {first:#x} {second:#x}")),
    };
    if first & 0xf0 != 0x80 {
        return Err(format!("a fragment or reserved bits: {first:#x}"));
    }
    Ok(bytes.get(header..header + length).map(|payload| (first & 0x0f, payload, header + length)))
}

/// What the server's process holds in memory, as Linux tells it.
fn resident_bytes(pid: Option<u32>) -> Outcome<Option<u64>> {
    let Some(pid) = pid else { return Ok(None) };
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).map_err(told(&path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| Some(kib << 10)).ok_or_else(|| format!("{path} tells no VmRSS"))
}

fn told<E: Display>(what: &str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes >> 10)
}
