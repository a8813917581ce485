//! A request for a provider.

use bytes::Bytes;
use tollgate_core::Error;
use tollgate_core::ir::{Format, Losses, Prompt};

use super::super::types::FILES_BETA;
use super::arrange::{Conversation, MessageRole, arrange};
use super::blocks::{write_item, write_message};
use super::settings::{note_losses, own_extras, write_account, write_extras, write_sampling};
use super::thinking::Think;
use super::tools::{Toolbox, is_object_schema};
use crate::codec::{Encoded, Target};
use crate::json::{self, Object};

/// Writes a request for a provider.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode(prompt: &Prompt, target: &Target<'_>, losses: &mut Losses) -> Result<Encoded, Error> {
    let draft = Draft::new(prompt, target, losses)?;
    let body = json::object(1024, |o| {
        draft.write_head(o);
        o.uint("max_tokens", draft.think.max_tokens);
        draft.write_conversation(o, losses);
        draft.think.write(o);
        draft.write_output(o);
        write_sampling(o, prompt, target, &draft.think, losses);
        write_account(o, prompt, losses);
        write_extras(o, prompt, losses);
        if prompt.stream {
            o.bool("stream", true);
        }
    });
    note_losses(prompt, losses);
    Ok(Encoded { body: body.into(), plan: draft.toolbox.plan(), betas: draft.betas() })
}

/// Writes a request to count the tokens of a prompt, `POST /v1/messages/count_tokens`: the parts of a request that are
/// input, and nothing about the answer.
///
/// # Errors
/// An invalid request, where the target cannot express it in any way.
pub fn encode_count(prompt: &Prompt, target: &Target<'_>) -> Result<Bytes, Error> {
    let losses = &mut Losses::default();
    let draft = Draft::new(prompt, target, losses)?;
    let body = json::object(1024, |o| {
        draft.write_head(o);
        draft.write_conversation(o, losses);
        draft.think.write(o);
        draft.write_output(o);
    });
    Ok(body.into())
}

/// What is decided before anything is written.
struct Draft<'a> {
    prompt: &'a Prompt,
    model: &'a str,
    conversation: Conversation<'a>,
    toolbox: Toolbox<'a>,
    think: Think,
    instruction: Option<String>,
    schema: Option<&'a str>,
}

impl<'a> Draft<'a> {
    fn new(prompt: &'a Prompt, target: &Target<'a>, losses: &mut Losses) -> Result<Self, Error> {
        let conversation = arrange(prompt, target, losses)?;
        let toolbox = Toolbox::new(prompt, target, losses);
        let think = Think::new(prompt, target, &conversation, toolbox.is_forced(), losses);
        let instruction = instruction(prompt, target);
        if instruction.is_some() {
            losses.change("response_format");
        }
        let schema = match &prompt.format {
            Some(Format::JsonSchema { schema, description, .. }) if target.gates.json_schema => {
                losses.drop_if(description.is_some(), "response_format.description");
                Some(&**schema)
            }
            _ => None,
        };
        Ok(Self { prompt, model: target.model, conversation, toolbox, think, instruction, schema })
    }

    fn betas(&self) -> Vec<&'static str> {
        if self.conversation.has_files { vec![FILES_BETA] } else { Vec::new() }
    }

    fn write_head(&self, o: &mut Object<'_>) {
        o.string("model", self.model);
    }

    fn write_conversation(&self, o: &mut Object<'_>, losses: &mut Losses) {
        let Conversation { system, messages, .. } = &self.conversation;
        if !system.is_empty() || self.instruction.is_some() {
            o.array("system", |a| {
                system.iter().for_each(|item| write_item(a, item, false, losses));
                if let Some(instruction) = &self.instruction {
                    a.object(|o| {
                        o.string("type", "text");
                        o.string("text", instruction);
                    });
                }
            });
        }
        o.array("messages", |a| {
            let last = messages.len().saturating_sub(1);
            for (at, message) in messages.iter().enumerate() {
                let is_prefill = at == last && message.role == MessageRole::Assistant;
                write_message(a, message, is_prefill, losses);
            }
        });
        self.toolbox.write(o, losses);
    }

    fn write_output(&self, o: &mut Object<'_>) {
        let own: Vec<_> = own_extras(self.prompt, "output_config.").collect();
        if self.think.effort.is_none() && self.schema.is_none() && own.is_empty() {
            return;
        }
        o.object("output_config", |o| {
            o.maybe_string("effort", self.think.effort);
            if let Some(schema) = self.schema {
                o.object("format", |o| {
                    o.string("type", "json_schema");
                    o.raw("schema", schema);
                });
            }
            own.iter().for_each(|(name, json)| o.raw(name, json));
        });
    }
}

/// What the model is told where nothing else makes it answer in JSON.
fn instruction(prompt: &Prompt, target: &Target<'_>) -> Option<String> {
    match prompt.format.as_ref()? {
        Format::JsonObject => Some("Answer with one JSON object and nothing else.".to_owned()),
        Format::JsonSchema { schema, .. } if !target.gates.json_schema && !is_object_schema(schema) => {
            Some(format!("Answer with JSON that follows this JSON Schema, and nothing else: {schema}"))
        }
        _ => None,
    }
}
