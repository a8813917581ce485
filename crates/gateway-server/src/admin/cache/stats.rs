//! What the cache has done.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_cache::semantic::SemanticCache;

use crate::admin::rest::{Call, Failure, Json};

/// Of namespaces only the busiest are shown.
const MAX_NAMESPACES: usize = 100;

/// What the cache has done since the server started, and what it holds.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheStats"))]
pub(in crate::admin) struct Stats {
    /// Requests that were served by the cache, or by another's answer, by how.
    served: BTreeMap<&'static str, u64>,
    /// Requests for which nothing was stored.
    misses: u64,
    /// Requests for which no cache was used, by the reason.
    bypassed: BTreeMap<&'static str, u64>,
    /// Answers that were stored.
    stored: u64,
    /// Answers that were not, by the reason.
    not_stored: BTreeMap<&'static str, u64>,
    /// Tokens of input that were not spent.
    saved_input_tokens: u64,
    /// Tokens of output that were not spent.
    saved_output_tokens: u64,
    /// Entries in memory.
    entries: u64,
    /// The memory that they take.
    bytes: u64,
    /// Entries that made way for others.
    evicted: u64,
    /// Requests in flight whose answer others may share.
    flights: usize,
    /// Requests that wait for such an answer.
    seats: usize,
    /// The cache for rephrased requests; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    semantic: Option<Semantic>,
}

/// The cache for rephrased requests.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SemanticCacheStats"))]
struct Semantic {
    /// What makes the vectors.
    embedder: String,
    /// Answers that are known, each with all the prompts that have it.
    clusters: usize,
    /// Those of them that may not be served for now.
    quarantined: usize,
    /// Namespaces that were turned off.
    killed: usize,
    workloads: Vec<Workload>,
    /// The busiest namespaces.
    namespaces: Vec<Namespace>,
}

/// What was learned of one kind of traffic. Rates are shares of all requests.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SemanticWorkload"))]
struct Workload {
    /// Requests that were decided.
    requests: u64,
    /// Those that were served.
    hits: u64,
    /// The share of them.
    coverage: f64,
    /// Whether nothing is served yet, for want of labels.
    observing: bool,
    /// The probability of being wrong up to which is served now.
    bar: f64,
    /// Hits that were also asked upstream.
    shadowed: u64,
    miss_labels: u64,
    hit_labels: u64,
    /// Hits that are known to have been wrong.
    false_hits: u64,
    /// The rate of errors at this bar, as estimated.
    error_rate: f64,
    /// Its upper bound.
    error_rate_upper: f64,
    /// The estimated rate of wrong hits of the last 5,000 requests.
    recent_error_rate: f64,
    /// How often the model no longer fitted and learning began anew.
    alarms: u64,
}

/// Requests that may share answers.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SemanticNamespace"))]
struct Namespace {
    namespace: String,
    /// Who shares it.
    scope: String,
    /// Who answers in it, as `provider/model`.
    target: String,
    requests: u64,
    hits: u64,
    saved_tokens: u64,
}

/// `GET cache/stats`
pub(in crate::admin) async fn stats(call: Call) -> Result<Json<Stats>, Failure> {
    let generation = call.gateway.current();
    let cache = &generation.cache;
    let memory = cache.memory().stats();
    let counts = cache.statistics().counts();
    Ok(Json(Stats {
        served: counts.served,
        misses: counts.misses,
        bypassed: counts.bypassed,
        stored: counts.stored,
        not_stored: counts.not_stored,
        saved_input_tokens: counts.saved_input_tokens,
        saved_output_tokens: counts.saved_output_tokens,
        entries: memory.entries,
        bytes: memory.bytes,
        evicted: memory.evicted,
        flights: cache.flights().len(),
        seats: cache.flights().seats(),
        semantic: cache.semantic().map(|semantic| semantic_stats(semantic)),
    }))
}

fn semantic_stats(semantic: &SemanticCache) -> Semantic {
    let stats = semantic.stats();
    let workloads = stats.workloads.iter().map(|workload| Workload {
        requests: workload.requests,
        hits: workload.hits,
        coverage: workload.coverage(),
        observing: workload.observing,
        bar: workload.bar,
        shadowed: workload.shadowed,
        miss_labels: workload.miss_labels,
        hit_labels: workload.hit_labels,
        false_hits: workload.false_hits,
        error_rate: workload.error_rate,
        error_rate_upper: workload.error_rate_upper,
        recent_error_rate: workload.recent_error_rate,
        alarms: workload.alarms,
    });
    let mut namespaces = semantic.namespaces();
    namespaces.sort_by_key(|(_, info)| Reverse(info.requests));
    let namespaces = namespaces.iter().take(MAX_NAMESPACES).map(|(namespace, info)| Namespace {
        namespace: namespace.to_string(),
        scope: info.scope.to_string(),
        target: info.target.to_string(),
        requests: info.requests,
        hits: info.hits,
        saved_tokens: info.saved_tokens,
    });
    Semantic {
        embedder: semantic.embedder().id().to_string(),
        clusters: stats.clusters,
        quarantined: stats.quarantined,
        killed: stats.killed,
        workloads: workloads.collect(),
        namespaces: namespaces.collect(),
    }
}
