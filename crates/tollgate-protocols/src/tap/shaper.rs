//! One place for the usage of a Chat Completions stream.
//!
//! OpenAI sends usage in a last chunk without choices, and only to who asked for it. Others put it on the finish chunk, on
//! a later chunk that repeats the finish reason, on every chunk, or on several of these at once. A client gets it as OpenAI
//! sends it, whoever answers: in one chunk of its own, right before `[DONE]`, and never unasked.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;

use crate::json::{self, Value};

/// Moves the usage of a stream to its end.
#[derive(Debug, Default)]
pub(super) struct Shaper {
    /// Whether the client asked for usage.
    asked: bool,
    /// The choices that have finished; choices beyond the 64th are nobody's.
    finished: u64,
    /// The chunk to send at the end.
    held: Option<Bytes>,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shaped {
    /// It is sent as it is, or as it became.
    Sent(Bytes),
    /// It is held back or left out.
    Withheld,
}

/// OpenAI puts this into every chunk but the last once usage is asked for. Inside a string the quotes would be escaped, so
/// it is found only where it is a member.
static NO_USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b",\"usage\":null"));

impl Shaper {
    pub(super) fn new(asked: bool) -> Self {
        Self { asked, ..Self::default() }
    }

    /// A chunk that has no usage to move.
    pub(super) fn plain(&self, event: Bytes) -> Bytes {
        if self.asked {
            return event;
        }
        let needle = NO_USAGE.needle().len();
        match NO_USAGE.find(&event) {
            Some(at) => [&event[..at], &event[at + needle..]].concat().into(),
            None => event,
        }
    }

    /// A chunk that finishes a choice or has usage.
    pub(super) fn special(&mut self, event: Bytes, data: &[u8]) -> Shaped {
        let Ok(chunk) = json::parse(data) else { return Shaped::Sent(event) };
        let choices = chunk.array("choices");
        let has_usage = chunk.get("usage").is_some_and(Value::is_object);
        let repeats = !choices.is_empty() && choices.iter().all(|choice| self.is_repeated(choice));
        for choice in choices.iter().filter(|choice| finishes(choice)) {
            self.finished |= 1 << index(choice);
        }
        if !has_usage {
            // Some have it in a choice only, or beside the answer; there it may stay.
            if let Some(usage) = elsewhere(&chunk).filter(|_| self.asked) {
                self.hold(&chunk, usage, None);
            }
            return if repeats { Shaped::Withheld } else { Shaped::Sent(self.plain(event)) };
        }
        let is_usage_chunk = choices.is_empty() && chunk.get("choices").is_some();
        if let Some(usage) = chunk.get("usage").filter(|_| self.asked) {
            self.hold(&chunk, usage, is_usage_chunk.then_some(&event));
        }
        if is_usage_chunk || repeats {
            return Shaped::Withheld;
        }
        Shaped::Sent(without_usage(&chunk))
    }

    /// Keeps the chunk to send at the end. One that counts nothing takes no counts back.
    fn hold(&mut self, chunk: &Value<'_>, usage: &Value<'_>, whole: Option<&Bytes>) {
        let counts_nothing = ["prompt_tokens", "completion_tokens"].into_iter().all(|name| usage.u64(name) == Some(0));
        if self.held.is_none() || !counts_nothing {
            self.held = Some(whole.map_or_else(|| usage_chunk(chunk, usage), Bytes::clone));
        }
    }

    /// What is owed before the end.
    pub(super) fn take_held(&mut self) -> Option<Bytes> {
        self.held.take()
    }

    /// Whether a choice of a chunk says nothing but a finish reason that was said before.
    fn is_repeated(&self, choice: &Value<'_>) -> bool {
        let says_nothing = choice
            .get("delta")
            .is_none_or(|delta| delta.present().all(|(name, value)| name == "role" || value.as_str() == Some("")));
        let has_text = choice.str("text").is_some_and(|text| !text.is_empty());
        finishes(choice) && self.finished & (1 << index(choice)) != 0 && says_nothing && !has_text
    }
}

fn finishes(choice: &Value<'_>) -> bool {
    choice.str("finish_reason").is_some_and(|reason| !reason.is_empty())
}

fn index(choice: &Value<'_>) -> u64 {
    choice.u64("index").unwrap_or(0).min(63)
}

/// The chunk less its usage.
fn without_usage(chunk: &Value<'_>) -> Bytes {
    event(chunk, |o| {
        for (name, value) in chunk.members().filter(|(name, _)| *name != "usage") {
            o.raw(name, value.raw());
        }
    })
}

/// Usage in another place than its own: Moonshot's and Groq's.
fn elsewhere<'v>(chunk: &'v Value<'v>) -> Option<&'v Value<'v>> {
    let in_choice = chunk.array("choices").iter().find_map(|choice| choice.get("usage"));
    let found = in_choice.or_else(|| chunk.get("x_groq")?.get("usage"));
    found.filter(|usage| usage.is_object())
}

