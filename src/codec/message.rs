//! From a client's bytes to messages and control frames, RFC 6455 §5.4 to §5.6,
//! §8.1 and §10.4. One [`Reader`] for each WebSocket; it is handed each read
//! where it lies and keeps only what a read cut off.
//!
//! A message that lies whole in one read is unmasked there and never copied.
//! Everything else goes through a [`Partial`], which exists only while
//! something is incomplete, so an idle connection holds no buffer.

use std::ops::Range;

use super::{
    close::{self, Failure, code},
    frame::{self, Header, LONGEST_HEADER, Opcode, Parsed},
    utf8::{self, Utf8},
};
use crate::base::{limits::CONTROL_BYTES, pool::BufferPool};

/// What a client may send (§10.4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadLimits {
    /// Bytes of one message, all its fragments together.
    pub(crate) message_bytes: u32,
    /// Frames of a message that comes in more than one.
    pub(crate) fragments: u32,
}

/// §5.6: what the opcode of a message's first frame says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Checked: the body is UTF-8.
    Text,
    Binary,
}

/// Where a message's bytes are, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// In the slice that was given.
    InPlace(Range<usize>),
    /// Put together from several reads or fragments. Belongs back into the pool.
    Owned(Vec<u8>),
}

/// The body of a control frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    len: u8,
    bytes: [u8; CONTROL_BYTES],
}

impl Control {
    const EMPTY: Self = Self { len: 0, bytes: [0; CONTROL_BYTES] };

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends a masked piece. The header's rules see to it that all of a frame fits.
    fn push(&mut self, piece: &[u8], mask: [u8; 4]) {
        let start = usize::from(self.len);
        let place = &mut self.bytes[start..start + piece.len()];
        place.copy_from_slice(piece);
        frame::unmask(place, mask, start);
        self.len += piece.len() as u8;
    }
}

/// What the bytes amount to.
#[derive(Debug)]
pub(crate) enum Unit {
    Message(Kind, Body),
    Ping(Control),
    Pong,
    /// The code, if one was given, and the reason. Nothing comes after it.
    Close(Option<u16>, String),
    /// The client broke a rule. Nothing comes after it.
    Failed(Failure),
    /// All bytes are taken, and what they begin is not complete.
    More,
}

/// Turns one client's bytes into units. Call [`next`](Self::next) over the
/// same slice until it says [`Unit::More`], or with another slice whenever the
/// one before is used up. After [`Unit::Close`], [`Unit::Failed`] or
/// [`end`](Self::end) it swallows what it is given (§5.5.1, §7.1.7).
#[derive(Debug, Default)]
pub(crate) struct Reader(Option<Box<Partial>>);

const CONTINUATION_OF_NOTHING: Failure = protocol_error("continuation of no message");
const MESSAGE_INSIDE_MESSAGE: Failure = protocol_error("new message inside an unfinished one");
const TOO_BIG: Failure = Failure { code: code::MESSAGE_TOO_BIG, reason: "message too big" };
const TOO_MANY_FRAGMENTS: Failure = Failure { code: code::POLICY_VIOLATION, reason: "too many fragments" };

const fn protocol_error(reason: &'static str) -> Failure {
    Failure { code: code::PROTOCOL_ERROR, reason }
}

impl Reader {
    /// The next unit of `bytes`, from `at` on; `at` moves past what was taken.
    #[inline(always)]
    pub(crate) fn next(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        limits: &ReadLimits,
        pool: &mut BufferPool,
    ) -> Unit {
        if self.0.is_none()
            && let Parsed::Header(header) = frame::parse(&bytes[*at..])
            && header.is_whole_message()
            && header.len <= u64::from(limits.message_bytes)
            && header.len <= (bytes.len() - *at - header.header_len) as u64
        {
            *at += header.header_len;
            return match message_in_place(&header, bytes, at) {
                Some((kind, range)) => Unit::Message(kind, Body::InPlace(range)),
                None => self.fail(utf8::FAILURE, pool),
            };
        }
        self.next_of_any_kind(bytes, at, limits, pool)
    }

    /// Everything but a whole message between messages.
    #[inline(never)]
    fn next_of_any_kind(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        limits: &ReadLimits,
        pool: &mut BufferPool,
    ) -> Unit {
        if *at == bytes.len() {
            return Unit::More;
        }
        if self.0.is_none() {
            // A ping that lies whole in a read needs no Partial either.
            if let Some(unit) = control_in_place(bytes, at) {
                return self.settle(unit, pool);
            }
        }
        let partial = self.0.get_or_insert_default();
        if partial.ended {
            *at = bytes.len();
            return Unit::More;
        }
        let unit = partial.next(bytes, at, limits, pool).unwrap_or_else(Unit::Failed);
        if partial.is_empty() {
            self.0 = None;
        }
        self.settle(unit, pool)
    }

    /// Nothing is read after a close or a failure.
    fn settle(&mut self, unit: Unit, pool: &mut BufferPool) -> Unit {
        if let Unit::Close(..) | Unit::Failed(_) = unit {
            self.end(pool);
        }
        unit
    }

