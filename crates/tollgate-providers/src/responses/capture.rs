//! Keeps a streamed response when it is complete.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tollgate_core::{Body, Error};
use tollgate_protocols::json::{self, Value};
use tollgate_protocols::sse::{self, Decoder};

use super::store::{Entry, KeptResponse, ResponseStore};

/// What is kept of an answer.
#[derive(Clone)]
pub(super) enum Keep {
    /// All of it; this was the request.
    Here(Bytes),
    /// That this provider has it.
    There(Arc<str>),
}

/// Where to keep it, and for whom.
pub(super) struct Keeper {
    pub(super) store: Arc<ResponseStore>,
    pub(super) context: tollgate_core::Context,
    pub(super) keep: Keep,
}

impl Keeper {
    /// Keeps a response object.
    pub(super) fn keep(&self, response: &[u8]) {
        let Some(id) = json::parse(response).ok().and_then(|response| response.string("id")) else { return };
        let entry = match &self.keep {
            Keep::Here(body) => Entry::Here(KeptResponse {
                body: body.clone(),
                response: Bytes::copy_from_slice(response),
                running: None,
            }),
            Keep::There(provider) => Entry::There(provider.clone()),
        };
        self.store.put(&self.context, &id, entry);
    }

    /// Keeps what an event of the stream says; true once nothing more is wanted.
    fn event(&self, event: &[u8]) -> bool {
        let wanted: &[&[u8]] = match self.keep {
            Keep::Here(_) => &[b"response.completed", b"response.incomplete", b"response.failed"],
            // Its first event names it.
            Keep::There(_) => &[b"response.created"],
        };
        if !sse::name(event).is_some_and(|name| wanted.contains(&name)) {
            return false;
        }
        if let Some(data) = sse::data(event)
            && let Ok(event) = json::parse(&data)
            && let Some(response) = event.get("response").filter(|response| Value::is_object(response))
        {
            self.keep(response.raw().as_bytes());
        }
        true
    }
}

/// A stream whose response is kept when it has come to its end.
pub(super) struct Captured {
    body: Body,
    decoder: Decoder,
    keeper: Option<Keeper>,
}

impl Captured {
    /// A response that does not fit into this is not kept.
    const MAX_EVENT: usize = 16 * 1024 * 1024;

    pub(super) fn wrap(body: Body, keeper: Keeper) -> Body {
        Body::arriving(Self { body, decoder: Decoder::new(Self::MAX_EVENT), keeper: Some(keeper) })
    }

    fn watch(&mut self, data: &Bytes) {
        let Some(keeper) = &self.keeper else { return };
        self.decoder.push(data.clone());
        loop {
            match self.decoder.next_event() {
                Ok(Some(event)) if keeper.event(&event) => break,
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(_) => break,
            }
        }
        self.keeper = None;
    }
}

impl http_body::Body for Captured {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            this.watch(data);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
