//! Slow readers of all kinds at once: what is sent is received or counted as
//! dropped, message by message, and who reads slowly is not taken for dead.

use super::*;
use crate::{base::limits::UNLIMITED, engine::config::Overflow};

/// The numbers of the messages in what a client has been sent.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("<n")
        .map(|(at, _)| text[at + 2..].split('>').next().unwrap().parse().unwrap())
        .collect()
}

fn dropping(queue_bytes: u32) -> Config {
    let mut config = config(|limits| {
        limits.queue_bytes = queue_bytes;
        (limits.ping_interval_ms, limits.turn_messages) = (UNLIMITED, 64);
    });
    config.overflow = Overflow::Drop;
    config
}

#[test]
fn what_is_received_and_what_is_told_as_dropped_adds_up_to_what_was_sent() {
    let mut random = 1u64;
    let mut roll = |sides: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % sides
    };
    let mut all_dropped = [0; 3];
    for round in 0..30 {
        let mut salon = Salon::new(dropping(600 + 100 * round));
        salon.engine.open("/raw", Namespace::default().dialect(Dialect::Raw)).unwrap();
        let plain = salon.open();
        let socketio = salon.websocket_guest();
        let sid = salon.guest();
        let readers = [plain, socketio];
        readers.iter().for_each(|client| _ = salon.read(*client));
        let (mut heard, mut dropped) = (vec![Vec::new(); 3], [0u64; 3]);
        let (mut sent, mut queued) = (0u32, 0usize);
        for step in 0..400 {
            let is_end = step > 350;
            if !is_end {
                for _ in 0..roll(6) {
                    let args = format!(r#"["<n{sent}>{}"]"#, x(roll(200)));
                    queued += salon.emit(&all(), "a", &args);
                    sent += 1;
                }
            }
            for client in readers {
                let bytes = if is_end { usize::MAX } else { roll(900) as usize };
                salon.room(client, bytes);
            }
            let mut lines = salon.quiet();
            for (place, client) in readers.into_iter().enumerate() {
                heard[place].extend(salon.read(client));
            }
            let polled = salon.engine.queued(salon.socket(2)).unwrap();
            if polled > 0 && (is_end || roll(3) == 0) {
                let poll = salon.begin_poll(&sid);
                lines.extend(salon.quiet());
                heard[2].extend(salon.read(poll));
            }
            for line in lines {
                let (who, count) = line.strip_prefix("drain #").unwrap().split_once(": ").unwrap();
                dropped[who.parse::<usize>().unwrap()] += count.parse::<u64>().unwrap();
            }
        }
        let got: Vec<Vec<u32>> = heard.iter().map(|bytes| numbers(bytes)).collect();
        for (place, got) in got.iter().enumerate() {
            assert!(got.is_sorted_by(|one, next| one < next), "in order, each once");
            assert_eq!(got.len() as u64 + dropped[place], u64::from(sent), "client {place}, round {round}");
            let socket = salon.socket(place);
            assert_eq!(salon.engine.dropped(socket), 0, "all has been told");
            assert_eq!(salon.engine.queued(socket).unwrap(), 0);
        }
        all_dropped.iter_mut().zip(dropped).for_each(|(all, dropped)| *all += dropped);
        let stats = salon.engine.stats();
        assert_eq!(stats.dropped_full, dropped.iter().sum::<u64>());
        assert_eq!(queued, got.iter().map(Vec::len).sum::<usize>(), "what emit answered");
    }
    assert!(all_dropped.iter().all(|count| *count > 100), "{all_dropped:?}");
}

#[test]
fn who_is_in_two_namespaces_and_leaves_one_or_all_is_told_what_was_dropped_in_each() {
    let mut salon = Salon::new(dropping(300));
    salon.engine.open("/news", Namespace::default()).unwrap();
    let polling = salon.guest();
    assert_eq!(salon.posts(&polling, "40/news,"), ["connect #1 /news"]);
    let everywhere = Selection::default();
    let queued: usize = (0..20).map(|_| salon.emit(&everywhere, "a", &format!("[\"{}\"]", x(50)))).sum();
    let dropped = [0, 1].map(|number| salon.engine.dropped(salon.socket(number)));
    assert_eq!(queued as u64 + dropped[0] + dropped[1], 40);
    assert!(dropped[0] > 10 && dropped[1] > 10);
    let left = salon.posts(&polling, "41/news,");
    assert_eq!(left[0], format!("drain #1: {}", dropped[1]));
    assert!(left[1].starts_with("gone #1 /news: client left") && left.len() == 2, "{left:?}");
    salon.emit(&everywhere, "a", &format!("[\"{}\"]", x(50)));
    let gone = salon.after(60_000);
    assert!(gone.is_empty(), "no interval of pings, so nobody is missed: {gone:?}");
    let left = salon.posts(&polling, "1");
    assert_eq!(left[0], format!("drain #0: {}", dropped[0] + 1));
    assert!(left[1].starts_with("gone #0 /: ") && left.len() == 2, "{left:?}");
    assert_eq!(salon.engine.stats().dropped_full, dropped[0] + dropped[1] + 1);
}

fn x(count: u64) -> String {
    "x".repeat(count as usize)
}

#[test]
fn slow_reader_in_a_busy_room_is_pinged_and_heard_as_ever() {
    let mut config = dropping(10_000);
    config.limits.ping_interval_ms = 25_000;
    let mut salon = Salon::new(config);
    let (plain, socketio) = (salon.open(), salon.websocket_guest());
    let mut pings = [0; 2];
    for _ in 0..3_000 {
        for _ in 0..20 {
            salon.emit(&all(), "a", &format!("[\"{}\"]", x(200)));
        }
        // A tenth of what is said.
        for (place, client) in [plain, socketio].into_iter().enumerate() {
            salon.room(client, 500);
            let lines = salon.after(50);
            assert!(lines.iter().all(|line| line.starts_with("drain")), "{lines:?}");
            let (read, ping) = (salon.read(client), [&b"\x89\0"[..], b"\x81\x012"][place]);
            if read.windows(ping.len()).any(|bytes| bytes == ping) {
                pings[place] += 1;
                salon.write(client, if place == 0 { pong() } else { text("3") });
            }
        }
    }
    // Five minutes, and nobody was lost.
    assert!(pings.iter().all(|count| *count >= 6), "{pings:?}");
    assert_eq!(salon.engine.stats().sockets, 2);
}

#[test]
fn bytes_that_wait_can_be_read_per_socket_and_for_all() {
    let mut salon = Salon::new(dropping(100_000));
    let (plain, _) = (salon.open(), salon.websocket_guest());
    let sid = salon.guest();
    salon.read(plain);
    salon.room(plain, 0);
    salon.emit(&all(), "a", "[]");
    salon.quiet();
    let queued = |salon: &Salon| [0, 1, 2].map(|number| salon.engine.queued(salon.socket(number)).unwrap());
    // Two bytes of each frame are its header.
    assert_eq!(queued(&salon), [r#"{"event":"a","args":[]}"#.len() + 2, 0, r#"42["a"]"#.len() + 2]);
    assert_eq!(salon.engine.stats().queued_bytes, queued(&salon).iter().sum::<usize>() as u64);
    salon.room(plain, usize::MAX);
    salon.quiet();
    salon.polls(&sid);
    assert_eq!((queued(&salon), salon.engine.stats().queued_bytes), ([0; 3], 0));
}
