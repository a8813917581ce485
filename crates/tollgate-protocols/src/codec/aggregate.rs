//! Between streamed and whole answers.

use std::collections::BTreeMap;

use tollgate_core::Usage;
use tollgate_core::ir::{Answer, Block, Choice, Delta, Event, OpenBlock, Text, Thinking, ToolCall};

/// Gathers events into a whole answer.
#[derive(Debug, Default)]
pub struct Aggregator {
    answer: Answer,
    /// Blocks by their number, with the answer that they belong to.
    blocks: BTreeMap<u32, (u32, Block)>,
}

impl Aggregator {
    /// Takes the next event.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Start { id, model, created } => {
                self.answer.id = id;
                self.answer.model = model;
                self.answer.created = created;
            }
            Event::Open { index, choice, block } => {
                self.blocks.insert(index, (choice, opened(block)));
            }
            Event::Whole { index, choice, block } => {
                self.blocks.insert(index, (choice, block));
            }
            Event::Delta { index, delta } => {
                if let Some((choice, block)) = self.blocks.get_mut(&index) {
                    let choice = *choice;
                    if let Some(logprobs) = extend(block, delta) {
                        self.choice(choice).logprobs = Some(logprobs);
                    }
                }
            }
            Event::Usage(usage) => self.answer.usage.get_or_insert_with(Usage::default).update(&usage),
            Event::Finish { choice, finish } => self.choice(choice).finish = finish,
            Event::Extra(extra) => self.answer.extras.push(extra),
            _ => {}
        }
    }

    /// The answer so far, in no more memory than it takes: a cache keeps it.
    #[must_use]
    pub fn finish(mut self) -> Answer {
        for (choice, mut block) in std::mem::take(&mut self.blocks).into_values() {
            if let Block::Text(text) = &mut block {
                text.text.shrink_to_fit();
            }
            self.choice(choice).blocks.push(block);
        }
        for choice in &mut self.answer.choices {
            choice.blocks.shrink_to_fit();
        }
        self.answer.choices.shrink_to_fit();
        self.answer
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        // Providers give at most a few answers; a number out of that range is nonsense and shares the last place.
        const MAX: usize = 128;
        let index = usize::try_from(index).unwrap_or(MAX).min(MAX - 1);
        if self.answer.choices.len() <= index {
            self.answer.choices.resize_with(index + 1, Choice::default);
        }
        &mut self.answer.choices[index]
    }
}

fn opened(block: OpenBlock) -> Block {
    match block {
        OpenBlock::Text => Block::Text(Text::default()),
        OpenBlock::Thinking { summary, id } => Block::Thinking(Thinking { summary, id, ..Thinking::default() }),
        OpenBlock::Refusal => Block::Refusal(String::new()),
        OpenBlock::ToolCall { id, name, kind } => Block::ToolCall(ToolCall { id, name, kind, ..ToolCall::default() }),
    }
}

/// Adds to a block; log probabilities belong to the answer and are given back.
fn extend(block: &mut Block, delta: Delta) -> Option<String> {
    match (block, delta) {
        (Block::Text(text), Delta::Text(more)) => text.text.push_str(&more),
        (Block::Text(text), Delta::Signature(signature)) => text.signature = Some(signature),
        (Block::Text(text), Delta::Citation(citation)) => text.citations.push(citation),
        (Block::Thinking(thinking), Delta::Text(more)) => thinking.text.push_str(&more),
        (Block::Thinking(thinking), Delta::Signature(signature)) => thinking.signature = Some(signature),
        (Block::Refusal(text), Delta::Text(more)) => text.push_str(&more),
        (Block::ToolCall(call), Delta::Arguments(more)) => call.arguments.push_str(&more),
        (Block::ToolCall(call), Delta::Signature(signature)) => call.signature = Some(signature),
        (_, Delta::Logprobs(logprobs)) => return Some(logprobs),
        _ => {}
    }
    None
}

