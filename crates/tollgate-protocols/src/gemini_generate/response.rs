//! Whole answers of Gemini `generateContent`.

use bytes::Bytes;
use tollgate_core::ir::{Answer, Block, Choice, Citation};

use super::grounding::{write_citations, write_logprobs};
use super::render::{Head, block_feedback, finish_word, wants_thoughts, write_block, write_extras, write_usage};
use super::stream::Decoder;
use crate::codec::{Aggregator, DecodeError, DecodeStream as _, Echo, Plan};
use crate::json::{self, Object};

/// Reads a provider's whole answer, which is a stream of one chunk; also all the chunks of a stream in one array.
///
/// # Errors
/// If it is an error in spite of its status, or not the protocol.
pub fn decode(body: &[u8], plan: &Plan) -> Result<Answer, DecodeError> {
    let mut decoder = Decoder::of_whole(plan);
    let mut events = Vec::new();
    decoder.event(body, &mut events)?;
    decoder.finish(&mut events)?;
    let mut aggregator = Aggregator::default();
    events.into_iter().for_each(|event| aggregator.event(event));
    Ok(aggregator.finish())
}

/// Writes a whole answer for a client.
#[must_use]
pub fn encode(answer: &Answer, echo: &Echo) -> Bytes {
    let is_empty = answer.choices.iter().all(|choice| choice.blocks.is_empty());
    let blocked = block_feedback(&answer.extras).filter(|_| is_empty);
    let body = json::object(1024, |o| {
        if blocked.is_none() {
            o.array("candidates", |a| {
                for (at, choice) in answer.choices.iter().enumerate() {
                    a.object(|o| candidate(at, choice, answer, echo, o));
                }
            });
        }
        o.maybe_raw("promptFeedback", answer.extras.iter().find(|e| e.name == "promptFeedback").map(|e| &*e.json));
        if let Some(usage) = &answer.usage {
            write_usage(usage, &answer.extras, o);
        }
        Head::of(answer, echo).write(o);
    });
    body.into()
}

fn candidate(at: usize, choice: &Choice, answer: &Answer, echo: &Echo, o: &mut Object<'_>) {
    let wants_thoughts = wants_thoughts(echo);
    o.object("content", |o| {
        o.array("parts", |a| choice.blocks.iter().for_each(|block| write_block(block, wants_thoughts, a)));
        o.string("role", "model");
    });
    let has_refused = choice.blocks.iter().any(|block| matches!(block, Block::Refusal(_)));
    o.string("finishReason", finish_word(&choice.finish, has_refused));
    o.uint("index", at as u64);
    let path = format!("candidates[{at}].");
    write_extras(&path, &answer.extras, o);
    if let Some(logprobs) = &choice.logprobs {
        write_logprobs(std::slice::from_ref(logprobs), o);
    }
    let has_own = answer
        .extras
        .iter()
        .any(|extra| matches!(extra.name.strip_prefix(&path), Some("groundingMetadata" | "citationMetadata")));
    let (text, citations) = cited(choice);
    if !has_own && !citations.is_empty() {
        o.object("groundingMetadata", |o| write_citations(&citations, &text, o));
    }
}

fn cited(choice: &Choice) -> (String, Vec<Citation>) {
    let (mut all, mut citations) = (String::new(), Vec::new());
    for block in &choice.blocks {
        if let Block::Text(text) = block {
            all.push_str(&text.text);
            citations.extend(text.citations.iter().cloned());
        }
    }
    (all, citations)
}
