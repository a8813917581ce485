//! Errors after the status has been sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tollgate_core::{Body, Error, Operation};
use tollgate_protocols::openai::{last_sequence_number, stream_error};

/// A stream whose failure becomes its last event, in the client's protocol. What comes out of it never fails, so the
/// connection stays good for the next request.
pub(crate) struct InBand {
    body: Body,
    operation: Operation,
    request_id: std::sync::Arc<str>,
    /// The number that the next event has. The Responses protocol numbers its events. Not the last piece itself, which would
    /// keep the buffer that it was read into.
    next: u64,
    ended: bool,
}

impl InBand {
    pub(crate) fn wrap(body: Body, operation: Operation, request_id: std::sync::Arc<str>) -> Body {
        Body::arriving(Self { body, operation, request_id, next: 0, ended: false })
    }
}

impl http_body::Body for InBand {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Err(error))) => {
                this.ended = true;
                let provider = error.provider().map(|provider| &**provider);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(
                    request_id = &*this.request_id,
                    code = error.code(),
                    provider,
                    cause,
                    "stream failed after it began"
                );
                Poll::Ready(Some(Ok(Frame::data(stream_error(this.operation, &error, this.next)))))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let numbered = frame.data_ref().filter(|_| this.operation == Operation::Responses);
                if let Some(last) = numbered.and_then(|data| last_sequence_number(data)) {
                    this.next = last + 1;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            other => other,
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

    async fn run(operation: Operation, piece: &'static str) -> String {
        let body = InBand::wrap(Body::arriving(Breaks(Some(piece))), operation, "r".into());
        String::from_utf8(body.collect().await.expect("never fails").to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_failure_becomes_the_last_event() {
        let chat = run(Operation::ChatCompletions, "data: {}\n\n").await;
        assert!(chat.starts_with("data: {}\n\ndata: {\"error\":") && !chat.contains("[DONE]"), "{chat}");
        let responses = run(
            Operation::Responses,
            "event: a\ndata: {\"sequence_number\":4}\n\nevent: b\ndata: {\"sequence_number\":5}\n\n",
        )
        .await;
        assert!(responses.contains("\"sequence_number\":6") && responses.contains("response.failed"), "{responses}");
    }
}