    #[cold]
    fn fail(&mut self, failure: Failure, pool: &mut BufferPool) -> Unit {
        self.settle(Unit::Failed(failure), pool)
    }

    /// Reads no more, and gives back what the message in progress held.
    pub(crate) fn end(&mut self, pool: &mut BufferPool) {
        let partial = self.0.get_or_insert_default();
        partial.ended = true;
        if let Some(message) = partial.message.take() {
            pool.give(message.body);
        }
    }

    /// Bytes of memory that the message in progress takes, those reserved for
    /// its growth included.
    pub(crate) fn held(&self) -> usize {
        let message = self.0.as_ref().and_then(|partial| partial.message.as_ref());
        message.map_or(0, |message| message.body.capacity())
    }
}

#[cfg(test)]
impl Reader {
    /// Whether a message, or a frame of any kind, has begun and is not complete.
    pub(super) fn is_inside(&self) -> bool {
        self.0.as_ref().is_some_and(|partial| !partial.ended)
    }
}

impl Header {
    #[inline]
    fn is_whole_message(&self) -> bool {
        self.fin && matches!(self.opcode, Opcode::Text | Opcode::Binary)
    }

    fn lies_in(&self, bytes: &[u8]) -> bool {
        self.len <= bytes.len() as u64
    }
}

/// A whole message whose payload begins at `at` and lies in `bytes`; `None` if
/// it is text that is not UTF-8. (Not a [`Unit`]: to copy one costs more than to
/// read a short message.)
#[inline(always)]
fn message_in_place(header: &Header, bytes: &mut [u8], at: &mut usize) -> Option<(Kind, Range<usize>)> {
    let range = *at..*at + header.len as usize;
    *at = range.end;
    let payload = &mut bytes[range.clone()];
    let ascii = frame::unmask(payload, header.mask, 0);
    if header.opcode == Opcode::Binary {
        return Some((Kind::Binary, range));
    }
    // §8.1
    (ascii || utf8::is_text(payload)).then_some((Kind::Text, range))
}

/// The unit of a control frame that begins at `at` and lies in `bytes`.
fn control_in_place(bytes: &[u8], at: &mut usize) -> Option<Unit> {
    let Parsed::Header(header) = frame::parse(&bytes[*at..]) else { return None };
    let payload = &bytes[*at + header.header_len..];
    if !header.opcode.is_control() || !header.lies_in(payload) {
        return None;
    }
    let payload = &payload[..header.len as usize];
    *at += header.header_len + payload.len();
    let mut control = Control::EMPTY;
    control.push(payload, header.mask);
    Some(control_unit(header.opcode, control).unwrap_or_else(Unit::Failed))
}

fn control_unit(opcode: Opcode, control: Control) -> Result<Unit, Failure> {
    match opcode {
        Opcode::Ping => Ok(Unit::Ping(control)),
        Opcode::Pong => Ok(Unit::Pong),
        _ => close::parse(control.as_slice()).map(|(code, reason)| Unit::Close(code, reason.to_owned())),
    }
}

/// What a read left incomplete.
#[derive(Debug)]
struct Partial {
    /// The beginning of a header.
    head: [u8; LONGEST_HEADER],
    head_len: u8,
    /// The frame whose payload is on its way.
    frame: Option<Incoming>,
    /// The body so far, if that frame is a control frame.
    control: Control,
    /// The message so far; control frames may come between its fragments.
    message: Option<Message>,
    /// Nothing is read any more. It is here because a flag beside the box would
    /// make every reader twice as large.
    ended: bool,
}

/// A frame whose header is through.
#[derive(Debug)]
struct Incoming {
    fin: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Bytes of the payload that came, and that are still to come. The limit
    /// of a message keeps both within 32 bits.
    done: usize,
    missing: usize,
}

/// A message in progress.
#[derive(Debug)]
struct Message {
    kind: Kind,
    body: Vec<u8>,
    /// Frames of it so far; 0 if it comes in one.
    fragments: u32,
    check: Utf8,
}

impl Default for Partial {
    fn default() -> Self {
        Self {
            head: [0; LONGEST_HEADER],
            head_len: 0,
            frame: None,
            control: Control::EMPTY,
            message: None,
            ended: false,
        }
    }
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.head_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    fn next(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        limits: &ReadLimits,
        pool: &mut BufferPool,
    ) -> Result<Unit, Failure> {
        loop {
            if self.frame.is_none() {
                let Some(header) = self.header(bytes, at)? else { return Ok(Unit::More) };
                self.allow(&header, limits)?;
                // Its header was cut, its payload is not.
                if header.is_whole_message() && header.lies_in(&bytes[*at..]) {
                    let message = message_in_place(&header, bytes, at).ok_or(utf8::FAILURE)?;
                    return Ok(Unit::Message(message.0, Body::InPlace(message.1)));
                }
                self.begin(&header, pool);
            }
            if let Some(unit) = self.payload(bytes, at)? {
                return Ok(unit);
            }
        }
    }

