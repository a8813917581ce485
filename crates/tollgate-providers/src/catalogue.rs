//! What models the providers have, remembered.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::{Model, Provider};

/// After a provider failed to list its models, when it is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The lists of all providers, refreshed when they are asked for and have become old. A list that cannot be refreshed
/// stays: an old list is of more use than none, and the catalogue is never empty while one provider has answered.
pub(crate) struct Catalogue {
    lists: RwLock<HashMap<Arc<str>, List>>,
    /// Held by whoever refreshes, so that the others wait for the result instead of asking too.
    refreshing: tokio::sync::Mutex<()>,
    ttl: Duration,
    timeout: Duration,
}

#[derive(Clone, Default)]
struct List {
    models: Arc<HashMap<String, Model>>,
    /// The provider's own order.
    order: Arc<[String]>,
    refresh_at: Option<Instant>,
    answered: bool,
}

impl Catalogue {
    pub(crate) fn new(ttl: Duration, timeout: Duration) -> Self {
        Self { lists: RwLock::default(), refreshing: tokio::sync::Mutex::default(), ttl, timeout }
    }

    /// Whether a provider is known to have a model.
    pub(crate) fn has(&self, provider: &str, model: &str) -> bool {
        self.read(|lists| lists.get(provider).is_some_and(|list| list.models.contains_key(model)))
    }

    /// Whether a provider has ever told its models.
    pub(crate) fn has_answered(&self, provider: &str) -> bool {
        self.read(|lists| lists.get(provider).is_some_and(|list| list.answered))
    }

    /// The models of a provider as far as they are known, in the provider's order.
    pub(crate) fn models(&self, provider: &str) -> Vec<Model> {
        let list = self.read(|lists| lists.get(provider).cloned()).unwrap_or_default();
        list.order.iter().filter_map(|id| list.models.get(id).cloned()).collect()
    }

    /// Asks every provider whose list has become old, all at once. Returns when each has answered or run out of time.
    pub(crate) async fn refresh(&self, providers: &[Arc<dyn Provider>]) {
        let _only_one = self.refreshing.lock().await;
        let now = Instant::now();
        let is_old = |provider: &&Arc<dyn Provider>| {
            self.read(|lists| lists.get(provider.name()).and_then(|list| list.refresh_at)).is_none_or(|at| at <= now)
        };
        join_all(providers.iter().filter(is_old).map(|provider| self.ask(&**provider))).await;
    }

    async fn ask(&self, provider: &dyn Provider) {
        let answer = tokio::time::timeout(self.timeout, provider.models()).await;
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        let list = lists.entry(provider.name().clone()).or_default();
        match answer {
            Ok(Ok(models)) => {
                list.order = models.iter().map(|model| model.id.clone()).collect();
                list.models = Arc::new(models.into_iter().map(|model| (model.id.clone(), model)).collect());
                list.refresh_at = Some(Instant::now() + self.ttl);
                list.answered = true;
            }
            failed => {
                let error = failed.map_or_else(
                    |_| "no answer in time".to_owned(),
                    |answer| match answer {
                        Ok(_) => String::new(),
                        Err(error) => error.to_string(),
                    },
                );
                tracing::warn!(provider = &**provider.name(), error, "models cannot be listed");
                list.refresh_at = Some(Instant::now() + RETRY_AFTER);
            }
        }
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<Arc<str>, List>) -> T) -> T {
        look(&self.lists.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}
