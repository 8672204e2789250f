//! The server that Socket.IO's public test suites ask for, and what our own
//! tests with real clients ask for beyond that.
//!
//! `socketio --listen 127.0.0.1:3000` prints where it listens. `--suite` makes
//! the deadlines as short as the public suites want them, `--recovery MS` lets
//! clients come back for so long, `--origin URL` lets only pages from there in.
//!
//! `/` and `/custom` greet with the client's `auth`. `/guarded` wants the token
//! `sesame`, in the `auth` or in the query, and is spoken by raw WebSockets, too,
//! with `?dialect=raw`. What clients may say, the same everywhere:
//!
//! | event | arguments | what happens |
//! | --- | --- | --- |
//! | `message` | any | they come back as `message-back` |
//! | `say` | any | `said` with the same, to all others in the namespace |
//! | `join`, `leave` | room | |
//! | `tell` | `{rooms, except, volatile}`, text | `told` with the text, to the others in these rooms; ack: to how many |
//! | `ask` | any | the client is asked `question` with the same; then `answered` or `unanswered` |
//! | `ask-all` | any | so are the others in the namespace; ack: the answers, how many, of how many |
//! | `count` | n | `number` with 0 to n − 1, a few every millisecond |
//! | `burst` | n | the same at once |
//! | `kick`, `close` | | disconnected from this namespace, or wholly |
//! | `user` | | ack: the number that it gave as `auth.user` |
//! | `silence` | | nothing, though an ack is wanted |
//! | others | any | the ack is the same |
//!
//! What cannot be done is answered with `exception`.

#![allow(clippy::print_stdout)]

use std::{collections::HashMap, time::Duration};

use salon::{
    Accept, AckId, Answer, Attachments, Config, Data, Dialect, Event, Events, Limits, Namespace, NoAnswer,
    Origins, Payload, Recovery, Server, SocketId, SocketIo,
};
use serde_json::{Value, json};

/// How long clients may think about a question.
const THINKING: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(1);
const NUMBERS_A_TICK: u64 = 20;
const MOST_NUMBERS: u64 = 10_000;

fn main() -> salon::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let value = |option: &str| words.iter().skip_while(|word| *word != option).nth(1);
    let mut config = Config { origins: Origins::All, ..Config::default() };
    if words.iter().any(|word| word == "--suite") {
        config.limits = Limits {
            ping_interval_ms: 300,
            ping_timeout_ms: 200,
            connect_timeout_ms: 1_000,
            ..Limits::default()
        };
    }
    if let Some(window_ms) = value("--recovery").and_then(|window| window.parse().ok()) {
        let recovery = Some(Recovery { window_ms, ..Recovery::default() });
        config.socketio = Some(SocketIo { recovery, ..SocketIo::default() });
    }
    if let Some(origin) = value("--origin") {
        config.origins = Origins::List(vec![origin.clone()]);
    }
    let mut server = Server::bind(value("--listen").map_or("127.0.0.1:3000", |address| address), config)?;
    server.open("/custom", Namespace::default())?;
    server.open("/guarded", Namespace::default().guarded())?;
    for address in server.addresses() {
        println!("listening on http://{address}/");
    }
    let mut host = Host { server, polls: HashMap::new(), counts: HashMap::new(), last_tag: 0 };
    let mut events = Events::default();
    loop {
        host.server.poll(&mut events, None)?;
        for event in &events {
            host.hear(event)?;
        }
    }
}

struct Host {
    server: Server,
    /// Questions to everybody: who wants to know, and what was answered so far.
    polls: HashMap<AckId, (Option<AckId>, Vec<Value>)>,
    /// Numbers that are being counted, by the timer's tag: for whom, from, to.
    counts: HashMap<u64, (SocketId, u64, u64)>,
    last_tag: u64,
}

