//! One text for every way of writing the same document.

use super::{Value, append_string};

/// Appends a document in one form: members in the order of their names, no white space, strings with as few escapes as
/// they need. Numbers stay as they were written, since `1` and `1.0` are not the same to everyone. Members of the
/// outermost object for which `keep` is false are left out; where a string is the very one that `hole` points to,
/// `null` and a control character, which no document holds there, take its place.
pub fn append_canonical(value: &Value<'_>, keep: &dyn Fn(&str) -> bool, hole: Option<&Value<'_>>, out: &mut Vec<u8>) {
    if hole.is_some_and(|hole| std::ptr::eq(hole, value)) {
        out.extend_from_slice(b"null\x1a");
    } else if let Some(text) = value.as_str() {
        append_string(out, text);
    } else if value.is_object() {
        let mut members: Vec<(&str, &Value<'_>)> = value.members().filter(|(name, _)| keep(name)).collect();
        // Stable, because the last of two members of one name is the one that counts.
        members.sort_by_key(|(name, _)| *name);
        out.push(b'{');
        for (at, (name, value)) in members.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            append_string(out, name);
            out.push(b':');
            append_canonical(value, &|_| true, hole, out);
        }
        out.push(b'}');
    } else if value.is_array() {
        out.push(b'[');
        for (at, item) in value.items().iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            append_canonical(item, &|_| true, hole, out);
        }
        out.push(b']');
    } else {
        out.extend_from_slice(value.raw().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn canonical(text: &str) -> String {
        let mut out = Vec::new();
        append_canonical(&parse(text.as_bytes()).unwrap(), &|name| name != "stream", None, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_way_of_writing_does_not_matter() {
        let one = canonical("{ \"b\": [1, {\"y\":null,\"x\":\"\\u00e4\\/\"}], \"a\": true, \"stream\": true }");
        assert_eq!(one, r#"{"a":true,"b":[1,{"x":"ä/","y":null}]}"#);
        assert_eq!(canonical(&one), one);
        assert_ne!(canonical(r#"{"a":1}"#), canonical(r#"{"a":1.0}"#));
        assert_ne!(canonical(r#"{"a":[1,2]}"#), canonical(r#"{"a":[2,1]}"#));
        // Only outermost: what a tool calls its own stays.
        assert_eq!(canonical(r#"{"a":{"stream":1}}"#), r#"{"a":{"stream":1}}"#);
    }

    #[test]
    fn a_hole_is_no_text() {
        let value = parse(br#"{"m":[{"c":"same"},{"c":"same"}]}"#).unwrap();
        let hole = value.array("m")[1].get("c");
        let mut out = Vec::new();
        append_canonical(&value, &|_| true, hole, &mut out);
        assert_eq!(out, b"{\"m\":[{\"c\":\"same\"},{\"c\":null\x1a}]}");
    }
}
