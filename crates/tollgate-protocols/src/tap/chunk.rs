//! One event of a stream, parsed for its facts.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tollgate_core::Usage;

use crate::billing::Billing;
use crate::lenient::{lenient, present};
use crate::usage::Wire;

/// The facts that any of the known event shapes may hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    #[serde(rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "lenient")]
    model: Option<String>,
    #[serde(rename = "modelVersion", deserialize_with = "lenient")]
    model_version: Option<String>,
    #[serde(deserialize_with = "lenient")]
    choices: Option<Vec<Choice>>,
    #[serde(deserialize_with = "lenient")]
    usage: Option<Wire>,
    #[serde(rename = "usageMetadata", deserialize_with = "lenient")]
    usage_metadata: Option<Wire>,
    #[serde(deserialize_with = "lenient")]
    service_tier: Option<String>,
    #[serde(deserialize_with = "lenient")]
    x_groq: Option<Nested>,
    /// The whole object, in Responses events.
    #[serde(deserialize_with = "lenient")]
    response: Option<Nested>,
    /// The whole object, in Anthropic's first event.
    #[serde(deserialize_with = "lenient")]
    message: Option<Nested>,
    /// Where Cohere's last event has it.
    #[serde(deserialize_with = "lenient")]
    delta: Option<Nested>,
    #[serde(deserialize_with = "present")]
    pub(super) error: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Nested {
    #[serde(deserialize_with = "lenient")]
    model: Option<String>,
    #[serde(deserialize_with = "lenient")]
    usage: Option<Wire>,
    #[serde(deserialize_with = "lenient")]
    service_tier: Option<String>,
    #[serde(deserialize_with = "present")]
    error: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    /// Moonshot reports usage here.
    #[serde(deserialize_with = "lenient")]
    usage: Option<Wire>,
    #[serde(deserialize_with = "lenient")]
    delta: Option<Delta>,
    #[serde(deserialize_with = "lenient")]
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta {
    #[serde(deserialize_with = "lenient")]
    content: Option<Content>,
    #[serde(deserialize_with = "lenient")]
    reasoning_content: Option<String>,
    #[serde(deserialize_with = "lenient")]
    reasoning: Option<String>,
    #[serde(deserialize_with = "lenient")]
    refusal: Option<String>,
    #[serde(deserialize_with = "lenient")]
    tool_calls: Option<Vec<IgnoredAny>>,
}

/// Text, or Mistral's list of parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<IgnoredAny>),
}

impl<'a> Chunk<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    pub(super) fn model(&self) -> Option<&str> {
        let nested = [&self.response, &self.message].into_iter().flatten().find_map(|nested| nested.model.as_deref());
        self.model.as_deref().or(nested).or(self.model_version.as_deref()).filter(|model| !model.is_empty())
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.counts().and_then(Wire::normalise)
    }

    pub(super) fn billing(&self) -> Billing {
        let mut billing = self.counts().map(Wire::billing).unwrap_or_default();
        let nested = self.response.as_ref().and_then(|response| response.service_tier.as_deref());
        let service_tier = self.service_tier.as_deref().or(nested).map(Into::into);
        billing.update(Billing { service_tier, reported_cost: None });
        billing
    }

    fn counts(&self) -> Option<&Wire> {
        let nested = [&self.response, &self.message, &self.delta, &self.x_groq];
        self.usage
            .as_ref()
            .or(self.usage_metadata.as_ref())
            .or_else(|| nested.into_iter().flatten().find_map(|nested| nested.usage.as_ref()))
            .or_else(|| self.choices().iter().find_map(|choice| choice.usage.as_ref()))
    }

    /// Whether the event carries something generated, not only a role or an id.
    pub(super) fn has_content(&self) -> bool {
        self.choices().iter().any(Choice::has_content)
            || self.kind.as_deref().is_some_and(|kind| kind.ends_with(".delta") || kind == "content_block_delta")
    }

    /// Whether a Responses stream ends with this event, and how: `Some(true)` if well.
    pub(super) fn responses_end(&self) -> Option<bool> {
        match self.kind.as_deref()? {
            "response.completed" | "response.incomplete" => Some(true),
            "response.failed" | "error" => Some(false),
            _ => None,
        }
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_deref().unwrap_or_default()
    }
}

impl Choice {
    fn has_content(&self) -> bool {
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        filled(&self.text)
            || self.delta.as_ref().is_some_and(|delta| {
                let content = match &delta.content {
                    Some(Content::Text(text)) => !text.is_empty(),
                    Some(Content::Parts(parts)) => !parts.is_empty(),
                    None => false,
                };
                content
                    || filled(&delta.reasoning_content)
                    || filled(&delta.reasoning)
                    || filled(&delta.refusal)
                    || delta.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
            })
    }
}
