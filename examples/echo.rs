//! An echo server on the raw dialect: each message goes back as it came.
//! `echo --listen 127.0.0.1:0` prints where it listens. Its limits are as wide
//! as conformance suites want them.

#![allow(clippy::print_stdout)]

use salon::{Config, Dialect, Event, Events, Limits, Namespace, Server};

fn main() -> salon::Result<()> {
    let address = std::env::args().skip_while(|word| word != "--listen").nth(1);
    let limits = Limits {
        message_bytes: 32 << 20,
        message_fragments: 1 << 20,
        queue_bytes: 64 << 20,
        ..Limits::default()
    };
    let config = Config { limits, ..Config::default() };
    let mut server = Server::bind(address.as_deref().unwrap_or("127.0.0.1:0"), config)?;
    server.open("/", Namespace::default().dialect(Dialect::Raw))?;
    for address in server.addresses() {
        println!("listening on ws://{address}/");
    }
    let mut events = Events::default();
    loop {
        server.poll(&mut events, None)?;
        for event in &events {
            if let Event::Data { socket, data, .. } = event {
                server.send(socket, data)?;
            }
        }
    }
}
