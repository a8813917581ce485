//! Links between documents lead somewhere.

use std::collections::{BTreeSet, HashMap};

use super::{File, Problem};
use crate::root;

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let documents: HashMap<&str, &File> = files.iter().map(|file| (file.path.as_str(), file)).collect();
    let exists = |path: &str| documents.contains_key(path) || root().join(path).exists();
    let markdown = files.iter().filter(|file| file.extension() == "md");
    markdown.flat_map(|file| check_document(file, &documents, &exists)).collect()
}

fn check_document(file: &File, documents: &HashMap<&str, &File>, exists: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (line, target) in links(&file.text) {
        let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
        let path = if path.is_empty() { Some(file.path.clone()) } else { resolve(&file.path, path) };
        let Some(path) = path.filter(|path| exists(path)) else {
            problems.push(Problem::at(&file.path, line, format!("`{target}` leads nowhere; correct the link")));
            continue;
        };
        let is_missing = |document: &&File| !anchors(&document.text).contains(fragment);
        if !fragment.is_empty() && path.ends_with(".md") && documents.get(path.as_str()).is_some_and(is_missing) {
            problems.push(Problem::at(
                &file.path,
                line,
                format!("`{target}`: there is no such heading; correct the link"),
            ));
        }
    }
    problems
}

/// The local targets of inline links and of definitions, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, text) in prose(text) {
        let mut targets: Vec<&str> =
            text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).collect();
        if let Some((_, target)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            targets.push(target.trim());
        }
        let local = targets.into_iter().map(|target| target.trim_matches(['<', '>']));
        found.extend(local.filter(|target| !is_elsewhere(target)).map(|target| (line, target)));
    }
    found
}

/// The lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

fn is_elsewhere(target: &str) -> bool {
    target.is_empty() || target.contains("://") || target.starts_with("mailto:")
}

/// A path below the root; nothing if it leads out of it.
fn resolve(from: &str, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = if to.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let lower = heading.trim().to_lowercase().replace(' ', "-");
        let anchor: String = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        let mut numbered = anchor.clone();
        for number in 1.. {
            if anchors.insert(numbered) {
                break;
            }
            numbered = format!("{anchor}-{number}");
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_lines(text: &str, expect: &[usize]) {
        let file = File::new("docs/a.md", text);
        let other = File::new("docs/b.md", "# B\n\n## The `x.<name>` of it\n\n## Twice\n\n## Twice\n");
        let documents = HashMap::from([("docs/a.md", &file), ("docs/b.md", &other)]);
        let exists = |path: &str| ["docs/a.md", "docs/b.md", "LICENSE", "docs"].contains(&path);
        let found: Vec<usize> =
            check_document(&file, &documents, &exists).into_iter().filter_map(|problem| problem.line).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn targets_exist() {
        check_lines(
            "[b](b.md) [l](../LICENSE) [r](/LICENSE) [f](../docs/) [w](https://x.example/y) [m](mailto:a@b)\n",
            &[],
        );
        check_lines("[b](c.md)\n[b](b.md)\n[x](../../out.md)\n[id]: nowhere.md\n", &[1, 3, 4]);
        check_lines("```\n[b](c.md)\n```\n", &[]);
    }

    #[test]
    fn headings_exist() {
        check_lines("# A b\n[b](b.md#the-xname-of-it) [a](#a-b) [t](b.md#twice-1)\n", &[]);
        check_lines("# A\n[b](b.md#nothing)\n[a](#b)\n", &[2, 3]);
    }
}
