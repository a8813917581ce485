//! What Gemini's API refuses.

use serde_json::Value;

use super::super::script::{Ask, Choice, base64_length, list, text_of, unknown};
use super::{embedding, invalid, signature};
use crate::Reply;

const KNOWN: &[&str] = &[
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "labels",
    "serviceTier",
    "store",
    "model",
];
const CONFIG: &[&str] = &[
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
];
const PART: &[&str] = &[
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "thought",
    "thoughtSignature",
    "videoMetadata",
    "mediaResolution",
    "partMetadata",
];
/// Stands for the signature of a call that another model made.
const FOREIGN: &str = "skip_thought_signature_validator";

fn known(value: &Value, names: &[&str], place: &str) -> Result<(), Reply> {
    let Some(name) = unknown(value, names) else { return Ok(()) };
    let at = if place.is_empty() { String::new() } else { format!(" at '{place}'") };
    Err(invalid(format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.")))
}

/// Members that hold what is not Gemini's, and so keep their names.
const FREE: &[&str] = &["args", "response", "parametersJsonSchema", "responseJsonSchema", "properties", "labels"];

/// Names as the specification has them. Google takes those with underscores as well, as all JSON of its is read by
/// Protocol Buffers' rules, and its SDK for Python sends some.
pub(super) fn camel(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let entries = object.into_iter().map(|(name, value)| {
                let mut words = name.split('_').filter(|word| !word.is_empty());
                let first = words.next().unwrap_or_default().to_owned();
                let name = words.fold(first, |name, word| {
                    let (head, rest) = word.split_at_checked(1).unwrap_or((word, ""));
                    name + &head.to_ascii_uppercase() + rest
                });
                let value = if FREE.contains(&name.as_str()) { value } else { camel(value) };
                (name, value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(array) => Value::Array(array.into_iter().map(camel).collect()),
        other => other,
    }
}

pub(super) fn request(body: &Value, model: &str) -> Result<Ask, Reply> {
    if !body.is_object() {
        return Err(invalid("Invalid JSON payload received."));
    }
    known(body, KNOWN, "")?;
    let mut ask = Ask::default();
    config(&body["generationConfig"], model, &mut ask)?;
    known(&body["systemInstruction"], &["role", "parts"], "system_instruction")?;
    let system: Vec<&str> =
        list(&body["systemInstruction"]["parts"]).iter().map(|part| text_of(&part["text"])).collect();
    ask.system = system.join("\n");
    tools(body, &mut ask)?;
    contents(&body["contents"], model, &mut ask)?;
    ask.note_params(&body["generationConfig"], CONFIG);
    Ok(ask)
}

/// A request of `countTokens`, which has contents or a whole request inside.
pub(super) fn counted(body: &Value, model: &str) -> Result<(), Reply> {
    known(body, &["contents", "generateContentRequest"], "")?;
    let inner = &body["generateContentRequest"];
    request(if inner.is_object() { inner } else { body }, model).map(drop)
}

pub(super) fn embedded(body: &Value) -> Result<Value, Reply> {
    known(body, &["model", "content", "taskType", "title", "outputDimensionality"], "")?;
    let parts = list(&body["content"]["parts"]);
    if parts.is_empty() {
        return Err(invalid("* EmbedContentRequest.content: content is required"));
    }
    let text: String = parts.iter().map(|part| text_of(&part["text"])).collect();
    Ok(embedding(&text, &body["outputDimensionality"]))
}

fn config(config: &Value, model: &str, ask: &mut Ask) -> Result<(), Reply> {
    known(config, CONFIG, "generation_config")?;
    let thinking = &config["thinkingConfig"];
    let place = "generation_config.thinking_config";
    known(thinking, &["includeThoughts", "thinkingBudget", "thinkingLevel"], place)?;
    if !thinking["thinkingBudget"].is_null() && !thinking["thinkingLevel"].is_null() {
        return Err(invalid("You can only set only one of thinking budget and thinking level."));
    }
    if !thinking["thinkingLevel"].is_null() && !model.starts_with("gemini-3") {
        return Err(invalid("Thinking level is not supported for this model."));
    }
    ask.thinking = thinking["includeThoughts"] == true && thinking["thinkingBudget"] != 0;
    for (name, high) in [("temperature", 2.0), ("topP", 1.0)] {
        let value = &config[name];
        if !value.is_null() && !value.as_f64().is_some_and(|number| (0.0..=high).contains(&number)) {
            return Err(invalid(format!("* GenerateContentRequest.generation_config.{name}: must be in [0, {high}]")));
        }
    }
    if list(&config["stopSequences"]).len() > 5 {
        return Err(invalid("* GenerateContentRequest.generation_config.stop_sequences: at most 5"));
    }
    let schema = !config["responseSchema"].is_null() || !config["responseJsonSchema"].is_null();
    ask.json = config["responseMimeType"] == "application/json";
    if schema && !ask.json {
        return Err(invalid("Function calling config or response schema requires response_mime_type application/json"));
    }
    if !config["responseSchema"].is_null() {
        open_api(&config["responseSchema"], "generation_config.response_schema")?;
    }
    Ok(())
}

/// The subset of OpenAPI that `responseSchema` and `parameters` are in.
fn open_api(schema: &Value, place: &str) -> Result<(), Reply> {
    for name in ["$ref", "$schema", "$defs", "additionalProperties", "const", "oneOf", "allOf"] {
        if !schema[name].is_null() {
            let message =
                format!("Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field.");
            return Err(invalid(message));
        }
    }
    let inner = schema["properties"].as_object().into_iter().flat_map(|properties| properties.values());
    for schema in inner.chain(Some(&schema["items"])) {
        if schema.is_object() {
            open_api(schema, place)?;
        }
    }
    Ok(())
}

fn tools(body: &Value, ask: &mut Ask) -> Result<(), Reply> {
    let fields = ["functionDeclarations", "googleSearch", "codeExecution", "urlContext", "googleSearchRetrieval"];
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        known(tool, &fields, &format!("tools[{at}]"))?;
        for declaration in list(&tool["functionDeclarations"]) {
            let place = format!("tools[{at}].function_declarations");
            let fields = [
                "name",
                "description",
                "parameters",
                "parametersJsonSchema",
                "response",
                "responseJsonSchema",
                "behavior",
            ];
            known(declaration, &fields, &place)?;
            let name = text_of(&declaration["name"]);
            let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            if !starts || name.len() > 128 {
                return Err(invalid(format!("* GenerateContentRequest.{place}.name: Invalid function name.")));
            }
            if !declaration["parameters"].is_null() {
                if !declaration["parametersJsonSchema"].is_null() {
                    return Err(invalid(format!("{place}: parameters and parameters_json_schema are exclusive")));
                }
                open_api(&declaration["parameters"], &format!("{place}.parameters"))?;
                let properties = declaration["parameters"]["properties"].as_object();
                if declaration["parameters"]["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("object"))
                    && properties.is_none_or(serde_json::Map::is_empty)
                {
                    return Err(invalid(format!(
                        "* {place}.parameters.properties: should be non-empty for OBJECT type"
                    )));
                }
            }
            ask.tools.push(name.to_owned());
        }
    }
    let config = &body["toolConfig"]["functionCallingConfig"];
    known(&body["toolConfig"], &["functionCallingConfig", "retrievalConfig"], "tool_config")?;
    known(config, &["mode", "allowedFunctionNames"], "tool_config.function_calling_config")?;
    let allowed = list(&config["allowedFunctionNames"]);
    ask.choice = match text_of(&config["mode"]) {
        "NONE" => Choice::None,
        "ANY" => allowed.first().map_or(Choice::Any, |name| Choice::Tool(text_of(name).to_owned())),
        "" | "AUTO" | "VALIDATED" | "MODE_UNSPECIFIED" => Choice::Auto,
        mode => return Err(invalid(format!("Invalid value at 'tool_config.function_calling_config.mode': {mode}"))),
    };
    if !allowed.is_empty() && !matches!(text_of(&config["mode"]), "ANY" | "VALIDATED") {
        return Err(invalid("Allowed function names should only be set when mode is ANY or VALIDATED."));
    }
    Ok(())
}

fn contents(contents: &Value, model: &str, ask: &mut Ask) -> Result<(), Reply> {
    if list(contents).is_empty() {
        return Err(invalid("* GenerateContentRequest.contents: contents is not specified"));
    }
    let mut open: Vec<(&str, &str)> = Vec::new();
    let mut before = "";
    for (at, content) in list(contents).iter().enumerate() {
        known(content, &["role", "parts"], &format!("contents[{at}]"))?;
        let role = content["role"].as_str().unwrap_or("user");
        if role != "user" && role != "model" {
            return Err(invalid("Please use a valid role: user, model."));
        }
        if role == before {
            return Err(invalid("Please ensure that multiturn requests alternate between user and model."));
        }
        before = role;
        if list(&content["parts"]).is_empty() {
            return Err(invalid(format!(
                "* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."
            )));
        }
        for (place, part) in list(&content["parts"]).iter().enumerate() {
            known(part, PART, &format!("contents[{at}].parts[{place}]"))?;
        }
        if role == "user" {
            user(content, &mut open, ask)?;
        } else {
            open = calls(content, model, at)?;
            ask.calls += open.len();
            ask.results.clear();
        }
    }
    if before == "model" && !open.is_empty() {
        return Err(invalid(
            "Please ensure that function call turn comes immediately before a function response turn.",
        ));
    }
    Ok(())
}

fn user(content: &Value, open: &mut Vec<(&str, &str)>, ask: &mut Ask) -> Result<(), Reply> {
    let (mut texts, mut results) = (Vec::new(), Vec::new());
    let asked = open.len();
    for part in list(&content["parts"]) {
        if let Some(text) = part["text"].as_str() {
            texts.push(text);
        } else if !part["functionResponse"].is_null() {
            results.push(result(&part["functionResponse"], open)?);
        } else if !part["inlineData"].is_null() {
            let data = &part["inlineData"];
            // By the same rules the alphabet for addresses is as good.
            let bytes = base64_length(&text_of(&data["data"]).replace('-', "+").replace('_', "/"));
            let bytes = bytes
                .ok_or_else(|| invalid("Invalid value at 'inline_data.data' (TYPE_BYTES), Base64 decoding failed"))?;
            if text_of(&data["mimeType"]).is_empty() {
                return Err(invalid("Unable to determine the MIME type of inline_data."));
            }
            ask.image = Some((bytes, text_of(&data["mimeType"]).to_owned()));
        } else if !part["fileData"].is_null() {
            if text_of(&part["fileData"]["fileUri"]).is_empty() {
                return Err(invalid("file_data.file_uri: required"));
            }
            ask.image = Some((0, "url".to_owned()));
        } else {
            return Err(invalid("Unable to submit request because it must have a part of known kind."));
        }
    }
    if asked != results.len() {
        return Err(invalid(
            "Please ensure that the number of function response parts is equal to the number of function call parts.",
        ));
    }
    if !texts.is_empty() {
        ask.text = texts.join("\n");
    }
    ask.results = results;
    Ok(())
}

fn result(response: &Value, open: &mut Vec<(&str, &str)>) -> Result<String, Reply> {
    known(response, &["id", "name", "response", "parts", "willContinue", "scheduling"], "function_response")?;
    let name = text_of(&response["name"]);
    if name.is_empty() {
        return Err(invalid("* function_response.name: Name cannot be empty."));
    }
    if !response["response"].is_object() {
        return Err(invalid(
            "Invalid value at 'function_response.response' (type.googleapis.com/google.protobuf.Struct)",
        ));
    }
    let id = text_of(&response["id"]);
    let matching = open.iter().position(|(called, call_id)| *called == name && (id.is_empty() || *call_id == id));
    let matching =
        matching.ok_or_else(|| invalid("Function response does not match any function call by name and id."))?;
    open.remove(matching);
    let known = ["output", "result", "error"].map(|field| &response["response"][field]);
    let text = known.into_iter().find(|value| !value.is_null());
    Ok(text.map_or_else(
        || response["response"].to_string(),
        |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    ))
}

/// Checks the model's turn; gives names and ids of its calls.
fn calls<'a>(content: &'a Value, model: &str, at: usize) -> Result<Vec<(&'a str, &'a str)>, Reply> {
    let mut calls = Vec::new();
    for part in list(&content["parts"]) {
        let call = &part["functionCall"];
        let signed = part["thoughtSignature"].as_str();
        if call.is_null() {
            continue;
        }
        let name = text_of(&call["name"]);
        if name.is_empty() || !(call["args"].is_object() || call["args"].is_null()) {
            return Err(invalid("Invalid value at 'function_call.args' (type.googleapis.com/google.protobuf.Struct)"));
        }
        known(call, &["id", "name", "args"], "function_call")?;
        if model.starts_with("gemini-3") && calls.is_empty() && signed.is_none() {
            let message = format!("Function call is missing a thought_signature in functionCall parts, position {at}.");
            return Err(invalid(message));
        }
        if signed.is_some_and(|signed| signed != FOREIGN && signed != signature(name)) {
            return Err(invalid("Corrupted thought signature."));
        }
        calls.push((name, text_of(&call["id"])));
    }
    Ok(calls)
}
