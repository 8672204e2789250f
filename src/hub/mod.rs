//! Floor 2: who is where. Namespaces, rooms, sockets, audiences and open
//! questions; no protocol, no bytes, no I/O.
//!
//! Membership is a sparse set: a room is a dense list of members, a socket
//! keeps where it stands in each of its rooms, so that join, leave and
//! disconnect cost the same whatever the size of the room, and a broadcast
//! walks one contiguous list. The members of a namespace are kept as one more
//! room, without a name.

pub(crate) mod acks;
pub(crate) mod audience;
pub(crate) mod namespace;
mod rooms;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::SeedableRandomState;
use slab::Slab;

use crate::base::{
    error::{Error, Result},
    id::{Generation, SocketId},
};
pub(crate) use namespace::{Namespace, NamespaceEntry};
use rooms::{EVERYONE, Place};
pub(crate) use rooms::{Member, Room};

/// A hash table with a seed of its own, since clients choose the keys.
pub(crate) type SeededMap<K, V> = HashMap<K, V, SeedableRandomState>;

/// A session id: 120 random bits as 20 characters of URL-safe base64.
pub(crate) type Sid = [u8; 20];

/// Where what is sent to a socket goes: a send queue, and the wire format in
/// which it wants it. The hub only keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) queue: u32,
    pub(crate) format: u8,
}

/// How far a socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The guard has not answered yet: in no room, in no count.
    Waiting,
    /// In its namespace.
    Live,
    /// Gone, but known until the next poll.
    Left,
}

/// One session in one namespace.
#[derive(Debug)]
pub(crate) struct Socket {
    generation: Generation,
    pub(crate) namespace: u32,
    /// The connection or session behind it; the engine's business.
    pub(crate) owner: u32,
    pub(crate) route: Route,
    pub(crate) stage: Stage,
    /// The host's own number.
    pub(crate) user: u64,
    /// Position among everyone in the namespace.
    position: u32,
    /// Last broadcast to several rooms that has dealt with this socket.
    stamp: u32,
    /// The first room; most sockets are in one.
    first: Option<Place>,
    /// Exists while there is something in it.
    rare: Option<Box<Rare>>,
    sid: Option<Box<Sid>>,
}

/// What few sockets have.
#[derive(Debug, Default)]
struct Rare {
    /// The other rooms.
    more: Vec<Place>,
    acks: acks::SocketAcks,
}

impl Socket {
    /// The socket's open questions; a list to note one more on.
    pub(crate) fn acks(&mut self) -> &mut acks::SocketAcks {
        &mut self.rare.get_or_insert_default().acks
    }

    /// Does something with the socket's open questions, if it may have some.
    pub(crate) fn with_acks<T>(&mut self, change: impl FnOnce(&mut acks::SocketAcks) -> T) -> Option<T> {
        let changed = self.rare.as_mut().map(|rare| change(&mut rare.acks));
        self.tidy();
        changed
    }

    /// Gives back what is empty.
    fn tidy(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.more.is_empty() && rare.acks.is_empty()) {
            self.rare = None;
        }
    }

    /// The name that the client knows its socket by, if it was told one.
    pub(crate) fn sid(&self) -> Option<&str> {
        self.sid.as_deref().and_then(|sid| std::str::from_utf8(sid).ok())
    }
}

/// What became different in a room; gathered only if the host asked for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Created { nsp: Arc<str>, room: Arc<str> },
    Deleted { nsp: Arc<str>, room: Arc<str> },
    Joined { socket: SocketId, nsp: Arc<str>, room: Arc<str> },
    Left { socket: SocketId, nsp: Arc<str>, room: Arc<str> },
}

