//! Numbers with what they count, and numbers within names.

use super::number::{canonical, ordinal, shift};
use super::{LiteralKind, Scanner, unit};
use crate::semantic::text::token::Kind;

impl Scanner<'_, '_> {
    /// A number with its unit, an ordinal, or letters with digits.
    pub(super) fn quantity(&mut self, at: usize) -> Option<usize> {
        if self.tokens[at].kind == Kind::Mixed {
            return Some(self.mixed(at));
        }
        if let Some(end) = self.ordinal_word(at) {
            return Some(end);
        }
        let (sign, start) = self.sign(at);
        let (currency, start) = self.currency(start);
        let (value, end) = self.number(start)?;
        let bound = self.bound_before(at);
        Some(self.counted(format!("{bound}{sign}{value}"), currency, at, end))
    }

    /// How a number is meant as a limit, by the words before it.
    fn bound_before(&self, at: usize) -> &'static str {
        let pair = (at.checked_sub(2).map_or("", |at| self.word(at)), self.before(at));
        match pair {
            ("at", "most") | ("up", "to") | (_, "maximum" | "max") => "<=",
            ("at", "least") | (_, "minimum" | "min") => ">=",
            ("more" | "greater" | "larger" | "higher" | "bigger" | "older", "than")
            | (_, "over" | "above" | "exceeding") => ">",
            ("less" | "fewer" | "smaller" | "lower" | "younger", "than") | (_, "under" | "below") => "<",
            _ => "",
        }
    }

    /// A minus that belongs to the number after it, not between two.
    fn sign(&self, at: usize) -> (&'static str, usize) {
        let after_number = at > 0 && self.tokens[at - 1].kind == Kind::Number;
        let is_minus =
            (self.is_symbol(at, "-") || self.is_symbol(at, "−")) && self.is_joined(at + 1) && self.tokens[at].spaced;
        let is_word = matches!(self.word(at), "minus" | "negative");
        if !after_number && (is_minus || is_word) { ("-", at + 1) } else { ("", at) }
    }

    /// A currency before a number, and where the number begins.
    fn currency(&self, at: usize) -> (Option<&'static str>, usize) {
        if let Some(currency) = unit::symbol(self.word(at)) {
            return (Some(currency), at + 1);
        }
        let next = if self.is_symbol(at + 1, ".") { at + 2 } else { at + 1 };
        let has_number = self.tokens.get(next).is_some_and(|next| next.kind == Kind::Number);
        match unit::code(self.word(at)).filter(|_| has_number) {
            Some(currency) => (Some(currency), next),
            None => (None, at),
        }
    }

    /// Takes a number and the unit after it.
    fn counted(&mut self, value: String, currency: Option<&str>, start: usize, end: usize) -> usize {
        let next =
            if self.is_symbol(end, "-") && self.is_joined(end) && self.is_joined(end + 1) { end + 1 } else { end };
        let degrees = matches!(self.word(next), "degree" | "degrees" | "°");
        let next = if degrees { next + 1 } else { next };
        if self.word(next) == "per" && self.word(next + 1) == "cent" {
            return self.take(LiteralKind::Quantity, value + "%", start, next + 2);
        }
        let unit = unit::bound(self.word(next)).or_else(|| self.temperature(next, degrees));
        // The day of `5 day's` is content, the year of `year 1969` is not.
        let start =
            if self.before(start) == "year" && unit.is_none() && currency.is_none() { self.year(start) } else { start };
        match (currency, unit) {
            (Some(currency), Some(unit)) if currency == unit => {
                self.take(LiteralKind::Quantity, value + currency, start, next + 1)
            }
            (Some(currency), _) => self.take(LiteralKind::Quantity, value + currency, start, end),
            (None, Some(unit)) => self.take(LiteralKind::Quantity, value + unit, start, next + 1),
            (None, None) if degrees => self.take(LiteralKind::Quantity, value + "degree", start, next),
            (None, None) => self.take(LiteralKind::Quantity, value, start, end),
        }
    }

    fn temperature(&self, at: usize, degrees: bool) -> Option<&'static str> {
        match self.tokens.get(at)?.raw {
            "C" => Some("celsius"),
            "F" => Some("fahrenheit"),
            "c" if degrees => Some("celsius"),
            "f" if degrees => Some("fahrenheit"),
            "K" => Some("kelvin"),
            _ => None,
        }
    }

    /// `the year 1969` is 1969: where the words before the number begin.
    fn year(&self, at: usize) -> usize {
        let year = at - 1;
        if matches!(self.before(year), "the") { year - 1 } else { year }
    }

    /// Letters and digits in one token.
    fn mixed(&mut self, at: usize) -> usize {
        let folded = self.tokens[at].folded.to_string();
        let split = folded.find(|character: char| !(character.is_ascii_digit() || ".,".contains(character)));
        let (digits, letters) = folded.split_at(split.unwrap_or_default());
        if !digits.is_empty() && letters.bytes().all(|byte| byte.is_ascii_lowercase()) {
            let number = canonical(digits, false);
            match letters {
                "st" | "nd" | "rd" | "th" => return self.take(LiteralKind::Quantity, format!("#{number}"), at, at + 1),
                "k" => return self.counted(shift(&number, 3), self.currency_before(at), at, at + 1),
                "bn" => return self.counted(shift(&number, 9), self.currency_before(at), at, at + 1),
                "m" if self.currency_before(at).is_some() => {
                    return self.counted(shift(&number, 6), self.currency_before(at), at, at + 1);
                }
                "s" => return self.take(LiteralKind::Quantity, folded, at, at + 1),
                _ => {
                    // `3D` is a name, `3d` three days.
                    let attached = || unit::attached(letters).filter(|_| self.tokens[at].raw.ends_with(letters));
                    if let Some(unit) = unit::bound(letters).or_else(attached) {
                        return self.take(LiteralKind::Quantity, number + unit, at, at + 1);
                    }
                }
            }
        }
        // A name with a number behind it: the name is content, so that `gpt4` and `gpt 4` are one.
        let name = folded.trim_end_matches(|character: char| character.is_ascii_digit());
        if name.len() > 1 && name.len() < folded.len() && name.bytes().all(|byte| byte.is_ascii_lowercase()) {
            let number = canonical(&folded[name.len()..], true);
            self.take(LiteralKind::Quantity, number, at, at + 1);
            self.used[at] = false;
            return at + 1;
        }
        // Short ones are names, where case says nothing; long ones are keys, where it does.
        let value = if folded.len() <= 12 { folded } else { self.tokens[at].raw.to_owned() };
        self.take(LiteralKind::Identifier, value, at, at + 1)
    }

    fn currency_before(&self, at: usize) -> Option<&'static str> {
        at.checked_sub(1).filter(|_| self.is_joined(at)).and_then(|before| unit::symbol(self.word(before)))
    }

    fn ordinal_word(&mut self, at: usize) -> Option<usize> {
        const IDIOMS: &[&str] = &[
            "time", "place", "name", "names", "of", "thing", "one", "day", "aid", "class", "party", "person", "hand",
            "and", "step",
        ];
        let number = ordinal(self.word(at))?;
        // `at first`, `first of all`, `a second`, `third party` count nothing.
        let counts = !IDIOMS.contains(&self.word(at + 1)) && (number > 2 || self.before(at) == "the");
        counts.then(|| self.take(LiteralKind::Quantity, format!("#{number}"), at, at + 1))
    }
}
