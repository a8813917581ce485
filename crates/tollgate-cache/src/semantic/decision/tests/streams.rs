//! Streams: the bound holds whatever comes, and something is served where it can be.

use super::world::{Order, World};
use crate::semantic::decision::{DecisionEngine, Policy, Settings, WorkloadId};

const REQUESTS: usize = 3000;

fn check(order: Order, noise: f64, bound: f64, least_coverage: f64) {
    for seed in 0..2 {
        let mut world = World::new(bound, seed).with_noise(noise);
        let outcome = world.run(order, REQUESTS);
        assert!(outcome.error_rate() <= bound, "{order:?}, noise {noise}, seed {seed}: {outcome:?}");
        assert!(outcome.coverage() >= least_coverage, "{order:?}, noise {noise}, seed {seed}: {outcome:?}");
    }
}

#[test]
fn the_bound_holds_when_anything_comes_at_any_time() {
    check(Order::Random, 0.0, 0.01, 0.2);
    check(Order::Random, 0.0, 0.05, 0.3);
}

#[test]
fn the_bound_holds_when_classes_come_in_bursts() {
    check(Order::Bursts, 0.0, 0.01, 0.1);
}

/// Each class comes all at once, and right behind it the one that it is confused with. Until a labelled hit shows it,
/// nothing tells the twins apart, so the bound is passed here; but what was served wrongly must be found and stopped.
#[test]
fn an_adversarial_order_is_noticed() {
    for seed in 0..2 {
        let mut world = World::new(0.02, seed);
        let outcome = world.run(Order::Sorted, REQUESTS);
        let stats = world.engine.stats();
        assert!(stats.quarantined > 0 || stats.workloads[0].alarms > 0, "{outcome:?}");
        assert!(stats.workloads[0].false_hits > 0, "{outcome:?}");
    }
}

#[test]
fn the_bound_holds_when_every_fifth_label_is_wrong() {
    check(Order::Random, 0.2, 0.01, 0.0);
    check(Order::Random, 0.2, 0.05, 0.0);
}

#[test]
fn nothing_is_served_before_there_is_evidence() {
    for (bound, floor) in [(0.01, 99), (0.005, 199), (0.05, 19)] {
        let outcome = World::new(bound, 1).run(Order::Random, 3000);
        assert!(outcome.first_hit.is_some_and(|first| first > floor), "{bound}: {outcome:?}");
    }
}

#[test]
fn few_hits_are_asked_upstream_too() {
    let outcome = World::new(0.02, 2).run(Order::Random, REQUESTS);
    assert!(outcome.shadowed > 0);
    assert!(outcome.shadowed * 20 < outcome.hits, "{outcome:?}");
}

#[test]
fn decisions_are_the_same_for_a_seed() {
    let run = || World::new(0.02, 3).run(Order::Random, 2000);
    assert_eq!(run(), run());
}

#[test]
fn a_snapshot_goes_on_where_it_was_taken() {
    let mut world = World::new(0.02, 4);
    world.run(Order::Random, 2000);
    let settings = Settings::new(Policy::calibrated(0.02));
    let restored = DecisionEngine::restore(settings, 4, &world.engine.snapshot()).unwrap();
    // Engines are too large to be printed.
    assert!(restored == world.engine);
    let mut other = world.clone();
    other.engine = restored;
    assert_eq!(world.run(Order::Random, 2000), other.run(Order::Random, 2000));
    assert!(world.engine == other.engine);
}

#[test]
fn the_numbers_for_operators_add_up() {
    let mut world = World::new(0.02, 5);
    let outcome = world.run(Order::Random, 3000);
    let stats = world.engine.stats();
    let workload = stats.workloads[0];
    assert_eq!((workload.workload, stats.killed), (WorkloadId(0), 0));
    assert_eq!((workload.requests, workload.hits), (3000, outcome.hits as u64));
    assert_eq!((workload.shadowed, workload.hit_labels), (outcome.shadowed as u64, outcome.shadowed as u64));
    assert!(!workload.observing && workload.bar > 0.0);
    assert!(workload.error_rate <= workload.error_rate_upper && workload.error_rate_upper <= 0.03, "{workload:?}");
    assert!((workload.coverage() - outcome.coverage()).abs() < 1e-9);
}
