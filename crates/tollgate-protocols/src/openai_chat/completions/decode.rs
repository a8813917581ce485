//! Reads answers to text completions, whole and streamed.

use bytes::Bytes;
use tollgate_core::ir::{Answer, Block, Choice, Delta, Event, Finish, OpenBlock};

use crate::codec::{DecodeError, DecodeStream};
use crate::json::{self, Value};
use crate::openai_chat::response::{finish, is_error};
use crate::usage;

/// The most answers of one request, OpenAI's limit for `n`.
const MAX_CHOICES: usize = 128;

/// Reads a whole answer.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode_answer(body: &[u8]) -> Result<Answer, DecodeError> {
    let root = json::parse(body).map_err(|_| DecodeError::Invalid("the answer is not JSON"))?;
    if is_error(&root) {
        return Err(DecodeError::Upstream(Bytes::copy_from_slice(body)));
    }
    let mut choices: Vec<&Value<'_>> = root.array("choices").iter().collect();
    if choices.is_empty() {
        return Err(DecodeError::Invalid("the answer has no choices"));
    }
    choices.sort_by_key(|choice| choice.u64("index"));
    let choices = choices.into_iter().map(|choice| Choice {
        blocks: vec![Block::text(choice.str("text").unwrap_or_default())],
        finish: finish_of(choice).unwrap_or_default(),
        logprobs: choice.get("logprobs").map(|logprobs| logprobs.raw().to_owned()),
    });
    Ok(Answer {
        id: root.string("id"),
        model: root.string("model"),
        created: root.u64("created"),
        choices: choices.collect(),
        usage: root.get("usage").and_then(|value| usage::parse(value.raw().as_bytes())),
        ..Answer::default()
    })
}

fn finish_of(choice: &Value<'_>) -> Option<Finish> {
    choice.str("finish_reason").map(|word| finish(choice, word, false))
}

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    /// Answers by number: the block that is open, and whether its end was told.
    choices: Vec<(Option<u32>, bool)>,
    blocks: u32,
    done: bool,
}

impl Decoder {
    fn choice(&mut self, value: &Value<'_>, out: &mut Vec<Event>) {
        let number = value.u64("index").and_then(|index| usize::try_from(index).ok()).unwrap_or(0).min(MAX_CHOICES - 1);
        if self.choices.len() <= number {
            self.choices.resize(number + 1, (None, false));
        }
        let choice = u32::try_from(number).unwrap_or(0);
        let (open, finished) = &mut self.choices[number];
        let text = value.str("text").filter(|text| !text.is_empty());
        if let (Some(text), false) = (text, *finished) {
            let index = *open.get_or_insert_with(|| {
                let index = self.blocks;
                self.blocks += 1;
                out.push(Event::Open { index, choice, block: OpenBlock::Text });
                index
            });
            out.push(Event::Delta { index, delta: Delta::Text(text.to_owned()) });
            if let Some(logprobs) = value.get("logprobs") {
                out.push(Event::Delta { index, delta: Delta::Logprobs(logprobs.raw().to_owned()) });
            }
        }
        if let (Some(finish), false) = (finish_of(value), *finished) {
            *finished = true;
            out.extend(open.take().map(|index| Event::Close { index }));
            out.push(Event::Finish { choice, finish });
        }
    }
}

impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let root = json::parse(data).map_err(|_| DecodeError::Invalid("a chunk is not JSON"))?;
        if is_error(&root) {
            return Err(DecodeError::Upstream(Bytes::copy_from_slice(data)));
        }
        if !self.started {
            self.started = true;
            out.push(Event::Start { id: root.string("id"), model: root.string("model"), created: root.u64("created") });
        }
        root.array("choices").iter().for_each(|choice| self.choice(choice, out));
        let usage = root.get("usage").and_then(|value| usage::parse(value.raw().as_bytes()));
        out.extend(usage.map(Event::Usage));
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let is_complete = self.started && self.choices.iter().all(|(_, finished)| *finished);
        if !is_complete || (self.choices.is_empty() && !self.done) {
            return Err(DecodeError::Invalid("the stream ended in the middle"));
        }
        out.push(Event::End);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tollgate_core::ir::FinishReason;

    use super::*;
    use crate::codec::Aggregator;

    #[test]
    fn whole_and_streamed_answers_say_the_same() {
        let usage = json!({ "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 });
        let whole = json!({ "id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m", "usage": usage, "choices": [
            { "index": 1, "text": "b", "finish_reason": "length", "logprobs": null },
            { "index": 0, "text": "Hello", "finish_reason": "stop", "logprobs": null },
        ] });
        let whole = decode_answer(whole.to_string().as_bytes()).unwrap();
        assert_eq!(whole.choices[1].finish.reason, FinishReason::Length);
        let chunk =
            |choices: serde_json::Value| json!({ "id": "cmpl-1", "created": 7, "model": "m", "choices": choices });
        let mut last = chunk(json!([]));
        last["usage"] = usage;
        let chunks = [
            chunk(json!([{ "index": 0, "text": "Hel", "finish_reason": null }])),
            chunk(json!([{ "index": 1, "text": "b", "finish_reason": null }])),
            chunk(json!([{ "index": 0, "text": "lo", "finish_reason": "stop" }])),
            chunk(json!([{ "index": 1, "text": "", "finish_reason": "length" }])),
            last,
        ];
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        for chunk in &chunks {
            decoder.event(chunk.to_string().as_bytes(), &mut events).unwrap();
        }
        decoder.event(b"[DONE]", &mut events).unwrap();
        decoder.finish(&mut events).unwrap();
        let mut aggregator = Aggregator::default();
        events.into_iter().for_each(|event| aggregator.event(event));
        assert_eq!(aggregator.finish(), whole);
    }

    #[test]
    fn broken_streams_and_errors() {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        decoder.event(br#"{"choices":[{"index":0,"text":"a"}]}"#, &mut events).unwrap();
        assert!(decoder.finish(&mut events).is_err());
        let error = br#"{"error":{"message":"no"}}"#;
        assert!(matches!(Decoder::default().event(error, &mut events), Err(DecodeError::Upstream(_))));
        assert!(matches!(decode_answer(error), Err(DecodeError::Upstream(_))));
    }
}
