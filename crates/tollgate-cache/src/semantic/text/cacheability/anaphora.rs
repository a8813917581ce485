//! Prompts that refer to what was said before.

use super::view::{View, is_one_of, starts_with_any};
use crate::semantic::text::lexicon;

/// How short prompts begin that go on from the last answer.
const OPENINGS: &str = "
and the
and what
and how
and for
and in
and if
what about
how about
what else
anything else
same for
the same for
tell me more
go on
keep going
another one
one more
the second one
the first one
the other one
the last one
the previous
try again
do it again
explain further
explain more
give me an example
give an example
for example
an example
more examples
make it
rephrase
rewrite your
rewrite that
rewrite it
translate it
translate that
summarise it
summarize it
summarise that
summarize that
why not
why is that
is that true
is that right
is this true
are you sure
what do you mean
can you elaborate
say that again
";

pub(super) fn is_anaphora(view: &View<'_>, has_literals: bool) -> bool {
    const BARE: &str = "yes yeah yep no nope ok okay sure again really continue shorter longer elaborate repeat";
    let first = view.words.first().copied().unwrap_or_default();
    let is_bare = view.words.len() <= 3 && view.content <= 1 && is_one_of(first, BARE);
    let goes_on = view.words.len() <= 6 && view.content <= 3 && starts_with_any(&view.words, OPENINGS).is_some();
    goes_on || (!has_literals && (is_bare || view.content == 0)) || has_dangling_pronoun(view)
}

/// Whether a pronoun stands before anything that it could stand for.
fn has_dangling_pronoun(view: &View<'_>) -> bool {
    let core = &view.core;
    for (at, word) in core.iter().enumerate().take(24) {
        let before = at.checked_sub(1).map_or("", |at| core[at]);
        let next = core.get(at + 1).copied().unwrap_or_default();
        match *word {
            "he" | "she" | "him" | "his" | "her" => return true,
            "it" | "them" | "they" | "its" | "their" if view.content <= 2 => {
                return !(*word == "it" && is_expletive(&core[at + 1..], before));
            }
            "that" | "this" | "those" | "these" if core.len() <= 6 && stands_alone(next) => return true,
            _ => {}
        }
        // A verb is nothing that a pronoun stands for: `Cancel it`.
        let is_verb = at == 0 || is_one_of(before, "i you we can should not") || is_one_of(next, "it them");
        if !is_verb && !lexicon::is_function(word) {
            return false;
        }
    }
    false
}

fn stands_alone(next: &str) -> bool {
    next.is_empty() || is_one_of(next, "is was mean work do in to for again with happen")
}

/// Whether an `it` with `rest` behind it stands for nothing: `is it safe to`, `what time is it`, `it takes`.
fn is_expletive(rest: &[&str], before: &str) -> bool {
    const LEADS: &str = "to that if for take takes mean rain like when legal called";
    let is_weather = is_one_of(before, "is was") && rest.iter().filter(|next| !lexicon::is_function(next)).count() > 1;
    is_weather || rest.iter().take(4).any(|next| is_one_of(next, LEADS)) || (rest.is_empty() && before == "is")
}
