//! The items of an answer's output.

use tollgate_core::ir::{Citation, FinishReason, Media, MediaKind, Source, ToolKind};

use super::super::request::write_annotations;
use crate::codec::new_id;
use crate::json::{self, Array, Object, Value};

/// An item of an answer's output.
#[derive(Debug)]
pub(in super::super) enum Item {
    /// What the model says.
    Message { id: String, parts: Vec<Part> },
    /// A call.
    Call { id: String, call_id: String, name: String, arguments: String, kind: ToolKind },
    /// Thoughts.
    Reasoning { id: String, text: String, summary: bool, encrypted: Option<String> },
    /// Another item as JSON text, complete.
    Raw(String),
}

/// A part of a message.
#[derive(Debug, Default)]
pub(in super::super) struct Part {
    /// Whether it is a refusal.
    pub(in super::super) refusal: bool,
    /// The words.
    pub(in super::super) text: String,
    /// Where they come from.
    pub(in super::super) citations: Vec<Citation>,
    /// Log probabilities as the JSON text of Chat Completions' `logprobs`.
    pub(in super::super) logprobs: Vec<String>,
    /// How many characters of text the answer had before.
    pub(in super::super) before: u64,
}

/// Names the items of one answer, after the answer where it has a name. Whoever keeps the answer for others then has to change
/// its name alone.
#[derive(Debug, Default)]
pub(in super::super) struct ItemIds {
    answer: Option<String>,
    given: usize,
}

