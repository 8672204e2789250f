//! WebSocket frames as a server sees them, RFC 6455 §5: headers from a client
//! and their rules, masking, and the frames that go out. Knows nothing of
//! messages; what needs more than one frame to judge is in `message.rs`.

use super::close::{Failure, code};
use crate::base::limits::{CLOSE_REASON_BYTES, CONTROL_BYTES};

/// Bytes of the longest header that a client can send: two, a 64-bit length
/// and the mask.
pub(crate) const LONGEST_HEADER: usize = 14;

const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
const MASKED: u8 = 0x80;

/// §5.2 and §11.8
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    fn from_first_byte(byte: u8) -> Option<Self> {
        Some(match byte & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// §5.5: control frames have the opcode's top bit.
    pub(crate) fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// A client's frame header that keeps every rule a header can keep alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    /// Bytes of the payload, as promised.
    pub(crate) len: u64,
    pub(crate) mask: [u8; 4],
    /// Bytes of the header itself.
    pub(crate) header_len: usize,
}

/// What the first bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Nothing wrong so far, and not a whole header yet.
    Incomplete,
    Header(Header),
    Violation(Failure),
}

#[cold]
fn violation(reason: &'static str) -> Parsed {
    Parsed::Violation(Failure { code: code::PROTOCOL_ERROR, reason })
}

/// Reads the header at the start of `bytes`. Every rule is judged as soon as
/// the bytes it is about are there, whether or not the header is complete.
#[inline]
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let [first, rest @ ..] = bytes else { return Parsed::Incomplete };
    // §5.2: no extension is in use that would define a reserved bit.
    if first & RSV != 0 {
        return violation("reserved bit is set");
    }
    // §5.2: unknown opcodes fail the connection.
    let Some(opcode) = Opcode::from_first_byte(*first) else { return violation("unknown opcode") };
    let fin = first & FIN != 0;
    // §5.5: control frames are not fragmented.
    if opcode.is_control() && !fin {
        return violation("control frame in fragments");
    }
    let [second, rest @ ..] = rest else { return Parsed::Incomplete };
    // §5.1: frames of a client are masked.
    if second & MASKED == 0 {
        return violation("frame is not masked");
    }
    let short = second & !MASKED;
    // §5.5: control frames have short bodies.
    if opcode.is_control() && usize::from(short) > CONTROL_BYTES {
        return violation("control frame is too long");
    }
    // §5.2: the shortest form of the length, and the top bit of the long one is 0.
    let (len, rest, before_mask) = match short {
        126 => {
            let Some((len, rest)) = rest.split_first_chunk::<2>() else { return Parsed::Incomplete };
            let len = u16::from_be_bytes(*len);
            if len < 126 {
                return violation("length is not in its shortest form");
            }
            (u64::from(len), rest, 4)
        }
        127 => {
            if rest.first().is_some_and(|byte| byte & 0x80 != 0) {
                return violation("length has its top bit set");
            }
            if rest.first_chunk::<6>().is_some_and(|bytes| *bytes == [0; 6]) {
                return violation("length is not in its shortest form");
            }
            let Some((len, rest)) = rest.split_first_chunk::<8>() else { return Parsed::Incomplete };
            (u64::from_be_bytes(*len), rest, 10)
        }
        short => (u64::from(short), rest, 2),
    };
    let Some(mask) = rest.first_chunk::<4>() else { return Parsed::Incomplete };
    Parsed::Header(Header { fin, opcode, len, mask: *mask, header_len: before_mask + 4 })
}

/// The mask as it lies from `offset` on, twice over.
#[inline]
fn mask_word(mut mask: [u8; 4], offset: usize) -> u64 {
    mask.rotate_left(offset % 4);
    u64::from(u32::from_ne_bytes(mask)) * 0x1_0000_0001
}

/// §5.3: takes the mask off (or puts it on) where the payload lies. `offset`
/// says how much of the frame's payload came before. Tells whether the outcome
/// is all ASCII, which costs nothing here and spares most texts a second pass.
#[inline]
pub(crate) fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) -> bool {
    let key = mask_word(mask, offset);
    let (mut all_bits, mut rest_bits) = (0, 0);
    // Chunks that fit machine words: the loop compiles to vector instructions.
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        let bare = u64::from_ne_bytes(*chunk) ^ key;
        all_bits |= bare;
        *chunk = bare.to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.to_ne_bytes()) {
        *byte ^= key;
        rest_bits |= *byte;
    }
    all_bits & 0x8080_8080_8080_8080 == 0 && rest_bits.is_ascii()
}

/// Made room for and filled at a time: it stays in the innermost cache between the two.
const BLOCK: usize = 2 << 10;

