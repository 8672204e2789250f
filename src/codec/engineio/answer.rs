//! The answer to a poll, made from the frames that would have gone over a
//! WebSocket (§2): headers are stripped, binary frames become `b` and base64,
//! and what comes out is joined to one payload. So a session on polling queues
//! the same bytes as one on a WebSocket, and an upgrade moves nothing.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::SEPARATOR;
use crate::codec::frame::{self, Opcode};

/// What went into a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Packets in the payload.
    pub(crate) packets: usize,
    /// Bytes of frames that the payload replaces.
    pub(crate) bytes: usize,
}

/// Appends to `out` a payload of at most `most` packets from the frames in
/// `pieces`, in their order. Each frame lies in one piece as a whole.
///
/// A text and the binary frames behind it, which are its attachments, go out
/// together if there is room for them in one payload; what finds no room waits
/// for the next. A text with more attachments than that is taken apart, which
/// is allowed: the order of packets is what counts, not the polls they come by.
///
/// A close frame becomes a close packet. Pings and pongs of RFC 6455 have no
/// counterpart and are left out.
pub(crate) fn write<'a>(
    out: &mut Vec<u8>,
    pieces: impl Iterator<Item = &'a [u8]> + Clone,
    most: usize,
) -> Taken {
    let mut frames = Frames { pieces, rest: &[] };
    let mut taken = Taken::default();
    while taken.packets < most {
        let mut ahead = frames.clone();
        let Some(frame) = frames.next() else { break };
        if taken.packets > 0 && !frame.is_attachment() {
            ahead.next();
            let attached = ahead.take_while(Frame::is_attachment).take(most).count();
            if attached > 0 && taken.packets + 1 + attached > most {
                break;
            }
        }
        taken.bytes += frame.whole_len;
        if frame.opcode != Opcode::Ping as u8 && frame.opcode != Opcode::Pong as u8 {
            if taken.packets > 0 {
                out.push(SEPARATOR);
            }
            frame.write(out);
            taken.packets += 1;
        }
    }
    taken
}

/// Appends a text frame that stands for a binary one, for clients that want
/// bytes in that form on a WebSocket (§1).
pub(crate) fn write_base64_frame(out: &mut Vec<u8>, bytes: &[u8]) {
    let (header, header_len) = frame::header(Opcode::Text, 1 + base64_len(bytes));
    out.extend_from_slice(header.get(..header_len).unwrap_or_default());
    write_base64(out, bytes);
}

/// Bytes that [`write_base64_frame`] appends at most.
pub(crate) fn base64_frame_len(bytes: &[u8]) -> usize {
    11 + base64_len(bytes)
}

fn base64_len(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(3) * 4
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'b');
    let start = out.len();
    out.resize(start + base64_len(bytes), 0);
    // The room is exactly what the encoding needs.
    let _ = STANDARD.encode_slice(bytes, out.get_mut(start..).unwrap_or_default());
}

/// A frame of ours: whole, and without a mask.
#[derive(Clone, Copy)]
struct Frame<'a> {
    opcode: u8,
    payload: &'a [u8],
    whole_len: usize,
}

impl Frame<'_> {
    /// Whether it belongs to the text before it.
    fn is_attachment(&self) -> bool {
        self.opcode == Opcode::Binary as u8 || self.payload.first() == Some(&b'b')
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self.opcode {
            opcode if opcode == Opcode::Binary as u8 => write_base64(out, self.payload),
            opcode if opcode == Opcode::Close as u8 => out.extend_from_slice(super::say::CLOSE),
            _ => out.extend_from_slice(self.payload),
        }
    }
}

/// The frames in pieces of a send queue.
#[derive(Clone)]
struct Frames<'a, I> {
    pieces: I,
    rest: &'a [u8],
}

