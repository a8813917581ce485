//! Whether a ledger's store does what its traits promise.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_core::{CacheOutcome, CacheStatus, Context, Cost, Identity, NanoUsd, Operation, Tag, Target, Usage};
use tollgate_usage::{Batch, Filter, GroupBy, LedgerStore, Position, Prune, Query, RecordQuery, Totals, UsageRecord};

/// Puts an empty store through everything that [`LedgerStore`] and its reader promise. It must have room for 10,000 records
/// and as many groups.
///
/// # Panics
/// If a promise is broken; the message says which.
pub async fn ledger_store(store: Arc<dyn LedgerStore>) {
    let suite = Suite { store };
    suite.nothing_is_known_of_what_was_never_written().await;
    suite.a_batch_and_its_position_go_together().await;
    suite.records_come_back_as_they_were().await;
    suite.pages_show_each_record_once().await;
    suite.filters_find_what_fits_and_nothing_else().await;
    suite.sums_are_those_of_the_records().await;
    suite.quantiles_are_near_the_truth().await;
    suite.whatever_clients_call_things_is_kept().await;
    suite.sums_that_are_too_large_stop_growing().await;
    suite.of_two_who_write_a_journal_one_is_refused().await;
    suite.journals_are_written_at_the_same_time().await;
    suite.what_is_too_old_is_deleted_a_little_at_a_time().await;
}

struct Suite {
    store: Arc<dyn LedgerStore>,
}

/// An hour of the past that is one in every time zone.
const START: u64 = 1_700_000_000 / 3600 * 3600;

