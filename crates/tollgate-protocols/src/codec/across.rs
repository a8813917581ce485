//! Requests from one protocol to another, by situation.

use serde_json::{Value, json};
use tollgate_core::ir::{Losses, Protocol};

use super::{Dialect, Target, decode_request, encode_request};

/// What a provider is sent, and what is reported.
#[track_caller]
fn sent(from: Protocol, body: &Value, to: Protocol, model: &str, dialect: &Dialect) -> (Value, Vec<String>) {
    let prompt = decode_request(from, body.to_string().as_bytes()).unwrap();
    let mut losses = Losses::default();
    let encoded = encode_request(&prompt, &Target::new(to, model, dialect), &mut losses).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), losses.fields().map(str::to_owned).collect())
}

fn messages(more: &Value) -> Value {
    let mut body = json!({ "model": "m", "max_tokens": 2000, "messages": [{ "role": "user", "content": "q" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn a_turn_of_nothing_but_hosted_items_is_left_out_of_chats() {
    let body = json!({ "model": "m", "input": [
        { "role": "user", "content": "a" },
        { "type": "local_shell_call", "id": "l", "call_id": "c", "action": { "type": "exec" } },
        { "type": "local_shell_call_output", "id": "l", "output": "x" },
        { "role": "user", "content": "b" },
    ] });
    let (body, losses) = sent(Protocol::OpenAiResponses, &body, Protocol::OpenAiChat, "gpt-4o", &Dialect::OPENAI);
    let contents: Vec<&Value> =
        body["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert!(contents.iter().all(|content| content.is_string() && *content != ""), "{body}");
    assert_eq!(losses, ["local_shell_call", "local_shell_call_output"]);
}

#[test]
fn b19_deepseek_does_not_think_where_a_tool_must_be_called() {
    let tools = json!([{ "name": "f", "input_schema": { "type": "object" } }]);
    let thinking = json!({ "type": "enabled", "budget_tokens": 1024 });
    let forced = messages(&json!({ "tools": tools, "tool_choice": { "type": "any" }, "thinking": thinking }));
    let deepseek = |body: &Value| {
        sent(Protocol::AnthropicMessages, body, Protocol::OpenAiChat, "deepseek-chat", &Dialect::DEEPSEEK)
    };
    let (body, losses) = deepseek(&forced);
    assert_eq!((&body["thinking"]["type"], &body["tool_choice"]), (&json!("disabled"), &json!("required")));
    assert!(body.get("reasoning_effort").is_none() && losses.contains(&"reasoning_effort".to_owned()), "{body}");
    let (body, _) = deepseek(&messages(&json!({ "tools": tools, "thinking": thinking })));
    assert_eq!((&body["thinking"]["type"], &body["reasoning_effort"]), (&json!("enabled"), &json!("low")));
}

#[test]
fn how_much_to_think_is_told_to_models_that_think() {
    let body = messages(&json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }));
    for (model, dialect, expected) in [
        ("llama-3.3-70b-versatile", Dialect::GROQ, Value::Null),
        ("openai/gpt-oss-120b", Dialect::GROQ, json!("low")),
        ("grok-4", Dialect::XAI, Value::Null),
        ("grok-3-mini", Dialect::XAI, json!("low")),
        ("gpt-oss-120b", Dialect::CEREBRAS, json!("low")),
        ("anything", Dialect::GENERIC, json!("low")),
    ] {
        let (body, losses) = sent(Protocol::AnthropicMessages, &body, Protocol::OpenAiChat, model, &dialect);
        assert_eq!(body["reasoning_effort"], expected, "{model}");
        assert_eq!(losses.contains(&"reasoning_effort".to_owned()), expected.is_null(), "{model}: {losses:?}");
    }
    for (model, thinks) in
        [("command-a-03-2025", false), ("command-r-plus", false), ("command-a-reasoning-08-2025", true)]
    {
        let (body, losses) = sent(Protocol::AnthropicMessages, &body, Protocol::CohereChat, model, &Dialect::OPENAI);
        assert_eq!((body.get("thinking").is_some(), losses.is_empty()), (thinks, thinks), "{model}: {losses:?}");
    }
}

#[test]
fn alternatives_of_tokens_are_asked_for_with_the_tokens() {
    for (asked, expected) in [(2, json!(true)), (0, Value::Null)] {
        let body = json!({ "model": "m", "input": "q", "top_logprobs": asked });
        let to = |protocol, model| sent(Protocol::OpenAiResponses, &body, protocol, model, &Dialect::OPENAI).0;
        let chat = to(Protocol::OpenAiChat, "gpt-4o");
        assert_eq!((&chat["logprobs"], chat.get("top_logprobs").is_some()), (&expected, asked > 0), "{chat}");
        let config = &to(Protocol::GeminiGenerate, "gemini-2.5-flash")["generationConfig"];
        assert_eq!((&config["responseLogprobs"], config.get("logprobs").is_some()), (&expected, asked > 0), "{config}");
    }
}

#[test]
fn a_schema_of_geminis_is_strict_for_openai_where_it_can_be() {
    let closed = json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
    for (member, schema, strict) in [
        ("responseJsonSchema", closed, json!(true)),
        ("responseSchema", json!({ "type": "OBJECT", "properties": { "a": { "type": "STRING" } } }), Value::Null),
    ] {
        let config = json!({ "responseMimeType": "application/json", (member): schema });
        let body = json!({ "contents": [{ "parts": [{ "text": "q" }] }], "generationConfig": config });
        let (body, _) = sent(Protocol::GeminiGenerate, &body, Protocol::OpenAiChat, "gpt-4o", &Dialect::OPENAI);
        assert_eq!(body["response_format"]["json_schema"]["strict"], strict, "{body}");
    }
}

#[test]
fn pictures_are_what_their_data_are() {
    let jpeg = "/9j/4AAQSkZJRg==";
    for said in ["image/png", "image/jpg", "application/octet-stream", ""] {
        let url = json!({ "url": format!("data:{said};base64,{jpeg}") });
        let content = json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": url }]);
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": content }] });
        let to = |protocol| sent(Protocol::OpenAiChat, &body, protocol, "m", &Dialect::OPENAI).0;
        let media_type = &to(Protocol::AnthropicMessages)["messages"][0]["content"][1]["source"]["media_type"];
        assert_eq!(media_type, "image/jpeg", "{said}");
        let part = &to(Protocol::GeminiGenerate)["contents"][0]["parts"][1];
        assert_eq!(part["inlineData"]["mimeType"], "image/jpeg", "{said}");
        let block = &to(Protocol::BedrockConverse)["messages"][0]["content"][1];
        assert_eq!(block["image"]["format"], "jpeg", "{said}");
    }
}

#[test]
fn claude_on_bedrock_goes_on_without_thoughts_that_it_did_not_have() {
    let result = json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c", "content": "1" }] });
    let call = json!({ "type": "tool_use", "id": "c", "name": "f", "input": {} });
    let thought = json!({ "type": "thinking", "thinking": "p", "signature": "S" });
    for (content, thinks) in [(json!([call]), false), (json!([thought, call]), true)] {
        let body = json!({ "model": "m", "max_tokens": 9000, "thinking": { "type": "enabled", "budget_tokens": 2000 },
            "tools": [{ "name": "f", "input_schema": { "type": "object" } }],
            "messages": [{ "role": "user", "content": "q" }, { "role": "assistant", "content": content }, result] });
        let model = "us.anthropic.claude-sonnet-4-5";
        let (body, losses) =
            sent(Protocol::AnthropicMessages, &body, Protocol::BedrockConverse, model, &Dialect::OPENAI);
        assert_eq!(body["additionalModelRequestFields"].get("thinking").is_some(), thinks, "{body}");
        assert_eq!(losses.contains(&"reasoning_effort".to_owned()), !thinks, "{losses:?}");
    }
}

#[test]
fn a_model_of_openais_that_thinks_is_told_no_temperature() {
    let body = |thinking: Value| messages(&json!({ "temperature": 0.2, "thinking": thinking }));
    for (model, thinking, is_sent) in [
        ("gpt-5.1", json!({ "type": "enabled", "budget_tokens": 1024 }), false),
        ("gpt-5.1", json!({ "type": "disabled" }), true),
        ("gpt-4o", json!({ "type": "disabled" }), true),
    ] {
        for protocol in [Protocol::OpenAiChat, Protocol::OpenAiResponses] {
            let body = body(thinking.clone());
            let (body, losses) = sent(Protocol::AnthropicMessages, &body, protocol, model, &Dialect::OPENAI);
            assert_eq!(body.get("temperature").is_some(), is_sent, "{model} {body}");
            assert_eq!(losses.contains(&"temperature".to_owned()), !is_sent, "{losses:?}");
        }
    }
}

#[test]
fn clients_of_googles_layer_say_how_much_to_think() {
    let chat = |google: &Value| {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "q" }], "extra_body": { "google": google } });
        sent(Protocol::OpenAiChat, &body, Protocol::GeminiGenerate, "gemini-2.5-flash", &Dialect::OPENAI)
    };
    let (body, losses) = chat(&json!({ "thinking_config": { "thinking_budget": 800, "include_thoughts": true } }));
    let expected = json!({ "thinkingBudget": 800, "includeThoughts": true });
    assert_eq!((&body["generationConfig"]["thinkingConfig"], losses.is_empty()), (&expected, true), "{losses:?}");
    assert_eq!(chat(&json!({ "cached_content": "cachedContents/1" })).1, ["extra_body"]);
}

