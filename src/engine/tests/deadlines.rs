//! Every deadline: quiet a millisecond before it, kept at it, told by
//! `timeout`, and not moved by single bytes.

use std::time::Duration;

use super::{wire::*, *};

/// A server that hands requests to its host.
fn http() -> Salon {
    Salon::new(Config { http: true, ..Config::default() })
}

/// Lets a wait of this length pass: nothing happens in all of it but the last
/// millisecond. Answers what happens then.
fn wait(salon: &mut Salon, wait_ms: Millis) -> Vec<String> {
    assert_eq!(salon.due_in(), Some(wait_ms), "the loop would wait for something else");
    let nothing: [&str; 0] = [];
    assert_eq!(salon.after(wait_ms - 1), nothing);
    salon.after(1)
}

#[test]
fn client_that_asks_nothing_is_closed_without_a_word_after_the_heads_time() {
    let mut salon = http();
    let client = salon.connect();
    salon.quiet();
    assert!(wait(&mut salon, 10_000).is_empty());
    assert!(salon.is_finished(client));
    assert!(salon.read(client).is_empty());
    // Its end is waited for, and then not any more.
    wait(&mut salon, 1_000);
    assert!(salon.is_dropped(client));
    assert_eq!(salon.due_in(), None);
}

#[test]
fn head_that_comes_in_single_bytes_has_ten_seconds_and_no_more() {
    let mut salon = http();
    let client = salon.connect();
    for byte in b"GET / HTT" {
        salon.write(client, [*byte]);
        salon.after(1_000);
    }
    salon.write(client, *b"P");
    salon.after(999);
    assert!(salon.read(client).is_empty());
    salon.after(1);
    assert_eq!(salon.statuses(client), [408]);
    assert!(salon.is_finished(client));
}

