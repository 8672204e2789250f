//! Names of events as clients send them: a JSON string somewhere in a text.

use std::{borrow::Cow, ops::Range};

use super::{
    json,
    limit::{Limit, Malformed},
    limits::Limits,
};

/// Event names that neither side may send: clients use them for themselves.
pub(crate) const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// An event's name: where it stands, or, if it was written with escapes, what
/// it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    InPlace(Range<usize>),
    Unescaped(String),
}

/// Reads the name whose JSON literal `raw` stands at `at`.
///
/// # Errors
///
/// A sentence for the client.
pub(crate) fn read(raw: &str, at: &Range<usize>, limits: &Limits) -> Result<Name, Malformed> {
    let name = json::unescape(raw).ok_or("the event's name must be a string")?;
    if name.len() > limits.name_bytes as usize {
        let why = format!("the event's name is longer than {} bytes", limits.name_bytes);
        return Err(Malformed::over(Limit::NameBytes, why));
    }
    if name.contains('\0') {
        return Err("the event's name holds a NUL".into());
    }
    if RESERVED.contains(&&*name) {
        return Err(format!("the event name \"{name}\" is reserved").into());
    }
    Ok(match name {
        Cow::Borrowed(_) => Name::InPlace(at.start + 1..at.end - 1),
        Cow::Owned(name) => Name::Unescaped(name),
    })
}
