//! How long single steps of a message take. The crate's insides are private,
//! and a door for benchmarks would be one for everybody; so the files of floors
//! 0 to 3, which need neither sockets nor a clock, are compiled in here as they
//! are. (A library of its own and not the benchmark itself, because what cargo
//! benches is compiled with the files' tests.)
// ../../Cargo.toml says which lints hold in these files.
#![allow(dead_code, unused_imports, clippy::box_collection)]

#[path = "../../src/base/mod.rs"]
mod base;
#[path = "../../src/codec/mod.rs"]
mod codec;
#[path = "../../src/engine/mod.rs"]
mod engine;
#[path = "../../src/hub/mod.rs"]
mod hub;
#[path = "../../src/session/mod.rs"]
mod session;

mod measured;

pub use measured::{codec, engine, hub, json};
