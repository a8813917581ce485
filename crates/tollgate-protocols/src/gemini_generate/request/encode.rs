//! From a prompt to a request for Google.

use tollgate_core::Error;
use tollgate_core::ir::{Block, Losses, Prompt, Turn};

use super::{config, contents, tools};
use crate::codec::{Encoded, Plan, Speaker, Target, merge_turns};
use crate::gemini_generate::parts::OWN;
use crate::json::{self, Object};

/// Writes a request for a provider. The model and whether to stream go into the address.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    let mut plan = Plan::default();
    let mut result = Ok(());
    let body = json::object(4096, |o| result = write_prompt(prompt, target, losses, &mut plan, o));
    result?;
    Ok(Encoded { body: body.into(), plan, betas: Vec::new() })
}

/// Writes the members of a request.
pub(in crate::gemini_generate) fn write_prompt(
    prompt: &Prompt,
    target: &Target<'_>,
    losses: &mut Losses,
    plan: &mut Plan,
    o: &mut Object<'_>,
) -> Result<(), Error> {
    let mut midway: Vec<&Turn> = Vec::new();
    let (mut system, turns) = merge_turns(&prompt.turns, |turn| {
        midway.push(turn);
        None
    });
    if !midway.is_empty() {
        // Whoever runs the application keeps its say; there is one place for that.
        losses.change("system.position");
        system.extend(midway);
    }
    losses.drop_if(prompt.turns.iter().any(|turn| turn.name.is_some()), "messages.name");
    let texts = system_texts(&system)?;
    let has_turns = turns.iter().any(|turn| !turn.blocks.is_empty());
    if has_turns {
        if !texts.is_empty() {
            o.object("systemInstruction", |o| write_texts(&texts, o));
        }
        contents::write(&turns, prompt, target, losses, o)?;
    } else if texts.is_empty() {
        return Err(Error::invalid_request(
            "There is nothing to answer: no message holds any content.",
            Some("messages"),
        ));
    } else {
        // A request without contents is refused.
        losses.change("system.position");
        o.array("contents", |a| {
            a.object(|o| {
                o.string("role", "user");
                write_texts(&texts, o);
            });
        });
    }
    tools::encode(prompt, target, losses, &mut plan.custom_tools, o);
    tools::encode_config(prompt, losses, o);
    config::write(prompt, target, losses, o);
    config::write_rest(prompt, losses, o);
    Ok(())
}

fn system_texts<'a>(turns: &[&'a Turn]) -> Result<Vec<&'a str>, Error> {
    let mut texts = Vec::new();
    for block in turns.iter().flat_map(|turn| &turn.blocks) {
        match block {
            Block::Text(text) if text.text.is_empty() => {}
            Block::Text(text) => texts.push(&*text.text),
            Block::CachePoint(_) => {}
            Block::Opaque(opaque) if opaque.protocol != OWN => {}
            _ => {
                let message = "System messages may hold text only for this model.";
                return Err(Error::invalid_request(message, Some("messages")));
            }
        }
    }
    Ok(texts)
}

fn write_texts(texts: &[&str], o: &mut Object<'_>) {
    o.array("parts", |a| texts.iter().for_each(|text| a.object(|o| o.string("text", text))));
}

/// Which turn of a merged conversation is the last that the user, and not a tool, spoke in.
pub(super) fn current_turn(turns: &[crate::codec::MergedTurn<'_>]) -> usize {
    let is_users = |turn: &crate::codec::MergedTurn<'_>| {
        let speaks = |block: &&Block| !matches!(block, Block::ToolResult(_) | Block::CachePoint(_));
        turn.speaker == Speaker::User && turn.blocks.iter().any(speaks)
    };
    turns.iter().rposition(is_users).unwrap_or(0)
}
