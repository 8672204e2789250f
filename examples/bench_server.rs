//! The server that the load generator measures: `bench_server PORT`, plain
//! WebSocket and Socket.IO on one port; it prints where it listens. Limits may
//! follow by their names: `bench_server 0 queue_bytes=4194304`.
//!
//! Plain, in the raw dialect: `/echo` sends each message back; in `/room` the
//! text `j:NAME` moves the client to a room and is sent back, and anything else
//! goes to its whole room. Socket.IO in `/`: `echo`, `join` and `msg` do the same.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;

use salon::{Config, Data, Dialect, Event, Events, Limits, Namespace, Result, Server, SocketId};

fn main() -> Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "9117".to_owned());
    let mut limits = Limits { message_bytes: 4 << 20, queue_bytes: 64 << 20, ..Limits::default() };
    std::env::args().skip(2).for_each(|word| set(&mut limits, &word));
    let mut server = Server::bind(&format!("127.0.0.1:{port}"), Config { limits, ..Config::default() })?;
    println!("listening on ws://{}/", server.addresses()[0]);
    for namespace in ["/echo", "/room"] {
        server.open(namespace, Namespace::default().dialect(Dialect::Raw))?;
    }
    let mut rooms = Rooms::default();
    let mut events = Events::default();
    loop {
        server.poll(&mut events, None)?;
        for event in &events {
            match event {
                Event::Data { socket, nsp: "/echo", data } => {
                    server.send(socket, data)?;
                }
                Event::Data { socket, data, .. } => match data {
                    Data::Text(text) if text.starts_with("j:") => {
                        rooms.enter(&mut server, socket, &text[2..])?;
                        server.send(socket, data)?;
                    }
                    data => {
                        let room = rooms.of(&server, socket)?;
                        server.to("/room").room(room).send(data)?;
                    }
                },
                Event::Message { socket, name: "echo", args, .. } => {
                    server.emit(socket, "echo", args)?;
                }
                Event::Message { socket, name: "join", args, .. } => {
                    rooms.enter(&mut server, socket, args)?;
                    server.emit(socket, "joined", args)?;
                }
                Event::Message { socket, name: "msg", args, .. } => {
                    let room = rooms.of(&server, socket)?;
                    server.to("/").room(room).emit("msg", args)?;
                }
                _ => {}
            }
        }
    }
}

/// Sets a limit by a word such as `queue_bytes=4194304`.
fn set(limits: &mut Limits, word: &str) {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let limit = match name {
        "message_bytes" => &mut limits.message_bytes,
        "queue_bytes" => &mut limits.queue_bytes,
        "ping_interval_ms" => &mut limits.ping_interval_ms,
        "ping_timeout_ms" => &mut limits.ping_timeout_ms,
        "connections" => &mut limits.connections,
        _ => panic!("{name}: no limit that can be set here"),
    };
    *limit = value.parse().unwrap_or_else(|error| panic!("{word}: {error}"));
}

/// The rooms by number; a socket's own is its host data.
#[derive(Default)]
struct Rooms {
    names: Vec<String>,
    numbers: HashMap<String, u64>,
}

impl Rooms {
    fn enter(&mut self, server: &mut Server, socket: SocketId, name: &str) -> Result<()> {
        let number = *self.numbers.entry(name.to_owned()).or_insert_with(|| {
            self.names.push(name.to_owned());
            self.names.len() as u64
        });
        server.leave_all(socket)?;
        server.join(socket, name)?;
        server.set_user(socket, number)
    }

    fn of(&self, server: &Server, socket: SocketId) -> Result<&str> {
        let number = server.user(socket)? as usize;
        Ok(self.names.get(number.wrapping_sub(1)).map_or("", |name| name))
    }
}
