//! Errors after the status has been sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tollgate_core::ir::Protocol;
use tollgate_core::{Body, Error};
use tollgate_protocols::openai::last_sequence_number;
use tollgate_protocols::{json, sse};

use crate::errors;

/// How long a stream may be silent before the client is told that it is alive; proxies cut what is silent for a minute or
/// less.
const SILENCE: Duration = Duration::from_secs(15);

/// A stream whose failure becomes its last event, in the client's protocol. What comes out of it never fails, so the
/// connection stays good for the next request.
pub(crate) struct InBand {
    body: Body,
    protocol: Protocol,
    request_id: Arc<str>,
    /// The number that the next event has. The Responses protocol numbers its events. Not the last piece itself, which would
    /// keep the buffer that it was read into.
    next: u64,
    /// The response as its first event has it, which a failed one repeats.
    created: Option<Box<str>>,
    ended: bool,
    heard: Instant,
    /// Made when there is something to wait for; it is moved on when it fires, and not with every piece.
    silence: Option<Pin<Box<Sleep>>>,
}

impl InBand {
    pub(crate) fn wrap(body: Body, protocol: Protocol, request_id: Arc<str>) -> Body {
        let heard = Instant::now();
        let silence = None;
        Body::arriving(Self { body, protocol, request_id, next: 0, created: None, ended: false, heard, silence })
    }

    /// What says that the stream is alive; `None` where the protocol has nothing of the kind.
    fn sign_of_life(&self) -> Option<&'static [u8]> {
        match self.protocol {
            Protocol::AnthropicMessages => Some(b"event: ping\ndata: {\"type\": \"ping\"}\n\n"),
            // Neither lines of JSON nor Google's SDKs know comments.
            Protocol::OllamaChat | Protocol::GeminiGenerate => None,
            _ => Some(b": keep-alive\n\n"),
        }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let Some(sign) = self.sign_of_life() else { return Poll::Pending };
        loop {
            let due = self.heard + SILENCE;
            let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            std::task::ready!(silence.as_mut().poll(cx));
            let now = Instant::now();
            if now >= due {
                self.heard = now;
                silence.as_mut().reset(now + SILENCE);
                return Poll::Ready(Bytes::from_static(sign));
            }
            silence.as_mut().reset(due);
        }
    }

    fn note(&mut self, data: &[u8]) {
        if self.protocol != Protocol::OpenAiResponses {
            return;
        }
        if let Some(last) = last_sequence_number(data) {
            self.next = last + 1;
        }
        if self.created.is_none() {
            self.created = created_response(data);
        }
    }

    fn failed(&mut self, error: &Error) -> Bytes {
        self.ended = true;
        let provider = error.provider().map(|provider| &**provider);
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let code = error.code();
        tracing::warn!(request_id = &*self.request_id, code, provider, cause, "stream failed after it began");
        errors::in_stream(self.protocol, error, &self.request_id, self.next, self.created.as_deref())
    }
}

/// The response object of a `response.created` event at the start of a piece.
fn created_response(piece: &[u8]) -> Option<Box<str>> {
    let end = memchr::memmem::find(piece, b"\n\n").unwrap_or(piece.len());
    let data = sse::data(&piece[..end])?;
    Some(json::parse(&data).ok()?.get("response")?.raw().into())
}

impl http_body::Body for InBand {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Ok(Frame::data(this.failed(&error))))),
            Poll::Ready(Some(Ok(frame))) => {
                // An empty piece says that the provider lives, and does not reach the client.
                if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                    this.heard = Instant::now();
                    this.note(data);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => this.poll_silence(cx).map(|sign| Some(Ok(Frame::data(sign)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tollgate_core::ErrorKind;

    use super::*;

    struct Breaks(Option<&'static str>);

    impl http_body::Body for Breaks {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Poll::Ready(Some(match self.0.take() {
                Some(piece) => Ok(Frame::data(Bytes::from_static(piece.as_bytes()))),
                None => Err(Error::new(ErrorKind::UpstreamInvalid, "broke off")),
            }))
        }
    }

    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Poll::Pending
        }
    }

    async fn run(protocol: Protocol, piece: &'static str) -> String {
        let body = InBand::wrap(Body::arriving(Breaks(Some(piece))), protocol, "r".into());
        String::from_utf8(body.collect().await.expect("never fails").to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_failure_becomes_the_last_event() {
        let chat = run(Protocol::OpenAiChat, "data: {}\n\n").await;
        assert!(chat.starts_with("data: {}\n\ndata: {\"error\":") && !chat.contains("[DONE]"), "{chat}");
        let responses = run(
            Protocol::OpenAiResponses,
            "event: a\ndata: {\"sequence_number\":4,\"response\":{\"id\":\"resp_1\",\"model\":\"m\"}}\n\n\
             event: b\ndata: {\"sequence_number\":5}\n\n",
        )
        .await;
        assert!(responses.contains("\"sequence_number\":6") && responses.contains("response.failed"), "{responses}");
        assert!(responses.contains("\"id\":\"resp_1\""), "{responses}");
        let messages = run(Protocol::AnthropicMessages, "event: ping\ndata: {}\n\n").await;
        assert!(messages.contains("event: error\ndata: {\"type\":\"error\""), "{messages}");
        let ollama = run(Protocol::OllamaChat, "{\"done\":false}\n").await;
        assert!(ollama.starts_with("{\"done\":false}\n{\"error\":"), "{ollama}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_alive() {
        let mut body = InBand::wrap(Body::arriving(Silent), Protocol::AnthropicMessages, "r".into());
        for _ in 0..2 {
            let before = Instant::now();
            let frame = body.frame().await.unwrap().unwrap();
            assert!(frame.data_ref().unwrap().starts_with(b"event: ping"));
            assert_eq!(before.elapsed().as_secs(), 15);
        }
        let mut body = InBand::wrap(Body::arriving(Silent), Protocol::OllamaChat, "r".into());
        assert!(tokio::time::timeout(Duration::from_secs(60), body.frame()).await.is_err());
    }
}
