//! The server as other threads see it.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Accept, Data, Limits, Payload,
    base::{error::Result, id::SocketId, json::Elements},
    engine::{Engine, Loudness, check_size},
    hub::audience::Selection,
    net::mailbox::Mailbox,
    session::{Measured, Outgoing},
};

/// A handle to a [`Server`](crate::Server) for other threads: cheap to clone,
/// and safe to use from many at once. What one thread asks for takes effect in
/// the order in which it asked, when the server's thread next polls; a poll
/// that waits is waked.
///
/// A call fails if the server is gone ([`Closed`](crate::ErrorKind::Closed)) or
/// its mailbox is full ([`Limit`](crate::ErrorKind::Limit)). What only the
/// server's thread can know, such as that a socket has left, is no error here.
#[derive(Clone)]
pub struct Remote {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) limits: Arc<Limits>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl Remote {
    /// Makes a poll that waits return. Many calls may wake it once.
    ///
    /// # Errors
    ///
    /// If the server is gone.
    pub fn wake(&self) -> Result<()> {
        self.mailbox.wake()
    }

    /// Hands the server's thread a number and some bytes, which it gets as
    /// [`Event::Post`](crate::Event::Post).
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn post(&self, tag: u64, data: impl Into<Vec<u8>>) -> Result<()> {
        let data = data.into();
        check_size(data.len())?;
        self.leave(data.len(), move |engine| engine.post(tag, data))
    }

    /// Sends an event to one socket.
    ///
    /// # Errors
    ///
    /// See [`Remote`]; also if name or arguments can't be right.
    pub fn emit<'a>(&self, socket: SocketId, name: &str, payload: impl Into<Payload<'a>>) -> Result<()> {
        let event = OwnedEvent::new(self, name, &payload.into())?;
        self.leave(event.bytes(), move |engine| {
            event.give(|outgoing| engine.say_to(socket, outgoing, Loudness::Normal).map(drop));
        })
    }

    /// Sends a raw message to one socket.
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn send<'a>(&self, socket: SocketId, data: impl Into<Data<'a>>) -> Result<()> {
        let data = data.into();
        check_size(data.as_bytes().len())?;
        let data = OwnedData::from(data);
        self.leave(data.len(), move |engine| {
            give_up_on(engine.send_one(socket, data.as_data(), Loudness::Normal));
        })
    }

    /// Chooses whom to reach in a namespace.
    pub fn to(&self, namespace: &str) -> RemoteAudience<'_> {
        RemoteAudience {
            remote: self,
            to: OwnedSelection::new(Some(namespace.to_owned())),
            loudness: Loudness::Normal,
        }
    }

    /// Chooses whom to reach in all namespaces.
    pub fn to_all(&self) -> RemoteAudience<'_> {
        RemoteAudience { remote: self, to: OwnedSelection::new(None), loudness: Loudness::Normal }
    }

    /// Disconnects a socket, as [`Server::disconnect`](crate::Server::disconnect).
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn disconnect(&self, socket: SocketId) -> Result<()> {
        self.leave(0, move |engine| give_up_on(engine.disconnect(socket, 1000, "")))
    }

    /// Lets a waiting client in, with the host's number for it; 0 keeps what
    /// [`Server::set_user`](crate::Server::set_user) has set, or what a recovered
    /// client had.
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn accept(&self, socket: SocketId, user: u64) -> Result<()> {
        let accept = if user == 0 { Accept::default() } else { Accept::default().user(user) };
        self.leave(0, move |engine| {
            give_up_on(engine.accept(socket, &accept));
            // Who left in this turn gives it back in its Disconnect.
            if user != 0 {
                give_up_on(engine.set_user(socket, user));
            }
        })
    }

    /// Sends a waiting client away.
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn reject(&self, socket: SocketId, status: u16, message: &str) -> Result<()> {
        let message = message.to_owned();
        self.leave(message.len(), move |engine| give_up_on(engine.reject(socket, status, &message, None)))
    }

    /// Shuts the server down, as [`Server::shutdown`](crate::Server::shutdown);
    /// the listeners close at the next poll.
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn shutdown(&self) -> Result<()> {
        self.leave(0, |engine| engine.close())
    }

    /// The same, as [`Server::shutdown_within`](crate::Server::shutdown_within).
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn shutdown_within(&self, grace: Duration) -> Result<()> {
        self.leave(0, move |engine| engine.close_within(grace))
    }

    fn leave(&self, bytes: usize, errand: impl FnOnce(&mut Engine) + Send + 'static) -> Result<()> {
        self.mailbox.post(bytes, Box::new(errand))
    }
}

/// Whom a remote reaches; see [`Audience`](crate::Audience).
#[derive(Debug)]
#[must_use = "an audience does nothing until something is said to it"]
pub struct RemoteAudience<'r> {
    remote: &'r Remote,
    to: OwnedSelection,
    loudness: Loudness,
}

