//! Requests in both directions.

use serde_json::{Value, json};
use tollgate_core::ir::{Block, Effort, Losses, Media, MediaKind, Prompt, Protocol, Role, Source, Thought, ToolChoice};

use super::{decode, encode};
use crate::codec::{Dialect, Encoded, Target};

fn prompt(body: &Value) -> Prompt {
    decode(body.to_string().as_bytes()).unwrap()
}

fn sent(prompt: &Prompt, model: &str, dialect: &Dialect) -> (Value, Vec<String>, Encoded) {
    let mut losses = Losses::default();
    let encoded = encode(prompt, &Target::new(Protocol::OpenAiChat, model, dialect), &mut losses).unwrap();
    let body = serde_json::from_slice(&encoded.body).unwrap();
    (body, losses.fields().map(str::to_owned).collect(), encoded)
}

fn messages(messages: &Value, dialect: &Dialect) -> (Value, Vec<String>) {
    let prompt = prompt(&json!({ "model": "m", "messages": messages }));
    let (mut body, losses, _) = sent(&prompt, "m", dialect);
    (body["messages"].take(), losses)
}

fn settings(settings: &Value, model: &str, dialect: &Dialect) -> (Value, Vec<String>) {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let (mut body, losses, _) = sent(&prompt(&body), model, dialect);
    let object = body.as_object_mut().unwrap();
    object.remove("model");
    object.remove("messages");
    (body, losses)
}

/// What OpenAI knows comes out as it went in.
#[test]
fn a_request_of_openais_own_words_is_unchanged() {
    let body = json!({
        "model": "gpt-4o",
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "system", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
            { "role": "user", "name": "ann", "content": [
                { "type": "text", "text": "look" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA", "detail": "low" } },
                { "type": "image_url", "image_url": { "url": "https://h/x.png" } },
                { "type": "input_audio", "input_audio": { "data": "AAAA", "format": "mp3" } },
                { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA" } },
                { "type": "file", "file": { "file_id": "file-1" } },
            ] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{\"a\": 1}" } },
                { "id": "c2", "type": "custom", "custom": { "name": "g", "input": "free" } },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": "1" },
            { "role": "tool", "tool_call_id": "c2", "content": "" },
            { "role": "assistant", "content": "done" },
            { "role": "assistant", "refusal": "no", "content": null },
            { "role": "user", "content": "" },
        ],
        "web_search_options": { "search_context_size": "low" },
        "tools": [
            { "type": "function", "function": { "name": "f", "parameters": { "type": "object", "x": 12345678901234567890_u64 }, "strict": true } },
            { "type": "function", "function": { "name": "h" } },
            { "type": "custom", "custom": { "name": "g", "description": "d", "format": { "type": "text" } } },
        ],
        "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "required", "tools": [
            { "type": "function", "function": { "name": "f" } }, { "type": "custom", "custom": { "name": "g" } },
        ] } },
        "parallel_tool_calls": false,
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": {}, "strict": true } },
        "reasoning_effort": "low",
        "max_completion_tokens": 5, "temperature": 0.5, "top_p": 0.25, "presence_penalty": 1, "frequency_penalty": -1,
        "n": 2, "top_logprobs": 3, "logprobs": true, "logit_bias": { "5": -100 }, "stop": ["a", "b"], "seed": -7,
        "user": "u", "service_tier": "flex", "verbosity": "low", "prompt_cache_key": "k", "metadata": { "a": "b" },
        "store": false, "stream": true, "stream_options": { "include_usage": true },
        "prediction": { "type": "content", "content": "x" }, "modalities": ["text"],
    });
    let (again, losses, encoded) = sent(&prompt(&body), "gpt-4o", &Dialect::OPENAI);
    assert_eq!(losses, [] as [&str; 0]);
    assert_eq!(again, body);
    assert!(encoded.body.starts_with(br#"{"model":"gpt-4o""#));
}

/// B17: the field for the limit on tokens.
#[test]
fn b17_the_limit_has_the_targets_name() {
    for given in ["max_completion_tokens", "max_tokens"] {
        for (model, dialect, name) in [
            ("gpt-4o", Dialect::OPENAI, "max_completion_tokens"),
            ("m", Dialect::GENERIC, "max_tokens"),
            ("mistral-small", Dialect::MISTRAL, "max_tokens"),
            ("gpt-5", Dialect::GENERIC, "max_completion_tokens"),
        ] {
            assert_eq!(settings(&json!({ given: 500 }), model, &dialect), (json!({ name: 500 }), vec![]), "{model}");
        }
    }
}

/// B26: ids in Mistral's form.
#[test]
fn b26_mistral_gets_ids_of_nine_letters() {
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let given = json!([
        { "role": "user", "content": "q" },
        { "role": "assistant", "tool_calls": [call("toolu_01AbCdEfGhIjKl"), call("call_7"), call("abcDEF123")] },
        { "role": "tool", "tool_call_id": "call_7", "content": "1" },
        { "role": "tool", "tool_call_id": "toolu_01AbCdEfGhIjKl", "content": "2" },
        { "role": "tool", "tool_call_id": "abcDEF123", "content": "3" },
    ]);
    let (sent, losses) = messages(&given, &Dialect::MISTRAL);
    let id = |at: usize| sent[1]["tool_calls"][at]["id"].as_str().unwrap();
    assert!((0..3).all(|at| id(at).len() == 9 && id(at).bytes().all(|byte| byte.is_ascii_alphanumeric())), "{sent}");
    assert_eq!((id(1), id(0)), (sent[2]["tool_call_id"].as_str().unwrap(), sent[3]["tool_call_id"].as_str().unwrap()));
    assert_eq!(id(2), "abcDEF123");
    assert_ne!(id(0), id(1));
    assert_eq!((messages(&given, &Dialect::MISTRAL).0, losses), (sent, vec![]));
}

/// B27: thoughts go back in the target's field.
#[test]
fn b27_thoughts_are_sent_back_where_they_are_wanted() {
    let call = json!([{ "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{}" } }]);
    let given = json!([
        { "role": "user", "content": "q" },
        { "role": "assistant", "reasoning": "old", "content": "a" },
        { "role": "user", "content": "q" },
        { "role": "assistant", "reasoning": "plan", "content": "", "tool_calls": call },
        { "role": "tool", "tool_call_id": "c1", "content": "1" },
    ]);
    let (sent, losses) = messages(&given, &Dialect::DEEPSEEK);
    assert_eq!(sent[1], json!({ "role": "assistant", "content": "a" }));
    assert_eq!(sent[3], json!({ "role": "assistant", "reasoning_content": "plan", "content": "", "tool_calls": call }));
    assert_eq!(losses, [] as [&str; 0]);
    let (sent, losses) = messages(&given, &Dialect::OPENAI);
    assert_eq!((&sent[3]["reasoning_content"], &sent[3]["reasoning"]), (&Value::Null, &Value::Null));
    assert_eq!(losses, ["thinking"]);
    let (sent, _) = messages(&given, &Dialect::OPENROUTER);
    assert_eq!(sent[3]["reasoning_details"], json!([{ "type": "reasoning.text", "text": "plan", "index": 0 }]));
    let (sent, _) = messages(&given, &Dialect::MISTRAL);
    assert_eq!(
        sent[1]["content"],
        json!([
            { "type": "thinking", "thinking": [{ "type": "text", "text": "old" }] }, { "type": "text", "text": "a" },
        ])
    );
}

