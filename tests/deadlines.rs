//! Deadlines begin when the host says something, also if it has slept since the
//! last poll; and a host that stands still for longer than a client may be silent
//! loses nobody whose words wait in the kernel.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use common::{Client, LONG};
use salon::{Config, Event, Events, Limits, LocalAddress, Reason, Server, SocketId};

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

const PING_INTERVAL_MS: u32 = 100;
const PING_TIMEOUT_MS: u32 = 400;

/// A server that is turned by the test, and stands still in between.
struct Stalling {
    server: Server,
    events: Events,
    address: SocketAddr,
}

impl Stalling {
    fn new() -> Self {
        let limits = Limits {
            ping_interval_ms: PING_INTERVAL_MS,
            ping_timeout_ms: PING_TIMEOUT_MS,
            ..Limits::default()
        };
        let server = Server::bind("127.0.0.1:0", Config { limits, ..Config::default() }).unwrap();
        let LocalAddress::Tcp(address) = server.addresses()[0] else { panic!() };
        Self { server, events: Events::default(), address }
    }

    fn say(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(bytes.as_ref()).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    }

    /// Turns until these bytes have come; answers all that came up to them.
    fn turn_until(&mut self, stream: &mut TcpStream, wanted: &[u8]) -> Vec<u8> {
        let (mut come, deadline) = (Vec::new(), Instant::now() + LONG);
        while !come.windows(wanted.len()).any(|bytes| bytes == wanted) {
            assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&come));
            self.server.poll(&mut self.events, Some(Duration::from_millis(5))).unwrap();
            let mut bytes = [0; 4_096];
            match stream.read(&mut bytes) {
                Ok(0) => panic!("the end after {:?}", String::from_utf8_lossy(&come)),
                Ok(count) => come.extend_from_slice(&bytes[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        come
    }

    fn stand_still(&self) {
        thread::sleep(Duration::from_millis(u64::from(PING_INTERVAL_MS + 2 * PING_TIMEOUT_MS)));
    }

    fn lost(&self) -> u64 {
        self.server.stats().disconnects(Reason::PingTimeout)
    }
}

fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

fn post(sid: &str, payload: &str) -> String {
    let length = payload.len();
    format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\n\
         Content-Length: {length}\r\n\r\n{payload}"
    )
}

/// A client on a WebSocket hears pings and answers each while the host stands
/// still; then it is silent, and lost.
fn stays_while_it_answers(path: &str, greeting: &[u8], enter: &[u8], ping: &[u8], pong: &[u8]) {
    let mut salon = Stalling::new();
    let mut stream = salon.say([handshake(path).as_bytes(), enter].concat());
    salon.turn_until(&mut stream, greeting);
    for _ in 0..3 {
        salon.turn_until(&mut stream, ping);
        stream.write_all(pong).unwrap();
        salon.stand_still();
    }
    salon.turn_until(&mut stream, ping);
    assert_eq!(salon.lost(), 0);
    salon.stand_still();
    while salon.lost() == 0 {
        salon.server.poll(&mut salon.events, Some(LONG)).unwrap();
    }
}

#[test]
fn plain_websocket_whose_pong_waits_in_the_kernel_outlasts_a_host_that_stands_still() {
    stays_while_it_answers("/", b"\"sid\"", b"", b"\x89\0", b"\x8a\x80\0\0\0\0");
}

#[test]
fn socketio_on_a_websocket_whose_pong_waits_in_the_kernel_outlasts_a_host_that_stands_still() {
    let (enter, pong) = (b"\x81\x82\0\0\0\x0040", b"\x81\x81\0\0\0\x003");
    stays_while_it_answers("/socket.io/?EIO=4&transport=websocket", b"40{", enter, b"\x81\x012", pong);
}

#[test]
fn socketio_on_polling_whose_post_waits_in_the_kernel_outlasts_a_host_that_stands_still() {
    let get = "GET /socket.io/?EIO=4&transport=polling";
    let host = " HTTP/1.1\r\nHost: a\r\n\r\n";
    // On a connection that is there, and on one that nobody has accepted.
    for is_new in [false, true] {
        let mut salon = Stalling::new();
        let mut polls = salon.say(format!("{get}{host}"));
        let open = String::from_utf8(salon.turn_until(&mut polls, b"}")).unwrap();
        let sid = open.split("\"sid\":\"").nth(1).unwrap()[..20].to_owned();
        let mut posts = salon.say(post(&sid, "40"));
        salon.turn_until(&mut posts, b"ok");
        let poll = format!("{get}&sid={sid}{host}");
        polls.write_all(poll.as_bytes()).unwrap();
        salon.turn_until(&mut polls, b"40{");
        polls.write_all(poll.as_bytes()).unwrap();
        for _ in 0..3 {
            salon.turn_until(&mut polls, b"\r\n\r\n2");
            if is_new {
                posts = salon.say(post(&sid, "3"));
            } else {
                posts.write_all(post(&sid, "3").as_bytes()).unwrap();
            }
            salon.stand_still();
            salon.turn_until(&mut posts, b"ok");
            polls.write_all(poll.as_bytes()).unwrap();
        }
        salon.turn_until(&mut polls, b"\r\n\r\n2");
        assert_eq!(salon.lost(), 0);
        salon.stand_still();
        while salon.lost() == 0 {
            salon.server.poll(&mut salon.events, Some(LONG)).unwrap();
        }
    }
}
