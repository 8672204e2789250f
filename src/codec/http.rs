//! Request heads of HTTP/1.1 (RFC 9112 §2, §3 and §5): finds the end of a head
//! while it arrives and refuses early what can only end badly.
//!
//! [`HeadReader`] looks at each byte once, in whatever pieces the bytes come.
//! When the head is whole, [`Request`] takes its bytes, `httparse` cuts the
//! field lines, and `rules` decides what the head means.

pub(super) mod percent;
mod request;
mod rules;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_in_pieces;

use std::mem;

use crate::base::{
    limit::Limit,
    limits::{self, Limits},
};

pub use request::Request;
pub(crate) use rules::Framing;

/// What a client did wrong: the status that it is told, and one sentence for
/// the answer's body. The connection always closes after that answer, because
/// what follows on it can no longer be trusted to begin where it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    /// The limit that it is over, if that is why.
    pub(crate) limit: Option<Limit>,
}

impl Fault {
    pub(crate) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, limit: None }
    }

    pub(crate) const fn over(status: u16, limit: Limit, reason: &'static str) -> Self {
        Self { status, reason, limit: Some(limit) }
    }

    pub(crate) const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }
}

/// What came of the bytes given to [`HeadReader::read`].
#[derive(Debug)]
pub(crate) enum Head {
    /// All bytes were taken; the head is not whole yet.
    More,
    /// The first `consumed` bytes end this head. What follows them is the body,
    /// the next request, or what the upgrade speaks.
    Whole { request: Request, consumed: usize },
}

/// Takes request heads from a stream of bytes, one after the other. Between
/// heads it holds no memory; within one, what has arrived of it.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    /// The head so far, from the method's first byte; empty while a head comes
    /// in one piece.
    partial: Vec<u8>,
    scan: Scan,
}

impl HeadReader {
    /// Reads on. After [`Head::Whole`] the reader stands before the next head;
    /// after a fault it must not be used again.
    pub(crate) fn read(&mut self, input: &[u8], limits: &Limits) -> Result<Head, Fault> {
        let (mut start, mut at) = (0, 0);
        while let Some(&byte) = input.get(at) {
            match self.scan.step(byte, limits)? {
                Step::Skipped => start = at + 1,
                Step::Taken => at += self.scan.skip(input.get(at + 1..).unwrap_or_default(), limits),
                Step::End(line) => {
                    let last = input.get(start..=at).unwrap_or_default();
                    let bytes = if self.partial.is_empty() {
                        Box::from(last)
                    } else {
                        self.partial.extend_from_slice(last);
                        mem::take(&mut self.partial).into_boxed_slice()
                    };
                    self.scan = Scan::default();
                    return Ok(Head::Whole { request: Request::parse(bytes, line)?, consumed: at + 1 });
                }
            }
            at += 1;
        }
        self.partial.extend_from_slice(input.get(start..).unwrap_or_default());
        Ok(Head::More)
    }

    /// Whether a head has begun to arrive (skipped empty lines are none), so
    /// that the time for the rest of it runs.
    pub(crate) fn has_begun(&self) -> bool {
        self.scan.taken > 0
    }
}

/// Where the parts of a scanned request line and the fields lie, counted from
/// the method's first byte.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    method_end: u32,
    target_end: u32,
    /// First byte after the request line.
    fields: u32,
    field_lines: u32,
    /// The version's minor digit.
    minor: u8,
}

/// What the next byte may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    /// The method's first byte, or an empty line before it.
    #[default]
    Start,
    StartLf,
    Method,
    Target,
    Version,
    LineLf,
    /// A field line's first byte, or the CR of the empty line.
    LineStart,
    Field,
    EndLf,
}

enum Step {
    Skipped,
    Taken,
    End(Line),
}

/// The state machine over a head's bytes.
#[derive(Debug, Default)]
struct Scan {
    expect: Expect,
    /// Bytes of the head so far.
    taken: u32,
    empty_lines: u8,
    /// The version's major digit.
    major: u8,
    line: Line,
}

const LONE_LF: Fault = Fault::bad("a line must end in CR LF");
const LONE_CR: Fault = Fault::bad("CR must be followed by LF");
const BAD_LINE: Fault = Fault::bad("the request line must be method, target and version, one space between");

/// Field bytes that are judged at once.
const BLOCK: usize = 16;

impl Scan {
    /// Most of a head lies within field lines: takes the rest of one, as steps over
    /// its bytes would. Answers how many bytes.
    fn skip(&mut self, bytes: &[u8], limits: &Limits) -> usize {
        if self.expect != Expect::Field {
            return 0;
        }
        let allowed = limits.head_bytes.saturating_sub(self.taken) as usize;
        let bytes = &bytes[..bytes.len().min(allowed)];
        let are_of_field =
            |block: &&[u8; BLOCK]| block.iter().fold(true, |all, &byte| all & is_of_field(byte));
        let (blocks, _) = bytes.as_chunks::<BLOCK>();
        let whole = blocks.iter().take_while(are_of_field).count() * BLOCK;
        let skipped = whole + bytes[whole..].iter().take_while(|&&byte| is_of_field(byte)).count();
        self.taken += skipped as u32;
        skipped
    }

