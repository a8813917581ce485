//! Arguments that arrive piece by piece, addressed by JSON paths (Vertex AI's `streamFunctionCallArguments`).

use crate::gemini_generate::types::member;
use crate::json::{self, Array, Object, Value};

/// The largest index of a list, and the deepest path; more is nonsense.
const MAX_INDEX: usize = 4096;
const MAX_STEPS: usize = 64;

/// A call whose arguments are not complete.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub id: Option<String>,
    pub name: String,
    pub signature: Option<String>,
    pub root: Node,
}

#[derive(Debug, Default)]
pub(super) enum Node {
    #[default]
    Empty,
    Text(String),
    /// A number, a boolean or `null` as JSON text.
    Raw(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

enum Step {
    Name(String),
    Index(usize),
}

impl Partial {
    /// Takes the next pieces. A piece whose path makes no sense is left out.
    pub(super) fn extend(&mut self, pieces: &[Value<'_>]) {
        for piece in pieces {
            let Some(steps) = member(piece, "jsonPath").and_then(Value::as_str).and_then(steps) else { continue };
            let Some(node) = self.root.at(&steps) else { continue };
            for (name, value) in piece.members() {
                match (name, value.as_str()) {
                    ("stringValue" | "string_value", Some(more)) => node.push_text(more),
                    ("numberValue" | "number_value" | "boolValue" | "bool_value", _) => {
                        *node = Node::Raw(value.raw().to_owned());
                    }
                    ("nullValue" | "null_value", _) => *node = Node::Raw("null".to_owned()),
                    _ => {}
                }
            }
        }
    }

    /// The arguments so far as the text of an object.
    pub(super) fn arguments(&self) -> String {
        json::object_text(|o| {
            if let Node::Object(members) = &self.root {
                members.iter().for_each(|(name, node)| node.write_member(name, o));
            }
        })
    }
}

impl Node {
    fn at(&mut self, steps: &[Step]) -> Option<&mut Self> {
        let mut node = self;
        for step in steps {
            node = match step {
                Step::Name(name) => {
                    if !matches!(node, Self::Object(_)) {
                        *node = Self::Object(Vec::new());
                    }
                    let Self::Object(members) = node else { return None };
                    let at = members.iter().position(|(known, _)| known == name).unwrap_or(members.len());
                    if at == members.len() {
                        members.push((name.clone(), Self::Empty));
                    }
                    &mut members.get_mut(at)?.1
                }
                Step::Index(index) => {
                    if !matches!(node, Self::List(_)) {
                        *node = Self::List(Vec::new());
                    }
                    let Self::List(items) = node else { return None };
                    if items.len() <= *index {
                        items.resize_with(index + 1, Self::default);
                    }
                    items.get_mut(*index)?
                }
            };
        }
        Some(node)
    }

    fn push_text(&mut self, more: &str) {
        match self {
            Self::Text(text) => text.push_str(more),
            _ => *self = Self::Text(more.to_owned()),
        }
    }

    fn write_member(&self, name: &str, o: &mut Object<'_>) {
        match self {
            Self::Empty => o.null(name),
            Self::Text(text) => o.string(name, text),
            Self::Raw(json) => o.raw(name, json),
            Self::List(items) => o.array(name, |a| items.iter().for_each(|item| item.write_item(a))),
            Self::Object(members) => {
                o.object(name, |o| members.iter().for_each(|(name, node)| node.write_member(name, o)));
            }
        }
    }

    fn write_item(&self, a: &mut Array<'_>) {
        match self {
            Self::Empty => a.raw("null"),
            Self::Text(text) => a.string(text),
            Self::Raw(json) => a.raw(json),
            Self::List(items) => a.raw(&json::array_text(|a| items.iter().for_each(|item| item.write_item(a)))),
            Self::Object(members) => {
                a.object(|o| members.iter().for_each(|(name, node)| node.write_member(name, o)));
            }
        }
    }
}

/// The steps of a path such as `$.a.b[0]['c']`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() >= MAX_STEPS {
            return None;
        }
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            steps.push(Step::Name(name.to_owned()));
            rest = after;
            continue;
        }
        let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
        let quoted = inner.trim_matches(['\'', '"']);
        steps.push(match inner.parse::<usize>() {
            Ok(index) if index <= MAX_INDEX => Step::Index(index),
            Err(_) if quoted.len() < inner.len() => Step::Name(quoted.to_owned()),
            _ => return None,
        });
        rest = after;
    }
    // Arguments are an object, so the first step is a name.
    matches!(steps.first(), Some(Step::Name(_))).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_an_object() {
        let pieces = br#"[{"jsonPath":"$.a","stringValue":"x","willContinue":true},{"jsonPath":"$.a","stringValue":"y"},
            {"jsonPath":"$.b.c[1]","numberValue":2},{"jsonPath":"$['d e']","boolValue":true},{"jsonPath":"$.n","nullValue":null},
            {"jsonPath":"$.b.c[99999999]","numberValue":2},{"jsonPath":"a","stringValue":"z"},{"jsonPath":"$[0]","stringValue":"z"}]"#;
        let value = json::parse(pieces).unwrap();
        let mut partial = Partial::default();
        partial.extend(value.items());
        assert_eq!(partial.arguments(), r#"{"a":"xy","b":{"c":[null,2]},"d e":true,"n":null}"#);
    }
}
