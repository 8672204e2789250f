//! The budget of all send queues, partial messages and kept packets together:
//! over it, whoever holds the most of it goes first.

use super::{
    Engine,
    connection::{Client, Open, State},
    reason::Reason,
    session::Via,
};
use crate::base::limit::Limit;

/// Who holds memory: a connection, or what an Engine.IO session holds beside
/// its connection's.
#[derive(Clone, Copy, Debug)]
enum Holder {
    Connection(u32),
    Session(u32),
}

impl Engine {
    /// Called after each flush, which is when memory is at its least.
    pub(super) fn keep_memory_bound(&mut self) {
        if !self.is_over_memory() {
            return;
        }
        let connections = self.connections.iter().map(|(key, _)| Holder::Connection(key as u32));
        let sessions = self.sessions.iter().map(|(key, _)| Holder::Session(key as u32));
        let mut holders: Vec<(usize, Holder)> =
            connections.chain(sessions).map(|holder| (self.held_by(holder), holder)).collect();
        holders.sort_by_key(|(held, _)| *held);
        while self.is_over_memory()
            && let Some((_, most)) = holders.pop()
        {
            // Its connection may have taken it along.
            if self.held_by(most) == 0 {
                continue;
            }
            self.stats.count_breach(Limit::MemoryBytes);
            match most {
                Holder::Connection(key) => self.give_up(key),
                Holder::Session(key) => match self.session(key).map(|session| session.via) {
                    Some(Via::WebSocket(connection)) => self.give_up(connection),
                    _ => self.end_session(key, Reason::OutOfMemory, None),
                },
            }
        }
    }

    fn is_over_memory(&self) -> bool {
        (self.chunks.bytes() + self.partial_bytes) as u64 > self.config.limits.memory_bytes
    }

    fn held_by(&self, holder: Holder) -> usize {
        let queued = |queue: u32| self.queues.get(queue as usize).map_or(0, |queue| queue.bytes());
        match holder {
            Holder::Connection(key) => {
                let Some(connection) = self.connections.get(key as usize) else { return 0 };
                let partial = match &connection.state {
                    State::Open(Open { reader, .. }) | State::Closing(reader) => reader.held(),
                    State::Http(exchange) => {
                        exchange.body.as_ref().map_or(0, |(_, _, payload)| payload.capacity())
                    }
                    _ => 0,
                };
                let held = connection.held.as_ref().map_or(0, |held| held.capacity());
                queued(connection.queue) + partial + held
            }
            Holder::Session(key) => {
                let Some(session) = self.session(key) else { return 0 };
                let queued = if session.via == Via::Polling { queued(session.queue) } else { 0 };
                let kept = session.sockets.iter().map(|socket| self.held_by_socket(*socket)).sum::<usize>();
                queued + session.incomplete.held() + kept
            }
        }
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
