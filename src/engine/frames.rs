//! What all WebSockets have in common, whoever is behind them: frames in,
//! control frames out, and the end (RFC 6455 §5.5 and §7).

use super::{
    Engine,
    connection::{Client, Connection, Ending, State},
    reason::Reason,
    timers::Timer,
};
use crate::{
    base::{id::SocketId, limit::Limit, limits::PINGS_PER_TURN},
    codec::{
        close::{Failure, code},
        frame::{self, Opcode},
        message::{Body, Unit},
    },
};

impl Engine {
    /// Looks at frames from `at` on; answers how far it has come.
    pub(super) fn take_frames(&mut self, key: u32, mut at: usize, end: usize) -> usize {
        let Some(Connection { state: State::Open(open), .. }) = self.connections.get_mut(key as usize) else {
            return at;
        };
        if open.ending.is_some() {
            return end;
        }
        let mut reader = std::mem::take(&mut open.reader);
        if open.turn != self.turns {
            (open.turn, open.pings, open.spoke) = (self.turns, 0, false);
        }
        let held_before = reader.held();
        let most = self.config.limits.turn_messages;
        let mut messages = 0;
        let ending = loop {
            if messages >= most {
                break None;
            }
            let bytes = self.turn.bytes(0..end);
            match reader.next(bytes, &mut at, &self.read_limits, &mut self.pool) {
                Unit::Message(kind, body) => {
                    // A probe becomes a session on its way through a read, and
                    // who was cut off over what it said is heard no more.
                    let Some(client) = self.client_of(key) else { break None };
                    messages += 1;
                    if let Body::InPlace(range) = &body {
                        self.turn.keep_to(range.end);
                    }
                    match client {
                        Client::Plain(socket) => self.take_message(socket, kind, body),
                        Client::Session(session) => self.take_session_message(session, kind, body),
                        Client::Probe(session) => self.take_probe(key, session, kind, body),
                    }
                }
                Unit::Ping(body) => self.take_ping(key, body.as_slice()),
                Unit::Pong => {}
                Unit::More => break None,
                Unit::Close(code, text) => break Some(Ending::Close(code, text)),
                Unit::Failed(failure) => break Some(Ending::Failed(failure)),
            }
        };
        self.partial_bytes = self.partial_bytes + reader.held() - held_before;
        match self.connections.get_mut(key as usize).map(|connection| &mut connection.state) {
            Some(State::Open(open)) => {
                open.reader = reader;
                open.spoke |= messages > 0;
            }
            // It was sent away over what it said; its own close may be next.
            Some(State::Closing(last)) => {
                *last = reader;
                if ending.is_some() {
                    self.finish(key);
                }
                return at;
            }
            _ => {
                self.partial_bytes -= reader.held();
                reader.end(&mut self.pool);
                return end;
            }
        }
        if let Some(ending) = ending {
            self.note_ending(key, ending);
        } else if at < end {
            self.hold(key, at, end);
            self.resume_later(key);
        }
        end
    }

    /// The client ends it. If messages came in this turn, the host is heard on
    /// them first, and the end comes next turn.
    fn note_ending(&mut self, key: u32, ending: Ending) {
        match self.connections.get_mut(key as usize) {
            Some(Connection { state: State::Open(open), .. }) if open.spoke => {
                open.ending = Some(Box::new(ending));
                self.resume_later(key);
            }
            _ => self.end_websocket(key, ending),
        }
    }

    /// RFC 6455 §5.5.1 and §7.1.7: answers a close, or fails the connection.
    pub(super) fn end_websocket(&mut self, key: u32, ending: Ending) {
        let Some(Connection { state: State::Open(open), .. }) = self.connections.get(key as usize) else {
            return;
        };
        let client = open.client;
        match ending {
            Ending::Close(code, text) => {
                let told = Some(code.unwrap_or(code::NO_STATUS));
                self.lose(client, Reason::ClientLeft, told, &text);
                self.close_frame(key, code, "");
            }
            Ending::Failed(Failure { code, reason: text }) => {
                let (reason, limit) = match code {
                    code::MESSAGE_TOO_BIG => (Reason::MessageTooBig, Some(Limit::MessageBytes)),
                    code::POLICY_VIOLATION => (Reason::PolicyViolation, Some(Limit::MessageFragments)),
                    _ => (Reason::ProtocolError, None),
                };
                limit.into_iter().for_each(|limit| self.stats.count_breach(limit));
                log::debug!("connection {key}: {code} {text}");
                self.lose(client, reason, Some(code), text);
                self.close_frame(key, Some(code), text);
            }
        }
        self.finish(key);
    }

    /// The WebSocket under a client is over.
    pub(super) fn lose(&mut self, client: Client, reason: Reason, code: Option<u16>, text: &str) {
        match client {
            Client::Plain(socket) => self.part(socket, reason, code, text),
            Client::Session(session) => {
                // Socket.IO says goodbye with a packet of its own.
                let left = reason == Reason::ClientLeft;
                let reason = if left { Reason::TransportClose } else { reason };
                self.lose_session(session, reason, code);
            }
            Client::Probe(session) => self.end_probe(session),
        }
    }

