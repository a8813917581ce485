//! Rules, arranged so that those of a request are found quickly.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use tollgate_core::{Tag, Target};

use super::rule::{CacheHits, Each, Rule, Scope};

/// Rules, arranged by the part of their scope that the fewest requests share. Most requests match a few of them, and looking
/// those up takes a few hundred nanoseconds however many there are for other keys, paths and tags.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Arc<Rule>>,
    by_key: HashMap<Arc<str>, Vec<usize>>,
    by_tag: HashMap<Tag, Vec<usize>>,
    by_path: HashMap<Arc<str>, Vec<usize>>,
    by_model: HashMap<Arc<str>, Vec<usize>>,
    by_provider: HashMap<Arc<str>, Vec<usize>>,
    of_everybody: Vec<usize>,
    /// Whether there are rules of either kind at all.
    counts: bool,
    frees: bool,
}

/// What rules look at of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The name of the client's key.
    pub key: Option<&'a str>,
    /// Where the key belongs.
    pub path: Option<&'a str>,
    /// The request's tags.
    pub tags: &'a [Tag],
    /// Who is asked.
    pub target: Option<&'a Target>,
}

/// A rule that a request counts for, and which of its counters.
#[derive(Clone, Debug)]
pub struct Match {
    /// The rule.
    pub rule: Arc<Rule>,
    /// The name of the counter: the rule's id, and what [`Each`] tells apart.
    pub counter: Arc<str>,
}

/// A set of rules that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// Two rules have this id.
    SameId(Arc<str>),
    /// The rule of this id is about a model that is not of the form `provider/model`.
    ModelWithoutProvider(Arc<str>),
    /// The rule of this id has a path with empty parts.
    Path(Arc<str>),
}

// === impl Rules ===

impl Rules {
    /// Arranges rules.
    ///
    /// # Errors
    /// If two have the same id, or a scope could never match.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, RuleError> {
        let mut arranged = Self::default();
        let mut ids = HashSet::new();
        for rule in rules {
            check(&rule)?;
            if !ids.insert(rule.id.clone()) {
                return Err(RuleError::SameId(rule.id));
            }
            arranged.add(rule);
        }
        Ok(arranged)
    }

    /// The rules, in the order in which they were given.
    #[must_use]
    pub fn all(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The rule of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| &*rule.id == id)
    }

    /// Whether there is a rule for which cached answers count, or do not.
    #[must_use]
    pub fn has_any(&self, cache_hits: CacheHits) -> bool {
        if cache_hits == CacheHits::Count { self.counts } else { self.frees }
    }

    /// The rules that a request counts for, of those for which cached answers count or do not.
    #[must_use]
    pub fn matching(&self, facts: &Facts<'_>, cache_hits: CacheHits) -> Vec<Match> {
        let mut found = Vec::new();
        if !self.has_any(cache_hits) {
            return found;
        }
        let mut consider = |places: Option<&Vec<usize>>| {
            let rules = places.into_iter().flatten().filter_map(|place| self.rules.get(*place));
            for rule in rules.filter(|rule| rule.cache_hits == cache_hits && is_about(&rule.scope, facts)) {
                found.push(Match { counter: counter(rule, facts), rule: rule.clone() });
            }
        };
        consider(Some(&self.of_everybody));
        if !self.by_key.is_empty() {
            consider(facts.key.and_then(|key| self.by_key.get(key)));
        }
        if !self.by_tag.is_empty() {
            facts.tags.iter().for_each(|tag| consider(self.by_tag.get(tag)));
        }
        if !self.by_path.is_empty() {
            subtrees(facts.path.unwrap_or_default()).for_each(|path| consider(self.by_path.get(path)));
        }
        let Some(target) = facts.target else { return found };
        if target.model.is_empty() && !self.by_model.is_empty() {
            for (model, places) in &self.by_model {
                if is_of_provider(model, &target.provider) {
                    consider(Some(places));
                }
            }
        } else if !self.by_model.is_empty() {
            consider(self.by_model.get(target.to_string().as_str()));
        }
        if !self.by_provider.is_empty() {
            consider(self.by_provider.get(&target.provider));
        }
        found
    }

    fn add(&mut self, rule: Rule) {
        let place = self.rules.len();
        let scope = &rule.scope;
        let places = if let Some(key) = &scope.key {
            self.by_key.entry(key.clone()).or_default()
        } else if let Some(tag) = scope.tags.first() {
            self.by_tag.entry(tag.clone()).or_default()
        } else if let Some(path) = &scope.path {
            self.by_path.entry(path.clone()).or_default()
        } else if let Some(model) = &scope.model {
            self.by_model.entry(model.clone()).or_default()
        } else if let Some(provider) = &scope.provider {
            self.by_provider.entry(provider.clone()).or_default()
        } else {
            &mut self.of_everybody
        };
        places.push(place);
        match rule.cache_hits {
            CacheHits::Count => self.counts = true,
            CacheHits::Free => self.frees = true,
        }
        self.rules.push(Arc::new(rule));
    }
}

