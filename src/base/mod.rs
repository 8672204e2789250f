//! Floor 0: what every other floor may use. Knows no protocol.

pub(crate) mod error;
pub(crate) mod few;
pub(crate) mod id;
pub(crate) mod json;
pub(crate) mod limit;
pub(crate) mod limits;
pub(crate) mod name;
pub(crate) mod network;
pub(crate) mod placeholder;
pub(crate) mod pool;
pub(crate) mod rate;

/// A moment, in milliseconds since the engine was made. Floor 4 reads the
/// clock; everything below is told what time it is.
pub(crate) type Millis = u64;
