//! What goes out is checked against the service model; what comes in is made of recorded irregularities.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_core::ir::{
    Answer, Block, CachePoint, Delta, Effort, Event, FinishReason, Format, Losses, Media, MediaKind, OpenBlock, Origin,
    Prompt, Protocol, Role, Signature, Source, Thinking, Thought, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};

use super::{request, response, stream};
use crate::codec::{Aggregator, DecodeError, DecodeStream, Dialect, Encoded, Plan, Target};
use crate::failure;

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const OLD_CLAUDE: &str = "anthropic.claude-3-5-sonnet-20240620-v1:0";

/// A body against a shape of AWS's service model: members that are not known, required ones that are missing, words that
/// are no word of an enumeration, unions of several.
fn check_shape(model: &Value, shape: &str, value: &Value, path: &str) {
    let definition = &model["shapes"][shape];
    let kind = definition["type"].as_str().unwrap();
    match kind {
        _ if definition["document"] == true => {}
        "structure" => {
            let object = value.as_object().unwrap_or_else(|| panic!("{path} is no object"));
            for (name, member) in object {
                let known = &definition["members"][name];
                assert!(known.is_object(), "{path}.{name} is not known");
                check_shape(model, known["shape"].as_str().unwrap(), member, &format!("{path}.{name}"));
            }
            for required in definition["required"].as_array().into_iter().flatten() {
                let name = required.as_str().unwrap();
                // The model's name is in the path.
                assert!(object.contains_key(name) || name == "modelId", "{path}.{name} is missing");
            }
            assert!(definition["union"] != true || object.len() == 1, "{path} is a union of several");
        }
        "list" => {
            let items = value.as_array().unwrap_or_else(|| panic!("{path} is no list"));
            assert!(items.len() as u64 >= definition["min"].as_u64().unwrap_or(0), "{path} is too short");
            let item = definition["member"]["shape"].as_str().unwrap();
            items.iter().for_each(|value| check_shape(model, item, value, &format!("{path}[]")));
        }
        "map" => {
            let of = definition["value"]["shape"].as_str().unwrap();
            value.as_object().unwrap().values().for_each(|value| check_shape(model, of, value, path));
        }
        "string" | "blob" => {
            let text = value.as_str().unwrap_or_else(|| panic!("{path} is no string"));
            let words = definition["enum"].as_array();
            assert!(words.is_none_or(|words| words.contains(value)), "{path}: {text} is not known");
            let length = text.chars().count() as u64;
            assert!(length >= definition["min"].as_u64().unwrap_or(0), "{path} is too short");
            assert!(length <= definition["max"].as_u64().unwrap_or(u64::MAX), "{path} is too long");
        }
        "integer" | "long" => assert!(value.is_i64() || value.is_u64(), "{path} is no integer"),
        "float" | "double" => {
            let number = value.as_f64().unwrap();
            assert!(number <= definition["max"].as_f64().unwrap_or(f64::MAX), "{path} is too large");
        }
        "boolean" => assert!(value.is_boolean(), "{path} is no boolean"),
        other => panic!("{path}: {other}"),
    }
}

#[track_caller]
fn encode(prompt: &Prompt, model: &str) -> (Value, Encoded, Vec<String>) {
    let mut losses = Losses::default();
    let target = Target::new(Protocol::BedrockConverse, model, &Dialect::OPENAI);
    let encoded = request::encode(prompt, &target, &mut losses).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    match std::env::var("TOLLGATE_SHARED") {
        Ok(shared) => {
            let path = format!("{shared}/fixtures/spec-bedrock/bedrock-runtime-2023-09-30-service-2.json");
            let model: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            check_shape(&model, "ConverseRequest", &body, "body");
        }
        Err(_) => eprintln!("skipped: the service model, without TOLLGATE_SHARED"),
    }
    (body, encoded, losses.fields().map(str::to_owned).collect())
}

fn prompt(turns: Vec<Turn>) -> Prompt {
    Prompt { turns, ..Prompt::new(Protocol::OpenAiChat) }
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Block::text(text)])
}

