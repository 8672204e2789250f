//! How a server and its namespaces are configured.

use std::ffi::c_char;

use super::text::{array, optional_text, sized, texts};
use crate::{
    Config, Dialect, Keep, Limits, Namespace, Origins, Overflow, Recovery, SocketIo, Subprotocol,
    base::error::{Error, Result},
};

/// What happens when a client reads too slowly.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_overflow {
    /// It is disconnected.
    SALON_OVERFLOW_DISCONNECT = 0,
    /// Sends to it answer SALON_ERR_BACKPRESSURE; broadcasts skip it. What was
    /// dropped is counted and told by SALON_EVENT_DRAIN.
    SALON_OVERFLOW_DROP = 1,
}

/// Bits of salon_config.flags.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_config_flag {
    /// Hand HTTP requests that are not Salon's own to the host, as
    /// SALON_EVENT_HTTP_REQUEST. Otherwise they get 404.
    SALON_CONFIG_HTTP = 1,
    /// Refuse HTTP long-polling.
    SALON_CONFIG_NO_POLLING = 2,
    /// Refuse WebSocket to Socket.IO clients.
    SALON_CONFIG_NO_WEBSOCKET = 4,
    /// Do not let Socket.IO clients move from polling to WebSocket.
    SALON_CONFIG_NO_UPGRADE = 8,
    /// Serve plain WebSocket clients only.
    SALON_CONFIG_NO_SOCKETIO = 16,
    /// Let pages send cookies along.
    SALON_CONFIG_CREDENTIALS = 32,
    /// Keep the handshake's headers and query of plain WebSockets as well.
    SALON_CONFIG_KEEP_HANDSHAKES = 64,
    /// Deliver SALON_EVENT_ROOM_CREATED and SALON_EVENT_ROOM_DELETED.
    SALON_CONFIG_ROOM_EVENTS = 128,
    /// Deliver SALON_EVENT_JOINED and SALON_EVENT_LEFT.
    SALON_CONFIG_MEMBER_EVENTS = 256,
    /// Let Socket.IO clients that lost their connection come back as the same
    /// socket; see the recovery_* fields.
    SALON_CONFIG_RECOVERY = 512,
    /// The trusted proxies say whom they speak for by the PROXY protocol, version
    /// 1 or 2, at the start of each connection.
    SALON_CONFIG_PROXY_PROTOCOL = 1024,
    /// Bounds against floods in the fields that are zero, from client_events_per_s
    /// on: 20 events, 200 connections, 600 a minute, 100 sessions, 300 handshakes.
    SALON_CONFIG_AGAINST_FLOODS = 2048,
}

use salon_config_flag as flag;

