//! Split invariance: a stream of bytes, valid or not, cut at any places and with
//! turns in between, gives the same events and the same bytes.
//!
//! Three things legitimately depend on the cuts, and are kept out of the
//! streams: past 16 pings in a turn, or while the kernel is full, only the
//! newest is answered; and 100 (Continue) is said only to those who have not
//! sent some of the body.

use proptest::prelude::*;

use super::{wire::*, *};

/// A piece of a stream as a client that behaves, more or less, would send it.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    const TEXTS: &[&str] = &[
        r#"{"event":"say","data":"h\u00e9llo €"}"#,
        r#"{"event":"s\u0061y","args":[1,[2],{"a":null}],"id":7}"#,
        r#"{"ack":1,"data":true}"#,
        r#"{"event":"pic","data":{"_placeholder":true,"num":0},"attachments":["AQID"]}"#,
        r#"{"event":"connect"}"#,
        r#"{"event":1}"#,
        "no json",
        "",
        "héllo ✋ 𝄞",
    ];
    const REQUESTS: &[&str] = &[
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /x?y HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    let whole = prop::sample::select(TEXTS).prop_map(text);
    let fragments = (prop::sample::select(TEXTS), 0..3usize).prop_map(|(said, between)| {
        let (one, two) = said.as_bytes().split_at(said.len() / 2);
        let more = [pong(), Vec::new(), frame(false, 0, b"")];
        [frame(false, 1, one), more[between].clone(), frame(true, 0, two)].concat()
    });
    let any_frame = (any::<bool>(), 0..16u8, prop::collection::vec(any::<u8>(), 0..150))
        .prop_map(|(fin, opcode, payload)| frame(fin, opcode, &payload));
    let closes = (0..5_000u16, prop::sample::select(TEXTS)).prop_map(|(code, why)| close(code, why));
    let large = (1_000..2_600usize).prop_map(|length| text(&"x".repeat(length)));
    prop_oneof![
        12 => whole,
        6 => fragments,
        4 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| binary(&bytes)),
        3 => "[ -~]{0,9}".prop_map(|body| ping(&body)),
        1 => Just(pong()),
        1 => any_frame,
        1 => closes,
        1 => Just(frame(true, 8, b"")),
        1 => Just(frame(true, 1, b"caf\xc3(")),
        1 => large,
        1 => prop::sample::select(REQUESTS).prop_map(|request| request.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
    .prop_filter("an expectation", |bytes| !bytes.windows(6).any(|at| at.eq_ignore_ascii_case(b"expect")))
}

/// What comes before the frames: requests, and a handshake or something else.
fn opening() -> impl Strategy<Value = Vec<u8>> {
    let request = "GET /before HTTP/1.1\r\nHost: a\r\n\r\n";
    prop_oneof![
        10 => Just(handshake("/")),
        10 => Just(handshake("/raw")),
        2 => Just([request.repeat(2).into_bytes(), handshake("/raw")].concat()),
        1 => Just([request.as_bytes(), &handshake("/none")].concat()),
        1 => Just(handshake_with("/", "Content-Length: 1\r\n")),
        2 => Just(Vec::new()),
    ]
}

/// A stream: an opening and up to a dozen pieces.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    (opening(), prop::collection::vec(piece(), 0..12))
        .prop_map(|(opening, pieces)| [opening, pieces.concat()].concat())
}

/// Where to cut, as shares of the whole; or after every byte.
pub(super) fn cuts() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0f64, 1..8)
}

pub(super) fn pieces<'a>(bytes: &'a [u8], cuts: &[f64]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|share| (share * bytes.len() as f64) as usize).collect();
    places.sort_unstable();
    let ends = places.iter().copied().chain([bytes.len()]);
    let starts = [0].into_iter().chain(places.iter().copied());
    starts.zip(ends).map(|(start, end)| &bytes[start..end]).filter(|piece| !piece.is_empty()).collect()
}

/// What came of a stream: the events, the bytes, and whether the server closed.
type Trace = (Vec<String>, Vec<u8>, bool);

/// The host answers requests at once, and otherwise only listens: when it would
/// say something depends on the turns.
fn play(pieces: &[&[u8]], turn_messages: u32, blocked: bool) -> Trace {
    let mut config = config(|limits| {
        limits.message_bytes = 2_000;
        limits.message_fragments = 4;
        limits.turn_messages = turn_messages;
    });
    config.http = true;
    let mut salon = Salon::new(config);
    salon.engine.open("/raw", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let client = salon.connect();
    if blocked {
        salon.room(client, 0);
    }
    let mut lines = Vec::new();
    for piece in pieces {
        salon.write(client, *piece);
        listen(&mut salon, &mut lines);
    }
    salon.room(client, usize::MAX);
    listen(&mut salon, &mut lines);
    let bytes = salon.read(client);
    (lines, bytes, salon.is_finished(client))
}

/// Lets the host answer requests at once, and otherwise only listen.
pub(super) fn listen(salon: &mut Salon, lines: &mut Vec<String>) {
    loop {
        let (before, asked) = (lines.len(), salon.requests.len());
        lines.extend(salon.quiet());
        for request in asked..salon.requests.len() {
            salon.respond(request, 200, "here you are");
        }
        if lines.len() == before {
            return;
        }
    }
}

fn judge(bytes: &[u8], cut: &[&[u8]], turn_messages: u32) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!(play(cut, turn_messages, false), play(&[bytes], turn_messages, false));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn stream_cut_anywhere_is_the_same_stream(
        bytes in stream(), cuts in cuts(), turn_messages in prop_oneof![1..4u32, Just(256)],
    ) {
        judge(&bytes, &pieces(&bytes, &cuts), turn_messages)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases() / 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn stream_in_single_bytes_is_the_same_stream(bytes in stream()) {
        judge(&bytes, &bytes.chunks(1).collect::<Vec<_>>(), 256)?;
    }

    /// Nothing is read by the client until the last piece is there. No pings,
    /// and nothing but frames: while an answer waits, no other request is read.
    #[test]
    fn stream_is_the_same_for_a_client_that_reads_at_the_end(
        pieces_of in prop::collection::vec(piece(), 0..12), cuts in cuts(),
    ) {
        let frames: Vec<u8> = pieces_of.into_iter().filter(|it| it.first() != Some(&0x89)).flatten().collect();
        let bytes = [handshake("/"), frames].concat();
        prop_assert_eq!(play(&pieces(&bytes, &cuts), 256, true), play(&[&bytes], 256, true));
    }
}

#[test]
fn stream_of_everything_in_single_bytes_and_at_every_single_cut() {
    let stream = [
        b"GET /before HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        handshake("/"),
        text(r#"{"event":"one","data":"€"}"#),
        ping("p"),
        frame(false, 1, b"{\"event\":"),
        ping("between"),
        frame(true, 0, b"\"two\"}"),
        text("no json"),
        binary(&[7; 200]),
        text(r#"{"event":"three","id":3}"#),
        close(4000, "bye €"),
        text("late"),
    ]
    .concat();
    let whole = play(&[&stream], 256, false);
    assert_eq!(whole.0.len(), 6, "{:?}", whole.0);
    assert!(whole.2);
    for turn_messages in [1, 2, 256] {
        assert_eq!(play(&stream.chunks(1).collect::<Vec<_>>(), turn_messages, false), whole);
        for cut in 0..stream.len() {
            assert_eq!(play(&[&stream[..cut], &stream[cut..]], turn_messages, false), whole, "{cut}");
        }
    }
}
