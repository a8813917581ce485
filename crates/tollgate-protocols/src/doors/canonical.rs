//! What of a request determines its answer.

use tollgate_core::ir::{Canonical, LastUser, Losses, Prompt, Protocol};
use tollgate_core::{Operation, Request};

use super::{last_user, traits};
use crate::codec::{self, Dialect, Target};
use crate::json::{self, Value};

/// Members that say how an answer is delivered, kept or labelled, and not what it is. Everything else counts, above all what
/// the gateway does not know.
const DELIVERY: &[(Operation, &[&str])] = &[
    (Operation::ChatCompletions, &["metadata", "model", "store", "stream", "stream_options"]),
    (Operation::Completions, &["model", "stream", "stream_options"]),
    (
        Operation::Responses,
        &["background", "include_obfuscation", "metadata", "model", "store", "stream", "stream_options"],
    ),
    (Operation::Messages, &["model", "stream"]),
    (Operation::GenerateContent, &["model"]),
    (Operation::OllamaChat, &["keep_alive", "model", "stream"]),
    (Operation::Embeddings, &["model"]),
];

/// The one form of a request; `None` for operations without answers to keep, and for what cannot be read.
pub(super) fn of(request: &Request) -> Option<Canonical> {
    let (_, delivery) = DELIVERY.iter().find(|(operation, _)| *operation == request.operation)?;
    let edited = request.edits.apply(&request.body);
    let root = json::parse(&edited).ok().filter(Value::is_object)?;
    let own = text(&root, delivery, None);
    if request.operation == Operation::Embeddings {
        let form = Form { protocol: request.protocol, tag: "embeddings" };
        return Some(form.canonical(&own, None, traits::Prompted::default()));
    }
    // What no codec can read is left to the provider to refuse, and its refusal is not stored.
    let prompt = super::decode(request).ok()?;
    let prompted = traits::of(&prompt, &root);
    if request.operation == Operation::Completions {
        let form = Form { protocol: request.protocol, tag: "completions" };
        let last = last_user::of_completions(&root);
        return Some(form.canonical(&own, last.map(|last| around(&root, delivery, last)), prompted));
    }
    if let Some(shared) = shared(request.protocol, &own, delivery) {
        let root = json::parse(&shared).ok()?;
        let last = last_user::of(Protocol::OpenAiChat, &root);
        let form = Form { protocol: Protocol::OpenAiChat, tag: "chat" };
        let delivery = DELIVERY[0].1;
        return Some(form.canonical(
            &text(&root, delivery, None),
            last.map(|last| around(&root, delivery, last)),
            prompted,
        ));
    }
    let last = last_user::of(request.protocol, &root);
    let tag = if request.protocol == Protocol::OpenAiChat { "chat" } else { request.protocol.as_str() };
    let form = Form { protocol: request.protocol, tag };
    Some(form.canonical(&own, last.map(|last| around(&root, delivery, last)), prompted))
}

/// The words by which forms are told apart.
struct Form {
    protocol: Protocol,
    tag: &'static str,
}

impl Form {
    fn canonical(&self, body: &[u8], last_user: Option<LastUser>, prompted: traits::Prompted) -> Canonical {
        let tagged = |body: &[u8]| [self.tag.as_bytes(), b"\n", body].concat();
        // Where a tool was heard last, the user's words are not what is answered.
        let last_user = last_user
            .filter(|_| !prompted.tool_results)
            .map(|last| LastUser { around: tagged(&last.around), text: last.text });
        Canonical { protocol: self.protocol, body: tagged(body), last_user, traits: prompted }
    }
}

/// The same request as a chat completion, if it can be said there and back again without a difference. Only then do two
/// requests of different protocols mean the same beyond doubt.
fn shared(protocol: Protocol, own: &[u8], delivery: &[&str]) -> Option<Vec<u8>> {
    if protocol == Protocol::OpenAiChat {
        return None;
    }
    // Without what is about delivery, which would be lost and does not matter.
    let prompt = codec::decode_request(protocol, own).ok()?;
    let chat = encoded(&prompt, Protocol::OpenAiChat)?;
    let back = codec::decode_request(Protocol::OpenAiChat, &chat).ok()?;
    let again = encoded(&back, protocol)?;
    let (own, again) = (json::parse(own).ok()?, json::parse(&again).ok()?);
    let spelt = |root: &Value<'_>| {
        let mut out = Vec::new();
        let path = &mut Vec::new();
        spell_out(root, protocol, delivery, path, &mut out);
        out
    };
    (spelt(&own) == spelt(&again)).then_some(chat)
}

