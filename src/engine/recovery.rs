//! Connection state recovery (Socket.IO 5, §8): a client that lost its
//! connection comes back as the same socket, with what it missed.
//!
//! What is said to Socket.IO clients is numbered and kept in one ring, bounded
//! in number, bytes and age. A socket that goes in a way that it may come back
//! from is kept for as long as the window says, and then expires.

use std::collections::VecDeque;

use super::{Engine, Loudness, reason::Reason, turn::Record};
use crate::{
    base::{Millis, id::SocketId},
    codec::{
        engineio::answer,
        frame::{self, Opcode},
        socketio,
    },
    hub::{SeededMap, Sid, audience::Selection, seeded},
    session::{Outgoing, socketio as dialect},
};

/// What is kept for clients that may come back.
pub(super) struct Recovery {
    ring: VecDeque<Stored>,
    ring_bytes: usize,
    /// Number of the last event.
    last: u64,
    /// The newest event that was given up: its number, and when it was said.
    lost: (u64, Millis),
    /// By the private id of live sockets, and by socket.
    live: SeededMap<Sid, SocketId>,
    pids: SeededMap<SocketId, Pid>,
    /// Sockets that are gone and may come back, by their private id.
    gone: SeededMap<Sid, Gone>,
    /// When each of them expires. Some have come back since, and perhaps gone
    /// again as another socket.
    expiries: VecDeque<(Millis, Sid, SocketId)>,
}

/// A live socket's claim to come back.
#[derive(Clone, Copy, Debug)]
struct Pid {
    pid: Sid,
    /// Number of the last event before it entered.
    since: u64,
}

/// An event that somebody may have missed.
struct Stored {
    number: u64,
    at: Millis,
    nsp: Box<str>,
    rooms: Vec<Box<str>>,
    sids: Vec<Sid>,
    except_rooms: Vec<Box<str>>,
    except_sids: Vec<Sid>,
    text: Vec<u8>,
    attachments: Vec<Vec<u8>>,
    bytes: usize,
}

/// A socket that may come back.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) socket: SocketId,
    nsp: Box<str>,
    pub(super) sid: Sid,
    pub(super) pid: Sid,
    pub(super) rooms: Vec<String>,
    pub(super) user: u64,
    since: u64,
    /// What was said before this moment has reached it.
    proven_at: Millis,
    until: Millis,
}

/// What an event costs beside its bytes.
const STORED_COST: usize = 200;

impl Recovery {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            ring: VecDeque::new(),
            ring_bytes: 0,
            last: 0,
            lost: (0, 0),
            live: seeded(seed),
            pids: seeded(seed),
            gone: seeded(seed),
            expiries: VecDeque::new(),
        }
    }

    /// When the next socket expires.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.expiries.front().map(|&(until, ..)| until)
    }

    /// Whether nobody may come back, now or later.
    #[cfg(any(test, fuzzing))]
    pub(super) fn has_nobody(&self) -> bool {
        self.live.is_empty() && self.pids.is_empty() && self.gone.is_empty() && self.expiries.is_empty()
    }

    /// Memory of the events that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.ring_bytes
    }
}

/// The number of an event as clients see it.
fn offset(number: u64) -> String {
    format!("{number:x}")
}

impl Engine {
    fn window(&self) -> Option<&super::config::Recovery> {
        self.config.socketio.as_ref()?.recovery.as_ref()
    }

    /// Whether clients may come back here.
    pub(super) fn recovers(&self) -> bool {
        self.window().is_some()
    }

    /// Numbers and keeps an event for those who may miss it; answers the offset
    /// that it carries. Questions, acks and volatile events have none.
    pub(super) fn store(
        &mut self,
        to: &Selection<'_>,
        outgoing: &Outgoing<'_>,
        loudness: Loudness,
    ) -> Option<String> {
        self.window()?;
        let plain = matches!(outgoing, Outgoing::Event { id: None, .. } | Outgoing::Data(_));
        if !plain || loudness == Loudness::Volatile {
            return None;
        }
        self.recovery.last += 1;
        let number = self.recovery.last;
        let offset = offset(number);
        let namespaces: Vec<Box<str>> = match to.namespace {
            Some(nsp) => vec![nsp.into()],
            None => self.hub.namespaces().map(Box::from).collect(),
        };
        for nsp in namespaces {
            let event = self.stored(number, nsp, to, outgoing, &offset);
            self.recovery.ring_bytes += event.bytes;
            self.recovery.ring.push_back(event);
            self.trim_ring();
        }
        Some(offset)
    }

