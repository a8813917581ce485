//! Tests of the cache layer.

mod coalescing;
mod concealed;
mod exact;
mod semantic;
mod support;
