//! Reads a provider's stream.

use bytes::Bytes;
use tollgate_core::ir::{Block, Citation, Delta, Event, Extra, Finish, Opaque, OpenBlock, Protocol};

use super::calls::Calls;
use crate::codec::{DecodeError, DecodeStream, Dialect, Plan};
use crate::json::{self, Value};
use crate::openai_chat::details::{self, Detail};
use crate::openai_chat::request::thinking_text;
use crate::openai_chat::response;
use crate::openai_chat::types::{ANSWER_MEMBERS, PADDING, google_signature};
use crate::usage;

/// Reads a provider's stream. It reads every server's: what they differ in is told by the chunks themselves.
#[derive(Debug)]
pub struct Decoder {
    custom_tools: Vec<String>,
    started: bool,
    ended: bool,
    choices: Vec<Choice>,
    blocks: u32,
    /// What the members of the whole answer last said.
    extras: Vec<Extra>,
    /// Sources that are listed beside the answer, until its words are closed.
    sources: Vec<Citation>,
}

/// A choice of the answer.
#[derive(Debug, Default)]
struct Choice {
    index: u32,
    /// The block that is open beside calls.
    open: Option<Open>,
    calls: Calls,
    finish: Option<Finish>,
}

#[derive(Debug)]
struct Open {
    block: u32,
    kind: Kind,
    /// The number of the piece of `reasoning_details` that it comes from.
    detail: Option<u64>,
    signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking { summary: bool },
    Refusal,
}

/// Opens blocks of a choice, numbered across choices.
pub(super) struct Numbers<'d> {
    next: &'d mut u32,
    choice: u32,
    pub(super) custom_tools: &'d [String],
}

impl Numbers<'_> {
    fn next(&mut self) -> u32 {
        let index = *self.next;
        *self.next = self.next.saturating_add(1);
        index
    }

    /// Opens a block and gives its number.
    pub(super) fn open(&mut self, block: OpenBlock, out: &mut Vec<Event>) -> u32 {
        let index = self.next();
        out.push(Event::Open { index, choice: self.choice, block });
        index
    }

    fn whole(&mut self, block: Block, out: &mut Vec<Event>) {
        let index = self.next();
        out.push(Event::Whole { index, choice: self.choice, block });
    }
}

/// Members of the whole answer that are watched for changes.
const MAX_EXTRAS: usize = 32;