fn call(id: &str) -> Block {
    Block::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), ..ToolCall::default() })
}

fn result(id: &str, text: &str) -> Turn {
    let content = vec![Block::text(text)];
    Turn::new(Role::Tool, vec![Block::ToolResult(ToolResult { id: id.to_owned(), content, ..ToolResult::default() })])
}

fn function(name: &str) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some(" ".to_owned()),
        parameters: None,
        strict: None,
        cache: None,
    }
}

#[test]
fn b17_the_limit_has_its_own_field() {
    let mut prompt = prompt(vec![user("hi")]);
    prompt.sampling.max_tokens = Some(500);
    assert_eq!(encode(&prompt, CLAUDE).0["inferenceConfig"], json!({"maxTokens": 500}));
}

#[test]
fn b21_results_share_one_turn_and_tools_are_declared() {
    let turns = vec![
        user("q"),
        Turn::new(Role::Assistant, vec![Block::text(""), call("c1"), call("c2")]),
        result("c2", ""),
        result("c1", "1"),
        user("go on"),
    ];
    let (body, _, losses) = encode(&prompt(turns), CLAUDE);
    let content = json!([
        {"toolResult": {"toolUseId": "c1", "content": [{"text": "1"}]}},
        {"toolResult": {"toolUseId": "c2", "content": []}},
        {"text": "go on"},
    ]);
    assert_eq!(body["messages"][2]["content"], content);
    assert_eq!(body["messages"][1]["content"].as_array().unwrap().len(), 2);
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(body["additionalModelRequestFields"], json!({"tool_choice": {"type": "none"}}));
    assert_eq!(losses, [""; 0]);
}

#[test]
fn tools_and_choices() {
    let check = |choice: ToolChoice, parallel, expected: Value| {
        let mut prompt = prompt(vec![user("q")]);
        prompt.tools = vec![function("a"), function("b")];
        prompt.tool_choice = Some(choice);
        prompt.parallel_tool_calls = parallel;
        let (body, ..) = encode(&prompt, CLAUDE);
        let got = json!([
            body["toolConfig"]["tools"].as_array().map_or(0, Vec::len),
            body["toolConfig"]["toolChoice"],
            body["additionalModelRequestFields"]["tool_choice"]
        ]);
        assert_eq!(got, expected);
        assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["description"], Value::Null);
    };
    check(ToolChoice::Auto, None, json!([2, {"auto": {}}, null]));
    check(ToolChoice::Any, None, json!([2, {"any": {}}, null]));
    check(ToolChoice::One("b".to_owned()), None, json!([2, {"tool": {"name": "b"}}, null]));
    check(ToolChoice::None, None, json!([0, null, null]));
    check(ToolChoice::Subset { names: vec!["b".to_owned()], required: true }, None, json!([1, {"any": {}}, null]));
    let one = json!({"type": "tool", "name": "a", "disable_parallel_tool_use": true});
    check(ToolChoice::One("a".to_owned()), Some(false), json!([2, null, one]));
}

#[test]
fn media_and_cache_points() {
    let media = |kind, mime: &str, name: Option<&str>| {
        let source = Source::Base64("AAAA".to_owned());
        Block::Media(Media { mime: Some(mime.to_owned()), name: name.map(str::to_owned), ..Media::new(kind, source) })
    };
    let blocks = vec![
        Block::CachePoint(CachePoint::default()),
        media(MediaKind::Image, "image/jpeg", None),
        media(MediaKind::Document, "application/pdf", Some("a_b.pdf")),
        media(MediaKind::Document, "application/octet-stream", Some("a b.md")),
        media(MediaKind::Video, "video/mp4", None),
        Block::CachePoint(CachePoint::default()),
    ];
    let (body, _, losses) = encode(&prompt(vec![Turn::new(Role::User, blocks.clone())]), CLAUDE);
    let content = json!([
        {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
        {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "AAAA"}}},
        {"document": {"format": "md", "name": "a b (2)", "source": {"bytes": "AAAA"}}},
        {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
        {"cachePoint": {"type": "default"}},
        {"text": "a b"},
    ]);
    assert_eq!(body["messages"][0]["content"], content);
    assert_eq!(losses, ["document"]);
    let (_, _, losses) = encode(&prompt(vec![Turn::new(Role::User, blocks), user("x")]), "meta.llama3-1-8b");
    assert_eq!(losses, ["cache_control"]);
}

