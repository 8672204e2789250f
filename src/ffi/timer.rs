//! Timers, which come as events.

use std::{ffi::c_int, time::Duration};

use super::server::{command, salon_server, with};
use super::text::put;
use crate::{TimerId, base::error::Error};

/// # Timers
///
/// ---
///
/// Raises SALON_EVENT_TIMER with `tag` after `delay_ms`, and then every
/// `interval_ms` if that is not zero. `timer_out`, if not null, gets its number,
/// which is never zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_timer_start(
    server: *mut salon_server,
    delay_ms: u32,
    interval_ms: u32,
    tag: u64,
    timer_out: *mut u64,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let millis = |ms: u32| Duration::from_millis(u64::from(ms));
            let interval = (interval_ms > 0).then(|| millis(interval_ms));
            let timer = inner.server.start_timer(millis(delay_ms), interval, tag);
            put(timer_out, timer.get());
            Ok(0)
        })
    }
}

/// Stops a timer. Those of its events that the last poll has given still come.
/// SALON_ERR_NOT_FOUND if it has fired for the last time or was stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_timer_stop(server: *mut salon_server, timer: u64) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe {
        with(server, |inner| {
            let timer = TimerId::from_u64(timer).ok_or_else(|| Error::not_found("zero is no timer"))?;
            inner.server.stop_timer(timer).map(|()| 0)
        })
    }
}
