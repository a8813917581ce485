//! The files that are, or are about to be, committed.

use std::path::Path;
use std::process::Command;

use crate::{Result, root};

/// A text file.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Below the root, with slashes.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    #[cfg(test)]
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The lines with their numbers.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split('\n').enumerate().map(|(index, line)| (index + 1, line))
    }

    /// What follows the last dot of the name; empty if there is none.
    pub(super) fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
    }
}

/// All of them that are text. New files count before they are added, so that one learns of a mistake before the commit.
pub(super) fn all() -> Result<Vec<File>> {
    let output = Command::new("git")
        // In a container the clone often belongs to somebody else, which is no concern of a list of files.
        .args(["-c", "safe.directory=*"])
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("git cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let paths = String::from_utf8(output.stdout)?;
    Ok(paths
        .split_terminator('\0')
        // What is gone but not yet committed, or is no text, has nothing to say here.
        .filter_map(|path| Some(File { path: path.to_owned(), text: std::fs::read_to_string(root().join(path)).ok()? }))
        .collect())
}
