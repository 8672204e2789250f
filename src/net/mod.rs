//! Floor 4: the loop. Sockets, the clock, and the order of a turn; what it
//! all means is the engine's business.
//!
//! A turn is: send what the host said, wait, accept and read, run deadlines,
//! send what the protocol answers, drop what is over. Everything is read
//! first and everything is sent last: that is what lets many messages go out
//! in one call. Interests are registered once and never changed (the poll is
//! edge-triggered), so which connections have bytes waiting is kept here.

#[cfg(all(test, target_os = "linux"))]
mod faults;
mod listener;
pub(crate) mod mailbox;
mod send;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod transport;

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use mio::{Interest, Poll, Token, Waker};

use crate::{
    base::{
        Millis,
        error::{Error, Result},
        limit::Limit,
        limits::{ACCEPT_RETRY_MS, ACCEPTS_PER_TURN, UNLIMITED},
    },
    engine::{Engine, turn::Turn},
};
pub use listener::LocalAddress;
pub(crate) use listener::{Listener, descriptor_limit};
use mailbox::Mailbox;
use transport::{Transport, Transports};

/// The token of the waker; listeners count down from the one before it, and
/// connections have their key.
const WAKER: Token = Token(usize::MAX);
/// What one wait takes from the system at first; it grows under load.
const EVENTS: usize = 1024;
const MOST_EVENTS: usize = 64 << 10;

/// The loop's own state.
pub(crate) struct Net {
    poll: Poll,
    events: mio::Events,
    listeners: Vec<Listener>,
    transports: Transports,
    /// Connections that have bytes to be read, in the order of their turn.
    ready: VecDeque<u32>,
    mailbox: Arc<Mailbox>,
    /// Errands are left over for the next turn.
    has_errands: bool,
    start: Instant,
    most_connections: usize,
    connections: usize,
    /// Accepting is paused until then, or until a connection ends.
    paused_until: Option<Millis>,
    /// Nobody has been accepted since the pause began.
    is_paused: bool,
    /// Somebody has been accepted in this turn.
    has_newcomers: bool,
}

