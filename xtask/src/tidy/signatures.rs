//! Libraries that change faster than ours stay out of our public signatures: an embedder may use another version.

use std::collections::BTreeSet;

use super::rust::line_of;
use super::{Problem, Source};

const FOREIGN: &[&str] = &[
    "axum",
    "axum_core",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "qdrant_client",
    "redis",
    "reqwest",
    "rustls",
    "sqlx",
    "tonic",
];

/// A guess from the text: a `pub` line that names one of the crates, or what the file imports from one. Implementations of
/// foreign traits are not looked at.
pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let libraries = sources
        .iter()
        .filter(|source| source.is_production())
        .filter(|source| !source.is_of("gateway-server") && !source.is_of("tollgate-testkit"));
    libraries.flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Problem> {
    let imported = imported(&source.code);
    let mut problems = Vec::new();
    let mut lines = source.lines_with_offsets();
    for (line, code) in source.production_lines() {
        if !code.trim_start().starts_with("pub ") {
            continue;
        }
        let Some((_, offset, _)) = lines.find(|(known, ..)| *known == line) else { continue };
        let declaration = declaration(&source.code[offset..]);
        let foreign = words(declaration).find(|word| imported.contains(word) || FOREIGN.contains(word));
        if let Some(name) = foreign {
            let message =
                format!("`{name}` in a public signature; take or give a type of ours, or of `http` or `tower`");
            problems.push(Problem::at(&source.path, line_of(&source.code, offset), message));
        }
    }
    problems
}

/// A declaration up to its body: for a function its signature, for a field its type.
fn declaration(code: &str) -> &str {
    let end = code.find(['{', ';', '=']).unwrap_or(code.len());
    let declaration = &code[..end];
    let mut words = words(declaration).skip(1);
    match words.next() {
        // What a tuple struct holds is its own business unless it says `pub` again.
        Some("struct") if declaration.matches("pub ").count() < 2 => declaration.split('(').next().unwrap_or_default(),
        // A module may be named after the library that it hides; what is in it is looked at line by line.
        Some("mod") => "",
        // What another crate of ours exports is looked at there.
        Some("use") if words.next().is_some_and(|root| root.starts_with("tollgate_")) => "",
        Some("fn" | "const" | "async" | "unsafe" | "type" | "trait" | "use" | "static" | "struct" | "enum") => {
            declaration
        }
        _ => declaration.lines().next().unwrap_or_default(),
    }
}

/// The types that a file imports from a foreign crate.
fn imported(code: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for statement in code.split(';') {
        let Some((_, tree)) = statement.rsplit_once("use ") else { continue };
        let mut words = words(tree);
        if words.next().is_some_and(|root| FOREIGN.contains(&root)) {
            names.extend(words.filter(|word| word.starts_with(char::is_uppercase)));
        }
    }
    names
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_lines(text: &str, expect: &[usize]) {
        let source = Source::new("crates/tollgate-providers/src/x.rs", text);
        let found: Vec<usize> = check(&[source]).into_iter().filter_map(|problem| problem.line).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn named_or_imported() {
        check_lines("pub fn f(client: &reqwest::Client) {}\n", &[1]);
        check_lines("use hyper::body::{Body as Raw, Incoming};\npub fn f(\n    body: Incoming,\n) {}\n", &[2]);
        check_lines("use axum::Router;\npub struct A {\n    pub router: Router,\n}\n", &[3]);
        check_lines("pub use hyper_util::client::legacy::Client;\n", &[1]);
        check_lines("use sqlx::Pool;\npub struct A(pub Pool);\n", &[2]);
    }

    #[test]
    fn what_nobody_sees_is_free() {
        check_lines("use hyper::body::Incoming;\nfn f(body: Incoming) {}\npub(crate) fn g(body: Incoming) {}\n", &[]);
        check_lines("use axum::Router;\npub struct A {\n    router: Router,\n    pub name: String,\n}\n", &[]);
        check_lines("use sqlx::Pool;\npub struct A(Pool);\npub fn f() -> A {\n    A(Pool::new())\n}\n", &[]);
        check_lines("pub fn f(request: http::Request<()>, hyperspace: u8) {}\n", &[]);
        check_lines("pub mod redis;\n", &[]);
        check_lines("pub use tollgate_remote::redis;\n", &[]);
        check_lines("#[cfg(test)]\nmod tests { \npub fn f(client: &reqwest::Client) {}\n}\n", &[]);
    }
}
