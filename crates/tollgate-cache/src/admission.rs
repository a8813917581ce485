//! Which answers may be stored.

use serde::de::IgnoredAny;
use tollgate_core::ir::{Answer, Block, FinishReason, PromptTraits};

/// Why an answer is not stored. The word goes into headers and statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStored {
    /// It broke off, or its provider's own end was not seen.
    Incomplete,
    /// It came to a limit of tokens, so a longer one would have been given.
    Length,
    /// It was stopped, or refused to go on.
    Filtered,
    /// It says why it does not answer.
    Refusal,
    /// The provider paused in the middle of its own tools.
    Paused,
    /// It says nothing.
    Empty,
    /// It was to be JSON and is not.
    InvalidJson,
    /// It is larger than an entry may be.
    TooLarge,
    /// It holds what only its provider can go on from.
    Opaque,
    /// Its status is not 200.
    Status,
    /// Another model gave it than the one that was asked.
    OtherModel,
}

impl NotStored {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "not-stored:incomplete",
            Self::Length => "not-stored:length",
            Self::Filtered => "not-stored:content-filter",
            Self::Refusal => "not-stored:refusal",
            Self::Paused => "not-stored:paused",
            Self::Empty => "not-stored:empty",
            Self::InvalidJson => "not-stored:invalid-json",
            Self::TooLarge => "not-stored:too-large",
            Self::Opaque => "not-stored:provider-state",
            Self::Status => "not-stored:status",
            Self::OtherModel => "not-stored:other-model",
        }
    }
}

/// Whether a complete answer may be stored: every choice came to an end of its own, and says something.
///
/// # Errors
/// Why not.
pub fn check(answer: &Answer, traits: PromptTraits) -> Result<(), NotStored> {
    if answer.choices.is_empty() {
        return Err(NotStored::Empty);
    }
    for choice in &answer.choices {
        match choice.finish.reason {
            FinishReason::Stop | FinishReason::StopSequence | FinishReason::ToolCalls => {}
            FinishReason::Length => return Err(NotStored::Length),
            FinishReason::ContentFilter => return Err(NotStored::Filtered),
            FinishReason::Pause => return Err(NotStored::Paused),
        }
        let mut says_something = false;
        let mut text = String::new();
        for block in &choice.blocks {
            match block {
                Block::Text(part) => {
                    says_something |= !part.text.trim().is_empty();
                    text.push_str(&part.text);
                }
                Block::Refusal(_) => return Err(NotStored::Refusal),
                Block::ToolCall(call) => {
                    says_something = true;
                    if !is_json_or_free(call) {
                        return Err(NotStored::InvalidJson);
                    }
                }
                Block::Media(_) => says_something = true,
                Block::Opaque(_) => return Err(NotStored::Opaque),
                _ => {}
            }
        }
        if !says_something {
            return Err(NotStored::Empty);
        }
        let has_calls = choice.blocks.iter().any(|block| matches!(block, Block::ToolCall(_)));
        if traits.json && !has_calls && !is_json(&text) {
            return Err(NotStored::InvalidJson);
        }
    }
    Ok(())
}

