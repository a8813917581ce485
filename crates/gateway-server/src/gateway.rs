//! What the server is made of, and how a reload exchanges it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::HeaderValue;
use serde_json::json;
use tollgate_cache::AnswerCache;
use tollgate_core::{BoxFuture, Error, ErrorKind, Grant, Identity, Operation};
use tollgate_http::{DoorLimits, FrontDoors, KnownBodies, KnownBody, ListModels};
use tollgate_providers::responses::ResponseStore;
use tollgate_providers::{Demo, Registry};
use tollgate_tower::capture::{CaptureLayer, Sink};
use tollgate_usage::Ledger;
use tollgate_usage::directory::{Actor, AuditEntry, Snapshot};
use tollgate_usage::price::{PriceBook, Prices};
use tower::Layer;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Cors, CorsLayer, ExposeHeaders};

use crate::accounts::Accounts;
use crate::caches::Caches;
use crate::config::{Config, ConfigErrors, Overrides, Source, Variables, load, redaction, types};
use crate::keys::ClientKeys;
use crate::managed::Managed;
use crate::providers::{Built, build_all, kinds};
use crate::quotas::Limits;
use crate::rules;
use crate::stack::{self, Parts, Stack};

/// The running gateway: what stays, and the generation that a reload exchanges.
pub struct Gateway {
    current: ArcSwap<Generation>,
    source: Source,
    variables: Arc<dyn Variables + Send + Sync>,
    overrides: Overrides,
    /// Some settings are used once, at the start.
    started_with: Config,
    /// Sums and kept responses outlive every reload.
    pub(crate) accounts: Accounts,
    log: Arc<dyn Ledger>,
    responses: Arc<ResponseStore>,
    pub(crate) caches: Arc<Caches>,
    limits: Arc<Limits>,
    pub(crate) managed: Arc<Managed>,
    prices: Arc<Prices>,
    draining: AtomicBool,
    /// Held while a new generation is built, so that two reloads do not overtake each other.
    reloading: Mutex<()>,
}

/// Everything that follows from one configuration. A request keeps the generation that it began with.
pub(crate) struct Generation {
    pub(crate) config: Config,
    pub(crate) registry: Arc<Registry>,
    pub(crate) doors: Doors,
    pub(crate) cache: Arc<AnswerCache>,
    pub(crate) keys: ClientKeys,
    providers: Vec<Built>,
    fingerprint: u64,
}

/// The front doors, with CORS where it is configured.
#[derive(Clone)]
pub(crate) enum Doors {
    Plain(FrontDoors<Stack>),
    Cors(Arc<Cors<FrontDoors<Stack>>>),
}

/// How many bytes of responses are kept for clients that go on from them, and for how long.
const KEPT_RESPONSES: usize = 64 * 1024 * 1024;
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// What outlives a generation.
struct Kept {
    ledgers: (Accounts, Arc<dyn Ledger>),
    responses: Arc<ResponseStore>,
    caches: Arc<Caches>,
    limits: Arc<Limits>,
    managed: Arc<Managed>,
    prices: Arc<Prices>,
}

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reloaded {
    /// Nothing was different.
    Unchanged,
    /// The new configuration is in use, but for these settings, which need a restart.
    Changed {
        /// The settings that keep their old value until then.
        needs_restart: Vec<&'static str>,
    },
}

impl Gateway {
    /// A gateway of a loaded configuration. `source`, `variables` and `overrides` are what a reload loads from again; every
    /// usage record goes to `accounts` and to `log`. Who may come in is `managed`.
    ///
    /// # Errors
    /// If a provider cannot be built.
    pub fn new(
        config: Config,
        source: Source,
        variables: Arc<dyn Variables + Send + Sync>,
        overrides: Overrides,
        accounts: Accounts,
        log: Arc<dyn Ledger>,
        managed: Arc<Managed>,
    ) -> Result<Self, ConfigErrors> {
        let started_with = config.clone();
        let responses = Arc::new(ResponseStore::new(KEPT_RESPONSES, KEPT_FOR));
        let caches = Arc::new(Caches::new(&config.cache));
        let limits = Arc::new(Limits::new(&config, &source, accounts.clone())?);
        limits.configure(&config, &source)?;
        let prices = Arc::new(Prices::new(PriceBook::built_in()));
        let kept = Kept {
            ledgers: (accounts.clone(), log.clone()),
            responses: responses.clone(),
            caches: caches.clone(),
            managed: managed.clone(),
            prices: prices.clone(),
            limits: limits.clone(),
        };
        let first = Generation::build(config, &source, &[], kept)?;
        let gateway = Self {
            current: ArcSwap::from_pointee(first),
            source,
            variables,
            overrides,
            started_with,
            accounts,
            log,
            responses,
            caches,
            limits,
            managed,
            prices,
            draining: AtomicBool::new(false),
            reloading: Mutex::new(()),
        };
        gateway.follow(&gateway.managed.subscribe().borrow());
        Ok(gateway)
    }

