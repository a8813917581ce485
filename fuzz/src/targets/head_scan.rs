//! The scanner agrees with `serde_json`, and edits change what they should and nothing else.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use tollgate_core::{Context, Head, Operation, Request};
use tollgate_protocols::json::Scanner;
use tollgate_protocols::openai::{HeadLimits, ask_for_stream_usage, read_head, set_model};

const MAX_DEPTH: usize = 100;

/// Scans a body, compares the result with `serde_json`, and edits the body.
///
/// # Panics
/// If the two disagree, or an edit harms the rest of the body.
pub fn head_scan(data: &[u8]) {
    // The first bytes name another model; as part of the body they are as good as any.
    let model = String::from_utf8_lossy(&data[..data.len().min(8)]).into_owned();
    for body in [data, &data[data.len().min(8)..]] {
        let is_json = std::str::from_utf8(body).is_ok() && serde_json::from_slice::<IgnoredAny>(body).is_ok();
        let is_valid = is_json && depth(body) <= MAX_DEPTH;
        let scanned = Scanner::new(body, MAX_DEPTH).and_then(|mut scanner| {
            scanner.value()?;
            scanner.end()
        });
        assert_eq!(scanned.is_ok(), is_valid, "{scanned:?}");
        match read_head(body, HeadLimits { max_depth: MAX_DEPTH }) {
            Ok(head) => {
                assert!(is_valid, "a head of what is no JSON");
                agrees(body, &head);
                edits(body, &head, &model);
            }
            Err(error) => assert!(!is_valid || may_be_refused(body), "{error}"),
        }
    }
}

/// Whether valid JSON is refused for a good reason.
fn may_be_refused(body: &[u8]) -> bool {
    let Ok(Names(names)) = serde_json::from_slice(body) else {
        // No object, or a name that is half a surrogate pair, which is compared as it is written.
        return true;
    };
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return true };
    let repeats = names.iter().collect::<HashSet<_>>().len() < names.len();
    // A repeated `include_usage` does not show in the parsed value.
    let may_repeat_inside = value["stream_options"].is_object();
    let is_model = value["model"].is_string() || value["model"].is_null();
    let is_stream = value["stream"].is_boolean() || value["stream"].is_null();
    repeats || may_repeat_inside || !is_model || !is_stream
}

/// The facts are those that `serde_json` finds, where it can read the body into a value.
fn agrees(body: &[u8], head: &Head) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    assert_eq!(head.model_name(), value["model"].as_str());
    assert_eq!(head.stream, value["stream"] == true);
    assert_eq!(head.choices, value["n"].as_u64());
    assert_eq!(head.asks_for_stream_usage(), value["stream_options"]["include_usage"] == true);
    assert_eq!(head.tools, value["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
    let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    assert_eq!(head.max_tokens, limits.iter().filter_map(|name| value[name].as_u64()).max());
}

fn edits(body: &[u8], head: &Head, model: &str) {
    let context = Context::builder("fuzz").build();
    let mut request = Request::new(Operation::ChatCompletions, head.clone(), Bytes::copy_from_slice(body), context);
    // Routed twice: the later target counts.
    set_model(&mut request, &format!("{model}-first"));
    ask_for_stream_usage(&mut request);
    let distinct = format!("{model}-second");
    set_model(&mut request, &distinct);
    ask_for_stream_usage(&mut request);

    let edited = request.edits.apply(&request.body);
    assert_eq!(edited, request.edits.pieces(&request.body).concat());
    assert_eq!(edited.len(), request.edits.edited_len(&request.body));
    assert_eq!(edited, expected(body, head, &distinct), "an edit touches the rest");
    let after = read_head(&edited, HeadLimits { max_depth: MAX_DEPTH + 1 }).expect("edits break the body");
    // A model whose name the client wrote is named anew; one that it did not name is not invented.
    assert!(after.model_name().is_none_or(|name| name == distinct || head.model_name() == Some(name)));
    assert_eq!(after.model.is_some(), head.model.is_some());
    assert!(after.asks_for_stream_usage());
    assert_eq!((after.stream, after.choices, after.max_tokens), (head.stream, head.choices, head.max_tokens));
}

/// The edited body, made in another way: all changes as ranges, the last first.
fn expected(body: &[u8], head: &Head, model: &str) -> Vec<u8> {
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    if let Some(known) = &head.model {
        changes.push((known.span.clone(), Value::from(model).to_string()));
    }
    let comma = |has_members| if has_members { "," } else { "" };
    match &head.stream_options {
        None => {
            let end = head.object_end.as_ref().expect("the body is an object");
            changes
                .push((end.span.clone(), format!(r#"{}"stream_options":{{"include_usage":true}}"#, comma(end.value))));
        }
        Some(options) => match (&options.include_usage, &options.object_end) {
            (Some(asked), _) if asked.value => {}
            (Some(asked), _) => changes.push((asked.span.clone(), "true".to_owned())),
            (None, Some(end)) => {
                changes.push((end.span.clone(), format!(r#"{}"include_usage":true"#, comma(end.value))));
            }
            (None, None) => changes.push((options.span.clone(), r#"{"include_usage":true}"#.to_owned())),
        },
    }
    changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut edited = body.to_vec();
    for (range, with) in changes {
        edited.splice(range, with.into_bytes());
    }
    edited
}

/// How deeply a valid document is nested.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    deepest
}

/// The names of an object's members, repeated ones too.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Names;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
