//! Which door a path leads to.

use std::borrow::Cow;

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use tollgate_core::ir::Protocol;
use tollgate_core::{Error, ErrorKind, Operation};

/// A door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door<'a> {
    Operation(Entry<'a>),
    ListModels,
    /// The id, still percent-encoded.
    DescribeModel(&'a str),
    /// What Ollama's clients ask for before they trust a server.
    OllamaVersion,
    Passthrough {
        provider: &'a str,
        /// The path below the provider, without a leading slash.
        path: &'a str,
    },
}

/// What a path says of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) operation: Operation,
    pub(crate) protocol: Protocol,
    /// The model, where the path names it.
    pub(crate) model: Option<Cow<'a, str>>,
    /// Whether a stream is asked for, where the path says so.
    pub(crate) stream: Option<bool>,
    /// The rest of the path that the operation needs: a stored response and what is to be done with it, the kind of
    /// picture or sound.
    pub(crate) rest: &'a str,
}

impl<'a> Entry<'a> {
    fn new(operation: Operation) -> Self {
        Self { operation, protocol: operation.protocol(), model: None, stream: None, rest: "" }
    }

    fn by(operation: Operation, protocol: Protocol) -> Self {
        Self { protocol, ..Self::new(operation) }
    }

    fn forwarded(operation: Operation, path: &'a str) -> Self {
        Self { rest: path, ..Self::new(operation) }
    }
}

/// The protocol that a path's clients speak, whether or not there is a door; errors are told in it.
pub(crate) fn protocol(path: &str, headers: &HeaderMap) -> Protocol {
    let is_below = |start: &str| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match () {
        () if is_below("/v1/messages") => Protocol::AnthropicMessages,
        () if is_below("/v1/responses") => Protocol::OpenAiResponses,
        () if is_below("/v1beta") || gemini_method(path).is_some() => Protocol::GeminiGenerate,
        () if is_below("/api") => Protocol::OllamaChat,
        () if is_below("/v1/models") && headers.contains_key("anthropic-version") => Protocol::AnthropicMessages,
        () => Protocol::OpenAiChat,
    }
}

/// The door for a method and a path; the path is without the base path.
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Result<Door<'a>, Error> {
    if let Some(rest) = path.strip_prefix("/p/") {
        return passthrough(rest);
    }
    if let Some(entry) = gemini_method(path) {
        return allowed(&Method::POST, method, path, Door::Operation(entry));
    }
    if let Some(rest) = path.strip_prefix("/v1/responses/").filter(|rest| !rest.is_empty()) {
        return responses(method, path, rest);
    }
    let (expected, door) = match path {
        "/v1/models" | "/v1beta/models" | "/api/tags" => (Method::GET, Door::ListModels),
        "/api/version" => (Method::GET, Door::OllamaVersion),
        _ => match (post(path), described(path)) {
            (Some(entry), _) => (Method::POST, Door::Operation(entry)),
            (None, Some(id)) => (Method::GET, Door::DescribeModel(id)),
            (None, None) => return Err(nothing_at(path)),
        },
    };
    allowed(&expected, method, path, door)
}

fn described(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/v1/models/").or_else(|| path.strip_prefix("/v1beta/models/"))?;
    (!id.is_empty()).then_some(id)
}

fn post(path: &str) -> Option<Entry<'_>> {
    let forwarded = path.strip_prefix("/v1/").unwrap_or_default();
    Some(match path {
        "/v1/chat/completions" => Entry::new(Operation::ChatCompletions),
        "/v1/completions" => Entry::new(Operation::Completions),
        "/v1/embeddings" => Entry::new(Operation::Embeddings),
        "/v1/responses" => Entry::new(Operation::Responses),
        "/v1/messages" => Entry::new(Operation::Messages),
        "/v1/messages/count_tokens" => Entry::by(Operation::CountTokens, Protocol::AnthropicMessages),
        "/api/chat" => Entry::new(Operation::OllamaChat),
        "/api/embed" => Entry::by(Operation::Embeddings, Protocol::OllamaChat),
        "/v1/rerank" => Entry::forwarded(Operation::Rerank, forwarded),
        "/v1/moderations" => Entry::forwarded(Operation::Moderations, forwarded),
        "/v1/images/generations" | "/v1/images/edits" | "/v1/images/variations" => {
            Entry::forwarded(Operation::Images, forwarded)
        }
        "/v1/audio/speech" => Entry::forwarded(Operation::Speech, forwarded),
        "/v1/audio/transcriptions" | "/v1/audio/translations" => Entry::forwarded(Operation::Transcriptions, forwarded),
        _ => return None,
    })
}

/// What is kept of responses.
fn responses<'a>(method: &Method, path: &'a str, rest: &'a str) -> Result<Door<'a>, Error> {
    let stored = Entry { rest, ..Entry::new(Operation::StoredResponse) };
    match rest.split_once('/') {
        None if rest == "compact" => {
            let entry = Entry::forwarded(Operation::Compact, path.strip_prefix("/v1/").unwrap_or_default());
            allowed(&Method::POST, method, path, Door::Operation(entry))
        }
        None if rest == "input_tokens" => {
            let entry = Entry::by(Operation::CountTokens, Protocol::OpenAiResponses);
            allowed(&Method::POST, method, path, Door::Operation(entry))
        }
        None if method == Method::DELETE => Ok(Door::Operation(stored)),
        None | Some((_, "input_items")) => allowed(&Method::GET, method, path, Door::Operation(stored)),
        Some((_, "cancel")) => allowed(&Method::POST, method, path, Door::Operation(stored)),
        Some(_) => Err(nothing_at(path)),
    }
}