    /// We have said our close; only the peer's is of interest (§7.1.2).
    pub(super) fn take_last_frames(&mut self, key: u32, mut at: usize, end: usize) {
        let Some(Connection { state: State::Closing(reader), .. }) = self.connections.get_mut(key as usize)
        else {
            return;
        };
        let before = reader.held();
        let closed = loop {
            match reader.next(self.turn.bytes(0..end), &mut at, &self.read_limits, &mut self.pool) {
                Unit::Message(_, Body::Owned(body)) => self.pool.give(body),
                Unit::Message(..) | Unit::Ping(_) | Unit::Pong => {}
                Unit::Close(..) | Unit::Failed(_) => break true,
                Unit::More => break false,
            }
        };
        self.partial_bytes = self.partial_bytes + reader.held() - before;
        if closed {
            self.finish(key);
        }
    }

    /// RFC 6455 §5.5.2: answers a ping with its body. While the kernel takes
    /// nothing, or past a number of them in one turn, only the newest is owed.
    fn take_ping(&mut self, key: u32, body: &[u8]) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let State::Open(open) = &mut connection.state else { return };
        let queue_key = connection.queue;
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return };
        if queue.blocked || queue.owed_pong.is_some() || open.pings >= PINGS_PER_TURN {
            queue.owed_pong = Some(Box::new(body.to_vec()));
        } else {
            open.pings += 1;
            let piece = self.chunks.append(&mut self.direct, body.len() + 2, |out| {
                frame::write(out, Opcode::Pong, body);
            });
            queue.push_pong(piece, &mut self.chunks);
            self.queued_bytes += piece.len();
        }
        super::mark_dirty(&mut self.dirty, queue, queue_key);
    }

    /// It is time to ask whether the client is still there.
    pub(super) fn ping(&mut self, key: u32) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        connection.heard = false;
        self.push_control(key, |out| frame::write(out, Opcode::Ping, b""));
        self.timers.set(key, Timer::Pong, self.now);
    }

    /// The answer to a ping is overdue. Whoever has sent anything since is alive.
    pub(super) fn miss_pong(&mut self, key: u32) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        if connection.heard {
            return self.timers.set(key, Timer::Ping, self.now);
        }
        let State::Open(open) = &connection.state else { return };
        let (client, reason) = (open.client, Reason::PingTimeout);
        self.stats.count_breach(Limit::PingTimeout);
        self.lose(client, reason, Some(code::ABNORMAL), reason.as_str());
        self.close_frame(key, Some(code::INTERNAL_ERROR), reason.as_str());
        self.finish(key);
    }

    /// Puts a close frame behind everything else. What the kernel has refused
    /// is cut before, at the next frame boundary: nobody waits for it any more.
    pub(super) fn close_frame(&mut self, key: u32, code: Option<u16>, text: &str) {
        self.cut_blocked(key);
        self.push_close(key, code, text);
    }

    /// Drops what waits for a client that does not read.
    pub(super) fn cut_blocked(&mut self, key: u32) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        let Some(queue) = self.queues.get_mut(connection.queue as usize) else { return };
        if queue.blocked {
            let before = queue.bytes();
            queue.cut(&mut self.chunks);
            self.queued_bytes -= before - queue.bytes();
        }
    }

    /// A close frame behind all that waits.
    pub(super) fn push_close(&mut self, key: u32, code: Option<u16>, text: &str) {
        let Some(queue) = self.connections.get(key as usize).map(|connection| connection.queue) else {
            return;
        };
        self.push_frames(queue, 127, |out| frame::write_close(out, code, text));
    }

    /// Puts a control frame in at the next frame boundary.
    pub(super) fn push_control(&mut self, key: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        let queue_key = connection.queue;
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return };
        let piece = self.chunks.append(&mut self.direct, 127, write);
        queue.push_control(piece, &mut self.chunks);
        self.queued_bytes += piece.len();
        super::mark_dirty(&mut self.dirty, queue, queue_key);
    }

    /// Queues one text for one socket, whatever its dialect.
    pub(super) fn say_text(&mut self, socket: SocketId, body: &[u8]) {
        let Some(entry) = self.hub.get(socket) else { return };
        let queue_key = entry.route.queue;
        let Some(queue) = self.queues.get(queue_key as usize) else { return };
        if queue.blocked && queue.weight() + body.len() > self.config.limits.queue_bytes as usize {
            return self.overflow(socket, 1);
        }
        self.push_frames(queue_key, body.len() + 10, |out| frame::write(out, Opcode::Text, body));
    }

    /// Who is behind a WebSocket right now.
    fn client_of(&self, key: u32) -> Option<Client> {
        self.connections.get(key as usize)?.client()
    }

    /// Appends frames to a queue, whoever carries it.
    pub(super) fn push_frames(&mut self, queue_key: u32, size: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return };
        let piece = self.chunks.append(&mut self.direct, size, write);
        queue.push(piece, &mut self.chunks);
        self.queued_bytes += piece.len();
        super::mark_dirty(&mut self.dirty, queue, queue_key);
    }

    /// Our close frame is in the queue: on to the peer's, unless it has said
    /// its last word.
    pub(super) fn close_behind(&mut self, key: u32) {
        let Some(Connection { state: State::Open(open), .. }) = self.connections.get_mut(key as usize) else {
            return;
        };
        if open.ending.is_some() {
            return self.finish(key);
        }
        let reader = std::mem::take(&mut open.reader);
        self.set_state(key, State::Closing(reader));
        self.timers.set(key, Timer::Close, self.now);
    }
}
