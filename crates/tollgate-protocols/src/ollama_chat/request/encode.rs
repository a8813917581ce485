//! A request for a provider written.

use std::collections::HashMap;

use bytes::Bytes;
use tollgate_core::Error;
use tollgate_core::ir::{
    Block, Effort, Format, Losses, Media, MediaKind, Prompt, Protocol, Role, Source, Thought, Tool, ToolChoice,
    ToolResult, Turn,
};

use crate::codec::{CUSTOM_PARAMETERS, Encoded, Plan, Target, effort_of, object_arguments, tool_names};
use crate::json::{self, Array, Object};

const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    let names = tool_names(prompt);
    let mut messages = Vec::with_capacity(prompt.turns.len());
    for turn in &prompt.turns {
        push_turn(turn, &names, &mut messages, losses)?;
    }
    let mut plan = Plan::default();
    let tools = tools(prompt, &mut plan, losses);
    note_unsupported(prompt, losses);
    let capacity = messages.iter().map(String::len).sum::<usize>() + tools.len() + 512;
    let body = json::object(capacity, |o| {
        o.string("model", target.model);
        o.array("messages", |a| messages.iter().for_each(|message| a.raw(message)));
        o.bool("stream", prompt.stream);
        if !tools.is_empty() {
            o.raw("tools", &tools);
        }
        match &prompt.format {
            Some(Format::JsonObject) => o.string("format", "json"),
            Some(Format::JsonSchema { schema, description, .. }) => {
                losses.drop_if(description.is_some(), "response_format.description");
                o.raw("format", schema);
            }
            Some(Format::Text) | None => {}
        }
        think(o, prompt, losses);
        options(o, prompt);
        o.maybe_bool("logprobs", prompt.sampling.logprobs);
        o.maybe_uint("top_logprobs", prompt.sampling.top_logprobs);
        for extra in &prompt.extras {
            if prompt.protocol != Protocol::OllamaChat {
                losses.drop(extra.name.clone());
            } else if !extra.name.starts_with("options.") {
                o.raw(&extra.name, &extra.json);
            }
        }
    });
    Ok(Encoded { body: Bytes::from(body), plan, betas: Vec::new() })
}

fn note_unsupported(prompt: &Prompt, losses: &mut Losses) {
    let is_named = prompt.turns.iter().any(|turn| turn.name.is_some());
    losses.drop_if(is_named, "messages.name");
    losses.drop_if(prompt.sampling.logit_bias.is_some(), "logit_bias");
    losses.drop_if(prompt.sampling.n.is_some_and(|n| n > 1), "n");
    losses.drop_if(prompt.parallel_tool_calls == Some(false), "parallel_tool_calls");
    losses.drop_if(prompt.user.is_some(), "user");
    losses.drop_if(prompt.metadata.is_some(), "metadata");
    losses.drop_if(prompt.store == Some(true), "store");
    let tier = prompt.service_tier.as_deref();
    losses.drop_if(tier.is_some_and(|tier| !matches!(tier, "auto" | "default")), "service_tier");
    losses.drop_if(prompt.verbosity.is_some(), "verbosity");
    losses.drop_if(prompt.prompt_cache_key.is_some(), "prompt_cache_key");
    let summary = prompt.reasoning.summary.as_deref();
    losses.drop_if(summary.is_some_and(|summary| summary != "auto"), "reasoning.summary");
}

/// What a message is gathered from: Ollama has one string for the words, and lists beside it.
#[derive(Default)]
struct Message<'a> {
    content: String,
    thinking: String,
    images: Vec<&'a str>,
    calls: Vec<String>,
}

impl<'a> Message<'a> {
    fn say(&mut self, text: &str) {
        push_line(&mut self.content, text);
    }

