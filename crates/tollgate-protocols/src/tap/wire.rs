//! Taps streams of protocols that have a codec: its decoder says what an event is.

use bytes::Bytes;
use tollgate_core::ir::{Delta, Event, Protocol};

use super::lines::Lines;
use super::stream::{Ending, Facts, Tapped, TappedEvent};
use crate::billing;
use crate::codec::{self, DecodeError, DecodeStream, Dialect, Plan};
use crate::eventstream;
use crate::sse::{self, Decoder, TooLarge};

/// Cuts a stream into events and gathers [`Facts`] from them, by the protocol's own decoder. Slower than
/// [`StreamTap`](super::StreamTap) and exact: it knows the end of every protocol.
pub struct WireTap {
    framing: Framing,
    decoder: Box<dyn DecodeStream>,
    facts: Facts,
    events: Vec<Event>,
    ending: Ending,
    /// The decoder has refused an event; what follows is not shown to it.
    refused: bool,
    error: Option<Bytes>,
}

enum Framing {
    Sse(Decoder),
    Lines(Lines),
    /// Binary frames, which leave as server-sent events: nobody but a codec reads them.
    EventStream(eventstream::Decoder),
}

/// A piece of the stream: its bytes, and what a decoder is shown of it.
struct Piece {
    bytes: Bytes,
    data: Option<Bytes>,
}

impl WireTap {
    /// A tap on a stream of a protocol whose events have at most `max_event` bytes.
    #[must_use]
    pub fn new(protocol: Protocol, dialect: &Dialect, max_event: usize) -> Self {
        let framing = match protocol {
            Protocol::OllamaChat => Framing::Lines(Lines::new(max_event)),
            Protocol::BedrockConverse => Framing::EventStream(eventstream::Decoder::new(max_event)),
            _ => Framing::Sse(Decoder::new(max_event)),
        };
        Self {
            framing,
            decoder: codec::stream_decoder(protocol, dialect, &Plan::default()),
            facts: Facts::default(),
            events: Vec::new(),
            ending: Ending::Truncated,
            refused: false,
            error: None,
        }
    }

    /// What is known so far.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The provider's error, once an event was one: its body as it would have been sent with a status.
    #[must_use]
    pub fn error(&self) -> Option<&Bytes> {
        self.error.as_ref()
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: Bytes) {
        match &mut self.framing {
            Framing::Sse(decoder) => decoder.push(chunk),
            Framing::Lines(lines) => lines.push(&chunk),
            Framing::EventStream(decoder) => decoder.push(chunk),
        }
    }

    /// The next complete event.
    ///
    /// # Errors
    /// If an event exceeds the limit, or a binary frame is damaged.
    pub fn next_event(&mut self) -> Result<Option<TappedEvent>, TooLarge> {
        let piece = match &mut self.framing {
            Framing::Sse(decoder) => decoder.next_event()?.map(Piece::of_sse),
            Framing::Lines(lines) => lines.next_line()?.map(Piece::of_line),
            Framing::EventStream(decoder) => {
                decoder.next_frame().map_err(|_| TooLarge::new())?.map(|frame| Piece::of_frame(&frame))
            }
        };
        Ok(piece.map(|piece| self.inspect(piece)))
    }

    /// The end of the stream: an event that lacks its end, if one is left, and how the stream ended.
    pub fn finish(&mut self) -> (Option<TappedEvent>, Ending) {
        let piece = match &mut self.framing {
            Framing::Sse(decoder) => {
                let rest = decoder.take_rest();
                is_json(sse::data(&rest).as_deref()).then(|| Piece::of_sse([&rest[..], b"\n\n"].concat().into()))
            }
            Framing::Lines(lines) => {
                let rest = lines.take_rest();
                is_json(Some(&rest[..])).then(|| Piece::of_line([&rest[..], b"\n"].concat().into()))
            }
            Framing::EventStream(_) => None,
        };
        let last = piece.map(|piece| self.inspect(piece));
        if self.ending == Ending::Truncated && !self.refused {
            let ended = self.decoder.finish(&mut self.events);
            self.gather();
            match ended {
                Ok(()) => self.ending = Ending::Complete,
                Err(DecodeError::Upstream(_)) => self.ending = Ending::Failed,
                Err(DecodeError::Invalid(_)) => {}
            }
        }
        (last, self.ending)
    }

