//! The codec of OpenAI Responses against recorded traffic, the specifications' schemas and the known cases.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which say what they skip")]

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_core::ir::{
    Block, Citation, Delta, Event, Finish, FinishReason, Losses, OpenBlock, Origin, Prompt, Protocol, Signature,
    Thinking, ToolCall, ToolKind,
};
use tollgate_core::{Usage, ir};
use tollgate_protocols::codec::{
    self, Aggregator, DecodeError, DecodeStream as _, Dialect, Echo, EncodeStream as _, Plan, Target, replay,
};
use tollgate_protocols::openai_responses::{request, response, stream};
use tollgate_testkit::conformance::{self, Front};
use tollgate_testkit::recordings::{Answer, Api, Recordings, oracle, sse};

fn echo(prompt: Prompt) -> Echo {
    Echo { prompt: Arc::new(prompt), model: "m".to_owned(), now: 1_700_000_000, id: None }
}

fn asked(body: &Value) -> Prompt {
    request::decode(body.to_string().as_bytes()).unwrap()
}

fn encoded(prompt: &Prompt, model: &str, losses: &mut Losses) -> Value {
    let target = Target::new(Protocol::OpenAiResponses, model, &Dialect::OPENAI);
    serde_json::from_slice(&request::encode(prompt, &target, losses).unwrap().body).unwrap()
}

