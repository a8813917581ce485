//! What a client is told of its limits and budgets.

use std::sync::Arc;
use std::time::Duration;

/// The limits that a request counted towards, as far as its client is told of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaNotice {
    /// The limit on requests that is nearest to being reached.
    pub requests: Option<Allowance>,
    /// The limit on tokens that is nearest to being reached.
    pub tokens: Option<Allowance>,
    /// One line for each budget that is spent, or nearly, but does not refuse requests.
    pub warnings: Vec<Arc<str>>,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many a window allows.
    pub limit: u64,
    /// How many are left now.
    pub remaining: u64,
    /// Until all are there again if none are used.
    pub reset: Duration,
}
