//! Writes a request for a provider, in the provider's dialect.

use tollgate_core::Error;
use tollgate_core::ir::{Losses, Prompt, Tool};

use super::messages::Messages;
use super::settings;
use crate::codec::{Encoded, Plan, Target};
use crate::json;

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    let mut plan = Plan::default();
    if !target.dialect.platform {
        plan.custom_tools = custom_tools(prompt);
    }
    let mut written = Ok(());
    let body = json::object(capacity(prompt), |o| {
        o.string("model", target.model);
        o.array("messages", |a| written = Messages::new(prompt, target, losses).write(a));
        settings::write(o, prompt, target, losses);
    });
    written?;
    Ok(Encoded { body: body.into(), plan, betas: Vec::new() })
}

/// Tools with free text, for which functions stand where only OpenAI knows them.
fn custom_tools(prompt: &Prompt) -> Vec<String> {
    let name = |tool: &Tool| match tool {
        Tool::Custom { name, .. } => Some(name.clone()),
        _ => None,
    };
    prompt.tools.iter().filter_map(name).collect()
}

/// About how long the body will be.
fn capacity(prompt: &Prompt) -> usize {
    use tollgate_core::ir::{Block, Source};
    let length = |block: &Block| match block {
        Block::Text(text) => text.text.len() + 32,
        Block::Media(media) => match &media.source {
            Source::Base64(text) | Source::Url(text) | Source::FileId(text) | Source::Text(text) => text.len() + 96,
        },
        Block::ToolCall(call) => call.arguments.len() + 128,
        Block::ToolResult(result) => result.content.iter().filter_map(Block::as_text).map(str::len).sum::<usize>() + 96,
        _ => 64,
    };
    let turns: usize = prompt.turns.iter().flat_map(|turn| &turn.blocks).map(length).sum();
    let tools: usize = prompt.tools.iter().map(tool_length).sum();
    let text = turns + tools + 64 * prompt.turns.len() + 256;
    text + text / 16
}

fn tool_length(tool: &Tool) -> usize {
    match tool {
        Tool::Function { parameters, description, .. } => {
            parameters.as_ref().map_or(0, String::len) + description.as_ref().map_or(0, String::len) + 128
        }
        _ => 128,
    }
}
