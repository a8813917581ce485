//! Tests of the cache layer.

mod coalescing;
mod exact;
mod semantic;
mod support;
