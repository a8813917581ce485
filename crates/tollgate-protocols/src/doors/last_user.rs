//! Where the user's last words stand in a request.

use tollgate_core::ir::Protocol;

use crate::json::Value;

/// The one text of the last turn, if that is the user's and holds no other text and no results of tools.
pub(super) fn of<'v, 'a>(protocol: Protocol, root: &'v Value<'a>) -> Option<&'v Value<'a>> {
    match protocol {
        Protocol::OpenAiResponses => {
            let input = root.get("input")?;
            if input.is_string() {
                return Some(input);
            }
            let last = input.items().last()?;
            (last.str("role") == Some("user")).then(|| in_content(last.get("content")?, "input_text"))?
        }
        Protocol::GeminiGenerate => {
            let last = root.array("contents").last()?;
            let is_user = last.get("role").is_none_or(|role| role.as_str() == Some("user"));
            is_user.then(|| only_text(last.array("parts"), |part| part.get("text"), is_gemini_result))?
        }
        _ => {
            let last = root.array("messages").last()?;
            (last.str("role") == Some("user")).then(|| in_content(last.get("content")?, "text"))?
        }
    }
}

/// The prompt of a text completion.
pub(super) fn of_completions<'v, 'a>(root: &'v Value<'a>) -> Option<&'v Value<'a>> {
    let prompt = root.get("prompt")?;
    let only = match prompt.items() {
        [only] => only,
        _ => prompt,
    };
    only.is_string().then_some(only)
}

fn in_content<'v, 'a>(content: &'v Value<'a>, kind: &str) -> Option<&'v Value<'a>> {
    if content.is_string() {
        return Some(content);
    }
    let text = |part: &'v Value<'a>| (part.str("type") == Some(kind)).then(|| part.get("text"))?;
    only_text(content.items(), text, |part| part.str("type") == Some("tool_result"))
}

fn only_text<'v, 'a>(
    parts: &'v [Value<'a>],
    text: impl Fn(&'v Value<'a>) -> Option<&'v Value<'a>>,
    is_result: impl Fn(&Value<'a>) -> bool,
) -> Option<&'v Value<'a>> {
    if parts.iter().any(is_result) {
        return None;
    }
    let mut texts = parts.iter().filter_map(text).filter(|text| text.is_string());
    let only = texts.next()?;
    texts.next().is_none().then_some(only)
}

fn is_gemini_result(part: &Value<'_>) -> bool {
    part.get("functionResponse").or_else(|| part.get("function_response")).is_some()
}
