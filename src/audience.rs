//! Many sockets at once, chosen by namespace, rooms and exceptions.

use std::time::Duration;

use crate::{
    Data, Payload, Server,
    base::{
        error::Result,
        id::{AckId, SocketId},
    },
    engine::Loudness,
    hub::audience::Selection,
};

/// Whom something is for: the union of the named rooms and sockets, or the
/// whole namespace if none is named, less the excepted ones. Each client
/// receives once.
#[derive(Debug)]
#[must_use = "an audience does nothing until something is said to it"]
pub struct Audience<'s> {
    pub(crate) server: &'s mut Server,
    pub(crate) to: Selection<'s>,
    pub(crate) loudness: Loudness,
}

impl<'s> Audience<'s> {
    /// And those in this room.
    pub fn room(mut self, room: &'s str) -> Self {
        self.to.rooms.push(room);
        self
    }

    /// And those in these rooms.
    pub fn rooms(mut self, rooms: impl IntoIterator<Item = &'s str>) -> Self {
        self.to.rooms.extend(rooms);
        self
    }

    /// And this socket.
    pub fn socket(mut self, socket: SocketId) -> Self {
        self.to.sockets.push(socket);
        self
    }

    /// But not this socket.
    pub fn except(mut self, socket: SocketId) -> Self {
        self.to.except_sockets.push(socket);
        self
    }

    /// But not those in this room.
    pub fn except_room(mut self, room: &'s str) -> Self {
        self.to.except_rooms.push(room);
        self
    }

    /// Leave out clients that are behind with what was sent to them before:
    /// right for what is soon out of date, such as a typing indicator.
    pub fn volatile(mut self) -> Self {
        self.loudness = Loudness::Volatile;
        self
    }

    /// Sends an event. Answers for how many it was queued; an empty audience
    /// is no error.
    ///
    /// # Errors
    ///
    /// If there is no such namespace, the arguments are not a JSON array, or
    /// the name is reserved or too long.
    pub fn emit<'a>(self, name: &str, payload: impl Into<Payload<'a>>) -> Result<usize> {
        let said = self.server.engine.emit(&self.to, name, &payload.into(), self.loudness);
        self.server.relieve();
        said
    }

    /// Sends a raw message; to clients of another dialect the event `message`.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn send<'a>(self, data: impl Into<Data<'a>>) -> Result<usize> {
        let said = self.server.engine.send(&self.to, data.into(), self.loudness);
        self.server.relieve();
        said
    }

    /// Sends an event that asks everybody for an answer: one
    /// [`Ack`](crate::Event::Ack) for each that answers, leaves or is late,
    /// and a last [`AcksDone`](crate::Event::AcksDone). Clients of the raw
    /// dialect receive the event and count as missing.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit).
    pub fn ask<'a>(self, name: &str, payload: impl Into<Payload<'a>>, timeout: Duration) -> Result<AckId> {
        let asked = self.server.engine_now().ask(&self.to, name, &payload.into(), timeout);
        self.server.relieve();
        asked
    }

    /// Puts everybody into a room; answers how many they are. If one of them
    /// is in too many rooms, nobody is.
    ///
    /// # Errors
    ///
    /// If there is no such namespace, or a limit stands in the way.
    pub fn join(self, room: &str) -> Result<usize> {
        self.server.engine.join_all(&self.to, room)
    }

    /// Takes everybody out of a room; answers how many they are.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn leave(self, room: &str) -> Result<usize> {
        self.server.engine.leave_all_of(&self.to, room)
    }

    /// Disconnects everybody; answers how many they were.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn disconnect(self) -> Result<usize> {
        self.server.engine_now().disconnect_all(&self.to, 1000, "")
    }

    /// Who they are.
    ///
    /// # Errors
    ///
    /// If there is no such namespace.
    pub fn sockets(self) -> Result<Vec<SocketId>> {
        self.server.engine.select(&self.to)
    }
}
