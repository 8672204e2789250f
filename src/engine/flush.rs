//! Sending: at the end of a turn, once for each connection that has something
//! to say, in one call as far as the kernel takes it.

use std::{
    io::{self, IoSlice},
    mem,
};

use super::{
    Engine,
    connection::{Client, Open, State},
    queue::{Carrier, MOST_PIECES},
    reason::Reason,
    session::Via,
    timers::Timer,
    turn::Record,
};
use crate::{
    base::{Millis, limits::ANSWERS_AHEAD_BYTES},
    codec::{
        close::code,
        frame::{self, Opcode},
    },
    hub::Stage,
};

/// Where bytes go: the sockets of the loop, or those of a test.
pub(crate) trait Wire {
    /// Sends as much of `pieces` as there is room for. An error of kind
    /// `WouldBlock` means no room at all.
    fn send(&mut self, connection: u32, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Closes our end behind what was sent.
    fn finish(&mut self, connection: u32);
}

impl Engine {
    /// Whether a send queue is so full that it should be offered to the kernel
    /// at once, before more is said.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// Whether something waits to be offered to the kernel.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Offers everything that was said since the last flush to the kernel.
    pub(crate) fn flush(&mut self, wire: &mut impl Wire, now: Millis) {
        self.now = now;
        self.pressed = false;
        // The answer to a poll, or a goodbye, makes another queue dirty; each
        // comes up once, so there is an end to it.
        while !self.dirty.is_empty() {
            let mut listed = mem::take(&mut self.dirty);
            listed.drain(..).for_each(|key| self.flush_queue(key, wire));
            if self.dirty.is_empty() {
                self.dirty = listed;
            }
        }
        self.chunks.end_turn();
        self.keep_memory_bound();
    }

