//! What happened, as C sees it.

use std::ffi::{c_char, c_void};

use super::{error::salon_error, text::Keeper};
use crate::{Attachments, Data, Event, Reason, Server, base::id::SocketId, event::NoAnswer};

/// A client in a namespace. Ids are never reused while a stale copy could be
/// mistaken for another client; zero is nobody.
pub type salon_socket_id = u64;

/// `len` bytes at `ptr`, which belong to someone else.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_bytes {
    /// The bytes; may be anything if there are none.
    pub ptr: *const c_void,
    /// How many.
    pub len: usize,
}

/// What happened, and which fields of salon_event tell more. Ignore those that
/// you do not know.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_event_type {
    /// A client asks to enter a guarded namespace: socket, nsp, data (its auth
    /// payload). Answer with salon_socket_accept() or salon_socket_reject(), now
    /// or later. Exactly one CONNECT or DISCONNECT follows.
    SALON_EVENT_CONNECT_REQUEST = 1,
    /// A client is in: socket, nsp, data (its auth payload), tag (the id that it
    /// had before, if it has been recovered).
    SALON_EVENT_CONNECT = 2,
    /// A client is gone: socket, nsp, user, code (a salon_reason), name (the
    /// same in words), tag (the WebSocket close code), data (the text beside
    /// it), attachments (the rooms it was in). Exactly one for each socket that
    /// was announced. SALON_EVENT_FLAG_MAY_RETURN: EXPIRED or a CONNECT with
    /// this id as its tag follows, and keeps the user pointer until then.
    SALON_EVENT_DISCONNECT = 3,
    /// A client sent an event: socket, nsp, name, data (a JSON array of its
    /// arguments), attachments, and ack if it wants an answer.
    SALON_EVENT_MESSAGE = 4,
    /// An answer to a question of yours, or that none comes: socket, ack, code
    /// (SALON_OK, SALON_ERR_TIMEOUT or SALON_ERR_CLOSED), data, attachments.
    SALON_EVENT_ACK = 5,
    /// A full send queue has room again, after a message was refused or dropped,
    /// or its socket leaves and DISCONNECT follows: socket, tag (how many since the
    /// last DRAIN). Only with SALON_OVERFLOW_DROP.
    SALON_EVENT_DRAIN = 6,
    /// A timer fired: tag, ack (the timer).
    SALON_EVENT_TIMER = 7,
    /// Another thread posted: tag, data.
    SALON_EVENT_POST = 8,
    /// salon_server_shutdown() is done.
    SALON_EVENT_STOPPED = 9,
    /// A question to an audience is over: ack, code (how many answered), tag (of
    /// how many).
    SALON_EVENT_ACKS_DONE = 11,
    /// A client of the raw dialect sent a message: socket, nsp, data, flags
    /// (SALON_EVENT_FLAG_TEXT for text).
    SALON_EVENT_DATA = 12,
    /// An HTTP request: ack (for salon_http_respond()), name (the method), nsp
    /// (the path), data (the body). Its other parts by salon_http_header() and
    /// salon_http_query().
    SALON_EVENT_HTTP_REQUEST = 13,
    /// A room came about: nsp, name.
    SALON_EVENT_ROOM_CREATED = 14,
    /// A room is gone: nsp, name.
    SALON_EVENT_ROOM_DELETED = 15,
    /// A socket is in a room: socket, nsp, name.
    SALON_EVENT_JOINED = 16,
    /// A socket is no longer in a room: socket, nsp, name.
    SALON_EVENT_LEFT = 17,
    /// A Socket.IO client has moved from polling to WebSocket: socket, nsp.
    SALON_EVENT_UPGRADED = 18,
    /// A client that might have come back has not, or has come back with another
    /// user pointer: tag (the id that it had), nsp, user (the last that is heard
    /// of it).
    SALON_EVENT_EXPIRED = 19,
}

use salon_event_type as kind;

/// Bits of salon_event.flags.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_event_flag {
    /// The data of a raw message is text.
    SALON_EVENT_FLAG_TEXT = 1,
    /// The client that is gone may come back.
    SALON_EVENT_FLAG_MAY_RETURN = 2,
}

