//! A price book: a list of prices as text.
//!
//! A line for each price, `KIND MODEL TERMS`, in the order of their bytes; before them lines that begin with `#`, one of
//! which says `# version VERSION`. A model that costs what another costs has `same=MODEL`, or `same=KIND/MODEL`, in place
//! of terms. Several lines for one model hold at different times.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::{Price, Terms, TermsError};

/// The book that ships with this crate. See `data/NOTICE` for where it comes from.
const BUILT_IN: &str = include_str!("../../data/prices.txt");

/// Prices by kind of provider and exact name of the model, with a version.
///
/// It stays text, which is searched: a book has thousands of prices, and a gateway needs few of them.
#[derive(Clone)]
pub struct PriceBook {
    text: Cow<'static, str>,
    version: Arc<str>,
    /// Where the lines begin.
    start: usize,
}

/// A text that is no price book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookError {
    /// The line at fault, counted from one; none where something is missing.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub message: String,
}

impl PriceBook {
    /// The book that ships with this crate.
    #[must_use]
    pub fn built_in() -> Self {
        // That it is sound is a test, not something to find out in production.
        Self::open(Cow::Borrowed(BUILT_IN))
    }

    /// A book from its text.
    ///
    /// # Errors
    /// If a line has no terms, or the lines are not in order, or there is no version.
    pub fn parse(text: impl Into<Cow<'static, str>>) -> Result<Self, BookError> {
        let book = Self::open(text.into());
        if book.version.is_empty() {
            return Err(BookError { line: None, message: "there is no line `# version VERSION`".to_owned() });
        }
        book.check()?;
        Ok(book)
    }

    fn open(text: Cow<'static, str>) -> Self {
        let mut start = 0;
        let mut version = "";
        for line in text.split_inclusive('\n').take_while(|line| line.starts_with('#')) {
            version = line.strip_prefix("# version ").map_or(version, str::trim_ascii_end);
            start += line.len();
        }
        Self { version: version.into(), start, text }
    }

    /// Names this list among all that there were.
    #[must_use]
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The prices of a model, for all times. Empty if it has none.
    #[must_use]
    pub fn find(&self, kind: &str, model: &str) -> Vec<Price> {
        let found = self.lines_of(kind, model);
        let same = found.first().and_then(|terms| terms.strip_prefix("same="));
        let (kind, model, lines) = match same {
            None => (kind, model, found),
            Some(other) => {
                let (kind, model) = self.same(kind, other);
                (kind, model, self.lines_of(kind, model))
            }
        };
        lines.into_iter().filter_map(|terms| terms.parse().ok()).map(|terms| self.price(kind, model, terms)).collect()
    }

    /// The price of an id, if it is of this book.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Price> {
        let entry = id.strip_prefix(&*self.version)?.strip_prefix(':')?;
        let (name, _) = entry.split_once(FROM).unwrap_or((entry, ""));
        let (kind, model) = name.split_once('/')?;
        self.find(kind, model).into_iter().find(|price| *price.id == *id)
    }

    /// Every entry: kind, model and the text of its terms.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.body().lines().filter_map(split)
    }

    fn price(&self, kind: &str, model: &str, terms: Terms) -> Price {
        let version = &self.version;
        let id = match terms.from {
            Some(from) => format!("{version}:{kind}/{model}{FROM}{from}"),
            None => format!("{version}:{kind}/{model}"),
        };
        Price { id: id.into(), terms }
    }

    /// The kind and the model that `same=` names. Models may have a `/` in their name, so a kind is one only if it is known.
    fn same<'a>(&self, kind: &'a str, other: &'a str) -> (&'a str, &'a str) {
        match other.split_once('/') {
            Some((first, model)) if !self.lines_of(first, model).is_empty() => (first, model),
            _ => (kind, other),
        }
    }

    fn body(&self) -> &str {
        &self.text[self.start..]
    }

    /// The terms of all lines of a model.
    fn lines_of(&self, kind: &str, model: &str) -> Vec<&str> {
        let body = self.body();
        let (mut low, mut high) = (0, body.len());
        // The first line that is not before what is looked for begins in low..=high.
        while low < high {
            let middle = usize::midpoint(low, high);
            // In bytes, because the middle may be within a character; a line end never is.
            let bytes = body.as_bytes();
            let start = low + memchr::memrchr(b'\n', &bytes[low..middle]).map_or(0, |end| end + 1);
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(body.len(), |end| start + end + 1);
            match split(&body[start..end]).map(|(a, b, _)| (a, b).cmp(&(kind, model))) {
                Some(Ordering::Less) => low = end,
                _ => high = start,
            }
        }
        let found = body[low..].lines().map_while(split);
        found.take_while(|(a, b, _)| (*a, *b) == (kind, model)).map(|(_, _, terms)| terms).collect()
    }

    fn check(&self) -> Result<(), BookError> {
        let first = self.text[..self.start].lines().count() + 1;
        let mut before = "";
        for (number, line) in self.body().lines().enumerate() {
            let wrong = |message: String| BookError { line: Some(first + number), message };
            let (kind, _, terms) = split(line).ok_or_else(|| wrong("not `KIND MODEL TERMS`".to_owned()))?;
            if line <= before {
                return Err(wrong("not in the order of bytes".to_owned()));
            }
            before = line;
            match terms.strip_prefix("same=") {
                None => {
                    let parsed: Terms = terms.parse().map_err(|error: TermsError| wrong(error.to_string()))?;
                    if parsed.to_string() != terms {
                        return Err(wrong(format!("should be written `{parsed}`")));
                    }
                }
                Some(other) => {
                    let (kind, model) = self.same(kind, other);
                    let found = self.lines_of(kind, model);
                    if found.is_empty() || found[0].starts_with("same=") {
                        return Err(wrong(format!("`{other}` has no terms")));
                    }
                }
            }
        }
        Ok(())
    }
}

/// What stands in an id before the day from which the price holds.
const FROM: &str = ";from=";

fn split(line: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = line.trim_end_matches('\n').split_once(' ')?;
    let (model, terms) = rest.split_once(' ')?;
    Some((kind, model, terms))
}

impl fmt::Debug for PriceBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceBook").field("version", &self.version).finish_non_exhaustive()
    }
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for BookError {}
