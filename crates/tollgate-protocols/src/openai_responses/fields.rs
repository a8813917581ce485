//! Reading members strictly: a wrong type is the client's error, and the message says which member it is.

use tollgate_core::Error;

use crate::json::Value;

/// Where in a request something stands: `input[2].content[0]`. Written out only if there is something to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The item's number in `input`.
    pub(super) item: usize,
    /// The list inside the item, and the place there.
    pub(super) part: Option<(&'static str, usize)>,
}

impl Place {
    pub(super) fn item(item: usize) -> Self {
        Self { item, part: None }
    }

    pub(super) fn path(self, member: &str) -> String {
        let item = self.item;
        let dot = if member.is_empty() { "" } else { "." };
        match self.part {
            Some((list, part)) => format!("input[{item}].{list}[{part}]{dot}{member}"),
            None => format!("input[{item}]{dot}{member}"),
        }
    }

    pub(super) fn wrong(self, member: &str, expected: &str) -> Error {
        wrong(&self.path(member), expected)
    }

    /// A member's words, which must be there.
    pub(super) fn required(self, value: &Value<'_>, member: &str) -> Result<String, Error> {
        value.string(member).ok_or_else(|| self.wrong(member, "a string"))
    }
}

pub(super) fn wrong(path: &str, expected: &str) -> Error {
    Error::invalid_request(format!("`{path}` must be {expected}."), Some(path))
}

pub(super) fn text(value: &Value<'_>, path: &str) -> Result<Option<String>, Error> {
    value.to_text().map(Some).ok_or_else(|| wrong(path, "a string"))
}

pub(super) fn bool(value: &Value<'_>, path: &str) -> Result<Option<bool>, Error> {
    value.as_bool().map(Some).ok_or_else(|| wrong(path, "true or false"))
}

pub(super) fn float(value: &Value<'_>, path: &str) -> Result<Option<f64>, Error> {
    value.as_f64().map(Some).ok_or_else(|| wrong(path, "a number"))
}

pub(super) fn uint(value: &Value<'_>, path: &str) -> Result<Option<u64>, Error> {
    value.as_u64().map(Some).ok_or_else(|| wrong(path, "a whole number that is not negative"))
}
