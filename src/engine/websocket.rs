//! A plain WebSocket, from its handshake to its end: what its client does.

use std::sync::Arc;

use super::{
    Engine,
    commands::Accept,
    config::Origins,
    connection::{Connection, Ending, Open, State, Waiting},
    reason::Reason,
    timers::Timer,
    turn::{Answer, Record, Span, Turn},
};
use crate::{
    base::{id::SocketId, limits::PINGS_PER_TURN},
    codec::{
        close::{Failure, code},
        frame::{self, Opcode},
        handshake::{self, Handshake},
        http::{Fault, Request},
        message::{Body, Kind, Reader, Unit},
        origin,
        response::{self, Answering},
    },
    hub::{Route, Sid, Stage, namespace::Dialect},
    session::{self, json},
};

impl Engine {
    /// A request wants to become a WebSocket. A refused one ends the
    /// connection (RFC 6455 §4.2.2; what follows might be frames).
    pub(super) fn upgrade(&mut self, key: u32, request: Request) {
        let answering = Answering::to(&request).closing();
        let handshake = match Handshake::check(&request) {
            Ok(handshake) => handshake,
            Err(fault) => return self.refuse(key, fault, answering),
        };
        if self.closed {
            return self.turn_away(key, Fault::new(503, "the server shuts down"), answering);
        }
        if !self.allows_origin(&request) {
            self.stats.refused_origin += 1;
            return self.turn_away(key, Fault::new(403, "this origin may not connect"), answering);
        }
        let too_long = request.path().len() > self.config.limits.name_bytes as usize;
        let found = if too_long { None } else { self.hub.namespace_for(request.path()) };
        let Some(namespace) = found else {
            self.stats.refused_namespace += 1;
            return self.turn_away(key, Fault::new(404, "no such namespace"), answering);
        };
        let Some(entry) = self.hub.namespace(namespace) else { return };
        let (guarded, dialect) = (entry.config.guarded, entry.config.dialect);
        let protocol = handshake::choose(&entry.config.subprotocols, &request).map(Box::from);
        if protocol.is_none() && entry.config.require_subprotocol {
            self.hub.drop_if_empty(namespace);
            self.stats.refused_subprotocol += 1;
            return self.turn_away(key, Fault::new(400, "no subprotocol in common"), answering);
        }
        let Some(connection) = self.connections.get(key as usize) else { return };
        let route = Route { queue: connection.queue, format: format_of(dialect) };
        let socket = self.hub.add(namespace, key, route);
        let request = Arc::new(request);
        self.handshakes.insert(socket, request.clone());
        self.set_state(key, State::Waiting(Box::new(Waiting { socket, handshake, protocol, answering })));
        if guarded {
            self.timers.set(key, Timer::Guard, self.now);
            let nsp = self.namespace_span(namespace);
            let handshake = self.turn.request(request);
            self.turn.push(Record::ConnectRequest { socket, nsp, handshake });
        } else {
            self.admit(key, &Accept::default());
        }
    }

    fn allows_origin(&self, request: &Request) -> bool {
        let Some(origin) = request.header("origin") else { return true };
        match &self.config.origins {
            Origins::Any => true,
            Origins::Same => origin::is_same(origin, request),
            Origins::List(list) => origin::is_listed(origin, list),
        }
    }

    /// Refuses a handshake that is in order.
    pub(super) fn turn_away(&mut self, key: u32, fault: Fault, answering: Answering) {
        self.say_http(key, |out| response::write_fault(out, fault, answering));
        self.finish(key);
    }

    /// Lets a waiting client in: the 101, then everything that belongs to
    /// being there, in one go.
    pub(super) fn admit(&mut self, key: u32, acceptance: &Accept<'_>) {
        let Some(Connection { queue, state: State::Waiting(waiting), .. }) =
            self.connections.get(key as usize)
        else {
            return;
        };
        let (socket, handshake, queue) = (waiting.socket, waiting.handshake, *queue);
        let protocol = acceptance.protocol.map(Box::from).or_else(|| waiting.protocol.clone());
        let Some(entry) = self.hub.get(socket) else { return };
        let (namespace, waiting_format) = (entry.namespace, entry.route.format);
        self.say_http(key, |out| {
            // The subprotocol has been checked, and there are no other headers.
            let written = handshake.write_accept(out, protocol.as_deref(), &[]);
            debug_assert!(written.is_ok());
        });
        let format = acceptance.dialect.map_or(waiting_format, format_of);
        self.hub.admit(socket, Route { queue, format });
        if let (Some(user), Some(entry)) = (acceptance.user, self.hub.get_mut(socket)) {
            entry.user = user;
        }
        for room in &acceptance.rooms {
            // The rooms have been counted and their names checked.
            let joined = self.hub.join(socket, room);
            debug_assert!(joined.is_ok());
        }
        let open = Open { reader: Reader::default(), socket, pings: 0, ending: None };
        self.set_state(key, State::Open(open));
        self.timers.set(key, Timer::Ping, self.now);
        let nsp = self.namespace_span(namespace);
        if let Some(request) = self.handshakes.get(&socket) {
            let handshake = self.turn.request(request.clone());
            self.turn.push(Record::Connect { socket, nsp, handshake });
        }
        self.note_changes();
        if format == session::JSON {
            self.greet(socket);
        }
        if self.connections.get(key as usize).is_some_and(|connection| connection.held.is_some()) {
            self.resume_later(key);
        }
    }

