//! How a server ends: what its clients are told, and when it is done.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{io::Write, net::TcpStream, sync::mpsc};

use common::{Client, Host, LONG, SocketPath};
use salon::{Config, Dialect, Event, Events, Limits, LocalAddress, Namespace, Reason, Server};

#[test]
fn a_shutdown_says_goodbye_delivers_what_was_said_and_tells_when_it_is_done() {
    let path = SocketPath::new("shutdown");
    let (sender, stopped) = mpsc::channel();
    let mut server = Server::bind("127.0.0.1:0", Config { http: true, ..Config::default() }).unwrap();
    server.listen(&path.address()).unwrap();
    server.open("/guarded", Namespace::default().guarded()).unwrap();
    let host = Host::start(server, move |_, event| match event {
        Event::Stopped => sender.send(None).unwrap(),
        Event::Disconnect { reason, code, .. } => sender.send(Some((*reason, *code))).unwrap(),
        _ => {}
    });
    let mut client = host.client("/");
    client.greeting();
    let mut idle = host.http();
    let address = host.address;
    let waiting = std::thread::spawn(move || Client::refused(address, "/guarded"));
    host.until("all three are there", |server| server.stats().sessions == 2 && server.stats().accepted == 3);
    host.with(|server| {
        server.to("/").emit("last", "[]").unwrap();
        server.shutdown();
        assert!(server.addresses().is_empty());
    });
    assert_eq!(client.hear()["event"], "last");
    assert_eq!(client.end().map(u16::from), Some(1001));
    assert_eq!(waiting.join().unwrap(), 503);
    assert!(idle.is_over());
    let mut said: Vec<_> = (0..2).map(|_| stopped.recv_timeout(LONG).unwrap().unwrap()).collect();
    said.sort_by_key(|(_, code)| *code);
    assert_eq!(said, [(Reason::Shutdown, None), (Reason::Shutdown, Some(1001))]);
    drop((client, idle));
    assert_eq!(stopped.recv_timeout(LONG).unwrap(), None);
    assert!(TcpStream::connect(host.address).is_err());
}

#[test]
fn a_shutdown_cuts_off_who_does_not_answer() {
    let limits = Limits { close_timeout_ms: 100, ..Limits::default() };
    let mut server = Server::bind("127.0.0.1:0", Config { limits, ..Config::default() }).unwrap();
    let LocalAddress::Tcp(address) = server.addresses()[0] else { panic!() };
    let mut events = Events::default();
    let silent = std::thread::spawn(move || Client::connect(address, "/"));
    while server.count("/", None).unwrap() == 0 {
        server.poll(&mut events, Some(LONG)).unwrap();
    }
    let _silent = silent.join().unwrap();
    server.shutdown();
    let mut is_stopped = false;
    while !is_stopped {
        server.poll(&mut events, None).unwrap();
        is_stopped = events.iter().any(|event| matches!(event, Event::Stopped));
    }
    assert_eq!(server.stats().connections, 0);
}

#[test]
fn a_shutdown_cuts_off_who_goes_on_talking() {
    let limits = Limits { close_timeout_ms: 100, ..Limits::default() };
    let (sender, stopped) = mpsc::channel();
    let mut server = Server::bind("127.0.0.1:0", Config { limits, ..Config::default() }).unwrap();
    server.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let host = Host::start(server, move |_, event| {
        if let Event::Stopped = event {
            sender.send(()).unwrap();
        }
    });
    let client = host.client("/");
    let mut writer = client.socket.get_ref().try_clone().unwrap();
    let talking = std::thread::spawn(move || {
        let frames = [0x82, 0x80, 0, 0, 0, 0].repeat(100_000);
        while writer.write_all(&frames).is_ok() {}
    });
    host.until("it talks", |server| server.stats().messages_in > 1_000);
    host.with(Server::shutdown);
    stopped.recv_timeout(LONG).unwrap();
    talking.join().unwrap();
}

#[test]
fn a_shutdown_with_nobody_there_is_done_at_once_and_once() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    server.shutdown();
    let mut events = Events::default();
    server.poll(&mut events, None).unwrap();
    assert!(matches!(events.iter().next(), Some(Event::Stopped)), "{events:?}");
    server.shutdown();
    server.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
    assert!(events.is_empty());
}
