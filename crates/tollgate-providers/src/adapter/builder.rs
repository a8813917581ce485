//! Builds the adapter.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tollgate_core::Secret;

use super::address::Address;
use super::cloud::{self, Place};
use super::keys::{KeyRing, Proof};
use super::provider::{AdapterLimits, HttpProvider, Inner};
use crate::auth::{AwsCredentials, GoogleCredentials};
use crate::transport::{Transport, TransportBuilder};
use crate::{Auth, Descriptor};

/// Builds an [`HttpProvider`]. A mistake is kept until [`build`](Self::build).
pub struct HttpProviderBuilder {
    name: Arc<str>,
    descriptor: Descriptor,
    base_url: Option<String>,
    keys: Vec<Secret>,
    aws: Option<AwsCredentials>,
    region: Option<String>,
    project: Option<String>,
    location: Option<String>,
    headers: Vec<(String, Secret)>,
    api_version: Option<String>,
    models: Vec<String>,
    stream_usage: Option<bool>,
    max_concurrency: Option<usize>,
    limits: AdapterLimits,
    transport: TransportBuilder,
}

/// Why a provider cannot be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    what: &'static str,
    message: String,
}

impl BuildError {
    pub(super) fn new(what: &'static str, message: impl Into<String>) -> Self {
        Self { what, message: message.into() }
    }

    /// The setting at fault: `base_url`, `api_key`, `access_key_id`, `region`, `project`, `location` or `headers`.
    #[must_use]
    pub fn setting(&self) -> &str {
        self.what
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.message)
    }
}

impl std::error::Error for BuildError {}

impl HttpProviderBuilder {
    pub(super) fn new(name: &str, descriptor: &Descriptor) -> Self {
        Self {
            name: name.into(),
            descriptor: descriptor.clone(),
            base_url: None,
            keys: Vec::new(),
            aws: None,
            region: None,
            project: None,
            location: None,
            headers: Vec::new(),
            api_version: None,
            models: Vec::new(),
            stream_usage: None,
            max_concurrency: None,
            limits: AdapterLimits::default(),
            transport: Transport::builder(),
        }
    }

    /// Sets the address. Defaults to the descriptor's.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Adds a key. Several keys take turns, and one that a provider refuses for a while is left out for that while.
    #[must_use]
    pub fn key(mut self, key: Secret) -> Self {
        self.keys.push(key);
        self
    }

    /// Sets an access key of AWS, which signs requests to Bedrock. Defaults to none.
    #[must_use]
    pub fn aws(mut self, credentials: AwsCredentials) -> Self {
        self.aws = Some(credentials);
        self
    }

    /// Sets the region of AWS, such as `us-east-1`. Signing needs one, and so does an address by default.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets the project of Google's. Defaults to the one that a service account's key names.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Sets the location of Google's, such as `europe-west4`. Defaults to `global`.
    #[must_use]
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Adds a header to every request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.headers.push((name.into(), value));
        self
    }

    /// Sets the API version of an Azure resource, which selects its deployment paths. Defaults to none, the `v1` paths.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Sets the models to list. Defaults to asking the provider.
    #[must_use]
    pub fn models(mut self, models: Vec<String>) -> Self {
        self.models = models;
        self
    }

    /// Sets whether the usage of streams may be asked for. Defaults to what the descriptor says.
    #[must_use]
    pub fn stream_usage(mut self, allowed: bool) -> Self {
        self.stream_usage = Some(allowed);
        self
    }

    /// Sets how many requests may be in flight at once, streams until they end. Defaults to no limit.
    #[must_use]
    pub fn max_concurrency(mut self, limit: usize) -> Self {
        self.max_concurrency = Some(limit);
        self
    }

    /// Sets the bounds on answers.
    #[must_use]
    pub fn limits(mut self, limits: AdapterLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the transport's properties.
    #[must_use]
    pub fn transport(mut self, transport: TransportBuilder) -> Self {
        self.transport = transport;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// If an address is missing or malformed, or a key or header has characters that HTTP does not allow.
    pub fn build(self) -> Result<HttpProvider, BuildError> {
        let mut descriptor = self.descriptor;
        if let Some(allowed) = self.stream_usage {
            descriptor.quirks.stream_usage = allowed;
            descriptor.dialect.stream_usage = allowed;
        }
        let google = if descriptor.auth == Auth::Google { cloud::google(&self.keys)? } else { Vec::new() };
        let place = Place {
            region: self.region.as_deref(),
            project: self.project.as_deref().or_else(|| google.iter().find_map(GoogleCredentials::project_id)),
            location: self.location.as_deref().unwrap_or("global"),
        };
        let base_url = cloud::base_url(&descriptor, self.base_url.as_deref(), place)?;
        let address = Address::parse(&base_url, &descriptor, self.api_version)?;
        let transport = self.transport.clone().tls(address.is_https()).build();
        let proofs = match descriptor.auth {
            Auth::Google => cloud::tokens(google, self.transport)?,
            auth => {
                let signed = self.aws.map(|credentials| cloud::signer(credentials, self.region.as_deref()));
                let fixed = self.keys.into_iter().map(|key| Proof::fixed(auth, key));
                signed.into_iter().chain(fixed).collect::<Result<_, _>>()?
            }
        };
        let default_headers = default_headers(&descriptor);
        let headers = static_headers(&address, &self.headers)?;
        Ok(HttpProvider(Arc::new(Inner {
            operation_headers: operation_headers(&default_headers, &headers),
            default_headers,
            headers,
            keys: KeyRing::new(proofs, descriptor.quirks.root_auth)?,
            name: self.name,
            descriptor,
            address,
            models: self.models,
            limits: self.limits,
            places: self.max_concurrency.map(|limit| Arc::new(Semaphore::new(limit))),
            transport,
        })))
    }
}

fn default_headers(descriptor: &Descriptor) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in descriptor.quirks.headers {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    headers
}

fn operation_headers(defaults: &HeaderMap, fixed: &HeaderMap) -> HeaderMap {
    let mut headers = defaults.clone();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in fixed {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

fn static_headers(address: &Address, configured: &[(String, Secret)]) -> Result<HeaderMap, BuildError> {
    let mut headers = HeaderMap::new();
    if let Some(host) = address.host() {
        headers.insert(http::header::HOST, host);
    }
    // Whatever is compressed could not be read for its usage.
    headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in configured {
        let name: HeaderName =
            name.parse().map_err(|_| BuildError::new("headers", format!("`{name}` is no header name")))?;
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| BuildError::new("headers", format!("the value of `{name}` has a forbidden character")))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

impl fmt::Debug for HttpProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProviderBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
