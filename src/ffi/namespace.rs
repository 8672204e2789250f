//! Namespaces: opened, closed, configured.

use std::ffi::{c_char, c_int};

use super::{
    config::{namespace, salon_namespace_config},
    server::{command, salon_server, with},
    text::text,
};

/// # Namespaces
///
/// A namespace is what a plain WebSocket names by its URL's path and a Socket.IO
/// client by its name. "/" is open from the start, and can be guarded,
/// reconfigured and closed like any other.
///
/// ---
///
/// Opens a namespace, or gives an open one another configuration, which holds for
/// those who come from then on. Null `config` takes the defaults.
/// SALON_ERR_INVALID if the name does not begin with a slash or a subprotocol
/// can't be one, SALON_ERR_LIMIT if the name is too long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_open(
    server: *mut salon_server,
    nsp: *const c_char,
    config: *const salon_namespace_config,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe { with(server, |inner| inner.server.open(text(nsp, "nsp")?, namespace(config)?).map(|()| 0)) }
}

/// Lets namespaces whose names begin with `prefix` come about when the first
/// client asks for one, and vanish when the last has left. Guard it to choose.
/// Errors as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_open_pattern(
    server: *mut salon_server,
    prefix: *const c_char,
    config: *const salon_namespace_config,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            inner.server.open_pattern(text(prefix, "prefix")?, namespace(config)?).map(|()| 0)
        })
    }
}

/// Disconnects the clients of a namespace (each gets its DISCONNECT) and forgets
/// it. SALON_ERR_NOT_FOUND if it is not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_close(server: *mut salon_server, nsp: *const c_char) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe { command(server, |inner| inner.server.close(text(nsp, "nsp")?).map(|()| 0)) }
}
