//! What is taken out of captures, and what stays.

use proptest::prelude::*;

use super::*;

fn rules() -> Redaction {
    let rules =
        Redaction::new().member("password").pointer("/messages/*/secret").and_then(|rules| rules.pointer("/a~1b"));
    rules.and_then(|rules| rules.pattern(r"[\w.]+@[\w.]+")).expect("are rules")
}

#[track_caller]
fn check(form: BodyForm, seen: &str, expect: &str, redacted: u64) {
    let body = rules().apply(form, seen.as_bytes(), seen.len() as u64);
    assert_eq!((body.text.as_str(), body.redacted, body.truncated), (expect, redacted, false));
}

#[test]
fn members_places_and_patterns_of_json() {
    check(BodyForm::Json, r#"{"a": 1, "b": [true, null, "x"]}"#, r#"{"a": 1, "b": [true, null, "x"]}"#, 0);
    check(
        BodyForm::Json,
        r#"{"password":"x","p":{"password":{"a":[1]}}}"#,
        r#"{"password":"[redacted]","p":{"password":"[redacted]"}}"#,
        2,
    );
    check(
        BodyForm::Json,
        r#"{"messages": [{"secret": [1, "a@b.c"]}, {"x": 1, "secret" : 2}], "secret": 3}"#,
        r#"{"messages": [{"secret": "[redacted]"}, {"x": 1, "secret" : "[redacted]"}], "secret": 3}"#,
        2,
    );
    check(BodyForm::Json, r#"{"a/b":1,"a":{"b":2}}"#, r#"{"a/b":"[redacted]","a":{"b":2}}"#, 1);
    check(BodyForm::Json, r#"["to alice@example.com, b@c.d","ä\n"]"#, r#"["to [redacted], [redacted]","ä\n"]"#, 2);
    // A name may be written in more than one way.
    check(BodyForm::Json, r#"{"pass\u0077ord":"x"}"#, r#"{"pass\u0077ord":"[redacted]"}"#, 1);
    check(BodyForm::Json, r#""a\u0040b.c""#, r#""[redacted]""#, 1);
}

#[test]
fn events_and_lines() {
    let events = "event: x\ndata: {\"password\":1}\n\ndata: [DONE]\n\n: a@b.c\n";
    check(
        BodyForm::Events,
        events,
        "event: x\ndata: {\"password\":\"[redacted]\"}\n\ndata: [DONE]\n\n: [redacted]\n",
        2,
    );
    check(BodyForm::Lines, "{\"password\":1}\n{\"b\":2}\n", "{\"password\":\"[redacted]\"}\n{\"b\":2}\n", 1);
    check(BodyForm::Text, "password=1 a@b.c", "password=1 [redacted]", 1);
}

#[test]
fn what_breaks_off_is_left_out() {
    for (seen, expect) in [
        (r#"{"a":"x","password":"hun"#, r#"{"a":"x","password":"[redacted]""#),
        (r#"{"a":"to alice@exam"#, r#"{"a":"#),
        (r#"{"a":1,"pass"#, r#"{"a":1,"#),
        ("{\"a\":\"x\"} password", "{\"a\":\"x\"} "),
        ("password=1", "password"),
    ] {
        let body = rules().apply(BodyForm::Json, seen.as_bytes(), 1000);
        assert_eq!((body.text.as_str(), body.bytes), (expect, 1000));
        assert!(body.truncated);
    }
    let body = rules().apply(BodyForm::Events, b"data: {\"a\":1}\n\ndata: {\"b\":\"c@d", 99);
    assert_eq!(body.text, "data: {\"a\":1}\n\ndata: {\"b\":");
}

#[test]
fn without_rules_nothing_is_left_out() {
    let body = Redaction::new().apply(BodyForm::Json, b"{\"a\":\"\xff", 7);
    assert_eq!(body.text, "{\"a\":\"\u{fffd}");
}

#[test]
fn a_tower_of_brackets_does_no_harm() {
    let deep = "[".repeat(100_000);
    assert!(rules().apply(BodyForm::Json, deep.as_bytes(), deep.len() as u64).truncated);
}

#[test]
fn rules_that_are_none() {
    assert!(Redaction::new().pointer("a").is_err());
    assert!(Redaction::new().pattern("(").is_err());
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[a-z\"\\\\é\n]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("password|[a-c\"é]{0,3}", inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn hide(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(hide),
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if name == "password" { *member = REDACTED.into() } else { hide(member) }
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_json_stays_what_it_was_but_for_what_is_hidden(mut value in value()) {
        let body = Redaction::new().member("password").apply(BodyForm::Json, value.to_string().as_bytes(), 0);
        hide(&mut value);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&body.text).expect("is JSON"), value);
    }

    #[test]
    fn any_text_has_an_answer(text in ".{0,60}", cut in 0..60_usize) {
        for form in [BodyForm::Json, BodyForm::Events, BodyForm::Lines, BodyForm::Text] {
            let seen = &text.as_bytes()[..cut.min(text.len())];
            prop_assert!(!rules().apply(form, seen, 60).text.contains("a@b.c"));
        }
    }
}
