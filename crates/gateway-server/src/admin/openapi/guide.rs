//! `docs/admin-api.md`: how to use the API, and all endpoints.

use std::fmt::Write as _;

use crate::admin::rest::{Kind, Route};
use crate::admin::table;

const GUIDE: &str = include_str!("guide.md.in");

const OWN_USAGE: &str = "
## For clients

`GET /v1/usage` answers whoever has a client's key, and with that key: what it has used by day and model in the last 30
days, or from `from` until `until`, and what its limits and budgets stand at.
";

/// The text of `docs/admin-api.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = GUIDE.to_owned();
    text.push_str("| Status | `code` | Meaning |\n| --- | --- | --- |\n");
    for kind in Kind::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | `{}` | {} |", kind.status().as_u16(), kind.code(), kind.meaning());
    }
    text.push_str("\n## Endpoints\n\n| Request | Does |\n| --- | --- |\n");
    table::routes().iter().for_each(|route| row(&mut text, route));
    text.push_str(OWN_USAGE);
    text
}

fn row(text: &mut String, route: &Route) {
    let notes = if route.documented.notes.is_empty() { "" } else { " " };
    let _ = writeln!(
        text,
        "| `{} {}` | {}{notes}{} |",
        route.method, route.path, route.documented.summary, route.documented.notes
    );
}
