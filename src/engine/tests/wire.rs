//! The other end of the wire: what clients write, a kernel that takes as much
//! as it is told to, and how to read what a server has sent.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, ErrorKind, IoSlice},
};

use crate::{
    codec::frame::{self, Opcode},
    engine::Wire,
};

/// How a client's end is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It has closed its end.
    Eof,
    /// The connection is broken.
    Reset,
}

/// One connection between a client and the server.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) key: u32,
    /// What the client has written, one read each.
    pub(super) inbound: VecDeque<Vec<u8>>,
    pub(super) end: Option<End>,
    /// How many bytes the kernel still takes from the server, and at once.
    pub(super) room: usize,
    pub(super) at_once: usize,
    /// The kernel has refused bytes and owes an edge.
    pub(super) refused: bool,
    /// Sending fails.
    pub(super) broken: bool,
    /// What the server has sent and the client has not read.
    pub(super) outbound: Vec<u8>,
    /// How often the server has asked the kernel to send.
    pub(super) writes: usize,
    /// The server has closed its end; it has dropped the connection.
    pub(super) finished: bool,
    pub(super) dropped: bool,
}

impl Pipe {
    pub(super) fn new(key: u32) -> Self {
        Self { key, room: usize::MAX, at_once: usize::MAX, ..Self::default() }
    }

    /// Whether the kernel would say that there is something to read.
    pub(super) fn is_readable(&self) -> bool {
        !self.dropped && (!self.inbound.is_empty() || self.end.is_some())
    }
}

/// All connections, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    pub(super) pipes: Vec<Pipe>,
    pub(super) by_key: HashMap<u32, usize>,
}

impl Wire for Kernel {
    fn send(&mut self, connection: u32, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let pipe = &mut self.pipes[self.by_key[&connection]];
        assert!(!pipe.finished && !pipe.dropped, "bytes behind the end");
        pipe.writes += 1;
        if pipe.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let bytes = pieces.iter().map(|piece| &**piece).collect::<Vec<_>>().concat();
        assert!(!bytes.is_empty(), "an empty send");
        let taken = bytes.len().min(pipe.room).min(pipe.at_once);
        if taken < bytes.len() {
            pipe.refused = true;
        }
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        if pipe.room != usize::MAX {
            pipe.room -= taken;
        }
        pipe.outbound.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn finish(&mut self, connection: u32) {
        let pipe = &mut self.pipes[self.by_key[&connection]];
        assert!(!pipe.finished && !pipe.dropped, "an end behind the end");
        pipe.finished = true;
    }
}

/// The handshake that browsers send, for this path.
pub(super) fn handshake(path: &str) -> Vec<u8> {
    handshake_with(path, "")
}

/// The same, with more header lines, each with its line end.
pub(super) fn handshake_with(path: &str, lines: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// The answer to [`handshake`] when all is well.
pub(super) const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A masked frame of a client.
pub(super) fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x01, 0xfe, 0x33];
    let mut out = vec![opcode | if fin { 0x80 } else { 0 }];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

pub(super) fn text(text: &str) -> Vec<u8> {
    frame(true, 1, text.as_bytes())
}

pub(super) fn binary(bytes: &[u8]) -> Vec<u8> {
    frame(true, 2, bytes)
}

pub(super) fn ping(body: &str) -> Vec<u8> {
    frame(true, 9, body.as_bytes())
}

pub(super) fn pong() -> Vec<u8> {
    frame(true, 10, b"")
}

pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(true, 8, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// The server's frames as lines: `text …`, `pong …`, `close 1000 …`.
pub(super) fn frames(bytes: &[u8]) -> Vec<String> {
    split(bytes).into_iter().map(|(first, payload)| line(first, payload)).collect()
}

/// The server's frames: the first byte of each, and its payload.
pub(super) fn split(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let Some(length) = frame::frame_len(bytes) {
        assert!(length <= bytes.len(), "a frame is cut off: {:?}", String::from_utf8_lossy(bytes));
        let (whole, rest) = bytes.split_at(length);
        assert_eq!(whole[1] & 0x80, 0, "a server must not mask");
        let header = match whole[1] {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        found.push((whole[0], &whole[header..]));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a frame is cut off: {bytes:?}");
    found
}

fn line(first: u8, payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let shown = if text.len() > 300 { format!("({} bytes)", text.len()) } else { text.clone().into_owned() };
    assert_eq!(first & 0xf0, 0x80, "a server sends whole messages without extensions");
    let kind = [Opcode::Text, Opcode::Binary, Opcode::Ping, Opcode::Pong, Opcode::Close];
    match kind.into_iter().find(|kind| *kind as u8 == first & 0x0f) {
        Some(Opcode::Text) => format!("text {shown}"),
        Some(Opcode::Binary) => format!("binary {shown}"),
        Some(Opcode::Ping) => format!("ping {shown}").trim_end().to_owned(),
        Some(Opcode::Pong) => format!("pong {shown}").trim_end().to_owned(),
        Some(Opcode::Close) if payload.is_empty() => "close".to_owned(),
        Some(Opcode::Close) => {
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            format!("close {code} {}", String::from_utf8_lossy(&payload[2..])).trim_end().to_owned()
        }
        _ => panic!("a server does not send {first:#x}"),
    }
}