    fn inspect(&mut self, piece: Piece) -> TappedEvent {
        let Piece { bytes, data } = piece;
        let Some(data) = data.filter(|_| !self.refused && self.ending == Ending::Truncated) else {
            return TappedEvent { bytes, is: Tapped::Silent, news: false };
        };
        let before = self.facts.gist();
        let decoded = self.decoder.event(&data, &mut self.events);
        // Until something is said, an error can still be answered with its status.
        let nothing_said = self.events.iter().all(|event| matches!(event, Event::Start { .. } | Event::Usage(_)));
        // Decoders give out counts alone; the class of service stands beside them.
        if self.events.iter().any(|event| matches!(event, Event::Usage(_)))
            && let Some(service_tier) = billing::service_tier_within(&data)
        {
            self.facts.billing.service_tier = Some(service_tier);
        }
        self.gather();
        let news = before != self.facts.gist();
        let is = match decoded {
            Err(DecodeError::Upstream(error)) => {
                self.ending = Ending::Failed;
                self.error = Some(error);
                Tapped::Error
            }
            // Not what the protocol says, but perhaps what the client understands: it is let through, and not counted.
            Err(DecodeError::Invalid(_)) => {
                self.refused = true;
                Tapped::Data
            }
            Ok(()) if nothing_said => Tapped::Silent,
            Ok(()) => Tapped::Data,
        };
        TappedEvent { bytes, is, news }
    }

    fn gather(&mut self) {
        for event in self.events.drain(..) {
            match event {
                Event::Start { model, .. } if self.facts.model.is_none() => self.facts.model = model,
                Event::Delta { delta: Delta::Text(text) | Delta::Arguments(text), .. } => {
                    self.facts.has_content = true;
                    self.facts.output_text += text.len();
                }
                Event::Open { .. } | Event::Whole { .. } => self.facts.has_content = true,
                Event::Usage(usage) => self.facts.usage.get_or_insert_default().update(&usage),
                Event::End => self.ending = Ending::Complete,
                _ => {}
            }
        }
    }
}

impl Piece {
    fn of_sse(bytes: Bytes) -> Self {
        let data = sse::data(&bytes).filter(|data| !data.is_empty()).map(|data| match data {
            std::borrow::Cow::Borrowed(data) => bytes.slice_ref(data),
            std::borrow::Cow::Owned(data) => data.into(),
        });
        Self { bytes, data }
    }

    fn of_line(bytes: Bytes) -> Self {
        let trimmed = bytes.trim_ascii();
        let data = (!trimmed.is_empty()).then(|| bytes.slice_ref(trimmed));
        Self { bytes, data }
    }

    fn of_frame(frame: &eventstream::Frame) -> Self {
        let data = frame_data(frame);
        let bytes = [b"data: ", &data[..], b"\n\n"].concat().into();
        Self { bytes, data: Some(data) }
    }
}

/// A frame as an object with one member, its type.
fn frame_data(frame: &eventstream::Frame) -> Bytes {
    let name = frame.exception_type().or_else(|| frame.event_type()).unwrap_or("unknown");
    let payload = if frame.payload().is_empty() { &b"{}"[..] } else { &frame.payload()[..] };
    [b"{", crate::json::literal(name).as_bytes(), b":", payload, b"}"].concat().into()
}

fn is_json(data: Option<&[u8]>) -> bool {
    data.is_some_and(|data| {
        !data.trim_ascii().is_empty()
            && (data == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok())
    })
}

impl std::fmt::Debug for WireTap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireTap").field("facts", &self.facts).field("ending", &self.ending).finish_non_exhaustive()
    }
}
