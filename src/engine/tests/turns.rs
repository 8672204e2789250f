//! What one turn does for each connection: one write, and no more than its share
//! of messages.

use super::{wire::*, *};
use crate::engine::queue::MOST_PIECES;

impl Salon {
    /// How often each client was written to since the last time.
    fn writes(&mut self) -> Vec<usize> {
        self.kernel.pipes.iter_mut().map(|pipe| std::mem::take(&mut pipe.writes)).collect()
    }

    fn tell_volatile(&mut self, text: &str) {
        self.tell(|engine| engine.send(&all(), Data::Text(text), Loudness::Volatile)).unwrap();
    }
}

/// Raw clients in `/`, of whom every second one is in the room `den`.
fn clients(count: usize) -> (Salon, Vec<usize>) {
    let mut salon = Salon::raw(Config::default());
    let clients: Vec<usize> = (0..count).map(|_| salon.open()).collect();
    (0..count).step_by(2).for_each(|number| salon.join(number, "den"));
    salon.writes();
    (salon, clients)
}

#[test]
fn all_that_is_said_between_two_turns_is_one_write_for_each_client() {
    let (mut salon, clients) = clients(20);
    for round in 0..5 {
        for client in &clients {
            salon.write(*client, [text("a"), binary(b"b"), text("c")].concat());
        }
        assert_eq!(salon.turn().len(), 60);
        assert_eq!(salon.writes(), [0; 20], "nothing was said yet");
        // The host answers each message to the room, the namespace and its sender.
        for number in 0..20 {
            salon.send(&rooms(&["den"]), "to the den");
            salon.send(&all(), &"x".repeat(500));
            salon.send_to(number, "yours").unwrap();
            salon.tell_volatile("typing");
        }
        assert_eq!(salon.turn(), Vec::<String>::new());
        assert_eq!(salon.writes(), [1; 20], "{round}");
        let heard = |salon: &mut Salon, client: usize| salon.frames(client).len();
        assert_eq!(heard(&mut salon, clients[0]), 20 + 20 + 1 + 20);
        assert_eq!(heard(&mut salon, clients[1]), 20 + 1 + 20);
        clients.iter().for_each(|client| drop(salon.read(*client)));
    }
    salon.turn();
    assert_eq!(salon.writes(), [0; 20], "who is told nothing is not written to");
}

#[test]
fn all_that_the_protocol_answers_in_a_turn_is_one_write() {
    let (mut salon, clients) = clients(3);
    salon.write(clients[0], [ping("1"), ping("2"), text("a"), ping("3")].concat());
    salon.write(clients[1], [0; 40].map(|_| ping("p")).concat());
    assert_eq!(salon.turn().len(), 1);
    assert_eq!(salon.writes(), [1, 1, 0]);
    assert_eq!(salon.frames(clients[0]), ["pong 1", "pong 2", "pong 3"]);
    assert_eq!(salon.frames(clients[1]).len(), 17);
    // Pings of the server and what the host says with them.
    salon.now += 25_000;
    salon.send(&all(), "hello");
    salon.turn();
    assert_eq!(salon.writes(), [2; 3], "the host's words at the start of the turn, the ping at its end");
    // A goodbye goes with what was said before it.
    salon.send(&all(), "last");
    (0..3).for_each(|number| salon.disconnect(number, 1000, "").unwrap());
    salon.turn();
    assert_eq!(salon.writes(), [1; 3]);
    assert_eq!(salon.frames(clients[0]), ["text hello", "ping", "text last", "close 1000"]);
}

