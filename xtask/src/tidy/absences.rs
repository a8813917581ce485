//! What a crate must not know of.

use super::{Metadata, Problem, Source};

/// Crates, and what must be nowhere below them, with the reason.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "tollgate-core",
        &[
            "tokio",
            "tower",
            "tower-service",
            "tower-layer",
            "hyper",
            "hyper-util",
            "reqwest",
            "axum",
            "async-std",
            "smol",
        ],
        "the request model does no IO and is for every runtime",
    ),
    (
        "tollgate-protocols",
        &["tokio", "tower", "tower-service", "hyper", "hyper-util", "reqwest", "axum", "async-std", "smol"],
        "codecs turn bytes into facts and never open a socket",
    ),
    (
        "tollgate-tower",
        &["tollgate-protocols", "tollgate-providers", "hyper", "reqwest", "axum"],
        "a layer is for every protocol and every provider",
    ),
];

/// Crates with optional clients of servers, which are off unless somebody asks for them. A build of the whole workspace switches
/// them on for everybody, so nothing can be told of a crate by what is below these; `weight` counts them alone.
const HAVE_CLIENTS: &[&str] = &["tollgate-remote"];

/// Only the loader of the server's configuration reads the environment.
const ENVIRONMENT_READER: &str = "crates/gateway-server/src/config/environment/";

/// In the manifest, where optional dependencies show too, and below it.
pub(super) fn forbidden_dependencies(metadata: &Metadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in metadata.members() {
        let Some((_, forbidden, reason)) = FORBIDDEN.iter().find(|(name, ..)| *name == package.name) else { continue };
        let declared = package.dependencies.iter().filter(|dependency| dependency.is_normal());
        let mut found = metadata.closure(package, HAVE_CLIENTS);
        found.extend(declared.map(|dependency| dependency.name.as_str()));
        for name in found.into_iter().filter(|name| forbidden.contains(name)) {
            let message = format!("{} must not need {name}: {reason}", package.name);
            problems.push(Problem::of(&metadata.manifest(package), message));
        }
    }
    problems
}

/// Libraries take values; the server takes them from `Variables`, so that tests need no process environment.
pub(super) fn environment(sources: &[Source]) -> Vec<Problem> {
    const READS: &[&str] = &["env::var", "env::vars", "env::var_os", "env::vars_os"];
    let mut problems = Vec::new();
    let of_crates = sources.iter().filter(|source| source.is_production() && !source.is_of("tollgate-testkit"));
    for source in of_crates.filter(|source| !source.path.starts_with(ENVIRONMENT_READER)) {
        let in_library = !source.is_of("gateway-server");
        for (line, code) in source.production_lines() {
            let reads = READS.iter().any(|name| rust_word(code, name)) || (in_library && code.contains("std::env::"));
            if reads {
                let cure =
                    if in_library { "take the value as an argument" } else { "ask the configuration's `Variables`" };
                problems.push(Problem::at(&source.path, line, format!("reads the process environment; {cure}")));
            }
        }
    }
    problems
}

/// Whether a path stands in the code and does not go on with a further letter.
fn rust_word(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[at + word.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_counts_as_well_as_what_is_optional() {
        let metadata = Metadata::of(&[
            ("tollgate-core", &["bytes", "tokio"], &["tower"]),
            ("tollgate-protocols", &["serde"], &[]),
            ("tollgate-tower", &["tollgate-core", "tokio", "tollgate-usage"], &[]),
            ("tollgate-usage", &["reqwest"], &[]),
        ]);
        let messages: Vec<String> = forbidden_dependencies(&metadata).iter().map(Problem::to_string).collect();
        assert_eq!(messages.len(), 2, "{messages:#?}");
        assert!(messages[0].starts_with("crates/tollgate-core/Cargo.toml: tollgate-core must not need tokio: "));
        assert!(messages[1].contains("tollgate-tower must not need reqwest"));
    }

    #[test]
    fn the_environment_has_one_reader() {
        let read = "//! Doc: std::env::var\nfn f() { let x = std::env::var(\"X\"); }\n#[cfg(test)]\nmod tests { fn g() { std::env::var(\"X\"); } }\n";
        let lines = |path: &str, text: &str| -> Vec<Option<usize>> {
            environment(&[Source::new(path, text)]).into_iter().map(|problem| problem.line).collect()
        };
        assert_eq!(lines("crates/tollgate-core/src/lib.rs", read), [Some(2)]);
        assert_eq!(lines("crates/gateway-server/src/app.rs", read), [Some(2)]);
        assert_eq!(lines("crates/gateway-server/src/config/environment/mod.rs", read), []);
        assert_eq!(lines("crates/gateway-server/tests/it/main.rs", read), []);
        assert_eq!(lines("xtask/src/main.rs", read), []);
        assert_eq!(lines("crates/gateway-server/src/main.rs", "//! D\nfn f() { std::env::args_os(); }\n"), []);
        assert_eq!(lines("crates/tollgate-http/src/lib.rs", "//! D\nfn f() { std::env::args_os(); }\n"), [Some(2)]);
    }
}