/// The most choices of one answer; OpenAI's limit for `n`.
const MAX_CHOICES: usize = 128;

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(_dialect: &Dialect, plan: &Plan) -> Self {
        Self {
            custom_tools: plan.custom_tools.clone(),
            started: false,
            ended: false,
            choices: Vec::new(),
            blocks: 0,
            extras: Vec::new(),
            sources: Vec::new(),
        }
    }

    fn chunk(&mut self, data: &[u8], chunk: &Value<'_>, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let choices = chunk.array("choices");
        if response::is_error(chunk) || choices.iter().any(|choice| choice.str("finish_reason") == Some("error")) {
            return Err(DecodeError::Upstream(Bytes::copy_from_slice(data)));
        }
        let id = chunk.string("id").filter(|id| !id.is_empty());
        let in_groq = chunk.get("x_groq").and_then(|groq| groq.get("usage"));
        // Moonshot has it in the choice.
        let in_choice = || choices.iter().find_map(|choice| choice.get("usage"));
        let usage =
            chunk.get("usage").or(in_groq).or_else(in_choice).and_then(|value| usage::parse(value.raw().as_bytes()));
        // Azure's first chunk has no id, and nothing of the answer but what its filters found.
        if !self.started && (id.is_some() || !choices.is_empty() || usage.is_some()) {
            self.started = true;
            let model = chunk.string("model").filter(|model| !model.is_empty());
            out.push(Event::Start { id, model, created: chunk.u64("created") });
        }
        self.extras(chunk, out);
        for choice in choices {
            self.choice(choice, out);
        }
        out.extend(usage.map(Event::Usage));
        Ok(())
    }

    fn extras(&mut self, chunk: &Value<'_>, out: &mut Vec<Event>) {
        for (name, value) in chunk.present() {
            let is_own = name == "service_tier" || ANSWER_MEMBERS.binary_search(&name).is_err();
            if !self.started || !is_own || PADDING.contains(&name) || name == "x_groq" {
                continue;
            }
            if matches!(name, "citations" | "search_results")
                && self.choices.iter().all(|choice| choice.finish.is_none())
            {
                self.sources = response::sources(chunk);
            }
            let json = value.raw();
            let is_full = self.extras.len() >= MAX_EXTRAS;
            match self.extras.iter_mut().find(|extra| extra.name == name) {
                Some(known) if known.json == json => continue,
                Some(known) => json.clone_into(&mut known.json),
                None if is_full => continue,
                None => self.extras.push(Extra { name: name.to_owned(), json: json.to_owned() }),
            }
            out.push(Event::Extra(Extra { name: name.to_owned(), json: json.to_owned() }));
        }
    }

    fn choice(&mut self, value: &Value<'_>, out: &mut Vec<Event>) {
        let index = value.u64("index").and_then(|index| u32::try_from(index).ok()).unwrap_or(0);
        let at = self.choices.iter().position(|choice| choice.index == index);
        if at.is_none() {
            if self.choices.len() >= MAX_CHOICES {
                return;
            }
            self.choices.push(Choice { index, ..Choice::default() });
        }
        let at = at.unwrap_or(self.choices.len() - 1);
        let Some(choice) = self.choices.get_mut(at) else { return };
        let mut numbers = Numbers { next: &mut self.blocks, choice: index, custom_tools: &self.custom_tools };
        // A server may answer a request for a stream with the whole answer in one piece.
        if let Some(delta) = value.get("delta").or_else(|| value.get("message")) {
            choice.delta(delta, &mut numbers, &mut self.sources, out);
        }
        if let Some(logprobs) = value.get("logprobs").filter(|logprobs| logprobs.is_object())
            && let Some(Open { block, kind: Kind::Text | Kind::Refusal, .. }) = choice.open
        {
            out.push(Event::Delta { index: block, delta: Delta::Logprobs(logprobs.raw().to_owned()) });
        }
        // Some servers have an empty word in every piece, others at the end behind a call; `[DONE]` settles what it was.
        if let Some(word) = value.str("finish_reason").filter(|word| !word.is_empty()) {
            choice.close_all(&mut numbers, &mut self.sources, out);
            if choice.finish.is_none() {
                choice.finish = Some(response::finish(value, word, choice.calls.any()));
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.ended = true;
        self.choices.sort_by_key(|choice| choice.index);
        for choice in &mut self.choices {
            let mut numbers =
                Numbers { next: &mut self.blocks, choice: choice.index, custom_tools: &self.custom_tools };
            choice.close_all(&mut numbers, &mut self.sources, out);
            let has_calls = choice.calls.any();
            let said_nothing = || json::parse(b"{}").map(|empty| response::finish(&empty, "", has_calls));
            let finish = choice.finish.take().or_else(|| said_nothing().ok()).unwrap_or_default();
            out.push(Event::Finish { choice: choice.index, finish });
        }
        out.push(Event::End);
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            if !self.started {
                return Err(DecodeError::Invalid("the stream had no answer"));
            }
            self.end(out);
            return Ok(());
        }
        let chunk = json::parse(data).map_err(|_| DecodeError::Invalid("a piece of the stream is not JSON"))?;
        if !chunk.is_object() {
            // Google's OpenAI layer wraps its errors in a list.
            return Err(match chunk.items().first().is_some_and(response::is_error) {
                true => DecodeError::Upstream(Bytes::copy_from_slice(data)),
                false => DecodeError::Invalid("a piece of the stream is no object"),
            });
        }
        self.chunk(data, &chunk, out)
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended {
            return Ok(());
        }
        // Perplexity never sends `[DONE]`, and others lose it at times; a reason for the end is as good.
        if self.choices.is_empty() || self.choices.iter().any(|choice| choice.finish.is_none()) {
            return Err(DecodeError::Invalid("the stream stopped before its end"));
        }
        self.end(out);
        Ok(())
    }
}

impl Choice {
    fn delta(
        &mut self,
        delta: &Value<'_>,
        numbers: &mut Numbers<'_>,
        sources: &mut Vec<Citation>,
        out: &mut Vec<Event>,
    ) {
        self.thoughts(delta, numbers, sources, out);
        match delta.get("content") {
            Some(content) if content.is_array() => {
                for part in content.items() {
                    self.part(part, numbers, sources, out);
                }
            }
            content => self.say(Kind::Text, content.and_then(Value::as_str), numbers, sources, out),
        }
        self.say(Kind::Refusal, delta.str("refusal"), numbers, sources, out);
        for value in delta.array("annotations") {
            let index = self.open(Kind::Text, None, numbers, sources, out);
            out.push(Event::Delta { index, delta: Delta::Citation(response::annotation(value)) });
        }
        if let Some(signature) = google_signature(delta) {
            let index = self.open(Kind::Text, None, numbers, sources, out);
            out.push(Event::Delta { index, delta: Delta::Signature(signature) });
        }
        for picture in delta.array("images").iter().filter_map(response::picture) {
            self.close(sources, out);
            numbers.whole(picture, out);
        }
        if let Some(audio) = delta.get("audio") {
            let json = audio.raw().to_owned();
            let audio = Opaque { protocol: Protocol::OpenAiChat, what: "audio".to_owned(), json };
            numbers.whole(Block::Opaque(audio), out);
        }
        let calls = delta.array("tool_calls");
        if !calls.is_empty() {
            self.close(sources, out);
        }
        for (position, call) in (0..).zip(calls) {
            self.calls.piece(call, position, numbers, out);
        }
        if let Some(call) = delta.get("function_call") {
            self.close(sources, out);
            self.calls.piece(call, 0, numbers, out);
        }
    }

