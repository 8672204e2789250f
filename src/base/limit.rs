//! The limits by name, for those who count how often they were met.

use std::borrow::Cow;

use super::json::JsonFault;

/// A limit that clients or other threads can meet; each is a field of [`Limits`](crate::Limits), which
/// says more. [`Stats::breaches`](crate::Stats::breaches) tells how often it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`head_bytes`](crate::Limits::head_bytes): 431.
    HeadBytes,
    /// [`header_lines`](crate::Limits::header_lines): 431.
    HeaderLines,
    /// [`target_bytes`](crate::Limits::target_bytes): 414.
    TargetBytes,
    /// [`head_timeout_ms`](crate::Limits::head_timeout_ms): 408, or the connection is closed if nothing has come.
    HeadTimeout,
    /// [`body_timeout_ms`](crate::Limits::body_timeout_ms): 408.
    BodyTimeout,
    /// [`idle_timeout_ms`](crate::Limits::idle_timeout_ms): the connection is closed.
    IdleTimeout,
    /// [`response_timeout_ms`](crate::Limits::response_timeout_ms): 503.
    ResponseTimeout,
    /// [`message_bytes`](crate::Limits::message_bytes): close code 1009, or 413.
    MessageBytes,
    /// [`message_fragments`](crate::Limits::message_fragments): close code 1008.
    MessageFragments,
    /// [`close_timeout_ms`](crate::Limits::close_timeout_ms): the connection is cut.
    CloseTimeout,
    /// [`queue_bytes`](crate::Limits::queue_bytes): close code 1013, or the message is dropped.
    QueueBytes,
    /// [`memory_bytes`](crate::Limits::memory_bytes): close code 1013 if it fits.
    MemoryBytes,
    /// [`ping_timeout_ms`](crate::Limits::ping_timeout_ms): close code 1011.
    PingTimeout,
    /// [`connect_timeout_ms`](crate::Limits::connect_timeout_ms): 503, CONNECT_ERROR, or the session is closed.
    ConnectTimeout,
    /// [`upgrade_timeout_ms`](crate::Limits::upgrade_timeout_ms): the probe is closed, polling goes on.
    UpgradeTimeout,
    /// [`attachment_timeout_ms`](crate::Limits::attachment_timeout_ms): the session is closed.
    AttachmentTimeout,
    /// [`drop_timeout_ms`](crate::Limits::drop_timeout_ms): the session is forgotten.
    DropTimeout,
    /// [`unclaimed_sessions`](crate::Limits::unclaimed_sessions): the oldest goes, or 503.
    UnclaimedSessions,
    /// [`sessions`](crate::Limits::sessions): 503.
    Sessions,
    /// [`namespaces`](crate::Limits::namespaces): CONNECT_ERROR.
    Namespaces,
    /// [`waiting_bytes`](crate::Limits::waiting_bytes): CONNECT_ERROR to a Socket.IO client; a plain one is not read.
    WaitingBytes,
    /// [`acks_owed`](crate::Limits::acks_owed): the oldest question is forgotten.
    AcksOwed,
    /// [`acks_awaited`](crate::Limits::acks_awaited): the oldest question fails.
    AcksAwaited,
    /// [`attachments`](crate::Limits::attachments): the session is closed, or `exception`.
    Attachments,
    /// [`payload_packets`](crate::Limits::payload_packets): 400, and the session is closed.
    PayloadPackets,
    /// [`name_bytes`](crate::Limits::name_bytes): 404, CONNECT_ERROR, `exception`, or the session is closed.
    NameBytes,
    /// [`json_depth`](crate::Limits::json_depth): the session is closed, or `exception`.
    JsonDepth,
    /// [`connections`](crate::Limits::connections): who comes then waits at the door.
    Connections,
    /// [`client_events_per_s`](crate::Limits::client_events_per_s): close code 1008; to a Socket.IO client DISCONNECT before it.
    ClientEvents,
    /// [`address_connections`](crate::Limits::address_connections): 429.
    AddressConnections,
    /// [`address_connects_per_min`](crate::Limits::address_connects_per_min): 429.
    AddressConnects,
    /// [`address_sessions`](crate::Limits::address_sessions): 429.
    AddressSessions,
    /// [`address_handshakes_per_min`](crate::Limits::address_handshakes_per_min): 429, or CONNECT_ERROR.
    AddressHandshakes,
    /// [`mailbox_bytes`](crate::Limits::mailbox_bytes): the error [`Limit`](crate::ErrorKind::Limit) to the thread that posts.
    MailboxBytes,
}

