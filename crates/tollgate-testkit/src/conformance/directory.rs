//! Whether a store of a directory does what its trait promises.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tollgate_usage::directory::{
    Actor, AuditEntry, AuditFilter, Capture, CaptureFilter, CapturedBody, Change, Commit, Directory, DirectoryError,
    DirectoryStore, Expected, KeyFilter, KeyUpdate, NewKey, Object, ObjectQuery, Page,
};

/// Puts a store, which has to be empty, through everything that [`DirectoryStore`] promises.
///
/// # Panics
/// If a promise is broken; the message says which.
pub async fn directory_store(store: Arc<dyn DirectoryStore>) {
    assert_eq!(store.revision().await.expect("a revision"), 0, "a new store was never changed");
    let suite = Suite { store };
    suite.what_is_not_there_is_an_empty_list().await;
    suite.what_was_put_comes_back().await;
    suite.a_change_needs_the_version_that_is_there().await;
    suite.names_are_taken_once_for_each_kind().await;
    suite.what_is_refused_leaves_no_trace().await;
    suite.lists_come_in_pieces_in_the_order_of_bytes().await;
    suite.paths_select_what_is_below_them().await;
    suite.uses_are_no_changes().await;
    suite.the_audit_log_is_read_from_its_end().await;
    suite.entries_without_a_change().await;
    suite.old_entries_are_forgotten().await;
    suite.captures_are_kept_until_they_are_old().await;
    suite.keys_live_and_die().await;
    suite.documents_have_versions().await;
    suite.writers_at_the_same_time().await;
    suite.who_goes_away_leaves_all_or_nothing().await;
}

struct Suite {
    store: Arc<dyn DirectoryStore>,
}

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn object(kind: &str, id: &str) -> Object {
    Object {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: format!("name-{id}"),
        path: None,
        body: r#"{"a":"\u0000 \"ä\""}"#.to_owned(),
        version: 0,
        created_at: at(1_700_000_000_123),
        changed_at: at(1_700_000_000_456),
        last_used_at: None,
    }
}

fn of_kind(kind: &str) -> ObjectQuery {
    ObjectQuery { kind: kind.to_owned(), ..ObjectQuery::default() }
}

fn entry(object: &str) -> AuditEntry {
    AuditEntry::new(&Actor::cli("suite"), "test", object, "put").after(json!({ "of": object }))
}

impl Suite {
    async fn put(&self, object: Object, expected: Option<u64>) -> Result<u64, DirectoryError> {
        let entry = entry(&object.id);
        self.store.commit(Commit { change: Some(Change::Put { object, expected }), entry }).await
    }

    async fn remove(&self, kind: &str, id: &str, expected: u64) -> Result<u64, DirectoryError> {
        let change = Change::Remove { kind: kind.to_owned(), id: id.to_owned(), expected };
        self.store.commit(Commit { change: Some(change), entry: entry(id) }).await
    }

    async fn names(&self, query: &ObjectQuery) -> Vec<String> {
        let found = self.store.objects(query, &Page::first(Page::MAX)).await.expect("a list");
        found.items.into_iter().map(|object| object.name).collect()
    }

    async fn one(&self, kind: &str, id: &str) -> Option<Object> {
        let query = ObjectQuery { id: Some(id.to_owned()), ..of_kind(kind) };
        self.store.objects(&query, &Page::default()).await.expect("a list").items.pop()
    }

    async fn entries(&self, filter: &AuditFilter) -> Vec<AuditEntry> {
        self.store.entries(filter, &Page::first(Page::MAX)).await.expect("the log").items
    }

    fn directory(&self) -> Directory {
        Directory::new(self.store.clone())
    }

    async fn what_is_not_there_is_an_empty_list(&self) {
        assert_eq!(self.names(&of_kind("nothing")).await, [""; 0]);
        assert_eq!(self.entries(&AuditFilter::default()).await, []);
        assert_eq!(self.store.captures(&CaptureFilter::default(), &Page::default()).await.expect("a list").items, []);
    }

