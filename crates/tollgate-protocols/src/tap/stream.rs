//! Watches a stream of events.

use bytes::Bytes;
use tollgate_core::Usage;

use super::chunk::Chunk;
use super::needle::{self, ERROR, FINISH_REASON, USAGE};
use super::shaper::{Shaped, Shaper};
use crate::billing::Billing;
use crate::sse::{self, Decoder, TooLarge};

/// Which events to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Chat Completions and legacy completions: chunks with choices, then `[DONE]`.
    Chat,
    /// Responses: typed events, the last of which says how it ended.
    Responses,
    /// Anything: counts and errors are looked for, no order is expected.
    Any,
}

/// Cuts a stream into events and gathers [`Facts`] from them. The usage of a Chat Completions stream is moved to its end,
/// where OpenAI has it.
#[derive(Debug)]
pub struct StreamTap {
    dialect: Dialect,
    shaper: Shaper,
    decoder: Decoder,
    facts: Facts,
    /// A finish reason has come; some providers do not say `[DONE]`.
    finished: bool,
    begun: bool,
    done: bool,
    failed: bool,
}

/// What is known of a streamed answer so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The model that the provider says it is.
    pub model: Option<String>,
    /// The provider's counts; later ones have replaced earlier ones.
    pub usage: Option<Usage>,
    /// What the provider says of what it charges.
    pub billing: Billing,
    /// Whether something generated has come yet.
    pub has_content: bool,
    /// Bytes of generated text, roughly.
    pub output_text: usize,
}

/// An event and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TappedEvent {
    /// The event, byte for byte.
    pub bytes: Bytes,
    /// What it is.
    pub is: Tapped,
    /// Whether it changed the model, the usage, what is charged, or `has_content`.
    pub news: bool,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tapped {
    /// A comment, or nothing.
    Silent,
    /// Part of the answer.
    Data,
    /// Not for the client, or not now: usage that it did not ask for, or that is sent at the end.
    Withheld,
    /// An error instead of an answer, or of the rest of it.
    Error,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As its protocol says.
    Complete,
    /// With an error event.
    Failed,
    /// It just stopped.
    Truncated,
}

impl StreamTap {
    /// A tap on a stream whose events have at most `max_event` bytes. `hide_usage` says that the usage chunk is there only
    /// because the gateway asked for it.
    #[must_use]
    pub fn new(dialect: Dialect, hide_usage: bool, max_event: usize) -> Self {
        Self {
            dialect,
            shaper: Shaper::new(!hide_usage),
            decoder: Decoder::new(max_event),
            facts: Facts::default(),
            finished: false,
            begun: false,
            done: false,
            failed: false,
        }
    }

