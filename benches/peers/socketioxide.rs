//! socketioxide on axum under load, on a runtime of one thread. `socketioxide PORT`

use std::{cell::RefCell, collections::HashMap};

use axum::{Router, serve::ListenerExt};
use socketioxide::{
    SocketIo,
    extract::{Data, SocketRef},
    socket::Sid,
};
use tokio::{net::TcpListener, runtime::Builder};

const MESSAGE_BYTES: u64 = 4 << 20;
/// Packets that wait for one client, more than any scenario has; its default of 128 ends clients in a busy room.
const QUEUED_PACKETS: usize = 32768;

thread_local! {
    /// The room that each socket is in.
    static ROOMS: RefCell<HashMap<Sid, String>> = RefCell::default();
}

async fn connected(socket: SocketRef) {
    socket.on("echo", async |socket: SocketRef, Data::<String>(text)| {
        let _ = socket.emit("echo", &text);
    });
    socket.on("join", async |socket: SocketRef, Data::<String>(room)| {
        if let Some(old) = ROOMS.with_borrow_mut(|rooms| rooms.insert(socket.id, room.clone())) {
            socket.leave(old);
        }
        socket.join(room.clone());
        let _ = socket.emit("joined", &room);
    });
    socket.on("msg", async |socket: SocketRef, Data::<String>(text)| {
        if let Some(room) = ROOMS.with_borrow(|rooms| rooms.get(&socket.id).cloned()) {
            let _ = socket.within(room).emit("msg", &text).await;
        }
    });
    socket.on_disconnect(async |socket: SocketRef| {
        ROOMS.with_borrow_mut(|rooms| rooms.remove(&socket.id));
    });
}

async fn serve(port: u16) -> std::io::Result<()> {
    let (layer, io) =
        SocketIo::builder().max_payload(MESSAGE_BYTES).max_buffer_size(QUEUED_PACKETS).build_layer();
    io.ns("/", connected);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().layer(layer)).await
}

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(9002);
    Builder::new_current_thread().enable_all().build()?.block_on(serve(port))
}
