//! Tests of requests in one form and of answers both ways.

use serde_json::{Value, json};
use tollgate_core::ir::{Block, Choice, Finish, FinishReason};
use tollgate_core::{Context, Usage};

use super::*;
use crate::openai::{HeadLimits, read_head};

fn request(operation: Operation, body: &Value) -> Request {
    let body = body.to_string();
    let mut head = read_head(body.as_bytes(), HeadLimits::default()).unwrap();
    if operation == Operation::GenerateContent {
        head.stream = false;
    }
    Request::new(operation, head, body.into(), Context::builder("r").build())
}

fn canonical(operation: Operation, body: &Value) -> Canonical {
    Doors.canonical(&request(operation, body)).unwrap_or_else(|| panic!("{operation}: {body}"))
}

/// The same question in each protocol.
fn questions() -> Vec<(Operation, Value)> {
    vec![
        (
            Operation::ChatCompletions,
            json!({ "model": "a", "max_tokens": 50, "temperature": 0, "messages": [
                { "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hi" }] }),
        ),
        (
            Operation::Messages,
            json!({ "model": "b", "max_tokens": 50, "temperature": 0, "system": "Be brief.", "stream": true,
                "messages": [{ "role": "user", "content": "Hi" }] }),
        ),
        (
            Operation::GenerateContent,
            json!({ "systemInstruction": { "parts": [{ "text": "Be brief." }] },
                "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
                "generationConfig": { "maxOutputTokens": 50, "temperature": 0 } }),
        ),
    ]
}

#[test]
fn the_same_question_has_one_form_in_every_protocol() {
    let forms: Vec<Canonical> = questions().into_iter().map(|(operation, body)| canonical(operation, &body)).collect();
    for form in &forms[1..] {
        assert_eq!(String::from_utf8_lossy(&form.body), String::from_utf8_lossy(&forms[0].body));
        assert_eq!(form.last_user, forms[0].last_user);
    }
    assert_eq!(forms[0].last_user.as_ref().unwrap().text, "Hi");
}

#[test]
fn short_forms_of_responses_are_the_long_ones() {
    let chat = json!({ "model": "a", "messages": [{ "role": "user", "content": "Hi" }] });
    let chat = canonical(Operation::ChatCompletions, &chat);
    for input in [
        json!("Hi"),
        json!([{ "role": "user", "content": "Hi" }]),
        json!([{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "Hi" }] }]),
    ] {
        let body = json!({ "model": "a", "input": input, "store": true });
        assert_eq!(canonical(Operation::Responses, &body).body, chat.body, "{body}");
    }
}

#[test]
fn delivery_is_left_out_and_everything_else_counts() {
    let base = |extra: Value| {
        let mut body = json!({ "model": "a", "messages": [{ "role": "user", "content": "Hi" }] });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        canonical(Operation::ChatCompletions, &body).body
    };
    let plain = base(json!({}));
    for delivery in [json!({ "stream": true, "stream_options": { "include_usage": true } }), json!({ "model": "z" })] {
        assert_eq!(base(delivery.clone()), plain, "{delivery}");
    }
    let differing = [
        json!({ "seed": 1 }),
        json!({ "n": 2 }),
        json!({ "user": "u" }),
        json!({ "tool_choice": "none" }),
        json!({ "stop": "x" }),
        json!({ "x_new": { "deep": [1] } }),
        json!({ "logit_bias": { "1": 1 } }),
        json!({ "messages": [{ "role": "user", "content": "Hi", "x_new": 1 }] }),
        json!({ "messages": [{ "role": "user", "content": "hi" }] }),
    ];
    for (at, one) in differing.iter().enumerate() {
        assert_ne!(base(one.clone()), plain, "{one}");
        for other in &differing[..at] {
            assert_ne!(base(one.clone()), base(other.clone()));
        }
    }
}

#[test]
fn a_member_that_no_codec_knows_is_not_lost_between_protocols() {
    for (operation, body) in questions() {
        let known = canonical(operation, &body).body;
        let pointers = ["/messages/0", "/contents/0", "/contents/0/parts/0", "/generationConfig", ""];
        for pointer in pointers {
            let mut changed = body.clone();
            let Some(place) = changed.pointer_mut(pointer).and_then(Value::as_object_mut) else { continue };
            place.insert("x_new".to_owned(), json!(1));
            assert_ne!(canonical(operation, &changed).body, known, "{operation} {pointer}");
        }
    }
}

