//! The server that Socket.IO's public test suites ask for, and a little more:
//! `/` and `/custom` greet with the client's `auth`, and `/` sends back what it
//! is sent. `socketio --listen 127.0.0.1:3000` prints where it listens; the
//! deadlines are as short as the suites want them with `--suite`.

#![allow(clippy::print_stdout)]

use salon::{Config, Event, Events, Limits, Namespace, Origins, Payload, Server, SocketId};

fn main() -> salon::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let address = words.iter().skip_while(|word| *word != "--listen").nth(1);
    let mut config = Config { origins: Origins::All, ..Config::default() };
    if words.iter().any(|word| word == "--suite") {
        config.limits = Limits {
            ping_interval_ms: 300,
            ping_timeout_ms: 200,
            connect_timeout_ms: 1_000,
            ..Limits::default()
        };
    }
    let mut server = Server::bind(address.map_or("127.0.0.1:3000", |address| address), config)?;
    server.open("/custom", Namespace::default())?;
    for address in server.addresses() {
        println!("listening on http://{address}/");
    }
    let mut events = Events::default();
    loop {
        server.poll(&mut events, None)?;
        for event in &events {
            match event {
                Event::Connect { socket, auth, .. } => {
                    server.emit(socket, "auth", format!("[{auth}]"))?;
                }
                Event::Message { socket, name, args, attachments, ack, .. } => {
                    let attachments: Vec<&[u8]> = attachments.iter().collect();
                    hear(&mut server, socket, name, Payload::new(args, &attachments), ack)?;
                }
                _ => {}
            }
        }
    }
}

/// What a client says: `message` comes back as `message-back`, `message-with-ack`
/// as its ack; the others are for chatting in rooms.
fn hear(
    server: &mut Server,
    socket: SocketId,
    name: &str,
    payload: Payload<'_>,
    ack: Option<salon::AckId>,
) -> salon::Result<()> {
    match (name, ack) {
        ("message", _) => server.emit(socket, "message-back", payload).map(drop),
        ("join", _) => {
            server.join(socket, "room")?;
            ack.map_or(Ok(()), |ack| server.ack(ack, "[]"))
        }
        ("say", _) => server.to("/").room("room").except(socket).emit("said", payload).map(drop),
        (_, Some(ack)) => server.ack(ack, payload),
        _ => Ok(()),
    }
}