    /// The first message of the JSON dialect tells the client its sid.
    fn greet(&mut self, socket: SocketId) {
        let sid = self.new_sid();
        self.hub.set_sid(socket, sid);
        let mut text = Vec::with_capacity(64);
        text.extend_from_slice(b"{\"event\":\"connect\",\"data\":{\"sid\":\"");
        text.extend_from_slice(&sid);
        text.extend_from_slice(b"\"}}");
        self.say_frame(socket, Opcode::Text, &text);
    }

    fn new_sid(&mut self) -> Sid {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let (mut bits, mut sid) = ([0; 15], [b'A'; 20]);
        (self.random)(&mut bits);
        let written = URL_SAFE_NO_PAD.encode_slice(bits, &mut sid);
        debug_assert!(written.is_ok());
        sid
    }

    /// Looks at frames from `at` on; answers how far it has come.
    pub(super) fn take_frames(&mut self, key: u32, mut at: usize, end: usize) -> usize {
        let Some(Connection { state: State::Open(open), .. }) = self.connections.get_mut(key as usize) else {
            return at;
        };
        if open.ending.is_some() {
            return end;
        }
        let socket = open.socket;
        let mut reader = std::mem::take(&mut open.reader);
        open.pings = 0;
        let held_before = reader.held();
        let most = self.config.limits.turn_messages;
        let mut messages = 0;
        let ending = loop {
            if messages >= most {
                break None;
            }
            let bytes = self.turn.bytes(0..end);
            match reader.next(bytes, &mut at, &self.read_limits, &mut self.pool) {
                Unit::Message(kind, body) => {
                    messages += 1;
                    if let Body::InPlace(range) = &body {
                        self.turn.keep_to(range.end);
                    }
                    self.take_message(socket, kind, body);
                }
                Unit::Ping(body) => self.take_ping(key, body.as_slice()),
                Unit::Pong => {}
                Unit::More => break None,
                Unit::Close(code, text) => break Some(Ending::Close(code, text)),
                Unit::Failed(failure) => break Some(Ending::Failed(failure)),
            }
        };
        self.partial_bytes = self.partial_bytes + reader.held() - held_before;
        if let Some(Connection { state: State::Open(open), .. }) = self.connections.get_mut(key as usize) {
            open.reader = reader;
        } else {
            // It was cut off over what it said.
            self.partial_bytes -= reader.held();
            reader.end(&mut self.pool);
            return end;
        }
        if let Some(ending) = ending {
            self.note_ending(key, ending, messages);
        } else if at < end {
            self.hold(key, at, end);
            self.resume_later(key);
        }
        end
    }

    /// The client ends it. If messages came right before, the host is heard on
    /// them first, and the end comes next turn.
    fn note_ending(&mut self, key: u32, ending: Ending, messages: u32) {
        if messages == 0 {
            self.end_websocket(key, ending);
        } else if let Some(Connection { state: State::Open(open), .. }) =
            self.connections.get_mut(key as usize)
        {
            open.ending = Some(Box::new(ending));
            self.resume_later(key);
        }
    }

    /// RFC 6455 §5.5.1 and §7.1.7: answers a close, or fails the connection.
    pub(super) fn end_websocket(&mut self, key: u32, ending: Ending) {
        let Some(Connection { state: State::Open(open), .. }) = self.connections.get(key as usize) else {
            return;
        };
        let socket = open.socket;
        match ending {
            Ending::Close(code, text) => {
                self.part(socket, Reason::ClientLeft, Some(code.unwrap_or(code::NO_STATUS)), &text);
                self.close_frame(key, code, "");
            }
            Ending::Failed(Failure { code, reason: text }) => {
                let reason = match code {
                    code::MESSAGE_TOO_BIG => Reason::MessageTooBig,
                    code::POLICY_VIOLATION => Reason::PolicyViolation,
                    _ => Reason::ProtocolError,
                };
                log::debug!("connection {key}: {code} {text}");
                self.part(socket, reason, Some(code), text);
                self.close_frame(key, Some(code), text);
            }
        }
        self.finish(key);
    }

