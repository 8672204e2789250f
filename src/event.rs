//! What happened, as the host sees it.

use std::fmt;

use crate::{
    Data, Reason, Request,
    base::id::{AckId, RequestId, SocketId, TimerId},
    engine::turn::{self, Record, Run, Span, Turn},
};

/// The events of one poll, and the bytes that they point to. Make one with
/// [`Events::default`] and hand it to every [`poll`](crate::Server::poll); it is
/// a value of its own so that the server can be called while it is walked.
#[derive(Default)]
pub struct Events {
    pub(crate) turn: Turn,
}

impl Events {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.turn.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turn.records.is_empty()
    }

    /// The one with this number, from 0 on.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Event<'_>> {
        event(&self.turn, self.turn.records.get(index)?)
    }

    /// All of them, in the order in which they happened.
    pub fn iter(&self) -> Iter<'_> {
        Iter { turn: &self.turn, records: self.turn.records.iter() }
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// Walks over [`Events`].
#[derive(Clone)]
pub struct Iter<'a> {
    turn: &'a Turn,
    records: std::slice::Iter<'a, Record>,
}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let turn = self.turn;
        self.records.find_map(|record| event(turn, record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client asks to enter a namespace that has a guard. Answer with
    /// [`accept`](crate::Server::accept) or [`reject`](crate::Server::reject),
    /// now or later; until then the client receives nothing, and what it sends
    /// is kept. Either [`Connect`](Self::Connect) or
    /// [`Disconnect`](Self::Disconnect) follows.
    ConnectRequest {
        /// Who will be in.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// What it came with: path, query, headers, origin, address.
        handshake: &'a Request,
        /// What a Socket.IO client gave as `auth`: a JSON object. `{}` for
        /// others.
        auth: &'a str,
    },
    /// A client is in.
    Connect {
        /// Who.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// What it came with.
        handshake: &'a Request,
        /// What a Socket.IO client gave as `auth`: a JSON object. `{}` for
        /// others.
        auth: &'a str,
        /// The id that it had before, if it is a client that lost its connection
        /// and has been recovered, with its rooms, host data and missed events.
        was: Option<SocketId>,
    },
    /// A client is gone: exactly one of these for each socket that was
    /// announced. Its id is known until the next poll.
    Disconnect {
        /// Who.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// Why.
        reason: Reason,
        /// The WebSocket close code (RFC 6455 §7.4): the client's own, 1005 if
        /// it gave none, 1006 if there was no goodbye, or the one that the
        /// server sent. `None` if there was no WebSocket yet.
        code: Option<u16>,
        /// The text beside the code.
        text: &'a str,
        /// The rooms it was in.
        rooms: Texts<'a>,
        /// It may come back and be recovered; if it does not in time,
        /// [`Expired`](Self::Expired) follows.
        may_return: bool,
    },
    /// A client sent an event.
    Message {
        /// Who.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// The event's name.
        name: &'a str,
        /// Its arguments: a JSON array, which has been checked.
        args: &'a str,
        /// Binary attachments, to which `args` refers by
        /// `{"_placeholder":true,"num":0}`.
        attachments: Attachments<'a>,
        /// The client wants an [`ack`](crate::Server::ack).
        ack: Option<AckId>,
    },
    /// A client of the raw dialect sent a message.
    Data {
        /// Who.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// The message.
        data: Data<'a>,
    },
    /// What came of a question to a client; for each question to one socket
    /// exactly one of these.
    Ack {
        /// Who was asked.
        socket: SocketId,
        /// Which question.
        ack: AckId,
        /// Its answer, or why there is none.
        answer: Result<Answer<'a>, NoAnswer>,
    },
    /// A question to an audience is over.
    AcksDone {
        /// Which question.
        ack: AckId,
        /// How many answered.
        answered: u32,
        /// How many received the question.
        of: u32,
    },
    /// A room came about; see [`Config::room_events`](crate::Config::room_events).
    RoomCreated {
        /// The namespace.
        nsp: &'a str,
        /// The room.
        room: &'a str,
    },
    /// The last one left a room, and it is gone.
    RoomDeleted {
        /// The namespace.
        nsp: &'a str,
        /// The room.
        room: &'a str,
    },
    /// A socket is in a room; see [`Config::member_events`](crate::Config::member_events).
    Joined {
        /// Who.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// The room.
        room: &'a str,
    },
    /// A socket is no longer in a room, also because it is gone.
    Left {
        /// Who.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// The room.
        room: &'a str,
    },
    /// A send queue that was full has room again, or its socket leaves: then its
    /// Disconnect follows. See [`Overflow::Drop`](crate::Overflow::Drop). All of these
    /// together tell what [`dropped_full`](crate::Stats::dropped_full) counts.
    Drain {
        /// Whose.
        socket: SocketId,
        /// Messages to it that were dropped since the last time.
        dropped: u64,
    },
    /// An HTTP request; see [`Config::http`](crate::Config::http). Answer with
    /// [`respond`](crate::Server::respond), now or later.
    HttpRequest {
        /// For the answer.
        request: RequestId,
        /// Method, path, query and headers.
        head: &'a Request,
        /// The body.
        body: &'a [u8],
    },
    /// A timer fired.
    Timer {
        /// Which.
        timer: TimerId,
        /// The number that it was started with.
        tag: u64,
    },
    /// Another thread posted this.
    Post {
        /// The poster's number.
        tag: u64,
        /// The poster's bytes.
        data: &'a [u8],
    },
    /// A client that might have come back has not, or has come back and was
    /// given another number: what the host keeps for it can be freed.
    Expired {
        /// The id that it had, which has long been stale.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
        /// The host's own number for it.
        user: u64,
    },
    /// A Socket.IO client has moved from polling to WebSocket.
    Upgraded {
        /// Who.
        socket: SocketId,
        /// The namespace.
        nsp: &'a str,
    },
    /// [`shutdown`](crate::Server::shutdown) is done: nobody is connected.
    Stopped,
}

/// What a client answered.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// A JSON array, which has been checked.
    pub args: &'a str,
    /// Binary attachments.
    pub attachments: Attachments<'a>,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoAnswer {
    /// None came in time.
    Timeout,
    /// The client is gone, or has been asked too much since.
    Closed,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no answer came in time",
            Self::Closed => "the client is gone",
        })
    }
}

