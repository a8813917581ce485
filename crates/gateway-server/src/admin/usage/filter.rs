//! Which requests are meant.
//!
//! Members of a flattened struct could not be told from unknown ones, so each query has these members itself.

use tollgate_core::Tag;
use tollgate_usage::Filter;

use crate::admin::rest::{List, PathText, TagPair, Word};

/// What every query about requests can be narrowed by.
pub(super) struct Narrowing {
    pub(super) key: Option<Word>,
    pub(super) path: Option<PathText>,
    pub(super) tags: List<TagPair>,
    pub(super) model: Option<Word>,
    pub(super) provider: Option<Word>,
    pub(super) operation: Option<Word>,
    pub(super) cache: Option<Word>,
    pub(super) error: Option<Word>,
}

impl From<Narrowing> for Filter {
    fn from(narrowing: Narrowing) -> Self {
        let Narrowing { key, path, tags, model, provider, operation, cache, error } = narrowing;
        let tag = |TagPair { name, value }: TagPair| Tag { name: name.into(), value: value.into() };
        Self {
            key: key.map(Into::into),
            path: path.map(Into::into),
            tags: tags.into_iter().map(tag).collect(),
            model: model.map(Into::into),
            provider: provider.map(Into::into),
            operation: operation.map(Into::into),
            cache: cache.map(Into::into),
            error: error.map(Into::into),
        }
    }
}

/// Takes a narrowing out of a query that has its members.
macro_rules! narrowing {
    ($query:ident) => {
        $crate::admin::usage::filter::Narrowing {
            key: $query.key,
            path: $query.path,
            tags: $query.tags,
            model: $query.model,
            provider: $query.provider,
            operation: $query.operation,
            cache: $query.cache,
            error: $query.error,
        }
    };
}

pub(super) use narrowing;
