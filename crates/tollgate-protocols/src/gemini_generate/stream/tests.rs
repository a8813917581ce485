//! Answers, whole and streamed, in both directions.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_core::ir::{
    Answer, Block, Citation, Delta, Event, Finish, FinishReason, OpenBlock, Origin, Prompt, Protocol, Signature, Text,
    Thinking, ToolCall, ToolKind,
};

use super::{Decoder, Encoder};
use crate::codec::{Aggregator, DecodeError, DecodeStream as _, Echo, EncodeStream as _, Plan, replay};
use crate::gemini_generate::response;

fn events(chunks: &[Value]) -> Result<Vec<Event>, DecodeError> {
    let mut decoder = Decoder::new(&Plan::default());
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.event(chunk.to_string().as_bytes(), &mut out)?;
    }
    decoder.finish(&mut out)?;
    Ok(out)
}

fn gather(events: Vec<Event>) -> Answer {
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    aggregator.finish()
}

fn stream(chunks: &[Value]) -> Result<Answer, DecodeError> {
    events(chunks).map(gather)
}

/// The input of a recorded defect; `None` where the fixtures are not.
fn case(id: &str) -> Option<Value> {
    let path = format!("{}/fixtures/translation-cases/cases.json", std::env::var("TOLLGATE_SHARED").ok()?);
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all["cases"].as_array().unwrap().iter().find(|case| case["id"] == id).map(|case| case["input"].clone())
}

fn parts(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}}]})
}

fn finish(word: &str) -> Value {
    json!({"candidates": [{"finishReason": word}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}})
}

fn calls(answer: &Answer) -> Vec<&ToolCall> {
    let calls = answer.blocks().iter().filter_map(|block| match block {
        Block::ToolCall(call) => Some(call),
        _ => None,
    });
    calls.collect()
}

fn echo(include: Option<bool>) -> Echo {
    let mut prompt = Prompt::new(Protocol::GeminiGenerate);
    prompt.reasoning.include = include;
    Echo { prompt: Arc::new(prompt), model: "m".to_owned(), now: 0, id: None }
}

fn written(events: &[Event], include: Option<bool>) -> Vec<Value> {
    let mut encoder = Encoder::new(echo(include));
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    let text = String::from_utf8(out).unwrap();
    let chunks = text.split_terminator("\r\n\r\n").map(|chunk| chunk.strip_prefix("data: ").unwrap());
    chunks.map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

#[test]
fn b03_calls_are_apart() {
    let Some(input) = case("B03") else { return eprintln!("skipped") };
    let answer = stream(input.as_array().unwrap()).unwrap();
    let calls = calls(&answer);
    let said: Vec<_> = calls.iter().map(|call| (&*call.name, &*call.arguments)).collect();
    assert_eq!(said, [("a", r#"{"x":1}"#), ("a", r#"{"x":2}"#), ("b", "{}")]);
    let ids: std::collections::HashSet<_> = calls.iter().map(|call| &call.id).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| !id.is_empty()));
    assert_eq!(answer.choices[0].finish.reason, FinishReason::ToolCalls);
}

#[test]
fn b04_stop_after_a_call() {
    let Some(input) = case("B04") else { return eprintln!("skipped") };
    let events = events(input.as_array().unwrap()).unwrap();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Finish { .. })).count(), 1);
    assert!(!events.iter().any(|event| matches!(event, Event::Delta { delta: Delta::Text(_), .. })));
    let answer = gather(events);
    assert_eq!(answer.choices[0].finish, Finish::new(FinishReason::ToolCalls));
    let signature = |value: &str| Some(Signature { origin: Origin::Google, value: value.to_owned() });
    assert_eq!(calls(&answer)[0].signature, signature("U0lH"));
    assert!(
        matches!(&answer.blocks()[1], Block::Text(text) if text.text.is_empty() && text.signature == signature("U0lHMg=="))
    );
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.reasoning), (Some(5), Some(34), Some(30)));
}

