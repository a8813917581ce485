//! Reads a provider's error.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tollgate_core::{Body, Error, Secret};

use super::keys::PickedKey;
use super::request::redact;
use crate::failure::from_answer;

/// How much of an error's body is read, and for how long.
pub(super) const MAX_ERROR_BODY: usize = 64 * 1024;
const MAX_ERROR_TIME: Duration = Duration::from_secs(10);

/// How long a key rests that was refused, or that is over its limit without a hint when to come back.
const REFUSED_KEY_RESTS: Duration = Duration::from_secs(60);
const LIMITED_KEY_RESTS: Duration = Duration::from_secs(5);

/// Reads an error answer to a request that was sent with a key, and a secret of it.
pub(super) async fn read(response: http::Response<Body>, key: Option<PickedKey<'_>>, secret: Option<&Secret>) -> Error {
    let (head, body) = response.into_parts();
    let body = read_in_time(body).await;
    let body = redact(body, secret);
    let error = from_answer(head.status, head.headers, body);
    if let Some(key) = key {
        match head.status.as_u16() {
            401 | 403 => key.rest(REFUSED_KEY_RESTS),
            429 => key.rest(error.retry_after().unwrap_or(LIMITED_KEY_RESTS)),
            _ => {}
        }
    }
    error
}

/// As much of an error's body as is kept, and as comes in time.
pub(super) async fn read_in_time(body: Body) -> Bytes {
    tokio::time::timeout(MAX_ERROR_TIME, read_some(body)).await.unwrap_or_default()
}

async fn read_some(mut body: Body) -> Bytes {
    let mut read = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            let room = MAX_ERROR_BODY - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if read.len() == MAX_ERROR_BODY {
                break;
            }
        }
    }
    read.freeze()
}