impl Host {
    fn hear(&mut self, event: Event<'_>) -> salon::Result<()> {
        let server = &mut self.server;
        match event {
            Event::ConnectRequest { socket, handshake, auth, .. } => {
                let auth: Value = serde_json::from_str(auth).unwrap_or_default();
                let token = auth["token"].as_str().map(str::to_owned);
                let token = token.or_else(|| handshake.query("token").map(|token| token.to_string()));
                if token.as_deref() != Some("sesame") {
                    let data = json!({ "status": 403, "given": token }).to_string();
                    return server.reject_with(socket, 403, "not authorized", &data);
                }
                let user = auth["user"].as_u64().unwrap_or_default();
                let is_raw = handshake.query("dialect").as_deref() == Some("raw");
                let dialect = if is_raw { Dialect::Raw } else { Dialect::Json };
                server.accept(socket, Accept::default().dialect(dialect).user(user))
            }
            Event::Connect { socket, nsp: "/" | "/custom", auth, was: None, .. } => {
                server.emit(socket, "auth", format!("[{auth}]")).map(drop)
            }
            Event::Message { socket, nsp, name, args, attachments, ack } => {
                // Nothing that a client says may end the host: a room's name that is too long, for one.
                if let Err(error) = self.obey(socket, nsp, name, args, attachments, ack) {
                    self.server.emit(socket, "exception", json!([error.to_string()]).to_string())?;
                }
                Ok(())
            }
            Event::Data { socket, nsp, data } => {
                let others = server.to(nsp).except(socket);
                match data {
                    Data::Text(text) => others.send(text),
                    Data::Binary(bytes) => others.send(bytes),
                }
                .map(drop)
            }
            Event::Ack { socket, ack, answer } => self.answered(socket, ack, answer),
            Event::AcksDone { ack, answered, of } => {
                let Some((Some(asker), answers)) = self.polls.remove(&ack) else { return Ok(()) };
                server.ack(asker, json!([answers, answered, of]).to_string())
            }
            Event::Timer { tag, .. } => self.count_on(tag),
            Event::Expired { nsp, user, .. } => {
                server.to(nsp).emit("expired", json!([user]).to_string()).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// What a client says. One that has just left may be spoken to all the same.
    fn obey(
        &mut self,
        socket: SocketId,
        nsp: &str,
        name: &str,
        args: &str,
        attachments: Attachments<'_>,
        ack: Option<AckId>,
    ) -> salon::Result<()> {
        let server = &mut self.server;
        let attachments: Vec<&[u8]> = attachments.iter().collect();
        let same = Payload::new(args, &attachments);
        let values: Vec<Value> = serde_json::from_str(args).unwrap_or_default();
        let first = values.first().unwrap_or(&Value::Null);
        let text = first.as_str().unwrap_or_default();
        let number = first.as_u64().unwrap_or_default().min(MOST_NUMBERS);
        let mut answer = "[]".to_owned();
        match name {
            "message" => drop(server.emit(socket, "message-back", same)?),
            "say" => drop(server.to(nsp).except(socket).emit("said", same)?),
            "join" => server.join(socket, text)?,
            "leave" => server.leave(socket, text)?,
            "tell" => {
                let names =
                    |of: &str| first[of].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let (rooms, except): (Vec<&str>, Vec<&str>) = (names("rooms"), names("except"));
                let mut others = server.to(nsp).rooms(rooms).except(socket);
                for room in except {
                    others = others.except_room(room);
                }
                if first["volatile"] == true {
                    others = others.volatile();
                }
                answer =
                    json!([others.emit("told", json!(values.get(1..).unwrap_or_default()).to_string())?])
                        .to_string();
            }
            "ask" => drop(server.ask(socket, "question", same, THINKING)?),
            "ask-all" => {
                let question = server.to(nsp).except(socket).ask("question", same, THINKING)?;
                self.polls.insert(question, (ack, Vec::new()));
                return Ok(());
            }
            "count" => {
                self.last_tag += 1;
                self.counts.insert(self.last_tag, (socket, 0, number));
                server.start_timer(TICK, None, self.last_tag);
            }
            "burst" => {
                for number in 0..number {
                    server.emit(socket, "number", json!([number]).to_string())?;
                }
            }
            "kick" => server.disconnect(socket)?,
            "close" => server.disconnect_client(socket)?,
            "user" => answer = json!([server.user(socket)?]).to_string(),
            "silence" => return Ok(()),
            _ => return ack.map_or(Ok(()), |ack| server.ack(ack, same)),
        }
        ack.map_or(Ok(()), |ack| server.ack(ack, answer))
    }

    /// One client's answer, to a question for it alone or for many.
    fn answered(
        &mut self,
        socket: SocketId,
        ack: AckId,
        answer: Result<Answer<'_>, NoAnswer>,
    ) -> salon::Result<()> {
        match (self.polls.get_mut(&ack), answer) {
            (Some((_, answers)), Ok(answer)) => {
                answers.push(serde_json::from_str(answer.args).unwrap_or_default())
            }
            (Some(_), Err(_)) => {}
            (None, Ok(Answer { args, attachments })) => {
                let attachments: Vec<&[u8]> = attachments.iter().collect();
                self.server.emit(socket, "answered", Payload::new(args, &attachments))?;
            }
            (None, Err(why)) => {
                self.server.emit(socket, "unanswered", json!([why.to_string()]).to_string())?;
            }
        }
        Ok(())
    }

    fn count_on(&mut self, tag: u64) -> salon::Result<()> {
        let Some((socket, from, to)) = self.counts.remove(&tag) else { return Ok(()) };
        let end = (from + NUMBERS_A_TICK).min(to);
        for number in from..end {
            // Who has left meanwhile hears no more.
            if self.server.emit(socket, "number", json!([number]).to_string()).is_err() {
                return Ok(());
            }
        }
        if end < to {
            self.counts.insert(tag, (socket, end, to));
            self.server.start_timer(TICK, None, tag);
        }
        Ok(())
    }
}
