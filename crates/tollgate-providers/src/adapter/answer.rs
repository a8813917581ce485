//! From a provider's answer to a [`Response`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tollgate_core::ir::{Prompt, Protocol};
use tollgate_core::{Body, Error, ErrorKind, Operation, Outcome, Response};
use tollgate_protocols::codec::{self, Echo, Plan};
use tollgate_protocols::openai::whole_as_stream;
use tollgate_protocols::tap::{Ending, Tapped, Whole};

use super::body::{StreamBody, TailBody, note_facts};
use super::failure;
use super::provider::Inner;
use super::request::Expected;
use super::tap::Tap;
use crate::failure::from_answer;

/// How long a stream that has sent only comments is held back. Until then an error can still be answered with its status;
/// after that the client should see that somebody is there.
const HOLD_AFTER_COMMENT: Duration = Duration::from_secs(2);

/// What is needed to read an answer.
pub(super) struct Reading<'a> {
    pub(super) provider: &'a Inner,
    pub(super) expected: Expected,
    /// The place among the provider's concurrent requests.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// Reads a successful answer until it is known what it is.
pub(super) async fn read(response: http::Response<Body>, reading: Reading<'_>) -> Result<Response, Error> {
    let (head, mut body) = response.into_parts();
    let first = loop {
        // The first byte that is no white space tells a stream from JSON; the content type often does not.
        match next_data(&mut body).await? {
            Some(data) if data.trim_ascii_start().is_empty() => {}
            other => break other.unwrap_or_default(),
        }
    };
    let is_json = matches!(first.trim_ascii_start().first(), Some(b'{' | b'['));
    let is_json = is_json && reading.expected.protocol != Protocol::OllamaChat;
    if reading.expected.stream && !is_json {
        // Boxed, so that the future of a whole answer does not have the size of this one.
        return Box::pin(open_stream(head.headers, first, body, reading)).await;
    }
    read_whole(head, first, body, reading).await
}

/// Waits for the first event of a stream.
async fn open_stream(
    headers: HeaderMap,
    first: Bytes,
    mut body: Body,
    reading: Reading<'_>,
) -> Result<Response, Error> {
    let Reading { provider, expected, place } = reading;
    let mut tap = Tap::of(&expected, &provider.descriptor, provider.limits.max_event);
    let mut ready = VecDeque::new();
    let mut hold_until = None;
    tap.push(first);
    'waiting: loop {
        while let Some(event) = tap.next_event().map_err(|_| event_too_large())? {
            match event.is {
                Tapped::Silent => ready.push_back(event.bytes),
                Tapped::Error => return Err(error_event(headers, &tap, event.bytes, &expected)),
                Tapped::Data | Tapped::Withheld => {
                    note_facts(&expected, tap.facts());
                    if event.is == Tapped::Data {
                        ready.push_back(event.bytes);
                    }
                    break 'waiting;
                }
            }
        }
        let next = next_data(&mut body);
        let next = if ready.is_empty() {
            next.await?
        } else {
            let until = *hold_until.get_or_insert_with(|| Instant::now() + HOLD_AFTER_COMMENT);
            match tokio::time::timeout_at(until, next).await {
                Ok(next) => next?,
                Err(_) => break,
            }
        };
        match next {
            Some(data) => tap.push(data),
            None => match tap.finish() {
                (Some(event), _) if event.is == Tapped::Error => {
                    return Err(error_event(headers, &tap, event.bytes, &expected));
                }
                (Some(event), Ending::Complete) => {
                    ready.push_back(event.bytes);
                    break;
                }
                // What was read said nothing, and is an answer all the same, such as a prompt that is blocked.
                (None, Ending::Complete) if !ready.is_empty() => break,
                _ => {
                    let message = "The provider ended its stream before it began to answer.";
                    return Err(Error::new(ErrorKind::UpstreamInvalid, message));
                }
            },
        }
    }
    let headers = stream_headers(headers, expected.protocol);
    let body = StreamBody::new(body, tap, ready, expected, place);
    Ok(Response { status: StatusCode::OK, headers, body: Body::arriving(body) })
}

/// Collects a whole answer, or lets it flow if it is too large for that.
async fn read_whole(head: Parts, first: Bytes, mut body: Body, reading: Reading<'_>) -> Result<Response, Error> {
    let Reading { provider, expected, place } = reading;
    let Parts { status, headers, .. } = head;
    let mut pieces = vec![first];
    let mut total = pieces[0].len();
    while let Some(data) = next_data(&mut body).await? {
        total += data.len();
        pieces.push(data);
        if total > provider.limits.max_buffered {
            let body = TailBody::new(pieces.into(), body, expected, place);
            return Ok(Response { status, headers, body: Body::arriving(body) });
        }
    }
    let answer = match pieces.len() {
        1 => pieces.swap_remove(0),
        _ => pieces
            .iter()
            .fold(BytesMut::with_capacity(total), |mut all, piece| {
                all.extend_from_slice(piece);
                all
            })
            .freeze(),
    };
    finish_whole(status, headers, answer, &expected)
}

