//! Words and limits of Gemini `generateContent`.

use std::borrow::Cow;

use tollgate_core::ir::{Effort, FinishReason};

use crate::json::Value;

/// How many stop sequences are taken.
pub(super) const MAX_STOPS: usize = 5;

/// The smallest budget of thinking of models that cannot stop.
pub(super) const SMALLEST_BUDGET: u64 = 128;

/// The smallest budget of thinking, other than none, of the lite models.
pub(super) const SMALLEST_LITE_BUDGET: u64 = 512;

/// What stands for the signature of a call that another maker's model made; Google's documentation of thought signatures
/// names it for that.
pub(super) const SKIP_SIGNATURE: &str = "skip_thought_signature_validator";

/// How many answers are read from one response.
pub(super) const MAX_CHOICES: usize = 128;

/// Stands before the data of another maker's redacted thinking, inside its envelope.
pub(super) const REDACTED: &str = "redacted:";

/// A name in the spelling with humps: `top_k` is `topK`.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    let mut hump = false;
    for c in name.chars() {
        match c {
            '_' if !out.is_empty() => hump = true,
            c if std::mem::take(&mut hump) => out.push(c.to_ascii_uppercase()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A member by its name with humps, in either spelling.
pub(super) fn member<'v, 'a>(value: &'v Value<'a>, name: &str) -> Option<&'v Value<'a>> {
    value.get(name).or_else(|| {
        let (_, found) = value.present().find(|(known, _)| known.contains('_') && camel(known) == name)?;
        Some(found)
    })
}

/// The items of a list. Google's servers take a single object where a list is expected, and their examples use that.
pub(super) fn list<'v, 'a>(value: &'v Value<'a>) -> &'v [Value<'a>] {
    if value.is_object() { std::slice::from_ref(value) } else { value.items() }
}

/// What a reason to finish means, before it is known whether tools were called. `None` for those that are failures.
pub(super) fn finish_reason(word: &str) -> Option<FinishReason> {
    Some(match word {
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => FinishReason::ContentFilter,
        "OTHER"
        | "LANGUAGE"
        | "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "NO_IMAGE"
        | "IMAGE_OTHER" => return None,
        _ => FinishReason::Stop,
    })
}

/// Whether a word is one of the protocol's reasons to finish.
pub(super) fn is_finish_word(word: &str) -> bool {
    matches!(word, "STOP" | "MAX_TOKENS")
        || !matches!(finish_reason(word), Some(FinishReason::Stop | FinishReason::Length))
}

/// The effort that a thinking level stands for, and back.
pub(super) const LEVELS: [(&str, Effort); 4] =
    [("MINIMAL", Effort::Minimal), ("LOW", Effort::Low), ("MEDIUM", Effort::Medium), ("HIGH", Effort::High)];

/// Media resolutions and the details that they stand for.
pub(super) const RESOLUTIONS: [(&str, &str); 4] = [
    ("MEDIA_RESOLUTION_LOW", "low"),
    ("MEDIA_RESOLUTION_MEDIUM", "auto"),
    ("MEDIA_RESOLUTION_HIGH", "high"),
    ("MEDIA_RESOLUTION_ULTRA_HIGH", "original"),
];

/// Whether an address is a film on YouTube, which needs no media type.
pub(super) fn is_youtube(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    matches!(host, "www.youtube.com" | "youtube.com" | "m.youtube.com" | "youtu.be")
}

/// Whether an address is a file in Google's Files API, which nobody else can read.
pub(super) fn is_google_file(uri: &str) -> bool {
    uri.starts_with("https://generativelanguage.googleapis.com/") || uri.starts_with("files/")
}

/// JSON text without the white space between its tokens.
pub(super) fn compact(json: &str) -> Cow<'_, str> {
    let is_space = |b: u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    if !json.bytes().any(is_space) {
        return Cow::Borrowed(json);
    }
    let (mut inside, mut escaped) = (false, false);
    let kept = json.chars().filter(|&c| {
        let keep = inside || !matches!(c, ' ' | '\n' | '\r' | '\t');
        if escaped {
            escaped = false;
        } else if inside && c == '\\' {
            escaped = true;
        } else if c == '"' {
            inside = !inside;
        }
        keep
    });
    Cow::Owned(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn both_spellings() {
        for (name, expected) in [("topK", "topK"), ("top_k", "topK"), ("_x", "_x"), ("a__b_", "aB"), ("", "")] {
            assert_eq!(camel(name), expected);
        }
        let value = json::parse(br#"{"file_uri":"a","mimeType":"b"}"#).unwrap();
        assert_eq!(member(&value, "fileUri").and_then(Value::as_str), Some("a"));
        assert_eq!(member(&value, "mimeType").and_then(Value::as_str), Some("b"));
        assert_eq!(member(&value, "other"), None);
    }

    #[test]
    fn white_space_goes_outside_of_strings_only() {
        for (json, expected) in [
            ("{ \"a b\" :\n[1, \"c \\\" d\"] }", "{\"a b\":[1,\"c \\\" d\"]}"),
            (r#"{"a":" \\"}"#, r#"{"a":" \\"}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(compact(json), expected);
        }
    }

    #[test]
    fn youtube() {
        assert!(is_youtube("https://www.youtube.com/watch?v=x") && is_youtube("https://youtu.be/x"));
        assert!(!is_youtube("https://h/www.youtube.com"));
    }
}
