//! Upper estimates of recorded requests, against what they took.

use tollgate_protocols::openai::{HeadLimits, read_head};
use tollgate_usage::price::Terms;

use super::{Api, Exchange, Recordings, oracle};

/// Whether the input is all in the body: nothing that is only referred to, and nothing that the provider's own tools find.
fn is_all_there(exchange: &Exchange, body: &str) -> bool {
    let elsewhere = [
        "previous_response_id",
        "\"conversation\"",
        "https://",
        "gs://",
        "cachedContent",
        "http://",
        "file_id",
        "\"file\"",
        "fileUri",
    ];
    let tools = [
        "web_search",
        "web_fetch",
        "code_execution",
        "googleSearch",
        "file_search",
        "mcp",
        "image_generation",
        "computer",
        "tool_search",
        "plugins",
        "advisor",
        "url_context",
        "urlContext",
    ];
    let model = exchange.request.as_ref().and_then(|request| request["model"].as_str()).unwrap_or_default();
    // Models that search of their own accord, and those that are given instructions of more than a thousand tokens.
    let is_instructed = exchange.provider.contains("venice") || body.contains(r#""mode":"pro""#);
    let searches = ["sonar", "search", "compound", "deep-research"].iter().any(|word| model.contains(word));
    !searches && !is_instructed && !elsewhere.iter().chain(&tools).any(|word| body.contains(word))
}

#[test]
fn requests_take_no_more_input_than_is_estimated() {
    let Some(recordings) = Recordings::load_shared() else { return };
    let terms: Terms = "in=1 out=0".parse().expect("are terms");
    let (mut count, mut wrong) = (0, Vec::new());
    for exchange in recordings.exchanges.iter().filter(|exchange| exchange.is_success()) {
        let is_conversation = matches!(
            exchange.api,
            Api::Chat | Api::Completions | Api::Embeddings | Api::Responses | Api::Messages | Api::Gemini
        );
        let Some(request) = exchange.request.as_ref().filter(|_| is_conversation) else { continue };
        let body = request.to_string();
        let Some(took) = oracle::tokens(exchange).and_then(|tokens| tokens.input) else { continue };
        if !is_all_there(exchange, &body) {
            continue;
        }
        let Ok(head) = read_head(body.as_bytes(), HeadLimits::default()) else { continue };
        let estimate = terms.ceiling(&head, body.len(), 0).expect("has a price").0 / 1000;
        count += 1;
        if estimate < took {
            wrong.push(format!("{exchange}: took {took}, estimated {estimate} of {} bytes", body.len()));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 500, "only {count} requests");
}
