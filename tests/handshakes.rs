//! What a host may ask about a Socket.IO client over real sockets: what it
//! talks on, where it came from and when, with which headers and which `auth`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod suite;

use std::{
    io::{Read, Write},
    net::SocketAddr,
    os::unix::net::UnixStream,
    sync::mpsc,
    time::{Duration, SystemTime},
};

use common::{Client, Host, LONG, SocketPath};
use salon::{
    Config, Dialect, Event, Keep, Limits, Namespace, Overflow, Protocol, Server, SocketId, Transport,
};
use suite::{Polling, SEPARATOR, sid_of, websocket};

/// What the host is told of.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Connect(SocketId),
    Upgraded(SocketId),
    Gone(SocketId),
}

/// A server that tells what comes and goes.
fn host_with(config: Config) -> (Host, mpsc::Receiver<Told>) {
    let mut server = Server::bind("127.0.0.1:0", config).unwrap();
    server.open("/chat", Namespace::default()).unwrap();
    server.open("/raw", Namespace::default().dialect(Dialect::Raw)).unwrap();
    start(server)
}

fn start(server: Server) -> (Host, mpsc::Receiver<Told>) {
    let (sender, told) = mpsc::channel();
    let host = Host::start(server, move |_, event| {
        let what = match event {
            Event::Connect { socket, .. } => Told::Connect(*socket),
            Event::Upgraded { socket, .. } => Told::Upgraded(*socket),
            Event::Disconnect { socket, .. } => Told::Gone(*socket),
            _ => return,
        };
        // Nobody listens any more when the test is over.
        let _ = sender.send(what);
    });
    (host, told)
}

#[track_caller]
fn who_connects(told: &mpsc::Receiver<Told>) -> SocketId {
    match told.recv_timeout(LONG).unwrap() {
        Told::Connect(socket) => socket,
        other => panic!("{other:?}"),
    }
}

/// A session on polling that has entered `/`.
fn polling(host: &Host, told: &mpsc::Receiver<Told>) -> (Polling, SocketId) {
    let mut client = Polling::open(host);
    client.post("40");
    let socket = who_connects(told);
    assert!(client.poll().starts_with("40{"));
    (client, socket)
}

/// Moves a session to a WebSocket, whose own address comes along.
fn upgrade(
    host: &Host,
    told: &mpsc::Receiver<Told>,
    client: &Polling,
) -> (Client<std::net::TcpStream>, SocketId) {
    let mut websocket = host.client(&client.websocket_path());
    websocket.send("2probe");
    assert_eq!(websocket.hear_text(), "3probe");
    websocket.send("5");
    match told.recv_timeout(LONG).unwrap() {
        Told::Upgraded(socket) => (websocket, socket),
        other => panic!("{other:?}"),
    }
}

fn transport(host: &Host, socket: SocketId) -> Option<(Protocol, Transport)> {
    host.with(move |server| server.transport(socket))
}

fn peer(host: &Host, socket: SocketId) -> Option<SocketAddr> {
    host.with(move |server| server.peer(socket))
}

fn own_address(client: &Client<std::net::TcpStream>) -> Option<SocketAddr> {
    Some(client.socket.get_ref().local_addr().unwrap())
}

#[test]
fn transport_is_polling_until_the_upgrade_and_websocket_from_then_on() {
    let (host, told) = host_with(Config::default());
    let (mut client, socket) = polling(&host, &told);
    assert_eq!(transport(&host, socket), Some((Protocol::SocketIo, Transport::Polling)));
    // A WebSocket that only probes is not yet what it travels on.
    let mut websocket = host.client(&client.websocket_path());
    websocket.send("2probe");
    assert_eq!(websocket.hear_text(), "3probe");
    assert_eq!(transport(&host, socket), Some((Protocol::SocketIo, Transport::Polling)));
    assert_eq!(client.poll(), "6");
    websocket.send("5");
    assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Upgraded(socket));
    assert_eq!(transport(&host, socket), Some((Protocol::SocketIo, Transport::WebSocket)));
    // One more socket of the session is on the same.
    websocket.send("40/chat,");
    let other = who_connects(&told);
    assert_eq!(transport(&host, other), Some((Protocol::SocketIo, Transport::WebSocket)));
    websocket.send("41/chat,");
    assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Gone(other));
    assert_eq!(transport(&host, other), None);
    assert_eq!(transport(&host, socket), Some((Protocol::SocketIo, Transport::WebSocket)));
    drop(websocket);
    assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Gone(socket));
    assert_eq!(transport(&host, socket), None);
}

