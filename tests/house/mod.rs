//! A server with a real listener, and its clients, all on the test's own
//! thread: whoever waits for something turns the server's loop meanwhile.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses what it needs, and may fail")]

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use salon::{
    AckId, Config, Data, Error, ErrorKind, Event, Events, Limits, LocalAddress, NoAnswer, Reason, RequestId,
    Result, Server, SocketId, Stats,
};
use tungstenite::{
    HandshakeError, Message, WebSocket,
    client::IntoClientRequest,
    http::{HeaderValue, header},
};

/// After this a test that waits has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What happened, as far as tests here look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Request(SocketId),
    Connect(SocketId),
    Gone(SocketId, Reason),
    Message { socket: SocketId, name: String, args: String, ack: Option<AckId> },
    Data(SocketId, Vec<u8>),
    Answer(SocketId, AckId, Result<String, NoAnswer>),
    Answers { ack: AckId, answered: u32, of: u32 },
    Http(RequestId),
    Timer(u64),
    Post(u64),
    Drain(SocketId, u64),
    Other(String),
}

pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    events: Events,
    seen: VecDeque<Seen>,
}

impl House {
    pub(crate) fn new(config: Config) -> Self {
        let server = Server::bind("127.0.0.1:0", config).unwrap();
        let [LocalAddress::Tcp(address)] = server.addresses()[..] else { panic!("one address") };
        Self::of(server, address)
    }

    /// A server that has been made ready, and one of its addresses.
    pub(crate) fn of(server: Server, address: SocketAddr) -> Self {
        Self { server, address, events: Events::default(), seen: VecDeque::new() }
    }

