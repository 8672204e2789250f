//! `Remote`: other threads reach a server, in order, and are told when it can't
//! take more or is gone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use common::{Client, Host, LONG, chat, until};
use salon::{Config, ErrorKind, Event, Events, Limit, Limits, Namespace, Remote, Server, SocketId};
use serde_json::json;

const THREADS: u64 = 8;
const EACH: u64 = 300;

fn assert_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}

/// What came from each thread, which must be the numbers from 0 up.
#[derive(Default)]
struct Tally(HashMap<u64, u64>);

impl Tally {
    fn note(&mut self, thread: u64, number: u64) {
        let next = self.0.entry(thread).or_default();
        assert_eq!(number, *next, "of thread {thread}: lost, doubled or out of order");
        *next += 1;
    }

    fn is_whole(&self) -> bool {
        self.0.len() as u64 == THREADS && self.0.values().all(|&count| count == EACH)
    }
}

fn connected(host: &Host, count: usize) -> Vec<SocketId> {
    host.until("all are connected", move |server| server.count("/", None).unwrap() == count);
    host.with(|server| server.members("/", None).unwrap())
}

#[test]
fn what_eight_threads_say_arrives_once_and_in_the_order_of_each() {
    let posts = Arc::new(Mutex::new(Tally::default()));
    let tally = posts.clone();
    let host = Host::run(Config::default(), move |server, event| match event {
        Event::Post { tag, data } => {
            let number = u64::from_le_bytes((*data).try_into().unwrap());
            tally.lock().unwrap().note(*tag, number);
        }
        event => chat(server, event),
    });
    assert_shareable(&host.remote);
    let mut listener = host.client("/");
    listener.greeting();
    assert_eq!(listener.ask("join", json!({ "room": "hall" })), Vec::<serde_json::Value>::new());
    let listener_id = connected(&host, 1)[0];

    let speakers: Vec<_> = (0..THREADS)
        .map(|speaker| {
            let remote = host.remote.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    let args = json!([[speaker, number]]).to_string();
                    match number % 3 {
                        0 => remote.to("/").room("hall").emit("told", &args).unwrap(),
                        1 => remote.emit(listener_id, "told", &args).unwrap(),
                        _ => remote.to_all().emit("told", &args).unwrap(),
                    }
                    remote.post(speaker, number.to_le_bytes()).unwrap();
                }
            })
        })
        .collect();
    // Clients chat meanwhile.
    let address = host.address;
    let chatting = thread::spawn(move || {
        let mut client = Client::connect(address, "/");
        client.greeting();
        for number in 0..200 {
            client.ask("say", json!({ "room": "hall", "text": number }));
        }
    });
    let (mut told, mut said) = (Tally::default(), 0);
    while !told.is_whole() || said < 200 {
        let message = listener.hear();
        match message["event"].as_str() {
            Some("told") => {
                told.note(message["data"][0].as_u64().unwrap(), message["data"][1].as_u64().unwrap());
            }
            Some("said") => {
                assert_eq!(message["data"], said);
                said += 1;
            }
            _ => panic!("{message}"),
        }
    }
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
    chatting.join().unwrap();
    assert_eq!(listener.heard_so_far(), Vec::<serde_json::Value>::new());
    until("all posts are delivered", || posts.lock().unwrap().is_whole());
}

#[test]
fn a_wake_makes_a_waiting_poll_return() {
    let mut server = Server::new(Config::default()).unwrap();
    let mut events = Events::default();
    // Before the poll, and more than once.
    server.remote().wake().unwrap();
    server.remote().wake().unwrap();
    server.poll(&mut events, None).unwrap();
    assert!(events.is_empty());
    // While it waits.
    let (sender, waiting) = mpsc::channel();
    let remote = server.remote();
    let poll = thread::spawn(move || {
        sender.send(()).unwrap();
        server.poll(&mut Events::default(), None).unwrap();
        server
    });
    waiting.recv_timeout(LONG).unwrap();
    remote.wake().unwrap();
    until("the poll returns", || poll.is_finished());
    poll.join().unwrap();
}

#[test]
fn other_threads_disconnect() {
    let host = Host::run(Config::default(), chat);
    let mut clients: Vec<_> = (0..3).map(|_| host.client("/")).collect();
    let sids: Vec<_> = clients.iter_mut().map(Client::greeting).collect();
    connected(&host, 3);
    let id_of = |sid: &str| {
        let sid = sid.to_owned();
        host.with(move |server| server.by_sid(&sid).unwrap())
    };
    let first = id_of(&sids[0]);
    let remote = host.remote.clone();
    thread::spawn(move || remote.emit(first, "last", "[]").and_then(|()| remote.disconnect(first)))
        .join()
        .unwrap()
        .unwrap();
    assert_eq!(clients[0].hear()["event"], "last");
    assert_eq!(clients[0].end().map(u16::from), Some(1000));
    // What only the server's thread can know is no error.
    host.until("it is gone", |server| server.count("/", None).unwrap() == 2);
    host.remote.disconnect(first).unwrap();
    let second = id_of(&sids[1]);
    host.remote.to("/").except(second).disconnect().unwrap();
    assert_eq!(clients[2].end().map(u16::from), Some(1000));
    assert_eq!(clients[1].heard_so_far(), Vec::<serde_json::Value>::new());
}