/// `/v1beta/models/MODEL:METHOD`, also below `/v1`, where one of Google's SDKs looks for it.
fn gemini_method(path: &str) -> Option<Entry<'_>> {
    let rest = path.strip_prefix("/v1beta/models/").or_else(|| path.strip_prefix("/v1/models/"))?;
    let (model, method) = rest.rsplit_once(':')?;
    let (operation, stream) = match method {
        "generateContent" => (Operation::GenerateContent, Some(false)),
        "streamGenerateContent" => (Operation::GenerateContent, Some(true)),
        "embedContent" | "batchEmbedContents" => (Operation::Embeddings, None),
        "countTokens" => (Operation::CountTokens, None),
        _ => return None,
    };
    // SDKs encode the slash of `provider/model` in a path.
    let model = percent_decode_str(model).decode_utf8_lossy();
    let rest = if operation == Operation::Embeddings { method } else { "" };
    Some(Entry { model: Some(model), stream, rest, ..Entry::by(operation, Protocol::GeminiGenerate) })
}

fn allowed<'a>(expected: &Method, method: &Method, path: &str, door: Door<'a>) -> Result<Door<'a>, Error> {
    if method == expected {
        return Ok(door);
    }
    let message = format!("{path} takes {expected}, not {method}.");
    Err(Error::new(ErrorKind::MethodNotAllowed, message))
}

fn nothing_at(path: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is nothing at {path}."))
}

fn passthrough(rest: &str) -> Result<Door<'_>, Error> {
    let (provider, path) = rest.split_once('/').unwrap_or((rest, ""));
    let climbs = path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == ".." || plain == "."
    });
    if climbs {
        // The provider's server would resolve it to a place that the base address was to keep out of reach.
        return Err(Error::invalid_request("The path must not have `.` or `..` segments.", None));
    }
    Ok(Door::Passthrough { provider, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors() {
        let post = |path| find(&Method::POST, path);
        assert_eq!(post("/v1/chat/completions").unwrap(), Door::Operation(Entry::new(Operation::ChatCompletions)));
        assert_eq!(find(&Method::GET, "/v1/models").unwrap(), Door::ListModels);
        assert_eq!(find(&Method::GET, "/v1/models/a/b%2Fc").unwrap(), Door::DescribeModel("a/b%2Fc"));
        assert_eq!(post("/p/openai/v1/x").unwrap(), Door::Passthrough { provider: "openai", path: "v1/x" });
        assert_eq!(post("/p/openai").unwrap(), Door::Passthrough { provider: "openai", path: "" });
        for (method, path, kind) in [
            (Method::GET, "/v1/chat/completions", ErrorKind::MethodNotAllowed),
            (Method::POST, "/v1/models", ErrorKind::MethodNotAllowed),
            (Method::POST, "/v1/nothing", ErrorKind::NotFound),
            (Method::POST, "/chat/completions", ErrorKind::NotFound),
            (Method::GET, "/p/openai/../secret", ErrorKind::InvalidRequest),
            (Method::GET, "/p/openai/a/%2E%2e/b", ErrorKind::InvalidRequest),
            (Method::GET, "/v1beta/models/m:generateContent", ErrorKind::MethodNotAllowed),
            (Method::GET, "/v1/responses/r/other", ErrorKind::NotFound),
        ] {
            assert_eq!(find(&method, path).unwrap_err().kind(), kind, "{path}");
        }
    }

    #[test]
    fn gemini_names_model_and_method_in_the_path() {
        for start in ["/v1", "/v1beta"] {
            let path = format!("{start}/models/acme%2Fm:1:streamGenerateContent");
            let Door::Operation(entry) = find(&Method::POST, &path).unwrap() else { panic!("an operation") };
            assert_eq!(entry.model.as_deref(), Some("acme/m:1"));
            assert_eq!((entry.operation, entry.stream), (Operation::GenerateContent, Some(true)));
        }
        assert_eq!(find(&Method::GET, "/v1/models/llama:8b").unwrap(), Door::DescribeModel("llama:8b"));
    }

    #[test]
    fn stored_responses() {
        for (method, path, operation) in [
            (Method::POST, "/v1/responses/compact", Operation::Compact),
            (Method::GET, "/v1/responses/r1", Operation::StoredResponse),
            (Method::DELETE, "/v1/responses/r1", Operation::StoredResponse),
            (Method::POST, "/v1/responses/r1/cancel", Operation::StoredResponse),
            (Method::GET, "/v1/responses/r1/input_items", Operation::StoredResponse),
            (Method::POST, "/v1/responses/input_tokens", Operation::CountTokens),
        ] {
            let Door::Operation(entry) = find(&method, path).unwrap() else { panic!("an operation") };
            assert_eq!(entry.operation, operation, "{path}");
        }
    }

    #[test]
    fn errors_are_told_in_the_protocol_of_the_path() {
        let none = HeaderMap::new();
        let mut anthropic = HeaderMap::new();
        anthropic.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
        for (path, headers, expect) in [
            ("/v1/messages/batches", &none, Protocol::AnthropicMessages),
            ("/v1beta/nothing", &none, Protocol::GeminiGenerate),
            ("/v1/models/m:generateContent", &none, Protocol::GeminiGenerate),
            ("/api/nothing", &none, Protocol::OllamaChat),
            ("/v1/responses", &none, Protocol::OpenAiResponses),
            ("/v1/models", &anthropic, Protocol::AnthropicMessages),
            ("/v1/models", &none, Protocol::OpenAiChat),
            ("/", &none, Protocol::OpenAiChat),
        ] {
            assert_eq!(protocol(path, headers), expect, "{path}");
        }
    }
}
