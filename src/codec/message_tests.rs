//! Scenarios of `message.rs`: what a client sends, and what comes of it.

use proptest::prelude::*;

use super::*;

const LIMITS: ReadLimits = ReadLimits { message_bytes: 1000, fragments: 4 };
const MASK: [u8; 4] = [0x9a, 0x07, 0x5c, 0xe1];

/// A frame as a client sends it. The first byte holds FIN, RSV and the opcode.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ MASK[i % 4]));
    out
}

/// Only the header of a frame, with a promise of this many bytes.
fn promise(first: u8, len: u16) -> Vec<u8> {
    [&[first, 0x80 | 126][..], &len.to_be_bytes(), &MASK].concat()
}

fn text(payload: &str) -> Vec<u8> {
    client_frame(0x81, payload.as_bytes())
}

/// A unit as a test compares it, wherever its bytes lay.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
    Failed(Failure),
}

fn message(kind: Kind, body: &[u8]) -> Seen {
    Seen::Message(kind, body.to_vec())
}

/// A reader and what came out of it.
#[derive(Default)]
struct Peer {
    reader: Reader,
    pool: BufferPool,
    seen: Vec<Seen>,
}

impl Peer {
    fn read(&mut self, bytes: &[u8]) {
        let (mut bytes, mut at) = (bytes.to_vec(), 0);
        loop {
            let unit = self.reader.next(&mut bytes, &mut at, &LIMITS, &mut self.pool);
            self.seen.push(match unit {
                Unit::More => break,
                Unit::Message(kind, Body::InPlace(range)) => message(kind, &bytes[range]),
                Unit::Message(kind, Body::Owned(body)) => {
                    let seen = message(kind, &body);
                    self.pool.give(body);
                    seen
                }
                Unit::Ping(body) => Seen::Ping(body.as_slice().to_vec()),
                Unit::Pong => Seen::Pong,
                Unit::Close(code, reason) => Seen::Close(code, reason),
                Unit::Failed(failure) => Seen::Failed(failure),
            });
        }
        assert_eq!(at, bytes.len());
    }