    fn add(&mut self, block: &'a Block, losses: &mut Losses) -> Result<(), Error> {
        match block {
            Block::Text(text) => {
                losses.drop_if(text.signature.is_some(), "signature");
                losses.drop_if(!text.citations.is_empty(), "citations");
                self.say(&text.text);
            }
            Block::Thinking(thinking) => {
                losses.drop_if(thinking.redacted, "thinking");
                losses.drop_if(!thinking.redacted && thinking.signature.is_some(), "signature");
                if !thinking.redacted {
                    push_line(&mut self.thinking, &thinking.text);
                }
            }
            Block::ToolCall(call) => {
                losses.drop_if(call.signature.is_some(), "signature");
                let arguments = object_arguments(call, losses);
                self.calls.push(json::object_text(|o| {
                    o.string("id", &call.id);
                    o.object("function", |o| {
                        o.string("name", &call.name);
                        o.raw("arguments", &arguments);
                    });
                }));
            }
            Block::Media(media) => self.media(media, losses)?,
            Block::Refusal(text) => {
                losses.change("refusal");
                self.say(text);
            }
            Block::Opaque(opaque) => losses.drop(opaque.what.clone()),
            // The server keeps what it has read by itself.
            _ => {}
        }
        Ok(())
    }

    fn media(&mut self, media: &'a Media, losses: &mut Losses) -> Result<(), Error> {
        losses.drop_if(media.detail.as_deref().is_some_and(|detail| detail != "auto"), "image.detail");
        let message = match (media.kind, &media.source) {
            (MediaKind::Image, Source::Base64(data)) => {
                self.images.push(data);
                return Ok(());
            }
            (MediaKind::Document, Source::Text(text)) => {
                losses.change("document");
                if let Some(name) = &media.name {
                    self.say(name);
                }
                self.say(text);
                return Ok(());
            }
            (MediaKind::Image, _) => "This model's provider fetches no images. Send the image itself, in Base64.",
            _ => "This model's provider takes only text and images.",
        };
        let kind = media.kind.as_str();
        let param = if media.kind == MediaKind::Image { "image.url" } else { kind };
        Err(Error::invalid_request(message, Some(param)))
    }

    fn is_empty(&self) -> bool {
        self.content.is_empty() && self.thinking.is_empty() && self.images.is_empty() && self.calls.is_empty()
    }

