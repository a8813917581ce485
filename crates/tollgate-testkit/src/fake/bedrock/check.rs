//! What Bedrock's Converse refuses.

use serde_json::Value;

use super::super::script::{Ask, Choice, base64_length, list, text_of, unknown};
use super::{invalid, signature};
use crate::Reply;

const KNOWN: &[&str] = &[
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];
const BLOCK: &[&str] = &[
    "text",
    "image",
    "document",
    "video",
    "audio",
    "toolUse",
    "toolResult",
    "guardContent",
    "cachePoint",
    "reasoningContent",
    "citationsContent",
    "searchResult",
];

fn known(value: &Value, names: &[&str]) -> Result<(), Reply> {
    unknown(value, names).map_or(Ok(()), |name| {
        Err(invalid(format!("The model returned the following errors: {name}: Extra inputs are not permitted")))
    })
}

pub(super) fn request(body: &Value) -> Result<Ask, Reply> {
    known(body, KNOWN)?;
    let config = &body["inferenceConfig"];
    known(config, &["maxTokens", "temperature", "topP", "stopSequences"])?;
    for name in ["temperature", "topP"] {
        if !config[name].is_null() && !config[name].as_f64().is_some_and(|number| (0.0..=1.0).contains(&number)) {
            return Err(invalid(format!("Value at 'inferenceConfig.{name}' failed to satisfy constraint: at most 1")));
        }
    }
    let extra = &body["additionalModelRequestFields"];
    let mut ask =
        Ask { thinking: matches!(extra["thinking"]["type"].as_str(), Some("enabled" | "adaptive")), ..Ask::default() };
    let budget = extra["thinking"]["budget_tokens"].as_u64();
    let limit = config["maxTokens"].as_u64().unwrap_or(u64::MAX);
    if extra["thinking"]["type"] == "enabled" && !budget.is_some_and(|budget| (1024..limit).contains(&budget)) {
        return Err(invalid("`max_tokens` must be greater than `thinking.budget_tokens`, which must be at least 1024"));
    }
    let mut system = Vec::new();
    for block in list(&body["system"]) {
        known(block, &["text", "guardContent", "cachePoint"])?;
        if block["text"].as_str().is_some_and(|text| text.trim().is_empty()) {
            return Err(invalid("The text field in the system block is blank."));
        }
        system.extend(block["text"].as_str());
    }
    ask.system = system.join("\n");
    tools(&body["toolConfig"], &mut ask)?;
    let format = &body["outputConfig"]["textFormat"];
    if !format.is_null() {
        let schema = text_of(&format["structure"]["jsonSchema"]["schema"]);
        if format["type"] != "json_schema" || serde_json::from_str::<Value>(schema).is_err() {
            return Err(invalid("outputConfig.textFormat.structure.jsonSchema.schema must be JSON in a string"));
        }
        ask.json = true;
    }
    messages(body, &mut ask)?;
    ask.note_params(config, &["maxTokens", "temperature", "topP", "stopSequences"]);
    ask.note_params(body, &["additionalModelRequestFields", "serviceTier"]);
    Ok(ask)
}

fn tools(config: &Value, ask: &mut Ask) -> Result<(), Reply> {
    known(config, &["tools", "toolChoice"])?;
    if config.is_object() && list(&config["tools"]).is_empty() {
        return Err(invalid("Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length >= 1"));
    }
    for tool in list(&config["tools"]) {
        known(tool, &["toolSpec", "systemTool", "cachePoint"])?;
        let spec = &tool["toolSpec"];
        if spec.is_null() {
            continue;
        }
        known(spec, &["name", "description", "inputSchema", "strict"])?;
        let name = text_of(&spec["name"]);
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if name.is_empty() || name.len() > 64 || !plain {
            return Err(invalid("Value at 'toolSpec.name' failed to satisfy constraint: pattern [a-zA-Z0-9_-]+"));
        }
        if spec["description"] == "" {
            return Err(invalid("Value at 'toolSpec.description' failed to satisfy constraint: length >= 1"));
        }
        if spec["inputSchema"]["json"]["type"] != "object" {
            return Err(invalid("toolSpec.inputSchema.json.type must be one of the following: object."));
        }
        ask.tools.push(name.to_owned());
    }
    let choice = &config["toolChoice"];
    known(choice, &["auto", "any", "tool"])?;
    if choice["any"].is_object() {
        ask.choice = Choice::Any;
    } else if let Some(name) = choice["tool"]["name"].as_str() {
        ask.choice = Choice::Tool(name.to_owned());
    }
    Ok(())
}

