//! Whole answers in both directions.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_core::Usage;
use tollgate_core::ir::{
    Answer, Block, Choice, Finish, FinishReason, Origin, Prompt, Protocol, Signature, Text, Thinking, ToolCall,
    ToolKind,
};

use super::{decode, encode};
use crate::codec::{DecodeError, Echo, Plan};

fn echo() -> Echo {
    let prompt = Arc::new(Prompt::new(Protocol::OpenAiChat));
    Echo { prompt, model: "asked".to_owned(), now: 7, id: None }
}

fn read(body: &Value) -> Answer {
    decode(body.to_string().as_bytes(), &Plan::default()).unwrap()
}

fn written(answer: &Answer) -> Value {
    serde_json::from_slice(&encode(answer, &echo())).unwrap()
}

fn finish(message: &Value, word: &str) -> FinishReason {
    let body = json!({ "choices": [{ "index": 0, "message": message, "finish_reason": word }] });
    read(&body).choices[0].finish.reason
}

#[test]
fn an_answer_of_openais_own_words_is_unchanged() {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m",
        "choices": [
            { "index": 0, "message": {
                "role": "assistant", "content": "Hi", "refusal": null, "reasoning_content": "plan",
                "annotations": [{ "type": "url_citation", "url_citation": { "url": "u", "title": "t", "start_index": 0, "end_index": 2 } }],
                "tool_calls": [
                    { "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{\"a\": 1.50}" } },
                    { "id": "c2", "type": "custom", "custom": { "name": "g", "input": "free" } },
                ],
            }, "logprobs": { "content": [], "refusal": null }, "finish_reason": "tool_calls" },
            { "index": 1, "message": { "role": "assistant", "content": null, "refusal": "no" },
              "logprobs": null, "finish_reason": "content_filter" },
        ],
        "usage": { "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12,
            "prompt_tokens_details": { "cached_tokens": 2, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 3, "audio_tokens": 0 } },
        "service_tier": "default", "system_fingerprint": "fp",
    });
    assert_eq!(written(&read(&body)), body);
}

/// B32: what was said counts for more than the word for the end; B34: a limit counts for more than that.
#[test]
fn b32_b34_the_end_is_told_from_what_was_said() {
    let call = json!({ "tool_calls": [{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{\"a\": \"lon" } }] });
    let text = json!({ "content": "x" });
    for (message, word, expected) in [
        (&call, "stop", FinishReason::ToolCalls),
        (&call, "", FinishReason::ToolCalls),
        (&call, "function_call", FinishReason::ToolCalls),
        (&call, "length", FinishReason::Length),
        (&text, "tool_calls", FinishReason::Stop),
        (&text, "eos", FinishReason::Stop),
        (&text, "model_length", FinishReason::Length),
        (&text, "content_filter", FinishReason::ContentFilter),
    ] {
        assert_eq!(finish(message, word), expected, "{message} {word}");
    }
    let body = json!({ "choices": [{ "message": call, "finish_reason": "length" }] });
    let choice = &written(&read(&body))["choices"][0];
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], "{\"a\": \"lon");
    assert_eq!(choice["finish_reason"], "length");
}