#[test]
fn transport_of_each_dialect_is_told_by_protocol() {
    let (host, told) = host_with(Config::default());
    let _json = host.client("/");
    let socket = who_connects(&told);
    assert_eq!(transport(&host, socket), Some((Protocol::Json, Transport::WebSocket)));
    let _raw = host.client("/raw");
    let socket = who_connects(&told);
    assert_eq!(transport(&host, socket), Some((Protocol::Raw, Transport::WebSocket)));
    let mut socketio = websocket(&host);
    socketio.send("40");
    let socket = who_connects(&told);
    assert_eq!(transport(&host, socket), Some((Protocol::SocketIo, Transport::WebSocket)));
}

#[test]
fn peer_of_a_polling_client_is_where_its_session_began_until_it_moves() {
    let (host, told) = host_with(Config::default());
    // The session begins on one connection and is used from others.
    let mut first = host.http();
    let began = first.stream.local_addr().unwrap();
    let sid = sid_of(first.get("/socket.io/?EIO=4&transport=polling").text());
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let mut second = host.http();
    second.write(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n40"));
    assert_eq!(second.response(false).status, 200);
    let socket = who_connects(&told);
    assert_ne!(second.stream.local_addr().unwrap(), began);
    assert_eq!(peer(&host, socket), Some(began));
    // Also when that connection has long been closed.
    drop(first);
    host.until("it is closed", |server| server.stats().connections == 1);
    assert_eq!(peer(&host, socket), Some(began));
    let mut websocket = host.client(&format!("/socket.io/?EIO=4&transport=websocket&sid={sid}"));
    websocket.send("2probe");
    assert_eq!(websocket.hear_text(), "3probe");
    websocket.send("5");
    assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Upgraded(socket));
    assert_eq!(peer(&host, socket), own_address(&websocket));
    // The request is the one of the beginning, with the address that it had.
    host.with(move |server| {
        let handshake = server.handshake(socket).unwrap();
        assert_eq!(handshake.peer(), Some(began));
        assert_eq!(handshake.query("transport").as_deref(), Some("polling"));
    });
    drop(websocket);
    assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Gone(socket));
    assert_eq!(peer(&host, socket), None);
}

