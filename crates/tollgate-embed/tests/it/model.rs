//! Opening the real model: written once, found again, made anew when it has to be.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate_embed::{Encoder, Model};

use crate::real;

/// A folder with the real model's files.
fn folder() -> Option<tempfile::TempDir> {
    let (real, folder) = (real()?, tempfile::tempdir().unwrap());
    for name in ["config.json", "vocab.txt", "model.safetensors"] {
        fs::copy(real.join(name), folder.path().join(name)).unwrap();
    }
    Some(folder)
}

fn open(folder: &Path) -> Encoder {
    Model::open(folder).unwrap()
}

fn quantized(folder: &Path) -> PathBuf {
    folder.join("tollgate-int8.bin")
}

const TEXT: &str = "How do I reset my password?";

#[test]
fn weights_are_quantised_once() {
    let Some(folder) = folder() else { return };
    let first = open(folder.path());
    let written = fs::metadata(quantized(folder.path())).unwrap().modified().unwrap();
    let second = open(folder.path());
    assert_eq!(fs::metadata(quantized(folder.path())).unwrap().modified().unwrap(), written);
    assert_eq!((first.id(), first.embed(TEXT)), (second.id(), second.embed(TEXT)));
    // Nothing is left behind.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn a_file_that_is_torn_is_made_anew() {
    let Some(folder) = folder() else { return };
    let expected = open(folder.path()).embed(TEXT);
    let path = quantized(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut other_version = whole.clone();
    other_version[8] ^= 1;
    let mut other_source = whole.clone();
    other_source[64] ^= 1;
    for torn in [&whole[..whole.len() - 1], &whole[..100], &[], &flipped, &other_version, &other_source] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, torn).unwrap();
        assert_eq!(open(folder.path()).embed(TEXT), expected);
        assert!(fs::read(&path).unwrap() == whole, "is whole again");
    }
}

#[test]
fn another_source_is_quantised_anew_and_a_copy_is_not() {
    let Some(folder) = folder() else { return };
    let first = open(folder.path());
    let (path, source) = (quantized(folder.path()), folder.path().join("model.safetensors"));
    let whole = fs::read(&path).unwrap();
    // Another time, the same bytes.
    let bytes = fs::read(&source).unwrap();
    fs::remove_file(&source).unwrap();
    fs::write(&source, &bytes).unwrap();
    assert_eq!(open(folder.path()).id(), first.id());
    assert!(fs::read(&path).unwrap() == whole);
    // One weight of the word embeddings is another.
    let mut bytes = bytes;
    let at = bytes.len() - 30_000_000;
    bytes[at] ^= 0x40;
    fs::write(&source, &bytes).unwrap();
    assert_ne!(open(folder.path()).id(), first.id());
    assert!(fs::read(&path).unwrap() != whole);
}

#[test]
fn the_quantised_file_is_enough() {
    let Some(folder) = folder() else { return };
    let first = open(folder.path());
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let second = open(folder.path());
    assert_eq!((first.id(), first.embed(TEXT)), (second.id(), second.embed(TEXT)));
    fs::remove_file(quantized(folder.path())).unwrap();
    assert!(Model::open(folder.path()).unwrap_err().is_missing());
}

#[test]
fn where_nothing_can_be_written_weights_stay_in_memory() {
    let Some(folder) = real() else { return };
    let (cache, not_a_folder) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let kept = Model::at(&folder).cache_folder(cache.path().join("made/when/needed")).open_encoder().unwrap();
    let in_memory = Model::at(&folder).cache_folder(not_a_folder.path()).open_encoder().unwrap();
    assert_eq!((kept.id(), kept.embed(TEXT)), (in_memory.id(), in_memory.embed(TEXT)));
}

#[test]
fn only_the_first_tokens_are_looked_at() {
    let (Some(folder), cache) = (real(), tempfile::tempdir().unwrap()) else { return };
    let open = |tokens| Model::at(&folder).cache_folder(cache.path()).max_tokens(tokens).open_encoder().unwrap();
    let (short, long) = (open(6), open(10_000));
    assert_eq!((short.max_tokens(), long.max_tokens()), (6, 512));
    assert_ne!(short.id(), long.id());
    assert_eq!((short.dimensions(), short.count_tokens("one two three four five")), (384, 7));
    assert_eq!(short.embed("one two three four five"), short.embed("one two three four six"));
    assert_ne!(long.embed("one two three four five"), long.embed("one two three four six"));
    let vector = long.embed(&"word ".repeat(1000));
    assert!(vector.iter().all(|number| number.is_finite()));
}

#[test]
fn what_is_not_there_is_missing_and_what_is_no_model_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Model::open(folder.path()).unwrap_err().is_missing());
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    let error = Model::open(folder.path()).unwrap_err();
    assert!(!error.is_missing() && error.to_string().contains("hidden_size"), "{error}");
}
