//! Why the cache would answer a request as it would.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate_cache::semantic::Query;
use tollgate_cache::{AnswerCache, Entry, Found, Lookup, Plan, now_millis};
use tollgate_core::{
    CacheDirectives, CacheMode, Context, Error, ErrorKind, Identity, Located, Operation, Request, Route,
};
use tollgate_protocols::openai::{HeadLimits, read_head};

use crate::gateway::Generation;

/// What is to be explained.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    /// The path that the request would come by.
    #[serde(default = "chat")]
    path: String,
    /// The body of the request.
    #[serde(borrow)]
    request: &'a RawValue,
    /// The name of the key that it would come with.
    key: Option<String>,
    /// The mode that it would ask for; what is configured otherwise.
    mode: Option<String>,
}

fn chat() -> String {
    "/v1/chat/completions".to_owned()
}

/// `POST cache/explain` with `{"request": {…}, "path": "/v1/messages", "key": "default", "mode": "semantic"}`
///
/// Nothing is sent to a provider, and nothing is learned or counted, but for what turns the prompt into a vector.
pub(super) async fn explain(generation: &Generation, body: &Bytes) -> Result<Vec<u8>, Error> {
    let asked: Asked<'_> = serde_json::from_slice(body).map_err(|error| {
        let message = format!("The body must be an object with the member `request`: {error}.");
        Error::new(ErrorKind::InvalidRequest, message)
    })?;
    let mut request = request(&asked)?;
    let target = generation.registry.route(&request).await?;
    request.target = Some(target.clone());
    let cache = &generation.cache;
    let mut answer = json!({ "target": target.to_string(), "operation": request.operation.as_str() });
    let mut lookup = match cache.plan(&request) {
        Plan::None => {
            answer["outcome"] = json!("none");
            answer["reason"] = json!("off");
            return Ok(answer.to_string().into());
        }
        Plan::Bypass(reason) => {
            answer["outcome"] = json!("bypass");
            answer["reason"] = json!(reason);
            return Ok(answer.to_string().into());
        }
        Plan::Use(lookup) => lookup,
    };
    answer["id"] = json!(lookup.key.to_string());
    answer["scope"] = json!(lookup.scope());
    answer["mode"] = json!(lookup.mode.as_str());
    let traits = lookup.canonical.traits;
    answer["traits"] = json!({ "tools": traits.tools, "tool_results": traits.tool_results, "history": traits.history,
        "sampled": traits.sampled, "json": traits.json });
    let (exact, is_hit) = exact(cache.find(&mut lookup).await);
    answer["exact"] = exact;
    let semantic = semantic(cache, &lookup, &request).await;
    let would_reuse = semantic.as_ref().is_some_and(|semantic| semantic["reason"] == "semantic");
    answer["outcome"] = json!(if is_hit || would_reuse { "hit" } else { "miss" });
    answer["reason"] = match &semantic {
        _ if is_hit => json!("exact"),
        Some(semantic) => semantic["reason"].clone(),
        None => json!("not-stored"),
    };
    answer["semantic"] = semantic.unwrap_or(Value::Null);
    Ok(answer.to_string().into())
}

fn request(asked: &Asked<'_>) -> Result<Request, Error> {
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
    if let Some(mode) = &asked.mode {
        let mut directives = CacheDirectives::default();
        directives.mode = Some(match &**mode {
            "off" => CacheMode::Off,
            "exact" => CacheMode::Exact,
            "semantic" => CacheMode::Semantic,
            _ => return Err(Error::invalid_request("`mode` must be off, exact or semantic.", Some("mode"))),
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

fn exact(found: Found) -> (Value, bool) {
    let now = now_millis();
    let entry = |state: &str, entry: &Entry| {
        json!({ "state": state, "age_ms": u64::try_from(entry.age(now).as_millis()).unwrap_or(u64::MAX),
            "ttl_ms": entry.ttl, "tags": entry.tags })
    };
    match found {
        Found::Fresh(found) => (entry("fresh", &found), true),
        Found::Stale(found) => (entry("stale", &found), true),
        Found::ForErrors(found) => (entry("for-errors", &found), false),
        Found::Nothing => (json!({ "state": "none" }), false),
    }
}

/// The semantic side; `None` where there is none for this request.
async fn semantic(cache: &AnswerCache, lookup: &Lookup, request: &Request) -> Option<Value> {
    let query = match cache.query(lookup, request)? {
        Ok(query) => query,
        Err(reason) => return Some(json!({ "reason": reason })),
    };
    let explanation = cache.semantic()?.explain(cache, lookup, &query).await;
    let near: Vec<Value> = explanation
        .near
        .iter()
        .map(|near| json!({ "cluster": format!("{:016x}", near.cluster.0), "similarity": near.similarity }))
        .collect();
    let decision = explanation.decision;
    Some(json!({
        "reason": explanation.reason,
        "namespace": query.namespace.to_string(),
        "prompt": read(&query),
        "near": near,
        "similarity": decision.as_ref().and_then(|decision| decision.score),
        "p_wrong": decision.as_ref().and_then(|decision| decision.p_wrong),
        "bar": decision.as_ref().map(|decision| decision.bar),
        "flags": explanation.flags.words().collect::<Vec<_>>(),
        "echo": explanation.echo,
    }))
}

/// What was read of the prompt. Its literals are told, because whoever asks has sent the prompt.
fn read(query: &Query) -> Value {
    let literals: Vec<String> = query
        .reading
        .signature
        .literals()
        .map(|(kind, literal)| format!("{kind:?}: {literal}").to_lowercase())
        .collect();
    json!({ "language": query.reading.language.code(), "literals": literals,
        "volatility": query.reading.volatility.freshness.as_str(), "time_dependence": query.reading.volatility.probability })
}
