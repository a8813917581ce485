//! The known word nearest to an unknown one.

/// Advice for a word that is not among `known`: the nearest one, or all of them.
pub(crate) fn suggest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(unknown, &known) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "nothing is allowed here".to_owned(),
        None => format!("allowed: {}", known.join(", ")),
    }
}

fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    // A third of the word may differ; beyond that a guess misleads more than the list of all words.
    let limit = (unknown.chars().count() / 3).max(1);
    let scored = known.iter().map(|word| (distance(unknown, word), *word));
    scored.filter(|(score, _)| *score <= limit).min_by_key(|(score, _)| *score).map(|(_, word)| word)
}

/// The number of characters to insert, remove, replace or swap with their neighbour to get from one word to another,
/// regardless of case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, expect) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("ABC", "abc", 0),
            ("bse_url", "base_url", 1),
            ("lsiten", "listen", 1),
            ("kitten", "sitting", 3),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(a, b), expect, "{a} {b}");
            assert_eq!(distance(b, a), expect, "{b} {a}");
        }
    }

    #[test]
    fn offers_the_nearest_or_all() {
        let known = ["listen", "base_path", "log", "limits"];
        assert_eq!(suggest("lsten", known), "did you mean `listen`?");
        assert_eq!(suggest("limit", known), "did you mean `limits`?");
        assert_eq!(suggest("lg", known), "did you mean `log`?");
        assert_eq!(suggest("wibble", known), "allowed: listen, base_path, log, limits");
        assert_eq!(suggest("x", []), "nothing is allowed here");
    }
}
