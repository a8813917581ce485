//! Telling somebody when a budget reaches a part of its limit.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tollgate_core::NanoUsd;

use super::period::Window;
use super::rule::Rule;
use super::rules::{RuleError, Rules};
use super::store::{Counter, CounterKind, Observer};

/// A budget has reached a part of its limit. It does so once in each window, on whichever process spends what makes it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetAlert {
    /// The rule.
    pub rule: Arc<Rule>,
    /// The counter, which tells apart those of one rule.
    pub counter: Arc<str>,
    /// The part of the limit, in percent.
    pub percent: u8,
    /// What has been spent.
    pub spent: NanoUsd,
    /// The limit.
    pub limit: NanoUsd,
    /// The window, in milliseconds since 1970.
    pub window: Window,
}

/// Takes alerts. It is called where requests end, so it must neither block nor panic.
pub trait AlertSink: Send + Sync {
    /// Takes an alert.
    fn alert(&self, alert: BudgetAlert);
}

/// The rules in use, shared by whoever looks at them. It observes stores, and tells of budgets that reach what they warn at.
#[derive(Clone)]
pub struct RuleBook(Arc<Book>);

struct Book {
    rules: ArcSwap<Rules>,
    /// What the rules were made from. Held while new ones are made.
    sources: Mutex<Sources>,
    sink: Mutex<Option<Arc<dyn AlertSink>>>,
}

#[derive(Clone, Default)]
struct Sources {
    configured: Vec<Rule>,
    managed: Vec<Rule>,
}

// === impl RuleBook ===

impl RuleBook {
    /// A book without rules.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Book { rules: ArcSwap::default(), sources: Mutex::default(), sink: Mutex::default() }))
    }

    /// Sets who is told of budgets that reach what they warn at; nobody at first.
    pub fn tell(&self, sink: Option<Arc<dyn AlertSink>>) {
        *self.0.sink.lock().unwrap_or_else(PoisonError::into_inner) = sink;
    }

    /// Exchanges the rules that the configuration says. What has been counted stays.
    ///
    /// # Errors
    /// If one of them could never match, or has the id of another; then all stays as it is.
    pub fn configure(&self, rules: Vec<Rule>) -> Result<(), RuleError> {
        self.exchange(|sources| sources.configured = rules)
    }

    /// Exchanges the rules that are managed while the gateway runs. What has been counted stays.
    ///
    /// # Errors
    /// As [`RuleBook::configure`].
    pub fn manage(&self, rules: Vec<Rule>) -> Result<(), RuleError> {
        self.exchange(|sources| sources.managed = rules)
    }

    fn exchange(&self, change: impl FnOnce(&mut Sources)) -> Result<(), RuleError> {
        let mut sources = self.0.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = sources.clone();
        change(&mut changed);
        let rules = Rules::new(changed.configured.iter().chain(&changed.managed).cloned())?;
        *sources = changed;
        self.0.rules.store(Arc::new(rules));
        Ok(())
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.0.rules.load_full()
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Rules) -> T) -> T {
        read(&self.0.rules.load())
    }
}

impl Default for RuleBook {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for RuleBook {
    fn spent(&self, counter: &Counter, before: u64, after: u64) {
        let CounterKind::Budget(window) = counter.kind else { return };
        let id = counter.name.split_once('|').map_or(&*counter.name, |(id, _)| id);
        let rules = self.0.rules.load();
        let Some(rule) = rules.get(id) else { return };
        let Some(budget) = rule.budget() else { return };
        let crossed = |percent: &&u8| {
            let threshold = budget.threshold(**percent).0;
            before < threshold && threshold <= after
        };
        // The highest alone: who hears of 100 percent need not hear of 80 as well.
        let Some(percent) = budget.warn_at.iter().filter(crossed).max() else { return };
        let sink = self.0.sink.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink {
            sink.alert(BudgetAlert {
                rule: rule.clone(),
                counter: counter.name.clone(),
                percent: *percent,
                spent: NanoUsd(after),
                limit: budget.limit,
                window,
            });
        }
    }
}

impl fmt::Debug for RuleBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleBook").field("rules", &self.0.rules.load().all().len()).finish_non_exhaustive()
    }
}
