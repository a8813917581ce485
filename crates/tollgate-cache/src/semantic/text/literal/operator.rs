//! What counts letter for letter outside of code: operators, options of programs, and words that capitals change.

use super::{Literal, LiteralKind, Scanner};
use crate::semantic::text::token::Kind;

/// What operators consist of.
const SIGNS: &str = "=<>&|+*/%^~!-:";

/// Words that mean something else with a capital: people of Poland and what makes things shine.
const NAMES: &[&str] = &["polish", "turkey", "chad", "cork", "reading", "bath", "nice", "lent"];

impl Scanner<'_, '_> {
    /// Notes a word that its capitals make another, which is content all the same. At the begin of a sentence a capital says
    /// nothing.
    pub(super) fn note_case(&mut self, at: usize) {
        let token = &self.tokens[at];
        let word = &*token.folded;
        if token.is_capitalised() && !token.initial && NAMES.contains(&word) {
            self.literals.push(Literal::new(LiteralKind::Identifier, word));
        }
    }

    /// An operator or an option that stands by itself.
    pub(super) fn operator(&mut self, at: usize) -> Option<usize> {
        if !(self.tokens[at].kind == Kind::Symbol && self.tokens[at].spaced) {
            return None;
        }
        self.option(at).or_else(|| self.signs(at))
    }

    /// `-la`, `--hard`, `--depth`.
    fn option(&mut self, at: usize) -> Option<usize> {
        let second = self.is_symbol(at + 1, "-") && self.is_joined(at + 1);
        let name = if second { at + 2 } else { at + 1 };
        let is_option = self.is_symbol(at, "-") && self.is_joined(name) && self.tokens[name].is_word();
        let value = is_option.then(|| format!("-{}", self.tokens[name].raw))?;
        Some(self.take(LiteralKind::Code, value, at, name + 1))
    }

    /// `==`, `=>`, `&&`. A dash and what ends a sentence are none.
    fn signs(&mut self, at: usize) -> Option<usize> {
        let rest = self.tokens[at..].iter();
        let joined = rest.enumerate().take_while(|(index, token)| {
            token.kind == Kind::Symbol && SIGNS.contains(token.raw) && (*index == 0 || !token.spaced)
        });
        let end = at + joined.count();
        let value: String = self.tokens[at..end].iter().map(|token| token.raw).collect();
        let is_operator =
            value == "=" || (value.len() > 1 && value.bytes().any(|sign| b"=<>&|+*/%^~:".contains(&sign)));
        let ends = self.tokens.get(end).is_none_or(|next| next.spaced || ".,;?)".contains(next.raw));
        (is_operator && ends).then(|| self.take(LiteralKind::Code, value, at, end))
    }
}
