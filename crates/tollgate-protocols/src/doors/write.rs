//! Writes answers for clients.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_core::ir::{Answer, Event, Naming, Protocol, WriteAnswer};
use tollgate_core::{Operation, Request};

use crate::codec::{self, Echo, EncodeStream};
use crate::openai_chat::completions;

pub(super) fn whole(request: &Request, answer: &Answer, naming: &Naming) -> Option<Bytes> {
    let echo = echo(request, naming)?;
    Some(match request.operation {
        Operation::Completions => completions::encode(answer, &echo),
        _ => codec::encode_answer(answer, &echo),
    })
}

pub(super) fn stream(request: &Request, naming: &Naming) -> Option<(Box<dyn WriteAnswer>, &'static str)> {
    let echo = echo(request, naming)?;
    let encoder: Box<dyn EncodeStream> = match request.operation {
        Operation::Completions => Box::new(completions::Encoder::new(echo)),
        _ => codec::stream_encoder(echo),
    };
    Some((Box::new(Encoding(encoder)), stream_content_type(request.protocol)))
}

/// The content type of a protocol's streams.
#[must_use]
pub fn stream_content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OllamaChat => "application/x-ndjson",
        _ => "text/event-stream; charset=utf-8",
    }
}

fn echo(request: &Request, naming: &Naming) -> Option<Echo> {
    let prompt = super::decode(request).ok()?;
    let model = request.target.as_ref().map(|target| target.model.to_string());
    let model = model.filter(|model| !model.is_empty()).unwrap_or_else(|| prompt.model.clone());
    Some(Echo { prompt: Arc::new(prompt), model, now: naming.created, id: Some(naming.id.clone()) })
}

struct Encoding(Box<dyn EncodeStream>);

impl WriteAnswer for Encoding {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.0.event(event, out);
    }
}