/// Why a client is gone.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_reason {
    /// It said goodbye in the orderly way.
    SALON_REASON_CLIENT_LEFT = 0,
    /// Its connection ended without a goodbye.
    SALON_REASON_TRANSPORT_CLOSE = 1,
    /// Its connection broke.
    SALON_REASON_TRANSPORT_ERROR = 2,
    /// It answered no ping in time.
    SALON_REASON_PING_TIMEOUT = 3,
    /// The host disconnected it.
    SALON_REASON_SERVER_LEFT = 4,
    /// Its namespace was closed.
    SALON_REASON_NAMESPACE_CLOSED = 5,
    /// The guard rejected it.
    SALON_REASON_REJECTED = 6,
    /// The guard did not answer in time.
    SALON_REASON_GUARD_TIMEOUT = 7,
    /// It broke the protocol.
    SALON_REASON_PROTOCOL_ERROR = 8,
    /// It sent a packet that can't be decoded.
    SALON_REASON_PARSE_ERROR = 9,
    /// It sent a message over the limit.
    SALON_REASON_MESSAGE_TOO_BIG = 10,
    /// It broke another limit.
    SALON_REASON_POLICY_VIOLATION = 11,
    /// It read too slowly.
    SALON_REASON_SLOW_READER = 12,
    /// The memory of all queues was used up.
    SALON_REASON_OUT_OF_MEMORY = 13,
    /// The server shuts down.
    SALON_REASON_SHUTDOWN = 14,
    /// It sent more events than it may.
    SALON_REASON_FLOOD = 15,
}

const _: () = assert!(Reason::Flood as i32 == salon_reason::SALON_REASON_FLOOD as i32);

/// One event. It belongs to the server: it and everything that it points to
/// stay until the next salon_server_poll() that starts a turn, or
/// salon_server_free(), whatever else is called between. Names are UTF-8, hold
/// no zero byte and end in one; payloads do not end in one. Pointers are never
/// null, except `user`. What the type does not tell of is zero or empty. Later
/// versions add fields at the end, so never copy one by its size.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_event {
    /// A salon_event_type.
    pub r#type: u32,
    /// A salon_error, a salon_reason or a count, as the type tells.
    pub code: i32,
    /// Whom it concerns, or zero.
    pub socket: salon_socket_id,
    /// For salon_ack_answer() or salon_http_respond(), or the number that your
    /// question or timer got; or zero.
    pub ack: u64,
    /// A number, as the type tells.
    pub tag: u64,
    /// The socket's pointer, set with salon_socket_accept() or
    /// salon_socket_set_user(), as it is when the event is taken; or null.
    pub user: *mut c_void,
    /// Namespace, such as "/".
    pub nsp: *const c_char,
    /// Bytes of `nsp`.
    pub nsp_len: usize,
    /// Event name, room, or reason in words.
    pub name: *const c_char,
    /// Bytes of `name`.
    pub name_len: usize,
    /// Payload: JSON text, or bytes.
    pub data: *const c_char,
    /// Bytes of `data`.
    pub data_len: usize,
    /// Binary attachments, in the order of their placeholders in `data`.
    pub attachments: *const salon_bytes,
    /// How many.
    pub attachment_count: usize,
    /// SALON_EVENT_FLAG_* bits.
    pub flags: u32,
}

/// An event that says nothing yet.
pub(super) fn blank() -> salon_event {
    salon_event {
        r#type: 0,
        code: 0,
        socket: 0,
        ack: 0,
        tag: 0,
        user: std::ptr::null_mut(),
        nsp: c"".as_ptr(),
        nsp_len: 0,
        name: c"".as_ptr(),
        name_len: 0,
        data: c"".as_ptr(),
        data_len: 0,
        attachments: std::ptr::NonNull::dangling().as_ptr(),
        attachment_count: 0,
        flags: 0,
    }
}

