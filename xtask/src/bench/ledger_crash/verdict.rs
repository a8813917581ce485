//! What clients saw beside what the ledger has.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::client::Answer;

/// When a gateway was killed: between these.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    pub(super) before: Instant,
    pub(super) after: Instant,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    kills: usize,
    answers: usize,
    records: usize,
    /// Requests that the upstream has seen.
    upstream: u64,
    /// Records whose request has another.
    doubled: usize,
    /// Records of answers that were given, by their status.
    well: usize,
    /// Answers that no record tells of.
    missing: usize,
    /// By how long the oldest of them came before the kill.
    oldest_missing: Duration,
}

/// A thread that should write now is not always given a processor now.
const SLACK: Duration = Duration::from_millis(50);

// === impl Verdict ===

impl Verdict {
    /// Compares all answers with all records, each an id and a status.
    pub(super) fn of(answers: &[Answer], kills: &[Kill], records: &[(String, u16)], upstream: u64) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        records.iter().for_each(|(id, _)| *counts.entry(id).or_default() += 1);
        let missing: Vec<&Answer> = answers.iter().filter(|answer| !counts.contains_key(&*answer.id)).collect();
        let age = |answer: &&Answer| {
            // The first kill that ended after the answer's end was seen.
            let kill = kills.iter().find(|kill| kill.after >= answer.at);
            kill.map_or(Duration::MAX, |kill| kill.before.saturating_duration_since(answer.at))
        };
        Self {
            kills: kills.len(),
            answers: answers.len(),
            records: records.len(),
            upstream,
            doubled: counts.values().map(|count| count - 1).sum(),
            well: records.iter().filter(|(_, status)| *status == 200).count(),
            missing: missing.len(),
            oldest_missing: missing.iter().map(age).max().unwrap_or_default(),
        }
    }

    /// Whether the ledger kept its promise.
    pub(super) fn is_good(&self, window: Duration) -> bool {
        let is_within = if window.is_zero() { self.missing == 0 } else { self.oldest_missing <= window + SLACK };
        self.answers > 0 && self.doubled == 0 && self.well as u64 <= self.upstream && is_within
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} kills", self.kills)?;
        writeln!(
            f,
            "{} requests reached the upstream, {} answers were seen to their end",
            self.upstream, self.answers
        )?;
        writeln!(f, "{} records, {} of answers with status 200, {} double", self.records, self.well, self.doubled)?;
        write!(f, "{} answers are missing", self.missing)?;
        match self.missing {
            0 => Ok(()),
            _ => write!(f, ", the oldest of which ended {:?} before a kill", self.oldest_missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_must_be_young() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let kills = [Kill { before: at(1000), after: at(1001) }, Kill { before: at(2000), after: at(2001) }];
        let answer = |id: &str, millis| Answer { id: id.to_owned(), at: at(millis) };
        let answers = [answer("a", 100), answer("b", 950), answer("c", 1900)];
        let record = |id: &str| (id.to_owned(), 200);
        let window = Duration::from_millis(100);
        let all = Verdict::of(&answers, &kills, &[record("a"), record("b"), record("c")], 3);
        assert!(all.is_good(Duration::ZERO) && all.is_good(window));
        let young = Verdict::of(&answers, &kills, &[record("a"), record("c")], 3);
        assert!(young.is_good(window) && !young.is_good(Duration::ZERO));
        assert_eq!(young.oldest_missing, Duration::from_millis(50));
        let old = Verdict::of(&answers, &kills, &[record("b"), record("c")], 3);
        assert!(!old.is_good(window));
        let double = Verdict::of(&answers, &kills, &[record("a"), record("b"), record("c"), record("c")], 9);
        assert!(!double.is_good(window));
        let invented = Verdict::of(&answers, &kills, &[record("a"), record("b"), record("c"), record("d")], 3);
        assert!(!invented.is_good(window));
    }
}
