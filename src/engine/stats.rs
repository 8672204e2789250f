//! Counters for those who operate a server.

use super::reason::Reason;
use crate::base::limit::Limit;

/// Counts since the server was made, and gauges of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Open connections, whatever they speak.
    pub connections: u64,
    /// Sessions: plain WebSockets that are in a namespace or wait at its door,
    /// and Engine.IO sessions, which may be in several or in none.
    pub sessions: u64,
    /// Sockets that are in a namespace.
    pub sockets: u64,
    /// Namespaces, the dynamic ones included.
    pub namespaces: u64,
    /// Rooms in all namespaces.
    pub rooms: u64,
    /// Bytes that wait in send queues, each counted for every receiver.
    pub queued_bytes: u64,
    /// Memory of all send queues, partial messages and what Socket.IO clients
    /// entered with, shared bytes counted once.
    pub memory_bytes: u64,

    /// Connections taken since the start.
    pub accepted: u64,
    /// Messages received: events, acks, raw messages.
    pub messages_in: u64,
    /// Messages queued, counted for every receiver.
    pub messages_out: u64,
    /// Bytes received, framing included.
    pub bytes_in: u64,
    /// Bytes the system took for sending, framing included.
    pub bytes_out: u64,
    /// HTTP requests that were no handshakes.
    pub requests: u64,
    /// Messages that could not be taken and were answered with `exception`.
    pub exceptions: u64,

    /// Volatile messages that were not sent because the client was behind.
    pub dropped_volatile: u64,
    /// Messages that were dropped because a send queue was full. Under
    /// [`Overflow::Drop`](crate::Overflow::Drop) each is told by a
    /// [`Drain`](crate::Event::Drain), when there is room again or its socket leaves;
    /// otherwise its client is disconnected.
    pub dropped_full: u64,

    /// Handshakes and requests refused because they were malformed or over a
    /// limit.
    pub refused_malformed: u64,
    /// Handshakes refused because of their origin.
    pub refused_origin: u64,
    /// Handshakes for a namespace that is not there.
    pub refused_namespace: u64,
    /// Handshakes without a subprotocol in common where one is demanded.
    pub refused_subprotocol: u64,
    /// Handshakes that the guard rejected.
    pub refused_guard: u64,
    /// Requests and handshakes that took too long.
    pub refused_timeout: u64,
    /// Times that accepting had to pause, with clients at the door, because
    /// descriptors or places ran out.
    pub accept_pauses: u64,

    disconnects: [u64; Reason::ALL.len()],
    breaches: Breaches,
}

/// How often each limit was met. A longer array has no default in the library.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Breaches([u64; Limit::ALL.len()]);

impl Default for Breaches {
    fn default() -> Self {
        Self([0; Limit::ALL.len()])
    }
}

impl Stats {
    /// How many sockets are gone for this reason.
    #[must_use]
    pub fn disconnects(&self, reason: Reason) -> u64 {
        self.disconnects.get(reason as usize).copied().unwrap_or_default()
    }

    /// How often this limit was met: by clients, but
    /// [`MailboxBytes`](Limit::MailboxBytes) by other threads.
    /// [`Connections`](Limit::Connections) counts each time that the last place was taken
    /// and somebody waited at the door, who is let in when another leaves.
    #[must_use]
    pub fn breaches(&self, limit: Limit) -> u64 {
        self.breaches.0.get(limit as usize).copied().unwrap_or_default()
    }

    pub(crate) fn count_breach(&mut self, limit: Limit) {
        self.count_breaches(limit, 1);
    }

    pub(crate) fn count_breaches(&mut self, limit: Limit, times: u64) {
        if let Some(count) = self.breaches.0.get_mut(limit as usize) {
            *count += times;
        }
    }

    pub(crate) fn count_disconnect(&mut self, reason: Reason) {
        if let Some(count) = self.disconnects.get_mut(reason as usize) {
            *count += 1;
        }
    }
}
