//! rust_socketio talks to the host: connects by polling and by WebSocket, emits, asks, and sends bytes both ways.
//!
//! `rust-client http://ADDRESS:PORT/`; ends with an error at the first thing that is not as it should be.

use std::{
    process::ExitCode,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use rust_socketio::{ClientBuilder, Payload, TransportType, client::Client};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let url = std::env::args().nth(1).unwrap_or_default();
    let ways = [
        ("polling", TransportType::Polling),
        ("websocket", TransportType::Websocket),
        ("upgrade", TransportType::WebsocketUpgrade),
    ];
    for (name, transport) in ways {
        match talk(&url, transport) {
            Ok(()) => println!("ok: rust_socketio, {name}"),
            Err(error) => {
                println!("FAILED: rust_socketio, {name}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn talk(url: &str, transport: TransportType) -> Outcome {
    let (said, heard) = channel();
    let teller = |what: &'static str| {
        let said = said.clone();
        move |payload: Payload, _: rust_socketio::RawClient| drop(said.send((what, payload)))
    };
    let client = ClientBuilder::new(url)
        .transport_type(transport)
        .auth(json!({ "token": "rust" }))
        .on("auth", teller("auth"))
        .on("message-back", teller("message-back"))
        .on("error", teller("error"))
        .connect()?;
    expect_text(&heard, "auth", json!([{ "token": "rust" }]))?;

    client.emit("message", json!({ "text": "Grüße", "list": [1, null, true] }))?;
    expect_text(&heard, "message-back", json!([{ "text": "Grüße", "list": [1, null, true] }]))?;

    client.emit("message", vec![0u8, 1, 2, 254, 255])?;
    match heard.recv_timeout(PATIENCE)? {
        ("message-back", Payload::Binary(bytes)) if bytes[..] == [0, 1, 2, 254, 255] => {}
        other => return Err(format!("bytes came back as {other:?}").into()),
    }

    ask(&client, &said)?;
    match heard.recv_timeout(PATIENCE)? {
        ("ack", Payload::Text(values)) if json!(values) == json!([["question"]]) => {}
        other => return Err(format!("the ack was {other:?}").into()),
    }
    client.disconnect()?;
    Ok(())
}

fn ask(client: &Client, said: &std::sync::mpsc::Sender<(&'static str, Payload)>) -> Outcome {
    let said = said.clone();
    client.emit_with_ack(
        "echo",
        "\"question\"",
        PATIENCE,
        move |payload: Payload, _: rust_socketio::RawClient| {
            drop(said.send(("ack", payload)));
        },
    )?;
    Ok(())
}

fn expect_text(heard: &Receiver<(&'static str, Payload)>, event: &str, args: Value) -> Outcome {
    match heard.recv_timeout(PATIENCE)? {
        (name, Payload::Text(values)) if name == event && json!(values) == args => Ok(()),
        other => Err(format!("expected {event} with {args}, got {other:?}").into()),
    }
}
