//! What the fakes answer, in no protocol's words.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Reply, Step};

/// Input tokens that no cache has seen.
pub const INPUT_UNCACHED: u64 = 10;
/// Input tokens read from a cache.
pub const CACHE_READ: u64 = 8;
/// Input tokens written to a cache, by providers that count them. Others count them with the uncached ones.
pub const CACHE_WRITE: u64 = 2;
/// Output tokens without reasoning.
pub const OUTPUT: u64 = 7;
/// Reasoning tokens, of answers that have thinking.
pub const REASONING: u64 = 3;

pub(super) const MISSING_MODEL: &str = "no-such-model";
pub(super) const THOUGHT: &str = "Let me think about it.";
pub(super) const REFUSAL: &str = "I can't help with that.";

/// A request, in no protocol's words.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) system: String,
    /// The last text of the user.
    pub(super) text: String,
    /// What tools have answered since the model's last turn.
    pub(super) results: Vec<String>,
    /// Names of the tools.
    pub(super) tools: Vec<String>,
    pub(super) choice: Choice,
    pub(super) parallel: bool,
    /// How many calls the conversation has; later ones have higher numbers.
    pub(super) calls: usize,
    /// Length in bytes and MIME type of the last image.
    pub(super) image: Option<(usize, String)>,
    pub(super) json: bool,
    pub(super) thinking: bool,
    pub(super) params: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Auto,
    None,
    Any,
    Tool(String),
}

/// An answer, in no protocol's words.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) thinking: Option<&'static str>,
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) finish: Finish,
    pub(super) broken: Option<Broken>,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    /// From 1, over the whole conversation.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) arguments: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Calls,
    Length,
    Refusal,
}

/// How a stream goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Event,
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    RateLimit,
    Internal,
    Overloaded,
}

// === impl Ask ===

impl Default for Ask {
    fn default() -> Self {
        Self {
            system: String::new(),
            text: String::new(),
            results: Vec::new(),
            tools: Vec::new(),
            choice: Choice::Auto,
            parallel: true,
            calls: 0,
            image: None,
            json: false,
            thinking: false,
            params: Map::new(),
        }
    }
}

impl Ask {
    /// Notes those members of `object` that have a value as parameters.
    pub(super) fn note_params(&mut self, object: &Value, names: &[&str]) {
        for name in names {
            if let Some(value) = object.get(*name).filter(|value| !value.is_null()) {
                self.params.insert((*name).to_owned(), value.clone());
            }
        }
    }

    pub(super) fn says(&self, words: &str) -> bool {
        let plain = |text: &str| -> String {
            let text = text.to_lowercase();
            let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            format!(" {} ", words.join(" "))
        };
        plain(&self.text).contains(&plain(words))
    }

    fn has(&self, tool: &str) -> bool {
        self.choice != Choice::None && self.tools.iter().any(|name| name == tool)
    }

    /// What to answer.
    pub(super) fn answer(&self) -> Result<Answer, Fault> {
        for (words, fault) in
            [("fail 429", Fault::RateLimit), ("fail 500", Fault::Internal), ("fail overloaded", Fault::Overloaded)]
        {
            if self.says(words) {
                return Err(fault);
            }
        }
        let thinks = self.thinking && self.results.is_empty() && self.says("think hard");
        let calls = self.calls_now();
        let (text, finish) = if calls.is_empty() { self.speech() } else { (String::new(), Finish::Calls) };
        let broken = [("break midstream", Broken::Event), ("cut midstream", Broken::Cut)];
        Ok(Answer {
            thinking: thinks.then_some(THOUGHT),
            text,
            calls,
            finish,
            broken: broken.into_iter().find(|(words, _)| self.says(words)).map(|(_, broken)| broken),
        })
    }

