//! A provider that follows Cohere's specification, version 2.

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{
    Answer, Ask, CACHE_READ, CACHE_WRITE, Choice, Fault, Finish, INPUT_UNCACHED, MISSING_MODEL, data_url, fragments,
    list, text_of, unknown, vector,
};
use crate::{Received, Reply};

const ID: &str = "11111111-2222-3333-4444-555555555555";
const CHAT: &[&str] = &[
    "stream",
    "model",
    "messages",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
    "raw_prompting",
];
const PARAMS: &[&str] = &[
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
];

/// Answers as Cohere's API would: `/v2/chat`, `/v2/embed`, `/v1/models`.
pub fn fake_cohere() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    |request| match handle(request) {
        Ok(reply) | Err(reply) => reply.header("x-debug-trace-id", "fake0001"),
    }
}

fn handle(request: &Received) -> Result<Reply, Reply> {
    if !request.header("authorization").is_some_and(|value| value.to_ascii_lowercase().starts_with("bearer ")) {
        return Err(refuse(401, "no api key supplied"));
    }
    let body = request.json();
    match request.path() {
        "/v1/models" => {
            let model = json!({ "name": "command-fake", "endpoints": ["chat"], "context_length": 128_000 });
            Ok(Reply::json(json!({ "models": [model] }).to_string()))
        }
        "/v2/chat" => {
            let ask = check(&body)?;
            Ok(answer(&ask, &body))
        }
        "/v2/embed" => embed(&body),
        _ => Err(refuse(404, "not found")),
    }
}

fn refuse(status: u16, message: impl AsRef<str>) -> Reply {
    Reply::json(json!({ "id": ID, "message": message.as_ref() }).to_string()).status(status)
}

fn invalid(message: impl AsRef<str>) -> Reply {
    refuse(400, message)
}

fn failed(fault: Fault) -> Reply {
    match fault {
        Fault::RateLimit => refuse(429, "You are using a Trial key, which is limited.").header("retry-after", "1"),
        Fault::Internal => refuse(500, "internal server error"),
        Fault::Overloaded => refuse(503, "service unavailable"),
    }
}

fn present(body: &Value, names: &[&str]) -> Result<(), Reply> {
    if let Some(name) = unknown(body, names) {
        return Err(refuse(422, format!("unknown field: parameter '{name}' is not a valid field")));
    }
    match body["model"].as_str() {
        None => Err(invalid("invalid request: model is required.")),
        Some(MISSING_MODEL) => Err(refuse(404, format!("model '{MISSING_MODEL}' not found"))),
        Some(_) => Ok(()),
    }
}

fn embed(body: &Value) -> Result<Reply, Reply> {
    let fields = [
        "model",
        "input_type",
        "texts",
        "images",
        "inputs",
        "max_tokens",
        "output_dimension",
        "embedding_types",
        "truncate",
    ];
    present(body, &fields)?;
    if !body["input_type"].is_string() {
        return Err(invalid("invalid request: input_type is required"));
    }
    let texts = list(&body["texts"]);
    if texts.is_empty() {
        return Err(invalid("invalid request: at least one of texts, images or inputs must be provided"));
    }
    let dimensions = body["output_dimension"].as_u64().map_or(4, |number| usize::try_from(number).unwrap_or(4));
    let vectors: Vec<Vec<f32>> = texts.iter().map(|text| vector(text_of(text), dimensions)).collect();
    let meta = json!({ "api_version": { "version": "2" }, "billed_units": { "input_tokens": 5 } });
    let answer = json!({ "id": ID, "embeddings": { "float": vectors }, "texts": texts, "meta": meta });
    Ok(Reply::json(answer.to_string()))
}

