//! Socket.IO, revision 5: packets as clients send them (§1.1), and the binary
//! attachments that follow some of them (§1.2). Section numbers are those of
//! the protocol document. Writing is the session floor's.
//!
//! Nothing is built from the JSON: what comes out are ranges of the text.

use std::{borrow::Cow, ops::Range};

use crate::base::{
    json::{self, Elements, JsonFault},
    limit::{Limit, Malformed},
    limits::{Limits, MAX_SAFE_INTEGER},
    name::{self, Name},
    placeholder,
};

/// A packet, and where its parts stand in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// As the client wrote it, a query string included; `None` is `/`.
    pub(crate) namespace: Option<Range<usize>>,
    /// How many binary messages belong to it and follow. Only an event or an
    /// ack has any.
    pub(crate) attachments: u32,
    pub(crate) body: Body,
}

/// What a packet says. Arguments are a JSON array; `None` is `[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// `auth` is a JSON object; none given is `{}`.
    Connect {
        auth: Option<Range<usize>>,
    },
    Disconnect,
    /// `id` asks for an ack.
    Event {
        name: Name,
        args: Option<Range<usize>>,
        id: Option<u64>,
    },
    /// An event without a payload: counts as sent, and is ignored.
    Nothing,
    /// An answer without an id answers nothing.
    Ack {
        id: Option<u64>,
        args: Option<Range<usize>>,
    },
    /// Only servers send it: §2 closes the session.
    ConnectError,
}

/// Reads the data of an Engine.IO message, whose UTF-8 has been checked. The
/// arguments of an event become an array in place: the comma behind the event's
/// name gives way to a bracket.
pub(crate) fn read(message: &mut [u8], limits: &Limits) -> Result<Packet, Malformed> {
    let mut cursor = Cursor { bytes: message, at: 0 };
    // 1
    let kind = cursor.next().filter(|kind| (b'0'..=b'6').contains(kind)).ok_or("unknown packet type")?;
    // 2
    let attachments = match kind {
        b'5' | b'6' => cursor.attachments(limits)?,
        _ => 0,
    };
    // 3 and 4
    let namespace = cursor.namespace();
    let id = cursor.id()?;
    // 5 and 6
    let payload = cursor.payload();
    let json = payload.as_ref().map_or(&[][..], |at| part(message, at));
    let mut open = None;
    let body = match kind {
        b'0' => {
            if payload.is_some() {
                check(json::object(text(json)?, limits.json_depth, |_, _| ()))?;
            }
            Body::Connect { auth: payload }
        }
        b'1' if payload.is_some() => return Err("a DISCONNECT has no payload".into()),
        b'1' => Body::Disconnect,
        b'2' | b'5' => match payload {
            Some(at) => {
                let (name, args) = event(message, at, limits)?;
                open = args.as_ref().map(|args| args.start);
                Body::Event { name, args, id }
            }
            // Attachments that would follow belong to nothing.
            None if attachments > 0 => return Err("attachments of an event without a payload".into()),
            None => Body::Nothing,
        },
        b'4' => Body::ConnectError,
        _ => {
            if payload.is_some() {
                array(json, limits)?;
            }
            Body::Ack { id, args: payload }
        }
    };
    // Of what is known to be JSON.
    if attachments > 0 && !placeholder::all_within(text(json)?, attachments as usize) {
        return Err("a placeholder does not number an attachment".into());
    }
    if let Some(comma) = open.and_then(|at| message.get_mut(at)) {
        *comma = b'[';
    }
    Ok(Packet { namespace, attachments, body })
}

/// Whether a namespace may be asked for at all. One that may not is refused
/// without its name, which could be long.
pub(crate) fn may_be_named(namespace: &str, limits: &Limits) -> bool {
    namespace.len() <= limits.name_bytes as usize && !namespace.contains('\0')
}

/// What a client that wants its old socket back puts into its auth (§8).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim<'a> {
    pub(crate) pid: Cow<'a, str>,
    /// Of the last event that it got; none if it never got one.
    pub(crate) offset: Option<Cow<'a, str>>,
}

/// The claim in an auth object that has been read. A `pid` that is no string
/// is none, and so is such an offset.
pub(crate) fn claim<'a>(auth: &'a str, limits: &Limits) -> Option<Claim<'a>> {
    let (mut pid, mut offset) = (None, None);
    let string = |at: Range<usize>| auth.get(at).and_then(json::unescape);
    json::object(auth, limits.json_depth, |key, at| match key {
        "pid" => pid = string(at),
        "offset" => offset = string(at),
        _ => {}
    })
    .ok()?;
    Some(Claim { pid: pid?, offset })
}

fn check<T>(read: Result<T, JsonFault>) -> Result<T, Malformed> {
    read.map_err(|fault| {
        Malformed::json(&fault, format!("the payload is not what its packet needs: {fault}"))
    })
}

fn part<'a>(message: &'a [u8], at: &Range<usize>) -> &'a [u8] {
    message.get(at.clone()).unwrap_or_default()
}

/// A part of what has been checked, where a text is needed.
fn text(part: &[u8]) -> Result<&str, Malformed> {
    super::utf8::text(part).ok_or_else(|| "the packet is not UTF-8".into())
}

