//! The server itself: its life, its turns, namespaces, HTTP, timers, counters.

use std::{
    cell::UnsafeCell,
    ffi::{c_char, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    config::{config, namespace, salon_config, salon_namespace_config},
    error::{fail, fail_with, salon_error},
    event::{convert, salon_bytes, salon_event},
    text::{Keeper, bytes, fill, out, put, text, texts},
};
use crate::{
    Event, Events, LocalAddress, Reason, RequestId, Server, TimerId,
    base::error::{Error, Result},
};

/// The chat engine. Belongs to one thread at a time: a call while another one
/// runs answers SALON_ERR_BUSY.
#[derive(Debug)]
pub struct salon_server {
    busy: AtomicBool,
    broken: AtomicBool,
    inner: UnsafeCell<Inner>,
}

/// What a server is behind its lock.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) server: Server,
    pub(super) events: Events,
    /// The event that is taken next.
    next: usize,
    pub(super) keeper: Keeper,
    /// With room for all of a poll's, so that they do not move.
    taken: Vec<salon_event>,
    /// The host's own loop watches the descriptor.
    watched: bool,
    /// The descriptor has been made readable since the last turn.
    waked: bool,
}

impl Inner {
    fn is_drained(&self) -> bool {
        self.next >= self.events.len()
    }

    /// What was asked for outside a turn must not wait for one: the descriptor
    /// wakes by itself, once.
    fn nudge(&mut self) {
        if self.watched && !self.waked && self.is_drained() {
            self.waked = self.server.remote().wake().is_ok();
        }
    }

    fn next_event(&mut self) -> *const salon_event {
        while let Some(index) = (self.next < self.events.len()).then_some(self.next) {
            self.next += 1;
            let Some(event) = self.events.get(index) else { continue };
            let event = convert(&self.server, &mut self.keeper, &event);
            self.taken.push(event);
            return self.taken.last().map_or(ptr::null(), ptr::from_ref);
        }
        self.server.flush();
        ptr::null()
    }

    /// Does a turn, unless events are left to take. Answers how many there are.
    fn poll(&mut self, timeout: Option<Duration>) -> Result<usize> {
        if !self.is_drained() {
            self.server.flush();
            return Ok(self.events.len() - self.next);
        }
        self.keeper.clear();
        self.taken.clear();
        self.next = 0;
        self.waked = false;
        self.server.poll(&mut self.events, timeout)?;
        self.taken.reserve(self.events.len());
        Ok(self.events.len())
    }

    /// The event by which an HTTP request came, while it is still there.
    fn http_head(&self, request: u64) -> Result<&crate::Request> {
        let head = self.events.iter().find_map(|event| match event {
            Event::HttpRequest { request: found, head, .. } if found.get() == request => Some(head),
            _ => None,
        });
        head.ok_or_else(|| Error::not_found("the request is not one of the last poll's"))
    }
}

/// Frees the lock, also when a panic is caught.
struct Lock<'s>(&'s AtomicBool);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Runs one call on a server: checks the pointer, keeps others out, catches
/// panics. What `call` answers becomes the C function's answer.
pub(super) unsafe fn with(
    server: *const salon_server,
    call: impl FnOnce(&mut Inner) -> Result<c_int>,
) -> c_int {
    // SAFETY: the header demands null or a server that has not been freed.
    let Some(server) = (unsafe { server.as_ref() }) else {
        return fail_with(salon_error::SALON_ERR_INVALID, "the server is null");
    };
    if server.busy.swap(true, Ordering::Acquire) {
        let why = "another call on this server is running: it belongs to one thread at a time";
        return fail_with(salon_error::SALON_ERR_BUSY, why);
    }
    let _lock = Lock(&server.busy);
    if server.broken.load(Ordering::Relaxed) {
        return fail_with(salon_error::SALON_ERR_PANIC, "a bug in Salon was caught before; free the server");
    }
    // SAFETY: the lock is ours, so nobody else looks inside.
    let inner = unsafe { &mut *server.inner.get() };
    match catch_unwind(AssertUnwindSafe(|| call(inner))) {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => fail(&error),
        Err(_) => {
            server.broken.store(true, Ordering::Relaxed);
            fail_with(salon_error::SALON_ERR_PANIC, "a bug in Salon was caught; free the server")
        }
    }
}

