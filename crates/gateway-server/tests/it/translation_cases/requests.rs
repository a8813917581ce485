//! Requests as the provider gets them.

use serde_json::{Value, json};
use tollgate_testkit::Reply;

use super::{ask, case, chat};

/// What the provider is asked when a client says `body`.
async fn asked(kind: &str, path: &str, body: Value) -> Value {
    ask(kind, Reply::error(500, "x"), path, body).await.asked
}

fn with(members: &Value, model: &str) -> Value {
    let mut body = chat(false);
    body["model"] = json!(format!("up/{model}"));
    for (name, value) in members.as_object().expect("members") {
        body[name] = value.clone();
    }
    body
}

fn conversation(turns: &Value) -> Value {
    let mut turns = turns.clone();
    for call in turns.as_array_mut().expect("turns").iter_mut().flat_map(|turn| {
        turn.get_mut("tool_calls").and_then(Value::as_array_mut).map(std::mem::take).map_or_else(Vec::new, |calls| {
            let calls: Vec<Value> = calls
                .into_iter()
                .map(|call| {
                    json!({ "id": call["id"], "type": "function",
                    "function": { "name": call["function"]["name"].as_str().unwrap_or("f"), "arguments": "{}" } })
                })
                .collect();
            turn["tool_calls"] = json!(calls);
            Vec::<Value>::new()
        })
    }) {
        drop(call);
    }
    let mut messages = vec![json!({ "role": "user", "content": "go" })];
    messages.extend(turns.as_array().expect("turns").iter().cloned());
    let tool = json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } });
    json!({ "model": "up/m", "messages": messages, "tools": [tool] })
}

#[tokio::test]
async fn b06_a_signature_of_gemini_survives_a_chat() {
    let Some((input, expected)) = case("B06") else { return };
    let parts = &input["response_parts"];
    let reply = json!({ "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": "STOP" }],
        "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2 } });
    let upstream = tollgate_testkit::Upstream::always(Reply::json(reply.to_string()));
    let gateway = super::before("gemini", &upstream).await;
    let tools = json!([{ "type": "function", "function": { "name": "a" } }, { "type": "function", "function": { "name": "b" } }]);
    let first = with(&json!({ "tools": tools }), "gemini-3-pro");
    let answer = gateway.chat(first).send().await.json().await;
    let message = answer["choices"][0]["message"].clone();
    let mut stripped = message.clone();
    for call in stripped["tool_calls"].as_array_mut().expect("calls") {
        call.as_object_mut().expect("a call").retain(|name, _| ["id", "type", "function"].contains(&name.as_str()));
    }
    stripped
        .as_object_mut()
        .expect("a message")
        .retain(|name, _| ["role", "content", "tool_calls"].contains(&name.as_str()));
    // As received, and from a client that drops what it does not know.
    for message in [message, stripped] {
        let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "..." });
        let messages = json!([{ "role": "user", "content": "go" }, message, result("fc1"), result("fc2")]);
        gateway.chat(with(&json!({ "tools": tools, "messages": messages }), "gemini-3-pro")).send().await;
        let contents = upstream.requests().pop().expect("a request").json()["contents"].clone();
        assert_eq!(json!([contents[1], contents[2]]), expected["next_contents"]);
    }
}

#[tokio::test]
async fn b08_thinking_without_words_is_data() {
    let Some((input, expected)) = case("B08") else { return };
    let turns = json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": input },
        { "role": "user", "content": "b" }]);
    let body = json!({ "model": "up/claude-sonnet-4-5", "max_tokens": 2000, "messages": turns });
    let same = asked("anthropic", "/v1/messages", body).await;
    assert_eq!(same["messages"][1]["content"], expected);
    let content = json!({ "id": "m", "type": "message", "role": "assistant", "model": "c", "content": input,
        "stop_reason": "end_turn", "stop_sequence": null, "usage": { "input_tokens": 1, "output_tokens": 1 } });
    let told = ask("anthropic", Reply::json(content.to_string()), "/v1/responses", super::responses(false)).await;
    let output = told.json()["output"].clone();
    assert_eq!((&output[0]["type"], &output[1]["type"]), (&json!("reasoning"), &json!("message")));
    let input = json!([{ "role": "user", "content": "a" }, output[0], output[1], { "role": "user", "content": "b" }]);
    let body = json!({ "model": "up/claude-sonnet-4-5", "input": input, "reasoning": { "effort": "low" } });
    let asked = asked("anthropic", "/v1/responses", body).await;
    assert_eq!(asked["messages"][1]["content"], expected, "{asked}");
}

