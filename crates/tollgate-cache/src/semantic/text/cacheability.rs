//! Whether a prompt may be answered by the answer to another at all.

use super::frame::framed;
use super::lexicon;
use super::reading::Parts;
use super::token::{Kind, Token};

/// Whether a prompt may be answered semantically, from a cache that other prompts filled.
///
/// A question about how things are done stays cacheable when it is told in the first person (`How do I top up my card?`,
/// `I am still waiting for my card`): its answer is the same for everybody. A question for what only this person's
/// records tell (`What is my balance?`, `Where is my order?`) does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cacheability {
    /// It may.
    Cacheable,
    /// It may only be answered by the answer to the very same request, or not at all.
    Refused(Refusal),
}

/// Why a prompt is not answered semantically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Asks for this person's state or history: `What is my balance?`
    Personal,
    /// Asks for an act: `Send the email to Sam`.
    SideEffect,
    /// Expects another answer each time: `Tell me a joke`, `Roll a die`.
    Creative,
    /// Refers to what was said before: `And the second one?`
    Anaphora,
    /// Has nothing that could be compared.
    Empty,
    /// Is longer than [`MAX_BYTES`](super::MAX_BYTES).
    Long,
}

// === impl Cacheability ===

impl Cacheability {
    /// Judges `text`, the last turn of the user.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Parts::with(text, of_parts)
    }

    /// Whether it may be answered semantically.
    #[must_use]
    pub fn is_cacheable(self) -> bool {
        self == Self::Cacheable
    }

    /// Why not, if it may not.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Cacheable => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// A stable word for headers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::SideEffect => "side-effect",
            Self::Creative => "creative",
            Self::Anaphora => "anaphora",
            Self::Empty => "empty",
            Self::Long => "long",
        }
    }
}

pub(crate) fn of_parts(parts: &Parts<'_>) -> Cacheability {
    let frames = framed(parts.tokens);
    let view = View { tokens: parts.tokens, frames: &frames };
    let refusal = if parts.text.len() > super::MAX_BYTES {
        Some(Refusal::Long)
    } else if parts.tokens.is_empty() && parts.signature.is_empty() {
        Some(Refusal::Empty)
    } else if view.is_personal() {
        Some(Refusal::Personal)
    } else if view.is_creative() {
        Some(Refusal::Creative)
    } else if view.is_act() {
        Some(Refusal::SideEffect)
    } else if view.is_anaphora(parts.signature.is_empty()) {
        Some(Refusal::Anaphora)
    } else {
        None
    };
    refusal.map_or(Cacheability::Cacheable, Cacheability::Refused)
}

/// The words of a prompt, and which of them are only politeness.
struct View<'a> {
    tokens: &'a [Token<'a>],
    frames: &'a [bool],
}

// === impl View ===