impl RemoteAudience<'_> {
    /// And those in this room.
    pub fn room(mut self, room: &str) -> Self {
        self.to.rooms.push(room.to_owned());
        self
    }

    /// And this socket.
    pub fn socket(mut self, socket: SocketId) -> Self {
        self.to.sockets.push(socket);
        self
    }

    /// But not those in this room.
    pub fn except_room(mut self, room: &str) -> Self {
        self.to.except_rooms.push(room.to_owned());
        self
    }

    /// But not this socket.
    pub fn except(mut self, socket: SocketId) -> Self {
        self.to.except_sockets.push(socket);
        self
    }

    /// Leave out who is behind.
    pub fn volatile(mut self) -> Self {
        self.loudness = Loudness::Volatile;
        self
    }

    /// Sends an event.
    ///
    /// # Errors
    ///
    /// See [`Remote`]; also if name or arguments can't be right.
    pub fn emit<'a>(self, name: &str, payload: impl Into<Payload<'a>>) -> Result<()> {
        let event = OwnedEvent::new(self.remote, name, &payload.into())?;
        let (to, loudness) = (self.to, self.loudness);
        self.remote.leave(event.bytes() + to.bytes(), move |engine| {
            event.give(|outgoing| to.with(|to| engine.broadcast(to, outgoing, loudness)).map(drop));
        })
    }

    /// Sends a raw message.
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn send<'a>(self, data: impl Into<Data<'a>>) -> Result<()> {
        let data = data.into();
        check_size(data.as_bytes().len())?;
        let data = OwnedData::from(data);
        let (to, loudness) = (self.to, self.loudness);
        self.remote.leave(data.len() + to.bytes(), move |engine| {
            give_up_on(to.with(|to| engine.send(to, data.as_data(), loudness)));
        })
    }

    /// Disconnects everybody in it.
    ///
    /// # Errors
    ///
    /// See [`Remote`].
    pub fn disconnect(self) -> Result<()> {
        let to = self.to;
        self.remote.leave(to.bytes(), move |engine| {
            give_up_on(to.with(|to| engine.disconnect_all(to, 1000, "")));
        })
    }
}

/// The poster is gone: what can't be done is only noted.
fn give_up_on<T>(result: Result<T>) {
    if let Err(error) = result {
        log::debug!("for another thread: {error}");
    }
}

#[derive(Debug)]
struct OwnedSelection {
    namespace: Option<String>,
    rooms: Vec<String>,
    sockets: Vec<SocketId>,
    except_rooms: Vec<String>,
    except_sockets: Vec<SocketId>,
}

impl OwnedSelection {
    fn new(namespace: Option<String>) -> Self {
        Self {
            namespace,
            rooms: Vec::new(),
            sockets: Vec::new(),
            except_rooms: Vec::new(),
            except_sockets: Vec::new(),
        }
    }

    fn bytes(&self) -> usize {
        let names = self.rooms.iter().chain(&self.except_rooms).map(|name| name.len() + 24);
        names.sum::<usize>() + 8 * (self.sockets.len() + self.except_sockets.len())
    }

    fn with<T>(&self, use_it: impl FnOnce(&Selection<'_>) -> T) -> T {
        let mut to = Selection { namespace: self.namespace.as_deref(), ..Selection::default() };
        to.rooms.extend(self.rooms.iter().map(String::as_str));
        to.sockets.extend(self.sockets.iter().copied());
        to.except_rooms.extend(self.except_rooms.iter().map(String::as_str));
        to.except_sockets.extend(self.except_sockets.iter().copied());
        use_it(&to)
    }
}

struct OwnedEvent {
    name: String,
    args: String,
    elements: Elements,
    attachments: Vec<Vec<u8>>,
}

impl OwnedEvent {
    /// What can be seen to be wrong is told to the thread that did it, which
    /// spares the server's thread the work.
    fn new(remote: &Remote, name: &str, payload: &Payload<'_>) -> Result<Self> {
        let elements = payload.check_event(name, &remote.limits)?;
        Ok(Self {
            elements,
            name: name.to_owned(),
            args: payload.args().to_owned(),
            attachments: payload.attachments().iter().map(|bytes| bytes.to_vec()).collect(),
        })
    }

    fn bytes(&self) -> usize {
        let attachments: usize = self.attachments.iter().map(|bytes| bytes.len() + 24).sum();
        self.name.len() + self.args.len() + attachments
    }

    fn give(&self, take: impl FnOnce(&Outgoing<'_>) -> Result<()>) {
        let attachments: Vec<&[u8]> = self.attachments.iter().map(Vec::as_slice).collect();
        let payload = Measured { args: &self.args, elements: &self.elements, attachments: &attachments };
        give_up_on(take(&Outgoing::Event { name: &self.name, payload, id: None }));
    }
}

enum OwnedData {
    Text(String),
    Binary(Vec<u8>),
}

impl OwnedData {
    fn len(&self) -> usize {
        self.as_data().as_bytes().len()
    }

    fn as_data(&self) -> Data<'_> {
        match self {
            Self::Text(text) => Data::Text(text),
            Self::Binary(bytes) => Data::Binary(bytes),
        }
    }
}

impl From<Data<'_>> for OwnedData {
    fn from(data: Data<'_>) -> Self {
        match data {
            Data::Text(text) => Self::Text(text.to_owned()),
            Data::Binary(bytes) => Self::Binary(bytes.to_vec()),
        }
    }
}
