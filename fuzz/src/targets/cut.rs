//! Cuts an input into chunks as it says itself.

use bytes::Bytes;

const HEADER: usize = 8;
const MAX_CHUNKS: usize = 500;

/// The payload, and the chunks that it arrives in. The first eight bytes are the lengths of the chunks, taken in turn.
pub(super) fn cut(data: &[u8]) -> (Bytes, Vec<Bytes>) {
    let (lengths, payload) = data.split_at(data.len().min(HEADER));
    let payload = Bytes::copy_from_slice(payload);
    let mut rest = payload.clone();
    let mut chunks = Vec::new();
    // Empty chunks are allowed, so without an end to it they might never come to one.
    for length in lengths.iter().cycle().take(MAX_CHUNKS) {
        if rest.is_empty() {
            break;
        }
        chunks.push(rest.split_to(usize::from(*length).min(rest.len())));
    }
    chunks.push(rest);
    (payload, chunks)
}
