//! Services at hand for the next request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Clones of a service, used again.
///
/// A service is called by one request at a time, so each request needs one of its own; but no longer than until it has been
/// called, because what the call returns is independent of it. A stack of layers takes about a microsecond to clone and to
/// drop, which is as much as all of its layers take to pass on a request.
pub(crate) struct Spare<S>(Arc<Mutex<Services<S>>>);

struct Services<S> {
    /// Of this one the others are cloned.
    first: S,
    spare: Vec<S>,
}

/// More than so many are not kept. There are as many as there were requests at once between taking and giving back, which is
/// mostly the number of threads.
const MOST: usize = 64;

// === impl Spare ===

impl<S> Spare<S> {
    pub(crate) fn new(service: S) -> Self {
        Self(Arc::new(Mutex::new(Services { first: service, spare: Vec::new() })))
    }

    /// One for a single call.
    pub(crate) fn take(&self) -> S
    where
        S: Clone,
    {
        let mut services = self.lock();
        services.spare.pop().unwrap_or_else(|| services.first.clone())
    }

    /// Gives back one that was called. One that was ready and never called holds what readiness stands for, and is dropped.
    pub(crate) fn give_back(&self, service: S) {
        let mut services = self.lock();
        if services.spare.len() < MOST {
            services.spare.push(service);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Services<S>> {
        // Only a clone that panics could poison it, and then nothing was changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for Spare<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> fmt::Debug for Spare<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spare").field("spare", &self.lock().spare.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers its clones.
    struct Numbered(Arc<Mutex<u32>>, u32);

    impl Clone for Numbered {
        fn clone(&self) -> Self {
            let mut last = self.0.lock().expect("not poisoned");
            *last += 1;
            Self(self.0.clone(), *last)
        }
    }

    #[test]
    fn what_was_given_back_is_taken_again() {
        let spare = Spare::new(Numbered(Arc::default(), 0));
        let (one, two) = (spare.take(), spare.take());
        assert_eq!((one.1, two.1), (1, 2));
        spare.clone().give_back(one);
        assert_eq!(spare.take().1, 1, "and not a clone");
        assert_eq!(spare.take().1, 3, "because nothing is left");
    }
}
