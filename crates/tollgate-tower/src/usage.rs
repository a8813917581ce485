//! One record for each request, whatever becomes of it.
//!
//! The record is written when the answer has ended, before its last piece is passed on, when it failed, or when it is dropped
//! because the client went away. A ledger that has no room for records has none for requests: they are refused.
//! Tokens are what the provider noted in the request's [`Context`]; where it had no chance to, an
//! estimate of the input stands in, marked as one. With [prices](UsageLayer::prices) the record also says what the
//! request cost, unless a layer inside has noted that already, and what a cache saved.
//!
//! Put it outside of everything that may answer in the provider's place, so that every request is counted once.
//!
//! ```
//! use std::sync::Arc;
//! use tollgate_tower::usage::UsageLayer;
//! use tollgate_usage::MemoryLedger;
//!
//! let ledger = Arc::new(MemoryLedger::new(1000, 10_000));
//! let layer = UsageLayer::new(ledger);
//! # let _ = layer;
//! ```

use std::sync::Arc;
use std::task;
use std::task::Poll;

use tollgate_core::{BoxFuture, Context, Error, ErrorKind, Head, Operation, Outcome, Request, Response};
use tollgate_usage::price::Prices;
use tollgate_usage::{Ledger, UsageRecord};
use tower_layer::Layer;
use tower_service::Service;

use crate::billed::{Ended, may_be_billed, note_estimate};
use crate::guarded::{Guard, Guarded};

/// Makes [`Usage`]. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct UsageLayer<L> {
    ledger: L,
    prices: Option<Arc<Prices>>,
}

/// Records each request. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Usage<S, L> {
    inner: S,
    ledger: L,
    prices: Option<Arc<Prices>>,
}

impl<L: Ledger + Clone> UsageLayer<L> {
    /// Records into a ledger, usually an `Arc` of one.
    #[must_use]
    pub fn new(ledger: L) -> Self {
        Self { ledger, prices: None }
    }

    /// Computes what each request cost by these prices. Defaults to not doing so: then all costs are unknown but those that
    /// somebody else notes.
    #[must_use]
    pub fn prices(mut self, prices: Arc<Prices>) -> Self {
        self.prices = Some(prices);
        self
    }
}

impl<S, L: Clone> Layer<S> for UsageLayer<L> {
    type Service = Usage<S, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Usage { inner, ledger: self.ledger.clone(), prices: self.prices.clone() }
    }
}

impl<S, L> Service<Request> for Usage<S, L>
where
    S: Service<Request, Response = Response, Error = Error>,
    S::Future: Send + 'static,
    L: Ledger + Clone + Unpin + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !self.ledger.has_room() {
            // Not recorded either, for the same reason.
            let message = "The gateway cannot record what requests use at present, and takes none. Try again later.";
            return Box::pin(std::future::ready(Err(Error::new(ErrorKind::AccountsUnavailable, message))));
        }
        let mut owed = Owed {
            is_written: false,
            ledger: self.ledger.clone(),
            prices: self.prices.clone(),
            operation: request.operation,
            head: request.head.clone(),
            context: request.context.clone(),
            status: UsageRecord::CLIENT_CLOSED,
            ended: None,
        };
        let calling = self.inner.call(request);
        Box::pin(async move {
            let response = match calling.await {
                Ok(response) => response,
                Err(error) => {
                    owed.status = error.status().as_u16();
                    owed.failed(&error);
                    return Err(error);
                }
            };
            owed.status = response.status.as_u16();
            if response.body.is_arriving() {
                return Ok(response.map_body(|body| Guarded::wrap(body, owed)));
            }
            owed.ended();
            Ok(response)
        })
    }
}

/// A record that will be written at the end, or else when this is dropped.
struct Owed<L: Ledger> {
    is_written: bool,
    ledger: L,
    prices: Option<Arc<Prices>>,
    operation: Operation,
    head: Arc<Head>,
    context: Context,
    /// The status that was sent, or will be; 499 as long as there is none.
    status: u16,
    ended: Option<Ended>,
}

impl<L: Ledger + Unpin + 'static> Guard for Owed<L> {
    fn ended(&mut self) {
        self.ended = Some(Ended::Well);
        self.write();
    }

    fn failed(&mut self, error: &Error) {
        self.ended = Some(Ended::Failed(error.kind()));
        self.write();
    }
}

impl<L: Ledger> Drop for Owed<L> {
    fn drop(&mut self) {
        self.write();
    }
}

