//! Requests whose answer shall be another each time.

use super::view::{View, has_any, is_one_of};

/// Works that one wants a new one of.
const WORKS: &str = "
joke jokes poem poems haiku limerick sonnet story stories song lyrics rap riddle riddles verse ballad pun puns tale
fairytale slogan tagline screenplay monologue rhyme tweet compliment
";

/// What stands behind `random` in names of things.
const FIXED: &str = "
forest variable variables walk access seed effects sampling process matrix vector
";

/// Verbs that ask for something to be made or chosen.
const VERBS: &str = "
write tell give compose create generate make invent sing pick choose suggest draw show say need want imagine produce
craft come
";

/// Phrases that ask for something to be made.
const ASKING: &str = "
tell me a
tell me another
give me a
give me some
give me another
write a
write me
write some
compose a
another joke
can you write
could you write
";

/// Phrases that ask for chance or invention by themselves.
const CHANCE: &str = "
roll a
roll the
flip a coin
toss a coin
surprise me
inspire me
motivate me
make up a
pick a number
think of a number
love letter
generate a uuid
generate a password
draw a card
make something up
cheer me up
entertain me
throw a dice
shuffle the
shuffle these
shuffle this
shuffle my
randomize the
randomise the
scramble the
";

pub(super) fn is_creative(view: &View<'_>) -> bool {
    let words = &view.words[..view.words.len().min(40)];
    if has_any(words, CHANCE) && !view.asks_how() {
        return true;
    }
    let first = words.first().copied().unwrap_or_default();
    if view.asks_how() || !(is_one_of(first, VERBS) || has_any(words, ASKING)) {
        let last = words.last().copied().unwrap_or_default();
        return words.len() <= 4 && (first == "random" || is_one_of(last, "joke haiku limerick"));
    }
    let works = words.iter().take(10).any(|word| is_one_of(word, WORKS));
    works || is_random(words) || has_any(words, "fun fact\nwriting prompt\nfortune cookie")
}

/// Whether something random is asked for, not about: a random forest is a method.
fn is_random(words: &[&str]) -> bool {
    let next = words.iter().skip(1).chain([&""]);
    words.iter().zip(next).any(|(word, next)| is_one_of(word, "random randomly") && !is_one_of(next, FIXED))
}
