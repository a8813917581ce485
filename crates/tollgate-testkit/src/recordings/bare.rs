//! Answers without a request: whole JSON, SSE text, or one payload of a stream in each line.

use std::path::Path;

use serde_json::Value;

use super::shape::{self, Framing};
use super::{Answer, Api, Exchange, eventstream, sse};

/// Reads a file. The provider is the first folder below the collection.
pub(super) fn read(text: &str, source: &Path) -> Result<Exchange, &'static str> {
    let provider = source.components().nth(1).map(|folder| folder.as_os_str().to_string_lossy().into_owned());
    let provider = provider.unwrap_or_default();
    if sse::looks_like_events(text.as_bytes()) {
        let payloads = sse::events(text.as_bytes()).iter().filter_map(|event| sse::json(event)).collect::<Vec<_>>();
        let api = shape::of_stream(&payloads).ok_or("a stream of no known protocol")?;
        return Ok(Exchange::new(provider, api, Answer::Stream(text.to_owned().into())));
    }
    if let Ok(answer) = serde_json::from_str::<Value>(text) {
        let api = shape::of_whole(&answer).ok_or("JSON of no known protocol")?;
        return Ok(Exchange::new(provider, api, Answer::Whole(text.to_owned().into())));
    }
    from_lines(text, provider)
}

fn from_lines(text: &str, provider: String) -> Result<Exchange, &'static str> {
    let lines: Vec<&str> = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
    let payloads: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>().map_err(|_| "not JSON")?;
    let api = shape::of_stream(&payloads).ok_or("a stream of no known protocol")?;
    let mut exchange = Exchange::new(provider, api, Answer::Stream(Vec::new().into()));
    let mut wire = Vec::new();
    match shape::framing(api) {
        Framing::Data { done } => {
            for line in &lines {
                wire.extend_from_slice(format!("data: {line}\n\n").as_bytes());
            }
            if done {
                wire.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
        Framing::Named => {
            for (line, payload) in lines.iter().zip(&payloads) {
                let name = payload["type"].as_str().unwrap_or("message");
                wire.extend_from_slice(format!("event: {name}\ndata: {line}\n\n").as_bytes());
            }
        }
        Framing::Lines => {
            lines.iter().for_each(|line| wire.extend_from_slice(format!("{line}\n").as_bytes()));
            exchange.content_type = "application/x-ndjson".to_owned();
        }
        Framing::Binary => {
            for payload in &payloads {
                wire.extend_from_slice(&eventstream::frame(payload));
            }
            exchange.content_type = "application/vnd.amazon.eventstream".to_owned();
        }
    }
    let is_events = matches!(shape::framing(api), Framing::Data { .. } | Framing::Named);
    exchange.body = if is_events { Answer::Stream(wire.into()) } else { Answer::Whole(wire.into()) };
    if api == Api::Gemini {
        exchange.path = "/v1beta/models/m:streamGenerateContent?alt=sse".to_owned();
    }
    Ok(exchange)
}
