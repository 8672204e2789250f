//! The standalone example ends in the orderly way when its terminal or a service
//! manager says so. `cargo test` builds it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    env,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
};

use common::Client;
use rustix::process::{Pid, Signal, kill_process};
use tungstenite::protocol::frame::coding::CloseCode;

#[test]
fn signals_say_goodbye_to_everybody_and_end_it_with_success() {
    let tests = env::current_exe().unwrap();
    let example = tests.parent().unwrap().with_file_name("examples").join("standalone");
    assert!(example.exists(), "first: cargo build --example standalone");
    for signal in [Signal::INT, Signal::TERM] {
        let mut child =
            Command::new(&example).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_end_matches('/').rsplit('/').next().unwrap();
        let address: SocketAddr = address.parse().expect(&line);
        let mut client = Client::connect(address, "/chat?name=Ada");
        client.greeting();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(client.end(), Some(CloseCode::Away));
        drop(client);
        assert!(child.wait().unwrap().success(), "{signal:?}");
    }
}
