//! The mailbox of other threads: what they want done on the server's thread,
//! in the order in which they asked.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use mio::Waker;

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        limits::ERRANDS_PER_TURN_BYTES,
    },
    engine::Engine,
};

/// Something to be done by the server's thread.
pub(crate) type Errand = Box<dyn FnOnce(&mut Engine) + Send>;

/// What an errand costs beside the bytes that it carries.
const ERRAND_COST: usize = 64;

/// The mailbox, shared by the server and its remotes.
pub(crate) struct Mailbox {
    waker: Waker,
    /// The server has been waked and has not looked yet.
    waked: AtomicBool,
    /// The server is gone.
    closed: AtomicBool,
    inner: Mutex<Inner>,
    limit: usize,
    /// Errands for which there was no room.
    refused: AtomicU64,
}

#[derive(Default)]
struct Inner {
    /// Each with its weight.
    errands: VecDeque<(usize, Errand)>,
    bytes: usize,
}

impl Mailbox {
    pub(super) fn new(waker: Waker, limit: u32) -> Self {
        Self {
            waker,
            waked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            inner: Mutex::default(),
            limit: if limit == crate::base::limits::UNLIMITED { usize::MAX } else { limit as usize },
            refused: AtomicU64::new(0),
        }
    }

    /// Makes a waiting poll return. Several calls may wake it once.
    /// Takes no lock, so that a signal handler may call it.
    pub(crate) fn wake(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(gone());
        }
        if self.waked.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.waker.wake().map_err(|error| Error::io("can't wake the server", error))
    }

    /// Leaves an errand that carries so many bytes.
    pub(crate) fn post(&self, bytes: usize, errand: Errand) -> Result<()> {
        {
            let mut inner = self.inner();
            if self.closed.load(Ordering::Acquire) {
                return Err(gone());
            }
            let weight = bytes.saturating_add(ERRAND_COST);
            let total = inner.bytes.saturating_add(weight);
            if total > self.limit && !inner.errands.is_empty() {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(Error::limit(format!(
                    "the mailbox holds {} bytes and may hold {}; the server's thread is behind",
                    inner.bytes, self.limit
                )));
            }
            inner.bytes = total;
            inner.errands.push_back((weight, errand));
        }
        self.wake()
    }

    /// How many errands were refused because there was no room.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Does errands, up to a measure, so that threads which never stop do not
    /// keep clients from being heard. Answers whether there are more.
    /// After each, `relieve` may offer to the kernel what was said.
    pub(super) fn deliver(&self, engine: &mut Engine, mut relieve: impl FnMut(&mut Engine)) -> bool {
        if !self.waked.swap(false, Ordering::AcqRel) {
            return false;
        }
        let mut taken = Vec::new();
        let has_more = {
            let mut inner = self.inner();
            let mut left = ERRANDS_PER_TURN_BYTES;
            while left > 0
                && let Some((weight, errand)) = inner.errands.pop_front()
            {
                inner.bytes -= weight;
                left = left.saturating_sub(weight);
                taken.push(errand);
            }
            !inner.errands.is_empty()
        };
        for errand in taken {
            errand(engine);
            relieve(engine);
        }
        if has_more {
            self.waked.store(true, Ordering::Release);
        }
        has_more
    }

    /// The server goes: nobody can leave anything any more.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        self.closed.store(true, Ordering::Release);
        inner.errands.clear();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic is done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Closed, "the server is gone")
}
