//! Requests in both directions.

use tollgate_core::ir::{
    Block, Effort, Format, Losses, Media, MediaKind, Origin, Prompt, Protocol, Role, Signature, Source, Thinking,
    Thought, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};

use super::{decode, encode};
use crate::codec::{Dialect, Target};

fn prompt(protocol: Protocol, turns: Vec<Turn>) -> Prompt {
    Prompt { turns, ..Prompt::new(protocol) }
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Block::text(text)])
}

fn hi(protocol: Protocol) -> Prompt {
    prompt(protocol, vec![user("Hi")])
}

fn call(id: &str, name: &str, signature: Option<Signature>) -> Block {
    let arguments = r#"{"x":1}"#.to_owned();
    Block::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments, signature, ..ToolCall::default() })
}

fn result(id: &str, text: &str) -> Block {
    Block::ToolResult(ToolResult { id: id.to_owned(), content: vec![Block::text(text)], ..ToolResult::default() })
}

fn google(value: &str) -> Option<Signature> {
    Some(Signature { origin: Origin::Google, value: value.to_owned() })
}

fn write_for(prompt: &Prompt, model: &str) -> (String, Vec<String>) {
    let mut losses = Losses::default();
    let target = Target::new(Protocol::GeminiGenerate, model, &Dialect::OPENAI);
    let encoded = encode(prompt, &target, &mut losses).unwrap();
    (String::from_utf8(encoded.body.to_vec()).unwrap(), losses.fields().map(str::to_owned).collect())
}

const HI: &str = r#""contents":[{"role":"user","parts":[{"text":"Hi"}]}]"#;

#[track_caller]
fn check(prompt: &Prompt, model: &str, rest: &str, losses: &[&str]) {
    let (body, lost) = write_for(prompt, model);
    let comma = if rest.is_empty() { "" } else { "," };
    assert_eq!(body, format!("{{{HI}{comma}{rest}}}"));
    assert_eq!(lost, losses);
}

#[test]
fn own_requests_come_out_as_they_went_in() {
    let body = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"q"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"fileData":{"fileUri":"https://youtu.be/x"}}]},{"role":"model","parts":[{"text":"t","thought":true,"thoughtSignature":"a"},{"text":"b","thoughtSignature":"c"},{"executableCode":{"language":"PYTHON","code":"1"}},{"functionCall":{"id":"1","name":"f","args":{"n":12345678901234567890}},"thoughtSignature":"d"}]},{"role":"user","parts":[{"functionResponse":{"id":"1","name":"f","response":{"output":"r"}}}]}],"tools":[{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object","properties":{"n":{"type":"integer"}}},"behavior":"BLOCKING"}]},{"googleSearch":{}},{"codeExecution":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]},"retrievalConfig":{"languageCode":"de"}},"generationConfig":{"maxOutputTokens":10,"temperature":0.5,"topP":0.9,"topK":40,"presencePenalty":1,"frequencyPenalty":-1,"stopSequences":["x"],"seed":-7,"candidateCount":2,"responseLogprobs":true,"logprobs":3,"responseMimeType":"application/json","responseJsonSchema":{"type":"object"},"thinkingConfig":{"thinkingBudget":512,"includeThoughts":true},"mediaResolution":"MEDIA_RESOLUTION_LOW","speechConfig":{"languageCode":"de"}},"serviceTier":"flex","labels":{"a":"b"},"safetySettings":[{"category":"c"}],"cachedContent":"cachedContents/x"}"#;
    let prompt = decode(body.as_bytes()).unwrap();
    let (back, losses) = write_for(&prompt, "gemini-2.5-flash");
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&back), value(body));
    assert!(back.contains("12345678901234567890"));
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn snake_case_means_the_same() {
    let snake = br#"{"system_instruction":{"parts":{"text":"s"}},"contents":[{"parts":[{"file_data":{"file_uri":"gs://b/x.png","mime_type":"image/png"}},
        {"function_response":{"name":"f","response":{"a":1}}}]}],"tools":{"function_declarations":[{"name":"f","parameters_json_schema":{}}]},
        "tool_config":{"function_calling_config":{"mode":"any","allowed_function_names":["f","g"]}},
        "generation_config":{"max_output_tokens":1,"thinking_config":{"thinking_level":"low","include_thoughts":false},"stop_sequences":["x"]}}"#;
    let camel = br#"{"systemInstruction":{"parts":{"text":"s"}},"contents":[{"parts":[{"fileData":{"fileUri":"gs://b/x.png","mimeType":"image/png"}},
        {"functionResponse":{"name":"f","response":{"a":1}}}]}],"tools":{"functionDeclarations":[{"name":"f","parametersJsonSchema":{}}]},
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f","g"]}},
        "generationConfig":{"maxOutputTokens":1,"thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":false},"stopSequences":["x"]}}"#;
    let prompt = decode(snake).unwrap();
    assert_eq!(prompt, decode(camel).unwrap());
    assert!(prompt.extras.is_empty());
    assert_eq!(prompt.reasoning.effort, Some(Effort::Low));
    let subset = ToolChoice::Subset { names: vec!["f".to_owned(), "g".to_owned()], required: true };
    assert_eq!(prompt.tool_choice, Some(subset));
}

