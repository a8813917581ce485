//! Aliases: named, aimed at something, and not in a circle.

use super::Check;
use crate::config::types::Entries;

/// Checks every alias by itself and all of them together.
pub(crate) fn check(check: &mut Check<'_>, aliases: &Entries<String>) {
    for (alias, target) in aliases.iter() {
        let path = format!("aliases.{alias}");
        if alias.trim() != alias || alias.is_empty() {
            let error = check.document.key_error(&path, "an alias needs a name without blanks around it");
            check.report(error);
        }
        if target.trim() != target || target.is_empty() {
            check.wrong(&path, "an alias needs a model to stand for", "write it like `fast: openai/gpt-4o-mini`");
        }
    }
    let mut reported = Vec::new();
    for (alias, _) in aliases.iter() {
        let Some(circle) = circle(alias, aliases) else { continue };
        if !reported.contains(&alias) {
            let way = circle.join(" -> ");
            check.wrong(
                &format!("aliases.{alias}"),
                format!("leads back to itself: {way} -> {alias}"),
                "aim it at a model",
            );
        }
        reported.extend(circle);
    }
}

/// The aliases from `start` back to it, if it is part of a circle. One that only leads into a circle is not, as it is
/// right once the circle is gone.
fn circle<'a>(start: &'a str, aliases: &'a Entries<String>) -> Option<Vec<&'a str>> {
    let mut way = vec![start];
    loop {
        let next = aliases.get(way.last()?)?;
        if next == start {
            return Some(way);
        }
        if way.contains(&next.as_str()) {
            return None;
        }
        way.push(next);
    }
}
