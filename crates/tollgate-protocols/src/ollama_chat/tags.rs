//! `/api/tags`: the models that there are.

use bytes::Bytes;

use super::types::rfc3339;
use crate::json;

/// A digest of no content: Ollama's own command line cuts its first twelve characters out without asking.
const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The answer for models, each with the seconds since 1970 at which it was made, as far as that is known. A gateway's models
/// are no files, so size and digest are zero and the details are empty, as Ollama has them for models that run elsewhere.
#[must_use]
pub fn body<'a>(models: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> Bytes {
    Bytes::from(json::object(1024, |o| {
        o.array("models", |a| {
            for (id, created) in models {
                a.object(|o| {
                    o.string("name", id);
                    o.string("model", id);
                    o.string("modified_at", &rfc3339(created.unwrap_or(0)));
                    o.uint("size", 0);
                    o.string("digest", NO_DIGEST);
                    o.object("details", |o| {
                        o.string("parent_model", "");
                        o.string("format", "");
                        o.string("family", "");
                        o.null("families");
                        o.string("parameter_size", "");
                        o.string("quantization_level", "");
                    });
                });
            }
        });
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models() {
        let body = body([("a/b", Some(1_726_454_517)), ("c", None)]);
        let value = json::parse(&body).unwrap();
        let models = value.array("models");
        assert_eq!(models.len(), 2);
        assert_eq!((models[0].str("name"), models[0].str("model")), (Some("a/b"), Some("a/b")));
        assert_eq!(models[0].str("modified_at"), Some("2024-09-16T02:41:57Z"));
        assert!(models[1].get("details").is_some_and(json::Value::is_object));
    }
}
