//! Not asking again, for a short while, what has just been found broken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A circuit breaker over one server. After some failures in a row it refuses everything for a cool-down, then lets a
/// single request through to see; if that fails too, the next cool-down is twice as long.
#[derive(Debug)]
pub struct Breaker {
    settings: CoolDown,
    state: Mutex<State>,
}

/// How long a server that is broken is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolDown {
    /// The first time.
    pub first: Duration,
    /// At most, if it goes on to be broken.
    pub longest: Duration,
}

/// That a request may be made. How it went must be told; if it is dropped before, it went neither way.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    cool_downs: u32,
    open_until: Option<Instant>,
    is_probing: bool,
}

/// Fewer could be chance, such as a connection that was closed while it was idle.
const FAILURES: u32 = 3;

// === impl CoolDown ===

impl Default for CoolDown {
    /// 200 milliseconds and 5 seconds.
    fn default() -> Self {
        Self { first: Duration::from_millis(200), longest: Duration::from_secs(5) }
    }
}

// === impl Breaker ===

impl Breaker {
    /// A breaker that is closed.
    #[must_use]
    pub fn new(settings: CoolDown) -> Arc<Self> {
        Arc::new(Self { settings, state: Mutex::default() })
    }

    /// A permit, unless the server is being left alone.
    #[must_use]
    pub fn admit(&self) -> Option<Permit<'_>> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<Permit<'_>> {
        let mut state = self.lock();
        let is_probe = match state.open_until {
            None => false,
            Some(until) if now < until || state.is_probing => return None,
            Some(_) => true,
        };
        state.is_probing |= is_probe;
        Some(Permit { breaker: self, is_probe })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Permit ===

impl Permit<'_> {
    /// The server answered, whatever it said.
    pub fn succeeded(self) {
        let mut state = self.breaker.lock();
        // One that was sent before the failures says nothing about the time since.
        if self.is_probe || state.open_until.is_none() {
            *state = State::default();
        }
    }

    /// The server did not answer.
    pub fn failed(self) {
        self.failed_at(Instant::now());
    }

    /// Whether the server is left alone from now on.
    fn failed_at(self, now: Instant) -> bool {
        let mut state = self.breaker.lock();
        state.failures += 1;
        let is_opening = self.is_probe || (state.open_until.is_none() && state.failures >= FAILURES);
        if is_opening {
            let CoolDown { first, longest } = self.breaker.settings;
            let cool_down = first.saturating_mul(1 << state.cool_downs.min(16)).min(longest);
            // Jittered, lest all gateways come back to the server in the same moment.
            state.open_until = Some(now + cool_down.mul_f64(0.75 + fastrand::f64() / 2.0));
            state.cool_downs += 1;
            state.is_probing = false;
        }
        is_opening
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1);

    fn breaker() -> Arc<Breaker> {
        Breaker::new(CoolDown { first: Duration::from_millis(100), longest: Duration::from_millis(400) })
    }

    fn open(breaker: &Breaker, now: Instant) {
        let opened: Vec<bool> = (0..3).map(|_| breaker.admit_at(now).unwrap().failed_at(now)).collect();
        assert_eq!(opened, [false, false, true]);
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_probe_closes_it() {
        let (breaker, now) = (breaker(), Instant::now());
        open(&breaker, now);
        assert!(breaker.admit_at(now + Duration::from_millis(70)).is_none());
        let probe = breaker.admit_at(now + LONG).unwrap();
        assert!(breaker.admit_at(now + LONG).is_none(), "one probe at a time");
        probe.succeeded();
        assert!(breaker.admit_at(now + LONG).is_some());
    }

    #[test]
    fn a_success_forgives() {
        let (breaker, now) = (breaker(), Instant::now());
        for _ in 0..5 {
            assert!(!breaker.admit_at(now).unwrap().failed_at(now));
            assert!(!breaker.admit_at(now).unwrap().failed_at(now));
            breaker.admit_at(now).unwrap().succeeded();
        }
    }

    #[test]
    fn cool_downs_grow_up_to_a_limit() {
        let (breaker, mut now) = (breaker(), Instant::now());
        open(&breaker, now);
        for milliseconds in [200, 400, 400] {
            now += LONG;
            assert!(breaker.admit_at(now).unwrap().failed_at(now));
            assert!(breaker.admit_at(now + Duration::from_millis(milliseconds * 7 / 10)).is_none());
            assert!(breaker.admit_at(now + Duration::from_millis(milliseconds * 13 / 10)).is_some());
        }
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_room_for_another() {
        let (breaker, now) = (breaker(), Instant::now());
        open(&breaker, now);
        drop(breaker.admit_at(now + LONG).unwrap());
        assert!(breaker.admit_at(now + LONG).is_some());
    }

    #[test]
    fn what_was_sent_before_does_not_close_it() {
        let (breaker, now) = (breaker(), Instant::now());
        let early = breaker.admit_at(now).unwrap();
        open(&breaker, now);
        early.succeeded();
        assert!(breaker.admit_at(now).is_none());
    }
}