fn array(json: &[u8], limits: &Limits) -> Result<Elements, Malformed> {
    match json::plain_strings(json) {
        Some(elements) if limits.json_depth > 0 => Ok(elements),
        _ => check(json::any_array(text(json)?, limits.json_depth)),
    }
}

/// Reads an event's array: its name, and where the rest of the array will
/// stand once its first byte, a comma, is a bracket.
fn event(
    message: &[u8],
    at: Range<usize>,
    limits: &Limits,
) -> Result<(Name, Option<Range<usize>>), Malformed> {
    let Elements { count, first } = array(part(message, &at), limits)?;
    if count == 0 {
        return Err("an event has a name".into());
    }
    let first = at.start + first.start..at.start + first.end;
    // A number may be a name; it is what it looks like.
    let name = match part(message, &first) {
        raw @ [b'-' | b'0'..=b'9', ..] if raw.len() <= limits.name_bytes as usize => {
            Name::InPlace(first.clone())
        }
        raw => name::read(text(raw)?, &first, limits)?,
    };
    if count == 1 {
        return Ok((name, None));
    }
    let behind = part(message, &(first.end..at.end));
    let comma = at.end - behind.trim_ascii_start().len();
    Ok((name, Some(comma..at.end)))
}

/// Reads a packet's parts from left to right.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.rest().first()?;
        self.at += 1;
        Some(byte)
    }

    /// The digits that come now, as a number; `None` if there are none, and the
    /// largest number if it is too large for any use.
    fn number(&mut self) -> Option<u64> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += length;
        let digits = rest.get(..length).filter(|digits| !digits.is_empty())?;
        let add = |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        Some(digits.iter().fold(0, add))
    }

    // §1.1, 2
    fn attachments(&mut self, limits: &Limits) -> Result<u32, Malformed> {
        let (Some(count), Some(b'-')) = (self.number(), self.next()) else {
            return Err("the number of attachments is no number".into());
        };
        u32::try_from(count).ok().filter(|count| *count <= limits.attachments).ok_or_else(|| {
            let why = format!("a packet has more than {} attachments", limits.attachments);
            Malformed::over(Limit::Attachments, why)
        })
    }

    // §1.1, 3
    fn namespace(&mut self) -> Option<Range<usize>> {
        let rest = self.rest();
        if rest.first() != Some(&b'/') {
            return None;
        }
        let length = rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len());
        let at = self.at..self.at + length;
        self.at = self.bytes.len().min(at.end + 1);
        (length > 1).then_some(at)
    }

    // §1.1, 4
    fn id(&mut self) -> Result<Option<u64>, Malformed> {
        match self.number() {
            Some(id) if id > MAX_SAFE_INTEGER => Err("the id of an ack is too large".into()),
            id => Ok(id),
        }
    }

    /// Where the JSON stands that is left; none if nothing is. White space
    /// around it belongs to JSON; alone it is none.
    fn payload(&self) -> Option<Range<usize>> {
        let rest = self.rest();
        if rest.is_empty() {
            return None;
        }
        let start = self.bytes.len() - rest.trim_ascii_start().len();
        Some(start..start + rest.trim_ascii().len())
    }
}

/// A packet whose attachments are coming (§1.2). How long they may take is for
/// the engine to say.
#[derive(Debug, Default)]
pub(crate) struct Assembler(Option<Box<Whole>>);

/// A packet with its text, whose ranges it holds, and the attachments so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) packet: Packet,
    pub(crate) text: Vec<u8>,
    pub(crate) attachments: Vec<Vec<u8>>,
}

impl Assembler {
    /// Begins with a packet that has attachments.
    pub(crate) fn begin(&mut self, packet: Packet, text: Vec<u8>) {
        self.0 = Some(Box::new(Whole { packet, text, attachments: Vec::new() }));
    }

    /// Whether attachments are due: no packet may come before they have.
    pub(crate) fn check_text(&self) -> Result<(), Malformed> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err("a packet while attachments are due".into()),
        }
    }

    /// Takes a binary message; the last that is due completes the packet. The
    /// text and its attachments together may have `limit` bytes.
    pub(crate) fn take(&mut self, attachment: Vec<u8>, limit: u32) -> Result<Option<Whole>, Malformed> {
        let held = self.held();
        let Some(whole) = &mut self.0 else {
            return Err("a binary message while no attachment is due".into());
        };
        if held + attachment.len() > limit as usize {
            return Err(Malformed::over(Limit::MessageBytes, "the attachments of a packet are too large"));
        }
        whole.attachments.push(attachment);
        if whole.attachments.len() < whole.packet.attachments as usize {
            return Ok(None);
        }
        Ok(self.0.take().map(|whole| *whole))
    }

    /// Bytes that wait for the rest.
    pub(crate) fn held(&self) -> usize {
        let Some(whole) = &self.0 else { return 0 };
        whole.text.len() + whole.attachments.iter().map(Vec::len).sum::<usize>()
    }
}

#[cfg(test)]
#[path = "socketio_tests.rs"]
mod tests;
