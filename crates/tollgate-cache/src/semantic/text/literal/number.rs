//! Numbers as digits and as words.

use super::Scanner;
use crate::semantic::text::token::Kind;

/// Nouns that a number names one of: `Part One` is no pronoun.
const NUMBERED: &[&str] = &[
    "part", "chapter", "section", "step", "volume", "phase", "level", "version", "type", "number", "page", "figure",
    "question", "act", "scene", "book", "season", "episode", "grade", "stage", "tier", "unit", "lesson", "week", "day",
    "round", "option", "item", "appendix", "article", "title", "class", "war",
];

impl Scanner<'_, '_> {
    /// The number at `at`, in canonical decimal form, and where the tokens after it begin.
    pub(super) fn number(&self, at: usize) -> Option<(String, usize)> {
        let token = self.tokens.get(at)?;
        match token.kind {
            Kind::Number => {
                let (value, end) = (self.digits(at), at + 1);
                let fraction = self.is_symbol(end, "/") && self.is_joined(end) && self.is_joined(end + 1);
                match self.tokens.get(end + 1).filter(|next| fraction && next.kind == Kind::Number) {
                    Some(_) => Some((format!("{value}/{}", self.digits(end + 1)), end + 2)),
                    None => Some(self.scaled(value, end)),
                }
            }
            Kind::Word => self.number_words(at).or_else(|| self.roman(at)),
            Kind::Mixed | Kind::Symbol => None,
        }
    }

    /// The digits at `at`. A version keeps its zeros: 3.10 is not 3.1 where it follows a name.
    fn digits(&self, at: usize) -> String {
        let named = at.checked_sub(1).and_then(|before| self.tokens.get(before)).is_some_and(|before| {
            before.is_word() && (before.is_capitalised() || matches!(&*before.folded, "version" | "release" | "python"))
        });
        canonical(&self.tokens[at].folded, named)
    }

    /// `3 million`, `2.5 thousand`.
    fn scaled(&self, value: String, end: usize) -> (String, usize) {
        match magnitude(self.word(end)) {
            Some(zeros) => (shift(&value, zeros), end + 1),
            None => (value, end),
        }
    }

    fn number_words(&self, start: usize) -> Option<(String, usize)> {
        if self.word(start) == "half" {
            return Some(("1/2".to_owned(), start + 1));
        }
        let (mut total, mut current, mut at, mut smallest) = (0_u128, 0_u128, start, u128::MAX);
        loop {
            let word = self.word(at);
            if let Some(value) = small(word).filter(|value| *value < smallest && (smallest == u128::MAX || *value > 0))
            {
                current += value;
                // After `twenty` only a digit may follow, after a digit nothing but a magnitude.
                smallest = if value >= 20 { 10 } else { 0 };
            } else if word == "hundred" && current < 100 && (current > 0 || at == start) {
                current = current.max(1) * 100;
                smallest = 100;
            } else if let Some(zeros) = magnitude(word).filter(|_| current > 0 || at == start) {
                total += current.max(1).checked_mul(10_u128.checked_pow(u32::try_from(zeros).ok()?)?)?;
                (current, smallest) = (0, 1000);
            } else if at > start && self.is_link(at, smallest) {
                // Only a link between parts: `one hundred and five`, `twenty-five`.
            } else {
                break;
            }
            at += 1;
        }
        let is_article = matches!(self.before(start), "a" | "an");
        let is_magnitude = small(self.word(start)).is_none();
        if at == start
            || (is_magnitude && !is_article && at == start + 1)
            || (self.is_pronoun(start) && at == start + 1)
        {
            return None;
        }
        if at == start + 1
            && let Some(parts) = parts(self.word(at))
        {
            return Some((format!("{}/{parts}", total + current), at + 1));
        }
        Some(((total + current).to_string(), at))
    }

    fn is_link(&self, at: usize, smallest: u128) -> bool {
        let next = small(self.word(at + 1)).is_some_and(|value| value > 0 && value < smallest);
        match self.word(at) {
            "and" => next && matches!(self.before(at), "hundred" | "thousand" | "million" | "billion"),
            "-" => next && smallest == 10 && self.is_joined(at) && self.is_joined(at + 1),
            _ => false,
        }
    }

    /// Whether the word `one` at `at` stands for a thing instead of counting.
    fn is_pronoun(&self, at: usize) -> bool {
        if self.word(at) != "one" {
            return false;
        }
        let next = if self.is_symbol(at + 1, "-") { at + 2 } else { at + 1 };
        let counts = super::unit::bound(self.word(next)).is_some()
            || parts(self.word(next)).is_some()
            || NUMBERED.contains(&self.before(at));
        !counts
    }

