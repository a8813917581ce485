//! Writes a whole answer for a client.

use bytes::Bytes;
use tollgate_core::Usage;
use tollgate_core::ir::{
    Answer, Block, Choice, Citation, Extra, Finish, FinishReason, Media, Protocol, Signature, Source, Thinking,
    ToolCall, ToolKind,
};

use crate::codec::{Echo, new_id};
use crate::json::{self, Array, Object};
use crate::openai_chat::details;
use crate::openai_chat::types::{ANSWER_MEMBERS, TIERS, finish_word, write_google_signature};

/// Writes a whole answer for a client.
#[must_use]
pub fn encode(answer: &Answer, echo: &Echo) -> Bytes {
    let body = json::object(1024, |o| {
        let made = echo.id.as_ref().map(|id| format!("chatcmpl-{id}"));
        o.string(
            "id",
            &made.or_else(|| answer.id.clone().filter(|id| !id.is_empty())).unwrap_or_else(|| new_id("chatcmpl-")),
        );
        o.string("object", "chat.completion");
        o.uint("created", answer.created.unwrap_or(echo.now));
        o.string("model", answer.model.as_deref().unwrap_or(&echo.model));
        o.array("choices", |a| {
            for (index, choice) in (0..).zip(&answer.choices) {
                write_choice(a, index, choice);
            }
            if answer.choices.is_empty() {
                // A provider that blocks the prompt answers nothing; clients expect a choice all the same.
                let finish = Finish::new(FinishReason::ContentFilter);
                write_choice(a, 0, &Choice { finish, ..Choice::default() });
            }
        });
        if let Some(usage) = &answer.usage {
            o.object("usage", |o| write_usage(o, usage));
        }
        o.maybe_string("service_tier", answer.service_tier.as_deref().filter(|tier| TIERS.contains(tier)));
        for extra in answer.extras.iter().filter(|extra| extra.name != "service_tier" && is_extra(extra)) {
            o.raw(&extra.name, &extra.json);
        }
    });
    body.into()
}

/// Whether an extra member can stand in an answer of this protocol. Clients check the class of service.
pub(in super::super) fn is_extra(extra: &Extra) -> bool {
    match &*extra.name {
        "service_tier" => TIERS.contains(&extra.json.trim_matches('"')),
        name => !name.contains('.') && ANSWER_MEMBERS.binary_search(&name).is_err(),
    }
}

/// Writes counts in OpenAI's terms, in which totals include their parts. Nothing is said of a part that is not known.
pub(in super::super) fn write_usage(o: &mut Object<'_>, usage: &Usage) {
    o.uint("prompt_tokens", usage.input.unwrap_or(0));
    o.uint("completion_tokens", usage.output.unwrap_or(0));
    o.uint("total_tokens", usage.total());
    if usage.cache_read.or(usage.cache_creation).or(usage.audio_input).is_some() {
        o.object("prompt_tokens_details", |o| {
            o.maybe_uint("cached_tokens", usage.cache_read);
            o.maybe_uint("cache_write_tokens", usage.cache_creation);
            o.maybe_uint("audio_tokens", usage.audio_input);
        });
    }
    if usage.reasoning.or(usage.audio_output).is_some() {
        o.object("completion_tokens_details", |o| {
            o.maybe_uint("reasoning_tokens", usage.reasoning);
            o.maybe_uint("audio_tokens", usage.audio_output);
        });
    }
}

/// Writes the end of a choice, and the provider's own word where it says more.
pub(in super::super) fn write_finish(o: &mut Object<'_>, finish: &Finish, has_calls: bool) {
    let reason = match finish.reason {
        FinishReason::Stop | FinishReason::StopSequence if has_calls => FinishReason::ToolCalls,
        reason => reason,
    };
    o.string("finish_reason", finish_word(reason));
    let pause = (reason == FinishReason::Pause).then_some("pause_turn");
    o.maybe_string("native_finish_reason", finish.native.as_deref().or(pause));
}

fn write_choice(a: &mut Array<'_>, index: u64, choice: &Choice) {
    let has_calls = choice.blocks.iter().any(|block| matches!(block, Block::ToolCall(_)));
    a.object(|o| {
        o.uint("index", index);
        o.object("message", |o| write_message(o, &choice.blocks));
        match &choice.logprobs {
            Some(logprobs) => write_logprobs(o, logprobs),
            None => o.null("logprobs"),
        }
        write_finish(o, &choice.finish, has_calls);
    });
}

/// Writes log probabilities with both lists that OpenAI's description demands.
pub(in super::super) fn write_logprobs(o: &mut Object<'_>, text: &str) {
    let Ok(value) = json::parse(text.as_bytes()) else { return o.null("logprobs") };
    o.object("logprobs", |o| {
        value.members().for_each(|(name, value)| o.raw(name, value.raw()));
        for name in ["content", "refusal"] {
            if value.members().all(|(member, _)| member != name) {
                o.null(name);
            }
        }
    });
}

