//! The crate with the real model, which `TOLLGATE_MINILM` gives the folder of.
#![expect(clippy::unwrap_used, reason = "a test that meets a surprise should stop there")]

#[cfg(feature = "fetch")]
mod hub;
mod model;
mod reference;

use std::path::PathBuf;

/// The folder of the real model.
fn real() -> Option<PathBuf> {
    tollgate_testkit::component("TOLLGATE_MINILM", "all-MiniLM-L6-v2")
}
