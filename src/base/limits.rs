//! Every bound, with its unit, its default and the reason for it. Bounds that
//! a host may want to move are fields of [`Limits`]; the others are constants.

/// "No limit", for every field of [`Limits`] where none makes sense.
pub const UNLIMITED: u32 = u32::MAX;

/// What a server takes and for how long it waits. All fields may be changed
/// before the server is made; [`Limits::default`] is fit for the open internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request head, request line included. Over it: 431.
    pub head_bytes: u32,
    /// Header lines of a request. Over it: 431.
    pub header_lines: u32,
    /// Bytes of a request target. Over it: 414.
    pub target_bytes: u32,
    /// From the first byte of a head (or the start of the connection) to its
    /// end. Not prolonged by single bytes. Over it: 408.
    pub head_timeout_ms: u32,
    /// From the end of a head to the end of its body. Over it: 408.
    pub body_timeout_ms: u32,
    /// How long a kept connection may stand without a request. Then it is closed.
    pub idle_timeout_ms: u32,
    /// How long the host may take to answer an HTTP request handed to it. Then 503.
    pub response_timeout_ms: u32,
    /// Bytes of one message after joining its fragments, and of a request's
    /// body. Over it: close code 1009, or 413.
    pub message_bytes: u32,
    /// Fragments of one message. An unfinished message of empty fragments
    /// would cost nothing in bytes. Over it: close code 1008.
    pub message_fragments: u32,
    /// How long the peer may take to answer a close frame. Then it is cut.
    pub close_timeout_ms: u32,
    /// Bytes that a connection's send queue may hold (and 32 for each piece).
    pub queue_bytes: u32,
    /// Bytes of all send queues, logs and partial messages together. Over it
    /// the slowest reader goes first.
    pub memory_bytes: u64,
    /// Bytes that wait in the mailbox of other threads. Over it: the poster's
    /// error.
    pub mailbox_bytes: u32,
    /// Silence after which a client is pinged.
    pub ping_interval_ms: u32,
    /// How long it may take to answer the ping.
    pub ping_timeout_ms: u32,
    /// How long a guard may think, and how long a client may take to enter a
    /// namespace.
    pub connect_timeout_ms: u32,
    /// How long a probing WebSocket may take to become the transport.
    pub upgrade_timeout_ms: u32,
    /// How long the attachments of one packet may take.
    pub attachment_timeout_ms: u32,
    /// How long a closed session waits for a poll to fetch its last words.
    pub drop_timeout_ms: u32,
    /// Sessions that nobody has come back to after the handshake. Over it the
    /// oldest goes, unless it is younger than five seconds: then 503.
    pub unclaimed_sessions: u32,
    /// Engine.IO sessions at a time; those on polling outlive their
    /// connections. Over it: 503 to new ones that begin by polling.
    pub sessions: u32,
    /// Namespaces that one session may be in.
    pub namespaces: u32,
    /// Bytes kept for a client whose guard is still thinking. A plain
    /// WebSocket is not read beyond it.
    pub waiting_bytes: u32,
    /// Acks that the host owes to one socket. Over it the oldest is forgotten.
    pub acks_owed: u32,
    /// Acks that one socket owes to the host. Over it the oldest fails.
    pub acks_awaited: u32,
    /// Attachments of one event. Socket.IO's clients take no more than 10.
    pub attachments: u32,
    /// Packets in one payload that an Engine.IO client posts. Over it: 400, and
    /// the session is closed.
    pub payload_packets: u32,
    /// Packets in the answer to one poll; the rest waits for the next.
    /// python-engineio refuses more than 16.
    pub poll_packets: u32,
    /// Bytes of the name of a namespace, a room or an event.
    pub name_bytes: u32,
    /// Rooms that one socket may be in.
    pub rooms: u32,
    /// Depth of arrays and objects in what a client or the host sends.
    pub json_depth: u32,
    /// Messages taken from one connection in one turn; the rest comes next turn.
    pub turn_messages: u32,
    /// Open connections. [`UNLIMITED`] means as many as the system's limit of
    /// descriptors allows, less a reserve for the host.
    pub connections: u32,
    /// Events that one client may send in a second, on average: every message
    /// of a client, but the acks that it was asked for. Over it, close code
    /// 1008; see [`Reason::Flood`](crate::Reason::Flood). [`UNLIMITED`] unless set,
    /// as are the four below.
    pub client_events_per_s: u32,
    /// How many of these it may send at once, after a pause.
    pub client_events_burst: u32,
    /// Open connections of one address: an IPv4 address, or the 64 bits that an
    /// IPv6 provider gives out as one. [Trusted proxies] do not count. Over it:
    /// 429, and the connection is closed.
    ///
    /// [Trusted proxies]: crate::Config::trusted_proxies
    pub address_connections: u32,
    /// Connections that one address may open in a minute, on average, and at
    /// once. Over it: 429, and the connection is closed.
    pub address_connects_per_min: u32,
    /// Sessions of one address at a time, which is also counted for clients
    /// that come by a trusted proxy. Over it: 429.
    pub address_sessions: u32,
    /// Handshakes of one address in a minute, on average, and at once: plain
    /// WebSockets, Engine.IO sessions, and what a session asks for beyond its
    /// first namespace. Over it: 429, or CONNECT_ERROR.
    pub address_handshakes_per_min: u32,
}

