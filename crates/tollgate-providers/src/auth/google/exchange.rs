//! Asks a token server.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use serde_json::Value;
use tollgate_core::{Body, Error, ErrorKind};

use crate::transport::Transport;

/// How long a token server may take, and how much it may say.
const MAX_TIME: Duration = Duration::from_secs(30);
const MAX_BODY: usize = 64 * 1024;

/// What a token server gave.
pub(super) struct Granted {
    /// `Bearer …`.
    pub(super) header: HeaderValue,
    pub(super) lifetime: Duration,
}

/// How long a token lasts whose server does not say: short, so that it is rather asked for too often.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Exchanges a form for a token.
pub(super) async fn exchange(transport: &Transport, uri: &Uri, form: String) -> Result<Granted, Error> {
    match tokio::time::timeout(MAX_TIME, ask(transport, uri, form)).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::new(ErrorKind::UpstreamTimeout, "The provider's token server did not answer in time.")),
    }
}

async fn ask(transport: &Transport, uri: &Uri, form: String) -> Result<Granted, Error> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .map_err(|error| Error::new(ErrorKind::Internal, "A token could not be asked for.").with_source(error))?;
    let response = transport.send(request).await.map_err(|error| {
        Error::new(error.kind(), "The provider's token server could not be reached.").with_source(error)
    })?;
    let (head, body) = response.into_parts();
    let body = read(body).await?;
    if head.status.is_success() {
        return granted(&body).ok_or_else(invalid);
    }
    let wait = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(refused(head.status, &body).with_retry_after(wait.map(|seconds: u32| Duration::from_secs(seconds.into()))))
}

async fn read(mut body: Body) -> Result<BytesMut, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if bytes.len() + data.remaining() > MAX_BODY {
            return Err(invalid());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn granted(body: &[u8]) -> Option<Granted> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let token = answer.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
    let seconds = answer.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
    Some(Granted { header: bearer(token)?, lifetime: seconds.unwrap_or(DEFAULT_LIFETIME).min(MAX_LIFETIME) })
}

/// The header of an access token; `None` if it has characters that a header cannot have.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn invalid() -> Error {
    Error::new(ErrorKind::UpstreamInvalid, "The provider's token server gave no token.")
}

/// A refusal. Of the body only a code of OAuth's form is quoted: descriptions may repeat what was sent.
fn refused(status: StatusCode, body: &[u8]) -> Error {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_code = |code: &&str| {
        (1..=40).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let code = answer.get("error").and_then(Value::as_str).filter(is_code);
    let code = code.map(|code| format!(", `{code}`")).unwrap_or_default();
    let may_recover = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
    let message = if may_recover {
        format!("The provider's token server could not give a token ({}{code}).", status.as_u16())
    } else {
        format!("The provider's token server refused the gateway's credentials ({}{code}).", status.as_u16())
    };
    Error::new(ErrorKind::UpstreamUnreachable, message).with_retryable(may_recover)
}
