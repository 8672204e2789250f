//! A whole chat on Salon: a page, two namespaces, rooms with a history, typing, direct messages.
//!
//! `cargo run --release --example standalone -- --listen 127.0.0.1:3000`, then open the printed address in two tabs.
//! To learn Salon, read `run` first (the host's loop), then `Chat::hear` (what clients may ask for).
//!
//! The namespaces `/chat` and `/garden` speak the same events. Each carries one object; ids and times are integers
//! (times in milliseconds since 1970), a `person` is `{id, name}`, a `message` `{id, room, from: person, text, time}`.
//!
//! | from | event | object | ack, or `{error}` |
//! | --- | --- | --- | --- |
//! | client | `join` | `{room}`; once more for fresh news | `{room, count, members: [person], history: [message]}` |
//! | client | `leave` | `{room}` | `{room}` |
//! | client | `say` | `{room, text}` | the `message` |
//! | client | `typing` | `{room}` | `{}`, but why ask |
//! | client | `direct` | `{to: id, text}` | `{to: person, text, time}` |
//! | server | `welcome` | `{id, name, rooms: [{room, count}]}`, the first after `connect` | |
//! | server | `room` | `{room, count}` whenever a count has changed; 0 is a room that is gone | |
//! | server | `joined`, `left` | `{room, person, time}`, to the others in the room | |
//! | server | `said` | the `message`, to the others in the room | |
//! | server | `typing` | `{room, person}`, to the others in the room, volatile | |
//! | server | `direct` | `{from: person, text, time}` | |
//! | server | `exception` | `{status: "error", message}`: refused, and no ack was asked for | |
//!
//! A client enters with `?name=Ada`, or `auth: { name: "Ada" }` if it is one of Socket.IO (see `examples/node`), and
//! is called the first free of `Ada`, `Ada 2`, `Ada 3`, ….
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::iter;
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use salon::{Accept, Config, Error, Event, Events, Namespace, Origins, Request, Server, SocketId};
use serde_json::{Value, json};

const PAGE: &str = include_str!("page.html");
/// The page runs its own inline script and talks to this server; nothing else loads, and no string becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const HELP: &str =
    "Usage: standalone [--listen ADDRESS:PORT]   (default 127.0.0.1:3000; port 0 takes a free one)";

// Whatever clients do, memory stays bounded: 128 rooms of 50 messages of 2,000 characters.
const NAME_CHARS: usize = 32;
const ROOM_CHARS: usize = 64;
const TEXT_CHARS: usize = 2_000;
const HISTORY_MESSAGES: usize = 50;
const ROOMS: usize = 128;
const ROOMS_OF_ONE: usize = 16;
const MEMBERS_LISTED: usize = 200;
/// Changed counts of rooms wait this long and go out together.
const COUNTS_DELAY: Duration = Duration::from_millis(100);
const COUNTS_TIMER: u64 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let listen = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "127.0.0.1:3000",
        ["--listen", address] => address,
        ["--help" | "-h"] => {
            println!("A chat to try Salon with.\n{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => return fail(&format!("cannot make sense of `{}`\n{HELP}", arguments.join(" ")), 2),
    };
    if let Err(error) = listen.to_socket_addrs() {
        return fail(&format!("`{listen}` is not an address to listen on: {error}\n{HELP}"), 2);
    }
    match run(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{listen}: {error}"), 1),
    }
}

fn fail(problem: &str, code: u8) -> ExitCode {
    eprintln!("standalone: {problem}");
    ExitCode::from(code)
}

