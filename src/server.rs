//! The server, as a program that embeds it sees it.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Accept, Audience, Config, Data, Error, Events, Limits, LocalAddress, Namespace, Payload, Protocol,
    Remote, Request, Result, Stats, Transport,
    base::{
        id::{AckId, RequestId, SocketId, TimerId},
        limit::Limit,
    },
    engine::{Engine, Loudness},
    hub::audience::Selection,
    net::{Listener, Net},
};

/// A chat server. It belongs to one thread at a time and does nothing by
/// itself: [`poll`](Self::poll) does a turn of its loop and tells what happened.
///
/// What is said to clients between two polls is sent by the next one, in one
/// piece for each client. A socket that has just left stays known until the
/// poll after its [`Disconnect`](crate::Event::Disconnect): commands on it
/// succeed and do nothing, so that none of them has to be guarded against a
/// client that vanishes. After that its id is
/// [`NotFound`](crate::ErrorKind::NotFound).
pub struct Server {
    pub(crate) engine: Engine,
    net: Net,
    limits: Arc<Limits>,
}

// It may move to another thread, but not be used by two at once.
const _: fn() = || {
    fn assert_send<T: Send>() {}
    assert_send::<Server>();
    fn assert_shareable<T: Clone + Send + Sync>() {}
    assert_shareable::<Remote>();
};

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

/// The descriptor for a foreign loop: readable when [`poll`](Server::poll) has
/// something to do. It stays the same for the server's life. Do not read from
/// it, and call `poll` with a timeout of zero.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Server {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.net.as_raw_fd()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.net.mailbox().close();
    }
}

impl Server {
    /// A server that listens nowhere yet. The namespace `/` is open.
    ///
    /// # Errors
    ///
    /// If the path of Socket.IO or an allowed origin can't be one, or if the
    /// system gives no event queue or no random numbers.
    pub fn new(config: Config) -> Result<Self> {
        config.check()?;
        let mut probe = [0; 8];
        getrandom::fill(&mut probe)
            .map_err(|error| Error::io("the system gives no random numbers", std::io::Error::other(error)))?;
        let random = Box::new(|bytes: &mut [u8]| {
            // It gave some a moment ago; without, ids would be guessable.
            if let Err(error) = getrandom::fill(bytes) {
                log::error!("the system gives no random numbers: {error}");
            }
        });
        let limits = Arc::new(config.limits.clone());
        let net = Net::new(limits.connections, limits.mailbox_bytes)?;
        Ok(Self { engine: Engine::new(config, random), net, limits })
    }

    /// A server that listens on `address`: `host:port`, `[v6]:port` or
    /// `unix:/path`. Port 0 takes a free one; [`addresses`](Self::addresses)
    /// tells which.
    ///
    /// # Errors
    ///
    /// If the address is malformed, taken, or not of this machine.
    pub fn bind(address: &str, config: Config) -> Result<Self> {
        let mut server = Self::new(config)?;
        server.listen(address)?;
        Ok(server)
    }

    /// Listens on one more address; see [`bind`](Self::bind).
    ///
    /// # Errors
    ///
    /// If the address is malformed, taken, or not of this machine.
    pub fn listen(&mut self, address: &str) -> Result<LocalAddress> {
        self.check_open()?;
        self.net.add(Listener::bind(address)?)
    }

    fn check_open(&self) -> Result<()> {
        if self.engine.is_closed() {
            return Err(Error::new(
                crate::ErrorKind::Closed,
                "the server shuts down: it takes no more clients",
            ));
        }
        Ok(())
    }

    /// Takes over a TCP socket that listens already, for example one that a
    /// service manager handed down.
    ///
    /// # Errors
    ///
    /// If the system refuses to watch it.
    pub fn adopt(&mut self, listener: std::net::TcpListener) -> Result<LocalAddress> {
        self.check_open()?;
        self.net.add(Listener::adopt_tcp(listener)?)
    }

    /// Takes over a Unix socket that listens already.
    ///
    /// # Errors
    ///
    /// If the system refuses to watch it.
    #[cfg(unix)]
    pub fn adopt_unix(&mut self, listener: std::os::unix::net::UnixListener) -> Result<LocalAddress> {
        self.check_open()?;
        self.net.add(Listener::adopt_unix(listener)?)
    }