fn messages(body: &Value, ask: &mut Ask) -> Result<(), Reply> {
    let messages = list(&body["messages"]);
    let mut before = "assistant";
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        known(message, &["role", "content"])?;
        let role = text_of(&message["role"]);
        if role == before || !matches!(role, "user" | "assistant") {
            return Err(invalid(
                "A conversation must start with a user message, and roles must alternate between user and assistant.",
            ));
        }
        before = role;
        let blocks = list(&message["content"]);
        if blocks.is_empty() {
            return Err(invalid("The content field in the Message object is empty."));
        }
        if role == "user" {
            user(blocks, &mut open, ask)?;
        } else {
            open = assistant(blocks, ask)?;
        }
        let tools = blocks.iter().any(|block| block["toolUse"].is_object() || block["toolResult"].is_object());
        if tools && !body["toolConfig"].is_object() {
            return Err(invalid(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            ));
        }
    }
    if messages.is_empty() || before == "assistant" {
        return Err(invalid("The conversation must end with a user message."));
    }
    Ok(())
}

fn filled(text: &str) -> Result<(), Reply> {
    if text.trim().is_empty() {
        return Err(invalid("The text field in the ContentBlock object is blank."));
    }
    Ok(())
}

fn user(blocks: &[Value], open: &mut Vec<&str>, ask: &mut Ask) -> Result<(), Reply> {
    let (mut texts, mut results) = (Vec::new(), Vec::new());
    for block in blocks {
        known(block, BLOCK)?;
        if let Some(text) = block["text"].as_str() {
            filled(text)?;
            texts.push(text);
        }
        if block["image"].is_object() {
            ask.image = Some(image(&block["image"])?);
        }
        let result = &block["toolResult"];
        if result.is_object() {
            known(result, &["toolUseId", "content", "status", "type"])?;
            let id = text_of(&result["toolUseId"]);
            let known_id = open.iter().position(|open| *open == id).ok_or_else(|| {
                invalid("The number of toolResult blocks exceeds the number of toolUse blocks of previous turn.")
            })?;
            open.remove(known_id);
            if !matches!(result["status"].as_str(), None | Some("success" | "error")) {
                return Err(invalid("Value at 'toolResult.status' must be one of: success, error"));
            }
            let mut text = String::new();
            for part in list(&result["content"]) {
                known(part, &["json", "text", "image", "document", "video", "searchResult"])?;
                if part["image"].is_object() {
                    ask.image = Some(image(&part["image"])?);
                }
                text.push_str(text_of(&part["text"]));
                if !part["json"].is_null() {
                    text.push_str(&part["json"].to_string());
                }
            }
            results.push(text);
        }
        if block["document"].is_object() {
            document(&block["document"], blocks)?;
        }
    }
    if let Some(id) = open.first() {
        return Err(invalid(format!("Expected toolResult blocks at messages for the following Ids: {id}")));
    }
    if !texts.is_empty() {
        ask.text = texts.join("\n");
    }
    ask.results = results;
    Ok(())
}

fn document(document: &Value, blocks: &[Value]) -> Result<(), Reply> {
    let name = text_of(&document["name"]);
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || " -()[]".contains(c));
    if name.is_empty() || !plain {
        return Err(invalid(
            "The document file name can only contain alphanumeric characters, whitespace, hyphens, parentheses, and square brackets.",
        ));
    }
    if !blocks.iter().any(|block| block["text"].is_string()) {
        return Err(invalid("A text block must accompany a document."));
    }
    Ok(())
}

fn image(image: &Value) -> Result<(usize, String), Reply> {
    let format = text_of(&image["format"]);
    if !["png", "jpeg", "gif", "webp"].contains(&format) {
        return Err(invalid("Value at 'image.format' must be one of: png, jpeg, gif, webp"));
    }
    if image["source"]["s3Location"].is_object() {
        return Ok((0, "url".to_owned()));
    }
    let bytes = base64_length(text_of(&image["source"]["bytes"]));
    Ok((bytes.ok_or_else(|| invalid("image.source.bytes is not base64"))?, format!("image/{format}")))
}

fn assistant<'a>(blocks: &'a [Value], ask: &mut Ask) -> Result<Vec<&'a str>, Reply> {
    let mut open = Vec::new();
    for block in blocks {
        known(block, BLOCK)?;
        if let Some(text) = block["text"].as_str() {
            filled(text)?;
        }
        let thoughts = &block["reasoningContent"]["reasoningText"];
        if thoughts.is_object() && thoughts["signature"] != *signature(text_of(&thoughts["text"])) {
            return Err(invalid("Invalid `signature` in `thinking` block"));
        }
        let call = &block["toolUse"];
        if call.is_object() {
            let id = text_of(&call["toolUseId"]);
            let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            if id.is_empty() || !plain || !call["input"].is_object() || !call["name"].is_string() {
                return Err(invalid(
                    "Invalid toolUse block: it needs a toolUseId of [a-zA-Z0-9_-]+, a name, and an object as input.",
                ));
            }
            open.push(id);
        }
    }
    ask.calls += open.len();
    ask.results.clear();
    Ok(open)
}
