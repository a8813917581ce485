//! What many answers have in common, kept once.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::epochs::Stamp;

/// Who answered, and for whom: what is equal for nearly all answers that a client got from a model, and so is kept once for
/// all of them.
///
/// Tags are not part of it, because there may be one for each answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// The provider that answered.
    pub provider: Arc<str>,
    /// The model that was asked.
    pub model: Arc<str>,
    /// The model as the provider named it in its answer.
    pub model_answered: Option<Arc<str>>,
    /// What a translation could not carry to the provider, in the words of the client that asked.
    pub dropped: Vec<String>,
    /// Who may share the answer.
    pub scope: Arc<str>,
    /// The epochs in which it was asked for, but those of tags.
    pub stamps: Vec<Stamp>,
}

/// Provenances that came lately, so that equal ones are one. Takes constant memory: of those with the same place the ones that
/// came last are known, and others only cost the memory that was to be saved.
#[derive(Debug)]
pub(crate) struct Provenances {
    /// Random, because clients choose some of the names.
    hasher: RandomState,
    rows: Mutex<Box<[Row]>>,
}

/// Those with the same place, the latest first.
type Row = [Option<Arc<Provenance>>; 4];

/// As many clients times models as are likely to be busy at the same time; a place takes eight bytes.
const ROWS: usize = 256;

// === impl Provenance ===

impl Provenance {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        /// An allocation's own, and the two counters of what is shared.
        const ALLOCATION: usize = 24;
        let names = [&self.provider, &self.model, &self.scope].into_iter().chain(&self.model_answered);
        let names = names.chain(self.stamps.iter().map(|stamp| &stamp.name)).map(|name| ALLOCATION + name.len());
        let dropped = self.dropped.iter().map(|field| ALLOCATION + size_of::<String>() + field.len());
        ALLOCATION + size_of::<Self>() + self.stamps.len() * size_of::<Stamp>() + names.chain(dropped).sum::<usize>()
    }
}

// === impl Provenances ===

impl Provenances {
    /// The one that is shared by all that are equal to this.
    pub(crate) fn share(&self, provenance: Arc<Provenance>) -> Arc<Provenance> {
        let hash = self.hasher.hash_one(&*provenance);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        // The remainder is less than the number of rows.
        let Some(row) = usize::try_from(hash % ROWS as u64).ok().and_then(|at| rows.get_mut(at)) else {
            return provenance;
        };
        let known = row.iter().position(|known| known.as_ref() == Some(&provenance));
        if let Some(known) = known {
            row[..=known].rotate_right(1);
        } else {
            row.rotate_right(1);
            row[0] = Some(provenance.clone());
        }
        row[0].clone().unwrap_or(provenance)
    }
}

impl Default for Provenances {
    fn default() -> Self {
        let rows = (0..ROWS).map(|_| Row::default()).collect();
        Self { hasher: RandomState::new(), rows: Mutex::new(rows) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn provenance(scope: &str) -> Provenance {
        Provenance {
            provider: "p".into(),
            model: "m".into(),
            model_answered: None,
            dropped: Vec::new(),
            scope: scope.into(),
            stamps: Vec::new(),
        }
    }

    #[test]
    fn equal_ones_are_shared_and_others_are_not() {
        let known = Provenances::default();
        let share = |provenance| known.share(Arc::new(provenance));
        let first = share(provenance("k"));
        assert!(Arc::ptr_eq(&first, &share(provenance("k"))));
        let changes: [fn(&mut Provenance); 6] = [
            |other| other.provider = "q".into(),
            |other| other.model = "n".into(),
            |other| other.model_answered = Some("m".into()),
            |other| other.dropped = vec!["seed".to_owned()],
            |other| other.scope = "l".into(),
            |other| other.stamps = vec![Stamp { name: "all".into(), epoch: 1 }],
        ];
        for change in changes {
            let mut other = provenance("k");
            change(&mut other);
            assert_eq!(*share(other.clone()), other);
        }
        assert!(Arc::ptr_eq(&first, &share(provenance("k"))), "others do not take its place");
    }

    #[test]
    fn no_more_than_so_many_are_known_and_what_is_in_use_stays() {
        let known = Provenances::default();
        let busy = known.share(Arc::new(provenance("busy")));
        for number in 0..10_000 {
            assert_eq!(&*known.share(Arc::new(provenance(&number.to_string()))).scope, number.to_string());
            assert!(Arc::ptr_eq(&busy, &known.share(Arc::new(provenance("busy")))));
        }
        let rows = known.rows.lock().unwrap();
        assert_eq!(rows.len(), ROWS);
        assert_eq!(rows.iter().flatten().flatten().count(), ROWS * Row::default().len(), "all places are taken by now");
    }

    #[test]
    fn what_has_more_names_is_larger() {
        let mut large = provenance("k");
        large.stamps = vec![Stamp { name: "all".into(), epoch: 1 }];
        assert!(large.size() >= provenance("k").size() + size_of::<Stamp>() + 3);
    }
}