    fn write(&self, role: &str, more: impl FnOnce(&mut Object<'_>)) -> String {
        json::object_text(|o| {
            o.string("role", role);
            o.string("content", &self.content);
            if !self.thinking.is_empty() {
                o.string("thinking", &self.thinking);
            }
            if !self.images.is_empty() {
                o.strings("images", self.images.iter().copied());
            }
            if !self.calls.is_empty() {
                o.array("tool_calls", |a: &mut Array<'_>| self.calls.iter().for_each(|call| a.raw(call)));
            }
            more(o);
        })
    }
}

fn push_line(to: &mut String, text: &str) {
    if !to.is_empty() && !text.is_empty() {
        to.push('\n');
    }
    to.push_str(text);
}

/// A message for each result, then one for the rest of the turn.
fn push_turn(
    turn: &Turn,
    names: &HashMap<&str, &str>,
    messages: &mut Vec<String>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let mut message = Message::default();
    let mut has_results = false;
    for block in &turn.blocks {
        if let Block::ToolResult(result) = block {
            has_results = true;
            messages.push(result_message(result, names, losses)?);
        } else {
            message.add(block, losses)?;
        }
    }
    if has_results && message.is_empty() {
        return Ok(());
    }
    let role = match turn.role {
        Role::System | Role::Developer => "system",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    };
    messages.push(message.write(role, |_| {}));
    Ok(())
}

fn result_message(result: &ToolResult, names: &HashMap<&str, &str>, losses: &mut Losses) -> Result<String, Error> {
    let mut message = Message::default();
    for block in &result.content {
        message.add(block, losses)?;
    }
    losses.drop_if(result.is_error, "tool_result.is_error");
    let name = result.name.as_deref().or_else(|| names.get(&*result.id).copied());
    Ok(message.write("tool", |o| {
        o.maybe_string("tool_name", name);
        o.string("tool_call_id", &result.id);
    }))
}

/// The list of tools as JSON text; empty if there is none.
fn tools(prompt: &Prompt, plan: &mut Plan, losses: &mut Losses) -> String {
    let only: Option<Vec<&str>> = match &prompt.tool_choice {
        Some(ToolChoice::None) => return String::new(),
        Some(ToolChoice::One(name)) => Some(vec![name]),
        Some(ToolChoice::Subset { names, .. }) => Some(names.iter().map(|name| &**name).collect()),
        Some(ToolChoice::Auto | ToolChoice::Any) | None => None,
    };
    match &prompt.tool_choice {
        // Only these are offered, but nothing makes the model call one.
        Some(ToolChoice::One(_) | ToolChoice::Subset { required: true, .. }) => losses.change("tool_choice"),
        Some(ToolChoice::Any) => losses.drop("tool_choice"),
        _ => {}
    }
    let mut count = 0;
    let list = json::array_text(|a| {
        for tool in &prompt.tools {
            let is_offered = only.as_ref().is_none_or(|only| tool.name().is_some_and(|name| only.contains(&name)));
            if is_offered {
                count += usize::from(write_tool(a, tool, plan, losses));
            }
        }
    });
    if count == 0 { String::new() } else { list }
}

/// Whether there was a word for it.
fn write_tool(a: &mut Array<'_>, tool: &Tool, plan: &mut Plan, losses: &mut Losses) -> bool {
    let (name, description, parameters) = match tool {
        Tool::Function { name, description, parameters, strict, .. } => {
            losses.drop_if(*strict == Some(true), "tools.strict");
            (name, description, parameters.as_deref().unwrap_or(NO_PARAMETERS))
        }
        Tool::Custom { name, description, format } => {
            if format.is_some() {
                losses.change("tools.custom");
            }
            plan.custom_tools.push(name.clone());
            (name, description, CUSTOM_PARAMETERS)
        }
        Tool::Native { protocol: Protocol::OllamaChat, json, .. } => {
            a.raw(json);
            return true;
        }
        Tool::WebSearch { .. } => {
            losses.drop("tools.web_search");
            return false;
        }
        _ => {
            losses.drop("tools.native");
            return false;
        }
    };
    a.object(|o| {
        o.string("type", "function");
        o.object("function", |o| {
            o.string("name", name);
            o.maybe_string("description", description.as_deref());
            o.raw("parameters", parameters);
        });
    });
    true
}

fn think(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    let reasoning = &prompt.reasoning;
    let Some(effort) = effort_of(reasoning) else { return };
    if reasoning.effort.is_none() && reasoning.thought == Some(Thought::Adaptive) {
        o.bool("think", true);
        return;
    }
    if matches!(reasoning.thought, Some(Thought::Budget(budget)) if budget > 0) {
        losses.change("reasoning.budget");
    }
    let word = match effort {
        Effort::None => return o.bool("think", false),
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh | Effort::Max => "max",
    };
    if word != effort.as_str() {
        losses.change("reasoning_effort");
    }
    o.string("think", word);
}

fn options(o: &mut Object<'_>, prompt: &Prompt) {
    let sampling = &prompt.sampling;
    let options = json::object_text(|o| {
        o.maybe_uint("num_predict", sampling.max_tokens);
        o.maybe_float("temperature", sampling.temperature);
        o.maybe_float("top_p", sampling.top_p);
        o.maybe_uint("top_k", sampling.top_k);
        o.maybe_float("min_p", sampling.min_p);
        o.maybe_float("presence_penalty", sampling.presence_penalty);
        o.maybe_float("frequency_penalty", sampling.frequency_penalty);
        o.maybe_float("repeat_penalty", sampling.repetition_penalty);
        if let Some(seed) = sampling.seed {
            o.int("seed", seed);
        }
        if !sampling.stop.is_empty() {
            o.strings("stop", sampling.stop.iter().map(|stop| &**stop));
        }
        if prompt.protocol == Protocol::OllamaChat {
            for extra in &prompt.extras {
                if let Some(name) = extra.name.strip_prefix("options.") {
                    o.raw(name, &extra.json);
                }
            }
        }
    });
    if options != "{}" {
        o.raw("options", &options);
    }
}
