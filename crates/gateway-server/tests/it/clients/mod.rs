//! Official SDKs, unmodified, with the server as their only change: what an application would notice.
//!
//! The programs are in `tests/clients`, whose README lists their cases.

mod demo;
mod llamacpp;
mod matrix;
pub(crate) mod process;
mod scripted;
mod sdk;

use std::collections::BTreeMap;

use serde_json::Value;

/// The key that the SDKs are given.
const KEY: &str = "tg-clients-51c07be2";

/// Fails unless the records are these, by what `name` makes of each.
#[track_caller]
fn expect_records(records: &[Value], name: impl Fn(&Value) -> String, expected: &[(&str, usize)]) {
    let mut counts = BTreeMap::<String, usize>::new();
    for record in records {
        *counts.entry(name(record)).or_default() += 1;
    }
    let expected = expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(counts, expected, "{records:#?}");
}
