//! Counts of tokens in the least memory.

use tollgate_core::Usage;

/// Counts of tokens as they are kept: which of them are known, as bits, and then those alone, each in as few bytes as it needs
/// ([LEB128][1]: seven bits of a number in each byte, the lowest first). The two to five counts that answers come with have
/// room in sixteen bytes, and nothing is allocated for them; as [`Usage`] they take 200.
///
/// It is a form for memory alone, and never written down.
///
/// [1]: https://en.wikipedia.org/wiki/LEB128
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedUsage(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Inline([u8; ROOM]),
    /// More, or larger, counts than there is room for.
    Whole(Box<Usage>),
}

/// What is left of sixteen bytes beside the mark which form it is.
const ROOM: usize = 15;
/// Bytes of the bits that tell which counts are known.
const HEAD: usize = 2;
const COUNTS: usize = 12;
/// The bit of [`Usage::estimated`], after those of the counts.
const ESTIMATED: u16 = 1 << COUNTS;

// === impl PackedUsage ===

impl PackedUsage {
    /// Packs counts.
    #[must_use]
    pub fn new(usage: &Usage) -> Self {
        Self(pack(*usage).map_or_else(|| Form::Whole(Box::new(*usage)), Form::Inline))
    }

    /// All counts.
    #[must_use]
    pub fn unpack(&self) -> Usage {
        match &self.0 {
            Form::Inline(bytes) => {
                let mut counts = Counts::of(bytes);
                let mut usage = Usage { estimated: counts.known & ESTIMATED != 0, ..Usage::default() };
                for count in in_order(&mut usage) {
                    *count = counts.next();
                }
                usage
            }
            Form::Whole(usage) => **usage,
        }
    }

    /// [`Usage::input`] and [`Usage::output`], without the work for the others.
    #[must_use]
    pub fn input_and_output(&self) -> (Option<u64>, Option<u64>) {
        match &self.0 {
            Form::Inline(bytes) => {
                let mut counts = Counts::of(bytes);
                (counts.next(), counts.next())
            }
            Form::Whole(usage) => (usage.input, usage.output),
        }
    }

    /// How many bytes of memory are allocated for it.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.0 {
            Form::Inline(_) => 0,
            Form::Whole(_) => size_of::<Usage>(),
        }
    }
}

impl From<Usage> for PackedUsage {
    fn from(usage: Usage) -> Self {
        Self::new(&usage)
    }
}

/// `None` if there is not enough room.
fn pack(mut usage: Usage) -> Option<[u8; ROOM]> {
    let mut bytes = [0; ROOM];
    let (head, body) = bytes.split_at_mut(HEAD);
    let mut known = if usage.estimated { ESTIMATED } else { 0 };
    let mut places = body.iter_mut();
    for (number, count) in in_order(&mut usage).into_iter().enumerate() {
        let Some(mut rest) = *count else { continue };
        known |= 1 << number;
        loop {
            let place = places.next()?;
            *place = rest.to_le_bytes()[0] & 0x7f;
            rest >>= 7;
            if rest == 0 {
                break;
            }
            *place |= 0x80;
        }
    }
    head.copy_from_slice(&known.to_le_bytes());
    Some(bytes)
}

/// The counts, in the order in which they are packed: those first that are asked for without the others.
fn in_order(usage: &mut Usage) -> [&mut Option<u64>; COUNTS] {
    // Taken apart with every member by its name, so that one that is added is not forgotten here.
    let Usage {
        input,
        output,
        cache_read,
        cache_creation,
        cache_creation_1h,
        reasoning,
        audio_input,
        audio_output,
        image_input,
        image_output,
        images,
        searches,
        estimated: _,
    } = usage;
    [
        input,
        output,
        cache_read,
        cache_creation,
        cache_creation_1h,
        reasoning,
        audio_input,
        audio_output,
        image_input,
        image_output,
        images,
        searches,
    ]
}

/// Reads one count after the other.
struct Counts<'a> {
    known: u16,
    next: u32,
    bytes: std::slice::Iter<'a, u8>,
}

// === impl Counts ===

impl<'a> Counts<'a> {
    fn of(bytes: &'a [u8; ROOM]) -> Self {
        let (head, body) = bytes.split_at(HEAD);
        let known = head.iter().rev().fold(0, |known, byte| known << 8 | u16::from(*byte));
        Self { known, next: 0, bytes: body.iter() }
    }

    fn next(&mut self) -> Option<u64> {
        let is_known = self.known >> self.next & 1 == 1;
        self.next += 1;
        if !is_known {
            return None;
        }
        let (mut count, mut shift) = (0, 0);
        loop {
            let byte = self.bytes.next()?;
            count |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Of every length, and none.
    fn count() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![Just(None), (any::<u64>(), 0..64u32).prop_map(|(bits, shift)| Some(bits >> shift))]
    }

    proptest! {
        #[test]
        fn whatever_is_packed_is_unpacked(counts in vec(count(), COUNTS), estimated: bool) {
            let mut usage = Usage { estimated, ..Usage::default() };
            for (place, count) in in_order(&mut usage).into_iter().zip(counts) {
                *place = count;
            }
            let packed = PackedUsage::new(&usage);
            prop_assert_eq!(packed.unpack(), usage);
            prop_assert_eq!(packed.input_and_output(), (usage.input, usage.output));
        }
    }

    #[test]
    fn what_answers_come_with_needs_no_memory_of_its_own() {
        let few = Usage {
            input: Some(120_000),
            output: Some(4_000),
            cache_read: Some(118_000),
            cache_creation: Some(0),
            reasoning: Some(3_000),
            ..Usage::default()
        };
        for usage in [few, Usage::default(), Usage { output: Some(0), estimated: true, ..Usage::default() }] {
            let packed = PackedUsage::new(&usage);
            assert_eq!((packed.size(), packed.unpack()), (0, usage));
        }
        let large = Usage { input: Some(u64::MAX), output: Some(u64::MAX), ..Usage::default() };
        let packed = PackedUsage::new(&large);
        assert_eq!((packed.size(), packed.unpack()), (size_of::<Usage>(), large));
        assert_eq!(size_of::<Option<PackedUsage>>(), 16);
    }
}
