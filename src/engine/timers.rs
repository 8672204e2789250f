//! Deadlines of connections: one first-in-first-out list for each kind of
//! duration. All waits of a kind are equally long, so the list is in order of
//! deadlines by itself; setting and clearing cost the same however many there
//! are. A connection waits for one thing at a time.

use crate::base::Millis;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The rest of a request's head.
    Head,
    /// The rest of its body.
    Body,
    /// The next request on a kept connection.
    Idle,
    /// The host's answer to a request.
    Respond,
    /// The guard's answer.
    Guard,
    /// The next ping.
    Ping,
    /// The answer to a ping.
    Pong,
    /// The answer to our close, or the last bytes of an answer going out.
    Close,
    /// The peer's end, after ours.
    Linger,
    /// The switch of a probing WebSocket.
    Upgrade,
    /// A session's first namespace.
    Enter,
    /// The other attachments of a packet.
    Attachments,
    /// A poll that fetches a closed session's last words.
    Fetch,
}

const KINDS: [Timer; 13] = [
    Timer::Head,
    Timer::Body,
    Timer::Idle,
    Timer::Respond,
    Timer::Guard,
    Timer::Ping,
    Timer::Pong,
    Timer::Close,
    Timer::Linger,
    Timer::Upgrade,
    Timer::Enter,
    Timer::Attachments,
    Timer::Fetch,
];

impl Timer {
    /// Whether the peer may already have sent what is waited for, so that it
    /// lies unread. The others run out whatever a peer sends: they are about
    /// the host's silence, or give a peer that talks on an end.
    fn is_for_silence(self) -> bool {
        matches!(
            self,
            Self::Head
                | Self::Body
                | Self::Idle
                | Self::Ping
                | Self::Pong
                | Self::Upgrade
                | Self::Enter
                | Self::Attachments
        )
    }
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// The deadline: its lower 32 bits and the next 16, which last for 8,900
    /// years. Then a link is of 16 bytes.
    due_low: u32,
    due_high: u16,
    kind: Option<Timer>,
    previous: u32,
    next: u32,
}

const UNLINKED: Link = Link { due_low: 0, due_high: 0, kind: None, previous: NONE, next: NONE };

impl Link {
    fn new(deadline: Millis, kind: Timer, previous: u32) -> Self {
        let (due_low, due_high) = (deadline as u32, (deadline >> 32) as u16);
        Self { due_low, due_high, kind: Some(kind), previous, next: NONE }
    }

    fn deadline(self) -> Millis {
        u64::from(self.due_high) << 32 | u64::from(self.due_low)
    }
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
    /// `None`: this kind never fires.
    wait_ms: Option<u32>,
}

/// The deadlines of all connections.
#[derive(Debug)]
pub(crate) struct Timers {
    lists: [List; KINDS.len()],
    /// One for each connection, by its key.
    links: Vec<Link>,
    taken_at: Millis,
}

impl Timers {
    /// `wait_ms` says how long a wait of each kind is.
    pub(crate) fn new(wait_ms: impl Fn(Timer) -> Option<u32>) -> Self {
        let list = |kind| List { first: NONE, last: NONE, wait_ms: wait_ms(kind) };
        Self { lists: KINDS.map(list), links: Vec::new(), taken_at: 0 }
    }

    /// Starts a wait; the one before, if any, is over.
    pub(crate) fn set(&mut self, key: u32, kind: Timer, now: Millis) {
        self.clear(key);
        if self.links.len() <= key as usize {
            self.links.resize(key as usize + 1, UNLINKED);
        }
        let list = &mut self.lists[kind as usize];
        let Some(wait_ms) = list.wait_ms else { return };
        let link = Link::new(now + u64::from(wait_ms), kind, list.last);
        match list.last {
            NONE => list.first = key,
            last => self.links[last as usize].next = key,
        }
        list.last = key;
        self.links[key as usize] = link;
    }

    /// Ends the wait, if there is one.
    pub(crate) fn clear(&mut self, key: u32) {
        let Some(link) = self.links.get_mut(key as usize) else { return };
        let Link { previous, next, kind: Some(kind), .. } = std::mem::replace(link, UNLINKED) else { return };
        let list = &mut self.lists[kind as usize];
        match previous {
            NONE => list.first = next,
            before => self.links[before as usize].next = next,
        }
        match next {
            NONE => list.last = previous,
            after => self.links[after as usize].previous = previous,
        }
    }

