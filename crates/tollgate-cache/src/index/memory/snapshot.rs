//! All points in a file, and back.
//!
//! The file is, in little-endian numbers: `TGVECTOR`, a version (u32); for each namespace a 1 (u8), its digest, its number
//! of dimensions (u32), for each point a 1 (u8), id (u128), expiry in milliseconds since 1970 (u64), weight and scale
//! (f32), the coarse plane of its vector (i8) and the fine one, and its payload after its length (u32), and a 0; a 0; and
//! the CRC-32 of all that. In version 1, which is read as well, the fine plane has bytes; in version 2, half bytes.
//! Graphs are not in it: they grow again, see [`MemoryIndex::maintain`].

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::planes::{Stored, fine_bytes};
use super::space::Entry;
use super::{Home, MemoryIndex};
use crate::index::vector::MAX_DIMENSIONS;
use crate::index::{Namespace, Point, PointId};

/// A snapshot was not written or not read.
#[derive(Debug)]
pub struct SnapshotError(Reason);

#[derive(Debug)]
enum Reason {
    Io(io::Error),
    Damaged(&'static str),
}

const MAGIC: &[u8; 8] = b"TGVECTOR";
const VERSION: u32 = 2;
/// The oldest that is read.
const OLDEST: u32 = 1;
/// The bytes of both.
const HEAD: u64 = 12;
/// How many slots are written before others may have the namespace.
const AT_ONCE: usize = 512;

// === impl SnapshotError ===

impl SnapshotError {
    /// Whether there is no such file, as before the first start.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(&self.0, Reason::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether there is a file that is not a snapshot, is of another version, or was torn.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        matches!(&self.0, Reason::Damaged(_))
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Io(_) => f.write_str("the snapshot of the vectors could not be read or written"),
            Reason::Damaged(what) => write!(f, "the snapshot of the vectors is not usable: {what}"),
        }
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Reason::Io(error) => Some(error),
            Reason::Damaged(_) => None,
        }
    }
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self(Reason::Io(error))
    }
}

// === impl MemoryIndex ===

impl MemoryIndex {
    /// Writes all points into a file, which is replaced in one step when everything is on disk. Blocks; searches go on
    /// meanwhile.
    ///
    /// # Errors
    /// If the file cannot be written; one that was there before is still there then.
    pub fn save(&self, path: &Path) -> Result<(), SnapshotError> {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let mut file = Checked { inner: BufWriter::new(File::create(&new)?), hasher: crc32fast::Hasher::new() };
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        for home in self.0.homes() {
            write_namespace(&mut file, &home)?;
        }
        file.write_all(&[0])?;
        let checksum = file.hasher.finalize();
        file.inner.write_all(&checksum.to_le_bytes())?;
        file.inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(std::fs::rename(new, path)?)
    }

    /// Adds the points of a snapshot that have not expired; how many. Blocks.
    ///
    /// # Errors
    /// If there is no such file or it is damaged; nothing is added then.
    pub fn load(&self, path: &Path) -> Result<usize, SnapshotError> {
        let version = verify(path)?;
        let mut file = BufReader::new(File::open(path)?);
        read::<12>(&mut file)?;
        let mut added = 0;
        while read_flag(&mut file)? {
            added += self.read_namespace(&mut file, version)?;
        }
        Ok(added)
    }

    /// Gives the payload of each point with its namespace, for what is derived from them and not in the snapshot. A point
    /// that others move or store meanwhile may be left out or given twice.
    pub fn for_each_payload(&self, mut each: impl FnMut(&Namespace, &[u8])) {
        for home in self.0.homes() {
            let mut start = 0;
            loop {
                let space = home.read();
                let payloads: Vec<Box<[u8]>> =
                    space.entries(start..start + AT_ONCE).map(|(entry, _)| entry.payload.clone()).collect();
                let slots = space.slots();
                drop(space);
                payloads.iter().for_each(|payload| each(&home.namespace, payload));
                start += AT_ONCE;
                if start >= slots {
                    break;
                }
            }
        }
    }

