//! Which protocol a path or a body belongs to.

use serde_json::Value;

use super::Api;

/// How the events of a stream are written.
pub(super) enum Framing {
    /// `data:` alone, and `[DONE]` at the end or not.
    Data { done: bool },
    /// `event:` and `data:`.
    Named,
    /// A line for each.
    Lines,
    /// Binary frames.
    Binary,
}

/// The protocol that a request's path belongs to.
pub(super) fn of_path(path: &str) -> Api {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let endings = [
        ("/chat/completions", Api::Chat),
        ("/completions", Api::Completions),
        ("/embeddings", Api::Embeddings),
        ("/responses", Api::Responses),
        ("/messages", Api::Messages),
        (":generateContent", Api::Gemini),
        (":streamGenerateContent", Api::Gemini),
        ("/converse", Api::Converse),
        ("/converse-stream", Api::ConverseStream),
        ("/api/chat", Api::Ollama),
        ("/api/generate", Api::Ollama),
        ("/v1/chat", Api::Cohere),
        ("/v2/chat", Api::Cohere),
    ];
    endings.into_iter().find(|(ending, _)| path.ends_with(ending)).map_or(Api::Other, |(_, api)| api)
}

/// The protocol that a whole answer belongs to.
pub(super) fn of_whole(answer: &Value) -> Option<Api> {
    let is_list = |name: &str| answer[name].is_array();
    match answer["object"].as_str() {
        Some("chat.completion") if is_list("choices") => return Some(Api::Chat),
        Some("text_completion") if is_list("choices") => return Some(Api::Completions),
        Some("response") if is_list("output") => return Some(Api::Responses),
        Some("list") if answer["data"][0]["object"] == "embedding" => return Some(Api::Embeddings),
        _ => {}
    }
    match () {
        () if answer["type"] == "message" && is_list("content") => Some(Api::Messages),
        () if is_list("candidates") => Some(Api::Gemini),
        () if answer["output"]["message"].is_object() && answer["usage"]["inputTokens"].is_u64() => Some(Api::Converse),
        () if is_list_of_message(answer) && answer["finish_reason"].is_string() => Some(Api::Cohere),
        () if answer["done"].is_boolean() && answer["model"].is_string() => Some(Api::Ollama),
        () => None,
    }
}

fn is_list_of_message(answer: &Value) -> bool {
    answer["message"]["role"].is_string() || answer["message"]["content"].is_array()
}

/// The protocol that the payloads of a stream belong to.
pub(super) fn of_stream(payloads: &[Value]) -> Option<Api> {
    payloads.iter().find_map(|payload| match payload["object"].as_str() {
        Some("chat.completion.chunk" | "chat.completion") => Some(Api::Chat),
        Some("text_completion") => Some(Api::Completions),
        _ if payload["candidates"].is_array() => Some(Api::Gemini),
        _ if payload["contentBlockDelta"].is_object() || payload["messageStop"].is_object() => {
            Some(Api::ConverseStream)
        }
        _ if payload["done"].is_boolean() && payload["model"].is_string() => Some(Api::Ollama),
        _ => match payload["type"].as_str()? {
            "message_start" => Some(Api::Messages),
            "message-start" => Some(Api::Cohere),
            kind if kind.starts_with("response.") => Some(Api::Responses),
            _ => None,
        },
    })
}

pub(super) fn framing(api: Api) -> Framing {
    match api {
        Api::Responses | Api::Messages => Framing::Named,
        Api::Ollama => Framing::Lines,
        Api::ConverseStream => Framing::Binary,
        Api::Gemini | Api::Other => Framing::Data { done: false },
        Api::Chat | Api::Completions | Api::Embeddings | Api::Converse | Api::Cohere => Framing::Data { done: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, api) in [
            ("/openai/v1/chat/completions", Api::Chat),
            ("/v1/completions?x=1", Api::Completions),
            ("/backend-api/codex/responses", Api::Responses),
            ("/v1/responses/resp_1", Api::Other),
            ("/v1/messages", Api::Messages),
            ("/v1/messages/count_tokens", Api::Other),
            ("/v1beta/models/m:streamGenerateContent?alt=sse", Api::Gemini),
            ("/model/m%3A0/converse-stream", Api::ConverseStream),
            ("/api/chat", Api::Ollama),
            ("/v2/chat", Api::Cohere),
        ] {
            assert_eq!(of_path(path), api, "{path}");
        }
    }
}