/// Appends the payload to `out` without its mask, in one pass; tells what
/// [`unmask`] tells.
#[inline]
pub(crate) fn unmask_into(out: &mut Vec<u8>, payload: &[u8], mask: [u8; 4], offset: usize) -> bool {
    let key = mask_word(mask, offset);
    let (mut all_bits, mut rest_bits) = (0, 0);
    out.reserve(payload.len());
    // BLOCK is a multiple of four, so the mask starts at the same place in each.
    for block in payload.chunks(BLOCK) {
        let start = out.len();
        out.resize(start + block.len(), 0);
        let (to, to_rest) = out[start..].as_chunks_mut::<8>();
        let (from, from_rest) = block.as_chunks::<8>();
        for (to, from) in to.iter_mut().zip(from) {
            let bare = u64::from_ne_bytes(*from) ^ key;
            all_bits |= bare;
            *to = bare.to_ne_bytes();
        }
        for ((to, from), key) in to_rest.iter_mut().zip(from_rest).zip(key.to_ne_bytes()) {
            *to = from ^ key;
            rest_bits |= *to;
        }
    }
    all_bits & 0x8080_8080_8080_8080 == 0 && rest_bits.is_ascii()
}

/// The header of a frame that a server sends, and how many of the bytes it takes.
pub(crate) fn header(opcode: Opcode, payload_len: usize) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    bytes[0] = opcode as u8 | FIN;
    // §5.2: the shortest form. §5.1: never masked.
    let header_len = match payload_len {
        0..126 => {
            bytes[1] = payload_len as u8;
            2
        }
        126..=0xffff => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..].copy_from_slice(&(payload_len as u64).to_be_bytes());
            10
        }
    };
    (bytes, header_len)
}

/// Appends a whole frame.
pub(crate) fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let (header, header_len) = header(opcode, payload.len());
    out.reserve(header_len + payload.len());
    out.extend_from_slice(&header[..header_len]);
    out.extend_from_slice(payload);
}

/// Appends a frame whose payload `write` writes. It lies where it will stay if
/// its length takes as many bytes to tell as that of `about` bytes; otherwise it
/// is moved by the difference.
#[inline(always)]
pub(crate) fn write_with(out: &mut Vec<u8>, opcode: Opcode, about: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    // Lengths that the compiler knows: this is most of what a short message costs.
    match about {
        0..126 => out.extend_from_slice(&[0; 2]),
        126..=0xffff => out.extend_from_slice(&[0; 4]),
        _ => out.extend_from_slice(&[0; 10]),
    }
    let payload = out.len();
    write(out);
    let (header, header_len) = header(opcode, out.len() - payload);
    match out.get_mut(start..payload) {
        Some([first, second]) if header_len == 2 => [*first, *second] = [header[0], header[1]],
        Some(place) if header_len == place.len() => place.copy_from_slice(&header[..header_len]),
        _ => drop(out.splice(start..payload, header[..header_len].iter().copied())),
    }
}

/// Appends a close frame. Without a code its body is empty, and the reason is
/// left out; a reason that is too long is cut after a whole character.
pub(crate) fn write_close(out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
    // §5.5.1: a body begins with the code.
    let Some(code) = code else { return write(out, Opcode::Close, &[]) };
    let mut end = reason.len().min(CLOSE_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = &reason.as_bytes()[..end];
    let (header, header_len) = header(Opcode::Close, 2 + reason.len());
    out.extend_from_slice(&header[..header_len]);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason);
}