#[test]
fn peer_of_a_client_over_a_unix_socket_is_nobody_on_either_transport() {
    let path = SocketPath::new("polling-peer");
    let mut server = Server::new(Config::default()).unwrap();
    server.listen(&path.address()).unwrap();
    let (host, told) = start(server);
    let connect = || UnixStream::connect(&path.0).unwrap();
    let mut websocket = Client::over(connect(), "/socket.io/?EIO=4&transport=websocket");
    sid_of(&websocket.hear_text());
    websocket.send("40");
    let mut sockets = vec![who_connects(&told)];
    let mut stream = connect();
    stream.write_all(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n").unwrap();
    let mut open = String::new();
    stream.read_to_string(&mut open).unwrap();
    let sid = sid_of(open.split("\r\n\r\n").nth(1).unwrap());
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let mut stream = connect();
    write!(stream, "POST {target} HTTP/1.0\r\nContent-Length: 2\r\n\r\n40").unwrap();
    sockets.push(who_connects(&told));
    for socket in sockets {
        assert_eq!(peer(&host, socket), None);
        host.with(move |server| assert_eq!(server.handshake(socket).unwrap().peer(), None));
    }
}

#[test]
fn request_of_a_socketio_client_stays_as_long_as_its_socket() {
    // The setting is for plain WebSockets.
    for keep in [Keep::Nothing, Keep::All] {
        let (host, told) = host_with(Config { keep_handshake: keep, ..Config::default() });
        let mut http = host.http();
        http.write(
            "GET /socket.io/?EIO=4&transport=polling&name=Ada+L HTTP/1.1\r\nHost: chat.example:8080\r\n\
             Cookie: id=7\r\nX-Twice: one\r\nx-twice: two\r\nX-Bytes: \u{e9}\r\n\r\n",
        );
        let sid = sid_of(http.response(false).text());
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
        let mut enter = |packet: &str| {
            let length = packet.len();
            http.write(format!(
                "POST {path} HTTP/1.1\r\nHost: other\r\nContent-Length: {length}\r\n\r\n{packet}"
            ));
            assert_eq!(http.response(false).status, 200);
            who_connects(&told)
        };
        let sockets = [enter("40"), enter("40/chat,")];
        // Some turns later.
        for _ in 0..3 {
            host.with(|_| ());
        }
        host.with(move |server| {
            for socket in sockets {
                let handshake = server.handshake(socket).unwrap();
                assert_eq!((handshake.method(), handshake.path()), ("GET", "/socket.io/"));
                assert_eq!(handshake.query("name").as_deref(), Some("Ada L"));
                assert_eq!(handshake.header_str("HOST"), Some("chat.example:8080"));
                assert_eq!(handshake.authority(), "chat.example:8080");
                assert_eq!(handshake.header("cookie"), Some(&b"id=7"[..]));
                let names: Vec<&str> = handshake.headers().map(|(name, _)| name).collect();
                assert_eq!(names, ["Host", "Cookie", "X-Twice", "x-twice", "X-Bytes"]);
                let twice: Vec<&[u8]> = handshake
                    .headers()
                    .filter(|(name, _)| name.eq_ignore_ascii_case("x-twice"))
                    .map(|(_, value)| value)
                    .collect();
                assert_eq!(twice, [b"one", b"two"]);
                assert_eq!(handshake.header("x-bytes"), Some("\u{e9}".as_bytes()));
                assert_eq!((handshake.origin(), handshake.subprotocols().count()), (None, 0));
            }
            // It goes with its socket, and stays for the session's other one.
            server.disconnect(sockets[1]).unwrap();
            assert!(server.handshake(sockets[1]).is_none());
            assert!(server.handshake_time(sockets[1]).is_none());
            assert!(server.handshake(sockets[0]).is_some());
        });
        assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Gone(sockets[1]));
    }
}

#[test]
fn handshake_time_is_when_the_request_came_however_late_it_is_asked_for() {
    // The engine's clock has milliseconds, and both ends are rounded.
    const ROUNDING: Duration = Duration::from_millis(5);
    let (host, told) = host_with(Config::default());
    let before = SystemTime::now();
    let mut client = Polling::open(&host);
    let opened = SystemTime::now();
    client.post("40");
    let socket = who_connects(&told);
    let (websocket, upgraded) = upgrade(&host, &told, &client);
    assert_eq!(upgraded, socket);
    let time = host.with(move |server| server.handshake_time(socket).unwrap());
    // Of the session's first request, not of what came later.
    assert!(before - ROUNDING <= time && time <= opened + ROUNDING, "{before:?} {time:?} {opened:?}");
    drop(websocket);
    assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Gone(socket));
    assert_eq!(host.with(move |server| server.handshake_time(socket)), None);
}

#[test]
fn handshake_time_of_a_plain_client_goes_with_its_request() {
    let (host, told) = host_with(Config::default());
    let _client = host.client("/");
    let socket = who_connects(&told);
    host.until("the request is let go", move |server| server.handshake(socket).is_none());
    assert_eq!(host.with(move |server| server.handshake_time(socket)), None);
    let (host, told) = host_with(Config { keep_handshake: Keep::All, ..Config::default() });
    let before = SystemTime::now();
    let _client = host.client("/");
    let socket = who_connects(&told);
    let time = host.with(move |server| server.handshake_time(socket).unwrap());
    let rounding = Duration::from_millis(5);
    assert!(before - rounding <= time && time <= SystemTime::now() + rounding);
}