    /// What the connection waits for.
    pub(crate) fn waits_for(&self, key: u32) -> Option<Timer> {
        self.links.get(key as usize)?.kind
    }

    /// The next deadline.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let firsts = self.lists.iter().filter(|list| list.first != NONE);
        firsts.map(|list| self.links[list.first as usize].deadline()).min()
    }

    /// Whether it waits for this, and the wait ran out at most so long ago.
    pub(crate) fn has_just_expired(&self, key: u32, kind: Timer, now: Millis, ago: Millis) -> bool {
        let link = self.links.get(key as usize).filter(|link| link.kind == Some(kind));
        link.is_some_and(|link| link.deadline() <= now && now <= link.deadline() + ago)
    }

    /// When the wait that [`take_expired`](Self::take_expired) took last was over.
    pub(crate) fn taken_at(&self) -> Millis {
        self.taken_at
    }

    /// Takes one wait that is over. Connections for which `unread` says that
    /// bytes of theirs have not been looked at yet are not taken for silent.
    pub(crate) fn take_expired(&mut self, now: Millis, unread: impl Fn(u32) -> bool) -> Option<(u32, Timer)> {
        for kind in KINDS {
            let mut key = self.lists[kind as usize].first;
            while key != NONE {
                let link = self.links[key as usize];
                if link.deadline() > now {
                    break;
                }
                if !kind.is_for_silence() || !unread(key) {
                    self.clear(key);
                    self.taken_at = link.deadline();
                    return Some((key, kind));
                }
                key = link.next;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers() -> Timers {
        Timers::new(|kind| match kind {
            Timer::Head => Some(10),
            Timer::Idle => Some(100),
            _ => None,
        })
    }

    #[test]
    fn waits_end_in_the_order_of_their_deadlines() {
        let mut timers = timers();
        timers.set(3, Timer::Head, 0);
        timers.set(1, Timer::Head, 5);
        timers.set(0, Timer::Idle, 0);
        timers.set(2, Timer::Ping, 0);
        assert_eq!(timers.deadline(), Some(10));
        assert_eq!(timers.take_expired(9, |_| false), None);
        assert_eq!(timers.take_expired(20, |_| false), Some((3, Timer::Head)));
        assert_eq!(timers.deadline(), Some(15));
        assert_eq!(timers.take_expired(20, |_| false), Some((1, Timer::Head)));
        assert_eq!(timers.take_expired(20, |_| false), None);
        assert_eq!(timers.deadline(), Some(100));
    }

    #[test]
    fn a_new_wait_ends_the_one_before() {
        let mut timers = timers();
        for key in 0..4 {
            timers.set(key, Timer::Head, 0);
        }
        timers.set(1, Timer::Idle, 0);
        timers.clear(3);
        timers.clear(0);
        assert_eq!(timers.take_expired(10, |_| false), Some((2, Timer::Head)));
        assert_eq!(timers.take_expired(10, |_| false), None);
        assert_eq!(timers.waits_for(1), Some(Timer::Idle));
        timers.clear(1);
        assert_eq!(timers.deadline(), None);
    }

    #[test]
    fn who_has_unread_bytes_is_left_aside() {
        let mut timers = timers();
        timers.set(0, Timer::Head, 0);
        timers.set(1, Timer::Head, 0);
        assert_eq!(timers.take_expired(10, |key| key == 0), Some((1, Timer::Head)));
        assert_eq!(timers.take_expired(10, |key| key == 0), None);
        assert_eq!(timers.take_expired(10, |_| false), Some((0, Timer::Head)));
    }

    #[test]
    fn unread_bytes_prolong_no_wait_for_the_host_and_no_end() {
        let mut timers = Timers::new(|_| Some(10));
        for (key, kind) in (0..).zip([Timer::Respond, Timer::Guard, Timer::Close, Timer::Linger]) {
            timers.set(key, kind, 0);
            assert_eq!(timers.take_expired(10, |_| true), Some((key, kind)));
        }
    }
}
