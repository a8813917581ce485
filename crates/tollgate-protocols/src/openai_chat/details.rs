//! Thoughts in answers and in turns that are sent back: the fields of every server that has some.

use tollgate_core::ir::{Origin, Signature, Thinking};

use super::types::{format_of, origin_of};
use crate::codec::open_signature;
use crate::json::{Array, Value};

/// The thoughts beside a message's content. Several fields may say the same; the one that says most wins, and they are
/// never put together: `reasoning_details` (OpenRouter), `thinking_blocks` (LiteLLM), then plain text.
pub(super) fn thoughts(message: &Value<'_>) -> Vec<Thinking> {
    let plain = plain(message);
    let mut details = from_details(message.array("reasoning_details"));
    if details.is_empty() {
        details = from_blocks(message.array("thinking_blocks"));
    }
    match (&mut details[..], plain) {
        ([], Some(text)) => vec![Thinking { text: text.to_owned(), ..Thinking::default() }],
        // A client that gathered a stream may have kept the signature and put the words elsewhere.
        ([only], Some(text)) if only.text.is_empty() && !only.redacted => {
            text.clone_into(&mut only.text);
            details
        }
        _ => details,
    }
}

/// The thoughts as plain text, whatever a server calls them.
pub(super) fn plain<'v>(message: &'v Value<'_>) -> Option<&'v str> {
    ["reasoning_content", "reasoning", "reasoning_text"]
        .into_iter()
        .filter_map(|name| message.str(name))
        .find(|text| !text.is_empty())
}

/// A piece of `reasoning_details`.
#[derive(Debug)]
pub(super) struct Detail<'v> {
    /// Words, if it has any.
    pub(super) text: &'v str,
    /// Whether the words are a summary.
    pub(super) summary: bool,
    /// Whether it is nothing but data.
    pub(super) encrypted: bool,
    /// The signature, or the data.
    pub(super) signature: Option<Signature>,
    /// What it belongs to.
    pub(super) index: Option<u64>,
    /// The item's id.
    pub(super) id: Option<&'v str>,
}

impl<'v> Detail<'v> {
    /// Reads a piece; `None` if it is of no known type.
    pub(super) fn read(item: &'v Value<'_>) -> Option<Self> {
        let kind = item.str("type")?;
        let (words, proof, encrypted) = match kind {
            "reasoning.text" => ("text", "signature", false),
            "reasoning.summary" => ("summary", "signature", false),
            "reasoning.encrypted" => ("", "data", true),
            _ => return None,
        };
        let origin = item.str("format").and_then(origin_of);
        let signature = item.str(proof).filter(|text| !text.is_empty()).map(|text| match origin {
            Some(origin) => Signature { origin, value: text.to_owned() },
            None => open_signature(text, Origin::Other),
        });
        Some(Self {
            text: item.str(words).unwrap_or_default(),
            summary: kind == "reasoning.summary",
            encrypted,
            signature,
            index: item.u64("index"),
            id: item.str("id").filter(|id| !id.is_empty()),
        })
    }

    /// The thoughts that it is alone. Data of OpenAI's stand for an item whose summary is empty, and not for a block that
    /// was hidden.
    pub(super) fn into_thinking(self) -> Thinking {
        let is_openai = self.signature.as_ref().is_some_and(|signature| signature.origin == Origin::OpenAi);
        Thinking {
            text: self.text.to_owned(),
            redacted: self.encrypted && !is_openai,
            summary: self.summary,
            signature: self.signature,
            id: self.id.map(str::to_owned),
        }
    }
}

