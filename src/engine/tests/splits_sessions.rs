//! Split invariance of Engine.IO and Socket.IO: requests of the polling
//! transport, WebSockets and the move from one to the other, valid or not, cut
//! at any places and with turns in between, give the same events and bytes.
//!
//! Ids are drawn from a sequence that is always the same, so a stream can name
//! the session that it begins. The host says nothing: when it would speak
//! depends on the turns.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::{
    splits::{cuts, listen, pieces},
    wire::*,
    *,
};

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

/// Engine.IO packets in their text form, which is the same on both transports.
const PACKETS: &[&str] = &[
    "40",
    "40/chat,",
    r#"40/chat,{"token":"é"}"#,
    "40/none,",
    "40[1]",
    "41",
    "41/chat,",
    r#"42["say","h\u00e9llo €",{"a":[1]}]"#,
    r#"42/chat,["s\u0061y"]"#,
    r#"427["ask",null]"#,
    "437[true]",
    "42[]",
    r#"42["connect"]"#,
    r#"451-["pic",{"_placeholder":true,"num":0}]"#,
    r#"452-3["two",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#,
    r#"44{"message":"mine"}"#,
    "4",
    "4abc",
    "3",
    "3probe",
    "2",
    "2probe",
    "1",
    "5",
    "6",
    "0{}",
    "",
    "x",
];

/// Packets that end no session, if they come in their order.
const GOOD: &[&str] = &[
    "40/chat,",
    r#"42["say","h\u00e9llo €",{"a":[1]}]"#,
    r#"42["s\u0061y"]"#,
    r#"427["ask",null]"#,
    "437[true]",
    "3",
    "6",
];

fn packet() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(GOOD).prop_map(str::to_owned),
        2 => prop::sample::select(PACKETS).prop_map(str::to_owned),
        1 => "4[0-9][ -~]{0,12}",
    ]
}

/// The id of the first session of every server here.
fn first_sid() -> &'static str {
    static SID: OnceLock<String> = OnceLock::new();
    SID.get_or_init(|| {
        let mut salon = server(256);
        let client = salon.connect();
        salon.write(client, request("GET", OPEN, ""));
        salon.quiet();
        let answer = String::from_utf8(salon.read(client)).unwrap();
        let at = answer.find(r#""sid":""#).unwrap() + 7;
        answer[at..at + 20].to_owned()
    })
}

fn server(turn_messages: u32) -> Salon {
    let mut config = config(|limits| {
        limits.message_bytes = 2_000;
        limits.message_fragments = 4;
        limits.turn_messages = turn_messages;
        limits.payload_packets = 8;
        limits.poll_packets = 3;
    });
    config.http = true;
    let mut salon = Salon::new(config);
    salon.engine.open("/chat", Namespace::default()).unwrap();
    salon
}

fn request(method: &str, target: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}").into_bytes()
}

fn of_session(method: &str, body: &str) -> Vec<u8> {
    request(method, &format!("{OPEN}&sid={}", first_sid()), body)
}

