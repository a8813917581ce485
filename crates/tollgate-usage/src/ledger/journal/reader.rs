//! Reads a journal from where the store has got to.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::frame::{self, MAX_RECORD, Next};
use super::segment;
use crate::UsageRecord;
use crate::codec::decode;
use crate::ledger::Position;

/// Reads the segments of one journal.
#[derive(Debug)]
pub(in crate::ledger) struct Reader {
    folder: PathBuf,
    position: Position,
    open: Option<(u64, File)>,
    buffer: Vec<u8>,
}

/// Some records that follow each other.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Chunk {
    /// The records.
    pub(in crate::ledger) records: Vec<UsageRecord>,
    /// Where the next ones begin.
    pub(in crate::ledger) to: Position,
    /// Records that were written by a version whose records cannot be read.
    pub(in crate::ledger) unreadable: u64,
    /// Bytes that were passed over because they are no frames: what a process was writing when it was killed.
    pub(in crate::ledger) torn: u64,
}

/// How much is read at once.
const READ: usize = 128 * 1024;
const _: () = assert!(READ >= 1024);

// === impl Reader ===

impl Reader {
    /// A reader from a position on.
    pub(in crate::ledger) fn new(folder: PathBuf, position: Position) -> Self {
        Self { folder, position, open: None, buffer: Vec::new() }
    }

    pub(in crate::ledger) fn position(&self) -> Position {
        self.position
    }

    /// Goes on from a position.
    pub(in crate::ledger) fn advance(&mut self, to: Position) {
        self.position = to;
    }

    /// At most `limit` records, up to `end`, or all there are in a journal that nobody writes any more. No records and the
    /// old position if there are none. Does not advance.
    pub(in crate::ledger) fn read(&mut self, end: Option<Position>, limit: usize) -> io::Result<Chunk> {
        let mut chunk = Chunk { to: self.position, ..Chunk::default() };
        while chunk.records.is_empty() && chunk.unreadable == 0 {
            let Some(size) = self.size(chunk.to.segment, end)? else {
                // Nobody writes into an older segment, so what follows is in the next one there is.
                let Some(next) = self.segment_after(chunk.to.segment, end)? else { break };
                chunk.to = Position { segment: next, offset: 0 };
                continue;
            };
            chunk.to.offset = chunk.to.offset.max(segment::MAGIC.len() as u64);
            let taken = self.frames(&mut chunk, size, limit)?;
            if taken > 0 {
                continue;
            }
            let Some(next) = self.segment_after(chunk.to.segment, end)? else {
                chunk.torn += size.saturating_sub(chunk.to.offset);
                break;
            };
            chunk.torn += size.saturating_sub(chunk.to.offset);
            chunk.to = Position { segment: next, offset: 0 };
        }
        Ok(chunk)
    }

    /// Takes frames at the chunk's end, and tells how many bytes they had.
    fn frames(&mut self, chunk: &mut Chunk, size: u64, limit: usize) -> io::Result<usize> {
        let Some((_, file)) = &self.open else { return Ok(0) };
        let left = usize::try_from(size.saturating_sub(chunk.to.offset)).unwrap_or(usize::MAX);
        // A record that is larger than what is usually read at once is rare.
        for most in [READ, MAX_RECORD + 64] {
            let length = left.min(most);
            self.buffer.resize(length, 0);
            file.read_exact_at(&mut self.buffer, chunk.to.offset)?;
            let mut taken = 0;
            while chunk.records.len() < limit
                && let Next::Record(record, size) = frame::next(&self.buffer[taken..])
            {
                match decode(record) {
                    Ok(record) => chunk.records.push(record),
                    Err(_) => chunk.unreadable += 1,
                }
                taken += size;
            }
            chunk.to.offset += taken as u64;
            if taken > 0 || length == left {
                return Ok(taken);
            }
        }
        Ok(0)
    }

    /// How many bytes of a segment may be read; `None` if it is not there.
    fn size(&mut self, number: u64, end: Option<Position>) -> io::Result<Option<u64>> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            self.open = match File::open(segment::path(&self.folder, number)) {
                Ok(file) => Some((number, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        let Some((_, file)) = &self.open else { return Ok(None) };
        Ok(Some(match end {
            Some(end) if end.segment == number => end.offset,
            _ => file.metadata()?.len(),
        }))
    }

    fn segment_after(&self, number: u64, end: Option<Position>) -> io::Result<Option<u64>> {
        let last = end.map_or(u64::MAX, |end| end.segment);
        Ok(segment::numbers(&self.folder)?.into_iter().find(|next| *next > number && *next <= last))
    }
}
