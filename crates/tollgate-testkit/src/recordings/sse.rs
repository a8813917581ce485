//! Server-sent events, read in the plainest way: no streaming, no shared code with the gateway.

use serde_json::Value;

/// The events of a stream with their bytes, each up to and including its blank line; the last may lack it. Blank lines
/// before an event belong to no event and are left out.
#[must_use]
pub fn events(stream: &[u8]) -> Vec<&[u8]> {
    let mut events = Vec::new();
    let (mut start, mut at, mut has_lines) = (0, 0, false);
    while at < stream.len() {
        let line_end = stream[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map(|offset| at + offset);
        let Some(line_end) = line_end else { break };
        let is_blank = line_end == at;
        let is_crlf = stream[line_end..].starts_with(b"\r\n");
        at = line_end + if is_crlf { 2 } else { 1 };
        if !is_blank {
            has_lines = true;
            continue;
        }
        if has_lines {
            events.push(&stream[start..at]);
        }
        (start, has_lines) = (at, false);
    }
    if start < stream.len() {
        events.push(&stream[start..]);
    }
    events
}

/// The data of an event; `None` if it has none.
#[must_use]
pub fn data(event: &[u8]) -> Option<Vec<u8>> {
    let event = event.strip_prefix("\u{feff}".as_bytes()).unwrap_or(event);
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    let values: Vec<&[u8]> = lines
        .filter_map(|line| match line.strip_prefix(b"data")? {
            [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
            _ => None,
        })
        .collect();
    (!values.is_empty()).then(|| values.join(&b'\n'))
}

/// The data of an event as JSON; `None` if it is none.
#[must_use]
pub fn json(event: &[u8]) -> Option<Value> {
    serde_json::from_slice(&data(event)?).ok()
}

/// Whether a body is a stream of events.
#[must_use]
pub fn looks_like_events(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b"retry:", b": ", b":\n"].iter().any(|field| body.starts_with(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_every_line_end() {
        let cut = |text: &'static str| -> Vec<&str> {
            events(text.as_bytes()).into_iter().map(|event| std::str::from_utf8(event).expect("text")).collect()
        };
        assert_eq!(cut("data: a\n\ndata: b\n\n"), ["data: a\n\n", "data: b\n\n"]);
        assert_eq!(cut("\n\ndata: a\r\n\r\n: c\n\ndata: b"), ["data: a\r\n\r\n", ": c\n\n", "data: b"]);
        assert_eq!(cut("data: a\r\rdata: b\n\n\n"), ["data: a\r\r", "data: b\n\n"]);
        assert_eq!(data(b"event: x\ndata: a\ndata:b\n\n").as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(data(b": ping\n\n"), None);
    }
}
