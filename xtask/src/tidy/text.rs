//! How files are written.

use super::{File, Problem};

/// Hosts of package registries, in two parts so that this file may be committed. Whoever builds says where packages come
/// from; the project does not.
const REGISTRIES: &[(&str, &str)] = &[
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("registry.", "npmjs.org"),
    ("registry.", "yarnpkg.com"),
    ("pypi.", "org/simple"),
    ("files.", "pythonhosted.org"),
    ("deb.", "debian.org"),
    ("security.", "debian.org"),
    ("archive.", "ubuntu.com"),
    ("proxy.", "golang.org"),
];

/// Folders of one machine, in two parts like the above.
const MACHINE_FOLDERS: &[(&str, &str)] = &[
    ("/ho", "me/"),
    ("/ro", "ot/"),
    ("/Us", "ers/"),
    ("/t", "mp/"),
    ("/var/t", "mp/"),
    ("/wo", "rk/"),
    ("C:\\Us", "ers"),
];

/// Kinds of files that people write.
const WRITTEN: &[&str] = &["rs", "md", "toml", "yaml", "yml", "py", "mjs", "sh", "html", "css", "js"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        if WRITTEN.contains(&file.extension()) || file.path.starts_with(".ci/") {
            problems.extend(white_space(file));
        }
        if file.extension() == "rs" {
            problems.extend(module_doc(file));
        }
        problems.extend(places(file));
    }
    problems
}

fn module_doc(file: &File) -> Option<Problem> {
    let first = file.text.lines().next().unwrap_or_default();
    let says_something = first.strip_prefix("//!").is_some_and(|doc| !doc.trim().is_empty());
    (!says_something).then(|| Problem::at(&file.path, 1, "begin with a line of `//!` that says what the file is for"))
}

fn white_space(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (line, text) in file.lines() {
        if text.ends_with([' ', '\t', '\r']) {
            problems.push(Problem::at(&file.path, line, "white space at the end of the line; delete it"));
        }
        if text.contains('\t') {
            problems.push(Problem::at(&file.path, line, "a tab; use spaces, or `\\t` in a string"));
        }
    }
    let last = file.text.lines().count();
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        problems.push(Problem::at(&file.path, last, "no line end at the end of the file; add one"));
    }
    if file.text.ends_with("\n\n") {
        problems.push(Problem::at(&file.path, last, "empty lines at the end of the file; delete them"));
    }
    problems
}

/// Names of machines and of their folders.
fn places(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Long lines are data; and a lock file names its registry, which `manifests` looks at.
    let is_lock = file.path.ends_with(".lock") || file.path.ends_with("package-lock.json");
    for (line, text) in file.lines().filter(|(_, text)| !is_lock && text.len() < 2000) {
        for (a, b) in REGISTRIES {
            if text.contains(&format!("{a}{b}")) {
                let message = format!("names the registry {a}{b}; leave where packages come from to whoever builds");
                problems.push(Problem::at(&file.path, line, message));
            }
        }
        for (a, b) in MACHINE_FOLDERS {
            let folder = format!("{a}{b}");
            let is_part =
                |at: usize| text[..at].ends_with(|before: char| before.is_alphanumeric() || "._-~}*…".contains(before));
            if text.match_indices(&folder).any(|(at, _)| !is_part(at)) {
                let message =
                    format!("names a folder of one machine, {folder}; use a relative path or a temporary folder");
                problems.push(Problem::at(&file.path, line, message));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_messages(path: &str, text: &str, expect: &[(usize, &str)]) {
        let problems = check(&[File::new(path, text)]);
        let found: Vec<(usize, &str)> =
            problems.iter().map(|problem| (problem.line.unwrap_or(0), problem.message.as_str())).collect();
        let fits = found.len() == expect.len()
            && found.iter().zip(expect).all(|(found, expect)| found.0 == expect.0 && found.1.contains(expect.1));
        assert!(fits, "{found:?} for {text:?}");
    }

    #[test]
    fn white_space_and_line_ends() {
        check_messages("a.md", "a\nb\n", &[]);
        check_messages("a.md", "a \nb", &[(1, "white space"), (2, "no line end")]);
        check_messages("a.toml", "a\tb\n\n", &[(1, "a tab"), (2, "empty lines")]);
        check_messages("a.json", "a \n", &[]);
        check_messages(".ci/run", "a \n", &[(1, "white space")]);
    }

    #[test]
    fn a_rust_file_says_what_it_is_for() {
        check_messages("a.rs", "//! Something.\nfn f() {}\n", &[]);
        check_messages("a.rs", "fn f() {}\n", &[(1, "begin with")]);
        check_messages("a.rs", "//!\n//! Late.\n", &[(1, "begin with")]);
    }

    #[test]
    fn places_of_one_machine() {
        let (home, tmp, registry) =
            (["/ho", "me/me/x"].concat(), ["/t", "mp/x"].concat(), ["index.", "crates.io"].concat());
        check_messages(
            "a.md",
            &format!("see `{home}`\n{tmp}\n"),
            &[(1, "folder of one machine"), (2, "folder of one machine")],
        );
        check_messages("a.md", &format!("https://example.com{home}, target{tmp}\n"), &[]);
        check_messages("a.toml", &format!("registry = \"https://{registry}\"\n"), &[(1, "registry")]);
    }
}
