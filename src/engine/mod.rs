//! Floor 3: the whole server without I/O. Bytes come in with
//! [`receive`](Engine::receive), bytes to write go out through a [`Wire`] when
//! [`flush`](Engine::flush) is called, deadlines come out of
//! [`timeout`](Engine::timeout) and back in by
//! [`handle_timeout`](Engine::handle_timeout), and what happened is taken with
//! [`take_turn`](Engine::take_turn). There is no socket, no clock and no
//! randomness in here: the same calls give the same bytes.
//!
//! Methods come in kinds: what the loop tells the engine (this file and
//! `flush`), what clients do (`http`, `plain`, `polling`, `socketio`), what the host commands
//! (`commands`, `say`).

mod acks;
mod chunks;
mod commands;
pub(crate) mod config;
mod connection;
mod drain;
mod flood;
mod flush;
mod frames;
mod host_timers;
mod http;
mod memory;
mod plain;
mod polling;
mod queue;
pub(crate) mod reason;
mod recovery;
mod say;
mod session;
mod socketio;
pub(crate) mod stats;
#[cfg(any(test, fuzzing))]
pub(crate) mod tests;
mod timers;
pub(crate) mod turn;
mod upgrade;

use std::{mem, net::SocketAddr, sync::Arc};

use slab::Slab;

use crate::{
    base::{
        Millis,
        id::{Generation, SocketId},
        limit::Limit,
        limits::{LATE_MS, LINGER_MS, Limits, UNLIMITED},
        pool::BufferPool,
    },
    codec::{
        http::Request,
        message::{ReadLimits, Reader},
    },
    hub::{Change, Hub, SeededMap, Sid, acks::Acks, seeded},
    session::FORMATS,
};
use chunks::{Chunks, Log};
pub use commands::{Accept, Protocol, Transport};
use config::Config;
use connection::{Connection, Open, State};
use drain::Drain;
use flood::Flood;
pub(crate) use flush::Wire;
use host_timers::HostTimers;
use queue::{Carrier, SendQueue};
use reason::Reason;
use recovery::Recovery;
pub use say::Payload;
pub(crate) use say::{Loudness, check_size};
use session::{Session, Unclaimed};
use socketio::Door;
use stats::Stats;
use timers::{Timer, Timers};
use turn::{Record, Turn};

/// Fills a buffer with bytes that nobody can guess.
pub(crate) type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// The server, as a deterministic machine.
pub(crate) struct Engine {
    config: Config,
    read_limits: ReadLimits,
    hub: Hub,
    acks: Acks,
    connections: Slab<Connection>,
    queues: Slab<SendQueue>,
    chunks: Chunks,
    /// The log of everything that is not for a room.
    direct: Log,
    /// The logs of each room, by its key and by wire format.
    room_logs: Vec<[Log; FORMATS]>,
    /// Queues that have something to offer to the kernel.
    dirty: Vec<u32>,
    /// A queue has reached its cap without having been offered to the kernel.
    pressed: bool,
    timers: Timers,
    host_timers: HostTimers,
    turn: Turn,
    /// Counts turns.
    turns: u32,
    pool: BufferPool,
    /// Connections that have something to be looked at next turn.
    resuming: Vec<u32>,
    /// Connections that want bytes again.
    wanting: Vec<u32>,
    /// Connections that are over.
    dead: Vec<u32>,
    sessions: Slab<Session>,
    by_sid: SeededMap<Sid, u32>,
    unclaimed: Unclaimed,
    recovery: Recovery,
    session_timers: Timers,
    entry_timers: Timers,
    attachment_timers: Timers,
    /// Socket.IO clients that wait for their guard, and how long, by their index.
    doors: SeededMap<SocketId, Door>,
    guard_timers: Timers,
    /// Subprotocols that plain WebSockets have settled on.
    protocols: SeededMap<SocketId, Box<str>>,
    /// What Socket.IO clients gave as `auth`, if anything.
    auths: SeededMap<SocketId, Box<str>>,
    /// Messages dropped for a socket since its last drain event.
    drops: SeededMap<SocketId, u64>,
    /// The requests that sockets came with, as long as they are kept.
    handshakes: SeededMap<SocketId, Arc<Request>>,
    /// Sockets whose handshake goes with the next turn.
    announced: Vec<SocketId>,
    flood: Flood,
    requests: Generation,
    /// Memory of messages that have arrived in part, and of bytes that wait to
    /// be looked at.
    partial_bytes: usize,
    queued_bytes: usize,
    stats: Stats,
    random: Random,
    now: Millis,
    /// When deadlines were judged last, and when that came late last.
    judged_at: Millis,
    held_up_at: Millis,
    /// No more clients are taken; and the host has been told that all are gone.
    closed: bool,
    stopped: bool,
    /// When whoever is still connected is cut off.
    stop_at: Option<Millis>,
    drain: Option<Drain>,
}

