//! Socket.IO on top of a session: packets in, sockets in the hub (Socket.IO 5).
//! Here are entering and leaving namespaces, events and acks, and attachments
//! that come one by one.

use super::{
    Engine,
    commands::Accept,
    reason::Reason,
    session::Via,
    timers::Timer,
    turn::{Answer, Record, Run, Span},
};
use crate::{
    base::{
        id::SocketId,
        limit::{Limit, Malformed},
        name::Name,
    },
    codec::{
        close::code,
        engineio::{self, Packet as Transported, say},
        socketio::{self, Assembler, Body, Packet, Whole},
    },
    hub::{Route, Sid, Stage},
    session::{self, socketio as dialect},
};

/// Whether more packets of the same payload are to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Yes.
    Go,
    /// No: the session has ended.
    Over,
    /// No: it has ended, because the client sent what can't be decoded.
    Wrong,
}

/// A Socket.IO client that waits for its guard.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// It wants to be the socket with this private id again, from this event on.
    claim: Option<(Sid, u64)>,
    /// What it has sent meanwhile.
    kept: Vec<Kept>,
    bytes: usize,
}

/// A packet that waits with its client.
#[derive(Debug)]
struct Kept {
    packet: Packet,
    text: Vec<u8>,
    attachments: Vec<Vec<u8>>,
}

impl Engine {
    /// A piece of a payload: one packet.
    pub(super) fn take_piece(&mut self, session: u32, whole: Span) -> Flow {
        let read = engineio::read_piece(self.turn.bytes_of_mut(whole));
        self.take_transported(session, whole, read)
    }

    /// A text message of a WebSocket: one packet.
    pub(super) fn take_text(&mut self, session: u32, whole: Span) -> Flow {
        let read = engineio::read_text(self.turn.bytes_of_mut(whole));
        self.take_transported(session, whole, read)
    }

    fn take_transported(
        &mut self,
        session: u32,
        whole: Span,
        read: Result<Transported, engineio::Malformed>,
    ) -> Flow {
        if self.session(session).is_none_or(|session| session.closing) {
            return Flow::Over;
        }
        match read {
            Err(malformed) => self.undecodable(session, malformed.0),
            Ok(Transported::Message(at)) => self.take_packet(session, whole.part(at)),
            Ok(Transported::Binary(at)) => {
                let bytes = self.turn.bytes_of(whole.part(at)).to_vec();
                self.take_attachment(session, bytes)
            }
            Ok(Transported::Pong(_)) => {
                self.take_pong(session);
                Flow::Go
            }
            // Only servers ping.
            Ok(Transported::Ping(_)) => {
                self.end_session(session, Reason::TransportError, None);
                Flow::Over
            }
            Ok(Transported::Close) => {
                let poll = self.session_mut(session).and_then(|session| session.poll.take());
                if let Some(connection) = poll {
                    self.answer_parked(connection, say::NOOP);
                }
                self.end_session(session, Reason::TransportClose, None);
                Flow::Over
            }
            Ok(Transported::Open | Transported::Upgrade | Transported::Noop) => Flow::Go,
        }
    }

    /// The client sent what is no Engine.IO packet or payload. Over polling the
    /// session is over at once, its sid unknown; what has been queued on a
    /// WebSocket still goes out.
    pub(super) fn undecodable(&mut self, session: u32, why: &str) -> Flow {
        if self.session(session).is_some_and(|session| session.via == Via::Polling) {
            log::debug!("session {session}: {why}");
            self.end_session(session, Reason::ParseError, None);
            return Flow::Wrong;
        }
        self.malformed(session, why)
    }

    /// The client sent what is no Socket.IO packet: the whole session ends, in
    /// the orderly way.
    pub(super) fn malformed(&mut self, session: u32, why: &str) -> Flow {
        log::debug!("session {session}: {why}");
        self.close_session(session, Reason::ParseError);
        Flow::Wrong
    }

    fn cannot_take(&mut self, session: u32, Malformed(why, limit): &Malformed) -> Flow {
        limit.iter().for_each(|limit| self.stats.count_breach(*limit));
        self.malformed(session, why)
    }

    /// The client sent a packet that may not come now.
    fn out_of_place(&mut self, session: u32, why: &str) -> Flow {
        log::debug!("session {session}: {why}");
        self.close_session(session, Reason::ProtocolError);
        Flow::Over
    }

