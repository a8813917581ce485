//! Rules about single decisions.

use super::world::{Order, World};
use crate::semantic::decision::{
    Calibrated, ClusterId, Decision, DecisionEngine, KeyAdmission, KeyId, Label, LabelSource, NamespaceId, Neighbour,
    Policy, Reason, Request, Risk, Settings, Standing, Start, TextEvidence, Verdict,
};
use crate::semantic::text::Analysis;

fn engine(policy: Policy) -> DecisionEngine {
    let mut engine = DecisionEngine::new(Settings::new(policy), 0);
    engine.open_cluster(ClusterId(1), KeyId(1));
    engine.open_cluster(ClusterId(2), KeyId(2));
    engine
}

fn warm() -> Policy {
    Policy::Calibrated(Calibrated { start: Start::Warm, ..Calibrated::default() })
}

fn ask(engine: &mut DecisionEngine, cluster: u64, similarity: f32, text: Option<TextEvidence>) -> Decision {
    let near = [Neighbour { cluster: ClusterId(cluster), key: KeyId(cluster), similarity }];
    let candidate = engine.rank(&near);
    engine.decide(&Request { text, ..Request::default() }, candidate)
}

fn text(risk: Risk, echo: bool) -> Option<TextEvidence> {
    Some(TextEvidence { risk, echo, overlap: 0.8, length_ratio: 1.1 })
}

#[test]
fn a_threshold_serves_what_is_similar_and_not_flagged() {
    let mut engine = engine(Policy::Threshold(0.9));
    assert_eq!(ask(&mut engine, 1, 0.91, None).verdict, Verdict::Serve { shadow: false });
    assert_eq!(ask(&mut engine, 1, 0.89, None).verdict, Verdict::Miss(Reason::BelowBar));
    assert_eq!(ask(&mut engine, 1, 0.91, text(Risk::Grave, false)).verdict, Verdict::Miss(Reason::Flagged));
    assert_eq!(ask(&mut engine, 1, 0.91, text(Risk::None, true)).verdict, Verdict::Miss(Reason::Echo));
    assert_eq!(engine.decide(&Request::default(), None).verdict, Verdict::Miss(Reason::NoCandidate));
}

#[test]
fn a_warm_start_needs_texts_that_are_equal_in_meaning() {
    let mut engine = engine(warm());
    assert!(matches!(ask(&mut engine, 1, 0.97, text(Risk::None, false)).verdict, Verdict::Serve { .. }));
    for refused in [None, text(Risk::Doubtful, false), text(Risk::Grave, false), text(Risk::None, true)] {
        assert!(matches!(ask(&mut engine, 1, 0.97, refused).verdict, Verdict::Miss(_)), "{refused:?}");
    }
    assert_eq!(ask(&mut engine, 1, 0.7, text(Risk::None, false)).verdict, Verdict::Miss(Reason::BelowBar));
}

#[test]
fn a_namespace_that_is_killed_is_not_served() {
    let mut engine = engine(Policy::Threshold(0.9));
    let candidate = engine.rank(&[Neighbour { cluster: ClusterId(1), key: KeyId(1), similarity: 0.99 }]);
    let request = Request { namespace: NamespaceId(7), ..Request::default() };
    engine.kill(NamespaceId(7), true);
    assert_eq!(engine.decide(&request, candidate).verdict, Verdict::Miss(Reason::Killed));
    engine.kill(NamespaceId(7), false);
    assert!(matches!(engine.decide(&request, candidate).verdict, Verdict::Serve { .. }));
}

#[test]
fn a_false_hit_quarantines_its_cluster_until_it_is_confirmed() {
    let mut engine = engine(warm());
    let served = ask(&mut engine, 1, 0.97, text(Risk::None, false)).judgement.unwrap();
    assert!(served.was_served());
    engine.learn(&served, Label { agrees: false, actual: Some(ClusterId(2)), source: LabelSource::Feedback });
    assert_eq!(engine.standing(ClusterId(1)), Standing::VerifyOnly(5));
    for _ in 0..5 {
        let decision = ask(&mut engine, 1, 0.97, text(Risk::None, false));
        assert_eq!(decision.verdict, Verdict::Miss(Reason::VerifyOnly));
        let label = Label { agrees: true, actual: Some(ClusterId(1)), source: LabelSource::Miss };
        engine.learn(&decision.judgement.unwrap(), label);
    }
    assert_eq!(engine.standing(ClusterId(1)), Standing::Good);
    assert!(matches!(ask(&mut engine, 1, 0.97, text(Risk::None, false)).verdict, Verdict::Serve { .. }));
    // Beside the cluster whose request it was mistaken for, it stays refused.
    let near =
        [(1, 0.97), (2, 0.96)].map(|(id, similarity)| Neighbour { cluster: ClusterId(id), key: KeyId(id), similarity });
    let candidate = engine.rank(&near);
    let request = Request { text: text(Risk::None, false), ..Request::default() };
    assert_eq!(engine.decide(&request, candidate).verdict, Verdict::Miss(Reason::Tombstone));
}