/// How a server behaves. Zero in a field means its default, so
/// `salon_config config = SALON_ZERO; config.size = sizeof config;` is a good
/// start; SALON_UNLIMITED means none where none makes sense. Times are in
/// milliseconds, sizes in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_config {
    /// Always `sizeof(salon_config)`: tells which fields the caller knows.
    pub size: usize,
    /// Path of the Socket.IO endpoint. Default "/socket.io/".
    pub socketio_path: *const c_char,
    /// Which web pages may connect: null is no check, "*" all, "same" those of
    /// the host and port that the request is for; or origins, separated by commas.
    pub allowed_origins: *const c_char,
    /// SALON_CONFIG_* bits.
    pub flags: u32,
    /// What a full send queue does: SALON_OVERFLOW_*.
    pub overflow: u32,
    /// Bytes of a request's head. Default 16384.
    pub head_bytes: u32,
    /// Header lines of a request. Default 100.
    pub header_lines: u32,
    /// Bytes of a request's target. Default 8192.
    pub target_bytes: u32,
    /// From a head's first byte to its end. Default 10000.
    pub head_timeout_ms: u32,
    /// For a request's body. Default 30000.
    pub body_timeout_ms: u32,
    /// How long a kept connection may stand without a request. Default 10000.
    pub idle_timeout_ms: u32,
    /// How long the host may take to answer an HTTP request. Default 30000.
    pub response_timeout_ms: u32,
    /// Largest message or body taken from a client. Default 1000000.
    pub message_bytes: u32,
    /// Fragments of one message. Default 1024.
    pub message_fragments: u32,
    /// How long a client may take to answer a close frame. Default 5000.
    pub close_timeout_ms: u32,
    /// Send queue of one client. Default 4194304.
    pub queue_bytes: u32,
    /// Bytes that wait in the mailbox of other threads. Default 67108864.
    pub mailbox_bytes: u32,
    /// All queues and partial messages together. Default 1073741824.
    pub memory_bytes: u64,
    /// Silence after which a client is pinged. Default 25000.
    pub ping_interval_ms: u32,
    /// How long it may take to answer. Default 20000.
    pub ping_timeout_ms: u32,
    /// How long a guard may think and a client may take to enter. Default 45000.
    pub connect_timeout_ms: u32,
    /// Time for the upgrade from polling to WebSocket. Default 10000.
    pub upgrade_timeout_ms: u32,
    /// Time for the attachments of one packet. Default 20000.
    pub attachment_timeout_ms: u32,
    /// How long a closed polling session waits to be fetched. Default 30000.
    pub drop_timeout_ms: u32,
    /// Kept for a client while its guard thinks. Default 65536.
    pub waiting_bytes: u32,
    /// Sessions that nobody has come back to. Default 20000.
    pub unclaimed_sessions: u32,
    /// Engine.IO sessions at a time. Default 100000.
    pub sessions: u32,
    /// Acks that the host owes to one socket. Default 1024.
    pub acks_owed: u32,
    /// Acks that one socket owes to the host. Default 1024.
    pub acks_awaited: u32,
    /// Attachments of one event. Default 10.
    pub attachments: u32,
    /// Packets in one payload that a client posts. Default 4096.
    pub payload_packets: u32,
    /// Packets in the answer to one poll. Default 16.
    pub poll_packets: u32,
    /// Bytes of the name of a namespace, room or event. Default 255.
    pub name_bytes: u32,
    /// Namespaces of one session. Default 16.
    pub namespaces: u32,
    /// Rooms of one socket. Default 128.
    pub rooms: u32,
    /// Depth of arrays and objects. Default 64.
    pub json_depth: u32,
    /// Messages taken from one connection in one turn. Default 256.
    pub turn_messages: u32,
    /// Open connections. Default: as many as the system allows.
    pub connections: u32,
    /// How long a client may stay away and be recovered. Default 120000.
    pub recovery_window_ms: u32,
    /// Events kept for those who are away. Default 10000.
    pub recovery_events: u32,
    /// Bytes of these events. Default 16777216.
    pub recovery_bytes: u32,
    /// Clients that may be away at a time. Default 10000.
    pub recovery_sockets: u32,
    /// Proxies in front, whose X-Forwarded-For or PROXY header is believed:
    /// networks like "10.0.0.0/8", addresses, "unix", separated by commas. The
    /// last address that they name and that is none of theirs is the client's.
    pub trusted_proxies: *const c_char,
    /// Events that one client may send in a second on average; over it close
    /// code 1008, SALON_REASON_FLOOD. Default of this and the four below but
    /// the burst: SALON_UNLIMITED, or see SALON_CONFIG_AGAINST_FLOODS.
    pub client_events_per_s: u32,
    /// How many it may send at once. Default 200.
    pub client_events_burst: u32,
    /// Connections of one address (IPv4, or 64 bits of IPv6), trusted proxies
    /// excepted; over it 429.
    pub address_connections: u32,
    /// Connections that one address may open in a minute; over it 429.
    pub address_connects_per_min: u32,
    /// Sessions of one address, behind proxies too; over it 429.
    pub address_sessions: u32,
    /// Handshakes of one address in a minute; over it 429 or CONNECT_ERROR.
    pub address_handshakes_per_min: u32,
}

/// Bits of salon_namespace_config.flags.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_namespace_flag {
    /// Each client that asks to enter raises SALON_EVENT_CONNECT_REQUEST and waits.
    SALON_NAMESPACE_GUARDED = 1,
    /// Refuse plain WebSockets with which no subprotocol is in common.
    SALON_NAMESPACE_REQUIRE_SUBPROTOCOL = 2,
}

/// What plain WebSocket clients speak.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum salon_dialect {
    /// As the namespace has it; for a namespace, JSON.
    SALON_DIALECT_DEFAULT = 0,
    /// Text messages are objects: {"event":"say","data":...}.
    SALON_DIALECT_JSON = 1,
    /// Text and binary messages go through as they are.
    SALON_DIALECT_RAW = 2,
}

