//! Salon is a chat engine that a program embeds: one library, one thread, no
//! runtime. It serves chat over WebSocket from inside the host's own program,
//! with namespaces, rooms, broadcasts and acks.
//!
//! A [`Server`] does nothing by itself. [`Server::poll`] does one turn of its
//! loop and fills [`Events`]; the host walks over them and says what it has to
//! say; the next poll sends it.
//!
//! ```no_run
//! use salon::{Config, Event, Events, Server};
//!
//! # fn main() -> salon::Result<()> {
//! let mut server = Server::bind("127.0.0.1:3000", Config::default())?;
//! let mut events = Events::default();
//! loop {
//!     server.poll(&mut events, None)?;
//!     for event in &events {
//!         match event {
//!             Event::Connect { socket, .. } => server.join(socket, "lobby")?,
//!             Event::Message { socket, name: "say", args, .. } => {
//!                 server.to("/").room("lobby").except(socket).emit("said", args)?;
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//! # }
//! ```
//!
//! A plain WebSocket client connects to `ws://host:port/` and speaks the JSON
//! dialect: `{"event":"say","data":"hello"}`. The path of its URL is the
//! namespace.

mod audience;
mod base;
mod codec;
mod engine;
mod event;
#[doc(hidden)]
pub mod ffi;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hub;
mod net;
mod remote;
mod server;
mod session;

pub use audience::Audience;
pub use base::{
    error::{Error, ErrorKind, Result},
    id::{AckId, RequestId, SocketId, TimerId},
    limit::Limit,
    limits::{Limits, UNLIMITED},
    network::Network,
};
pub use codec::http::Request;
pub use engine::{
    Accept, Payload, Protocol, Transport,
    config::{Config, Keep, Origins, Overflow, Recovery, SocketIo},
    reason::Reason,
    stats::Stats,
};
pub use event::{Answer, Attachments, Event, Events, Iter, NoAnswer, Texts};
pub use hub::namespace::{Dialect, Namespace, Subprotocol};
pub use net::LocalAddress;
pub use remote::{Remote, RemoteAudience};
pub use server::Server;
pub use session::Data;

/// The snippets of README.md, compiled with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
