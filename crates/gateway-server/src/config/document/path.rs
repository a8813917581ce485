//! Where the reader is in the tree, and what it has found wrong there.

use std::collections::HashSet;
use std::fmt;

use super::failure::Failure;

/// The way from the root, as a chain through the frames of the readers, so that it costs nothing until it is displayed.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

/// What was found wrong so far.
#[derive(Default)]
pub(super) struct Skip {
    pub(super) paths: HashSet<String>,
    pub(super) failures: Vec<Failure>,
}

// === impl Path ===

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
