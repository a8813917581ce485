//! A reader of an answer that others read too.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tollgate_core::{Error, Outcome};

use super::state::{Begun, Chunk, Driven, State, Wakers};
use super::table::{Boarding, Registration};

/// An answer that is on its way.
pub(super) struct Flight {
    pub(super) state: Mutex<State>,
    wakers: Arc<Wakers>,
    /// What the first one sent, for others to see whether they want the very same bytes.
    pub(super) leader: tollgate_core::Request,
    pub(super) registration: Option<Registration>,
}

/// A place in a flight. Leaving is dropping it.
pub struct Seat {
    flight: Arc<Flight>,
    number: usize,
    position: u64,
    context: tollgate_core::Context,
}

impl Flight {
    pub(super) fn new(leader: tollgate_core::Request, registration: Option<Registration>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new()), wakers: Arc::default(), leader, registration })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while polling leaves a source that is not polled again; its readers see it end.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn landed(&self, landing: Option<(super::state::OnLanding, super::Landing)>) {
        if let Some((on_landing, landing)) = landing {
            on_landing(landing);
        }
        // After it was stored: who asks now finds it there, or else here.
        if let Some(registration) = &self.registration {
            registration.end(self);
        }
    }
}

impl Seat {
    /// The first seat.
    pub(super) fn first(flight: Arc<Flight>) -> Self {
        let context = flight.leader.context.clone();
        Self { flight, number: 0, position: 0, context }
    }

    /// Says what is called. Until then, those who have joined wait.
    pub(super) fn board(&self, boarding: Boarding) {
        self.flight.lock().board(boarding);
        self.flight.wakers.wake_all();
    }

    /// A further seat, if the answer can still be read from its beginning.
    pub(super) fn further(flight: &Arc<Flight>, context: &tollgate_core::Context) -> Option<Self> {
        let mut state = flight.lock();
        // Without seats the work was given up, and is about to be taken off the table.
        if !state.can_be_joined() || state.seats.iter().all(Option::is_none) {
            return None;
        }
        let number = state.seats.len();
        state.seats.push(Some(0));
        drop(state);
        Some(Self { flight: flight.clone(), number, position: 0, context: context.clone() })
    }

    /// The request that the answer is for.
    #[must_use]
    pub fn leader(&self) -> &tollgate_core::Request {
        &self.flight.leader
    }

    /// Whether it is the first one.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.number == 0
    }

    /// How the answer begins.
    ///
    /// # Errors
    /// The provider's failure, the same for every seat.
    pub fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<Begun>, Error>> {
        self.poll(cx, |state, _| match (&state.begun, &state.ended) {
            (Some(begun), _) => Some(Ok(begun.clone())),
            (None, Some(Err(error))) => Some(Err(error.clone())),
            _ => None,
        })
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The provider's failure, the same for every seat, or that this one reads too slowly.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Arc<Chunk>, Error>>> {
        let number = self.number;
        let is_at_start = self.position == 0;
        let polled = self.poll(cx, |state, position| {
            if let Some(chunk) = state.chunk(*position) {
                *position += 1;
                if let Some(place) = state.seats.get_mut(number) {
                    *place = Some(*position);
                }
                return Some(Some(chunk));
            }
            match &state.ended {
                Some(Ok(())) => Some(None),
                Some(Err(error)) => Some(Some(Err(error.clone()))),
                None => None,
            }
        });
        if is_at_start && number > 0 && polled.is_ready() {
            self.context.observe(|observed| observed.first_token = Some(Instant::now()));
        }
        polled
    }

    /// Looks whether there is something, and asks the source until there is.
    fn poll<T>(&mut self, cx: &mut Context<'_>, look: impl Fn(&mut State, &mut u64) -> Option<T>) -> Poll<T> {
        loop {
            let mut state = self.flight.lock();
            if let Some(found) = look(&mut state, &mut self.position) {
                return Poll::Ready(found);
            }
            // Before the source is asked, since it may have more before this returns.
            self.flight.wakers.register(self.number, cx.waker());
            let waker = Waker::from(self.flight.wakers.clone());
            let driven = state.drive(&mut Context::from_waker(&waker));
            drop(state);
            match driven {
                Driven::Pending => return Poll::Pending,
                Driven::Progress => {}
                Driven::Over(landing) => self.flight.landed(landing),
            }
            self.flight.wakers.wake_all();
        }
    }

    /// Whether the provider's bill is this seat's, which it is for the first one, and after that for whoever stays.
    #[must_use]
    pub fn pays(&self) -> bool {
        self.flight.lock().payer == self.number
    }

    /// Notes that this seat has read the whole answer: what it saved, or what it took if the bill is its own.
    pub fn finish(&mut self) {
        if self.number == 0 {
            return;
        }
        if self.pays() {
            self.settle();
            return;
        }
        let leader = self.flight.leader.context.observed();
        self.context.observe(|own| {
            own.model = leader.model;
            own.losses = leader.losses;
            own.outcome = Outcome::Complete;
            if let Some(outcome) = &mut own.cache {
                outcome.saved = leader.usage;
            }
        });
    }

    /// Takes over what was observed of the answer, if the one who asked for it has left.
    fn settle(&self) {
        if self.number == 0 || !self.pays() {
            return;
        }
        let observed = self.flight.leader.context.observed();
        self.context.observe(|own| {
            own.target = observed.target;
            own.attempts = observed.attempts;
            own.model = observed.model;
            own.usage = observed.usage;
            own.losses = observed.losses;
            own.cache = observed.cache;
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.flight.lock();
        if let Some(place) = state.seats.get_mut(self.number) {
            *place = None;
        }
        // Only a panic keeps the first one from saying what is called, and nobody else could.
        if self.number == 0 && state.give_up_boarding() {
            drop(state);
            self.flight.landed(None);
            self.flight.wakers.wake_all();
            return;
        }
        let next = state.seats.iter().position(Option::is_some);
        let is_over = state.ended.is_some();
        match next {
            None => {
                let landing = state.abandon();
                drop(state);
                self.flight.landed(landing);
                self.settle();
            }
            Some(next) => {
                let hands_over = !is_over && state.payer == self.number;
                if hands_over {
                    state.payer = next;
                }
                drop(state);
                if hands_over {
                    // The bill goes to another; without a figure of its own this one would be estimated.
                    self.context.observe(|observed| observed.usage = Some(tollgate_core::Usage::default()));
                }
                // Whoever polled last may have been this one.
                self.flight.wakers.wake_all();
            }
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("number", &self.number).finish_non_exhaustive()
    }
}
