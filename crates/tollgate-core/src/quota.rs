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

impl QuotaNotice {
    /// Both in one: of two limits on the same, the one of which the smaller part is left, and all warnings.
    #[must_use]
    pub fn tightest(&self, other: &Self) -> Self {
        Self {
            requests: Allowance::tightest(self.requests, other.requests),
            tokens: Allowance::tightest(self.tokens, other.tokens),
            warnings: self.warnings.iter().chain(&other.warnings).cloned().collect(),
        }
    }
}

impl Allowance {
    /// The one of which the smaller part is left; the first if it is the same.
    #[must_use]
    pub fn tightest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(first), Some(second)) = (one, other) else { return one.or(other) };
        // A part of one is less than that of the other if it is so with both multiplied by both limits.
        let parts = (
            u128::from(first.remaining) * u128::from(second.limit),
            u128::from(second.remaining) * u128::from(first.limit),
        );
        Some(if parts.1 < parts.0 { second } else { first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_part_counts_and_not_the_smaller_number() {
        let of = |limit, remaining| Some(Allowance { limit, remaining, reset: Duration::ZERO });
        assert_eq!(Allowance::tightest(of(10, 5), of(1000, 100)), of(1000, 100));
        assert_eq!(Allowance::tightest(of(10, 0), of(1000, 0)), of(10, 0));
        assert_eq!(Allowance::tightest(None, of(1, 1)), of(1, 1));
        assert_eq!(Allowance::tightest(None, None), None);
    }
}
