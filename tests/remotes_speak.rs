//! What other threads say reaches whom it is for, in each dialect, and a thread
//! may end it all.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod suite;

use std::{net::TcpStream, sync::mpsc, thread};

use common::{Client, Host, LONG, chat, until};
use salon::{
    Config, Data, Dialect, Event, Events, LocalAddress, Namespace, Payload, Reason, Remote, Server, SocketId,
};
use serde_json::{Value, json};
use suite::{Polling, assert_connected, hear_binary, websocket};
use tungstenite::Message;

const NOTHING: Vec<Value> = Vec::new();

/// Does something on a thread of its own, and waits for it.
fn elsewhere<T: Send + 'static>(remote: &Remote, job: impl FnOnce(&Remote) -> T + Send + 'static) -> T {
    let remote = remote.clone();
    thread::spawn(move || job(&remote)).join().unwrap()
}

fn id_of(host: &Host, sid: &str) -> SocketId {
    let sid = sid.to_owned();
    host.with(move |server| server.by_sid(&sid).unwrap())
}

/// So many JSON clients in `/`.
fn clients(host: &Host, count: usize) -> (Vec<Client<TcpStream>>, Vec<SocketId>) {
    let mut clients: Vec<_> = (0..count).map(|_| host.client("/")).collect();
    let ids = clients.iter_mut().map(|client| id_of(host, &client.greeting())).collect();
    (clients, ids)
}

