//! Streamed answers from every provider's protocol into every client's.

use serde::de::IgnoredAny;
use tollgate_core::ir::{Event, Protocol};
use tollgate_protocols::codec::{self, Aggregator, Dialect, Plan};

use super::answers::{echo, written};
use super::order::Order;
use super::requests::FRONTS;

/// Decodes a stream, one event on a line, and writes it for every client.
///
/// # Panics
/// If a codec panics, if events are out of order, or if an encoder writes what is no JSON.
pub fn streams(data: &[u8]) {
    let stands_in = Plan { json_tool: Some("f".to_owned()), custom_tools: vec!["g".to_owned()], ..Plan::default() };
    for protocol in Protocol::ALL {
        for (dialect, plan) in [(&Dialect::OPENAI, &Plan::default()), (&Dialect::PERPLEXITY, &stands_in)] {
            let events = decode(protocol, dialect, plan, data);
            FRONTS.iter().for_each(|front| encode(*front, &events));
            let mut aggregator = Aggregator::default();
            events.into_iter().for_each(|event| aggregator.event(event));
            written(&aggregator.finish());
        }
    }
}

fn decode(protocol: Protocol, dialect: &Dialect, plan: &Plan, data: &[u8]) -> Vec<Event> {
    let mut decoder = codec::stream_decoder(protocol, dialect, plan);
    let (mut events, mut order, mut seen) = (Vec::new(), Order::of(protocol), 0);
    let mut fine = true;
    for line in data.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        fine = decoder.event(line, &mut events).is_ok();
        events[seen..].iter().for_each(|event| order.check(event));
        seen = events.len();
        if !fine {
            break;
        }
    }
    if fine {
        fine = decoder.finish(&mut events).is_ok();
        events[seen..].iter().for_each(|event| order.check(event));
    }
    order.end(fine);
    events
}

fn encode(front: Protocol, events: &[Event]) {
    let mut encoder = codec::stream_encoder(echo(front));
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut out));
    let text = String::from_utf8(out).expect("a stream is text");
    for line in text.lines() {
        let json = match front {
            Protocol::OllamaChat => line,
            _ => match line.strip_prefix("data: ") {
                Some("[DONE]") | None => continue,
                Some(json) => json,
            },
        };
        let parsed = serde_json::from_str::<IgnoredAny>(json);
        assert!(parsed.is_ok(), "{front} writes {parsed:?}: {line}");
    }
}
