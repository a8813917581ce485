//! The prices of a gateway: a book, and what is said otherwise.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tollgate_core::{Cost, Head, NanoUsd, Observed, Operation, Target, Usage};

use super::{Override, Price, PriceBook, overrides};

/// Finds the price of a deployment and computes with it. All that follows from it is exchanged at once, while requests
/// are answered; a price that was found is remembered.
pub struct Prices {
    table: ArcSwap<Table>,
    /// What the table was made from. Held while a new one is made.
    sources: Mutex<Sources>,
    reported: Arc<str>,
    cached: Arc<str>,
    free: Arc<str>,
}

#[derive(Default)]
struct Sources {
    kinds: HashMap<Arc<str>, Arc<str>>,
    configured: Vec<Override>,
    managed: Vec<Override>,
}

struct Table {
    book: Arc<PriceBook>,
    kinds: HashMap<Arc<str>, Arc<str>>,
    overrides: HashMap<Target, Found>,
    /// Overrides for all models of a provider.
    of_providers: HashMap<Arc<str>, Found>,
    /// What was found in the book, also where that was nothing.
    found: ArcSwap<HashMap<Target, Found>>,
}

/// The prices of one deployment at different times; the first that holds applies.
type Found = Arc<[Arc<Price>]>;

/// With so many targets looked up, another one that has no price is looked up each time.
const MOST_FOUND: usize = 1000;

impl Prices {
    /// The prices of a book.
    #[must_use]
    pub fn new(book: PriceBook) -> Self {
        let table = Table::new(Arc::new(book), &Sources::default());
        Self {
            table: ArcSwap::from_pointee(table),
            sources: Mutex::default(),
            reported: Cost::REPORTED.into(),
            cached: Cost::CACHED.into(),
            free: Cost::FREE.into(),
        }
    }

    /// Sets what the configuration says: each provider's kind, by which the book lists it, and overrides. A provider of
    /// which nothing is said is of the kind of its name.
    pub fn configure(&self, kinds: impl IntoIterator<Item = (Arc<str>, Arc<str>)>, overrides: Vec<Override>) {
        let kinds = kinds.into_iter().collect();
        self.exchange(|sources| (sources.kinds, sources.configured) = (kinds, overrides));
    }

    /// Sets the overrides that are managed while the gateway runs. They win over those of the configuration.
    pub fn manage(&self, overrides: Vec<Override>) {
        self.exchange(|sources| sources.managed = overrides);
    }

    fn exchange(&self, change: impl FnOnce(&mut Sources)) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sources);
        let book = self.table.load().book.clone();
        self.table.store(Arc::new(Table::new(book, &sources)));
    }

    /// The book.
    #[must_use]
    pub fn book(&self) -> Arc<PriceBook> {
        self.table.load().book.clone()
    }

    /// The price of a deployment at a time.
    #[must_use]
    pub fn find(&self, target: &Target, at: SystemTime) -> Option<Arc<Price>> {
        self.table.load().with(target, at, Arc::clone)
    }

    /// The price that a record names. Of a book, if it is this one; overrides say their terms in their id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Arc<Price>> {
        overrides::by_id(id).or_else(|| self.table.load().book.by_id(id).map(Arc::new))
    }

    /// What an answer to a request that came at a time cost; `None` if that is not known, which is not the same as nothing.
    /// What the provider `reported` itself is believed.
    #[must_use]
    pub fn cost(
        &self,
        target: &Target,
        at: SystemTime,
        usage: &Usage,
        service_tier: Option<&str>,
        reported: Option<NanoUsd>,
    ) -> Option<Cost> {
        if let Some(amount) = reported {
            return Some(Cost { amount, price: self.reported.clone() });
        }
        let table = self.table.load();
        table
            .with(target, at, |price| {
                Some(Cost { amount: price.terms.cost(usage, service_tier)?, price: price.id.clone() })
            })
            .flatten()
    }

    /// An upper estimate of what a request costs that is about to be sent; `None` if its price is not known. How it is made
    /// is told at [`Terms::ceiling`](super::Terms::ceiling). `assumed_output`: tokens of output, where neither the client nor the price sets a
    /// limit.
    #[must_use]
    pub fn ceiling(&self, target: &Target, head: &Head, body_len: usize, assumed_output: u64) -> Option<NanoUsd> {
        let table = self.table.load();
        let now = SystemTime::now();
        table.with(target, now, |price| price.terms.ceiling(head, body_len, assumed_output)).flatten()
    }

    /// Notes what a request cost, and what a cache saved, unless somebody did already. `at`: when it came.
    ///
    /// A model that has no price by the name that was asked for, such as an alias of the provider's, is looked for by the
    /// name that the provider answered with.
    pub fn note(&self, operation: Operation, at: SystemTime, observed: &mut Observed) {
        if observed.cost.is_some() {
            return;
        }
        if let Some(cache) = observed.cache.as_ref().filter(|cache| cache.status.is_served()) {
            if observed.saved.is_none() {
                let cost = cache.saved.and_then(|usage| self.cost_of(observed, at, &usage, None));
                observed.saved = cost.map(|cost| cost.amount);
            }
            observed.cost = Some(self.nothing(&self.cached));
            return;
        }
        if observed.attempts == 0 {
            return;
        }
        if is_free(operation) {
            observed.cost = Some(self.nothing(&self.free));
            return;
        }
        let Some(mut usage) = observed.usage else { return };
        if usage.estimated && !is_text(operation) {
            (usage.input, usage.output) = (None, None);
        }
        observed.cost = self.cost_of(observed, at, &usage, observed.reported_cost);
    }

    /// Notes that a provider did not charge, because it refused.
    pub fn note_refused(&self, observed: &mut Observed) {
        if observed.attempts > 0 && observed.usage.is_none() {
            observed.cost.get_or_insert_with(|| self.nothing(&self.free));
        }
    }

    fn cost_of(&self, observed: &Observed, at: SystemTime, usage: &Usage, reported: Option<NanoUsd>) -> Option<Cost> {
        let target = observed.target.as_ref()?;
        let tier = observed.service_tier.as_deref();
        self.cost(target, at, usage, tier, reported).or_else(|| {
            let answered = observed.model.as_ref().filter(|model| **model != target.model)?;
            if self.find(target, at).is_some() {
                return None;
            }
            self.cost(&Target { provider: target.provider.clone(), model: answered.clone() }, at, usage, tier, None)
        })
    }

    fn nothing(&self, price: &Arc<str>) -> Cost {
        Cost { amount: NanoUsd::ZERO, price: price.clone() }
    }
}

