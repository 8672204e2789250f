//! What a guard is shown of who asks to enter, and what the server knows of it
//! while it waits.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod suite;

use std::{net::SocketAddr, os::unix::net::UnixStream, sync::mpsc};

use common::{Client, Host, Http, LONG, SocketPath};
use salon::{Accept, Config, ErrorKind, Event, Namespace, Protocol, Server, SocketId, Transport};
use suite::{Polling, sid_of, websocket};

/// A connect request, as its guard sees it.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    socket: SocketId,
    nsp: String,
    auth: String,
    target: String,
    origin: Option<String>,
    subprotocols: Vec<String>,
    headers: Vec<(String, Vec<u8>)>,
    /// By the request, and by the server.
    peers: [Option<SocketAddr>; 2],
}

fn asked(server: &Server, event: &Event<'_>) -> Option<Asked> {
    let Event::ConnectRequest { socket, nsp, handshake, auth } = *event else { return None };
    // What the server keeps is what the event shows.
    let kept = server.handshake(socket).unwrap();
    assert!(std::ptr::eq(kept, handshake));
    assert!(server.handshake_time(socket).is_some());
    assert_eq!(server.auth(socket), auth);
    assert_eq!(server.sid(socket).unwrap(), None);
    Some(Asked {
        socket,
        nsp: nsp.to_owned(),
        auth: auth.to_owned(),
        target: handshake.target().to_owned(),
        origin: handshake.origin().map(str::to_owned),
        subprotocols: handshake.subprotocols().map(str::to_owned).collect(),
        headers: handshake.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        peers: [handshake.peer(), server.peer(socket)],
    })
}

fn guarded() -> Server {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    server.open("/", Namespace::default().guarded()).unwrap();
    server.open("/chat", Namespace::default().guarded()).unwrap();
    server
}

/// A server whose guard asks the test.
fn start(server: Server) -> (Host, mpsc::Receiver<Asked>) {
    let (sender, asking) = mpsc::channel();
    let host = Host::start(server, move |server, event| {
        if let Some(asked) = asked(server, event) {
            sender.send(asked).unwrap();
        }
    });
    (host, asking)
}

