//! Floods: events of one socket, connections and handshakes of one address, and
//! which address that is behind proxies.

use super::*;
use crate::base::{limit::Limit, limits::UNLIMITED};

const TOO_MANY: &str = r#"gone #0 /: too many events, 1008 "too many events" []"#;

/// So many events at once, and one a second from then on.
fn slow_talk(burst: u32) -> Config {
    config(|limits| (limits.client_events_per_s, limits.client_events_burst) = (1, burst))
}

impl Salon {
    fn breaches(&self, limit: Limit) -> u64 {
        self.engine.stats().breaches(limit)
    }

    /// The next clients come from here.
    fn come_from(&mut self, address: &str) {
        self.from = Some(format!("{address}:4711").parse().unwrap());
    }

    /// A new connection is told this at once, before it has asked anything.
    fn is_told_at_the_door(&mut self) -> (usize, Vec<u16>) {
        let client = self.connect();
        self.quiet();
        (client, self.statuses(client))
    }

    /// The status of the answer to a handshake at `/` with these lines.
    fn knocks(&mut self, lines: &str) -> u16 {
        let client = self.connect();
        self.write(client, handshake_with("/", lines));
        self.quiet();
        self.statuses(client)[0]
    }

    /// The status of the answer to who wants to begin a session by polling.
    fn begins(&mut self, lines: &str) -> u16 {
        let client = self.request("GET", OPEN, lines, "");
        self.quiet();
        self.statuses(client)[0]
    }

    /// Where the host is told that a socket comes from.
    fn origin(&self, number: usize) -> String {
        let socket = self.socket(number);
        let request = self.engine.handshake(socket).unwrap().peer().unwrap().ip().to_string();
        if let Some(connection) = self.engine.connection_of(socket)
            && let Some(forwarded) = self.engine.forwarded(connection)
        {
            assert_eq!(forwarded.ip().to_string(), request);
        }
        request
    }
}

