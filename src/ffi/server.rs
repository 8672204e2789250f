//! The server itself: its life, its turns, namespaces, HTTP, timers, counters.

use std::{
    cell::UnsafeCell,
    ffi::{c_char, c_int},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    config::{config as config_of, salon_config},
    error::{fail, fail_with, salon_error},
    event::{convert, salon_event},
    text::{Keeper, fill, out, put, text},
};
use crate::{
    Event, Events, Limit, LocalAddress, Reason, Server,
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
    /// From a poll with events until the host has come to their end, or asks
    /// how long it may sleep.
    in_turn: bool,
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
        if self.watched && !self.waked && !self.in_turn {
            self.waked = self.server.remote().wake().is_ok();
        }
    }

    fn next_event(&mut self) -> *const salon_event {
        while let Some(index) = (self.next < self.events.len()).then_some(self.next) {
            self.next += 1;
            // By reference: to move one costs as much as to convert it.
            let Some(event) = &self.events.get(index) else { continue };
            let event = convert(&self.server, &mut self.keeper, event);
            self.taken.push(event);
            return self.taken.last().map_or(ptr::null(), ptr::from_ref);
        }
        self.in_turn = false;
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
        let polled = self.server.poll(&mut self.events, timeout);
        self.taken.reserve(self.events.len());
        self.in_turn = !self.is_drained();
        polled.map(|()| self.events.len())
    }

    /// The event by which an HTTP request came, while it is still there.
    pub(super) fn http_head(&self, request: u64) -> Result<&crate::Request> {
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

/// # Server
///
/// A server does its work in salon_server_poll(), on the thread that calls it.
/// Every function that takes a server answers SALON_ERR_INVALID for a null one,
/// SALON_ERR_BUSY while another thread is in a call on it, and SALON_ERR_PANIC
/// once a bug in Salon was caught in it; then it can only be freed.
///
/// ---
///
/// Makes a server that listens nowhere yet, with "/" open. Null `config` takes
/// every default. SALON_ERR_INVALID for a configuration that can't be right,
/// SALON_ERR_IO if the system gives no event queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_new(
    config: *const salon_config,
    server_out: *mut *mut salon_server,
) -> c_int {
    let made = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the header demands null or a struct, and a place for the server.
        let (config, place) = unsafe { (config_of(config)?, out(server_out, "server_out")?) };
        let inner = Inner {
            server: Server::new(config)?,
            events: Events::default(),
            next: 0,
            in_turn: false,
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

/// Closes everything at once and frees the server with all that it has handed
/// out; remotes stay valid. Null is ignored. Nothing is told: to get a DISCONNECT
/// for every socket, call salon_server_shutdown() and poll until
/// SALON_EVENT_STOPPED before. While another thread is in a call on the server
/// nothing is freed, and salon_last_error() says so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_free(server: *mut salon_server) {
    if !server.is_null() {
        // SAFETY: the header demands a server that has not been freed.
        if unsafe { &*server }.busy.swap(true, Ordering::Acquire) {
            let why = "another call on this server is running: it was not freed";
            fail_with(salon_error::SALON_ERR_BUSY, why);
            return;
        }
        // SAFETY: the same, and the lock is ours.
        let server = unsafe { Box::from_raw(server) };
        // A panic in a drop must not cross into C.
        drop(catch_unwind(AssertUnwindSafe(|| drop(server))));
    }
}

/// Listens on "host:port", "[v6]:port" or "unix:/path". Port zero takes a free
/// one; `port_out`, if not null, tells which. May be called more than once.
/// SALON_ERR_INVALID for a malformed address, SALON_ERR_IO if it is taken or not
/// of this machine.
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

/// Takes over a socket, TCP or Unix, that is bound and listens already, say one
/// from a service manager. It is the server's from then on, also if this fails.
/// Not on Windows.
#[cfg(unix)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_listen_fd(server: *mut salon_server, fd: c_int) -> c_int {
    use std::os::fd::{FromRawFd, OwnedFd};
    // SAFETY: the host hands it over; it is closed whatever becomes of the call.
    let given = (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) });
    // SAFETY: the header's contract for each pointer.
    unsafe {
        command(server, |inner| {
            let given = given.ok_or_else(|| Error::invalid(format!("{fd} is no descriptor")))?;
            let socket = socket2::Socket::from(given);
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

/// Does one turn: writes what was said, waits up to `timeout_ms` for something to
/// do (0 does not wait, SALON_FOREVER waits without end), reads, runs deadlines.
/// Answers how many events there are to take. There may be none, also before the
/// time is over: a wake-up, a signal, a ping.
///
/// Ends the life of all earlier events and texts, and of the ids of sockets whose
/// DISCONNECT was among them. But while events are untaken it starts no turn: it
/// writes, answers how many are left, and all that was handed out stays. So a
/// loop that stops half-way loses nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_poll(server: *mut salon_server, timeout_ms: c_int) -> c_int {
    let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
    // SAFETY: the header's contract for the pointer.
    unsafe { with(server, |inner| inner.poll(timeout).map(count)) }
}

/// Takes the next event of the last salon_server_poll(). When none is left,
/// writes out what was said meanwhile and answers null; so take them all. A
/// server that is busy or broken answers null too, and the next poll says why.
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

/// Writes out what was said, as far as the network takes it. Seldom needed: the
/// end of the events and every poll do it.
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

/// Stops listening and says goodbye to every client: close code 1001, or
/// Engine.IO's close to who is on polling. More than some hundreds are told in
/// batches over half of `grace_ms`, at most five seconds, so that they do not all
/// knock at the next server at once; until then they go on as ever. What was said
/// before is still delivered; who is not gone after `grace_ms` is cut off. Go on
/// polling: each socket gets its DISCONNECT, and SALON_EVENT_STOPPED comes behind
/// the last. Timers and posts of yours go on.
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

/// For a loop of your own: watch this descriptor for readability, and when it is
/// readable or salon_server_timeout_ms() is over, call salon_server_poll(server, 0)
/// and take all events.
///
/// It stays the same for life and is level-triggered: readable while there is
/// something to do. After a command outside a turn (an emit from another handler
/// of your loop, a timer started there) it becomes readable by itself, so nothing
/// waits for the next client. Do not read or close it. -1 where there is
/// none (Windows).
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

/// How long your loop may sleep before it calls salon_server_poll(server, 0)
/// unasked: 0 while events are untaken or something waits to be done or written,
/// SALON_FOREVER if only the descriptor matters. Ask anew each time before
/// sleeping.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn salon_server_timeout_ms(server: *const salon_server) -> c_int {
    // SAFETY: the header's contract for the pointer.
    unsafe {
        with(server, |inner| {
            if !inner.is_drained() {
                return Ok(0);
            }
            // Who asks is about to sleep, also without having heard that no
            // event is left.
            inner.in_turn = false;
            // Rounded up: a loop that wakes too early would only turn for nothing.
            let millis =
                |timeout: Duration| c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
            Ok(inner.server.timeout().map_or(super::SALON_FOREVER, millis))
        })
    }
}

/// A limit that clients can meet: a field of salon_config by its name. What they
/// are told follows.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_limit {
    /// head_bytes: 431.
    SALON_LIMIT_HEAD_BYTES = 0,
    /// header_lines: 431.
    SALON_LIMIT_HEADER_LINES = 1,
    /// target_bytes: 414.
    SALON_LIMIT_TARGET_BYTES = 2,
    /// head_timeout_ms: 408, or the connection is closed if nothing has come.
    SALON_LIMIT_HEAD_TIMEOUT = 3,
    /// body_timeout_ms: 408.
    SALON_LIMIT_BODY_TIMEOUT = 4,
    /// idle_timeout_ms: the connection is closed.
    SALON_LIMIT_IDLE_TIMEOUT = 5,
    /// response_timeout_ms: 503.
    SALON_LIMIT_RESPONSE_TIMEOUT = 6,
    /// message_bytes: close code 1009, or 413.
    SALON_LIMIT_MESSAGE_BYTES = 7,
    /// message_fragments: close code 1008.
    SALON_LIMIT_MESSAGE_FRAGMENTS = 8,
    /// close_timeout_ms: the connection is cut.
    SALON_LIMIT_CLOSE_TIMEOUT = 9,
    /// queue_bytes: close code 1013, or the message is dropped.
    SALON_LIMIT_QUEUE_BYTES = 10,
    /// memory_bytes: close code 1013 if it fits.
    SALON_LIMIT_MEMORY_BYTES = 11,
    /// ping_timeout_ms: close code 1011.
    SALON_LIMIT_PING_TIMEOUT = 12,
    /// connect_timeout_ms: 503, CONNECT_ERROR, or the session is closed.
    SALON_LIMIT_CONNECT_TIMEOUT = 13,
    /// upgrade_timeout_ms: the probe is closed, polling goes on.
    SALON_LIMIT_UPGRADE_TIMEOUT = 14,
    /// attachment_timeout_ms: the session is closed.
    SALON_LIMIT_ATTACHMENT_TIMEOUT = 15,
    /// drop_timeout_ms: the session is forgotten.
    SALON_LIMIT_DROP_TIMEOUT = 16,
    /// unclaimed_sessions: the oldest goes, or 503.
    SALON_LIMIT_UNCLAIMED_SESSIONS = 17,
    /// sessions: 503.
    SALON_LIMIT_SESSIONS = 18,
    /// namespaces: CONNECT_ERROR.
    SALON_LIMIT_NAMESPACES = 19,
    /// waiting_bytes: CONNECT_ERROR to a Socket.IO client; a plain one is not read.
    SALON_LIMIT_WAITING_BYTES = 20,
    /// acks_owed: the oldest question is forgotten.
    SALON_LIMIT_ACKS_OWED = 21,
    /// acks_awaited: the oldest question fails.
    SALON_LIMIT_ACKS_AWAITED = 22,
    /// attachments: the session is closed, or exception.
    SALON_LIMIT_ATTACHMENTS = 23,
    /// payload_packets: 400, and the session is closed.
    SALON_LIMIT_PAYLOAD_PACKETS = 24,
    /// name_bytes: 404, CONNECT_ERROR, exception, or the session is closed.
    SALON_LIMIT_NAME_BYTES = 25,
    /// json_depth: the session is closed, or exception.
    SALON_LIMIT_JSON_DEPTH = 26,
    /// connections: who comes then waits at the door. Counts each time that the
    /// last place was taken and somebody waited.
    SALON_LIMIT_CONNECTIONS = 27,
    /// client_events_per_s: close code 1008; to a Socket.IO client DISCONNECT before it.
    SALON_LIMIT_CLIENT_EVENTS = 28,
    /// address_connections: 429.
    SALON_LIMIT_ADDRESS_CONNECTIONS = 29,
    /// address_connects_per_min: 429.
    SALON_LIMIT_ADDRESS_CONNECTS = 30,
    /// address_sessions: 429.
    SALON_LIMIT_ADDRESS_SESSIONS = 31,
    /// address_handshakes_per_min: 429, or CONNECT_ERROR.
    SALON_LIMIT_ADDRESS_HANDSHAKES = 32,
    /// mailbox_bytes: SALON_ERR_LIMIT to the thread that posts.
    SALON_LIMIT_MAILBOX_BYTES = 33,
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
    /// Messages dropped because a send queue was full. With SALON_OVERFLOW_DROP
    /// each is told by SALON_EVENT_DRAIN, when there is room again or its socket
    /// leaves.
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
    /// Times that accepting paused, with clients at the door.
    pub accept_pauses: u64,
    /// Sockets that are gone, by salon_reason; the rest is for reasons to come.
    pub disconnects: [u64; 32],
    /// How often each limit was met, by salon_limit; the rest is for limits to
    /// come.
    pub breaches: [u64; 64],
}