    pub(crate) fn current(&self) -> arc_swap::Guard<Arc<Generation>> {
        self.current.load()
    }

    /// Loads the configuration again and exchanges it, all or nothing. Requests in flight keep what they began with; sums
    /// are kept.
    ///
    /// # Errors
    /// Whatever is wrong with the new configuration; the old one stays in use.
    pub fn reload(&self) -> Result<Reloaded, ConfigErrors> {
        self.reload_by(&Actor::configuration())
    }

    /// The same, asked for by somebody whom the audit log is to name.
    pub(crate) fn reload_by(&self, actor: &Actor) -> Result<Reloaded, ConfigErrors> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let overrides = Overrides { has_keys: self.managed.ring().had_keys(), ..self.overrides.clone() };
        let config = load(&self.source, &*self.variables, &kinds(), &overrides)?;
        let old = self.current.load_full();
        if config == old.config {
            // Files may have been touched; remembering them as they are now keeps the watcher quiet.
            let mut same = Generation::clone_of(&old);
            same.fingerprint = self.source.fingerprint_with(&config.key_files);
            self.current.store(Arc::new(same));
            return Ok(Reloaded::Unchanged);
        }
        let needs_restart = needs_restart(&self.started_with, &config);
        let kept = Kept {
            ledgers: (self.accounts.clone(), self.log.clone()),
            responses: self.responses.clone(),
            caches: self.caches.clone(),
            limits: self.limits.clone(),
            managed: self.managed.clone(),
            prices: self.prices.clone(),
        };
        let sections = changed_sections(&old.config, &config);
        let new = Generation::build(config, &self.source, &old.providers, kept)?;
        self.limits.configure(&new.config, &self.source)?;
        warm_up(&new.registry);
        self.current.store(Arc::new(new));
        self.record_reload(actor, &sections, &needs_restart);
        Ok(Reloaded::Changed { needs_restart })
    }

    /// Tells the audit log which sections have changed. What they say may be secret, and is in the file's own history.
    fn record_reload(&self, actor: &Actor, sections: &[&str], needs_restart: &[&str]) {
        let name = self.source.path().map_or_else(|| "environment".to_owned(), |path| path.display().to_string());
        let entry = AuditEntry::new(actor, "configuration", &name, "reload");
        self.managed.record(entry.after(json!({ "changed": sections, "needs_restart": needs_restart })));
    }

    /// What models cost.
    pub(crate) fn prices(&self) -> &Prices {
        &self.prices
    }

    /// What counts against limits and budgets.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Has requests from now on follow what is managed.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        self.prices.manage(rules::overrides(snapshot));
        self.limits.manage(rules::of_snapshot(snapshot));
    }

    /// What the files that the configuration was read from look like now.
    pub(crate) fn source_fingerprint(&self) -> u64 {
        self.source.fingerprint_with(&self.current.load().config.key_files)
    }

    /// What they looked like when they were loaded.
    pub(crate) fn loaded_fingerprint(&self) -> u64 {
        self.current.load().fingerprint
    }

    /// Writes down what is to outlive the process, if a folder for it is configured.
    pub(crate) fn save(&self) {
        let folder = self.current.load().config.cache.snapshot.clone();
        if let Some(folder) = folder
            && let Err(error) = self.caches.save(std::path::Path::new(&folder))
        {
            tracing::error!(%error, folder, "what is cached could not be written down");
        }
    }

    /// Whether the server is stopping and wants no new requests.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Asks the providers for their models in the background, so that the first request need not wait for it.
    pub(crate) fn warm_up(&self) {
        warm_up(&self.current.load().registry);
    }
}

/// A single provider gets every model that is not qualified, so its list matters to nobody before it is asked for.
fn warm_up(registry: &Arc<Registry>) {
    if registry.names().count() > 1 && tokio::runtime::Handle::try_current().is_ok() {
        let registry = registry.clone();
        tokio::spawn(async move { registry.refresh_models().await });
    }
}

fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("listen", old.listen != new.listen),
        ("limits.max_headers", old.limits.max_headers != new.limits.max_headers),
        // Answers are limited by the new one at once; clients that do not read, by the one from the start.
        ("timeouts.idle", old.timeouts.idle != new.timeouts.idle),
        ("log", old.log != new.log),
        ("usage", old.usage != new.usage),
        ("ledger", old.ledger != new.ledger),
        ("cache.memory", old.cache.memory != new.cache.memory),
        ("quota.redis", old.quota.redis != new.quota.redis),
        ("quota.lease", old.quota.lease != new.quota.lease),
        ("data", old.data != new.data),
    ];
    changed.into_iter().filter_map(|(name, is_different)| is_different.then_some(name)).collect()
}

fn changed_sections(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("listen", old.listen != new.listen),
        ("base_path", old.base_path != new.base_path),
        ("open", old.open != new.open),
        ("client_key", old.client_key != new.client_key),
        ("admin_key", old.admin_key != new.admin_key),
        ("providers", old.providers != new.providers),
        ("aliases", old.aliases != new.aliases),
        ("timeouts", old.timeouts != new.timeouts),
        ("retry", old.retry != new.retry),
        ("limits", old.limits != new.limits),
        ("rate_limits", old.rate_limits != new.rate_limits),
        ("budgets", old.budgets != new.budgets),
        ("quota", old.quota != new.quota),
        ("cache", old.cache != new.cache),
        ("data", old.data != new.data),
        ("keys", old.keys != new.keys),
        ("capture", old.capture != new.capture),
        ("shutdown", old.shutdown != new.shutdown),
        ("cors", old.cors != new.cors),
        ("models", old.models != new.models),
        ("log", old.log != new.log),
        ("usage", old.usage != new.usage),
        ("ledger", old.ledger != new.ledger),
    ];
    changed.into_iter().filter_map(|(name, is_different)| is_different.then_some(name)).collect()
}

impl Generation {
    fn build(config: Config, source: &Source, earlier: &[Built], kept: Kept) -> Result<Self, ConfigErrors> {
        let fingerprint = source.fingerprint_with(&config.key_files);
        let providers = build_all(&config, source, earlier)?;
        let registry = Arc::new(registry(&config, &providers));
        let background = || stack::background(&config, registry.clone(), kept.ledgers.clone(), kept.prices.clone());
        let cache = Arc::new(kept.caches.build(&config, source, background)?);
        let parts = Parts {
            registry: registry.clone(),
            ledger: kept.ledgers,
            responses: kept.responses,
            cache: cache.clone(),
            prices: kept.prices.clone(),
            capture: capture(&config, source, &kept.managed)?,
            quotas: &kept.limits,
        };
        let stack = stack::build(&config, parts);
        let keys = ClientKeys::new(kept.managed.ring().clone(), config.client_key.clone(), config.keys.required);
        let doors = doors(&config, stack, registry.clone(), keys.clone(), cache.clone());
        // The last step, because what fails must leave the old prices.
        kept.prices.configure(kinds_of(&config), config.prices.clone());
        Ok(Self { config, registry, doors, cache, keys, providers, fingerprint })
    }

    fn clone_of(other: &Self) -> Self {
        Self {
            config: other.config.clone(),
            registry: other.registry.clone(),
            doors: other.doors.clone(),
            cache: other.cache.clone(),
            keys: other.keys.clone(),
            providers: other.providers.clone(),
            fingerprint: other.fingerprint,
        }
    }
}

/// The kind of each provider, by which the price book lists it.
fn kinds_of(config: &Config) -> impl Iterator<Item = (Arc<str>, Arc<str>)> + '_ {
    config.providers.iter().map(|provider| (provider.name.as_str().into(), provider.kind.as_str().into()))
}

/// Captures what the configuration says, if there is a database for it.
fn capture(
    config: &Config,
    source: &Source,
    managed: &Managed,
) -> Result<Option<CaptureLayer<Arc<dyn Sink>>>, ConfigErrors> {
    let (Some(section), Some(_)) = (&config.capture, managed.directory()) else { return Ok(None) };
    let rules = match redaction(&section.redact) {
        Ok(rules) => rules,
        Err(error) => return Err(source.document()?.error("capture.redact", error.to_string()).into()),
    };
    let sink: Arc<dyn Sink> = Arc::new(managed.capture_queue(rules, section.memory.as_usize()));
    Ok(Some(CaptureLayer::new(sink).share(section.share).max_body(section.max_body.as_usize())))
}

