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
use tollgate_usage::quota::{AlertSink, CacheHits, MemoryQuotas, QuotaStore, Quotas, RedisQuotas, RuleBook};

use self::spent::Spent;
use self::webhook::Webhooks;
use crate::accounts::Accounts;
use crate::config::{Config, ConfigErrors, Source, types};

/// The rules in use and what counts for them, which outlive every reload.
pub struct Limits {
    quotas: Arc<Quotas>,
    book: RuleBook,
}

// === impl Limits ===

impl Limits {
    /// Counters by the configuration of the start, without any rules yet.
    ///
    /// # Errors
    /// If what counts cannot be had.
    pub(crate) fn new(config: &Config, source: &Source, accounts: Accounts) -> Result<Self, ConfigErrors> {
        let book = RuleBook::new();
        let store = store(&config.quota, &book, source)?;
        let quotas = Arc::new(Quotas::new(book.clone(), store).seed(Arc::new(Spent(accounts))));
        Ok(Self { quotas, book })
    }

    /// Puts the rules of a configuration in the place of those before. What has been counted stays.
    ///
    /// # Errors
    /// If a rule has the id of one that is managed.
    pub(crate) fn configure(&self, config: &Config, source: &Source) -> Result<(), ConfigErrors> {
        let refused = |error| wrong(source, "budgets", &format!("{error}"));
        self.book.configure(rules::of(config)).map_err(refused)?;
        let webhook = config.quota.webhook.as_ref().map(Webhooks::start).transpose();
        let webhook = webhook.map_err(|error| wrong(source, "quota.webhook", &format!("cannot be used: {error}")))?;
        self.book.tell(webhook.map(|webhook| Arc::new(webhook) as Arc<dyn AlertSink>));
        Ok(())
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
    book: &RuleBook,
    source: &Source,
) -> Result<Arc<dyn QuotaStore>, ConfigErrors> {
    let observer = Arc::new(book.clone());
    let Some(server) = &settings.redis else {
        return Ok(Arc::new(MemoryQuotas::new().observer(observer)));
    };
    let refused = |error: &dyn fmt::Display| wrong(source, "quota.redis", &error.to_string());
    let url = server.url.clone().map(|url| url.0).unwrap_or_else(|| tollgate_core::Secret::new(""));
    let client = RedisClient::builder(url)
        .key_prefix(server.key_prefix.as_str())
        .read_timeout(server.read_timeout.get())
        .write_timeout(server.write_timeout.get())
        .build()
        .map_err(|error| refused(&error))?;
    let store = RedisQuotas::builder(client).lease(settings.lease.get()).observer(observer).build();
    Ok(Arc::new(store.map_err(|error| refused(&error))?))
}

/// An error with the line of the setting at fault.
fn wrong(source: &Source, path: &str, message: &str) -> ConfigErrors {
    match source.document() {
        Ok(document) => document.error(path, message).into(),
        Err(errors) => errors,
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("book", &self.book).finish_non_exhaustive()
    }
}
