//! Virtual keys, and the log of who changed them.

use serde::Deserialize;

use super::Span;

/// Virtual keys, which `gateway-server keys` and the admin API manage, and the log of who changed what.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Demands a key of every request, also as long as there is none. Without it the door is open until the first key is
    /// made, and closed from then on.
    pub required: bool,
    /// How often a server looks whether another process has changed something, such as disabled a key. The look is one
    /// small question to the database.
    pub poll: Span,
    /// For how long the audit log keeps who changed what. Absent means for ever, because it is small.
    pub audit_retention: Option<Span>,
}

// === impl Keys ===

impl Default for Keys {
    fn default() -> Self {
        Self { required: false, poll: Span::from_secs(1), audit_retention: None }
    }
}
