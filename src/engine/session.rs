//! Engine.IO sessions: one client over any number of HTTP requests and at most
//! one WebSocket (shared protocol: Engine.IO 4). Here is what a session is, how
//! it begins and ends, and its heartbeat; `polling` and `upgrade` bring it
//! packets, `socketio` understands them.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use super::{
    Engine,
    connection::State,
    flood::Counted,
    queue::{Carrier, SendQueue},
    reason::Reason,
    timers::Timer,
};
use crate::{
    base::{
        Millis,
        few::Few,
        id::SocketId,
        limit::Limit,
        limits::{LATE_MS, UNCLAIMED_MS, UNLIMITED},
    },
    codec::{
        close::code,
        engineio::{request::Query, say},
        frame::{self, Opcode},
        http::Request,
        socketio::Assembler,
    },
    hub::Sid,
};

/// One Engine.IO session.
#[derive(Debug)]
pub(super) struct Session {
    /// A secret between the client and us: whoever has it is the client.
    pub(super) sid: Sid,
    pub(super) queue: u32,
    pub(super) via: Via,
    /// The connection whose poll waits for an answer.
    pub(super) poll: Option<u32>,
    /// The connection whose post is on its way.
    pub(super) post: Option<u32>,
    /// The WebSocket that may become the transport.
    pub(super) probe: Option<Probe>,
    /// It has ended, and only its last words are still to be fetched.
    pub(super) closing: bool,
    /// It has asked for a namespace.
    pub(super) has_asked: bool,
    /// What it counts as for its address.
    pub(super) counted: Counted,
    /// Its place among those that nobody has come back to. None once a second
    /// request has come: there is a client behind it.
    pub(super) unclaimed: Option<NonZeroU64>,
    /// It wants bytes as text, also over WebSocket.
    pub(super) base64: bool,
    /// Bytes of answers to CONNECT since the client last took anything.
    pub(super) answers: u32,
    /// Its sockets, the waiting ones included.
    pub(super) sockets: Few<SocketId>,
    /// A packet some of whose attachments are still to come.
    pub(super) incomplete: Assembler,
    /// All that was said before has been received when the next pong comes; and
    /// has been, because a pong has come.
    pub(super) asked_at: Millis,
    pub(super) proven_at: Millis,
    pub(super) request: Arc<Request>,
}

/// What a session's packets travel on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Polling,
    WebSocket(u32),
}

/// A WebSocket that a polling session may move to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) connection: u32,
    /// It has been answered: from now on no poll is kept waiting.
    pub(super) answered: bool,
}

/// Sessions that nobody has come back to, oldest first, and since when.
#[derive(Debug, Default)]
pub(super) struct Unclaimed {
    sessions: BTreeMap<NonZeroU64, (u32, Millis)>,
    last: u64,
}

impl Unclaimed {
    /// Adds a session as the newest; answers its place.
    fn add(&mut self, key: u32, now: Millis) -> Option<NonZeroU64> {
        self.last += 1;
        let place = NonZeroU64::new(self.last)?;
        self.sessions.insert(place, (key, now));
        Some(place)
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}

impl Engine {
    /// Begins a session. On polling its queue is its own, on a WebSocket it is
    /// the connection's.
    pub(super) fn begin_session(&mut self, request: Arc<Request>, via: Via) -> u32 {
        let sid = self.new_sid();
        let counted = self.count_session(&request);
        let entry = self.sessions.vacant_entry();
        let key = entry.key() as u32;
        let unclaimed = match via {
            Via::Polling => self.unclaimed.add(key, self.now),
            Via::WebSocket(_) => None,
        };
        let queue = match via {
            Via::Polling => self.queues.insert(SendQueue::new(Carrier::Polls(key))) as u32,
            Via::WebSocket(connection) => {
                self.connections.get(connection as usize).map_or(u32::MAX, |connection| connection.queue)
            }
        };
        entry.insert(Session {
            sid,
            queue,
            via,
            poll: None,
            post: None,
            probe: None,
            closing: false,
            has_asked: false,
            counted,
            unclaimed,
            base64: Query::of(&request).wants_base64,
            answers: 0,
            sockets: Few::default(),
            incomplete: Assembler::default(),
            asked_at: self.now,
            proven_at: self.now,
            request,
        });
        self.by_sid.insert(sid, key);
        self.session_timers.set(key, Timer::Ping, self.now);
        self.entry_timers.set(key, Timer::Enter, self.now);
        self.set_poll(key, None);
        key
    }

