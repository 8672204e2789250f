//! Many clients: whom something is for, and what is said to them.

use std::{
    ffi::{c_char, c_int, c_void},
    time::Duration,
};

use super::{
    event::{salon_bytes, salon_socket_id},
    server::{command, count, salon_server, with},
    socket::{data, id, salon_send_flag},
    text::{array, blobs, give_names, optional_args, optional_text, put, sized, text, texts},
};
use crate::{
    Audience, Payload, Server,
    base::{
        error::{Error, Result},
        id::SocketId,
    },
};

/// To whom: the union of the rooms and sockets, or the whole namespace if none
/// is named, less the excepted ones. Each client receives once. Mind a list
/// that you have filled at run time: if it may be empty, an audience of it alone
/// would be everybody.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_audience {
    /// Always `sizeof(salon_audience)`.
    pub size: usize,
    /// Namespace; null is all of them.
    pub nsp: *const c_char,
    /// Rooms whose members receive it.
    pub rooms: *const *const c_char,
    /// How many.
    pub room_count: usize,
    /// Rooms whose members do not.
    pub except_rooms: *const *const c_char,
    /// How many.
    pub except_room_count: usize,
    /// Single clients that receive it.
    pub sockets: *const salon_socket_id,
    /// How many.
    pub socket_count: usize,
    /// Clients that do not.
    pub except_sockets: *const salon_socket_id,
    /// How many.
    pub except_socket_count: usize,
}

/// An outgoing event with everything said.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_message {
    /// Always `sizeof(salon_message)`.
    pub size: usize,
    /// Event name.
    pub name: *const c_char,
    /// JSON array of the arguments. Null: none, or the attachments themselves.
    pub args: *const c_char,
    /// Bytes of `args`.
    pub args_len: usize,
    /// Binary attachments, to which `args` refers by {"_placeholder":true,"num":0}.
    pub attachments: *const salon_bytes,
    /// How many.
    pub attachment_count: usize,
    /// SALON_MESSAGE_* bits.
    pub flags: u32,
    /// For salon_server_emit(): how long to wait for answers; zero asks for none.
    pub ack_timeout_ms: u32,
}

/// Bits of salon_message.flags.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_message_flag {
    /// Leave it out for clients that are behind with what was sent before.
    SALON_MESSAGE_VOLATILE = 1,
}

/// An audience's parts, checked.
pub(super) struct To<'a> {
    pub(super) nsp: Option<&'a str>,
    pub(super) rooms: Vec<&'a str>,
    pub(super) except_rooms: Vec<&'a str>,
    pub(super) sockets: Vec<SocketId>,
    pub(super) except_sockets: Vec<SocketId>,
}

impl<'a> To<'a> {
    pub(super) unsafe fn read(given: *const salon_audience) -> Result<Self> {
        // SAFETY: the header's contract for the struct and what it points to.
        unsafe {
            let given = sized(given, "salon_audience")?;
            let ids = |ids: &[salon_socket_id]| ids.iter().filter_map(|id| SocketId::from_u64(*id)).collect();
            Ok(Self {
                nsp: optional_text(given.nsp, "nsp")?,
                rooms: texts(given.rooms, given.room_count, "rooms")?,
                except_rooms: texts(given.except_rooms, given.except_room_count, "except_rooms")?,
                sockets: array(given.sockets, given.socket_count, "sockets")?
                    .iter()
                    .map(|socket| id(*socket))
                    .collect::<Result<_>>()?,
                except_sockets: ids(array(
                    given.except_sockets,
                    given.except_socket_count,
                    "except_sockets",
                )?),
            })
        }
    }

    fn of<'s>(&self, server: &'s mut Server) -> Audience<'s>
    where
        'a: 's,
    {
        let mut audience = match self.nsp {
            Some(nsp) => server.to(nsp),
            None => server.to_all(),
        };
        audience = audience.rooms(self.rooms.iter().copied());
        for room in &self.except_rooms {
            audience = audience.except_room(room);
        }
        for socket in &self.sockets {
            audience = audience.socket(*socket);
        }
        for socket in &self.except_sockets {
            audience = audience.except(*socket);
        }
        audience
    }
}