#[test]
fn other_threads_accept_and_reject() {
    let (sender, asked) = mpsc::channel::<(SocketId, String)>();
    let mut server = Server::bind("127.0.0.1:0", Config::default()).unwrap();
    server.open("/", Namespace::default().guarded()).unwrap();
    let host = Host::start(server, move |_, event| {
        if let Event::ConnectRequest { socket, handshake, .. } = event {
            let name = handshake.query("name").unwrap_or_default().into_owned();
            sender.send((*socket, name)).unwrap();
        }
    });
    let remote = host.remote.clone();
    let guard = thread::spawn(move || {
        for _ in 0..2 {
            let (socket, name) = asked.recv_timeout(LONG).unwrap();
            match &*name {
                "ada" => remote.accept(socket, 42).unwrap(),
                _ => remote.reject(socket, 403, "not you").unwrap(),
            }
        }
    });
    let mut ada = host.client("/?name=ada");
    let sid = ada.greeting();
    assert_eq!(Client::refused(host.address, "/?name=bob"), 403);
    guard.join().unwrap();
    let user = host.with(move |server| server.user(server.by_sid(&sid).unwrap()).unwrap());
    assert_eq!(user, 42);
}

#[test]
fn a_full_mailbox_is_the_posters_error_until_it_is_emptied() {
    let limits = Limits { mailbox_bytes: 10_000, ..Limits::default() };
    let mut server = Server::new(Config { limits, ..Config::default() }).unwrap();
    let remote = server.remote();
    let mut posted = 0;
    let error = loop {
        match remote.post(posted, [b'x'; 1_000]) {
            Ok(()) => posted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!((8..=10).contains(&posted), "{posted}");
    let refused = remote.to("/").emit("e", format!("[\"{}\"]", "y".repeat(2_000)));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Limit);
    let mut events = Events::default();
    server.poll(&mut events, Some(LONG)).unwrap();
    let tags: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Post { tag, data } if *data == [b'x'; 1_000] => tag,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(tags, (0..posted).collect::<Vec<_>>());
    let breaches = |server: &Server| server.stats().breaches(Limit::MailboxBytes);
    assert_eq!(breaches(&server), 2);
    // One that is larger than the whole mailbox fits an empty one.
    remote.post(99, vec![b'z'; 50_000]).unwrap();
    assert_eq!(breaches(&server), 2);
    assert_eq!(remote.post(100, []).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(remote.clone().to_all().send("a").unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(breaches(&server), 4);
    server.poll(&mut events, Some(LONG)).unwrap();
    assert_eq!(events.len(), 1);
    remote.post(101, []).unwrap();
}

#[test]
fn mistakes_are_told_to_the_thread_that_made_them() {
    let server = Server::new(Config::default()).unwrap();
    let remote = server.remote();
    let kind = |result: salon::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(remote.to("/").emit("e", "{}")), ErrorKind::Invalid);
    assert_eq!(kind(remote.to("/").emit("connect", "[]")), ErrorKind::Invalid);
    assert_eq!(kind(remote.to_all().emit(&"n".repeat(256), "[]")), ErrorKind::Limit);
}

#[test]
fn after_the_server_is_gone_every_call_says_so() {
    let host = Host::run(Config::default(), |_, _| ());
    let mut client = host.client("/");
    client.greeting();
    let socket = connected(&host, 1)[0];
    let remote: Remote = host.remote.clone();
    let posting = thread::spawn({
        let remote = remote.clone();
        move || {
            loop {
                if let Err(error) = remote.post(1, b"on and on".to_vec()) {
                    return error.kind();
                }
            }
        }
    });
    drop(host.stop());
    assert_eq!(posting.join().unwrap(), ErrorKind::Closed);
    let kind = |result: salon::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(remote.wake()), ErrorKind::Closed);
    assert_eq!(kind(remote.post(0, b"x".to_vec())), ErrorKind::Closed);
    assert_eq!(kind(remote.emit(socket, "e", "[]")), ErrorKind::Closed);
    assert_eq!(kind(remote.send(socket, "text")), ErrorKind::Closed);
    assert_eq!(kind(remote.to("/").emit("e", "[]")), ErrorKind::Closed);
    assert_eq!(kind(remote.to_all().disconnect()), ErrorKind::Closed);
    assert_eq!(kind(remote.disconnect(socket)), ErrorKind::Closed);
    assert_eq!(kind(remote.accept(socket, 1)), ErrorKind::Closed);
    assert_eq!(kind(remote.reject(socket, 403, "")), ErrorKind::Closed);
    assert_eq!(client.end(), None);
}

#[test]
fn a_poll_with_a_timeout_does_not_outlast_a_post() {
    let mut server = Server::new(Config::default()).unwrap();
    let remote = server.remote();
    let posting = thread::spawn(move || (0..50).try_for_each(|tag| remote.post(tag, [])));
    let (mut events, mut seen) = (Events::default(), 0);
    while seen < 50 {
        server.poll(&mut events, Some(Duration::MAX)).unwrap();
        seen += events.len();
    }
    posting.join().unwrap().unwrap();
}
