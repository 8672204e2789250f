//! Floods over real sockets: what a client sees that comes, knocks or talks too
//! often, and whom the host sees behind a proxy.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc,
};

use common::{Client, Host, Http, LONG};
use salon::{Config, Event, Limit, Limits, Reason};
use serde_json::Value;
use tungstenite::protocol::frame::coding::CloseCode;

fn limited(change: impl FnOnce(&mut Limits)) -> Host {
    let mut config = Config::default();
    change(&mut config.limits);
    Host::run(config, |_, _| {})
}

#[test]
fn who_talks_too_much_is_told_so_and_the_others_go_on() {
    let host = limited(|limits| (limits.client_events_per_s, limits.client_events_burst) = (1, 20));
    let (mut loud, mut quiet) = (host.client("/"), host.client("/"));
    loud.greeting();
    for _ in 0..21 {
        loud.say("a", Value::Null);
    }
    assert_eq!(loud.end(), Some(CloseCode::Policy));
    quiet.greeting();
    quiet.say("a", Value::Null);
    host.until("the quiet one was heard", |server| server.stats().messages_in == 22);
    let stats = host.with(|server| server.stats());
    assert_eq!((stats.breaches(Limit::ClientEvents), stats.disconnects(Reason::Flood)), (1, 1));
    assert_eq!(stats.sockets, 1);
}

#[test]
fn connection_too_many_gets_429_whether_it_asks_or_not() {
    let host = limited(|limits| limits.address_connections = 1);
    let _first = host.client("/");
    assert_eq!(Client::refused(host.address, "/"), 429);
    let mut http = host.http();
    assert_eq!(http.get("/").status, 429);
    assert!(http.is_over());
    let mut silent = Http::connect(host.address);
    let answer = silent.response(false);
    assert_eq!(answer.status, 429);
    assert!(answer.text().ends_with("too many connections from this address\n"), "{}", answer.text());
    host.until("all were counted", |server| server.stats().breaches(Limit::AddressConnections) == 3);
}

#[test]
fn crowd_that_is_refused_costs_nothing_and_the_door_opens_again() {
    let host = limited(|limits| limits.address_connections = 4);
    let mut inside: Vec<_> = (0..4).map(|_| host.client("/")).collect();
    let crowd: Vec<_> = (0..200).map(|_| TcpStream::connect(host.address).unwrap()).collect();
    host.until("all were counted", |server| server.stats().breaches(Limit::AddressConnections) == 200);
    host.until("most were cut at once", |server| server.stats().connections <= 4 + 16);
    drop((crowd, inside.pop()));
    host.until("they are gone", |server| server.stats().connections == 3);
    host.client("/").greeting();
}

#[test]
fn sessions_too_many_get_429_by_either_transport() {
    let host = limited(|limits| limits.address_sessions = 1);
    let _first = host.client("/");
    assert_eq!(Client::refused(host.address, "/"), 429);
    assert_eq!(Client::refused(host.address, "/socket.io/?EIO=4&transport=websocket"), 429);
    let mut http = host.http();
    let answer = http.get("/socket.io/?EIO=4&transport=polling");
    assert_eq!((answer.status, answer.text()), (429, "too many sessions from this address"));
    assert_eq!(host.with(|server| server.stats().breaches(Limit::AddressSessions)), 3);
}

/// A host that tells where each client comes from, and believes local proxies.
fn behind_proxy(protocol: bool) -> (Host, mpsc::Receiver<String>) {
    let (sender, origins) = mpsc::channel();
    let config = Config {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        proxy_protocol: protocol,
        ..Config::default()
    };
    let host = Host::run(config, move |server, event| {
        if let Event::Connect { socket, handshake, .. } = event {
            assert_eq!(server.peer(*socket), handshake.peer());
            sender.send(server.peer(*socket).unwrap().to_string()).unwrap();
        }
    });
    (host, origins)
}

fn shake_hands(host: &Host, before: &[u8], lines: &str) -> String {
    let mut stream = TcpStream::connect(host.address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let handshake = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(&[before, handshake.as_bytes()].concat()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    String::from_utf8_lossy(&status[9..]).into_owned()
}

#[test]
fn host_sees_the_client_behind_a_proxy_by_its_header() {
    let (host, origins) = behind_proxy(false);
    assert_eq!(shake_hands(&host, b"", "X-Forwarded-For: 203.0.113.9, 192.0.2.1, 127.0.0.9\r\n"), "101");
    assert_eq!(origins.recv_timeout(LONG).unwrap(), "192.0.2.1:0");
    assert_eq!(shake_hands(&host, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", ""), "400");
}

#[test]
fn host_sees_the_client_behind_a_proxy_by_the_proxy_protocol() {
    let (host, origins) = behind_proxy(true);
    let line = b"PROXY TCP6 2001:db8::7 2001:db8::2 4711 80\r\n";
    assert_eq!(shake_hands(&host, line, "X-Forwarded-For: 203.0.113.9\r\n"), "101");
    assert_eq!(origins.recv_timeout(LONG).unwrap(), "[2001:db8::7]:4711");
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x09\x12\x67\0\x50";
    assert_eq!(shake_hands(&host, binary, ""), "101");
    assert_eq!(origins.recv_timeout(LONG).unwrap(), "192.0.2.1:4711");
    assert_eq!(shake_hands(&host, b"", ""), "400");
}

#[test]
fn clients_beyond_the_limit_of_connections_wait_at_the_door_until_another_leaves() {
    let host = limited(|limits| limits.connections = 3);
    let counts = || {
        let stats = host.with(|server| server.stats());
        (stats.connections, stats.breaches(Limit::Connections), stats.accept_pauses)
    };
    // One below the limit, and at it: who has a place meets no limit.
    let mut inside: Vec<_> = (0..2).map(|_| host.client("/")).collect();
    assert_eq!(counts(), (2, 0, 0));
    inside.push(host.client("/"));
    assert_eq!(counts(), (3, 0, 0));
    // One above it, and another.
    let mut outside: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(host.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            while counts() == (3, 0, 0) {
                std::thread::yield_now();
            }
            stream
        })
        .collect();
    assert_eq!(counts(), (3, 1, 1));
    // A place becomes free: it is the first one's, and the second still waits.
    let mut answer = |inside: Option<_>, place: usize| {
        drop(inside);
        let mut start = [0; 12];
        outside[place].read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 404");
    };
    answer(inside.pop(), 0);
    while counts().1 < 2 {
        std::thread::yield_now();
    }
    assert_eq!(counts(), (3, 2, 2));
    answer(inside.pop(), 1);
    // All have been taken in: it counts nobody more.
    assert_eq!(counts().1, 2);
}
