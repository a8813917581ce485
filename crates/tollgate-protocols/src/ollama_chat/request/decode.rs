//! A client's request read.

use std::collections::VecDeque;

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, Effort, Extra, Format, Media, MediaKind, Prompt, Protocol, Role, Source, Thinking, Thought, Tool, ToolCall,
    ToolResult, Turn,
};

use crate::codec::parse_data_url;
use crate::json::{self, Value};

/// Reads a client's request.
///
/// # Errors
/// An invalid request that names the part at fault.
pub fn decode(body: &[u8]) -> Result<Prompt, Error> {
    let value =
        json::parse(body).map_err(|fault| Error::invalid_request(format!("The body is no JSON: {fault}."), None))?;
    if !value.is_object() {
        return Err(Error::invalid_request("The body must be a JSON object.", None));
    }
    // Answers are streamed unless the client says otherwise, and always end with their usage.
    let mut prompt = Prompt { stream: true, stream_usage: true, ..Prompt::new(Protocol::OllamaChat) };
    for (name, member) in value.present() {
        match name {
            "model" => prompt.model = text(member, "model")?,
            "messages" => prompt.turns = messages(member)?,
            "tools" => prompt.tools = tools(member)?,
            "format" => prompt.format = format(member)?,
            "options" => options(member, &mut prompt)?,
            "stream" => prompt.stream = boolean(member, "stream")?,
            "think" => think(member, &mut prompt)?,
            "logprobs" => prompt.sampling.logprobs = Some(boolean(member, "logprobs")?),
            "top_logprobs" => prompt.sampling.top_logprobs = Some(count(member, "top_logprobs")?),
            _ => prompt.extras.push(extra(name.to_owned(), member)),
        }
    }
    if prompt.model.is_empty() {
        return Err(Error::invalid_request("`model` is missing.", Some("model")));
    }
    if value.get("messages").is_none() {
        return Err(Error::invalid_request("`messages` is missing.", Some("messages")));
    }
    Ok(prompt)
}

fn extra(name: String, value: &Value<'_>) -> Extra {
    Extra { name, json: value.raw().to_owned() }
}

fn wrong(param: &str, what: &str) -> Error {
    Error::invalid_request(format!("`{param}` must be {what}."), Some(param))
}

fn text(value: &Value<'_>, param: &str) -> Result<String, Error> {
    value.to_text().ok_or_else(|| wrong(param, "a string"))
}

fn boolean(value: &Value<'_>, param: &str) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| wrong(param, "true or false"))
}

fn count(value: &Value<'_>, param: &str) -> Result<u64, Error> {
    value.as_u64().ok_or_else(|| wrong(param, "a whole number that is not negative"))
}

fn number(value: &Value<'_>, param: &str) -> Result<f64, Error> {
    value.as_f64().ok_or_else(|| wrong(param, "a number"))
}

fn list<'v, 'a>(value: &'v Value<'a>, param: &str) -> Result<&'v [Value<'a>], Error> {
    if value.is_array() { Ok(value.items()) } else { Err(wrong(param, "a list")) }
}

/// Calls that wait for their results; most clients give neither of them an id.
#[derive(Default)]
struct Pending {
    calls: VecDeque<(String, String)>,
    made: usize,
}

impl Pending {
    /// An id for a call without one. It depends on nothing but the place, so that the next request, which repeats the call,
    /// has the same beginning and providers' caches know it.
    fn new_id(&mut self) -> String {
        self.made += 1;
        format!("call_{:06}", self.made)
    }

    /// The call that a result answers: the one of its id, else the oldest of its tool, else the oldest.
    fn take(&mut self, id: Option<&str>, name: Option<&str>) -> (String, Option<String>) {
        let by_id = id.and_then(|id| self.calls.iter().position(|(known, _)| known == id));
        let by_name = || name.and_then(|name| self.calls.iter().position(|(_, known)| known == name));
        let at = by_id.or_else(|| if id.is_some() { None } else { by_name().or(Some(0)) });
        match at.and_then(|at| self.calls.remove(at)) {
            Some((id, called)) => (id, Some(called)),
            None => (id.map_or_else(|| self.new_id(), str::to_owned), None),
        }
    }
}

fn messages(value: &Value<'_>) -> Result<Vec<Turn>, Error> {
    let mut pending = Pending::default();
    list(value, "messages")?.iter().map(|message| turn(message, &mut pending)).collect()
}

fn turn(message: &Value<'_>, pending: &mut Pending) -> Result<Turn, Error> {
    if !message.is_object() {
        return Err(wrong("messages", "a list of objects"));
    }
    let role = match message.str("role") {
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool") => Role::Tool,
        _ => return Err(wrong("messages.role", "`system`, `user`, `assistant` or `tool`")),
    };
    let mut blocks = Vec::new();
    if let Some(thinking) = message.get("thinking") {
        let text = text(thinking, "messages.thinking")?;
        if !text.is_empty() {
            blocks.push(Block::Thinking(Thinking { text, ..Thinking::default() }));
        }
    }
    if let Some(content) = message.get("content") {
        let text = text(content, "messages.content")?;
        if !text.is_empty() {
            blocks.push(Block::text(text));
        }
    }
    if let Some(images) = message.get("images") {
        for image in list(images, "messages.images")? {
            blocks.push(picture(image)?);
        }
    }
    if let Some(calls) = message.get("tool_calls") {
        for call in list(calls, "messages.tool_calls")? {
            blocks.push(tool_call(call, pending)?);
        }
    }
    if role == Role::Tool {
        let name = message.str("tool_name").or_else(|| message.str("name"));
        let (id, called) = pending.take(message.str("tool_call_id"), name);
        let result =
            ToolResult { id, name: name.map(str::to_owned).or(called), content: blocks, ..ToolResult::default() };
        blocks = vec![Block::ToolResult(result)];
    }
    Ok(Turn::new(role, blocks))
}