fn check(body: &Value) -> Result<Ask, Reply> {
    present(body, CHAT)?;
    for (name, high) in [("temperature", 1.0), ("p", 0.99), ("frequency_penalty", 1.0), ("presence_penalty", 1.0)] {
        let value = &body[name];
        if !value.is_null() && !value.as_f64().is_some_and(|number| (0.0..=high).contains(&number)) {
            return Err(invalid(format!("invalid request: {name} must be between 0 and {high} inclusive.")));
        }
    }
    if list(&body["stop_sequences"]).len() > 5 {
        return Err(invalid("invalid request: at most 5 stop_sequences"));
    }
    let mut ask = Ask { thinking: body["thinking"]["type"] == "enabled", ..Ask::default() };
    for tool in list(&body["tools"]) {
        let function = &tool["function"];
        if tool["type"] != "function" || unknown(function, &["name", "description", "parameters"]).is_some() {
            return Err(invalid("invalid request: tools must be functions with a name, a description and parameters"));
        }
        if !function["parameters"].is_object() {
            return Err(invalid("invalid request: tool function parameters are required"));
        }
        ask.tools.push(text_of(&function["name"]).to_owned());
    }
    ask.choice = match body["tool_choice"].as_str() {
        None if body["tool_choice"].is_null() => Choice::Auto,
        Some("REQUIRED") if !ask.tools.is_empty() => Choice::Any,
        Some("NONE") => Choice::None,
        _ => return Err(invalid("invalid request: tool_choice must be REQUIRED or NONE, and needs tools")),
    };
    let format = &body["response_format"];
    ask.json = match format["type"].as_str() {
        Some("json_object") => true,
        None if format.is_null() => false,
        Some("text") => false,
        _ => return Err(invalid("invalid request: response_format.type must be text or json_object")),
    };
    if let Some(name) = unknown(format, &["type", "json_schema"]) {
        return Err(invalid(format!("invalid request: response_format.{name} is not a valid field")));
    }
    messages(&body["messages"], &mut ask)?;
    ask.note_params(body, PARAMS);
    Ok(ask)
}

fn messages(messages: &Value, ask: &mut Ask) -> Result<(), Reply> {
    if list(messages).is_empty() {
        return Err(invalid("invalid request: messages must not be empty"));
    }
    let mut open: Vec<&str> = Vec::new();
    for message in list(messages) {
        let role = text_of(&message["role"]);
        if role != "tool" && !open.is_empty() {
            return Err(invalid(format!("invalid request: missing tool results for tool calls: {}", open.join(", "))));
        }
        match role {
            "system" | "developer" => {
                let text = text(&message["content"], ask)?;
                ask.system = if ask.system.is_empty() { text } else { format!("{}\n{text}", ask.system) };
            }
            "user" => {
                ask.text = text(&message["content"], ask)?;
                ask.results.clear();
            }
            "assistant" => {
                for call in list(&message["tool_calls"]) {
                    if call["id"].as_str().is_none() || !call["function"]["arguments"].is_string() {
                        return Err(invalid("invalid request: tool_calls need an id and arguments as a string"));
                    }
                    open.push(text_of(&call["id"]));
                }
                if open.is_empty() && text(&message["content"], ask)?.is_empty() {
                    return Err(invalid("invalid request: an assistant message needs content or tool_calls"));
                }
                ask.calls += open.len();
                ask.results.clear();
            }
            "tool" => {
                let id = text_of(&message["tool_call_id"]);
                let known = open.iter().position(|open| *open == id);
                let known = known.ok_or_else(|| invalid(format!("invalid request: tool call id {id} not found")))?;
                open.remove(known);
                let text = text(&message["content"], ask)?;
                ask.results.push(text);
            }
            _ => return Err(invalid(format!("invalid request: role '{role}' is not valid"))),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(invalid("invalid request: missing tool results")) }
}

fn text(content: &Value, ask: &mut Ask) -> Result<String, Reply> {
    let mut texts = vec![text_of(content).to_owned()];
    for part in list(content) {
        match text_of(&part["type"]) {
            "text" => texts.push(text_of(&part["text"]).to_owned()),
            "document" => {
                let data = &part["document"]["data"];
                let text = data.as_str().map(str::to_owned);
                let only =
                    data.as_object().filter(|data| data.len() == 1).and_then(|data| data.values().next()?.as_str());
                texts.push(text.or_else(|| only.map(str::to_owned)).unwrap_or_else(|| data.to_string()));
            }
            "image_url" => {
                let url = text_of(&part["image_url"]["url"]);
                let image = data_url(url).or_else(|| url.starts_with("http").then(|| (0, "url".to_owned())));
                ask.image = Some(
                    image.ok_or_else(|| invalid("invalid request: image_url.url must be a data URL or a web URL"))?,
                );
            }
            "thinking" => {}
            kind => return Err(invalid(format!("invalid request: content type '{kind}' is not valid"))),
        }
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts.join("\n"))
}

fn usage(answer: &Answer) -> Value {
    let input = INPUT_UNCACHED + CACHE_READ + CACHE_WRITE;
    json!({
        "billed_units": { "input_tokens": input, "output_tokens": answer.output() },
        "tokens": { "input_tokens": input, "output_tokens": answer.output() }, "cached_tokens": CACHE_READ,
    })
}

fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Refusal => "COMPLETE",
        Finish::Calls => "TOOL_CALL",
        Finish::Length => "MAX_TOKENS",
    }
}

