//! Queries of the admin API.

use percent_encoding::percent_decode_str;
use tollgate_core::Error;

/// The parameters of a query.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (&str, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name, percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

pub(super) fn bad(name: &str, expected: &str) -> Error {
    Error::invalid_request(format!("`{name}` must be {expected}."), Some(name))
}

pub(super) fn unknown(name: &str) -> Error {
    Error::invalid_request(format!("There is no parameter `{name}` here."), Some(name))
}
