//! Answers in the least memory.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_core::ir::Answer;

/// An answer as it is kept: its members one after the other in one piece of memory, in [Postcard's format][1]. A short answer
/// takes its words and some forty bytes; as a value it takes 600 more, most of them for what could be there and is not.
///
/// It is a form for memory alone: written down, it is the answer.
///
/// [1]: https://postcard.jamesmunns.com/
#[derive(Clone, Debug, PartialEq)]
pub struct Packed(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Bytes(Box<[u8]>),
    /// What could not be packed.
    Whole(Box<Answer>),
}

// === impl Packed ===

impl Packed {
    /// Packs an answer.
    #[must_use]
    pub fn new(answer: Answer) -> Self {
        match postcard::to_allocvec(&answer) {
            Ok(bytes) => Self(Form::Bytes(bytes.into())),
            Err(_) => Self(Form::Whole(Box::new(answer))),
        }
    }

    /// The answer.
    #[must_use]
    pub fn unpack(&self) -> Answer {
        match &self.0 {
            // They are always those of an answer, because they never leave the process.
            Form::Bytes(bytes) => postcard::from_bytes(bytes).unwrap_or_default(),
            Form::Whole(answer) => (**answer).clone(),
        }
    }

    /// How many bytes of memory the packed answer takes.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.0 {
            Form::Bytes(bytes) => bytes.len(),
            // A bound on what is not allocated apart, and that is all that is left if it could not even be written.
            Form::Whole(answer) => size_of::<Answer>() + serde_json::to_vec(answer).map_or(0, |json| json.len()),
        }
    }
}

impl From<Answer> for Packed {
    fn from(answer: Answer) -> Self {
        Self::new(answer)
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.unpack().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Answer::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::Usage;
    use tollgate_core::ir::{
        Block, Choice, Citation, Finish, FinishReason, Media, MediaKind, Origin, Signature, Source, Text, Thinking,
        ToolCall,
    };

    use super::*;

    fn answer(blocks: Vec<Block>) -> Answer {
        let finish = Finish { native: Some("end_turn".to_owned()), ..Finish::new(FinishReason::Stop) };
        let choice = Choice { blocks, finish, logprobs: Some("{\"content\":[]}".to_owned()) };
        Answer {
            model: Some("m".to_owned()),
            choices: vec![choice, Choice::default()],
            usage: Some(Usage { input: Some(0), output: Some(u64::MAX), ..Usage::default() }),
            service_tier: Some("default".to_owned()),
            ..Answer::default()
        }
    }

    #[test]
    fn whatever_is_packed_is_unpacked() {
        let signature = Some(Signature { origin: Origin::OpenAi, value: "s".to_owned() });
        let citation = Citation { url: Some("u".to_owned()), start: Some(3), ..Citation::default() };
        let text = Text { text: "grün".to_owned(), citations: vec![citation], signature: signature.clone() };
        let call =
            ToolCall { id: "1".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned(), ..ToolCall::default() };
        let media = Media {
            kind: MediaKind::Image,
            source: Source::Base64("AAAA".to_owned()),
            mime: Some("image/png".to_owned()),
            name: None,
            detail: None,
            context: None,
            citations: false,
        };
        let answer = answer(vec![
            Block::Text(text),
            Block::Thinking(Thinking { text: "hm".to_owned(), signature, ..Thinking::default() }),
            Block::ToolCall(call),
            Block::Media(media),
            Block::Refusal("no".to_owned()),
        ]);
        for answer in [answer, Answer::default()] {
            let packed = Packed::new(answer.clone());
            assert!(matches!(packed.0, Form::Bytes(_)));
            assert_eq!(packed.unpack(), answer);
            let written = serde_json::to_string(&packed).unwrap();
            assert_eq!(written, serde_json::to_string(&answer).unwrap());
            assert_eq!(serde_json::from_str::<Packed>(&written).unwrap(), packed);
        }
    }

    #[test]
    fn words_take_little_more_than_their_letters() {
        let words = "word ".repeat(100);
        let packed = Packed::new(answer(vec![Block::text(words.as_str())]));
        assert!((words.len()..words.len() + 128).contains(&packed.size()), "{}", packed.size());
    }
}
