//! Thoughts and signatures that clients do not send back.
//!
//! Some models want the thinking that led to a tool call, or a proof of it, together with the call's result. Protocols
//! without a place for it carry it in fields that many clients drop. So the gateway remembers it for a while, by the ids of
//! the calls, within the client's own key.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_core::ir::{Answer, Block, Delta, Event, OpenBlock, Origin, Prompt, Protocol, Role, Signature, Thinking};
use tollgate_core::{Context, Error};
use tollgate_protocols::codec::{Dialect, ReasoningReplay};

/// The most that is kept, in calls and in bytes; the oldest goes first.
const MAX_CALLS: usize = 16 * 1024;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What is remembered of one answer with tool calls.
#[derive(Debug, Default)]
struct Remembered {
    thinking: Vec<Thinking>,
    signatures: Vec<(String, Signature)>,
}

/// Thoughts by the calls that they led to.
#[derive(Default)]
pub(crate) struct Replays(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_call: HashMap<Key, Arc<Remembered>>,
    oldest: VecDeque<(Key, usize)>,
    bytes: usize,
}

/// The client's key and the call's id.
type Key = (Option<Arc<str>>, String);

/// Which thoughts a provider can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    None,
    /// Those with a signature of this maker.
    SignedBy(Origin),
    /// All that have text.
    Any,
}

impl Wanted {
    pub(super) fn by(protocol: Protocol, dialect: &Dialect) -> Self {
        match protocol {
            Protocol::AnthropicMessages | Protocol::BedrockConverse => Self::SignedBy(Origin::Anthropic),
            Protocol::GeminiGenerate => Self::SignedBy(Origin::Google),
            Protocol::OpenAiResponses => Self::SignedBy(Origin::OpenAi),
            Protocol::OpenAiChat if dialect.reasoning_replay != ReasoningReplay::None => Self::Any,
            _ => Self::None,
        }
    }

    fn takes(self, thinking: &Thinking) -> bool {
        match self {
            Self::None => false,
            Self::SignedBy(origin) => thinking.signature.as_ref().is_some_and(|signature| signature.origin == origin),
            Self::Any => !thinking.text.is_empty(),
        }
    }
}

impl Replays {
    /// Puts back what a client left out of its turns with tool calls.
    pub(super) fn apply(&self, prompt: &mut Prompt, context: &Context, wanted: Wanted) {
        if wanted == Wanted::None {
            return;
        }
        let key = context.identity().key;
        for turn in prompt.turns.iter_mut().filter(|turn| turn.role == Role::Assistant) {
            let has_thinking = turn.blocks.iter().any(|block| matches!(block, Block::Thinking(_)));
            let first_call = turn.blocks.iter().find_map(|block| match block {
                Block::ToolCall(call) => Some(call.id.clone()),
                _ => None,
            });
            let Some(remembered) = first_call.and_then(|id| self.get(&(key.clone(), id))) else { continue };
            for block in &mut turn.blocks {
                if let Block::ToolCall(call) = block
                    && call.signature.is_none()
                {
                    let known = remembered.signatures.iter().find(|(id, _)| *id == call.id);
                    call.signature = known
                        .map(|(_, signature)| signature.clone())
                        .filter(|signature| wanted == Wanted::SignedBy(signature.origin));
                }
            }
            if !has_thinking {
                let thinking = remembered.thinking.iter().filter(|thinking| wanted.takes(thinking));
                let blocks: Vec<Block> = thinking.cloned().map(Block::Thinking).collect();
                turn.blocks.splice(0..0, blocks);
            }
        }
    }

    /// Remembers what a whole answer says.
    pub(super) fn remember_answer(&self, answer: &Answer, context: &Context) {
        let mut remembered = Remembered::default();
        let mut calls = Vec::new();
        for block in answer.blocks() {
            match block {
                Block::Thinking(thinking) => remembered.thinking.push(thinking.clone()),
                Block::ToolCall(call) => {
                    calls.push(call.id.clone());
                    remembered.signatures.extend(call.signature.clone().map(|signature| (call.id.clone(), signature)));
                }
                _ => {}
            }
        }
        self.remember(remembered, calls, context);
    }

    fn remember(&self, remembered: Remembered, calls: Vec<String>, context: &Context) {
        if calls.is_empty() || (remembered.thinking.is_empty() && remembered.signatures.is_empty()) {
            return;
        }
        let size = remembered.size();
        let remembered = Arc::new(remembered);
        let owner = context.identity().key;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for call in calls {
            let key = (owner.clone(), call);
            let size = size + key.1.len();
            kept.by_call.insert(key.clone(), remembered.clone());
            kept.oldest.push_back((key, size));
            kept.bytes += size;
        }
        while kept.oldest.len() > MAX_CALLS || kept.bytes > MAX_BYTES {
            let Some((key, size)) = kept.oldest.pop_front() else { break };
            kept.by_call.remove(&key);
            kept.bytes -= size;
        }
    }

    fn get(&self, key: &Key) -> Option<Arc<Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_call.get(key).cloned()
    }
}

impl Remembered {
    fn size(&self) -> usize {
        let signed = |signature: &Option<Signature>| signature.as_ref().map_or(0, |signature| signature.value.len());
        let thinking: usize =
            self.thinking.iter().map(|thinking| thinking.text.len() + signed(&thinking.signature)).sum();
        let signatures: usize = self.signatures.iter().map(|(id, signature)| id.len() + signature.value.len()).sum();
        thinking + signatures + 64
    }
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replays")
    }
}