    async fn what_was_put_comes_back(&self) {
        let first = Object { path: Some("acme/search".to_owned()), ..object("back", "1") };
        let version = self.put(first.clone(), None).await.expect("is put");
        assert_eq!(version, self.store.revision().await.expect("a revision"), "a change raises the revision");
        assert_eq!(self.one("back", "1").await, Some(Object { version, ..first.clone() }));
        let second = Object { body: "{}".to_owned(), path: None, name: "other".to_owned(), ..first };
        let next = self.put(second.clone(), Some(version)).await.expect("is replaced");
        assert!(next > version);
        assert_eq!(self.one("back", "1").await, Some(Object { version: next, ..second }));
        assert_eq!(self.one("back", "2").await, None);
        assert_eq!(self.one("other", "1").await, None, "of another kind");
    }

    async fn a_change_needs_the_version_that_is_there(&self) {
        let version = self.put(object("versions", "1"), None).await.expect("is put");
        let late = self.put(object("versions", "1"), Some(version - 1)).await.expect_err("was changed");
        assert!(late.is_conflict(), "{late:?}");
        let missing = self.put(object("versions", "2"), Some(version)).await.expect_err("is not there");
        assert!(missing.is_conflict(), "{missing:?}");
        let late = self.remove("versions", "1", version - 1).await.expect_err("was changed");
        assert!(late.is_conflict(), "{late:?}");
        self.remove("versions", "1", version).await.expect("is removed");
        assert_eq!(self.one("versions", "1").await, None);
        let gone = self.remove("versions", "1", version).await.expect_err("is gone");
        assert!(gone.is_conflict(), "{gone:?}");
    }

    async fn names_are_taken_once_for_each_kind(&self) {
        self.put(object("names", "1"), None).await.expect("is put");
        let same_id = Object { name: "free".to_owned(), ..object("names", "1") };
        assert!(self.put(same_id, None).await.expect_err("the id is taken").is_exists());
        let same_name = Object { name: "name-1".to_owned(), ..object("names", "2") };
        assert!(self.put(same_name.clone(), None).await.expect_err("the name is taken").is_exists());
        let version = self.put(object("names", "2"), None).await.expect("is put");
        assert!(self.put(same_name, Some(version)).await.expect_err("the name is taken").is_exists());
        self.put(object("names_of_others", "1"), None).await.expect("another kind has names of its own");
    }

    async fn what_is_refused_leaves_no_trace(&self) {
        let before = (self.store.revision().await.expect("a revision"), self.entries(&AuditFilter::default()).await);
        self.put(object("names", "1"), None).await.expect_err("is taken");
        self.put(object("names", "1"), Some(0)).await.expect_err("has another version");
        self.remove("names", "1", 0).await.expect_err("has another version");
        let after = (self.store.revision().await.expect("a revision"), self.entries(&AuditFilter::default()).await);
        assert_eq!(before, after);
    }

    async fn lists_come_in_pieces_in_the_order_of_bytes(&self) {
        let names = ["B", "Z", "a", "a-b", "a/b", "ab", "b", "z", "ä"];
        for (index, name) in names.iter().enumerate().rev() {
            let object = Object { name: (*name).to_owned(), ..object("pieces", &index.to_string()) };
            self.put(object, None).await.expect("is put");
        }
        let (mut page, mut seen, mut sizes) = (Page::first(4), Vec::new(), Vec::new());
        loop {
            let piece = self.store.objects(&of_kind("pieces"), &page).await.expect("a piece");
            sizes.push(piece.items.len());
            seen.extend(piece.items.into_iter().map(|object| object.name));
            page.after = piece.next;
            if page.after.is_none() {
                break;
            }
        }
        assert_eq!((seen, sizes), (names.map(str::to_owned).to_vec(), vec![4, 4, 1]));
        let all = self.store.objects(&of_kind("pieces"), &Page::first(names.len())).await.expect("a piece");
        assert_eq!(all.next, None, "a full piece may be the last");
    }

