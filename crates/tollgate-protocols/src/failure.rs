//! Error bodies in every provider's shape.

use serde_json::{Map, Value};

/// What a provider says went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The provider's message.
    pub message: Option<String>,
    /// The class, in the provider's words: `type` or `status`.
    pub kind: Option<String>,
    /// The code, in the provider's words.
    pub code: Option<String>,
    /// The part of the request at fault.
    pub param: Option<String>,
    /// An HTTP status inside the body; what counts where the answer's own status is 200.
    pub status: Option<u16>,
    /// How long to wait, where the body says so (Gemini's `RetryInfo`), in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// Reads an error body: OpenAI's, Azure's, Anthropic's, Gemini's and its array form, Ollama's, Bedrock's, Mistral's,
/// xAI's, Cohere's, OpenRouter's, llama.cpp's, vLLM's old and new one, FastAPI's `detail`. A body that is no JSON gives
/// its text as the message, if it is short text at all.
#[must_use]
pub fn read(body: &[u8]) -> Failure {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(items)) => items.first().and_then(Value::as_object).map_or_else(Failure::default, from_object),
        Ok(Value::Object(object)) => from_object(&object),
        Ok(Value::String(message)) => Failure { message: Some(message), ..Failure::default() },
        _ => Failure { message: plain_text(body), ..Failure::default() },
    }
}

fn from_object(object: &Map<String, Value>) -> Failure {
    match object.get("error") {
        Some(Value::Object(error)) => from_error(error),
        // Ollama, Venice and xAI give the message as a string; xAI a code beside it.
        Some(Value::String(message)) => Failure { message: Some(message.clone()), ..from_error(object) },
        _ => from_error(object),
    }
}

fn from_error(error: &Map<String, Value>) -> Failure {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = error.get("code");
    Failure {
        message: text("message").or_else(|| text("Message")).or_else(|| detail(error.get("detail")?)),
        kind: text("type").or_else(|| text("status")),
        code: code.and_then(Value::as_str).map(str::to_owned),
        param: text("param"),
        status: code
            .or_else(|| error.get("status_code"))
            .or_else(|| error.get("raw_status_code"))
            .or_else(|| error.get("statusCode"))
            .and_then(status),
        retry_after_ms: error.get("details").and_then(retry_delay),
    }
}

/// A status given as a number or, by Azure, as digits.
fn status(code: &Value) -> Option<u16> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// FastAPI's `detail`: a string, or a list of `{msg, loc}`.
fn detail(detail: &Value) -> Option<String> {
    match detail {
        Value::String(message) => Some(message.clone()),
        Value::Array(items) => {
            let messages: Vec<&str> = items.iter().filter_map(|item| item.get("msg")?.as_str()).collect();
            (!messages.is_empty()).then(|| messages.join("; "))
        }
        Value::Object(inner) => inner.get("message").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}

/// Google's `RetryInfo`: `{"retryDelay": "34.4s"}` among the details.
fn retry_delay(details: &Value) -> Option<u64> {
    let delay = details.as_array()?.iter().find_map(|item| item.get("retryDelay")?.as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a day")]
    Some((seconds.clamp(0.0, 86_400.0) * 1000.0) as u64)
}

fn plain_text(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_short_text = !text.is_empty() && text.len() <= 500 && !text.starts_with('<');
    is_short_text.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, message: &str, code: Option<&str>, status: Option<u16>) {
        let failure = read(body.as_bytes());
        assert_eq!(failure.message.as_deref(), Some(message), "{body}");
        assert_eq!(failure.code.as_deref(), code, "{body}");
        assert_eq!(failure.status, status, "{body}");
    }

    #[test]
    fn every_shape() {
        check(r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#, "m", Some("c"), None);
        check(r#"{"error":{"code":"401","message":"m"}}"#, "m", Some("401"), Some(401));
        check(r#"{"statusCode":404,"message":"m"}"#, "m", None, Some(404));
        check(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, "m", None, None);
        check(r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, "m", None, Some(429));
        check(r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#, "m", None, Some(400));
        check(r#"{"error":"m"}"#, "m", None, None);
        check(r#"{"message":"m"}"#, "m", None, None);
        check(r#"{"Message":"m"}"#, "m", None, None);
        check(
            r#"{"object":"error","message":"m","type":"t","code":"1500","raw_status_code":422}"#,
            "m",
            Some("1500"),
            None,
        );
        check(r#"{"detail":"m"}"#, "m", None, None);
        check(r#"{"detail":[{"msg":"a"},{"msg":"b"}]}"#, "a; b", None, None);
        check(r#"{"code":"invalid","error":"m"}"#, "m", Some("invalid"), None);
        check(r#"{"id":"x","message":"m"}"#, "m", None, None);
        check(r#"{"error":{"code":502,"message":"m","metadata":{"raw":"r"}},"user_id":"u"}"#, "m", None, Some(502));
        check("Incorrect key", "Incorrect key", None, None);
    }

    #[test]
    fn what_is_no_message_is_none() {
        for body in ["", "<html><body>502</body></html>", "{}", "[]", "\u{1}"] {
            let message = read(body.as_bytes()).message;
            assert!(message.is_none() || body == "\u{1}", "{body}: {message:?}");
        }
    }

    #[test]
    fn google_says_when_to_come_back() {
        let body = r#"{"error":{"code":429,"details":[{"@type":"x"},{"@type":"RetryInfo","retryDelay":"34.4s"}]}}"#;
        assert_eq!(read(body.as_bytes()).retry_after_ms, Some(34_400));
    }
}
