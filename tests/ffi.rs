//! The C API as a C program meets it: the rules of `include/salon.h`, over real
//! sockets. What only a compiler of C can tell is not here.
#![cfg(unix)]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "a C API; each test keeps the header's rules"
)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    net::TcpStream,
    ptr, slice, thread,
    time::Instant,
};

use common::{Client, LONG};
use salon::ffi::{
    salon_config_flag::*, salon_error::*, salon_event_type::*, salon_limit::*, salon_reason::*, *,
};
use serde_json::json;
use tungstenite::Message;

/// A server, freed at the end.
struct C {
    server: *mut salon_server,
    port: u16,
}

impl Drop for C {
    fn drop(&mut self) {
        unsafe { salon_server_free(self.server) };
    }
}

fn zeroed<T>() -> T {
    unsafe { std::mem::zeroed() }
}

fn config(change: impl FnOnce(&mut salon_config)) -> salon_config {
    let mut config = salon_config { size: size_of::<salon_config>(), ..zeroed() };
    change(&mut config);
    config
}

fn sentence() -> String {
    unsafe { CStr::from_ptr(salon_last_error()) }.to_str().unwrap().to_owned()
}

/// What was taken of an event.
#[derive(Debug, Clone)]
struct Taken {
    kind: u32,
    event: *const salon_event,
    copy: salon_event,
}

impl Taken {
    fn name(&self) -> String {
        unsafe { CStr::from_ptr(self.copy.name) }.to_str().unwrap().to_owned()
    }

    fn data(&self) -> String {
        let data = unsafe { slice::from_raw_parts(self.copy.data.cast::<u8>(), self.copy.data_len) };
        String::from_utf8(data.to_vec()).unwrap()
    }
}

impl C {
    fn new(config: *const salon_config) -> Self {
        let (mut server, mut port) = (ptr::null_mut(), 0);
        unsafe {
            assert_eq!(salon_server_new(config, &raw mut server), 0, "{}", sentence());
            assert_eq!(salon_server_listen(server, c"127.0.0.1:0".as_ptr(), &raw mut port), 0);
        }
        assert_ne!(port, 0);
        Self { server, port }
    }

    /// A client whose handshake another thread makes while this one polls.
    fn client(&self, path: &str) -> (Client<TcpStream>, Taken) {
        let (port, path) = (self.port, path.to_owned());
        let client = thread::spawn(move || Client::connect(([127, 0, 0, 1], port).into(), &path));
        let event = self.until(SALON_EVENT_CONNECT as u32);
        while !client.is_finished() {
            self.poll(1);
        }
        let mut client = client.join().unwrap();
        client.greeting();
        (client, event)
    }

    fn poll(&self, timeout_ms: c_int) -> c_int {
        unsafe { salon_server_poll(self.server, timeout_ms) }
    }

    fn next(&self) -> Option<Taken> {
        let event = unsafe { salon_server_next_event(self.server) };
        let copy = *unsafe { event.as_ref() }?;
        Some(Taken { kind: copy.r#type, event, copy })
    }

    /// Takes events until one of this kind.
    fn until(&self, kind: u32) -> Taken {
        let deadline = Instant::now() + LONG;
        loop {
            while let Some(event) = self.next() {
                if event.kind == kind {
                    return event;
                }
            }
            assert!(Instant::now() < deadline, "no event of type {kind}");
            assert!(self.poll(100) >= 0, "{}", sentence());
        }
    }

    /// Polls, without taking anything, until so many events wait.
    fn gather(&self, wanted: c_int) {
        let deadline = Instant::now() + LONG;
        loop {
            let there = self.poll(100);
            if there >= wanted {
                return;
            }
            assert!(there <= 0, "{there} came apart from the rest; send them in one write");
            assert!(Instant::now() < deadline);
        }
    }

    fn emit(&self, socket: u64, name: &CStr, args: &str) -> c_int {
        unsafe { salon_socket_emit(self.server, socket, name.as_ptr(), args.as_ptr().cast(), args.len()) }
    }

    /// Is the descriptor readable within so many milliseconds?
    fn wakes(&self, timeout_ms: i64) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(salon_server_fd(self.server)) };
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        let timeout = Timespec { tv_sec: timeout_ms / 1000, tv_nsec: timeout_ms % 1000 * 1_000_000 };
        poll(&mut fds, Some(&timeout)).unwrap() == 1
    }

