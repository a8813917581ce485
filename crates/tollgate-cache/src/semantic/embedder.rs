//! What turns prompts into vectors.

use std::fmt;

use tollgate_core::BoxFuture;

/// Turns texts into vectors: texts that mean about the same get vectors that point in about the same direction.
pub trait Embedder: Send + Sync {
    /// What the vectors are made by: the model and its version. Vectors of different makers are never compared.
    fn id(&self) -> &str;

    /// The vector of a text. It must come, or fail, within a time that a request can wait for.
    ///
    /// # Errors
    /// If there is none; the request is then a plain miss.
    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>>;
}

/// There is no vector. The cause is for logs.
#[derive(Debug)]
pub struct EmbedError(tollgate_core::BoxError);

impl EmbedError {
    /// An error with a cause.
    pub fn new(cause: impl Into<tollgate_core::BoxError>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text could not be embedded")
    }
}

impl std::error::Error for EmbedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
