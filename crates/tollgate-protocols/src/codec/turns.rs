//! Turns for protocols in which two speakers alternate.

use std::collections::HashMap;

use tollgate_core::ir::{Block, Prompt, Role, Turn};

/// Who speaks, where only two do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The user, and with it tools.
    User,
    /// The model.
    Assistant,
}

/// Neighbouring turns of one speaker as one.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedTurn<'a> {
    /// Who speaks.
    pub speaker: Speaker,
    /// What is said. In a user's turn the results of tools stand first, in the order of the calls before them.
    pub blocks: Vec<&'a Block>,
}

/// Leading system turns apart, the rest merged so that speakers alternate. A system text in the middle is the caller's to
/// judge: it is given to `midway`, which says what stands in its place, if anything.
pub fn merge_turns<'a>(
    turns: &'a [Turn],
    mut midway: impl FnMut(&'a Turn) -> Option<Speaker>,
) -> (Vec<&'a Turn>, Vec<MergedTurn<'a>>) {
    let is_system = |turn: &Turn| matches!(turn.role, Role::System | Role::Developer);
    let leading = turns.iter().take_while(|turn| is_system(turn)).count();
    let (system, rest) = turns.split_at(leading);
    let mut merged: Vec<MergedTurn<'a>> = Vec::new();
    for turn in rest {
        let speaker = match turn.role {
            Role::Assistant => Speaker::Assistant,
            Role::User | Role::Tool => Speaker::User,
            Role::System | Role::Developer => match midway(turn) {
                Some(speaker) => speaker,
                None => continue,
            },
        };
        match merged.last_mut() {
            Some(last) if last.speaker == speaker => last.blocks.extend(&turn.blocks),
            _ => merged.push(MergedTurn { speaker, blocks: turn.blocks.iter().collect() }),
        }
    }
    order_results(&mut merged);
    (system.iter().collect(), merged)
}

/// Anthropic, Bedrock and Gemini want results first and as their calls were ordered.
fn order_results(turns: &mut [MergedTurn<'_>]) {
    for at in 1..turns.len() {
        let (before, from) = turns.split_at_mut(at);
        let (Some(calls), Some(turn)) = (before.last(), from.first_mut()) else { continue };
        if turn.speaker == Speaker::User {
            let order: HashMap<&str, usize> = call_ids(&calls.blocks).zip(0..).collect();
            turn.blocks.sort_by_key(|block| match block {
                Block::ToolResult(result) => (0, order.get(&*result.id).copied().unwrap_or(usize::MAX)),
                _ => (1, 0),
            });
            // A cache point marks the block before it; behind sorted results it marks the last of them.
        }
    }
}

fn call_ids<'a>(blocks: &[&'a Block]) -> impl Iterator<Item = &'a str> {
    blocks.iter().filter_map(|block| match block {
        Block::ToolCall(call) => Some(&*call.id),
        _ => None,
    })
}

/// The names of called tools by the ids of their calls; results carry only the id in most protocols, and Gemini wants the
/// name.
#[must_use]
pub fn tool_names(prompt: &Prompt) -> HashMap<&str, &str> {
    let blocks = prompt.turns.iter().flat_map(|turn| &turn.blocks);
    blocks
        .filter_map(|block| match block {
            Block::ToolCall(call) => Some((&*call.id, &*call.name)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::{ToolCall, ToolResult};

    use super::*;

    fn call(id: &str) -> Block {
        Block::ToolCall(ToolCall { id: id.to_owned(), ..ToolCall::default() })
    }

    fn result(id: &str) -> Block {
        Block::ToolResult(ToolResult { id: id.to_owned(), ..ToolResult::default() })
    }

    #[test]
    fn results_share_one_turn_in_the_order_of_their_calls() {
        let turns = [
            Turn::new(Role::System, vec![Block::text("s")]),
            Turn::new(Role::User, vec![Block::text("q")]),
            Turn::new(Role::Assistant, vec![call("1"), call("2")]),
            Turn::new(Role::Tool, vec![result("2")]),
            Turn::new(Role::Tool, vec![result("1")]),
            Turn::new(Role::User, vec![Block::text("go on")]),
        ];
        let (system, merged) = merge_turns(&turns, |_| None);
        assert_eq!((system.len(), merged.len()), (1, 3));
        assert_eq!(merged[2].blocks, [&result("1"), &result("2"), &Block::text("go on")]);
    }
}
