//! What must hold of the hub's tables between any two calls.

use std::collections::BTreeSet;

use crate::{
    base::id::SocketId,
    hub::{
        Hub, Rare, Stage,
        rooms::{EVERYONE, Place},
    },
};

impl Hub {
    /// Panics if what is kept twice does not agree: a member's place and a
    /// place's member, a name and its key, a count and what it counts.
    pub(crate) fn check(&self) {
        self.check_sockets();
        self.check_rooms();
        self.check_namespaces();
        self.check_stages();
    }

    fn places_at(&self, index: u32) -> Vec<Place> {
        let socket = &self.sockets[index as usize];
        let rare = socket.rare.as_deref();
        let is_empty = |rare: &Rare| rare.more.is_empty() && rare.acks.is_empty();
        assert!(rare.is_none_or(|rare| !is_empty(rare)), "empty lists are given back");
        let more = rare.map_or(&[][..], |rare| &rare.more);
        assert!(socket.first.is_some() || more.is_empty(), "the first place is filled first");
        socket.first.into_iter().chain(more.iter().copied()).collect()
    }

    fn check_sockets(&self) {
        for (index, socket) in &self.sockets {
            let index = index as u32;
            assert_eq!(self.id_at(index), Some(SocketId::new(index, socket.generation)));
            let places = self.places_at(index);
            if socket.stage != Stage::Live {
                assert!(places.is_empty(), "who is not there is in no room");
                continue;
            }
            for (slot, place) in places.iter().enumerate() {
                let room = &self.rooms[place.room as usize];
                let member = room.members[place.position() as usize];
                assert_eq!((member.socket, usize::from(member.slot)), (index, slot));
                assert_eq!(member.route(), socket.route);
                assert_eq!(room.namespace, socket.namespace);
                assert!(room.name.is_some());
            }
            let distinct: BTreeSet<u32> = places.iter().map(|place| place.room).collect();
            assert_eq!(distinct.len(), places.len(), "in a room once");
            assert!(places.len() <= self.most_rooms());
            let everyone = self.namespaces[socket.namespace as usize].everyone;
            let member = self.rooms[everyone as usize].members[socket.position as usize];
            assert_eq!((member.socket, member.slot, member.route()), (index, EVERYONE, socket.route));
        }
    }

    fn check_rooms(&self) {
        for (key, room) in &self.rooms {
            let key = key as u32;
            let namespace = &self.namespaces[room.namespace as usize];
            match &room.name {
                None => assert_eq!(namespace.everyone, key),
                Some(name) => {
                    assert_eq!(namespace.rooms.get(name), Some(&key));
                    assert!(!room.members.is_empty(), "a room goes with its last member");
                }
            }
            for (position, member) in room.members.iter().enumerate() {
                let socket = &self.sockets[member.socket as usize];
                assert_eq!((socket.stage, socket.namespace), (Stage::Live, room.namespace));
                if room.name.is_none() {
                    assert_eq!(socket.position as usize, position);
                } else {
                    let place = self.places_at(member.socket)[usize::from(member.slot)];
                    assert_eq!((place.room, place.position() as usize), (key, position));
                }
            }
        }
    }

    fn check_namespaces(&self) {
        assert_eq!(self.by_name.len(), self.namespaces.len());
        let mut named = 0;
        for (key, entry) in &self.namespaces {
            assert_eq!(self.by_name.get(&entry.name), Some(&(key as u32)));
            for (name, room) in &entry.rooms {
                let room = &self.rooms[*room as usize];
                assert_eq!((room.name.as_ref(), room.namespace as usize), (Some(name), key));
            }
            named += entry.rooms.len();
            let waits = |stage| stage == Stage::Waiting;
            let waiting = self.sockets.iter().filter(|(_, it)| waits(it.stage) && it.namespace == key as u32);
            assert_eq!(entry.waiting as usize, waiting.count());
        }
        assert_eq!(self.named_rooms, named);
        assert_eq!(self.rooms.len(), named + self.namespaces.len());
    }

    fn check_stages(&self) {
        let in_stage = |stage| self.sockets.iter().filter(move |(_, socket)| socket.stage == stage);
        assert_eq!(self.live, in_stage(Stage::Live).count());
        let gone: BTreeSet<u32> = self.left.iter().chain(&self.told).copied().collect();
        assert_eq!(gone.len(), self.left.len() + self.told.len(), "a socket leaves once");
        assert!(in_stage(Stage::Left).map(|(index, _)| index as u32).eq(gone));
        for (sid, index) in &self.by_sid {
            let socket = &self.sockets[*index as usize];
            assert_eq!(socket.sid.as_deref(), Some(sid));
            assert_ne!(socket.stage, Stage::Left, "a sid goes with its socket");
        }
        assert!(self.sockets.iter().all(|(_, socket)| socket.stamp <= self.stamp));
    }
}
