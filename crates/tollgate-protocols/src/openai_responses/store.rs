//! What a gateway that keeps responses does with them: their input as a list, the request that goes on from them, and the
//! small objects of the stored responses' endpoints. Nothing here reads or writes a store.

use bytes::Bytes;
use tollgate_core::{Error, ErrorKind};

use crate::json::{self, Object, Value};

/// Which items of a list are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// The id of the item behind which to begin. Default: at the beginning.
    pub after: Option<&'a str>,
    /// How many items, 1 to 100. Default: 20.
    pub limit: Option<u64>,
    /// Oldest first (`order=asc`). Default: newest first.
    pub ascending: bool,
}

/// The input of a kept response as `GET /v1/responses/{id}/input_items` lists it. Items without an id get one that is the
/// same each time.
///
/// # Errors
/// If the limit is out of range, `after` names no item, or the body is no request.
pub fn input_items(response_id: &str, body: &[u8], page: Page<'_>) -> Result<Bytes, Error> {
    let limit = match page.limit.unwrap_or(20) {
        limit @ 1..=100 => usize::try_from(limit).unwrap_or(100),
        _ => return Err(Error::invalid_request("`limit` must be between 1 and 100.", Some("limit"))),
    };
    let root = parse(body)?;
    let own = response_id.strip_prefix("resp_").unwrap_or(response_id);
    let mut items: Vec<(String, String)> =
        items_of(root.get("input")).iter().enumerate().map(|(at, item)| with_id(item, own, at)).collect();
    if !page.ascending {
        items.reverse();
    }
    let from = match page.after {
        None => 0,
        Some(after) => {
            let place = items.iter().position(|(id, _)| id == after);
            place.ok_or_else(|| Error::invalid_request("`after` names no item of this response.", Some("after")))? + 1
        }
    };
    let rest = items.get(from..).unwrap_or_default();
    let shown = rest.get(..limit.min(rest.len())).unwrap_or_default();
    Ok(Bytes::from(json::object(256, |o| {
        o.string("object", "list");
        o.array("data", |a| shown.iter().for_each(|(_, item)| a.raw(item)));
        o.string_or_null("first_id", shown.first().map(|(id, _)| &**id));
        o.string_or_null("last_id", shown.last().map(|(id, _)| &**id));
        o.bool("has_more", shown.len() < rest.len());
    })))
}

/// The items of an exchange, oldest first: what was asked and what was answered, each as JSON text. A request that went on
/// from another is to be given as [`expand`] made it.
///
/// # Errors
/// If one of the two is no JSON object.
pub fn history(body: &[u8], response: &[u8]) -> Result<Vec<String>, Error> {
    let (request, response) = (parse(body)?, parse(response)?);
    let mut items = items_of(request.get("input"));
    items.extend(response.array("output").iter().map(|item| item.raw().to_owned()));
    Ok(items)
}

/// The request with the items of what it goes on from before its own, and without `previous_response_id`. Instructions are
/// not inherited, as the protocol says.
///
/// # Errors
/// If the body is no JSON object, or its input neither a text nor a list.
pub fn expand<S: AsRef<str>>(previous: &[S], body: &[u8]) -> Result<Bytes, Error> {
    let root = parse(body)?;
    let own = items_of(root.get("input"));
    let items = previous.iter().map(AsRef::as_ref).chain(own.iter().map(String::as_str));
    Ok(with_input(&root, items))
}

/// The request with the items themselves in the place of references to them. `find` gives an item by its id.
///
/// # Errors
/// If an item is not found, or the body is no JSON object.
pub fn resolve_references(body: &[u8], mut find: impl FnMut(&str) -> Option<String>) -> Result<Bytes, Error> {
    let root = parse(body)?;
    let mut items = Vec::new();
    for (at, item) in root.array("input").iter().enumerate() {
        // The type may be left out where nothing but an id is given.
        let bare = item.get("type").is_none() && item.get("role").is_none() && item.str("id").is_some();
        if item.str("type") != Some("item_reference") && !bare {
            items.push(item.raw().to_owned());
            continue;
        }
        let found = item.str("id").and_then(&mut find);
        let missing = || {
            let message = "An item that the input refers to does not exist, or was not kept.";
            Error::invalid_request(message, None).with_param(format!("input[{at}].id"))
        };
        items.push(found.ok_or_else(missing)?);
    }
    if !root.get("input").is_some_and(Value::is_array) {
        return Ok(Bytes::copy_from_slice(body));
    }
    let previous = root.get("previous_response_id").map(Value::raw);
    Ok(Bytes::from(rewritten(&root, previous, items.iter().map(String::as_str))))
}

