//! Entries as answers to requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tollgate_core::ir::{Event, Naming};
use tollgate_core::{Body, CacheOutcome, CacheStatus, Head, Operation, Recognized, Request, Response};

use super::find::{Found, Terms};
use super::{AnswerCache, Lookup};
use crate::{Entry, Payload, now_millis};

/// About how many headers an answer has in the end.
const ROOM: usize = 12;

/// The word for an answer to the very same request.
const EXACT: &str = "exact";

// === impl AnswerCache ===

impl AnswerCache {
    /// A body, what was read of it and what it is recognized by, if a request for the same operation with that very body was
    /// answered from the cache before and is remembered.
    #[must_use]
    pub fn recognize(&self, operation: Operation, body: &Bytes) -> Option<(Arc<Head>, Bytes, Recognized)> {
        self.memo.recognize(operation, body)
    }

    /// The answer to a request that was answered from the cache before, if that answer still may be served: what
    /// [`Self::plan`], [`Self::find`] and [`Self::serve_exact`] come to, without reading the request.
    #[must_use]
    pub fn recall(&self, request: &Request) -> Option<Response> {
        // What is remembered is all there at once, which would tell.
        if self.settings.conceals() {
            return None;
        }
        // Once, because to read the clock is a noticeable part of all this.
        let now = now_millis();
        // The long way looks at what other processes have invalidated.
        if self.shared_epochs.is_some() && now >= self.next_look.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.memo.find(request)?;
        let entry = self.memory.find_at(&known.key, now).filter(|entry| known.is_of(entry))?;
        let max_age = request.cache.as_ref().and_then(|asked| asked.max_age);
        let terms = Terms { max_age, strict: request.strict, scope: &known.scope };
        let Found::Fresh(entry) = self.judge_at(&terms, entry, now) else { return None };
        let body = known.template.fill(&naming_at(now))?;
        let rendered = (body, known.template.content_type());
        Some(self.respond(request, &entry, (CacheStatus::Hit, EXACT), now, rendered))
    }

    /// A fresh entry as the answer to the very request that it is of, which is remembered. `None` if the request cannot be
    /// answered with it.
    #[must_use]
    pub fn serve_exact(&self, request: &Request, lookup: &Lookup, entry: &Arc<Entry>) -> Option<Response> {
        // Remembered, one of several answers would be the only one.
        if lookup.is_drawn {
            return self.serve(request, entry, CacheStatus::Hit, EXACT);
        }
        let render = |naming: &Naming| self.render(request, entry, naming);
        let known = self.memo.remember(request, (lookup.key, &lookup.scope), entry, render);
        let filled = known.and_then(|known| Some((known.template.fill(&naming())?, known.template.content_type())));
        match filled {
            Some(rendered) => Some(self.respond(request, entry, (CacheStatus::Hit, EXACT), now_millis(), rendered)),
            None => self.serve(request, entry, CacheStatus::Hit, EXACT),
        }
    }

    /// An entry as the answer to a request, and what is noted of it. `None` if the request cannot be answered with it.
    #[must_use]
    pub fn serve(
        &self,
        request: &Request,
        entry: &Entry,
        status: CacheStatus,
        detail: &'static str,
    ) -> Option<Response> {
        let rendered = self.render(request, entry, &naming())?;
        Some(self.respond(request, entry, (status, detail), now_millis(), rendered))
    }

    pub(super) fn render(&self, request: &Request, entry: &Entry, naming: &Naming) -> Option<(Bytes, &'static str)> {
        Some(match &entry.payload {
            Payload::Text(text) => (Bytes::from(text.clone()), "application/json"),
            Payload::Answer(answer) if request.is_streamed() => {
                self.write_stream(request, &self.codec.replay(&answer.unpack()), naming)?
            }
            Payload::Answer(answer) => (self.codec.write_whole(request, &answer.unpack(), naming)?, "application/json"),
        })
    }

    pub(super) fn respond(
        &self,
        request: &Request,
        entry: &Entry,
        (status, detail): (CacheStatus, &'static str),
        now: u64,
        (body, content_type): (Bytes, &'static str),
    ) -> Response {
        let mut response = Response::new(Body::from(body));
        // With room for what a front door tells beside it, so that the map need not grow.
        response.headers.reserve(ROOM);
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let saved = entry.usage();
        let mut outcome = CacheOutcome::new(status).detail(detail).saved(saved);
        outcome.age = Some(entry.age(now));
        request.context.observe(|observed| {
            observed.model.clone_from(&entry.provenance.model_answered);
            observed.cache = Some(outcome);
            for field in &entry.provenance.dropped {
                observed.losses.drop(field.clone());
            }
        });
        self.statistics.served(status, detail, saved.as_ref());
        response
    }

    fn write_stream(&self, request: &Request, events: &[Event], naming: &Naming) -> Option<(Bytes, &'static str)> {
        let (mut writer, content_type) = self.codec.write_stream(request, naming)?;
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.write(event, &mut out));
        Some((out.into(), content_type))
    }
}

/// New names for an answer.
#[must_use]
pub fn naming() -> Naming {
    naming_at(now_millis())
}

/// The same by a clock that was read already.
fn naming_at(now: u64) -> Naming {
    let mut id = String::with_capacity(24);
    id.extend((0..24).map(|_| fastrand::alphanumeric()));
    Naming { id, created: now / 1000 }
}
