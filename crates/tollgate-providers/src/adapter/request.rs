//! The outgoing request: headers and edited body.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tollgate_core::ir::Protocol;
use tollgate_core::{Body, Context, Error, ErrorKind, Operation, Request, Secret};
use tollgate_protocols::anthropic_messages::request::{Platform, for_platform};
use tollgate_protocols::billing::Billing;
use tollgate_protocols::codec::{MaxTokensField, model_gates};
use tollgate_protocols::openai::{adapt_chat, ask_for_stream_usage, name_max_tokens, set_model};

use super::builder::BuildError;
use super::keys::{PickedKey, Unsigned};
use super::provider::Inner;
use crate::Api;

/// A body of up to this size is joined with its edits, since one write is cheaper than a copy; a larger one is sent in
/// pieces, without being copied.
const JOIN_UP_TO: usize = 64 * 1024;

/// What the answer to a request should look like, and where to note what it says.
#[derive(Clone)]
pub(super) struct Expected {
    pub(super) operation: Operation,
    /// The protocol of the answer.
    pub(super) protocol: Protocol,
    pub(super) stream: bool,
    /// Whether the client asked for the usage chunk itself.
    pub(super) client_asked_usage: bool,
    pub(super) estimated_input: u64,
    /// Whether an answer may have cost tokens: not what is only looked up, and not what was refused.
    pub(super) generates: bool,
    /// Whether the provider's own figure of the cost is believed.
    pub(super) reports_cost: bool,
    pub(super) context: Context,
    /// The secret that was sent. Some providers quote it in the error that refuses it.
    pub(super) key: Option<Secret>,
}

impl Expected {
    /// Takes the key out of a text that a provider sent.
    pub(super) fn redact(&self, text: Bytes) -> Bytes {
        redact(text, self.key.as_ref())
    }

    /// Writes down what the provider says of what it charges. What is only looked up was charged when it was made.
    pub(super) fn note_billing(&self, said: &Billing) {
        let reported = said.reported_cost.filter(|_| self.reports_cost && self.generates);
        if said.service_tier.is_none() && reported.is_none() {
            return;
        }
        self.context.observe(|observed| {
            if said.service_tier.is_some() {
                observed.service_tier.clone_from(&said.service_tier);
            }
            observed.reported_cost = reported.or(observed.reported_cost);
        });
    }
}

/// Takes a secret out of a text.
pub(super) fn redact(text: Bytes, secret: Option<&Secret>) -> Bytes {
    match secret.map(Secret::expose).filter(|secret| !secret.is_empty()) {
        Some(secret) if memchr::memmem::find(&text, secret.as_bytes()).is_some() => {
            String::from_utf8_lossy(&text).replace(secret, "***").into()
        }
        _ => text,
    }
}

/// A request that lacks nothing but the proof of who sends it.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Content,
    /// Whether the provider wants the key there as at the server's root.
    pub(super) at_root: bool,
}

/// A body, in one piece or in several.
pub(super) enum Content {
    Whole(Bytes),
    Pieces(Body),
}

impl Outgoing {
    /// The request as it is sent, and the secret that is in it.
    pub(super) async fn sign(self, key: Option<PickedKey<'_>>) -> Result<(http::Request<Body>, Option<Secret>), Error> {
        let Self { method, uri, mut headers, body, at_root } = self;
        let mut secret = None;
        if let Some(key) = key {
            let whole = match &body {
                Content::Whole(body) => body.clone(),
                Content::Pieces(_) => Bytes::new(),
            };
            let unsigned = Unsigned { method: &method, uri: &uri, headers: &mut headers, body: &whole, at_root };
            secret = key.sign(unsigned).await?;
        }
        let mut request = http::Request::new(match body {
            Content::Whole(body) => body.into(),
            Content::Pieces(body) => body,
        });
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((request, secret))
    }
}

/// The request to send, and what to expect of its answer. `signs_body` if the body has to be in one piece.
pub(super) fn build_request(
    provider: &Inner,
    mut request: Request,
    signs_body: bool,
) -> Result<(Outgoing, Expected), Error> {
    let model = request.target.as_ref().map(|target| target.model.clone()).unwrap_or_default();
    let (method, uri, at_root) = match &request.passthrough {
        Some(passthrough) if request.operation == Operation::Passthrough => {
            let (uri, at_root) = provider
                .address
                .passthrough(&provider.descriptor, &passthrough.path_and_query)
                .map_err(|error| bad_address(&error))?;
            // Gemini's layer for OpenAI's clients wants the key as those send it.
            (passthrough.method.clone(), uri, at_root && passthrough.path_and_query.contains("/openai/"))
        }
        _ => {
            name_model(provider, &mut request, &model);
            let uri = provider.address.operation(&request, &model).map_err(|error| bad_address(&error))?;
            (Method::POST, uri, false)
        }
    };
    let expected = expect(provider, &mut request);
    let is_vertex_claude = provider.descriptor.api == Api::Vertex && is_claude(&request);
    let headers = if expected.operation == Operation::Passthrough || expected.operation.is_forwarded() {
        passthrough_headers(provider, request.headers)
    } else {
        operation_headers(provider, request.headers)
    };
    let body = if is_vertex_claude {
        // The address names the model already.
        let body = for_platform(&request.edits.apply(&request.body), Platform::Vertex)?;
        Content::Whole(body.into())
    } else if signs_body || request.edits.edited_len(&request.body) <= JOIN_UP_TO {
        Content::Whole(request.edits.apply(&request.body))
    } else {
        Content::Pieces(Body::pieces(request.edits.pieces(&request.body)))
    };
    Ok((Outgoing { method, uri, headers, body, at_root }, expected))
}

