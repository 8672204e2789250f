//! Open questions beside a model: each part of each ends exactly once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    base::id::AckId,
    hub::acks::{Acks, Outcome, SocketAcks},
};

fn socket(number: u32) -> SocketId {
    SocketId::new(number, Generation::FIRST)
}

#[derive(Clone, Debug)]
enum Step {
    AskOne(u32, u64),
    /// Whom, how many more who can't answer, and the deadline.
    AskMany(BTreeSet<u32>, u32, u64),
    Settle(usize, u32, bool),
    Pass(u64),
    Owe(u32, u64),
    Answer(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let wait = || 0..40u64;
    prop_oneof![
        3 => (0..6u32, wait()).prop_map(|(socket, wait)| Step::AskOne(socket, wait)),
        3 => (proptest::collection::btree_set(0..6u32, 0..6), 0..3u32, wait())
            .prop_map(|(sockets, more, wait)| Step::AskMany(sockets, more, wait)),
        12 => (0..12usize, 0..6u32, any::<bool>()).prop_map(|(at, socket, done)| Step::Settle(at, socket, done)),
        2 => wait().prop_map(Step::Pass),
        3 => (0..6u32, any::<u64>()).prop_map(|(socket, wire)| Step::Owe(socket, wire)),
        3 => (0..12usize).prop_map(Step::Answer),
    ]
}

#[derive(Debug)]
struct Question {
    left: BTreeSet<SocketId>,
    many: Option<(u32, u32)>,
    deadline: u64,
}

#[derive(Default)]
struct Model {
    now: u64,
    /// All that were ever open, and those that are.
    asked: Vec<AckId>,
    open: BTreeMap<AckId, Question>,
    owed: Vec<(AckId, Option<(SocketId, u64)>)>,
}

impl Model {
    fn run(&mut self, acks: &mut Acks, step: &Step) {
        match step {
            Step::AskOne(number, wait) => {
                let deadline = self.now + wait;
                let (next, asked) = (acks.next_id(), acks.ask_one(socket(*number), deadline));
                assert_eq!(next, asked);
                self.note(asked, BTreeSet::from([socket(*number)]), None, deadline);
            }
            Step::AskMany(numbers, more, wait) => {
                let deadline = self.now + wait;
                let sockets: Vec<SocketId> = numbers.iter().copied().map(socket).collect();
                let of = sockets.len() as u32 + more;
                let asked = acks.ask_many(&sockets, of, deadline);
                if sockets.is_empty() {
                    acks.take_unanswered(asked);
                    self.asked.push(asked);
                } else {
                    self.note(asked, sockets.into_iter().collect(), Some((0, of)), deadline);
                }
            }
            Step::Settle(at, number, answered) => {
                if let Some(&ack) = self.asked.get(*at % self.asked.len().max(1)) {
                    let expected = self.settle(ack, socket(*number), *answered);
                    assert_eq!(acks.settle(ack, socket(*number), *answered), expected);
                }
            }
            Step::Pass(time) => {
                self.now += time;
                self.expire(acks);
            }
            Step::Owe(number, wire) => {
                let ack = acks.owe(socket(*number), *wire);
                assert!(self.owed.iter().all(|(known, _)| *known != ack), "a handle is never used twice");
                self.owed.push((ack, Some((socket(*number), *wire))));
            }
            Step::Answer(at) => {
                let owed = self.owed.len().max(1);
                if let Some((ack, asker)) = self.owed.get_mut(*at % owed) {
                    assert_eq!(acks.owed(*ack), *asker);
                    acks.forget_owed(*ack);
                    *asker = None;
                }
            }
        }
        assert_eq!(acks.deadline(), self.open.values().map(|question| question.deadline).min());
        for (ack, asker) in &self.owed {
            assert_eq!(acks.owed(*ack), *asker);
        }
        let nothing = self.open.is_empty() && self.owed.iter().all(|(_, asker)| asker.is_none());
        assert_eq!(acks.is_empty(), nothing);
    }

    fn note(&mut self, ack: AckId, left: BTreeSet<SocketId>, many: Option<(u32, u32)>, deadline: u64) {
        assert!(!self.asked.contains(&ack));
        self.asked.push(ack);
        self.open.insert(ack, Question { left, many, deadline });
    }

