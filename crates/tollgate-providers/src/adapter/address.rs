//! Where a provider's operations are.

use http::HeaderValue;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tollgate_core::ir::Protocol;
use tollgate_core::{Operation, Request};

use super::builder::BuildError;
use crate::{Api, Descriptor};

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Google's names of models have their version behind an `@`.
const NAME: &AsciiSet = &SEGMENT.remove(b'@');

/// Where a provider lives, taken apart once.
pub(super) struct Address {
    api: Api,
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
            _ if !descriptor.quirks.azure_paths => base_path(descriptor.api, path),
            Some(_) => format!("{}/openai", path.trim_end_matches("/v1").trim_end_matches("/openai")),
            None if path.ends_with("/openai/v1") => path.to_owned(),
            None => format!("{path}/openai/v1"),
        };
        // What stands beside Ollama's own API is compatible with OpenAI's.
        let openai = if descriptor.api == Api::Ollama { format!("{base}/v1") } else { base.clone() };
        let at = |path: &str| join(&scheme, &authority, &format!("{openai}{path}"));
        Ok(Self {
            api: descriptor.api,
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

    /// The address of the list of models; `None` where there is none to ask for.
    pub(super) fn models(&self) -> Result<Option<Uri>, BuildError> {
        let path = match self.api {
            Api::Ollama => format!("{}/api/tags", self.base),
            Api::Cohere => "/v1/models?page_size=1000".to_owned(),
            Api::Anthropic => format!("{}/models?limit=1000", self.base),
            Api::Gemini => format!("{}/models?pageSize=1000", self.base),
            Api::Vertex | Api::Bedrock => return Ok(None),
            Api::OpenAi => {
                let version = self.azure.as_ref().map(|azure| format!("?api-version={}", azure.api_version));
                format!("{}/models{}", self.base, version.unwrap_or_default())
            }
        };
        join(&self.scheme, &self.authority, &path).map(Some)
    }

    /// The address of a request's operation, for the model as the provider calls it.
    pub(super) fn operation(&self, request: &Request, model: &str) -> Result<Uri, BuildError> {
        if request.operation.is_forwarded() {
            let path = request.passthrough.as_ref().map(|forwarded| &*forwarded.path_and_query).unwrap_or_default();
            return self.below(&format!("/{path}"), model);
        }
        match self.api {
            Api::OpenAi => self.openai(request.operation, model),
            Api::Ollama if request.operation == Operation::Completions => Ok(self.completions.clone()),
            Api::Anthropic => self.at(match request.operation {
                Operation::CountTokens => "/messages/count_tokens",
                _ => "/messages",
            }),
            Api::Cohere => self.at(if request.operation == Operation::Embeddings { "/embed" } else { "/chat" }),
            Api::Ollama => self.at(if request.operation == Operation::Embeddings { "/api/embed" } else { "/api/chat" }),
            Api::Gemini | Api::Vertex => self.at(&google_path(self.api, request, model)),
            Api::Bedrock => {
                let method = match request.operation {
                    Operation::CountTokens => "count-tokens",
                    _ if request.is_streamed() => "converse-stream",
                    _ => "converse",
                };
                self.at(&format!("/model/{}/{method}", utf8_percent_encode(model, SEGMENT)))
            }
        }
    }

    fn openai(&self, operation: Operation, model: &str) -> Result<Uri, BuildError> {
        let fixed = match operation {
            Operation::Completions => &self.completions,
            Operation::Embeddings => &self.embeddings,
            Operation::Responses => &self.responses,
            Operation::CountTokens => return self.at("/responses/input_tokens"),
            _ => &self.chat,
        };
        if self.azure.is_none() || operation == Operation::Responses {
            return Ok(fixed.clone());
        }
        self.below(&fixed.path()[self.base.len()..], model)
    }

    /// A path below the base address, or below a deployment where the provider has those.
    fn below(&self, path: &str, model: &str) -> Result<Uri, BuildError> {
        let Some(azure) = &self.azure else { return self.at(path) };
        let path = format!(
            "{}/deployments/{}{path}?api-version={}",
            self.base,
            utf8_percent_encode(model, SEGMENT),
            azure.api_version,
        );
        join(&self.scheme, &self.authority, &path)
    }

    fn at(&self, path: &str) -> Result<Uri, BuildError> {
        join(&self.scheme, &self.authority, &format!("{}{path}", self.base))
    }

    /// The address of a pass-through, and whether it is at the server's root. The path may repeat the last segment of the
    /// base address, since some clients write `/p/openai/chat/completions` and some `/p/openai/v1/chat/completions`.
    pub(super) fn passthrough(&self, descriptor: &Descriptor, path: &str) -> Result<(Uri, bool), BuildError> {
        let first = path.split(['/', '?']).next().unwrap_or_default();
        let (parent, last) = self.base.rsplit_once('/').unwrap_or(("", ""));
        let at_root = descriptor.quirks.root_paths.contains(&first);
        let base = match () {
            // The only prefix that these bases have is the version.
            () if at_root => "",
            () if !last.is_empty() && first == last => parent,
            () => &self.base,
        };
        Ok((join(&self.scheme, &self.authority, &format!("{base}/{path}"))?, at_root))
    }
}

/// The path that operations stand below. SDKs differ in whether the version belongs to the base address, so it may be left
/// out; a path of one's own is kept.
fn base_path(api: Api, path: &str) -> String {
    match (api, path) {
        (Api::Anthropic, "") => "/v1".to_owned(),
        (Api::Gemini, "") => "/v1beta".to_owned(),
        (Api::Gemini, path) => path.trim_end_matches("/openai").to_owned(),
        (Api::Cohere, "") => "/v2".to_owned(),
        (Api::Ollama, path) => path.trim_end_matches("/v1").to_owned(),
        (_, path) => path.to_owned(),
    }
}

/// Google's paths name the model, and then what is to be done.
fn google_path(api: Api, request: &Request, model: &str) -> String {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let (publisher, name) = match model.split_once('/') {
        _ if api == Api::Gemini => ("", model),
        Some((publisher, name)) => (publisher, name),
        None if model.contains("claude") => ("anthropic", model),
        None => ("google", model),
    };
    let name = utf8_percent_encode(name, NAME);
    if api == Api::Vertex && request.protocol == Protocol::AnthropicMessages {
        let method = if request.is_streamed() { "streamRawPredict" } else { "rawPredict" };
        return match request.operation {
            Operation::CountTokens => format!("/publishers/{publisher}/models/count-tokens:rawPredict"),
            _ => format!("/publishers/{publisher}/models/{name}:{method}"),
        };
    }
    // Google's own clients say themselves whether they embed one text or many.
    let asked = request.passthrough.as_ref().map(|asked| &*asked.path_and_query);
    let method = match request.operation {
        Operation::Embeddings => asked.unwrap_or("batchEmbedContents"),
        Operation::CountTokens => "countTokens",
        _ if request.is_streamed() => "streamGenerateContent?alt=sse",
        _ => "generateContent",
    };
    match api {
        Api::Vertex => format!("/publishers/{publisher}/models/{name}:{method}"),
        _ => format!("/models/{name}:{method}"),
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tollgate_core::{Context, Head};

    use super::*;
    use crate::descriptor;

    fn address(kind: &str, url: &str, api_version: Option<&str>) -> Address {
        Address::parse(url, descriptor(kind).unwrap(), api_version.map(str::to_owned)).unwrap()
    }

    fn request(operation: Operation, protocol: Protocol, stream: bool) -> Request {
        let head = Head { stream, ..Head::default() };
        let mut request = Request::new(operation, head, Bytes::new(), Context::builder("r").build());
        request.protocol = protocol;
        request
    }

    #[track_caller]
    fn check(address: &Address, operation: Operation, stream: bool, model: &str, expect: &str) {
        let protocol = if model.contains("claude") { Protocol::AnthropicMessages } else { operation.protocol() };
        let uri = address.operation(&request(operation, protocol, stream), model).unwrap();
        assert_eq!(uri.to_string(), expect);
    }

    #[track_caller]
    fn check_passthrough(kind: &str, url: &str, path: &str, expect: &str, root: bool) {
        let (uri, at_root) = address(kind, url, None).passthrough(descriptor(kind).unwrap(), path).unwrap();
        assert_eq!((uri.to_string().as_str(), at_root), (expect, root));
    }

    #[test]
    fn operations_stand_below_the_base() {
        for url in ["http://h:1/v1", "http://h:1/v1/"] {
            let address = address("openai", url, None);
            check(&address, Operation::ChatCompletions, false, "m", "http://h:1/v1/chat/completions");
        }
        check(&address("deepseek", "https://h", None), Operation::Embeddings, false, "m", "https://h/embeddings");
    }

    #[test]
    fn every_api_has_its_own_paths() {
        use Operation::{ChatCompletions, CountTokens, Embeddings, GenerateContent, Messages};
        for url in ["http://h", "http://h/v1"] {
            check(&address("anthropic", url, None), Messages, true, "claude", "http://h/v1/messages");
            check(&address("anthropic", url, None), CountTokens, false, "claude", "http://h/v1/messages/count_tokens");
        }
        for url in ["http://h", "http://h/v1beta", "http://h/v1beta/openai"] {
            let address = address("gemini", url, None);
            let stream = "http://h/v1beta/models/g:streamGenerateContent?alt=sse";
            check(&address, GenerateContent, true, "models/g", stream);
            check(&address, Embeddings, false, "e", "http://h/v1beta/models/e:batchEmbedContents");
        }
        let address_of = |kind, url| address(kind, url, None);
        let bedrock = address_of("bedrock", "http://h");
        let encoded = "http://h/model/us.anthropic.x-v1%3A0/converse-stream";
        check(&bedrock, ChatCompletions, true, "us.anthropic.x-v1:0", encoded);
        let vertex = address_of("vertex", "http://h/v1/projects/p/locations/l");
        let base = "http://h/v1/projects/p/locations/l/publishers";
        check(&vertex, GenerateContent, false, "gemini-3", &format!("{base}/google/models/gemini-3:generateContent"));
        let claude = format!("{base}/anthropic/models/claude-x@1:streamRawPredict");
        check(&vertex, Messages, true, "claude-x@1", &claude);
        for url in ["http://h", "http://h/v1"] {
            check(&address_of("ollama", url), ChatCompletions, false, "m", "http://h/api/chat");
            check(&address_of("ollama", url), Operation::Completions, false, "m", "http://h/v1/completions");
        }
        check(&address_of("cohere", "http://h"), ChatCompletions, false, "m", "http://h/v2/chat");
    }

    #[test]
    fn azure_has_deployments_or_v1() {
        for url in ["https://r.example", "https://r.example/openai", "https://r.example/openai/v1"] {
            let expect = "https://r.example/openai/deployments/my%20dep%2F1/chat/completions?api-version=2024-10-21";
            let address = address("azure", url, Some("2024-10-21"));
            check(&address, Operation::ChatCompletions, false, "my dep/1", expect);
        }
        for url in ["https://r.example", "https://r.example/openai/v1/"] {
            let address = address("azure", url, None);
            check(&address, Operation::Responses, false, "m", "https://r.example/openai/v1/responses");
        }
    }

    #[test]
    fn a_pass_through_may_repeat_the_version_or_go_to_the_root() {
        check_passthrough("openai", "http://h/v1", "models?x=1", "http://h/v1/models?x=1", false);
        check_passthrough("openai", "http://h/v1", "v1/models", "http://h/v1/models", false);
        check_passthrough("ollama", "http://h/v1", "api/chat", "http://h/api/chat", true);
        check_passthrough("ollama", "http://h", "v1/chat/completions", "http://h/v1/chat/completions", false);
        check_passthrough("anthropic", "http://h", "v1/messages", "http://h/v1/messages", false);
        check_passthrough("deepseek", "http://h", "beta/completions", "http://h/beta/completions", false);
        let generate = "https://g/v1beta/models/m:generateContent";
        check_passthrough("gemini", "https://g/v1beta", "v1beta/models/m:generateContent", generate, true);
        let layer = "https://g/v1beta/openai/chat/completions";
        check_passthrough("gemini", "https://g/v1beta/openai", "openai/chat/completions", layer, false);
    }

    #[test]
    fn what_is_no_base_url() {
        for url in ["", "not a url", "ftp://h", "/v1", "http://user:pass@h/v1"] {
            assert!(Address::parse(url, descriptor("openai").unwrap(), None).is_err(), "{url}");
        }
    }
}
