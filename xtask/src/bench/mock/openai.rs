//! OpenAI's answers, member for member and in the order in which the real service writes them.
//!
//! They are text and not a JSON value because a sorted map would change that order, and a gateway that searches for a
//! member would then be measured on something it never meets.

use std::sync::Arc;

use bytes::Bytes;

const HEAD: &str = r#""created":1760000000,"model":"mock-model""#;
const CHUNK: &str = r#"{"id":"chatcmpl-CQbench000000000000000000000","object":"chat.completion.chunk""#;
const CHUNK_MORE: &str = r#""service_tier":"default","system_fingerprint":"fp_bench00000""#;
const USAGE: &str = concat!(
    r#"{"prompt_tokens":42,"completion_tokens":180,"total_tokens":222,"#,
    r#""prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":"#,
    r#"{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#
);
const RESPONSE_USAGE: &str = concat!(
    r#"{"input_tokens":42,"input_tokens_details":{"cached_tokens":0},"output_tokens":180,"#,
    r#""output_tokens_details":{"reasoning_tokens":0},"total_tokens":222}"#
);
const MESSAGE_ID: &str = "msg_bench0000000000000000000000000000";

pub(super) fn models() -> Bytes {
    r#"{"object":"list","data":[{"id":"mock-model","object":"model","created":1760000000,"owned_by":"mock"}]}"#.into()
}

pub(super) fn embeddings() -> Bytes {
    let vector: Vec<String> = (0..256_u16).map(|i| format!("{:.6}", f32::from(i) / 4096.0 - 0.03)).collect();
    let usage = r#"{"prompt_tokens":8,"total_tokens":8}"#;
    let vector = vector.join(",");
    format!(
        r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[{vector}]}}],"model":"mock-model","usage":{usage}}}"#
    )
    .into()
}

pub(super) fn chat(text: &str) -> Bytes {
    let choice = format!(
        r#"{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}"#
    );
    format!(
        r#"{{"id":"chatcmpl-CQbench000000000000000000000","object":"chat.completion",{HEAD},"choices":[{choice}],"usage":{USAGE},{CHUNK_MORE}}}"#
    )
    .into()
}

/// Role, `chunks` times content, finish, the usage if asked for, `[DONE]`.
pub(super) fn chat_events(chunks: usize, with_usage: bool) -> Arc<[Bytes]> {
    // With usage asked for, all other chunks carry a null.
    let usage = if with_usage { r#","usage":null"# } else { "" };
    let chunk = |delta: &str, finish: &str| {
        let choices = format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#);
        let body = format!(r#"{CHUNK},{HEAD},{CHUNK_MORE},"choices":{choices}{usage}"#);
        // The service pads its chunks to hide the lengths of tokens.
        let padding = "x".repeat(278_usize.saturating_sub(body.len()));
        Bytes::from(format!("data: {body},\"obfuscation\":\"{padding}\"}}\n\n"))
    };
    let mut events = vec![chunk(r#"{"role":"assistant","content":"","refusal":null}"#, "null")];
    events.extend((0..chunks).map(|i| chunk(&format!(r#"{{"content":" token{i}"}}"#), "null")));
    events.push(chunk("{}", r#""stop""#));
    if with_usage {
        let body = format!(r#"{CHUNK},{HEAD},{CHUNK_MORE},"choices":[],"usage":{USAGE}"#);
        events.push(format!("data: {body},\"obfuscation\":\"\"}}\n\n").into());
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events.into()
}

fn response_object(status: &str, output: &str, usage: &str) -> String {
    format!(
        concat!(
            r#"{{"id":"resp_bench0000000000000000000000000000","object":"response","created_at":1760000000,"#,
            r#""status":"{}","error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"#,
            r#""model":"mock-model","output":[{}],"parallel_tool_calls":true,"previous_response_id":null,"#,
            r#""reasoning":{{"effort":null,"summary":null}},"store":true,"temperature":1.0,"#,
            r#""text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],"top_p":1.0,"#,
            r#""truncation":"disabled","usage":{},"user":null,"metadata":{{}}}}"#
        ),
        status, output, usage
    )
}

fn part(text: &str) -> String {
    format!(r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":"{text}"}}"#)
}

fn item(status: &str, content: &str) -> String {
    format!(r#"{{"id":"{MESSAGE_ID}","type":"message","status":"{status}","content":[{content}],"role":"assistant"}}"#)
}

pub(super) fn response(text: &str) -> Bytes {
    response_object("completed", &item("completed", &part(text)), RESPONSE_USAGE).into()
}

/// Created, in progress, item, part, `chunks` deltas, text done, part done, item done, completed.
pub(super) fn response_events(chunks: usize) -> Arc<[Bytes]> {
    let mut events: Vec<Bytes> = Vec::new();
    let mut push = |kind: &str, members: String| {
        let number = events.len();
        events.push(
            format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},{members}}}\n\n").into(),
        );
    };
    let place = format!(r#""item_id":"{MESSAGE_ID}","output_index":0,"content_index":0"#);
    let words: Vec<String> = (0..chunks).map(|i| format!(" token{i}")).collect();
    let text = words.concat();

    let begun = response_object("in_progress", "", "null");
    push("response.created", format!(r#""response":{begun}"#));
    push("response.in_progress", format!(r#""response":{begun}"#));
    push("response.output_item.added", format!(r#""output_index":0,"item":{}"#, item("in_progress", "")));
    push("response.content_part.added", format!(r#"{place},"part":{}"#, part("")));
    for word in &words {
        let padding = "x".repeat(64);
        push(
            "response.output_text.delta",
            format!(r#"{place},"delta":"{word}","logprobs":[],"obfuscation":"{padding}""#),
        );
    }
    push("response.output_text.done", format!(r#"{place},"text":"{text}","logprobs":[]"#));
    push("response.content_part.done", format!(r#"{place},"part":{}"#, part(&text)));
    let done = item("completed", &part(&text));
    push("response.output_item.done", format!(r#""output_index":0,"item":{done}"#));
    let completed = response_object("completed", &done, RESPONSE_USAGE);
    push("response.completed", format!(r#""response":{completed}"#));
    events.into()
}
