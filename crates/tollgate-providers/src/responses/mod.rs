//! Responses that clients come back to: to read them, to go on from them, to cancel or to delete them.
//!
//! Some providers keep them. For the others the gateway does, in memory and for a while: [`ResponsesLayer`] stands before
//! accounting, keeps what is answered in a [`ResponseStore`], puts what went before in front of a request that goes on from
//! it, and answers for kept responses itself. Everything is kept by the client's key, so nobody sees another's.
//!
//! A response that a provider keeps is only remembered as being there.

mod background;
mod capture;
mod layer;
mod store;

pub use layer::{Responses, ResponsesLayer};
pub use store::ResponseStore;

use bytes::Bytes;
use tollgate_protocols::json;

/// A JSON object with some members set to other JSON texts.
fn with_members(object: &[u8], members: &[(&str, &str)]) -> Option<Bytes> {
    let value = json::parse(object).ok().filter(json::Value::is_object)?;
    let written = json::object(object.len() + 64, |o| {
        for (name, member) in value.members() {
            let set = members.iter().find(|(known, _)| *known == name);
            o.raw(name, set.map_or(member.raw(), |(_, json)| json));
        }
        for (name, json) in members.iter().filter(|(name, _)| !value.members().any(|(known, _)| known == *name)) {
            o.raw(name, json);
        }
    });
    Some(written.into())
}

/// A JSON object without some members.
fn without_members(object: &[u8], names: &[&str]) -> Option<Bytes> {
    let value = json::parse(object).ok().filter(json::Value::is_object)?;
    let kept = value.members().filter(|(name, _)| !names.contains(name));
    Some(json::object(object.len(), |o| kept.for_each(|(name, member)| o.raw(name, member.raw()))).into())
}
