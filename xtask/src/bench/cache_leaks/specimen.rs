//! Requests as clients send them, of every operation whose answers are kept.

use fastrand::Rng;
use serde_json::{Map, Value, json};
use tollgate_core::Operation;

/// A request before it is written down.
#[derive(Clone, Debug)]
pub(super) struct Specimen {
    pub(super) operation: Operation,
    pub(super) body: Value,
    /// A member that stands twice in the object at a pointer; the one given here comes first.
    pub(super) twice: Option<(String, String, Value)>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The name of the client's key.
    pub(super) key: Option<String>,
    pub(super) provider: String,
    pub(super) model: String,
    /// Which of the caches it goes to: each shares answers among others.
    pub(super) scope: usize,
}

/// Operations whose answers are kept.
pub(super) const OPERATIONS: [Operation; 7] = [
    Operation::ChatCompletions,
    Operation::Completions,
    Operation::Responses,
    Operation::Messages,
    Operation::GenerateContent,
    Operation::OllamaChat,
    Operation::Embeddings,
];

/// Questions that mean the same in twos, and that nothing forbids to be answered semantically.
pub(super) const QUESTIONS: [[&str; 2]; 8] = [
    ["How do I reset a password?", "What is the way to reset a password?"],
    ["Why is the sky blue during the day?", "What makes the sky blue during the day?"],
    ["How does a refrigerator keep food cold?", "In what way does a refrigerator keep food cold?"],
    ["What does the word entropy mean?", "What is the meaning of the word entropy?"],
    ["How do bees find flowers?", "In which way do bees find flowers?"],
    ["Comment fonctionne une pompe à chaleur ?", "De quelle manière fonctionne une pompe à chaleur ?"],
    ["How much is 17% of 2400 dollars?", "What is 17% of 2400 dollars?"],
    ["Which river flows through Vienna?", "What is the river that flows through Vienna?"],
];
const SYSTEMS: [&str; 5] = [
    "Be brief.",
    "You help customers of a bank. Refunds take 14 days.",
    "You help customers of a bank. Refunds take 30 days.",
    "Answer in French.",
    "Rôle : traducteur.\n\nNever reveal the code word \"swordfish\".",
];
const SAYINGS: [&str; 5] =
    ["Hello", "Thanks, that helps.", "Cancel the subscription to Netflix", "{\"n\":1}", "null\u{1a}"];
const NAMES: [&str; 4] = ["get_weather", "search_orders", "stream", "model"];

impl Specimen {
    /// A request that nobody has sent before, most likely.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let operation = OPERATIONS[rng.usize(..OPERATIONS.len())];
        let mut body = match operation {
            // Of these some mean the same, whatever the protocol.
            _ if rng.u8(..8) == 0 => plain(operation, rng),
            Operation::Completions => completions(rng),
            Operation::Responses => responses(rng),
            Operation::Messages => messages(rng),
            Operation::GenerateContent => gemini(rng),
            Operation::OllamaChat => ollama(rng),
            Operation::Embeddings => embeddings(rng),
            _ => chat(rng),
        };
        if rng.u8(..) < 40 {
            body["x_unknown"] = anything(rng, 3);
        }
        let betas = ["tools-2024-05-16", "prompt-caching-2024-07-31"];
        let headers = match rng.u8(..4) {
            0 => vec![("anthropic-beta", betas[rng.usize(..2)].to_owned())],
            1 => vec![("openai-organization", "org-1".to_owned()), ("anthropic-version", "2024-10-22".to_owned())],
            _ => Vec::new(),
        };
        let key = (rng.u8(..8) > 0).then(|| {
            let (tenant, team) = (["acme", "globex"][rng.usize(..2)], ["search", "billing"][rng.usize(..2)]);
            format!("{tenant}/{team}/{}", ["alice", "bob"][rng.usize(..2)])
        });
        let (provider, model) = (["openai", "azure"][rng.usize(..2)], ["gpt-4o", "gpt-4o-mini"][rng.usize(..2)]);
        let scope = rng.usize(..4);
        Self { operation, body, twice: None, headers, key, provider: provider.into(), model: model.into(), scope }
    }
}

fn question(rng: &mut Rng) -> String {
    let text = QUESTIONS[rng.usize(..QUESTIONS.len())][0];
    // With a name of its own, so that few specimens are equal.
    if rng.bool() { text.to_owned() } else { format!("{text} Tell it for a {}.", word(rng)) }
}

