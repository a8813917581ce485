//! Words and limits of OpenAI Responses.

use tollgate_core::ir::{Origin, Signature, Thinking};

use crate::codec::{open_signature, seal_signature};

/// Members of a request that the gateway itself acts on before a request is translated. They are no losses where another
/// protocol has no place for them.
pub const HANDLED_BY_GATEWAY: [&str; 4] = ["background", "include", "previous_response_id", "stream_options"];

/// The fewest output tokens that OpenAI takes as a limit.
pub(super) const LEAST_OUTPUT_TOKENS: u64 = 16;

/// The entry of `include` that asks for thoughts in a form that only their maker can read.
pub(super) const ENCRYPTED: &str = "reasoning.encrypted_content";

/// The entry of `include` that asks for log probabilities.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

/// What stands between the parts of a summary that become one text.
pub(super) const BETWEEN_PARTS: &str = "\n\n";

/// To what a sealed signature in a reasoning item belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    /// To the thoughts in the item.
    Thoughts,
    /// To thoughts that it holds itself.
    Redacted,
    /// To the call of this id.
    Call(String),
    /// To the words before the item.
    Text,
}

const REDACTED: &str = "redacted:";
const CALL: &str = "call:";
const TEXT: &str = "text:";

/// The text for `encrypted_content`. OpenAI's own goes as it is; another maker's says whose it is and to what it belongs.
pub(super) fn seal(signature: &Signature, belongs: &Belongs) -> String {
    let Signature { origin, value } = signature;
    let value = match belongs {
        _ if *origin == Origin::OpenAi => return value.clone(),
        Belongs::Thoughts => return seal_signature(signature, Origin::OpenAi),
        Belongs::Redacted => [REDACTED, value].concat(),
        Belongs::Call(id) => [CALL, id, ":", value].concat(),
        Belongs::Text => [TEXT, value].concat(),
    };
    seal_signature(&Signature { origin: *origin, value }, Origin::OpenAi)
}

/// The text for `encrypted_content` of thoughts.
pub(super) fn seal_thinking(thinking: &Thinking) -> Option<String> {
    let belongs = if thinking.redacted { Belongs::Redacted } else { Belongs::Thoughts };
    thinking.signature.as_ref().map(|signature| seal(signature, &belongs))
}

/// The signature in `encrypted_content`, and to what it belongs.
pub(super) fn open(text: &str) -> (Signature, Belongs) {
    let mut signature = open_signature(text, Origin::OpenAi);
    if signature.origin == Origin::OpenAi {
        return (signature, Belongs::Thoughts);
    }
    let value = std::mem::take(&mut signature.value);
    let (belongs, value) = if let Some(value) = value.strip_prefix(REDACTED) {
        (Belongs::Redacted, value)
    } else if let Some(value) = value.strip_prefix(TEXT) {
        (Belongs::Text, value)
    } else if let Some((id, value)) = value.strip_prefix(CALL).and_then(|rest| rest.rsplit_once(':')) {
        (Belongs::Call(id.to_owned()), value)
    } else {
        (Belongs::Thoughts, &*value)
    };
    (Signature { value: value.to_owned(), ..signature }, belongs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_signatures_say_to_what_they_belong() {
        for origin in [Origin::Anthropic, Origin::Google, Origin::Other] {
            for belongs in [Belongs::Thoughts, Belongs::Redacted, Belongs::Call("c:1".to_owned()), Belongs::Text] {
                let signature = Signature { origin, value: "AbC==".to_owned() };
                assert_eq!(open(&seal(&signature, &belongs)), (signature, belongs));
            }
        }
        let own = Signature { origin: Origin::OpenAi, value: "gAAAA".to_owned() };
        assert_eq!(seal(&own, &Belongs::Text), "gAAAA");
    }
}
