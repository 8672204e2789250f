//! Timers of the host, against the real clock: never early, and only so often.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use common::LONG;
use salon::{Config, ErrorKind, Event, Events, Server, TimerId};

/// Polls until `wanted` timer events have come; their timers and tags, and
/// when each came.
fn fire(server: &mut Server, wanted: usize) -> Vec<(TimerId, u64, Instant)> {
    let (mut events, mut fired) = (Events::default(), Vec::new());
    let deadline = Instant::now() + LONG;
    while fired.len() < wanted {
        assert!(Instant::now() < deadline, "only {} of {wanted} timers fired", fired.len());
        server.poll(&mut events, Some(LONG)).unwrap();
        for event in &events {
            match event {
                Event::Timer { timer, tag } => fired.push((timer, tag, Instant::now())),
                other => panic!("{other:?}"),
            }
        }
    }
    fired
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn one_shot_timers_fire_once_in_the_order_of_their_deadlines() {
    let mut server = Server::new(Config::default()).unwrap();
    let start = Instant::now();
    let late = server.start_timer(millis(60), None, 1);
    let early = server.start_timer(millis(20), None, 2);
    let now = server.start_timer(Duration::ZERO, None, 3);
    let fired = fire(&mut server, 3);
    let order: Vec<_> = fired.iter().map(|(timer, tag, _)| (*timer, *tag)).collect();
    assert_eq!(order, [(now, 3), (early, 2), (late, 1)]);
    // The clock of the server counts whole milliseconds.
    assert!(fired[1].2 - start >= millis(19) && fired[2].2 - start >= millis(59));
    assert_eq!(server.stop_timer(late).unwrap_err().kind(), ErrorKind::NotFound);
    let mut events = Events::default();
    server.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
}

#[test]
fn a_repeating_timer_fires_until_it_is_stopped() {
    let mut server = Server::new(Config::default()).unwrap();
    let start = Instant::now();
    let timer = server.start_timer(millis(5), Some(millis(10)), 7);
    let fired = fire(&mut server, 5);
    assert!(fired.iter().all(|(id, tag, _)| (*id, *tag) == (timer, 7)));
    assert!(fired[4].2 - start >= millis(44));
    server.stop_timer(timer).unwrap();
    assert_eq!(server.stop_timer(timer).unwrap_err().kind(), ErrorKind::NotFound);
    server.start_timer(millis(30), None, 8);
    assert_eq!(fire(&mut server, 1)[0].1, 8);
}

#[test]
fn a_timer_that_was_missed_fires_once_and_goes_on() {
    let mut server = Server::new(Config::default()).unwrap();
    let timer = server.start_timer(millis(1), Some(millis(1)), 1);
    // A host that is busy elsewhere.
    let busy = Instant::now();
    while busy.elapsed() < millis(30) {
        std::hint::spin_loop();
    }
    let mut events = Events::default();
    server.poll(&mut events, Some(LONG)).unwrap();
    assert_eq!(events.len(), 1);
    fire(&mut server, 2);
    server.stop_timer(timer).unwrap();
}

#[test]
fn a_timer_may_be_stopped_before_it_fires_and_started_between_events() {
    let mut server = Server::new(Config::default()).unwrap();
    let never = server.start_timer(millis(1), None, 1);
    server.stop_timer(never).unwrap();
    server.start_timer(millis(20), None, 2);
    let fired = fire(&mut server, 1);
    assert_eq!(fired[0].1, 2);
    server.start_timer(millis(1), None, 3);
    assert_eq!(fire(&mut server, 1)[0].1, 3);
}

#[test]
fn durations_without_end_are_no_overflow() {
    let mut server = Server::new(Config::default()).unwrap();
    server.start_timer(Duration::MAX, Some(Duration::MAX), 1);
    server.start_timer(Duration::ZERO, Some(Duration::MAX), 2);
    assert_eq!(fire(&mut server, 1)[0].1, 2);
    // A repeating timer without a pause has one of a millisecond.
    server.start_timer(Duration::ZERO, Some(Duration::ZERO), 3);
    assert!(fire(&mut server, 5).iter().all(|(_, tag, _)| *tag == 3));
}

#[test]
fn a_poll_waits_no_longer_than_it_was_told() {
    let mut server = Server::new(Config::default()).unwrap();
    let mut events = Events::default();
    let start = Instant::now();
    while start.elapsed() < millis(20) {
        server.poll(&mut events, Some(millis(20).saturating_sub(start.elapsed()))).unwrap();
    }
    assert!(events.is_empty());
}
