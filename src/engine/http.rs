//! A connection that speaks HTTP: requests one at a time, each answered before
//! the next is looked at (RFC 9112 §9.3.2), until one becomes a WebSocket.

use std::sync::Arc;

use super::{
    Engine,
    connection::{Connection, Exchange, State},
    flood::origin_of,
    say::check_size,
    timers::Timer,
    turn::{Record, Turn},
};
use crate::{
    base::{error::Result, id::RequestId, limit::Limit, limits::ANSWERS_AHEAD_BYTES},
    codec::{
        body::BodyReader,
        http::{Fault, Head, Request},
        response::{self, Answering},
    },
};

impl Engine {
    /// Looks at bytes of HTTP from `at` on; answers how far it has come.
    /// Nothing is looked at while the host owes an answer, or the client reads
    /// none of those it has been given.
    pub(super) fn take_http(&mut self, key: u32, at: usize, end: usize) -> usize {
        if self.queue_of(key).is_some_and(|queue| queue.bytes() > ANSWERS_AHEAD_BYTES) {
            return at;
        }
        let Some(Connection { state: State::Http(exchange), .. }) = self.connections.get_mut(key as usize)
        else {
            return at;
        };
        if exchange.asked.is_some() || exchange.parked.is_some() {
            return at;
        }
        if exchange.body.is_some() {
            return self.take_body(key, at, end);
        }
        let had_begun = exchange.head.has_begun();
        match exchange.head.read(self.turn.bytes(at..end), &self.config.limits) {
            Ok(Head::More) => {
                // A kept connection is idle no more, and the head's time runs.
                if !had_begun && exchange.head.has_begun() && self.timers.waits_for(key) == Some(Timer::Idle)
                {
                    self.timers.set(key, Timer::Head, self.now);
                }
                end
            }
            Ok(Head::Whole { request, consumed }) => {
                let peer = match exchange.is_nameless {
                    true => exchange.peer,
                    false => origin_of(&self.config, exchange.peer, &request),
                };
                let request = request.arrived(peer, self.now);
                self.take_request(key, request, at + consumed < end);
                at + consumed
            }
            Err(fault) => {
                self.refuse(key, fault, Answering::UNREADABLE);
                end
            }
        }
    }

    fn take_request(&mut self, key: u32, request: Request, more_is_there: bool) {
        if request.is_upgrade() {
            return self.upgrade(key, request);
        }
        if self.is_engineio(&request) {
            return self.take_engineio(key, request, more_is_there);
        }
        self.stats.requests += 1;
        let answering = Answering::to(&request);
        let body = match BodyReader::new(request.body(), self.config.limits.message_bytes) {
            Ok(body) => body,
            Err(fault) => return self.refuse(key, fault, answering),
        };
        if body.is_done() {
            return self.answer(key, Arc::new(request), Vec::new());
        }
        self.begin_body(key, Arc::new(request), body, more_is_there);
    }

    /// The body of a request is on its way.
    pub(super) fn begin_body(
        &mut self,
        key: u32,
        request: Arc<Request>,
        body: BodyReader,
        more_is_there: bool,
    ) {
        // RFC 9110 §10.1.1: who has sent some of the body does not wait for it.
        if request.expect_continue() && !more_is_there {
            self.say_http(key, |out| out.extend_from_slice(response::CONTINUE));
        }
        self.timers.set(key, Timer::Body, self.now);
        if let Some(exchange) = self.exchange(key) {
            exchange.body = Some((request, body, Vec::new()));
        }
    }

    fn take_body(&mut self, key: u32, at: usize, end: usize) -> usize {
        let Some(Connection { state: State::Http(exchange), .. }) = self.connections.get_mut(key as usize)
        else {
            return at;
        };
        let Some((request, reader, payload)) = &mut exchange.body else { return at };
        let before = payload.capacity();
        let read = reader.read(self.turn.bytes(at..end), payload);
        self.partial_bytes += payload.capacity() - before;
        match read {
            Ok(consumed) => {
                if reader.is_done()
                    && let Some((request, _, payload)) = exchange.body.take()
                {
                    self.partial_bytes -= payload.capacity();
                    self.answer(key, request, payload);
                }
                at + consumed
            }
            Err(fault) => {
                let request = request.clone();
                match self.is_engineio(&request) {
                    true => self.refuse_post(key, &request, fault),
                    false => self.refuse(key, fault, Answering::to(&request)),
                }
                end
            }
        }
    }