/// The ids that the input refers to.
///
/// # Errors
/// If the body is no JSON object.
pub fn references(body: &[u8]) -> Result<Vec<String>, Error> {
    let root = parse(body)?;
    let items = root.array("input").iter();
    Ok(items.filter(|item| item.str("type") == Some("item_reference")).filter_map(|item| item.string("id")).collect())
}

/// A kept response as it is after it was cancelled.
///
/// # Errors
/// If it is no JSON object.
pub fn cancelled(response: &[u8]) -> Result<Bytes, Error> {
    let root = parse(response)?;
    Ok(Bytes::from(json::object(response.len() + 32, |o| {
        for (name, value) in root.members() {
            match name {
                "status" => o.string("status", "cancelled"),
                "completed_at" => o.null("completed_at"),
                _ => o.raw(name, value.raw()),
            }
        }
        if root.get("status").is_none() {
            o.string("status", "cancelled");
        }
    })))
}

/// What says that a response was deleted.
#[must_use]
pub fn deleted(id: &str) -> Bytes {
    Bytes::from(json::object(64, |o| {
        o.string("id", id);
        o.string("object", "response");
        o.bool("deleted", true);
    }))
}

/// What says how many tokens an input has, as `POST /v1/responses/input_tokens` answers.
#[must_use]
pub fn input_tokens(count: u64) -> Bytes {
    Bytes::from(json::object(64, |o| {
        o.string("object", "response.input_tokens");
        o.uint("input_tokens", count);
    }))
}

/// The error for a response that is not kept, or no longer.
#[must_use]
pub fn not_found(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no response with the id `{id}`.")).with_param("response_id")
}

pub(super) fn parse(body: &[u8]) -> Result<Value<'_>, Error> {
    json::parse(body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| Error::invalid_request("The request body must be a JSON object.", None))
}

/// The items of an input; a text is a message.
fn items_of(input: Option<&Value<'_>>) -> Vec<String> {
    match input {
        Some(text) if text.is_string() => vec![json::object_text(|o| {
            o.string("type", "message");
            o.string("role", "user");
            o.array("content", |a| {
                a.object(|o| {
                    o.string("type", "input_text");
                    o.raw("text", text.raw());
                });
            });
        })],
        Some(input) => input.items().iter().map(|item| item.raw().to_owned()).collect(),
        None => Vec::new(),
    }
}

fn with_input<'t>(root: &Value<'_>, items: impl Iterator<Item = &'t str>) -> Bytes {
    Bytes::from(rewritten(root, None, items))
}

fn rewritten<'t>(root: &Value<'_>, previous: Option<&str>, items: impl Iterator<Item = &'t str>) -> Vec<u8> {
    json::object(root.raw().len() + 1024, |o| {
        for (name, value) in root.members().filter(|(name, _)| !matches!(*name, "input" | "previous_response_id")) {
            o.raw(name, value.raw());
        }
        o.maybe_raw("previous_response_id", previous);
        o.array("input", |a| items.for_each(|item| a.raw(item)));
    })
}

/// An item as lists show it: with an id, a type and a status, its content as parts.
fn with_id(item: &str, own: &str, at: usize) -> (String, String) {
    let Ok(value) = json::parse(item.as_bytes()) else { return (String::new(), item.to_owned()) };
    let kind = value.str("type").unwrap_or("message");
    let prefix = match kind {
        "message" => "msg",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "reasoning" => "rs",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        _ => "item",
    };
    let id = value.string("id").unwrap_or_else(|| format!("{prefix}_{own}_{at}"));
    let json = json::object_text(|o| {
        o.string("id", &id);
        o.string("type", kind);
        if !matches!(kind, "reasoning" | "item_reference") && value.get("status").is_none() {
            o.string("status", "completed");
        }
        for (name, member) in value.members().filter(|(name, _)| !matches!(*name, "id" | "type")) {
            write_member(o, name, member, value.str("role"));
        }
    });
    (id, json)
}