#[test]
fn socket_may_say_as_much_as_the_burst_at_once_and_not_one_event_more() {
    for (events, is_too_many) in [(4, false), (5, false), (6, true)] {
        let mut salon = Salon::new(slow_talk(5));
        let client = salon.open();
        salon.frames(client);
        salon.write(client, text(r#"{"event":"a"}"#).repeat(events));
        let lines = salon.quiet();
        assert_eq!(lines.iter().filter(|line| line.starts_with("#0 says")).count(), events.min(5));
        assert_eq!(lines.contains(&TOO_MANY.to_owned()), is_too_many);
        let told: &[&str] = if is_too_many { &["close 1008 too many events"] } else { &[] };
        assert_eq!(salon.frames(client), told);
        assert_eq!(salon.breaches(Limit::ClientEvents), u64::from(is_too_many));
        let reason = crate::engine::reason::Reason::Flood;
        assert_eq!(salon.engine.stats().disconnects(reason), u64::from(is_too_many));
    }
}

#[test]
fn who_keeps_to_the_rate_may_talk_for_ever() {
    let mut salon = Salon::raw(slow_talk(3));
    let client = salon.open();
    for _ in 0..200 {
        assert_eq!(salon.says(client, "x"), [r#"#0 sends "x""#]);
        assert_eq!(salon.after(1_000), NOTHING);
        salon.write(client, pong());
    }
    assert_eq!(salon.says(client, "x"), [r#"#0 sends "x""#]);
}

#[test]
fn flood_of_a_socketio_client_is_said_goodbye_to_so_that_it_does_not_come_back() {
    let mut salon = Salon::new(slow_talk(2));
    salon.engine.open("/b", Namespace::default()).unwrap();
    let client = salon.websocket_guest();
    assert_eq!(salon.says(client, "40/b,"), ["connect #1 /b"]);
    salon.frames(client);
    // All sockets of a client have one share.
    for packet in ["42[\"a\"]", "42/b,[\"a\"]"] {
        assert_eq!(salon.says(client, packet).len(), 1);
    }
    let flood = [text("42[\"a\"]"), text("42/b,[\"a\"]"), text("4x")].concat();
    salon.write(client, flood);
    let gone = [
        r#"gone #0 /: too many events, no code "too many events" []"#,
        r#"gone #1 /b: too many events, no code "too many events" []"#,
    ];
    assert_eq!(salon.quiet(), gone);
    assert_eq!(salon.frames(client), ["text 41", "text 41/b,", "close 1008 too many events"]);
    assert_eq!(salon.engine.stats().sessions, 0);
}

#[test]
fn to_leave_and_to_enter_again_fills_no_bucket() {
    let mut salon = Salon::new(slow_talk(2));
    let client = salon.websocket_guest();
    assert_eq!(salon.says(client, "42[\"a\"]").len(), 1);
    assert_eq!(salon.says(client, "42[\"a\"]").len(), 1);
    assert_eq!(salon.says(client, "41").len(), 1);
    assert_eq!(salon.says(client, "40").len(), 1);
    assert_eq!(
        salon.says(client, "42[\"a\"]"),
        [r#"gone #1 /: too many events, no code "too many events" []"#]
    );
}

#[test]
fn who_floods_and_does_not_read_is_said_goodbye_to_as_well() {
    let mut salon = Salon::new(slow_talk(1));
    let client = salon.websocket_guest();
    salon.room(client, 0);
    for _ in 0..2 {
        salon.emit_to(0, "unread", "[]").unwrap();
        assert_eq!(salon.quiet(), NOTHING);
    }
    salon.write(client, text("42[\"a\"]").repeat(2));
    assert_eq!(salon.quiet().len(), 2);
    salon.room(client, usize::MAX);
    salon.quiet();
    assert_eq!(salon.frames(client), ["text 41", "close 1008 too many events"]);
}

#[test]
fn flood_by_polling_is_said_goodbye_to_and_the_packets_behind_it_are_dropped() {
    let mut salon = Salon::new(slow_talk(2));
    let sid = salon.guest();
    let lines = salon.posts(&sid, &["42[\"a\"]"; 6].join("\x1e"));
    let gone = r#"gone #0 /: too many events, no code "too many events" []"#;
    assert_eq!(lines, ["#0 says a []", "#0 says a []", gone]);
    assert_eq!(salon.polls(&sid), "41");
    assert_eq!(salon.polls(&sid), "6\x1e1");
    salon.assert_unknown(&sid);
}

#[test]
fn acks_that_were_asked_for_are_free_and_others_are_not() {
    let mut salon = Salon::new(slow_talk(2));
    let client = salon.open();
    let socketio = salon.websocket_guest();
    for _ in 0..50 {
        for (number, client) in [(0, client), (1, socketio)] {
            let socket = salon.socket(number);
            let ask = |engine: &mut Engine| {
                engine.ask_one(socket, "q", &Payload::from("[]"), std::time::Duration::from_secs(9))
            };
            let id = salon.tell(ask).unwrap().get();
            let answer = if number == 0 { format!("{{\"ack\":{id}}}") } else { format!("43{id}[]") };
            assert!(salon.says(client, &answer)[0].contains("answers"));
        }
    }
    for (client, answer) in [(client, r#"{"ack":9999}"#), (socketio, "439999[]")] {
        assert_eq!(salon.says(client, answer), NOTHING);
        assert_eq!(salon.says(client, answer), NOTHING);
        assert!(salon.says(client, answer)[0].starts_with("gone"));
    }
}

#[test]
fn nonsense_counts_as_well_and_what_is_kept_at_the_door() {
    let mut salon = Salon::new(slow_talk(2));
    let client = salon.open();
    salon.frames(client);
    salon.write(client, [text("x").repeat(2), binary(b"x")].concat());
    assert_eq!(salon.quiet(), [TOO_MANY]);
    let told = salon.frames(client);
    assert_eq!(told.len(), 3);
    let empty = salon.websocket_guest();
    assert_eq!(salon.says(empty, "42"), NOTHING);
    assert_eq!(salon.says(empty, "42"), NOTHING);
    assert!(salon.says(empty, "42")[0].starts_with("gone #1 /: too many events"));
    assert!(told[..2].iter().all(|frame| frame.contains("exception")), "{told:?}");
    salon.engine.open("/door", Namespace::default().guarded()).unwrap();
    let client = salon.websocket();
    assert_eq!(salon.says(client, "40/door,"), ["asks #2 /door"]);
    salon.write(client, text("42/door,[\"a\"]").repeat(3));
    assert_eq!(salon.quiet(), [r#"gone #2 /door: too many events, no code "too many events" []"#]);
    let refused = r#"text 44/door,{"message":"too many events"}"#;
    assert_eq!(salon.frames(client), [refused, "close 1008 too many events"]);
}

#[test]
fn who_is_sent_away_for_what_was_kept_at_the_door_is_not_heard_after_that() {
    let mut salon = Salon::new(slow_talk(2));
    salon.engine.open("/door", Namespace::default().guarded()).unwrap();
    let client = salon.websocket();
    assert_eq!(salon.says(client, "40/door,"), ["asks #0 /door"]);
    salon.write(client, [text("43/door,999[]").repeat(3), text("42/door,[\"a\"]")].concat());
    assert_eq!(salon.quiet(), NOTHING);
    salon.accept(0, &Accept::default()).unwrap();
    let gone = r#"gone #0 /door: too many events, no code "too many events" []"#;
    assert_eq!(salon.quiet(), ["connect #0 /door", gone]);
}

#[test]
fn newcomer_in_the_place_of_who_flooded_begins_anew() {
    let mut salon = Salon::raw(slow_talk(1));
    for number in 0..5 {
        let client = salon.open();
        assert_eq!(salon.says(client, "x"), [format!("#{number} sends \"x\"")]);
        assert_eq!(salon.says(client, "x").len(), 1);
        salon.end(client, End::Eof);
        salon.quiet();
    }
    assert_eq!(salon.breaches(Limit::ClientEvents), 5);
}

#[test]
fn without_the_limit_nobody_talks_too_much() {
    let mut salon = Salon::raw(config(|limits| limits.turn_messages = UNLIMITED));
    let client = salon.open();
    salon.write(client, text("x").repeat(10_000));
    assert_eq!(salon.quiet().len(), 10_000);
}

#[test]
fn address_has_so_many_connections_at_a_time() {
    let mut salon = Salon::new(config(|limits| limits.address_connections = 3));
    salon.come_from("192.0.2.1");
    let first = salon.connect();
    assert_eq!(salon.is_told_at_the_door().1, [0; 0]);
    assert_eq!(salon.is_told_at_the_door().1, [0; 0]);
    let (client, told) = salon.is_told_at_the_door();
    assert_eq!((told, salon.is_finished(client)), (vec![429], true));
    assert_eq!(salon.breaches(Limit::AddressConnections), 1);
    // Another address is another matter, and one of IPv6 is 64 bits.
    salon.come_from("192.0.2.2");
    assert_eq!(salon.is_told_at_the_door().1, [0; 0]);
    let neighbours = ["::1", "::2", "::ffff:0:0:3", "::4"].map(|end| format!("[2001:db8{end}]"));
    let others = ["[2001:db8:0:1::1]".to_owned()];
    for (address, told) in neighbours.iter().chain(&others).zip([0, 0, 0, 1, 0]) {
        salon.come_from(address);
        assert_eq!(salon.is_told_at_the_door().1.len(), told, "{address}");
    }
    // Who leaves makes room.
    salon.come_from("192.0.2.1");
    salon.end(first, End::Eof);
    salon.quiet();
    assert_eq!(salon.is_told_at_the_door().1, [0; 0]);
    assert_eq!(salon.is_told_at_the_door().1, [429]);
}

#[test]
fn address_opens_so_many_connections_in_a_minute() {
    let mut salon = Salon::new(config(|limits| limits.address_connects_per_min = 6));
    salon.come_from("192.0.2.1");
    for told in [0, 0, 0, 0, 0, 0, 1, 1] {
        let (client, statuses) = salon.is_told_at_the_door();
        assert_eq!(statuses.len(), told);
        salon.end(client, End::Eof);
        salon.quiet();
    }
    assert_eq!(salon.breaches(Limit::AddressConnects), 2);
    // One grows back in ten seconds.
    salon.after(9_999);
    assert_eq!(salon.is_told_at_the_door().1, [429]);
    salon.after(1);
    assert_eq!(salon.is_told_at_the_door().1, [0; 0]);
    assert_eq!(salon.is_told_at_the_door().1, [429]);
}

#[test]
fn who_is_refused_on_and_on_is_cut_without_a_word() {
    let mut salon = Salon::new(config(|limits| limits.address_connections = 1));
    salon.come_from("192.0.2.1");
    let told: Vec<usize> = (0..30).map(|_| salon.is_told_at_the_door().1.len()).collect();
    assert_eq!(told.iter().sum::<usize>(), 16);
    assert_eq!(told[1..17], [1; 16]);
    assert_eq!(salon.breaches(Limit::AddressConnections), 29);
    assert_eq!(salon.engine.stats().connections, 17);
    // The refused linger for a second, to hear it.
    salon.after(1_000);
    assert_eq!(salon.engine.stats().connections, 1);
    assert_eq!(salon.is_told_at_the_door().1, [429]);
}

#[test]
fn address_has_so_many_sessions_of_every_kind() {
    let mut salon = Salon::new(config(|limits| limits.address_sessions = 3));
    salon.come_from("192.0.2.1");
    let plain = salon.open();
    let sid = salon.guest();
    salon.websocket_guest();
    assert_eq!((salon.knocks(""), salon.begins("")), (429, 429));
    let client = salon.connect();
    salon.write(client, handshake("/socket.io/?EIO=4&transport=websocket"));
    salon.quiet();
    assert_eq!(salon.statuses(client), [429]);
    assert_eq!(salon.breaches(Limit::AddressSessions), 3);
    // The upgrade of a session is no other session.
    let probe = salon.connect();
    salon.write(probe, handshake(&format!("/socket.io/?EIO=4&transport=websocket&sid={sid}")));
    salon.quiet();
    assert_eq!(salon.statuses(probe), [101]);
    salon.end(plain, End::Eof);
    salon.quiet();
    assert_eq!((salon.begins(""), salon.begins("")), (200, 429));
    salon.posts(&sid, "1");
    assert_eq!((salon.knocks(""), salon.knocks("")), (101, 429));
    salon.come_from("192.0.2.2");
    assert_eq!(salon.knocks(""), 101);
}

#[test]
fn address_shakes_hands_so_often_in_a_minute() {
    let mut salon = Salon::new(config(|limits| limits.address_handshakes_per_min = 4));
    salon.come_from("192.0.2.1");
    assert_eq!((salon.knocks(""), salon.begins("")), (101, 200));
    // The first namespace is in the session's handshake, the next is not.
    salon.engine.open("/b", Namespace::default()).unwrap();
    let client = salon.websocket_guest();
    assert_eq!(salon.says(client, "40/b,").len(), 1);
    salon.frames(client);
    assert_eq!(salon.says(client, "41/b,").len(), 1);
    assert_eq!(salon.says(client, "40/b,"), NOTHING);
    assert_eq!(salon.frames(client), [r#"text 44/b,{"message":"too many handshakes"}"#]);
    assert_eq!((salon.knocks(""), salon.begins("")), (429, 429));
    assert_eq!(salon.breaches(Limit::AddressHandshakes), 3);
    // Requests of sessions that are there, and of the host, are none.
    assert_eq!(salon.says(client, "42[\"a\"]").len(), 1);
    salon.after(15_000);
    assert_eq!((salon.knocks(""), salon.knocks("")), (101, 429));
}

/// Trusted are 10.0.0.0/8 and Unix sockets.
fn behind_proxies(change: impl FnOnce(&mut Limits)) -> Config {
    let mut config = config(change);
    config.trusted_proxies = ["10.0.0.0/8", "unix"].map(|network| network.parse().unwrap()).to_vec();
    config.keep_handshake = crate::engine::config::Keep::All;
    config
}

#[test]
fn address_behind_proxies_is_the_last_that_is_none_of_theirs() {
    let cases = [
        ("10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
        ("10.0.0.1", "x-forwarded-for: 192.0.2.7, 192.0.2.1 , 10.9.9.9\r\n", "192.0.2.1"),
        ("10.0.0.1", "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
        ("10.0.0.1", "X-Forwarded-For: [2001:db8::1]:99\r\n", "2001:db8::1"),
        ("10.0.0.1", "X-Forwarded-For: 192.0.2.7, unknown\r\n", "10.0.0.1"),
        ("10.0.0.1", "X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.2\r\n", "10.0.0.2"),
        ("10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        // Whoever is no proxy may say what it likes.
        ("198.51.100.1", "X-Forwarded-For: 192.0.2.1\r\n", "198.51.100.1"),
    ];
    for (peer, lines, origin) in cases {
        let mut salon = Salon::new(behind_proxies(|_| {}));
        salon.come_from(peer);
        assert_eq!(salon.knocks(lines), 101);
        assert_eq!(salon.origin(0), origin, "{peer} {lines}");
        let client = salon.request("GET", OPEN, lines, "");
        salon.quiet();
        let sid = value_of(&salon.response(client).1, "sid");
        salon.posts(&sid, "40");
        assert_eq!(salon.origin(1), origin, "{peer} {lines}");
    }
    let mut salon = Salon::new(behind_proxies(|_| {}));
    assert_eq!(salon.knocks("X-Forwarded-For: 192.0.2.1\r\n"), 101);
    assert_eq!(salon.origin(0), "192.0.2.1", "over a Unix socket");
}

#[test]
fn clients_behind_a_proxy_are_counted_apart_and_the_proxy_is_not() {
    let mut salon = Salon::new(behind_proxies(|limits| {
        (limits.address_connections, limits.address_connects_per_min) = (1, 1);
        limits.address_sessions = 2;
    }));
    salon.come_from("10.0.0.1");
    for (client, statuses) in [("192.0.2.1", [101, 200, 429]), ("192.0.2.2", [101, 200, 429])] {
        let lines = format!("X-Forwarded-For: {client}\r\n");
        assert_eq!([salon.knocks(&lines), salon.begins(&lines), salon.knocks(&lines)], statuses);
    }
    // Of itself it may say what it likes as often as it likes.
    assert_eq!([salon.knocks(""), salon.knocks(""), salon.begins("")], [101, 101, 200]);
    salon.come_from("192.0.2.3");
    assert_eq!(salon.is_told_at_the_door().1, [0; 0]);
    assert_eq!(salon.is_told_at_the_door().1, [429]);
    assert!(!salon.engine.flood.is_idle());
}

fn proxied(header: &str) -> Vec<u8> {
    [header.as_bytes(), &handshake("/")].concat()
}

#[test]
fn proxy_that_passes_bytes_through_says_first_whom_it_speaks_for() {
    let mut config = behind_proxies(|limits| limits.address_connections = 2);
    config.proxy_protocol = true;
    let mut salon = Salon::new(config);
    salon.come_from("10.0.0.1");
    let header = "PROXY TCP4 192.0.2.1 198.51.100.9 4711 80\r\n";
    // However it is cut.
    let mut client = salon.connect();
    for byte in proxied(header) {
        salon.write(client, [byte]);
    }
    assert_eq!(salon.quiet(), ["connect #0 /"]);
    assert_eq!(salon.origin(0), "192.0.2.1");
    client = salon.connect();
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x09\x12\x67\0\x50".to_vec();
    binary.extend(handshake("/"));
    salon.write(client, binary);
    assert_eq!(salon.quiet(), ["connect #1 /"]);
    assert_eq!(salon.origin(1), "192.0.2.1");
    // What its client says of itself is not believed.
    salon.read(client);
    client = salon.connect();
    let lying = [
        header.replace("192.0.2.1", "192.0.2.2").into_bytes(),
        handshake_with("/", "X-Forwarded-For: 192.0.2.9\r\n"),
    ];
    salon.write(client, lying.concat());
    assert_eq!(salon.quiet(), ["connect #2 /"]);
    assert_eq!(salon.origin(2), "192.0.2.2");
    // The third of an address is one too many.
    client = salon.connect();
    salon.write(client, header);
    salon.quiet();
    assert_eq!(salon.statuses(client), [429]);
    // A health check of the proxy's own.
    client = salon.connect();
    salon.write(client, proxied("PROXY UNKNOWN\r\n"));
    assert_eq!(salon.quiet(), ["connect #3 /"]);
    assert_eq!(salon.origin(3), "10.0.0.1");
    // A proxy that knows no address has passed the client's words on as well.
    for (number, header) in [(4, &b"PROXY UNKNOWN\r\n"[..]), (5, b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0")] {
        client = salon.connect();
        salon.write(client, [header, &handshake_with("/", "X-Forwarded-For: 192.0.2.9\r\n")].concat());
        assert_eq!(salon.quiet(), [format!("connect #{number} /")]);
        assert_eq!(salon.origin(number), "10.0.0.1");
    }
}

#[test]
fn proxy_header_is_due_from_proxies_and_from_nobody_else() {
    let mut config = behind_proxies(|_| {});
    config.proxy_protocol = true;
    let header = "PROXY TCP4 192.0.2.1 198.51.100.9 4711 80\r\n";
    for (peer, bytes, status) in [
        ("10.0.0.1", handshake("/"), 400),
        ("10.0.0.1", proxied("PROXY TCP4 nonsense\r\n"), 400),
        ("192.0.2.7", proxied(header), 400),
        ("192.0.2.7", handshake("/"), 101),
    ] {
        let mut salon = Salon::new(config.clone());
        salon.come_from(peer);
        let client = salon.connect();
        salon.write(client, bytes);
        salon.quiet();
        assert_eq!(salon.statuses(client), [status], "{peer}");
    }
    // Without the setting it is no request, whoever sends it; and one that does
    // not come is waited for like a head.
    let mut salon = Salon::new(behind_proxies(|_| {}));
    salon.come_from("10.0.0.1");
    let client = salon.connect();
    salon.write(client, proxied(header));
    salon.quiet();
    assert_eq!(salon.statuses(client), [400]);
    let mut salon = Salon::new(config);
    salon.come_from("10.0.0.1");
    let client = salon.connect();
    salon.write(client, *b"PROXY TCP4 ");
    salon.quiet();
    salon.after(10_000);
    assert!(salon.is_finished(client) && salon.read(client).is_empty());
}

#[test]
fn nobody_is_counted_any_more_when_all_have_left_and_old_addresses_are_forgotten() {
    let mut salon = Salon::new(behind_proxies(|limits| {
        (limits.address_connections, limits.address_sessions) = (3, 2);
        (limits.address_connects_per_min, limits.address_handshakes_per_min) = (60, 60);
    }));
    for number in 0..3_000u32 {
        let [_, a, b, c] = number.to_be_bytes();
        salon.come_from(&format!("172.{a}.{b}.{c}"));
        let client = salon.connect();
        match number % 4 {
            0 => salon.write(client, handshake("/")),
            1 => salon.write(client, format!("GET {OPEN} HTTP/1.1\r\nHost: a\r\n\r\n")),
            2 => salon.write(client, handshake("/socket.io/?EIO=4&transport=websocket")),
            _ => {}
        }
        salon.quiet();
        salon.end(client, End::Eof);
        if number % 100 == 99 {
            salon.after(60_000);
        }
    }
    salon.after(60_000);
    salon.after(60_000);
    salon.assert_empty();
    let known = salon.engine.flood.known_addresses();
    assert!(known <= 1_024, "{known}");
}