    /// Turns until there is nothing to do.
    fn rest(&self) {
        let deadline = Instant::now() + LONG;
        while self.poll(0) > 0 || unsafe { salon_server_timeout_ms(self.server) } == 0 || self.wakes(0) {
            while self.next().is_some() {}
            assert!(Instant::now() < deadline, "it never rests");
        }
    }
}

#[test]
fn events_and_their_texts_stay_until_the_next_turn_whatever_is_called() {
    let c = C::new(ptr::null());
    let (mut client, connect) = c.client("/");
    let socket = connect.copy.socket;
    client.say("one", json!(["é"]));
    let one = c.until(SALON_EVENT_MESSAGE as u32);
    client.socket.close(None).unwrap();
    // Everything else that hands texts out, and no turn.
    for _ in 0..2_000 {
        let mut info = salon_socket_info { size: size_of::<salon_socket_info>(), ..zeroed() };
        assert_eq!(unsafe { salon_socket_describe(c.server, socket, &raw mut info) }, 0);
        assert_eq!(c.emit(socket, c"x", "[]"), 1);
    }
    assert_eq!((one.name(), one.data()), ("one".to_owned(), "[[\"é\"]]".to_owned()));
    assert_eq!(unsafe { (*one.event).socket }, socket);
    assert_eq!(unsafe { CStr::from_ptr(one.copy.nsp) }, c"/");
    let gone = c.until(SALON_EVENT_DISCONNECT as u32);
    // It has left: commands succeed and do nothing until the next turn.
    assert_eq!(gone.copy.socket, socket);
    assert_eq!(c.emit(socket, c"x", "[]"), 0);
    assert_eq!(unsafe { salon_socket_join(c.server, socket, c"room".as_ptr()) }, 0);
    c.poll(0);
    assert_eq!(c.emit(socket, c"x", "[]"), SALON_ERR_NOT_FOUND as c_int);
}

