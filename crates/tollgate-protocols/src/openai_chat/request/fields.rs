//! Members of a client's request and their types.

use tollgate_core::Error;

use crate::json::{self, Value};

/// A client's body as an object.
pub(in super::super) fn parse_body(body: &[u8]) -> Result<Value<'_>, Error> {
    let root = json::parse(body).map_err(|fault| {
        Error::invalid_request(format!("The request body is not valid: {fault}."), None).with_source(fault)
    })?;
    if !root.is_object() {
        return Err(Error::invalid_request("The request body must be a JSON object.", None));
    }
    Ok(root)
}

/// The error for a member of the wrong type.
pub(in super::super) fn wrong(param: &str, expected: &str) -> Error {
    Error::invalid_request(format!("`{param}` must be {expected}."), Some(param))
}

pub(super) fn text(value: &Value<'_>, param: &str) -> Result<String, Error> {
    value.to_text().ok_or_else(|| wrong(param, "a string"))
}

pub(super) fn flag(value: &Value<'_>, param: &str) -> Result<Option<bool>, Error> {
    value.as_bool().map(Some).ok_or_else(|| wrong(param, "true or false"))
}

pub(super) fn number(value: &Value<'_>, param: &str) -> Result<Option<f64>, Error> {
    value.as_f64().map(Some).ok_or_else(|| wrong(param, "a number"))
}

pub(super) fn count(value: &Value<'_>, param: &str) -> Result<Option<u64>, Error> {
    value.as_u64().map(Some).ok_or_else(|| wrong(param, "a whole number that is not negative"))
}

pub(super) fn object(value: &Value<'_>, param: &str) -> Result<Option<String>, Error> {
    value.is_object().then(|| Some(value.raw().to_owned())).ok_or_else(|| wrong(param, "an object"))
}

/// Where in the conversation something stands, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) message: usize,
    pub(super) part: Option<usize>,
}

impl At {
    /// The error for a member of a message or part that is not what it must be.
    pub(super) fn wrong(self, field: &str, expected: &str) -> Error {
        let dot = if field.is_empty() { "" } else { "." };
        let param = match self.part {
            Some(part) => format!("messages[{}].content[{part}]{dot}{field}", self.message),
            None => format!("messages[{}]{dot}{field}", self.message),
        };
        wrong(&param, expected)
    }
}
