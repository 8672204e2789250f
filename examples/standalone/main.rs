//! A whole chat on Salon: a page, two namespaces, rooms with a history, typing, direct messages.
//!
//! `cargo run --release --example standalone`, then open the printed address in two tabs. To learn Salon, read `run`
//! first (the host's loop), then `Chat::hear` (what clients may ask for). All events are listed in `protocol.md`.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unit_arg)]

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{error::Error, process::ExitCode};

use salon::{Accept, Config, Event, Events, Limits, Namespace, Origins, Request, Server, SocketId};
use serde_json::{Value, json};

/// The page runs its own inline script and talks to this server; nothing else loads, and no string becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const NO_SNIFFING: (&str, &str) = ("x-content-type-options", "nosniff");
const USAGE: &str = "Usage: standalone [--listen ADDRESS:PORT] (default 127.0.0.1:3000; port 0: a free one)";

// Whatever clients do, memory stays bounded: 128 rooms of 50 messages of 2,000 characters.
const NAME_CHARS: usize = 32;
const ROOM_CHARS: usize = 64;
const TEXT_CHARS: usize = 2_000;
const HISTORY_MESSAGES: usize = 50;
const ROOMS: usize = 128;
const ROOMS_OF_ONE: usize = 16;
const MEMBERS_LISTED: usize = 200;
/// However many come and go, a namespace is told the counts of its rooms no more often than this.
const COUNTS_DELAY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run("127.0.0.1:3000"),
        ["--listen", address] => run(address),
        ["--help" | "-h"] => Ok(println!("A chat to try Salon with.\n{USAGE}")),
        _ => Err(format!("cannot make sense of `{}`\n{USAGE}", arguments.join(" ")).into()),
    };
    let Err(problem) = ended else { return ExitCode::SUCCESS };
    eprintln!("standalone: {problem}");
    ExitCode::FAILURE
}

