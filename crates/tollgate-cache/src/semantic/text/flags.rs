//! In what way two prompts that look alike may differ.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// Ways in which two prompts differ, as a set of bits.
///
/// A [hard](Self::HARD) flag forbids to serve on the similarity of vectors alone: an answer is served only after
/// a verifier has approved the pair. Others are features of a learned decision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RiskFlags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $bit:literal;)*) => {
        impl RiskFlags {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// All flags with their stable words, in the order of their bits.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $word)),*];
        }
    };
}

flags! {
    /// The literals differ: `17% of 20` and `71% of 20`. Hard.
    LITERAL = "literal", 0;
    /// Script or language differ: `Explain TCP` and `Explique TCP`. Hard.
    LANGUAGE = "language", 1;
    /// One is negated and the other is not: `foods to eat` and `foods not to eat`, `safe` and `unsafe`. Hard.
    NEGATION = "negation", 2;
    /// One has the opposite of a word of the other: `buy` and `sell`, `encrypt` and `decrypt`, `always` and `ever`. Hard.
    OPPOSITE = "opposite", 3;
    /// One joins by `and` what the other joins by `or`. Hard.
    CONJUNCTION = "conjunction", 4;
    /// Each has a name that the other lacks: `CEO of Acme` and `CEO of Initech`. Hard.
    ENTITY = "entity", 5;
    /// One has a name that the other lacks: `George H. Bush` and `George Bush`. Hard.
    ENTITY_ONE_SIDED = "entity-one-sided", 6;
    /// One word or phrase stands where another did, and all else is equal: `feed my cat` and `feed my squirrel`. Hard.
    SUBSTITUTION = "substitution", 7;
    /// One has one to three words more, and all else is equal: `an activist` and `a terrible activist`. Hard.
    INSERTION = "insertion", 8;
    /// The same words in other roles: `Does Ann trust Bob` and `Does Bob trust Ann`, `from A to B` and `from B to A`.
    /// Passive and active are one. Hard.
    ROLE = "role", 9;
    /// The same words in another order that may mean the same: `git commit` and `commit in git`. Soft.
    REORDERED = "reordered", 10;
    /// Persons are referred to differently: `would he reject her` and `would she reject him`. Hard.
    PRONOUN = "pronoun", 11;
    /// They ask for different things: `who`, `when`, `where`, `why`, `how many`. Hard.
    QUESTION = "question", 12;
    /// They ask in different forms that may mean the same: `What causes X` and `Why does X happen`. Soft.
    QUESTION_FORM = "question-form", 13;
    /// They name different units of time: `per day` and `per week`. Hard.
    TIME_UNIT = "time-unit", 14;
    /// One is about what used to be: `Is Ann a pilot` and `Did Ann use to be a pilot`. Hard.
    HABITUAL = "habitual", 15;
    /// Present, past and future differ: `Who is` and `Who was`. Soft.
    TENSE = "tense", 16;
    /// What may be, should be and must be differ: `Can I` and `Should I`. Soft.
    MODALITY = "modality", 17;
    /// No word of content is shared. Hard.
    DISJOINT = "disjoint", 18;
    /// Several words on either side have no counterpart. Soft.
    DIVERGENT = "divergent", 19;
    /// One is too long to be compared as a whole. Hard.
    LONG = "long", 20;
}

// === impl RiskFlags ===

impl RiskFlags {
    /// Flags that forbid to serve without a verifier's approval.
    ///
    /// These are no vetoes: two thirds of the duplicates that people mark have one. They only take the decision away from
    /// the similarity of vectors, which is as high for such pairs as for true paraphrases.
    pub const HARD: Self = Self(
        Self::LITERAL.0
            | Self::LANGUAGE.0
            | Self::NEGATION.0
            | Self::OPPOSITE.0
            | Self::CONJUNCTION.0
            | Self::ENTITY.0
            | Self::ENTITY_ONE_SIDED.0
            | Self::SUBSTITUTION.0
            | Self::INSERTION.0
            | Self::ROLE.0
            | Self::PRONOUN.0
            | Self::QUESTION.0
            | Self::TIME_UNIT.0
            | Self::HABITUAL.0
            | Self::DISJOINT.0
            | Self::LONG.0,
    );

    /// Hard flags that tell most: of near duplicates that people marked a fifth has one, for a number or a name in most
    /// cases, of near pairs that are none two fifths. No learned score should outweigh these without a verifier.
    pub const STRONG: Self = Self(Self::HARD.0 & !Self::SUSPECT.0);

    /// Hard flags that six of ten duplicates have, since every paraphrase replaces or adds words. What was learned of
    /// an entry may outweigh these; the similarity of vectors may not.
    pub const SUSPECT: Self = Self(Self::SUBSTITUTION.0 | Self::INSERTION.0 | Self::ENTITY_ONE_SIDED.0);

    /// Flags that are features only.
    pub const SOFT: Self =
        Self(Self::REORDERED.0 | Self::QUESTION_FORM.0 | Self::TENSE.0 | Self::MODALITY.0 | Self::DIVERGENT.0);

    /// How many flags there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether none is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that forbid to serve without a verifier's approval.
    #[must_use]
    pub const fn hard(self) -> Self {
        Self(self.0 & Self::HARD.0)
    }

    /// Those of `other` that are set.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The set as bits, for storing it.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The stable words of the flags that are set, for headers and records.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, word)| *word)
    }

    /// Sets `flag` if `condition`.
    pub(crate) fn set(&mut self, flag: Self, condition: bool) {
        if condition {
            *self |= flag;
        }
    }
}

impl BitOr for RiskFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for RiskFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for RiskFlags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.words()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_is_either_hard_or_soft() {
        for (at, (flag, word)) in RiskFlags::ALL.iter().enumerate() {
            assert_eq!(flag.bits(), 1 << at, "{word}");
            assert_ne!(RiskFlags::HARD.contains(*flag), RiskFlags::SOFT.contains(*flag), "{word}");
        }
    }

    #[test]
    fn words_are_those_of_the_flags() {
        let flags = RiskFlags::ROLE | RiskFlags::TENSE;
        assert_eq!(flags.words().collect::<Vec<_>>(), ["role", "tense"]);
        assert_eq!(flags.hard(), RiskFlags::ROLE);
        assert_eq!(format!("{flags:?}"), r#"{"role", "tense"}"#);
    }
}
