//! A provider that follows the specification of Bedrock's Converse.

mod check;
mod frame;

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{
    Answer, Ask, CACHE_READ, CACHE_WRITE, Fault, Finish, INPUT_UNCACHED, MISSING_MODEL, digest, fragments,
};
use crate::{Received, Reply};

/// Answers as Bedrock's API would, under `/model/ID`: `converse`, `converse-stream`, `count-tokens`.
///
/// Of a signature it checks the form only: the scope, the signed headers and the date.
pub fn fake_bedrock() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    |request| match handle(request) {
        Ok(reply) | Err(reply) => reply.header("x-amzn-requestid", "fake0001"),
    }
}

fn handle(request: &Received) -> Result<Reply, Reply> {
    authorized(request)?;
    let target = request.path().strip_prefix("/model/").and_then(|rest| rest.split_once('/'));
    let (model, method) = target.ok_or_else(|| refuse(404, "UnknownOperationException", "unknown operation"))?;
    // AWS takes no colon in the path of a signed request: SDKs write it as %3A.
    if model == MISSING_MODEL {
        return Err(refuse(404, "ResourceNotFoundException", "Model not found."));
    }
    let body = request.json();
    match method {
        "converse" => Ok(whole(&check::request(&body)?)),
        "converse-stream" => Ok(stream(&check::request(&body)?)),
        "count-tokens" => {
            check::request(&body["input"]["converse"])?;
            let count = INPUT_UNCACHED + CACHE_READ + CACHE_WRITE;
            Ok(Reply::json(json!({ "inputTokens": count }).to_string()))
        }
        _ => Err(refuse(404, "UnknownOperationException", "unknown operation")),
    }
}

fn authorized(request: &Received) -> Result<(), Reply> {
    let header = request.header("authorization").unwrap_or_default();
    let missing = || refuse(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    if header.strip_prefix("Bearer ").is_some_and(|key| !key.is_empty()) {
        return Ok(());
    }
    let parts = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(missing)?;
    let scoped = parts.contains("Credential=") && parts.contains("/bedrock/aws4_request");
    let signed = parts.contains("SignedHeaders=") && parts.contains("host") && parts.contains("x-amz-date");
    let signature = parts.split("Signature=").nth(1).is_some_and(|signature| signature.trim().len() == 64);
    if scoped && signed && signature && request.header("x-amz-date").is_some() {
        return Ok(());
    }
    Err(refuse(403, "IncompleteSignatureException", "The request signature does not conform to AWS standards."))
}

fn refuse(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({ "message": message }).to_string();
    Reply::json(body).status(status).header("x-amzn-errortype", &format!("{kind}:http://internal.amazon.com/"))
}

fn invalid(message: impl AsRef<str>) -> Reply {
    refuse(400, "ValidationException", message.as_ref())
}

fn failed(fault: Fault) -> Reply {
    match fault {
        Fault::RateLimit => refuse(429, "ThrottlingException", "Too many requests, please wait before trying again."),
        Fault::Internal => refuse(500, "InternalServerException", "The system encountered an unexpected error."),
        Fault::Overloaded => refuse(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    }
}

/// The proof that these thoughts were this server's.
fn signature(thinking: &str) -> String {
    format!("EpAB{}", digest(thinking))
}

fn usage(answer: &Answer) -> Value {
    json!({
        "inputTokens": INPUT_UNCACHED, "outputTokens": answer.output(), "cacheReadInputTokens": CACHE_READ,
        "cacheWriteInputTokens": CACHE_WRITE,
        "totalTokens": INPUT_UNCACHED + CACHE_READ + CACHE_WRITE + answer.output(),
    })
}

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Calls => "tool_use",
        Finish::Length => "max_tokens",
        Finish::Refusal => "content_filtered",
    }
}

fn whole(ask: &Ask) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    let thinking = answer
        .thinking
        .map(|text| json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": signature(text) } } }));
    let text = (!answer.text.is_empty()).then(|| json!({ "text": answer.text }));
    let calls = answer.calls.iter().map(|call| {
        let id = format!("tooluse_fake{}", call.number);
        json!({ "toolUse": { "toolUseId": id, "name": call.name, "input": call.arguments } })
    });
    let content: Vec<Value> = thinking.into_iter().chain(text).chain(calls).collect();
    let body = json!({
        "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": stop_reason(answer.finish), "usage": usage(&answer), "metrics": { "latencyMs": 5 },
    });
    answer.whole(&body, failed)
}