impl std::error::Error for NoAnswer {}

/// The binary attachments of an event, in the order of their numbers.
#[derive(Clone, Copy)]
pub struct Attachments<'a> {
    turn: &'a Turn,
    spans: &'a [Span],
}

impl<'a> Attachments<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    /// The one with this number.
    #[must_use]
    pub fn get(self, number: usize) -> Option<&'a [u8]> {
        self.spans.get(number).map(|span| self.turn.bytes_of(*span))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.spans.iter().map(move |span| self.turn.bytes_of(*span))
    }
}

impl fmt::Debug for Attachments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Several texts of an event.
#[derive(Clone)]
pub struct Texts<'a> {
    turn: &'a Turn,
    spans: std::slice::Iter<'a, Span>,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.spans.next().map(|span| self.turn.text_of(*span))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl ExactSizeIterator for Texts<'_> {}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

fn event<'a>(turn: &'a Turn, record: &'a Record) -> Option<Event<'a>> {
    let text = |span: Span| turn.text_of(span);
    let attachments = |run: Run| Attachments { turn, spans: turn.run_of(run) };
    Some(match *record {
        Record::ConnectRequest { socket, nsp, handshake, auth } => {
            let handshake = turn.request_of(handshake)?;
            Event::ConnectRequest { socket, nsp: turn.nsp_of(nsp), handshake, auth: text(auth) }
        }
        Record::Connect { socket, nsp, handshake, auth, was } => {
            let handshake = turn.request_of(handshake)?;
            Event::Connect { socket, nsp: turn.nsp_of(nsp), handshake, auth: text(auth), was }
        }
        Record::Expired { socket, nsp, user } => Event::Expired { socket, nsp: turn.nsp_of(nsp), user },
        Record::Upgraded { socket, nsp } => Event::Upgraded { socket, nsp: turn.nsp_of(nsp) },
        Record::Disconnect { socket, nsp, reason, code, text: why, rooms, may_return } => {
            let rooms = Texts { turn, spans: turn.run_of(rooms).iter() };
            Event::Disconnect {
                socket,
                nsp: turn.nsp_of(nsp),
                reason,
                code,
                text: text(why),
                rooms,
                may_return,
            }
        }
        Record::Message { socket, nsp, name, args, attachments: run, ack } => Event::Message {
            socket,
            nsp: turn.nsp_of(nsp),
            name: text(name),
            args: text(args),
            attachments: attachments(run),
            ack,
        },
        Record::Data { socket, nsp, data, text: is_text } => {
            let data = if is_text { Data::Text(text(data)) } else { Data::Binary(turn.bytes_of(data)) };
            Event::Data { socket, nsp: turn.nsp_of(nsp), data }
        }
        Record::Ack { socket, ack, answer } => {
            let answer = match answer {
                turn::Answer::Args { args, attachments: run } => {
                    Ok(Answer { args: text(args), attachments: attachments(run) })
                }
                turn::Answer::TimedOut => Err(NoAnswer::Timeout),
                turn::Answer::Closed => Err(NoAnswer::Closed),
            };
            Event::Ack { socket, ack, answer }
        }
        Record::AcksDone { ack, answered, of } => Event::AcksDone { ack, answered, of },
        Record::Room { nsp, room, created: true } => {
            Event::RoomCreated { nsp: turn.nsp_of(nsp), room: text(room) }
        }
        Record::Room { nsp, room, created: false } => {
            Event::RoomDeleted { nsp: turn.nsp_of(nsp), room: text(room) }
        }
        Record::Member { socket, nsp, room, joined: true } => {
            Event::Joined { socket, nsp: turn.nsp_of(nsp), room: text(room) }
        }
        Record::Member { socket, nsp, room, joined: false } => {
            Event::Left { socket, nsp: turn.nsp_of(nsp), room: text(room) }
        }
        Record::Drain { socket, dropped } => Event::Drain { socket, dropped },
        Record::Http { request, head, body } => {
            Event::HttpRequest { request, head: turn.request_of(head)?, body: turn.bytes_of(body) }
        }
        Record::Timer { timer, tag } => Event::Timer { timer, tag },
        Record::Post { tag, data } => Event::Post { tag, data: turn.bytes_of(data) },
        Record::Stopped => Event::Stopped,
    })
}
