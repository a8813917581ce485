//! Streams that end before their protocol says so.

use tollgate_testkit::recordings::cuts::{Cuts, Random};
use tollgate_testkit::recordings::oracle;
use tollgate_testkit::recordings::{Exchange, sse};

use super::answers::{events_fault, shaped, text, tokens_fault, told};
use super::operations::{operation, play};
use super::replay::{self, Play, Played};
use super::{Tally, expect_none_wrong, recordings};

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error() {
    let Some(recordings) = recordings() else { return };
    let mut tally = Tally::default();
    let mut plays = Vec::new();
    for (number, exchange) in recordings.exchanges.iter().enumerate() {
        if operation(exchange.api).is_none() || !exchange.body.is_stream() || !exchange.is_success() {
            continue;
        }
        let mut random = Random::new(number as u64);
        let Some(room) = room(exchange) else { continue };
        tally.add(&exchange.collection, exchange.api);
        for breaks in [false, true] {
            let length = room.start + random.below(room.len());
            let variant = format!("{length} bytes{}", if breaks { " and a broken connection" } else { "" });
            let play = play(exchange, &variant, Cuts::random(number as u64), false);
            plays.extend(play.map(|play| Play { body: play.body.slice(..length), breaks, ..play }));
        }
    }
    let count = plays.len();
    tally.report("recordings broken off", &[]);
    assert!(count >= 150, "only {count} plays");
    let played = replay::play(plays).await;
    expect_none_wrong(played.iter().filter_map(|(play, played)| Some((play, fault(play, played)?))), count);
}

/// How long the stream may be so that it has begun and has not ended: from the end of its first event with data to the
/// start of the one that ends it.
fn room(exchange: &Exchange) -> Option<std::ops::Range<usize>> {
    let stream = exchange.body.bytes();
    let offset = |event: &[u8]| event.as_ptr() as usize - stream.as_ptr() as usize;
    let events = sse::events(stream);
    let first = events.iter().find(|event| sse::data(event).is_some())?;
    let last = events.iter().find(|event| {
        let data = sse::data(event).unwrap_or_default();
        let payload = serde_json::from_slice(&data).unwrap_or_default();
        data == b"[DONE]" || oracle::finishes(exchange.api, &payload) || oracle::is_error(exchange.api, &payload)
    });
    let end = last.map_or(stream.len(), |last| offset(last));
    let start = offset(first) + first.len();
    (start < end).then_some(start..end)
}

fn fault(play: &Play, played: &Played) -> Option<String> {
    let Ok(body) = &played.body else { return Some(format!("the body broke off: {:?}", played.body)) };
    if played.status != 200 {
        return Some(format!("status {}: {}", played.status, text(body)));
    }
    let mut expected = sse::events(&play.body);
    // A piece of an event is not sent on, since the error after it could not be read; one that lacks its blank line is.
    let is_whole = |event: &[u8]| sse::data(event).is_some() && sse::json(event).is_some();
    if expected.last().is_some_and(|last| !is_terminated(last) && (play.breaks || !is_whole(last))) {
        let rest = expected.pop();
        // Whether the last line is complete cannot be known when the connection breaks.
        if rest.is_some_and(is_whole) && shaped_fault(play, &with(&expected, rest), body).is_none() {
            expected.extend(rest);
        }
    }
    if body.windows(6).any(|window| window == b"[DONE]") {
        return Some("a broken stream must not be called done".to_owned());
    }
    let record = &played.record;
    let tokens = oracle::tokens_in(play.exchange.api, &expected.concat(), true).unwrap_or_default();
    shaped_fault(play, &expected, body)
        .or_else(|| numbers_fault(body))
        .or_else(|| record["error"].is_null().then(|| "no error is recorded".to_owned()))
        .or_else(|| (record["estimated"] != true).then(|| format!("not estimated: {}", told(record))))
        .or_else(|| (record["status"] != 200).then(|| format!("recorded status {}", record["status"])))
        .or_else(|| record["input_tokens"].is_null().then(|| "no input is recorded".to_owned()))
        .or_else(|| tokens_fault(record, tokens, true))
}

fn shaped_fault(play: &Play, expected: &[&[u8]], body: &[u8]) -> Option<String> {
    let shaped = shaped(play, expected, false);
    events_fault(&shaped.iter().map(Vec::as_slice).collect::<Vec<_>>(), body, true)
}

/// The events that report the failure go on with the numbers of those before, where those have numbers.
fn numbers_fault(body: &[u8]) -> Option<String> {
    let numbers: Vec<u64> =
        sse::events(body).into_iter().filter_map(|event| sse::json(event)?["sequence_number"].as_u64()).collect();
    let tail = &numbers[numbers.len().saturating_sub(3)..];
    (!tail.is_sorted_by(|one, next| one + 1 == *next)).then(|| format!("the last events are numbered {tail:?}"))
}

fn is_terminated(event: &[u8]) -> bool {
    [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"].iter().any(|end| event.ends_with(end))
}

fn with<'a>(events: &[&'a [u8]], rest: Option<&'a [u8]>) -> Vec<&'a [u8]> {
    events.iter().copied().chain(rest).collect()
}
