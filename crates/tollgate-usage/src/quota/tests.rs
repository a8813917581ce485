//! Rules, and all of it together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_core::{BoxFuture, ErrorKind, NanoUsd, Tag, Target};

use super::*;

fn tag(name: &str, value: &str) -> Tag {
    Tag { name: name.into(), value: value.into() }
}

fn rule(id: &str, scope: Scope) -> Rule {
    Rule { scope, ..Rule::new(id, Amount::Requests { limit: 10, per: Rate::Minute }) }
}

#[track_caller]
fn check_match(scope: Scope, facts: &Facts<'_>, expect: bool) {
    let rules =
        Rules::new([rule("other", Scope { key: Some("nobody".into()), ..Scope::default() }), rule("it", scope)])
            .expect("rules");
    let found: Vec<Arc<str>> = rules.matching(facts, CacheHits::Free).into_iter().map(|it| it.counter).collect();
    assert_eq!(found.iter().any(|name| &**name == "it"), expect, "{found:?}");
    assert!(rules.matching(facts, CacheHits::Count).is_empty());
}

#[test]
fn scopes() {
    let (tags, target) = ([tag("team", "a"), tag("env", "x")], Target::new("openai", "gpt-4o"));
    let unknown = Target::new("openai", "");
    let facts = Facts { key: Some("k"), path: Some("acme/search/alice"), tags: &tags, target: Some(&target) };
    let path = |path: &str| Scope { path: Some(path.into()), ..Scope::default() };
    let model = |model: &str| Scope { model: Some(model.into()), ..Scope::default() };
    for (scope, expect) in [
        (Scope::default(), true),
        (Scope { key: Some("k".into()), ..Scope::default() }, true),
        (Scope { key: Some("K".into()), ..Scope::default() }, false),
        (path("acme"), true),
        (path("acme/search"), true),
        (path("acme/search/alice"), true),
        (path("acme/sea"), false),
        (path("acme/search/alice/x"), false),
        (path("search"), false),
        (Scope { tags: vec![tag("team", "a")], ..Scope::default() }, true),
        (Scope { tags: vec![tag("team", "a"), tag("env", "x")], ..Scope::default() }, true),
        (Scope { tags: vec![tag("team", "a"), tag("env", "y")], ..Scope::default() }, false),
        (Scope { tags: vec![tag("team", "b")], ..Scope::default() }, false),
        (model("openai/gpt-4o"), true),
        (model("openai/gpt-4o-mini"), false),
        (model("azure/gpt-4o"), false),
        (Scope { provider: Some("openai".into()), ..Scope::default() }, true),
        (Scope { provider: Some("open".into()), ..Scope::default() }, false),
        (Scope { key: Some("k".into()), provider: Some("azure".into()), ..Scope::default() }, false),
        (Scope { key: Some("k".into()), model: Some("openai/gpt-4o".into()), ..path("acme") }, true),
    ] {
        check_match(scope, &facts, expect);
    }
    let facts = Facts { target: Some(&unknown), ..Facts::default() };
    check_match(model("openai/gpt-4o"), &facts, true);
    check_match(model("openai-eu/gpt-4o"), &facts, false);
    check_match(model("openai/gpt-4o"), &Facts::default(), false);
}

#[test]
fn a_counter_for_each() {
    let counter = |each, key, path| {
        let rules = Rules::new([Rule { each, ..rule("r", Scope::default()) }]).expect("rules");
        let found = rules.matching(&Facts { key, path, ..Facts::default() }, CacheHits::Free);
        found[0].counter.to_string()
    };
    assert_eq!(counter(Each::Together, Some("k"), None), "r");
    assert_eq!(counter(Each::Key, Some("k"), None), "r|k");
    assert_eq!(counter(Each::Key, None, None), "r|");
    assert_eq!(counter(Each::PathDepth(2), None, Some("a/b/c")), "r|a/b");
    assert_eq!(counter(Each::PathDepth(2), None, Some("a")), "r|a");
    assert_eq!(counter(Each::PathDepth(1), None, None), "r|");
}

