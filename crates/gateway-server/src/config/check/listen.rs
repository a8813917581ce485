//! Where the server listens, and who may use it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tollgate_core::Secret;

use super::{Check, keys};
use crate::config::environment::{ADMIN_KEY, API_KEY, LISTEN, value};
use crate::config::error::ConfigError;
use crate::config::types::SecretText;

/// Who said where to listen.
#[derive(Clone, Copy)]
enum Origin {
    CommandLine,
    Environment,
    File,
}

/// The address to listen on; beyond loopback only if the server is `protected` by a key, or openly meant to be open.
pub(crate) fn address(check: &mut Check<'_>, file: &str, flag: Option<&str>, protected: bool) -> SocketAddr {
    let variable = value(check.variables, LISTEN);
    let candidates =
        [(Origin::CommandLine, flag), (Origin::Environment, variable.as_deref()), (Origin::File, Some(file))];
    // Each one is parsed, even if another wins: a mistake in the file should not wait for the day the flag is dropped.
    let mut winner = None;
    for (origin, text) in candidates {
        let Some(text) = text else { continue };
        match parse(text) {
            Some(address) => winner = winner.or(Some((origin, address))),
            None => {
                let error = origin.error(check, "not an address to listen on");
                check
                    .report(error.with_hint("write host and port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080"));
            }
        }
    }
    let (origin, address) = winner.unwrap_or((Origin::File, SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))));
    if !protected && !address.ip().to_canonical().is_loopback() {
        let error = origin.error(check, "this address can be reached from other machines, but no client key is set");
        check.report(error.with_hint("set TOLLGATE_API_KEY (or client_key), make a key with `gateway-server keys create`, or give --open to let anyone in"));
    }
    address
}

fn parse(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?)),
        None => text.parse().ok(),
    }
}

/// The path under which everything is served.
pub(crate) fn base_path(check: &mut Check<'_>, path: &str) -> String {
    let hint = "write it like /llm, or leave it empty";
    let segment = |segment: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
    };
    let problem = match path.strip_prefix('/') {
        _ if path.is_empty() => None,
        None => Some("must begin with /"),
        Some(rest) if rest.is_empty() || rest.ends_with('/') => Some("must not end with /"),
        Some(rest) if !rest.split('/').all(segment) => {
            Some("may hold only letters, digits and - _ . ~ between slashes")
        }
        Some(_) => None,
    };
    if let Some(problem) = problem {
        check.wrong("base_path", problem, hint);
    }
    path.to_owned()
}

/// The key of the clients, from the file or else the environment.
pub(crate) fn client_key(check: &mut Check<'_>, key: Option<SecretText>) -> Option<Secret> {
    server_key(check, "client_key", key, API_KEY)
}

/// The key of the admin API, from the file or else the environment.
pub(crate) fn admin_key(check: &mut Check<'_>, key: Option<SecretText>) -> Option<Secret> {
    server_key(check, "admin_key", key, ADMIN_KEY)
}

fn server_key(check: &mut Check<'_>, path: &str, key: Option<SecretText>, variable: &str) -> Option<Secret> {
    let (key, error) = match key {
        Some(SecretText(key)) => (key, check.document.error(path, "")),
        None => (Secret::new(value(check.variables, variable)?), ConfigError::environment(variable, "")),
    };
    // An empty key would be one that everybody has, which is why it is an error and not the same as none.
    if let Some(problem) = keys::problem(&key) {
        check.report(ConfigError { message: problem.to_owned(), ..error });
    }
    Some(key)
}

// === impl Origin ===

impl Origin {
    fn error(self, check: &Check<'_>, message: &str) -> ConfigError {
        match self {
            Self::CommandLine => ConfigError::new(ConfigError::COMMAND_LINE, "--listen", message),
            Self::Environment => ConfigError::environment(LISTEN, message),
            Self::File => check.document.error("listen", message),
        }
    }
}
