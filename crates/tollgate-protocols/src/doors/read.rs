//! Reads answers as clients see them.

use bytes::{Bytes, BytesMut};
use tollgate_core::ir::{Event, Protocol, ReadAnswer};
use tollgate_core::{Error, ErrorKind, Operation, Request};

use crate::codec::{self, DecodeError, DecodeStream, Dialect, Framing, Plan};
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
    Box::new(Streamed { framing: Framing::of(request.protocol, MAX_EVENT), decoder })
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
}

impl ReadAnswer for Streamed {
    fn read(&mut self, bytes: &Bytes, out: &mut Vec<Event>) -> Result<(), Error> {
        self.framing.push(bytes.clone());
        loop {
            match self.framing.next_piece() {
                Ok(None) => return Ok(()),
                Ok(Some(piece)) if piece.trim_ascii().is_empty() => {}
                Ok(Some(piece)) => self.decoder.event(&piece, out).map_err(|error| unreadable(&error))?,
                Err(_) => return Err(unreadable(&DecodeError::Invalid("an event is too large"))),
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Error> {
        if let Some(rest) = self.framing.take_rest() {
            self.decoder.event(&rest, out).map_err(|error| unreadable(&error))?;
        }
        self.decoder.finish(out).map_err(|error| unreadable(&error))
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
