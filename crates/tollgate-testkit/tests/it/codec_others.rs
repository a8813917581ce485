//! The codecs of Bedrock, Cohere and Ollama on recorded answers.

use bytes::Bytes;
use serde_json::Value;
use tollgate_core::Usage;
use tollgate_core::ir::{Answer, Event, Protocol};
use tollgate_protocols::codec::{self, Aggregator, DecodeError, Dialect, Plan};
use tollgate_protocols::eventstream;
use tollgate_testkit::recordings::{Api, Exchange, Recordings, cuts, oracle, sse};

/// What a stream's decoder gets, one item for each event of the wire.
fn wire_events(exchange: &Exchange) -> Vec<Vec<u8>> {
    let body = exchange.body.bytes();
    match exchange.api {
        Api::ConverseStream => frames(body),
        Api::Ollama => lines(body),
        _ => sse::events(body).into_iter().filter_map(sse::data).collect(),
    }
}

fn lines(body: &[u8]) -> Vec<Vec<u8>> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec).collect()
}

/// Frames, cut at random points on the way, wrapped as the transport wraps them.
fn frames(body: &Bytes) -> Vec<Vec<u8>> {
    let mut decoder = eventstream::Decoder::new(1 << 24);
    let mut events = Vec::new();
    for piece in cuts::pieces(body, cuts::Cuts::random(7)) {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame().expect("sound frames") {
            let name = frame.event_type().unwrap_or_default();
            events.push([b"{\"", name.as_bytes(), b"\":", &frame.payload()[..], b"}"].concat());
        }
    }
    events
}

fn protocol(api: Api) -> Option<Protocol> {
    match api {
        Api::Converse | Api::ConverseStream => Some(Protocol::BedrockConverse),
        Api::Cohere => Some(Protocol::CohereChat),
        Api::Ollama => Some(Protocol::OllamaChat),
        _ => None,
    }
}

fn decode(protocol: Protocol, exchange: &Exchange) -> Result<Answer, DecodeError> {
    let events = wire_events(exchange);
    let is_stream = match exchange.api {
        Api::ConverseStream => true,
        Api::Ollama => events.len() > 1,
        _ => exchange.body.is_stream(),
    };
    if !is_stream {
        return codec::decode_answer(protocol, exchange.body.bytes(), &Plan::default());
    }
    let mut decoder = codec::stream_decoder(protocol, &Dialect::OPENAI, &Plan::default());
    let mut out = Vec::new();
    for event in events {
        decoder.event(&event, &mut out)?;
    }
    decoder.finish(&mut out)?;
    assert_order(&out, exchange);
    let mut aggregator = Aggregator::default();
    out.into_iter().for_each(|event| aggregator.event(event));
    Ok(aggregator.finish())
}

/// The order that [`Event`] promises.
fn assert_order(events: &[Event], exchange: &Exchange) {
    assert!(matches!(events.first(), Some(Event::Start { .. })), "{exchange}");
    assert_eq!(events.last(), Some(&Event::End), "{exchange}");
    let mut open = Vec::new();
    let mut next = 0;
    let mut finishes = 0;
    for event in events {
        match event {
            Event::Open { index, .. } => {
                assert_eq!(*index, next, "{exchange}");
                next += 1;
                open.push(*index);
            }
            Event::Whole { index, .. } => {
                assert_eq!(*index, next, "{exchange}");
                next += 1;
            }
            Event::Delta { index, .. } => assert!(open.contains(index), "{exchange}"),
            Event::Close { index } => {
                assert!(open.contains(index), "{exchange}");
                open.retain(|known| known != index);
            }
            Event::Finish { .. } => {
                assert!(open.is_empty(), "{exchange}");
                finishes += 1;
            }
            _ => {}
        }
    }
    assert_eq!(finishes, 1, "{exchange}");
}

/// Answers of these providers' other and older protocols are not for these codecs.
fn is_chat(exchange: &Exchange) -> bool {
    let events = wire_events(exchange);
    let body = exchange.body.bytes();
    let first: Value = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(events.first().map_or(b"", |e| e)))
        .unwrap_or_default();
    match exchange.api {
        Api::Ollama => first["message"].is_object(),
        Api::Cohere => first["message"].is_object() || first["type"].is_string(),
        _ => true,
    }
}

#[test]
fn recorded_answers_are_read_with_their_tokens() {
    let Some(recordings) = Recordings::load_shared() else {
        eprintln!("skipped: recorded traffic, without TOLLGATE_SHARED");
        return;
    };
    let mut read = std::collections::BTreeMap::new();
    for exchange in recordings.exchanges.iter().filter(|exchange| exchange.is_success()) {
        let Some(protocol) = protocol(exchange.api).filter(|_| is_chat(exchange)) else { continue };
        let answer = match decode(protocol, exchange) {
            Ok(answer) => answer,
            // Some collections keep only the beginning of a stream.
            Err(DecodeError::Invalid(why)) if why.starts_with("the stream ended") => {
                *read.entry((protocol, "cut short")).or_insert(0) += 1;
                continue;
            }
            Err(error) => panic!("{exchange}: {error:?}"),
        };
        let usage = answer.usage.unwrap_or_default();
        let tokens = oracle::tokens(exchange).unwrap_or_default();
        let expected = Usage {
            input: tokens.input,
            output: tokens.output,
            // Cohere's codec also reads the cached tokens, of which the oracle does not know.
            cache_read: if protocol == Protocol::CohereChat { usage.cache_read } else { tokens.cache_read },
            cache_creation: tokens.cache_creation,
            ..Usage::default()
        };
        assert_eq!(usage, expected, "{exchange}");
        assert!(!answer.blocks().is_empty() || usage.output.is_none_or(|output| output == 0), "{exchange}");
        *read.entry((protocol, "read")).or_insert(0) += 1;
    }
    eprintln!("{read:?}");
    for protocol in [Protocol::BedrockConverse, Protocol::CohereChat, Protocol::OllamaChat] {
        assert!(read.get(&(protocol, "read")).is_some_and(|count| *count > 3), "{read:?}");
    }
}
