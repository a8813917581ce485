//! Tests of what is remembered.

use http::HeaderValue;
use tollgate_core::{Context, Head, Located};

use super::*;
use crate::entry::tests::entry;

fn request(body: &str) -> Request {
    let context = Context::builder("r").identity(Identity::of_key("a")).build();
    let head = Head { model: Some(Located { value: "m".into(), span: 0..0 }), ..Head::default() };
    let mut request = Request::new(Operation::ChatCompletions, head, body.to_owned().into(), context);
    request.target = Some(Target::new("p", "m"));
    request
}

fn remember(memo: &Memo, request: &Request, entry: &Arc<Entry>) -> Option<Arc<Memorable>> {
    let render = |naming: &Naming| Some((format!("id {}", naming.id).into(), "text/plain"));
    memo.remember(request, (Key::from_bytes([1; 32]), &"key:a".into()), entry, render)
}

#[test]
fn only_the_very_same_request_is_found() {
    type Change = fn(&mut Request);
    let changes: [Change; 10] = [
        |request| request.operation = Operation::Responses,
        |request| request.protocol = Protocol::AnthropicMessages,
        |request| Arc::make_mut(&mut request.head).stream = true,
        |request| Arc::make_mut(&mut request.head).model = None,
        |request| request.body = "hellp".into(),
        |request| drop(request.headers.insert("openai-beta", HeaderValue::from_static("x"))),
        |request| request.target = Some(Target::new("p", "n")),
        |request| request.context = Context::builder("r").identity(Identity::of_key("b")).build(),
        |request| request.cache = Some(Arc::default()),
        |request| request.edits.insert(0, "x"),
    ];
    let (memo, entry) = (Memo::new(1 << 20), Arc::new(entry("x")));
    remember(&memo, &request("hello"), &entry).unwrap();
    assert!(memo.find(&request("hello")).is_some_and(|found| found.is_of(&entry)));
    for (number, change) in changes.iter().enumerate() {
        let mut other = request("hello");
        change(&mut other);
        assert!(memo.find(&other).is_none(), "{number}");
    }
}

#[test]
fn an_equal_entry_that_came_later_is_another() {
    let (memo, first) = (Memo::new(1 << 20), Arc::new(entry("x")));
    let known = remember(&memo, &request("hello"), &first).unwrap();
    let second = Arc::new((*first).clone());
    assert!(known.is_of(&first) && !known.is_of(&second));
    drop(first);
    assert!(!known.is_of(&Arc::new((*second).clone())), "though its memory might be used again");
}

#[test]
fn it_stays_within_its_bytes_and_keeps_what_is_asked_for() {
    let (memo, entry) = (Memo::new(64 * 1024), Arc::new(entry("x")));
    for number in 0..500 {
        remember(&memo, &request(&format!("{number}{}", "x".repeat(500))), &entry);
        assert!(memo.table.held().1 <= 64 * 1024);
        assert!(memo.find(&request(&format!("0{}", "x".repeat(500)))).is_some(), "asked for after {number}");
    }
    assert!(memo.table.held().0 > 20);
    assert!(remember(&memo, &request(&"x".repeat(32 * 1024)), &entry).is_none(), "too large");
    assert!(remember(&Memo::new(0), &request(""), &entry).is_none(), "there is none");
}

#[test]
fn what_was_remembered_of_entries_that_are_gone_leaves() {
    let (memo, kept) = (Memo::new(1 << 20), Arc::new(entry("x")));
    for number in 0..100 {
        remember(&memo, &request(&format!("gone {number}")), &Arc::new(entry("x")));
    }
    (0..100).for_each(|number| drop(remember(&memo, &request(&format!("kept {number}")), &kept)));
    assert_eq!(memo.table.held().0, 100);
    assert!(memo.find(&request("kept 7")).is_some() && memo.find(&request("gone 99")).is_none());
}

#[test]
fn two_bodies_in_one_place_are_not_mixed_up() {
    let (memo, entry) = (Memo::new(1 << 20), Arc::new(entry("x")));
    let known = remember(&memo, &request("one"), &entry).unwrap();
    memo.table.insert(memo.place(&request("two")), known);
    assert!(memo.find(&request("two")).is_none());
    assert!(memo.find(&request("one")).is_some());
}

#[test]
fn a_body_that_was_recognized_is_not_looked_for_again() {
    let (memo, entry) = (Memo::new(1 << 20), Arc::new(entry("x")));
    let body = Bytes::from_static(b"hello");
    assert!(memo.recognize(Operation::ChatCompletions, &body).is_none(), "of an empty memo");
    let known = remember(&memo, &request("hello"), &entry).unwrap();
    assert!(memo.recognize(Operation::Responses, &body).is_none());
    assert!(memo.recognize(Operation::ChatCompletions, &Bytes::from_static(b"hellp")).is_none());
    let (head, same, recognized) = memo.recognize(Operation::ChatCompletions, &body).expect("is remembered");
    assert_eq!((head.model_name(), &same), (Some("m"), &body));
    let mut again = request("hello");
    (again.body, again.recognized) = (same, Some(recognized));
    assert!(memo.find(&again).is_some_and(|found| Arc::ptr_eq(&found, &known)));
    // What was recognized does not stand for another body, nor for another client.
    again.body = Bytes::from_static(b"hellp");
    assert!(memo.find(&again).is_none());
    again.body = body;
    again.context = Context::builder("r").identity(Identity::of_key("b")).build();
    assert!(memo.find(&again).is_none());
}
