//! Long lists in pieces.

use serde::Serialize;

/// Which piece of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The most items; between 1 and [`Page::MAX`], and taken for the nearest of these if it is not. Defaults to 100.
    pub limit: usize,
    /// What [`Listed::next`] of the piece before said; `None` for the first piece.
    pub after: Option<String>,
}

/// A piece of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What to ask for to get the next piece; `None` at the end of the list.
    pub next: Option<String>,
}

impl Page {
    /// The most items that a piece can have.
    pub const MAX: usize = 1_000;

    /// The first piece with at most `limit` items.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }

    /// Whether something with a number belongs into this piece or a later one, where the largest numbers come first.
    pub(crate) fn is_before(&self, number: u64) -> bool {
        // A place that is no number is none that was handed out.
        self.after.as_ref().is_none_or(|after| after.parse().is_ok_and(|after: u64| number < after))
    }

    pub(crate) fn size(&self) -> usize {
        self.limit.clamp(1, Self::MAX)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(100)
    }
}

impl<T> Listed<T> {
    /// A piece of what was read with one item more than wanted, which tells whether there is another piece.
    pub(crate) fn of(mut items: Vec<T>, size: usize, place: impl Fn(&T) -> String) -> Self {
        let is_more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| is_more).map(place);
        Self { items, next }
    }
}
