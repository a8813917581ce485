//! Tokens and vectors of the real model beside those of the reference, which `tests/reference.py` has written.

use tollgate_embed::{Encoder, Model, Tokenizer};

use crate::real;

/// A prompt with the reference's tokens and vector.
struct Sample {
    text: String,
    tokens: Vec<u32>,
    vector: Vec<f32>,
}

impl Sample {
    /// Whether slow kernels can be asked for it in a test.
    fn is_short(&self) -> bool {
        self.tokens.len() <= 80
    }
}

fn lines() -> impl Iterator<Item = serde_json::Value> {
    include_str!("reference.jsonl").lines().map(|line| serde_json::from_str(line).unwrap())
}

fn samples() -> Vec<Sample> {
    let samples = lines().filter(|line| line["text"].is_string());
    let sample = |line: serde_json::Value| Sample {
        text: line["text"].as_str().unwrap().to_owned(),
        tokens: serde_json::from_value(line["tokens"].clone()).unwrap(),
        vector: numbers(line["vector"].as_str().unwrap()),
    };
    samples.map(sample).collect()
}

/// Half-precision numbers in hexadecimal; the vectors have neither infinities nor numbers too small for normal form that
/// would matter.
fn numbers(text: &str) -> Vec<f32> {
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
    let bytes: Vec<u8> = bytes.collect();
    let number = |bytes: &[u8; 2]| {
        let bits = u16::from_le_bytes(*bytes);
        let size = f32::from(bits & 0x3ff) / 1024.0 + f32::from(bits & 0x7c00 != 0);
        let exponent = i32::from((bits >> 10 & 0x1f).max(1)) - 15;
        (if bits >> 15 == 1 { -size } else { size }) * 2_f32.powi(exponent)
    };
    bytes.as_chunks().0.iter().map(number).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn encoder() -> Option<(Encoder, tempfile::TempDir)> {
    let (folder, cache) = (real()?, tempfile::tempdir().unwrap());
    let encoder = Model::at(folder).cache_folder(cache.path()).open_encoder().unwrap();
    Some((encoder, cache))
}

#[test]
fn tokens_are_those_of_the_reference() {
    let Some(folder) = real() else { return };
    let tokenizer = Tokenizer::open(&folder).unwrap();
    for sample in samples() {
        assert_eq!(tokenizer.encode(&sample.text, 256), sample.tokens, "{:?}", sample.text);
    }
}

#[test]
fn tokens_around_every_character_are_those_of_the_reference() {
    let Some(folder) = real() else { return };
    let tokenizer = Tokenizer::open(&folder).unwrap();
    let line = lines().find(|line| line["sweep"].is_array()).unwrap();
    let expected: Vec<u32> = serde_json::from_value(line["sweep"].clone()).unwrap();
    for (block, expected) in (0_u32..).zip(expected) {
        let mut checksum = crc32fast::Hasher::new();
        for character in (block * 4096..(block + 1) * 4096).filter_map(char::from_u32) {
            let text = format!("a{character}b {character}e\u{301}");
            let tokens = tokenizer.encode(&text, usize::MAX);
            tokens.iter().for_each(|token| checksum.update(&token.to_le_bytes()));
        }
        assert_eq!(checksum.finalize(), expected, "from U+{:04X} on", block * 4096);
    }
}

#[test]
fn both_files_of_the_vocabulary_say_the_same() {
    let Some(folder) = real() else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (a, b) = (Tokenizer::from_lines(&read("vocab.txt")), Tokenizer::from_json(&read("tokenizer.json")));
    let (a, b) = (a.unwrap(), b.unwrap());
    for sample in samples() {
        assert_eq!(a.encode(&sample.text, 512), b.encode(&sample.text, 512));
    }
}

#[test]
fn vectors_are_those_of_the_reference_with_every_kernel() {
    let Some((mut encoder, _cache)) = encoder() else { return };
    let samples = samples();
    let fastest = encoder.kernel();
    encoder.for_each_kernel(|encoder| {
        for sample in samples.iter().filter(|sample| encoder.kernel() == fastest || sample.is_short()) {
            let vector = encoder.embed(&sample.text);
            let cosine = cosine(&vector, &sample.vector);
            assert!(cosine >= 0.999, "{cosine} with {} for {:?}", encoder.kernel(), sample.text);
            let length: f32 = vector.iter().map(|number| number * number).sum();
            assert!((length - 1.0).abs() < 1e-5, "{length} for {:?}", sample.text);
        }
    });
}

#[test]
fn kernels_agree_with_each_other() {
    let Some((mut encoder, _cache)) = encoder() else { return };
    let samples: Vec<Sample> = samples().into_iter().filter(Sample::is_short).collect();
    let mut all: Vec<(&str, Vec<Vec<f32>>)> = Vec::new();
    encoder.for_each_kernel(|encoder| {
        all.push((encoder.kernel(), samples.iter().map(|sample| encoder.embed(&sample.text)).collect()));
    });
    let (_, portable) = all.pop().unwrap();
    for (kernel, vectors) in &all {
        for ((vector, portable), sample) in vectors.iter().zip(&portable).zip(&samples) {
            let cosine = cosine(vector, portable);
            assert!(cosine > 0.99999, "{cosine} with {kernel} for {:?}", sample.text);
        }
    }
}

#[test]
fn a_batch_gives_what_its_texts_give_alone() {
    let Some((encoder, _cache)) = encoder() else { return };
    let samples = samples();
    let texts: Vec<&str> = samples.iter().map(|sample| sample.text.as_str()).collect();
    let batch = encoder.embed_batch(&texts);
    assert_eq!(batch.len(), texts.len());
    for (text, vector) in texts.iter().zip(batch) {
        assert_eq!(encoder.embed(text), vector, "{text:?}");
    }
    assert!(encoder.embed_batch::<&str>(&[]).is_empty());
}

#[test]
fn many_threads_get_the_same_vectors() {
    let Some((encoder, _cache)) = encoder() else { return };
    let texts = ["one", "a longer text of some more words", "?"];
    let expected = texts.map(|text| encoder.embed(text));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(texts.map(|text| encoder.embed(text)), expected));
        }
    });
}
