//! The server that the public test suites of Engine.IO and Socket.IO ask for,
//! and clients of its two transports: HTTP by hand, and `tungstenite`.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::TcpStream;

use salon::{Config, Event, Limits, Namespace, Origins, Payload, Server};
use tungstenite::Message;

use crate::common::{Client, Host, Http, Response};

pub(crate) const SEPARATOR: char = '\u{1e}';

/// Placeholders for two attachments.
pub(crate) const P0: &str = r#"{"_placeholder":true,"num":0}"#;
pub(crate) const P1: &str = r#"{"_placeholder":true,"num":1}"#;

/// The limits of the suites: `/` and `/custom` greet with the client's `auth`,
/// `/` sends back what it is sent.
pub(crate) fn host() -> Host {
    let limits = Limits {
        ping_interval_ms: 300,
        ping_timeout_ms: 200,
        connect_timeout_ms: 1_000,
        ..Limits::default()
    };
    host_with(limits)
}

/// The same server with other limits.
pub(crate) fn host_with(limits: Limits) -> Host {
    let config = Config { limits, origins: Origins::All, ..Config::default() };
    let mut server = Server::bind("127.0.0.1:0", config).unwrap();
    server.open("/custom", Namespace::default()).unwrap();
    Host::start(server, echo)
}

fn echo(server: &mut Server, event: &Event<'_>) {
    match event {
        Event::Connect { socket, auth, .. } => {
            server.emit(*socket, "auth", format!("[{auth}]")).unwrap();
        }
        Event::Message { socket, nsp: "/", name, args, attachments, ack, .. } => {
            let attachments: Vec<&[u8]> = attachments.iter().collect();
            let payload = Payload::new(args, &attachments);
            match (*name, ack) {
                ("message", _) => drop(server.emit(*socket, "message-back", payload).unwrap()),
                ("message-with-ack", Some(ack)) => server.ack(*ack, payload).unwrap(),
                _ => {}
            }
        }
        _ => {}
    }
}

/// The sid in an open packet.
pub(crate) fn sid_of(open: &str) -> String {
    let open: serde_json::Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    open["sid"].as_str().unwrap().to_owned()
}

/// The answer to the CONNECT of a namespace, which names nothing but a sid.
#[track_caller]
pub(crate) fn assert_connected(packet: &str, head: &str) {
    let object = packet.strip_prefix(head).unwrap_or_else(|| panic!("{packet}"));
    let sid = object.strip_prefix(r#"{"sid":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    assert!(sid.is_some_and(|sid| sid.len() == 20 && sid.bytes().all(is_letter)), "{packet}");
}

/// A session on polling.
pub(crate) struct Polling {
    address: std::net::SocketAddr,
    pub(crate) sid: String,
    http: Http,
}

impl Polling {
    /// A session that is in no namespace.
    pub(crate) fn open(host: &Host) -> Self {
        let mut http = host.http();
        let open = http.get("/socket.io/?EIO=4&transport=polling");
        assert_eq!(open.status, 200);
        Self { address: host.address, sid: sid_of(open.text()), http }
    }

    /// A session that has been greeted in `/`.
    pub(crate) fn enter(host: &Host) -> Self {
        let mut client = Self::open(host);
        client.post("40");
        let greeting = client.poll();
        let (connected, auth) = greeting.split_once(SEPARATOR).unwrap();
        assert_connected(connected, "40");
        assert_eq!(auth, r#"42["auth",{}]"#);
        client
    }

    pub(crate) fn path(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    pub(crate) fn websocket_path(&self) -> String {
        format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid)
    }

    /// Polls, whatever comes of it.
    pub(crate) fn try_poll(&mut self) -> Response {
        let path = self.path();
        self.http.get(&path)
    }

    /// The payload of the next poll.
    #[track_caller]
    pub(crate) fn poll(&mut self) -> String {
        let answer = self.try_poll();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.text().to_owned()
    }

    /// A poll on a connection of its own, whose answer is not waited for.
    pub(crate) fn begin_poll(&self) -> Http {
        let mut http = Http::connect(self.address);
        http.write(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", self.path()));
        http
    }

    /// The same; it has been read when this returns.
    pub(crate) fn park_poll(&self, host: &Host) -> Http {
        let before = host.with(|server| server.stats().bytes_in);
        let http = self.begin_poll();
        host.until("the poll has been read", move |server| server.stats().bytes_in > before);
        http
    }

    /// Posts, whatever comes of it.
    pub(crate) fn try_post(&mut self, payload: &str) -> Response {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
            self.path(),
            payload.len()
        );
        self.http.write(format!("{head}{payload}"));
        self.http.response(false)
    }

    #[track_caller]
    pub(crate) fn post(&mut self, payload: &str) {
        let answer = self.try_post(payload);
        assert_eq!((answer.status, answer.text()), (200, "ok"), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/html"));
    }

    /// The session is known no more.
    #[track_caller]
    pub(crate) fn assert_unknown(&mut self) {
        let answer = self.try_poll();
        assert_eq!((answer.status, answer.text()), (400, r#"{"code":1,"message":"Session ID unknown"}"#));
    }
}

/// A WebSocket at the path of Socket.IO that has read its open packet.
pub(crate) fn websocket(host: &Host) -> Client<TcpStream> {
    let mut client = host.client("/socket.io/?EIO=4&transport=websocket");
    sid_of(&client.hear_text());
    client
}

/// A WebSocket that has been greeted in `/`.
pub(crate) fn websocket_in(host: &Host) -> Client<TcpStream> {
    let mut client = websocket(host);
    client.send("40");
    assert_connected(&client.hear_text(), "40");
    assert_eq!(client.hear_text(), r#"42["auth",{}]"#);
    client
}

pub(crate) fn send_binary(client: &mut Client<TcpStream>, bytes: &[u8]) {
    client.socket.send(Message::binary(bytes.to_vec())).unwrap();
}

#[track_caller]
pub(crate) fn hear_binary(client: &mut Client<TcpStream>) -> Vec<u8> {
    match client.hear_any() {
        Message::Binary(bytes) => bytes.to_vec(),
        other => panic!("not binary: {other:?}"),
    }
}
