//! Whole answers, streams and errors of OpenAI's operations.

use bytes::Bytes;
use serde_json::Value;
use tollgate_testkit::recordings::cuts::Cuts;
use tollgate_testkit::recordings::oracle::{self, Ending, Tokens};
use tollgate_testkit::recordings::{Api, sse};

use super::operations::{asks_for_usage, has_usage_chunk, operation, play};
use super::replay::{self, Play, Played};
use super::{Tally, expect_none_wrong, recordings};

/// Streams up to this size are also sent byte by byte.
const BYTE_BY_BYTE: usize = 2000;
/// How many random ways each stream is cut in.
const SEEDS: u64 = 3;

#[tokio::test]
async fn clients_get_what_providers_sent() {
    let Some(recordings) = recordings() else { return };
    let mut tally = Tally::default();
    let mut streams = 0;
    let mut plays = Vec::new();
    for (number, exchange) in recordings.exchanges.iter().enumerate() {
        if operation(exchange.api).is_none() || exchange.method != "POST" {
            continue;
        }
        tally.add(&exchange.collection, exchange.api);
        let seed = |seed: u64| Cuts::random(seed << 32 | number as u64);
        plays.extend(play(exchange, "in one piece", Cuts::None, false));
        if !exchange.body.is_stream() {
            plays.extend(play(exchange, "cut", seed(1), false));
            continue;
        }
        streams += 1;
        for turn in 1..=SEEDS {
            let toggle = turn % 2 == 1 && has_usage_chunk(exchange.api);
            plays.extend(play(exchange, &format!("cut by seed {turn}"), seed(turn), toggle));
        }
        if exchange.body.bytes().len() <= BYTE_BY_BYTE {
            plays.extend(play(exchange, "byte by byte", Cuts::Every, false));
        }
    }
    let least: &[(&[Api], usize)] =
        &[(&[Api::Chat], 200), (&[Api::Responses], 50), (&[Api::Completions], 3), (&[Api::Embeddings], 2)];
    tally.report("recordings played through their operation", least);
    assert!(streams >= 100, "only {streams} streams");
    let count = plays.len();
    let played = replay::play(plays).await;
    expect_none_wrong(played.iter().filter_map(|(play, played)| Some((play, fault(play, played)?))), count);
}

/// What is wrong with what a client got, if anything is.
fn fault(play: &Play, played: &Played) -> Option<String> {
    let Ok(body) = &played.body else { return Some(format!("the body broke off: {:?}", played.body)) };
    let recorded = &play.body;
    if !play.exchange.is_success() {
        return error_fault(play.exchange.status, recorded, played, body);
    }
    if !play.exchange.body.is_stream() {
        if oracle::is_error_body(recorded) {
            let status = oracle::fault(recorded).status.unwrap_or(502);
            return error_fault(status, recorded, played, body);
        }
        if (played.status, body) != (play.exchange.status, recorded) {
            return Some(format!("status {}, {}", played.status, difference(recorded, body)));
        }
        return record_fault(play, played, oracle::tokens(play.exchange), None);
    }
    let events = sse::events(recorded);
    let first = events.iter().find_map(|event| sse::data(event));
    if let Some(first) = first.filter(|data| is_error_data(play.exchange.api, data)) {
        let status = oracle::fault(&first).status.unwrap_or(502);
        return error_fault(status, &first, played, body);
    }
    if played.status != 200 || !played.content_type.starts_with("text/event-stream") {
        return Some(format!("status {}, {}, {}", played.status, played.content_type, text(body)));
    }
    let ending = oracle::ending(play.exchange.api, recorded);
    let shaped = shaped(play, &events, ending == Ending::Complete);
    let expected: Vec<&[u8]> = shaped.iter().map(Vec::as_slice).collect();
    events_fault(&expected, body, ending == Ending::Truncated)
        .or_else(|| record_fault(play, played, oracle::tokens(play.exchange), Some(ending)))
}

/// The events that the client of a play is to get.
pub(super) fn shaped(play: &Play, events: &[&[u8]], is_complete: bool) -> Vec<Vec<u8>> {
    if has_usage_chunk(play.exchange.api) {
        return oracle::with_usage_in_its_place(events, asks_for_usage(play), is_complete);
    }
    events.iter().map(|event| event.to_vec()).collect()
}

fn is_error_data(api: Api, data: &[u8]) -> bool {
    serde_json::from_slice(data).is_ok_and(|payload: Value| oracle::is_error(api, &payload))
}

