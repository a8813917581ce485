//! From a provider's stream to events.

use bytes::Bytes;
use tollgate_core::Usage;
use tollgate_core::ir::{Event, Extra, Finish, FinishReason};

use super::choice::{Choice, Shared};
use crate::codec::{DecodeError, DecodeStream, Plan};
use crate::gemini_generate::types::{MAX_CHOICES, compact};
use crate::json::{self, Value};
use crate::usage;

/// Reads a provider's stream: the data of each event, or each element of the array.
#[derive(Debug)]
pub struct Decoder {
    shared: Shared,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    /// The last usage, for the counts that have no name elsewhere.
    usage_extras: Vec<Extra>,
    feedback: Option<(Option<String>, String)>,
    started: bool,
    ended: bool,
    /// Whether the answer comes in one piece, and may leave out the reason to finish.
    whole: bool,
}

impl Decoder {
    /// A reader of one stream.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            shared: Shared::new(plan),
            choices: Vec::new(),
            usage: None,
            usage_extras: Vec::new(),
            feedback: None,
            started: false,
            ended: false,
            whole: false,
        }
    }

    /// A reader of an answer in one piece.
    pub(in crate::gemini_generate) fn of_whole(plan: &Plan) -> Self {
        Self { whole: true, ..Self::new(plan) }
    }

    fn chunk(&mut self, chunk: &Value<'_>, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if chunk.get("error").is_some() {
            return Err(DecodeError::Upstream(Bytes::copy_from_slice(data)));
        }
        if !chunk.is_object() {
            return Err(DecodeError::Invalid("a chunk of the stream is no object"));
        }
        if !self.started {
            self.started = true;
            let (id, model) = (chunk.string("responseId"), chunk.string("modelVersion"));
            out.push(Event::Start { id, model, created: None });
        }
        for candidate in chunk.array("candidates") {
            let number = candidate.u64("index").unwrap_or(0);
            let at = usize::try_from(number).ok().filter(|at| *at < MAX_CHOICES);
            let at = at.ok_or(DecodeError::Invalid("a candidate's index is out of range"))?;
            while self.choices.len() <= at {
                self.choices.push(Choice::new(u32::try_from(self.choices.len()).unwrap_or(u32::MAX)));
            }
            if let Some(choice) = self.choices.get_mut(at) {
                choice.read(candidate, &mut self.shared, out);
            }
        }
        if let Some(feedback) = chunk.get("promptFeedback") {
            self.feedback = Some((feedback.string("blockReason"), compact(feedback.raw()).into_owned()));
        }
        if let Some(counts) = chunk.get("usageMetadata") {
            self.count(counts, out);
        }
        Ok(())
    }

    /// Takes the counts, which are cumulative.
    fn count(&mut self, counts: &Value<'_>, out: &mut Vec<Event>) {
        self.usage_extras.clear();
        for (name, value) in counts.present() {
            let is_total = matches!(
                name,
                "promptTokenCount"
                    | "candidatesTokenCount"
                    | "thoughtsTokenCount"
                    | "cachedContentTokenCount"
                    | "totalTokenCount"
            );
            if !is_total {
                let json = compact(value.raw()).into_owned();
                self.usage_extras.push(Extra { name: format!("usageMetadata.{name}"), json });
            }
        }
        let Some(newer) = usage::parse(counts.raw().as_bytes()) else { return };
        let mut merged = self.usage.unwrap_or_default();
        merged.update(&newer);
        if self.usage != Some(merged) {
            self.usage = Some(merged);
            out.push(Event::Usage(newer));
        }
    }

    fn blocked(&self) -> Option<Finish> {
        let (reason, _) = self.feedback.as_ref()?;
        Some(Finish { reason: FinishReason::ContentFilter, native: Some(reason.clone()?), stop_sequence: None })
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        let blocked = self.blocked();
        if blocked.is_none() {
            if !self.started || (self.choices.is_empty() && self.usage.is_none()) {
                return Err(DecodeError::Invalid("the answer holds no candidates"));
            }
            let is_cut = self.choices.is_empty() || !self.choices.iter().all(Choice::is_finished);
            if is_cut && !self.whole {
                return Err(DecodeError::Invalid("the stream ended before its reason to finish"));
            }
        }
        for choice in &mut self.choices {
            choice.end(self.whole, &mut self.shared, out);
        }
        out.extend(self.usage_extras.drain(..).map(Event::Extra));
        if let Some((_, json)) = self.feedback.take() {
            out.push(Event::Extra(Extra { name: "promptFeedback".to_owned(), json }));
        }
        for (number, choice) in (0..).zip(&self.choices) {
            let finish = match &blocked {
                Some(blocked) if !choice.is_finished() => blocked.clone(),
                _ => match choice.finish() {
                    Ok(finish) => finish,
                    Err(error) if self.choices.len() == 1 => return Err(error),
                    Err(_) => Finish { native: Some("OTHER".to_owned()), ..Finish::default() },
                },
            };
            out.push(Event::Finish { choice: number, finish });
        }
        if self.choices.is_empty() {
            let finish = blocked.unwrap_or_default();
            out.push(Event::Finish { choice: 0, finish });
        }
        out.push(Event::End);
        Ok(())
    }
}

/// The tokens of sound among counts by modality.
impl DecodeStream for Decoder {
    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.ended || data == b"[DONE]" {
            return Ok(());
        }
        let value = json::parse(data).map_err(|_| DecodeError::Invalid("a chunk of the stream is no JSON"))?;
        if value.is_array() {
            // Errors come in an array of one, whole answers of a stream in an array of all their chunks.
            return value.items().iter().try_for_each(|item| self.chunk(item, item.raw().as_bytes(), out));
        }
        self.chunk(&value, data, out)
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), DecodeError> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        self.end(out)
    }
}
