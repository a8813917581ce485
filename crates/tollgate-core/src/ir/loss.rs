//! What a translation could not carry.

use std::borrow::Cow;

/// One thing that a translation could not carry, or not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The field in the words of OpenAI's protocols, or the extra member's own name: `top_k`, `logit_bias`,
    /// `image.detail`.
    pub field: Cow<'static, str>,
    /// What was sent in its place, if anything: a temperature that was clamped is changed and not dropped.
    pub changed: bool,
}

/// What a translation could not carry, in the order in which it was noticed, each field once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// A prompt may have thousands of parts; a report names no more fields than this.
    const MAX: usize = 64;

    /// Notes that a field was left out.
    pub fn drop(&mut self, field: impl Into<Cow<'static, str>>) {
        self.note(field.into(), false);
    }

    /// Notes that a field was left out if it is there.
    pub fn drop_if(&mut self, present: bool, field: &'static str) {
        if present {
            self.drop(field);
        }
    }

    /// Notes that something else was sent in a field's place.
    pub fn change(&mut self, field: impl Into<Cow<'static, str>>) {
        self.note(field.into(), true);
    }

    fn note(&mut self, field: Cow<'static, str>, changed: bool) {
        if self.0.len() < Self::MAX && !self.0.iter().any(|known| known.field == field) {
            self.0.push(Loss { field, changed });
        }
    }

    /// Whether everything was carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was lost.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }

    /// The fields' names.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|loss| &*loss.field)
    }

    /// Takes over what another translation of the same request lost.
    pub fn extend(&mut self, other: &Self) {
        for loss in &other.0 {
            self.note(loss.field.clone(), loss.changed);
        }
    }
}
