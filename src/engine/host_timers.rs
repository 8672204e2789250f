//! Timers of the host's: as many as it likes, each as long as it likes.

use std::collections::{BTreeSet, HashMap};

use crate::base::{
    Millis,
    id::{Generation, TimerId},
};

/// What a timer does when it fires.
#[derive(Debug)]
struct Timer {
    deadline: Millis,
    interval_ms: Option<u64>,
    tag: u64,
}

/// All timers of the host.
#[derive(Debug)]
pub(crate) struct HostTimers {
    timers: HashMap<TimerId, Timer>,
    deadlines: BTreeSet<(Millis, TimerId)>,
    next: u32,
    generation: Generation,
}

impl Default for HostTimers {
    fn default() -> Self {
        Self { timers: HashMap::new(), deadlines: BTreeSet::new(), next: 0, generation: Generation::FIRST }
    }
}

impl HostTimers {
    /// Starts a timer; with an interval it fires again and again.
    pub(crate) fn start(&mut self, deadline: Millis, interval_ms: Option<u64>, tag: u64) -> TimerId {
        let id = TimerId::new(self.next, self.generation);
        self.next = self.next.wrapping_add(1);
        if self.next == 0 {
            self.generation = self.generation.next();
        }
        // A repeating timer without a pause would never let a turn end.
        let interval_ms = interval_ms.map(|interval| interval.max(1));
        self.timers.insert(id, Timer { deadline, interval_ms, tag });
        self.deadlines.insert((deadline, id));
        id
    }

    /// Stops a timer; `false` if there is none.
    pub(crate) fn stop(&mut self, id: TimerId) -> bool {
        let timer = self.timers.remove(&id);
        timer.is_some_and(|timer| self.deadlines.remove(&(timer.deadline, id)))
    }

    pub(crate) fn deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// The next timer that has fired, and its tag. One that repeats and was
    /// missed several times fires once, and goes on from now.
    pub(crate) fn take_expired(&mut self, now: Millis) -> Option<(TimerId, u64)> {
        let &(deadline, id) = self.deadlines.first().filter(|(due, _)| *due <= now)?;
        self.deadlines.remove(&(deadline, id));
        let timer = self.timers.get_mut(&id)?;
        let tag = timer.tag;
        match timer.interval_ms {
            Some(interval) => {
                timer.deadline = deadline.saturating_add(interval).max(now.saturating_add(1));
                self.deadlines.insert((timer.deadline, id));
            }
            None => {
                self.timers.remove(&id);
            }
        }
        Some((id, tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_once_or_again_and_again() {
        let mut timers = HostTimers::default();
        let once = timers.start(20, None, 1);
        let again = timers.start(10, Some(10), 2);
        assert_eq!(timers.deadline(), Some(10));
        assert_eq!(timers.take_expired(9), None);
        assert_eq!(timers.take_expired(20), Some((again, 2)));
        assert_eq!(timers.take_expired(20), Some((once, 1)));
        // The second firing, due at 20, was missed by now and is not doubled.
        assert_eq!(timers.take_expired(50), Some((again, 2)));
        assert_eq!(timers.take_expired(50), None);
        assert!(timers.stop(again));
        assert!(!timers.stop(once));
        assert_eq!(timers.deadline(), None);
    }
    #[test]
    fn an_endless_interval_never_comes_round() {
        let mut timers = HostTimers::default();
        let timer = timers.start(7, Some(u64::MAX), 1);
        assert_eq!(timers.take_expired(7), Some((timer, 1)));
        assert_eq!(timers.take_expired(1 << 60), None);
        assert!(timers.stop(timer));
    }
}
