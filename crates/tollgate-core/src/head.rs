//! What the gateway reads of a request body.

use std::ops::Range;

/// A value and where its JSON text stands in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The decoded value.
    pub value: T,
    /// The byte range of its JSON text, quotes included.
    pub span: Range<usize>,
}

/// The facts of a request that routing, limits and accounting need. The rest of the body stays unread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The model as the client named it.
    pub model: Option<Located<Box<str>>>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The client's limit on generated tokens, whichever name the protocol gives it.
    pub max_tokens: Option<u64>,
    /// The name under which the limit stands, if it is one of OpenAI's two for Chat Completions and not both. Servers differ
    /// in which of them they know.
    pub max_tokens_name: Option<Located<&'static str>>,
    /// How many answers are asked for (`n`), if the body says so.
    pub choices: Option<u64>,
    /// Whether a non-empty list of tools is present.
    pub tools: bool,
    /// The `stream_options` member of OpenAI's protocols.
    pub stream_options: Option<StreamOptions>,
    /// Bytes of text in what the model reads: messages, prompt, input, instructions, tools. Inlined data such as images
    /// does not count.
    pub input_text: u64,
    /// Numbers in what the model reads: inputs given as tokens are lists of them.
    pub input_numbers: u64,
    /// Where a further member can be inserted: the offset of the closing brace of the body's object, and whether the
    /// object has members already. `None` where the body is not a JSON object.
    pub object_end: Option<Located<bool>>,
}

impl Head {
    /// The model's name, if the body has one.
    #[must_use]
    pub fn model_name(&self) -> Option<&str> {
        self.model.as_ref().map(|model| &*model.value)
    }

    /// A rough count of input tokens for when the provider gives none: a token is about four bytes of text.
    #[must_use]
    pub fn estimated_input(&self) -> u64 {
        self.input_text.div_ceil(4) + self.input_numbers
    }

    /// Whether the client asked for the usage chunk of an OpenAI stream.
    #[must_use]
    pub fn asks_for_stream_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .and_then(|options| options.include_usage.as_ref())
            .is_some_and(|include| include.value)
    }
}

/// The `stream_options` member and where it can be edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// The byte range of the whole value.
    pub span: Range<usize>,
    /// `include_usage`, if it is there and a boolean.
    pub include_usage: Option<Located<bool>>,
    /// The offset of the closing brace and whether members stand before it; `None` if the value is not an object.
    pub object_end: Option<Located<bool>>,
}