#[test]
fn rules_that_could_never_match_are_refused() {
    let model = |model: &str| Rules::new([rule("r", Scope { model: Some(model.into()), ..Scope::default() })]);
    assert!(model("openai/gpt-4o").is_ok() && model("openrouter/a/b").is_ok());
    for wrong in ["gpt-4o", "/gpt-4o", "openai/", ""] {
        assert_eq!(model(wrong).err(), Some(RuleError::ModelWithoutProvider("r".into())));
    }
    for wrong in ["", "/a", "a/", "a//b"] {
        let rules = Rules::new([rule("r", Scope { path: Some(wrong.into()), ..Scope::default() })]);
        assert_eq!(rules.err(), Some(RuleError::Path("r".into())));
    }
    let twice = Rules::new([rule("r", Scope::default()), rule("r", Scope::default())]);
    assert_eq!(twice.err(), Some(RuleError::SameId("r".into())));
}

/// Quotas in memory with a clock of their own.
struct Rig {
    quotas: Quotas,
    now: Arc<AtomicU64>,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told(Mutex<Vec<(u8, NanoUsd)>>);

impl AlertSink for Told {
    fn alert(&self, alert: BudgetAlert) {
        self.0.lock().unwrap().push((alert.percent, alert.spent));
    }
}

/// 2026-11-26, noon.
const NOON: u64 = 1_795_694_400_000;

impl Rig {
    fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let now = Arc::new(AtomicU64::new(NOON));
        let clock: Clock = {
            let now = now.clone();
            Arc::new(move || now.load(Ordering::Relaxed))
        };
        let (book, told) = (RuleBook::new(), Arc::new(Told::default()));
        book.configure(rules.into_iter().collect()).expect("rules");
        book.tell(Some(told.clone()));
        let store = MemoryQuotas::new().clock(clock.clone()).observer(Arc::new(book.clone()));
        Self { quotas: Quotas::new(book, Arc::new(store)).clock(clock), now, told }
    }

    fn matches(&self) -> Vec<Match> {
        self.quotas.matching(&Facts { key: Some("k"), ..Facts::default() }, CacheHits::Free)
    }

    async fn acquire(&self, tokens: u64, cost: Option<u64>) -> Result<Admission, Denied> {
        self.quotas.acquire(&self.matches(), &Estimate { tokens, cost: cost.map(NanoUsd) }).await
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_millis().try_into().expect("a short time"), Ordering::Relaxed);
    }
}

fn spend(cost: u64) -> Used {
    Used { tokens: Some(1), cost: Some(NanoUsd(cost)) }
}

fn budget(budget: Budget) -> Rule {
    Rule::new("b", Amount::Budget(budget))
}

#[tokio::test]
async fn the_tightest_limit_is_told() {
    let wide = Rule::new("wide", Amount::Requests { limit: 100, per: Rate::Hour });
    let tight = Rule::new("tight", Amount::Requests { limit: 2, per: Rate::Minute });
    let tokens = Rule::new("tokens", Amount::Tokens { limit: 500, per: Rate::Minute });
    let rig = Rig::new([wide, tight, tokens]);
    let admission = rig.acquire(100, None).await.expect("the first");
    let requests = admission.notice().requests.expect("limited");
    assert_eq!((requests.limit, requests.remaining), (2, 1));
    assert_eq!(requests.reset, Duration::from_secs(61));
    assert_eq!(admission.notice().tokens.expect("limited").remaining, 400);
    admission.settle(&Used { tokens: Some(30), cost: None });
    let second = rig.acquire(100, None).await.expect("the second");
    assert_eq!(second.notice().tokens.expect("limited").remaining, 370);
    let denied = rig.acquire(100, None).await.expect_err("the third");
    assert_eq!(&*denied.rule.id, "tight");
    let error = denied.into_error();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(61))));
    assert_eq!(error.message(), "The limit `tight` (2 requests per minute) is reached; try again in 61 s.");
}

