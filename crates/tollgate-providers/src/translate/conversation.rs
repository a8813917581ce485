//! Conversations.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt, Limited};
use tollgate_core::ir::{Block, Losses, Protocol};
use tollgate_core::{
    Body, Context, Edits, Error, ErrorKind, Head, Located, Operation, Request, Response, StreamOptions,
};
use tollgate_protocols::codec::{self, DecodeError, Dialect, Echo, Encoded, Plan, Target};

use tollgate_protocols::doors;
use tollgate_protocols::openai_chat::completions;

use super::replays::{Replays, Wanted};
use super::stream::TranslatedBody;
use crate::Provider;
use crate::failure::from_answer;

const ANTHROPIC_BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// The largest whole answer that is translated.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Headers that mean something to providers of one protocol only.
const OF_ONE_PROTOCOL: &[(&str, Protocol)] =
    &[("anthropic-beta", Protocol::AnthropicMessages), ("anthropic-version", Protocol::AnthropicMessages)];

/// What the way back must know of the way forth.
pub(super) struct Session {
    pub(super) protocol: Protocol,
    pub(super) dialect: Dialect,
    pub(super) plan: Plan,
    pub(super) echo: Echo,
    pub(super) replays: Arc<Replays>,
    pub(super) operation: Operation,
    pub(super) context: Context,
}

pub(super) async fn call(
    provider: &dyn Provider,
    request: Request,
    protocol: Protocol,
    replays: &Arc<Replays>,
) -> Result<Response, Error> {
    let (outgoing, session) = translate(provider, request, protocol, replays)?;
    let is_stream = outgoing.is_streamed();
    let response = provider.call(outgoing).await?;
    if is_stream {
        return Ok(stream(response, session));
    }
    whole(response, &session).await.map_err(|error| error.with_provider(provider.name().clone()))
}

/// The client's request in the provider's protocol.
fn translate(
    provider: &dyn Provider,
    mut request: Request,
    protocol: Protocol,
    replays: &Arc<Replays>,
) -> Result<(Request, Session), Error> {
    let model = request.target.as_ref().map(|target| target.model.clone()).unwrap_or_default();
    let mut prompt = doors::decode(&request)?;
    let dialect = *provider.dialect();
    replays.apply(&mut prompt, &request.context, Wanted::by(protocol, &dialect));
    let target = Target::new(protocol, &model, &dialect);
    let mut losses = Losses::default();
    let encoded = codec::encode_request(&prompt, &target, &mut losses)?;
    report(&request, &losses)?;
    let echo = Echo {
        prompt: Arc::new(prompt),
        model: model.to_string(),
        now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        id: None,
    };
    let (operation, context) = (request.operation, request.context.clone());
    let Encoded { body, plan, betas } = encoded;
    put(&mut request, protocol, body, &betas);
    Ok((request, Session { protocol, dialect, plan, echo, replays: replays.clone(), operation, context }))
}

/// Notes what was lost; for a client that wants all or nothing it is an error.
pub(super) fn report(request: &Request, losses: &Losses) -> Result<(), Error> {
    if losses.is_empty() {
        return Ok(());
    }
    // In the client's words, since it is to look for them in its own request.
    let mut named = Losses::default();
    for loss in losses.iter() {
        let field = codec::field_name(request.protocol, &loss.field).into_owned();
        if loss.changed { named.change(field) } else { named.drop(field) }
    }
    if request.strict {
        let fields: Vec<&str> = named.fields().collect();
        let message = format!(
            "The provider cannot be told these parts of the request: {}. Leave them out, or send it without \
             `x-tollgate-strict`.",
            fields.join(", ")
        );
        return Err(Error::new(ErrorKind::UnsupportedParameter, message).with_param(fields[0]));
    }
    request.context.observe(|observed| observed.losses = named);
    Ok(())
}

/// Exchanges the client's body for the provider's.
pub(super) fn put(request: &mut Request, protocol: Protocol, body: Bytes, betas: &[&'static str]) {
    let client = &request.head;
    // The usage chunk is not to be taken out of what the codec reads.
    let include_usage = Some(Located { value: true, span: 0..0 });
    request.head = Arc::new(Head {
        stream: client.stream,
        max_tokens: client.max_tokens,
        tools: client.tools,
        input_text: client.input_text,
        input_numbers: client.input_numbers,
        stream_options: Some(StreamOptions { span: 0..0, include_usage, object_end: None }),
        ..Head::default()
    });
    request.body = body;
    request.edits = Edits::default();
    request.operation = match protocol {
        _ if !request.operation.is_conversation() => request.operation,
        Protocol::OpenAiResponses => Operation::Responses,
        Protocol::AnthropicMessages => Operation::Messages,
        Protocol::GeminiGenerate => Operation::GenerateContent,
        Protocol::OllamaChat => Operation::OllamaChat,
        _ => Operation::ChatCompletions,
    };
    request.protocol = protocol;
    for (name, owner) in OF_ONE_PROTOCOL {
        if *owner != protocol {
            request.headers.remove(*name);
        }
    }
    for beta in betas {
        request.headers.append(ANTHROPIC_BETA, HeaderValue::from_static(beta));
    }
}

/// A provider's failure to keep to its protocol, or the failure that it tells of.
pub(super) fn decode_error(error: DecodeError) -> Error {
    match error {
        DecodeError::Upstream(body) => from_answer(http::StatusCode::OK, HeaderMap::new(), body),
        DecodeError::Invalid(what) => {
            let message = format!("The provider's answer cannot be read: {what}.");
            Error::new(ErrorKind::UpstreamInvalid, message)
        }
    }
}

async fn whole(response: Response, session: &Session) -> Result<Response, Error> {
    let Response { status, mut headers, body } = response;
    let bytes = collect(body).await?;
    let answer = codec::decode_answer(session.protocol, &bytes, &session.plan).map_err(decode_error)?;
    session.replays.remember_answer(&answer, &session.context);
    if answer.choices.iter().flat_map(|choice| &choice.blocks).any(|block| matches!(block, Block::Refusal(_))) {
        session.context.observe(|observed| observed.refused = true);
    }
    let body = match session.operation {
        Operation::Completions => completions::encode(&answer, &session.echo),
        _ => codec::encode_answer(&answer, &session.echo),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_LENGTH);
    Ok(Response { status, headers, body: body.into() })
}

pub(crate) async fn collect(body: Body) -> Result<Bytes, Error> {
    if let Some(bytes) = body.as_whole() {
        return Ok(bytes.clone());
    }
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => Error::new(ErrorKind::UpstreamInvalid, "The provider's answer is too large to be translated."),
        }),
    }
}

fn stream(response: Response, session: Session) -> Response {
    let Response { status, mut headers, body } = response;
    let content_type = doors::stream_content_type(session.echo.prompt.protocol);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.remove(header::CONTENT_LENGTH);
    Response { status, headers, body: Body::arriving(TranslatedBody::new(body, session)) }
}