#[test]
fn b05_length_and_one_finish() {
    let Some(input) = case("B05") else { return eprintln!("skipped") };
    let answer = stream(input.as_array().unwrap()).unwrap();
    assert_eq!(
        (answer.blocks()[0].as_text(), answer.choices[0].finish.reason),
        (Some("one two"), FinishReason::Length)
    );
    let stops =
        [json!({"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}), finish("MAX_TOKENS")];
    let events = events(&stops).unwrap();
    let finishes: Vec<_> = events.iter().filter(|event| matches!(event, Event::Finish { .. })).collect();
    assert!(matches!(finishes[..], [Event::Finish { finish: Finish { reason: FinishReason::Length, .. }, .. }]));
}

#[test]
fn b11_counts_replace() {
    let Some(input) = case("B11") else { return eprintln!("skipped") };
    let mut chunks = input["gemini"].as_array().unwrap().clone();
    chunks.push(json!({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}));
    let usage = stream(&chunks).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.output), (Some(100), Some(40)));
}

#[test]
fn b18_filtered_answers_are_not_finished_ones() {
    let answer = stream(&[parts(&json!([{"text": "a"}])), finish("SAFETY")]).unwrap();
    let filtered =
        |word: &str| Finish { reason: FinishReason::ContentFilter, native: Some(word.to_owned()), stop_sequence: None };
    assert_eq!(answer.choices[0].finish, filtered("SAFETY"));
    let blocked =
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}});
    let answer = response::decode(blocked.to_string().as_bytes(), &Plan::default()).unwrap();
    assert_eq!((answer.choices.len(), &answer.choices[0].finish), (1, &filtered("PROHIBITED_CONTENT")));
    assert_eq!(answer.usage.unwrap().input, Some(9));
    assert_eq!(stream(std::slice::from_ref(&blocked)).unwrap().choices, answer.choices);
    let back: Value = serde_json::from_slice(&response::encode(&answer, &echo(None))).unwrap();
    assert_eq!(back["promptFeedback"], blocked["promptFeedback"]);
    assert_eq!(back.get("candidates"), None);
}

#[test]
fn b30_thoughts_are_output() {
    let Some(usage) = case("B30") else { return eprintln!("skipped") };
    let body = json!({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}], "usageMetadata": usage});
    let answer = response::decode(body.to_string().as_bytes(), &Plan::default()).unwrap();
    let counts = answer.usage.unwrap();
    assert_eq!((counts.input, counts.output, counts.cache_read), (Some(105), Some(320), Some(60)));
    let back: Value = serde_json::from_slice(&response::encode(&answer, &echo(None))).unwrap();
    assert_eq!(back["usageMetadata"], usage);
}

#[test]
fn failures_of_the_model() {
    for word in ["MALFORMED_FUNCTION_CALL", "OTHER"] {
        assert!(matches!(stream(&[finish(word)]), Err(DecodeError::Upstream(_))), "{word}");
        let answer = stream(&[parts(&json!([{"text": "a"}])), finish(word)]).unwrap();
        let kept = Finish { native: Some(word.to_owned()), ..Finish::default() };
        assert_eq!(answer.choices[0].finish, kept);
    }
}

#[test]
fn errors_and_cuts() {
    let text = parts(&json!([{"text": "a"}]));
    let error = json!({"error": {"code": 503, "message": "m"}});
    for chunk in [error.clone(), json!([error])] {
        let Err(DecodeError::Upstream(body)) = stream(&[text.clone(), chunk]) else { panic!("no error") };
        assert_eq!(crate::failure::read(&body).status, Some(503));
    }
    assert!(matches!(stream(std::slice::from_ref(&text)), Err(DecodeError::Invalid(_))));
    assert!(matches!(stream(&[]), Err(DecodeError::Invalid(_))));
    assert!(matches!(stream(&[json!(1)]), Err(DecodeError::Invalid(_))));
    assert!(matches!(response::decode(b"{}", &Plan::default()), Err(DecodeError::Invalid(_))));
    assert!(matches!(response::decode(b"<html>", &Plan::default()), Err(DecodeError::Invalid(_))));
    let all = json!([text, finish("STOP")]);
    assert_eq!(response::decode(all.to_string().as_bytes(), &Plan::default()).unwrap().blocks(), [Block::text("a")]);
}

