//! Real clients over real sockets: every kind of address, both dialects, and
//! what a host may do with who is connected.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    sync::mpsc,
};

use common::{Client, Host, LONG, SocketPath, Stream, chat};
use salon::{
    Accept, Config, Dialect, ErrorKind, Event, Keep, Limits, LocalAddress, Namespace, Reason, Server,
    SocketId,
};
use serde_json::{Value, json};
use tungstenite::Message;

/// A handshake by hand.
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const NOTHING: Vec<Value> = Vec::new();

fn new_server() -> Server {
    Server::new(Config::default()).unwrap()
}

fn assert_chats<S: Stream>(mut client: Client<S>) {
    client.greeting();
    assert_eq!(client.ask("join", json!({ "room": "r" })), NOTHING);
    assert_eq!(
        client.ask("say", json!({ "room": "r", "text": "hi" })),
        [json!({ "event": "said", "data": "hi" })]
    );
    client.socket.close(None).unwrap();
    assert_eq!(client.end(), None);
}

fn tcp(address: &LocalAddress) -> SocketAddr {
    match address {
        LocalAddress::Tcp(address) => *address,
        LocalAddress::Unix(path) => panic!("{path}"),
    }
}

/// The socket of the client that was told this sid.
fn id_of(host: &Host, sid: &str) -> SocketId {
    let sid = sid.to_owned();
    host.with(move |server| server.by_sid(&sid).unwrap())
}

// Addresses.

#[test]
fn one_server_listens_at_many_addresses_of_all_kinds() {
    let path = SocketPath::new("many");
    let mut server = new_server();
    let v4 = tcp(&server.listen("127.0.0.1:0").unwrap());
    let again = tcp(&server.listen("127.0.0.1:0").unwrap());
    let v6 = server.listen("[::1]:0").map(|address| tcp(&address));
    let unix = server.listen(&path.address()).unwrap();
    assert_eq!(unix.to_string(), path.address());
    assert_eq!(unix.port(), None);
    assert!(v4.port() != 0 && again.port() != 0 && v4 != again);
    assert_eq!(server.addresses()[..2], [LocalAddress::Tcp(v4), LocalAddress::Tcp(again)]);
    let host = Host::start(server, chat);
    assert_chats(Client::connect(v4, "/"));
    assert_chats(Client::connect(again, "/"));
    assert_chats(Client::over(UnixStream::connect(&path.0).unwrap(), "/"));
    match v6 {
        Ok(v6) => assert_chats(Client::connect(v6, "/")),
        // A machine without IPv6 says so, and nothing else is wrong.
        Err(error) => assert_eq!(error.kind(), ErrorKind::Io),
    }
    host.until("all are gone", |server| server.stats().connections == 0);
}

#[test]
fn a_socket_file_that_was_left_behind_is_replaced() {
    let path = SocketPath::new("stale");
    drop(UnixListener::bind(&path.0).unwrap());
    assert!(path.0.exists());
    let mut server = new_server();
    server.listen(&path.address()).unwrap();
    let _host = Host::start(server, chat);
    assert_chats(Client::over(UnixStream::connect(&path.0).unwrap(), "/"));
}

#[test]
fn a_socket_file_of_a_live_server_is_an_error() {
    let path = SocketPath::new("live");
    let live = UnixListener::bind(&path.0).unwrap();
    let error = new_server().listen(&path.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("live"), "{error}");
    // It was asked and left alone.
    live.accept().unwrap();
    assert!(path.0.exists());
}