    /// What is known so far.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Bytes) {
        self.decoder.push(chunk);
    }

    /// The next complete event.
    ///
    /// # Errors
    /// If an event exceeds the limit.
    pub fn next_event(&mut self) -> Result<Option<TappedEvent>, TooLarge> {
        Ok(self.decoder.next_event()?.map(|bytes| self.inspect(bytes)))
    }

    /// The end of the stream: an event that lacks its blank line, if one is left, and how the stream ended. A broken piece
    /// of an event is not given out, since a client could not read what is sent after it.
    pub fn finish(&mut self) -> (Option<TappedEvent>, Ending) {
        let rest = self.decoder.take_rest();
        let is_whole = sse::data(&rest)
            .is_some_and(|data| &*data == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(&data).is_ok());
        let last = is_whole.then(|| {
            let terminated: Bytes = [&rest[..], b"\n\n"].concat().into();
            self.inspect(terminated)
        });
        let owed = self.shaper.take_held().filter(|_| self.ending() == Ending::Complete);
        let last = match (last, owed) {
            (Some(last), Some(usage)) => Some(TappedEvent { bytes: [last.bytes, usage].concat().into(), ..last }),
            (None, Some(bytes)) => Some(TappedEvent { bytes, is: Tapped::Data, news: false }),
            (last, None) => last,
        };
        (last, self.ending())
    }

    fn ending(&self) -> Ending {
        if self.failed {
            return Ending::Failed;
        }
        let complete = match self.dialect {
            Dialect::Chat => self.done || self.finished,
            Dialect::Responses => self.done,
            Dialect::Any => true,
        };
        if complete { Ending::Complete } else { Ending::Truncated }
    }

    fn inspect(&mut self, bytes: Bytes) -> TappedEvent {
        // A byte order mark may stand at the start of a stream, and only there.
        let is_first = !std::mem::replace(&mut self.begun, true);
        let mark = if is_first && bytes.starts_with("\u{feff}".as_bytes()) { "\u{feff}".len() } else { 0 };
        let Some(data) = sse::data(&bytes[mark..]) else {
            return TappedEvent { bytes, is: Tapped::Silent, news: false };
        };
        if &*data == b"[DONE]" {
            // Some routers end a Responses stream with it too, also one that was cut.
            self.done |= self.dialect != Dialect::Responses;
            let bytes = match self.shaper.take_held() {
                Some(usage) => [usage, bytes].concat().into(),
                None => bytes,
            };
            return TappedEvent { is: Tapped::Data, news: false, bytes };
        }
        self.facts.output_text += match self.dialect {
            Dialect::Chat => needle::chat_text(&data),
            Dialect::Responses => needle::responses_text(&data),
            Dialect::Any => needle::any_text(&data),
        };
        let (is, news) = if self.is_worth_parsing(&bytes, &data) { self.parse(&data) } else { (Tapped::Data, false) };
        if self.dialect != Dialect::Chat || is != Tapped::Data {
            return TappedEvent { is, news, bytes };
        }
        let finishes = FINISH_REASON.names_text(&data);
        self.finished |= finishes;
        if !finishes && !USAGE.names_object(&data) {
            return TappedEvent { is, news, bytes: self.shaper.plain(bytes.clone()) };
        }
        match self.shaper.special(bytes.clone(), &data) {
            Shaped::Sent(bytes) => TappedEvent { is, news, bytes },
            Shaped::Withheld => TappedEvent { is: Tapped::Withheld, news, bytes },
        }
    }

    fn is_worth_parsing(&self, event: &[u8], data: &[u8]) -> bool {
        !self.facts.has_content
            || USAGE.names_object(data)
            || ERROR.names_value(data)
            || (self.dialect == Dialect::Responses && may_end_responses(event))
    }

    fn parse(&mut self, data: &[u8]) -> (Tapped, bool) {
        let Some(chunk) = Chunk::parse(data) else {
            return (Tapped::Data, false);
        };
        let before = self.facts.gist();
        if self.facts.model.is_none() {
            self.facts.model = chunk.model().map(str::to_owned);
        }
        if let Some(usage) = chunk.usage() {
            self.facts.usage.get_or_insert_default().update(&usage);
        }
        self.facts.billing.update(chunk.billing());
        self.facts.has_content |= chunk.has_content();
        let news = before != self.facts.gist();
        let ended_badly = self.dialect == Dialect::Responses && chunk.responses_end() == Some(false);
        if chunk.error || ended_badly {
            self.failed = true;
            return (Tapped::Error, news);
        }
        if self.dialect == Dialect::Responses {
            self.done |= chunk.responses_end().is_some();
        }
        (Tapped::Data, news)
    }
}

impl Facts {
    /// What is worth telling when it changes.
    pub(super) fn gist(&self) -> (bool, Option<Usage>, Billing, bool) {
        (self.model.is_some(), self.usage, self.billing.clone(), self.has_content)
    }
}

