//! Every recorded stream through the gateway's tap, cut at random bytes.

use bytes::Bytes;
use tollgate_core::Usage;
use tollgate_protocols::tap::{Dialect, Ending, Facts, StreamTap, Tapped};

use super::cuts::{Cuts, pieces};
use super::oracle::{self, Tokens};
use super::{Api, Exchange, Recordings, sse};

/// How many ways each stream is cut in.
const SEEDS: u64 = 12;
/// How many streams are cut in two at every byte, and how large they may be.
const EVERY_CUT: usize = 12;
const EVERY_CUT_SIZE: usize = 3000;

fn streams() -> Option<Vec<Exchange>> {
    let recordings = Recordings::load_shared()?;
    let streams: Vec<Exchange> = recordings.exchanges.into_iter().filter(|one| one.body.is_stream()).collect();
    assert!(streams.len() >= 150, "only {} recorded streams", streams.len());
    Some(streams)
}

fn dialect(api: Api) -> Dialect {
    match api {
        Api::Chat | Api::Completions => Dialect::Chat,
        Api::Responses => Dialect::Responses,
        _ => Dialect::Any,
    }
}

/// What a tap says of a stream that comes in these pieces.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Without the line ends around them: of a CRLF that is cut, the LF may come with the next event.
    events: Vec<(Vec<u8>, Tapped)>,
    /// All events one after the other, without the line end after the last.
    bytes: Vec<u8>,
    facts: Facts,
    ending: Ending,
}

fn tap(exchange: &Exchange, pieces: impl IntoIterator<Item = Bytes>) -> Seen {
    let mut tap = StreamTap::new(dialect(exchange.api), true, usize::MAX);
    let mut events = Vec::new();
    for piece in pieces {
        tap.push(piece);
        while let Some(event) = tap.next_event().expect("no event is too large") {
            events.push((event.bytes, event.is));
        }
    }
    let (last, ending) = tap.finish();
    events.extend(last.map(|last| (last.bytes, last.is)));
    let bytes = events.iter().map(|(bytes, _)| bytes.as_ref()).collect::<Vec<_>>().concat().trim_ascii_end().to_vec();
    // What is left of the last CRLF is no event.
    events.retain(|(bytes, _)| !bytes.trim_ascii().is_empty());
    let events = events.into_iter().map(|(bytes, is)| (bytes.trim_ascii().to_vec(), is)).collect();
    Seen { events, bytes, facts: tap.facts().clone(), ending }
}

fn tokens(usage: Usage) -> Tokens {
    Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_creation: usage.cache_creation,
        reasoning: usage.reasoning,
    }
}

/// What is wrong with what a tap saw, by the oracle.
fn faults(exchange: &Exchange, seen: &Seen) -> Option<String> {
    let stream = exchange.body.bytes();
    let expected = oracle::tokens(exchange);
    let told = seen.facts.usage.map(tokens);
    // All that embeddings and partial counts lack is for the adapter to estimate.
    if exchange.api != Api::Other && told != expected {
        return Some(format!("tokens {told:?}, expected {expected:?}"));
    }
    let is_chat = dialect(exchange.api) == Dialect::Chat;
    let recorded = sse::events(stream);
    let is_complete = oracle::ending(exchange.api, stream) == oracle::Ending::Complete;
    let expected = if is_chat {
        oracle::with_usage_in_its_place(&recorded, false, is_complete)
    } else {
        recorded.iter().map(|event| event.to_vec()).collect()
    };
    let sent: Vec<&Vec<u8>> =
        seen.events.iter().filter(|(_, is)| *is != Tapped::Withheld).map(|(bytes, _)| bytes).collect();
    if let Some(at) = (0..expected.len().max(sent.len())).find(|at| {
        let (expected, sent) = (expected.get(*at), sent.get(*at));
        let json = |event: &[u8]| sse::json(event);
        expected.map(|event| event.trim_ascii()) != sent.map(|event| event.trim_ascii())
            && !(expected.is_some_and(|event| json(event).is_some())
                && expected.and_then(|event| json(event)) == sent.and_then(|event| json(event)))
    }) {
        return Some(format!("event {at} of {} differs", expected.len()));
    }
    if dialect(exchange.api) == Dialect::Any {
        return None;
    }
    let expected = match oracle::ending(exchange.api, stream) {
        oracle::Ending::Complete => Ending::Complete,
        oracle::Ending::Failed => Ending::Failed,
        oracle::Ending::Truncated => Ending::Truncated,
    };
    (seen.ending != expected).then(|| format!("ends {:?}, expected {expected:?}", seen.ending))
}

#[test]
fn every_stream_is_understood_however_it_is_cut() {
    let Some(streams) = streams() else { return };
    let mut wrong = Vec::new();
    for (index, exchange) in streams.iter().enumerate() {
        let stream = exchange.body.bytes();
        let whole = tap(exchange, [stream.clone()]);
        wrong.extend(faults(exchange, &whole).map(|fault| format!("{exchange}: {fault}")));
        for seed in 0..SEEDS {
            let cuts = Cuts::random(seed << 32 | index as u64);
            if tap(exchange, pieces(stream, cuts)) != whole {
                wrong.push(format!("{exchange}: differs when cut by seed {seed}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} streams:\n{}", wrong.len(), streams.len(), wrong.join("\n"));
}

#[test]
fn a_cut_at_any_byte_makes_no_difference() {
    let Some(mut streams) = streams() else { return };
    streams.sort_by_key(|exchange| exchange.body.bytes().len());
    streams.retain(|exchange| exchange.body.bytes().len() <= EVERY_CUT_SIZE);
    // Spread over all of them, so that the few are of several kinds.
    let step = (streams.len() / EVERY_CUT).max(1);
    for exchange in streams.iter().step_by(step) {
        let stream = exchange.body.bytes();
        let whole = tap(exchange, [stream.clone()]);
        for at in 1..stream.len() {
            let seen = tap(exchange, [stream.slice(..at), stream.slice(at..)]);
            assert_eq!(seen, whole, "{exchange} cut at byte {at}");
        }
        let bytes = (0..stream.len()).map(|at| stream.slice(at..=at));
        assert_eq!(tap(exchange, bytes), whole, "{exchange} byte by byte");
    }
}
