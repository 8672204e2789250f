//! Clients that read slowly: the cap of a send queue, what becomes of messages
//! beyond it, volatile ones, and the memory of all.

use super::{wire::*, *};
use crate::engine::config::Overflow;

/// A server of raw clients with a cap, and one client to whom nothing goes.
fn stuck(queue_bytes: u32, overflow: Overflow) -> (Salon, usize) {
    let mut config = config(|limits| limits.queue_bytes = queue_bytes);
    config.overflow = overflow;
    let mut salon = Salon::raw(config);
    let client = salon.open();
    salon.room(client, 0);
    // The kernel has refused something: this one's 4 bytes.
    salon.send_to(0, "ab").unwrap();
    assert!(salon.quiet().is_empty());
    (salon, client)
}

/// The client reads everything from now on.
fn rest(salon: &mut Salon, client: usize) -> (Vec<String>, Vec<String>) {
    salon.room(client, usize::MAX);
    let lines = salon.quiet();
    (salon.frames(client), lines)
}

#[test]
fn queue_may_reach_its_cap_and_not_pass_it() {
    for (length, fits) in [(98, true), (99, true), (100, true), (101, false), (102, false)] {
        // 4 bytes wait; a frame's header is 2.
        let (mut salon, client) = stuck(4 + 2 + 100, Overflow::Disconnect);
        assert_eq!(salon.send_to(0, &"x".repeat(length)).unwrap(), usize::from(fits), "{length}");
        let (frames, lines) = rest(&mut salon, client);
        assert_eq!(lines.len(), usize::from(!fits));
        assert_eq!(frames.last().unwrap() == "close 1013 slow reader", !fits);
    }
}

#[test]
fn many_small_pieces_weigh_more_than_their_bytes() {
    let (mut salon, _) = stuck(1_000, Overflow::Drop);
    // One piece a turn, of 3 bytes and 32 for the piece.
    let queued: usize = (0..100)
        .map(|_| {
            salon.quiet();
            salon.send_to(0, "x").unwrap_or(0)
        })
        .sum();
    assert_eq!(queued, 1 + (1_000 - 4 - 3) / 35);
}

#[test]
fn message_into_an_empty_queue_is_always_taken() {
    let mut salon = Salon::raw(config(|limits| limits.queue_bytes = 100));
    let client = salon.open();
    salon.room(client, 10);
    assert_eq!(salon.send_to(0, &"x".repeat(10_000)).unwrap(), 1);
    assert!(salon.quiet().is_empty());
    assert_eq!(rest(&mut salon, client).0, ["text (10000 bytes)"]);
}

#[test]
fn queue_that_fills_up_between_turns_is_offered_to_the_kernel_first() {
    let mut salon = Salon::raw(config(|limits| limits.queue_bytes = 100));
    let client = salon.open();
    // A hundred times the cap without a turn, to a client that reads along.
    for _ in 0..100 {
        salon.send(&all(), &"x".repeat(100));
    }
    assert!(salon.quiet().is_empty());
    assert_eq!(salon.frames(client).len(), 100);
    // To one that does not, the cap holds.
    salon.room(client, 0);
    let queued: usize = (0..100).map(|_| salon.send(&all(), &"x".repeat(100))).sum();
    assert_eq!(queued, 1);
    assert_eq!(salon.quiet().len(), 1);
}

