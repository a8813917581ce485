//! The terms of a price, and their text.
//!
//! The text is a list of `name=value` with a blank between: `in=2.5 out=15 flex.in=1.25 >272000.in=5
//! flex>272000.in=2.5 max_out=128000 from=2026-01-01`. A rate is in dollars, per million tokens or for each. Before it
//! may stand a class of service, and from which number of input tokens on it holds. Dates are days in UTC; `from`
//! includes its day, `until` does not. One text has one form, so that it can be an id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tollgate_core::NanoUsd;

use super::{Rate, Rates, Tier, Unit};

/// Terms that have an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Names the price in records, so that a bill can be computed again: see [`Prices::by_id`](super::Prices::by_id).
    pub id: Arc<str>,
    /// What it charges.
    pub terms: Terms,
}

/// What is charged, when, and how large a request may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The rates by class of service and size, ordered by both; no two for the same.
    variants: Vec<Variant>,
    /// The first day on which they hold; always, if there is none.
    pub from: Option<Date>,
    /// The first day on which they no longer hold.
    pub until: Option<Date>,
    /// How many tokens the model reads at most.
    pub max_input: Option<u64>,
    /// How many tokens the model writes at most.
    pub max_output: Option<u64>,
}

/// Rates that hold for a class of service, from a size of the input on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The class of service.
    pub tier: Tier,
    /// The rates hold for a request with more tokens of input than this, for all of its tokens.
    pub above: u64,
    /// The rates; a unit that has none here has that of the standard class, or of smaller requests.
    pub rates: Rates,
}

/// A text that is no terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsError(String);

// === impl Terms ===

impl Terms {
    /// The rates by class of service and size; the standard ones of small requests come first.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The rate of a unit for a class of service and from a size on, if the terms say it for just these.
    #[must_use]
    pub fn rate(&self, tier: Tier, above: u64, unit: Unit) -> Option<Rate> {
        self.position(tier, above).ok().and_then(|at| self.variants[at].rates.get(unit))
    }

    /// Sets or takes away a rate.
    pub fn set(&mut self, tier: Tier, above: u64, unit: Unit, rate: Option<Rate>) {
        match (self.position(tier, above), rate) {
            (Ok(at), _) => {
                self.variants[at].rates.set(unit, rate);
                if self.variants[at].rates == Rates::default() {
                    self.variants.remove(at);
                }
            }
            (Err(at), Some(_)) => {
                let mut rates = Rates::default();
                rates.set(unit, rate);
                self.variants.insert(at, Variant { tier, above, rates });
            }
            (Err(_), None) => {}
        }
    }

    /// Takes away a class of service.
    pub fn remove_tier(&mut self, tier: Tier) {
        self.variants.retain(|variant| variant.tier != tier);
    }

    /// Whether the terms have rates for a class of service.
    #[must_use]
    pub fn has_tier(&self, tier: Tier) -> bool {
        tier == Tier::Standard || self.variants.iter().any(|variant| variant.tier == tier)
    }

    /// Whether they hold at a time.
    #[must_use]
    pub fn hold_at(&self, time: SystemTime) -> bool {
        self.from.is_none_or(|day| start_of(day) <= time) && self.until.is_none_or(|day| time < start_of(day))
    }

    /// Whether they charge anything at all, if only nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variants.is_empty()
    }

    fn position(&self, tier: Tier, above: u64) -> Result<usize, usize> {
        self.variants.binary_search_by_key(&(tier, above), |variant| (variant.tier, variant.above))
    }

    fn take(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "from" => self.from = Some(value.parse().ok()?),
            "until" => self.until = Some(value.parse().ok()?),
            "max_in" => self.max_input = Some(value.parse().ok()?),
            "max_out" => self.max_output = Some(value.parse().ok()?),
            _ => {
                let (variant, unit) = name.rsplit_once('.').unwrap_or(("", name));
                let (tier, above) = match variant.split_once('>') {
                    Some((tier, above)) => (tier, above.parse().ok().filter(|above| *above > 0)?),
                    None => (variant, 0),
                };
                let unit = Unit::parse(unit)?;
                self.set(Tier::named(tier)?, above, unit, Some(unit.rate(value)?));
            }
        }
        Some(())
    }
}

impl FromStr for Terms {
    type Err = TermsError;

    fn from_str(text: &str) -> Result<Self, TermsError> {
        let mut terms = Self::default();
        for field in text.split_ascii_whitespace() {
            let taken = field.split_once('=').and_then(|(name, value)| terms.take(name, value));
            taken.ok_or_else(|| TermsError(field.to_owned()))?;
        }
        Ok(terms)
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        let mut field = |name: fmt::Arguments<'_>, value: &dyn fmt::Display| {
            write!(f, "{}{name}={value}", std::mem::replace(&mut blank, " "))
        };
        if let Some(from) = self.from {
            field(format_args!("from"), &from)?;
        }
        if let Some(until) = self.until {
            field(format_args!("until"), &until)?;
        }
        for Variant { tier, above, rates } in &self.variants {
            for (unit, Rate(rate)) in rates.iter() {
                // A rate for each is a whole number of nano-dollars, as it was parsed from such.
                let dollars = NanoUsd(if unit.is_each() { rate / 1_000_000 } else { rate });
                let tier = tier.as_str();
                match (tier, above) {
                    ("", 0) => field(format_args!("{unit}"), &dollars)?,
                    (tier, 0) => field(format_args!("{tier}.{unit}"), &dollars)?,
                    (tier, above) => field(format_args!("{tier}>{above}.{unit}"), &dollars)?,
                }
            }
        }
        if let Some(max) = self.max_input {
            field(format_args!("max_in"), &max)?;
        }
        if let Some(max) = self.max_output {
            field(format_args!("max_out"), &max)?;
        }
        Ok(())
    }
}

fn start_of(day: Date) -> SystemTime {
    let seconds = day.to_zoned(TimeZone::UTC).map_or(0, |midnight| midnight.timestamp().as_second());
    // A day before 1970 is as good as 1970: nothing was asked before.
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

impl fmt::Display for TermsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no term of a price, such as in=2.5 or flex.out=4", self.0)
    }
}

impl std::error::Error for TermsError {}
