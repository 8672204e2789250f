//! One client: letting it in, saying something to it, knowing who it is.

use std::{
    ffi::{c_char, c_int, c_void},
    time::Duration,
};

use super::{
    audience::{Said, payload, salon_message},
    config::dialect,
    event::{salon_bytes, salon_socket_id},
    server::{command, count, salon_server, with},
    text::{
        blobs, bytes, fill, give, give_names, optional_args, optional_text, put, sized, text, text_of_len,
        texts,
    },
};
use crate::{
    Accept, AckId, Data, Protocol, Transport,
    base::{
        error::{Error, Result},
        id::SocketId,
    },
};

/// How a client talks.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_protocol {
    /// Socket.IO 5 over Engine.IO 4.
    SALON_PROTOCOL_SOCKETIO = 1,
    /// Plain WebSocket with JSON messages {"event": ..., "data": ...}.
    SALON_PROTOCOL_JSON = 2,
    /// Plain WebSocket with messages as they are.
    SALON_PROTOCOL_RAW = 3,
}

/// What its bytes travel on now.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_transport {
    /// HTTP requests, one of which waits for news.
    SALON_TRANSPORT_POLLING = 1,
    /// One WebSocket.
    SALON_TRANSPORT_WEBSOCKET = 2,
}

/// How a waiting client is let in; zero leaves a thing as the namespace has it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_accept {
    /// Always `sizeof(salon_accept)`.
    pub size: usize,
    /// Your pointer for it; null keeps what salon_socket_set_user() has set, or
    /// what a recovered client had.
    pub user: *mut c_void,
    /// Rooms that it is in before its CONNECT.
    pub rooms: *const *const c_char,
    /// How many.
    pub room_count: usize,
    /// SALON_DIALECT_*, for a plain WebSocket.
    pub dialect: u32,
    /// The subprotocol, one of those that it offered; null leaves the choice to
    /// the namespace.
    pub subprotocol: *const c_char,
}

/// What is known of a client; see salon_socket_describe().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_socket_info {
    /// Always `sizeof(salon_socket_info)`, set by the caller.
    pub size: usize,
    /// The name by which the client knows its socket, zero-terminated; empty for
    /// the raw dialect.
    pub sid: *const c_char,
    /// "address:port" of the peer, zero-terminated; empty over a Unix socket.
    pub address: *const c_char,
    /// A salon_protocol; 0 if it has left.
    pub protocol: u32,
    /// A salon_transport; 0 if it has left.
    pub transport: u32,
    /// Bytes that wait in its send queue.
    pub queued: usize,
    /// Messages dropped for it since its last SALON_EVENT_DRAIN.
    pub dropped: u64,
    /// The subprotocol that a plain WebSocket has settled on, zero-terminated;
    /// empty if none.
    pub subprotocol: *const c_char,
    /// When its handshake came, in milliseconds since 1970; 0 if that is not kept.
    pub connected_ms: u64,
}

/// The id behind a number.
pub(super) fn id(socket: salon_socket_id) -> Result<SocketId> {
    SocketId::from_u64(socket).ok_or_else(|| Error::not_found("zero is nobody"))
}

/// A raw message; bit 0 of `flags` says that it is text.
#[inline(always)]
pub(super) unsafe fn data<'a>(pointer: *const c_void, len: usize, flags: u32) -> Result<Data<'a>> {
    // SAFETY: the header demands that many bytes.
    let data = unsafe { bytes(pointer, len, "data") }?;
    if flags & salon_send_flag::SALON_SEND_TEXT as u32 == 0 {
        return Ok(Data::Binary(data));
    }
    std::str::from_utf8(data).map(Data::Text).map_err(|_| Error::invalid("the text is not UTF-8"))
}

/// Bits of the flags of salon_socket_send() and salon_server_send().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_send_flag {
    /// A text message; otherwise it is binary.
    SALON_SEND_TEXT = 1,
    /// Leave it out for clients that are behind.
    SALON_SEND_VOLATILE = 2,
}

