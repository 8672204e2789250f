//! Sending: at the end of a turn, once for each connection that has something
//! to say, in one call as far as the kernel takes it.

use std::{
    io::{self, IoSlice},
    mem,
};

use super::{
    Engine,
    chunks::Chunks,
    connection::{Client, State},
    queue::{Carrier, MOST_PIECES, SendQueue},
    reason::Reason,
    timers::Timer,
    turn::Record,
};
use crate::{
    base::{Millis, few::Few, limits::ANSWERS_AHEAD_BYTES},
    codec::frame::{self, Opcode},
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
        let connection = match queue.carrier() {
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
            let (offered, sent) = offer(queue, &self.chunks, connection, wire);
            match sent {
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
        if queue.dropped {
            let client = self.connections.get(connection as usize).and_then(|connection| connection.client());
            self.tell_drain(key, client);
        }
        self.after_flush(key, connection, before, wire);
    }

    /// A queue from which something was dropped has room again: the host is told
    /// for each socket how much it was.
    pub(super) fn tell_drain(&mut self, key: u32, client: Option<Client>) {
        let Some(queue) = self.queues.get_mut(key as usize).filter(|queue| queue.dropped) else { return };
        if queue.weight() > self.config.limits.queue_bytes as usize / 2 {
            return;
        }
        queue.dropped = false;
        let sockets = match client {
            Some(Client::Plain(socket)) => Few::one(socket),
            Some(Client::Session(session)) => {
                self.session(session).map(|session| session.sockets.clone()).unwrap_or_default()
            }
            _ => Few::default(),
        };
        for socket in sockets {
            if let Some(dropped) = self.drops.remove(&socket) {
                self.turn.push(Record::Drain { socket, dropped });
            }
        }
    }

    fn after_flush(&mut self, key: u32, connection: u32, before: usize, wire: &mut impl Wire) {
        let Some(queue) = self.queues.get_mut(key as usize) else { return };
        let is_empty = queue.is_empty();
        let made_way = queue.bytes() < before;
        let has_read = before > ANSWERS_AHEAD_BYTES && queue.bytes() <= ANSWERS_AHEAD_BYTES;
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
}

/// Offers the front of a queue to the kernel; answers how much that was, and
/// what came of it.
fn offer(
    queue: &SendQueue,
    chunks: &Chunks,
    connection: u32,
    wire: &mut impl Wire,
) -> (usize, io::Result<usize>) {
    // Nearly always; to make room for many pieces costs as much as the rest of a flush.
    if let Some(piece) = queue.only(chunks) {
        return (piece.len(), wire.send(connection, &[IoSlice::new(piece)]));
    }
    let mut slices = [IoSlice::new(&[]); MOST_PIECES];
    let count = queue.slices(chunks, &mut slices);
    let slices = slices.get(..count).unwrap_or_default();
    (slices.iter().map(|slice| slice.len()).sum(), wire.send(connection, slices))
}
