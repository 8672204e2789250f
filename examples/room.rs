//! One room, and an echo at `/raw`: clients join the room and hear what is said
//! there. `room --listen 127.0.0.1:0` prints where it listens. The measuring client
//! `hold` talks to it, and so does `tests/soak`.

#![allow(clippy::print_stdout)]

use salon::{Config, Dialect, Event, Events, Namespace, Server};

fn main() -> salon::Result<()> {
    let address = std::env::args().skip_while(|word| word != "--listen").nth(1);
    let mut server = Server::bind(address.as_deref().unwrap_or("127.0.0.1:0"), Config::default())?;
    server.open("/raw", Namespace::default().dialect(Dialect::Raw))?;
    for address in server.addresses() {
        println!("listening on ws://{address}/");
    }
    let mut events = Events::default();
    loop {
        server.poll(&mut events, None)?;
        for event in &events {
            match event {
                Event::Message { socket, name: "join", ack: Some(ack), .. } => {
                    server.join(socket, "hall")?;
                    server.ack(ack, "[]")?;
                }
                Event::Message { name: "say", args, .. } => {
                    server.to("/").room("hall").emit("said", args)?;
                }
                Event::Data { socket, data, .. } => drop(server.send(socket, data)),
                _ => {}
            }
        }
    }
}