/// The chunk's usage as a chunk of its own.
fn usage_chunk(chunk: &Value<'_>, usage: &Value<'_>) -> Bytes {
    event(chunk, |o| {
        for name in ["id", "object", "created", "model", "system_fingerprint"] {
            o.maybe_raw(name, chunk.get(name).map(Value::raw));
        }
        o.raw("choices", "[]");
        o.raw("usage", usage.raw());
    })
}

fn event(chunk: &Value<'_>, members: impl FnOnce(&mut json::Object<'_>)) -> Bytes {
    let mut out = Vec::with_capacity(chunk.raw().len() + 16);
    out.extend_from_slice(b"data: ");
    json::append_object(&mut out, members);
    out.extend_from_slice(b"\n\n");
    out.into()
}

#[cfg(test)]
mod tests {
    use crate::tap::{Dialect, StreamTap, Tapped};

    const USAGE: &str = r#""usage":{"prompt_tokens":7,"completion_tokens":3}"#;

    /// What a client reads of the chunks.
    fn shaped(hide: bool, chunks: &[&str]) -> String {
        let text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        let mut tap = StreamTap::new(Dialect::Chat, hide, 1 << 20);
        tap.push(text.into());
        let mut events = Vec::new();
        while let Some(event) = tap.next_event().unwrap() {
            events.push(event);
        }
        events.extend(tap.finish().0);
        assert_eq!(tap.facts().usage.unwrap().input, Some(7));
        let sent = events.into_iter().filter(|event| event.is != Tapped::Withheld);
        sent.map(|event| String::from_utf8(event.bytes.to_vec()).unwrap()).collect()
    }

    fn variants() -> Vec<Vec<String>> {
        let finish = r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#;
        let done = || "[DONE]".to_owned();
        vec![
            vec![format!("{{{finish}}}"), format!(r#"{{"choices":[],{USAGE}}}"#), done()],
            vec![format!("{{{finish},{USAGE}}}"), done()],
            vec![format!("{{{finish}}}"), format!("{{{finish},{USAGE}}}"), done()],
            vec![format!(r#"{{{finish},"usage":null}}"#), format!(r#"{{"choices":[],{USAGE}}}"#), done()],
            vec![format!("{{{finish},{USAGE}}}"), format!(r#"{{"choices":[],{USAGE}}}"#), done()],
            vec![format!("{{{finish},{USAGE}}}")],
        ]
    }

    #[test]
    fn usage_comes_once_and_last_wherever_it_was() {
        for chunks in variants() {
            let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
            let text = shaped(false, &chunks);
            let last = text.strip_suffix("data: [DONE]\n\n").unwrap_or(&text).trim_end();
            let last = last.rsplit("\n\n").next().unwrap();
            assert_eq!(last, format!(r#"data: {{"choices":[],{USAGE}}}"#), "{chunks:?}");
            assert_eq!(text.matches("prompt_tokens").count(), 1, "{chunks:?}");
            assert_eq!(text.matches("finish_reason").count(), 1, "{chunks:?}");
        }
    }

    #[test]
    fn usage_in_other_places_comes_in_its_own_too() {
        let in_choice =
            format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{}},"finish_reason":"stop",{USAGE}}}]}}"#);
        let beside = format!(
            r#"{{"id":"c","choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],"x_groq":{{{USAGE}}}}}"#
        );
        for chunk in [in_choice, beside] {
            let text = shaped(false, &[&chunk, "[DONE]"]);
            let expected = format!("data: {{\"id\":\"c\",\"choices\":[],{USAGE}}}\n\ndata: [DONE]\n\n");
            assert!(text.ends_with(&expected), "{text}");
        }
    }

    #[test]
    fn a_last_chunk_of_zeros_takes_no_counts_back() {
        let counts = format!(r#"{{"choices":[],{USAGE}}}"#);
        let zeros = r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#;
        let text = shaped(false, &[&counts, zeros, "[DONE]"]);
        assert_eq!(text, format!("data: {counts}\n\ndata: [DONE]\n\n"));
    }

    #[test]
    fn who_did_not_ask_sees_no_usage_at_all() {
        for chunks in variants() {
            let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
            let text = shaped(true, &chunks);
            assert!(!text.contains("usage"), "{text}");
            assert_eq!(text.matches("finish_reason").count(), 1, "{chunks:?}");
        }
    }

    #[test]
    fn every_choice_keeps_its_own_finish() {
        let finish =
            |index: u8| format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":"stop"}}],{USAGE}}}"#);
        let text = shaped(true, &[&finish(0), &finish(1), "[DONE]"]);
        assert_eq!(text.matches("finish_reason").count(), 2);
    }
}
