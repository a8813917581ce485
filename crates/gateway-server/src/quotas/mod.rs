//! Limits and budgets: what of them outlives a reload, and how a configuration says them.

mod rules;
mod spent;
mod webhook;

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use tollgate_cache::redis::RedisClient;
use tollgate_tower::quota::QuotaLayer;
use tollgate_usage::price::Prices;
use tollgate_usage::quota::{AlertSink, CacheHits, MemoryQuotas, QuotaStore, Quotas, RedisQuotas, Rule, RuleBook};

use self::spent::Spent;
use self::webhook::Webhooks;
use crate::accounts::Accounts;
use crate::config::{Config, ConfigErrors, Source, types};
use crate::redis;

/// The rules in use and what counts for them, which outlive every reload.
pub struct Limits {
    quotas: Arc<Quotas>,
    book: RuleBook,
    /// Where it is counted, if elsewhere.
    redis: Option<RedisClient>,
}

// === impl Limits ===

impl Limits {
    /// Counters by the configuration of the start, without any rules yet.
    ///
    /// # Errors
    /// If what counts cannot be had.
    pub(crate) fn new(config: &Config, source: &Source, accounts: Accounts) -> Result<Self, ConfigErrors> {
        let book = RuleBook::new();
        let redis =
            config.quota.redis.as_ref().map(|server| redis::client(server, source, "quota.redis")).transpose()?;
        let store = store(&config.quota, redis.clone(), &book, source)?;
        let quotas = Arc::new(Quotas::new(book.clone(), store).seed(Arc::new(Spent(accounts))));
        Ok(Self { quotas, book, redis })
    }

    /// Whether the server answers in which it is counted; `None` if it is counted here.
    pub(crate) async fn is_reachable(&self) -> Option<bool> {
        Some(self.redis.as_ref()?.ping().await.is_ok())
    }

    /// Puts the rules of a configuration in the place of those before. What has been counted stays.
    ///
    /// # Errors
    /// If a rule has the id of one that is managed.
    pub(crate) fn configure(&self, config: &Config, source: &Source) -> Result<(), ConfigErrors> {
        let refused = |error| source.wrong("budgets", &format!("{error}"));
        self.book.configure(rules::of(config)).map_err(refused)?;
        let webhook = config.quota.webhook.as_ref().map(Webhooks::start).transpose();
        let webhook = webhook.map_err(|error| source.wrong("quota.webhook", &format!("cannot be used: {error}")))?;
        self.book.tell(webhook.map(|webhook| Arc::new(webhook) as Arc<dyn AlertSink>));
        Ok(())
    }

    /// Puts the rules that are managed in the place of those before. What has been counted stays. Rules that clash are logged, and
    /// then those before stay.
    pub(crate) fn manage(&self, rules: Vec<Rule>) {
        if let Err(error) = self.book.manage(rules) {
            tracing::error!(%error, "the limits and budgets that are managed are not in use");
        }
    }

    /// What counts, and by which rules.
    pub(crate) fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The layer for the rules of one kind.
    pub(crate) fn layer(&self, config: &Config, prices: Arc<Prices>, rules: CacheHits) -> QuotaLayer {
        let settings = &config.quota;
        QuotaLayer::new(self.quotas.clone(), prices)
            .rules(rules)
            .wait(settings.wait.get())
            .assumed_output(settings.assumed_output)
            .budget_status(StatusCode::from_u16(settings.budget_status).ok())
    }
}

fn store(
    settings: &types::QuotaSettings,
    redis: Option<RedisClient>,
    book: &RuleBook,
    source: &Source,
) -> Result<Arc<dyn QuotaStore>, ConfigErrors> {
    let observer = Arc::new(book.clone());
    let Some(client) = redis else {
        return Ok(Arc::new(MemoryQuotas::new().observer(observer)));
    };
    let store = RedisQuotas::builder(client).lease(settings.lease.get()).observer(observer).build();
    Ok(Arc::new(store.map_err(|error| source.wrong("quota.redis", &error.to_string()))?))
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("book", &self.book).finish_non_exhaustive()
    }
}
