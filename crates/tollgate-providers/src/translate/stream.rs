//! Streams that are translated while they flow.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tollgate_core::ir::Event;
use tollgate_core::{Body, Error, ErrorKind, Operation};
use tollgate_protocols::codec::{self, DecodeError, DecodeStream, EncodeStream, Framing};
use tollgate_protocols::openai_chat::completions;

use super::conversation::{Session, decode_error};
use super::replays::Recorder;

/// The largest event that is decoded; whoever framed it before may have had a smaller limit.
const MAX_EVENT: usize = 64 * 1024 * 1024;

/// A provider's stream as the client's protocol has it.
pub(super) struct TranslatedBody {
    upstream: Body,
    framing: Framing,
    decoder: Box<dyn DecodeStream>,
    encoder: Box<dyn EncodeStream>,
    events: Vec<Event>,
    out: Vec<u8>,
    failed: Option<Error>,
    ended: bool,
    /// Whether a comment came that nothing was written for.
    is_alive: bool,
    recorder: Recorder,
}

impl TranslatedBody {
    pub(super) fn new(upstream: Body, session: Session) -> Self {
        let Session { protocol, dialect, plan, echo, replays, operation, context } = session;
        let encoder: Box<dyn EncodeStream> = match operation {
            Operation::Completions => Box::new(completions::Encoder::new(echo)),
            _ => codec::stream_encoder(echo),
        };
        Self {
            upstream,
            framing: Framing::of(protocol, MAX_EVENT),
            decoder: codec::stream_decoder(protocol, &dialect, &plan),
            encoder,
            events: Vec::new(),
            out: Vec::new(),
            failed: None,
            ended: false,
            is_alive: false,
            recorder: Recorder::new(replays, context),
        }
    }

    fn take(&mut self, chunk: Bytes) {
        self.framing.push(chunk);
        while !self.ended {
            let decoded = match self.framing.next_piece() {
                Ok(None) => return,
                Ok(Some(data)) if data.trim_ascii().is_empty() => {
                    self.is_alive = true;
                    continue;
                }
                Ok(Some(data)) => self.decoder.event(&data, &mut self.events),
                Err(_) => Err(DecodeError::Invalid("an event is too large")),
            };
            self.encode();
            if let Err(error) = decoded {
                self.fail(decode_error(error));
            }
        }
    }

    fn encode(&mut self) {
        for event in self.events.drain(..) {
            self.recorder.event(&event);
            self.encoder.event(&event, &mut self.out);
        }
    }

    fn end(&mut self, broken: Option<Error>) {
        self.ended = true;
        if let Some(error) = broken {
            self.failed = Some(error);
            return;
        }
        let decoded = self.framing.take_rest().map_or(Ok(()), |data| self.decoder.event(&data, &mut self.events));
        let decoded = decoded.and_then(|()| self.decoder.finish(&mut self.events));
        self.encode();
        if let Err(error) = decoded {
            self.fail(match error {
                DecodeError::Invalid(_) => {
                    let message = "The provider ended its stream in the middle of the answer.";
                    Error::new(ErrorKind::UpstreamInvalid, message)
                }
                error @ DecodeError::Upstream(_) => decode_error(error),
            });
        }
    }

    fn fail(&mut self, error: Error) {
        self.ended = true;
        self.failed = Some(self.recorder.named(error));
        // Nothing more is wanted of it; dropping the body is what tells it so.
        self.upstream = Body::empty();
    }
}

impl http_body::Body for TranslatedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        loop {
            if !this.out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.out).into()))));
            }
            if let Some(error) = this.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            if std::mem::take(&mut this.is_alive) {
                // Nothing for the client; but whoever measures the provider's silence must see that it lives.
                return Poll::Ready(Some(Ok(Frame::data(Bytes::new()))));
            }
            match ready!(Pin::new(&mut this.upstream).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        this.take(chunk);
                    }
                }
                Some(Err(error)) => this.end(Some(error)),
                None => this.end(None),
            }
        }
    }
}
