//! Writes a client's stream.

use tollgate_core::Usage;
use tollgate_core::ir::{Block, Delta, Event, Extra, Finish, FinishReason, OpenBlock, Protocol, Signature, ToolKind};

use super::state::{Choice, Kind, Open, words, write_signature};
use crate::codec::{Echo, EncodeStream, new_id, says_nothing};
use crate::json::{self, Object};
use crate::openai_chat::details;
use crate::openai_chat::response::{self, write_annotation, write_finish, write_image, write_logprobs, write_usage};
use crate::openai_chat::types::write_google_signature;

/// Writes a client's stream: chunks and `[DONE]`.
#[derive(Debug)]
pub struct Encoder {
    echo: Echo,
    /// What every chunk begins with, up to its choices.
    head: Vec<u8>,
    /// Members of the whole answer that every chunk carries, once a chunk is written.
    lasting: Vec<Extra>,
    /// Members of the whole answer that the next chunk carries.
    extras: Vec<Extra>,
    choices: Vec<Choice>,
    open: Vec<Open>,
    usage: Option<Usage>,
    /// Whether calls are signed; their clients look for the signature in a call's first chunk, as Google has it.
    signs_calls: bool,
    ended: bool,
}

/// What stands between the members of the whole answer and its choices.
const CHOICES: &[u8] = b",\"choices\":[";

/// Members of the whole answer that OpenAI, or who else has them, repeats in every chunk.
const LASTING: [&str; 3] = ["provider", "service_tier", "system_fingerprint"];

