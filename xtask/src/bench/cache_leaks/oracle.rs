//! What must be equal for two requests to share an answer, said a second time and in another way than the cache does.

use fastrand::Rng;
use serde_json::{Value, json};
use tollgate_core::Operation;

use super::specimen::Specimen;

/// Everything that counts, in one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// All of it.
    pub(super) whole: String,
    /// The same without the last words of the user; `None` where they are not what is answered.
    pub(super) around: Option<String>,
    /// Those words.
    pub(super) last: String,
}

/// Whether a member of the outermost object says nothing of the answer, by the documents of the protocols.
pub(super) fn is_delivery(operation: Operation, name: &str) -> bool {
    let is_common = matches!(name, "model" | "stream");
    match operation {
        Operation::ChatCompletions => is_common || matches!(name, "metadata" | "store" | "stream_options"),
        Operation::Completions => is_common || name == "stream_options",
        Operation::Responses => {
            is_common || matches!(name, "background" | "include_obfuscation" | "metadata" | "store" | "stream_options")
        }
        Operation::OllamaChat => is_common || name == "keep_alive",
        Operation::Messages => is_common,
        // Whether it is streamed stands in the address.
        _ => name == "model",
    }
}

impl Form {
    pub(super) fn of(specimen: &Specimen) -> Self {
        let mut body = specimen.body.clone();
        if let Some(members) = body.as_object_mut() {
            members.retain(|name, _| !is_delivery(specimen.operation, name));
        }
        spell_out(specimen.operation, &mut body);
        let outside = outside(specimen);
        let last = last_words(specimen.operation, &body);
        let (around, words) = match last.filter(|_| specimen.twice.is_none()) {
            Some(place) => {
                let mut rest = body.clone();
                let words = rest.pointer_mut(&place).map(Value::take);
                (Some(format!("{outside}{place}{}", sorted(&rest))), words)
            }
            None => (None, None),
        };
        let last = words.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { whole: format!("{outside}{}", sorted(&body)), around, last }
    }
}

/// What counts beside the body.
fn outside(specimen: &Specimen) -> String {
    let key = specimen.key.as_deref();
    let shared_with = match (specimen.scope, key) {
        (_, None) => "nobody".to_owned(),
        (0, Some(key)) => format!("key {key}"),
        (1, Some(key)) => format!("team {}", key.split('/').take(2).collect::<Vec<_>>().join("/")),
        (2, Some(key)) => format!("tenant {}", key.split('/').next().unwrap_or_default()),
        _ => "all".to_owned(),
    };
    let mut headers: Vec<_> = specimen.headers.iter().filter(|(name, _)| *name != "traceparent").collect();
    headers.sort();
    let Specimen { operation, provider, model, twice, .. } = specimen;
    format!("{operation:?}|{shared_with}|{provider}|{model}|{headers:?}|{twice:?}|")
}

/// Where a protocol allows two ways to write the very same, the longer one.
fn spell_out(operation: Operation, body: &mut Value) {
    match operation {
        Operation::Messages => {
            as_list(body.get_mut("system"), "text");
            each(body.get_mut("messages"), |turn| as_list(turn.get_mut("content"), "text"));
        }
        Operation::Responses => {
            if let Some(text) = body.get("input").and_then(Value::as_str) {
                body["input"] = json!([{ "role": "user", "content": text }]);
            }
            each(body.get_mut("input"), |item| {
                if item.get("type").is_some_and(|kind| kind == "message")
                    && let Some(members) = item.as_object_mut()
                {
                    members.remove("type");
                }
                as_list(item.get_mut("content"), "input_text");
            });
        }
        _ => {}
    }
}

fn each(list: Option<&mut Value>, change: impl Fn(&mut Value)) {
    list.and_then(Value::as_array_mut).into_iter().flatten().filter(|item| item.is_object()).for_each(change);
}

fn as_list(content: Option<&mut Value>, kind: &str) {
    if let Some(content) = content
        && let Some(text) = content.as_str()
    {
        *content = json!([{ "type": kind, "text": text }]);
    }
}

