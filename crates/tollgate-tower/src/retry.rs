//! Asks again when asking again may help.
//!
//! A provider's future completes when its answer has begun, so until then nothing has reached the client and a failed
//! attempt can be repeated; a failure in the middle of a stream never is. Which errors are worth it, they say themselves
//! ([`Error::is_retryable`]). Between attempts the layer waits, longer each time and never for the same time as others who
//! failed together, and at least as long as the provider asked for. Where the provider asks for more than
//! [`max_retry_after`](RetryLayer::max_retry_after), the client is told instead of kept waiting.
//!
//! Put the timeout inside, so that it counts for each attempt, and usage outside, so that there is one record.

use std::task::{Context, Poll};
use std::time::Duration;

use tollgate_core::{BoxFuture, Error, Operation, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

/// Makes [`Retry`]. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct RetryLayer {
    max_attempts: u32,
    base_delay: Duration,
    max_delay: Duration,
    max_retry_after: Duration,
}

/// Repeats failed attempts. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    policy: RetryLayer,
}

// === impl RetryLayer ===

impl RetryLayer {
    /// At most so many attempts, the first included.
    #[must_use]
    pub const fn new(max_attempts: u32) -> Self {
        Self {
            max_attempts,
            base_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(8),
            max_retry_after: Duration::from_secs(30),
        }
    }

    /// Sets the wait before the second attempt; each further one is twice as long. Defaults to 250 ms.
    #[must_use]
    pub const fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// Sets the longest wait that is not asked for. Defaults to 8 seconds.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets the longest wait that a provider may ask for. Defaults to 30 seconds.
    #[must_use]
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.max_retry_after = wait;
        self
    }

    /// How long to wait after attempt number `attempt` failed; `None` if that was it.
    fn wait(&self, attempt: u32, error: &Error) -> Option<Duration> {
        if !error.is_retryable() || attempt >= self.max_attempts {
            return None;
        }
        let full = self.base_delay.saturating_mul(1 << (attempt - 1).min(16)).min(self.max_delay);
        // Half of it is left to chance: clients that failed together should not come back together.
        let wait = full.mul_f64(0.5 + fastrand::f64() / 2.0);
        match error.retry_after() {
            Some(asked) if asked > self.max_retry_after => None,
            Some(asked) => Some(wait.max(asked)),
            None => Some(wait),
        }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry { inner, policy: self.clone() }
    }
}

// === impl Retry ===

impl<S> Service<Request> for Retry<S>
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
        let policy = self.policy.clone();
        Box::pin(async move {
            let max_attempts = if may_be_repeated(&request) { policy.max_attempts } else { 1 };
            let mut attempt = 1;
            loop {
                request.context.observe(|observed| observed.attempts += 1);
                let is_last = attempt >= max_attempts;
                if is_last {
                    return inner.call(request).await;
                }
                let error = match inner.call(request.clone()).await {
                    Ok(response) => return Ok(response),
                    Err(error) => error,
                };
                let Some(wait) = policy.wait(attempt, &error) else { return Err(error) };
                tokio::time::sleep(wait).await;
                std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
                attempt += 1;
            }
        })
    }
}

/// Whether sending the request twice is harmless. Generating an answer is; what a pass-through does, nobody here knows, so
/// it must say so itself, by its method or by a key.
fn may_be_repeated(request: &Request) -> bool {
    let asked = request.passthrough.as_ref();
    let asked = asked.filter(|_| matches!(request.operation, Operation::Passthrough | Operation::StoredResponse));
    asked
        .is_none_or(|passthrough| passthrough.method.is_idempotent() || request.headers.contains_key("idempotency-key"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::Instant;
    use tollgate_core::ErrorKind;
    use tower::{Layer as _, ServiceExt, service_fn};

    use super::*;
    use crate::test_helpers::chat;

    /// Calls a service that fails so many times; returns the result, the number of calls and the time it took.
    async fn run(
        layer: RetryLayer,
        failures: u32,
        error: impl Fn() -> Error + Clone + Send + 'static,
    ) -> (Result<Response, Error>, u32, Duration) {
        let calls = Arc::new(AtomicU32::new(0));
        let count = calls.clone();
        let service = service_fn(move |_: Request| {
            let failed = count.fetch_add(1, Ordering::Relaxed) < failures;
            let result = if failed { Err(error()) } else { Ok(Response::new("fine".into())) };
            async move { result }
        });
        let request = chat();
        let context = request.context.clone();
        let started = Instant::now();
        let result = layer.layer(service).oneshot(request).await;
        let calls = calls.load(Ordering::Relaxed);
        assert_eq!(context.observed().attempts, calls);
        (result, calls, started.elapsed())
    }

    fn unreachable() -> Error {
        Error::new(ErrorKind::UpstreamUnreachable, "down")
    }

    #[tokio::test(start_paused = true)]
    async fn asks_again_with_growing_pauses() {
        let (result, calls, took) = run(RetryLayer::new(3), 2, unreachable).await;
        assert!(result.is_ok());
        assert_eq!(calls, 3);
        assert!((Duration::from_millis(375)..=Duration::from_millis(760)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_after_the_last_attempt() {
        let (result, calls, _) = run(RetryLayer::new(3), 9, unreachable).await;
        assert_eq!((result.expect_err("fails").kind(), calls), (ErrorKind::UpstreamUnreachable, 3));
        let (_, calls, _) = run(RetryLayer::new(1), 9, unreachable).await;
        assert_eq!(calls, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_get_better_is_not_repeated() {
        let (_, calls, _) = run(RetryLayer::new(3), 9, || Error::invalid_request("bad", None)).await;
        assert_eq!(calls, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_as_long_as_asked_but_not_longer_than_allowed() {
        let asks = |seconds| move || unreachable().with_retry_after(Some(Duration::from_secs(seconds)));
        let (result, _, took) = run(RetryLayer::new(2), 1, asks(20)).await;
        assert!(result.is_ok() && took >= Duration::from_secs(20));
        let (result, calls, took) = run(RetryLayer::new(2), 1, asks(31)).await;
        assert!(result.is_err() && calls == 1 && took < Duration::from_secs(1));
    }
}
