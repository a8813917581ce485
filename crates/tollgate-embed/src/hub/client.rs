//! HTTP to the hub: GET with redirects, and limits on waiting.

use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RANGE, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tollgate_core::Body;
use tollgate_remote::http::HttpClient;

use super::error::{FetchError, Kind};

/// A client that follows redirects.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pooled: HttpClient,
    patience: Duration,
}

/// The bytes of a file as they arrive.
pub(super) struct Arriving<'a> {
    body: Incoming,
    name: &'a str,
    patience: Duration,
}

/// Hubs send to a place near the client, some by way of another; more is a circle.
const REDIRECTS: usize = 5;

// === impl Client ===

impl Client {
    pub(super) fn new(patience: Duration) -> Self {
        Self { pooled: HttpClient::builder().connect_timeout(patience).build(), patience }
    }

    /// Asks for a file from a byte on. The answer is one of success, or of a range that cannot be given.
    pub(super) async fn get(&self, uri: &Uri, from: u64, name: &str) -> Result<Response<Incoming>, FetchError> {
        let mut uri = uri.clone();
        for _ in 0..=REDIRECTS {
            let response = self.once(&uri, from, name).await?;
            let status = response.status();
            match status.as_u16() {
                200 | 206 | 416 => return Ok(response),
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
                    let next = location.and_then(|location| resolve(&uri, location));
                    uri = next.ok_or_else(|| FetchError(Kind::Redirects { name: name.to_owned() }))?;
                }
                status => return Err(FetchError(Kind::Status { name: name.to_owned(), status })),
            }
        }
        Err(FetchError(Kind::Redirects { name: name.to_owned() }))
    }

    /// The body of an answer, whose pieces must not be further apart than the client's patience.
    pub(super) fn body<'a>(&self, response: Response<Incoming>, name: &'a str) -> Arriving<'a> {
        Arriving { body: response.into_body(), name, patience: self.patience }
    }

    async fn once(&self, uri: &Uri, from: u64, name: &str) -> Result<Response<Incoming>, FetchError> {
        let mut request = Request::get(uri).header(USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION")));
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let request = request.body(Body::empty()).map_err(|error| FetchError::connection(name, error))?;
        let answer = tokio::time::timeout(self.patience, self.pooled.request(request)).await;
        let answer = answer.map_err(|elapsed| FetchError::connection(name, elapsed))?;
        answer.map_err(|error| FetchError::connection(name, error))
    }
}

// === impl Arriving ===

impl Arriving<'_> {
    /// The next piece; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let frame = tokio::time::timeout(self.patience, self.body.frame()).await;
            match frame.map_err(|elapsed| FetchError::connection(self.name, elapsed))? {
                None => return Ok(None),
                Some(Err(error)) => return Err(FetchError::connection(self.name, error)),
                // What is no data are trailers, which say nothing about a file.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => continue,
                },
            }
        }
    }
}

/// Where a redirect leads (RFC 3986, section 5.2, for what servers send: a whole address, one without scheme, a path). From
/// an encrypted connection to an open one leads nowhere.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let next = if location.starts_with("//") {
        format!("{}:{location}", base.scheme_str()?).parse().ok()?
    } else if location.contains("://") {
        location.parse::<Uri>().ok()?
    } else {
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let (folder, _) = base.path().rsplit_once('/')?;
            format!("{folder}/{location}")
        };
        let mut parts = base.clone().into_parts();
        parts.path_and_query = Some(path.parse::<PathAndQuery>().ok()?);
        Uri::from_parts(parts).ok()?
    };
    let is_web = [&Scheme::HTTP, &Scheme::HTTPS].contains(&next.scheme()?);
    let is_weaker = base.scheme() == Some(&Scheme::HTTPS) && next.scheme() == Some(&Scheme::HTTP);
    (is_web && !is_weaker).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, location: &str, expect: Option<&str>) {
        let found = resolve(&base.parse().unwrap(), location).map(|uri| uri.to_string());
        assert_eq!(found.as_deref(), expect, "{location} from {base}");
    }

    #[test]
    fn redirects_lead_where_they_say() {
        let base = "https://hub.example/a/resolve/main/x?y";
        check(base, "https://cdn.example/z?sig=1#top", Some("https://cdn.example/z?sig=1"));
        check(base, "//cdn.example/z", Some("https://cdn.example/z"));
        check(base, "/api/z?q", Some("https://hub.example/api/z?q"));
        check(base, "z", Some("https://hub.example/a/resolve/main/z"));
        check("http://hub.example/x", "https://cdn.example/", Some("https://cdn.example/"));
    }

    #[test]
    fn and_not_to_where_nobody_should_go() {
        check("https://hub.example/x", "http://hub.example/x", None);
        check("https://hub.example/x", "ftp://hub.example/x", None);
        check("https://hub.example/x", "https://", None);
    }
}