    async fn paths_select_what_is_below_them(&self) {
        for (id, path) in
            ["acme", "acme/search", "acme/search/alice", "acme/searching", "acmecorp", "Acme"].into_iter().enumerate()
        {
            let object =
                Object { path: Some(path.to_owned()), name: path.to_owned(), ..object("paths", &id.to_string()) };
            self.put(object, None).await.expect("is put");
        }
        self.put(object("paths", "without"), None).await.expect("is put");
        let within = |path: &str| ObjectQuery { within: Some(path.to_owned()), ..of_kind("paths") };
        assert_eq!(self.names(&within("acme/search")).await, ["acme/search", "acme/search/alice"]);
        let all = ["acme", "acme/search", "acme/search/alice", "acme/searching"];
        assert_eq!(self.names(&within("acme")).await, all);
        assert_eq!(self.names(&within("a")).await, [""; 0]);
        assert_eq!(self.names(&within("acme%")).await, [""; 0]);
    }

    async fn uses_are_no_changes(&self) {
        let version = self.put(object("uses", "1"), None).await.expect("is put");
        let entries = self.entries(&AuditFilter::default()).await.len();
        let touch = async |uses: &[(&str, u64)]| {
            let uses: Vec<_> = uses.iter().map(|(id, millis)| ((*id).to_owned(), at(*millis))).collect();
            self.store.touch("uses", &uses).await.expect("is noted");
        };
        touch(&[("1", 5000), ("unknown", 7000)]).await;
        touch(&[]).await;
        touch(&[("1", 4000)]).await;
        assert_eq!(self.one("uses", "1").await.and_then(|object| object.last_used_at), Some(at(5000)));
        assert_eq!(self.store.revision().await.expect("a revision"), version);
        assert_eq!(self.entries(&AuditFilter::default()).await.len(), entries);
        let next = self.put(object("uses", "1"), Some(version)).await.expect("has the same version");
        assert_eq!(self.one("uses", "1").await.and_then(|object| object.last_used_at), Some(at(5000)));
        self.remove("uses", "1", next).await.expect("is removed");
        self.put(object("uses", "1"), None).await.expect("is put again");
        assert_eq!(self.one("uses", "1").await.and_then(|object| object.last_used_at), None, "it is another one");
    }

    async fn the_audit_log_is_read_from_its_end(&self) {
        let (alice, bob) = (Actor::cli("alice"), Actor::admin("bob"));
        for (number, actor) in [&alice, &bob, &alice, &bob, &alice].into_iter().enumerate() {
            let mut entry = AuditEntry::new(actor, "log", &format!("o{number}"), "put").before(json!(null));
            entry.at = at(1_000 + number as u64);
            entry = entry.after(json!({ "text": "\u{0} ä" }));
            let change = Change::Put { object: object("log", &number.to_string()), expected: None };
            let revision =
                self.store.commit(Commit { change: Some(change), entry: entry.clone() }).await.expect("is put");
            let newest = self.entries(&AuditFilter::default()).await.swap_remove(0);
            let mut expect = entry;
            (expect.id, expect.revision) = (newest.id, revision);
            assert_eq!(newest, expect);
        }
        let objects = async |filter: AuditFilter| {
            let entries = self.entries(&AuditFilter { kind: Some("log".to_owned()), ..filter }).await;
            entries.into_iter().map(|entry| entry.object).collect::<Vec<_>>()
        };
        let by = |actor: &Actor| AuditFilter { actor: Some(actor.to_string()), ..AuditFilter::default() };
        assert_eq!(objects(AuditFilter::default()).await, ["o4", "o3", "o2", "o1", "o0"]);
        assert_eq!(objects(by(&bob)).await, ["o3", "o1"]);
        let times = AuditFilter { from: Some(at(1_001)), until: Some(at(1_003)), ..AuditFilter::default() };
        assert_eq!(objects(times).await, ["o2", "o1"]);
        let one = AuditFilter { object: Some("o2".to_owned()), ..by(&alice) };
        assert_eq!(objects(one.clone()).await, ["o2"]);
        assert_eq!(objects(AuditFilter { action: Some("log.delete".to_owned()), ..one }).await, [""; 0]);
        let filter = AuditFilter { kind: Some("log".to_owned()), ..AuditFilter::default() };
        let first = self.store.entries(&filter, &Page::first(3)).await.expect("a piece");
        let second = self.store.entries(&filter, &Page { limit: 3, after: first.next.clone() }).await.expect("a piece");
        assert_eq!((first.items.len(), second.items.len(), second.next), (3, 2, None));
        assert!(first.items[2].id > second.items[0].id);
        let nonsense = Page { limit: 3, after: Some("nonsense".to_owned()) };
        assert_eq!(self.store.entries(&filter, &nonsense).await.expect("a piece").items, []);
    }