#[test]
fn what_stands_around_the_last_words() {
    let ask = |text: &str, before: &str| {
        canonical(
            Operation::ChatCompletions,
            &json!({ "model": "m", "messages": [
            { "role": "user", "content": before }, { "role": "assistant", "content": "ok" },
            { "role": "user", "content": [{ "type": "text", "text": text }] }] }),
        )
        .last_user
        .unwrap()
    };
    let (one, other) = (ask("one", "a"), ask("other", "a"));
    assert_eq!((&*one.text, &*other.text), ("one", "other"));
    assert_eq!(one.around, other.around);
    assert_ne!(one.around, ask("one", "b").around);
    // A text that looks like the mark is no mark.
    assert_ne!(ask("x", "null\u{1a}").around, ask("x", "a").around);
    let result = json!({ "model": "m", "max_tokens": 1, "messages": [{ "role": "user", "content": [
        { "type": "tool_result", "tool_use_id": "t", "content": "5" }, { "type": "text", "text": "go on" }] }] });
    assert_eq!(canonical(Operation::Messages, &result).last_user, None);
    assert!(canonical(Operation::Messages, &result).traits.tool_results);
}

#[test]
fn a_stream_that_is_cut_between_two_answers_is_not_whole() {
    let answer = |index: u32| {
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": index, "delta": { "content": "Hi" }, "finish_reason": "stop" }] })
    };
    let read = |n: u64, text: String| {
        let body = json!({ "model": "m", "n": n, "messages": [{ "role": "user", "content": "Hi" }] });
        let mut reader = Doors.reader(&request(Operation::ChatCompletions, &body), true);
        let mut events = Vec::new();
        reader.read(&text.into(), &mut events).and_then(|()| reader.end(&mut events)).map(|()| events.last().cloned())
    };
    let (one, other) = (format!("data: {}\n\n", answer(0)), format!("data: {}\n\n", answer(1)));
    assert_eq!(read(1, one.clone()).unwrap(), Some(Event::End));
    assert_eq!(read(2, [&*one, &other].concat()).unwrap(), Some(Event::End));
    assert!(read(2, one.clone()).is_err());
    // Who says that nothing follows knows better, and some servers give one answer whatever is asked for.
    assert_eq!(read(2, format!("{one}data: [DONE]\n\n")).unwrap(), Some(Event::End));
}

#[test]
fn what_may_not_be_reused_is_told() {
    let of = |operation, body: Value| canonical(operation, &body).traits;
    let search = json!({ "model": "m", "input": "x", "tools": [{ "type": "web_search" }], "temperature": 0 });
    assert!(of(Operation::Responses, search.clone()).provider_tools);
    assert!(!of(Operation::Responses, search).sampled);
    let state = json!({ "model": "m", "input": "x", "previous_response_id": "resp_1" });
    assert!(of(Operation::Responses, state).stateful);
    let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }],
        "response_format": { "type": "json_object" }, "web_search_options": {} });
    let traits = of(Operation::ChatCompletions, chat);
    assert!(traits.json && traits.sampled && traits.provider_tools && !traits.history);
}

#[test]
fn answers_are_written_whole_and_streamed_and_read_again() {
    let choice = Choice {
        blocks: vec![Block::text("Hello there")],
        finish: Finish::new(FinishReason::Stop),
        ..Choice::default()
    };
    let usage = Usage { input: Some(3), output: Some(2), ..Usage::default() };
    let answer =
        Answer { model: Some("m-1".to_owned()), choices: vec![choice], usage: Some(usage), ..Answer::default() };
    let naming = Naming { id: "abc".to_owned(), created: 1_700_000_000 };
    let mut doors = questions();
    doors.push((Operation::Responses, json!({ "model": "m", "input": "Hi" })));
    doors.push((Operation::OllamaChat, json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] })));
    doors.push((Operation::Completions, json!({ "model": "m", "prompt": "Hi" })));
    for (operation, mut body) in doors {
        if matches!(operation, Operation::ChatCompletions | Operation::Completions) {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let request = request(operation, &body);
        let whole = Doors.write_whole(&request, &answer, &naming).unwrap();
        let mut streamed = Vec::new();
        let (mut writer, _) = Doors.write_stream(&request, &naming).unwrap();
        Doors.replay(&answer).iter().for_each(|event| writer.write(event, &mut streamed));
        for (is_stream, bytes) in [(false, whole), (true, Bytes::from(streamed))] {
            let mut reader = Doors.reader(&request, is_stream);
            let mut events = Vec::new();
            reader.read(&bytes, &mut events).unwrap();
            reader.end(&mut events).unwrap();
            let read = Doors.gather(&events);
            assert_eq!(read.choices, answer.choices, "{operation} {is_stream}");
            assert_eq!(read.usage.unwrap().output, Some(2), "{operation} {is_stream}");
        }
    }
}
