//! Audiences: whom a broadcast or a bulk operation is for.

use std::sync::Arc;

use super::{Hub, Member, Stage};
use crate::base::{error::Result, few::Few, id::SocketId};

/// A selection of sockets: the union of rooms and single sockets (neither:
/// the whole namespace), less the excepted ones. Each socket that has a sid is
/// also found under it as if it were a room of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection<'a> {
    /// `None` is every namespace.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) rooms: Few<&'a str>,
    pub(crate) sockets: Few<SocketId>,
    pub(crate) except_rooms: Few<&'a str>,
    pub(crate) except_sockets: Few<SocketId>,
}

impl Hub {
    /// Shows each socket of a selection once, with the name of its namespace and
    /// the room whose list it was found in.
    pub(crate) fn visit(
        &mut self,
        to: &Selection<'_>,
        mut visitor: impl FnMut(&Arc<str>, u32, &Member),
    ) -> Result<()> {
        match to.namespace {
            Some(name) => {
                let key = self.find(name)?;
                self.visit_namespace(key, to, &mut visitor);
            }
            None => {
                let keys: Vec<u32> = self.namespaces.iter().map(|(key, _)| key as u32).collect();
                keys.into_iter().for_each(|key| self.visit_namespace(key, to, &mut visitor));
            }
        }
        Ok(())
    }

    /// Ids of a selection.
    pub(crate) fn select(&mut self, to: &Selection<'_>) -> Result<Vec<SocketId>> {
        let mut found = Vec::new();
        self.visit(to, |_, _, member| found.push(member.socket))?;
        Ok(found.into_iter().filter_map(|index| self.id_at(index)).collect())
    }

    fn visit_namespace(
        &mut self,
        key: u32,
        to: &Selection<'_>,
        visitor: &mut impl FnMut(&Arc<str>, u32, &Member),
    ) {
        let everyone = self.namespaces[key as usize].everyone;
        let nsp = self.namespaces[key as usize].name.clone();
        let one_list = match (to.rooms.is_empty(), to.rooms.only()) {
            (true, _) => Some(everyone),
            (_, Some(name)) => match self.namespaces[key as usize].rooms.get(*name) {
                Some(&room) => Some(room),
                None if to.sockets.is_empty() && self.by_sid(name).is_none() => return,
                None => None,
            },
            _ => None,
        };
        let simple = to.sockets.is_empty() && to.except_rooms.is_empty();
        if let (Some(room), true) = (one_list, simple) {
            if to.except_sockets.is_empty() {
                self.rooms[room as usize].members.iter().for_each(|member| visitor(&nsp, room, member));
                return;
            }
            if let Some(except) = to.except_sockets.only() {
                let except = self.get(*except).map_or(u32::MAX, |_| except.index());
                let members = self.rooms[room as usize].members.iter();
                members
                    .filter(|member| member.socket != except)
                    .for_each(|member| visitor(&nsp, room, member));
                return;
            }
        }
        self.visit_union(key, everyone, &nsp, to, visitor);
    }

    /// The general case: who has the stamp of this visit has been dealt with.
    fn visit_union(
        &mut self,
        key: u32,
        everyone: u32,
        nsp: &Arc<str>,
        to: &Selection<'_>,
        visitor: &mut impl FnMut(&Arc<str>, u32, &Member),
    ) {
        let stamp = self.next_stamp();
        let entry = &self.namespaces[key as usize];
        for room in to.except_rooms.iter().filter_map(|name| entry.rooms.get(*name)) {
            for member in &self.rooms[*room as usize].members {
                self.sockets[member.socket as usize].stamp = stamp;
            }
        }
        // A room named by a sid is a socket, not a room.
        let except_sids: Vec<SocketId> =
            to.except_rooms.iter().filter_map(|name| self.by_sid(name)).collect();
        let sids: Vec<SocketId> = to.rooms.iter().filter_map(|name| self.by_sid(name)).collect();
        for &id in to.except_sockets.iter().chain(&except_sids) {
            if let Some(socket) = self.get_mut(id) {
                socket.stamp = stamp;
            }
        }
        for &id in to.sockets.iter().chain(&sids) {
            let Some(socket) = self.get_mut(id) else { continue };
            if socket.stage == Stage::Live && socket.namespace == key && socket.stamp != stamp {
                socket.stamp = stamp;
                let position = socket.position as usize;
                visitor(nsp, everyone, &self.rooms[everyone as usize].members[position]);
            }
        }
        let entry = &self.namespaces[key as usize];
        let whole = (to.rooms.is_empty() && to.sockets.is_empty()).then_some(&everyone);
        for room in to.rooms.iter().filter_map(|name| entry.rooms.get(*name)).chain(whole) {
            for member in &self.rooms[*room as usize].members {
                let socket = &mut self.sockets[member.socket as usize];
                if socket.stamp != stamp {
                    socket.stamp = stamp;
                    visitor(nsp, everyone, member);
                }
            }
        }
    }

    /// How many are in a room, or in a whole namespace.
    pub(crate) fn count(&self, namespace: &str, room: Option<&str>) -> Result<usize> {
        Ok(self.list(namespace, room)?.map_or(0, |room| self.rooms[room as usize].members.len()))
    }

    /// Who is in a room, or in a whole namespace.
    pub(crate) fn members(&self, namespace: &str, room: Option<&str>) -> Result<Vec<SocketId>> {
        let room = self.list(namespace, room)?;
        let members = room.map_or(&[][..], |room| &self.rooms[room as usize].members);
        Ok(members.iter().filter_map(|member| self.id_at(member.socket)).collect())
    }

    fn list(&self, namespace: &str, room: Option<&str>) -> Result<Option<u32>> {
        let entry = &self.namespaces[self.find(namespace)? as usize];
        Ok(match room {
            None => Some(entry.everyone),
            Some(name) => entry.rooms.get(name).copied(),
        })
    }
}
