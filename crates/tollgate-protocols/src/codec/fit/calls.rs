//! Calls and last words as Anthropic's models take them, at Anthropic and on Bedrock.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use tollgate_core::ir::{Block, Prompt, Role};

/// Gives calls ids of their own: some servers count them anew in each answer, and Anthropic refuses an id that comes twice.
pub(super) fn tell_apart(prompt: &mut Cow<'_, Prompt>) {
    let ids = prompt.turns.iter().flat_map(|turn| &turn.blocks).filter_map(|block| match block {
        Block::ToolCall(call) => Some(&*call.id),
        _ => None,
    });
    let mut all = HashSet::new();
    let repeats = ids.filter(|id| !all.insert(*id)).count();
    if repeats == 0 {
        return;
    }
    let mut seen: HashSet<String> = all.into_iter().map(str::to_owned).collect();
    // How often an id came so far, and what its last call is called now.
    let mut known: HashMap<String, (u64, String)> = HashMap::new();
    for block in prompt.to_mut().turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        match block {
            Block::ToolCall(call) => {
                let (count, last) = known.entry(call.id.clone()).or_insert_with(|| (0, call.id.clone()));
                *count += 1;
                while *count > 1 && !seen.insert(format!("{}_{count}", call.id)) {
                    *count += 1;
                }
                if *count > 1 {
                    *last = format!("{}_{count}", call.id);
                    last.clone_into(&mut call.id);
                }
            }
            Block::ToolResult(result) => {
                if let Some((_, last)) = known.get(&result.id) {
                    last.clone_into(&mut result.id);
                }
            }
            _ => {}
        }
    }
}

/// Takes white space from the end of the model's words that it is to go on from, which is refused.
pub(super) fn trim_prefill(prompt: &mut Cow<'_, Prompt>) {
    let is_ragged = |block: &Block| block.as_text().is_some_and(|text| text.ends_with(char::is_whitespace));
    let last = prompt.turns.last().filter(|turn| turn.role == Role::Assistant).and_then(|turn| turn.blocks.last());
    if !last.is_some_and(is_ragged) {
        return;
    }
    if let Some(Block::Text(text)) = prompt.to_mut().turns.last_mut().and_then(|turn| turn.blocks.last_mut()) {
        text.text.truncate(text.text.trim_end().len());
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::{Protocol, ToolCall, ToolResult, Turn};

    use super::*;

    fn call(id: &str) -> Block {
        Block::ToolCall(ToolCall { id: id.to_owned(), ..ToolCall::default() })
    }

    fn result(id: &str) -> Block {
        Block::ToolResult(ToolResult { id: id.to_owned(), ..ToolResult::default() })
    }

    fn prompt(blocks: Vec<Block>) -> Prompt {
        let turns = blocks.into_iter().map(|block| Turn::new(Role::Assistant, vec![block])).collect();
        Prompt { turns, ..Prompt::new(Protocol::OpenAiChat) }
    }

    #[test]
    fn an_id_that_comes_twice_is_two_ids() {
        let given = prompt(vec![call("0"), result("0"), call("0"), call("0_2"), result("0_2"), result("0")]);
        let mut fitted = Cow::Borrowed(&given);
        tell_apart(&mut fitted);
        let expected = prompt(vec![call("0"), result("0"), call("0_3"), call("0_2"), result("0_2"), result("0_3")]);
        assert_eq!(*fitted, expected);
        let mut again = Cow::Borrowed(&expected);
        tell_apart(&mut again);
        assert!(matches!(again, Cow::Borrowed(_)));
    }

    #[test]
    fn a_prefill_does_not_end_in_white_space() {
        let given = prompt(vec![Block::text("b \n")]);
        let mut fitted = Cow::Borrowed(&given);
        trim_prefill(&mut fitted);
        assert_eq!(*fitted, prompt(vec![Block::text("b")]));
    }
}
