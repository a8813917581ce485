//! Fetches a model from a hub.
//!
//! Hubs in the manner of Hugging Face serve files at `{endpoint}/{repository}/resolve/{revision}/{file}`, mostly by way of a
//! redirect. Each file is written beside its place as `{file}.part`, compared with its pinned checksum, and only then
//! renamed. What has arrived of it before a connection broke off is kept, and the rest asked for by range.
//!
//! ```no_run
//! # async fn f() -> Result<(), tollgate_embed::hub::FetchError> {
//! use tollgate_embed::hub::{ALL_MINILM_L6_V2, Hub};
//!
//! let hub = Hub::default();
//! hub.fetch(&ALL_MINILM_L6_V2, "models/minilm".as_ref(), |progress| println!("{progress}")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It needs a tokio runtime with time and IO. Files are written and summed up on the thread that fetches.

mod client;
mod download;
mod error;
mod release;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::Uri;

use self::client::Client;
use self::download::Download;
pub use self::error::FetchError;
use self::error::Kind;
pub use self::release::{ALL_MINILM_L6_V2, PinnedFile, Release};

/// Where models come from.
#[derive(Clone, Debug)]
pub struct Hub {
    endpoint: String,
    patience: Duration,
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of all files that are here.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// The hub that is asked unless another is named.
const ENDPOINT: &str = "https://huggingface.co";

// === impl Hub ===

impl Default for Hub {
    /// Hugging Face.
    fn default() -> Self {
        Self::at(ENDPOINT)
    }
}

impl Hub {
    /// A hub at another address, such as a mirror: scheme, host and perhaps a path.
    #[must_use]
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), patience: Duration::from_secs(30) }
    }

    /// Sets how long the hub may be silent, to connect, to answer and between pieces. Defaults to 30 seconds.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Fetches the files of a release into a folder, which is made if it is not there. Files that are already there and are
    /// as they should be are left alone.
    ///
    /// # Errors
    /// If a file cannot be had or written, or is not what it should be. A connection that breaks off is tried again twice.
    pub async fn fetch(
        &self,
        release: &Release<'_>,
        folder: &Path,
        mut progress: impl FnMut(Progress),
    ) -> Result<(), FetchError> {
        std::fs::create_dir_all(folder).map_err(FetchError::file(folder))?;
        let client = Client::new(self.patience);
        let (mut before, total) = (0, release.size());
        for file in release.files {
            let uri = self.uri(release, file)?;
            let mut report = |done: u64| progress(Progress { done: before + done, total });
            Download { client: &client, uri, file, path: folder.join(file.name) }.run(&mut report).await?;
            before += file.size;
        }
        Ok(())
    }

    fn uri(&self, release: &Release<'_>, file: &PinnedFile<'_>) -> Result<Uri, FetchError> {
        let endpoint = self.endpoint.trim_end_matches('/');
        let address = format!("{endpoint}/{}/resolve/{}/{}", release.repository, release.revision, file.name);
        let uri = address.parse::<Uri>().ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
        // A name with a separator would be written outside of the folder.
        let is_plain = Path::new(file.name).file_name() == Some(file.name.as_ref());
        uri.filter(|_| is_plain).ok_or(FetchError(Kind::Address(address)))
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (self.done * 100).checked_div(self.total).unwrap_or(100);
        write!(f, "{percent} % of {:.1} MB", self.total as f64 / 1e6)
    }
}
