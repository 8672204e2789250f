//! The end of a server with many clients: told in batches, each behind what was
//! said to it before, and over within the grace.

use std::time::Duration;

use super::*;

const GONE: &str = "close 1001 server shutting down";

/// A server of raw clients, and so many of them.
fn full_house(count: usize) -> Salon {
    let mut salon = Salon::raw(Config::default());
    for _ in 0..count {
        salon.open();
    }
    salon
}

impl Salon {
    /// How many clients have been told by now. They answer, and leave.
    fn seen_off(&mut self) -> usize {
        let clients = 0..self.kernel.pipes.len();
        let told: Vec<usize> =
            clients.filter(|client| !self.kernel.pipes[*client].outbound.is_empty()).collect();
        for &client in &told {
            assert_eq!(self.frames(client), [GONE]);
            self.write(client, close(1001, ""));
            self.end(client, End::Eof);
        }
        told.len()
    }

    /// Lets time pass from one moment at which something is due to the next,
    /// until all is over: when how many were told, and all lines.
    fn drain(&mut self) -> (Vec<(Millis, usize)>, Vec<String>) {
        let (start, mut batches) = (self.now, Vec::new());
        let mut lines = self.quiet();
        loop {
            batches.push((self.now - start, self.seen_off()));
            lines.extend(self.quiet());
            if lines.last().is_some_and(|line| line == "stopped") {
                batches.retain(|(_, count)| *count > 0);
                return (batches, lines);
            }
            let wait = self.due_in().expect("nothing is due, and it has not stopped");
            lines.extend(self.after(wait));
        }
    }
}

#[test]
fn few_clients_are_told_at_once() {
    let mut salon = full_house(256);
    salon.tell(|engine| engine.close_within(Duration::from_secs(10)));
    let (batches, lines) = salon.drain();
    assert_eq!(batches, [(0, 256)]);
    assert_eq!(lines.len(), 257);
}

#[test]
fn many_clients_are_told_in_batches_that_come_at_no_even_times() {
    for within in [Some(Duration::from_secs(10)), None] {
        let mut salon = full_house(2_000);
        salon.tell(|engine| match within {
            Some(grace) => engine.close_within(grace),
            None => engine.close(),
        });
        let (batches, lines) = salon.drain();
        let counts: Vec<usize> = batches.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [256, 256, 256, 256, 256, 256, 256, 208]);
        let pauses: Vec<Millis> = batches.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(pauses.iter().all(|pause| (50..150).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
        assert_eq!(lines.len(), 2_001);
    }
}

#[test]
fn batches_are_larger_if_the_time_would_not_do() {
    let mut salon = full_house(3_000);
    salon.tell(|engine| engine.close_within(Duration::from_secs(1)));
    let (batches, _) = salon.drain();
    let counts: Vec<usize> = batches.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [600; 5]);
    assert!(batches[4].0 <= 500, "{batches:?}");
    // A host that comes late tells all that are left.
    let mut salon = full_house(3_000);
    salon.tell(|engine| engine.close_within(Duration::from_secs(1)));
    salon.quiet();
    assert_eq!((salon.seen_off(), salon.quiet().len()), (600, 0));
    salon.after(500);
    assert_eq!(salon.seen_off(), 2_400);
    let mut salon = full_house(1_000);
    salon.tell(|engine| engine.close_within(Duration::ZERO));
    assert_eq!(salon.seen_off(), 0, "nothing is sent outside a turn");
    let lines = salon.quiet();
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (1_001, "stopped"));
}

#[test]
fn who_has_not_been_told_yet_goes_on_and_hears_all_that_is_said_to_it() {
    let mut salon = full_house(300);
    salon.tell(|engine| engine.close());
    let last = 299;
    salon.quiet();
    let told = (0..300).filter(|client| !salon.kernel.pipes[*client].outbound.is_empty()).count();
    assert_eq!(told, 256);
    assert!(salon.read(last).is_empty());
    assert_eq!(salon.says(last, "still here"), [format!("#{last} sends \"still here\"")]);
    salon.send_to(last, "so you are").unwrap();
    salon.after(150);
    assert_eq!(salon.frames(last), ["text so you are", GONE]);
}

