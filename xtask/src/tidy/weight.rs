//! How much an embedder takes in with a crate.

use std::collections::BTreeSet;

use super::Problem;
use crate::{Result, cargo};

/// A crate, its features, and the number of crates that its tree must stay below, itself included.
const GATES: &[(&str, &[&str], usize)] =
    &[("tollgate-core", &[], 25), ("tollgate-tower", &["retry"], 60), ("tollgate-tower", &["cache"], 60)];

/// What the released binary must not hold, though a feature of the crate that only this tool uses brings it.
const NOT_SHIPPED: &[&str] = &["schemars"];

pub(super) fn check() -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for (name, features, limit) in GATES {
        let found = weigh(&tree(name, features)?);
        problems.extend(judge(name, features, *limit, found));
    }
    problems.extend(not_shipped(&tree("gateway-server", &[])?));
    Ok(problems)
}

fn tree(package: &str, features: &[&str]) -> Result<String> {
    let output = cargo()
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none"])
        .args(["--features", &features.join(",")])
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn not_shipped(tree: &str) -> Vec<Problem> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut found: Vec<&str> = names.filter(|name| NOT_SHIPPED.contains(name)).collect();
    found.dedup();
    let message =
        |name| format!("the server would be built with {name}; put it behind a feature that is off by default");
    found.into_iter().map(|name| Problem::of("crates/gateway-server/Cargo.toml", message(name))).collect()
}

/// The number of different crates in a tree; the same crate in two versions is two.
fn weigh(tree: &str) -> usize {
    let names = tree.lines().filter(|line| !line.is_empty());
    names.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect::<BTreeSet<_>>().len()
}

fn judge(name: &str, features: &[&str], limit: usize, found: usize) -> Option<Problem> {
    let with = if features.is_empty() { String::new() } else { format!(" with {}", features.join(", ")) };
    (found >= limit).then(|| {
        let message =
            format!("{name}{with} brings {found} crates, {limit} or more; put what is heavy behind a feature");
        Problem::of(&format!("crates/{name}/Cargo.toml"), message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_once() {
        let tree = "a v0.1.0 (/x/a)\nb v1.0.0\nc v1.0.0\nb v1.0.0 (*)\nb v2.0.0 (proc-macro)\n";
        assert_eq!(weigh(tree), 4);
    }

    #[test]
    fn what_is_not_shipped_is_found_below_the_server() {
        assert_eq!(
            not_shipped("gateway-server v0.1.0 (/x)\nserde v1.0.0\nschemars v1.0.0\nschemars v1.0.0 (*)\n").len(),
            1
        );
        assert_eq!(not_shipped("gateway-server v0.1.0 (/x)\nschemars_other v1.0.0\n"), []);
    }

    #[test]
    fn the_limit_itself_is_too_much() {
        assert_eq!(judge("a", &[], 25, 24), None);
        let problem = judge("a", &["x"], 25, 25).expect("too heavy");
        assert!(problem.to_string().starts_with("crates/a/Cargo.toml: a with x brings 25 crates"), "{problem}");
    }
}
