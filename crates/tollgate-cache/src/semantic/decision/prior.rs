//! The model before it has labels of its own.

use super::evidence::EVIDENCE;

/// Weights in the order of `Evidence::NAMES`.
pub(super) const WEIGHTS: [f64; EVIDENCE] = [3.5, -3.0, -8.0, -0.9, -1.0, 0.0, -0.3, 0.0, 0.0, 2.0, -1.0, 0.5];
