//! What was used: sums and single requests.

mod filter;
#[cfg(any(feature = "schema", test))]
mod record;
mod records;
mod summary;
mod sums;

pub(super) use records::records;
pub(super) use summary::summary;
