//! The order of events that every decoder promises.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_core::ir::{Delta, Event, Protocol};

/// What has been seen of a stream.
pub(super) struct Order {
    protocol: Protocol,
    started: bool,
    ended: bool,
    next: u32,
    /// The answers of open blocks by the blocks' numbers.
    open: BTreeMap<u32, u32>,
    answers: BTreeSet<u32>,
    finished: BTreeSet<u32>,
}

impl Order {
    /// Nothing yet.
    pub(super) fn of(protocol: Protocol) -> Self {
        Self {
            protocol,
            started: false,
            ended: false,
            next: 0,
            open: BTreeMap::new(),
            answers: BTreeSet::new(),
            finished: BTreeSet::new(),
        }
    }

    /// Takes the next event.
    ///
    /// # Panics
    /// If it may not stand here.
    pub(super) fn check(&mut self, event: &Event) {
        let of = self.protocol;
        assert!(!self.ended, "{of}: {event:?} after the end");
        let is_extra = matches!(event, Event::Extra(_));
        let is_start = matches!(event, Event::Start { .. });
        assert!(self.started || is_start || is_extra, "{of}: {event:?} before the start");
        match event {
            Event::Start { .. } => assert!(!std::mem::replace(&mut self.started, true), "{of}: a second start"),
            Event::Open { index, choice, .. } => {
                self.begin(*index, *choice, event);
                self.open.insert(*index, *choice);
            }
            Event::Whole { index, choice, .. } => self.begin(*index, *choice, event),
            Event::Delta { index, delta } => {
                assert!(self.open.contains_key(index), "{of}: {event:?} of a block that is not open");
                assert!(!matches!(delta, Delta::Text(text) if text.is_empty()), "{of}: an empty piece");
            }
            Event::Close { index } => assert!(self.open.remove(index).is_some(), "{of}: {event:?} of no open block"),
            Event::Finish { choice, .. } => {
                assert!(self.finished.insert(*choice), "{of}: {event:?} twice");
                assert!(!self.open.values().any(|open| open == choice), "{of}: {event:?} before its blocks are closed");
            }
            Event::End => self.ended = true,
            _ => {}
        }
    }

    fn begin(&mut self, index: u32, choice: u32, event: &Event) {
        let of = self.protocol;
        assert_eq!(index, self.next, "{of}: {event:?} out of turn");
        assert!(!self.finished.contains(&choice), "{of}: {event:?} after its answer is complete");
        self.next += 1;
        self.answers.insert(choice);
    }

    /// Takes the end of the stream, which was a good one or not.
    ///
    /// # Panics
    /// If a good end leaves something open.
    pub(super) fn end(&self, good: bool) {
        if good {
            let of = self.protocol;
            assert!(self.ended && self.started, "{of}: no end");
            assert!(self.open.is_empty(), "{of}: blocks are open at the end");
            assert!(self.answers.is_subset(&self.finished), "{of}: an answer is not complete at the end");
        }
    }
}
