//! Requests to Qdrant: deadlines, the key, and what a status means.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Handle, Id};
use tollgate_core::Body;
use tollgate_remote::Breaker;
use tollgate_remote::http::{HttpClient, HttpClientBuilder};

use super::QdrantIndexBuilder;
use super::body::{Answer, Envelope, Refusal};
use crate::index::IndexError;

/// A client of one server.
pub(super) struct Http {
    scheme: Scheme,
    authority: Authority,
    /// Where a proxy has put the server; without a slash at the end.
    prefix: String,
    api_key: Option<HeaderValue>,
    read_timeout: Duration,
    write_timeout: Duration,
    breaker: Arc<Breaker>,
    builder: HttpClientBuilder,
    /// Connections are driven by tasks of the runtime that opened them, so each runtime has its own.
    pools: RwLock<HashMap<Id, HttpClient>>,
}

/// Whether somebody waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
}

/// More than the largest search answers.
const MAX_BODY: usize = 32 << 20;
/// When runtimes come and go, as in tests, those that have gone leave their pools behind.
const MAX_POOLS: usize = 256;

// === impl Http ===

impl Http {
    pub(super) fn new(settings: &QdrantIndexBuilder) -> Result<Self, IndexError> {
        let unusable = || IndexError::invalid("the address of qdrant is not like http://host:6333 or https://host");
        let parts = settings.url.parse::<Uri>().map_err(|_| unusable())?.into_parts();
        let known = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        let scheme = parts.scheme.filter(known).ok_or_else(unusable)?;
        let authority = parts.authority.ok_or_else(unusable)?;
        let prefix = parts.path_and_query.map(|path| path.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let api_key = settings.api_key.as_ref().map(|key| HeaderValue::from_str(key.expose())).transpose();
        let mut api_key = api_key.map_err(|_| IndexError::invalid("the API key of qdrant is not fit for a header"))?;
        if let Some(key) = &mut api_key {
            key.set_sensitive(true);
        }
        let is_encrypted = scheme == Scheme::HTTPS;
        Ok(Self {
            scheme,
            authority,
            prefix,
            api_key,
            read_timeout: settings.read_timeout,
            write_timeout: settings.write_timeout,
            breaker: Breaker::new(settings.cool_down),
            builder: HttpClient::builder().connect_timeout(settings.write_timeout).tls(is_encrypted),
            pools: RwLock::default(),
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, IndexError> {
        self.call(Method::GET, path, Bytes::new(), Operation::Write).await
    }

    pub(super) async fn put<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<Answer<T>, IndexError> {
        self.call(Method::PUT, path, text(body)?, Operation::Write).await
    }

    pub(super) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        operation: Operation,
    ) -> Result<Answer<T>, IndexError> {
        self.call(Method::POST, path, text(body)?, operation).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        operation: Operation,
    ) -> Result<Answer<T>, IndexError> {
        let Some(permit) = self.breaker.admit() else {
            return Err(IndexError::unavailable("qdrant did not answer a moment ago"));
        };
        let timeout = if operation == Operation::Read { self.read_timeout } else { self.write_timeout };
        let done = tokio::time::timeout(timeout, self.send(&method, path, &body)).await;
        let done = done.unwrap_or_else(|_| Err(IndexError::timeout("qdrant did not answer in time")));
        let result = done.and_then(|(status, answer)| read(status, &answer));
        match &result {
            Err(error) if error.is_timeout() || error.is_unavailable() => permit.failed(),
            _ => permit.succeeded(),
        }
        result
    }

    async fn send(&self, method: &Method, path: &str, body: &Bytes) -> Result<(StatusCode, Bytes), IndexError> {
        match self.try_send(method, path, body).await {
            // Mostly a connection that the server closed while it was idle. Doing any of these twice is doing it once.
            Err(error) if error.is_unavailable() => self.try_send(method, path, body).await,
            done => done,
        }
    }

    async fn try_send(&self, method: &Method, path: &str, body: &Bytes) -> Result<(StatusCode, Bytes), IndexError> {
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        let uri = uri.path_and_query(format!("{}{path}", self.prefix)).build();
        let uri = uri.map_err(|_| IndexError::invalid("the address of qdrant has a path that is none"))?;
        let mut request = http::Request::new(Body::from(body.clone()));
        (*request.method_mut(), *request.uri_mut()) = (method.clone(), uri);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.api_key {
            request.headers_mut().insert("api-key", key.clone());
        }
        let response = self.pool().request(request).await;
        let response = response.map_err(|error| {
            IndexError::unavailable("qdrant could not be reached, or closed the connection").with_source(error)
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| IndexError::unavailable("qdrant broke off its answer").with_source(error))?;
        Ok((status, body.to_bytes()))
    }

    fn pool(&self) -> HttpClient {
        let id = Handle::current().id();
        if let Some(pool) = self.pools.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return pool.clone();
        }
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        if pools.len() >= MAX_POOLS {
            pools.clear();
        }
        pools.entry(id).or_insert_with(|| self.builder.build()).clone()
    }
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<Answer<T>, IndexError> {
    if status.is_success() {
        let parsed: Result<Envelope<T>, _> = serde_json::from_slice(body);
        let unexpected = |error| IndexError::refused("qdrant answered something unexpected").with_source(error);
        return parsed.map(|envelope| Answer::Done(envelope.result)).map_err(unexpected);
    }
    if status == StatusCode::NOT_FOUND {
        return Ok(Answer::NotFound);
    }
    // For logs. It may name the collection, but no address and no credential.
    let reason = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.status.error).unwrap_or_default();
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => IndexError::refused("qdrant refused the API key"),
        StatusCode::BAD_REQUEST if reason.contains("Vector dimension error") => {
            IndexError::invalid("the collection has vectors of another number of dimensions")
        }
        StatusCode::TOO_MANY_REQUESTS => IndexError::unavailable("qdrant has too much to do"),
        _ if status.is_server_error() => IndexError::unavailable("qdrant is not well"),
        _ => IndexError::refused("qdrant refused a request of the index"),
    }
    .with_source(format!("{status}: {reason}")))
}

fn text(body: &impl Serialize) -> Result<Bytes, IndexError> {
    let text = serde_json::to_vec(body).map_err(|error| IndexError::invalid("no JSON").with_source(error))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_meanings() {
        let check = |status: u16, error: &str| {
            let body = serde_json::json!({ "status": { "error": error }, "time": 0.0 }).to_string();
            read::<bool>(StatusCode::from_u16(status).unwrap(), body.as_bytes())
        };
        assert!(matches!(check(404, "Not found: Collection `x` doesn't exist!"), Ok(Answer::NotFound)));
        let dimensions = "Wrong input: Vector dimension error: expected dim: 3, got 2";
        assert!(check(400, dimensions).unwrap_err().is_invalid());
        for status in [429, 500, 503] {
            assert!(check(status, "").unwrap_err().is_unavailable(), "{status}");
        }
        let refused = check(403, "Forbidden").unwrap_err();
        assert!(!refused.is_unavailable() && refused.to_string().contains("API key"));
        assert!(matches!(read::<bool>(StatusCode::OK, br#"{"result":true}"#), Ok(Answer::Done(true))));
        assert!(read::<bool>(StatusCode::OK, b"<html>").is_err());
        assert!(read::<bool>(StatusCode::BAD_GATEWAY, b"<html>").unwrap_err().is_unavailable());
    }
}
