//! What a gateway should make of an exchange: tokens, endings, errors.
//!
//! Everything is read from plain JSON values, and only after the whole answer is here.

use serde_json::Value;

use super::{Api, Exchange, eventstream, sse};

/// Tokens in one convention: `input` and `output` are totals, the others are parts of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All input tokens.
    pub input: Option<u64>,
    /// All output tokens.
    pub output: Option<u64>,
    /// Input tokens read from a cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to a cache.
    pub cache_creation: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As its protocol says.
    Complete,
    /// With an error event.
    Failed,
    /// It just stops.
    Truncated,
}

/// What an error answer says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    /// The message.
    pub message: Option<String>,
    /// The code, if it is a word.
    pub code: Option<String>,
    /// The status in the body.
    pub status: Option<u16>,
    /// The whole `error` object, if the body is `{"error": {…}}` as OpenAI writes it.
    pub openai: Option<Value>,
}

/// The tokens that a recording tells of. `None` if it tells nothing.
#[must_use]
pub fn tokens(exchange: &Exchange) -> Option<Tokens> {
    tokens_in(exchange.api, exchange.body.bytes(), exchange.body.is_stream())
}

/// The tokens that a body tells of; of a stream that is cut short, so far.
#[must_use]
pub fn tokens_in(api: Api, body: &[u8], is_stream: bool) -> Option<Tokens> {
    let mut usage = Value::Null;
    for payload in payloads(api, body, is_stream) {
        places(api, &payload).into_iter().for_each(|place| merge(&mut usage, place));
    }
    let tokens = match api {
        Api::Gemini => gemini(&usage),
        Api::Messages => anthropic(&usage),
        Api::Converse | Api::ConverseStream => bedrock(&usage),
        Api::Cohere => cohere(&usage),
        Api::Ollama => Tokens {
            input: count(&usage["prompt_eval_count"]),
            output: count(&usage["eval_count"]),
            ..Tokens::default()
        },
        Api::Chat | Api::Completions | Api::Embeddings | Api::Responses => openai(api, &usage),
        Api::Other => Tokens::default(),
    };
    (tokens != Tokens::default()).then_some(tokens)
}

/// How a stream of one of OpenAI's APIs ends.
#[must_use]
pub fn ending(api: Api, stream: &[u8]) -> Ending {
    let mut complete = false;
    for event in sse::events(stream) {
        let Some(data) = sse::data(event) else { continue };
        if data == b"[DONE]" {
            complete |= api != Api::Responses;
            continue;
        }
        let Ok(payload) = serde_json::from_slice::<Value>(&data) else { continue };
        if is_error(api, &payload) {
            return Ending::Failed;
        }
        complete |= finishes(api, &payload);
    }
    if complete { Ending::Complete } else { Ending::Truncated }
}

