//! Every recording of Gemini through its codec: counts and ends as the oracle reads them, and back again.

use std::sync::Arc;

use serde_json::Value;
use tollgate_core::ir::{Answer, FinishReason, Losses, Prompt, Protocol};
use tollgate_protocols::codec::{
    Aggregator, DecodeError, DecodeStream as _, Dialect, Echo, EncodeStream as _, Plan, Target, replay,
};
use tollgate_protocols::gemini_generate::{request, response, stream};
use tollgate_testkit::recordings::{Api, Exchange, Recordings, oracle, sse};

fn exchanges() -> Vec<Exchange> {
    let Some(all) = Recordings::load_shared() else { return Vec::new() };
    all.exchanges.into_iter().filter(|exchange| exchange.api == Api::Gemini && exchange.status == 200).collect()
}

fn decode_stream(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut decoder = stream::Decoder::new(&Plan::default());
    let mut events = Vec::new();
    for data in sse::events(body).into_iter().filter_map(sse::data) {
        decoder.event(data.as_ref(), &mut events)?;
    }
    decoder.finish(&mut events)?;
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    Ok(aggregator.finish())
}

fn decode(exchange: &Exchange) -> Result<Answer, DecodeError> {
    match exchange.body.is_stream() {
        true => decode_stream(exchange.body.bytes()),
        false => response::decode(exchange.body.bytes(), &Plan::default()),
    }
}

/// The last reason to finish in a recording.
fn recorded_finish(exchange: &Exchange) -> Option<String> {
    let chunks: Vec<Value> = if exchange.body.is_stream() {
        sse::events(exchange.body.bytes()).into_iter().filter_map(sse::json).collect()
    } else {
        match serde_json::from_slice(exchange.body.bytes()).ok()? {
            Value::Array(items) => items,
            value => vec![value],
        }
    };
    let mut words = chunks.iter().filter_map(|chunk| chunk["candidates"][0]["finishReason"].as_str());
    words.next_back().map(str::to_owned)
}

#[test]
fn answers_say_what_the_recordings_say() {
    let exchanges = exchanges();
    let (mut read, mut failed) = (0, Vec::new());
    for exchange in &exchanges {
        let name = format!("{} {}", exchange.source.display(), exchange.index);
        let answer = match decode(exchange) {
            Ok(answer) => answer,
            Err(error) => {
                failed.push((name, error));
                continue;
            }
        };
        read += 1;
        let counts = answer.usage.map(|usage| (usage.input, usage.output));
        let expected = oracle::tokens(exchange).map(|tokens| (tokens.input, tokens.output));
        assert_eq!(counts, expected, "{name}");
        let has_calls = answer.blocks().iter().any(|block| matches!(block, tollgate_core::ir::Block::ToolCall(_)));
        let finish = answer.choices.first().map(|choice| choice.finish.reason);
        match recorded_finish(exchange).as_deref() {
            Some("MAX_TOKENS") => assert_eq!(finish, Some(FinishReason::Length), "{name}"),
            Some("STOP") if has_calls => assert_eq!(finish, Some(FinishReason::ToolCalls), "{name}"),
            Some("STOP") => assert_eq!(finish, Some(FinishReason::Stop), "{name}"),
            Some("SAFETY" | "RECITATION" | "PROHIBITED_CONTENT" | "IMAGE_SAFETY") => {
                assert_eq!(finish, Some(FinishReason::ContentFilter), "{name}");
            }
            _ => {}
        }
        comes_back(&answer, &name);
    }
    eprintln!("{read} of {} recordings read; others: {failed:#?}", exchanges.len());
    assert!(failed.len() * 50 <= exchanges.len(), "{failed:#?}");
}

/// What is written for a client who wants everything is read as the same answer.
fn comes_back(answer: &Answer, name: &str) {
    let mut prompt = Prompt::new(Protocol::GeminiGenerate);
    prompt.reasoning.include = Some(true);
    let echo = Echo { prompt: Arc::new(prompt), model: String::new(), now: 0, id: None };
    let whole = response::encode(answer, &echo);
    let back = response::decode(&whole, &Plan::default()).expect(name);
    assert_eq!(texts(&back), texts(answer), "{name}");
    assert_eq!(back.usage, answer.usage, "{name}");
    assert_eq!(finishes(&back), finishes(answer), "{name}");
    let mut encoder = stream::Encoder::new(echo);
    let mut out = Vec::new();
    replay(answer.clone()).iter().for_each(|event| encoder.event(event, &mut out));
    let back = decode_stream(&out).expect(name);
    assert_eq!(texts(&back), texts(answer), "{name}");
    assert_eq!(finishes(&back), finishes(answer), "{name}");
}

fn finishes(answer: &Answer) -> Vec<FinishReason> {
    answer.choices.iter().map(|choice| choice.finish.reason).collect()
}

/// Blocks without what a round may change: where a text that is empty stands, and whose words a citation holds.
fn texts(answer: &Answer) -> Vec<String> {
    use tollgate_core::ir::Block;
    let mut texts: Vec<String> = Vec::new();
    for block in answer.blocks() {
        texts.push(match block {
            Block::Text(text) if text.text.is_empty() => continue,
            Block::Text(text) => format!("text {} {:?}", text.text, text.signature),
            Block::Thinking(thinking) => format!("thinking {} {:?}", thinking.text, thinking.signature),
            Block::ToolCall(call) => format!("call {} {} {} {:?}", call.id, call.name, call.arguments, call.signature),
            other => format!("{other:?}"),
        });
    }
    texts
}

/// All blocks; neighbouring turns of one speaker are merged.
fn blocks(prompt: &Prompt) -> Vec<&tollgate_core::ir::Block> {
    prompt.turns.iter().flat_map(|turn| &turn.blocks).collect()
}

#[test]
fn requests_come_out_with_the_same_meaning() {
    for exchange in exchanges() {
        let Some(recorded) = exchange.request.clone().filter(|request| request["contents"].is_array()) else {
            continue;
        };
        let name = format!("{} {}", exchange.source.display(), exchange.index);
        let prompt = request::decode(recorded.to_string().as_bytes()).expect(&name);
        let target = Target::new(Protocol::GeminiGenerate, "gemini-2.5-flash", &Dialect::OPENAI);
        let encoded = request::encode(&prompt, &target, &mut Losses::default()).expect(&name);
        let again = request::decode(&encoded.body).expect(&name);
        assert_eq!(blocks(&again), blocks(&prompt), "{name}");
        assert_eq!(again.tools, prompt.tools, "{name}");
        assert_eq!(again.sampling, prompt.sampling, "{name}");
        assert_eq!(again.format, prompt.format, "{name}");
    }
}
