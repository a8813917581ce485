//! Names and ids of tools in the form that a provider demands.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use tollgate_core::ir::{Block, Losses, Prompt, Protocol, Tool, ToolChoice};

use crate::codec::Target;

/// A tool's name that was changed for a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// What the provider is told.
    pub sent: String,
    /// What the client calls it.
    pub given: String,
}

/// What a provider wants of names and ids. Lengths are in characters.
struct Rules {
    max_name: usize,
    /// What a name may have beside letters, digits and `_`.
    marks: &'static str,
    /// Whether a name must begin with a letter or `_`.
    begins_with_letter: bool,
    max_id: Option<usize>,
}

impl Rules {
    /// The rules of a target, from the providers' descriptions; `None` where any name will do.
    fn of(target: &Target<'_>) -> Option<Self> {
        let openai = Self { max_name: 64, marks: "-", begins_with_letter: false, max_id: None };
        match target.protocol {
            Protocol::OpenAiChat => Some(Self { max_id: target.dialect.platform.then_some(40), ..openai }),
            Protocol::OpenAiResponses => Some(Self { max_id: Some(64), ..openai }),
            Protocol::AnthropicMessages => Some(Self { max_name: 128, ..openai }),
            Protocol::BedrockConverse => Some(openai),
            // Newer models take longer names, older ones do not.
            Protocol::GeminiGenerate => Some(Self { marks: "-.:", begins_with_letter: true, ..openai }),
            _ => None,
        }
    }

    fn takes_name(&self, name: &str) -> bool {
        // Names are ASCII, so that bytes are characters.
        let begins = !self.begins_with_letter || name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        !name.is_empty() && name.len() <= self.max_name && begins && name.chars().all(|c| self.takes(c))
    }

    fn takes(&self, c: char) -> bool {
        c.is_ascii_alphanumeric() || c == '_' || self.marks.contains(c)
    }

    /// The closest name that the provider takes and that is not taken yet.
    fn fitting(&self, name: &str, taken: &HashSet<String>) -> String {
        let first = name.chars().next().filter(|c| self.begins_with_letter && !c.is_ascii_alphabetic() && *c != '_');
        let plain: String =
            first.map(|_| '_').into_iter().chain(name.chars().map(|c| if self.takes(c) { c } else { '_' })).collect();
        if !plain.is_empty() && plain.len() <= self.max_name && !taken.contains(&plain) {
            return plain;
        }
        (0..)
            .map(|salt| shortened(&plain, name, salt, self.max_name))
            .find(|name| !taken.contains(name))
            .unwrap_or(plain)
    }
}

/// Changes the names and ids that the target would refuse. Different ones stay different, and the same conversation is
/// always changed in the same way, which prompt caches rely on.
pub(super) fn change(prompt: &mut Cow<'_, Prompt>, target: &Target<'_>, losses: &mut Losses) -> Vec<Renamed> {
    let Some(rules) = Rules::of(target) else { return Vec::new() };
    let fits = |name: &str| rules.takes_name(name);
    let max_id = rules.max_id.unwrap_or(usize::MAX);
    let is_fine = |block: &Block| match block {
        Block::ToolCall(call) => fits(&call.name) && call.id.len() <= max_id,
        Block::ToolResult(result) => result.name.as_deref().is_none_or(fits) && result.id.len() <= max_id,
        _ => true,
    };
    let mut blocks = prompt.turns.iter().flat_map(|turn| &turn.blocks);
    if prompt.tools.iter().filter_map(Tool::name).all(fits) && blocks.all(is_fine) {
        return Vec::new();
    }
    let prompt = prompt.to_mut();
    let names = new_names(prompt, &rules);
    let rename = |name: &mut String| {
        if let Some(new) = names.get(name) {
            new.clone_into(name);
        }
    };
    for tool in &mut prompt.tools {
        if let Tool::Function { name, .. } | Tool::Custom { name, .. } = tool {
            rename(name);
        }
    }
    match &mut prompt.tool_choice {
        Some(ToolChoice::One(name)) => rename(name),
        Some(ToolChoice::Subset { names, .. }) => names.iter_mut().for_each(rename),
        _ => {}
    }
    for block in prompt.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        let (id, name) = match block {
            Block::ToolCall(call) => (&mut call.id, Some(&mut call.name)),
            Block::ToolResult(result) => (&mut result.id, result.name.as_mut()),
            _ => continue,
        };
        name.into_iter().for_each(rename);
        if id.len() > max_id {
            *id = shortened(id, id, 0, max_id);
        }
    }
    if !names.is_empty() {
        losses.change("tools.name");
    }
    names.into_iter().map(|(given, sent)| Renamed { sent, given }).collect()
}

/// New names by the old ones, for those that do not fit.
fn new_names(prompt: &Prompt, rules: &Rules) -> HashMap<String, String> {
    let called = prompt.turns.iter().flat_map(|turn| &turn.blocks).filter_map(|block| match block {
        Block::ToolCall(call) => Some(&*call.name),
        Block::ToolResult(result) => result.name.as_deref(),
        _ => None,
    });
    let all: Vec<&str> = prompt.tools.iter().filter_map(Tool::name).chain(called).collect();
    let mut taken: HashSet<String> =
        all.iter().filter(|name| rules.takes_name(name)).map(|name| (*name).to_owned()).collect();
    let mut names = HashMap::new();
    for name in all {
        if !rules.takes_name(name) && !names.contains_key(name) {
            let new = rules.fitting(name, &taken);
            taken.insert(new.clone());
            names.insert(name.to_owned(), new);
        }
    }
    names
}

