//! The specifications, read once, and where they are not taken at their word.
//!
//! * OpenAI's document uses `nullable` of OpenAPI 3.0 inside 3.1; it is honoured.
//! * OpenRouter's description of Anthropic's protocol requires every member, null where Anthropic leaves it out, so a
//!   required member that may be null may be absent. [`OPTIONAL`] has members that Anthropic leaves out although they
//!   may not be null there.
//! * Open Responses knows none of OpenAI's hosted tools; items and events of types that it does not know pass.
//! * Open Responses' `error` event nests its members in `error`, OpenAI's has them beside `type`; OpenAI itself sends
//!   them nested, so either is right.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use super::schema::Spec;
use super::{Skipped, items, text};
use crate::recordings::yaml;

/// Members that real answers leave out: specification, schema, member. Older models of Anthropic's answer calls without
/// `caller`; `logprobs` of text events are in neither OpenAI's older streams nor Open Responses; OpenAI's usage mostly
/// has no `cache_write_tokens`.
const OPTIONAL: &[(&str, &str, &str)] = &[
    ("anthropic", "AnthropicToolUseBlock", "caller"),
    ("openai", "ResponseTextDeltaEvent", "logprobs"),
    ("openai", "ResponseTextDoneEvent", "logprobs"),
];

/// Members that real answers have null where the schema does not allow it.
const NULLABLE: &[(&str, &str)] = &[
    ("openai", "/components/schemas/CreateChatCompletionStreamResponse/properties/system_fingerprint"),
    ("openai", "/components/schemas/CreateChatCompletionResponse/properties/system_fingerprint"),
    ("openai", "/components/schemas/ModelResponseProperties/properties/user"),
    ("openai", "/components/schemas/Response/allOf/2/properties/usage"),
];

/// Members nested in a schema that OpenAI leaves out with some models: the schema's list of them, and the member.
const NESTED: &[(&str, &str)] = &[
    ("/components/schemas/CreateChatCompletionResponse/properties/choices/items/required", "logprobs"),
    ("/components/schemas/ChatCompletionResponseMessage/required", "refusal"),
    ("/components/schemas/OutputTextContent/required", "logprobs"),
    ("/components/schemas/ResponseUsage/properties/input_tokens_details/required", "cache_write_tokens"),
];

/// All that is needed.
#[derive(Debug)]
pub(super) struct Specs {
    pub(super) openai: Spec,
    pub(super) anthropic: Spec,
    pub(super) open_responses: Spec,
    pub(super) ollama: Spec,
    /// OpenAI's schema of each event of Responses, by type.
    openai_events: BTreeMap<String, String>,
    /// Open Responses' schema of each event, by type.
    open_events: BTreeMap<String, String>,
}

/// The specifications, or that they are not there.
pub(super) fn loaded() -> Result<&'static Specs, Skipped> {
    static SPECS: OnceLock<Option<Specs>> = OnceLock::new();
    SPECS.get_or_init(|| Specs::load(&crate::shared()?.join("fixtures"))).as_ref().ok_or(Skipped)
}

impl Specs {
    fn load(fixtures: &Path) -> Option<Self> {
        let json = |path: &str| serde_json::from_slice::<Value>(&std::fs::read(fixtures.join(path)).ok()?).ok();
        let lines = std::fs::read_to_string(fixtures.join("spec-ollama/openapi.yaml")).ok()?;
        let ollama = yaml::parse(&lines).ok()?.first()?.to_json();
        let spec =
            |name, root| Spec { name, root: with_optional(name, root), absent_is_null: false, open_unions: false };
        let openai = spec("openai", json("spec-subsets/openai-2.3.0.subset.json")?);
        let open_responses = spec("open-responses", json("spec-openresponses/openapi.json")?);
        Some(Self {
            openai_events: events(&openai, "Response", "Event"),
            open_events: events(&open_responses, "Response", "StreamingEvent"),
            anthropic: Spec { absent_is_null: true, ..spec("anthropic", json("spec-subsets/openrouter.subset.json")?) },
            open_responses: Spec { open_unions: true, ..open_responses },
            ollama: spec("ollama", ollama),
            openai,
        })
    }

    /// What is wrong with an event of Responses. A type that OpenAI's specification does not know is wrong, one that
    /// Open Responses does not know is not.
    pub(super) fn responses_event(&self, event: &Value) -> Vec<String> {
        let kind = text(&event["type"]);
        if kind == "error" {
            let flat = self.openai.check("ResponseErrorEvent", event);
            let nested = || self.open_responses.check("ErrorStreamingEvent", event);
            return if flat.is_empty() || nested().is_empty() { Vec::new() } else { flat };
        }
        let mut found = match (self.openai_events.get(kind), self.open_events.get(kind)) {
            (None, None) => return vec![format!("unknown type `{kind}`")],
            (Some(name), _) => self.openai.check(name, event),
            (None, _) => Vec::new(),
        };
        found.extend(self.open_events.get(kind).map(|name| self.open_responses.check(name, event)).unwrap_or_default());
        found
    }
}

fn events(spec: &Spec, prefix: &str, suffix: &str) -> BTreeMap<String, String> {
    let Some(schemas) = spec.root["components"]["schemas"].as_object() else { return BTreeMap::new() };
    let events = schemas.iter().filter(|(name, _)| name.starts_with(prefix) && name.ends_with(suffix));
    let typed = events.flat_map(|(name, schema)| {
        items(&schema["properties"]["type"]["enum"]).iter().map(move |kind| (text(kind).to_owned(), name.clone()))
    });
    typed.collect()
}

fn with_optional(spec: &str, mut root: Value) -> Value {
    for (_, schema, member) in OPTIONAL.iter().filter(|(of, _, _)| *of == spec) {
        if let Some(required) = root["components"]["schemas"][*schema]["required"].as_array_mut() {
            required.retain(|name| name != member);
        }
    }
    for (_, pointer) in NULLABLE.iter().filter(|(of, _)| *of == spec) {
        if let Some(schema) = root.pointer_mut(pointer).and_then(Value::as_object_mut) {
            schema.insert("nullable".to_owned(), Value::Bool(true));
        }
    }
    for (pointer, member) in NESTED.iter().filter(|_| spec == "openai") {
        if let Some(required) = root.pointer_mut(pointer).and_then(Value::as_array_mut) {
            required.retain(|name| name != member);
        }
    }
    root
}
