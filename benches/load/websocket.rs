//! The client's half of RFC 6455 §5, as much of it as a load generator needs:
//! frames are built in advance, and what comes is cut into messages.

/// Bytes that are kept of a message in several pieces: enough for what the
/// modes look at.
const HEAD_BYTES: usize = 96;
/// The mask of every frame.
pub const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A whole message in one frame.
pub fn frame(opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut frame = vec![FIN | opcode];
    let bit = if masked { MASKED } else { 0 };
    match payload.len() {
        length @ 0..126 => frame.push(bit | length as u8),
        length @ 126..65536 => {
            frame.push(bit | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(bit | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    if masked {
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    } else {
        frame.extend(payload);
    }
    frame
}

pub enum Unit<'a> {
    /// A piece of a message that does not come at once.
    Piece {
        offset: u64,
        bytes: &'a [u8],
    },
    /// The end of a message: all of it in `head` when `whole`, else its first bytes.
    Message {
        length: u64,
        head: &'a [u8],
        whole: bool,
    },
    Control {
        opcode: u8,
        payload: &'a [u8],
    },
}

/// Cuts the server's bytes into units, wherever reads end.
#[derive(Default)]
pub struct Parser {
    /// A header in several pieces.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// Bytes so far of the message that is not complete.
    message: Option<u64>,
    head: Vec<u8>,
    control: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Frame {
    fin: bool,
    opcode: u8,
    left: u64,
}

impl Parser {
    /// The bytes still to come of the data frame that has begun.
    pub fn payload_left(&self) -> u64 {
        self.frame.filter(|frame| frame.opcode < CLOSE).map_or(0, |frame| frame.left)
    }

    /// That many of [`Parser::payload_left`] were thrown away unseen.
    pub fn skip(&mut self, length: u64, each: &mut impl FnMut(Unit)) {
        if let Some(frame) = &mut self.frame {
            frame.left -= length;
            *self.message.get_or_insert(0) += length;
            if frame.left == 0 {
                self.end_of_frame(each);
            }
        }
    }

    #[inline(always)]
    pub fn feed(&mut self, mut bytes: &[u8], each: &mut impl FnMut(Unit)) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            if self.frame.is_none()
                && self.header.is_empty()
                && let Some((opcode, payload, rest)) = whole_frame(bytes)?
            {
                if opcode >= CLOSE {
                    each(Unit::Control { opcode, payload });
                } else if self.message.is_some() {
                    return Err("a message inside another");
                } else {
                    each(Unit::Message { length: payload.len() as u64, head: payload, whole: true });
                }
                bytes = rest;
                continue;
            }
            bytes = if self.frame.is_none() { self.header(bytes, each)? } else { self.payload(bytes, each) };
        }
        Ok(())
    }

    /// Takes the bytes of a header one by one.
    fn header<'a>(&mut self, bytes: &'a [u8], each: &mut impl FnMut(Unit)) -> Result<&'a [u8], &'static str> {
        self.header.push(bytes[0]);
        if let Some((length, payload_length)) = header_of(&self.header)?
            && self.header.len() == length
        {
            let (fin, opcode) = (self.header[0] & FIN != 0, self.header[0] & 15);
            self.header.clear();
            match (opcode, self.message) {
                (0, None) => return Err("goes on with nothing"),
                (1..CLOSE, Some(_)) => return Err("a message inside another"),
                (CLOSE.., _) => {}
                _ => self.message = Some(self.message.unwrap_or(0)),
            }
            self.frame = Some(Frame { fin, opcode, left: payload_length });
            if payload_length == 0 {
                self.end_of_frame(each);
            }
        }
        Ok(&bytes[1..])
    }

    fn payload<'a>(&mut self, bytes: &'a [u8], each: &mut impl FnMut(Unit)) -> &'a [u8] {
        let Some(frame) = &mut self.frame else { return bytes };
        let (piece, rest) = bytes.split_at(bytes.len().min(frame.left as usize));
        frame.left -= piece.len() as u64;
        let ends = frame.left == 0;
        if frame.opcode >= CLOSE {
            self.control.extend(piece);
        } else {
            let kept = piece.len().min(HEAD_BYTES.saturating_sub(self.head.len()));
            self.head.extend(&piece[..kept]);
            let offset = self.message.get_or_insert(0);
            each(Unit::Piece { offset: *offset, bytes: piece });
            *offset += piece.len() as u64;
        }
        if ends {
            self.end_of_frame(each);
        }
        rest
    }

    fn end_of_frame(&mut self, each: &mut impl FnMut(Unit)) {
        let Some(frame) = self.frame.take() else { return };
        if frame.opcode >= CLOSE {
            each(Unit::Control { opcode: frame.opcode, payload: &self.control });
            self.control.clear();
        } else if frame.fin {
            let length = self.message.take().unwrap_or(0);
            each(Unit::Message { length, head: &self.head, whole: false });
            self.head.clear();
        }
    }
}

