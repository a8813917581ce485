//! What layers that know no protocol need of the protocols: requests in one form, answers read and written.
//!
//! [`Doors`] implements [`AnswerCodec`] for every protocol that clients speak to a gateway.

mod canonical;
mod last_user;
mod read;
mod traits;
mod write;

#[cfg(test)]
mod tests;

pub use write::stream_content_type;

use bytes::Bytes;
use tollgate_core::ir::{Answer, AnswerCodec, Canonical, Event, Naming, Prompt, ReadAnswer, WriteAnswer};
use tollgate_core::{Error, Operation, Request};

use crate::codec::{self, Aggregator};
use crate::openai_chat::completions;

/// The protocols of all front doors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Doors;

impl AnswerCodec for Doors {
    fn canonical(&self, request: &Request) -> Option<Canonical> {
        canonical::of(request)
    }

    fn reader(&self, request: &Request, is_stream: bool) -> Box<dyn ReadAnswer> {
        read::reader(request, is_stream)
    }

    fn gather(&self, events: &[Event]) -> Answer {
        let mut aggregator = Aggregator::default();
        events.iter().for_each(|event| aggregator.event(event.clone()));
        aggregator.finish()
    }

    fn replay(&self, answer: &Answer) -> Vec<Event> {
        codec::replay(answer.clone())
    }

    fn write_whole(&self, request: &Request, answer: &Answer, naming: &Naming) -> Option<Bytes> {
        write::whole(request, answer, naming)
    }

    fn write_stream(&self, request: &Request, naming: &Naming) -> Option<(Box<dyn WriteAnswer>, &'static str)> {
        write::stream(request, naming)
    }
}

/// A client's request, decoded. Gemini's clients name model and stream in the address.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(request: &Request) -> Result<Prompt, Error> {
    let body = request.edits.apply(&request.body);
    let mut prompt = match request.operation {
        Operation::Completions => completions::decode(&body)?,
        _ => codec::decode_request(request.protocol, &body)?,
    };
    prompt.stream = request.head.stream;
    if prompt.model.is_empty() {
        prompt.model = request.head.model_name().unwrap_or_default().to_owned();
    }
    Ok(prompt)
}
