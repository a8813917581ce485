//! Says where two texts part, in few lines: enough to see what was forgotten.

const CONTEXT: usize = 2;
const SHOWN: usize = 8;

/// The first difference, with a little of what stands before, and how much else differs.
pub(super) fn hint(on_disk: &str, generated: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (on_disk.lines().collect(), generated.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let tail = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(old, new)| old == new).count();
    let (gone, come) = (&old[same..old.len() - tail], &new[same..new.len() - tail]);
    if gone.is_empty() && come.is_empty() {
        return "  only white space at the end differs".to_owned();
    }
    let mut lines = vec![format!("  @@ line {} @@", same + 1)];
    lines.extend(old[same.saturating_sub(CONTEXT)..same].iter().map(|line| format!("    {line}")));
    for (sign, part) in [('-', gone), ('+', come)] {
        lines.extend(part.iter().take(SHOWN).map(|line| format!("  {sign} {line}")));
        if part.len() > SHOWN {
            lines.push(format!("  {sign} … {} more lines, not all of which differ", part.len() - SHOWN));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown_with_what_stands_before() {
        let hint = hint("a\nb\nc\nd\ne\n", "a\nb\nc\nX\ne\n");
        assert_eq!(hint, "  @@ line 4 @@\n    b\n    c\n  - d\n  + X");
    }

    #[test]
    fn long_differences_are_cut() {
        let hint = hint("", &"x\n".repeat(20));
        assert!(hint.starts_with("  @@ line 1 @@\n  + x\n"), "{hint}");
        assert!(hint.ends_with("12 more lines, not all of which differ"), "{hint}");
    }

    #[test]
    fn a_missing_line_end_is_named() {
        assert_eq!(hint("a", "a\n"), "  only white space at the end differs");
    }
}
