//! Versions, and the few constants of the whole API.

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

/// # Versions and errors
///
/// ---
///
/// Version of the library as major * 1000000 + minor * 1000 + patch.
#[unsafe(no_mangle)]
pub extern "C" fn salon_version() -> u32 {
    SALON_VERSION_MAJOR * 1_000_000 + SALON_VERSION_MINOR * 1_000 + SALON_VERSION_PATCH
}

/// The library's SALON_ABI_VERSION. Refuse to run if it differs from the header's:
/// structs and numbers would not mean the same. Within one number they only grow.
#[unsafe(no_mangle)]
pub extern "C" fn salon_abi_version() -> u32 {
    SALON_ABI_VERSION
}
