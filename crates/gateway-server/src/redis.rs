//! Clients of Redis and Valkey.

use tollgate_cache::redis::RedisClient;
use tollgate_core::Secret;

use crate::config::types::RedisServer;
use crate::config::{ConfigErrors, Source};

/// A client of a server, which need not be there yet. `path` is the setting that an error is about.
///
/// # Errors
/// If its address is none.
pub(crate) fn client(server: &RedisServer, source: &Source, path: &str) -> Result<RedisClient, ConfigErrors> {
    let url = server.url.clone().map_or_else(|| Secret::new(""), |url| url.0);
    RedisClient::builder(url)
        .key_prefix(server.key_prefix.as_str())
        .read_timeout(server.read_timeout.get())
        .write_timeout(server.write_timeout.get())
        .build()
        .map_err(|error| source.wrong(path, &error.to_string()))
}
