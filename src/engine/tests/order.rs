//! Order: every socket sees what was said to it while it was a member, once,
//! in the order of the host's calls, whatever the kernel takes at a time.

use super::*;

/// Clients with different appetites: one takes all, one a byte at a time, one
/// a few, one nothing until the end.
fn appetites(salon: &mut Salon) -> Vec<usize> {
    let clients: Vec<usize> = (0..4).map(|_| salon.open()).collect();
    salon.kernel.pipes[clients[1]].at_once = 1;
    salon.kernel.pipes[clients[2]].at_once = 7;
    salon.room(clients[3], 0);
    clients
}

/// What each client has received when all have read everything.
fn received(salon: &mut Salon, clients: &[usize]) -> Vec<String> {
    clients.iter().for_each(|client| salon.room(*client, usize::MAX));
    salon.quiet();
    let mut said = |client: &usize| {
        let frames = salon.frames(*client);
        frames.iter().map(|frame| frame.strip_prefix("text ").unwrap()).collect::<Vec<_>>().join(" ")
    };
    clients.iter().map(said).collect()
}

#[test]
fn direct_sends_and_broadcasts_keep_the_order_of_the_calls() {
    let mut salon = Salon::raw(Config::default());
    let clients = appetites(&mut salon);
    for turn in 0..3 {
        salon.send_to(0, &format!("a{turn}")).unwrap();
        assert_eq!(salon.send(&all(), &format!("b{turn}")), 4);
        salon.send_to(3, &format!("c{turn}")).unwrap();
        let speaker = salon.socket(1);
        assert_eq!(salon.send(&except(all(), speaker), &format!("d{turn}")), 3);
        assert_eq!(salon.send(&all(), &format!("e{turn}")), 4);
        salon.turn();
    }
    assert_eq!(
        received(&mut salon, &clients),
        [
            "a0 b0 d0 e0 a1 b1 d1 e1 a2 b2 d2 e2",
            "b0 e0 b1 e1 b2 e2",
            "b0 d0 e0 b1 d1 e1 b2 d2 e2",
            "b0 c0 d0 e0 b1 c1 d1 e1 b2 c2 d2 e2",
        ]
    );
}

#[test]
fn union_of_rooms_reaches_each_once_less_the_excepted() {
    let mut salon = Salon::raw(Config::default());
    let clients = appetites(&mut salon);
    for (number, room) in [(0, "a"), (1, "a"), (1, "b"), (2, "b"), (2, "c"), (3, "c")] {
        salon.join(number, room);
    }
    assert_eq!(salon.send(&rooms(&["a", "b"]), "ab"), 3);
    assert_eq!(salon.send(&rooms(&["a", "b", "c", "none"]), "abc"), 4);
    assert_eq!(salon.send(&rooms(&["none"]), "none"), 0);
    let mut to = rooms(&["a", "b"]);
    to.except_rooms.push("c");
    assert_eq!(salon.send(&to, "ab-c"), 2);
    let mut to = rooms(&["b"]);
    to.sockets.push(salon.socket(0));
    to.sockets.push(salon.socket(1));
    to.sockets.push(salon.socket(0));
    assert_eq!(salon.send(&to, "b+01"), 3);
    to.except_sockets.push(salon.socket(1));
    assert_eq!(salon.send(&to, "b+01-1"), 2);
    let mut to = all();
    to.except_rooms.push("a");
    assert_eq!(salon.send(&to, "-a"), 2);
    assert_eq!(
        received(&mut salon, &clients),
        ["ab abc ab-c b+01 b+01-1", "ab abc ab-c b+01", "ab abc b+01 b+01-1 -a", "abc -a"]
    );
}

#[test]
fn who_joins_hears_what_comes_after_and_who_leaves_what_came_before() {
    let mut salon = Salon::raw(Config::default());
    let clients = appetites(&mut salon);
    let den = || rooms(&["den"]);
    salon.join(0, "den");
    salon.send(&den(), "1");
    salon.join(1, "den");
    salon.join(3, "den");
    salon.send(&den(), "2");
    salon.leave(0, "den");
    salon.send(&den(), "3");
    salon.join(0, "den");
    salon.leave(3, "den");
    salon.send(&den(), "4");
    salon.disconnect(1, 1000, "").unwrap();
    salon.send(&den(), "5");
    salon.quiet();
    salon.room(clients[3], usize::MAX);
    salon.quiet();
    assert_eq!(salon.frames(clients[0]), ["text 1", "text 2", "text 4", "text 5"]);
    assert_eq!(salon.frames(clients[1]), ["text 2", "text 3", "text 4", "close 1000"]);
    assert!(salon.read(clients[2]).is_empty());
    assert_eq!(salon.frames(clients[3]), ["text 2", "text 3"]);
}