fn word(rng: &mut Rng) -> String {
    (0..rng.usize(4..9)).map(|_| rng.lowercase()).collect()
}

fn one<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.usize(..of.len())]
}

/// One of few requests that can be said in most protocols without a difference.
fn plain(operation: Operation, rng: &mut Rng) -> Value {
    let (system, text) = (one(rng, &SYSTEMS[..2]), QUESTIONS[rng.usize(..3)][0]);
    let turns = json!([{ "role": "system", "content": system }, { "role": "user", "content": text }]);
    match operation {
        Operation::Completions => json!({ "model": "m", "prompt": text }),
        Operation::Embeddings => json!({ "model": "m", "input": text }),
        Operation::Responses => json!({ "model": "m", "max_output_tokens": 50, "input": turns }),
        Operation::Messages => {
            json!({ "model": "m", "max_tokens": 50, "system": system, "messages": [{ "role": "user", "content": text }] })
        }
        Operation::GenerateContent => json!({ "systemInstruction": { "parts": [{ "text": system }] },
            "contents": [{ "role": "user", "parts": [{ "text": text }] }], "generationConfig": { "maxOutputTokens": 50 } }),
        _ => json!({ "model": "m", "max_tokens": 50, "messages": turns }),
    }
}

/// Any JSON.
pub(super) fn anything(rng: &mut Rng, depth: u32) -> Value {
    match rng.u8(..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i32(-9..1000)),
        3 => json!(f64::from(rng.u8(..)) / 8.0 + 0.03),
        4 => json!(word(rng)),
        5 => (0..rng.usize(..3)).map(|_| anything(rng, depth - 1)).collect(),
        _ => Value::Object((0..rng.usize(..3)).map(|_| (word(rng), anything(rng, depth - 1))).collect()),
    }
}

fn maybe(rng: &mut Rng, into: &mut Value, name: &str, value: impl FnOnce(&mut Rng) -> Value) {
    if rng.u8(..3) == 0 {
        into[name] = value(rng);
    }
}

fn tool_schema(rng: &mut Rng) -> Value {
    json!({ "type": "object", "properties": { word(rng): { "type": "string", "enum": ["a", "b"] } }, "required": [] })
}

fn has_tools(rng: &mut Rng) -> bool {
    rng.u8(..4) == 0
}

fn chat(rng: &mut Rng) -> Value {
    let mut turns = Vec::new();
    for _ in 0..rng.usize(..3) {
        turns.push(json!({ "role": one(rng, &["system", "developer"]), "content": one(rng, &SYSTEMS) }));
    }
    let tools = has_tools(rng);
    for number in 0..rng.usize(..3) {
        turns.push(json!({ "role": "user", "content": one(rng, &SAYINGS) }));
        if tools {
            let arguments = json!({ "city": word(rng) }).to_string();
            let id = format!("call_{number}");
            let call = json!({ "id": id, "type": "function", "function": { "name": one(rng, &NAMES), "arguments": arguments } });
            turns.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
            turns.push(json!({ "role": "tool", "tool_call_id": id, "content": rng.i32(-9..30).to_string() }));
        }
        turns.push(json!({ "role": "assistant", "content": one(rng, &SAYINGS) }));
    }
    let text = question(rng);
    let content = match rng.u8(..3) {
        0 => json!([{ "type": "text", "text": text }]),
        1 => json!([{ "type": "text", "text": text },
            { "type": "image_url", "image_url": { "url": format!("https://example.com/{}.png", word(rng)) } }]),
        _ => json!(text),
    };
    turns.push(json!({ "role": "user", "content": content }));
    let mut body = json!({ "model": "m", "messages": turns });
    if tools {
        body["tools"] =
            json!([{ "type": "function", "function": { "name": one(rng, &NAMES), "parameters": tool_schema(rng) } }]);
        maybe(rng, &mut body, "tool_choice", |rng| json!(one(rng, &["auto", "none", "required"])));
        maybe(rng, &mut body, "parallel_tool_calls", |rng| json!(rng.bool()));
    }
    let parameters = ["seed", "max_tokens", "max_completion_tokens", "n", "top_logprobs"];
    for name in parameters {
        maybe(rng, &mut body, name, |rng| json!(rng.u32(1..5)));
    }
    for name in ["temperature", "top_p", "presence_penalty", "frequency_penalty"] {
        maybe(rng, &mut body, name, |rng| json!(f64::from(rng.u8(..4)) / 4.0));
    }
    maybe(rng, &mut body, "stop", |rng| json!([word(rng)]));
    maybe(rng, &mut body, "logit_bias", |rng| json!({ "50256": rng.i32(-100..100) }));
    maybe(rng, &mut body, "user", |rng| json!(word(rng)));
    maybe(rng, &mut body, "response_format", |_| json!({ "type": "json_object" }));
    maybe(rng, &mut body, "metadata", |rng| json!({ "trace": word(rng) }));
    maybe(rng, &mut body, "stream", |rng| json!(rng.bool()));
    body
}

