//! The files of a journal.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What a segment begins with. The last byte but one is the version of the form.
pub(super) const MAGIC: [u8; 8] = *b"TGUSAGE\x01";

const EXTENSION: &str = "segment";

/// The file of a segment.
pub(super) fn path(journal: &Path, number: u64) -> PathBuf {
    journal.join(format!("{number:016x}.{EXTENSION}"))
}

/// The numbers of all segments of a journal, in order.
pub(super) fn numbers(journal: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(journal)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(EXTENSION)?.strip_suffix('.'));
        numbers.extend(number.and_then(|number| u64::from_str_radix(number, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes a segment, readable by its owner alone, because it says who asked for what.
pub(super) fn create(journal: &Path, number: u64) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path(journal, number))
}

/// Deletes the segments before one, and tells how many bytes that were.
pub(super) fn delete_before(journal: &Path, number: u64) -> io::Result<u64> {
    let mut freed = 0;
    for old in numbers(journal)?.into_iter().take_while(|old| *old < number) {
        let path = path(journal, old);
        freed += fs::metadata(&path)?.len();
        fs::remove_file(path)?;
    }
    Ok(freed)
}

/// How many bytes a journal takes.
pub(super) fn size(journal: &Path) -> io::Result<u64> {
    let sizes = numbers(journal)?.into_iter().map(|number| fs::metadata(path(journal, number)).map(|meta| meta.len()));
    sizes.sum()
}
