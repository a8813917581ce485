//! Reads answers as clients see them.

use bytes::{Bytes, BytesMut};
use tollgate_core::ir::{Event, Protocol, ReadAnswer};
use tollgate_core::{Error, ErrorKind, Operation, Request};

use crate::codec::{self, DecodeError, DecodeStream, Dialect, Framing, Plan};
use crate::json::{self, Value};
use crate::openai_chat::completions;

/// The largest event of a stream that is read. Whoever framed it before may have had a smaller limit.
const MAX_EVENT: usize = 64 * 1024 * 1024;

pub(super) fn reader(request: &Request, is_stream: bool) -> Box<dyn ReadAnswer> {
    if !is_stream {
        return Box::new(Whole { body: BytesMut::new(), operation: request.operation, protocol: request.protocol });
    }
    let decoder: Box<dyn DecodeStream> = match request.operation {
        Operation::Completions => Box::new(completions::Decoder::default()),
        _ => codec::stream_decoder(request.protocol, &Dialect::GENERIC, &Plan::default()),
    };
    let framing = Framing::of(request.protocol, MAX_EVENT);
    Box::new(Streamed { framing, decoder, expected: choices(request), finished: 0, has_ended: false })
}

/// How many answers a request asks for.
fn choices(request: &Request) -> u64 {
    let body = request.edits.apply(&request.body);
    let Ok(root) = json::parse(&body) else { return 1 };
    let named = |of: Option<&Value<'_>>, name: &str| of.and_then(|of| of.u64(name));
    match request.operation {
        Operation::GenerateContent => {
            let config = root.get("generationConfig").or_else(|| root.get("generation_config"));
            named(config, "candidateCount").or_else(|| named(config, "candidate_count")).unwrap_or(1)
        }
        Operation::Completions => {
            // A list of numbers is one prompt, in tokens.
            let prompts = root.array("prompt").iter().filter(|prompt| prompt.is_string() || prompt.is_array()).count();
            named(Some(&root), "n").unwrap_or(1).saturating_mul(u64::try_from(prompts.max(1)).unwrap_or(u64::MAX))
        }
        Operation::ChatCompletions => named(Some(&root), "n").unwrap_or(1),
        _ => 1,
    }
}

struct Whole {
    body: BytesMut,
    operation: Operation,
    protocol: Protocol,
}

impl ReadAnswer for Whole {
    fn read(&mut self, bytes: &Bytes, _: &mut Vec<Event>) -> Result<(), Error> {
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Error> {
        let answer = match self.operation {
            Operation::Completions => completions::decode_answer(&self.body),
            _ => codec::decode_answer(self.protocol, &self.body, &Plan::default()),
        };
        out.extend(codec::replay(answer.map_err(|error| unreadable(&error))?));
        Ok(())
    }
}

struct Streamed {
    framing: Framing,
    decoder: Box<dyn DecodeStream>,
    /// How many answers there must be where the provider does not say that nothing follows.
    expected: u64,
    finished: u64,
    has_ended: bool,
}

impl Streamed {
    fn count(&mut self, events: &[Event]) {
        self.finished += events.iter().map(|event| u64::from(matches!(event, Event::Finish { .. }))).sum::<u64>();
    }
}

impl ReadAnswer for Streamed {
    fn read(&mut self, bytes: &Bytes, out: &mut Vec<Event>) -> Result<(), Error> {
        self.framing.push(bytes.clone());
        let before = out.len();
        loop {
            match self.framing.next_piece() {
                Ok(None) => {
                    self.count(&out[before..]);
                    self.has_ended |= out[before..].contains(&Event::End);
                    return Ok(());
                }
                Ok(Some(piece)) if piece.trim_ascii().is_empty() => {}
                Ok(Some(piece)) => self.decoder.event(&piece, out).map_err(|error| unreadable(&error))?,
                Err(_) => return Err(unreadable(&DecodeError::Invalid("an event is too large"))),
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Error> {
        let before = out.len();
        if let Some(rest) = self.framing.take_rest() {
            self.decoder.event(&rest, out).map_err(|error| unreadable(&error))?;
            self.has_ended |= out[before..].contains(&Event::End);
        }
        self.decoder.finish(out).map_err(|error| unreadable(&error))?;
        self.count(&out[before..]);
        // A stream that was cut between two answers looks like a whole one with fewer.
        if !self.has_ended && self.finished < self.expected {
            out.truncate(before);
            return Err(unreadable(&DecodeError::Invalid("it has fewer answers than were asked for")));
        }
        Ok(())
    }
}

/// What it was is the business of whoever answers; here it only matters that it is no answer.
fn unreadable(error: &DecodeError) -> Error {
    let what = match error {
        DecodeError::Upstream(_) => "it tells of a failure",
        DecodeError::Invalid(what) => what,
    };
    Error::new(ErrorKind::UpstreamInvalid, format!("The provider's answer cannot be read: {what}."))
}