#[test]
fn body_that_comes_in_single_bytes_has_thirty_seconds_and_no_more() {
    let mut salon = http();
    let client = salon.connect();
    salon.after(5_000);
    salon.write(client, *b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    salon.quiet();
    for _ in 0..29 {
        salon.write(client, *b"x");
        salon.after(1_000);
    }
    salon.write(client, *b"x");
    salon.after(999);
    assert!(salon.read(client).is_empty());
    salon.after(1);
    assert_eq!(salon.statuses(client), [408]);
    assert_eq!(salon.engine.stats().memory_bytes, 0);
}

#[test]
fn kept_connection_without_a_request_is_closed_and_a_begun_head_has_its_own_time() {
    let mut salon = Salon::new(Config::default());
    let (idle, busy) = (salon.connect(), salon.connect());
    for client in [idle, busy] {
        salon.write(client, *b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    salon.quiet();
    assert_eq!((salon.statuses(idle), salon.statuses(busy)), (vec![404], vec![404]));
    salon.after(9_999);
    salon.write(busy, *b"GET");
    salon.quiet();
    assert!(!salon.is_finished(idle));
    salon.after(1);
    assert!(salon.is_finished(idle) && salon.read(idle).is_empty());
    salon.after(9_998);
    assert!(!salon.is_finished(busy));
    salon.after(1);
    assert_eq!(salon.statuses(busy), [408]);
}

#[test]
fn host_that_does_not_respond_makes_a_503_and_comes_too_late() {
    let mut salon = http();
    let client = salon.connect();
    salon.write(client, *b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(salon.quiet(), [r#"GET /slow """#]);
    wait(&mut salon, 30_000);
    assert_eq!(salon.statuses(client), [503]);
    assert!(salon.is_finished(client));
    assert!(!salon.respond(0, 200, "late"));
}

#[test]
fn host_that_does_not_respond_is_not_excused_by_what_the_client_has_sent_since() {
    for end in [None, Some(End::Eof)] {
        let mut salon = http();
        let client = salon.connect();
        salon.write(client, *b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        salon.write(client, *b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        salon.kernel.pipes[client].end = end;
        salon.quiet();
        wait(&mut salon, 30_000);
        assert_eq!(salon.statuses(client), [503]);
        assert!(salon.is_finished(client));
    }
}

#[test]
fn guard_that_does_not_decide_makes_a_503() {
    let mut salon = Salon::guarded(Config::default());
    let client = salon.connect();
    salon.write(client, handshake("/"));
    assert_eq!(salon.quiet(), ["asks #0 /"]);
    let gone = r#"gone #0 /: guard timeout, no code "no decision in time" []"#;
    assert_eq!(wait(&mut salon, 45_000), [gone]);
    assert_eq!(salon.statuses(client), [503]);
    assert!(salon.is_finished(client));
    salon.turn();
    assert_eq!(kind(salon.accept(0, &Accept::default())), ErrorKind::NotFound);
}

#[test]
fn guard_is_not_excused_by_a_client_that_has_sent_more_than_is_kept() {
    let mut salon = Salon::guarded(Config::default());
    let client = salon.connect();
    salon.write(client, handshake("/"));
    for _ in 0..3 {
        salon.write(client, vec![b'x'; 64 << 10]);
    }
    salon.quiet();
    assert!(salon.kernel.pipes[client].is_readable());
    assert_eq!(wait(&mut salon, 45_000).len(), 1);
    assert_eq!(salon.statuses(client), [503]);
}

#[test]
fn client_that_never_answers_ping_is_gone_after_interval_plus_timeout() {
    let mut salon = Salon::new(Config::default());
    let client = salon.open();
    assert!(wait(&mut salon, 25_000).is_empty());
    assert_eq!(salon.frames(client), ["ping"]);
    assert_eq!(wait(&mut salon, 20_000), [r#"gone #0 /: ping timeout, 1006 "ping timeout" []"#]);
    assert_eq!(salon.frames(client), ["close 1011 ping timeout"]);
    assert!(salon.is_finished(client));
}

#[test]
fn client_that_sends_anything_after_a_ping_is_alive_and_is_asked_again() {
    for sign_of_life in [pong(), text("{"), vec![0x81]] {
        let mut salon = Salon::new(Config::default());
        let client = salon.open();
        salon.after(25_000);
        salon.after(19_999);
        salon.write(client, sign_of_life);
        salon.after(1);
        salon.read(client);
        assert!(!salon.is_finished(client));
        wait(&mut salon, 25_000);
        assert_eq!(salon.frames(client), ["ping"]);
        assert_eq!(wait(&mut salon, 20_000).len(), 1);
    }
}

#[test]
fn client_whose_pong_has_not_been_read_is_not_taken_for_silent() {
    let mut salon = Salon::new(Config::default());
    let (prompt, silent) = (salon.open(), salon.open());
    salon.after(25_000);
    salon.write(prompt, pong());
    // The host keeps the loop from reading for half a minute.
    (salon.busy, salon.now) = (true, salon.now + 30_000);
    assert_eq!(salon.turn(), [r#"gone #1 /: ping timeout, 1006 "ping timeout" []"#]);
    salon.busy = false;
    assert!(salon.quiet().is_empty());
    assert!(!salon.is_finished(prompt) && salon.is_finished(silent));
}

#[test]
fn client_that_does_not_answer_a_close_is_cut_off() {
    let mut salon = Salon::new(Config::default());
    let client = salon.open();
    salon.disconnect(0, 4000, "bye").unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /: server left, 4000 "bye" []"#]);
    assert_eq!(salon.frames(client), ["close 4000 bye"]);
    assert!(!salon.is_finished(client));
    assert!(wait(&mut salon, 5_000).is_empty());
    assert!(salon.is_dropped(client));
}

#[test]
fn client_that_talks_on_instead_of_answering_a_close_is_cut_off_as_well() {
    let mut salon = Salon::new(Config::default());
    let client = salon.open();
    salon.disconnect(0, 1000, "").unwrap();
    salon.quiet();
    for _ in 0..4 {
        salon.write(client, text("one more thing"));
        assert!(salon.after(1_000).is_empty());
    }
    // More than the loop reads in one turn.
    for _ in 0..100 {
        salon.write(client, text("and another"));
    }
    salon.now += 1_000;
    salon.turn();
    assert!(salon.is_dropped(client));
}

#[test]
fn client_that_does_not_read_its_last_bytes_is_cut_off_though_it_has_sent_some() {
    let mut salon = Salon::new(Config::default());
    let client = salon.open();
    salon.room(client, 0);
    salon.write(client, frame(true, 0xb, b"")); // an unknown opcode
    salon.write(client, text("never read"));
    assert_eq!(salon.quiet(), [r#"gone #0 /: protocol error, 1002 "unknown opcode" []"#]);
    assert!(salon.kernel.pipes[client].is_readable());
    assert!(wait(&mut salon, 5_000).is_empty());
    assert!(salon.is_dropped(client));
}

#[test]
fn client_that_keeps_its_end_open_is_dropped_after_a_second_of_lingering() {
    let mut salon = Salon::new(Config::default());
    let client = salon.open();
    salon.write(client, close(1000, ""));
    salon.quiet();
    assert!(salon.is_finished(client) && !salon.is_dropped(client));
    for _ in 0..100 {
        salon.write(client, *b"does it hear me");
    }
    salon.now += 999;
    salon.turn();
    assert!(!salon.is_dropped(client));
    salon.now += 1;
    salon.turn();
    assert!(salon.is_dropped(client));
}

#[test]
fn question_to_a_client_has_its_own_time() {
    let mut salon = Salon::new(Config::default());
    salon.open();
    let socket = salon.socket(0);
    let timeout = Duration::from_millis(1_500);
    salon.tell(|engine| engine.ask_one(socket, "well", &Payload::from("[]"), timeout)).unwrap();
    salon.quiet();
    assert_eq!(wait(&mut salon, 1_500), ["#0 answers 0: not in time"]);
}

#[test]
fn timers_of_the_host_fire_on_time_once_or_again() {
    let mut salon = Salon::new(Config::default());
    let ms = Duration::from_millis;
    salon.tell(|engine| engine.start_timer(ms(300), None, 7));
    salon.tell(|engine| engine.start_timer(ms(100), Some(ms(200)), 8));
    let stopped = salon.tell(|engine| engine.start_timer(ms(50), None, 9));
    salon.tell(|engine| engine.stop_timer(stopped)).unwrap();
    assert_eq!(wait(&mut salon, 100), ["timer 0 8"]);
    assert_eq!(wait(&mut salon, 200), ["timer 1 7", "timer 0 8"]);
    assert_eq!(wait(&mut salon, 200), ["timer 0 8"]);
    assert_eq!(kind(salon.tell(|engine| engine.stop_timer(stopped))), ErrorKind::NotFound);
}

#[test]
fn timer_at_the_end_of_time_does_not_fire_now() {
    let mut salon = Salon::new(Config::default());
    salon.tell(|engine| engine.start_timer(Duration::MAX, Some(Duration::MAX), 1));
    assert!(salon.after(1_000_000).is_empty());
}

#[test]
fn loop_that_wakes_when_it_is_told_to_is_late_for_nobody() {
    let mut salon = Salon::new(Config::default());
    // A client every 7 ms, each of them silent: pinged and gone on its own time.
    for _ in 0..50 {
        salon.open();
        salon.now += 7;
    }
    let (mut pings, mut gone) = (Vec::new(), Vec::new());
    while let Some(wait_ms) = salon.due_in() {
        let lines = salon.after(wait_ms);
        gone.extend(lines.iter().map(|_| salon.now));
        for client in 0..50 {
            let frames = salon.frames(client);
            pings.extend(frames.iter().filter(|frame| *frame == "ping").map(|_| salon.now));
        }
    }
    let due: Vec<Millis> = (0..50).map(|client| 1_000 + client * 7 + 25_000).collect();
    assert_eq!(pings, due);
    assert_eq!(gone, due.iter().map(|at| at + 20_000).collect::<Vec<_>>());
}