    fn settle(&mut self, ack: AckId, socket: SocketId, answered: bool) -> Option<Outcome> {
        let question = self.open.get_mut(&ack)?;
        if !question.left.remove(&socket) {
            return None;
        }
        let Some((so_far, of)) = &mut question.many else {
            self.open.remove(&ack);
            return Some(Outcome::Single);
        };
        *so_far += u32::from(answered);
        let outcome = Outcome::Ended { answered: *so_far, of: *of };
        if !question.left.is_empty() {
            return Some(Outcome::Open);
        }
        self.open.remove(&ack);
        Some(outcome)
    }

    fn expire(&mut self, acks: &mut Acks) {
        let mut last = 0;
        while let Some(over) = acks.take_expired(self.now) {
            let question = self.open.remove(&over.ack).unwrap();
            assert!(question.deadline <= self.now && question.deadline >= last);
            last = question.deadline;
            assert_eq!(over.sockets.iter().copied().collect::<BTreeSet<_>>(), question.left);
            assert_eq!(over.sockets.len(), question.left.len());
            assert_eq!(over.ended, question.many);
        }
        assert!(self.open.values().all(|question| question.deadline > self.now));
    }
}

proptest! {
    #[test]
    fn each_question_ends_exactly_once(steps in vec(step(), 1..120)) {
        let (mut acks, mut model) = (Acks::new(3), Model::default());
        for step in &steps {
            model.run(&mut acks, step);
        }
        for at in 0..model.owed.len() {
            model.run(&mut acks, &Step::Answer(at));
        }
        model.run(&mut acks, &Step::Pass(1_000));
        prop_assert!(acks.is_empty());
    }

    #[test]
    fn a_sockets_lists_are_bounded_and_forget_the_oldest_first(
        limit in 0..5u32,
        steps in vec((any::<bool>(), 0..8u64), 1..60),
    ) {
        let (mut acks, mut awaited, mut owed) = (SocketAcks::default(), Vec::new(), Vec::new());
        for (at, (add, pick)) in (1..).zip(steps) {
            // The same numbers in both lists are different questions.
            let number = AckId::from_u64(if add { at } else { pick + 1 }).unwrap();
            if add {
                let over = (awaited.len() as u32 >= limit).then(|| *awaited.first().unwrap_or(&number));
                prop_assert_eq!(acks.await_answer(number, limit), over);
                prop_assert_eq!(acks.owe(number, limit), (owed.len() as u32 >= limit).then(|| *owed.first().unwrap_or(&number)));
                for list in [&mut awaited, &mut owed] {
                    list.push(number);
                    if list.len() as u32 > limit {
                        list.remove(0);
                    }
                }
            } else if pick % 2 == 0 {
                acks.forget_awaited(number);
                awaited.retain(|open| *open != number);
            } else {
                acks.forget_owed(number);
                owed.retain(|open| *open != number);
            }
            prop_assert_eq!(acks.is_empty(), awaited.is_empty() && owed.is_empty());
        }
        prop_assert!(acks.take_awaited().into_iter().eq(awaited));
        prop_assert!(acks.take_owed().into_iter().eq(owed));
    }
}

#[test]
fn numbers_stay_within_what_javascript_counts() {
    let mut acks = Acks::new(3);
    acks.last = (1 << 53) - 2;
    assert_eq!(acks.ask_one(socket(0), 0).get(), (1 << 53) - 1);
    assert_eq!(acks.ask_one(socket(0), 0).get(), 1);
}

#[test]
fn a_question_of_the_hosts_is_no_question_of_a_clients() {
    let mut acks = Acks::new(3);
    let asked = acks.ask_one(socket(0), 10);
    let owed = acks.owe(socket(0), 7);
    assert_eq!(acks.owed(asked), None);
    acks.forget_owed(asked);
    assert_eq!(acks.settle(owed, socket(0), true), None);
    assert_eq!(acks.owed(owed), Some((socket(0), 7)));
    acks.take_unanswered(asked);
    assert!(!acks.is_empty());
    acks.forget_owed(owed);
    assert!(acks.is_empty());
}