/// Whether the payload of an event is what ends the answer.
#[must_use]
pub fn finishes(api: Api, payload: &Value) -> bool {
    if api == Api::Responses {
        return matches!(payload["type"].as_str(), Some("response.completed" | "response.incomplete"));
    }
    let choices = payload["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
    choices.iter().any(|choice| choice["finish_reason"].as_str().is_some_and(|reason| !reason.is_empty()))
}

/// Whether the payload of an event is an error.
#[must_use]
pub fn is_error(api: Api, payload: &Value) -> bool {
    let is_bad_end = api == Api::Responses && matches!(payload["type"].as_str(), Some("error" | "response.failed"));
    is_bad_end || !payload["error"].is_null()
}

/// Whether the payload is OpenAI's chunk with nothing but usage.
#[must_use]
pub fn is_usage_chunk(payload: &Value) -> bool {
    payload["choices"].as_array().is_some_and(Vec::is_empty) && payload["usage"].is_object()
}

/// The events of a Chat Completions stream with its usage where OpenAI has it: in a chunk of its own at the end for who
/// asked, nowhere for who did not. `is_complete` says whether the stream came to its end.
#[must_use]
pub fn with_usage_in_its_place(events: &[&[u8]], asked: bool, is_complete: bool) -> Vec<Vec<u8>> {
    let mut shaped: Vec<Vec<u8>> = Vec::new();
    let mut held: Option<Vec<u8>> = None;
    let mut finished = std::collections::HashSet::new();
    for event in events {
        if sse::data(event).is_some_and(|data| data == b"[DONE]") {
            shaped.extend(held.take());
        }
        let Some(mut payload) =
            sse::json(event).filter(|payload| payload["choices"].is_array() && payload["error"].is_null())
        else {
            shaped.push(event.to_vec());
            continue;
        };
        let choices = payload["choices"].as_array().cloned().unwrap_or_default();
        let is_new =
            choices.iter().filter(|choice| choice["finish_reason"].as_str().is_some_and(|word| !word.is_empty()));
        let new: Vec<u64> = is_new.map(|choice| choice["index"].as_u64().unwrap_or(0)).collect();
        let repeats = !choices.is_empty()
            && new.len() == choices.len()
            && choices
                .iter()
                .all(|choice| finished.contains(&choice["index"].as_u64().unwrap_or(0)) && is_bare(choice));
        finished.extend(new);
        if payload["usage"].is_object() {
            if asked && choices.is_empty() {
                held = Some(event.to_vec());
            } else if asked {
                let mut chunk = payload.clone();
                chunk["choices"] = serde_json::json!([]);
                if let Some(chunk) = chunk.as_object_mut() {
                    let kept = ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"];
                    chunk.retain(|name, value| kept.contains(&name.as_str()) && !value.is_null());
                }
                held = Some(format!("data: {chunk}\n\n").into_bytes());
            }
            if choices.is_empty() || repeats {
                continue;
            }
        }
        if repeats {
            continue;
        }
        let has_usage = payload.get("usage").is_some_and(|usage| !usage.is_null() || !asked);
        if has_usage && let Some(payload) = payload.as_object_mut() {
            payload.remove("usage");
            shaped.push(format!("data: {}\n\n", Value::Object(payload.clone())).into_bytes());
        } else {
            shaped.push(event.to_vec());
        }
    }
    shaped.extend(held.filter(|_| is_complete));
    shaped
}

/// Whether a choice says nothing besides how it ended.
fn is_bare(choice: &Value) -> bool {
    let delta = choice["delta"].as_object();
    let says_nothing = |(name, value): (&String, &Value)| name == "role" || value.is_null() || value == "";
    delta.is_none_or(|delta| delta.iter().all(says_nothing)) && choice["text"].as_str().is_none_or(str::is_empty)
}

/// Whether a whole body is an error, whatever its status.
#[must_use]
pub fn is_error_body(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(items)) => items.first().is_some_and(|item| !item["error"].is_null()),
        Ok(body) => {
            let has_answer = ["choices", "data", "output"].iter().any(|name| !body[*name].is_null());
            !body["error"].is_null() && !has_answer
        }
        Err(_) => false,
    }
}

/// Reads an error in the shape of any provider.
#[must_use]
pub fn fault(body: &[u8]) -> Fault {
    let Ok(parsed) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body).trim().to_owned();
        return Fault { message: Some(text).filter(|text| !text.is_empty()), ..Fault::default() };
    };
    let outer = if parsed.is_array() { &parsed[0] } else { &parsed };
    let error = if outer["error"].is_object() { &outer["error"] } else { outer };
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let details = error["detail"].as_array().map(Vec::as_slice).unwrap_or_default();
    let details: Vec<&str> = details.iter().filter_map(|item| item["msg"].as_str()).collect();
    let message = word(&outer["error"])
        .or_else(|| word(&error["message"]))
        .or_else(|| word(&error["Message"]))
        .or_else(|| word(&error["detail"]))
        .or_else(|| (!details.is_empty()).then(|| details.join("; ")));
    let status = error["code"].as_u64().or_else(|| error["code"].as_str()?.parse().ok());
    Fault {
        message,
        code: word(&error["code"]),
        status: status.and_then(|status| u16::try_from(status).ok()).filter(|status| (400..600).contains(status)),
        openai: Some(&parsed["error"]).filter(|error| error.is_object()).cloned(),
    }
}

