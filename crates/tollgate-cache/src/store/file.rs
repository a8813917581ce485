//! Answers of a memory on disk, from one start to the next.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::memory::MemoryStore;
use crate::{Entry, Epochs, Freshness, Key, now_millis};

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line<E> {
    key: Key,
    entry: E,
}

/// What the file begins with.
const HEADER: &str = "tollgate-answers 1";

impl MemoryStore {
    /// Writes the entries that may still be served into a file, which is replaced in one step when all of it is on disk.
    /// Blocks.
    ///
    /// # Errors
    /// If the file cannot be written; one that was there before is still there then.
    pub fn save(&self, path: &Path, epochs: &Epochs) -> io::Result<usize> {
        let new = path.with_extension("new");
        let mut file = BufWriter::new(File::create(&new)?);
        writeln!(file, "{HEADER}")?;
        // Listed first, so that nobody waits for the disk.
        let mut entries: Vec<(Key, Arc<Entry>)> = Vec::new();
        self.visit(|key, entry, _| {
            entries.push((*key, entry.clone()));
            true
        });
        entries.retain(|(_, entry)| epochs.is_current(entry.stamps()));
        for (key, entry) in &entries {
            serde_json::to_writer(&mut file, &Line { key: *key, entry: &**entry })?;
            file.write_all(b"\n")?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(new, path)?;
        Ok(entries.len())
    }

    /// Adds the entries of a file that have not expired; how many. Lines that cannot be read are passed over. Blocks.
    ///
    /// # Errors
    /// If there is no such file, or it is none of [`MemoryStore::save`].
    pub fn load(&self, path: &Path, epochs: &Epochs) -> io::Result<usize> {
        let mut lines = BufReader::new(File::open(path)?).lines();
        if lines.next().transpose()?.as_deref() != Some(HEADER) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a file of answers"));
        }
        let now = now_millis();
        let mut count = 0;
        // An answer that can be found when rephrased is under two keys, and shall be there once, as it was.
        let mut known: HashMap<(u64, usize), Vec<Arc<Entry>>> = HashMap::new();
        for line in lines {
            let Ok(Line { key, mut entry }) = serde_json::from_str::<Line<Entry>>(&line?) else { continue };
            if entry.freshness(now) != Freshness::Expired {
                // What is invalidated from now on must be later than what they were stored in.
                epochs.merge(entry.stamps().map(|stamp| (stamp.name.clone(), stamp.epoch)));
                entry.provenance = self.share(entry.provenance);
                let alike = known.entry((entry.stored_at, entry.size())).or_default();
                let same = alike.iter().find(|known| ***known == entry).cloned();
                let entry = same.unwrap_or_else(|| {
                    alike.push(Arc::new(entry));
                    alike[alike.len() - 1].clone()
                });
                self.keep(key, entry);
                count += 1;
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use tollgate_core::Target;

    use super::*;
    use crate::Subject;
    use crate::entry::tests::entry;
    use crate::epochs::Stamp;

    #[test]
    fn answers_outlive_a_restart_and_can_be_invalidated_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let (store, epochs) = (MemoryStore::new(1 << 20), Epochs::default());
        epochs.advance(&Subject::All);
        let target = Target::new("p", "m");
        for number in 0..3 {
            let mut entry = entry("answer");
            (entry.stored_at, entry.ttl) = (now_millis(), if number == 2 { 0 } else { 60_000 });
            entry.grace = 0;
            let (tags, stamps) = Stamp::apart(epochs.stamps("k", &target, &[format!("doc:{number}").into()]));
            Arc::make_mut(&mut entry.provenance).stamps = stamps;
            entry.tags = tags.into();
            store.keep(Key::from_bytes([number; 32]), Arc::new(entry));
        }
        epochs.advance(&Subject::Tag("doc:1".to_owned()));
        store.save(&path, &epochs).unwrap();

        let (store, epochs) = (MemoryStore::new(1 << 20), Epochs::default());
        assert_eq!(store.load(&path, &epochs).unwrap(), 1);
        let found = store.find(&Key::from_bytes([0; 32])).unwrap();
        assert!(epochs.is_current(found.stamps()));
        epochs.advance(&Subject::All);
        assert!(!epochs.is_current(found.stamps()));

        std::fs::write(&path, "something else").unwrap();
        assert!(store.load(&path, &epochs).is_err());
        let torn = format!("{HEADER}\n{{\"key\":");
        std::fs::write(&path, torn).unwrap();
        assert_eq!(store.load(&path, &epochs).unwrap(), 0);
    }

    #[test]
    fn what_is_shared_is_shared_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers");
        let (store, epochs) = (MemoryStore::new(1 << 20), Epochs::default());
        let fresh = |text: &str| Arc::new(Entry { stored_at: now_millis(), ttl: 60_000, ..entry(text) });
        let [same, other] = [fresh("same"), fresh("other")];
        let key = |number: u8| Key::from_bytes([number; 32]);
        for (number, entry) in [(1, &same), (2, &same), (3, &other)] {
            store.keep(key(number), entry.clone());
        }
        store.save(&path, &epochs).unwrap();
        let store = MemoryStore::new(1 << 20);
        assert_eq!(store.load(&path, &epochs).unwrap(), 3);
        let [one, two, three] = [1, 2, 3].map(|number| store.find(&key(number)).unwrap());
        assert_eq!((&one, &three), (&same, &other));
        assert!(Arc::ptr_eq(&one, &two) && !Arc::ptr_eq(&one, &three));
        assert!(ptr::eq(&*one.provenance, &*three.provenance), "of one client and model");
    }
}
