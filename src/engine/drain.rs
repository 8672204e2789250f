//! The end of a server: no more clients are taken, and those that are there are
//! sent away in batches, so that they do not all come to the next server in one
//! moment. Until it is their turn they go on as ever.

use std::{collections::VecDeque, time::Duration};

use super::{
    Engine,
    connection::{Connection, State},
    plain::SHUTTING_DOWN,
    reason::Reason,
    say::millis,
};
use crate::{
    base::{
        Millis,
        id::SocketId,
        limits::{DRAIN_BATCH, DRAIN_FETCH_MS, DRAIN_PAUSE_MS, DRAIN_SPREAD_MS},
    },
    codec::{
        close::code,
        response::{self, Answering},
    },
    session,
};

/// Who is still to be said goodbye to.
#[derive(Debug)]
pub(super) struct Drain {
    left: VecDeque<Guest>,
    batch: usize,
    /// When the next batch is due; after the last, when connections that speak
    /// HTTP are closed, over which last words may be fetched until then.
    next: Millis,
    /// When all are to have been told, however long the pauses were.
    until: Millis,
}

#[derive(Clone, Copy, Debug)]
enum Guest {
    Session(u32),
    Plain(SocketId),
}

impl Drain {
    pub(super) fn due(&self) -> Millis {
        self.next
    }
}

impl Engine {
    /// Takes no more clients, and says goodbye to those that are there.
    pub(crate) fn close(&mut self) {
        self.begin_drain(DRAIN_SPREAD_MS);
    }

    /// The same, and whoever is left after `grace` is cut off. Half of it is for
    /// those who hear it last.
    pub(crate) fn close_within(&mut self, grace: Duration) {
        let grace = millis(grace);
        self.stop_at = Some(self.now.saturating_add(grace));
        self.begin_drain((grace / 2).min(DRAIN_SPREAD_MS));
    }

    fn begin_drain(&mut self, spread_ms: Millis) {
        self.closed = true;
        self.expire_all_gone();
        let sessions = self.sessions.iter().map(|(key, _)| Guest::Session(key as u32));
        let is_plain = |socket: &SocketId| {
            self.hub.get(*socket).is_some_and(|entry| !session::is_socketio(entry.route.format))
        };
        let plain = self.hub.all().into_iter().filter(is_plain).map(Guest::Plain);
        let left: VecDeque<Guest> = sessions.chain(plain).collect();
        let batches = (spread_ms / DRAIN_PAUSE_MS).max(1) as usize;
        let batch = left.len().div_ceil(batches).max(DRAIN_BATCH);
        self.drain = Some(Drain { left, batch, next: self.now, until: self.now.saturating_add(spread_ms) });
        self.drain_on();
    }

    /// Says goodbye to the next batch, if it is due. Called in every turn.
    pub(super) fn drain_on(&mut self) {
        let Some(drain) = &mut self.drain else { return };
        // Without a connection nobody can be told anything any more.
        let is_alone = self.connections.is_empty();
        if drain.left.is_empty() && (is_alone || self.sessions.is_empty() || drain.next <= self.now) {
            self.drain = None;
            return self.finish_idle();
        }
        if drain.next > self.now && !is_alone {
            return;
        }
        let is_late = drain.until <= self.now;
        let count = if is_alone || is_late { drain.left.len() } else { drain.batch.min(drain.left.len()) };
        let batch: Vec<Guest> = drain.left.drain(..count).collect();
        let is_last = drain.left.is_empty();
        let mut jitter = [0; 2];
        (self.random)(&mut jitter);
        let jitter = Millis::from(u16::from_le_bytes(jitter)) % DRAIN_PAUSE_MS;
        drain.next = match is_last {
            true => self.now + DRAIN_FETCH_MS,
            false => drain.until.min(self.now + DRAIN_PAUSE_MS / 2 + jitter),
        };
        batch.into_iter().for_each(|guest| self.see_off(guest));
        if is_last {
            // Unless a session is still to be fetched by a poll, that was all.
            self.drain_on();
        }
    }

    /// The time is over: whoever is still there is cut off.
    pub(super) fn end_drain(&mut self) {
        let left = self.drain.take().map(|drain| drain.left).unwrap_or_default();
        left.into_iter().for_each(|guest| self.see_off(guest));
        self.finish_idle();
        let keys: Vec<u32> = self.connections.iter().map(|(key, _)| key as u32).collect();
        keys.into_iter().for_each(|key| self.kill(key, Reason::Shutdown));
    }

    /// Says goodbye to one client, behind all that was said to it before. One of
    /// Socket.IO does not come back after a DISCONNECT, so it gets none.
    fn see_off(&mut self, guest: Guest) {
        match guest {
            Guest::Plain(socket) => {
                self.dismiss(socket, Reason::Shutdown, code::GOING_AWAY, "server shutting down");
            }
            Guest::Session(key) => self.close_session(key, Reason::Shutdown),
        }
    }

    /// What has not been fetched by now is forgotten, and nobody waits for an
    /// answer on the connections that still speak HTTP; who is in the middle of a
    /// request is told that there will be none.
    fn finish_idle(&mut self) {
        let sessions: Vec<u32> = self.sessions.iter().map(|(key, _)| key as u32).collect();
        sessions.into_iter().for_each(|key| self.forget_session(key, None));
        let idle = |(key, connection): (usize, &Connection)| match &connection.state {
            State::Http(exchange) if exchange.asked.is_none() => {
                Some((key as u32, exchange.head.has_begun() || exchange.body.is_some()))
            }
            State::Proxied(_) => Some((key as u32, false)),
            _ => None,
        };
        let idle: Vec<(u32, bool)> = self.connections.iter().filter_map(idle).collect();
        for (key, has_begun) in idle {
            if has_begun {
                self.say_http(key, |out| response::write_fault(out, SHUTTING_DOWN, Answering::UNREADABLE));
            }
            self.finish(key);
        }
    }
}
