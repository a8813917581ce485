//! A request, a whole answer to it, and the bytes in which its client reads that answer.

use bytes::Bytes;
use fastrand::Rng;
use serde_json::{Value, json};
use tollgate_core::ir::{Answer, AnswerCodec, Block, Choice, Finish, FinishReason, Naming, Text, ToolCall};
use tollgate_core::{Context, Identity, Operation, Request, Target, Usage};
use tollgate_protocols::doors::Doors;
use tollgate_protocols::openai::{HeadLimits, read_head};

use crate::Result;

/// Operations with answers that are kept.
const OPERATIONS: [Operation; 7] = [
    Operation::ChatCompletions,
    Operation::Completions,
    Operation::Responses,
    Operation::Messages,
    Operation::GenerateContent,
    Operation::OllamaChat,
    Operation::Embeddings,
];

/// A request and a good answer.
pub(super) struct Sample {
    pub(super) request: Request,
    pub(super) answer: Answer,
}

// === impl Sample ===

impl Sample {
    /// The request of a number, unlike that of any other.
    pub(super) fn draw(number: u64, rng: &mut Rng) -> Result<Self> {
        let operation = OPERATIONS[rng.usize(..OPERATIONS.len())];
        let stream = operation != Operation::Embeddings && rng.u8(..4) > 0;
        let can_call = !matches!(operation, Operation::Completions | Operation::Embeddings);
        let choices = if operation == Operation::ChatCompletions && rng.u8(..5) == 0 { 2 } else { 1 };
        let choices = (0..choices).map(|_| choice(rng, can_call)).collect();
        let usage = Usage { input: Some(rng.u64(1..90)), output: Some(rng.u64(1..90)), ..Usage::default() };
        let answer = Answer { model: Some("m-1".to_owned()), choices, usage: Some(usage), ..Answer::default() };
        let body = body(operation, number, stream, &answer);
        let text = body.to_string();
        let mut head = read_head(text.as_bytes(), HeadLimits::default())?;
        head.stream = stream;
        let context = Context::builder(number.to_string()).identity(Identity::of_key("k")).build();
        let mut request = Request::new(operation, head, text.into(), context);
        let target = Target::new("p", "m");
        request.context.observe(|observed| observed.target = Some(target.clone()));
        request.target = Some(target);
        Ok(Self { request, answer })
    }

    /// An answer as the client of the request reads it.
    pub(super) fn written(&self, answer: &Answer) -> Result<Vec<u8>> {
        if self.request.operation == Operation::Embeddings {
            return Ok(br#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-1.5]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#.to_vec());
        }
        let naming = Naming { id: "abc".to_owned(), created: 1_700_000_000 };
        if !self.request.is_streamed() {
            let whole = Doors.write_whole(&self.request, answer, &naming).ok_or("an answer that cannot be written")?;
            return Ok(whole.to_vec());
        }
        let (mut writer, _) = Doors.write_stream(&self.request, &naming).ok_or("a stream that cannot be written")?;
        let mut out = Vec::new();
        for event in Doors.replay(answer) {
            writer.write(&event, &mut out);
        }
        Ok(out)
    }

    /// What a reader takes from such bytes, without names and numbers.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Vec<Choice>> {
        let mut reader = Doors.reader(&self.request, self.request.is_streamed());
        let mut events = Vec::new();
        reader.read(&Bytes::copy_from_slice(bytes), &mut events)?;
        reader.end(&mut events)?;
        Ok(Doors.gather(&events).choices)
    }

    /// Up to where the bytes of a good answer must have come for nothing of it to be missing: all that it says, and for
    /// each choice that it came to its own end. What follows are counts and farewells.
    pub(super) fn complete_at(&self, bytes: &[u8]) -> usize {
        let text = String::from_utf8_lossy(bytes);
        let marks: &[&str] = match self.request.operation {
            _ if !self.request.is_streamed() => return bytes.trim_ascii_end().len(),
            Operation::Responses => &["\"type\":\"response.completed\""],
            Operation::Messages => &["\"type\":\"message_delta\""],
            Operation::GenerateContent => &["\"finishReason\":\""],
            Operation::OllamaChat => &["\"done\":true"],
            _ => &["\"finish_reason\":\""],
        };
        let last = marks.iter().filter_map(|mark| text.rfind(mark)).max().unwrap_or(bytes.len());
        text[last..].find(['\r', '\n']).map_or(bytes.len(), |end| last + end)
    }
}

fn words(rng: &mut Rng) -> String {
    let letters = ["gate", "toll ", "ä", "\"", "{", "}", "\n", " data: ", "[DONE]", "0", "漢", "\\"];
    (0..rng.usize(1..20)).map(|_| letters[rng.usize(..letters.len())]).chain(["."]).collect()
}

fn choice(rng: &mut Rng, can_call: bool) -> Choice {
    if can_call && rng.u8(..4) == 0 {
        let arguments = json!({ "city": words(rng), "days": rng.u8(..9) }).to_string();
        let call =
            ToolCall { id: format!("call_{}", rng.u32(..)), name: "look".into(), arguments, ..ToolCall::default() };
        return Choice {
            blocks: vec![Block::ToolCall(call)],
            finish: Finish::new(FinishReason::ToolCalls),
            logprobs: None,
        };
    }
    let text = Text { text: words(rng), ..Text::default() };
    Choice { blocks: vec![Block::Text(text)], finish: Finish::new(FinishReason::Stop), logprobs: None }
}

fn body(operation: Operation, number: u64, stream: bool, answer: &Answer) -> Value {
    let text = format!("Question {number}");
    let turns = json!([{ "role": "user", "content": text }]);
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let mut body = match operation {
        Operation::Completions => json!({ "model": "m", "prompt": text }),
        Operation::Responses => json!({ "model": "m", "input": text,
            "tools": [{ "type": "function", "name": "look", "parameters": parameters }] }),
        Operation::Messages => json!({ "model": "m", "max_tokens": 50, "messages": turns,
            "tools": [{ "name": "look", "input_schema": parameters }] }),
        Operation::GenerateContent => json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }],
            "tools": [{ "functionDeclarations": [{ "name": "look", "parameters": parameters }] }] }),
        Operation::Embeddings => json!({ "model": "m", "input": text }),
        _ => json!({ "model": "m", "messages": turns,
            "tools": [{ "type": "function", "function": { "name": "look", "parameters": parameters } }] }),
    };
    if answer.choices.len() > 1 {
        body["n"] = json!(answer.choices.len());
    }
    if operation != Operation::GenerateContent && operation != Operation::Embeddings {
        body["stream"] = json!(stream);
    }
    body
}
