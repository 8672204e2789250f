//! Open questions, both ways: acks that clients owe to the host, each of which
//! ends exactly once, and acks that the host owes to clients.

use std::collections::{BTreeSet, HashSet, VecDeque};

use foldhash::fast::SeedableRandomState;
use slab::Slab;

use super::{SeededMap, seeded};
use crate::base::{
    Millis,
    id::{AckId, Generation, SocketId},
    limits::MAX_SAFE_INTEGER,
};

/// The open questions of one socket; only those that have some keep one.
#[derive(Debug, Default)]
pub(crate) struct SocketAcks {
    /// What the socket has been asked, oldest first.
    awaited: VecDeque<AckId>,
    /// What the host has been asked by it, oldest first.
    owed: VecDeque<AckId>,
}

/// What became of a question of the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// One socket's part of it is over; whether that ends the question depends
    /// on what [`Acks::ended`] says.
    Open,
    /// This was the only socket that was asked.
    Single,
    /// This was the last of an audience.
    Ended { answered: u32, of: u32 },
}

#[derive(Debug)]
enum Waiting {
    One(SocketId),
    Many { left: HashSet<SocketId, SeedableRandomState>, answered: u32, of: u32 },
}

#[derive(Debug)]
struct Question {
    waiting: Waiting,
    deadline: Millis,
}

/// A question of the host's whose time is over.
#[derive(Debug)]
pub(crate) struct TimedOut {
    pub(crate) ack: AckId,
    pub(crate) sockets: Vec<SocketId>,
    /// For an audience: how many answered, of how many.
    pub(crate) ended: Option<(u32, u32)>,
}

/// All open questions.
pub(crate) struct Acks {
    /// Number of the host's last question; also its id on the wire.
    pub(super) last: u64,
    asked: SeededMap<AckId, Question>,
    deadlines: BTreeSet<(Millis, AckId)>,
    owed: Slab<Owed>,
    generation: Generation,
    seed: u64,
}

#[derive(Debug)]
struct Owed {
    generation: Generation,
    socket: SocketId,
    wire: u64,
}

