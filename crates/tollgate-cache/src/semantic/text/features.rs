//! Numbers for a learned decision.

use super::analysis::{Analysis, Content};
use super::compare::Matching;
use super::flags::RiskFlags;

/// Features that are measured, before the flags.
const MEASURED: usize = 20;
/// How many features there are.
pub const FEATURES: usize = MEASURED + RiskFlags::COUNT;

/// The names of the features, in their order. All features are between 0 and 1, and do not depend on which prompt came
/// first.
pub static FEATURE_NAMES: [&str; FEATURES] = names();

const MEASURES: [&str; MEASURED] = [
    "content-jaccard",
    "overlap-of-shorter",
    "overlap-of-longer",
    "weighted-jaccard",
    "weighted-overlap-of-shorter",
    "trigram-cosine",
    "trigram-overlap-of-shorter",
    "length-ratio",
    "content-ratio",
    "subsequence-ratio",
    "order-kept",
    "unmatched-fewer",
    "unmatched-more",
    "unmatched-weight",
    "unmatched-names",
    "same-question",
    "same-first-word",
    "same-last-word",
    "same-alternatives",
    "content-size",
];

const fn names() -> [&'static str; FEATURES] {
    let mut names = [""; FEATURES];
    let mut at = 0;
    while at < FEATURES {
        names[at] = if at < MEASURED { MEASURES[at] } else { RiskFlags::ALL[at - MEASURED].1 };
        at += 1;
    }
    names
}

pub(crate) fn features(cached: &Analysis, new: &Analysis, matching: &Matching, flags: RiskFlags) -> [f32; FEATURES] {
    let (left, right) = (cached.content.len(), new.content.len());
    let matched = matching.matched;
    let weight = |content: &[Content]| content.iter().map(|content| u32::from(content.weight)).sum::<u32>();
    let (lost, gained) = (weight(&matching.left), weight(&matching.right));
    let (common, shared) = (common_trigrams(&cached.trigrams, &new.trigrams), matching.matched_weight);
    let sizes = (cached.trigrams.len(), new.trigrams.len());
    let unmatched = (matching.left.len(), matching.right.len());
    let names = matching.left.iter().chain(&matching.right).filter(|content| content.is_entity).count();
    let measured = [
        ratio(matched, left + right - matched),
        ratio(matched, left.min(right)),
        ratio(matched, left.max(right)),
        portion(shared, shared + lost + gained),
        portion(shared, shared + lost.min(gained)),
        cosine(common, sizes),
        ratio(common, sizes.0.min(sizes.1)),
        portion(cached.bytes.min(new.bytes), cached.bytes.max(new.bytes)),
        ratio(left.min(right), left.max(right)),
        ratio(subsequence(&cached.content, &new.content), left.max(right).min(SUBSEQUENCE)),
        order_kept(&matching.places),
        saturated(unmatched.0.min(unmatched.1), 8),
        saturated(unmatched.0.max(unmatched.1), 8),
        portion((lost + gained).min(2048), 2048),
        saturated(names, 4),
        f32::from(u8::from(cached.question == new.question)),
        same(cached.content.first(), new.content.first()),
        same(cached.content.last(), new.content.last()),
        f32::from(u8::from(cached.alternatives == new.alternatives)),
        saturated(left.min(right), 16),
    ];
    let mut features = [0.0; FEATURES];
    features[..MEASURED].copy_from_slice(&measured);
    for (feature, (flag, _)) in features[MEASURED..].iter_mut().zip(RiskFlags::ALL) {
        *feature = f32::from(u8::from(flags.contains(*flag)));
    }
    features
}

/// `part / whole`; what is equally empty is equal.
fn ratio(part: usize, whole: usize) -> f32 {
    let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    portion(narrow(part), narrow(whole))
}

#[expect(clippy::cast_possible_truncation, reason = "a ratio needs no more digits than f32 has")]
fn portion(part: u32, whole: u32) -> f32 {
    if whole == 0 { 1.0 } else { (f64::from(part) / f64::from(whole)) as f32 }
}

fn saturated(count: usize, most: usize) -> f32 {
    ratio(count.min(most), most)
}

fn same(one: Option<&Content>, other: Option<&Content>) -> f32 {
    f32::from(u8::from(one.map(|it| it.word) == other.map(|it| it.word)))
}

/// How many of two sorted lists are in both, counting repetitions.
fn common_trigrams(left: &[u16], right: &[u16]) -> usize {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(one), Some(other)) = (left.get(i), right.get(j)) {
        match one.cmp(other) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
        }
    }
    common
}

fn cosine(common: usize, (left, right): (usize, usize)) -> f32 {
    let squared = ratio(common, left) * ratio(common, right);
    squared.sqrt().min(1.0)
}

/// The share of neighbours that kept their order.
fn order_kept(places: &[(usize, usize)]) -> f32 {
    let kept = places.windows(2).filter(|pair| pair[0].1 < pair[1].1).count();
    ratio(kept, places.len().saturating_sub(1))
}

/// How many words of either side are looked at for the longest common subsequence, which takes quadratic time.
const SUBSEQUENCE: usize = 24;

fn subsequence(left: &[Content], right: &[Content]) -> usize {
    let (left, right) = (&left[..left.len().min(SUBSEQUENCE)], &right[..right.len().min(SUBSEQUENCE)]);
    let mut row = [0_usize; SUBSEQUENCE + 1];
    for one in left {
        let mut diagonal = 0;
        for (at, other) in right.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if one.word == other.word { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[right.len()]
}
