//! What a translation costs: requests, whole answers and single events of streams, for every client's protocol and every
//! provider's.

use std::fmt;
use std::sync::Arc;

use divan::{Bencher, black_box};
use tollgate_core::ir::{Losses, Prompt, Protocol};
use tollgate_protocols::codec::{self, Dialect, Echo, Plan, Target};

fn main() {
    divan::main();
}

const FRONTS: [Protocol; 5] = [
    Protocol::OpenAiChat,
    Protocol::OpenAiResponses,
    Protocol::AnthropicMessages,
    Protocol::GeminiGenerate,
    Protocol::OllamaChat,
];

/// A client's protocol and a provider's.
#[derive(Clone, Copy)]
struct Pair(Protocol, Protocol);

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.0, self.1)
    }
}

fn pairs() -> impl Iterator<Item = Pair> {
    FRONTS.into_iter().flat_map(|front| Protocol::ALL.into_iter().map(move |provider| Pair(front, provider)))
}

fn pairs_with_pieces() -> impl Iterator<Item = Pair> {
    pairs().filter(|pair| !matches!(pair.1, Protocol::GeminiGenerate | Protocol::OllamaChat))
}

fn target(protocol: Protocol) -> Target<'static> {
    let (model, dialect) = match protocol {
        Protocol::OpenAiChat | Protocol::OpenAiResponses => ("gpt-4o", &Dialect::OPENAI),
        Protocol::AnthropicMessages => ("claude-sonnet-4-5", &Dialect::GENERIC),
        Protocol::GeminiGenerate => ("gemini-2.5-flash", &Dialect::GENERIC),
        Protocol::BedrockConverse => ("us.anthropic.claude-sonnet-4-5", &Dialect::GENERIC),
        Protocol::CohereChat => ("command-a", &Dialect::GENERIC),
        _ => ("qwen3", &Dialect::GENERIC),
    };
    Target::new(protocol, model, dialect)
}

fn echo(front: Protocol) -> Echo {
    let prompt = Arc::new(Prompt { stream: true, stream_usage: true, ..Prompt::new(front) });
    Echo { prompt, model: "m".to_owned(), now: 1_700_000_000, id: None }
}

// === requests ===

const TEXT: &str = "The quick brown fox jumps over the lazy dog; »naïve« coders say \\\"hello\\\" and go on.\\n";

/// A conversation of about 4 KB with a system text, three tools, calls and their results.
fn chat_request() -> String {
    let text = TEXT.repeat(4);
    let tool = |name: &str| {
        format!(
            r#"{{"type":"function","function":{{"name":"{name}","description":"{TEXT}","parameters":{{"type":"object","properties":{{"city":{{"type":"string","description":"A city"}},"unit":{{"type":"string","enum":["c","f"]}},"days":{{"type":"integer","minimum":1}}}},"required":["city"]}}}}}}"#
        )
    };
    let tools = [tool("weather"), tool("forecast"), tool("history")].join(",");
    let call = |id: u32| {
        format!(
            r#"{{"role":"assistant","content":"{TEXT}","tool_calls":[{{"id":"call_{id}","type":"function","function":{{"name":"weather","arguments":"{{\"city\":\"Berlin\",\"unit\":\"c\"}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{id}","content":"{TEXT}{TEXT}"}}"#
        )
    };
    format!(
        r#"{{"model":"m","messages":[{{"role":"system","content":"{text}{text}"}},{{"role":"user","content":"{text}"}},{},{},{{"role":"assistant","content":"{text}"}},{{"role":"user","content":"{TEXT}"}}],"tools":[{tools}],"tool_choice":"auto","temperature":0.7,"max_completion_tokens":1000,"stream":true}}"#,
        call(1),
        call(2)
    )
}

/// The same conversation in another client's protocol.
fn request(front: Protocol) -> Vec<u8> {
    let chat = chat_request();
    if front == Protocol::OpenAiChat {
        return chat.into_bytes();
    }
    let prompt = codec::decode_request(Protocol::OpenAiChat, chat.as_bytes()).expect("it is valid");
    let encoded = codec::encode_request(&prompt, &target(front), &mut Losses::default());
    encoded.expect("it can be said").body.to_vec()
}

#[divan::bench(args = pairs())]
fn request_of_4_kb(bencher: Bencher<'_, '_>, Pair(front, provider): Pair) {
    let (body, target) = (request(front), target(provider));
    assert!((3700..4800).contains(&body.len()), "{} bytes", body.len());
    bencher.bench_local(|| {
        let prompt = codec::decode_request(front, black_box(&body)).expect("it is valid");
        codec::encode_request(&prompt, &target, &mut Losses::default()).expect("it can be said")
    });
}

// === whole answers ===

const CHAT_ANSWER: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"TEXT","tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Berlin\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;
const BEDROCK_ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"TEXT"},{"toolUse":{"toolUseId":"c1","name":"weather","input":{"city":"Berlin"}}}]}},"stopReason":"tool_use","usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7}}"#;
const COHERE_ANSWER: &str = r#"{"id":"1","message":{"role":"assistant","content":[{"type":"text","text":"TEXT"}],"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Berlin\"}"}}]},"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":6,"output_tokens":2}}}"#;

