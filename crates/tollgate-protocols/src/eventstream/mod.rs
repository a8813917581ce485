//! Amazon's binary framing of events, `application/vnd.amazon.eventstream`.
//!
//! [`Decoder`] cuts a stream into [`Frame`]s wherever its bytes were cut on the way, and checks both checksums of each.
//! [`encode`] makes frames. A frame has a prelude of twelve bytes, headers, a payload and a checksum, all numbers big-endian
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html>,
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>):
//!
//! | Bytes | What |
//! |---|---|
//! | 4 | length of the whole frame |
//! | 4 | length of the headers |
//! | 4 | CRC-32 of the eight bytes before |
//! | … | headers: a name, a type and a value each |
//! | … | payload |
//! | 4 | CRC-32 of everything before |
//!
//! ```
//! use tollgate_protocols::eventstream::{Decoder, encode_event};
//!
//! let mut decoder = Decoder::new(1024 * 1024);
//! decoder.push(encode_event("messageStart", br#"{"role":"assistant"}"#).unwrap());
//! let frame = decoder.next_frame().unwrap().unwrap();
//! assert_eq!(frame.event_type(), Some("messageStart"));
//! assert_eq!(frame.payload(), r#"{"role":"assistant"}"#);
//! assert!(decoder.is_empty());
//! ```

mod decoder;
mod encoder;
mod fault;
mod frame;
mod header;

pub use decoder::Decoder;
pub use encoder::{encode, encode_event, encode_exception};
pub use fault::Fault;
pub use frame::Frame;
pub use header::{Headers, Value};

/// Two lengths and their checksum.
const PRELUDE: usize = 12;

/// The checksum at the end of a frame.
const TRAILER: usize = 4;

#[cfg(test)]
mod tests;
