//! Other gateways, as named on the command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

/// A gateway that someone else has started, on this machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// Path in front of `/v1/chat/completions`; empty or beginning with a slash.
    pub(super) prefix: String,
    /// The process whose processor time and memory are shown.
    pub(super) pid: Option<u32>,
    pub(super) headers: HeaderMap,
}

impl FromStr for Peer {
    type Err = String;

    /// Reads `name=URL[,pid=N][,header=Name:Value]…`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('=').ok_or("write name=URL")?;
        if name.is_empty() || matches!(name, "direct" | "floor" | "tollgate") {
            return Err(format!("{name:?} cannot be a peer's name"));
        }
        let mut parts = rest.split(',');
        let (address, prefix) = address(parts.next().unwrap_or_default())?;
        let mut peer = Self { name: name.to_owned(), address, prefix, pid: None, headers: HeaderMap::new() };
        for part in parts {
            match part.split_once('=') {
                Some(("pid", pid)) => {
                    peer.pid = Some(pid.parse().map_err(|_| format!("not a process id: {pid:?}"))?);
                }
                Some(("header", header)) => {
                    let (name, value) = parse_header(header)?;
                    peer.headers.append(name, value);
                }
                _ => return Err(format!("not pid=N or header=Name:Value: {part:?}")),
            }
        }
        Ok(peer)
    }
}

/// Only this machine: load sent elsewhere would be an attack, and times over a network compare with nothing here.
fn address(url: &str) -> Result<(SocketAddr, String), String> {
    let uri: Uri = url.parse().map_err(|error| format!("not a URL: {url:?}: {error}"))?;
    if uri.scheme_str() != Some("http") {
        return Err(format!("only http:// URLs can be measured, not {url:?}"));
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip = if host == "localhost" { Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { host.parse() };
    match ip {
        Ok(ip) if ip.is_loopback() => {
            let address = SocketAddr::new(ip, uri.port_u16().unwrap_or(80));
            Ok((address, uri.path().trim_end_matches('/').to_owned()))
        }
        _ => Err(format!("{host:?} is not a loopback address; peers run on this machine")),
    }
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("write header=Name:Value, not {text:?}"))?;
    let name = name.trim().parse().map_err(|_| format!("not a header name: {name:?}"))?;
    let value = value.trim().parse().map_err(|_| format!("not a header value for {name}"))?;
    Ok((name, value))
}

impl Serialize for Peer {
    /// Without the headers, since they may hold keys and results are passed around.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}=http://{}{}", self.name, self.address, self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_peer() {
        let peer: Peer =
            "x=http://127.0.0.1:4000/api/,pid=7,header=Authorization:Bearer k,header=X-A: b:c".parse().unwrap();
        assert_eq!((peer.name.as_str(), peer.prefix.as_str(), peer.pid), ("x", "/api", Some(7)));
        assert_eq!(peer.address, "127.0.0.1:4000".parse().unwrap());
        assert_eq!(peer.headers["authorization"], "Bearer k");
        assert_eq!(peer.headers["x-a"], "b:c");
    }

    #[test]
    fn a_bare_peer() {
        let peer: Peer = "x=http://localhost:4000".parse().unwrap();
        assert_eq!((peer.prefix.as_str(), peer.pid, peer.headers.len()), ("", None, 0));
        let six: Peer = "x=http://[::1]:4000".parse().unwrap();
        assert!(six.address.is_ipv6());
    }

    #[test]
    fn what_is_refused() {
        for wrong in [
            "x",
            "=http://127.0.0.1:1",
            "floor=http://127.0.0.1:1",
            "x=http://10.0.0.1:1",
            "x=http://example.com",
            "x=http://0.0.0.0:1",
            "x=https://127.0.0.1:1",
            "x=127.0.0.1:1",
            "x=http://127.0.0.1:1,pid=me",
            "x=http://127.0.0.1:1,header=none",
            "x=http://127.0.0.1:1,what=7",
        ] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_stay_out_of_results() {
        let peer: Peer = "x=http://127.0.0.1:1,header=authorization:secret".parse().unwrap();
        assert_eq!(serde_json::to_string(&peer).unwrap(), "\"x=http://127.0.0.1:1\"");
    }
}
