//! HTTP requests that are not Salon's own.

use std::ffi::{c_char, c_int, c_void};

use super::{
    event::salon_bytes,
    server::{command, salon_server, with},
    text::{bytes, give, text, texts},
};
use crate::{RequestId, base::error::Error};

/// # HTTP
///
/// With SALON_CONFIG_HTTP, requests that are not Salon's own come as
/// SALON_EVENT_HTTP_REQUEST, named by their `ack`.
///
/// ---
///
/// Answers a request, in that turn or later, with a `status` from 200 to 599.
/// `headers` are names and values in turn; `header_count` counts both, so it is
/// even. Content-Length, Connection and their like are written by the server.
/// Answers 1, or 0 if nobody waits any more: the client has left, the time is
/// over, or it was answered before. SALON_ERR_INVALID for what can't be sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_http_respond(
    server: *mut salon_server,
    request: u64,
    status: u32,
    headers: *const *const c_char,
    header_count: usize,
    body: *const c_void,
    body_len: usize,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let Some(request) = RequestId::from_u64(request) else {
                return Err(Error::not_found("zero is no request"));
            };
            let headers = texts(headers, header_count, "headers")?;
            if headers.len() % 2 != 0 {
                return Err(Error::invalid("headers are names and values in turn: their count is even"));
            }
            let headers: Vec<(&str, &str)> = headers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            let status = u16::try_from(status).unwrap_or_default();
            let body = bytes(body, body_len, "body")?;
            inner.server.respond(request, status, &headers, body).map(c_int::from)
        })
    }
}

/// A header of a request of the last poll; upper and lower case are the same.
/// SALON_ERR_NOT_FOUND if it has none, or if the request is older. The value
/// stays until the next poll, and may hold any bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_http_header(
    server: *mut salon_server,
    request: u64,
    name: *const c_char,
    value_out: *mut salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let name = text(name, "name")?;
            let value = inner.http_head(request)?.header(name).map(<[u8]>::to_vec);
            give(&mut inner.keeper, value.as_deref(), value_out)
        })
    }
}

/// A query parameter of such a request, decoded; as salon_http_header().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_http_query(
    server: *mut salon_server,
    request: u64,
    key: *const c_char,
    value_out: *mut salon_bytes,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let key = text(key, "key")?;
            let value = inner.http_head(request)?.query(key).map(|value| value.into_owned());
            give(&mut inner.keeper, value.as_deref().map(str::as_bytes), value_out)
        })
    }
}
