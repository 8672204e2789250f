//! The cases of Engine.IO's public test suite, on the path and with the
//! messages of Socket.IO: what it asks to have echoed goes as an event
//! `message` and comes back as `message-back`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod suite;

use std::time::{Duration, Instant};

use common::{Client, Host, Response, until};
use suite::{P0, Polling, host, sid_of, websocket, websocket_in};
use tungstenite::Message;

fn assert_refused(answer: &Response, body: &str) {
    assert_eq!((answer.status, answer.text()), (400, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

fn refusal_of_websocket(host: &Host, query: &str) -> u16 {
    Client::refused(host.address, &format!("/socket.io/{query}"))
}

/// An open packet has exactly these keys, in this order.
fn assert_open(packet: &str, upgrades: &str) {
    let sid = sid_of(packet);
    assert_eq!(sid.len(), 20);
    let expected = format!(
        r#"0{{"sid":"{sid}","upgrades":{upgrades},"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}}"#
    );
    assert_eq!(packet, expected);
}

// 1: handshakes by polling.

#[test]
fn polling_handshake() {
    let host = host();
    let answer = host.http().get("/socket.io/?EIO=4&transport=polling");
    assert_eq!(answer.status, 200);
    assert_open(answer.text(), r#"["websocket"]"#);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn polling_handshake_with_a_missing_or_wrong_eio() {
    let host = host();
    let mut http = host.http();
    for query in ["?transport=polling", "?EIO=abc&transport=polling", "?EIO=3&transport=polling"] {
        let answer = http.get(&format!("/socket.io/{query}"));
        assert_refused(&answer, r#"{"code":5,"message":"Unsupported protocol version"}"#);
    }
}

#[test]
fn polling_handshake_with_a_missing_or_wrong_transport() {
    let host = host();
    let mut http = host.http();
    for query in ["?EIO=4", "?EIO=4&transport=abc", "?EIO=4&transport=__proto__", ""] {
        let answer = http.get(&format!("/socket.io/{query}"));
        assert_refused(&answer, r#"{"code":0,"message":"Transport unknown"}"#);
    }
}

#[test]
fn polling_handshake_with_another_method() {
    let host = host();
    for method in ["POST", "PUT"] {
        let mut http = host.http();
        let target = "/socket.io/?EIO=4&transport=polling";
        http.write(format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
        assert_refused(&http.response(false), r#"{"code":2,"message":"Bad handshake method"}"#);
    }
}

// 2: handshakes by WebSocket.

#[test]
fn websocket_handshake() {
    let host = host();
    let mut client = host.client("/socket.io/?EIO=4&transport=websocket");
    assert_open(&client.hear_text(), "[]");
}

#[test]
fn websocket_handshake_with_a_missing_or_wrong_eio() {
    let host = host();
    for query in ["?transport=websocket", "?EIO=abc&transport=websocket"] {
        assert_eq!(refusal_of_websocket(&host, query), 400);
    }
}

#[test]
fn websocket_handshake_with_a_missing_or_wrong_transport() {
    let host = host();
    for query in ["?EIO=4", "?EIO=4&transport=abc", "?EIO=4&transport=polling"] {
        assert_eq!(refusal_of_websocket(&host, query), 400);
    }
}

// 3: messages by polling.

#[test]
fn polling_one_text() {
    let host = host();
    let mut client = Polling::enter(&host);
    client.post(r#"42["message","hello"]"#);
    assert_eq!(client.poll(), r#"42["message-back","hello"]"#);
}

#[test]
fn polling_three_texts_in_one_payload() {
    let host = host();
    let mut client = Polling::enter(&host);
    client.post("42[\"message\",\"test1\"]\x1e42[\"message\",\"test2\"]\x1e42[\"message\",\"test3\"]");
    assert_eq!(
        client.poll(),
        "42[\"message-back\",\"test1\"]\x1e42[\"message-back\",\"test2\"]\x1e42[\"message-back\",\"test3\"]"
    );
}

#[test]
fn polling_text_and_binary_in_one_payload() {
    let host = host();
    let mut client = Polling::enter(&host);
    client.post(&format!("42[\"message\",\"hello\"]\x1e451-[\"message\",{P0}]\x1ebAQIDBA=="));
    assert_eq!(
        client.poll(),
        format!("42[\"message-back\",\"hello\"]\x1e451-[\"message-back\",{P0}]\x1ebAQIDBA==")
    );
}

#[test]
fn polling_abc_closes_the_session() {
    let host = host();
    let mut client = Polling::open(&host);
    assert_eq!(client.try_post("abc").status, 400);
    client.assert_unknown();
    let mut client = Polling::open(&host);
    let mut poll = client.park_poll(&host);
    assert_eq!(client.try_post("abc").status, 400);
    assert_eq!(poll.response(false).text(), "1");
    client.assert_unknown();
}

#[test]
fn polling_two_polls_at_once() {
    let host = host();
    let mut client = Polling::open(&host);
    let (mut one, mut other) = (client.begin_poll(), client.begin_poll());
    let mut answers =
        [one.response(false), other.response(false)].map(|it| (it.status, it.text().to_owned()));
    answers.sort();
    assert_eq!(answers, [(200, "1".to_owned()), (400, String::new())]);
    client.assert_unknown();
}

#[test]
fn polling_cancelled_poll() {
    let host = host();
    let mut client = Polling::open(&host);
    drop(client.park_poll(&host));
    client.assert_unknown();
}

// 4: messages by WebSocket.

#[test]
fn websocket_text() {
    let host = host();
    let mut client = websocket_in(&host);
    client.send(r#"42["message","hello"]"#);
    assert_eq!(client.hear_text(), r#"42["message-back","hello"]"#);
}

#[test]
fn websocket_binary() {
    let host = host();
    let mut client = websocket_in(&host);
    client.send(&format!("451-[\"message\",{P0}]"));
    suite::send_binary(&mut client, &[1, 2, 3, 4]);
    assert_eq!(client.hear_text(), format!("451-[\"message-back\",{P0}]"));
    assert_eq!(suite::hear_binary(&mut client), [1, 2, 3, 4]);
}

#[test]
fn websocket_abc_closes() {
    let host = host();
    let mut client = websocket(&host);
    client.send("abc");
    assert_eq!(client.hear_any(), Message::Close(None));
}

// 5: heartbeats.

#[test]
fn polling_heartbeat_three_rounds() {
    let host = host();
    let mut client = Polling::open(&host);
    for _ in 0..3 {
        assert_eq!(client.poll(), "2");
        client.post("3");
    }
}

#[test]
fn websocket_heartbeat_three_rounds() {
    let host = host();
    let mut client = websocket(&host);
    for _ in 0..3 {
        assert_eq!(client.hear_text(), "2");
        client.send("3");
    }
}

#[test]
fn polling_ping_timeout() {
    let host = host();
    let mut client = Polling::open(&host);
    let opened = Instant::now();
    until("interval and timeout are over", || opened.elapsed() >= Duration::from_millis(500));
    client.assert_unknown();
}

#[test]
fn websocket_ping_timeout() {
    let host = host();
    let began = Instant::now();
    let mut client = websocket(&host);
    assert_eq!(client.hear_text(), "2");
    assert_eq!(client.hear_any(), Message::Close(None));
    assert!(began.elapsed() >= Duration::from_millis(500));
}

// 6: the end.

#[test]
fn polling_close() {
    let host = host();
    let mut client = Polling::open(&host);
    let mut poll = client.park_poll(&host);
    client.post("1");
    assert_eq!(poll.response(false).text(), "6");
    client.assert_unknown();
}

#[test]
fn websocket_close() {
    let host = host();
    let mut client = websocket(&host);
    client.send("1");
    assert_eq!(client.hear_any(), Message::Close(None));
    let mut client = websocket(&host);
    client.socket.close(None).unwrap();
    assert_eq!(client.end(), None);
}

// 7: the upgrade.

/// A session that has moved from polling to WebSocket, in `/`.
fn upgraded(host: &Host) -> (Polling, Client<std::net::TcpStream>) {
    let mut polling = Polling::enter(host);
    let mut client = host.client(&polling.websocket_path());
    client.send("2probe");
    assert_eq!(client.hear_text(), "3probe");
    // Until the switch a poll is let go, and messages still come by polling.
    assert_eq!(polling.poll(), "6");
    polling.post(r#"42["message","by post"]"#);
    assert_eq!(polling.poll(), r#"42["message-back","by post"]"#);
    assert_eq!(polling.poll(), "6");
    client.send("5");
    (polling, client)
}

#[test]
fn upgrade_from_polling_to_websocket() {
    let host = host();
    let (_, mut client) = upgraded(&host);
    client.send(r#"42["message","hello"]"#);
    assert_eq!(client.hear_text(), r#"42["message-back","hello"]"#);
}

#[test]
fn poll_after_the_upgrade_is_400() {
    let host = host();
    let (mut polling, mut client) = upgraded(&host);
    client.send(r#"42["message","hello"]"#);
    assert_eq!(client.hear_text(), r#"42["message-back","hello"]"#);
    let bad_request = r#"{"code":3,"message":"Bad request"}"#;
    assert_refused(&polling.try_poll(), bad_request);
    assert_refused(&polling.try_post("42[\"message\"]"), bad_request);
}

#[test]
fn second_websocket_after_the_upgrade_is_closed_and_the_first_still_echoes() {
    let host = host();
    let (polling, mut client) = upgraded(&host);
    client.send(r#"42["message","one"]"#);
    assert_eq!(client.hear_text(), r#"42["message-back","one"]"#);
    assert_eq!(Client::refused(host.address, &polling.websocket_path()), 400);
    client.send(r#"42["message","two"]"#);
    assert_eq!(client.hear_text(), r#"42["message-back","two"]"#);
}
