//! Recorded traffic of servers that speak Chat Completions, through the codec.

use serde_json::Value;
use tollgate_core::ir::{Answer, Losses, Prompt, Protocol, Thought};
use tollgate_protocols::codec::{
    self, Aggregator, DecodeError, Dialect, Encoded, Plan, ReasoningField, ReasoningReplay, Target,
};
use tollgate_testkit::recordings::oracle::{self, Ending, Tokens};
use tollgate_testkit::recordings::{Api, Exchange, Recordings, sse};

/// A server that refuses nothing, so that whatever is lost on the way to it is lost by the codec.
const OPEN: Dialect = Dialect {
    refuses_unknown: false,
    top_k: true,
    cache_control: true,
    reasoning_field: ReasoningField::Details,
    reasoning_replay: ReasoningReplay::All,
    ..Dialect::OPENAI
};

fn chats() -> Option<Vec<Exchange>> {
    let recordings = Recordings::load_shared()?;
    Some(recordings.exchanges.into_iter().filter(|exchange| exchange.api == Api::Chat).collect())
}

fn stream(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut decoder = codec::stream_decoder(Protocol::OpenAiChat, &Dialect::GENERIC, &Plan::default());
    let mut events = Vec::new();
    for data in sse::events(body).into_iter().filter_map(sse::data).filter(|data| !data.is_empty()) {
        decoder.event(&data, &mut events)?;
    }
    decoder.finish(&mut events)?;
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    Ok(aggregator.finish())
}

fn counts(answer: &Answer) -> Option<Tokens> {
    let usage = answer.usage?;
    Some(Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_creation: usage.cache_creation,
        reasoning: usage.reasoning,
    })
}

#[test]
fn recorded_answers_are_read() {
    let Some(exchanges) = chats() else { return println!("skipped: no recordings") };
    let (mut read, mut faults) = (0, Vec::new());
    for exchange in exchanges.iter().filter(|exchange| exchange.is_success()) {
        let body = exchange.body.bytes();
        let answer = if exchange.body.is_stream() {
            let ending = oracle::ending(Api::Chat, body);
            match (stream(body), ending) {
                (Ok(answer), Ending::Complete) => answer,
                (Err(DecodeError::Upstream(_)), Ending::Failed) | (Err(DecodeError::Invalid(_)), Ending::Truncated) => {
                    continue;
                }
                (other, ending) => {
                    faults.push(format!("{exchange}: {ending:?}, but {:?}", other.map(drop)));
                    continue;
                }
            }
        } else {
            match codec::decode_answer(Protocol::OpenAiChat, body, &Plan::default()) {
                Ok(answer) => answer,
                Err(DecodeError::Upstream(_)) if oracle::is_error_body(body) => continue,
                Err(error) => {
                    faults.push(format!("{exchange}: {error:?}"));
                    continue;
                }
            }
        };
        read += 1;
        if counts(&answer) != oracle::tokens(exchange) {
            faults.push(format!("{exchange}: {:?} and not {:?}", counts(&answer), oracle::tokens(exchange)));
        }
        if !exchange.body.is_stream() {
            faults.extend(differs(body, &answer).map(|what| format!("{exchange}: {what}")));
        }
    }
    assert!(faults.is_empty(), "{} of {read}:\n{}", faults.len(), faults.join("\n"));
    assert!(read > 100, "{read} answers");
}

/// What a client reads is what the server said.
fn differs(body: &[u8], answer: &Answer) -> Option<String> {
    let given: Value = serde_json::from_slice(body).ok()?;
    let echo = codec::Echo {
        prompt: std::sync::Arc::new(Prompt::new(Protocol::OpenAiChat)),
        model: String::new(),
        now: 0,
        id: None,
    };
    let written: Value = serde_json::from_slice(&codec::encode_answer(answer, &echo)).ok()?;
    let given_choices = given["choices"].as_array()?;
    for (index, given) in given_choices.iter().enumerate() {
        let (given, written) = (&given["message"], &written["choices"][index]["message"]);
        let text = |message: &Value| message["content"].as_str().map(str::to_owned).unwrap_or_default();
        if given["content"].is_string() && text(given) != text(written) {
            return Some(format!("{given} became {written}"));
        }
        let calls = |message: &Value| -> Vec<(Value, Value)> {
            let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
            calls.iter().map(|call| (call["id"].clone(), call["function"]["name"].clone())).collect()
        };
        if calls(given) != calls(written) {
            return Some(format!("{given} became {written}"));
        }
    }
    None
}

#[test]
fn recorded_requests_survive_a_round_trip() {
    let Some(exchanges) = chats() else { return println!("skipped: no recordings") };
    let (mut read, mut faults) = (0, Vec::new());
    for exchange in exchanges.iter().filter(|exchange| exchange.is_success()) {
        let Some(request) = &exchange.request else { continue };
        let prompt = match codec::decode_request(Protocol::OpenAiChat, request.to_string().as_bytes()) {
            Ok(prompt) => prompt,
            Err(error) => {
                faults.push(format!("{exchange}: {error}"));
                continue;
            }
        };
        read += 1;
        let again = encode(&prompt).and_then(|encoded| codec::decode_request(Protocol::OpenAiChat, &encoded.body));
        match again {
            Ok(again) if said(&again) == said(&prompt) => {}
            Ok(again) => faults.push(format!("{exchange}:\n  {:?}\n  {:?}", said(&prompt), said(&again))),
            Err(error) => faults.push(format!("{exchange}: {error}")),
        }
    }
    assert!(faults.is_empty(), "{} of {read}:\n{}", faults.len(), faults.join("\n"));
    assert!(read > 100, "{read} requests");
}

fn encode(prompt: &Prompt) -> Result<Encoded, tollgate_core::Error> {
    // A model without gates takes every setting.
    let target = Target::new(Protocol::OpenAiChat, "m", &OPEN);
    codec::encode_request(prompt, &target, &mut Losses::default())
}

/// What must come through.
fn said(prompt: &Prompt) -> Prompt {
    let mut said = prompt.clone();
    said.model.clear();
    said.stream_usage = prompt.stream;
    // OpenRouter has one word for both.
    if said.reasoning.effort.is_some() && said.reasoning.thought == Some(Thought::Adaptive) {
        said.reasoning.thought = None;
    }
    said.extras.sort_by(|a, b| a.name.cmp(&b.name));
    said.extras.retain(|extra| !extra.name.contains('.'));
    said
}
