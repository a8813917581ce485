//! The parts of a model: how they follow each other in a quantised file, from tensors to it and from it to what is used.

use std::io::{self, Write};
use std::ops::Range;

use super::config::Config;
use super::mapping::Bytes;
use super::quantize::{self, BLOCK, Block, GROUP, PANEL};
use super::safetensors::Tensors;

/// A model, ready for use.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) config: Config,
    /// After the sum of the embeddings.
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
    bytes: Bytes,
    words: Range<usize>,
    positions: Range<usize>,
}

/// One layer of the encoder.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Query, key and value, one after the other.
    pub(crate) attention: Linear,
    pub(crate) output: Linear,
    pub(crate) output_norm: Norm,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    pub(crate) down_norm: Norm,
}

/// A matrix and what is added to its outputs.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    pub(crate) bias: Vec<f32>,
    blocks: Range<usize>,
}

/// Factors and offsets of a layer normalisation.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Writes the quantised form of a model, part after part, in the order in which [`Weights::read`] reads.
pub(super) fn write(config: &Config, tensors: &mut Tensors, sink: &mut dyn Write) -> io::Result<()> {
    let hidden = config.hidden;
    let mut writer = Writer { tensors, sink, packed: Vec::new() };
    writer.norm("embeddings.LayerNorm", hidden)?;
    for layer in 0..config.layers {
        let part = |name: &str| format!("encoder.layer.{layer}.{name}");
        let attention = ["query", "key", "value"].map(|name| part(&format!("attention.self.{name}")));
        writer.linear(&attention, hidden, hidden)?;
        writer.linear(&[part("attention.output.dense")], hidden, hidden)?;
        writer.norm(&part("attention.output.LayerNorm"), hidden)?;
        writer.linear(&[part("intermediate.dense")], config.intermediate, hidden)?;
        writer.linear(&[part("output.dense")], hidden, config.intermediate)?;
        writer.norm(&part("output.LayerNorm"), hidden)?;
    }
    writer.positions(config)?;
    writer.words(config)
}

/// The bytes that [`write`] writes.
pub(super) fn size(config: &Config) -> usize {
    let mut cursor = Cursor { bytes: None, at: 0 };
    cursor.parts(config);
    cursor.words(config);
    cursor.at
}

struct Writer<'a> {
    tensors: &'a mut Tensors,
    sink: &'a mut dyn Write,
    packed: Vec<u8>,
}

/// Takes parts one after the other; without bytes it only counts.
struct Cursor<'a> {
    bytes: Option<&'a [u8]>,
    at: usize,
}

// === impl Weights ===

impl Weights {
    /// Finds the parts in what [`write`] has written for the same configuration.
    pub(super) fn read(config: Config, bytes: Bytes, start: usize) -> Self {
        let mut cursor = Cursor { bytes: Some(&bytes), at: start };
        let (norm, layers, positions) = cursor.parts(&config);
        let words = cursor.words(&config);
        Self { config, norm, layers, words, positions, bytes }
    }

    /// The blocks of a matrix, panel after panel.
    pub(crate) fn blocks(&self, linear: &Linear) -> &[Block] {
        self.bytes[linear.blocks.clone()].as_chunks().0
    }

    /// Writes the embedding of a token to `row`, and adds that of its position. A token that the table does not have is
    /// nothing. `packed` is room that is used again and again.
    pub(crate) fn embed(&self, token: u32, position: usize, packed: &mut Vec<u8>, row: &mut [f32]) {
        if (token as usize) < self.config.vocabulary {
            packed.resize(quantize::row_size(row.len()), 0);
            self.bytes.copy(self.words.start + token as usize * packed.len(), packed);
            quantize::unpack_row(packed, row);
        } else {
            row.fill(0.0);
        }
        let positions = &self.bytes[self.positions.clone()][position * row.len() * 4..];
        for (number, bytes) in row.iter_mut().zip(positions.as_chunks().0) {
            *number += f32::from_le_bytes(*bytes);
        }
    }
}

// === impl Writer ===

impl Writer<'_> {
    fn numbers(&mut self, numbers: &[f32]) -> io::Result<()> {
        self.packed.clear();
        self.packed.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self.sink.write_all(&self.packed)
    }

    fn norm(&mut self, name: &str, width: usize) -> io::Result<()> {
        for part in ["weight", "bias"] {
            let numbers = self.tensors.read(&format!("{name}.{part}"), &[width])?;
            self.numbers(&numbers)?;
        }
        Ok(())
    }

    /// Matrices with the same inputs, as one.
    fn linear(&mut self, names: &[String], outputs: usize, inputs: usize) -> io::Result<()> {
        for name in names {
            let weights = self.tensors.read(&format!("{name}.weight"), &[outputs, inputs])?;
            self.packed.clear();
            quantize::pack(&weights, inputs, &mut self.packed);
            self.sink.write_all(&self.packed)?;
        }
        for name in names {
            let bias = self.tensors.read(&format!("{name}.bias"), &[outputs])?;
            self.numbers(&bias)?;
        }
        Ok(())
    }

    /// There is only one type of segment in what we embed, so its embedding is added to every position beforehand.
    fn positions(&mut self, config: &Config) -> io::Result<()> {
        let types = self.tensors.read("embeddings.token_type_embeddings.weight", &[2, config.hidden])?;
        let mut positions =
            self.tensors.read("embeddings.position_embeddings.weight", &[config.positions, config.hidden])?;
        for row in positions.chunks_exact_mut(config.hidden) {
            row.iter_mut().zip(&types).for_each(|(number, kind)| *number += kind);
        }
        self.numbers(&positions)
    }

    fn words(&mut self, config: &Config) -> io::Result<()> {
        let words = self.tensors.read("embeddings.word_embeddings.weight", &[config.vocabulary, config.hidden])?;
        for row in words.chunks_exact(config.hidden) {
            self.packed.clear();
            quantize::pack_row(row, &mut self.packed);
            self.sink.write_all(&self.packed)?;
        }
        Ok(())
    }
}

// === impl Cursor ===

impl Cursor<'_> {
    fn take(&mut self, size: usize) -> Range<usize> {
        let start = self.at;
        self.at += size;
        start..self.at
    }

    fn numbers(&mut self, count: usize) -> Vec<f32> {
        let range = self.take(count * 4);
        let bytes = self.bytes.map(|bytes| &bytes[range]).unwrap_or_default();
        bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    fn norm(&mut self, width: usize) -> Norm {
        Norm { weight: self.numbers(width), bias: self.numbers(width) }
    }

    fn linear(&mut self, outputs: usize, inputs: usize) -> Linear {
        let blocks = self.take(outputs / PANEL * (inputs / GROUP) * BLOCK);
        Linear { inputs, bias: self.numbers(outputs), blocks }
    }

    fn parts(&mut self, config: &Config) -> (Norm, Vec<Layer>, Range<usize>) {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        let norm = self.norm(hidden);
        let layers = (0..config.layers).map(|_| Layer {
            attention: self.linear(3 * hidden, hidden),
            output: self.linear(hidden, hidden),
            output_norm: self.norm(hidden),
            up: self.linear(intermediate, hidden),
            down: self.linear(hidden, intermediate),
            down_norm: self.norm(hidden),
        });
        let layers = layers.collect();
        (norm, layers, self.take(config.positions * hidden * 4))
    }

    fn words(&mut self, config: &Config) -> Range<usize> {
        self.take(config.vocabulary * quantize::row_size(config.hidden))
    }
}
