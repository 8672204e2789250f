//! Why a socket is gone.

use std::fmt;

/// Why a client is gone. [`Disconnect`](crate::Event::Disconnect) carries the
/// WebSocket close code and text beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It said goodbye in the orderly way: a close frame, or Socket.IO's
    /// DISCONNECT.
    ClientLeft,
    /// Its connection ended without a goodbye.
    TransportClose,
    /// Its connection broke.
    TransportError,
    /// It answered no ping in time.
    PingTimeout,
    /// The host disconnected it.
    ServerLeft,
    /// The host closed its namespace.
    NamespaceClosed,
    /// The host rejected it at the door.
    Rejected,
    /// The guard did not answer in time.
    GuardTimeout,
    /// It broke the protocol: bad frames, text that is not UTF-8.
    ProtocolError,
    /// It sent a packet that can't be decoded.
    ParseError,
    /// It sent a message over the limit.
    MessageTooBig,
    /// It broke another limit, such as the number of fragments.
    PolicyViolation,
    /// It read too slowly and its send queue was full.
    SlowReader,
    /// The memory of all send queues was used up, and this client owed the most.
    OutOfMemory,
    /// The server shuts down.
    Shutdown,
    /// It sent more events than it may
    /// ([`client_events_per_s`](crate::Limits::client_events_per_s)).
    Flood,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::ClientLeft,
        Self::TransportClose,
        Self::TransportError,
        Self::PingTimeout,
        Self::ServerLeft,
        Self::NamespaceClosed,
        Self::Rejected,
        Self::GuardTimeout,
        Self::ProtocolError,
        Self::ParseError,
        Self::MessageTooBig,
        Self::PolicyViolation,
        Self::SlowReader,
        Self::OutOfMemory,
        Self::Shutdown,
        Self::Flood,
    ];

    /// In a few words, such as "ping timeout".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientLeft => "client left",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ServerLeft => "server left",
            Self::NamespaceClosed => "namespace closed",
            Self::Rejected => "rejected",
            Self::GuardTimeout => "guard timeout",
            Self::ProtocolError => "protocol error",
            Self::ParseError => "parse error",
            Self::MessageTooBig => "message too big",
            Self::PolicyViolation => "policy violation",
            Self::SlowReader => "slow reader",
            Self::OutOfMemory => "out of memory",
            Self::Shutdown => "server shutting down",
            Self::Flood => "too many events",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
