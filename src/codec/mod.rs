//! Floor 1: bytes to protocol units and back. No clock, no sockets, and no
//! allocation whose size a peer can choose.

pub(crate) mod body;
pub(crate) mod close;
pub(crate) mod engineio;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod http;
pub(crate) mod message;
pub(crate) mod origin;
pub(crate) mod proxy;
pub(crate) mod response;
pub(crate) mod socketio;
pub(crate) mod utf8;
