//! Limits, budgets and prices as people say them: in documents of the directory, and at virtual keys.
//!
//! A body is read into [`Limit`] or [`Budget`], which know the form, and becomes a [`Rule`](tollgate_usage::quota::Rule),
//! which is what counts.

mod body;
mod convert;
mod price;
mod scope;

use serde_json::Value;
use tollgate_usage::directory::kinds;

pub(crate) use self::body::{Budget, Limit};
pub(crate) use self::convert::{of_key, of_snapshot};
pub(crate) use self::price::{PriceTerms, overrides};
pub(crate) use self::scope::{KeyScope, Scope};

/// Whether the body of a document makes sense, for [`Directory::check`](tollgate_usage::directory::Directory::check).
///
/// # Errors
/// What is wrong, as a sentence for whoever manages the gateway.
pub(crate) fn check(kind: &str, body: &Value) -> Result<(), String> {
    match kind {
        kinds::LIMIT | kinds::BUDGET => convert::rule(kind, "checked", body).map(drop),
        kinds::PRICE => PriceTerms::read(body).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
