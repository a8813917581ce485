//! Literals: parts of a prompt whose change changes the answer, in canonical form.

mod date;
mod expression;
mod name;
mod number;
mod operator;
mod quantity;
mod shape;
mod unit;

pub(crate) use unit::{TimeUnits, is_time_unit};

use super::token::{Kind, Token};

/// What kind of literal it is. The order of the kinds is their order in a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LiteralKind {
    /// A number with its unit or currency: `17%`, `10km`, `#3` for the third. Order is kept: `5` and `12` are not `12`
    /// and `5`.
    Quantity,
    /// A date or a part of one: `2011-03-11`, `-03-` for a month alone, `friday`, `q2`.
    Date,
    /// A time of day in minutes since midnight.
    Time,
    /// A formula without white space: `x+2=8`.
    Expression,
    /// A unit or currency without a number, as the target of a conversion is.
    Unit,
    /// Letters with digits: `b2b`, `@name`.
    Identifier,
    /// An address without its scheme.
    Url,
    /// An address of mail.
    Email,
    /// A file name or path.
    Path,
    /// What stands between quotation marks.
    Quote,
    /// Code, byte for byte.
    Code,
    /// A programming language or engine.
    Technology,
    /// The shape that an answer shall have: `json`, `table`, `brief`.
    Shape,
    /// The language that an answer shall be in or that is translated from.
    AnswerLanguage,
}

/// One literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Literal {
    pub(crate) kind: LiteralKind,
    pub(crate) value: String,
}

/// Walks over tokens and takes literals out of them.
#[derive(Debug)]
pub(crate) struct Scanner<'t, 'a> {
    tokens: &'t [Token<'a>],
    /// Which tokens belong to a literal and so are no content.
    pub(crate) used: Vec<bool>,
    pub(crate) literals: Vec<Literal>,
    /// What `how many` asks for, which is the target of a conversion and so comes last.
    asked: Option<Literal>,
}

// === impl LiteralKind ===

impl LiteralKind {
    /// All kinds, in their order.
    pub const ALL: [Self; 14] = [
        Self::Quantity,
        Self::Date,
        Self::Time,
        Self::Expression,
        Self::Unit,
        Self::Identifier,
        Self::Url,
        Self::Email,
        Self::Path,
        Self::Quote,
        Self::Code,
        Self::Technology,
        Self::Shape,
        Self::AnswerLanguage,
    ];

    /// Whether the order among literals of this kind says nothing: brief and in JSON is in JSON and brief.
    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::Shape)
    }
}

// === impl Literal ===

impl Literal {
    pub(crate) fn new(kind: LiteralKind, value: &str) -> Self {
        Self { kind, value: value.to_owned() }
    }
}

// === impl Scanner ===

impl<'t, 'a> Scanner<'t, 'a> {
    /// Scans all of `tokens`.
    pub(crate) fn scan(tokens: &'t [Token<'a>]) -> Self {
        let mut scanner = Self { tokens, used: vec![false; tokens.len()], literals: Vec::new(), asked: None };
        let mut at = 0;
        while at < tokens.len() {
            at = scanner.step(at).unwrap_or(at + 1);
        }
        scanner.literals.extend(scanner.asked.take());
        scanner
    }

    /// Takes the literal that begins at `at`, and says where to go on.
    fn step(&mut self, at: usize) -> Option<usize> {
        self.note_case(at);
        self.expression(at)
            .or_else(|| self.date(at))
            .or_else(|| self.time(at))
            .or_else(|| self.quantity(at))
            .or_else(|| self.shape(at))
            .or_else(|| self.name(at))
            .or_else(|| self.bare_unit(at))
            .or_else(|| self.operator(at))
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &*token.folded)
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |at| self.word(at))
    }

    fn is_symbol(&self, at: usize, symbol: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Symbol && token.raw == symbol)
    }

    /// Whether the token at `at` follows its neighbour without white space.
    fn is_joined(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| !token.spaced)
    }

    /// Notes a literal made of the tokens from `start` to `end`, and gives `end`.
    fn take(&mut self, kind: LiteralKind, value: impl Into<String>, start: usize, end: usize) -> usize {
        self.literals.push(Literal { kind, value: value.into() });
        self.used[start..end].fill(true);
        end
    }
}
