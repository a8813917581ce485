//! Why a request may not be made, and how its client is told.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Error, ErrorKind, NanoUsd, QuotaNotice};

use super::period::moment;
use super::quotas::{SOON, allowance};
use super::rule::{Amount, Rule};
use super::store::{Level, Room};

/// A request may not be made, or not now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The limit or budget that stands against it.
    pub rule: Arc<Rule>,
    /// Why.
    pub reason: Reason,
}

/// Why a request may not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no room.
    Full {
        /// When there would be.
        room: Room,
        /// How much the request needs: requests, tokens or nano-dollars.
        needs: u64,
        /// When the budget begins anew, in milliseconds since 1970.
        resets: Option<u64>,
        /// What its counter stands at.
        level: Level,
    },
    /// Nobody knows what the request would cost.
    Unpriced,
    /// Nobody can count at the moment.
    Unavailable,
}

impl Denied {
    /// Whether there would be room as soon as what others hold of a budget is settled, so that waiting a moment may help.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.rule.budget().is_some() && matches!(self.reason, Reason::Full { room: Room::WhenSettled, .. })
    }

    /// What the client is told is left of the limit that stands against its request.
    #[must_use]
    pub fn notice(&self) -> QuotaNotice {
        match &self.reason {
            Reason::Full { level, .. } => allowance(&self.rule, level),
            Reason::Unpriced | Reason::Unavailable => QuotaNotice::default(),
        }
    }

    /// The error that the client gets.
    #[must_use]
    pub fn into_error(self) -> Error {
        let name = &self.rule.name;
        match (&self.reason, &self.rule.amount) {
            (Reason::Unavailable, _) => {
                let message = "Limits and budgets cannot be checked at the moment; try again in a moment.";
                Error::new(ErrorKind::AccountsUnavailable, message).with_retry_after(Some(SOON))
            }
            (Reason::Unpriced, _) => {
                let message = format!(
                    "No price is known for this request, and the budget `{name}` only lets pass what it can pay for. Use \
                     another model, or ask for a price to be set."
                );
                Error::new(ErrorKind::PriceUnknown, message)
            }
            (Reason::Full { room, needs, resets, .. }, Amount::Budget(_)) => {
                self.budget(*room, NanoUsd(*needs), *resets)
            }
            (Reason::Full { room, needs, .. }, _) => self.limit(*room, *needs),
        }
    }

    fn budget(&self, room: Room, needs: NanoUsd, resets: Option<u64>) -> Error {
        let Rule { name, amount, .. } = &*self.rule;
        let resets =
            resets.map_or_else(|| "It does not reset.".to_owned(), |at| format!("It resets at {}.", moment(at)));
        let (message, wait) = match room {
            Room::WhenSettled => {
                let message = format!(
                    "What is left of the budget `{name}` ({amount}) is held for requests in flight; try again in a moment."
                );
                return Error::new(ErrorKind::RateLimited, message).with_retry_after(Some(SOON));
            }
            Room::After(wait) => (
                format!(
                    "The budget `{name}` ({amount}) has too little left for this request, which may cost up to ${needs}. \
                     {resets}"
                ),
                Some(wait),
            ),
            Room::Never => (
                format!(
                    "The budget `{name}` ({amount}) does not allow this request, which may cost up to ${needs}. {resets}"
                ),
                None,
            ),
        };
        Error::new(ErrorKind::BudgetExceeded, message).with_retry_after(wait)
    }

    fn limit(&self, room: Room, needs: u64) -> Error {
        let Rule { name, amount, .. } = &*self.rule;
        let (message, wait) = match room {
            Room::WhenSettled => {
                (format!("The limit `{name}` ({amount}) is reached; try again when one has ended."), Some(SOON))
            }
            Room::After(wait) => {
                let seconds = rounded_up(wait);
                (format!("The limit `{name}` ({amount}) is reached; try again in {seconds} s."), Some(wait))
            }
            Room::Never => (
                format!(
                    "The limit `{name}` ({amount}) is less than this request may use ({needs}); ask for a shorter answer."
                ),
                None,
            ),
        };
        Error::new(ErrorKind::RateLimited, message).with_retry_after(wait)
    }
}

fn rounded_up(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
