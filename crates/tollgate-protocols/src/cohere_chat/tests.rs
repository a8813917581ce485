//! What goes out, and what comes in whole and in pieces.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_core::ir::{
    Answer, Block, Effort, Event, FinishReason, Format, Losses, Media, MediaKind, Prompt, Protocol, Role, Source,
    Thinking, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};

use super::{request, response, stream};
use crate::codec::{Aggregator, DecodeError, DecodeStream, Dialect, Plan, Target};

fn encode(prompt: &Prompt) -> (Value, Vec<String>) {
    let mut losses = Losses::default();
    let target = Target::new(Protocol::CohereChat, "command-a", &Dialect::OPENAI);
    let encoded = request::encode(prompt, &target, &mut losses).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), losses.fields().map(str::to_owned).collect())
}

fn prompt(turns: Vec<Turn>) -> Prompt {
    Prompt { turns, ..Prompt::new(Protocol::OpenAiChat) }
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Block::text(text)])
}

#[test]
fn a_conversation() {
    let call = ToolCall { id: "c1".to_owned(), name: "f".to_owned(), ..ToolCall::default() };
    let image =
        Media { mime: Some("image/png".to_owned()), ..Media::new(MediaKind::Image, Source::Base64("AAAA".to_owned())) };
    let document =
        Media { name: Some("t".to_owned()), ..Media::new(MediaKind::Document, Source::Text("words".to_owned())) };
    let result = |text: &str| {
        let content = vec![Block::text(text), Block::Media(image.clone())];
        Block::ToolResult(ToolResult { id: "c1".to_owned(), content, ..ToolResult::default() })
    };
    let thinking = Block::Thinking(Thinking { text: "plan".to_owned(), ..Thinking::default() });
    let (body, losses) = encode(&prompt(vec![
        Turn::new(Role::Developer, vec![Block::text("s")]),
        Turn::new(Role::User, vec![Block::text("q"), Block::Media(image.clone()), Block::Media(document)]),
        Turn::new(Role::Assistant, vec![thinking, Block::ToolCall(call)]),
        Turn::new(Role::Tool, vec![result(r#"{"t":1}"#), result("x")]),
        user("r"),
    ]));
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let expected = json!([
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "q"}, picture]},
        {"role": "assistant", "tool_plan": "plan",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"data": {"t": 1}}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "x"},
        {"role": "user", "content": [picture, picture]},
        {"role": "user", "content": "r"},
    ]);
    assert_eq!(body["messages"], expected);
    assert_eq!(body["documents"], json!([{"data": {"title": "t", "text": "words"}}]));
    assert_eq!(losses, ["document", "tool_result.image"]);
}

#[test]
fn settings() {
    let mut prompt = prompt(vec![user("q")]);
    let tool = |name: &str, strict| Tool::Function {
        name: name.to_owned(),
        description: None,
        parameters: None,
        strict,
        cache: None,
    };
    prompt.tools = vec![tool("a", Some(true)), tool("b", None)];
    prompt.tool_choice = Some(ToolChoice::One("a".to_owned()));
    prompt.format = Some(Format::JsonSchema { name: None, description: None, schema: "{}".to_owned(), strict: None });
    prompt.reasoning.effort = Some(Effort::Low);
    prompt.sampling.top_p = Some(1.0);
    prompt.sampling.top_k = Some(4);
    prompt.sampling.seed = Some(-1);
    prompt.sampling.max_tokens = Some(500);
    prompt.sampling.stop = ["1", "2", "3", "4", "5", "6"].map(str::to_owned).to_vec();
    prompt.parallel_tool_calls = Some(false);
    let (body, losses) = encode(&prompt);
    assert_eq!((&body["p"], &body["k"], &body["max_tokens"]), (&json!(0.99), &json!(4), &json!(500)));
    assert_eq!((&body["tool_choice"], &body["strict_tools"]), (&json!("REQUIRED"), &json!(true)));
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(body["response_format"], json!({"type": "json_object", "json_schema": {}}));
    assert_eq!(body["thinking"], json!({"type": "enabled", "token_budget": 2048}));
    assert_eq!(body["stop_sequences"].as_array().unwrap().len(), 5);
    assert_eq!(losses, ["parallel_tool_calls", "top_p", "seed", "stop"]);
    prompt.tool_choice = Some(ToolChoice::None);
    prompt.reasoning.effort = Some(Effort::None);
    let (body, losses) = encode(&prompt);
    assert_eq!((&body["tool_choice"], &body["thinking"]), (&json!("NONE"), &json!({"type": "disabled"})));
    assert!(losses.contains(&"tools.strict".to_owned()));
}

// === answers ===