#[test]
fn b37_summaries_of_openais_come_back_as_summaries() {
    let thought = json!({ "type": "thinking", "thinking": "plan", "signature": "tollgate:openai:ENC" });
    let call = json!({ "type": "tool_use", "id": "c", "name": "f", "input": {} });
    let result = json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c", "content": "1" }] });
    let body = json!({ "model": "m", "max_tokens": 99, "tools": [{ "name": "f", "input_schema": { "type": "object" } }],
        "messages": [{ "role": "user", "content": "q" }, { "role": "assistant", "content": [thought, call] }, result] });
    let to = Protocol::OpenAiResponses;
    let (body, _) = sent(Protocol::AnthropicMessages, &body, to, "gpt-5-codex", &Dialect::OPENAI);
    let summary = json!([{ "type": "summary_text", "text": "plan" }]);
    assert_eq!(body["input"][1], json!({ "type": "reasoning", "summary": summary, "encrypted_content": "ENC" }));
}

#[test]
fn b17_no_more_tokens_are_asked_for_than_a_model_of_openais_gives() {
    let body = |limit: u64| messages(&json!({ "max_tokens": limit }));
    for (model, limit, expected) in [("gpt-4o", 32_000, 16_384), ("gpt-4o", 500, 500), ("gpt-5", 32_000, 32_000)] {
        let to = |protocol| sent(Protocol::AnthropicMessages, &body(limit), protocol, model, &Dialect::OPENAI);
        let (chat, losses) = to(Protocol::OpenAiChat);
        assert_eq!(chat["max_completion_tokens"], expected, "{model}");
        assert_eq!(losses.contains(&"max_tokens".to_owned()), limit != expected, "{losses:?}");
        assert_eq!(to(Protocol::OpenAiResponses).0["max_output_tokens"], expected, "{model}");
    }
}

