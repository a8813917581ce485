//! A provider that follows Ollama's specification.

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{
    Answer, Ask, CACHE_READ, CACHE_WRITE, Call, Fault, Finish, INPUT_UNCACHED, MISSING_MODEL, base64_length, list,
    sniff, text_of, unknown, vector,
};
use crate::{Received, Reply};

const CREATED: &str = "2025-01-01T00:00:00.000000Z";
const CHAT: &[&str] = &[
    "model",
    "messages",
    "tools",
    "format",
    "options",
    "stream",
    "keep_alive",
    "think",
    "logprobs",
    "top_logprobs",
    "truncate",
    "shift",
];

/// Answers as Ollama's API would: `/api/chat`, `/api/embed`, `/api/tags`, `/api/version`.
///
/// Ollama itself passes over fields that it does not know; here they are refused, since a translation has no reason to
/// send them.
pub fn fake_ollama() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    |request| match handle(request) {
        Ok(reply) | Err(reply) => reply,
    }
}

fn handle(request: &Received) -> Result<Reply, Reply> {
    let body = request.json();
    match request.path() {
        "/api/tags" => Ok(tags()),
        "/api/version" => Ok(Reply::json(r#"{"version":"0.33.0"}"#)),
        "/api/chat" => {
            let ask = check(&body)?;
            Ok(answer(&ask, &body))
        }
        "/api/embed" => embed(&body),
        _ => Err(Reply::new(404).header("content-type", "text/plain").bytes("404 page not found")),
    }
}

fn tags() -> Reply {
    let details = json!({
        "parent_model": "", "format": "gguf", "family": "fake", "families": ["fake"], "parameter_size": "1B",
        "quantization_level": "Q4_0",
    });
    let model = json!({
        "name": "fake:latest", "model": "fake:latest", "modified_at": CREATED, "size": 1, "digest": "00",
        "details": details,
    });
    Reply::json(json!({ "models": [model] }).to_string())
}

fn refuse(status: u16, message: impl AsRef<str>) -> Reply {
    Reply::json(json!({ "error": message.as_ref() }).to_string()).status(status)
}

fn failed(fault: Fault) -> Reply {
    match fault {
        Fault::RateLimit => refuse(429, "too many requests").header("retry-after", "1"),
        Fault::Internal => refuse(500, "model runner has unexpectedly stopped"),
        Fault::Overloaded => refuse(503, "server busy, please try again. maximum pending requests exceeded"),
    }
}

fn present(body: &Value, names: &[&str]) -> Result<(), Reply> {
    if let Some(name) = unknown(body, names) {
        return Err(refuse(400, format!("unknown field \"{name}\"")));
    }
    match body["model"].as_str() {
        None | Some("") => Err(refuse(400, "model is required")),
        Some(MISSING_MODEL) => Err(refuse(404, format!("model '{MISSING_MODEL}' not found"))),
        Some(_) => Ok(()),
    }
}

fn embed(body: &Value) -> Result<Reply, Reply> {
    present(body, &["model", "input", "truncate", "dimensions", "options", "keep_alive"])?;
    let inputs = body["input"].as_str().map_or_else(|| list(&body["input"]).to_vec(), |text| vec![json!(text)]);
    if inputs.is_empty() || inputs.iter().any(|input| !input.is_string()) {
        return Err(refuse(400, "invalid input type"));
    }
    let dimensions = body["dimensions"].as_u64().map_or(4, |number| usize::try_from(number).unwrap_or(4));
    let embeddings: Vec<Vec<f32>> = inputs.iter().map(|input| vector(text_of(input), dimensions)).collect();
    let times = json!({ "total_duration": 10, "load_duration": 1, "prompt_eval_count": 5 });
    let mut answer = json!({ "model": body["model"], "embeddings": embeddings });
    for (name, value) in times.as_object().into_iter().flatten() {
        answer[name.as_str()] = value.clone();
    }
    Ok(Reply::json(answer.to_string()))
}

fn check(body: &Value) -> Result<Ask, Reply> {
    present(body, CHAT)?;
    let think = &body["think"];
    if !(think.is_null() || think.is_boolean() || ["low", "medium", "high", "max"].contains(&text_of(think))) {
        return Err(refuse(
            400,
            format!("invalid think value: {think} (must be \"high\", \"medium\", \"low\", \"max\", true, or false)"),
        ));
    }
    let mut ask = Ask { thinking: !think.is_null() && *think != false, ..Ask::default() };
    let format = &body["format"];
    if !(format.is_null() || *format == "" || *format == "json" || format.is_object()) {
        return Err(refuse(400, "invalid format"));
    }
    ask.json = *format == "json" || format.is_object();
    for tool in list(&body["tools"]) {
        if tool["type"] != "function" || !tool["function"]["name"].is_string() {
            return Err(refuse(400, "invalid tool"));
        }
        ask.tools.push(text_of(&tool["function"]["name"]).to_owned());
    }
    for message in list(&body["messages"]) {
        read(message, &mut ask)?;
    }
    if let Some(options) = body["options"].as_object() {
        ask.params.clone_from(options);
    }
    if list(&body["options"]["stop"]).is_empty() && !body["options"]["stop"].is_null() {
        return Err(refuse(400, "option \"stop\" must be of type array"));
    }
    Ok(ask)
}

fn read(message: &Value, ask: &mut Ask) -> Result<(), Reply> {
    let fields = ["role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"];
    if let Some(name) = unknown(message, &fields) {
        return Err(refuse(400, format!("unknown field \"messages.{name}\"")));
    }
    let content = &message["content"];
    if !content.is_string() && !content.is_null() {
        let wrong = "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string";
        return Err(refuse(400, wrong));
    }
    for image in list(&message["images"]) {
        let bytes = base64_length(text_of(image));
        let bytes = bytes.ok_or_else(|| refuse(400, "illegal base64 data at input byte 4"))?;
        ask.image = Some((bytes, sniff(text_of(image)).to_owned()));
    }
    let text = text_of(content);
    match text_of(&message["role"]) {
        "system" => {
            ask.system = if ask.system.is_empty() { text.to_owned() } else { format!("{}\n{text}", ask.system) };
        }
        "user" => {
            text.clone_into(&mut ask.text);
            ask.results.clear();
        }
        "assistant" => {
            for call in list(&message["tool_calls"]) {
                if !call["function"]["arguments"].is_object() || !call["function"]["name"].is_string() {
                    let wrong = "json: cannot unmarshal string into Go struct field \
                                 ChatRequest.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments";
                    return Err(refuse(400, wrong));
                }
                ask.calls += 1;
            }
            ask.results.clear();
        }
        "tool" => ask.results.push(text.to_owned()),
        role => return Err(refuse(400, format!("invalid role: {role}"))),
    }
    Ok(())
}

fn line(body: &Value, message: &Value) -> Value {
    json!({ "model": body["model"], "created_at": CREATED, "message": message, "done": false })
}

fn done(body: &Value, message: &Value, answer: &Answer) -> Value {
    let reason = if answer.finish == Finish::Length { "length" } else { "stop" };
    json!({
        "model": body["model"], "created_at": CREATED, "message": message, "done": true, "done_reason": reason,
        "total_duration": 30, "load_duration": 1, "prompt_eval_count": INPUT_UNCACHED + CACHE_READ + CACHE_WRITE,
        "prompt_eval_duration": 10, "eval_count": answer.output(), "eval_duration": 19,
    })
}

fn call(call: &Call) -> Value {
    json!({
        "id": format!("call_fake{}", call.number), "function": { "name": call.name, "arguments": call.arguments },
    })
}

fn answer(ask: &Ask, body: &Value) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    let calls: Vec<Value> = answer.calls.iter().map(call).collect();
    if body["stream"] == false {
        let mut message = json!({ "role": "assistant", "content": answer.text });
        if let Some(thinking) = answer.thinking {
            message["thinking"] = json!(thinking);
        }
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        return answer.whole(&done(body, &message, &answer), failed);
    }
    let thoughts = answer.thinking.unwrap_or_default().split_inclusive(' ');
    let thoughts = thoughts.map(|word| json!({ "role": "assistant", "content": "", "thinking": word }));
    let words = answer.words().into_iter().map(|word| json!({ "role": "assistant", "content": word }));
    let calls = calls.into_iter().map(|call| json!({ "role": "assistant", "content": "", "tool_calls": [call] }));
    let bytes = |line: &Value| -> Bytes { format!("{line}\n").into() };
    let lines = thoughts.chain(words).chain(calls).map(|message| (true, bytes(&line(body, &message))));
    let last = done(body, &json!({ "role": "assistant", "content": "" }), &answer);
    let lines = lines.chain([(false, bytes(&last))]).collect();
    let start = Reply::new(200).header("content-type", "application/x-ndjson");
    let error = json!({ "error": "an error was encountered while running the model" });
    answer.stream(start, lines, bytes(&error))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{post, refused, said};
    use super::*;

    fn send(body: &Value) -> (u16, String) {
        post(fake_ollama(), "/api/chat", &[], body)
    }

    #[test]
    fn requests_are_judged() {
        let chat = |message: Value| json!({ "model": "m", "messages": [message], "stream": false });
        let call = json!({ "function": { "name": "f", "arguments": "{}" } });
        let cases = [
            (chat(json!({ "role": "user", "content": [{ "type": "text" }] })), "cannot unmarshal array"),
            (chat(json!({ "role": "user", "images": ["data:image/png;base64,aGk="] })), "illegal base64"),
            (chat(json!({ "role": "assistant", "tool_calls": [call] })), "cannot unmarshal string"),
            (json!({ "model": "m", "messages": [], "max_tokens": 1 }), "unknown field"),
        ];
        for (body, message) in cases {
            refused(send(&body), message);
        }
        assert_eq!(said(send(&chat(json!({ "role": "user", "content": "call time" }))))["done_reason"], "stop");
    }

    #[test]
    fn streams_are_lines() {
        let (_, text) = send(&json!({ "model": "m", "messages": [{ "role": "user", "content": "say hello" }] }));
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[3]["done"], &lines[3]["eval_count"]), (4, &json!(true), &json!(7)));
    }
}
