//! Whole answers of Anthropic Messages.

use std::borrow::Cow;

use bytes::Bytes;
use tollgate_core::ir::{
    Answer, Block, Choice, Extra, Finish, Media, Opaque, Origin, Protocol, Signature, Source, Text, Thinking, ToolCall,
    ToolKind,
};

use super::types::{
    Called, Counters, free_text, input_of, read_citations, read_finish, service_tier_in, service_tier_out, stop_reason,
    write_citations, write_usage,
};
use crate::codec::{DecodeError, Echo, Plan, new_id, open_signature, seal_signature};
use crate::json::{self, Array, Object, Value};

/// Members of an answer that are kept as they came.
pub(super) const EXTRAS: [&str; 3] = ["stop_details", "container", "context_management"];

/// The same of the usage.
pub(super) const USAGE_EXTRAS: [&str; 3] = ["usage.cache_creation", "usage.server_tool_use", "usage.inference_geo"];

/// Reads a provider's whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(body: &[u8], plan: &Plan) -> Result<Answer, DecodeError> {
    let root = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is not JSON"))?;
    if root.str("type") == Some("error") || root.get("error").is_some() {
        return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
    }
    let content = root.get("content").filter(|content| content.is_array());
    let content = content.ok_or(DecodeError::Invalid("the answer has no content"))?;
    let mut called = Called::default();
    let mut blocks: Vec<Block> =
        structured(content.items(), plan).map(|value| read_block(value, plan, &mut called)).collect();
    let finish = read_finish(root.str("stop_reason"), root.str("stop_sequence"), called);
    blocks.extend(refusal(&finish, root.get("stop_details")).map(Block::Refusal));
    let mut answer = Answer {
        id: root.string("id"),
        model: root.string("model"),
        choices: vec![Choice { blocks, finish, logprobs: None }],
        ..Answer::default()
    };
    for name in EXTRAS {
        answer.extras.extend(root.get(name).map(|value| extra(name, value)));
    }
    if let Some(usage) = root.get("usage").filter(|usage| usage.is_object()) {
        let mut counters = Counters::default();
        counters.update(usage);
        answer.usage = Some(counters.usage()).filter(|usage| !usage.is_empty());
        answer.service_tier = usage.str("service_tier").map(|word| service_tier_in(word).to_owned());
        answer.extras.extend(usage_extras(usage));
    }
    Ok(answer)
}

pub(super) fn extra(name: &str, value: &Value<'_>) -> Extra {
    Extra { name: name.to_owned(), json: value.raw().to_owned() }
}

pub(super) fn usage_extras(usage: &Value<'_>) -> impl Iterator<Item = Extra> {
    USAGE_EXTRAS.into_iter().filter_map(|name| {
        let (_, member) = name.split_once('.')?;
        usage.get(member).map(|value| extra(name, value))
    })
}

/// Why the model does not answer, where it says so.
pub(super) fn refusal(finish: &Finish, details: Option<&Value<'_>>) -> Option<String> {
    let refuses = finish.native.as_deref() == Some("refusal");
    details.filter(|_| refuses)?.string("explanation").filter(|text| !text.trim().is_empty())
}

/// The blocks of an answer. Where it came through its tool, words are no part of the JSON, nor is a second call of the tool;
/// beside calls of the client's tools they stay.
fn structured<'v>(items: &'v [Value<'v>], plan: &Plan) -> impl Iterator<Item = &'v Value<'v>> {
    let is_call = |value: &Value<'_>| value.str("type") == Some("tool_use");
    let json = |value: &Value<'_>| {
        plan.json_tool.is_some() && is_call(value) && value.str("name") == plan.json_tool.as_deref()
    };
    let first = items.iter().position(json);
    let has_calls = items.iter().any(|value| is_call(value) && !json(value));
    let left_out: Vec<bool> = (0..)
        .zip(items)
        .map(|(at, value)| {
            let is_introduction = value.str("type") == Some("text") && first.is_some() && !has_calls;
            is_introduction || (json(value) && first != Some(at))
        })
        .collect();
    items.iter().zip(left_out).filter(|(_, left_out)| !left_out).map(|(value, _)| value)
}

fn read_block(value: &Value<'_>, plan: &Plan, called: &mut Called) -> Block {
    match (value.str("type"), value.str("name")) {
        (Some("text"), _) => {
            let text = value.string("text").unwrap_or_default();
            Block::Text(Text { text, citations: read_citations(value), signature: None })
        }
        (Some("thinking"), _) => Block::Thinking(Thinking {
            text: value.string("thinking").unwrap_or_default(),
            signature: value.str("signature").filter(|text| !text.is_empty()).map(opened),
            ..Thinking::default()
        }),
        (Some("redacted_thinking"), _) => Block::Thinking(Thinking {
            signature: value.str("data").map(opened),
            redacted: true,
            ..Thinking::default()
        }),
        (Some("tool_use"), Some(name)) => read_call(value, name, plan, called),
        _ => opaque(value.str("type"), value.raw().to_owned()),
    }
}

