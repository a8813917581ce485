//! The directory as programs use it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::document::kinds;
use super::{
    Actor, AuditEntry, AuditFilter, Capture, CaptureFilter, Change, Commit, DirectoryError, DirectoryStore, Document,
    Expected, IssuedKey, KeyFilter, KeyUpdate, Listed, NewKey, Object, ObjectQuery, Page, VirtualKey, time,
};

/// What is managed: makes keys, checks what it is given, and writes down who did what. Cheap to clone.
///
/// Every function that changes something takes who does it, and returns once the change is durable as far as the store is.
/// Its futures may be dropped: a change has then happened wholly or not at all.
#[derive(Clone)]
pub struct Directory {
    store: Arc<dyn DirectoryStore>,
    check: Arc<Check>,
}

/// Whether the body of a document of a kind makes sense.
type Check = dyn Fn(&str, &Value) -> Result<(), String> + Send + Sync;

/// All keys and documents at a time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// The revision that it has at least all changes of.
    pub revision: u64,
    /// The keys.
    pub keys: Vec<VirtualKey>,
    /// The documents of the kinds of [`kinds`].
    pub documents: Vec<Document>,
}

/// How often something is read and tried again when others change it at the same time.
const ATTEMPTS: usize = 8;

// === impl Directory ===

impl Directory {
    /// A directory kept by a store. Documents may say anything.
    #[must_use]
    pub fn new(store: Arc<dyn DirectoryStore>) -> Self {
        Self { store, check: Arc::new(|_, _| Ok(())) }
    }

