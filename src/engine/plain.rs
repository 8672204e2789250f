//! A plain WebSocket: its handshake, its guard, and what its client says in
//! the JSON or the raw dialect. It is one connection and one socket.

use std::sync::Arc;

use super::{
    Engine,
    commands::Accept,
    connection::{Client, Connection, Open, State, Waiting},
    reason::Reason,
    timers::Timer,
    turn::{Answer, Record, Span},
};
use crate::{
    base::{
        id::SocketId,
        json,
        limit::{Limit, Malformed},
    },
    codec::{
        handshake::{self, Handshake},
        http::{Fault, Request},
        message::{Body, Kind},
        response::{self, Answering},
    },
    hub::{Route, Sid, Stage, namespace::Dialect},
    session::{self, json as dialect},
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
        self.note_forwarded(key, &request);
        if self.is_engineio(&request) {
            return self.upgrade_engineio(key, request, handshake);
        }
        if self.closed {
            return self.turn_away(key, SHUTTING_DOWN, answering);
        }
        if !self.allows_origin(&request) {
            self.stats.refused_origin += 1;
            return self.turn_away(key, Fault::new(403, "this origin may not connect"), answering);
        }
        if !self.allows_handshake(&request) {
            return self.turn_away(key, TOO_MANY_HANDSHAKES, answering);
        }
        let too_long = request.path().len() > self.config.limits.name_bytes as usize;
        if too_long {
            self.stats.count_breach(Limit::NameBytes);
        }
        let found = if too_long { None } else { self.hub.namespace_for(request.path()) };
        let Some(namespace) = found else {
            self.stats.refused_namespace += 1;
            return self.turn_away(key, Fault::new(404, "no such namespace"), answering);
        };
        let Some(entry) = self.hub.namespace(namespace) else { return };
        let (guarded, dialect) = (entry.config.guarded, entry.config.dialect);
        let known = entry.config.subprotocols.iter().map(|it| &*it.name);
        let protocol = handshake::choose(known, &request).map(Box::from);
        if protocol.is_none() && entry.config.require_subprotocol {
            self.hub.drop_if_empty(namespace);
            self.stats.refused_subprotocol += 1;
            return self.turn_away(key, Fault::new(400, "no subprotocol in common"), answering);
        }
        let Some(connection) = self.connections.get(key as usize) else { return };
        let route = Route { queue: connection.queue, format: format_of(dialect) };
        let socket = self.hub.add(namespace, key, route);
        self.count_plain(key, &request);
        let request = Arc::new(request);
        self.handshakes.insert(socket, request.clone());
        self.set_state(key, State::Waiting(Box::new(Waiting { socket, handshake, protocol, answering })));
        if guarded {
            self.timers.set(key, Timer::Guard, self.now);
            let nsp = self.nsp(namespace);
            let handshake = self.turn.request(request);
            let auth = self.turn.text("{}");
            self.turn.push(Record::ConnectRequest { socket, nsp, handshake, auth });
        } else {
            self.admit(key, &Accept::default());
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
        let namespace = entry.namespace;
        let config = self.hub.namespace(namespace).map(|entry| &entry.config);
        let dialect = config.map_or(Dialect::default(), |config| config.dialect_of(protocol.as_deref()));
        let format = format_of(acceptance.dialect.unwrap_or(dialect));
        self.say_http(key, |out| {
            // The subprotocol has been checked, and there are no other headers.
            let written = handshake.write_accept(out, protocol.as_deref(), &[]);
            debug_assert!(written.is_ok());
        });
        if let Some(protocol) = protocol {
            self.protocols.insert(socket, protocol);
        }
        self.hub.admit(socket, Route { queue, format });
        if let (Some(user), Some(entry)) = (acceptance.user, self.hub.get_mut(socket)) {
            entry.user = user;
        }
        for room in &acceptance.rooms {
            // The rooms have been counted and their names checked.
            let joined = self.hub.join(socket, room);
            debug_assert!(joined.is_ok());
        }
        self.set_state(key, State::Open(Open::new(Client::Plain(socket))));
        self.timers.set(key, Timer::Ping, self.now);
        let nsp = self.nsp(namespace);
        if let Some(request) = self.handshakes.get(&socket) {
            let handshake = self.turn.request(request.clone());
            let auth = self.turn.text("{}");
            self.turn.push(Record::Connect { socket, nsp, handshake, auth, was: None });
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
        self.say_text(socket, &text);
    }

    pub(super) fn new_sid(&mut self) -> Sid {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let (mut bits, mut sid) = ([0; 15], [b'A'; 20]);
        (self.random)(&mut bits);
        let written = URL_SAFE_NO_PAD.encode_slice(bits, &mut sid);
        debug_assert!(written.is_ok());
        sid
    }

    pub(super) fn take_message(&mut self, socket: SocketId, kind: Kind, body: Body) {
        // It may have been cut off over what it said just before.
        let live = self.hub.get(socket).filter(|entry| entry.stage == Stage::Live);
        let Some(entry) = live else { return };
        self.stats.messages_in += 1;
        let (namespace, format) = (entry.namespace, entry.route.format);
        if format == session::RAW {
            if !self.allows_event(socket) {
                return;
            }
            let nsp = self.nsp(namespace);
            let data = self.whole(body);
            return self.turn.push(Record::Data { socket, nsp, data, text: kind == Kind::Text });
        }
        if kind == Kind::Binary {
            if let Body::Owned(buffer) = body {
                self.pool.give(buffer);
            }
            return self.except(socket, "binary messages are not part of the JSON dialect");
        }
        let whole = self.whole(body);
        match dialect::read(self.turn.bytes_of_mut(whole), &self.config.limits) {
            Ok(incoming) => self.take_incoming(socket, namespace, incoming, whole),
            Err(Malformed(why, limit)) => {
                limit.into_iter().for_each(|limit| self.stats.count_breach(limit));
                self.except(socket, &why);
            }
        }
    }

    fn take_incoming(&mut self, socket: SocketId, namespace: u32, incoming: dialect::Incoming, whole: Span) {
        let args = match incoming.args {
            Some(range) => whole.part(range),
            None => self.turn.text("[]"),
        };
        let attachments: Vec<Span> = incoming.attachments.into_iter().map(|it| self.turn.own(it)).collect();
        let attachments = self.turn.run(attachments);
        match incoming.what {
            dialect::What::Event { .. } if !self.allows_event(socket) => {}
            dialect::What::Event { name, id } => {
                let name = match name {
                    dialect::Name::InPlace(range) => whole.part(range),
                    dialect::Name::Unescaped(name) => self.turn.text(&name),
                };
                let nsp = self.nsp(namespace);
                let ack = id.map(|id| self.owe_ack(socket, id));
                self.turn.push(Record::Message { socket, nsp, name, args, attachments, ack });
            }
            dialect::What::Ack { id } => self.take_ack(socket, id, Answer::Args { args, attachments }),
        }
    }

    /// Tells a client of the JSON dialect that what it sent can't be taken.
    fn except(&mut self, socket: SocketId, why: &str) {
        if !self.allows_event(socket) {
            return;
        }
        self.stats.exceptions += 1;
        let why = json::escape(why);
        let text =
            format!("{{\"event\":\"exception\",\"data\":{{\"status\":\"error\",\"message\":\"{why}\"}}}}");
        self.say_text(socket, text.as_bytes());
    }

    pub(super) fn expire_guard(&mut self, key: u32) {
        self.stats.refused_timeout += 1;
        self.stats.count_breach(Limit::ConnectTimeout);
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

    /// A socket leaves its namespace, for whatever reason: the host is told
    /// once, and what it or the host still owed the other ends.
    pub(super) fn part(&mut self, socket: SocketId, reason: Reason, code: Option<u16>, text: &str) {
        let Some(entry) = self.hub.get(socket) else { return };
        if entry.stage == Stage::Left {
            return;
        }
        let namespace = entry.namespace;
        self.close_acks(socket);
        self.forget_door(socket);
        // What was dropped for it and not told yet is told now, or never.
        if let Some(dropped) = self.drops.remove(&socket) {
            self.turn.push(Record::Drain { socket, dropped });
        }
        self.protocols.remove(&socket);
        let nsp = self.nsp(namespace);
        let may_return = self.keep_gone(socket, reason);
        let mut rooms = Vec::new();
        let turn = &mut self.turn;
        self.hub.remove(socket, |room| rooms.push(turn.text(room)));
        let rooms = self.turn.run(rooms);
        let text = self.turn.text(text);
        self.stats.count_disconnect(reason);
        self.turn.push(Record::Disconnect { socket, nsp, reason, code, text, rooms, may_return });
        self.trim_gone();
        self.note_changes();
    }
}

/// What newcomers are told while others leave.
pub(super) const SHUTTING_DOWN: Fault = Fault::new(503, "the server shuts down");

/// What an address is told that shakes hands too often.
pub(super) const TOO_MANY_HANDSHAKES: Fault = Fault::new(429, "too many sessions from this address");

/// The wire format of a dialect.
pub(super) fn format_of(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::Json => session::JSON,
        Dialect::Raw => session::RAW,
    }
}
