//! What recorded answers say of what they are charged, as the gateway's taps read it.

use bytes::Bytes;
use serde_json::Value;
use tollgate_core::NanoUsd;
use tollgate_core::ir::Protocol;
use tollgate_protocols::billing::Billing;
use tollgate_protocols::codec;
use tollgate_protocols::tap::{Dialect, StreamTap, Whole, WireTap};

use super::{Api, Exchange, Recordings, sse};

/// What the taps make of an answer.
fn seen(exchange: &Exchange) -> Option<Billing> {
    let body = exchange.body.bytes().clone();
    if !exchange.body.is_stream() {
        return Whole::read(&body).ok().map(|whole| whole.billing);
    }
    let words = |dialect| {
        let mut tap = StreamTap::new(dialect, false, usize::MAX);
        tap.push(body.clone());
        while let Ok(Some(_)) = tap.next_event() {}
        tap.finish();
        tap.facts().billing.clone()
    };
    let wire = |protocol| {
        let mut tap = WireTap::new(protocol, &codec::Dialect::GENERIC, usize::MAX);
        tap.push(Bytes::clone(&body));
        while let Ok(Some(_)) = tap.next_event() {}
        tap.finish();
        tap.facts().billing.clone()
    };
    match exchange.api {
        Api::Chat | Api::Completions => Some(words(Dialect::Chat)),
        Api::Responses => Some(words(Dialect::Responses)),
        Api::Messages => Some(wire(Protocol::AnthropicMessages)),
        Api::Gemini => Some(wire(Protocol::GeminiGenerate)),
        _ => None,
    }
}

/// What plain JSON values say.
fn told(exchange: &Exchange) -> (Option<String>, Option<f64>) {
    let body = exchange.body.bytes();
    let payloads: Vec<Value> = if exchange.body.is_stream() {
        sse::events(body).into_iter().filter_map(sse::json).collect()
    } else {
        serde_json::from_slice(body).into_iter().collect()
    };
    let (mut tier, mut cost) = (None, None);
    for payload in &payloads {
        for place in [payload, &payload["response"], &payload["message"]] {
            let usage = [&place["usage"], &place["usageMetadata"]].into_iter().find(|usage| usage.is_object());
            let usage = usage.unwrap_or(&Value::Null);
            let said = [&place["service_tier"], &usage["service_tier"], &usage["serviceTier"]];
            let is_last = exchange.api != Api::Responses || !usage.is_null() || !exchange.body.is_stream();
            if let Some(said) = said.into_iter().find_map(Value::as_str).filter(|_| is_last) {
                tier = Some(said.to_owned());
            }
            let ticks = usage["cost_in_usd_ticks"].as_f64().map(|ticks| ticks / 1e10);
            let total = usage["cost"]["total_cost"].as_f64();
            cost = usage["cost"].as_f64().or(total).or(ticks).or(cost);
        }
    }
    (tier, cost)
}

#[test]
fn taps_read_classes_of_service_and_costs() {
    let Some(recordings) = Recordings::load_shared() else { return };
    let (mut tiers, mut costs, mut wrong) = (0, 0, Vec::new());
    for exchange in recordings.exchanges.iter().filter(|exchange| exchange.is_success()) {
        let is_conversation =
            matches!(exchange.api, Api::Chat | Api::Completions | Api::Responses | Api::Messages | Api::Gemini);
        let Some(seen) = seen(exchange).filter(|_| is_conversation) else { continue };
        let (tier, mut cost) = told(exchange);
        if exchange.body.is_stream() && matches!(exchange.api, Api::Messages | Api::Gemini) {
            // Nobody who is asked in these protocols is believed, so it is not looked for.
            cost = None;
        }
        tiers += usize::from(tier.is_some());
        costs += usize::from(cost.is_some());
        let is_same_cost = match (cost, seen.reported_cost) {
            (None, None) => true,
            #[expect(clippy::cast_precision_loss, reason = "amounts are small")]
            (Some(told), Some(NanoUsd(seen))) => (told * 1e9 - seen as f64).abs() <= 0.5,
            _ => false,
        };
        if seen.service_tier.as_deref() != tier.as_deref() || !is_same_cost {
            wrong.push(format!("{exchange}: {seen:?}, expected {tier:?} and {cost:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tiers >= 300 && costs >= 40, "only {tiers} classes and {costs} costs");
}
