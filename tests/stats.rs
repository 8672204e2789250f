//! Every counter of [`Stats`] moves when it should, by as much as it should,
//! and only then.
#![allow(clippy::unwrap_used)]

mod house;

use std::{collections::BTreeMap, time::Duration};

use house::{CAP, Client, House, Raw, Seen, by_hand, fill, frame, get, upgrade};
use salon::{
    Accept, Config, Dialect, Limits, Namespace, Origins, Overflow, Payload, Reason, Result, Server, SocketId,
    Stats, UNLIMITED,
};
use tungstenite::Message;

/// All counters and gauges by name; bytes apart.
fn counts(stats: &Stats) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::from([
        ("connections", stats.connections),
        ("sessions", stats.sessions),
        ("sockets", stats.sockets),
        ("namespaces", stats.namespaces),
        ("rooms", stats.rooms),
        ("accepted", stats.accepted),
        ("messages_in", stats.messages_in),
        ("messages_out", stats.messages_out),
        ("requests", stats.requests),
        ("exceptions", stats.exceptions),
        ("dropped_volatile", stats.dropped_volatile),
        ("dropped_full", stats.dropped_full),
        ("refused_malformed", stats.refused_malformed),
        ("refused_origin", stats.refused_origin),
        ("refused_namespace", stats.refused_namespace),
        ("refused_subprotocol", stats.refused_subprotocol),
        ("refused_guard", stats.refused_guard),
        ("refused_timeout", stats.refused_timeout),
        ("accept_pauses", stats.accept_pauses),
    ]);
    counts.extend(Reason::ALL.map(|reason| (reason.as_str(), stats.disconnects(reason))));
    counts
}

#[test]
fn no_counter_is_left_out_here() {
    let stats = Stats::default();
    let fields = format!("{stats:?}").matches(": ").count();
    // Those of bytes are apart, and those of reasons are one field.
    assert_eq!(fields, counts(&stats).len() - Reason::ALL.len() + 4 + 2);
}