impl<L: Ledger> Owed<L> {
    /// Writes the record, the first time.
    fn write(&mut self) {
        if std::mem::replace(&mut self.is_written, true) {
            return;
        }
        let outcome = self.context.observe(|observed| {
            match (observed.outcome, self.ended) {
                // Providers that note nothing are believed when their body ends.
                (Outcome::Pending, Some(Ended::Well)) => observed.outcome = Outcome::Complete,
                (Outcome::Pending | Outcome::Complete, Some(Ended::Failed(kind))) => {
                    observed.outcome = Outcome::Failed(kind.code());
                }
                _ => {}
            }
            note_estimate(observed, &self.head, self.ended);
            if let Some(prices) = &self.prices {
                prices.note(self.operation, self.context.received_at(), observed);
                if !may_be_billed(self.ended) && matches!(observed.outcome, Outcome::Failed(_)) {
                    prices.note_refused(observed);
                }
            }
            observed.outcome
        });
        let status = if outcome == Outcome::Pending { UsageRecord::CLIENT_CLOSED } else { self.status };
        let asked = self.head.model_name().map(Arc::from);
        let record = UsageRecord::new(self.operation, asked, self.head.stream, status, &self.context);
        self.ledger.record(&record);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tollgate_core::{CacheOutcome, CacheStatus, Target, Usage as Tokens};
    use tollgate_usage::price::PriceBook;
    use tollgate_usage::{MemoryLedger, Totals};
    use tower::{Layer as _, ServiceExt, service_fn};

    use super::*;
    use crate::test_helpers::{chat, streaming};

    fn ledger() -> Arc<MemoryLedger> {
        Arc::new(MemoryLedger::new(10, 10))
    }

    fn only_record(ledger: &MemoryLedger) -> UsageRecord {
        let mut records = ledger.recent(10);
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    #[tokio::test]
    async fn a_whole_answer() {
        let ledger = ledger();
        let inner = service_fn(|request: Request| async move {
            let usage = Tokens { input: Some(3), output: Some(4), ..Tokens::default() };
            request.context.observe(|observed| observed.usage = Some(usage));
            Ok::<_, Error>(Response::new("{}".into()))
        });
        UsageLayer::new(ledger.clone()).layer(inner).oneshot(chat()).await.expect("answers");
        let record = only_record(&ledger);
        assert_eq!((record.status, record.usage.total(), record.error), (200, 7, None));
    }

    fn prices() -> Arc<Prices> {
        let book = PriceBook::parse("# version 1\np m in=1 out=2\n").expect("is a book");
        Arc::new(Prices::new(book))
    }

    fn asked(request: &Request) -> Context {
        request.context.observe(|observed| {
            observed.target = Some(Target::new("p", "m"));
            observed.attempts = 1;
        });
        request.context.clone()
    }

    #[tokio::test]
    async fn what_a_whole_answer_cost_is_known_before_it_leaves() {
        let ledger = ledger();
        let inner = service_fn(|request: Request| async move {
            let usage = Tokens { input: Some(3), output: Some(4), ..Tokens::default() };
            asked(&request).observe(|observed| observed.usage = Some(usage));
            Ok::<_, Error>(Response::new("{}".into()))
        });
        let request = chat();
        let context = request.context.clone();
        let layer = UsageLayer::new(ledger.clone()).prices(prices());
        layer.layer(inner).oneshot(request).await.expect("answers");
        let cost = context.observed().cost.expect("is known");
        assert_eq!((cost.amount.0, &*cost.price), (11_000, "1:p/m"));
        assert_eq!(only_record(&ledger).cost, Some(cost));
    }

    #[tokio::test]
    async fn an_answer_that_nobody_read_costs_what_is_estimated() {
        let ledger = ledger();
        let inner = service_fn(|request: Request| async move {
            asked(&request);
            std::future::pending::<Result<Response, Error>>().await
        });
        let calling = UsageLayer::new(ledger.clone()).prices(prices()).layer(inner).oneshot(chat());
        tokio::time::timeout(std::time::Duration::from_millis(10), calling).await.expect_err("hangs");
        let record = only_record(&ledger);
        assert_eq!(record.cost.map(|cost| cost.amount.0), record.usage.input.map(|input| input * 1000));
    }

    #[tokio::test]
    async fn what_a_provider_refused_is_free_and_what_nobody_was_asked_has_no_cost() {
        for (is_asked, price) in [(true, Some("free")), (false, None)] {
            let ledger = ledger();
            let inner = service_fn(move |request: Request| async move {
                if is_asked {
                    asked(&request);
                }
                Err::<Response, _>(Error::new(ErrorKind::Upstream, "no"))
            });
            UsageLayer::new(ledger.clone()).prices(prices()).layer(inner).oneshot(chat()).await.expect_err("fails");
            assert_eq!(only_record(&ledger).cost.as_ref().map(|cost| &*cost.price), price);
        }
    }

    #[tokio::test]
    async fn a_hit_costs_nothing_and_says_what_it_saved() {
        let ledger = ledger();
        let inner = service_fn(|request: Request| async move {
            let saved = Tokens { input: Some(3), output: Some(4), ..Tokens::default() };
            request.context.observe(|observed| {
                observed.target = Some(Target::new("p", "m"));
                observed.cache = Some(CacheOutcome::new(CacheStatus::Hit).saved(Some(saved)));
            });
            Ok::<_, Error>(Response::new("{}".into()))
        });
        UsageLayer::new(ledger.clone()).prices(prices()).layer(inner).oneshot(chat()).await.expect("answers");
        let totals = Totals::of(&only_record(&ledger));
        assert_eq!((totals.cost_nano_usd, totals.saved_nano_usd, totals.unpriced, totals.cached), (0, 11_000, 0, 1));
    }

    #[tokio::test]
    async fn a_stream_that_is_read_to_its_end() {
        let ledger = ledger();
        let response = UsageLayer::new(ledger.clone()).layer(streaming()).oneshot(chat()).await.expect("answers");
        assert!(ledger.recent(1).is_empty(), "not before the end");
        response.body.collect().await.expect("ends well");
        assert_eq!(only_record(&ledger).status, 200);
    }

    #[tokio::test]
    async fn the_record_is_there_before_the_reader_knows_of_the_end() {
        let ledger = ledger();
        let response = UsageLayer::new(ledger.clone()).layer(streaming()).oneshot(chat()).await.expect("answers");
        let mut body = response.body;
        let mut frames = 0;
        while let Some(frame) = body.frame().await {
            frame.expect("a frame");
            frames += 1;
        }
        assert!(frames > 0);
        // The body is still held, as a server does until it has sent it.
        assert_eq!(only_record(&ledger).status, 200);
        drop(body);
        assert_eq!(ledger.recent(10).len(), 1, "and not once more");
    }

    #[tokio::test]
    async fn a_ledger_without_room() {
        #[derive(Clone)]
        struct Full;

        impl Ledger for Full {
            fn record(&self, _: &UsageRecord) {
                unreachable!("nothing is let in");
            }

            fn has_room(&self) -> bool {
                false
            }
        }

        let refused = UsageLayer::new(Full).layer(streaming()).oneshot(chat()).await.expect_err("is refused");
        assert_eq!(refused.kind(), ErrorKind::AccountsUnavailable);
    }

    #[tokio::test]
    async fn a_client_that_goes_away() {
        let ledger = ledger();
        let response = UsageLayer::new(ledger.clone()).layer(streaming()).oneshot(chat()).await.expect("answers");
        drop(response);
        assert_eq!(only_record(&ledger).status, UsageRecord::CLIENT_CLOSED);
    }

    #[tokio::test]
    async fn a_client_that_goes_away_before_the_answer() {
        let ledger = ledger();
        let inner = service_fn(|request: Request| async move {
            request.context.observe(|observed| observed.attempts = 1);
            std::future::pending::<Result<Response, Error>>().await
        });
        let calling = UsageLayer::new(ledger.clone()).layer(inner).oneshot(chat());
        tokio::time::timeout(std::time::Duration::from_millis(10), calling).await.expect_err("hangs");
        let record = only_record(&ledger);
        assert_eq!(record.status, UsageRecord::CLIENT_CLOSED);
        assert!(record.usage.estimated && record.usage.input > Some(0));
    }

    #[tokio::test]
    async fn a_failure() {
        let ledger = ledger();
        let inner = service_fn(|_: Request| async { Err::<Response, _>(Error::new(ErrorKind::ModelNotFound, "no")) });
        UsageLayer::new(ledger.clone()).layer(inner).oneshot(chat()).await.expect_err("fails");
        let record = only_record(&ledger);
        assert_eq!((record.status, record.error), (404, Some("model_not_found")));
        assert_eq!(record.usage, Tokens::default());
    }
}
