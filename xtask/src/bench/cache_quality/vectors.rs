//! Vectors of all texts, kept between runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tollgate_embed::Model;

use crate::Result;

/// The vectors of texts, by digest of the text.
#[derive(Debug)]
pub(super) struct Vectors {
    by_text: HashMap<u64, Vec<f32>>,
}

/// Texts that are embedded at once.
const BATCH: usize = 64;
/// Batches between two notes of how far it is, and between two writes, so that a run that is stopped was not for nothing.
const NOTED: usize = 20;
const WRITTEN: usize = 120;

// === impl Vectors ===

impl Vectors {
    /// The vectors of these texts, from the file of earlier runs or from the encoder.
    pub(super) fn of<'a>(model: &Path, texts: impl Iterator<Item = &'a str>) -> Result<Self> {
        let encoder = Model::open(model)?;
        let file = path(encoder.id());
        let mut by_text = read(&file, encoder.dimensions()).unwrap_or_default();
        let mut missing: Vec<&str> = texts.filter(|text| !by_text.contains_key(&digest(text))).collect();
        missing.sort_unstable();
        missing.dedup();
        for (at, batch) in missing.chunks(BATCH).enumerate() {
            if at % NOTED == 0 {
                eprint!("\rembedding {} of {} texts ", at * BATCH, missing.len());
            }
            if at % WRITTEN == WRITTEN - 1 {
                write(&file, &by_text)?;
            }
            let vectors = encoder.embed_batch(batch);
            by_text.extend(batch.iter().zip(vectors).map(|(text, vector)| (digest(text), vector.to_vec())));
        }
        if !missing.is_empty() {
            eprintln!();
            write(&file, &by_text)?;
        }
        Ok(Self { by_text })
    }

    pub(super) fn get(&self, text: &str) -> Result<&[f32]> {
        self.by_text.get(&digest(text)).map(Vec::as_slice).ok_or_else(|| "a text has no vector".into())
    }
}

/// Cosine similarity of vectors of length one, in lanes that the compiler can put side by side.
pub(super) fn similarity(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

pub(super) fn digest(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    digest.iter().take(8).fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}

fn path(encoder: &str) -> PathBuf {
    crate::target_dir().join("cache-quality").join(format!("{:016x}.vectors", digest(encoder)))
}

fn read(file: &Path, dimensions: usize) -> Option<HashMap<u64, Vec<f32>>> {
    let bytes = std::fs::read(file).ok()?;
    let records = bytes.chunks_exact(8 + 4 * dimensions);
    let record = |record: &[u8]| {
        let (digest, vector) = record.split_first_chunk::<8>()?;
        let vector = vector.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
        Some((u64::from_le_bytes(*digest), vector))
    };
    records.map(record).collect()
}

fn write(file: &Path, by_text: &HashMap<u64, Vec<f32>>) -> Result<()> {
    let mut bytes = Vec::new();
    for (digest, vector) in by_text {
        bytes.extend_from_slice(&digest.to_le_bytes());
        vector.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Whole or not at all: a file that ends within a vector would be read as another's.
    let new = file.with_extension("new");
    std::fs::write(&new, bytes)?;
    Ok(std::fs::rename(new, file)?)
}