    /// Where the server listens.
    #[must_use]
    pub fn addresses(&self) -> Vec<LocalAddress> {
        self.net.addresses()
    }

    /// Does one turn: sends what was said, waits at most `timeout` (`None`:
    /// without end) for something to do, reads, runs deadlines, answers pings.
    /// Then `events` holds what happened; what it held before is gone. There
    /// may be none, also before the timeout: a wake-up, a signal, a ping.
    ///
    /// # Errors
    ///
    /// If the system's event queue fails, which nothing that a client does can
    /// bring about.
    pub fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> Result<()> {
        self.net.turn(&mut self.engine, &mut events.turn, timeout)
    }

    /// Sends what was said since the last poll, without waiting for the next.
    pub fn flush(&mut self) {
        self.net.flush(&mut self.engine);
    }

    /// Stops listening and says goodbye to everybody: close code 1001, or
    /// Engine.IO's close to who is on polling. More than some hundreds are told in
    /// batches over up to five seconds, so that they do not all knock at the next
    /// server at once; until then they go on as ever. Who asks for more on a
    /// connection that is there gets 503. Go on polling until
    /// [`Stopped`](crate::Event::Stopped): what was said before is still
    /// delivered, and who does not answer is cut off after
    /// [`close_timeout_ms`](Limits::close_timeout_ms). Sessions on polling have a
    /// second to fetch their last words.
    pub fn shutdown(&mut self) {
        self.net.stop_listening();
        self.engine_now().close();
    }

    /// The same, and whoever is still connected after `grace` is cut off. All have
    /// been told when half of it is over.
    pub fn shutdown_within(&mut self, grace: Duration) {
        self.net.stop_listening();
        self.engine_now().close_within(grace);
    }