/// The host's loop: one thread, one `poll`, one `match`.
fn run(listen: &str) -> Result<(), Error> {
    let config = Config { http: true, origins: Origins::Same, ..Config::default() };
    let mut server = Server::bind(listen, config)?;
    for nsp in ["/chat", "/garden"] {
        server.open(nsp, Namespace::default().guarded())?;
    }
    for address in server.addresses() {
        println!("Salon is open at http://{address}/");
    }
    let mut chat = Chat { last_message: now(), ..Chat::default() };
    let mut events = Events::default();
    loop {
        server.poll(&mut events, None)?;
        for event in &events {
            match event {
                // The guard: until it answers, the client receives nothing. A refusal is an HTTP status.
                Event::ConnectRequest { socket, handshake, auth, .. } => {
                    if is_name(&name_of(handshake, auth), NAME_CHARS) {
                        chat.last_id += 1;
                        server.accept(socket, Accept::default().user(chat.last_id))?;
                    } else {
                        server.reject(socket, 403, "Enter with ?name= and 1 to 32 characters.")?;
                    }
                }
                Event::Connect { socket, nsp, handshake, auth, .. } if nsp != "/" => {
                    let (id, name) = (server.user(socket)?, name_of(handshake, auth));
                    chat.enter(&mut server, Person { id, name, nsp: nsp.to_owned(), socket })?;
                }
                Event::Message { socket, name, args, ack, .. } => {
                    let user = server.user(socket)?;
                    match (chat.hear(&mut server, user, name, args)?, ack) {
                        (Ok(answer), Some(ack)) => server.ack(ack, one(&answer))?,
                        (Ok(_), None) => {}
                        (Err(why), Some(ack)) => server.ack(ack, one(&json!({ "error": why })))?,
                        (Err(why), None) => {
                            let exception = json!({ "status": "error", "message": why });
                            server.emit(socket, "exception", one(&exception))?;
                        }
                    }
                }
                Event::Disconnect { socket, nsp, rooms, .. } => {
                    if let Some(left) = chat.people.remove(&server.user(socket)?) {
                        for room in rooms {
                            let place = (nsp.to_owned(), room.to_owned());
                            chat.notice(&mut server, "left", place, &left.json())?;
                        }
                    }
                }
                Event::Timer { tag: COUNTS_TIMER, .. } => {
                    for (nsp, room) in std::mem::take(&mut chat.changed) {
                        let count = server.count(&nsp, Some(&room))?;
                        server.to(&nsp).emit("room", one(&json!({ "room": room, "count": count })))?;
                    }
                }
                Event::HttpRequest { request, head, .. } => {
                    let text = "text/plain; charset=utf-8";
                    let (status, kind, body) = match (head.method(), head.path()) {
                        ("GET" | "HEAD", "/") => (200, "text/html; charset=utf-8", PAGE),
                        ("GET" | "HEAD", "/healthz") => (200, text, "ok\n"),
                        _ => (404, text, "There is nothing here. The chat is at /\n"),
                    };
                    let headers = [
                        ("content-type", kind),
                        ("content-security-policy", POLICY),
                        ("x-content-type-options", "nosniff"),
                        ("cache-control", "no-cache"),
                    ];
                    server.respond(request, status, &headers, body)?;
                }
                _ => {}
            }
        }
    }
}

struct Person {
    id: u64,
    name: String,
    nsp: String,
    socket: SocketId,
}

/// A namespace and a room.
type Place = (String, String);

/// What this host remembers. Who is in which room is not here: Salon knows.
#[derive(Default)]
struct Chat {
    /// By id, which is also the `user` that Salon keeps with the socket.
    people: HashMap<u64, Person>,
    last_id: u64,
    /// A room that empties keeps its history until another room needs the place.
    histories: HashMap<Place, VecDeque<Value>>,
    last_message: u64,
    changed: BTreeSet<Place>,
}

impl Chat {
    /// Gives the newcomer a name that nobody else has in this namespace, and the list of rooms.
    fn enter(&mut self, server: &mut Server, mut person: Person) -> Result<(), Error> {
        let here = self.people.values().filter(|other| other.nsp == person.nsp);
        let taken: HashSet<_> = here.map(|other| other.name.to_lowercase()).collect();
        let names = (2..).map(|number| format!("{} {number}", person.name));
        let free =
            iter::once(person.name.clone()).chain(names).find(|name| !taken.contains(&name.to_lowercase()));
        person.name = free.unwrap_or_default();
        let mut rooms = Vec::new();
        for room in server.rooms(&person.nsp)? {
            let count = server.count(&person.nsp, Some(&room))?;
            rooms.push(json!({ "room": room, "count": count }));
        }
        let welcome = json!({ "id": person.id, "name": person.name, "rooms": rooms });
        server.emit(person.socket, "welcome", one(&welcome))?;
        self.people.insert(person.id, person);
        Ok(())
    }

