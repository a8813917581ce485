//! Settings that a client's request for a chat shares with one for a text completion.

use tollgate_core::Error;
use tollgate_core::ir::Prompt;

use crate::json::{self, Value};

/// Reads what chats and text completions share; `false` if it is nothing of the kind.
pub(super) fn setting(prompt: &mut Prompt, name: &str, value: &Value<'_>) -> Result<bool, Error> {
    let sampling = &mut prompt.sampling;
    match name {
        "model" => prompt.model = text(value, name)?,
        "stream" => prompt.stream = flag(value, name)?.unwrap_or_default(),
        "stream_options" => {
            let options = value.is_object().then_some(value).ok_or_else(|| wrong(name, "an object"))?;
            let include = options.get("include_usage").map(|value| flag(value, "stream_options.include_usage"));
            prompt.stream_usage = include.transpose()?.flatten().unwrap_or_default();
        }
        "max_tokens" => sampling.max_tokens = sampling.max_tokens.or(count(value, name)?),
        "temperature" => sampling.temperature = number(value, name)?,
        "top_p" => sampling.top_p = number(value, name)?,
        // vLLM's -1 means all of them.
        "top_k" if value.as_i64() == Some(-1) => {}
        "top_k" => sampling.top_k = count(value, name)?,
        "min_p" => sampling.min_p = number(value, name)?,
        "presence_penalty" => sampling.presence_penalty = number(value, name)?,
        "frequency_penalty" => sampling.frequency_penalty = number(value, name)?,
        "repetition_penalty" => sampling.repetition_penalty = number(value, name)?,
        "logit_bias" => sampling.logit_bias = object(value, name)?,
        "stop" => sampling.stop = stop(value)?,
        "seed" | "random_seed" => {
            sampling.seed = Some(value.as_i64().ok_or_else(|| wrong(name, "a whole number"))?);
        }
        "n" => sampling.n = count(value, name)?,
        "user" => prompt.user = Some(text(value, name)?),
        "metadata" => prompt.metadata = object(value, name)?,
        "store" => prompt.store = flag(value, name)?,
        "service_tier" => prompt.service_tier = Some(text(value, name)?),
        "prompt_cache_key" => prompt.prompt_cache_key = Some(text(value, name)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn stop(value: &Value<'_>) -> Result<Vec<String>, Error> {
    let expected = || wrong("stop", "a string or a list of strings");
    match value.as_str() {
        Some(text) => Ok(vec![text.to_owned()]),
        None if value.is_array() => value.items().iter().map(|item| item.to_text().ok_or_else(expected)).collect(),
        None => Err(expected()),
    }
}

/// A client's body as an object.
pub(super) fn parse_body(body: &[u8]) -> Result<Value<'_>, Error> {
    let root = json::parse(body).map_err(|fault| {
        Error::invalid_request(format!("The request body is not valid: {fault}."), None).with_source(fault)
    })?;
    if !root.is_object() {
        return Err(Error::invalid_request("The request body must be a JSON object.", None));
    }
    Ok(root)
}

/// The error for a member of the wrong type.
pub(super) fn wrong(param: &str, expected: &str) -> Error {
    Error::invalid_request(format!("`{param}` must be {expected}."), Some(param))
}

pub(super) fn text(value: &Value<'_>, param: &str) -> Result<String, Error> {
    value.to_text().ok_or_else(|| wrong(param, "a string"))
}

pub(super) fn flag(value: &Value<'_>, param: &str) -> Result<Option<bool>, Error> {
    value.as_bool().map(Some).ok_or_else(|| wrong(param, "true or false"))
}

pub(super) fn number(value: &Value<'_>, param: &str) -> Result<Option<f64>, Error> {
    value.as_f64().map(Some).ok_or_else(|| wrong(param, "a number"))
}

pub(super) fn count(value: &Value<'_>, param: &str) -> Result<Option<u64>, Error> {
    value.as_u64().map(Some).ok_or_else(|| wrong(param, "a whole number that is not negative"))
}

pub(super) fn object(value: &Value<'_>, param: &str) -> Result<Option<String>, Error> {
    value.is_object().then(|| Some(value.raw().to_owned())).ok_or_else(|| wrong(param, "an object"))
}
