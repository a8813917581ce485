//! Every kernel beside plain arithmetic in 64 bits, at sizes that the model does not have.

use super::elementwise::{exp, gelu};
use super::*;
use crate::model::{GROUP, HEAD, Norm, pack};

fn numbers(seed: u64, count: usize, size: f32) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| (random.f32() * 2.0 - 1.0) * size).collect()
}

/// Compares what each kernel makes of its input with what is expected, relative to the largest number.
#[track_caller]
fn check(what: &str, tolerance: f64, expected: &[f64], compute: impl Fn(Kernel) -> Vec<f32>) {
    let largest = expected.iter().fold(1e-9_f64, |largest, number| largest.max(number.abs()));
    for kernel in Kernel::all() {
        let found = compute(kernel);
        assert_eq!(found.len(), expected.len());
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (f64::from(*found) - expected).abs() / largest;
            assert!(error <= tolerance, "{what} at {at} with {}: {found} for {expected}", kernel.name());
        }
    }
}

fn quantized(kernel: Kernel, rows: &[f32], width: usize) -> (Vec<Pairs>, Vec<f32>) {
    let mut pairs = vec![[0; 16]; rows.len() / GROUP];
    let mut scales = vec![0.0; rows.len() / width];
    kernel.run(Quantize { rows, width, pairs: &mut pairs, scales: &mut scales });
    (pairs, scales)
}

#[test]
fn products_are_right_for_every_number_of_rows() {
    let (inputs, outputs) = (96, 64);
    let weights = numbers(1, inputs * outputs, 0.1);
    let bias = numbers(2, outputs, 1.0);
    let mut packed = Vec::new();
    pack(&weights, inputs, &mut packed);
    for count in 1..=14 {
        let rows = numbers(3, count * inputs, 3.0);
        let product = |row: &[f32], output: usize| {
            let weights = &weights[output * inputs..][..inputs];
            let sum: f64 = row.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            sum + f64::from(bias[output])
        };
        let expected = rows.chunks_exact(inputs).flat_map(|row| (0..outputs).map(move |output| product(row, output)));
        // Weights are right within half a step of 1/127, which many of them average out.
        check(&format!("{count} rows"), 0.01, &expected.collect::<Vec<_>>(), |kernel| {
            let (pairs, scales) = quantized(kernel, &rows, inputs);
            let mut out = vec![0.0; count * outputs];
            let blocks = packed.as_chunks().0;
            kernel.run(Multiply { pairs: &pairs, scales: &scales, blocks, bias: &bias, inputs, out: &mut out });
            out
        });
    }
}

#[test]
fn the_largest_products_do_not_overflow() {
    let (inputs, outputs) = (1536, 32);
    let mut packed = Vec::new();
    pack(&vec![1.0; inputs * outputs], inputs, &mut packed);
    for sign in [1.0, -1.0] {
        let rows = vec![sign * 1000.0; inputs];
        check("largest", 1e-4, &vec![f64::from(sign) * 1_536_000.0; outputs], |kernel| {
            let (pairs, scales) = quantized(kernel, &rows, inputs);
            let mut out = vec![0.0; outputs];
            let (blocks, bias) = (packed.as_chunks().0, &[0.0; 32]);
            kernel.run(Multiply { pairs: &pairs, scales: &scales, blocks, bias, inputs, out: &mut out });
            out
        });
    }
}

#[test]
fn activations_are_right_within_half_a_step() {
    let rows = [numbers(4, 64, 1e-3), numbers(5, 64, 500.0), vec![0.0; 64]].concat();
    for kernel in Kernel::all() {
        let (pairs, scales) = quantized(kernel, &rows, 64);
        for (at, number) in rows.iter().enumerate() {
            let pair = pairs[at / GROUP][at % GROUP / 2].to_le_bytes();
            let half = [pair[at % 2 * 2], pair[at % 2 * 2 + 1]];
            let scale = scales[at / 64];
            let found = f32::from(i16::from_le_bytes(half)) * scale;
            assert!((found - number).abs() <= scale * 0.501, "{found} for {number} with {}", kernel.name());
        }
    }
}

