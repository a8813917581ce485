//! Which records are asked for.

use tollgate_core::Tag;

use crate::rollup::Dimensions;

/// Which records are asked for: all that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this key.
    pub key: Option<String>,
    /// Only those of this path and of the paths below it: `acme` has `acme/search`, and not `acme2`.
    pub path: Option<String>,
    /// Only those with all of these tags.
    pub tags: Vec<Tag>,
    /// Only those of this model, as the provider was asked for it.
    pub model: Option<String>,
    /// Only those of this provider.
    pub provider: Option<String>,
    /// Only those of this operation, by its word.
    pub operation: Option<String>,
    /// Only those of which caches did this, by its word.
    pub cache: Option<String>,
    /// Only those with this error, by its code.
    pub error: Option<String>,
}

impl Filter {
    /// Whether something of these dimensions fits.
    pub(crate) fn fits(&self, of: &Dimensions) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        same(&self.key, of.key.as_deref())
            && same(&self.model, of.model.as_deref())
            && same(&self.provider, of.provider.as_deref())
            && same(&self.operation, of.operation.map(tollgate_core::Operation::as_str))
            && same(&self.cache, of.cache.map(tollgate_core::CacheStatus::as_str))
            && same(&self.error, of.error)
            && self.path.as_deref().is_none_or(|wanted| of.path.as_deref().is_some_and(|path| is_within(path, wanted)))
            && self.tags.iter().all(|wanted| of.tags.contains(wanted))
    }
}

/// Whether a path is another one, or below it.
pub(crate) fn is_within(path: &str, tree: &str) -> bool {
    let tree = tree.trim_end_matches('/');
    path.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_ends_at_a_slash() {
        for (path, tree, expect) in [
            ("acme", "acme", true),
            ("acme/search", "acme", true),
            ("acme/search", "acme/", true),
            ("acme2", "acme", false),
            ("acme", "acme/search", false),
        ] {
            assert_eq!(is_within(path, tree), expect, "{path} in {tree}");
        }
    }
}
