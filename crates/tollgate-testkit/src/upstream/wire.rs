//! HTTP/1.1 by hand, because a library would not let a test break it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::reply::{Head, Reply, Step};
use super::{Received, State};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Complete,
    /// By the script; the connection must be closed.
    Cut,
}

struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn one(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) async fn serve(mut socket: TcpStream, state: Arc<State>) {
    let _open = Counted::one(&state.connections);
    let _ = socket.set_nodelay(true);
    let (mut reader, mut writer) = socket.split();
    let mut buffer = BytesMut::new();
    while let Ok(Some(request)) = read_request(&mut reader, &mut writer, &mut buffer).await {
        let is_head = request.method == Method::HEAD;
        state.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(request.clone());
        let reply = (state.handler)(&request);
        let _answering = Counted::one(&state.answering);
        let answered = {
            let mut answering = std::pin::pin!(answer(&mut writer, reply, is_head));
            loop {
                tokio::select! {
                    biased;
                    ended = &mut answering => break ended,
                    // A peer that goes is seen here even while nothing is written. What it sends early is kept.
                    read = reader.read_buf(&mut buffer) => if read.unwrap_or(0) == 0 {
                        break Err(io::ErrorKind::ConnectionAborted.into());
                    },
                }
            }
        };
        match answered {
            Ok(Ended::Complete) => {}
            Ok(Ended::Cut) => return,
            Err(_) => {
                state.aborted.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
}

async fn read_request(
    reader: &mut ReadHalf<'_>,
    writer: &mut WriteHalf<'_>,
    buffer: &mut BytesMut,
) -> io::Result<Option<Received>> {
    let end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end;
        }
        if reader.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = buffer.split_to(end + 4);
    let mut lines = str::from_utf8(&head).map_err(|_| malformed())?.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().and_then(|method| method.parse().ok()).ok_or_else(malformed)?;
    let path_and_query = first.next().ok_or_else(malformed)?.to_owned();
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let name: HeaderName = name.parse().map_err(|_| malformed())?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| malformed())?);
    }
    if headers.get("expect").is_some_and(|value| value == "100-continue") {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        read_chunks(reader, buffer).await?
    } else {
        let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        fill(reader, buffer, length).await?;
        buffer.split_to(length).freeze()
    };
    Ok(Some(Received { method, path_and_query, headers, body }))
}

async fn read_chunks(reader: &mut ReadHalf<'_>, buffer: &mut BytesMut) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let end = loop {
            if let Some(end) = find(buffer, b"\r\n") {
                break end;
            }
            fill(reader, buffer, buffer.len() + 1).await?;
        };
        let line = buffer.split_to(end + 2);
        let length = str::from_utf8(&line[..end]).map_err(|_| malformed())?;
        let length = usize::from_str_radix(length.split(';').next().unwrap_or_default().trim(), 16);
        let length = length.map_err(|_| malformed())?;
        fill(reader, buffer, length + 2).await?;
        body.extend_from_slice(&buffer[..length]);
        buffer.advance(length + 2);
        if length == 0 {
            return Ok(body.freeze());
        }
    }
}

async fn fill(reader: &mut ReadHalf<'_>, buffer: &mut BytesMut, length: usize) -> io::Result<()> {
    while buffer.len() < length {
        if reader.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

async fn answer(writer: &mut WriteHalf<'_>, reply: Reply, is_head: bool) -> io::Result<Ended> {
    let Reply { head, steps } = reply;
    let Some(head) = head else {
        for step in steps {
            match step {
                Step::Bytes(bytes) => writer.write_all(&bytes).await?,
                Step::Repeat(bytes, times) => {
                    for _ in 0..times {
                        writer.write_all(&bytes).await?;
                    }
                }
                other => {
                    if pause(other).await == Ended::Cut {
                        break;
                    }
                }
            }
        }
        return Ok(Ended::Cut);
    };
    tokio::time::sleep(head.delay).await;
    // Whole answers have a length, as providers' have; answers in steps are chunked.
    let whole = match &steps[..] {
        [] => Some(Bytes::new()),
        [Step::Bytes(bytes)] => Some(bytes.clone()),
        _ => None,
    };
    if let Some(body) = whole {
        let mut out = head_bytes(&head, &format!("content-length: {}\r\n", body.len()));
        if !is_head {
            out.extend_from_slice(&body);
        }
        writer.write_all(&out).await?;
        return Ok(Ended::Complete);
    }
    writer.write_all(&head_bytes(&head, "transfer-encoding: chunked\r\n")).await?;
    for step in steps {
        match step {
            Step::Bytes(bytes) => write_chunk(writer, &bytes).await?,
            Step::Repeat(bytes, times) => {
                for _ in 0..times {
                    write_chunk(writer, &bytes).await?;
                }
            }
            other => {
                if pause(other).await == Ended::Cut {
                    return Ok(Ended::Cut);
                }
            }
        }
    }
    writer.write_all(b"0\r\n\r\n").await?;
    Ok(Ended::Complete)
}

/// A step that writes nothing.
async fn pause(step: Step) -> Ended {
    match step {
        Step::Wait(wait) => tokio::time::sleep(wait).await,
        Step::Gate(gate) => gate.wait().await,
        Step::Hang => std::future::pending().await,
        Step::Cut | Step::Bytes(_) | Step::Repeat(..) => return Ended::Cut,
    }
    Ended::Complete
}

fn head_bytes(head: &Head, framing: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Scripted\r\n", head.status);
    for (name, value) in &head.headers {
        text += &format!("{name}: {value}\r\n");
    }
    (text + framing + "\r\n").into_bytes()
}

async fn write_chunk(writer: &mut WriteHalf<'_>, bytes: &[u8]) -> io::Result<()> {
    // An empty chunk would end the body.
    if bytes.is_empty() {
        return Ok(());
    }
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    writer.write_all(&out).await
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not HTTP/1.1")
}
