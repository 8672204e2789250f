//! How a server behaves.

use crate::base::{
    error::{Error, Result},
    limits::Limits,
    network::Network,
};

/// How a server behaves. Start from [`Config::default`] and change what you
/// need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What is taken from clients, and for how long they are waited for.
    pub limits: Limits,
    /// Hand HTTP requests that are no WebSocket handshakes to the host, as
    /// [`HttpRequest`](crate::Event::HttpRequest). Otherwise they get 404.
    pub http: bool,
    /// Which web pages may connect.
    pub origins: Origins,
    /// Let pages send cookies along (`Access-Control-Allow-Credentials`).
    pub credentials: bool,
    /// Serve Socket.IO clients; `None` leaves its path to the host.
    pub socketio: Option<SocketIo>,
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
    /// Proxies in front of this server. Whom they speak for is read from
    /// `X-Forwarded-For`: the last address in it that is not one of theirs. What
    /// others write there is not believed. The address counts for the limits of
    /// addresses, and is what [`Server::peer`](crate::Server::peer) tells.
    pub trusted_proxies: Vec<Network>,
    /// These proxies pass bytes through, and say first whom they speak for, by
    /// the PROXY protocol, version 1 or 2. A connection of theirs that does not
    /// begin so gets 400, and so does one of others that does.
    pub proxy_protocol: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            http: false,
            origins: Origins::default(),
            credentials: false,
            socketio: Some(SocketIo::default()),
            keep_handshake: Keep::default(),
            overflow: Overflow::default(),
            room_events: false,
            member_events: false,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
        }
    }
}

impl Config {
    /// Finds what can't be meant.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(SocketIo { path, .. }) = &self.socketio
            && !(path.len() > 2 && path.starts_with('/') && path.ends_with('/'))
        {
            return Err(Error::invalid(format!(
                "the path of Socket.IO must be like /socket.io/, not {path:?}"
            )));
        }
        if let Origins::List(origins) = &self.origins
            && let Some(bad) = origins.iter().find(|origin| *origin != "null" && !origin.contains("://"))
        {
            return Err(Error::invalid(format!("an origin is like https://example.org, not {bad:?}")));
        }
        Ok(())
    }
}

/// How Socket.IO clients are served (Socket.IO 5 over Engine.IO 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketIo {
    /// Requests whose path begins with this are Engine.IO's. Begins and ends in
    /// a slash.
    pub path: String,
    /// Serve long polling.
    pub polling: bool,
    /// Serve WebSocket.
    pub websocket: bool,
    /// Let sessions move from polling to WebSocket.
    pub upgrade: bool,
    /// Let clients that lost their connection come back as the same socket,
    /// with what they missed. Off by default: each event then carries one more
    /// argument, its offset.
    pub recovery: Option<Recovery>,
}

/// For how long, and how much of what they missed, is kept for clients that
/// lost their connection (Socket.IO's connection state recovery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How long a client may stay away, in milliseconds.
    pub window_ms: u32,
    /// Events that are kept, in all namespaces together.
    pub events: u32,
    /// Bytes of these events.
    pub bytes: u32,
    /// Clients that may be away at a time; over it the one that has been away
    /// longest expires.
    pub sockets: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { window_ms: 120_000, events: 10_000, bytes: 16 << 20, sockets: 10_000 }
    }
}

impl Default for SocketIo {
    fn default() -> Self {
        Self { path: "/socket.io/".to_owned(), polling: true, websocket: true, upgrade: true, recovery: None }
    }
}

/// Which web pages may connect (RFC 6455 §10.2). Programs that are no browsers
/// send no origin and are not held back by this. With [`Any`](Self::Any) no CORS
/// headers are sent, so that pages of other origins can use WebSocket only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// No check, and no CORS headers.
    #[default]
    Any,
    /// All, and they are told so (`Access-Control-Allow-Origin: *`).
    All,
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
    /// told how much by [`Drain`](crate::Event::Drain), before its Disconnect at the latest.
    Drop,
}