impl Limits {
    /// The defaults, with bounds against floods that leave people alone: fit for
    /// a chat that the whole internet can reach. A program that speaks for many,
    /// or many behind one address, may need more.
    #[must_use]
    pub fn against_floods() -> Self {
        Self {
            client_events_per_s: 20,
            address_connections: 200,
            address_connects_per_min: 600,
            address_sessions: 100,
            address_handshakes_per_min: 300,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 16 << 10,
            header_lines: 100,
            target_bytes: 8 << 10,
            head_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            idle_timeout_ms: 10_000,
            response_timeout_ms: 30_000,
            message_bytes: 1_000_000,
            message_fragments: 1_024,
            close_timeout_ms: 5_000,
            queue_bytes: 4 << 20,
            memory_bytes: 1 << 30,
            mailbox_bytes: 64 << 20,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            connect_timeout_ms: 45_000,
            upgrade_timeout_ms: 10_000,
            attachment_timeout_ms: 20_000,
            drop_timeout_ms: 30_000,
            unclaimed_sessions: 20_000,
            sessions: 100_000,
            namespaces: 16,
            waiting_bytes: 64 << 10,
            acks_owed: 1_024,
            acks_awaited: 1_024,
            attachments: 10,
            payload_packets: 4_096,
            poll_packets: 16,
            name_bytes: 255,
            rooms: 128,
            json_depth: 64,
            turn_messages: 256,
            connections: UNLIMITED,
            client_events_per_s: UNLIMITED,
            client_events_burst: 200,
            address_connections: UNLIMITED,
            address_connects_per_min: UNLIMITED,
            address_sessions: UNLIMITED,
            address_handshakes_per_min: UNLIMITED,
        }
    }
}

/// Largest whole number that JavaScript holds exactly: the largest id of an ack.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
/// Bytes of one message, HTTP body or post of the host's. Positions in a chunk
/// have 32 bits, and escapes in JSON make six bytes of one.
pub(crate) const HOST_BYTES: usize = 256 << 20;
/// Bytes of one control frame's body (RFC 6455 §5.5).
pub(crate) const CONTROL_BYTES: usize = 125;
/// Bytes of a close frame's reason: a control frame less the code (RFC 6455 §5.5.1).
pub(crate) const CLOSE_REASON_BYTES: usize = 123;
/// Bytes of answers that may wait for a client before its next request is
/// looked at. Who pipelines requests and reads no answers holds one more than this.
pub(crate) const ANSWERS_AHEAD_BYTES: usize = 64 << 10;
/// How long what a peer still sends is read and dropped after our end is
/// closed, so that a reset does not destroy the last answer (RFC 9112 §9.6).
pub(crate) const LINGER_MS: u32 = 1_000;
/// Pings of one connection that are answered each for itself in one turn;
/// beyond that only the latest is (RFC 6455 §5.5.3).
pub(crate) const PINGS_PER_TURN: u8 = 16;
/// Empty lines skipped before a request line. RFC 9112 §2.2 asks for one at
/// least; old clients send one after a body, nobody sends many.
pub(crate) const EMPTY_LINES: u8 = 4;
/// Bytes of a request's method. The longest that is known has seven.
pub(crate) const METHOD_BYTES: u32 = 32;
/// Digits of a chunk's size: as many as 64 bits need (RFC 9112 §7.1).
pub(crate) const CHUNK_SIZE_DIGITS: u8 = 16;
/// Bytes of all chunk extensions of one body, so that a body of small chunks
/// cannot be a large stream of extensions. hyper's bound is the same.
pub(crate) const CHUNK_EXTENSION_BYTES: u32 = 16 << 10;
/// Bytes of the trailer lines of one body. hyper's bound is the same.
pub(crate) const TRAILER_BYTES: u32 = 16 << 10;
/// Clients that the system keeps at the door before they are accepted.
pub(crate) const BACKLOG: i32 = 4_096;
/// Clients accepted at one listener in one turn, so that a rush at the door
/// does not stop the conversation inside.
pub(crate) const ACCEPTS_PER_TURN: usize = 256;
/// After how long accepting is tried again when descriptors have run out.
pub(crate) const ACCEPT_RETRY_MS: u64 = 200;
/// Descriptors left to the host.
pub(crate) const DESCRIPTOR_RESERVE: usize = 32;
/// A session that nobody has come back to is not given up before this.
pub(crate) const UNCLAIMED_MS: u64 = 5_000;
/// Bytes of the errands of other threads that are done in one turn; half of what
/// its events may hold, so that clients are heard as well.
pub(crate) const ERRANDS_PER_TURN_BYTES: usize = 4 << 20;
/// How late a loop that is not held up may wake: a clock of milliseconds, a
/// system that rounds waits up, other processes. A session's pong is due from
/// when its ping was, unless the loop was later than this.
pub(crate) const LATE_MS: u64 = 20;
/// Connections of one address that are told at a time that they are too many;
/// beyond that they are cut without a word, so that refusing costs less than
/// being refused.
pub(crate) const REFUSALS_AT_A_TIME: u32 = 16;
/// Bytes of a PROXY header. The addresses of version 2 take 232 at most; the
/// rest is for what proxies add about certificates.
pub(crate) const PROXY_BYTES: usize = 4 << 10;
/// Clients that are sent away in one moment when the server ends; more if there
/// are so many that the time would not do.
pub(crate) const DRAIN_BATCH: usize = 256;
/// The time between two such batches, on average: each is half to one and a half
/// times as long.
pub(crate) const DRAIN_PAUSE_MS: u64 = 100;
/// The time in which all have been told.
pub(crate) const DRAIN_SPREAD_MS: u64 = 5_000;
/// How long sessions on polling have to fetch their last words over the
/// connections that they have. A client polls again as soon as it is answered.
pub(crate) const DRAIN_FETCH_MS: u64 = 1_000;