    fn take_packet(&mut self, key: u32, whole: Span) -> Flow {
        self.stats.messages_in += 1;
        let Some(session) = self.sessions.get_mut(key as usize) else { return Flow::Over };
        if let Err(malformed) = session.incomplete.check_text() {
            return self.cannot_take(key, &malformed);
        }
        let bytes = self.turn.bytes_of_mut(whole);
        match socketio::read(bytes, &self.config.limits) {
            Err(malformed) => self.cannot_take(key, &malformed),
            Ok(packet) if packet.attachments > 0 => {
                session.incomplete.begin(packet, bytes.to_vec());
                self.partial_bytes += session.incomplete.held();
                self.attachment_timers.set(key, Timer::Attachments, self.now);
                Flow::Go
            }
            Ok(packet) => self.take_whole(key, &packet, whole, Run::default()),
        }
    }

    /// A binary message: an attachment of the packet before it.
    pub(super) fn take_attachment(&mut self, key: u32, bytes: Vec<u8>) -> Flow {
        let Some(session) = self.sessions.get_mut(key as usize).filter(|session| !session.closing) else {
            return Flow::Over;
        };
        let before = session.incomplete.held();
        let taken = session.incomplete.take(bytes, self.config.limits.message_bytes);
        self.partial_bytes = self.partial_bytes + session.incomplete.held() - before;
        match taken {
            Err(malformed) => self.cannot_take(key, &malformed),
            Ok(None) => Flow::Go,
            Ok(Some(Whole { packet, text, attachments })) => {
                self.attachment_timers.clear(key);
                let (whole, attachments) = self.own_all(text, attachments);
                self.take_whole(key, &packet, whole, attachments)
            }
        }
    }

    /// Attachments that have come are forgotten with their session.
    pub(super) fn drop_incomplete(&mut self, key: u32) {
        self.attachment_timers.clear(key);
        if let Some(session) = self.sessions.get_mut(key as usize) {
            self.partial_bytes -= session.incomplete.held();
            session.incomplete = Assembler::default();
        }
    }

    /// The rest of a packet has not come in time.
    pub(super) fn expire_attachments(&mut self, session: u32) {
        self.stats.count_breach(Limit::AttachmentTimeout);
        self.malformed(session, "the attachments of a packet took too long");
    }

    fn own_all(&mut self, text: Vec<u8>, attachments: Vec<Vec<u8>>) -> (Span, Run) {
        let whole = self.turn.own(text);
        let spans: Vec<Span> = attachments.into_iter().map(|bytes| self.turn.own(bytes)).collect();
        (whole, self.turn.run(spans))
    }

    fn take_whole(&mut self, key: u32, packet: &Packet, whole: Span, attachments: Run) -> Flow {
        let nsp = packet.namespace.clone().map(|at| whole.part(at));
        if let Body::Connect { auth } = &packet.body {
            let auth = auth.clone().map(|at| self.turn.text_of(whole.part(at)).to_owned());
            let nsp = nsp.map_or("/", |nsp| self.turn.text_of(nsp)).to_owned();
            return self.enter(key, &nsp, auth.unwrap_or_else(|| "{}".to_owned()));
        }
        if matches!(packet.body, Body::ConnectError) {
            return self.out_of_place(key, "CONNECT_ERROR is the server's to send");
        }
        let nsp = nsp.map_or("/", |nsp| self.turn.text_of(nsp));
        let Some(socket) = self.socket_in(key, nsp) else {
            return self.out_of_place(key, "a packet for a namespace that it is not in");
        };
        if matches!(packet.body, Body::Disconnect) {
            self.remove_from_session(key, socket);
            self.part(socket, Reason::ClientLeft, None, Reason::ClientLeft.as_str());
        } else if matches!(packet.body, Body::Event { .. } | Body::Nothing) && !self.allows_event(socket) {
            return Flow::Over;
        } else if self.doors.contains_key(&socket) {
            self.keep(key, socket, packet, whole, attachments);
        } else {
            self.take_said(socket, packet, whole, attachments);
        }
        Flow::Go
    }