#[test]
fn an_ordinary_file_in_the_way_is_an_error_and_stays() {
    let path = SocketPath::new("file");
    std::fs::write(&path.0, "precious").unwrap();
    assert_eq!(new_server().listen(&path.address()).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(std::fs::read_to_string(&path.0).unwrap(), "precious");
    let linked = SocketPath::new("link");
    std::os::unix::fs::symlink(&path.0, &linked.0).unwrap();
    assert_eq!(new_server().listen(&linked.address()).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(std::fs::read_to_string(&path.0).unwrap(), "precious");
}

#[test]
fn sockets_that_listen_already_are_taken_over() {
    let path = SocketPath::new("adopted");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // This client is at the door before the server knows of it.
    let early = std::thread::spawn(move || Client::connect(address, "/"));
    let mut server = new_server();
    assert_eq!(server.adopt(listener).unwrap(), LocalAddress::Tcp(address));
    let adopted = server.adopt_unix(UnixListener::bind(&path.0).unwrap()).unwrap();
    assert_eq!(adopted.to_string(), path.address());
    let _host = Host::start(server, chat);
    assert_chats(early.join().unwrap());
    assert_chats(Client::connect(address, "/"));
    assert_chats(Client::over(UnixStream::connect(&path.0).unwrap(), "/"));
}

#[test]
fn addresses_that_cant_be_are_told_apart() {
    let mut server = new_server();
    for malformed in ["", "nonsense", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:65536"] {
        let error = server.listen(malformed).unwrap_err();
        assert!(error.to_string().contains(malformed), "{malformed}: {error}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{malformed}: {error}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = server.listen(&taken.local_addr().unwrap().to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    // TEST-NET-1 (RFC 5737) is nobody's.
    assert_eq!(server.listen("192.0.2.1:0").unwrap_err().kind(), ErrorKind::Io);
    for path in ["unix:", "unix:/nowhere/at/all", &format!("unix:/tmp/{}", "x".repeat(200))] {
        assert!(
            matches!(server.listen(path).unwrap_err().kind(), ErrorKind::Io | ErrorKind::Invalid),
            "{path}"
        );
    }
    assert!(server.addresses().is_empty());
    server.listen("localhost:0").unwrap();
}

/// The server's end of a connection has TCP_NODELAY: found among the
/// descriptors of this very process.
#[cfg(target_os = "linux")]
#[test]
#[allow(unsafe_code)]
fn small_messages_do_not_wait_for_acknowledgements() {
    use std::os::fd::BorrowedFd;
    let host = Host::run(Config::default(), chat);
    let mut client = host.client("/");
    client.greeting();
    let ours = client.socket.get_ref().local_addr().unwrap();
    let numbers = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().parse().unwrap());
    let numbers: Vec<i32> = numbers.collect();
    let is_without_delay = numbers.into_iter().find_map(|number| {
        // SAFETY: the connection stays open until the host ends, and that of other tests is only asked for its peer:
        // a number that is none any more gives an error, one that is another socket by now has another peer.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = socket2::SockRef::from(&descriptor);
        let is_it = socket.peer_addr().is_ok_and(|peer| peer.as_socket() == Some(ours));
        is_it.then(|| socket.tcp_nodelay().unwrap())
    });
    assert_eq!(is_without_delay, Some(true));
}

// Dialects and namespaces.

#[test]
fn the_path_is_the_namespace_percent_decoded() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    for name in ["/chat", "/grüße welt", "/a/b"] {
        server.open(name, Namespace::default()).unwrap();
    }
    server.open_pattern("/room-", Namespace::default()).unwrap();
    let host = Host::start(server, chat);
    for (path, name) in [
        ("/chat", "/chat"),
        ("/ch%61t?query=1", "/chat"),
        ("/gr%C3%BC%C3%9Fe%20welt", "/grüße welt"),
        ("/a%2Fb", "/a/b"),
        ("/room-%F0%9F%98%80", "/room-😀"),
    ] {
        let mut client = host.client(path);
        client.greeting();
        let count = host.with(move |server| server.count(name, None).unwrap());
        assert_eq!(count, 1, "{path}");
        client.socket.close(None).unwrap();
        client.end();
        let is_empty = move |server: &mut Server| server.count(name, None).is_ok_and(|count| count == 0);
        if name.starts_with("/room-") {
            host.until("the namespace vanishes", move |server| server.count(name, None).is_err());
        } else {
            host.until("nobody is left", is_empty);
        }
    }
    for path in ["/unknown", "/chat/", "/CHAT", "/a/../chat", "/roo", "//chat"] {
        assert_eq!(Client::refused(host.address, path), 404, "{path}");
    }
    assert_eq!(Client::refused(host.address, "/%00"), 400);
    assert_eq!(Client::refused(host.address, &format!("/room-{}", "x".repeat(300))), 404);
}

#[test]
fn rooms_of_the_same_name_in_two_namespaces_do_not_mix() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    server.open("/other", Namespace::default()).unwrap();
    let host = Host::start(server, chat);
    let (mut here, mut there) = (host.client("/"), host.client("/other"));
    for client in [&mut here, &mut there] {
        client.greeting();
        client.ask("join", json!({ "room": "hall" }));
    }
    assert_eq!(
        here.ask("say", json!({ "room": "hall", "text": 1 })),
        [json!({ "event": "said", "data": 1 })]
    );
    assert_eq!(there.heard_so_far(), NOTHING);
    let counts = host.with(|server| {
        assert_eq!(server.to_all().sockets().unwrap().len(), 2);
        server.to_all().emit("both", "[]").unwrap();
        (server.count("/", Some("hall")).unwrap(), server.rooms("/other").unwrap())
    });
    assert_eq!(counts, (1, vec!["hall".to_owned()]));
    assert_eq!(here.hear()["event"], "both");
    assert_eq!(there.hear()["event"], "both");
}

#[test]
fn the_raw_dialect_carries_bytes_and_shares_rooms_with_json() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    server.open("/raw", Namespace::default().dialect(Dialect::Raw)).unwrap();
    server.open("/mixed", Namespace::default().guarded()).unwrap();
    let host = Host::start(server, |server, event| match event {
        Event::ConnectRequest { socket, handshake, .. } => {
            let dialect = if handshake.query("raw").is_some() { Dialect::Raw } else { Dialect::Json };
            server.accept(*socket, Accept::default().dialect(dialect).room("hall").user(7)).unwrap();
        }
        Event::Data { socket, nsp: "/raw", data } => {
            server.send(*socket, *data).unwrap();
        }
        Event::Data { nsp, data, .. } => {
            server.to(nsp).room("hall").send(*data).unwrap();
        }
        Event::Message { nsp, name, args, .. } => {
            server.to(nsp).room("hall").emit(name, *args).unwrap();
        }
        _ => {}
    });
    let mut echo = host.client("/raw");
    for message in [
        Message::text(""),
        Message::text("grüße"),
        Message::binary(vec![0, 255, 128]),
        Message::binary(vec![7; 300_000]),
        Message::text("long ".repeat(100_000)),
    ] {
        echo.socket.send(message.clone()).unwrap();
        assert_eq!(echo.hear_any(), message);
    }
    let (mut raw, mut json) = (host.client("/mixed?raw"), host.client("/mixed"));
    json.greeting();
    host.until("both are in", |server| server.count("/mixed", Some("hall")).unwrap() == 2);
    raw.send("text");
    assert_eq!(raw.hear_text(), "text");
    assert_eq!(json.hear(), json!({ "event": "message", "data": "text" }));
    raw.socket.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(raw.hear_any(), Message::binary(vec![1, 2, 3]));
    let placeholder = json!({ "_placeholder": true, "num": 0 });
    assert_eq!(json.hear(), json!({ "event": "message", "data": placeholder, "attachments": ["AQID"] }));
    json.say("say", json!({ "a": [1] }));
    assert_eq!(raw.hear(), json!(["say", { "a": [1] }]));
    assert_eq!(json.hear(), json!({ "event": "say", "data": { "a": [1] } }));
}