    /// How long a foreign loop may sleep before it calls [`poll`](Self::poll)
    /// unasked: zero while something waits to be done or sent, `None` if only
    /// the descriptor matters (see the implementation of `AsRawFd`).
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.net.timeout(&self.engine, self.net.now(), None)
    }

    /// A handle for other threads.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote { mailbox: self.net.mailbox().clone(), limits: self.limits.clone() }
    }

    /// Counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.engine.stats();
        stats.count_breaches(Limit::MailboxBytes, self.net.mailbox().refused());
        stats
    }

    // Namespaces.

    /// Opens a namespace, or gives an open one another configuration.
    ///
    /// # Errors
    ///
    /// If the name does not begin with a slash or is too long, or if a
    /// subprotocol is no token of HTTP.
    pub fn open(&mut self, namespace: &str, config: Namespace) -> Result<()> {
        self.engine.open(namespace, config)
    }

    /// Lets namespaces whose names begin with `prefix` come about when the
    /// first client asks for one, and vanish when the last has left. Give it a
    /// guard to decide which.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_pattern(&mut self, prefix: &str, config: Namespace) -> Result<()> {
        self.engine.open_pattern(prefix, config)
    }

    /// Disconnects everybody in a namespace and forgets it.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn close(&mut self, namespace: &str) -> Result<()> {
        self.engine_now().close_namespace(namespace)
    }

    /// Names of all namespaces, in no particular order.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        self.engine.hub().namespaces().map(str::to_owned).collect()
    }

    // Guards.

    /// Lets a waiting client in, into all the rooms at once.
    /// [`Connect`](crate::Event::Connect) follows.
    ///
    /// # Errors
    ///
    /// If it was accepted before, if the client did not offer the subprotocol,
    /// or if a room's name is too long.
    pub fn accept(&mut self, socket: SocketId, accept: Accept<'_>) -> Result<()> {
        self.engine_now().accept(socket, &accept)
    }

    /// Sends a waiting client away with an HTTP status from 400 to 599 and a
    /// text. A Socket.IO client gets the text as its error's message.
    ///
    /// # Errors
    ///
    /// If it was accepted before, or if the status is out of range.
    pub fn reject(&mut self, socket: SocketId, status: u16, message: &str) -> Result<()> {
        self.engine_now().reject(socket, status, message, None)
    }

    /// The same with a JSON value for a Socket.IO client, which finds it in its
    /// error's `data`.
    ///
    /// # Errors
    ///
    /// As [`reject`](Self::reject); also if `data` is not JSON.
    pub fn reject_with(&mut self, socket: SocketId, status: u16, message: &str, data: &str) -> Result<()> {
        self.engine_now().reject(socket, status, message, Some(data))
    }

    // Rooms.

    /// Puts a socket into a room, which is made if need be.
    ///
    /// # Errors
    ///
    /// If the socket still waits for its guard, is in too many rooms, or if
    /// the name is too long.
    pub fn join(&mut self, socket: SocketId, room: &str) -> Result<()> {
        self.engine.join(socket, room)
    }

    /// Takes a socket out of a room. Not being in it is no error.
    ///
    /// # Errors
    ///
    /// If the socket still waits for its guard.
    pub fn leave(&mut self, socket: SocketId, room: &str) -> Result<()> {
        self.engine.leave(socket, room)
    }

    /// Takes a socket out of all its rooms.
    ///
    /// # Errors
    ///
    /// If the socket still waits for its guard.
    pub fn leave_all(&mut self, socket: SocketId) -> Result<()> {
        self.engine.leave_all(socket)
    }

    /// Names of the rooms that a socket is in.
    ///
    /// # Errors
    ///
    /// If the id is stale.
    pub fn rooms_of(&self, socket: SocketId) -> Result<Vec<String>> {
        Ok(self.engine.hub().rooms_of(socket)?.into_iter().map(str::to_owned).collect())
    }

    /// Names of the rooms of a namespace, in no particular order.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn rooms(&self, namespace: &str) -> Result<Vec<String>> {
        let hub = self.engine.hub();
        Ok(hub.rooms(hub.find(namespace)?).into_iter().map(str::to_owned).collect())
    }

    /// Who is in a room, or in a whole namespace. A room that is not there has
    /// nobody in it.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn members(&self, namespace: &str, room: Option<&str>) -> Result<Vec<SocketId>> {
        self.engine.hub().members(namespace, room)
    }

    /// How many are in a room, or in a whole namespace.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn count(&self, namespace: &str, room: Option<&str>) -> Result<usize> {
        self.engine.hub().count(namespace, room)
    }

    // One socket.

    /// Sends an event to one client. Answers 1, or 0 if it has just left, also
    /// because its send queue was full and [`Overflow`](crate::Overflow) says to
    /// disconnect it.
    ///
    /// # Errors
    ///
    /// If the arguments are not a JSON array, the name is reserved or too long,
    /// or the socket still waits for its guard;
    /// [`Backpressure`](crate::ErrorKind::Backpressure) if its send queue is full
    /// and the message was dropped.
    pub fn emit<'a>(
        &mut self,
        socket: SocketId,
        name: &str,
        payload: impl Into<Payload<'a>>,
    ) -> Result<usize> {
        let said = self.engine.emit_one(socket, name, &payload.into(), Loudness::Normal);
        self.relieve();
        said
    }

    /// Sends an event to one client, unless it is behind with earlier ones.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit), except for a full queue.
    pub fn emit_volatile<'a>(
        &mut self,
        socket: SocketId,
        name: &str,
        payload: impl Into<Payload<'a>>,
    ) -> Result<usize> {
        let said = self.engine.emit_one(socket, name, &payload.into(), Loudness::Volatile);
        self.relieve();
        said
    }

    /// Sends a raw message to one client. For a client of another dialect it is
    /// the event `message`.
    ///
    /// # Errors
    ///
    /// If the socket still waits for its guard, or as [`emit`](Self::emit) if its
    /// send queue is full.
    pub fn send<'a>(&mut self, socket: SocketId, data: impl Into<Data<'a>>) -> Result<usize> {
        let said = self.engine.send_one(socket, data.into(), Loudness::Normal);
        self.relieve();
        said
    }

    /// Sends a raw message to one client, unless it is behind with earlier ones.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), except for a full queue.
    pub fn send_volatile<'a>(&mut self, socket: SocketId, data: impl Into<Data<'a>>) -> Result<usize> {
        let said = self.engine.send_one(socket, data.into(), Loudness::Volatile);
        self.relieve();
        said
    }

    /// Sends an event that asks for an answer: exactly one
    /// [`Ack`](crate::Event::Ack) follows, in any case.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit); also if the client speaks the raw dialect.
    pub fn ask<'a>(
        &mut self,
        socket: SocketId,
        name: &str,
        payload: impl Into<Payload<'a>>,
        timeout: Duration,
    ) -> Result<AckId> {
        let asked = self.engine_now().ask_one(socket, name, &payload.into(), timeout);
        self.relieve();
        asked
    }

    /// Answers a [`Message`](crate::Event::Message) that wants an ack. Once
    /// only.
    ///
    /// # Errors
    ///
    /// If the question is not open any more, or as [`emit`](Self::emit). It stays
    /// open if there was no room for the answer.
    pub fn ack<'a>(&mut self, ack: AckId, payload: impl Into<Payload<'a>>) -> Result<()> {
        let answered = self.engine.answer_ack(ack, &payload.into());
        self.relieve();
        answered
    }

    /// Says goodbye to a client: what was said before is still delivered, then
    /// a plain WebSocket is closed (close code 1000). A Socket.IO client leaves
    /// this namespace, and stays in its others.
    ///
    /// # Errors
    ///
    /// If the id is stale.
    pub fn disconnect(&mut self, socket: SocketId) -> Result<()> {
        self.engine_now().disconnect(socket, 1000, "")
    }

    /// The same with a close code (RFC 6455 §7.4) and a text of at most 123
    /// bytes.
    ///
    /// # Errors
    ///
    /// If the code may not be sent by a server, or the text is longer.
    pub fn disconnect_with(&mut self, socket: SocketId, code: u16, text: &str) -> Result<()> {
        self.engine_now().disconnect(socket, code, text)
    }

    /// Disconnects a client from all its namespaces and closes its session.
    ///
    /// # Errors
    ///
    /// If the id is stale.
    pub fn disconnect_client(&mut self, socket: SocketId) -> Result<()> {
        self.engine_now().disconnect_client(socket)
    }

    /// The host's own number for a socket; 0 unless it was set.
    ///
    /// # Errors
    ///
    /// If the id is stale.
    pub fn user(&self, socket: SocketId) -> Result<u64> {
        self.engine.user(socket)
    }

    /// Sets the host's own number for a socket. Salon never looks at it.
    ///
    /// # Errors
    ///
    /// If the id is stale.
    pub fn set_user(&mut self, socket: SocketId, user: u64) -> Result<()> {
        self.engine.set_user(socket, user)
    }

    /// The name that a client knows its own socket by, and may show to others.
    /// `None` for a client of the raw dialect.
    ///
    /// # Errors
    ///
    /// If the id is stale.
    pub fn sid(&self, socket: SocketId) -> Result<Option<&str>> {
        Ok(self.engine.hub().known(socket)?.sid())
    }

    /// The socket that a client knows by this name.
    #[must_use]
    pub fn by_sid(&self, sid: &str) -> Option<SocketId> {
        self.engine.hub().by_sid(sid)
    }

    /// The request that a socket came with, as long as it is kept: while the
    /// guard thinks, until the poll after the connect event, and longer only if
    /// [`Config::keep_handshake`] says so.
    #[must_use]
    pub fn handshake(&self, socket: SocketId) -> Option<&Request> {
        self.engine.handshake(socket).map(|request| &**request)
    }

    /// When the request came that a socket came with, as long as it is kept; see
    /// [`handshake`](Self::handshake).
    #[must_use]
    pub fn handshake_time(&self, socket: SocketId) -> Option<std::time::SystemTime> {
        let request = self.engine.handshake(socket)?;
        let since_1970 = Duration::from_millis(request.time_ms(|at| self.net.time_ms_of(at)));
        Some(std::time::UNIX_EPOCH + since_1970)
    }

    /// What a Socket.IO client gave as `auth` when it entered: a JSON object,
    /// `{}` if it gave none, and for other clients.
    #[must_use]
    pub fn auth(&self, socket: SocketId) -> &str {
        self.engine.auth(socket)
    }

    /// The subprotocol that a plain WebSocket has settled on with its namespace
    /// or guard (RFC 6455 §1.9), while it is there.
    #[must_use]
    pub fn subprotocol(&self, socket: SocketId) -> Option<&str> {
        self.engine.subprotocol(socket)
    }

    /// Messages dropped for a socket because its send queue is full, since its
    /// last [`Drain`](crate::Event::Drain).
    #[must_use]
    pub fn dropped(&self, socket: SocketId) -> u64 {
        self.engine.dropped(socket)
    }

    /// How a client talks and what its bytes travel on now; `None` if it has
    /// left.
    #[must_use]
    pub fn transport(&self, socket: SocketId) -> Option<(Protocol, Transport)> {
        self.engine.transport(socket)
    }

    /// The client's address, or the one that it came from if it is on polling
    /// and may have many; `None` over a Unix socket or if it has left. Behind
    /// [trusted proxies](Config::trusted_proxies) it is what they say.
    #[must_use]
    pub fn peer(&self, socket: SocketId) -> Option<std::net::SocketAddr> {
        match self.engine.connection_of(socket) {
            Some(connection) => self.engine.forwarded(connection).or_else(|| self.net.peer(connection)),
            None => {
                self.engine.transport(socket)?;
                self.engine.handshake(socket)?.peer()
            }
        }
    }

    /// Bytes that wait in a socket's send queue.
    ///
    /// # Errors
    ///
    /// If the id is stale.
    pub fn queued(&self, socket: SocketId) -> Result<usize> {
        self.engine.queued(socket)
    }

    // Many sockets.

    /// Chooses whom to reach in a namespace: everybody, unless rooms or sockets
    /// are named.
    pub fn to<'s>(&'s mut self, namespace: &'s str) -> Audience<'s> {
        let to = Selection { namespace: Some(namespace), ..Selection::default() };
        Audience { server: self, to, loudness: Loudness::Normal }
    }

    /// Chooses whom to reach in all namespaces.
    pub fn to_all(&mut self) -> Audience<'_> {
        Audience { server: self, to: Selection::default(), loudness: Loudness::Normal }
    }

    // HTTP and timers.

    /// Answers an [`HttpRequest`](crate::Event::HttpRequest). `Content-Length`,
    /// `Connection` and their like are written by the server; to a HEAD the
    /// body is left out. Answers `false` if nobody waits for it any more: the
    /// client has left, the time was over, or it was answered before.
    ///
    /// # Errors
    ///
    /// If the status (200 to 599) or a header can't be sent.
    pub fn respond(
        &mut self,
        request: RequestId,
        status: u16,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Result<bool> {
        self.engine.respond(request, status, headers, body.as_ref())
    }

    /// Raises [`Timer`](crate::Event::Timer) with `tag` after `delay`, and then
    /// every `interval` if there is one. To the millisecond.
    pub fn start_timer(&mut self, delay: Duration, interval: Option<Duration>, tag: u64) -> TimerId {
        self.engine_now().start_timer(delay, interval, tag)
    }

    /// Stops a timer. No event of it comes after the ones of this poll.
    ///
    /// # Errors
    ///
    /// If it has fired for the last time or was stopped.
    pub fn stop_timer(&mut self, timer: TimerId) -> Result<()> {
        self.engine.stop_timer(timer)
    }

    /// The engine, knowing what time it is, for commands whose deadlines begin
    /// now: since the last poll the host may have slept for long.
    pub(crate) fn engine_now(&mut self) -> &mut Engine {
        self.engine.set_now(self.net.now());
        &mut self.engine
    }

    /// A queue that has reached its cap is offered to the kernel before more
    /// is said: the cap is for what the kernel refuses.
    pub(crate) fn relieve(&mut self) {
        if self.engine.is_pressed() {
            self.net.flush(&mut self.engine);
        }
    }
}
