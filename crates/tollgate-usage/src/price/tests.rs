//! Prices from end to end, and what holds for all of them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use tollgate_core::{CacheOutcome, CacheStatus, Cost, Head, NanoUsd, Observed, Operation, Target, Usage};

use super::*;

fn terms(text: &str) -> Terms {
    text.parse().expect("are terms")
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

#[track_caller]
fn check(text: &str, usage: &Usage, tier: &str, nanos: Option<u64>) {
    assert_eq!(terms(text).cost(usage, Some(tier)), nanos.map(NanoUsd), "{text}");
}

#[test]
fn tokens_with_rates_of_their_own_are_charged_once() {
    let counts = Usage {
        cache_read: Some(300),
        cache_creation: Some(200),
        cache_creation_1h: Some(50),
        reasoning: Some(40),
        ..usage(1000, 100)
    };
    // 500 x 3 + 300 x 0.3 + 150 x 3.75 + 50 x 6 + 100 x 15, in millionths of a dollar.
    check("in=3 out=15 read=0.3 write=3.75 write_long=6", &counts, "", Some(3_952_500));
    // Without rates of their own they are tokens like others.
    check("in=3 out=15", &counts, "", Some(4_500_000));
    check("in=3 out=15 write=3.75", &counts, "", Some(800 * 3000 + 200 * 3750 + 100 * 15_000));
    check("in=3 out=15 reasoning=1", &counts, "", Some(3_000_000 + 60 * 15_000 + 40 * 1000));
    let media = Usage { audio_input: Some(600), image_input: Some(100), image_output: Some(100), ..usage(1000, 100) };
    check(
        "in=1 out=1 audio_in=10 image_in=2 image_out=30",
        &media,
        "",
        Some(300_000 + 6_000_000 + 200_000 + 3_000_000),
    );
}

#[test]
fn counts_that_overlap_do_not_charge_more_than_there_is() {
    let counts = Usage { cache_read: Some(900), audio_input: Some(800), ..usage(1000, 0) };
    check("in=1 out=1 read=0.1 audio_in=10", &counts, "", Some(900 * 100 + 100 * 10_000));
    let absurd = Usage { cache_read: Some(u64::MAX), cache_creation: Some(u64::MAX), ..usage(10, 0) };
    check("in=1 out=1 read=0.1 write=2", &absurd, "", Some(1000));
}

#[test]
fn a_long_request_costs_another_rate_from_its_first_token() {
    let text = "in=1 out=10 read=0.5 >200000.in=2 >200000.out=15";
    check(text, &usage(200_000, 1), "", Some(200_000_000 + 10_000));
    check(text, &usage(200_001, 1), "", Some(400_002_000 + 15_000));
    // A rate that the step does not name stays.
    check(text, &Usage { cache_read: Some(200_001), ..usage(200_001, 0) }, "", Some(100_000_500));
    check("in=1 out=1 >100.in=2 >1000.in=3", &usage(1001, 0), "", Some(3_003_000));
}

#[test]
fn classes_of_service() {
    let text = "in=2 out=10 read=1 >1000.in=4 flex.in=1 flex.out=5 priority.in=4 priority.out=20";
    check(text, &usage(100, 10), "default", Some(300_000));
    check(text, &usage(100, 10), "flex", Some(150_000));
    check(text, &usage(100, 10), "priority", Some(600_000));
    // Of a long one the class has no rate, so the standard one for its size applies.
    check(text, &usage(2000, 0), "flex", Some(8_000_000));
    for unknown in ["batch", "scale", "reserved", "anything"] {
        check(text, &usage(100, 10), unknown, None);
    }
}

#[test]
fn what_is_not_known_is_not_nothing() {
    check("in=1 out=1", &Usage::default(), "", None);
    check("in=1", &usage(5, 1), "", None);
    check("in=1", &usage(5, 0), "", Some(5000));
    check("in=1", &Usage { input: Some(5), ..Usage::default() }, "", Some(5000));
    check("per_image=0.04", &usage(5, 5), "", None);
    check("per_image=0.04", &Usage { images: Some(2), ..Usage::default() }, "", Some(80_000_000));
    check("per_search=0.002", &Usage { searches: Some(3), ..usage(9, 9) }, "", Some(6_000_000));
    check("in=0 out=0", &usage(5, 5), "", Some(0));
    check(
        "in=1 out=1 per_request=0.005 per_search=0.01",
        &Usage { searches: Some(2), ..usage(1, 1) },
        "",
        Some(25_002_000),
    );
}

#[test]
fn the_sum_is_rounded_once_and_half_up() {
    // Each token costs a third of a nano-dollar or less: rounded apart, nothing would be left.
    check("in=0.0003 out=0.0002", &usage(1, 1), "", Some(1));
    check("in=0.0002 out=0.0002", &usage(1, 1), "", Some(0));
    check("in=0.000001 out=0.000001", &usage(250, 250), "", Some(1));
}

#[test]
fn texts_of_terms_have_one_form() {
    for text in [
        "in=2.5 out=10",
        "from=2026-01-01 until=2026-07-01 in=0 >200000.in=0.000000001 flex>200000.per_search=0.01 max_in=5 max_out=7",
        "per_request=0.000000001 batch.in=1 ultrafast.out=3",
        "",
    ] {
        assert_eq!(terms(text).to_string(), text);
    }
    assert_eq!(terms("max_out=1  out=2.50 in=1").to_string(), "in=1 out=2.5 max_out=1");
    for text in [
        "in",
        "in=",
        "in=-1",
        "in=1e3",
        "inn=1",
        "slow.in=1",
        ">0.in=1",
        ">x.in=1",
        "from=June",
        "per_image=0.0000000001",
    ] {
        assert!(text.parse::<Terms>().is_err(), "{text}");
    }
}

const BOOK: &str = "\
# Prices for tests.
# version 2026-05-01
a é in=9 out=9
openai m from=2026-06-01 in=3 out=4
openai m in=1 out=2
openai m-mini in=0.1 out=0.2
openai n same=m
openai o same=z/x
z x in=7 out=7
";

fn at(day: &str) -> SystemTime {
    let day: jiff::civil::Date = day.parse().expect("a day");
    let seconds = day.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp().as_second();
    UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
}

fn prices() -> Prices {
    let prices = Prices::new(PriceBook::parse(BOOK).expect("is a book"));
    prices.configure([("openai-east".into(), "openai".into())], Vec::new());
    prices
}

fn id(prices: &Prices, provider: &str, model: &str, day: &str) -> Option<String> {
    prices.find(&Target::new(provider, model), at(day)).map(|price| price.id.to_string())
}

#[test]
fn prices_are_found_by_kind_exact_name_and_time() {
    let prices = prices();
    for (provider, model, day, expect) in [
        ("openai-east", "m", "2026-05-31", Some("2026-05-01:openai/m")),
        ("openai-east", "m", "2026-06-01", Some("2026-05-01:openai/m;from=2026-06-01")),
        ("openai", "n", "2026-01-01", Some("2026-05-01:openai/m")),
        ("openai", "o", "2026-01-01", Some("2026-05-01:z/x")),
        ("openai", "m-mini", "2026-01-01", Some("2026-05-01:openai/m-mini")),
        ("a", "é", "2026-01-01", Some("2026-05-01:a/é")),
        ("openai", "m-", "2026-01-01", None),
        ("openai", "", "2026-01-01", None),
        ("openai", "m in=1", "2026-01-01", None),
        ("openai-west", "m", "2026-01-01", None),
        ("zz", "x", "2026-01-01", None),
    ] {
        // The second time it is remembered.
        for _ in 0..2 {
            assert_eq!(id(&prices, provider, model, day).as_deref(), expect, "{provider}/{model} on {day}");
        }
        if let Some(expect) = expect {
            assert_eq!(&*prices.by_id(expect).expect("is known").id, expect);
        }
    }
    assert_eq!(prices.by_id("2026-04-01:openai/m"), None);
    assert_eq!(prices.by_id(Cost::REPORTED), None);
}

#[test]
fn books_that_are_none() {
    for (text, line) in [
        ("openai m in=1\n", None),
        ("# version 1\nopenai m in=x\n", Some(2)),
        ("# version 1\nopenai m in=1\nopenai a in=1\n", Some(3)),
        ("# version 1\nopenai m in=1\nopenai m in=1\n", Some(3)),
        ("# version 1\nopenai m in=1.0\n", Some(2)),
        ("# version 1\nopenai m same=n\n", Some(2)),
        ("# version 1\nopenai\n", Some(2)),
    ] {
        assert_eq!(PriceBook::parse(text).expect_err(text).line, line, "{text}");
    }
}

#[test]
fn the_built_in_book_is_sound_and_every_price_is_found() {
    let book = PriceBook::built_in();
    let text: String = book.entries().map(|(kind, model, terms)| format!("{kind} {model} {terms}\n")).collect();
    PriceBook::parse(format!("# version {}\n{text}", book.version())).expect("is sound");
    let mut count = 0;
    for (kind, model, _) in book.entries() {
        let found = book.find(kind, model);
        assert!(!found.is_empty(), "{kind} {model}");
        for price in found {
            assert_eq!(book.by_id(&price.id).as_ref(), Some(&price));
        }
        count += 1;
    }
    assert!(count > 1500, "only {count} prices");
    for (kind, model) in [
        ("openai", "gpt-4o-mini"),
        ("anthropic", "claude-sonnet-4-5"),
        ("gemini", "gemini-2.5-flash"),
        ("vertex", "claude-sonnet-4-5@20250929"),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("groq", "openai/gpt-oss-120b"),
        ("demo", "demo"),
    ] {
        assert_eq!(book.find(kind, model).len(), 1, "{kind} {model}");
    }
}

#[test]
fn overrides_win_while_they_hold_and_say_themselves() {
    let prices = prices();
    let one = |target: Target, text: &str| Override { target, terms: terms(text) };
    let target = Target::new("openai-east", "m");
    prices.configure(
        [("openai-east".into(), "openai".into())],
        vec![
            one(target.clone(), "until=2026-03-01 in=5 out=6"),
            one(Target::new("ollama", "*"), "in=0 out=0"),
            one(Target::new("ollama", "big"), "in=1 out=1"),
        ],
    );
    assert_eq!(
        id(&prices, "openai-east", "m", "2026-02-28").as_deref(),
        Some("override:openai-east/m until=2026-03-01 in=5 out=6")
    );
    assert_eq!(id(&prices, "openai-east", "m", "2026-03-01").as_deref(), Some("2026-05-01:openai/m"));
    assert_eq!(id(&prices, "ollama", "any", "2026-03-01").as_deref(), Some("override:ollama/* in=0 out=0"));
    assert_eq!(id(&prices, "ollama", "big", "2026-03-01").as_deref(), Some("override:ollama/big in=1 out=1"));
    prices.manage(vec![one(target, "in=8 out=9")]);
    let managed = id(&prices, "openai-east", "m", "2026-02-28").expect("has a price");
    assert_eq!(managed, "override:openai-east/m in=8 out=9");
    prices.manage(Vec::new());
    // Gone, but its bills can be computed again.
    let price = prices.by_id(&managed).expect("says itself");
    assert_eq!(price.terms.cost(&usage(1, 1), None), Some(NanoUsd(17_000)));
}

fn observed(target: Target, counts: Usage) -> Observed {
    Observed { target: Some(target), attempts: 1, usage: Some(counts), ..Observed::default() }
}

#[test]
fn what_the_provider_reports_is_believed() {
    let prices = prices();
    let mut seen = observed(Target::new("nobody", "x"), usage(1, 1));
    seen.reported_cost = Some(NanoUsd(77));
    prices.note(Operation::ChatCompletions, at("2026-01-01"), &mut seen);
    assert_eq!(seen.cost, Some(Cost { amount: NanoUsd(77), price: Cost::REPORTED.into() }));
}

#[test]
fn a_hit_costs_nothing_and_saves_what_it_would_have_cost() {
    let prices = prices();
    let mut seen = observed(Target::new("openai", "m"), usage(1, 1));
    seen.attempts = 0;
    seen.cache = Some(CacheOutcome::new(CacheStatus::Hit).saved(Some(usage(1000, 10))));
    prices.note(Operation::ChatCompletions, at("2026-01-01"), &mut seen);
    assert_eq!(seen.saved, Some(NanoUsd(1_020_000)));
    assert_eq!(seen.cost, Some(Cost { amount: NanoUsd::ZERO, price: Cost::CACHED.into() }));
}

#[test]
fn what_is_free_what_is_refused_and_what_nobody_was_asked() {
    let prices = prices();
    let target = Target::new("openai", "m");
    let note = |operation, mut seen: Observed| {
        prices.note(operation, at("2026-01-01"), &mut seen);
        seen.cost.map(|cost| cost.amount)
    };
    assert_eq!(note(Operation::CountTokens, observed(target.clone(), usage(5, 0))), Some(NanoUsd::ZERO));
    assert_eq!(note(Operation::StoredResponse, observed(target.clone(), usage(5, 5))), Some(NanoUsd::ZERO));
    assert_eq!(note(Operation::Speech, observed(target.clone(), Usage { estimated: true, ..usage(5, 0) })), None);
    assert_eq!(
        note(Operation::ChatCompletions, Observed { attempts: 0, ..observed(target.clone(), usage(1, 1)) }),
        None
    );
    let mut refused = Observed { usage: None, ..observed(target.clone(), usage(0, 0)) };
    prices.note(Operation::ChatCompletions, at("2026-01-01"), &mut refused);
    assert_eq!(refused.cost, None);
    prices.note_refused(&mut refused);
    assert_eq!(refused.cost.map(|cost| cost.price), Some(Arc::from(Cost::FREE)));
    let mut noted = observed(target, usage(1, 1));
    noted.cost = Some(Cost { amount: NanoUsd(3), price: "x".into() });
    prices.note(Operation::ChatCompletions, at("2026-01-01"), &mut noted);
    assert_eq!(noted.cost.map(|cost| cost.amount), Some(NanoUsd(3)));
}

#[test]
fn a_name_without_a_price_is_priced_by_what_answered() {
    let prices = prices();
    let cost = |asked: &str, answered: &str| {
        let mut seen = observed(Target::new("openai", asked), usage(1000, 0));
        seen.model = Some(answered.into());
        prices.note(Operation::ChatCompletions, at("2026-01-01"), &mut seen);
        seen.cost.map(|cost| cost.price.to_string())
    };
    assert_eq!(cost("alias", "m-mini").as_deref(), Some("2026-05-01:openai/m-mini"));
    assert_eq!(cost("m", "m-mini").as_deref(), Some("2026-05-01:openai/m"));
    assert_eq!(cost("alias", "unknown"), None);
}

#[test]
fn ceilings_by_hand() {
    let head = Head { max_tokens: Some(100), input_text: 1000, ..Head::default() };
    // 1000 bytes, half of the 200 of structure, and the frame of 256.
    let text = "in=1 out=10";
    assert_eq!(terms(text).ceiling(&head, 1200, 9), Some(NanoUsd(1356 * 1000 + 100 * 10_000)));
    let three = Head { choices: Some(3), ..head.clone() };
    assert_eq!(terms(text).ceiling(&three, 1200, 9), Some(NanoUsd(1356 * 1000 + 300 * 10_000)));
    let open = Head { max_tokens: None, ..head.clone() };
    assert_eq!(terms(text).ceiling(&open, 1200, 9), Some(NanoUsd(1356 * 1000 + 9 * 10_000)));
    assert_eq!(terms("in=1 out=10 max_out=50").ceiling(&open, 1200, 9), Some(NanoUsd(1356 * 1000 + 50 * 10_000)));
    // The most expensive class that answers at once, written to the longest cache.
    let tiers = "in=1 out=10 write_long=2 batch.in=50 priority.out=20";
    assert_eq!(terms(tiers).ceiling(&head, 1200, 9), Some(NanoUsd(1356 * 2000 + 100 * 20_000)));
    // A picture of three million bytes is no three million tokens.
    let large = terms("in=1 out=10 max_in=128000").ceiling(&head, 3_000_000, 9).expect("has a price");
    assert!(large < NanoUsd(170_000 * 1000 + 1_000_000), "{large}");
    assert_eq!(Terms::default().ceiling(&head, 1200, 9), None);
    let prices = prices();
    assert_eq!(prices.ceiling(&Target::new("openai", "unknown"), &head, 1200, 9), None);
    assert!(prices.ceiling(&Target::new("openai", "m"), &head, 1200, 9).is_some());
}

/// A price of any shape, from a few digits.
fn any_terms() -> impl Strategy<Value = Terms> {
    let rate = prop::option::of(0_u64..100_000_000_000);
    let variants = prop::collection::vec((0..Tier::ALL.len(), 0_u64..3, prop::collection::vec(rate, 10)), 1..5);
    (variants, 0_u64..1_000_000_000, 0_u64..1_000_000_000).prop_map(|(variants, input, output)| {
        let mut terms = Terms::default();
        for (tier, step, rates) in variants {
            for (unit, rate) in Unit::ALL.into_iter().zip(rates) {
                terms.set(Tier::ALL[tier], step * 100_000, unit, rate.map(Rate));
            }
        }
        terms.set(Tier::Standard, 0, Unit::Input, Some(Rate(input)));
        terms.set(Tier::Standard, 0, Unit::Output, Some(Rate(output)));
        terms
    })
}

fn any_usage(limit: u64) -> impl Strategy<Value = Usage> {
    let part = move || prop::option::of(0..limit);
    ((0..limit, 0..limit), (part(), part(), part(), part(), part(), part())).prop_map(
        |((input, output), (cache_read, cache_creation, cache_creation_1h, reasoning, audio_input, image_output))| {
            Usage {
                cache_read,
                cache_creation,
                cache_creation_1h,
                reasoning,
                audio_input,
                image_output,
                ..usage(input, output)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// No part is charged twice: a cost lies between all tokens at the lowest and all at the highest rate.
    #[test]
    fn a_cost_lies_between_the_lowest_and_the_highest_rate(terms in any_terms(), counts in any_usage(400_000)) {
        let rates: Vec<u64> = terms.variants().iter().flat_map(|variant| {
            variant.rates.iter().map(|(_, Rate(rate))| rate).collect::<Vec<_>>()
        }).collect();
        let (low, high) = (*rates.iter().min().unwrap(), *rates.iter().max().unwrap());
        let tokens = u128::from(counts.total());
        for tier in Tier::ALL.into_iter().filter(|tier| terms.has_tier(*tier)) {
            let NanoUsd(cost) = terms.cost(&counts, Some(tier.as_str())).expect("is known");
            prop_assert!(u128::from(cost) <= (tokens * u128::from(high)).div_ceil(1_000_000));
            prop_assert!(u128::from(cost) + 1 >= tokens * u128::from(low) / 1_000_000);
        }
    }

    /// The exact sum is within half a nano-dollar: rounding happens once.
    #[test]
    fn plain_tokens_are_exact(input in 0_u64..10_000_000, output in 0_u64..10_000_000, a in 0_u64..10_000_000_000, b in 0_u64..10_000_000_000) {
        let mut terms = Terms::default();
        terms.set(Tier::Standard, 0, Unit::Input, Some(Rate(a)));
        terms.set(Tier::Standard, 0, Unit::Output, Some(Rate(b)));
        let exact = u128::from(input) * u128::from(a) + u128::from(output) * u128::from(b);
        let NanoUsd(cost) = terms.cost(&usage(input, output), None).expect("is known");
        prop_assert!((u128::from(cost) * 1_000_000).abs_diff(exact) <= 500_000);
    }

    /// Whatever was asked and answered within the bounds, it was reserved.
    #[test]
    fn a_cost_never_exceeds_the_ceiling_of_its_request(
        terms in any_terms(),
        counts in any_usage(250_000),
        tier in prop::sample::select(vec!["default", "flex", "priority", "ultrafast"]),
    ) {
        let (input, output) = (counts.input.unwrap(), counts.output.unwrap());
        let head = Head { input_text: input, max_tokens: Some(output), ..Head::default() };
        let only_text = Usage { audio_input: None, ..counts };
        // Reading from a cache is never dearer than not to.
        let mut terms = terms;
        for variant in terms.variants().to_vec() {
            terms.set(variant.tier, variant.above, Unit::CacheRead, None);
        }
        // Of a class of service that has no other rate nothing is left, and its costs are unknown.
        prop_assume!(terms.has_tier(Tier::of_word(tier).unwrap()));
        let cost = terms.cost(&only_text, Some(tier)).expect("is known");
        let ceiling = terms.ceiling(&head, usize::try_from(input).unwrap(), 0).expect("is known");
        prop_assert!(cost <= ceiling, "{cost} > {ceiling} by {terms}");
    }

    /// Terms survive their text.
    #[test]
    fn texts_are_faithful(terms in any_terms()) {
        prop_assert_eq!(terms.to_string().parse::<Terms>().unwrap(), terms);
    }

    /// No text of others is taken for terms with a different meaning, or panics.
    #[test]
    fn any_text_is_terms_or_refused(text in "[a-z_.>=0-9 ]{0,40}") {
        if let Ok(terms) = text.parse::<Terms>() {
            prop_assert_eq!(terms.to_string().parse::<Terms>().unwrap(), terms);
        }
    }

    /// Every name is found in a book of any size, and no other.
    #[test]
    fn books_find_what_they_hold(names in prop::collection::btree_set("[a-c]{1,3} [a-cé./:]{1,4}", 1..40), other in "[a-c]{1,3} [a-cé./:]{1,4}") {
        let text: String = names.iter().map(|name| format!("{name} in=1\n")).collect();
        let book = PriceBook::parse(format!("# version 1\n{text}")).unwrap();
        for name in names.iter().chain([&other]) {
            let (kind, model) = name.split_once(' ').unwrap();
            prop_assert_eq!(book.find(kind, model).len(), usize::from(names.contains(name)), "{}", name);
        }
    }
}