/// The length of a frame's header and that of its payload, once they are known.
#[inline(always)]
fn header_of(bytes: &[u8]) -> Result<Option<(usize, u64)>, &'static str> {
    let [_, second, rest @ ..] = bytes else { return Ok(None) };
    if second & MASKED != 0 {
        return Err("a server's frame is masked");
    }
    Ok(match second {
        126 => rest.first_chunk().map(|it| (4, u64::from(u16::from_be_bytes(*it)))),
        127 => rest.first_chunk().map(|it| (10, u64::from_be_bytes(*it))),
        length => Some((2, u64::from(*length))),
    })
}

/// An opcode, a payload, and the bytes that follow.
type Whole<'a> = (u8, &'a [u8], &'a [u8]);

/// The frame, if `bytes` begin with all of a message or control frame.
#[inline(always)]
fn whole_frame(bytes: &[u8]) -> Result<Option<Whole<'_>>, &'static str> {
    let Some((header, length)) = header_of(bytes)? else { return Ok(None) };
    let opcode = bytes[0] & 15;
    if bytes[0] & FIN == 0 || opcode == 0 || ((bytes.len() - header) as u64) < length {
        return Ok(None);
    }
    let (payload, rest) = bytes[header..].split_at(length as usize);
    Ok(Some((opcode, payload, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages, each with its length and first bytes, and the control frames.
    #[expect(clippy::type_complexity)]
    fn units(stream: &[u8], cut: usize) -> (Vec<(u64, Vec<u8>)>, Vec<(u8, Vec<u8>)>) {
        let mut parser = Parser::default();
        let (mut messages, mut controls) = (Vec::new(), Vec::new());
        for bytes in stream.chunks(cut) {
            let each = &mut |unit: Unit| match unit {
                Unit::Message { length, head, .. } => {
                    messages.push((length, head[..head.len().min(HEAD_BYTES)].to_vec()))
                }
                Unit::Control { opcode, payload } => controls.push((opcode, payload.to_vec())),
                Unit::Piece { .. } => {}
            };
            parser.feed(bytes, each).unwrap();
        }
        (messages, controls)
    }

    #[test]
    fn any_cut_gives_the_same_messages() {
        let mut stream = frame(TEXT, b"hello", false);
        stream.extend(frame(PING, b"pp", false));
        for length in [300, 0, 70_000] {
            stream.extend(frame(TEXT, &vec![7; length], false));
        }
        // In two fragments, with a ping between them.
        stream.extend([0x01, 3, b'a', b'b', b'c', 0x89, 1, b'p', 0x80, 2, b'd', b'e']);
        let wanted = units(&stream, stream.len());
        assert_eq!(wanted.0.len(), 5);
        assert_eq!(wanted.0[4], (5, b"abcde".to_vec()));
        assert_eq!(wanted.1, [(PING, b"pp".to_vec()), (PING, b"p".to_vec())]);
        for cut in [1, 2, 3, 7, 64, 1000, 65536] {
            assert_eq!(units(&stream, cut), wanted, "cut {cut}");
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        for stream in [&[0x81, 0x80, 0, 0, 0, 0][..], &[0x80, 0x01, 0], &[0x01, 0x01, 0, 0x81, 0x00]] {
            assert!(Parser::default().feed(stream, &mut |_| {}).is_err());
        }
    }

    #[test]
    fn a_mask_is_undone_by_itself() {
        for length in [0, 5, 125, 126, 65535, 65536] {
            let body: Vec<u8> = (0..length).map(|it| it as u8).collect();
            let masked = frame(TEXT, &body, true);
            let payload = &masked[masked.len() - length..];
            assert!(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).eq(body));
        }
    }
}
