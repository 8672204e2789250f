//! How a server behaves.

use crate::base::limits::Limits;

/// How a server behaves. Start from [`Config::default`] and change what you
/// need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What is taken from clients, and for how long they are waited for.
    pub limits: Limits,
    /// Hand HTTP requests that are no WebSocket handshakes to the host, as
    /// [`HttpRequest`](crate::Event::HttpRequest). Otherwise they get 404.
    pub http: bool,
    /// Which web pages may open a WebSocket here.
    pub origins: Origins,
    /// How much of the handshake's request is kept with a plain WebSocket after
    /// the poll that follows its connect event.
    pub keep_handshake: Keep,
    /// What happens to a client that reads too slowly.
    pub overflow: Overflow,
    /// Deliver [`RoomCreated`](crate::Event::RoomCreated) and
    /// [`RoomDeleted`](crate::Event::RoomDeleted).
    pub room_events: bool,
    /// Deliver [`Joined`](crate::Event::Joined) and [`Left`](crate::Event::Left).
    pub member_events: bool,
}

/// Which web pages may open a WebSocket (RFC 6455 §10.2). Programs that are no
/// browsers send no origin and are not held back by this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// No check.
    #[default]
    Any,
    /// Only pages that come from the host and port that the request is for.
    Same,
    /// Only these, compared as a whole: `https://example.org`, with the port
    /// unless it is the scheme's own. Others get 403.
    List(Vec<String>),
}

/// How much of a handshake's request is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: an idle connection then costs a few words.
    #[default]
    Nothing,
    /// All of it, as long as the socket is there.
    All,
}

/// What happens when a client's send queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It is disconnected, with close code 1013 if that still fits.
    #[default]
    Disconnect,
    /// What is sent to it is dropped until there is room again; the host is
    /// told how much by [`Drain`](crate::Event::Drain).
    Drop,
}
