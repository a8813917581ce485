//! Stored answers that come as they came the first time.
//!
//! Where clients share answers, one that comes at once tells that somebody has asked for it before. So it comes after as long
//! as it took then, whole, or in about as many pieces: texts are cut between words, because where exactly the provider had cut
//! them is not kept.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tollgate_core::ir::{Answer, Delta, Event, Naming};
use tollgate_core::{CacheStatus, Request, Response};

use super::{AnswerCache, naming};
use crate::{Entry, Pace, Payload, now_millis};

/// An answer that is given away over time.
#[derive(Debug)]
pub struct Replay {
    /// The answer without its body.
    pub response: Response,
    /// The pieces of its body, and how long after the request each is due.
    pub pieces: VecDeque<(Duration, Bytes)>,
}

/// How many bytes of text a piece has if the provider gave all in one: about a token.
const PIECE: usize = 4;

// === impl AnswerCache ===

impl AnswerCache {
    /// An entry as the answer to a request, as [`Self::serve`] gives it, but over time. `None` if the request cannot be
    /// answered with it.
    #[must_use]
    pub fn replay(
        &self,
        request: &Request,
        entry: &Entry,
        status: CacheStatus,
        detail: &'static str,
    ) -> Option<Replay> {
        let (pace, naming) = (entry.pace(), naming());
        let (pieces, content_type) = match &entry.payload {
            Payload::Answer(answer) if request.is_streamed() => {
                self.stream_over_time(request, &answer.unpack(), pace, &naming)?
            }
            _ => {
                let (body, content_type) = self.render(request, entry, &naming)?;
                (VecDeque::from([(Duration::from_millis(pace.last.into()), body)]), content_type)
            }
        };
        let response = self.respond(request, entry, (status, detail), now_millis(), (Bytes::new(), content_type));
        Some(Replay { response, pieces })
    }

    fn stream_over_time(
        &self,
        request: &Request,
        answer: &Answer,
        pace: Pace,
        naming: &Naming,
    ) -> Option<(VecDeque<(Duration, Bytes)>, &'static str)> {
        let (mut writer, content_type) = self.codec.write_stream(request, naming)?;
        let events = self.codec.replay(answer);
        let size = match usize::try_from(pace.pieces) {
            Ok(pieces @ 2..) => events.iter().map(text_len).sum::<usize>().div_ceil(pieces).max(1),
            _ => PIECE,
        };
        let mut pieces = vec![Vec::new()];
        let mut is_begun = false;
        for event in events.iter().flat_map(|event| cut(event, size)) {
            if matches!(event, Event::Delta { .. }) && std::mem::replace(&mut is_begun, true) {
                pieces.push(Vec::new());
            }
            if let Some(piece) = pieces.last_mut() {
                writer.write(&event, piece);
            }
        }
        let due = times(pace, pieces.len());
        Some((due.zip(pieces.into_iter().map(Bytes::from)).collect(), content_type))
    }
}

/// When so many pieces are due: the first and the last as they were, the others in between, as irregularly as with a provider.
fn times(pace: Pace, pieces: usize) -> impl Iterator<Item = Duration> {
    let last = Duration::from_millis(pace.last.into());
    let first = match pace.pieces {
        // Of an answer that came whole it is not known when it would have begun.
        0 | 1 => last / 4,
        _ => Duration::from_millis(pace.first.into()).min(last),
    };
    let between = u32::try_from(pieces.saturating_sub(1)).unwrap_or(u32::MAX);
    (0..=between).map(move |number| match number {
        0 => first,
        _ if number == between => last,
        _ => first + ((last - first) / between).mul_f64(f64::from(number - 1) + fastrand::f64()),
    })
}

fn text_len(event: &Event) -> usize {
    match event {
        Event::Delta { delta: Delta::Text(text) | Delta::Arguments(text), .. } => text.len(),
        _ => 0,
    }
}

/// An event as several that come to the same, with texts of about so many bytes.
fn cut(event: &Event, size: usize) -> Vec<Event> {
    let piece = |index: u32, delta: Delta| Event::Delta { index, delta };
    match event {
        Event::Delta { index, delta: Delta::Text(text) } => {
            cut_text(text, size).map(|text| piece(*index, Delta::Text(text.to_owned()))).collect()
        }
        Event::Delta { index, delta: Delta::Arguments(text) } => {
            cut_text(text, size).map(|text| piece(*index, Delta::Arguments(text.to_owned()))).collect()
        }
        event => vec![event.clone()],
    }
}

/// Pieces of a text of at least so many bytes each but the last, which begin before white space where there is some near by.
fn cut_text(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut ends = rest.char_indices().filter(|(at, _)| *at >= size);
        let soon = ends.clone().take_while(|(at, _)| *at <= size * 2).find(|(_, letter)| letter.is_whitespace());
        let end = soon.or_else(|| ends.next()).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_nothing_is_lost() {
        for text in ["", "a", "One two three four.", "äöü äöü", "ohneeinleerzeichendazwischen", "日本語のテキスト"]
        {
            for size in [1, 4, 100] {
                let pieces: Vec<&str> = cut_text(text, size).collect();
                assert_eq!(pieces.concat(), text);
                assert!(pieces.iter().rev().skip(1).all(|piece| piece.len() >= size && piece.len() <= size * 2 + 4));
            }
        }
        assert_eq!(cut_text("One two three four.", 4).collect::<Vec<_>>(), ["One two", " three", " fou", "r."]);
    }

    #[test]
    fn pieces_are_due_one_after_the_other_from_the_first_to_the_last() {
        let millis = Duration::from_millis;
        for (pace, first) in [
            (Pace { first: 300, last: 1300, pieces: 40 }, millis(300)),
            (Pace { first: 1300, last: 1300, pieces: 1 }, millis(325)),
        ] {
            let due: Vec<Duration> = times(pace, 50).collect();
            assert!(due.is_sorted() && due.len() == 50);
            assert_eq!((due[0], due[49]), (first, millis(1300)));
        }
        assert_eq!(times(Pace { first: 5, last: 9, pieces: 3 }, 1).collect::<Vec<_>>(), [millis(5)]);
        assert_eq!(times(Pace::default(), 3).collect::<Vec<_>>(), [Duration::ZERO; 3]);
    }
}