    /// Thoughts, in whichever fields they come. Where several have them, the one that says most is read.
    fn thoughts(
        &mut self,
        delta: &Value<'_>,
        numbers: &mut Numbers<'_>,
        sources: &mut Vec<Citation>,
        out: &mut Vec<Event>,
    ) {
        let mut known = delta.array("reasoning_details").iter().filter_map(Detail::read).peekable();
        if known.peek().is_none() {
            self.say(Kind::Thinking { summary: false }, details::plain(delta), numbers, sources, out);
            return;
        }
        for detail in known {
            self.detail(detail, numbers, sources, out);
        }
    }

    fn detail(
        &mut self,
        detail: Detail<'_>,
        numbers: &mut Numbers<'_>,
        sources: &mut Vec<Citation>,
        out: &mut Vec<Event>,
    ) {
        let goes_on = self
            .open
            .as_ref()
            .filter(|open| matches!(open.kind, Kind::Thinking { .. }) && open.detail == detail.index && !open.signed);
        if detail.encrypted && goes_on.is_none() {
            self.close(sources, out);
            numbers.whole(Block::Thinking(detail.into_thinking()), out);
            return;
        }
        let kind = match goes_on {
            Some(open) if detail.encrypted || detail.text.is_empty() => open.kind,
            _ => Kind::Thinking { summary: detail.summary },
        };
        if detail.text.is_empty() && detail.signature.is_none() {
            return;
        }
        if goes_on.is_none() {
            self.close(sources, out);
        }
        let id = detail.id.map(str::to_owned);
        let index = self.open(kind, id, numbers, sources, out);
        if let Some(open) = &mut self.open {
            open.detail = detail.index;
            open.signed = detail.signature.is_some();
        }
        if !detail.text.is_empty() {
            out.push(Event::Delta { index, delta: Delta::Text(detail.text.to_owned()) });
        }
        out.extend(detail.signature.map(|signature| Event::Delta { index, delta: Delta::Signature(signature) }));
    }

    /// A part of a list of content, as Mistral answers.
    fn part(&mut self, part: &Value<'_>, numbers: &mut Numbers<'_>, sources: &mut Vec<Citation>, out: &mut Vec<Event>) {
        match part.str("type") {
            Some("thinking") => {
                let text = thinking_text(part);
                self.say(Kind::Thinking { summary: false }, Some(&text), numbers, sources, out);
            }
            _ => self.say(Kind::Text, part.as_str().or_else(|| part.str("text")), numbers, sources, out),
        }
    }

    fn say(
        &mut self,
        kind: Kind,
        text: Option<&str>,
        numbers: &mut Numbers<'_>,
        sources: &mut Vec<Citation>,
        out: &mut Vec<Event>,
    ) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let index = self.open(kind, None, numbers, sources, out);
        out.push(Event::Delta { index, delta: Delta::Text(text.to_owned()) });
    }

    /// The open block of a kind; another kind's is closed for it.
    fn open(
        &mut self,
        kind: Kind,
        id: Option<String>,
        numbers: &mut Numbers<'_>,
        sources: &mut Vec<Citation>,
        out: &mut Vec<Event>,
    ) -> u32 {
        if let Some(open) = self.open.as_ref().filter(|open| open.kind == kind) {
            return open.block;
        }
        self.close(sources, out);
        let block = numbers.open(
            match kind {
                Kind::Text => OpenBlock::Text,
                Kind::Thinking { summary } => OpenBlock::Thinking { summary, id },
                Kind::Refusal => OpenBlock::Refusal,
            },
            out,
        );
        self.open = Some(Open { block, kind, detail: None, signed: false });
        block
    }

    fn close(&mut self, sources: &mut Vec<Citation>, out: &mut Vec<Event>) {
        let Some(open) = self.open.take() else { return };
        if open.kind == Kind::Text {
            let citation = |citation| Event::Delta { index: open.block, delta: Delta::Citation(citation) };
            out.extend(sources.drain(..).map(citation));
        }
        out.push(Event::Close { index: open.block });
    }

    fn close_all(&mut self, numbers: &mut Numbers<'_>, sources: &mut Vec<Citation>, out: &mut Vec<Event>) {
        self.close(sources, out);
        self.calls.close(numbers, out);
    }
}
