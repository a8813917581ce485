//! Why the cache would answer a request as it would.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_cache::semantic::Query;
use tollgate_cache::{AnswerCache, Entry, Found, Lookup, Plan, now_millis};
use tollgate_core::{CacheDirectives, CacheMode, Context, Error, Identity, Located, Operation, Request, Route};
use tollgate_protocols::openai::{HeadLimits, read_head};

use super::explained::{Exact, Explained, Near, Outcome, Prompt, Semantic, State, Traits};
use crate::admin::rest::{Call, Failure, Json, Nothing};
use crate::gateway::Generation;

/// What is to be explained.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Explain {
    /// The path that the request would come by.
    #[serde(default = "chat")]
    path: String,
    /// The body of the request, as a client would send it.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, serde_json::Value>"))]
    request: Box<RawValue>,
    /// The name of the key that it would come with.
    key: Option<String>,
    /// The mode that it would ask for; what is configured otherwise.
    mode: Option<Mode>,
}

/// How answers may be reused.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CacheMode"))]
#[serde(rename_all = "lowercase")]
enum Mode {
    Off,
    Exact,
    Semantic,
}

fn chat() -> String {
    "/v1/chat/completions".to_owned()
}

/// `POST cache/explain`
pub(in crate::admin) async fn explain(call: Call<Nothing, Nothing, Json<Explain>>) -> Result<Json<Explained>, Failure> {
    let generation: Arc<Generation> = call.gateway.current().clone();
    let mut request = request(&call.body.0)?;
    let target = generation.registry.route(&request).await?;
    request.target = Some(target.clone());
    let cache = &generation.cache;
    let mut answer = Explained::of(target.to_string(), request.operation.as_str());
    let mut lookup = match cache.plan(&request) {
        Plan::None => return Ok(Json(answer.with(Outcome::None, "off"))),
        Plan::Bypass(reason) => return Ok(Json(answer.with(Outcome::Bypass, reason))),
        Plan::Use(lookup) => lookup,
    };
    answer.id = Some(lookup.key.to_string());
    answer.scope = Some(lookup.scope().to_owned());
    answer.mode = Some(lookup.mode.as_str());
    let traits = lookup.canonical.traits;
    answer.traits = Some(Traits {
        tools: traits.tools,
        tool_results: traits.tool_results,
        history: traits.history,
        sampled: traits.sampled,
        json: traits.json,
    });
    let (exact, is_hit) = exact(cache.find(&mut lookup).await);
    answer.exact = Some(exact);
    answer.semantic = semantic(cache, &lookup, &request).await;
    let reason = answer.semantic.as_ref().map(|semantic| semantic.reason);
    let answer = match reason {
        _ if is_hit => answer.with(Outcome::Hit, "exact"),
        Some("semantic") => answer.with(Outcome::Hit, "semantic"),
        reason => answer.with(Outcome::Miss, reason.unwrap_or("not-stored")),
    };
    Ok(Json(answer))
}

fn request(asked: &Explain) -> Result<Request, Error> {
    let (operation, model, stream) = match asked.path.trim_end_matches('/') {
        "/v1/chat/completions" => (Operation::ChatCompletions, None, None),
        "/v1/completions" => (Operation::Completions, None, None),
        "/v1/responses" => (Operation::Responses, None, None),
        "/v1/embeddings" => (Operation::Embeddings, None, None),
        "/v1/messages" => (Operation::Messages, None, None),
        "/api/chat" => (Operation::OllamaChat, None, None),
        path => match gemini(path) {
            Some((model, stream)) => (Operation::GenerateContent, Some(model), Some(stream)),
            None => {
                let message = "`path` must be the path of a conversation or of embeddings.";
                return Err(Error::invalid_request(message, Some("path")));
            }
        },
    };
    let body = asked.request.get();
    let mut head = read_head(body.as_bytes(), HeadLimits::default())?;
    if let Some(model) = model {
        head.model = Some(Located { value: model.into(), span: 0..0 });
        head.stream = stream.unwrap_or(false);
    }
    let identity = asked.key.as_deref().map(Identity::of_key).unwrap_or_default();
    let context = Context::builder("explain").identity(identity).build();
    let mut request = Request::new(operation, head, body.to_owned().into(), context);
    if let Some(mode) = asked.mode {
        let mut directives = CacheDirectives::default();
        directives.mode = Some(match mode {
            Mode::Off => CacheMode::Off,
            Mode::Exact => CacheMode::Exact,
            Mode::Semantic => CacheMode::Semantic,
        });
        request.cache = Some(Arc::new(directives));
    }
    Ok(request)
}

/// The model in a path of Gemini's, and whether it asks for a stream.
fn gemini(path: &str) -> Option<(&str, bool)> {
    let rest = path.strip_prefix("/v1beta/models/").or_else(|| path.strip_prefix("/v1/models/"))?;
    let (model, method) = rest.rsplit_once(':')?;
    match method {
        "generateContent" => Some((model, false)),
        "streamGenerateContent" => Some((model, true)),
        _ => None,
    }
}

fn exact(found: Found) -> (Exact, bool) {
    let now = now_millis();
    let entry = |state, entry: &Entry| Exact {
        state,
        age_ms: Some(u64::try_from(entry.age(now).as_millis()).unwrap_or(u64::MAX)),
        ttl_ms: Some(entry.ttl),
        tags: entry.tag_names().map(Arc::from).collect(),
    };
    match found {
        Found::Fresh(found) => (entry(State::Fresh, &found), true),
        Found::Stale(found) => (entry(State::Stale, &found), true),
        Found::ForErrors(found) => (entry(State::ForErrors, &found), false),
        Found::Nothing => (Exact { state: State::None, age_ms: None, ttl_ms: None, tags: Vec::new() }, false),
    }
}

/// The semantic side; `None` where there is none for this request.
async fn semantic(cache: &AnswerCache, lookup: &Lookup, request: &Request) -> Option<Semantic> {
    let query = match cache.query(lookup, request)? {
        Ok(query) => query,
        Err(reason) => return Some(Semantic::of(reason)),
    };
    let explanation = cache.semantic()?.explain(cache, lookup, &query).await;
    let near = explanation
        .near
        .iter()
        .map(|near| Near { cluster: format!("{:016x}", near.cluster.0), similarity: near.similarity });
    let decision = explanation.decision;
    Some(Semantic {
        reason: explanation.reason,
        namespace: Some(query.namespace.to_string()),
        prompt: Some(read(&query)),
        near: near.collect(),
        similarity: decision.as_ref().and_then(|decision| decision.score),
        p_wrong: decision.as_ref().and_then(|decision| decision.p_wrong),
        bar: decision.as_ref().map(|decision| decision.bar),
        flags: explanation.flags.words().collect(),
        echo: explanation.echo,
    })
}

/// What was read of the prompt. Its literals are told, because whoever asks has sent the prompt.
fn read(query: &Query) -> Prompt {
    let literals = query.reading.signature.literals();
    Prompt {
        language: query.reading.language.code().to_string(),
        literals: literals.map(|(kind, literal)| format!("{kind:?}: {literal}").to_lowercase()).collect(),
        volatility: query.reading.volatility.freshness.as_str(),
        time_dependence: query.reading.volatility.probability,
    }
}