impl Encoder {
    /// A writer of one stream.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            echo,
            head: Vec::new(),
            lasting: Vec::new(),
            extras: Vec::new(),
            choices: Vec::new(),
            open: Vec::new(),
            usage: None,
            signs_calls: false,
            ended: false,
        }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, created: Option<u64>) {
        if !self.head.is_empty() {
            return;
        }
        self.signs_calls = model.unwrap_or(&self.echo.model).contains("gemini");
        let made = self.echo.id.as_ref().map(|id| format!("chatcmpl-{id}"));
        let id =
            made.or_else(|| id.filter(|id| !id.is_empty()).map(str::to_owned)).unwrap_or_else(|| new_id("chatcmpl-"));
        let mut head = b"data: ".to_vec();
        json::append_object(&mut head, |o| {
            o.string("id", &id);
            o.string("object", "chat.completion.chunk");
            o.uint("created", created.unwrap_or(self.echo.now));
            o.string("model", model.unwrap_or(&self.echo.model));
        });
        // Open again, for the choices to follow.
        head.pop();
        head.extend_from_slice(CHOICES);
        self.head = head;
    }

    /// Takes a member of the whole answer. What is said of it again is ignored where clients want one value throughout.
    fn extra(&mut self, extra: &Extra) {
        if !response::is_extra(extra) {
            return;
        }
        if !LASTING.contains(&&*extra.name) {
            self.extras.push(extra.clone());
        } else if self.lasting.iter().all(|known| known.name != extra.name) {
            self.lasting.push(extra.clone());
            let end = self.head.len().saturating_sub(CHOICES.len());
            self.head.truncate(end);
            let member = json::object(64, |o| o.raw(&extra.name, &extra.json));
            self.head.push(b',');
            self.head.extend_from_slice(member.get(1..member.len() - 1).unwrap_or_default());
            self.head.extend_from_slice(CHOICES);
        }
    }

    /// Writes a chunk with the choice that `write` makes, if any, and the usage where it is the last one's.
    fn chunk(&mut self, out: &mut Vec<u8>, write: Option<&dyn Fn(&mut Object<'_>)>) {
        self.start(None, None, None);
        let from = out.len();
        out.extend_from_slice(&self.head);
        if let Some(write) = write {
            json::append_object(out, write);
        }
        out.push(b']');
        let extras = std::mem::take(&mut self.extras);
        let usage = self.usage.as_ref().filter(|_| write.is_none());
        if self.echo.prompt.stream_usage || !extras.is_empty() {
            // The members that follow the choices, without the braces of an object of their own.
            let tail = json::object(64, |o| {
                for extra in &extras {
                    o.raw(&extra.name, &extra.json);
                }
                match usage {
                    Some(usage) => o.object("usage", |o| write_usage(o, usage)),
                    None if self.echo.prompt.stream_usage => o.null("usage"),
                    None => {}
                }
            });
            out.push(b',');
            out.extend_from_slice(tail.get(1..tail.len() - 1).unwrap_or_default());
        }
        json::one_line(out, from);
        out.extend_from_slice(b"}\n\n");
    }

    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, write: impl Fn(&mut Object<'_>)) {
        self.chunk(
            out,
            Some(&|o: &mut Object<'_>| {
                o.uint("index", choice.into());
                o.object("delta", &write);
                o.null("finish_reason");
            }),
        );
    }

    /// The state of a choice, which begins with the role.
    fn choice(&mut self, index: u32, out: &mut Vec<u8>) -> &mut Choice {
        let at = match self.choices.iter().position(|choice| choice.index == index) {
            Some(at) => at,
            None => {
                self.delta(index, out, |o| {
                    o.string("role", "assistant");
                    o.string("content", "");
                });
                self.choices.push(Choice { index, ..Choice::default() });
                self.choices.len() - 1
            }
        };
        &mut self.choices[at]
    }

    fn open(&mut self, index: u32, choice: u32, block: &OpenBlock, out: &mut Vec<u8>) {
        let state = self.choice(choice, out);
        state.said = true;
        let kind = match block {
            OpenBlock::Text => Kind::Text,
            OpenBlock::Refusal => Kind::Refusal,
            OpenBlock::Thinking { summary, id } => {
                state.thoughts += 1;
                Kind::Thinking { number: state.thoughts - 1, summary: *summary, id: id.clone() }
            }
            OpenBlock::ToolCall { id, name, kind } => {
                state.calls += 1;
                let number = state.calls - 1;
                let owed = (id.clone(), name.clone());
                if !self.signs_calls {
                    self.begin_call(choice, number, *kind, &owed, None, out);
                }
                Kind::Call { number, kind: *kind, sent: false, owed: self.signs_calls.then_some(owed) }
            }
        };
        self.open.push(Open { index, choice, kind });
    }

    fn begin_call(
        &mut self,
        choice: u32,
        number: u64,
        kind: ToolKind,
        (id, name): &(String, String),
        signature: Option<&Signature>,
        out: &mut Vec<u8>,
    ) {
        let (member, arguments) = words(kind);
        self.delta(choice, out, |o| {
            o.array("tool_calls", |a| {
                a.object(|o| {
                    o.uint("index", number);
                    o.string("id", id);
                    o.string("type", member);
                    o.object(member, |o| {
                        o.string("name", name);
                        o.string(arguments, "");
                    });
                    if let Some(signature) = signature {
                        write_google_signature(o, signature);
                    }
                });
            });
        });
    }

    fn arguments(&mut self, choice: u32, number: u64, kind: ToolKind, text: &str, out: &mut Vec<u8>) {
        let (member, arguments) = words(kind);
        self.delta(choice, out, |o| {
            o.array("tool_calls", |a| {
                a.object(|o| {
                    o.uint("index", number);
                    o.object(member, |o| o.string(arguments, text));
                });
            });
        });
    }

    fn more(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(open) = self.open.iter_mut().rev().find(|open| open.index == index) else { return };
        let choice = open.choice;
        if let Kind::Call { number, kind, sent, owed } = &mut open.kind {
            if let Delta::Arguments(text) = delta {
                if !*sent && *kind == ToolKind::Function && says_nothing(text) {
                    return;
                }
                *sent = true;
            }
            let (number, kind, owed) = (*number, *kind, owed.take());
            if let Some(owed) = owed {
                let signature = if let Delta::Signature(signature) = delta { Some(signature) } else { None };
                self.begin_call(choice, number, kind, &owed, signature, out);
                if signature.is_some() {
                    return;
                }
            }
        }
        let Some(open) = self.open.iter().rev().find(|open| open.index == index) else { return };
        let kind = open.kind.clone();
        match (kind, delta) {
            (Kind::Text, Delta::Text(text)) => self.delta(choice, out, |o| o.string("content", text)),
            (Kind::Refusal, Delta::Text(text)) => self.delta(choice, out, |o| o.string("refusal", text)),
            (Kind::Thinking { number, summary, id }, Delta::Text(text)) => self.delta(choice, out, |o| {
                o.string("reasoning_content", text);
                o.array("reasoning_details", |a| {
                    details::write_words(a, summary, text, None, number, id.as_deref());
                });
            }),
            (Kind::Thinking { number, summary, id }, Delta::Signature(signature)) => {
                self.delta(choice, out, |o| write_signature(o, signature, number, summary, id.as_deref()));
            }
            (Kind::Call { number, kind, .. }, Delta::Arguments(text)) => {
                self.arguments(choice, number, kind, text, out);
            }
            (Kind::Call { number, kind, .. }, Delta::Signature(signature)) => self.delta(choice, out, |o| {
                let (member, arguments) = words(kind);
                o.array("tool_calls", |a| {
                    a.object(|o| {
                        o.uint("index", number);
                        // Most clients read no call without it.
                        o.object(member, |o| o.string(arguments, ""));
                        write_google_signature(o, signature);
                    });
                });
            }),
            (Kind::Text, Delta::Signature(signature)) => {
                self.delta(choice, out, |o| write_google_signature(o, signature));
            }
            (Kind::Text, Delta::Citation(citation)) if citation.url.is_some() => {
                self.delta(choice, out, |o| o.array("annotations", |a| write_annotation(a, citation)));
            }
            (_, Delta::Logprobs(logprobs)) => self.chunk(
                out,
                Some(&|o: &mut Object<'_>| {
                    o.uint("index", choice.into());
                    o.object("delta", |_| {});
                    write_logprobs(o, logprobs);
                    o.null("finish_reason");
                }),
            ),
            _ => {}
        }
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().rposition(|open| open.index == index) else { return };
        let Open { choice, kind, .. } = self.open.swap_remove(at);
        let Kind::Call { number, kind, sent, owed } = kind else { return };
        if let Some(owed) = owed {
            self.begin_call(choice, number, kind, &owed, None, out);
        }
        // A call without arguments has an empty object, and nothing less.
        if !sent && kind == ToolKind::Function {
            self.arguments(choice, number, kind, "{}", out);
        }
    }

    /// A block in one piece, as the pieces that it would have come in.
    fn whole(&mut self, index: u32, choice: u32, block: &Block, out: &mut Vec<u8>) {
        let (kind, deltas) = match block {
            Block::Text(text) => {
                let citations = text.citations.iter().cloned().map(Delta::Citation);
                let signature = text.signature.clone().map(Delta::Signature);
                (
                    OpenBlock::Text,
                    [Delta::Text(text.text.clone())].into_iter().chain(citations).chain(signature).collect(),
                )
            }
            Block::Refusal(text) => (OpenBlock::Refusal, vec![Delta::Text(text.clone())]),
            Block::ToolCall(call) => {
                let open = OpenBlock::ToolCall { id: call.id.clone(), name: call.name.clone(), kind: call.kind };
                let signature = call.signature.clone().map(Delta::Signature).into_iter();
                (open, signature.chain([Delta::Arguments(call.arguments.clone())]).collect())
            }
            Block::Thinking(thinking) => {
                let state = self.choice(choice, out);
                state.said = true;
                let number = state.thoughts;
                state.thoughts += 1;
                self.delta(choice, out, |o| {
                    if !thinking.text.is_empty() {
                        o.string("reasoning_content", &thinking.text);
                    }
                    o.array("reasoning_details", |a| {
                        details::write(a, thinking, thinking.signature.as_ref(), number);
                    });
                });
                return;
            }
            Block::Media(media) => {
                self.choice(choice, out).said = true;
                self.delta(choice, out, |o| o.array("images", |a| write_image(a, media)));
                return;
            }
            Block::Opaque(opaque) if opaque.protocol == Protocol::OpenAiChat && opaque.what == "audio" => {
                self.choice(choice, out).said = true;
                self.delta(choice, out, |o| o.raw("audio", &opaque.json));
                return;
            }
            _ => return,
        };
        self.open(index, choice, &kind, out);
        for delta in &deltas {
            if !matches!(delta, Delta::Text(text) | Delta::Arguments(text) if text.is_empty()) {
                self.more(index, delta, out);
            }
        }
        self.close(index, out);
    }

    fn finish(&mut self, choice: u32, finish: &Finish, out: &mut Vec<u8>) {
        let state = self.choice(choice, out);
        if std::mem::replace(&mut state.finished, true) {
            return;
        }
        let has_calls = state.calls > 0;
        let owed: Vec<u32> = self.open.iter().filter(|open| open.choice == choice).map(|open| open.index).collect();
        owed.into_iter().for_each(|index| self.close(index, out));
        self.chunk(
            out,
            Some(&|o: &mut Object<'_>| {
                o.uint("index", choice.into());
                o.object("delta", |_| {});
                write_finish(o, finish, has_calls);
            }),
        );
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.choices.is_empty() {
            self.choice(0, out);
        }
        let unfinished: Vec<(u32, bool)> =
            self.choices.iter().filter(|choice| !choice.finished).map(|choice| (choice.index, choice.said)).collect();
        for (choice, said) in unfinished {
            // A provider that blocks the prompt answers nothing; clients expect a reason all the same.
            let reason = if said { FinishReason::Stop } else { FinishReason::ContentFilter };
            self.finish(choice, &Finish::new(reason), out);
        }
        if self.echo.prompt.stream_usage && self.usage.is_some() {
            self.chunk(out, None);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, created } => {
                self.start(id.as_deref(), model.as_deref(), *created);
            }
            Event::Open { index, choice, block } => self.open(*index, *choice, block, out),
            Event::Delta { index, delta } => self.more(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Whole { index, choice, block } => self.whole(*index, *choice, block, out),
            Event::Usage(usage) => self.usage.get_or_insert_with(Usage::default).update(usage),
            Event::Finish { choice, finish } => self.finish(*choice, finish, out),
            Event::Extra(extra) => {
                self.start(None, None, None);
                self.extra(extra);
            }
            Event::End => {
                self.ended = true;
                self.end(out);
            }
            _ => {}
        }
    }
}
