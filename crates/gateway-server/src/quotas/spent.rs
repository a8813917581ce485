//! What was spent before the counters knew of it, from the ledger.

use std::sync::Arc;
use std::time::SystemTime;

use tollgate_core::{BoxFuture, NanoUsd};
use tollgate_usage::quota::{Scope, Seed, StoreError};
use tollgate_usage::{Filter, Query};

use crate::accounts::Accounts;

/// Sums the ledger.
pub(super) struct Spent(pub(super) Accounts);

impl Seed for Spent {
    fn spent(&self, scope: Scope, since: SystemTime) -> BoxFuture<'static, Result<NanoUsd, StoreError>> {
        let accounts = self.0.clone();
        Box::pin(async move {
            let query = Query { from: Some(since), filter: filter(&scope), ..Query::default() };
            match accounts.reader().await.summary(&query).await {
                Ok(summary) => Ok(NanoUsd(summary.total.cost_nano_usd)),
                Err(error) => {
                    let source: Arc<dyn std::error::Error + Send + Sync> = Arc::new(error);
                    Err(StoreError::new("the ledger cannot say what was spent", source))
                }
            }
        })
    }
}

fn filter(scope: &Scope) -> Filter {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let model = scope.model.as_deref().and_then(|model| model.split_once('/'));
    Filter {
        key: text(scope.key.as_deref()),
        path: text(scope.path.as_deref()),
        tags: scope.tags.clone(),
        model: text(model.map(|(_, model)| model)),
        provider: text(scope.provider.as_deref().or(model.map(|(provider, _)| provider))),
        ..Filter::default()
    }
}
