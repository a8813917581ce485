//! What a request may cost at most, before it is sent.

use tollgate_core::{Head, NanoUsd};

use super::{Rate, Terms, Tier, Unit};

/// Tokens that every request may have besides its text: the frame of a conversation, and what providers put before it,
/// which with xAI are about 190.
const FRAME: u64 = 256;
/// Tokens that providers add where tools are offered: Anthropic's longest instructions have about 700.
const TOOL_INSTRUCTIONS: u64 = 1024;
/// So many searches of the web one request is believed to make where it offers tools, as the head does not tell which.
const SEARCHES: u64 = 5;
/// Up to so many bytes that are no text are the structure of a conversation; more is inlined data.
const STRUCTURE: u64 = 64 * 1024;
/// Bytes of inlined data for each token that it is believed to become.
const DATA_PER_TOKEN: u64 = 4;
/// So many tokens inlined data is believed to become at most, where the model's own limit is not known.
const MAX_DATA_TOKENS: u64 = 1_000_000;
/// Documents for each search of a rerank.
const DOCUMENTS: u64 = 100;

/// Upper bounds of what a request takes.
struct Bounds {
    text: u64,
    data: u64,
    output: u64,
    choices: u64,
    searches: u64,
}

impl Terms {
    /// An upper estimate of what a request costs by these terms; `None` if they charge for nothing.
    ///
    /// Input: a token has at least one byte, so there are no more tokens than bytes of text, each number of a list is one,
    /// and every message takes less tokens than half the bytes of its structure. Data that is inlined, such as pictures,
    /// counts a token for four bytes, up to what the model can read. Output: the client's limit, else the model's, else
    /// `assumed_output`, for each choice. All of it at the highest rate that may apply: of any class of service that is
    /// answered at once, of any size up to that of the input, cached or not.
    ///
    /// It cannot see what the body only refers to: pictures by their address, files, and conversations that the provider
    /// keeps; nor what the provider's own tools find, which the model reads as well.
    #[must_use]
    pub fn ceiling(&self, head: &Head, body_len: usize, assumed_output: u64) -> Option<NanoUsd> {
        if self.is_empty() {
            return None;
        }
        let bounds = self.bounds(head, body_len, assumed_output);
        let size = bounds.text.saturating_add(bounds.data);
        let highest = |units: &[Unit]| units.iter().filter_map(|unit| self.highest(*unit, size)).max();
        let text = highest(&[Unit::Input, Unit::CacheWrite, Unit::CacheWriteLong]);
        let data = highest(&[Unit::AudioInput, Unit::ImageInput]).max(text);
        let output = highest(&[Unit::Output, Unit::Reasoning, Unit::AudioOutput, Unit::ImageOutput]);
        let searches = if text.is_none() && output.is_none() { 1 + size / DOCUMENTS } else { bounds.searches };
        let parts = [
            (bounds.text, text),
            (bounds.data, data),
            (bounds.output, output),
            (bounds.choices, highest(&[Unit::Image])),
            (1, highest(&[Unit::Request])),
            (searches, highest(&[Unit::Search])),
        ];
        let sum = parts.iter().fold(0_u128, |sum, (count, rate)| {
            let Rate(rate) = rate.unwrap_or_default();
            sum.saturating_add(u128::from(*count) * u128::from(rate))
        });
        Some(NanoUsd(u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)))
    }

    fn bounds(&self, head: &Head, body_len: usize, assumed_output: u64) -> Bounds {
        let rest = (body_len as u64).saturating_sub(head.input_text);
        let structure = rest.min(STRUCTURE) / 2;
        let data = (rest.saturating_sub(STRUCTURE) / DATA_PER_TOKEN).min(self.max_input.unwrap_or(MAX_DATA_TOKENS));
        let tools = if head.tools { TOOL_INSTRUCTIONS } else { 0 };
        let choices = head.choices.unwrap_or(1).max(1);
        let each = head.max_tokens.or(self.max_output).unwrap_or(assumed_output);
        Bounds {
            text: [head.input_text, head.input_numbers, structure, tools, FRAME]
                .into_iter()
                .fold(0, u64::saturating_add),
            data,
            output: each.saturating_mul(choices),
            choices,
            searches: if head.tools { SEARCHES } else { 0 },
        }
    }

    /// The highest rate of a unit that may apply to a request of up to some size. Nobody is answered at once by a batch.
    fn highest(&self, unit: Unit, size: u64) -> Option<Rate> {
        self.variants()
            .iter()
            .filter(|variant| variant.tier != Tier::Batch && variant.above < size)
            .filter_map(|variant| variant.rates.get(unit))
            .max()
    }
}
