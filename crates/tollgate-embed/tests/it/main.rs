//! The crate with the real model, which `TOLLGATE_MINILM` gives the folder of.

#[cfg(feature = "fetch")]
mod hub;
mod model;
mod reference;

use std::path::PathBuf;

/// The folder of the real model.
fn real() -> Option<PathBuf> {
    tollgate_testkit::component("TOLLGATE_MINILM", "all-MiniLM-L6-v2")
}
