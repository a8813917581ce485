//! An answer as bytes with gaps for what each client gets anew.

use std::ops::Range;

use bytes::Bytes;
use tollgate_core::ir::Naming;

/// The bytes of an answer, and where its names stand.
#[derive(Debug)]
pub(crate) struct Template {
    bytes: Bytes,
    content_type: &'static str,
    gaps: Vec<Gap>,
}

/// A place that differs from client to client.
#[derive(Debug)]
struct Gap {
    at: usize,
    filling: Filling,
}

#[derive(Debug)]
enum Filling {
    /// A part of the id, mostly all of it.
    Id(Range<usize>),
    /// The time in seconds, as digits.
    Created,
}

/// Two names that differ in every letter of the id and every digit of the time. Within an id no letter comes twice, so that a
/// part of it can only be that part.
const SAMPLES: [(&str, u64); 2] =
    [("abcdefghijklmnopqrstuvwx", 1_111_111_111), ("mnopqrstuvwxabcdefghijkl", 2_222_222_222)];

/// Digits of a time, until 2286.
const DIGITS: usize = 10;

impl Template {
    /// The template of an answer that `render` writes. `None` if it cannot write it, or if what a name turns into is not the
    /// name itself: then it has to be written anew for each client.
    ///
    /// What differs between two writings with different names is what names are. To search for names would not do, because
    /// what a model says may look like one.
    pub(crate) fn of(render: impl Fn(&Naming) -> Option<(Bytes, &'static str)>) -> Option<Self> {
        let namings = SAMPLES.map(|(id, created)| Naming { id: id.to_owned(), created });
        let (one, content_type) = render(&namings[0])?;
        let (other, _) = render(&namings[1])?;
        if one.len() != other.len() {
            return None;
        }
        let mut gaps = Vec::new();
        for range in differences(&one, &other) {
            let filling = filling(&one[range.clone()], &other[range.clone()])?;
            gaps.push(Gap { at: range.start, filling });
        }
        Some(Self { bytes: one, content_type, gaps })
    }

    /// The answer with names; `None` if these do not fit.
    pub(crate) fn fill(&self, naming: &Naming) -> Option<Bytes> {
        if self.gaps.is_empty() {
            return Some(self.bytes.clone());
        }
        let created = digits(naming.created)?;
        if naming.id.len() != SAMPLES[0].0.len() {
            return None;
        }
        let mut filled = self.bytes.to_vec();
        for gap in &self.gaps {
            let with = match &gap.filling {
                Filling::Id(part) => &naming.id.as_bytes()[part.clone()],
                Filling::Created => &created[..],
            };
            filled[gap.at..gap.at + with.len()].copy_from_slice(with);
        }
        Some(filled.into())
    }

    /// The content type of the answer.
    pub(crate) fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.gaps.len() * size_of::<Gap>()
    }
}

/// The digits of a number that has so many.
fn digits(number: u64) -> Option<[u8; DIGITS]> {
    let mut digits = [0; DIGITS];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
    }
    (rest == 0 && digits[0] != b'0').then_some(digits)
}

/// The ranges in which two texts of the same length differ.
fn differences(one: &[u8], other: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for at in (0..one.len()).filter(|&at| one[at] != other[at]) {
        match ranges.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => ranges.push(at..at + 1),
        }
    }
    ranges
}

/// What stands in a range, by what stands there with either name.
fn filling(one: &[u8], other: &[u8]) -> Option<Filling> {
    let [(id, created), (other_id, other_created)] = SAMPLES;
    if one == created.to_string().as_bytes() && other == other_created.to_string().as_bytes() {
        return Some(Filling::Created);
    }
    let start = id.bytes().position(|letter| Some(&letter) == one.first())?;
    let part = start..start + one.len();
    let is_part = id.as_bytes().get(part.clone()) == Some(one) && other_id.as_bytes().get(part.clone()) == Some(other);
    is_part.then_some(Filling::Id(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming() -> Naming {
        Naming { id: "ABCDEFGHIJKLMNOPQRSTUVWX".to_owned(), created: 1_764_000_000 }
    }

    fn check(write: impl Fn(&Naming) -> String, is_template: bool) {
        let template = Template::of(|naming| Some((write(naming).into(), "text/plain")));
        let filled = template.and_then(|template| template.fill(&naming()));
        assert_eq!(filled, is_template.then(|| write(&naming()).into()));
    }

    #[test]
    fn names_are_filled_in_wherever_they_stand() {
        check(|_| "constant".to_owned(), true);
        check(|naming| naming.id.clone(), true);
        check(|naming| format!("a-{}:{} b-{}", naming.id, naming.created, &naming.id[3..20]), true);
    }

    #[test]
    fn an_answer_that_looks_like_a_name_stays_as_it_is() {
        let said = format!("{} {}", SAMPLES[0].0, SAMPLES[1].1);
        check(|naming| format!("{said} {}", naming.id), true);
    }

    #[test]
    fn what_names_turn_into_is_not_guessed() {
        check(|naming| naming.id.to_uppercase(), false);
        check(|naming| naming.id.chars().rev().collect(), false);
        check(|naming| format!("{}{}", naming.id, naming.created), false);
        check(|naming| (naming.created + 1).to_string(), false);
        check(|naming| (naming.created % 7).to_string(), false);
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let template = Template::of(|naming| Some((naming.id.clone().into(), "text/plain"))).unwrap();
        assert_eq!(template.fill(&Naming { id: "short".to_owned(), ..naming() }), None);
        for created in [1, 999_999_999, 10_000_000_000] {
            assert_eq!(template.fill(&Naming { created, ..naming() }), None);
        }
    }
}
