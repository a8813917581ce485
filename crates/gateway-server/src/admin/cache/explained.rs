//! What an explanation says.

use std::sync::Arc;

use serde::Serialize;

/// Why the cache would answer a request as it would.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheExplanation"))]
pub(in crate::admin) struct Explained {
    /// Who would answer, as `provider/model`.
    target: String,
    operation: &'static str,
    /// What the cache would do.
    outcome: Outcome,
    /// A stable word for why.
    reason: &'static str,
    /// The id that its answer has or would have; null where no cache is used, as all that follows.
    pub(super) id: Option<String>,
    /// Who would share it.
    pub(super) scope: Option<String>,
    pub(super) mode: Option<&'static str>,
    pub(super) traits: Option<Traits>,
    pub(super) exact: Option<Exact>,
    /// What the cache for rephrased requests says; null where it is not asked.
    pub(super) semantic: Option<Semantic>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheOutcome"))]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// Nothing is cached.
    None,
    /// This request is left alone.
    Bypass,
    Hit,
    Miss,
}

/// What was found of the request.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RequestTraits"))]
pub(super) struct Traits {
    pub(super) tools: bool,
    pub(super) tool_results: bool,
    pub(super) history: bool,
    pub(super) sampled: bool,
    pub(super) json: bool,
}

/// The answer that is stored for this very request.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ExactExplanation"))]
pub(super) struct Exact {
    pub(super) state: State,
    pub(super) age_ms: Option<u64>,
    pub(super) ttl_ms: Option<u64>,
    pub(super) tags: Vec<Arc<str>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheEntryState"))]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    None,
    Fresh,
    /// Served while it is asked for anew.
    Stale,
    /// Served only if the provider fails.
    ForErrors,
}

/// The answers to prompts that are like this one.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SemanticExplanation"))]
pub(super) struct Semantic {
    /// A stable word for what would be done.
    pub(super) reason: &'static str,
    pub(super) namespace: Option<String>,
    pub(super) prompt: Option<Prompt>,
    /// Prompts near by, the nearest first.
    pub(super) near: Vec<Near>,
    /// How like the candidate's prompt it is.
    pub(super) similarity: Option<f32>,
    /// How likely the candidate's answer is wrong.
    pub(super) p_wrong: Option<f64>,
    /// The probability of being wrong up to which is served.
    pub(super) bar: Option<f64>,
    /// In what the candidate's prompt and this one may differ.
    pub(super) flags: Vec<&'static str>,
    /// Whether the candidate's answer speaks of what only its own prompt had.
    pub(super) echo: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "NearPrompt"))]
pub(super) struct Near {
    /// The answer that it has.
    pub(super) cluster: String,
    /// Cosine similarity.
    pub(super) similarity: f32,
}

/// What was read of the prompt.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PromptReading"))]
pub(super) struct Prompt {
    pub(super) language: String,
    /// Numbers, names and the like, which must be the same.
    pub(super) literals: Vec<String>,
    pub(super) volatility: &'static str,
    /// How likely the answer depends on when it is asked.
    pub(super) time_dependence: f32,
}

// === impl Explained ===

impl Explained {
    pub(super) fn of(target: String, operation: &'static str) -> Self {
        Self {
            target,
            operation,
            outcome: Outcome::None,
            reason: "",
            id: None,
            scope: None,
            mode: None,
            traits: None,
            exact: None,
            semantic: None,
        }
    }

    pub(super) fn with(self, outcome: Outcome, reason: &'static str) -> Self {
        Self { outcome, reason, ..self }
    }
}

// === impl Semantic ===

impl Semantic {
    /// Where it does not come to a search.
    pub(super) fn of(reason: &'static str) -> Self {
        Self {
            reason,
            namespace: None,
            prompt: None,
            near: Vec::new(),
            similarity: None,
            p_wrong: None,
            bar: None,
            flags: Vec::new(),
            echo: false,
        }
    }
}
