//! Two prompts side by side.

use super::analysis::{Analysis, Content, Question, Tense};
use super::features::{self, FEATURES};
use super::flags::RiskFlags;
use super::hash::hash32;
use super::lexicon;

/// How many words a phrase has at most that may be replaced or inserted as a whole.
const PHRASE: usize = 3;

/// What comparing the prompt of an entry with a new one gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// In what way the two may differ.
    pub flags: RiskFlags,
    /// Numbers for a learned decision, named by [`FEATURE_NAMES`](super::FEATURE_NAMES).
    pub features: [f32; FEATURES],
}

/// Which words of two prompts have a counterpart.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    /// Content of the cached prompt without a counterpart.
    pub(crate) left: Vec<Content>,
    /// Content of the new prompt without a counterpart.
    pub(crate) right: Vec<Content>,
    /// Places of words that occur once on either side, in the order of the left.
    pub(crate) places: Vec<(usize, usize)>,
    pub(crate) matched: usize,
    pub(crate) matched_weight: u32,
}

// === impl Comparison ===

impl Comparison {
    pub(crate) fn of(cached: &Analysis, new: &Analysis) -> Self {
        let matching = Matching::of(&cached.content, &new.content);
        let flags = flags(cached, new, &matching);
        let features = features::features(cached, new, &matching, flags);
        Self { flags, features }
    }

    /// Whether the pair must not be served without a verifier's approval.
    #[must_use]
    pub fn is_hard(&self) -> bool {
        !self.flags.hard().is_empty()
    }
}

// === impl Matching ===

impl Matching {
    pub(crate) fn of(left: &[Content], right: &[Content]) -> Self {
        let sorted = |content: &[Content]| {
            let mut places: Vec<usize> = (0..content.len()).collect();
            places.sort_by_key(|at| (content[*at].word, *at));
            places
        };
        let (lefts, rights) = (sorted(left), sorted(right));
        let mut matching = Self::default();
        let (mut i, mut j) = (0, 0);
        while i < lefts.len() || j < rights.len() {
            let one = lefts.get(i).map(|at| &left[*at]);
            let other = rights.get(j).map(|at| &right[*at]);
            match (one, other) {
                (Some(one), Some(other)) if one.word == other.word => {
                    matching.matched += 1;
                    matching.matched_weight += u32::from(one.weight.max(other.weight));
                    matching.places.push((lefts[i], rights[j]));
                    (i, j) = (i + 1, j + 1);
                }
                (Some(one), other) if other.is_none_or(|other| one.word < other.word) => {
                    matching.left.push(*one);
                    i += 1;
                }
                (_, Some(other)) => {
                    matching.right.push(*other);
                    j += 1;
                }
                _ => break,
            }
        }
        matching.places.sort_unstable();
        matching
    }
}

fn flags(cached: &Analysis, new: &Analysis, matching: &Matching) -> RiskFlags {
    let mut flags = RiskFlags::default();
    flags.set(RiskFlags::LITERAL, cached.signature != new.signature);
    flags.set(RiskFlags::LANGUAGE, cached.language != new.language);
    flags.set(RiskFlags::NEGATION, cached.negations % 2 != new.negations % 2);
    flags.set(RiskFlags::OPPOSITE, have_opposites(cached, new) || have_affixes(matching));
    flags.set(
        RiskFlags::CONJUNCTION,
        (cached.ors > new.ors && new.ands > cached.ands) || (new.ors > cached.ors && cached.ands > new.ands),
    );
    flags.set(RiskFlags::PRONOUN, cached.pronouns != new.pronouns && is_about_persons(cached, new));
    flags.set(
        RiskFlags::TIME_UNIT,
        cached.time_units & !new.time_units != 0 && new.time_units & !cached.time_units != 0,
    );
    flags.set(RiskFlags::HABITUAL, (cached.tense == Tense::Habitual) != (new.tense == Tense::Habitual));
    flags.set(RiskFlags::TENSE, cached.tense != new.tense);
    flags.set(RiskFlags::MODALITY, cached.modality != new.modality);
    flags.set(RiskFlags::LONG, cached.is_long || new.is_long);
    questions(&mut flags, cached.question, new.question);
    names(&mut flags, matching);
    contents(&mut flags, cached, new, matching);
    roles(&mut flags, cached, new, matching);
    flags
}

