//! What a host that has a logger is told: warnings about what it should know,
//! debug lines about clients that do wrong, and never what clients have said.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod house;

use std::{cell::RefCell, net::TcpListener, sync::Once, time::Duration};

use house::{CAP, House, Raw, Seen, by_hand, fill, frame, get, upgrade};
use log::{Level, LevelFilter, Log, Metadata, Record};
use salon::{Accept, Config, LocalAddress, Namespace, Reason, Server};
use socket2::{Domain, SockRef, Socket, Type};

/// Keeps what is logged on this very thread, which is the test's and its
/// server's own.
struct Keeper;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Log for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("salon")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{} {}", record.level(), record.args());
            assert!(!line.contains('\n'), "{line}");
            assert_ne!(record.level(), Level::Error, "{line}");
            LINES.with_borrow_mut(|lines| lines.push(line));
        }
    }

    fn flush(&self) {}
}

/// Begins to keep lines.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    LINES.take();
}

/// The lines since the last time.
fn lines() -> Vec<String> {
    LINES.take()
}

/// The same without those about clients of this test that leave without having
/// read all.
fn lines_but_resets() -> Vec<String> {
    lines().into_iter().filter(|line| !line.contains("reset by peer")).collect()
}

/// Turns for longer than a pause in accepting lasts.
fn turn_past_a_pause(house: &mut House) {
    house.server.start_timer(Duration::from_millis(500), None, 77);
    house.wait_for(&Seen::Timer(77));
}

/// Turns until a socket is gone: why.
fn reason(house: &mut House) -> Reason {
    house.wait(|seen| if let Seen::Gone(_, reason) = seen { Some(*reason) } else { None })
}

#[test]
fn accepting_that_pauses_is_one_warning_for_each_pause() {
    listen();
    let mut house = House::with_limits(|limits| limits.connections = 1);
    assert_eq!(lines(), Vec::<String>::new());
    let (first, _) = house.guest();
    let second = house.raw(upgrade("/", ""));
    // It is tried again and again, and said once.
    turn_past_a_pause(&mut house);
    assert_eq!(lines(), ["WARN accepting pauses: the limit of connections is reached"]);
    assert_eq!(house.stats().accept_pauses, 1);
    first.leave(&mut house);
    house.turn_until("the next one", |house| house.stats().sockets == 1);
    // The house is full again, but nobody is at the door.
    turn_past_a_pause(&mut house);
    assert_eq!(lines(), Vec::<String>::new());
    let third = house.raw(upgrade("/", ""));
    turn_past_a_pause(&mut house);
    assert_eq!(lines(), ["WARN accepting pauses: the limit of connections is reached"]);
    assert_eq!(house.stats().accept_pauses, 2);
    drop((second, third));
}

/// A socket that does not listen, as one that somebody has shut down.
fn deaf_listener() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.into()
}

#[test]
fn a_listener_that_fails_is_a_warning_and_the_others_go_on() {
    listen();
    // Before the one that works, and behind it.
    for place in 0..2 {
        let mut server = Server::new(Config::default()).unwrap();
        if place == 0 {
            server.adopt(deaf_listener()).unwrap();
        }
        let LocalAddress::Tcp(address) = server.listen("127.0.0.1:0").unwrap() else { panic!("TCP") };
        if place == 1 {
            server.adopt(deaf_listener()).unwrap();
        }
        let mut house = House::of(server, address);
        house.turn_until("a pause", |house| house.stats().accept_pauses > 0);
        let said = lines();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("WARN accepting pauses: Invalid argument"), "{said:?}");
        let (client, _) = house.guest();
        let (other, _) = house.guest();
        client.leave(&mut house);
        other.leave(&mut house);
        let said = lines();
        assert!(said.iter().all(|line| line.starts_with("WARN accepting pauses: ")), "{said:?}");
    }
}

#[test]
fn a_client_that_does_wrong_is_a_debug_line_that_says_why() {
    listen();
    let mut house = House::with_limits(|limits| limits.queue_bytes = CAP as u32);
    house.answer_to("BAD\r\n\r\n");
    house.answer_to(upgrade("/", "").replace("n: 13", "n: 8"));
    let said = lines();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("DEBUG connection 0: 400 "), "{said:?}");
    assert!(said[1].starts_with("DEBUG connection 0: 426 "), "{said:?}");

    let (mut raw, _) = by_hand(&mut house);
    raw.write([0x81, 0x00]);
    assert_eq!(reason(&mut house), Reason::ProtocolError);
    let said = lines();
    assert!(said.len() == 1 && said[0].starts_with("DEBUG connection 0: 1002 "), "{said:?}");
    drop(raw);

    let (raw, _) = by_hand(&mut house);
    lines();
    SockRef::from(&raw.0).set_linger(Some(Duration::ZERO)).unwrap();
    drop(raw);
    assert_eq!(reason(&mut house), Reason::TransportError);
    let said = lines();
    assert!(
        !said.is_empty() && said.iter().all(|line| line.contains("Connection reset by peer")),
        "{said:?}"
    );

    let (_raw, socket) = by_hand(&mut house);
    fill(&mut house, socket);
    assert_eq!(house.server.emit(socket, "a", "[]").unwrap(), 0);
    assert_eq!(lines_but_resets(), [format!("DEBUG socket {:#x}: slow reader", socket.get())]);
}

