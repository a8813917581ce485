//! When requests are sent: closed loop, open loop, or many streams at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

use super::connection::{Call, Connection, Failure};
use super::tally::Tally;

/// A worker gives up after so many failures in a row, because a dead target would otherwise cost a timeout per request.
const PATIENCE: u32 = 10;

/// The open loop sends no more while so many are unanswered; the machine would fall over before the target did.
const MOST_IN_FLIGHT: usize = 4096;

/// A pattern of sending. Every pattern is bounded, by count or by time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Arrival {
    /// `concurrency` workers, each sending again when answered, until `requests` were sent or `limit` has passed.
    Closed { concurrency: usize, requests: u64, limit: Duration },
    /// `rate` requests a second for `duration`, whether or not the earlier ones were answered.
    Open { rate: f64, duration: Duration },
    /// `count` requests at once, begun evenly over `ramp`.
    Burst { count: usize, ramp: Duration },
}

/// What all workers of a phase share.
struct Phase {
    call: Call,
    timeout: Duration,
    tally: RefCell<Tally>,
}

/// Sends `call` in the given pattern and returns what was seen and how long it took.
pub(crate) async fn drive(arrival: Arrival, call: Call, timeout: Duration) -> (Tally, Duration) {
    let phase = Rc::new(Phase { call, timeout, tally: RefCell::new(Tally::new()) });
    let took = LocalSet::new()
        .run_until(async {
            match arrival {
                Arrival::Closed { concurrency, requests, limit } => closed(&phase, concurrency, requests, limit).await,
                Arrival::Open { rate, duration } => open(&phase, rate, duration).await,
                Arrival::Burst { count, ramp } => burst(&phase, count, ramp).await,
            }
        })
        .await;
    (phase.tally.replace(Tally::new()), took)
}

async fn closed(phase: &Rc<Phase>, concurrency: usize, requests: u64, limit: Duration) -> Duration {
    let connections = phase.connect(concurrency).await;
    let left = Rc::new(Cell::new(requests));
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for mut connection in connections {
        let (phase, left) = (Rc::clone(phase), Rc::clone(&left));
        workers.spawn_local(async move {
            let mut failures = 0;
            while left.get() > 0 && start.elapsed() < limit && failures < PATIENCE {
                left.set(left.get() - 1);
                let good = phase.request(&mut connection, Instant::now()).await;
                failures = if good { 0 } else { failures + 1 };
            }
        });
    }
    while workers.join_next().await.is_some() {}
    start.elapsed()
}

async fn open(phase: &Rc<Phase>, rate: f64, duration: Duration) -> Duration {
    // Idle connections; at the start enough for most latencies, later as many as were ever needed at once.
    let idle = Rc::new(RefCell::new(phase.connect(16).await));
    let (start, mut ticks) = clock(rate, duration);
    let mut requests = JoinSet::new();
    while let Some(intended) = ticks.recv().await {
        while requests.try_join_next().is_some() {}
        if requests.len() >= MOST_IN_FLIGHT {
            phase.tally.borrow_mut().failure(&Failure::Overrun);
            continue;
        }
        let (phase, idle) = (Rc::clone(phase), Rc::clone(&idle));
        requests.spawn_local(async move {
            let mut connection = idle.borrow_mut().pop().unwrap_or_default();
            phase.request(&mut connection, intended).await;
            idle.borrow_mut().push(connection);
        });
    }
    while requests.join_next().await.is_some() {}
    start.elapsed()
}

async fn burst(phase: &Rc<Phase>, count: usize, ramp: Duration) -> Duration {
    let connections = phase.connect(count).await;
    let start = Instant::now();
    let mut streams = JoinSet::new();
    for (mut connection, offset) in connections.into_iter().zip(schedule(count, ramp)) {
        let phase = Rc::clone(phase);
        streams.spawn_local(async move {
            tokio::time::sleep_until((start + offset).into()).await;
            // From now and not from the offset: here the ramp only spreads the streams, it is not a promised rate.
            phase.request(&mut connection, Instant::now()).await;
        });
    }
    while streams.join_next().await.is_some() {}
    start.elapsed()
}

impl Phase {
    /// Opens connections before the clock starts; one that fails is tried again, and counted, by its first request.
    async fn connect(&self, count: usize) -> Vec<Connection> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            let mut connection = Connection::default();
            let _ = tokio::time::timeout(self.timeout, connection.open(self.call.address)).await;
            connections.push(connection);
        }
        connections
    }

    /// Sends one request. Its latency counts from when it was to be sent: if the target holds the generator up, those
    /// who would have asked meanwhile have waited too (the omission known as coordinated).
    async fn request(&self, connection: &mut Connection, intended: Instant) -> bool {
        let waited = intended.elapsed();
        self.tally.borrow_mut().lag(waited);
        let on_gap = |gap| self.tally.borrow_mut().gap(gap);
        let outcome = connection.send(&self.call, self.timeout, on_gap).await;
        let mut tally = self.tally.borrow_mut();
        match outcome {
            Ok(reply) => {
                tally.reply(&reply, intended.elapsed(), waited);
                true
            }
            Err(failure) => {
                tally.failure(&failure);
                false
            }
        }
    }
}

/// Sends the intended instants of an open loop, each when it comes. A thread keeps the time because tokio's timer is
/// right only to a millisecond, which is more than a gateway adds.
fn clock(rate: f64, duration: Duration) -> (Instant, mpsc::UnboundedReceiver<Instant>) {
    let (send, receive) = mpsc::unbounded_channel();
    let start = Instant::now();
    let count = count_for(rate, duration);
    std::thread::spawn(move || {
        for offset in schedule(count, duration) {
            let intended = start + offset;
            std::thread::sleep(intended.saturating_duration_since(Instant::now()));
            if send.send(intended).is_err() {
                return;
            }
        }
    });
    (start, receive)
}

/// How many requests a rate makes in a time.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn count_for(rate: f64, duration: Duration) -> usize {
    (rate * duration.as_secs_f64()).round() as usize
}

/// `count` instants spread evenly over `duration`, the first at zero. Each is computed from the start, so that rounding
/// does not add up.
fn schedule(count: usize, duration: Duration) -> impl Iterator<Item = Duration> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    (0..count).map(move |i| duration.mul_f64(f64::from(i) / f64::from(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_becomes_evenly_spaced_instants() {
        let duration = Duration::from_secs(3);
        let times: Vec<Duration> = schedule(count_for(100.0, duration), duration).collect();
        assert_eq!((times.len(), times[0]), (300, Duration::ZERO));
        for (i, pair) in times.windows(2).enumerate() {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            assert!((gap - 0.01).abs() < 1e-6, "gap {i} is {gap}");
        }
        assert!((times[299].as_secs_f64() - 2.99).abs() < 1e-6, "no drift");
    }

    #[test]
    fn the_clock_ends_by_itself_and_is_never_early() {
        let (start, mut ticks) = clock(1000.0, Duration::from_millis(30));
        let mut count = 0;
        while let Some(intended) = ticks.blocking_recv() {
            assert!(Instant::now() >= intended && intended >= start);
            count += 1;
        }
        assert_eq!(count, 30);
    }
}
