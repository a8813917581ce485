//! One candidate of an answer while it is read.

use tollgate_core::ir::{Block, Delta, Event, Extra, Finish, FinishReason, Opaque, OpenBlock, ToolKind};

use super::partial::Partial;
use crate::codec::{DecodeError, Plan, new_id};
use crate::gemini_generate::grounding;
use crate::gemini_generate::parts::{OWN, Part, object_arguments, thinking};
use crate::gemini_generate::types::{camel, compact, finish_reason, list, member};
use crate::json::{self, Value};

/// What kind of block is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

#[derive(Debug)]
struct Open {
    index: u32,
    kind: Kind,
    /// Whether its signature came: the next words are another block's.
    signed: bool,
}

/// The state of a candidate.
#[derive(Debug, Default)]
pub(super) struct Choice {
    number: u32,
    open: Option<Open>,
    partial: Option<Partial>,
    /// The answer's text so far, to which citations refer.
    text: String,
    /// Where the parts of a whole answer begin in its text.
    bases: Vec<usize>,
    /// Whether a tool was called.
    called: bool,
    /// Whether there is anything that a client can use.
    usable: bool,
    /// The last word for the reason to finish.
    finish: Option<String>,
    message: Option<String>,
    /// Sources and other members, the last of each name.
    members: Vec<(String, String)>,
}

/// What blocks of all candidates share.
#[derive(Debug)]
pub(super) struct Shared {
    next: u32,
    custom_tools: Vec<String>,
}

impl Shared {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { next: 0, custom_tools: plan.custom_tools.clone() }
    }

    fn index(&mut self) -> u32 {
        let index = self.next;
        self.next = self.next.saturating_add(1);
        index
    }
}

impl Choice {
    pub(super) fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Takes a candidate of a chunk.
    pub(super) fn read(&mut self, candidate: &Value<'_>, shared: &mut Shared, out: &mut Vec<Event>) {
        let mut logprobs = None;
        for (name, value) in candidate.present() {
            match name {
                "content" => {
                    for part in member(value, "parts").map(list).unwrap_or_default() {
                        self.bases.push(self.text.len());
                        self.part(part, shared, out);
                    }
                }
                "finishReason" => self.finish = value.to_text().filter(|word| word != "FINISH_REASON_UNSPECIFIED"),
                "finishMessage" => self.message = value.to_text(),
                "index" => {}
                "logprobsResult" => logprobs = Some(value),
                _ => self.keep(name, value),
            }
        }
        if let Some(logprobs) = logprobs {
            let delta = Delta::Logprobs(grounding::logprobs(logprobs));
            let index = self.open_as(Kind::Text, shared, out);
            out.push(Event::Delta { index, delta });
        }
    }

    fn keep(&mut self, name: &str, value: &Value<'_>) {
        // Later chunks may have the member without its content.
        if value.is_object() && value.present().next().is_none() {
            return;
        }
        match self.members.iter_mut().find(|(known, _)| known == name) {
            Some((_, json)) => value.raw().clone_into(json),
            None => self.members.push((name.to_owned(), value.raw().to_owned())),
        }
    }

    fn part(&mut self, value: &Value<'_>, shared: &mut Shared, out: &mut Vec<Event>) {
        let Ok(part) = Part::read(value) else { return };
        if let Some(call) = part.call {
            self.call(call, &part, shared, out);
        } else if let Some(Ok(media)) = part.media().filter(|_| !part.thought) {
            self.whole(Block::Media(media), shared, out);
        } else if part.text.is_some() || part.signature.is_some() && part.unknown.is_empty() {
            self.words(part.text.unwrap_or_default(), &part, shared, out);
        } else if let Some((name, _)) = part.unknown.first() {
            let what = camel(name).into_owned();
            self.whole(Block::Opaque(Opaque { protocol: OWN, what, json: value.raw().to_owned() }), shared, out);
        } else if part.inline.is_some() {
            // A picture of the model's thoughts.
            let what = "thought".to_owned();
            self.whole(Block::Opaque(Opaque { protocol: OWN, what, json: value.raw().to_owned() }), shared, out);
        }
    }

    fn whole(&mut self, block: Block, shared: &mut Shared, out: &mut Vec<Event>) {
        self.close(shared, out);
        self.usable = true;
        out.push(Event::Whole { index: shared.index(), choice: self.number, block });
    }

    fn words(&mut self, text: &str, part: &Part<'_>, shared: &mut Shared, out: &mut Vec<Event>) {
        let signature = part.signature();
        let kind = if part.thought { Kind::Thinking } else { Kind::Text };
        if part.thought && text.is_empty() && signature.as_ref().is_some_and(|s| thinking("", Some(s.clone())).redacted)
        {
            self.whole(Block::Thinking(thinking("", signature)), shared, out);
            return;
        }
        if !text.is_empty() {
            let index = self.open_as(kind, shared, out);
            if kind == Kind::Text {
                self.text.push_str(text);
                self.usable = true;
            }
            out.push(Event::Delta { index, delta: Delta::Text(text.to_owned()) });
        }
        if let Some(signature) = signature {
            // A signature on its own is the open block's, whatever that is.
            let index = match &self.open {
                Some(open) if !open.signed => open.index,
                _ => self.open_as(kind, shared, out),
            };
            if let Some(open) = &mut self.open {
                open.signed = true;
            }
            out.push(Event::Delta { index, delta: Delta::Signature(signature) });
        }
    }

    /// The number of the open block, which is of a kind and not signed yet.
    fn open_as(&mut self, kind: Kind, shared: &mut Shared, out: &mut Vec<Event>) -> u32 {
        if let Some(open) = &self.open
            && open.kind == kind
            && !open.signed
            && self.partial.is_none()
        {
            return open.index;
        }
        self.close(shared, out);
        let index = shared.index();
        let block = match kind {
            Kind::Text => OpenBlock::Text,
            Kind::Thinking => OpenBlock::Thinking { summary: true, id: None },
        };
        out.push(Event::Open { index, choice: self.number, block });
        self.open = Some(Open { index, kind, signed: false });
        index
    }

