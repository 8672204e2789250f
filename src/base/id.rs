//! Names of things that come and go: an index into a table and a generation
//! that tells a later tenant of the same index from an earlier one.

use std::num::{NonZeroU32, NonZeroU64};

/// Counts tenancies. One counter serves a whole table, so an id is mistaken
/// for a later one only after four billion tenants, at the same index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(NonZeroU32);

impl Generation {
    pub(crate) const FIRST: Self = Self(NonZeroU32::MIN);

    /// The generation after this one; after the last comes the first.
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU32::MIN))
    }
}

/// Puts a generation (high half, never zero) and an index (low half) into one
/// number that is never zero.
pub(crate) fn pack(index: u32, generation: Generation) -> NonZeroU64 {
    let number = u64::from(generation.0.get()) << 32 | u64::from(index);
    NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN)
}

/// The index in a packed id.
pub(crate) fn index(id: NonZeroU64) -> u32 {
    id.get() as u32
}

/// Declares one kind of id as a type of its own.
macro_rules! declare_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::num::NonZeroU64);

        #[allow(dead_code, reason = "not every kind of id needs every accessor")]
        impl $name {
            pub(crate) fn new(index: u32, generation: crate::base::id::Generation) -> Self {
                Self(crate::base::id::pack(index, generation))
            }

            /// Index into the table that the id belongs to.
            pub(crate) fn index(self) -> u32 {
                crate::base::id::index(self.0)
            }

            /// The id as a number that is never zero, for keeping it where only
            /// numbers fit.
            #[must_use]
            pub fn get(self) -> u64 {
                self.0.get()
            }

            /// The id that [`get`](Self::get) gave as a number; `None` for zero.
            /// A made-up number is harmless: it names nobody.
            #[must_use]
            pub fn from_u64(number: u64) -> Option<Self> {
                std::num::NonZeroU64::new(number).map(Self)
            }
        }
    };
}
declare_id! {
    /// A socket: one client in one namespace. Never reused while a stale copy
    /// could be mistaken for another client.
    SocketId
}
declare_id! {
    /// An ack: one question, asked by a client or by the host.
    AckId
}
declare_id! {
    /// A plain HTTP request that waits for the host's answer.
    RequestId
}
declare_id! {
    /// A timer of the host's.
    TimerId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_index_and_generation_and_comes_back_from_its_number() {
        let second = Generation::FIRST.next();
        let id = SocketId::new(7, second);
        assert_eq!(id.index(), 7);
        assert_eq!(id.get(), (2 << 32) | 7);
        assert_eq!(SocketId::from_u64(id.get()), Some(id));
        assert_ne!(id, SocketId::new(7, second.next()));
        assert_eq!(SocketId::from_u64(0), None);
        assert_eq!(SocketId::new(u32::MAX, Generation(NonZeroU32::MAX)).get(), u64::MAX);
    }
}
