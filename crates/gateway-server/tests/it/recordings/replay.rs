//! Plays recordings: an upstream that answers as recorded, the server before it, and a client that asks as recorded.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Method;
use serde_json::Value;
use tollgate_providers::{DESCRIPTORS, Descriptor};
use tollgate_testkit::recordings::Exchange;
use tollgate_testkit::recordings::cuts::{Cuts, pieces};
use tollgate_testkit::{Received, Reply, Step, Upstream};

use crate::support::{PROVIDER_KEY, gateway};

/// How many plays are on at the same time.
const AT_ONCE: usize = 16;

/// One exchange to be played.
pub(super) struct Play {
    /// The exchange.
    pub(super) exchange: &'static Exchange,
    /// What distinguishes this play of it from others.
    pub(super) variant: String,
    /// The request to the server.
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) request: Option<Value>,
    /// The body that the upstream sends, which may be less than what is recorded.
    pub(super) body: Bytes,
    pub(super) cuts: Cuts,
    /// Whether the upstream breaks the connection after the body instead of ending it.
    pub(super) breaks: bool,
    /// What must arrive at the upstream.
    pub(super) arrives: Arrives,
}

/// What must arrive at the upstream.
pub(super) struct Arrives {
    /// The path and query, or its end if it begins with `…`.
    pub(super) path: String,
    /// The body; the usage chunk of a stream may be asked for besides.
    pub(super) body: Option<Value>,
}

/// What came of a play.
pub(super) struct Played {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// The body, or why it broke off.
    pub(super) body: Result<Bytes, String>,
    /// The usage record.
    pub(super) record: Value,
}

/// Plays them all through one server.
pub(super) async fn play(plays: Vec<Play>) -> Vec<(Play, Played)> {
    let plays = Arc::new(plays);
    let script = plays.clone();
    let upstream = Upstream::start(move |request| {
        let index = request.header("x-client-request-id").and_then(|id| id.parse::<usize>().ok());
        match index.and_then(|index| script.get(index)) {
            Some(play) => play.reply(request),
            None => Reply::error(599, "a request that is not in the script"),
        }
    });
    // Each attempt would be a request of its own at the upstream, and each failure is one on purpose.
    let config = format!("{}retry: {{ max_attempts: 1 }}\n", providers(&upstream.url()));
    let gateway = gateway().config(config).start().await;
    let calls = plays.iter().enumerate().map(|(index, play)| {
        let body = play.request.as_ref().map(Value::to_string);
        let call = match body {
            Some(body) => {
                gateway.call(play.method.clone(), &play.path).header("content-type", "application/json").body(body)
            }
            None => gateway.call(play.method.clone(), &play.path),
        };
        let call =
            call.header("x-client-request-id", &index.to_string()).header("x-request-id", &format!("play-{index}"));
        async move {
            let answer = call.send().await;
            let status = answer.status();
            let content_type = answer.header("content-type").unwrap_or_default().to_owned();
            let body = answer.try_bytes().await.map_err(|error| error.to_string());
            Played { status, content_type, body, record: Value::Null }
        }
    });
    let mut played: Vec<Played> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    let records = gateway.usage_records(played.len()).await;
    assert_eq!(records.len(), played.len(), "one usage record for each request");
    let mut records: HashMap<String, Value> = records
        .into_iter()
        .map(|record| (record["request_id"].as_str().unwrap_or_default().to_owned(), record))
        .collect();
    for (index, played) in played.iter_mut().enumerate() {
        played.record = records.remove(&format!("play-{index}")).unwrap_or_default();
    }
    drop(upstream);
    let Ok(plays) = Arc::try_unwrap(plays) else { panic!("the upstream is gone, and with it its script") };
    plays.into_iter().zip(played).collect()
}

/// A provider of the configuration: its name there, and what kind it is.
pub(super) type Standing = (&'static str, &'static Descriptor);