fn completions(rng: &mut Rng) -> Value {
    let text = question(rng);
    let prompt = if rng.bool() { json!(text) } else { json!([text]) };
    let mut body = json!({ "model": "m", "prompt": prompt });
    for name in ["max_tokens", "n", "best_of", "seed", "logprobs"] {
        maybe(rng, &mut body, name, |rng| json!(rng.u32(1..5)));
    }
    maybe(rng, &mut body, "suffix", |rng| json!(word(rng)));
    maybe(rng, &mut body, "echo", |rng| json!(rng.bool()));
    maybe(rng, &mut body, "temperature", |rng| json!(f64::from(rng.u8(..4)) / 4.0));
    body
}

fn responses(rng: &mut Rng) -> Value {
    let mut items = Vec::new();
    for number in 0..rng.usize(..3) {
        items.push(json!({ "role": one(rng, &["user", "system", "developer"]), "content": one(rng, &SAYINGS) }));
        if rng.bool() {
            let (id, arguments) = (format!("call_{number}"), json!({ "city": word(rng) }).to_string());
            items.push(
                json!({ "type": "function_call", "call_id": id, "name": one(rng, &NAMES), "arguments": arguments }),
            );
            items.push(json!({ "type": "function_call_output", "call_id": id, "output": rng.i32(-9..30).to_string() }));
        }
    }
    let text = question(rng);
    let input = if items.is_empty() && rng.bool() {
        json!(text)
    } else {
        let content = if rng.bool() { json!(text) } else { json!([{ "type": "input_text", "text": text }]) };
        items.push(json!({ "type": "message", "role": "user", "content": content }));
        Value::Array(items)
    };
    let mut body = json!({ "model": "m", "input": input });
    maybe(rng, &mut body, "instructions", |rng| json!(one(rng, &SYSTEMS)));
    maybe(rng, &mut body, "reasoning", |rng| json!({ "effort": one(rng, &["low", "high"]) }));
    maybe(rng, &mut body, "text", |_| json!({ "format": { "type": "json_object" } }));
    maybe(rng, &mut body, "max_output_tokens", |rng| json!(rng.u32(16..20)));
    maybe(rng, &mut body, "temperature", |rng| json!(f64::from(rng.u8(..4)) / 4.0));
    maybe(rng, &mut body, "metadata", |rng| json!({ "trace": word(rng) }));
    maybe(rng, &mut body, "include", |_| json!(["reasoning.encrypted_content"]));
    if has_tools(rng) {
        body["tools"] = json!([{ "type": "function", "name": one(rng, &NAMES), "parameters": tool_schema(rng) }]);
    }
    body
}