/// The same for what changes something that a turn has to bring about.
pub(super) unsafe fn command(
    server: *const salon_server,
    call: impl FnOnce(&mut Inner) -> Result<c_int>,
) -> c_int {
    // SAFETY: the same contract.
    unsafe {
        with(server, |inner| {
            let answer = call(inner)?;
            inner.nudge();
            Ok(answer)
        })
    }
}

/// A count as an answer.
pub(super) fn count(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

/// Makes a server. Null `config` takes every default. Free it with
/// salon_server_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_new(
    given: *const salon_config,
    out_server: *mut *mut salon_server,
) -> c_int {
    let made = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the header demands null or a struct, and a place for the server.
        let (config, place) = unsafe { (config(given)?, out(out_server, "out")?) };
        let inner = Inner {
            server: Server::new(config)?,
            events: Events::default(),
            next: 0,
            keeper: Keeper::default(),
            taken: Vec::new(),
            watched: false,
            waked: false,
        };
        *place = Box::into_raw(Box::new(salon_server {
            busy: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            inner: UnsafeCell::new(inner),
        }));
        Ok(())
    }));
    match made {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => fail(&error),
        Err(_) => fail_with(salon_error::SALON_ERR_PANIC, "a bug in Salon was caught"),
    }
}

/// Closes everything at once and frees the server. Null is ignored. No events
/// come of it: salon_server_shutdown() and polling until SALON_EVENT_STOPPED is
/// the way by which every socket gets its DISCONNECT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_free(server: *mut salon_server) {
    if !server.is_null() {
        // SAFETY: the header demands a server that has not been freed.
        let server = unsafe { Box::from_raw(server) };
        // A panic in a drop must not cross into C.
        drop(catch_unwind(AssertUnwindSafe(|| drop(server))));
    }
}

/// Listens on "host:port", "[v6]:port" or "unix:/path". Port zero takes a free
/// one; `port_out`, if not null, tells which. May be called more than once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_listen(
    server: *mut salon_server,
    address: *const c_char,
    port_out: *mut u16,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let bound = inner.server.listen(text(address, "address")?)?;
            put(port_out, bound.port().unwrap_or_default());
            Ok(0)
        })
    }
}

/// Takes over a socket, TCP or Unix, that is bound and listens already. It is
/// the server's from then on, also if this fails.
#[cfg(unix)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_listen_fd(server: *mut salon_server, fd: c_int) -> c_int {
    use std::os::fd::{FromRawFd, OwnedFd};
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            if fd < 0 {
                return Err(Error::invalid(format!("{fd} is no descriptor")));
            }
            // SAFETY: the host hands it over.
            let socket = socket2::Socket::from(OwnedFd::from_raw_fd(fd));
            let listens =
                socket.is_listener().map_err(|error| Error::io("can't adopt the descriptor", error))?;
            if !listens {
                return Err(Error::invalid(format!("the descriptor {fd} does not listen")));
            }
            let address =
                socket.local_addr().map_err(|error| Error::io("can't adopt the descriptor", error))?;
            let _: LocalAddress = match address.is_unix() {
                true => inner.server.adopt_unix(OwnedFd::from(socket).into())?,
                false => inner.server.adopt(socket.into())?,
            };
            Ok(0)
        })
    }
}

