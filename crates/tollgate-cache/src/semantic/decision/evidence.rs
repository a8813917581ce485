//! What is known of a candidate, as numbers.

use super::cluster::{ClusterBook, ClusterId, KeyId};
use crate::semantic::text::{Comparison, RiskFlags};

/// How many neighbours are looked at. More than about 16 changes nothing; 8 loses a tenth of the hits at an equal rate
/// of errors.
pub const NEIGHBOURS: usize = 16;

/// How many numbers the model sees.
pub const EVIDENCE: usize = 12;

/// How sharply the weight of a neighbour falls with its similarity: half of it for every 0.035 of cosine.
const SHARPNESS: f32 = 20.0;
/// The weight of "none of these", in neighbours as near as the nearest.
const NONE_OF_THESE: f32 = 0.5;

/// Flags that labels outweigh: people who want the same say it with other words.
const DOUBTFUL: [RiskFlags; 4] =
    [RiskFlags::SUBSTITUTION, RiskFlags::INSERTION, RiskFlags::DISJOINT, RiskFlags::QUESTION];

/// Where comparisons have the ratio of lengths.
const LENGTH: usize = 7;

/// A key near the request's vector, as an index returns it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// The cluster that the key was stored with. Clusters that were merged since are resolved here.
    pub cluster: ClusterId,
    /// The key.
    pub key: KeyId,
    /// Cosine similarity, -1 to 1.
    pub similarity: f32,
}

/// The cluster that would be served, and why it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The cluster with most of the neighbours' weight.
    pub cluster: ClusterId,
    /// Its key that is nearest to the request: what the texts are compared by.
    pub key: KeyId,
    /// The cosine similarity of that key.
    pub similarity: f32,
    /// The best cluster beside it, if there is one.
    pub rival: Option<ClusterId>,
    /// How many of the neighbours belong to the cluster.
    pub votes: u8,
    pub(super) margin: f32,
    pub(super) posterior: f32,
    pub(super) share: f32,
    pub(super) sparse: f32,
    pub(super) density: f32,
}

/// What the words of the request and of the candidate's prompt say, where texts are at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextEvidence {
    /// Whether the two differ in a way that may change answers.
    pub risk: Risk,
    /// A word of the stored prompt that the request lacks is in the stored answer.
    pub echo: bool,
    /// The share of content words that both have, 0 to 1.
    pub overlap: f32,
    /// The length of the longer prompt over that of the shorter, at least 1.
    pub length_ratio: f32,
}

/// How two prompts differ, if they differ in a way that vectors do not show.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Risk {
    /// In no such way.
    #[default]
    None,
    /// In a way that often changes answers, such as one word in place of another. Many labels outweigh it.
    Doubtful,
    /// In a way that changes answers as a rule, such as a negation or another name. Never served.
    Grave,
}

/// The numbers that the model sees, centred so that zero is "nothing in particular".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence(pub [f32; EVIDENCE]);

// === impl Candidate ===

impl Candidate {
    /// The candidate among neighbours; none if there are no neighbours.
    pub(super) fn among(neighbours: &[Neighbour], clusters: &ClusterBook) -> Option<Self> {
        let mut near: Vec<Neighbour> = neighbours
            .iter()
            .filter(|each| each.similarity.is_finite())
            .map(|each| Neighbour { cluster: clusters.resolve(each.cluster), ..*each })
            .collect();
        near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        near.truncate(NEIGHBOURS);
        let nearest = near.first()?.similarity;
        let weight = |each: &Neighbour| libm::expf(SHARPNESS * (each.similarity - nearest));
        let total: f32 = near.iter().map(weight).sum();
        let weight_of = |cluster| near.iter().filter(|each| each.cluster == cluster).map(weight).sum::<f32>();
        // The first of equals is the nearer one, so that the choice does not depend on ids.
        let (best, mass) = near
            .iter()
            .map(|each| (each, weight_of(each.cluster)))
            .reduce(|best, each| if each.1 > best.1 { each } else { best })?;
        let rival = near.iter().find(|each| each.cluster != best.cluster);
        let farthest = near.last()?.similarity;
        let votes = near.iter().filter(|each| each.cluster == best.cluster).count();
        let (seen, most) = (small(near.len()), small(NEIGHBOURS));
        Some(Self {
            cluster: best.cluster,
            key: best.key,
            similarity: best.similarity,
            rival: rival.map(|rival| rival.cluster),
            votes: u8::try_from(votes).unwrap_or(u8::MAX),
            // Without a rival among the neighbours, one may stand right behind the last of them.
            margin: best.similarity - rival.map_or(farthest, |rival| rival.similarity),
            posterior: mass / (total + NONE_OF_THESE),
            share: small(votes) / seen,
            sparse: 1.0 - seen / most,
            density: near.iter().map(|each| each.similarity).sum::<f32>() / seen,
        })
    }
}

