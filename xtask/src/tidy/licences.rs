//! The licences of everything that is built in.

use super::{Metadata, Problem};

const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(super) fn check(metadata: &Metadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in &metadata.packages {
        let message = match &package.license {
            None => "has no licence expression",
            Some(licence) if !is_allowed(licence) => "is not under a licence of the list in xtask/src/tidy/licences.rs",
            Some(_) => continue,
        };
        let licence = package.license.as_deref().unwrap_or("none");
        let message = format!("{} {} ({licence}) {message}; use another crate", package.name, package.version);
        problems.push(Problem::of("Cargo.lock", message));
    }
    problems
}

/// Whether an SPDX expression can be satisfied by the list: of `OR` one side is enough, `AND` needs both.
fn is_allowed(expression: &str) -> bool {
    // A slash is how `OR` was written before expressions.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words };
    parser.any() && parser.words.is_empty()
}

struct Parser<'a> {
    words: &'a [&'a str],
}

impl Parser<'_> {
    fn take(&mut self, word: &str) -> bool {
        match self.words {
            [first, rest @ ..] if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self) -> bool {
        let mut allowed = self.all();
        while self.take("OR") {
            allowed |= self.all();
        }
        allowed
    }

    fn all(&mut self) -> bool {
        let mut allowed = self.one();
        while self.take("AND") {
            allowed &= self.one();
        }
        allowed
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let allowed = self.any();
            return self.take(")") && allowed;
        }
        let [licence, rest @ ..] = self.words else { return false };
        self.words = rest;
        let allowed = ALLOWED.contains(licence);
        // An exception only ever permits more.
        if self.take("WITH") {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for allowed in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0 OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT GPL-3.0", "LGPL-2.1 OR AGPL-3.0", "MIT)"] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn the_crate_is_named() {
        let mut metadata = Metadata::of(&[("a", &["b"], &[])]);
        metadata.packages[1].license = Some("AGPL-3.0-only".to_owned());
        let problems = check(&metadata);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().starts_with("Cargo.lock: b 1.0.0 (AGPL-3.0-only) is not"), "{}", problems[0]);
    }
}
