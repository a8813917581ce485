//! Makes a conversation fit for a provider before it is written: what several protocols demand in the same way.

use std::borrow::Cow;

use tollgate_core::ir::{Block, Losses, Prompt, Protocol, Role, Tool, Turn};
use tollgate_core::{Error, ErrorKind};

use super::names::{self, Renamed};
use super::{Target, as_text};
use crate::json;

/// What stands for the user where a conversation begins with the model: the least that providers take as a message.
const NOTHING_SAID: &str = "…";

/// A prompt that a provider takes, and the names of tools that had to be changed for it.
///
/// - Names and ids of tools that break the provider's rules are changed, the same way wherever they stand.
/// - Found passages and documents in pieces, which only Anthropic's protocol has, become text.
/// - Schemas of functions without arguments say that there are none, which OpenAI insists on.
/// - A conversation that does not begin with the user is given a beginning, where the provider insists on one.
///
/// A prompt that fits already is not copied.
pub fn fit<'p>(prompt: &'p Prompt, target: &Target<'_>, losses: &mut Losses) -> (Cow<'p, Prompt>, Vec<Renamed>) {
    let mut fitted = Cow::Borrowed(prompt);
    let renamed = names::change(&mut fitted, target, losses);
    if target.protocol != Protocol::AnthropicMessages {
        tell_in_words(&mut fitted, losses);
    }
    let is_openai = matches!(target.protocol, Protocol::OpenAiChat | Protocol::OpenAiResponses);
    if is_openai && prompt.protocol != target.protocol {
        complete_schemas(&mut fitted);
    }
    let begins_with_user = match target.protocol {
        // Some models of Anthropic's do take an assistant's message first; its own clients know which.
        Protocol::AnthropicMessages => prompt.protocol != Protocol::AnthropicMessages,
        Protocol::BedrockConverse => true,
        _ => false,
    };
    if begins_with_user {
        begin_with_user(&mut fitted, losses);
    }
    (fitted, renamed)
}

/// Refuses what stands for a part of the conversation that only the owner of Responses has: without it the request would
/// be another one.
pub(super) fn check(prompt: &Prompt, target: &Target<'_>) -> Result<(), Error> {
    if target.protocol == Protocol::OpenAiResponses || prompt.protocol != Protocol::OpenAiResponses {
        return Ok(());
    }
    for name in ["conversation", "prompt"] {
        if prompt.extra(name).is_some() {
            let message = format!("The provider of this model does not keep what `{name}` names; send it as input.");
            return Err(Error::new(ErrorKind::UnsupportedParameter, message).with_param(name));
        }
    }
    Ok(())
}

/// Exchanges blocks that have words, but no twin in other protocols, for their words.
fn tell_in_words(prompt: &mut Cow<'_, Prompt>, losses: &mut Losses) {
    let is_told = |block: &Block| matches!(block, Block::Opaque(opaque) if as_text::of(opaque).is_some());
    let is_told_within = |block: &Block| match block {
        Block::ToolResult(result) => result.content.iter().any(is_told),
        block => is_told(block),
    };
    if !prompt.turns.iter().flat_map(|turn| &turn.blocks).any(is_told_within) {
        return;
    }
    let mut tell = |block: &mut Block| {
        if let Block::Opaque(opaque) = block
            && let Some(text) = as_text::of(opaque)
        {
            losses.change(std::mem::take(&mut opaque.what));
            *block = Block::text(text);
        }
    };
    for block in prompt.to_mut().turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        match block {
            Block::ToolResult(result) => result.content.iter_mut().for_each(&mut tell),
            block => tell(block),
        }
    }
}