/// Where a protocol allows a string in the place of a list with one text, and the type of that text.
const SHORT: &[(Protocol, &[&str], &str)] = &[
    (Protocol::AnthropicMessages, &["system"], "text"),
    (Protocol::AnthropicMessages, &["messages", "*", "content"], "text"),
    (Protocol::OpenAiResponses, &["input", "*", "content"], "input_text"),
];

/// An item of a Responses' input that says what it is without need.
fn is_implied(protocol: Protocol, path: &[&str], name: &str, value: &Value<'_>) -> bool {
    let is_item = protocol == Protocol::OpenAiResponses && path == ["input", "*"];
    is_item && name == "type" && value.as_str() == Some("message")
}

/// The canonical text with every short form written out, for comparing what a client wrote with what a codec writes.
fn spell_out<'v>(
    value: &'v Value<'_>,
    protocol: Protocol,
    leave_out: &[&str],
    path: &mut Vec<&'v str>,
    out: &mut Vec<u8>,
) {
    if let (Some(text), true) = (value.as_str(), protocol == Protocol::OpenAiResponses && path[..] == ["input"]) {
        out.extend_from_slice(b"[{\"content\":[{\"text\":");
        json::append_string(out, text);
        out.extend_from_slice(b",\"type\":\"input_text\",},],\"role\":\"user\",},]");
        return;
    }
    let short = SHORT.iter().find(|(of, at, _)| *of == protocol && *at == &path[..]);
    if let (Some(text), Some((_, _, kind))) = (value.as_str(), short) {
        out.extend_from_slice(b"[{\"text\":");
        json::append_string(out, text);
        out.extend_from_slice(b",\"type\":");
        json::append_string(out, kind);
        out.extend_from_slice(b",},]");
    } else if value.is_object() {
        let is_counted = |(name, value): &(&str, &Value<'_>)| {
            let is_delivery = path.is_empty() && leave_out.contains(name);
            !is_delivery && !is_implied(protocol, path, name, value)
        };
        let mut members: Vec<(&str, &Value<'_>)> = value.members().filter(is_counted).collect();
        members.sort_by_key(|(name, _)| *name);
        out.push(b'{');
        for (name, value) in members {
            json::append_string(out, name);
            out.push(b':');
            path.push(name);
            spell_out(value, protocol, leave_out, path, out);
            path.pop();
            out.push(b',');
        }
        out.push(b'}');
    } else if value.is_array() {
        out.push(b'[');
        path.push("*");
        for item in value.items() {
            spell_out(item, protocol, leave_out, path, out);
            out.push(b',');
        }
        path.pop();
        out.push(b']');
    } else {
        json::append_canonical(value, &|_| true, None, out);
    }
}

fn encoded(prompt: &Prompt, protocol: Protocol) -> Option<Vec<u8>> {
    let dialect = match protocol {
        Protocol::OpenAiChat => Dialect::GENERIC,
        _ => Dialect::OPENAI,
    };
    let mut losses = Losses::default();
    let encoded = codec::encode_request(prompt, &Target::new(protocol, "", &dialect), &mut losses).ok()?;
    (losses.is_empty() && encoded.betas.is_empty()).then(|| encoded.body.to_vec())
}

fn text(root: &Value<'_>, delivery: &[&str], hole: Option<&Value<'_>>) -> Vec<u8> {
    let mut out = Vec::with_capacity(root.raw().len());
    json::append_canonical(root, &|name| !delivery.contains(&name), hole, &mut out);
    out
}

fn around(root: &Value<'_>, delivery: &[&str], last: &Value<'_>) -> LastUser {
    LastUser { text: last.to_text().unwrap_or_default(), around: text(root, delivery, Some(last)) }
}