/// The events that say what a whole answer says.
#[must_use]
pub fn replay(answer: Answer) -> Vec<Event> {
    let mut events = vec![Event::Start { id: answer.id, model: answer.model, created: answer.created }];
    events.extend(answer.extras.into_iter().map(Event::Extra));
    let mut index = 0;
    for (choice, answered) in (0..).zip(answer.choices) {
        let mut logprobs = answered.logprobs;
        for block in answered.blocks {
            let is_text = matches!(block, Block::Text(_));
            push_block(&mut events, index, choice, block, logprobs.take_if(|_| is_text));
            index += 1;
        }
        events.push(Event::Finish { choice, finish: answered.finish });
    }
    if let Some(usage) = answer.usage {
        // Before the finish, as decoders of streams give it.
        let at = events.iter().position(|event| matches!(event, Event::Finish { .. })).unwrap_or(events.len());
        events.insert(at, Event::Usage(usage));
    }
    events.push(Event::End);
    events
}

fn push_block(events: &mut Vec<Event>, index: u32, choice: u32, block: Block, logprobs: Option<String>) {
    let mut deltas = Vec::new();
    let open = match block {
        Block::Text(text) => {
            deltas.extend((!text.text.is_empty()).then_some(Delta::Text(text.text)));
            deltas.extend(logprobs.map(Delta::Logprobs));
            deltas.extend(text.citations.into_iter().map(Delta::Citation));
            deltas.extend(text.signature.map(Delta::Signature));
            OpenBlock::Text
        }
        Block::Thinking(thinking) if !thinking.redacted => {
            deltas.extend((!thinking.text.is_empty()).then_some(Delta::Text(thinking.text)));
            deltas.extend(thinking.signature.map(Delta::Signature));
            OpenBlock::Thinking { summary: thinking.summary, id: thinking.id }
        }
        Block::Refusal(text) => {
            deltas.extend((!text.is_empty()).then_some(Delta::Text(text)));
            OpenBlock::Refusal
        }
        Block::ToolCall(call) => {
            deltas.extend((!call.arguments.is_empty()).then_some(Delta::Arguments(call.arguments)));
            deltas.extend(call.signature.map(Delta::Signature));
            OpenBlock::ToolCall { id: call.id, name: call.name, kind: call.kind }
        }
        block => {
            events.push(Event::Whole { index, choice, block });
            return;
        }
    };
    events.push(Event::Open { index, choice, block: open });
    events.extend(deltas.into_iter().map(|delta| Event::Delta { index, delta }));
    events.push(Event::Close { index });
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::{Finish, FinishReason, Origin, Signature};

    use super::*;

    #[test]
    fn an_answer_replayed_and_gathered_is_itself() {
        let signature = Some(Signature { origin: Origin::Anthropic, value: "s".to_owned() });
        let blocks = vec![
            Block::Thinking(Thinking { text: String::new(), signature: signature.clone(), ..Thinking::default() }),
            Block::Thinking(Thinking { redacted: true, signature, ..Thinking::default() }),
            Block::text("hello"),
            Block::ToolCall(ToolCall {
                id: "1".to_owned(),
                name: "f".to_owned(),
                arguments: "{}".to_owned(),
                ..ToolCall::default()
            }),
        ];
        let choice = Choice { blocks, finish: Finish::new(FinishReason::ToolCalls), logprobs: Some("{}".to_owned()) };
        let answer = Answer {
            id: Some("a".to_owned()),
            choices: vec![choice, Choice { blocks: vec![Block::Refusal("no".to_owned())], ..Choice::default() }],
            usage: Some(Usage { input: Some(1), ..Usage::default() }),
            ..Answer::default()
        };
        let mut aggregator = Aggregator::default();
        replay(answer.clone()).into_iter().for_each(|event| aggregator.event(event));
        assert_eq!(aggregator.finish(), answer);
    }
}