/// How a namespace is run; zero is the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct salon_namespace_config {
    /// Always `sizeof(salon_namespace_config)`.
    pub size: usize,
    /// SALON_NAMESPACE_* bits.
    pub flags: u32,
    /// SALON_DIALECT_*.
    pub dialect: u32,
    /// Subprotocols that are spoken here, the preferred one first.
    pub subprotocols: *const *const c_char,
    /// How many.
    pub subprotocol_count: usize,
    /// What is spoken under each of them, SALON_DIALECT_*; null if that is
    /// `dialect` for all.
    pub subprotocol_dialects: *const u32,
}

/// The configuration that a host's struct stands for.
pub(super) unsafe fn config(given: *const salon_config) -> Result<Config> {
    // SAFETY: the header demands null or a struct that begins with its size.
    let given = unsafe { sized(given, "salon_config") }?;
    let has = |bit: flag| given.flags & bit as u32 != 0;
    let default =
        if has(flag::SALON_CONFIG_AGAINST_FLOODS) { Limits::against_floods() } else { Limits::default() };
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    let memory_bytes = match given.memory_bytes {
        0 => default.memory_bytes,
        // SALON_UNLIMITED, in a field that is wider.
        none if none == u64::from(u32::MAX) => u64::MAX,
        bytes => bytes,
    };
    let limits = Limits {
        head_bytes: or(given.head_bytes, default.head_bytes),
        header_lines: or(given.header_lines, default.header_lines),
        target_bytes: or(given.target_bytes, default.target_bytes),
        head_timeout_ms: or(given.head_timeout_ms, default.head_timeout_ms),
        body_timeout_ms: or(given.body_timeout_ms, default.body_timeout_ms),
        idle_timeout_ms: or(given.idle_timeout_ms, default.idle_timeout_ms),
        response_timeout_ms: or(given.response_timeout_ms, default.response_timeout_ms),
        message_bytes: or(given.message_bytes, default.message_bytes),
        message_fragments: or(given.message_fragments, default.message_fragments),
        close_timeout_ms: or(given.close_timeout_ms, default.close_timeout_ms),
        queue_bytes: or(given.queue_bytes, default.queue_bytes),
        memory_bytes,
        mailbox_bytes: or(given.mailbox_bytes, default.mailbox_bytes),
        ping_interval_ms: or(given.ping_interval_ms, default.ping_interval_ms),
        ping_timeout_ms: or(given.ping_timeout_ms, default.ping_timeout_ms),
        connect_timeout_ms: or(given.connect_timeout_ms, default.connect_timeout_ms),
        upgrade_timeout_ms: or(given.upgrade_timeout_ms, default.upgrade_timeout_ms),
        attachment_timeout_ms: or(given.attachment_timeout_ms, default.attachment_timeout_ms),
        drop_timeout_ms: or(given.drop_timeout_ms, default.drop_timeout_ms),
        unclaimed_sessions: or(given.unclaimed_sessions, default.unclaimed_sessions),
        sessions: or(given.sessions, default.sessions),
        namespaces: or(given.namespaces, default.namespaces),
        payload_packets: or(given.payload_packets, default.payload_packets),
        waiting_bytes: or(given.waiting_bytes, default.waiting_bytes),
        acks_owed: or(given.acks_owed, default.acks_owed),
        acks_awaited: or(given.acks_awaited, default.acks_awaited),
        attachments: or(given.attachments, default.attachments),
        poll_packets: or(given.poll_packets, default.poll_packets),
        name_bytes: or(given.name_bytes, default.name_bytes),
        rooms: or(given.rooms, default.rooms),
        json_depth: or(given.json_depth, default.json_depth),
        turn_messages: or(given.turn_messages, default.turn_messages),
        connections: or(given.connections, default.connections),
        client_events_per_s: or(given.client_events_per_s, default.client_events_per_s),
        client_events_burst: or(given.client_events_burst, default.client_events_burst),
        address_connections: or(given.address_connections, default.address_connections),
        address_connects_per_min: or(given.address_connects_per_min, default.address_connects_per_min),
        address_sessions: or(given.address_sessions, default.address_sessions),
        address_handshakes_per_min: or(given.address_handshakes_per_min, default.address_handshakes_per_min),
    };
    // SAFETY: the header demands null or NUL-terminated texts.
    let (path, origins, proxies) = unsafe {
        let path = optional_text(given.socketio_path, "socketio_path")?;
        let origins = optional_text(given.allowed_origins, "allowed_origins")?;
        (path, origins, optional_text(given.trusted_proxies, "trusted_proxies")?)
    };
    let proxies = proxies.into_iter().flat_map(|list| list.split(','));
    let trusted_proxies = proxies.map(|network| network.trim().parse()).collect::<Result<_>>()?;
    let recovery = Recovery::default();
    let recovery = Recovery {
        window_ms: or(given.recovery_window_ms, recovery.window_ms),
        events: or(given.recovery_events, recovery.events),
        bytes: or(given.recovery_bytes, recovery.bytes),
        sockets: or(given.recovery_sockets, recovery.sockets),
    };
    let socketio = SocketIo {
        path: path.unwrap_or("/socket.io/").to_owned(),
        polling: !has(flag::SALON_CONFIG_NO_POLLING),
        websocket: !has(flag::SALON_CONFIG_NO_WEBSOCKET),
        upgrade: !has(flag::SALON_CONFIG_NO_UPGRADE),
        recovery: has(flag::SALON_CONFIG_RECOVERY).then_some(recovery),
    };
    Ok(Config {
        limits,
        http: has(flag::SALON_CONFIG_HTTP),
        origins: match origins {
            None => Origins::Any,
            Some("*") => Origins::All,
            Some("same") => Origins::Same,
            Some(list) => Origins::List(list.split(',').map(|origin| origin.trim().to_owned()).collect()),
        },
        credentials: has(flag::SALON_CONFIG_CREDENTIALS),
        socketio: (!has(flag::SALON_CONFIG_NO_SOCKETIO)).then_some(socketio),
        keep_handshake: if has(flag::SALON_CONFIG_KEEP_HANDSHAKES) { Keep::All } else { Keep::Nothing },
        overflow: match given.overflow {
            0 => Overflow::Disconnect,
            1 => Overflow::Drop,
            other => return Err(Error::invalid(format!("salon_config.overflow is {other}"))),
        },
        room_events: has(flag::SALON_CONFIG_ROOM_EVENTS),
        member_events: has(flag::SALON_CONFIG_MEMBER_EVENTS),
        trusted_proxies,
        proxy_protocol: has(flag::SALON_CONFIG_PROXY_PROTOCOL),
    })
}

