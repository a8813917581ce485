//! What an answer costs.

use tollgate_core::{NanoUsd, Usage};

use super::{Rate, Rates, Terms, Tier, Unit, Variant};

/// Rates per million are divided by this, once.
const MILLION: u128 = 1_000_000;

impl Terms {
    /// What an answer costs; `None` if the terms do not say. `service_tier` is the provider's word.
    ///
    /// The size of the input decides on the rates of the whole request. A token that has a rate of its own, as a cached
    /// one may, is charged that in place of the general one, and no token is charged twice. The sum is exact and rounded
    /// once, half up, to nano-dollars.
    #[must_use]
    pub fn cost(&self, usage: &Usage, service_tier: Option<&str>) -> Option<NanoUsd> {
        let tier = Tier::of_word(service_tier.unwrap_or_default()).filter(|tier| self.has_tier(*tier))?;
        let size = usage.input.unwrap_or(0);
        let rates = self.applied(tier, size);
        let rate = |unit| rates.get(unit);
        let charges_tokens = rate(Unit::Input).is_some() || rate(Unit::Output).is_some();
        let is_counted = usage.input.is_some() || usage.output.is_some();
        let mut sum = Sum::default();
        if charges_tokens && is_counted {
            sum.input(usage, &rates)?;
            sum.output(usage, &rates)?;
        }
        for (unit, count) in [(Unit::Image, usage.images), (Unit::Search, usage.searches), (Unit::Request, Some(1))] {
            if let (Some(rate), Some(count)) = (rate(unit), count) {
                sum.add(count, rate);
            }
        }
        // A price per token says nothing of an answer without counts, nor one per picture of an answer without pictures.
        let is_known = if charges_tokens { is_counted } else { sum.has_any };
        is_known.then(|| sum.rounded())
    }

    /// The rates that apply to a request of some size. A larger one that lacks a rate of its class has the standard one for
    /// its size, which is never the cheaper for that.
    fn applied(&self, tier: Tier, size: u64) -> Rates {
        let mut rates = Rates::default();
        // From the most general to the most special, so that the last one stands.
        for (tier, is_step) in [(Tier::Standard, false), (tier, false), (Tier::Standard, true), (tier, true)] {
            let applies = |variant: &&Variant| {
                variant.tier == tier && (variant.above > 0) == is_step && (!is_step || variant.above < size)
            };
            self.variants().iter().filter(applies).for_each(|variant| rates.overlay(&variant.rates));
        }
        rates
    }
}

#[derive(Default)]
struct Sum {
    /// Nano-dollars times a million.
    total: u128,
    has_any: bool,
}

impl Sum {
    fn add(&mut self, count: u64, Rate(rate): Rate) {
        self.has_any = true;
        self.total = self.total.saturating_add(u128::from(count) * u128::from(rate));
    }

    fn input(&mut self, usage: &Usage, rates: &Rates) -> Option<()> {
        let written = usage.cache_creation.unwrap_or(0).max(usage.cache_creation_1h.unwrap_or(0));
        let long = rates.get(Unit::CacheWriteLong).and(usage.cache_creation_1h).unwrap_or(0);
        let parts = [
            (Unit::CacheRead, usage.cache_read),
            (Unit::CacheWriteLong, Some(long)),
            (Unit::CacheWrite, Some(written - long)),
            (Unit::AudioInput, usage.audio_input),
            (Unit::ImageInput, usage.image_input),
        ];
        self.parts(usage.input, &parts, Unit::Input, rates)
    }

    fn output(&mut self, usage: &Usage, rates: &Rates) -> Option<()> {
        let parts = [
            (Unit::Reasoning, usage.reasoning),
            (Unit::AudioOutput, usage.audio_output),
            (Unit::ImageOutput, usage.image_output),
        ];
        self.parts(usage.output, &parts, Unit::Output, rates)
    }

    /// Charges the parts that have a rate, and the rest at the general one. Parts may overlap, since cached tokens may be
    /// audio, so each takes from what is left.
    fn parts(&mut self, all: Option<u64>, parts: &[(Unit, Option<u64>)], rest: Unit, rates: &Rates) -> Option<()> {
        let mut left = all.unwrap_or(0);
        for (unit, count) in parts {
            let (Some(rate), Some(count)) = (rates.get(*unit), count) else { continue };
            let charged = left.min(*count);
            left -= charged;
            self.add(charged, rate);
        }
        match rates.get(rest) {
            Some(rate) => self.add(left, rate),
            // What has no rate cannot be charged, unless there is none of it.
            None if left > 0 => return None,
            None => {}
        }
        Some(())
    }

    fn rounded(&self) -> NanoUsd {
        let nanos = self.total.saturating_add(MILLION / 2) / MILLION;
        NanoUsd(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