fn registry(config: &Config, providers: &[Built]) -> Registry {
    let mut builder =
        Registry::builder().models_cache_ttl(config.models.cache_ttl.get()).models_timeout(config.models.timeout.get());
    for built in providers {
        builder = builder.provider(built.provider.clone());
    }
    if providers.is_empty() {
        builder = builder.provider(Arc::new(Demo::new("demo")));
    }
    config.aliases.iter().fold(builder, |builder, (alias, target)| builder.alias(alias, target)).build()
}

fn doors(config: &Config, stack: Stack, registry: Arc<Registry>, keys: ClientKeys, cache: Arc<AnswerCache>) -> Doors {
    let limits = DoorLimits {
        max_body: config.limits.max_body.as_usize(),
        max_json_depth: config.limits.max_json_depth,
        ..DoorLimits::default()
    };
    let doors = FrontDoors::new(stack)
        .base_path(config.base_path.clone())
        .limits(limits)
        .models(Catalogue(registry))
        .known_bodies(Remembered(cache))
        .authenticate(keys);
    match &config.cors {
        None => Doors::Plain(doors),
        Some(cors) => Doors::Cors(Arc::new(cors_layer(cors).layer(doors))),
    }
}

fn cors_layer(cors: &types::Cors) -> CorsLayer {
    let header_values = |texts: &[String]| -> Vec<HeaderValue> {
        texts.iter().filter_map(|text| HeaderValue::from_str(text).ok()).collect()
    };
    let any_origin = cors.allow_origins.iter().any(|origin| origin == "*");
    let any_header = cors.allow_headers.iter().any(|header| header == "*");
    CorsLayer::new()
        .allow_origin(if any_origin {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(header_values(&cors.allow_origins))
        })
        .allow_headers(if any_header {
            // Not a literal `*`, which browsers do not take to mean `authorization`.
            AllowHeaders::mirror_request()
        } else {
            AllowHeaders::list(cors.allow_headers.iter().filter_map(|name| name.parse().ok()))
        })
        .allow_methods(AllowMethods::mirror_request())
        .expose_headers(ExposeHeaders::list(
            [
                "age",
                "cache-status",
                "x-request-id",
                "x-tollgate-provider",
                "x-tollgate-model",
                "x-tollgate-attempts",
                "x-tollgate-cost",
                "x-tollgate-saved",
                "retry-after",
                "x-ratelimit-limit-requests",
                "x-ratelimit-limit-tokens",
                "x-ratelimit-remaining-requests",
                "x-ratelimit-remaining-tokens",
                "x-ratelimit-reset-requests",
                "x-ratelimit-reset-tokens",
                "x-tollgate-budget-warning",
            ]
            .map(http::HeaderName::from_static),
        ))
        .allow_credentials(cors.allow_credentials && !any_origin)
        .max_age(cors.max_age.get())
}

/// What the cache remembers of bodies, for the front doors.
struct Remembered(Arc<AnswerCache>);

impl KnownBodies for Remembered {
    fn find(&self, operation: Operation, body: &Bytes) -> Option<KnownBody> {
        let (head, body, recognized) = self.0.recognize(operation, body)?;
        Some(KnownBody { head, body, recognized })
    }
}

/// The registry's models as the front doors list them.
struct Catalogue(Arc<Registry>);

impl Catalogue {
    /// Whether a client may use what a name stands for, by the same rule as when it asks for an answer.
    async fn allows(&self, grant: &Grant, name: &str) -> bool {
        match self.0.resolve(name).await {
            Ok(target) => grant.allows_provider(&target.provider) && grant.allows_target(Some(name), &target),
            Err(_) => false,
        }
    }
}

impl ListModels for Catalogue {
    fn list<'a>(&'a self, client: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async {
            let mut models = self.0.list_models().await;
            if let Some(grant) = &client.grant {
                let mut allowed = Vec::new();
                for model in models {
                    if self.allows(grant, model["id"].as_str().unwrap_or_default()).await {
                        allowed.push(model);
                    }
                }
                models = allowed;
            }
            Ok(json!({ "object": "list", "data": models }).to_string().into())
        })
    }

    fn describe<'a>(&'a self, name: &'a str, client: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async move {
            let model = self.0.describe_model(name).await?;
            match &client.grant {
                Some(grant) if !self.allows(grant, name).await => {
                    let message = format!("Your API key may not be used for the model `{name}`.");
                    Err(Error::new(ErrorKind::PermissionDenied, message).with_param("model"))
                }
                _ => Ok(model.to_string().into()),
            }
        })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("registry", &self.current.load().registry).finish_non_exhaustive()
    }
}