    /// A Roman numeral after a name: `Basel III`. One letter is too often something else.
    fn roman(&self, at: usize) -> Option<(String, usize)> {
        let token = &self.tokens[at];
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before))?;
        let letters = token.raw.len() > 1 && token.raw.bytes().all(|byte| b"IVX".contains(&byte));
        let clear = matches!(token.raw, "ii" | "iii" | "vii" | "viii" | "xii" | "xiii");
        if !(clear || letters && before.is_capitalised()) {
            return None;
        }
        let digit = |byte| match byte {
            b'i' => 1,
            b'v' => 5,
            _ => 10,
        };
        let digits: Vec<u32> = token.folded.bytes().map(digit).collect();
        let value = digits.iter().enumerate().fold(0_i64, |sum, (at, digit)| {
            let before_larger = digits.get(at + 1).is_some_and(|next| next > digit);
            sum + if before_larger { -i64::from(*digit) } else { i64::from(*digit) }
        });
        Some((value.to_string(), at + 1))
    }
}

/// Digits without separators of thousands, needless zeros, or the digits of other scripts.
pub(super) fn canonical(digits: &str, keep_zeros: bool) -> String {
    let vulgar = match digits {
        "½" => Some("1/2"),
        "⅓" => Some("1/3"),
        "⅔" => Some("2/3"),
        "¼" => Some("1/4"),
        "¾" => Some("3/4"),
        _ => None,
    };
    if let Some(fraction) = vulgar {
        return fraction.to_owned();
    }
    let plain: String = digits.chars().map(ascii_digit).collect();
    let mut number = if let Some((whole, rest)) = plain.split_once(',') {
        let groups = rest.split('.').next().unwrap_or_default();
        if groups.split(',').all(|group| group.len() == 3) && whole.len() <= 3 {
            plain.replace(',', "")
        } else if rest.contains([',', '.']) {
            // A list such as 1,2,3 is what it says.
            return plain;
        } else {
            format!("{whole}.{rest}")
        }
    } else {
        plain
    };
    if number.matches('.').count() > 1 {
        return number;
    }
    if number.contains('.') && !keep_zeros {
        number.truncate(number.trim_end_matches('0').trim_end_matches('.').len());
    }
    let padded = number.len() > 1 && number.starts_with('0') && !number.starts_with("0.");
    // 007 and a telephone number keep their zeros only where they are more than padding of one digit.
    if padded && number.len() == 2 { number.split_off(1) } else { number }
}

fn ascii_digit(character: char) -> char {
    const ZEROS: &[u32] = &[0x0660, 0x06F0, 0x0966, 0x09E6, 0xFF10];
    let code = u32::from(character);
    let digit = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| code - zero);
    digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(character)
}

/// `number` times a power of ten.
pub(super) fn shift(number: &str, zeros: usize) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let moved: String = fraction.chars().chain(std::iter::repeat('0')).take(zeros).collect();
    let rest = fraction.get(zeros..).unwrap_or_default();
    let whole = format!("{whole}{moved}");
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        trimmed => trimmed,
    };
    if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
}

fn small(word: &str) -> Option<u128> {
    const WORDS: &[&str] = &[
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: &[&str] = &["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let place = |words: &[&str]| words.iter().position(|it| *it == word).and_then(|at| u128::try_from(at).ok());
    if word == "dozen" {
        return Some(12);
    }
    place(WORDS).or_else(|| place(TENS).map(|at| (at + 2) * 10))
}

fn magnitude(word: &str) -> Option<usize> {
    match word {
        "thousand" => Some(3),
        "million" | "mn" => Some(6),
        "billion" | "bn" => Some(9),
        "trillion" => Some(12),
        "lakh" => Some(5),
        "crore" => Some(7),
        _ => None,
    }
}

/// The denominator that a plural or singular noun of parts stands for.
fn parts(word: &str) -> Option<u8> {
    match word {
        "half" | "halves" => Some(2),
        "third" | "thirds" => Some(3),
        "quarter" | "quarters" => Some(4),
        "fifths" => Some(5),
        "eighths" => Some(8),
        "tenths" => Some(10),
        _ => None,
    }
}

/// The number that an ordinal as a word stands for. `first` and `second` have other meanings, see the caller.
pub(super) fn ordinal(word: &str) -> Option<usize> {
    const WORDS: &[&str] = &[
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    WORDS.iter().position(|it| *it == word).map(|at| at + 1)
}
