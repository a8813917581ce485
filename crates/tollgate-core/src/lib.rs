//! The request model that every other Tollgate crate speaks.
//!
//! A [`Request`] is an immutable body and a [`Head`]: the few facts that routing, limits and accounting need, read in
//! one scan. What has to change on the way to a provider is kept beside the body as [`Edits`], byte ranges with their
//! replacements, so whatever the gateway does not know about survives untouched. A [`Response`] is a status, headers
//! and a [`Body`] that may still be arriving. The [`Context`] travels with both and gathers what is observed on the
//! way ([`Observed`]): who answered, how often it was tried, how many tokens it took.
//!
//! This crate does no IO, names no HTTP client and spawns nothing. Middleware over it is a `tower` service of
//! `Request` to `Response` with [`Error`]; see the crate `tollgate-tower`.
//!
//! ```
//! use bytes::Bytes;
//! use tollgate_core::Edits;
//!
//! let body = Bytes::from_static(br#"{"model":"fast","x-unknown":[1, 2]}"#);
//! let mut edits = Edits::default();
//! edits.replace(9..15, r#""gpt-4o-mini""#);
//! assert_eq!(edits.apply(&body), r#"{"model":"gpt-4o-mini","x-unknown":[1, 2]}"#);
//! ```

mod body;
mod cache;
mod context;
mod edits;
mod error;
mod head;
pub mod ir;
mod money;
mod operation;
mod quota;
mod request;
mod response;
mod route;
mod secret;
mod usage;

pub use body::{Body, BoxError};
pub use cache::{CacheDirectives, CacheMode, CacheOutcome, CacheStatus};
pub use context::{Context, ContextBuilder, Grant, Identity, Observed, Outcome, Tag};
pub use edits::Edits;
pub use error::{Error, ErrorKind, UpstreamAnswer};
pub use head::{Head, Located, StreamOptions};
pub use money::{Cost, NanoUsd, ParseMoneyError, scaled_decimal};
pub use operation::Operation;
pub use quota::{Allowance, QuotaNotice};
pub use request::{Passthrough, Recognized, Request};
pub use response::Response;
pub use route::{BoxFuture, Route, Target, boxed};
pub use secret::Secret;
pub use usage::Usage;
