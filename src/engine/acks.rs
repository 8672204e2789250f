//! Questions and answers: acks that the host asks for, and acks that it owes.

use std::time::Duration;

use super::{
    Engine, Loudness, Payload,
    say::{measured, millis},
    turn::{Answer, Record},
};
use crate::{
    base::{
        error::{Error, Result},
        id::{AckId, SocketId},
        limit::Limit,
    },
    hub::{
        Stage,
        acks::{SocketAcks, TimedOut},
        audience::Selection,
    },
    session::{Outgoing, RAW},
};

impl Engine {
    /// Sends an event that asks one socket for an ack.
    pub(crate) fn ask_one(
        &mut self,
        socket: SocketId,
        name: &str,
        payload: &Payload<'_>,
        timeout: Duration,
    ) -> Result<AckId> {
        let elements = payload.check_event(name, &self.config.limits)?;
        let payload = measured(payload, &elements);
        let live = self.hub.live(socket)?.map(|entry| entry.route.format);
        if live == Some(RAW) {
            return Err(Error::state("a client of the raw dialect has no way to answer"));
        }
        let deadline = self.now.saturating_add(millis(timeout));
        let id = self.acks.next_id();
        if live.is_some() {
            self.say_to(socket, &Outgoing::Event { name, payload, id: Some(id.get()) }, Loudness::Normal)?;
        }
        let ack = self.acks.ask_one(socket, deadline);
        self.await_answer(socket, ack);
        Ok(ack)
    }

    /// Sends an event that asks an audience for acks.
    pub(crate) fn ask(
        &mut self,
        to: &Selection<'_>,
        name: &str,
        payload: &Payload<'_>,
        timeout: Duration,
    ) -> Result<AckId> {
        let elements = payload.check_event(name, &self.config.limits)?;
        let payload = measured(payload, &elements);
        let sockets = self.hub.select(to)?;
        let can_answer = |socket: &&SocketId| self.hub.get(**socket).is_some_and(|it| it.route.format != RAW);
        let asked: Vec<SocketId> = sockets.iter().filter(can_answer).copied().collect();
        let deadline = self.now.saturating_add(millis(timeout));
        // The question is open before it is put: who is cut off on the way is
        // missed in its count.
        let ack = self.acks.ask_many(&asked, sockets.len() as u32, deadline);
        for &socket in &asked {
            self.await_answer(socket, ack);
        }
        self.broadcast(to, &Outgoing::Event { name, payload, id: Some(ack.get()) }, Loudness::Normal)?;
        if asked.is_empty() {
            self.acks.take_unanswered(ack);
            self.turn.push(Record::AcksDone { ack, answered: 0, of: sockets.len() as u32 });
        }
        Ok(ack)
    }

    /// Answers a client's question.
    pub(crate) fn answer_ack(&mut self, ack: AckId, payload: &Payload<'_>) -> Result<()> {
        let elements = payload.check(&self.config.limits)?;
        let Some((socket, id)) = self.acks.owed(ack) else {
            return Err(Error::not_found(
                "no such question is open: it was answered, the client has left, or it asked too many others since",
            ));
        };
        let payload = measured(payload, &elements);
        // The question stays open if there is no room for the answer.
        self.say_to(socket, &Outgoing::Ack { id, payload }, Loudness::Normal)?;
        self.acks.forget_owed(ack);
        self.forget_ack(socket, |acks| acks.forget_owed(ack));
        Ok(())
    }

    fn await_answer(&mut self, socket: SocketId, ack: AckId) {
        let limit = self.config.limits.acks_awaited;
        let oldest = match self.hub.get_mut(socket) {
            Some(entry) if entry.stage == Stage::Live => {
                let oldest = entry.acks().await_answer(ack, limit);
                oldest.iter().for_each(|_| self.stats.count_breach(Limit::AcksAwaited));
                oldest
            }
            // It left since the last poll: there will be no answer.
            _ => Some(ack),
        };
        if let Some(oldest) = oldest {
            self.close_ack(socket, oldest);
        }
    }

    /// One socket's part of a question of the host's ends without an answer.
    pub(super) fn close_ack(&mut self, socket: SocketId, ack: AckId) {
        if let Some(outcome) = self.acks.settle(ack, socket, false) {
            self.turn.push_answer(socket, ack, Answer::Closed, outcome);
        }
    }

    /// A socket leaves: what it was asked ends. What it asked may still be
    /// answered until its id is stale, to nobody.
    pub(super) fn close_acks(&mut self, socket: SocketId) {
        let acks = self.hub.get_mut(socket).and_then(|entry| entry.with_acks(SocketAcks::take_awaited));
        for ack in acks.unwrap_or_default() {
            self.close_ack(socket, ack);
        }
    }

    /// The ids of sockets that left become stale, and with them what they asked.
    pub(super) fn reap_sockets(&mut self) {
        let Self { hub, acks, .. } = self;
        hub.reap(|mut left| {
            for ack in left.with_acks(SocketAcks::take_owed).into_iter().flatten() {
                acks.forget_owed(ack);
            }
        });
    }

    /// A client asks the host for an ack.
    pub(super) fn owe_ack(&mut self, socket: SocketId, wire: u64) -> AckId {
        let ack = self.acks.owe(socket, wire);
        let limit = self.config.limits.acks_owed;
        let oldest = self.hub.get_mut(socket).and_then(|entry| entry.acks().owe(ack, limit));
        if let Some(oldest) = oldest {
            self.stats.count_breach(Limit::AcksOwed);
            self.acks.forget_owed(oldest);
        }
        ack
    }

    /// A client answers a question of the host's. Nobody is told of an answer
    /// to a question that is not open.
    pub(super) fn take_ack(&mut self, socket: SocketId, wire: u64, answer: Answer) {
        let Some(ack) = AckId::from_u64(wire) else { return };
        if let Some(outcome) = self.acks.settle(ack, socket, true) {
            self.forget_ack(socket, |acks| acks.forget_awaited(ack));
            self.turn.push_answer(socket, ack, answer, outcome);
        } else {
            // Nobody has asked, or nobody waits any more.
            self.allows_event(socket);
        }
    }

    /// A question of the host's has run out of time.
    pub(super) fn expire_ack(&mut self, timed_out: TimedOut) {
        let ack = timed_out.ack;
        for socket in timed_out.sockets {
            self.forget_ack(socket, |acks| acks.forget_awaited(ack));
            let answer = Answer::TimedOut;
            self.turn.push(Record::Ack { socket, ack, answer });
        }
        if let Some((answered, of)) = timed_out.ended {
            self.turn.push(Record::AcksDone { ack, answered, of });
        }
    }

    /// Takes a question off a socket's list.
    fn forget_ack(&mut self, socket: SocketId, forget: impl FnOnce(&mut SocketAcks)) {
        if let Some(entry) = self.hub.get_mut(socket) {
            entry.with_acks(forget);
        }
    }
}
