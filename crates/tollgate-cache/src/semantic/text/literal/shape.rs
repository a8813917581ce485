//! The shape that an answer shall have.

use super::{LiteralKind, Scanner};

/// Nouns that `short`, `brief` and `detailed` describe the answer by.
const ANSWERS: &[&str] = &[
    "answer",
    "summary",
    "overview",
    "description",
    "explanation",
    "version",
    "essay",
    "story",
    "paragraph",
    "response",
    "note",
    "introduction",
    "report",
    "outline",
    "review",
    "account",
    "list",
    "guide",
    "analysis",
    "article",
    "terms",
    "words",
    "language",
    "way",
];

/// Verbs whose adverb describes the answer: `explain it briefly`.
const TELLING: &[&str] = &[
    "explain",
    "describe",
    "summarise",
    "summarize",
    "outline",
    "define",
    "tell",
    "list",
    "answer",
    "give",
    "write",
    "show",
    "discuss",
    "present",
];

impl Scanner<'_, '_> {
    /// A word or phrase about the shape of the answer.
    pub(super) fn shape(&mut self, at: usize) -> Option<usize> {
        self.format(at).or_else(|| self.single(at)).or_else(|| self.manner(at)).or_else(|| self.register(at))
    }

    fn format(&mut self, at: usize) -> Option<usize> {
        let (shape, length) = match self.word(at) {
            "json" => ("json", 1),
            "yaml" => ("yaml", 1),
            "xml" => ("xml", 1),
            "csv" => ("csv", 1),
            "markdown" => ("markdown", 1),
            "latex" => ("latex", 1),
            "tabular" => ("table", 1),
            "table" if self.word(at + 1) == "format" || self.is_asked_for(at) => ("table", 1),
            "bullet" | "bulleted" if matches!(self.word(at + 1), "points" | "point" | "list" | "form") => {
                ("bullets", 2)
            }
            "bullets" | "bulleted" => ("bullets", 1),
            "numbered" if self.word(at + 1) == "list" => ("numbered", 2),
            "step" if self.word(at + 1) == "by" && self.word(at + 2) == "step" => ("steps", 3),
            "step" if self.word(at + 1) == "-" && self.word(at + 2) == "by" => ("steps", 5),
            "yes" if self.word(at + 1) == "or" && self.word(at + 2) == "no" => ("yes-no", 3),
            "plain" if self.word(at + 1) == "text" => ("plain", 2),
            "eli5" => ("simple", 1),
            "comma" if self.word(at + 1) == "separated" => ("csv", 2),
            _ => return None,
        };
        let end = (at + length).min(self.tokens.len());
        Some(self.take(LiteralKind::Shape, shape, at, end))
    }

    /// Whether the noun at `at` is what an answer shall be: `as a table`, not `on the table`.
    fn is_asked_for(&self, at: usize) -> bool {
        let before = self.before(at);
        let led = |word: &str| matches!(word, "as" | "in" | "into");
        led(before) || (before == "a" && at > 1 && led(self.word(at - 2)))
    }

    /// `in a sentence` is in one sentence.
    fn single(&mut self, at: usize) -> Option<usize> {
        let unit = match self.word(at) {
            "sentence" | "paragraph" | "word" | "line" | "page" => self.word(at).to_owned(),
            _ => return None,
        };
        let start = at.checked_sub(2).filter(|_| matches!(self.before(at), "a" | "single"))?;
        let led = matches!(self.word(start), "in" | "to" | "into")
            || (self.word(start) == "a" && self.before(at) == "single");
        led.then(|| self.take(LiteralKind::Quantity, format!("1{unit}"), at, at + 1))
    }

    fn manner(&mut self, at: usize) -> Option<usize> {
        let word = self.word(at);
        let shape = match word {
            "brief" | "short" | "concise" | "succinct" => "brief",
            "detailed" | "comprehensive" | "thorough" | "exhaustive" | "long" | "extensive" => "detailed",
            "simple" | "layman" | "laymans" | "lay" => "simple",
            "technical" => "technical",
            _ => return self.adverb(at),
        };
        // `a brief, clear summary`: the noun may be two words on.
        let described = (1..=2).any(|step| ANSWERS.contains(&self.word(at + step)));
        let is_terms = self.word(at + 1) == "terms";
        let end = if is_terms { at + 2 } else { at + 1 };
        described.then(|| self.take(LiteralKind::Shape, shape, at, end))
    }

    fn adverb(&mut self, at: usize) -> Option<usize> {
        let (shape, length) = match self.word(at) {
            "briefly" | "concisely" | "succinctly" => ("brief", 1),
            "simply" => ("simple", 1),
            "thoroughly" | "comprehensively" => ("detailed", 1),
            "in" if matches!(self.word(at + 1), "detail" | "depth") => ("detailed", 2),
            "in" if self.word(at + 1) == "brief" || self.word(at + 1) == "short" => ("brief", 2),
            "in" if self.word(at + 1) == "-" && self.word(at + 2) == "depth" => ("detailed", 3),
            _ => return None,
        };
        let told = self.tokens[..at].iter().rev().take(12).any(|token| TELLING.contains(&&*token.folded))
            || self.tokens[at..].iter().take(4).any(|token| TELLING.contains(&&*token.folded));
        told.then(|| self.take(LiteralKind::Shape, shape, at, at + length))
    }

    fn register(&mut self, at: usize) -> Option<usize> {
        let shape = match self.word(at) {
            "formal" | "formally" => "formal",
            "informal" | "casual" | "informally" | "casually" => "informal",
            _ => return None,
        };
        let asked = self.tokens.iter().take(24).any(|it| {
            matches!(&*it.folded, "reply" | "write" | "translate" | "say" | "answer" | "respond" | "rewrite" | "tone")
        });
        asked.then(|| self.take(LiteralKind::Shape, shape, at, at + 1))
    }
}
