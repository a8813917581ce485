//! The head of a request, and the edits that a request may need.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use tollgate_core::{Edits, Error, Head, Located, Request, StreamOptions};

use crate::json::{self, Fault, Key, Scanner};

/// Bounds on what is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// How deeply values may be nested.
    pub max_depth: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { max_depth: 128 }
    }
}

/// Reads the head of a JSON body in one scan, which also proves that the body is JSON.
///
/// # Errors
/// An invalid request, if the body is no JSON object, is nested too deeply, repeats a top-level member (the gateway and
/// the provider might each believe another one), or has a `model` or `stream` of the wrong type.
pub fn read_head(body: &[u8], limits: HeadLimits) -> Result<Head, Error> {
    let mut reader = HeadReader { body, head: Head::default(), wrong_type: None, seen: Seen::default(), limits: 0 };
    reader.read(limits).map_err(|fault| {
        Error::invalid_request(format!("The request body is not valid: {fault}."), None).with_source(fault)
    })?;
    match reader.wrong_type {
        None => Ok(reader.head),
        Some((param, expected)) => Err(Error::invalid_request(format!("`{param}` must be {expected}."), Some(param))),
    }
}

struct HeadReader<'a> {
    body: &'a [u8],
    head: Head,
    wrong_type: Option<(&'static str, &'static str)>,
    seen: Seen<'a>,
    /// How many of the two names for the limit on tokens there are.
    limits: u8,
}

/// The members seen so far. A request has a dozen; a set only pays where somebody sends thousands, and there it keeps
/// the scan linear.
#[derive(Default)]
struct Seen<'a> {
    few: Vec<Cow<'a, [u8]>>,
    many: HashSet<Cow<'a, [u8]>>,
}

impl<'a> Seen<'a> {
    const FEW: usize = 32;

    /// Whether the name is new.
    fn insert(&mut self, name: Cow<'a, [u8]>) -> bool {
        if self.few.contains(&name) || self.many.contains(&name) {
            return false;
        }
        if self.few.len() < Self::FEW {
            self.few.push(name);
            return true;
        }
        self.many.insert(name)
    }
}

impl<'a> HeadReader<'a> {
    fn read(&mut self, limits: HeadLimits) -> Result<(), Fault> {
        let mut scanner = Scanner::new(self.body, limits.max_depth)?;
        let (end, members) = scanner.object(|scanner, key| self.member(scanner, &key))?;
        scanner.end()?;
        self.head.object_end = Some(Located { value: members, span: end..end });
        Ok(())
    }

    fn member(&mut self, scanner: &mut Scanner<'a>, key: &Key<'a>) -> Result<(), Fault> {
        let name = key.name();
        if !self.seen.insert(name.clone()) {
            let message = format!("duplicate member `{}`", String::from_utf8_lossy(&name));
            return Err(Fault { message, at: scanner.at() });
        }
        match &*name {
            b"model" => {
                let span = scanner.value()?;
                self.model(span);
            }
            b"stream" => {
                let span = scanner.value()?;
                self.stream(span);
            }
            b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" => {
                let span = scanner.value()?;
                self.head.max_tokens = self.head.max_tokens.max(self.number(span));
                self.max_tokens_name(key, &name);
            }
            b"n" => {
                let span = scanner.value()?;
                self.head.choices = self.number(span);
            }
            b"stream_options" => self.head.stream_options = Some(stream_options(scanner, self.body)?),
            // Beside OpenAI's names those of other APIs, whose requests come by pass-through.
            b"messages"
            | b"prompt"
            | b"input"
            | b"instructions"
            | b"tools"
            | b"system"
            | b"contents"
            | b"systemInstruction"
            | b"system_instruction"
            | b"message"
            | b"texts"
            | b"inputs" => {
                let before = scanner.counts();
                let span = scanner.value()?;
                let after = scanner.counts();
                self.head.input_text += after.text - before.text;
                self.head.input_numbers += after.numbers - before.numbers;
                self.head.tools |= &*name == b"tools" && is_filled_array(&self.body[span]);
            }
            _ => {
                scanner.value()?;
            }
        }
        Ok(())
    }

    fn max_tokens_name(&mut self, key: &Key<'a>, name: &[u8]) {
        let name = match name {
            b"max_tokens" => "max_tokens",
            b"max_completion_tokens" => "max_completion_tokens",
            _ => return,
        };
        self.limits += 1;
        let start = key.literal().as_ptr().addr() - self.body.as_ptr().addr();
        let located = Located { value: name, span: start..start + key.literal().len() };
        self.head.max_tokens_name = Some(located).filter(|_| self.limits == 1);
    }

    fn model(&mut self, span: Range<usize>) {
        match &self.body[span.clone()] {
            b"null" => {}
            text @ [b'"', ..] => match json::decode(text) {
                Some(name) => {
                    self.head.model = Some(Located { value: name.into(), span });
                }
                None => self.wrong_type = Some(("model", "a string")),
            },
            _ => self.wrong_type = Some(("model", "a string")),
        }
    }

    fn stream(&mut self, span: Range<usize>) {
        match &self.body[span] {
            b"true" => self.head.stream = true,
            b"false" | b"null" => {}
            _ => self.wrong_type = Some(("stream", "a boolean")),
        }
    }

    /// A whole number, or nothing: what else may stand here is the provider's to judge.
    fn number(&self, span: Range<usize>) -> Option<u64> {
        std::str::from_utf8(&self.body[span]).ok()?.parse().ok()
    }
}

