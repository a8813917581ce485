//! Ids that a provider did not give.

/// A new id: a prefix such as `call_` and 24 letters or digits. Unique, not secret.
#[must_use]
pub fn new_id(prefix: &str) -> String {
    let mut id = String::with_capacity(prefix.len() + 24);
    id.push_str(prefix);
    id.extend((0..24).map(|_| fastrand::alphanumeric()));
    id
}
