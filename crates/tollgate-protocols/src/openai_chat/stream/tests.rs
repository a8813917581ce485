//! Streams in both directions.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_core::ir::{
    Answer, Block, Delta, Event, Extra, Finish, FinishReason, OpenBlock, Origin, Prompt, Protocol, Signature, Thinking,
    ToolKind,
};

use super::{Decoder, Encoder};
use crate::codec::{Aggregator, DecodeError, DecodeStream, Dialect, Echo, EncodeStream, Plan, replay};

fn events(chunks: &[Value], done: bool) -> Result<Vec<Event>, DecodeError> {
    events_of(chunks, done, &Plan::default())
}

fn events_of(chunks: &[Value], done: bool, plan: &Plan) -> Result<Vec<Event>, DecodeError> {
    let mut decoder = Decoder::new(&Dialect::GENERIC, plan);
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.event(chunk.to_string().as_bytes(), &mut out)?;
    }
    if done {
        decoder.event(b"[DONE]", &mut out)?;
    }
    decoder.finish(&mut out)?;
    check_order(&out);
    Ok(out)
}

/// The order that [`Event`] promises.
fn check_order(events: &[Event]) {
    assert!(matches!(events.first(), Some(Event::Start { .. })), "{events:?}");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Start { .. })).count(), 1);
    assert_eq!(events.iter().position(|event| *event == Event::End), Some(events.len() - 1));
    let (mut open, mut next) = (Vec::new(), 0);
    for event in events {
        match event {
            Event::Open { index, .. } | Event::Whole { index, .. } => {
                assert_eq!(*index, next);
                next += 1;
                if matches!(event, Event::Open { .. }) {
                    open.push(*index);
                }
            }
            Event::Delta { index, delta } => {
                assert!(open.contains(index), "{events:?}");
                assert!(!matches!(delta, Delta::Text(text) | Delta::Arguments(text) if text.is_empty()));
            }
            Event::Close { index } => {
                let before = open.len();
                open.retain(|known| known != index);
                assert_eq!(open.len() + 1, before, "{events:?}");
            }
            Event::Finish { .. } => assert!(open.is_empty(), "{events:?}"),
            _ => {}
        }
    }
}

fn answer(events: Vec<Event>) -> Answer {
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    aggregator.finish()
}

fn chunk(delta: &Value) -> Value {
    json!({ "id": "1", "choices": [{ "index": 0, "delta": delta }] })
}

fn end(word: &str) -> Value {
    json!({ "id": "1", "choices": [{ "index": 0, "delta": {}, "finish_reason": word }] })
}

fn calls(deltas: &[Value]) -> Vec<(String, String)> {
    let mut chunks: Vec<Value> = deltas.iter().map(|delta| chunk(&json!({ "tool_calls": delta }))).collect();
    chunks.push(end("stop"));
    let answer = answer(events(&chunks, true).unwrap());
    assert_eq!(answer.choices[0].finish.reason, FinishReason::ToolCalls);
    let call = |block: &Block| match block {
        Block::ToolCall(call) => Some((call.name.clone(), call.arguments.clone())),
        _ => None,
    };
    answer.blocks().iter().filter_map(call).collect()
}

fn client(usage: bool) -> Encoder {
    let mut prompt = Prompt::new(Protocol::OpenAiChat);
    prompt.stream_usage = usage;
    Encoder::new(Echo { prompt: Arc::new(prompt), model: "asked".to_owned(), now: 7, id: None })
}

/// What a client reads: its chunks, and whether `[DONE]` stands at the end.
fn read(encoder: &mut Encoder, events: &[Event]) -> (Vec<Value>, bool) {
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    let text = String::from_utf8(out).unwrap();
    let mut lines: Vec<&str> = text.split_terminator("\n\n").map(|line| line.strip_prefix("data: ").unwrap()).collect();
    let done = lines.pop_if(|line| *line == "[DONE]").is_some();
    (lines.into_iter().map(|line| serde_json::from_str(line).unwrap()).collect(), done)
}

