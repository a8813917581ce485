//! Waiting, and ports.

use std::time::{Duration, Instant};

/// How long anything may take that takes milliseconds on an idle machine. Long, because a test that fails on a busy
/// machine is worse than one that fails late.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until there is something to see.
///
/// # Panics
/// If there is nothing after [`PATIENCE`]; `what` says in the message what was expected.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A loopback port that nobody listens on. Somebody else may take it before it is used, so be ready to ask for another.
///
/// # Panics
/// If the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
