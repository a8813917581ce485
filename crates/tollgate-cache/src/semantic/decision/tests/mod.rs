//! The decision as a whole.
