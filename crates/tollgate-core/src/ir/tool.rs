//! Tools, their calls and their results.

use super::{Block, CachePoint, Protocol, Signature};

/// A tool that a model may call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Tool {
    /// A function of the client's with a JSON Schema for its arguments.
    Function {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// The JSON Schema of its arguments as JSON text; `None` for a function without any.
        parameters: Option<String>,
        /// Whether arguments must follow the schema exactly.
        strict: Option<bool>,
        /// Whether the prefix up to this tool is worth being cached.
        cache: Option<CachePoint>,
    },
    /// A function of the client's that takes free text (OpenAI's custom tools).
    Custom {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// The form of the text as JSON text: OpenAI's `format`.
        format: Option<String>,
    },
    /// The provider's own search of the web, which many protocols have. The JSON text is the tool as `protocol` has it.
    WebSearch {
        /// The protocol that it came by.
        protocol: Protocol,
        /// The tool, in that protocol.
        json: String,
    },
    /// Another tool that the provider runs itself.
    Native {
        /// The protocol that has it.
        protocol: Protocol,
        /// Its type or name, for reports.
        what: String,
        /// The tool, in that protocol.
        json: String,
    },
}

/// Which tools a model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None of them.
    None,
    /// At least one of them.
    Any,
    /// This one.
    One(String),
    /// Only these.
    Subset {
        /// Their names.
        names: Vec<String>,
        /// Whether at least one must be called.
        required: bool,
    },
}

/// What kind of tool is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ToolKind {
    /// A function with JSON arguments.
    #[default]
    Function,
    /// A tool with free text.
    Custom,
}

/// A model wants a tool to be run.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToolCall {
    /// The id that links call and result. Never empty: a decoder makes one where the protocol gives none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as JSON text, exactly as the model wrote them: they may be cut off, and may be no JSON at all. An
    /// empty text stands for no arguments. Free text where the kind is [`ToolKind::Custom`].
    pub arguments: String,
    /// The kind of tool.
    pub kind: ToolKind,
    /// A proof of the thinking that led to the call (Gemini's `thoughtSignature`).
    pub signature: Option<Signature>,
    /// The item's own id, where the protocol has one beside the call's (Responses).
    pub item_id: Option<String>,
}

/// What a tool said.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToolResult {
    /// The id of the call.
    pub id: String,
    /// The tool's name, where the protocol gives it.
    pub name: Option<String>,
    /// What it said: text and media.
    pub content: Vec<Block>,
    /// Whether it failed.
    pub is_error: bool,
    /// The kind of tool.
    pub kind: ToolKind,
}

impl Tool {
    /// The name by which a model calls it; `None` for the provider's own tools.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Function { name, .. } | Self::Custom { name, .. } => Some(name),
            Self::WebSearch { .. } | Self::Native { .. } => None,
        }
    }
}

impl ToolCall {
    /// The arguments as the text of a JSON object: `{}` where there are none. Some servers say so with `null`.
    #[must_use]
    pub fn arguments_or_empty(&self) -> &str {
        let arguments = self.arguments.trim();
        if matches!(arguments, "" | "null") { "{}" } else { arguments }
    }
}

impl ToolResult {
    /// The text of the result, pieces joined by a line feed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for piece in self.content.iter().filter_map(Block::as_text) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(piece);
        }
        text
    }
}
