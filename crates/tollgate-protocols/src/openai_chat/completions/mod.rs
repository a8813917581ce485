//! OpenAI's text completions, which came before chats, for models that only chat: the text becomes the one thing that the
//! user says. Models of that time went on with the text, so the answer is close to what was asked for, and not the same.

mod decode;

pub use decode::{Decoder, decode_answer};

use bytes::Bytes;
use tollgate_core::Error;
use tollgate_core::Usage;
use tollgate_core::ir::{
    Answer, Block, Delta, Event, Extra, Finish, FinishReason, OpenBlock, Prompt, Protocol, Role, Turn,
};

use crate::codec::{Echo, EncodeStream, new_id};
use crate::json::{self, Object, Value};
use crate::openai_chat::response::write_usage;
use crate::openai_chat::settings::{parse_body, setting, wrong};
use crate::openai_chat::types::finish_word;

/// The limit on generated tokens where the client gives none, as OpenAI's API description has it.
const DEFAULT_MAX_TOKENS: u64 = 16;

/// Reads a client's request. What chats cannot express (`echo`, `suffix`, `best_of`, `logprobs`) goes to the extras, under
/// names that begin with `completions.`, so that it is never sent.
///
/// # Errors
/// An invalid request that names the part at fault: a prompt of several texts or of tokens among them.
pub fn decode(body: &[u8]) -> Result<Prompt, Error> {
    let root = parse_body(body)?;
    let mut prompt = Prompt::new(Protocol::OpenAiChat);
    let text = root.get("prompt").ok_or_else(|| wrong("prompt", "a string"))?;
    prompt.turns.push(Turn::new(Role::User, vec![Block::text(text_of(text)?)]));
    for (name, value) in root.present() {
        let says_nothing = match name {
            "echo" => value.as_bool() == Some(false),
            "best_of" => value.as_u64() == Some(1),
            "suffix" => value.as_str() == Some(""),
            "logprobs" => false,
            "prompt" => true,
            _ => setting(&mut prompt, name, value)?,
        };
        if !says_nothing {
            prompt.extras.push(Extra { name: format!("completions.{name}"), json: value.raw().to_owned() });
        }
    }
    prompt.sampling.max_tokens = prompt.sampling.max_tokens.or(Some(DEFAULT_MAX_TOKENS));
    Ok(prompt)
}

fn text_of<'v>(value: &'v Value<'_>) -> Result<&'v str, Error> {
    let only = match value.items() {
        [only] => only,
        _ => value,
    };
    only.as_str().ok_or_else(|| {
        let message = "`prompt` must be one text: the model of this request takes neither several nor tokens.";
        Error::invalid_request(message, Some("prompt"))
    })
}

/// Writes a whole answer for a client.
#[must_use]
pub fn encode(answer: &Answer, echo: &Echo) -> Bytes {
    let body = json::object(512, |o| {
        write_head(o, echo, answer.id.as_deref(), answer.model.as_deref(), answer.created);
        o.array("choices", |a| {
            for (index, choice) in (0..).zip(&answer.choices) {
                let text: String = choice.blocks.iter().filter_map(words).collect();
                a.object(|o| write_choice(o, index, &text, Some(&choice.finish)));
            }
            if answer.choices.is_empty() {
                a.object(|o| write_choice(o, 0, "", Some(&Finish::new(FinishReason::ContentFilter))));
            }
        });
        if let Some(usage) = &answer.usage {
            o.object("usage", |o| write_usage(o, usage));
        }
    });
    body.into()
}

fn words(block: &Block) -> Option<&str> {
    match block {
        Block::Refusal(text) => Some(text),
        block => block.as_text(),
    }
}

fn write_head(o: &mut Object<'_>, echo: &Echo, id: Option<&str>, model: Option<&str>, created: Option<u64>) {
    let made = echo.id.as_ref().map(|id| format!("cmpl-{id}"));
    o.string(
        "id",
        &made.or_else(|| id.filter(|id| !id.is_empty()).map(str::to_owned)).unwrap_or_else(|| new_id("cmpl-")),
    );
    o.string("object", "text_completion");
    o.uint("created", created.unwrap_or(echo.now));
    o.string("model", model.unwrap_or(&echo.model));
}

fn write_choice(o: &mut Object<'_>, index: u64, text: &str, finish: Option<&Finish>) {
    o.string("text", text);
    o.uint("index", index);
    o.null("logprobs");
    // There were no tools at the time.
    let word = finish.map(|finish| match finish.reason {
        FinishReason::ToolCalls => "stop",
        reason => finish_word(reason),
    });
    o.string_or_null("finish_reason", word);
}

/// Writes a client's stream: objects of text and `[DONE]`.
#[derive(Debug)]
pub struct Encoder {
    echo: Echo,
    /// What every object begins with, up to its choices.
    head: Vec<u8>,
    /// Open blocks of text, with the answers that they belong to.
    open: Vec<(u32, u32)>,
    finished: Vec<u32>,
    usage: Option<Usage>,
    ended: bool,
}

