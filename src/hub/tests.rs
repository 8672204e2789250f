//! The hub, as scenarios and beside a model.

mod acks;
mod invariants;
mod model;
mod scenarios;

use super::{audience::Selection, *};
use crate::base::error::ErrorKind;
