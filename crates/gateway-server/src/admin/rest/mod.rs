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
mod values;

pub(super) use answer::{Answer, Json};
pub(super) use call::{Call, Incoming, Nothing};
use described::Described;
pub(super) use failure::{Failure, Kind};
pub(super) use route::Route;
pub(super) use values::{Limit, List, Time};

#[cfg(feature = "schema")]
pub(super) use answer::{Content, Contents};
#[cfg(feature = "schema")]
pub(super) use call::BodySchema;
#[cfg(feature = "schema")]
pub(super) use failure::ErrorBody;
#[cfg(feature = "schema")]
pub(super) use route::{Generators, Shape};