fn stream(ask: &Ask) -> Reply {
    let answer = match ask.answer() {
        Ok(answer) => answer,
        Err(fault) => return failed(fault),
    };
    let mut events = vec![event("messageStart", &json!({ "role": "assistant" }))];
    let mut index = 0;
    let mut block = |start: Option<Value>, deltas: Vec<Value>| {
        if let Some(start) = start {
            events.push(event("contentBlockStart", &json!({ "contentBlockIndex": index, "start": start })));
        }
        for delta in deltas {
            events.push(event("contentBlockDelta", &json!({ "contentBlockIndex": index, "delta": delta })));
        }
        events.push(event("contentBlockStop", &json!({ "contentBlockIndex": index })));
        index += 1;
    };
    if let Some(thinking) = answer.thinking {
        let words = thinking.split_inclusive(' ').map(|word| json!({ "reasoningContent": { "text": word } }));
        let proof = json!({ "reasoningContent": { "signature": signature(thinking) } });
        block(None, words.chain([proof]).collect());
    }
    if !answer.text.is_empty() {
        block(None, answer.words().into_iter().map(|word| json!({ "text": word })).collect());
    }
    for call in &answer.calls {
        let id = format!("tooluse_fake{}", call.number);
        let pieces = fragments(&call.arguments).into_iter().map(|piece| json!({ "toolUse": { "input": piece } }));
        block(Some(json!({ "toolUse": { "toolUseId": id, "name": call.name } })), pieces.collect());
    }
    events.push(event("messageStop", &json!({ "stopReason": stop_reason(answer.finish) })));
    let metadata = json!({ "usage": usage(&answer), "metrics": { "latencyMs": 5 } });
    events.push(event("metadata", &metadata));
    let message = json!({ "message": "The model stopped unexpectedly." }).to_string();
    let kind = [(":exception-type", "modelStreamErrorException"), (":content-type", "application/json")];
    let exception = frame::frame(&[kind[0], kind[1], (":message-type", "exception")], message.as_bytes());
    answer.stream(Reply::new(200).header("content-type", "application/vnd.amazon.eventstream"), events, exception)
}

fn event(kind: &str, payload: &Value) -> (bool, Bytes) {
    let mut payload = payload.clone();
    // AWS pads what it sends to hide its length.
    payload["p"] = json!("abcdefgh");
    let headers = [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    (kind == "contentBlockDelta", frame::frame(&headers, payload.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{post, post_bytes, refused, said, wanted};
    use super::*;

    const HEADERS: &[(&str, &str)] = &[("authorization", "Bearer k")];

    fn send(text: &str, more: Value) -> (u16, String) {
        let body = json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] });
        post(fake_bedrock(), "/model/m%3A0/converse", HEADERS, &wanted(body, more))
    }

    #[test]
    fn requests_are_judged() {
        assert_eq!(post(fake_bedrock(), "/model/m/converse", &[], &json!({})).0, 403);
        let user = json!({ "role": "user", "content": [{ "text": "x" }] });
        let call = json!({ "toolUse": { "toolUseId": "t", "name": "f", "input": {} } });
        let result = json!({ "toolResult": { "toolUseId": "t", "content": [{ "text": "x" }] } });
        let tools = [json!({ "role": "assistant", "content": [call] }), json!({ "role": "user", "content": [result] })];
        let cases = [
            (json!({ "messages": [user, user] }), "alternate"),
            (json!({ "max_tokens": 1 }), "max_tokens"),
            (json!({ "messages": [user, tools[0], tools[1]] }), "toolConfig"),
            (json!({ "messages": [{ "role": "user", "content": [{ "text": "" }] }] }), "blank"),
        ];
        for (more, message) in cases {
            refused(send("x", more), message);
        }
        assert_eq!(said(send("say hello", json!({})))["output"]["message"]["content"][0]["text"], "Hello from FAKE.");
    }

    #[test]
    fn streams_are_frames() {
        let body = json!({ "messages": [{ "role": "user", "content": [{ "text": "say hello" }] }] });
        let (_, bytes) = post_bytes(fake_bedrock(), "/model/m/converse-stream", HEADERS, &body);
        let mut rest = &bytes[..];
        let mut frames = 0;
        while let Some(length) = rest.first_chunk::<4>().map(|length| u32::from_be_bytes(*length)) {
            rest = &rest[usize::try_from(length).unwrap()..];
            frames += 1;
        }
        assert_eq!(frames, 7);
    }
}
