//! Roles of words: who does what to whom, as far as prepositions and the passive tell.

use super::analysis::Content;
use super::token::{Kind, Token};

/// Prepositions that give the word after them a role which another word cannot have at the same time.
const MARKERS: &[&str] =
    &["from", "to", "into", "onto", "than", "by", "before", "after", "over", "against", "versus", "vs"];

/// Gives each word of content the preposition that governs it. `words` are places in `tokens` with their content.
pub(crate) fn mark_roles(tokens: &[Token<'_>], words: &mut [(usize, Content)]) {
    let mut next = 0;
    let mut marker = 0_u8;
    for (at, token) in tokens.iter().enumerate() {
        let found = MARKERS.iter().position(|it| token.is(it)).and_then(|it| u8::try_from(it + 1).ok());
        if let Some((_, content)) = words.get_mut(next).filter(|(place, _)| *place == at) {
            content.marker = marker;
            next += 1;
            // The head of a noun phrase comes last, so the whole phrase has the role.
            let goes_on = tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Word);
            marker = if goes_on { marker } else { 0 };
        } else if let Some(found) = found {
            marker = found;
        } else if !matches!(
            &*token.folded,
            "a" | "an" | "the" | "my" | "your" | "our" | "his" | "her" | "their" | "its"
        ) {
            marker = 0;
        }
    }
}

/// The content in order of roles: what a passive is done by is put before what it is done to.
pub(crate) fn in_order_of_roles(tokens: &[Token<'_>], words: Vec<(usize, Content)>) -> Vec<Content> {
    let mut words = words;
    for by in tokens.iter().enumerate().filter(|(_, token)| token.is("by")).map(|(at, _)| at) {
        turn(tokens, &mut words, by);
    }
    words.into_iter().map(|(_, content)| content).collect()
}

/// Turns the passive around the `by` at `by` into the active.
fn turn(tokens: &[Token<'_>], words: &mut [(usize, Content)], by: usize) -> Option<()> {
    let verb = words.iter().position(|(place, _)| *place + 1 == by)?;
    let starts =
        |at: &usize| tokens[*at].kind == Kind::Symbol && matches!(tokens[*at].raw, "." | "?" | "!" | "," | ";" | ":");
    let clause = (0..by).rev().take(24).find(starts).map_or(by.saturating_sub(24), |at| at + 1);
    let is_be = |token: &Token<'_>| {
        matches!(
            &*token.folded,
            "is" | "are" | "was" | "were" | "be" | "been" | "being" | "am" | "get" | "gets" | "got"
        )
    };
    if !tokens[clause..by].iter().any(is_be) {
        return None;
    }
    let links = |at: &usize| {
        let token = &tokens[*at];
        words.iter().any(|(place, _)| place == at)
            || matches!(&*token.folded, "a" | "an" | "the" | "my" | "your" | "our" | "and" | "his" | "her")
    };
    let end = (by + 1..tokens.len()).take_while(links).last().unwrap_or(by);
    let first = words.iter().position(|(place, _)| *place >= clause)?;
    let last = words.iter().rposition(|(place, _)| *place <= end)?;
    // Patients, verb, agents become agents, verb, patients.
    let (patients, agents) = (verb.checked_sub(first)?, last.checked_sub(verb)?);
    let segment = words.get_mut(first..=last)?;
    segment.rotate_left(patients);
    // Now it is verb, agents, patients.
    segment.get_mut(..=agents)?.rotate_left(1);
    for (_, content) in &mut segment[..agents] {
        content.marker = 0;
    }
    Some(())
}