    fn step(&mut self, byte: u8, limits: &Limits) -> Result<Step, Fault> {
        match self.expect {
            Expect::Start | Expect::StartLf => return self.step_before(byte, limits),
            // RFC 9110 §5.4, RFC 6585 §5: too large, refused without reading the rest.
            _ if self.taken >= limits.head_bytes => {
                return Err(Fault::over(431, Limit::HeadBytes, "the request head is too large"));
            }
            _ => {}
        }
        self.taken += 1;
        match self.expect {
            Expect::Field => self.expect = within_field(byte)?,
            Expect::LineStart => self.step_line_start(byte, limits)?,
            Expect::LineLf => {
                need_lf(byte)?;
                if self.line.fields == 0 {
                    self.line.fields = self.taken;
                }
                self.expect = Expect::LineStart;
            }
            Expect::EndLf => {
                need_lf(byte)?;
                return Ok(Step::End(self.line));
            }
            Expect::Method => self.step_method(byte)?,
            Expect::Target => self.step_target(byte, limits)?,
            Expect::Version => self.step_version(byte)?,
            Expect::Start | Expect::StartLf => {}
        }
        Ok(Step::Taken)
    }

    // RFC 9112 §2.2: at least one empty line before the request line is skipped.
    fn step_before(&mut self, byte: u8, limits: &Limits) -> Result<Step, Fault> {
        match (self.expect, byte) {
            (Expect::StartLf, _) => {
                need_lf(byte)?;
                self.expect = Expect::Start;
                Ok(Step::Skipped)
            }
            (_, b'\r') if self.empty_lines < limits::EMPTY_LINES => {
                self.empty_lines += 1;
                self.expect = Expect::StartLf;
                Ok(Step::Skipped)
            }
            (_, b'\r') => Err(Fault::bad("too many empty lines before the request")),
            (_, b'\n') => Err(LONE_LF),
            (_, _) if !is_token_byte(byte) => Err(Fault::bad("this does not begin an HTTP request")),
            (_, _) if limits.head_bytes == 0 => {
                Err(Fault::over(431, Limit::HeadBytes, "the request head is too large"))
            }
            (_, _) => {
                self.taken = 1;
                self.expect = Expect::Method;
                Ok(Step::Taken)
            }
        }
    }

    // RFC 9112 §3: method SP target SP version CR LF.
    fn step_method(&mut self, byte: u8) -> Result<(), Fault> {
        match byte {
            b' ' => {
                self.line.method_end = self.taken - 1;
                self.expect = Expect::Target;
            }
            _ if !is_token_byte(byte) => return Err(BAD_LINE),
            _ if self.taken > limits::METHOD_BYTES => return Err(rules::UNKNOWN_METHOD),
            _ => {}
        }
        Ok(())
    }

    // RFC 9112 §3.2 allows no white space in a target, RFC 3986 §2 no bytes but
    // visible ASCII. `#` would start a fragment, which is never sent. What else
    // RFC 3986 forbids (`{`, `|`, `"` ...) browsers do send, and it does no harm.
    fn step_target(&mut self, byte: u8, limits: &Limits) -> Result<(), Fault> {
        let length = self.taken - self.line.method_end - 2;
        match byte {
            b' ' if length > 0 => {
                self.line.target_end = self.taken - 1;
                self.expect = Expect::Version;
            }
            b'!'..=b'~' if byte != b'#' => {
                // RFC 9112 §3: a target that is longer than what is read is 414.
                if length >= limits.target_bytes {
                    return Err(Fault::over(414, Limit::TargetBytes, "the request target is too long"));
                }
            }
            b' ' | b'\r' | b'\n' => return Err(BAD_LINE),
            _ => return Err(Fault::bad("the request target holds a byte that no URL may hold")),
        }
        Ok(())
    }

    // RFC 9112 §2.3: `HTTP/`, digit, dot, digit, in upper case. A minor version
    // above 1 is served as 1.1 (RFC 9110 §2.5).
    fn step_version(&mut self, byte: u8) -> Result<(), Fault> {
        match (self.taken - self.line.target_end - 2, byte) {
            (0, b'H') | (1 | 2, b'T') | (3, b'P') | (4, b'/') | (6, b'.') => {}
            (5, b'0'..=b'9') => self.major = byte - b'0',
            (7, b'0'..=b'9') => self.line.minor = byte - b'0',
            (8, b'\r') if self.major != 1 => {
                return Err(Fault::new(505, "only HTTP/1.0 and HTTP/1.1 are spoken here"));
            }
            (8, b'\r') => self.expect = Expect::LineLf,
            (_, b'\n') => return Err(LONE_LF),
            _ => return Err(BAD_LINE),
        }
        Ok(())
    }

    fn step_line_start(&mut self, byte: u8, limits: &Limits) -> Result<(), Fault> {
        match byte {
            b'\r' => self.expect = Expect::EndLf,
            b'\n' => return Err(LONE_LF),
            // RFC 9112 §2.2: no white space before the first field; §5.2: no folding.
            b' ' | b'\t' => return Err(Fault::bad("a header line must not begin with white space")),
            _ if !is_token_byte(byte) => return Err(rules::BAD_FIELD),
            _ if self.line.field_lines >= limits.header_lines => {
                return Err(Fault::over(431, Limit::HeaderLines, "the request has too many header lines"));
            }
            _ => {
                self.line.field_lines += 1;
                self.expect = Expect::Field;
            }
        }
        Ok(())
    }
}

// RFC 9110 §5.5: no CR, LF or NUL in a value; the other control bytes are
// refused with them, but not the tab.
fn is_of_field(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

fn within_field(byte: u8) -> Result<Expect, Fault> {
    match byte {
        b'\r' => Ok(Expect::LineLf),
        b'\n' => Err(LONE_LF),
        _ if is_of_field(byte) => Ok(Expect::Field),
        _ => Err(Fault::bad("a header line holds a control byte")),
    }
}

// RFC 9112 §2.2: a CR that no LF follows must not pass.
fn need_lf(byte: u8) -> Result<(), Fault> {
    if byte == b'\n' { Ok(()) } else { Err(LONE_CR) }
}

/// Whether a byte may be in a token (RFC 9110 §5.6.2).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Whether bytes are a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// Without the spaces and tabs at both ends (OWS, RFC 9110 §5.6.3).
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
