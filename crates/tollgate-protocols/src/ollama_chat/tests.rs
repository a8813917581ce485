//! Both directions, and the path through the representation and back.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_core::Usage;
use tollgate_core::ir::{
    Answer, Block, Delta, Effort, Event, Finish, FinishReason, Format, Losses, Media, MediaKind, OpenBlock, Prompt,
    Protocol, Role, Source, Thinking, Thought, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn,
};

use super::{request, response, stream};
use crate::codec::{Aggregator, DecodeError, DecodeStream, Dialect, Echo, EncodeStream, Encoded, Plan, Target, replay};

fn encode(prompt: &Prompt) -> (Value, Encoded, Vec<String>) {
    let mut losses = Losses::default();
    let target = Target::new(Protocol::OllamaChat, "m", &Dialect::OPENAI);
    let encoded = request::encode(prompt, &target, &mut losses).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded, losses.fields().map(str::to_owned).collect())
}

#[test]
fn a_request_returns_as_it_came() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "q", "images": ["iVBORw0KGgoAAAA"]},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"a": 1, "big": 123_456_789_012_345_678_u64}}}]},
            {"role": "tool", "content": "r", "tool_name": "f", "tool_call_id": "c1"},
        ],
        "stream": false,
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "format": {"type": "object"},
        "think": "high",
        "options": {"num_predict": 5, "temperature": 0.5, "top_p": 1, "top_k": 4, "min_p": 0.1, "presence_penalty": 1,
            "frequency_penalty": 2, "repeat_penalty": 1.1, "seed": -3, "stop": ["x"], "num_ctx": 4096},
        "logprobs": true,
        "top_logprobs": 2,
        "keep_alive": "5m",
    });
    let prompt = request::decode(body.to_string().as_bytes()).unwrap();
    let (encoded, _, losses) = encode(&prompt);
    assert_eq!(encoded, body);
    assert_eq!(losses, [""; 0]);
    let Block::Media(media) = &prompt.turns[1].blocks[1] else { panic!() };
    assert_eq!(media.mime.as_deref(), Some("image/png"));
}