    fn stored(
        &self,
        number: u64,
        nsp: Box<str>,
        to: &Selection<'_>,
        outgoing: &Outgoing<'_>,
        offset: &str,
    ) -> Stored {
        // Who is away may come back under the same sid.
        let sid = |id: &SocketId| match self.hub.get(*id) {
            Some(socket) => socket.sid()?.as_bytes().try_into().ok(),
            None => self.recovery.gone.values().find(|gone| gone.socket == *id).map(|gone| gone.sid),
        };
        let names = |names: &mut dyn Iterator<Item = &&str>| names.map(|name| Box::from(*name)).collect();
        let mut text = Vec::new();
        dialect::write(&mut text, &nsp, outgoing, Some(offset));
        let attachments: Vec<Vec<u8>> =
            dialect::attachments(outgoing).iter().map(|bytes| bytes.to_vec()).collect();
        let rooms: Vec<Box<str>> = names(&mut to.rooms.iter());
        let except_rooms: Vec<Box<str>> = names(&mut to.except_rooms.iter());
        let names: usize = rooms.iter().chain(&except_rooms).map(|name| name.len() + 16).sum();
        let bytes = STORED_COST + names + text.len() + attachments.iter().map(Vec::len).sum::<usize>();
        Stored {
            number,
            at: self.now,
            sids: to.sockets.iter().filter_map(sid).collect(),
            except_sids: to.except_sockets.iter().filter_map(sid).collect(),
            nsp,
            rooms,
            except_rooms,
            text,
            attachments,
            bytes,
        }
    }

    /// The same for an event to one socket.
    pub(super) fn store_direct(
        &mut self,
        socket: SocketId,
        outgoing: &Outgoing<'_>,
        loudness: Loudness,
    ) -> Option<String> {
        self.window()?;
        let namespace = self.hub.get(socket)?.namespace;
        let nsp = self.hub.namespace(namespace)?.name.clone();
        let mut to = Selection { namespace: Some(&nsp), ..Selection::default() };
        to.sockets.push(socket);
        self.store(&to, outgoing, loudness)
    }

    /// The event stored last was refused, and the host told so: it was never said.
    pub(super) fn unstore(&mut self) {
        if let Some(event) = self.recovery.ring.pop_back() {
            self.recovery.ring_bytes -= event.bytes;
        }
    }

    /// Gives up what is over a bound. What is older than the window and a
    /// heartbeat has reached everybody who may still come back, unless the host
    /// has kept the loop waiting, and deaths were noticed late.
    fn trim_ring(&mut self) {
        let Some(window) = self.window() else { return };
        let (most, most_bytes) = (window.events as usize, window.bytes as usize);
        let age = u64::from(window.window_ms) + self.heartbeat();
        let recovery = &mut self.recovery;
        while let Some(oldest) = recovery.ring.front() {
            let is_old = oldest.at + age < self.now;
            if !is_old && recovery.ring.len() <= most && recovery.ring_bytes <= most_bytes {
                return;
            }
            recovery.lost = (oldest.number, oldest.at);
            recovery.ring_bytes -= oldest.bytes;
            recovery.ring.pop_front();
        }
    }

    /// How long a dead connection may go unnoticed.
    fn heartbeat(&self) -> u64 {
        let limits = &self.config.limits;
        u64::from(limits.ping_interval_ms) + u64::from(limits.ping_timeout_ms)
    }

    /// A new private id for a socket that has just entered; `None` if clients
    /// can't come back here.
    pub(super) fn issue_pid(&mut self, socket: SocketId) -> Option<Sid> {
        self.window()?;
        let pid = self.new_sid();
        self.note_pid(socket, pid, self.recovery.last);
        Some(pid)
    }

    fn note_pid(&mut self, socket: SocketId, pid: Sid, since: u64) {
        self.recovery.live.insert(pid, socket);
        self.recovery.pids.insert(socket, Pid { pid, since });
    }

    /// A socket goes. If it may come back, what it needs then is kept.
    pub(super) fn keep_gone(&mut self, socket: SocketId, reason: Reason) -> bool {
        let Some(Pid { pid, since }) = self.recovery.pids.remove(&socket) else { return false };
        self.recovery.live.remove(&pid);
        let may_return = matches!(
            reason,
            Reason::TransportClose
                | Reason::TransportError
                | Reason::PingTimeout
                | Reason::SlowReader
                | Reason::ProtocolError
        );
        let (Some(window), true) = (self.window(), may_return && !self.closed) else { return false };
        let until = self.now + u64::from(window.window_ms);
        let Some(entry) = self.hub.get(socket) else { return false };
        let Some(sid) = entry.sid().and_then(|sid| sid.as_bytes().try_into().ok()) else { return false };
        let nsp = self.hub.namespace(entry.namespace).map_or("", |entry| &entry.name).into();
        let rooms = self.hub.rooms_of(socket).unwrap_or_default();
        let rooms: Vec<String> = rooms.into_iter().map(str::to_owned).collect();
        let proven_at = self.session(entry.owner).map_or(0, |session| session.proven_at);
        let gone = Gone { socket, nsp, sid, pid, rooms, user: entry.user, since, proven_at, until };
        self.recovery.gone.insert(pid, gone);
        self.recovery.expiries.push_back((until, pid, socket));
        true
    }

    /// The host's number for a socket that has just left, and may come back.
    pub(super) fn set_user_of_gone(&mut self, socket: SocketId, user: u64) {
        let Recovery { expiries, gone, .. } = &mut self.recovery;
        let pid = expiries.iter().rev().find(|(.., left)| *left == socket).map(|(_, pid, _)| pid);
        if let Some(gone) = pid.and_then(|pid| gone.get_mut(pid)).filter(|gone| gone.socket == socket) {
            gone.user = user;
        }
    }

