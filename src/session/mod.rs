//! Floor 2: what clients speak. Each dialect reads what its client sent and
//! writes what the host says; none knows of rooms, queues or the clock.

pub(crate) mod json;
pub(crate) mod raw;
pub(crate) mod socketio;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::base::json::{self as text, Elements};
pub(crate) use crate::base::{limits::MAX_SAFE_INTEGER, name::RESERVED};

/// Number of the JSON dialect's wire format.
pub(crate) const JSON: u8 = 0;
/// Number of the raw dialect's wire format.
pub(crate) const RAW: u8 = 1;
/// Number of Socket.IO's wire format, and of the same with bytes as text.
pub(crate) const SOCKETIO: u8 = 2;
pub(crate) const SOCKETIO_TEXT: u8 = 3;
/// How many wire formats there are; a broadcast is encoded once for each.
pub(crate) const FORMATS: usize = 4;

/// Whether a wire format is one of Socket.IO's.
pub(crate) fn is_socketio(format: u8) -> bool {
    format >= SOCKETIO
}

/// What the host says, checked and measured once for all receivers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outgoing<'a> {
    /// An event, perhaps with a question.
    Event { name: &'a str, payload: Measured<'a>, id: Option<u64> },
    /// The answer to a client's question.
    Ack { id: u64, payload: Measured<'a> },
    /// Bytes for those who speak raw, an event `message` for the others. Read where
    /// the host has just put them: to copy them first stalls.
    Data(&'a Data<'a>),
}

/// Arguments as JSON, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured<'a> {
    pub(crate) args: &'a str,
    pub(crate) elements: &'a Elements,
    pub(crate) attachments: &'a [&'a [u8]],
}

/// A message of the raw dialect: text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Data<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

impl<'a> Data<'a> {
    /// The bytes of either kind.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a str> for Data<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl Outgoing<'_> {
    /// About how many bytes it has in a wire format, without attachments that
    /// travel by themselves; to the byte where the format adds nothing.
    pub(crate) fn about_bytes(&self, format: u8) -> usize {
        let of = |payload: &Measured<'_>| {
            let inside = if format == JSON { payload.attachments } else { &[] };
            payload.args.len() + inside.iter().map(|bytes| bytes.len().div_ceil(3) * 4 + 3).sum::<usize>()
        };
        match self {
            Self::Data(data) if format == RAW => data.as_bytes().len(),
            Self::Data(data) => AROUND_BYTES + data.as_bytes().len(),
            Self::Event { name, payload, .. } => AROUND_BYTES + name.len() + of(payload),
            Self::Ack { payload, .. } => AROUND_BYTES + of(payload),
        }
    }
}

/// What a format puts around a name and arguments, at least.
const AROUND_BYTES: usize = 8;

/// Writes a JSON string.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text::escape(text).as_bytes());
    out.push(b'"');
}

/// Writes bytes as base64 (RFC 4648 §4).
pub(crate) fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The room is exactly what the encoding needs.
    let _ = STANDARD.encode_slice(bytes, out.get_mut(start..).unwrap_or_default());
}

/// Writes a number in decimal.
pub(crate) fn put_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