#[test]
fn user_is_filled_in_when_an_event_is_taken_and_last_in_disconnect() {
    let c = C::new(ptr::null());
    let (mut client, connect) = c.client("/");
    let socket = connect.copy.socket;
    assert!(connect.copy.user.is_null());
    c.rest();
    // Two frames in one write arrive in one turn.
    client.socket.write(Message::text(r#"{"event":"a"}"#)).unwrap();
    client.socket.write(Message::text(r#"{"event":"b"}"#)).unwrap();
    client.socket.flush().unwrap();
    let a = c.until(SALON_EVENT_MESSAGE as u32);
    assert!(a.copy.user.is_null());
    let mine = ptr::without_provenance_mut::<c_void>(42);
    assert_eq!(unsafe { salon_socket_set_user(c.server, socket, mine) }, 0);
    assert_eq!(unsafe { salon_socket_user(c.server, socket) }, mine);
    assert_eq!(c.until(SALON_EVENT_MESSAGE as u32).copy.user, mine);
    drop(client);
    assert_eq!(c.until(SALON_EVENT_DISCONNECT as u32).copy.user, mine);
    c.poll(0);
    assert!(unsafe { salon_socket_user(c.server, socket) }.is_null());
}

#[test]
fn poll_with_untaken_events_writes_and_answers_how_many_are_left() {
    let c = C::new(ptr::null());
    let (mut client, connect) = c.client("/");
    unsafe {
        for tag in 1..=3 {
            assert_eq!(salon_timer_start(c.server, 0, 0, tag, ptr::null_mut()), 0);
        }
    }
    c.gather(3);
    let first = c.next().unwrap();
    assert_eq!(c.emit(connect.copy.socket, c"said", "[1]"), 1);
    // No turn: two are left, what was said is written, and what is held stays.
    assert_eq!(c.poll(SALON_FOREVER), 2);
    assert_eq!(client.hear()["event"], "said");
    assert_eq!(unsafe { (*first.event).tag }, 1);
    assert_eq!(unsafe { salon_server_timeout_ms(c.server) }, 0);
    assert_eq!((c.next().unwrap().copy.tag, c.next().unwrap().copy.tag), (2, 3));
    assert!(c.next().is_none() && c.next().is_none());
}

#[test]
fn audience_that_is_asked_gives_each_answer_and_then_a_last_event() {
    let c = C::new(ptr::null());
    let (mut one, _) = c.client("/");
    let (mut two, _) = c.client("/");
    let (three, _) = c.client("/");
    let bytes = [salon_bytes { ptr: c"\x01\x02".as_ptr().cast(), len: 2 }];
    let what = salon_message {
        size: size_of::<salon_message>(),
        name: c"which".as_ptr(),
        attachments: bytes.as_ptr(),
        attachment_count: 1,
        ack_timeout_ms: 300,
        ..zeroed()
    };
    let mut question = 0;
    assert_eq!(unsafe { salon_server_emit(c.server, ptr::null(), &what, &raw mut question) }, 0);
    assert_ne!(question, 0);
    c.poll(0);
    // Null arguments are the attachments themselves.
    let heard = one.hear();
    assert_eq!(heard["attachments"], json!(["AQI="]));
    one.send(&json!({ "ack": heard["id"], "data": "first" }).to_string());
    let _ = two.hear();
    drop(three);
    let mut codes = Vec::new();
    for _ in 0..3 {
        let ack = c.until(SALON_EVENT_ACK as u32);
        assert_eq!(ack.copy.ack, question);
        if ack.copy.code == 0 {
            assert_eq!(ack.data(), "[\"first\"]");
        }
        codes.push(ack.copy.code);
    }
    codes.sort_unstable();
    assert_eq!(codes, [SALON_ERR_TIMEOUT as c_int, SALON_ERR_CLOSED as c_int, 0]);
    let done = c.until(SALON_EVENT_ACKS_DONE as u32);
    assert_eq!((done.copy.ack, done.copy.code, done.copy.tag), (question, 1, 3));
}

#[test]
fn empty_audience_is_zero_and_mistakes_are_named() {
    let c = C::new(ptr::null());
    let say = |nsp: &CStr, name: &CStr, args: &str| unsafe {
        salon_namespace_emit(c.server, nsp.as_ptr(), name.as_ptr(), args.as_ptr().cast(), args.len())
    };
    assert_eq!(say(c"/", c"x", "[]"), 0);
    assert_eq!(say(c"/nowhere", c"x", "[]"), SALON_ERR_NOT_FOUND as c_int);
    assert_eq!(say(c"/", c"connect", "[]"), SALON_ERR_INVALID as c_int);
    assert_eq!(say(c"/", c"x", "{}"), SALON_ERR_INVALID as c_int);
    assert_eq!(say(c"/", c"\xff", "[]"), SALON_ERR_INVALID as c_int);
    assert_eq!(sentence(), "name is not UTF-8");
    let count = unsafe { salon_room_count(c.server, c"/".as_ptr(), c"empty".as_ptr()) };
    assert_eq!(count, 0);
    assert_eq!(sentence(), "name is not UTF-8", "a call that succeeds leaves it alone");
}

#[test]
fn full_queue_refuses_and_drain_says_how_many() {
    let config = config(|config| {
        config.overflow = salon_overflow::SALON_OVERFLOW_DROP as u32;
        config.queue_bytes = 1 << 16;
    });
    let c = C::new(&config);
    let (mut client, connect) = c.client("/");
    let (socket, long) = (connect.copy.socket, format!("[\"{}\"]", "x".repeat(30_000)));
    let mut refused = 0;
    let mut said = 0;
    while refused < 5 {
        match c.emit(socket, c"x", &long) {
            1 => said += 1,
            code => {
                assert_eq!(code, SALON_ERR_BACKPRESSURE as c_int);
                refused += 1;
            }
        }
        assert!(said < 10_000);
    }
    assert!(unsafe { salon_socket_queued(c.server, socket) } > 0);
    // A volatile message is left out, which is no error and no drop.
    let flags = salon_send_flag::SALON_SEND_VOLATILE as u32;
    assert_eq!(unsafe { salon_socket_send(c.server, socket, c"x".as_ptr().cast(), 1, flags) }, 0);
    let reader = thread::spawn(move || {
        for _ in 0..said {
            client.hear();
        }
        client
    });
    let drain = c.until(SALON_EVENT_DRAIN as u32);
    assert_eq!((drain.copy.socket, drain.copy.tag), (socket, 5));
    while !reader.is_finished() {
        c.poll(10);
    }
    reader.join().unwrap();
}

#[test]
fn guard_sets_user_and_rooms_before_connect_and_null_keeps_the_user() {
    let c = C::new(ptr::null());
    let guarded = salon_namespace_config {
        size: size_of::<salon_namespace_config>(),
        flags: salon_namespace_flag::SALON_NAMESPACE_GUARDED as u32,
        ..zeroed()
    };
    assert_eq!(unsafe { salon_namespace_open(c.server, c"/".as_ptr(), &guarded) }, 0);
    let port = c.port;
    for way in 0..2 {
        let client = thread::spawn(move || Client::connect(([127, 0, 0, 1], port).into(), "/?token=a%20b"));
        let asked = c.until(SALON_EVENT_CONNECT_REQUEST as u32);
        let (socket, mine) = (asked.copy.socket, ptr::without_provenance_mut::<c_void>(7 + way));
        let mut value: salon_bytes = zeroed();
        unsafe {
            assert_eq!(salon_socket_query(c.server, socket, c"token".as_ptr(), &raw mut value), 0);
            assert_eq!(slice::from_raw_parts(value.ptr.cast::<u8>(), value.len), b"a b");
            assert_eq!(salon_socket_url(c.server, socket, &raw mut value), 0);
            assert_eq!(CStr::from_ptr(value.ptr.cast()), c"/?token=a%20b");
            let missing = salon_socket_header(c.server, socket, c"X-None".as_ptr(), &raw mut value);
            assert_eq!(missing, SALON_ERR_NOT_FOUND as c_int);
            assert_eq!(salon_socket_join(c.server, socket, c"r".as_ptr()), SALON_ERR_STATE as c_int);
        }
        assert_eq!(c.emit(socket, c"x", "[]"), SALON_ERR_STATE as c_int);
        let rooms = [c"a".as_ptr(), c"b".as_ptr()];
        let how = salon_accept {
            size: size_of::<salon_accept>(),
            user: mine,
            rooms: rooms.as_ptr(),
            room_count: 2,
            ..zeroed()
        };
        unsafe {
            if way == 0 {
                assert_eq!(salon_socket_accept(c.server, socket, &how), 0);
                assert_eq!(salon_socket_accept(c.server, socket, &how), SALON_ERR_STATE as c_int);
            } else {
                assert_eq!(salon_socket_set_user(c.server, socket, mine), 0);
                assert_eq!(salon_socket_accept(c.server, socket, ptr::null()), 0);
            }
        }
        let connect = c.until(SALON_EVENT_CONNECT as u32);
        assert_eq!((connect.copy.socket, connect.copy.user), (socket, mine));
        let mut names = ptr::null();
        let count = unsafe { salon_socket_rooms(c.server, socket, &raw mut names) };
        assert_eq!(count, if way == 0 { 2 } else { 0 });
        while !client.is_finished() {
            c.poll(1);
        }
    }
}

#[test]
fn descriptor_wakes_by_itself_after_a_command_outside_a_turn_and_not_within_one() {
    let c = C::new(ptr::null());
    let (mut client, connect) = c.client("/");
    c.rest();
    assert!(!c.wakes(0));
    // Outside: it must not wait for other traffic.
    assert_eq!(c.emit(connect.copy.socket, c"outside", "[]"), 1);
    assert!(c.wakes(5_000));
    c.rest();
    assert_eq!(client.hear()["event"], "outside");
    // A timer started outside.
    assert_eq!(unsafe { salon_timer_start(c.server, 20, 0, 9, ptr::null_mut()) }, 0);
    assert!(c.wakes(5_000));
    let timer = loop {
        if c.poll(0) > 0 {
            break c.next().unwrap();
        }
        let left = unsafe { salon_server_timeout_ms(c.server) };
        assert!((0..=20).contains(&left), "{left}");
        c.wakes(left.into());
    };
    assert_eq!((timer.kind, timer.copy.tag), (SALON_EVENT_TIMER as u32, 9));
    c.rest();
    // Within: the end of the events writes it, and nothing has to wake.
    client.say("ping", json!(1));
    assert!(c.wakes(5_000));
    c.until(SALON_EVENT_MESSAGE as u32);
    assert_eq!(c.emit(connect.copy.socket, c"within", "[]"), 1);
    assert!(c.next().is_none());
    assert_eq!(client.hear()["event"], "within");
    assert!(!c.wakes(0), "woken for what was written already");
}

#[test]
fn host_that_takes_all_events_but_does_not_ask_for_more_is_waked_too() {
    let c = C::new(ptr::null());
    let (mut client, connect) = c.client("/");
    c.rest();
    client.say("ping", json!(1));
    c.until(SALON_EVENT_MESSAGE as u32);
    let _ = unsafe { salon_server_timeout_ms(c.server) };
    assert_eq!(c.emit(connect.copy.socket, c"later", "[]"), 1);
    assert!(c.wakes(5_000));
    c.poll(0);
    assert_eq!(client.hear()["event"], "later");
}

#[test]
fn socket_is_found_by_its_sid_and_told_a_close_code() {
    let c = C::new(ptr::null());
    let (mut client, connect) = c.client("/");
    let (socket, invalid) = (connect.copy.socket, SALON_ERR_INVALID as c_int);
    let mut info = salon_socket_info { size: size_of::<salon_socket_info>(), ..zeroed() };
    unsafe {
        assert_eq!(salon_socket_describe(c.server, socket, &raw mut info), 0);
        assert_eq!(salon_socket_by_sid(c.server, info.sid), socket);
        assert_eq!(salon_socket_by_sid(c.server, c"nobody".as_ptr()), 0);
        assert_eq!(salon_socket_by_sid(c.server, ptr::null()), 0);
        assert_eq!(salon_socket_disconnect_with(c.server, socket, 1005, ptr::null()), invalid);
        assert_eq!(salon_socket_disconnect_with(c.server, socket, 1 << 20, ptr::null()), invalid);
        assert_eq!(salon_socket_disconnect_with(c.server, socket, 4001, c"bye".as_ptr()), 0);
    }
    let end = thread::spawn(move || client.end().map(u16::from));
    while !end.is_finished() {
        c.poll(10);
        while c.next().is_some() {}
    }
    assert_eq!(end.join().unwrap(), Some(4001));
}

struct Door(*mut salon_remote);
unsafe impl Send for Door {}

#[test]
fn remote_speaks_from_another_thread_and_outlives_its_server() {
    // The client does not answer the close.
    let c = C::new(&config(|config| config.close_timeout_ms = 100));
    let (mut client, _) = c.client("/");
    let mut remote = ptr::null_mut();
    assert_eq!(unsafe { salon_remote_new(c.server, &raw mut remote) }, 0);
    let door = Door(remote);
    let other = thread::spawn(move || {
        let door = door;
        let what = salon_message {
            size: size_of::<salon_message>(),
            name: c"news".as_ptr(),
            args: c"[1]".as_ptr(),
            args_len: 3,
            ..zeroed()
        };
        let asks = salon_message { ack_timeout_ms: 1, ..what };
        unsafe {
            assert_eq!(salon_remote_post(door.0, 5, c"abc".as_ptr().cast(), 3), 0);
            assert_eq!(salon_remote_emit(door.0, ptr::null(), &what), 0);
            assert_eq!(salon_remote_emit(door.0, ptr::null(), &asks), SALON_ERR_INVALID as c_int);
            assert_eq!(salon_remote_wake(door.0), 0);
        }
        door
    });
    let post = c.until(SALON_EVENT_POST as u32);
    assert_eq!((post.copy.tag, post.data()), (5, "abc".to_owned()));
    let door = other.join().unwrap();
    c.poll(0);
    assert_eq!(client.hear()["event"], "news");
    assert_eq!(unsafe { salon_remote_shutdown(door.0) }, 0);
    c.until(SALON_EVENT_DISCONNECT as u32);
    c.until(SALON_EVENT_STOPPED as u32);
    drop(c);
    let closed = SALON_ERR_CLOSED as c_int;
    unsafe {
        assert_eq!(salon_remote_wake(door.0), closed);
        assert_eq!(salon_remote_post(door.0, 0, ptr::null(), 0), closed);
        salon_remote_free(door.0);
    }
}

#[test]
fn structs_of_older_and_newer_callers_are_taken() {
    // Older: only the first fields exist, and what is behind is not read.
    #[repr(C)]
    struct Older {
        size: usize,
        path: *const c_char,
    }
    let older = Older { size: size_of::<Older>(), path: c"/io/".as_ptr() };
    drop(C::new((&raw const older).cast()));
    #[repr(C)]
    struct Newer {
        known: salon_config,
        unknown: [u64; 8],
    }
    let newer = Newer { known: config(|config| config.size = size_of::<Newer>()), unknown: [u64::MAX; 8] };
    let c = C::new((&raw const newer).cast());
    let mut server = ptr::null_mut();
    for size in [0, 4, size_of::<*const salon_config>(), 1 << 20] {
        let odd = config(|config| config.size = size);
        assert_eq!(unsafe { salon_server_new(&odd, &raw mut server) }, SALON_ERR_INVALID as c_int);
        assert!(sentence().contains("sizeof(salon_config)"), "{}", sentence());
    }
    let odd = config(|config| config.overflow = 9);
    assert_eq!(unsafe { salon_server_new(&odd, &raw mut server) }, SALON_ERR_INVALID as c_int);
    assert!(server.is_null());
    // On the way out: no more than the caller has.
    let mut stats = [u64::MAX; 4];
    stats[0] = 16;
    assert_eq!(unsafe { salon_server_stats(c.server, stats.as_mut_ptr().cast()) }, 0);
    assert_eq!(stats, [16, 0, u64::MAX, u64::MAX]);
    let mut large = [u64::MAX; 200];
    large[0] = 1_600;
    assert_eq!(unsafe { salon_server_stats(c.server, large.as_mut_ptr().cast()) }, 0);
    assert_eq!((large[0], large[4], large[199]), (1_600, 1, u64::MAX));
}

#[test]
fn limits_against_floods_are_the_hosts_to_set_and_counted_by_their_number() {
    let limited = config(|config| {
        (config.client_events_per_s, config.client_events_burst) = (1, 3);
        config.trusted_proxies = c"10.0.0.0/8, unix".as_ptr();
        config.flags = SALON_CONFIG_AGAINST_FLOODS as u32;
    });
    let c = C::new(&limited);
    let (mut client, _) = c.client("/");
    for _ in 0..4 {
        client.say("a", json!(null));
    }
    let gone = c.until(SALON_EVENT_DISCONNECT as u32);
    assert_eq!((gone.copy.code, &*gone.name()), (SALON_REASON_FLOOD as c_int, "too many events"));
    assert_eq!((gone.copy.tag, &*gone.data()), (1008, "too many events"));
    let mut stats = salon_stats { size: size_of::<salon_stats>(), ..zeroed() };
    assert_eq!(unsafe { salon_server_stats(c.server, &raw mut stats) }, 0);
    assert_eq!(stats.disconnects[SALON_REASON_FLOOD as usize], 1);
    assert_eq!(stats.breaches[SALON_LIMIT_CLIENT_EVENTS as usize], 1);
    assert_eq!(stats.breaches.iter().sum::<u64>(), 1);
    let odd = config(|config| config.trusted_proxies = c"10.0.0.0/33".as_ptr());
    let mut server = ptr::null_mut();
    assert_eq!(unsafe { salon_server_new(&odd, &raw mut server) }, SALON_ERR_INVALID as c_int);
    assert!(sentence().contains("10.0.0.0/33"), "{}", sentence());
}

#[test]
fn null_stale_and_zero_are_errors_and_never_more() {
    let c = C::new(ptr::null());
    let (s, null) = (c.server, ptr::null_mut::<salon_server>());
    let (invalid, missing) = (SALON_ERR_INVALID as c_int, SALON_ERR_NOT_FOUND as c_int);
    let name = c"x".as_ptr();
    let mut value: salon_bytes = zeroed();
    let long = CString::new("n".repeat(300)).unwrap();
    unsafe {
        salon_server_free(null);
        salon_remote_free(ptr::null_mut());
        assert_eq!(salon_server_new(ptr::null(), ptr::null_mut()), invalid);
        assert_eq!(salon_server_poll(null, 0), invalid);
        assert!(salon_server_next_event(null).is_null());
        assert_eq!(salon_server_fd(null), invalid);
        assert_eq!(salon_server_timeout_ms(null), invalid);
        assert_eq!(salon_server_flush(null), invalid);
        assert_eq!(salon_server_listen(s, ptr::null(), ptr::null_mut()), invalid);
        assert_eq!(salon_server_listen(s, c"nonsense".as_ptr(), ptr::null_mut()), invalid);
        assert_eq!(salon_server_listen_fd(s, -1), invalid);
        assert_eq!(salon_server_stats(s, ptr::null_mut()), invalid);
        assert_eq!(salon_namespace_open(s, ptr::null(), ptr::null()), invalid);
        assert_eq!(salon_namespace_open(s, c"no-slash".as_ptr(), ptr::null()), invalid);
        assert_eq!(salon_namespace_close(s, c"/none".as_ptr()), missing);
        for id in [0, 1, u64::MAX] {
            assert_eq!(salon_socket_emit(s, id, name, ptr::null(), 0), missing);
            assert_eq!(salon_socket_send(s, id, ptr::null(), 0, 0), missing);
            assert_eq!(salon_socket_accept(s, id, ptr::null()), missing);
            assert_eq!(salon_socket_reject(s, id, 403, name, ptr::null(), 0), missing);
            assert_eq!(salon_socket_join(s, id, name), missing);
            assert_eq!(salon_socket_leave(s, id, ptr::null()), missing);
            assert_eq!(salon_socket_disconnect(s, id, true), missing);
            assert_eq!(salon_socket_set_user(s, id, ptr::null_mut()), missing);
            assert!(salon_socket_user(s, id).is_null());
            assert_eq!(salon_socket_url(s, id, &raw mut value), missing);
            assert_eq!(salon_socket_queued(s, id), missing as isize);
            assert_eq!(salon_ack_answer(s, id, ptr::null(), 0, ptr::null(), 0), missing);
            assert_eq!(salon_timer_stop(s, id), missing);
            assert_eq!(salon_http_header(s, id, name, &raw mut value), missing);
        }
        assert_eq!(salon_socket_emit(s, 1, ptr::null(), ptr::null(), 0), invalid);
        assert_eq!(salon_socket_emit(s, 1, name, ptr::null(), 0), missing);
        assert_eq!(salon_server_emit(s, ptr::null(), ptr::null(), ptr::null_mut()), invalid);
        assert_eq!(salon_audience_join(s, ptr::null(), long.as_ptr()), SALON_ERR_LIMIT as c_int);
        assert_eq!(salon_audience_sockets(s, ptr::null(), ptr::null_mut(), 1), invalid as isize);
        assert_eq!(salon_audience_sockets(s, ptr::null(), ptr::null_mut(), 0), 0);
        let lost = salon_audience { size: size_of::<salon_audience>(), room_count: 1, ..zeroed() };
        assert_eq!(salon_audience_leave(s, &lost, name), invalid);
        assert_eq!(sentence(), "rooms is null, and its count is 1");
        assert_eq!(salon_remote_wake(ptr::null()), invalid);
        assert_eq!(salon_remote_post(ptr::null(), 0, ptr::null(), 0), invalid);
        assert_eq!(salon_json_get(ptr::null(), 3, name, &raw mut value), invalid);
        assert_eq!(salon_json_get(c"[1]".as_ptr(), 3, c"".as_ptr(), ptr::null_mut()), invalid);
        // After a shutdown without clients there is a last event, and calls go on answering.
        assert_eq!(salon_server_shutdown(s, 0), 0);
    }
    c.until(SALON_EVENT_STOPPED as u32);
    assert_eq!(c.emit(1, c"x", "[]"), missing);
    assert!(c.poll(0) >= 0);
}
