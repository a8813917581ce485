//! What types cannot say: whether the values make sense, by themselves and together.
//!
//! Each check reports and goes on with something harmless, so that one run finds every mistake. Their results are only
//! used if there was none.

pub(super) mod aliases;
mod cache;
pub(crate) mod capture;
mod cloud;
mod keys;
pub(super) mod ledger;
pub(super) mod listen;
pub(super) mod prices;
pub(super) mod providers;
mod quota;
pub(super) mod sections;
mod url;

use std::path::{Path, PathBuf};

use super::document::Document;
use super::environment::Variables;
use super::error::ConfigError;
use super::resolved::KindInfo;

/// Always known, and in need of nothing, because it is what a server without any configuration offers.
const DEMO: KindInfo<'static> =
    KindInfo { name: "demo", env_prefixes: &[], needs_key: false, needs_base_url: false, cloud: None };

/// What the checks look things up in, and what they have found.
pub(super) struct Check<'a> {
    document: &'a Document,
    /// The folder of the configuration file, where relative paths start.
    folder: Option<&'a Path>,
    variables: &'a dyn Variables,
    kinds: &'a [KindInfo<'a>],
    errors: Vec<ConfigError>,
    key_files: Vec<PathBuf>,
}

// === impl Check ===

impl<'a> Check<'a> {
    pub(super) fn new(
        document: &'a Document,
        path: Option<&'a Path>,
        variables: &'a dyn Variables,
        kinds: &'a [KindInfo<'a>],
    ) -> Self {
        let folder = path.and_then(Path::parent);
        Self { document, folder, variables, kinds, errors: Vec::new(), key_files: Vec::new() }
    }

    pub(super) fn finish(self) -> (Vec<ConfigError>, Vec<PathBuf>) {
        (self.errors, self.key_files)
    }

    fn report(&mut self, error: ConfigError) {
        self.errors.push(error);
    }

    /// Reports a mistake in the value at a path.
    fn wrong(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        self.report(self.document.error(path, message).with_hint(hint));
    }

    fn kind(&self, name: &str) -> Option<&'a KindInfo<'a>> {
        self.kinds.iter().find(|kind| kind.name == name).or_else(|| (name == DEMO.name).then_some(&DEMO))
    }
}
