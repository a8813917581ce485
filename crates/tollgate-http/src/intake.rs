//! From an HTTP request to a domain request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use tollgate_core::{Context, Error, ErrorKind, Head, Identity, Located, Operation, Passthrough, Request, Secret, Tag};
use tollgate_protocols::json;
use tollgate_protocols::openai::{HeadLimits, read_head};

use crate::known::{KnownBodies, KnownBody};
use crate::routes::Entry;
use crate::{directives, headers, multipart};

/// Bounds on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// The largest body, in bytes. Defaults to 32 MiB.
    pub max_body: usize,
    /// How deeply JSON may be nested. Defaults to 128.
    pub max_json_depth: usize,
    /// How long a client may pause while it sends its body. Defaults to 30 seconds.
    pub body_idle: Duration,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self { max_body: 32 * 1024 * 1024, max_json_depth: 128, body_idle: Duration::from_secs(30) }
    }
}

const MAX_TAGS: usize = 16;
const MAX_TAG_LEN: usize = 128;

/// What is known of a client before its body is read.
pub(crate) struct Client {
    pub(crate) request_id: Arc<str>,
    pub(crate) credential: Option<Secret>,
    pub(crate) identity: Identity,
    pub(crate) received: std::time::Instant,
}

impl Client {
    fn context(self, headers: &HeaderMap) -> Result<Context, Error> {
        let tags = with_defaults(tags(headers)?, self.identity.tags.as_deref().unwrap_or_default());
        Ok(Context::received_then(self.request_id, self.received)
            .credential(self.credential)
            .identity(self.identity)
            .tags(tags)
            .build())
    }
}

/// The request of an operation's door.
pub(crate) fn operation(
    entry: &Entry<'_>,
    parts: &Parts,
    body: Bytes,
    client: Client,
    limits: DoorLimits,
    known: &dyn KnownBodies,
) -> Result<Request, Error> {
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Error::invalid_request("Compressed request bodies are not supported.", None));
    }
    let context = client.context(&parts.headers)?;
    let mut request = match known_body(entry, &body, limits, known) {
        Some(KnownBody { head, body, recognized }) => {
            let mut request = Request::new(entry.operation, head, body, context);
            request.recognized = Some(recognized);
            request
        }
        None => Request::new(entry.operation, head(entry, parts, &body, limits)?, body, context),
    };
    request.protocol = entry.protocol;
    request.strict = parts.headers.get("x-tollgate-strict").is_some_and(|value| value == "true");
    request.cache = directives::read(&parts.headers)?;
    request.headers = if entry.operation.is_forwarded() {
        headers::for_passthrough(&parts.headers)
    } else {
        headers::for_operation(&parts.headers)
    };
    if !entry.rest.is_empty() {
        let path_and_query = match parts.uri.query().filter(|_| entry.operation == Operation::StoredResponse) {
            Some(query) => format!("{}?{query}", entry.rest),
            None => entry.rest.to_owned(),
        };
        let method = parts.method.clone();
        request.passthrough = Some(Arc::new(Passthrough { provider: "".into(), method, path_and_query }));
    }
    Ok(request)
}

/// The same body as it came before, where the body alone says everything.
fn known_body(entry: &Entry<'_>, body: &Bytes, limits: DoorLimits, known: &dyn KnownBodies) -> Option<KnownBody> {
    let operation = entry.operation;
    let says_all = entry.model.is_none() && operation.is_conversation() && operation != Operation::OllamaChat;
    let found = says_all.then(|| known.find(operation, body)).flatten()?;
    let limits = HeadLimits { max_depth: limits.max_json_depth };
    debug_assert_eq!(read_head(body, limits).ok().as_ref(), Some(&*found.head), "of the same body");
    Some(found)
}

/// What is read of the body, and of the path where that says it.
fn head(entry: &Entry<'_>, parts: &Parts, body: &[u8], limits: DoorLimits) -> Result<Head, Error> {
    if entry.operation == Operation::StoredResponse {
        return Ok(Head::default());
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if let Some(boundary) = content_type.filter(|_| entry.operation.is_forwarded()).and_then(multipart::boundary) {
        return Ok(multipart::head(body, &boundary));
    }
    let mut head = read_head(body, HeadLimits { max_depth: limits.max_json_depth })?;
    if let Some(model) = &entry.model {
        head.model = Some(Located { value: (**model).into(), span: 0..0 });
        head.stream = entry.stream.unwrap_or(false);
    }
    if entry.operation == Operation::OllamaChat {
        // Ollama streams unless told not to.
        head.stream =
            !json::parse(body).is_ok_and(|body| body.get("stream").and_then(json::Value::as_bool) == Some(false));
    }
    Ok(head)
}

/// The request of a pass-through. Its body may be anything; if it is JSON, what can be read of it is.
pub(crate) fn passthrough(
    provider: &str,
    path: &str,
    parts: &Parts,
    body: Bytes,
    client: Client,
    limits: DoorLimits,
) -> Result<Request, Error> {
    let head = match body.first() {
        Some(b'{') => read_head(&body, HeadLimits { max_depth: limits.max_json_depth }).unwrap_or_default(),
        _ => Head::default(),
    };
    let mut request = Request::new(Operation::Passthrough, head, body, client.context(&parts.headers)?);
    request.headers = headers::for_passthrough(&parts.headers);
    let path_and_query = match parts.uri.query().map(without_key).filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    request.passthrough =
        Some(Arc::new(Passthrough { provider: provider.into(), method: parts.method.clone(), path_and_query }));
    Ok(request)
}

/// Google's clients may put their key, which is the gateway's, into the query.
fn without_key(query: &str) -> String {
    query.split('&').filter(|pair| !pair.starts_with("key=")).collect::<Vec<_>>().join("&")
}

/// `x-tollgate-tags: team=a,app=b`. A malformed list is refused: its tokens would be accounted to nobody.
fn tags(headers: &HeaderMap) -> Result<Vec<Tag>, Error> {
    let mut tags = Vec::new();
    for value in headers.get_all("x-tollgate-tags") {
        let value = value.to_str().map_err(|_| bad_tags())?;
        for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(bad_tags)?;
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || name.len() > MAX_TAG_LEN || value.len() > MAX_TAG_LEN || tags.len() == MAX_TAGS {
                return Err(bad_tags());
            }
            tags.push(Tag { name: name.into(), value: value.into() });
        }
    }
    Ok(tags)
}

