//! Entries of the cache that nobody has answered.

use std::sync::Arc;

use tollgate_cache::{Entry, Lookup, Packed, Payload, Provenance, now_millis};
use tollgate_core::ir::{Answer, Block, Choice};

/// An answer of one text.
pub(super) fn said(text: impl Into<String>) -> Payload {
    let choice = Choice { blocks: vec![Block::text(text)], ..Choice::default() };
    Payload::Answer(Packed::new(Answer { choices: vec![choice], ..Answer::default() }))
}

/// A fresh entry for what was asked.
pub(super) fn entry(lookup: &Lookup, payload: Payload) -> Entry {
    let provenance = Provenance {
        provider: "p".into(),
        model: "m".into(),
        model_answered: None,
        dropped: Vec::new(),
        scope: lookup.scope().into(),
        stamps: Vec::new(),
    };
    Entry {
        payload,
        provenance: Arc::new(provenance),
        tags: Box::default(),
        usage: None,
        stored_at: now_millis(),
        ttl: 3_600_000,
        grace: 0,
        pace: None,
    }
}
