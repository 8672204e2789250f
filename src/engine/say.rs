//! What the host says: checked and measured once, encoded once for each wire
//! format in the audience, and noted in the send queue of each receiver.

use std::{borrow::Cow, time::Duration};

use super::{
    Engine,
    chunks::{Chunks, Log, Piece},
    config::Overflow,
    queue::SendQueue,
    reason::Reason,
};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        id::SocketId,
        json::{self, Elements},
        limit::Limit,
        limits::{HOST_BYTES, Limits},
    },
    codec::{
        close::code,
        engineio::answer,
        frame::{self, Opcode},
    },
    hub::{Stage, audience::Selection},
    session::{self, Data, FORMATS, JSON, Measured, Outgoing, RAW, RESERVED, SOCKETIO_TEXT, raw, socketio},
};

/// The arguments of an event or an ack: a JSON array as text, and the binary
/// attachments that it refers to by `{"_placeholder":true,"num":0}`.
///
/// A `&str` is a payload without attachments, and [`Payload::binary`] one whose
/// arguments are the attachments themselves.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    args: Cow<'a, str>,
    attachments: &'a [&'a [u8]],
}

impl<'a> Payload<'a> {
    /// Arguments that refer to attachments.
    #[must_use]
    pub fn new(args: &'a str, attachments: &'a [&'a [u8]]) -> Self {
        Self { args: Cow::Borrowed(args), attachments }
    }

    /// The attachments are the arguments, in their order.
    #[must_use]
    pub fn binary(attachments: &'a [&'a [u8]]) -> Self {
        let placeholders: Vec<String> = (0..attachments.len())
            .map(|number| format!("{{\"_placeholder\":true,\"num\":{number}}}"))
            .collect();
        Self { args: Cow::Owned(format!("[{}]", placeholders.join(","))), attachments }
    }

    /// The arguments, as a JSON array.
    #[must_use]
    pub fn args(&self) -> &str {
        &self.args
    }

    /// The attachments.
    #[must_use]
    pub fn attachments(&self) -> &'a [&'a [u8]] {
        self.attachments
    }

    /// Checks it as an event of this name, under these limits.
    pub(crate) fn check_event(&self, name: &str, limits: &Limits) -> Result<Elements> {
        check_name(name, limits, "an event")?;
        if RESERVED.contains(&name) {
            return Err(Error::invalid(format!(
                "the event name {name:?} is reserved: clients raise it themselves"
            )));
        }
        self.check(limits)
    }

    /// Checks the arguments and attachments themselves.
    pub(super) fn check(&self, limits: &Limits) -> Result<Elements> {
        if self.attachments.len() > limits.attachments as usize {
            return Err(Error::limit(format!(
                "{} attachments: clients take no more than {}",
                self.attachments.len(),
                limits.attachments
            )));
        }
        check_size(self.args.len() + self.attachments.iter().map(|bytes| bytes.len()).sum::<usize>())?;
        json::array(&self.args, limits.json_depth)
            .map_err(|fault| Error::invalid(format!("the arguments must be a JSON array: {fault}")))
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(args: &'a str) -> Self {
        Self::new(args, &[])
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(args: &'a String) -> Self {
        Self::new(args, &[])
    }
}

impl From<String> for Payload<'_> {
    fn from(args: String) -> Self {
        Self { args: Cow::Owned(args), attachments: &[] }
    }
}

/// Whether a message may be left out for a client that is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Loudness {
    #[default]
    Normal,
    Volatile,
}

/// What became of one message for one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Queued,
    /// Left out: it is volatile and the client is behind.
    LeftOut,
    /// The send queue is full.
    Full,
}

impl Engine {
    /// Sends an event to an audience; answers for how many it was queued.
    pub(crate) fn emit(
        &mut self,
        to: &Selection<'_>,
        name: &str,
        payload: &Payload<'_>,
        loudness: Loudness,
    ) -> Result<usize> {
        let elements = payload.check_event(name, &self.config.limits)?;
        let payload = measured(payload, &elements);
        self.broadcast(to, &Outgoing::Event { name, payload, id: None }, loudness)
    }

    /// Sends bytes to an audience.
    pub(crate) fn send(&mut self, to: &Selection<'_>, data: Data<'_>, loudness: Loudness) -> Result<usize> {
        check_size(data.as_bytes().len())?;
        self.broadcast(to, &Outgoing::Data(&data), loudness)
    }

    /// Sends an event to one socket; answers 0 if it has just left, or if the
    /// event is volatile and the client is behind.
    pub(crate) fn emit_one(
        &mut self,
        socket: SocketId,
        name: &str,
        payload: &Payload<'_>,
        loudness: Loudness,
    ) -> Result<usize> {
        let elements = payload.check_event(name, &self.config.limits)?;
        let payload = measured(payload, &elements);
        self.say_to(socket, &Outgoing::Event { name, payload, id: None }, loudness)
    }

