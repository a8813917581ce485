//! The conversation in a provider's request.

use tollgate_core::Error;
use tollgate_core::ir::{
    Block, CachePoint, CacheTtl, Losses, Media, Opaque, Origin, Prompt, Protocol, Role, Signature, Thinking, ToolCall,
    ToolKind, ToolResult, Turn,
};

use super::ids::Ids;
use super::media;
use crate::codec::{Dialect, ReasoningField, ReasoningReplay, Target};
use crate::json::{Array, Object, object_text};
use crate::openai_chat::details;
use crate::openai_chat::types::write_google_signature;

/// Writes the messages of one request.
pub(super) struct Messages<'p> {
    prompt: &'p Prompt,
    target: &'p Target<'p>,
    losses: &'p mut Losses,
    ids: Ids<'p>,
    /// Media in results of tools, which messages of tools cannot hold. They follow once all results are written.
    owed: Vec<(&'p str, &'p Media)>,
}

impl<'p> Messages<'p> {
    pub(super) fn new(prompt: &'p Prompt, target: &'p Target<'p>, losses: &'p mut Losses) -> Self {
        Self { prompt, target, losses, ids: Ids::new(prompt, target.dialect.tool_ids), owed: Vec::new() }
    }

    pub(super) fn write(mut self, a: &mut Array<'_>) -> Result<(), Error> {
        for (index, turn) in self.prompt.turns.iter().enumerate() {
            self.losses.drop_if(turn.name.is_some() && !self.knows_name(), "messages.name");
            self.results(a, turn)?;
            match turn.role {
                Role::System | Role::Developer => self.plain(a, turn, self.system_word(turn.role))?,
                Role::User | Role::Tool => self.plain(a, turn, "user")?,
                Role::Assistant => {
                    self.owed(a)?;
                    let is_last = index + 1 == self.prompt.turns.len();
                    self.assistant(a, turn, is_last)?;
                }
            }
        }
        self.owed(a)
    }

