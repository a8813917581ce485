//! A light stemmer: inflections and British spellings of English, nothing that changes a meaning.

use std::borrow::Cow;

/// The stem of a folded word. Words of other scripts, and short ones, are their own stems.
///
/// It takes off plural, `-ing`, `-ed` and a silent `e`, and writes `-our`, `-ise`, `-yse`, `-re` and `-ogue` the
/// American way. Derivations (`-tion`, `-er`, `-ly`, prefixes) are kept: they tell prompts apart.
pub(crate) fn stem(word: &str) -> Cow<'_, str> {
    if word.len() <= 3 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    let mut stem = american(singular(word));
    if let Some(verb) = without_ending(&stem) {
        stem = Cow::Owned(verb);
    }
    if stem.len() > 3 && stem.ends_with('e') && !stem.ends_with("ee") {
        stem = Cow::Owned(stem[..stem.len() - 1].to_owned());
    }
    stem
}

fn singular(word: &str) -> Cow<'_, str> {
    let Some(base) = word.strip_suffix('s') else { return Cow::Borrowed(word) };
    if let Some(base) = base.strip_suffix("ie").filter(|base| base.len() > 2) {
        return Cow::Owned(format!("{base}y"));
    }
    if let Some(base) = base.strip_suffix('e')
        && ["ss", "x", "ch", "sh", "zz"].iter().any(|ending| base.ends_with(ending))
    {
        return Cow::Owned(base.to_owned());
    }
    let is_plural = !["s", "u", "i", "'"].iter().any(|ending| base.ends_with(ending));
    Cow::Owned(if is_plural { base } else { word }.to_owned())
}

fn american(word: Cow<'_, str>) -> Cow<'_, str> {
    const ENDINGS: &[(&str, &str)] = &[
        ("colour", "color"),
        ("avour", "avor"),
        ("eighbour", "eighbor"),
        ("abour", "abor"),
        ("umour", "umor"),
        ("onour", "onor"),
        ("isation", "ization"),
        ("ising", "izing"),
        ("ised", "ized"),
        ("ise", "ize"),
        ("ysed", "yzed"),
        ("ysing", "yzing"),
        ("yse", "yze"),
        ("metre", "meter"),
        ("litre", "liter"),
        ("centre", "center"),
        ("theatre", "theater"),
        ("fibre", "fiber"),
        ("ogue", "og"),
        ("programme", "program"),
        ("cheque", "check"),
        ("grey", "gray"),
        ("defence", "defense"),
        ("licence", "license"),
        ("enrol", "enroll"),
        ("aluminium", "aluminum"),
    ];
    // Three letters before the ending, so that `rise`, `wise` and `noise` stay.
    let found = ENDINGS
        .iter()
        .find(|(british, _)| word.ends_with(british) && (british.len() > 4 || word.len() >= british.len() + 4));
    match found {
        Some((british, american)) => Cow::Owned(format!("{}{american}", &word[..word.len() - british.len()])),
        None => word,
    }
}

fn without_ending(word: &str) -> Option<String> {
    if let Some(base) = word.strip_suffix("ied").filter(|base| base.len() > 1) {
        return Some(format!("{base}y"));
    }
    let base = word.strip_suffix("ing").or_else(|| word.strip_suffix("ed"))?;
    let has_vowel = base.bytes().any(|byte| b"aeiouy".contains(&byte));
    if base.len() < 3 || !has_vowel || base.ends_with('e') && word.ends_with("ed") {
        return None;
    }
    let bytes = base.as_bytes();
    let last = bytes[bytes.len() - 1];
    let doubled = bytes[bytes.len() - 2] == last && !b"aeioulsz".contains(&last);
    Some(base[..base.len() - usize::from(doubled)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str]) {
        let stems: Vec<_> = words.iter().map(|word| stem(word)).collect();
        assert!(stems.windows(2).all(|pair| pair[0] == pair[1]), "{words:?}: {stems:?}");
    }

    #[test]
    fn inflections_and_spellings_share_a_stem() {
        check(&["install", "installs", "installed", "installing"]);
        check(&["make", "makes", "making"]);
        check(&["stop", "stops", "stopped", "stopping"]);
        check(&["copy", "copies", "copied", "copying"]);
        check(&["colour", "colors", "colours"]);
        check(&["summarise", "summarize", "summarising", "summarized"]);
        check(&["metre", "meters", "metres"]);
        check(&["box", "boxes"]);
        check(&["charge", "charged", "charges", "charging"]);
    }

    #[test]
    fn derivations_and_short_words_are_kept() {
        for (one, other) in
            [("realize", "real"), ("teacher", "teach"), ("rise", "rize"), ("bus", "bu"), ("news", "new")]
        {
            assert_eq!(stem(one) == stem(other), one == "news", "{one} {other}");
        }
        assert_eq!(stem("東"), "東");
        assert_eq!(stem("analysis"), "analysis");
    }
}