/// The client's own tags, and those of its key that it gives no value of its own.
fn with_defaults(mut tags: Vec<Tag>, defaults: &[Tag]) -> Vec<Tag> {
    for default in defaults {
        if tags.iter().all(|tag| tag.name != default.name) {
            tags.push(default.clone());
        }
    }
    tags
}

fn bad_tags() -> Error {
    let message = format!(
        "`x-tollgate-tags` must be a list such as `team=a,app=b` of at most {MAX_TAGS} tags of at most {MAX_TAG_LEN} bytes."
    );
    Error::new(ErrorKind::InvalidRequest, message).with_param("x-tollgate-tags")
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};
    use tollgate_core::Recognized;

    use super::*;
    use crate::routes::{self, Door};

    fn parse(value: &str) -> Result<Vec<(String, String)>, ErrorKind> {
        let mut headers = HeaderMap::new();
        headers.insert("x-tollgate-tags", HeaderValue::from_str(value).unwrap());
        let tags = tags(&headers).map_err(|error| error.kind())?;
        Ok(tags.into_iter().map(|tag| (tag.name.to_string(), tag.value.to_string())).collect())
    }

    const BODY: &[u8] = br#"{"model":"m","messages":[]}"#;

    /// Knows one body.
    struct OneBody(Bytes);

    impl KnownBodies for OneBody {
        fn find(&self, _: Operation, body: &Bytes) -> Option<KnownBody> {
            let head = read_head(body, HeadLimits::default()).expect("is JSON").into();
            let known = KnownBody { head, body: self.0.clone(), recognized: Recognized::new(Arc::new(7)) };
            (self.0 == *body).then_some(known)
        }
    }

    #[track_caller]
    fn check_known(path: &str, body: &'static [u8], expect: Option<i32>) {
        let known = OneBody(Bytes::copy_from_slice(BODY));
        let Ok(Door::Operation(entry)) = routes::find(&Method::POST, path) else { panic!("an operation") };
        let (parts, ()) = http::Request::post(path).body(()).expect("is a request").into_parts();
        let client = Client {
            request_id: "r".into(),
            credential: None,
            identity: Identity::default(),
            received: std::time::Instant::now(),
        };
        let taken = operation(&entry, &parts, Bytes::from_static(body), client, DoorLimits::default(), &known);
        let request = taken.expect("is taken");
        assert_eq!(request.recognized.and_then(|by| by.by::<i32>()).as_deref(), expect.as_ref(), "{path}");
        assert_eq!(request.body.as_ptr() == known.0.as_ptr(), expect.is_some(), "{path}");
        assert_eq!(request.body, body);
    }

    #[test]
    fn a_body_that_is_known_is_taken_as_it_was_read_before() {
        check_known("/v1/chat/completions", BODY, Some(7));
        check_known("/v1/chat/completions", br#"{"model":"n"}"#, None);
        // Here the path says what the body does not.
        check_known("/v1beta/models/x:generateContent", BODY, None);
        // And here no word means another thing than elsewhere.
        check_known("/api/chat", BODY, None);
    }

    #[test]
    fn tags_are_pairs() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parse("team=a, app=b=c,"), Ok(vec![pair("team", "a"), pair("app", "b=c")]));
        assert_eq!(parse(""), Ok(vec![]));
        for bad in ["team", "=a", &"a=b,".repeat(17), &format!("a={}", "b".repeat(129))] {
            assert_eq!(parse(bad), Err(ErrorKind::InvalidRequest), "{bad}");
        }
    }

    #[test]
    fn a_clients_tag_wins_over_that_of_its_key() {
        let tag = |name: &str, value: &str| Tag { name: name.into(), value: value.into() };
        let own = vec![tag("team", "ads"), tag("run", "7")];
        let all = with_defaults(own.clone(), &[tag("team", "search"), tag("app", "web")]);
        assert_eq!(all, [tag("team", "ads"), tag("run", "7"), tag("app", "web")]);
        assert_eq!(with_defaults(own.clone(), &[]), own);
    }

    #[test]
    fn the_gateways_key_does_not_leave_in_a_query() {
        assert_eq!(without_key("alt=sse&key=secret"), "alt=sse");
        assert_eq!(without_key("key=secret"), "");
    }
}
