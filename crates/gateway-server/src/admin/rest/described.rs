//! Types that the OpenAPI document can tell of.
//!
//! The server has no use for schemas, so without the feature `schema` every type is described well enough.

/// A type with a JSON Schema, where schemas are wanted.
#[cfg(feature = "schema")]
pub(in crate::admin) trait Described: schemars::JsonSchema {}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> Described for T {}

/// A type with a JSON Schema, where schemas are wanted.
#[cfg(not(feature = "schema"))]
pub(in crate::admin) trait Described {}

#[cfg(not(feature = "schema"))]
impl<T> Described for T {}
