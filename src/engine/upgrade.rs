//! Engine.IO over WebSocket: sessions that begin on one, and sessions that
//! move from polling to one (Engine.IO 4, §4 and §7). The move takes nothing
//! along: the queue changes its carrier and nothing else.

use std::sync::Arc;

use super::{
    Engine,
    connection::{Client, Connection, Open, State},
    plain::{SHUTTING_DOWN, TOO_MANY_HANDSHAKES},
    queue::Carrier,
    session::{Probe, Via},
    timers::Timer,
    turn::{Span, Turn},
};
use crate::base::limit::Limit;
use crate::codec::{
    engineio::{
        self, PROBE, Packet,
        request::{Kind as Wanted, Refusal},
        say,
    },
    frame::{self, Opcode},
    handshake::Handshake,
    http::Request,
    message::{Body, Kind},
    response::Answering,
};

impl Engine {
    /// A WebSocket handshake at the path of Engine.IO.
    pub(super) fn upgrade_engineio(&mut self, key: u32, request: Request, handshake: Handshake) {
        let answering = Answering::to(&request).closing();
        let asked = self.judge(&request, true);
        let may_upgrade = self.config.socketio.as_ref().is_some_and(|socketio| socketio.upgrade);
        let refusal = match asked {
            Err(refusal) => Some(refusal),
            Ok((Wanted::Open(_), _)) if self.closed => {
                return self.turn_away(key, SHUTTING_DOWN, answering);
            }
            Ok((Wanted::Open(_), _)) => None,
            Ok((_, session)) => {
                // A session that has a WebSocket, or tries one, takes no other.
                let free = session.and_then(|key| self.session(key)).is_some_and(|session| {
                    session.via == Via::Polling && session.probe.is_none() && !session.closing
                });
                (!free || !may_upgrade).then_some(Refusal::BadRequest)
            }
        };
        if let Some(refusal) = refusal {
            self.count_refusal(refusal);
            let mut headers = vec![("Content-Type", "text/html")];
            headers.append(&mut self.cors(&request));
            return self.reply_with(key, refusal.status(), &headers, refusal.message().as_bytes(), answering);
        }
        if let Ok((Wanted::Open(_), _)) = asked
            && !self.allows_handshake(&request)
        {
            return self.turn_away(key, TOO_MANY_HANDSHAKES, answering);
        }
        let cors = self.cors(&request);
        self.say_http(key, |out| {
            // Nothing depends on it, but browsers give up if none is chosen.
            let written = handshake.write_accept(out, request.subprotocols().next(), &cors);
            // The reader of heads and the handshake have checked what comes back.
            debug_assert!(written.is_ok());
        });
        match asked {
            Ok((Wanted::Probe, Some(session))) => {
                self.claim(session);
                self.set_state(key, State::Open(Open::new(Client::Probe(session))));
                self.timers.set(key, Timer::Upgrade, self.now);
                if let Some(session) = self.session_mut(session) {
                    session.probe = Some(Probe { connection: key, answered: false });
                }
            }
            _ => {
                let session = self.begin_session(Arc::new(request), Via::WebSocket(key));
                self.set_state(key, State::Open(Open::new(Client::Session(session))));
                self.timers.clear(key);
                let open = self.open_packet(session);
                self.say_packet(session, &open);
            }
        }
    }

    /// A message on a WebSocket that may become a session's transport.
    pub(super) fn take_probe(&mut self, key: u32, session: u32, kind: Kind, body: Body) {
        let whole = self.whole(body);
        let bytes = self.turn.bytes_of_mut(whole);
        let step = match engineio::read_text(bytes) {
            _ if kind == Kind::Binary => Step::Refuse,
            Ok(Packet::Ping(data)) if bytes.get(data.clone()) == Some(PROBE) => Step::Answer,
            Ok(Packet::Upgrade) => Step::Move,
            _ => Step::Refuse,
        };
        match step {
            Step::Answer => self.answer_probe(key, session),
            Step::Move => self.move_session(key, session),
            Step::Refuse => {
                // That WebSocket only: polling goes on.
                self.close_websocket(key, None);
                self.end_probe(session);
            }
        }
    }

    fn answer_probe(&mut self, key: u32, session: u32) {
        let Some(Connection { queue, .. }) = self.connections.get(key as usize) else { return };
        let queue = *queue;
        // Who asks on and on and reads no answer has had one.
        if self.queues.get(queue as usize).is_some_and(|queue| queue.blocked) {
            return;
        }
        self.push_frames(queue, 8, |out| frame::write(out, Opcode::Text, say::PROBE_PONG));
        let Some(entry) = self.sessions.get_mut(session as usize) else { return };
        if let Some(probe) = &mut entry.probe {
            probe.answered = true;
        }
        // A poll that waits is let go, so that the client can stop polling.
        let queue = entry.queue;
        self.mark_queue_dirty(queue);
    }

    /// The switch: from here on both directions use the WebSocket.
    fn move_session(&mut self, key: u32, session: u32) {
        let Some(entry) = self.sessions.get_mut(session as usize) else { return };
        let (poll, queue_key) = (entry.poll.take(), entry.queue);
        entry.probe = None;
        entry.via = Via::WebSocket(key);
        if let Some(poll) = poll {
            self.answer_parked(poll, say::NOOP);
        }
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let own_key = std::mem::replace(&mut connection.queue, queue_key);
        if let State::Open(open) = &mut connection.state {
            open.client = Client::Session(session);
        }
        self.timers.clear(key);
        let own = self.queues.try_remove(own_key as usize);
        if let (Some(own), Some(queue)) = (own, self.queues.get_mut(queue_key as usize)) {
            queue.set_carrier(Carrier::Connection(key));
            queue.put_before(own);
            super::mark_dirty(&mut self.dirty, queue, queue_key);
        }
        self.note_upgrade(session);
    }

    /// A probe is over without having become the transport.
    pub(super) fn end_probe(&mut self, session: u32) {
        if let Some(session) = self.session_mut(session) {
            session.probe = None;
        }
    }

    /// The probe has taken too long.
    pub(super) fn expire_probe(&mut self, key: u32) {
        if let Some(Connection { state: State::Open(open), .. }) = self.connections.get(key as usize)
            && let Client::Probe(session) = open.client
        {
            self.stats.count_breach(Limit::UpgradeTimeout);
            self.end_probe(session);
            self.close_websocket(key, None);
        }
    }

    /// A message of a session over its WebSocket: one packet.
    pub(super) fn take_session_message(&mut self, session: u32, kind: Kind, body: Body) {
        match (kind, body) {
            (Kind::Text, body) => {
                let whole = self.whole(body);
                self.take_text(session, whole)
            }
            (Kind::Binary, Body::Owned(bytes)) => self.take_attachment(session, bytes),
            (Kind::Binary, Body::InPlace(at)) => {
                let bytes = self.turn.bytes(at).to_vec();
                self.take_attachment(session, bytes)
            }
        };
    }

    /// Where the bytes of a message are, for as long as the turn lasts.
    pub(super) fn whole(&mut self, body: Body) -> Span {
        match body {
            Body::InPlace(range) => Turn::in_arena(range),
            Body::Owned(buffer) => self.turn.own(buffer),
        }
    }
}

enum Step {
    Answer,
    Move,
    Refuse,
}