impl Engine {
    /// A server to which nobody is connected; `random` must be unguessable.
    pub(crate) fn new(config: Config, mut random: Random) -> Self {
        let limits = &config.limits;
        let mut seeds = [[0; 8]; 4];
        seeds.iter_mut().for_each(|seed| random(seed));
        let [hub_seed, acks_seed, handshakes_seed, sessions_seed] = seeds.map(u64::from_le_bytes);
        let mut hub = Hub::new(hub_seed, limits.rooms);
        (hub.watch_rooms, hub.watch_members) = (config.room_events, config.member_events);
        hub.open("/", crate::hub::Namespace::default());
        let timers = || Timers::new(|timer| wait_of(timer, limits));
        let (timers, session_timers, entry_timers, attachment_timers, guard_timers) =
            (timers(), timers(), timers(), timers(), timers());
        Self {
            read_limits: ReadLimits {
                message_bytes: limits.message_bytes,
                fragments: limits.message_fragments,
            },
            hub,
            acks: Acks::new(acks_seed),
            connections: Slab::new(),
            queues: Slab::new(),
            chunks: Chunks::default(),
            direct: Log::default(),
            room_logs: Vec::new(),
            dirty: Vec::new(),
            pressed: false,
            timers,
            host_timers: HostTimers::default(),
            turn: Turn::default(),
            turns: 0,
            pool: BufferPool::default(),
            resuming: Vec::new(),
            wanting: Vec::new(),
            dead: Vec::new(),
            sessions: Slab::new(),
            by_sid: seeded(sessions_seed),
            unclaimed: Unclaimed::default(),
            recovery: Recovery::new(sessions_seed),
            session_timers,
            entry_timers,
            attachment_timers,
            doors: seeded(sessions_seed),
            guard_timers,
            protocols: seeded(sessions_seed),
            auths: seeded(sessions_seed),
            drops: seeded(sessions_seed),
            handshakes: seeded(handshakes_seed),
            announced: Vec::new(),
            flood: Flood::new(&config.limits, sessions_seed),
            requests: Generation::FIRST,
            partial_bytes: 0,
            queued_bytes: 0,
            stats: Stats::default(),
            random,
            now: 0,
            judged_at: 0,
            held_up_at: 0,
            closed: false,
            stopped: false,
            stop_at: None,
            drain: None,
            config,
        }
    }

    // What the loop tells the engine.

    /// A turn begins: what the events of the last one were about is forgotten.
    pub(crate) fn begin_turn(&mut self, events: &mut Turn, now: Millis) {
        self.now = now;
        self.turns = self.turns.wrapping_add(1);
        events.clear(&mut self.pool);
        self.reap_sockets();
        for socket in mem::take(&mut self.announced) {
            self.handshakes.remove(&socket);
        }
    }

    /// A client has connected. Answers the connection's key.
    pub(crate) fn connect(&mut self, peer: Option<SocketAddr>, now: Millis) -> u32 {
        self.now = now;
        let state = self.first_state(peer);
        let entry = self.connections.vacant_entry();
        let key = entry.key() as u32;
        let queue = self.queues.insert(SendQueue::new(Carrier::Connection(key))) as u32;
        entry.insert(Connection { queue, heard: false, resuming: false, state, held: None });
        self.timers.set(key, Timer::Head, now);
        self.stats.accepted += 1;
        self.judge_connection(key);
        key
    }

