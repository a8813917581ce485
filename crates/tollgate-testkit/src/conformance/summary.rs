//! What an answer says, read the same from a stream and from a document.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Front, Violations, frames, items, text};
use crate::recordings::Api;
use crate::recordings::oracle::{self, Tokens};

/// What an answer says. Of several choices or candidates, the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The text.
    pub text: String,
    /// What the model thought or summed up of it.
    pub reasoning: String,
    /// Its refusal, where the protocol has a place for it.
    pub refusal: String,
    /// The calls of the client's tools, in their order.
    pub calls: Vec<Call>,
    /// The protocol's own word for how it ended; a status and its reason in Responses. `None` without one.
    pub finish: Option<String>,
    /// Its tokens, by one convention for all protocols.
    pub usage: Option<Tokens>,
}

/// One call of a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// Its id; empty where the protocol has none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments; if they are not JSON, their text.
    pub arguments: Value,
}

/// What an answer says. What cannot be read is left out: whether an answer is right is for the checks to say.
#[must_use]
pub fn summary(front: Front, body: &[u8], is_stream: bool) -> Summary {
    let mut reader = Reader::default();
    for value in values(front, body, is_stream) {
        match front {
            Front::Chat => reader.chat(&value),
            Front::Responses => reader.responses(&value),
            Front::Messages => reader.messages(&value),
            Front::Gemini => reader.gemini(&value),
            Front::Ollama => reader.ollama(&value),
            Front::Embeddings => {}
        }
    }
    let Reader { mut summary, calls } = reader;
    summary.calls.extend(calls.into_values().map(|(id, name, input)| Call { id, name, arguments: arguments(&input) }));
    // A stream of lines is read like a document: by its lines.
    summary.usage = oracle::tokens_in(api(front), body, is_stream && front != Front::Ollama);
    summary
}

/// The text of an answer.
#[must_use]
pub fn text_of(front: Front, body: &[u8], is_stream: bool) -> String {
    summary(front, body, is_stream).text
}

fn api(front: Front) -> Api {
    match front {
        Front::Chat => Api::Chat,
        Front::Responses => Api::Responses,
        Front::Messages => Api::Messages,
        Front::Gemini => Api::Gemini,
        Front::Ollama => Api::Ollama,
        Front::Embeddings => Api::Embeddings,
    }
}

fn values(front: Front, body: &[u8], is_stream: bool) -> Vec<Value> {
    let mut ignored = Violations::default();
    let frames = match (is_stream, front) {
        (false, _) => return serde_json::from_slice(body).into_iter().collect(),
        (true, Front::Ollama) => frames::lines(body, &mut ignored),
        (true, _) => frames::events(body, &mut ignored),
    };
    frames.iter().map(|frame| frame.value().clone()).collect()
}

/// Arguments without any text are an empty object: protocols differ in how they write that.
fn arguments(input: &str) -> Value {
    if input.is_empty() {
        return Value::Object(Map::new());
    }
    serde_json::from_str(input).unwrap_or_else(|_| Value::String(input.to_owned()))
}

#[derive(Default)]
struct Reader {
    summary: Summary,
    /// Calls that come in pieces: id, name and arguments by number.
    calls: BTreeMap<u64, (String, String, String)>,
}

impl Reader {
    fn chat(&mut self, value: &Value) {
        let Some(choice) = items(&value["choices"]).iter().find(|choice| choice["index"] == 0) else { return };
        let message = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        self.summary.text.push_str(text(&message["content"]));
        self.summary.refusal.push_str(text(&message["refusal"]));
        let reasoning = ["reasoning_content", "reasoning"].iter().find_map(|name| message[*name].as_str());
        self.summary.reasoning.push_str(reasoning.unwrap_or_default());
        for (position, call) in (0..).zip(items(&message["tool_calls"])) {
            let entry = self.calls.entry(call["index"].as_u64().unwrap_or(position)).or_default();
            entry.0.push_str(text(&call["id"]));
            for (kind, input) in [("function", "arguments"), ("custom", "input")] {
                entry.1.push_str(text(&call[kind]["name"]));
                entry.2.push_str(text(&call[kind][input]));
            }
        }
        self.finish(&choice["finish_reason"]);
    }

