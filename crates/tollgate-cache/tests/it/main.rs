//! Tests of the crate from outside, and measurements on data that is there on some machines only.

mod text;
