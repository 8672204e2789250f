//! The command line.

use std::{fmt::Display, net::SocketAddrV4, str::FromStr};

pub const USAGE: &str = "load MODE --url ws://127.0.0.1:PORT/PATH [options]
modes: echo fanout rooms idle slow churn storm
  --protocol ws|socketio|raw (ws)   --server-pid PID           --server-core N (0)
  --connections N (64)              --size BYTES (64)          --depth MESSAGES (1)
  --seconds S (1)                   --warmup SECONDS (0.4)     --repeat WINDOWS (1)
  --publishers N (1)                --rooms N (1)              --rate MESSAGES_A_SECOND (0: closed loop)
  --messages N (3)                  --concurrency N (32)       --returning N (1000)
  --spread SECONDS (1)              --spin                     --browser";

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Echo,
    Fanout,
    Rooms,
    Idle,
    Slow,
    Churn,
    Storm,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Protocol {
    /// No handshake and no masks: for the kernel's floor.
    Raw,
    WebSocket,
    SocketIo,
}

#[derive(Clone)]
pub struct Options {
    pub mode: Mode,
    pub address: SocketAddrV4,
    pub path: String,
    pub protocol: Protocol,
    pub server_pid: Option<u32>,
    pub server_core: usize,
    pub connections: usize,
    pub size: usize,
    pub depth: usize,
    pub seconds: f64,
    pub warmup: f64,
    pub repeat: usize,
    pub publishers: usize,
    pub rooms: usize,
    /// Messages a second at fixed times, or 0: the next when one has arrived.
    pub rate: f64,
    pub messages: usize,
    pub concurrency: usize,
    /// Clients that are cut and come back, and the time over which they begin to.
    pub returning: usize,
    pub spread: f64,
    /// Never to sleep in the wait, so that the server's sends need not wake us.
    pub spin: bool,
    /// Handshakes as long as those of browsers.
    pub browser: bool,
}

impl Options {
    pub fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mode = match arguments.next().as_deref() {
            Some("echo") => Mode::Echo,
            Some("fanout") => Mode::Fanout,
            Some("rooms") => Mode::Rooms,
            Some("idle") => Mode::Idle,
            Some("slow") => Mode::Slow,
            Some("churn") => Mode::Churn,
            Some("storm") => Mode::Storm,
            _ => return Err(USAGE.into()),
        };
        let mut options = Options {
            mode,
            address: SocketAddrV4::new([127, 0, 0, 1].into(), 80),
            path: "/".into(),
            protocol: Protocol::WebSocket,
            server_pid: None,
            server_core: 0,
            connections: 64,
            size: 64,
            depth: 1,
            seconds: 1.0,
            warmup: 0.4,
            repeat: 1,
            publishers: 1,
            rooms: 1,
            rate: 0.0,
            messages: 3,
            concurrency: 32,
            returning: 1000,
            spread: 1.0,
            spin: false,
            browser: false,
        };
        while let Some(name) = arguments.next() {
            match &*name {
                "--spin" => options.spin = true,
                "--browser" => options.browser = true,
                _ => {
                    let value = arguments.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
                    options.set(&name, &value).map_err(|error| format!("{name} {value}: {error}"))?;
                }
            }
        }
        options.check()?;
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--url" => self.set_url(value)?,
            "--protocol" => {
                self.protocol = match value {
                    "raw" => Protocol::Raw,
                    "ws" => Protocol::WebSocket,
                    "socketio" => Protocol::SocketIo,
                    _ => return Err("no such protocol".into()),
                }
            }
            "--server-pid" => self.server_pid = Some(number(value)?),
            "--server-core" => self.server_core = number(value)?,
            "--connections" => self.connections = number(value)?,
            "--size" => self.size = number(value)?,
            "--depth" => self.depth = number(value)?,
            "--seconds" => self.seconds = number(value)?,
            "--warmup" => self.warmup = number(value)?,
            "--repeat" => self.repeat = number(value)?,
            "--publishers" => self.publishers = number(value)?,
            "--rooms" => self.rooms = number(value)?,
            "--rate" => self.rate = number(value)?,
            "--messages" => self.messages = number(value)?,
            "--concurrency" => self.concurrency = number(value)?,
            "--returning" => self.returning = number(value)?,
            "--spread" => self.spread = number(value)?,
            _ => return Err(format!("no such option\n{USAGE}")),
        }
        Ok(())
    }

    fn set_url(&mut self, url: &str) -> Result<(), String> {
        let rest = url.strip_prefix("ws://").ok_or("begins with ws://")?;
        let (address, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        self.address = number(address)?;
        if !self.address.ip().is_loopback() {
            return Err("only the loopback is loaded".into());
        }
        self.path = path.into();
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let counts = [self.connections, self.depth, self.publishers, self.rooms, self.concurrency];
        if counts.contains(&0) || self.seconds <= 0.0 || self.warmup < 0.0 {
            return Err("counts and seconds are positive".into());
        }
        if !self.connections.is_multiple_of(self.rooms) {
            return Err("--connections is a multiple of --rooms".into());
        }
        Ok(())
    }

    pub fn masked(&self) -> bool {
        self.protocol != Protocol::Raw
    }

    /// The payload that carries `body`, as the protocol has it.
    pub fn event(&self, name: &str, body: &[u8]) -> Vec<u8> {
        match self.protocol {
            Protocol::SocketIo => [b"42[\"", name.as_bytes(), b"\",\"", body, b"\"]"].concat(),
            _ => body.to_vec(),
        }
    }

    /// The payload that enters a room.
    pub fn join(&self, room: &str) -> Vec<u8> {
        match self.protocol {
            Protocol::SocketIo => self.event("join", room.as_bytes()),
            _ => format!("j:{room}").into_bytes(),
        }
    }
}

fn number<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Bytes that look like somebody's words.
pub fn words(length: usize) -> Vec<u8> {
    b"abcdefghijklmnopqrstuvwxyz 0123456789".iter().copied().cycle().take(length).collect()
}