#[test]
fn slow_reader_gets_its_1013_at_the_end_of_the_frame_that_is_being_sent() {
    for (room, before) in [(0, 0), (1, 1), (3, 1), (99, 1), (102, 1), (103, 2)] {
        let mut salon = Salon::raw(config(|limits| limits.queue_bytes = 500));
        let client = salon.open();
        salon.room(client, room);
        for _ in 0..3 {
            salon.send_to(0, &"x".repeat(100)).unwrap();
        }
        salon.quiet();
        salon.send_to(0, &"y".repeat(400)).unwrap();
        let (frames, lines) = rest(&mut salon, client);
        assert_eq!(lines, [r#"gone #0 /: slow reader, 1013 "slow reader" []"#]);
        assert_eq!(frames.len(), before + 1, "room for {room} bytes: {frames:?}");
        assert_eq!(frames[before], "close 1013 slow reader");
        assert!(salon.is_finished(client));
    }
}

#[test]
fn one_slow_reader_in_a_room_does_not_keep_the_others_waiting() {
    let mut salon = Salon::raw(config(|limits| limits.queue_bytes = 1_000));
    let (slow, quick) = (salon.open(), salon.open());
    salon.room(slow, 0);
    let mut gone = Vec::new();
    for _ in 0..20 {
        salon.send(&all(), &"x".repeat(200));
        gone.extend(salon.quiet());
        assert_eq!(salon.frames(quick).len(), 1);
    }
    assert_eq!(gone, [r#"gone #0 /: slow reader, 1013 "slow reader" []"#]);
    assert_eq!(salon.engine.stats().dropped_full, 1);
}

#[test]
fn dropped_messages_are_counted_and_told_when_there_is_room_again() {
    let (mut salon, client) = stuck(200, Overflow::Drop);
    let mut queued = 1;
    for number in 0..30 {
        match number % 3 {
            0 => queued += salon.send(&all(), &format!("{number:020}")),
            1 => queued += salon.send_to(0, &format!("{number:020}")).unwrap_or(0),
            _ => {
                let socket = salon.socket(0);
                salon.join(0, "den");
                queued += salon.send(&except(rooms(&["den"]), socket), "not for it");
                queued += salon.send(&rooms(&["den"]), &format!("{number:020}"));
            }
        }
    }
    assert!(salon.quiet().is_empty());
    assert!(queued < 20);
    assert_eq!(kind(salon.send_to(0, &"x".repeat(100))), ErrorKind::Backpressure);
    let dropped = 30 + 1 + 1 - queued;
    assert_eq!(salon.engine.stats().dropped_full, dropped as u64);
    let (frames, lines) = rest(&mut salon, client);
    assert_eq!(lines, [format!("drain #0: {dropped}")]);
    assert_eq!(frames.len(), queued);
    // It starts from zero again.
    salon.send_to(0, "fine").unwrap();
    assert!(salon.quiet().is_empty());
    assert_eq!(salon.frames(client), ["text fine"]);
}

/// Makes a client leave.
type Leaving = fn(&mut Salon, usize);

/// How a client can be gone.
const ENDS: [(&str, Leaving); 9] = [
    ("it says goodbye", |salon, client| salon.write(client, close(1_000, ""))),
    ("it closes its end", |salon, client| salon.end(client, End::Eof)),
    ("its connection is cut", |salon, client| salon.end(client, End::Reset)),
    ("what is sent to it fails", |salon, client| {
        salon.kernel.pipes[client].broken = true;
        salon.room(client, 1);
    }),
    ("it breaks the protocol", |salon, client| salon.write(client, b"\xff\xff".to_vec())),
    ("the host disconnects it", |salon, _| salon.disconnect(0, 1_000, "").unwrap()),
    ("its namespace is closed", |salon, _| salon.tell(|engine| engine.close_namespace("/")).unwrap()),
    ("the server is shut down", |salon, _| salon.tell(Engine::close)),
    ("the server is shut down at once", |salon, _| {
        salon.tell(|engine| engine.close_within(std::time::Duration::ZERO));
    }),
];

#[test]
fn what_was_dropped_for_who_leaves_is_told_before_its_end_however_that_comes() {
    for (how, end) in ENDS {
        let (mut salon, client) = stuck(200, Overflow::Drop);
        salon.send_to(0, &"x".repeat(150)).unwrap();
        for _ in 0..3 {
            assert_eq!(salon.send(&all(), &"x".repeat(100)), 0);
        }
        assert_eq!(salon.engine.dropped(salon.socket(0)), 3);
        end(&mut salon, client);
        let mut lines = salon.quiet();
        lines.extend(salon.after(60_000));
        assert_eq!(lines[0], "drain #0: 3", "{how}");
        assert!(lines[1].starts_with("gone #0 /: "), "{how}: {lines:?}");
        assert!(!lines[2..].iter().any(|line| line.contains("#0")), "{how}: {lines:?}");
        assert_eq!(salon.engine.stats().dropped_full, 3, "{how}");
    }
}

#[test]
fn drop_and_end_in_one_turn_are_both_told_and_who_has_left_drops_nothing() {
    let (mut salon, client) = stuck(200, Overflow::Drop);
    salon.send_to(0, &"x".repeat(150)).unwrap();
    salon.send(&all(), &"x".repeat(100));
    // There is room again, but its queue has not been looked at.
    salon.room(client, usize::MAX);
    salon.disconnect(0, 1_000, "").unwrap();
    assert_eq!(salon.send(&all(), &"x".repeat(100)), 0);
    assert_eq!(salon.send_to(0, &"x".repeat(100)).unwrap(), 0);
    let lines = salon.quiet();
    assert_eq!(lines[0], "drain #0: 1");
    assert!(lines[1].starts_with("gone #0 /: ") && lines.len() == 2, "{lines:?}");
    // What had been told before is not told again.
    let (mut salon, client) = stuck(200, Overflow::Drop);
    salon.send_to(0, &"x".repeat(150)).unwrap();
    salon.send(&all(), &"x".repeat(100));
    assert_eq!(rest(&mut salon, client).1, ["drain #0: 1"]);
    salon.end(client, End::Eof);
    assert!(salon.quiet().iter().all(|line| line.starts_with("gone #0 /: ")));
    assert_eq!(salon.engine.stats().dropped_full, 1);
}

#[test]
fn drain_waits_until_the_queue_is_half_empty() {
    let (mut salon, client) = stuck(200, Overflow::Drop);
    salon.send_to(0, &"x".repeat(150)).unwrap();
    assert_eq!(kind(salon.send_to(0, &"x".repeat(100))), ErrorKind::Backpressure);
    salon.room(client, 20);
    assert!(salon.quiet().is_empty());
    salon.room(client, 100);
    assert_eq!(salon.quiet(), ["drain #0: 1"]);
}

#[test]
fn volatile_message_is_left_out_only_for_who_is_behind_from_before() {
    let mut salon = Salon::raw(Config::default());
    let (slow, quick) = (salon.open(), salon.open());
    let volatile = |salon: &mut Salon, text: &str| {
        salon.tell(|engine| engine.send(&all(), Data::Text(text), Loudness::Volatile)).unwrap()
    };
    salon.room(slow, 0);
    // Behind a message of the same turn it is queued: nobody has refused yet.
    salon.send(&all(), "loud");
    assert_eq!(volatile(&mut salon, "typing"), 2);
    salon.quiet();
    assert_eq!(volatile(&mut salon, "typing on"), 1);
    let socket = salon.socket(0);
    let alone = salon.tell(|engine| engine.send_one(socket, Data::Text("you"), Loudness::Volatile)).unwrap();
    assert_eq!((alone, salon.engine.stats().dropped_volatile), (0, 2));
    assert!(salon.quiet().is_empty());
    assert_eq!(salon.frames(quick), ["text loud", "text typing", "text typing on"]);
    assert_eq!(rest(&mut salon, slow).0, ["text loud", "text typing"]);
}

#[test]
fn memory_counts_a_broadcast_once_and_comes_back_when_it_is_read() {
    let mut salon = Salon::raw(config(|limits| limits.memory_bytes = 1 << 20));
    let clients: Vec<usize> = (0..50).map(|_| salon.open()).collect();
    clients.iter().for_each(|client| salon.room(*client, 0));
    salon.send(&all(), &"x".repeat(100_000));
    assert!(salon.quiet().is_empty());
    let stats = salon.engine.stats();
    assert_eq!(stats.queued_bytes, 50 * 100_010);
    assert!(stats.memory_bytes < 300_000, "{}", stats.memory_bytes);
    for client in clients {
        assert_eq!(rest(&mut salon, client).0.len(), 1);
    }
    let stats = salon.engine.stats();
    assert_eq!((stats.queued_bytes, stats.memory_bytes), (0, 0));
}

#[test]
fn broadcast_of_a_megabyte_to_a_thousand_slow_readers_is_there_once() {
    let mut salon = Salon::raw(Config::default());
    let clients: Vec<usize> = (0..1_000).map(|_| salon.open()).collect();
    clients.iter().for_each(|client| salon.room(*client, 0));
    assert_eq!(salon.send(&all(), &"x".repeat(1_000_000)), 1_000);
    assert!(salon.quiet().is_empty());
    let stats = salon.engine.stats();
    assert_eq!(stats.queued_bytes, 1_000 * 1_000_010);
    assert!((1_000_010..1_100_000).contains(&stats.memory_bytes), "{}", stats.memory_bytes);
    // It is there as long as one of them has not read it.
    for some in clients.chunks(250) {
        assert!(salon.engine.stats().memory_bytes > 1_000_000);
        some.iter().for_each(|client| salon.room(*client, usize::MAX));
        assert!(salon.quiet().is_empty());
        assert!(some.iter().all(|client| salon.read(*client).len() == 1_000_010));
    }
    let stats = salon.engine.stats();
    assert_eq!((stats.queued_bytes, stats.memory_bytes), (0, 0));
}

#[test]
fn memory_of_unread_bodies_counts_and_who_holds_the_most_goes_first() {
    let mut salon = Salon::raw(config(|limits| limits.memory_bytes = 500_000));
    let chatting = salon.open();
    salon.write(chatting, frame(false, 2, &[0; 50_000]));
    let uploads: Vec<usize> = (0..4)
        .map(|number| {
            let client = salon.connect();
            let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n";
            salon.write(client, [head.as_bytes(), &vec![b'x'; 80_000 + number]].concat());
            salon.quiet();
            client
        })
        .collect();
    let before = salon.engine.stats().memory_bytes;
    assert!(before >= 370_000, "{before}");
    salon.write(uploads[2], vec![b'x'; 120_000]);
    assert!(salon.quiet().is_empty());
    salon.write(uploads[2], vec![b'x'; 120_000]);
    salon.quiet();
    let dropped: Vec<bool> = uploads.iter().map(|client| salon.is_dropped(*client)).collect();
    assert_eq!(dropped, [false, false, true, false]);
    assert!(!salon.is_finished(chatting));
    assert!(salon.engine.stats().memory_bytes <= before + 50_000);
}