    pub(crate) fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut config = Config::default();
        change(&mut config.limits);
        Self::new(config)
    }

    /// One turn of the loop; what happened is kept for [`wait`](Self::wait).
    pub(crate) fn turn(&mut self) {
        self.server.poll(&mut self.events, Some(Duration::from_millis(5))).unwrap();
        self.seen.extend(self.events.iter().map(|event| seen(&event)));
    }

    /// Turns until `found` is true.
    pub(crate) fn turn_until(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !found(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}; {:?}", self.seen);
            self.turn();
        }
    }

    /// The first event that `pick` wants; those before it are kept.
    pub(crate) fn wait<T>(&mut self, pick: impl Fn(&Seen) -> Option<T>) -> T {
        self.turn_until("an event", |house| house.seen.iter().any(|seen| pick(seen).is_some()));
        let at = self.seen.iter().position(|seen| pick(seen).is_some()).unwrap();
        pick(&self.seen.remove(at).unwrap()).unwrap()
    }

    pub(crate) fn wait_for(&mut self, wanted: &Seen) {
        self.wait(|seen| (seen == wanted).then_some(()));
    }

    /// Forgets what was seen so far.
    pub(crate) fn take_seen(&mut self) -> Vec<Seen> {
        self.seen.drain(..).collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.server.stats()
    }

    /// A client, and its socket, in a namespace without a guard.
    pub(crate) fn enter(&mut self, path: &str) -> (Client, SocketId) {
        let client = self.knock(path, &[]);
        let client = self.open(client);
        let socket = self.wait(|seen| if let Seen::Connect(socket) = seen { Some(*socket) } else { None });
        (client, socket)
    }

    /// A client of the JSON dialect that has heard its greeting.
    pub(crate) fn guest(&mut self) -> (Client, SocketId) {
        let (mut client, socket) = self.enter("/");
        let greeting = client.hear(self);
        assert!(greeting.starts_with("{\"event\":\"connect\""), "{greeting}");
        (client, socket)
    }

    /// A client at a guard's door, and the socket it will be.
    pub(crate) fn at_the_door(&mut self, path: &str, protocols: &[&str]) -> (Knock, SocketId) {
        let knock = self.knock(path, protocols);
        let socket = self.wait(|seen| if let Seen::Request(socket) = seen { Some(*socket) } else { None });
        (knock, socket)
    }

    /// Sends a handshake.
    pub(crate) fn knock(&mut self, path: &str, protocols: &[&str]) -> Knock {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        if !protocols.is_empty() {
            let value = HeaderValue::from_str(&protocols.join(", ")).unwrap();
            request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nonblocking(true).unwrap();
        match tungstenite::client(request, stream) {
            Err(HandshakeError::Interrupted(halfway)) => Knock(halfway),
            other => panic!("an answer before the loop has turned: {other:?}"),
        }
    }

    /// Waits until a handshake is through.
    pub(crate) fn open(&mut self, knock: Knock) -> Client {
        let mut halfway = Some(knock.0);
        let mut through = None;
        self.turn_until("a handshake", |_| {
            match halfway.take().unwrap().handshake() {
                Ok((socket, _)) => through = Some(socket),
                Err(HandshakeError::Interrupted(still)) => halfway = Some(still),
                Err(HandshakeError::Failure(error)) => panic!("{error}"),
            }
            through.is_some()
        });
        Client(through.unwrap())
    }

    /// Sends bytes on a connection of their own.
    pub(crate) fn raw(&mut self, bytes: impl AsRef<[u8]>) -> Raw {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(bytes.as_ref()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Raw(stream)
    }

    /// Sends bytes and answers what comes back until the server closes and has
    /// forgotten the connection.
    pub(crate) fn answer_to(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let before = self.stats().connections;
        let mut raw = self.raw(bytes);
        let mut answer = Vec::new();
        self.turn_until("the server's end", |_| raw.read_to_end(&mut answer));
        drop(raw);
        self.turn_until("its end", |house| house.stats().connections <= before);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A handshake that is not through yet.
pub(crate) struct Knock(tungstenite::handshake::MidHandshake<tungstenite::ClientHandshake<TcpStream>>);

/// A WebSocket client.
pub(crate) struct Client(pub(crate) WebSocket<TcpStream>);

impl Client {
    pub(crate) fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.0.send(message).unwrap();
    }

    /// The next text message.
    pub(crate) fn hear(&mut self, house: &mut House) -> String {
        match self.next(house) {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message of any kind.
    pub(crate) fn next(&mut self, house: &mut House) -> Message {
        let mut heard = None;
        house.turn_until("a message", |_| {
            match self.0.read() {
                Ok(message) => heard = Some(message),
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            heard.is_some()
        });
        heard.unwrap()
    }

    /// Says goodbye and waits until the server has forgotten the connection.
    pub(crate) fn leave(mut self, house: &mut House) {
        let before = house.stats().connections;
        self.0.close(None).unwrap();
        house.turn_until("the end of a connection", |house| {
            let _ = self.0.read();
            house.stats().connections < before
        });
    }
}

/// A connection that speaks by hand.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads what is there; whether the end is.
    pub(crate) fn read_to_end(&mut self, into: &mut Vec<u8>) -> bool {
        match self.0.read_to_end(into) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn seen(event: &Event<'_>) -> Seen {
    match *event {
        Event::ConnectRequest { socket, .. } => Seen::Request(socket),
        Event::Connect { socket, .. } => Seen::Connect(socket),
        Event::Disconnect { socket, reason, .. } => Seen::Gone(socket, reason),
        Event::Message { socket, name, args, ack, .. } => {
            Seen::Message { socket, name: name.into(), args: args.into(), ack }
        }
        Event::Data { socket, data: Data::Text(text), .. } => Seen::Data(socket, text.into()),
        Event::Data { socket, data: Data::Binary(bytes), .. } => Seen::Data(socket, bytes.into()),
        Event::Ack { socket, ack, answer } => {
            Seen::Answer(socket, ack, answer.map(|answer| answer.args.to_owned()))
        }
        Event::AcksDone { ack, answered, of } => Seen::Answers { ack, answered, of },
        Event::HttpRequest { request, .. } => Seen::Http(request),
        Event::Timer { tag, .. } => Seen::Timer(tag),
        Event::Post { tag, .. } => Seen::Post(tag),
        Event::Drain { socket, dropped } => Seen::Drain(socket, dropped),
        ref other => Seen::Other(format!("{other:?}")),
    }
}

/// Everything of a server that can be asked.
pub(crate) fn state(house: &House) -> String {
    let server = &house.server;
    let mut lines = vec![format!("{:?}", server.stats())];
    for name in server.namespaces() {
        let mut rooms = server.rooms(&name).unwrap();
        rooms.sort();
        let members = server.members(&name, None).unwrap();
        lines.push(format!("{name} {rooms:?} {members:?}"));
        for socket in members {
            let mut rooms = server.rooms_of(socket).unwrap();
            rooms.sort();
            let (user, queued) = (server.user(socket).unwrap(), server.queued(socket).unwrap());
            lines.push(format!("{socket:?} {rooms:?} {user} {queued}"));
        }
    }
    lines[1..].sort();
    lines.join("\n")
}

/// That a call fails as it should, and changes nothing.
#[track_caller]
pub(crate) fn mistake<T>(
    house: &mut House,
    kind: ErrorKind,
    part: &str,
    call: impl FnOnce(&mut Server) -> Result<T>,
) {
    let before = state(house);
    let Err(error) = call(&mut house.server) else { panic!("no mistake: {part}") };
    check_sentence(&error, kind, part);
    assert_eq!(state(house), before);
}

#[track_caller]
pub(crate) fn check_sentence(error: &Error, kind: ErrorKind, part: &str) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    assert!(text.contains(part), "{text:?} does not say {part:?}");
    assert!(text.contains(' ') && !text.contains('\n') && !text.ends_with('.'), "{text:?}");
}

/// The next thing that a client hears is what it is told now.
pub(crate) fn hears_nothing_of_it(house: &mut House, client: &mut Client) {
    house.server.to("/").emit("marker", "[]").unwrap();
    assert_eq!(client.hear(house), r#"{"event":"marker","args":[]}"#);
}

pub(crate) fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: salon.example\r\n{fields}\r\n")
}

pub(crate) fn upgrade(path: &str, fields: &str) -> String {
    let fields = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}"
    );
    get(path, &fields)
}

/// A WebSocket that is spoken by hand, its handshake answered.
pub(crate) fn by_hand(house: &mut House) -> (Raw, SocketId) {
    let raw = house.raw(upgrade("/", ""));
    let socket = house.wait(|seen| if let Seen::Connect(socket) = seen { Some(*socket) } else { None });
    (raw, socket)
}

pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | body.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(body);
    frame
}

/// Cap of the queues that are filled to it.
pub(crate) const CAP: usize = 64 << 10;

/// Says as much to a socket that does not read as its queue takes: not even a
/// small event fits behind it. Answers how many messages were queued.
pub(crate) fn fill(house: &mut House, socket: SocketId) -> i64 {
    let mut taken = 0;
    let mut say = |house: &mut House, bytes: usize| {
        let args = format!("[\"{}\"]", "x".repeat(bytes));
        assert_eq!(house.server.emit(socket, "m", args).unwrap(), 1);
        house.server.flush();
        taken += 1;
    };
    // First the kernel's buffer.
    while house.server.queued(socket).unwrap() == 0 {
        say(house, 16 << 10);
    }
    // Then the queue, less what the message and its entry cost themselves.
    let cost = r#"{"event":"m","data":""}"#.len() + 4 + 32;
    let room = CAP - house.server.queued(socket).unwrap();
    say(house, room - cost - 8);
    taken
}
