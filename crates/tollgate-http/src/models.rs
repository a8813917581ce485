//! The door to the list of models.

use bytes::Bytes;
use tollgate_core::ir::Protocol;
use tollgate_core::{BoxFuture, Error, ErrorKind, Identity};
use tollgate_protocols::json::{self, Value};

/// Knows the models.
pub trait ListModels: Send + Sync {
    /// All models that a client may use, as the JSON of OpenAI's list.
    fn list<'a>(&'a self, client: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>>;

    /// One model by any of its names, as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`] if there is none, [`ErrorKind::PermissionDenied`] if the client may not use it.
    fn describe<'a>(&'a self, name: &'a str, client: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>>;
}

/// An empty list.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModels;

impl ListModels for NoModels {
    fn list<'a>(&'a self, _: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(std::future::ready(Ok(Bytes::from_static(br#"{"object":"list","data":[]}"#))))
    }

    fn describe<'a>(&'a self, name: &'a str, _: &'a Identity) -> BoxFuture<'a, Result<Bytes, Error>> {
        let message = format!("The model `{name}` does not exist here.");
        Box::pin(std::future::ready(Err(Error::new(ErrorKind::ModelNotFound, message).with_param("model"))))
    }
}

/// OpenAI's list in the words of another protocol.
pub(crate) fn list_in(protocol: Protocol, openai: Bytes) -> Bytes {
    let Some(list) = json::parse(&openai).ok().filter(|_| is_other(protocol)) else { return openai };
    let models = list.array("data");
    let id_of = |model: Option<&Value<'_>>| model.and_then(|model| model.string("id"));
    json::object(64 + models.len() * 160, |o| match protocol {
        Protocol::AnthropicMessages => {
            o.array("data", |data| models.iter().for_each(|model| data.object(|o| anthropic(o, model))));
            o.bool("has_more", false);
            o.string_or_null("first_id", id_of(models.first()).as_deref());
            o.string_or_null("last_id", id_of(models.last()).as_deref());
        }
        Protocol::GeminiGenerate => {
            o.array("models", |list| models.iter().for_each(|model| list.object(|o| gemini(o, model))));
        }
        _ => o.array("models", |list| models.iter().for_each(|model| list.object(|o| ollama(o, model)))),
    })
    .into()
}

/// OpenAI's description of a model in the words of another protocol.
pub(crate) fn described_in(protocol: Protocol, openai: Bytes) -> Bytes {
    let Some(model) = json::parse(&openai).ok().filter(|_| is_other(protocol)) else { return openai };
    json::object(256, |o| match protocol {
        Protocol::AnthropicMessages => anthropic(o, &model),
        Protocol::GeminiGenerate => gemini(o, &model),
        _ => ollama(o, &model),
    })
    .into()
}

fn is_other(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::AnthropicMessages | Protocol::GeminiGenerate | Protocol::OllamaChat)
}

fn anthropic(o: &mut json::Object<'_>, model: &Value<'_>) {
    let id = model.str("id").unwrap_or_default();
    o.string("type", "model");
    o.string("id", id);
    o.string("display_name", model.str("display_name").unwrap_or(id));
    match model.str("created_at") {
        Some(known) => o.string("created_at", known),
        None => o.string("created_at", &rfc3339(model.u64("created").unwrap_or(0))),
    }
}

fn gemini(o: &mut json::Object<'_>, model: &Value<'_>) {
    let id = model.str("id").unwrap_or_default();
    o.string("name", &format!("models/{id}"));
    o.string("displayName", model.str("displayName").unwrap_or(id));
    for name in ["description", "version"] {
        o.maybe_string(name, model.str(name));
    }
    for name in ["inputTokenLimit", "outputTokenLimit"] {
        o.maybe_uint(name, model.u64(name));
    }
    match model.get("supportedGenerationMethods") {
        Some(methods) => o.raw("supportedGenerationMethods", methods.raw()),
        None => o.strings("supportedGenerationMethods", ["generateContent", "countTokens", "embedContent"]),
    }
}

fn ollama(o: &mut json::Object<'_>, model: &Value<'_>) {
    let id = model.str("id").unwrap_or_default();
    o.string("name", id);
    o.string("model", id);
    match model.str("modified_at") {
        Some(known) => o.string("modified_at", known),
        None => o.string("modified_at", &rfc3339(model.u64("created").unwrap_or(0))),
    }
    o.uint("size", model.u64("size").unwrap_or(0));
    o.string("digest", model.str("digest").unwrap_or_default());
    match model.get("details").filter(|details| details.is_object()) {
        Some(details) => o.raw("details", details.raw()),
        None => o.object("details", |o| {
            for name in ["parent_model", "format", "family", "parameter_size", "quantization_level"] {
                o.string(name, "");
            }
        }),
    }
}

/// Seconds since 1970 as a date (RFC 3339), by the civil calendar's 400-year cycle.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_798_761_599), "2026-12-31T23:59:59Z");
    }

    #[test]
    fn every_client_gets_its_own_list() {
        let openai = Bytes::from_static(br#"{"object":"list","data":[{"id":"a/m","created":0},{"id":"n"}]}"#);
        assert_eq!(list_in(Protocol::OpenAiChat, openai.clone()), openai);
        let anthropic: serde_json::Value =
            serde_json::from_slice(&list_in(Protocol::AnthropicMessages, openai.clone())).unwrap();
        assert_eq!((&anthropic["first_id"], &anthropic["last_id"]), (&"a/m".into(), &"n".into()));
        assert_eq!(anthropic["data"][0]["type"], "model");
        let gemini: serde_json::Value =
            serde_json::from_slice(&list_in(Protocol::GeminiGenerate, openai.clone())).unwrap();
        assert_eq!(gemini["models"][0]["name"], "models/a/m");
        let ollama: serde_json::Value = serde_json::from_slice(&list_in(Protocol::OllamaChat, openai)).unwrap();
        assert_eq!(ollama["models"][1]["model"], "n");
    }
}
