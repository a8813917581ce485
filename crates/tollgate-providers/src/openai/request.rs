//! The outgoing request: address, headers, edited body.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tollgate_core::{Body, Context, Error, ErrorKind, Operation, Request, Secret};
use tollgate_protocols::openai::{ask_for_stream_usage, set_model};

use super::adapter::Inner;
use super::builder::BuildError;
use super::keys::PickedKey;
use crate::Descriptor;

/// A body of up to this size is joined with its edits, since one write is cheaper than a copy; a larger one is sent in
/// pieces, without being copied.
const JOIN_UP_TO: usize = 64 * 1024;

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where a provider lives, taken apart once.
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// The base path, without a slash at its end.
    base: String,
    azure: Option<Azure>,
    chat: Uri,
    completions: Uri,
    embeddings: Uri,
    responses: Uri,
}

/// An Azure resource with an API version has a path for each deployment.
struct Azure {
    api_version: String,
}

/// What the answer to a request should look like, and where to note what it says.
#[derive(Clone)]
pub(super) struct Expected {
    pub(super) operation: Operation,
    pub(super) stream: bool,
    /// Whether the client asked for the usage chunk itself.
    pub(super) client_asked_usage: bool,
    pub(super) estimated_input: u64,
    /// Whether an answer may have cost tokens: not what is only looked up, and not what was refused.
    pub(super) generates: bool,
    pub(super) context: Context,
    /// The key that was sent. Some providers quote it in the error that refuses it.
    pub(super) key: Option<Secret>,
}