/// # One socket
///
/// All of these answer SALON_ERR_NOT_FOUND for zero and for an id that is stale.
/// A socket that has just left is known until the poll after its DISCONNECT was
/// taken: commands on it succeed and do nothing.
///
/// While a socket waits for its guard, set_user, describe, header, query and url
/// work; emit, send, join and leave answer SALON_ERR_STATE.
///
/// What you say is checked: SALON_ERR_INVALID for an event name that Socket.IO
/// reserves ("connect", "disconnect", ...) and for arguments that are not a JSON
/// array, SALON_ERR_LIMIT for a name that is too long.
///
/// ---
///
/// Lets a waiting client in, into all rooms of `how` at once, with its user
/// pointer set: before the SALON_EVENT_CONNECT that follows. Null `how` takes the
/// defaults. SALON_ERR_STATE if it
/// does not wait, SALON_ERR_INVALID for a subprotocol that it did not offer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_accept(
    server: *mut salon_server,
    socket: salon_socket_id,
    how: *const salon_accept,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let how = sized(how, "salon_accept")?;
            let mut accept = Accept::default();
            // Null keeps what was set while it waited, or before it was away.
            if !how.user.is_null() {
                accept = accept.user(how.user as usize as u64);
            }
            for room in texts(how.rooms, how.room_count, "rooms")? {
                accept = accept.room(room);
            }
            if let Some(dialect) = dialect(how.dialect)? {
                accept = accept.dialect(dialect);
            }
            if let Some(protocol) = optional_text(how.subprotocol, "subprotocol")? {
                accept = accept.subprotocol(protocol);
            }
            let socket = id(socket)?;
            inner.server.accept(socket, accept)?;
            // One that left in this turn keeps the pointer too, so that its
            // DISCONNECT gives it back and nothing leaks.
            if !how.user.is_null() {
                inner.server.set_user(socket, how.user as usize as u64)?;
            }
            Ok(0)
        })
    }
}

/// Turns a waiting client away: a plain WebSocket with the HTTP `status` (400 to
/// 599) and the text, a Socket.IO client with the text as its error's message
/// and, if `json_len` is not zero, a JSON value as its data. DISCONNECT follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_reject(
    server: *mut salon_server,
    socket: salon_socket_id,
    status: u32,
    message: *const c_char,
    json: *const c_char,
    json_len: usize,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let status = u16::try_from(status).unwrap_or_default();
            let message = text(message, "message")?;
            let json = text_of_len(json, json_len, "json")?;
            let socket = id(socket)?;
            match json.is_empty() {
                true => inner.server.reject(socket, status, message).map(|()| 0),
                false => inner.server.reject_with(socket, status, message, json).map(|()| 0),
            }
        })
    }
}

/// Sends an event to one client. `args` is a JSON array, or null for none.
/// Answers 1, or 0 if the client has just left. SALON_ERR_BACKPRESSURE only with
/// SALON_OVERFLOW_DROP: its queue is full, and this message was dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_emit(
    server: *mut salon_server,
    socket: salon_socket_id,
    name: *const c_char,
    args: *const c_char,
    args_len: usize,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let args = optional_args(args, args_len)?.unwrap_or("[]");
            inner.server.emit(id(socket)?, text(name, "name")?, args).map(count)
        })
    }
}

/// Sends an event to one client and asks for an answer within `timeout_ms`.
/// Exactly one SALON_EVENT_ACK with the number put in `ack_out` comes, in any
/// case. The message's own ack_timeout_ms and SALON_MESSAGE_VOLATILE do not
/// count. Errors as salon_socket_emit(); also SALON_ERR_LIMIT with too many open
/// questions, SALON_ERR_STATE for a client of the raw dialect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_emit_with_ack(
    server: *mut salon_server,
    socket: salon_socket_id,
    message: *const salon_message,
    timeout_ms: u32,
    ack_out: *mut u64,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let said = Said::read(message)?;
            let timeout = Duration::from_millis(u64::from(timeout_ms));
            let ack = inner.server.ask(id(socket)?, said.name, said.payload(), timeout)?;
            put(ack_out, ack.get());
            Ok(0)
        })
    }
}

/// Answers a message whose `ack` was not zero, in that turn or later, once.
/// `args` is a JSON array; null stands for the attachments themselves, or for
/// none. SALON_ERR_NOT_FOUND if the question is not open any more. It stays open
/// if there was no room for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_ack_answer(
    server: *mut salon_server,
    ack: u64,
    args: *const c_char,
    args_len: usize,
    attachments: *const salon_bytes,
    attachment_count: usize,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let ack = AckId::from_u64(ack).ok_or_else(|| Error::not_found("zero is no question"))?;
            let attachments = blobs(attachments, attachment_count, "attachments")?;
            let args = optional_args(args, args_len)?;
            inner.server.ack(ack, payload(args, &attachments)).map(|()| 0)
        })
    }
}