/// Gives schemas of arguments the type and the properties that they lack.
fn complete_schemas(prompt: &mut Cow<'_, Prompt>) {
    let completed: Vec<Option<String>> = prompt
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function { parameters: Some(parameters), .. } => completed(parameters),
            _ => None,
        })
        .collect();
    if completed.iter().all(Option::is_none) {
        return;
    }
    for (tool, completed) in prompt.to_mut().tools.iter_mut().zip(completed) {
        if let (Tool::Function { parameters, .. }, Some(completed)) = (tool, completed) {
            *parameters = Some(completed);
        }
    }
}

/// The schema of an object with what it lacks; `None` if it lacks nothing, or is none.
fn completed(schema: &str) -> Option<String> {
    let schema = json::parse(schema.as_bytes()).ok().filter(json::Value::is_object)?;
    // One that is put together of others says there what it has.
    let is_composed = ["$ref", "anyOf", "oneOf", "allOf"].into_iter().any(|name| schema.get(name).is_some());
    let has_type = schema.get("type").is_some();
    let is_complete = has_type && schema.get("properties").is_some();
    if is_composed || is_complete || (has_type && schema.str("type") != Some("object")) {
        return None;
    }
    Some(json::object_text(|o| {
        o.string("type", "object");
        let is_replaced = |name: &str| name == "type" || (name == "properties" && schema.get(name).is_none());
        schema.members().filter(|(name, _)| !is_replaced(name)).for_each(|(name, value)| o.raw(name, value.raw()));
        if schema.get("properties").is_none() {
            o.object("properties", |_| {});
        }
    }))
}

fn begin_with_user(prompt: &mut Cow<'_, Prompt>, losses: &mut Losses) {
    let is_system = |turn: &Turn| matches!(turn.role, Role::System | Role::Developer);
    let leading = prompt.turns.iter().take_while(|turn| is_system(turn)).count();
    let first = prompt.turns.iter().find(|turn| !is_system(turn) && turn.blocks.iter().any(says_something));
    match first {
        Some(turn) if turn.role == Role::Assistant => {
            losses.change("messages");
            let beginning = Turn::new(Role::User, vec![Block::text(NOTHING_SAID)]);
            prompt.to_mut().turns.insert(leading, beginning);
        }
        Some(_) => {}
        // With nothing but system texts, the last of them is what is asked.
        None => {
            let last = prompt.turns.iter().rposition(|turn| is_system(turn) && turn.blocks.iter().any(says_something));
            if let Some(last) = last {
                losses.change("system.position");
                prompt.to_mut().turns[last].role = Role::User;
            }
        }
    }
}