    /// We have said our close; only the peer's is of interest (§7.1.2).
    pub(super) fn take_last_frames(&mut self, key: u32, mut at: usize, end: usize) {
        let Some(Connection { state: State::Closing(reader), .. }) = self.connections.get_mut(key as usize)
        else {
            return;
        };
        let before = reader.held();
        let closed = loop {
            match reader.next(self.turn.bytes(0..end), &mut at, &self.read_limits, &mut self.pool) {
                Unit::Message(_, Body::Owned(body)) => self.pool.give(body),
                Unit::Message(..) | Unit::Ping(_) | Unit::Pong => {}
                Unit::Close(..) | Unit::Failed(_) => break true,
                Unit::More => break false,
            }
        };
        self.partial_bytes = self.partial_bytes + reader.held() - before;
        if closed {
            self.finish(key);
        }
    }

    fn take_message(&mut self, socket: SocketId, kind: Kind, body: Body) {
        // It may have been cut off over what it said just before.
        let live = self.hub.get(socket).filter(|entry| entry.stage == Stage::Live);
        let Some(entry) = live else { return };
        self.stats.messages_in += 1;
        let (namespace, format) = (entry.namespace, entry.route.format);
        if format == session::RAW {
            let nsp = self.namespace_span(namespace);
            let data = match body {
                Body::InPlace(range) => Turn::in_arena(range),
                Body::Owned(buffer) => self.turn.own(buffer),
            };
            return self.turn.push(Record::Data { socket, nsp, data, text: kind == Kind::Text });
        }
        if kind == Kind::Binary {
            if let Body::Owned(buffer) = body {
                self.pool.give(buffer);
            }
            return self.except(socket, "binary messages are not part of the JSON dialect");
        }
        let (read, whole) = match body {
            Body::InPlace(range) => {
                let read = json::read(self.turn.bytes(range.clone()), &self.config.limits);
                (read, Turn::in_arena(range))
            }
            Body::Owned(mut buffer) => {
                let read = json::read(&mut buffer, &self.config.limits);
                (read, self.turn.own(buffer))
            }
        };
        match read {
            Ok(incoming) => self.take_incoming(socket, namespace, incoming, whole),
            Err(fault) => self.except(socket, &fault),
        }
    }

    fn take_incoming(&mut self, socket: SocketId, namespace: u32, incoming: json::Incoming, whole: Span) {
        let (args, attachments) = match &incoming {
            json::Incoming::Event { args, attachments, .. }
            | json::Incoming::Ack { args, attachments, .. } => (args.clone(), attachments.clone()),
        };
        let args = match args {
            Some(range) => whole.part(range),
            None => self.turn.text("[]"),
        };
        let attachments: Vec<Span> = attachments.into_iter().map(|bytes| self.turn.own(bytes)).collect();
        let attachments = self.turn.run(attachments);
        match incoming {
            json::Incoming::Event { name, id, .. } => {
                let name = match name {
                    json::Name::InPlace(range) => whole.part(range),
                    json::Name::Unescaped(name) => self.turn.text(&name),
                };
                let nsp = self.namespace_span(namespace);
                let ack = id.map(|id| self.owe_ack(socket, id));
                self.turn.push(Record::Message { socket, nsp, name, args, attachments, ack });
            }
            json::Incoming::Ack { id, .. } => self.take_ack(socket, id, Answer::Args { args, attachments }),
        }
    }

    /// Tells a client of the JSON dialect that what it sent can't be taken.
    fn except(&mut self, socket: SocketId, why: &str) {
        self.stats.exceptions += 1;
        let why = crate::base::json::escape(why);
        let text =
            format!("{{\"event\":\"exception\",\"data\":{{\"status\":\"error\",\"message\":\"{why}\"}}}}");
        self.say_frame(socket, Opcode::Text, text.as_bytes());
    }