fn answer(ask: &Ask, body: &Value) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    if body["stream"] == true {
        return stream(&answer);
    }
    let mut message = json!({ "role": "assistant" });
    let thinking = answer.thinking.map(|text| json!({ "type": "thinking", "thinking": text }));
    let text = (!answer.text.is_empty()).then(|| json!({ "type": "text", "text": answer.text }));
    let content: Vec<Value> = thinking.into_iter().chain(text).collect();
    if !content.is_empty() {
        message["content"] = content.into();
    }
    if !answer.calls.is_empty() {
        message["tool_plan"] = json!("I will call a tool.");
        let call = |call: &super::script::Call| {
            let function = json!({ "name": call.name, "arguments": call.arguments.to_string() });
            json!({ "id": format!("call_fake{}", call.number), "type": "function", "function": function })
        };
        message["tool_calls"] = answer.calls.iter().map(call).collect();
    }
    let finish = finish_reason(answer.finish);
    answer.whole(&json!({ "id": ID, "finish_reason": finish, "message": message, "usage": usage(&answer) }), failed)
}

fn stream(answer: &Answer) -> Reply {
    let start = json!({ "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [] });
    let mut events = vec![json!({ "type": "message-start", "id": ID, "delta": { "message": start } })];
    let thinking = answer.thinking.map(|text| ("thinking", text.split_inclusive(' ').collect()));
    let text = (!answer.text.is_empty()).then(|| ("text", answer.words()));
    for (index, (kind, words)) in thinking.into_iter().chain(text).enumerate() {
        let content = json!({ "message": { "content": { "type": kind, kind: "" } } });
        events.push(json!({ "type": "content-start", "index": index, "delta": content }));
        for word in words {
            let content = json!({ "message": { "content": { kind: word } } });
            events.push(json!({ "type": "content-delta", "index": index, "delta": content }));
        }
        events.push(json!({ "type": "content-end", "index": index }));
    }
    if !answer.calls.is_empty() {
        for word in ["I", " will", " call", " a", " tool."] {
            events.push(json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": word } } }));
        }
    }
    for (index, call) in answer.calls.iter().enumerate() {
        let function = json!({ "name": call.name, "arguments": "" });
        let start = json!({ "id": format!("call_fake{}", call.number), "type": "function", "function": function });
        let delta = json!({ "message": { "tool_calls": start } });
        events.push(json!({ "type": "tool-call-start", "index": index, "delta": delta }));
        let pieces = fragments(&call.arguments);
        for piece in if pieces.is_empty() { vec!["{}".to_owned()] } else { pieces } {
            let delta = json!({ "message": { "tool_calls": { "function": { "arguments": piece } } } });
            events.push(json!({ "type": "tool-call-delta", "index": index, "delta": delta }));
        }
        events.push(json!({ "type": "tool-call-end", "index": index }));
    }
    let end = json!({ "finish_reason": finish_reason(answer.finish), "usage": usage(answer) });
    events.push(json!({ "type": "message-end", "delta": end }));
    let mut bytes: Vec<(bool, Bytes)> = events.iter().map(event).collect();
    bytes.push((false, Bytes::from_static(b"data: [DONE]\n\n")));
    let start = Reply::new(200).header("content-type", "text/event-stream");
    let error =
        json!({ "type": "message-end", "delta": { "finish_reason": "ERROR", "error": "internal server error" } });
    answer.stream(start, bytes, event(&error).1)
}

fn event(data: &Value) -> (bool, Bytes) {
    let kind = text_of(&data["type"]);
    (kind.ends_with("-delta"), format!("event: {kind}\ndata: {data}\n\n").into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{post, refused, said, wanted};
    use super::*;

    fn send(text: &str, more: Value) -> (u16, String) {
        let body = json!({ "model": "command-fake", "messages": [{ "role": "user", "content": text }] });
        post(fake_cohere(), "/v2/chat", &[("authorization", "Bearer k")], &wanted(body, more))
    }

    #[test]
    fn requests_are_judged() {
        assert_eq!(send("x", json!({ "top_p": 0.5 })).0, 422);
        refused(send("x", json!({ "tool_choice": "required" })), "REQUIRED or NONE");
        refused(send("x", json!({ "temperature": 1.5 })), "temperature");
        refused(send("x", json!({ "response_format": { "type": "json_schema" } })), "json_object");
        assert_eq!(said(send("say hello", json!({})))["message"]["content"][0]["text"], "Hello from FAKE.");
    }

    #[test]
    fn streams_have_their_order() {
        let tools = json!([{ "type": "function", "function": { "name": "get_time", "parameters": {} } }]);
        let (_, text) = send("call time", json!({ "stream": true, "tools": tools }));
        let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(kinds[6..], ["tool-call-start", "tool-call-delta", "tool-call-end", "message-end"]);
        assert!(text.ends_with("data: [DONE]\n\n"));
    }
}
