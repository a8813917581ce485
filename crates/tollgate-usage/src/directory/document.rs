//! Rules and prices, whose meaning is somebody else's.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::{DirectoryError, Object, time};

/// The kinds of documents. The directory keeps any kind; these are those that the gateway gives a meaning to.
pub mod kinds {
    /// A limit on requests or tokens.
    pub const LIMIT: &str = "limit";
    /// A budget.
    pub const BUDGET: &str = "budget";
    /// The price of a model, instead of that of the price book.
    pub const PRICE: &str = "price";
    /// Virtual keys, which are no documents.
    pub(crate) const KEY: &str = "key";
}

/// A JSON value with a kind, an id and a version.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Document {
    /// What it is, see [`kinds`].
    pub kind: String,
    /// What tells it from others of its kind.
    pub id: String,
    /// The revision that it has been like this since.
    pub version: u64,
    /// When it was made.
    #[serde(with = "time")]
    pub created_at: SystemTime,
    /// When it was changed last.
    #[serde(with = "time")]
    pub changed_at: SystemTime,
    /// What it says.
    pub body: Value,
}

/// What a document that is put must be like before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// However it is, and whether or not it is there.
    #[default]
    Anything,
    /// Not there.
    Absent,
    /// As of this version.
    Version(u64),
}

// === impl Document ===

impl Document {
    /// Whether the kind and id of a document are names that may be used.
    pub(crate) fn check_names(kind: &str, id: &str) -> Result<(), DirectoryError> {
        let is_kind = (1..=32).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !is_kind || kind == kinds::KEY {
            return Err(DirectoryError::invalid(format!("`{kind}` is no kind of document")));
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@:/*".contains(&byte);
        if id.is_empty() || id.len() > 128 || !id.bytes().all(is_allowed) {
            return Err(DirectoryError::invalid("an id has 1 to 128 letters, digits, -, _, ., @, :, / or *"));
        }
        Ok(())
    }

    pub(crate) fn of(object: Object) -> Result<Self, DirectoryError> {
        let body = serde_json::from_str(&object.body).map_err(|error| {
            DirectoryError::unavailable(format!("the {} {} cannot be read", object.kind, object.id), error)
        })?;
        Ok(Self {
            kind: object.kind,
            id: object.id,
            version: object.version,
            created_at: object.created_at,
            changed_at: object.changed_at,
            body,
        })
    }
}
