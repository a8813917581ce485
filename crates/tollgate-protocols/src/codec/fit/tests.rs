//! Tests of what is made to fit.

use super::super::{Dialect, decode_request};
use tollgate_core::ir::Tool;

use super::*;

fn fitted(body: &str, from: Protocol, to: Protocol) -> (Prompt, Vec<String>) {
    let prompt = decode_request(from, body.as_bytes()).unwrap();
    let mut losses = Losses::default();
    let target = Target::new(to, "m", &Dialect::OPENAI);
    let fitted = fit(&prompt, &target, &mut losses).0.into_owned();
    (fitted, losses.fields().map(str::to_owned).collect())
}

#[test]
fn a_conversation_that_the_model_begins_is_given_a_beginning() {
    let body = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"assistant","content":"Hello"},
        {"role":"user","content":"hi"}]}"#;
    for to in [Protocol::AnthropicMessages, Protocol::BedrockConverse] {
        let (prompt, losses) = fitted(body, Protocol::OpenAiChat, to);
        let roles: Vec<Role> = prompt.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
        assert_eq!(losses, ["messages"]);
    }
    let (prompt, losses) = fitted(body, Protocol::OpenAiChat, Protocol::OllamaChat);
    assert_eq!((prompt.turns.len(), losses.len()), (3, 0));
    // An empty message of the model's is not sent, so the user begins.
    let empty = r#"{"model":"m","messages":[{"role":"assistant","content":""},{"role":"user","content":"hi"}]}"#;
    assert!(fitted(empty, Protocol::OpenAiChat, Protocol::AnthropicMessages).1.is_empty());
}

#[test]
fn a_conversation_that_is_kept_elsewhere_is_refused() {
    for name in ["conversation", "prompt"] {
        let body = format!(r#"{{"model":"m","input":"x","{name}":{{"id":"x_1"}}}}"#);
        let prompt = decode_request(Protocol::OpenAiResponses, body.as_bytes()).unwrap();
        let to = |protocol| check(&prompt, &Target::new(protocol, "m", &Dialect::OPENAI));
        let refused = to(Protocol::OpenAiChat).unwrap_err();
        assert_eq!((refused.kind(), refused.param()), (ErrorKind::UnsupportedParameter, Some(name)));
        assert!(to(Protocol::OpenAiResponses).is_ok());
    }
}

#[test]
fn schemas_say_that_there_are_no_arguments() {
    for (schema, expected) in [
        (r#"{"type":"object"}"#, Some(r#"{"type":"object","properties":{}}"#)),
        ("{}", Some(r#"{"type":"object","properties":{}}"#)),
        (r#"{"properties":{"a":{}}}"#, Some(r#"{"type":"object","properties":{"a":{}}}"#)),
        (
            r#"{"type":"object","properties":null,"title":"t"}"#,
            Some(r#"{"type":"object","title":"t","properties":{}}"#),
        ),
        (r#"{"type":"object","properties":{}}"#, None),
        (r#"{"type":"object","anyOf":[]}"#, None),
        (r#"{"type":"string"}"#, None),
        ("[]", None),
    ] {
        assert_eq!(schemas::completed(schema).as_deref(), expected, "{schema}");
    }
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],
        "tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;
    let (prompt, losses) = fitted(body, Protocol::AnthropicMessages, Protocol::OpenAiChat);
    let Tool::Function { parameters, .. } = &prompt.tools[0] else { panic!("{:?}", prompt.tools) };
    assert_eq!(parameters.as_deref(), Some(r#"{"type":"object","properties":{}}"#));
    assert!(losses.is_empty());
}

#[test]
fn a_system_text_alone_is_what_is_asked() {
    let body = r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},
        {"role":"developer","content":"Tell a joke."}]}"#;
    let (prompt, losses) = fitted(body, Protocol::OpenAiChat, Protocol::BedrockConverse);
    let roles: Vec<Role> = prompt.turns.iter().map(|turn| turn.role).collect();
    assert_eq!((roles, losses), (vec![Role::System, Role::User], vec!["system.position".to_owned()]));
}

#[test]
fn found_passages_are_told_in_words() {
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[
        {"type":"search_result","source":"https://h","title":"T","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]},
        {"type":"document","title":"D","source":{"type":"content","content":"three"}},
        {"type":"tool_result","tool_use_id":"c","content":[
          {"type":"search_result","source":"s","title":"U","content":[{"type":"text","text":"four"}]}]}]}]}"#;
    let (prompt, losses) = fitted(body, Protocol::AnthropicMessages, Protocol::OpenAiChat);
    let blocks = &prompt.turns[0].blocks;
    assert_eq!(blocks[0].as_text(), Some("T\nhttps://h\n\none\ntwo"));
    assert_eq!(blocks[1].as_text(), Some("D\n\nthree"));
    let Block::ToolResult(result) = &blocks[2] else { panic!("{blocks:?}") };
    assert_eq!(result.text(), "U\ns\n\nfour");
    assert_eq!(losses, ["search_result", "document"]);
    let own = fitted(body, Protocol::AnthropicMessages, Protocol::AnthropicMessages);
    assert!(matches!(own.0.turns[0].blocks[0], Block::Opaque(_)) && own.1.is_empty());
}
