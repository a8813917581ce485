//! Turns as Anthropic wants them: system texts apart, speakers alternating, nothing empty.

use tollgate_core::Error;
use tollgate_core::ir::{Block, CachePoint, Losses, Origin, Prompt, Protocol, Role, Thinking, Turn};

use super::media;
use crate::codec::{Speaker, Target, merge_turns};

/// A conversation in the order in which it is written.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    /// Blocks of the member `system`.
    pub(super) system: Vec<Item<'a>>,
    /// Messages.
    pub(super) messages: Vec<Message<'a>>,
    /// Whether something refers to Anthropic's files.
    pub(super) has_files: bool,
}

/// One message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) role: MessageRole,
    pub(super) items: Vec<Item<'a>>,
}

/// Who speaks in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageRole {
    User,
    Assistant,
    System,
}

/// A block that is written, with the cache point behind it.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) block: &'a Block,
    pub(super) cache: Option<CachePoint>,
}

impl MessageRole {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

/// Arranges a prompt's turns.
pub(super) fn arrange<'a>(
    prompt: &'a Prompt,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Conversation<'a>, Error> {
    let mut selector = Selector { losses, protocol: prompt.protocol, has_files: false };
    let mut conversation = Conversation::default();
    let leading = prompt.turns.iter().take_while(|turn| is_system(turn)).count();
    let (system, mut rest) = prompt.turns.split_at(leading);
    for turn in system {
        selector.select(MessageRole::System, &turn.blocks, &mut conversation.system)?;
    }
    loop {
        let next = rest.iter().position(is_system).filter(|_| target.gates.system_anywhere);
        let (segment, tail) = rest.split_at(next.unwrap_or(rest.len()));
        let mut midway = Vec::new();
        let (_, merged) = merge_turns(segment, |turn| {
            midway.push(turn);
            None
        });
        for turn in merged {
            let role = if turn.speaker == Speaker::User { MessageRole::User } else { MessageRole::Assistant };
            add_message(&mut conversation, &mut selector, role, turn.blocks)?;
        }
        for turn in midway {
            hoist(&mut conversation, &mut selector, turn)?;
        }
        let Some((turn, behind)) = tail.split_first() else { break };
        // Nothing may stand between a call and its result, nor before the first message.
        match conversation.messages.last() {
            Some(last) if !calls_tool(last) => {
                add_message(&mut conversation, &mut selector, MessageRole::System, &turn.blocks)?;
            }
            _ => hoist(&mut conversation, &mut selector, turn)?,
        }
        rest = behind;
    }
    conversation.has_files = selector.has_files;
    losses.drop_if(prompt.turns.iter().any(|turn| turn.name.is_some()), "messages.name");
    check(&conversation, prompt, target)?;
    Ok(conversation)
}

fn is_system(turn: &Turn) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}

fn add_message<'a>(
    conversation: &mut Conversation<'a>,
    selector: &mut Selector<'_>,
    role: MessageRole,
    blocks: impl IntoIterator<Item = &'a Block>,
) -> Result<(), Error> {
    let mut items = Vec::new();
    selector.select(role, blocks, &mut items)?;
    if items.is_empty() {
        return Ok(());
    }
    match conversation.messages.last_mut() {
        Some(last) if last.role == role => last.items.extend(items),
        _ => conversation.messages.push(Message { role, items }),
    }
    Ok(())
}

fn hoist<'a>(conversation: &mut Conversation<'a>, selector: &mut Selector<'_>, turn: &'a Turn) -> Result<(), Error> {
    let before = conversation.system.len();
    selector.select(MessageRole::System, &turn.blocks, &mut conversation.system)?;
    if conversation.system.len() > before {
        selector.losses.change("system.position");
    }
    Ok(())
}

fn calls_tool(message: &Message<'_>) -> bool {
    message.items.iter().any(|item| matches!(item.block, Block::ToolCall(_)))
}

fn check(conversation: &Conversation<'_>, prompt: &Prompt, target: &Target<'_>) -> Result<(), Error> {
    let refuse = |message: &str| Err(Error::invalid_request(message, Some("messages")));
    let (Some(first), Some(last)) = (conversation.messages.first(), conversation.messages.last()) else {
        return refuse("The model needs at least one message of the user that is not empty.");
    };
    // Some models of Anthropic's do take an assistant's message first; its own clients know which.
    if first.role != MessageRole::User && prompt.protocol != Protocol::AnthropicMessages {
        return refuse("The first message to this model must be the user's.");
    }
    if last.role == MessageRole::Assistant && target.gates.refuses_prefill {
        return refuse("The last message to this model must not be the assistant's: it takes no prefill.");
    }
    Ok(())
}

/// Chooses the blocks that can be written.
struct Selector<'a> {
    losses: &'a mut Losses,
    protocol: Protocol,
    has_files: bool,
}

impl Selector<'_> {
    fn select<'b>(
        &mut self,
        role: MessageRole,
        blocks: impl IntoIterator<Item = &'b Block>,
        items: &mut Vec<Item<'b>>,
    ) -> Result<(), Error> {
        let start = items.len();
        for block in blocks {
            if let Block::CachePoint(cache) = block {
                // Thoughts cannot be marked; what stands before them can.
                let markable = |item: &&mut Item<'_>| !matches!(item.block, Block::Thinking(_) | Block::Opaque(_));
                if let Some(item) = items[start..].iter_mut().rev().find(markable) {
                    item.cache = Some(*cache);
                }
            } else if self.takes(role, block)? {
                items.push(Item { block, cache: None });
            }
        }
        Ok(())
    }

    fn takes(&mut self, role: MessageRole, block: &Block) -> Result<bool, Error> {
        let misplaced = |what: &str| {
            let message = format!("This model takes no {what} in a message of the role `{}`.", role.as_str());
            Err(Error::invalid_request(message, Some("messages")))
        };
        match block {
            Block::Text(text) => {
                self.losses.drop_if(text.signature.is_some(), "signature");
                Ok(!text.text.trim().is_empty())
            }
            Block::Refusal(text) => Ok(!text.trim().is_empty()),
            Block::Thinking(_) if role != MessageRole::Assistant => misplaced("thinking"),
            Block::Thinking(thinking) => Ok(self.takes_thinking(thinking)),
            Block::ToolCall(_) if role != MessageRole::Assistant => misplaced("tool call"),
            Block::ToolCall(call) => {
                self.losses.drop_if(call.signature.is_some(), "signature");
                Ok(true)
            }
            Block::ToolResult(_) if role != MessageRole::User => misplaced("tool result"),
            Block::ToolResult(result) => {
                for block in &result.content {
                    self.takes(role, block)?;
                }
                Ok(true)
            }
            Block::Media(_) if role != MessageRole::User => misplaced("image or file"),
            Block::Media(media) => {
                self.has_files |= media::check(media, self.protocol, self.losses)?;
                Ok(true)
            }
            Block::Opaque(opaque) => {
                let is_own = opaque.protocol == Protocol::AnthropicMessages;
                if !is_own {
                    self.losses.drop(opaque.what.clone());
                }
                Ok(is_own)
            }
            _ => Ok(false),
        }
    }

    /// Thoughts go back to their maker only, and only with its proof.
    fn takes_thinking(&mut self, thinking: &Thinking) -> bool {
        let is_own = thinking.signature.as_ref().is_some_and(|signature| signature.origin == Origin::Anthropic);
        let says_something = thinking.signature.is_some() || !thinking.text.is_empty();
        self.losses.drop_if(!is_own && says_something, "thinking");
        is_own
    }
}
