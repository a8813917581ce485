//! A stream as one JSON array.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tollgate_core::{Body, Error};
use tollgate_protocols::sse::{self, Decoder};

/// Server-sent events as the items of a JSON array that is written while they arrive: what Gemini's clients get who do not
/// ask for events.
pub(crate) struct JsonArray {
    body: Body,
    decoder: Decoder,
    begun: bool,
    ended: bool,
}

impl JsonArray {
    pub(crate) fn wrap(body: Body) -> Body {
        Body::arriving(Self { body, decoder: Decoder::new(usize::MAX), begun: false, ended: false })
    }

    fn items(&mut self, out: &mut Vec<u8>) {
        // Without a limit no event is too large.
        while let Ok(Some(event)) = self.decoder.next_event() {
            self.item(&event, out);
        }
    }

    fn item(&mut self, event: &[u8], out: &mut Vec<u8>) {
        if let Some(data) = sse::data(event) {
            out.extend_from_slice(if std::mem::replace(&mut self.begun, true) { b",\n" } else { b"[" });
            out.extend_from_slice(&data);
        }
    }
}

impl http_body::Body for JsonArray {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        while !this.ended {
            let mut out = Vec::new();
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        this.decoder.push(chunk);
                        this.items(&mut out);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    this.ended = true;
                    let rest = this.decoder.take_rest();
                    this.item(&rest, &mut out);
                    out.extend_from_slice(if this.begun { b"]" } else { b"[]" });
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn events_become_items() {
        for (events, expect) in [
            (vec!["data: {\"a\":1}\r\n\r\nda", "ta: 2\n\n: note\n\n", "data: 3"], "[{\"a\":1},\n2,\n3]"),
            (vec![], "[]"),
        ] {
            let pieces: Vec<Bytes> = events.into_iter().map(Bytes::from).collect();
            let body = JsonArray::wrap(Body::pieces(pieces));
            assert_eq!(body.collect().await.unwrap().to_bytes(), expect);
        }
    }
}