#[test]
fn what_cannot_be_fetched_is_refused() {
    for source in [Source::Url("https://h/x.png".to_owned()), Source::FileId("f".to_owned())] {
        let media = Media { mime: Some("image/png".to_owned()), ..Media::new(MediaKind::Image, source) };
        let prompt = prompt(vec![Turn::new(Role::User, vec![Block::Media(media)])]);
        let target = Target::new(Protocol::BedrockConverse, CLAUDE, &Dialect::OPENAI);
        assert!(request::encode(&prompt, &target, &mut Losses::default()).is_err());
    }
}

#[test]
fn thinking_by_what_the_model_takes() {
    let check = |model: &str, effort, thought, expected: Value| {
        let mut prompt = prompt(vec![user("q")]);
        prompt.reasoning.effort = effort;
        prompt.reasoning.thought = thought;
        prompt.sampling.temperature = Some(0.5);
        let (body, ..) = encode(&prompt, model);
        assert_eq!(body["additionalModelRequestFields"], expected, "{model}");
        let has_temperature = body["inferenceConfig"]["temperature"].is_number();
        assert_eq!(
            has_temperature,
            model != "anthropic.claude-opus-4-7" && expected["thinking"]["budget_tokens"].is_null()
        );
    };
    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 24_576}});
    check(CLAUDE, Some(Effort::High), None, budget);
    check(CLAUDE, Some(Effort::None), None, Value::Null);
    let adaptive = json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}});
    check("anthropic.claude-opus-4-6-v1", Some(Effort::High), None, adaptive.clone());
    check("anthropic.claude-opus-4-7", None, Some(Thought::Budget(20_000)), adaptive);
    check("openai.gpt-oss-120b-1:0", Some(Effort::Minimal), None, json!({"reasoning_effort": "low"}));
    check("amazon.nova-pro-v1:0", Some(Effort::High), None, Value::Null);
}

#[test]
fn thoughts_of_others_stay_behind() {
    let thinking = |origin| {
        let signature = Some(Signature { origin, value: "SIG==".to_owned() });
        Block::Thinking(Thinking { signature, ..Thinking::default() })
    };
    let turn =
        Turn::new(Role::Assistant, vec![thinking(Origin::Anthropic), thinking(Origin::Google), Block::text("a")]);
    let (body, _, losses) = encode(&prompt(vec![user("q"), turn, user("r")]), CLAUDE);
    let own = json!({"reasoningContent": {"reasoningText": {"text": "", "signature": "SIG=="}}});
    assert_eq!(body["messages"][1]["content"], json!([own, {"text": "a"}]));
    assert_eq!(losses, ["thinking"]);
}

#[test]
fn structured_output_by_schema_or_tool() {
    let mut prompt = prompt(vec![user("q")]);
    let schema = r#"{"properties":{"a":{"type":"integer"}}}"#.to_owned();
    prompt.format =
        Some(Format::JsonSchema { name: Some("n".to_owned()), description: None, schema, strict: Some(true) });
    let (body, encoded, _) = encode(&prompt, CLAUDE);
    assert_eq!(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["name"], "n");
    assert_eq!(encoded.plan, Plan::default());
    let (body, encoded, _) = encode(&prompt, OLD_CLAUDE);
    assert_eq!(body["toolConfig"]["toolChoice"]["tool"]["name"], *encoded.plan.json_tool.as_deref().unwrap());
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["type"], "object");
}