/// A signature of Anthropic's, or another maker's that a gateway before this one has put into its place.
pub(super) fn opened(text: &str) -> Signature {
    open_signature(text, Origin::Anthropic)
}

pub(super) fn opaque(what: Option<&str>, json: String) -> Block {
    let what = what.unwrap_or("block").to_owned();
    Block::Opaque(Opaque { protocol: Protocol::AnthropicMessages, what, json })
}

fn read_call(value: &Value<'_>, name: &str, plan: &Plan, called: &mut Called) -> Block {
    let input = value.get("input").map_or("{}", Value::raw);
    if plan.json_tool.as_deref() == Some(name) {
        called.json_tool = true;
        return Block::text(input);
    }
    called.tool = true;
    let is_custom = plan.custom_tools.iter().any(|custom| custom == name);
    Block::ToolCall(ToolCall {
        id: value.string("id").filter(|id| !id.is_empty()).unwrap_or_else(|| new_id("toolu_")),
        name: name.to_owned(),
        arguments: if is_custom { free_text(input) } else { input.to_owned() },
        kind: if is_custom { ToolKind::Custom } else { ToolKind::Function },
        ..ToolCall::default()
    })
}

/// Reads the answer to a request to count tokens.
#[must_use]
pub fn decode_count(body: &[u8]) -> Option<u64> {
    json::parse(body).ok()?.u64("input_tokens")
}

/// Writes the answer to a request to count tokens.
#[must_use]
pub fn encode_count(input_tokens: u64) -> Bytes {
    json::object(32, |o| o.uint("input_tokens", input_tokens)).into()
}

/// Writes a whole answer for a client.
#[must_use]
pub fn encode(answer: &Answer, echo: &Echo) -> Bytes {
    let none = Finish::default();
    let finish = answer.choices.first().map_or(&none, |choice| &choice.finish);
    let has = |name: &str| answer.extras.iter().any(|extra| extra.name == name);
    let calls_tool = answer.blocks().iter().any(|block| matches!(block, Block::ToolCall(_)));
    let refuses = answer.blocks().iter().any(|block| matches!(block, Block::Refusal(_)));
    let body = json::object(1024, |o| {
        o.string("id", &message_id(answer.id.as_deref(), echo));
        o.string("type", "message");
        o.string("role", "assistant");
        o.string("model", answer.model.as_deref().unwrap_or(&echo.model));
        o.array("content", |a| {
            for block in answer.blocks() {
                // The details of the refusal say it already.
                if !(matches!(block, Block::Refusal(_)) && has("stop_details")) {
                    write_block(a, block);
                }
            }
        });
        o.string("stop_reason", stop_reason(finish, calls_tool, refuses));
        o.string_or_null("stop_sequence", finish.stop_sequence.as_deref());
        write_extras(o, &answer.extras, &EXTRAS);
        o.object("usage", |o| {
            write_usage(o, &answer.usage.unwrap_or_default());
            write_extras(o, &answer.extras, &USAGE_EXTRAS);
            o.maybe_string("service_tier", answer.service_tier.as_deref().map(service_tier_out));
        });
    });
    body.into()
}

/// Writes those extra members that Anthropic's clients know.
pub(super) fn write_extras(o: &mut Object<'_>, extras: &[Extra], known: &[&str]) {
    for extra in extras.iter().filter(|extra| known.contains(&&*extra.name)) {
        o.raw(extra.name.rsplit('.').next().unwrap_or_default(), &extra.json);
    }
}

/// The answer's id with the prefix that Anthropic's have.
pub(super) fn message_id(given: Option<&str>, echo: &Echo) -> String {
    match echo.id.as_deref().or(given.filter(|id| !id.is_empty())) {
        Some(id) if id.starts_with("msg_") => id.to_owned(),
        Some(id) => format!("msg_{id}"),
        None => new_id("msg_"),
    }
}