    /// Where the bytes of the next read go.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.turn.space()
    }

    /// Whether this turn's events hold as much as they may.
    pub(crate) fn is_full(&self) -> bool {
        self.turn.is_full()
    }

    /// `count` bytes of a connection were read into [`space`](Self::space).
    pub(crate) fn receive(&mut self, key: u32, count: usize, now: Millis) {
        self.now = now;
        self.stats.bytes_in += count as u64;
        let start = self.turn.filled();
        self.take_bytes(key, start, start + count);
    }

    /// Whether bytes of this connection are of use now. When that changes, it
    /// comes out of [`take_wanting`](Self::take_wanting).
    pub(crate) fn wants_bytes(&self, key: u32) -> bool {
        wants_bytes(&self.connections, &self.queues, self.config.limits.waiting_bytes, key)
    }

    /// A connection that may want bytes again.
    pub(crate) fn take_wanting(&mut self) -> Option<u32> {
        self.wanting.pop()
    }

    /// Looks again at what had to wait for this turn.
    pub(crate) fn resume(&mut self, now: Millis) {
        self.now = now;
        let mut listed = mem::take(&mut self.resuming).into_iter();
        for key in listed.by_ref() {
            if self.turn.is_full() {
                self.resuming.push(key);
                break;
            }
            let Some(connection) = self.connections.get_mut(key as usize) else { continue };
            connection.resuming = false;
            if let State::Open(open) = &mut connection.state
                && let Some(ending) = open.ending.take()
            {
                self.end_websocket(key, *ending);
                continue;
            }
            let held = connection.held.take();
            if let Some(held) = held {
                self.partial_bytes -= held.capacity();
                let range = self.turn.stage(&held);
                self.take_bytes(key, range.start, range.end);
            }
            self.wanting.push(key);
        }
        self.resuming.extend(listed);
    }

    /// The peer has closed its end.
    pub(crate) fn end(&mut self, key: u32, now: Millis) {
        self.now = now;
        let Some(connection) = self.connections.get(key as usize) else { return };
        match &connection.state {
            // Who half-closes behind a request still gets the answer, and all
            // of it.
            State::Http(exchange) if exchange.asked.is_some() => {}
            State::Http(_) if self.queue_of(key).is_some_and(|queue| !queue.is_empty()) => {
                self.abandon_request(key, Reason::TransportClose);
                self.finish(key);
            }
            // What it sent before is looked at first; the end is seen again then.
            State::Open(open) if open.ending.is_some() => {
                self.resume_one(key);
                self.kill(key, Reason::TransportClose);
            }
            State::Finishing => {}
            _ => self.kill(key, Reason::TransportClose),
        }
    }

    /// The connection is gone both ways while its bytes are not read, because
    /// the host or a guard has to speak first.
    pub(crate) fn vanish(&mut self, key: u32, now: Millis) {
        self.now = now;
        let state = self.connections.get(key as usize).map(|connection| &connection.state);
        if let Some(State::Proxied(_) | State::Http(_) | State::Waiting(_) | State::Finishing) = state {
            self.kill(key, Reason::TransportClose);
        }
    }

    /// The connection is broken.
    pub(crate) fn fail(&mut self, key: u32, now: Millis) {
        self.now = now;
        self.kill(key, Reason::TransportError);
    }

    /// The kernel takes bytes of this connection again.
    pub(crate) fn writable(&mut self, key: u32) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        let queue = connection.queue;
        if let Some(entry) = self.queues.get_mut(queue as usize) {
            entry.blocked = false;
            if !entry.is_empty() || entry.owed_pong.is_some() {
                mark_dirty(&mut self.dirty, entry, queue);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; at once while
    /// something waits for a turn.
    pub(crate) fn timeout(&self) -> Option<Millis> {
        if self.has_work() {
            return Some(self.now);
        }
        let deadlines = [
            self.timers.deadline(),
            self.session_timers.deadline(),
            self.entry_timers.deadline(),
            self.attachment_timers.deadline(),
            self.guard_timers.deadline(),
            self.recovery.deadline(),
            self.stop_at,
            self.drain.as_ref().map(Drain::due),
            self.acks.deadline(),
            self.host_timers.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Whether the next turn has something to do that needs no waiting.
    pub(crate) fn has_work(&self) -> bool {
        !self.turn.records.is_empty()
            || !self.resuming.is_empty()
            || !self.wanting.is_empty()
            || !self.dead.is_empty()
            || self.has_stopped()
    }

    /// Whether no more clients are taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the host is still to be told that all are gone.
    fn has_stopped(&self) -> bool {
        self.closed && !self.stopped && self.connections.is_empty()
    }

    /// Does what is due by `now`. Connections for which `unread` says that
    /// bytes of theirs have not been looked at, and will be, are not taken for
    /// silent; nor are clients on polling, when the loop has been held up, as long
    /// as there are `more` bytes to be read of anybody, which may be theirs.
    pub(crate) fn handle_timeout(&mut self, now: Millis, unread: impl Fn(u32) -> bool, more: bool) {
        self.now = now;
        if now > self.judged_at + LATE_MS {
            self.held_up_at = now;
        }
        self.judged_at = now;
        let waiting_bytes = self.config.limits.waiting_bytes;
        loop {
            let Self { timers, connections, queues, .. } = self;
            let will_be_read = |key| unread(key) && wants_bytes(connections, queues, waiting_bytes, key);
            let Some((key, timer)) = timers.take_expired(now, will_be_read) else { break };
            self.expire(key, timer);
        }
        // Who never stops writing does not prolong this for ever.
        let patience_ms = Millis::from(self.config.limits.ping_timeout_ms);
        self.expire_sessions(&unread, more && now < self.held_up_at + patience_ms);
        self.expire_guards();
        self.expire_gone();
        if self.stop_at.is_some_and(|at| at <= now) {
            self.stop_at = None;
            self.end_drain();
        }
        self.drain_on();
        while let Some(timed_out) = self.acks.take_expired(now) {
            self.expire_ack(timed_out);
        }
        while let Some((timer, tag)) = self.host_timers.take_expired(now) {
            self.turn.push(Record::Timer { timer, tag });
        }
    }

    /// Ends the turn: what happened goes to the host, and `events`, which must
    /// be clear, is what the next turn fills.
    pub(crate) fn take_turn(&mut self, events: &mut Turn) {
        self.hub.deliver_left();
        if self.has_stopped() && self.drain.is_none() {
            self.stopped = true;
            self.turn.push(Record::Stopped);
        }
        if !self.handshakes.is_empty() {
            let keeps = self.config.keep_handshake != config::Keep::Nothing;
            let done = self.turn.records.iter().filter_map(|record| match record {
                Record::Connect { socket, .. } if !keeps => Some(*socket),
                Record::Disconnect { socket, .. } => Some(*socket),
                _ => None,
            });
            self.announced.extend(done);
        }
        mem::swap(&mut self.turn, events);
    }

    /// Hands each connection that is over to `close`, and forgets it.
    pub(crate) fn reap(&mut self, mut close: impl FnMut(u32)) {
        for key in mem::take(&mut self.dead) {
            let Some(connection) = self.connections.try_remove(key as usize) else { continue };
            self.timers.clear(key);
            self.free_queue(connection.queue);
            self.flood.forget_connection(key);
            close(key);
        }
    }

    // Within the engine.

    /// Looks at bytes in the arena until they are used up or have to wait.
    fn take_bytes(&mut self, key: u32, mut at: usize, end: usize) {
        while at < end {
            let Some(connection) = self.connections.get_mut(key as usize) else { return };
            connection.heard = true;
            let before = at;
            match &mut connection.state {
                State::Proxied(_) => at = self.take_proxy(key, at, end),
                State::Http(_) => at = self.take_http(key, at, end),
                State::Open(_) => at = self.take_frames(key, at, end),
                State::Closing(_) => {
                    self.take_last_frames(key, at, end);
                    return;
                }
                State::Finishing | State::Lingering | State::Dead => return,
                State::Waiting(_) => {}
            }
            if at == before {
                return self.hold(key, at, end);
            }
        }
    }

    /// Keeps bytes that can't be looked at yet.
    fn hold(&mut self, key: u32, at: usize, end: usize) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let bytes = self.turn.bytes(at..end);
        let held = connection.held.get_or_insert_default();
        let before = held.capacity();
        held.extend_from_slice(bytes);
        self.partial_bytes += held.capacity() - before;
    }

    /// Lists a connection to be looked at next turn.
    fn resume_later(&mut self, key: u32) {
        if let Some(connection) = self.connections.get_mut(key as usize)
            && !connection.resuming
        {
            connection.resuming = true;
            self.resuming.push(key);
        }
    }

    /// Lets a WebSocket end that has an end in store.
    fn resume_one(&mut self, key: u32) {
        if let Some(Connection { state: State::Open(open), .. }) = self.connections.get_mut(key as usize)
            && let Some(ending) = open.ending.take()
        {
            self.end_websocket(key, *ending);
        }
    }

    fn expire(&mut self, key: u32, timer: Timer) {
        match timer {
            Timer::Head | Timer::Body => self.expire_request(key, timer),
            Timer::Respond => self.expire_response(key),
            Timer::Guard => self.expire_guard(key),
            Timer::Ping => self.ping(key),
            Timer::Pong => self.miss_pong(key),
            Timer::Idle => {
                self.stats.count_breach(Limit::IdleTimeout);
                self.finish(key);
            }
            Timer::Upgrade => self.expire_probe(key),
            _ => {
                if timer == Timer::Close {
                    self.stats.count_breach(Limit::CloseTimeout);
                }
                self.kill(key, Reason::TransportClose);
            }
        }
    }

    /// Lets the send queue run out, then closes our end.
    fn finish(&mut self, key: u32) {
        self.set_state(key, State::Finishing);
        self.timers.set(key, Timer::Close, self.now);
        self.mark_connection_dirty(key);
    }

    /// Ends a connection at once.
    fn kill(&mut self, key: u32, reason: Reason) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        if let State::Dead = connection.state {
            return;
        }
        self.abandon_request(key, reason);
        let Some(connection) = self.connections.get(key as usize) else { return };
        if let Some(client) = connection.client() {
            self.lose(client, reason, Some(crate::codec::close::code::ABNORMAL), reason.as_str());
        }
        self.set_state(key, State::Dead);
        self.timers.clear(key);
        self.dead.push(key);
    }

    /// Moves a connection on; what its old state held is given back.
    fn set_state(&mut self, key: u32, state: State) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        if let State::Finishing | State::Lingering | State::Dead = state
            && let Some(held) = connection.held.take()
        {
            self.partial_bytes -= held.capacity();
        }
        match mem::replace(&mut connection.state, state) {
            State::Open(Open { mut reader, .. }) | State::Closing(mut reader) => self.end_reader(&mut reader),
            State::Http(exchange) => {
                self.partial_bytes -= exchange.body.map_or(0, |(_, _, payload)| payload.capacity());
                self.leave_http(exchange.parked.map(|parked| parked.session), exchange.posting);
            }
            _ => {}
        }
        self.wanting.push(key);
    }

    fn end_reader(&mut self, reader: &mut Reader) {
        self.partial_bytes -= reader.held();
        reader.end(&mut self.pool);
    }

    fn queue_of(&self, key: u32) -> Option<&SendQueue> {
        self.queues.get(self.connections.get(key as usize)?.queue as usize)
    }

    fn mark_connection_dirty(&mut self, key: u32) {
        let queue = self.connections.get(key as usize).map(|connection| connection.queue);
        queue.into_iter().for_each(|queue| self.mark_queue_dirty(queue));
    }

    fn mark_queue_dirty(&mut self, key: u32) {
        if let Some(queue) = self.queues.get_mut(key as usize) {
            mark_dirty(&mut self.dirty, queue, key);
        }
    }

    fn free_queue(&mut self, key: u32) {
        if let Some(mut queue) = self.queues.try_remove(key as usize) {
            self.flood.forget_speaker(key);
            self.queued_bytes -= queue.bytes();
            queue.clear(&mut self.chunks);
        }
    }

    /// Tells the host what became different in rooms, if it wants to know.
    fn note_changes(&mut self) {
        for change in mem::take(&mut self.hub.changes) {
            let (nsp, room) = match &change {
                Change::Created { nsp, room }
                | Change::Deleted { nsp, room }
                | Change::Joined { nsp, room, .. }
                | Change::Left { nsp, room, .. } => (self.turn.nsp(nsp), self.turn.text(room)),
            };
            self.turn.push(match change {
                Change::Created { .. } => Record::Room { nsp, room, created: true },
                Change::Deleted { .. } => Record::Room { nsp, room, created: false },
                Change::Joined { socket, .. } => Record::Member { socket, nsp, room, joined: true },
                Change::Left { socket, .. } => Record::Member { socket, nsp, room, joined: false },
            });
        }
    }

    fn nsp(&mut self, key: u32) -> turn::Nsp {
        self.hub.namespace(key).map_or(turn::Nsp::default(), |entry| self.turn.namespace(&entry.name))
    }
}

