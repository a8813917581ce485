//! Makes frames.

use bytes::Bytes;

use super::{Fault, PRELUDE, TRAILER, Value};

/// A frame with these headers.
///
/// # Errors
/// If a name has more than 255 bytes, a value more than 65,535, or the frame more than a `u32` can count.
pub fn encode(headers: &[(&str, Value<'_>)], payload: &[u8]) -> Result<Bytes, Fault> {
    let mut frame = vec![0; PRELUDE];
    for (name, value) in headers {
        frame.push(u8::try_from(name.len()).map_err(|_| Fault::TooLarge)?);
        frame.extend_from_slice(name.as_bytes());
        value.put(&mut frame)?;
    }
    let headers = length(frame.len() - PRELUDE)?;
    let total = length(frame.len().saturating_add(payload.len()).saturating_add(TRAILER))?;
    let lengths = [total, headers].concat();
    let prelude = [&lengths[..], &crc32fast::hash(&lengths).to_be_bytes()].concat();
    frame.splice(..PRELUDE, prelude);
    frame.reserve_exact(payload.len() + TRAILER);
    frame.extend_from_slice(payload);
    let checksum = crc32fast::hash(&frame);
    frame.extend_from_slice(&checksum.to_be_bytes());
    Ok(frame.into())
}

/// An event with a payload of JSON.
///
/// # Errors
/// Like [`encode`].
pub fn encode_event(event_type: &str, payload: &[u8]) -> Result<Bytes, Fault> {
    let event = [(":event-type", event_type), (":content-type", "application/json"), (":message-type", "event")];
    encode(&event.map(text), payload)
}

/// An exception with a payload of JSON.
///
/// # Errors
/// Like [`encode`].
pub fn encode_exception(exception_type: &str, payload: &[u8]) -> Result<Bytes, Fault> {
    let exception =
        [(":exception-type", exception_type), (":content-type", "application/json"), (":message-type", "exception")];
    encode(&exception.map(text), payload)
}

fn text<'a>((name, value): (&'a str, &'a str)) -> (&'a str, Value<'a>) {
    (name, Value::Text(value))
}

fn length(length: usize) -> Result<[u8; 4], Fault> {
    Ok(u32::try_from(length).map_err(|_| Fault::TooLarge)?.to_be_bytes())
}
