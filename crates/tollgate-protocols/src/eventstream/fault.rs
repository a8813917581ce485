//! Why a stream is not one of frames.

use std::fmt;

/// What is wrong with a stream of frames. There is no going on after it: where the next frame begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A frame is larger than the limit, or than its lengths can say.
    TooLarge,
    /// The lengths of a frame contradict each other.
    Lengths,
    /// The checksum of a prelude is wrong: the bytes were damaged, or are something else than frames.
    PreludeChecksum,
    /// The checksum of a frame is wrong.
    Checksum,
    /// The headers of a frame are malformed.
    Headers,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "frame exceeds the size limit",
            Self::Lengths => "lengths of a frame contradict each other",
            Self::PreludeChecksum => "checksum of a frame's prelude is wrong",
            Self::Checksum => "checksum of a frame is wrong",
            Self::Headers => "headers of a frame are malformed",
        })
    }
}

impl std::error::Error for Fault {}