impl<'a> View<'a> {
    fn words(&self) -> impl Iterator<Item = &'a str> + Clone {
        let tokens: &'a [Token<'a>] = self.tokens;
        tokens.iter().filter(|token| token.kind != Kind::Symbol).map(|token| &*token.folded).take(200)
    }

    /// The words without politeness and without what asks for instructions.
    fn core(&self) -> Vec<&'a str> {
        let tokens: &'a [Token<'a>] = self.tokens;
        let rest = tokens.iter().zip(self.frames).filter(|(token, framed)| !**framed && token.kind != Kind::Symbol);
        let polite = |word: &&str| {
            !matches!(
                *word,
                "please"
                    | "kindly"
                    | "hi"
                    | "hello"
                    | "hey"
                    | "thanks"
                    | "just"
                    | "ok"
                    | "okay"
                    | "now"
                    | "then"
                    | "so"
            )
        };
        rest.map(|(token, _)| &*token.folded).filter(polite).take(200).collect()
    }

    /// Whether it asks how something is done, so that an imperative in it is no order.
    fn asks_how(&self) -> bool {
        self.words().take(24).any(|word| {
            matches!(word, "how" | "steps" | "why" | "what" | "where" | "when" | "which" | "who" | "way" | "explain")
        })
    }

    fn is_personal(&self) -> bool {
        let core = self.core();
        let words: Vec<&str> = self.words().collect();
        asks_for_records(&words, &core) || asks_for_history(&words) || asks_about_self(&core)
    }

    fn is_creative(&self) -> bool {
        const VERBS: &[&str] = &[
            "write", "tell", "give", "compose", "create", "generate", "make", "invent", "sing", "pick", "choose",
            "suggest", "draw", "show", "say", "need", "want", "imagine", "produce", "craft", "come",
        ];
        const WORKS: &[&str] = &[
            "joke",
            "jokes",
            "poem",
            "poems",
            "haiku",
            "limerick",
            "sonnet",
            "story",
            "stories",
            "song",
            "lyrics",
            "rap",
            "riddle",
            "riddles",
            "verse",
            "ballad",
            "pun",
            "puns",
            "tale",
            "fairytale",
            "slogan",
            "tagline",
            "screenplay",
            "monologue",
            "rhyme",
            "tweet",
            "compliment",
        ];
        const FIXED: &[&str] = &[
            "forest",
            "variable",
            "variables",
            "walk",
            "access",
            "seed",
            "effects",
            "sampling",
            "process",
            "matrix",
            "vector",
        ];
        let words: Vec<&str> = self.words().take(40).collect();
        if phrase(
            &words,
            &[
                "roll a",
                "roll the",
                "flip a coin",
                "toss a coin",
                "surprise me",
                "inspire me",
                "motivate me",
                "make up a",
                "pick a number",
                "think of a number",
                "love letter",
                "generate a uuid",
                "generate a password",
                "draw a card",
                "make something up",
                "cheer me up",
                "entertain me",
                "throw a dice",
            ],
        ) {
            return true;
        }
        let asked = words.first().is_some_and(|word| VERBS.contains(word))
            || phrase(
                &words,
                &[
                    "tell me a",
                    "tell me another",
                    "give me a",
                    "give me some",
                    "give me another",
                    "write a",
                    "write me",
                    "write some",
                    "compose a",
                    "another joke",
                    "can you write",
                    "could you write",
                ],
            );
        if !asked || self.asks_how() {
            return words.len() <= 3 && words.last().is_some_and(|word| matches!(*word, "joke" | "haiku" | "limerick"))
                || words.first() == Some(&"random") && words.len() <= 4;
        }
        let works = words.iter().take(10).any(|word| WORKS.contains(word));
        let random = words
            .iter()
            .zip(words.iter().skip(1).chain([&""]))
            .any(|(word, next)| matches!(*word, "random" | "randomly") && !FIXED.contains(next));
        works || random || phrase(&words, &["fun fact", "writing prompt", "fortune cookie"])
    }

    fn is_act(&self) -> bool {
        if self.asks_how() {
            return false;
        }
        let words: Vec<&str> = self.words().collect();
        // `Is this spam? Delete it`: the last sentence may be an order by itself.
        let tail = self.last_sentence();
        is_order(without_politeness(&words))
            || (tail.len() < words.len() && tail.len() <= 8 && is_order(without_politeness(&tail)))
    }

    fn last_sentence(&self) -> Vec<&'a str> {
        let begin =
            self.tokens.iter().rposition(|token| token.initial && token.kind != Kind::Symbol).unwrap_or_default();
        let tokens: &'a [Token<'a>] = &self.tokens[begin..];
        tokens.iter().filter(|token| token.kind != Kind::Symbol).map(|token| &*token.folded).take(200).collect()
    }

    fn is_anaphora(&self, no_literal: bool) -> bool {
        const OPENINGS: &[&str] = &[
            "and the",
            "and what",
            "and how",
            "and for",
            "and in",
            "and if",
            "what about",
            "how about",
            "what else",
            "anything else",
            "same for",
            "the same for",
            "tell me more",
            "go on",
            "keep going",
            "another one",
            "one more",
            "the second one",
            "the first one",
            "the other one",
            "the last one",
            "the previous",
            "try again",
            "do it again",
            "explain further",
            "explain more",
            "give me an example",
            "give an example",
            "for example",
            "an example",
            "more examples",
            "make it",
            "rephrase",
            "rewrite your",
            "rewrite that",
            "rewrite it",
            "translate it",
            "translate that",
            "summarise it",
            "summarize it",
            "summarise that",
            "summarize that",
            "why not",
            "why is that",
            "is that true",
            "is that right",
            "is this true",
            "are you sure",
            "what do you mean",
            "can you elaborate",
            "say that again",
        ];
        let words: Vec<&str> = self.words().collect();
        let bare = words.len() <= 3 && self.content_count() <= 1;
        if bare
            && no_literal
            && words.first().is_some_and(|word| {
                matches!(
                    *word,
                    "yes"
                        | "yeah"
                        | "yep"
                        | "no"
                        | "nope"
                        | "ok"
                        | "okay"
                        | "sure"
                        | "again"
                        | "really"
                        | "continue"
                        | "shorter"
                        | "longer"
                        | "elaborate"
                        | "repeat"
                )
            })
        {
            return true;
        }
        if words.len() <= 6 && OPENINGS.iter().any(|opening| starts(&words, opening)) && self.content_count() <= 3 {
            return true;
        }
        if no_literal && self.content_count() == 0 {
            return true;
        }
        self.has_dangling_pronoun()
    }

    fn content_count(&self) -> usize {
        let words = self.tokens.iter().filter(|token| token.kind != Kind::Symbol);
        words.filter(|token| !lexicon::is_function(&token.folded)).count()
    }

    /// Whether a pronoun stands before anything that it could stand for.
    fn has_dangling_pronoun(&self) -> bool {
        let core = self.core();
        let mut nouns = 0;
        for (at, word) in core.iter().enumerate().take(24) {
            let next = core.get(at + 1).copied().unwrap_or_default();
            match *word {
                "he" | "she" | "him" | "his" if nouns == 0 => return true,
                "her" if nouns == 0 => return true,
                "it" | "them" | "they" | "its" | "their" if nouns == 0 && self.content_count() <= 2 => {
                    return !is_expletive(&core[at + 1..], word, at.checked_sub(1).map_or("", |at| core[at]));
                }
                "that" | "this" | "those" | "these" if nouns == 0 && core.len() <= 6 => {
                    let alone = next.is_empty()
                        || matches!(
                            next,
                            "is" | "was" | "mean" | "work" | "do" | "in" | "to" | "for" | "again" | "with" | "happen"
                        );
                    if alone {
                        return true;
                    }
                }
                _ => {}
            }
            // A verb at the begin is nothing that a pronoun stands for: `Cancel it`.
            let is_verb = at == 0
                || matches!(core[at - 1], "i" | "you" | "we" | "can" | "should" | "not")
                || next == "it"
                || next == "them";
            nouns += usize::from(!lexicon::is_function(word) && !is_verb);
        }
        false
    }
}