    /// Makes room for one more session that nobody has claimed yet; `false` if
    /// there is none.
    pub(super) fn make_room_for_session(&mut self) -> bool {
        let most = match self.config.limits.unclaimed_sessions {
            UNLIMITED => usize::MAX,
            most => most as usize,
        };
        while self.unclaimed.sessions.len() >= most {
            self.stats.count_breach(Limit::UnclaimedSessions);
            let Some((_, &(key, since))) = self.unclaimed.sessions.first_key_value() else { return false };
            if self.now < since + UNCLAIMED_MS {
                return false;
            }
            self.end_session(key, Reason::TransportClose, None);
        }
        true
    }

    /// A poll of the client waits, or none does. Without one the client takes
    /// nothing, which is to it what a full kernel buffer is to a connection.
    pub(super) fn set_poll(&mut self, key: u32, poll: Option<u32>) {
        let Some(session) = self.sessions.get_mut(key as usize) else { return };
        session.poll = poll;
        if session.via == Via::Polling
            && let Some(queue) = self.queues.get_mut(session.queue as usize)
        {
            queue.blocked = poll.is_none();
        }
    }

    pub(super) fn session_by_sid(&self, sid: &str) -> Option<u32> {
        let sid: Sid = sid.as_bytes().try_into().ok()?;
        self.by_sid.get(&sid).copied()
    }

    pub(super) fn session(&self, key: u32) -> Option<&Session> {
        self.sessions.get(key as usize)
    }

    pub(super) fn session_mut(&mut self, key: u32) -> Option<&mut Session> {
        self.sessions.get_mut(key as usize)
    }

    /// The client has come back for a second time.
    pub(super) fn claim(&mut self, key: u32) {
        if let Some(place) = self.session_mut(key).and_then(|session| session.unclaimed.take()) {
            self.unclaimed.sessions.remove(&place);
        }
    }

    /// Queues an Engine.IO packet as the text frame that it is on a WebSocket.
    pub(super) fn say_packet(&mut self, key: u32, packet: &[u8]) {
        let Some(queue) = self.session(key).map(|session| session.queue) else { return };
        self.push_frames(queue, packet.len() + 10, |out| frame::write(out, Opcode::Text, packet));
    }

    /// Ends a session with everything in it. The sid is unknown from now on,
    /// and what was queued is not sent any more, but a poll that waits gets the
    /// close packet, and a WebSocket a close frame.
    pub(super) fn end_session(&mut self, key: u32, reason: Reason, code: Option<u16>) {
        let code = code.filter(|_| self.session(key).is_some_and(|session| session.via != Via::Polling));
        self.part_all(key, reason, code);
        self.forget_session(key, code);
    }

    /// Ends a session in the orderly way: what waits is still delivered. Over
    /// polling that takes another poll or two.
    pub(super) fn close_session(&mut self, key: u32, reason: Reason) {
        self.part_all(key, reason, None);
        let Some(session) = self.session_mut(key) else { return };
        if session.closing {
            return;
        }
        let (queue, probe) = (session.queue, session.probe.take());
        match session.via {
            Via::Polling => {
                session.closing = true;
                self.session_timers.set(key, Timer::Fetch, self.now);
                self.entry_timers.clear(key);
                self.mark_queue_dirty(queue);
                if let Some(probe) = probe {
                    self.close_websocket(probe.connection, None);
                }
            }
            Via::WebSocket(connection) => {
                let (code, text) = match reason {
                    Reason::Shutdown => (Some(code::GOING_AWAY), reason.as_str()),
                    _ => (None, ""),
                };
                self.push_frames(queue, 127, |out| frame::write_close(out, code, text));
                self.release_session(key);
                self.close_behind(connection);
            }
        }
    }

    /// Tells the host that all sockets of a session are gone.
    fn part_all(&mut self, key: u32, reason: Reason, code: Option<u16>) {
        self.drop_incomplete(key);
        let sockets = self.session_mut(key).map(|session| std::mem::take(&mut session.sockets));
        for socket in sockets.unwrap_or_default() {
            self.part(socket, reason, code, reason.as_str());
        }
    }

    /// Takes a session out of the tables. A poll that waits gets the close
    /// packet; `code` goes into the close frame of a WebSocket.
    pub(super) fn forget_session(&mut self, key: u32, code: Option<u16>) {
        let Some(session) = self.session_mut(key) else { return };
        let (poll, via, probe) = (session.poll.take(), session.via, session.probe.take());
        if let Some(connection) = poll {
            self.answer_parked(connection, say::CLOSE);
        }
        if let Some(probe) = probe {
            self.close_websocket(probe.connection, None);
        }
        self.release_session(key);
        if let Via::WebSocket(connection) = via {
            self.close_websocket(connection, code);
        }
    }

    /// Closes the WebSocket of a session that has ended, or one that only probes.
    pub(super) fn close_websocket(&mut self, connection: u32, code: Option<u16>) {
        let open = self.connections.get(connection as usize).map(|it| &it.state);
        if let Some(State::Open(_)) = open {
            self.close_frame(connection, code, "");
            self.finish(connection);
        }
    }

