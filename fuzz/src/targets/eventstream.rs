//! Frames come out as they went in, however the stream was cut, and noise is refused.

use bytes::Bytes;
use tollgate_protocols::eventstream::{Decoder, Fault, Frame, Value, encode, encode_event};

use super::cut::cut;

/// Decodes the input as it is, and as payload and headers of frames whose checksums are right.
///
/// # Panics
/// If bytes are lost, if a cut changes the frames, if a frame exceeds the limit, or if what was encoded is not decoded.
pub fn eventstream(data: &[u8]) {
    let (payload, chunks) = cut(data);
    check(&payload, &chunks);

    let (name, rest) = payload.split_at(payload.len().min(9));
    let headers = [("bytes", Value::Bytes(rest)), (":event-type", Value::Text("x"))];
    let header = encode(&headers, name).expect("inputs are short");
    let event = encode_event("x", &payload).expect("inputs are short");
    check_encoded(&[header, event], data);

    // Foreign headers under right checksums: else nothing generated would get past them.
    check(&framed(&payload), &[framed(&payload)]);
}

fn check(stream: &Bytes, chunks: &[Bytes]) {
    let (frames, fault, rest) = decode(chunks, usize::MAX);
    let whole = decode(std::slice::from_ref(stream), usize::MAX);
    assert_eq!((&frames, fault), (&whole.0, whole.1), "a cut changes the frames");
    if fault.is_none() {
        let said: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes().to_vec()).collect();
        assert_eq!([&said[..], &rest].concat(), stream[..], "bytes are lost");
    }
    let limit = chunks.len() * 8;
    assert!(decode(chunks, limit).0.iter().all(|frame| frame.bytes().len() <= limit), "a frame exceeds the limit");
}

fn check_encoded(encoded: &[Bytes], data: &[u8]) {
    let lengths = data.iter().take(8).copied();
    let stream =
        Bytes::from([&lengths.collect::<Vec<_>>()[..], &[1; 8][data.len().min(8)..], &encoded.concat()].concat());
    let (_, chunks) = cut(&stream);
    let (frames, fault, rest) = decode(&chunks, usize::MAX);
    assert_eq!((fault, rest.len()), (None, 0), "a frame of ours is refused");
    assert_eq!(frames.iter().map(Frame::bytes).collect::<Vec<_>>(), encoded.iter().collect::<Vec<_>>());
    assert!(frames.iter().all(|frame| frame.event_type() == Some("x")));
}

/// A frame whose headers and payload are the input.
fn framed(input: &[u8]) -> Bytes {
    let total = u32::try_from(input.len() + 16).expect("inputs are short");
    let headers = u32::from(input.first().copied().unwrap_or_default());
    let mut frame = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(input.get(1..).unwrap_or_default());
    frame.resize(input.len() + 12, 0);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.into()
}

fn decode(chunks: &[Bytes], limit: usize) -> (Vec<Frame>, Option<Fault>, Bytes) {
    let mut decoder = Decoder::new(limit);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(fault) => return (frames, Some(fault), Bytes::new()),
            }
        }
    }
    (frames, None, decoder.take_rest())
}
