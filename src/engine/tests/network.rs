//! The way between clients and a server: it takes time, a different one on
//! each connection, so that what is sent first on one may arrive after what is
//! sent later on another. On one connection the order holds, but what was sent
//! at once may arrive in pieces.

use std::collections::{BTreeMap, HashMap};

use super::{chaos::Dice, wire::End, *};

/// What is under way.
#[derive(Debug)]
pub(super) enum Parcel {
    ToServer(usize, Vec<u8>),
    ServerSees(usize, End),
    ToClient(usize, Vec<u8>),
    /// The server has closed its end, or dropped the connection.
    ClientSees(usize),
}

#[derive(Debug, Default)]
pub(super) struct Network {
    /// By the time of arrival, and in the order of sending.
    parcels: BTreeMap<(Millis, u64), Parcel>,
    sent: u64,
    /// When the last parcel of a connection arrives, each way.
    latest: HashMap<(usize, bool), Millis>,
    /// Everything arrives at once.
    pub(super) is_fast: bool,
    /// Nothing arrives any more.
    pub(super) is_down: bool,
}

impl Network {
    /// When something arrives.
    pub(super) fn due(&self) -> Option<Millis> {
        self.parcels.first_key_value().map(|(&(due, _), _)| due)
    }

    pub(super) fn arrived(&mut self, now: Millis) -> Option<Parcel> {
        let first = self.parcels.first_entry().filter(|_| !self.is_down)?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn send(&mut self, client: usize, up: bool, now: Millis, dice: &mut Dice, parcel: Parcel) {
        let delay = match dice.below(16) {
            _ if self.is_fast => 0,
            0..8 => 0,
            8..15 => dice.below(200) as Millis,
            _ => dice.below(2_000) as Millis,
        };
        let latest = self.latest.entry((client, up)).or_default();
        *latest = (*latest).max(now + delay);
        self.sent += 1;
        self.parcels.insert((*latest, self.sent), parcel);
    }

    /// A client sends bytes; they may arrive in pieces.
    pub(super) fn up(&mut self, client: usize, mut bytes: Vec<u8>, now: Millis, dice: &mut Dice) {
        while bytes.len() > 1 && dice.one_in(6) {
            let rest = bytes.split_off(1 + dice.below(bytes.len() - 1));
            self.send(client, true, now, dice, Parcel::ToServer(client, bytes));
            bytes = rest;
        }
        self.send(client, true, now, dice, Parcel::ToServer(client, bytes));
    }

    /// A client closes its end, or the connection breaks there.
    pub(super) fn end(&mut self, client: usize, end: End, now: Millis, dice: &mut Dice) {
        self.send(client, true, now, dice, Parcel::ServerSees(client, end));
    }

    pub(super) fn down(&mut self, client: usize, bytes: Vec<u8>, now: Millis, dice: &mut Dice) {
        self.send(client, false, now, dice, Parcel::ToClient(client, bytes));
    }

    pub(super) fn end_down(&mut self, client: usize, now: Millis, dice: &mut Dice) {
        self.send(client, false, now, dice, Parcel::ClientSees(client));
    }

    /// A connection is cut: some of what was under way is lost.
    pub(super) fn cut(&mut self, client: usize, now: Millis, dice: &mut Dice) {
        let mut lost = dice.one_in(3);
        self.parcels.retain(|_, parcel| match parcel {
            Parcel::ToServer(to, _) | Parcel::ServerSees(to, _) if *to == client => {
                lost |= dice.one_in(3);
                !lost
            }
            Parcel::ToClient(to, _) | Parcel::ClientSees(to) => *to != client,
            _ => true,
        });
        let end = if dice.one_in(2) { End::Reset } else { End::Eof };
        self.end(client, end, now, dice);
    }
}
