//! What goes wrong with answers.

use fastrand::Rng;
use tollgate_core::ir::{Block, Finish, FinishReason};
use tollgate_core::{Error, ErrorKind, Operation};

use super::sample::Sample;
use crate::Result;

/// What goes wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// It ends at a random byte, as if that were its end.
    Cut,
    /// It breaks off with an error at a random byte.
    Broken,
    /// Its client leaves in the middle.
    Left,
    /// All that tells of its end is missing.
    NoEnd,
    /// One of two choices is missing altogether.
    NoChoice,
    /// It was filtered.
    Filtered,
    /// It came to the limit of tokens.
    Length,
    /// It is a refusal.
    Refused,
    /// It says nothing.
    Empty,
    /// It tells of a failure in its midst, with status 200.
    Failure,
    /// A byte within its JSON is none that JSON can have.
    Garbled,
    /// The arguments of a call are cut, though everything around them is whole.
    Arguments,
    /// It comes with another status than 200.
    Status,
    /// Another model than the one asked for gave it.
    Fallback,
}

/// All of them. Every other answer is good.
const FAULTS: [Fault; 14] = [
    Fault::Cut,
    Fault::Broken,
    Fault::Left,
    Fault::NoEnd,
    Fault::NoChoice,
    Fault::Filtered,
    Fault::Length,
    Fault::Refused,
    Fault::Empty,
    Fault::Failure,
    Fault::Garbled,
    Fault::Arguments,
    Fault::Status,
    Fault::Fallback,
];

/// What the cache is given to read.
pub(super) struct Delivery {
    pub(super) status: u16,
    pub(super) bytes: Vec<u8>,
    /// How it ends, if not by itself.
    pub(super) error: Option<Error>,
    /// How many bytes the client reads before it leaves.
    pub(super) leaves_after: Option<usize>,
    pub(super) is_of_another_model: bool,
    /// Whether it must be stored: it is good, and nobody left.
    pub(super) is_good: bool,
    /// Whether it may be: at least nothing of it is missing.
    pub(super) is_complete: bool,
}

impl Fault {
    /// A fault that fits the request; every other time none.
    pub(super) fn draw(sample: &Sample, rng: &mut Rng) -> Self {
        if rng.bool() {
            return Self::None;
        }
        loop {
            let fault = FAULTS[rng.usize(..FAULTS.len())];
            if fault.fits(sample) {
                return fault;
            }
        }
    }

    fn fits(self, sample: &Sample) -> bool {
        let (operation, is_streamed) = (sample.request.operation, sample.request.is_streamed());
        let has_call = matches!(sample.answer.blocks(), [Block::ToolCall(_)]);
        let is_embedding = operation == Operation::Embeddings;
        match self {
            Self::Filtered | Self::Length | Self::Empty => !is_embedding,
            // The others have no place for one; what they get instead is told by its reason to finish.
            Self::Refused => {
                matches!(operation, Operation::ChatCompletions | Operation::Responses | Operation::Messages)
            }
            // A whole answer is here before its client gets any of it.
            Self::NoEnd | Self::Left => is_streamed,
            Self::NoChoice => is_streamed && sample.answer.choices.len() > 1,
            // Elsewhere arguments are an object, which a writer would have to make up.
            Self::Arguments => {
                has_call
                    && (matches!(operation, Operation::ChatCompletions | Operation::Responses)
                        || operation == Operation::Messages && is_streamed)
            }
            _ => true,
        }
    }

    /// The answer with this fault.
    pub(super) fn deliver(self, sample: &Sample, rng: &mut Rng) -> Result<Delivery> {
        let whole = sample.written(&sample.answer)?;
        let complete_at = sample.complete_at(&whole);
        let mut delivery = Delivery {
            status: 200,
            bytes: whole,
            error: None,
            leaves_after: None,
            is_of_another_model: false,
            is_good: self == Self::None,
            is_complete: self == Self::None,
        };
        match self {
            Self::None => {}
            Self::Cut => {
                let at = rng.usize(..delivery.bytes.len());
                delivery.bytes.truncate(at);
                delivery.is_complete = at >= complete_at;
            }
            Self::Broken => {
                delivery.bytes.truncate(rng.usize(..=delivery.bytes.len()));
                delivery.error = Some(Error::new(ErrorKind::Upstream, "broken"));
            }
            Self::Left => {
                let at = rng.usize(..delivery.bytes.len());
                delivery.leaves_after = Some(at);
                delivery.is_complete = at >= complete_at;
            }
            Self::NoEnd => {
                let start = delivery.bytes[..complete_at].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
                delivery.bytes.truncate(start);
            }
            Self::NoChoice => delivery.bytes = without_a_choice(&delivery.bytes, rng.bool()),
            Self::Failure => failure(sample, complete_at, &mut delivery.bytes, rng),
            Self::Garbled => garble(sample, complete_at, &mut delivery.bytes, rng),
            Self::Status => delivery.status = [201, 206, 400, 429, 500, 503][rng.usize(..6)],
            Self::Fallback => delivery.is_of_another_model = true,
            _ => delivery.bytes = self.altered(sample, rng)?,
        }
        Ok(delivery)
    }

