//! How an endpoint is written: a function of what it takes to what it answers, and a row that says where it is.
//!
//! Types say everything else. A [`Call`] is parsed before the function sees it, an [`Answer`] is written after it, and the
//! OpenAPI document is made from the same types.

mod answer;
mod call;
mod described;
mod failure;
mod pairs;
mod route;
mod tag_pair;
mod values;

pub(super) use answer::{Answer, Created, Done, Json};
pub(super) use call::{Call, Incoming, Nothing, read_query};
pub(super) use described::Described;
pub(super) use failure::{Failure, Kind};
pub(super) use route::Route;

pub(super) use tag_pair::TagPair;

pub(super) use values::{Bounded, Cursor, Limit, List, Page, RecordCursor, Seconds, Time, Version, page};

#[cfg(feature = "schema")]
pub(super) use answer::{Content, Contents};
#[cfg(feature = "schema")]
pub(super) use call::BodySchema;
#[cfg(feature = "schema")]
pub(super) use failure::ErrorBody;
#[cfg(feature = "schema")]
pub(super) use route::{Documented, Generators, Shape};

#[cfg(feature = "schema")]
pub(super) use crate::texts::TAG_PATTERN;
pub(super) use crate::texts::{DeploymentText, Name, PathText, Pattern, PricedText, ProviderText, Tags, Word, is_tag};