    fn flush_queue(&mut self, key: u32, wire: &mut impl Wire) {
        let Some(queue) = self.queues.get_mut(key as usize) else { return };
        queue.dirty = false;
        let connection = match queue.carrier {
            Carrier::Connection(connection) => connection,
            Carrier::Polls(session) => return self.answer_poll(session),
        };
        let before = queue.bytes();
        if queue.blocked {
            return;
        }
        if let Some(body) = queue.owed_pong.take() {
            let piece = self.chunks.append(&mut self.direct, body.len() + 2, |out| {
                frame::write(out, Opcode::Pong, &body);
            });
            queue.push_owed_pong(piece, &mut self.chunks);
            self.queued_bytes += piece.len();
        }
        while !queue.is_empty() && !queue.blocked {
            let mut slices = [IoSlice::new(&[]); MOST_PIECES];
            let count = queue.slices(&self.chunks, &mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            match wire.send(connection, slices) {
                Ok(sent) => {
                    queue.advance(sent, &mut self.chunks);
                    self.queued_bytes -= sent;
                    self.stats.bytes_out += sent as u64;
                    queue.blocked = sent < offered;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => queue.blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    log::debug!("connection {connection}: {error}");
                    return self.kill(connection, Reason::TransportError);
                }
            }
        }
        if queue.blocked {
            queue.settle(&mut self.chunks);
        }
        self.after_flush(key, connection, before, wire);
    }

    fn after_flush(&mut self, key: u32, connection: u32, before: usize, wire: &mut impl Wire) {
        let Some(queue) = self.queues.get_mut(key as usize) else { return };
        let has_room = queue.weight() <= self.config.limits.queue_bytes as usize / 2;
        let dropped = if has_room { mem::take(&mut queue.dropped) } else { 0 };
        let is_empty = queue.is_empty();
        let made_way = queue.bytes() < before;
        let has_read = before > ANSWERS_AHEAD_BYTES && queue.bytes() <= ANSWERS_AHEAD_BYTES;
        let Some(entry) = self.connections.get(connection as usize) else { return };
        let client = entry.client();
        if dropped > 0 {
            self.note_drain(client, dropped);
        }
        let Some(entry) = self.connections.get(connection as usize) else { return };
        match &entry.state {
            State::Finishing if is_empty => {
                wire.finish(connection);
                self.set_state(connection, State::Lingering);
                self.timers.set(connection, Timer::Linger, self.now);
            }
            State::Http(_) => {
                // A long answer on a slow line is no idleness.
                if made_way && self.timers.waits_for(connection) == Some(Timer::Idle) {
                    self.timers.set(connection, Timer::Idle, self.now);
                }
                // Its next request had to wait for this.
                if has_read {
                    self.look_again(connection);
                }
            }
            State::Finishing if made_way => self.timers.set(connection, Timer::Close, self.now),
            _ => {}
        }
    }

    /// Tells the host that there is room again. All sockets of a session share
    /// its queue, so each is told.
    fn note_drain(&mut self, client: Option<Client>, dropped: u32) {
        let dropped = u64::from(dropped);
        match client {
            Some(Client::Plain(socket)) => self.turn.push(Record::Drain { socket, dropped }),
            Some(Client::Session(session)) => {
                let sockets = self.session(session).map(|session| session.sockets.clone());
                for socket in sockets.unwrap_or_default() {
                    if self.hub.get(socket).is_some_and(|entry| entry.stage == Stage::Live) {
                        self.turn.push(Record::Drain { socket, dropped });
                    }
                }
            }
            Some(Client::Probe(_)) | None => {}
        }
    }

    /// The same for a session on polling, of which a poll has taken something.
    pub(super) fn after_poll(&mut self, session: u32) {
        let Some(queue) = self.session(session).map(|session| session.queue) else { return };
        let Some(queue) = self.queues.get_mut(queue as usize) else { return };
        if queue.dropped > 0 && queue.weight() <= self.config.limits.queue_bytes as usize / 2 {
            let dropped = mem::take(&mut queue.dropped);
            self.note_drain(Some(Client::Session(session)), dropped);
        }
    }

    /// Over the budget of all queues and partial messages, whoever holds the
    /// most of it goes first.
    fn keep_memory_bound(&mut self) {
        while (self.chunks.bytes() + self.partial_bytes) as u64 > self.config.limits.memory_bytes {
            let connections = self.connections.iter().map(|(key, _)| key as u32);
            let connection = connections.map(|key| (self.held_by_connection(key), key)).max();
            let sessions = self.sessions.iter().map(|(key, _)| key as u32);
            let session = sessions.map(|key| (self.held_by_session(key), key)).max();
            match (connection, session) {
                (Some((held, key)), other) if held > 0 && other.is_none_or(|(more, _)| more <= held) => {
                    self.give_up(key);
                }
                (_, Some((1.., key))) => {
                    self.end_session(key, Reason::OutOfMemory, Some(code::TRY_AGAIN_LATER));
                }
                _ => return,
            }
        }
    }

    /// What would be free without a connection.
    fn held_by_connection(&self, key: u32) -> usize {
        let Some(connection) = self.connections.get(key as usize) else { return 0 };
        let queued = self.queues.get(connection.queue as usize).map_or(0, |queue| queue.bytes());
        let partial = match &connection.state {
            State::Open(Open { reader, .. }) | State::Closing(reader) => reader.held(),
            State::Http(exchange) => exchange.body.as_ref().map_or(0, |(_, _, payload)| payload.capacity()),
            _ => 0,
        };
        let held = connection.held.as_ref().map_or(0, |held| held.capacity());
        queued + partial + held
    }

    /// What would be free without a session, beside what its WebSocket holds.
    fn held_by_session(&self, key: u32) -> usize {
        let Some(session) = self.session(key) else { return 0 };
        let queued = match session.via {
            Via::Polling => self.queues.get(session.queue as usize).map_or(0, |queue| queue.bytes()),
            Via::WebSocket(_) => 0,
        };
        queued + session.incomplete.held() + self.held_at_doors(key)
    }

    /// Ends a connection to free what it holds.
    fn give_up(&mut self, key: u32) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        let (queue, client) = (connection.queue, connection.client());
        let Some(queue) = self.queues.get_mut(queue as usize) else { return };
        if let (Some(Client::Plain(socket)), State::Open(_), false) =
            (client, &connection.state, queue.blocked)
        {
            // It holds unfinished messages, and the kernel takes a goodbye.
            return self.cut_off(socket, Reason::OutOfMemory);
        }
        // What a cut would leave of its queue is part of a frame, which may be
        // large: there is no goodbye.
        self.queued_bytes -= queue.bytes();
        queue.clear(&mut self.chunks);
        self.kill(key, Reason::OutOfMemory);
    }
}