    async fn entries_without_a_change(&self) {
        let revision = self.store.revision().await.expect("a revision");
        let entry = AuditEntry::new(&Actor::configuration(), "configuration", "tollgate.yaml", "reload");
        let answer = self.store.commit(Commit { change: None, entry }).await.expect("is written down");
        assert_eq!((answer, self.store.revision().await.expect("a revision")), (revision, revision));
        let newest = self.entries(&AuditFilter::default()).await.swap_remove(0);
        assert_eq!((newest.action.as_str(), newest.revision), ("configuration.reload", revision));
    }

    async fn old_entries_are_forgotten(&self) {
        let all = self.entries(&AuditFilter::default()).await;
        let old = all.iter().filter(|entry| entry.at < at(1_003)).count() as u64;
        assert_eq!(old, 3, "of the entries with old times");
        assert_eq!(self.store.forget_entries(at(1_003)).await.expect("forgets"), old);
        assert_eq!(self.store.forget_entries(at(1_003)).await.expect("forgets"), 0);
        let left = self.entries(&AuditFilter::default()).await;
        assert_eq!(left, all.into_iter().filter(|entry| entry.at >= at(1_003)).collect::<Vec<_>>());
        self.put(object("after", "1"), None).await.expect("is put");
        assert!(self.entries(&AuditFilter::default()).await[0].id > left[0].id);
    }