#[test]
fn nobody_comes_in_while_the_others_go() {
    let mut salon = full_house(300);
    // Connections that were there before.
    let (plain, session, websocket) = (salon.connect(), salon.connect(), salon.connect());
    salon.tell(|engine| engine.close());
    salon.write(plain, handshake("/"));
    salon.write(session, format!("GET {OPEN} HTTP/1.1\r\nHost: a\r\n\r\n"));
    salon.write(websocket, handshake("/socket.io/?EIO=4&transport=websocket"));
    salon.quiet();
    for client in [plain, session, websocket] {
        assert_eq!(salon.statuses(client), [503]);
        assert!(salon.is_finished(client));
    }
}

#[test]
fn client_on_polling_polls_on_until_it_is_told_and_fetches_what_was_said_before() {
    let mut salon = full_house(0);
    let far = salon.guest();
    let kept = salon.connect();
    let poll = format!("GET {OPEN}&sid={far} HTTP/1.1\r\nHost: a\r\n\r\n");
    for _ in 0..299 {
        salon.session();
    }
    salon.emit_to(0, "last", "[]").unwrap();
    salon.tell(|engine| engine.close());
    let gone = r#"gone #0 /: server shutting down, no code "server shutting down" []"#;
    assert_eq!(salon.quiet(), [gone]);
    // It polls a moment later, over the connection that it has.
    salon.after(90);
    salon.write(kept, poll.clone());
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.response(kept), (200, "42[\"last\"]".to_owned()));
    salon.write(kept, poll);
    salon.quiet();
    assert_eq!(salon.response(kept), (200, "6\x1e1".to_owned()));
    // The others have a second, then it is over.
    let before = salon.now;
    while !salon.is_finished(kept) {
        let wait = salon.due_in().unwrap();
        salon.after(wait);
    }
    assert!((1_000..1_200).contains(&(salon.now - before)), "{}", salon.now - before);
}

#[test]
fn session_that_is_told_later_polls_as_ever_until_then() {
    let mut salon = full_house(0);
    for _ in 0..256 {
        salon.session();
    }
    let late = salon.guest();
    let kept = salon.connect();
    let poll = format!("GET {OPEN}&sid={late} HTTP/1.1\r\nHost: a\r\n\r\n");
    salon.tell(|engine| engine.close());
    salon.emit_to(0, "on", "[]").unwrap();
    salon.write(kept, poll.clone());
    assert_eq!(salon.turn(), NOTHING);
    assert_eq!(salon.response(kept), (200, "42[\"on\"]".to_owned()));
    salon.write(kept, poll);
    assert_eq!(salon.quiet(), NOTHING);
    assert_eq!(salon.after(150).len(), 1);
    assert_eq!(salon.response(kept), (200, "1".to_owned()));
}

#[test]
fn server_has_stopped_within_the_grace_whoever_is_silent() {
    let mut salon = full_house(1_000);
    let start = salon.now;
    for client in 0..1_000 {
        salon.room(client, 0);
    }
    salon.tell(|engine| engine.close_within(Duration::from_secs(2)));
    let mut lines = salon.quiet();
    while !lines.contains(&"stopped".to_owned()) {
        let wait = salon.due_in().expect("it waits for nothing");
        lines.extend(salon.after(wait));
    }
    assert_eq!(salon.now - start, 2_000);
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (1_001, "stopped"));
    salon.assert_empty();
}

#[test]
fn server_stops_at_once_when_all_have_left_by_themselves() {
    let mut salon = full_house(400);
    let sid = salon.guest();
    for client in 0..salon.kernel.pipes.len() {
        salon.end(client, End::Reset);
    }
    salon.tell(|engine| engine.close());
    let lines = salon.quiet();
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (402, "stopped"), "{sid}");
    salon.assert_empty();
}

#[test]
fn who_is_in_the_middle_of_a_request_is_told_that_there_is_no_answer() {
    let mut config = config(|_| ());
    config.http = true;
    let mut salon = Salon::new(config);
    let (head, body, silent) = (salon.connect(), salon.connect(), salon.connect());
    salon.write(head, "GET / HTTP/1.1\r\nHost: a");
    salon.write(body, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    salon.quiet();
    salon.tell(Engine::close);
    salon.quiet();
    for (client, statuses) in [(head, &[503][..]), (body, &[503]), (silent, &[])] {
        assert_eq!(salon.statuses(client), statuses);
        assert!(salon.is_finished(client));
    }
}