/// Whether a request is in Anthropic's protocol and not only about the number of tokens: where those are counted, the body
/// names the model as always.
fn is_claude(request: &Request) -> bool {
    request.protocol == Protocol::AnthropicMessages && request.operation.is_conversation()
}

/// A pass-through keeps what its client says, but for what is configured.
fn passthrough_headers(provider: &Inner, client: HeaderMap) -> HeaderMap {
    let mut headers = client;
    for (name, value) in &provider.default_headers {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    for (name, value) in &provider.headers {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// An operation's headers are the same for every request, but for the few that its client may add. A copy of a finished map
/// costs less than making one.
fn operation_headers(provider: &Inner, client: HeaderMap) -> HeaderMap {
    let mut headers = provider.operation_headers.clone();
    let mut last = None;
    for (name, value) in client {
        // Only the first of several values comes with its name.
        let is_first = name.is_some();
        last = name.or(last);
        let Some(name) = last.as_ref().filter(|name| !provider.headers.contains_key(*name)) else { continue };
        if is_first {
            headers.insert(name.clone(), value);
        } else {
            headers.append(name.clone(), value);
        }
    }
    headers
}

/// Writes the model's name where the protocol has it in the body, and the limit on tokens as the server calls it.
fn name_model(provider: &Inner, request: &mut Request, model: &str) {
    if let Some(field) = form_field(request) {
        // A form has the name as it is. One with a line end would end the field.
        if !model.contains(['\r', '\n']) {
            request.edits.replace(field, model.to_owned());
        }
    } else if !matches!(request.protocol, Protocol::GeminiGenerate | Protocol::BedrockConverse) {
        set_model(request, model);
    }
    if request.operation == Operation::ChatCompletions && request.protocol == Protocol::OpenAiChat {
        let dialect = &provider.descriptor.dialect;
        let refuses_plain = model_gates(model).refuses_max_tokens;
        // Azure serves other makers' models, which know only the older name.
        let is_foreign = provider.descriptor.quirks.azure_paths
            && OTHER_MAKERS.iter().any(|maker| model.to_ascii_lowercase().starts_with(maker));
        match dialect.max_tokens {
            MaxTokensField::Completion if is_foreign => name_max_tokens(request, "max_tokens"),
            MaxTokensField::Completion if refuses_plain => name_max_tokens(request, "max_completion_tokens"),
            MaxTokensField::Plain if !refuses_plain => name_max_tokens(request, "max_tokens"),
            _ => {}
        }
        if request.head.object_end.is_some() {
            // What a codec has written fits already.
            adapt_chat(request, dialect);
        }
    }
}

/// Where the model stands in a form; `None` in JSON, where it has quotes.
fn form_field(request: &Request) -> Option<std::ops::Range<usize>> {
    let span = request.head.model.as_ref()?.span.clone();
    let is_form = request.operation.is_forwarded() && request.body.get(span.start).is_some_and(|byte| *byte != b'"');
    is_form.then_some(span)
}

/// How names of models begin that are not OpenAI's, where OpenAI's API serves them.
const OTHER_MAKERS: [&str; 7] = ["mistral", "ministral", "codestral", "llama", "meta-llama", "phi-", "cohere"];

fn expect(provider: &Inner, request: &mut Request) -> Expected {
    let has_usage_chunk = request.protocol == Protocol::OpenAiChat
        && matches!(request.operation, Operation::ChatCompletions | Operation::Completions);
    let client_asked_usage = request.head.asks_for_stream_usage();
    if has_usage_chunk && request.is_streamed() && !client_asked_usage && provider.descriptor.quirks.stream_usage {
        ask_for_stream_usage(request);
    }
    Expected {
        operation: request.operation,
        protocol: request.protocol,
        stream: request.is_streamed(),
        client_asked_usage,
        estimated_input: request.head.estimated_input(),
        generates: request.passthrough.as_ref().is_none_or(|passthrough| passthrough.method == Method::POST),
        reports_cost: provider.descriptor.quirks.reports_cost,
        context: request.context.clone(),
        key: None,
    }
}

fn bad_address(error: &BuildError) -> Error {
    Error::new(ErrorKind::InvalidRequest, format!("The request leads to no valid address: {error}."))
}
