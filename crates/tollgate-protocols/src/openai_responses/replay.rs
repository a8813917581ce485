//! A kept response as the stream that it was, or would have been.

use bytes::Bytes;
use tollgate_core::{Error, ErrorKind};

use super::store::parse;
use crate::json::{self, Object, Value};

/// The events that say what a response object says, its items with their ids, each text in one piece. Those up to the
/// sequence number `after` are left out, for a client that has them already.
///
/// # Errors
/// If the response is not complete yet, or is no JSON object.
pub fn replay(response: &[u8], after: Option<u64>) -> Result<Bytes, Error> {
    let response = parse(response)?;
    let last = match response.str("status") {
        Some("completed") => "response.completed",
        Some("failed") => "response.failed",
        Some("queued" | "in_progress") => {
            let message = "The response is not complete yet; it can be streamed when it is.";
            return Err(Error::new(ErrorKind::InvalidRequest, message).with_param("stream"));
        }
        // A cancelled one has no event of its own.
        _ => "response.incomplete",
    };
    let mut replay = Replay { after, sequence: 0, out: Vec::with_capacity(response.raw().len() * 3 + 1024) };
    for kind in ["response.created", "response.in_progress"] {
        replay.event(kind, |o| o.object("response", |o| write_begun(o, &response)));
    }
    for (at, item) in (0..).zip(response.array("output")) {
        replay.item(at, item);
    }
    replay.event(last, |o| o.raw("response", response.raw()));
    Ok(replay.out.into())
}

struct Replay {
    after: Option<u64>,
    sequence: u64,
    out: Vec<u8>,
}

