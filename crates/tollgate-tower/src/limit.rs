//! So many requests at once.
//!
//! A request holds its place until its answer has ended, streams included, so the limit bounds what is really going on.
//! A request that finds no place waits for one for a while and is then refused with
//! [`ErrorKind::Overloaded`].
//!
//! ```
//! use std::time::Duration;
//! use tollgate_tower::limit::ConcurrencyLimitLayer;
//!
//! let layer = ConcurrencyLimitLayer::new(500).queue_timeout(Duration::from_secs(2));
//! # let _ = layer;
//! ```

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_core::{BoxFuture, Error, ErrorKind, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::guarded::{Guard, Guarded};

/// Makes [`ConcurrencyLimit`]. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    places: Arc<Semaphore>,
    queue_timeout: Duration,
}

/// Lets so many requests through at once. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S> {
    inner: S,
    layer: ConcurrencyLimitLayer,
}

// === impl ConcurrencyLimitLayer ===

impl ConcurrencyLimitLayer {
    /// A limit that all services made by this layer and its clones share.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            queue_timeout: Duration::from_secs(5),
        }
    }

    /// Sets how long a request waits for a place. Defaults to 5 seconds; zero refuses at once.
    #[must_use]
    pub fn queue_timeout(mut self, timeout: Duration) -> Self {
        self.queue_timeout = timeout;
        self
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        // The usual case first: no timer for who need not wait.
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        match tokio::time::timeout(self.queue_timeout, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::new(
                ErrorKind::Overloaded,
                "The gateway is answering as many requests as it may; try again in a moment.",
            )
            .with_retry_after(Some(Duration::from_secs(1)))),
        }
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConcurrencyLimit { inner, layer: self.clone() }
    }
}

// === impl ConcurrencyLimit ===

impl Guard for OwnedSemaphorePermit {}

impl<S> Service<Request> for ConcurrencyLimit<S>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            let place = layer.place().await?;
            let response = inner.call(request).await?;
            // A whole body is done with; its bytes only wait to be sent.
            if !response.body.is_arriving() {
                return Ok(response);
            }
            Ok(response.map_body(|body| Guarded::wrap(body, place)))
        })
    }
}

#[cfg(test)]
mod tests {
    use tower::{Layer as _, ServiceExt};

    use super::*;
    use crate::test_helpers::{chat, streaming};

    #[tokio::test(start_paused = true)]
    async fn a_stream_keeps_its_place_until_it_is_dropped() {
        let service = ConcurrencyLimitLayer::new(1).queue_timeout(Duration::from_secs(1)).layer(streaming());
        let first = service.clone().oneshot(chat()).await.expect("there is a place");
        let refused = service.clone().oneshot(chat()).await.expect_err("there is none");
        assert_eq!(refused.kind(), ErrorKind::Overloaded);
        assert!(refused.retry_after().is_some());
        drop(first);
        service.oneshot(chat()).await.expect("the place is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_place_that_becomes_free() {
        let service = ConcurrencyLimitLayer::new(1).queue_timeout(Duration::from_secs(60)).layer(streaming());
        let first = service.clone().oneshot(chat()).await.expect("there is a place");
        let waiting = tokio::spawn(service.oneshot(chat()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.expect("no panic").expect("the place of the first");
    }
}
