//! Too much from one client: events of a client, connections and handshakes of
//! an address; and which address that is, behind proxies that may say so.

use std::net::{IpAddr, SocketAddr};

use slab::Slab;

use super::{
    Engine,
    config::Config,
    connection::{Connection, Exchange, Proxied, State},
    reason::Reason,
    session::Via,
    timers::Timer,
};
use crate::{
    base::{
        Millis,
        id::SocketId,
        limit::Limit,
        limits::{Limits, PROXY_BYTES, REFUSALS_AT_A_TIME},
        network::{Block, read_address},
        rate::{Bucket, Rate},
    },
    codec::{
        close::code,
        http::Request,
        proxy,
        response::{self, Answering},
    },
    hub::{SeededMap, Stage, seeded},
    session,
};

/// What clients have used of the limits that are here.
#[derive(Debug)]
pub(super) struct Flood {
    events: Option<Rate>,
    connects: Option<Rate>,
    handshakes: Option<Rate>,
    /// Some limit is about addresses.
    counts_addresses: bool,
    /// By a client's queue, if events are limited: it stays the same while the
    /// client moves between transports, leaves namespaces and enters them again.
    speakers: Vec<Bucket>,
    addresses: Slab<Used>,
    by_block: SeededMap<Block, u32>,
    /// When there are so many, those of which nothing is left are forgotten.
    sweep_at: usize,
    /// What a connection counts as, and what its plain WebSocket does, if
    /// addresses are counted.
    counted: SeededMap<u32, [Counted; 2]>,
    /// Whom a proxy has said to speak for on a connection.
    forwarded: SeededMap<u32, SocketAddr>,
}

/// What one address has used.
#[derive(Debug)]
struct Used {
    block: Block,
    connections: u32,
    sessions: u32,
    /// Connections that are being told that they are too many.
    refused: u32,
    connects: Bucket,
    handshakes: Bucket,
}

/// What a connection or a session counts as, until it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counted {
    #[default]
    Not,
    Connection(u32),
    Refused(u32),
    Session(u32),
}

/// Addresses that are remembered before it is looked whether they have to be.
const FEW_ADDRESSES: usize = 1_024;

impl Flood {
    pub(super) fn new(limits: &Limits, seed: u64) -> Self {
        let a_minute = |count| Rate::new(count, 60_000, count);
        let connects = a_minute(limits.address_connects_per_min);
        let handshakes = a_minute(limits.address_handshakes_per_min);
        let most = limits.address_connections.min(limits.address_sessions);
        Self {
            events: Rate::new(limits.client_events_per_s, 1_000, limits.client_events_burst),
            connects,
            handshakes,
            counts_addresses: connects.is_some() || handshakes.is_some() || most != u32::MAX,
            speakers: Vec::new(),
            addresses: Slab::new(),
            by_block: seeded(seed),
            sweep_at: FEW_ADDRESSES,
            counted: seeded(seed),
            forwarded: seeded(seed),
        }
    }

    /// What an address has used; `None` if nobody counts it.
    fn used(&mut self, address: Option<IpAddr>, now: Millis) -> Option<(u32, &mut Used)> {
        let block = Block::of(address.filter(|_| self.counts_addresses)?);
        if self.addresses.len() >= self.sweep_at {
            self.sweep(now);
        }
        let Self { addresses, by_block, .. } = self;
        let slot = *by_block.entry(block).or_insert_with(|| {
            let (connects, handshakes) = (Bucket::default(), Bucket::default());
            addresses.insert(Used { block, connections: 0, sessions: 0, refused: 0, connects, handshakes })
                as u32
        });
        Some((slot, addresses.get_mut(slot as usize)?))
    }

    /// Forgets addresses of which nothing is left.
    fn sweep(&mut self, now: Millis) {
        let Self { addresses, by_block, .. } = self;
        addresses.retain(|_, used| {
            let is_used = used.connections + used.sessions + used.refused > 0
                || !used.connects.is_full(now)
                || !used.handshakes.is_full(now);
            if !is_used {
                by_block.remove(&used.block);
            }
            is_used
        });
        self.sweep_at = (addresses.len() * 2).max(FEW_ADDRESSES);
    }

    /// What was counted is over.
    pub(super) fn release(&mut self, counted: Counted) {
        let (Counted::Connection(slot) | Counted::Refused(slot) | Counted::Session(slot)) = counted else {
            return;
        };
        let Some(used) = self.addresses.get_mut(slot as usize) else { return };
        match counted {
            Counted::Connection(_) => used.connections -= 1,
            Counted::Refused(_) => used.refused -= 1,
            _ => used.sessions -= 1,
        }
    }

