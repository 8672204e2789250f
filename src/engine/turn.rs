//! The arena of one turn: bytes are read into it, frames are unmasked where
//! they lie, and events are short records that point into it.

use std::{ops::Range, sync::Arc};

use super::reason::Reason;
use crate::{
    base::{
        id::{AckId, RequestId, SocketId, TimerId},
        pool::BufferPool,
    },
    codec::{http::Request, utf8},
    hub::acks::Outcome,
};

/// Most bytes that one read takes from one connection. Messages of a mebibyte cost
/// a tenth less than with half of it, and no less with twice as much.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// Most bytes that the events of one turn may hold; what is beyond waits.
pub(crate) const EVENT_BYTES: usize = 8 << 20;
/// Above this an arena that is not needed is given back to the allocator.
const ARENA_KEPT: usize = 1 << 20;

/// Some bytes of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    place: Place,
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    /// Where reads go.
    Arena,
    /// What the engine wrote itself.
    Texts,
    /// A buffer that was put together over several reads.
    Owned(u32),
}

/// The name of a namespace, which lies among the engine's own texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nsp {
    start: u32,
    end: u32,
}

/// A run of entries in one of the turn's lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    start: u32,
    end: u32,
}

/// What happened. Texts and bytes are spans of the turn.
#[derive(Debug)]
pub(crate) enum Record {
    ConnectRequest {
        socket: SocketId,
        nsp: Nsp,
        handshake: u32,
        auth: Span,
    },
    Connect {
        socket: SocketId,
        nsp: Nsp,
        handshake: u32,
        auth: Span,
        was: Option<SocketId>,
    },
    Disconnect {
        socket: SocketId,
        nsp: Nsp,
        reason: Reason,
        code: Option<u16>,
        text: Span,
        rooms: Run,
        may_return: bool,
    },
    Message {
        socket: SocketId,
        nsp: Nsp,
        name: Span,
        args: Span,
        attachments: Run,
        ack: Option<AckId>,
    },
    Data {
        socket: SocketId,
        nsp: Nsp,
        data: Span,
        text: bool,
    },
    Ack {
        socket: SocketId,
        ack: AckId,
        answer: Answer,
    },
    AcksDone {
        ack: AckId,
        answered: u32,
        of: u32,
    },
    Room {
        nsp: Nsp,
        room: Span,
        created: bool,
    },
    Member {
        socket: SocketId,
        nsp: Nsp,
        room: Span,
        joined: bool,
    },
    Drain {
        socket: SocketId,
        dropped: u64,
    },
    Http {
        request: RequestId,
        head: u32,
        body: Span,
    },
    Timer {
        timer: TimerId,
        tag: u64,
    },
    Post {
        tag: u64,
        data: Span,
    },
    Expired {
        socket: SocketId,
        nsp: Nsp,
        user: u64,
    },
    Upgraded {
        socket: SocketId,
        nsp: Nsp,
    },
    Stopped,
}

/// What came of a question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Args { args: Span, attachments: Run },
    TimedOut,
    Closed,
}

/// The events of one turn and all that they point to.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    arena: Vec<u8>,
    /// How much of the arena is in use; reads go behind.
    filled: usize,
    texts: String,
    owned: Vec<Vec<u8>>,
    owned_bytes: usize,
    spans: Vec<Span>,
    requests: Vec<Arc<Request>>,
    pub(crate) records: Vec<Record>,
    /// The namespace written last, and where: nearly always the next one too.
    last_nsp: Option<(Arc<str>, Nsp)>,
}

impl Turn {
    /// Forgets everything; buffers of messages go back into the pool.
    pub(crate) fn clear(&mut self, pool: &mut BufferPool) {
        if self.arena.len() > ARENA_KEPT && self.filled < ARENA_KEPT / 2 {
            self.arena.truncate(ARENA_KEPT);
            self.arena.shrink_to_fit();
        }
        self.filled = 0;
        self.texts.clear();
        self.owned.drain(..).for_each(|buffer| pool.give(buffer));
        self.owned_bytes = 0;
        self.spans.clear();
        self.requests.clear();
        self.records.clear();
        self.last_nsp = None;
    }

    /// Where the next read goes: at least [`READ_BYTES`].
    pub(crate) fn space(&mut self) -> &mut [u8] {
        let wanted = self.filled + READ_BYTES;
        if self.arena.len() < wanted {
            self.arena.resize(wanted.max(self.arena.len() * 2), 0);
        }
        self.arena.get_mut(self.filled..wanted).unwrap_or_default()
    }

    /// Where the arena is written next.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// What lies in the arena from here on will not be kept...
    pub(crate) fn bytes(&mut self, range: Range<usize>) -> &mut [u8] {
        self.arena.get_mut(range).unwrap_or_default()
    }

