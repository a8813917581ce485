//! The answers, rendered once per change of the settings.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::{anthropic, openai};

/// How the mock answers until told otherwise.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Time before the first byte.
    pub(crate) latency: Duration,
    /// Length of the text in a whole answer.
    pub(crate) response_bytes: usize,
    /// Content events in a streamed answer.
    pub(crate) chunks: usize,
    /// Time between stream events.
    pub(crate) pace: Duration,
}

/// Every answer for one set of settings.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) settings: Settings,
    chat: Whole,
    responses: Whole,
    messages: Whole,
    chat_events_with_usage: Events,
    embeddings: Bytes,
    models: Bytes,
}

type Events = Arc<[Bytes]>;

/// An operation's answer in both forms.
#[derive(Debug)]
struct Whole {
    body: Bytes,
    events: Events,
}

/// What to send back.
#[derive(Debug)]
pub(super) enum Answer {
    Whole(Bytes),
    Events(Events),
}

/// What a request asks for, as far as the mock cares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Wish {
    stream: bool,
    usage: bool,
}

impl Script {
    pub(super) fn new(settings: Settings) -> Self {
        let text = text(settings.response_bytes);
        let chunks = settings.chunks;
        Self {
            settings,
            chat: Whole { body: openai::chat(&text), events: openai::chat_events(chunks, false) },
            responses: Whole { body: openai::response(&text), events: openai::response_events(chunks) },
            messages: Whole { body: anthropic::message(&text), events: anthropic::message_events(chunks) },
            chat_events_with_usage: openai::chat_events(chunks, true),
            embeddings: openai::embeddings(),
            models: openai::models(),
        }
    }

    /// The answer for a path, or nothing if there is no such path.
    pub(super) fn answer(&self, path: &str, wish: Wish) -> Option<Answer> {
        let operation = match path {
            "/v1/chat/completions" if wish.stream && wish.usage => {
                return Some(Answer::Events(Arc::clone(&self.chat_events_with_usage)));
            }
            "/v1/chat/completions" => &self.chat,
            "/v1/responses" => &self.responses,
            "/v1/messages" => &self.messages,
            "/v1/embeddings" => return Some(Answer::Whole(self.embeddings.clone())),
            "/v1/models" => return Some(Answer::Whole(self.models.clone())),
            _ => return None,
        };
        Some(if wish.stream {
            Answer::Events(Arc::clone(&operation.events))
        } else {
            Answer::Whole(operation.body.clone())
        })
    }
}

impl Wish {
    /// Looks for two members without parsing; inside a JSON string their quotes would be escaped, so text cannot
    /// pass for one.
    pub(super) fn read(body: &[u8]) -> Self {
        let stream = is_true(body, b"\"stream\"");
        Self { stream, usage: stream && is_true(body, b"\"include_usage\"") }
    }
}

fn is_true(body: &[u8], member: &[u8]) -> bool {
    memmem::find_iter(body, member).any(|at| {
        let rest = body[at + member.len()..].trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"true"))
    })
}

/// Plain prose of exactly `length` bytes that needs no escaping.
fn text(length: usize) -> String {
    let words = "The quick brown fox jumps over the lazy dog while nine gateways watch and wait. ";
    words.chars().cycle().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, stream: bool, usage: bool) {
        assert_eq!(Wish::read(body.as_bytes()), Wish { stream, usage }, "{body}");
    }

    #[test]
    fn wishes_are_found_with_and_without_spaces() {
        check(r#"{"model":"m"}"#, false, false);
        check(r#"{"stream":true}"#, true, false);
        check(r#"{"stream": true, "stream_options": {"include_usage": true}}"#, true, true);
        check(r#"{"stream_options":{"include_usage":true},"stream" : true}"#, true, true);
        check(r#"{"stream":false,"stream_options":{"include_usage":true}}"#, false, false);
        check(r#"{"content":"say \"stream\":true"}"#, false, false);
    }

    #[test]
    fn every_answer_is_json_and_every_stream_has_its_shape() {
        let settings = Settings { latency: Duration::ZERO, response_bytes: 700, chunks: 3, pace: Duration::ZERO };
        let script = Script::new(settings);
        for (path, events) in [
            ("/v1/chat/completions", 1 + 3 + 1 + 1),
            ("/v1/responses", 4 + 3 + 4),
            ("/v1/messages", 3 + 3 + 3),
            ("/v1/embeddings", 0),
            ("/v1/models", 0),
        ] {
            let Some(Answer::Whole(body)) = script.answer(path, Wish { stream: false, usage: false }) else {
                panic!("no whole answer on {path}");
            };
            serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            if let Some(Answer::Events(list)) = script.answer(path, Wish { stream: true, usage: false }) {
                assert_eq!(list.len(), events, "{path}");
                list.iter().for_each(check_event);
            }
        }
    }

    fn check_event(event: &Bytes) {
        let text = std::str::from_utf8(event).unwrap();
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert!(text.ends_with("\n\n"), "{text}");
        if data != "[DONE]" {
            serde_json::from_str::<serde_json::Value>(data).unwrap();
        }
    }

    #[test]
    fn content_events_are_as_large_as_real_ones() {
        for event in &openai::chat_events(50, true)[1..51] {
            assert!((290..=320).contains(&event.len()), "{}", event.len());
        }
    }
}
