//! What was read of bodies before.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_core::{Head, Operation, Recognized};

/// Knows what was read of some bodies, so that the very same ones need not be read again. A cache that keeps bodies can tell.
pub trait KnownBodies: Send + Sync {
    /// A body that came for the same operation before, byte for byte this one.
    fn find(&self, operation: Operation, body: &Bytes) -> Option<KnownBody>;
}

/// A body that came before.
#[derive(Clone, Debug)]
pub struct KnownBody {
    /// What [`read_head`](tollgate_protocols::openai::read_head) made of it.
    pub head: Arc<Head>,
    /// The body in memory that is there anyway.
    pub body: Bytes,
    /// What it is known by, for who knew it.
    pub recognized: Recognized,
}

/// Knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBodies;

impl KnownBodies for NoBodies {
    fn find(&self, _: Operation, _: &Bytes) -> Option<KnownBody> {
        None
    }
}