#[test]
fn what_has_no_place_is_reported() {
    let mut prompt = prompt(vec![user("q")]);
    prompt.sampling.seed = Some(1);
    prompt.sampling.temperature = Some(1.5);
    prompt.sampling.logit_bias = Some("{}".to_owned());
    prompt.metadata = Some(r#"{"team":"a b","bad":"é"}"#.to_owned());
    prompt.user = Some("u1".to_owned());
    prompt.service_tier = Some("flex".to_owned());
    let (body, _, losses) = encode(&prompt, CLAUDE);
    assert_eq!(losses, ["logit_bias", "seed", "temperature", "metadata"]);
    assert_eq!(body["requestMetadata"], json!({"team": "a b", "user": "u1"}));
    assert_eq!(body["serviceTier"], json!({"type": "flex"}));
    assert_eq!(body["inferenceConfig"]["temperature"], 1);
}

// === answers ===

fn events(lines: &[Value], plan: &Plan) -> (Vec<Event>, Result<(), DecodeError>) {
    let mut decoder = stream::Decoder::new(plan);
    let mut out = Vec::new();
    for line in lines {
        if let Err(error) = decoder.event(line.to_string().as_bytes(), &mut out) {
            return (out, Err(error));
        }
    }
    let end = decoder.finish(&mut out);
    (out, end)
}

fn answer(lines: &[Value], plan: &Plan) -> Answer {
    let (events, end) = events(lines, plan);
    end.unwrap();
    assert_eq!(events.last(), Some(&Event::End));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Finish { .. })).count(), 1);
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    aggregator.finish()
}

fn text(at: u64, text: &str) -> Value {
    json!({"contentBlockDelta": {"contentBlockIndex": at, "delta": {"text": text}, "p": "abc"}})
}

fn tool(at: u64, name: &str) -> Value {
    json!({"contentBlockStart": {"contentBlockIndex": at, "start": {"toolUse": {"toolUseId": "t1", "name": name}}}})
}

fn input(at: u64, input: &str) -> Value {
    json!({"contentBlockDelta": {"contentBlockIndex": at, "delta": {"toolUse": {"input": input}}}})
}

fn stop(reason: &str) -> Value {
    json!({"messageStop": {"stopReason": reason}})
}

fn metadata() -> Value {
    json!({"metadata": {"usage": {"inputTokens": 10, "outputTokens": 50, "totalTokens": 1260,
        "cacheReadInputTokens": 1000, "cacheWriteInputTokens": 200}, "metrics": {"latencyMs": 1}}})
}

#[test]
fn b10_counters_are_added_once() {
    let body = json!({"output": {"message": {"role": "assistant", "content": [{"text": "a"}]}}, "stopReason": "end_turn",
        "usage": metadata()["metadata"]["usage"]});
    let whole = response::decode(body.to_string().as_bytes(), &Plan::default()).unwrap();
    let streamed = answer(&[text(0, "a"), stop("end_turn"), metadata()], &Plan::default());
    for answer in [whole, streamed] {
        let usage = answer.usage.unwrap();
        assert_eq!((usage.input, usage.output), (Some(1210), Some(50)));
        assert_eq!((usage.cache_read, usage.cache_creation), (Some(1000), Some(200)));
        assert_eq!(answer.blocks(), [Block::text("a")]);
    }
}

#[test]
fn b29_irregular_streams() {
    let role = json!({"messageStart": {"role": "assistant"}});
    let lines = [role.clone(), text(0, "a"), text(0, ""), text(1, "b"), tool(2, "f"), stop("tool_use"), metadata()];
    let answered = answer(&lines, &Plan::default());
    assert_eq!(answered.choices[0].finish.reason, FinishReason::ToolCalls);
    assert_eq!(answered.blocks().len(), 3);
    assert!(matches!(&answered.blocks()[2], Block::ToolCall(call) if call.arguments == "{}"));
    assert_eq!(answered.usage.unwrap().output, Some(50));

    // The end waits for the counts.
    let (events_before, _) = events(&[role.clone(), text(0, "a"), stop("end_turn"), metadata()], &Plan::default());
    let usage = events_before.iter().position(|event| matches!(event, Event::Usage(_))).unwrap();
    assert!(matches!(events_before[usage + 1], Event::Finish { .. }));

    let (_, end) = events(&[role.clone(), text(0, "a")], &Plan::default());
    assert!(matches!(end, Err(DecodeError::Invalid(_))));
    let exception = json!({"throttlingException": {"message": "slow down"}});
    let (seen, end) = events(&[role, text(0, "a"), exception], &Plan::default());
    let Err(DecodeError::Upstream(body)) = end else { panic!("{end:?}") };
    assert_eq!((failure::read(&body).status, failure::read(&body).message.as_deref()), (Some(429), Some("slow down")));
    assert!(!seen.iter().any(|event| matches!(event, Event::Finish { .. } | Event::End)));

    let cut = answer(&[tool(0, "f"), input(0, "{\"a\": \"lon"), stop("max_tokens")], &Plan::default());
    assert_eq!(cut.choices[0].finish.reason, FinishReason::Length);
    assert!(matches!(&cut.blocks()[0], Block::ToolCall(call) if call.arguments == "{\"a\": \"lon"));
}

