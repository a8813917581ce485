//! A whole answer as a stream, for providers that answer a streamed request with plain JSON.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_core::Operation;

/// The events that say what the whole answer said. `None` if the body is not an answer of the operation's protocol.
/// `with_usage` tells whether the client asked for the usage chunk.
#[must_use]
pub fn whole_as_stream(operation: Operation, body: &[u8], with_usage: bool) -> Option<Bytes> {
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    let object = match operation {
        Operation::ChatCompletions => "chat.completion.chunk",
        Operation::Completions => "text_completion",
        _ => return None,
    };
    let usage = answer.as_object_mut()?.remove("usage");
    let choices: Vec<Value> = answer.as_object_mut()?.remove("choices")?.as_array_mut()?.drain(..).collect();
    answer["object"] = json!(object);
    let mut events = String::new();
    let mut push = |choices: Value, usage: Option<Value>| {
        let mut chunk = answer.clone();
        chunk["choices"] = choices;
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        events.push_str(&format!("data: {chunk}\n\n"));
    };
    for mut choice in choices {
        let finish = choice["finish_reason"].take();
        let index = choice["index"].clone();
        push(json!([delta_choice(choice)?]), None);
        let mut last = json!({ "index": index, "finish_reason": finish });
        last[if operation == Operation::ChatCompletions { "delta" } else { "text" }] =
            if operation == Operation::ChatCompletions { json!({}) } else { json!("") };
        push(json!([last]), None);
    }
    if with_usage {
        push(json!([]), usage);
    }
    events.push_str("data: [DONE]\n\n");
    Some(events.into())
}

/// A choice of a whole answer as one of a chunk: the message becomes a delta, and its tool calls get their index.
fn delta_choice(mut choice: Value) -> Option<Value> {
    let choice_object = choice.as_object_mut()?;
    if let Some(mut message) = choice_object.remove("message") {
        if let Some(calls) = message.get_mut("tool_calls").and_then(Value::as_array_mut) {
            for (index, call) in calls.iter_mut().enumerate() {
                call["index"] = json!(index);
            }
        }
        choice_object.insert("delta".to_owned(), message);
    }
    Some(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_answer_becomes_chunks() {
        let body =
            br#"{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",
            "content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},
            "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
        let events = whole_as_stream(Operation::ChatCompletions, body, true).unwrap();
        let chunks: Vec<Value> = std::str::from_utf8(&events)
            .unwrap()
            .split("\n\n")
            .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
            .collect();
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[0]["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
        assert_eq!(chunks[1]["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(chunks[2]["usage"]["completion_tokens"], 2);
        assert!(events.ends_with(b"data: [DONE]\n\n"));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        assert_eq!(whole_as_stream(Operation::ChatCompletions, b"{}", false), None);
        assert_eq!(whole_as_stream(Operation::ChatCompletions, b"<html>", false), None);
        assert_eq!(whole_as_stream(Operation::Responses, b"{}", false), None);
    }
}
