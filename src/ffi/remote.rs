//! A door to a server for other threads.

use std::{
    ffi::{c_char, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::{
    audience::{Said, To, salon_audience, salon_message},
    error::{fail, fail_with, salon_error},
    event::salon_socket_id,
    server::{salon_server, with},
    socket::{data, id, salon_send_flag},
    text::{bytes, out, text},
};
use crate::{
    Remote,
    base::error::{Error, Result},
};

/// A door to a server that other threads may use. It may outlive the server:
/// then its calls answer SALON_ERR_CLOSED.
#[derive(Debug)]
pub struct salon_remote(Remote);

unsafe fn through(remote: *const salon_remote, call: impl FnOnce(&Remote) -> Result<()>) -> c_int {
    // SAFETY: the header demands null or a remote that has not been freed.
    let Some(remote) = (unsafe { remote.as_ref() }) else {
        return fail_with(salon_error::SALON_ERR_INVALID, "the remote is null");
    };
    match catch_unwind(AssertUnwindSafe(|| call(&remote.0))) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => fail(&error),
        Err(_) => fail_with(salon_error::SALON_ERR_PANIC, "a bug in Salon was caught"),
    }
}

/// # Other threads
///
/// A remote carries what it is told to the server's thread, where it takes effect
/// in order at the next turn; a sleeping poll is waked. All of these except
/// salon_remote_new() may be called from any thread, also on one remote at once.
/// They answer SALON_ERR_CLOSED if the server is gone and SALON_ERR_LIMIT if its
/// mailbox is full (salon_config.mailbox_bytes). What only the server's thread
/// can know, such as that a socket has left, is no error here.
///
/// ---
///
/// Makes a remote, on the server's thread. Free it with salon_remote_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_new(
    server: *mut salon_server,
    remote_out: *mut *mut salon_remote,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            // First the place: an assignment would make the door before it looks there.
            let place = out(remote_out, "remote_out")?;
            *place = Box::into_raw(Box::new(salon_remote(inner.server.remote())));
            Ok(0)
        })
    }
}

/// Frees a remote, before or after its server. Null is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_free(remote: *mut salon_remote) {
    if !remote.is_null() {
        // SAFETY: the header demands a remote that has not been freed.
        drop(unsafe { Box::from_raw(remote) });
    }
}

/// Makes a sleeping salon_server_poll() return; many calls may wake it once.
/// Async-signal-safe: the one function that a signal handler may call. So its
/// errors do not change salon_last_error().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_wake(remote: *const salon_remote) -> c_int {
    // No sentence is kept: in a signal handler nothing may be allocated.
    // SAFETY: the header demands null or a remote that has not been freed.
    let waked = unsafe { remote.as_ref() }.map(|remote| remote.0.wake());
    waked.map_or(salon_error::SALON_ERR_INVALID as c_int, |waked| {
        waked.map_or_else(|error| salon_error::of(error.kind()), |()| 0)
    })
}

/// Hands the server's thread a number and a copy of some bytes, which it gets as
/// SALON_EVENT_POST.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_post(
    remote: *const salon_remote,
    tag: u64,
    message: *const c_void,
    len: usize,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe { through(remote, |remote| remote.post(tag, bytes(message, len, "data")?)) }
}

/// Like salon_server_emit(), without answers: a message with ack_timeout_ms is
/// SALON_ERR_INVALID. Answers 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_emit(
    remote: *const salon_remote,
    to: *const salon_audience,
    message: *const salon_message,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        through(remote, |remote| {
            let (to, said) = (To::read(to)?, Said::read(message)?);
            if said.asks() {
                return Err(Error::invalid("a remote can't wait for answers: ack_timeout_ms must be 0"));
            }
            let mut audience = audience(remote, &to);
            if said.volatile {
                audience = audience.volatile();
            }
            audience.emit(said.name, said.payload())
        })
    }
}

/// Like salon_server_send(). Answers 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_send(
    remote: *const salon_remote,
    to: *const salon_audience,
    message: *const c_void,
    len: usize,
    flags: u32,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        through(remote, |remote| {
            let (to, message) = (To::read(to)?, data(message, len, flags)?);
            let mut audience = audience(remote, &to);
            if flags & salon_send_flag::SALON_SEND_VOLATILE as u32 != 0 {
                audience = audience.volatile();
            }
            audience.send(message)
        })
    }
}

fn audience<'r>(remote: &'r Remote, to: &To<'_>) -> crate::RemoteAudience<'r> {
    let mut audience = to.nsp.map_or_else(|| remote.to_all(), |nsp| remote.to(nsp));
    for room in &to.rooms {
        audience = audience.room(room);
    }
    for room in &to.except_rooms {
        audience = audience.except_room(room);
    }
    for socket in &to.sockets {
        audience = audience.socket(*socket);
    }
    for socket in &to.except_sockets {
        audience = audience.except(*socket);
    }
    audience
}

/// Lets a waiting client in, with your pointer for it; null keeps the one that it
/// has. Whether it has left meanwhile is not known here: a pointer that must not
/// be lost is better set by salon_socket_set_user() at its CONNECT_REQUEST.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_accept(
    remote: *const salon_remote,
    socket: salon_socket_id,
    user: *mut c_void,
) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe { through(remote, |remote| remote.accept(id(socket)?, user as usize as u64)) }
}

/// Turns a waiting client away; see salon_socket_reject().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_reject(
    remote: *const salon_remote,
    socket: salon_socket_id,
    status: u32,
    message: *const c_char,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        through(remote, |remote| {
            remote.reject(id(socket)?, u16::try_from(status).unwrap_or_default(), text(message, "message")?)
        })
    }
}

/// Disconnects a client from its namespace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_disconnect(
    remote: *const salon_remote,
    socket: salon_socket_id,
) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe { through(remote, |remote| remote.disconnect(id(socket)?)) }
}

/// Like salon_server_shutdown(): who is not gone after `grace_ms` is cut off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_shutdown_within(remote: *const salon_remote, grace_ms: u32) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe { through(remote, |remote| remote.shutdown_within(Duration::from_millis(u64::from(grace_ms)))) }
}

/// Shuts the server down; its clients have salon_config.close_timeout_ms to go.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_remote_shutdown(remote: *const salon_remote) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe { through(remote, Remote::shutdown) }
}
