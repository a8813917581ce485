//! Manifests follow the workspace's, and locks name no place but the public registry.

use super::{File, Problem};

const PUBLIC_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        if file.path.ends_with("/Cargo.toml") && !file.path.starts_with("fuzz/") {
            problems.extend(lints_are_inherited(file));
        }
        if file.path.ends_with("Cargo.lock") {
            problems.extend(lock_is_public(file));
        }
    }
    problems
}

fn lints_are_inherited(file: &File) -> Option<Problem> {
    let inherits = file.text.contains("[lints]\nworkspace = true");
    (!inherits).then(|| Problem::of(&file.path, "does not take over the lints; add `[lints]` with `workspace = true`"))
}

fn lock_is_public(file: &File) -> Vec<Problem> {
    let sources =
        file.lines().filter_map(|(line, text)| Some((line, text.strip_prefix("source = ")?.trim_matches('"'))));
    sources
        .filter(|(_, source)| *source != PUBLIC_REGISTRY)
        .map(|(line, source)| {
            Problem::at(&file.path, line, format!("{source} is not the public registry; publish it there"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints_are_taken_over_and_locks_are_public() {
        let files = [
            File::new("crates/a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"),
            File::new("crates/b/Cargo.toml", "[package]\n"),
            File::new("Cargo.toml", "[workspace]\n"),
            File::new(
                "Cargo.lock",
                &format!("[[package]]\nsource = \"{PUBLIC_REGISTRY}\"\nsource = \"git+https://x\"\n"),
            ),
        ];
        let found: Vec<(String, Option<usize>)> =
            check(&files).into_iter().map(|found| (found.path, found.line)).collect();
        assert_eq!(found, [("crates/b/Cargo.toml".to_owned(), None), ("Cargo.lock".to_owned(), Some(3))]);
    }
}
