//! From a client's request to a prompt.

use tollgate_core::Error;
use tollgate_core::ir::{Extra, Prompt, Role, Turn};

use super::{settings, tools, turns};
use crate::gemini_generate::parts::OWN;
use crate::gemini_generate::types::camel;
use crate::json::{self, Value};

/// Reads a client's request. The model and whether to stream are in its address, so the caller adds them.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(body: &[u8]) -> Result<Prompt, Error> {
    let value = json::parse(body)
        .map_err(|fault| Error::invalid_request(format!("The body is not valid JSON: {}.", fault.message), None))?;
    decode_value(&value)
}

/// Reads a request that is part of something else.
pub(in crate::gemini_generate) fn decode_value(value: &Value<'_>) -> Result<Prompt, Error> {
    if !value.is_object() {
        return Err(Error::invalid_request("The body must be a JSON object.", None));
    }
    let mut prompt = Prompt::new(OWN);
    let mut contents = None;
    for (name, value) in value.present() {
        match &*camel(name) {
            "contents" => contents = Some(value),
            "systemInstruction" => {
                let blocks = turns::system(value)?;
                if !blocks.is_empty() {
                    prompt.turns.insert(0, Turn::new(Role::System, blocks));
                }
            }
            "tools" => tools::decode(value, &mut prompt)?,
            "toolConfig" => tools::decode_config(value, &mut prompt)?,
            "generationConfig" => settings::decode(value, &mut prompt)?,
            "labels" => {
                prompt.metadata = Some(expect(value, Value::is_object, "labels", "an object")?.raw().to_owned());
            }
            "serviceTier" => service_tier(value, &mut prompt)?,
            "store" => prompt.store = Some(value.as_bool().ok_or_else(|| wrong("store", "a boolean"))?),
            "model" => prompt.model = value.as_str().ok_or_else(|| wrong("model", "a string"))?.to_owned(),
            name => prompt.extras.push(extra(name, value)),
        }
    }
    let contents = contents.ok_or_else(|| Error::invalid_request("`contents` is missing.", Some("contents")))?;
    turns::decode(contents, &mut prompt)?;
    media_details(&mut prompt);
    Ok(prompt)
}

/// OpenAI's word for the tier, where it has one.
fn service_tier(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    let word = value.as_str().ok_or_else(|| wrong("serviceTier", "a string"))?.to_ascii_lowercase();
    let tier = match word.trim_start_matches("service_tier_") {
        "standard" => "default",
        "flex" => "flex",
        "priority" => "priority",
        _ => "auto",
    };
    prompt.service_tier = Some(tier.to_owned());
    Ok(())
}

/// A resolution for the whole request holds for every picture and film that says nothing itself.
fn media_details(prompt: &mut Prompt) {
    use tollgate_core::ir::{Block, MediaKind};

    use crate::gemini_generate::parts::detail;
    let Some(raw) = prompt.extra("generationConfig.mediaResolution") else { return };
    let Some(detail) = detail(raw.trim_matches('"')) else { return };
    for block in prompt.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        if let Block::Media(media) = block
            && matches!(media.kind, MediaKind::Image | MediaKind::Video)
        {
            media.detail.get_or_insert_with(|| detail.to_owned());
        }
    }
}

/// An extra member.
pub(super) fn extra(name: impl Into<String>, value: &Value<'_>) -> Extra {
    Extra { name: name.into(), json: value.raw().to_owned() }
}

/// An error for a value of the wrong type.
pub(super) fn wrong(param: &str, expected: &str) -> Error {
    Error::invalid_request(format!("`{param}` must be {expected}."), Some(param))
}

/// The value, if it is of a type.
pub(super) fn expect<'v, 'a>(
    value: &'v Value<'a>,
    is: impl Fn(&Value<'a>) -> bool,
    param: &str,
    expected: &str,
) -> Result<&'v Value<'a>, Error> {
    if is(value) { Ok(value) } else { Err(wrong(param, expected)) }
}