fn check(rule: &Rule) -> Result<(), RuleError> {
    let model = rule.scope.model.as_deref().and_then(|model| model.split_once('/'));
    if rule.scope.model.is_some() && !model.is_some_and(|(provider, model)| !provider.is_empty() && !model.is_empty()) {
        return Err(RuleError::ModelWithoutProvider(rule.id.clone()));
    }
    if rule.scope.path.as_deref().is_some_and(|path| path.split('/').any(str::is_empty)) {
        return Err(RuleError::Path(rule.id.clone()));
    }
    Ok(())
}

fn is_about(scope: &Scope, facts: &Facts<'_>) -> bool {
    let is_of_target = |is_it: &dyn Fn(&Target) -> bool| facts.target.is_some_and(is_it);
    scope.key.as_deref().is_none_or(|key| facts.key == Some(key))
        && scope.path.as_deref().is_none_or(|path| facts.path.is_some_and(|own| is_below(own, path)))
        && scope.tags.iter().all(|tag| facts.tags.contains(tag))
        && scope.model.as_deref().is_none_or(|model| is_of_target(&|target| is_model(model, target)))
        && scope.provider.as_deref().is_none_or(|provider| is_of_target(&|target| &*target.provider == provider))
}

fn is_below(path: &str, subtree: &str) -> bool {
    path.strip_prefix(subtree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_model(model: &str, target: &Target) -> bool {
    let named = model.strip_prefix(&*target.provider).and_then(|rest| rest.strip_prefix('/'));
    named.is_some_and(|named| target.model.is_empty() || named == &*target.model)
}

fn is_of_provider(model: &str, provider: &str) -> bool {
    model.strip_prefix(provider).is_some_and(|rest| rest.starts_with('/'))
}

/// The path and all that it is below of.
fn subtrees(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain((!path.is_empty()).then_some(path.len()));
    ends.map(|end| &path[..end])
}

fn counter(rule: &Rule, facts: &Facts<'_>) -> Arc<str> {
    let instance = match rule.each {
        Each::Together => return rule.id.clone(),
        Each::Key => facts.key.unwrap_or_default(),
        Each::PathDepth(depth) => {
            let path = facts.path.unwrap_or_default();
            subtrees(path).nth(usize::from(depth).saturating_sub(1)).unwrap_or(path)
        }
    };
    format!("{}|{instance}", rule.id).into()
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameId(id) => write!(f, "two rules have the id `{id}`"),
            Self::ModelWithoutProvider(id) => {
                write!(f, "the rule `{id}` is about a model that is not written as provider/model")
            }
            Self::Path(id) => write!(f, "the rule `{id}` is about a path with an empty part"),
        }
    }
}

impl std::error::Error for RuleError {}