fn have_opposites(cached: &Analysis, new: &Analysis) -> bool {
    let extra = |one: &Analysis, other: &Analysis| {
        let count = |of: &Analysis, it| of.alternatives.iter().filter(|other| **other == it).count();
        let mut extra: Vec<_> =
            one.alternatives.iter().copied().filter(|it| count(one, *it) > count(other, *it)).collect();
        extra.dedup();
        extra
    };
    let (left, right) = (extra(cached, new), extra(new, cached));
    left.iter().any(|one| right.iter().any(|other| one.group == other.group && one.value != other.value))
}

/// Whether an unmatched word is another with a prefix, or both are the same behind prefixes.
fn have_affixes(matching: &Matching) -> bool {
    let related = |one: &Content, other: &Content| {
        one.root == other.word || one.word == other.root || (one.root != 0 && one.root == other.root)
    };
    matching.left.iter().take(16).any(|one| matching.right.iter().take(16).any(|other| related(one, other)))
}

/// A pronoun that is missing on one side only says something where names are around that it may stand for.
fn is_about_persons(cached: &Analysis, new: &Analysis) -> bool {
    let persons = |of: &Analysis| of.pronouns.iter().any(|person| *person < 3);
    let names = |of: &Analysis| of.content.iter().any(|content| content.is_entity);
    (persons(cached) && persons(new)) || ((persons(cached) || persons(new)) && (names(cached) || names(new)))
}

fn questions(flags: &mut RiskFlags, cached: Question, new: Question) {
    let specific = |question| !matches!(question, Question::Instruction | Question::Polar | Question::What);
    flags.set(RiskFlags::QUESTION, cached != new && specific(cached) && specific(new));
    // Instructions are how one does it: `Steps to boil eggs` and `How do I boil eggs`.
    let same = |question| matches!(question, Question::Instruction | Question::How);
    flags.set(RiskFlags::QUESTION_FORM, cached != new && !(same(cached) && same(new)));
}

fn names(flags: &mut RiskFlags, matching: &Matching) {
    let named = |content: &[Content]| content.iter().any(|content| content.is_entity);
    let (left, right) = (named(&matching.left), named(&matching.right));
    flags.set(RiskFlags::ENTITY, left && !matching.right.is_empty() || right && !matching.left.is_empty());
    flags.set(RiskFlags::ENTITY_ONE_SIDED, left != right);
}

fn contents(flags: &mut RiskFlags, cached: &Analysis, new: &Analysis, matching: &Matching) {
    let strong = |content: &[Content]| content.iter().filter(|content| !content.is_weak).count();
    let (left, right) = (matching.left.len(), matching.right.len());
    let (strong_left, strong_right) = (strong(&matching.left), strong(&matching.right));
    let is_empty = cached.content.is_empty() && new.content.is_empty();
    // Where all that is asked is in literals, these are shared: `Convert 10 km to miles`.
    let in_literals =
        cached.has_literals && new.has_literals && (strong(&cached.content) == 0 || strong(&new.content) == 0);
    flags.set(RiskFlags::DISJOINT, matching.matched == 0 && !is_empty && !in_literals);
    let (gap_left, gap_right) = gap(&cached.content, &new.content);
    let replaced = (left == 1 && right == 1) || (1..=PHRASE).contains(&gap_left) && (1..=PHRASE).contains(&gap_right);
    flags.set(RiskFlags::SUBSTITUTION, replaced && left > 0 && right > 0 && strong_left + strong_right > 0);
    let inserted =
        (left == 0 && (1..=PHRASE).contains(&strong_right)) || (right == 0 && (1..=PHRASE).contains(&strong_left));
    flags.set(RiskFlags::INSERTION, inserted);
    flags.set(RiskFlags::DIVERGENT, strong_left + strong_right > 0 && !replaced && !inserted);
}

