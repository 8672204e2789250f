//! Connects, upgrades (Socket.IO: up to the namespace's answer), says goodbye
//! with a close frame, waits for the server's end, and again.

use std::{os::fd::OwnedFd, time::Duration};

use rustix::{
    event::epoll::Event,
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::{
    connections::{self, Stage},
    handshake,
    histogram::Histogram,
    machine::{nanoseconds, now},
    options::{Options, Protocol},
    websocket::{self, CLOSE, Parser, TEXT, Unit},
    window::{self, Load},
};

/// Source addresses in turn, so that none runs out of ports.
const ADDRESSES: u64 = 120;
const READ_BYTES: usize = 16 << 10;
const PATIENCE_SECONDS: f64 = 3.0;

pub fn run(options: &Options) -> Result<(), String> {
    if options.protocol == Protocol::Raw {
        return Err("churn has no raw form".into());
    }
    let mut churn = Churn {
        options,
        epoll: connections::new_epoll()?,
        ready: Vec::with_capacity(1024),
        visitors: Vec::new(),
        request: handshake::request(options),
        close: websocket::frame(CLOSE, &1000u16.to_be_bytes(), true),
        enter: websocket::frame(TEXT, b"40", true),
        opened: 0,
        count: 0,
        resets: 0,
        progress: now(),
        histogram: Histogram::new(),
    };
    for at in 0..options.concurrency {
        let visitor = churn.visitor(at)?;
        churn.visitors.push(visitor);
    }
    window::run(&mut churn, options)
}

struct Churn<'a> {
    options: &'a Options,
    epoll: OwnedFd,
    ready: Vec<Event>,
    visitors: Vec<Visitor>,
    request: Vec<u8>,
    close: Vec<u8>,
    enter: Vec<u8>,
    opened: u64,
    count: u64,
    /// Connections that ended before their handshake.
    resets: u64,
    progress: u64,
    histogram: Histogram,
}

/// One connection, from its first packet to its last; `Ready` is it once it has said goodbye.
struct Visitor {
    socket: OwnedFd,
    stage: Stage,
    since: u64,
    head: Vec<u8>,
    parser: Parser,
}

impl Churn<'_> {
    fn visitor(&mut self, at: usize) -> Result<Visitor, String> {
        let since = now();
        let socket = handshake::connect_from((2 + self.opened % ADDRESSES) as u8, self.options)?;
        self.opened += 1;
        // On the loopback the connection mostly stands already.
        let sent = send(&socket, &self.request, SendFlags::NOSIGNAL).is_ok();
        connections::add(&self.epoll, &socket, at, !sent);
        let stage = if sent { Stage::Upgrading } else { Stage::Connecting };
        Ok(Visitor { socket, stage, since, head: Vec::new(), parser: Parser::default() })
    }

    /// Reads; whether the connection is over.
    fn read(&mut self, at: usize) -> Result<bool, String> {
        let visitor = &mut self.visitors[at];
        let mut bytes = [0; READ_BYTES];
        let length = match recv(&visitor.socket, &mut bytes[..], RecvFlags::empty()) {
            Ok((_, length)) if length > 0 => length,
            Err(Errno::AGAIN) => return Ok(false),
            _ => return Ok(true),
        };
        let mut rest = &bytes[..length];
        if visitor.stage == Stage::Upgrading {
            visitor.head.extend_from_slice(rest);
            let Some(end) = handshake::response_length(&visitor.head)? else { return Ok(false) };
            rest = &rest[length - (visitor.head.len() - end)..];
            visitor.stage = Stage::Opening;
            if self.options.protocol == Protocol::WebSocket {
                self.goodbye(at);
            }
        }
        let (mut opened, mut entered, mut closed) = (false, false, false);
        self.visitors[at].parser.feed(rest, &mut |unit| match unit {
            Unit::Message { head: [b'0', b'{', ..], .. } => opened = true,
            Unit::Message { head: [b'4', b'0', ..], .. } => entered = true,
            Unit::Control { opcode: CLOSE, .. } => closed = true,
            _ => {}
        })?;
        if opened {
            self.visitors[at].stage = Stage::Entering;
            let _ = send(&self.visitors[at].socket, &self.enter, SendFlags::NOSIGNAL);
        }
        if entered {
            self.goodbye(at);
        }
        Ok(closed)
    }

    fn goodbye(&mut self, at: usize) {
        let visitor = &mut self.visitors[at];
        visitor.stage = Stage::Ready;
        self.histogram.add(now() - visitor.since);
        self.count += 1;
        let _ = send(&visitor.socket, &self.close, SendFlags::NOSIGNAL);
    }
}

impl Load for Churn<'_> {
    fn turn(&mut self) -> Result<(), String> {
        let longest = Duration::from_millis(if self.options.spin { 0 } else { 20 });
        for event in 0..connections::wait_for(&self.epoll, &mut self.ready, longest) {
            let at = self.ready[event].data.u64() as usize;
            if self.visitors[at].stage == Stage::Connecting {
                let visitor = &mut self.visitors[at];
                visitor.stage = Stage::Upgrading;
                connections::change(&self.epoll, &visitor.socket, at, false);
                send(&visitor.socket, &self.request, SendFlags::NOSIGNAL)
                    .map_err(|error| format!("the request: {error}"))?;
            } else if self.read(at)? {
                self.resets += u64::from(self.visitors[at].stage != Stage::Ready);
                self.progress = now();
                self.visitors[at] = self.visitor(at)?;
            }
        }
        match now() - self.progress > nanoseconds(PATIENCE_SECONDS) {
            true => Err(format!("no connection ended for {PATIENCE_SECONDS} s")),
            false => Ok(()),
        }
    }

    fn begin(&mut self) {
        self.histogram.clear();
        self.count = 0;
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn figures(&self) -> String {
        format!("{},\"resets\":{}", self.histogram.figures(), self.resets)
    }

    fn stop(&mut self) {}

    /// Visitors come and go; none is waited for.
    fn is_home(&self) -> bool {
        true
    }

    fn fault(&self) -> Option<String> {
        (self.resets > 0).then(|| format!("{} connections ended before their handshake", self.resets))
    }
}
