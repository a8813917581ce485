//! The server itself: browsers and shutdown.

use serde::Deserialize;

use super::Span;

/// How the server stops.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// How long requests in flight may still take after a signal to stop; 0 ends them at once. Keep it below the time
    /// your supervisor waits before it kills the process.
    pub grace: Span,
}

/// Which web pages may call the API from a browser.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// The origins that may call, such as `https://app.example.com`, or `["*"]` for all. Must be given, because a
    /// default would be either too open or of no use.
    pub allow_origins: Vec<String>,
    /// The request headers that pages may send; `["*"]` allows whichever the browser asks for.
    pub allow_headers: Vec<String>,
    /// Whether the browser may send cookies and other credentials of its own. Cannot be combined with all origins.
    pub allow_credentials: bool,
    /// How long a browser may remember the answer.
    pub max_age: Span,
}

// === impl Shutdown ===

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Span::from_secs(30) }
    }
}

// === impl Cors ===

impl Default for Cors {
    fn default() -> Self {
        Self {
            allow_origins: Vec::new(),
            allow_headers: vec!["*".to_owned()],
            allow_credentials: false,
            max_age: Span::from_mins(10),
        }
    }
}
