//! Who is owed what. The host's side of the model: the rooms of every socket,
//! every message that was said, and which of them each well-behaved client
//! still has to hear, in their order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One message of the host's.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// `None` is every namespace.
    pub(super) nsp: Option<&'static str>,
    pub(super) room: Option<&'static str>,
    pub(super) only: Option<usize>,
    pub(super) except: Option<usize>,
    pub(super) volatile: bool,
    pub(super) length: usize,
}

/// One socket, as the model sees it.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) nsp: String,
    pub(super) rooms: BTreeSet<String>,
    /// Whether somebody listens who can be asked what came.
    pub(super) is_guest: bool,
    /// Its numbers: who came back has another one.
    known_as: BTreeSet<usize>,
    /// Numbers of messages to come, and whether they must.
    owed: VecDeque<(usize, bool)>,
    /// Number behind the last message that it heard under an offset. Volatile ones
    /// have none.
    next: usize,
    /// Messages that had to come and did not, and those that were dropped.
    missed: u64,
    pub(super) dropped: u64,
    /// Number of what its client says next, as far as the host has heard.
    pub(super) heard_of: usize,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) members: BTreeMap<usize, Member>,
    said: Vec<Said>,
    /// Messages that clients have heard, each counted for each: in their first
    /// namespace, and in a second one.
    pub(super) delivered: [u64; 2],
    /// Messages that the host was told as dropped.
    pub(super) told_dropped: u64,
}

impl Ledger {
    pub(super) fn next_number(&self) -> usize {
        self.said.len()
    }

    /// A socket is in its namespace from now on.
    pub(super) fn enter(&mut self, socket: usize, nsp: &str, is_guest: bool) {
        let (known_as, next) = (BTreeSet::from([socket]), self.said.len());
        let member = Member { nsp: nsp.to_owned(), is_guest, known_as, next, ..Member::default() };
        self.members.insert(socket, member);
    }

    /// Notes a message; answers for how many of these sockets it is.
    pub(super) fn say(&mut self, said: Said, live: impl Fn(usize) -> bool) -> usize {
        let number = self.said.len();
        let mut audience = 0;
        for (&socket, member) in &mut self.members {
            if is_for(&said, socket, member) && live(socket) {
                audience += 1;
                if member.is_guest {
                    member.owed.push_back((number, !said.volatile));
                }
            }
        }
        self.said.push(said);
        audience
    }

    /// A message was refused to its only receiver.
    pub(super) fn unsay(&mut self, socket: usize) {
        if let Some(member) = self.members.get_mut(&socket).filter(|member| member.is_guest) {
            member.owed.pop_back();
        }
    }

    /// The host is told that messages to a socket were dropped, which may be back
    /// as another one.
    pub(super) fn drop(&mut self, socket: usize, dropped: u64) {
        self.told_dropped += dropped;
        let mut members = self.members.values_mut();
        members.find(|member| member.known_as.contains(&socket)).unwrap().dropped += dropped;
    }

    /// A client heard a message: it was for it, not yet heard, and none before
    /// it that it had to hear is left out.
    pub(super) fn hear(&mut self, socket: usize, number: usize, length: usize, may_miss: bool) {
        assert_eq!(self.said[number].length, length, "message {number} was changed");
        let member = self.members.get_mut(&socket).unwrap();
        loop {
            let Some((owed, sure)) = member.owed.pop_front() else {
                panic!("message {number} was not for socket {socket}, or a second time, or late");
            };
            if owed == number {
                break;
            }
            member.missed += u64::from(sure);
            assert!(!sure || may_miss, "message {owed} did not come to socket {socket} before {number}");
        }
        if !self.said[number].volatile {
            member.next = number + 1;
        }
    }

    /// The client of a socket came back as another one: it is owed what it had
    /// not heard, with the rooms that it was in at the end. What was said before
    /// it was in them, or was dropped for it, may come or not.
    pub(super) fn come_back(&mut self, was: usize, socket: usize) {
        let Some(before) = self.members.remove(&was) else { return };
        let now = self.members.remove(&socket).unwrap();
        let mut owed = VecDeque::new();
        for (number, said) in self.said.iter().enumerate().take(now.next).skip(before.next) {
            let sure = before.owed.iter().find(|(owed, _)| *owed == number).map(|(_, sure)| *sure);
            // Under which of its numbers it was meant does not matter now.
            let named =
                [said.only, said.except].into_iter().flatten().find(|it| before.known_as.contains(it));
            let is_for_it_now = !said.volatile && is_for(said, named.unwrap_or(was), &before);
            if is_for_it_now || sure.is_some() {
                owed.push_back((number, is_for_it_now && sure == Some(true)));
            }
        }
        owed.extend(now.owed);
        let rooms = &before.rooms | &now.rooms;
        let known_as = &before.known_as | &now.known_as;
        let Member { nsp, is_guest, heard_of, .. } = now;
        let member = Member { nsp, is_guest, heard_of, owed, rooms, known_as, ..before };
        self.members.insert(socket, member);
    }

    /// Whoever is still there has heard everything, but for what was dropped.
    pub(super) fn settle(&mut self, socket: usize, drops: u64) {
        let member = self.members.get_mut(&socket).unwrap();
        let left: Vec<usize> =
            member.owed.iter().filter(|(_, sure)| *sure).map(|(number, _)| *number).collect();
        let missed = member.missed + left.len() as u64;
        assert!(
            missed <= member.dropped + drops,
            "socket {socket} missed {missed}, {} were dropped, these did not come at last: {left:?}",
            member.dropped + drops
        );
    }
}

pub(super) fn is_for(said: &Said, socket: usize, member: &Member) -> bool {
    said.nsp.is_none_or(|nsp| nsp == member.nsp)
        && said.room.is_none_or(|room| member.rooms.contains(room))
        && said.only.is_none_or(|only| only == socket)
        && said.except != Some(socket)
}
