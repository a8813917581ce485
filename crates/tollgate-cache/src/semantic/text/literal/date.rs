//! Dates, parts of dates and times of day.

use super::{LiteralKind, Scanner};
use crate::semantic::text::token::Kind;

impl Scanner<'_, '_> {
    /// A date in words or digits, a month, a weekday or a quarter.
    pub(super) fn date(&mut self, at: usize) -> Option<usize> {
        self.digits_date(at)
            .or_else(|| self.day_month(at))
            .or_else(|| self.month_day(at))
            .or_else(|| self.weekday(at))
            .or_else(|| self.quarter(at))
    }

    /// `2011-03-11`, `11/03/2011`. Which of the latter is the month nobody can tell, so it stays as it is.
    fn digits_date(&mut self, at: usize) -> Option<usize> {
        let parts = [at, at + 2, at + 4];
        let values: Vec<&str> = parts
            .iter()
            .filter_map(|part| self.tokens.get(*part))
            .filter(|it| it.kind == Kind::Number)
            .map(|it| it.raw)
            .collect();
        let joined = (at + 1..at + 5).all(|part| self.is_joined(part));
        let separator = self.word(at + 1).to_owned();
        if values.len() < 3 || !joined || self.word(at + 3) != separator || !matches!(&*separator, "-" | "/" | ".") {
            return None;
        }
        let value = if values[0].len() == 4 {
            format!("{}-{:0>2}-{:0>2}", values[0], values[1], values[2])
        } else {
            values.join("/")
        };
        Some(self.take(LiteralKind::Date, value, at, at + 5))
    }

    /// `11 March 2011`, `the 11th of March`.
    fn day_month(&mut self, at: usize) -> Option<usize> {
        let day = self.day(at)?;
        let month_at = if self.word(at + 1) == "of" { at + 2 } else { at + 1 };
        let month = month(self.word(month_at))?;
        let (year, end) = self.year_after(month_at + 1);
        Some(self.take(LiteralKind::Date, format!("{year}-{month:02}-{day:02}"), at, end))
    }

    /// `March 11, 2011`, `March 2011`, `March`.
    fn month_day(&mut self, at: usize) -> Option<usize> {
        let month = month(self.word(at))?;
        let day_at = if self.word(at + 1) == "the" { at + 2 } else { at + 1 };
        let (day, next) = match self.day(day_at) {
            Some(day) => (format!("{day:02}"), day_at + 1),
            None => (String::new(), at + 1),
        };
        let (year, end) = self.year_after(next);
        if end == at + 1 && !self.is_month_alone(at) {
            return None;
        }
        Some(self.take(LiteralKind::Date, format!("{year}-{month:02}-{day}"), at, end))
    }

    /// Whether a month's name without a number beside it means the month: `may` and `march` are verbs too.
    fn is_month_alone(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        match &*token.folded {
            "may" | "march" => {
                let led = matches!(
                    self.before(at),
                    "in" | "of"
                        | "since"
                        | "until"
                        | "by"
                        | "last"
                        | "next"
                        | "this"
                        | "early"
                        | "late"
                        | "mid"
                        | "during"
                );
                led || (token.is_capitalised() && !token.initial && !token.is_all_capitals())
            }
            word => word.len() > 3,
        }
    }

    fn day(&self, at: usize) -> Option<u8> {
        let token = self.tokens.get(at)?;
        let digits = match token.kind {
            Kind::Number => &*token.folded,
            Kind::Mixed => ["st", "nd", "rd", "th"].iter().find_map(|ending| token.folded.strip_suffix(ending))?,
            Kind::Word | Kind::Symbol => return None,
        };
        digits.parse().ok().filter(|day| (1..=31).contains(day))
    }

    fn year_after(&self, at: usize) -> (String, usize) {
        let year_at = if self.is_symbol(at, ",") || self.word(at) == "of" { at + 1 } else { at };
        let year = self.tokens.get(year_at).filter(|it| it.kind == Kind::Number && it.raw.len() == 4);
        match year.filter(|year| year.raw.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(year) => (year.raw.to_owned(), year_at + 1),
            None => (String::new(), at),
        }
    }

    fn weekday(&mut self, at: usize) -> Option<usize> {
        const DAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let word = self.word(at);
        let singular = word.strip_suffix('s').unwrap_or(word);
        let day = match singular {
            "tue" => Some("tuesday"),
            "thur" | "thu" => Some("thursday"),
            "fri" => Some("friday"),
            _ => DAYS.iter().find(|day| **day == singular).copied(),
        };
        day.map(|day| self.take(LiteralKind::Date, day, at, at + 1))
    }

    /// `Q2`, `second quarter`, `quarter 2`.
    fn quarter(&mut self, at: usize) -> Option<usize> {
        let number = match self.word(at) {
            "q1" => 1,
            "q2" => 2,
            "q3" => 3,
            "q4" => 4,
            _ if self.word(at + 1) == "quarter" => match self.word(at) {
                "1st" => 1,
                "2nd" => 2,
                "3rd" => 3,
                "4th" => 4,
                word => super::number::ordinal(word).filter(|number| *number <= 4)?,
            },
            _ => return None,
        };
        let end = if self.word(at + 1) == "quarter" { at + 2 } else { at + 1 };
        Some(self.take(LiteralKind::Date, format!("q{number}"), at, end))
    }

    /// `9am`, `9:30 p.m.`, `21:00`, `noon`.
    pub(super) fn time(&mut self, at: usize) -> Option<usize> {
        let fixed = match self.word(at) {
            "noon" | "midday" => Some(720),
            "midnight" => Some(0),
            _ => None,
        };
        if let Some(minutes) = fixed {
            return Some(self.take(LiteralKind::Time, minutes.to_string(), at, at + 1));
        }
        let folded = self.word(at);
        let (digits, attached) = folded.split_at(folded.find(|it: char| !it.is_ascii_digit()).unwrap_or(folded.len()));
        let hour: u16 = digits.parse().ok().filter(|hour| *hour <= 24)?;
        let has_minutes =
            self.is_symbol(at + 1, ":") && self.is_joined(at + 1) && self.is_joined(at + 2) && attached.is_empty();
        let (minute, half, end) = if has_minutes {
            let word = self.word(at + 2);
            let (minute, half) = word.split_at_checked(2)?;
            (minute.parse::<u16>().ok().filter(|minute| *minute < 60)?, half, at + 3)
        } else {
            (0, attached, at + 1)
        };
        let (half, end) = if half.is_empty() { (self.word(end), end + 1) } else { (half, end) };
        let (hour, end) = match half {
            "am" if hour <= 12 => (hour % 12, end),
            "pm" if hour <= 12 => (hour % 12 + 12, end),
            "o'clock" | "oclock" if !has_minutes => (hour, end),
            _ if has_minutes => (hour, at + 3),
            _ => return None,
        };
        Some(self.take(LiteralKind::Time, (hour * 60 + minute).to_string(), at, end))
    }
}

fn month(word: &str) -> Option<u8> {
    const MONTHS: &[&str] = &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let full = MONTHS.iter().position(|month| *month == word);
    let short = || MONTHS.iter().position(|month| word.len() == 3 && month.starts_with(word));
    let sept = || (word == "sept").then_some(8);
    full.or_else(short).or_else(sept).and_then(|at| u8::try_from(at + 1).ok())
}