/// Whether a block is sent wherever the conversation goes.
fn says_something(block: &Block) -> bool {
    match block {
        Block::Text(text) => !text.text.trim().is_empty(),
        Block::Refusal(text) => !text.trim().is_empty(),
        Block::ToolCall(_) | Block::ToolResult(_) | Block::Media(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dialect;
    use super::*;
    use crate::codec::decode_request;

    fn fitted(body: &str, from: Protocol, to: Protocol) -> (Prompt, Vec<String>) {
        let prompt = decode_request(from, body.as_bytes()).unwrap();
        let mut losses = Losses::default();
        let target = Target::new(to, "m", &Dialect::OPENAI);
        let fitted = fit(&prompt, &target, &mut losses).0.into_owned();
        (fitted, losses.fields().map(str::to_owned).collect())
    }

    #[test]
    fn a_conversation_that_the_model_begins_is_given_a_beginning() {
        let body = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"assistant","content":"Hello"},
            {"role":"user","content":"hi"}]}"#;
        for to in [Protocol::AnthropicMessages, Protocol::BedrockConverse] {
            let (prompt, losses) = fitted(body, Protocol::OpenAiChat, to);
            let roles: Vec<Role> = prompt.turns.iter().map(|turn| turn.role).collect();
            assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
            assert_eq!(losses, ["messages"]);
        }
        let (prompt, losses) = fitted(body, Protocol::OpenAiChat, Protocol::OllamaChat);
        assert_eq!((prompt.turns.len(), losses.len()), (3, 0));
        // An empty message of the model's is not sent, so the user begins.
        let empty = r#"{"model":"m","messages":[{"role":"assistant","content":""},{"role":"user","content":"hi"}]}"#;
        assert!(fitted(empty, Protocol::OpenAiChat, Protocol::AnthropicMessages).1.is_empty());
    }

    #[test]
    fn a_conversation_that_is_kept_elsewhere_is_refused() {
        for name in ["conversation", "prompt"] {
            let body = format!(r#"{{"model":"m","input":"x","{name}":{{"id":"x_1"}}}}"#);
            let prompt = decode_request(Protocol::OpenAiResponses, body.as_bytes()).unwrap();
            let to = |protocol| check(&prompt, &Target::new(protocol, "m", &Dialect::OPENAI));
            let refused = to(Protocol::OpenAiChat).unwrap_err();
            assert_eq!((refused.kind(), refused.param()), (ErrorKind::UnsupportedParameter, Some(name)));
            assert!(to(Protocol::OpenAiResponses).is_ok());
        }
    }

    #[test]
    fn schemas_say_that_there_are_no_arguments() {
        for (schema, expected) in [
            (r#"{"type":"object"}"#, Some(r#"{"type":"object","properties":{}}"#)),
            ("{}", Some(r#"{"type":"object","properties":{}}"#)),
            (r#"{"properties":{"a":{}}}"#, Some(r#"{"type":"object","properties":{"a":{}}}"#)),
            (
                r#"{"type":"object","properties":null,"title":"t"}"#,
                Some(r#"{"type":"object","title":"t","properties":{}}"#),
            ),
            (r#"{"type":"object","properties":{}}"#, None),
            (r#"{"type":"object","anyOf":[]}"#, None),
            (r#"{"type":"string"}"#, None),
            ("[]", None),
        ] {
            assert_eq!(completed(schema).as_deref(), expected, "{schema}");
        }
        let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],
            "tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;
        let (prompt, losses) = fitted(body, Protocol::AnthropicMessages, Protocol::OpenAiChat);
        let Tool::Function { parameters, .. } = &prompt.tools[0] else { panic!("{:?}", prompt.tools) };
        assert_eq!(parameters.as_deref(), Some(r#"{"type":"object","properties":{}}"#));
        assert!(losses.is_empty());
    }

    #[test]
    fn a_system_text_alone_is_what_is_asked() {
        let body = r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},
            {"role":"developer","content":"Tell a joke."}]}"#;
        let (prompt, losses) = fitted(body, Protocol::OpenAiChat, Protocol::BedrockConverse);
        let roles: Vec<Role> = prompt.turns.iter().map(|turn| turn.role).collect();
        assert_eq!((roles, losses), (vec![Role::System, Role::User], vec!["system.position".to_owned()]));
    }

    #[test]
    fn found_passages_are_told_in_words() {
        let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[
            {"type":"search_result","source":"https://h","title":"T","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]},
            {"type":"document","title":"D","source":{"type":"content","content":"three"}},
            {"type":"tool_result","tool_use_id":"c","content":[
              {"type":"search_result","source":"s","title":"U","content":[{"type":"text","text":"four"}]}]}]}]}"#;
        let (prompt, losses) = fitted(body, Protocol::AnthropicMessages, Protocol::OpenAiChat);
        let blocks = &prompt.turns[0].blocks;
        assert_eq!(blocks[0].as_text(), Some("T\nhttps://h\n\none\ntwo"));
        assert_eq!(blocks[1].as_text(), Some("D\n\nthree"));
        let Block::ToolResult(result) = &blocks[2] else { panic!("{blocks:?}") };
        assert_eq!(result.text(), "U\ns\n\nfour");
        assert_eq!(losses, ["search_result", "document"]);
        let own = fitted(body, Protocol::AnthropicMessages, Protocol::AnthropicMessages);
        assert!(matches!(own.0.turns[0].blocks[0], Block::Opaque(_)) && own.1.is_empty());
    }
}