/// A record that differs in everything from those with other numbers, more or less.
fn record(key: &str, number: u64) -> UsageRecord {
    let pick = |words: &[&'static str]| words[usize::try_from(number).unwrap_or(0) % words.len()];
    let tags = match number % 4 {
        0 => vec![],
        1 => vec![Tag { name: "team".into(), value: "search".into() }],
        2 => vec![
            Tag { name: "team".into(), value: "ads".into() },
            Tag { name: "app".into(), value: "a \"b\" \\".into() },
        ],
        _ => vec![Tag { name: "app".into(), value: r#"","team":"search"#.into() }],
    };
    let path = pick(&["acme", "acme/search", "acme/search/alice", "acme2", "other/search"]);
    let mut identity = Identity::of_key(key);
    identity.path = Some(path.into());
    let context = Context::builder(format!("{key}-{number}")).identity(identity).tags(tags).build();
    context.observe(|observed| {
        observed.target = Some(Target::new(pick(&["openai", "anthropic", "mistral"]), pick(&["large", "small"])));
        observed.attempts = 1;
        observed.usage = Some(Usage { input: Some(number), output: Some(3), ..Usage::default() });
        if !number.is_multiple_of(5) {
            observed.cost = Some(Cost { amount: NanoUsd(1000 + number), price: "list@1".into() });
        }
        if number.is_multiple_of(3) {
            let saved = Usage { input: Some(7), ..Usage::default() };
            observed.cache = Some(CacheOutcome::new(CacheStatus::Hit).saved(Some(saved)));
            observed.saved = Some(NanoUsd(11));
        } else if number % 3 == 1 {
            observed.cache = Some(CacheOutcome::new(CacheStatus::Miss));
        }
    });
    let operation = if number.is_multiple_of(7) { Operation::Embeddings } else { Operation::ChatCompletions };
    let status = if number.is_multiple_of(11) { 502 } else { 200 };
    let mut record = UsageRecord::new(operation, Some("fast".into()), number.is_multiple_of(2), status, &context);
    record.error = (status == 502).then_some("upstream_error");
    // Some receive later what was asked for earlier, as it is with requests of different lengths.
    record.received_at = UNIX_EPOCH + Duration::from_secs(START + (number * 977) % (50 * 3600));
    record.latency = Duration::from_millis(number + 1);
    record.time_to_first_token = record.stream.then_some(Duration::from_micros(number * 100));
    record
}

fn records(key: &str, count: u64) -> Vec<UsageRecord> {
    (0..count).map(|number| record(key, number)).collect()
}

fn json(record: &UsageRecord) -> String {
    let mut out = Vec::new();
    record.write_json(&mut out);
    String::from_utf8(out).expect("is text")
}

fn of_key(key: &str) -> Filter {
    Filter { key: Some(key.to_owned()), ..Filter::default() }
}

fn at(offset: u64) -> Position {
    Position { segment: 1, offset }
}

/// Whether a record fits, told in another way than any store does.
fn fits(record: &UsageRecord, filter: &Filter) -> bool {
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let is = |wanted: &Option<String>, text: Option<&str>| wanted.as_deref().is_none_or(|wanted| Some(wanted) == text);
    is(&filter.key, record.key.as_deref())
        && is(&filter.model, record.model.as_deref())
        && is(&filter.provider, record.provider.as_deref())
        && is(&filter.operation, Some(record.operation.as_str()))
        && is(&filter.cache, record.cache.as_ref().map(|cache| cache.status.as_str()))
        && is(&filter.error, record.error)
        && filter
            .path
            .as_deref()
            .is_none_or(|tree| record.path.as_deref().is_some_and(|path| parts(path).starts_with(&parts(tree))))
        && filter.tags.iter().all(|tag| record.tags.contains(tag))
}

impl Suite {
    /// Keeps records as a journal of their own, in batches of no particular size.
    async fn keep(&self, journal: &str, records: &[UsageRecord]) {
        let mut from = self.store.position(journal).await.expect("a position");
        for batch in records.chunks(37) {
            let to = Position { segment: 1, offset: from.offset + 100 };
            self.append(journal, from, to, batch).await.expect("a batch is kept");
            from = to;
        }
    }

    async fn append(
        &self,
        journal: &str,
        from: Position,
        to: Position,
        records: &[UsageRecord],
    ) -> Result<(), tollgate_usage::database::DatabaseError> {
        let batch = Batch { journal: journal.to_owned(), from, to, records: records.to_vec() };
        self.store.append(&Arc::new(batch)).await
    }

    /// All pages of a list.
    async fn list(&self, mut query: RecordQuery) -> Vec<UsageRecord> {
        let mut all = Vec::new();
        loop {
            let page = self.store.records(&query).await.expect("a page");
            assert!(page.records.len() <= query.limit);
            all.extend(page.records);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return all,
            }
        }
    }

    async fn total(&self, filter: Filter) -> Totals {
        self.store.summary(&Query { filter, ..Query::default() }).await.expect("sums").total
    }

    async fn nothing_is_known_of_what_was_never_written(&self) {
        assert_eq!(self.store.position("never").await.expect("a position"), Position::default());
        let query = Query { quantiles: true, group_by: vec![GroupBy::Model], ..Query::default() };
        assert_eq!(self.store.summary(&query).await.expect("sums"), tollgate_usage::Summary::default());
        assert!(self.list(RecordQuery::first(10)).await.is_empty());
    }

    async fn a_batch_and_its_position_go_together(&self) {
        let key = "together";
        self.append(key, Position::default(), at(10), &records(key, 3)).await.expect("is kept");
        assert_eq!(self.store.position(key).await.expect("a position"), at(10));
        for wrong in [Position::default(), at(9), at(11), Position { segment: 2, offset: 10 }] {
            let error = self.append(key, wrong, at(20), &records(key, 5)).await.expect_err("is elsewhere");
            assert!(error.is_conflict(), "{error}");
        }
        assert_eq!(self.store.position(key).await.expect("a position"), at(10));
        assert_eq!(self.total(of_key(key)).await.requests, 3, "of a batch that was refused nothing is kept");
        self.append(key, at(10), at(30), &[]).await.expect("a position without records");
        assert_eq!(self.store.position(key).await.expect("a position"), at(30));
    }

    async fn records_come_back_as_they_were(&self) {
        let key = "as they were";
        let mut written = records(key, 90);
        self.keep(key, &written).await;
        let read = self.list(RecordQuery { filter: of_key(key), ..RecordQuery::first(1000) }).await;
        // Of those of the same time the one that was kept later counts as later.
        written.reverse();
        written.sort_by_key(|record| std::cmp::Reverse(record.received_at));
        assert_eq!(read.iter().map(json).collect::<Vec<_>>(), written.iter().map(json).collect::<Vec<_>>());
    }

    async fn pages_show_each_record_once(&self) {
        let key = "pages";
        self.keep(key, &records(key, 100)).await;
        let whole = self.list(RecordQuery { filter: of_key(key), ..RecordQuery::first(1000) }).await;
        for limit in [1, 7, 50, 99, 100, 101] {
            let paged = self.list(RecordQuery { filter: of_key(key), ..RecordQuery::first(limit) }).await;
            assert_eq!(
                paged.iter().map(json).collect::<Vec<_>>(),
                whole.iter().map(json).collect::<Vec<_>>(),
                "in pages of {limit}"
            );
        }
        let first = self.store.records(&RecordQuery { filter: of_key(key), ..RecordQuery::first(40) }).await;
        let next = first.expect("a page").next.expect("there is more");
        // What is new comes before the page that somebody looks at, and does not move it.
        let mut newer = record(key, 1000);
        newer.received_at = SystemTime::now();
        self.keep(key, &[newer]).await;
        let rest = RecordQuery { filter: of_key(key), after: Some(next), ..RecordQuery::first(1000) };
        assert_eq!(self.list(rest).await.len(), 60);
    }

    async fn filters_find_what_fits_and_nothing_else(&self) {
        let key = "filters";
        let written = records(key, 200);
        self.keep(key, &written).await;
        let tag = |name: &str, value: &str| Tag { name: name.into(), value: value.into() };
        let text = |text: &str| Some(text.to_owned());
        let filters = [
            Filter { path: text("acme"), ..of_key(key) },
            Filter { path: text("acme/search/"), ..of_key(key) },
            Filter { path: text("acme%"), ..of_key(key) },
            Filter { model: text("small"), ..of_key(key) },
            Filter { provider: text("mistral"), ..of_key(key) },
            Filter { operation: text("embeddings"), ..of_key(key) },
            Filter { cache: text("hit"), ..of_key(key) },
            Filter { error: text("upstream_error"), ..of_key(key) },
            Filter { tags: vec![tag("team", "search")], ..of_key(key) },
            Filter { tags: vec![tag("team", "ads"), tag("app", "a \"b\" \\")], ..of_key(key) },
            Filter { tags: vec![tag("app", r#"","team":"search"#)], ..of_key(key) },
            Filter { tags: vec![tag("team", "sea")], ..of_key(key) },
            Filter { path: text("acme"), cache: text("miss"), model: text("large"), ..of_key(key) },
            of_key("nobody"),
        ];
        for filter in filters {
            let mut expect: Vec<String> = written
                .iter()
                .filter(|record| fits(record, &filter))
                .map(|record| record.request_id.to_string())
                .collect();
            let query = RecordQuery { filter: filter.clone(), ..RecordQuery::first(33) };
            let mut found: Vec<String> =
                self.list(query).await.iter().map(|record| record.request_id.to_string()).collect();
            expect.sort();
            found.sort();
            // That of a path without a slash at its end is the same.
            let slash = filter.path.as_deref().is_some_and(|path| path.ends_with('/'));
            if slash {
                let bare = Filter { path: text("acme/search"), ..filter.clone() };
                expect = written
                    .iter()
                    .filter(|record| fits(record, &bare))
                    .map(|record| record.request_id.to_string())
                    .collect();
                expect.sort();
            }
            assert_eq!(found, expect, "{filter:?}");
            assert_eq!(self.total(filter.clone()).await.requests, expect.len() as u64, "the sum of {filter:?}");
        }
        let [from, until] = [10, 30].map(|hour| UNIX_EPOCH + Duration::from_secs(START + hour * 3600));
        let query = RecordQuery { from: Some(from), until: Some(until), filter: of_key(key), ..RecordQuery::first(30) };
        let expect = written.iter().filter(|record| (from..until).contains(&record.received_at)).count();
        assert_eq!(self.list(query).await.len(), expect, "the records of a time");
        let query = Query { from: Some(from), until: Some(until), filter: of_key(key), ..Query::default() };
        assert_eq!(self.store.summary(&query).await.expect("sums").total.requests, expect as u64, "the sum of a time");
    }

    async fn sums_are_those_of_the_records(&self) {
        let key = "sums";
        let written = records(key, 300);
        // Two replicas, and many batches.
        self.keep("sums, here", &written[..120]).await;
        self.keep("sums, there", &written[120..]).await;
        let hour = |record: &UsageRecord, hours: u64| {
            let since = record.received_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let start = UNIX_EPOCH + Duration::from_secs(since / (hours * 3600) * (hours * 3600));
            humantime(start)
        };
        let tag = |record: &UsageRecord, name: &str| {
            record.tags.iter().find(|tag| &*tag.name == name).map(|tag| tag.value.to_string())
        };
        type Value<'a> = Box<dyn Fn(&UsageRecord) -> Option<String> + Send + 'a>;
        let by: Vec<(&str, Value<'_>)> = vec![
            ("provider", Box::new(|record| record.provider.as_deref().map(str::to_owned))),
            ("model", Box::new(|record| record.model.as_deref().map(str::to_owned))),
            ("key", Box::new(|record| record.key.as_deref().map(str::to_owned))),
            ("path", Box::new(|record| record.path.as_deref().map(str::to_owned))),
            ("path:1", Box::new(|record| record.path.as_deref()?.split('/').next().map(str::to_owned))),
            ("operation", Box::new(|record| Some(record.operation.as_str().to_owned()))),
            ("cache", Box::new(|record| record.cache.as_ref().map(|cache| cache.status.as_str().to_owned()))),
            ("error", Box::new(|record| record.error.map(str::to_owned))),
            ("tag:team", Box::new(|record| tag(record, "team"))),
            ("hour", Box::new(|record| Some(hour(record, 1)))),
            ("day", Box::new(|record| Some(hour(record, 24)))),
        ];
        for (name, value) in by {
            let mut expect: BTreeMap<Option<String>, Totals> = BTreeMap::new();
            written.iter().for_each(|record| expect.entry(value(record)).or_default().add(&Totals::of(record)));
            let group_by = vec![GroupBy::parse(name).expect("a property")];
            let query = Query { filter: of_key(key), group_by, ..Query::default() };
            let summary = self.store.summary(&query).await.expect("sums");
            let found: BTreeMap<Option<String>, Totals> =
                summary.groups.iter().map(|group| (group.by[name].clone(), group.totals)).collect();
            assert_eq!(found, expect, "by {name}");
            let tokens = summary.groups.iter().map(|group| group.totals.total_tokens).collect::<Vec<_>>();
            assert!(tokens.is_sorted_by(|a, b| a >= b), "the largest is first: {tokens:?}");
            assert!(summary.times.latency.is_none(), "nobody asked for quantiles");
        }
    }

    async fn quantiles_are_near_the_truth(&self) {
        let key = "quantiles";
        self.keep(key, &records(key, 1000)).await;
        let query = Query { filter: of_key(key), quantiles: true, group_by: vec![GroupBy::Model], ..Query::default() };
        let summary = self.store.summary(&query).await.expect("sums");
        let near = |seen: f64, truth: f64| assert!((seen - truth).abs() <= truth / 16.0, "{seen} is not {truth}");
        let latency = summary.times.latency.expect("a latency");
        near(latency.p50_ms, 500.0);
        near(latency.p90_ms, 900.0);
        near(latency.p99_ms, 990.0);
        let first = summary.times.time_to_first_token.expect("streams have one");
        near(first.p50_ms, 49.8);
        assert!(summary.groups.iter().all(|group| group.times.latency.is_some()));
    }

    async fn whatever_clients_call_things_is_kept(&self) {
        let key = "names";
        let names = [
            "",
            "a\0b",
            "'; DROP TABLE usage_records; --",
            "\u{1f980}\u{301}",
            "\u{feff}",
            "line\nbreak\ttab",
            "$1 ?1 %s",
        ];
        let mut written: Vec<UsageRecord> = (0..)
            .zip(names)
            .map(|(number, name)| {
                let mut record = record(key, number);
                record.model_asked = Some(name.into());
                record.model = Some(name.into());
                record.tags = vec![Tag { name: name.into(), value: name.into() }];
                record
            })
            .collect();
        let mut long = record(key, 50);
        long.model = Some("ä".repeat(100_000).into());
        long.tags = (0..5000).map(|number| Tag { name: format!("t{number}").into(), value: "v".into() }).collect();
        written.push(long);
        self.keep(key, &written).await;
        let read = self.list(RecordQuery { filter: of_key(key), ..RecordQuery::first(100) }).await;
        assert_eq!(read.len(), written.len());
        for record in written.iter().take(names.len()) {
            let same = read.iter().find(|read| read.request_id == record.request_id).expect("is there");
            // A database may have no room for the letter zero.
            let model = record.model.as_deref().map(|model| model.replace('\0', "\u{fffd}"));
            let read = same.model.as_deref().map(|model| model.replace('\0', "\u{fffd}"));
            assert_eq!(read, model);
            assert_eq!(same.tags, record.tags);
        }
        let by_model = Query { filter: of_key(key), group_by: vec![GroupBy::Model], ..Query::default() };
        assert_eq!(self.store.summary(&by_model).await.expect("sums").groups.len(), written.len());
    }

    async fn sums_that_are_too_large_stop_growing(&self) {
        let key = "large";
        let mut large = record(key, 1);
        large.usage = Usage { input: Some(u64::MAX), output: Some(u64::MAX / 2), ..Usage::default() };
        large.cost = Some(Cost { amount: NanoUsd(u64::MAX), price: "x".into() });
        for _ in 0..3 {
            self.keep(key, &[large.clone(), large.clone()]).await;
        }
        let total = self.total(of_key(key)).await;
        assert_eq!(total.requests, 6);
        let largest = u64::try_from(i64::MAX).expect("is positive");
        assert!(total.input_tokens >= largest && total.cost_nano_usd >= largest, "{total:?}");
    }

    async fn of_two_who_write_a_journal_one_is_refused(&self) {
        let key = "twice";
        let mut writing = Vec::new();
        for _ in 0..8 {
            let (store, records) = (self.store.clone(), records(key, 5));
            writing.push(tokio::spawn(async move {
                let batch = Batch { journal: key.to_owned(), from: Position::default(), to: at(10), records };
                store.append(&Arc::new(batch)).await
            }));
        }
        let mut kept = 0;
        for writing in writing {
            match writing.await.expect("no panic") {
                Ok(()) => kept += 1,
                Err(error) => assert!(error.is_conflict(), "{error}"),
            }
        }
        assert_eq!(kept, 1);
        assert_eq!(self.total(of_key(key)).await.requests, 5);
    }

    async fn journals_are_written_at_the_same_time(&self) {
        let key = "replicas";
        let mut writing = Vec::new();
        for replica in 0..4_u64 {
            let store = self.store.clone();
            writing.push(tokio::spawn(async move {
                let mut from = Position::default();
                for round in 0..10 {
                    let to = at(10 * (round + 1));
                    let records = (0..20).map(|number| record(key, replica * 200 + round * 20 + number)).collect();
                    let batch = Batch { journal: format!("{key} {replica}"), from, to, records };
                    store.append(&Arc::new(batch)).await.expect("is kept");
                    from = to;
                }
            }));
        }
        for writing in writing {
            writing.await.expect("no panic");
        }
        let mut expect = Totals::default();
        (0..800).for_each(|number| expect.add(&Totals::of(&record(key, number))));
        assert_eq!(self.total(of_key(key)).await, expect);
        let read = self.list(RecordQuery { filter: of_key(key), ..RecordQuery::first(300) }).await;
        assert_eq!(read.len(), 800);
    }

    async fn what_is_too_old_is_deleted_a_little_at_a_time(&self) {
        let before = UNIX_EPOCH + Duration::from_secs(START + 25 * 3600);
        let all = self.list(RecordQuery::first(1000)).await;
        let old = all.iter().filter(|record| record.received_at < before).count();
        assert!(old > 0 && old < all.len());
        let nothing = Prune { records_before: None, sums_before: None, limit: 100 };
        assert_eq!(self.store.prune(&nothing).await.expect("deletes nothing"), 0);
        let prune = Prune { records_before: Some(before), sums_before: None, limit: 100 };
        assert_eq!(self.store.prune(&prune).await.expect("deletes"), 100);
        assert_eq!(self.list(RecordQuery::first(1000)).await.len(), all.len() - 100);
        while self.store.prune(&prune).await.expect("deletes") > 0 {}
        let left = self.list(RecordQuery::first(1000)).await;
        assert_eq!(left.len(), all.len() - old);
        assert!(left.iter().all(|record| record.received_at >= before));
        assert_eq!(self.total(Filter::default()).await.requests, all.len() as u64, "sums are another matter");
        let prune = Prune { records_before: None, sums_before: Some(before), limit: 50 };
        while self.store.prune(&prune).await.expect("deletes") > 0 {}
        assert_eq!(self.total(Filter::default()).await.requests, left.len() as u64);
    }
}

/// A whole hour as RFC 3339 has it.
fn humantime(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // Days to a date, after Howard Hinnant's "chrono-compatible low-level date algorithms".
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:00:00Z", seconds / 3600 % 24)
}
