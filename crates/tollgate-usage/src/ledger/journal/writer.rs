//! Appends to a journal.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use super::segment;
use crate::ledger::Position;

/// Writes the segments of one journal.
#[derive(Debug)]
pub(in crate::ledger) struct Writer {
    folder: PathBuf,
    segment_size: u64,
    sync: bool,
    file: Option<File>,
    /// Where the next frame goes.
    end: Position,
}

// === impl Writer ===

impl Writer {
    /// A writer of an empty journal. A new segment begins when one has `segment_size` bytes. With `sync` everything is on the
    /// disk itself, and not only with the kernel, before a call returns.
    pub(in crate::ledger) fn new(folder: PathBuf, segment_size: u64, sync: bool) -> Self {
        Self { folder, segment_size, sync, file: None, end: Position::default() }
    }

    /// Appends frames and returns where they end. Whoever reads up to there reads whole frames.
    ///
    /// # Errors
    /// If nothing was written, as when the disk is full. It can be tried again.
    pub(in crate::ledger) fn append(&mut self, frames: &[u8]) -> io::Result<Position> {
        let mut file = match self.file.take() {
            Some(file) if self.end.offset < self.segment_size => file,
            _ => self.next_segment()?,
        };
        if let Err(error) = self.write(&mut file, frames) {
            // What was written of it is taken back. If not even that works, the segment ends here with a frame that is not
            // whole, which readers pass over, and the next attempt begins another one.
            if file.set_len(self.end.offset).is_ok() {
                self.file = Some(file);
            }
            return Err(error);
        }
        self.end.offset += frames.len() as u64;
        self.file = Some(file);
        Ok(self.end)
    }

    fn write(&self, file: &mut File, frames: &[u8]) -> io::Result<()> {
        file.write_all(frames)?;
        if self.sync { file.sync_data() } else { Ok(()) }
    }

    fn next_segment(&mut self) -> io::Result<File> {
        let number = self.end.segment + 1;
        let mut file = segment::create(&self.folder, number)?;
        self.end = Position { segment: number, offset: 0 };
        self.write(&mut file, &segment::MAGIC)?;
        if self.sync {
            // The name of the file is part of its folder.
            File::open(&self.folder)?.sync_all()?;
        }
        self.end.offset = segment::MAGIC.len() as u64;
        Ok(file)
    }
}
