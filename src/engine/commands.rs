//! What the host commands besides saying something: doors, rooms, goodbyes,
//! and questions about who is where.

use std::{sync::Arc, time::Duration};

use super::{
    Engine,
    reason::Reason,
    say::{check_name, millis},
    session::Via,
    stats::Stats,
};
use crate::{
    base::{
        error::{Error, Result},
        id::{SocketId, TimerId},
        json,
        limit::Limit,
        limits::CLOSE_REASON_BYTES,
    },
    codec::{
        close::{self, code},
        frame,
        http::{Request, is_token},
    },
    hub::{self, Hub, Namespace, Stage, audience::Selection, namespace::Dialect},
    session,
};

/// How a client talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Plain WebSocket with JSON objects.
    Json,
    /// Plain WebSocket with messages as they are.
    Raw,
    /// Socket.IO 5 over Engine.IO 4.
    SocketIo,
}

/// What a client's bytes travel on now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP requests, one of which waits for news.
    Polling,
    /// One WebSocket.
    WebSocket,
}

/// How a waiting client is let in. What is not said stays as the namespace has
/// it.
#[derive(Clone, Debug, Default)]
pub struct Accept<'a> {
    pub(super) user: Option<u64>,
    pub(super) rooms: Vec<&'a str>,
    pub(super) dialect: Option<Dialect>,
    pub(super) protocol: Option<&'a str>,
}

impl<'a> Accept<'a> {
    /// The host's own number for this socket.
    #[must_use]
    pub fn user(mut self, user: u64) -> Self {
        self.user = Some(user);
        self
    }

    /// One more room that it is in from the start.
    #[must_use]
    pub fn room(mut self, room: &'a str) -> Self {
        self.rooms.push(room);
        self
    }

    /// What this one client speaks.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// The subprotocol, which must be one that the client offered.
    #[must_use]
    pub fn subprotocol(mut self, protocol: &'a str) -> Self {
        self.protocol = Some(protocol);
        self
    }
}

impl Engine {
    // Namespaces.

    pub(crate) fn open(&mut self, name: &str, config: Namespace) -> Result<()> {
        self.check_namespace(name)?;
        check_protocols(&config)?;
        self.hub.open(name, config);
        Ok(())
    }

    pub(crate) fn open_pattern(&mut self, prefix: &str, config: Namespace) -> Result<()> {
        self.check_namespace(prefix)?;
        check_protocols(&config)?;
        self.hub.open_pattern(prefix, config);
        Ok(())
    }

    pub(crate) fn close_namespace(&mut self, name: &str) -> Result<()> {
        let key = self.hub.find(name)?;
        for socket in self.hub.all_in(key) {
            self.dismiss(socket, Reason::NamespaceClosed, code::GOING_AWAY, "namespace closed");
        }
        self.hub.close(key);
        Ok(())
    }

    fn check_namespace(&self, name: &str) -> Result<()> {
        check_name(name, &self.config.limits, "a namespace")?;
        if !name.starts_with('/') {
            return Err(Error::invalid(format!(
                "the name of a namespace begins with a slash, {name:?} does not"
            )));
        }
        Ok(())
    }

    // Guards.

    pub(crate) fn accept(&mut self, socket: SocketId, acceptance: &Accept<'_>) -> Result<()> {
        let Some((owner, format)) = self.waiting(socket)? else { return Ok(()) };
        for room in &acceptance.rooms {
            check_name(room, &self.config.limits, "a room")?;
        }
        let most = self.hub.most_rooms();
        if acceptance.rooms.len() > most {
            return Err(Error::limit(format!("a socket may be in {most} rooms")));
        }
        if let Some(protocol) = acceptance.protocol {
            let offered = self.handshakes.get(&socket);
            if !offered.is_some_and(|request| request.subprotocols().any(|offered| offered == protocol)) {
                return Err(Error::invalid(format!("the client did not offer the subprotocol {protocol:?}")));
            }
        }
        match session::is_socketio(format) {
            true => self.accept_socket(owner, socket, acceptance),
            false => self.admit(owner, acceptance),
        }
        Ok(())
    }

    pub(crate) fn reject(
        &mut self,
        socket: SocketId,
        status: u16,
        message: &str,
        data: Option<&str>,
    ) -> Result<()> {
        let Some((owner, format)) = self.waiting(socket)? else { return Ok(()) };
        if !(400..=599).contains(&status) {
            return Err(Error::invalid("a rejection has an HTTP status from 400 to 599"));
        }
        if let Some(data) = data {
            json::value(data, self.config.limits.json_depth)
                .map_err(|fault| Error::invalid(format!("the data of a rejection must be JSON: {fault}")))?;
        }
        self.stats.refused_guard += 1;
        match session::is_socketio(format) {
            true => self.reject_socket(owner, socket, message, data, Reason::Rejected),
            false => self.reject_connection(owner, status, message, Reason::Rejected),
        }
        Ok(())
    }

