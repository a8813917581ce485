//! From `generationConfig` to settings.

use tollgate_core::Error;
use tollgate_core::ir::{Effort, Format, Prompt, Thought};

use super::decode::{expect, extra, wrong};
use crate::gemini_generate::schema;
use crate::gemini_generate::types::{LEVELS, camel};
use crate::json::Value;

const PREFIX: &str = "generationConfig";

/// What is gathered of the answer's form before it is known as a whole.
#[derive(Default)]
struct Wanted<'v> {
    mime: Option<&'v Value<'v>>,
    openapi: Option<&'v Value<'v>>,
    schema: Option<&'v Value<'v>>,
}

/// Reads the settings.
pub(super) fn decode(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    expect(value, Value::is_object, PREFIX, "an object")?;
    let mut wanted = Wanted::default();
    for (name, value) in value.present() {
        let name = camel(name);
        let sampling = &mut prompt.sampling;
        match &*name {
            "temperature" => sampling.temperature = Some(number(value, &name)?),
            "topP" => sampling.top_p = Some(number(value, &name)?),
            // A float in the protocol, though a count.
            "topK" => sampling.top_k = Some(count(value, &name)?),
            "candidateCount" => sampling.n = Some(count(value, &name)?),
            "maxOutputTokens" => sampling.max_tokens = Some(count(value, &name)?),
            "stopSequences" => sampling.stop = strings(value, &name)?,
            "seed" => sampling.seed = Some(value.as_i64().ok_or_else(|| wrong(&path(&name), "a whole number"))?),
            "presencePenalty" => sampling.presence_penalty = Some(number(value, &name)?),
            "frequencyPenalty" => sampling.frequency_penalty = Some(number(value, &name)?),
            "responseLogprobs" => sampling.logprobs = Some(boolean(value, &name)?),
            "logprobs" => sampling.top_logprobs = Some(count(value, &name)?),
            "responseMimeType" => wanted.mime = Some(value),
            "responseSchema" => wanted.openapi = Some(value),
            "responseJsonSchema" => wanted.schema = Some(value),
            "thinkingConfig" => thinking(value, prompt)?,
            name => prompt.extras.push(extra(path(name), value)),
        }
    }
    format(&wanted, prompt)
}

fn path(name: &str) -> String {
    format!("{PREFIX}.{name}")
}

fn number(value: &Value<'_>, name: &str) -> Result<f64, Error> {
    value.as_f64().ok_or_else(|| wrong(&path(name), "a number"))
}

/// A count; 64-bit integers may be strings in JSON of protocol buffers.
fn count(value: &Value<'_>, name: &str) -> Result<u64, Error> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| wrong(&path(name), "a whole number that is not negative"))
}

fn boolean(value: &Value<'_>, name: &str) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| wrong(&path(name), "a boolean"))
}

fn strings(value: &Value<'_>, name: &str) -> Result<Vec<String>, Error> {
    expect(value, Value::is_array, &path(name), "a list of strings")?;
    value.items().iter().map(|item| item.to_text().ok_or_else(|| wrong(&path(name), "a list of strings"))).collect()
}

fn thinking(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    expect(value, Value::is_object, &path("thinkingConfig"), "an object")?;
    for (name, value) in value.present() {
        let name = format!("thinkingConfig.{}", camel(name));
        match &*name {
            "thinkingConfig.thinkingBudget" => {
                let budget = value.as_i64().ok_or_else(|| wrong(&path(&name), "a whole number"))?;
                prompt.reasoning.thought = Some(match budget {
                    0 => Thought::Disabled,
                    // Minus one is the protocol's word for it.
                    ..0 => Thought::Adaptive,
                    _ => Thought::Budget(budget.unsigned_abs()),
                });
            }
            "thinkingConfig.thinkingLevel" => {
                let word = value.as_str().ok_or_else(|| wrong(&path(&name), "a string"))?;
                prompt.reasoning.effort = level(word);
            }
            "thinkingConfig.includeThoughts" => prompt.reasoning.include = Some(boolean(value, &name)?),
            _ => prompt.extras.push(extra(path(&name), value)),
        }
    }
    let reasoning = &mut prompt.reasoning;
    if reasoning.include == Some(true) && reasoning.thought.is_none() && reasoning.effort.is_none() {
        // Gemini's models think unasked, so who wants to see it says no more than that.
        reasoning.thought = Some(Thought::Adaptive);
    }
    Ok(())
}

fn level(word: &str) -> Option<Effort> {
    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, effort)| *effort)
}

fn format(wanted: &Wanted<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    let mime = match wanted.mime {
        Some(mime) => Some(mime.as_str().ok_or_else(|| wrong(&path("responseMimeType"), "a string"))?),
        None => None,
    };
    match mime {
        Some("application/json") => {}
        Some("text/plain") => prompt.format = Some(Format::Text),
        None if wanted.schema.is_none() && wanted.openapi.is_none() => {}
        // A schema without the type is refused by Google's servers and by all the others; an enumeration as plain text
        // is in no other protocol.
        _ => {
            let members = [
                ("responseMimeType", wanted.mime),
                ("responseSchema", wanted.openapi),
                ("responseJsonSchema", wanted.schema),
            ];
            prompt.extras.extend(members.iter().filter_map(|(name, value)| Some(extra(path(name), (*value)?))));
        }
    }
    if mime == Some("application/json") {
        let schema = match (wanted.schema, wanted.openapi) {
            (Some(schema), _) => Some(schema.raw().to_owned()),
            (None, Some(openapi)) => Some(schema::from_openapi(openapi)),
            (None, None) => None,
        };
        prompt.format = Some(match schema {
            Some(schema) => {
                // Gemini holds to every schema; OpenAI does so for those of a certain form, and refuses others to be strict.
                let strict = schema::is_closed(&schema).then_some(true);
                Format::JsonSchema { name: None, description: None, schema, strict }
            }
            None => Format::JsonObject,
        });
    }
    Ok(())
}
