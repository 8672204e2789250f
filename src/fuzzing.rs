//! Doors for the fuzzer, which stands outside the crate (`fuzz/`): there only
//! when the crate is built with `--cfg fuzzing`, and in its own tests, which play
//! the seeds. Each takes any bytes; what it promises about them is asserted.
#![allow(clippy::expect_used)]

use crate::{
    base::{json, limits::Limits, name::Name, pool::BufferPool},
    codec::{
        engineio::{self, Packet, Pieces},
        http::{Head, HeadReader},
        message::{Body, ReadLimits, Reader, Unit},
        socketio, utf8,
    },
};

/// A first byte that says where the rest is cut in two.
fn cut(data: &[u8]) -> Option<(&[u8], usize)> {
    let (first, rest) = data.split_first()?;
    Some((rest, usize::from(*first) * rest.len() / 256))
}

/// Heads of requests, one behind the other: in one piece or two, what comes is
/// the same.
pub fn http_head(data: &[u8]) {
    let Some((bytes, at)) = cut(data) else { return };
    let whole = heads(&[bytes]);
    assert_eq!(heads(&[&bytes[..at], &bytes[at..]]), whole);
}

fn heads(pieces: &[&[u8]]) -> Vec<String> {
    let limits = Limits { head_bytes: 2_000, target_bytes: 500, header_lines: 20, ..Limits::default() };
    let mut reader = HeadReader::default();
    let mut seen = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            match reader.read(rest, &limits) {
                Ok(Head::More) => break,
                Ok(Head::Whole { request, consumed }) => {
                    rest = &rest[consumed..];
                    assert!(request.headers().all(|(name, _)| request.header(name).is_some()));
                    let fields: Vec<String> =
                        request.headers().map(|(name, value)| format!("{name}: {value:?}")).collect();
                    seen.push(format!(
                        "{request:?} {} {:?} {} {fields:?}",
                        request.target(),
                        request.body(),
                        request.keep_alive()
                    ));
                }
                Err(fault) => {
                    seen.push(format!("{fault:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

/// WebSocket frames of a client: in one piece or two, what comes is the same,
/// and no message is over its limit.
pub fn frames(data: &[u8]) {
    let Some((bytes, at)) = cut(data) else { return };
    let whole = units(&[bytes]);
    assert_eq!(units(&[&bytes[..at], &bytes[at..]]), whole);
}

fn units(pieces: &[&[u8]]) -> Vec<String> {
    let limits = ReadLimits { message_bytes: 300, fragments: 4 };
    let (mut reader, mut pool) = (Reader::default(), BufferPool::default());
    let mut seen = Vec::new();
    for piece in pieces {
        let (mut bytes, mut at) = (piece.to_vec(), 0);
        loop {
            match reader.next(&mut bytes, &mut at, &limits, &mut pool) {
                Unit::More => break,
                Unit::Message(kind, body) => {
                    let body = match &body {
                        Body::InPlace(range) => &bytes[range.clone()],
                        Body::Owned(body) => body,
                    };
                    assert!(body.len() <= 300);
                    seen.push(format!("{kind:?} {body:?}"));
                }
                Unit::Ping(control) => seen.push(format!("ping {:?}", control.as_slice())),
                other => seen.push(format!("{other:?}")),
            }
            assert!(at <= bytes.len());
        }
    }
    seen
}

/// A payload of Engine.IO packets: each lies inside, and none is longer than
/// what stood for it.
pub fn engineio_payload(data: &[u8]) {
    let (mut payload, mut pieces) = (data.to_vec(), Pieces::new(64));
    while let Some(Ok(piece)) = pieces.next(&payload) {
        let piece = &mut payload[piece];
        let Ok(packet) = engineio::read_piece(piece) else { return };
        match packet {
            Packet::Message(at) => assert!(std::str::from_utf8(&piece[at]).is_ok()),
            Packet::Ping(at) | Packet::Pong(at) | Packet::Binary(at) => drop(piece[at].to_vec()),
            Packet::Open | Packet::Close | Packet::Upgrade | Packet::Noop => {}
        }
    }
}

/// A Socket.IO packet: its arguments are a JSON array, its name a name, its
/// ranges are of text.
pub fn socketio_packet(data: &[u8]) {
    let limits = Limits::default();
    let mut message = data.to_vec();
    if !utf8::is_text(&message) {
        return;
    }
    let Ok(packet) = socketio::read(&mut message, &limits) else { return };
    let text = std::str::from_utf8(&message).expect("text stays text");
    if let Some(at) = packet.namespace {
        assert!(text[at].starts_with('/'));
    }
    let args = match packet.body {
        socketio::Body::Event { name, args, .. } => {
            let name = match &name {
                Name::InPlace(at) => &text[at.clone()],
                Name::Unescaped(name) => name,
            };
            assert!(name.len() <= limits.name_bytes as usize);
            args
        }
        socketio::Body::Ack { args, .. } => args,
        socketio::Body::Connect { auth: Some(at) } => {
            drop(socketio::claim(&text[at], &limits));
            None
        }
        _ => None,
    };
    if let Some(at) = args {
        assert!(json::array(&text[at.clone()], limits.json_depth).is_ok(), "{}", &text[at]);
    }
}

/// A whole server: each byte decides what a host, clients of all dialects, the
/// network or the clock do next, or is what a client writes.
pub fn engine(data: &[u8]) {
    crate::engine::tests::play_script(data);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    #[test]
    fn seeds_of_every_target_are_taken() {
        type Target = fn(&[u8]);
        let targets: [(&str, Target); 5] = [
            ("http_head", super::http_head),
            ("frames", super::frames),
            ("engineio_payload", super::engineio_payload),
            ("socketio_packet", super::socketio_packet),
            ("engine", super::engine),
        ];
        for (name, target) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
            let mut seeds = 0;
            for entry in fs::read_dir(folder).unwrap() {
                let bytes = fs::read(entry.unwrap().path()).unwrap();
                target(&bytes);
                seeds += 1;
            }
            assert!(seeds > 0, "{name} has no seeds");
        }
    }
}