fn stream_options(scanner: &mut Scanner<'_>, body: &[u8]) -> Result<StreamOptions, Fault> {
    if scanner.peek() != Some(b'{') {
        return Ok(StreamOptions { span: scanner.value()?, include_usage: None, object_end: None });
    }
    let start = scanner.at();
    let mut include_usage = None;
    let mut repeated = false;
    let (end, members) = scanner.object(|scanner, key| {
        let is_include_usage = &*key.name() == b"include_usage";
        let span = scanner.value()?;
        if is_include_usage {
            repeated |= include_usage.is_some();
            include_usage = Some(Located { value: &body[span.clone()] == b"true", span });
        }
        Ok(())
    })?;
    if repeated {
        return Err(Fault { message: "duplicate member `include_usage`".to_owned(), at: end });
    }
    Ok(StreamOptions {
        span: start..end + 1,
        include_usage,
        object_end: Some(Located { value: members, span: end..end }),
    })
}

fn is_filled_array(text: &[u8]) -> bool {
    text.strip_prefix(b"[").is_some_and(|inner| inner.trim_ascii_start().first() != Some(&b']'))
}

// === edits ===

/// Calls the limit on generated tokens `name`, where the body calls it by OpenAI's other name for Chat Completions.
pub fn name_max_tokens(request: &mut Request, name: &'static str) {
    if let Some(known) = request.head.max_tokens_name.as_ref().filter(|known| known.value != name) {
        request.edits.replace(known.span.clone(), format!("\"{name}\""));
    }
}

/// Changes the model that the body names, if it names another one.
pub fn set_model(request: &mut Request, model: &str) {
    let Some(known) = &request.head.model else { return };
    // An edit that is there already belongs to an earlier target and must not stay.
    if &*known.value != model || request.edits.replaces(&known.span) {
        request.edits.replace(known.span.clone(), json::literal(model));
    }
}

/// Asks the provider for the usage chunk of a stream, if the client did not.
pub fn ask_for_stream_usage(request: &mut Request) {
    const ASK: &str = r#"{"include_usage":true}"#;
    match &request.head.stream_options {
        None => insert_member(&mut request.edits, request.head.object_end.as_ref(), "stream_options", ASK),
        Some(StreamOptions { include_usage: Some(asked), .. }) if asked.value => {}
        Some(StreamOptions { include_usage: Some(asked), .. }) => request.edits.replace(asked.span.clone(), "true"),
        Some(StreamOptions { object_end: Some(end), .. }) => {
            insert_member(&mut request.edits, Some(end), "include_usage", "true");
        }
        Some(StreamOptions { span, .. }) => request.edits.replace(span.clone(), ASK),
    }
}