    async fn captures_are_kept_until_they_are_old(&self) {
        let capture = |number: u64| Capture {
            at: at(10_000 + number),
            request_id: format!("r{number}"),
            key: (number != 2).then(|| format!("k{}", number % 2)),
            status: 200,
            request_headers: vec![("accept".to_owned(), "*/*".to_owned())],
            request: CapturedBody { text: "{\"a\":\"\u{0} ä\"}".to_owned(), bytes: 12, ..CapturedBody::default() },
            ..Capture::default()
        };
        self.store.keep(&[]).await.expect("nothing is kept");
        self.store.keep(&[capture(0), capture(1)]).await.expect("is kept");
        self.store.keep(&[capture(2), capture(3)]).await.expect("is kept");
        let ids = async |filter: CaptureFilter| {
            let found = self.store.captures(&filter, &Page::default()).await.expect("a list").items;
            found.into_iter().map(|capture| capture.request_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(CaptureFilter::default()).await, ["r3", "r2", "r1", "r0"]);
        assert_eq!(ids(CaptureFilter { key: Some("k1".to_owned()), ..CaptureFilter::default() }).await, ["r3", "r1"]);
        let times = CaptureFilter { from: Some(at(10_001)), until: Some(at(10_003)), ..CaptureFilter::default() };
        assert_eq!(ids(times).await, ["r2", "r1"]);
        let one = CaptureFilter { request_id: Some("r2".to_owned()), ..CaptureFilter::default() };
        let found = self.store.captures(&one, &Page::default()).await.expect("a list").items.swap_remove(0);
        assert_eq!(found, Capture { id: found.id, ..capture(2) });
        let piece = self.store.captures(&CaptureFilter::default(), &Page::first(3)).await.expect("a piece");
        let rest = Page { limit: 3, after: piece.next };
        let rest = self.store.captures(&CaptureFilter::default(), &rest).await.expect("a piece");
        assert_eq!((piece.items.len(), rest.items.len(), rest.next), (3, 1, None));
        assert_eq!(self.store.forget_captures(at(10_002)).await.expect("forgets"), 2);
        assert_eq!(ids(CaptureFilter::default()).await, ["r3", "r2"]);
    }

    async fn keys_live_and_die(&self) {
        let (directory, actor) = (self.directory(), Actor::cli("suite"));
        let new = |name: &str, path: &str| NewKey {
            name: name.to_owned(),
            path: Some(path.parse().expect("a path")),
            ..NewKey::default()
        };
        let issued = directory.create_key(&actor, new("web", "acme/search")).await.expect("is made");
        directory.create_key(&actor, new("batch", "acme/ads")).await.expect("is made");
        assert!(directory.create_key(&actor, new("web", "acme")).await.expect_err("is taken").is_exists());
        for name in [&issued.key.id, "web"] {
            assert_eq!(directory.find_key(name).await.expect("is found"), issued.key);
        }
        let names = async |filter: KeyFilter| {
            let found = directory.list_keys(&filter, &Page::default()).await.expect("a list").items;
            found.into_iter().map(|key| key.name).collect::<Vec<_>>()
        };
        assert_eq!(names(KeyFilter::default()).await, ["batch", "web"]);
        let within = KeyFilter { within: Some("acme/ads".parse().expect("a path")), ..KeyFilter::default() };
        assert_eq!(names(within).await, ["batch"]);
        let disabled = directory.update_key(&actor, "web", KeyUpdate::disabled(true)).await.expect("is disabled");
        assert_eq!(directory.find_key("web").await.expect("is found"), disabled);
        assert_eq!(names(KeyFilter { disabled: Some(false), ..KeyFilter::default() }).await, ["batch"]);
        let late = KeyUpdate { version: Some(issued.key.version), ..KeyUpdate::disabled(false) };
        assert!(directory.update_key(&actor, "web", late).await.expect_err("was changed").is_conflict());
        let rotated = directory.rotate_key(&actor, "web", Duration::from_secs(60)).await.expect("is rotated");
        assert_ne!(rotated.secret, issued.secret);
        assert!(directory.find_key("web").await.expect("is found").previous_secret_until.is_some());
        directory.delete_key(&actor, &issued.key.id).await.expect("is deleted");
        assert!(directory.delete_key(&actor, "web").await.expect_err("is gone").is_not_found());
        let again = directory.create_key(&actor, new("web", "acme")).await.expect("the name is free");
        assert_ne!(again.key.id, issued.key.id);
        let filter = AuditFilter { object: Some(issued.key.id.clone()), ..AuditFilter::default() };
        let entries = self.entries(&filter).await;
        let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["key.delete", "key.rotate", "key.disable", "key.create"]);
        let told = serde_json::to_string(&entries).expect("is JSON");
        for secret in [&issued.secret, &rotated.secret] {
            assert!(!told.contains(&secret.expose()[issued.key.prefix.len()..]), "{told}");
        }
        assert_eq!(entries[2].before.as_ref().map(|key| &key["disabled"]), Some(&json!(false)));
        assert_eq!(entries[2].after.as_ref().map(|key| &key["disabled"]), Some(&json!(true)));
    }

