//! What is remembered of requests that were answered from the cache, so that the same bytes need not be understood again.
//!
//! A request whose bytes, terms and client are those of an earlier one has the same key, and its answer the same bytes but
//! for the names. Whether the answer may still be served is judged anew each time, by the same code as without a memo, and
//! only as long as the store has the very entry that the bytes were made of.
//!
//! Bodies are found by a quick hash and compared byte for byte, so nobody is answered with what another asked for.

mod hash;
mod table;
mod template;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::HeaderMap;
use tollgate_core::ir::{Naming, Protocol};
use tollgate_core::{CacheDirectives, Head, Identity, Operation, Recognized, Request, Target};

use self::hash::Seeds;
use self::table::Table;
pub(crate) use self::template::Template;
use crate::{Entry, Key};

/// What is remembered, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Memo {
    seeds: Seeds,
    table: Table,
}

/// A request that was answered from the cache.
#[derive(Debug)]
pub(crate) struct Memorable {
    /// What its answer is kept under.
    pub(crate) key: Key,
    /// Who may share the answer.
    pub(crate) scope: Arc<str>,
    pub(crate) template: Template,
    entry: Weak<Entry>,
    asked: Asked,
    /// Whether it was asked for since it was last looked at for removal.
    used: AtomicBool,
}

/// Everything that a key and the bytes of an answer depend on, and the terms of the client.
#[derive(Debug)]
struct Asked {
    operation: Operation,
    protocol: Protocol,
    head: Arc<Head>,
    body: Bytes,
    headers: HeaderMap,
    target: Target,
    identity: Identity,
    directives: Option<Arc<CacheDirectives>>,
}

// === impl Memo ===

impl Memo {
    /// A memo of at most so many bytes; of zero bytes, none.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { seeds: Seeds::random(), table: Table::new(max_bytes) }
    }

    /// What is remembered of a request.
    pub(crate) fn find(&self, request: &Request) -> Option<Arc<Memorable>> {
        // What was edited is no longer what the client sent.
        if self.table.is_empty() || !request.edits.is_empty() {
            return None;
        }
        let recognized = request.recognized.as_ref().and_then(Recognized::by::<Memorable>);
        let found = recognized.or_else(|| self.table.get(self.place(request)))?;
        found.asked.is(request).then_some(found)
    }

    /// A body that a request for the same operation is remembered with, and what was read of it.
    pub(crate) fn recognize(&self, operation: Operation, body: &Bytes) -> Option<(Arc<Head>, Bytes, Recognized)> {
        if self.table.is_empty() {
            return None;
        }
        let found = self.table.get(self.seeds.hash(body))?;
        let Asked { head, body: known, .. } = &found.asked;
        let is_same = found.asked.operation == operation && known == body;
        is_same.then(|| (head.clone(), known.clone(), Recognized::new(found.clone())))
    }

    /// Remembers a request that was answered with an entry; gives the template of its answer.
    pub(crate) fn remember(
        &self,
        request: &Request,
        (key, scope): (Key, &Arc<str>),
        entry: &Arc<Entry>,
        render: impl Fn(&Naming) -> Option<(Bytes, &'static str)>,
    ) -> Option<Arc<Memorable>> {
        if !request.edits.is_empty() || !self.table.has_room_for(request.body.len()) {
            return None;
        }
        let (template, asked) = (Template::of(render)?, Asked::of(request)?);
        let (scope, entry, used) = (scope.clone(), Arc::downgrade(entry), AtomicBool::new(false));
        let memorable = Arc::new(Memorable { key, scope, template, entry, asked, used });
        self.table.insert(self.place(request), memorable.clone());
        Some(memorable)
    }

    fn place(&self, request: &Request) -> u64 {
        self.seeds.hash(&request.body)
    }
}

// === impl Memorable ===

impl Memorable {
    /// Whether it was made of this very entry. As long as this lives, no other entry can be at the same address.
    pub(crate) fn is_of(&self, entry: &Arc<Entry>) -> bool {
        std::ptr::eq(self.entry.as_ptr(), Arc::as_ptr(entry))
    }

    /// Whether nobody has the entry any more.
    fn is_over(&self) -> bool {
        self.entry.strong_count() == 0
    }

    fn size(&self) -> usize {
        /// Allocations, the table's places, and names.
        const OVERHEAD: usize = 768;
        let headers: usize =
            self.asked.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        OVERHEAD + self.asked.body.len() + headers + self.template.size()
    }
}

// === impl Asked ===

impl Asked {
    fn of(request: &Request) -> Option<Self> {
        Some(Self {
            operation: request.operation,
            protocol: request.protocol,
            head: request.head.clone(),
            // The request's own may be a small part of a large buffer.
            body: Bytes::copy_from_slice(&request.body),
            headers: request.headers.clone(),
            target: request.target.clone()?,
            identity: request.context.identity(),
            directives: request.cache.clone(),
        })
    }

    fn is(&self, request: &Request) -> bool {
        self.operation == request.operation
            && self.protocol == request.protocol
            && (Arc::ptr_eq(&self.head, &request.head) || is_same_head(&self.head, &request.head))
            && request.target.as_ref() == Some(&self.target)
            && self.directives == request.cache
            && self.headers == request.headers
            && request.context.observe(|observed| observed.identity == self.identity)
            && is_same_body(&self.body, &request.body)
    }
}

/// Whether two heads ask for the same of the same body. A path may say what a body does not.
fn is_same_head(one: &Head, other: &Head) -> bool {
    one.stream == other.stream && one.model_name() == other.model_name()
}

/// Mostly it is the very one that was recognized, and need not be compared again.
fn is_same_body(one: &Bytes, other: &Bytes) -> bool {
    one.len() == other.len() && (std::ptr::eq(one.as_ptr(), other.as_ptr()) || one == other)
}
