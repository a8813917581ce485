//! Reads an answer that is here entirely.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tollgate_core::Usage;

use crate::json::Scanner;
use crate::lenient::{lenient, present};
use crate::usage::{self, Wire};

/// The facts of a whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// The model that the provider says it is.
    pub model: Option<String>,
    /// The provider's counts.
    pub usage: Option<Usage>,
    /// Whether the body is an error in spite of its status.
    pub is_error: bool,
    /// Bytes of text in the answer, for an estimate where counts are missing.
    pub output_text: usize,
}

/// The body is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAnswer(());

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wide {
    #[serde(deserialize_with = "lenient")]
    model: Option<String>,
    #[serde(rename = "modelVersion", deserialize_with = "lenient")]
    model_version: Option<String>,
    #[serde(deserialize_with = "lenient")]
    usage: Option<Wire>,
    #[serde(rename = "usageMetadata", deserialize_with = "lenient")]
    usage_metadata: Option<Wire>,
    #[serde(deserialize_with = "lenient")]
    meta: Option<Wire>,
    #[serde(deserialize_with = "present")]
    error: bool,
    choices: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
    output: Option<IgnoredAny>,
}

impl Whole {
    /// Reads a body.
    ///
    /// # Errors
    /// If it is not JSON at all.
    pub fn read(body: &[u8]) -> Result<Self, NotAnAnswer> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            // A list, such as Google's wrapped errors, or a bare value: JSON, but no answer with a usage.
            serde_json::from_slice::<IgnoredAny>(body).map_err(|_| NotAnAnswer(()))?;
            return Ok(Self { is_error: is_error_list(body), ..Self::default() });
        }
        let wide: Wide = serde_json::from_slice(body).map_err(|_| NotAnAnswer(()))?;
        let mut usage = [&wide.usage, &wide.usage_metadata, &wide.meta].into_iter().flatten().find_map(Wire::normalise);
        if usage.is_none() && wide.choices.is_none() && wide.data.is_none() {
            // Ollama's counts stand in the answer itself.
            usage = usage::parse(body);
        }
        let output_text = if usage.is_some_and(|usage| usage.output.is_some()) { 0 } else { text_in(body) };
        let has_answer = wide.choices.is_some() || wide.data.is_some() || wide.output.is_some();
        Ok(Self { model: wide.model.or(wide.model_version), usage, is_error: wide.error && !has_answer, output_text })
    }
}

fn is_error_list(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Item {
        #[serde(default, deserialize_with = "present")]
        error: bool,
    }
    serde_json::from_slice::<Vec<Item>>(body).is_ok_and(|items| items.first().is_some_and(|item| item.error))
}

fn text_in(body: &[u8]) -> usize {
    let Ok(mut scanner) = Scanner::new(body, 128) else {
        return 0;
    };
    let _ = scanner.value();
    usize::try_from(scanner.counts().text).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let whole =
            Whole::read(br#"{"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}"#).unwrap();
        assert_eq!((whole.model.as_deref(), whole.usage.unwrap().output), (Some("m"), Some(0)));
        let whole = Whole::read(b"\n\n {\"choices\":[{\"message\":{\"content\":\"12345678\"}}]}").unwrap();
        assert_eq!((whole.usage, whole.output_text), (None, 8));
        let whole = Whole::read(br#"{"model":"l","done":true,"prompt_eval_count":3,"eval_count":4}"#).unwrap();
        assert_eq!(whole.usage.unwrap().total(), 7);
    }

    #[test]
    fn errors_in_an_answer_of_200() {
        assert!(Whole::read(br#"{"error":{"message":"m","code":429}}"#).unwrap().is_error);
        assert!(Whole::read(br#"[{"error":{"message":"m"}}]"#).unwrap().is_error);
        assert!(!Whole::read(br#"{"object":"response","output":[],"error":null}"#).unwrap().is_error);
        assert!(
            !Whole::read(br#"{"object":"response","status":"failed","output":[],"error":{"code":"x"}}"#)
                .unwrap()
                .is_error
        );
        assert_eq!(Whole::read(b"<html>"), Err(NotAnAnswer(())));
        assert_eq!(Whole::read(b""), Err(NotAnAnswer(())));
    }
}