/// Sends a raw message to one client; to a client of another dialect it is the
/// event "message". `flags`: SALON_SEND_*. Answers 1, or 0 if it has just left or
/// a volatile message was left out.
/// SALON_ERR_INVALID for a text that is not UTF-8; SALON_ERR_BACKPRESSURE as
/// salon_socket_emit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_send(
    server: *mut salon_server,
    socket: salon_socket_id,
    message: *const c_void,
    len: usize,
    flags: u32,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let (socket, message) = (id(socket)?, data(message, len, flags)?);
            match flags & salon_send_flag::SALON_SEND_VOLATILE as u32 != 0 {
                true => inner.server.send_volatile(socket, message).map(count),
                false => inner.server.send(socket, message).map(count),
            }
        })
    }
}

/// Puts a client into a room of its namespace, which is made if need be. To be in
/// it already is no error. SALON_ERR_LIMIT with too many rooms, or for an
/// over-long name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_join(
    server: *mut salon_server,
    socket: salon_socket_id,
    room: *const c_char,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe { command(server, |inner| inner.server.join(id(socket)?, text(room, "room")?).map(|()| 0)) }
}

/// Takes a client out of a room, or of all if `room` is null. Not to be in it is
/// no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_leave(
    server: *mut salon_server,
    socket: salon_socket_id,
    room: *const c_char,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| match optional_text(room, "room")? {
            Some(room) => inner.server.leave(id(socket)?, room).map(|()| 0),
            None => inner.server.leave_all(id(socket)?).map(|()| 0),
        })
    }
}

/// Disconnects a client from its namespace; with `close`, a Socket.IO client from
/// all of its own, and its connection too. What was said before is still
/// delivered. DISCONNECT follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_disconnect(
    server: *mut salon_server,
    socket: salon_socket_id,
    close: bool,
) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe {
        command(server, |inner| match close {
            true => inner.server.disconnect_client(id(socket)?).map(|()| 0),
            false => inner.server.disconnect(id(socket)?).map(|()| 0),
        })
    }
}

/// Disconnects a client from its namespace with a WebSocket close code (RFC 6455
/// §7.4) and a text of at most 123 bytes, which a plain WebSocket is told.
/// SALON_ERR_INVALID for a code that may not be sent, SALON_ERR_LIMIT for a longer
/// text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_disconnect_with(
    server: *mut salon_server,
    socket: salon_socket_id,
    code: u32,
    reason: *const c_char,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let code = u16::try_from(code).unwrap_or_default();
            let reason = optional_text(reason, "reason")?.unwrap_or_default();
            inner.server.disconnect_with(id(socket)?, code, reason).map(|()| 0)
        })
    }
}

/// The socket that its client knows by this name (salon_socket_info.sid), or
/// zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_by_sid(
    server: *const salon_server,
    sid: *const c_char,
) -> salon_socket_id {
    let mut found = 0;
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            found = inner.server.by_sid(text(sid, "sid")?).map_or(0, SocketId::get);
            Ok(0)
        })
    };
    found
}

/// Keeps a pointer of yours with a client. Salon never looks at it; it comes back
/// in every event of the socket that is taken from now on, also in those of this
/// turn, and last in its DISCONNECT (or EXPIRED): the place to free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_set_user(
    server: *mut salon_server,
    socket: salon_socket_id,
    user: *mut c_void,
) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe { with(server, |inner| inner.server.set_user(id(socket)?, user as usize as u64).map(|()| 0)) }
}

/// That pointer, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_user(
    server: *const salon_server,
    socket: salon_socket_id,
) -> *mut c_void {
    let mut user = 0;
    // SAFETY: the header's contract for the pointer.
    unsafe {
        with(server, |inner| {
            user = inner.server.user(id(socket)?)?;
            Ok(0)
        })
    };
    user as usize as *mut c_void
}