impl<'a, I: Iterator<Item = &'a [u8]>> Iterator for Frames<'a, I> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        while self.rest.is_empty() {
            self.rest = self.pieces.next()?;
        }
        let whole = frame::frame_len(self.rest).and_then(|length| self.rest.split_at_checked(length));
        debug_assert!(whole.is_some(), "a frame is cut");
        let (frame, rest) = whole?;
        self.rest = rest;
        // The length was in the first bytes, so they are there.
        let header_len = match frame.get(1)? {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        Some(Frame {
            opcode: frame.first()? & 0x0f,
            payload: frame.get(header_len..)?,
            whole_len: frame.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(frames: &[(Opcode, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        frames.iter().for_each(|(opcode, payload)| frame::write(&mut out, *opcode, payload));
        out
    }

    fn answer(pieces: &[&[u8]], most: usize) -> (String, Taken) {
        let mut out = Vec::new();
        let taken = write(&mut out, pieces.iter().copied(), most);
        (String::from_utf8(out).unwrap(), taken)
    }

    // §2
    #[test]
    fn frames_become_a_payload() {
        let one = frames(&[(Opcode::Text, b"4hello"), (Opcode::Binary, &[1, 2, 3, 4])]);
        let two = frames(&[(Opcode::Text, "4€".as_bytes()), (Opcode::Text, b"2"), (Opcode::Binary, b"")]);
        let bytes = one.len() + two.len();
        assert_eq!(
            answer(&[&one, b"", &two], 16),
            ("4hello\x1ebAQIDBA==\x1e4€\x1e2\x1eb".to_owned(), Taken { packets: 5, bytes })
        );
        assert_eq!(answer(&[], 16), (String::new(), Taken::default()));
    }

    #[test]
    fn a_frame_of_any_length_loses_its_header() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            let bytes = frames(&[(Opcode::Text, text.as_bytes())]);
            let taken = Taken { packets: 1, bytes: bytes.len() };
            assert_eq!(answer(&[&bytes], 16), (text, taken), "{length}");
        }
    }

    // §5.2
    #[test]
    fn what_is_over_the_number_of_packets_waits() {
        let twenty = frames(&[(Opcode::Text, b"4x" as &[u8]); 20]);
        let (text, taken) = answer(&[&twenty], 16);
        assert_eq!(text, ["4x"; 16].join("\x1e"));
        assert_eq!(taken, Taken { packets: 16, bytes: 16 * 4 });
        assert_eq!(answer(&[&twenty[taken.bytes..]], 16).1.packets, 4);
    }

    #[test]
    fn an_event_and_its_attachments_stay_together_if_they_can() {
        let text = (Opcode::Text, b"452-x" as &[u8]);
        let bytes = (Opcode::Binary, b"\x01" as &[u8]);
        let three = frames(&[(Opcode::Text, b"2"), text, bytes, bytes, (Opcode::Text, b"4y")]);
        let (_, taken) = answer(&[&three], 3);
        assert_eq!(taken, Taken { packets: 1, bytes: 3 });
        assert_eq!(answer(&[&three[3..]], 3).0, "452-x\x1ebAQ==\x1ebAQ==");
        assert_eq!(answer(&[&three], 4).1.packets, 4);
        // Also when they lie in several pieces.
        assert_eq!(answer(&[&three[..3], &three[3..10], &three[10..13], &three[13..]], 3).1.packets, 1);
    }

    #[test]
    fn an_event_with_more_attachments_than_a_payload_holds_is_taken_apart() {
        let mut many = vec![(Opcode::Text, b"45" as &[u8])];
        many.extend([(Opcode::Binary, b"\x01" as &[u8]); 5]);
        let bytes = frames(&many);
        let (text, taken) = answer(&[&bytes], 3);
        assert_eq!((text.as_str(), taken.packets), ("45\x1ebAQ==\x1ebAQ==", 3));
        assert_eq!(answer(&[&bytes[taken.bytes..]], 3).0, "bAQ==\x1ebAQ==\x1ebAQ==");
    }

    // §9
    #[test]
    fn a_close_frame_is_a_close_packet_and_pings_are_nothing() {
        let mut bytes = frames(&[(Opcode::Text, b"4a"), (Opcode::Pong, b"x")]);
        frame::write_close(&mut bytes, None, "");
        frame::write(&mut bytes, Opcode::Ping, b"");
        let taken = Taken { packets: 2, bytes: bytes.len() };
        assert_eq!(answer(&[&bytes], 16), ("4a\x1e1".to_owned(), taken));
        let pong = frames(&[(Opcode::Pong, b"x")]);
        assert_eq!(answer(&[&pong], 16), (String::new(), Taken { packets: 0, bytes: 3 }));
    }

    // §1
    #[test]
    fn base64_frames_pass_as_they_are() {
        for length in [0, 1, 93, 94, 50_000] {
            let bytes = vec![0xff; length];
            let mut out = frames(&[(Opcode::Text, b"451-x")]);
            let before = out.len();
            write_base64_frame(&mut out, &bytes);
            assert!(out.len() - before <= base64_frame_len(&bytes));
            let plain = frames(&[(Opcode::Text, b"451-x"), (Opcode::Binary, &bytes)]);
            assert_eq!(answer(&[&out], 16).0, answer(&[&plain], 16).0);
            assert_eq!(answer(&[&out], 1).1.packets, 1);
        }
    }

    /// Events: a text, and how many attachments follow it.
    fn events() -> impl Strategy<Value = Vec<(String, usize)>> {
        prop::collection::vec(("4[a-z]{0,3}", prop_oneof![3 => Just(0usize), 1 => 1usize..11]), 0..40)
    }

    proptest! {
        #[test]
        fn polls_in_turn_get_every_packet_once_and_in_order(events in events(), most in 1usize..18, cut in 1usize..8) {
            let mut all: Vec<(Opcode, &[u8])> = Vec::new();
            for (text, attachments) in &events {
                all.push((Opcode::Text, text.as_bytes()));
                all.extend(std::iter::repeat_n((Opcode::Binary, &[1u8, 2, 3][..]), *attachments));
            }
            let expected: Vec<String> = all
                .iter()
                .map(|(opcode, payload)| match opcode {
                    Opcode::Text => String::from_utf8(payload.to_vec()).unwrap(),
                    _ => "bAQID".to_owned(),
                })
                .collect();
            let pieces: Vec<Vec<u8>> = all.chunks(cut).map(frames).collect();
            let mut bytes = pieces.concat();
            let whole = write(&mut Vec::new(), pieces.iter().map(|piece| &piece[..]), most);
            let mut found: Vec<String> = Vec::new();
            let mut first = true;
            while !bytes.is_empty() {
                let (text, taken) = answer(&[&bytes], most);
                prop_assert!((1..=most).contains(&taken.packets));
                if std::mem::take(&mut first) {
                    prop_assert_eq!(taken, whole);
                }
                let packets: Vec<String> = text.split('\x1e').map(str::to_owned).collect();
                prop_assert_eq!(packets.len(), taken.packets);
                bytes.drain(..taken.bytes);
                // Torn only if it could not fit into a whole payload.
                if most > 10 {
                    prop_assert!(bytes.is_empty() || bytes[0] == 0x81);
                }
                found.extend(packets);
            }
            prop_assert_eq!(found, expected);
        }
    }
}
