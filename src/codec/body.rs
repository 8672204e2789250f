//! Request bodies (RFC 9112 §6 and §7.1): counted ones and chunked ones, in
//! whatever pieces they come. The buffer grows by what has arrived, never by
//! what a length or a chunk's size promises.

use crate::base::{limit::Limit, limits};

use super::http::{Fault, Framing, is_token_byte, percent::hex};

/// Takes one body from a stream of bytes.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    /// Bytes of payload that chunks may still announce.
    room: u64,
    /// Bytes of chunk extensions so far.
    extension: u32,
    /// Bytes of trailer lines so far.
    trailer: u32,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of a counted body, at least one.
    Counted(u64),
    /// A digit of a chunk's size, or what ends it.
    Size {
        size: u64,
        digits: u8,
    },
    /// White space before an extension's semicolon.
    BeforeExtension {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    /// So many bytes of a chunk, at least one.
    Data(u64),
    DataCr,
    DataLf,
    /// A trailer line's first byte, or the CR of the last line.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

const FIRST_SIZE: State = State::Size { size: 0, digits: 0 };
const TOO_LARGE: Fault = Fault::over(413, Limit::MessageBytes, "the request body is too large");
const BAD_CHUNK: Fault = Fault::bad("a chunk must be its size in hex, CR LF, its bytes, CR LF");
const BAD_TRAILER: Fault = Fault::bad("a trailer line must be a name, a colon and a value, and end in CR LF");

impl BodyReader {
    /// A reader of a body of at most `limit` bytes ([`limits::UNLIMITED`]: of
    /// any number). A length above it is refused here, before a byte of the
    /// body (413, RFC 9110 §15.5.14).
    pub(crate) fn new(framing: Framing, limit: u32) -> Result<Self, Fault> {
        let room = if limit == limits::UNLIMITED { u64::MAX } else { u64::from(limit) };
        let state = match framing {
            // RFC 9112 §6.3: a request with neither length nor encoding has no body.
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) if length > room => return Err(TOO_LARGE),
            Framing::Length(length) => State::Counted(length),
            Framing::Chunked => FIRST_SIZE,
        };
        Ok(Self { state, room, extension: 0, trailer: 0 })
    }

    /// Whether the body is whole. What was not consumed then is the next request.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Appends payload to `payload` and says how many bytes of `input` it has
    /// used: all of them, unless the body ends before. After a fault it must
    /// not be used again.
    pub(crate) fn read(&mut self, input: &[u8], payload: &mut Vec<u8>) -> Result<usize, Fault> {
        let mut rest = input;
        while self.state != State::Done && !rest.is_empty() {
            rest = match self.state {
                State::Counted(left) => self.copy(left, rest, payload, State::Counted, State::Done),
                State::Data(left) => self.copy(left, rest, payload, State::Data, State::DataCr),
                _ => {
                    let (&byte, after) = rest.split_first().unwrap_or((&0, &[]));
                    self.state = self.step(byte)?;
                    after
                }
            };
        }
        Ok(input.len() - rest.len())
    }

    fn copy<'a>(
        &mut self,
        left: u64,
        input: &'a [u8],
        payload: &mut Vec<u8>,
        unfinished: fn(u64) -> State,
        finished: State,
    ) -> &'a [u8] {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let (now, after) = input.split_at(length);
        payload.extend_from_slice(now);
        let left = left - length as u64;
        self.state = if left == 0 { finished } else { unfinished(left) };
        after
    }

    fn step(&mut self, byte: u8) -> Result<State, Fault> {
        Ok(match (self.state, byte) {
            // RFC 9112 §7.1: one or more digits, refused before they overflow.
            (State::Size { size, digits }, _) if hex(byte).is_some() => self.add_digit(size, digits, byte)?,
            (State::Size { digits: 0, .. }, _) => return Err(BAD_CHUNK),
            (State::Size { size, .. }, b'\r') => State::SizeLf { size },
            // RFC 9112 §7.1.1: extensions may follow, and are passed over.
            (State::Size { size, .. } | State::BeforeExtension { size }, b';') => self.extend(size)?,
            (State::Size { size, .. } | State::BeforeExtension { size }, b' ' | b'\t') => {
                self.extend(size)?;
                State::BeforeExtension { size }
            }
            (State::Extension { size }, b'\r') => State::SizeLf { size },
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => self.extend(size)?,
            (State::SizeLf { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeLf { size }, b'\n') => {
                self.room = self.room.saturating_sub(size);
                State::Data(size)
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => FIRST_SIZE,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::EndLf, b'\n') => State::Done,
            (
                State::TrailerStart
                | State::TrailerName
                | State::TrailerValue
                | State::TrailerLf
                | State::EndLf,
                _,
            ) => self.step_trailer(byte)?,
            _ => return Err(BAD_CHUNK),
        })
    }

    fn add_digit(&mut self, size: u64, digits: u8, digit: u8) -> Result<State, Fault> {
        if digits >= limits::CHUNK_SIZE_DIGITS {
            return Err(Fault::bad("the size of a chunk has too many digits"));
        }
        let size = size << 4 | u64::from(hex(digit).unwrap_or_default());
        // RFC 9110 §15.5.14: too large as soon as the sum of the chunks' sizes is.
        if size > self.room {
            return Err(TOO_LARGE);
        }
        Ok(State::Size { size, digits: digits + 1 })
    }

    fn extend(&mut self, size: u64) -> Result<State, Fault> {
        self.extension += 1;
        if self.extension > limits::CHUNK_EXTENSION_BYTES {
            return Err(Fault::bad("the chunk extensions are too long"));
        }
        Ok(State::Extension { size })
    }

    // RFC 9112 §7.1.2: trailers are read past, and never merged into the head.
    fn step_trailer(&mut self, byte: u8) -> Result<State, Fault> {
        self.trailer += 1;
        if self.trailer > limits::TRAILER_BYTES {
            return Err(Fault::new(431, "the trailer is too large"));
        }
        match (self.state, byte) {
            (State::TrailerStart, _) if is_token_byte(byte) => Ok(State::TrailerName),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerName, _) if is_token_byte(byte) => Ok(State::TrailerName),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            _ => Err(BAD_TRAILER),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The payload and how many bytes it took; an unfinished body is `None`.
    fn read(framing: Framing, limit: u32, pieces: &[&[u8]]) -> Result<Option<(Vec<u8>, usize)>, Fault> {
        let mut reader = BodyReader::new(framing, limit)?;
        let (mut payload, mut used) = (Vec::new(), 0);
        for piece in pieces {
            let consumed = reader.read(piece, &mut payload)?;
            assert!(consumed == piece.len() || reader.is_done());
            used += consumed;
        }
        Ok(reader.is_done().then_some((payload, used)))
    }

    fn chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Fault> {
        read(Framing::Chunked, 1_000, &[bytes])
    }

    fn status(bytes: &[u8]) -> u16 {
        match chunked(bytes) {
            Ok(Some(_)) => 200,
            Ok(None) => 0,
            Err(fault) => fault.status,
        }
    }

    // Rows 2.7 and 2.8.
    #[test]
    fn a_counted_body_takes_its_bytes_and_no_more() {
        assert_eq!(read(Framing::None, 10, &[b"GET"]), Ok(Some((vec![], 0))));
        assert_eq!(read(Framing::Length(0), 10, &[b"GET"]), Ok(Some((vec![], 0))));
        assert_eq!(read(Framing::Length(5), 5, &[b"ab", b"cdeGET"]), Ok(Some((b"abcde".to_vec(), 5))));
        assert_eq!(read(Framing::Length(5), 5, &[b"abcd"]), Ok(None));
    }

    // Row 2.8.
    #[test]
    fn a_length_over_the_limit_is_413_before_a_byte_of_the_body() {
        assert_eq!(BodyReader::new(Framing::Length(6), 5).unwrap_err().status, 413);
        assert!(BodyReader::new(Framing::Length(u64::MAX), limits::UNLIMITED).is_ok());
    }

    #[test]
    fn what_a_head_promises_takes_no_memory() {
        let mut payload = Vec::new();
        let mut reader = BodyReader::new(Framing::Length(1 << 40), limits::UNLIMITED).unwrap();
        assert_eq!(reader.read(b"abc", &mut payload), Ok(3));
        assert!(payload.capacity() < 100);
        let mut reader = BodyReader::new(Framing::Chunked, limits::UNLIMITED).unwrap();
        assert_eq!(reader.read(b"ffffffffff\r\nabc", &mut payload), Ok(15));
        assert!(payload.capacity() < 100);
    }

    // Rows 2.5 and 2.6.
    #[test]
    fn chunks_are_joined_and_extensions_and_trailers_passed_over() {
        for (bytes, payload) in [
            ("0\r\n\r\n", ""),
            ("3\r\nabc\r\n0\r\n\r\n", "abc"),
            ("3\r\na\r\n\r\n00A\r\n0123456789\r\n000\r\n\r\n", "a\r\n0123456789"),
            ("3;x=y;z=\"q\"\r\nabc\r\n0;a\r\n\r\n", "abc"),
            ("3 \t;x\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\n", "abc"),
        ] {
            let whole = Some((payload.as_bytes().to_vec(), bytes.len()));
            assert_eq!(chunked(bytes.as_bytes()), Ok(whole.clone()), "{bytes:?}");
            assert_eq!(chunked(format!("{bytes}GET /").as_bytes()), Ok(whole), "{bytes:?}");
            for length in 0..bytes.len() {
                assert_eq!(status(&bytes.as_bytes()[..length]), 0, "{bytes:?} {length}");
            }
        }
    }

    // Row 2.5.
    #[test]
    fn a_chunk_that_is_not_exactly_one_is_400() {
        for bytes in [
            "\r\n",
            "x",
            " 3\r\n",
            "+3\r\n",
            "-1\r\n",
            "0x3\r\n",
            "3\n",
            "3\rabc",
            "3\r\nabc0",
            "3\r\nabc\n",
            "3\r\nabc\rx",
            "3 \r\nabc",
            "3 4\r\n",
            "3\r\nabcd\r\n",
            ";x\r\n",
            "3_0\r\n",
            "00000000000000003\r\n",
            "0\r\nx", // a trailer that has not ended is no fault yet
        ] {
            let expected = if bytes == "0\r\nx" { 0 } else { 400 };
            assert_eq!(status(bytes.as_bytes()), expected, "{bytes:?}");
        }
        for bytes in
            ["0\r\n x: y\r\n", "0\r\nx\r\n", "0\r\nx : y\r\n", "0\r\n\n", "0\r\n:\r\n", "0\r\nx: y\n"]
        {
            assert_eq!(status(bytes.as_bytes()), 400, "{bytes:?}");
        }
        for bytes in ["3;\n", "3;\0", "3;x\ry", "3;x\x7f", "0\r\nx: \0", "0\r\n\rx", "0\r\nx: y\r\r"] {
            assert_eq!(status(bytes.as_bytes()), 400, "{bytes:?}");
        }
    }

    // Rows 2.5 and 2.8.
    #[test]
    fn chunks_over_the_limit_are_413_as_soon_as_a_size_says_so() {
        let over = |bytes: &[u8]| read(Framing::Chunked, 5, &[bytes]).map_err(|fault| fault.status);
        assert_eq!(over(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), Ok(Some((b"abcde".to_vec(), 20))));
        assert_eq!(over(b"6"), Err(413));
        assert_eq!(over(b"3\r\nabc\r\n3"), Err(413));
        assert_eq!(over(b"ffffffffffffffffff"), Err(413));
        let sixteen = read(Framing::Chunked, limits::UNLIMITED, &[b"ffffffffffffffff\r\nab"]);
        assert_eq!(sixteen, Ok(None));
        let more = read(Framing::Chunked, limits::UNLIMITED, &[b"1\r\na\r\nffffffffffffffff\r\nab"]);
        assert_eq!(more.unwrap_err().status, 413);
    }

    // Row 2.6.
    #[test]
    fn extensions_and_trailers_have_limits_that_count_for_the_whole_body() {
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(999));
        assert_eq!(status(chunk.repeat(16).as_bytes()), 0);
        assert_eq!(status(chunk.repeat(17).as_bytes()), 400);
        let line = format!("x: {}\r\n", "y".repeat(1019));
        assert_eq!(status(format!("0\r\n{}\r\n", line.repeat(15)).as_bytes()), 200);
        assert_eq!(status(format!("0\r\n{}\r\n", line.repeat(17)).as_bytes()), 431);
    }

    fn soup() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 10] =
            ["3\r\nabc\r\n", "0\r\n", "\r\n", "a: b\r\n", ";x", "1", "\r", "\n", "f", " "];
        let piece = prop_oneof![
            6 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..3),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_body_in_single_bytes_is_the_same_body(bytes in soup(), length in 0u64..40, limit in 0u32..40) {
            let single: Vec<_> = bytes.chunks(1).collect();
            for framing in [Framing::Chunked, Framing::Length(length)] {
                prop_assert_eq!(read(framing, limit, &single), read(framing, limit, &[&bytes]));
            }
        }
    }
}