fn from_details(items: &[Value<'_>]) -> Vec<Thinking> {
    let mut thoughts: Vec<(Option<u64>, Thinking)> = Vec::new();
    for detail in items.iter().filter_map(Detail::read) {
        // A client may send the pieces of a stream back one by one.
        if let Some((index, last)) = thoughts.last_mut()
            && *index == detail.index
            && index.is_some()
            && !last.redacted
            && last.signature.is_none()
            && (detail.encrypted || last.summary == detail.summary)
        {
            last.text.push_str(detail.text);
            last.signature = detail.signature;
            if last.id.is_none() {
                last.id = detail.id.map(str::to_owned);
            }
            continue;
        }
        let index = detail.index;
        let thinking = detail.into_thinking();
        if !thinking.text.is_empty() || thinking.signature.is_some() {
            thoughts.push((index, thinking));
        }
    }
    thoughts.into_iter().map(|(_, thinking)| thinking).collect()
}

fn from_blocks(items: &[Value<'_>]) -> Vec<Thinking> {
    let thinking = |item: &Value<'_>| {
        let redacted = item.str("type") == Some("redacted_thinking");
        let (words, proof) = if redacted { ("", "data") } else { ("thinking", "signature") };
        let signature = item.str(proof).filter(|text| !text.is_empty());
        let thinking = Thinking {
            text: item.string(words).unwrap_or_default(),
            signature: signature.map(|text| open_signature(text, Origin::Anthropic)),
            redacted,
            ..Thinking::default()
        };
        (!thinking.text.is_empty() || thinking.signature.is_some()).then_some(thinking)
    };
    items.iter().filter_map(thinking).collect()
}

/// Writes thoughts as pieces of `reasoning_details`; `index` binds the pieces of one block.
pub(super) fn write(a: &mut Array<'_>, thinking: &Thinking, signature: Option<&Signature>, index: u64) {
    let own_item = signature.filter(|signature| thinking.redacted || signature.origin == Origin::OpenAi);
    if own_item.is_none() || !thinking.text.is_empty() {
        let signature = signature.filter(|_| own_item.is_none());
        write_words(a, thinking.summary, &thinking.text, signature, index, thinking.id.as_deref());
    }
    if let Some(signature) = own_item {
        write_data(a, signature, index, thinking.id.as_deref());
    }
}

/// Writes words, and the signature that ends them.
pub(super) fn write_words(
    a: &mut Array<'_>,
    summary: bool,
    text: &str,
    signature: Option<&Signature>,
    index: u64,
    id: Option<&str>,
) {
    a.object(|o| {
        o.string("type", if summary { "reasoning.summary" } else { "reasoning.text" });
        o.string(if summary { "summary" } else { "text" }, text);
        if let Some(signature) = signature {
            o.string("signature", &signature.value);
            o.string("format", format_of(signature.origin));
        }
        o.maybe_string("id", id);
        o.uint("index", index);
    });
}

/// Writes data that stand for thoughts.
pub(super) fn write_data(a: &mut Array<'_>, signature: &Signature, index: u64, id: Option<&str>) {
    a.object(|o| {
        o.string("type", "reasoning.encrypted");
        o.string("data", &signature.value);
        o.string("format", format_of(signature.origin));
        o.maybe_string("id", id);
        o.uint("index", index);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{array_text, parse};

    fn signed(origin: Origin) -> Option<Signature> {
        Some(Signature { origin, value: "SIG==".to_owned() })
    }

    #[test]
    fn details_are_read_as_they_were_written() {
        let text = "plan".to_owned();
        for thinking in [
            Thinking { text: text.clone(), ..Thinking::default() },
            Thinking { text: text.clone(), signature: signed(Origin::Anthropic), ..Thinking::default() },
            Thinking { signature: signed(Origin::Anthropic), ..Thinking::default() },
            Thinking { signature: signed(Origin::Anthropic), redacted: true, ..Thinking::default() },
            Thinking { text: text.clone(), signature: signed(Origin::Google), summary: true, ..Thinking::default() },
            Thinking {
                text,
                signature: signed(Origin::OpenAi),
                summary: true,
                id: Some("rs_1".to_owned()),
                redacted: false,
            },
            Thinking { signature: signed(Origin::OpenAi), id: Some("rs_1".to_owned()), ..Thinking::default() },
        ] {
            let items = array_text(|a| write(a, &thinking, thinking.signature.as_ref(), 0));
            let message = format!(r#"{{"reasoning_details":{items},"reasoning_content":"other"}}"#);
            let mut expected = thinking.clone();
            if expected.text.is_empty() && !expected.redacted {
                "other".clone_into(&mut expected.text);
            }
            assert_eq!(thoughts(&parse(message.as_bytes()).unwrap()), [expected], "{items}");
        }
    }

    #[test]
    fn pieces_of_a_stream_are_one_block() {
        let message = r#"{"reasoning_details":[{"type":"reasoning.text","text":"pl","index":0},
            {"type":"reasoning.text","text":"an","index":0},
            {"type":"reasoning.text","signature":"S","format":"anthropic-claude-v1","index":0},
            {"type":"reasoning.text","text":"next","index":1}]}"#;
        let thoughts = thoughts(&parse(message.as_bytes()).unwrap());
        assert_eq!(thoughts.iter().map(|thinking| &*thinking.text).collect::<Vec<_>>(), ["plan", "next"]);
        assert_eq!(thoughts[0].signature, Some(Signature { origin: Origin::Anthropic, value: "S".to_owned() }));
    }

    #[test]
    fn the_same_thoughts_in_two_fields_are_read_once() {
        let message = r#"{"reasoning":"abc","reasoning_details":[{"type":"reasoning.text","text":"abc","index":0}]}"#;
        assert_eq!(thoughts(&parse(message.as_bytes()).unwrap())[0].text, "abc");
        let message = r#"{"reasoning_content":"","reasoning":"abc"}"#;
        assert_eq!(thoughts(&parse(message.as_bytes()).unwrap()).len(), 1);
    }
}