#[tokio::test]
async fn b17_the_limit_has_each_servers_name() {
    let Some((input, expected)) = case("B17") else { return };
    for (kind, model, expected, absent) in [
        ("openai", "gpt-4o", &expected["openai"], "max_tokens"),
        ("custom", "m", &expected["generic_openai_compatible"], "max_completion_tokens"),
        ("azure", "mistral-large", &expected["azure_mistral"], "max_completion_tokens"),
        ("openai", "gpt-5-codex", &expected["responses"], "max_completion_tokens"),
        ("anthropic", "claude-sonnet-4-5", &expected["anthropic"], "max_completion_tokens"),
        ("gemini", "gemini-2.5-flash", &expected["gemini"], "max_tokens"),
        ("ollama", "m", &expected["ollama"], "max_tokens"),
        ("bedrock", "amazon.nova-pro", &expected["bedrock"], "max_tokens"),
    ] {
        let asked = asked(kind, "/v1/chat/completions", with(&input, model)).await;
        for (name, value) in expected.as_object().expect("members") {
            match value.as_object() {
                Some(nested) => {
                    nested.iter().for_each(|(inner, value)| assert_eq!(&asked[name][inner], value, "{kind}"));
                }
                None => assert_eq!(&asked[name], value, "{kind}"),
            }
        }
        assert!(asked.get(absent).is_none(), "{kind} {asked}");
    }
    let reasoning = asked("openai", "/v1/chat/completions", with(&json!({ "max_tokens": 7 }), "o3-mini")).await;
    assert_eq!((&reasoning["max_completion_tokens"], reasoning.get("max_tokens")), (&json!(7), None));
    let unlimited = asked("anthropic", "/v1/chat/completions", chat(false)).await;
    assert!(unlimited["max_tokens"].as_u64() > Some(0), "never absent");
}

#[tokio::test]
async fn b19_thinking_beside_a_forced_tool() {
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let members = json!({ "reasoning_effort": "high", "tool_choice": "required", "tools": tools });
    let Some((_, expected)) = case("B19") else { return };
    let body = with(&members, "claude-opus-4-7");
    let adaptive = asked("anthropic", "/v1/chat/completions", body).await;
    for (name, value) in expected["option_a"].as_object().expect("members") {
        assert_eq!(&adaptive[name], value, "{adaptive}");
    }
    let told =
        ask("anthropic", Reply::error(500, "x"), "/v1/chat/completions", with(&members, "claude-sonnet-4-5")).await;
    assert_eq!(told.asked["tool_choice"], expected["option_b_budget_models"]["tool_choice"]);
    assert!(told.asked.get("thinking").is_none(), "{}", told.asked);
    assert!(told.dropped.is_some_and(|dropped| dropped.contains("reasoning_effort")));
    for effort in [json!("none"), Value::Null] {
        let body = with(&json!({ "reasoning_effort": effort }), "claude-sonnet-4-5");
        let asked = asked("anthropic", "/v1/chat/completions", body).await;
        assert_ne!(asked["thinking"]["type"], "enabled", "{asked}");
    }
}

#[tokio::test]
async fn b20_schemas_reach_gemini_as_they_are() {
    let Some((input, _)) = case("B20") else { return };
    let asked = asked("gemini", "/v1/chat/completions", with(&input, "gemini-2.5-flash")).await;
    let declared = &asked["tools"][0]["functionDeclarations"][0];
    assert_eq!(declared["parametersJsonSchema"], input["tools"][0]["function"]["parameters"]);
    assert!(declared.get("parameters").is_none());
}