/// How many words are left on either side without the common begin and end.
fn gap(left: &[Content], right: &[Content]) -> (usize, usize) {
    let same = |(one, other): &(&Content, &Content)| one.word == other.word;
    let begin = left.iter().zip(right).take_while(same).count();
    let end = left[begin..].iter().rev().zip(right[begin..].iter().rev()).take_while(same).count();
    (left.len() - begin - end, right.len() - begin - end)
}

fn roles(flags: &mut RiskFlags, cached: &Analysis, new: &Analysis, matching: &Matching) {
    let marker_of = |at: &(usize, usize)| (cached.content[at.0].marker, new.content[at.1].marker);
    let unequal = matching.left.len() + matching.right.len();
    // A role moves when the same preposition goes from one word to another, or one word has opposite prepositions.
    let opposed = matching.places.iter().map(marker_of).any(|(one, other)| one != other && one != 0 && other != 0);
    let gained: u32 = matching
        .places
        .iter()
        .map(marker_of)
        .filter(|(one, other)| one != other)
        .map(|(_, other)| 1 << other)
        .fold(0, |set, bit| set | bit);
    let lost: u32 = matching
        .places
        .iter()
        .map(marker_of)
        .filter(|(one, other)| one != other)
        .map(|(one, _)| 1 << one)
        .fold(0, |set, bit| set | bit);
    let moved = opposed || gained & lost & !1 != 0;
    let across = swaps_across(&matching.places) || swaps_names(cached, &matching.places);
    let asked = unequal == 0 && cached.asked_role != new.asked_role && cached.asked_role != 0 && new.asked_role != 0;
    flags.set(RiskFlags::ROLE, unequal <= 2 && (moved || across || asked) && !is_symmetric(cached));
    let reordered = matching.places.windows(2).any(|pair| pair[0].1 > pair[1].1);
    flags.set(RiskFlags::REORDERED, reordered);
}

/// Whether two words have changed places around a third between them: subject and object around a verb.
fn swaps_across(places: &[(usize, usize)]) -> bool {
    let mut furthest = 0;
    let mut nearest = vec![usize::MAX; places.len() + 1];
    for (at, (_, place)) in places.iter().enumerate().rev() {
        nearest[at] = nearest[at + 1].min(*place);
    }
    places.iter().enumerate().any(|(at, (_, place))| {
        let swapped = furthest > *place && nearest[at + 1] < *place;
        furthest = furthest.max(*place);
        swapped
    })
}

/// Whether two names beside each other have changed places, as in `train Oslo Bergen`; in a list they may.
fn swaps_names(cached: &Analysis, places: &[(usize, usize)]) -> bool {
    let is_name = |at: usize| cached.content.get(at).is_some_and(|content| content.is_entity);
    let swapped = |pair: &[(usize, usize)]| pair[0].1 == pair[1].1 + 1 && pair[0].0 + 1 == pair[1].0;
    cached.ands + cached.ors == 0
        && places.windows(2).any(|pair| swapped(pair) && is_name(pair[0].0) && is_name(pair[1].0))
}

/// Whether the prompt is about a relation that holds both ways.
fn is_symmetric(analysis: &Analysis) -> bool {
    const WORDS: &[&str] = &[
        "engaged",
        "married",
        "dating",
        "friend",
        "sibling",
        "cousin",
        "acquaintance",
        "difference",
        "similar",
        "similarity",
        "equal",
        "related",
        "colleague",
        "partner",
        "neighbor",
        "roommate",
        "classmate",
        "twin",
        "acquainted",
        "connected",
        "close",
        "compare",
        "equivalent",
        "relationship",
    ];
    static HASHES: std::sync::LazyLock<Vec<u32>> =
        std::sync::LazyLock::new(|| WORDS.iter().map(|word| hash32(&lexicon::canonical(word))).collect());
    analysis.content.iter().any(|content| HASHES.contains(&content.word))
}
