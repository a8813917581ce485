//! The Tollgate server as a library: configuration, composition and the admin API behind the thin binary.
pub mod config;