/// Namespaces, rooms and sockets.
pub(crate) struct Hub {
    sockets: Slab<Socket>,
    generation: Generation,
    namespaces: Slab<NamespaceEntry>,
    by_name: SeededMap<Arc<str>, u32>,
    patterns: Vec<(Box<str>, Namespace)>,
    rooms: Slab<Room>,
    named_rooms: usize,
    live: usize,
    stamp: u32,
    /// Sockets that left, whose leaving the host has not been told, and has.
    left: Vec<u32>,
    told: Vec<u32>,
    by_sid: SeededMap<Sid, u32>,
    seed: u64,
    max_rooms: u32,
    pub(crate) watch_rooms: bool,
    pub(crate) watch_members: bool,
    pub(crate) changes: Vec<Change>,
}

impl Hub {
    pub(crate) fn new(seed: u64, max_rooms: u32) -> Self {
        Self {
            sockets: Slab::new(),
            generation: Generation::FIRST,
            namespaces: Slab::new(),
            by_name: seeded(seed),
            patterns: Vec::new(),
            rooms: Slab::new(),
            named_rooms: 0,
            live: 0,
            stamp: 0,
            left: Vec::new(),
            told: Vec::new(),
            by_sid: seeded(seed),
            seed,
            max_rooms,
            watch_rooms: false,
            watch_members: false,
            changes: Vec::new(),
        }
    }

    /// A new socket that waits at the door of its namespace.
    pub(crate) fn add(&mut self, namespace: u32, owner: u32, route: Route) -> SocketId {
        let generation = self.generation;
        self.generation = generation.next();
        if let Some(entry) = self.namespaces.get_mut(namespace as usize) {
            entry.waiting += 1;
        }
        let index = self.sockets.insert(Socket {
            generation,
            namespace,
            owner,
            route,
            stage: Stage::Waiting,
            user: 0,
            position: 0,
            stamp: 0,
            first: None,
            rare: None,
            sid: None,
        });
        SocketId::new(index as u32, generation)
    }

    /// Lets a waiting socket in: from now on it counts and receives.
    pub(crate) fn admit(&mut self, id: SocketId, route: Route) {
        let Some(socket) = self.sockets.get_mut(id.index() as usize) else { return };
        let Some(entry) = self.namespaces.get_mut(socket.namespace as usize) else { return };
        entry.waiting -= 1;
        socket.stage = Stage::Live;
        socket.route = route;
        self.live += 1;
        let everyone = &mut self.rooms[entry.everyone as usize];
        socket.position = everyone.add(Member::new(id.index(), route, EVERYONE));
    }

    /// Takes a socket out of everything. Until [`reap`](Self::reap) its id
    /// stays known, in stage [`Stage::Left`]. Names of its rooms go to `rooms`.
    pub(crate) fn remove(&mut self, id: SocketId, mut rooms: impl FnMut(&str)) {
        let index = id.index();
        let Some(stage) = self.get(id).map(|socket| socket.stage) else { return };
        match stage {
            Stage::Left => return,
            Stage::Waiting => {
                let namespace = self.sockets[index as usize].namespace;
                self.namespaces[namespace as usize].waiting -= 1;
            }
            Stage::Live => {
                for room in self.room_keys(id) {
                    if let Some(name) = self.rooms.get(room as usize).and_then(|room| room.name.as_deref()) {
                        rooms(name);
                    }
                }
                self.leave_all(id);
                let socket = &self.sockets[index as usize];
                let (namespace, position) = (socket.namespace, socket.position);
                let everyone = self.namespaces[namespace as usize].everyone;
                self.take_member(everyone, position);
                self.live -= 1;
            }
        }
        let socket = &mut self.sockets[index as usize];
        socket.stage = Stage::Left;
        if let Some(sid) = &socket.sid {
            self.by_sid.remove(&**sid);
        }
        let namespace = socket.namespace;
        self.left.push(index);
        self.drop_if_empty(namespace);
    }

    /// The host is being told of all that left so far.
    pub(crate) fn deliver_left(&mut self) {
        self.told.append(&mut self.left);
    }