fn write_member(o: &mut Object<'_>, name: &str, member: &Value<'_>, role: Option<&str>) {
    if name != "content" || !member.is_string() {
        o.raw(name, member.raw());
        return;
    }
    o.array("content", |a| {
        a.object(|o| {
            let said = role == Some("assistant");
            o.string("type", if said { "output_text" } else { "input_text" });
            o.raw("text", member.raw());
            if said {
                o.raw("annotations", "[]");
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"model":"m","previous_response_id":"resp_0","instructions":"be","input":"Hi"}"#;
    const RESPONSE: &[u8] = br#"{"id":"resp_1","status":"in_progress","output":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"E"},{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[]}]}"#;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_request_goes_on_from_what_was_kept() {
        let history = history(BODY, RESPONSE).unwrap();
        assert_eq!(history.len(), 3);
        let next =
            br#"{"model":"m","previous_response_id":"resp_1","input":[{"role":"user","content":"and"}],"x":1.0}"#;
        let body = expand(&history, next).unwrap();
        let root = json::parse(&body).unwrap();
        assert!(root.get("previous_response_id").is_none() && root.get("instructions").is_none());
        assert_eq!(root.get("x").unwrap().raw(), "1.0");
        let kinds: Vec<_> = root.array("input").iter().map(|item| item.str("type").unwrap_or("")).collect();
        assert_eq!(kinds, ["message", "reasoning", "message", ""]);
        assert_eq!(root.array("input")[1].str("encrypted_content"), Some("E"));
    }

    #[test]
    fn items_are_listed_page_by_page() {
        let body = br#"{"input":[{"role":"user","content":"a"},{"type":"function_call_output","call_id":"c","output":"1"},{"type":"message","id":"msg_9","role":"assistant","content":"b"}]}"#;
        let all = input_items("resp_x", body, Page { ascending: true, ..Page::default() }).unwrap();
        let root = json::parse(&all).unwrap();
        let ids: Vec<_> = root.array("data").iter().filter_map(|item| item.string("id")).collect();
        assert_eq!(ids, ["msg_x_0", "fco_x_1", "msg_9"]);
        assert_eq!(root.array("data")[0].array("content")[0].str("type"), Some("input_text"));
        let page =
            input_items("resp_x", body, Page { limit: Some(1), after: Some("msg_9"), ascending: false }).unwrap();
        let root = json::parse(&page).unwrap();
        assert_eq!((root.str("first_id"), root.str("last_id")), (Some("fco_x_1"), Some("fco_x_1")));
        assert_eq!(root.get("has_more").and_then(Value::as_bool), Some(true));
        for page in [Page { limit: Some(0), ..Page::default() }, Page { after: Some("no"), ..Page::default() }] {
            assert!(input_items("resp_x", body, page).is_err());
        }
    }

    #[test]
    fn references_become_items() {
        let body = br#"{"input":[{"type":"item_reference","id":"msg_1"},{"role":"user","content":"x"}],"previous_response_id":"p"}"#;
        assert_eq!(references(body).unwrap(), ["msg_1"]);
        let resolved =
            resolve_references(body, |id| (id == "msg_1").then(|| r#"{"type":"message"}"#.to_owned())).unwrap();
        assert!(text(&resolved).contains(r#""input":[{"type":"message"},{"role":"user""#), "{resolved:?}");
        assert!(text(&resolved).contains(r#""previous_response_id":"p""#));
        let error = resolve_references(body, |_| None).unwrap_err();
        assert_eq!(error.param(), Some("input[0].id"));
    }

    #[test]
    fn small_objects() {
        assert!(text(&cancelled(RESPONSE).unwrap()).contains(r#""status":"cancelled""#));
        assert_eq!(text(&deleted("resp_1")), r#"{"id":"resp_1","object":"response","deleted":true}"#);
        assert_eq!(text(&input_tokens(7)), r#"{"object":"response.input_tokens","input_tokens":7}"#);
    }
}