/// The names of the events that a client has heard so far.
fn heard(client: &mut Client<TcpStream>) -> Vec<String> {
    let heard = client.heard_so_far();
    heard.iter().map(|message| message["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_another_thread_sends_arrives_as_text_and_bytes_in_each_dialect() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    server.open("/raw", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let (sender, entered) = mpsc::channel();
    let host = Host::start(server, move |_, event| {
        if let Event::Connect { socket, .. } = event {
            sender.send(*socket).unwrap();
        }
    });
    let id = || entered.recv_timeout(LONG).unwrap();
    let mut raw = host.client("/raw");
    let raw_id = id();
    let mut json = host.client("/");
    json.greeting();
    let json_id = id();
    let mut socketio = websocket(&host);
    socketio.send("40");
    let socketio_id = id();
    assert_connected(&socketio.hear_text(), "40");
    let mut polling = Polling::open(&host);
    polling.post("40");
    let polling_id = id();
    assert_connected(&polling.poll(), "40");
    elsewhere(&host.remote, move |remote| {
        for socket in [raw_id, json_id, socketio_id, polling_id] {
            remote.send(socket, "grüße").unwrap();
            remote.send(socket, Data::Binary(&[0, 255, 7])).unwrap();
            // What the caller had is its own again.
            let mut args = String::from("[1]");
            remote.emit(socket, "e", &args).unwrap();
            args.clear();
            let mut bytes = vec![9, 9];
            remote.emit(socket, "b", Payload::binary(&[&bytes])).unwrap();
            bytes.fill(0);
        }
    });
    assert_eq!(raw.hear_text(), "grüße");
    assert_eq!(raw.hear_any(), Message::binary(vec![0, 255, 7]));
    assert_eq!(raw.hear_text(), r#"["e",1]"#);
    assert_eq!(raw.hear_text(), r#"["b",{"_placeholder":true,"num":0}]"#);
    assert_eq!(raw.hear_any(), Message::binary(vec![9, 9]));
    let placeholder = json!({ "_placeholder": true, "num": 0 });
    assert_eq!(json.hear(), json!({ "event": "message", "data": "grüße" }));
    assert_eq!(json.hear(), json!({ "event": "message", "data": placeholder, "attachments": ["AP8H"] }));
    assert_eq!(json.hear(), json!({ "event": "e", "data": 1 }));
    assert_eq!(json.hear(), json!({ "event": "b", "data": placeholder, "attachments": ["CQk="] }));
    assert_eq!(socketio.hear_text(), r#"42["message","grüße"]"#);
    assert_eq!(socketio.hear_text(), r#"451-["message",{"_placeholder":true,"num":0}]"#);
    assert_eq!(hear_binary(&mut socketio), [0, 255, 7]);
    assert_eq!(socketio.hear_text(), r#"42["e",1]"#);
    assert_eq!(socketio.hear_text(), r#"451-["b",{"_placeholder":true,"num":0}]"#);
    assert_eq!(hear_binary(&mut socketio), [9, 9]);
    let mut packets = Vec::new();
    while packets.len() < 6 {
        packets.extend(polling.poll().split(suite::SEPARATOR).map(str::to_owned));
    }
    assert_eq!((&*packets[0], &*packets[2], &*packets[5]), (r#"42["message","grüße"]"#, "bAP8H", "bCQk="));
}

#[test]
fn an_audience_of_another_thread_is_a_union_less_its_exceptions_and_each_hears_once() {
    let host = Host::run(Config::default(), chat);
    let (mut clients, ids) = clients(&host, 5);
    // 0 and 1 are in a; 1 and 2 in b; 3 in c; 4 in none.
    for (client, room) in [(0, "a"), (1, "a"), (1, "b"), (2, "b"), (3, "c")] {
        clients[client].ask("join", json!({ "room": room }));
    }
    elsewhere(&host.remote, move |remote| {
        let to = || remote.to("/");
        to().socket(ids[4]).emit("one", "[]").unwrap();
        to().socket(ids[4]).socket(ids[0]).socket(ids[4]).emit("two", "[]").unwrap();
        to().room("a").socket(ids[0]).socket(ids[3]).emit("mixed", "[]").unwrap();
        to().except_room("a").emit("not a", "[]").unwrap();
        to().room("a").room("b").except_room("b").emit("a less b", "[]").unwrap();
        to().except_room("a").except_room("c").except(ids[4]).emit("2 only", "[]").unwrap();
        to().socket(ids[1]).except_room("b").emit("nobody", "[]").unwrap();
        to().room("nowhere").emit("nobody", "[]").unwrap();
        to().except_room("nowhere").emit("all", "[]").unwrap();
        remote.to_all().except_room("c").socket(ids[3]).socket(ids[2]).send("bytes").unwrap();
        remote.to("/nowhere").emit("nobody", "[]").unwrap();
    });
    let expected: [&[&str]; 5] = [
        &["two", "mixed", "a less b", "all"],
        &["mixed", "all"],
        &["not a", "2 only", "all", "message"],
        &["mixed", "not a", "all"],
        &["one", "two", "not a", "all"],
    ];
    for (client, expected) in clients.iter_mut().zip(expected) {
        assert_eq!(heard(client), expected);
    }
}

#[test]
fn another_thread_disconnects_an_audience_less_its_exceptions() {
    let host = Host::run(Config::default(), chat);
    let (mut clients, ids) = clients(&host, 3);
    clients[0].ask("join", json!({ "room": "stays" }));
    let second = ids[1];
    elsewhere(&host.remote, move |remote| {
        remote.to("/").except_room("stays").except(second).disconnect().unwrap();
    });
    assert_eq!(clients[2].end().map(u16::from), Some(1000));
    assert_eq!(clients[0].heard_so_far(), NOTHING);
    assert_eq!(clients[1].heard_so_far(), NOTHING);
}

#[test]
fn volatile_words_of_another_thread_leave_out_who_is_behind_and_nobody_else() {
    let host = Host::run(Config::default(), chat);
    let (mut clients, ids) = clients(&host, 2);
    let behind = ids[0];
    let large = format!("[\"{}\"]", "x".repeat(900_000));
    let sent = host.with(move |server| {
        let mut sent = 0;
        // Until the kernel takes no more.
        while server.queued(behind).unwrap() == 0 {
            assert_eq!(server.emit(behind, "large", &large).unwrap(), 1);
            server.flush();
            sent += 1;
        }
        sent
    });
    elsewhere(&host.remote, move |remote| {
        remote.to("/").volatile().emit("typing", "[]").unwrap();
        remote.to("/").socket(behind).volatile().emit("typing", "[]").unwrap();
        remote.to_all().volatile().send("typing").unwrap();
        remote.to("/").emit("loud", "[]").unwrap();
    });
    assert_eq!(heard(&mut clients[1]), ["typing", "message", "loud"]);
    assert_eq!(host.with(|server| server.stats().dropped_volatile), 3);
    let events: Vec<Value> = (0..=sent).map(|_| clients[0].hear()["event"].clone()).collect();
    assert_eq!(events.iter().filter(|event| *event == "large").count(), sent);
    assert_eq!(events[sent], "loud");
    host.until("it has caught up", move |server| server.queued(behind).unwrap() == 0);
    elsewhere(&host.remote, move |remote| {
        remote.to("/").socket(behind).volatile().emit("typing", "[]").unwrap();
    });
    assert_eq!(clients[0].hear()["event"], "typing");
}

#[test]
fn another_thread_shuts_the_server_down_and_what_was_said_before_arrives() {
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    let [LocalAddress::Tcp(address)] = server.addresses()[..] else { panic!("one address") };
    let remote = server.remote();
    let (sender, entered) = mpsc::channel();
    let loop_ = thread::spawn(move || {
        let mut events = Events::default();
        let mut gone = Vec::new();
        loop {
            server.poll(&mut events, None).unwrap();
            for event in &events {
                match event {
                    Event::Connect { socket, .. } => sender.send(socket).unwrap(),
                    Event::Disconnect { reason, code, .. } => gone.push((reason, code)),
                    Event::Stopped => return (server, gone),
                    _ => {}
                }
            }
        }
    });
    let mut plain = Client::connect(address, "/");
    plain.greeting();
    let mut socketio = Client::connect(address, "/socket.io/?EIO=4&transport=websocket");
    socketio.hear_text();
    socketio.send("40");
    assert_connected(&socketio.hear_text(), "40");
    let sockets = [entered.recv_timeout(LONG).unwrap(), entered.recv_timeout(LONG).unwrap()];
    elsewhere(&remote, |remote| {
        remote.to("/").emit("last", "[]").unwrap();
        remote.shutdown().unwrap();
        // Twice is once, and nothing is said any more.
        remote.shutdown().unwrap();
        remote.to("/").emit("too late", "[]").unwrap();
    });
    assert_eq!(plain.hear()["event"], "last");
    assert_eq!(plain.end().map(u16::from), Some(1001));
    assert_eq!(socketio.hear_text(), r#"42["last"]"#);
    // No DISCONNECT, after which clients would not come back.
    assert_eq!(socketio.end().map(u16::from), Some(1001));
    drop((plain, socketio));
    until("the loop is told that all are gone", || loop_.is_finished());
    let (mut server, gone) = loop_.join().unwrap();
    let mut reasons = gone.clone();
    reasons.sort_by_key(|(_, code)| *code);
    assert_eq!(reasons, [(Reason::Shutdown, None), (Reason::Shutdown, Some(1001))]);
    // Nobody listens any more.
    assert!(server.addresses().is_empty());
    assert!(server.listen("127.0.0.1:0").is_err());
    // A server that is still there takes errands, which find nobody.
    remote.emit(sockets[0], "e", "[]").unwrap();
    remote.disconnect(sockets[1]).unwrap();
    remote.shutdown().unwrap();
    let mut events = Events::default();
    server.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
    assert!(events.is_empty(), "{events:?}");
    drop(server);
    assert!(remote.shutdown().is_err());
}

#[test]
fn who_knocks_after_another_thread_has_shut_the_server_down_is_not_let_in() {
    // Both may come in one turn.
    for _ in 0..20 {
        let host = Host::run(Config::default(), |_, _| ());
        let address = host.address;
        elsewhere(&host.remote, move |remote| {
            remote.shutdown().unwrap();
            drop(TcpStream::connect(address));
        });
        host.until("the listener is closed", |server| server.addresses().is_empty());
        host.with(|server| assert_eq!(server.stats().accepted, 0));
    }
    let host = Host::run(Config::default(), |_, _| ());
    elsewhere(&host.remote, |remote| remote.shutdown().unwrap());
    host.until("the listener is closed", |server| server.addresses().is_empty());
    assert!(TcpStream::connect(host.address).is_err());
}
