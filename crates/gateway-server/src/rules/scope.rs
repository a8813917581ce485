//! Which requests a limit or a budget is about.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use tollgate_core::Tag;
use tollgate_usage::quota;

use crate::texts::{DeploymentText, Name, PathText, Tags};

/// Which requests a document is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Requests"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    /// The name of the client's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Name>,
    /// A path and everything below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathText>,
    /// Tags that the request has, all of them.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
    /// A model as `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<DeploymentText>,
    /// The provider that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Name>,
}

/// Which requests of a key something is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RequestsOfKey"))]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyScope {
    /// Tags that the request has, all of them.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
    /// A model as `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<DeploymentText>,
    /// The provider that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Name>,
}

impl From<Scope> for quota::Scope {
    fn from(scope: Scope) -> Self {
        let Scope { key, path, tags, model, provider } = scope;
        let tag = |(name, value): (String, String)| Tag { name: name.into(), value: value.into() };
        Self {
            key: key.map(|key| key.0.into()),
            path: path.map(|path| path.0.into()),
            tags: BTreeMap::from(tags).into_iter().map(tag).collect(),
            model: model.map(|model| model.0.into()),
            provider: provider.map(|provider| provider.0.into()),
        }
    }
}

/// The parts, for names of rules that have none.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.key.as_ref().map(|key| key.0.as_str()),
            self.path.as_ref().map(|path| path.0.as_str()),
            self.model.as_ref().map(|model| model.0.as_str()),
            self.provider.as_ref().map(|provider| provider.0.as_str()),
        ];
        parts.into_iter().flatten().try_for_each(|part| write!(f, ".{part}"))?;
        BTreeMap::from(self.tags.clone()).iter().try_for_each(|(name, value)| write!(f, ".{name}:{value}"))
    }
}