fn insert_member(edits: &mut Edits, object_end: Option<&Located<bool>>, name: &str, value: &str) {
    if let Some(Located { value: has_members, span }) = object_end {
        let comma = if *has_members { "," } else { "" };
        edits.insert(span.start, format!("{comma}\"{name}\":{value}"));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use tollgate_core::{Context, ErrorKind, Operation};

    use super::*;

    fn head(body: &str) -> Head {
        read_head(body.as_bytes(), HeadLimits::default()).unwrap()
    }

    #[track_caller]
    fn check_refused(body: &str, says: &str) {
        let error = read_head(body.as_bytes(), HeadLimits { max_depth: 8 }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.message().contains(says), "{error} for {body}");
    }

    fn request(body: &str) -> Request {
        let context = Context::builder("test").build();
        Request::new(Operation::ChatCompletions, head(body), Bytes::copy_from_slice(body.as_bytes()), context)
    }

    #[track_caller]
    fn check_edits(body: &str, edit: impl FnOnce(&mut Request), expect: &str) {
        let mut request = request(body);
        edit(&mut request);
        assert_eq!(request.edits.apply(&request.body), expect);
    }

    #[test]
    fn reads_what_it_needs_and_nothing_else() {
        let head = head(
            r#" { "mod\u0065l" : "gpt\u002d4o", "stream":true, "n": 2, "max_tokens":5, "max_completion_tokens": 9,
                "messages":[{"role":"user","content":"hi there"}], "tools":[ {} ], "x":{"model":1,"stream":"no"} } "#,
        );
        assert_eq!(head.model_name(), Some("gpt-4o"));
        assert_eq!((head.stream, head.choices, head.max_tokens, head.tools), (true, Some(2), Some(9), true));
        assert_eq!(head.input_text, "userhi there".len() as u64);
    }

    #[test]
    fn estimates_leave_inlined_data_out_and_count_tokens_given_as_numbers() {
        let image = format!(r#"{{"messages":["data:image/png;base64,{0}","{0}"]}}"#, "A".repeat(5000));
        assert_eq!(head(&image).estimated_input(), 0);
        assert_eq!(head(r#"{"input":[[1,2,3],[4]]}"#).estimated_input(), 4);
        assert_eq!(head(r#"{"prompt":"12345"}"#).estimated_input(), 2);
    }

    #[test]
    fn refusals_name_the_fault() {
        check_refused("", "expected an object at byte 0");
        check_refused("[]", "expected an object");
        check_refused("{", "member name");
        check_refused("{} x", "trailing");
        check_refused(r#"{"a":1,"a":2}"#, "duplicate member `a`");
        check_refused(r#"{"model":"a","mod\u0065l":"b"}"#, "duplicate member `model`");
        check_refused(r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#, "duplicate");
        check_refused(r#"{"a":[[[[[[[[]]]]]]]]}"#, "nested deeper than 8");
        check_refused(r#"{"model":5}"#, "`model` must be a string");
        check_refused(r#"{"model":"\ud800"}"#, "`model` must be a string");
        check_refused(r#"{"stream":"true"}"#, "`stream` must be a boolean");
        check_refused("{\"a\":\"\u{1}\"}", "control character");
        let error = read_head(b"{\"a\":\"\xff\"}", HeadLimits::default()).unwrap_err();
        assert!(error.message().contains("invalid UTF-8 at byte 6"), "{error}");
    }

    #[test]
    fn many_members_are_no_trouble_and_a_late_duplicate_is_found() {
        let members: Vec<String> = (0..2000).map(|i| format!("\"k{i}\":{i}")).collect();
        head(&format!("{{{}}}", members.join(",")));
        check_refused(&format!("{{{},\"k7\":0}}", members.join(",")), "duplicate member `k7`");
    }

    #[test]
    fn the_limit_on_tokens_is_called_as_the_server_wants_it() {
        let plain = |request: &mut Request| name_max_tokens(request, "max_tokens");
        check_edits(r#"{"x":1, "max_completion_tokens" : 5}"#, plain, r#"{"x":1, "max_tokens" : 5}"#);
        check_edits(r#"{"max_tokens":5}"#, plain, r#"{"max_tokens":5}"#);
        let both = r#"{"max_tokens":5,"max_completion_tokens":6}"#;
        check_edits(both, plain, both);
    }

    #[test]
    fn the_model_is_replaced_in_place() {
        check_edits(r#"{"model" : "fast","x":1}"#, |r| set_model(r, "a\"b"), r#"{"model" : "a\"b","x":1}"#);
        check_edits(r#"{"model":"same"}"#, |r| set_model(r, "same"), r#"{"model":"same"}"#);
        check_edits(r#"{"x":1}"#, |r| set_model(r, "m"), r#"{"x":1}"#);
        let back_again = |r: &mut Request| ["b", "a"].iter().for_each(|model| set_model(r, model));
        check_edits(r#"{"model":"a"}"#, back_again, r#"{"model":"a"}"#);
    }

    #[test]
    fn usage_is_asked_for_wherever_the_options_stand() {
        let ask = ask_for_stream_usage;
        check_edits(r#"{"a":1 }"#, ask, r#"{"a":1 ,"stream_options":{"include_usage":true}}"#);
        check_edits("{}", ask, r#"{"stream_options":{"include_usage":true}}"#);
        check_edits(r#"{"stream_options":null}"#, ask, r#"{"stream_options":{"include_usage":true}}"#);
        check_edits(r#"{"stream_options":{}}"#, ask, r#"{"stream_options":{"include_usage":true}}"#);
        check_edits(
            r#"{"stream_options":{"include_obfuscation":false}}"#,
            ask,
            r#"{"stream_options":{"include_obfuscation":false,"include_usage":true}}"#,
        );
        check_edits(
            r#"{"stream_options":{"include_usage":false}}"#,
            ask,
            r#"{"stream_options":{"include_usage":true}}"#,
        );
        check_edits(
            r#"{"stream_options":{"include_usage":true}}"#,
            ask,
            r#"{"stream_options":{"include_usage":true}}"#,
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Only the edited members change; every other byte, known field or not, stays where and as it was.
        #[test]
        fn edits_leave_the_rest_byte_identical(
            before in prop::collection::btree_map("[a-z]{1,8}", any_json(), 0..6),
            after in prop::collection::btree_map("[A-Z]{1,8}", any_json(), 0..6),
            pretty in any::<bool>(),
            model in any::<String>(),
            new_model in any::<String>(),
        ) {
            let reserved = ["model", "stream", "stream_options"];
            let mut members = Map::new();
            members.extend(before.into_iter().filter(|(name, _)| !reserved.contains(&name.as_str())));
            members.insert("model".to_owned(), json!(model));
            members.extend(after);
            let body = if pretty { serde_json::to_string_pretty(&members) } else { serde_json::to_string(&members) };
            let body = body.unwrap();

            let mut request = request(&body);
            set_model(&mut request, &new_model);
            ask_for_stream_usage(&mut request);
            let edited = String::from_utf8(request.edits.apply(&request.body).to_vec()).unwrap();

            let span = request.head.model.as_ref().unwrap().span.clone();
            prop_assert!(edited.starts_with(&body[..span.start]));
            let rest = &body[span.end..body.len() - 1];
            let tail = edited.strip_suffix(r#","stream_options":{"include_usage":true}}"#).unwrap();
            prop_assert!(tail.ends_with(rest));
            let mut expect = Value::Object(members);
            expect["model"] = json!(new_model);
            expect["stream_options"] = json!({"include_usage": true});
            prop_assert_eq!(serde_json::from_str::<Value>(&edited).unwrap(), serde_json::from_str::<Value>(&expect.to_string()).unwrap());
        }

        /// The scanner and serde_json agree on what is JSON, for documents and for damaged documents.
        #[test]
        fn accepts_what_serde_json_accepts(
            value in any_json(),
            damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut text = serde_json::to_vec(&json!({ "value": value })).unwrap();
            if let Some((at, byte)) = damage {
                let at = at.index(text.len());
                text[at] = byte;
            }
            let ours = Scanner::new(&text, 128).and_then(|mut scanner| { scanner.value()?; scanner.end() });
            let utf8 = std::str::from_utf8(&text).is_ok();
            let theirs = utf8 && serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(ours.is_ok(), theirs, "{}", String::from_utf8_lossy(&text));
        }
    }
}