    /// A connection is over.
    pub(super) fn forget_connection(&mut self, key: u32) {
        self.forwarded.remove(&key);
        let counted = self.counted.remove(&key);
        counted.into_iter().flatten().for_each(|counted| self.release(counted));
    }

    /// A client's queue is over: who gets its place begins anew.
    pub(super) fn forget_speaker(&mut self, queue: u32) {
        if let Some(bucket) = self.speakers.get_mut(queue as usize) {
            *bucket = Bucket::default();
        }
    }

    /// Whether nobody is counted any more.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_idle(&self) -> bool {
        let is_idle = |used: &Used| used.connections + used.sessions + used.refused == 0;
        self.counted.is_empty()
            && self.forwarded.is_empty()
            && self.addresses.iter().all(|(_, used)| is_idle(used))
    }

    #[cfg(test)]
    pub(super) fn known_addresses(&self) -> usize {
        assert_eq!(self.addresses.len(), self.by_block.len());
        self.addresses.len()
    }
}

/// Whether a peer may say whom it speaks for.
fn is_trusted(config: &Config, peer: Option<IpAddr>) -> bool {
    config.trusted_proxies.iter().any(|network| network.contains(peer))
}

/// Where a request comes from: the last address in `X-Forwarded-For` that is no
/// trusted proxy's, if the peer is one. Further to the left anybody may have
/// written anything.
pub(super) fn origin_of(config: &Config, peer: Option<SocketAddr>, request: &Request) -> Option<SocketAddr> {
    if config.trusted_proxies.is_empty() || !is_trusted(config, peer.map(|peer| peer.ip())) {
        return peer;
    }
    let mut origin = peer;
    let named: Vec<&[u8]> = request.list("x-forwarded-for").collect();
    for text in named.into_iter().rev() {
        let Some(address) = std::str::from_utf8(text).ok().and_then(read_address) else { break };
        origin = Some(address);
        if !is_trusted(config, Some(address.ip())) {
            break;
        }
    }
    origin
}

impl Engine {
    // Events of a client.

    /// Whether a socket's client may send one more event. If not, it is sent away,
    /// and what it still sends is not heard.
    pub(super) fn allows_event(&mut self, socket: SocketId) -> bool {
        let Some(rate) = self.flood.events else { return true };
        let Some(entry) = self.hub.get(socket) else { return true };
        let index = entry.route.queue as usize;
        if self.flood.speakers.len() <= index {
            self.flood.speakers.resize(index + 1, Bucket::default());
        }
        let allows = self.flood.speakers.get_mut(index).is_none_or(|bucket| bucket.take(rate, self.now));
        if !allows {
            self.stats.count_breach(Limit::ClientEvents);
            self.expel(socket);
        }
        allows
    }

    /// Sends a client away for good. After a DISCONNECT clients of Socket.IO do
    /// not come back by themselves.
    fn expel(&mut self, socket: SocketId) {
        let Some(entry) = self.hub.get(socket).filter(|entry| entry.stage != Stage::Left) else { return };
        let (owner, reason) = (entry.owner, Reason::Flood);
        let (code, text) = (Some(code::POLICY_VIOLATION), reason.as_str());
        log::debug!("socket {:#x}: {reason}", socket.get());
        let connection = match session::is_socketio(entry.route.format) {
            false => {
                self.part(socket, reason, code, text);
                self.cut_blocked(owner);
                owner
            }
            true => {
                let Some(session) = self.session(owner) else { return };
                let (sockets, via) = (session.sockets.clone(), session.via);
                // Before the goodbyes, which are not to be cut with the rest.
                if let Via::WebSocket(connection) = via {
                    self.cut_blocked(connection);
                }
                sockets.into_iter().for_each(|socket| self.dismiss_socket(owner, socket, reason, text));
                match via {
                    Via::Polling => return self.close_session(owner, reason),
                    Via::WebSocket(connection) => {
                        self.lose_session(owner, reason, code);
                        connection
                    }
                }
            }
        };
        self.push_close(connection, code, text);
        self.finish(connection);
    }

    // Connections of an address.

    /// A connection is there; what its first bytes are to be.
    pub(super) fn first_state(&mut self, peer: Option<SocketAddr>) -> State {
        match self.config.proxy_protocol && is_trusted(&self.config, peer.map(|peer| peer.ip())) {
            true => State::Proxied(Box::new(Proxied { peer, head: Vec::new() })),
            false => State::Http(Box::new(Exchange { peer, ..Exchange::default() })),
        }
    }