    /// Sends bytes to one socket.
    pub(crate) fn send_one(&mut self, socket: SocketId, data: Data<'_>, loudness: Loudness) -> Result<usize> {
        check_size(data.as_bytes().len())?;
        self.say_to(socket, &Outgoing::Data(&data), loudness)
    }

    /// One message for everybody in an audience.
    pub(crate) fn broadcast(
        &mut self,
        to: &Selection<'_>,
        outgoing: &Outgoing<'_>,
        loudness: Loudness,
    ) -> Result<usize> {
        // What is for nowhere is not kept either.
        if let (Some(namespace), true) = (to.namespace, self.recovers()) {
            self.hub.find(namespace)?;
        }
        let offset = self.store(to, outgoing, loudness);
        let mut pieces: [Option<Piece>; FORMATS] = [None; FORMATS];
        let mut encoded_for = u32::MAX;
        let (mut queued, mut left_out) = (0, 0);
        let mut full = Vec::new();
        let Self { hub, queues, chunks, room_logs, dirty, config, pressed, queued_bytes, .. } = self;
        let cap = config.limits.queue_bytes as usize;
        hub.visit(to, |nsp, room, member| {
            let Some(queue) = queues.get_mut(member.queue as usize) else { return };
            // A room belongs to one namespace; another one's members have
            // their own log.
            if encoded_for != room {
                (encoded_for, pieces) = (room, [None; FORMATS]);
            }
            let format = usize::from(member.format);
            let piece = match pieces.get(format).copied().flatten() {
                Some(piece) => piece,
                None => {
                    let piece = encode(
                        chunks,
                        log_of(room_logs, room, format),
                        format as u8,
                        nsp,
                        outgoing,
                        offset.as_deref(),
                    );
                    if let Some(slot) = pieces.get_mut(format) {
                        *slot = Some(piece);
                    }
                    piece
                }
            };
            match fate(queue, piece, cap, loudness) {
                Fate::Queued => {
                    queue.push(piece, chunks);
                    *queued_bytes += piece.len();
                    *pressed |= queue.weight() > cap;
                    super::mark_dirty(dirty, queue, member.queue);
                    queued += 1;
                }
                Fate::LeftOut => left_out += 1,
                Fate::Full => full.push(member.socket),
            }
        })?;
        self.stats.messages_out += queued as u64;
        self.stats.dropped_volatile += left_out;
        for index in full {
            if let Some(socket) = self.hub.id_at(index) {
                self.overflow(socket, 1);
            }
        }
        Ok(queued)
    }

    /// One message for one socket.
    pub(crate) fn say_to(
        &mut self,
        socket: SocketId,
        outgoing: &Outgoing<'_>,
        loudness: Loudness,
    ) -> Result<usize> {
        let Some(entry) = self.hub.live(socket)? else { return Ok(0) };
        let (namespace, queue_key, format) = (entry.namespace, entry.route.queue, entry.route.format);
        let Some(queue) = self.queues.get(queue_key as usize) else { return Ok(0) };
        if loudness == Loudness::Volatile && queue.blocked {
            self.stats.dropped_volatile += 1;
            return Ok(0);
        }
        let is_socketio = session::is_socketio(format);
        let offset = if is_socketio { self.store_direct(socket, outgoing, loudness) } else { None };
        let nsp = self.hub.namespace(namespace).map_or("/", |entry| &entry.name);
        let piece = encode(&mut self.chunks, &mut self.direct, format, nsp, outgoing, offset.as_deref());
        let cap = self.config.limits.queue_bytes as usize;
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return Ok(0) };
        match fate(queue, piece, cap, loudness) {
            Fate::Full => {
                self.overflow(socket, 1);
                if self.config.overflow == Overflow::Disconnect {
                    return Ok(0);
                }
                if offset.is_some() {
                    self.unstore();
                }
                Err(Error::new(
                    ErrorKind::Backpressure,
                    "the client reads too slowly: its send queue is full",
                ))
            }
            _ => {
                queue.push(piece, &mut self.chunks);
                self.queued_bytes += piece.len();
                self.pressed |= queue.weight() > cap;
                super::mark_dirty(&mut self.dirty, queue, queue_key);
                self.stats.messages_out += 1;
                Ok(1)
            }
        }
    }

    /// A message did not fit into a send queue.
    pub(super) fn overflow(&mut self, socket: SocketId, messages: u32) {
        let Some(entry) = self.hub.get(socket) else { return };
        let queue = entry.route.queue;
        self.stats.dropped_full += u64::from(messages);
        self.stats.count_breach(Limit::QueueBytes);
        match self.config.overflow {
            Overflow::Disconnect => self.cut_off(socket, Reason::SlowReader),
            Overflow::Drop => {
                *self.drops.entry(socket).or_default() += u64::from(messages);
                if let Some(queue) = self.queues.get_mut(queue as usize) {
                    queue.dropped = true;
                }
            }
        }
    }

    /// Disconnects a client that owes too much reading.
    pub(super) fn cut_off(&mut self, socket: SocketId, reason: Reason) {
        // Its session may just have been cut off over another of its sockets.
        let Some(entry) = self.hub.get(socket).filter(|entry| entry.stage != Stage::Left) else { return };
        let (owner, code) = (entry.owner, Some(code::TRY_AGAIN_LATER));
        log::debug!("socket {:#x}: {reason}", socket.get());
        if session::is_socketio(entry.route.format) {
            return self.end_session(owner, reason, code);
        }
        self.part(socket, reason, code, reason.as_str());
        self.close_frame(owner, code, reason.as_str());
        self.finish(owner);
    }
}