/// `my balance`, `where is my order`: what only the records of this person tell.
fn asks_for_records(words: &[&str], core: &[&str]) -> bool {
    const RECORDS: &[&str] = &[
        "balance",
        "order",
        "orders",
        "contract",
        "contracts",
        "appointment",
        "appointments",
        "invoice",
        "invoices",
        "booking",
        "bookings",
        "reservation",
        "subscription",
        "plan",
        "bill",
        "bills",
        "package",
        "parcel",
        "shipment",
        "schedule",
        "calendar",
        "meeting",
        "meetings",
        "email",
        "emails",
        "inbox",
        "messages",
        "voicemail",
        "salary",
        "payslip",
        "paycheck",
        "grade",
        "grades",
        "prescription",
        "results",
        "score",
        "points",
        "membership",
        "lease",
        "policy",
        "claim",
        "ticket",
        "tickets",
        "flight",
        "portfolio",
        "transactions",
        "statement",
        "statements",
        "history",
        "usage",
        "quota",
        "birthday",
        "name",
        "age",
        "address",
        "location",
        "tasks",
        "todos",
        "reminders",
        "notifications",
        "contacts",
        "notes",
        "files",
        "documents",
        "profile",
        "data",
        "debt",
        "loan",
        "mortgage",
        "warranty",
        "enrollment",
        "timesheet",
        "vacation",
        "allowance",
        "deadline",
        "deadlines",
        "unrealized",
        "realized",
        "gains",
        "holdings",
        "number",
    ];
    let general = words.iter().take(24).any(|word| {
        matches!(
            *word,
            "how"
                | "why"
                | "can"
                | "could"
                | "should"
                | "if"
                | "would"
                | "not"
                | "change"
                | "update"
                | "need"
                | "want"
                | "will"
        )
    });
    let how_much = starts(words, "how much") || starts(words, "how many");
    if general && !how_much {
        return false;
    }
    let asks = core.first().is_some_and(|word| {
        matches!(
            *word,
            "what"
                | "where"
                | "when"
                | "who"
                | "which"
                | "how"
                | "show"
                | "check"
                | "track"
                | "list"
                | "read"
                | "open"
                | "find"
                | "is"
                | "are"
                | "has"
                | "have"
                | "did"
                | "do"
                | "does"
                | "was"
                | "tell"
                | "get"
                | "display"
                | "summarize"
                | "summarise"
                | "look"
        )
    });
    // A record is named within three words behind `my`: `my last three invoices`.
    let is_place =
        |at: usize| at > 0 && matches!(words[at - 1], "in" | "on" | "to" | "with" | "from" | "using" | "at" | "into");
    let holds = |at: usize| {
        words.get(at + 1).is_some_and(|word| {
            matches!(*word, "calendar" | "schedule" | "inbox" | "agenda" | "list" | "account" | "cart" | "to" | "todo")
        })
    };
    // What stands behind `on my statement` is not what is asked for.
    let named = words
        .iter()
        .enumerate()
        .filter(|(at, word)| matches!(**word, "my" | "our") && (!is_place(*at) || holds(*at)))
        .any(|(at, _)| {
            let near = &words[at + 1..(at + 5).min(words.len())];
            let ends = near
                .iter()
                .position(|word| matches!(*word, "to" | "in" | "on" | "for" | "with" | "and" | "is" | "if"))
                .unwrap_or(near.len());
            near[..ends].iter().any(|word| RECORDS.contains(word))
        });
    asks && named && words.len() <= 16
}

