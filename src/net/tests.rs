//! The loop on real sockets, over system calls that fail as a system's may:
//! short writes, EAGAIN, EINTR, ECONNRESET, ECONNABORTED and EMFILE.
#![allow(clippy::unwrap_used)]

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{faults, *};
use crate::{
    engine::{Loudness, config::Config, turn::Record},
    hub::{Namespace, namespace::Dialect},
    session::Data,
};

const CLIENTS: usize = 24;
const MESSAGES: usize = 40;
const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A client that says numbered messages and wants each of them back.
struct Client {
    stream: TcpStream,
    unsaid: Vec<u8>,
    heard: Vec<u8>,
    is_over: bool,
}

impl Client {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut unsaid = HANDSHAKE.as_bytes().to_vec();
        for number in 0..MESSAGES {
            let text = message(number);
            // The mask is all zeros.
            unsaid.extend([0x81, 0x80 | 126, (text.len() >> 8) as u8, text.len() as u8, 0, 0, 0, 0]);
            unsaid.extend(text.as_bytes());
        }
        Self { stream, unsaid, heard: Vec::new(), is_over: false }
    }

    fn act(&mut self) {
        let piece = self.unsaid.len().min(3_000);
        match self.stream.write(&self.unsaid[..piece]) {
            Ok(sent) => drop(self.unsaid.drain(..sent)),
            Err(error) => self.is_over |= error.kind() != ErrorKind::WouldBlock,
        }
        let mut space = [0; 16 << 10];
        match self.stream.read(&mut space) {
            Ok(0) => self.is_over = true,
            Ok(count) => self.heard.extend(&space[..count]),
            Err(error) => self.is_over |= error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// How many messages came back: in order, none left out, none twice.
    fn count(&self) -> usize {
        let Some(head) = self.heard.windows(4).position(|at| at == b"\r\n\r\n") else { return 0 };
        let (mut at, mut count) = (head + 4, 0);
        while let Some(frame) = self.heard.get(at..at + 4 + message(count).len()) {
            assert_eq!(frame[..2], [0x81, 126]);
            assert_eq!(std::str::from_utf8(&frame[4..]).unwrap(), message(count));
            at += frame.len();
            count += 1;
            if count == MESSAGES {
                assert_eq!(at, self.heard.len());
                break;
            }
        }
        count
    }
}

fn message(number: usize) -> String {
    format!("{number:04}{}", "x".repeat(150 + number * 37 % 700))
}

/// Edges that the kernel would send behind what the plan made of its calls.
fn give_edges(net: &mut Net, engine: &mut Engine) {
    for key in 0..2 * CLIENTS as u32 {
        let Some(transport) = net.transports.get_mut(key) else { continue };
        if std::mem::take(&mut transport.state_mut().owes_readable) {
            transport.state_mut().readable = true;
            if engine.wants_bytes(key) {
                list(&mut net.ready, key, transport);
            }
        }
        if std::mem::take(&mut transport.state_mut().owes_writable) {
            engine.writable(key);
        }
    }
}

/// Answers how many connections were reset, and how many faults there were.
fn play(seed: u64) -> (usize, usize) {
    let mut net = Net::new(UNLIMITED, 1 << 20).unwrap();
    let LocalAddress::Tcp(address) = net.add(Listener::bind("127.0.0.1:0").unwrap()).unwrap() else {
        panic!()
    };
    let mut engine = Engine::new(Config::default(), Box::new(|bytes| bytes.fill(7)));
    engine.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let mut events = Turn::default();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new(&address.to_string())).collect();
    faults::plan(Some(seed));
    let start = Instant::now();
    let (mut came, mut went) = (0, 0);
    let mut turn = |net: &mut Net, engine: &mut Engine| {
        net.turn(engine, &mut events, Some(Duration::from_millis(1))).unwrap();
        for record in &events.records {
            match *record {
                Record::Connect { .. } => came += 1,
                Record::Disconnect { .. } => went += 1,
                Record::Data { socket, data, .. } => {
                    engine.send_one(socket, Data::Text(events.text_of(data)), Loudness::Normal).unwrap();
                }
                _ => {}
            }
        }
        give_edges(net, engine);
        (came, went)
    };
    while clients.iter().any(|client| !client.is_over && client.count() < MESSAGES) {
        assert!(start.elapsed() < Duration::from_secs(30), "seed {seed}: {} faults", faults::counts().1);
        turn(&mut net, &mut engine);
        clients.iter_mut().for_each(Client::act);
    }
    let complete = clients.iter().filter(|client| client.count() == MESSAGES).count();
    let (resets, faults) = faults::counts();
    assert!(complete + resets >= CLIENTS, "seed {seed}: {complete} complete, {resets} resets");
    // All leave, and nothing stays behind.
    clients.clear();
    faults::plan(None);
    loop {
        let (came, went) = turn(&mut net, &mut engine);
        let stats = engine.stats();
        if came == went && stats.connections == 0 {
            assert_eq!((stats.sockets, stats.queued_bytes, net.connections), (0, 0, 0));
            assert!((0..2 * CLIENTS as u32).all(|key| net.transports.get(key).is_none()));
            return (resets, faults);
        }
        assert!(start.elapsed() < Duration::from_secs(40), "seed {seed}: somebody stays");
    }
}

#[test]
fn failing_system_calls_lose_no_message_and_leave_nothing() {
    let (mut resets, mut faults) = (0, 0);
    for seed in 0..12 {
        let (of_connections, of_calls) = play(seed);
        (resets, faults) = (resets + of_connections, faults + of_calls);
    }
    assert!(resets > 0 && faults > 1_000, "{resets} resets, {faults} faults");
}
