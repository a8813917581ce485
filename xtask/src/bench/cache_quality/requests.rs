//! Pairs of whole requests: whatever differs beside the last text of the user keeps them apart.

use std::collections::BTreeMap;

use serde_json::Value;

use super::data::{Data, RequestPair};
use super::pairs::{is_served, warm};
use super::texts::Text;
use super::vectors::Vectors;
use crate::Result;

/// Prints, by category, how many pairs were decided as expected.
pub(super) fn report(data: &Data, vectors: &Vectors) -> Result<()> {
    let mut categories: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for pair in &data.requests {
        let served = is_hit(pair, vectors)?;
        let (right, all) = categories.entry((&*pair.expect, &*pair.category)).or_default();
        *right += usize::from(served == (pair.expect == "HIT"));
        *all += 1;
    }
    println!("\nWhole requests, calibrated 1%, warm: as expected");
    for ((expect, category), (right, all)) in &categories {
        println!("  {expect:<5} {category:<16} {right:>3}/{all}");
    }
    for expect in ["HIT", "MISS"] {
        let of = categories.iter().filter(|((each, _), _)| *each == expect).map(|(_, counts)| counts);
        let (right, all) = of.fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
        println!("  {expect:<5} {:<16} {right:>3}/{all}", "all");
    }
    Ok(())
}

/// The last text of the user: the only part of a request that may differ between two that share an answer.
pub(super) fn last_text(request: &Value) -> Option<&str> {
    messages(request).iter().rfind(|message| message["role"] == "user").and_then(|message| match &message["content"] {
        Value::String(text) => Some(&**text),
        parts => parts.as_array()?.iter().find_map(|part| part["text"].as_str()),
    })
}

fn is_hit(pair: &RequestPair, vectors: &Vectors) -> Result<bool> {
    let (Some(stored), Some(asked)) = (last_text(&pair.a), last_text(&pair.b)) else { return Ok(false) };
    if rest(&pair.a) != rest(&pair.b) {
        return Ok(false);
    }
    let (a, b) = (Text::of(stored), Text::of(asked));
    Ok(is_served((vectors.get(stored)?, &a), (vectors.get(asked)?, &b), warm(0.01), true))
}

fn messages(request: &Value) -> &[Value] {
    request.as_array().or_else(|| request["messages"].as_array()).map_or(&[], Vec::as_slice)
}

/// The request with a hole where the last text of the user was.
fn rest(request: &Value) -> Value {
    let mut rest = request.clone();
    let messages = if rest.is_array() { rest.as_array_mut() } else { rest["messages"].as_array_mut() };
    let last = messages.into_iter().flatten().rfind(|message| message["role"] == "user");
    match last.map(|message| &mut message["content"]) {
        Some(Value::Array(parts)) => {
            if let Some(part) = parts.iter_mut().find(|part| part["text"].is_string()) {
                part["text"] = Value::Null;
            }
        }
        Some(text) => *text = Value::Null,
        None => {}
    }
    rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_last_text_of_the_user_may_differ() {
        let of = |system: &str, text: &str| json!([{"role": "system", "content": system}, {"role": "user", "content": text}]);
        assert_eq!(rest(&of("a", "x")), rest(&of("a", "y")));
        assert_ne!(rest(&of("a", "x")), rest(&of("b", "x")));
        assert_eq!(last_text(&of("a", "x")), Some("x"));
        let image =
            |url: &str| json!({"messages": [{"role": "user", "content": [{"text": "x"}, {"url": url}]}], "n": 1});
        assert_ne!(rest(&image("a")), rest(&image("b")));
        assert_eq!(last_text(&image("a")), Some("x"));
    }
}
