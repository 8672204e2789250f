//! The polling transport of Engine.IO: requests to its path, polls that wait,
//! posts that bring packets (Engine.IO 4, §3 and §5), and what browsers ask of
//! servers on other origins (CORS).

use std::sync::Arc;

use super::{
    Engine,
    config::Origins,
    connection::{Client, Connection, Parked, State},
    plain::TOO_MANY_HANDSHAKES,
    reason::Reason,
    session::Via,
    socketio::Flow,
    timers::Timer,
};
use crate::{
    base::{limit::Limit, limits::LATE_MS},
    codec::{
        body::BodyReader,
        engineio::{
            self, Pieces, answer,
            request::{Asked, Kind, Query, Refusal, Session as Named, Transport, check},
            say,
        },
        http::{Fault, Framing, Request},
        origin,
        response::{self, Answering},
    },
};

const TEXT: &str = "text/plain; charset=UTF-8";
const HTML: &str = "text/html";
const JSON: &str = "application/json";

impl Engine {
    /// Whether a request is for Engine.IO: its path begins with the
    /// configured one.
    pub(super) fn is_engineio(&self, request: &Request) -> bool {
        let path = self.config.socketio.as_ref().map(|socketio| &*socketio.path);
        path.is_some_and(|path| request.path().starts_with(path))
    }

    /// What a request asks of Engine.IO, and of which session, if it may.
    pub(super) fn judge(&self, request: &Request, is_upgrade: bool) -> Result<(Kind, Option<u32>), Refusal> {
        let Some(socketio) = &self.config.socketio else { return Err(Refusal::BadRequest) };
        let query = Query::of(request);
        let key = query.sid.as_deref().map(|sid| self.session_by_sid(sid));
        let session = match key {
            None => Named::Unnamed,
            Some(None) => Named::Unknown,
            Some(Some(key)) => match self.session(key).map(|session| session.via) {
                Some(Via::WebSocket(_)) => Named::On(Transport::WebSocket),
                _ => Named::On(Transport::Polling),
            },
        };
        let asked = Asked {
            query: &query,
            session,
            method: request.method(),
            is_upgrade,
            is_forbidden: !self.allows_origin(request),
            polling: socketio.polling,
            websocket: socketio.websocket,
        };
        check(&asked).map(|kind| (kind, key.flatten()))
    }

    /// A request's head for Engine.IO is there. Answers it, keeps it waiting,
    /// or lets its body come.
    pub(super) fn take_engineio(&mut self, key: u32, request: Request, more_is_there: bool) {
        let has_body = !matches!(request.body(), Framing::None | Framing::Length(0));
        let mut answering = Answering::to(&request);
        if has_body {
            // Whoever is refused may still be sending the body.
            answering = answering.closing();
        }
        if request.method() == "OPTIONS" && self.config.origins != Origins::Any {
            return self.answer_preflight(key, &request, answering);
        }
        match self.judge(&request, false) {
            Err(refusal) => self.answer_refusal(key, &request, refusal, answering),
            Ok((Kind::Poll, Some(session))) if !has_body => self.take_poll(key, session, request, answering),
            Ok((Kind::Post, Some(session))) => self.begin_post(key, session, request, more_is_there),
            Ok((Kind::Open(_), _)) if !has_body => self.open_polling(key, request, answering),
            Ok(_) => self.answer_refusal(key, &request, Refusal::BadRequest, answering),
        }
    }

    /// §4: a session begins with its first answer.
    fn open_polling(&mut self, key: u32, request: Request, answering: Answering) {
        let full = self.sessions.len() >= self.config.limits.sessions as usize;
        if full && !self.closed {
            self.stats.count_breach(Limit::Sessions);
        }
        if self.closed || full || !self.make_room_for_session() {
            return self.reply(key, &request, 503, HTML, b"", answering.closing());
        }
        if !self.allows_handshake(&request) {
            let text = TOO_MANY_HANDSHAKES.reason.as_bytes();
            return self.reply(key, &request, TOO_MANY_HANDSHAKES.status, TEXT, text, answering.closing());
        }
        let request = Arc::new(request);
        let session = self.begin_session(request.clone(), Via::Polling);
        let open = self.open_packet(session);
        self.reply(key, &request, 200, TEXT, &open, answering);
    }

    /// The open packet of a session.
    pub(super) fn open_packet(&self, key: u32) -> Vec<u8> {
        let Some(session) = self.session(key) else { return Vec::new() };
        let may_upgrade = session.via == Via::Polling
            && self.config.socketio.as_ref().is_some_and(|socketio| socketio.websocket && socketio.upgrade);
        let limits = &self.config.limits;
        let mut out = Vec::with_capacity(128);
        let handshake = engineio::Handshake {
            sid: std::str::from_utf8(&session.sid).unwrap_or_default(),
            may_upgrade,
            ping_interval_ms: limits.ping_interval_ms,
            ping_timeout_ms: limits.ping_timeout_ms,
            max_payload: limits.message_bytes,
        };
        engineio::write_open(&mut out, &handshake);
        out
    }