    /// A client says something to the host.
    fn take_said(&mut self, socket: SocketId, packet: &Packet, whole: Span, attachments: Run) {
        let Some(namespace) = self.hub.get(socket).map(|entry| entry.namespace) else { return };
        match &packet.body {
            Body::Event { name, args, id } => {
                let name = match name {
                    Name::InPlace(at) => whole.part(at.clone()),
                    Name::Unescaped(name) => self.turn.text(name),
                };
                let args = args.clone().map_or_else(|| self.turn.text("[]"), |at| whole.part(at));
                let nsp = self.nsp(namespace);
                let ack = id.map(|id| self.owe_ack(socket, id));
                self.turn.push(Record::Message { socket, nsp, name, args, attachments, ack });
            }
            Body::Ack { id: Some(id), args } => {
                let args = args.clone().map_or_else(|| self.turn.text("[]"), |at| whole.part(at));
                self.take_ack(socket, *id, Answer::Args { args, attachments });
            }
            _ => {}
        }
    }

    /// The socket of a session in a namespace.
    fn socket_in(&self, key: u32, nsp: &str) -> Option<SocketId> {
        let session = self.session(key)?;
        session.sockets.iter().copied().find(|&socket| {
            let namespace = self.hub.get(socket).and_then(|entry| self.hub.namespace(entry.namespace));
            namespace.is_some_and(|entry| &*entry.name == nsp)
        })
    }

    // Entering (§2).

    fn enter(&mut self, key: u32, nsp: &str, auth: String) -> Flow {
        if self.socket_in(key, nsp).is_some() {
            return self.out_of_place(key, "CONNECT to a namespace that it is in");
        }
        if !self.may_ask_on(key, nsp.len()) {
            self.stats.count_breach(Limit::QueueBytes);
            self.end_session(key, Reason::SlowReader, Some(code::TRY_AGAIN_LATER));
            return Flow::Over;
        }
        let Some(session) = self.session(key) else { return Flow::Over };
        let (queue, request) = (session.queue, session.request.clone());
        let format = if session.base64 { session::SOCKETIO_TEXT } else { session::SOCKETIO };
        // The first was counted with the session's handshake.
        let is_first =
            self.session_mut(key).is_some_and(|session| !std::mem::replace(&mut session.has_asked, true));
        if !is_first && !self.allows_entry(&request) {
            self.refuse_entry(key, nsp, "too many handshakes", None);
            return Flow::Go;
        }
        if self.session(key).is_some_and(|it| it.sockets.len() >= self.config.limits.namespaces as usize) {
            self.stats.count_breach(Limit::Namespaces);
            self.refuse_entry(key, nsp, "too many namespaces", None);
            return Flow::Go;
        }
        // A name that is too long is not sent back.
        let nameable = socketio::may_be_named(nsp, &self.config.limits);
        // Before the namespace is looked for: a dynamic one may be gone with the
        // old connection of who is back, and comes about anew.
        let claim = if nameable { self.claim_return(key, nsp, &auth) } else { None };
        let found = if nameable { self.hub.namespace_for(nsp) } else { None };
        let Some(namespace) = found else {
            self.stats.refused_namespace += 1;
            if nsp.len() > self.config.limits.name_bytes as usize {
                self.stats.count_breach(Limit::NameBytes);
            }
            self.refuse_entry(key, if nameable { nsp } else { "/" }, "Invalid namespace", None);
            return Flow::Go;
        };
        let guarded = self.hub.namespace(namespace).is_some_and(|entry| entry.config.guarded);
        let socket = self.hub.add(namespace, key, Route { queue, format });
        if let Some(session) = self.session_mut(key) {
            session.sockets.push(socket);
        }
        let auth_span = self.turn.text(&auth);
        if auth != "{}" {
            self.partial_bytes += auth.len();
            self.auths.insert(socket, auth.into_boxed_str());
        }
        if !guarded {
            self.admit_socket(key, socket, &Accept::default(), claim);
            return Flow::Go;
        }
        self.doors.insert(socket, Door { claim, ..Door::default() });
        self.guard_timers.set(socket.index(), Timer::Guard, self.now);
        let nsp = self.nsp(namespace);
        let handshake = self.turn.request(request);
        self.turn.push(Record::ConnectRequest { socket, nsp, handshake, auth: auth_span });
        Flow::Go
    }