impl Replay {
    fn event(&mut self, kind: &str, members: impl FnOnce(&mut Object<'_>)) {
        let sequence = self.sequence;
        self.sequence += 1;
        if self.after.is_some_and(|after| sequence <= after) {
            return;
        }
        self.out.extend_from_slice(b"event: ");
        self.out.extend_from_slice(kind.as_bytes());
        self.out.extend_from_slice(b"\ndata: ");
        let from = self.out.len();
        json::append_object(&mut self.out, |o| {
            o.string("type", kind);
            o.uint("sequence_number", sequence);
            members(o);
        });
        json::one_line(&mut self.out, from);
        self.out.extend_from_slice(b"\n\n");
    }

    /// An event about an item, by its place in the output.
    fn about(&mut self, kind: &str, (at, item): (u64, &Value<'_>), members: impl FnOnce(&mut Object<'_>)) {
        self.event(kind, |o| {
            o.string("item_id", item.str("id").unwrap_or_default());
            o.uint("output_index", at);
            members(o);
        });
    }

    fn item(&mut self, at: u64, item: &Value<'_>) {
        self.event("response.output_item.added", |o| {
            o.uint("output_index", at);
            o.object("item", |o| write_item_begun(o, item));
        });
        let place = (at, item);
        match item.str("type") {
            Some("function_call") => {
                self.words(place, "response.function_call_arguments", "arguments", |o| {
                    o.maybe_string("name", item.str("name"));
                });
            }
            Some("custom_tool_call") => self.words(place, "response.custom_tool_call_input", "input", |_| {}),
            Some("message") => self.parts(place, "content", "content_index", "response.content_part"),
            Some("reasoning") => {
                self.parts(place, "summary", "summary_index", "response.reasoning_summary_part");
                self.parts(place, "content", "content_index", "response.content_part");
            }
            _ => {}
        }
        self.event("response.output_item.done", |o| {
            o.uint("output_index", at);
            o.raw("item", item.raw());
        });
    }

    /// The words of a call.
    fn words(&mut self, place: (u64, &Value<'_>), kind: &str, member: &str, more: impl FnOnce(&mut Object<'_>)) {
        let words = place.1.str(member).unwrap_or_default();
        if !words.is_empty() {
            self.about(&[kind, ".delta"].concat(), place, |o| o.string("delta", words));
        }
        self.about(&[kind, ".done"].concat(), place, |o| {
            more(o);
            o.string(member, words);
        });
    }

    /// The parts of an item.
    fn parts(&mut self, place: (u64, &Value<'_>), list: &str, index: &str, events: &str) {
        for (number, part) in (0..).zip(place.1.array(list)) {
            let (member, kind) = match part.str("type") {
                Some("refusal") => ("refusal", "response.refusal"),
                Some("summary_text") => ("text", "response.reasoning_summary_text"),
                Some("reasoning_text") => ("text", "response.reasoning_text"),
                _ => ("text", "response.output_text"),
            };
            let is_output = kind == "response.output_text";
            self.about(&[events, ".added"].concat(), place, |o| {
                o.uint(index, number);
                o.object("part", |o| write_part_begun(o, part, member));
            });
            let words = part.str(member).unwrap_or_default();
            let logprobs = |o: &mut Object<'_>| {
                if is_output {
                    o.raw("logprobs", part.get("logprobs").map_or("[]", Value::raw));
                }
            };
            if !words.is_empty() {
                self.about(&[kind, ".delta"].concat(), place, |o| {
                    o.uint(index, number);
                    o.string("delta", words);
                    logprobs(o);
                });
            }
            for (at, annotation) in (0..).zip(part.array("annotations")) {
                self.about("response.output_text.annotation.added", place, |o| {
                    o.uint(index, number);
                    o.uint("annotation_index", at);
                    o.raw("annotation", annotation.raw());
                });
            }
            self.about(&[kind, ".done"].concat(), place, |o| {
                o.uint(index, number);
                o.string(member, words);
                logprobs(o);
            });
            self.about(&[events, ".done"].concat(), place, |o| {
                o.uint(index, number);
                o.raw("part", part.raw());
            });
        }
    }
}

/// The response as it was when it began.
fn write_begun(o: &mut Object<'_>, response: &Value<'_>) {
    for (name, value) in response.members() {
        match name {
            "status" => o.string(name, "in_progress"),
            "output" => o.array(name, |_| {}),
            "usage" | "completed_at" | "incomplete_details" | "error" => o.null(name),
            _ => o.raw(name, value.raw()),
        }
    }
}

/// An item as it was when it began.
fn write_item_begun(o: &mut Object<'_>, item: &Value<'_>) {
    let kind = item.str("type").unwrap_or_default();
    for (name, value) in item.members() {
        match (kind, name) {
            (_, "status") => o.string(name, "in_progress"),
            ("message", "content") | ("reasoning", "content" | "summary") => o.array(name, |_| {}),
            ("function_call", "arguments") | ("custom_tool_call", "input") => o.string(name, ""),
            ("reasoning", "encrypted_content") => {}
            _ => o.raw(name, value.raw()),
        }
    }
}

/// A part as it was when it began.
fn write_part_begun(o: &mut Object<'_>, part: &Value<'_>, member: &str) {
    for (name, value) in part.members() {
        match name {
            _ if name == member => o.string(name, ""),
            "annotations" | "logprobs" => o.array(name, |_| {}),
            _ => o.raw(name, value.raw()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::Decoder;
    use super::*;
    use crate::codec::{Aggregator, DecodeStream, Plan, decode_answer};
    use crate::sse;
    use tollgate_core::ir::{Block, Protocol};

    const KEPT: &str = r#"{"id":"resp_1","object":"response","status":"completed","model":"m","created_at":5,"usage":
        {"input_tokens":3,"output_tokens":4,"total_tokens":7},"output":[
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"plan"}],"encrypted_content":"E"},
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[
          {"type":"output_text","text":"Hi \"you\"","logprobs":[],
          "annotations":[{"type":"url_citation","url":"https://h","title":"T","start_index":0,"end_index":2}]},{"type":"refusal","refusal":"no"}]},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}","status":"completed"},
        {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}}]}"#;

    fn events(stream: &Bytes) -> Vec<String> {
        let mut decoder = sse::Decoder::new(1 << 20);
        decoder.push(stream.clone());
        std::iter::from_fn(|| decoder.next_event().unwrap())
            .map(|event| String::from_utf8(sse::data(&event).unwrap().into_owned()).unwrap())
            .collect()
    }

    #[test]
    fn a_replayed_response_says_what_was_kept() {
        let stream = events(&replay(KEPT.as_bytes(), None).unwrap());
        let mut decoder = Decoder::new(&Plan::default());
        let (mut aggregator, mut decoded) = (Aggregator::default(), Vec::new());
        for (at, event) in stream.iter().enumerate() {
            assert_eq!(json::parse(event.as_bytes()).unwrap().u64("sequence_number"), Some(at as u64), "{event}");
            decoder.event(event.as_bytes(), &mut decoded).unwrap();
        }
        decoder.finish(&mut decoded).unwrap();
        decoded.into_iter().for_each(|event| aggregator.event(event));
        let mut whole = decode_answer(Protocol::OpenAiResponses, KEPT.as_bytes(), &Plan::default()).unwrap();
        for block in &mut whole.choices[0].blocks {
            // Streams are not read for it.
            if let Block::ToolCall(call) = block {
                call.item_id = None;
            }
        }
        assert_eq!(aggregator.finish().choices, whole.choices);
        let first = json::parse(stream[0].as_bytes()).unwrap();
        let begun = first.get("response").unwrap();
        assert_eq!((begun.str("status"), begun.array("output").len()), (Some("in_progress"), 0));
        assert!(stream.iter().all(|event| !event.contains("\"item_id\":\"\"")), "{stream:?}");
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let all = events(&replay(KEPT.as_bytes(), None).unwrap());
        assert_eq!(events(&replay(KEPT.as_bytes(), Some(3)).unwrap()), all[4..]);
    }

    #[test]
    fn one_that_still_runs_is_refused() {
        let running = KEPT.replace(r#""status":"completed","model""#, r#""status":"in_progress","model""#);
        assert_eq!(replay(running.as_bytes(), None).unwrap_err().param(), Some("stream"));
        let failed = KEPT.replace(r#""status":"completed","model""#, r#""status":"failed","model""#);
        assert!(events(&replay(failed.as_bytes(), None).unwrap()).last().unwrap().contains("response.failed"));
    }
}