#[test]
fn what_openais_models_refuse_of_settings_is_not_sent() {
    let tools = json!([{ "name": "f", "input_schema": { "type": "object" } }]);
    let choice = json!({ "type": "auto", "disable_parallel_tool_use": true });
    let stops = json!(["1", "2", "3", "4", "5"]);
    let body = messages(&json!({ "stop_sequences": stops, "tools": tools, "tool_choice": choice }));
    let to =
        |model: &str, dialect: &Dialect| sent(Protocol::AnthropicMessages, &body, Protocol::OpenAiChat, model, dialect);
    let (gpt, losses) = to("gpt-4o", &Dialect::OPENAI);
    assert_eq!((&gpt["stop"], &gpt["parallel_tool_calls"]), (&json!(["1", "2", "3", "4"]), &json!(false)));
    assert_eq!(losses, ["stop"]);
    let (o3, losses) = to("o3", &Dialect::OPENAI);
    assert!(o3.get("stop").is_none() && o3.get("parallel_tool_calls").is_none(), "{o3}");
    assert_eq!(losses, ["parallel_tool_calls", "stop"]);
    assert!(to("grok-4", &Dialect::XAI).0.get("stop").is_none());
    assert_eq!(to("llama", &Dialect::GENERIC).0["stop"], stops);

    for (store, is_sent) in [(Value::Null, false), (json!(true), true)] {
        let body = json!({ "model": "m", "input": "q", "metadata": { "a": "b" }, "store": store });
        let (chat, _) = sent(Protocol::OpenAiResponses, &body, Protocol::OpenAiChat, "gpt-4o", &Dialect::OPENAI);
        assert_eq!(chat.get("metadata").is_some(), is_sent, "{chat}");
    }
}

#[test]
fn base64_goes_out_in_one_line_and_one_alphabet() {
    let url = json!({ "url": "data:image/png;base64,iVBORw0KGgo\nAA-_\r\n" });
    let content = json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": url }]);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": content }] });
    let (body, _) = sent(Protocol::OpenAiChat, &body, Protocol::AnthropicMessages, "m", &Dialect::OPENAI);
    assert_eq!(body["messages"][0]["content"][1]["source"]["data"], "iVBORw0KGgoAA+/=");
}
