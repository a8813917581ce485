//! Clients that keep asking, whoever answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::bench::payload;

/// Clients on threads of their own.
#[derive(Debug)]
pub(super) struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<Answer>>>,
}

/// An answer whose end a client has seen.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The id of the request.
    pub(super) id: String,
    /// When the end had been seen.
    pub(super) at: Instant,
}

#[derive(Debug, Default)]
struct Shared {
    address: Mutex<Option<SocketAddr>>,
    answered: AtomicU64,
    is_over: AtomicBool,
}

const TIMEOUT: Duration = Duration::from_secs(5);

// === impl Clients ===

impl Clients {
    pub(super) fn start(count: usize) -> Self {
        let shared = Arc::<Shared>::default();
        let start = |client| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.ask(client))
        };
        Self { threads: (0..count).map(start).collect(), shared }
    }

    /// From now on asks somebody else.
    pub(super) fn turn_to(&self, address: SocketAddr) {
        *self.shared.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    pub(super) fn answered(&self) -> u64 {
        self.shared.answered.load(Relaxed)
    }

    /// Ends, and tells all that was answered.
    pub(super) fn stop(&mut self) -> Vec<Answer> {
        self.shared.is_over.store(true, Relaxed);
        self.threads.drain(..).flat_map(|thread| thread.join().unwrap_or_default()).collect()
    }
}

// === impl Shared ===

impl Shared {
    fn ask(&self, client: usize) -> Vec<Answer> {
        let bodies = [false, true].map(|stream| payload::chat("mock-model", 400, stream));
        let mut answers = Vec::new();
        for number in 0_usize.. {
            if self.is_over.load(Relaxed) {
                break;
            }
            let address = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
            let id = format!("client-{client}-{number}");
            let is_answered = address.is_some_and(|address| is_answered(address, &id, &bodies[number % 2]));
            if is_answered {
                answers.push(Answer { id, at: Instant::now() });
                self.answered.fetch_add(1, Relaxed);
            } else {
                // Nobody is there just now.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        answers
    }
}

/// Whether a request was answered well and to its end.
fn is_answered(address: SocketAddr, id: &str, body: &[u8]) -> bool {
    exchange(address, id, body).is_ok_and(|answer| is_whole(&answer))
}

fn exchange(address: SocketAddr, id: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-request-id: {id}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    let mut piece = [0; 16 * 1024];
    // Until the answer is whole, and not until the connection ends: the answer's end is what counts as seen.
    while !is_whole(&answer) {
        match stream.read(&mut piece)? {
            0 => break,
            length => answer.extend_from_slice(&piece[..length]),
        }
    }
    Ok(answer)
}

/// Whether an HTTP/1.1 answer with the status 200 is complete.
fn is_whole(answer: &[u8]) -> bool {
    let Some(split) = memchr::memmem::find(answer, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
    let body = &answer[split + 4..];
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    if !head.starts_with("http/1.1 200") {
        return false;
    }
    match header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_broke_off_is_not_whole() {
        for (answer, expect) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", false),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n", false),
            ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", false),
            ("", false),
        ] {
            assert_eq!(is_whole(answer.as_bytes()), expect, "{answer:?}");
        }
    }
}
