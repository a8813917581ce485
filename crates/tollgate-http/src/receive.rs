//! Receives a request's body.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tollgate_core::{BoxError, Error, ErrorKind};

/// What is still read of a body that is too large, and for how long: a client that is cut off while it sends does not get
/// to read the answer that says why.
const DRAIN_BYTES: usize = 64 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Reads a whole body of at most `limit` bytes. `idle` is how long a client may send nothing.
pub(crate) async fn receive<B>(mut body: B, limit: usize, idle: Duration) -> Result<Bytes, Error>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let announced = body.size_hint().lower();
    if usize::try_from(announced).unwrap_or(usize::MAX) > limit {
        drain(body);
        return Err(too_large(limit));
    }
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    // A body of known length has ended with its last byte; asking for more would only wait for the connection to say so.
    while !body.is_end_stream() {
        let frame = tokio::time::timeout(idle, body.frame())
            .await
            .map_err(|_| Error::new(ErrorKind::RequestTimeout, "The request's body did not arrive in time."))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| {
            Error::new(ErrorKind::InvalidRequest, "The request's body could not be read.").with_source(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + joined.len() + data.len() > limit {
            drain(body);
            return Err(too_large(limit));
        }
        if first.is_empty() && joined.is_empty() {
            // Most bodies come in one piece, which is kept as it is.
            first = data;
        } else {
            if joined.is_empty() {
                joined.reserve(usize::try_from(announced).unwrap_or(0).min(limit).max(first.len() + data.len()));
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn too_large(limit: usize) -> Error {
    let message = format!("The request's body is larger than this gateway accepts, {limit} bytes.");
    Error::new(ErrorKind::RequestTooLarge, message)
}

fn drain<B>(mut body: B)
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    tokio::spawn(tokio::time::timeout(DRAIN_TIME, async move {
        let mut drained = 0;
        while let Some(Ok(frame)) = body.frame().await {
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > DRAIN_BYTES {
                break;
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;

    struct Pieces(VecDeque<&'static str>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
        }
    }

    async fn run(pieces: &[&'static str], limit: usize) -> Result<Bytes, ErrorKind> {
        let body = Pieces(pieces.iter().copied().collect());
        receive(body, limit, Duration::from_secs(1)).await.map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit() {
        assert_eq!(run(&[], 5).await.unwrap(), "");
        assert_eq!(run(&["abc"], 5).await.unwrap(), "abc");
        assert_eq!(run(&["ab", "", "cd", "e"], 5).await.unwrap(), "abcde");
        assert_eq!(run(&["abc", "def"], 5).await, Err(ErrorKind::RequestTooLarge));
        let announced = http_body_util::Full::<Bytes>::from("abcdef");
        let refused = receive(announced, 5, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::RequestTooLarge);
    }
}