/// Gathers what is to be remembered while an answer streams by.
pub(super) struct Recorder {
    replays: Arc<Replays>,
    context: Context,
    remembered: Remembered,
    /// The numbers of the thinking blocks, and of the calls with their ids.
    thinking: Vec<u32>,
    calls: Vec<(u32, String)>,
    bytes: usize,
}

impl Recorder {
    /// An answer that thinks more than this is not remembered.
    const MAX_THINKING: usize = 1024 * 1024;

    pub(super) fn new(replays: Arc<Replays>, context: Context) -> Self {
        Self { replays, context, remembered: Remembered::default(), thinking: Vec::new(), calls: Vec::new(), bytes: 0 }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Open { index, choice: 0, block: OpenBlock::Thinking { summary, id } } => {
                let thinking = Thinking { summary: *summary, id: id.clone(), ..Thinking::default() };
                self.remembered.thinking.push(thinking);
                self.thinking.push(*index);
            }
            Event::Open { index, choice: 0, block: OpenBlock::ToolCall { id, .. } } => {
                self.calls.push((*index, id.clone()));
            }
            Event::Whole { index, choice: 0, block: Block::Thinking(thinking) } => {
                self.remembered.thinking.push(thinking.clone());
                self.thinking.push(*index);
            }
            Event::Open { block: OpenBlock::Refusal, .. } | Event::Whole { block: Block::Refusal(_), .. } => {
                self.context.observe(|observed| observed.refused = true);
            }
            Event::Delta { index, delta } => self.delta(*index, delta),
            Event::End => self.keep(),
            _ => {}
        }
    }

    fn delta(&mut self, index: u32, delta: &Delta) {
        let at = self.thinking.iter().position(|known| *known == index);
        let thinking = at.and_then(|at| self.remembered.thinking.get_mut(at));
        match (thinking, delta) {
            (Some(thinking), Delta::Text(text)) if self.bytes <= Self::MAX_THINKING => {
                self.bytes += text.len();
                thinking.text.push_str(text);
            }
            (Some(thinking), Delta::Signature(signature)) => thinking.signature = Some(signature.clone()),
            (None, Delta::Signature(signature)) => {
                if let Some((_, id)) = self.calls.iter().find(|(known, _)| *known == index) {
                    self.remembered.signatures.push((id.clone(), signature.clone()));
                }
            }
            _ => {}
        }
    }

    fn keep(&mut self) {
        if self.bytes <= Self::MAX_THINKING {
            let calls = std::mem::take(&mut self.calls).into_iter().map(|(_, id)| id).collect();
            self.replays.remember(std::mem::take(&mut self.remembered), calls, &self.context);
        }
    }

    /// An error with the name of the provider that the stream came from.
    pub(super) fn named(&self, error: Error) -> Error {
        match self.context.observe(|observed| observed.target.clone()) {
            Some(target) => error.with_provider(target.provider),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::Identity;
    use tollgate_core::ir::{Choice, ToolCall, Turn};

    use super::*;

    fn context(key: &str) -> Context {
        Context::builder("r").identity(Identity::of_key(key)).build()
    }

    fn call(signature: Option<Signature>) -> Block {
        Block::ToolCall(ToolCall { id: "c1".to_owned(), signature, ..ToolCall::default() })
    }

    fn replayed(replays: &Replays, key: &str, wanted: Wanted) -> Vec<Block> {
        let mut prompt = Prompt::new(Protocol::OpenAiChat);
        prompt.turns.push(Turn::new(Role::Assistant, vec![call(None)]));
        replays.apply(&mut prompt, &context(key), wanted);
        prompt.turns.remove(0).blocks
    }

    #[test]
    fn what_a_client_drops_is_put_back_for_its_own_key_only() {
        let google = Signature { origin: Origin::Google, value: "G".to_owned() };
        let anthropic = Signature { origin: Origin::Anthropic, value: "A".to_owned() };
        let thinking = Thinking { text: "t".to_owned(), signature: Some(anthropic), ..Thinking::default() };
        let blocks = vec![Block::Thinking(thinking.clone()), call(Some(google.clone()))];
        let answer = Answer { choices: vec![Choice { blocks, ..Choice::default() }], ..Answer::default() };
        let replays = Replays::default();
        replays.remember_answer(&answer, &context("a"));
        let signed = replayed(&replays, "a", Wanted::SignedBy(Origin::Google));
        assert_eq!(signed, [call(Some(google))]);
        let thought = replayed(&replays, "a", Wanted::SignedBy(Origin::Anthropic));
        assert_eq!(thought, [Block::Thinking(thinking), call(None)]);
        assert_eq!(replayed(&replays, "b", Wanted::Any), [call(None)]);
        assert_eq!(replayed(&replays, "a", Wanted::None), [call(None)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let replays = Replays::default();
        for number in 0..MAX_CALLS + 10 {
            let remembered = Remembered { thinking: vec![Thinking::default()], ..Remembered::default() };
            replays.remember(remembered, vec![number.to_string()], &context("a"));
        }
        let kept = replays.0.lock().unwrap();
        assert_eq!((kept.by_call.len(), kept.oldest.len()), (MAX_CALLS, MAX_CALLS));
    }
}
