//! Manifests follow the workspace's, `unsafe` is where it is meant to be, and locks name no place but the public registry.

use super::{File, Problem, Source};

const PUBLIC_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates with a table of lints of their own, which says `deny` where the workspace's says `forbid`, and the files in
/// which they expect `unsafe`. A forbidden lint cannot be expected anywhere.
const UNSAFE: &[(&str, &[&str])] = &[(
    "crates/tollgate-embed",
    // Vector instructions, and a file mapped into memory.
    &["src/kernel/simd.rs", "src/model/mapping.rs"],
)];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let root = files.iter().find(|file| file.path == "Cargo.toml").map_or("", |file| file.text.as_str());
    for file in files {
        if let Some(folder) = file.path.strip_suffix("/Cargo.toml").filter(|folder| !folder.starts_with("fuzz")) {
            problems.extend(match UNSAFE.iter().any(|(name, _)| *name == folder) {
                true => lints_are_copied(file, root),
                false => lints_are_inherited(file),
            });
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

/// Whether the table of lints is the workspace's but for the one line.
fn lints_are_copied(file: &File, root: &str) -> Option<Problem> {
    let expected = lints(root, "[workspace.lints.").replace("unsafe_code = \"forbid\"", "unsafe_code = \"deny\"");
    (lints(&file.text, "[lints.") != expected).then(|| {
        Problem::of(&file.path, "the lints are not the workspace's with `unsafe_code = \"deny\"`; copy them anew")
    })
}

/// The tables of lints, without what their names begin with, without comments and empty lines.
fn lints(manifest: &str, prefix: &str) -> String {
    let mut within = false;
    let lines = manifest.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(|line| {
        if line.starts_with('[') {
            within = line.starts_with(prefix);
        }
        within.then(|| line.strip_prefix(prefix).unwrap_or(line))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `unsafe` in a file that is not meant to have it, or a file that no longer has any.
pub(super) fn check_unsafe(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (folder, files) in UNSAFE {
        let of_crate =
            sources.iter().filter_map(|source| Some((source, source.path.strip_prefix(folder)?.strip_prefix('/')?)));
        for (source, path) in of_crate {
            let expects = source.code.contains("unsafe_code");
            let message = match files.contains(&path) {
                true if !expects => "no longer expects `unsafe`; take it off the list in xtask/src/tidy/manifests.rs",
                false if expects => "must not expect `unsafe`; see the list in xtask/src/tidy/manifests.rs",
                _ => continue,
            };
            problems.push(Problem::of(&source.path, message));
        }
    }
    problems
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

    #[test]
    fn a_table_of_its_own_differs_in_one_line() {
        let root = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\na = \"warn\"\n\n[profile.dev]\n";
        let own = "# Why.\n[lints.rust]\nunsafe_code = \"deny\"\na = \"warn\"\n";
        let found = |own: &str| {
            let own = File::new("crates/tollgate-embed/Cargo.toml", own);
            check(&[File::new("Cargo.toml", root), own]).len()
        };
        assert_eq!(found(own), 0);
        assert_eq!(found(&own.replace("deny", "allow")), 1);
        assert_eq!(found(&own.replace("a = \"warn\"\n", "")), 1);
        assert_eq!(found("[lints]\nworkspace = true\n"), 1);
    }

    #[test]
    fn unsafe_is_expected_in_the_named_files_and_no_others() {
        let expects = "//! A.\n#![expect(unsafe_code, reason = \"b\")]\n";
        let found = |path: &str, text: &str| check_unsafe(&[Source::new(path, text)]).len();
        assert_eq!(found("crates/tollgate-embed/src/kernel/simd.rs", expects), 0);
        assert_eq!(found("crates/tollgate-embed/src/kernel/simd.rs", "//! `unsafe_code`\n"), 1);
        assert_eq!(found("crates/tollgate-embed/src/lib.rs", expects), 1);
        assert_eq!(found("crates/tollgate-embed/src/lib.rs", "//! A.\n"), 0);
    }
}
