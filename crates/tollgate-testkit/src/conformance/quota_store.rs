//! Whether what keeps counters does what its trait promises.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_usage::quota::{
    Charge, Clock, Counter, CounterKind, Decision, Granted, Level, Observer, QuotaStore, Refused, Room, Set, Update,
    Window,
};

/// How a store is made, and how it is waited for.
pub trait QuotaStores {
    /// What is tested.
    type Store: QuotaStore;

    /// A store that shares its counters with all others of these, if such stores can share.
    fn make(&self, clock: Clock, lease: Duration, observer: Option<Arc<dyn Observer>>) -> Self::Store;

    /// Waits until everything that a store was told has happened.
    fn flushed(&self, store: &Self::Store) -> impl Future<Output = ()>;
}

/// Puts stores through everything that [`QuotaStore`] promises, with counters of its own.
///
/// # Panics
/// If a promise is broken; the message says which.
pub async fn quota_store(stores: &impl QuotaStores) {
    let suite = Suite::new(stores);
    suite.no_span_has_more_than_the_limit().await;
    suite.no_span_has_more_than_the_limit_at_random().await;
    suite.a_refusal_says_when_there_is_room().await;
    suite.all_or_nothing().await;
    suite.tokens_are_put_right().await;
    suite.places_come_back().await;
    suite.leases_lapse_and_can_be_renewed().await;
    suite.a_budget_has_to_be_set().await;
    suite.a_budget_is_reserved_and_settled().await;
    suite.windows_are_apart().await;
    suite.large_amounts_are_exact().await;
    suite.a_lease_that_lapsed_is_settled_all_the_same().await;
    suite.a_clock_that_goes_back().await;
    suite.spending_is_observed_once().await;
    suite.counters_can_be_set().await;
    suite.what_only_counts_refuses_nothing().await;
    suite.nobody_overdraws_a_budget().await;
}

const LEASE: Duration = Duration::from_secs(60);

struct Suite<'a, S: QuotaStores> {
    stores: &'a S,
    store: S::Store,
    now: Arc<AtomicU64>,
    spent: Arc<Spent>,
}

#[derive(Debug, Default)]
struct Spent(Mutex<Vec<(Counter, u64, u64)>>);

impl Observer for Spent {
    fn spent(&self, counter: &Counter, before: u64, after: u64) {
        self.0.lock().expect("no panic").push((counter.clone(), before, after));
    }
}