#[test]
fn wrong_types_are_named() {
    for (body, param) in [
        ("{}", "contents"),
        (r#"{"contents":1}"#, "contents"),
        (r#"{"contents":[{"role":"system","parts":[]}]}"#, "contents[0].role"),
        (r#"{"contents":[{"parts":[{"text":1}]}]}"#, "contents[0].parts[0].text"),
        (r#"{"contents":[{"parts":[{},{"inlineData":{"data":"x"}}]}]}"#, "contents[0].parts[1].inlineData.mimeType"),
        (r#"{"contents":[],"generationConfig":{"topK":"many"}}"#, "generationConfig.topK"),
        (r#"{"contents":[],"tools":[{"functionDeclarations":[{}]}]}"#, "tools.functionDeclarations.name"),
        (
            r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"X"}}}"#,
            "toolConfig.functionCallingConfig.mode",
        ),
    ] {
        assert_eq!(decode(body.as_bytes()).unwrap_err().param(), Some(param), "{body}");
    }
    assert!(decode(b"[").is_err() && decode(b"[]").is_err());
}

#[test]
fn results_without_ids_answer_the_earliest_call_of_their_name() {
    let body = br#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}},{"functionCall":{"name":"g"}},{"functionCall":{"name":"f"}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}},{"functionResponse":{"name":"f","response":{"error":"e"}}},{"functionResponse":{"name":"g","response":{"output":"o"}}}]}]}"#;
    let prompt = decode(body).unwrap();
    let ids = |turn: &Turn| -> Vec<String> {
        let ids = turn.blocks.iter().map(|block| match block {
            Block::ToolCall(call) => call.id.clone(),
            Block::ToolResult(result) => result.id.clone(),
            _ => String::new(),
        });
        ids.collect()
    };
    let calls = ids(&prompt.turns[0]);
    assert_eq!(ids(&prompt.turns[1]), [&*calls[0], &*calls[2], &*calls[1]]);
    assert!(matches!(&prompt.turns[1].blocks[1], Block::ToolResult(result) if result.is_error && result.text() == "e"));
    // The same history is the same prefix the next time.
    assert_eq!(decode(body).unwrap(), prompt);
}

#[test]
fn chunks_of_a_stream_come_back_as_one_turn() {
    let body = br#"{"contents":[{"role":"model","parts":[{"text":"a","thought":true}]},{"role":"model","parts":[{"text":"b","thought":true}]},
        {"role":"model","parts":[{"text":"","thought":true,"thoughtSignature":"tollgate:anthropic:s"},{"text":"c"}]},{"role":"model","parts":[{"text":"d"},{"text":""}]}]}"#;
    let prompt = decode(body).unwrap();
    let signature = Some(Signature { origin: Origin::Anthropic, value: "s".to_owned() });
    let thinking = Thinking { text: "ab".to_owned(), signature, ..Thinking::default() };
    assert_eq!(prompt.turns, [Turn::new(Role::Assistant, vec![Block::Thinking(thinking), Block::text("cd")])]);
}

#[test]
fn b06_signatures_stay_where_they_were() {
    let turns = vec![
        user("Hi"),
        Turn::new(Role::Assistant, vec![call("fc1", "a", google("U0lH")), call("fc2", "b", None)]),
        Turn::new(Role::Tool, vec![result("fc2", "2")]),
        Turn::new(Role::Tool, vec![result("fc1", r#"{"k":1}"#)]),
    ];
    let (body, losses) = write_for(&prompt(Protocol::OpenAiChat, turns), "gemini-3-pro-preview");
    let expected = r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"id":"fc1","name":"a","args":{"x":1}},"thoughtSignature":"U0lH"},{"functionCall":{"id":"fc2","name":"b","args":{"x":1}}}]},{"role":"user","parts":[{"functionResponse":{"id":"fc1","name":"a","response":{"k":1}}},{"functionResponse":{"id":"fc2","name":"b","response":{"output":"2"}}}]}]}"#;
    assert_eq!(body, expected);
    assert!(losses.is_empty());
}