    /// Frees a session's place; a queue of its own goes with it.
    pub(super) fn release_session(&mut self, key: u32) {
        self.claim(key);
        let Some(session) = self.sessions.try_remove(key as usize) else { return };
        self.by_sid.remove(&session.sid);
        self.flood.release(session.counted);
        self.session_timers.clear(key);
        self.entry_timers.clear(key);
        self.attachment_timers.clear(key);
        if session.via == Via::Polling {
            self.free_queue(session.queue);
        }
        for connection in [session.poll, session.post].into_iter().flatten() {
            self.detach(connection);
        }
    }

    /// The client's WebSocket is over.
    pub(super) fn lose_session(&mut self, key: u32, reason: Reason, code: Option<u16>) {
        self.part_all(key, reason, code);
        self.release_session(key);
    }

    /// A connection goes on to something else than HTTP, or ends.
    pub(super) fn leave_http(&mut self, parked: Option<u32>, posting: Option<u32>) {
        if let Some(session) = parked {
            self.set_poll(session, None);
        }
        if let Some(session) = posting.and_then(|key| self.session_mut(key)) {
            session.post = None;
        }
    }

    /// A connection ends with a poll that waits, or in the middle of a post:
    /// that is how the client of a session leaves.
    pub(super) fn abandon_request(&mut self, connection: u32, reason: Reason) {
        let Some(exchange) = self.exchange(connection) else { return };
        let (parked, posting) = (exchange.parked.take(), exchange.posting.take());
        self.leave_http(parked.as_ref().map(|parked| parked.session), posting);
        if let Some(parked) = parked {
            self.end_session(parked.session, reason, None);
        }
        // Since it has moved to a WebSocket a post is nothing to a session.
        let posting = posting.filter(|key| self.session(*key).is_some_and(|it| it.via == Via::Polling));
        if let Some(session) = posting {
            let reason = if reason == Reason::OutOfMemory { reason } else { Reason::TransportError };
            self.end_session(session, reason, None);
        }
    }

    /// What is due in sessions. A client on polling may speak on any connection.
    pub(super) fn expire_sessions(&mut self, unread: &impl Fn(u32) -> bool, polls_may_wait: bool) {
        loop {
            let sessions = &self.sessions;
            let busy = |key: u32| match sessions.get(key as usize).map(|session| session.via) {
                Some(Via::WebSocket(connection)) => unread(connection),
                _ => polls_may_wait,
            };
            if let Some((key, timer)) = self.session_timers.take_expired(self.now, busy) {
                self.expire_session(key, timer);
            } else if let Some((key, _)) = self.entry_timers.take_expired(self.now, busy) {
                self.expire_entry(key);
            } else if let Some((key, _)) = self.attachment_timers.take_expired(self.now, busy) {
                self.expire_attachments(key);
            } else {
                return;
            }
        }
    }

    /// A deadline of a session's heartbeat.
    pub(super) fn expire_session(&mut self, key: u32, timer: Timer) {
        match timer {
            Timer::Ping => {
                // §6 counts both waits from one moment: what a loop wakes late
                // does not add up.
                let due = self.session_timers.taken_at();
                let since = if self.now <= due + LATE_MS { due } else { self.now };
                self.session_timers.set(key, Timer::Pong, since);
                self.note_asked(key);
                self.say_packet(key, say::PING);
            }
            Timer::Pong => {
                self.stats.count_breach(Limit::PingTimeout);
                self.end_session(key, Reason::PingTimeout, None);
            }
            // Nobody came for the last words.
            _ => {
                self.stats.count_breach(Limit::DropTimeout);
                self.forget_session(key, None);
            }
        }
    }

    /// A ping may overtake what waits in a queue, so that its pong proves only
    /// something if nothing does.
    fn note_asked(&mut self, key: u32) {
        let Some(session) = self.sessions.get_mut(key as usize) else { return };
        if self.queues.get(session.queue as usize).is_some_and(|queue| queue.is_empty()) {
            session.asked_at = self.now;
        }
    }

    /// A client has answered its ping.
    pub(super) fn take_pong(&mut self, key: u32) {
        self.session_timers.set(key, Timer::Ping, self.now);
        if let Some(session) = self.session_mut(key) {
            session.proven_at = session.asked_at;
        }
    }

    /// The client has not entered a namespace in time.
    pub(super) fn expire_entry(&mut self, key: u32) {
        self.stats.refused_timeout += 1;
        self.stats.count_breach(Limit::ConnectTimeout);
        self.close_session(key, Reason::ProtocolError);
    }
}