/// A message's parts, checked.
pub(super) struct Said<'a> {
    pub(super) name: &'a str,
    args: Option<&'a str>,
    attachments: Vec<&'a [u8]>,
    pub(super) volatile: bool,
    ack_timeout_ms: u32,
}

impl<'a> Said<'a> {
    pub(super) unsafe fn read(given: *const salon_message) -> Result<Self> {
        if given.is_null() {
            return Err(Error::invalid("the message is null"));
        }
        // SAFETY: the header's contract for the struct and what it points to.
        unsafe {
            let given = sized(given, "salon_message")?;
            let args = optional_args(given.args, given.args_len)?;
            Ok(Self {
                name: text(given.name, "name")?,
                args,
                attachments: blobs(given.attachments, given.attachment_count, "attachments")?,
                volatile: given.flags & salon_message_flag::SALON_MESSAGE_VOLATILE as u32 != 0,
                ack_timeout_ms: given.ack_timeout_ms,
            })
        }
    }

    /// Whether answers are wanted.
    pub(super) fn asks(&self) -> bool {
        self.ack_timeout_ms > 0
    }

    pub(super) fn payload(&self) -> Payload<'_> {
        payload(self.args, &self.attachments)
    }
}

/// Null arguments are the attachments themselves.
pub(super) fn payload<'a>(args: Option<&'a str>, attachments: &'a [&'a [u8]]) -> Payload<'a> {
    match args {
        Some(args) => Payload::new(args, attachments),
        None => Payload::binary(attachments),
    }
}

/// # Many sockets
///
/// An audience is encoded for once, however many it has. These answer for how
/// many clients something was queued or done: an empty audience is 0, no error.
/// SALON_ERR_NOT_FOUND if the namespace is not open, or for a zero among
/// `sockets`; who has left is passed over.
///
/// ---
///
/// Sends an event to an audience; null is everybody on the server. Names and
/// arguments as for one socket; full queues are skipped.
///
/// With ack_timeout_ms it asks each of them: `ack_out` gets the number, the
/// answer is 0, and one SALON_EVENT_ACK comes for each that answers, leaves or is
/// late, then SALON_EVENT_ACKS_DONE. Without, `ack_out` gets 0; it may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_emit(
    server: *mut salon_server,
    to: *const salon_audience,
    message: *const salon_message,
    ack_out: *mut u64,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let (to, said) = (To::read(to)?, Said::read(message)?);
            let mut audience = to.of(&mut inner.server);
            if said.asks() {
                let timeout = Duration::from_millis(u64::from(said.ack_timeout_ms));
                put(ack_out, audience.ask(said.name, said.payload(), timeout)?.get());
                return Ok(0);
            }
            if said.volatile {
                audience = audience.volatile();
            }
            put(ack_out, 0);
            audience.emit(said.name, said.payload()).map(count)
        })
    }
}

/// Sends a raw message to an audience; to clients of other dialects it is the
/// event "message". `flags`: SALON_SEND_*.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_send(
    server: *mut salon_server,
    to: *const salon_audience,
    message: *const c_void,
    len: usize,
    flags: u32,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let (to, message) = (To::read(to)?, data(message, len, flags)?);
            let mut audience = to.of(&mut inner.server);
            if flags & salon_send_flag::SALON_SEND_VOLATILE as u32 != 0 {
                audience = audience.volatile();
            }
            audience.send(message).map(count)
        })
    }
}

/// Sends an event to every client of a namespace: salon_server_emit() in short.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_emit(
    server: *mut salon_server,
    nsp: *const c_char,
    name: *const c_char,
    args: *const c_char,
    args_len: usize,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let args = optional_args(args, args_len)?.unwrap_or("[]");
            inner.server.to(text(nsp, "nsp")?).emit(text(name, "name")?, args).map(count)
        })
    }
}

