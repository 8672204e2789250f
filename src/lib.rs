//! Salon is a chat engine that a program embeds: one library, one thread, no
//! runtime. It serves chat over WebSocket from inside the host's own program,
//! with namespaces, rooms, broadcasts and acks.

mod base;
mod codec;

pub use base::{
    error::{Error, ErrorKind, Result},
    id::{AckId, RequestId, SocketId, TimerId},
    limits::{Limits, UNLIMITED},
};
pub use codec::http::Request;
