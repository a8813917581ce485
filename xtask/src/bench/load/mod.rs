//! The load generator: how requests are sent, timed and judged.
//!
//! It runs on one thread with raw HTTP/1.1 connections, because a pool and a second thread would cost processor time
//! that the measured process needs on the same two cores.

mod arrival;
mod connection;
mod tally;

pub(super) use self::arrival::{Arrival, drive};
pub(super) use self::connection::{Call, Connection, Expect};
pub(super) use self::tally::{Quantiles, Tally};
