//! Prices of deployments.

use tollgate_core::Target;

use super::*;

const PROVIDERS: &str = "providers:\n  up: { kind: azure, base_url: \"http://127.0.0.1:1\", api_key: k }\n";

/// The terms of the only price, as the book would say them.
fn terms(entry: &str) -> String {
    let config = accept(&format!("{PROVIDERS}prices:\n  up/m: {entry}\n"), "");
    assert_eq!(config.prices.len(), 1);
    assert_eq!(config.prices[0].target, Target::new("up", "m"));
    config.prices[0].terms.to_string()
}

#[test]
fn rates_are_exact() {
    assert_eq!(terms("{ input: 2.50, output: 10, cache_read: 0.000000001 }"), "in=2.5 out=10 read=0.000000001");
    assert_eq!(terms("{ input: 0, output: \"0.1\", image: 0.04 }"), "in=0 out=0.1 per_image=0.04");
    assert_eq!(
        terms("{ input: 1, terms: flex.in=0.5 >200000.in=2, from: 2026-01-01, max_output_tokens: 9 }"),
        "from=2026-01-01 in=1 >200000.in=2 flex.in=0.5 max_out=9"
    );
}

#[test]
fn a_price_like_another() {
    let same = terms("{ like: openai/gpt-4o-mini }");
    assert!(same.starts_with("in=0.15 out=0.6 read=0.075 "), "{same}");
    let cheaper = terms("{ like: openai/gpt-4o-mini, input: 0.1 }");
    assert_eq!(cheaper, same.replacen("in=0.15", "in=0.1", 1));
}

#[test]
fn all_models_of_a_provider_and_the_demo() {
    let config = accept("prices: { \"demo/*\": { input: 0, output: 0 } }", "");
    assert_eq!(config.prices[0].target, Target::new("demo", "*"));
}

#[test]
fn what_is_no_price() {
    let check = |entry: &str, expect: &str| {
        let yaml = format!("{PROVIDERS}prices:\n  {entry}\n");
        refuse(&yaml, "", &[expect]);
    };
    check(
        "m: { input: 1 }",
        "t.yaml:4:3: prices.m: not a deployment; write it like `openai/gpt-4o`, or `ollama/*` for all models of a provider",
    );
    check(
        "azure/m: { input: 1 }",
        "t.yaml:4:3: prices.azure/m: there is no provider `azure`; a price is found by the provider's own name, not by its \
         kind",
    );
    check("up/m: {}", "t.yaml:4:3: prices.up/m: says no price; write rates such as `input` and `output`; 0 means free");
    check(
        "up/m: { like: gpt-4o }",
        "t.yaml:4:17: prices.up/m.like: the price book does not have this; write a kind and a model, such as azure/gpt-4o",
    );
    check(
        "up/m: { input: 1, terms: cheap.in=1 }",
        "t.yaml:4:28: prices.up/m.terms: `cheap.in=1` is no term of a price, such as in=2.5 or flex.out=4; docs/pricing.md \
         lists the words",
    );
    check("up/m: { input: 1, from: 2026-02-30 }", "t.yaml:4:27: prices.up/m.from: not a day; write it like 2026-01-31");
    check(
        "up/m: { input: 1, from: 2026-02-01, until: 2026-02-01 }",
        "t.yaml:4:46: prices.up/m.until: must be after `from`; the price would never hold",
    );
    check(
        "up/m: { image: 90000000000 }",
        "t.yaml:4:18: prices.up/m.image: expected an amount of US dollars such as 2.50, with at most nine decimals, found \
         `90000000000`",
    );
    check(
        "up/m: { image: 18446744073 }",
        "t.yaml:4:18: prices.up/m.image: the amount is too large; write US dollars for one",
    );
}