/// A name that nobody has used, not even an earlier run on the same server.
fn name() -> Arc<str> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("test-{now}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

fn sliding(span: Duration) -> Counter {
    Counter { name: name(), kind: CounterKind::Sliding(millis(span)) }
}

fn millis(span: Duration) -> u64 {
    span.as_millis().try_into().expect("a short span")
}

fn charge(counter: &Counter, amount: u64, limit: u64) -> Charge {
    Charge { counter: counter.clone(), amount, limit: Some(limit) }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl<'a, S: QuotaStores> Suite<'a, S> {
    fn new(stores: &'a S) -> Self {
        // The beginning of an hour near the present: a server may drop what expired by its own clock.
        let since = UNIX_EPOCH.elapsed().expect("after 1970").as_secs() / 3600 * 3600;
        let now = Arc::new(AtomicU64::new(since * 1000));
        let spent = Arc::new(Spent::default());
        let store = stores.make(clock(&now), LEASE, Some(spent.clone()));
        Self { stores, store, now, spent }
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(millis(time), Ordering::Relaxed);
    }

    fn hour(&self) -> Window {
        let start = self.now() / 3_600_000 * 3_600_000;
        Window { start, end: Some(start + 3_600_000) }
    }

    async fn budget(&self, used: u64) -> Counter {
        let counter = Counter { name: name(), kind: CounterKind::Budget(self.hour()) };
        self.store.set(&counter, used, Set::IfUnset).await.expect("is set");
        counter
    }

    async fn decide(&self, charges: &[Charge]) -> Decision {
        self.store.acquire(charges).await.expect("the store is there")
    }

    #[track_caller]
    fn granted(decision: Decision) -> Granted {
        match decision {
            Decision::Granted(granted) => granted,
            other => panic!("not granted: {other:?}"),
        }
    }

    #[track_caller]
    fn refused(decision: Decision) -> Refused {
        match decision {
            Decision::Refused(refused) => refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    async fn take(&self, charges: &[Charge]) -> Granted {
        Self::granted(self.decide(charges).await)
    }

    async fn refuse(&self, charges: &[Charge]) -> Refused {
        Self::refused(self.decide(charges).await)
    }

    async fn settle(&self, granted: &Granted, used: &[(&Charge, u64)]) {
        let used = used.iter().map(|(charge, used)| ((*charge).clone(), *used)).collect();
        self.store.update(Update::Settle { lease: granted.lease, at: granted.at, used });
        self.stores.flushed(&self.store).await;
    }

    async fn level(&self, counter: &Counter) -> Level {
        self.store.levels(std::slice::from_ref(counter)).await.expect("the store is there")[0]
    }

    async fn no_span_has_more_than_the_limit(&self) {
        let counter = sliding(MINUTE);
        let one = [charge(&counter, 1, 3)];
        // At the end of a slot, where counting by calendar minutes would forget them at once.
        self.pass(Duration::from_millis(59_999));
        for _ in 0..3 {
            self.take(&one).await;
        }
        self.pass(Duration::from_millis(1));
        self.refuse(&one).await;
        self.pass(Duration::from_millis(59_998));
        self.refuse(&one).await;
        self.pass(Duration::from_millis(1001));
        self.take(&one).await;
    }

    async fn no_span_has_more_than_the_limit_at_random(&self) {
        const LIMIT: u64 = 20;
        for span in [MINUTE, MINUTE * 60] {
            let counter = sliding(span);
            let mut granted: Vec<(u64, u64)> = Vec::new();
            let mut state = 88_172_645_463_325_252_u64;
            for _ in 0..400 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                self.pass(Duration::from_millis((state % (millis(span) / 8)) >> (state >> 32 & 7)));
                let amount = state >> 20 & 3;
                if let Decision::Granted(grant) = self.decide(&[charge(&counter, amount, LIMIT)]).await {
                    granted.push((grant.at, amount));
                }
            }
            let mut busiest = 0;
            for (end, _) in &granted {
                let within = granted.iter().filter(|(at, _)| at <= end && *at + millis(span) > *end);
                busiest = busiest.max(within.map(|(_, amount)| amount).sum());
            }
            assert!(busiest <= LIMIT, "{busiest} of {LIMIT} in a span");
            assert!(busiest >= LIMIT - 3, "only {busiest} of {LIMIT} in any span");
        }
    }

    async fn a_refusal_says_when_there_is_room(&self) {
        let counter = sliding(MINUTE);
        self.take(&[charge(&counter, 6, 10)]).await;
        self.pass(SECOND * 10);
        self.take(&[charge(&counter, 4, 10)]).await;
        for (amount, slots) in [(5, 51), (6, 51), (7, 61)] {
            let refused = self.refuse(&[charge(&counter, amount, 10)]).await;
            let Room::After(wait) = refused.room else { panic!("{amount}: {refused:?}") };
            let latest = SECOND * slots;
            assert!(wait <= latest && wait > latest - SECOND, "{amount}: {wait:?}");
            assert_eq!((refused.charge, refused.level.used), (0, 10));
        }
        assert_eq!(self.refuse(&[charge(&counter, 11, 10)]).await.room, Room::Never);
        let Room::After(wait) = self.refuse(&[charge(&counter, 7, 10)]).await.room else { panic!("has a time") };
        self.pass(wait - Duration::from_millis(1));
        self.refuse(&[charge(&counter, 7, 10)]).await;
        self.pass(Duration::from_millis(1));
        self.take(&[charge(&counter, 7, 10)]).await;
    }

    async fn all_or_nothing(&self) {
        let (rate, places, budget) =
            (sliding(MINUTE), Counter { name: name(), kind: CounterKind::Concurrent }, self.budget(0).await);
        let charges = |cost| [charge(&rate, 1, 10), charge(&places, 1, 10), charge(&budget, cost, 100)];
        let refused = self.refuse(&charges(101)).await;
        assert_eq!((refused.charge, refused.room), (2, Room::Never));
        for counter in [&rate, &places, &budget] {
            let level = self.level(counter).await;
            assert_eq!((level.used, level.held), (0, 0), "{counter:?}");
        }
        let granted = self.take(&charges(60)).await;
        let levels: Vec<(u64, u64)> = granted.levels.iter().map(|level| (level.used, level.held)).collect();
        assert_eq!(levels, [(1, 0), (0, 1), (0, 60)]);
        // The one that has to wait longest is named.
        let two = [charge(&budget, 50, 100), charge(&rate, 10, 10)];
        let refused = self.refuse(&two).await;
        assert_eq!(refused.charge, 1);
        assert!(matches!(refused.room, Room::After(_)), "{refused:?}");
        assert!(matches!(self.decide(&[]).await, Decision::Granted(_)), "nothing can always be had");
    }

    async fn tokens_are_put_right(&self) {
        let counter = sliding(MINUTE);
        let estimated = charge(&counter, 800, 1000);
        let granted = self.take(std::slice::from_ref(&estimated)).await;
        self.refuse(&[charge(&counter, 300, 1000)]).await;
        self.pass(SECOND * 3);
        self.settle(&granted, &[(&estimated, 100)]).await;
        assert_eq!(self.level(&counter).await.used, 100);
        let more = charge(&counter, 900, 1000);
        let granted = self.take(std::slice::from_ref(&more)).await;
        self.settle(&granted, &[(&more, 950)]).await;
        assert_eq!(self.level(&counter).await.used, 1050, "more than was estimated");
        self.pass(MINUTE + SECOND);
        self.settle(&granted, &[(&more, 10)]).await;
        assert_eq!(self.level(&counter).await.used, 0, "what is out of the span is out of it");
    }

    async fn places_come_back(&self) {
        let counter = Counter { name: name(), kind: CounterKind::Concurrent };
        let one = charge(&counter, 1, 2);
        let first = self.take(std::slice::from_ref(&one)).await;
        self.take(std::slice::from_ref(&one)).await;
        assert_eq!(self.refuse(std::slice::from_ref(&one)).await.room, Room::WhenSettled);
        self.settle(&first, &[(&one, 1)]).await;
        self.settle(&first, &[(&one, 1)]).await;
        assert_eq!(self.level(&counter).await.held, 1, "only its own");
        self.take(std::slice::from_ref(&one)).await;
        self.refuse(&[one]).await;
    }

    async fn leases_lapse_and_can_be_renewed(&self) {
        let (counter, budget) = (Counter { name: name(), kind: CounterKind::Concurrent }, self.budget(10).await);
        let charges = vec![charge(&counter, 1, 1), charge(&budget, 80, 100)];
        let granted = self.take(&charges).await;
        self.pass(LEASE - SECOND);
        self.store.update(Update::Renew { lease: granted.lease, charges: charges.clone() });
        self.stores.flushed(&self.store).await;
        self.pass(SECOND * 2);
        self.refuse(&charges).await;
        assert_eq!(self.level(&budget).await.held, 80);
        self.pass(LEASE);
        assert_eq!((self.level(&counter).await.held, self.level(&budget).await.held), (0, 0));
        let other = self.take(&charges).await;
        // Who comes back, because it only was away, has what it had.
        self.store.update(Update::Renew { lease: granted.lease, charges: charges.clone() });
        self.stores.flushed(&self.store).await;
        assert_eq!(self.level(&budget).await.held, 160);
        self.settle(&other, &[(&charges[0], 1), (&charges[1], 0)]).await;
        self.settle(&granted, &[(&charges[0], 1), (&charges[1], 0)]).await;
        assert_eq!((self.level(&counter).await.held, self.level(&budget).await.held), (0, 0));
    }

    async fn a_budget_has_to_be_set(&self) {
        let counter = Counter { name: name(), kind: CounterKind::Budget(self.hour()) };
        let charges = [charge(&sliding(MINUTE), 1, 1), charge(&counter, 10, 100)];
        assert_eq!(self.decide(&charges).await, Decision::Unset(vec![1]));
        self.store.set(&counter, 95, Set::IfUnset).await.expect("is set");
        self.store.set(&counter, 0, Set::IfUnset).await.expect("is there already");
        assert_eq!(self.level(&counter).await.used, 95);
        self.refuse(&charges).await;
        self.take(&[charge(&counter, 5, 100)]).await;
    }

    async fn a_budget_is_reserved_and_settled(&self) {
        let counter = self.budget(0).await;
        let estimate = charge(&counter, 70, 100);
        let granted = self.take(std::slice::from_ref(&estimate)).await;
        assert_eq!(self.refuse(std::slice::from_ref(&estimate)).await.room, Room::WhenSettled);
        self.settle(&granted, &[(&estimate, 25)]).await;
        let level = self.level(&counter).await;
        assert_eq!((level.used, level.held), (25, 0));
        assert_eq!(level.reset, Duration::from_millis(self.hour().end.expect("ends") - self.now()));
        let granted = self.take(std::slice::from_ref(&estimate)).await;
        self.settle(&granted, &[(&estimate, 75)]).await;
        let refused = self.refuse(&[charge(&counter, 1, 100)]).await;
        assert_eq!(refused.room, Room::After(Duration::from_millis(self.hour().end.expect("ends") - self.now())));
        self.take(&[charge(&counter, 0, 100)]).await;
        let total = Counter { name: name(), kind: CounterKind::Budget(Window { start: 0, end: None }) };
        self.store.set(&total, 100, Set::IfUnset).await.expect("is set");
        assert_eq!(self.refuse(&[charge(&total, 1, 100)]).await.room, Room::Never);
    }

    async fn windows_are_apart(&self) {
        let counter = self.budget(0).await;
        let all = charge(&counter, 100, 100);
        let granted = self.take(std::slice::from_ref(&all)).await;
        let Window { end: Some(end), .. } = self.hour() else { panic!("ends") };
        let next = Window { start: end, end: Some(end + 3_600_000) };
        let next = Counter { kind: CounterKind::Budget(next), ..counter.clone() };
        self.store.set(&next, 0, Set::IfUnset).await.expect("is set");
        self.take(&[charge(&next, 100, 100)]).await;
        self.settle(&granted, &[(&all, 100)]).await;
        assert_eq!((self.level(&counter).await.used, self.level(&next).await.used), (100, 0));
    }

    async fn large_amounts_are_exact(&self) {
        // Beyond 2^53, where a double counts in steps.
        let limit = (1 << 60) + 1;
        let counter = self.budget(1 << 60).await;
        let one = charge(&counter, 1, limit);
        let granted = self.take(std::slice::from_ref(&one)).await;
        self.refuse(std::slice::from_ref(&one)).await;
        self.settle(&granted, &[(&one, 1)]).await;
        assert_eq!(self.level(&counter).await.used, limit);
        let refused = self.refuse(std::slice::from_ref(&one)).await;
        assert!(matches!(refused.room, Room::After(_)), "{refused:?}");
        self.take(&[charge(&counter, 999_999_999, limit + 999_999_999)]).await;
        self.refuse(&[charge(&counter, 1, limit + 999_999_999)]).await;
    }

    async fn a_lease_that_lapsed_is_settled_all_the_same(&self) {
        let counter = self.budget(0).await;
        let estimate = charge(&counter, 50, 100);
        let granted = self.take(std::slice::from_ref(&estimate)).await;
        self.pass(LEASE + SECOND);
        let other = self.take(&[charge(&counter, 100, 100)]).await;
        self.settle(&granted, &[(&estimate, 40)]).await;
        let level = self.level(&counter).await;
        assert_eq!((level.used, level.held), (40, 100));
        self.settle(&other, &[(&charge(&counter, 100, 100), 0)]).await;
        let level = self.level(&counter).await;
        assert_eq!((level.used, level.held), (40, 0));
    }

    async fn a_clock_that_goes_back(&self) {
        let counter = sliding(MINUTE);
        self.take(&[charge(&counter, 5, 5)]).await;
        self.now.fetch_sub(30_000, Ordering::Relaxed);
        self.refuse(&[charge(&counter, 1, 5)]).await;
        self.now.fetch_sub(2 * 3_600_000, Ordering::Relaxed);
        self.take(&[charge(&counter, 1, 5)]).await;
        self.now.fetch_add(2 * 3_600_000 + 30_000, Ordering::Relaxed);
    }

    async fn spending_is_observed_once(&self) {
        let counter = self.budget(7).await;
        let ten = charge(&counter, 10, 100);
        for used in [3, 0, 10] {
            let granted = self.take(std::slice::from_ref(&ten)).await;
            self.settle(&granted, &[(&ten, used)]).await;
        }
        let seen: Vec<(u64, u64)> = self
            .spent
            .0
            .lock()
            .expect("no panic")
            .iter()
            .filter(|(of, ..)| *of == counter)
            .map(|(_, before, after)| (*before, *after))
            .collect();
        assert_eq!(seen, [(7, 10), (10, 10), (10, 20)]);
    }

    async fn counters_can_be_set(&self) {
        let (rate, budget) = (sliding(MINUTE), self.budget(5).await);
        self.take(&[charge(&rate, 9, 10)]).await;
        for (counter, used) in [(&rate, 4), (&rate, 0), (&budget, 50), (&budget, 0)] {
            self.store.set(counter, used, Set::Always).await.expect("is set");
            assert_eq!(self.level(counter).await.used, used);
        }
    }

    async fn what_only_counts_refuses_nothing(&self) {
        let counter = self.budget(99).await;
        let soft = Charge { limit: None, ..charge(&counter, 50, 0) };
        let granted = self.take(std::slice::from_ref(&soft)).await;
        self.settle(&granted, &[(&soft, 50)]).await;
        assert_eq!(self.level(&counter).await.used, 149);
    }

    /// Many at once, over two stores that share if they can: what is taken at the same time is never more than the budget,
    /// and at the end nothing is left that a request would have fitted into.
    async fn nobody_overdraws_a_budget(&self) {
        const LIMIT: u64 = 10_000;
        let counter = self.budget(0).await;
        let spent = AtomicU64::new(0);
        let client = |seed: u64| {
            let (counter, spent, now) = (&counter, &spent, self.now.clone());
            async move {
                let store = &self.stores.make(clock(&now), LEASE, None);
                // One that shares nothing does not know the budget.
                let probe = store.acquire(&[charge(counter, 0, LIMIT)]).await.expect("is there");
                let store = if matches!(probe, Decision::Unset(_)) { &self.store } else { store };
                if let Decision::Granted(granted) = probe {
                    let used = vec![(charge(counter, 0, LIMIT), 0)];
                    store.update(Update::Settle { lease: granted.lease, at: granted.at, used });
                }
                let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let mut refusals = 0;
                while refusals < 200 {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    let estimate = charge(counter, 50 + state % 100, LIMIT);
                    match store.acquire(std::slice::from_ref(&estimate)).await.expect("is there") {
                        Decision::Granted(granted) => {
                            let used = estimate.amount * (state >> 40 & 127) / 127;
                            tokio::task::yield_now().await;
                            assert!(spent.fetch_add(used, Ordering::Relaxed) + used <= LIMIT, "overdrawn");
                            let used = vec![(estimate, used)];
                            store.update(Update::Settle { lease: granted.lease, at: granted.at, used });
                        }
                        Decision::Refused(Refused { room: Room::WhenSettled, .. }) => {
                            self.stores.flushed(store).await;
                            tokio::task::yield_now().await;
                        }
                        Decision::Refused(_) => refusals += 1,
                        Decision::Unset(_) => panic!("it was set"),
                    }
                }
                self.stores.flushed(store).await;
            }
        };
        futures_util::future::join_all((1..=8).map(client)).await;
        let level = self.level(&counter).await;
        assert_eq!((level.used, level.held), (spent.load(Ordering::Relaxed), 0));
        assert!(level.used > LIMIT - 150, "only {} of {LIMIT} could be used", level.used);
    }
}

fn clock(now: &Arc<AtomicU64>) -> Clock {
    let now = now.clone();
    Arc::new(move || now.load(Ordering::Relaxed))
}