fn finish_whole(status: StatusCode, headers: HeaderMap, answer: Bytes, expected: &Expected) -> Result<Response, Error> {
    let Ok(whole) = Whole::read(&answer) else {
        let message = "The provider answered something that is not JSON.";
        return Err(Error::new(ErrorKind::UpstreamInvalid, message));
    };
    if whole.is_error {
        return Err(from_answer(status, headers, expected.redact(answer)));
    }
    note_whole(expected, whole);
    if !expected.stream {
        return Ok(Response { status, headers, body: answer.into() });
    }
    match whole_as_events(expected, &answer) {
        Some(events) => {
            Ok(Response { status, headers: stream_headers(headers, expected.protocol), body: events.into() })
        }
        None => {
            let message = "The provider answered a request for a stream with something else.";
            Err(Error::new(ErrorKind::UpstreamInvalid, message))
        }
    }
}

fn note_whole(expected: &Expected, whole: Whole) {
    let mut usage = whole.usage.unwrap_or_default();
    let generates = expected.operation != Operation::Embeddings;
    if usage.input.is_none() || (usage.output.is_none() && generates) {
        usage.estimated = true;
        usage.input.get_or_insert(expected.estimated_input);
        if generates {
            usage.output.get_or_insert(whole.output_text.div_ceil(4) as u64);
        }
    }
    expected.note_billing(&whole.billing);
    expected.context.observe(|observed| {
        observed.usage = Some(usage);
        observed.model = whole.model.map(Into::into);
        observed.outcome = Outcome::Complete;
    });
}

/// Lets an answer through as it is, tapped.
pub(super) async fn pass_through(
    response: http::Response<Body>,
    mut expected: Expected,
    place: Option<OwnedSemaphorePermit>,
) -> Response {
    let (head, body) = response.into_parts();
    expected.generates &= head.status.is_success();
    if !head.status.is_success() && body.size_hint().upper().is_some_and(|size| size <= failure::MAX_ERROR_BODY as u64)
    {
        // Small enough to be looked through for the key, which some providers quote when they refuse it.
        let body = failure::read_in_time(body).await;
        expected.context.observe(|observed| observed.outcome = Outcome::Complete);
        return Response { status: head.status, headers: head.headers, body: expected.redact(body).into() };
    }
    let is_stream =
        head.headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    let body = if is_stream {
        Body::arriving(StreamBody::transparent(body, Tap::of_anything(), expected, place))
    } else {
        Body::arriving(TailBody::new(VecDeque::new(), body, expected, place))
    };
    Response { status: head.status, headers: head.headers, body }
}

/// A whole answer to a request for a stream, as the stream that says the same.
fn whole_as_events(expected: &Expected, answer: &[u8]) -> Option<Bytes> {
    if expected.operation == Operation::Completions || expected.protocol == Protocol::OpenAiChat {
        return whole_as_stream(expected.operation, answer, expected.client_asked_usage);
    }
    if expected.protocol == Protocol::OllamaChat {
        return Some([answer.trim_ascii(), b"\n"].concat().into());
    }
    let decoded = codec::decode_answer(expected.protocol, answer, &Plan::default()).ok()?;
    let echo = Echo {
        prompt: Arc::new(Prompt::new(expected.protocol)),
        model: decoded.model.clone().unwrap_or_default(),
        now: decoded.created.unwrap_or_default(),
        id: None,
    };
    let mut encoder = codec::stream_encoder(echo);
    let mut events = Vec::new();
    codec::replay(decoded).iter().for_each(|event| encoder.event(event, &mut events));
    Some(events.into())
}

fn stream_headers(mut headers: HeaderMap, protocol: Protocol) -> HeaderMap {
    let content_type = match protocol {
        Protocol::OllamaChat => "application/x-ndjson",
        _ => "text/event-stream; charset=utf-8",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx and its kin buffer a proxied answer unless told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.remove(header::CONTENT_LENGTH);
    headers
}

fn error_event(headers: HeaderMap, tap: &Tap, event: Bytes, expected: &Expected) -> Error {
    let event = expected.redact(tap.error().unwrap_or(event));
    let data = tollgate_protocols::sse::data(&event).unwrap_or(std::borrow::Cow::Borrowed(&event));
    from_answer(StatusCode::OK, headers, Bytes::copy_from_slice(&data))
}

pub(super) fn event_too_large() -> Error {
    Error::new(ErrorKind::UpstreamInvalid, "The provider sent an event that exceeds the size limit.")
        .with_retryable(false)
}

async fn next_data(body: &mut Body) -> Result<Option<Bytes>, Error> {
    // A body of known length has ended with its last byte. Asking for more would wait for the connection's task to say so,
    // which costs a switch between tasks for nothing.
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
    Ok(None)
}
