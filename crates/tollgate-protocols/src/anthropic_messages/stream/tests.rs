//! Tests of streams, both ways.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use tollgate_core::Usage;
use tollgate_core::ir::{
    Block, Delta, Event, Finish, FinishReason, OpenBlock, Origin, Prompt, Protocol, Signature, ToolKind,
};

use super::*;
use crate::codec::{Aggregator, DecodeError, DecodeStream, Echo, EncodeStream, Plan};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"claude-x","content":[],"usage":{"input_tokens":100,"output_tokens":1}}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn decode(plan: &Plan, events: &[&str]) -> Vec<Event> {
    let (mut decoder, mut out) = (Decoder::new(plan), Vec::new());
    for event in events {
        decoder.event(event.as_bytes(), &mut out).unwrap();
    }
    decoder.finish(&mut out).unwrap();
    out
}

fn encoder() -> Encoder {
    let prompt = Arc::new(Prompt::new(Protocol::AnthropicMessages));
    Encoder::new(Echo { prompt, model: "m".to_owned(), now: 0, id: None })
}

/// The data of the events that an encoder writes, without pings.
fn encode(events: &[Event]) -> Vec<String> {
    let (mut encoder, mut out) = (encoder(), Vec::new());
    events.iter().for_each(|event| encoder.event(event, &mut out));
    let text = String::from_utf8(out).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    data.filter(|data| data != r#"{"type":"ping"}"#).collect()
}

fn blocks_of(events: Vec<Event>) -> Vec<Block> {
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    aggregator.finish().blocks().to_vec()
}

fn tool(deltas: &[&str]) -> Vec<Event> {
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_A","name":"w","input":{}}}"#;
    let mut events = vec![START, start];
    let deltas: Vec<String> = deltas
        .iter()
        .map(|json| crate::json::literal(json))
        .map(|json| format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"input_json_delta","partial_json":{json}}}}}"#))
        .collect();
    events.extend(deltas.iter().map(|delta| &**delta));
    events.push(r#"{"type":"content_block_stop","index":0}"#);
    events.push(r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":40}}"#);
    events.push(STOP);
    decode(&Plan::default(), &events)
}

#[test]
fn b01_b02_arguments_are_neither_empty_nor_doubled() {
    for (deltas, expected) in
        [(&[][..], "{}"), (&[""], "{}"), (&["", "{\"city\"", ":\"Paris\"}"], r#"{"city":"Paris"}"#)]
    {
        let [Block::ToolCall(call)] = &blocks_of(tool(deltas))[..] else { panic!("{deltas:?}") };
        assert_eq!(call.arguments, expected);
    }
}

#[test]
fn b11_counts_replace_each_other() {
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":10,"cache_read_input_tokens":1000,"output_tokens":1}}}"#;
    let end =
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":10,"output_tokens":40}}"#;
    let events = decode(&Plan::default(), &[start, end, STOP]);
    let last = events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    });
    let expected = Usage { input: Some(1010), cache_read: Some(1000), output: Some(40), ..Usage::default() };
    assert_eq!(last, Some(expected));
    // An empty turn is a turn.
    assert!(matches!(&events[events.len() - 2..], [Event::Finish { .. }, Event::End]), "{events:?}");
}

#[test]
fn b07_a_stream_comes_back_as_it_was() {
    let stream = [
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":15,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"plan"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIG=="}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"R"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"web_search_tool_result","tool_use_id":"s","content":[]}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"c"}}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_A","name":"t","input":{}}}"#,
        r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_stop","index":4}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":15,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":9}}"#,
        STOP,
    ];
    assert_eq!(encode(&decode(&Plan::default(), &stream)), stream);
}

#[test]
fn pieces_of_unknown_blocks_are_put_together() {
    let events = decode(
        &Plan::default(),
        &[
            START,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\":"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"q\"}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"compaction","content":null}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"compaction_delta","content":"sum"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"compaction_delta","content":"mary"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        ],
    );
    let [Block::Opaque(search), Block::Opaque(compaction)] = &blocks_of(events)[..] else { panic!() };
    assert_eq!(search.json, r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}}"#);
    assert_eq!(compaction.json, r#"{"type":"compaction","content":"summary"}"#);
}

#[test]
fn b15_errors_and_cut_streams_are_no_success() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let (mut decoder, mut out) = (Decoder::new(&Plan::default()), Vec::new());
    decoder.event(START.as_bytes(), &mut out).unwrap();
    let failed = decoder.event(error.as_bytes(), &mut out);
    assert_eq!(failed, Err(DecodeError::Upstream(Bytes::from_static(error.as_bytes()))));
    assert!(matches!(decoder.finish(&mut out), Err(DecodeError::Invalid(_))));
    assert!(!out.iter().any(|event| matches!(event, Event::Finish { .. } | Event::End)));
}

