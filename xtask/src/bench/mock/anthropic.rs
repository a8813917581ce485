//! Anthropic's answers, member for member and in the real order.

use std::sync::Arc;

use bytes::Bytes;

const ID: &str = "msg_01bench00000000000000000";

pub(super) fn message(text: &str) -> Bytes {
    let usage = r#"{"input_tokens":42,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":180,"service_tier":"standard"}"#;
    format!(
        concat!(
            r#"{{"model":"mock-model","id":"{}","type":"message","role":"assistant","#,
            r#""content":[{{"type":"text","text":"{}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{}}}"#
        ),
        ID, text, usage
    )
    .into()
}

/// `message_start`, block start, ping, `chunks` deltas, block stop, `message_delta`, `message_stop`.
pub(super) fn message_events(chunks: usize) -> Arc<[Bytes]> {
    let event =
        |kind: &str, members: &str| Bytes::from(format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{members}}}\n\n"));
    let start = format!(
        concat!(
            r#","message":{{"model":"mock-model","id":"{}","type":"message","role":"assistant","content":[],"#,
            r#""stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":42,"cache_creation_input_tokens":0,"#,
            r#""cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}}}"#
        ),
        ID
    );
    let mut events = vec![
        event("message_start", &start),
        event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
        event("ping", ""),
    ];
    events.extend((0..chunks).map(|i| {
        let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":" token{i}"}}"#);
        event("content_block_delta", &delta)
    }));
    events.push(event("content_block_stop", r#","index":0"#));
    let delta = r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":180}"#;
    events.push(event("message_delta", delta));
    events.push(event("message_stop", ""));
    events.into()
}