#[test]
fn handshake_and_greeting_are_one_write_and_so_is_every_answer_of_http() {
    let config = Config { http: true, ..Config::default() };
    let mut salon = Salon::new(config);
    let json = salon.connect();
    salon.write(json, handshake("/"));
    let socketio = salon.connect();
    salon.write(socketio, handshake("/socket.io/?EIO=4&transport=websocket"));
    let http = salon.connect();
    salon.write(http, *b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(salon.turn(), ["connect #0 /", "GET /page \"\""]);
    assert_eq!(salon.writes(), [1, 1, 0]);
    salon.write(socketio, text("40"));
    salon.respond(0, 200, &"x".repeat(200_000));
    assert_eq!(salon.turn(), ["connect #1 /"]);
    assert_eq!(salon.writes(), [0, 1, 1]);
    assert!(salon.read(http).len() > 200_000);
}

#[test]
fn all_that_waits_for_a_polling_client_is_one_answer_and_one_write() {
    let mut salon = Salon::new(Config::default());
    let target = "/socket.io/?EIO=4&transport=polling";
    let client = salon.connect();
    salon.write(client, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    salon.quiet();
    let open = String::from_utf8(salon.read(client)).unwrap();
    let sid = &open[open.find("\"sid\":\"").unwrap() + 7..][..20];
    let enter = format!("POST {target}&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n40");
    let poll = format!("GET {target}&sid={sid} HTTP/1.1\r\nHost: a\r\n\r\n");
    salon.writes();
    salon.write(client, enter + &poll);
    assert_eq!(salon.quiet(), ["connect #0 /"]);
    // Both answers were there at the end of the same turn.
    assert_eq!(salon.read(client).windows(12).filter(|at| *at == b"HTTP/1.1 200").count(), 2);
    assert_eq!(salon.writes(), [1]);
    salon.write(client, poll);
    salon.quiet();
    for _ in 0..10 {
        salon.emit(&all(), "e", "[]");
        salon.emit_to(0, "f", "[]").unwrap();
    }
    assert_eq!(salon.writes(), [0]);
    salon.turn();
    assert_eq!(salon.writes(), [1]);
    let answer = String::from_utf8(salon.read(client)).unwrap();
    assert_eq!(answer.split('\u{1e}').count(), 16, "{answer}");
}

#[test]
fn kernel_that_takes_a_part_is_asked_again_only_when_it_says_so() {
    let (mut salon, clients) = clients(2);
    salon.room(clients[0], 100);
    for _ in 0..3 {
        salon.send(&all(), &"x".repeat(90));
        salon.turn();
    }
    // The second did not fit, so the third was not offered.
    assert_eq!(salon.writes(), [2, 3]);
    salon.room(clients[0], usize::MAX);
    salon.send(&all(), "and on");
    salon.turn();
    assert_eq!(salon.writes(), [1, 1]);
    assert_eq!(salon.frames(clients[0]).len(), 4);
}

#[test]
fn more_ranges_than_one_call_takes_are_as_many_writes_as_they_need() {
    let (mut salon, clients) = clients(1);
    for ranges in [MOST_PIECES, MOST_PIECES + 1, 3 * MOST_PIECES] {
        for number in 0..ranges {
            // What is said to the room and to one socket lies in different logs.
            match number % 2 {
                0 => drop(salon.send(&rooms(&["den"]), "room")),
                _ => drop(salon.send_to(0, "direct").unwrap()),
            }
        }
        salon.turn();
        assert_eq!(salon.writes(), [ranges.div_ceil(MOST_PIECES)]);
        assert_eq!(salon.frames(clients[0]).len(), ranges);
    }
}

#[test]
fn flood_of_messages_is_heard_by_256_a_turn_and_the_others_meanwhile() {
    let (mut salon, clients) = clients(3);
    salon.write(clients[0], [0; 1_000].map(|_| text("flood")).concat());
    let mut of_flood = Vec::new();
    for round in 0..4 {
        salon.write(clients[1], text(&round.to_string()));
        salon.write(clients[2], text(&round.to_string()));
        let lines = salon.turn();
        of_flood.push(lines.iter().filter(|line| line.starts_with("#0")).count());
        let others: Vec<&String> = lines.iter().filter(|line| !line.starts_with("#0")).collect();
        assert_eq!(others, [&format!("#1 sends \"{round}\""), &format!("#2 sends \"{round}\"")]);
    }
    assert_eq!(of_flood, [256, 256, 256, 232]);
    assert!(salon.turn().is_empty());
}

#[test]
fn share_of_a_turn_counts_messages_of_all_dialects_and_is_the_hosts_to_set() {
    for (most, target, message) in [
        (10, "/", r#"{"event":"a"}"#),
        (1, "/raw", "a"),
        (7, "/socket.io/?EIO=4&transport=websocket", r#"42["a"]"#),
    ] {
        let mut salon = Salon::new(config(|limits| limits.turn_messages = most));
        salon.engine.open("/raw", Namespace::default().dialect(Dialect::Raw)).unwrap();
        let client = salon.connect();
        salon.write(client, handshake(target));
        salon.quiet();
        if most == 7 {
            salon.write(client, text("40"));
            salon.quiet();
        }
        // Control frames and parts of a message are no messages.
        let (first, last) = message.as_bytes().split_at(1);
        let spoken = [frame(false, 1, first), ping(""), pong(), frame(true, 0, last)].concat();
        salon.write(client, spoken.repeat(25));
        let mut left = 25;
        while left > 0 {
            let lines = salon.turn();
            assert_eq!(lines.len(), left.min(most as usize), "{target}");
            left -= lines.len();
        }
        assert!(salon.turn().is_empty());
    }
}

#[test]
fn loop_may_not_sleep_while_messages_of_a_turn_are_left() {
    let mut salon = Salon::raw(config(|limits| limits.turn_messages = 1));
    let client = salon.open();
    assert_eq!(salon.due_in(), Some(25_000));
    salon.write(client, [text("1"), text("2"), text("3")].concat());
    for wait in [Some(0), Some(0), Some(25_000)] {
        assert_eq!(salon.turn().len(), 1);
        assert_eq!(salon.due_in(), wait);
    }
}