    /// Whether one more answer may wait for the client. An answer can't be left
    /// out, so who asks on and on and takes none is cut off.
    fn may_ask_on(&mut self, key: u32, nsp_len: usize) -> bool {
        let Some(session) = self.sessions.get_mut(key as usize) else { return false };
        let takes_none = self.queues.get(session.queue as usize).is_some_and(|queue| queue.blocked);
        let cost = nsp_len as u32 + ANSWER_COST;
        session.answers = if takes_none { session.answers.saturating_add(cost) } else { 0 };
        session.answers <= self.config.limits.queue_bytes
    }

    /// The guard lets a waiting client in.
    pub(super) fn accept_socket(&mut self, key: u32, socket: SocketId, accept: &Accept<'_>) {
        let claim = self.doors.get(&socket).and_then(|door| door.claim);
        self.admit_socket(key, socket, accept, claim);
        for Kept { packet, text, attachments } in self.open_door(socket) {
            // What it said may have had it sent away.
            if self.hub.get(socket).is_none_or(|entry| entry.stage != Stage::Live) {
                break;
            }
            let (whole, attachments) = self.own_all(text, attachments);
            self.take_said(socket, &packet, whole, attachments);
        }
    }

    /// Lets a client in: what it missed if it is back, the answer, the connect
    /// event.
    fn admit_socket(&mut self, key: u32, socket: SocketId, accept: &Accept<'_>, claim: Option<(Sid, u64)>) {
        let Some(session) = self.session(key) else { return };
        let (request, as_text) = (session.request.clone(), session.base64);
        self.entry_timers.clear(key);
        let Some((namespace, route)) = self.hub.get(socket).map(|entry| (entry.namespace, entry.route))
        else {
            return;
        };
        let back = claim.and_then(|(pid, after)| Some((self.take_gone(&pid, after)?, after)));
        self.hub.admit(socket, route);
        let old = back.as_ref().map_or(0, |(gone, _)| gone.user);
        if let Some(entry) = self.hub.get_mut(socket) {
            entry.user = accept.user.unwrap_or(entry.user);
            if entry.user == 0 {
                entry.user = old;
            } else if old != 0
                && old != entry.user
                && let Some((gone, _)) = &back
            {
                // Two numbers for one client: the host gets the old one back.
                self.tell_expired(gone);
            }
        }
        let old_rooms = back.iter().flat_map(|(gone, _)| gone.rooms.iter().map(String::as_str));
        for room in old_rooms.chain(accept.rooms.iter().copied()) {
            // The names have been checked; what is over the limit of rooms is
            // left out.
            if let Err(error) = self.hub.join(socket, room) {
                log::debug!("socket {:#x}: {error}", socket.get());
            }
        }
        let (sid, pid) = match &back {
            Some((gone, after)) => {
                self.replay(route.queue, gone, *after, as_text);
                self.resume_pid(socket, gone);
                (gone.sid, Some(gone.pid))
            }
            None => (self.new_sid(), self.issue_pid(socket)),
        };
        self.hub.set_sid(socket, sid);
        let mut packet = Vec::with_capacity(64);
        let name = self.hub.namespace_name(namespace);
        let pid = pid.as_ref().map(|pid| std::str::from_utf8(pid).unwrap_or_default());
        dialect::write_connect(&mut packet, &name, std::str::from_utf8(&sid).unwrap_or_default(), pid);
        self.say_packet(key, &packet);
        let nsp = self.nsp(namespace);
        let auth = self.auths.get(&socket).map_or("{}", |auth| auth);
        let auth = self.turn.text(auth);
        let handshake = self.turn.request(request);
        let was = back.map(|(gone, _)| gone.socket);
        self.turn.push(Record::Connect { socket, nsp, handshake, auth, was });
        self.note_changes();
    }

    /// The guard has decided, or need not: what was kept comes back.
    fn open_door(&mut self, socket: SocketId) -> Vec<Kept> {
        let Some(door) = self.doors.remove(&socket) else { return Vec::new() };
        self.guard_timers.clear(socket.index());
        self.partial_bytes -= door.bytes;
        door.kept
    }

    /// Forgets what belongs to a socket that is gone.
    pub(super) fn forget_door(&mut self, socket: SocketId) {
        self.open_door(socket);
        self.partial_bytes -= self.auths.remove(&socket).map_or(0, |auth| auth.len());
    }

    /// Memory of what a socket entered with, and has said before it was in.
    pub(super) fn held_by_socket(&self, socket: SocketId) -> usize {
        let auth = self.auths.get(&socket).map_or(0, |auth| auth.len());
        auth + self.doors.get(&socket).map_or(0, |door| door.bytes)
    }

