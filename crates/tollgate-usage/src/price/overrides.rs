//! Prices of single deployments.

use std::sync::Arc;

use tollgate_core::Target;

use super::{Price, Terms};

/// Terms for a deployment, in place of the book's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The provider by its name in this gateway, and the model as it is called there; `*` for all of its models.
    pub target: Target,
    /// What is charged. At times when they do not hold, the book's do.
    pub terms: Terms,
}

/// How the id of an override begins.
pub(super) const PREFIX: &str = "override:";

impl Override {
    /// The price. Its id says the terms themselves, so that a bill can be computed again when they have changed.
    #[must_use]
    pub fn price(self) -> Price {
        Price { id: format!("{PREFIX}{} {}", self.target, self.terms).into(), terms: self.terms }
    }
}

/// The price that an id of an override says.
pub(super) fn by_id(id: &str) -> Option<Arc<Price>> {
    let (_, terms) = id.strip_prefix(PREFIX)?.split_once(' ')?;
    Some(Arc::new(Price { id: id.into(), terms: terms.parse().ok()? }))
}
