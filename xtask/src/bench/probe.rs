//! Single requests to our own children, outside any measurement: is it up, change the settings.
//!
//! They block, since nothing else runs meanwhile, and a start is timed closest without a runtime between.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);

/// The status of `GET path`, or nothing if there was no answer.
pub(super) fn get(address: SocketAddr, path: &str) -> Option<u16> {
    status(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))
}

/// The body of `GET path`, or nothing if there was no answer.
pub(super) fn body(address: SocketAddr, path: &str) -> Option<String> {
    let answer = exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))?;
    let answer = String::from_utf8(answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// The status of `POST path` with a JSON body, or nothing if there was no answer.
pub(super) fn post(address: SocketAddr, path: &str, body: &str) -> Option<u16> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}");
    status(address, &format!("{head}\r\n\r\n{body}"))
}

fn status(address: SocketAddr, request: &str) -> Option<u16> {
    parse_status(&exchange(address, request)?)
}

fn exchange(address: SocketAddr, request: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(answer)
}

fn parse_status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_in_the_first_line() {
        assert_eq!(parse_status(b"HTTP/1.1 200 OK\r\nx: HTTP/1.1 500\r\n\r\n"), Some(200));
        assert_eq!(parse_status(b"HTTP/1.1 204\r\n"), Some(204));
        assert_eq!(parse_status(b""), None);
    }
}