    /// What clients ask for. The inner error is the client's mistake, and it is told; the outer one is ours.
    fn hear(
        &mut self,
        server: &mut Server,
        user: u64,
        name: &str,
        args: &str,
    ) -> Result<Result<Value, &'static str>, Error> {
        let Some(me) = self.people.get(&user) else { return Ok(Err("The chats are at /chat and /garden.")) };
        let (socket, from) = (me.socket, me.json());
        let Ok([object]) = serde_json::from_str::<[Value; 1]>(args) else {
            return Ok(Err("An event carries one object."));
        };
        let text = object["text"].as_str().unwrap_or_default().trim();
        if matches!(name, "say" | "direct") && !(1..=TEXT_CHARS).contains(&text.chars().count()) {
            return Ok(Err("A message has 1 to 2,000 characters."));
        }
        if name == "direct" {
            let to = object["to"].as_u64().and_then(|id| self.people.get(&id)).filter(|to| to.nsp == me.nsp);
            let Some(to) = to else { return Ok(Err("This person is no longer here.")) };
            let time = now();
            server.emit(to.socket, "direct", one(&json!({ "from": from, "text": text, "time": time })))?;
            return Ok(Ok(json!({ "to": to.json(), "text": text, "time": time })));
        }
        let room = object["room"].as_str().unwrap_or_default().trim();
        if !is_name(room, ROOM_CHARS) {
            return Ok(Err("A room's name has 1 to 64 characters."));
        }
        let place @ (nsp, _) = &(me.nsp.clone(), room.to_owned());
        let rooms = server.rooms_of(socket)?;
        let inside = rooms.iter().any(|mine| mine == room);
        match name {
            "join" => {
                if !inside && rooms.len() >= ROOMS_OF_ONE {
                    return Ok(Err("You are in 16 rooms. Leave one first."));
                }
                if !self.histories.contains_key(place) && self.histories.len() >= ROOMS {
                    let empty =
                        |(nsp, room): &&Place| server.count(nsp, Some(room)).is_ok_and(|count| count == 0);
                    let Some(empty) = self.histories.keys().find(empty).cloned() else {
                        return Ok(Err("There are too many rooms. Join one of them."));
                    };
                    self.histories.remove(&empty);
                }
                if !inside {
                    self.notice(server, "joined", place.clone(), &from)?; // first, so the newcomer does not get it
                    server.join(socket, room)?;
                }
                let (members, count) = (server.members(nsp, Some(room))?, server.count(nsp, Some(room))?);
                let people =
                    members.into_iter().filter_map(|member| self.people.get(&server.user(member).ok()?));
                let members: Vec<_> = people.take(MEMBERS_LISTED).map(Person::json).collect();
                let history = self.histories.entry(place.clone()).or_default();
                Ok(Ok(json!({ "room": room, "count": count, "members": members, "history": history })))
            }
            _ if !inside => Ok(Err("Join the room first.")),
            "leave" => {
                server.leave(socket, room)?;
                self.notice(server, "left", place.clone(), &from)?;
                Ok(Ok(json!({ "room": room })))
            }
            "say" => {
                self.last_message += 1;
                let (id, time) = (self.last_message, now());
                let message = json!({ "id": id, "room": room, "from": from, "text": text, "time": time });
                server.to(nsp).room(room).except(socket).emit("said", one(&message))?;
                let history = self.histories.entry(place.clone()).or_default();
                history.push_back(message.clone());
                if history.len() > HISTORY_MESSAGES {
                    history.pop_front();
                }
                Ok(Ok(message))
            }
            "typing" => {
                let typing = one(&json!({ "room": room, "person": from }));
                server.to(nsp).room(room).except(socket).volatile().emit("typing", typing)?;
                Ok(Ok(json!({})))
            }
            _ => Ok(Err("There is no such event here.")),
        }
    }

    /// Tells a room who came or went; its new count goes to the whole namespace a little later.
    fn notice(&mut self, server: &mut Server, event: &str, place: Place, who: &Value) -> Result<(), Error> {
        let (nsp, room) = &place;
        let notice = json!({ "room": room, "person": who, "time": now() });
        server.to(nsp).room(room).emit(event, one(&notice))?;
        if self.changed.is_empty() {
            server.start_timer(COUNTS_DELAY, None, COUNTS_TIMER);
        }
        self.changed.insert(place);
        Ok(())
    }
}

impl Person {
    fn json(&self) -> Value {
        json!({ "id": self.id, "name": self.name })
    }
}

/// The arguments of an event or an ack that carries one object.
fn one(object: &Value) -> String {
    json!([object]).to_string()
}

/// What a newcomer wants to be called: a query of the URL, or a part of what Socket.IO clients send along.
fn name_of(handshake: &Request, auth: &str) -> String {
    let auth: Value = serde_json::from_str(auth).unwrap_or_default();
    let name = handshake.query("name").unwrap_or_else(|| auth["name"].as_str().unwrap_or_default().into());
    name.trim().to_owned()
}

/// A name that shows on one line and fits the engine's 255 bytes.
fn is_name(name: &str, chars: usize) -> bool {
    (1..=chars).contains(&name.chars().count()) && name.len() <= 255 && !name.chars().any(char::is_control)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
