//! Scenarios of Engine.IO sessions and the Socket.IO sockets in them. Each
//! request of a client comes on a connection of its own, and ids that nobody
//! can foretell are shown as `*`.

mod bounds;
mod cors;
mod drain;
mod ends;
mod faults;
mod flood;
mod formats;
mod interleaved;
mod limits;
mod namespaces;
mod packets;
mod paths;
mod readers;
mod recovery;
mod returns;
mod timers;
mod upgrade;

use super::{wire::*, *};

const NOTHING: [&str; 0] = [];
const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

/// The answers in what a client was sent: the status, head and body of each.
fn answers(bytes: &[u8]) -> Vec<(u16, String, String)> {
    let mut rest = std::str::from_utf8(bytes).unwrap();
    let mut found = Vec::new();
    while let Some((head, behind)) = rest.split_once("\r\n\r\n") {
        let length = head.split("Content-Length: ").nth(1).map_or("0", |at| at.split("\r\n").next().unwrap());
        let (body, more) = behind.split_at(length.parse().unwrap());
        found.push((head[9..12].parse().unwrap(), head.to_owned(), body.to_owned()));
        rest = more;
    }
    assert!(rest.is_empty(), "an answer is cut off: {rest:?}");
    found
}

/// Ids as stars.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = ["\"sid\":\"", "\"pid\":\""].iter().filter_map(|key| rest.find(key)).min() {
        let (before, id) = rest.split_at(at + 7);
        out.push_str(before);
        out.push('*');
        rest = &id[20..];
    }
    out.push_str(rest);
    out
}

/// What stands behind a key in JSON, up to the next quote.
fn value_of(text: &str, key: &str) -> String {
    let (_, rest) = text.split_once(&format!("\"{key}\":\"")).unwrap_or_else(|| panic!("no {key} in {text}"));
    rest.split('"').next().unwrap().to_owned()
}

fn config_of(change: impl FnOnce(&mut crate::engine::config::SocketIo)) -> Config {
    let mut config = Config::default();
    change(config.socketio.as_mut().unwrap());
    config
}

impl Salon {
    /// Sends a request on a new connection.
    fn request(&mut self, method: &str, target: &str, lines: &str, body: &str) -> usize {
        let client = self.connect();
        let length =
            if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.write(client, format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{lines}{length}\r\n{body}"));
        client
    }

    /// The one answer that a client has been given: its status and body.
    #[track_caller]
    fn response(&mut self, client: usize) -> (u16, String) {
        let mut answers = answers(&self.read(client));
        assert_eq!(answers.len(), 1, "{answers:?}");
        let (status, _, body) = answers.remove(0);
        (status, body)
    }

    /// A session on polling, by its sid.
    #[track_caller]
    fn session(&mut self) -> String {
        let client = self.request("GET", OPEN, "", "");
        assert_eq!(self.quiet(), NOTHING);
        let (status, body) = self.response(client);
        assert_eq!(status, 200, "{body}");
        value_of(&body, "sid")
    }

    /// A session on polling that has entered `/` and heard so.
    #[track_caller]
    fn guest(&mut self) -> String {
        let sid = self.session();
        let number = self.sockets.len();
        assert_eq!(self.posts(&sid, "40"), [format!("connect #{number} /")]);
        assert_eq!(masked(&self.polls(&sid)), r#"40{"sid":"*"}"#);
        sid
    }

    fn begin_poll(&mut self, sid: &str) -> usize {
        self.request("GET", &format!("{OPEN}&sid={sid}"), "", "")
    }

    /// A poll that has to wait.
    #[track_caller]
    fn parks(&mut self, sid: &str) -> usize {
        let client = self.begin_poll(sid);
        assert_eq!(self.quiet(), NOTHING);
        assert!(self.kernel.pipes[client].outbound.is_empty(), "the poll has been answered");
        client
    }

    /// The status and body of the answer to a poll, which comes at once.
    #[track_caller]
    fn poll_answer(&mut self, sid: &str) -> (u16, String) {
        let client = self.begin_poll(sid);
        assert_eq!(self.quiet(), NOTHING);
        self.response(client)
    }

    /// The payload that a poll gets at once.
    #[track_caller]
    fn polls(&mut self, sid: &str) -> String {
        let (status, body) = self.poll_answer(sid);
        assert_eq!(status, 200, "{body}");
        body
    }

    #[track_caller]
    fn assert_unknown(&mut self, sid: &str) {
        assert_eq!(self.poll_answer(sid), (400, UNKNOWN.to_owned()));
    }

    fn begin_post(&mut self, sid: &str, payload: &str) -> usize {
        self.request(
            "POST",
            &format!("{OPEN}&sid={sid}"),
            "Content-Type: text/plain;charset=UTF-8\r\n",
            payload,
        )
    }

    /// A post with this answer: what happens.
    #[track_caller]
    fn posts_and_gets(&mut self, sid: &str, payload: &str, status: u16, body: &str) -> Vec<String> {
        let client = self.begin_post(sid, payload);
        let lines = self.quiet();
        assert_eq!(self.response(client), (status, body.to_owned()), "{lines:?}");
        lines
    }

    /// A post that is taken: what happens.
    #[track_caller]
    fn posts(&mut self, sid: &str, payload: &str) -> Vec<String> {
        self.posts_and_gets(sid, payload, 200, "ok")
    }

    /// A session on a WebSocket.
    #[track_caller]
    fn websocket(&mut self) -> usize {
        let client = self.connect();
        self.write(client, handshake("/socket.io/?EIO=4&transport=websocket"));
        assert_eq!(self.quiet(), NOTHING);
        let bytes = self.read(client);
        let open = bytes.strip_prefix(ACCEPTED.as_bytes()).expect("no handshake");
        assert!(wire::frames(open)[0].starts_with(r#"text 0{"sid":""#));
        client
    }

    /// A session on a WebSocket that has entered `/` and heard so.
    #[track_caller]
    fn websocket_guest(&mut self) -> usize {
        let client = self.websocket();
        let number = self.sockets.len();
        assert_eq!(self.says(client, "40"), [format!("connect #{number} /")]);
        assert_eq!(self.hears(client), [r#"text 40{"sid":"*"}"#]);
        client
    }

    /// A text message of a WebSocket: what happens.
    fn says(&mut self, client: usize, packet: &str) -> Vec<String> {
        self.write(client, text(packet));
        self.quiet()
    }

    /// What a WebSocket has been sent, ids as stars.
    fn hears(&mut self, client: usize) -> Vec<String> {
        self.frames(client).iter().map(|frame| masked(frame)).collect()
    }

    fn emit_binary(&mut self, number: usize, name: &str, attachments: &[&[u8]]) {
        let socket = self.socket(number);
        let payload = Payload::binary(attachments);
        self.tell(|engine| engine.emit_one(socket, name, &payload, Loudness::Normal)).unwrap();
    }
}