/// A Socket.IO client on a WebSocket that has said this.
fn socketio(house: &mut House, packets: &[&str]) -> Raw {
    let mut raw = house.raw(upgrade("/socket.io/?EIO=4&transport=websocket&token=s3cret", ""));
    for packet in packets {
        raw.write(frame(0x81, packet.as_bytes()));
    }
    raw
}

#[test]
fn a_socketio_client_that_does_wrong_is_a_debug_line_that_says_why() {
    listen();
    let mut house = House::new(Config::default());
    for (packet, why) in [
        ("4x", "session 0: "),
        (r#"42/other,["a"]"#, "session 0: a packet for a namespace that it is not in"),
        ("40", "session 0: CONNECT to a namespace that it is in"),
        ("44{}", "session 0: CONNECT_ERROR is the server's to send"),
    ] {
        let raw = socketio(&mut house, &["40", packet]);
        reason(&mut house);
        let said = lines_but_resets();
        assert!(said.len() == 1 && said[0].starts_with(&format!("DEBUG {why}")), "{packet}: {said:?}");
        drop(raw);
        house.turn_until("its end", |house| house.stats().connections == 0);
    }
}

#[test]
fn errands_of_other_threads_that_find_nobody_are_debug_lines() {
    listen();
    let mut house = House::new(Config::default());
    let (client, socket) = house.guest();
    client.leave(&mut house);
    house.turn();
    let remote = house.server.remote();
    remote.to("/nowhere").emit("e", "[]").unwrap();
    remote.emit(socket, "e", "[]").unwrap();
    remote.disconnect(socket).unwrap();
    assert_eq!(lines(), Vec::<String>::new());
    house.turn();
    let said = lines_but_resets();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().all(|line| line.starts_with("DEBUG for another thread: ")), "{said:?}");
    assert!(said[0].contains("/nowhere"), "{said:?}");
}

#[test]
fn a_chat_in_which_all_is_well_logs_nothing() {
    listen();
    let mut house = House::new(Config { http: true, ..Config::default() });
    house.server.open("/guarded", Namespace::default().guarded()).unwrap();
    let (mut client, socket) = house.guest();
    let (knock, waiting) = house.at_the_door("/guarded", &[]);
    house.server.accept(waiting, Accept::default()).unwrap();
    let _guest = house.open(knock);
    let _socketio = socketio(&mut house, &["40", r#"42["a"]"#]);
    house.wait(|seen| matches!(seen, Seen::Message { .. }).then_some(()));
    client.say(r#"{"event":"a","id":1}"#);
    house.wait(|seen| matches!(seen, Seen::Message { .. }).then_some(()));
    house.server.to("/").emit("b", "[]").unwrap();
    let raw = house.raw(get("/page", ""));
    let request = house.wait(|seen| if let Seen::Http(request) = seen { Some(*request) } else { None });
    house.server.respond(request, 200, &[], "page").unwrap();
    drop(raw);
    house.server.disconnect(socket).unwrap();
    house.turn_until("its end", |house| house.stats().sockets == 2);
    house.server.shutdown();
    assert_eq!(lines(), Vec::<String>::new());
}

#[test]
fn what_clients_have_said_is_in_no_line() {
    const SECRET: &str = "s3cret";
    listen();
    let mut config = Config::default();
    config.limits.head_bytes = 1_000;
    let mut house = House::new(config);
    let heads = [
        format!("GET /{SECRET} HTTP/9.9\r\n\r\n"),
        format!("{SECRET} / HTTP/1.1\r\n\r\n"),
        get("/", &format!("{SECRET} : x\r\n")),
        get("/", &format!("Cookie: {SECRET}{}\r\n", "x".repeat(2_000))),
        get("/", &format!("Content-Length: {SECRET}\r\n")),
        get("/", &format!("Transfer-Encoding: {SECRET}\r\n")),
        upgrade(&format!("/?token={SECRET}"), "").replace("dGhl", SECRET),
    ];
    for head in heads {
        house.answer_to(head);
        let said = lines_but_resets();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(!said[0].contains(SECRET), "{said:?}");
    }
    let packets = [
        format!(r#"42["a",{{"token":"{SECRET}"]"#),
        format!(r#"42["a",{SECRET}]"#),
        format!(r#"42"{SECRET}""#),
        format!("42{SECRET}"),
        format!("4{SECRET}"),
        SECRET.to_owned(),
        format!(r#"42["connect","{SECRET}"]"#),
        format!(r#"42["{}{SECRET}"]"#, "x".repeat(100)),
        format!(r#"451-["a","{SECRET}"]x"#),
        format!(r#"4399["{SECRET}""#),
        format!("42/{SECRET},[\"a\"]"),
    ];
    for packet in &packets {
        let raw = socketio(&mut house, &["40", packet]);
        house.turn_until("it is heard", |house| house.stats().accepted > 0 && house.stats().connections > 0);
        drop(raw);
        house.turn_until("its end", |house| house.stats().connections == 0);
        let said = lines_but_resets();
        assert!(!said.concat().contains(SECRET), "{packet}: {said:?}");
    }
    for auth in [format!(r#"40"{SECRET}""#), format!(r#"40{{"{SECRET}":}}"#), format!("40[\"{SECRET}\"]")] {
        let raw = socketio(&mut house, &[&auth]);
        house.turn_until("it is heard", |house| house.stats().connections > 0);
        drop(raw);
        house.turn_until("its end", |house| house.stats().connections == 0);
        let said = lines_but_resets();
        assert_eq!(said.len(), 1, "{auth}");
        assert!(!said.concat().contains(SECRET), "{auth}: {said:?}");
    }
}