/// That `doing` moves these counters by so much, and no others.
#[track_caller]
fn moves<T>(house: &mut House, expected: &[(&'static str, i64)], doing: impl FnOnce(&mut House) -> T) -> T {
    let before = counts(&house.stats());
    let done = doing(house);
    let mut moved =
        counts(&house.stats()).into_iter().map(|(name, now)| (name, now as i64 - before[name] as i64));
    let moved: BTreeMap<&str, i64> = moved.by_ref().filter(|(_, by)| *by != 0).collect();
    assert_eq!(moved, expected.iter().copied().collect());
    done
}

/// Waits until a socket is gone, and its connection with it.
fn gone(house: &mut House, raw: Option<&mut Raw>, connections: u64) -> Reason {
    let reason = house.wait(|seen| if let Seen::Gone(_, reason) = seen { Some(*reason) } else { None });
    drop(raw.map(|raw| raw.0.shutdown(std::net::Shutdown::Write)));
    house.turn_until("the end of a connection", |house| house.stats().connections == connections);
    reason
}

#[test]
fn requests_and_bytes_are_counted() {
    let mut house = House::new(Config::default());
    let asked = get("/", "Connection: close\r\n");
    let answer = moves(&mut house, &[("accepted", 1), ("requests", 1)], |house| house.answer_to(&asked));
    assert_eq!(house.stats().bytes_in, asked.len() as u64);
    assert_eq!(house.stats().bytes_out, answer.len() as u64);
    let twice = get("/", "") + &asked;
    moves(&mut house, &[("accepted", 1), ("requests", 2)], |house| house.answer_to(&twice));
    // A connection on which nothing is asked is no request.
    moves(&mut house, &[("accepted", 1)], |house| {
        drop(house.raw(""));
        house.turn_until("one more", |house| house.stats().accepted == 3 && house.stats().connections == 0);
    });
}

#[test]
fn refused_handshakes_are_counted_by_cause() {
    let mut config =
        Config { origins: Origins::List(vec!["https://good.example".into()]), ..Config::default() };
    config.limits.message_bytes = 1_000;
    let mut house = House::new(config);
    let picky = Namespace { require_subprotocol: true, ..Namespace::default().subprotocol("chat") };
    house.server.open_pattern("/picky/", picky).unwrap();
    let cases = [
        ("refused_malformed", "BAD\r\n\r\n".to_owned(), "400"),
        ("refused_malformed", upgrade("/", "").replace("n: 13", "n: 8"), "426"),
        ("refused_malformed", upgrade("/", "").replace("dGhl", ""), "400"),
        ("refused_origin", upgrade("/", "Origin: https://bad.example\r\n"), "403"),
        ("refused_namespace", upgrade("/nowhere", ""), "404"),
        ("refused_subprotocol", upgrade("/picky/1", "Sec-WebSocket-Protocol: talk\r\n"), "400"),
    ];
    for (counter, request, status) in cases {
        let answer = moves(&mut house, &[("accepted", 1), (counter, 1)], |house| house.answer_to(&request));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{counter} {answer}");
    }
    // A body over the limit: it was a request, and is refused.
    let expected = [("accepted", 1), ("requests", 1), ("refused_malformed", 1)];
    moves(&mut house, &expected, |house| house.answer_to(get("/", "Content-Length: 1001\r\n")));
    // Those that are in order move none of them.
    let expected = [("accepted", 1), ("connections", 1), ("sessions", 1), ("sockets", 1), ("namespaces", 1)];
    moves(&mut house, &expected, |house| {
        let fields = "Origin: https://good.example\r\nSec-WebSocket-Protocol: chat\r\n";
        let raw = house.raw(upgrade("/picky/1", fields));
        house.wait(|seen| matches!(seen, Seen::Connect(_)).then_some(()));
        raw
    });
}

#[test]
fn a_guards_decisions_are_counted_and_who_waits_is_a_session_but_no_socket() {
    let mut house = House::with_limits(|limits| limits.connect_timeout_ms = 200);
    house.server.open("/", Namespace::default().guarded()).unwrap();
    let waits = [("accepted", 1), ("connections", 1), ("sessions", 1)];
    let (_knock, socket) = moves(&mut house, &waits, |house| house.at_the_door("/", &[]));
    let rejected = [("connections", -1), ("sessions", -1), ("refused_guard", 1), ("rejected", 1)];
    moves(&mut house, &rejected, |house| {
        house.server.reject(socket, 403, "no").unwrap();
        drop(_knock);
        gone(house, None, 0)
    });
    let (_knock, socket) = house.at_the_door("/", &[]);
    moves(&mut house, &[("sockets", 1), ("rooms", 1)], |house| {
        house.server.accept(socket, Accept::default().room("a")).unwrap();
        house.wait_for(&Seen::Connect(socket));
    });
    let waiting = house.raw(upgrade("/", ""));
    house.wait(|seen| matches!(seen, Seen::Request(_)).then_some(()));
    let late = [("connections", -1), ("sessions", -1), ("refused_timeout", 1), ("guard timeout", 1)];
    moves(&mut house, &late, |house| {
        let reason = house.wait(|seen| if let Seen::Gone(_, reason) = seen { Some(*reason) } else { None });
        assert_eq!(reason, Reason::GuardTimeout);
        drop(waiting);
        house.turn_until("its end", |house| house.stats().connections == 1);
    });
}

#[test]
fn what_takes_too_long_is_counted_once() {
    let mut config = Config { http: true, ..Config::default() };
    let soon = |limits: &mut Limits| {
        (limits.head_timeout_ms, limits.body_timeout_ms) = (30, 30);
        (limits.response_timeout_ms, limits.idle_timeout_ms) = (30, 30);
    };
    soon(&mut config.limits);
    let mut house = House::new(config);
    let late = [("accepted", 1), ("refused_timeout", 1)];
    let answer = moves(&mut house, &late, |house| house.answer_to("GET / HT"));
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let late = [("accepted", 1), ("requests", 1), ("refused_timeout", 1)];
    let answer =
        moves(&mut house, &late, |house| house.answer_to(get("/", "Content-Length: 5\r\n") + "half"));
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // Here it is the host that is late.
    let answer = moves(&mut house, &late, |house| house.answer_to(get("/", "")));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    // Who asks nothing is sent away, and nothing was refused.
    assert_eq!(moves(&mut house, &[("accepted", 1)], |house| house.answer_to("")), "");
}

#[test]
fn messages_are_counted_and_control_frames_are_not() {
    let mut house = House::new(Config::default());
    let (mut client, _) = house.guest();
    let hear = |house: &mut House, client: &mut Client, text: &str| {
        client.say(text);
        house.wait(|seen| matches!(seen, Seen::Message { .. }).then_some(()));
    };
    moves(&mut house, &[("messages_in", 1)], |house| hear(house, &mut client, r#"{"event":"a"}"#));
    // An ack that nobody waits for is a message, too.
    moves(&mut house, &[("messages_in", 2)], |house| {
        client.say(r#"{"ack":77}"#);
        hear(house, &mut client, r#"{"event":"a"}"#);
    });
    for bad in [Message::text("{"), Message::text(r#"{"event":"connect"}"#), Message::binary(&b"x"[..])] {
        moves(&mut house, &[("messages_in", 1), ("exceptions", 1)], |house| {
            client.send(bad);
            assert!(client.hear(house).contains("exception"));
        });
    }
    moves(&mut house, &[], |house| {
        client.send(Message::Ping(b"x"[..].into()));
        assert_eq!(client.next(house), Message::Pong(b"x"[..].into()));
    });
    let (mut raw, _) = by_hand(&mut house);
    let before = house.stats().bytes_in;
    moves(&mut house, &[("messages_in", 1)], |house| {
        let (first, last) = (frame(0x01, b"{\"event\":"), frame(0x80, b"\"a\"}"));
        raw.write([first, frame(0x8a, b""), last].concat());
        house.wait(|seen| matches!(seen, Seen::Message { .. }).then_some(()));
    });
    assert_eq!(house.stats().bytes_in - before, 3 * 6 + 13);
}

#[test]
fn what_is_said_counts_once_for_each_receiver() {
    let mut house = House::new(Config::default());
    house.server.open("/raw", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let (_one, first) = house.guest();
    let (_two, second) = house.guest();
    let (_three, raw) = house.enter("/raw");
    type Say<'a> = &'a dyn Fn(&mut Server) -> Result<usize>;
    let mut said = |by: i64, say: Say<'_>| {
        let expected = [("messages_out", by)];
        let expected = if by == 0 { &[][..] } else { &expected };
        moves(&mut house, expected, |house| say(&mut house.server))
    };
    assert_eq!(said(1, &|server| server.emit(first, "a", "[]")).unwrap(), 1);
    assert_eq!(said(1, &|server| server.emit_volatile(first, "a", "[]")).unwrap(), 1);
    assert_eq!(said(2, &|server| server.to("/").emit("a", "[]")).unwrap(), 2);
    assert_eq!(said(1, &|server| server.to("/").except(first).volatile().send("a")).unwrap(), 1);
    assert_eq!(said(3, &|server| server.to_all().emit("a", "[]")).unwrap(), 3);
    assert_eq!(said(1, &|server| server.emit(raw, "a", Payload::binary(&[b"x", b"y"]))).unwrap(), 1);
    assert!(said(2, &|server| server.to("/").ask("a", "[]", Duration::ZERO).map(|_| 2)).is_ok());
    assert_eq!(said(0, &|server| server.to("/").room("nowhere").emit("a", "[]")).unwrap(), 0);
    assert!(said(0, &|server| server.emit(second, "a", "{")).is_err());
    // All of it goes out, byte for byte.
    let queued = house.stats().queued_bytes;
    let (before, each) = (house.stats().bytes_out, [first, second, raw]);
    assert_eq!(queued, each.iter().map(|socket| house.server.queued(*socket).unwrap() as u64).sum::<u64>());
    house.server.flush();
    assert_eq!((house.stats().bytes_out - before, house.stats().queued_bytes), (queued, 0));
}

#[test]
fn rooms_and_namespaces_are_those_that_are_there() {
    let mut house = House::new(Config::default());
    let (_client, socket) = house.guest();
    let (_other, other) = house.guest();
    moves(&mut house, &[("rooms", 2)], |house| {
        for room in ["a", "b", "a"] {
            house.server.join(socket, room).unwrap();
        }
        house.server.join(other, "a").unwrap();
    });
    moves(&mut house, &[], |house| house.server.leave(socket, "a").unwrap());
    moves(&mut house, &[("rooms", -1)], |house| house.server.leave(other, "a").unwrap());
    moves(&mut house, &[("rooms", -1)], |house| house.server.leave_all(socket).unwrap());
    moves(&mut house, &[("namespaces", 1)], |house| {
        house.server.open("/a", Namespace::default()).unwrap();
        house.server.open("/a", Namespace::default().guarded()).unwrap();
        house.server.open_pattern("/b/", Namespace::default()).unwrap();
    });
    moves(&mut house, &[("namespaces", -1)], |house| house.server.close("/a").unwrap());
    let comes = [("namespaces", 1), ("accepted", 1), ("connections", 1), ("sessions", 1), ("sockets", 1)];
    let (guest, _) = moves(&mut house, &comes, |house| house.enter("/b/1"));
    let goes =
        [("namespaces", -1), ("connections", -1), ("sessions", -1), ("sockets", -1), ("client left", 1)];
    moves(&mut house, &goes, |house| guest.leave(house));
}

/// A socket that is in and then gone for this reason, and what else moved.
#[track_caller]
fn ends(
    house: &mut House,
    reason: Reason,
    also: &[(&'static str, i64)],
    end: impl FnOnce(&mut House, &mut Raw, SocketId),
) {
    let connections = house.stats().connections;
    let (mut raw, socket) = by_hand(house);
    let mut expected = vec![("connections", -1), ("sessions", -1), ("sockets", -1), (reason.as_str(), 1)];
    expected.extend_from_slice(also);
    moves(house, &expected, |house| {
        end(house, &mut raw, socket);
        assert_eq!(gone(house, Some(&mut raw), connections), reason);
    });
}

#[test]
fn who_is_gone_is_counted_once_for_its_reason() {
    let mut house = House::with_limits(|limits| {
        (limits.message_bytes, limits.message_fragments) = (100, 2);
        limits.close_timeout_ms = 200;
    });
    let house = &mut house;
    ends(house, Reason::ClientLeft, &[], |_, raw, _| raw.write(frame(0x88, &[0x03, 0xe8])));
    ends(house, Reason::TransportClose, &[], |_, raw, _| raw.0.shutdown(std::net::Shutdown::Write).unwrap());
    ends(house, Reason::ProtocolError, &[], |_, raw, _| raw.write([0x81, 0x00]));
    ends(house, Reason::ProtocolError, &[("messages_in", 1), ("exceptions", 1)], |_, raw, _| {
        raw.write([frame(0x81, b"{"), frame(0x81, b"\xff")].concat());
    });
    ends(house, Reason::MessageTooBig, &[], |_, raw, _| raw.write(frame(0x81, &[b' '; 101])));
    ends(house, Reason::PolicyViolation, &[], |_, raw, _| {
        raw.write([frame(0x01, b""), frame(0x00, b""), frame(0x00, b"")].concat());
    });
    ends(house, Reason::ServerLeft, &[], |house, _, socket| {
        house.server.disconnect(socket).unwrap();
        house.server.disconnect(socket).unwrap();
    });
    ends(house, Reason::ServerLeft, &[], |house, _, _| {
        assert_eq!(house.server.to("/").disconnect().unwrap(), 1);
    });
    ends(house, Reason::TransportError, &[], |_, raw, _| {
        socket2::SockRef::from(&raw.0).set_linger(Some(Duration::ZERO)).unwrap();
        let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        raw.0 = std::net::TcpStream::connect(elsewhere.local_addr().unwrap()).unwrap();
    });
}

#[test]
fn the_last_reasons_are_counted_too() {
    let mut house = House::new(Config::default());
    ends(&mut house, Reason::NamespaceClosed, &[("namespaces", -1)], |house, _, _| {
        house.server.close("/").unwrap();
    });
    let mut house = House::new(Config::default());
    ends(&mut house, Reason::Shutdown, &[], |house, _, _| house.server.shutdown());
    house.wait(|seen| matches!(seen, Seen::Other(text) if text == "Stopped").then_some(()));
    let mut house = House::with_limits(|limits| (limits.ping_interval_ms, limits.ping_timeout_ms) = (20, 20));
    ends(&mut house, Reason::PingTimeout, &[], |_, _, _| ());
}

#[test]
fn a_slow_readers_drops_are_counted_one_by_one() {
    let mut config = Config { overflow: Overflow::Drop, ..Config::default() };
    config.limits.queue_bytes = CAP as u32;
    let mut house = House::new(config);
    let (mut client, socket) = house.guest();
    let before = counts(&house.stats())["messages_out"];
    let taken = fill(&mut house, socket);
    let stats = house.stats();
    assert_eq!((stats.dropped_full, stats.messages_out - before), (0, taken as u64));
    moves(&mut house, &[("dropped_volatile", 3)], |house| {
        assert_eq!(house.server.emit_volatile(socket, "a", "[]").unwrap(), 0);
        assert_eq!(house.server.to("/").volatile().emit("a", "[]").unwrap(), 0);
        assert_eq!(house.server.to("/").volatile().send("a").unwrap(), 0);
    });
    moves(&mut house, &[("dropped_full", 2)], |house| {
        assert!(house.server.emit(socket, "a", "[]").is_err());
        assert_eq!(house.server.to("/").emit("a", "[]").unwrap(), 0);
    });
    let queued = house.server.queued(socket).unwrap() as u64;
    assert!(queued > 0 && house.stats().queued_bytes == queued && house.stats().memory_bytes >= queued);
    moves(&mut house, &[], |house| {
        for _ in 0..taken {
            client.hear(house);
        }
        house.wait_for(&Seen::Drain(socket, 2));
    });
    assert_eq!((house.stats().queued_bytes, house.stats().memory_bytes), (0, 0));
}

#[test]
fn a_slow_reader_that_is_cut_off_is_one_drop_and_one_disconnect() {
    let mut house =
        House::with_limits(|limits| (limits.queue_bytes, limits.close_timeout_ms) = (CAP as u32, 20));
    let (_client, socket) = house.guest();
    let before = house.stats().messages_out;
    let taken = fill(&mut house, socket);
    assert_eq!(house.server.emit(socket, "a", "[]").unwrap(), 0);
    let stats = house.stats();
    assert_eq!((stats.messages_out - before, stats.dropped_full), (taken as u64, 1));
    assert_eq!((stats.disconnects(Reason::SlowReader), stats.sockets, stats.sessions), (1, 0, 0));
    // It is not dropped again for what is said to it after.
    moves(&mut house, &[], |house| assert_eq!(house.server.emit(socket, "a", "[]").unwrap(), 0));
    house.turn_until("its end", |house| house.stats().connections == 0);
    assert_eq!((house.stats().queued_bytes, house.stats().memory_bytes), (0, 0));
}

#[test]
fn over_the_budget_of_memory_who_owes_most_goes() {
    let mut house = House::with_limits(|limits| {
        (limits.queue_bytes, limits.memory_bytes) = (UNLIMITED, 2 << 20);
    });
    let (mut stays, _) = house.guest();
    let (_client, socket) = house.guest();
    let large = vec![0; 256 << 10];
    while house.stats().sockets == 2 {
        assert_eq!(house.server.send(socket, &large[..]).unwrap(), 1);
        house.server.flush();
    }
    assert_eq!(house.stats().disconnects(Reason::OutOfMemory), 1);
    assert_eq!(house.stats().dropped_full, 0);
    house.turn_until("its end", |house| house.stats().connections == 1);
    assert_eq!((house.stats().queued_bytes, house.stats().memory_bytes), (0, 0));
    house.server.to("/").emit("still", "[]").unwrap();
    assert!(stays.hear(&mut house).contains("still"));
}

#[test]
fn memory_of_what_never_came_to_its_end_is_given_back() {
    let mut config = Config { http: true, ..Config::default() };
    (config.limits.body_timeout_ms, config.limits.close_timeout_ms) = (100, 100);
    let mut house = House::new(config);
    let half = get("/", "Content-Length: 100000\r\n") + &"x".repeat(50_000);
    let holds = |house: &mut House, count: u64| {
        house.turn_until("memory", |house| house.stats().memory_bytes >= count);
    };
    // An upload whose client goes, and one that takes too long.
    let raw = house.raw(&half);
    holds(&mut house, 50_000);
    drop(raw);
    house.turn_until("its end", |house| house.stats().connections == 0);
    assert_eq!(house.stats().memory_bytes, 0);
    let answer = house.answer_to(&half);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    house.turn_until("its end", |house| house.stats().connections == 0);
    assert_eq!(house.stats().memory_bytes, 0);
    // One whose chunks make no sense any more.
    let broken =
        get("/", "Transfer-Encoding: chunked\r\n") + "4000\r\n" + &"x".repeat(0x4000) + "\r\nnonsense";
    let answer = house.answer_to(broken);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    house.turn_until("its end", |house| house.stats().connections == 0);
    assert_eq!(house.stats().memory_bytes, 0);
    // Half a message: the client goes; the host sends it away; it says goodbye
    // behind a whole one, and the host sends it away before that is looked at.
    let half = frame(0x01, &[b' '; 100]);
    for end in 0..3 {
        let (mut raw, socket) = by_hand(&mut house);
        if end == 2 {
            raw.write([frame(0x81, b"{\"event\":\"a\"}"), half.clone(), frame(0x88, b"")].concat());
            house.wait(|seen| matches!(seen, Seen::Message { .. }).then_some(()));
        } else {
            raw.write(&half);
            holds(&mut house, 1);
        }
        match end {
            0 => raw.0.shutdown(std::net::Shutdown::Both).unwrap(),
            _ => house.server.disconnect(socket).unwrap(),
        }
        house.turn_until("its end", |house| house.stats().connections == 0);
        assert_eq!(house.stats().memory_bytes, 0, "{end}");
    }
}

#[test]
fn a_full_house_pauses_accepting() {
    let mut house = House::with_limits(|limits| limits.connections = 1);
    let (first, _) = house.guest();
    let second = house.raw(get("/", "Connection: close\r\n"));
    house.turn_until("a pause", |house| house.stats().accept_pauses > 0);
    assert_eq!((house.stats().accepted, house.stats().connections), (1, 1));
    first.leave(&mut house);
    house.turn_until("the next one", |house| house.stats().accepted == 2 && house.stats().requests == 1);
    drop(second);
}

#[test]
fn who_is_cut_off_over_what_it_said_is_heard_no_more() {
    let mut house =
        House::with_limits(|limits| (limits.queue_bytes, limits.close_timeout_ms) = (CAP as u32, 20));
    let (mut raw, socket) = by_hand(&mut house);
    fill(&mut house, socket);
    // There is no room for telling it that the first of these can't be taken.
    let expected = [
        ("messages_in", 1),
        ("exceptions", 1),
        ("dropped_full", 1),
        ("slow reader", 1),
        ("sessions", -1),
        ("sockets", -1),
        ("connections", -1),
    ];
    moves(&mut house, &expected, |house| {
        raw.write([frame(0x81, b"{"), frame(0x81, b"{\"event\":\"a\"}"), frame(0x81, b"{")].concat());
        house.turn_until("its end", |house| house.stats().connections == 0);
    });
    assert_eq!(house.take_seen(), [Seen::Gone(socket, Reason::SlowReader)]);
    assert_eq!((house.stats().queued_bytes, house.stats().memory_bytes), (0, 0));
}