    fn calls_now(&self) -> Vec<Call> {
        if !self.results.is_empty() {
            return Vec::new();
        }
        let mut calls = Vec::new();
        if self.has("get_weather") && self.says("weather") {
            let cities = ["Paris", "Rome"].into_iter().filter(|city| self.says(city));
            calls.extend(cities.map(|city| ("get_weather".to_owned(), json!({ "city": city }))));
        }
        if self.has("get_time") && self.says("call time") {
            calls.push(("get_time".to_owned(), json!({})));
        }
        let forced = match &self.choice {
            Choice::Auto | Choice::None => None,
            Choice::Any => self.tools.first(),
            Choice::Tool(name) => Some(name),
        };
        if let Some(name) = forced.filter(|_| calls.is_empty()) {
            let arguments = match name.as_str() {
                "get_weather" => json!({ "city": "Paris" }),
                "get_time" => json!({}),
                _ => serde_json::from_str(ADA).unwrap_or_default(),
            };
            calls.push((name.clone(), arguments));
        }
        calls.truncate(if self.parallel { usize::MAX } else { 1 });
        let numbered = calls.into_iter().enumerate();
        numbered.map(|(at, (name, arguments))| Call { number: self.calls + at + 1, name, arguments }).collect()
    }

    fn speech(&self) -> (String, Finish) {
        if !self.results.is_empty() {
            return (format!("It is {}", self.results.join(" and ")), Finish::Stop);
        }
        if self.says("long") {
            return ("This goes on and on and".to_owned(), Finish::Length);
        }
        if self.says("refuse") {
            return (REFUSAL.to_owned(), Finish::Refusal);
        }
        let text = match &self.image {
            Some((bytes, mime)) if self.says("describe the image") => {
                format!("I see an image of {bytes} bytes ({mime})")
            }
            _ if self.json && self.says("as json") => ADA.to_owned(),
            _ if self.says("echo params") => sorted(&Value::Object(self.params.clone())).to_string(),
            _ if self.says("echo system") => self.system.clone(),
            _ if self.says("think hard") => "I have thought about it.".to_owned(),
            _ if ["say hello", "break midstream", "cut midstream"].iter().any(|words| self.says(words)) => {
                "Hello from FAKE.".to_owned()
            }
            _ => format!("FAKE heard: {}", self.text),
        };
        (text, Finish::Stop)
    }
}

const ADA: &str = r#"{"name":"Ada","age":36}"#;

// === impl Answer ===

impl Answer {
    /// The text in pieces, a word each.
    pub(super) fn words(&self) -> Vec<&str> {
        self.text.split_inclusive(' ').collect()
    }

    /// Output tokens, with those of reasoning.
    pub(super) fn output(&self) -> u64 {
        OUTPUT + self.reasoning()
    }

    pub(super) fn reasoning(&self) -> u64 {
        self.thinking.map_or(0, |_| REASONING)
    }

    /// An answer that is not streamed. One that should break is an error instead, one that should be cut off is.
    pub(super) fn whole(&self, body: &Value, failed: impl FnOnce(Fault) -> Reply) -> Reply {
        let text = body.to_string();
        match self.broken {
            None => Reply::json(text),
            Some(Broken::Event) => failed(Fault::Internal),
            Some(Broken::Cut) => Reply::json(text[..text.len() / 2].to_owned()).step(Step::Cut),
        }
    }

    /// A stream of these events, each of which says whether it is a delta; `error` is what breaks it.
    pub(super) fn stream(&self, start: Reply, events: Vec<(bool, Bytes)>, error: Bytes) -> Reply {
        let Some(broken) = self.broken else {
            return events.into_iter().fold(start, |reply, (_, event)| reply.bytes(event));
        };
        let mut deltas = 0;
        let mut reply = start;
        for (is_delta, event) in events {
            reply = reply.bytes(event);
            deltas += usize::from(is_delta);
            if deltas == 2 {
                break;
            }
        }
        match broken {
            Broken::Event => reply.bytes(error),
            Broken::Cut => reply.step(Step::Cut),
        }
    }
}

/// Arguments in pieces, as models stream them.
pub(super) fn fragments(arguments: &Value) -> Vec<String> {
    let text = arguments.to_string();
    if text == "{}" { Vec::new() } else { text.split_inclusive(':').map(str::to_owned).collect() }
}

/// The first member of `object` that is none of `known`.
pub(super) fn unknown<'a>(object: &'a Value, known: &[&str]) -> Option<&'a str> {
    object.as_object()?.keys().map(String::as_str).find(|name| !known.contains(name))
}

/// The entries of an array; none if it is something else.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The same value with the keys of objects in order.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(array) => Value::Array(array.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// How many bytes the text is in base64, if it is plain base64.
pub(super) fn base64_length(text: &str) -> Option<usize> {
    let data = text.trim_end_matches('=');
    let padding = text.len() - data.len();
    let plain = data.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    (plain && !data.is_empty() && text.len().is_multiple_of(4) && padding <= 2).then(|| data.len() * 3 / 4)
}