    /// §5.2: a poll is answered with what waits, or it waits.
    fn take_poll(&mut self, key: u32, session: u32, request: Request, answering: Answering) {
        self.claim(session);
        // §6: whoever polls in the moment at which the pong is overdue comes too
        // late. After a longer while the loop was held up, and the pong may lie
        // unread.
        if self.session_timers.has_just_expired(session, Timer::Pong, self.now, LATE_MS) {
            self.stats.count_breach(Limit::PingTimeout);
            self.end_session(session, Reason::PingTimeout, None);
            return self.answer_refusal(key, &request, Refusal::SessionUnknown, answering);
        }
        let Some(entry) = self.sessions.get_mut(session as usize) else { return };
        if entry.poll.is_some() {
            // Two polls at once: the client has lost its way.
            self.reply(key, &request, 400, HTML, b"", answering);
            return self.end_session(session, Reason::TransportError, None);
        }
        let queue_key = entry.queue;
        let is_empty = self.queues.get(queue_key as usize).is_none_or(|queue| queue.is_empty());
        if entry.closing && is_empty {
            self.reply(key, &request, 200, TEXT, say::NOOP_AND_CLOSE, answering);
            return self.forget_session(session, None);
        }
        self.set_poll(session, Some(key));
        if let Some(Connection { state: State::Http(exchange), .. }) = self.connections.get_mut(key as usize)
        {
            exchange.parked = Some(Parked { session, request: Arc::new(request) });
        }
        self.timers.clear(key);
        self.mark_queue_dirty(queue_key);
    }

    /// At the end of a turn: a poll that waits gets what has come up.
    pub(super) fn answer_poll(&mut self, key: u32) {
        let Some(session) = self.sessions.get_mut(key as usize) else { return };
        let Some(connection) = session.poll else { return };
        let Some(queue) = self.queues.get_mut(session.queue as usize) else { return };
        if queue.is_empty() {
            if session.closing {
                return self.forget_session(key, None);
            }
            if session.probe.is_some_and(|probe| probe.answered) {
                self.set_poll(key, None);
                self.answer_parked(connection, say::NOOP);
            }
            return;
        }
        let mut payload = self.pool.take(queue.bytes());
        let most = self.config.limits.poll_packets.max(1) as usize;
        let taken = answer::write(&mut payload, queue.pieces(&self.chunks), most);
        queue.advance(taken.bytes, &mut self.chunks);
        self.queued_bytes -= taken.bytes;
        let queue = session.queue;
        self.tell_drain(queue, Some(Client::Session(key)));
        self.set_poll(key, None);
        self.answer_parked(connection, &payload);
        self.pool.give(payload);
    }

    /// Answers a poll that waits.
    pub(super) fn answer_parked(&mut self, connection: u32, payload: &[u8]) {
        let parked = self.exchange(connection).and_then(|exchange| exchange.parked.take());
        if let Some(parked) = parked {
            let answering = Answering::to(&parked.request);
            self.reply(connection, &parked.request, 200, TEXT, payload, answering);
            self.look_again(connection);
        }
    }

    /// A connection has nothing to do with its session any more: what its
    /// request still brings is answered as unknown.
    pub(super) fn detach(&mut self, connection: u32) {
        if let Some(exchange) = self.exchange(connection) {
            exchange.posting = None;
        }
        self.answer_parked(connection, say::NOOP);
    }

    /// §5.1: a post has begun. One to a session that is closing is taken as
    /// ever and its packets dropped, so that the client goes on to the poll
    /// that tells it why.
    fn begin_post(&mut self, key: u32, session: u32, request: Request, more_is_there: bool) {
        self.claim(session);
        let answering = Answering::to(&request);
        let Some(entry) = self.sessions.get_mut(session as usize) else { return };
        if entry.post.is_some() {
            self.reply(key, &request, 400, HTML, b"", answering.closing());
            return self.end_session(session, Reason::TransportError, None);
        }
        let kind = request.header_str("content-type").unwrap_or_default();
        if kind.eq_ignore_ascii_case("application/octet-stream") {
            self.reply(key, &request, 400, HTML, b"", answering.closing());
            return self.end_session(session, Reason::TransportError, None);
        }
        let body = match BodyReader::new(request.body(), self.config.limits.message_bytes) {
            Ok(body) => body,
            Err(fault) => return self.refuse_post(key, &request, fault),
        };
        if body.is_done() {
            self.reply(key, &request, 400, HTML, b"", answering);
            return self.end_session(session, Reason::ParseError, None);
        }
        entry.post = Some(key);
        if let Some(exchange) = self.exchange(key) {
            exchange.posting = Some(session);
        }
        self.begin_body(key, Arc::new(request), body, more_is_there);
    }

