//! Tells a webhook of budgets that reach a part of their limit.

use std::fmt;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tollgate_core::{Body, BoxError};
use tollgate_providers::Transport;
use tollgate_usage::quota::{AlertSink, BudgetAlert};

use crate::config::types::Webhook;

/// Takes alerts; a thread of its own sends them, one after the other. It ends when this is dropped.
pub(super) struct Webhooks {
    queue: mpsc::Sender<BudgetAlert>,
}

/// What the thread sends with.
struct Sender {
    uri: Uri,
    authorization: Option<HeaderValue>,
    transport: Transport,
}

/// Beyond this, alerts are dropped and logged: a webhook that does not answer must not fill the memory.
const QUEUED: usize = 256;

/// Before the second try, and so on; after the last one the alert is given up.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(4), Duration::from_secs(30)];

const DEADLINE: Duration = Duration::from_secs(10);

// === impl Webhooks ===

impl Webhooks {
    pub(super) fn start(settings: &Webhook) -> Result<Self, BoxError> {
        let url = settings.url.as_ref().map(|url| url.0.expose()).unwrap_or_default();
        let uri: Uri = url.parse()?;
        let bearer = |token: &str| HeaderValue::from_str(&format!("Bearer {token}"));
        let mut authorization = settings.token.as_ref().map(|token| bearer(token.0.expose())).transpose()?;
        if let Some(authorization) = &mut authorization {
            authorization.set_sensitive(true);
        }
        let transport = Transport::builder().tls(uri.scheme_str() != Some("http")).build();
        let (queue, alerts) = mpsc::channel(QUEUED);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sender = Sender { uri, authorization, transport };
        let run = move || runtime.block_on(sender.run(alerts));
        thread::Builder::new().name("tollgate-webhook".to_owned()).spawn(run)?;
        Ok(Self { queue })
    }
}

impl AlertSink for Webhooks {
    fn alert(&self, alert: BudgetAlert) {
        if let Err(error) = self.queue.try_send(alert) {
            tracing::warn!(%error, "an alert is dropped, because the webhook does not keep up");
        }
    }
}

// === impl Sender ===

impl Sender {
    async fn run(self, mut alerts: mpsc::Receiver<BudgetAlert>) {
        while let Some(alert) = alerts.recv().await {
            let body = body(&alert);
            let mut pauses = PAUSES.iter();
            while let Err(error) = self.send(&body).await {
                let Some(pause) = pauses.next() else {
                    tracing::error!(error, budget = &*alert.rule.name, "the webhook was not told of a budget");
                    break;
                };
                tokio::time::sleep(*pause).await;
            }
        }
    }

    async fn send(&self, body: &Bytes) -> Result<(), &'static str> {
        let mut request = Request::new(Body::from(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        }
        match tokio::time::timeout(DEADLINE, self.transport.send(request)).await {
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            // Without what the other side said, which may repeat what it was sent.
            Ok(Ok(_)) => Err("it answered with an error"),
            Ok(Err(_)) => Err("it could not be reached"),
            Err(_) => Err("it did not answer in time"),
        }
    }
}

fn body(alert: &BudgetAlert) -> Bytes {
    let time = |millis: u64| {
        let at = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        at.map(|at| at.to_string())
    };
    let instance = alert.counter.split_once('|').map(|(_, instance)| instance);
    json!({
        "event": "budget_threshold",
        "budget": &*alert.rule.name,
        "id": &*alert.rule.id,
        "of": instance,
        "percent": alert.percent,
        "spent_nano_usd": alert.spent.0,
        "limit_nano_usd": alert.limit.0,
        "period_start": time(alert.window.start),
        "resets_at": alert.window.end.and_then(time),
    })
    .to_string()
    .into()
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhooks")
    }
}