/// The same for a namespace.
pub(super) unsafe fn namespace(given: *const salon_namespace_config) -> Result<Namespace> {
    // SAFETY: the header demands null or a struct that begins with its size.
    let given = unsafe { sized(given, "salon_namespace_config") }?;
    // SAFETY: the header demands an array of NUL-terminated texts.
    let names = unsafe { texts(given.subprotocols, given.subprotocol_count, "subprotocols") }?;
    let mut subprotocols: Vec<Subprotocol> = names.into_iter().map(Subprotocol::from).collect();
    if !given.subprotocol_dialects.is_null() {
        // SAFETY: the header demands as many numbers as texts.
        let dialects =
            unsafe { array(given.subprotocol_dialects, subprotocols.len(), "subprotocol_dialects") }?;
        for (subprotocol, number) in subprotocols.iter_mut().zip(dialects) {
            subprotocol.dialect = dialect(*number)?;
        }
    }
    let has = |bit: salon_namespace_flag| given.flags & bit as u32 != 0;
    Ok(Namespace {
        guarded: has(salon_namespace_flag::SALON_NAMESPACE_GUARDED),
        dialect: dialect(given.dialect)?.unwrap_or_default(),
        subprotocols,
        require_subprotocol: has(salon_namespace_flag::SALON_NAMESPACE_REQUIRE_SUBPROTOCOL),
    })
}

