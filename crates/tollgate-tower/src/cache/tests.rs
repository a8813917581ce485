//! Tests of the cache layer.

mod coalescing;
mod concealed;
mod exact;
mod failure_modes;
mod semantic;
mod support;
