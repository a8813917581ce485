//! Providers from their configuration.

use std::sync::Arc;

use tollgate_providers::auth::{AwsCredentials, CredentialsError};
use tollgate_providers::{
    AdapterLimits, Auth, DESCRIPTORS, Demo, HttpProvider, HttpProviderBuilder, Provider, Transport, descriptor,
};

use crate::config::{Cloud, Config, ConfigError, ConfigErrors, KindInfo, ProviderConfig, Source};

/// A provider with the configuration that it was built from, so that a reload keeps what did not change: its connections
/// and the rest of its keys.
#[derive(Clone)]
pub(crate) struct Built {
    config: ProviderConfig,
    limits: (AdapterLimits, usize),
    pub(crate) provider: Arc<dyn Provider>,
}

/// The kinds of providers that can be configured.
#[must_use]
pub fn kinds() -> Vec<KindInfo<'static>> {
    DESCRIPTORS
        .iter()
        .map(|row| KindInfo {
            name: row.kind,
            env_prefixes: row.env_prefixes,
            needs_key: row.needs_key,
            needs_base_url: row.base_url.is_none() && !matches!(row.auth, Auth::Aws | Auth::Google),
            cloud: match row.auth {
                Auth::Aws => Some(Cloud::Aws),
                Auth::Google => Some(Cloud::Google),
                _ => None,
            },
        })
        .collect()
}

/// Builds all providers of a configuration, taking over from `earlier` those that are the same.
pub(crate) fn build_all(config: &Config, source: &Source, earlier: &[Built]) -> Result<Vec<Built>, ConfigErrors> {
    let limits = AdapterLimits {
        max_event: config.limits.max_event.as_usize(),
        max_buffered: config.limits.max_buffered_response.as_usize(),
    };
    let limits = (limits, config.limits.max_headers.as_usize());
    config
        .providers
        .iter()
        .map(|wanted| {
            let same = earlier.iter().find(|built| built.config == *wanted && built.limits == limits);
            match same {
                Some(built) => Ok(built.clone()),
                None => {
                    let provider = build(wanted, limits, source)?;
                    Ok(Built { config: wanted.clone(), limits, provider })
                }
            }
        })
        .collect()
}

fn build(
    config: &ProviderConfig,
    (limits, max_headers): (AdapterLimits, usize),
    source: &Source,
) -> Result<Arc<dyn Provider>, ConfigErrors> {
    let Some(descriptor) = descriptor(&config.kind) else {
        return Ok(Arc::new(Demo::new(&config.name)));
    };
    let transport = Transport::builder().connect_timeout(config.timeouts.connect.get()).max_headers(max_headers);
    let mut builder = HttpProvider::builder(&config.name, descriptor)
        .models(config.models.clone())
        .limits(limits)
        .transport(transport);
    if let Some(url) = &config.base_url {
        builder = builder.base_url(url.clone());
    }
    if let Some(version) = &config.api_version {
        builder = builder.api_version(version.clone());
    }
    if let Some(allowed) = config.stream_usage {
        builder = builder.stream_usage(allowed);
    }
    if let Some(limit) = config.max_concurrency {
        builder = builder.max_concurrency(limit.get());
    }
    builder =
        in_cloud(config, builder).map_err(|error| located(config, source, "access_key_id", &error.to_string()))?;
    builder = config.keys.iter().fold(builder, |builder, key| builder.key(key.clone()));
    builder =
        config.headers.iter().fold(builder, |builder, (name, value)| builder.header(name.as_str(), value.clone()));
    match builder.build() {
        Ok(provider) => Ok(Arc::new(provider)),
        Err(error) => Err(located(config, source, error.setting(), &error.to_string())),
    }
}

/// The settings of clouds.
fn in_cloud(
    config: &ProviderConfig,
    mut builder: HttpProviderBuilder,
) -> Result<HttpProviderBuilder, CredentialsError> {
    if let Some(key) = &config.aws {
        let secret = key.secret_access_key.clone();
        let credentials = AwsCredentials::new(key.access_key_id.expose(), secret, key.session_token.as_ref())?;
        builder = builder.aws(credentials);
    }
    if let Some(region) = &config.region {
        builder = builder.region(region.as_str());
    }
    if let Some(project) = &config.project {
        builder = builder.project(project.as_str());
    }
    if let Some(location) = &config.location {
        builder = builder.location(location.as_str());
    }
    Ok(builder)
}

/// An error with the line of the setting at fault, or the provider's where the setting came from elsewhere.
fn located(config: &ProviderConfig, source: &Source, setting: &str, message: &str) -> ConfigErrors {
    let path = format!("providers.{}.{setting}", config.name);
    match source.document() {
        Ok(document) => document.error(&path, message).into(),
        Err(_) => ConfigError::new(ConfigError::ENVIRONMENT, &path, message).into(),
    }
}
