//! Settings that ask for what happens anyway: they are no losses where a provider has no place for them.

use std::borrow::Cow;

use tollgate_core::ir::{Extra, Prompt, Protocol};

use crate::codec::Target;
use crate::openai_responses::HANDLED_BY_GATEWAY;

/// Leaves out what another protocol need not be told.
pub(super) fn leave_out(prompt: &mut Cow<'_, Prompt>, target: &Target<'_>) {
    if prompt.protocol == target.protocol {
        return;
    }
    let from = prompt.protocol;
    let is_empty = |text: &Option<String>| text.as_deref().is_some_and(|text| matches!(text.trim(), "" | "{}"));
    let sampling = &prompt.sampling;
    let keeps = target.protocol == Protocol::OpenAiChat && target.dialect.platform;
    // Anthropic's default is one for both.
    let is_claude = target.protocol == Protocol::AnthropicMessages || target.model.contains("claude");
    let says_nothing = Nothing {
        user: is_empty(&prompt.user),
        metadata: is_empty(&prompt.metadata),
        logit_bias: is_empty(&sampling.logit_bias),
        verbosity: !target.dialect.platform && prompt.verbosity.as_deref() == Some("medium"),
        top_logprobs: sampling.top_logprobs == Some(0) && sampling.logprobs != Some(true),
        // The gateway keeps them where the provider does not.
        store: from == Protocol::OpenAiResponses && prompt.store == Some(true) && !keeps,
        temperature: is_claude && target.gates.refuses_sampling && sampling.temperature == Some(1.0),
        top_p: is_claude && sampling.top_p == Some(1.0),
        extras: prompt.extras.iter().any(|extra| is_idle(from, extra)),
    };
    if says_nothing == Nothing::default() {
        return;
    }
    let prompt = prompt.to_mut();
    let Nothing { user, metadata, logit_bias, verbosity, top_logprobs, store, temperature, top_p, extras } =
        says_nothing;
    prompt.user.take_if(|_| user);
    prompt.metadata.take_if(|_| metadata);
    prompt.sampling.logit_bias.take_if(|_| logit_bias);
    prompt.verbosity.take_if(|_| verbosity);
    prompt.sampling.top_logprobs.take_if(|_| top_logprobs);
    prompt.store.take_if(|_| store);
    prompt.sampling.temperature.take_if(|_| temperature);
    prompt.sampling.top_p.take_if(|_| top_p);
    if extras {
        prompt.extras.retain(|extra| !is_idle(from, extra));
    }
}

/// Which settings say nothing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Nothing {
    user: bool,
    metadata: bool,
    logit_bias: bool,
    verbosity: bool,
    top_logprobs: bool,
    store: bool,
    temperature: bool,
    top_p: bool,
    extras: bool,
}

/// Whether an extra member asks for what happens anyway, or for what the gateway itself does.
fn is_idle(protocol: Protocol, extra: &Extra) -> bool {
    let json = extra.json.trim();
    match (protocol, &*extra.name) {
        (Protocol::OpenAiResponses, "truncation") => json == r#""disabled""#,
        (Protocol::OpenAiResponses, name) => HANDLED_BY_GATEWAY.contains(&name),
        (Protocol::OpenAiChat, "modalities") => json.replace(' ', "") == r#"["text"]"#,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::codec::{Dialect, decode_request, encode_request};

    use super::*;
    use tollgate_core::ir::Losses;

    #[test]
    fn what_happens_anyway_is_no_loss() {
        let responses = r#"{"model":"m","input":"x","truncation":"disabled","background":false,"store":true,"include":[],
            "top_logprobs":0,"service_tier":"auto","parallel_tool_calls":true,"text":{"verbosity":"medium"},"metadata":{},
            "stream_options":{"include_obfuscation":false}}"#;
        let chat = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"logit_bias":{},"user":"","metadata":{},
            "modalities":["text"],"top_p":1,"logprobs":false,"top_logprobs":0,"store":false,"n":1}"#;
        for (from, body) in [(Protocol::OpenAiResponses, responses), (Protocol::OpenAiChat, chat)] {
            let prompt = decode_request(from, body.as_bytes()).unwrap();
            for to in [
                Protocol::AnthropicMessages,
                Protocol::GeminiGenerate,
                Protocol::BedrockConverse,
                Protocol::OllamaChat,
                Protocol::CohereChat,
            ] {
                let mut losses = Losses::default();
                encode_request(&prompt, &Target::new(to, "m", &Dialect::GENERIC), &mut losses).unwrap();
                // Cohere has no such probability as one.
                if to == Protocol::CohereChat && from == Protocol::OpenAiChat {
                    assert_eq!(losses.fields().collect::<Vec<_>>(), ["top_p"]);
                    continue;
                }
                assert!(losses.is_empty(), "{from} to {to}: {losses:?}");
            }
        }
        let auto = responses.replace("disabled", "auto");
        let prompt = decode_request(Protocol::OpenAiResponses, auto.as_bytes()).unwrap();
        let mut losses = Losses::default();
        let target = Target::new(Protocol::OllamaChat, "m", &Dialect::GENERIC);
        encode_request(&prompt, &target, &mut losses).unwrap();
        assert_eq!(losses.fields().collect::<Vec<_>>(), ["truncation"]);
    }
}
