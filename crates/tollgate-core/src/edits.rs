//! Byte-range edits to an immutable body.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Replacements of byte ranges of a body, kept in the order of the body.
///
/// Edits never overlap: a later edit of the same range replaces the earlier one, which is what happens when a request
/// is routed again to another provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    edits: Vec<Edit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    with: Bytes,
}

impl Edits {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Replaces `range` of the body; an empty range inserts.
    ///
    /// # Panics
    /// If the range overlaps an earlier edit without being equal to it: the caller scanned the ranges from one
    /// document, where values either are the same or do not touch.
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<Bytes>) {
        let edit = Edit { range, with: with.into() };
        let at = self.edits.partition_point(|known| known.range.start < edit.range.start);
        match self.edits.get_mut(at) {
            Some(known) if known.range == edit.range => *known = edit,
            next => {
                assert!(next.is_none_or(|next| edit.range.end <= next.range.start), "edits overlap");
                let previous_end = at.checked_sub(1).map_or(0, |i| self.edits[i].range.end);
                assert!(previous_end <= edit.range.start, "edits overlap");
                self.edits.insert(at, edit);
            }
        }
    }

    /// Inserts at an offset; see [`Edits::replace`].
    pub fn insert(&mut self, at: usize, with: impl Into<Bytes>) {
        self.replace(at..at, with);
    }

    /// Whether exactly this range is replaced.
    #[must_use]
    pub fn replaces(&self, range: &Range<usize>) -> bool {
        self.edits.iter().any(|edit| edit.range == *range)
    }

    /// The length of the edited body.
    #[must_use]
    pub fn edited_len(&self, body: &Bytes) -> usize {
        self.edits.iter().fold(body.len(), |len, edit| len + edit.with.len() - edit.range.len())
    }

    /// The edited body as pieces: slices of the original, which are not copied, between the replacements.
    #[must_use]
    pub fn pieces(&self, body: &Bytes) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(self.edits.len() * 2 + 1);
        let mut at = 0;
        for edit in &self.edits {
            pieces.push(body.slice(at..edit.range.start));
            pieces.push(edit.with.clone());
            at = edit.range.end;
        }
        pieces.push(body.slice(at..));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// The edited body in one piece. Without edits this is the body itself, not a copy.
    #[must_use]
    pub fn apply(&self, body: &Bytes) -> Bytes {
        if self.is_empty() {
            return body.clone();
        }
        let mut edited = BytesMut::with_capacity(self.edited_len(body));
        for piece in self.pieces(body) {
            edited.extend_from_slice(&piece);
        }
        edited.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(edits: &[(Range<usize>, &'static str)], expect: &str) {
        let body = Bytes::from_static(b"0123456789");
        let mut sut = Edits::default();
        for (range, with) in edits {
            sut.replace(range.clone(), *with);
        }
        assert_eq!(sut.apply(&body), expect);
        assert_eq!(sut.edited_len(&body), expect.len());
    }

    #[test]
    fn edits_apply_in_body_order() {
        check(&[], "0123456789");
        check(&[(0..1, "a")], "a123456789");
        check(&[(5..6, "five"), (0..0, ">")], ">01234five6789");
        check(&[(10..10, "<"), (9..10, "")], "012345678<");
        check(&[(2..4, ""), (4..4, "x")], "01x456789");
    }

    #[test]
    fn the_same_range_again_replaces_the_edit() {
        check(&[(2..4, "first"), (2..4, "second")], "01second456789");
        check(&[(2..2, "a"), (2..2, "b")], "01b23456789");
    }

    #[test]
    fn without_edits_the_bytes_are_shared() {
        let body = Bytes::from_static(b"same");
        assert_eq!(Edits::default().apply(&body).as_ptr(), body.as_ptr());
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn overlapping_edits_are_a_bug() {
        check(&[(2..6, "a"), (4..8, "b")], "");
    }
}