/// Tells what is known of a client: fills as much of `info_out` as the `size` that
/// the caller has set in it. Its texts stay until the next poll.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_describe(
    server: *mut salon_server,
    socket: salon_socket_id,
    info_out: *mut salon_socket_info,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let socket = id(socket)?;
            let sid = inner.server.sid(socket)?.unwrap_or_default().to_owned();
            let address = inner.server.peer(socket).map(|peer| peer.to_string()).unwrap_or_default();
            let (protocol, transport) = match inner.server.transport(socket) {
                Some((protocol, transport)) => (
                    match protocol {
                        Protocol::SocketIo => salon_protocol::SALON_PROTOCOL_SOCKETIO,
                        Protocol::Json => salon_protocol::SALON_PROTOCOL_JSON,
                        Protocol::Raw => salon_protocol::SALON_PROTOCOL_RAW,
                    } as u32,
                    match transport {
                        Transport::Polling => salon_transport::SALON_TRANSPORT_POLLING,
                        Transport::WebSocket => salon_transport::SALON_TRANSPORT_WEBSOCKET,
                    } as u32,
                ),
                None => (0, 0),
            };
            let subprotocol = inner.server.subprotocol(socket).unwrap_or_default().to_owned();
            let time = inner.server.handshake_time(socket);
            let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            let info = salon_socket_info {
                size: 0,
                sid: inner.keeper.keep(sid.as_bytes()),
                address: inner.keeper.keep(address.as_bytes()),
                protocol,
                transport,
                queued: inner.server.queued(socket)?,
                dropped: inner.server.dropped(socket),
                subprotocol: inner.keeper.keep(subprotocol.as_bytes()),
                connected_ms: since.map_or(0, |since| since.as_millis() as u64),
            };
            fill(info_out, info, "salon_socket_info").map(|()| 0)
        })
    }
}

/// A header of the request that opened the session; upper and lower case are the
/// same. The request of a plain WebSocket is kept until the poll after CONNECT,
/// and longer with SALON_CONFIG_KEEP_HANDSHAKES. SALON_ERR_NOT_FOUND if it is not
/// kept or has no such header. The value stays until the next poll; like a
/// query's, it need not be UTF-8 and may hold zero bytes: use its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_header(
    server: *mut salon_server,
    socket: salon_socket_id,
    name: *const c_char,
    value_out: *mut salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let name = text(name, "name")?;
            let request = inner.server.handshake(id(socket)?);
            let value = request.and_then(|request| request.header(name)).map(<[u8]>::to_vec);
            give(&mut inner.keeper, value.as_deref(), value_out)
        })
    }
}

/// A query parameter of that request, decoded; as salon_socket_header().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_query(
    server: *mut salon_server,
    socket: salon_socket_id,
    key: *const c_char,
    value_out: *mut salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let key = text(key, "key")?;
            let request = inner.server.handshake(id(socket)?);
            let value = request.and_then(|request| request.query(key)).map(|value| value.into_owned());
            give(&mut inner.keeper, value.as_deref().map(str::as_bytes), value_out)
        })
    }
}

/// The target of that request as it was sent, path and query; as
/// salon_socket_header().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_url(
    server: *mut salon_server,
    socket: salon_socket_id,
    value_out: *mut salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let request = inner.server.handshake(id(socket)?);
            let value = request.map(|request| request.target().to_owned());
            give(&mut inner.keeper, value.as_deref().map(str::as_bytes), value_out)
        })
    }
}

/// What a Socket.IO client gave as `auth` when it entered: a JSON object, "{}"
/// if it gave none, and for other clients. Stays until the next poll.
/// SALON_ERR_NOT_FOUND for a stale id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_auth(
    server: *mut salon_server,
    socket: salon_socket_id,
    value_out: *mut salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let socket = id(socket)?;
            inner.server.user(socket)?;
            let auth = inner.server.auth(socket).to_owned();
            give(&mut inner.keeper, Some(auth.as_bytes()), value_out)
        })
    }
}

/// Names the rooms that a client is in: `rooms_out` gets an array of
/// zero-terminated names, which stay until the next poll. Answers how many there
/// are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_rooms(
    server: *mut salon_server,
    socket: salon_socket_id,
    rooms_out: *mut *const salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let rooms = inner.server.rooms_of(id(socket)?)?;
            Ok(give_names(&mut inner.keeper, &rooms, rooms_out))
        })
    }
}

/// Bytes that wait in a client's send queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_socket_queued(server: *const salon_server, socket: salon_socket_id) -> isize {
    let mut queued = 0;
    // SAFETY: the header's contract for the pointer.
    let answer = unsafe {
        with(server, |inner| {
            queued = inner.server.queued(id(socket)?)?;
            Ok(0)
        })
    };
    if answer < 0 { answer as isize } else { queued as isize }
}
