//! A provider that follows OpenAI's specification.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Received, Reply};

const MODELS: [&str; 5] = ["fake-chat", "fake-tools", "fake-error-400", "fake-slow", "fake-embedding"];
const CREATED: u64 = 1_700_000_000;
const CHAT_ID: &str = "chatcmpl-fake0001";
const ARGUMENTS: [&str; 4] = ["{\"", "city\":\"", "Paris", "\"}"];

/// Answers as OpenAI's API would.
///
/// | model | answer |
/// |---|---|
/// | `fake-chat` | `Hello from upstream!` with 9 input and 4 output tokens |
/// | `fake-tools` | a call of `get_weather` with `{"city":"Paris"}`; after a message of role `tool`, text |
/// | `fake-error-400` | 400 with the message `bad thing from upstream` |
/// | `fake-slow` | as `fake-chat`, after 30 seconds |
/// | `fake-embedding` | vectors of four numbers (embeddings take any known model) |
/// | any other | 404, `model_not_found` |
pub fn fake_openai() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    |request| match request.path() {
        "/v1/models" => Reply::json(json!({ "object": "list", "data": MODELS.map(model) }).to_string()),
        "/v1/chat/completions" | "/v1/completions" | "/v1/embeddings" => operation(request),
        path => refuse(404, &format!("Invalid URL (POST {path})"), &Value::Null, &Value::Null),
    }
}

fn model(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "fake" })
}

fn operation(request: &Received) -> Reply {
    let body = request.json();
    let model = body["model"].as_str().unwrap_or_default();
    if !MODELS.contains(&model) {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        return refuse(404, &message, &Value::Null, &json!("model_not_found"));
    }
    if model == "fake-error-400" {
        return refuse(400, "bad thing from upstream", &json!("messages"), &json!("bad_thing"));
    }
    let reply = match request.path() {
        "/v1/embeddings" => embeddings(model, &body),
        "/v1/completions" => completions(model, &body),
        _ => chat(model, &body),
    };
    if model == "fake-slow" { reply.delay(Duration::from_secs(30)) } else { reply }
}

fn refuse(status: u16, message: &str, param: &Value, code: &Value) -> Reply {
    let error = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": code });
    Reply::json(json!({ "error": error }).to_string()).status(status)
}

fn usage() -> Value {
    json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13 })
}

fn chat(model: &str, body: &Value) -> Reply {
    let last_role = body["messages"].as_array().and_then(|messages| messages.last()).map(|last| &last["role"]);
    let calls_tool = model == "fake-tools" && last_role.is_none_or(|role| role != "tool");
    let words: &[&str] =
        if model == "fake-tools" { &["It", " is", " sunny."] } else { &["Hello", " from", " upstream", "!"] };
    let finish = if calls_tool { "tool_calls" } else { "stop" };
    if body["stream"] == true {
        let mut deltas =
            vec![json!({ "role": "assistant", "content": if calls_tool { Value::Null } else { json!("") } })];
        if calls_tool {
            let function = json!({ "name": "get_weather", "arguments": "" });
            let call = json!({ "index": 0, "id": "call_fake1", "type": "function", "function": function });
            deltas.push(json!({ "tool_calls": [call] }));
            let fragment = |part| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": part } }] });
            deltas.extend(ARGUMENTS.map(fragment));
        } else {
            deltas.extend(words.iter().map(|word| json!({ "content": word })));
        }
        let chunk = |delta, finish| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        let mut choices: Vec<Value> = deltas.into_iter().map(|delta| chunk(delta, Value::Null)).collect();
        choices.push(chunk(json!({}), json!(finish)));
        return stream(CHAT_ID, "chat.completion.chunk", model, choices, body);
    }
    let message = if calls_tool {
        let function = json!({ "name": "get_weather", "arguments": ARGUMENTS.concat() });
        let call = json!({ "id": "call_fake1", "type": "function", "function": function });
        json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": [call] })
    } else {
        json!({ "role": "assistant", "content": words.concat(), "refusal": null })
    };
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish });
    whole(CHAT_ID, "chat.completion", model, &choice)
}

fn completions(model: &str, body: &Value) -> Reply {
    let words = ["Hello", " from", " upstream", "!"];
    let choice = |text: &str, finish| json!({ "index": 0, "text": text, "logprobs": null, "finish_reason": finish });
    if body["stream"] == true {
        let mut choices: Vec<Value> = words.iter().map(|word| json!([choice(word, Value::Null)])).collect();
        choices.push(json!([choice("", json!("stop"))]));
        return stream("cmpl-fake0001", "text_completion", model, choices, body);
    }
    whole("cmpl-fake0001", "text_completion", model, &choice(&words.concat(), json!("stop")))
}

fn whole(id: &str, object: &str, model: &str, choice: &Value) -> Reply {
    let answer = json!({
        "id": id, "object": object, "created": CREATED, "model": model, "choices": [choice], "usage": usage(),
    });
    Reply::json(answer.to_string()).header("x-request-id", "req_fake0001")
}

/// A stream of chunks with these choices, the usage chunk if it was asked for, and the end.
fn stream(id: &str, object: &str, model: &str, choices: Vec<Value>, body: &Value) -> Reply {
    let with_usage = body["stream_options"]["include_usage"] == true;
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({ "id": id, "object": object, "created": CREATED, "model": model, "choices": choices });
        // As OpenAI has it: once asked for, every chunk has the member, null until the last.
        if with_usage {
            chunk["usage"] = usage;
        }
        chunk.to_string()
    };
    let mut events: Vec<String> = choices.into_iter().map(|choices| chunk(choices, Value::Null)).collect();
    if with_usage {
        events.push(chunk(json!([]), usage()));
    }
    events.push("[DONE]".to_owned());
    Reply::sse(events)
}

fn embeddings(model: &str, body: &Value) -> Reply {
    let count = body["input"].as_array().filter(|input| !input.iter().all(Value::is_number)).map_or(1, Vec::len);
    // 0.5, -0.25, 0.125, 1.0 as little-endian 32-bit floats.
    let vector = match body["encoding_format"].as_str() {
        Some("base64") => json!("AAAAPwAAgL4AAAA+AACAPw=="),
        _ => json!([0.5, -0.25, 0.125, 1.0]),
    };
    let data: Vec<Value> =
        (0..count).map(|index| json!({ "object": "embedding", "index": index, "embedding": vector })).collect();
    let usage = json!({ "prompt_tokens": 5, "total_tokens": 5 });
    Reply::json(json!({ "object": "list", "data": data, "model": model, "usage": usage }).to_string())
}