/// A message's parts by the members that they go to.
#[derive(Default)]
struct Parts<'a> {
    content: Option<String>,
    refusal: Option<String>,
    citations: Vec<&'a Citation>,
    thoughts: Vec<&'a Thinking>,
    calls: Vec<&'a ToolCall>,
    images: Vec<&'a Media>,
    audio: Option<&'a str>,
    signature: Option<&'a Signature>,
}

fn write_message(o: &mut Object<'_>, blocks: &[Block]) {
    let mut parts = Parts::default();
    for block in blocks {
        match block {
            Block::Text(text) => {
                parts.content.get_or_insert_default().push_str(&text.text);
                parts.citations.extend(&text.citations);
                parts.signature = text.signature.as_ref().or(parts.signature);
            }
            Block::Refusal(text) => parts.refusal.get_or_insert_default().push_str(text),
            Block::Thinking(thinking) => parts.thoughts.push(thinking),
            Block::ToolCall(call) => parts.calls.push(call),
            Block::Media(media) => parts.images.push(media),
            Block::Opaque(opaque) if opaque.protocol == Protocol::OpenAiChat && opaque.what == "audio" => {
                parts.audio = Some(&opaque.json);
            }
            _ => {}
        }
    }
    o.string("role", "assistant");
    o.string_or_null("content", parts.content.as_deref().filter(|content| !content.is_empty()));
    o.string_or_null("refusal", parts.refusal.as_deref());
    write_thoughts(o, &parts.thoughts);
    if parts.citations.iter().any(|citation| citation.url.is_some()) {
        o.array("annotations", |a| parts.citations.iter().for_each(|citation| write_annotation(a, citation)));
    }
    if !parts.calls.is_empty() {
        o.array("tool_calls", |a| parts.calls.iter().for_each(|call| write_call(a, call)));
    }
    if !parts.images.is_empty() {
        o.array("images", |a| parts.images.iter().for_each(|media| write_image(a, media)));
    }
    o.maybe_raw("audio", parts.audio);
    if let Some(signature) = parts.signature {
        write_google_signature(o, signature);
    }
}

/// Writes thoughts as text, as most clients of such servers read them, and once more with what their maker wants back.
fn write_thoughts(o: &mut Object<'_>, thoughts: &[&Thinking]) {
    let mut text = String::new();
    for thinking in thoughts.iter().filter(|thinking| !thinking.text.is_empty()) {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&thinking.text);
    }
    if !text.is_empty() {
        o.string("reasoning_content", &text);
    }
    if thoughts.len() > 1 || thoughts.iter().any(|thinking| thinking.signature.is_some()) {
        o.array("reasoning_details", |a| {
            for (index, thinking) in (0..).zip(thoughts) {
                details::write(a, thinking, thinking.signature.as_ref(), index);
            }
        });
    }
}

/// Writes a source that has an address; clients know no other.
pub(in super::super) fn write_annotation(a: &mut Array<'_>, citation: &Citation) {
    match (&citation.native, &citation.url) {
        (Some((Protocol::OpenAiChat, json)), _) => a.raw(json),
        (_, Some(url)) => a.object(|o| {
            o.string("type", "url_citation");
            o.object("url_citation", |o| {
                o.uint("start_index", citation.start.unwrap_or(0));
                o.uint("end_index", citation.end.unwrap_or(0));
                o.string("url", url);
                o.string("title", citation.title.as_deref().unwrap_or_default());
                o.maybe_string("content", citation.cited_text.as_deref());
            });
        }),
        _ => {}
    }
}

fn write_call(a: &mut Array<'_>, call: &ToolCall) {
    a.object(|o| {
        o.string("id", &call.id);
        if call.kind == ToolKind::Custom {
            o.string("type", "custom");
            o.object("custom", |o| {
                o.string("name", &call.name);
                o.string("input", &call.arguments);
            });
        } else {
            o.string("type", "function");
            o.object("function", |o| {
                o.string("name", &call.name);
                o.string("arguments", call.arguments_or_empty());
            });
        }
        if let Some(signature) = &call.signature {
            write_google_signature(o, signature);
        }
    });
}

pub(in super::super) fn write_image(a: &mut Array<'_>, media: &Media) {
    let url = match &media.source {
        Source::Url(url) => url.clone(),
        Source::Base64(data) => format!("data:{};base64,{data}", media.mime.as_deref().unwrap_or("image/png")),
        Source::FileId(_) | Source::Text(_) => return,
    };
    a.object(|o| {
        o.string("type", "image_url");
        o.object("image_url", |o| o.string("url", &url));
    });
}