/// The host's loop: one thread, one `poll`, one `match`.
fn run(listen: &str) -> Result<()> {
    let limits = Limits::against_floods();
    let config = Config { http: true, origins: Origins::Same, limits, ..Config::default() };
    let mut server = Server::bind(listen, config)?;
    let remote = server.remote(); // SIGINT and SIGTERM, which another thread hears of
    ctrlc::set_handler(move || remote.shutdown_within(Duration::from_secs(5)).unwrap_or_default())?;
    for nsp in ["/chat", "/garden"] {
        server.open(nsp, Namespace::default().guarded())?;
    }
    for address in server.addresses() {
        println!("Salon is open at http://{address}/");
    }
    let (mut chat, mut events) = (Chat { last_message: now(), ..Chat::default() }, Events::default());
    loop {
        server.poll(&mut events, None)?;
        for event in &events {
            match event {
                // The guard: until it answers, the client receives nothing. A refusal is an HTTP status.
                Event::ConnectRequest { socket, nsp, handshake, auth } => match name_of(handshake, auth) {
                    Some(name) => chat.enter(&mut server, socket, nsp, &name)?,
                    None => server.reject(socket, 403, "Enter with ?name= and 1 to 32 characters.")?,
                },
                Event::Message { socket, name, args, ack, .. } => {
                    let heard = chat.hear(&mut server, socket, name, args);
                    let answer = heard.unwrap_or_else(|why| json!({ "error": why.to_string() }));
                    if let Some(ack) = ack {
                        // Who wants very many acks at once loses the first of them. That is no error of ours.
                        server.ack(ack, one(&answer)).ok();
                    } else if let Some(why) = answer.get("error") {
                        let exception = json!({ "status": "error", "message": why });
                        server.emit(socket, "exception", one(&exception))?;
                    }
                }
                Event::Disconnect { socket, rooms, .. } => {
                    for room in rooms {
                        chat.notice(&mut server, "left", socket, room)?;
                    }
                    chat.people.remove(&socket);
                }
                Event::Timer { .. } => {
                    for nsp in std::mem::take(&mut chat.changed) {
                        let rooms = counts(&server, &nsp)?;
                        server.to(&nsp).emit("rooms", one(&json!({ "rooms": rooms })))?;
                    }
                }
                Event::HttpRequest { request, head, .. } => {
                    let (status, kind, body) = match (head.method(), head.path()) {
                        ("GET" | "HEAD", "/") => (200, "text/html; charset=utf-8", include_str!("page.html")),
                        ("GET" | "HEAD", "/healthz") => (200, "text/plain", "ok\n"),
                        _ => (404, "text/plain", "There is nothing here. The chat is at /\n"),
                    };
                    let headers = [("content-type", kind), ("content-security-policy", POLICY), NO_SNIFFING];
                    server.respond(request, status, &headers, body)?;
                }
                Event::Stopped => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Somebody in a namespace, also as clients are told of them: `{id, name}`. The id is Salon's.
struct Person {
    nsp: String,
    json: Value,
}

/// A namespace and a room.
type Place = (String, String);
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What this host remembers. Who is in which room is not here: Salon knows.
#[derive(Default)]
struct Chat {
    people: HashMap<SocketId, Person>,
    /// A room that empties keeps its history until other rooms need the place.
    histories: HashMap<Place, VecDeque<Value>>,
    last_message: u64,
    /// Namespaces in which somebody joined or left a room since the counts were told.
    changed: BTreeSet<String>,
}

impl Chat {
    /// Lets somebody in, under a name that nobody else has in this namespace, and tells them the rooms.
    fn enter(&mut self, server: &mut Server, socket: SocketId, nsp: &str, wish: &str) -> Result<()> {
        let here = self.people.values().filter(|other| other.nsp == nsp);
        let taken: HashSet<_> =
            here.filter_map(|it| Some(it.json["name"].as_str()?.to_lowercase())).collect();
        let others = (2..).map(|number| format!("{wish} {number}"));
        let mut names = [wish.to_owned()].into_iter().chain(others);
        let name = names.find(|name| !taken.contains(&name.to_lowercase())).unwrap_or_default();
        server.accept(socket, Accept::default())?;
        let json = json!({ "id": server.sid(socket)?, "name": name });
        let welcome = json!({ "id": json["id"], "name": name, "rooms": counts(server, nsp)? });
        server.emit(socket, "welcome", one(&welcome))?;
        self.people.insert(socket, Person { nsp: nsp.to_owned(), json });
        Ok(())
    }

    /// What clients ask for. They are told the answer or the error.
    fn hear(&mut self, server: &mut Server, socket: SocketId, event: &str, args: &str) -> Result<Value> {
        let me = self.people.get(&socket).ok_or("The chats are at /chat and /garden.")?;
        let [object]: [Value; 1] = serde_json::from_str(args).map_err(|_| "An event carries one object.")?;
        let text = object["text"].as_str().unwrap_or_default().trim();
        if matches!(event, "say" | "direct") && !(1..=TEXT_CHARS).contains(&text.chars().count()) {
            return Err("A message has 1 to 2,000 characters.".into());
        }
        let (from, time) = (me.json.clone(), now());
        if event == "direct" {
            let gone = "This person is no longer here.";
            let to = object["to"].as_str().and_then(|id| server.by_sid(id)).ok_or(gone)?;
            let person = self.people.get(&to).filter(|person| person.nsp == me.nsp).ok_or(gone)?;
            server.emit(to, "direct", one(&json!({ "from": from, "text": text, "time": time })))?;
            return Ok(json!({ "to": person.json, "text": text, "time": time }));
        }
        let room = named(&object["room"], ROOM_CHARS).ok_or("A room's name has 1 to 64 characters.")?;
        let place @ (nsp, _) = &(me.nsp.clone(), room.to_owned());
        let mine = server.rooms_of(socket)?;
        let inside = mine.iter().any(|it| it == room);
        match event {
            "join" if !inside && mine.len() >= ROOMS_OF_ONE => {
                Err("You are in 16 rooms. Leave one first.".into())
            }
            "join" => {
                if !self.histories.contains_key(place) && self.histories.len() >= ROOMS {
                    let empty = |(nsp, room): &&Place| matches!(server.count(nsp, Some(room)), Ok(0));
                    let empty = self.histories.keys().find(empty).cloned();
                    self.histories.remove(&empty.ok_or("There are too many rooms. Join one of them.")?);
                }
                server.join(socket, room)?;
                if !inside {
                    self.histories.entry(place.clone()).or_default();
                    self.notice(server, "joined", socket, room)?;
                }
                let (members, count) = (server.members(nsp, Some(room))?, server.count(nsp, Some(room))?);
                let people = members.iter().filter_map(|member| self.people.get(member));
                let members: Vec<_> = people.take(MEMBERS_LISTED).map(|person| &person.json).collect();
                let history = self.histories.get(place);
                Ok(json!({ "room": room, "count": count, "members": members, "history": history }))
            }
            _ if !inside => Err("Join the room first.".into()),
            "leave" => {
                server.leave(socket, room)?;
                self.notice(server, "left", socket, room)?;
                Ok(json!({ "room": room }))
            }
            "say" => {
                self.last_message += 1;
                let id = self.last_message;
                let message = json!({ "id": id, "room": room, "from": from, "text": text, "time": time });
                server.to(nsp).room(room).except(socket).emit("said", one(&message))?;
                let history = self.histories.entry(place.clone()).or_default();
                history.push_back(message.clone());
                history.drain(..history.len().saturating_sub(HISTORY_MESSAGES));
                Ok(message)
            }
            "typing" => {
                let typing = one(&json!({ "room": room, "person": from }));
                server.to(nsp).room(room).except(socket).volatile().emit("typing", typing)?;
                Ok(json!({}))
            }
            _ => Err("There is no such event here.".into()),
        }
    }

    /// Tells a room who came or went; the new counts go to the whole namespace a little later.
    fn notice(&mut self, server: &mut Server, event: &str, who: SocketId, room: &str) -> Result<()> {
        let Some(Person { nsp, json, .. }) = self.people.get(&who) else { return Ok(()) };
        let notice = json!({ "room": room, "person": json, "time": now() });
        server.to(nsp).room(room).except(who).emit(event, one(&notice))?;
        if self.changed.is_empty() {
            server.start_timer(COUNTS_DELAY, None, 0);
        }
        self.changed.insert(nsp.clone());
        Ok(())
    }
}

/// The rooms of a namespace that somebody is in: `[{room, count}]`.
fn counts(server: &Server, nsp: &str) -> Result<Value> {
    let rooms = server.rooms(nsp)?.into_iter();
    rooms.map(|room| Ok(json!({ "count": server.count(nsp, Some(&room))?, "room": room }))).collect()
}

/// The arguments of an event or an ack that carries one object.
fn one(object: &Value) -> String {
    json!([object]).to_string()
}

/// What a newcomer wants to be called: a query of the URL, or a part of what Socket.IO clients send along.
fn name_of(handshake: &Request, auth: &str) -> Option<String> {
    let auth: Value = serde_json::from_str(auth).unwrap_or_default();
    let wish = handshake.query("name").map_or_else(|| auth["name"].clone(), |name| json!(name));
    named(&wish, NAME_CHARS).map(str::to_owned)
}

/// A name that shows on one line and fits the engine's 255 bytes, if this is one.
fn named(wish: &Value, chars: usize) -> Option<&str> {
    let name = wish.as_str()?.trim();
    let fits = (1..=chars).contains(&name.chars().count()) && name.len() <= 255;
    (fits && !name.chars().any(char::is_control)).then_some(name)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