fn decoded(body: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut decoder = stream::Decoder::new(&Plan::default());
    let mut events = Vec::new();
    for event in sse::events(body) {
        if let Some(data) = sse::data(event) {
            decoder.event(&data, &mut events)?;
        }
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

fn streamed(events: &[Event], echo: Echo) -> Vec<u8> {
    let mut encoder = stream::Encoder::new(echo);
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    out
}

/// The schemas forbid what OpenAI's answers have there: a description that is null, a schema that is an object, and
/// efforts that are newer than Open Responses.
fn is_contradiction(violation: &str) -> bool {
    violation.contains("text.format.description: null")
        || violation.contains("text.format.schema: {")
        || (violation.contains("reasoning.effort") && violation.contains("open-responses"))
}

#[track_caller]
fn conforms(result: Result<Vec<String>, conformance::Skipped>, what: &str) {
    match result {
        Ok(mut violations) => {
            violations.retain(|violation| !is_contradiction(violation));
            assert_eq!(violations, Vec::<String>::new(), "{what}");
        }
        Err(conformance::Skipped) => eprintln!("skipped: no specifications"),
    }
}

/// The names of a stream's events, with the place of items.
fn names(body: &[u8]) -> Vec<String> {
    let events = sse::events(body).into_iter().filter_map(sse::json);
    events.map(|event| event["type"].as_str().unwrap_or("").trim_start_matches("response.").to_owned()).collect()
}

fn gathered(events: Vec<Event>) -> ir::Answer {
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    aggregator.finish()
}

/// The same JSON with its members in one order, and without what is encrypted anew each time.
fn sorted(json: &str) -> String {
    let mut value: Value = serde_json::from_str(json).unwrap();
    value.as_object_mut().unwrap().retain(|name, _| !["fingerprint", "encrypted_content"].contains(&&**name));
    value.to_string()
}

/// A stream has neither the items' own ids of calls nor the response's class of service until its end.
fn comparable(mut answer: ir::Answer) -> ir::Answer {
    (answer.id, answer.service_tier) = (None, None);
    for choice in &mut answer.choices {
        choice.blocks.iter_mut().for_each(|block| match block {
            Block::ToolCall(call) => call.item_id = None,
            Block::Opaque(opaque) => opaque.json = sorted(&opaque.json),
            Block::Text(text) => text.citations.iter_mut().for_each(|citation| {
                citation.native = citation.native.take().map(|(protocol, json)| (protocol, sorted(&json)));
            }),
            // Some servers have other ids in each event, and encrypt thoughts anew.
            Block::Thinking(thinking) => {
                thinking.id = None;
                thinking.signature.iter_mut().for_each(|signature| signature.value.clear());
            }
            _ => {}
        });
        choice.logprobs = None;
    }
    answer
}

#[test]
fn recorded_answers_are_read_and_written() {
    let Some(recordings) = Recordings::load_shared() else {
        eprintln!("skipped: no recordings");
        return;
    };
    let mut seen = (0, 0);
    for exchange in
        recordings.exchanges.iter().filter(|exchange| exchange.api == Api::Responses && exchange.is_success())
    {
        let prompt = exchange.request.as_ref().map_or_else(|| Prompt::new(Protocol::OpenAiResponses), asked);
        let answer = match &exchange.body {
            Answer::Whole(body) => match response::decode(body, &Plan::default()) {
                Ok(answer) => answer,
                // Recorded: answers in the background, deletions and lists.
                Err(DecodeError::Invalid(_)) => continue,
                Err(DecodeError::Upstream(_)) => {
                    assert!(
                        oracle::is_error_body(body) || String::from_utf8_lossy(body).contains("\"failed\""),
                        "{exchange}"
                    );
                    continue;
                }
            },
            Answer::Stream(body) => match decoded(body) {
                Ok(events) => {
                    assert_eq!(events.last(), Some(&Event::End), "{exchange}");
                    let last = sse::events(body).into_iter().filter_map(sse::json).find(|event| {
                        event["response"]["output"].as_array().is_some_and(|output| !output.is_empty())
                            && event["response"]["status"] != "in_progress"
                    });
                    let answer = gathered(events);
                    if let Some(last) = last {
                        let whole =
                            response::decode(last["response"].to_string().as_bytes(), &Plan::default()).unwrap();
                        assert_eq!(comparable(answer.clone()), comparable(whole), "{exchange}");
                    }
                    answer
                }
                Err(error) => {
                    let text = String::from_utf8_lossy(body);
                    assert!(!text.contains("event: response.completed"), "{exchange}: {error:?}");
                    continue;
                }
            },
        };
        if names(exchange.body.bytes()).iter().filter(|name| *name == "created").count() > 1 {
            // Several responses in one file.
            continue;
        }
        let tokens = oracle::tokens(exchange);
        assert_eq!(
            answer.usage.and_then(|usage| usage.input),
            tokens.as_ref().and_then(|tokens| tokens.input),
            "{exchange}"
        );
        assert_eq!(
            answer.usage.and_then(|usage| usage.output),
            tokens.as_ref().and_then(|tokens| tokens.output),
            "{exchange}"
        );
        if exchange.body.is_stream() {
            seen.1 += 1;
        } else {
            seen.0 += 1;
        }
        let body = streamed(&replay(answer.clone()), echo(prompt.clone()));
        let again = gathered(decoded(&body).unwrap());
        assert_eq!(again.blocks().len(), answer.blocks().len(), "{exchange}");
        // Items of a provider's own tools are handed on as they are, whatever the schemas say of them.
        let mut own = answer;
        own.choices.iter_mut().for_each(|choice| choice.blocks.retain(|block| !matches!(block, Block::Opaque(_))));
        let body = response::encode(&own, &echo(prompt.clone()));
        conforms(conformance::whole(Front::Responses, 200, &body), &format!("{exchange} whole"));
        let body = streamed(&replay(own), echo(prompt));
        conforms(conformance::stream(Front::Responses, &body, true), &format!("{exchange} stream"));
    }
    assert!(seen.0 > 50 && seen.1 > 20, "{seen:?}");
}

/// Without the empty texts that some clients put beside calls, which say nothing and are not sent on.
fn spoken(mut prompt: Prompt) -> Prompt {
    let said = |block: &Block| block.as_text() != Some("");
    let turns = prompt.turns.iter_mut().filter(|turn| turn.role == ir::Role::Assistant);
    turns.for_each(|turn| turn.blocks.retain(said));
    prompt
}

#[test]
fn recorded_requests_lose_nothing() {
    let Some(recordings) = Recordings::load_shared() else {
        eprintln!("skipped: no recordings");
        return;
    };
    let mut seen = 0;
    for exchange in
        recordings.exchanges.iter().filter(|exchange| exchange.api == Api::Responses && exchange.is_success())
    {
        let Some(body) = exchange.request.as_ref().filter(|body| body.get("input").is_some()) else { continue };
        let first = spoken(asked(body));
        let mut losses = Losses::default();
        let written = encoded(&first, &first.model, &mut losses);
        let second = asked(&written);
        let fields: Vec<&str> =
            losses.fields().filter(|field| !["temperature", "top_p", "max_tokens"].contains(field)).collect();
        assert_eq!(fields, Vec::<&str>::new(), "{exchange}");
        assert_eq!(
            (&first.turns, &first.tools, &first.tool_choice, &first.format),
            (&second.turns, &second.tools, &second.tool_choice, &second.format),
            "{exchange}"
        );
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn b37_reasoning_and_its_call_stay_together() {
    let input = json!([
        { "type": "reasoning", "id": "rs_1", "encrypted_content": "E", "summary": [] },
        { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c1", "output": "1" },
    ]);
    let prompt = asked(&json!({ "model": "gpt-5", "store": false, "input": input }));
    assert_eq!(prompt.turns.len(), 2);
    let mut losses = Losses::default();
    let body = encoded(&prompt, "gpt-5", &mut losses);
    assert_eq!(body["input"], input);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert!(losses.is_empty());
}

fn open(index: u32, block: OpenBlock) -> Event {
    Event::Open { index, choice: 0, block }
}

fn call(id: &str) -> OpenBlock {
    OpenBlock::ToolCall { id: id.to_owned(), name: "f".to_owned(), kind: ToolKind::Function }
}

fn text(index: u32, text: &str) -> Event {
    Event::Delta { index, delta: Delta::Text(text.to_owned()) }
}

fn arguments(index: u32, text: &str) -> Event {
    Event::Delta { index, delta: Delta::Arguments(text.to_owned()) }
}

fn finish(reason: FinishReason) -> [Event; 3] {
    let usage = Usage { input: Some(4), output: Some(6), ..Usage::default() };
    [Event::Usage(usage), Event::Finish { choice: 0, finish: Finish::new(reason) }, Event::End]
}

#[test]
fn b14_events_have_their_order() {
    let mut events = vec![open(0, OpenBlock::Text), text(0, "Hi"), Event::Close { index: 0 }];
    events.extend([open(1, call("call_1")), arguments(1, "{}"), Event::Close { index: 1 }]);
    events.extend(finish(FinishReason::ToolCalls));
    let body = streamed(&events, echo(asked(&json!({ "model": "m", "input": "x" }))));
    conforms(conformance::stream(Front::Responses, &body, true), "B14");
    let expected = "created in_progress output_item.added content_part.added output_text.delta output_text.done \
        content_part.done output_item.done output_item.added function_call_arguments.delta \
        function_call_arguments.done output_item.done completed";
    assert_eq!(names(&body).join(" "), expected);
    let last = sse::events(&body).into_iter().filter_map(sse::json).next_back().unwrap();
    let kinds: Vec<_> = last["response"]["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "function_call"]);
    assert_eq!(last["response"]["usage"]["total_tokens"], 10);
}

#[test]
fn calls_may_overlap_and_text_may_follow() {
    let mut events =
        vec![open(0, call("a")), open(1, call("b")), arguments(0, "{"), arguments(1, "{}"), arguments(0, "}")];
    events.extend([Event::Close { index: 0 }, Event::Close { index: 1 }, open(2, OpenBlock::Text), text(2, "x")]);
    events.extend([Event::Close { index: 2 }, open(3, OpenBlock::Refusal), text(3, "no"), Event::Close { index: 3 }]);
    events.extend(finish(FinishReason::ContentFilter));
    let body = streamed(&events, echo(asked(&json!({ "model": "m", "input": "x", "background": true }))));
    conforms(conformance::stream(Front::Responses, &body, true), "overlapping");
    assert_eq!(names(&body)[..3], ["created", "queued", "in_progress"]);
    let last = sse::events(&body).into_iter().filter_map(sse::json).next_back().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["output"][0]["arguments"]),
        (&json!("response.incomplete"), &json!("{}"))
    );
    assert_eq!(last["response"]["output"][2]["content"][1]["refusal"], "no");
    assert_eq!(last["response"]["output"][2]["status"], "incomplete");
}

#[test]
fn b34_a_cut_call_is_incomplete() {
    let cut = ToolCall {
        id: "c1".to_owned(),
        name: "f".to_owned(),
        arguments: "{\"a\": \"lon".to_owned(),
        ..ToolCall::default()
    };
    let choice =
        ir::Choice { blocks: vec![Block::ToolCall(cut)], finish: Finish::new(FinishReason::Length), logprobs: None };
    let answer = ir::Answer { choices: vec![choice], ..ir::Answer::default() };
    let echo = echo(asked(&json!({ "model": "m", "input": "x" })));
    let whole: Value = serde_json::from_slice(&response::encode(&answer, &echo)).unwrap();
    let body = streamed(&replay(answer), echo);
    let last = sse::events(&body).into_iter().filter_map(sse::json).next_back().unwrap();
    for response in [&whole, &last["response"]] {
        assert_eq!(response["status"], "incomplete");
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(response["output"][0]["status"], "incomplete");
        assert_eq!(response["output"][0]["arguments"], "{\"a\": \"lon");
    }
}

#[test]
fn signatures_of_every_maker_come_back() {
    let signature = |origin| Some(Signature { origin, value: "S==".to_owned() });
    let blocks = vec![
        Block::Thinking(Thinking {
            text: "hm".to_owned(),
            signature: signature(Origin::Anthropic),
            ..Thinking::default()
        }),
        Block::Thinking(Thinking { redacted: true, signature: signature(Origin::Anthropic), ..Thinking::default() }),
        Block::Text(ir::Text { text: "say".to_owned(), signature: signature(Origin::Google), ..ir::Text::default() }),
        Block::ToolCall(ToolCall {
            id: "c:1".to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
            signature: signature(Origin::Google),
            ..ToolCall::default()
        }),
    ];
    let choice = ir::Choice { blocks: blocks.clone(), finish: Finish::new(FinishReason::ToolCalls), logprobs: None };
    let answer = ir::Answer { choices: vec![choice], ..ir::Answer::default() };
    let echo = echo(asked(&json!({ "model": "m", "input": "x" })));
    let whole: Value = serde_json::from_slice(&response::encode(&answer, &echo)).unwrap();
    let body = streamed(&replay(answer), echo);
    conforms(conformance::stream(Front::Responses, &body, true), "signatures");
    let last = sse::events(&body).into_iter().filter_map(sse::json).next_back().unwrap();
    for output in [&whole["output"], &last["response"]["output"]] {
        let mut back = asked(&json!({ "model": "m", "input": output }));
        assert_eq!(back.turns.len(), 1);
        for block in &mut back.turns[0].blocks {
            match block {
                Block::ToolCall(call) => call.item_id = None,
                Block::Thinking(thinking) => {
                    thinking.id = None;
                    thinking.summary = false;
                }
                _ => {}
            }
        }
        assert_eq!(back.turns[0].blocks, blocks, "{output}");
        let mut losses = Losses::default();
        let body = encoded(&back, "gpt-5", &mut losses);
        assert!(!body.to_string().contains("S=="), "{body}");
        assert_eq!(losses.fields().collect::<Vec<_>>(), ["thinking", "signature"]);
    }
}

#[test]
fn citations_become_annotations() {
    let citation = Citation { url: Some("https://x".to_owned()), title: Some("X".to_owned()), ..Citation::default() };
    let mut events = vec![open(0, OpenBlock::Text), text(0, "näher")];
    events.extend([Event::Delta { index: 0, delta: Delta::Citation(citation) }, Event::Close { index: 0 }]);
    events.extend(finish(FinishReason::Stop));
    let body = streamed(&events, echo(asked(&json!({ "model": "m", "input": "x" }))));
    conforms(conformance::stream(Front::Responses, &body, true), "citations");
    let last = sse::events(&body).into_iter().filter_map(sse::json).next_back().unwrap();
    let annotation = &last["response"]["output"][0]["content"][0]["annotations"][0];
    assert_eq!(
        annotation,
        &json!({ "type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 5 })
    );
}

#[test]
fn what_deltas_leave_out_comes_from_the_end() {
    let item = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [{ "type": "output_text", "text": "Hello", "annotations": [] }] });
    let call = json!({ "type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{\"a\":1}" });
    let end = json!({ "type": "response.completed", "response": { "status": "completed", "output": [item, call], "usage": { "input_tokens": 1, "output_tokens": 2 } } });
    let created = json!({ "type": "response.created", "response": { "id": "resp_1", "model": "m" } });
    let delta = json!({ "type": "response.output_text.delta", "item_id": "msg_1", "delta": "Hel" });
    let streams = [
        vec![created.clone(), end.clone()],
        vec![created.clone(), delta.clone(), end.clone()],
        vec![created, delta, json!({ "type": "response.output_item.done", "item": item }), end],
    ];
    for events in streams {
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let answer = gathered(decoded(body.as_bytes()).unwrap());
        assert_eq!(answer.blocks()[0].as_text(), Some("Hello"), "{body}");
        assert!(matches!(&answer.blocks()[1], Block::ToolCall(call) if call.arguments == "{\"a\":1}"), "{body}");
        assert_eq!(answer.blocks().len(), 2, "{body}");
        assert_eq!(answer.choices[0].finish.reason, FinishReason::ToolCalls);
    }
}

#[test]
fn failures_are_never_answers() {
    let created = "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n";
    for (event, code) in [
        (
            r#"{"type":"error","code":"rate_limit_exceeded","message":"slow","param":null,"sequence_number":2}"#,
            "rate_limit_exceeded",
        ),
        (r#"{"type":"error","error":{"type":"server_error","code":"overloaded","message":"m"}}"#, "overloaded"),
        (
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}}"#,
            "server_error",
        ),
    ] {
        let Err(DecodeError::Upstream(body)) = decoded(format!("{created}data: {event}\n\n").as_bytes()) else {
            panic!("{event}")
        };
        assert_eq!(tollgate_protocols::failure::read(&body).code.as_deref(), Some(code));
    }
    assert!(matches!(decoded(created.as_bytes()), Err(DecodeError::Invalid(_))));
}

#[test]
fn other_protocols_settings() {
    let mut prompt = Prompt::new(Protocol::OpenAiChat);
    prompt.sampling.max_tokens = Some(500);
    prompt.sampling.stop = vec!["x".to_owned()];
    prompt.sampling.seed = Some(1);
    prompt.tools = vec![ir::Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }];
    let mut losses = Losses::default();
    let body = encoded(&prompt, "gpt-4o", &mut losses);
    assert_eq!(
        (&body["max_output_tokens"], &body["store"], &body["tools"][0]["strict"]),
        (&json!(500), &json!(false), &json!(false))
    );
    assert_eq!(losses.fields().collect::<Vec<_>>(), ["stop", "seed"]);
}

#[test]
fn wrong_requests_say_what_is_wrong() {
    for (body, param) in [
        (json!({ "model": 1 }), "model"),
        (json!({ "input": 1 }), "input"),
        (json!({ "input": [{ "role": "x", "content": "" }] }), "input[0].role"),
        (json!({ "input": [{ "role": "user", "content": [{ "type": "input_text" }] }] }), "input[0].content[0].text"),
        (json!({ "input": [{ "type": "function_call_output", "output": "" }] }), "input[0].call_id"),
        (json!({ "tools": [{ "type": "function" }] }), "tools[0].name"),
        (json!({ "tool_choice": "some" }), "tool_choice"),
        (json!({ "reasoning": { "effort": "huge" } }), "reasoning.effort"),
        (json!({ "text": { "format": { "type": "json_schema" } } }), "text.format.schema"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "store": "yes" }), "store"),
    ] {
        let error = request::decode(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}");
    }
}

#[test]
fn noise_never_panics() {
    let mut random = tollgate_testkit::recordings::cuts::Random::new(7);
    let seed = br#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":[{"text":"x"}],"encrypted_content":"tollgate:google:call:x:y"},"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:x"}]}]}"#;
    for _ in 0..3000 {
        let mut bytes = seed.to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = u8::try_from(random.below(256)).unwrap();
        }
        let mut decoder = stream::Decoder::new(&Plan::default());
        let mut events = Vec::new();
        let _ = decoder.event(&bytes, &mut events);
        let _ = decoder.finish(&mut events);
        let _ = response::decode(&bytes, &Plan::default());
        if let Ok(prompt) = request::decode(&bytes) {
            let _ = codec::encode_request(
                &prompt,
                &Target::new(Protocol::OpenAiResponses, "m", &Dialect::OPENAI),
                &mut Losses::default(),
            );
        }
    }
}