    /// Keeps what a client says while its guard thinks, up to a bound.
    fn keep(&mut self, key: u32, socket: SocketId, packet: &Packet, whole: Span, attachments: Run) {
        let text = self.turn.bytes_of(whole).to_vec();
        let attachments: Vec<Vec<u8>> =
            self.turn.run_of(attachments).iter().map(|span| self.turn.bytes_of(*span).to_vec()).collect();
        let bytes = text.len() + attachments.iter().map(Vec::len).sum::<usize>() + KEPT_COST;
        let Some(door) = self.doors.get_mut(&socket) else { return };
        if door.bytes + bytes > self.config.limits.waiting_bytes as usize {
            self.stats.count_breach(Limit::WaitingBytes);
            return self.reject_socket(
                key,
                socket,
                "too much was sent before the answer",
                None,
                Reason::PolicyViolation,
            );
        }
        door.bytes += bytes;
        self.partial_bytes += bytes;
        door.kept.push(Kept { packet: packet.clone(), text, attachments });
    }

    /// Sends a waiting client away.
    pub(super) fn reject_socket(
        &mut self,
        key: u32,
        socket: SocketId,
        message: &str,
        data: Option<&str>,
        reason: Reason,
    ) {
        let Some(entry) = self.hub.get(socket) else { return };
        let name = self.hub.namespace_name(entry.namespace);
        self.remove_from_session(key, socket);
        self.part(socket, reason, None, message);
        self.refuse_entry(key, &name, message, data);
    }

    fn refuse_entry(&mut self, key: u32, nsp: &str, message: &str, data: Option<&str>) {
        let mut packet = Vec::with_capacity(64);
        dialect::write_connect_error(&mut packet, nsp, message, data);
        self.say_packet(key, &packet);
    }

    /// A guard has not answered in time.
    pub(super) fn expire_guards(&mut self) {
        while let Some((index, _)) = self.guard_timers.take_expired(self.now, |_| false) {
            self.stats.refused_timeout += 1;
            self.stats.count_breach(Limit::ConnectTimeout);
            let Some(socket) = self.hub.id_at(index) else { continue };
            if let Some(key) = self.hub.get(socket).map(|entry| entry.owner) {
                self.reject_socket(key, socket, "no decision in time", None, Reason::GuardTimeout);
            }
        }
    }

    // Leaving (§5).

    /// Takes a socket out of its namespace; the session stays.
    pub(super) fn dismiss_socket(&mut self, key: u32, socket: SocketId, reason: Reason, text: &str) {
        let Some(entry) = self.hub.get(socket) else { return };
        if entry.stage == Stage::Waiting {
            return self.reject_socket(key, socket, text, None, reason);
        }
        let name = self.hub.namespace_name(entry.namespace);
        self.remove_from_session(key, socket);
        self.part(socket, reason, None, text);
        let mut packet = Vec::with_capacity(16);
        dialect::write_disconnect(&mut packet, &name);
        self.say_packet(key, &packet);
    }

    /// Takes all sockets of a session out of their namespaces, and ends it.
    pub(super) fn dismiss_session(&mut self, key: u32, reason: Reason, text: &str) {
        let sockets = self.session(key).map(|session| session.sockets.clone()).unwrap_or_default();
        for socket in sockets {
            self.dismiss_socket(key, socket, reason, text);
        }
        self.close_session(key, reason);
    }

    fn remove_from_session(&mut self, key: u32, socket: SocketId) {
        if let Some(session) = self.session_mut(key) {
            session.sockets.remove(&socket);
        }
    }

    /// The session has moved to a WebSocket: its sockets are told to the host.
    pub(super) fn note_upgrade(&mut self, key: u32) {
        let sockets = self.session(key).map(|session| session.sockets.clone()).unwrap_or_default();
        for socket in sockets {
            let Some(entry) = self.hub.get(socket).filter(|entry| entry.stage == Stage::Live) else {
                continue;
            };
            let nsp = self.nsp(entry.namespace);
            self.turn.push(Record::Upgraded { socket, nsp });
        }
    }
}

/// What a kept packet costs beside its bytes.
const KEPT_COST: usize = 128;
/// Bytes of the answer to a CONNECT beside the name of the namespace, about.
const ANSWER_COST: u32 = 64;