/// Checks the size of one message, body or post of the host's.
pub(crate) fn check_size(bytes: usize) -> Result<()> {
    if bytes > HOST_BYTES {
        return Err(Error::limit(format!("{bytes} bytes at once: no more than {HOST_BYTES} can be taken")));
    }
    Ok(())
}

/// Checks the name of an event, a room or a namespace.
pub(super) fn check_name(name: &str, limits: &Limits, of: &str) -> Result<()> {
    if name.len() > limits.name_bytes as usize {
        return Err(Error::limit(format!(
            "the name of {of} may have {} bytes; this one has {}",
            limits.name_bytes,
            name.len()
        )));
    }
    if name.contains('\0') {
        return Err(Error::invalid(format!("the name of {of} can't hold a NUL")));
    }
    Ok(())
}

pub(super) fn measured<'a>(payload: &'a Payload<'_>, elements: &'a Elements) -> Measured<'a> {
    Measured { args: &payload.args, elements, attachments: payload.attachments }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The cap is judged on what the kernel refused: what has not been offered to
/// it yet does not count against a client. Between two polls a queue may be
/// empty, and takes one message of any size like any other.
fn fate(queue: &SendQueue, piece: Piece, cap: usize, loudness: Loudness) -> Fate {
    if !queue.blocked {
        return Fate::Queued;
    }
    let weight = queue.weight();
    match loudness {
        Loudness::Volatile => Fate::LeftOut,
        Loudness::Normal if weight > 0 && weight + piece.len() > cap => Fate::Full,
        Loudness::Normal => Fate::Queued,
    }
}

/// The log of a room for one wire format.
fn log_of(room_logs: &mut Vec<[Log; FORMATS]>, room: u32, format: usize) -> &mut Log {
    if room_logs.len() <= room as usize {
        room_logs.resize(room as usize + 1, [Log::default(); FORMATS]);
    }
    &mut room_logs[room as usize][format.min(FORMATS - 1)]
}

/// What a wire format puts around a name and arguments, about, its frame's header
/// included.
const MOST_AROUND: usize = 64;

/// Writes a message's frames at the end of a log: one, and one for each
/// attachment that travels by itself.
fn encode(
    chunks: &mut Chunks,
    log: &mut Log,
    format: u8,
    nsp: &str,
    outgoing: &Outgoing<'_>,
    offset: Option<&str>,
) -> Piece {
    let about = outgoing.about_bytes(format);
    let attachments = match format {
        JSON => &[],
        RAW => raw::attachments(outgoing),
        _ => socketio::attachments(outgoing),
    };
    let opcode = if format == RAW && !raw::is_text(outgoing) { Opcode::Binary } else { Opcode::Text };
    let frame_len = |bytes: &&[u8]| match format {
        SOCKETIO_TEXT => answer::base64_frame_len(bytes),
        _ => bytes.len() + 10,
    };
    let around = MOST_AROUND + nsp.len() + offset.map_or(0, str::len);
    let size = about + around + attachments.iter().map(frame_len).sum::<usize>();
    chunks.append(log, size, |out| {
        match (format, outgoing) {
            // As it is: its length is known.
            (RAW, Outgoing::Data(data)) => frame::write(out, opcode, data.as_bytes()),
            _ => frame::write_with(out, opcode, about, |out| match format {
                JSON => session::json::write(out, outgoing),
                RAW => raw::write(out, outgoing),
                _ => socketio::write(out, nsp, outgoing, offset),
            }),
        }
        for attachment in attachments {
            match format {
                SOCKETIO_TEXT => answer::write_base64_frame(out, attachment),
                _ => frame::write(out, Opcode::Binary, attachment),
            }
        }
    })
}
