//! Request bodies of a given size, shaped like those of real clients.

use bytes::Bytes;
use serde_json::json;

/// What a turn of a long conversation says. It has line ends, quotes and letters beyond ASCII, because a scanner that
/// is quick on plain letters can be slow on escapes.
const TURN: &str = "Please look at `src/main.rs` again:\n\n\tlet greeting = \"Grüß Gott\";\n\nThe test \
    says \"expected 3, found 4\" – why? Answer in two sentences, then show the changed lines only.\n";
/// A message holds about this many turns' worth of text, as tool results and files in a conversation do.
const MESSAGE: usize = 2048;

/// A chat request of nearly `size` bytes.
pub(super) fn chat(model: &str, size: usize, stream: bool) -> Bytes {
    let render = |messages: &[serde_json::Value]| {
        let mut body = json!({"model": model, "messages": messages, "max_completion_tokens": 256, "temperature": 0.7});
        if stream {
            body["stream"] = true.into();
        }
        body.to_string()
    };
    let mut messages = vec![json!({"role": "system", "content": "You are a careful reviewer. Be brief."})];
    let mut left = size.saturating_sub(render(&messages).len());
    while left > MESSAGE_FRAME {
        let content = text(left.min(MESSAGE) - MESSAGE_FRAME);
        let role = if messages.len() % 2 == 1 { "user" } else { "assistant" };
        let message = json!({"role": role, "content": content});
        left = left.saturating_sub(message.to_string().len() + 1);
        messages.push(message);
    }
    render(&messages).into()
}

/// What JSON puts around a message.
const MESSAGE_FRAME: usize = 48;

/// Text that takes about `length` bytes once it is escaped.
fn text(length: usize) -> String {
    let mut taken = 0;
    TURN.chars()
        .cycle()
        .take_while(|c| {
            taken += if matches!(c, '"' | '\n' | '\t') { 2 } else { c.len_utf8() };
            taken <= length
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_about_the_size() {
        for size in [400, 1024, 4 << 10, 32 << 10, 1 << 20] {
            let body = chat("mock-model", size, false);
            assert!(body.len() <= size && body.len() > size * 8 / 10, "{} for {size}", body.len());
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(value["messages"].as_array().unwrap().len() > 1 && value["stream"].is_null());
        }
    }

    #[test]
    fn a_stream_is_asked_for() {
        let value: serde_json::Value = serde_json::from_slice(&chat("m", 1024, true)).unwrap();
        assert_eq!((&value["stream"], &value["model"]), (&true.into(), &"m".into()));
    }
}
