//! Arguments of calls in protocols that have them as objects.

use std::borrow::Cow;

use tollgate_core::ir::{Losses, ToolCall, ToolKind};

use crate::json;

/// The JSON Schema of a function that stands for a tool with free text: its one argument `input` is the text.
pub const CUSTOM_PARAMETERS: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// A call's arguments as the text of a JSON object: `{}` where there are none. Arguments that are no object, such as those
/// that were cut off, are lost. The free text of a custom tool becomes the argument `input`.
pub fn object_arguments<'a>(call: &'a ToolCall, losses: &mut Losses) -> Cow<'a, str> {
    if call.kind == ToolKind::Custom {
        return Cow::Owned(json::object_text(|o| o.string("input", &call.arguments)));
    }
    let arguments = call.arguments_or_empty();
    if json::parse(arguments.as_bytes()).is_ok_and(|value| value.is_object()) {
        return Cow::Borrowed(arguments);
    }
    losses.drop("tool_calls.arguments");
    Cow::Borrowed("{}")
}

/// Whether the first piece of a call's arguments is as good as none. No object begins so.
#[must_use]
pub fn says_nothing(first: &str) -> bool {
    matches!(first.trim(), "" | "null")
}

/// The free text that a model gave a function made of [`CUSTOM_PARAMETERS`]; the arguments as they are if it gave
/// something else.
#[must_use]
pub fn custom_input(arguments: &str) -> String {
    let value = json::parse(arguments.as_bytes()).ok();
    value.and_then(|value| value.string("input")).unwrap_or_else(|| arguments.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object() {
        for (arguments, expected, lost) in [
            ("", "{}", false),
            (" \n", "{}", false),
            ("null", "{}", false),
            (r#"{"a":1}"#, r#"{"a":1}"#, false),
            (r#"{"a": "lon"#, "{}", true),
            ("[1]", "{}", true),
        ] {
            let mut losses = Losses::default();
            let call = ToolCall { arguments: arguments.to_owned(), ..ToolCall::default() };
            assert_eq!(object_arguments(&call, &mut losses), expected);
            assert_eq!(!losses.is_empty(), lost, "{arguments}");
        }
    }

    #[test]
    fn free_text_goes_and_comes() {
        let call = ToolCall { arguments: "a\"b".to_owned(), kind: ToolKind::Custom, ..ToolCall::default() };
        let arguments = object_arguments(&call, &mut Losses::default());
        assert_eq!(arguments, r#"{"input":"a\"b"}"#);
        assert_eq!(custom_input(&arguments), "a\"b");
        assert_eq!(custom_input("x"), "x");
    }
}
