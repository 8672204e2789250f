//! What is measured.

use std::{
    hint::black_box,
    io::{self, IoSlice},
};

use criterion::{BatchSize, Criterion, Throughput};

use crate::{
    base::{id::SocketId, json as text, limits::Limits, pool::BufferPool},
    codec::{
        frame::{self, Opcode},
        message::{ReadLimits, Reader, Unit},
        socketio,
    },
    engine::{Engine, Loudness, Payload, Wire, config::Config, turn::Turn},
    hub::{Hub, Namespace, Route, audience::Selection, namespace::Dialect},
    session::Data,
};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Frames as a client sends them, and as a server does.
pub fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    for (name, bytes) in [("64 B", 64), ("16 KiB", 16 << 10)] {
        for (kind, letter) in [("ASCII", "a"), ("Greek", "α")] {
            let payload = letter.repeat(bytes / letter.len());
            let stream = masked(payload.as_bytes());
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(format!("read a message of {name}, {kind}"), |bencher| {
                let limits = ReadLimits { message_bytes: 1 << 20, fragments: 16 };
                let (mut reader, mut pool) = (Reader::default(), BufferPool::default());
                bencher.iter_batched_ref(
                    || stream.clone(),
                    |stream| {
                        let unit = reader.next(stream, &mut 0, &limits, &mut pool);
                        assert!(matches!(unit, Unit::Message(..)));
                    },
                    BatchSize::SmallInput,
                );
            });
        }
        let payload = vec![b'a'; bytes];
        group.bench_function(format!("write a message of {name}"), |bencher| {
            let mut out = Vec::with_capacity(bytes + 10);
            bencher.iter(|| {
                out.clear();
                frame::write(&mut out, Opcode::Text, black_box(&payload));
            });
        });
    }
    group.finish();
}

/// Validating and slicing, never building.
pub fn json(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("json");
    let words = "abcdefghijklmnopqrstuvwxyz 0123456789".repeat(2);
    let texts = [
        ("a text", format!("[\"{}\"]", &words[..64])),
        ("an object", r#"[{"user":"ada","room":"lobby","text":"hello there","at":1700000000}]"#.to_owned()),
        ("an object of 1 KiB", format!("[{{{}}}]", vec![r#""key":[1,2,{"a":"b\n"}]"#; 42].join(","))),
    ];
    for (name, array) in &texts {
        group.throughput(Throughput::Bytes(array.len() as u64));
        group.bench_function(format!("check arguments: {name}"), |bencher| {
            bencher.iter(|| text::array(black_box(array), 64));
        });
        let packet = format!("2[\"say\",{}", &array[1..]).into_bytes();
        group.bench_function(format!("read a Socket.IO packet: {name}"), |bencher| {
            let limits = Limits::default();
            let fresh = || packet.clone();
            bencher.iter_batched_ref(
                fresh,
                |packet| socketio::read(packet, &limits).is_ok(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Rooms of 1,000, whatever is done with one member.
pub fn hub(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hub");
    let mut hub = Hub::new(1, 128);
    hub.open("/", Namespace::default());
    let sockets: Vec<SocketId> = (0..1_000).map(|_| enter(&mut hub)).collect();
    for socket in &sockets {
        hub.join(*socket, "lobby").expect("it is live");
    }
    group.bench_function("join and leave", |bencher| {
        bencher.iter(|| {
            hub.join(sockets[500], "other")
                .and_then(|()| hub.leave(sockets[500], "other"))
                .expect("it is live")
        });
    });
    group.bench_function("enter, join and disconnect", |bencher| {
        bencher.iter(|| {
            let socket = enter(&mut hub);
            hub.join(socket, "lobby").expect("it is live");
            hub.remove(socket, |_| ());
            hub.deliver_left();
            hub.reap(|_| ());
        });
    });
    for (name, rooms, except) in [
        ("a room", &["lobby"][..], false),
        ("a room but one", &["lobby"], true),
        ("a union of rooms", &["lobby", "none"], false),
    ] {
        let mut to = Selection { namespace: Some("/"), ..Selection::default() };
        to.rooms.extend(rooms.iter().copied());
        if except {
            to.except_sockets.push(sockets[500]);
        }
        group.throughput(Throughput::Elements(1_000));
        group.bench_function(format!("visit {name}"), |bencher| {
            bencher.iter(|| {
                let mut keys = 0u64;
                hub.visit(&to, |_, _, member| keys += u64::from(member.queue)).map(|()| keys)
            });
        });
    }
    group.finish();
}

/// A broadcast without the system: what is noted for each of 1,000 receivers,
/// and what a flush does for each, with a network that takes everything.
pub fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    let mut engine = server(1_000);
    let mut to = Selection { namespace: Some("/"), ..Selection::default() };
    to.rooms.push("lobby");
    let words = "a".repeat(128);
    for messages in [1, 16] {
        group.throughput(Throughput::Elements(1_000 * messages));
        group.bench_function(format!("{messages} to a room of 1,000, flushed"), |bencher| {
            bencher.iter(|| {
                for _ in 0..messages {
                    engine.send(&to, Data::Text(&words), Loudness::Normal).expect("the namespace is open");
                }
                engine.flush(&mut Void, 0);
            });
        });
    }
    let args = format!("[\"{words}\"]");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("an event to a room of 1,000, flushed", |bencher| {
        bencher.iter(|| {
            let said = engine.emit(&to, "said", &Payload::from(&args), Loudness::Normal);
            said.expect("the arguments are JSON");
            engine.flush(&mut Void, 0);
        });
    });
    group.finish();
}

fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame::write(&mut frame, Opcode::Text, payload);
    let header = frame.len() - payload.len();
    frame[1] |= 0x80;
    frame::unmask(&mut frame[header..], MASK, 0);
    frame.splice(header..header, MASK);
    frame
}

fn enter(hub: &mut Hub) -> SocketId {
    let route = Route { queue: 1, format: 0 };
    let namespace = hub.find("/").expect("it is open");
    let socket = hub.add(namespace, 0, route);
    hub.admit(socket, route);
    socket
}

/// A server with so many clients of the raw dialect, all in one room.
fn server(clients: usize) -> Engine {
    let mut engine = Engine::new(Config::default(), Box::new(|bytes| bytes.fill(7)));
    engine.open("/", Namespace::default().dialect(Dialect::Raw)).expect("it is a name");
    let request = b"GET / HTTP/1.1\r\nHost: salon\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    for _ in 0..clients {
        let key = engine.connect(None, 0);
        engine.space()[..request.len()].copy_from_slice(request);
        engine.receive(key, request.len(), 0);
    }
    engine.take_turn(&mut Turn::default());
    engine.flush(&mut Void, 0);
    let everybody = Selection { namespace: Some("/"), ..Selection::default() };
    let joined = engine.join_all(&everybody, "lobby").expect("the namespace is open");
    assert_eq!(joined, clients);
    engine
}

/// A network that takes everything.
struct Void;

impl Wire for Void {
    fn send(&mut self, _: u32, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn finish(&mut self, _: u32) {}
}