    fn responses(&mut self, value: &Value) {
        let is_end = ["response.completed", "response.incomplete", "response.failed"].contains(&text(&value["type"]));
        let response = if is_end { &value["response"] } else { value };
        // Its deltas were held against this by the check.
        for item in items(&response["output"]) {
            self.item(item);
        }
        if let (Some(status), true) = (response["status"].as_str(), is_end || value["object"] == "response") {
            let reason = response["incomplete_details"]["reason"].as_str().map(|reason| format!(": {reason}"));
            self.summary.finish = Some(format!("{status}{}", reason.unwrap_or_default()));
        }
    }

    fn item(&mut self, item: &Value) {
        for part in items(&item["summary"]).iter().chain(items(&item["content"])) {
            match text(&part["type"]) {
                "output_text" => self.summary.text.push_str(text(&part["text"])),
                "refusal" => self.summary.refusal.push_str(text(&part["refusal"])),
                _ => self.summary.reasoning.push_str(text(&part["text"])),
            }
        }
        let input = match text(&item["type"]) {
            "function_call" => text(&item["arguments"]),
            "custom_tool_call" => text(&item["input"]),
            _ => return,
        };
        let (id, name) = (text(&item["call_id"]).to_owned(), text(&item["name"]).to_owned());
        self.summary.calls.push(Call { id, name, arguments: arguments(input) });
    }

    fn messages(&mut self, value: &Value) {
        let started = std::slice::from_ref(&value["content_block"]);
        let blocks = if value["type"] == "content_block_start" { started } else { items(&value["content"]) };
        let first = value["index"].as_u64().unwrap_or_default();
        for (index, block) in (first..).zip(blocks) {
            self.summary.text.push_str(text(&block["text"]));
            self.summary.reasoning.push_str(text(&block["thinking"]));
            if block["type"] == "tool_use" {
                // The start of a block in a stream has an empty input, which its deltas replace.
                let whole = block["input"].as_object().filter(|input| !input.is_empty());
                let input = whole.map(|_| block["input"].to_string()).unwrap_or_default();
                self.calls.insert(index, (text(&block["id"]).to_owned(), text(&block["name"]).to_owned(), input));
            }
        }
        let delta = &value["delta"];
        self.summary.text.push_str(text(&delta["text"]));
        self.summary.reasoning.push_str(text(&delta["thinking"]));
        if let Some(call) = self.calls.get_mut(&first) {
            call.2.push_str(text(&delta["partial_json"]));
        }
        self.finish(&value["stop_reason"]);
        self.finish(&delta["stop_reason"]);
    }

    fn gemini(&mut self, value: &Value) {
        let is_first = |candidate: &&Value| candidate["index"].as_u64().unwrap_or_default() == 0;
        let Some(candidate) = items(&value["candidates"]).iter().find(is_first) else { return };
        for part in items(&candidate["content"]["parts"]) {
            let is_thought = part["thought"] == true;
            let to = if is_thought { &mut self.summary.reasoning } else { &mut self.summary.text };
            to.push_str(text(&part["text"]));
            self.call(&part["functionCall"], "args");
        }
        self.finish(&candidate["finishReason"]);
    }

    fn ollama(&mut self, value: &Value) {
        let message = &value["message"];
        self.summary.text.push_str(text(&message["content"]));
        self.summary.reasoning.push_str(text(&message["thinking"]));
        for call in items(&message["tool_calls"]) {
            self.call(&call["function"], "arguments");
        }
        self.finish(&value["done_reason"]);
    }

    /// A call that comes whole.
    fn call(&mut self, call: &Value, input: &str) {
        if !call.is_object() {
            return;
        }
        let arguments = Some(&call[input]).filter(|input| !input.is_null()).cloned();
        let arguments = arguments.unwrap_or_else(|| Value::Object(Map::new()));
        let (id, name) = (text(&call["id"]).to_owned(), text(&call["name"]).to_owned());
        self.summary.calls.push(Call { id, name, arguments });
    }

    fn finish(&mut self, word: &Value) {
        if let Some(word) = word.as_str() {
            self.summary.finish = Some(word.to_owned());
        }
    }
}