    /// A post is whole: its packets, then the answer.
    pub(super) fn take_post(&mut self, key: u32, request: &Request, payload: Vec<u8>) {
        let answering = Answering::to(request);
        let posting = self.exchange(key).and_then(|exchange| exchange.posting.take());
        let Some(session) = posting.filter(|session| self.session(*session).is_some()) else {
            return self.answer_refusal(key, request, Refusal::SessionUnknown, answering);
        };
        if let Some(entry) = self.session_mut(session) {
            entry.post = None;
        }
        let limit = self.config.limits.payload_packets;
        let whole = self.turn.own(payload);
        let mut pieces = Pieces::new(limit);
        let end = loop {
            match pieces.next(self.turn.bytes_of(whole)) {
                None => break Flow::Go,
                Some(Err(malformed)) if malformed == engineio::TOO_MANY => {
                    self.stats.count_breach(Limit::PayloadPackets);
                    break self.undecodable(session, malformed.0);
                }
                Some(Err(malformed)) => break self.undecodable(session, malformed.0),
                Some(Ok(range)) => match self.take_piece(session, whole.part(range)) {
                    Flow::Go => {}
                    end => break end,
                },
            }
        };
        match end {
            Flow::Wrong => self.reply(key, request, 400, HTML, b"", answering),
            Flow::Go | Flow::Over => self.reply(key, request, 200, HTML, b"ok", answering),
        }
    }

    /// The body of a post can't be read to its end. The session lives on; the
    /// client drops it on seeing this.
    pub(super) fn refuse_post(&mut self, key: u32, request: &Request, fault: Fault) {
        self.stats.refused_malformed += 1;
        fault.limit.into_iter().for_each(|limit| self.stats.count_breach(limit));
        self.reply(key, request, fault.status, HTML, b"", Answering::to(request).closing());
    }

    /// A refusal in the form that clients of the polling transport expect.
    pub(super) fn answer_refusal(
        &mut self,
        key: u32,
        request: &Request,
        refusal: Refusal,
        answering: Answering,
    ) {
        self.count_refusal(refusal);
        let body = refusal.body();
        self.reply(key, request, refusal.status(), JSON, body.as_bytes(), answering);
    }

    pub(super) fn count_refusal(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Forbidden => self.stats.refused_origin += 1,
            _ => self.stats.refused_malformed += 1,
        }
    }

    /// What a browser asks before it dares: may this page send that?
    fn answer_preflight(&mut self, key: u32, request: &Request, answering: Answering) {
        if !self.allows_origin(request) {
            return self.answer_refusal(key, request, Refusal::Forbidden, answering);
        }
        let wanted = request.header_str("access-control-request-headers").unwrap_or_default();
        let mut headers = self.cors(request);
        headers.push(("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE"));
        headers.push(("Vary", "Access-Control-Request-Headers"));
        if !wanted.is_empty() {
            headers.push(("Access-Control-Allow-Headers", wanted));
        }
        self.reply_with(key, 204, &headers, b"", answering);
    }

    /// The headers that let a page of an allowed origin read the answer.
    pub(super) fn cors<'r>(&self, request: &'r Request) -> Vec<(&'static str, &'r str)> {
        let mut headers = Vec::new();
        let origin = request.origin().unwrap_or_default();
        match &self.config.origins {
            Origins::Any => return headers,
            Origins::All if !self.config.credentials => {
                headers.push(("Access-Control-Allow-Origin", "*"));
                return headers;
            }
            _ => headers.push(("Vary", "Origin")),
        }
        if !origin.is_empty() && self.allows_origin(request) {
            headers.push(("Access-Control-Allow-Origin", origin));
            if self.config.credentials {
                headers.push(("Access-Control-Allow-Credentials", "true"));
            }
        }
        headers
    }

    /// Whether a page may talk to this server; who names no page may.
    pub(super) fn allows_origin(&self, request: &Request) -> bool {
        let Some(origin) = request.header("origin") else { return true };
        match &self.config.origins {
            Origins::Any | Origins::All => true,
            Origins::Same => origin::is_same(origin, request),
            Origins::List(list) => origin::is_listed(origin, list),
        }
    }

    /// Answers a request of the polling transport.
    fn reply(
        &mut self,
        key: u32,
        request: &Request,
        status: u16,
        kind: &str,
        body: &[u8],
        answering: Answering,
    ) {
        let mut headers = vec![("Content-Type", kind), ("Cache-Control", "no-store")];
        headers.append(&mut self.cors(request));
        self.reply_with(key, status, &headers, body, answering);
    }

    pub(super) fn reply_with(
        &mut self,
        key: u32,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
        answering: Answering,
    ) {
        self.say_http(key, |out| {
            let written = response::write(out, status, headers, body, answering);
            // What the client sent and is sent back has been checked with its head.
            debug_assert!(written.is_ok());
        });
        self.answered(key, answering);
    }
}