fn asks_for_history(words: &[&str]) -> bool {
    phrase(
        words,
        &[
            "did i ask",
            "did i say",
            "did i tell",
            "did we talk",
            "did we discuss",
            "i asked you",
            "i told you",
            "you told me",
            "as you said",
            "my last question",
            "my previous question",
            "my previous message",
            "my previous request",
            "our last",
            "our previous",
            "our conversation",
            "do you remember",
            "what did i ask",
            "what did i say",
            "what did i tell",
            "what did i order",
            "what did i buy",
            "what did i eat",
            "what did i write",
            "where did i leave",
            "when did i last",
            "remember me",
            "last time we",
            "did you tell me",
            "did you say",
        ],
    )
}

fn asks_about_self(core: &[&str]) -> bool {
    let counts = starts(core, "how many") || starts(core, "how much");
    if counts && phrase(core, &["do i have", "have i"]) && !phrase(core, &["have to", "have not"]) {
        return true;
    }
    phrase(
        core,
        &[
            "who am i",
            "where am i",
            "how old am i",
            "where do i live",
            "what is my name",
            "when is my",
            "what do i owe",
            "how much do i owe",
            "how much money do i have",
            "how much did i spend",
            "how much have i spent",
            "what did i buy",
            "what did i order",
            "do i have any",
            "what do i have scheduled",
            "what do i have planned",
            "what do i have today",
            "what do i have tomorrow",
            "am i free",
            "my next meeting",
            "my next appointment",
            "when is my next",
            "how many days off do i",
        ],
    ) && core.len() <= 12
}

/// The words behind what makes an order polite. `I need to cancel my card` is left whole: it asks for help.
fn without_politeness<'a, 'w>(words: &'a [&'w str]) -> &'a [&'w str] {
    const POLITE: &[&str] = &[
        "please",
        "kindly",
        "hi",
        "hello",
        "hey",
        "just",
        "now",
        "then",
        "ok",
        "okay",
        "so",
        "go ahead and",
        "can you",
        "could you",
        "would you",
        "will you",
        "i want you to",
        "i would like you to",
        "i need you to",
        "yes",
        "and",
    ];
    let mut rest = words;
    while let Some(phrase) = POLITE.iter().find(|phrase| starts(rest, phrase)) {
        rest = &rest[phrase.split(' ').count()..];
    }
    rest
}

