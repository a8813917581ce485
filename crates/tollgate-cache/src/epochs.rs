//! Invalidation without searching: whatever was stored in an earlier epoch does not count.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tollgate_core::Target;

/// The epoch of a name at the time when an answer was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The name of what can be invalidated.
    pub name: Arc<str>,
    /// Its epoch then.
    pub epoch: u64,
}

/// What can be invalidated in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Everything.
    All,
    /// What was stored for a scope.
    Scope(String),
    /// What a model answered, as `provider/model`.
    Model(String),
    /// What carries a tag.
    Tag(String),
}

/// What the names of tags begin with.
const TAG: &str = "tag:";

impl Stamp {
    /// The tag that it is of; `None` if it is of something else.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.name.strip_prefix(TAG)
    }

    /// Those of tags, and the others.
    pub(crate) fn apart(stamps: impl IntoIterator<Item = Self>) -> (Vec<Self>, Vec<Self>) {
        stamps.into_iter().partition(|stamp| stamp.tag().is_some())
    }
}

impl Subject {
    /// The name of its epoch.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::All => "all".into(),
            Self::Scope(scope) => format!("scope:{scope}").into(),
            Self::Model(model) => format!("model:{model}").into(),
            Self::Tag(tag) => format!("{TAG}{tag}").into(),
        }
    }
}

/// The current epoch of everything that was ever invalidated; whatever never was is in epoch zero.
#[derive(Debug, Default)]
pub struct Epochs {
    current: RwLock<HashMap<Arc<str>, u64>>,
    /// Names that many stamps have, so that each stored answer need not have them for itself.
    names: RwLock<HashSet<Arc<str>>>,
}

/// How many names are shared. When there are more, they are begun anew.
const MOST_NAMES: usize = 1024;

impl Epochs {
    /// The epochs that an answer asked for now is stored with.
    #[must_use]
    pub fn stamps(&self, scope: &str, target: &Target, tags: &[Arc<str>]) -> Vec<Stamp> {
        let epochs = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let subjects = [Subject::All, Subject::Scope(scope.to_owned()), Subject::Model(target.to_string())];
        let tags = tags.iter().map(|tag| Subject::Tag(tag.to_string()));
        subjects
            .into_iter()
            .chain(tags)
            .map(|subject| {
                let name = self.shared(subject.name());
                let epoch = epochs.get(&name).copied().unwrap_or(0);
                Stamp { name, epoch }
            })
            .collect()
    }

    /// The same name, which others may have as well.
    fn shared(&self, name: Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return known.clone();
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        names.insert(name.clone());
        name
    }

    /// Brings stamps of something that has not been asked for yet up to the present.
    pub fn renew(&self, stamps: &mut [Stamp]) {
        let epochs = self.current.read().unwrap_or_else(PoisonError::into_inner);
        for stamp in stamps {
            stamp.epoch = epochs.get(&stamp.name).copied().unwrap_or(0);
        }
    }

    /// Whether nothing that an entry was stored under has been invalidated since.
    #[must_use]
    pub fn is_current<'a>(&self, stamps: impl IntoIterator<Item = &'a Stamp>) -> bool {
        let epochs = self.current.read().unwrap_or_else(PoisonError::into_inner);
        stamps.into_iter().all(|stamp| epochs.get(&stamp.name).copied().unwrap_or(0) <= stamp.epoch)
    }

    /// Begins a new epoch, and gives it.
    pub fn advance(&self, subject: &Subject) -> u64 {
        let mut epochs = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let epoch = epochs.entry(subject.name()).or_insert(0);
        *epoch += 1;
        *epoch
    }

    /// Takes over epochs that others have begun.
    pub fn merge(&self, others: impl IntoIterator<Item = (Arc<str>, u64)>) {
        let mut epochs = self.current.write().unwrap_or_else(PoisonError::into_inner);
        for (name, epoch) in others {
            let known = epochs.entry(name).or_insert(0);
            *known = (*known).max(epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shared_and_not_more_than_so_many_remembered() {
        let epochs = Epochs::default();
        let stamps = |scope: &str| epochs.stamps(scope, &Target::new("p", "m"), &[]);
        let [one, other] = [stamps("key"), stamps("key")];
        assert!(one.iter().zip(&other).all(|(one, other)| Arc::ptr_eq(&one.name, &other.name)));
        for scope in 0..2 * MOST_NAMES {
            stamps(&scope.to_string());
            assert!(epochs.names.read().unwrap().len() <= MOST_NAMES);
        }
        assert_eq!(stamps("key"), one);
    }

    #[test]
    fn an_epoch_ends_what_was_stored_before() {
        let epochs = Epochs::default();
        let stamps = |tags: &[Arc<str>]| epochs.stamps("key", &Target::new("p", "m"), tags);
        let (plain, tagged) = (stamps(&[]), stamps(&["doc:1".into()]));
        epochs.advance(&Subject::Tag("doc:1".to_owned()));
        assert!(epochs.is_current(&plain) && !epochs.is_current(&tagged));
        assert!(epochs.is_current(&stamps(&["doc:1".into()])));
        epochs.advance(&Subject::Model("p/m".to_owned()));
        assert!(!epochs.is_current(&plain));
        let other = epochs.stamps("other", &Target::new("p", "n"), &[]);
        epochs.advance(&Subject::Scope("key".to_owned()));
        assert!(epochs.is_current(&other));
        epochs.merge([("all".into(), 1)]);
        assert!(!epochs.is_current(&other));
    }
}