fn streamed(lines: &[Value]) -> Result<Answer, DecodeError> {
    let mut decoder = stream::Decoder::new(&Plan::default());
    let mut out = Vec::new();
    for line in lines {
        decoder.event(line.to_string().as_bytes(), &mut out)?;
    }
    decoder.event(b"[DONE]", &mut out)?;
    decoder.finish(&mut out)?;
    assert_eq!(out.last(), Some(&Event::End));
    let mut aggregator = Aggregator::default();
    out.into_iter().for_each(|event| aggregator.event(event));
    Ok(aggregator.finish())
}

fn part(kind: &str, index: u64, message: &Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": message}})
}

fn end(reason: &str) -> Value {
    json!({"type": "message-end", "delta": {"finish_reason": reason,
        "usage": {"billed_units": {"input_tokens": 8}, "tokens": {"input_tokens": 1394, "output_tokens": 0}, "cached_tokens": 1344}}})
}

#[test]
fn whole_and_streamed_are_the_same() {
    let cited = json!({"start": 0, "end": 1, "text": "a", "sources": [{"type": "document", "document": {"title": "t", "text": "w"}}]});
    let call =
        |arguments: &str| json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let body = json!({"id": "i", "message": {"role": "assistant", "tool_plan": "plan",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}],
        "citations": [&cited], "tool_calls": [call("{\"x\":1}"), call("{}")]},
        "finish_reason": "TOOL_CALL", "usage": end("")["delta"]["usage"]});
    let whole = response::decode(body.to_string().as_bytes(), &Plan::default()).unwrap();
    let lines = [
        json!({"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant"}}}),
        part("tool-plan-delta", 0, &json!({"tool_plan": "pl"})),
        part("tool-plan-delta", 0, &json!({"tool_plan": "an"})),
        part("content-start", 0, &json!({"content": {"type": "thinking", "thinking": ""}})),
        part("content-delta", 0, &json!({"content": {"thinking": "hm"}})),
        json!({"type": "content-end", "index": 0}),
        part("content-start", 1, &json!({"content": {"type": "text", "text": ""}})),
        part("content-delta", 1, &json!({"content": {"text": "a"}})),
        json!({"type": "content-end", "index": 1}),
        part("citation-start", 0, &json!({"citations": cited})),
        json!({"type": "citation-end", "index": 0}),
        part("tool-call-start", 0, &json!({"tool_calls": call("")})),
        part("tool-call-delta", 0, &json!({"tool_calls": {"function": {"arguments": "{\"x\""}}})),
        part("tool-call-delta", 0, &json!({"tool_calls": {"function": {"arguments": ":1}"}}})),
        json!({"type": "tool-call-end", "index": 0}),
        part("tool-call-start", 1, &json!({"tool_calls": call("")})),
        json!({"type": "tool-call-end", "index": 1}),
        end("TOOL_CALL"),
    ];
    assert_eq!(streamed(&lines).unwrap(), whole);
    assert_eq!(whole.choices[0].finish.reason, FinishReason::ToolCalls);
    let usage = whole.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (Some(1394), Some(0), Some(1344)));
}

#[test]
fn ends() {
    let text = part("content-delta", 0, &json!({"content": {"text": "a"}}));
    for (word, reason, native) in [
        ("COMPLETE", FinishReason::Stop, None),
        ("STOP_SEQUENCE", FinishReason::StopSequence, None),
        ("MAX_TOKENS", FinishReason::Length, None),
        ("ERROR_TOXIC", FinishReason::ContentFilter, Some("ERROR_TOXIC")),
    ] {
        let finish = streamed(&[text.clone(), end(word)]).unwrap().choices.remove(0).finish;
        assert_eq!((finish.reason, finish.native.as_deref()), (reason, native), "{word}");
    }
    assert!(matches!(streamed(&[text.clone(), end("ERROR")]), Err(DecodeError::Upstream(_))));
    assert!(matches!(streamed(&[text.clone(), json!({"message": "oops"})]), Err(DecodeError::Upstream(_))));
    assert!(matches!(streamed(&[text]), Err(DecodeError::Invalid(_))));
}

proptest! {
    #[test]
    fn anything_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..64), kinds in prop::collection::vec(0usize..7, 0..12)) {
        let _ = response::decode(&bytes, &Plan::default());
        let mut decoder = stream::Decoder::new(&Plan::default());
        let mut out = Vec::new();
        let names = ["content-delta", "content-end", "tool-plan-delta", "tool-call-start", "tool-call-delta", "tool-call-end", "citation-start"];
        let message = json!({"content": {"text": "a", "thinking": "b"}, "tool_plan": "p",
            "tool_calls": {"function": {"arguments": "{"}}, "citations": {}});
        for kind in kinds {
            let _ = decoder.event(part(names[kind], 0, &message).to_string().as_bytes(), &mut out);
        }
        let _ = decoder.event(&bytes, &mut out);
        let _ = decoder.event(end("COMPLETE").to_string().as_bytes(), &mut out);
        let opens = out.iter().filter(|event| matches!(event, Event::Open { .. })).count();
        let closes = out.iter().filter(|event| matches!(event, Event::Close { .. })).count();
        prop_assert!(opens >= closes);
    }
}
