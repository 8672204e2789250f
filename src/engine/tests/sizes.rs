//! What an idle client costs in the engine's tables and boxes. What an
//! allocator adds, the spare room of tables that grow, the eight bytes of its
//! transport and the bytes of a request's head that is kept come on top.

use std::mem::size_of;

use crate::{
    codec::http::Request,
    engine::{connection::Connection, queue::SendQueue, session::Session, timers::Link},
    hub::{Member, Sid, Socket},
};

/// An entry of a `Slab`, which is private there.
#[allow(dead_code, reason = "only its size counts")]
enum Entry<T> {
    Vacant(usize),
    Occupied(T),
}

/// A connection, its queue, its deadline, and a socket in its namespace and in
/// one room.
fn plain() -> usize {
    size_of::<Entry<Connection>>()
        + size_of::<Entry<SendQueue>>()
        + size_of::<Link>()
        + size_of::<Entry<Socket>>()
        + 2 * size_of::<Member>()
}

/// Beside that: the session with its heartbeat and the time in which it had to
/// enter a namespace, the tables of both sids, the socket's own, and the request
/// behind the two counts of its `Arc`.
fn socketio() -> usize {
    plain()
        + size_of::<Entry<Session>>()
        + 2 * size_of::<Link>()
        + 2 * size_of::<(Sid, u32)>()
        + size_of::<Sid>()
        + 2 * size_of::<usize>()
        + size_of::<Request>()
}

#[test]
#[cfg(target_pointer_width = "64")]
fn idle_clients_are_small() {
    let (plain, socketio) = (plain(), socketio());
    assert!(plain <= 216, "an idle plain WebSocket takes {plain} bytes");
    assert!(socketio <= 596, "an idle Socket.IO session takes {socketio} bytes");
}
