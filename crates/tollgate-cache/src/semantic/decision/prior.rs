//! The model before it has labels of its own: what `cargo xtask bench cache-quality --train-prior` prints, fitted to
//! sentence pairs, paraphrases and unrelated prompts, which are of another kind than what the engine is measured on.

use super::evidence::{EVIDENCE, Risk, TextEvidence};

/// Weights in the order of `Evidence::NAMES`.
pub(super) const WEIGHTS: [f64; EVIDENCE] = [0.86, -1.93, -6.14, -0.91, -1.57, 0.0, -1.0, 0.79, -1.04, 2.0, -1.0, 0.5];

/// The same for two prompts that are all that is known, and that the rules on texts find equal in meaning: a constant, and
/// the weight of similarity above 0.7.
const PAIR: [f64; 2] = [-1.1, -7.7];

/// The probability that an answer to the one prompt is wrong for the other. Where the rules on texts find a difference, or
/// did not look, vectors alone say too little.
pub(super) fn of_pair(similarity: f32, text: Option<&TextEvidence>) -> f64 {
    match text {
        Some(text) if text.risk == Risk::None && !text.echo => {
            let [constant, weight] = PAIR;
            1.0 / (1.0 + libm::exp(-(constant + weight * (f64::from(similarity) - 0.7))))
        }
        _ => 1.0,
    }
}
