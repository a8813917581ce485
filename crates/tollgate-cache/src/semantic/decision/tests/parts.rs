//! The arithmetic of bound and governor, and snapshots of any bytes.

use proptest::prelude::*;

use crate::semantic::decision::bound::{Bound, GRID, upper};
use crate::semantic::decision::governor::{Drift, Ledger, Ration};
use crate::semantic::decision::{DecisionEngine, Policy, Settings, SnapshotError};

#[test]
fn the_bound_is_rarely_passed_at_any_time() {
    let mut random = fastrand::Rng::with_seed(1);
    let passed = (0..400).filter(|_| is_passed(&mut random)).count();
    // With a confidence of 90% no more than 40 of 400 may be; three standard deviations are 18.
    assert!(passed <= 58, "{passed}");
}

/// Whether the bound is below the truth after any of a thousand labels. Looking each time is what breaks other bounds.
fn is_passed(random: &mut fastrand::Rng) -> bool {
    let (mut wrong, mut expected) = (0.0, 0.0);
    (0..1000).any(|_| {
        let score = 0.3 * random.f64() * random.f64();
        wrong += f64::from(u8::from(random.f64() < score));
        expected += score;
        upper(wrong, expected, 0.1) < 1.0
    })
}

#[test]
fn the_ledger_tightens_and_then_stops() {
    let mut ledger = Ledger::default();
    let serve = |ledger: &mut Ledger, requests: usize, wrong: f64| {
        (0..requests).for_each(|_| ledger.note_request(wrong));
        ledger.ration(0.01)
    };
    assert_eq!(serve(&mut ledger, 5000, 0.007), Ration::Full);
    assert_eq!(serve(&mut ledger, 2500, 0.01), Ration::Half);
    assert_eq!(serve(&mut ledger, 2500, 0.013), Ration::Nothing);
    // It stays so until a fifth of the budget is free again.
    assert_eq!(serve(&mut ledger, 1000, 0.0), Ration::Nothing);
    assert_eq!(serve(&mut ledger, 2000, 0.0), Ration::Full);
}

#[test]
fn a_labelled_hit_corrects_the_ledger() {
    let mut ledger = Ledger::default();
    (0..5000).for_each(|_| ledger.note_request(0.002));
    let before = ledger.rate();
    ledger.note_label(0.5, true);
    // One wrong where half a one was expected, beside a belief that is worth eight.
    assert!((ledger.rate() / before - 9.0 / 8.5).abs() < 1e-6);
    ledger.note_label(1.5, false);
    assert!((ledger.rate() / before - 9.0 / 10.0).abs() < 1e-6);
    // With its span a label leaves.
    (0..5000).for_each(|_| ledger.note_request(0.002));
    assert!((ledger.rate() - before).abs() < 1e-9);
}

#[test]
fn the_alarm_is_for_models_that_do_not_fit() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut alarms = |odds: f64| {
        let mut drift = Drift::of_labels();
        let mut label = || {
            let score = random.f64() * 0.5;
            let truth = odds * score / (1.0 + (odds - 1.0) * score);
            drift.note(score, random.f64() < truth)
        };
        (0..3000).filter(|_| label()).count()
    };
    assert_eq!(alarms(1.0), 0);
    assert!(alarms(4.0) > 5);
}

#[test]
fn bars_rise_and_labels_below_them_count() {
    assert!((1..GRID).all(|step| Bound::bar(step) > Bound::bar(step - 1)));
    let mut bound = Bound::new();
    (0..1000).for_each(|_| bound.note_request(0.01));
    (0..1000).for_each(|_| bound.note_label(0.01, false));
    let clean = bound.highest(0.02, 0.1);
    (0..60).for_each(|_| bound.note_label(0.01, true));
    let stained = bound.highest(0.02, 0.1);
    assert_eq!(clean, Some(GRID - 1));
    assert!(stained < clean, "{stained:?}");
}

fn restore(bytes: &[u8]) -> Result<DecisionEngine, SnapshotError> {
    DecisionEngine::restore(Settings::new(Policy::default()), 0, bytes)
}

#[test]
fn other_bytes_and_other_versions_are_told_apart() {
    assert_eq!(restore(b"something"), Err(SnapshotError::NotASnapshot));
    let mut bytes = DecisionEngine::new(Settings::new(Policy::default()), 0).snapshot();
    assert!(restore(&bytes).is_ok());
    bytes[8] = 9;
    assert_eq!(restore(&bytes), Err(SnapshotError::Version(9)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn damaged_snapshots_are_errors(cut in 0_usize..60, at in 16_usize..60, value: u8) {
        let mut world = super::world::World::new(0.02, 7);
        world.run(super::world::Order::Random, 30);
        let mut bytes = world.engine.snapshot();
        bytes[at] = value;
        // It may still be a snapshot, of something else; it must only not panic.
        let _ = restore(&bytes);
        bytes.truncate(bytes.len() - 1 - cut);
        prop_assert!(restore(&bytes).is_err());
    }

    #[test]
    fn the_upper_bound_is_above_the_estimate(wrong in 0.0..500.0_f64, expected in 0.01..500.0_f64, alpha in 0.01..0.5_f64) {
        prop_assert!(upper(wrong, expected, alpha) >= wrong / expected);
        prop_assert!(upper(wrong, expected, alpha) >= upper(wrong, expected, (1.5 * alpha).min(0.5)) - 1e-9);
    }
}
