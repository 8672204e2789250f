//! Faults of system calls, for tests: a plan that says which call fails, and how.
//! What the kernel would do next is the test's to do: behind a call that says
//! `WouldBlock`, or a short one, it owes an edge.

use std::{
    cell::Cell,
    io::{self, ErrorKind, IoSlice},
};

thread_local! {
    /// The state of the dice; none without a plan.
    static PLAN: Cell<Option<u64>> = const { Cell::new(None) };
    /// Connections that were reset.
    static RESETS: Cell<usize> = const { Cell::new(0) };
    static FAULTS: Cell<usize> = const { Cell::new(0) };
}

/// Begins a plan for this thread, or ends it.
pub(super) fn plan(seed: Option<u64>) {
    PLAN.set(seed.map(|seed| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    RESETS.set(0);
    FAULTS.set(0);
}

/// Connections that were reset, and faults of all kinds.
pub(super) fn counts() -> (usize, usize) {
    (RESETS.get(), FAULTS.get())
}

fn below(end: u64) -> Option<u64> {
    let state = PLAN.get()?.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    PLAN.set(Some(state));
    Some((state >> 33) % end)
}

fn fault<E: Into<io::Error>>(error: E) -> io::Error {
    FAULTS.set(FAULTS.get() + 1);
    error.into()
}

fn reset() -> io::Error {
    RESETS.set(RESETS.get() + 1);
    fault(ErrorKind::ConnectionReset)
}

pub(super) fn read() -> Option<io::Error> {
    match below(400)? {
        0 => Some(reset()),
        1..60 => Some(fault(ErrorKind::WouldBlock)),
        60..120 => Some(fault(ErrorKind::Interrupted)),
        _ => None,
    }
}

/// How many bytes are taken, if not all.
pub(super) fn send(pieces: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    match below(400)? {
        0 => Some(Err(reset())),
        1..60 => Some(Err(fault(ErrorKind::WouldBlock))),
        60..120 => Some(Err(fault(ErrorKind::Interrupted))),
        120..240 if length > 1 => {
            FAULTS.set(FAULTS.get() + 1);
            Some(Ok(1 + below(length as u64 - 1)? as usize))
        }
        _ => None,
    }
}

pub(super) fn accept() -> Option<io::Error> {
    match below(60)? {
        0 => Some(fault(io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()))),
        1..5 => Some(fault(ErrorKind::ConnectionAborted)),
        5..15 => Some(fault(ErrorKind::Interrupted)),
        _ => None,
    }
}

pub(super) fn wait() -> Option<io::Error> {
    (below(20)? == 0).then(|| fault(ErrorKind::Interrupted))
}
