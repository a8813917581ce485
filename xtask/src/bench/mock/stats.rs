//! What the mock has served, as `GET /__stats` shows it.
//!
//! A gateway that buffers, retries or reads on after its client has gone shows here and nowhere else.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

/// Counters over the life of the process.
#[derive(Debug, Default)]
pub(super) struct Stats {
    requests: AtomicU64,
    live: AtomicU64,
    completed: AtomicU64,
    cancelled: AtomicU64,
    /// When the last stream ended, in microseconds since 1970: a client on the same machine compares it with its own end.
    ended_at: AtomicU64,
}

impl Stats {
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn stream_begins(&self) {
        self.live.fetch_add(1, Relaxed);
    }

    pub(super) fn stream_ends(&self, completed: bool) {
        self.live.fetch_sub(1, Relaxed);
        let ended = if completed { &self.completed } else { &self.cancelled };
        ended.fetch_add(1, Relaxed);
        self.ended_at.fetch_max(now_micros(), Relaxed);
    }

    pub(super) fn render(&self) -> Bytes {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        serde_json::json!({
            "requests": of(&self.requests),
            "streams": {
                "live": of(&self.live),
                "completed": of(&self.completed),
                "cancelled": of(&self.cancelled),
                "ended_at": of(&self.ended_at),
            },
        })
        .to_string()
        .into()
    }
}

/// Microseconds since 1970.
pub(in crate::bench) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