    /// The owner and the format of a socket that waits; `None` if it has just left.
    fn waiting(&self, socket: SocketId) -> Result<Option<(u32, u8)>> {
        let entry = self.hub.known(socket)?;
        match entry.stage {
            Stage::Waiting => Ok(Some((entry.owner, entry.route.format))),
            Stage::Left => Ok(None),
            Stage::Live => Err(Error::state("the socket has been accepted already")),
        }
    }

    // Rooms.

    pub(crate) fn join(&mut self, socket: SocketId, room: &str) -> Result<()> {
        check_name(room, &self.config.limits, "a room")?;
        let joined = self.hub.join(socket, room);
        self.note_changes();
        joined
    }

    pub(crate) fn leave(&mut self, socket: SocketId, room: &str) -> Result<()> {
        let left = self.hub.leave(socket, room);
        self.note_changes();
        left
    }

    pub(crate) fn leave_all(&mut self, socket: SocketId) -> Result<()> {
        if self.hub.live(socket)?.is_some() {
            self.hub.leave_all(socket);
            self.note_changes();
        }
        Ok(())
    }

    /// Lets everybody in an audience join a room; answers how many they are.
    /// If the limit of rooms stands in one's way, nobody joins.
    pub(crate) fn join_all(&mut self, to: &Selection<'_>, room: &str) -> Result<usize> {
        check_name(room, &self.config.limits, "a room")?;
        let sockets = self.hub.select(to)?;
        if let Some(&full) = sockets.iter().find(|&&socket| !self.hub.may_join(socket, room)) {
            let most = self.hub.most_rooms();
            return Err(Error::limit(format!("the socket {:#x} is in {most} rooms already", full.get())));
        }
        for &socket in &sockets {
            self.hub.join(socket, room)?;
        }
        self.note_changes();
        Ok(sockets.len())
    }

    pub(crate) fn leave_all_of(&mut self, to: &Selection<'_>, room: &str) -> Result<usize> {
        let sockets = self.hub.select(to)?;
        for &socket in &sockets {
            self.hub.leave(socket, room)?;
        }
        self.note_changes();
        Ok(sockets.len())
    }

    pub(crate) fn select(&mut self, to: &Selection<'_>) -> Result<Vec<SocketId>> {
        self.hub.select(to)
    }

    // Goodbyes.

    pub(crate) fn disconnect(&mut self, socket: SocketId, code: u16, text: &str) -> Result<()> {
        let entry = self.hub.known(socket)?;
        check_close(code, text)?;
        if entry.stage != Stage::Left {
            self.dismiss(socket, Reason::ServerLeft, code, text);
        }
        Ok(())
    }

    pub(crate) fn disconnect_all(&mut self, to: &Selection<'_>, code: u16, text: &str) -> Result<usize> {
        check_close(code, text)?;
        let sockets = self.hub.select(to)?;
        for &socket in &sockets {
            self.dismiss(socket, Reason::ServerLeft, code, text);
        }
        Ok(sockets.len())
    }

    /// Ends a socket in the orderly way: what was said to it before still goes
    /// out. A plain WebSocket is closed behind it; a Socket.IO session stays.
    pub(super) fn dismiss(&mut self, socket: SocketId, reason: Reason, code: u16, text: &str) {
        let Some(entry) = self.hub.get(socket) else { return };
        let (owner, queue) = (entry.owner, entry.route.queue);
        if session::is_socketio(entry.route.format) {
            return self.dismiss_socket(owner, socket, reason, text);
        }
        if entry.stage == Stage::Waiting {
            return self.reject_connection(owner, 503, text, reason);
        }
        self.part(socket, reason, Some(code), text);
        self.push_frames(queue, 127, |out| frame::write_close(out, Some(code), text));
        self.close_behind(owner);
    }

    /// Disconnects a client from all its namespaces and closes its session.
    pub(crate) fn disconnect_client(&mut self, socket: SocketId) -> Result<()> {
        let entry = self.hub.known(socket)?;
        match (entry.stage, session::is_socketio(entry.route.format)) {
            (Stage::Left, _) => {}
            (_, true) => self.dismiss_session(entry.owner, Reason::ServerLeft, "server disconnect"),
            (_, false) => self.dismiss(socket, Reason::ServerLeft, 1000, ""),
        }
        Ok(())
    }

    // Questions.

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(crate) fn user(&self, socket: SocketId) -> Result<u64> {
        self.hub.known(socket).map(|entry| entry.user)
    }

    pub(crate) fn set_user(&mut self, socket: SocketId, user: u64) -> Result<()> {
        let entry = self.hub.get_mut(socket).ok_or_else(|| hub::stale(socket))?;
        entry.user = user;
        if entry.stage == Stage::Left {
            self.set_user_of_gone(socket, user);
        }
        Ok(())
    }

    /// The request that a socket came with, as long as it is kept.
    pub(crate) fn handshake(&self, socket: SocketId) -> Option<&Arc<Request>> {
        let entry = self.hub.get(socket)?;
        if session::is_socketio(entry.route.format) && entry.stage != Stage::Left {
            return self.session(entry.owner).map(|session| &session.request);
        }
        self.handshakes.get(&socket)
    }

