//! The journal: files that records are appended to before anything else happens to them.
//!
//! Each running gateway has a folder of its own, its *journal*, in the folder they share, the *spool*. A journal is a row of
//! *segments*, files that are written at their end only, and deleted as a whole once the store has everything in them. A
//! segment is a row of *frames*: the length of a record, a checksum of length and record, the record.
//!
//! A process that is killed leaves at worst a frame that is not whole at the end of its last segment, and a journal that
//! nobody holds the lock of. Whoever starts next takes it over.

mod frame;
mod reader;
mod segment;
mod spool;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use self::frame::put;
pub(super) use self::reader::{Chunk, Reader};
pub(super) use self::spool::{Claim, Spool};
pub(super) use self::writer::Writer;
