//! Tests of requests, both ways.

use tollgate_core::ir::{
    Block, Effort, Format, Losses, Origin, Prompt, Protocol, Role, Signature, Thinking, Thought, Tool, ToolCall,
    ToolChoice, ToolResult, Turn,
};

use super::*;
use crate::codec::{Dialect, Target};

const BUDGET: &str = "claude-sonnet-4-5";
const ADAPTIVE: &str = "claude-opus-4-7";
const OLD: &str = "claude-3-5-haiku-latest";

fn chat(turns: Vec<Turn>) -> Prompt {
    Prompt { turns, ..Prompt::new(Protocol::OpenAiChat) }
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Block::text(text)])
}

#[track_caller]
fn encoded(prompt: &Prompt, model: &str) -> (String, Vec<String>) {
    let mut losses = Losses::default();
    let target = Target::new(Protocol::AnthropicMessages, model, &Dialect::OPENAI);
    let body = encode(prompt, &target, &mut losses).unwrap().body;
    (String::from_utf8(body.to_vec()).unwrap(), losses.fields().map(str::to_owned).collect())
}

#[track_caller]
fn holds(prompt: &Prompt, model: &str, expected: &str, losses: &[&str]) {
    let (body, lost) = encoded(prompt, model);
    assert!(body.contains(expected), "{body}\nlacks {expected}");
    assert_eq!(lost, losses, "{body}");
}

fn refused(prompt: &Prompt, model: &str) -> bool {
    let target = Target::new(Protocol::AnthropicMessages, model, &Dialect::OPENAI);
    encode(prompt, &target, &mut Losses::default()).is_err()
}

fn call(id: &str) -> Block {
    Block::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), ..ToolCall::default() })
}

fn result(id: &str, text: &str) -> Turn {
    let content = vec![Block::text(text)];
    Turn::new(Role::Tool, vec![Block::ToolResult(ToolResult { id: id.to_owned(), content, ..ToolResult::default() })])
}

#[test]
fn a_request_comes_back_as_it_was() {
    let body = concat!(
        r#"{"model":"claude-sonnet-4-5","max_tokens":5000,"#,
        r#""system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"b"}],"#,
        r#""messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://h/x"}},"#,
        r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="},"title":"t","#,
        r#""context":"c","citations":{"enabled":true}},{"type":"search_result","source":"s","title":"t","content":[]},"#,
        r#"{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}]},"#,
        r#"{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"SIG=="},"#,
        r#"{"type":"redacted_thinking","data":"R"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"n":1.0}}]},"#,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"x"},"#,
        r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}],"is_error":true}]}],"#,
        r#""tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{}},"strict":true,"#,
        r#""cache_control":{"type":"ephemeral"}},{"type":"web_search_20250305","name":"web_search"},"#,
        r#"{"type":"bash_20250124","name":"bash"}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true},"#,
        r#""thinking":{"type":"enabled","budget_tokens":2048},"output_config":{"format":{"type":"json_schema","#,
        r#""schema":{"type":"object"}},"task_budget":{"x":1}},"stop_sequences":["END"],"metadata":{"user_id":"u"},"#,
        r#""service_tier":"standard_only","container":"c1","stream":true}"#
    );
    let prompt = decode(body.as_bytes()).unwrap();
    assert_eq!(prompt.turns[2].blocks[0], {
        let signature = Some(Signature { origin: Origin::Anthropic, value: "SIG==".to_owned() });
        Block::Thinking(Thinking { signature, ..Thinking::default() })
    });
    assert_eq!(encoded(&prompt, BUDGET), (body.to_owned(), Vec::new()));
    let count = encode_count(&prompt, &Target::new(Protocol::AnthropicMessages, BUDGET, &Dialect::OPENAI)).unwrap();
    let count = String::from_utf8(count.to_vec()).unwrap();
    assert!(
        !count.contains("max_tokens") && !count.contains("\"stream\"") && count.contains("\"thinking\""),
        "{count}"
    );
}