impl Limit {
    /// All limits, in the order of their numbers.
    pub const ALL: [Self; 34] = [
        Self::HeadBytes,
        Self::HeaderLines,
        Self::TargetBytes,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::IdleTimeout,
        Self::ResponseTimeout,
        Self::MessageBytes,
        Self::MessageFragments,
        Self::CloseTimeout,
        Self::QueueBytes,
        Self::MemoryBytes,
        Self::PingTimeout,
        Self::ConnectTimeout,
        Self::UpgradeTimeout,
        Self::AttachmentTimeout,
        Self::DropTimeout,
        Self::UnclaimedSessions,
        Self::Sessions,
        Self::Namespaces,
        Self::WaitingBytes,
        Self::AcksOwed,
        Self::AcksAwaited,
        Self::Attachments,
        Self::PayloadPackets,
        Self::NameBytes,
        Self::JsonDepth,
        Self::Connections,
        Self::ClientEvents,
        Self::AddressConnections,
        Self::AddressConnects,
        Self::AddressSessions,
        Self::AddressHandshakes,
        Self::MailboxBytes,
    ];

    /// The name of its field in [`Limits`](crate::Limits).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HeadBytes => "head_bytes",
            Self::HeaderLines => "header_lines",
            Self::TargetBytes => "target_bytes",
            Self::HeadTimeout => "head_timeout_ms",
            Self::BodyTimeout => "body_timeout_ms",
            Self::IdleTimeout => "idle_timeout_ms",
            Self::ResponseTimeout => "response_timeout_ms",
            Self::MessageBytes => "message_bytes",
            Self::MessageFragments => "message_fragments",
            Self::CloseTimeout => "close_timeout_ms",
            Self::QueueBytes => "queue_bytes",
            Self::MemoryBytes => "memory_bytes",
            Self::PingTimeout => "ping_timeout_ms",
            Self::ConnectTimeout => "connect_timeout_ms",
            Self::UpgradeTimeout => "upgrade_timeout_ms",
            Self::AttachmentTimeout => "attachment_timeout_ms",
            Self::DropTimeout => "drop_timeout_ms",
            Self::UnclaimedSessions => "unclaimed_sessions",
            Self::Sessions => "sessions",
            Self::Namespaces => "namespaces",
            Self::WaitingBytes => "waiting_bytes",
            Self::AcksOwed => "acks_owed",
            Self::AcksAwaited => "acks_awaited",
            Self::Attachments => "attachments",
            Self::PayloadPackets => "payload_packets",
            Self::NameBytes => "name_bytes",
            Self::JsonDepth => "json_depth",
            Self::Connections => "connections",
            Self::ClientEvents => "client_events_per_s",
            Self::AddressConnections => "address_connections",
            Self::AddressConnects => "address_connects_per_min",
            Self::AddressSessions => "address_sessions",
            Self::AddressHandshakes => "address_handshakes_per_min",
            Self::MailboxBytes => "mailbox_bytes",
        }
    }
}

/// Why what a client has sent can't be taken, in a sentence for it, and the limit
/// that it is over, if that is why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) Cow<'static, str>, pub(crate) Option<Limit>);

impl Malformed {
    pub(crate) fn over(limit: Limit, why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into(), Some(limit))
    }

    /// For JSON in which this is wrong.
    pub(crate) fn json(fault: &JsonFault, why: String) -> Self {
        let limit = (*fault == JsonFault::TooDeep).then_some(Limit::JsonDepth);
        Self(why.into(), limit)
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for Malformed {
    fn from(why: T) -> Self {
        Self(why.into(), None)
    }
}
