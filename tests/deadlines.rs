//! Deadlines begin when the host says something, also if it has slept since the
//! last poll.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use common::{Client, LONG};
use salon::{Config, Event, Events, Limits, LocalAddress, Server, SocketId};

/// More than the machine stands still, and less than a test may take.
const CLOSE_TIMEOUT_MS: u32 = 1_500;

fn asleep() {
    thread::sleep(Duration::from_millis(CLOSE_TIMEOUT_MS.into()) + Duration::from_millis(100));
}

fn with_client() -> (Server, SocketId, Client<TcpStream>) {
    let limits = Limits { close_timeout_ms: CLOSE_TIMEOUT_MS, ..Limits::default() };
    let mut server = Server::bind("127.0.0.1:0", Config { limits, ..Config::default() }).unwrap();
    let LocalAddress::Tcp(address) = server.addresses()[0] else { panic!() };
    let client = thread::spawn(move || Client::connect(address, "/"));
    let mut events = Events::default();
    let deadline = Instant::now() + LONG;
    let socket = loop {
        assert!(Instant::now() < deadline);
        server.poll(&mut events, Some(LONG)).unwrap();
        let entered = events.iter().find_map(|event| match event {
            Event::Connect { socket, .. } => Some(socket),
            _ => None,
        });
        if let Some(socket) = entered {
            break socket;
        }
    };
    (server, socket, client.join().unwrap())
}

/// The client is said goodbye to, and has time to answer.
fn assert_awaited(mut server: Server, mut client: Client<TcpStream>) {
    let mut events = Events::default();
    server.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert_eq!(server.stats().connections, 1, "it had no time to answer");
    let client = thread::spawn(move || {
        client.greeting();
        client.end().map(u16::from)
    });
    while server.stats().connections > 0 {
        server.poll(&mut events, Some(LONG)).unwrap();
    }
    assert_eq!(client.join().unwrap(), Some(1000));
}

#[test]
fn who_is_disconnected_after_a_long_sleep_of_the_host_has_time_to_answer() {
    let (mut server, socket, client) = with_client();
    asleep();
    server.disconnect(socket).unwrap();
    assert_awaited(server, client);
}

#[test]
fn who_is_disconnected_by_a_thread_that_wakes_a_long_poll_has_time_to_answer() {
    let (mut server, socket, client) = with_client();
    let remote = server.remote();
    let thread = thread::spawn(move || {
        asleep();
        remote.disconnect(socket).unwrap();
    });
    let mut events = Events::default();
    while server.count("/", None).unwrap() == 1 {
        server.poll(&mut events, Some(LONG)).unwrap();
    }
    thread.join().unwrap();
    assert_awaited(server, client);
}