impl Net {
    pub(crate) fn new(limit: u32, mailbox_bytes: u32) -> Result<Self> {
        let poll = Poll::new().map_err(|error| Error::io("can't make an event queue", error))?;
        let waker =
            Waker::new(poll.registry(), WAKER).map_err(|error| Error::io("can't make a waker", error))?;
        let most_connections = if limit == UNLIMITED { descriptor_limit() } else { limit as usize };
        Ok(Self {
            poll,
            events: mio::Events::with_capacity(EVENTS),
            listeners: Vec::new(),
            transports: Transports::default(),
            ready: VecDeque::new(),
            mailbox: Arc::new(Mailbox::new(waker, mailbox_bytes)),
            has_errands: false,
            start: Instant::now(),
            most_connections,
            connections: 0,
            paused_until: None,
            is_paused: false,
            has_newcomers: false,
        })
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    pub(crate) fn now(&self) -> Millis {
        self.start.elapsed().as_millis() as Millis
    }

    /// The time of day at a moment of the engine's clock, in milliseconds since
    /// 1970.
    pub(crate) fn time_ms_of(&self, at: Millis) -> u64 {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        (time.as_millis() as u64).saturating_sub(self.now().saturating_sub(at))
    }

    /// Listens with one more listener.
    pub(crate) fn add(&mut self, mut listener: Listener) -> Result<LocalAddress> {
        let address = listener.address().map_err(|error| Error::io("can't tell the address", error))?;
        let token = listener_token(self.listeners.len());
        listener
            .register(self.poll.registry(), token)
            .map_err(|error| Error::io(format!("can't wait for clients on {address}"), error))?;
        self.listeners.push(listener);
        Ok(address)
    }

    pub(crate) fn addresses(&self) -> Vec<LocalAddress> {
        self.listeners.iter().filter_map(|listener| listener.address().ok()).collect()
    }

    /// Readable when a turn has something to do.
    #[cfg(unix)]
    pub(crate) fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.poll)
    }

    /// Takes no more clients.
    pub(crate) fn stop_listening(&mut self) {
        self.listeners.clear();
    }

    /// Address of a connection's peer.
    pub(crate) fn peer(&self, key: u32) -> Option<std::net::SocketAddr> {
        self.transports.get(key)?.peer()
    }

    /// One turn. `events` gets what happened; waits at most `timeout` if
    /// nothing is there to do.
    pub(crate) fn turn(
        &mut self,
        engine: &mut Engine,
        events: &mut Turn,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let now = self.now();
        engine.flush(&mut self.transports, now);
        engine.begin_turn(events, now);
        self.run_errands(engine, now);
        if engine.is_closed() {
            self.stop_listening();
        }
        engine.resume(now);
        self.collect_wanting(engine);
        self.wait(self.timeout(engine, now, timeout))?;
        let now = self.now();
        engine.set_now(now);
        self.note_events(engine, now);
        // There may be more than fits: who has been heard of must be known
        // before deadlines are judged.
        while self.events.iter().count() == self.events.capacity() && self.events.capacity() < MOST_EVENTS {
            self.events = mio::Events::with_capacity(self.events.capacity() * 2);
            self.wait(Some(Duration::ZERO))?;
            self.note_events(engine, now);
        }
        if !self.has_errands {
            self.run_errands(engine, now);
        }
        // Another thread may just have shut the server down.
        if engine.is_closed() {
            self.stop_listening();
        }
        self.accept(engine, now);
        self.read(engine, now);
        // Of who has just come, or waits at the door, nothing has been read.
        let at_the_door = self.paused_until.is_none() && self.listeners.iter().any(|it| it.readable);
        let more = !self.ready.is_empty() || self.has_newcomers || at_the_door;
        let transports = &self.transports;
        let unread = |key| transports.get(key).is_some_and(|transport| transport.state().readable);
        engine.handle_timeout(now, unread, more);
        engine.flush(&mut self.transports, now);
        self.reap(engine);
        engine.take_turn(events);
        Ok(())
    }

    /// Waits for the system to say that something has changed.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<()> {
        let Self { poll, events, .. } = self;
        #[cfg(not(all(test, target_os = "linux")))]
        let polled = poll.poll(events, timeout);
        #[cfg(all(test, target_os = "linux"))]
        let polled = faults::wait().map_or_else(|| poll.poll(events, timeout), Err);
        match polled {
            Ok(()) => Ok(()),
            // A signal: whoever asked to be waked by it gets a turn.
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            Err(error) => Err(Error::io("can't wait for the network", error)),
        }
    }

    /// Does what other threads want done; a queue that is at its cap meanwhile
    /// is offered to the kernel before the next errand.
    fn run_errands(&mut self, engine: &mut Engine, now: Millis) {
        let Self { mailbox, transports, .. } = self;
        self.has_errands = mailbox.deliver(engine, |engine| {
            if engine.is_pressed() {
                engine.flush(transports, now);
            }
        });
    }

    /// Offers to the kernel what the host has said so far.
    pub(crate) fn flush(&mut self, engine: &mut Engine) {
        let now = self.now();
        engine.flush(&mut self.transports, now);
    }

    /// How long the next turn may wait.
    pub(crate) fn timeout(&self, engine: &Engine, now: Millis, wanted: Option<Duration>) -> Option<Duration> {
        let accepting = self.paused_until.is_none() && self.listeners.iter().any(|it| it.readable);
        if self.has_errands || engine.is_dirty() || !self.ready.is_empty() || accepting {
            return Some(Duration::ZERO);
        }
        let deadline = [engine.timeout(), self.paused_until].into_iter().flatten().min();
        let until = deadline.map(|deadline| Duration::from_millis(deadline.saturating_sub(now)));
        [until, wanted].into_iter().flatten().min()
    }

    /// Notes what the system says has changed.
    fn note_events(&mut self, engine: &mut Engine, now: Millis) {
        for event in &self.events {
            match event.token() {
                WAKER => {}
                token => match listener_index(token, self.listeners.len()) {
                    Some(index) => {
                        if let Some(listener) = self.listeners.get_mut(index) {
                            listener.readable = true;
                        }
                    }
                    None => {
                        let key = token.0 as u32;
                        let Some(transport) = self.transports.get_mut(key) else { continue };
                        if event.is_writable() {
                            engine.writable(key);
                        }
                        transport.state_mut().read_closed |= event.is_read_closed() || event.is_error();
                        if event.is_readable() || transport.state().read_closed {
                            transport.state_mut().readable = true;
                            let over =
                                event.is_error() || (event.is_read_closed() && event.is_write_closed());
                            if engine.wants_bytes(key) {
                                list(&mut self.ready, key, transport);
                            } else if over {
                                engine.vanish(key, now);
                            }
                        }
                    }
                },
            }
        }
    }

    /// Takes clients in, as long as there are descriptors for them.
    fn accept(&mut self, engine: &mut Engine, now: Millis) {
        self.has_newcomers = false;
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        for index in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_PER_TURN {
                let Some(listener) = self.listeners.get_mut(index).filter(|listener| listener.readable)
                else {
                    break;
                };
                if self.connections >= self.most_connections {
                    if !listener.has_waiting() {
                        listener.readable = false;
                        break;
                    }
                    if !self.is_paused {
                        engine.count_breach(Limit::Connections);
                    }
                    return self.pause(engine, now, "the limit of connections is reached");
                }
                match listener.accept() {
                    Ok((transport, peer)) => {
                        (self.is_paused, self.has_newcomers) = (false, true);
                        self.admit(engine, transport, peer, now);
                    }
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock => listener.readable = false,
                        // The client has given up meanwhile.
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                        // Only this listener may be at fault: the others go on.
                        _ => {
                            self.pause(engine, now, &error.to_string());
                            break;
                        }
                    },
                }
            }
        }
    }

    fn admit(
        &mut self,
        engine: &mut Engine,
        mut transport: Transport,
        peer: Option<std::net::SocketAddr>,
        now: Millis,
    ) {
        let key = engine.connect(peer, now);
        let registered = transport.register(
            self.poll.registry(),
            Token(key as usize),
            Interest::READABLE | Interest::WRITABLE,
        );
        self.connections += 1;
        self.transports.insert(key, transport);
        if let Err(error) = registered {
            log::warn!("can't wait for a client's bytes: {error}");
            engine.fail(key, now);
        }
    }

    /// Stops accepting for a moment. Who waits in the backlog keeps waiting.
    fn pause(&mut self, engine: &mut Engine, now: Millis, why: &str) {
        if !self.is_paused {
            self.is_paused = true;
            log::warn!("accepting pauses: {why}");
            engine.count_accept_pause();
        }
        self.paused_until = Some(now + ACCEPT_RETRY_MS);
    }

    /// Reads once from each connection that has something, until the turn is
    /// full; who had its turn goes to the end of the line.
    fn read(&mut self, engine: &mut Engine, now: Millis) {
        for _ in 0..self.ready.len() {
            if engine.is_full() {
                break;
            }
            let Some(key) = self.ready.pop_front() else { break };
            let Some(transport) = self.transports.get_mut(key) else { continue };
            transport.state_mut().listed = false;
            if !engine.wants_bytes(key) {
                continue;
            }
            let space = engine.space();
            let size = space.len();
            match transport.read(space) {
                Ok(0) => engine.end(key, now),
                Ok(count) => {
                    // A short read has emptied the kernel's buffer; only the
                    // peer's end may still be behind it.
                    transport.state_mut().readable =
                        count == size || transport.state().read_closed || !SHORT_READ_IS_LAST;
                    engine.receive(key, count, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => transport.state_mut().readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    log::debug!("connection {key}: {error}");
                    engine.fail(key, now);
                }
            }
            if transport.state().readable && engine.wants_bytes(key) {
                list(&mut self.ready, key, transport);
            }
        }
        self.collect_wanting(engine);
    }

    /// Lists connections that want bytes again and have some.
    fn collect_wanting(&mut self, engine: &mut Engine) {
        while let Some(key) = engine.take_wanting() {
            let Some(transport) = self.transports.get_mut(key) else { continue };
            if transport.state().readable && engine.wants_bytes(key) {
                list(&mut self.ready, key, transport);
            }
        }
    }

    /// Drops the connections that are over.
    fn reap(&mut self, engine: &mut Engine) {
        let Self { transports, connections, paused_until, poll, .. } = self;
        engine.reap(|key| {
            if let Some(mut transport) = transports.remove(key) {
                let deregistered: io::Result<()> = transport.deregister(poll.registry());
                if let Err(error) = deregistered {
                    log::debug!("connection {key}: {error}");
                }
                *connections -= 1;
                // There is a descriptor again.
                *paused_until = None;
            }
        });
    }
}

/// On Linux, macOS and the BSDs an edge comes again for whatever arrives after
/// a short read, so that reading on until the kernel says "nothing" is waste.
const SHORT_READ_IS_LAST: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
));

/// Lists a connection for reading, once.
fn list(ready: &mut VecDeque<u32>, key: u32, transport: &mut Transport) {
    if !transport.state().listed {
        transport.state_mut().listed = true;
        ready.push_back(key);
    }
}

fn listener_token(index: usize) -> Token {
    Token(WAKER.0 - 1 - index)
}

fn listener_index(token: Token, count: usize) -> Option<usize> {
    let index = (WAKER.0 - 1).checked_sub(token.0)?;
    (index < count).then_some(index)
}
