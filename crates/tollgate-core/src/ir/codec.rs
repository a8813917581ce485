//! Between clients' bytes and answers, for layers that know no protocol.

use bytes::Bytes;

use super::{Answer, Event, Protocol};
use crate::{Error, Request};

/// Reads clients' requests and answers, and writes answers for clients.
///
/// A cache keeps answers in the shared representation, so that one entry serves whole and streamed requests of every
/// protocol. It needs this much of the protocols and no more.
pub trait AnswerCodec: Send + Sync {
    /// What of a request determines its answer; `None` if the operation has no such thing, or the request is malformed.
    fn canonical(&self, request: &Request) -> Option<Canonical>;

    /// A reader of the answer to a request, as the client sees it: whole or streamed.
    fn reader(&self, request: &Request, is_stream: bool) -> Box<dyn ReadAnswer>;

    /// Gathers what readers gave.
    fn gather(&self, events: &[Event]) -> Answer;

    /// The events of an answer that is known as a whole.
    fn replay(&self, answer: &Answer) -> Vec<Event>;

    /// Writes a whole answer for the client of a request.
    fn write_whole(&self, request: &Request, answer: &Answer, naming: &Naming) -> Option<Bytes>;

    /// A writer of a stream for the client of a request, and the stream's content type.
    fn write_stream(&self, request: &Request, naming: &Naming) -> Option<(Box<dyn WriteAnswer>, &'static str)>;
}

/// What of a request determines its answer, in one form however it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// The protocol whose terms it is in. Requests of different protocols that mean the very same have the same form.
    pub protocol: Protocol,
    /// Every member, unknown ones too, except the model and those that only say how the answer is to be delivered.
    pub body: Vec<u8>,
    /// What was said last, and what stands around it.
    pub last_user: Option<LastUser>,
    /// Of what kind the request is.
    pub traits: PromptTraits,
}

/// The last text of a user who speaks last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUser {
    /// The words.
    pub text: String,
    /// [`Canonical::body`] with a mark in the place of the words.
    pub around: Vec<u8>,
}

/// What decides whether an answer may be reused at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptTraits {
    /// Tools that the provider runs itself may do something, or see the world of the moment.
    pub provider_tools: bool,
    /// The client offers tools.
    pub tools: bool,
    /// The last turn holds results of tools.
    pub tool_results: bool,
    /// There are turns before the last one besides system texts.
    pub history: bool,
    /// The provider keeps the state that the request goes on from, or works in the background.
    pub stateful: bool,
    /// The temperature is above zero, or left to the provider.
    pub sampled: bool,
    /// The answer must be JSON.
    pub json: bool,
}

/// The names that an answer carries to its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The answer's id without the protocol's prefix.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
}

/// Reads an answer in pieces.
pub trait ReadAnswer: Send + Sync {
    /// Takes the next bytes and appends what they say.
    ///
    /// # Errors
    /// If they are not the protocol, or tell of a failure. There is no going on after that.
    fn read(&mut self, bytes: &Bytes, out: &mut Vec<Event>) -> Result<(), Error>;

    /// Takes the end of the body.
    ///
    /// # Errors
    /// If the answer is not complete.
    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Error>;
}

/// Writes a stream.
pub trait WriteAnswer: Send + Sync {
    /// Appends what the client reads for an event; nothing, for many.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);
}