    /// Counts a connection of an address, unless that is a trusted proxy's. One
    /// too many is told so and closed.
    pub(super) fn judge_connection(&mut self, key: u32) {
        let peer = self.exchange(key).and_then(|exchange| exchange.peer).map(|peer| peer.ip());
        if is_trusted(&self.config, peer) {
            return;
        }
        let (most, rate) = (self.config.limits.address_connections, self.flood.connects);
        let now = self.now;
        let Some((slot, used)) = self.flood.used(peer, now) else { return };
        let breach = if used.connections >= most {
            Some(Limit::AddressConnections)
        } else if rate.is_some_and(|rate| !used.connects.take(rate, now)) {
            Some(Limit::AddressConnects)
        } else {
            used.connections += 1;
            None
        };
        let is_silent = used.refused >= REFUSALS_AT_A_TIME;
        used.refused += u32::from(breach.is_some());
        let counted = breach.map_or(Counted::Connection(slot), |_| Counted::Refused(slot));
        self.flood.counted.insert(key, [counted, Counted::Not]);
        let Some(breach) = breach else { return };
        self.stats.count_breach(breach);
        log::debug!("connection {key}: over {}", breach.as_str());
        if is_silent {
            return self.kill(key, Reason::PolicyViolation);
        }
        self.say_http(key, |out| {
            response::write_text(
                out,
                429,
                "too many connections from this address",
                &[],
                Answering::UNREADABLE,
            );
        });
        self.finish(key);
    }

    /// The header of the PROXY protocol; answers how far it has come.
    pub(super) fn take_proxy(&mut self, key: u32, at: usize, end: usize) -> usize {
        let Some(Connection { state: State::Proxied(proxied), .. }) = self.connections.get_mut(key as usize)
        else {
            return at;
        };
        let Proxied { peer, head } = &mut **proxied;
        let before = head.len();
        let end = end.min(at + PROXY_BYTES - before);
        head.extend_from_slice(self.turn.bytes(at..end));
        let (source, consumed) = match proxy::read(head) {
            Ok(proxy::Read::More) => return end,
            Ok(proxy::Read::Whole { source, consumed }) => (source, consumed),
            Err(fault) => {
                self.refuse(key, fault, Answering::UNREADABLE);
                return end;
            }
        };
        let is_nameless = source.is_none();
        let exchange = Exchange { peer: source.or(*peer), is_nameless, ..Exchange::default() };
        self.set_state(key, State::Http(Box::new(exchange)));
        self.timers.set(key, Timer::Head, self.now);
        if let Some(source) = source {
            self.flood.forwarded.insert(key, source);
            self.judge_connection(key);
        }
        at + consumed - before
    }

    /// Whom a proxy has said to speak for on a connection.
    pub(crate) fn forwarded(&self, key: u32) -> Option<SocketAddr> {
        self.flood.forwarded.get(&key).copied()
    }

    /// A connection goes over to one client, who may be behind a proxy.
    pub(super) fn note_forwarded(&mut self, key: u32, request: &Request) {
        if !self.config.trusted_proxies.is_empty()
            && let Some(peer) = request.peer()
            && self.exchange(key).is_some_and(|exchange| exchange.peer != Some(peer))
        {
            self.flood.forwarded.insert(key, peer);
        }
    }

    // Handshakes and sessions of an address.

    /// Counts a handshake; `false` if its address has had too many, or has too
    /// many sessions.
    pub(super) fn allows_handshake(&mut self, request: &Request) -> bool {
        let most = self.config.limits.address_sessions;
        if self.used_by(request).is_some_and(|(_, used)| used.sessions >= most) {
            self.stats.count_breach(Limit::AddressSessions);
            return false;
        }
        self.allows_entry(request)
    }

    /// The same for a further namespace of a session, which adds no session.
    pub(super) fn allows_entry(&mut self, request: &Request) -> bool {
        let (Some(rate), now) = (self.flood.handshakes, self.now) else { return true };
        let allows = self.used_by(request).is_none_or(|(_, used)| used.handshakes.take(rate, now));
        if !allows {
            self.stats.count_breach(Limit::AddressHandshakes);
        }
        allows
    }

    /// A session of an address has begun.
    pub(super) fn count_session(&mut self, request: &Request) -> Counted {
        let Some((slot, used)) = self.used_by(request) else { return Counted::Not };
        used.sessions += 1;
        Counted::Session(slot)
    }

    /// The same, of one whose client is on a plain WebSocket.
    pub(super) fn count_plain(&mut self, key: u32, request: &Request) {
        let counted = self.count_session(request);
        if counted != Counted::Not {
            self.flood.counted.entry(key).or_default()[1] = counted;
        }
    }

    fn used_by(&mut self, request: &Request) -> Option<(u32, &mut Used)> {
        let address = request.peer().map(|peer| peer.ip());
        if is_trusted(&self.config, address) {
            return None;
        }
        self.flood.used(address, self.now)
    }
}
