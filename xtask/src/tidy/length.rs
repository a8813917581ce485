//! Long files and long functions: worth a look, not always wrong.

use super::rust::line_of;
use super::{Problem, Source};

const FILE: usize = 600;
const FUNCTION: usize = 100;

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let of_crates = sources.iter().filter(|source| source.path.starts_with("crates/"));
    of_crates.flat_map(|source| file(source).into_iter().chain(functions(source))).collect()
}

fn file(source: &Source) -> Option<Problem> {
    let lines = source.text.lines().count();
    (lines > FILE).then(|| Problem::of(&source.path, format!("{lines} lines; has a second subject moved in?")))
}

fn functions(source: &Source) -> Vec<Problem> {
    let code = &source.code;
    let mut problems = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let is_word = code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let Some((start, end)) = body(code, at).filter(|_| !is_word) else { continue };
        let lines = code[start..end].matches('\n').count();
        if lines > FUNCTION {
            let name = code[at + 3..].split(['(', '<']).next().unwrap_or_default();
            let message = format!("`{name}` has {lines} lines; does it still fit a screen?");
            problems.push(Problem::at(&source.path, line_of(code, at), message));
        }
    }
    problems
}

/// Where a function's body begins and ends; nothing if it has none.
fn body(code: &str, start: usize) -> Option<(usize, usize)> {
    let (mut depth, mut opened) = (0_i32, None);
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' => {
                if depth == 0 && opened.is_none() {
                    opened = Some(at);
                }
                depth += 1;
            }
            b'}' => {
                depth -= 1;
                if let (0, Some(opened)) = (depth, opened) {
                    return Some((opened, at));
                }
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ones_are_named() {
        let text = format!("fn short() {{}}\nfn long(x: [u8; 3]) -> u8 {{\n{}}}\n", "    x();\n".repeat(700));
        let found: Vec<String> =
            check(&[Source::new("crates/a/src/lib.rs", &text)]).iter().map(Problem::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/a/src/lib.rs: 703 lines"), "{found:?}");
        assert!(found[1].starts_with("crates/a/src/lib.rs:2: `long` has 701 lines"), "{found:?}");
        assert!(check(&[Source::new("xtask/src/main.rs", &text)]).is_empty());
    }
}