#[test]
fn what_a_client_got_wrong_is_named() {
    for (body, param) in [
        ("[]", None),
        ("{", None),
        (r#"{"model":"m"}"#, Some("messages")),
        (r#"{"messages":[]}"#, Some("messages")),
        (r#"{"messages":[{"role":"tool","content":"x"}]}"#, Some("messages.0.role")),
        (r#"{"messages":[{"role":"user"}]}"#, Some("messages.0.content")),
        (r#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#, Some("messages.0.content.text")),
        (r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":-1}"#, Some("max_tokens")),
        (r#"{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}"#, Some("temperature")),
        (r#"{"messages":[{"role":"user","content":"x"}],"thinking":{"type":"on"}}"#, Some("thinking.type")),
        (r#"{"messages":[{"role":"user","content":"x"}],"tools":{}}"#, Some("tools")),
        (r#"{"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"tool"}}"#, Some("tool_choice.name")),
    ] {
        let error = decode(body.as_bytes()).unwrap_err();
        assert_eq!(error.param(), param, "{body}");
    }
}

#[test]
fn b21_results_share_one_turn() {
    let prompt = chat(vec![
        user("q"),
        Turn::new(Role::Assistant, vec![call("c1"), call("c2")]),
        result("c2", "2"),
        result("c1", "1"),
        user("go on"),
    ]);
    let expected = concat!(
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"1"},"#,
        r#"{"type":"tool_result","tool_use_id":"c2","content":"2"},{"type":"text","text":"go on"}]}]"#
    );
    holds(&prompt, BUDGET, expected, &[]);
}

#[test]
fn b22_no_empty_text() {
    let prompt =
        chat(vec![user("q"), Turn::new(Role::Assistant, vec![Block::text(" "), call("a.b")]), result("a.b", "")]);
    let (body, _) = encoded(&prompt, BUDGET);
    assert!(!body.contains(r#""text":" ""#) && body.contains(r#""content":""}"#), "{body}");
    // An id in a form that Anthropic refuses is changed in both places alike.
    assert_eq!(body.matches("a_b_").count(), 2, "{body}");
}

#[test]
fn the_order_of_turns() {
    let system = || Turn::new(Role::System, vec![Block::text("s")]);
    let prompt = chat(vec![user("q"), system(), Turn::new(Role::Assistant, vec![Block::text("a")]), user("r")]);
    holds(&prompt, BUDGET, r#""system":[{"type":"text","text":"s"}]"#, &["system.position"]);
    holds(&prompt, ADAPTIVE, r#"{"role":"system","content":[{"type":"text","text":"s"}]}"#, &[]);
    assert!(refused(&chat(vec![system()]), BUDGET));
    assert!(refused(&chat(vec![Turn::new(Role::Assistant, vec![Block::text("a")]), user("q")]), BUDGET));
    let prefill = chat(vec![user("q"), Turn::new(Role::Assistant, vec![Block::text("a ")])]);
    assert!(refused(&prefill, ADAPTIVE));
    holds(&prefill, BUDGET, r#"{"type":"text","text":"a"}"#, &[]);
}

#[test]
fn b17_b19_thinking() {
    let with = |effort, thought, max_tokens| {
        let mut prompt = chat(vec![user("q")]);
        prompt.reasoning.effort = effort;
        prompt.reasoning.thought = thought;
        prompt.sampling.max_tokens = max_tokens;
        prompt
    };
    let high = with(Some(Effort::High), None, None);
    holds(&high, BUDGET, r#""thinking":{"type":"enabled","budget_tokens":24576}"#, &[]);
    holds(&high, BUDGET, r#""max_tokens":64000"#, &[]);
    holds(&high, ADAPTIVE, r#""thinking":{"type":"adaptive"},"output_config":{"effort":"high"}"#, &[]);
    holds(&high, OLD, r#""max_tokens":8192"#, &["reasoning_effort"]);
    holds(&with(Some(Effort::High), None, Some(500)), BUDGET, r#""max_tokens":25076"#, &["max_tokens"]);
    holds(&with(None, Some(Thought::Budget(10)), None), BUDGET, r#""budget_tokens":1024"#, &["reasoning.budget"]);
    holds(&with(None, Some(Thought::Budget(9000)), None), ADAPTIVE, r#""effort":"medium""#, &["reasoning.budget"]);
    holds(&with(Some(Effort::None), None, None), ADAPTIVE, r#""thinking":{"type":"disabled"}"#, &[]);
    assert!(!encoded(&with(Some(Effort::None), None, None), BUDGET).0.contains("thinking"));
    let mut forced = high;
    forced.tools = vec![function("a")];
    forced.tool_choice = Some(ToolChoice::Any);
    let (body, lost) = encoded(&forced, BUDGET);
    assert!(!body.contains("thinking") && body.contains(r#""tool_choice":{"type":"any"}"#), "{body}");
    assert_eq!(lost, ["reasoning_effort"]);
    holds(&forced, ADAPTIVE, r#""thinking":{"type":"adaptive"}"#, &[]);
}

#[test]
fn sampling() {
    let mut prompt = chat(vec![user("q")]);
    prompt.sampling.temperature = Some(1.7);
    prompt.sampling.top_k = Some(5);
    prompt.sampling.seed = Some(1);
    prompt.sampling.stop = vec!["\n".to_owned(), "END".to_owned()];
    holds(&prompt, BUDGET, r#""temperature":1,"top_k":5,"stop_sequences":["END"]"#, &["temperature", "stop", "seed"]);
    let (body, lost) = encoded(&prompt, ADAPTIVE);
    assert!(!body.contains("temperature") && lost == ["temperature", "top_k", "stop", "seed"], "{body} {lost:?}");
}

fn function(name: &str) -> Tool {
    Tool::Function { name: name.to_owned(), description: None, parameters: None, strict: None, cache: None }
}

#[test]
fn b36_controls_are_kept() {
    let mut prompt = chat(vec![user("q")]);
    prompt.tools = vec![function("a"), function("b")];
    prompt.tool_choice = Some(ToolChoice::Subset { names: vec!["a".to_owned()], required: true });
    prompt.parallel_tool_calls = Some(false);
    let expected = concat!(
        r#""tools":[{"name":"a","input_schema":{"type":"object","properties":{}}}],"#,
        r#""tool_choice":{"type":"any","disable_parallel_tool_use":true}"#
    );
    holds(&prompt, BUDGET, expected, &[]);
}

#[test]
fn tools_of_other_protocols() {
    let mut prompt = chat(vec![user("q")]);
    let json = r#"{"user_location":{"type":"approximate","approximate":{"city":"Rome"}}}"#.to_owned();
    let custom = Tool::Custom { name: "c".to_owned(), description: None, format: None };
    let parameters = Some(r#"{"properties":{"a":{}}}"#.to_owned());
    let loose = Tool::Function { name: "l".to_owned(), description: None, parameters, strict: None, cache: None };
    prompt.tools = vec![Tool::WebSearch { protocol: Protocol::OpenAiChat, json }, custom, loose];
    let search =
        r#"{"type":"web_search_20250305","name":"web_search","user_location":{"type":"approximate","city":"Rome"}}"#;
    holds(&prompt, BUDGET, search, &["tools.custom"]);
    holds(&prompt, BUDGET, r#""input_schema":{"type":"object","properties":{"a":{}}}"#, &["tools.custom"]);
    let target = Target::new(Protocol::AnthropicMessages, BUDGET, &Dialect::OPENAI);
    assert_eq!(encode(&prompt, &target, &mut Losses::default()).unwrap().plan.custom_tools, ["c"]);
}

#[test]
fn structured_output() {
    let mut prompt = chat(vec![user("q")]);
    let schema = r#"{"type":"object"}"#.to_owned();
    prompt.format = Some(Format::JsonSchema { name: Some("x y".to_owned()), description: None, schema, strict: None });
    holds(&prompt, BUDGET, r#""output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}"#, &[]);
    holds(&prompt, OLD, r#""tool_choice":{"type":"tool","name":"x_y"}"#, &[]);
    prompt.tools = vec![function("a")];
    holds(&prompt, OLD, r#""tool_choice":{"type":"any"}"#, &[]);
    prompt.format = Some(Format::JsonObject);
    holds(&prompt, OLD, r#""system":[{"type":"text","text":"Answer with one JSON object"#, &["response_format"]);
}

#[test]
fn thoughts_of_others_stay_behind() {
    let thinking = |signature| Block::Thinking(Thinking { text: "t".to_owned(), signature, ..Thinking::default() });
    let foreign = Some(Signature { origin: Origin::Google, value: "g".to_owned() });
    let turns = |signature| {
        chat(vec![user("q"), Turn::new(Role::Assistant, vec![thinking(signature), Block::text("a")]), user("r")])
    };
    holds(&turns(foreign), BUDGET, r#""content":[{"type":"text","text":"a"}]"#, &["thinking"]);
    holds(&turns(None), BUDGET, r#""content":[{"type":"text","text":"a"}]"#, &["thinking"]);
}

#[test]
fn a_carried_signature_finds_its_call() {
    let body = concat!(
        r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"tollgate:google:G"},"#,
        r#"{"type":"tool_use","id":"1","name":"f","input":{}},{"type":"text","text":"x"},"#,
        r#"{"type":"thinking","thinking":"","signature":"tollgate:google:T"}]}],"cache_control":{"type":"ephemeral"}}"#
    );
    let prompt = decode(body.as_bytes()).unwrap();
    let [Block::ToolCall(call), Block::Text(text), Block::CachePoint(_)] = &prompt.turns[0].blocks[..] else {
        panic!("{prompt:?}")
    };
    let google = |value: &str| Some(Signature { origin: Origin::Google, value: value.to_owned() });
    assert_eq!((&call.signature, &text.signature), (&google("G"), &google("T")));
}

#[test]
fn media_that_cannot_be_sent() {
    for source in
        [r#"{"type":"base64","media_type":"image/tiff","data":"AA=="}"#, r#"{"type":"url","url":"gs://b/x.png"}"#]
    {
        let body = format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"image","source":{source}}}]}}]}}"#);
        assert!(refused(&decode(body.as_bytes()).unwrap(), BUDGET), "{source}");
    }
    let body = r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#;
    let prompt = decode(body.as_bytes()).unwrap();
    let target = Target::new(Protocol::AnthropicMessages, BUDGET, &Dialect::OPENAI);
    assert_eq!(encode(&prompt, &target, &mut Losses::default()).unwrap().betas, ["files-api-2025-04-14"]);
    assert!(refused(&Prompt { protocol: Protocol::OpenAiChat, ..prompt }, BUDGET));
    let body = r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"text/plain","data":"aGk="}}]}]}"#;
    holds(
        &decode(body.as_bytes()).unwrap(),
        BUDGET,
        r#""source":{"type":"text","media_type":"text/plain","data":"hi"}"#,
        &[],
    );
}

#[test]
fn platforms() {
    let body = br#"{"model":"m","stream":true,"max_tokens":1.0,"anthropic_beta":["a"],"messages":[]}"#;
    let vertex = for_platform(body, Platform::Vertex).unwrap();
    let expected = br#"{"anthropic_version":"vertex-2023-10-16","stream":true,"max_tokens":1.0,"anthropic_beta":["a"],"messages":[]}"#;
    assert_eq!(vertex, expected);
    let bedrock = for_platform(body, Platform::Bedrock { betas: &["a", "b"] }).unwrap();
    let expected =
        br#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b"],"max_tokens":1.0,"messages":[]}"#;
    assert_eq!(bedrock, expected);
    assert!(for_platform(b"[]", Platform::Vertex).is_err());
}