/// An event in C's form. Names are kept with a NUL, payloads lie where they are.
pub(super) fn convert(server: &Server, keeper: &mut Keeper, event: &Event<'_>) -> salon_event {
    let mut out = blank();
    let socket_of = |out: &mut salon_event, socket: SocketId| {
        out.socket = socket.get();
        out.user = server.user(socket).unwrap_or_default() as usize as *mut c_void;
    };
    match event {
        Event::ConnectRequest { socket, nsp, auth, .. } => {
            out.r#type = kind::SALON_EVENT_CONNECT_REQUEST as u32;
            socket_of(&mut out, *socket);
            out.nsp(keeper, nsp).data(auth.as_bytes());
        }
        Event::Connect { socket, nsp, auth, was, .. } => {
            out.r#type = kind::SALON_EVENT_CONNECT as u32;
            socket_of(&mut out, *socket);
            out.tag = was.map_or(0, SocketId::get);
            out.nsp(keeper, nsp).data(auth.as_bytes());
        }
        Event::Disconnect { socket, nsp, reason, code, text, rooms, may_return } => {
            out.r#type = kind::SALON_EVENT_DISCONNECT as u32;
            socket_of(&mut out, *socket);
            out.code = *reason as i32;
            out.tag = u64::from(code.unwrap_or_default());
            out.flags = if *may_return { salon_event_flag::SALON_EVENT_FLAG_MAY_RETURN as u32 } else { 0 };
            let rooms = rooms.clone().map(|room| keeper.keep_name(room)).collect();
            out.attach(keeper, rooms).nsp(keeper, nsp).name(keeper, reason.as_str()).data(text.as_bytes());
        }
        Event::Message { socket, nsp, name, args, attachments, ack } => {
            out.r#type = kind::SALON_EVENT_MESSAGE as u32;
            socket_of(&mut out, *socket);
            out.ack = ack.map_or(0, |ack| ack.get());
            out.nsp(keeper, nsp).name(keeper, name).data(args.as_bytes()).attach(keeper, all(*attachments));
        }
        Event::Data { socket, nsp, data } => {
            out.r#type = kind::SALON_EVENT_DATA as u32;
            socket_of(&mut out, *socket);
            let is_text = matches!(data, Data::Text(_));
            out.flags = if is_text { salon_event_flag::SALON_EVENT_FLAG_TEXT as u32 } else { 0 };
            out.nsp(keeper, nsp).data(data.as_bytes());
        }
        Event::Ack { socket, ack, answer } => {
            out.r#type = kind::SALON_EVENT_ACK as u32;
            socket_of(&mut out, *socket);
            out.ack = ack.get();
            match answer {
                Ok(answer) => {
                    out.data(answer.args.as_bytes()).attach(keeper, all(answer.attachments));
                }
                Err(NoAnswer::Timeout) => out.code = salon_error::SALON_ERR_TIMEOUT as i32,
                Err(NoAnswer::Closed) => out.code = salon_error::SALON_ERR_CLOSED as i32,
            }
        }
        Event::AcksDone { ack, answered, of } => {
            out.r#type = kind::SALON_EVENT_ACKS_DONE as u32;
            (out.ack, out.code, out.tag) = (ack.get(), *answered as i32, u64::from(*of));
        }
        Event::RoomCreated { nsp, room } | Event::RoomDeleted { nsp, room } => {
            let created = matches!(event, Event::RoomCreated { .. });
            out.r#type =
                if created { kind::SALON_EVENT_ROOM_CREATED } else { kind::SALON_EVENT_ROOM_DELETED } as u32;
            out.nsp(keeper, nsp).name(keeper, room);
        }
        Event::Joined { socket, nsp, room } | Event::Left { socket, nsp, room } => {
            let joined = matches!(event, Event::Joined { .. });
            out.r#type = if joined { kind::SALON_EVENT_JOINED } else { kind::SALON_EVENT_LEFT } as u32;
            socket_of(&mut out, *socket);
            out.nsp(keeper, nsp).name(keeper, room);
        }
        Event::Drain { socket, dropped } => {
            out.r#type = kind::SALON_EVENT_DRAIN as u32;
            socket_of(&mut out, *socket);
            out.tag = *dropped;
        }
        Event::HttpRequest { request, head, body } => {
            out.r#type = kind::SALON_EVENT_HTTP_REQUEST as u32;
            out.ack = request.get();
            out.nsp(keeper, head.path()).name(keeper, head.method()).data(body);
        }
        Event::Timer { timer, tag } => {
            out.r#type = kind::SALON_EVENT_TIMER as u32;
            (out.ack, out.tag) = (timer.get(), *tag);
        }
        Event::Post { tag, data } => {
            out.r#type = kind::SALON_EVENT_POST as u32;
            out.tag = *tag;
            out.data(data);
        }
        Event::Upgraded { socket, nsp } => {
            out.r#type = kind::SALON_EVENT_UPGRADED as u32;
            socket_of(&mut out, *socket);
            out.nsp(keeper, nsp);
        }
        Event::Expired { socket, nsp, user } => {
            out.r#type = kind::SALON_EVENT_EXPIRED as u32;
            (out.tag, out.user) = (socket.get(), *user as usize as *mut c_void);
            out.nsp(keeper, nsp);
        }
        Event::Stopped => out.r#type = kind::SALON_EVENT_STOPPED as u32,
    }
    out
}

impl salon_event {
    fn nsp(&mut self, keeper: &mut Keeper, nsp: &str) -> &mut Self {
        (self.nsp, self.nsp_len) = (keeper.keep_nsp(nsp), nsp.len());
        self
    }

    fn name(&mut self, keeper: &mut Keeper, name: &str) -> &mut Self {
        (self.name, self.name_len) = (keeper.keep(name.as_bytes()), name.len());
        self
    }

    fn data(&mut self, data: &[u8]) -> &mut Self {
        (self.data, self.data_len) = (data.as_ptr().cast(), data.len());
        self
    }

    fn attach(&mut self, keeper: &mut Keeper, entries: Vec<salon_bytes>) -> &mut Self {
        self.attachment_count = entries.len();
        self.attachments = keeper.keep_array(entries);
        self
    }
}

/// Bytes that lie in the turn.
pub(super) fn bytes_of(bytes: &[u8]) -> salon_bytes {
    salon_bytes { ptr: bytes.as_ptr().cast(), len: bytes.len() }
}

fn all(attachments: Attachments<'_>) -> Vec<salon_bytes> {
    attachments.iter().map(bytes_of).collect()
}