    /// Over the number of sockets that may be away, the oldest expire.
    pub(super) fn trim_gone(&mut self) {
        let most = self.window().map_or(0, |window| window.sockets as usize);
        while self.recovery.gone.len() > most.max(1) {
            self.expire_oldest();
        }
    }

    /// A client that enters says that it has been here before: whether that is
    /// so, and everything that it missed is still there.
    pub(super) fn claim_return(&mut self, key: u32, nsp: &str, auth: &str) -> Option<(Sid, u64)> {
        self.window()?;
        let claim = socketio::claim(auth, &self.config.limits)?;
        let pid: Sid = claim.pid.as_bytes().try_into().ok()?;
        // It is back before its old connection is known to be dead. Who is on
        // this very session, or in another namespace, is not back.
        let live = self.recovery.live.get(&pid).and_then(|&socket| self.hub.get(socket));
        if let Some(socket) = live
            && socket.owner != key
            && self.hub.namespace(socket.namespace).is_some_and(|entry| &*entry.name == nsp)
        {
            let owner = socket.owner;
            self.end_session(owner, Reason::TransportClose, None);
        }
        let gone = self.recovery.gone.get(&pid)?;
        let number = match claim.offset {
            Some(offset) => u64::from_str_radix(&offset, 16).ok()?,
            None => gone.since,
        };
        let fits = *gone.nsp == *nsp && number <= self.recovery.last && self.now < gone.until;
        (fits && self.has_all_since(gone, number)).then_some((pid, number))
    }

    /// Whether nothing is lost of what a socket may have missed. An event that
    /// was given up after it had reached the socket is none of these.
    fn has_all_since(&self, gone: &Gone, number: u64) -> bool {
        let (lost, lost_at) = self.recovery.lost;
        number >= lost || lost_at < gone.proven_at
    }

    /// Takes a socket back, if neither it nor what it missed has been given up
    /// while its guard was thinking.
    pub(super) fn take_gone(&mut self, pid: &Sid, after: u64) -> Option<Gone> {
        let gone = self.recovery.gone.get(pid)?;
        if !self.has_all_since(gone, after) {
            return None;
        }
        self.recovery.gone.remove(pid)
    }

    /// Sends a socket that is back what it missed, under its old offsets.
    pub(super) fn replay(&mut self, queue: u32, gone: &Gone, after: u64, as_text: bool) {
        let ring = std::mem::take(&mut self.recovery.ring);
        for event in ring.iter().filter(|event| event.number > after && event.is_for(gone)) {
            self.push_frames(queue, event.text.len() + 10, |out| {
                frame::write(out, Opcode::Text, &event.text)
            });
            for bytes in &event.attachments {
                self.push_frames(queue, bytes.len() * 2 + 10, |out| match as_text {
                    true => answer::write_base64_frame(out, bytes),
                    false => frame::write(out, Opcode::Binary, bytes),
                });
            }
        }
        self.recovery.ring = ring;
    }

    /// The socket that is back goes on under its old private id.
    pub(super) fn resume_pid(&mut self, socket: SocketId, gone: &Gone) {
        self.note_pid(socket, gone.pid, gone.since);
    }

    /// Sockets whose time to come back is over.
    pub(super) fn expire_gone(&mut self) {
        while self.recovery.deadline().is_some_and(|until| until <= self.now) {
            self.expire_oldest();
        }
    }

    /// All that may come back will not: the server stops.
    pub(super) fn expire_all_gone(&mut self) {
        while !self.recovery.expiries.is_empty() {
            self.expire_oldest();
        }
    }

    fn expire_oldest(&mut self) {
        let Some((_, pid, socket)) = self.recovery.expiries.pop_front() else { return };
        if self.recovery.gone.get(&pid).is_some_and(|gone| gone.socket == socket)
            && let Some(gone) = self.recovery.gone.remove(&pid)
        {
            self.tell_expired(&gone);
        }
    }

    /// What the host keeps for a socket is not needed any more.
    pub(super) fn tell_expired(&mut self, gone: &Gone) {
        let nsp = self.turn.nsp(&gone.nsp);
        self.turn.push(Record::Expired { socket: gone.socket, nsp, user: gone.user });
    }
}

impl Stored {
    /// Whether a socket that is back should have received it.
    fn is_for(&self, gone: &Gone) -> bool {
        let is_in = |rooms: &[Box<str>]| {
            rooms
                .iter()
                .any(|room| room.as_bytes() == gone.sid || gone.rooms.iter().any(|own| **own == **room))
        };
        let everybody = self.rooms.is_empty() && self.sids.is_empty();
        self.nsp == gone.nsp
            && (everybody || self.sids.contains(&gone.sid) || is_in(&self.rooms))
            && !self.except_sids.contains(&gone.sid)
            && !is_in(&self.except_rooms)
    }
}
