//! The quantised form of a model in a file: written once, checked and mapped at every later start.
//!
//! A page with a header comes first, then the parts of [`weights`](super::weights). The header says of which source the
//! file was made and holds checksums, so that a file that is torn, of an older version or of another model is noticed and made
//! anew. It is written under another name and renamed when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::config::Config;
use super::mapping::Bytes;
use super::safetensors::Tensors;
use super::weights;

/// Goes up whenever the form or the way of quantising changes.
pub(crate) const VERSION: u32 = 1;

/// The header's page; parts begin after it.
pub(super) const HEADER: usize = 4096;

const MAGIC: &[u8; 8] = b"tollembd";

/// What a quantised model was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    size: u64,
    modified: u64,
    digest: [u8; 32],
}

/// A quantised model's bytes with the header before them, and the digest of its source.
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    pub(super) source: [u8; 32],
}

/// Opens the file if it is complete and made of this source in this version. Without a source (`original`), whatever it was
/// made of is taken: the quantised form is enough to run.
pub(super) fn open(path: &Path, original: &Path, config: &Config) -> io::Result<Option<Stored>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = weights::size(config);
    let mut header = [0; HEADER];
    if file.metadata()?.len() != (HEADER + size) as u64 || file.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let Some((source, checksum)) = parse(&header) else { return Ok(None) };
    if !is_made_of(&source, original)? || checksum_of(&mut file)? != checksum {
        return Ok(None);
    }
    Ok(Some(Stored { bytes: Bytes::map(file)?, source: source.digest }))
}

/// Quantises a model into a file and opens it.
pub(super) fn write(path: &Path, original: &Path, config: &Config) -> io::Result<Stored> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = Temporary::beside(path)?;
    let mut file = File::options().read(true).write(true).create_new(true).open(&temporary.0)?;
    let header = write_to(&mut BufWriter::with_capacity(1 << 18, &mut file), original, config)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&header.page())?;
    file.sync_all()?;
    fs::rename(&temporary.0, path)?;
    Ok(Stored { source: header.source.digest, bytes: Bytes::map(file)? })
}

/// Quantises a model in memory, for when no folder can be written to.
pub(super) fn in_memory(original: &Path, config: &Config) -> io::Result<Stored> {
    let mut bytes = Vec::with_capacity(HEADER + weights::size(config));
    let header = write_to(&mut bytes, original, config)?;
    Ok(Stored { bytes: Bytes::Owned(bytes.into_boxed_slice()), source: header.source.digest })
}

struct Header {
    source: Source,
    checksum: u32,
}

/// Passes on what is written and sums it up.
struct Summing<'a> {
    sink: &'a mut dyn Write,
    checksum: crc32fast::Hasher,
}

/// A file that is deleted unless it has been renamed.
struct Temporary(PathBuf);

fn write_to(sink: &mut dyn Write, original: &Path, config: &Config) -> io::Result<Header> {
    let source = Source::of(original)?;
    sink.write_all(&[0; HEADER])?;
    let mut summing = Summing { sink, checksum: crc32fast::Hasher::new() };
    weights::write(config, &mut Tensors::open(original)?, &mut summing)?;
    summing.flush()?;
    Ok(Header { source, checksum: summing.checksum.finalize() })
}

/// The source and the checksum of the parts, if this is a header of this version.
fn parse(page: &[u8; HEADER]) -> Option<(Source, u32)> {
    let (fields, rest) = page.split_first_chunk::<64>()?;
    let number = |at: usize| fields.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    let digest = rest.first_chunk::<32>()?;
    let source = Source { size: number(16)?, modified: number(24)?, digest: *digest };
    let checksum = u32::from_le_bytes(*fields[32..].first_chunk()?);
    // That the page would be written in the same way covers magic, version and its own checksum at once.
    (Header { source, checksum }.page() == *page).then_some((source, checksum))
}

/// Whether a source is the one that a file was made of, or is not there.
fn is_made_of(source: &Source, original: &Path) -> io::Result<bool> {
    let metadata = match fs::metadata(original) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if metadata.len() != source.size {
        return Ok(false);
    }
    // A copy has another time and the same bytes; reading them takes less time than quantising.
    Ok(modified(&metadata) == source.modified || digest_of(original)? == source.digest)
}

fn checksum_of(file: &mut File) -> io::Result<u32> {
    let mut checksum = crc32fast::Hasher::new();
    each_piece(file, |piece| checksum.update(piece))?;
    Ok(checksum.finalize())
}

fn digest_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    each_piece(&mut File::open(path)?, |piece| digest.update(piece))?;
    Ok(digest.finalize().into())
}

/// Reads instead of mapping, because what is read does not count as memory of the process.
fn each_piece(file: &mut File, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            length => each(&buffer[..length]),
        }
    }
}

/// Nanoseconds since 1970, 0 where the system does not know.
fn modified(metadata: &fs::Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

// === impl Source ===

impl Source {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { size: metadata.len(), modified: modified(&metadata), digest: digest_of(path)? })
    }
}

// === impl Header ===

impl Header {
    fn page(&self) -> [u8; HEADER] {
        let mut page = [0; HEADER];
        page[..8].copy_from_slice(MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        page[16..24].copy_from_slice(&self.source.size.to_le_bytes());
        page[24..32].copy_from_slice(&self.source.modified.to_le_bytes());
        page[32..36].copy_from_slice(&self.checksum.to_le_bytes());
        page[64..96].copy_from_slice(&self.source.digest);
        let own = crc32fast::hash(&page[..HEADER - 4]);
        page[HEADER - 4..].copy_from_slice(&own.to_le_bytes());
        page
    }
}

// === impl Summing ===

impl Write for Summing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.checksum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

// === impl Temporary ===

impl Temporary {
    /// A name that no other process or thread uses.
    fn beside(path: &Path) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = Self(path.with_file_name(format!(".{name}.{}-{number}", std::process::id())));
        // What an earlier process of this number has left behind.
        let _ = fs::remove_file(&temporary.0);
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
