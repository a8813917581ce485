//! What is written to a journal is read from it, whatever happens to its files.

use std::fs;
use std::path::Path;

use super::*;
use crate::UsageRecord;
use crate::codec::encode;
use crate::ledger::Position;
use crate::test_helpers::sparse;

fn named(number: u64) -> UsageRecord {
    UsageRecord { request_id: format!("r-{number}").into(), ..sparse() }
}

fn frame(number: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    put(&mut frame, |out| encode(&named(number), out));
    frame
}

/// The numbers of all records from a position on, and how many bytes were no records.
fn read_all(folder: &Path, from: Position, end: Option<Position>, limit: usize) -> (Vec<u64>, u64) {
    let mut reader = Reader::new(folder.to_owned(), from);
    let (mut numbers, mut torn) = (Vec::new(), 0);
    loop {
        let chunk = reader.read(end, limit).unwrap();
        assert!(chunk.records.len() <= limit);
        torn += chunk.torn;
        numbers.extend(chunk.records.iter().map(|record| record.request_id[2..].parse::<u64>().unwrap()));
        if chunk.to == reader.position() {
            return (numbers, torn);
        }
        reader.advance(chunk.to);
    }
}

fn spool() -> (tempfile::TempDir, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("spool")).unwrap();
    (folder, spool)
}

#[test]
fn what_is_written_is_read_across_segments() {
    let (_folder, spool) = spool();
    let claim = spool.create().unwrap();
    let mut writer = Writer::new(claim.folder().to_owned(), 200, true);
    let ends: Vec<Position> = (0..50).map(|number| writer.append(&frame(number)).unwrap()).collect();
    let all: Vec<u64> = (0..50).collect();
    assert!(ends[49].segment > 5, "{ends:?}");
    for limit in [1, 3, 1000] {
        assert_eq!(read_all(claim.folder(), Position::default(), None, limit), (all.clone(), 0));
    }
    for (read, end) in ends.iter().enumerate() {
        assert_eq!(read_all(claim.folder(), *end, None, 10).0, all[read + 1..]);
        assert_eq!(read_all(claim.folder(), Position::default(), Some(*end), 10).0, all[..=read], "nothing beyond");
    }
    let before = claim.size().unwrap();
    let freed = claim.delete_before(ends[49].segment).unwrap();
    assert_eq!(claim.size().unwrap(), before - freed);
    assert_eq!(read_all(claim.folder(), ends[48], None, 10).0, [49]);
}

#[test]
fn a_frame_that_was_being_written_is_passed_over() {
    let (_folder, spool) = spool();
    let claim = spool.create().unwrap();
    let mut writer = Writer::new(claim.folder().to_owned(), 1 << 20, false);
    let whole = writer.append(&frame(1)).unwrap();
    let end = writer.append(&frame(2)).unwrap();
    let file = claim.folder().join(format!("{:016x}.segment", 1));
    let bytes = fs::read(&file).unwrap();
    for cut in whole.offset..end.offset {
        fs::write(&file, &bytes[..usize::try_from(cut).unwrap()]).unwrap();
        assert_eq!(read_all(claim.folder(), Position::default(), None, 10), (vec![1], cut - whole.offset));
    }
}

#[test]
fn what_is_damaged_ends_its_segment_only() {
    let (_folder, spool) = spool();
    let claim = spool.create().unwrap();
    // A segment for each two.
    let mut writer = Writer::new(claim.folder().to_owned(), 8 + 2 * frame(0).len() as u64, false);
    (0..6).for_each(|number| assert!(writer.append(&frame(number)).is_ok()));
    let file = claim.folder().join(format!("{:016x}.segment", 2));
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (numbers, torn) = read_all(claim.folder(), Position::default(), None, 10);
    assert_eq!(numbers, [0, 1, 4, 5], "the second segment begins with what is damaged");
    assert!(torn > 0);
}

#[test]
fn a_disk_that_takes_nothing_and_then_does() {
    let (_folder, spool) = spool();
    let claim = spool.create().unwrap();
    let away = claim.folder().with_extension("away");
    let mut writer = Writer::new(claim.folder().to_owned(), 10, false);
    writer.append(&frame(1)).unwrap();
    fs::rename(claim.folder(), &away).unwrap();
    writer.append(&frame(2)).unwrap_err();
    fs::rename(&away, claim.folder()).unwrap();
    writer.append(&frame(2)).unwrap();
    assert_eq!(read_all(claim.folder(), Position::default(), None, 10), (vec![1, 2], 0));
}

#[test]
fn a_journal_is_taken_over_when_nobody_holds_it() {
    let (_folder, spool) = spool();
    let mine = spool.create().unwrap();
    let other = Spool::open(spool.folder()).unwrap();
    assert!(other.adopt().unwrap().is_empty());
    let name = mine.name().to_owned();
    drop(mine);
    let adopted = other.adopt().unwrap();
    assert_eq!(adopted.iter().map(Claim::name).collect::<Vec<_>>(), [name]);
    assert!(spool.adopt().unwrap().is_empty(), "now another holds it");
    adopted.into_iter().for_each(|claim| claim.remove().unwrap());
    assert!(spool.adopt().unwrap().is_empty());
}
