//! One connection, and how far it has come.

use std::sync::Arc;

use crate::{
    base::{
        id::{Generation, SocketId},
        limits::ANSWERS_AHEAD_BYTES,
    },
    codec::{
        body::BodyReader,
        close::Failure,
        handshake::Handshake,
        http::{HeadReader, Request},
        message::Reader,
        response::Answering,
    },
};

/// One connection: bytes in, a send queue out.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) queue: u32,
    /// Something came since the last ping.
    pub(crate) heard: bool,
    /// Listed to be looked at again next turn.
    pub(crate) resuming: bool,
    pub(crate) state: State,
    /// Received, and not looked at yet.
    pub(crate) held: Option<Box<Vec<u8>>>,
}

/// How far a connection has come. It only moves down this list.
#[derive(Debug)]
pub(crate) enum State {
    /// A proxy is to say whom it speaks for, and has said so much.
    Proxied(Box<Proxied>),
    /// Requests are read and answered, one at a time.
    Http(Box<Exchange>),
    /// A WebSocket handshake whose guard has not answered.
    Waiting(Box<Waiting>),
    /// A WebSocket with a socket in the hub.
    Open(Open),
    /// We sent a close frame; the peer's is due.
    Closing(Reader),
    /// What is in the send queue goes out, nothing is read any more.
    Finishing,
    /// Our end is closed; what still comes is dropped until the peer's is too.
    Lingering,
    /// Over. The transport is dropped at the end of the turn.
    Dead,
}

/// A connection of a proxy that has not said whom it speaks for.
#[derive(Debug, Default)]
pub(crate) struct Proxied {
    pub(crate) peer: Option<std::net::SocketAddr>,
    pub(crate) head: Vec<u8>,
}

/// A connection that speaks HTTP.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) peer: Option<std::net::SocketAddr>,
    /// A proxy passes bytes through, and has not said whose: what the requests
    /// say of that is their client's own word.
    pub(crate) is_nameless: bool,
    pub(crate) head: HeadReader,
    /// A request whose body is on its way.
    pub(crate) body: Option<(Arc<Request>, BodyReader, Vec<u8>)>,
    /// That body is a post of this session.
    pub(crate) posting: Option<u32>,
    /// A poll that waits.
    pub(crate) parked: Option<Parked>,
    /// A request that the host has and has not answered.
    pub(crate) asked: Option<(Generation, Answering)>,
}

/// A poll that waits until its session has something to say.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) session: u32,
    pub(crate) request: Arc<Request>,
}

/// A WebSocket handshake that waits for its guard.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) socket: SocketId,
    pub(crate) handshake: Handshake,
    pub(crate) protocol: Option<Box<str>>,
    pub(crate) answering: Answering,
}

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) reader: Reader,
    pub(crate) client: Client,
    /// The turn in which it was last read from, how many pings were answered
    /// in it, and whether there were messages for the host.
    pub(crate) turn: u32,
    pub(crate) pings: u8,
    pub(crate) spoke: bool,
    /// How it will end, once the host has had its say on what came before.
    pub(crate) ending: Option<Box<Ending>>,
}

/// Who is behind a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// One socket, in the JSON or the raw dialect.
    Plain(SocketId),
    /// An Engine.IO session.
    Session(u32),
    /// An Engine.IO session on polling that may move here.
    Probe(u32),
}

impl Open {
    pub(crate) fn new(client: Client) -> Self {
        Self { reader: Reader::default(), client, turn: 0, pings: 0, spoke: false, ending: None }
    }
}

/// How the client ended a WebSocket.
#[derive(Debug)]
pub(crate) enum Ending {
    Close(Option<u16>, String),
    Failed(Failure),
}

impl Connection {
    /// Who is behind it, if it is a WebSocket or wants to be one.
    pub(crate) fn client(&self) -> Option<Client> {
        match &self.state {
            State::Waiting(waiting) => Some(Client::Plain(waiting.socket)),
            State::Open(open) => Some(open.client),
            _ => None,
        }
    }

    /// Whether bytes from the peer are of use now, while `owed` bytes wait to be
    /// sent to it.
    pub(crate) fn wants_bytes(&self, waiting_bytes: u32, owed: usize) -> bool {
        let held = self.held.as_ref().map_or(0, |held| held.len());
        match &self.state {
            // While a poll waits the end of its connection must be seen.
            State::Http(exchange) if exchange.parked.is_some() => held < waiting_bytes as usize,
            State::Http(exchange) => exchange.asked.is_none() && held == 0 && owed <= ANSWERS_AHEAD_BYTES,
            State::Waiting(_) => held < waiting_bytes as usize,
            State::Open(open) => open.ending.is_none() && held == 0,
            State::Proxied(_) | State::Closing(_) => held == 0,
            State::Lingering => true,
            State::Finishing | State::Dead => false,
        }
    }
}
