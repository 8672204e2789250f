//! Engine.IO, revision 4: packets, the payloads of polling that join them, and
//! the packet that opens a session. Section numbers are those of the protocol
//! document. Answers to polls are in `answer.rs`, the checks that each
//! request passes in `request.rs`.
//!
//! Packets are read where they lie: what comes out are ranges of the message or
//! piece that went in, and base64 is decoded in place.

pub(crate) mod answer;
pub(crate) mod request;

use std::{io::Write as _, ops::Range};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::utf8;

/// Stands between the packets of a payload (§2).
pub(crate) const SEPARATOR: u8 = 0x1e;

/// What a server says in single packets (§5.2, §6, §7, §9).
pub(crate) mod say {
    pub(crate) const CLOSE: &[u8] = b"1";
    pub(crate) const PING: &[u8] = b"2";
    pub(crate) const PROBE_PONG: &[u8] = b"3probe";
    pub(crate) const NOOP: &[u8] = b"6";
    /// To the first poll after the server closed a session that nobody polled.
    pub(crate) const NOOP_AND_CLOSE: &[u8] = b"6\x1e1";
}

/// The data of a ping and its pong that ask whether a WebSocket works (§7).
pub(crate) const PROBE: &[u8] = b"probe";

/// A packet of a client. Ranges are those of its data in the bytes it was read
/// from (§1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Open,
    Close,
    Ping(Range<usize>),
    Pong(Range<usize>),
    /// Text; UTF-8 if the packet was.
    Message(Range<usize>),
    /// Bytes; written over the base64 that stood for them, if any did.
    Binary(Range<usize>),
    Upgrade,
    Noop,
}

/// Bytes that are no packet or payload: the session is closed (§2, §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

const EMPTY: Malformed = Malformed("empty packet");
const UNKNOWN: Malformed = Malformed("unknown packet type");
const BAD_BASE64: Malformed = Malformed("binary packet is not base64");
pub(crate) const TOO_MANY: Malformed = Malformed("too many packets in a payload");
const BAD_TEXT: Malformed = Malformed("text is not UTF-8");

/// Reads a text message of a WebSocket, whose UTF-8 has been checked (§1).
pub(crate) fn read_text(message: &mut [u8]) -> Result<Packet, Malformed> {
    let data = 1..message.len();
    Ok(match *message.first().ok_or(EMPTY)? {
        b'0' => Packet::Open,
        b'1' => Packet::Close,
        b'2' => Packet::Ping(data),
        b'3' => Packet::Pong(data),
        b'4' => Packet::Message(data),
        b'5' => Packet::Upgrade,
        b'6' => Packet::Noop,
        // §1: also on a WebSocket.
        b'b' => {
            let decoded = decode_in_place(message.get_mut(1..).unwrap_or_default()).ok_or(BAD_BASE64)?;
            Packet::Binary(1..1 + decoded)
        }
        _ => return Err(UNKNOWN),
    })
}

/// Reads one piece of a payload (§2).
pub(crate) fn read_piece(piece: &mut [u8]) -> Result<Packet, Malformed> {
    if !utf8::is_text(piece) {
        return Err(BAD_TEXT);
    }
    read_text(piece)
}

/// Walks over the pieces of a payload. It keeps no hold on the payload, so that
/// what is before it can be changed, and other things happen, between two steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces {
    /// Where the next piece begins; behind the end once the last was taken.
    at: usize,
    /// How many more there may be.
    left: u32,
}

impl Pieces {
    /// Begins with a payload that may hold `most` packets.
    pub(crate) fn new(most: u32) -> Self {
        Self { at: 0, left: most }
    }

    /// Where the next piece lies in `payload`, which is the same at every step.
    /// A payload of no bytes is one empty piece, and so no payload (§5.1).
    pub(crate) fn next(&mut self, payload: &[u8]) -> Option<Result<Range<usize>, Malformed>> {
        let rest = payload.get(self.at..)?;
        if self.left == 0 {
            self.at = usize::MAX;
            return Some(Err(TOO_MANY));
        }
        self.left -= 1;
        let length = rest.iter().position(|&byte| byte == SEPARATOR).unwrap_or(rest.len());
        let piece = self.at..self.at + length;
        self.at = piece.end + 1;
        Some(Ok(piece))
    }
}

/// As lenient as the original: padding may be missing, spare bits may be set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Bytes of base64 that are decoded at a time; a multiple of four.
const BLOCK: usize = 1 << 10;

/// Decodes base64 over itself; answers how many bytes it became.
fn decode_in_place(bytes: &mut [u8]) -> Option<usize> {
    let mut decoded = [0; BLOCK / 4 * 3];
    let (mut from, mut to) = (0, 0);
    while from < bytes.len() {
        let end = bytes.len().min(from + BLOCK);
        let block = bytes.get(from..end)?;
        // Padding ends the whole, not a block of it.
        if end < bytes.len() && block.ends_with(b"=") {
            return None;
        }
        let length = BASE64.decode_slice(block, &mut decoded).ok()?;
        bytes.get_mut(to..to + length)?.copy_from_slice(decoded.get(..length)?);
        (from, to) = (end, to + length);
    }
    Some(to)
}