/// The beginning of a text and the hash (FNV-1a, 64 bit) of all of it, within a length.
fn shortened(beginning: &str, whole: &str, salt: u64, max: usize) -> String {
    let basis = 0xcbf2_9ce4_8422_2325_u64 ^ salt;
    let hash = whole.bytes().fold(basis, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = format!("_{hash:016x}");
    let mut text: String = beginning.chars().filter(char::is_ascii).take(max.saturating_sub(hash.len())).collect();
    text.push_str(&hash);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Dialect, decode_answer, decode_request, encode_request, stream_decoder};
    use tollgate_core::ir::{Event, OpenBlock};

    const LONG: &str = "mcp__a_server_with_a_long_name__and_a_tool_of_which_the_name_is_longer";

    fn body(name: &str, id: &str) -> String {
        format!(
            r#"{{"model":"m","max_tokens":99,"tools":[{{"name":"{name}","input_schema":{{"type":"object"}}}},
            {{"name":"a_b","input_schema":{{"type":"object"}}}}],"tool_choice":{{"type":"tool","name":"{name}"}},
            "messages":[{{"role":"user","content":"q"}},
            {{"role":"assistant","content":[{{"type":"tool_use","id":"{id}","name":"{name}","input":{{}}}}]}},
            {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{id}","content":"1"}}]}}]}}"#
        )
    }

    #[test]
    fn names_that_a_provider_refuses_are_changed_and_changed_back() {
        for (given, protocol) in [
            (LONG, Protocol::OpenAiChat),
            (LONG, Protocol::OpenAiResponses),
            ("a.b", Protocol::BedrockConverse),
            ("a/b", Protocol::GeminiGenerate),
            ("7up", Protocol::GeminiGenerate),
            ("größe", Protocol::OpenAiChat),
        ] {
            let prompt = decode_request(Protocol::AnthropicMessages, body(given, "c1").as_bytes()).unwrap();
            let mut losses = Losses::default();
            let target = Target::new(protocol, "gpt-4o", &Dialect::OPENAI);
            let encoded = encode_request(&prompt, &target, &mut losses).unwrap();
            let text = String::from_utf8(encoded.body.to_vec()).unwrap();
            assert!(!text.contains(&format!("\"{given}\"")), "{text}");
            assert_eq!(losses.fields().collect::<Vec<_>>(), ["tools.name"], "{protocol}");
            let sent = &encoded.plan.renamed[0].sent;
            assert!(Rules::of(&target).unwrap().takes_name(sent) && sent != "a_b", "{sent}");
            // The declaration, the choice and the call.
            assert!(text.matches(&format!("\"{sent}\"")).count() >= 3, "{text}");

            let mut decoder = stream_decoder(Protocol::OpenAiChat, &Dialect::OPENAI, &encoded.plan);
            let mut events = Vec::new();
            let call = format!(
                r#"{{"id":"c","function":{{"name":"{sent}","arguments":"{{}}"}},"type":"function","index":0}}"#
            );
            let chunk = format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{{"tool_calls":[{call}]}}}}]}}"#);
            decoder.event(chunk.as_bytes(), &mut events).unwrap();
            let is_given = |event: &Event| matches!(event, Event::Open { block: OpenBlock::ToolCall { name, .. }, .. } if name == given);
            assert!(events.iter().any(is_given), "{events:?}");
            let whole = format!(r#"{{"id":"x","choices":[{{"index":0,"message":{{"tool_calls":[{call}]}}}}]}}"#);
            let answer = decode_answer(Protocol::OpenAiChat, whole.as_bytes(), &encoded.plan).unwrap();
            assert!(matches!(&answer.blocks()[0], Block::ToolCall(call) if call.name == given), "{answer:?}");
        }
    }

    #[test]
    fn names_that_fit_stay() {
        let prompt = decode_request(Protocol::AnthropicMessages, body("a-b_c", "c1").as_bytes()).unwrap();
        for protocol in [Protocol::OpenAiChat, Protocol::AnthropicMessages, Protocol::GeminiGenerate] {
            let mut fitted = Cow::Borrowed(&prompt);
            let target = Target::new(protocol, "m", &Dialect::OPENAI);
            assert!(change(&mut fitted, &target, &mut Losses::default()).is_empty());
            assert!(matches!(fitted, Cow::Borrowed(_)));
        }
    }

    #[test]
    fn ids_that_are_too_long_are_shortened_on_both_sides() {
        let id = "x".repeat(80);
        let prompt = decode_request(Protocol::AnthropicMessages, body("f", &id).as_bytes()).unwrap();
        for (protocol, max) in [(Protocol::OpenAiChat, 40), (Protocol::OpenAiResponses, 64)] {
            let target = Target::new(protocol, "gpt-4o", &Dialect::OPENAI);
            let encoded = encode_request(&prompt, &target, &mut Losses::default()).unwrap();
            let text = String::from_utf8(encoded.body.to_vec()).unwrap();
            let short = shortened(&id, &id, 0, max);
            assert_eq!((short.len(), text.matches(&short).count()), (max, 2), "{text}");
        }
    }
}