    fn take(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    fn failed_with(&mut self, code: u16) {
        match &self.take()[..] {
            [Seen::Failed(failure)] => assert_eq!(failure.code, code),
            other => panic!("expected a failure, saw {other:?}"),
        }
        assert!(!self.reader.is_inside() && self.reader.held() == 0);
    }
}

/// What comes of the bytes in one read.
fn read(bytes: &[u8]) -> Vec<Seen> {
    let mut peer = Peer::default();
    peer.read(bytes);
    peer.take()
}

fn failure_code(bytes: &[u8]) -> u16 {
    let mut peer = Peer::default();
    peer.read(bytes);
    match peer.take().pop() {
        Some(Seen::Failed(failure)) => failure.code,
        other => panic!("expected a failure, saw {other:?}"),
    }
}

#[test]
fn an_idle_reader_is_two_words_and_holds_nothing() {
    assert!(size_of::<Reader>() <= 16);
    assert!(size_of::<Unit>() <= 136);
    let mut peer = Peer::default();
    peer.read(&text("hello")[..9]);
    assert!(peer.reader.is_inside() && peer.reader.held() > 0);
    peer.read(&text("hello")[9..]);
    assert!(!peer.reader.is_inside() && peer.reader.held() == 0);
    assert_eq!(peer.take(), [message(Kind::Text, b"hello")]);
}

#[test]
fn a_message_whole_in_one_read_stays_where_it_lies() {
    let (mut reader, mut pool) = (Reader::default(), BufferPool::default());
    let mut bytes = [text("one"), client_frame(0x82, &[7; 300])].concat();
    let mut at = 0;
    let mut next = |bytes: &mut [u8]| reader.next(bytes, &mut at, &LIMITS, &mut pool);
    let Unit::Message(Kind::Text, Body::InPlace(one)) = next(&mut bytes) else { panic!("first") };
    let Unit::Message(Kind::Binary, Body::InPlace(two)) = next(&mut bytes) else { panic!("second") };
    assert!(matches!(next(&mut bytes), Unit::More));
    assert_eq!((&bytes[one], &bytes[two]), (&b"one"[..], &[7; 300][..]));
}

#[test]
fn a_message_whose_header_was_cut_stays_where_it_lies_too() {
    let (mut reader, mut pool) = (Reader::default(), BufferPool::default());
    let bytes = text("hello");
    let (mut first, mut second) = (bytes[..5].to_vec(), bytes[5..].to_vec());
    assert!(matches!(reader.next(&mut first, &mut 0, &LIMITS, &mut pool), Unit::More));
    let unit = reader.next(&mut second, &mut 0, &LIMITS, &mut pool);
    assert!(
        matches!(unit, Unit::Message(Kind::Text, Body::InPlace(range)) if second[range.clone()] == *b"hello")
    );
    assert!(!reader.is_inside());
}

// 4.1 to 4.5
#[test]
fn a_bad_header_ends_it_before_the_payload_is_there() {
    for header in [
        &[0x81, 0x05][..],
        &[0xc1],
        &[0x83],
        &[0x8b],
        &[0x09],
        &[0x89, 0xfe],
        &[0x82, 0xfe, 0, 125],
        &[0x82, 0xff, 0, 0, 0, 0, 0, 0],
        &[0x82, 0xff, 0x80],
    ] {
        for cut in 0..header.len() {
            let mut peer = Peer::default();
            peer.read(&header[..cut]);
            assert_eq!(peer.seen, []);
            peer.read(&header[cut..]);
            peer.failed_with(1002);
        }
        // Also in the middle of a message, whose buffer comes back.
        let mut peer = Peer::default();
        peer.read(&client_frame(0x01, b"begun"));
        peer.read(header);
        peer.failed_with(1002);
    }
}

// 4.6
#[test]
fn fragments_of_different_messages_do_not_mix() {
    assert_eq!(failure_code(&client_frame(0x80, b"x")), 1002);
    assert_eq!(failure_code(&client_frame(0x00, b"x")), 1002);
    for second in [0x81, 0x82, 0x01, 0x02] {
        assert_eq!(failure_code(&[client_frame(0x01, b"x"), client_frame(second, b"y")].concat()), 1002);
        // From the header alone.
        assert_eq!(failure_code(&[client_frame(0x01, b"x"), promise(second, 500)].concat()), 1002);
    }
    // Nor does one message go on after its end.
    assert_eq!(failure_code(&[text("x"), client_frame(0x80, b"y")].concat()), 1002);
}

// 4.7
#[test]
fn control_frames_between_fragments_come_out_at_once() {
    let mut peer = Peer::default();
    peer.read(&client_frame(0x01, b"Hel"));
    peer.read(&client_frame(0x89, b"are you there"));
    assert_eq!(peer.take(), [Seen::Ping(b"are you there".to_vec())]);
    let pong = client_frame(0x8a, b"yes");
    peer.read(&pong[..7]);
    assert_eq!(peer.take(), []);
    peer.read(&pong[7..]);
    assert_eq!(peer.take(), [Seen::Pong]);
    peer.read(&client_frame(0x80, b"lo"));
    assert_eq!(peer.take(), [message(Kind::Text, b"Hello")]);
}

// 4.8 and 4.12
#[test]
fn fragments_join_and_empty_ones_are_legal() {
    let frames = [
        client_frame(0x02, b""),
        client_frame(0x00, b"ab"),
        client_frame(0x00, b""),
        client_frame(0x80, b"c"),
        client_frame(0x01, b"d"),
        client_frame(0x80, b""),
        text(""),
        client_frame(0x82, b""),
        client_frame(0x01, b""),
        client_frame(0x80, b""),
    ];
    let expected = [
        message(Kind::Binary, b"abc"),
        message(Kind::Text, b"d"),
        message(Kind::Text, b""),
        message(Kind::Binary, b""),
        message(Kind::Text, b""),
    ];
    assert_eq!(read(&frames.concat()), expected);
}

// 4.8
#[test]
fn bytes_one_by_one_mean_the_same() {
    let bytes = [text("Grüße"), client_frame(0x89, b""), client_frame(0x82, &[9; 700]), text("")].concat();
    let mut peer = Peer::default();
    for byte in &bytes {
        peer.read(&[*byte]);
    }
    assert_eq!(peer.take(), read(&bytes));
}

// 4.9
#[test]
fn a_message_over_the_limit_fails_by_its_header() {
    assert_eq!(read(&client_frame(0x82, &[1; 1000])), [message(Kind::Binary, &[1; 1000])]);
    assert_eq!(failure_code(&client_frame(0x82, &[1; 1001])), 1009);
    assert_eq!(failure_code(&promise(0x82, 1001)), 1009);
    assert_eq!(failure_code(&[&[0x82, 0xff, 0x7f][..], &[0xff; 7], &MASK].concat()), 1009);
    // Fragments add up.
    let begun = client_frame(0x02, &[1; 600]);
    assert_eq!(read(&[&begun[..], &client_frame(0x80, &[2; 400])].concat()).len(), 1);
    assert_eq!(failure_code(&[&begun[..], &promise(0x80, 401)].concat()), 1009);
}

// 4.9
#[test]
fn too_many_fragments_are_a_matter_of_policy() {
    let (first, more, last) = (client_frame(0x02, b""), client_frame(0x00, b""), client_frame(0x80, b"x"));
    assert_eq!(
        read(&[&first[..], &more, &more, &last].concat()),
        [message(Kind::Binary, b"x")],
        "four is the limit"
    );
    assert_eq!(failure_code(&[&first[..], &more, &more, &more, &last].concat()), 1008);
}

// 4.9
#[test]
fn memory_grows_by_what_came_and_not_by_what_was_promised() {
    let mut peer = Peer::default();
    peer.read(&promise(0x82, 999));
    assert_eq!(peer.reader.held(), 0);
    peer.read(&[0; 10]);
    assert!((10..200).contains(&peer.reader.held()));
}

// 4.10 and 4.11
#[test]
fn pings_bring_their_bodies_and_pongs_pass() {
    let long = [b'p'; 125];
    let bytes = [client_frame(0x89, &long), client_frame(0x8a, b""), client_frame(0x89, b"2")].concat();
    let expected = [Seen::Ping(long.to_vec()), Seen::Pong, Seen::Ping(b"2".to_vec())];
    assert_eq!(read(&bytes), expected);
}

// 4.13
#[test]
fn nothing_is_read_after_a_failure_not_even_a_close() {
    let mut peer = Peer::default();
    peer.read(&[client_frame(0x83, b""), client_frame(0x88, b""), text("late")].concat());
    peer.failed_with(1002);
    peer.read(&client_frame(0x88, b"\x03\xe8"));
    assert_eq!(peer.take(), []);
}

// 4.13
#[test]
fn an_ended_reader_gives_its_buffer_back_and_swallows_the_rest() {
    let mut peer = Peer::default();
    peer.read(&client_frame(0x01, &[b'x'; 900]));
    peer.reader.end(&mut peer.pool);
    assert!(!peer.reader.is_inside());
    assert!(peer.pool.take(900).capacity() >= 900);
    peer.read(&text("late"));
    assert_eq!(peer.take(), []);
}

// 5
#[test]
fn text_that_is_not_utf8_fails_and_binary_is_not_looked_at() {
    for bad in
        [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"caf\xc3"]
    {
        assert_eq!(failure_code(&client_frame(0x81, bad)), 1007);
        assert_eq!(failure_code(&[client_frame(0x01, b"ok "), client_frame(0x80, bad)].concat()), 1007);
        assert_eq!(read(&client_frame(0x82, bad)), [message(Kind::Binary, bad)]);
    }
}

// 5
#[test]
fn a_bad_byte_fails_before_its_frame_is_complete() {
    let good = "Grüße ".as_bytes();
    let frame = client_frame(0x01, &[good, b"\xed\xa0", &[b'x'; 90]].concat());
    let bad = frame.len() - 90 - 1;
    let mut peer = Peer::default();
    for byte in &frame[..bad] {
        peer.read(&[*byte]);
    }
    assert_eq!(peer.take(), []);
    peer.read(&frame[bad..=bad]);
    peer.failed_with(1007);
}

// 5
#[test]
fn a_character_may_be_cut_by_fragments_but_not_by_the_end() {
    let smile = "😀".as_bytes();
    let frames = [client_frame(0x01, &smile[..1]), client_frame(0x00, &smile[1..3])].concat();
    let whole = [&frames[..], &client_frame(0x80, &smile[3..])].concat();
    assert_eq!(read(&whole), [message(Kind::Text, smile)]);
    assert_eq!(failure_code(&[&frames[..], &client_frame(0x80, b"")].concat()), 1007);
}

// 6.1 to 6.3
#[test]
fn a_close_brings_its_code_and_reason() {
    assert_eq!(read(&client_frame(0x88, b"")), [Seen::Close(None, String::new())]);
    assert_eq!(read(&client_frame(0x88, b"\x0f\xa0bye")), [Seen::Close(Some(4000), "bye".into())]);
    assert_eq!(failure_code(&client_frame(0x88, b"\x03")), 1002);
    assert_eq!(failure_code(&client_frame(0x88, b"\x03\xed")), 1002);
    assert_eq!(failure_code(&client_frame(0x88, b"\x03\xe8\xff")), 1007);
}

// 6.5
#[test]
fn nothing_is_read_after_a_close_even_in_the_middle_of_a_message() {
    let mut peer = Peer::default();
    let close = client_frame(0x88, b"\x03\xe9");
    peer.read(&[&client_frame(0x01, b"half")[..], &close, &client_frame(0x80, b"late"), &close].concat());
    assert_eq!(peer.take(), [Seen::Close(Some(1001), String::new())]);
    assert!(!peer.reader.is_inside() && peer.reader.held() == 0);
}

/// Payloads that are text, nearly text, or anything.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-zß€😀]{0,40}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..130),
        1 => Just("ab😀".as_bytes()[..4].to_vec()),
        1 => (0..1100_usize).prop_map(|len| vec![b'x'; len]),
        1 => Just(b"\x03\xe8bye".to_vec()),
    ]
}

/// First bytes, most of them good.
fn first_byte() -> impl Strategy<Value = u8> {
    let good = proptest::sample::select(&[0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x80, 0x89, 0x8a][..]);
    prop_oneof![20 => good, 1 => Just(0x88), 1 => any::<u8>()]
}

proptest! {
    // 4.8
    #[test]
    fn what_comes_out_does_not_depend_on_where_reads_cut(
        frames in proptest::collection::vec((first_byte(), payload()), 0..12),
        tail in proptest::collection::vec(any::<u8>(), 0..4),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let mut bytes = Vec::new();
        for (first, payload) in &frames {
            bytes.extend(client_frame(*first, payload));
        }
        bytes.extend(tail);
        let whole = read(&bytes);

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut in_pieces = Peer::default();
        cuts.windows(2).for_each(|ends| in_pieces.read(&bytes[ends[0]..ends[1]]));
        prop_assert_eq!(in_pieces.take(), whole.clone());

        let mut byte_by_byte = Peer::default();
        bytes.iter().for_each(|byte| byte_by_byte.read(&[*byte]));
        prop_assert_eq!(byte_by_byte.take(), whole);
    }
}