/// B09, B10, B30, B31, B38: counts in OpenAI's terms.
#[test]
fn counts_in_openais_terms() {
    let usage = |usage: Usage| written(&Answer { usage: Some(usage), ..Answer::default() })["usage"].clone();
    let cached = Usage {
        input: Some(1210),
        output: Some(50),
        cache_read: Some(1000),
        cache_creation: Some(200),
        ..Usage::default()
    };
    assert_eq!(
        usage(cached),
        json!({ "prompt_tokens": 1210, "completion_tokens": 50, "total_tokens": 1260,
            "prompt_tokens_details": { "cached_tokens": 1000, "cache_write_tokens": 200 } })
    );
    for (given, expected) in [
        (
            json!({ "prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 303,
                "completion_tokens_details": { "reasoning_tokens": 290 } }),
            json!({ "prompt_tokens": 12, "completion_tokens": 291, "total_tokens": 303,
                "completion_tokens_details": { "reasoning_tokens": 290 } }),
        ),
        (
            json!({ "prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12 }),
            json!({ "prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12 }),
        ),
    ] {
        assert_eq!(written(&read(&json!({ "choices": [], "usage": given })))["usage"], expected);
    }
}

/// B06, B07, B08: signatures reach the client where it sends them back from.
#[test]
fn b06_b07_b08_signatures_reach_the_client_and_come_back() {
    let signature = |origin, value: &str| Some(Signature { origin, value: value.to_owned() });
    let call = |id: &str, signature| {
        let (id, name, arguments) = (id.to_owned(), "f".to_owned(), "{}".to_owned());
        Block::ToolCall(ToolCall { id, name, arguments, signature, ..ToolCall::default() })
    };
    let blocks = vec![
        Block::Thinking(Thinking {
            text: "plan".to_owned(),
            signature: signature(Origin::Anthropic, "SIG=="),
            ..Thinking::default()
        }),
        Block::Thinking(Thinking { signature: signature(Origin::Anthropic, "S2"), ..Thinking::default() }),
        Block::Thinking(Thinking {
            signature: signature(Origin::Anthropic, "D"),
            redacted: true,
            ..Thinking::default()
        }),
        Block::Text(Text { text: "ok".to_owned(), signature: signature(Origin::Google, "U0"), ..Text::default() }),
        call("fc1", signature(Origin::Google, "U0lH")),
        call("fc2", None),
    ];
    let choice = Choice { blocks: blocks.clone(), finish: Finish::new(FinishReason::ToolCalls), logprobs: None };
    let mut answer = written(&Answer { choices: vec![choice], ..Answer::default() });
    let message = answer["choices"][0]["message"].take();
    assert_eq!(message["reasoning_content"], "plan");
    assert_eq!(message["reasoning_details"][0]["signature"], "SIG==");
    assert_eq!(message["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "U0lH");
    assert_eq!(message["tool_calls"][1].get("extra_content"), None);
    let request = json!({ "model": "m", "messages": [message] });
    let prompt = crate::openai_chat::request::decode(request.to_string().as_bytes()).unwrap();
    assert_eq!(prompt.turns[0].blocks, blocks);
    assert_eq!(prompt.extras, []);
}

/// B18: ends that Chat Completions have no word for.
#[test]
fn b18_ends_without_a_twin() {
    let choice = |reason, native: Option<&str>| {
        let finish = Finish { native: native.map(str::to_owned), ..Finish::new(reason) };
        written(&Answer { choices: vec![Choice { finish, ..Choice::default() }], ..Answer::default() })["choices"][0]
            .clone()
    };
    assert_eq!(choice(FinishReason::Pause, None)["finish_reason"], "stop");
    assert_eq!(choice(FinishReason::Pause, None)["native_finish_reason"], "pause_turn");
    assert_eq!(choice(FinishReason::ContentFilter, Some("SAFETY"))["finish_reason"], "content_filter");
    let blocked = written(&Answer::default())["choices"][0].clone();
    assert_eq!((&blocked["finish_reason"], &blocked["message"]["content"]), (&json!("content_filter"), &Value::Null));
}

#[test]
fn answers_of_other_servers() {
    let answer = read(&json!({
        "id": "x", "provider": "p", "citations": ["https://a"], "p": "abc",
        "choices": [{ "index": 0, "finish_reason": "stop", "stop_reason": "END", "message": { "content": [
            { "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] }, { "type": "text", "text": "yes" },
        ] } }],
    }));
    assert!(matches!(&answer.blocks()[0], Block::Thinking(thinking) if thinking.text == "hm"));
    assert!(matches!(&answer.blocks()[1], Block::Text(text) if text.citations[0].url.as_deref() == Some("https://a")));
    assert_eq!(answer.choices[0].finish.stop_sequence.as_deref(), Some("END"));
    // Whether `json!` keeps the order of members depends on the features that the whole build has.
    let mut extras: Vec<_> = answer.extras.iter().map(|extra| &*extra.name).collect();
    extras.sort_unstable();
    assert_eq!(extras, ["citations", "provider"]);
    let plan = Plan { custom_tools: vec!["g".to_owned()], ..Plan::default() };
    let body = json!({ "choices": [{ "message": { "tool_calls": [
        { "id": "", "function": { "name": "g", "arguments": "{\"input\":\"a\\\"b\"}" } },
        { "function": { "name": "f", "arguments": { "a": 1 } } },
    ] } }] });
    let answer = decode(body.to_string().as_bytes(), &plan).unwrap();
    let calls: Vec<&ToolCall> = answer
        .blocks()
        .iter()
        .filter_map(|block| if let Block::ToolCall(call) = block { Some(call) } else { None })
        .collect();
    assert_eq!((&*calls[0].arguments, calls[0].kind), ("a\"b", ToolKind::Custom));
    assert_eq!((&*calls[1].arguments, calls[1].kind), ("{\"a\":1}", ToolKind::Function));
    assert!(!calls[0].id.is_empty() && calls[0].id != calls[1].id);
}

#[test]
fn errors_with_a_good_status() {
    for body in [
        json!({ "error": { "message": "m", "code": 502 }, "user_id": "u" }),
        json!({ "object": "error", "message": "m" }),
        json!({ "detail": "m" }),
        json!({ "choices": [{ "finish_reason": "error", "error": { "message": "m" } }] }),
    ] {
        let bytes = body.to_string();
        let error = decode(bytes.as_bytes(), &Plan::default()).unwrap_err();
        assert_eq!(error, DecodeError::Upstream(bytes.clone().into()), "{bytes}");
    }
    for body in ["", "[]", "{}", "nonsense", "{\"choices\":1}"] {
        assert!(matches!(decode(body.as_bytes(), &Plan::default()), Err(DecodeError::Invalid(_))), "{body}");
    }
}
