//! What a host does wrong is an `Err` with a kind and a sentence, and nothing
//! else: no client hears of it, and nothing in the server is different.
#![allow(clippy::unwrap_used)]

mod house;

use std::time::Duration;

use house::{House, Seen, hears_nothing_of_it, mistake, upgrade};
use salon::{
    Accept, AckId, Config, Data, Dialect, ErrorKind, Namespace, Origins, Payload, RequestId, Result, Server,
    SocketId, SocketIo,
};

const LATER: Duration = Duration::from_secs(60);

/// Every call that takes a socket.
type SocketCall = (&'static str, fn(&mut Server, SocketId) -> Result<()>);

const SOCKET_CALLS: &[SocketCall] = &[
    ("join", |server, id| server.join(id, "a")),
    ("leave", |server, id| server.leave(id, "a")),
    ("leave_all", |server, id| server.leave_all(id)),
    ("rooms_of", |server, id| server.rooms_of(id).map(drop)),
    ("emit", |server, id| server.emit(id, "a", "[]").map(drop)),
    ("emit_volatile", |server, id| server.emit_volatile(id, "a", "[]").map(drop)),
    ("send", |server, id| server.send(id, "a").map(drop)),
    ("send_volatile", |server, id| server.send_volatile(id, "a").map(drop)),
    ("ask", |server, id| server.ask(id, "a", "[]", LATER).map(drop)),
    ("disconnect", |server, id| server.disconnect(id)),
    ("disconnect_with", |server, id| server.disconnect_with(id, 4000, "bye")),
    ("user", |server, id| server.user(id).map(drop)),
    ("set_user", |server, id| server.set_user(id, 7)),
    ("sid", |server, id| server.sid(id).map(drop)),
    ("queued", |server, id| server.queued(id).map(drop)),
    ("accept", |server, id| server.accept(id, Accept::default())),
    ("reject", |server, id| server.reject(id, 403, "no")),
];

#[test]
fn a_stale_or_made_up_id_is_not_found_whatever_it_is_used_for() {
    let mut house = House::new(Config::default());
    let (mut stays, _) = house.guest();
    let (leaves, stale) = house.guest();
    leaves.leave(&mut house);
    house.wait(|seen| matches!(seen, Seen::Gone(socket, _) if *socket == stale).then_some(()));
    house.turn();
    let made_up = [1, 2, u64::from(u32::MAX), u64::MAX, stale.get() + (1 << 32)];
    for id in made_up.into_iter().filter_map(SocketId::from_u64).chain([stale]) {
        for (_, call) in SOCKET_CALLS {
            let part = format!("{:#x}", id.get());
            mistake(&mut house, ErrorKind::NotFound, &part, |server| call(server, id));
        }
        assert!(house.server.handshake(id).is_none() && house.server.peer(id).is_none());
        // In an audience it is nobody, which is no mistake.
        assert_eq!(house.server.to("/").socket(id).emit("a", "[]").unwrap(), 0);
        assert_eq!(house.server.to("/").except(id).sockets().unwrap().len(), 1);
    }
    assert_eq!(SocketId::from_u64(0), None);
    assert_eq!(house.server.by_sid("nobody"), None);
    assert_eq!(house.server.by_sid("AAAAAAAAAAAAAAAAAAAA"), None);
    hears_nothing_of_it(&mut house, &mut stays);
}

#[test]
fn a_socket_that_has_just_left_can_be_spoken_to_in_vain() {
    let mut house = House::new(Config::default());
    let (mut leaves, socket) = house.guest();
    leaves.0.close(None).unwrap();
    house.wait(|seen| matches!(seen, Seen::Gone(..)).then_some(()));
    let before = house.stats();
    for (name, call) in SOCKET_CALLS {
        assert!(call(&mut house.server, socket).is_ok(), "{name}");
    }
    let after = house.stats();
    assert_eq!(house.server.queued(socket).unwrap(), 0);
    assert_eq!((after.sockets, after.rooms, after.messages_out), (0, 0, before.messages_out));
    // The question that was put to it has ended, too.
    let closed = house.wait(|seen| match seen {
        Seen::Answer(asked, _, answer) => Some((*asked, answer.clone())),
        _ => None,
    });
    assert_eq!(closed, (socket, Err(salon::NoAnswer::Closed)));
    assert_eq!(house.server.join(socket, "a").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_unknown_namespace_is_not_found() {
    let mut house = House::new(Config::default());
    house.server.open_pattern("/game/", Namespace::default()).unwrap();
    for name in ["/nowhere", "", "nowhere", "/game/1"] {
        let part = format!("no namespace {name:?} is open");
        let calls: [fn(&mut Server, &str) -> Result<()>; 12] = [
            |server, name| server.count(name, None).map(drop),
            |server, name| server.count(name, Some("a")).map(drop),
            |server, name| server.members(name, None).map(drop),
            |server, name| server.rooms(name).map(drop),
            |server, name| server.close(name),
            |server, name| server.to(name).emit("a", "[]").map(drop),
            |server, name| server.to(name).volatile().send("a").map(drop),
            |server, name| server.to(name).room("a").ask("a", "[]", LATER).map(drop),
            |server, name| server.to(name).join("a").map(drop),
            |server, name| server.to(name).leave("a").map(drop),
            |server, name| server.to(name).disconnect().map(drop),
            |server, name| server.to(name).sockets().map(drop),
        ];
        for call in calls {
            mistake(&mut house, ErrorKind::NotFound, &part, |server| call(server, name));
        }
    }
    // A room that is not there is an empty one.
    assert_eq!(house.server.count("/", Some("nowhere")).unwrap(), 0);
    assert_eq!(house.server.to("/").room("nowhere").emit("a", "[]").unwrap(), 0);
}

/// Every call that takes a name and arguments.
type Saying = fn(&mut Server, SocketId, &str, &Payload<'_>) -> Result<()>;

const SAYINGS: [Saying; 7] = [
    |server, id, name, args| server.emit(id, name, args.clone()).map(drop),
    |server, id, name, args| server.emit_volatile(id, name, args.clone()).map(drop),
    |server, id, name, args| server.ask(id, name, args.clone(), LATER).map(drop),
    |server, _, name, args| server.to("/").emit(name, args.clone()).map(drop),
    |server, _, name, args| server.to_all().ask(name, args.clone(), LATER).map(drop),
    |server, id, name, args| server.remote().emit(id, name, args.clone()),
    |server, _, name, args| server.remote().to("/").emit(name, args.clone()),
];

#[test]
fn arguments_that_are_no_json_array_are_invalid() {
    let mut house = House::new(Config::default());
    let (mut client, socket) = house.guest();
    let bad =
        ["", " ", "{}", "1", "\"a\"", "null", "[", "]", "[1,]", "[1] [2]", "[nul]", "['a']", "[\"\u{1}\"]"];
    for args in bad {
        for say in SAYINGS {
            mistake(&mut house, ErrorKind::Invalid, "the arguments must be a JSON array", |server| {
                say(server, socket, "a", &args.into())
            });
        }
    }
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for say in SAYINGS {
        mistake(&mut house, ErrorKind::Invalid, "too deep", |server| {
            say(server, socket, "a", &(&deep).into())
        });
    }
    hears_nothing_of_it(&mut house, &mut client);
    // At the limit it is right.
    house.server.emit(socket, "a", &deep[1..129]).unwrap();
    assert_eq!(client.hear(&mut house).len(), r#"{"event":"a","data":}"#.len() + 126);
}

#[test]
fn names_are_bounded_hold_no_nul_and_are_not_reserved() {
    let mut house = House::new(Config::default());
    let (mut client, socket) = house.guest();
    let (long, longest) = ("x".repeat(256), "x".repeat(255));
    for say in SAYINGS {
        let mut bad = |kind, part: &str, name: &str| {
            mistake(&mut house, kind, part, |server| say(server, socket, name, &"[]".into()));
        };
        bad(ErrorKind::Limit, "the name of an event may have 255 bytes; this one has 256", &long);
        bad(ErrorKind::Invalid, "can't hold a NUL", "a\0b");
        for name in
            ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
        {
            bad(ErrorKind::Invalid, &format!("{name:?} is reserved"), name);
        }
    }
    type Joining = fn(&mut Server, SocketId, &str) -> Result<()>;
    let rooms: [Joining; 2] =
        [|server, id, room| server.join(id, room), |server, _, room| server.to("/").join(room).map(drop)];
    for join in rooms {
        mistake(&mut house, ErrorKind::Limit, "a room may have 255", |server| join(server, socket, &long));
        mistake(&mut house, ErrorKind::Invalid, "NUL", |server| join(server, socket, "\0"));
        join(&mut house.server, socket, &longest).unwrap();
    }
    let slashed = format!("/{longest}");
    type Opening = fn(&mut Server, &str, Namespace) -> Result<()>;
    let opens: [Opening; 2] = [
        |server, name, config| server.open(name, config),
        |server, name, config| server.open_pattern(name, config),
    ];
    for open in opens {
        let mut bad = |kind, part: &str, name: &str, config: Namespace| {
            mistake(&mut house, kind, part, |server| open(server, name, config));
        };
        bad(ErrorKind::Limit, "a namespace may have 255", &slashed, Namespace::default());
        bad(ErrorKind::Invalid, "begins with a slash", "chat", Namespace::default());
        bad(ErrorKind::Invalid, "begins with a slash", "", Namespace::default());
        bad(ErrorKind::Invalid, "NUL", "/a\0", Namespace::default());
        for token in ["", "a b", "a,b", "\"a\"", "ä", "a\r\nb"] {
            let config = Namespace::default().subprotocol("good").subprotocol(token);
            bad(ErrorKind::Invalid, &format!("the subprotocol {token:?} is not a token"), "/x", config);
        }
        let config = Namespace { require_subprotocol: true, ..Namespace::default() };
        bad(ErrorKind::Invalid, "must name one", "/x", config);
    }
    hears_nothing_of_it(&mut house, &mut client);
    let pattern_was_not_taken = house.answer_to(upgrade("/x", ""));
    assert!(pattern_was_not_taken.starts_with("HTTP/1.1 404 "), "{pattern_was_not_taken}");
}

#[test]
fn too_much_at_once_is_over_a_limit() {
    let mut house = House::new(Config::default());
    let (mut client, socket) = house.guest();
    let eleven = [&b"x"[..]; 11];
    for say in SAYINGS {
        mistake(&mut house, ErrorKind::Limit, "11 attachments", |server| {
            say(server, socket, "a", &Payload::binary(&eleven))
        });
    }
    let huge = vec![0; (256 << 20) + 1];
    let part = "268435457 bytes at once";
    mistake(&mut house, ErrorKind::Limit, part, |server| server.send(socket, &huge[..]));
    mistake(&mut house, ErrorKind::Limit, part, |server| server.to("/").send(&huge[..]));
    mistake(&mut house, ErrorKind::Limit, part, |server| server.remote().send(socket, &huge[..]));
    mistake(&mut house, ErrorKind::Limit, part, |server| server.remote().to("/").send(&huge[..]));
    mistake(&mut house, ErrorKind::Limit, "bytes at once", |server| {
        server.emit(socket, "a", Payload::new("[]", &[&huge]))
    });
    mistake(&mut house, ErrorKind::Limit, part, |server| {
        server.respond(RequestId::from_u64(1).unwrap(), 200, &[], &huge)
    });
    mistake(&mut house, ErrorKind::Limit, part, |server| server.remote().post(1, huge));
    hears_nothing_of_it(&mut house, &mut client);
}

#[test]
fn who_is_in_as_many_rooms_as_may_be_joins_no_other() {
    let mut house = House::with_limits(|limits| limits.rooms = 2);
    let (_one, full) = house.guest();
    let (_two, other) = house.guest();
    for room in ["a", "b"] {
        house.server.join(full, room).unwrap();
    }
    mistake(&mut house, ErrorKind::Limit, "in 2 rooms already", |server| server.join(full, "c"));
    // All or nobody.
    mistake(&mut house, ErrorKind::Limit, "in 2 rooms already", |server| server.to("/").join("c"));
    assert!(house.server.rooms_of(other).unwrap().is_empty());
    assert_eq!(house.server.to("/").join("a").unwrap(), 2);
    house.server.open("/guarded", Namespace::default().guarded()).unwrap();
    let (_three, waiting) = house.at_the_door("/guarded", &[]);
    mistake(&mut house, ErrorKind::Limit, "may be in 2 rooms", |server| {
        server.accept(waiting, Accept::default().room("a").room("b").room("c"))
    });
    house.server.accept(waiting, Accept::default().room("a").room("b")).unwrap();
    assert_eq!(house.server.rooms_of(waiting).unwrap().len(), 2);
}

#[test]
fn a_door_opens_once_and_only_as_it_may() {
    let mut house = House::new(Config::default());
    house.server.open("/", Namespace::default().guarded().subprotocol("one").subprotocol("two")).unwrap();
    let (knock, socket) = house.at_the_door("/", &["two", "three"]);
    // Who waits is spoken to by accept and reject, and can be sent away.
    let known = [
        "rooms_of",
        "user",
        "set_user",
        "sid",
        "queued",
        "disconnect",
        "disconnect_with",
        "accept",
        "reject",
    ];
    for (_, call) in SOCKET_CALLS.iter().filter(|(name, _)| !known.contains(name)) {
        mistake(&mut house, ErrorKind::State, "still waits for its guard", |server| call(server, socket));
    }
    let mut bad = |kind, part: &str, accept: Accept<'_>| {
        mistake(&mut house, kind, part, |server| server.accept(socket, accept));
    };
    bad(ErrorKind::Invalid, "did not offer the subprotocol \"one\"", Accept::default().subprotocol("one"));
    bad(ErrorKind::Invalid, "did not offer", Accept::default().subprotocol(""));
    bad(ErrorKind::Limit, "a room may have 255", Accept::default().room("a").room(&"x".repeat(256)));
    bad(ErrorKind::Invalid, "NUL", Accept::default().user(9).room("\0"));
    for status in [0, 101, 200, 302, 399, 600, u16::MAX] {
        mistake(&mut house, ErrorKind::Invalid, "from 400 to 599", |server| {
            server.reject(socket, status, "no")
        });
    }
    house.server.accept(socket, Accept::default().user(7).subprotocol("three")).unwrap();
    mistake(&mut house, ErrorKind::State, "accepted already", |server| {
        server.accept(socket, Accept::default().room("a"))
    });
    mistake(&mut house, ErrorKind::State, "accepted already", |server| server.reject(socket, 403, "no"));
    house.wait_for(&Seen::Connect(socket));
    mistake(&mut house, ErrorKind::State, "accepted already", |server| {
        server.accept(socket, Accept::default())
    });
    assert_eq!(house.server.user(socket).unwrap(), 7);
    let mut client = house.open(knock);
    assert!(client.hear(&mut house).starts_with("{\"event\":\"connect\""));
    hears_nothing_of_it(&mut house, &mut client);
}

#[test]
fn a_close_has_a_code_that_may_be_sent_and_a_text_that_fits() {
    let mut house = House::new(Config::default());
    let (mut client, socket) = house.guest();
    for code in [0, 999, 1004, 1005, 1006, 1010, 1015, 1016, 2999, 5000, u16::MAX] {
        mistake(&mut house, ErrorKind::Invalid, &format!("the close code {code} can't be sent"), |server| {
            server.disconnect_with(socket, code, "")
        });
    }
    let long = "x".repeat(124);
    mistake(&mut house, ErrorKind::Limit, "123 bytes; this one has 124", |server| {
        server.disconnect_with(socket, 4000, &long)
    });
    hears_nothing_of_it(&mut house, &mut client);
    house.server.disconnect_with(socket, 4999, &long[1..]).unwrap();
    let tungstenite::Message::Close(Some(close)) = client.next(&mut house) else { panic!("no close") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4999, &long[1..]));
}

#[test]
fn a_question_is_answered_once_and_only_by_whom_it_was_put_to() {
    let mut house = House::new(Config::default());
    let (mut client, socket) = house.guest();
    client.say(r#"{"event":"how","id":0}"#);
    let ack = house.wait(|seen| if let Seen::Message { ack, .. } = seen { *ack } else { None });
    for args in ["", "{}", "[1,]"] {
        mistake(&mut house, ErrorKind::Invalid, "must be a JSON array", |server| server.ack(ack, args));
    }
    let asked = house.server.ask(socket, "why", "[]", LATER).unwrap();
    assert_eq!(client.hear(&mut house), r#"{"event":"why","args":[],"id":1}"#);
    let wrong = [1, 2, ack.get() + 1, ack.get() + (1 << 32), u64::MAX];
    for ack in wrong.into_iter().filter_map(AckId::from_u64).chain([asked]) {
        mistake(&mut house, ErrorKind::NotFound, "no such question is open", |server| server.ack(ack, "[]"));
    }
    house.server.ack(ack, "[1]").unwrap();
    mistake(&mut house, ErrorKind::NotFound, "no such question is open", |server| server.ack(ack, "[2]"));
    assert_eq!(client.hear(&mut house), r#"{"ack":0,"data":1}"#);
    // The host's own is still open.
    client.say(r#"{"ack":1,"data":"so"}"#);
    house.wait_for(&Seen::Answer(socket, asked, Ok(r#"["so"]"#.into())));
}

#[test]
fn a_client_of_the_raw_dialect_cannot_be_asked() {
    let mut house = House::new(Config::default());
    house.server.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let (mut client, socket) = house.enter("/");
    mistake(&mut house, ErrorKind::State, "raw dialect", |server| server.ask(socket, "a", "[]", LATER));
    house.server.send(socket, Data::Text("first")).unwrap();
    assert_eq!(client.hear(&mut house), "first");
}

#[test]
fn a_path_of_socket_io_or_an_origin_that_cant_be_one_makes_no_server() {
    for path in ["", "/", "//", "socket.io/", "/socket.io"] {
        let socketio = Some(SocketIo { path: path.to_owned(), ..SocketIo::default() });
        let error = Server::new(Config { socketio, ..Config::default() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{path:?}");
        assert!(error.to_string().contains("/socket.io/"), "{error}");
    }
    for origin in ["example.org", "", "*"] {
        let origins = Origins::List(vec!["https://example.org".to_owned(), origin.to_owned()]);
        let error = Server::new(Config { origins, ..Config::default() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{origin:?}");
    }
    let origins = Origins::List(vec!["https://example.org".to_owned(), "null".to_owned()]);
    Server::new(Config { origins, ..Config::default() }).unwrap();
}
