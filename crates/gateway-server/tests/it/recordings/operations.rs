//! The request of a recording as a client of the server would send it.

use http::Method;
use serde_json::{Value, json};
use tollgate_core::Operation;
use tollgate_testkit::recordings::cuts::Cuts;
use tollgate_testkit::recordings::{Api, Exchange};

use super::replay::{Arrives, Play, base_path, custom, standing};

/// The operation, if it is one of those with a door of their own.
pub(super) fn operation(api: Api) -> Option<(Operation, &'static str)> {
    match api {
        Api::Chat => Some((Operation::ChatCompletions, "/chat/completions")),
        Api::Completions => Some((Operation::Completions, "/completions")),
        Api::Embeddings => Some((Operation::Embeddings, "/embeddings")),
        Api::Responses => Some((Operation::Responses, "/responses")),
        _ => None,
    }
}

/// Whether a stream of this API may end with a chunk that has nothing but usage.
pub(super) fn has_usage_chunk(api: Api) -> bool {
    matches!(api, Api::Chat | Api::Completions)
}

/// A play of an exchange. `toggle_usage` asks for the usage chunk where the recorded client did not, and the other way
/// round.
pub(super) fn play(exchange: &'static Exchange, variant: &str, cuts: Cuts, toggle_usage: bool) -> Option<Play> {
    let (operation, path) = operation(exchange.api)?;
    let standing = standing(exchange);
    let (provider, descriptor) = if standing.1.operations.contains(operation) { standing } else { custom() };
    let mut request = match &exchange.request {
        Some(request) if request.is_object() => request.clone(),
        _ => minimal(exchange.api),
    };
    // A few answers are of the other kind than the request; what counts here is what the client expects.
    if exchange.is_success() {
        set_stream(&mut request, exchange.body.is_stream());
    }
    if toggle_usage {
        if exchange.asks_for_usage() {
            request.as_object_mut().map(|request| request.remove("stream_options"));
        } else {
            request["stream_options"] = json!({ "include_usage": true });
        }
    }
    if request["previous_response_id"].is_string() {
        // The recordings call every response by one name, and the gateway keeps those of providers that do not.
        request["previous_response_id"] = json!("resp_of_its_own_provider");
    }
    let model = request["model"].as_str().filter(|model| !model.is_empty()).unwrap_or("recorded").to_owned();
    request["model"] = json!(model);
    let arrives = Arrives {
        path: match descriptor.quirks.azure_paths {
            true => format!("…{path}"),
            false => format!("{}{path}", base_path(descriptor)),
        },
        body: Some(request.clone()),
    };
    request["model"] = json!(format!("{provider}/{model}"));
    Some(Play {
        exchange,
        variant: variant.to_owned(),
        method: Method::POST,
        path: format!("/v1{path}"),
        request: Some(request),
        body: exchange.body.bytes().clone(),
        cuts,
        breaks: false,
        arrives,
    })
}

/// Whether the request of a play asks for the usage chunk.
pub(super) fn asks_for_usage(play: &Play) -> bool {
    let request = play.request.as_ref().unwrap_or(&Value::Null);
    request["stream_options"]["include_usage"].as_bool().unwrap_or(false)
}

fn set_stream(request: &mut Value, stream: bool) {
    match (stream, request.as_object_mut()) {
        (true, _) => request["stream"] = json!(true),
        (false, Some(request)) if request.get("stream").is_some_and(|stream| *stream == true) => {
            request.remove("stream");
            request.remove("stream_options");
        }
        _ => {}
    }
}

/// A request where none is recorded.
pub(super) fn minimal(api: Api) -> Value {
    match api {
        Api::Gemini => json!({ "contents": [{ "role": "user", "parts": [{ "text": "What is a tollgate?" }] }] }),
        Api::Completions => json!({ "model": "recorded", "prompt": "What is a tollgate?" }),
        Api::Embeddings | Api::Responses => json!({ "model": "recorded", "input": "What is a tollgate?" }),
        _ => json!({ "model": "recorded", "messages": [{ "role": "user", "content": "What is a tollgate?" }] }),
    }
}