#[tokio::test]
async fn what_is_refused_is_charged_nowhere() {
    let tokens = Rule::new("tokens", Amount::Tokens { limit: 1000, per: Rate::Minute });
    let money = budget(Budget::hard(NanoUsd(10), Period::Day));
    let rig = Rig::new([tokens, money]);
    let _ = rig.acquire(400, Some(50)).await.expect_err("too expensive");
    let admission = rig.acquire(400, Some(10)).await.expect("the tokens are all there");
    assert_eq!(admission.notice().tokens.expect("limited").remaining, 600);
}

#[tokio::test]
async fn a_spent_budget_says_when_it_resets() {
    let rig = Rig::new([budget(Budget::hard("1".parse().unwrap(), Period::Month))]);
    rig.acquire(0, Some(1_000_000_000)).await.expect("all of it").settle(&spend(1_000_000_000));
    let error = rig.acquire(0, Some(1)).await.expect_err("spent").into_error();
    assert_eq!(error.kind(), ErrorKind::BudgetExceeded);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(4 * 86_400 + 12 * 3600)));
    assert_eq!(
        error.message(),
        "The budget `b` ($1 per month) has too little left for this request, which may cost up to $0.000000001. It \
         resets at 2026-12-01T00:00:00Z."
    );
    rig.pass(Duration::from_secs(5 * 86_400));
    drop(rig.acquire(0, Some(1)).await.expect("a new month"));
}

#[tokio::test]
async fn what_is_held_may_be_waited_for() {
    let rig = Rig::new([budget(Budget::hard(NanoUsd(100), Period::Day))]);
    let first = rig.acquire(0, Some(90)).await.expect("the first");
    let denied = rig.acquire(0, Some(20)).await.expect_err("held");
    assert!(denied.may_wait());
    assert_eq!(denied.into_error().kind(), ErrorKind::RateLimited);
    first.settle(&spend(5));
    drop(rig.acquire(0, Some(20)).await.expect("given back"));
}

#[tokio::test]
async fn who_drops_an_admission_has_used_nothing() {
    let rig = Rig::new([budget(Budget::hard(NanoUsd(100), Period::Day))]);
    drop(rig.acquire(0, Some(100)).await.expect("all of it"));
    drop(rig.acquire(0, Some(100)).await.expect("all of it again"));
}

#[tokio::test]
async fn what_has_no_price() {
    let refuse = Rig::new([budget(Budget::hard(NanoUsd(100), Period::Day))]);
    let error = refuse.acquire(0, None).await.expect_err("unpriced").into_error();
    assert_eq!(error.kind(), ErrorKind::PriceUnknown);
    let allow = Budget { unpriced: Unpriced::Allow, ..Budget::hard(NanoUsd(100), Period::Day) };
    for allowed in [budget(allow), budget(Budget::soft(NanoUsd(100), Period::Day))] {
        Rig::new([allowed]).acquire(0, None).await.expect("passes").settle(&Used { tokens: None, cost: None });
    }
}

#[tokio::test]
async fn a_soft_budget_warns_and_refuses_nothing() {
    let rig = Rig::new([budget(Budget::soft(NanoUsd(100), Period::Day))]);
    for cost in [79, 1, 10, 200] {
        rig.acquire(0, Some(1000)).await.expect("soft").settle(&spend(cost));
    }
    assert_eq!(*rig.told.0.lock().unwrap(), [(80, NanoUsd(80)), (100, NanoUsd(290))], "each once");
    let admission = rig.acquire(0, Some(1)).await.expect("soft");
    let expect = "b: 290 % of $0.0000001 spent ($0.00000029), resets 2026-11-27T00:00:00Z";
    assert_eq!(admission.notice().warnings, [Arc::<str>::from(expect)]);
    admission.settle(&spend(0));
    rig.pass(Duration::from_secs(86_400));
    rig.acquire(0, Some(1000)).await.expect("soft").settle(&spend(85));
    assert_eq!(rig.told.0.lock().unwrap().len(), 3, "again in the next window");
}

