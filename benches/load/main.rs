//! Loads a WebSocket or Socket.IO server on this machine's loopback, and
//! prints what came of it, a line of JSON a window. ../README.md says what each
//! mode does and what a server must answer.
//!
//! One thread. Frames are built and masked once, what comes back is cut into
//! messages and checked but not stored, and a readiness costs one receive: on
//! the other core stands a server that must be the slower of the two.

mod broadcast;
mod churn;
mod connections;
mod echo;
mod handshake;
mod histogram;
mod idle;
mod machine;
mod options;
mod slow;
mod storm;
mod websocket;
mod window;

use options::{Mode, Options};

fn main() {
    let done = Options::from_arguments(std::env::args().skip(1)).and_then(|options| {
        machine::allow_many_files();
        match options.mode {
            Mode::Echo => echo::run(&options),
            Mode::Fanout | Mode::Rooms => broadcast::run(&options),
            Mode::Idle => idle::run(&options),
            Mode::Churn => churn::run(&options),
            Mode::Slow => slow::run(&options),
            Mode::Storm => storm::run(&options),
        }
    });
    if let Err(error) = done {
        eprintln!("load: {error}");
        std::process::exit(2);
    }
}