/// Does one turn: writes, waits up to `timeout_ms` for something to do (0 does
/// not wait, SALON_FOREVER waits without end), reads, and runs timers. Answers
/// how many events are there to take, 0 also after a wake-up or a signal, or a
/// negative salon_error. Ends the life of all earlier events. While events are
/// untaken it only writes, and answers how many are left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_poll(server: *mut salon_server, timeout_ms: c_int) -> c_int {
    let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
    // SAFETY: the header's contract for the pointer.
    unsafe { with(server, |inner| inner.poll(timeout).map(count)) }
}

/// Takes the next event of the last salon_server_poll(). When none is left,
/// writes out what was sent meanwhile and answers null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_next_event(server: *mut salon_server) -> *const salon_event {
    let mut event = ptr::null();
    // SAFETY: the header's contract for the pointer.
    unsafe {
        with(server, |inner| {
            event = inner.next_event();
            Ok(0)
        })
    };
    event
}

/// Writes out what is queued, as far as the network takes it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_flush(server: *mut salon_server) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe {
        with(server, |inner| {
            inner.server.flush();
            Ok(0)
        })
    }
}

/// Says goodbye to every client and stops listening; SALON_EVENT_STOPPED comes
/// when all are gone, at the latest after `grace_ms`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_shutdown(server: *mut salon_server, grace_ms: u32) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe {
        command(server, |inner| {
            inner.server.shutdown_within(Duration::from_millis(u64::from(grace_ms)));
            Ok(0)
        })
    }
}

/// A descriptor for the host's own loop: call salon_server_poll(server, 0) and
/// take all events when it is readable. It stays readable while there is
/// something to do, stays the same for life, and wakes by itself after a
/// command outside a turn. Do not read or close it. -1 where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_fd(server: *mut salon_server) -> c_int {
    #[cfg(unix)]
    // SAFETY: the header's contract for the pointer.
    unsafe {
        with(server, |inner| {
            inner.watched = true;
            Ok(std::os::fd::AsRawFd::as_raw_fd(&inner.server))
        })
    }
    #[cfg(not(unix))]
    {
        let _ = server;
        -1
    }
}

/// How long the host's loop may sleep before it calls
/// salon_server_poll(server, 0) unasked: 0 while events are untaken or bytes
/// wait to be offered, SALON_FOREVER if only the descriptor matters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_timeout_ms(server: *const salon_server) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe {
        with(server, |inner| {
            if !inner.is_drained() {
                return Ok(0);
            }
            // Rounded up: a loop that wakes too early would only turn for nothing.
            let millis =
                |timeout: Duration| c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
            Ok(inner.server.timeout().map_or(super::SALON_FOREVER, millis))
        })
    }
}

/// Opens a namespace, or gives an open one another configuration; null takes
/// the defaults. "/" is open from the start and can be reconfigured and closed
/// like any other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_open(
    server: *mut salon_server,
    nsp: *const c_char,
    given: *const salon_namespace_config,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe { with(server, |inner| inner.server.open(text(nsp, "nsp")?, namespace(given)?).map(|()| 0)) }
}

/// Lets namespaces that begin with `prefix` come about when the first client
/// asks for one, and vanish when the last has left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_open_pattern(
    server: *mut salon_server,
    prefix: *const c_char,
    given: *const salon_namespace_config,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            inner.server.open_pattern(text(prefix, "prefix")?, namespace(given)?).map(|()| 0)
        })
    }
}

/// Disconnects its clients and forgets it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_namespace_close(server: *mut salon_server, nsp: *const c_char) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe { command(server, |inner| inner.server.close(text(nsp, "nsp")?).map(|()| 0)) }
}

/// Answers a SALON_EVENT_HTTP_REQUEST, named by its `ack`. `headers` are names
/// and values in turn, `header_count` of both together. Content-Length and its
/// like are written by the server. Answers 1, or 0 if nobody waits any more.
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

/// A header of an HTTP request of the last poll, named by its event's `ack`.
/// SALON_ERR_NOT_FOUND if it has none. Stays until the next poll.
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

/// A query parameter of such a request, decoded.
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