    async fn documents_have_versions(&self) {
        let (directory, actor) = (self.directory(), Actor::admin("suite"));
        let put = async |body: u32, expected: Expected| {
            directory.put_document(&actor, "budget", "acme/monthly", json!({ "usd": body }), expected).await
        };
        let first = put(1, Expected::Absent).await.expect("is made");
        assert!(put(2, Expected::Absent).await.expect_err("is there").is_exists());
        let second = put(2, Expected::Version(first.version)).await.expect("is replaced");
        assert_eq!((&second.created_at, &second.body), (&first.created_at, &json!({ "usd": 2 })));
        assert!(put(3, Expected::Version(first.version)).await.expect_err("was replaced").is_conflict());
        let third = put(3, Expected::Anything).await.expect("is replaced");
        assert_eq!(directory.find_document("budget", "acme/monthly").await.expect("is found"), third);
        assert_eq!(directory.list_documents("budget", &Page::default()).await.expect("a list").items, [third]);
        let snapshot = directory.snapshot().await.expect("a snapshot");
        assert_eq!((snapshot.documents.len(), snapshot.revision), (1, directory.revision().await.expect("a revision")));
        for (kind, id) in [("key", "x"), ("Budget", "x"), ("budget", ""), ("budget", "a b")] {
            let refused = directory.put_document(&actor, kind, id, json!({}), Expected::Anything).await;
            assert!(refused.expect_err("is no name").is_invalid(), "{kind} {id}");
        }
        directory.delete_document(&actor, "budget", "acme/monthly").await.expect("is deleted");
        assert!(directory.find_document("budget", "acme/monthly").await.expect_err("is gone").is_not_found());
        assert_eq!(directory.snapshot().await.expect("a snapshot").documents, []);
    }

    /// Nobody's change is lost and none is made on top of what somebody did not see.
    async fn writers_at_the_same_time(&self) {
        let before = self.store.revision().await.expect("a revision");
        self.put(Object { body: "0".to_owned(), ..object("counter", "1") }, None).await.expect("is put");
        let writers = (0..6).map(|_| {
            let suite = Self { store: self.store.clone() };
            tokio::spawn(async move {
                for _ in 0..8 {
                    while !suite.count_up().await {}
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("a writer");
        }
        assert_eq!(self.one("counter", "1").await.map(|object| object.body), Some("48".to_owned()));
        assert_eq!(self.store.revision().await.expect("a revision"), before + 49);
        let entries = self.entries(&AuditFilter::default()).await;
        let counted: BTreeSet<u64> = entries.iter().map(|entry| entry.revision).filter(|it| *it > before).collect();
        assert_eq!(counted.len(), 49, "one entry for each revision");
        assert!(entries.is_sorted_by(|a, b| a.id > b.id && a.revision >= b.revision));
    }

    async fn count_up(&self) -> bool {
        let there = self.one("counter", "1").await.expect("is there");
        let next = there.body.parse::<u32>().expect("a number") + 1;
        match self.put(Object { body: next.to_string(), ..there.clone() }, Some(there.version)).await {
            Ok(_) => true,
            Err(error) => {
                assert!(error.is_conflict(), "{error:?}");
                false
            }
        }
    }

    async fn who_goes_away_leaves_all_or_nothing(&self) {
        let before = self.store.revision().await.expect("a revision");
        for number in 0..20 {
            let putting = self.put(object("gone", &number.to_string()), None);
            // Polled once at most, and dropped.
            let _ = tokio::time::timeout(Duration::ZERO, putting).await;
        }
        // Writes happen one after the other, so that nothing is under way after this one.
        let revision = self.put(object("gone", "last"), None).await.expect("is put");
        let objects = self.names(&of_kind("gone")).await.len() as u64;
        let entries = self.entries(&AuditFilter::default()).await;
        let entries = entries.iter().filter(|entry| entry.revision > before).count() as u64;
        assert_eq!((objects, entries), (revision - before, revision - before));
    }
}