    /// ... unless an event points to it: up to `end` it is.
    pub(crate) fn keep_to(&mut self, end: usize) {
        self.filled = self.filled.max(end);
    }

    /// Copies bytes to where a read would have put them.
    pub(crate) fn stage(&mut self, bytes: &[u8]) -> Range<usize> {
        let end = self.filled + bytes.len();
        if self.arena.len() < end {
            self.arena.resize(end.max(self.arena.len() * 2), 0);
        }
        self.bytes(self.filled..end).copy_from_slice(bytes);
        self.filled..end
    }

    /// Whether the events hold as much as a turn may.
    pub(crate) fn is_full(&self) -> bool {
        let records = self.records.len() * size_of::<Record>();
        self.filled + self.owned_bytes + self.texts.len() + records >= EVENT_BYTES
    }

    /// The span of a part of the arena.
    pub(crate) fn in_arena(range: Range<usize>) -> Span {
        Span { place: Place::Arena, start: range.start as u32, end: range.end as u32 }
    }

    /// Takes a buffer over; the span covers all of it.
    pub(crate) fn own(&mut self, buffer: Vec<u8>) -> Span {
        let end = buffer.len() as u32;
        self.owned_bytes += buffer.capacity();
        self.owned.push(buffer);
        Span { place: Place::Owned(self.owned.len() as u32 - 1), start: 0, end }
    }

    /// Keeps a text of the engine's own.
    pub(crate) fn text(&mut self, text: &str) -> Span {
        let start = self.texts.len() as u32;
        self.texts.push_str(text);
        Span { place: Place::Texts, start, end: self.texts.len() as u32 }
    }

    /// Keeps the name of a namespace.
    pub(crate) fn namespace(&mut self, name: &Arc<str>) -> Nsp {
        match &self.last_nsp {
            Some((last, nsp)) if Arc::ptr_eq(last, name) => *nsp,
            _ => {
                let nsp = self.nsp(name);
                self.last_nsp = Some((name.clone(), nsp));
                nsp
            }
        }
    }

    /// Keeps the name of a namespace that may be gone.
    pub(crate) fn nsp(&mut self, name: &str) -> Nsp {
        let Span { start, end, .. } = self.text(name);
        Nsp { start, end }
    }

    /// Keeps several spans.
    pub(crate) fn run(&mut self, spans: impl IntoIterator<Item = Span>) -> Run {
        let start = self.spans.len() as u32;
        self.spans.extend(spans);
        Run { start, end: self.spans.len() as u32 }
    }

    pub(crate) fn request(&mut self, request: Arc<Request>) -> u32 {
        self.requests.push(request);
        self.requests.len() as u32 - 1
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    /// An answer to a question, and the question's end if it was the last.
    pub(crate) fn push_answer(&mut self, socket: SocketId, ack: AckId, answer: Answer, outcome: Outcome) {
        self.push(Record::Ack { socket, ack, answer });
        if let Outcome::Ended { answered, of } = outcome {
            self.push(Record::AcksDone { ack, answered, of });
        }
    }

    pub(crate) fn bytes_of(&self, span: Span) -> &[u8] {
        let from = match span.place {
            Place::Nowhere => return &[],
            Place::Arena => &self.arena,
            Place::Texts => self.texts.as_bytes(),
            Place::Owned(buffer) => match self.owned.get(buffer as usize) {
                Some(buffer) => buffer,
                None => return &[],
            },
        };
        from.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// What a client sent; the engine's own texts stay as they are.
    pub(crate) fn bytes_of_mut(&mut self, span: Span) -> &mut [u8] {
        let from = match span.place {
            Place::Nowhere | Place::Texts => return &mut [],
            Place::Arena => &mut self.arena,
            Place::Owned(buffer) => match self.owned.get_mut(buffer as usize) {
                Some(buffer) => buffer,
                None => return &mut [],
            },
        };
        from.get_mut(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The text of a span. Everything that is called text was checked when it
    /// was received.
    pub(crate) fn text_of(&self, span: Span) -> &str {
        let text = match span.place {
            Place::Texts => self.texts.get(span.start as usize..span.end as usize),
            _ => utf8::text(self.bytes_of(span)),
        };
        text.unwrap_or_default()
    }

    pub(crate) fn nsp_of(&self, nsp: Nsp) -> &str {
        self.texts.get(nsp.start as usize..nsp.end as usize).unwrap_or_default()
    }

    pub(crate) fn run_of(&self, run: Run) -> &[Span] {
        self.spans.get(run.start as usize..run.end as usize).unwrap_or_default()
    }

    pub(crate) fn request_of(&self, number: u32) -> Option<&Arc<Request>> {
        self.requests.get(number as usize)
    }
}

impl Span {
    /// A part of this span, counted from its start.
    pub(crate) fn part(self, range: Range<usize>) -> Span {
        Span { start: self.start + range.start as u32, end: self.start + range.end as u32, ..self }
    }
}
