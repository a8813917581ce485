//! A latency that is right to a few dozen microseconds.
//!
//! Tokio's timer rounds up to whole milliseconds of its own clock. Requests at a fixed rate always meet that clock in
//! the same phase, so a gateway that adds 100 µs would seem to add either nothing or a millisecond. A thread that
//! sleeps by the system's clock has no such steps.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// A handle to the sleeping thread.
#[derive(Debug)]
pub(super) struct Delay {
    queue: Sender<(Instant, oneshot::Sender<()>)>,
}

impl Delay {
    pub(super) fn start() -> Self {
        let (queue, waiting) = channel();
        thread::spawn(move || release(&waiting));
        Self { queue }
    }

    /// Returns after `latency`.
    pub(super) async fn wait(&self, latency: Duration) {
        if latency.is_zero() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        // Neither can fail while the process lives; an answer too early would show in the latencies at once.
        if self.queue.send((Instant::now() + latency, wake)).is_ok() {
            let _ = woken.await;
        }
    }
}

/// All waits are equally long between two changes of the settings, so first come is first due and a queue will do.
fn release(waiting: &Receiver<(Instant, oneshot::Sender<()>)>) {
    while let Ok((due, wake)) = waiting.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let _ = wake.send(());
    }
}