#[test]
fn models_that_choose_by_themselves_are_not_told_how() {
    let given = json!({ "temperature": 0.2, "top_p": 1, "presence_penalty": 1, "logprobs": true, "logit_bias": {}, "stop": "x" });
    let (sent, losses) = settings(&given, "gpt-5", &Dialect::OPENAI);
    assert_eq!(sent, json!({ "stop": ["x"] }));
    assert_eq!(losses, ["temperature", "presence_penalty", "logprobs", "logit_bias"]);
}

#[test]
fn members_that_a_server_does_not_know_are_left_out_and_told() {
    let given = json!({
        "top_k": 5, "min_p": 0.1, "made_up": 1, "prediction": { "type": "content", "content": "x" }, "n": 2, "seed": 4,
        "logprobs": true, "store": true, "user": "u", "stop": "x", "safe_prompt": true, "parallel_tool_calls": true,
        "tools": [{ "type": "function", "function": { "name": "f" } }], "tool_choice": "required", "stream": true,
    });
    let (sent, losses) = settings(&given, "gpt-4o", &Dialect::OPENAI);
    assert_eq!(losses, ["min_p", "top_k", "made_up", "safe_prompt"]);
    assert_eq!((&sent["seed"], &sent["stream_options"]), (&json!(4), &json!({ "include_usage": true })));
    let (sent, losses) = settings(&given, "mistral-small", &Dialect::MISTRAL);
    assert_eq!(losses, ["min_p", "top_k", "logprobs", "user", "store", "made_up"]);
    assert_eq!(
        (&sent["random_seed"], &sent["tool_choice"], &sent["safe_prompt"]),
        (&json!(4), &json!("any"), &json!(true))
    );
    assert_eq!((&sent["stream"], sent.get("stream_options")), (&json!(true), None));
    let (sent, losses) = settings(&given, "m", &Dialect::GENERIC);
    assert_eq!(losses, ["store"]);
    assert_eq!((&sent["top_k"], &sent["made_up"]), (&json!(5), &json!(1)));
    let (sent, losses) = settings(&given, "sonar", &Dialect::PERPLEXITY);
    assert_eq!(losses, ["tools", "tool_choice", "n", "logprobs", "stop", "store"]);
    assert!(sent.get("tools").is_none() && sent.get("tool_choice").is_none());
}

