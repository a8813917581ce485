//! What decides whether an answer to a request may be reused.

pub(super) use tollgate_core::ir::PromptTraits as Prompted;
use tollgate_core::ir::{Block, Format, Prompt, Role, Tool};

use crate::json::Value;

/// Members of Responses by which a request goes on from what its provider keeps.
const STATEFUL: &[&str] = &["conversation", "previous_response_id"];

pub(super) fn of(prompt: &Prompt, root: &Value<'_>) -> Prompted {
    let is_system = |role: Role| matches!(role, Role::System | Role::Developer);
    let spoken = prompt.turns.iter().filter(|turn| !is_system(turn.role)).count();
    let last = prompt.turns.last();
    let is_provider_tool = |tool: &Tool| matches!(tool, Tool::WebSearch { .. } | Tool::Native { .. });
    Prompted {
        provider_tools: prompt.tools.iter().any(is_provider_tool) || names_search(root),
        tools: !prompt.tools.is_empty(),
        tool_results: last.is_some_and(|turn| {
            turn.role == Role::Tool || turn.blocks.iter().any(|block| matches!(block, Block::ToolResult(_)))
        }),
        history: spoken > 1,
        stateful: STATEFUL.iter().any(|name| root.get(name).is_some())
            || root.get("background").and_then(Value::as_bool) == Some(true),
        sampled: prompt.sampling.temperature.is_none_or(|temperature| temperature > 0.0),
        json: matches!(prompt.format, Some(Format::JsonObject | Format::JsonSchema { .. })),
    }
}

/// Searches that are asked for by a member of their own, and plug-ins that search.
fn names_search(root: &Value<'_>) -> bool {
    ["plugins", "search_parameters", "web_search_options"].iter().any(|name| root.get(name).is_some())
}