fn write_block(a: &mut Array<'_>, block: &Block) {
    match block {
        Block::Text(text) => {
            if !text.text.is_empty() || !text.citations.is_empty() {
                a.object(|o| write_text(o, &text.text, |o| write_citations(o, &text.citations)));
            }
            write_carrier(a, text.signature.as_ref());
        }
        Block::Refusal(text) if !text.is_empty() => a.object(|o| write_text(o, text, |_| {})),
        Block::Thinking(thinking) if thinking.redacted => a.object(|o| write_redacted(o, thinking)),
        Block::Thinking(thinking) if !thinking.text.is_empty() || thinking.signature.is_some() => {
            a.object(|o| write_thinking(o, &thinking.text, thinking.signature.as_ref()));
        }
        Block::ToolCall(call) => {
            write_carrier(a, call.signature.as_ref());
            a.object(|o| write_call(o, call));
        }
        Block::Media(media) => a.object(|o| write_text(o, &describe(media), |_| {})),
        Block::Opaque(opaque) if opaque.protocol == Protocol::AnthropicMessages => a.raw(&opaque.json),
        _ => {}
    }
}

fn write_text(o: &mut Object<'_>, text: &str, more: impl FnOnce(&mut Object<'_>)) {
    o.string("type", "text");
    o.string("text", text);
    more(o);
}

pub(super) fn write_redacted(o: &mut Object<'_>, thinking: &Thinking) {
    let data = thinking.signature.as_ref().map(|signature| seal_signature(signature, Origin::Anthropic));
    o.string("type", "redacted_thinking");
    o.string("data", data.as_deref().unwrap_or_default());
}

fn write_thinking(o: &mut Object<'_>, text: &str, signature: Option<&Signature>) {
    let signature = signature.map(|signature| seal_signature(signature, Origin::Anthropic));
    o.string("type", "thinking");
    o.string("thinking", text);
    o.string("signature", signature.as_deref().unwrap_or_default());
}

/// A signature of something that has no field for it.
fn write_carrier(a: &mut Array<'_>, signature: Option<&Signature>) {
    if signature.is_some() {
        a.object(|o| write_thinking(o, "", signature));
    }
}

fn write_call(o: &mut Object<'_>, call: &ToolCall) {
    o.string("type", "tool_use");
    o.string("id", &call.id);
    o.string("name", &call.name);
    match input_of(call) {
        Some(input) => o.raw("input", &input),
        // The input must be an object, and what was cut off is none.
        None => {
            o.raw("input", "{}");
            o.string("partial_json", &call.arguments);
        }
    }
}

