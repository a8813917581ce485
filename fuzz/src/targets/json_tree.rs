//! The tree accepts what `serde_json` accepts, and holds the same.

use serde_json::Value as Known;
use tollgate_protocols::json::{self, MAX_DEPTH, Value};

/// Parses a document and compares it.
///
/// # Panics
/// If the tree and `serde_json` disagree.
pub fn json_tree(data: &[u8]) {
    for text in [data, &data[data.len().min(8)..]] {
        let known = serde_json::from_slice::<Known>(text);
        match (json::parse(text), known) {
            (Ok(value), Ok(known)) => same(&value, &known),
            // A number beyond a double and half a surrogate pair in a name are errors there.
            (Ok(_), Err(error)) => {
                let error = error.to_string();
                let is_known = ["out of range", "hex escape", "surrogate"].iter().any(|known| error.contains(known));
                assert!(is_known, "{error}");
            }
            (Err(fault), Ok(_)) => assert!(depth(text) > MAX_DEPTH, "{}", fault.message),
            (Err(_), Err(_)) => {}
        }
    }
}

fn same(value: &Value<'_>, known: &Known) {
    match known {
        Known::Null => assert!(value.is_null()),
        Known::Bool(known) => assert_eq!(value.as_bool(), Some(*known)),
        Known::String(known) => assert_eq!(value.as_str(), Some(&**known)),
        Known::Number(known) => {
            // `serde_json` may be off by the last bit.
            let (own, other) = (value.as_f64().expect("a number"), known.as_f64().expect("a number"));
            assert!((own - other).abs() <= own.abs() * 1e-15, "{}", value.raw());
            let exact = |known: Option<u64>| known.is_none_or(|known| value.as_u64() == Some(known));
            assert!(exact(known.as_u64()), "{}", value.raw());
            assert!(known.as_i64().is_none_or(|known| value.as_i64() == Some(known)), "{}", value.raw());
        }
        Known::Array(known) => {
            assert!(value.is_array());
            assert_eq!(value.items().len(), known.len());
            value.items().iter().zip(known).for_each(|(value, known)| same(value, known));
        }
        Known::Object(known) => {
            assert!(value.is_object());
            // Of members with one name the last counts there.
            for (name, known) in known {
                let last = value.members().filter(|(own, _)| own == name).last();
                same(last.expect("a member is missing").1, known);
            }
            assert!(value.members().all(|(name, _)| known.contains_key(name)), "a member is invented");
        }
    }
    let again = json::parse(value.raw().as_bytes()).expect("a value's text is a value");
    assert_eq!(again.raw().len(), value.raw().len());
}

/// How many brackets are open at once at most, those in strings included: an upper bound.
fn depth(text: &[u8]) -> usize {
    text.iter().filter(|byte| matches!(byte, b'{' | b'[')).count()
}
