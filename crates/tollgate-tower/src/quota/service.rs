//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_core::{BoxFuture, Error, ErrorKind, NanoUsd, QuotaNotice, Request, Response, boxed};
use tollgate_usage::quota::{Admission, Denied, Estimate, Facts, Match};
use tower_service::Service;

use super::QuotaLayer;
use super::owed::Owed;
use crate::billed::Ended;
use crate::guarded::Guarded;

/// Lets through what there is room for. See the [module docs](super).
#[derive(Clone, Debug)]
pub struct Quota<S> {
    pub(super) inner: S,
    pub(super) layer: QuotaLayer,
}

/// Who waits for what others hold looks again after so long at the latest: others may be of another process.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

impl<S> Service<Request> for Quota<S>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let matches = self.layer.matching(&request);
        if matches.is_empty() {
            return boxed(self.inner.call(request));
        }
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            let admission = layer.admit(&matches, &request).await?;
            let mut owed = Owed {
                admission: Some(admission),
                prices: layer.prices,
                operation: request.operation,
                head: request.head.clone(),
                context: request.context.clone(),
                settled: layer.settled,
                ended: None,
            };
            let response = match inner.call(request).await {
                Ok(response) => response,
                Err(error) => {
                    owed.ended = Some(Ended::Failed(error.kind()));
                    return Err(error);
                }
            };
            if response.body.is_arriving() {
                return Ok(response.map_body(|body| Guarded::wrap(body, owed)));
            }
            owed.ended = Some(Ended::Well);
            Ok(response)
        })
    }
}

impl QuotaLayer {
    fn matching(&self, request: &Request) -> Vec<Match> {
        if !self.quotas.has_any(self.settings.rules) {
            return Vec::new();
        }
        let context = &request.context;
        let identity = context.identity();
        let facts = Facts {
            key: identity.key.as_deref(),
            path: identity.path.as_deref(),
            tags: context.tags(),
            target: request.target.as_ref(),
        };
        self.quotas.matching(&facts, self.settings.rules)
    }

    async fn admit(&self, matches: &[Match], request: &Request) -> Result<Admission, Error> {
        let needs_price = matches.iter().any(|matched| matched.rule.budget().is_some());
        let cost = if needs_price { self.ceiling(request) } else { None };
        let estimate = Estimate { tokens: self.tokens(request), cost };
        let admitted = match self.quotas.acquire(matches, &estimate).await {
            Err(denied) if denied.may_wait() => self.wait_for(matches, &estimate, denied).await,
            admitted => admitted,
        };
        match admitted {
            Ok(admission) => {
                note(request, admission.notice());
                Ok(admission)
            }
            Err(denied) => {
                note(request, &denied.notice());
                Err(self.refusal(denied))
            }
        }
    }

    /// Asks again whenever something was given back, those who wait longest first.
    async fn wait_for(&self, matches: &[Match], estimate: &Estimate, mut denied: Denied) -> Result<Admission, Denied> {
        let deadline = Instant::now() + self.settings.wait;
        while denied.may_wait() {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            // Those who are woken by the clock are woken together, unless it goes at a pace of its own for each.
            let pause = LOOK_AGAIN.mul_f64(0.5 + fastrand::f64() / 2.0).min(deadline - now);
            let _ = tokio::time::timeout(pause, self.settled.notified()).await;
            match self.quotas.acquire(matches, estimate).await {
                Ok(admission) => {
                    // What was given back may be enough for another one too.
                    self.settled.notify_one();
                    return Ok(admission);
                }
                Err(newer) => denied = newer,
            }
        }
        Err(denied)
    }

    fn refusal(&self, denied: Denied) -> Error {
        let error = denied.into_error();
        match self.settings.budget_status {
            Some(status) if error.kind() == ErrorKind::BudgetExceeded => error.with_status(status),
            _ => error,
        }
    }

    /// What a request costs at most; `None` if no price is known.
    fn ceiling(&self, request: &Request) -> Option<NanoUsd> {
        // Nobody bills for reading, such as a list of files.
        if request.passthrough.as_ref().is_some_and(|passthrough| passthrough.method.is_safe()) {
            return Some(NanoUsd::ZERO);
        }
        let target = request.target.as_ref()?;
        self.prices.ceiling(target, &request.head, request.body.len(), self.settings.assumed_output)
    }

    /// Tokens that a request takes at most, as far as it says so itself.
    fn tokens(&self, request: &Request) -> u64 {
        let head = &request.head;
        let output = if request.operation.is_conversation() || head.max_tokens.is_some() {
            head.max_tokens.unwrap_or(self.settings.assumed_output)
        } else {
            0
        };
        head.estimated_input().saturating_add(output.saturating_mul(head.choices.unwrap_or(1).max(1)))
    }
}

/// Tells the client of its limits; of those that two layers know of the same, the one of which less is left.
fn note(request: &Request, notice: &QuotaNotice) {
    request.context.observe(|observed| {
        let merged = match &observed.quota {
            Some(known) => known.tightest(notice),
            None => notice.clone(),
        };
        observed.quota = Some(Arc::new(merged));
    });
}