/// An answer of about 2 KB with a call.
fn answer(provider: Protocol) -> Vec<u8> {
    let fill = |answer: &str| answer.replace("TEXT", &TEXT.repeat(20)).into_bytes();
    match provider {
        Protocol::OpenAiChat => fill(CHAT_ANSWER),
        Protocol::BedrockConverse => fill(BEDROCK_ANSWER),
        Protocol::CohereChat => fill(COHERE_ANSWER),
        front => {
            let answer = codec::decode_answer(Protocol::OpenAiChat, &fill(CHAT_ANSWER), &Plan::default());
            codec::encode_answer(&answer.expect("it is valid"), &echo(front)).to_vec()
        }
    }
}

#[divan::bench(args = pairs())]
fn answer_of_2_kb(bencher: Bencher<'_, '_>, Pair(front, provider): Pair) {
    let (body, plan, echo) = (answer(provider), Plan::default(), echo(front));
    assert!((1800..3500).contains(&body.len()), "{} bytes", body.len());
    bencher.bench_local(|| {
        let answer = codec::decode_answer(provider, black_box(&body), &plan).expect("it is valid");
        codec::encode_answer(&answer, &echo)
    });
}

// === streams ===

/// What comes before the pieces of a text, and a piece.
fn text_stream(provider: Protocol) -> &'static [&'static str] {
    match provider {
        Protocol::OpenAiResponses => &[
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","model":"m","created_at":1,"status":"in_progress","output":[]}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m","role":"assistant","content":[]}}"#,
            r#"{"type":"response.content_part.added","item_id":"m","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":9,"item_id":"m","output_index":0,"content_index":0,"delta":" a few words","logprobs":[]}"#,
        ],
        Protocol::AnthropicMessages => &[
            r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" a few words"}}"#,
        ],
        Protocol::GeminiGenerate => &[
            r#"{"candidates":[{"content":{"parts":[{"text":" a few words"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7},"modelVersion":"g","responseId":"r"}"#,
        ],
        Protocol::OllamaChat => &[
            r#"{"model":"m","created_at":"2025-01-01T00:00:00.123456Z","message":{"role":"assistant","content":" a few words"},"done":false}"#,
        ],
        Protocol::BedrockConverse => &[
            r#"{"messageStart":{"role":"assistant"}}"#,
            r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":" a few words"},"p":"abcdefgh"}}"#,
        ],
        Protocol::CohereChat => &[
            r#"{"type":"message-start","id":"1","delta":{"message":{"role":"assistant"}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" a few words"}}}}"#,
        ],
        _ => &[
            r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" a few words"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        ],
    }
}

/// What comes before the pieces of a call's arguments, and a piece; Gemini and Ollama give calls whole.
fn call_stream(provider: Protocol) -> &'static [&'static str] {
    match provider {
        Protocol::OpenAiResponses => &[
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","model":"m","created_at":1,"status":"in_progress","output":[]}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":""}}"#,
            r#"{"type":"response.function_call_arguments.delta","sequence_number":9,"item_id":"fc","output_index":0,"delta":"\"city\": "}"#,
        ],
        Protocol::AnthropicMessages => &[
            r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c1","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"city\": "}}"#,
        ],
        Protocol::BedrockConverse => &[
            r#"{"contentBlockStart":{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"c1","name":"f"}}}}"#,
            r#"{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"toolUse":{"input":"\"city\": "}},"p":"abcdefgh"}}"#,
        ],
        Protocol::CohereChat => &[
            r#"{"type":"message-start","id":"1","delta":{"message":{"role":"assistant"}}}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c1","type":"function","function":{"name":"f","arguments":""}}}}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"\"city\": "}}}}}"#,
        ],
        _ => &[
            r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
            r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"city\": "}}]},"finish_reason":null}],"usage":null}"#,
        ],
    }
}

/// One piece of a stream that is under way.
fn event(bencher: Bencher<'_, '_>, Pair(front, provider): Pair, stream: &[&str]) {
    let (piece, before) = stream.split_last().expect("it has a piece");
    let mut decoder = codec::stream_decoder(provider, target(provider).dialect, &Plan::default());
    let mut encoder = codec::stream_encoder(echo(front));
    let (mut events, mut out) = (Vec::new(), Vec::new());
    let mut step = |data: &str| {
        out.clear();
        decoder.event(data.as_bytes(), &mut events).expect("it is valid");
        let count = events.len();
        events.drain(..).for_each(|event| encoder.event(&event, &mut out));
        count
    };
    for data in before {
        step(data);
    }
    assert!(step(piece) > 0, "a piece without events");
    bencher.bench_local(|| step(black_box(piece)));
}

#[divan::bench(args = pairs())]
fn text_delta(bencher: Bencher<'_, '_>, pair: Pair) {
    event(bencher, pair, text_stream(pair.1));
}

#[divan::bench(args = pairs_with_pieces())]
fn arguments_delta(bencher: Bencher<'_, '_>, pair: Pair) {
    event(bencher, pair, call_stream(pair.1));
}
