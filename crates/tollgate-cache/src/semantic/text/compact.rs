//! Analyses as bytes, to be stored with entries.

use std::fmt;

use super::analysis::{Analysis, Content, Question, Tense};
use super::lexicon::Alternative;

/// The first byte. It changes with the format and with the word lists, since hashes of stems are stored.
const VERSION: u8 = 1;

/// Bytes that are not an analysis of this version; its entry is to be analysed anew or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes are not of this version's format")
    }
}

impl std::error::Error for Malformed {}

// === impl Analysis ===

impl Analysis {
    /// The compact form, little-endian: about two bytes for a character and ten for a word of content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.content.len() * 10 + self.trigrams.len() * 2);
        bytes.push(VERSION);
        bytes.extend(self.signature.to_le_bytes());
        bytes.extend(self.bytes.to_le_bytes());
        bytes.extend(self.time_units.to_le_bytes());
        bytes.extend([
            self.language,
            self.question as u8,
            self.tense as u8,
            self.modality,
            self.negations,
            self.asked_role,
        ]);
        bytes.extend([self.ands, self.ors, u8::from(self.is_long) << 1 | u8::from(self.has_literals)]);
        for length in [self.content.len(), self.alternatives.len(), self.trigrams.len(), self.pronouns.len()] {
            bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        }
        for content in &self.content {
            bytes.extend(content.word.to_le_bytes());
            bytes.extend(content.root.to_le_bytes());
            let kind = content.marker << 2 | u8::from(content.is_entity) << 1 | u8::from(content.is_weak);
            bytes.extend([kind, content.weight]);
        }
        bytes.extend(self.alternatives.iter().flat_map(|it| [it.group, it.value]));
        bytes.extend(self.trigrams.iter().flat_map(|trigram| trigram.to_le_bytes()));
        bytes.extend(&self.pronouns);
        bytes
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes were not written by [`Self::to_bytes`] of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read(bytes).ok_or(Malformed)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let mut analysis = Self {
            signature: u64::from_le_bytes(reader.array()?),
            bytes: u32::from_le_bytes(reader.array()?),
            time_units: reader.short()?,
            language: reader.byte()?,
            question: question(reader.byte()?)?,
            tense: tense(reader.byte()?)?,
            modality: reader.byte()?,
            negations: reader.byte()?,
            asked_role: reader.byte()?,
            ands: reader.byte()?,
            ors: reader.byte()?,
            ..Self::default()
        };
        let bits = reader.byte()?;
        (analysis.is_long, analysis.has_literals) = (bits & 2 != 0, bits & 1 != 0);
        let [content, alternatives, trigrams, pronouns] =
            [reader.short()?, reader.short()?, reader.short()?, reader.short()?];
        for _ in 0..content {
            analysis.content.push(reader.content()?);
        }
        for _ in 0..alternatives {
            let [group, value] = reader.array()?;
            analysis.alternatives.push(Alternative { group, value });
        }
        for _ in 0..trigrams {
            analysis.trigrams.push(reader.short()?);
        }
        for _ in 0..pronouns {
            analysis.pronouns.push(reader.byte()?);
        }
        reader.0.is_empty().then_some(analysis)
    }
}

struct Reader<'a>(&'a [u8]);

// === impl Reader ===

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn content(&mut self) -> Option<Content> {
        let word = u32::from_le_bytes(self.array()?);
        let root = u32::from_le_bytes(self.array()?);
        let [kind, weight] = self.array()?;
        // A marker is a bit of a set of 32 when roles are compared.
        let marker = (kind >> 2).min(31);
        Some(Content { word, root, marker, weight, is_entity: kind & 2 != 0, is_weak: kind & 1 != 0 })
    }
}

fn question(byte: u8) -> Option<Question> {
    use Question::{How, HowDegree, HowMany, HowMuch, Instruction, Polar, What, When, Where, Who, Why};
    [Instruction, Polar, What, Who, When, Where, Why, How, HowMany, HowMuch, HowDegree]
        .into_iter()
        .find(|it| *it as u8 == byte)
}

fn tense(byte: u8) -> Option<Tense> {
    [Tense::Present, Tense::Past, Tense::Future, Tense::Habitual].into_iter().find(|it| *it as u8 == byte)
}
