//! What a host did wrong, or what the system refused. What a client does wrong
//! is never an [`Error`]: it is a status, a close code, a disconnect reason.

use std::{borrow::Cow, fmt, io};

/// The result of every call that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of mistake it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument that can never be right: invalid JSON, a reserved event
    /// name, a name that is too long, an address that does not parse.
    Invalid,
    /// No such socket, namespace, request, timer or ack; also a stale id.
    NotFound,
    /// The call does not fit the state of what it is about, say accepting twice.
    State,
    /// A limit of the configuration is reached.
    Limit,
    /// The send queue of the one receiver is full; nothing was queued.
    Backpressure,
    /// The operating system refused.
    Io,
    /// The server is shut down or gone.
    Closed,
}

/// Why a call of the host failed: the kind, and one sentence that says what
/// and why. A call that fails has changed nothing.
#[derive(Debug)]
pub struct Error(Box<Details>);

/// In a box: a result that fits registers is handed on at no cost.
#[derive(Debug)]
struct Details {
    kind: ErrorKind,
    detail: Cow<'static, str>,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Details { kind, detail: detail.into(), source: None }))
    }

    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Invalid, detail)
    }

    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, detail)
    }

    pub(crate) fn state(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::State, detail)
    }

    pub(crate) fn limit(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Limit, detail)
    }

    pub(crate) fn io(doing: impl Into<Cow<'static, str>>, source: io::Error) -> Self {
        Self(Box::new(Details { kind: ErrorKind::Io, detail: doing.into(), source: Some(source) }))
    }

    /// What kind of mistake it was.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}
