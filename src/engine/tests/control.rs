//! Pings and pongs: in order, ahead of data, and never inside a frame.

use super::{wire::*, *};

/// A raw client to whom the kernel still takes so many bytes.
fn with_room(bytes: usize) -> (Salon, usize) {
    let mut salon = Salon::raw(Config::default());
    let client = salon.open();
    salon.room(client, bytes);
    (salon, client)
}

/// The client reads everything from now on.
fn rest(salon: &mut Salon, client: usize) -> Vec<String> {
    salon.room(client, usize::MAX);
    salon.quiet();
    salon.frames(client)
}

fn pings(numbers: std::ops::Range<usize>) -> Vec<u8> {
    numbers.flat_map(|number| ping(&number.to_string())).collect()
}

fn pongs(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("pong {number}")).collect()
}

#[test]
fn pings_are_answered_in_order_with_their_bodies() {
    let (mut salon, client) = with_room(usize::MAX);
    let longest = "x".repeat(125);
    salon.write(client, [pings(0..8), ping(""), ping(&longest), pong()].concat());
    assert!(salon.quiet().is_empty());
    let expected = [pongs(0..8), vec!["pong".into(), format!("pong {longest}")]].concat();
    assert_eq!(salon.frames(client), expected);
}

#[test]
fn past_sixteen_pings_in_a_turn_only_the_newest_is_answered_and_last() {
    let (mut salon, client) = with_room(usize::MAX);
    salon.write(client, pings(0..40));
    salon.quiet();
    assert_eq!(salon.frames(client), pongs((0..16).chain([39])));
    salon.write(client, pings(40..44));
    salon.quiet();
    assert_eq!(salon.frames(client), pongs(40..44));
}

#[test]
fn while_the_kernel_is_full_only_the_newest_ping_is_owed() {
    let (mut salon, client) = with_room(0);
    salon.send_to(0, "data").unwrap();
    salon.quiet();
    for turn in 0..5 {
        salon.write(client, pings(turn * 10..turn * 10 + 10));
        salon.quiet();
    }
    assert_eq!(rest(&mut salon, client), ["pong 49", "text data"]);
}

#[test]
fn owed_pong_does_not_overtake_those_that_wait_already() {
    // Room for the first pong and a part of the second.
    let (mut salon, client) = with_room(5);
    salon.write(client, pings(0..4));
    salon.quiet();
    salon.send_to(0, "data").unwrap();
    salon.write(client, pings(4..7));
    salon.quiet();
    assert_eq!(rest(&mut salon, client), [pongs([0, 1, 2, 3, 6]), vec!["text data".into()]].concat());
}

#[test]
fn pong_goes_in_front_of_a_megabyte_at_every_place_where_a_frame_was_cut() {
    for room in 0..40 {
        let (mut salon, client) = with_room(room);
        salon.send_to(0, "one").unwrap(); // 5 bytes
        salon.send_to(0, "twotwo").unwrap(); // 8 bytes
        salon.send_to(0, &"x".repeat(1_000_000)).unwrap(); // 10 bytes of header
        salon.send_to(0, "end").unwrap();
        salon.quiet();
        salon.write(client, ping("!"));
        salon.quiet();
        let place = match room {
            0 => 0,
            1..=5 => 1,
            6..=13 => 2,
            _ => 3,
        };
        let mut expected = vec!["text one", "text twotwo", "text (1000000 bytes)", "text end"];
        expected.insert(place, "pong !");
        assert_eq!(rest(&mut salon, client), expected, "room for {room} bytes");
    }
}

#[test]
fn servers_own_ping_goes_in_at_a_boundary_too() {
    for room in [0, 3, 1_000] {
        let (mut salon, client) = with_room(room);
        salon.send_to(0, &"x".repeat(2_000)).unwrap();
        salon.send_to(0, "end").unwrap();
        salon.quiet();
        salon.after(25_000);
        let mut expected = vec!["text (2000 bytes)", "text end"];
        expected.insert(usize::from(room > 0), "ping");
        assert_eq!(rest(&mut salon, client), expected, "room for {room} bytes");
    }
}

#[test]
fn small_rest_that_is_copied_out_of_its_chunk_keeps_frames_and_pongs_in_order() {
    // 20 frames of 1,002 bytes share a chunk; only a small rest stays behind.
    for cut in [0, 1, 2, 500, 1_001, 1_002, 1_003, 1_500] {
        let (mut salon, client) = with_room(18 * 1_004 + cut);
        let long = "x".repeat(1_000);
        for _ in 0..20 {
            salon.send_to(0, &long).unwrap();
        }
        salon.quiet();
        salon.write(client, ping("p"));
        salon.quiet();
        let frames = rest(&mut salon, client);
        let place = frames.iter().position(|frame| frame == "pong p").unwrap();
        assert_eq!((frames.len(), place), (21, 18 + cut.div_ceil(1_004)), "{cut}");
    }
}

#[test]
fn ping_between_fragments_is_answered_at_once() {
    let (mut salon, client) = with_room(usize::MAX);
    salon.write(client, [frame(false, 1, b"hel"), ping("in between")].concat());
    assert!(salon.quiet().is_empty());
    assert_eq!(salon.frames(client), ["pong in between"]);
    salon.write(client, frame(true, 0, b"lo"));
    assert_eq!(salon.quiet(), [r#"#0 sends "hello""#]);
}

#[test]
fn pong_of_a_client_is_nothing_to_answer() {
    let (mut salon, client) = with_room(usize::MAX);
    salon.write(client, [pong(), frame(true, 10, b"unasked")].concat());
    assert!(salon.quiet().is_empty());
    assert!(salon.read(client).is_empty());
}
