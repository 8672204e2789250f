//! What the real-socket tests share: a server on a thread of its own, and
//! clients that have no code in common with it: `tungstenite`, and HTTP by hand
//! over the standard library's sockets.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fmt::Debug,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use salon::{Config, Event, Events, Remote, Server};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, protocol::frame::coding::CloseCode};

/// What takes longer than this has failed. Generous: the machine may be busy.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Something for the server's thread to do between two polls.
type Job = Box<dyn FnOnce(&mut Server) + Send>;

/// A server that polls on its own thread until this is dropped.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) remote: Remote,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<Server>>,
}

impl Host {
    /// Runs a server on a free port of 127.0.0.1; `host` sees every event.
    pub(crate) fn run(config: Config, host: impl FnMut(&mut Server, &Event<'_>) + Send + 'static) -> Self {
        Self::start(Server::bind("127.0.0.1:0", config).unwrap(), host)
    }

    /// Runs a server that has been made ready.
    pub(crate) fn start(
        mut server: Server,
        mut host: impl FnMut(&mut Server, &Event<'_>) + Send + 'static,
    ) -> Self {
        let remote = server.remote();
        let tcp = server.addresses().into_iter().find_map(|address| match address {
            salon::LocalAddress::Tcp(address) => Some(address),
            salon::LocalAddress::Unix(_) => None,
        });
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = thread::spawn(move || {
            let mut events = Events::default();
            loop {
                server.poll(&mut events, None).unwrap();
                for event in &events {
                    host(&mut server, &event);
                }
                loop {
                    match inbox.try_recv() {
                        Ok(job) => job(&mut server),
                        Err(mpsc::TryRecvError::Empty) => break,
                        Err(mpsc::TryRecvError::Disconnected) => return server,
                    }
                }
            }
        });
        let address = tcp.unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
        Self { address, remote, jobs: Some(jobs), thread: Some(thread) }
    }

    /// Does something with the server on its thread, and waits for it.
    pub(crate) fn with<T: Send + 'static>(&self, job: impl FnOnce(&mut Server) -> T + Send + 'static) -> T {
        let (result, answer) = mpsc::sync_channel(1);
        let job = Box::new(move |server: &mut Server| {
            let _ = result.send(job(server));
        });
        self.jobs.as_ref().unwrap().send(job).unwrap();
        self.remote.wake().unwrap();
        answer.recv_timeout(LONG).expect("the server's thread is stuck or gone")
    }

    /// Waits until the server's state is as wanted.
    pub(crate) fn until(&self, what: &str, state: impl Fn(&mut Server) -> bool + Send + Clone + 'static) {
        until(what, || self.with(state.clone()));
    }

    /// Stops polling and gives the server back.
    pub(crate) fn stop(mut self) -> Server {
        self.end().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub(crate) fn client(&self, path: &str) -> Client<TcpStream> {
        Client::connect(self.address, path)
    }

    pub(crate) fn http(&self) -> Http {
        Http::connect(self.address)
    }

    fn end(&mut self) -> Option<Server> {
        self.jobs.take();
        let thread = self.thread.take()?;
        let _ = self.remote.wake();
        match thread.join() {
            Ok(server) => Some(server),
            Err(panic) if !thread::panicking() => std::panic::resume_unwind(panic),
            Err(_) => None,
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// A chat that the tests of many features share: `join` and `leave` a room,
/// `say` to a room, each acked; `fence` is only acked.
pub(crate) fn chat(server: &mut Server, event: &Event<'_>) {
    if let Event::Message { socket, nsp, name, args, ack, .. } = event {
        let args: Value = serde_json::from_str(args).unwrap();
        let room = args[0]["room"].as_str().unwrap_or_default();
        match *name {
            "join" => server.join(*socket, room).unwrap(),
            "leave" => server.leave(*socket, room).unwrap(),
            "say" => {
                let said = json!([args[0]["text"]]).to_string();
                server.to(nsp).room(room).emit("said", said).unwrap();
            }
            _ => {}
        }
        if let Some(ack) = ack {
            server.ack(*ack, "[]").unwrap();
        }
    }
}

/// A stream that can be told how long to wait.
pub(crate) trait Stream: Read + Write + Debug {
    fn wait(&self, timeout: Duration);
}

impl Stream for TcpStream {
    fn wait(&self, timeout: Duration) {
        self.set_read_timeout(Some(timeout)).unwrap();
        self.set_write_timeout(Some(LONG)).unwrap();
    }
}

#[cfg(unix)]
impl Stream for std::os::unix::net::UnixStream {
    fn wait(&self, timeout: Duration) {
        self.set_read_timeout(Some(timeout)).unwrap();
        self.set_write_timeout(Some(LONG)).unwrap();
    }
}

/// A WebSocket client.
pub(crate) struct Client<S: Stream> {
    pub(crate) socket: WebSocket<S>,
    asked: u64,
}

impl Client<TcpStream> {
    pub(crate) fn connect(address: SocketAddr, path: &str) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), path)
    }

    /// A client that expects to be refused: answers with the HTTP status.
    pub(crate) fn refused(address: SocketAddr, path: &str) -> u16 {
        let stream = TcpStream::connect(address).unwrap();
        stream.wait(LONG);
        match tungstenite::client(format!("ws://{address}{path}"), stream) {
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                response.status().as_u16()
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

impl<S: Stream> Client<S> {
    pub(crate) fn over(stream: S, path: &str) -> Self {
        stream.wait(LONG);
        let (socket, response) = tungstenite::client(format!("ws://localhost{path}"), stream).unwrap();
        assert_eq!(response.status(), 101);
        Self { socket, asked: 0 }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// Sends an event of the JSON dialect.
    pub(crate) fn say(&mut self, event: &str, data: Value) {
        self.send(&json!({ "event": event, "data": data }).to_string());
    }

    /// Sends an event and waits for its ack; whatever is heard before comes back.
    pub(crate) fn ask(&mut self, event: &str, data: Value) -> Vec<Value> {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "event": event, "data": data, "id": id }).to_string());
        let mut heard = Vec::new();
        loop {
            let message = self.hear();
            if message["ack"] == id {
                return heard;
            }
            heard.push(message);
        }
    }

    /// What has arrived up to now, as the server sees it.
    pub(crate) fn heard_so_far(&mut self) -> Vec<Value> {
        self.ask("fence", Value::Null)
    }

    /// The next message, which must be JSON.
    pub(crate) fn hear(&mut self) -> Value {
        let text = self.hear_text();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }

    pub(crate) fn hear_text(&mut self) -> String {
        match self.hear_any() {
            Message::Text(text) => text.to_string(),
            other => panic!("not text: {other:?}"),
        }
    }

    /// The next message that is no ping or pong.
    pub(crate) fn hear_any(&mut self) -> Message {
        loop {
            match self.socket.read().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The sid out of the greeting, which must be next.
    pub(crate) fn greeting(&mut self) -> String {
        let greeting = self.hear();
        assert_eq!(greeting["event"], "connect");
        greeting["data"]["sid"].as_str().unwrap().to_owned()
    }

    /// Waits for the end; the close code, if there was one.
    pub(crate) fn end(&mut self) -> Option<CloseCode> {
        let mut code = None;
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => code = frame.map(|frame| frame.code),
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed) => return code,
                Err(tungstenite::Error::Io(error)) => {
                    let kind = error.kind();
                    assert!(
                        !matches!(kind, std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
                        "the server did not end it"
                    );
                    return code;
                }
                Err(tungstenite::Error::Protocol(_)) => return code,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// An answer of HTTP.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A client of HTTP that writes what it is told.
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.wait(LONG);
        Self { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.write(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        self.response(false)
    }

    /// Reads one answer; one to a HEAD has no body.
    pub(crate) fn response(&mut self, to_head: bool) -> Response {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: Vec::new() };
        let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
        if !to_head {
            response.body.resize(length, 0);
            self.reader.read_exact(&mut response.body).unwrap();
        }
        response
    }

    /// Whether the server has closed the connection, with nothing left unread.
    pub(crate) fn is_over(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        assert!(line.ends_with("\r\n"), "the answer breaks off: {line:?}");
        line.trim_end().to_owned()
    }
}

/// A path for a socket that no other test uses; the file goes with this.
pub(crate) struct SocketPath(pub(crate) PathBuf);

impl SocketPath {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("salon-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.0.display())
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
