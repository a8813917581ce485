//! Tokens, normalised.

/// Token counts of one answer, in one convention for every provider: `input` and `output` are totals, the other
/// counts of tokens are parts of them. `None` means that the provider did not say, which is not the same as zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input: Option<u64>,
    /// All output tokens, reasoning included.
    pub output: Option<u64>,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's prompt cache.
    pub cache_creation: Option<u64>,
    /// Those of them that are kept for an hour, which some providers charge more for.
    pub cache_creation_1h: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// Input tokens that were audio.
    pub audio_input: Option<u64>,
    /// Output tokens that were audio.
    pub audio_output: Option<u64>,
    /// Input tokens that were pictures.
    pub image_input: Option<u64>,
    /// Output tokens that were pictures.
    pub image_output: Option<u64>,
    /// Pictures that were made.
    pub images: Option<u64>,
    /// Searches that are charged by the piece: of the web, or of documents to be ranked.
    pub searches: Option<u64>,
    /// Whether any count is our estimate and not the provider's figure.
    pub estimated: bool,
}

impl Usage {
    /// Takes over every count that `newer` has. Providers report cumulative counts, some of them in every chunk, so
    /// counts replace each other and are never added. What counts nothing at all, input and all, takes nothing back: some
    /// servers end their streams so.
    pub fn update(&mut self, newer: &Self) {
        if newer.input == Some(0) && newer.total() == 0 && self.total() > 0 {
            return;
        }
        let fields = [
            (&mut self.input, newer.input),
            (&mut self.output, newer.output),
            (&mut self.cache_read, newer.cache_read),
            (&mut self.cache_creation, newer.cache_creation),
            (&mut self.cache_creation_1h, newer.cache_creation_1h),
            (&mut self.reasoning, newer.reasoning),
            (&mut self.audio_input, newer.audio_input),
            (&mut self.audio_output, newer.audio_output),
            (&mut self.image_input, newer.image_input),
            (&mut self.image_output, newer.image_output),
            (&mut self.images, newer.images),
            (&mut self.searches, newer.searches),
        ];
        for (known, newer) in fields {
            if newer.is_some() {
                *known = newer;
            }
        }
        self.estimated |= newer.estimated;
    }

    /// Input and output together, as far as they are known.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input.unwrap_or(0).saturating_add(self.output.unwrap_or(0))
    }

    /// Whether no count is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Self { estimated: false, ..*self } == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_counts_replace_earlier_ones_field_by_field() {
        let mut usage = Usage { input: Some(100), output: Some(1), ..Usage::default() };
        usage.update(&Usage { output: Some(40), cache_read: Some(0), ..Usage::default() });
        assert_eq!(usage.input, Some(100));
        assert_eq!(usage.output, Some(40));
        assert_eq!(usage.cache_read, Some(0));
        assert_eq!(usage.total(), 140);
    }

    #[test]
    fn what_counts_nothing_at_all_takes_nothing_back() {
        let nothing = Usage { input: Some(0), output: Some(0), ..Usage::default() };
        let mut usage = Usage::default();
        usage.update(&nothing);
        assert_eq!(usage, nothing);
        usage.update(&Usage { input: Some(7), output: Some(3), ..Usage::default() });
        usage.update(&nothing);
        assert_eq!((usage.input, usage.output), (Some(7), Some(3)));
        usage.update(&Usage { output: Some(0), ..Usage::default() });
        assert_eq!(usage.output, Some(0), "a count of its own is a value");
    }

    #[test]
    fn a_real_zero_is_not_missing() {
        assert!(Usage::default().is_empty());
        assert!(!Usage { output: Some(0), ..Usage::default() }.is_empty());
    }
}