    /// Forgets the sockets whose leaving the host has been told: their ids are
    /// stale from now on.
    pub(crate) fn reap(&mut self, mut forget: impl FnMut(Socket)) {
        for index in self.told.drain(..) {
            self.sockets.try_remove(index as usize).into_iter().for_each(&mut forget);
        }
    }

    /// Gives a socket a name that its client may show to others.
    pub(crate) fn set_sid(&mut self, id: SocketId, sid: Sid) {
        if let Some(socket) = self.get_mut(id) {
            socket.sid = Some(Box::new(sid));
            self.by_sid.insert(sid, id.index());
        }
    }

    /// The live socket with this sid.
    pub(crate) fn by_sid(&self, sid: &str) -> Option<SocketId> {
        let sid: Sid = sid.as_bytes().try_into().ok()?;
        self.by_sid.get(&sid).and_then(|&index| self.id_at(index))
    }

    /// The socket, whatever its stage; `None` if the id is stale.
    pub(crate) fn get(&self, id: SocketId) -> Option<&Socket> {
        let socket = self.sockets.get(id.index() as usize)?;
        (SocketId::new(id.index(), socket.generation) == id).then_some(socket)
    }

    pub(crate) fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        let socket = self.sockets.get_mut(id.index() as usize)?;
        (SocketId::new(id.index(), socket.generation) == id).then_some(socket)
    }

    /// The socket, whatever its stage.
    pub(crate) fn known(&self, id: SocketId) -> Result<&Socket> {
        self.get(id).ok_or_else(|| stale(id))
    }

    /// The socket and that it is live; `Ok(None)` for one that left since the
    /// last poll, on which commands succeed and do nothing.
    pub(crate) fn live(&self, id: SocketId) -> Result<Option<&Socket>> {
        let socket = self.known(id)?;
        match socket.stage {
            Stage::Live => Ok(Some(socket)),
            Stage::Left => Ok(None),
            Stage::Waiting => {
                Err(Error::state("the socket still waits for its guard: accept or reject it first"))
            }
        }
    }

    /// Full id of the socket at an index.
    pub(crate) fn id_at(&self, index: u32) -> Option<SocketId> {
        self.sockets.get(index as usize).map(|socket| SocketId::new(index, socket.generation))
    }

    /// Live sockets in all namespaces.
    pub(crate) fn live_count(&self) -> usize {
        self.live
    }

    /// Rooms in all namespaces.
    pub(crate) fn room_count(&self) -> usize {
        self.named_rooms
    }

    /// Ids of all sockets that are announced and not gone, for shutting down.
    pub(crate) fn all(&self) -> Vec<SocketId> {
        let present = self.sockets.iter().filter(|(_, socket)| socket.stage != Stage::Left);
        present.map(|(index, socket)| SocketId::new(index as u32, socket.generation)).collect()
    }

    /// The same, of one namespace.
    pub(crate) fn all_in(&self, namespace: u32) -> Vec<SocketId> {
        let mut sockets = self.all();
        sockets.retain(|id| self.get(*id).is_some_and(|socket| socket.namespace == namespace));
        sockets
    }

    /// Sockets that are live or wait.
    pub(crate) fn present_count(&self) -> usize {
        self.sockets.len() - self.left.len() - self.told.len()
    }

    fn next_stamp(&mut self) -> u32 {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            // After four billion broadcasts an old stamp could look new.
            self.sockets.iter_mut().for_each(|(_, socket)| socket.stamp = 0);
            self.stamp = 1;
        }
        self.stamp
    }
}

/// What a host is told about an id that names nobody any more.
pub(crate) fn stale(id: SocketId) -> Error {
    Error::not_found(format!("no socket has the id {:#x}: it has left, or never was", id.get()))
}

/// An empty table with this seed.
pub(crate) fn seeded<K, V>(seed: u64) -> SeededMap<K, V> {
    HashMap::with_hasher(SeedableRandomState::with_seed(seed, foldhash::SharedSeed::global_fixed()))
}
