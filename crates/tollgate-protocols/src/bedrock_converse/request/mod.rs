//! Requests of AWS Bedrock Converse, after the service model of `bedrock-runtime` (2023-09-30). The model's name is not in
//! the body but in the path.

mod content;
mod fields;
mod tools;

use bytes::Bytes;
use tollgate_core::Error;
use tollgate_core::ir::{Format, Losses, Prompt, Protocol};

use super::types::is_claude;
use crate::codec::{Encoded, Plan, Target};
use crate::json::{self, Object, Value};

/// The most labels of a request, and the longest label.
const MAX_METADATA: usize = 16;
const MAX_METADATA_VALUE: usize = 256;

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    let conversation = content::conversation(prompt, target, losses)?;
    let thinking = fields::thinking(prompt, target, losses);
    let tools = tools::plan(prompt, target, thinking.budget.is_some(), losses)?;
    let additional = fields::additional(prompt, target, &thinking, &tools, losses);
    note_unsupported(prompt, losses);
    let body = json::object(conversation.capacity(), |o| {
        conversation.write(o);
        fields::inference(o, prompt, target, &thinking, losses);
        tools.write(o);
        output_config(o, prompt, target);
        if !additional.is_empty() {
            o.object("additionalModelRequestFields", |o| {
                additional.iter().for_each(|(name, json)| o.raw(name, json));
            });
        }
        if is_claude(target.model)
            && !prompt.sampling.stop.is_empty()
            && prompt.extra("additionalModelResponseFieldPaths").is_none()
        {
            // Which of the texts was met is not in `stopReason`.
            o.strings("additionalModelResponseFieldPaths", ["/stop_sequence"]);
        }
        metadata(o, prompt, losses);
        service_tier(o, prompt, losses);
        extras(o, prompt, losses);
    });
    let plan = Plan { json_tool: tools.json_tool, custom_tools: tools.custom, ..Plan::default() };
    Ok(Encoded { body: Bytes::from(body), plan, betas: Vec::new() })
}

/// What Converse has no word for in any model.
fn note_unsupported(prompt: &Prompt, losses: &mut Losses) {
    let sampling = &prompt.sampling;
    losses.drop_if(sampling.min_p.is_some(), "min_p");
    losses.drop_if(sampling.presence_penalty.is_some_and(|value| value != 0.0), "presence_penalty");
    losses.drop_if(sampling.frequency_penalty.is_some_and(|value| value != 0.0), "frequency_penalty");
    losses.drop_if(sampling.repetition_penalty.is_some_and(|value| value != 1.0), "repetition_penalty");
    losses.drop_if(sampling.logit_bias.is_some(), "logit_bias");
    losses.drop_if(sampling.seed.is_some(), "seed");
    losses.drop_if(sampling.n.is_some_and(|n| n > 1), "n");
    losses.drop_if(sampling.logprobs == Some(true), "logprobs");
    losses.drop_if(sampling.top_logprobs.is_some(), "top_logprobs");
    losses.drop_if(prompt.store == Some(true), "store");
    losses.drop_if(prompt.verbosity.is_some(), "verbosity");
    losses.drop_if(prompt.prompt_cache_key.is_some(), "prompt_cache_key");
}

fn output_config(o: &mut Object<'_>, prompt: &Prompt, target: &Target<'_>) {
    let Some(Format::JsonSchema { name, description, schema, .. }) = &prompt.format else { return };
    if !target.gates.json_schema {
        return;
    }
    o.object("outputConfig", |o| {
        o.object("textFormat", |o| {
            o.string("type", "json_schema");
            o.object("structure", |o| {
                o.object("jsonSchema", |o| {
                    o.string("schema", schema);
                    o.maybe_string("name", name.as_deref());
                    o.maybe_string("description", description.as_deref());
                });
            });
        });
    });
}

/// Labels, and the user among them: `requestMetadata` is for the owner's invocation logs, as metadata are.
fn metadata(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    if prompt.extra("requestMetadata").is_some() && prompt.protocol == Protocol::BedrockConverse {
        return;
    }
    let parsed = prompt.metadata.as_deref().and_then(|metadata| json::parse(metadata.as_bytes()).ok());
    let mut labels: Vec<(&str, &str)> = Vec::new();
    let mut lost = false;
    for (name, value) in parsed.iter().flat_map(Value::present) {
        match value.as_str() {
            Some(text) if labels.len() < MAX_METADATA && !name.is_empty() && is_label(name) && is_label(text) => {
                labels.push((name, text));
            }
            _ => lost = true,
        }
    }
    if lost {
        losses.change("metadata");
    }
    if let Some(user) = &prompt.user {
        let is_free = labels.len() < MAX_METADATA && labels.iter().all(|(name, _)| *name != "user");
        if is_free && is_label(user) { labels.push(("user", user)) } else { losses.drop("user") }
    }
    if !labels.is_empty() {
        o.object("requestMetadata", |o| labels.iter().for_each(|(name, text)| o.string(name, text)));
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= MAX_METADATA_VALUE
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c))
}

fn service_tier(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    match prompt.service_tier.as_deref() {
        None | Some("auto") => {}
        Some(tier @ ("default" | "flex" | "priority" | "reserved")) => {
            o.object("serviceTier", |o| o.string("type", tier));
        }
        Some(_) => losses.drop("service_tier"),
    }
}

fn extras(o: &mut Object<'_>, prompt: &Prompt, losses: &mut Losses) {
    for extra in &prompt.extras {
        if prompt.protocol != Protocol::BedrockConverse {
            losses.drop(extra.name.clone());
        } else if extra.name != "additionalModelRequestFields" {
            o.raw(&extra.name, &extra.json);
        }
    }
}
