//! What turns and answers are made of.

use super::{Protocol, ToolCall, ToolResult};

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Block {
    /// Words.
    Text(Text),
    /// What a model thought before it answered.
    Thinking(Thinking),
    /// A model wants a tool to be run.
    ToolCall(ToolCall),
    /// What a tool said.
    ToolResult(ToolResult),
    /// A picture, a sound, a film or a document.
    Media(Media),
    /// A model says why it does not answer.
    Refusal(String),
    /// The prefix up to here is worth being cached. It stands behind the block that it marks.
    CachePoint(CachePoint),
    /// Something that only one protocol has.
    Opaque(Opaque),
}

/// Words.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Text {
    /// The words themselves.
    pub text: String,
    /// Where they come from.
    pub citations: Vec<Citation>,
    /// A proof of the thinking behind them, which its maker wants back.
    pub signature: Option<Signature>,
}

/// What a model thought.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Thinking {
    /// The thoughts, or a summary of them. May be empty beside a signature, which is data all the same.
    pub text: String,
    /// The proof that the thoughts are the model's, or the thoughts themselves in a form that only their maker can read.
    pub signature: Option<Signature>,
    /// Whether the signature holds the thoughts and there is no text to show (Anthropic's `redacted_thinking`).
    pub redacted: bool,
    /// Whether the text is a summary, and not the thoughts themselves.
    pub summary: bool,
    /// The item's id, where the protocol has one (Responses).
    pub id: Option<String>,
}

/// Opaque data that a model's maker wants back unchanged. Nobody else can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Signature {
    /// Whose it is.
    pub origin: Origin,
    /// The data.
    pub value: String,
}

/// Who makes a model, as far as its signatures go: they hold on every platform that serves the maker's models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Origin {
    /// Anthropic's models, also on Bedrock and Vertex AI.
    Anthropic,
    /// Google's models, also on Vertex AI.
    Google,
    /// OpenAI's models, also on Azure.
    OpenAi,
    /// Anybody else.
    Other,
}

/// Where words come from.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Citation {
    /// The address of the source.
    pub url: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// The words of the source.
    pub cited_text: Option<String>,
    /// Where the words that rest on it begin in the answer's text, in characters.
    pub start: Option<u64>,
    /// Where they end.
    pub end: Option<u64>,
    /// The whole citation as JSON text of the protocol that it came by.
    pub native: Option<(Protocol, String)>,
}

/// A picture, a sound, a film or a document.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is.
    pub source: Source,
    /// Its media type, such as `image/png`, as far as it is known.
    pub mime: Option<String>,
    /// A file name or a title.
    pub name: Option<String>,
    /// How closely a picture is looked at: OpenAI's `low`, `high`, `auto`, `original`.
    pub detail: Option<String>,
    /// What the model should know about a document.
    pub context: Option<String>,
    /// Whether the model should cite a document.
    pub citations: bool,
}

/// Kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A sound.
    Audio,
    /// A film.
    Video,
    /// A document.
    Document,
}

/// Where media are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Source {
    /// Here, in Base64 (RFC 4648, section 4), without a `data:` prefix.
    Base64(String),
    /// At an address: `https:`, `gs:`, `s3:`.
    Url(String),
    /// In the files of a provider.
    FileId(String),
    /// Here, as plain text.
    Text(String),
}

/// The prefix up to here is worth being cached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CachePoint {
    /// For how long; `None` leaves it to the provider.
    pub ttl: Option<CacheTtl>,
}

/// How long a prompt cache keeps a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CacheTtl {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    OneHour,
}

/// Something that only one protocol has, kept as its JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Opaque {
    /// The protocol.
    pub protocol: Protocol,
    /// What it is, in the protocol's words, for reports: `server_tool_use`, `web_search_call`.
    pub what: String,
    /// The JSON text.
    pub json: String,
}

// === impl Block ===

impl Block {
    /// Plain words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text { text: text.into(), ..Text::default() })
    }

    /// The words, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&text.text),
            _ => None,
        }
    }
}

impl Media {
    /// Media of which nothing but kind and place is known.
    #[must_use]
    pub fn new(kind: MediaKind, source: Source) -> Self {
        Self { kind, source, mime: None, name: None, detail: None, context: None, citations: false }
    }
}

impl MediaKind {
    /// The kind that a media type stands for.
    #[must_use]
    pub fn of_mime(mime: &str) -> Self {
        match mime.split('/').next() {
            Some("image") => Self::Image,
            Some("audio") => Self::Audio,
            Some("video") => Self::Video,
            _ => Self::Document,
        }
    }

    /// The word for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}
