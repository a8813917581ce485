//! Places and paths.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::types::ConfigFile;

const TEXT: &str = "a: 1\nlist:\n  - x\n  - k: v\nmap:\n  in.ner:\n    deep: 3\n  empty:\ngpt-4.1: { b: c }\n";

fn check(path: &str, expect: Option<(usize, usize)>) {
    let document = Document::parse("t", TEXT).expect("a document");
    let found = document.locate(path).map(|position| (position.line, position.column));
    assert_eq!(found, expect, "{path}");
}

#[test]
fn locates_values() {
    check("", Some((1, 1)));
    check("a", Some((1, 4)));
    check("list", Some((2, 1)));
    check("list[0]", Some((3, 5)));
    check("list[1].k", Some((4, 8)));
    check("map", Some((5, 1)));
    check("map.in.ner", Some((6, 3)));
    check("map.in.ner.deep", Some((7, 11)));
    check("map.empty", Some((8, 3)));
    check("gpt-4.1.b", Some((9, 15)));
    for path in ["b", "a.b", "list[2]", "list[x]", "list.k", "map.in", "map.", "gpt-4", "gpt-4.1x"] {
        check(path, None);
    }
}

#[test]
fn locates_keys() {
    let document = Document::parse("t", TEXT).expect("a document");
    let key = |path| document.locate_key(path).map(|position| (position.line, position.column));
    assert_eq!(key("a"), Some((1, 1)));
    assert_eq!(key("map.in.ner.deep"), Some((7, 5)));
    assert_eq!(key("list[0]"), None);
}

#[test]
fn errors_point_at_the_nearest_thing() {
    let document = Document::parse("t.yaml", TEXT).expect("a document");
    let line = |path| document.error(path, "wrong").line();
    assert_eq!(line("map.in.ner.deep"), Some(7));
    assert_eq!(line("map.in.ner.missing"), Some(6));
    assert_eq!(line("map.in.ner.missing[3].x"), Some(6));
    assert_eq!(line("missing"), None);
    assert_eq!(document.error("a", "wrong").to_string(), "t.yaml:1:4: a: wrong");
    assert_eq!(Document::empty().error("a", "wrong").position, None);
}

#[test]
fn columns_count_characters() {
    let document = Document::parse("t", "\"é ü\": 'x'\nb: \"ä\" # ö\n").expect("a document");
    assert_eq!(document.locate("é ü"), Some(Position { line: 1, column: 8 }));
    assert_eq!(document.locate("b"), Some(Position { line: 2, column: 4 }));
}

proptest! {
    /// Whatever is written, there is an answer and not a panic.
    #[test]
    fn any_text_has_an_answer(text in "([a-z]{1,3}|open|limits|providers|[-:?,{}\\[\\]&*#|>'\"%@!$~ \n\t0-9é]){0,40}") {
        let variables = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        if let Ok(document) = Document::parse("t", &text) {
            let _: Result<ConfigFile, _> = document.read(&variables);
        }
    }
}
