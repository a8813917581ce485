//! Which crate may use which.

use super::{Metadata, Problem};

/// What each crate may depend on. A new crate gets its row here before it can be built upon.
const LAYERS: &[(&str, &[&str])] = &[
    ("tollgate-core", &[]),
    ("tollgate-protocols", &["tollgate-core"]),
    ("tollgate-providers", &["tollgate-protocols", "tollgate-remote", "tollgate-core"]),
    ("tollgate-remote", &["tollgate-core"]),
    ("tollgate-usage", &["tollgate-remote", "tollgate-core"]),
    ("tollgate-cache", &["tollgate-remote", "tollgate-core"]),
    ("tollgate-embed", &["tollgate-remote", "tollgate-core"]),
    ("tollgate-tower", &["tollgate-cache", "tollgate-usage", "tollgate-core"]),
    ("tollgate-http", &["tollgate-protocols", "tollgate-core"]),
    ("tollgate-testkit", LIBRARIES),
    ("gateway-server", LIBRARIES),
];

const LIBRARIES: &[&str] = &[
    "tollgate-core",
    "tollgate-protocols",
    "tollgate-providers",
    "tollgate-remote",
    "tollgate-usage",
    "tollgate-cache",
    "tollgate-embed",
    "tollgate-tower",
    "tollgate-http",
];

/// Tests may use whatever they like; these are about what a crate needs at run time, optional or not.
pub(super) fn check(metadata: &Metadata) -> Vec<Problem> {
    let members: Vec<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    let mut problems = Vec::new();
    for package in metadata.members() {
        let manifest = metadata.manifest(package);
        // Examples and xtask stand above everything and may use what they like.
        if !manifest.starts_with("crates/") {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == package.name) else {
            problems.push(Problem::of(&manifest, "has no layer; say in xtask/src/tidy/layers.rs what it may use"));
            continue;
        };
        let used = package.dependencies.iter().filter(|dependency| dependency.is_normal());
        for dependency in used.filter(|used| members.contains(&used.name.as_str())) {
            if !allowed.contains(&&*dependency.name) {
                let allowed = if allowed.is_empty() { "no crate of ours".to_owned() } else { allowed.join(", ") };
                let message = format!(
                    "{} must not depend on {}; it may use {allowed}. Move what is shared downwards.",
                    package.name, dependency.name
                );
                problems.push(Problem::of(&manifest, message));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downwards_is_fine_and_so_are_tests() {
        let metadata = Metadata::of(&[
            ("tollgate-core", &["bytes"], &["tollgate-testkit"]),
            ("tollgate-protocols", &["tollgate-core", "serde"], &[]),
            ("tollgate-testkit", &[], &[]),
        ]);
        assert_eq!(check(&metadata), []);
    }

    #[test]
    fn upwards_sideways_and_unknown_are_not() {
        let metadata = Metadata::of(&[
            ("tollgate-core", &["tollgate-usage"], &[]),
            ("tollgate-usage", &[], &[]),
            ("tollgate-tower", &["tollgate-protocols"], &[]),
            ("tollgate-protocols", &["tollgate-testkit"], &[]),
            ("tollgate-testkit", &[], &[]),
            ("tollgate-new", &[], &[]),
        ]);
        let messages: Vec<String> = check(&metadata).iter().map(Problem::to_string).collect();
        assert_eq!(messages.len(), 4, "{messages:#?}");
        assert!(
            messages[0]
                .starts_with("crates/tollgate-core/Cargo.toml: tollgate-core must not depend on tollgate-usage; ")
        );
        assert!(messages[1].contains("tollgate-tower must not depend on tollgate-protocols"));
        assert!(messages[2].contains("tollgate-protocols must not depend on tollgate-testkit"));
        assert!(messages[3].contains("has no layer"));
    }
}