/// Bytes of the frame that starts here, header included. For frames that a
/// server wrote; `None` if the header is cut.
pub(crate) fn frame_len(bytes: &[u8]) -> Option<usize> {
    let (len, header_len): (usize, usize) = match (bytes.get(1)?, &bytes[2..]) {
        (126, rest) => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        (127, rest) => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        (short, _) => (usize::from(*short), 2),
    };
    header_len.checked_add(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn reason(bytes: &[u8]) -> Option<&'static str> {
        match parse(bytes) {
            Parsed::Violation(failure) => {
                assert_eq!(failure.code, 1002);
                Some(failure.reason)
            }
            _ => None,
        }
    }

    /// Fails with the last of the bytes and not before.
    fn fails_at_the_end_of(bytes: &[u8]) {
        assert_eq!(parse(&bytes[..bytes.len() - 1]), Parsed::Incomplete, "{bytes:02x?}");
        assert!(reason(bytes).is_some(), "{bytes:02x?}");
    }

    #[test]
    fn a_header_is_read_in_each_of_its_three_lengths() {
        for (lead, len) in [
            (&[0x81, 0x80][..], 0),
            (&[0x81, 0xfd], 125),
            (&[0x81, 0xfe, 0, 126], 126),
            (&[0x81, 0xfe, 0xff, 0xff], 0xffff),
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], 0x1_0000),
            (&[0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], i64::MAX as u64),
        ] {
            let bytes = [lead, &MASK].concat();
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut]), Parsed::Incomplete);
            }
            let header = Header { fin: true, opcode: Opcode::Text, len, mask: MASK, header_len: bytes.len() };
            assert_eq!(parse(&bytes), Parsed::Header(header));
            assert_eq!(parse(&[&bytes, &b"more"[..]].concat()), Parsed::Header(header));
        }
    }

    // 4.1
    #[test]
    fn a_frame_without_a_mask_fails_at_its_second_byte() {
        fails_at_the_end_of(&[0x81, 0x05]);
        fails_at_the_end_of(&[0x89, 0x00]);
    }

    // 4.2
    #[test]
    fn a_reserved_bit_fails_at_the_first_byte() {
        for bit in [0x40, 0x20, 0x10] {
            fails_at_the_end_of(&[0x81 | bit]);
            fails_at_the_end_of(&[0x88 | bit]);
        }
    }

    // 4.3
    #[test]
    fn an_unknown_opcode_fails_at_the_first_byte() {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            fails_at_the_end_of(&[0x80 | opcode]);
            fails_at_the_end_of(&[opcode]);
        }
        for opcode in [0, 1, 2, 8, 9, 10] {
            assert_eq!(parse(&[0x80 | opcode]), Parsed::Incomplete);
        }
    }

    // 4.4
    #[test]
    fn a_control_frame_is_whole_and_short() {
        for opcode in [8, 9, 10] {
            fails_at_the_end_of(&[opcode]);
            fails_at_the_end_of(&[0x80 | opcode, 0x80 | 126]);
            fails_at_the_end_of(&[0x80 | opcode, 0x80 | 127]);
            assert_eq!(parse(&[0x80 | opcode, 0x80 | 125]), Parsed::Incomplete);
        }
    }

    // 4.5
    #[test]
    fn a_length_in_a_longer_form_than_needed_fails_before_the_mask() {
        fails_at_the_end_of(&[0x82, 0xfe, 0, 125]);
        fails_at_the_end_of(&[0x82, 0xff, 0, 0, 0, 0, 0, 0]);
        fails_at_the_end_of(&[0x82, 0xff, 0x80]);
        assert!(reason(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]).is_some());
    }

    #[test]
    fn unmasking_tells_ascii_wherever_the_other_byte_is() {
        for len in 0..70 {
            let mut payload = vec![b'x'; len];
            assert!(unmask(&mut payload, [0; 4], 0));
            for at in 0..len {
                payload[at] = 0x80;
                assert!(!unmask(&mut payload, [0; 4], 0), "{at} of {len}");
                payload[at] = b'x';
            }
        }
    }

    #[test]
    fn unmasking_agrees_with_the_rule_byte_by_byte() {
        let payload: Vec<u8> = (0..=255).cycle().take(BLOCK + 77).collect();
        for len in (0..70).chain([BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 77]) {
            for offset in [0, 1, 2, 3, 4, 1001, usize::MAX] {
                let octet = |(i, byte): (usize, &u8)| byte ^ MASK[offset.wrapping_add(i) % 4];
                let expected: Vec<u8> = payload[..len].iter().enumerate().map(octet).collect();
                let mut in_place = payload[..len].to_vec();
                let ascii = unmask(&mut in_place, MASK, offset);
                assert_eq!(ascii, expected.is_ascii());
                assert_eq!(in_place, expected);
                let mut out = b"before".to_vec();
                assert_eq!(unmask_into(&mut out, &payload[..len], MASK, offset), ascii);
                assert_eq!(out, [b"before", &expected[..]].concat());
            }
        }
    }

    // 4.1, the other half
    #[test]
    fn frames_go_out_unmasked_in_the_shortest_form_and_their_length_can_be_read_back() {
        for (payload_len, header_len) in
            [(0, 2), (1, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10), (1 << 20, 10)]
        {
            let mut out = Vec::new();
            write(&mut out, Opcode::Binary, &vec![7; payload_len]);
            assert_eq!(out.len(), header_len + payload_len);
            assert_eq!((out[0], out[1] & MASKED), (0x82, 0));
            for cut in 0..header_len {
                assert_eq!(frame_len(&out[..cut]), None);
            }
            assert_eq!(frame_len(&out[..header_len]), Some(out.len()));
            // The same, whatever the length was thought to be.
            for about in [0, 125, 126, 0xffff, 0x1_0000] {
                let mut guessed = b"before".to_vec();
                write_with(&mut guessed, Opcode::Binary, about, |out| {
                    out.extend_from_slice(&vec![7; payload_len]);
                });
                assert!(guessed == [b"before", &out[..]].concat(), "{payload_len} {about}");
            }
        }
        assert_eq!(header(Opcode::Text, 3).0[..2], [0x81, 3]);
    }

    // 6.1
    #[test]
    fn a_close_frame_is_empty_or_has_a_code_and_a_reason_cut_at_a_character() {
        let written = |code, reason: &str| {
            let mut out = Vec::new();
            write_close(&mut out, code, reason);
            out
        };
        assert_eq!(written(None, "unsaid"), [0x88, 0]);
        assert_eq!(written(Some(1000), ""), [0x88, 2, 0x03, 0xe8]);
        assert_eq!(written(Some(1001), "bye"), [&[0x88, 5, 0x03, 0xe9][..], b"bye"].concat());
        assert_eq!(written(Some(1000), &"x".repeat(200)).len(), 2 + CONTROL_BYTES);
        // 122 bytes and a character of three: it goes.
        let cut = written(Some(1000), &format!("{}€", "x".repeat(122)));
        assert_eq!((cut[1], cut.len()), (124, 126));
    }
}