/// The same in two chunks.
fn in_chunks(body: &str) -> Vec<u8> {
    let head =
        format!("POST {OPEN}&sid={} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", first_sid());
    let (one, two) = body.as_bytes().split_at(body.len() / 2);
    let chunk = |bytes: &[u8]| match bytes {
        [] => Vec::new(),
        bytes => [format!("{:x};x=y\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
    };
    [head.as_bytes(), &chunk(one), &chunk(two), b"0\r\nT: x\r\n\r\n"].concat()
}

/// A payload of packets, some with their attachments.
fn payload() -> impl Strategy<Value = String> {
    let binary = prop::sample::select(&["bAQID", "b", "bAQ==", "b?"][..]).prop_map(str::to_owned);
    let with_attachment = Just("451-[\"pic\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID".to_owned());
    let piece = prop_oneof![8 => packet(), 1 => binary, 2 => with_attachment];
    prop_oneof![
        12 => prop::collection::vec(piece, 1..5).prop_map(|packets| packets.join("\u{1e}")),
        1 => (1_800..2_100usize).prop_map(|length| format!("42[\"{}\"]", "x".repeat(length))),
        1 => Just(["42[\"a\"]"; 9].join("\u{1e}")),
    ]
}

/// A request of a client on polling that behaves, more or less.
fn polling_piece() -> impl Strategy<Value = Vec<u8>> {
    const OTHERS: &[&str] = &[
        "GET /page HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    ];
    prop_oneof![
        10 => payload().prop_map(|payload| of_session("POST", &payload)),
        3 => payload().prop_map(|payload| in_chunks(&payload)),
        8 => Just(of_session("GET", "")),
        1 => Just(of_session("POST", "")),
        1 => Just(of_session("DELETE", "")),
        2 => prop::sample::select(OTHERS).prop_map(|request| request.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// Polling on one connection, each request behind the other: a handshake, mostly
/// an entry, and a dozen requests.
fn polling_stream() -> impl Strategy<Value = Vec<u8>> {
    let enters = prop_oneof![6 => Just(of_session("POST", "40")), 1 => Just(Vec::new())];
    (enters, prop::collection::vec(polling_piece(), 0..12))
        .prop_map(|(enters, pieces)| [request("GET", OPEN, ""), enters, pieces.concat()].concat())
}

/// What a client on a WebSocket sends.
fn websocket_piece() -> impl Strategy<Value = Vec<u8>> {
    let fragments = (packet(), 0..3usize).prop_map(|(said, between)| {
        let (one, two) = said.as_bytes().split_at(said.len() / 2);
        let more = [pong(), Vec::new(), frame(false, 0, b"")];
        [frame(false, 1, one), more[between].clone(), frame(true, 0, two)].concat()
    });
    let with_attachments =
        (prop::collection::vec(any::<u8>(), 0..60), any::<bool>()).prop_map(|(bytes, pings)| {
            let between = if pings { ping("between") } else { Vec::new() };
            let text = text(r#"452-3["two",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#);
            [text, binary(&bytes), between, binary(b"second")].concat()
        });
    prop_oneof![
        12 => packet().prop_map(|packet| text(&packet)),
        4 => fragments,
        4 => with_attachments,
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| binary(&bytes)),
        1 => Just(text("bAQID")),
        2 => "[ -~]{0,9}".prop_map(|body| ping(&body)),
        1 => (0..5_000u16).prop_map(|code| close(code, "why")),
        1 => Just(frame(true, 1, b"4\xff")),
        1 => (1_900..2_100usize).prop_map(|length| text(&format!("42[\"{}\"]", "x".repeat(length)))),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// A session that begins on a WebSocket, and mostly enters.
fn websocket_stream() -> impl Strategy<Value = Vec<u8>> {
    let target = prop_oneof![
        8 => Just("/socket.io/?EIO=4&transport=websocket"),
        1 => Just("/socket.io/?EIO=4&transport=websocket&b64=1"),
        1 => Just("/socket.io/?EIO=3&transport=websocket"),
    ];
    let enters = prop_oneof![6 => Just(text("40")), 1 => Just(Vec::new())];
    (target, enters, prop::collection::vec(websocket_piece(), 0..12))
        .prop_map(|(target, enters, pieces)| [handshake(target), enters, pieces.concat()].concat())
}

/// A WebSocket for a session on polling: mostly it moves.
fn probing_stream() -> impl Strategy<Value = Vec<u8>> {
    let opening = prop_oneof![
        8 => Just([text("2probe"), text("5")].concat()),
        2 => Just([text("2probe"), ping("p"), text("2probe"), text("5")].concat()),
        1 => Just(text("5")),
        1 => Just(text("2probe")),
        1 => Just(Vec::new()),
    ];
    (opening, prop::collection::vec(websocket_piece(), 0..10)).prop_map(|(opening, pieces)| {
        let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", first_sid());
        [handshake(&target), opening, pieces.concat()].concat()
    })
}

/// What has been before the stream: nothing, or a session on polling, perhaps
/// with a poll that waits or attachments that are due.
#[derive(Clone, Copy, Debug)]
struct Before {
    session: bool,
    polls: bool,
    due: bool,
}

const NOTHING: Before = Before { session: false, polls: false, due: false };

/// What came of a stream: events, the bytes of its connection and of the poll
/// before it, whether the server closed; then what its end brought, and what
/// the server has counted.
type Trace = (Vec<String>, Vec<u8>, Vec<u8>, bool, Vec<String>, [u64; 4]);

fn play(pieces: &[&[u8]], before: Before, turn_messages: u32) -> Trace {
    let mut salon = server(turn_messages);
    let mut lines = Vec::new();
    let mut poll = None;
    if before.session {
        let client = salon.connect();
        let due =
            if before.due { of_session("POST", "40\u{1e}451-[\"due\"]") } else { of_session("POST", "40") };
        for bytes in [request("GET", OPEN, ""), due, of_session("GET", "")] {
            salon.write(client, bytes);
            lines.extend(salon.quiet());
        }
        salon.read(client);
        if before.polls {
            salon.write(client, of_session("GET", ""));
            lines.extend(salon.quiet());
        }
        poll = Some(client);
    }
    let client = salon.connect();
    for piece in pieces {
        salon.write(client, *piece);
        listen(&mut salon, &mut lines);
    }
    let (bytes, finished) = (salon.read(client), salon.is_finished(client));
    let mut polled = poll.map(|client| salon.read(client)).unwrap_or_default();
    // A probe sends a poll away, unless it has ended within its turn.
    if polled.ends_with(b"\r\n\r\n6") {
        polled.clear();
    }
    let stats = salon.engine.stats();
    let counts = [stats.messages_in, stats.requests, stats.sessions, stats.refused_malformed];
    salon.end(client, End::Eof);
    (lines, bytes, polled, finished, salon.quiet(), counts)
}

fn turn_messages() -> impl Strategy<Value = u32> {
    prop_oneof![1..4u32, Just(256)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn polling_cut_anywhere_is_the_same_stream(bytes in polling_stream(), cuts in cuts()) {
        prop_assert_eq!(play(&pieces(&bytes, &cuts), NOTHING, 256), play(&[&bytes], NOTHING, 256));
    }

    #[test]
    fn session_on_a_websocket_cut_anywhere_is_the_same_stream(
        bytes in websocket_stream(), cuts in cuts(), most in turn_messages(),
    ) {
        prop_assert_eq!(play(&pieces(&bytes, &cuts), NOTHING, most), play(&[&bytes], NOTHING, most));
    }

    #[test]
    fn probe_and_move_cut_anywhere_are_the_same_stream(
        bytes in probing_stream(), cuts in cuts(), most in turn_messages(),
        polls in any::<bool>(), due in any::<bool>(),
    ) {
        let before = Before { session: true, polls, due };
        prop_assert_eq!(play(&pieces(&bytes, &cuts), before, most), play(&[&bytes], before, most));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases() / 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sessions_in_single_bytes_are_the_same_streams(
        polling in polling_stream(), websocket in websocket_stream(), probing in probing_stream(),
        polls in any::<bool>(),
    ) {
        let before = Before { session: true, polls, due: false };
        for (bytes, before) in [(polling, NOTHING), (websocket, NOTHING), (probing, before)] {
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(play(&single, before, 256), play(&[&bytes], before, 256));
        }
    }
}

/// The streams above are mostly conversations, and not only refusals.
#[test]
fn session_of_everything_at_every_single_cut() {
    let polling = [
        request("GET", OPEN, ""),
        of_session("POST", "40\u{1e}40/chat,{\"a\":1}\u{1e}42[\"one\",\"€\"]"),
        of_session("GET", ""),
        in_chunks("451-[\"pic\"]\u{1e}bAQID\u{1e}427[\"ask\"]"),
        request("GET", "/page", ""),
        of_session("POST", "3\u{1e}41/chat,"),
        of_session("POST", "1"),
        of_session("GET", ""),
    ]
    .concat();
    let probing = [
        handshake(&format!("/socket.io/?EIO=4&transport=websocket&sid={}", first_sid())),
        text("2probe"),
        text("5"),
        binary(b"was due"),
        text("42[\"two\"]"),
        text(r#"452-3["two",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#),
        binary(b"1"),
        ping("p"),
        binary(b"2"),
        text("40/chat,"),
        text("41"),
        close(1000, ""),
    ]
    .concat();
    let moving = Before { session: true, polls: true, due: true };
    for (stream, before, events) in [(polling, NOTHING, 8), (probing, moving, 8)] {
        for most in [1, 2, 256] {
            let whole = play(&[&stream], before, most);
            assert_eq!(whole.0.len(), events, "{:?}", whole.0);
            for cut in 0..stream.len() {
                assert_eq!(play(&[&stream[..cut], &stream[cut..]], before, most), whole, "{cut}");
            }
        }
    }
}
