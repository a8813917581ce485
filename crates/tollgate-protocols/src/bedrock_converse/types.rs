//! Words and limits of AWS Bedrock Converse, as the service model of `bedrock-runtime` has them.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use tollgate_core::ir::{CachePoint, CacheTtl, Finish, FinishReason, MediaKind};

use crate::json::Object;

/// The longest id of a call.
const MAX_TOOL_ID: usize = 64;

/// The longest name of a document that is sent; the limit is 200, and a number may be added.
const MAX_DOCUMENT_NAME: usize = 180;

/// Whether a model is one of Anthropic's, whose own request fields can be set.
pub(super) fn is_claude(model: &str) -> bool {
    model.contains("claude")
}

/// Whether a model takes cache points; others refuse the request.
pub(super) fn caches(model: &str) -> bool {
    is_claude(model) || model.contains("amazon.nova")
}

/// The reason for a word of `stopReason`.
pub(super) fn finish(word: &str, has_calls: bool) -> Finish {
    let reason = match word {
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "stop_sequence" => FinishReason::StopSequence,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        _ if has_calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    let is_plain = matches!(word, "end_turn" | "tool_use" | "max_tokens" | "stop_sequence");
    Finish { native: (!is_plain).then(|| word.to_owned()), ..Finish::new(reason) }
}

/// Whether a word of `stopReason` says that the model produced nonsense.
pub(super) fn is_malformed(word: &str) -> bool {
    matches!(word, "malformed_model_output" | "malformed_tool_use")
}

/// An id of a call in the form that is accepted: letters, digits and `_.:-`, at most 64 of them.
pub(super) fn tool_id(id: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if !id.is_empty() && id.len() <= MAX_TOOL_ID && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    // Ids that differ only in what is cut off or replaced must go on to differ. The hasher is seeded with constants, so
    // that the id of a call and that of its result are the same in every request.
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let mut clean: String = id.chars().take(40).map(|c| if fits(c) { c } else { '_' }).collect();
    clean.push_str(&format!("_{:016x}", hasher.finish()));
    Cow::Owned(clean)
}

/// A document's name in the form that is accepted: letters, digits, single spaces, hyphens, parentheses and brackets.
/// The ending of a file's name goes, since the format is said elsewhere.
pub(super) fn document_name(name: &str) -> String {
    let stem = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(name, |(stem, _)| stem);
    let mut clean = String::with_capacity(stem.len().min(MAX_DOCUMENT_NAME));
    for c in stem.chars() {
        let c = if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { ' ' };
        if clean.len() < MAX_DOCUMENT_NAME && !(c == ' ' && (clean.is_empty() || clean.ends_with(' '))) {
            clean.push(c);
        }
    }
    clean.truncate(clean.trim_end().len());
    if clean.is_empty() { "document".to_owned() } else { clean }
}

/// The format of media by their type; `None` if the protocol has no such format.
pub(super) fn format(kind: MediaKind, mime: &str) -> Option<&'static str> {
    const IMAGES: &[(&str, &str)] = &[
        ("image/png", "png"),
        ("image/jpeg", "jpeg"),
        ("image/jpg", "jpeg"),
        ("image/gif", "gif"),
        ("image/webp", "webp"),
    ];
    const AUDIO: &[(&str, &str)] = &[
        ("audio/mpeg", "mp3"),
        ("audio/mp3", "mp3"),
        ("audio/wav", "wav"),
        ("audio/x-wav", "wav"),
        ("audio/wave", "wav"),
        ("audio/opus", "opus"),
        ("audio/aac", "aac"),
        ("audio/flac", "flac"),
        ("audio/mp4", "mp4"),
        ("audio/m4a", "m4a"),
        ("audio/ogg", "ogg"),
        ("audio/webm", "webm"),
        ("audio/pcm", "pcm"),
    ];
    const VIDEO: &[(&str, &str)] = &[
        ("video/mp4", "mp4"),
        ("video/quicktime", "mov"),
        ("video/x-matroska", "mkv"),
        ("video/webm", "webm"),
        ("video/x-flv", "flv"),
        ("video/mpeg", "mpeg"),
        ("video/x-ms-wmv", "wmv"),
        ("video/3gpp", "three_gp"),
    ];
    const DOCUMENTS: &[(&str, &str)] = &[
        ("application/pdf", "pdf"),
        ("text/csv", "csv"),
        ("application/msword", "doc"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
        ("application/vnd.ms-excel", "xls"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
        ("text/html", "html"),
        ("text/plain", "txt"),
        ("text/markdown", "md"),
        ("application/json", "txt"),
    ];
    let table = match kind {
        MediaKind::Image => IMAGES,
        MediaKind::Audio => AUDIO,
        MediaKind::Video => VIDEO,
        MediaKind::Document => DOCUMENTS,
    };
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(mime)).map(|(_, format)| *format)
}

/// The media type of an image's format.
pub(super) fn image_mime(format: &str) -> Option<&'static str> {
    Some(match format {
        "png" => "image/png",
        "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    })
}

/// Writes a cache point, a block of its own.
pub(super) fn cache_point(o: &mut Object<'_>, point: &CachePoint) {
    o.object("cachePoint", |o| {
        o.string("type", "default");
        o.maybe_string(
            "ttl",
            point.ttl.map(|ttl| match ttl {
                CacheTtl::FiveMinutes => "5m",
                CacheTtl::OneHour => "1h",
            }),
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_to_the_form_and_stay_distinct() {
        assert_eq!(tool_id("tooluse_a.b:c-1"), "tooluse_a.b:c-1");
        let (long, other) = ("x".repeat(100), "x".repeat(101));
        let forms = [tool_id(&long), tool_id(&other), tool_id("a b"), tool_id("a/b"), tool_id("")];
        for (at, form) in forms.iter().enumerate() {
            assert!(!form.is_empty() && form.len() <= MAX_TOOL_ID && !form.contains([' ', '/']), "{form}");
            assert!(!forms[..at].contains(form));
        }
        assert_eq!(tool_id(&long), tool_id(&long));
    }

    #[test]
    fn names_of_documents() {
        for (name, clean) in [
            ("report.pdf", "report"),
            ("a_b  c/d.e.txt", "a b c d e"),
            ("", "document"),
            (".hidden", "hidden"),
            ("Übersicht (1).pdf", "bersicht (1)"),
            ("日本", "document"),
        ] {
            assert_eq!(document_name(name), clean);
        }
        assert_eq!(document_name(&"a".repeat(500)).len(), MAX_DOCUMENT_NAME);
    }
}