// === impl TextEvidence ===

impl TextEvidence {
    /// What a comparison of the stored prompt with the new one says; `echo` is whether the stored answer speaks of what
    /// the new prompt lacks.
    #[must_use]
    pub fn of(comparison: &Comparison, echo: bool) -> Self {
        let [overlap, ..] = comparison.features;
        let length_ratio = 1.0 / comparison.features[LENGTH].max(0.01);
        Self { risk: Risk::of(comparison.flags), echo, overlap, length_ratio }
    }
}

// === impl Risk ===

impl Risk {
    /// What flags amount to.
    #[must_use]
    pub fn of(flags: RiskFlags) -> Self {
        let has = |flag: &RiskFlags| flags.contains(*flag);
        if flags.hard() == RiskFlags::default() {
            Self::None
        } else if flags.words().count() == DOUBTFUL.iter().filter(|flag| has(flag)).count() + soft(flags) {
            Self::Doubtful
        } else {
            Self::Grave
        }
    }

    /// Of comparisons of a new prompt with several that have one answer, the mildest; the first of equals, `None` of none.
    ///
    /// The answer is known to be right for each of them, so that it takes only one from which the new prompt does not
    /// differ: beside `my card has not arrived` a stored `where is my card` says nothing against the answer to both.
    #[must_use]
    pub fn mildest(comparisons: impl IntoIterator<Item = Comparison>) -> Option<Comparison> {
        let mut best: Option<(Self, Comparison)> = None;
        for comparison in comparisons {
            let risk = Self::of(comparison.flags);
            if best.as_ref().is_none_or(|(least, _)| risk < *least) {
                best = Some((risk, comparison));
            }
            if risk == Self::None {
                break;
            }
        }
        best.map(|(_, comparison)| comparison)
    }
}

fn soft(flags: RiskFlags) -> usize {
    flags.words().count() - flags.hard().words().count()
}

// === impl Evidence ===

impl Evidence {
    /// What each number is, in order.
    pub const NAMES: [&'static str; EVIDENCE] = [
        "constant",
        "similarity",
        "margin",
        "posterior",
        "votes",
        "keys",
        "record",
        "sparse",
        "density",
        "flagged",
        "words",
        "length",
    ];

    pub(super) fn of(candidate: &Candidate, clusters: &ClusterBook, text: Option<&TextEvidence>) -> Self {
        let odds = (candidate.posterior + 0.01) / (1.01 - candidate.posterior);
        let (flagged, words, length) = text.map_or((0.0, 0.0, 0.0), |text| {
            let length = libm::logf(text.length_ratio.max(1.0)).min(2.0);
            (f32::from(u8::from(text.risk != Risk::None)), text.overlap.clamp(0.0, 1.0) - 0.5, length - 0.3)
        });
        Self([
            1.0,
            candidate.similarity - 0.7,
            candidate.margin.clamp(-0.2, 0.5),
            libm::logf(odds),
            candidate.share,
            libm::logf(1.0 + small(clusters.keys(candidate.cluster))) - 1.0,
            clusters.record(candidate.cluster) - 0.8,
            candidate.sparse,
            candidate.density - 0.6,
            flagged,
            words,
            length,
        ])
    }
}

/// Counts of keys and neighbours are far below what `f32` holds exactly.
fn small(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}