#[test]
fn a_silent_guard_refuses_at_its_deadline_whatever_the_client_says_meanwhile() {
    let limits = Limits { connect_timeout_ms: 300, waiting_bytes: 1_000, ..Limits::default() };
    let mut server = Server::bind("127.0.0.1:0", Config { limits, ..Config::default() }).unwrap();
    server.open("/", Namespace::default().guarded()).unwrap();
    let host = Host::start(server, |_, _| ());
    let mut http = host.http();
    http.write(UPGRADE);
    host.until("it waits", |server| server.stats().sessions == 1);
    // More than is kept: the rest stays in the kernel, unread.
    for _ in 0..4 {
        http.write([0x82, 0x80, 0, 0, 0, 0].repeat(10_000));
    }
    assert_eq!(http.response(false).status, 503);
}

#[test]
fn what_a_client_says_while_the_guard_thinks_is_delivered_after() {
    let (sender, heard) = mpsc::channel();
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    server.open("/", Namespace::default().guarded().dialect(Dialect::Raw)).unwrap();
    let host = Host::start(server, move |_, event| match event {
        Event::ConnectRequest { socket, .. } => sender.send((Some(*socket), 0)).unwrap(),
        Event::Data { data, .. } => sender.send((None, data.as_bytes().len())).unwrap(),
        _ => {}
    });
    let mut http = host.http();
    let (mut writer, frame) = (http.stream.try_clone().unwrap(), {
        // 100 KiB, more than is kept.
        let mut frame = vec![0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0x90, 0, 0, 0, 0, 0];
        frame.resize(14 + 0x19000, 0);
        frame
    });
    let writing = std::thread::spawn(move || {
        writer.write_all(UPGRADE.as_bytes()).unwrap();
        (0..10).for_each(|_| writer.write_all(&frame).unwrap());
    });
    let (socket, _) = heard.recv_timeout(LONG).unwrap();
    assert!(heard.recv_timeout(std::time::Duration::from_millis(50)).is_err());
    host.with(move |server| server.accept(socket.unwrap(), Accept::default()).unwrap());
    assert_eq!(http.response(true).status, 101);
    for _ in 0..10 {
        assert_eq!(heard.recv_timeout(LONG).unwrap(), (None, 0x19000));
    }
    writing.join().unwrap();
}