    /// Sets what decides whether the body of a document makes sense, also for the limits and budgets of keys. It is given
    /// the kind and the body, and its error is a sentence for whoever manages the gateway. Defaults to anything.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&str, &Value) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.check = Arc::new(check);
        self
    }

    // --- Keys ---

    /// Makes a key. The secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`is_exists`](DirectoryError::is_exists) if another key has the name, [`is_invalid`](DirectoryError::is_invalid) if
    /// something makes no sense.
    pub async fn create_key(&self, actor: &Actor, new: NewKey) -> Result<IssuedKey, DirectoryError> {
        let mut issued = new.issue()?;
        self.check_rules(&issued.key)?;
        let change = Change::Put { object: issued.key.to_object(), expected: None };
        let entry = AuditEntry::new(actor, kinds::KEY, &issued.key.id, "create").after(issued.key.for_audit());
        issued.key.version = self.store.commit(Commit { change: Some(change), entry }).await?;
        Ok(issued)
    }

    /// A piece of the list of keys, by name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn list_keys(&self, filter: &KeyFilter, page: &Page) -> Result<Listed<VirtualKey>, DirectoryError> {
        let within = filter.within.as_ref().map(|path| path.as_str().to_owned());
        let query = ObjectQuery { kind: kinds::KEY.to_owned(), within, ..ObjectQuery::default() };
        let now = SystemTime::now();
        let mut found = Vec::new();
        let mut next = page.after.clone();
        // The store knows nothing of tags and ends, so a piece of its list may have too few that match.
        loop {
            let piece = self.store.objects(&query, &Page { limit: Page::MAX, after: next }).await?;
            for object in piece.items {
                let key = VirtualKey::of(object)?;
                if filter.matches(&key, now) {
                    found.push(key);
                }
            }
            next = piece.next;
            if next.is_none() || found.len() > page.size() {
                return Ok(Listed::of(found, page.size(), |key| key.name.clone()));
            }
        }
    }

    /// A key by its id or its name.
    ///
    /// # Errors
    /// [`is_not_found`](DirectoryError::is_not_found) if there is none.
    pub async fn find_key(&self, id_or_name: &str) -> Result<VirtualKey, DirectoryError> {
        let by_id = ObjectQuery { id: Some(id_or_name.to_owned()), ..key_query() };
        let by_name = ObjectQuery { name: Some(id_or_name.to_owned()), ..key_query() };
        for query in [by_name, by_id] {
            if let Some(object) = self.store.objects(&query, &Page::first(1)).await?.items.pop() {
                return VirtualKey::of(object);
            }
        }
        Err(DirectoryError::not_found(format!("there is no key `{id_or_name}`")))
    }

    /// Changes a key.
    ///
    /// # Errors
    /// [`is_not_found`](DirectoryError::is_not_found), [`is_invalid`](DirectoryError::is_invalid), and
    /// [`is_conflict`](DirectoryError::is_conflict) if the update names another version than there is.
    pub async fn update_key(
        &self,
        actor: &Actor,
        id_or_name: &str,
        update: KeyUpdate,
    ) -> Result<VirtualKey, DirectoryError> {
        let action = update.action();
        let ((), key) = self
            .change_key(actor, id_or_name, action, |key| {
                if update.version.is_some_and(|version| version != key.version) {
                    return Err(DirectoryError::conflict("the key was changed meanwhile; read it again"));
                }
                update.clone().apply(key)
            })
            .await?;
        Ok(key)
    }

    /// Gives a key a new secret. The old one is taken for as long as `grace` says; zero ends it at once.
    ///
    /// # Errors
    /// [`is_not_found`](DirectoryError::is_not_found) if there is no such key.
    pub async fn rotate_key(
        &self,
        actor: &Actor,
        id_or_name: &str,
        grace: Duration,
    ) -> Result<IssuedKey, DirectoryError> {
        let (secret, key) = self.change_key(actor, id_or_name, "rotate", |key| key.rotate(grace)).await?;
        Ok(IssuedKey { key, secret })
    }

    /// Removes a key. What was accounted to it stays.
    ///
    /// # Errors
    /// [`is_not_found`](DirectoryError::is_not_found) if there is no such key.
    pub async fn delete_key(&self, actor: &Actor, id_or_name: &str) -> Result<(), DirectoryError> {
        for attempt in 1.. {
            let key = self.find_key(id_or_name).await?;
            let change = Change::Remove { kind: kinds::KEY.to_owned(), id: key.id.clone(), expected: key.version };
            let entry = AuditEntry::new(actor, kinds::KEY, &key.id, "delete").before(key.for_audit());
            match self.store.commit(Commit { change: Some(change), entry }).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                other => return other.map(drop),
            }
        }
        unreachable_attempts()
    }

    /// Reads a key, changes it and writes it, again if somebody else was faster.
    async fn change_key<T>(
        &self,
        actor: &Actor,
        id_or_name: &str,
        action: &str,
        change: impl Fn(&mut VirtualKey) -> Result<T, DirectoryError>,
    ) -> Result<(T, VirtualKey), DirectoryError> {
        for attempt in 1.. {
            let before = self.find_key(id_or_name).await?;
            let mut key = before.clone();
            let result = change(&mut key)?;
            key.changed_at = time::now();
            self.check_rules(&key)?;
            let put = Change::Put { object: key.to_object(), expected: Some(before.version) };
            let entry = AuditEntry::new(actor, kinds::KEY, &key.id, action);
            let entry = entry.before(before.for_audit()).after(key.for_audit());
            match self.store.commit(Commit { change: Some(put), entry }).await {
                Ok(version) => return Ok((result, VirtualKey { version, ..key })),
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
        unreachable_attempts()
    }

    fn check_rules(&self, key: &VirtualKey) -> Result<(), DirectoryError> {
        let limits = key.limits.iter().map(|body| (kinds::LIMIT, body));
        let budgets = key.budgets.iter().map(|body| (kinds::BUDGET, body));
        limits.chain(budgets).try_for_each(|(kind, body)| self.check_body(kind, body))
    }

    fn check_body(&self, kind: &str, body: &Value) -> Result<(), DirectoryError> {
        (self.check)(kind, body).map_err(|message| DirectoryError::invalid(format!("not a {kind}: {message}")))
    }

    // --- Documents ---

    /// Makes a document, or replaces it.
    ///
    /// # Errors
    /// [`is_invalid`](DirectoryError::is_invalid) if it makes no sense; if it is not as expected,
    /// [`is_conflict`](DirectoryError::is_conflict) or, where it was to be absent, [`is_exists`](DirectoryError::is_exists).
    pub async fn put_document(
        &self,
        actor: &Actor,
        kind: &str,
        id: &str,
        body: Value,
        expected: Expected,
    ) -> Result<Document, DirectoryError> {
        Document::check_names(kind, id)?;
        self.check_body(kind, &body)?;
        for attempt in 1.. {
            let before = self.document(kind, id).await?;
            match (expected, &before) {
                (Expected::Absent, Some(_)) => {
                    return Err(DirectoryError::exists(format!("there is a {kind} `{id}` already")));
                }
                (Expected::Version(version), before) if before.as_ref().map(|old| old.version) != Some(version) => {
                    return Err(DirectoryError::conflict(format!("the {kind} `{id}` was changed meanwhile")));
                }
                _ => {}
            }
            let now = time::now();
            let object = Object {
                kind: kind.to_owned(),
                id: id.to_owned(),
                name: id.to_owned(),
                path: None,
                body: body.to_string(),
                version: 0,
                created_at: before.as_ref().map_or(now, |before| before.created_at),
                changed_at: now,
                last_used_at: None,
            };
            let expected_version = before.as_ref().map(|before| before.version);
            let mut entry = AuditEntry::new(actor, kind, id, "put").after(body.clone());
            entry.before = before.map(|before| before.body);
            let change = Change::Put { object: object.clone(), expected: expected_version };
            match self.store.commit(Commit { change: Some(change), entry }).await {
                Ok(version) => return Document::of(Object { version, ..object }),
                Err(error) if (error.is_conflict() || error.is_exists()) && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
        unreachable_attempts()
    }

    /// A piece of the list of documents of a kind, by id.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn list_documents(&self, kind: &str, page: &Page) -> Result<Listed<Document>, DirectoryError> {
        let query = ObjectQuery { kind: kind.to_owned(), ..ObjectQuery::default() };
        let piece = self.store.objects(&query, page).await?;
        let items = piece.items.into_iter().map(Document::of).collect::<Result<_, _>>()?;
        Ok(Listed { items, next: piece.next })
    }

    /// A document.
    ///
    /// # Errors
    /// [`is_not_found`](DirectoryError::is_not_found) if there is none.
    pub async fn find_document(&self, kind: &str, id: &str) -> Result<Document, DirectoryError> {
        let found = self.document(kind, id).await?;
        found.ok_or_else(|| DirectoryError::not_found(format!("there is no {kind} `{id}`")))
    }

    /// Removes a document.
    ///
    /// # Errors
    /// [`is_not_found`](DirectoryError::is_not_found) if there is none.
    pub async fn delete_document(&self, actor: &Actor, kind: &str, id: &str) -> Result<(), DirectoryError> {
        for attempt in 1.. {
            let before = self.find_document(kind, id).await?;
            let change = Change::Remove { kind: kind.to_owned(), id: id.to_owned(), expected: before.version };
            let entry = AuditEntry::new(actor, kind, id, "delete").before(before.body);
            match self.store.commit(Commit { change: Some(change), entry }).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                other => return other.map(drop),
            }
        }
        unreachable_attempts()
    }

    async fn document(&self, kind: &str, id: &str) -> Result<Option<Document>, DirectoryError> {
        let query = ObjectQuery { kind: kind.to_owned(), id: Some(id.to_owned()), ..ObjectQuery::default() };
        self.store.objects(&query, &Page::first(1)).await?.items.pop().map(Document::of).transpose()
    }

    // --- Audit log ---

    /// A piece of the audit log, the newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn audit(&self, filter: &AuditFilter, page: &Page) -> Result<Listed<AuditEntry>, DirectoryError> {
        self.store.entries(filter, page).await
    }

    /// Writes down something that was no change of a key or a document, such as a reload of the configuration.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn record(&self, entry: AuditEntry) -> Result<(), DirectoryError> {
        self.store.commit(Commit { change: None, entry }).await.map(drop)
    }

    /// Forgets what the audit log has from before a time, and returns how many entries that were.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn forget_entries(&self, before: SystemTime) -> Result<u64, DirectoryError> {
        self.store.forget_entries(before).await
    }

    // --- Captures ---

    /// Keeps captured requests.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn keep_captures(&self, captures: &[Capture]) -> Result<(), DirectoryError> {
        self.store.keep(captures).await
    }

    /// A piece of the list of captured requests, the newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn captures(&self, filter: &CaptureFilter, page: &Page) -> Result<Listed<Capture>, DirectoryError> {
        self.store.captures(filter, page).await
    }

    /// Forgets the requests that were captured before a time, and returns how many that were.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn forget_captures(&self, before: SystemTime) -> Result<u64, DirectoryError> {
        self.store.forget_captures(before).await
    }

    // --- For replicas ---

    /// How often something was changed, by anybody who uses the store.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn revision(&self) -> Result<u64, DirectoryError> {
        self.store.revision().await
    }

    /// Everything that requests need to know, for [`KeyRing::replace`](super::KeyRing::replace) and its like.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, DirectoryError> {
        // Read before the rest: a change that comes meanwhile has a later revision, and is read the next time for certain.
        let revision = self.store.revision().await?;
        let keys = self.all(kinds::KEY).await?.into_iter().map(VirtualKey::of).collect::<Result<_, _>>()?;
        let mut documents = Vec::new();
        for kind in [kinds::LIMIT, kinds::BUDGET, kinds::PRICE] {
            for object in self.all(kind).await? {
                documents.push(Document::of(object)?);
            }
        }
        Ok(Snapshot { revision, keys, documents })
    }

    /// Notes when keys, by id, were last used.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn touch(&self, uses: &[(String, SystemTime)]) -> Result<(), DirectoryError> {
        self.store.touch(kinds::KEY, uses).await
    }

    async fn all(&self, kind: &str) -> Result<Vec<Object>, DirectoryError> {
        let query = ObjectQuery { kind: kind.to_owned(), ..ObjectQuery::default() };
        let (mut objects, mut page) = (Vec::new(), Page::first(Page::MAX));
        loop {
            let piece = self.store.objects(&query, &page).await?;
            objects.extend(piece.items);
            page.after = piece.next;
            if page.after.is_none() {
                return Ok(objects);
            }
        }
    }
}

fn key_query() -> ObjectQuery {
    ObjectQuery { kind: kinds::KEY.to_owned(), ..ObjectQuery::default() }
}

/// The loops above return with their last attempt at the latest.
fn unreachable_attempts<T>() -> Result<T, DirectoryError> {
    Err(DirectoryError::conflict("it is being changed all the time; try again"))
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("store", &self.store).finish_non_exhaustive()
    }
}
