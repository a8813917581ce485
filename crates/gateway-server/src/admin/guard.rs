//! Who may use the admin API.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};
use tollgate_http::credential;
use tollgate_usage::directory::Actor;

use super::rest::{Failure, Kind};
use crate::config::Config;

/// Who makes a request, as the audit log names them.
///
/// # Errors
/// If they may not.
pub(super) fn check(config: &Config, headers: &HeaderMap, peer: SocketAddr) -> Result<Actor, Failure> {
    match &config.admin_key {
        Some(key) if credential(headers).is_some_and(|given| given == *key) => Ok(Actor::admin("default")),
        Some(_) => Err(Failure::new(Kind::Unauthorized, "The admin API needs the admin key.")),
        None if is_local(headers, peer) => Ok(Actor::known_as("local")),
        None => Err(Failure::new(
            Kind::Forbidden,
            "Without an admin key the admin API answers only direct requests on loopback; set TOLLGATE_ADMIN_KEY.",
        )),
    }
}

/// Whether a request comes from this machine and from a program on it, as far as can be told.
fn is_local(headers: &HeaderMap, peer: SocketAddr) -> bool {
    // A proxy on this machine connects from loopback on behalf of anybody.
    let is_forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]
        .iter()
        .any(|name| headers.contains_key(*name));
    // A page of any site may send requests to loopback, by its own origin or under a name that resolves to it.
    let is_page = headers.contains_key(header::ORIGIN);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    peer.ip().to_canonical().is_loopback() && !is_forwarded && !is_page && host.is_none_or(is_loopback_name)
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(peer: &str, headers: &[(&'static str, &'static str)], expect: bool) {
        let headers = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        assert_eq!(is_local(&headers.collect(), peer.parse().unwrap()), expect);
    }

    #[test]
    fn only_programs_on_this_machine() {
        check("127.0.0.1:5", &[("host", "127.0.0.1:8080")], true);
        check("[::1]:5", &[("host", "[::1]:8080")], true);
        check("[::ffff:127.0.0.1]:5", &[("host", "localhost:8080")], true);
        check("127.0.0.1:5", &[], true);
        check("10.0.0.1:5", &[("host", "127.0.0.1:8080")], false);
        check("127.0.0.1:5", &[("host", "evil.example:8080")], false);
        check("127.0.0.1:5", &[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")], false);
        check("127.0.0.1:5", &[("host", "localhost"), ("origin", "https://evil.example")], false);
    }
}
