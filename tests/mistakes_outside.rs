//! Mistakes of a host that are not about names and sockets: addresses, answers
//! over HTTP, timers, full queues, other threads. See `mistakes.rs`.
#![allow(clippy::unwrap_used)]

mod house;

use std::time::Duration;

use house::{CAP, House, Raw, Seen, check_sentence, fill, hears_nothing_of_it, mistake, state};
use salon::{Config, Error, ErrorKind, Events, Limit, Overflow, RequestId, Server, SocketId, TimerId};

const LATER: Duration = Duration::from_secs(60);

#[test]
fn an_answer_over_http_is_checked_before_it_is_given() {
    let mut house = House::new(Config { http: true, ..Config::default() });
    let mut raw = house.raw("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let request = house.wait(|seen| if let Seen::Http(request) = seen { Some(*request) } else { None });
    let mut bad = |part: &str, status, headers: &[(&str, &str)], body: &str| {
        mistake(&mut house, ErrorKind::Invalid, part, |server| {
            server.respond(request, status, headers, body)
        });
    };
    for status in [0, 100, 101, 199, 600, u16::MAX] {
        bad("from 200 to 599", status, &[], "");
    }
    for name in ["", "a b", "a:", "ä", "a\r\nb"] {
        bad("cannot be the name of a header", 200, &[("X-Good", "1"), (name, "1")], "");
    }
    for value in ["a\r\nSet-Cookie: b", "\n", "\0", "\u{7f}"] {
        bad("holds a control byte", 200, &[("X-Bad", value)], "");
    }
    for name in ["Content-Length", "content-length", "Transfer-Encoding", "Connection", "Upgrade"] {
        bad("is written by the server", 200, &[(name, "1")], "");
    }
    for status in [204, 205, 304] {
        bad("has no body", status, &[], "body");
    }
    assert!(house.server.respond(request, 200, &[("X-Good", "1")], "fine").unwrap());
    // A second answer comes too late, as does one to a request that never was.
    let mut late = vec![request];
    late.extend([1, 2, u64::MAX].map(|number| RequestId::from_u64(number).unwrap()));
    for request in late {
        let before = state(&house);
        assert!(!house.server.respond(request, 200, &[], "again").unwrap());
        assert_eq!(state(&house), before);
        mistake(&mut house, ErrorKind::Invalid, "from 200", |server| server.respond(request, 1, &[], ""));
    }
    let answer = all_of(&mut house, &mut raw);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nfine"), "{answer}");
}

fn all_of(house: &mut House, raw: &mut Raw) -> String {
    let mut bytes = Vec::new();
    house.turn_until("an answer", |_| raw.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_timer_is_stopped_once_and_not_when_it_is_over() {
    let mut house = House::new(Config::default());
    let timer = house.server.start_timer(LATER, None, 1);
    // The longest waits are no mistakes.
    let endless = house.server.start_timer(Duration::MAX, Some(Duration::MAX), 2);
    house.server.start_timer(Duration::ZERO, Some(Duration::MAX), 3);
    house.wait_for(&Seen::Timer(3));
    for number in [u64::MAX, 1, timer.get() + 7] {
        let never = TimerId::from_u64(number).unwrap();
        mistake(&mut house, ErrorKind::NotFound, "no such timer", |server| server.stop_timer(never));
    }
    house.server.stop_timer(timer).unwrap();
    house.server.stop_timer(endless).unwrap();
    mistake(&mut house, ErrorKind::NotFound, "no such timer", |server| server.stop_timer(timer));
    let fired = house.server.start_timer(Duration::ZERO, None, 4);
    house.wait_for(&Seen::Timer(4));
    mistake(&mut house, ErrorKind::NotFound, "no such timer", |server| server.stop_timer(fired));
    house.turn();
    assert!(house.take_seen().is_empty());
}

#[test]
fn an_address_must_be_one_and_free() {
    let mut house = House::new(Config::default());
    for address in ["", "nowhere", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "unix:"] {
        mistake(&mut house, ErrorKind::Invalid, "address", |server| server.listen(address));
    }
    let long = format!("unix:/{}", "x".repeat(200));
    mistake(&mut house, ErrorKind::Invalid, "address", |server| server.listen(&long));
    mistake(&mut house, ErrorKind::Invalid, "address", |server| server.listen("unix:/a\0b"));
    let taken = house.address.to_string();
    mistake(&mut house, ErrorKind::Io, &taken, |server| server.listen(&taken));
    mistake(&mut house, ErrorKind::Io, "can't listen", |server| server.listen("192.0.2.1:0"));
    mistake(&mut house, ErrorKind::Io, "can't listen", |server| server.listen("unix:/no/such/folder/socket"));
    assert_eq!(house.server.addresses().len(), 1);
    check_sentence(&Server::bind(&taken, Config::default()).unwrap_err(), ErrorKind::Io, &taken);
}

/// A file that is no socket refuses connections, too, and is not removed for it.
#[cfg(unix)]
#[test]
fn a_file_that_is_in_the_way_of_a_unix_socket_stays() {
    let mut house = House::new(Config::default());
    let file = std::env::temp_dir().join(format!("salon-mistakes-{}", std::process::id()));
    std::fs::write(&file, "precious").unwrap();
    let address = format!("unix:{}", file.display());
    mistake(&mut house, ErrorKind::Io, "can't listen", |server| server.listen(&address));
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_full_send_queue_takes_nothing_and_forgets_nothing() {
    let mut config = Config { overflow: Overflow::Drop, ..Config::default() };
    config.limits.queue_bytes = CAP as u32;
    let mut house = House::new(config);
    let (mut client, socket) = house.guest();
    client.say(r#"{"event":"how","id":5}"#);
    let ack = house.wait(|seen| if let Seen::Message { ack, .. } = seen { *ack } else { None });
    let sent = fill(&mut house, socket);
    let full = |error: &Error| check_sentence(error, ErrorKind::Backpressure, "its send queue is full");
    full(&house.server.send(socket, "a").unwrap_err());
    let queued = house.server.queued(socket).unwrap();
    full(&house.server.emit(socket, "a", "[]").unwrap_err());
    full(&house.server.ask(socket, "a", "[]", LATER).unwrap_err());
    full(&house.server.ack(ack, "[]").unwrap_err());
    assert_eq!(house.server.queued(socket).unwrap(), queued);
    // The client reads again: the question is still open.
    for _ in 0..sent {
        assert!(client.hear(&mut house).starts_with(r#"{"event":"m""#));
    }
    house.wait_for(&Seen::Drain(socket, 4));
    house.server.ack(ack, "[]").unwrap();
    assert_eq!(client.hear(&mut house), r#"{"ack":5}"#);
}

#[test]
fn other_threads_are_told_when_the_mailbox_is_full_or_the_server_gone() {
    let mut house = House::with_limits(|limits| limits.mailbox_bytes = 1_000);
    let remote = house.server.remote();
    remote.post(1, vec![0; 900]).unwrap();
    // A counter is all that it changes.
    let error = remote.post(2, vec![0; 100]).unwrap_err();
    check_sentence(&error, ErrorKind::Limit, "may hold 1000");
    assert_eq!(house.stats().breaches(Limit::MailboxBytes), 1);
    house.wait_for(&Seen::Post(1));
    // One that is alone is taken, however large.
    remote.post(3, vec![0; 5_000]).unwrap();
    house.wait_for(&Seen::Post(3));
    assert!(!house.take_seen().contains(&Seen::Post(2)));
    let somebody = SocketId::from_u64(7).unwrap();
    drop(house);
    for error in [
        remote.wake().unwrap_err(),
        remote.post(4, "x").unwrap_err(),
        remote.emit(somebody, "a", "[]").unwrap_err(),
        remote.to_all().send("a").unwrap_err(),
        remote.disconnect(somebody).unwrap_err(),
        remote.accept(somebody, 1).unwrap_err(),
        remote.reject(somebody, 403, "no").unwrap_err(),
    ] {
        check_sentence(&error, ErrorKind::Closed, "the server is gone");
    }
}

#[test]
fn what_another_thread_could_not_know_is_no_error() {
    let mut house = House::new(Config::default());
    let (mut client, _) = house.guest();
    let before = state(&house);
    let (remote, nobody) = (house.server.remote(), SocketId::from_u64(99).unwrap());
    remote.emit(nobody, "a", "[]").unwrap();
    remote.send(nobody, "a").unwrap();
    remote.disconnect(nobody).unwrap();
    remote.accept(nobody, 1).unwrap();
    remote.reject(nobody, 7, "no").unwrap();
    remote.to("/nowhere").emit("a", "[]").unwrap();
    remote.to("/").room("nowhere").disconnect().unwrap();
    house.server.poll(&mut Events::default(), Some(Duration::ZERO)).unwrap();
    assert_eq!(state(&house), before);
    hears_nothing_of_it(&mut house, &mut client);
}
