//! One room and nothing else: clients join it and hear what is said there.
//! `room --listen 127.0.0.1:0` prints where it listens. The measuring client
//! `hold` talks to it.

#![allow(clippy::print_stdout)]

use salon::{Config, Event, Events, Server};

fn main() -> salon::Result<()> {
    let address = std::env::args().skip_while(|word| word != "--listen").nth(1);
    let mut server = Server::bind(address.as_deref().unwrap_or("127.0.0.1:0"), Config::default())?;
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
                _ => {}
            }
        }
    }
}
