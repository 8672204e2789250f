//! Floor 6: the C API. One C function is one Rust call: every pointer and text
//! is checked, panics are caught, and errors become numbers. `include/salon.h`
//! is made from these files by cbindgen, so the comments here are its manual.
//!
//! Names follow C's manners, not Rust's. Pointers that come in are valid or
//! null as the header demands; nothing here keeps one beyond its call.

#![allow(
    unsafe_code,
    non_camel_case_types,
    clippy::missing_safety_doc,
    reason = "a C API: its contract is the header"
)]

mod audience;
mod config;
mod error;
mod event;
mod json;
mod remote;
mod server;
mod socket;
mod text;

pub use audience::*;
pub use config::*;
pub use error::*;
pub use event::*;
pub use json::*;
pub use remote::*;
pub use server::*;
pub use socket::*;

/// Major part of the version of this header.
pub const SALON_VERSION_MAJOR: u32 = 0;
/// Minor part of the version of this header.
pub const SALON_VERSION_MINOR: u32 = 1;
/// Patch part of the version of this header.
pub const SALON_VERSION_PATCH: u32 = 0;
/// Binary interface that this header describes; see salon_abi_version().
pub const SALON_ABI_VERSION: u32 = 1;
/// Wait without end, for salon_server_poll().
pub const SALON_FOREVER: i32 = -1;
/// No limit, for every limit where none makes sense.
pub const SALON_UNLIMITED: u32 = u32::MAX;

/// Version of the library as major * 1000000 + minor * 1000 + patch.
#[unsafe(no_mangle)]
pub extern "C" fn salon_version() -> u32 {
    SALON_VERSION_MAJOR * 1_000_000 + SALON_VERSION_MINOR * 1_000 + SALON_VERSION_PATCH
}

/// The library's SALON_ABI_VERSION. Refuse to run if it differs from the header's.
#[unsafe(no_mangle)]
pub extern "C" fn salon_abi_version() -> u32 {
    SALON_ABI_VERSION
}
