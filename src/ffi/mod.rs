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
// The comments are C's, in which brackets and angles are no links.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

mod audience;
mod config;
mod error;
mod event;
mod http;
mod json;
mod namespace;
mod remote;
mod server;
mod socket;
mod text;
mod timer;
mod version;

pub use audience::*;
pub use config::*;
pub use error::*;
pub use event::*;
pub use http::*;
pub use json::*;
pub use namespace::*;
pub use remote::*;
pub use server::*;
pub use socket::*;
pub use timer::*;
pub use version::*;
