//! The cases of Socket.IO's public test suite: what is sent, and what must come
//! back, compared as text.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod suite;

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use common::Client;
use suite::{P0, P1, assert_connected, hear_binary, host, send_binary, websocket, websocket_in};
use tungstenite::Message;

/// The server closes, without a code; until then there are only pings.
#[track_caller]
fn assert_closed(client: &mut Client<TcpStream>) {
    loop {
        match client.hear_any() {
            Message::Text(text) if text.as_str() == "2" => {}
            message => return assert_eq!(message, Message::Close(None)),
        }
    }
}

// Entering.

#[test]
fn connect_to_the_main_namespace() {
    let host = host();
    let mut client = websocket(&host);
    client.send("40");
    assert_connected(&client.hear_text(), "40");
    assert_eq!(client.hear_text(), r#"42["auth",{}]"#);
}

#[test]
fn connect_to_the_main_namespace_with_a_payload() {
    let host = host();
    let mut client = websocket(&host);
    client.send(r#"40{"token":"123"}"#);
    assert_connected(&client.hear_text(), "40");
    assert_eq!(client.hear_text(), r#"42["auth",{"token":"123"}]"#);
}

#[test]
fn connect_to_a_custom_namespace() {
    let host = host();
    let mut client = websocket(&host);
    client.send("40/custom,");
    assert_connected(&client.hear_text(), "40/custom,");
    assert_eq!(client.hear_text(), r#"42/custom,["auth",{}]"#);
}

#[test]
fn connect_to_a_custom_namespace_with_a_payload() {
    let host = host();
    let mut client = websocket(&host);
    client.send(r#"40/custom,{"token":"abc"}"#);
    assert_connected(&client.hear_text(), "40/custom,");
    assert_eq!(client.hear_text(), r#"42/custom,["auth",{"token":"abc"}]"#);
}

#[test]
fn connect_to_an_unknown_namespace() {
    let host = host();
    let mut client = websocket(&host);
    for packet in ["40/random", "40/random,"] {
        client.send(packet);
        assert_eq!(client.hear_text(), r#"44/random,{"message":"Invalid namespace"}"#);
    }
}

#[test]
fn connect_with_an_invalid_packet_closes() {
    let host = host();
    let mut client = websocket(&host);
    client.send("4abc");
    assert_closed(&mut client);
}

#[test]
fn connect_to_no_namespace_closes_in_the_end() {
    let host = host();
    let began = Instant::now();
    let mut client = websocket(&host);
    // Its pings are answered, so that only the time to enter can run out.
    loop {
        match client.hear_any() {
            Message::Text(text) if text.as_str() == "2" => client.send("3"),
            message => break assert_eq!(message, Message::Close(None)),
        }
    }
    assert!(began.elapsed() >= Duration::from_millis(1_000));
    let mut client = websocket(&host);
    assert_closed(&mut client);
}

// Leaving.

#[test]
fn disconnect_from_the_main_namespace() {
    let host = host();
    let mut client = websocket_in(&host);
    client.send("41");
    assert_eq!(client.hear_text(), "2");
}

#[test]
fn disconnect_from_a_custom_namespace() {
    let host = host();
    let mut client = websocket_in(&host);
    assert_eq!(client.hear_text(), "2");
    client.send("40/custom");
    assert_connected(&client.hear_text(), "40/custom,");
    assert_eq!(client.hear_text(), r#"42/custom,["auth",{}]"#);
    client.send("41/custom");
    client.send(r#"42["message","message to main namespace"]"#);
    assert_eq!(client.hear_text(), r#"42["message-back","message to main namespace"]"#);
}

// Messages.

#[test]
fn message_as_plain_text() {
    let host = host();
    let mut client = websocket_in(&host);
    client.send(r#"42["message",1,"2",{"3":[true]}]"#);
    assert_eq!(client.hear_text(), r#"42["message-back",1,"2",{"3":[true]}]"#);
}

#[test]
fn message_as_binary() {
    let host = host();
    let mut client = websocket_in(&host);
    client.send(&format!(r#"452-["message",{P0},{P1}]"#));
    send_binary(&mut client, &[1, 2, 3]);
    send_binary(&mut client, &[4, 5, 6]);
    assert_eq!(client.hear_text(), format!(r#"452-["message-back",{P0},{P1}]"#));
    assert_eq!(hear_binary(&mut client), [1, 2, 3]);
    assert_eq!(hear_binary(&mut client), [4, 5, 6]);
}

#[test]
fn message_as_plain_text_with_an_ack() {
    let host = host();
    let mut client = websocket_in(&host);
    client.send(r#"42456["message-with-ack",1,"2",{"3":[false]}]"#);
    assert_eq!(client.hear_text(), r#"43456[1,"2",{"3":[false]}]"#);
}

#[test]
fn message_as_binary_with_an_ack() {
    let host = host();
    let mut client = websocket_in(&host);
    client.send(&format!(r#"452-789["message-with-ack",{P0},{P1}]"#));
    send_binary(&mut client, &[1, 2, 3]);
    send_binary(&mut client, &[4, 5, 6]);
    assert_eq!(client.hear_text(), format!("462-789[{P0},{P1}]"));
    assert_eq!(hear_binary(&mut client), [1, 2, 3]);
    assert_eq!(hear_binary(&mut client), [4, 5, 6]);
}

/// Sends a packet after the greeting that must close the session.
fn assert_closes(packet: &str) {
    let host = host();
    let mut client = websocket_in(&host);
    client.send(packet);
    assert_closed(&mut client);
}

#[test]
fn message_in_an_invalid_format_closes() {
    assert_closes("4abc");
}

#[test]
fn message_with_an_object_for_an_array_closes() {
    assert_closes("42{}");
}

#[test]
fn message_with_a_wrong_ack_id_closes() {
    assert_closes(r#"42abc["message-with-ack",1,"2",{"3":[false]}]"#);
}

// The same packets by polling, whose order is the table's.

#[test]
fn orderly_close_by_polling_takes_three_polls() {
    let host = host();
    let mut client = suite::Polling::open(&host);
    client.post("40");
    assert_eq!(client.try_post("4abc").status, 400);
    let greeting = client.poll();
    assert_connected(greeting.split('\u{1e}').next().unwrap(), "40");
    assert_eq!(client.poll(), "6\x1e1");
    client.assert_unknown();
}

#[test]
fn connect_message_ack_and_attachments_by_polling() {
    let host = host();
    let mut client = suite::Polling::enter(&host);
    client.post(&format!(
        "42456[\"message-with-ack\",1]\x1e452-789[\"message-with-ack\",{P0},{P1}]\x1ebAQID\x1ebBAUG\x1e40/custom,"
    ));
    let answer = client.poll();
    let packets: Vec<&str> = answer.split('\u{1e}').collect();
    assert_connected(packets[0], "40/custom,");
    let acked = format!("462-789[{P0},{P1}]");
    assert_eq!(packets[1..], ["43456[1]", &acked, "bAQID", "bBAUG", r#"42/custom,["auth",{}]"#]);
}