    fn read_namespace(&self, file: &mut impl Read, version: u32) -> Result<usize, SnapshotError> {
        let namespace = Namespace::new(read(file)?);
        let dimensions = u32::from_le_bytes(read(file)?) as usize;
        if dimensions == 0 || dimensions > MAX_DIMENSIONS {
            return Err(SnapshotError(Reason::Damaged("a number of dimensions is out of range")));
        }
        let now = self.0.now();
        let mut added = 0;
        while read_flag(file)? {
            let id = PointId::new(u128::from_le_bytes(read(file)?));
            let expires = u64::from_le_bytes(read(file)?);
            let weight = f32::from_le_bytes(read(file)?);
            let scale = f32::from_le_bytes(read(file)?);
            let coarse = signed(&read_plane(file, dimensions)?);
            let vector = if version == OLDEST {
                Stored::from_bytes(scale, coarse, &signed(&read_plane(file, dimensions)?))
            } else {
                Stored { scale, coarse, fine: read_plane(file, fine_bytes(dimensions))? }
            };
            let length = u32::from_le_bytes(read(file)?);
            let mut payload = Vec::new();
            file.take(length.into()).read_to_end(&mut payload)?;
            let point = Point::new(id, Vec::new(), payload).weight(weight);
            // What has come since the start of the process is newer, and may have another number of dimensions.
            let is_news = expires > now && self.0.find(namespace).is_none_or(|home| home.read().get(id).is_none());
            if is_news && self.0.put(namespace, point, &vector, expires).is_ok() {
                added += 1;
            }
        }
        Ok(added)
    }
}

fn write_namespace(file: &mut impl Write, home: &Home) -> io::Result<()> {
    let dimensions = home.read().dimensions();
    file.write_all(&[1])?;
    file.write_all(home.namespace.as_bytes())?;
    file.write_all(&u32::try_from(dimensions).unwrap_or(u32::MAX).to_le_bytes())?;
    let mut start = 0;
    loop {
        // Copied first: a slow disk must not keep the namespace locked.
        let mut piece = Vec::new();
        let space = home.read();
        space.entries(start..start + AT_ONCE).for_each(|(entry, vector)| append(&mut piece, entry, &vector));
        let is_last = start + AT_ONCE >= space.slots();
        drop(space);
        file.write_all(&piece)?;
        if is_last {
            return file.write_all(&[0]);
        }
        start += AT_ONCE;
    }
}

fn append(piece: &mut Vec<u8>, entry: &Entry, vector: &Stored) {
    let Ok(length) = u32::try_from(entry.payload.len()) else { return };
    piece.push(1);
    piece.extend(entry.id.number().to_le_bytes());
    piece.extend(entry.expires.to_le_bytes());
    piece.extend(entry.weight.to_le_bytes());
    piece.extend(vector.scale.to_le_bytes());
    piece.extend(vector.coarse.iter().map(|byte| byte.cast_unsigned()));
    piece.extend(&vector.fine);
    piece.extend(length.to_le_bytes());
    piece.extend(&entry.payload);
}

/// Reads the whole file once before anything of it is believed; its version.
fn verify(path: &Path) -> Result<u32, SnapshotError> {
    let damaged = |what| Err(SnapshotError(Reason::Damaged(what)));
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::new(file);
    let mut head = Vec::new();
    (&mut file).take(HEAD).read_to_end(&mut head)?;
    let Some(version) = head.strip_prefix(MAGIC) else { return damaged("it does not begin like one") };
    let version = version.try_into().map_or(0, u32::from_le_bytes);
    if !(OLDEST..=VERSION).contains(&version) {
        return damaged("it is of another version");
    }
    let Some(body) = length.checked_sub(HEAD + 4) else { return damaged("it was torn") };
    let mut checked = Checked { inner: io::sink(), hasher: crc32fast::Hasher::new() };
    checked.hasher.update(&head);
    io::copy(&mut (&mut file).take(body), &mut checked)?;
    if read::<4>(&mut file)? != checked.hasher.finalize().to_le_bytes() {
        return damaged("its checksum is wrong");
    }
    Ok(version)
}

fn read<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_flag(file: &mut impl Read) -> io::Result<bool> {
    Ok(read::<1>(file)? == [1])
}

fn read_plane(file: &mut impl Read, bytes: usize) -> io::Result<Box<[u8]>> {
    let mut plane = vec![0; bytes].into_boxed_slice();
    file.read_exact(&mut plane)?;
    Ok(plane)
}

fn signed(bytes: &[u8]) -> Box<[i8]> {
    bytes.iter().map(|byte| byte.cast_signed()).collect()
}

/// Sums up what is written through it.
struct Checked<W> {
    inner: W,
    hasher: crc32fast::Hasher,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