/// The provider of the configuration that stands for the one that answered in a recording.
pub(super) fn standing(exchange: &Exchange) -> Standing {
    let host = |descriptor: &Descriptor| {
        let address = descriptor.base_url.and_then(|url| url.split("://").nth(1)).unwrap_or_default();
        address.split('/').next().unwrap_or_default().to_owned()
    };
    let is_azure = |descriptor: &&Descriptor| descriptor.quirks.azure_paths && exchange.provider.contains("azure");
    let known = DESCRIPTORS.iter().find(|descriptor| {
        descriptor.kind == exchange.provider || host(descriptor) == exchange.provider || is_azure(descriptor)
    });
    match known {
        Some(descriptor) if descriptor.quirks.azure_paths && exchange.path.contains("/deployments/") => {
            (DEPLOYMENTS, descriptor)
        }
        Some(descriptor) => (descriptor.kind, descriptor),
        None => custom(),
    }
}

/// The provider that stands for all that are not known by name.
pub(super) fn custom() -> Standing {
    let custom = DESCRIPTORS.iter().find(|descriptor| descriptor.kind == "custom");
    ("custom", custom.expect("any server can be a provider"))
}

/// Azure with a path for each deployment.
const DEPLOYMENTS: &str = "azure-deployments";

/// The part of the configuration that names every kind of provider, each below the path that its own address has.
fn providers(upstream: &str) -> String {
    let mut config = "providers:\n".to_owned();
    for descriptor in DESCRIPTORS {
        let (kind, path) = (descriptor.kind, base_path(descriptor));
        config += &format!("  {kind}: {{ kind: {kind}, base_url: \"{upstream}{path}\", api_key: {PROVIDER_KEY} }}\n");
    }
    config
        + &format!(
            "  {DEPLOYMENTS}: {{ kind: azure, base_url: \"{upstream}\", api_key: {PROVIDER_KEY}, api_version: \"2024-10-21\" }}\n"
        )
}

/// The path of a provider's own address. One's own server has none, so that a pass-through reaches all of it.
pub(super) fn base_path(descriptor: &Descriptor) -> &'static str {
    let rest = descriptor.base_url.and_then(|url| url.split("://").nth(1)).unwrap_or_default();
    rest.find('/').map_or("", |at| &rest[at..])
}

impl Play {
    /// What the upstream answers: what is recorded if the request is what it should be, and a complaint if not.
    fn reply(&self, request: &Received) -> Reply {
        match self.complaint(request) {
            Some(complaint) => Reply::error(599, &complaint),
            None => {
                let start = Reply::new(self.exchange.status).header("content-type", &self.exchange.content_type);
                let reply = pieces(&self.body, self.cuts.clone()).into_iter().fold(start, Reply::bytes);
                if self.breaks { reply.step(Step::Cut) } else { reply }
            }
        }
    }

    fn complaint(&self, request: &Received) -> Option<String> {
        let path = match self.arrives.path.strip_prefix('…') {
            Some(end) => request.path().ends_with(end),
            None => request.path_and_query == self.arrives.path,
        };
        if !path {
            return Some(format!("{} arrived, not {}", request.path_and_query, self.arrives.path));
        }
        let plain = |body| numbered_ids(without_usage_option(body));
        let expected = self.arrives.body.clone().map(plain);
        let arrived = expected.as_ref().map(|_| plain(request.json()));
        (arrived != expected).then(|| format!("another request arrived: {}", request.json()))
    }
}

/// A request whose ids of tool calls are numbers in the order in which they appear: some servers demand a form of them that
/// the gateway gives them, so only which are the same is compared.
fn numbered_ids(mut request: Value) -> Value {
    let mut known: Vec<String> = Vec::new();
    let mut number = |id: &mut Value| {
        let Some(text) = id.as_str().map(str::to_owned) else { return };
        let at = known.iter().position(|known| *known == text).unwrap_or_else(|| {
            known.push(text);
            known.len() - 1
        });
        *id = at.into();
    };
    for message in request["messages"].as_array_mut().into_iter().flatten() {
        message["tool_calls"].as_array_mut().into_iter().flatten().for_each(|call| number(&mut call["id"]));
        if let Some(id) = message.get_mut("tool_call_id") {
            number(id);
        }
    }
    request
}

/// A request without what asks for the usage chunk.
fn without_usage_option(mut request: Value) -> Value {
    if let Some(options) = request.get_mut("stream_options").and_then(Value::as_object_mut) {
        options.remove("include_usage");
        if options.is_empty() {
            request.as_object_mut().map(|request| request.remove("stream_options"));
        }
    }
    request
}
