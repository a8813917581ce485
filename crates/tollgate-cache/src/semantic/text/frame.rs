//! Phrases around a question that are not a part of it: politeness, and ways to ask for an answer or for instructions.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::token::Token;

/// One phrase a line, contractions written out. The longest that matches is taken.
const FRAMES: &str = "
can you tell me
can you please tell me
could you tell me
could you please tell me
would you tell me
please tell me
tell me
can you explain
can you please explain
could you explain
can you help me
can you please
could you please
would you please
can someone explain
can anyone tell me
let me know
do you know
do you happen to know
i want to know
i would like to know
i need to know
i wonder
i am wondering
i was wondering
i am curious
i have a question
i want you to
i would like you to
i need you to
is there a way to
is there any way to
is there a way i can
is there any way i can
what is the way to
what is a way to
what is the best way to
what is the right way to
what is the correct way to
what is the easiest way to
what is a good way to
what are the best ways to
what are some ways to
what are the ways to
what are some good ways to
the best way to
best way to
ways to
way to
steps to
the steps to
what are the steps to
what are the steps for
what steps do i take to
the process of
what is the process for
what is the process of
what is the process to
what is the procedure for
what is the procedure to
instructions to
instructions for
instructions on how to
a guide to
guide on how to
tutorial on how to
help me
i need help
help me with
need help with
i am trying to
i am looking to
i want to
i would like to
i need to
how do i go about
how do you go about
how would i go about
how would one
how to
how do i
how do you
how do we
how does one
how can i
how can you
how can we
how can one
how could i
how would i
how should i
what do i do to
what do i need to do to
what should i do
what should i do to
what do i do
what can i do
what must i do
i am not sure how to
i do not know how to
i do not understand
not sure how to
no idea how to
in order to
a lot of
lots of
in fact
as well
as well as
right now
at the moment
at present
good morning
good afternoon
good evening
hi there
hello there
thanks in advance
thank you
thank you in advance
of course
by the way
do you think
if possible
so that
such as
for example
";

fn table() -> HashMap<&'static str, Vec<Vec<&'static str>>> {
    let mut table: HashMap<_, Vec<Vec<_>>> = HashMap::new();
    for line in FRAMES.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if !words[0].is_empty() {
            table.entry(words[0]).or_default().push(words);
        }
    }
    for phrases in table.values_mut() {
        phrases.sort_by_key(|words| std::cmp::Reverse(words.len()));
    }
    table
}

/// Which of `tokens` belong to such a phrase.
pub(crate) fn framed(tokens: &[Token<'_>]) -> Vec<bool> {
    static PHRASES: LazyLock<HashMap<&'static str, Vec<Vec<&'static str>>>> = LazyLock::new(table);
    let mut framed = vec![false; tokens.len()];
    let mut at = 0;
    while at < tokens.len() {
        let phrases = PHRASES.get(&*tokens[at].folded).map(Vec::as_slice).unwrap_or_default();
        let matches = |words: &&Vec<&str>| {
            tokens.get(at..at + words.len()).is_some_and(|it| it.iter().zip(*words).all(|(token, word)| token.is(word)))
        };
        let length = phrases.iter().find(matches).map_or(0, Vec::len);
        framed[at..at + length].fill(true);
        at += length.max(1);
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::super::token::tokens;
    use super::*;

    fn check(text: &str, expected: &str) {
        let tokens = tokens(text);
        let framed = framed(&tokens);
        let rest: Vec<&str> = tokens.iter().zip(framed).filter(|(_, framed)| !framed).map(|(it, _)| it.raw).collect();
        assert_eq!(rest.join(" "), expected, "{text}");
    }

    #[test]
    fn what_is_asked_remains() {
        check("Can you tell me what a monad is", "what a monad is");
        check("Could you please bake a cake", "bake a cake");
        check("Steps to install Docker", "install Docker");
        check("I'm trying to log in", "log in");
        check("What's the best way to boil eggs", "boil eggs");
        check("Wayfinding", "Wayfinding");
    }
}