#[test]
fn auth_stays_with_the_socket_that_gave_it() {
    let (host, told) = host_with(Config::default());
    let mut client = websocket(&host);
    client.send(r#"40{"token":"é\u0041","n":[1, 2]}"#);
    let first = who_connects(&told);
    client.send("40/chat,");
    let second = who_connects(&told);
    let mut plain = host.client("/");
    plain.greeting();
    let third = who_connects(&told);
    let auths = |sockets: [SocketId; 3]| {
        host.with(move |server| sockets.map(|socket| server.auth(socket).to_owned()))
    };
    assert_eq!(auths([first, second, third]), [r#"{"token":"é\u0041","n":[1, 2]}"#, "{}", "{}"]);
    // It comes again with another `auth`.
    client.send("41");
    assert_eq!(told.recv_timeout(LONG).unwrap(), Told::Gone(first));
    client.send(r#"40{"token":2}"#);
    let again = who_connects(&told);
    assert_eq!(auths([first, again, second]), ["{}", r#"{"token":2}"#, "{}"]);
}

#[test]
fn auth_of_a_polling_client_stays_over_the_upgrade() {
    let (host, told) = host_with(Config::default());
    let mut client = Polling::open(&host);
    client.post(r#"40/chat,{"token":1}"#);
    let socket = who_connects(&told);
    assert_eq!(client.poll().split(SEPARATOR).count(), 1);
    let (_websocket, upgraded) = upgrade(&host, &told, &client);
    assert_eq!(upgraded, socket);
    assert_eq!(host.with(move |server| server.auth(socket).to_owned()), r#"{"token":1}"#);
}

#[test]
fn dropped_counts_what_a_polling_client_has_lost_until_it_has_been_told() {
    let limits = Limits { queue_bytes: 1_000, ..Limits::default() };
    let config = Config { limits, overflow: Overflow::Drop, ..Config::default() };
    let mut server = Server::bind("127.0.0.1:0", config).unwrap();
    server.open("/chat", Namespace::default()).unwrap();
    let (sender, told) = mpsc::channel();
    let host = Host::start(server, move |server, event| match event {
        Event::Connect { socket, .. } => sender.send((*socket, None)).unwrap(),
        Event::Drain { socket, dropped } => {
            // It begins from zero again.
            assert_eq!(server.dropped(*socket), 0);
            sender.send((*socket, Some(*dropped))).unwrap();
        }
        _ => {}
    });
    let mut client = Polling::open(&host);
    client.post("40");
    let (socket, _) = told.recv_timeout(LONG).unwrap();
    client.post("40/chat,");
    let (other, _) = told.recv_timeout(LONG).unwrap();
    client.poll();
    // No poll waits, which is to it what a full kernel buffer is to others.
    let dropped = host.with(move |server| {
        assert_eq!(server.dropped(socket), 0);
        let text = format!("[\"{}\"]", "x".repeat(400));
        let said: Vec<bool> = (0..5).map(|_| server.emit(socket, "e", &text).is_ok()).collect();
        assert_eq!(said, [true, true, false, false, false]);
        assert!(server.emit(other, "e", &text).is_err());
        assert_eq!(server.to_all().emit("e", &text).unwrap(), 0);
        (server.dropped(socket), server.dropped(other), server.stats().dropped_full)
    });
    assert_eq!(dropped, (4, 2, 6));
    assert_eq!(client.poll().split(SEPARATOR).count(), 2);
    let mut drained = [told.recv_timeout(LONG).unwrap(), told.recv_timeout(LONG).unwrap()];
    drained.sort_by_key(|(_, dropped)| *dropped);
    assert_eq!(drained, [(other, Some(2)), (socket, Some(4))]);
    assert_eq!(host.with(move |server| server.dropped(socket)), 0);
}