#[test]
fn who_reads_nothing_is_cut_off_and_the_others_hear_on() {
    let (sender, gone) = mpsc::channel();
    let host = Host::run(Config::default(), move |server, event| {
        if let Event::Disconnect { reason, .. } = event {
            sender.send(*reason).unwrap();
        }
        chat(server, event);
    });
    let (mut slow, mut other) = (host.client("/"), host.client("/"));
    for client in [&mut slow, &mut other] {
        client.greeting();
        client.ask("join", json!({ "room": "r" }));
    }
    let text = "x".repeat(200_000);
    while gone.try_recv().map(|reason| assert_eq!(reason, Reason::SlowReader)).is_err() {
        let heard = other.ask("say", json!({ "room": "r", "text": text }));
        assert_eq!(heard.len(), 1);
    }
    // Its goodbye fits behind the message that was on its way.
    assert_eq!(slow.end().map(u16::from), Some(1013));
    assert_eq!(other.heard_so_far(), NOTHING);
    drop((slow, other));
    host.until("nothing is owed or held", |server| {
        let stats = server.stats();
        (stats.connections, stats.queued_bytes, stats.memory_bytes) == (0, 0, 0)
    });
}

// Audiences.

#[test]
fn an_audience_is_a_union_less_its_exceptions_and_each_hears_once() {
    let host = Host::run(Config::default(), chat);
    let mut clients: Vec<_> = (0..5).map(|_| host.client("/")).collect();
    let ids: Vec<_> = clients.iter_mut().map(|client| id_of(&host, &client.greeting())).collect();
    // 0 and 1 are in a; 1 and 2 in b; 3 in c; 4 in none.
    for (client, room) in [(0, "a"), (1, "a"), (1, "b"), (2, "b"), (3, "c")] {
        clients[client].ask("join", json!({ "room": room }));
    }
    let says = ids.clone();
    let counts = host.with(move |server| {
        let mut counts = vec![
            server.to("/").emit("all", "[]").unwrap(),
            server.to("/").room("a").room("b").emit("union", "[]").unwrap(),
            server.to("/").rooms(["a", "b", "c"]).except_room("b").emit("less", "[]").unwrap(),
            server
                .to("/")
                .room("a")
                .socket(says[4])
                .socket(says[0])
                .except(says[1])
                .emit("some", "[]")
                .unwrap(),
            server.to("/").except(says[0]).volatile().emit("volatile", "[]").unwrap(),
            server.to("/").room("nowhere").emit("none", "[]").unwrap(),
        ];
        counts.push(server.emit(says[4], "one", "[1,2]").unwrap());
        counts.push(server.to("/").room("a").join("d").unwrap());
        counts.push(server.to("/").room("d").emit("joined", "[]").unwrap());
        counts.push(server.to("/").socket(says[0]).leave("d").unwrap());
        counts.push(server.to("/").room("d").emit("left", "[]").unwrap());
        counts
    });
    assert_eq!(counts, [5, 3, 2, 2, 4, 0, 1, 2, 2, 1, 1]);
    let mut heard = |client: usize| -> Vec<String> {
        let heard = clients[client].heard_so_far();
        heard.iter().map(|message| message["event"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(heard(0), ["all", "union", "less", "some", "joined"]);
    assert_eq!(heard(1), ["all", "union", "volatile", "joined", "left"]);
    assert_eq!(heard(2), ["all", "union", "volatile"]);
    assert_eq!(heard(3), ["all", "less", "volatile"]);
    assert_eq!(heard(4), ["all", "some", "volatile", "one"]);
    assert_eq!(host.with(|server| server.to("/").room("c").disconnect().unwrap()), 1);
    assert_eq!(clients[3].end().map(u16::from), Some(1000));
}

#[test]
fn volatile_messages_are_left_out_for_who_is_behind() {
    let host = Host::run(Config::default(), chat);
    let mut slow = host.client("/");
    let id = id_of(&host, &slow.greeting());
    let large = format!("[\"{}\"]", "x".repeat(900_000));
    let sent = host.with(move |server| {
        let mut sent = 0;
        // Until the kernel takes no more.
        while server.queued(id).unwrap() == 0 {
            assert_eq!(server.emit(id, "large", &large).unwrap(), 1);
            server.flush();
            sent += 1;
        }
        assert_eq!(server.emit_volatile(id, "typing", "[]").unwrap(), 0);
        assert_eq!(server.to("/").volatile().emit("typing", "[]").unwrap(), 0);
        assert_eq!(server.stats().dropped_volatile, 2);
        server.emit(id, "small", "[]").unwrap();
        sent
    });
    let events: Vec<_> = (0..=sent).map(|_| slow.hear()["event"].clone()).collect();
    assert_eq!(events.iter().filter(|event| *event == "large").count(), sent);
    assert_eq!(events[sent], "small");
    host.until("it has caught up", move |server| server.queued(id).unwrap() == 0);
    assert_eq!(host.with(move |server| server.emit_volatile(id, "typing", "[]").unwrap()), 1);
    assert_eq!(slow.hear()["event"], "typing");
}

// One socket.

#[test]
fn the_host_knows_who_is_there() {
    let config = Config { keep_handshake: Keep::All, ..Config::default() };
    let host = Host::run(config, chat);
    let mut client = host.client("/?name=Ada%20L");
    let sid = client.greeting();
    assert_eq!(sid.len(), 20);
    let id = id_of(&host, &sid);
    let ours = client.socket.get_ref().local_addr().unwrap();
    let theirs = host.address;
    host.with(move |server| {
        assert_eq!(server.sid(id).unwrap(), Some(&*sid));
        assert_eq!(server.peer(id), Some(ours));
        assert_eq!(server.user(id).unwrap(), 0);
        server.set_user(id, u64::MAX).unwrap();
        assert_eq!(server.user(id).unwrap(), u64::MAX);
        let handshake = server.handshake(id).unwrap();
        assert_eq!(handshake.query("name").as_deref(), Some("Ada L"));
        assert_eq!(handshake.header_str("host"), Some("localhost"));
        assert_ne!(theirs, ours);
        server.join(id, "here").unwrap();
        assert_eq!(server.rooms_of(id).unwrap(), ["here"]);
        server.leave_all(id).unwrap();
        assert!(server.rooms("/").unwrap().is_empty());
    });
    drop(client);
    host.until("it is gone", move |server| {
        server.user(id).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    });
    host.with(move |server| {
        assert_eq!((server.peer(id), server.handshake(id).is_none()), (None, true));
        assert_eq!(server.emit(id, "e", "[]").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_unix_client_has_no_address_and_a_handshake_goes_with_its_poll() {
    let path = SocketPath::new("peer");
    let mut server = new_server();
    server.listen(&path.address()).unwrap();
    let host = Host::start(server, |server, event| {
        if let Event::Connect { socket, handshake, .. } = event {
            assert!(server.handshake(*socket).is_some_and(|kept| kept.target() == handshake.target()));
            assert_eq!(server.peer(*socket), None);
        }
    });
    let mut client = Client::over(UnixStream::connect(&path.0).unwrap(), "/");
    let id = id_of(&host, &client.greeting());
    host.until("the handshake is let go", move |server| server.handshake(id).is_none());
}

#[test]
fn a_disconnect_says_who_ended_it_how_and_in_which_rooms() {
    let (sender, gone) = mpsc::channel();
    let host = Host::run(Config::default(), move |server, event| {
        if let Event::Disconnect { reason, code, text, rooms, .. } = event {
            let rooms = rooms.clone().map(str::to_owned).collect::<Vec<_>>();
            sender.send((*reason, *code, (*text).to_owned(), rooms)).unwrap();
        }
        chat(server, event);
    });
    let connect = || {
        let mut client = host.client("/");
        let id = id_of(&host, &client.greeting());
        (client, id)
    };
    let next = || gone.recv_timeout(LONG).unwrap();

    let (mut client, _) = connect();
    client.ask("join", json!({ "room": "r" }));
    let close = tungstenite::protocol::CloseFrame { code: 4_001.into(), reason: "enough".into() };
    client.socket.close(Some(close)).unwrap();
    assert_eq!(client.end().map(u16::from), Some(4_001));
    assert_eq!(next(), (Reason::ClientLeft, Some(4_001), "enough".into(), vec!["r".to_owned()]));

    let (client, _) = connect();
    drop(client);
    assert_eq!(next().0, Reason::TransportClose);

    let (client, _) = connect();
    socket2::SockRef::from(client.socket.get_ref()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(next().0, Reason::TransportError);

    let (mut client, id) = connect();
    host.with(move |server| {
        server.emit(id, "last", "[]").unwrap();
        server.disconnect_with(id, 4_002, "go").unwrap();
    });
    assert_eq!(client.hear()["event"], "last");
    assert_eq!(client.end().map(u16::from), Some(4_002));
    assert_eq!(next(), (Reason::ServerLeft, Some(4_002), "go".into(), vec![]));

    let (mut client, _) = connect();
    client.send(&"x".repeat(1_000_001));
    assert_eq!(client.end().map(u16::from), Some(1009));
    assert_eq!(next().0, Reason::MessageTooBig);
}

#[test]
fn a_message_and_its_senders_end_in_one_turn_do_not_end_the_host() {
    let (sender, seen) = mpsc::channel();
    let host = Host::run(Config::default(), move |server, event| {
        // As in the first example: whatever the client does, these succeed.
        match event {
            Event::Connect { socket, .. } => server.join(*socket, "lobby").unwrap(),
            Event::Message { socket, args, ack, .. } => {
                server.to("/").room("lobby").except(*socket).emit("said", *args).unwrap();
                server.emit(*socket, "own", "[]").unwrap();
                if let Some(ack) = ack {
                    server.ack(*ack, "[]").unwrap();
                }
                sender.send(()).unwrap();
            }
            Event::Disconnect { socket, .. } => {
                server.emit(*socket, "late", "[]").unwrap();
                server.join(*socket, "lobby").unwrap();
                server.disconnect(*socket).unwrap();
                assert!(server.rooms_of(*socket).unwrap().is_empty());
            }
            _ => {}
        }
    });
    let frames = {
        let mut frames = UPGRADE.as_bytes().to_vec();
        let text = br#"{"event":"say","data":1,"id":1}"#;
        for _ in 0..2 {
            frames.extend_from_slice(&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0]);
            frames.extend_from_slice(text);
        }
        frames
    };
    for round in 0..50 {
        let stream = TcpStream::connect(host.address).unwrap();
        (&stream).write_all(&frames).unwrap();
        if round % 2 == 0 {
            socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        }
    }
    host.until("all are gone", |server| server.stats().accepted == 50 && server.stats().connections == 0);
    // Those that ended in order have been heard.
    for _ in 0..50 {
        seen.recv_timeout(LONG).unwrap();
    }
}

#[test]
fn a_server_may_move_between_threads_while_clients_stay() {
    let host = Host::run(Config::default(), chat);
    let mut client = host.client("/");
    client.greeting();
    let server = host.stop();
    let _host = Host::start(server, chat);
    assert_eq!(client.heard_so_far(), NOTHING);
}