/// A dialect by its number; `None` is the default.
pub(super) fn dialect(number: u32) -> Result<Option<Dialect>> {
    match number {
        0 => Ok(None),
        1 => Ok(Some(Dialect::Json)),
        2 => Ok(Some(Dialect::Raw)),
        other => Err(Error::invalid(format!("there is no dialect {other}"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::base::limits::UNLIMITED;

    fn zeroed<T>() -> T {
        // SAFETY: structs of numbers and pointers, of which all zeros are a value.
        unsafe { std::mem::zeroed() }
    }

    /// What a host says, and nothing else.
    fn given(change: impl FnOnce(&mut salon_config)) -> salon_config {
        let mut given = salon_config { size: size_of::<salon_config>(), ..zeroed() };
        change(&mut given);
        given
    }

    fn read(given: &salon_config) -> Config {
        // SAFETY: a whole struct, whose texts are null or C literals.
        unsafe { config(given) }.unwrap()
    }

    fn with(change: impl FnOnce(&mut salon_config)) -> Config {
        read(&given(change))
    }

    /// The default that the comment above a field names.
    fn documented(field: &str) -> Option<u64> {
        let before = include_str!("config.rs").split(&format!("    pub {field}: u")).next()?;
        let before = before.rsplit("pub ").next()?;
        let number = before.rsplit("Default ").next()?.split('.').next()?;
        number.parse().ok()
    }

    /// A limit of 32 bits: its name, and how to set it here and there.
    type Setter = (&'static str, fn(&mut salon_config, u32), fn(&mut Limits, u32));

    macro_rules! setters {
        ($($field:ident)+) => {{
            // Whoever adds a limit adds it here, and whoever adds another field to a test below.
            let Limits { memory_bytes: _, $($field: _),+ } = Limits::default();
            let salon_config {
                size: _, socketio_path: _, allowed_origins: _, flags: _, overflow: _, memory_bytes: _,
                recovery_window_ms: _, recovery_events: _, recovery_bytes: _, recovery_sockets: _,
                trusted_proxies: _, $($field: _),+
            } = zeroed();
            [$((stringify!($field), |given, to| given.$field = to, |limits, to| limits.$field = to)),+]
        }};
    }

    fn setters() -> [Setter; 38] {
        setters!(head_bytes header_lines target_bytes head_timeout_ms body_timeout_ms idle_timeout_ms
            response_timeout_ms message_bytes message_fragments close_timeout_ms queue_bytes mailbox_bytes
            ping_interval_ms ping_timeout_ms connect_timeout_ms upgrade_timeout_ms attachment_timeout_ms
            drop_timeout_ms unclaimed_sessions sessions namespaces waiting_bytes acks_owed acks_awaited
            attachments payload_packets poll_packets name_bytes rooms json_depth turn_messages connections
            client_events_per_s client_events_burst address_connections address_connects_per_min
            address_sessions address_handshakes_per_min)
    }

    #[test]
    fn nothing_given_is_the_default() {
        // SAFETY: null is allowed.
        assert_eq!(unsafe { config(std::ptr::null()) }.unwrap(), Config::default());
        assert_eq!(with(|_| ()), Config::default());
    }

    #[test]
    fn each_limit_reaches_its_field_and_no_other() {
        let (mut all, mut wanted) = (given(|_| ()), Limits::default());
        for ((name, give, want), number) in setters().into_iter().zip(1_000_001..) {
            for number in [number, 1, UNLIMITED] {
                let mut limits = Limits::default();
                want(&mut limits, number);
                let got = with(|given| give(given, number));
                assert_eq!(got, Config { limits, ..Config::default() }, "{name} = {number}");
            }
            give(&mut all, number);
            want(&mut wanted, number);
        }
        assert_eq!(read(&all).limits, wanted);
    }

    #[test]
    fn each_limit_has_the_default_that_its_comment_names() {
        for (name, _, want) in setters() {
            let mut limits = Limits::default();
            let number = documented(name).and_then(|number| u32::try_from(number).ok());
            want(&mut limits, number.unwrap_or(UNLIMITED));
            assert_eq!(limits, Limits::default(), "{name}: the comment says {number:?}");
        }
        assert_eq!(documented("memory_bytes"), Some(Limits::default().memory_bytes));
        let Recovery { window_ms, events, bytes, sockets } = Recovery::default();
        for (name, number) in
            [("window_ms", window_ms), ("events", events), ("bytes", bytes), ("sockets", sockets)]
        {
            assert_eq!(documented(&format!("recovery_{name}")), Some(number.into()), "recovery_{name}");
        }
    }

    #[test]
    fn memory_takes_64_bits_and_unlimited_of_32_is_unlimited() {
        let of = |bytes: u64| with(|given| given.memory_bytes = bytes).limits.memory_bytes;
        assert_eq!(of(0), Limits::default().memory_bytes);
        assert_eq!([of(1), of(5 << 32)], [1, 5 << 32]);
        assert_eq!([of(u64::from(UNLIMITED) - 1), of(u64::from(UNLIMITED) + 1)], [0xffff_fffe, 1 << 32]);
        assert_eq!([of(u64::from(UNLIMITED)), of(u64::MAX)], [u64::MAX; 2]);
    }

    /// A flag or a field of Socket.IO's own: how it is given, and what comes of it.
    type Change = (fn(&mut salon_config), fn(&mut Config));

    fn socketio(config: &mut Config) -> &mut SocketIo {
        config.socketio.get_or_insert_default()
    }

    fn recovery(config: &mut Config) -> &mut Recovery {
        socketio(config).recovery.get_or_insert_default()
    }

    type Flag = (flag, fn(&mut Config));

    #[test]
    fn each_flag_does_one_thing() {
        let flags: [Flag; 12] = [
            (flag::SALON_CONFIG_HTTP, |config| config.http = true),
            (flag::SALON_CONFIG_NO_POLLING, |config| socketio(config).polling = false),
            (flag::SALON_CONFIG_NO_WEBSOCKET, |config| socketio(config).websocket = false),
            (flag::SALON_CONFIG_NO_UPGRADE, |config| socketio(config).upgrade = false),
            (flag::SALON_CONFIG_NO_SOCKETIO, |config| config.socketio = None),
            (flag::SALON_CONFIG_CREDENTIALS, |config| config.credentials = true),
            (flag::SALON_CONFIG_KEEP_HANDSHAKES, |config| config.keep_handshake = Keep::All),
            (flag::SALON_CONFIG_ROOM_EVENTS, |config| config.room_events = true),
            (flag::SALON_CONFIG_MEMBER_EVENTS, |config| config.member_events = true),
            (flag::SALON_CONFIG_RECOVERY, |config| _ = recovery(config)),
            (flag::SALON_CONFIG_PROXY_PROTOCOL, |config| config.proxy_protocol = true),
            (flag::SALON_CONFIG_AGAINST_FLOODS, |config| config.limits = Limits::against_floods()),
        ];
        for (bit, change) in flags {
            let mut wanted = Config::default();
            change(&mut wanted);
            assert_ne!(wanted, Config::default());
            assert_eq!(with(|given| given.flags = bit as u32), wanted, "{bit:?}");
        }
        // All bits are in the list, and those that nobody knows mean nothing.
        let known = flags.iter().fold(0, |bits, (bit, _)| bits | *bit as u32);
        assert_eq!(known, 0xfff);
        assert_eq!(with(|given| given.flags = !known), Config::default());
    }

    #[test]
    fn what_is_no_limit_and_no_flag() {
        let changes: [Change; 12] = [
            (|given| given.socketio_path = c"/io/".as_ptr(), |config| socketio(config).path = "/io/".into()),
            (|given| given.allowed_origins = c"*".as_ptr(), |config| config.origins = Origins::All),
            (|given| given.allowed_origins = c"same".as_ptr(), |config| config.origins = Origins::Same),
            (
                |given| given.allowed_origins = c"https://a.example, http://b.example:8080".as_ptr(),
                |config| {
                    let origins = ["https://a.example", "http://b.example:8080"];
                    config.origins = Origins::List(origins.map(str::to_owned).to_vec());
                },
            ),
            (|given| given.overflow = 1, |config| config.overflow = Overflow::Drop),
            (
                |given| given.trusted_proxies = c"10.0.0.0/8, ::1,unix".as_ptr(),
                |config| {
                    let networks = ["10.0.0.0/8", "::1", "unix"].map(|network| network.parse().unwrap());
                    config.trusted_proxies = networks.to_vec();
                },
            ),
            (
                |given| {
                    given.flags = flag::SALON_CONFIG_AGAINST_FLOODS as u32;
                    (given.address_sessions, given.address_connections) = (7, UNLIMITED);
                },
                |config| {
                    config.limits = Limits { address_sessions: 7, ..Limits::against_floods() };
                    config.limits.address_connections = UNLIMITED;
                },
            ),
            // Without the flag there is no recovery.
            (|given| given.recovery_window_ms = 7, |_| ()),
            (|given| recovered(given).recovery_window_ms = 7, |config| recovery(config).window_ms = 7),
            (|given| recovered(given).recovery_events = 7, |config| recovery(config).events = 7),
            (|given| recovered(given).recovery_bytes = 7, |config| recovery(config).bytes = 7),
            (|given| recovered(given).recovery_sockets = 7, |config| recovery(config).sockets = 7),
        ];
        for (number, (give, change)) in changes.into_iter().enumerate() {
            let mut wanted = Config::default();
            change(&mut wanted);
            assert_eq!(with(give), wanted, "change {number}");
        }
        // SAFETY: a whole struct.
        assert!(unsafe { config(&given(|given| given.overflow = 2)) }.is_err());
        let odd = given(|given| given.trusted_proxies = c"10.0.0.0/8,".as_ptr());
        // SAFETY: the same.
        assert!(unsafe { config(&odd) }.is_err());
    }

    fn recovered(given: &mut salon_config) -> &mut salon_config {
        given.flags = flag::SALON_CONFIG_RECOVERY as u32;
        given
    }

    fn namespace_with(change: impl FnOnce(&mut salon_namespace_config)) -> Namespace {
        let mut given = salon_namespace_config { size: size_of::<salon_namespace_config>(), ..zeroed() };
        change(&mut given);
        // SAFETY: a whole struct, whose texts are null or live through the call.
        unsafe { namespace(&given) }.unwrap()
    }

    #[test]
    fn each_field_of_a_namespace_does_one_thing() {
        let default = Namespace::default();
        assert_eq!(namespace_with(|_| ()), default);
        let guarded = salon_namespace_flag::SALON_NAMESPACE_GUARDED as u32;
        assert_eq!(
            namespace_with(|given| given.flags = guarded),
            Namespace { guarded: true, ..default.clone() }
        );
        let require = salon_namespace_flag::SALON_NAMESPACE_REQUIRE_SUBPROTOCOL as u32;
        let wanted = Namespace { require_subprotocol: true, ..default.clone() };
        assert_eq!(namespace_with(|given| given.flags = require), wanted);
        assert_eq!(namespace_with(|given| given.flags = !(guarded | require)), default);
        for (number, dialect) in [(0, Dialect::Json), (1, Dialect::Json), (2, Dialect::Raw)] {
            let wanted = Namespace { dialect, ..default.clone() };
            assert_eq!(namespace_with(|given| given.dialect = number), wanted);
        }
        let spoken = ["one", "two", "three"];
        let names = [c"one".as_ptr(), c"two".as_ptr(), c"three".as_ptr()];
        let speak = |given: &mut salon_namespace_config| {
            (given.subprotocols, given.subprotocol_count) = (names.as_ptr(), names.len());
        };
        let wanted = Namespace { subprotocols: spoken.map(Subprotocol::from).to_vec(), ..default.clone() };
        assert_eq!(namespace_with(speak), wanted);
        let (numbers, dialects) = ([0_u32, 1, 2], [None, Some(Dialect::Json), Some(Dialect::Raw)]);
        let mut wanted = wanted;
        for (subprotocol, dialect) in wanted.subprotocols.iter_mut().zip(dialects) {
            subprotocol.dialect = dialect;
        }
        let got = namespace_with(|given| {
            speak(given);
            given.subprotocol_dialects = numbers.as_ptr();
        });
        assert_eq!(got, wanted);
        // Nothing else is in it.
        let salon_namespace_config {
            size: _,
            flags: _,
            dialect: _,
            subprotocols: _,
            subprotocol_count: _,
            subprotocol_dialects: _,
        } = zeroed();
    }

    #[test]
    fn dialect_that_there_is_not_is_an_error_wherever_it_stands() {
        let (name, number) = (c"one".as_ptr(), 3);
        let mut given = salon_namespace_config { size: size_of::<salon_namespace_config>(), ..zeroed() };
        given.dialect = number;
        // SAFETY: a whole struct, whose texts are null or live through the call.
        assert!(unsafe { namespace(&given) }.is_err());
        given.dialect = 0;
        (given.subprotocols, given.subprotocol_count) = (&raw const name, 1);
        given.subprotocol_dialects = &raw const number;
        // SAFETY: as above.
        assert!(unsafe { namespace(&given) }.is_err());
    }
}