/// How long a wait of a kind is; `None` for ever.
fn wait_of(timer: Timer, limits: &Limits) -> Option<u32> {
    let wait_ms = match timer {
        Timer::Head => limits.head_timeout_ms,
        Timer::Body => limits.body_timeout_ms,
        Timer::Idle => limits.idle_timeout_ms,
        Timer::Respond => limits.response_timeout_ms,
        Timer::Guard | Timer::Enter => limits.connect_timeout_ms,
        Timer::Ping => limits.ping_interval_ms,
        Timer::Pong => limits.ping_timeout_ms,
        Timer::Close => limits.close_timeout_ms,
        Timer::Linger => LINGER_MS,
        Timer::Upgrade => limits.upgrade_timeout_ms,
        Timer::Attachments => limits.attachment_timeout_ms,
        Timer::Fetch => limits.drop_timeout_ms,
    };
    (wait_ms != UNLIMITED).then_some(wait_ms)
}

/// Whether bytes of a connection are of use now.
fn wants_bytes(
    connections: &Slab<Connection>,
    queues: &Slab<SendQueue>,
    waiting_bytes: u32,
    key: u32,
) -> bool {
    let Some(connection) = connections.get(key as usize) else { return false };
    let owed = queues.get(connection.queue as usize).map_or(0, |queue| queue.bytes());
    connection.wants_bytes(waiting_bytes, owed)
}

/// Lists a queue for the next flush, once.
fn mark_dirty(dirty: &mut Vec<u32>, queue: &mut SendQueue, key: u32) {
    if !queue.dirty {
        queue.dirty = true;
        dirty.push(key);
    }
}
