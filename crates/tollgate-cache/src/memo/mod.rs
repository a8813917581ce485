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
use tollgate_core::{CacheDirectives, Head, Identity, Operation, Request, Target};

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
        let found = self.table.get(self.place(request)).filter(|_| request.edits.is_empty())?;
        found.asked.is(request).then_some(found)
    }

    /// What was read of a body, if a request for the same operation with that very body is remembered.
    pub(crate) fn head_of(&self, operation: Operation, body: &Bytes) -> Option<Arc<Head>> {
        if self.table.is_empty() {
            return None;
        }
        let found = self.table.get(self.seeds.hash(body))?;
        (found.asked.operation == operation && found.asked.body == *body).then(|| found.asked.head.clone())
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
            && self.body == request.body
    }
}

/// Whether two heads ask for the same of the same body. A path may say what a body does not.
fn is_same_head(one: &Head, other: &Head) -> bool {
    one.stream == other.stream && one.model_name() == other.model_name()
}
