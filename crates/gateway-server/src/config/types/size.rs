//! Sizes in bytes, as people write them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number of bytes: `32MiB`, `64KiB`, `10MB` or a plain number. Displays in a form that reads back as the same size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// The text is not a size. Does not repeat the text, which may come from a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeError(&'static str);

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

// === impl ByteSize ===

impl ByteSize {
    /// A size in bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size in units of 1024 bytes.
    #[must_use]
    pub const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// A size in units of 1024² bytes.
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory, or the largest length there is.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "" => Some(1),
            unit => UNITS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(unit.strip_prefix(' ').unwrap_or(unit)))
                .map(|(_, factor)| *factor),
        };
        match (number, factor) {
            ("", _) | (_, None) => Err(SizeError("expected a size such as 32MiB, 64KiB, 10MB or a number of bytes")),
            (number, Some(factor)) => {
                let bytes = number.parse().ok().and_then(|number: u64| number.checked_mul(factor));
                bytes.map(Self).ok_or(SizeError("the size is too large"))
            }
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().filter(|(_, factor)| self.0.is_multiple_of(*factor));
        // The unit with the smallest number, because 2GB is also 1953125KiB.
        match exact.min_by_key(|(_, factor)| self.0 / factor) {
            Some((unit, factor)) if self.0 > 0 && *factor > 1 => write!(f, "{}{unit}", self.0 / factor),
            _ => write!(f, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;

        impl Visitor<'_> for SizeVisitor {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as 32MiB, 64KiB, 10MB or a number of bytes")
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(SizeVisitor)
    }
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SizeError {}

#[cfg(feature = "schema")]
impl serde::Serialize for ByteSize {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ByteSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = "^([0-9]+ ?([KMGTkmgt]?[Bb]|[KMGTkmgt][Ii][Bb])?)$|\\$\\{";
        schemars::json_schema!({ "type": ["string", "integer"], "format": "size", "minimum": 0, "pattern": pattern })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: Option<u64>) {
        assert_eq!(text.parse::<ByteSize>().ok().map(ByteSize::get), expect, "{text:?}");
    }

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            ("1KB", 1000),
            ("1kB", 1000),
            ("64KiB", 65_536),
            ("64kib", 65_536),
            ("32MiB", 33_554_432),
            ("32 MiB", 33_554_432),
            ("10MB", 10_000_000),
            ("2GiB", 2 << 30),
            ("2GB", 2_000_000_000),
            ("1TiB", 1 << 40),
            ("1TB", 1_000_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            check(text, Some(bytes));
        }
    }

    #[test]
    fn refuses_what_is_not_a_size() {
        for text in ["", " ", "MiB", "-1", "+1", "1.5MiB", "1  MiB", "32M", "32Mi", "1MiBs", " 1", "1 ", "1_000", "٣B"]
        {
            check(text, None);
        }
        for text in ["18446744073709551616", "99999999999TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(SizeError("the size is too large")));
        }
    }

    #[test]
    fn displays_the_largest_exact_unit() {
        for (bytes, text) in
            [(0, "0"), (1, "1"), (1023, "1023"), (1024, "1KiB"), (2_000_000_000, "2GB"), (1 << 25, "32MiB")]
        {
            assert_eq!(ByteSize::bytes(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn display_reads_back(bytes: u64, shift in 0_u32..64, thousands in 0_u32..5) {
            let binary = (bytes >> shift) << (shift / 2);
            let decimal = (bytes >> 20 >> (shift / 2)).saturating_mul(1000_u64.pow(thousands));
            for size in [bytes, binary, decimal] {
                prop_assert_eq!(ByteSize(size).to_string().parse(), Ok(ByteSize(size)));
            }
        }
    }
}