/// What a client makes of its chunks for the first choice: content, calls by index, and the reasons for the end.
fn gathered(chunks: &[Value]) -> (String, Vec<(String, String, String)>, Vec<String>) {
    let (mut content, mut calls, mut reasons) = (String::new(), Vec::new(), Vec::new());
    for choice in chunks.iter().filter_map(|chunk| chunk["choices"].get(0)) {
        content.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        for piece in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
            if let Some(id) = piece["id"].as_str() {
                assert_eq!((at, piece["type"].as_str()), (calls.len(), Some("function")));
                assert_eq!(piece["function"]["arguments"], "");
                calls.push((id.to_owned(), piece["function"]["name"].as_str().unwrap().to_owned(), String::new()));
            }
            calls[at].2.push_str(piece["function"]["arguments"].as_str().unwrap_or_default());
        }
        reasons.extend(choice["finish_reason"].as_str().map(str::to_owned));
    }
    (content, calls, reasons)
}

/// B12: the usage may come in any chunk, and goes to the client in the last one, if it wants it.
#[test]
fn b12_the_usage_comes_anywhere_and_leaves_last() {
    let usage = json!({ "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7 });
    let with = |mut chunk: Value| {
        chunk["usage"] = usage.clone();
        chunk
    };
    let null = |mut chunk: Value| {
        chunk["usage"] = Value::Null;
        chunk
    };
    let said = || chunk(&json!({ "role": "assistant", "content": "Hi" }));
    for chunks in [
        vec![said(), end("stop"), json!({ "id": "1", "choices": [], "usage": usage })],
        vec![said(), with(end("stop"))],
        vec![said(), end("stop"), with(end("stop"))],
        vec![null(said()), null(end("stop")), json!({ "id": "1", "choices": null, "usage": usage })],
    ] {
        let events = events(&chunks, true).unwrap();
        let (read_chunks, done) = read(&mut client(true), &events);
        let (last, others) = read_chunks.split_last().unwrap();
        assert_eq!((&last["choices"], &last["usage"], done), (&json!([]), &usage, true));
        assert!(others.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
        assert_eq!(gathered(&read_chunks), ("Hi".to_owned(), vec![], vec!["stop".to_owned()]));
        let (read_chunks, _) = read(&mut client(false), &events);
        assert!(read_chunks.iter().all(|chunk| chunk.get("usage").is_none() && chunk["choices"].get(0).is_some()));
    }
}

/// B13: Groq tells the usage three times.
#[test]
fn b13_groqs_usage_counts_once() {
    let usage = json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 });
    let mut last = end("stop");
    last["usage"] = usage.clone();
    last["x_groq"] = json!({ "id": "req", "usage": usage });
    let chunks = [chunk(&json!({ "content": "x" })), last, json!({ "choices": [], "usage": usage })];
    let answer = answer(events(&chunks, true).unwrap());
    assert_eq!(answer.usage.map(|usage| usage.total()), Some(10));
    let mut only = end("stop");
    only["x_groq"] = json!({ "usage": usage });
    let answer = self::answer(events(&[chunk(&json!({ "content": "x" })), only], true).unwrap());
    assert_eq!(answer.usage.map(|usage| usage.total()), Some(10));
}

/// B12, B31: usage in the choice, and a last chunk that counts nothing.
#[test]
fn usage_in_a_choice_counts_and_nothing_takes_it_back() {
    let mut last = end("stop");
    last["choices"][0]["usage"] = json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 });
    let nothing = json!({ "choices": [], "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 } });
    let answer = answer(events(&[chunk(&json!({ "content": "x" })), last, nothing], true).unwrap());
    assert_eq!(answer.usage.map(|usage| usage.total()), Some(10));
}

/// B23: Azure's chunks without choices and without deltas.
#[test]
fn b23_azures_chunks() {
    let chunks = [
        json!({ "id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [] }),
        json!({ "id": "chatcmpl-1", "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "Hi" } }] }),
        json!({ "id": "", "choices": [{ "index": 0, "finish_reason": null, "content_filter_offsets": {} }] }),
        json!({ "id": "chatcmpl-1", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
    ];
    let answer = answer(events(&chunks, true).unwrap());
    assert_eq!((answer.id.as_deref(), answer.blocks()), (Some("chatcmpl-1"), &[Block::text("Hi")][..]));
}

/// B33: thoughts in two fields are one.
#[test]
fn b33_thoughts_are_read_once() {
    let detail =
        |text: &str| json!([{ "type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0 }]);
    let signature =
        json!([{ "type": "reasoning.text", "signature": "S", "format": "anthropic-claude-v1", "index": 0 }]);
    let chunks = [
        chunk(&json!({ "role": "assistant", "content": "", "reasoning": "ab", "reasoning_details": detail("ab") })),
        chunk(&json!({ "content": "", "reasoning": "c", "reasoning_details": detail("c") })),
        chunk(&json!({ "content": "", "reasoning": null, "reasoning_details": signature })),
        chunk(&json!({ "content": "x" })),
        end("stop"),
    ];
    let signature = Some(Signature { origin: Origin::Anthropic, value: "S".to_owned() });
    let thinking = Thinking { text: "abc".to_owned(), signature, ..Thinking::default() };
    let answer = answer(events(&chunks, true).unwrap());
    assert_eq!(answer.blocks(), [Block::Thinking(thinking), Block::text("x")]);
}

#[test]
fn pieces_of_calls_in_every_servers_way() {
    let (f, g) = (("f".to_owned(), r#"{"a":1}"#.to_owned()), ("g".to_owned(), "{}".to_owned()));
    let head = |index: Value, id: Value, name: &str, arguments: &str| json!([{ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": arguments } }]);
    let more = |index: Value, id: Value, arguments: &str| json!([{ "index": index, "id": id, "function": { "arguments": arguments } }]);
    for (case, deltas) in [
        (
            "OpenAI's",
            vec![
                head(json!(0), json!("a"), "f", ""),
                more(json!(0), Value::Null, "{\"a\""),
                more(json!(0), Value::Null, ":1}"),
                head(json!(1), json!("b"), "g", ""),
                more(json!(1), Value::Null, "{}"),
            ],
        ),
        (
            "interleaved",
            vec![
                json!([
                    { "index": 0, "id": "a", "function": { "name": "f", "arguments": "" } },
                    { "index": 1, "id": "b", "function": { "name": "g", "arguments": "" } },
                ]),
                more(json!(1), Value::Null, "{"),
                more(json!(0), Value::Null, "{\"a\":"),
                more(json!(1), Value::Null, "}"),
                more(json!(0), Value::Null, "1}"),
            ],
        ),
        (
            "without numbers",
            vec![
                head(Value::Null, json!("a"), "f", "{\"a\""),
                more(Value::Null, Value::Null, ":1}"),
                head(Value::Null, json!("b"), "g", "{}"),
            ],
        ),
        (
            "a new id at the same number",
            vec![head(json!(0), json!("a"), "f", "{\"a\":1}"), head(json!(0), json!("b"), "g", "{}")],
        ),
        ("Gemini's empty ids", vec![head(json!(0), json!(""), "f", "{\"a\":1}"), head(json!(0), json!(""), "g", "{}")]),
        (
            "cumulative",
            vec![
                head(json!(0), json!("a"), "f", "{\"a\""),
                head(json!(0), json!("a"), "f", "{\"a\":1"),
                head(json!(0), json!("a"), "f", "{\"a\":1}"),
                head(json!(0), json!("a"), "f", "{\"a\":1}"),
                head(json!(1), json!("b"), "g", "{}"),
            ],
        ),
        (
            "objects",
            vec![json!([
                { "id": "a", "function": { "name": "f", "arguments": { "a": 1 } } },
                { "id": "b", "function": { "name": "g", "arguments": {} } },
            ])],
        ),
        (
            "the name late",
            vec![
                more(json!(0), json!("a"), "{\"a\""),
                head(json!(0), json!("a"), "f", ":1}"),
                head(json!(1), json!("b"), "g", "{}"),
            ],
        ),
    ] {
        assert_eq!(calls(&deltas), [f.clone(), g.clone()], "{case}");
    }
    let legacy = [
        chunk(&json!({ "function_call": { "name": "f", "arguments": "" } })),
        chunk(&json!({ "function_call": { "arguments": "{\"a\":1}" } })),
        end("function_call"),
    ];
    let answer = answer(events(&legacy, true).unwrap());
    assert!(matches!(answer.blocks(), [Block::ToolCall(call)] if call.arguments == "{\"a\":1}"));
    assert_eq!(answer.choices[0].finish.reason, FinishReason::ToolCalls);
}

/// Calls follow each other at once, so that a client with one block at a time need not wait (B16).
#[test]
fn b16_a_call_ends_when_the_next_begins() {
    let call = |index: u64, id: &str, arguments: &str| {
        chunk(
            &json!({ "tool_calls": [{ "index": index, "id": id, "function": { "name": "f", "arguments": arguments } }] }),
        )
    };
    let events = events(&[call(0, "a", "{}"), call(1, "b", "{}"), end("tool_calls")], true).unwrap();
    let at = |wanted: &Event| events.iter().position(|event| event == wanted).unwrap();
    let second = events.iter().position(|event| matches!(event, Event::Open { index: 1, .. })).unwrap();
    assert!(at(&Event::Close { index: 0 }) < second);
}

#[test]
fn ends_of_streams() {
    let said = || chunk(&json!({ "content": "x" }));
    // Perplexity has no [DONE].
    assert!(events(&[said(), end("stop")], false).is_ok());
    assert!(matches!(events(&[said()], false), Err(DecodeError::Invalid(_))));
    assert!(matches!(events(&[], false), Err(DecodeError::Invalid(_))));
    assert!(matches!(events(&[], true), Err(DecodeError::Invalid(_))));
    let reason = |word: &str| answer(events(&[said(), end(word)], true).unwrap()).choices.remove(0).finish;
    assert_eq!(reason("eos"), Finish { native: Some("eos".to_owned()), ..Finish::default() });
    assert_eq!(reason(""), Finish::default());
    assert_eq!(reason("length").reason, FinishReason::Length);
    // B15: an error in the stream.
    for error in [
        json!({ "error": { "type": "overloaded_error", "message": "Overloaded" } }),
        json!({ "choices": [{ "delta": { "content": "" }, "finish_reason": "error" }], "error": { "code": 502 } }),
        json!([{ "error": { "code": 400, "message": "m" } }]),
    ] {
        let expected = DecodeError::Upstream(error.to_string().into());
        assert_eq!(events(&[said(), error], true), Err(expected));
    }
}

#[test]
fn other_parts_of_answers() {
    let chunks = [
        chunk(&json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] }] })),
        chunk(&json!({ "content": [{ "type": "text", "text": "x" }] })),
        json!({ "id": "1", "choices": [{ "index": 1, "delta": { "refusal": "no" } }], "citations": ["https://a"] }),
        json!({ "id": "1", "choices": [{ "index": 1, "delta": {}, "finish_reason": "stop" }], "citations": ["https://a"] }),
        end("stop"),
    ];
    let events = events(&chunks, true).unwrap();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Extra(_))).count(), 1);
    let answer = answer(events);
    assert!(matches!(&answer.blocks()[1], Block::Text(text) if text.citations.len() == 1 && text.text == "x"));
    assert_eq!(answer.choices[1].blocks, [Block::Refusal("no".to_owned())]);
    let plan = Plan { custom_tools: vec!["g".to_owned()], ..Plan::default() };
    let call = |arguments: &str| json!({ "tool_calls": [{ "index": 0, "function": { "name": "g", "arguments": arguments } }] });
    let chunks = [chunk(&call("{\"inp")), chunk(&call("ut\":\"free\"}")), end("stop")];
    let answer = self::answer(events_of(&chunks, true, &plan).unwrap());
    assert!(
        matches!(answer.blocks(), [Block::ToolCall(call)] if call.arguments == "free" && call.kind == ToolKind::Custom)
    );
}

/// B01 to B05 as a client of Chat Completions sees them.
#[test]
fn b01_b02_b03_b04_calls_for_a_client() {
    let open = |index, id: &str| Event::Open {
        index,
        choice: 0,
        block: OpenBlock::ToolCall { id: id.to_owned(), name: "f".to_owned(), kind: ToolKind::Function },
    };
    let more = |index, text: &str| Event::Delta { index, delta: Delta::Arguments(text.to_owned()) };
    let events = [
        open(0, "a"),
        Event::Close { index: 0 },
        open(1, "b"),
        open(2, "c"),
        more(2, "{\"x\""),
        more(1, "{}"),
        more(2, ":1}"),
        Event::Close { index: 1 },
        Event::Close { index: 2 },
        Event::Finish { choice: 0, finish: Finish::default() },
        Event::End,
    ];
    let (chunks, done) = read(&mut client(false), &events);
    let (content, calls, reasons) = gathered(&chunks);
    let call = |id: &str, arguments: &str| (id.to_owned(), "f".to_owned(), arguments.to_owned());
    assert_eq!(calls, [call("a", "{}"), call("b", "{}"), call("c", "{\"x\":1}")]);
    assert_eq!((&*content, &reasons[..], done), ("", &["tool_calls".to_owned()][..], true));
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    let head = |chunk: &Value| (chunk["id"].clone(), chunk["created"].clone(), chunk["model"].clone());
    assert!(chunks.iter().all(|chunk| head(chunk) == head(&chunks[0])), "{chunks:?}");
    assert!(chunks.iter().rev().skip(1).all(|chunk| chunk["choices"][0]["finish_reason"].is_null()));
}

/// B06, B07: what a client gathers of a stream is what it sends back.
#[test]
fn what_a_client_reads_is_what_was_answered() {
    let whole = json!({
        "id": "1", "model": "m", "created": 5, "system_fingerprint": "fp",
        "choices": [
            { "index": 0, "finish_reason": "tool_calls", "message": {
                "reasoning_details": [
                    { "type": "reasoning.text", "text": "plan", "signature": "S", "format": "anthropic-claude-v1", "index": 0 },
                    { "type": "reasoning.encrypted", "data": "D", "format": "anthropic-claude-v1", "index": 1 },
                    { "type": "reasoning.summary", "summary": "sum", "index": 2, "id": "rs" },
                    { "type": "reasoning.encrypted", "data": "E", "format": "openai-responses-v1", "index": 2, "id": "rs" },
                ],
                "content": "Hi", "extra_content": { "google": { "thought_signature": "U" } },
                "annotations": [{ "type": "url_citation", "url_citation": { "url": "u", "start_index": 0, "end_index": 1, "title": "" } }],
                "images": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA" } }],
                "tool_calls": [{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" },
                    "extra_content": { "google": { "thought_signature": "T" } } }],
            }, "logprobs": { "content": [], "refusal": null } },
            { "index": 1, "finish_reason": "content_filter", "native_finish_reason": "SAFETY", "message": { "refusal": "no" } },
        ],
        "usage": { "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7 },
    });
    let given = crate::openai_chat::response::decode(whole.to_string().as_bytes(), &Plan::default()).unwrap();
    let (chunks, done) = read(&mut client(true), &replay(given.clone()));
    assert!(done);
    assert_eq!(answer(events(&chunks, true).unwrap()), given);
}

#[test]
fn a_blocked_prompt_still_has_an_end() {
    let (chunks, done) = read(&mut client(false), &replay(Answer::default()));
    assert_eq!((gathered(&chunks).2, done), (vec!["content_filter".to_owned()], true));
}

fn any_event() -> impl Strategy<Value = Event> {
    let (index, choice) = (0u32..4, 0u32..3);
    let text = "[a-z\"{}]{0,4}";
    prop_oneof![
        Just(Event::Start { id: None, model: None, created: None }),
        (index.clone(), choice.clone()).prop_map(|(index, choice)| Event::Open {
            index,
            choice,
            block: OpenBlock::Text
        }),
        (index.clone(), choice.clone()).prop_map(|(index, choice)| {
            let block = OpenBlock::ToolCall { id: "c".to_owned(), name: "f".to_owned(), kind: ToolKind::Function };
            Event::Open { index, choice, block }
        }),
        (index.clone(), text).prop_map(|(index, text)| Event::Delta { index, delta: Delta::Text(text) }),
        (index.clone(), text).prop_map(|(index, text)| Event::Delta { index, delta: Delta::Arguments(text) }),
        index.prop_map(|index| Event::Close { index }),
        choice.prop_map(|choice| Event::Finish { choice, finish: Finish::default() }),
        Just(Event::End),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_survived(lines in proptest::collection::vec("\\PC{0,40}", 0..8)) {
        let mut decoder = Decoder::new(&Dialect::GENERIC, &Plan::default());
        let mut out = Vec::new();
        for line in &lines {
            let _ = decoder.event(line.as_bytes(), &mut out);
        }
        let _ = decoder.finish(&mut out);
    }

    /// Pieces of calls in any order, with any index and id, give events in order.
    #[test]
    fn any_pieces_of_calls_are_put_in_order(
        pieces in proptest::collection::vec(
            (proptest::option::of(0u64..3), proptest::option::of("[ab]{0,1}"), proptest::option::of("[fg]{0,1}"), "[{}\"a:1]{0,3}"),
            0..12,
        ),
    ) {
        let mut chunks: Vec<Value> = pieces
            .into_iter()
            .map(|(index, id, name, arguments)| {
                let call = json!({ "index": index, "id": id, "function": { "name": name, "arguments": arguments } });
                chunk(&json!({ "content": "x", "tool_calls": [call] }))
            })
            .collect();
        chunks.push(end("stop"));
        prop_assert!(events(&chunks, true).is_ok());
    }

    #[test]
    fn any_events_are_written_as_chunks(events in proptest::collection::vec(any_event(), 0..20), usage in any::<bool>()) {
        let has_end = events.contains(&Event::End);
        let (chunks, done) = read(&mut client(usage), &events);
        prop_assert_eq!(done, has_end);
        let finished = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"].is_string());
        prop_assert!(finished.count() <= 3);
    }
}

#[test]
fn signatures_of_calls_are_in_chunks_that_clients_can_read() {
    let google = Delta::Signature(Signature { origin: Origin::Google, value: "T".to_owned() });
    let open = OpenBlock::ToolCall { id: "c".to_owned(), name: "f".to_owned(), kind: ToolKind::Function };
    let extra = json!({ "google": { "thought_signature": "T" } });
    for (model, expected) in [
        (
            "gemini-3-pro",
            json!([{ "index": 0, "id": "c", "type": "function", "function": { "name": "f", "arguments": "" }, "extra_content": extra }]),
        ),
        ("other", json!([{ "index": 0, "function": { "arguments": "" }, "extra_content": extra }])),
    ] {
        let mut encoder = Encoder::new(Echo {
            prompt: Arc::new(Prompt::new(Protocol::OpenAiChat)),
            model: model.to_owned(),
            now: 1,
            id: None,
        });
        let mut out = Vec::new();
        for event in [
            Event::Open { index: 0, choice: 0, block: open.clone() },
            Event::Delta { index: 0, delta: google.clone() },
            Event::Close { index: 0 },
            Event::End,
        ] {
            encoder.event(&event, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        let chunks: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
        let calls: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"]).collect();
        assert!(calls.contains(&&expected), "{text}");
        assert_eq!(calls.iter().filter(|calls| calls[0]["id"] == "c").count(), 1, "{text}");
        assert!(text.contains(r#""arguments":"{}""#), "{text}");
    }
}

#[test]
fn words_for_the_whole_answer_are_on_every_chunk() {
    let extra = |name: &str, json: &str| Event::Extra(Extra { name: name.to_owned(), json: json.to_owned() });
    let mut events = vec![
        Event::Start { id: Some(String::new()), model: None, created: None },
        extra("system_fingerprint", "\"fp\""),
        extra("service_tier", "\"on_demand\""),
        extra("service_tier", "\"flex\""),
        extra("other", "{}"),
    ];
    events.extend([
        Event::Whole { index: 0, choice: 0, block: Block::text("x") },
        extra("system_fingerprint", "\"fq\""),
        Event::Finish { choice: 0, finish: Finish::new(FinishReason::Stop) },
        Event::End,
    ]);
    let chunks = read(&mut client(false), &events).0;
    assert_eq!(chunks.len(), 3);
    for chunk in &chunks {
        assert_eq!((&chunk["system_fingerprint"], &chunk["service_tier"]), (&json!("fp"), &json!("flex")));
        assert!(chunk["id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")), "{chunk}");
    }
    assert_eq!(chunks.iter().filter(|chunk| chunk["other"].is_object()).count(), 1);
}

#[test]
fn calls_without_arguments_have_an_empty_object() {
    for said in [vec![], vec!["null"], vec![" "], vec!["{", "}"]] {
        let block = OpenBlock::ToolCall { id: "a".to_owned(), name: "f".to_owned(), kind: ToolKind::Function };
        let mut events = vec![Event::Open { index: 0, choice: 0, block }];
        events.extend(said.iter().map(|text| Event::Delta { index: 0, delta: Delta::Arguments((*text).to_owned()) }));
        events.extend([
            Event::Close { index: 0 },
            Event::Finish { choice: 0, finish: Finish::new(FinishReason::ToolCalls) },
            Event::End,
        ]);
        let arguments: String = read(&mut client(false), &events)
            .0
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
            .collect();
        assert_eq!(arguments, "{}", "{said:?}");
    }
}

#[test]
fn probabilities_have_the_members_that_clients_demand() {
    let delta = Delta::Logprobs(r#"{"content":[]}"#.to_owned());
    let events =
        [Event::Open { index: 0, choice: 0, block: OpenBlock::Text }, Event::Delta { index: 0, delta }, Event::End];
    let chunks = read(&mut client(false), &events).0;
    let logprobs: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"][0]["logprobs"]).collect();
    assert!(logprobs.contains(&&json!({ "content": [], "refusal": null })), "{logprobs:?}");
}
