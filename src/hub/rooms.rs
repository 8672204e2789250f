//! Rooms: who is in them, by two-way positions between a room's dense list and
//! a socket's own list.

use std::{num::NonZeroU32, sync::Arc};

use super::{Change, Hub, Route, Stage};
use crate::base::{
    error::{Error, Result},
    id::SocketId,
};

/// Slot of a member of the nameless room that holds a whole namespace.
pub(super) const EVERYONE: u16 = u16::MAX;

/// Where a socket stands in one of its rooms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) room: u32,
    /// All bits of the position the other way round: no room has so many
    /// members that none is left, and so `Option<Place>` is as small as a place.
    inverse: NonZeroU32,
}

impl Place {
    fn new(room: u32, position: u32) -> Self {
        Self { room, inverse: NonZeroU32::new(!position).unwrap_or(NonZeroU32::MIN) }
    }

    pub(super) fn position(self) -> u32 {
        !self.inverse.get()
    }
}

/// One socket in one room, with all that a broadcast needs to reach it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) socket: u32,
    // A route, whose parts take less room here.
    pub(crate) queue: u32,
    pub(crate) format: u8,
    /// Which of the socket's places this is.
    pub(super) slot: u16,
}

impl Member {
    pub(super) fn new(socket: u32, route: Route, slot: u16) -> Self {
        Self { socket, queue: route.queue, format: route.format, slot }
    }

    #[cfg(test)]
    pub(super) fn route(self) -> Route {
        Route { queue: self.queue, format: self.format }
    }
}

/// A set of sockets in a namespace.
#[derive(Debug)]
pub(crate) struct Room {
    /// `None` for the room that holds a whole namespace.
    pub(super) name: Option<Arc<str>>,
    pub(super) namespace: u32,
    pub(super) members: Vec<Member>,
}

impl Room {
    pub(super) fn new(name: Option<Arc<str>>, namespace: u32) -> Self {
        Self { name, namespace, members: Vec::new() }
    }

    pub(super) fn add(&mut self, member: Member) -> u32 {
        self.members.push(member);
        self.members.len() as u32 - 1
    }
}

impl Hub {
    /// Puts a socket into a room, which is made if need be. Joining twice is
    /// joining once.
    pub(crate) fn join(&mut self, id: SocketId, name: &str) -> Result<()> {
        let Some(socket) = self.live(id)? else { return Ok(()) };
        let (namespace, route) = (socket.namespace, socket.route);
        let known = self.namespaces[namespace as usize].rooms.get(name).copied();
        if known.is_some_and(|room| self.places(id).any(|place| place.room == room)) {
            return Ok(());
        }
        let slot = self.places(id).count();
        if slot >= self.most_rooms() {
            return Err(Error::limit(format!(
                "the socket is in {slot} rooms already, the most that it may be in"
            )));
        }
        let room = known.unwrap_or_else(|| self.make_room(namespace, name));
        let member = Member::new(id.index(), route, slot as u16);
        let position = self.rooms[room as usize].add(member);
        let socket = &mut self.sockets[id.index() as usize];
        let place = Place::new(room, position);
        match socket.first {
            None => socket.first = Some(place),
            Some(_) => socket.rare.get_or_insert_default().more.push(place),
        }
        if self.watch_members {
            let (nsp, room) = (self.namespace_name(namespace), self.room_name(room));
            self.changes.push(Change::Joined { socket: id, nsp, room });
        }
        Ok(())
    }

    /// Whether the limit of rooms lets the socket join this one.
    pub(crate) fn may_join(&self, id: SocketId, name: &str) -> bool {
        let count = self.places(id).count();
        let inside = || self.rooms_of(id).is_ok_and(|rooms| rooms.contains(&name));
        count < self.most_rooms() || inside()
    }

    /// Rooms that one socket may be in: what the host set, as far as places
    /// can be told apart.
    pub(crate) fn most_rooms(&self) -> usize {
        self.max_rooms.min(u32::from(EVERYONE)) as usize
    }

    /// Takes a socket out of a room. Not being in it is no mistake.
    pub(crate) fn leave(&mut self, id: SocketId, name: &str) -> Result<()> {
        let Some(socket) = self.live(id)? else { return Ok(()) };
        let Some(&room) = self.namespaces[socket.namespace as usize].rooms.get(name) else { return Ok(()) };
        let slot = self.places(id).position(|place| place.room == room);
        if let Some(slot) = slot {
            self.leave_slot(id, slot);
        }
        Ok(())
    }

