//! Bodies: whole, in pieces, or still arriving.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::Error;

/// Any error that may cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body of bytes. It implements [`http_body::Body`], so it fits into hyper, axum and their kin as it is.
pub struct Body(Kind);

enum Kind {
    Whole(Bytes),
    Pieces(VecDeque<Bytes>),
    Arriving(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>),
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self(Kind::Whole(Bytes::new()))
    }

    /// A body in several pieces that are sent one after the other without being joined.
    pub fn pieces(pieces: impl Into<VecDeque<Bytes>>) -> Self {
        Self(Kind::Pieces(pieces.into()))
    }

    /// A body that is still arriving. It is dropped as soon as its reader goes away, so whatever must happen at its end
    /// belongs into the `Drop` of something it owns.
    pub fn arriving(body: impl http_body::Body<Data = Bytes, Error = Error> + Send + 'static) -> Self {
        Self(Kind::Arriving(Box::pin(body)))
    }

    /// The bytes, if all of them are here already.
    #[must_use]
    pub fn as_whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Kind::Whole(bytes) => Some(bytes),
            Kind::Pieces(_) | Kind::Arriving(_) => None,
        }
    }

    /// Whether the body's end has not been seen yet and work may be owed at its end.
    #[must_use]
    pub fn is_arriving(&self) -> bool {
        matches!(self.0, Kind::Arriving(_))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self(Kind::Whole(bytes.into()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.get_mut().0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Pieces(pieces) => Poll::Ready(pieces.pop_front().map(|piece| Ok(Frame::data(piece)))),
            Kind::Arriving(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Pieces(pieces) => pieces.is_empty(),
            Kind::Arriving(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Pieces(pieces) => SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum()),
            Kind::Arriving(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    /// Says what kind of body it is, never what is in it: prompts and answers do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::Pieces(pieces) => write!(f, "Body({} pieces)", pieces.len()),
            Kind::Arriving(_) => f.write_str("Body(arriving)"),
        }
    }
}
