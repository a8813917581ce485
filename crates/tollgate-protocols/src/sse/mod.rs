//! Server-sent events, as bytes.
//!
//! [`Decoder`] cuts a stream into events wherever its bytes were cut on the way, and gives each event as the very bytes
//! that came, so that an event can be forwarded untouched. [`data`] and [`name`] read one. Line ends may be LF, CRLF or
//! CR (<https://html.spec.whatwg.org/multipage/server-sent-events.html>, section 9.2.6).

mod decoder;
mod event;

pub use decoder::{Decoder, TooLarge};
pub use event::{data, name};
