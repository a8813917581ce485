//! Sums over requests, as the API tells them.

use serde::Serialize;
use tollgate_usage::Totals;

/// Sums.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Sums {
    /// Requests.
    requests: u64,
    /// Requests that failed, including those whose answer broke off.
    errors: u64,
    /// Requests whose client went away.
    client_closed: u64,
    /// Requests with estimated tokens.
    estimated: u64,
    /// Requests of which a translation dropped or changed something.
    reduced: u64,
    /// Input tokens, cached ones included.
    input_tokens: u64,
    /// Output tokens, reasoning included.
    output_tokens: u64,
    /// Input tokens read from providers' caches.
    cache_read_tokens: u64,
    /// Input tokens written to providers' caches.
    cache_creation_tokens: u64,
    /// Output tokens spent on reasoning.
    reasoning_tokens: u64,
    /// Input and output.
    total_tokens: u64,
    /// Requests that were answered by a cache, or by another request's answer.
    cached: u64,
    /// Tokens of input that were not spent because of it.
    saved_input_tokens: u64,
    /// Tokens of output that were not spent because of it.
    saved_output_tokens: u64,
    /// The cost of those requests whose cost is known, in nano-dollars.
    cost_nano_usd: u64,
    /// What was not spent because a cache answered, in nano-dollars.
    saved_nano_usd: u64,
    /// Requests that a provider was asked for and whose cost is not known.
    unpriced: u64,
}

impl From<Totals> for Sums {
    fn from(totals: Totals) -> Self {
        // Taken apart, so that a new sum does not compile before it is told.
        let Totals {
            requests,
            errors,
            client_closed,
            estimated,
            reduced,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_creation_tokens,
            reasoning_tokens,
            total_tokens,
            cached,
            saved_input_tokens,
            saved_output_tokens,
            cost_nano_usd,
            saved_nano_usd,
            unpriced,
        } = totals;
        Self {
            requests,
            errors,
            client_closed,
            estimated,
            reduced,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_creation_tokens,
            reasoning_tokens,
            total_tokens,
            cached,
            saved_input_tokens,
            saved_output_tokens,
            cost_nano_usd,
            saved_nano_usd,
            unpriced,
        }
    }
}