#[test]
fn b28_only_the_synthetic_tool_is_the_answer() {
    let plan = Plan { json_tool: Some("json".to_owned()), ..Plan::default() };
    let structured = answer(&[text(0, "Here:"), tool(1, "json"), input(1, "{\"a\":1}"), stop("tool_use")], &plan);
    assert_eq!(structured.blocks(), [Block::text("{\"a\":1}")]);
    assert_eq!(structured.choices[0].finish.reason, FinishReason::Stop);
    let real = answer(&[text(0, "Here:"), tool(1, "f"), input(1, "{}"), stop("tool_use")], &plan);
    assert_eq!(real.blocks().len(), 2);
    assert_eq!(real.choices[0].finish.reason, FinishReason::ToolCalls);
    let plain = answer(&[text(0, "no"), stop("end_turn")], &plan);
    assert_eq!(plain.blocks(), [Block::text("no")]);
    let body = json!({"output": {"message": {"content": [{"text": "Here:"},
        {"toolUse": {"toolUseId": "t", "name": "json", "input": {"a": 1}}}]}}, "stopReason": "tool_use"});
    let whole = response::decode(body.to_string().as_bytes(), &plan).unwrap();
    assert_eq!(whole.choices[0], structured.choices[0]);
}

#[test]
fn thoughts_and_citations() {
    let delta = |delta: Value| json!({"contentBlockDelta": {"contentBlockIndex": 0, "delta": delta}});
    let lines = [
        delta(json!({"reasoningContent": {"text": "plan"}})),
        delta(json!({"reasoningContent": {"signature": "SIG=="}})),
        json!({"contentBlockStop": {"contentBlockIndex": 0}}),
        text(1, "x"),
        stop("guardrail_intervened"),
    ];
    let (events, end) = events(&lines, &Plan::default());
    end.unwrap();
    assert!(matches!(&events[1], Event::Open { block: OpenBlock::Thinking { .. }, .. }));
    assert!(
        matches!(&events[3], Event::Delta { delta: Delta::Signature(signature), .. } if signature.value == "SIG==")
    );
    let answered = answer(&lines, &Plan::default());
    assert_eq!(answered.choices[0].finish.reason, FinishReason::ContentFilter);
    assert_eq!(answered.choices[0].finish.native.as_deref(), Some("guardrail_intervened"));
}

proptest! {
    #[test]
    fn anything_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..64), lines in prop::collection::vec(0usize..8, 0..16)) {
        let _ = response::decode(&bytes, &Plan::default());
        let mut decoder = stream::Decoder::new(&Plan { json_tool: Some("json".to_owned()), custom_tools: vec!["c".to_owned()], ..Plan::default() });
        let mut out = Vec::new();
        let known = [text(0, "a"), text(1, ""), tool(0, "json"), tool(1, "c"), input(0, "{"), stop("tool_use"), metadata(),
            json!({"contentBlockStop": {"contentBlockIndex": 1}})];
        for line in lines {
            let _ = decoder.event(known[line].to_string().as_bytes(), &mut out);
        }
        let _ = decoder.event(&bytes, &mut out);
        let _ = decoder.finish(&mut out);
        prop_assert!(out.iter().filter(|event| **event == Event::End).count() <= 1);
    }
}