/// Anthropic's answers hold no media; their address is better than nothing.
pub(super) fn describe(media: &Media) -> Cow<'_, str> {
    match &media.source {
        Source::Url(url) | Source::Text(url) => Cow::Borrowed(url),
        _ => Cow::Owned(format!("[{}]", media.mime.as_deref().unwrap_or(media.kind.as_str()))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tollgate_core::Usage;
    use tollgate_core::ir::{FinishReason, Prompt};

    use super::*;

    fn echo() -> Echo {
        let prompt = Arc::new(Prompt::new(Protocol::AnthropicMessages));
        Echo { prompt, model: "m".to_owned(), now: 0, id: None }
    }

    fn text_of(body: &Bytes) -> &str {
        std::str::from_utf8(body).unwrap()
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let body = concat!(
            r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":["#,
            r#"{"type":"thinking","thinking":"","signature":"SIG=="},{"type":"redacted_thinking","data":"R"},"#,
            r#"{"type":"text","text":"ok","citations":[{"type":"char_location","cited_text":"c","document_index":0}]},"#,
            r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},"#,
            r#"{"type":"tool_use","id":"toolu_A","name":"t","input":{"n":12345678901234567890}}],"#,
            r#""stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"#,
            r#""cache_creation_input_tokens":200,"cache_read_input_tokens":1000,"output_tokens":50,"#,
            r#""server_tool_use":{"web_search_requests":1},"service_tier":"standard"}}"#
        );
        let answer = decode(body.as_bytes(), &Plan::default()).unwrap();
        assert_eq!(answer.usage.as_ref().unwrap().input, Some(1210));
        assert_eq!(text_of(&encode(&answer, &echo())), body);
    }

    #[test]
    fn b18_stop_reasons() {
        for (word, reason) in [
            ("end_turn", FinishReason::Stop),
            ("stop_sequence", FinishReason::StopSequence),
            ("max_tokens", FinishReason::Length),
            ("model_context_window_exceeded", FinishReason::Length),
            ("refusal", FinishReason::ContentFilter),
            ("pause_turn", FinishReason::Pause),
        ] {
            let body = format!(r#"{{"content":[{{"type":"text","text":"x"}}],"stop_reason":"{word}"}}"#);
            let answer = decode(body.as_bytes(), &Plan::default()).unwrap();
            assert_eq!(answer.choices[0].finish.reason, reason, "{word}");
            assert!(text_of(&encode(&answer, &echo())).contains(&format!(r#""stop_reason":"{word}""#)), "{word}");
        }
        let refused = Choice { blocks: vec![Block::Refusal("no".to_owned())], ..Choice::default() };
        let body = encode(&Answer { choices: vec![refused], ..Answer::default() }, &echo());
        assert!(text_of(&body).contains(r#""content":[{"type":"text","text":"no"}],"stop_reason":"refusal""#));
    }

    #[test]
    fn b28_structured_output_by_a_tool() {
        let plan = Plan { json_tool: Some("j".to_owned()), custom_tools: vec!["c".to_owned()], ..Plan::default() };
        let body = br#"{"content":[{"type":"tool_use","id":"1","name":"j","input":{"a":1}}],"stop_reason":"tool_use"}"#;
        let answer = decode(body, &plan).unwrap();
        assert_eq!(answer.choices[0].blocks, [Block::text(r#"{"a":1}"#)]);
        assert_eq!(answer.choices[0].finish.reason, FinishReason::Stop);
        let body = br#"{"content":[{"type":"tool_use","id":"1","name":"c","input":{"input":"ls\n"}}],"stop_reason":"tool_use"}"#;
        let answer = decode(body, &plan).unwrap();
        assert_eq!(answer.choices[0].finish.reason, FinishReason::ToolCalls);
        let [Block::ToolCall(call)] = answer.blocks() else { panic!("{answer:?}") };
        assert_eq!((call.kind, &*call.arguments), (ToolKind::Custom, "ls\n"));
    }

    #[test]
    fn words_around_structured_output_are_no_part_of_it() {
        let plan = Plan { json_tool: Some("j".to_owned()), ..Plan::default() };
        let text = r#"{"type":"text","text":"Here it is:"}"#;
        let json = r#"{"type":"tool_use","id":"1","name":"j","input":{"a":1}}"#;
        let tool = r#"{"type":"tool_use","id":"2","name":"t","input":{}}"#;
        let decoded = |items: &[&str]| {
            let body = format!(r#"{{"content":[{}],"stop_reason":"tool_use"}}"#, items.join(","));
            decode(body.as_bytes(), &plan).unwrap().choices.remove(0).blocks
        };
        assert_eq!(decoded(&[text, json, json]), [Block::text(r#"{"a":1}"#)]);
        assert_eq!(decoded(&[text]), [Block::text("Here it is:")]);
        let blocks = decoded(&[text, tool]);
        assert!(matches!(&blocks[..], [Block::Text(_), Block::ToolCall(_)]), "{blocks:?}");
    }

    #[test]
    fn b34_cut_off_arguments() {
        let call =
            ToolCall { id: "c1".into(), name: "f".into(), arguments: r#"{"a": "lon"#.into(), ..ToolCall::default() };
        let finish = Finish::new(FinishReason::Length);
        let choice = Choice { blocks: vec![Block::ToolCall(call)], finish, logprobs: None };
        let body = encode(&Answer { choices: vec![choice], ..Answer::default() }, &echo());
        assert!(text_of(&body).contains(r#""input":{},"partial_json":"{\"a\": \"lon"}],"stop_reason":"max_tokens""#));
    }

    #[test]
    fn b30_b35_usage_in_the_words_of_anthropic() {
        for (usage, expected) in [
            (
                Usage {
                    input: Some(105),
                    output: Some(320),
                    cache_read: Some(60),
                    reasoning: Some(300),
                    ..Usage::default()
                },
                concat!(
                    r#""usage":{"input_tokens":45,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"#,
                    r#""output_tokens":320,"output_tokens_details":{"thinking_tokens":300}}"#
                ),
            ),
            (
                Usage { input: Some(1210), output: Some(50), cache_read: Some(1000), ..Usage::default() },
                concat!(
                    r#""usage":{"input_tokens":210,"cache_creation_input_tokens":0,"cache_read_input_tokens":1000,"#,
                    r#""output_tokens":50}"#
                ),
            ),
        ] {
            let body = encode(&Answer { usage: Some(usage), ..Answer::default() }, &echo());
            assert!(text_of(&body).contains(expected), "{body:?}");
        }
    }

    #[test]
    fn what_is_no_answer() {
        let error = br#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
        assert_eq!(decode(error, &Plan::default()), Err(DecodeError::Upstream(Bytes::from_static(error))));
        for body in ["", "{}", "[]", r#"{"content":"x"}"#] {
            assert!(matches!(decode(body.as_bytes(), &Plan::default()), Err(DecodeError::Invalid(_))), "{body}");
        }
        assert_eq!(decode_count(&encode_count(7)), Some(7));
    }
}