/// Length and MIME type of a `data:` address in base64.
pub(super) fn data_url(url: &str) -> Option<(usize, String)> {
    let (mime, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    Some((base64_length(data)?, mime.to_owned()))
}

/// The MIME type that the first bytes tell, of an image in base64.
pub(super) fn sniff(base64: &str) -> &'static str {
    match base64 {
        data if data.starts_with("iVBOR") => "image/png",
        data if data.starts_with("/9j/") => "image/jpeg",
        data if data.starts_with("R0lGOD") => "image/gif",
        data if data.starts_with("UklGR") => "image/webp",
        _ => "application/octet-stream",
    }
}

/// Something that follows from a text and from nothing else, such as a signature.
pub(super) fn digest(text: &str) -> String {
    let crc = |seed: u32| {
        let mut hasher = crc32fast::Hasher::new_with_initial(seed);
        hasher.update(text.as_bytes());
        hasher.finalize()
    };
    format!("{:08x}{:08x}", crc(0), crc(0x70_11_6a_7e))
}

/// A vector that follows from the text: numbers that are exact in 32 bits, the first of them never 0.
pub(super) fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let number = |at: usize| {
        let sum = crc32fast::hash(format!("{at} {text}").as_bytes()) % 1024;
        (f32::from(u16::try_from(sum).unwrap_or_default()) - 511.5) / 512.0
    };
    (0..dimensions.clamp(1, 4096)).map(number).collect()
}

/// Numbers of 32 bits, little-endian, in base64.
pub(super) fn base64(numbers: &[f32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            text.push(if place <= group.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Ask {
        let tools = vec!["get_weather".to_owned(), "get_time".to_owned()];
        Ask { text: text.to_owned(), tools, ..Ask::default() }
    }

    fn spoken(ask: &Ask) -> String {
        ask.answer().unwrap().text
    }

    #[test]
    fn words_decide() {
        assert_eq!(spoken(&ask("Please, SAY hello!")), "Hello from FAKE.");
        assert_eq!(spoken(&ask("How do belongings go along?")), "FAKE heard: How do belongings go along?");
        assert_eq!(ask("long").answer().unwrap().finish, Finish::Length);
        assert_eq!(ask("fail 429").answer().unwrap_err(), Fault::RateLimit);
        let echo =
            Ask { params: Map::from_iter([("b".into(), json!(1)), ("a".into(), json!(2))]), ..ask("echo params") };
        assert_eq!(spoken(&echo), r#"{"a":2,"b":1}"#);
    }

    #[test]
    fn tools_are_called_and_answered() {
        let names = |ask: &Ask| -> Vec<String> {
            ask.answer().unwrap().calls.iter().map(|call| format!("{} {}", call.number, call.arguments)).collect()
        };
        let both = ask("weather in Paris and Rome");
        assert_eq!(names(&both), [r#"1 {"city":"Paris"}"#, r#"2 {"city":"Rome"}"#]);
        assert_eq!(names(&Ask { parallel: false, calls: 2, ..both.clone() }), [r#"3 {"city":"Paris"}"#]);
        assert!(names(&Ask { choice: Choice::None, ..both.clone() }).is_empty());
        assert_eq!(names(&ask("call time")), ["1 {}"]);
        let forced = Ask { choice: Choice::Tool("x".into()), ..ask("?") };
        assert_eq!(forced.answer().unwrap().calls[0].arguments, json!({ "name": "Ada", "age": 36 }));
        let done = Ask { results: vec!["sunny".into(), "wet".into()], ..both };
        assert_eq!(spoken(&done), "It is sunny and wet");
    }

    #[test]
    fn base64_is_measured() {
        assert_eq!(base64_length("aGk="), Some(2));
        assert_eq!(base64(&[0.5, -0.25, 0.125, 1.0]), "AAAAPwAAgL4AAAA+AACAPw==");
        assert_eq!(base64_length("data:image/png;base64,aGk="), None);
        assert_eq!(data_url("data:image/png;base64,aGkh"), Some((3, "image/png".to_owned())));
    }
}
