//! Prices: of a deployment that there is, and saying something.

use std::time::SystemTime;

use tollgate_core::Target;
use tollgate_usage::price::{Override, PriceBook, Terms, Tier};

use super::Check;
use crate::config::resolved::ProviderConfig;
use crate::config::types::{Entries, PriceEntry};

/// The overrides that the section says.
pub(crate) fn resolve(
    check: &mut Check<'_>,
    prices: &Entries<PriceEntry>,
    providers: &[ProviderConfig],
) -> Vec<Override> {
    let book = PriceBook::built_in();
    prices.iter().filter_map(|(deployment, entry)| one(check, &book, deployment, entry, providers)).collect()
}

fn one(
    check: &mut Check<'_>,
    book: &PriceBook,
    deployment: &str,
    entry: &PriceEntry,
    providers: &[ProviderConfig],
) -> Option<Override> {
    let path = format!("prices.{deployment}");
    let parts = deployment.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
    let Some((provider, model)) = parts else {
        let error = check.document.key_error(&path, "not a deployment");
        check.report(error.with_hint("write it like `openai/gpt-4o`, or `ollama/*` for all models of a provider"));
        return None;
    };
    let is_known = providers.iter().any(|known| known.name == provider) || (providers.is_empty() && provider == "demo");
    if !is_known {
        let error = check.document.key_error(&path, format!("there is no provider `{provider}`"));
        check.report(error.with_hint("a price is found by the provider's own name, not by its kind"));
    }
    let mut terms = match &entry.like {
        None => Terms::default(),
        Some(like) => {
            let Some(terms) = listed(book, like) else {
                let message = "the price book does not have this";
                check.wrong(&format!("{path}.like"), message, "write a kind and a model, such as azure/gpt-4o");
                return None;
            };
            terms
        }
    };
    said(check, &path, entry, &mut terms)?;
    if terms.is_empty() {
        check.wrong(&path, "says no price", "write rates such as `input` and `output`; 0 means free");
        return None;
    }
    Some(Override { target: Target::new(provider, model), terms })
}

/// The terms that hold now for a model of the book, without their dates.
fn listed(book: &PriceBook, like: &str) -> Option<Terms> {
    let (kind, model) = like.split_once('/')?;
    let found = book.find(kind, model);
    let now = SystemTime::now();
    let price = found.iter().find(|price| price.terms.hold_at(now)).or(found.first())?;
    let mut terms = price.terms.clone();
    (terms.from, terms.until) = (None, None);
    Some(terms)
}

/// Takes over what the entry itself says.
fn said(check: &mut Check<'_>, path: &str, entry: &PriceEntry, terms: &mut Terms) -> Option<()> {
    for (key, unit, dollars) in entry.rates() {
        let Some(rate) = dollars.rate(unit) else {
            check.wrong(&format!("{path}.{key}"), "the amount is too large", "write US dollars for one");
            return None;
        };
        terms.set(Tier::Standard, 0, unit, Some(rate));
    }
    let more = match entry.terms.parse::<Terms>() {
        Ok(more) => more,
        Err(error) => {
            check.wrong(&format!("{path}.terms"), error.to_string(), "docs/pricing.md lists the words");
            return None;
        }
    };
    for variant in more.variants() {
        variant.rates.iter().for_each(|(unit, rate)| terms.set(variant.tier, variant.above, unit, Some(rate)));
    }
    (terms.from, terms.until) = (more.from, more.until);
    for (key, text, day) in [("from", &entry.from, &mut terms.from), ("until", &entry.until, &mut terms.until)] {
        let Some(text) = text else { continue };
        match text.parse() {
            Ok(parsed) => *day = Some(parsed),
            Err(_) => check.wrong(&format!("{path}.{key}"), "not a day", "write it like 2026-01-31"),
        }
    }
    if terms.from.zip(terms.until).is_some_and(|(from, until)| until <= from) {
        check.wrong(&format!("{path}.until"), "must be after `from`", "the price would never hold");
    }
    terms.max_input = entry.max_input_tokens.or(more.max_input).or(terms.max_input);
    terms.max_output = entry.max_output_tokens.or(more.max_output).or(terms.max_output);
    Some(())
}
