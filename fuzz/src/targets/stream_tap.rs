//! A tap passes everything on and learns the same however the stream was cut.

use bytes::Bytes;
use tollgate_protocols::tap::{Dialect, Ending, Facts, StreamTap, Tapped};

use super::cut::cut;

/// Taps a stream in every dialect, whole and cut.
///
/// # Panics
/// If the events that are given out are not the stream's bytes, or if a cut changes the facts.
pub fn stream_tap(data: &[u8]) {
    let (payload, chunks) = cut(data);
    for dialect in [Dialect::Chat, Dialect::Responses, Dialect::Any] {
        for hide_usage in [false, true] {
            let cut = tap(dialect, hide_usage, &chunks, &payload);
            let whole = tap(dialect, hide_usage, std::slice::from_ref(&payload), &payload);
            assert!(cut == whole, "a cut changes the facts in {dialect:?}: {cut:?} and {whole:?}");
        }
    }
    bounded(&chunks);
}

fn tap(dialect: Dialect, hide_usage: bool, chunks: &[Bytes], payload: &[u8]) -> (Facts, Vec<Tapped>, Ending) {
    let mut tap = StreamTap::new(dialect, hide_usage, usize::MAX);
    let mut passed = Vec::new();
    let mut kinds = Vec::new();
    for chunk in chunks {
        tap.push(chunk.clone());
        while let Some(event) = tap.next_event().expect("there is no limit") {
            passed.extend_from_slice(&event.bytes);
            kinds.push(event.is);
        }
    }
    // A Chat Completions stream has its usage moved to its end; the others leave as they came.
    let is_forwarded = dialect != Dialect::Chat;
    assert!(!is_forwarded || payload.starts_with(&passed), "an event is not what came");
    let (last, ending) = tap.finish();
    if let Some(last) = last {
        if is_forwarded {
            assert_eq!(last.bytes, [&payload[passed.len()..], b"\n\n"].concat(), "the last event is not what came");
        }
        kinds.push(last.is);
    }
    // A blank line more or less is of no interest; see the target `sse_decoder`.
    kinds.retain(|kind| *kind != Tapped::Silent);
    (tap.facts().clone(), kinds, ending)
}

/// Under a limit it may refuse, but not pass on more than that.
fn bounded(chunks: &[Bytes]) {
    let mut tap = StreamTap::new(Dialect::Any, false, 64);
    for chunk in chunks {
        tap.push(chunk.clone());
        loop {
            match tap.next_event() {
                Ok(Some(event)) => assert!(event.bytes.len() <= 512, "an event exceeds the limit"),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    tap.finish();
}