#[test]
fn attention_is_right_for_every_number_of_tokens() {
    let heads = 2;
    for tokens in [1, 2, 3, 5, 16, 31, 32, 33, 70] {
        let projected = numbers(6, tokens * heads * HEAD * 3, 2.0);
        let part =
            |token: usize, part: usize, head: usize| &projected[((token * 3 + part) * heads + head) * HEAD..][..HEAD];
        let mut expected = Vec::new();
        for token in 0..tokens {
            for head in 0..heads {
                let score = |other| {
                    let products = part(token, 0, head).iter().zip(part(other, 1, head));
                    (products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / (HEAD as f64).sqrt()).exp()
                };
                let scores: Vec<f64> = (0..tokens).map(score).collect();
                let sum: f64 = scores.iter().sum();
                expected.extend((0..HEAD).map(|at| {
                    scores
                        .iter()
                        .zip(0..)
                        .map(|(score, other)| score * f64::from(part(other, 2, head)[at]))
                        .sum::<f64>()
                        / sum
                }));
            }
        }
        check(&format!("{tokens} tokens"), 1e-5, &expected, |kernel| {
            // What is left of another text is not seen.
            let (mut keys, mut scores) = (vec![f32::NAN; 10], vec![f32::NAN; 10_000]);
            let mut out = vec![0.0; tokens * heads * HEAD];
            kernel.run(Attend { projected: &projected, heads, keys: &mut keys, scores: &mut scores, out: &mut out });
            out
        });
    }
}

#[test]
fn rows_are_normalised_after_what_is_added() {
    let (rows, added) = (numbers(7, 64, 5.0), numbers(8, 64, 5.0));
    let norm = Norm { weight: numbers(9, 32, 2.0), bias: numbers(10, 32, 2.0) };
    let sums: Vec<f64> = rows.iter().zip(&added).map(|(a, b)| f64::from(*a) + f64::from(*b)).collect();
    let expected = sums.chunks_exact(32).flat_map(|row| {
        let mean = row.iter().sum::<f64>() / 32.0;
        let variance = row.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 32.0;
        let parameters = norm.weight.iter().zip(&norm.bias);
        let each = move |(number, (weight, bias)): (&f64, (&f32, &f32))| {
            (number - mean) / (variance + 1e-3).sqrt() * f64::from(*weight) + f64::from(*bias)
        };
        row.iter().zip(parameters).map(each).collect::<Vec<_>>()
    });
    check("normalised", 1e-5, &expected.collect::<Vec<_>>(), |kernel| {
        let mut rows = rows.clone();
        kernel.run(Normalize { rows: &mut rows, added: &added, norm: &norm, epsilon: 1e-3 });
        rows
    });
}

#[test]
fn gelu_is_the_exact_one() {
    // x and x * (1 + erf(x / sqrt(2))) / 2, with the error function of C's library.
    let known = [(0.0, 0.0), (1.0, 0.841_344_75), (-1.0, -0.158_655_25), (3.0, 2.995_950_3), (-3.0, -0.004_049_69)];
    let more = [(-9.0, 0.0), (0.01, 0.005_039_893), (-0.5, -0.154_268_77)];
    let known: Vec<(f32, f64)> = known.into_iter().chain(more).cycle().take(16).collect();
    let expected: Vec<f64> = known.iter().map(|(_, expected)| *expected).collect();
    check("gelu", 3e-7, &expected, |kernel| {
        let mut numbers: Vec<f32> = known.iter().map(|(x, _)| *x).collect();
        kernel.run(Gelu(&mut numbers));
        numbers
    });
}

#[test]
fn exponentials_are_right_down_to_the_smallest() {
    let portable = simd::Portable;
    for step in 0..8700 {
        let x = -f32::from(u16::try_from(step).unwrap()) / 100.0;
        let (found, expected) = (f64::from(exp(portable, x)), f64::from(x).exp());
        assert!((found / expected - 1.0).abs() < 4e-7, "{found} for {expected} at {x}");
    }
    assert!(exp(portable, f32::NEG_INFINITY) < 1e-37);
    assert!(gelu(portable, -1e30).abs() < 1e-6 && gelu(portable, 1e30) == 1e30);
}
