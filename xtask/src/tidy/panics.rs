//! A request must not be able to bring the gateway down, and no test may be left out in silence.

use super::{Problem, Source};

/// What panics, and the lint of clippy by which an exception is made and explained.
const PANICS: &[(&str, &str)] = &[
    (".unwrap()", "unwrap_used"),
    (".unwrap_err()", "unwrap_used"),
    (".expect(", "expect_used"),
    (".expect_err(", "expect_used"),
    ("panic!", "panic"),
    ("todo!", "todo"),
    ("unimplemented!", "unimplemented"),
    ("dbg!", "dbg_macro"),
];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    sources.iter().flat_map(|source| [panics(source), ignored_tests(source)].concat()).collect()
}

fn panics(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !source.is_production() || source.is_of("tollgate-testkit") {
        return problems;
    }
    let offsets: Vec<usize> = source.lines_with_offsets().map(|(_, offset, _)| offset).collect();
    for (needle, lint) in PANICS {
        let expected = source.expected(&[lint]);
        for (line, code) in source.production_lines() {
            let is_meant = |at: usize| {
                let before = code[..at].chars().next_back();
                let is_whole =
                    needle.starts_with('.') || !before.is_some_and(|before| before.is_alphanumeric() || before == '_');
                is_whole && !expected.iter().any(|range| range.contains(&(offsets[line - 1] + at)))
            };
            if code.match_indices(needle).any(|(at, _)| is_meant(at)) {
                let message = format!(
                    "`{needle}` in the path of a request; return an error, or say why it cannot happen with \
                     `#[expect(clippy::{lint}, reason = \"…\")]`"
                );
                problems.push(Problem::at(&source.path, line, message));
            }
        }
    }
    problems
}

fn ignored_tests(source: &Source) -> Vec<Problem> {
    let lines = source.lines_with_offsets().filter(|(_, _, code)| code.contains("#[ignore"));
    lines
        .map(|(line, ..)| {
            Problem::at(&source.path, line, "an ignored test rots; cure it, or skip it where it says why")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_lines(path: &str, text: &str, expect: &[usize]) {
        let mut found: Vec<usize> =
            check(&[Source::new(path, text)]).into_iter().filter_map(|problem| problem.line).collect();
        found.sort_unstable();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn panics_in_the_path_of_a_request() {
        let path = "crates/tollgate-http/src/doors.rs";
        check_lines(path, "fn f() {\n x.unwrap();\n y.expect(\"z\");\n panic!();\n todo!();\n}\n", &[2, 3, 4, 5]);
        check_lines(path, "// x.unwrap()\nfn f() { \"panic!\"; x.unwrap_or(1); no_panic!(); x.expect_all(); }\n", &[]);
        check_lines(path, "#[cfg(test)]\nmod tests {\n fn f() { x.unwrap(); }\n}\nfn g() { x.unwrap(); }\n", &[5]);
        check_lines(
            path,
            "#[expect(clippy::unwrap_used, reason = \"r\")]\nfn f() { x.unwrap(); }\nfn g() { x.unwrap(); }\n",
            &[3],
        );
    }

    #[test]
    fn tests_and_tools_may_panic() {
        for path in [
            "crates/a/tests/it/main.rs",
            "crates/tollgate-testkit/src/lib.rs",
            "xtask/src/main.rs",
            "examples/a/src/main.rs",
        ] {
            check_lines(path, "fn f() { x.unwrap(); }\n", &[]);
        }
    }

    #[test]
    fn ignored_tests_are_found_wherever_they_are() {
        check_lines("crates/a/tests/it/main.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n", &[2]);
    }
}