#[tokio::test]
async fn counts_outlive_a_change_of_rules() {
    let of = |limit| Rule::new("r", Amount::Requests { limit, per: Rate::Minute });
    let rig = Rig::new([of(1)]);
    rig.acquire(0, None).await.expect("the first").settle(&Used::NOTHING);
    let _ = rig.acquire(0, None).await.expect_err("the second");
    rig.quotas.book().configure(vec![of(2)]).expect("rules");
    rig.acquire(0, None).await.expect("one more").settle(&Used::NOTHING);
    let _ = rig.acquire(0, None).await.expect_err("not two more");
}

#[test]
fn rules_come_from_two_sources() {
    let book = RuleBook::new();
    let ids = || book.rules().all().iter().map(|rule| rule.id.to_string()).collect::<Vec<_>>();
    book.configure(vec![rule("a", Scope::default())]).expect("rules");
    book.manage(vec![rule("b", Scope::default())]).expect("rules");
    book.configure(vec![rule("c", Scope::default())]).expect("rules");
    assert_eq!(ids(), ["c", "b"]);
    assert_eq!(book.manage(vec![rule("c", Scope::default())]), Err(RuleError::SameId("c".into())));
    assert_eq!(ids(), ["c", "b"], "all stays as it is");
}

struct Ledger(Arc<AtomicU64>);

impl Seed for Ledger {
    fn spent(&self, scope: Scope, since: SystemTime) -> BoxFuture<'static, Result<NanoUsd, StoreError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(scope.key.as_deref(), Some("k"));
        assert_eq!(since, UNIX_EPOCH + Duration::from_millis(NOON - 12 * 3_600_000));
        Box::pin(async { Ok(NanoUsd(60)) })
    }
}

#[tokio::test]
async fn a_new_process_goes_on_from_the_ledger() {
    let each = Rule { each: Each::Key, ..budget(Budget::hard(NanoUsd(100), Period::Day)) };
    let asked = Arc::new(AtomicU64::new(0));
    let rig = Rig::new([each]);
    let rig = Rig { quotas: rig.quotas.seed(Arc::new(Ledger(asked.clone()))), ..rig };
    let _ = rig.acquire(0, Some(41)).await.expect_err("60 are spent");
    rig.acquire(0, Some(40)).await.expect("40 are left").settle(&spend(40));
    assert_eq!(asked.load(Ordering::Relaxed), 1, "once");
}

/// A store that is never there.
#[derive(Debug)]
struct Away;

impl QuotaStore for Away {
    fn acquire<'a>(&'a self, _: &'a [Charge]) -> BoxFuture<'a, Result<Decision, StoreError>> {
        Box::pin(async { Err(StoreError::new("away", None)) })
    }

    fn update(&self, _: Update) {}

    fn levels<'a>(&'a self, _: &'a [Counter]) -> BoxFuture<'a, Result<Vec<Level>, StoreError>> {
        Box::pin(async { Err(StoreError::new("away", None)) })
    }

    fn set<'a>(&'a self, _: &'a Counter, _: u64, _: Set) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::new("away", None)) })
    }
}

#[tokio::test]
async fn a_store_that_is_away() {
    let limit = Rule::new("r", Amount::Requests { limit: 2, per: Rate::Minute });
    let rig = Rig::new([limit.clone()]);
    let away = |rig: Rig| Rig { quotas: Quotas::new(rig.quotas.book().clone(), Arc::new(Away)), ..rig };
    let rig = away(rig);
    for _ in 0..2 {
        rig.acquire(0, None).await.expect("open").settle(&Used::NOTHING);
    }
    let denied = rig.acquire(0, None).await.expect_err("counted here meanwhile");
    assert_eq!(denied.into_error().kind(), ErrorKind::RateLimited);
    let rig = away(Rig::new([limit, budget(Budget::hard(NanoUsd(1), Period::Day))]));
    let error = rig.acquire(0, Some(1)).await.expect_err("closed").into_error();
    assert_eq!(error.kind(), ErrorKind::AccountsUnavailable);
}
