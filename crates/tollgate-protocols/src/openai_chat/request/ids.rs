//! Ids of tool calls in the form that a server demands.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use tollgate_core::ir::{Block, Prompt};

use crate::codec::ToolIds;

/// How long Mistral's ids are.
const LENGTH: usize = 9;

/// Ids of a request as the server wants them: the same for call and result, different for different ids, and the same
/// each time the conversation is sent, which prompt caches rely on. Ids that already fit stay.
#[derive(Debug, Default)]
pub(crate) struct Ids<'p>(HashMap<&'p str, String>);

impl<'p> Ids<'p> {
    pub(super) fn new(prompt: &'p Prompt, form: ToolIds) -> Self {
        Self::of(form, || prompt.turns.iter().flat_map(|turn| &turn.blocks).filter_map(id_of))
    }

    /// The same for ids wherever they stand. `ids` gives all of them each time it is called.
    pub(crate) fn of<I: Iterator<Item = &'p str>>(form: ToolIds, ids: impl Fn() -> I) -> Self {
        if form == ToolIds::Any {
            return Self::default();
        }
        let mut taken: HashSet<Cow<'p, str>> = ids().filter(|id| fits(id)).map(Cow::Borrowed).collect();
        let mut names = HashMap::new();
        for id in ids().filter(|id| !fits(id)) {
            names.entry(id).or_insert_with(|| {
                let mut salt = 0;
                loop {
                    let name = shortened(id, salt);
                    if taken.insert(Cow::Owned(name.clone())) {
                        return name;
                    }
                    salt += 1;
                }
            });
        }
        Self(names)
    }

    /// The id to send.
    pub(crate) fn get<'i>(&'i self, id: &'i str) -> &'i str {
        self.0.get(id).map_or(id, |name| name)
    }
}

fn id_of(block: &Block) -> Option<&str> {
    match block {
        Block::ToolCall(call) => Some(&call.id),
        Block::ToolResult(result) => Some(&result.id),
        _ => None,
    }
}

fn fits(id: &str) -> bool {
    id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Nine letters or digits from an id: its FNV-1a hash with the offset basis changed by the salt, in base 62.
fn shortened(id: &str, salt: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let basis = 0xcbf2_9ce4_8422_2325_u64 ^ salt;
    let mut hash = id.bytes().fold(basis, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let digit = |_| {
        let digit = usize::try_from(hash % 62).unwrap_or_default();
        hash /= 62;
        char::from(DIGITS[digit])
    };
    (0..LENGTH).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use tollgate_core::ir::{Protocol, Role, ToolCall, Turn};

    use super::*;

    #[test]
    fn ids_are_shortened_and_stay_apart() {
        let call = |id: &str| Block::ToolCall(ToolCall { id: id.to_owned(), ..ToolCall::default() });
        let mut prompt = Prompt::new(Protocol::OpenAiChat);
        let given = ["toolu_01AbCdEfGhIjKl", "call_7", "abcDEF123", "", "äöü"];
        // One of them is what another would be shortened to.
        let rival = shortened("call_7", 0);
        let blocks = given.iter().copied().chain([&*rival]).map(call).collect();
        prompt.turns.push(Turn::new(Role::Assistant, blocks));
        let ids = Ids::new(&prompt, ToolIds::NineAlphanumerics);
        let sent: HashSet<&str> = given.iter().copied().chain([&*rival]).map(|id| ids.get(id)).collect();
        assert_eq!(sent.len(), given.len() + 1);
        assert!(sent.iter().all(|id| fits(id)), "{sent:?}");
        assert_eq!((ids.get("abcDEF123"), ids.get(&rival)), ("abcDEF123", &*rival));
        assert_eq!(Ids::new(&prompt, ToolIds::NineAlphanumerics).get("call_7"), ids.get("call_7"));
        assert_eq!(Ids::new(&prompt, ToolIds::Any).get("call_7"), "call_7");
    }
}
