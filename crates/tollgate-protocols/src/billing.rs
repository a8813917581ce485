//! What providers say of what they charge, beside their counts of tokens.

use std::sync::Arc;

use memchr::memmem;
use tollgate_core::NanoUsd;

use crate::json::{self, Scanner};

/// What an answer says of its price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Billing {
    /// The class of service that it was given, in the provider's word, such as `flex`.
    pub service_tier: Option<Arc<str>>,
    /// What it cost.
    pub reported_cost: Option<NanoUsd>,
}

impl Billing {
    /// Takes over whatever `newer` says.
    pub fn update(&mut self, newer: Self) {
        if newer.service_tier.is_some() {
            self.service_tier = newer.service_tier;
        }
        self.reported_cost = newer.reported_cost.or(self.reported_cost);
    }
}

/// An amount of dollars in JSON, as a number or as text.
pub(crate) fn dollars(json: &[u8]) -> Option<NanoUsd> {
    let text = std::str::from_utf8(json).ok()?;
    NanoUsd::rounded(text.trim_matches('"'))
}

/// The class of service somewhere in a JSON text, which is not parsed for it.
///
/// A name in quotes cannot be part of what somebody said, since the quotes of a text within a text are escaped.
pub(crate) fn service_tier_within(json: &[u8]) -> Option<Arc<str>> {
    [&b"\"service_tier\""[..], b"\"serviceTier\""].iter().find_map(|name| {
        let value = json[memmem::find(json, name)? + name.len()..].trim_ascii_start().strip_prefix(b":")?;
        service_tier(first_value(value.trim_ascii_start())?)
    })
}

/// A class of service as a value: a word, or Bedrock's object around it.
pub(crate) fn service_tier(value: &[u8]) -> Option<Arc<str>> {
    let word = match value.first()? {
        b'"' => value,
        b'{' => {
            let name = b"\"type\"";
            let rest = &value[memmem::find(value, name)? + name.len()..];
            first_value(rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())?
        }
        _ => return None,
    };
    json::decode(word).map(Into::into)
}

fn first_value(text: &[u8]) -> Option<&[u8]> {
    // A scanner wants text that is one value alone; of this one only the beginning is.
    let end = match text.first()? {
        b'"' => memchr::memchr(b'"', &text[1..])? + 2,
        b'{' => Scanner::new(text, 8).ok()?.value().ok()?.end,
        _ => return None,
    };
    text.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_service_is_found_where_it_is_structure() {
        for (json, tier) in [
            (r#"{"usage":{"service_tier":"priority"}}"#, Some("priority")),
            (r#"{"usageMetadata":{"x":1,"serviceTier" : "flex"}}"#, Some("flex")),
            (r#"{"metadata":{"usage":{},"serviceTier":{"type":"reserved"}}}"#, Some("reserved")),
            (r#"{"text":"\"service_tier\":\"flex\""}"#, None),
            (r#"{"service_tier":null}"#, None),
            (r#"{"service_tier":"#, None),
            (r#"{"serviceTier":{"kind":1}}"#, None),
        ] {
            assert_eq!(service_tier_within(json.as_bytes()).as_deref(), tier, "{json}");
        }
    }
}
