//! Chat Completions for a server that is stricter than OpenAI, without decoding them.
//!
//! A body whose protocol is the server's goes there byte for byte. A few servers refuse what OpenAI's own clients write, ids
//! of another form for instance; for them those places are edited, and nothing else.

use tollgate_core::{Edits, Request};

use crate::codec::{Dialect, ReasoningField, ReasoningReplay, ToolIds};
use crate::json::{self, Value};
use crate::openai_chat::request::ids::Ids;

/// Edits a Chat Completions body for a server's dialect: the form of tool call ids, the name of the seed, and the
/// field in which thoughts are sent back.
pub fn adapt_chat(request: &mut Request, dialect: &Dialect) {
    if !is_concerned(&request.body, dialect) {
        return;
    }
    let body = request.body.clone();
    // It was found to be JSON when its head was read.
    let Ok(value) = json::parse(&body) else { return };
    let mut editor = Editor { body: &body, edits: &mut request.edits };
    if dialect.seed_field != "seed"
        && let Some(seed) = value.get("seed")
        && value.get(dialect.seed_field).is_none()
    {
        editor.rename("seed", dialect.seed_field, seed);
    }
    let messages = value.array("messages");
    let ids = Ids::of(dialect.tool_ids, || messages.iter().flat_map(ids_of).filter_map(Value::as_str));
    for message in messages {
        for id in ids_of(message) {
            let known = id.as_str().unwrap_or_default();
            if ids.get(known) != known {
                editor.replace(id, &json::literal(ids.get(known)));
            }
        }
        if dialect.reasoning_replay != ReasoningReplay::None {
            editor.name_thoughts(message, dialect.reasoning_field);
        }
    }
}

/// Whether a body may hold something to edit; most do not, and are not parsed.
fn is_concerned(body: &[u8], dialect: &Dialect) -> bool {
    let holds = |word: &str| memchr::memmem::find(body, word.as_bytes()).is_some();
    (dialect.tool_ids != ToolIds::Any && holds("\"tool_call"))
        || (dialect.seed_field != "seed" && holds("\"seed\""))
        || (dialect.reasoning_replay != ReasoningReplay::None && holds("\"reasoning"))
}

/// Where ids of tool calls stand in a message.
fn ids_of<'v, 'a>(message: &'v Value<'a>) -> impl Iterator<Item = &'v Value<'a>> {
    let calls = message.array("tool_calls").iter().filter_map(|call| call.get("id"));
    calls.chain(message.get("tool_call_id"))
}

struct Editor<'e> {
    body: &'e [u8],
    edits: &'e mut Edits,
}

impl Editor<'_> {
    fn offset(&self, value: &Value<'_>) -> usize {
        value.raw().as_ptr().addr() - self.body.as_ptr().addr()
    }

    fn replace(&mut self, value: &Value<'_>, json: &str) {
        let start = self.offset(value);
        self.edits.replace(start..start + value.raw().len(), json.to_owned());
    }

    /// Gives the member of a value another name. Its old name stands before the value, after it a colon and white space.
    fn rename(&mut self, from: &str, to: &str, value: &Value<'_>) {
        let end = self.offset(value);
        let quoted = format!("\"{from}\"");
        let before = self.body[..end].trim_ascii_end().strip_suffix(b":").map(<[u8]>::trim_ascii_end);
        // Spelt with escapes it stays; nobody writes it so.
        if let Some(before) = before.filter(|before| before.ends_with(quoted.as_bytes())) {
            self.edits.replace(before.len() - quoted.len()..before.len(), format!("\"{to}\""));
        }
    }

    /// Sends thoughts back in the field that the server reads.
    fn name_thoughts(&mut self, message: &Value<'_>, field: ReasoningField) {
        let (from, to) = match field {
            ReasoningField::ReasoningContent => ("reasoning", "reasoning_content"),
            ReasoningField::Reasoning => ("reasoning_content", "reasoning"),
            ReasoningField::Details | ReasoningField::ContentParts => return,
        };
        if let Some(thoughts) = message.get(from).filter(|_| message.get(to).is_none()) {
            self.rename(from, to, thoughts);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tollgate_core::{Context, Head, Operation};

    use super::*;

    fn adapted(body: &str, dialect: &Dialect) -> String {
        let context = Context::builder("r").build();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let mut request = Request::new(Operation::ChatCompletions, Head::default(), body, context);
        adapt_chat(&mut request, dialect);
        String::from_utf8(request.edits.apply(&request.body).to_vec()).unwrap()
    }

    #[test]
    fn mistral_gets_its_own_ids() {
        let body = r#"{"seed" : 7,"messages":[{"role":"assistant","tool_calls":[{"id":"call_7"},{"id":"abcDEF123"}]},
            {"role":"tool","tool_call_id":"call_7","content":"call_7"}]}"#;
        let text = adapted(body, &Dialect::MISTRAL);
        let value = json::parse(text.as_bytes()).unwrap();
        let messages = value.array("messages");
        let id = messages[0].array("tool_calls")[0].str("id").unwrap();
        assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        assert_eq!(messages[1].str("tool_call_id"), Some(id));
        assert_eq!(messages[0].array("tool_calls")[1].str("id"), Some("abcDEF123"));
        assert_eq!(messages[1].str("content"), Some("call_7"));
        assert_eq!(value.u64("random_seed"), Some(7));
        assert_eq!(adapted(body, &Dialect::OPENAI), body);
    }

    #[test]
    fn thoughts_have_the_servers_name() {
        let body = r#"{"messages":[{"role":"developer","content":"x"},{"role":"assistant","reasoning":"t"}]}"#;
        let expect =
            r#"{"messages":[{"role":"developer","content":"x"},{"role":"assistant","reasoning_content":"t"}]}"#;
        assert_eq!(adapted(body, &Dialect::DEEPSEEK), expect);
        assert_eq!(adapted(body, &Dialect::OPENAI), body);
    }
}
