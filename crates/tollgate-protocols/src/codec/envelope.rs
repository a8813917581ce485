//! Signatures in protocols that have no place for another maker's.
//!
//! A signature goes into whatever opaque field the client's protocol has, under a name that says whose it is, so that it is
//! known when the client sends it back.

use tollgate_core::ir::{Origin, Signature};

const PREFIX: &str = "tollgate:";

const NAMES: [(Origin, &str); 4] = [
    (Origin::Anthropic, "anthropic"),
    (Origin::Google, "google"),
    (Origin::OpenAi, "openai"),
    (Origin::Other, "other"),
];

/// The text for a field of a protocol whose own signatures are `own`'s: those go as they are, others in an envelope.
#[must_use]
pub fn seal_signature(signature: &Signature, own: Origin) -> String {
    if signature.origin == own {
        return signature.value.clone();
    }
    let name = NAMES.iter().find(|(origin, _)| *origin == signature.origin).map_or("other", |(_, name)| name);
    format!("{PREFIX}{name}:{}", signature.value)
}

/// The signature in a field of a protocol whose own signatures are `own`'s.
#[must_use]
pub fn open_signature(text: &str, own: Origin) -> Signature {
    let sealed = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':'));
    let known = sealed.and_then(|(name, value)| {
        let (origin, _) = NAMES.iter().find(|(_, known)| *known == name)?;
        Some(Signature { origin: *origin, value: value.to_owned() })
    });
    known.unwrap_or_else(|| Signature { origin: own, value: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_opened_again() {
        for origin in [Origin::Anthropic, Origin::Google, Origin::OpenAi, Origin::Other] {
            let signature = Signature { origin, value: "a:b==".to_owned() };
            assert_eq!(open_signature(&seal_signature(&signature, Origin::Google), Origin::Google), signature);
        }
        assert_eq!(open_signature("tollgate:x:y", Origin::OpenAi).value, "tollgate:x:y");
    }
}