#[test]
fn defaults_and_what_is_refused() {
    let check = |rest: &str| request::decode(format!(r#"{{"model":"m","messages":[]{rest}}}"#).as_bytes());
    let prompt = check("").unwrap();
    assert!(prompt.stream && prompt.format.is_none());
    assert!(check(r#","format":"","think":null,"options":{"num_predict":-1}"#).unwrap().sampling.max_tokens.is_none());
    assert_eq!(check(r#","format":"json""#).unwrap().format, Some(Format::JsonObject));
    assert_eq!(check(r#","think":false"#).unwrap().reasoning.thought, Some(Thought::Disabled));
    for (rest, param) in [
        (r#","format":1"#, "format"),
        (r#","think":"lots""#, "think"),
        (r#","stream":"yes""#, "stream"),
        (r#","options":[]"#, "options"),
        (r#","options":{"top_k":-1}"#, "options.top_k"),
        (r#","tools":[{"type":"function"}]"#, "tools.function"),
    ] {
        assert_eq!(check(rest).unwrap_err().param(), Some(param), "{rest}");
    }
    for body in [
        "",
        "[]",
        "{}",
        r#"{"model":"m"}"#,
        r#"{"model":"m","messages":[{"role":"x"}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[]}]}"#,
    ] {
        assert!(request::decode(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn results_find_their_calls_without_ids() {
    let body = json!({"model": "m", "messages": [
        {"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": {}}}, {"function": {"name": "b", "arguments": {}}}]},
        {"role": "tool", "tool_name": "b", "content": "2"},
        {"role": "tool", "content": "1"},
    ]});
    let prompt = request::decode(body.to_string().as_bytes()).unwrap();
    let ids: Vec<_> = prompt
        .turns
        .iter()
        .flat_map(|turn| &turn.blocks)
        .map(|block| match block {
            Block::ToolCall(call) => (call.id.clone(), call.name.clone()),
            Block::ToolResult(result) => (result.id.clone(), result.name.clone().unwrap()),
            _ => panic!(),
        })
        .collect();
    assert_eq!(ids[2], ids[1]);
    assert_eq!(ids[3], ids[0]);
    assert_ne!(ids[0].0, ids[1].0);
    assert_eq!(request::decode(body.to_string().as_bytes()).unwrap(), prompt);
}

#[test]
fn b17_and_what_has_no_place() {
    let mut prompt =
        Prompt { turns: vec![Turn::new(Role::User, vec![Block::text("q")])], ..Prompt::new(Protocol::OpenAiChat) };
    prompt.sampling.max_tokens = Some(500);
    prompt.sampling.n = Some(2);
    prompt.reasoning.effort = Some(Effort::XHigh);
    prompt.tool_choice = Some(ToolChoice::One("b".to_owned()));
    let tool = |name: &str| Tool::Custom { name: name.to_owned(), description: None, format: None };
    prompt.tools = vec![tool("a"), tool("b")];
    let (body, encoded, losses) = encode(&prompt);
    assert_eq!(body["options"], json!({"num_predict": 500}));
    assert_eq!(body["think"], "max");
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(encoded.plan.custom_tools, ["b"]);
    assert_eq!(losses, ["tool_choice", "n", "reasoning_effort"]);
}

#[test]
fn results_in_a_users_turn_go_first_and_addresses_are_refused() {
    let result =
        ToolResult { id: "c".to_owned(), content: vec![Block::text("r")], is_error: true, ..ToolResult::default() };
    let call =
        ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: "{\"a".to_owned(), ..ToolCall::default() };
    let turns = vec![
        Turn::new(Role::Assistant, vec![Block::ToolCall(call)]),
        Turn::new(Role::User, vec![Block::text("a"), Block::ToolResult(result), Block::text("b")]),
    ];
    let mut prompt = Prompt { turns, ..Prompt::new(Protocol::AnthropicMessages) };
    let (body, _, losses) = encode(&prompt);
    assert_eq!(body["messages"][0]["tool_calls"][0]["function"]["arguments"], json!({}));
    assert_eq!(body["messages"][1], json!({"role": "tool", "content": "r", "tool_name": "f", "tool_call_id": "c"}));
    assert_eq!(body["messages"][2], json!({"role": "user", "content": "a\nb"}));
    assert_eq!(losses, ["tool_calls.arguments", "tool_result.is_error"]);
    let media = Media::new(MediaKind::Image, Source::Url("https://h/x.png".to_owned()));
    prompt.turns.push(Turn::new(Role::User, vec![Block::Media(media)]));
    let target = Target::new(Protocol::OllamaChat, "m", &Dialect::OPENAI);
    let error = request::encode(&prompt, &target, &mut Losses::default()).unwrap_err();
    assert_eq!(error.param(), Some("image.url"));
}

// === answers ===

fn echo() -> Echo {
    let prompt = Arc::new(Prompt::new(Protocol::OllamaChat));
    Echo { prompt, model: "m".to_owned(), now: 1_726_454_517, id: None }
}

fn decode_lines(lines: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut decoder = stream::Decoder::new(&Plan { custom_tools: vec!["c".to_owned()], ..Plan::default() });
    let mut out = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        decoder.event(line, &mut out)?;
    }
    decoder.finish(&mut out)?;
    Ok(out)
}

fn gathered(events: Vec<Event>) -> Answer {
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    aggregator.finish()
}

fn answer() -> Answer {
    let call = |name: &str, arguments: &str, kind| {
        Block::ToolCall(ToolCall {
            id: name.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            kind,
            ..ToolCall::default()
        })
    };
    let blocks = vec![
        Block::Thinking(Thinking { text: "hm".to_owned(), ..Thinking::default() }),
        Block::text("hi\n"),
        call("f", r#"{"x":1}"#, ToolKind::Function),
        call("c", "free", ToolKind::Custom),
    ];
    let choice = tollgate_core::ir::Choice {
        blocks,
        finish: Finish::new(FinishReason::ToolCalls),
        logprobs: Some(r#"{"content":[{"token":"hi"}]}"#.to_owned()),
    };
    Answer {
        model: Some("m2".to_owned()),
        created: Some(9),
        choices: vec![choice],
        usage: Some(Usage { input: Some(0), output: Some(7), ..Usage::default() }),
        ..Answer::default()
    }
}

#[test]
fn an_answer_returns_as_it_was() {
    let plan = Plan { custom_tools: vec!["c".to_owned()], ..Plan::default() };
    let whole = response::encode(&answer(), &echo());
    assert_eq!(response::decode(&whole, &plan).unwrap(), answer());
    let mut lines = Vec::new();
    let mut encoder = stream::Encoder::new(echo());
    replay(answer()).iter().for_each(|event| encoder.event(event, &mut lines));
    assert_eq!(gathered(decode_lines(&lines).unwrap()), answer());
    let last: Value =
        serde_json::from_slice(lines.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap()).unwrap();
    let expected = json!({"model": "m2", "created_at": "1970-01-01T00:00:09Z", "message": {"role": "assistant", "content": ""},
        "done": true, "done_reason": "stop", "prompt_eval_count": 0, "eval_count": 7});
    assert_eq!(last, expected);
}

#[test]
fn calls_that_overlap_and_further_answers() {
    let open = |index, choice| {
        let id = format!("c{index}");
        Event::Open { index, choice, block: OpenBlock::ToolCall { id, name: "f".to_owned(), kind: ToolKind::Function } }
    };
    let arguments = |index, text: &str| Event::Delta { index, delta: Delta::Arguments(text.to_owned()) };
    let events = [
        open(0, 0),
        open(1, 0),
        open(2, 1),
        arguments(0, "{\"a\""),
        arguments(1, "{}"),
        arguments(2, "{}"),
        Event::Close { index: 1 },
        arguments(0, ":1}"),
        Event::Close { index: 2 },
        Event::End,
        Event::End,
    ];
    let mut lines = Vec::new();
    let mut encoder = stream::Encoder::new(echo());
    events.iter().for_each(|event| encoder.event(event, &mut lines));
    let answer = gathered(decode_lines(&lines).unwrap());
    let calls: Vec<_> = answer
        .blocks()
        .iter()
        .map(|block| match block {
            Block::ToolCall(call) => (&*call.id, &*call.arguments),
            _ => panic!(),
        })
        .collect();
    assert_eq!(calls, [("c1", "{}"), ("c0", "{\"a\":1}")]);
    assert_eq!(answer.model.as_deref(), Some("m"));
}

#[test]
fn ends_that_are_none() {
    assert!(matches!(
        decode_lines(br#"{"model":"m","message":{"content":"a"},"done":false}"#),
        Err(DecodeError::Invalid(_))
    ));
    let lines = b"{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"error\":\"oops\"}\n";
    assert_eq!(decode_lines(lines), Err(DecodeError::Upstream(bytes::Bytes::from_static(b"{\"error\":\"oops\"}"))));
    let lines = b"{\"message\":{\"content\":\"a\"},\"done\":true,\"done_reason\":\"length\"}";
    assert_eq!(gathered(decode_lines(lines).unwrap()).choices[0].finish.reason, FinishReason::Length);
    assert!(matches!(response::decode(br#"{"error":"no"}"#, &Plan::default()), Err(DecodeError::Upstream(_))));
}

proptest! {
    #[test]
    fn anything_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "\\PC{0,20}") {
        let _ = request::decode(&bytes);
        let _ = response::decode(&bytes, &Plan::default());
        let _ = decode_lines(&bytes);
        let body = json!({"model": "m", "messages": [{"role": "user", "content": &text}]});
        let prompt = request::decode(body.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&encode(&prompt).0["messages"][0]["content"], &json!(text));
    }
}