fn picture(image: &Value<'_>) -> Result<Block, Error> {
    let data = image.as_str().ok_or_else(|| wrong("messages.images", "a list of strings in Base64"))?;
    let (mime, data) = parse_data_url(data).unwrap_or((None, data));
    let mime = mime.or_else(|| sniff(data)).map(str::to_owned);
    Ok(Block::Media(Media { mime, ..Media::new(MediaKind::Image, Source::Base64(data.to_owned())) }))
}

/// The media type by the first bytes, in Base64: Ollama's clients do not say it, and other providers demand it.
fn sniff(data: &str) -> Option<&'static str> {
    const STARTS: [(&str, &str); 4] =
        [("iVBORw0KGg", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")];
    STARTS.iter().find(|(start, _)| data.starts_with(start)).map(|(_, mime)| *mime)
}

fn tool_call(call: &Value<'_>, pending: &mut Pending) -> Result<Block, Error> {
    let function = call.get("function").ok_or_else(|| wrong("messages.tool_calls.function", "an object"))?;
    let name = function.str("name").ok_or_else(|| wrong("messages.tool_calls.function.name", "a string"))?;
    let id = call.string("id").filter(|id| !id.is_empty()).unwrap_or_else(|| pending.new_id());
    let arguments = match function.get("arguments") {
        None => String::new(),
        Some(arguments) if arguments.is_object() => arguments.raw().to_owned(),
        Some(arguments) => {
            arguments.to_text().ok_or_else(|| wrong("messages.tool_calls.function.arguments", "an object"))?
        }
    };
    pending.calls.push_back((id.clone(), name.to_owned()));
    Ok(Block::ToolCall(ToolCall { id, name: name.to_owned(), arguments, ..ToolCall::default() }))
}

fn tools(value: &Value<'_>) -> Result<Vec<Tool>, Error> {
    list(value, "tools")?.iter().map(tool).collect()
}

fn tool(tool: &Value<'_>) -> Result<Tool, Error> {
    if let Some(kind) = tool.str("type").filter(|kind| *kind != "function") {
        let (what, json) = (kind.to_owned(), tool.raw().to_owned());
        return Ok(Tool::Native { protocol: Protocol::OllamaChat, what, json });
    }
    let function = tool.get("function").ok_or_else(|| wrong("tools.function", "an object"))?;
    let parameters = function.get("parameters");
    if parameters.is_some_and(|parameters| !parameters.is_object()) {
        return Err(wrong("tools.function.parameters", "a JSON Schema"));
    }
    Ok(Tool::Function {
        name: function.string("name").ok_or_else(|| wrong("tools.function.name", "a string"))?,
        description: function.string("description"),
        parameters: parameters.map(|parameters| parameters.raw().to_owned()),
        strict: None,
        cache: None,
    })
}

fn format(value: &Value<'_>) -> Result<Option<Format>, Error> {
    if value.is_object() {
        let schema = value.raw().to_owned();
        return Ok(Some(Format::JsonSchema { name: None, description: None, schema, strict: None }));
    }
    match value.as_str() {
        Some("") => Ok(None),
        Some("json") => Ok(Some(Format::JsonObject)),
        _ => Err(wrong("format", "`json` or a JSON Schema")),
    }
}

fn think(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    match (value.as_bool(), value.as_str()) {
        (Some(true), _) => prompt.reasoning.thought = Some(Thought::Adaptive),
        (Some(false), _) => prompt.reasoning.thought = Some(Thought::Disabled),
        (_, Some("")) => {}
        (_, Some(word)) => {
            let effort =
                Effort::parse(word).ok_or_else(|| wrong("think", "true, false, `low`, `medium`, `high` or `max`"))?;
            prompt.reasoning.effort = Some(effort);
        }
        _ => return Err(wrong("think", "true, false, `low`, `medium`, `high` or `max`")),
    }
    Ok(())
}

fn options(value: &Value<'_>, prompt: &mut Prompt) -> Result<(), Error> {
    if !value.is_object() {
        return Err(wrong("options", "an object"));
    }
    for (name, member) in value.present() {
        let sampling = &mut prompt.sampling;
        match name {
            // Negative numbers stand for no limit.
            "num_predict" => {
                let limit = member.as_i64().ok_or_else(|| wrong("options.num_predict", "a whole number"))?;
                sampling.max_tokens = u64::try_from(limit).ok();
            }
            "temperature" => sampling.temperature = Some(number(member, "options.temperature")?),
            "top_p" => sampling.top_p = Some(number(member, "options.top_p")?),
            "top_k" => sampling.top_k = Some(count(member, "options.top_k")?),
            "min_p" => sampling.min_p = Some(number(member, "options.min_p")?),
            "presence_penalty" => sampling.presence_penalty = Some(number(member, "options.presence_penalty")?),
            "frequency_penalty" => sampling.frequency_penalty = Some(number(member, "options.frequency_penalty")?),
            "repeat_penalty" => sampling.repetition_penalty = Some(number(member, "options.repeat_penalty")?),
            "seed" => sampling.seed = Some(member.as_i64().ok_or_else(|| wrong("options.seed", "a whole number"))?),
            "stop" => sampling.stop = stop(member)?,
            _ => prompt.extras.push(extra(format!("options.{name}"), member)),
        }
    }
    Ok(())
}

fn stop(value: &Value<'_>) -> Result<Vec<String>, Error> {
    if let Some(text) = value.to_text() {
        return Ok(vec![text]);
    }
    list(value, "options.stop")?.iter().map(|item| text(item, "options.stop")).collect()
}
