//! One file from the hub, from nothing or from where it broke off.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use http::header::CONTENT_RANGE;
use http::{HeaderMap, StatusCode, Uri};
use sha2::{Digest, Sha256};

use super::client::Client;
use super::error::FetchError;
use super::release::PinnedFile;

/// A file to be fetched.
pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) uri: Uri,
    pub(super) file: &'a PinnedFile<'a>,
    /// Where it shall be.
    pub(super) path: PathBuf,
}

/// What has arrived of a file.
struct Part {
    file: File,
    path: PathBuf,
    size: u64,
    digest: Sha256,
}

/// Attempts for one file before it is given up.
const ATTEMPTS: usize = 3;

// === impl Download ===

impl Download<'_> {
    /// Fetches the file unless it is there, and reports how many bytes of it are.
    pub(super) async fn run(&self, report: &mut impl FnMut(u64)) -> Result<(), FetchError> {
        if self.is_there().map_err(FetchError::file(&self.path))? {
            report(self.file.size);
            return Ok(());
        }
        let path = self.path.with_file_name(format!("{}.part", self.file.name));
        let mut part = Part::open(path.clone(), self.file.size).map_err(FetchError::file(&path))?;
        let mut attempt = 1;
        while let Err(error) = self.attempt(&mut part, report).await {
            if attempt == ATTEMPTS || !error.is_transient() {
                return Err(error);
            }
            attempt += 1;
        }
        self.finish(part)
    }

    /// Whether the file is in its place and is as it should be.
    fn is_there(&self) -> io::Result<bool> {
        match File::open(&self.path) {
            Ok(mut file) if file.metadata()?.len() == self.file.size => {
                let mut digest = Sha256::new();
                io::copy(&mut file, &mut Digesting(&mut digest))?;
                Ok(hexadecimal(&digest.finalize()) == self.file.sha256)
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Fetches what is missing.
    async fn attempt(&self, part: &mut Part, report: &mut impl FnMut(u64)) -> Result<(), FetchError> {
        let name = self.file.name;
        if part.size >= self.file.size && part.size > 0 {
            return Ok(());
        }
        let mut response = self.client.get(&self.uri, part.size, name).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // Nothing is known about why; from the beginning, there is no range to be refused.
            self.start_over(part)?;
            response = self.client.get(&self.uri, 0, name).await?;
        }
        if response.status() == StatusCode::PARTIAL_CONTENT {
            if start_of(response.headers()) != Some(part.size) {
                self.start_over(part)?;
                return Err(FetchError::connection(name, "the hub sent another range than it was asked for"));
            }
        } else {
            // It sends everything, whatever it was asked for.
            self.start_over(part)?;
        }
        let mut body = self.client.body(response, name);
        report(part.size);
        while let Some(piece) = body.next().await? {
            if part.size + piece.len() as u64 > self.file.size {
                self.start_over(part)?;
                return Err(FetchError::contents(name));
            }
            part.add(&piece).map_err(FetchError::file(&part.path))?;
            report(part.size);
        }
        if part.size < self.file.size {
            return Err(FetchError::connection(name, "the answer ended before the file did"));
        }
        Ok(())
    }

    fn start_over(&self, part: &mut Part) -> Result<(), FetchError> {
        part.clear().map_err(FetchError::file(&part.path))
    }

    /// Puts the file in its place if it is the right one, and deletes it otherwise: going on from it would not help.
    fn finish(&self, part: Part) -> Result<(), FetchError> {
        let Part { file, path, digest, .. } = part;
        if hexadecimal(&digest.finalize()) != self.file.sha256 {
            fs::remove_file(&path).map_err(FetchError::file(&path))?;
            return Err(FetchError::contents(self.file.name));
        }
        file.sync_all().map_err(FetchError::file(&path))?;
        fs::rename(&path, &self.path).map_err(FetchError::file(&self.path))
    }
}

// === impl Part ===

impl Part {
    /// What an earlier fetch has left, unless it is more than the file can have.
    fn open(path: PathBuf, limit: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut part = Self { file, path, size: 0, digest: Sha256::new() };
        let size = part.file.metadata()?.len();
        if size > limit {
            part.clear()?;
            return Ok(part);
        }
        part.size = io::copy(&mut (&part.file).take(size), &mut Digesting(&mut part.digest))?;
        Ok(part)
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.digest.update(piece);
        self.size += piece.len() as u64;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.size = 0;
        self.digest = Sha256::new();
        Ok(())
    }
}

/// Sums up what is written to it.
struct Digesting<'a>(&'a mut Sha256);

impl Write for Digesting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first byte of `Content-Range: bytes 5-9/10` (RFC 9110, section 14.4).
fn start_of(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split('-').next()?.trim().parse().ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