fn messages(rng: &mut Rng) -> Value {
    let mut turns = Vec::new();
    let tools = has_tools(rng);
    for number in 0..rng.usize(..3) {
        turns.push(json!({ "role": "user", "content": one(rng, &SAYINGS) }));
        if tools {
            let id = format!("toolu_{number}");
            let call =
                json!({ "type": "tool_use", "id": id, "name": one(rng, &NAMES), "input": { "city": word(rng) } });
            turns.push(json!({ "role": "assistant", "content": [{ "type": "text", "text": "Let me see." }, call] }));
            let result = json!({ "type": "tool_result", "tool_use_id": id, "content": rng.i32(-9..30).to_string() });
            turns.push(json!({ "role": "user", "content": [result] }));
        }
        turns.push(json!({ "role": "assistant", "content": one(rng, &SAYINGS) }));
    }
    let text = question(rng);
    let content = match rng.u8(..3) {
        0 => json!(text),
        1 => json!([{ "type": "text", "text": text }]),
        _ => json!([{ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAAA" } },
            { "type": "text", "text": text, "cache_control": { "type": "ephemeral" } }]),
    };
    turns.push(json!({ "role": "user", "content": content }));
    let mut body = json!({ "model": "m", "max_tokens": rng.u32(50..60), "messages": turns });
    maybe(rng, &mut body, "system", |rng| match rng.bool() {
        true => json!(one(rng, &SYSTEMS)),
        false => json!([{ "type": "text", "text": one(rng, &SYSTEMS) }]),
    });
    maybe(rng, &mut body, "temperature", |rng| json!(f64::from(rng.u8(..4)) / 4.0));
    maybe(rng, &mut body, "top_k", |rng| json!(rng.u32(1..5)));
    maybe(rng, &mut body, "stop_sequences", |rng| json!([word(rng)]));
    maybe(rng, &mut body, "metadata", |rng| json!({ "user_id": word(rng) }));
    maybe(rng, &mut body, "thinking", |_| json!({ "type": "enabled", "budget_tokens": 1024 }));
    maybe(rng, &mut body, "stream", |rng| json!(rng.bool()));
    if tools {
        body["tools"] = json!([{ "name": one(rng, &NAMES), "input_schema": tool_schema(rng) }]);
    }
    body
}

fn gemini(rng: &mut Rng) -> Value {
    let mut turns = Vec::new();
    for _ in 0..rng.usize(..3) {
        turns.push(json!({ "role": "user", "parts": [{ "text": one(rng, &SAYINGS) }] }));
        turns.push(json!({ "role": "model", "parts": [{ "text": one(rng, &SAYINGS) }] }));
    }
    let mut parts = vec![json!({ "text": question(rng) })];
    if rng.u8(..4) == 0 {
        parts.push(json!({ "inlineData": { "mimeType": "image/png", "data": "AAAA" } }));
    }
    turns.push(json!({ "role": "user", "parts": parts }));
    let mut body = json!({ "contents": turns });
    maybe(rng, &mut body, "systemInstruction", |rng| json!({ "parts": [{ "text": one(rng, &SYSTEMS) }] }));
    let mut config = json!({ "maxOutputTokens": rng.u32(50..60) });
    for name in ["topK", "seed", "candidateCount"] {
        maybe(rng, &mut config, name, |rng| json!(rng.u32(1..5)));
    }
    maybe(rng, &mut config, "temperature", |rng| json!(f64::from(rng.u8(..4)) / 4.0));
    maybe(rng, &mut config, "responseMimeType", |_| json!("application/json"));
    body["generationConfig"] = config;
    maybe(
        rng,
        &mut body,
        "safetySettings",
        |_| json!([{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE" }]),
    );
    if has_tools(rng) {
        let declaration = json!({ "name": one(rng, &NAMES), "parameters": tool_schema(rng) });
        body["tools"] = json!([{ "functionDeclarations": [declaration] }]);
    }
    body
}

fn ollama(rng: &mut Rng) -> Value {
    let mut turns = Vec::new();
    if rng.bool() {
        turns.push(json!({ "role": "system", "content": one(rng, &SYSTEMS) }));
    }
    for _ in 0..rng.usize(..2) {
        turns.push(json!({ "role": "user", "content": one(rng, &SAYINGS) }));
        turns.push(json!({ "role": "assistant", "content": one(rng, &SAYINGS) }));
    }
    turns.push(json!({ "role": "user", "content": question(rng) }));
    let mut body = json!({ "model": "m", "messages": turns });
    maybe(
        rng,
        &mut body,
        "options",
        |rng| json!({ "temperature": 0.0, "num_ctx": rng.u32(1..5), "stop": [word(rng)] }),
    );
    maybe(rng, &mut body, "format", |_| json!("json"));
    maybe(rng, &mut body, "think", |rng| json!(rng.bool()));
    maybe(rng, &mut body, "keep_alive", |rng| json!(format!("{}m", rng.u8(..9))));
    maybe(rng, &mut body, "stream", |rng| json!(rng.bool()));
    body
}

fn embeddings(rng: &mut Rng) -> Value {
    let input = if rng.bool() { json!(question(rng)) } else { json!([question(rng), word(rng)]) };
    let mut body = Map::from_iter([("model".to_owned(), json!("m")), ("input".to_owned(), input)]);
    if rng.bool() {
        body.insert("dimensions".to_owned(), json!(rng.u32(1..2000)));
    }
    Value::Object(body)
}
