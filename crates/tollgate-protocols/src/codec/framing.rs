//! Cuts the bytes of a stream into what its decoder is shown.

use std::borrow::Cow;

use bytes::Bytes;
use tollgate_core::ir::Protocol;

use crate::sse::{self, TooLarge};
use crate::tap::Lines;

/// The pieces of a stream: the data of server-sent events, or lines.
#[derive(Debug)]
pub struct Framing(Kind);

#[derive(Debug)]
enum Kind {
    Sse(sse::Decoder),
    Lines(Lines),
}

impl Framing {
    /// The framing of a protocol's streams, with a limit on one piece in bytes.
    #[must_use]
    pub fn of(protocol: Protocol, limit: usize) -> Self {
        Self(match protocol {
            Protocol::OllamaChat => Kind::Lines(Lines::new(limit)),
            _ => Kind::Sse(sse::Decoder::new(limit)),
        })
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Bytes) {
        match &mut self.0 {
            Kind::Sse(decoder) => decoder.push(chunk),
            Kind::Lines(lines) => lines.push(&chunk),
        }
    }

    /// The next piece, empty where it is a comment or a blank line; `None` until more has arrived.
    ///
    /// # Errors
    /// If a piece, complete or not, exceeds the limit. There is no going on after that.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, TooLarge> {
        match &mut self.0 {
            Kind::Sse(decoder) => {
                let Some(event) = decoder.next_event()? else { return Ok(None) };
                Ok(Some(match sse::data(&event) {
                    Some(Cow::Borrowed(data)) => event.slice_ref(data),
                    Some(Cow::Owned(data)) => data.into(),
                    None => Bytes::new(),
                }))
            }
            Kind::Lines(lines) => lines.next_line(),
        }
    }

    /// What came after the last complete piece, if it says something.
    pub fn take_rest(&mut self) -> Option<Bytes> {
        let rest = match &mut self.0 {
            Kind::Sse(decoder) => sse::data(&decoder.take_rest()).map(|data| data.into_owned().into()),
            Kind::Lines(lines) => Some(lines.take_rest()),
        };
        rest.filter(|data: &Bytes| !data.trim_ascii().is_empty())
    }
}
