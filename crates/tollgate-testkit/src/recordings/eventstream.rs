//! Amazon's binary framing of events, as far as recordings need it.

use flate2::Crc;
use serde_json::Value;

/// A frame that holds one event, given as `{"name": payload}`.
pub(super) fn frame(event: &Value) -> Vec<u8> {
    let (name, payload) =
        event.as_object().and_then(|object| object.iter().next()).map_or(("", &Value::Null), |(n, p)| (n.as_str(), p));
    let payload = payload.to_string();
    let mut headers = Vec::new();
    for (header, value) in [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(short(header.len()));
        headers.extend_from_slice(header.as_bytes());
        headers.extend_from_slice(&[7, 0, short(value.len())]);
        headers.extend_from_slice(value.as_bytes());
    }
    let total = 12 + headers.len() + payload.len() + 4;
    let mut frame = Vec::with_capacity(total);
    frame.extend_from_slice(&long(total));
    frame.extend_from_slice(&long(headers.len()));
    frame.extend_from_slice(&checksum(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&checksum(&frame));
    frame
}

/// The payloads of the frames that are JSON.
pub(super) fn payloads(mut stream: &[u8]) -> Vec<Value> {
    let mut payloads = Vec::new();
    while let Some((total, headers)) = lengths(stream) {
        let Some((frame, rest)) = stream.split_at_checked(total) else { break };
        payloads.extend(serde_json::from_slice::<Value>(&frame[12 + headers..total - 4]));
        stream = rest;
    }
    payloads
}

/// How long the first frame is, and its headers.
fn lengths(stream: &[u8]) -> Option<(usize, usize)> {
    let number = |at: usize| -> Option<usize> {
        usize::try_from(u32::from_be_bytes(stream.get(at..at + 4)?.try_into().ok()?)).ok()
    };
    Some((number(0)?, number(4)?)).filter(|(total, headers)| *total >= 16 + headers)
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

fn short(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn long(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_read_back() {
        let stream = [frame(&json!({ "a": { "x": 1 } })), frame(&json!({ "b": { "y": "ü" } }))].concat();
        assert_eq!(payloads(&stream), [json!({ "x": 1 }), json!({ "y": "ü" })]);
        assert_eq!(payloads(&stream[..stream.len() - 1]).len(), 1);
        // The first frame of a real recording begins so: its prelude has this checksum.
        assert_eq!(checksum(&[0, 0, 0, 0x85, 0, 0, 0, 0x52]), [0x99, 0x41, 0xd0, 0x53]);
    }
}
