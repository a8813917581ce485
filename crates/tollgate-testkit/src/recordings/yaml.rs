//! YAML as recordings need it: several documents, binary scalars, and scalars whose quotes are remembered.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_json::{Map, Number, Value};

use super::unpack;

/// A node of a document.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Scalar { text: String, plain: bool, binary: bool },
    Sequence(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

/// All documents of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, &'static str> {
    read(text).or_else(|_| read(&with_deeper_lines(text))).map_err(|_| "not valid YAML")
}

fn read(text: &str) -> Result<Vec<Node>, ScanError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        builder.event(event?.0);
    }
    Ok(builder.documents)
}

/// Python's writer continues a quoted scalar of a list's item at the indentation of its key, where YAML wants it deeper.
/// How deep makes no difference to what is read, so such lines are moved.
fn with_deeper_lines(text: &str) -> String {
    let mut quote = None;
    let lines = text.lines().map(|line| {
        let indentation = if quote.is_some() && !line.is_empty() { "  " } else { "" };
        quote = open_quote(line, quote);
        format!("{indentation}{line}\n")
    });
    lines.collect()
}

/// The quote that is open at the end of a line, given the one that was open at its beginning.
fn open_quote(line: &str, open: Option<char>) -> Option<char> {
    let mut open = open;
    // Only a quote that begins a value opens one; others are part of a text.
    let mut may_open = true;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match open {
            Some('"') if character == '\\' => drop(characters.next()),
            Some(quote) if character == quote => open = None,
            None if may_open && matches!(character, '"' | '\'') => open = Some(character),
            _ => {}
        }
        may_open = character == ' ' || (character == '\'' && open.is_none());
    }
    open
}

impl Node {
    /// A member of a mapping.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Mapping(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            Self::Scalar { .. } | Self::Sequence(_) => None,
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        if let Self::Sequence(items) = self { items } else { &[] }
    }

    pub(super) fn members(&self) -> &[(String, Self)] {
        if let Self::Mapping(members) = self { members } else { &[] }
    }

    /// The text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, plain, .. } if !(*plain && is_null(text)) => Some(text),
            _ => None,
        }
    }

    /// The bytes of a scalar that is not null.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Scalar { text, binary: true, .. } => unpack::base64(text),
            _ => self.text().map(|text| text.as_bytes().to_vec()),
        }
    }

    /// The same in JSON.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Scalar { text, plain: true, binary: false } => plain_scalar(text),
            Self::Scalar { text, .. } => Value::String(text.clone()),
            Self::Sequence(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Mapping(members) => {
                Value::Object(members.iter().map(|(key, value)| (key.clone(), value.to_json())).collect::<Map<_, _>>())
            }
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null")
}

/// A scalar without quotes. Numbers are read as their writers, which follow YAML 1.1, meant them: a float has a dot.
fn plain_scalar(text: &str) -> Value {
    match text {
        _ if is_null(text) => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => {
            let starts_as_number = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
            if let Some(number) = text.parse::<i64>().ok().filter(|_| starts_as_number) {
                return Value::Number(number.into());
            }
            let float = text.parse::<f64>().ok().filter(|_| starts_as_number && text.contains('.'));
            float.and_then(Number::from_f64).map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
    }
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
}

/// A collection whose end has not come yet.
struct Open {
    anchor: usize,
    node: Node,
    /// The key that waits for its value.
    key: Option<String>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let binary = tag.is_some_and(|tag| tag.suffix == "binary");
                let node = Node::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain, binary };
                self.put(node, anchor);
            }
            Event::SequenceStart(anchor, _) => self.open(Node::Sequence(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.open(Node::Mapping(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.stack.pop() {
                    self.put(open.node, open.anchor);
                }
            }
            Event::Alias(anchor) => {
                if let Some(node) = self.anchors.get(&anchor).cloned() {
                    self.put(node, 0);
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, node: Node, anchor: usize) {
        self.stack.push(Open { anchor, node, key: None });
    }

    fn put(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.stack.last_mut() else {
            self.documents.push(node);
            return;
        };
        match &mut open.node {
            Node::Sequence(items) => items.push(node),
            Node::Mapping(members) => match open.key.take() {
                Some(key) => members.push((key, node)),
                // Recordings have no keys but scalars.
                None => open.key = Some(if let Node::Scalar { text, .. } = node { text } else { String::new() }),
            },
            Node::Scalar { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_scalars_and_bytes() {
        let text = "a: 1\nb: '1'\nc: !!binary |\n  aGFs\n  bG8=\nd: &x [null, ~, true, 1.5, 1e5, -2, a.b]\n---\ne: |+\n  x\n\n";
        let documents = parse(text).expect("valid");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].get("a").expect("a").to_json(), json!(1));
        assert_eq!(documents[0].get("b").expect("b").to_json(), json!("1"));
        assert_eq!(documents[0].get("c").and_then(Node::bytes).as_deref(), Some(&b"hallo"[..]));
        assert_eq!(documents[0].get("d").expect("d").to_json(), json!([null, null, true, 1.5, "1e5", -2, "a.b"]));
        assert_eq!(documents[1].get("e").and_then(Node::text), Some("x\n\n"));
    }

    #[test]
    fn lines_that_python_indents_too_little() {
        let text = "- a:\n    b: 'it''s\n    x\n\n    y'\n    c: \"1\\\n    2\"\n    d: |\n      don't\n";
        let documents = parse(text).expect("mended");
        assert_eq!(documents[0].to_json(), json!([{ "a": { "b": "it's x\ny", "c": "12", "d": "don't\n" } }]));
    }

    #[test]
    fn aliases_repeat_their_anchor() {
        let documents = parse("a: &x\n  b: 1\nc: *x\n").expect("valid");
        assert_eq!(documents[0].to_json(), json!({ "a": { "b": 1 }, "c": { "b": 1 } }));
    }
}
