//! Reads an answer that is here entirely.

use serde::Deserialize;
use tollgate_core::Usage;

use crate::billing::{self, Billing};
use crate::json::{self, Fault, Scanner};
use crate::lenient::present;
use crate::usage::{self, Wire};

/// The facts of a whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// The model that the provider says it is.
    pub model: Option<String>,
    /// The provider's counts.
    pub usage: Option<Usage>,
    /// What it says of what it charges.
    pub billing: Billing,
    /// Whether the body is an error in spite of its status.
    pub is_error: bool,
    /// Bytes of text in the answer, for an estimate where counts are missing.
    pub output_text: usize,
}

/// The body is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAnswer(());

/// What stands where in an answer.
#[derive(Default)]
struct Wide {
    model: Option<String>,
    usage: Option<Usage>,
    billing: Billing,
    has_error: bool,
    has_answer: bool,
}

/// No answer is nested as deeply as this, except to do harm.
const MAX_DEPTH: usize = 256;

impl Whole {
    /// Reads a body.
    ///
    /// # Errors
    /// If it is not JSON at all.
    pub fn read(body: &[u8]) -> Result<Self, NotAnAnswer> {
        let mut scanner = Scanner::new(body, MAX_DEPTH).map_err(|_| NotAnAnswer(()))?;
        if scanner.peek() != Some(b'{') {
            // A list, such as Google's wrapped errors, or a bare value: JSON, but no answer with a usage.
            scanner.value().and_then(|_| scanner.end()).map_err(|_| NotAnAnswer(()))?;
            return Ok(Self { is_error: is_error_list(body), ..Self::default() });
        }
        let mut wide = Wide::default();
        scanner
            .object(|scanner, key| wide.member(body, scanner, &key.name()))
            .and_then(|_| scanner.end())
            .map_err(|_| NotAnAnswer(()))?;
        let usage = wide.usage.or_else(|| if wide.has_answer { None } else { usage::parse(body) });
        let is_counted = usage.is_some_and(|usage| usage.output.is_some());
        let output_text = if is_counted { 0 } else { usize::try_from(scanner.counts().text).unwrap_or(usize::MAX) };
        let is_error = wide.has_error && !wide.has_answer;
        Ok(Self { model: wide.model, usage, billing: wide.billing, is_error, output_text })
    }
}

impl Wide {
    fn member(&mut self, body: &[u8], scanner: &mut Scanner<'_>, name: &[u8]) -> Result<(), Fault> {
        if matches!(name, b"usage" | b"usageMetadata" | b"meta") {
            if let Some(wire) = Wire::read_at(body, scanner)? {
                self.usage = self.usage.or(wire.normalise());
                self.billing.update(wire.billing());
            }
            return Ok(());
        }
        let value = &body[scanner.value()?];
        match name {
            b"model" => self.model = json::decode(value).or_else(|| self.model.take()),
            b"modelVersion" if self.model.is_none() => self.model = json::decode(value),
            b"service_tier" | b"serviceTier" => {
                let service_tier = billing::service_tier(value);
                self.billing.update(Billing { service_tier, reported_cost: None });
            }
            b"error" => self.has_error = value != b"null",
            b"choices" | b"data" | b"output" => self.has_answer = true,
            _ => {}
        }
        Ok(())
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
    fn what_it_was_charged_as() {
        for (body, tier) in [
            (r#"{"choices":[],"service_tier":"priority","usage":{"prompt_tokens":1,"cost":0.5}}"#, "priority"),
            (r#"{"content":[],"usage":{"input_tokens":1,"service_tier":"batch","cost":0.5}}"#, "batch"),
            (r#"{"candidates":[],"usageMetadata":{"promptTokenCount":1,"serviceTier":"flex","cost":0.5}}"#, "flex"),
            (r#"{"output":{},"usage":{"inputTokens":1,"cost":0.5},"serviceTier":{"type":"reserved"}}"#, "reserved"),
        ] {
            let billing = Whole::read(body.as_bytes()).unwrap().billing;
            assert_eq!(billing.service_tier.as_deref(), Some(tier));
            assert_eq!(billing.reported_cost.map(|cost| cost.0), Some(500_000_000));
        }
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
