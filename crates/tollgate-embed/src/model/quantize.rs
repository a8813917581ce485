//! Weights as int8 in groups of 32, in the order in which the kernels read them.
//!
//! A matrix of `outputs` x `inputs` becomes panels of 32 outputs; a panel is one [`Block`] after the other, each for 32 inputs.
//! A block begins with the scales of its 32 outputs (`f32`, little endian) and goes on with 16 lines for two inputs each,
//! in which the pairs of all 32 outputs stand side by side: a line fills a vector register, and one instruction multiplies
//! its pairs with a pair of activations and adds them up in 32 bits.

/// Weights that share a scale, and inputs of a block.
pub(crate) const GROUP: usize = 32;

/// Outputs of a panel.
pub(crate) const PANEL: usize = 32;

/// The bytes of scales at the beginning of a block.
pub(crate) const SCALES: usize = PANEL * 4;

/// The bytes of a line: a pair of inputs for each output.
pub(crate) const LINE: usize = PANEL * 2;

/// The bytes of a block.
pub(crate) const BLOCK: usize = SCALES + GROUP / 2 * LINE;

/// 32 inputs of 32 outputs.
pub(crate) type Block = [u8; BLOCK];

/// The bytes of a row of `width` numbers in [`pack_row`]'s form.
pub(crate) const fn row_size(width: usize) -> usize {
    width + width / GROUP * 4
}

/// Adds a matrix, row by row in `weights`, to `packed`. Both sides are multiples of 32.
pub(crate) fn pack(weights: &[f32], inputs: usize, packed: &mut Vec<u8>) {
    for panel in weights.chunks_exact(PANEL * inputs) {
        for group in 0..inputs / GROUP {
            let rows = panel.chunks_exact(inputs).map(|row| quantize(&row[group * GROUP..][..GROUP]));
            let rows: Vec<(f32, [i8; GROUP])> = rows.collect();
            packed.extend(rows.iter().flat_map(|(scale, _)| scale.to_le_bytes()));
            for pair in (0..GROUP).step_by(2) {
                packed.extend(rows.iter().flat_map(|(_, row)| [row[pair], row[pair + 1]]).map(i8::cast_unsigned));
            }
        }
    }
}

/// Adds a row of a table, from which rows are read one by one, to `packed`: its scales, then its numbers.
pub(super) fn pack_row(row: &[f32], packed: &mut Vec<u8>) {
    let groups: Vec<(f32, [i8; GROUP])> = row.chunks_exact(GROUP).map(quantize).collect();
    packed.extend(groups.iter().flat_map(|(scale, _)| scale.to_le_bytes()));
    packed.extend(groups.iter().flat_map(|(_, numbers)| numbers.map(i8::cast_unsigned)));
}

/// Reads a row in [`pack_row`]'s form.
pub(crate) fn unpack_row(packed: &[u8], row: &mut [f32]) {
    let (scales, numbers) = packed.split_at(row.len() / GROUP * 4);
    let groups = row.chunks_exact_mut(GROUP).zip(numbers.chunks_exact(GROUP));
    for ((group, numbers), scale) in groups.zip(scales.as_chunks().0) {
        let scale = f32::from_le_bytes(*scale);
        for (number, packed) in group.iter_mut().zip(numbers) {
            *number = f32::from(packed.cast_signed()) * scale;
        }
    }
}

/// The numbers of a group as multiples of a scale, the largest as 127.
fn quantize(numbers: &[f32]) -> (f32, [i8; GROUP]) {
    let largest = numbers.iter().fold(0_f32, |largest, number| largest.max(number.abs()));
    // A group of zeros has the scale zero, and so has one that is too small to be divided by its scale.
    let scale = if largest < f32::MIN_POSITIVE * 256.0 { 0.0 } else { largest / 127.0 };
    let mut quantized = [0; GROUP];
    if scale > 0.0 {
        for (quantized, number) in quantized.iter_mut().zip(numbers) {
            #[expect(clippy::cast_possible_truncation, reason = "within 127, and `as` saturates")]
            let rounded = (number / scale).round() as i8;
            *quantized = rounded;
        }
    }
    (scale, quantized)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        let mut random = fastrand::Rng::with_seed(7);
        (0..count).map(|_| random.f32() * 2.0 - 1.0).collect()
    }

    #[test]
    fn a_row_is_read_as_it_was_within_half_a_step() {
        let row = numbers(64);
        let (mut packed, mut read) = (Vec::new(), vec![0.0; 64]);
        pack_row(&row, &mut packed);
        assert_eq!(packed.len(), row_size(64));
        unpack_row(&packed, &mut read);
        assert!(row.iter().zip(&read).all(|(a, b)| (a - b).abs() <= 0.5 / 127.0 + 1e-6));
    }

    #[test]
    fn every_weight_is_in_its_place() {
        let (outputs, inputs) = (64, 96);
        // Each number names its place; the largest of each group is 127, so that the scale is 1.
        let place = |output: usize, input: usize| {
            if input.is_multiple_of(GROUP) { 127.0 } else { ((output + input) % 100) as f32 }
        };
        let weights: Vec<f32> =
            (0..outputs).flat_map(|output| (0..inputs).map(move |input| place(output, input))).collect();
        let mut packed = Vec::new();
        pack(&weights, inputs, &mut packed);
        let blocks = packed.as_chunks::<BLOCK>().0;
        assert_eq!(blocks.len() * BLOCK, packed.len());
        for output in 0..outputs {
            for input in 0..inputs {
                let block = &blocks[output / PANEL * (inputs / GROUP) + input / GROUP];
                let line = SCALES + input % GROUP / 2 * LINE;
                let found = block[line + output % PANEL * 2 + input % 2];
                assert_eq!(f32::from(found), place(output, input), "{output} {input}");
                assert_eq!(block[output % PANEL * 4..][..4], 1_f32.to_le_bytes());
            }
        }
    }

    #[test]
    fn nothing_is_zero_and_tiny_is_zero() {
        assert_eq!(quantize(&[0.0; GROUP]), (0.0, [0; GROUP]));
        assert_eq!(quantize(&[1e-40; GROUP]), (0.0, [0; GROUP]));
    }
}