#[test]
fn a_cluster_that_is_near_to_everything_is_not_served() {
    let mut engine = engine(warm());
    for _ in 0..8 {
        let missed = ask(&mut engine, 1, 0.8, text(Risk::None, false)).judgement.unwrap();
        engine.learn(&missed, Label { agrees: false, actual: None, source: LabelSource::Miss });
    }
    assert_eq!(engine.standing(ClusterId(1)), Standing::Hub);
    assert_eq!(ask(&mut engine, 1, 0.97, text(Risk::None, false)).verdict, Verdict::Miss(Reason::Hub));
    assert_eq!(engine.stats().quarantined, 1);
}

#[test]
fn clusters_with_one_answer_become_one() {
    let mut engine = engine(warm());
    assert!(engine.merge_clusters(ClusterId(2), ClusterId(1)).is_empty());
    assert_eq!(engine.resolve(ClusterId(2)), ClusterId(1));
    let near =
        [(1, 0.9), (2, 0.95)].map(|(id, similarity)| Neighbour { cluster: ClusterId(id), key: KeyId(id), similarity });
    let candidate = engine.rank(&near).unwrap();
    assert_eq!((candidate.cluster, candidate.key, candidate.votes, candidate.rival), (ClusterId(1), KeyId(2), 2, None));
    assert_eq!(engine.stats().clusters, 1);
}

#[test]
fn texts_are_compared_with_all_prompts_that_have_the_answer() {
    let near = [(1, 1, 0.95), (2, 2, 0.93), (1, 3, 0.9)].map(|(cluster, key, similarity)| Neighbour {
        cluster: ClusterId(cluster),
        key: KeyId(key),
        similarity,
    });
    let mut learning = engine(Policy::default());
    assert_eq!(learning.add_key(ClusterId(1), KeyId(3), 0.8), KeyAdmission::Kept);
    let candidate = learning.rank(&near).unwrap();
    assert_eq!(learning.witnesses(&candidate, &near), [KeyId(1), KeyId(3)]);
    let fixed = engine(Policy::Threshold(0.9));
    let candidate = fixed.rank(&near).unwrap();
    assert_eq!(fixed.witnesses(&candidate, &near), [KeyId(1)]);
}

#[test]
fn one_prompt_with_the_answer_and_no_difference_is_enough() {
    let new = Analysis::of("My card has not arrived yet");
    let compare = |stored: &str| Analysis::of(stored).compare(&new);
    let (negated, equal) = ("My card has arrived", "My card has not arrived");
    assert_eq!(Risk::of(compare(negated).flags), Risk::Grave);
    for order in [[negated, equal], [equal, negated]] {
        let mildest = Risk::mildest(order.map(compare)).unwrap();
        assert!(Risk::of(mildest.flags) < Risk::Grave, "{:?}", mildest.flags);
    }
    assert_eq!(Risk::mildest([compare(negated)]), Some(compare(negated)));
    assert_eq!(Risk::mildest([]), None);
}

#[test]
fn a_full_cluster_keeps_keys_that_are_far_apart() {
    let settings = Settings { keys_per_cluster: 2, ..Settings::new(Policy::default()) };
    let mut engine = DecisionEngine::new(settings, 0);
    engine.open_cluster(ClusterId(1), KeyId(1));
    assert_eq!(engine.add_key(ClusterId(1), KeyId(2), 0.95), KeyAdmission::Kept);
    assert_eq!(engine.add_key(ClusterId(1), KeyId(3), 0.97), KeyAdmission::Refused);
    assert_eq!(engine.add_key(ClusterId(1), KeyId(4), 0.7), KeyAdmission::Replaced(KeyId(2)));
    engine.forget_key(ClusterId(1), KeyId(1));
    engine.forget_key(ClusterId(1), KeyId(4));
    assert_eq!(engine.stats().clusters, 0);
}

#[test]
fn a_model_that_no_longer_fits_observes_again() {
    let mut world = World::new(0.02, 6);
    world.run(Order::Random, 3000);
    assert!(!world.engine.stats().workloads[0].observing);
    // From now on nearly every label says the opposite.
    let mut world = world.with_noise(0.9);
    let mut alarmed = false;
    for _ in 0..3000 {
        world.run(Order::Random, 1);
        alarmed |= world.engine.stats().workloads[0].alarms > 0;
    }
    assert!(alarmed);
}