    /// The next header, if all of it is there. Moves past it, or keeps what there is.
    fn header(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<Header>, Failure> {
        let had = usize::from(self.head_len);
        let more = &bytes[*at..][..(LONGEST_HEADER - had).min(bytes.len() - *at)];
        self.head[had..had + more.len()].copy_from_slice(more);
        match frame::parse(&self.head[..had + more.len()]) {
            Parsed::Header(header) => {
                // What was kept was not a whole header, so this one ends in `bytes`.
                *at += header.header_len - had;
                self.head_len = 0;
                Ok(Some(header))
            }
            Parsed::Violation(failure) => Err(failure),
            Parsed::Incomplete => {
                *at += more.len();
                self.head_len = (had + more.len()) as u8;
                Ok(None)
            }
        }
    }

    /// The rules that need more than one frame to judge, before any payload is taken.
    fn allow(&self, header: &Header, limits: &ReadLimits) -> Result<(), Failure> {
        if header.opcode.is_control() {
            return Ok(());
        }
        // §5.4: fragments of different messages do not mix.
        let (held, fragments) = match (&self.message, header.opcode) {
            (None, Opcode::Continuation) => return Err(CONTINUATION_OF_NOTHING),
            (None, _) => (0, u32::from(!header.fin)),
            (Some(message), Opcode::Continuation) => {
                (message.body.len(), message.fragments.saturating_add(1))
            }
            (Some(_), _) => return Err(MESSAGE_INSIDE_MESSAGE),
        };
        // §10.4: by what the header promises, not by what comes.
        if held as u64 + header.len > u64::from(limits.message_bytes) {
            return Err(TOO_BIG);
        }
        // §10.4: empty fragments cost no bytes, so their number is bounded too.
        if fragments > limits.fragments { Err(TOO_MANY_FRAGMENTS) } else { Ok(()) }
    }

    fn begin(&mut self, header: &Header, pool: &mut BufferPool) {
        let Header { fin, opcode, len, mask, .. } = *header;
        self.frame = Some(Incoming { fin, opcode, mask, done: 0, missing: len as usize });
        match opcode {
            Opcode::Text | Opcode::Binary => {
                let kind = if opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
                let fragments = u32::from(!fin);
                self.message =
                    Some(Message { kind, body: pool.take(len as usize), fragments, check: Utf8::default() });
            }
            Opcode::Continuation => {
                if let Some(message) = &mut self.message {
                    message.fragments = message.fragments.saturating_add(1);
                }
            }
            Opcode::Close | Opcode::Ping | Opcode::Pong => self.control = Control::EMPTY,
        }
    }

    /// Takes what there is of the frame's payload. `None` after a fragment
    /// that is not the last: another frame follows.
    fn payload(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<Unit>, Failure> {
        let Some(frame) = &mut self.frame else { return Ok(None) };
        let piece = &bytes[*at..][..frame.missing.min(bytes.len() - *at)];
        *at += piece.len();
        if frame.opcode.is_control() {
            self.control.push(piece, frame.mask);
        } else if let Some(message) = &mut self.message {
            message.append(piece, frame)?;
        }
        frame.done += piece.len();
        frame.missing -= piece.len();
        if frame.missing > 0 {
            return Ok(Some(Unit::More));
        }
        let (opcode, fin) = (frame.opcode, frame.fin);
        self.frame = None;
        if opcode.is_control() {
            return control_unit(opcode, self.control).map(Some);
        }
        if fin && let Some(message) = &self.message {
            // §8.1: no character is cut off at the end. On failure the body
            // stays for `end` to give back.
            message.check.finish().map_err(|_| utf8::FAILURE)?;
        }
        let finished = if fin { self.message.take() } else { None };
        Ok(finished.map(|message| Unit::Message(message.kind, Body::Owned(message.body))))
    }
}

impl Message {
    fn append(&mut self, piece: &[u8], frame: &Incoming) -> Result<(), Failure> {
        let start = self.body.len();
        self.make_room(start + piece.len(), frame);
        let ascii = frame::unmask_into(&mut self.body, piece, frame.mask, frame.done);
        match self.kind {
            Kind::Text if ascii && self.check.finish().is_ok() => Ok(()),
            // §8.1: the first bad byte ends it, whatever is still to come.
            Kind::Text => self.check.feed(&self.body[start..]).map_err(|_| utf8::FAILURE),
            Kind::Binary => Ok(()),
        }
    }

    /// Grows by what has come, not by what a header promises; but not past what
    /// the last frame promises.
    fn make_room(&mut self, wanted: usize, frame: &Incoming) {
        let (len, capacity) = (self.body.len(), self.body.capacity());
        if capacity < wanted {
            let most = if frame.fin { len + frame.missing } else { usize::MAX };
            self.body.reserve_exact((2 * capacity).clamp(wanted, most) - len);
        }
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