/// Where the last words of the user stand, if a user speaks last and says one text.
fn last_words(operation: Operation, body: &Value) -> Option<String> {
    let (list, content, kind) = match operation {
        Operation::Completions => {
            let prompt = body.get("prompt")?;
            let is_one = prompt.as_array().is_some_and(|prompts| prompts.len() == 1 && prompts[0].is_string());
            return prompt.is_string().then(|| "/prompt".to_owned()).or(is_one.then(|| "/prompt/0".to_owned()));
        }
        Operation::Embeddings => return None,
        Operation::Responses => ("input", "content", Some("input_text")),
        Operation::GenerateContent => ("contents", "parts", None),
        _ => ("messages", "content", Some("text")),
    };
    let turns = body.get(list)?.as_array()?;
    let turn = turns.last()?;
    let is_user = match turn.get("role").filter(|role| !role.is_null()) {
        Some(role) => role == "user",
        None => operation == Operation::GenerateContent,
    };
    let place = format!("/{list}/{}/{content}", turns.len() - 1);
    let said = turn.get(content).filter(|_| is_user)?;
    if said.is_string() {
        return Some(place);
    }
    let parts = said.as_array()?;
    let is_text = |part: &Value| {
        part.get("text").is_some_and(Value::is_string)
            && kind.is_none_or(|kind| part.get("type").is_some_and(|of| of == kind))
    };
    let texts: Vec<usize> = (0..parts.len()).filter(|number| is_text(&parts[*number])).collect();
    (texts.len() == 1).then(|| format!("{place}/{}/text", texts[0]))
}

/// JSON with sorted members.
fn sorted(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let text = |(name, value): &(&String, &Value)| format!("{}:{}", json!(name), sorted(value));
            format!("{{{}}}", members.iter().map(text).collect::<Vec<_>>().join(","))
        }
        leaf => leaf.to_string(),
    }
}

/// The JSON text of a request, with members in random order and white space in random places.
pub(super) fn written(specimen: &Specimen, rng: &mut Rng) -> String {
    let mut out = String::new();
    write(&specimen.body, "", specimen, rng, &mut out);
    out
}

fn write(value: &Value, at: &str, specimen: &Specimen, rng: &mut Rng, out: &mut String) {
    let space = |rng: &mut Rng, out: &mut String| {
        if rng.u8(..8) == 0 {
            out.push_str([" ", "\n", "\t "][rng.usize(..3)]);
        }
    };
    match value {
        Value::Array(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                space(rng, out);
                write(item, &format!("{at}/{number}"), specimen, rng, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            rng.shuffle(&mut members);
            out.push('{');
            let mut separator = "";
            if let Some((place, name, value)) = &specimen.twice
                && place == at
            {
                *out += &format!("{}:{value}", json!(name));
                separator = ",";
            }
            for (name, member) in members {
                out.push_str(separator);
                space(rng, out);
                *out += &format!("{}:", json!(name));
                space(rng, out);
                let escaped = name.replace('~', "~0").replace('/', "~1");
                write(member, &format!("{at}/{escaped}"), specimen, rng, out);
                separator = ",";
            }
            out.push('}');
        }
        leaf => *out += &leaf.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_the_same_have_one_form() {
        let specimen = |operation, body: Value| Specimen {
            operation,
            body,
            twice: None,
            headers: Vec::new(),
            key: Some("acme/search/alice".into()),
            provider: "p".into(),
            model: "m".into(),
            scope: 1,
        };
        let of = |operation, body| Form::of(&specimen(operation, body));
        let short = of(Operation::Responses, json!({ "input": "Hi", "stream": true }));
        let item = json!({ "type": "message", "role": "user", "content": [{ "text": "Hi", "type": "input_text" }] });
        assert_eq!(short, of(Operation::Responses, json!({ "input": [item] })));
        assert_eq!(short.last, "Hi");
        let chat = |text: &str| json!({ "messages": [{ "role": "user", "content": text }] });
        let (one, other) = (of(Operation::ChatCompletions, chat("a")), of(Operation::ChatCompletions, chat("b")));
        assert!(one.whole != other.whole && one.around == other.around && one.around.is_some());
        let answered = json!({ "messages": [{ "role": "assistant", "content": "a" }] });
        assert_eq!(of(Operation::ChatCompletions, answered).around, None);
    }
}