#[test]
fn b28_the_tool_for_structured_output_is_text() {
    let plan = Plan { json_tool: Some("w".to_owned()), custom_tools: vec!["c".to_owned()], ..Plan::default() };
    let call = |name: &str, json: &str| {
        let events = [
            START.to_owned(),
            format!(
                r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"tool_use","id":"1","name":"{name}","input":{{}}}}}}"#
            ),
            format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"input_json_delta","partial_json":{}}}}}"#,
                crate::json::literal(json)
            ),
            r#"{"type":"content_block_stop","index":0}"#.to_owned(),
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#.to_owned(),
        ];
        let events: Vec<&str> = events.iter().map(|event| &**event).collect();
        let events = decode(&plan, &events);
        let finish = events.iter().find_map(|event| match event {
            Event::Finish { finish, .. } => Some(finish.reason),
            _ => None,
        });
        (blocks_of(events), finish)
    };
    assert_eq!(call("w", r#"{"a":1}"#), (vec![Block::text(r#"{"a":1}"#)], Some(FinishReason::Stop)));
    let (blocks, finish) = call("c", r#"{"input":"ls"}"#);
    let [Block::ToolCall(custom)] = &blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((custom.kind, &*custom.arguments, finish), (ToolKind::Custom, "ls", Some(FinishReason::ToolCalls)));
}

fn open(index: u32, id: &str) -> Event {
    let block = OpenBlock::ToolCall { id: id.to_owned(), name: id.to_owned(), kind: ToolKind::Function };
    Event::Open { index, choice: 0, block }
}

fn arguments(index: u32, json: &str) -> Event {
    Event::Delta { index, delta: Delta::Arguments(json.to_owned()) }
}

#[test]
fn b16_overlapping_calls_are_written_one_after_the_other() {
    let events = [
        Event::Start { id: None, model: None, created: None },
        Event::Open { index: 0, choice: 0, block: OpenBlock::Text },
        Event::Delta { index: 0, delta: Delta::Text("Let me ".to_owned()) },
        Event::Close { index: 0 },
        open(1, "a"),
        arguments(1, "{\"x\""),
        open(2, "b"),
        arguments(2, "{}"),
        arguments(1, ":1}"),
        Event::Close { index: 2 },
        Event::Close { index: 1 },
        Event::Finish { choice: 0, finish: Finish::new(FinishReason::ToolCalls) },
        Event::Usage(Usage { input: Some(1210), cache_read: Some(1000), output: Some(50), ..Usage::default() }),
        Event::End,
    ];
    let data = encode(&events);
    assert!(data[0].contains(r#""usage":{"input_tokens":0,"#));
    let expected = [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Let me "}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"a","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"b","name":"b","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":210,"cache_creation_input_tokens":0,"cache_read_input_tokens":1000,"output_tokens":50}}"#,
        STOP,
    ];
    assert_eq!(data[1..], expected);
}

#[test]
fn a_signature_of_a_call_stands_before_it() {
    let signature = Signature { origin: Origin::Google, value: "U0lH".to_owned() };
    let events = [
        open(0, "a"),
        arguments(0, "{}"),
        Event::Delta { index: 0, delta: Delta::Signature(signature) },
        Event::Close { index: 0 },
        Event::End,
    ];
    let data = encode(&events);
    assert!(data[2].contains(r#""signature":"tollgate:google:U0lH""#), "{data:?}");
    assert!(
        data[4].contains(r#""content_block":{"type":"tool_use""#) && data[5].contains("input_json_delta"),
        "{data:?}"
    );
    assert!(data[7].contains(r#""stop_reason":"tool_use""#), "{data:?}");
}

proptest! {
    #[test]
    fn no_bytes_and_no_order_of_events_panic(data in proptest::collection::vec((0usize..9, any::<u8>()), 0..40), raw in any::<Vec<u8>>()) {
        let pieces = [
            START,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"","name":"w","input":{"a":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"odd","x":1}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"odd","x":"y","z":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"explanation":"no"}},"usage":{"output_tokens":2}}"#,
            STOP,
        ];
        let (mut decoder, mut events) = (Decoder::new(&Plan::default()), Vec::new());
        let _ = decoder.event(&raw, &mut events);
        for (piece, _) in &data {
            let _ = decoder.event(pieces[*piece].as_bytes(), &mut events);
        }
        let _ = decoder.finish(&mut events);
        // Out of order as well: an encoder must bear it.
        let mut shuffled = events.clone();
        for (at, (_, by)) in data.iter().enumerate() {
            if !shuffled.is_empty() {
                let (a, b) = (at % shuffled.len(), usize::from(*by) % shuffled.len());
                shuffled.swap(a, b);
            }
        }
        encode(&events);
        encode(&shuffled);
    }
}

#[test]
fn words_around_structured_output_are_held_back() {
    let plan = Plan { json_tool: Some("j".to_owned()), ..Plan::default() };
    let text = |at: usize| {
        vec![
            format!(r#"{{"type":"content_block_start","index":{at},"content_block":{{"type":"text","text":""}}}}"#),
            format!(r#"{{"type":"content_block_delta","index":{at},"delta":{{"type":"text_delta","text":"Well:"}}}}"#),
            format!(r#"{{"type":"content_block_stop","index":{at}}}"#),
        ]
    };
    let call = |at: usize, name: &str| {
        vec![
            format!(
                r#"{{"type":"content_block_start","index":{at},"content_block":{{"type":"tool_use","id":"{at}","name":"{name}","input":{{}}}}}}"#
            ),
            format!(r#"{{"type":"content_block_stop","index":{at}}}"#),
        ]
    };
    let said = |pieces: Vec<Vec<String>>| {
        let end = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#.to_owned();
        let events: Vec<String> = [START.to_owned()].into_iter().chain(pieces.concat()).chain([end]).collect();
        blocks_of(decode(&plan, &events.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    assert_eq!(said(vec![text(0), call(1, "j"), call(2, "j"), text(3)]), [Block::text("{}")]);
    assert_eq!(said(vec![text(0)]), [Block::text("Well:")]);
    let blocks = said(vec![text(0), call(1, "t")]);
    assert!(matches!(&blocks[..], [Block::Text(_), Block::ToolCall(_)]), "{blocks:?}");
}