    /// A whole request is there: the host answers it, or nobody does.
    fn answer(&mut self, key: u32, request: Arc<Request>, payload: Vec<u8>) {
        if self.is_engineio(&request) {
            return self.take_post(key, &request, payload);
        }
        let answering = Answering::to(&request);
        if !self.config.http || self.closed {
            let status = if self.closed { 503 } else { 404 };
            let answering = if self.closed { answering.closing() } else { answering };
            self.say_http(key, |out| response::write_text(out, status, "", &[], answering));
            return self.answered(key, answering);
        }
        let generation = self.requests;
        self.requests = generation.next();
        let Some(exchange) = self.exchange(key) else { return };
        exchange.asked = Some((generation, answering));
        self.timers.set(key, Timer::Respond, self.now);
        let body = if payload.is_empty() { Turn::in_arena(0..0) } else { self.turn.own(payload) };
        let head = self.turn.request(request);
        self.turn.push(Record::Http { request: RequestId::new(key, generation), head, body });
    }

    /// The host answers a request; `false` if nobody waits for it any more.
    pub(crate) fn respond(
        &mut self,
        request: RequestId,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<bool> {
        check_size(body.len())?;
        let key = request.index();
        let asked = self.exchange(key).and_then(|exchange| exchange.asked);
        let asked = asked.filter(|(asked, _)| RequestId::new(key, *asked) == request);
        let answering = asked.map_or(Answering::UNREADABLE, |(_, answering)| answering);
        let answering = if self.closed { answering.closing() } else { answering };
        let mut out = Vec::new();
        response::write(&mut out, status, headers, body, answering)?;
        if asked.is_some() {
            self.say_http(key, |log| *log = out);
            self.answered(key, answering);
        }
        Ok(asked.is_some())
    }

    /// An answer is in the send queue: on to the next request, or to the end.
    pub(super) fn answered(&mut self, key: u32, answering: Answering) {
        // While the server says goodbye, sessions that have not heard it poll on.
        if !answering.keep_alive || (self.closed && self.drain.is_none()) {
            return self.finish(key);
        }
        self.timers.set(key, Timer::Idle, self.now);
        if self.exchange(key).is_some_and(|exchange| exchange.asked.take().is_some()) {
            self.look_again(key);
        }
    }

    /// What a connection has sent behind a request that had to wait.
    pub(super) fn look_again(&mut self, key: u32) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        match connection.held {
            Some(_) => self.resume_later(key),
            None => self.wanting.push(key),
        }
    }

    /// Answers a fault and closes behind it.
    pub(super) fn refuse(&mut self, key: u32, fault: Fault, answering: Answering) {
        self.stats.refused_malformed += 1;
        fault.limit.into_iter().for_each(|limit| self.stats.count_breach(limit));
        log::debug!("connection {key}: {} {}", fault.status, fault.reason);
        self.say_http(key, |out| response::write_fault(out, fault, answering));
        self.finish(key);
    }

    pub(super) fn expire_request(&mut self, key: u32, timer: Timer) {
        let begun = self.exchange(key).is_some_and(|exchange| exchange.head.has_begun());
        self.stats.count_breach(if timer == Timer::Head { Limit::HeadTimeout } else { Limit::BodyTimeout });
        if timer == Timer::Head && !begun {
            // Nobody has asked anything: there is nothing to answer.
            return self.finish(key);
        }
        self.stats.refused_timeout += 1;
        let reason = if timer == Timer::Head { "the head took too long" } else { "the body took too long" };
        self.say_http(key, |out| response::write_fault(out, Fault::new(408, reason), Answering::UNREADABLE));
        self.finish(key);
    }

    /// The host has not answered a request.
    pub(super) fn expire_response(&mut self, key: u32) {
        let asked = self.exchange(key).and_then(|exchange| exchange.asked);
        let Some((_, answering)) = asked else { return };
        self.stats.refused_timeout += 1;
        self.stats.count_breach(Limit::ResponseTimeout);
        let answering = answering.closing();
        self.say_http(key, |out| response::write_text(out, 503, "no answer in time", &[], answering));
        self.finish(key);
    }

    /// Queues bytes of HTTP.
    pub(super) fn say_http(&mut self, key: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.connections.get(key as usize) else { return };
        let queue_key = connection.queue;
        let Some(queue) = self.queues.get_mut(queue_key as usize) else { return };
        let mut out = self.pool.take(0);
        write(&mut out);
        let piece = self.chunks.append(&mut self.direct, out.len(), |log| log.extend_from_slice(&out));
        self.pool.give(out);
        queue.push_http(piece, &mut self.chunks);
        self.queued_bytes += piece.len();
        super::mark_dirty(&mut self.dirty, queue, queue_key);
    }

    pub(super) fn exchange(&mut self, key: u32) -> Option<&mut Exchange> {
        match &mut self.connections.get_mut(key as usize)?.state {
            State::Http(exchange) => Some(exchange),
            _ => None,
        }
    }
}
