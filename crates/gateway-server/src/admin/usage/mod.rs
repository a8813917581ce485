//! What was used: sums and single requests.

mod export;
mod filter;
#[cfg(any(feature = "schema", test))]
mod record;
mod records;
mod summary;
mod sums;

pub(super) use export::export;
pub(super) use records::records;
pub(super) use summary::{Group, summary};
pub(super) use sums::Sums;