#[test]
fn arguments_in_pieces() {
    let piece = |call: Value| parts(&json!([{"functionCall": call}]));
    let chunks = [
        piece(json!({"name": "f", "id": "1", "willContinue": true})),
        piece(
            json!({"partialArgs": [{"jsonPath": "$.city", "stringValue": "Ber", "willContinue": true}], "willContinue": true}),
        ),
        piece(json!({"partialArgs": [{"jsonPath": "$.city", "stringValue": "lin"}], "willContinue": true})),
        piece(json!({})),
        finish("STOP"),
    ];
    let answer = stream(&chunks).unwrap();
    let call = calls(&answer)[0];
    assert_eq!((&*call.id, &*call.name, &*call.arguments), ("1", "f", r#"{"city":"Berlin"}"#));
}

#[test]
fn free_text_tools_and_prefixed_names() {
    let plan = Plan { custom_tools: vec!["c".to_owned()], ..Plan::default() };
    let body = json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "c", "args": {"input": "x y"}}},
        {"functionCall": {"name": "default_api:f", "args": {"a": " b"}}}]}, "finishReason": "STOP"}]});
    let answer = response::decode(&serde_json::to_vec_pretty(&body).unwrap(), &plan).unwrap();
    let calls = calls(&answer);
    assert_eq!((calls[0].kind, &*calls[0].arguments), (ToolKind::Custom, "x y"));
    assert_eq!((&*calls[1].name, &*calls[1].arguments), ("f", r#"{"a":" b"}"#));
}

#[test]
fn sources_are_citations() {
    let metadata = json!({"groundingChunks": [{"web": {"uri": "https://h", "title": "H"}}], "searchEntryPoint": {"renderedContent": "x"},
        "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 3, "text": "é."}, "groundingChunkIndices": [0]}]});
    let last = json!({"candidates": [{"finishReason": "STOP", "groundingMetadata": metadata}]});
    let answer = stream(&[parts(&json!([{"text": "é"}])), parts(&json!([{"text": ". x"}])), last]).unwrap();
    let Block::Text(text) = &answer.blocks()[0] else { panic!("no text") };
    assert_eq!((text.text.as_str(), text.citations.len()), ("é. x", 1));
    assert_eq!((text.citations[0].start, text.citations[0].end), (Some(0), Some(2)));
    let back: Value = serde_json::from_slice(&response::encode(&answer, &echo(None))).unwrap();
    assert_eq!(back["candidates"][0]["groundingMetadata"], metadata);
}

fn rich_answer() -> Answer {
    let signature = Some(Signature { origin: Origin::Anthropic, value: "s".to_owned() });
    let call = |id: &str| ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        ..ToolCall::default()
    };
    let blocks = vec![
        Block::Thinking(Thinking {
            text: "hm".to_owned(),
            signature: signature.clone(),
            summary: true,
            ..Thinking::default()
        }),
        Block::Thinking(Thinking { signature, redacted: true, ..Thinking::default() }),
        Block::Text(Text {
            text: "hé".to_owned(),
            citations: Vec::new(),
            signature: Some(Signature { origin: Origin::Google, value: "g".to_owned() }),
        }),
        Block::ToolCall(call("1")),
        Block::ToolCall(call("2")),
    ];
    let choice = tollgate_core::ir::Choice { blocks, finish: Finish::new(FinishReason::ToolCalls), logprobs: None };
    let usage = tollgate_core::Usage { input: Some(5), output: Some(7), reasoning: Some(3), ..Default::default() };
    Answer {
        id: Some("r".to_owned()),
        model: Some("g".to_owned()),
        choices: vec![choice],
        usage: Some(usage),
        ..Answer::default()
    }
}

/// What a client cannot see in this protocol, or sees in another form.
fn comparable(mut answer: Answer) -> Answer {
    answer.extras.clear();
    for block in answer.choices.iter_mut().flat_map(|choice| &mut choice.blocks) {
        match block {
            Block::Thinking(thinking) => thinking.summary = false,
            Block::Text(text) => text.citations.iter_mut().for_each(|citation| citation.native = None),
            _ => {}
        }
    }
    answer
}

#[test]
fn a_written_answer_is_read_back() {
    let answer = rich_answer();
    let whole = response::encode(&answer, &echo(Some(true)));
    assert_eq!(comparable(response::decode(&whole, &Plan::default()).unwrap()), comparable(answer.clone()));
    for include in [Some(true), None] {
        let chunks = written(&replay(answer.clone()), include);
        assert!(chunks.iter().all(|chunk| chunk["responseId"] == "r" && chunk["modelVersion"] == "g"));
        let finishes = chunks.iter().filter(|chunk| !chunk["candidates"][0]["finishReason"].is_null());
        assert_eq!(finishes.count(), 1);
        let last = chunks.last().unwrap();
        assert_eq!(
            last["usageMetadata"],
            json!({"promptTokenCount": 5, "candidatesTokenCount": 4, "thoughtsTokenCount": 3, "totalTokenCount": 12})
        );
        assert_eq!(comparable(stream(&chunks).unwrap()).choices, comparable(answer.clone()).choices, "{include:?}");
    }
}

#[test]
fn sources_of_others_are_grounding() {
    let citation = Citation { url: Some("https://h".to_owned()), start: Some(0), end: Some(2), ..Citation::default() };
    let text = Text { text: "héy".to_owned(), citations: vec![citation], ..Text::default() };
    let choice = tollgate_core::ir::Choice { blocks: vec![Block::Text(text)], ..Default::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let whole = response::encode(&answer, &echo(None));
    assert_eq!(comparable(response::decode(&whole, &Plan::default()).unwrap()).choices, answer.choices);
    assert_eq!(comparable(stream(&written(&replay(answer.clone()), None)).unwrap()).choices, answer.choices);
}

#[test]
fn calls_that_overlap_are_sent_whole() {
    let open = |index, id: &str| Event::Open {
        index,
        choice: 0,
        block: OpenBlock::ToolCall { id: id.to_owned(), name: "f".to_owned(), kind: ToolKind::Function },
    };
    let more = |index, text: &str| Event::Delta { index, delta: Delta::Arguments(text.to_owned()) };
    let events = [
        open(0, "1"),
        open(1, "2"),
        more(0, "{\"a\""),
        more(1, "{\"b\":"),
        more(0, ":1}"),
        Event::Close { index: 0 },
        // The second one is cut off.
        Event::Finish { choice: 0, finish: Finish::new(FinishReason::Length) },
        Event::End,
        Event::End,
    ];
    let chunks = written(&events, None);
    assert_eq!(chunks.len(), 3);
    let call = |at: usize| &chunks[at]["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!(
        (call(0), call(1)),
        (&json!({"id":"1","name":"f","args":{"a":1}}), &json!({"id":"2","name":"f","args":{}}))
    );
    assert_eq!(chunks[2]["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[test]
fn unasked_thoughts_stay_away() {
    let blocks = vec![Block::Thinking(Thinking { text: "hm".to_owned(), ..Thinking::default() }), Block::text("a")];
    let answer =
        Answer { choices: vec![tollgate_core::ir::Choice { blocks, ..Default::default() }], ..Answer::default() };
    assert!(!format!("{:?}", written(&replay(answer.clone()), None)).contains("hm"));
    assert!(format!("{:?}", written(&replay(answer), Some(true))).contains("hm"));
}

#[test]
fn as_an_array() {
    let mut encoder = Encoder::new(echo(Some(true))).with_array();
    let mut out = Vec::new();
    replay(rich_answer()).iter().for_each(|event| encoder.event(event, &mut out));
    let elements: Vec<Value> = serde_json::from_slice(&out).unwrap();
    assert_eq!(elements, written(&replay(rich_answer()), Some(true)));
}

proptest::proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let mut decoder = Decoder::new(&Plan::default());
        let mut out = Vec::new();
        let _ = decoder.event(&bytes, &mut out);
        let _ = decoder.finish(&mut out);
    }

    #[test]
    fn chunks_with_a_byte_changed(at in 0usize..260, byte in proptest::prelude::any::<u8>()) {
        let mut chunk = br#"{"candidates":[{"content":{"parts":[{"text":"x","thought":true},{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a[1]","stringValue":"x"}]}}]},"finishReason":"STOP","groundingMetadata":{"groundingChunks":[{"web":{}}],"groundingSupports":[{"segment":{"endIndex":9},"groundingChunkIndices":[0]}]}}]}"#.to_vec();
        if let Some(place) = chunk.get_mut(at) {
            *place = byte;
        }
        if let Ok(answer) = response::decode(&chunk, &Plan::default()) {
            let _ = written(&replay(answer), None);
        }
    }
}