impl Acks {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            last: 0,
            asked: seeded(seed),
            deadlines: BTreeSet::new(),
            owed: Slab::new(),
            generation: Generation::FIRST,
            seed,
        }
    }

    /// The number that the next question will have, on the wire as well. It
    /// stays below 2^53, which is as far as JavaScript counts.
    pub(crate) fn next_id(&self) -> AckId {
        AckId::from_u64(self.last % MAX_SAFE_INTEGER + 1).unwrap_or_else(|| AckId::new(1, Generation::FIRST))
    }

    /// Opens a question to one socket.
    pub(crate) fn ask_one(&mut self, socket: SocketId, deadline: Millis) -> AckId {
        self.ask(Waiting::One(socket), deadline)
    }

    /// Opens a question to an audience; `of` counts also those who can't answer.
    pub(crate) fn ask_many(&mut self, sockets: &[SocketId], of: u32, deadline: Millis) -> AckId {
        let hasher = SeedableRandomState::with_seed(self.seed, foldhash::SharedSeed::global_fixed());
        let mut left = HashSet::with_capacity_and_hasher(sockets.len(), hasher);
        left.extend(sockets);
        self.ask(Waiting::Many { left, answered: 0, of }, deadline)
    }

    fn ask(&mut self, waiting: Waiting, deadline: Millis) -> AckId {
        let ack = self.next_id();
        self.last = ack.get();
        self.deadlines.insert((deadline, ack));
        self.asked.insert(ack, Question { waiting, deadline });
        ack
    }

    /// One socket's part of a question is over: it answered, or it can't any
    /// more. `None` if it was not asked, or its part was over before.
    pub(crate) fn settle(&mut self, ack: AckId, socket: SocketId, answered: bool) -> Option<Outcome> {
        let question = self.asked.get_mut(&ack)?;
        let outcome = match &mut question.waiting {
            Waiting::One(asked) if *asked == socket => Outcome::Single,
            Waiting::One(_) => return None,
            Waiting::Many { left, answered: so_far, of } => {
                if !left.remove(&socket) {
                    return None;
                }
                *so_far += u32::from(answered);
                match left.is_empty() {
                    true => Outcome::Ended { answered: *so_far, of: *of },
                    false => Outcome::Open,
                }
            }
        };
        if outcome != Outcome::Open {
            self.deadlines.remove(&(question.deadline, ack));
            self.asked.remove(&ack);
        }
        Some(outcome)
    }

    /// Forgets a question that nobody can answer.
    pub(crate) fn take_unanswered(&mut self, ack: AckId) {
        if let Some(question) = self.asked.remove(&ack) {
            self.deadlines.remove(&(question.deadline, ack));
        }
    }

    /// When the next question runs out of time.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// The next question whose time is over.
    pub(crate) fn take_expired(&mut self, now: Millis) -> Option<TimedOut> {
        let &(deadline, ack) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.deadlines.remove(&(deadline, ack));
        let question = self.asked.remove(&ack)?;
        Some(match question.waiting {
            Waiting::One(socket) => TimedOut { ack, sockets: vec![socket], ended: None },
            Waiting::Many { left, answered, of } => {
                TimedOut { ack, sockets: left.into_iter().collect(), ended: Some((answered, of)) }
            }
        })
    }

    /// Notes that a client wants an answer to its question number `wire`.
    pub(crate) fn owe(&mut self, socket: SocketId, wire: u64) -> AckId {
        let generation = self.generation;
        self.generation = generation.next();
        AckId::new(self.owed.insert(Owed { generation, socket, wire }) as u32, generation)
    }

    /// Whom the host answers, and the client's own number of the question.
    pub(crate) fn owed(&self, ack: AckId) -> Option<(SocketId, u64)> {
        let owed = self.owed.get(ack.index() as usize)?;
        (AckId::new(ack.index(), owed.generation) == ack).then_some((owed.socket, owed.wire))
    }

    /// Forgets a question of a client's: it was answered, or nobody will.
    pub(crate) fn forget_owed(&mut self, ack: AckId) {
        if self.owed(ack).is_some() {
            self.owed.remove(ack.index() as usize);
        }
    }

    /// Whether nothing is open.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.deadlines.is_empty() && self.owed.is_empty()
    }
}

impl SocketAcks {
    /// Notes a question that the socket has been asked; over the limit the
    /// oldest comes back, to fail.
    pub(crate) fn await_answer(&mut self, ack: AckId, limit: u32) -> Option<AckId> {
        self.awaited.push_back(ack);
        if self.awaited.len() as u64 > u64::from(limit) { self.awaited.pop_front() } else { None }
    }

    /// Notes a question that the host has been asked; over the limit the
    /// oldest comes back, to be forgotten.
    pub(crate) fn owe(&mut self, ack: AckId, limit: u32) -> Option<AckId> {
        self.owed.push_back(ack);
        if self.owed.len() as u64 > u64::from(limit) { self.owed.pop_front() } else { None }
    }

    /// The socket's part of a question of the host's is over.
    pub(crate) fn forget_awaited(&mut self, ack: AckId) {
        forget(&mut self.awaited, ack);
    }

    /// The host has answered a question of the socket's.
    pub(crate) fn forget_owed(&mut self, ack: AckId) {
        forget(&mut self.owed, ack);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.awaited.is_empty() && self.owed.is_empty()
    }

    /// What it was asked, when it leaves.
    pub(crate) fn take_awaited(&mut self) -> VecDeque<AckId> {
        std::mem::take(&mut self.awaited)
    }

    /// What it asked, when it is forgotten.
    pub(crate) fn take_owed(&mut self) -> VecDeque<AckId> {
        std::mem::take(&mut self.owed)
    }
}

/// Most questions are answered in the order in which they were asked.
fn forget(list: &mut VecDeque<AckId>, ack: AckId) {
    if list.front() == Some(&ack) {
        list.pop_front();
    } else if let Some(at) = list.iter().position(|&open| open == ack) {
        list.remove(at);
    }
}
