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

/// Reads the data of an Engine.IO message. The arguments of an event become an
/// array in place: the comma behind the event's name gives way to a bracket.
pub(crate) fn read(message: &mut [u8], limits: &Limits) -> Result<Packet, Malformed> {
    let text = super::utf8::text(message).ok_or("the packet is not UTF-8")?;
    let mut cursor = Cursor { text, at: 0 };
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
    let json = payload.as_ref().map_or("", |at| cursor.part(at));
    let mut open = None;
    let body = match kind {
        b'0' => {
            if let Some(at) = &payload {
                check(json::object(cursor.part(at), limits.json_depth, |_, _| ()))?;
            }
            Body::Connect { auth: payload }
        }
        b'1' if payload.is_some() => return Err("a DISCONNECT has no payload".into()),
        b'1' => Body::Disconnect,
        b'2' | b'5' => match payload {
            Some(at) => {
                let (name, args) = event(text, at, limits)?;
                open = args.as_ref().map(|args| args.start);
                Body::Event { name, args, id }
            }
            // Attachments that would follow belong to nothing.
            None if attachments > 0 => return Err("attachments of an event without a payload".into()),
            None => Body::Nothing,
        },
        b'4' => Body::ConnectError,
        _ => {
            if let Some(at) = &payload {
                check(json::array(cursor.part(at), limits.json_depth))?;
            }
            Body::Ack { id, args: payload }
        }
    };
    // Of what is known to be JSON.
    if attachments > 0 && !placeholder::all_within(json, attachments as usize) {
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

/// Reads an event's array: its name, and where the rest of the array will
/// stand once its first byte, a comma, is a bracket.
fn event(text: &str, at: Range<usize>, limits: &Limits) -> Result<(Name, Option<Range<usize>>), Malformed> {
    let array = text.get(at.clone()).unwrap_or_default();
    let Elements { count, first } = check(json::array(array, limits.json_depth))?;
    if count == 0 {
        return Err("an event has a name".into());
    }
    let first = at.start + first.start..at.start + first.end;
    let raw = text.get(first.clone()).unwrap_or_default();
    // A number may be a name; it is what it looks like.
    let name = match raw.as_bytes() {
        [b'-' | b'0'..=b'9', ..] if raw.len() <= limits.name_bytes as usize => Name::InPlace(first.clone()),
        _ => name::read(text, &first, limits)?,
    };
    if count == 1 {
        return Ok((name, None));
    }
    let behind = text.get(first.end..at.end).unwrap_or_default();
    let comma = at.end - behind.trim_ascii_start().len();
    Ok((name, Some(comma..at.end)))
}

/// Reads a packet's parts from left to right.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn part(&self, at: &Range<usize>) -> &'a str {
        self.text.get(at.clone()).unwrap_or_default()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.rest().bytes().next()?;
        // Only an ASCII byte is stepped over alone, so no character is cut.
        self.at += usize::from(byte.is_ascii());
        Some(byte)
    }

    /// The digits that come now.
    fn digits(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    // §1.1, 2
    fn attachments(&mut self, limits: &Limits) -> Result<u32, Malformed> {
        let digits = self.digits();
        if digits.is_empty() || self.next() != Some(b'-') {
            return Err("the number of attachments is no number".into());
        }
        match digits.parse::<u32>() {
            Ok(count) if count <= limits.attachments => Ok(count),
            _ => {
                let why = format!("a packet has more than {} attachments", limits.attachments);
                Err(Malformed::over(Limit::Attachments, why))
            }
        }
    }

    // §1.1, 3
    fn namespace(&mut self) -> Option<Range<usize>> {
        let rest = self.rest();
        if !rest.starts_with('/') {
            return None;
        }
        let length = rest.find(',').unwrap_or(rest.len());
        let at = self.at..self.at + length;
        self.at = self.text.len().min(at.end + 1);
        (length > 1).then_some(at)
    }

    // §1.1, 4
    fn id(&mut self) -> Result<Option<u64>, Malformed> {
        let digits = self.digits();
        if digits.is_empty() {
            return Ok(None);
        }
        match digits.parse::<u64>() {
            Ok(id) if id <= MAX_SAFE_INTEGER => Ok(Some(id)),
            _ => Err("the id of an ack is too large".into()),
        }
    }

    /// Where the JSON stands that is left; none if nothing is. White space
    /// around it belongs to JSON; alone it is none.
    fn payload(&self) -> Option<Range<usize>> {
        let rest = self.rest();
        if rest.is_empty() {
            return None;
        }
        let start = self.text.len() - rest.trim_ascii_start().len();
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
