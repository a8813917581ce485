//! The forward pass: from tokens to one vector for each text.
//!
//! The model is BERT's encoder (Devlin et al. 2019, section 3; Vaswani et al. 2017, section 3) with the mean of all
//! tokens' states as the text's vector, scaled to length one (Reimers and Gurevych 2019, section 3). Texts of a batch stand
//! behind each other without padding: all steps but attention look at one token at a time.

use super::scratch::{Scratch, fit};
use crate::kernel::{Attend, Gelu, Kernel, Multiply, Normalize, Quantize};
use crate::model::{GROUP, Linear, Norm, Weights};

/// One pass over some texts.
pub(super) struct Pass<'a> {
    pub(super) kernel: Kernel,
    pub(super) weights: &'a Weights,
    pub(super) scratch: &'a mut Scratch,
}

// === impl Pass ===

impl Pass<'_> {
    /// The vectors of the texts whose tokens are in the scratch, in order.
    pub(super) fn run(mut self) -> Vec<Vec<f32>> {
        self.embed();
        let weights = self.weights;
        for layer in &weights.layers {
            self.multiply(Of::Rows, &layer.attention);
            self.attend();
            self.multiply(Of::Narrow, &layer.output);
            self.normalize(true, &layer.output_norm);
            self.multiply(Of::Rows, &layer.up);
            self.kernel.run(Gelu(&mut self.scratch.wide));
            self.multiply(Of::Wide, &layer.down);
            self.normalize(true, &layer.down_norm);
        }
        self.pool()
    }

    fn embed(&mut self) {
        let hidden = self.weights.config.hidden;
        let Scratch { tokens, ends, packed, rows, .. } = &mut *self.scratch;
        fit(rows, tokens.len() * hidden, 0.0);
        let mut start = 0;
        for end in ends.iter().copied() {
            let texts = tokens[start..end].iter().zip(rows[start * hidden..].chunks_exact_mut(hidden));
            for (position, (token, row)) in texts.enumerate() {
                self.weights.embed(*token, position, packed, row);
            }
            start = end;
        }
        self.normalize(false, &self.weights.norm);
    }

    /// A step from one place of the scratch to another: from the states or from attention's result to what is wide or
    /// narrow, whichever the matrix gives.
    fn multiply(&mut self, of: Of, linear: &Linear) {
        let Scratch { tokens, rows, wide, narrow, pairs, scales, .. } = &mut *self.scratch;
        let count = tokens.len();
        fit(pairs, count * linear.inputs / GROUP, [0; 16]);
        fit(scales, count, 0.0);
        let from = match of {
            Of::Rows => &*rows,
            Of::Wide => &*wide,
            Of::Narrow => &*narrow,
        };
        self.kernel.run(Quantize { rows: from, width: linear.inputs, pairs, scales });
        let out = if matches!(of, Of::Rows) { wide } else { narrow };
        fit(out, count * linear.bias.len(), 0.0);
        let blocks = self.weights.blocks(linear);
        self.kernel.run(Multiply { pairs, scales, blocks, bias: &linear.bias, inputs: linear.inputs, out });
    }

    fn attend(&mut self) {
        let (hidden, heads) = (self.weights.config.hidden, self.weights.config.heads);
        let Scratch { tokens, ends, wide, narrow, keys, scores, .. } = &mut *self.scratch;
        fit(narrow, tokens.len() * hidden, 0.0);
        let mut start = 0;
        for end in ends.iter().copied() {
            let projected = &wide[start * hidden * 3..end * hidden * 3];
            let out = &mut narrow[start * hidden..end * hidden];
            self.kernel.run(Attend { projected, heads, keys, scores, out });
            start = end;
        }
    }

    /// Normalises the states, after what is narrow has been added to them.
    fn normalize(&mut self, add: bool, norm: &Norm) {
        let Scratch { rows, narrow, .. } = &mut *self.scratch;
        let added = if add { &narrow[..] } else { &[] };
        self.kernel.run(Normalize { rows, added, norm, epsilon: self.weights.config.epsilon });
    }

    fn pool(&mut self) -> Vec<Vec<f32>> {
        let hidden = self.weights.config.hidden;
        let mut rows = self.scratch.rows.chunks_exact(hidden);
        let mut start = 0;
        let lengths = self.scratch.ends.iter().map(|end| end - std::mem::replace(&mut start, *end));
        let mean = |length| {
            let mut mean = vec![0.0; hidden];
            for row in rows.by_ref().take(length) {
                mean.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
            }
            mean
        };
        lengths.map(mean).map(to_length_one).collect()
    }
}

/// What a step starts from.
#[derive(Clone, Copy)]
enum Of {
    Rows,
    Wide,
    Narrow,
}

/// The direction of a vector; dividing by the number of tokens first would not change it.
fn to_length_one(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    // What has no direction stays as it is.
    let factor = if length > 0.0 { 1.0 / length } else { 1.0 };
    vector.iter_mut().for_each(|number| *number *= factor);
    vector
}
