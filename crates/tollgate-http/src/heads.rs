//! What was read of bodies before.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_core::{Head, Operation};

/// Knows what was read of some bodies, so that the very same ones need not be read again. A cache that keeps bodies can tell.
pub trait KnownHeads: Send + Sync {
    /// What [`read_head`](tollgate_protocols::openai::read_head) made of a body, byte for byte this one, that came for the same
    /// operation; `None` if that is not known.
    fn head_of(&self, operation: Operation, body: &Bytes) -> Option<Arc<Head>>;
}

/// Knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHeads;

impl KnownHeads for NoHeads {
    fn head_of(&self, _: Operation, _: &Bytes) -> Option<Arc<Head>> {
        None
    }
}