const _: () = assert!(Limit::MailboxBytes as usize == salon_limit::SALON_LIMIT_MAILBOX_BYTES as usize);

/// What was counted of each kind, by its number.
fn counted<K: Copy, const N: usize>(kinds: &[K], count: impl Fn(K) -> u64) -> [u64; N] {
    std::array::from_fn(|number| kinds.get(number).map_or(0, |kind| count(*kind)))
}

/// Fills as much of `stats_out` as the `size` that the caller has set in it.
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
                disconnects: counted(&Reason::ALL, |reason| stats.disconnects(reason)),
                breaches: counted(&Limit::ALL, |limit| stats.breaches(limit)),
            };
            fill(stats_out, stats, "salon_stats").map(|()| 0)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::{ffi::CStr, sync::mpsc, thread};

    use super::*;
    use crate::ffi::{
        SALON_FOREVER, salon_last_error, salon_remote_free, salon_remote_new, salon_remote_wake,
        salon_strerror,
    };

    struct Shared(*mut salon_server);
    // SAFETY: what the test is about is that the lock holds.
    unsafe impl Send for Shared {}

    fn made() -> *mut salon_server {
        let mut server = ptr::null_mut();
        // SAFETY: null takes the defaults.
        assert_eq!(unsafe { salon_server_new(ptr::null(), &raw mut server) }, 0);
        server
    }

    fn sentence() -> String {
        // SAFETY: never null.
        unsafe { CStr::from_ptr(salon_last_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn server_in_which_a_bug_was_caught_answers_panic_and_can_be_freed() {
        let server = made();
        let mut remote = ptr::null_mut();
        let broken = salon_error::SALON_ERR_PANIC as c_int;
        // SAFETY: the server lives until it is freed, the remote beyond.
        unsafe {
            assert_eq!(salon_remote_new(server, &raw mut remote), 0);
            std::panic::set_hook(Box::new(|_| {}));
            let answer = with(server, |_| panic!("a bug"));
            let _ = std::panic::take_hook();
            assert_eq!((answer, &*sentence()), (broken, "a bug in Salon was caught; free the server"));
            assert_eq!(salon_server_poll(server, 0), broken);
            assert_eq!(sentence(), "a bug in Salon was caught before; free the server");
            assert!(salon_server_next_event(server).is_null());
            assert_eq!(salon_server_fd(server), broken);
            assert_eq!(CStr::from_ptr(salon_strerror(broken)), c"internal error");
            salon_server_free(server);
            assert_eq!(salon_remote_wake(remote), salon_error::SALON_ERR_CLOSED as c_int);
            salon_remote_free(remote);
        }
    }

    #[test]
    fn second_thread_is_told_that_the_server_is_busy_and_frees_nothing() {
        let server = made();
        let (begun, wait) = mpsc::channel();
        let (ended, end) = mpsc::channel::<()>();
        let shared = Shared(server);
        let other = thread::spawn(move || {
            let shared = shared;
            // SAFETY: the server lives until this thread has ended.
            let answer = unsafe {
                with(shared.0, |_| {
                    begun.send(()).unwrap();
                    end.recv().unwrap();
                    Ok(7)
                })
            };
            assert_eq!(answer, 7);
        });
        wait.recv().unwrap();
        let busy = salon_error::SALON_ERR_BUSY as c_int;
        // SAFETY: the server lives; this is the misuse that the lock is for.
        unsafe {
            assert_eq!(salon_server_poll(server, SALON_FOREVER), busy);
            assert!(sentence().contains("one thread at a time"), "{}", sentence());
            assert!(salon_server_next_event(server).is_null());
            salon_server_free(server);
            assert!(sentence().contains("not freed"), "{}", sentence());
            ended.send(()).unwrap();
            other.join().unwrap();
            assert_eq!(salon_server_poll(server, 0), 0);
            salon_server_free(server);
        }
    }
}
