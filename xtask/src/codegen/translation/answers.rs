//! The words in which clients are told how an answer ended and what it took, found out by writing answers.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use tollgate_core::Usage;
use tollgate_core::ir::{Answer, Block, Choice, Finish, FinishReason, Prompt, Protocol, ToolCall};
use tollgate_protocols::codec::{Echo, encode_answer};

use super::samples::FRONTS;

const REASONS: [(FinishReason, &str); 6] = [
    (FinishReason::Stop, "the model was done"),
    (FinishReason::StopSequence, "it came to a stop sequence"),
    (FinishReason::Length, "it came to a limit of tokens"),
    (FinishReason::ToolCalls, "it waits for tools"),
    (FinishReason::ContentFilter, "it was stopped, or refused"),
    (FinishReason::Pause, "the provider paused its own tools"),
];

/// An answer's tokens in words, and where they are counted.
const USAGE: Usage = Usage {
    input: Some(10_000),
    output: Some(700),
    cache_read: Some(3000),
    cache_creation: Some(500),
    cache_creation_1h: None,
    reasoning: Some(90),
    audio_input: None,
    audio_output: None,
    image_input: None,
    image_output: None,
    images: None,
    searches: None,
    estimated: false,
};

/// Writes both tables.
pub(super) fn write(text: &mut String) {
    let heads: Vec<&str> = FRONTS.iter().map(|front| front.title).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n### How an answer ended\n\n| | {} |\n|---|{}", heads.join(" | "), "---|".repeat(5));
    for (reason, meaning) in REASONS {
        let words: Vec<String> = FRONTS.iter().map(|front| finish_word(front.protocol, reason)).collect();
        let _ = writeln!(text, "| {meaning} | {} |", words.join(" | "));
    }
    let _ = writeln!(
        text,
        "\nA limit of tokens wins over calls: calls that it cut off may be incomplete.\n\n### Tokens\n\nAn answer that \
         took 10000 tokens in, 3000 of them read from a cache and 500 written to one, and 700 out, 90 of them for \
         thinking:\n\n| Protocol | `usage` |\n|---|---|"
    );
    for front in &FRONTS {
        let _ = writeln!(text, "| {} | {} |", front.title, counts(front.protocol).join(", "));
    }
}

/// An answer as a client reads it.
fn written(protocol: Protocol, reason: FinishReason) -> Value {
    let mut blocks = vec![Block::text("Hi")];
    if reason == FinishReason::ToolCalls {
        let call = ToolCall { id: "call_1".to_owned(), name: "f".to_owned(), ..ToolCall::default() };
        blocks = vec![Block::ToolCall(call)];
    }
    let choice = Choice { blocks, finish: Finish::new(reason), logprobs: None };
    let answer = Answer { choices: vec![choice], usage: Some(USAGE), ..Answer::default() };
    let prompt = Arc::new(Prompt::new(protocol));
    let body = encode_answer(&answer, &Echo { prompt, model: "m".to_owned(), now: 0, id: None });
    serde_json::from_slice(&body).unwrap_or_default()
}

fn finish_word(protocol: Protocol, reason: FinishReason) -> String {
    let answer = written(protocol, reason);
    let places: &[&str] = match protocol {
        Protocol::OpenAiResponses => &["/status", "/incomplete_details/reason"],
        Protocol::AnthropicMessages => &["/stop_reason"],
        Protocol::GeminiGenerate => &["/candidates/0/finishReason"],
        Protocol::OllamaChat => &["/done_reason"],
        _ => &["/choices/0/finish_reason"],
    };
    let words = places.iter().filter_map(|place| answer.pointer(place)?.as_str());
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The counts of an answer, by their paths.
fn counts(protocol: Protocol) -> Vec<String> {
    let answer = written(protocol, FinishReason::Stop);
    let mut counts = Vec::new();
    match protocol {
        Protocol::OllamaChat => collect(&answer, "", &mut counts),
        Protocol::GeminiGenerate => collect(&answer["usageMetadata"], "", &mut counts),
        _ => collect(&answer["usage"], "", &mut counts),
    }
    counts.sort();
    counts
}

fn collect(value: &Value, path: &str, counts: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value.as_u64() {
            Some(count) if count > 0 => counts.push(format!("`{path}` {count}")),
            _ => collect(value, &path, counts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_has_words_for_every_end_and_counts() {
        for front in &FRONTS {
            for (reason, _) in REASONS {
                assert!(!finish_word(front.protocol, reason).is_empty(), "{} {reason:?}", front.title);
            }
            assert!(counts(front.protocol).iter().any(|count| count.ends_with(" 700") || count.ends_with(" 610")));
        }
    }
}