/// Whether an answer with embeddings may be stored: JSON to its last brace, with vectors in it.
///
/// # Errors
/// Why not.
pub fn check_embeddings(text: &str) -> Result<(), NotStored> {
    #[derive(serde::Deserialize)]
    struct Embeddings {
        #[serde(default)]
        data: Vec<Embedding>,
        error: Option<IgnoredAny>,
    }
    #[derive(serde::Deserialize)]
    struct Embedding {
        embedding: Option<IgnoredAny>,
    }
    let answer: Embeddings = serde_json::from_str(text).map_err(|_| NotStored::InvalidJson)?;
    let has_vectors = answer.data.iter().all(|item| item.embedding.is_some()) && !answer.data.is_empty();
    if has_vectors && answer.error.is_none() { Ok(()) } else { Err(NotStored::Empty) }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Arguments of functions are JSON; cut off, they are not.
fn is_json_or_free(call: &tollgate_core::ir::ToolCall) -> bool {
    call.kind == tollgate_core::ir::ToolKind::Custom || is_json(call.arguments_or_empty())
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::{Choice, Finish, Media, MediaKind, Source, ToolCall};

    use super::*;

    fn judged(blocks: Vec<Block>, reason: FinishReason) -> Result<(), NotStored> {
        let json = matches!(&blocks[..], [Block::Text(text)] if text.text.starts_with('{'));
        let choice = Choice { blocks, finish: Finish::new(reason), logprobs: None };
        let answer = Answer { choices: vec![choice], ..Answer::default() };
        check(&answer, PromptTraits { json, ..PromptTraits::default() })
    }

    #[test]
    fn only_answers_that_came_to_their_end() {
        let call = |arguments: &str| {
            Block::ToolCall(ToolCall {
                id: "c".into(),
                name: "f".into(),
                arguments: arguments.into(),
                ..ToolCall::default()
            })
        };
        use FinishReason::{ContentFilter, Length, Pause, Stop, StopSequence, ToolCalls};
        let cases = [
            (vec![Block::text("Hi")], Stop, Ok(())),
            (vec![Block::text("Hi")], StopSequence, Ok(())),
            (vec![call("{}")], ToolCalls, Ok(())),
            (vec![call("")], ToolCalls, Ok(())),
            (vec![call("{\"a\":")], ToolCalls, Err(NotStored::InvalidJson)),
            (vec![Block::text("Hi")], Length, Err(NotStored::Length)),
            (vec![Block::text("Hi")], ContentFilter, Err(NotStored::Filtered)),
            (vec![Block::text("Hi")], Pause, Err(NotStored::Paused)),
            (vec![Block::text(" \n")], Stop, Err(NotStored::Empty)),
            (vec![], Stop, Err(NotStored::Empty)),
            (vec![Block::text("Hi"), Block::Refusal("no".into())], Stop, Err(NotStored::Refusal)),
            (vec![Block::text("{\"a\":1}")], Stop, Ok(())),
            (vec![Block::text("{\"a\":1")], Stop, Err(NotStored::InvalidJson)),
            (vec![Block::Media(Media::new(MediaKind::Image, Source::Url("u".into())))], Stop, Ok(())),
        ];
        for (blocks, reason, expected) in cases {
            assert_eq!(judged(blocks.clone(), reason), expected, "{blocks:?} {reason:?}");
        }
        assert_eq!(check(&Answer::default(), PromptTraits::default()), Err(NotStored::Empty));
    }

    #[test]
    fn embeddings_that_are_none() {
        let cases = [
            (r#"{"data":[{"index":0,"embedding":[0.5]}],"error":null}"#, Ok(())),
            (r#"{"data":[{"index":0,"embedding":"AAAA"}]}"#, Ok(())),
            (r#"{"data":[{"index":0,"embedding":[0.5]}"#, Err(NotStored::InvalidJson)),
            (r#"{"error":{"message":"down"}}"#, Err(NotStored::Empty)),
            (r#"{"data":[]}"#, Err(NotStored::Empty)),
            (r#"{"data":[{"embedding":[1]},{"embedding":null}]}"#, Err(NotStored::Empty)),
            ("", Err(NotStored::InvalidJson)),
        ];
        for (text, expected) in cases {
            assert_eq!(check_embeddings(text), expected, "{text}");
        }
    }

    #[test]
    fn one_bad_choice_is_enough() {
        let good = Choice { blocks: vec![Block::text("a")], ..Choice::default() };
        let cut = Choice { finish: Finish::new(FinishReason::Length), ..good.clone() };
        let answer = Answer { choices: vec![good, cut], ..Answer::default() };
        assert_eq!(check(&answer, PromptTraits::default()), Err(NotStored::Length));
    }
}
