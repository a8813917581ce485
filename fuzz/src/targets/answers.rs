//! Whole answers from every provider's protocol into every client's.

use std::sync::Arc;

use serde::de::IgnoredAny;
use tollgate_core::ir::{Answer, Prompt, Protocol};
use tollgate_protocols::codec::{self, Echo, Plan};

use super::order::Order;
use super::requests::FRONTS;

/// Decodes an answer and writes it for every client.
///
/// # Panics
/// If a codec panics or writes what is no JSON, or if an answer cannot be told as events.
pub fn answers(data: &[u8]) {
    let stands_in = Plan { json_tool: Some("f".to_owned()), custom_tools: vec!["g".to_owned()], ..Plan::default() };
    for protocol in Protocol::ALL {
        for plan in [&Plan::default(), &stands_in] {
            if let Ok(answer) = codec::decode_answer(protocol, data, plan) {
                written(&answer);
                let mut order = Order::of(protocol);
                codec::replay(answer).iter().for_each(|event| order.check(event));
                order.end(true);
            }
        }
    }
}

/// Writes an answer for every client.
pub(super) fn written(answer: &Answer) {
    for front in FRONTS {
        let body = codec::encode_answer(answer, &echo(front));
        let parsed = serde_json::from_slice::<IgnoredAny>(&body);
        assert!(parsed.is_ok(), "{front} writes {parsed:?}: {}", String::from_utf8_lossy(&body));
    }
}

pub(super) fn echo(front: Protocol) -> Echo {
    let prompt = Prompt { stream: true, stream_usage: true, ..Prompt::new(front) };
    Echo { prompt: Arc::new(prompt), model: "m".to_owned(), now: 1, id: Some("1".to_owned()) }
}