    /// The bytes of an answer that is bad in itself.
    fn altered(self, sample: &Sample, rng: &mut Rng) -> Result<Vec<u8>> {
        let mut answer = sample.answer.clone();
        let at = rng.usize(..answer.choices.len());
        let choice = &mut answer.choices[if self == Self::Arguments { 0 } else { at }];
        match self {
            Self::Filtered => choice.finish = Finish::new(FinishReason::ContentFilter),
            Self::Length => choice.finish = Finish::new(FinishReason::Length),
            Self::Refused => choice.blocks = vec![Block::Refusal("I cannot help with that.".into())],
            Self::Empty => choice.blocks = if rng.bool() { Vec::new() } else { vec![Block::text(" ")] },
            _ => {
                if let [Block::ToolCall(call)] = &mut choice.blocks[..] {
                    let cut: Vec<char> = call.arguments.chars().collect();
                    call.arguments = cut[..rng.usize(1..cut.len())].iter().collect();
                }
            }
        }
        if matches!(self, Self::Refused | Self::Empty) {
            answer.choices[at].finish = Finish::new(FinishReason::Stop);
        }
        sample.written(&answer)
    }
}

/// A stream of two choices of which one never came.
fn without_a_choice(bytes: &[u8], first: bool) -> Vec<u8> {
    let index = if first { "\"index\":0,\"delta\"" } else { "\"index\":1,\"delta\"" };
    let text = String::from_utf8_lossy(bytes);
    let frames = text.split_inclusive("\n\n").filter(|frame| !frame.contains(index) && !frame.contains("[DONE]"));
    frames.collect::<String>().into_bytes()
}

/// Where a frame of a stream begins, each before everything is complete.
fn boundaries(bytes: &[u8], complete_at: usize, is_lines: bool) -> Vec<usize> {
    let mark: &[u8] = if is_lines { b"\n" } else { b"\n\n" };
    let ends = bytes[..complete_at].windows(mark.len()).enumerate().filter(|(_, window)| *window == mark);
    std::iter::once(0).chain(ends.map(|(at, _)| at + mark.len())).collect()
}

fn failure(sample: &Sample, complete_at: usize, bytes: &mut Vec<u8>, rng: &mut Rng) {
    let (operation, is_streamed) = (sample.request.operation, sample.request.is_streamed());
    let data = match operation {
        Operation::Responses if is_streamed => {
            r#"{"type":"error","code":"server_error","message":"Down.","param":null}"#
        }
        Operation::Messages => r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        Operation::GenerateContent => r#"{"error":{"code":503,"message":"Down.","status":"UNAVAILABLE"}}"#,
        Operation::OllamaChat => r#"{"error":"the model is gone"}"#,
        _ => r#"{"error":{"message":"Down.","type":"server_error","param":null,"code":null}}"#,
    };
    if !is_streamed {
        *bytes = data.into();
        return;
    }
    let is_lines = operation == Operation::OllamaChat;
    let frame = match operation {
        Operation::OllamaChat => format!("{data}\n"),
        Operation::Messages | Operation::Responses => format!("event: error\ndata: {data}\n\n"),
        _ => format!("data: {data}\n\n"),
    };
    let places = boundaries(bytes, complete_at, is_lines);
    let at = places[rng.usize(..places.len())];
    // Some hang up after it, some go on as if nothing had happened.
    let rest = if rng.bool() { bytes[at..].to_vec() } else { Vec::new() };
    bytes.truncate(at);
    bytes.extend_from_slice(frame.as_bytes());
    bytes.extend_from_slice(&rest);
}

/// Puts a control character, which no JSON has, somewhere into JSON.
fn garble(sample: &Sample, complete_at: usize, bytes: &mut [u8], rng: &mut Rng) {
    let is_sse = sample.request.is_streamed() && sample.request.operation != Operation::OllamaChat;
    let mut places = Vec::new();
    let mut start = 0;
    for line in bytes[..complete_at].split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.trim_ascii_end().len();
        match line.strip_prefix(b"data: ") {
            Some(_) => places.extend(start + 6..end),
            None if !is_sse => places.extend(start..end),
            None => {}
        }
        start += line.len();
    }
    bytes[places[rng.usize(..places.len())]] = 1;
}
