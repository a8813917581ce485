//! Providers against real sockets.
#![cfg(feature = "openai")]
#![expect(clippy::unwrap_used, reason = "a test that meets a surprise should stop there")]

mod clouds;
mod google;