    /// Takes a socket out of all its rooms.
    pub(crate) fn leave_all(&mut self, id: SocketId) {
        for slot in (0..self.places(id).count()).rev() {
            self.leave_slot(id, slot);
        }
    }

    /// Keys of the rooms of a socket, in no particular order.
    pub(crate) fn room_keys(&self, id: SocketId) -> Vec<u32> {
        self.places(id).map(|place| place.room).collect()
    }

    /// Names of the rooms of a socket.
    pub(crate) fn rooms_of(&self, id: SocketId) -> Result<Vec<&str>> {
        let socket = self.known(id)?;
        debug_assert!(socket.stage == Stage::Live || socket.first.is_none());
        Ok(self.places(id).filter_map(|place| self.rooms[place.room as usize].name.as_deref()).collect())
    }

    fn places(&self, id: SocketId) -> impl Iterator<Item = Place> {
        let socket = self.get(id);
        let more = socket.and_then(|socket| socket.rare.as_ref()).map(|rare| &rare.more);
        socket.and_then(|socket| socket.first).into_iter().chain(more.into_iter().flatten().copied())
    }

    fn make_room(&mut self, namespace: u32, name: &str) -> u32 {
        let name: Arc<str> = name.into();
        let room = self.rooms.insert(Room::new(Some(name.clone()), namespace)) as u32;
        self.namespaces[namespace as usize].rooms.insert(name.clone(), room);
        self.named_rooms += 1;
        if self.watch_rooms {
            self.changes.push(Change::Created { nsp: self.namespace_name(namespace), room: name });
        }
        room
    }

    pub(super) fn room_name(&self, room: u32) -> Arc<str> {
        self.rooms.get(room as usize).and_then(|room| room.name.clone()).unwrap_or_default()
    }

    pub(crate) fn namespace_name(&self, namespace: u32) -> Arc<str> {
        self.namespace(namespace).map(|entry| entry.name.clone()).unwrap_or_default()
    }

    /// Takes the socket's place number `slot` away, from both sides.
    fn leave_slot(&mut self, id: SocketId, slot: usize) {
        let Some(place) = self.places(id).nth(slot) else { return };
        let socket = &mut self.sockets[id.index() as usize];
        let namespace = socket.namespace;
        // The last place moves into the gap; its room must know the new slot.
        let other = socket.rare.as_mut().and_then(|rare| rare.more.pop());
        let last = other.or_else(|| socket.first.take());
        let moved = last.filter(|last| last.room != place.room);
        if let Some(moved) = moved {
            match slot {
                0 => socket.first = Some(moved),
                _ => {
                    if let Some(gap) = socket.rare.as_mut().and_then(|rare| rare.more.get_mut(slot - 1)) {
                        *gap = moved;
                    }
                }
            }
            self.rooms[moved.room as usize].members[moved.position() as usize].slot = slot as u16;
        }
        socket.tidy();
        self.take_member(place.room, place.position());
        if self.watch_members {
            let (nsp, room) = (self.namespace_name(namespace), self.room_name(place.room));
            self.changes.push(Change::Left { socket: id, nsp, room });
        }
        self.drop_room_if_empty(place.room);
    }

    /// Removes a member; the last one takes its position and is told so.
    pub(super) fn take_member(&mut self, room: u32, position: u32) {
        let members = &mut self.rooms[room as usize].members;
        members.swap_remove(position as usize);
        if members.capacity() > 64 && members.len() < members.capacity() / 4 {
            members.shrink_to(members.len() * 2);
        }
        let Some(&moved) = members.get(position as usize) else { return };
        let socket = &mut self.sockets[moved.socket as usize];
        match (moved.slot, &mut socket.rare) {
            (EVERYONE, _) => socket.position = position,
            (0, _) => {
                if let Some(first) = &mut socket.first {
                    *first = Place::new(room, position);
                }
            }
            (slot, Some(rare)) => {
                if let Some(place) = rare.more.get_mut(slot as usize - 1) {
                    *place = Place::new(room, position);
                }
            }
            (_, None) => {}
        }
    }

    fn drop_room_if_empty(&mut self, key: u32) {
        let Some(room) = self.rooms.get(key as usize) else { return };
        let (Some(name), true) = (room.name.clone(), room.members.is_empty()) else { return };
        let namespace = room.namespace;
        self.rooms.remove(key as usize);
        self.named_rooms -= 1;
        self.namespaces[namespace as usize].rooms.remove(&*name);
        if self.watch_rooms {
            self.changes.push(Change::Deleted { nsp: self.namespace_name(namespace), room: name });
        }
    }
}