#[test]
fn bulk_joins_and_leaves_count_from_their_place_in_the_order() {
    let mut salon = Salon::raw(config(|limits| limits.rooms = 2));
    let clients = appetites(&mut salon);
    let speaker = salon.socket(2);
    salon.send(&rooms(&["den"]), "to nobody");
    assert_eq!(salon.tell(|engine| engine.join_all(&except(all(), speaker), "den")).unwrap(), 3);
    salon.send(&rooms(&["den"]), "1");
    assert_eq!(salon.tell(|engine| engine.leave_all_of(&rooms(&["den"]), "den")).unwrap(), 3);
    salon.send(&rooms(&["den"]), "to nobody");
    // One who may be in no more rooms keeps all out.
    salon.join(0, "a");
    salon.join(0, "b");
    assert_eq!(kind(salon.tell(|engine| engine.join_all(&all(), "den"))), ErrorKind::Limit);
    assert_eq!(salon.send(&rooms(&["den"]), "to nobody"), 0);
    assert_eq!(salon.tell(|engine| engine.join_all(&all(), "b")).map_err(|e| e.kind()), Ok(4));
    salon.send(&rooms(&["b"]), "2");
    assert_eq!(received(&mut salon, &clients), ["1 2", "1 2", "2", "1 2"]);
}

#[test]
fn all_dialects_hear_a_broadcast_in_their_own_words() {
    let mut salon = Salon::new(Config::default());
    let json = salon.open();
    salon.engine.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let raw = salon.open();
    let attachment: &[&[u8]] = &[b"\x01\x02"];
    let payload = Payload::binary(attachment);
    salon.tell(|engine| engine.emit(&all(), "pic", &payload, Loudness::Normal)).unwrap();
    salon.send(&all(), "plain");
    salon.tell(|engine| engine.send(&all(), Data::Binary(b"bin"), Loudness::Normal)).unwrap();
    salon.quiet();
    assert_eq!(
        salon.frames(json),
        [
            r#"text {"event":"pic","data":{"_placeholder":true,"num":0},"attachments":["AQI="]}"#,
            r#"text {"event":"message","data":"plain"}"#,
            r#"text {"event":"message","data":{"_placeholder":true,"num":0},"attachments":["Ymlu"]}"#,
        ]
    );
    assert_eq!(
        salon.frames(raw),
        [r#"text ["pic",{"_placeholder":true,"num":0}]"#, "binary \u{1}\u{2}", "text plain", "binary bin",]
    );
}

#[test]
fn namespaces_do_not_hear_each_other_and_the_whole_server_hears_all() {
    let mut salon = Salon::raw(Config::default());
    salon.engine.open("/other", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let here = salon.open();
    let there = salon.connect();
    salon.write(there, handshake("/other"));
    salon.quiet();
    salon.read(there);
    salon.join(0, "den");
    salon.join(1, "den");
    assert_eq!(salon.send(&rooms(&["den"]), "here"), 1);
    assert_eq!(salon.send(&Selection { namespace: Some("/other"), ..rooms(&["den"]) }, "there"), 1);
    assert_eq!(salon.send(&Selection::default(), "everywhere"), 2);
    let nowhere = Selection { namespace: Some("/nowhere"), ..Selection::default() };
    let outcome = salon.tell(|engine| engine.send(&nowhere, Data::Text("x"), Loudness::Normal));
    assert_eq!(kind(outcome), ErrorKind::NotFound);
    salon.quiet();
    assert_eq!(salon.frames(here), ["text here", "text everywhere"]);
    assert_eq!(salon.frames(there), ["text there", "text everywhere"]);
}

#[test]
fn hosts_mistakes_are_errors_and_send_nothing() {
    let mut salon = Salon::raw(Config::default());
    let client = salon.open();
    let long = "x".repeat(256);
    let deep = format!("[{}{}]", "[".repeat(64), "]".repeat(64));
    for (name, args, wrong) in [
        ("connect", "[]", ErrorKind::Invalid),
        ("a\0", "[]", ErrorKind::Invalid),
        (&*long, "[]", ErrorKind::Limit),
        ("a", "{}", ErrorKind::Invalid),
        ("a", "[1", ErrorKind::Invalid),
        ("a", &*deep, ErrorKind::Invalid),
    ] {
        assert_eq!(kind(salon.emit_to(0, name, args)), wrong, "{name} {args}");
        let emitted = salon.tell(|engine| engine.emit(&all(), name, &Payload::from(args), Loudness::Normal));
        assert_eq!(kind(emitted), wrong);
    }
    let attachments = [&b"x"[..]; 11];
    let payload = Payload::binary(&attachments);
    let emitted = salon.tell(|engine| engine.emit(&all(), "a", &payload, Loudness::Normal));
    assert_eq!(kind(emitted), ErrorKind::Limit);
    salon.quiet();
    assert!(salon.read(client).is_empty());
}
