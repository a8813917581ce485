//! Whether what is remembered of an answered request is ever served for another.
//!
//! A request that was answered from the cache is recognized by its bytes, before a key is made. So the changed one is written
//! with the same white space and order as the first, and differs in nothing but what was changed; and once more in a single
//! byte of the text, wherever that is. Each comes with what a front door would recognize of its body, and without.

use std::sync::Arc;

use fastrand::Rng;
use tollgate_cache::{AnswerCache, Entry, Key, Lookup, Payload, Plan};
use tollgate_core::{Operation, Request};

use super::oracle::written;
use super::specimen::Specimen;
use super::{Search, request};
use crate::bench::stored;

/// A request that the cache remembers.
pub(super) struct Remembered {
    of: Specimen,
    key: Key,
    text: String,
    /// By which its text was written.
    seed: u64,
    is_streamed: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Recalls {
    /// Requests that were answered from the cache and recalled when they came again, and those that should have been.
    pub(super) remembered: u64,
    pub(super) forgotten: u64,
    /// Those whose answers hold what is made anew for each client and is no name, so that there is nothing to remember.
    pub(super) written_anew: u64,
    /// Changed requests that came after them, those that were recalled because nothing was changed after all, and those that
    /// were recalled although something was.
    pub(super) probed: u64,
    pub(super) unchanged: u64,
    pub(super) leaks: u64,
    /// Bodies that were recognized, and those that something else was known of than what is in them.
    pub(super) recognized: u64,
    pub(super) misread: u64,
}

// === impl Search ===

impl Search {
    /// Has the cache answer a request with something stored, and once more to see that it remembers; `None` if no answer to
    /// it is kept.
    pub(super) fn remember(&mut self, base: &Specimen) -> Option<Remembered> {
        let seed = self.rng.u64(..);
        let text = written(base, &mut Rng::with_seed(seed));
        let cache = &self.caches[base.scope];
        let asked = request(base, text.clone())?;
        let Plan::Use(lookup) = cache.plan(&asked) else { return None };
        let entry = Arc::new(entry(&lookup, base.operation));
        cache.memory().keep(lookup.key, entry.clone());
        cache.serve_exact(&asked, &lookup, &entry)?;
        let is_recalled = request(base, text.clone()).and_then(|again| cache.recall(&again)).is_some();
        let recalls = &mut self.tally.recalls;
        match base.operation {
            _ if is_recalled => recalls.remembered += 1,
            // The ids of items, and times that are written out.
            Operation::Responses | Operation::OllamaChat => recalls.written_anew += 1,
            _ => {
                recalls.forgotten += 1;
                self.tally.example(|| format!("is not recalled: {text}"));
            }
        }
        Some(Remembered { of: base.clone(), key: lookup.key, text, seed, is_streamed: asked.is_streamed() })
    }

    /// Puts a changed request to a cache that remembers the first.
    pub(super) fn probe(&mut self, known: &Remembered, changed: &Specimen) {
        self.put(known, changed, written(changed, &mut Rng::with_seed(known.seed)));
        if let Some(text) = self.with_another_byte(&known.text) {
            self.put(known, &known.of, text);
        }
    }

    /// Lets the cache have room for the next one.
    pub(super) fn forget(&mut self, known: &Remembered) {
        self.caches[known.of.scope].memory().forget(&known.key);
    }

    fn put(&mut self, known: &Remembered, specimen: &Specimen, text: String) {
        let Some(asked) = request(specimen, text) else { return };
        let recognized = self.recognized(&asked, specimen.scope);
        let cache = &self.caches[specimen.scope];
        let recalls = &mut self.tally.recalls;
        recalls.probed += 1;
        if cache.recall(&asked).is_none() && recognized.is_none_or(|asked| cache.recall(&asked).is_none()) {
            return;
        }
        let is_same = asked.operation == known.of.operation
            && asked.is_streamed() == known.is_streamed
            && key(cache, &asked) == Some(known.key);
        if is_same {
            recalls.unchanged += 1;
            return;
        }
        recalls.leaks += 1;
        let text = String::from_utf8_lossy(&asked.body);
        self.tally.example(|| format!("is recalled for another: {}\n  {text}", known.text));
    }

    /// The request as it is if its body is known already: only where the body alone says what is asked.
    fn recognized(&mut self, asked: &Request, scope: usize) -> Option<Request> {
        let operation = asked.operation;
        let says_all =
            operation.is_conversation() && !matches!(operation, Operation::GenerateContent | Operation::OllamaChat);
        let (head, body, recognized) = self.caches[scope].recognize(operation, &asked.body).filter(|_| says_all)?;
        let recalls = &mut self.tally.recalls;
        recalls.recognized += 1;
        if head != asked.head || body != asked.body {
            recalls.misread += 1;
            self.tally.example(|| format!("is known as another: {}", String::from_utf8_lossy(&asked.body)));
        }
        let mut known = asked.clone();
        (known.head, known.body, known.recognized) = (head, body, Some(recognized));
        Some(known)
    }

    fn with_another_byte(&mut self, text: &str) -> Option<String> {
        let mut bytes = text.as_bytes().to_vec();
        let at = self.rng.usize(..bytes.len());
        bytes[at] ^= 1 << self.rng.u8(..7);
        String::from_utf8(bytes).ok()
    }
}

fn key(cache: &AnswerCache, asked: &Request) -> Option<Key> {
    match cache.plan(asked) {
        Plan::Use(lookup) => Some(lookup.key),
        _ => None,
    }
}

/// A fresh answer to a request.
fn entry(lookup: &Lookup, operation: Operation) -> Entry {
    let payload = if operation == Operation::Embeddings {
        Payload::Text(r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}]}"#.to_owned())
    } else {
        stored::said("Forty-two.")
    };
    stored::entry(lookup, payload)
}