#[test]
fn b06_foreign_history_gets_the_skip_value_in_the_current_turn_only() {
    let step = |id: &str| {
        [
            Turn::new(Role::Assistant, vec![call(id, "a", None), call("x", "a", None)]),
            Turn::new(Role::Tool, vec![result(id, "1"), result("x", "1")]),
        ]
    };
    let turns = [&[user("one")][..], &step("1"), &[user("two")], &step("2"), &step("3")].concat();
    let prompt = prompt(Protocol::OpenAiChat, turns);
    let (body, _) = write_for(&prompt, "gemini-3-flash");
    assert_eq!(body.matches("skip_thought_signature_validator").count(), 2);
    for id in ["2", "3"] {
        let call = format!(r#""functionCall":{{"id":"{id}","name":"a","args":{{"x":1}}}},"thoughtSignature":"skip_"#);
        assert!(body.contains(&call), "{body}");
    }
    assert!(!write_for(&prompt, "gemini-2.5-pro").0.contains("skip_"));
}

#[test]
fn thoughts_of_others_stay_behind() {
    let signature = Some(Signature { origin: Origin::Anthropic, value: "s".to_owned() });
    let thinking = Block::Thinking(Thinking { text: "t".to_owned(), signature, ..Thinking::default() });
    let turns = vec![user("Hi"), Turn::new(Role::Assistant, vec![thinking, Block::text("a")]), user("Hi")];
    let (body, losses) = write_for(&prompt(Protocol::AnthropicMessages, turns), "gemini-2.5-pro");
    assert!(!body.contains("thought") && losses == ["thinking"], "{body} {losses:?}");
}

#[test]
fn b20_schemas() {
    let schema =
        r##"{"$defs":{"P":{"type":["string","null"]}},"type":"object","properties":{"p":{"$ref":"#/$defs/P"}}}"##;
    let tool = |parameters: Option<&str>| Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: parameters.map(str::to_owned),
        strict: None,
        cache: None,
    };
    let mut prompt = hi(Protocol::OpenAiChat);
    prompt.tools = vec![tool(Some(schema))];
    let rest = format!(r#""tools":[{{"functionDeclarations":[{{"name":"f","parametersJsonSchema":{schema}}}]}}]"#);
    check(&prompt, "gemini-2.5-flash", &rest, &[]);
    let subset = r#"{"type":"OBJECT","properties":{"p":{"type":"STRING","nullable":true}}}"#;
    let rest = format!(r#""tools":[{{"functionDeclarations":[{{"name":"f","parameters":{subset}}}]}}]"#);
    check(&prompt, "gemini-2.0-flash", &rest, &[]);
    prompt.tools = vec![tool(Some(r#"{"type":"object","properties":{}}"#))];
    check(&prompt, "gemini-2.0-flash", r#""tools":[{"functionDeclarations":[{"name":"f"}]}]"#, &[]);
    prompt.tools.clear();
    let schema = schema.to_owned();
    prompt.format = Some(Format::JsonSchema { name: None, description: None, schema, strict: None });
    let rest = format!(r#""generationConfig":{{"responseMimeType":"application/json","responseSchema":{subset}}}"#);
    check(&prompt, "gemini-2.0-flash", &rest, &[]);
}

#[test]
fn b36_choices_and_places() {
    let mut prompt = hi(Protocol::OpenAiChat);
    let media = Media::new(MediaKind::Image, Source::Url("gs://bucket/x.png".to_owned()));
    prompt.turns[0].blocks.push(Block::Media(media));
    let tool = Tool::Function { name: "a".to_owned(), description: None, parameters: None, strict: None, cache: None };
    prompt.tools = vec![tool];
    prompt.tool_choice = Some(ToolChoice::Subset { names: vec!["a".to_owned()], required: true });
    prompt.parallel_tool_calls = Some(false);
    let (body, losses) = write_for(&prompt, "gemini-2.5-flash");
    assert!(body.contains(r#"{"fileData":{"mimeType":"image/png","fileUri":"gs://bucket/x.png"}}"#), "{body}");
    assert!(
        body.contains(r#""toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a"]}}"#),
        "{body}"
    );
    assert_eq!(losses, ["parallel_tool_calls"]);
    let media = Media::new(MediaKind::Image, Source::Url("https://h/x".to_owned()));
    prompt.turns[0].blocks.push(Block::Media(media));
    let (body, losses) = write_for(&prompt, "gemini-2.5-flash");
    assert!(body.contains(r#"{"fileData":{"mimeType":"image/jpeg","fileUri":"https://h/x"}}"#), "{body}");
    assert_eq!(losses, ["image.media_type", "parallel_tool_calls"]);
    prompt.turns[0].blocks = vec![Block::Media(Media::new(MediaKind::Audio, Source::Url("https://h/x".to_owned())))];
    let target = Target::new(Protocol::GeminiGenerate, "gemini-2.5-flash", &Dialect::OPENAI);
    assert_eq!(encode(&prompt, &target, &mut Losses::default()).unwrap_err().param(), Some("audio"));
}

#[test]
fn thinking_by_what_the_model_takes() {
    let check = |model: &str, effort: Option<Effort>, thought: Option<Thought>, expected: &str, losses: &[&str]| {
        let mut prompt = hi(Protocol::OpenAiChat);
        (prompt.reasoning.effort, prompt.reasoning.thought) = (effort, thought);
        let rest = match expected {
            "" => String::new(),
            expected => format!(r#""generationConfig":{{"thinkingConfig":{{{expected}}}}}"#),
        };
        self::check(&prompt, model, &rest, losses);
    };
    let with = r#""includeThoughts":true"#;
    check("gemini-2.5-flash", None, None, "", &[]);
    check("gemini-2.5-flash", Some(Effort::None), None, r#""thinkingBudget":0"#, &[]);
    check("gemini-2.5-pro", Some(Effort::None), None, r#""thinkingBudget":128"#, &["reasoning_effort"]);
    check("gemini-2.5-flash", Some(Effort::Low), None, &format!(r#""thinkingBudget":1024,{with}"#), &[]);
    check("gemini-2.5-flash", Some(Effort::Max), None, &format!(r#""thinkingBudget":24576,{with}"#), &[]);
    check("gemini-2.5-pro", None, Some(Thought::Adaptive), &format!(r#""thinkingBudget":-1,{with}"#), &[]);
    let budget = Some(Thought::Budget(40_000));
    check("gemini-2.5-pro", None, budget, &format!(r#""thinkingBudget":32768,{with}"#), &["reasoning.budget"]);
    check(
        "gemini-3-pro-preview",
        Some(Effort::Medium),
        None,
        &format!(r#""thinkingLevel":"HIGH",{with}"#),
        &["reasoning_effort"],
    );
    check("gemini-3-flash", Some(Effort::Medium), None, &format!(r#""thinkingLevel":"MEDIUM",{with}"#), &[]);
    check("gemini-3-flash", None, Some(Thought::Disabled), r#""thinkingLevel":"MINIMAL""#, &["reasoning_effort"]);
    check("gemini-3-flash", None, budget, &format!(r#""thinkingLevel":"HIGH",{with}"#), &["reasoning.budget"]);
    check("gemini-2.0-flash", Some(Effort::High), None, "", &["reasoning_effort"]);
}

#[test]
fn what_cannot_be_said_is_reported() {
    let mut prompt = hi(Protocol::OpenAiChat);
    prompt.sampling.stop = (0..7).map(|n| n.to_string()).collect();
    prompt.sampling.min_p = Some(0.1);
    prompt.sampling.logit_bias = Some("{}".to_owned());
    prompt.user = Some("u".to_owned());
    prompt.turns.push(Turn::new(Role::System, vec![Block::text("late")]));
    prompt.extras.push(tollgate_core::ir::Extra { name: "safe_prompt".to_owned(), json: "true".to_owned() });
    let (body, losses) = write_for(&prompt, "gemini-2.5-flash");
    assert!(body.starts_with(r#"{"systemInstruction":{"parts":[{"text":"late"}]}"#), "{body}");
    assert!(body.contains(r#""stopSequences":["0","1","2","3","4"]"#), "{body}");
    assert_eq!(
        losses,
        ["system.position", "stop", "min_p", "repetition_penalty", "logit_bias", "user", "safe_prompt"]
            .iter()
            .filter(|l| **l != "repetition_penalty")
            .copied()
            .collect::<Vec<_>>()
    );
}

#[test]
fn details_become_resolutions() {
    let image = |detail: &str| {
        let media = Media::new(MediaKind::Image, Source::Base64("AAAA".to_owned()));
        Block::Media(Media { mime: Some("image/png".to_owned()), detail: Some(detail.to_owned()), ..media })
    };
    let body = |details: &[&str], model: &str| {
        let blocks = details.iter().map(|detail| image(detail)).collect();
        write_for(&prompt(Protocol::OpenAiChat, vec![Turn::new(Role::User, blocks)]), model)
    };
    let (same, losses) = body(&["low", "low"], "gemini-2.5-flash");
    assert!(
        same.ends_with(r#""generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW"}}"#) && losses.is_empty(),
        "{same}"
    );
    let (mixed, losses) = body(&["low", "high"], "gemini-2.5-flash");
    assert!(mixed.contains("MEDIA_RESOLUTION_HIGH") && losses == ["image.detail"], "{mixed}");
    let (parts, losses) = body(&["low", "original"], "gemini-3-flash");
    assert!(
        parts.contains(r#""mediaResolution":{"level":"MEDIA_RESOLUTION_ULTRA_HIGH"}"#) && losses.is_empty(),
        "{parts}"
    );
    assert!(!body(&["auto"], "gemini-2.5-flash").0.contains("mediaResolution"));
}

proptest::proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn requests_with_a_byte_changed(at in 0usize..200, byte in proptest::prelude::any::<u8>()) {
        let mut body = br#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}}},{"text":"x","thought":true}]},{"parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}}]}]}"#.to_vec();
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        if let Ok(prompt) = decode(&body) {
            let target = Target::new(Protocol::GeminiGenerate, "gemini-2.0-flash", &Dialect::OPENAI);
            let _ = encode(&prompt, &target, &mut Losses::default());
        }
    }
}
