//! Where words come from, in the words of Anthropic Messages.

use tollgate_core::ir::{Citation, Protocol};

use crate::json::{Array, Object, Value};

/// One citation; the whole of it is kept, since most kinds have no twin elsewhere.
pub(in super::super) fn read_citation(value: &Value<'_>) -> Citation {
    let url = value.str("url").or_else(|| value.str("source").filter(|source| source.contains("://")));
    Citation {
        url: url.map(str::to_owned),
        title: value.string("title").or_else(|| value.string("document_title")),
        cited_text: value.string("cited_text"),
        start: None,
        end: None,
        native: Some((Protocol::AnthropicMessages, value.raw().to_owned())),
    }
}

/// The citations of a text block.
pub(in super::super) fn read_citations(block: &Value<'_>) -> Vec<Citation> {
    block.array("citations").iter().filter(|value| value.is_object()).map(read_citation).collect()
}

/// The citations of a text block, if there are any.
pub(in super::super) fn write_citations(o: &mut Object<'_>, citations: &[Citation]) {
    if citations.iter().any(is_known) {
        o.array("citations", |a| citations.iter().for_each(|citation| write_citation(a, citation)));
    }
}

/// One citation: as it was, or as a place on the web.
pub(in super::super) fn write_citation(a: &mut Array<'_>, citation: &Citation) {
    match &citation.native {
        Some((Protocol::AnthropicMessages, json)) => a.raw(json),
        _ if citation.url.is_some() => a.object(|o| web_location(o, citation)),
        _ => {}
    }
}

/// Whether there is a way to write it.
fn is_known(citation: &Citation) -> bool {
    matches!(citation.native, Some((Protocol::AnthropicMessages, _))) || citation.url.is_some()
}

fn web_location(o: &mut Object<'_>, citation: &Citation) {
    o.string("type", "web_search_result_location");
    o.string("url", citation.url.as_deref().unwrap_or_default());
    o.string_or_null("title", citation.title.as_deref());
    o.string("encrypted_index", "");
    o.string("cited_text", citation.cited_text.as_deref().unwrap_or_default());
}
