//! The tap that fits a protocol.

use bytes::Bytes;
use tollgate_core::Operation;
use tollgate_core::ir::Protocol;
use tollgate_protocols::sse::TooLarge;
use tollgate_protocols::tap::{Dialect, Ending, Facts, StreamTap, TappedEvent, WireTap};

use super::request::Expected;
use crate::Descriptor;

/// Watches a stream: by a few words where OpenAI's protocols allow it, since they carry most of the traffic, else by the
/// protocol's decoder.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is by far the more frequent, and a box would cost it more"
)]
pub(super) enum Tap {
    Words(StreamTap),
    Wire(Box<WireTap>),
}

impl Tap {
    pub(super) fn of(expected: &Expected, descriptor: &Descriptor, max_event: usize) -> Self {
        let words = |dialect| Self::Words(StreamTap::new(dialect, !expected.client_asked_usage, max_event));
        match expected.protocol {
            _ if expected.operation == Operation::Passthrough || expected.operation.is_forwarded() => {
                words(Dialect::Any)
            }
            Protocol::OpenAiChat => words(Dialect::Chat),
            Protocol::OpenAiResponses => words(Dialect::Responses),
            protocol => Self::Wire(Box::new(WireTap::new(protocol, &descriptor.dialect, max_event))),
        }
    }

    /// A tap that finds what it can in whatever passes. Events are watched on the side, so a large one is let through; it
    /// is only not understood.
    pub(super) fn of_anything() -> Self {
        Self::Words(StreamTap::new(Dialect::Any, false, usize::MAX))
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Words(tap) => tap.push(chunk),
            Self::Wire(tap) => tap.push(chunk),
        }
    }

    pub(super) fn next_event(&mut self) -> Result<Option<TappedEvent>, TooLarge> {
        match self {
            Self::Words(tap) => tap.next_event(),
            Self::Wire(tap) => tap.next_event(),
        }
    }

    pub(super) fn finish(&mut self) -> (Option<TappedEvent>, Ending) {
        match self {
            Self::Words(tap) => tap.finish(),
            Self::Wire(tap) => tap.finish(),
        }
    }

    pub(super) fn facts(&self) -> &Facts {
        match self {
            Self::Words(tap) => tap.facts(),
            Self::Wire(tap) => tap.facts(),
        }
    }

    /// The provider's error as it would have sent it with a status, where that is not the event itself.
    pub(super) fn error(&self) -> Option<Bytes> {
        match self {
            Self::Words(_) => None,
            Self::Wire(tap) => tap.error().cloned(),
        }
    }
}