/// Whether the event's name, or the lack of one, allows it to be the last of a Responses stream.
fn may_end_responses(event: &[u8]) -> bool {
    match sse::name(event) {
        None => true,
        Some(name) => matches!(name, b"response.completed" | b"response.incomplete" | b"response.failed" | b"error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(dialect: Dialect, hide: bool, text: &str) -> (Vec<TappedEvent>, Facts, Ending) {
        let mut tap = StreamTap::new(dialect, hide, 1 << 20);
        tap.push(Bytes::copy_from_slice(text.as_bytes()));
        let mut events = Vec::new();
        while let Some(event) = tap.next_event().unwrap() {
            events.push(event);
        }
        let (last, ending) = tap.finish();
        events.extend(last);
        (events, tap.facts().clone(), ending)
    }

    const CHAT: &str = concat!(
        ": note\n\n",
        "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
        "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}],\"usage\":null}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
        "data: [DONE]\n\n",
    );

    #[test]
    fn a_chat_stream_is_understood_and_its_usage_hidden() {
        let (events, facts, ending) = run(Dialect::Chat, true, CHAT);
        let is: Vec<Tapped> = events.iter().map(|event| event.is).collect();
        use Tapped::{Data, Silent, Withheld};
        assert_eq!(is, [Silent, Data, Data, Data, Withheld, Data]);
        assert_eq!(events.iter().map(|event| event.news).collect::<Vec<_>>(), [false, true, true, false, true, false]);
        assert_eq!(facts.model.as_deref(), Some("m-1"));
        assert_eq!(facts.usage.unwrap().output, Some(2));
        assert_eq!(facts.output_text, 5);
        assert_eq!(ending, Ending::Complete);
    }

    #[test]
    fn usage_is_shown_to_who_asked() {
        let (events, ..) = run(Dialect::Chat, false, CHAT);
        let last = events.last().unwrap();
        assert!(last.bytes.starts_with(b"data: {\"choices\":[],\"usage\":{") && last.bytes.ends_with(b"[DONE]\n\n"));
    }

    #[test]
    fn what_a_stream_says_that_it_cost() {
        let text = CHAT
            .replace(r#""completion_tokens":2"#, r#""completion_tokens":2,"cost_in_usd_ticks":25"#)
            .replace(r#""choices":[],"#, r#""choices":[],"service_tier":"priority","#);
        let (events, facts, _) = run(Dialect::Chat, true, &text);
        assert_eq!(facts.billing.service_tier.as_deref(), Some("priority"));
        assert_eq!(facts.billing.reported_cost, Some(tollgate_core::NanoUsd(3)));
        assert!(events[4].news);
    }

    #[test]
    fn how_a_chat_stream_ends() {
        let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}";
        for (text, expect) in [
            ("", Ending::Truncated),
            ("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", Ending::Truncated),
            (&format!("{finish}\n\n"), Ending::Complete),
            (finish, Ending::Complete),
            (&format!("{finish}\n\ndata: {{\"choices\":[],\"usage\":{{}}}}\n\n"), Ending::Complete),
            ("data: {\"choices\":[{\"delta\":{},\"finish_", Ending::Truncated),
            ("data: {\"error\":{\"message\":\"x\"}}\n\n", Ending::Failed),
            ("data: [DONE]", Ending::Complete),
        ] {
            let (.., ending) = run(Dialect::Chat, false, text);
            assert_eq!(ending, expect, "{text}");
        }
    }

    #[test]
    fn a_broken_last_event_is_not_given_out() {
        let (events, ..) = run(Dialect::Chat, false, "data: {\"choices\":[{\"delta\":{\"con");
        assert_eq!(events, []);
    }

    #[test]
    fn groq_and_moonshot_put_usage_elsewhere() {
        for chunk in [
            r#"{"choices":[{"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":7,"completion_tokens":3}}}"#,
            r#"{"choices":[{"finish_reason":"stop","usage":{"prompt_tokens":7,"completion_tokens":3}}]}"#,
        ] {
            let (_, facts, _) = run(Dialect::Chat, true, &format!("data: {chunk}\n\n"));
            assert_eq!(facts.usage.unwrap().input, Some(7));
        }
    }

    #[test]
    fn a_responses_stream_is_understood() {
        let text = concat!(
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"m\",\"usage\":null,\"error\":null}}\n\n",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"abc\"}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"error\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
        );
        let (_, facts, ending) = run(Dialect::Responses, false, text);
        assert_eq!((facts.model.as_deref(), facts.output_text, ending), (Some("m"), 3, Ending::Complete));
        assert_eq!(facts.usage.unwrap().total(), 7);
        let (.., ending) = run(Dialect::Responses, false, text.rsplit_once("event").unwrap().0);
        assert_eq!(ending, Ending::Truncated);
        assert_eq!(run(Dialect::Responses, false, text).1.billing, Billing::default());
        let tiered = text
            .replace(r#""usage":null"#, r#""service_tier":"auto""#)
            .replace(r#""usage":{"#, r#""service_tier":"flex","usage":{"#);
        assert_eq!(run(Dialect::Responses, false, &tiered).1.billing.service_tier.as_deref(), Some("flex"));
        let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{}}}\n\n";
        assert_eq!(run(Dialect::Responses, false, failed).2, Ending::Failed);
    }

    #[test]
    fn other_protocols_are_metered_too() {
        let anthropic = concat!(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\",\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":12}}\n\n",
        );
        let (_, facts, _) = run(Dialect::Any, false, anthropic);
        assert_eq!((facts.usage.unwrap().input, facts.usage.unwrap().output), (Some(10), Some(12)));
        let gemini = "data: {\"usageMetadata\": {\"promptTokenCount\":4,\"candidatesTokenCount\":5},\"modelVersion\":\"g\"}\r\n\r\n";
        let (_, facts, _) = run(Dialect::Any, false, gemini);
        assert_eq!((facts.model.as_deref(), facts.usage.unwrap().total()), (Some("g"), 9));
    }
}
