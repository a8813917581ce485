//! Documents of the protocols, changed so that they stay JSON: damaged bytes seldom get far into a codec.

use std::sync::LazyLock;

use serde_json::Value;

use crate::harness::{Input, damage};
use crate::seeds;

/// Requests of clients.
pub const REQUESTS: Input = Input { seeds: seeds::REQUESTS, generate: |random| generate(random, &REQUEST_POOL) };

/// Whole answers of providers.
pub const ANSWERS: Input = Input { seeds: seeds::ANSWERS, generate: |random| generate(random, &ANSWER_POOL) };

/// Streamed answers of providers: one event on a line.
pub const STREAMS: Input = Input { seeds: seeds::STREAMS, generate: |random| generate(random, &STREAM_POOL) };

static REQUEST_POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(seeds::REQUESTS));
static ANSWER_POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(seeds::ANSWERS));
static STREAM_POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(seeds::STREAMS));

/// Values of every type, among them those at the edge of what a number can hold.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "0.5",
    "1e400",
    "-0.0",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "\"\"",
    "\" \"",
    "\"x\"",
    "\"{\\\"a\\\":1}\"",
    "\"\\u0000\\ud83d\\ude00\"",
    "\"data:;base64,\"",
    "\"tollgate:google:x\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[{}]",
    "{\"\":{}}",
    "{\"type\":\"x\"}",
];

/// What a set of documents is made of.
struct Pool {
    documents: Vec<Vec<Option<Value>>>,
    names: Vec<String>,
    values: Vec<Value>,
}

impl Pool {
    fn new(seeds: &[&str]) -> Self {
        // A line that is no JSON is the end of a stream.
        let read = |seed: &&str| seed.lines().map(|line| serde_json::from_str(line).ok()).collect();
        let documents: Vec<Vec<Option<Value>>> = seeds.iter().map(read).collect();
        let mut pool = Self { documents: Vec::new(), names: Vec::new(), values: Vec::new() };
        documents.iter().flatten().flatten().for_each(|value| pool.gather(value));
        pool.values.extend(VALUES.iter().filter_map(|text| serde_json::from_str(text).ok()));
        pool.names.sort();
        pool.names.dedup();
        Self { documents, ..pool }
    }

    fn gather(&mut self, value: &Value) {
        self.values.push(value.clone());
        for item in value.as_array().into_iter().flatten() {
            self.gather(item);
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            self.names.push(name.clone());
            self.gather(member);
        }
    }
}

fn generate(random: &mut fastrand::Rng, pool: &Pool) -> Vec<u8> {
    let mut lines = pool.documents[random.usize(..pool.documents.len())].clone();
    for _ in 0..random.usize(..6) {
        let at = random.usize(..lines.len());
        match random.u8(..12) {
            0 if lines.len() > 1 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = random.usize(..lines.len());
                lines.swap(at, other);
            }
            3 => {
                let others = &pool.documents[random.usize(..pool.documents.len())];
                lines.insert(at, others[random.usize(..others.len())].clone());
            }
            _ => {
                if let Some(value) = &mut lines[at] {
                    change(random, value, pool);
                }
            }
        }
    }
    let texts: Vec<String> =
        lines.iter().map(|line| line.as_ref().map_or_else(|| "[DONE]".to_owned(), Value::to_string)).collect();
    let text = texts.join("\n").into_bytes();
    if random.u8(..8) == 0 { damage(random, text) } else { text }
}

/// Changes one place of a value: the deeper the more seldom does it stop on the way.
fn change(random: &mut fastrand::Rng, value: &mut Value, pool: &Pool) {
    let pick = |random: &mut fastrand::Rng| pool.values[random.usize(..pool.values.len())].clone();
    match value {
        Value::Object(members) if !members.is_empty() && random.u8(..8) > 0 => {
            let name = members.keys().nth(random.usize(..members.len())).cloned().unwrap_or_default();
            match random.u8(..8) {
                0 => drop(members.remove(&name)),
                1 => {
                    let new = pool.names[random.usize(..pool.names.len())].clone();
                    members.insert(new, pick(random));
                }
                _ => members.get_mut(&name).into_iter().for_each(|member| change(random, member, pool)),
            }
        }
        Value::Array(items) if !items.is_empty() && random.u8(..8) > 0 => {
            let at = random.usize(..items.len());
            match random.u8(..8) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                2 => items.insert(at, pick(random)),
                _ => change(random, &mut items[at], pool),
            }
        }
        value => *value = pick(random),
    }
}
