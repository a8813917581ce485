//! Makes a conversation fit for a provider before it is written: what several protocols demand in the same way.

mod as_text;
mod calls;
mod defaults;
mod media;
mod names;
mod renamed;
mod schemas;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use tollgate_core::ir::{Block, Losses, Prompt, Protocol, Role, Turn};
use tollgate_core::{Error, ErrorKind};

use super::Target;

pub use names::Renamed;
pub(super) use renamed::{Restoring, restore};

/// What stands for the user where a conversation begins with the model: the least that providers take as a message.
const NOTHING_SAID: &str = "…";

/// A prompt that a provider takes, and the names of tools that had to be changed for it.
///
/// - Names and ids of tools that break the provider's rules are changed, the same way wherever they stand.
/// - Settings that ask for what happens anyway are left out.
/// - Found passages and documents in pieces, which only Anthropic's protocol has, become text.
/// - Calls have ids of their own, and words to go on from do not end in white space, which Anthropic's models insist on.
/// - Base64 has no line feeds and one alphabet, which is all that some providers read.
/// - Schemas of functions without arguments say that there are none, which OpenAI insists on.
/// - A conversation that does not begin with the user is given a beginning, where the provider insists on one.
///
/// A prompt that fits already is not copied.
pub fn fit<'p>(prompt: &'p Prompt, target: &Target<'_>, losses: &mut Losses) -> (Cow<'p, Prompt>, Vec<Renamed>) {
    let mut fitted = Cow::Borrowed(prompt);
    defaults::leave_out(&mut fitted, target);
    let renamed = names::change(&mut fitted, target, losses);
    if target.protocol != Protocol::AnthropicMessages {
        tell_in_words(&mut fitted, losses);
    }
    media::straighten(&mut fitted);
    let is_openai = matches!(target.protocol, Protocol::OpenAiChat | Protocol::OpenAiResponses);
    if is_openai && prompt.protocol != target.protocol {
        schemas::complete(&mut fitted);
    }
    if matches!(target.protocol, Protocol::AnthropicMessages | Protocol::BedrockConverse) {
        calls::tell_apart(&mut fitted);
        calls::trim_prefill(&mut fitted);
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