/// Hands a text out, with a NUL behind it.
pub(super) unsafe fn give(
    keeper: &mut Keeper,
    value: Option<&[u8]>,
    place: *mut salon_bytes,
) -> Result<c_int> {
    // SAFETY: the header demands a place for the answer.
    let place = unsafe { out(place, "out") }?;
    let value = value.ok_or_else(|| Error::not_found("there is no such value"))?;
    *place = salon_bytes { ptr: keeper.keep(value).cast(), len: value.len() };
    Ok(0)
}

/// Raises SALON_EVENT_TIMER with `tag` after `delay_ms`, then every
/// `interval_ms` if that is not zero. `timer_out` may be null.
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

/// Stops a timer. No event of it comes after those of the last poll.
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

/// Counters since the start, and gauges of now.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_stats {
    /// Always `sizeof(salon_stats)`, set by the caller.
    pub size: usize,
    /// Open connections.
    pub connections: u64,
    /// Sessions.
    pub sessions: u64,
    /// Sockets that are in a namespace.
    pub sockets: u64,
    /// Namespaces.
    pub namespaces: u64,
    /// Rooms.
    pub rooms: u64,
    /// Bytes that wait in send queues, counted for every receiver.
    pub queued_bytes: u64,
    /// Memory of all queues and partial messages.
    pub memory_bytes: u64,
    /// Connections taken since the start.
    pub accepted: u64,
    /// Messages received.
    pub messages_in: u64,
    /// Messages queued, counted for every receiver.
    pub messages_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// HTTP requests that were no handshakes.
    pub requests: u64,
    /// Messages that could not be taken.
    pub exceptions: u64,
    /// Volatile messages left out.
    pub dropped_volatile: u64,
    /// Messages dropped because a send queue was full.
    pub dropped_full: u64,
    /// Malformed requests and handshakes.
    pub refused_malformed: u64,
    /// Handshakes of other origins.
    pub refused_origin: u64,
    /// Handshakes for unknown namespaces.
    pub refused_namespace: u64,
    /// Handshakes without a subprotocol in common.
    pub refused_subprotocol: u64,
    /// Handshakes that the guard rejected.
    pub refused_guard: u64,
    /// Requests and handshakes that took too long.
    pub refused_timeout: u64,
    /// Times that accepting paused.
    pub accept_pauses: u64,
    /// Sockets that are gone, by salon_reason.
    pub disconnects: [u64; 15],
}

/// Fills `out`, of which the caller has set `size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_stats(
    server: *const salon_server,
    stats_out: *mut salon_stats,
) -> c_int {
    // SAFETY: the header's contract for each pointer.
    unsafe {
        with(server, |inner| {
            let stats = inner.server.stats();
            let stats = salon_stats {
                size: 0,
                connections: stats.connections,
                sessions: stats.sessions,
                sockets: stats.sockets,
                namespaces: stats.namespaces,
                rooms: stats.rooms,
                queued_bytes: stats.queued_bytes,
                memory_bytes: stats.memory_bytes,
                accepted: stats.accepted,
                messages_in: stats.messages_in,
                messages_out: stats.messages_out,
                bytes_in: stats.bytes_in,
                bytes_out: stats.bytes_out,
                requests: stats.requests,
                exceptions: stats.exceptions,
                dropped_volatile: stats.dropped_volatile,
                dropped_full: stats.dropped_full,
                refused_malformed: stats.refused_malformed,
                refused_origin: stats.refused_origin,
                refused_namespace: stats.refused_namespace,
                refused_subprotocol: stats.refused_subprotocol,
                refused_guard: stats.refused_guard,
                refused_timeout: stats.refused_timeout,
                accept_pauses: stats.accept_pauses,
                disconnects: Reason::ALL.map(|reason| stats.disconnects(reason)),
            };
            fill(stats_out, stats, size_of::<usize>(), "salon_stats").map(|()| 0)
        })
    }
}
