//! Tests of the cache layer.
