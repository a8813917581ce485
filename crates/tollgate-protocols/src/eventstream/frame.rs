//! One frame.

use std::fmt;

use bytes::Bytes;

use super::{Fault, Headers, PRELUDE, TRAILER, Value};

/// A whole frame whose checksums are right and whose headers can be read. Clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    headers: Bytes,
    payload: Bytes,
}

/// How long the frame is, and its headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    pub(super) total: usize,
    pub(super) headers: usize,
}

// === impl Lengths ===

impl Lengths {
    /// Reads a prelude.
    pub(super) fn read(prelude: &[u8; PRELUDE]) -> Result<Self, Fault> {
        let [a, b, c, d, e, f, g, h, checksum @ ..] = *prelude;
        let (total, headers) = ([a, b, c, d], [e, f, g, h]);
        // First of all: what is no frame has lengths as well, and they mean nothing.
        if crc32fast::hash(&prelude[..8]) != u32::from_be_bytes(checksum) {
            return Err(Fault::PreludeChecksum);
        }
        let length = |bytes| usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| Fault::TooLarge);
        let lengths = Self { total: length(total)?, headers: length(headers)? };
        let least = lengths.headers.checked_add(PRELUDE + TRAILER).ok_or(Fault::Lengths)?;
        if lengths.total < least { Err(Fault::Lengths) } else { Ok(lengths) }
    }
}

// === impl Frame ===

impl Frame {
    /// Reads a frame of which only the prelude was looked at. `bytes` has the length that the prelude says.
    pub(super) fn read(bytes: Bytes, lengths: Lengths) -> Result<Self, Fault> {
        let (said, trailer) = bytes.split_last_chunk::<TRAILER>().ok_or(Fault::Lengths)?;
        if crc32fast::hash(said) != u32::from_be_bytes(*trailer) {
            return Err(Fault::Checksum);
        }
        let mut payload = bytes.slice_ref(said.get(PRELUDE..).ok_or(Fault::Lengths)?);
        if payload.len() < lengths.headers {
            return Err(Fault::Lengths);
        }
        let headers = payload.split_to(lengths.headers);
        Headers::new(&headers).check()?;
        Ok(Self { bytes, headers, payload })
    }

    /// The frame as it came, prelude and checksums included.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the frame is about: JSON for Bedrock.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers::new(&self.headers)
    }

    /// The first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.headers().find(|(known, _)| *known == name)? {
            (_, Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// `event`, `exception` for an error that the service describes, or `error` for one without a description.
    #[must_use]
    pub fn message_type(&self) -> Option<&str> {
        self.header(":message-type")
    }

    /// The name of an event.
    #[must_use]
    pub fn event_type(&self) -> Option<&str> {
        self.header(":event-type")
    }

    /// The name of an exception, `throttlingException` for instance; its payload says more.
    #[must_use]
    pub fn exception_type(&self) -> Option<&str> {
        self.header(":exception-type")
    }

    /// The code of an error without a description.
    #[must_use]
    pub fn error_code(&self) -> Option<&str> {
        self.header(":error-code")
    }

    /// The message of an error without a description.
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        self.header(":error-message")
    }

    /// The content type of the payload.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.header(":content-type")
    }
}

impl fmt::Debug for Frame {
    /// Leaves the payload out, which is what a model answered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("message_type", &self.message_type())
            .field("event_type", &self.event_type())
            .field("exception_type", &self.exception_type())
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish_non_exhaustive()
    }
}