/// Every JSON value that an answer consists of.
fn payloads(api: Api, body: &[u8], is_stream: bool) -> Vec<Value> {
    if is_stream {
        return sse::events(body).into_iter().filter_map(sse::json).collect();
    }
    if api == Api::ConverseStream {
        return eventstream::payloads(body);
    }
    match serde_json::from_slice(body) {
        // Gemini's stream without SSE is one array.
        Ok(Value::Array(items)) => items,
        Ok(answer) => vec![answer],
        Err(_) => body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect(),
    }
}

/// Where usage may stand, the place that counts most last.
fn places(api: Api, payload: &Value) -> Vec<&Value> {
    match api {
        Api::Ollama => vec![payload],
        Api::Gemini => vec![&payload["usageMetadata"]],
        Api::Messages => vec![&payload["message"]["usage"], &payload["usage"]],
        Api::Cohere => {
            vec![&payload["response"]["meta"], &payload["meta"], &payload["delta"]["usage"], &payload["usage"]]
        }
        Api::Responses => vec![&payload["usage"], &payload["response"]["usage"]],
        _ => {
            let choices = payload["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
            let nested = choices.iter().map(|choice| &choice["usage"]);
            std::iter::once(&payload["x_groq"]["usage"]).chain(nested).chain([&payload["usage"]]).collect()
        }
    }
}

/// Takes over what the newer value has, field by field: counts are cumulative, and what is absent stays.
fn merge(known: &mut Value, newer: &Value) {
    match (known, newer) {
        (_, Value::Null) => {}
        (Value::Object(known), Value::Object(newer)) => {
            for (name, value) in newer {
                merge(known.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (known, newer) => *known = newer.clone(),
    }
}

fn openai(api: Api, usage: &Value) -> Tokens {
    let either = |chat: &str, responses: &str| count(&usage[chat]).or_else(|| count(&usage[responses]));
    let detail =
        |chat: &str, responses: &str, name: &str| count(&usage[chat][name]).or_else(|| count(&usage[responses][name]));
    let total = count(&usage["total_tokens"]);
    // All that is embedded is input.
    let input = either("prompt_tokens", "input_tokens").or(total.filter(|_| api == Api::Embeddings));
    let reasoning = detail("completion_tokens_details", "output_tokens_details", "reasoning_tokens");
    let output = either("completion_tokens", "output_tokens").map(|output| {
        let beside = output + reasoning.unwrap_or(0);
        let adds_up = |output: u64| total == Some(input.unwrap_or(0) + output);
        // xAI counts reasoning beside the completion; its total tells.
        if adds_up(beside) && !adds_up(output) { beside } else { output }
    });
    let cached = detail("prompt_tokens_details", "input_tokens_details", "cached_tokens");
    Tokens {
        input,
        output,
        cache_read: cached.or_else(|| either("prompt_cache_hit_tokens", "cached_tokens")),
        cache_creation: detail("prompt_tokens_details", "input_tokens_details", "cache_write_tokens"),
        reasoning,
    }
}

fn anthropic(usage: &Value) -> Tokens {
    let cache_read = count(&usage["cache_read_input_tokens"]);
    let cache_creation = count(&usage["cache_creation_input_tokens"]);
    let cached = cache_read.unwrap_or(0) + cache_creation.unwrap_or(0);
    Tokens {
        input: count(&usage["input_tokens"]).map(|input| input + cached),
        output: count(&usage["output_tokens"]),
        cache_read,
        cache_creation,
        reasoning: count(&usage["output_tokens_details"]["thinking_tokens"]),
    }
}

fn gemini(usage: &Value) -> Tokens {
    let thoughts = count(&usage["thoughtsTokenCount"]);
    let candidates = count(&usage["candidatesTokenCount"]);
    let tools = count(&usage["toolUsePromptTokenCount"]).unwrap_or(0);
    let output = candidates.unwrap_or(0) + thoughts.unwrap_or(0);
    Tokens {
        input: count(&usage["promptTokenCount"]).map(|prompt| prompt + tools),
        output: candidates.or(thoughts).map(|_| output),
        cache_read: count(&usage["cachedContentTokenCount"]),
        cache_creation: None,
        reasoning: thoughts,
    }
}

fn bedrock(usage: &Value) -> Tokens {
    let cache_read = count(&usage["cacheReadInputTokens"]);
    let cache_creation = count(&usage["cacheWriteInputTokens"]);
    let cached = cache_read.unwrap_or(0) + cache_creation.unwrap_or(0);
    Tokens {
        input: count(&usage["inputTokens"]).map(|input| input + cached),
        output: count(&usage["outputTokens"]),
        cache_read,
        cache_creation,
        reasoning: None,
    }
}

fn cohere(usage: &Value) -> Tokens {
    let tokens = &usage["tokens"];
    Tokens {
        input: count(&tokens["input_tokens"]),
        output: count(&tokens["output_tokens"]),
        cache_read: count(&usage["cached_tokens"]),
        ..Tokens::default()
    }
}

/// A count; some servers write it as a float.
fn count(value: &Value) -> Option<u64> {
    let as_float = || value.as_f64().filter(|float| float.fract() == 0.0 && (0.0..9e15).contains(float));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
    value.as_u64().or_else(|| as_float().map(|float| float as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(api: Api, body: &str, expect: [Option<u64>; 5]) {
        let tokens = tokens_in(api, body.as_bytes(), body.starts_with("data")).unwrap_or_default();
        let Tokens { input, output, cache_read, cache_creation, reasoning } = tokens;
        assert_eq!([input, output, cache_read, cache_creation, reasoning], expect, "{body}");
    }

    #[test]
    fn tokens_of_every_family() {
        check(
            Api::Chat,
            r#"{"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"prompt_tokens_details":{"cached_tokens":11},
                "completion_tokens_details":{"reasoning_tokens":290}}}"#,
            [Some(12), Some(291), Some(11), None, Some(290)],
        );
        check(
            Api::Chat,
            "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\ndata: {\"usage\":{\"completion_tokens\":2}}\n\n",
            [Some(3), Some(2), None, None, None],
        );
        check(Api::Embeddings, r#"{"usage":{"total_tokens":5}}"#, [Some(5), None, None, None, None]);
        check(
            Api::Messages,
            r#"{"usage":{"input_tokens":1,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"output_tokens":8}}"#,
            [Some(7), Some(8), Some(4), Some(2), None],
        );
        check(
            Api::Gemini,
            r#"{"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"thoughtsTokenCount":4}}"#,
            [Some(1), Some(6), None, None, Some(4)],
        );
        check(Api::Ollama, "{\"done\":false}\n{\"eval_count\":2}\n", [None, Some(2), None, None, None]);
        check(Api::Chat, "{}", [None; 5]);
    }

    #[test]
    fn endings() {
        let finish = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";
        assert_eq!(ending(Api::Chat, finish.as_bytes()), Ending::Complete);
        assert_eq!(ending(Api::Chat, b"data: {\"choices\":[]}\n\n"), Ending::Truncated);
        assert_eq!(ending(Api::Chat, b"data: {\"error\":{}}\n\n"), Ending::Failed);
        assert_eq!(ending(Api::Responses, b"data: {\"type\":\"response.failed\"}\n\n"), Ending::Failed);
        assert_eq!(ending(Api::Responses, b"data: [DONE]\n\n"), Ending::Truncated);
    }

    #[test]
    fn faults() {
        for (body, message, code, status) in [
            (r#"{"error":{"message":"m","code":"c"}}"#, "m", Some("c"), None),
            (r#"[{"error":{"message":"m","code":400}}]"#, "m", None, Some(400)),
            (r#"{"code":"c","error":"m"}"#, "m", Some("c"), None),
            (r#"{"detail":[{"msg":"a"},{"msg":"b"}]}"#, "a; b", None, None),
            (r#"{"Message":"m"}"#, "m", None, None),
        ] {
            let fault = fault(body.as_bytes());
            assert_eq!(fault.message.as_deref(), Some(message), "{body}");
            assert_eq!((fault.code.as_deref(), fault.status), (code, status), "{body}");
        }
    }
}
