//! The checks against real answers: these must pass, and what is broken in them must be found.

use std::collections::BTreeMap;

use super::*;
use crate::recordings::{Answer, Api, Exchange, Recordings, sse};

fn front(exchange: &Exchange) -> Option<Front> {
    let is_at = |names: &[&str]| names.iter().any(|name| exchange.provider.contains(name));
    match exchange.api {
        Api::Chat if is_at(&["openai.com"]) => Some(Front::Chat),
        Api::Embeddings if is_at(&["openai.com"]) => Some(Front::Embeddings),
        Api::Responses if is_at(&["openai.com"]) => Some(Front::Responses),
        Api::Messages if is_at(&["anthropic"]) => Some(Front::Messages),
        Api::Gemini if is_at(&["google"]) => Some(Front::Gemini),
        _ => None,
    }
}

fn found(front: Front, exchange: &Exchange) -> Vec<String> {
    match &exchange.body {
        Answer::Whole(body) => whole(front, exchange.status, body).unwrap(),
        Answer::Stream(body) => {
            let asks = exchange.asks_for_usage()
                || (exchange.request.is_none()
                    && sse::events(body).iter().any(|event| {
                        sse::json(event).is_some_and(|payload| crate::recordings::oracle::is_usage_chunk(&payload))
                    }));
            stream(front, body, asks).unwrap()
        }
    }
}

#[test]
fn real_answers_conform() {
    if loaded_or_skip() {
        return;
    }
    let recordings = Recordings::load_shared().unwrap();
    let (mut seen, mut right, mut kinds) = (0, 0, BTreeMap::<String, (usize, String)>::new());
    for exchange in &recordings.exchanges {
        let Some(front) = front(exchange) else { continue };
        let mut violations = found(front, exchange);
        // Older answers of OpenAI lack what Open Responses requires; a gateway has it.
        violations.retain(|violation| !violation.contains("[open-responses"));
        seen += 1;
        right += usize::from(violations.is_empty());
        for violation in violations {
            let key: String = violation.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
            kinds.entry(format!("{front:?} {key}")).or_insert((0, exchange.to_string())).0 += 1;
        }
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (kind, (count, example)) in &kinds {
        println!("{count:5} {kind} ({example})");
    }
    println!("{right} of {seen}");
    assert!(seen > 300 && right * 100 >= seen * 90, "{right} of {seen}");
}

fn loaded_or_skip() -> bool {
    specs::loaded().is_err()
}

/// Each mutation is made to real streams that conform, with more than six events.
#[test]
fn broken_streams_are_found() {
    type Mutation = fn(&mut Vec<&[u8]>);
    const MUTATIONS: &[(&str, Mutation)] = &[
        ("the first is missing", |events| *events = events.split_off(1)),
        ("the last is missing", |events| events.truncate(events.len() - 1)),
        ("the last comes twice", |events| events.extend(events.last().copied())),
        ("the first comes in the end", |events| events.rotate_left(1)),
        ("the last two are swapped", |events| {
            let count = events.len();
            events.swap(count - 2, count - 1);
        }),
    ];
    if loaded_or_skip() {
        return;
    }
    let mut tried = BTreeMap::<String, usize>::new();
    for exchange in &Recordings::load_shared().unwrap().exchanges {
        let (Some(front), Answer::Stream(body)) = (front(exchange), &exchange.body) else { continue };
        let events = sse::events(body);
        if front == Front::Gemini || events.len() <= 6 || !found(front, exchange).is_empty() {
            continue;
        }
        for (name, mutate) in MUTATIONS {
            let mut events = events.clone();
            mutate(&mut events);
            let broken = Exchange { body: Answer::Stream(events.concat().into()), ..exchange.clone() };
            assert!(!found(front, &broken).is_empty(), "{name}: {exchange}");
            *tried.entry(format!("{front:?}")).or_default() += 1;
        }
    }
    println!("{tried:?}");
    assert!(tried.len() >= 2, "{tried:?}");
}
