//! Events come out as they went in, however the stream was cut.

use bytes::Bytes;
use tollgate_protocols::sse::{self, Decoder};

use super::cut::cut;

/// Decodes a stream whole, cut, and under a limit.
///
/// # Panics
/// If bytes are lost, if a cut changes what the events say, or if an event exceeds the limit.
pub fn sse_decoder(data: &[u8]) {
    let (payload, chunks) = cut(data);
    let (events, rest) = decode(&chunks, usize::MAX).expect("there is no limit");
    let (whole_events, whole_rest) = decode(std::slice::from_ref(&payload), usize::MAX).expect("there is no limit");
    for (events, rest) in [(&events, &rest), (&whole_events, &whole_rest)] {
        assert_eq!([&events.concat()[..], &rest[..]].concat(), payload, "bytes are lost");
    }

    let limit = chunks.len() % 32;
    if let Ok((events, _)) = decode(&chunks, limit) {
        assert!(events.iter().all(|event| event.len() <= limit), "an event exceeds the limit");
    }
    assert_eq!(said(&events), said(&whole_events), "a cut changes the events");
    assert_eq!(sse::data(&rest), sse::data(&whole_rest), "a cut changes the rest");
}

fn decode(chunks: &[Bytes], limit: usize) -> Result<(Vec<Bytes>, Bytes), sse::TooLarge> {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(event) = decoder.next_event()? {
            events.push(event);
        }
    }
    Ok((events, decoder.take_rest()))
}

/// Names and data. The very bytes of events may differ: where a chunk ends between CR and LF, the LF comes with the next.
fn said(events: &[Bytes]) -> Vec<(Option<&[u8]>, Vec<u8>)> {
    events.iter().filter_map(|event| Some((sse::name(event), sse::data(event)?.into_owned()))).collect()
}