/// What the open packet tells (§4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshake<'a> {
    pub(crate) sid: &'a str,
    /// Whether the session may move to a WebSocket.
    pub(crate) may_upgrade: bool,
    pub(crate) ping_interval_ms: u32,
    pub(crate) ping_timeout_ms: u32,
    /// Bytes of the largest payload or message that the server takes.
    pub(crate) max_payload: u32,
}

/// Each half of what a JavaScript timer can hold: clients wait for the sum of
/// interval and time-out, and a timer beyond 2^31−1 ms goes off at once.
const LONGEST_WAIT_MS: u32 = i32::MAX as u32 / 2;

/// Writes the open packet (§4): exactly these keys in this order.
pub(crate) fn write_open(out: &mut Vec<u8>, handshake: &Handshake<'_>) {
    let Handshake { sid, may_upgrade, max_payload, .. } = handshake;
    let upgrades = if *may_upgrade { "[\"websocket\"]" } else { "[]" };
    let interval = handshake.ping_interval_ms.min(LONGEST_WAIT_MS);
    let timeout = handshake.ping_timeout_ms.min(LONGEST_WAIT_MS);
    // A Vec takes all that is written to it.
    let _ = write!(
        out,
        "0{{\"sid\":\"{sid}\",\"upgrades\":{upgrades},\"pingInterval\":{interval},\
         \"pingTimeout\":{timeout},\"maxPayload\":{max_payload}}}"
    );
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    /// The packets of a payload, with their data, up to the first that is wrong.
    fn packets(payload: &[u8]) -> (Vec<(u8, Vec<u8>)>, Option<&'static str>) {
        let (mut payload, mut pieces, mut found) = (payload.to_vec(), Pieces::new(4_096), Vec::new());
        while let Some(piece) = pieces.next(&payload) {
            let read = piece.and_then(|at| {
                let piece = &mut payload[at];
                read_piece(piece).map(|packet| describe(&packet, piece))
            });
            match read {
                Ok(packet) => found.push(packet),
                Err(malformed) => return (found, Some(malformed.0)),
            }
        }
        (found, None)
    }

    fn describe(packet: &Packet, bytes: &[u8]) -> (u8, Vec<u8>) {
        let (letter, data) = match packet {
            Packet::Open => (b'0', 0..0),
            Packet::Close => (b'1', 0..0),
            Packet::Ping(data) => (b'2', data.clone()),
            Packet::Pong(data) => (b'3', data.clone()),
            Packet::Message(data) => (b'4', data.clone()),
            Packet::Upgrade => (b'5', 0..0),
            Packet::Noop => (b'6', 0..0),
            Packet::Binary(data) => (b'b', data.clone()),
        };
        (letter, bytes[data].to_vec())
    }

    // §1
    #[test]
    fn every_type_of_packet_is_read() {
        for (text, letter, data) in [
            ("0{}", b'0', ""),
            ("1", b'1', ""),
            ("2probe", b'2', "probe"),
            ("3", b'3', ""),
            ("4hello", b'4', "hello"),
            ("4", b'4', ""),
            ("4€", b'4', "€"),
            ("5", b'5', ""),
            ("6", b'6', ""),
            ("bAQIDBA==", b'b', "\x01\x02\x03\x04"),
            ("b", b'b', ""),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            let packet = read_text(&mut bytes).unwrap();
            assert_eq!(describe(&packet, &bytes), (letter, data.as_bytes().to_vec()), "{text}");
        }
    }

    // §2
    #[test]
    fn what_is_no_packet_is_an_error() {
        for (text, reason) in [
            ("", "empty packet"),
            ("abc", "unknown packet type"),
            ("7", "unknown packet type"),
            ("€", "unknown packet type"),
            (" 4", "unknown packet type"),
            ("B", "unknown packet type"),
            ("b!", "binary packet is not base64"),
            ("bA", "binary packet is not base64"),
            ("bAQ=ID", "binary packet is not base64"),
            ("b====", "binary packet is not base64"),
        ] {
            assert_eq!(read_text(&mut text.as_bytes().to_vec()), Err(Malformed(reason)), "{text}");
        }
        assert_eq!(read_piece(&mut b"4\xff".to_vec()), Err(BAD_TEXT));
    }

    // §2
    #[test]
    fn a_payload_is_split_at_each_separator() {
        let text = |text: &str| (b'4', text.as_bytes().to_vec());
        assert_eq!(packets(b"4hello"), (vec![text("hello")], None));
        assert_eq!(
            packets(b"4hello\x1ebAQIDBA==\x1e4"),
            (vec![text("hello"), (b'b', vec![1, 2, 3, 4]), text("")], None)
        );
        assert_eq!(packets("4€\x1e2".as_bytes()), (vec![text("€"), (b'2', vec![])], None));
    }

    // §2 and §5.1
    #[test]
    fn packets_before_a_bad_one_have_been_handled() {
        let one = vec![(b'4', b"a".to_vec())];
        assert_eq!(packets(b""), (vec![], Some("empty packet")));
        assert_eq!(packets(b"\x1e4a"), (vec![], Some("empty packet")));
        assert_eq!(packets(b"4a\x1e"), (one.clone(), Some("empty packet")));
        assert_eq!(packets(b"4a\x1e\x1e4b"), (one.clone(), Some("empty packet")));
        assert_eq!(packets(b"4a\x1eabc\x1e4b"), (one.clone(), Some("unknown packet type")));
        assert_eq!(packets(b"4a\x1e4\xff"), (one, Some("text is not UTF-8")));
    }

    #[test]
    fn a_payload_of_too_many_packets_ends_at_the_limit() {
        let payload = "4\x1e".repeat(4_095) + "4";
        assert_eq!(packets(payload.as_bytes()).1, None);
        let (found, fault) = packets((payload + "\x1e4").as_bytes());
        assert_eq!((found.len(), fault), (4_096, Some("too many packets in a payload")));
        let mut pieces = Pieces::new(0);
        assert_eq!(pieces.next(b"4"), Some(Err(TOO_MANY)));
        assert_eq!(pieces.next(b"4"), None);
    }

    // §4
    #[test]
    fn the_open_packet_has_exactly_these_keys_in_this_order() {
        let mut handshake = Handshake {
            sid: "AbCdEfGhIjKlMnOpQrSt",
            may_upgrade: true,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            max_payload: 1_000_000,
        };
        let written = |handshake: &Handshake<'_>| {
            let mut out = Vec::new();
            write_open(&mut out, handshake);
            String::from_utf8(out).unwrap()
        };
        let text = written(&handshake);
        assert_eq!(
            text,
            "0{\"sid\":\"AbCdEfGhIjKlMnOpQrSt\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}"
        );
        assert_eq!(text.len(), 118);
        handshake =
            Handshake { may_upgrade: false, ping_interval_ms: 300, ping_timeout_ms: 200, ..handshake };
        assert_eq!(written(&handshake).len(), 103);
        assert!(written(&handshake).contains("\"upgrades\":[],"));
    }

    #[test]
    fn no_client_is_told_to_wait_longer_than_its_timer_can() {
        let (sid, may_upgrade, max_payload) = ("s", true, u32::MAX);
        let handshake = Handshake {
            sid,
            may_upgrade,
            ping_interval_ms: u32::MAX,
            ping_timeout_ms: u32::MAX,
            max_payload,
        };
        let mut out = Vec::new();
        write_open(&mut out, &handshake);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\"pingInterval\":1073741823,\"pingTimeout\":1073741823,"), "{text}");
        assert!(2 * LONGEST_WAIT_MS <= i32::MAX as u32);
    }

    fn soup() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 10] = ["4", "\x1e", "b", "AQID", "==", "1", "2probe", "[\"a\"]", "€", "x"];
        let piece = prop_oneof![
            6 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..3),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn base64_is_decoded_over_itself(bytes in prop::collection::vec(any::<u8>(), 0..4_000), padded: bool) {
            let mut text = STANDARD.encode(&bytes).into_bytes();
            if !padded {
                text.truncate(text.iter().position(|&byte| byte == b'=').unwrap_or(text.len()));
            }
            let length = decode_in_place(&mut text).unwrap();
            prop_assert_eq!(&text[..length], &bytes[..]);
        }

        #[test]
        fn padding_inside_base64_is_no_base64(at in 0usize..1_000, bytes in prop::collection::vec(any::<u8>(), 3_000)) {
            let mut text = STANDARD.encode(&bytes).into_bytes();
            text[4 * at + 3] = b'=';
            prop_assert_eq!(decode_in_place(&mut text).is_some(), at == 999);
        }

        #[test]
        fn any_payload_gives_the_packets_of_its_pieces(payload in soup()) {
            let (found, fault) = packets(&payload);
            let pieces: Vec<_> = payload.split(|&byte| byte == SEPARATOR).collect();
            prop_assert_eq!(found.len() + usize::from(fault.is_some()), pieces.len().min(found.len() + 1));
            for ((letter, data), piece) in found.iter().zip(pieces) {
                prop_assert_eq!(*letter, piece[0]);
                if matches!(letter, b'2' | b'3' | b'4') {
                    prop_assert_eq!(&data[..], &piece[1..]);
                }
            }
        }
    }
}