/// Members that OpenAI's description demands of hosted tools' items and other servers leave out, with what says least.
const DEMANDED: [(&str, &[(&str, &str)]); 3] = [
    ("code_interpreter_call", &[("container_id", "\"\""), ("code", "null"), ("outputs", "null")]),
    ("shell_call", &[("environment", "null")]),
    ("web_search_call", &[("action", r#"{"type":"search","query":""}"#)]),
];

// === impl ItemIds ===

impl ItemIds {
    /// Names after an answer's, without its prefix.
    pub(in super::super) fn of(answer: Option<&str>) -> Self {
        Self { answer: answer.filter(|name| name.is_ascii() && name.len() > 16).map(str::to_owned), given: 0 }
    }

    fn next(&mut self, prefix: &str) -> String {
        // As long as other names: the last two letters make room for a number.
        match &self.answer {
            Some(name) if self.given < 100 => {
                let id = format!("{prefix}{}{:02}", &name[..name.len() - 2], self.given);
                self.given += 1;
                id
            }
            _ => new_id(prefix),
        }
    }
}

// === impl Item ===

impl Item {
    /// An item of this protocol as JSON text, with all members that clients demand.
    pub(in super::super) fn own(text: &str) -> Self {
        let added = json::parse(text.as_bytes()).ok().and_then(|item| {
            let kind = item.str("type")?;
            let (_, demanded) = DEMANDED.iter().find(|(known, _)| *known == kind)?;
            let lacks = |name: &str| item.members().all(|(member, _)| member != name);
            let missing: Vec<_> = demanded.iter().filter(|(name, _)| lacks(name)).collect();
            (!missing.is_empty()).then(|| {
                json::object_text(|o| {
                    item.members().for_each(|(name, value)| o.raw(name, value.raw()));
                    missing.iter().for_each(|(name, json)| o.raw(name, json));
                })
            })
        });
        Self::Raw(added.unwrap_or_else(|| text.to_owned()))
    }

    pub(in super::super) fn message(ids: &mut ItemIds) -> Self {
        Self::Message { id: ids.next("msg_"), parts: Vec::new() }
    }

    pub(in super::super) fn call(
        call_id: &str,
        name: &str,
        kind: ToolKind,
        item_id: Option<&str>,
        ids: &mut ItemIds,
    ) -> Self {
        let prefix = if kind == ToolKind::Custom { "ctc_" } else { "fc_" };
        let known = item_id.filter(|id| id.starts_with(prefix));
        Self::Call {
            id: known.map_or_else(|| ids.next(prefix), str::to_owned),
            call_id: call_id.to_owned(),
            name: name.to_owned(),
            arguments: String::new(),
            kind,
        }
    }

    /// Thoughts, which are always told as a summary: OpenAI and Open Responses name the events of raw thoughts differently,
    /// and those of summaries alike, so every client understands these.
    pub(in super::super) fn reasoning(id: Option<&str>, ids: &mut ItemIds) -> Self {
        let known = id.filter(|id| id.starts_with("rs_"));
        let id = known.map_or_else(|| ids.next("rs_"), str::to_owned);
        Self::Reasoning { id, text: String::new(), summary: true, encrypted: None }
    }

    /// A reasoning item that says nothing and carries another item's signature.
    pub(in super::super) fn bearer(sealed: String, ids: &mut ItemIds) -> Self {
        Self::Reasoning { id: ids.next("rs_"), text: String::new(), summary: true, encrypted: Some(sealed) }
    }

    /// Adds the item's members.
    pub(in super::super) fn write(&self, o: &mut Object<'_>, status: &str) {
        match self {
            Self::Message { id, parts } => {
                o.string("type", "message");
                o.string("id", id);
                o.string("status", status);
                o.string("role", "assistant");
                o.array("content", |a| parts.iter().for_each(|part| a.object(|o| part.write(o))));
            }
            Self::Call { id, call_id, name, arguments, kind } => {
                let custom = *kind == ToolKind::Custom;
                o.string("type", if custom { "custom_tool_call" } else { "function_call" });
                o.string("id", id);
                o.string("call_id", call_id);
                o.string("name", name);
                o.string(if custom { "input" } else { "arguments" }, arguments);
                o.string("status", status);
            }
            Self::Reasoning { id, text, summary, encrypted } => {
                o.string("type", "reasoning");
                o.string("id", id);
                let words = |a: &mut Array<'_>, kind: &str| {
                    a.object(|o| {
                        o.string("type", kind);
                        o.string("text", text);
                    });
                };
                let (as_summary, as_content) = (!text.is_empty() && *summary, !text.is_empty() && !*summary);
                o.array("summary", |a| {
                    if as_summary {
                        words(a, "summary_text");
                    }
                });
                if as_content {
                    o.array("content", |a| words(a, "reasoning_text"));
                }
                o.maybe_string("encrypted_content", encrypted.as_deref());
            }
            Self::Raw(_) => {}
        }
    }

    /// The item as JSON text.
    pub(in super::super) fn text(&self, status: &str) -> String {
        match self {
            Self::Raw(json) => json.clone(),
            item => json::object_text(|o| item.write(o, status)),
        }
    }
}

impl Part {
    pub(in super::super) fn write(&self, o: &mut Object<'_>) {
        if self.refusal {
            o.string("type", "refusal");
            o.string("refusal", &self.text);
            return;
        }
        o.string("type", "output_text");
        o.string("text", &self.text);
        let length = if self.citations.is_empty() { 0 } else { self.text.chars().count() as u64 };
        o.array("annotations", |a| write_annotations(a, &self.citations, self.before, length));
        o.array("logprobs", |a| self.logprobs.iter().for_each(|logprobs| write_logprobs(a, logprobs)));
    }
}

/// Adds the tokens of Chat Completions' `logprobs`.
pub(in super::super) fn write_logprobs(a: &mut Array<'_>, logprobs: &str) {
    let Ok(logprobs) = json::parse(logprobs.as_bytes()) else { return };
    let list =
        |value: &Value<'_>, name: &str| value.get(name).filter(|v| v.is_array()).map_or("[]", Value::raw).to_owned();
    for token in logprobs.array("content") {
        a.object(|o| {
            o.string("token", token.str("token").unwrap_or_default());
            o.raw("logprob", token.get("logprob").map_or("0", Value::raw));
            o.raw("bytes", &list(token, "bytes"));
            o.raw("top_logprobs", &list(token, "top_logprobs"));
        });
    }
}

/// A picture that the model made, as this protocol's own tool gives it; it has no place for other media.
pub(in super::super) fn item_of_media(media: &Media, ids: &mut ItemIds) -> Option<Item> {
    let (MediaKind::Image, Source::Base64(data)) = (media.kind, &media.source) else { return None };
    Some(Item::Raw(json::object_text(|o| {
        o.string("type", "image_generation_call");
        o.string("id", &ids.next("ig_"));
        o.string("status", "completed");
        o.string("result", data);
    })))
}

/// Whether the last item of an answer that ended so is cut off.
pub(in super::super) fn is_cut(reason: FinishReason) -> bool {
    matches!(reason, FinishReason::Length | FinishReason::ContentFilter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_named_after_their_answer() {
        let mut ids = ItemIds::of(Some("abcdefghijklmnopqrstuvwx"));
        assert_eq!(
            [ids.next("msg_"), ids.next("fc_")],
            ["msg_abcdefghijklmnopqrstuv00", "fc_abcdefghijklmnopqrstuv01"]
        );
        for nameless in
            [None, Some("short"), Some("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}")]
        {
            let mut ids = ItemIds::of(nameless);
            assert_ne!(ids.next("msg_"), ids.next("msg_"));
        }
        let all: std::collections::HashSet<String> = (0..300).map(|_| ids.next("fc_")).collect();
        assert_eq!(all.len(), 300);
    }

    #[test]
    fn items_have_what_is_demanded() {
        for (text, expected) in [
            (r#"{"type":"shell_call","id":"a"}"#, r#"{"type":"shell_call","id":"a","environment":null}"#),
            (r#"{"type": "shell_call", "environment": {}}"#, r#"{"type": "shell_call", "environment": {}}"#),
            (
                r#"{"type":"code_interpreter_call","code":"1"}"#,
                r#"{"type":"code_interpreter_call","code":"1","container_id":"","outputs":null}"#,
            ),
            (r#"{"type":"other"}"#, r#"{"type":"other"}"#),
            ("?", "?"),
        ] {
            assert_eq!(Item::own(text).text("completed"), expected);
        }
    }
}
