//! `WordPiece`, as the model's reference tokenizer does it.
//!
//! A text is cleaned, put in lower case, freed of accents and split into words at spaces and punctuation; each word is the
//! longest piece of the vocabulary that it begins with, then the longest with which the rest goes on, and so forth. The
//! algorithm is described in Devlin et al., "BERT" (2019), and Wu et al., "Google's Neural Machine Translation System"
//! (2016), section 4.1; which characters are what follows the reference implementation, see [`unicode`].

mod normalize;
#[cfg(test)]
mod tests;
mod unicode;
mod vocabulary;

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::vocabulary::Vocabulary;

/// Turns text into the numbers of the vocabulary's pieces.
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    /// The special tokens, longest first, which stand for themselves where they are written in a text.
    special: Vec<(&'static str, u32)>,
    unknown: u32,
    start: u32,
    end: u32,
}

/// The special tokens of the reference.
const SPECIAL: [&str; 5] = ["[MASK]", "[CLS]", "[PAD]", "[SEP]", "[UNK]"];

/// A word of more characters is not looked up, as in the reference.
const LONGEST_WORD: usize = 100;

/// As far as `tokenizer.json` is needed.
#[derive(Deserialize)]
struct Document {
    model: DocumentModel,
}

#[derive(Deserialize)]
struct DocumentModel {
    vocab: HashMap<String, u32>,
}

// === impl Tokenizer ===

impl Tokenizer {
    /// Reads the vocabulary of a model's folder: `vocab.txt`, or `tokenizer.json` if that is not there.
    ///
    /// # Errors
    /// If neither can be read, or what is there is no vocabulary of this kind.
    pub fn open(folder: &Path) -> io::Result<Self> {
        match fs::read_to_string(folder.join("vocab.txt")) {
            Ok(text) => Self::from_lines(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::from_json(&fs::read_to_string(folder.join("tokenizer.json"))?)
            }
            Err(error) => Err(error),
        }
    }

    /// From the text of a `vocab.txt`: a piece on each line, numbered from 0.
    ///
    /// # Errors
    /// If a special token is missing.
    pub fn from_lines(text: &str) -> io::Result<Self> {
        Self::new(Vocabulary::new(text.lines())?)
    }

    /// From the text of a `tokenizer.json`, of which only the vocabulary is read.
    ///
    /// # Errors
    /// If it is not such a document, its numbers have gaps, or a special token is missing.
    pub fn from_json(text: &str) -> io::Result<Self> {
        let document: Document = serde_json::from_str(text)?;
        let mut pieces: Vec<(u32, &str)> =
            document.model.vocab.iter().map(|(piece, number)| (*number, piece.as_str())).collect();
        pieces.sort_unstable();
        if pieces.iter().zip(0..).any(|((number, _), expected)| *number != expected) {
            return Err(invalid("the vocabulary's numbers have gaps"));
        }
        Self::new(Vocabulary::new(pieces.into_iter().map(|(_, piece)| piece))?)
    }

    /// The tokens of a text between those for start and end, at most `limit` in all; what is beyond is cut off.
    #[must_use]
    pub fn encode(&self, text: &str, limit: usize) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(limit.min(text.len() + 2));
        self.encode_into(text, limit, &mut tokens);
        tokens
    }

    /// The number of tokens that a text has, those for start and end included, if nothing is cut off.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        let mut count = 2;
        self.each_token(text, |_| {
            count += 1;
            true
        });
        count
    }

    /// The number of pieces in the vocabulary.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// Adds the tokens of a text to `tokens`.
    pub(crate) fn encode_into(&self, text: &str, limit: usize, tokens: &mut Vec<u32>) {
        let last = tokens.len() + limit.max(2) - 1;
        tokens.push(self.start);
        if limit > 2 {
            self.each_token(text, |token| {
                tokens.push(token);
                tokens.len() < last
            });
        }
        tokens.push(self.end);
    }

    /// A digest of the vocabulary: with another one, the same text means something else.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for piece in self.vocabulary.pieces() {
            digest.update(piece.as_bytes());
            digest.update(b"\n");
        }
        digest.finalize().into()
    }

    fn new(vocabulary: Vocabulary) -> io::Result<Self> {
        let find = |name: &str| {
            vocabulary.find("", name).ok_or_else(|| invalid(&format!("the vocabulary has no piece `{name}`")))
        };
        let special = SPECIAL.into_iter().map(|name| Ok((name, find(name)?))).collect::<io::Result<_>>()?;
        let (unknown, start, end) = (find("[UNK]")?, find("[CLS]")?, find("[SEP]")?);
        Ok(Self { vocabulary, special, unknown, start, end })
    }

    /// Gives all tokens but start and end, until `token` answers false.
    fn each_token(&self, text: &str, mut token: impl FnMut(u32) -> bool) {
        let (mut rest, mut buffer, mut goes_on) = (text, String::new(), true);
        while goes_on && !rest.is_empty() {
            let (plain, special, after) = self.next_special(rest);
            normalize::words(plain, &mut buffer, |word| {
                goes_on = self.each_piece(word, &mut token);
                goes_on
            });
            if let (true, Some(special)) = (goes_on, special) {
                goes_on = token(special);
            }
            rest = after;
        }
    }

    /// What comes before the first special token, that token, and what comes after it.
    fn next_special<'t>(&self, text: &'t str) -> (&'t str, Option<u32>, &'t str) {
        for (at, _) in text.match_indices('[') {
            let found = self.special.iter().find(|(name, _)| text[at..].starts_with(name));
            if let Some((name, number)) = found {
                return (&text[..at], Some(*number), &text[at + name.len()..]);
            }
        }
        (text, None, "")
    }

    /// The pieces of a word, or the unknown token alone if some of it is in no piece.
    fn each_piece(&self, word: &str, token: &mut impl FnMut(u32) -> bool) -> bool {
        if word.chars().nth(LONGEST_WORD).is_some() {
            return token(self.unknown);
        }
        // A word has at most as many pieces as characters.
        let (mut pieces, mut count, mut from) = ([0; LONGEST_WORD], 0, 0);
        while from < word.len() {
            let Some((number, end)) = self.longest_piece(word, from) else { return token(self.unknown) };
            pieces[count] = number;
            count += 1;
            from = end;
        }
        pieces[..count].iter().all(|piece| token(*piece))
    }

    /// The longest piece of a word from a place on, and where it ends.
    fn longest_piece(&self, word: &str, from: usize) -> Option<(u32, usize)> {
        let prefix = if from == 0 { "" } else { "##" };
        // Without this, unknown words of a hundred characters would be looked up five thousand times each.
        let rest = start_of(&word[from..], self.vocabulary.longest());
        let mut ends = rest.char_indices().rev().map(|(at, character)| at + character.len_utf8());
        ends.find_map(|end| Some((self.vocabulary.find(prefix, &rest[..end])?, from + end)))
    }
}

/// The characters that fit into so many bytes.
fn start_of(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
