//! What is cached: statistics, entries, and how they are forgotten.

mod entries;
mod explain;
mod explained;
mod purge;
mod stats;

pub(super) use entries::entries;
pub(super) use explain::explain;
pub(super) use purge::{purge, purge_near};
pub(super) use stats::stats;
