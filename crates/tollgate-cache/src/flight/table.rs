//! Who is asking what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tollgate_core::ir::ReadAnswer;
use tollgate_core::{BoxFuture, Error, Request, Response};

use super::seat::{Flight, Seat};
use super::state::{Begun, Landing, State};
use crate::Key;

/// The answers that are on their way. Clones share one table.
#[derive(Clone, Default)]
pub struct Flights(Arc<Table>);

type Table = Mutex<HashMap<Key, Weak<Flight>>>;

/// A flight's place in its table.
pub(super) struct Registration {
    table: Weak<Table>,
    key: Key,
}

/// What a new flight is made of.
pub struct Boarding {
    /// The request, for its context and for others to compare theirs with.
    pub request: Request,
    /// The call that answers it.
    pub calling: BoxFuture<'static, Result<Response, Error>>,
    /// Makes the reader of the answer.
    #[expect(clippy::type_complexity, reason = "a closure is what it is")]
    pub make_reader: Box<dyn FnOnce(&Begun) -> Option<Box<dyn ReadAnswer>> + Send>,
    /// Told of what has become of the answer.
    pub on_landing: Box<dyn FnOnce(Landing) + Send>,
    /// How many bytes of the answer are kept for those who come late or read slowly.
    pub limit: usize,
}

impl Flights {
    /// A seat in the flight of a key, if there is one.
    #[must_use]
    pub fn join(&self, key: &Key, context: &tollgate_core::Context) -> Option<Seat> {
        let flight = lock(&self.0).get(key)?.upgrade()?;
        Seat::further(&flight, context)
    }

    /// A seat in the flight of a key, or the first seat of a new one.
    pub fn join_or_board(&self, key: Key, context: &tollgate_core::Context, board: impl FnOnce() -> Boarding) -> Seat {
        let mut table = lock(&self.0);
        if let Some(flight) = table.get(&key).and_then(Weak::upgrade)
            && let Some(seat) = Seat::further(&flight, context)
        {
            return seat;
        }
        let registration = Registration { table: Arc::downgrade(&self.0), key };
        let flight = board().flight(Some(registration));
        table.insert(key, Arc::downgrade(&flight));
        Seat::first(flight)
    }

    /// The only seat of a flight that nobody can join.
    #[must_use]
    pub fn alone(boarding: Boarding) -> Seat {
        Seat::first(boarding.flight(None))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// How many seats are taken in all of them.
    #[must_use]
    pub fn seats(&self) -> usize {
        let flights: Vec<_> = lock(&self.0).values().filter_map(Weak::upgrade).collect();
        flights.iter().map(|flight| flight.lock().seats.iter().flatten().count()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Boarding {
    fn flight(self, registration: Option<Registration>) -> Arc<Flight> {
        let state = State::new(self.calling, self.make_reader, self.on_landing, self.limit);
        Flight::new(state, self.request, registration)
    }
}

impl Registration {
    /// Takes a flight off the table, unless another has its place already.
    pub(super) fn end(&self, flight: &Flight) {
        let Some(table) = self.table.upgrade() else { return };
        if let Entry::Occupied(entry) = lock(&table).entry(self.key)
            && std::ptr::eq(entry.get().as_ptr(), flight)
        {
            entry.remove();
        }
    }
}

fn lock(table: &Table) -> MutexGuard<'_, HashMap<Key, Weak<Flight>>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("len", &self.len()).finish()
    }
}

impl fmt::Debug for Boarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Boarding").field("request", &self.request).finish_non_exhaustive()
    }
}
