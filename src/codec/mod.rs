//! Floor 1: bytes to protocol units and back. No clock, no sockets, and no
//! allocation whose size a peer can choose.

pub(crate) mod close;
pub(crate) mod frame;
pub(crate) mod message;
pub(crate) mod utf8;