impl Encoder {
    /// A writer of one stream.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self { echo, head: Vec::new(), open: Vec::new(), finished: Vec::new(), usage: None, ended: false }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, created: Option<u64>) {
        if self.head.is_empty() {
            let mut head = b"data: ".to_vec();
            json::append_object(&mut head, |o| write_head(o, &self.echo, id, model, created));
            // Open again, for the choices to follow.
            head.pop();
            head.extend_from_slice(b",\"choices\":[");
            self.head = head;
        }
    }

    fn chunk(&mut self, out: &mut Vec<u8>, choice: u32, text: &str, finish: Option<&Finish>) {
        self.start(None, None, None);
        out.extend_from_slice(&self.head);
        json::append_object(out, |o| write_choice(o, choice.into(), text, finish));
        out.extend_from_slice(if self.echo.prompt.stream_usage { b"],\"usage\":null}\n\n" } else { b"]}\n\n" });
    }

    fn finish(&mut self, choice: u32, finish: &Finish, out: &mut Vec<u8>) {
        if !self.finished.contains(&choice) {
            self.finished.push(choice);
            self.chunk(out, choice, "", Some(finish));
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        if self.finished.is_empty() {
            self.finish(0, &Finish::new(FinishReason::ContentFilter), out);
        }
        if let Some(usage) = self.usage.filter(|_| self.echo.prompt.stream_usage) {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            json::append_object(out, |o| write_usage(o, &usage));
            out.extend_from_slice(b"}\n\n");
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
            Event::Start { id, model, created } => self.start(id.as_deref(), model.as_deref(), *created),
            Event::Open { index, choice, block: OpenBlock::Text | OpenBlock::Refusal } => {
                self.open.push((*index, *choice));
            }
            Event::Delta { index, delta: Delta::Text(text) } => {
                if let Some((_, choice)) = self.open.iter().copied().find(|(open, _)| open == index) {
                    self.chunk(out, choice, text, None);
                }
            }
            Event::Close { index } => self.open.retain(|(open, _)| open != index),
            Event::Whole { choice, block, .. } => {
                if let Some(text) = words(block) {
                    self.chunk(out, *choice, text, None);
                }
            }
            Event::Usage(usage) => self.usage.get_or_insert_with(Usage::default).update(usage),
            Event::Finish { choice, finish } => self.finish(*choice, finish, out),
            Event::End => self.end(out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tollgate_core::ir::{Choice, Thinking};

    use super::*;
    use crate::codec::replay;

    fn echo(stream_usage: bool) -> Echo {
        let mut prompt = Prompt::new(Protocol::OpenAiChat);
        prompt.stream_usage = stream_usage;
        Echo { prompt: Arc::new(prompt), model: "m".to_owned(), now: 7, id: Some("1".to_owned()) }
    }

    fn answer() -> Answer {
        let thinking = Block::Thinking(Thinking { text: "hm".to_owned(), ..Thinking::default() });
        let choice = Choice {
            blocks: vec![thinking, Block::text("Hi "), Block::text("you")],
            finish: Finish::new(FinishReason::Length),
            logprobs: None,
        };
        let usage = Some(Usage { input: Some(1), output: Some(2), ..Usage::default() });
        Answer { choices: vec![choice], usage, ..Answer::default() }
    }

    #[test]
    fn one_text_is_what_the_user_says() {
        for text in [json!("once"), json!(["once"])] {
            let body = json!({ "model": "m", "prompt": text, "best_of": 1, "suffix": "x", "stop": "\n", "seed": 3 });
            let prompt = decode(body.to_string().as_bytes()).unwrap();
            assert_eq!(prompt.turns, [Turn::new(Role::User, vec![Block::text("once")])]);
            assert_eq!((prompt.sampling.max_tokens, prompt.sampling.seed), (Some(16), Some(3)));
            assert_eq!(prompt.extras, [Extra { name: "completions.suffix".to_owned(), json: "\"x\"".to_owned() }]);
        }
        for text in [json!(["a", "b"]), json!([1, 2]), json!([]), json!([[1]]), json!(null), json!(5)] {
            let error = decode(json!({ "prompt": text }).to_string().as_bytes()).unwrap_err();
            assert_eq!((error.status().as_u16(), error.param()), (400, Some("prompt")), "{text}");
        }
    }

    #[test]
    fn answers_whole_and_streamed() {
        let usage = json!({ "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 });
        let choice = |text: &str, finish: Option<&str>| json!([{ "text": text, "index": 0, "logprobs": null, "finish_reason": finish }]);
        let body: serde_json::Value = serde_json::from_slice(&encode(&answer(), &echo(false))).unwrap();
        let expected = json!({
            "id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m",
            "choices": choice("Hi you", Some("length")), "usage": usage,
        });
        assert_eq!(body, expected);
        for wants_usage in [true, false] {
            let mut encoder = Encoder::new(echo(wants_usage));
            let mut out = Vec::new();
            replay(answer()).iter().for_each(|event| encoder.event(event, &mut out));
            let text = String::from_utf8(out).unwrap();
            let mut chunks: Vec<&str> = text.split_terminator("\n\n").collect();
            assert_eq!(chunks.pop(), Some("data: [DONE]"));
            let chunks: Vec<serde_json::Value> =
                chunks.iter().map(|chunk| serde_json::from_str(&chunk["data: ".len()..]).unwrap()).collect();
            let choices: Vec<_> = chunks.iter().map(|chunk| chunk["choices"].clone()).collect();
            assert_eq!(choices[..3], [choice("Hi ", None), choice("you", None), choice("", Some("length"))]);
            assert_eq!(choices.len(), if wants_usage { 4 } else { 3 });
            assert_eq!(chunks.last().and_then(|chunk| chunk.get("usage")), wants_usage.then_some(&usage));
        }
    }
}
