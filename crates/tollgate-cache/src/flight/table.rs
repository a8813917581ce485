//! Who is asking what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tollgate_core::ir::ReadAnswer;
use tollgate_core::{BoxFuture, Error, Request, Response};

use super::seat::{Flight, Seat};
use super::state::{Begun, Landing};
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
    /// The call that answers the request.
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
        let flight = lock(&self.0).get(key).and_then(Weak::upgrade)?;
        Seat::further(&flight, context)
    }

    /// A seat in the flight of a key, or the first seat of a new one. `board` is called once the seat is taken, and without a
    /// lock: what it does keeps nobody waiting but those who ask the same.
    pub fn join_or_board(&self, key: Key, request: &Request, board: impl FnOnce() -> Boarding) -> Seat {
        let mut full = None;
        loop {
            let (flight, is_new) = self.flight(key, request, full.as_ref());
            if is_new {
                let seat = Seat::first(flight);
                seat.board(board());
                return seat;
            }
            match Seat::further(&flight, &request.context) {
                Some(seat) => return seat,
                None => full = Some(flight),
            }
        }
    }

    /// The flight of a key, unless it is `full`, or else a new one in its place; and whether it is new.
    pub(super) fn flight(&self, key: Key, request: &Request, full: Option<&Arc<Flight>>) -> (Arc<Flight>, bool) {
        let mut table = lock(&self.0);
        let known = table.get(&key).and_then(Weak::upgrade);
        // Not asked for a seat here: its own lock is held while its answer is read, by which others must not be held up.
        if let Some(known) = known.filter(|known| full.is_none_or(|full| !Arc::ptr_eq(known, full))) {
            return (known, false);
        }
        let registration = Registration { table: Arc::downgrade(&self.0), key };
        let flight = Flight::new(request.clone(), Some(registration));
        table.insert(key, Arc::downgrade(&flight));
        (flight, true)
    }

    /// The only seat of a flight that nobody can join.
    #[must_use]
    pub fn alone(request: &Request, boarding: Boarding) -> Seat {
        let seat = Seat::first(Flight::new(request.clone(), None));
        seat.board(boarding);
        seat
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
        f.debug_struct("Boarding").field("limit", &self.limit).finish_non_exhaustive()
    }
}
