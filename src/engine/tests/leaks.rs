//! Nothing stays behind: after everybody has left, all tables are empty.

use std::time::Duration;

use super::{wire::*, *};

impl Salon {
    /// All clients leave, each in its own way, and nothing of them is left.
    fn empty(&mut self) {
        for client in 0..self.kernel.pipes.len() {
            self.room(client, usize::MAX);
            match client % 4 {
                0 => self.end(client, End::Eof),
                1 => self.end(client, End::Reset),
                2 => {
                    self.write(client, close(1000, ""));
                    self.end(client, End::Eof);
                }
                _ => {}
            }
        }
        self.quiet();
        // The rest is silent.
        for _ in 0..4 {
            self.after(50_000);
        }
        assert!(self.kernel.pipes.iter().all(|pipe| pipe.dropped));
        self.assert_empty();
    }
}

#[test]
fn house_full_of_all_kinds_of_clients_is_empty_after_they_have_left() {
    let mut config = config(|limits| limits.queue_bytes = 3_000);
    config.http = true;
    let mut salon = Salon::new(config);
    salon.engine.open("/door", Namespace::default().guarded()).unwrap();
    salon.engine.open_pattern("/team-", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let mut random = 1u32;
    for number in 0..200 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let client = salon.connect();
        let door = ["/", "/door", "/team-1", "/team-2", "/none"][number % 5];
        match number % 7 {
            0 => salon.write(client, *b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT"),
            1 => salon.write(client, *b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\nhalf"),
            2 => salon.write(client, *b"GET / HTTP/1.1\r\nHo"),
            3 => salon.write(client, *b"nonsense"),
            _ => salon.write(client, handshake(door)),
        }
        let said = [
            text(r#"{"event":"a","id":1}"#),
            frame(false, 2, &[0; 5_000]),
            [text(r#"{"event":"b"}"#), close(1000, "")].concat(),
            vec![0xff],
            ping("p"),
            text("{"),
        ];
        if number % 7 > 3 {
            salon.write(client, said[random as usize % said.len()].clone());
        }
        if number % 3 == 0 {
            salon.room(client, random as usize % 500);
        }
        salon.turn();
        // The host does something with whoever is there.
        for socket in salon.sockets.clone() {
            let _ = salon.tell(|engine| {
                let _ = engine.accept(socket, &Accept::default().room("hall"));
                let _ = engine.join(socket, if socket.get() % 2 == 0 { "even" } else { "odd" });
                engine.ask_one(socket, "ask", &Payload::from("[]"), Duration::from_secs(1_000))
            });
        }
        salon.emit(&Selection { namespace: None, ..Selection::default() }, "all", "[\"all of you\"]");
        salon.now += 10;
    }
    salon.empty();
    assert_eq!(salon.engine.stats().namespaces, 2);
}

#[test]
fn shutdown_leaves_nothing() {
    let mut salon =
        Salon::guarded(Config { keep_handshake: crate::engine::config::Keep::All, ..Config::default() });
    for number in 0..20 {
        let client = salon.connect();
        salon.write(client, [handshake("/"), text(r#"{"event":"a","id":1}"#)].concat());
        salon.quiet();
        if number % 2 == 0 {
            salon.accept(number, &Accept::default().room("a")).unwrap();
        }
    }
    salon.tell(|engine| engine.ask(&all(), "q", &Payload::from("[]"), Duration::from_secs(5))).unwrap();
    salon.tell(Engine::close);
    salon.empty();
}

#[test]
fn broken_bodies_and_messages_leave_nothing() {
    let mut salon = Salon::new(Config::default());
    for end in [Some(End::Eof), Some(End::Reset), None] {
        let body = salon.connect();
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n";
        salon.write(body, [head.as_bytes(), &[b'x'; 200]].concat());
        let broken = salon.connect();
        salon.write(broken, [head.as_bytes(), &[b'x'; 300]].concat());
        let message = salon.open();
        salon.write(message, frame(false, 1, &[b'x'; 3_000]));
        salon.quiet();
        assert!(salon.engine.stats().memory_bytes >= 3_200);
        for client in [body, message] {
            salon.kernel.pipes[client].end = end;
        }
        salon.quiet();
    }
    salon.empty();
}

#[test]
fn ids_of_those_who_left_are_never_those_of_newcomers() {
    let mut salon = Salon::new(Config::default());
    let mut seen = std::collections::HashSet::new();
    for number in 0..50 {
        let client = salon.open();
        assert!(seen.insert(salon.socket(number)));
        salon.end(client, End::Eof);
        salon.quiet();
        salon.turn();
        assert_eq!(kind(salon.emit_to(number, "a", "[]")), ErrorKind::NotFound);
    }
    salon.empty();
}

/// A server whose Socket.IO clients may come back, also in namespaces that
/// begin with `/team-`.
fn recovering() -> Salon {
    let mut config = Config::default();
    config.socketio.as_mut().unwrap().recovery = Some(crate::engine::config::Recovery::default());
    let mut salon = Salon::new(config);
    salon.engine.open_pattern("/team-", Namespace::default()).unwrap();
    salon
}

impl Salon {
    /// A Socket.IO client on a WebSocket, and what it got when it entered.
    fn enter(&mut self, packet: &str) -> (usize, String) {
        let client = self.connect();
        self.write(client, handshake("/socket.io/?EIO=4&transport=websocket"));
        self.quiet();
        self.read(client);
        self.write(client, text(packet));
        self.quiet();
        let answer = self.frames(client).first().cloned().unwrap_or_default();
        (client, answer)
    }
}

fn value<'a>(answer: &'a str, key: &str) -> &'a str {
    answer.split(&format!("\"{key}\":\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap()
}

#[test]
fn who_is_back_early_in_a_dynamic_namespace_takes_its_place() {
    let mut salon = recovering();
    let (_, answer) = salon.enter("40/team-1,");
    let claim = format!("40/team-1,{{\"pid\":\"{}\"}}", value(&answer, "pid"));
    let (_, again) = salon.enter(&claim);
    assert_eq!(value(&again, "sid"), value(&answer, "sid"));
    assert_eq!(salon.engine.stats().sockets, 1);
    salon.empty();
}

#[test]
fn claim_on_ones_own_session_is_none() {
    let mut salon = recovering();
    let (client, answer) = salon.enter("40");
    let pid = value(&answer, "pid").to_owned();
    for nsp in ["/team-1", "/team-2"] {
        salon.write(client, text(&format!("40{nsp},{{\"pid\":\"{pid}\"}}")));
    }
    assert_eq!(salon.quiet(), ["connect #1 /team-1", "connect #2 /team-2"]);
    salon.empty();
}

/// A client on polling that has entered `/` and does not poll: its sid.
fn on_polling(salon: &mut Salon) -> (usize, String) {
    let client = salon.connect();
    salon.write(client, get("/socket.io/?EIO=4&transport=polling"));
    salon.quiet();
    let sid = value(&String::from_utf8(salon.read(client)).unwrap(), "sid").to_owned();
    assert_eq!(salon.post(client, &sid, "40"), [200]);
    (client, sid)
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

impl Salon {
    fn post(&mut self, client: usize, sid: &str, body: &str) -> Vec<u16> {
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
        let length = body.len();
        let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        self.write(client, head + body);
        self.quiet();
        self.statuses(client)
    }
}

#[test]
fn memory_that_sessions_hold_is_taken_from_them() {
    let mut salon = Salon::new(config(|limits| limits.memory_bytes = 50_000));
    let reader = salon.open();
    salon.room(reader, 0);
    salon.emit_to(0, "long", &format!("[\"{}\"]", "x".repeat(2_000))).unwrap();
    let (many, sid) = on_polling(&mut salon);
    let begun = format!("452-[{{\"_placeholder\":true,\"num\":0}}]\x1eb{}", "A".repeat(60_000));
    assert_eq!(salon.post(many, &sid, &begun.replace("[{", "[\"a\",{")), [200]);
    let (more, sid) = on_polling(&mut salon);
    assert_eq!(salon.post(more, &sid, &begun.replace("[{", "[\"a\",{")), [200]);
    let gone = |reason| salon.engine.stats().disconnects(reason);
    assert_eq!(gone(crate::engine::reason::Reason::OutOfMemory), 1);
    salon.room(reader, usize::MAX);
    salon.quiet();
    assert!(salon.frames(reader)[0].starts_with("text (20"));
    salon.empty();
}

#[test]
fn who_enters_on_and_on_and_takes_no_answer_is_cut_off() {
    let mut salon = Salon::new(config(|limits| limits.queue_bytes = 10_000));
    let (client, sid) = on_polling(&mut salon);
    let flood = ["40/nowhere,"; 50].join("\x1e");
    let answers: Vec<u16> = (0..10).flat_map(|_| salon.post(client, &sid, &flood)).collect();
    assert!(answers.starts_with(&[200, 200]) && answers.ends_with(&[400]), "{answers:?}");
    assert_eq!(salon.engine.stats().disconnects(crate::engine::reason::Reason::SlowReader), 1);
    salon.empty();
}

#[test]
fn between_two_polls_a_message_of_any_size_is_taken() {
    let mut salon = Salon::new(config(|limits| limits.queue_bytes = 10_000));
    let (client, sid) = on_polling(&mut salon);
    let poll = get(&format!("/socket.io/?EIO=4&transport=polling&sid={sid}"));
    salon.write(client, poll.clone());
    salon.quiet();
    salon.read(client);
    assert_eq!(salon.emit_to(0, "long", &format!("[\"{}\"]", "x".repeat(20_000))).unwrap(), 1);
    salon.write(client, poll);
    salon.quiet();
    assert!(salon.read(client).len() > 20_000);
    salon.empty();
}

#[test]
fn claimed_sessions_do_not_count_as_unclaimed() {
    let mut salon = Salon::new(config(|limits| limits.unclaimed_sessions = 2));
    let client = salon.connect();
    salon.write(client, get("/socket.io/?EIO=4&transport=polling"));
    salon.quiet();
    (0..5).for_each(|_| drop(on_polling(&mut salon)));
    salon.empty();
}
