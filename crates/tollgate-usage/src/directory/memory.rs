//! A directory that ends with the process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tollgate_core::BoxFuture;

use super::store::{AuditLog, CaptureStore, Change, Commit, DirectoryStore, Object, ObjectQuery};
use super::{AuditEntry, AuditFilter, Capture, CaptureFilter, DirectoryError, Listed, Page};

/// Keeps everything in memory, for tests and for programs that need nothing to last.
#[derive(Default)]
pub struct MemoryDirectory(Mutex<State>);

#[derive(Default)]
struct State {
    revision: u64,
    objects: BTreeMap<(String, String), Object>,
    entries: Vec<AuditEntry>,
    captures: Vec<Capture>,
    numbers: u64,
}

// === impl MemoryDirectory ===

impl MemoryDirectory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, DirectoryError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl DirectoryStore for MemoryDirectory {
    fn revision(&self) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        ready(self.state().revision)
    }

    fn objects<'a>(
        &'a self,
        query: &'a ObjectQuery,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Object>, DirectoryError>> {
        let state = self.state();
        let is_after = |object: &&Object| page.after.as_ref().is_none_or(|after| object.name > *after);
        let mut found: Vec<&Object> =
            state.objects.values().filter(|object| query.matches(object)).filter(is_after).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let found = found.into_iter().take(page.size() + 1).cloned().collect();
        ready(Listed::of(found, page.size(), |object: &Object| object.name.clone()))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let mut state = self.state();
        Box::pin(std::future::ready(state.commit(commit)))
    }

    fn touch<'a>(
        &'a self,
        kind: &'a str,
        uses: &'a [(String, SystemTime)],
    ) -> BoxFuture<'a, Result<(), DirectoryError>> {
        let mut state = self.state();
        for (id, at) in uses {
            if let Some(object) = state.objects.get_mut(&(kind.to_owned(), id.clone())) {
                object.last_used_at = object.last_used_at.max(Some(*at));
            }
        }
        ready(())
    }
}

impl AuditLog for MemoryDirectory {
    fn entries<'a>(
        &'a self,
        filter: &'a AuditFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<AuditEntry>, DirectoryError>> {
        let state = self.state();
        let entries = state.entries.iter().rev().filter(|entry| page.is_before(entry.id) && filter.matches(entry));
        let found = entries.take(page.size() + 1).cloned().collect();
        ready(Listed::of(found, page.size(), |entry: &AuditEntry| entry.id.to_string()))
    }

    fn forget_entries(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let entries = &mut self.state().entries;
        let count = entries.len();
        entries.retain(|entry| entry.at >= before);
        ready((count - entries.len()) as u64)
    }
}

impl CaptureStore for MemoryDirectory {
    fn keep<'a>(&'a self, captures: &'a [Capture]) -> BoxFuture<'a, Result<(), DirectoryError>> {
        let mut state = self.state();
        for capture in captures {
            let id = state.next_number();
            state.captures.push(Capture { id, ..capture.clone() });
        }
        ready(())
    }

    fn captures<'a>(
        &'a self,
        filter: &'a CaptureFilter,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Listed<Capture>, DirectoryError>> {
        let state = self.state();
        let captures =
            state.captures.iter().rev().filter(|capture| page.is_before(capture.id) && filter.matches(capture));
        let found = captures.take(page.size() + 1).cloned().collect();
        ready(Listed::of(found, page.size(), |capture: &Capture| capture.id.to_string()))
    }

    fn forget_captures(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, DirectoryError>> {
        let captures = &mut self.state().captures;
        let count = captures.len();
        captures.retain(|capture| capture.at >= before);
        ready((count - captures.len()) as u64)
    }
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn commit(&mut self, commit: Commit) -> Result<u64, DirectoryError> {
        let revision = self.revision + u64::from(commit.change.is_some());
        match commit.change {
            None => {}
            Some(Change::Put { mut object, expected }) => {
                let place = (object.kind.clone(), object.id.clone());
                let there = self.objects.get(&place);
                let is_taken =
                    |other: &Object| other.kind == object.kind && other.id != object.id && other.name == object.name;
                match (expected, there) {
                    (None, Some(_)) => return Err(object.taken()),
                    (Some(version), there) if there.map(|there| there.version) != Some(version) => {
                        return Err(changed_meanwhile(&object.kind));
                    }
                    _ if self.objects.values().any(is_taken) => return Err(object.taken()),
                    _ => {}
                }
                object.version = revision;
                object.last_used_at = there.and_then(|there| there.last_used_at);
                self.objects.insert(place, object);
            }
            Some(Change::Remove { kind, id, expected }) => {
                let place = (kind, id);
                if self.objects.get(&place).map(|there| there.version) != Some(expected) {
                    return Err(changed_meanwhile(&place.0));
                }
                self.objects.remove(&place);
            }
        }
        self.revision = revision;
        let id = self.next_number();
        self.entries.push(AuditEntry { id, revision, ..commit.entry });
        Ok(revision)
    }
}

impl fmt::Debug for MemoryDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDirectory").field("revision", &self.state().revision).finish_non_exhaustive()
    }
}

pub(crate) fn changed_meanwhile(kind: &str) -> DirectoryError {
    DirectoryError::conflict(format!("the {kind} was changed or removed meanwhile"))
}

impl Object {
    pub(crate) fn taken(&self) -> DirectoryError {
        DirectoryError::exists(format!("there is a {} `{}` already", self.kind, self.name))
    }
}

impl ObjectQuery {
    fn matches(&self, object: &Object) -> bool {
        let is_within = |path: &String| {
            let rest = object.path.as_ref().and_then(|own| own.strip_prefix(path));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.kind == object.kind
            && self.id.as_ref().is_none_or(|id| *id == object.id)
            && self.name.as_ref().is_none_or(|name| *name == object.name)
            && self.within.as_ref().is_none_or(is_within)
    }
}