/// Sends an event to every client in a room, but not to `except` (zero: to all):
/// salon_server_emit() in short.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_room_emit(
    server: *mut salon_server,
    nsp: *const c_char,
    room: *const c_char,
    except: salon_socket_id,
    name: *const c_char,
    args: *const c_char,
    args_len: usize,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let args = optional_args(args, args_len)?.unwrap_or("[]");
            let (nsp, room, name) = (text(nsp, "nsp")?, text(room, "room")?, text(name, "name")?);
            let mut audience = inner.server.to(nsp).room(room);
            if let Some(except) = SocketId::from_u64(except) {
                audience = audience.except(except);
            }
            audience.emit(name, args).map(count)
        })
    }
}

/// How many clients are in a room, or in a whole namespace if `room` is null. A
/// room that is not there has nobody in it; SALON_ERR_NOT_FOUND if there is no
/// such namespace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_room_count(
    server: *const salon_server,
    nsp: *const c_char,
    room: *const c_char,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| inner.server.count(text(nsp, "nsp")?, optional_text(room, "room")?).map(count))
    }
}

/// Names the rooms of a namespace, in no order: `rooms_out` gets an array of
/// zero-terminated names, which stay until the next poll. Answers how many there
/// are. SALON_ERR_NOT_FOUND if there is no such namespace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_rooms(
    server: *mut salon_server,
    nsp: *const c_char,
    rooms_out: *mut *const salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let rooms = inner.server.rooms(text(nsp, "nsp")?)?;
            Ok(give_names(&mut inner.keeper, &rooms, rooms_out))
        })
    }
}

/// Names all namespaces, the dynamic ones included, in no order: as
/// salon_namespace_rooms().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_namespaces(
    server: *mut salon_server,
    namespaces_out: *mut *const salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let namespaces = inner.server.namespaces();
            Ok(give_names(&mut inner.keeper, &namespaces, namespaces_out))
        })
    }
}

/// Lists an audience: the first `cap` ids go to `ids_out`, which may be null if
/// `cap` is 0. Answers how many there are in all, or a negative salon_error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_audience_sockets(
    server: *mut salon_server,
    to: *const salon_audience,
    ids_out: *mut salon_socket_id,
    cap: usize,
) -> isize {
    let mut found = 0;
    // SAFETY: the header's contract for each pointer.
    let answer = unsafe {
        with(server, |inner| {
            if ids_out.is_null() && cap > 0 {
                return Err(Error::invalid("ids_out is null, and cap is not 0"));
            }
            let sockets = To::read(to)?.of(&mut inner.server).sockets()?;
            for (place, socket) in sockets.iter().take(cap).enumerate() {
                // SAFETY: the header demands room for `cap` ids.
                ids_out.add(place).write(socket.get());
            }
            found = sockets.len();
            Ok(0)
        })
    };
    if answer < 0 { answer as isize } else { found as isize }
}

/// Puts everybody in an audience into a room: all of them, or nobody
/// (SALON_ERR_LIMIT) if that would be one room too many for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_audience_join(
    server: *mut salon_server,
    to: *const salon_audience,
    room: *const c_char,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| To::read(to)?.of(&mut inner.server).join(text(room, "room")?).map(count))
    }
}

/// Takes everybody in an audience out of a room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_audience_leave(
    server: *mut salon_server,
    to: *const salon_audience,
    room: *const c_char,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| To::read(to)?.of(&mut inner.server).leave(text(room, "room")?).map(count))
    }
}

/// Disconnects everybody in an audience from its namespace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_audience_disconnect(
    server: *mut salon_server,
    to: *const salon_audience,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe { command(server, |inner| To::read(to)?.of(&mut inner.server).disconnect().map(count)) }
}
