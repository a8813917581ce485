//! Anthropic Messages on recorded traffic: what is decoded says what the recording says, and comes back as it was.

use std::sync::Arc;

use tollgate_core::ir::{Answer, Finish, Losses, Prompt, Protocol};
use tollgate_protocols::anthropic_messages::{request, response, stream};
use tollgate_protocols::codec::{Aggregator, DecodeStream, Dialect, Echo, EncodeStream, Plan, Target};
use tollgate_testkit::recordings::{self, Api, Exchange, Recordings, oracle, sse};

fn exchanges() -> Vec<Exchange> {
    let Some(recordings) = Recordings::load_shared() else { return Vec::new() };
    recordings.exchanges.into_iter().filter(|exchange| exchange.api == Api::Messages).collect()
}

fn echo() -> Echo {
    let prompt = Arc::new(Prompt::new(Protocol::AnthropicMessages));
    Echo { prompt, model: "m".to_owned(), now: 0, id: None }
}

fn name(exchange: &Exchange) -> String {
    format!("{} #{}", exchange.source.display(), exchange.index)
}

/// Decodes a stream; gives the answer, and the bytes that a client would get.
fn through(body: &[u8], name: &str) -> Option<(Answer, Vec<u8>)> {
    let (mut decoder, mut encoder) = (stream::Decoder::new(&Plan::default()), stream::Encoder::new(echo()));
    let (mut aggregator, mut events, mut out) = (Aggregator::default(), Vec::new(), Vec::new());
    for data in sse::events(body).into_iter().filter_map(sse::data) {
        decoder.event(&data, &mut events).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    if decoder.finish(&mut events).is_err() {
        return None;
    }
    for event in events {
        encoder.event(&event, &mut out);
        aggregator.event(event);
    }
    Some((aggregator.finish(), out))
}

/// What was said, without the provider's own word for the end, which may be written for a client in another way.
fn said(answer: &Answer) -> (Vec<tollgate_core::ir::Block>, Finish, Option<tollgate_core::Usage>) {
    let finish = answer.choices.first().map(|choice| choice.finish.clone()).unwrap_or_default();
    let usage = answer.usage.map(|usage| tollgate_core::Usage {
        cache_read: usage.cache_read.or(Some(0)),
        cache_creation: usage.cache_creation.or(Some(0)),
        ..usage
    });
    (answer.blocks().to_vec(), finish, usage)
}

#[test]
fn answers() {
    let (mut whole, mut streamed) = (0, 0);
    for exchange in exchanges().iter().filter(|exchange| exchange.is_success()) {
        let (name, body) = (name(exchange), exchange.body.bytes());
        let (answer, again) = if let recordings::Answer::Stream(_) = exchange.body {
            // One file holds two streams, and some were cut off.
            if body.windows(14).filter(|at| at == b"\"message_start").count() > 1 {
                continue;
            }
            let Some((answer, out)) = through(body, &name) else { continue };
            streamed += 1;
            let (again, _) = through(&out, &name).unwrap();
            (answer, again)
        } else {
            if oracle::is_error_body(body) {
                continue;
            }
            let Ok(answer) = response::decode(body, &Plan::default()) else {
                assert!(!body.windows(9).any(|at| at == b"\"content\""), "{name}");
                continue;
            };
            whole += 1;
            let again = response::decode(&response::encode(&answer, &echo()), &Plan::default()).unwrap();
            (answer, again)
        };
        assert_eq!(said(&answer), said(&again), "{name}");
        let expected = oracle::tokens(exchange);
        let counted = answer.usage.map(|usage| (usage.input, usage.output, usage.cache_read, usage.cache_creation));
        let expected = expected.map(|tokens| (tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation));
        assert_eq!(counted, expected, "{name}");
    }
    eprintln!("{whole} whole answers and {streamed} streams");
    assert!(std::env::var_os("TOLLGATE_SHARED").is_none() || (whole > 50 && streamed > 20), "{whole} {streamed}");
}

#[test]
fn requests() {
    let mut seen = 0;
    for exchange in exchanges() {
        let Some(body) = exchange.request.as_ref().filter(|body| body.get("messages").is_some()) else { continue };
        let name = name(&exchange);
        let prompt = match request::decode(body.to_string().as_bytes()) {
            Ok(prompt) => prompt,
            Err(error) => {
                assert!(!exchange.is_success(), "{name}: {error}");
                continue;
            }
        };
        let model = prompt.model.clone();
        let target = Target::new(Protocol::AnthropicMessages, &model, &Dialect::OPENAI);
        let mut losses = Losses::default();
        let encoded = match request::encode(&prompt, &target, &mut losses) {
            Ok(encoded) => encoded,
            Err(error) => {
                assert!(!exchange.is_success(), "{name}: {error}");
                continue;
            }
        };
        seen += 1;
        if !losses.is_empty() {
            eprintln!("{name}: {:?}", losses.fields().collect::<Vec<_>>());
        }
        let again = request::decode(&encoded.body).unwrap();
        if exchange.is_success() {
            assert_eq!(
                (&again.tools, &again.tool_choice, &again.format),
                (&prompt.tools, &prompt.tool_choice, &prompt.format),
                "{name}"
            );
        }
        if exchange.is_success() && losses.is_empty() {
            assert_eq!((&again.reasoning, &again.sampling), (&prompt.reasoning, &prompt.sampling), "{name}");
        }
    }
    eprintln!("{seen} requests");
    assert!(std::env::var_os("TOLLGATE_SHARED").is_none() || seen > 50, "{seen}");
}
