//! Trains the model behind `Volatility`: a logistic regression over hashed n-grams, written as signed bytes.
//!
//! Reads `situatedqa_temp_id_train.jsonl`, and measures on `situatedqa_temp_id_dev.jsonl`, where each line has a `question`
//! and `is_dependent`. Only weights are written, no text.

use std::path::Path;

use serde::Deserialize;
use tollgate_cache::semantic::text::buckets;

use crate::{Result, root};

const WEIGHTS: &str = "crates/tollgate-cache/src/semantic/text/volatility/weights.bin";
const BUCKETS: usize = 1 << 15;
const EPOCHS: usize = 20;
/// Step of AdaGrad, and how strongly weights are pulled to zero.
const STEP: f32 = 0.1;
const DECAY: f32 = 2e-4;

#[derive(Deserialize)]
struct Row {
    question: String,
    is_dependent: String,
}

struct Example {
    buckets: Vec<u16>,
    changes: bool,
}

struct Model {
    weights: Vec<f32>,
    bias: f32,
}

pub(super) fn train(data: &Path) -> Result<()> {
    let examples = read(&data.join("situatedqa_temp_id_train.jsonl"))?;
    let model = Model::fit(&examples);
    let (bytes, model) = model.quantised();
    std::fs::write(root().join(WEIGHTS), &bytes)?;
    println!("{WEIGHTS} written: {} examples, {} bytes", examples.len(), bytes.len());
    let held_out = data.join("situatedqa_temp_id_dev.jsonl");
    if held_out.is_file() {
        model.report(&read(&held_out)?);
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Example>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let example = |line: &str| -> Result<Example> {
        let row: Row = serde_json::from_str(line)?;
        Ok(Example { buckets: buckets(&row.question), changes: row.is_dependent == "yes" })
    };
    text.lines().map(example).collect()
}

// === impl Model ===

impl Model {
    fn fit(examples: &[Example]) -> Self {
        let mut model = Self { weights: vec![0.0; BUCKETS], bias: 0.0 };
        let (mut squares, mut bias_square) = (vec![1e-6_f32; BUCKETS], 1e-6_f32);
        let mut random = fastrand::Rng::with_seed(1);
        let mut order: Vec<usize> = (0..examples.len()).collect();
        for _ in 0..EPOCHS {
            random.shuffle(&mut order);
            for example in order.iter().map(|at| &examples[*at]) {
                let error = model.chance(example) - f32::from(u8::from(example.changes));
                let part = error / norm(example);
                for bucket in &example.buckets {
                    let at = usize::from(*bucket);
                    let slope = part + DECAY * model.weights[at];
                    squares[at] += slope * slope;
                    model.weights[at] -= STEP * slope / squares[at].sqrt();
                }
                bias_square += error * error;
                model.bias -= STEP * error / bias_square.sqrt();
            }
        }
        model
    }

    fn chance(&self, example: &Example) -> f32 {
        let sum: f32 = example.buckets.iter().map(|bucket| self.weights[usize::from(*bucket)]).sum();
        1.0 / (1.0 + (-(self.bias + sum / norm(example))).exp())
    }

    /// The bytes that ship, and the model that they are read back as.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a signed byte")]
    fn quantised(&self) -> (Vec<u8>, Self) {
        let mut sizes: Vec<f32> =
            self.weights.iter().map(|weight| weight.abs()).filter(|weight| *weight > 0.0).collect();
        sizes.sort_by(f32::total_cmp);
        // The largest thousandth is clipped, so that the others have more steps.
        let largest = sizes.get(sizes.len() * 999 / 1000).copied().unwrap_or(1.0);
        let scale = largest / 127.0;
        let steps: Vec<i8> =
            self.weights.iter().map(|weight| (weight / scale).round().clamp(-127.0, 127.0) as i8).collect();
        let mut bytes = Vec::with_capacity(8 + BUCKETS);
        bytes.extend(scale.to_le_bytes());
        bytes.extend(self.bias.to_le_bytes());
        bytes.extend(steps.iter().map(|step| step.cast_unsigned()));
        let weights = steps.iter().map(|step| f32::from(*step) * scale).collect();
        (bytes, Self { weights, bias: self.bias })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn report(&self, examples: &[Example]) {
        let mut scored: Vec<(f32, bool)> =
            examples.iter().map(|example| (self.chance(example), example.changes)).collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        let changing = scored.iter().filter(|(_, changes)| *changes).count();
        let (mut found, mut above) = (0_usize, 0_usize);
        let mut goals = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97].iter().peekable();
        for (at, (chance, changes)) in scored.iter().enumerate() {
            found += usize::from(*changes);
            above += if *changes { 0 } else { found };
            let recall = found as f64 / changing as f64;
            while goals.next_if(|goal| recall >= **goal).is_some() {
                println!(
                    "recall {recall:.3}: precision {:.3} from a chance of {chance:.3}",
                    found as f64 / (at + 1) as f64
                );
            }
        }
        let pairs = changing * (scored.len() - changing);
        println!("AUC {:.4} on {} held out", above as f64 / pairs as f64, scored.len());
    }
}

/// Texts of any length have the same scale, as where the model is used.
fn norm(example: &Example) -> f32 {
    f32::from(u16::try_from(example.buckets.len()).unwrap_or(u16::MAX)).sqrt().max(1.0)
}
