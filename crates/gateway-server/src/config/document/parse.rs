//! From YAML text to a tree of nodes.
//!
//! Built on the parser's events rather than on a ready-made tree, because a tree of values has lost what good errors
//! and expansion need: where each key stands, and whether a scalar was quoted.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use super::node::{Entry, Node, Scalar, Value};
use crate::config::error::{ConfigError, Position};

/// Deep enough for any configuration, and shallow enough that recursion over the tree is safe.
const MAX_DEPTH: usize = 32;

/// The most nodes a document may have once its anchors are repeated, so that a few nested ones cannot fill the memory.
const MAX_NODES: usize = 100_000;

/// Parses one document; an empty one gives no node.
pub(super) fn parse(file: &str, text: &str) -> Result<Option<Node>, ConfigError> {
    let mut builder = Builder { file, stack: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = event.map_err(|error| syntax_error(file, text, &error))?;
        builder.event(event, span)?;
    }
    Ok(builder.root)
}

struct Builder<'a> {
    file: &'a str,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// A collection whose end has not come yet.
struct Open {
    position: Position,
    anchor: usize,
    collection: Collection,
}

enum Collection {
    Sequence(Vec<Node>),
    /// The entries so far, and the key that waits for its value.
    Mapping(Vec<Entry>, Option<(String, Position)>),
}

// === impl Builder ===

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ConfigError> {
        let position = position(&span.start);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(self.error(position, "a second document begins here").with_hint("remove the `---`"));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(position, tag.as_deref())?;
                let scalar = Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain, expanded: false };
                self.node(Node { position, value: Value::Scalar(scalar) }, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(position, anchor, tag.as_deref(), Collection::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(position, anchor, tag.as_deref(), Collection::Mapping(Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(anchor) => {
                // An anchor is only known once its value is complete, so a value cannot hold itself.
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.error(position, "this alias stands inside the value it refers to"));
                };
                self.nodes += node.size();
                self.node(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        position: Position,
        anchor: usize,
        tag: Option<&Tag>,
        collection: Collection,
    ) -> Result<(), ConfigError> {
        self.refuse_tag(position, tag)?;
        if self.stack.len() == MAX_DEPTH {
            return Err(self.error(position, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        if matches!(self.stack.last(), Some(Open { collection: Collection::Mapping(_, None), .. })) {
            return Err(self.error(position, "a key must be plain text"));
        }
        self.stack.push(Open { position, anchor, collection });
        Ok(())
    }

    fn close(&mut self) -> Result<(), ConfigError> {
        let Some(Open { position, anchor, collection }) = self.stack.pop() else {
            return Ok(());
        };
        let value = match collection {
            Collection::Sequence(items) => Value::Sequence(items),
            Collection::Mapping(entries, _) => Value::Mapping(entries),
        };
        self.node(Node { position, value }, anchor)
    }

    /// Puts a complete node where it belongs: into the innermost open collection, or at the root.
    fn node(&mut self, node: Node, anchor: usize) -> Result<(), ConfigError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.error(node.position, format!("the document has more than {MAX_NODES} values")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(Open { collection, .. }) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match collection {
            Collection::Sequence(items) => items.push(node),
            Collection::Mapping(entries, pending) => match pending.take() {
                Some((key, position)) => entries.push(Entry { key, position, value: node }),
                None => {
                    let key = self.key(node)?;
                    self.await_value(key);
                }
            },
        }
        Ok(())
    }

    fn await_value(&mut self, key: (String, Position)) {
        if let Some(Open { collection: Collection::Mapping(_, pending), .. }) = self.stack.last_mut() {
            *pending = Some(key);
        }
    }

    fn key(&self, node: Node) -> Result<(String, Position), ConfigError> {
        let Value::Scalar(Scalar { text, .. }) = node.value else {
            return Err(self.error(node.position, "a key must be plain text"));
        };
        let siblings = match self.stack.last() {
            Some(Open { collection: Collection::Mapping(entries, _), .. }) => entries.as_slice(),
            _ => &[],
        };
        if let Some(first) = siblings.iter().find(|entry| entry.key == text) {
            let message = format!("duplicate key, first given in line {}", first.position.line);
            return Err(ConfigError { key: self.path(&text), ..self.error(node.position, message) });
        }
        Ok((text, node.position))
    }

    /// The dotted path of a key in the innermost mapping.
    fn path(&self, key: &str) -> String {
        let mut path = String::new();
        for open in &self.stack {
            match &open.collection {
                Collection::Sequence(items) => path += &format!("[{}]", items.len()),
                Collection::Mapping(_, Some((parent, _))) => {
                    path += if path.is_empty() { "" } else { "." };
                    path += parent;
                }
                Collection::Mapping(_, None) => {}
            }
        }
        path += if path.is_empty() { "" } else { "." };
        path + key
    }

    fn refuse_tag(&self, position: Position, tag: Option<&Tag>) -> Result<(), ConfigError> {
        match tag {
            Some(_) => Err(self.error(position, "tags (`!…`) are not supported").with_hint("put text in quotes")),
            None => Ok(()),
        }
    }

    fn error(&self, position: Position, message: impl Into<String>) -> ConfigError {
        ConfigError::new(self.file, "", message).at(Some(position))
    }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn syntax_error(file: &str, text: &str, error: &ScanError) -> ConfigError {
    let position = position(error.marker());
    let message = format!("not valid YAML: {}", error.info());
    let error = ConfigError::new(file, "", message).at(Some(position));
    // Braces are syntax inside `[…]` and `{…}`, which is easy to forget for a variable.
    let line = text.lines().nth(position.line.saturating_sub(1)).unwrap_or_default();
    if line.contains("${") { error.with_hint("inside [ ] and { } put \"${VAR}\" in quotes") } else { error }
}
