//! Whatever a provider answers, reading it does no harm.

use tollgate_core::Operation;
use tollgate_protocols::tap::{TailTap, Whole};
use tollgate_protocols::{failure, openai, usage as counts};

use super::cut::cut;

/// Reads an answer in every way in which whole answers are read.
///
/// # Panics
/// If something panics, if a usage without a count is reported, or if a cut changes what is found at the end.
pub fn usage(data: &[u8]) {
    let (payload, chunks) = cut(data);
    let usage = counts::parse(&payload);
    assert!(usage.is_none_or(|usage| !usage.is_empty()), "an empty usage");
    if let Some(usage) = usage {
        let _ = usage.total();
    }
    let whole = Whole::read(&payload);
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_ok();
    assert!(is_json || whole.is_err(), "an answer that is no JSON");
    let failure = failure::read(&payload);
    assert!(failure.status.is_none_or(|status| (400..600).contains(&status)), "{failure:?}");
    for operation in [Operation::ChatCompletions, Operation::Completions] {
        for with_usage in [false, true] {
            if let Some(events) = openai::whole_as_stream(operation, &payload, with_usage) {
                assert!(events.ends_with(b"data: [DONE]\n\n"), "a stream without an end");
            }
        }
    }

    let mut tail = TailTap::default();
    chunks.iter().for_each(|chunk| tail.push(chunk));
    assert_eq!(tail.total(), payload.len());
    let mut at_once = TailTap::default();
    at_once.push(&payload);
    assert_eq!(tail.facts(), at_once.facts(), "a cut changes the facts");
}