#[test]
fn text_is_a_string_where_it_must_be() {
    let given = json!([
        { "role": "developer", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
        { "role": "user", "content": [{ "type": "text", "text": "c", "cache_control": { "type": "ephemeral", "ttl": "1h" } }] },
    ]);
    let (sent, losses) = messages(&given, &Dialect::DEEPSEEK);
    assert_eq!(sent, json!([{ "role": "system", "content": "a\nb" }, { "role": "user", "content": "c" }]));
    assert_eq!(losses, [] as [&str; 0]);
    assert_eq!(messages(&given, &Dialect::OPENROUTER).0, given);
}

#[test]
fn schemas_become_plain_json_where_they_are_not_known() {
    let given = json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": {} } } });
    let (sent, losses) = settings(&given, "deepseek-chat", &Dialect::DEEPSEEK);
    assert_eq!(
        (sent, losses),
        (json!({ "response_format": { "type": "json_object" } }), vec!["response_format".to_owned()])
    );
}

#[test]
fn pictures_of_tools_follow_as_the_users() {
    let mut prompt = prompt(&json!({ "messages": [
        { "role": "assistant", "tool_calls": [
            { "id": "a", "function": { "name": "f", "arguments": {} } }, { "id": "b", "function": { "name": "f" } },
        ] },
        { "role": "tool", "tool_call_id": "a", "content": [
            { "type": "text", "text": "seen" }, { "type": "image_url", "image_url": "https://h/x.png" },
        ] },
        { "role": "tool", "tool_call_id": "b", "content": "2" },
        { "role": "user", "content": "and?" },
    ] }));
    let (sent_body, losses, _) = sent(&prompt, "gpt-4o", &Dialect::OPENAI);
    let sent_messages = &sent_body["messages"];
    let roles: Vec<&str> = sent_messages.as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user", "user"]);
    assert_eq!(
        sent_messages[3]["content"][1],
        json!({ "type": "image_url", "image_url": { "url": "https://h/x.png" } })
    );
    assert_eq!(losses, ["tool_result.image"]);
    // Anthropic's results stand in the user's turn.
    let user = prompt.turns.pop().unwrap();
    let (second, first) = (prompt.turns.pop().unwrap(), prompt.turns.pop().unwrap());
    let blocks = first.blocks.into_iter().chain(second.blocks).chain(user.blocks).collect();
    prompt.turns.push(tollgate_core::ir::Turn::new(Role::User, blocks));
    assert_eq!(&sent(&prompt, "gpt-4o", &Dialect::OPENAI).0["messages"], sent_messages);
}

#[test]
fn functions_of_the_time_before_tools() {
    let prompt = prompt(&json!({
        "messages": [
            { "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } },
            { "role": "function", "name": "f", "content": "1" },
        ],
        "functions": [{ "name": "f", "parameters": { "type": "object" } }],
        "function_call": { "name": "f" },
    }));
    let (sent, _, _) = sent(&prompt, "gpt-4o", &Dialect::OPENAI);
    assert_eq!(sent["messages"][0]["tool_calls"][0]["id"], sent["messages"][1]["tool_call_id"]);
    assert_eq!(sent["tools"][0]["function"]["name"], "f");
    assert_eq!(sent["tool_choice"], json!({ "type": "function", "function": { "name": "f" } }));
    assert_eq!(prompt.tool_choice, Some(ToolChoice::One("f".to_owned())));
}

#[test]
fn tools_with_free_text_become_functions() {
    let given = json!({
        "messages": [
            { "role": "assistant", "tool_calls": [{ "id": "a", "type": "custom", "custom": { "name": "g", "input": "x\"y" } }] },
            { "role": "tool", "tool_call_id": "a", "content": "1" },
        ],
        "tools": [{ "type": "custom", "custom": { "name": "g" } }],
    });
    let (sent, losses, encoded) = sent(&prompt(&given), "m", &Dialect::GENERIC);
    let arguments = sent["messages"][0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({ "input": "x\"y" }));
    assert_eq!(sent["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
    assert_eq!((losses, encoded.plan.custom_tools), (vec!["tools.custom".to_owned()], vec!["g".to_owned()]));
}

#[test]
fn thinking_in_every_dialect() {
    let mut asked = Prompt::new(Protocol::AnthropicMessages);
    asked.turns.push(tollgate_core::ir::Turn::new(Role::User, vec![Block::text("q")]));
    asked.reasoning.thought = Some(Thought::Budget(20_000));
    for (model, dialect, expected, lost) in [
        ("gpt-5", Dialect::OPENAI, json!({ "reasoning_effort": "high" }), "reasoning.budget"),
        ("gpt-4o", Dialect::OPENAI, json!({}), "reasoning_effort"),
        ("anthropic/claude-sonnet-4.5", Dialect::OPENROUTER, json!({ "reasoning": { "max_tokens": 20000 } }), ""),
        (
            "deepseek-chat",
            Dialect::DEEPSEEK,
            json!({ "thinking": { "type": "enabled" }, "reasoning_effort": "high" }),
            "reasoning.budget",
        ),
    ] {
        let (mut body, losses, _) = sent(&asked, model, &dialect);
        body.as_object_mut().unwrap().retain(|name, _| name != "model" && name != "messages");
        assert_eq!(body, expected, "{model}");
        assert_eq!(losses.first().map_or("", |loss| loss), lost, "{model}");
    }
    for (given, effort, thought) in [
        (json!({ "reasoning_effort": "minimal" }), Some(Effort::Minimal), None),
        (json!({ "reasoning": { "effort": "high" } }), Some(Effort::High), None),
        (json!({ "reasoning": { "max_tokens": 7 } }), None, Some(Thought::Budget(7))),
        (json!({ "thinking": { "type": "disabled" } }), None, Some(Thought::Disabled)),
        (json!({ "thinking": { "type": "enabled", "budget_tokens": 2048 } }), None, Some(Thought::Budget(2048))),
        (json!({ "reasoning_effort": "default" }), None, None),
    ] {
        let mut body = json!({ "messages": [{ "role": "user", "content": "q" }] });
        body.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let prompt = prompt(&body);
        assert_eq!((prompt.reasoning.effort, prompt.reasoning.thought), (effort, thought), "{given}");
        assert_eq!(prompt.extra("reasoning_effort").is_some(), given == json!({ "reasoning_effort": "default" }));
    }
}

#[track_caller]
fn refused(body: &Value, param: Option<&str>) {
    let error = decode(body.to_string().as_bytes()).unwrap_err();
    assert_eq!((error.status().as_u16(), error.param()), (400, param), "{body}: {error}");
}

#[test]
fn wrong_types_are_named() {
    let user = json!([{ "role": "user", "content": "q" }]);
    for (name, value) in [
        ("temperature", json!("hot")),
        ("stop", json!([1])),
        ("n", json!(-1)),
        ("tools", json!({})),
        ("stream", json!("yes")),
        ("logit_bias", json!([])),
        ("tool_choice", json!("some")),
    ] {
        refused(&json!({ "messages": user, name: value }), Some(name));
    }
    refused(&json!({ "model": "m" }), Some("messages"));
    refused(&json!({ "messages": [] }), Some("messages"));
    refused(&json!({ "messages": [{ "role": "robot", "content": "" }] }), Some("messages[0].role"));
    refused(&json!({ "messages": [{ "role": "user", "content": 5 }] }), Some("messages[0].content"));
    refused(&json!({ "messages": [{ "role": "tool", "content": "" }] }), Some("messages[0].tool_call_id"));
    let part = json!({ "type": "text", "text": 5 });
    refused(&json!({ "messages": [{ "role": "user", "content": [part] }] }), Some("messages[0].content[0].text"));
    refused(&json!([]), None);
}

#[test]
fn what_cannot_be_said_at_all_is_an_error() {
    for (kind, source) in [
        (MediaKind::Video, Source::Base64("AA".to_owned())),
        (MediaKind::Image, Source::FileId("f".to_owned())),
        (MediaKind::Document, Source::Url("https://h/x.pdf".to_owned())),
    ] {
        let mut asked = Prompt::new(Protocol::GeminiGenerate);
        let media = Block::Media(Media::new(kind, source));
        asked.turns.push(tollgate_core::ir::Turn::new(Role::User, vec![media]));
        let target = Target::new(Protocol::OpenAiChat, "gpt-4o", &Dialect::OPENAI);
        let error = encode(&asked, &target, &mut Losses::default()).unwrap_err();
        assert_eq!((error.status().as_u16(), error.param()), (400, Some("messages")), "{kind:?}");
    }
}