/// Whether no provider charges for it.
fn is_free(operation: Operation) -> bool {
    matches!(operation, Operation::CountTokens | Operation::StoredResponse)
}

/// Whether an estimate by the length of texts says anything of what is charged.
fn is_text(operation: Operation) -> bool {
    !matches!(operation, Operation::Images | Operation::Speech | Operation::Transcriptions)
}

impl Table {
    fn new(book: Arc<PriceBook>, sources: &Sources) -> Self {
        let mut by_target: HashMap<Target, Vec<Arc<Price>>> = HashMap::new();
        // Those that win come first.
        for one in sources.managed.iter().chain(&sources.configured) {
            by_target.entry(one.target.clone()).or_default().push(Arc::new(one.clone().price()));
        }
        let (of_providers, overrides): (Vec<_>, Vec<_>) =
            by_target.into_iter().partition(|(target, _)| &*target.model == "*");
        Self {
            book,
            kinds: sources.kinds.clone(),
            overrides: overrides.into_iter().map(|(target, prices)| (target, prices.into())).collect(),
            of_providers: of_providers.into_iter().map(|(target, prices)| (target.provider, prices.into())).collect(),
            found: ArcSwap::default(),
        }
    }

    /// Does something with the price of a deployment at a time.
    fn with<T>(&self, target: &Target, at: SystemTime, then: impl FnOnce(&Arc<Price>) -> T) -> Option<T> {
        let holding = |found: &Found| found.iter().find(|price| price.terms.hold_at(at)).cloned();
        let overridden = self
            .overrides
            .get(target)
            .and_then(holding)
            .or_else(|| self.of_providers.get(&target.provider).and_then(holding));
        if let Some(price) = overridden {
            return Some(then(&price));
        }
        if let Some(found) = self.found.load().get(target) {
            return found.iter().find(|price| price.terms.hold_at(at)).map(then);
        }
        let found = self.search(target);
        found.iter().find(|price| price.terms.hold_at(at)).map(then)
    }

    fn search(&self, target: &Target) -> Found {
        let kind = self.kinds.get(&target.provider).unwrap_or(&target.provider);
        let mut prices = self.book.find(kind, &target.model);
        // A newer price wins over one that has no end.
        prices.sort_by_key(|price| std::cmp::Reverse(price.terms.from));
        let found: Found = prices.into_iter().map(Arc::new).collect();
        // That there is no price is remembered too, but of a bounded number: any client can name models that nobody knows.
        if found.is_empty() && self.found.load().len() >= MOST_FOUND {
            return found;
        }
        self.found.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(target.clone(), found.clone());
            known
        });
        found
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices").field("book", &self.table.load().book).finish_non_exhaustive()
    }
}