impl Expected {
    /// Takes the key out of a text that a provider sent.
    pub(super) fn redact(&self, text: Bytes) -> Bytes {
        redact(text, self.key.as_ref())
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

impl Address {
    pub(super) fn parse(url: &str, descriptor: &Descriptor, api_version: Option<String>) -> Result<Self, BuildError> {
        let fault = |message: &str| BuildError::new("base_url", message);
        let uri: Uri = url.parse().map_err(|_| fault("is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let scheme = scheme.ok_or_else(|| fault("must begin with http:// or https://"))?;
        let authority = parts.authority.ok_or_else(|| fault("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(fault("must not hold credentials; use api_key"));
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/');
        let base = match &api_version {
            _ if !descriptor.quirks.azure_paths => path.to_owned(),
            Some(_) => format!("{}/openai", path.trim_end_matches("/v1").trim_end_matches("/openai")),
            None if path.ends_with("/openai/v1") => path.to_owned(),
            None => format!("{path}/openai/v1"),
        };
        let at = |path: &str| join(&scheme, &authority, &format!("{base}{path}"));
        Ok(Self {
            chat: at("/chat/completions")?,
            completions: at("/completions")?,
            embeddings: at("/embeddings")?,
            responses: at("/responses")?,
            azure: api_version.filter(|_| descriptor.quirks.azure_paths).map(|api_version| Azure { api_version }),
            scheme,
            authority,
            base,
        })
    }

    /// The `Host` header; the client would write it anew for every request.
    pub(super) fn host(&self) -> Option<HeaderValue> {
        let default_port = if self.is_https() { 443 } else { 80 };
        let host = match self.authority.port_u16() {
            Some(port) if port != default_port => self.authority.as_str(),
            _ => self.authority.host(),
        };
        HeaderValue::from_str(host).ok()
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The address of the list of models.
    pub(super) fn models(&self) -> Result<Uri, BuildError> {
        let query = self.azure.as_ref().map(|azure| format!("?api-version={}", azure.api_version)).unwrap_or_default();
        join(&self.scheme, &self.authority, &format!("{}/models{query}", self.base))
    }

    fn operation(&self, operation: Operation, model: &str) -> Result<Uri, BuildError> {
        let fixed = match operation {
            Operation::Completions => &self.completions,
            Operation::Embeddings => &self.embeddings,
            Operation::Responses => &self.responses,
            _ => &self.chat,
        };
        let Some(azure) = self.azure.as_ref().filter(|_| operation != Operation::Responses) else {
            return Ok(fixed.clone());
        };
        let path = format!(
            "{}/deployments/{}{}?api-version={}",
            self.base,
            utf8_percent_encode(model, SEGMENT),
            &fixed.path()[self.base.len()..],
            azure.api_version,
        );
        join(&self.scheme, &self.authority, &path)
    }

    /// The address of a pass-through, and whether it is at the server's root. The path may repeat the last segment of the
    /// base address, since some clients write `/p/openai/chat/completions` and some `/p/openai/v1/chat/completions`.
    fn passthrough(&self, descriptor: &Descriptor, path: &str) -> Result<(Uri, bool), BuildError> {
        let first = path.split(['/', '?']).next().unwrap_or_default();
        let (parent, last) = self.base.rsplit_once('/').unwrap_or(("", ""));
        let at_root = descriptor.quirks.root_paths.contains(&first);
        let base = match () {
            // The only prefix that these bases have is the version, or Gemini's layer for OpenAI's clients.
            () if at_root => "",
            () if !last.is_empty() && first == last => parent,
            () => &self.base,
        };
        Ok((join(&self.scheme, &self.authority, &format!("{base}/{path}"))?, at_root))
    }
}

fn join(scheme: &Scheme, authority: &Authority, path: &str) -> Result<Uri, BuildError> {
    Uri::builder()
        .scheme(scheme.clone())
        .authority(authority.clone())
        .path_and_query(path)
        .build()
        .map_err(|_| BuildError::new("base_url", "gives no valid address"))
}

/// The request to send, and what to expect of its answer.
pub(super) fn build_request(
    provider: &Inner,
    mut request: Request,
    key: Option<PickedKey<'_>>,
) -> Result<(http::Request<Body>, Expected), Error> {
    let model = request.target.as_ref().map(|target| target.model.clone()).unwrap_or_default();
    let (method, uri, at_root) = match &request.passthrough {
        None => {
            set_model(&mut request, &model);
            let uri = provider.address.operation(request.operation, &model).map_err(|error| bad_address(&error))?;
            (Method::POST, uri, false)
        }
        Some(passthrough) => {
            let (uri, at_root) = provider
                .address
                .passthrough(&provider.descriptor, &passthrough.path_and_query)
                .map_err(|error| bad_address(&error))?;
            (passthrough.method.clone(), uri, at_root)
        }
    };
    let expected = expect(provider, &mut request, key);
    let mut headers = if expected.operation == Operation::Passthrough {
        passthrough_headers(provider, request.headers)
    } else {
        operation_headers(provider, request.headers)
    };
    if let Some(key) = key {
        key.sign(&mut headers, at_root);
    }
    let body = if request.edits.edited_len(&request.body) <= JOIN_UP_TO {
        request.edits.apply(&request.body).into()
    } else {
        Body::pieces(request.edits.pieces(&request.body))
    };
    let mut outgoing = http::Request::new(body);
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = headers;
    Ok((outgoing, expected))
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
        last = name.or(last);
        if let Some(name) = last.as_ref().filter(|name| !provider.headers.contains_key(*name)) {
            headers.append(name.clone(), value);
        }
    }
    headers
}

fn expect(provider: &Inner, request: &mut Request, key: Option<PickedKey<'_>>) -> Expected {
    let has_usage_chunk = matches!(request.operation, Operation::ChatCompletions | Operation::Completions);
    let client_asked_usage = request.head.asks_for_stream_usage();
    if has_usage_chunk && request.is_streamed() && !client_asked_usage && provider.descriptor.quirks.stream_usage {
        ask_for_stream_usage(request);
    }
    Expected {
        operation: request.operation,
        stream: request.is_streamed(),
        client_asked_usage,
        estimated_input: request.head.estimated_input(),
        generates: request.passthrough.as_ref().is_none_or(|passthrough| passthrough.method == Method::POST),
        context: request.context.clone(),
        key: key.map(|key| key.secret.clone()),
    }
}

fn bad_address(error: &BuildError) -> Error {
    Error::new(ErrorKind::InvalidRequest, format!("The request leads to no valid address: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor;

    fn address(kind: &str, url: &str, api_version: Option<&str>) -> Address {
        Address::parse(url, descriptor(kind).unwrap(), api_version.map(str::to_owned)).unwrap()
    }

    #[track_caller]
    fn check_passthrough(kind: &str, url: &str, path: &str, expect: &str, root: bool) {
        let (uri, at_root) = address(kind, url, None).passthrough(descriptor(kind).unwrap(), path).unwrap();
        assert_eq!((uri.to_string().as_str(), at_root), (expect, root));
    }

    #[test]
    fn operations_stand_below_the_base() {
        for url in ["http://h:1/v1", "http://h:1/v1/"] {
            let uri = address("openai", url, None).operation(Operation::ChatCompletions, "m").unwrap();
            assert_eq!(uri, "http://h:1/v1/chat/completions");
        }
        let uri = address("deepseek", "https://h", None).operation(Operation::Embeddings, "m").unwrap();
        assert_eq!(uri, "https://h/embeddings");
    }

    #[test]
    fn azure_has_deployments_or_v1() {
        for url in ["https://r.example", "https://r.example/openai", "https://r.example/openai/v1"] {
            let uri =
                address("azure", url, Some("2024-10-21")).operation(Operation::ChatCompletions, "my dep/1").unwrap();
            assert_eq!(
                uri,
                "https://r.example/openai/deployments/my%20dep%2F1/chat/completions?api-version=2024-10-21"
            );
        }
        for url in ["https://r.example", "https://r.example/openai/v1/"] {
            let uri = address("azure", url, None).operation(Operation::Responses, "m").unwrap();
            assert_eq!(uri, "https://r.example/openai/v1/responses");
        }
    }

    #[test]
    fn a_pass_through_may_repeat_the_version_or_go_to_the_root() {
        check_passthrough("openai", "http://h/v1", "models?x=1", "http://h/v1/models?x=1", false);
        check_passthrough("openai", "http://h/v1", "v1/models", "http://h/v1/models", false);
        check_passthrough("ollama", "http://h/v1", "api/chat", "http://h/api/chat", true);
        check_passthrough("deepseek", "http://h", "beta/completions", "http://h/beta/completions", false);
        let gemini = "https://g/v1beta/openai";
        check_passthrough(
            "gemini",
            gemini,
            "v1beta/models/m:generateContent",
            "https://g/v1beta/models/m:generateContent",
            true,
        );
        check_passthrough("gemini", gemini, "chat/completions", "https://g/v1beta/openai/chat/completions", false);
    }

    #[test]
    fn what_is_no_base_url() {
        for url in ["", "not a url", "ftp://h", "/v1", "http://user:pass@h/v1"] {
            assert!(Address::parse(url, descriptor("openai").unwrap(), None).is_err(), "{url}");
        }
    }
}
