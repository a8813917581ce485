//! Names that must be equal: programming languages, handles, and the language of the answer.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{LiteralKind, Scanner};

/// Names that mean nothing else. The first word of a line is the canonical one.
const CLEAR: &str = "
python python3
javascript js
typescript ts
java
c++ cpp
c# csharp
golang
php
kotlin
scala
perl
matlab
sql
bash
powershell
haskell
lua
elixir
erlang
clojure
fortran
cobol
ocaml
f#
vba
css
html
xslt
graphql
postgresql postgres psql
mysql
mariadb
sqlite
mongodb mongo
redis
oracle
django
fastapi
laravel
rails
nodejs node.js
numpy
pandas
pytorch
tensorflow
docker
kubernetes k8s
regex
";

/// Names that are also words or letters: only after `in`, `using`, `with`, or written as a name.
const CONTEXTUAL: &[&str] = &[
    "c", "go", "rust", "swift", "ruby", "r", "dart", "julia", "react", "angular", "vue", "flask", "spring", "node",
    "excel", "assembly",
];

/// Natural languages by their English names.
pub(super) const LANGUAGES: &[&str] = &[
    "english",
    "french",
    "german",
    "spanish",
    "portuguese",
    "italian",
    "dutch",
    "russian",
    "ukrainian",
    "polish",
    "czech",
    "swedish",
    "norwegian",
    "danish",
    "finnish",
    "greek",
    "turkish",
    "arabic",
    "hebrew",
    "persian",
    "farsi",
    "hindi",
    "urdu",
    "bengali",
    "tamil",
    "telugu",
    "chinese",
    "mandarin",
    "cantonese",
    "japanese",
    "korean",
    "vietnamese",
    "thai",
    "indonesian",
    "malay",
    "tagalog",
    "swahili",
    "latin",
    "romanian",
    "hungarian",
    "bulgarian",
    "serbian",
    "croatian",
    "catalan",
    "irish",
    "welsh",
    "punjabi",
    "marathi",
    "gujarati",
    "kannada",
    "malayalam",
];

impl Scanner<'_, '_> {
    /// The name at `at`.
    pub(super) fn name(&mut self, at: usize) -> Option<usize> {
        self.handle(at).or_else(|| self.technology(at)).or_else(|| self.language(at))
    }

    fn handle(&mut self, at: usize) -> Option<usize> {
        let is_handle = self.is_symbol(at, "@") && self.is_joined(at + 1) && self.tokens[at + 1].is_word();
        let value = is_handle.then(|| format!("@{}", self.word(at + 1)))?;
        Some(self.take(LiteralKind::Identifier, value, at, at + 2))
    }

    fn technology(&mut self, at: usize) -> Option<usize> {
        let word = self.word(at);
        static TABLE: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| super::unit::table(CLEAR));
        if let Some(canonical) = TABLE.get(word) {
            return Some(self.take(LiteralKind::Technology, *canonical, at, at + 1));
        }
        let name = CONTEXTUAL.iter().find(|name| **name == word)?;
        let token = &self.tokens[at];
        let led = matches!(self.before(at), "in" | "using" | "with");
        let written = token.is_capitalised() && !token.initial && name.len() > 1;
        (led || written).then(|| self.take(LiteralKind::Technology, *name, at, at + 1))
    }

    /// A language as the target or source of words, not as an adjective: `in French`, but not `French cars`.
    fn language(&mut self, at: usize) -> Option<usize> {
        let name = LANGUAGES.iter().find(|name| **name == self.word(at))?;
        let before = self.before(at);
        let led = matches!(before, "in" | "into" | "to" | "from" | "formal" | "informal" | "speak" | "learn");
        let named = matches!(self.word(at + 1), "language" | "translation" | "word" | "words" | "phrase" | "version");
        // `in plain English` is a style; `in French cuisine` and `in German history` are no languages.
        let styled = matches!(before, "plain" | "simple");
        let ends = self.tokens.get(at + 1).is_none_or(|next| !next.is_word() || is_link(&next.folded));
        if styled {
            return Some(self.take(LiteralKind::Shape, "simple", at - 1, at + 1));
        }
        (named || led && ends).then(|| self.take(LiteralKind::AnswerLanguage, *name, at, at + 1))
    }
}

fn is_link(word: &str) -> bool {
    matches!(
        word,
        "and"
            | "or"
            | "to"
            | "into"
            | "from"
            | "with"
            | "please"
            | "for"
            | "using"
            | "only"
            | "in"
            | "as"
            | "but"
            | "by"
            | "at"
            | "is"
            | "are"
            | "the"
    )
}
