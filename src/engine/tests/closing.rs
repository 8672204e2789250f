//! The closing handshake from either side, and what still goes out before it.

use super::{wire::*, *};

fn raw() -> (Salon, usize) {
    let mut salon = Salon::raw(Config::default());
    let client = salon.open();
    (salon, client)
}

#[test]
fn close_of_the_client_is_answered_and_the_server_closes_first() {
    let (mut salon, client) = raw();
    salon.write(client, close(3456, "why not"));
    salon.quiet();
    assert_eq!(salon.frames(client), ["close 3456"]);
    assert!(salon.is_finished(client) && !salon.is_dropped(client));
    salon.end(client, End::Eof);
    salon.quiet();
    assert!(salon.is_dropped(client));
}

#[test]
fn close_of_the_host_is_over_when_the_clients_has_come_whatever_comes_before_it() {
    let (mut salon, client) = raw();
    salon.disconnect(0, 1000, "done").unwrap();
    salon.quiet();
    assert_eq!(salon.frames(client), ["close 1000 done"]);
    salon.write(client, [text("on its way"), ping("p"), frame(false, 1, b"half")].concat());
    assert!(salon.quiet().is_empty());
    assert!(!salon.is_finished(client));
    for byte in close(1000, "") {
        assert!(!salon.is_finished(client));
        salon.write(client, [byte]);
        salon.quiet();
    }
    assert!(salon.is_finished(client));
    // No data and no pong behind our own close.
    assert!(salon.read(client).is_empty());
}

#[test]
fn closes_that_cross_are_the_answer_to_each_other() {
    let (mut salon, client) = raw();
    salon.write(client, close(1000, "client"));
    salon.disconnect(0, 4000, "host").unwrap();
    assert_eq!(salon.turn(), [r#"gone #0 /: server left, 4000 "host" []"#]);
    assert_eq!(salon.frames(client), ["close 4000 host"]);
    assert!(salon.is_finished(client));
}

#[test]
fn fault_behind_the_hosts_close_ends_it_without_a_second_close() {
    let (mut salon, client) = raw();
    salon.disconnect(0, 1000, "").unwrap();
    salon.quiet();
    salon.write(client, [0xff]);
    assert!(salon.quiet().is_empty());
    assert_eq!(salon.frames(client), ["close 1000"]);
    assert!(salon.is_finished(client));
}

#[test]
fn reply_to_a_message_goes_out_before_the_end_that_came_with_it() {
    for (end, answer) in [
        (close(1000, "bye"), "close 1000"),
        (vec![0x83], "close 1002 unknown opcode"),
        (frame(true, 1, b"\xff"), "close 1007 text is not UTF-8"),
    ] {
        let (mut salon, client) = raw();
        salon.write(client, [text("question"), end].concat());
        assert_eq!(salon.turn(), [r#"#0 sends "question""#]);
        salon.send_to(0, "answer").unwrap();
        let lines = salon.turn();
        assert!(lines.len() == 1 && lines[0].starts_with("gone #0"), "{lines:?}");
        assert_eq!(salon.frames(client), ["text answer", answer]);
        assert!(salon.is_finished(client));
    }
}

#[test]
fn host_is_heard_on_what_it_kept_for_the_next_turn_before_the_end_in_the_same_turn() {
    let mut salon = Salon::raw(config(|limits| limits.turn_messages = 2));
    let client = salon.open();
    salon.write(client, [text("1"), text("2"), text("3")].concat());
    salon.write(client, close(1000, ""));
    assert_eq!(salon.turn(), [r#"#0 sends "1""#, r#"#0 sends "2""#]);
    // The third message and the close are looked at in one turn, from two reads.
    assert_eq!(salon.turn(), [r#"#0 sends "3""#]);
    salon.send_to(0, "heard").unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /: client left, 1000 "" []"#]);
    assert_eq!(salon.frames(client), ["text heard", "close 1000"]);
}

#[test]
fn host_may_disconnect_who_has_said_its_last_word() {
    let (mut salon, client) = raw();
    salon.write(client, [text("question"), close(1000, "bye")].concat());
    salon.turn();
    salon.send_to(0, "answer").unwrap();
    salon.disconnect(0, 4000, "first").unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /: server left, 4000 "first" []"#]);
    assert_eq!(salon.frames(client), ["text answer", "close 4000 first"]);
    // There is nothing left to wait for.
    assert!(salon.is_finished(client));
}

#[test]
fn close_that_came_behind_many_messages_still_counts_when_the_host_is_first() {
    let mut salon = Salon::raw(config(|limits| limits.turn_messages = 2));
    let client = salon.open();
    salon.write(client, [text("1"), text("2"), text("3"), close(1000, "")].concat());
    assert_eq!(salon.turn().len(), 2);
    salon.disconnect(0, 4000, "enough").unwrap();
    assert_eq!(salon.quiet(), [r#"gone #0 /: server left, 4000 "enough" []"#]);
    assert_eq!(salon.frames(client), ["close 4000 enough"]);
    assert!(salon.is_finished(client));
}

#[test]
fn nothing_behind_a_close_or_a_failure_is_looked_at() {
    for end in [close(1000, ""), vec![0xff]] {
        let (mut salon, client) = raw();
        salon.write(client, [end, text("late"), ping("late")].concat());
        salon.write(client, text("later"));
        assert_eq!(salon.quiet().len(), 1);
        assert_eq!(salon.frames(client).len(), 1);
    }
}

#[test]
fn close_cuts_what_waits_at_the_end_of_the_frame_that_is_being_sent() {
    for (room, expected) in [
        (0, vec!["close 1000"]),
        (1, vec!["text first", "close 1000"]),
        (7, vec!["text first", "close 1000"]),
        (8, vec!["text first", "text second", "close 1000"]),
    ] {
        let (mut salon, client) = raw();
        salon.room(client, room);
        for data in ["first", "second", "third"] {
            salon.send_to(0, data).unwrap();
        }
        salon.quiet();
        salon.write(client, close(1000, ""));
        salon.quiet();
        assert!(!salon.is_finished(client));
        salon.room(client, usize::MAX);
        salon.quiet();
        assert_eq!(salon.frames(client), expected, "room for {room} bytes");
        assert!(salon.is_finished(client));
    }
}

#[test]
fn end_without_a_close_behind_a_message_still_ends_it_once() {
    let (mut salon, client) = raw();
    salon.write(client, [text("last"), close(1000, "")].concat());
    salon.end(client, End::Reset);
    assert_eq!(salon.quiet(), [r#"#0 sends "last""#, r#"gone #0 /: client left, 1000 "" []"#]);
    salon.after(10_000);
    assert!(salon.is_dropped(client));
}

#[test]
fn client_that_is_cut_off_over_an_answer_says_nothing_more() {
    let mut salon = Salon::new(config(|limits| limits.queue_bytes = 50));
    let client = salon.open();
    salon.room(client, 0);
    salon.emit_to(0, "fills", "[\"the queue of this client\"]").unwrap();
    salon.quiet();
    salon.write(client, [text("no json"), text(r#"{"event":"late"}"#), close(1000, "")].concat());
    assert_eq!(salon.quiet(), [r#"gone #0 /: slow reader, 1013 "slow reader" []"#]);
}