    /// Closes what is open.
    fn close(&mut self, shared: &mut Shared, out: &mut Vec<Event>) {
        if let Some(open) = self.open.take() {
            out.push(Event::Close { index: open.index });
        }
        if let Some(partial) = self.partial.take() {
            let arguments = partial.arguments();
            let part = Part { signature: partial.signature.as_deref(), ..Part::default() };
            self.emit_call(partial.id.as_deref(), &partial.name, &arguments, &part, shared, out);
        }
    }

    fn call(&mut self, call: &Value<'_>, part: &Part<'_>, shared: &mut Shared, out: &mut Vec<Event>) {
        let name = call.str("name").filter(|name| !name.is_empty());
        let pieces = member(call, "partialArgs").map(list).unwrap_or_default();
        let continues = member(call, "willContinue").and_then(Value::as_bool) == Some(true);
        if let Some(name) = name {
            self.close(shared, out);
            if !continues && pieces.is_empty() {
                let arguments = call.get("args").map_or("{}", Value::raw);
                self.emit_call(call.str("id"), name, arguments, part, shared, out);
                return;
            }
            self.partial = Some(Partial {
                id: call.string("id"),
                name: name.to_owned(),
                signature: part.signature.map(str::to_owned),
                ..Partial::default()
            });
        }
        if let Some(partial) = &mut self.partial {
            partial.extend(pieces);
            if !continues {
                self.close(shared, out);
            }
        }
    }

    fn emit_call(
        &mut self,
        id: Option<&str>,
        name: &str,
        arguments: &str,
        part: &Part<'_>,
        shared: &mut Shared,
        out: &mut Vec<Event>,
    ) {
        // Models now and then write the namespace in which they see functions before the name.
        let name = name.strip_prefix("default_api:").filter(|rest| !rest.is_empty()).unwrap_or(name);
        let index = shared.index();
        let id = id.filter(|id| !id.is_empty()).map_or_else(|| new_id("call_"), str::to_owned);
        let is_custom = shared.custom_tools.iter().any(|tool| tool == name);
        let kind = if is_custom { ToolKind::Custom } else { ToolKind::Function };
        let arguments = match kind {
            ToolKind::Custom => free_text(arguments),
            ToolKind::Function => compact(object_arguments(arguments).unwrap_or("{}")).into_owned(),
        };
        self.called = true;
        self.usable = true;
        let open = OpenBlock::ToolCall { id, name: name.to_owned(), kind };
        out.push(Event::Open { index, choice: self.number, block: open });
        if !arguments.is_empty() {
            out.push(Event::Delta { index, delta: Delta::Arguments(arguments) });
        }
        if let Some(signature) = part.signature() {
            out.push(Event::Delta { index, delta: Delta::Signature(signature) });
        }
        out.push(Event::Close { index });
    }

    /// Whether the reason to finish came.
    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Closes the blocks, citations before. `whole`: whether the answer came in one piece, so that parts are numbered.
    pub(super) fn end(&mut self, whole: bool, shared: &mut Shared, out: &mut Vec<Event>) {
        let mut citations = Vec::new();
        for (name, raw) in &self.members {
            let Ok(value) = json::parse(raw.as_bytes()) else { continue };
            match &**name {
                "groundingMetadata" => {
                    let base = |part: usize| if whole { self.bases.get(part).copied().unwrap_or(0) } else { 0 };
                    citations.extend(grounding::citations(&value, &self.text, base));
                }
                "citationMetadata" => citations.extend(grounding::recitations(&value, &self.text)),
                _ => {}
            }
            let name = format!("candidates[{}].{name}", self.number);
            out.push(Event::Extra(Extra { name, json: compact(raw).into_owned() }));
        }
        if !citations.is_empty() {
            let index = match &self.open {
                Some(open) if open.kind == Kind::Text => open.index,
                _ => self.open_as(Kind::Text, shared, out),
            };
            out.extend(citations.into_iter().map(|c| Event::Delta { index, delta: Delta::Citation(c) }));
        }
        self.close(shared, out);
    }

    /// Why the candidate ended.
    ///
    /// # Errors
    /// If the model failed and left nothing that a client can use.
    pub(super) fn finish(&self) -> Result<Finish, DecodeError> {
        let word = self.finish.as_deref().unwrap_or("STOP");
        let reason = match finish_reason(word) {
            Some(reason) => reason,
            None if !self.usable => return Err(self.failure(word)),
            None => FinishReason::Stop,
        };
        let reason = if reason == FinishReason::Stop && self.called { FinishReason::ToolCalls } else { reason };
        let native = (!matches!(word, "STOP" | "MAX_TOKENS")).then(|| word.to_owned());
        Ok(Finish { reason, native, stop_sequence: None })
    }

    fn failure(&self, word: &str) -> DecodeError {
        let mut message = format!("The model gave no answer: {word}.");
        if let Some(said) = &self.message {
            message.push(' ');
            message.push_str(said);
        }
        let body = json::object(128 + message.len(), |o| {
            o.object("error", |o| {
                o.uint("code", 502);
                o.string("message", &message);
                o.string("status", word);
            });
        });
        DecodeError::Upstream(body.into())
    }
}

/// The text in the arguments of a function that stands for a tool with free text.
fn free_text(arguments: &str) -> String {
    let parsed = json::parse(arguments.as_bytes()).ok();
    parsed.and_then(|value| value.string("input")).unwrap_or_else(|| arguments.to_owned())
}