    fn dialect(&self) -> &'p Dialect {
        self.target.dialect
    }

    /// Mistral refuses names of participants.
    fn knows_name(&self) -> bool {
        self.dialect().platform || !self.dialect().refuses_unknown
    }

    fn system_word(&self, role: Role) -> &'static str {
        if role == Role::Developer && self.dialect().developer_role { "developer" } else { "system" }
    }

    /// The results of tools, one message each.
    fn results(&mut self, a: &mut Array<'_>, turn: &'p Turn) -> Result<(), Error> {
        for block in &turn.blocks {
            if let Block::ToolResult(result) = block {
                self.refuse_tools()?;
                self.result(a, result);
            }
        }
        Ok(())
    }

    fn refuse_tools(&self) -> Result<(), Error> {
        if self.dialect().tools {
            return Ok(());
        }
        let message = "The provider of this model knows no tools, and the conversation has calls of some.";
        Err(Error::invalid_request(message, Some("messages")))
    }

    fn result(&mut self, a: &mut Array<'_>, result: &'p ToolResult) {
        self.losses.drop_if(result.is_error, "tool_result.is_error");
        for block in &result.content {
            match block {
                Block::Media(media) => {
                    self.losses.change("tool_result.image");
                    self.owed.push((&result.id, media));
                }
                Block::Opaque(opaque) => self.losses.drop(opaque.what.clone()),
                _ => {}
            }
        }
        let id = self.ids.get(&result.id);
        a.object(|o| {
            o.string("role", "tool");
            o.string("tool_call_id", id);
            // Mistral and Gemini's OpenAI layer like to know it, OpenAI does not.
            o.maybe_string("name", result.name.as_deref().filter(|_| !self.dialect().platform));
            match &result.content[..] {
                [Block::Text(text)] => o.string("content", &text.text),
                _ => o.string("content", &result.text()),
            }
        });
    }

    /// The media that results of tools had, as the user's.
    fn owed(&mut self, a: &mut Array<'_>) -> Result<(), Error> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        let mut written = Ok(());
        a.object(|o| {
            o.string("role", "user");
            o.array("content", |a| {
                for (id, media) in owed {
                    text_part(a, &format!("Output of the tool call {}:", self.ids.get(id)), None);
                    if written.is_ok() {
                        written = media::write(a, media, self.prompt, self.target, self.losses);
                    }
                }
            });
        });
        written
    }

    /// A message of text and media.
    fn plain(&mut self, a: &mut Array<'_>, turn: &'p Turn, role: &str) -> Result<(), Error> {
        let is_results = turn.blocks.iter().all(|block| matches!(block, Block::ToolResult(_)));
        if is_results && (turn.role == Role::Tool || !turn.blocks.is_empty()) {
            return Ok(());
        }
        if self.says_nothing(turn) {
            return Ok(());
        }
        self.owed(a)?;
        let mut written = Ok(());
        let name = turn.name.as_deref().filter(|_| self.knows_name());
        a.object(|o| {
            o.string("role", role);
            o.maybe_string("name", name);
            written = self.content(o, turn, "\n");
        });
        written
    }

    /// Whether a turn holds nothing but what has no place here, which is then noted. A message without content is refused.
    fn says_nothing(&mut self, turn: &Turn) -> bool {
        let is_own = |opaque: &Opaque| opaque.protocol == Protocol::OpenAiChat;
        let has_place = |block: &Block| match block {
            Block::Opaque(opaque) => is_own(opaque),
            Block::ToolResult(_) | Block::CachePoint(_) => false,
            _ => true,
        };
        if turn.blocks.iter().any(has_place) {
            return false;
        }
        let mut is_foreign = false;
        for block in &turn.blocks {
            if let Block::Opaque(opaque) = block {
                self.losses.drop(opaque.what.clone());
                is_foreign = true;
            }
        }
        is_foreign
    }

    /// Writes `content`: a string where it can be one, else parts.
    fn content(&mut self, o: &mut Object<'_>, turn: &'p Turn, separator: &str) -> Result<(), Error> {
        let marks =
            self.dialect().cache_control && turn.blocks.iter().any(|block| matches!(block, Block::CachePoint(_)));
        let text_only = turn.blocks.iter().all(|block| !matches!(block, Block::Media(_) | Block::Opaque(_)));
        let texts = || turn.blocks.iter().filter_map(words);
        let is_string = text_only && !marks && (self.dialect().content_string_only || texts().nth(1).is_none());
        if is_string {
            o.string("content", &joined(texts(), separator));
            return Ok(());
        }
        let mut written = Ok(());
        o.array("content", |a| {
            let blocks = &turn.blocks;
            for (index, block) in blocks.iter().enumerate() {
                let mark = match blocks.get(index + 1) {
                    Some(Block::CachePoint(point)) if marks => Some(*point),
                    _ => None,
                };
                match block {
                    Block::Media(media) if written.is_ok() => {
                        written = media::write(a, media, self.prompt, self.target, self.losses);
                    }
                    Block::Opaque(opaque) => self.opaque(a, opaque),
                    _ => {
                        if let Some(text) = words(block) {
                            text_part(a, text, mark);
                        }
                    }
                }
            }
        });
        written
    }

    /// A part that only Chat Completions have goes as it came; others have no place.
    fn opaque(&mut self, a: &mut Array<'_>, opaque: &Opaque) {
        if opaque.protocol == Protocol::OpenAiChat && !self.dialect().refuses_unknown {
            a.raw(&opaque.json);
        } else {
            self.losses.drop(opaque.what.clone());
        }
    }

    fn assistant(&mut self, a: &mut Array<'_>, turn: &'p Turn, is_last: bool) -> Result<(), Error> {
        let calls = || {
            turn.blocks.iter().filter_map(|block| match block {
                Block::ToolCall(call) => Some(call),
                _ => None,
            })
        };
        let has_calls = calls().next().is_some();
        if self.says_nothing(turn) {
            return Ok(());
        }
        if has_calls {
            self.refuse_tools()?;
        }
        let thoughts = self.thoughts(turn, has_calls);
        let name = turn.name.as_deref().filter(|_| self.knows_name());
        let mut written = Ok(());
        a.object(|o| {
            o.string("role", "assistant");
            o.maybe_string("name", name);
            let in_content = self.dialect().reasoning_field == ReasoningField::ContentParts;
            if !in_content {
                self.write_thoughts(o, &thoughts);
            }
            written = self.said(o, turn, has_calls, if in_content { &thoughts } else { &[] });
            if has_calls {
                o.array("tool_calls", |a| calls().for_each(|call| self.call(a, call)));
            } else if is_last && in_content {
                // Mistral refuses a conversation that ends with the model, unless it is told to go on from there.
                o.bool("prefix", true);
            }
        });
        written
    }

    /// The text of a model's message. Blocks of it are pieces of one text, and many servers want a string here.
    fn said(
        &mut self,
        o: &mut Object<'_>,
        turn: &'p Turn,
        has_calls: bool,
        thoughts: &[&Thinking],
    ) -> Result<(), Error> {
        let mut refusal = String::new();
        let mut google = None;
        for block in &turn.blocks {
            match block {
                Block::Refusal(text) => refusal.push_str(text),
                Block::Text(text) => {
                    self.losses.drop_if(!text.citations.is_empty(), "citations");
                    google = text.signature.as_ref().or(google);
                }
                Block::Opaque(opaque) if opaque.what == "audio" && opaque.protocol == Protocol::OpenAiChat => {
                    if self.dialect().platform {
                        o.raw("audio", &opaque.json);
                    } else {
                        self.losses.drop("audio");
                    }
                }
                Block::Opaque(opaque) => self.losses.drop(opaque.what.clone()),
                // No server takes pictures as a model's words.
                Block::Media(media) => self.losses.drop(media.kind.as_str()),
                _ => {}
            }
        }
        if let Some(signature) = google {
            self.google_signature(o, signature);
        }
        let is_platform = self.dialect().platform;
        let said = |block| if is_platform { Block::as_text(block) } else { words(block) };
        let mut texts = turn.blocks.iter().filter_map(said).peekable();
        if !refusal.is_empty() && is_platform {
            o.string("refusal", &refusal);
        }
        let is_empty = texts.peek().is_none();
        let text = joined(texts, "");
        match thoughts {
            [] if is_empty && is_platform && (has_calls || !refusal.is_empty()) => o.null("content"),
            [] if self.marks(turn) => o.array("content", |a| text_part(a, &text, Some(CachePoint::default()))),
            [] => o.string("content", &text),
            thoughts => o.array("content", |a| {
                for thinking in thoughts {
                    a.object(|o| {
                        o.string("type", "thinking");
                        o.array("thinking", |a| text_part(a, &thinking.text, None));
                    });
                }
                if !text.is_empty() {
                    text_part(a, &text, None);
                }
            }),
        }
        Ok(())
    }

    fn marks(&self, turn: &Turn) -> bool {
        self.dialect().cache_control && turn.blocks.iter().any(|block| matches!(block, Block::CachePoint(_)))
    }

    /// The thoughts of a turn that the server wants back.
    fn thoughts(&mut self, turn: &'p Turn, has_calls: bool) -> Vec<&'p Thinking> {
        let thoughts = turn.blocks.iter().filter_map(|block| match block {
            Block::Thinking(thinking) => Some(thinking),
            _ => None,
        });
        let dialect = self.dialect();
        let mut kept: Vec<&Thinking> = Vec::new();
        for thinking in thoughts {
            let is_wanted = match dialect.reasoning_replay {
                ReasoningReplay::All => true,
                ReasoningReplay::ToolTurns if has_calls => true,
                // Such servers ignore the thoughts of other turns, so these are no loss.
                ReasoningReplay::ToolTurns => continue,
                ReasoningReplay::None => false,
            };
            let is_details = dialect.reasoning_field == ReasoningField::Details;
            let has_own = thinking.signature.as_ref().is_some_and(|signature| self.is_own(signature));
            if !is_wanted || (thinking.text.is_empty() && !(is_details && has_own)) {
                self.losses.drop("thinking");
                continue;
            }
            self.losses.drop_if(thinking.signature.is_some() && !(is_details && has_own), "signature");
            kept.push(thinking);
        }
        kept
    }

    /// Whether a signature is of the maker of the target's model.
    fn is_own(&self, signature: &Signature) -> bool {
        let model = self.target.model;
        let origin = if model.contains("claude") {
            Origin::Anthropic
        } else if model.contains("gemini") {
            Origin::Google
        } else if model.contains("gpt-") || model.starts_with("openai/") {
            Origin::OpenAi
        } else {
            Origin::Other
        };
        signature.origin == origin
    }

    fn write_thoughts(&self, o: &mut Object<'_>, thoughts: &[&Thinking]) {
        if thoughts.is_empty() {
            return;
        }
        let text = || joined(thoughts.iter().map(|thinking| &*thinking.text), "\n\n");
        match self.dialect().reasoning_field {
            ReasoningField::ReasoningContent => o.string("reasoning_content", &text()),
            ReasoningField::Reasoning => o.string("reasoning", &text()),
            ReasoningField::Details => o.array("reasoning_details", |a| {
                for (index, thinking) in (0..).zip(thoughts) {
                    let signature = thinking.signature.as_ref().filter(|signature| self.is_own(signature));
                    details::write(a, thinking, signature, index);
                }
            }),
            ReasoningField::ContentParts => {}
        }
    }

    fn call(&mut self, a: &mut Array<'_>, call: &ToolCall) {
        let id = self.ids.get(&call.id).to_owned();
        let free_text = call.kind == ToolKind::Custom;
        a.object(|o| {
            o.string("id", &id);
            if free_text && self.dialect().platform {
                o.string("type", "custom");
                o.object("custom", |o| {
                    o.string("name", &call.name);
                    o.string("input", &call.arguments);
                });
            } else {
                o.string("type", "function");
                o.object("function", |o| {
                    o.string("name", &call.name);
                    if free_text {
                        o.string("arguments", &object_text(|o| o.string("input", &call.arguments)));
                    } else {
                        // What a model said goes back to it as it was, `null` too.
                        let said = Some(call.arguments.trim()).filter(|said| !said.is_empty());
                        o.string("arguments", said.unwrap_or("{}"));
                    }
                });
            }
            if let Some(signature) = &call.signature {
                self.google_signature(o, signature);
            }
        });
    }

    /// Google's own OpenAI layer wants its signatures back; nobody else can use them.
    fn google_signature(&mut self, o: &mut Object<'_>, signature: &Signature) {
        let is_wanted = !self.dialect().refuses_unknown && self.is_own(signature) && signature.origin == Origin::Google;
        if is_wanted {
            write_google_signature(o, signature);
        } else {
            self.losses.drop("signature");
        }
    }
}

/// The words of a block that stands in content.
fn words(block: &Block) -> Option<&str> {
    match block {
        Block::Refusal(text) => Some(text),
        block => block.as_text(),
    }
}

fn joined<'t>(texts: impl Iterator<Item = &'t str>, separator: &str) -> String {
    let mut all = String::new();
    for (index, text) in texts.enumerate() {
        if index > 0 {
            all.push_str(separator);
        }
        all.push_str(text);
    }
    all
}

fn text_part(a: &mut Array<'_>, text: &str, mark: Option<CachePoint>) {
    a.object(|o| {
        o.string("type", "text");
        o.string("text", text);
        if let Some(point) = mark {
            write_cache_control(o, point);
        }
    });
}

/// Writes Anthropic's `cache_control`, as servers that hand it on take it.
pub(super) fn write_cache_control(o: &mut Object<'_>, point: CachePoint) {
    o.object("cache_control", |o| {
        o.string("type", "ephemeral");
        o.maybe_string(
            "ttl",
            point.ttl.map(|ttl| match ttl {
                CacheTtl::FiveMinutes => "5m",
                CacheTtl::OneHour => "1h",
            }),
        );
    });
}