#[tokio::test]
async fn b21_results_of_one_turn_share_one() {
    let Some((input, _)) = case("B21") else { return };
    let body = || conversation(&input);
    let anthropic = asked("anthropic", "/v1/chat/completions", body()).await["messages"].clone();
    assert_eq!(anthropic.as_array().map(Vec::len), Some(3), "{anthropic}");
    let kinds = |turn: &Value| {
        let blocks = turn["content"].as_array().expect("blocks").iter();
        blocks.map(|block| block["type"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&anthropic[1]), ["tool_use", "tool_use"]);
    assert_eq!(kinds(&anthropic[2]), ["tool_result", "tool_result", "text"]);
    assert_eq!(
        (&anthropic[2]["content"][0]["tool_use_id"], &anthropic[2]["content"][1]["tool_use_id"]),
        (&json!("c1"), &json!("c2"))
    );
    let bedrock = asked("bedrock", "/v1/chat/completions", body()).await["messages"].clone();
    let last = bedrock[2]["content"].as_array().expect("blocks");
    assert_eq!((last.len(), last[0]["toolResult"].is_object(), last[2]["text"].as_str()), (3, true, Some("go on")));
    let gemini = asked("gemini", "/v1/chat/completions", body()).await["contents"].clone();
    assert_eq!(gemini[2]["parts"].as_array().map(Vec::len), Some(3), "{gemini}");
}

#[tokio::test]
async fn b22_empty_texts_are_left_out() {
    let Some((input, expected)) = case("B22") else { return };
    let asked = asked("anthropic", "/v1/chat/completions", conversation(&input)).await;
    let turns = asked["messages"].as_array().expect("turns");
    assert_eq!(turns[1], expected[0]);
    let (result, expected) = (&turns[2]["content"][0], &expected[1]["content"][0]);
    assert_eq!((&result["type"], &result["tool_use_id"]), (&expected["type"], &expected["tool_use_id"]));
    assert!(result["content"].as_str().is_none_or(str::is_empty), "{result}");
}

#[tokio::test]
async fn b26_mistral_gets_ids_of_its_form() {
    let Some((input, _)) = case("B26") else { return };
    let ids: Vec<&str> = input["tool_call_ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    let calls: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } }))
        .collect();
    let mut messages = vec![
        json!({ "role": "user", "content": "go" }),
        json!({ "role": "assistant", "content": "", "tool_calls": calls }),
    ];
    messages.extend(ids.iter().map(|id| json!({ "role": "tool", "tool_call_id": id, "content": "1" })));
    let chat = json!({ "model": "up/m", "messages": messages });
    let uses: Vec<Value> =
        ids.iter().map(|id| json!({ "type": "tool_use", "id": id, "name": "f", "input": {} })).collect();
    let results: Vec<Value> =
        ids.iter().map(|id| json!({ "type": "tool_result", "tool_use_id": id, "content": "1" })).collect();
    let turns = json!([{ "role": "user", "content": "go" }, { "role": "assistant", "content": uses }, { "role": "user", "content": results }]);
    let anthropic = json!({ "model": "up/m", "max_tokens": 9, "messages": turns });
    for (path, body) in [("/v1/chat/completions", chat), ("/v1/messages", anthropic)] {
        let once = asked("mistral", path, body.clone()).await["messages"].clone();
        assert_eq!(once, asked("mistral", path, body).await["messages"], "the same each time");
        let called: Vec<&str> =
            once[1]["tool_calls"].as_array().expect("calls").iter().filter_map(|call| call["id"].as_str()).collect();
        assert!(
            called.iter().all(|id| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())),
            "{called:?}"
        );
        assert_ne!(called[0], called[1]);
        let answered: Vec<&str> = (2..4).filter_map(|at| once[at]["tool_call_id"].as_str()).collect();
        assert_eq!(called, answered, "{path}");
    }
}

#[tokio::test]
async fn b27_deepseek_gets_its_thoughts_back() {
    let Some((input, expected)) = case("B27") else { return };
    let chat = asked("deepseek", "/v1/chat/completions", conversation(&input)).await;
    assert_eq!(chat["messages"][1]["reasoning_content"], expected[0]["reasoning_content"], "{chat}");
    let turns = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [{ "type": "thinking", "thinking": "plan", "signature": "" },
            { "type": "tool_use", "id": "c1", "name": "f", "input": {} }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": "1" }] },
    ]);
    let body = json!({ "model": "up/m", "max_tokens": 9, "messages": turns });
    let messages = asked("deepseek", "/v1/messages", body).await;
    assert_eq!(messages["messages"][1]["reasoning_content"], expected[0]["reasoning_content"], "{messages}");
}

#[tokio::test]
async fn b36_controls_are_carried_or_reported() {
    let Some((input, expected)) = case("B36") else { return };
    let tools: Vec<Value> =
        ["a", "b"].iter().map(|name| json!({ "type": "function", "function": { "name": name } })).collect();
    let image = json!({ "type": "image_url", "image_url": { "url": input["image_url"] } });
    let members = json!({ "parallel_tool_calls": input["parallel_tool_calls"], "tool_choice": input["tool_choice"], "tools": tools });
    let anthropic = asked("anthropic", "/v1/chat/completions", with(&members, "claude-sonnet-4-5")).await;
    assert_eq!(anthropic["tool_choice"], expected["anthropic"]["tool_choice"]);
    assert_eq!((anthropic["tools"].as_array().map(Vec::len), &anthropic["tools"][0]["name"]), (Some(1), &json!("a")));
    let mut body = with(&members, "gemini-2.5-flash");
    body["messages"] = json!([{ "role": "user", "content": [{ "type": "text", "text": "see" }, image] }]);
    let told = ask("gemini", Reply::error(500, "x"), "/v1/chat/completions", body).await;
    assert_eq!(told.asked["toolConfig"], expected["gemini"]["toolConfig"]);
    assert_eq!(told.asked["contents"][0]["parts"][1], expected["gemini"]["part"]);
    assert!(
        told.dropped.is_some_and(|dropped| dropped.contains("parallel_tool_calls")),
        "what it cannot say is reported"
    );
}

#[tokio::test]
async fn b37_items_of_responses_keep_their_order() {
    let Some((input, _)) = case("B37") else { return };
    let body = json!({ "model": "up/gpt-5", "input": input, "store": false });
    assert_eq!(asked("openai", "/v1/responses", body).await["input"], input);
}