/// Compares events byte for byte, but for the line end after the last, which a provider may leave out, and for chunks that
/// lost their usage, which are written anew.
pub(super) fn events_fault(expected: &[&[u8]], body: &[u8], ends_in_error: bool) -> Option<String> {
    let mut got = sse::events(body);
    if ends_in_error {
        let mut errors = 0;
        while got.last().is_some_and(|event| is_error_event(event)) {
            got.pop();
            errors += 1;
        }
        if errors == 0 {
            return Some(format!("no error event at the end: {}", text(body)));
        }
    }
    let count = expected.len().max(got.len());
    let at = (0..count).find(|at| {
        let is_last = at + 1 == count;
        let line = |event: &&[u8]| if is_last { event.trim_ascii_end().to_vec() } else { event.to_vec() };
        let (expected, got) = (expected.get(*at), got.get(*at));
        let says_the_same = || expected.and_then(|event| sse::json(event)) == got.and_then(|event| sse::json(event));
        expected.map(line) != got.map(line)
            && !(expected.is_some_and(|event| sse::json(event).is_some()) && says_the_same())
    })?;
    let show = |events: &[&[u8]]| events.get(at).map_or("nothing".to_owned(), |event| text(event));
    Some(format!("event {at} of {} is {}, expected {}", expected.len(), show(&got), show(expected)))
}

fn is_error_event(event: &[u8]) -> bool {
    let payload = sse::json(event).unwrap_or_default();
    !payload["error"].is_null() || matches!(payload["type"].as_str(), Some("error" | "response.failed"))
}

/// An error keeps its status and says the same, in OpenAI's shape.
fn error_fault(status: u16, recorded: &[u8], played: &Played, body: &Bytes) -> Option<String> {
    let record = &played.record;
    if played.status != status || record["status"] != status {
        return Some(format!(
            "status {} and {} recorded, expected {status}; {}",
            played.status,
            record["status"],
            text(body)
        ));
    }
    if record["error"].is_null() || record["output_tokens"] != Value::Null {
        return Some(format!("the error is recorded as {}, {}", record["error"], told(record)));
    }
    let Ok(Value::Object(got)) = serde_json::from_slice::<Value>(body) else {
        return Some(format!("the error is no object: {}", text(body)));
    };
    let expected = oracle::fault(recorded);
    let mut error = got.get("error").cloned().unwrap_or_default();
    if let Some(expected) = expected.openai {
        error.as_object_mut().map(|error| error.remove("provider"));
        return (error != expected).then(|| format!("the error is {error}, expected {expected}"));
    }
    let same =
        |name: &str, expected: &Option<String>| expected.is_none() || error[name].as_str() == expected.as_deref();
    let complete = error["message"].as_str().is_some_and(|message| !message.is_empty()) && error["type"].is_string();
    let is_same = complete && same("message", &expected.message) && same("code", &expected.code);
    (!is_same).then(|| format!("the error is {error}, recorded is {}", text(recorded)))
}

/// The record holds what the provider counted, and says so; or it says that it is an estimate.
fn record_fault(play: &Play, played: &Played, tokens: Option<Tokens>, ending: Option<Ending>) -> Option<String> {
    let record = &played.record;
    let tokens = tokens.unwrap_or_default();
    let fails = ending.is_some_and(|ending| ending != Ending::Complete);
    if record["error"].is_null() == fails || record["status"] != played.status {
        return Some(format!("recorded status {} and error {}", record["status"], record["error"]));
    }
    let generates = play.exchange.api != Api::Embeddings;
    let estimated = fails || tokens.input.is_none() || (generates && tokens.output.is_none());
    if tokens.input.is_none() && record["input_tokens"].as_u64().unwrap_or(0) == 0 {
        return Some(format!("no estimate of the input: {}", told(record)));
    }
    tokens_fault(record, tokens, fails)
        .or_else(|| (record["estimated"] != estimated).then(|| format!("estimated is {}", record["estimated"])))
        .or_else(|| {
            // A stream says whether it was one, and when its first token came.
            (record["stream"] != play.exchange.body.is_stream()).then(|| format!("stream is {}", record["stream"]))
        })
}

/// Every count that is known is in the record. Of an answer that broke off there may have been more output than was
/// counted.
pub(super) fn tokens_fault(record: &Value, tokens: Tokens, breaks_off: bool) -> Option<String> {
    let counts = [
        ("input_tokens", tokens.input),
        ("output_tokens", tokens.output),
        ("cache_read_tokens", tokens.cache_read),
        ("cache_creation_tokens", tokens.cache_creation),
        ("reasoning_tokens", tokens.reasoning),
    ];
    let is_estimate = record["estimated"] == true;
    counts.into_iter().find_map(|(name, expected)| {
        let got = record[name].as_u64();
        let fits = match (name, expected) {
            ("output_tokens", Some(expected)) if breaks_off => got.is_some_and(|got| got >= expected),
            ("input_tokens" | "output_tokens", None) if is_estimate => true,
            _ => got == expected,
        };
        (!fits).then(|| format!("{name} is {got:?}, expected {expected:?}"))
    })
}

/// What a record says of tokens, for a message.
pub(super) fn told(record: &Value) -> String {
    let [input, output, estimated] = ["input_tokens", "output_tokens", "estimated"].map(|name| &record[name]);
    format!("input {input}, output {output}, estimated {estimated}")
}

fn difference(expected: &[u8], got: &[u8]) -> String {
    let at = expected.iter().zip(got).position(|(a, b)| a != b).unwrap_or(expected.len().min(got.len()));
    format!("differs from byte {at}: {}", text(&got[at.min(got.len())..]))
}

/// The beginning of a body, for a message.
pub(super) fn text(body: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
    format!("{shown:?}")
}
