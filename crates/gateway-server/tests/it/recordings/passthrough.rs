//! Every protocol through the pass-through: the bytes are the provider's, and the tokens are found in passing.

use http::Method;
use tollgate_testkit::recordings::cuts::Cuts;
use tollgate_testkit::recordings::oracle;
use tollgate_testkit::recordings::{Api, Exchange};

use super::answers::{text, tokens_fault, told};
use super::operations::{minimal, operation};
use super::replay::{self, Arrives, Play, Played, base_path, custom, standing};
use super::{Tally, expect_none_wrong, recordings};

#[tokio::test]
async fn a_pass_through_changes_nothing_and_counts() {
    let Some(recordings) = recordings() else { return };
    let mut tally = Tally::default();
    let mut plays = Vec::new();
    for (number, exchange) in recordings.exchanges.iter().enumerate() {
        tally.add(&exchange.collection, exchange.api);
        plays.push(play(exchange, "in one piece", Cuts::None));
        // What has a door of its own is cut there.
        if operation(exchange.api).is_none() {
            plays.extend((1..=2).map(|seed: u64| {
                let cuts = Cuts::random(seed << 32 | number as u64);
                play(exchange, &format!("cut by seed {seed}"), cuts)
            }));
        }
    }
    let least: &[(&[Api], usize)] = &[
        (&[Api::Messages], 60),
        (&[Api::Gemini], 60),
        (&[Api::Converse, Api::ConverseStream], 15),
        (&[Api::Cohere], 8),
        (&[Api::Ollama], 8),
        (&[Api::Chat], 200),
    ];
    tally.report("recordings passed through", least);
    let count = plays.len();
    let played = replay::play(plays).await;
    expect_none_wrong(played.iter().filter_map(|(play, played)| Some((play, fault(play, played)?))), count);
}

fn play(exchange: &'static Exchange, variant: &str, cuts: Cuts) -> Play {
    let recorded = path(exchange);
    // Where no request is recorded there was one all the same.
    let is_bare = exchange.path.is_empty();
    let request = exchange.request.clone().or_else(|| is_bare.then(|| minimal(exchange.api)));
    let (provider, descriptor) = standing(exchange);
    let first = recorded.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
    let reaches = descriptor.quirks.root_paths.contains(&first) || leads_to(base_path(descriptor), &recorded);
    // Azure's addresses are made by the gateway; its recordings have another path.
    let provider = if reaches && !descriptor.quirks.azure_paths { provider } else { custom().0 };
    Play {
        exchange,
        variant: variant.to_owned(),
        method: exchange.method.parse().unwrap_or(Method::POST),
        path: format!("/p/{provider}{}", below_base(provider, &recorded)),
        arrives: Arrives { path: without_key(&recorded), body: request.clone() },
        request,
        body: exchange.body.bytes().clone(),
        cuts,
        breaks: false,
    }
}

/// Whether the paths below an address hold this one.
fn leads_to(base: &str, path: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'))
}

/// The path that a client names: below the provider's address, but for the version, which clients write too.
fn below_base(provider: &str, path: &str) -> String {
    let base = tollgate_providers::descriptor(provider).map(base_path).unwrap_or_default();
    let parent = base.rfind('/').map_or("", |at| &base[..at]);
    path.strip_prefix(parent).filter(|_| leads_to(base, path)).unwrap_or(path).to_owned()
}

/// The recorded path, or the usual one where none is recorded.
fn path(exchange: &Exchange) -> String {
    if !exchange.path.is_empty() {
        return exchange.path.replace(' ', "%20");
    }
    let path = match exchange.api {
        Api::Chat => "/v1/chat/completions",
        Api::Completions => "/v1/completions",
        Api::Embeddings => "/v1/embeddings",
        Api::Responses => "/v1/responses",
        Api::Messages => "/v1/messages",
        Api::Gemini => "/v1beta/models/m:generateContent",
        Api::Converse => "/model/m/converse",
        Api::ConverseStream => "/model/m/converse-stream",
        Api::Cohere => "/v2/chat",
        Api::Ollama => "/api/chat",
        Api::Other => "/v1/other",
    };
    path.to_owned()
}

/// Google's clients put a key into the query; the client's is not the provider's.
fn without_key(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("key=")).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

fn fault(play: &Play, played: &Played) -> Option<String> {
    let exchange = play.exchange;
    let Ok(body) = &played.body else { return Some(format!("the body broke off: {:?}", played.body)) };
    if played.status != exchange.status || body != &play.body {
        return Some(format!("status {}, {} bytes of {}: {}", played.status, body.len(), play.body.len(), text(body)));
    }
    if played.content_type != exchange.content_type {
        return Some(format!("content type {}", played.content_type));
    }
    let record = &played.record;
    if record["status"] != exchange.status || record["operation"] != "passthrough" {
        return Some(format!("recorded {record}"));
    }
    let is_counted = !record["input_tokens"].is_null() || !record["output_tokens"].is_null();
    if !exchange.is_success() {
        return is_counted.then(|| format!("tokens of a refused request: {}", told(record)));
    }
    if exchange.api == Api::Other {
        // What is only looked up or taken away costs no tokens. Of the rest nobody here knows.
        let is_free = exchange.method != "POST" && !body.windows(7).any(|window| window == b"\"usage\"");
        return (is_free && is_counted).then(|| format!("tokens of a {}: {}", exchange.method, told(record)));
    }
    let Some(tokens) = oracle::tokens(exchange) else {
        let is_estimate = record["estimated"] == true && record["input_tokens"].as_u64() > Some(0);
        return (!is_estimate).then(|| format!("no estimate: {}", told(record)));
    };
    let generates = exchange.api != Api::Embeddings;
    let fails = record["error"].is_string();
    let estimated = fails || tokens.input.is_none() || (generates && tokens.output.is_none());
    tokens_fault(record, tokens, fails)
        .or_else(|| (record["estimated"] != estimated).then(|| format!("estimated is {}", record["estimated"])))
}