/// Whether the words begin with the order to act on something definite.
fn is_order(words: &[&str]) -> bool {
    /// Acts upon others, whatever the object.
    const ACTS: &[&str] = &[
        "play",
        "restart",
        "reboot",
        "deploy",
        "approve",
        "reject",
        "publish",
        "submit",
        "merge",
        "execute",
        "refund",
        "reschedule",
        "send",
        "book",
        "reserve",
        "schedule",
        "order",
        "pay",
        "buy",
        "purchase",
        "email",
        "remind",
        "notify",
        "forward",
        "rsvp",
        "invite",
        "dial",
        "wire",
        "hire",
        "donate",
        "tweet",
        "subscribe",
        "unsubscribe",
    ];
    /// Acts only upon what is pointed at.
    const POINTED: &[&str] = &[
        "cancel",
        "delete",
        "remove",
        "call",
        "text",
        "message",
        "post",
        "publish",
        "submit",
        "transfer",
        "refund",
        "approve",
        "reject",
        "confirm",
        "deploy",
        "restart",
        "reboot",
        "upload",
        "reply",
        "block",
        "unblock",
        "freeze",
        "unfreeze",
        "activate",
        "deactivate",
        "update",
        "change",
        "play",
        "pause",
        "stop",
        "start",
        "turn",
        "switch",
        "lock",
        "unlock",
        "charge",
        "renew",
        "extend",
        "reschedule",
        "move",
        "archive",
        "accept",
        "decline",
        "assign",
        "close",
        "merge",
        "check",
        "read",
        "save",
        "add",
        "withdraw",
        "deposit",
        "return",
        "terminate",
        "disable",
        "enable",
        "mark",
        "share",
        "execute",
        "run",
        "apply",
        "release",
        "ship",
        "upgrade",
        "downgrade",
        "revoke",
        "grant",
        "reset",
        "rename",
    ];
    const OBJECTS: &[&str] = &[
        "it",
        "them",
        "that",
        "this",
        "these",
        "those",
        "my",
        "our",
        "him",
        "her",
        "me",
        "us",
        "everything",
        "mom",
        "dad",
    ];
    const DEVICES: &[&str] = &[
        "lights",
        "light",
        "lamp",
        "tv",
        "television",
        "heating",
        "music",
        "alarm",
        "fan",
        "ac",
        "radio",
        "speaker",
        "oven",
    ];
    const TIMERS: &[&str] = &["timer", "alarm", "reminder", "meeting"];
    let Some((verb, rest)) = words.split_first() else { return false };
    let next = rest.first().copied().unwrap_or_default();
    let object = if matches!(next, "on" | "off" | "up" | "down" | "out" | "to") {
        rest.get(1).copied().unwrap_or_default()
    } else {
        next
    };
    let definite = OBJECTS.contains(&object);
    let determined = definite || matches!(object, "the" | "a" | "an" | "another" | "two" | "three" | "some");
    if matches!(*verb, "set" | "create" | "start" | "add" | "schedule")
        && rest.iter().take(4).any(|word| TIMERS.contains(word))
    {
        return true;
    }
    let is_device = matches!(*verb, "turn" | "switch" | "dim" | "mute")
        && object == "the"
        && rest.iter().take(5).any(|word| DEVICES.contains(word));
    let is_kept = matches!(*verb, "add" | "put" | "save" | "move" | "copy" | "upload")
        && phrase(rest, &["to my", "on my", "in my", "to our"]);
    let is_sum = matches!(*verb, "transfer" | "wire" | "deposit" | "withdraw" | "pay" | "send" | "donate")
        && object.starts_with(|first: char| first.is_ascii_digit());
    let is_told = matches!(*verb, "email" | "text" | "message" | "remind" | "reply" | "notify" | "inform")
        && rest.iter().any(|word| matches!(*word, "about" | "saying" | "that"));
    let is_number = object.starts_with(|first: char| first.is_ascii_digit());
    is_told
        || (ACTS.contains(verb) && is_number)
        || is_device
        || is_kept
        || is_sum
        || (ACTS.contains(verb) && determined)
        || (POINTED.contains(verb) && definite)
}

/// Whether any of `phrases` occurs in `words`.
fn phrase(words: &[&str], phrases: &[&str]) -> bool {
    (0..words.len()).any(|at| phrases.iter().any(|phrase| starts(&words[at..], phrase)))
}

fn starts(words: &[&str], phrase: &str) -> bool {
    let mut rest = phrase;
    for word in words {
        let Some(tail) = rest.strip_prefix(word) else { return false };
        match tail.strip_prefix(' ') {
            Some(tail) => rest = tail,
            None => return tail.is_empty(),
        }
    }
    false
}

/// Whether a pronoun with `rest` behind it stands for nothing: `is it safe to`, `what time is it`, `it takes`.
fn is_expletive(rest: &[&str], word: &str, before: &str) -> bool {
    let is_weather =
        matches!(before, "is" | "was") && rest.iter().filter(|next| !lexicon::is_function(next)).count() > 1;
    word == "it"
        && (is_weather
            || rest.iter().take(4).any(|next| {
                matches!(
                    *next,
                    "to" | "that"
                        | "if"
                        | "for"
                        | "take"
                        | "takes"
                        | "mean"
                        | "rain"
                        | "like"
                        | "when"
                        | "legal"
                        | "called"
                )
            })
            || rest.is_empty() && before == "is")
}
