//! Vectors as indexes take them: finite, and of length one.

use super::IndexError;

/// A direction: a vector of length one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit(Vec<f32>);

/// More than any embedding has; a bound, because a request may bring its vector along.
pub(crate) const MAX_DIMENSIONS: usize = 65_536;

// === impl Unit ===

impl Unit {
    /// The direction of a vector.
    pub(crate) fn new(vector: &[f32]) -> Result<Self, IndexError> {
        if vector.len() > MAX_DIMENSIONS {
            return Err(IndexError::invalid(format!("the vector has more than {MAX_DIMENSIONS} dimensions")));
        }
        // In 64 bits, where the square of no finite 32-bit number overflows or vanishes.
        let squares: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if !squares.is_finite() {
            return Err(IndexError::invalid("the vector is not finite"));
        }
        if squares == 0.0 {
            return Err(IndexError::invalid("the vector is empty or zero and has no direction"));
        }
        let length = squares.sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "from -1 to 1")]
        Ok(Self(vector.iter().map(|&x| (f64::from(x) / length) as f32).collect()))
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.0
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_dropped_and_direction_kept() {
        for scale in [1e-30, 1.0, 1e30] {
            let unit = Unit::new(&[3.0 * scale, -4.0 * scale]).unwrap();
            assert_eq!(unit.as_slice(), [0.6, -0.8]);
        }
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        for vector in [&[][..], &[0.0, -0.0], &[f32::NAN, 1.0], &[1.0, f32::INFINITY]] {
            assert!(Unit::new(vector).unwrap_err().is_invalid(), "{vector:?}");
        }
    }
}