    /// RFC 6455 §5.5.2: answers a ping with its body. While the kernel takes
    /// nothing, or past a number of them in one turn, only the newest is owed.
    fn take_ping(&mut self, key: u32, body: &[u8]) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let State::Open(open) = &mut connection.state else { return };
        let queue_key = connection.queue;
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return };
        if queue.blocked || open.pings >= PINGS_PER_TURN {
            queue.owed_pong = Some(body.into());
        } else {
            open.pings += 1;
            let piece = self.chunks.append(&mut self.direct, body.len() + 2, |out| {
                frame::write(out, Opcode::Pong, body);
            });
            queue.push(piece, &mut self.chunks);
            self.queued_bytes += piece.len();
        }
        super::mark_dirty(&mut self.dirty, queue, queue_key);
    }

    /// It is time to ask whether the client is still there.
    pub(super) fn ping(&mut self, key: u32) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        connection.heard = false;
        self.push_control(key, |out| frame::write(out, Opcode::Ping, b""));
        self.timers.set(key, Timer::Pong, self.now);
    }

    /// The answer to a ping is overdue. Whoever has sent anything since is alive.
    pub(super) fn miss_pong(&mut self, key: u32) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        if connection.heard {
            return self.timers.set(key, Timer::Ping, self.now);
        }
        let Some(socket) = connection.socket() else { return };
        let reason = Reason::PingTimeout;
        self.part(socket, reason, Some(code::ABNORMAL), reason.as_str());
        self.close_frame(key, Some(code::INTERNAL_ERROR), reason.as_str());
        self.finish(key);
    }

    pub(super) fn expire_guard(&mut self, key: u32) {
        self.stats.refused_timeout += 1;
        self.reject_connection(key, 503, "no decision in time", Reason::GuardTimeout);
    }

    /// Sends a waiting client away.
    pub(super) fn reject_connection(&mut self, key: u32, status: u16, text: &str, reason: Reason) {
        let Some(Connection { state: State::Waiting(waiting), .. }) = self.connections.get(key as usize)
        else {
            return;
        };
        let (socket, answering) = (waiting.socket, waiting.answering);
        self.part(socket, reason, None, text);
        self.say_http(key, |out| response::write_text(out, status, text, &[], answering));
        self.finish(key);
    }

    /// Cuts the send queue at the next frame boundary and puts a close frame there.
    pub(super) fn close_frame(&mut self, key: u32, code: Option<u16>, text: &str) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        let Some(queue) = self.queues.get_mut(connection.queue as usize) else { return };
        let before = queue.bytes();
        queue.cut(&mut self.chunks);
        self.queued_bytes -= before - queue.bytes();
        self.push_control(key, |out| frame::write_close(out, code, text));
    }

    /// Puts a control frame in at the next frame boundary.
    pub(super) fn push_control(&mut self, key: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        let queue_key = connection.queue;
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return };
        let piece = self.chunks.append(&mut self.direct, 127, write);
        queue.push_control(piece, &mut self.chunks);
        self.queued_bytes += piece.len();
        super::mark_dirty(&mut self.dirty, queue, queue_key);
    }

    /// A socket leaves its namespace, for whatever reason: the host is told
    /// once, and what it or the host still owed the other ends.
    pub(super) fn part(&mut self, socket: SocketId, reason: Reason, code: Option<u16>, text: &str) {
        let Some(entry) = self.hub.get(socket) else { return };
        if entry.stage == Stage::Left {
            return;
        }
        let namespace = entry.namespace;
        self.close_acks(socket);
        let nsp = self.namespace_span(namespace);
        let mut rooms = Vec::new();
        let turn = &mut self.turn;
        self.hub.remove(socket, |room| rooms.push(turn.text(room)));
        let rooms = self.turn.run(rooms);
        let text = self.turn.text(text);
        self.stats.count_disconnect(reason);
        self.turn.push(Record::Disconnect { socket, nsp, reason, code, text, rooms });
        self.note_changes();
    }

    /// Queues one frame for one socket, whatever its dialect.
    pub(super) fn say_frame(&mut self, socket: SocketId, opcode: Opcode, body: &[u8]) {
        let Some(entry) = self.hub.get(socket) else { return };
        let queue_key = entry.route.queue;
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return };
        if queue.blocked && queue.weight() + body.len() > self.config.limits.queue_bytes as usize {
            return self.overflow(socket, 1);
        }
        let piece =
            self.chunks.append(&mut self.direct, body.len() + 10, |out| frame::write(out, opcode, body));
        queue.push(piece, &mut self.chunks);
        self.queued_bytes += piece.len();
        super::mark_dirty(&mut self.dirty, queue, queue_key);
    }
}

/// The wire format of a dialect.
pub(super) fn format_of(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::Json => session::JSON,
        Dialect::Raw => session::RAW,
    }
}