/// A handshake with these lines, whose answer is not waited for.
fn knock(host: &Host, target: &str, lines: &str) -> Http {
    let mut http = host.http();
    http.write(format!(
        "GET {target} HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    ));
    http
}

#[test]
fn guard_is_shown_the_whole_request_as_it_was_sent() {
    let (host, asking) = start(guarded());
    let http = knock(
        &host,
        "/ch%61t?token=a%20b&token=c",
        "Origin: https://good.example:8443\r\nCookie: a=1\r\ncookie:b=2 \r\nX-Empty:\r\n\
         Sec-WebSocket-Protocol: chat, , superchat\r\nSec-WebSocket-Protocol: last\r\n",
    );
    let asked = asking.recv_timeout(LONG).unwrap();
    let ours = Some(http.stream.local_addr().unwrap());
    let lines = [
        ("Host", "chat.example"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "https://good.example:8443"),
        ("Cookie", "a=1"),
        ("cookie", "b=2"),
        ("X-Empty", ""),
        ("Sec-WebSocket-Protocol", "chat, , superchat"),
        ("Sec-WebSocket-Protocol", "last"),
    ];
    let expected = Asked {
        socket: asked.socket,
        nsp: "/chat".into(),
        auth: "{}".into(),
        target: "/ch%61t?token=a%20b&token=c".into(),
        origin: Some("https://good.example:8443".into()),
        subprotocols: ["chat", "superchat", "last"].map(str::to_owned).into(),
        headers: lines.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into(),
        peers: [ours, ours],
    };
    assert_eq!(asked, expected);
    // It is as true some turns later, as long as the guard thinks.
    host.with(|_| ());
    host.with(move |server| {
        let handshake = server.handshake(asked.socket).unwrap();
        assert_eq!(handshake.query("token").as_deref(), Some("c"));
        assert_eq!(handshake.origin(), Some("https://good.example:8443"));
        assert_eq!(server.peer(asked.socket), ours);
        assert_eq!(server.transport(asked.socket), Some((Protocol::Json, Transport::WebSocket)));
        assert_eq!(server.subprotocol(asked.socket), None);
    });
}

#[test]
fn who_is_no_browser_has_no_origin_and_offers_nothing() {
    let (host, asking) = start(guarded());
    let _http = knock(&host, "/", "");
    let asked = asking.recv_timeout(LONG).unwrap();
    assert_eq!((asked.origin, asked.subprotocols), (None, vec![]));
}

#[test]
fn guard_chooses_one_of_the_offered_subprotocols_and_no_other() {
    let (host, asking) = start(guarded());
    let mut http = knock(&host, "/", "Sec-WebSocket-Protocol: v1.chat, v2.chat\r\n");
    let Asked { socket, subprotocols, .. } = asking.recv_timeout(LONG).unwrap();
    assert_eq!(subprotocols, ["v1.chat", "v2.chat"]);
    host.with(move |server| {
        for other in ["v3.chat", "V2.chat", ""] {
            let error = server.accept(socket, Accept::default().subprotocol(other)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{other}");
        }
        // It waits on as if nothing had been said.
        assert!(server.handshake(socket).is_some());
        server.accept(socket, Accept::default().subprotocol("v2.chat")).unwrap();
        assert_eq!(server.subprotocol(socket), Some("v2.chat"));
    });
    let answer = http.response(true);
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, Some("v2.chat")));
}

#[test]
fn a_client_that_leaves_its_guard_waiting_is_known_no_more() {
    let (host, asking) = start(guarded());
    let http = knock(&host, "/", "Origin: https://good.example\r\n");
    let socket = asking.recv_timeout(LONG).unwrap().socket;
    drop(http);
    host.until("it is gone", |server| server.stats().sessions == 0);
    host.until("its id is stale", move |server| {
        server.user(socket).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    });
    host.with(move |server| {
        assert_eq!((server.peer(socket), server.transport(socket)), (None, None));
        assert!(server.handshake(socket).is_none());
        assert_eq!(server.accept(socket, Accept::default()).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn guard_is_shown_a_socketio_client_with_its_auth_on_either_transport() {
    let (host, asking) = start(guarded());
    let mut client = Polling::open(&host);
    client.post(r#"40/chat,{"token":"abc"}"#);
    let asked = asking.recv_timeout(LONG).unwrap();
    assert_eq!((&*asked.nsp, &*asked.auth), ("/chat", r#"{"token":"abc"}"#));
    assert_eq!(asked.target, "/socket.io/?EIO=4&transport=polling");
    assert!(asked.peers[0].is_some());
    assert_eq!(asked.peers[0], asked.peers[1]);
    assert_eq!(asked.headers, [("Host".to_owned(), b"x".to_vec())]);
    let socket = asked.socket;
    let transport = move |server: &mut Server| server.transport(socket);
    assert_eq!(host.with(transport), Some((Protocol::SocketIo, Transport::Polling)));
    // It may move while its guard thinks.
    let mut moved = host.client(&client.websocket_path());
    moved.send("2probe");
    assert_eq!(moved.hear_text(), "3probe");
    moved.send("5");
    host.until("it has moved", move |server| {
        transport(server) == Some((Protocol::SocketIo, Transport::WebSocket))
    });
    let ours = moved.socket.get_ref().local_addr().unwrap();
    host.with(move |server| {
        assert_eq!(server.peer(socket), Some(ours));
        server.accept(socket, Accept::default().user(7)).unwrap();
        assert_eq!(server.auth(socket), r#"{"token":"abc"}"#);
    });
    assert!(moved.hear_text().starts_with("40/chat,{"));

    let mut client = websocket(&host);
    client.send("40");
    let asked = asking.recv_timeout(LONG).unwrap();
    assert_eq!((&*asked.nsp, &*asked.auth), ("/", "{}"));
    assert_eq!(asked.peers, [Some(client.socket.get_ref().local_addr().unwrap()); 2]);
    assert!(asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")));
    // Its request is there for each namespace that it asks for.
    client.send("40/chat,{}");
    let other = asking.recv_timeout(LONG).unwrap();
    assert_eq!((other.nsp, other.target, other.headers), ("/chat".into(), asked.target, asked.headers));
}

#[test]
fn who_waits_over_a_unix_socket_has_no_address() {
    let path = SocketPath::new("guard");
    let mut server = guarded();
    server.listen(&path.address()).unwrap();
    let (host, asking) = start(server);
    let entering = std::thread::spawn({
        let path = path.0.clone();
        move || Client::over(UnixStream::connect(path).unwrap(), "/")
    });
    let Asked { socket, peers, .. } = asking.recv_timeout(LONG).unwrap();
    assert_eq!(peers, [None, None]);
    host.with(move |server| server.accept(socket, Accept::default()).unwrap());
    let mut client = entering.join().unwrap();
    let sid = client.greeting();
    assert_eq!(host.with(move |server| server.by_sid(&sid)), Some(socket));
    let mut client =
        Client::over(UnixStream::connect(&path.0).unwrap(), "/socket.io/?EIO=4&transport=websocket");
    sid_of(&client.hear_text());
    client.send("40");
    assert_eq!(asking.recv_timeout(LONG).unwrap().peers, [None, None]);
}
