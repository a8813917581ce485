//! The pieces of words that the model knows, found by their text.

use std::io;

/// Pieces and their numbers, as one text and a table of hashes: half a megabyte where a map of strings takes five.
#[derive(Debug)]
pub(super) struct Vocabulary {
    text: Box<str>,
    /// Where each piece begins; one more at the end.
    starts: Box<[u32]>,
    slots: Slots,
    /// The bytes of the longest piece.
    longest: usize,
}

/// Numbers of pieces plus one, at the place of their hash or after it; 0 is free. In 16 bits where they are enough, as they are
/// for the vocabularies of most models.
#[derive(Debug)]
enum Slots {
    Narrow(Box<[u16]>),
    Wide(Box<[u32]>),
}

/// More than any vocabulary of this kind of model has.
const MOST: usize = 1 << 20;

impl Vocabulary {
    /// From pieces in the order of their numbers.
    pub(super) fn new<'a>(pieces: impl Iterator<Item = &'a str>) -> io::Result<Self> {
        let (mut text, mut starts) = (String::new(), vec![0_u32]);
        for piece in pieces {
            text.push_str(piece);
            let end = u32::try_from(text.len()).map_err(|_| invalid("the vocabulary is too large"))?;
            starts.push(end);
        }
        let count = starts.len() - 1;
        if count > MOST {
            return Err(invalid("the vocabulary is too large"));
        }
        let longest = starts.windows(2).map(|pair| (pair[1] - pair[0]) as usize).max().unwrap_or(0);
        let mut vocabulary =
            Self { longest, text: text.into_boxed_str(), starts: starts.into_boxed_slice(), slots: Slots::new(count) };
        for number in 0..count {
            let slot = vocabulary.slot(vocabulary.piece(number), "");
            // Of equal pieces the last counts, as in the reference.
            vocabulary.slots.set(slot, number);
        }
        Ok(vocabulary)
    }

    /// The number of the piece that reads `prefix` and then `rest`.
    pub(super) fn find(&self, prefix: &str, rest: &str) -> Option<u32> {
        self.slots.get(self.slot(prefix, rest))
    }

    /// The bytes of the longest piece.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// How many pieces there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The pieces in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|number| self.piece(number))
    }

    fn piece(&self, number: usize) -> &str {
        &self.text[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    /// The slot that holds the piece, or the free one where it would be.
    fn slot(&self, prefix: &str, rest: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(prefix, rest) & mask;
        // Half of the slots are free, so this ends.
        while let Some(number) = self.slots.get(at) {
            let piece = self.piece(number as usize);
            if piece.strip_prefix(prefix) == Some(rest) {
                break;
            }
            at = (at + 1) & mask;
        }
        at
    }
}

// === impl Slots ===

impl Slots {
    /// For so many pieces: a power of two, at least half of them free.
    fn new(count: usize) -> Self {
        let slots = (count * 2).next_power_of_two().max(2);
        if count < usize::from(u16::MAX) {
            Self::Narrow(vec![0; slots].into_boxed_slice())
        } else {
            Self::Wide(vec![0; slots].into_boxed_slice())
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Narrow(slots) => slots.len(),
            Self::Wide(slots) => slots.len(),
        }
    }

    fn get(&self, at: usize) -> Option<u32> {
        match self {
            Self::Narrow(slots) => u32::from(slots[at]),
            Self::Wide(slots) => slots[at],
        }
        .checked_sub(1)
    }

    /// Puts a number into a slot; it is one for which there is room by [`Slots::new`].
    fn set(&mut self, at: usize, number: usize) {
        match self {
            Self::Narrow(slots) => slots[at] = u16::try_from(number + 1).unwrap_or(0),
            Self::Wide(slots) => slots[at] = u32::try_from(number + 1).unwrap_or(0),
        }
    }
}

/// FNV-1a with its upper half folded in: pieces are a few bytes long, and nobody chooses the vocabulary to do harm.
fn hash(prefix: &str, rest: &str) -> usize {
    let bytes = prefix.bytes().chain(rest.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    usize::try_from((hash ^ (hash >> 32)) & 0xffff_ffff).unwrap_or(0)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_in_two_parts_or_one() {
        let vocabulary = Vocabulary::new(["a", "##b", "", "ab", "##"].into_iter()).unwrap();
        assert_eq!(vocabulary.len(), 5);
        let found: Vec<_> = vocabulary.pieces().map(|piece| vocabulary.find("", piece)).collect();
        assert_eq!(found, (0..5).map(Some).collect::<Vec<_>>());
        assert_eq!(vocabulary.find("##", "b"), Some(1));
        assert_eq!(vocabulary.find("##", ""), Some(4));
        assert_eq!(vocabulary.find("##", "a"), None);
    }

    #[test]
    fn a_large_vocabulary_has_wide_numbers() {
        for count in [65_534, 65_535, 70_000] {
            let pieces: Vec<String> = (0..count).map(|number| format!("p{number}")).collect();
            let vocabulary = Vocabulary::new(pieces.iter().map(String::as_str)).unwrap();
            assert_eq!(matches!(vocabulary.slots, Slots::Wide(_)), count >= 65_535);
            for number in [0, 1, 40_000, count - 1] {
                assert_eq!(vocabulary.find("p", &number.to_string()), u32::try_from(number).ok());
            }
            assert_eq!(vocabulary.find("p", &count.to_string()), None);
        }
    }

    #[test]
    fn a_vocabulary_of_nothing_knows_nothing() {
        let vocabulary = Vocabulary::new(std::iter::empty()).unwrap();
        assert_eq!(vocabulary.find("", "a"), None);
    }
}