    /// The subprotocol that a plain WebSocket has settled on.
    pub(crate) fn subprotocol(&self, socket: SocketId) -> Option<&str> {
        self.protocols.get(&socket).map(|protocol| &**protocol)
    }

    /// Messages dropped for a socket since its last drain event.
    pub(crate) fn dropped(&self, socket: SocketId) -> u64 {
        self.drops.get(&socket).copied().unwrap_or_default()
    }

    /// What a Socket.IO client gave as `auth` when it entered.
    pub(crate) fn auth(&self, socket: SocketId) -> &str {
        self.auths.get(&socket).map_or("{}", |auth| auth)
    }

    /// How a client talks, and what its bytes travel on.
    pub(crate) fn transport(&self, socket: SocketId) -> Option<(Protocol, Transport)> {
        let entry = self.hub.get(socket).filter(|entry| entry.stage != Stage::Left)?;
        let protocol = match entry.route.format {
            session::JSON => Protocol::Json,
            session::RAW => Protocol::Raw,
            _ => Protocol::SocketIo,
        };
        let polling = protocol == Protocol::SocketIo
            && self.session(entry.owner).is_some_and(|session| session.via == Via::Polling);
        Some((protocol, if polling { Transport::Polling } else { Transport::WebSocket }))
    }

    /// The connection that carries a socket, if there is one and it has not left.
    pub(crate) fn connection_of(&self, socket: SocketId) -> Option<u32> {
        let entry = self.hub.get(socket).filter(|entry| entry.stage != Stage::Left)?;
        if !session::is_socketio(entry.route.format) {
            return Some(entry.owner);
        }
        match self.session(entry.owner)?.via {
            Via::WebSocket(connection) => Some(connection),
            Via::Polling => None,
        }
    }

    /// Bytes that wait in a socket's send queue. One that has left has none: its
    /// place may be another's already.
    pub(crate) fn queued(&self, socket: SocketId) -> Result<usize> {
        let entry = self.hub.known(socket)?;
        let queue = self.queues.get(entry.route.queue as usize).filter(|_| entry.stage != Stage::Left);
        Ok(queue.map_or(0, |queue| queue.bytes()))
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.connections = self.connections.len() as u64;
        // A plain WebSocket is one session and one socket.
        let socketio: usize = self.sessions.iter().map(|(_, session)| session.sockets.len()).sum();
        stats.sessions = (self.hub.present_count() - socketio + self.sessions.len()) as u64;
        stats.sockets = self.hub.live_count() as u64;
        stats.namespaces = self.hub.namespace_count() as u64;
        stats.rooms = self.hub.room_count() as u64;
        stats.queued_bytes = self.queued_bytes as u64;
        stats.memory_bytes = (self.chunks.bytes() + self.partial_bytes + self.recovery.bytes()) as u64;
        stats
    }

    /// Counts that a client has met a limit outside the engine.
    pub(crate) fn count_breach(&mut self, limit: Limit) {
        self.stats.count_breach(limit);
    }

    /// Counts a pause in accepting.
    pub(crate) fn count_accept_pause(&mut self) {
        self.stats.accept_pauses += 1;
    }

    // Timers.

    pub(crate) fn start_timer(&mut self, delay: Duration, interval: Option<Duration>, tag: u64) -> TimerId {
        let deadline = self.now.saturating_add(millis(delay));
        self.host_timers.start(deadline, interval.map(millis), tag)
    }

    pub(crate) fn stop_timer(&mut self, timer: TimerId) -> Result<()> {
        if self.host_timers.stop(timer) {
            return Ok(());
        }
        Err(Error::not_found("no such timer: it has fired or was stopped"))
    }

    /// Another thread has posted something.
    pub(crate) fn post(&mut self, tag: u64, data: Vec<u8>) {
        let data = self.turn.own(data);
        self.turn.push(super::turn::Record::Post { tag, data });
    }

    /// The clock, for commands between turns.
    pub(crate) fn set_now(&mut self, now: crate::base::Millis) {
        self.now = now;
    }
}

fn check_close(code: u16, text: &str) -> Result<()> {
    if !close::may_send(code) {
        return Err(Error::invalid(format!("the close code {code} can't be sent")));
    }
    if text.len() > CLOSE_REASON_BYTES {
        return Err(Error::limit(format!(
            "the text of a close may have {CLOSE_REASON_BYTES} bytes; this one has {}",
            text.len()
        )));
    }
    Ok(())
}

fn check_protocols(config: &Namespace) -> Result<()> {
    match config.subprotocols.iter().find(|protocol| !is_token(protocol.name.as_bytes())) {
        Some(bad) => Err(Error::invalid(format!("the subprotocol {:?} is not a token of HTTP", bad.name))),
        None if config.require_subprotocol && config.subprotocols.is_empty() => {
            Err(Error::invalid("a namespace that demands a subprotocol must name one"))
        }
        None => Ok(()),
    }
}
