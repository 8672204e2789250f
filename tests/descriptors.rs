//! Descriptors run out: the server runs in a process of its own with a low
//! limit. It does not break, and who waits at the door gets in when somebody
//! leaves. What the wait costs is for `tests/exhausted` to say.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the process with the low limit tells its address")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use common::{Client, LONG, Stream, chat, until};
use salon::{Config, Events, Limits, Server, UNLIMITED};

/// Says to the other process how many connections it may take.
const CONNECTIONS: &str = "SALON_TEST_CONNECTIONS";
/// The process's limit of descriptors, of which 32 are a reserve.
const DESCRIPTORS: usize = 80;

/// Not a test of its own: what runs in the other process, until it is killed.
#[test]
#[ignore = "run by the other tests, in a process with few descriptors"]
fn serve_with_few_descriptors() {
    let Ok(connections) = std::env::var(CONNECTIONS) else { return };
    let limits = Limits { connections: connections.parse().unwrap(), ..Limits::default() };
    let mut server = Server::bind("127.0.0.1:0", Config { limits, ..Config::default() }).unwrap();
    println!("\nlistening on {}", server.addresses()[0]);
    let mut events = Events::default();
    loop {
        server.poll(&mut events, None).unwrap();
        for event in &events {
            chat(&mut server, &event);
        }
    }
}

/// The other process.
struct Other {
    child: Child,
    address: SocketAddr,
}

impl Other {
    fn start(connections: u32) -> Self {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {DESCRIPTORS}; exec \"$0\" --exact serve_with_few_descriptors --ignored --nocapture"))
            .arg(std::env::current_exe().unwrap())
            .env(CONNECTIONS, connections.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| line.unwrap().strip_prefix("listening on ")?.parse().ok());
        Self { child, address: address.expect("the other process tells no address") }
    }

    fn descriptors(&self) -> usize {
        // Some above the limit may have been inherited; they take no place.
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let numbers =
            open.map(|entry| entry.unwrap().file_name().to_string_lossy().parse::<usize>().unwrap());
        numbers.filter(|number| *number < DESCRIPTORS).count()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client at the door: it has said everything and waits for the 101.
struct Waiting(TcpStream);

impl Waiting {
    fn new(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        Self(stream)
    }

    fn is_in(&self, wait: Duration) -> bool {
        self.0.wait(wait);
        let mut start = [0; 12];
        match (&self.0).read_exact(&mut start) {
            Ok(()) => {
                assert_eq!(&start, b"HTTP/1.1 101");
                true
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                false
            }
        }
    }
}

fn fills_and_recovers(connections: u32) {
    let other = Other::start(connections);
    // More than fit; the first of them get in.
    let mut inside: Vec<Client<TcpStream>> = Vec::new();
    let mut outside = Vec::new();
    let room = if connections == UNLIMITED { DESCRIPTORS - 32 } else { DESCRIPTORS - other.descriptors() };
    for _ in 0..room {
        inside.push(Client::connect(other.address, "/"));
    }
    for _ in 0..20 {
        outside.push(Waiting::new(other.address));
    }
    // A second in which nobody leaves: nobody gets in.
    assert!(!outside[0].is_in(Duration::from_secs(1)));
    // Those inside are served meanwhile.
    for client in &mut inside {
        client.greeting();
        assert!(client.heard_so_far().is_empty());
    }
    // Who leaves makes room for exactly one.
    drop(inside.pop());
    assert!(outside[0].is_in(LONG));
    drop(outside.remove(0));
    assert!(outside[0].is_in(LONG));
    inside.truncate(5);
    for waiting in &outside[1..] {
        assert!(waiting.is_in(LONG));
    }
    drop((inside, outside));
    until("all descriptors are given back", || other.descriptors() <= DESCRIPTORS - room);
    drop(Client::connect(other.address, "/"));
}

#[test]
fn at_the_limit_of_connections_accepting_pauses_and_resumes_by_itself() {
    fills_and_recovers(UNLIMITED);
}

#[test]
fn when_the_system_has_no_descriptor_left_accepting_pauses_and_resumes_by_itself() {
    fills_and_recovers(1_000);
}
