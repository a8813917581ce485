//! The folder of all journals, and who holds which.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::segment;
use crate::column::micros_of;

/// The folder that processes share. Whoever makes or takes over a journal holds its lock for that long, so that nobody
/// takes a journal that another is just making.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Spool {
    folder: PathBuf,
}

/// A journal that belongs to this process until it is dropped, or the process ends, however it does.
#[derive(Debug)]
pub(in crate::ledger) struct Claim {
    name: String,
    folder: PathBuf,
    /// Closing it frees the journal.
    _lock: File,
}

/// The file whose lock is held, in the spool and in each journal.
const LOCK: &str = "lock";

// === impl Spool ===

impl Spool {
    /// The spool in a folder, which is made if need be.
    pub(in crate::ledger) fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        lock_file(&folder)?;
        Ok(Self { folder })
    }

    /// A new journal.
    pub(in crate::ledger) fn create(&self) -> io::Result<Claim> {
        let _alone = self.lock()?;
        // Replicas share a store but not a spool, so names must differ without anybody looking.
        let name = format!("{:014x}-{:016x}", micros_of(SystemTime::now()), fastrand::u64(..));
        let folder = self.folder.join(&name);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let lock = lock_file(&folder)?;
        lock.try_lock()?;
        Ok(Claim { name, folder, _lock: lock })
    }

    /// Takes over the journals that nobody holds, the oldest first.
    pub(in crate::ledger) fn adopt(&self) -> io::Result<Vec<Claim>> {
        let _alone = self.lock()?;
        let mut claims = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !entry.file_type()?.is_dir() {
                continue;
            }
            let folder = entry.path();
            let lock = lock_file(&folder)?;
            match lock.try_lock() {
                Ok(()) => claims.push(Claim { name, folder, _lock: lock }),
                Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        claims.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(claims)
    }

    #[cfg(test)]
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock(&self) -> io::Result<File> {
        let file = lock_file(&self.folder)?;
        file.lock()?;
        Ok(file)
    }
}

// === impl Claim ===

impl Claim {
    /// The journal's name, which no other journal of any process has.
    pub(in crate::ledger) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::ledger) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many bytes its segments take.
    pub(in crate::ledger) fn size(&self) -> io::Result<u64> {
        segment::size(&self.folder)
    }

    /// Deletes the segments before one, and tells how many bytes that were.
    pub(in crate::ledger) fn delete_before(&self, segment: u64) -> io::Result<u64> {
        segment::delete_before(&self.folder, segment)
    }

    /// Deletes the journal.
    pub(in crate::ledger) fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }
}

fn lock_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join(LOCK))
}
