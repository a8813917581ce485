//! Streams that are translated event by event.

use serde_json::{Value, json};
use tollgate_testkit::{Reply, Step};

use super::{ask, case, chat, chat_stream, gather, messages, responses, stream};

/// Whether the calls are those that a case expects; what it does not name may be anything, but an id is never empty.
#[track_caller]
fn expect_calls(calls: &[(String, String, String)], expected: &Value) {
    let expected = expected.as_array().expect("calls");
    assert_eq!(calls.len(), expected.len());
    for ((id, name, arguments), expected) in calls.iter().zip(expected) {
        assert!(!id.is_empty() && expected["id"].as_str().is_none_or(|expected| expected == id));
        assert_eq!((name, arguments), (&text(&expected["name"]), &text(&expected["arguments_concatenated"])));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn calls(id: &str, kind: &str) {
    let Some((input, expected)) = case(id) else { return };
    let told = ask(kind, stream(&input), "/v1/chat/completions", chat(true)).await;
    let got = gather(&told.chunks());
    expect_calls(&got.calls, &expected["tool_calls"]);
    assert_eq!(got.finishes, [text(&expected["finish_reason"])], "{id}");
    let first = told.chunks().into_iter().find(|chunk| !chunk["choices"][0]["delta"]["tool_calls"].is_null());
    assert_eq!(first.expect("a call")["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"], "", "{id}");
    // The same to the other clients.
    let response = ask(kind, stream(&input), "/v1/responses", responses(true)).await.chunks().pop().expect("an event");
    let items = response["response"]["output"].as_array().expect("items").iter();
    let arguments: Vec<String> =
        items.filter(|item| item["type"] == "function_call").map(|item| text(&item["arguments"])).collect();
    let expected = expected["tool_calls"].as_array().expect("calls").iter();
    assert_eq!(arguments, expected.map(|call| text(&call["arguments_concatenated"])).collect::<Vec<_>>(), "{id}");
}

#[tokio::test]
async fn b01_a_call_without_arguments_has_an_empty_object() {
    calls("B01", "anthropic").await;
}

#[tokio::test]
async fn b02_the_input_of_a_blocks_start_is_no_argument() {
    calls("B02", "anthropic").await;
}

#[tokio::test]
async fn b03_calls_of_gemini_are_counted_across_chunks() {
    calls("B03", "gemini").await;
}

#[tokio::test]
async fn b04_a_stop_after_a_call_waits_for_tools() {
    let Some((input, expected)) = case("B04") else { return };
    let told = ask("gemini", stream(&input), "/v1/chat/completions", chat(true)).await;
    let got = gather(&told.chunks());
    assert_eq!((got.finishes, got.text), (vec![text(&expected["finish_reason"])], String::new()));
    let usage = &got.usage[0];
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(usage[name], expected["usage"][name], "{name}");
    }
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 30);
}

#[tokio::test]
async fn b05_one_finish_and_only_at_the_end() {
    let Some((input, expected)) = case("B05") else { return };
    let told = ask("gemini", stream(&input), "/v1/chat/completions", chat(true)).await;
    let got = gather(&told.chunks());
    assert_eq!(got.text, text(&expected["content"]));
    assert_eq!(got.finishes, [text(&expected["finish_reason"])]);
}

#[tokio::test]
async fn b07_thinking_and_its_signature_come_back() {
    let Some((input, expected)) = case("B07") else { return };
    let native = ask("anthropic", stream(&input), "/v1/messages", messages(true)).await;
    assert!(native.text.contains(r#""signature":"SIG==""#), "{}", native.text);
    let told = ask("anthropic", stream(&input), "/v1/chat/completions", chat(true)).await;
    let got = gather(&told.chunks());
    assert_eq!((got.reasoning.as_str(), &got.finishes[0]), ("plan", &text(&expected["chat"]["finish_reason"])));
    assert!(told.text.contains("SIG=="), "{}", told.text);
    // A client sends back what the chunks said, and the provider gets its blocks as they were.
    let details: Vec<Value> = told
        .chunks()
        .iter()
        .flat_map(|chunk| chunk["choices"][0]["delta"]["reasoning_details"].as_array().cloned().unwrap_or_default())
        .collect();
    let call = json!({ "id": "toolu_A", "type": "function", "function": { "name": "t", "arguments": "{}" } });
    let mut again = chat(false);
    again["model"] = json!("up/claude-sonnet-4-5");
    again["reasoning_effort"] = json!("high");
    again["tools"] = json!([{ "type": "function", "function": { "name": "t" } }]);
    again["messages"] = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": null, "reasoning_details": details, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "toolu_A", "content": "1" },
    ]);
    let asked = ask("anthropic", Reply::error(500, "x"), "/v1/chat/completions", again).await.asked;
    assert_eq!(asked["messages"][1]["content"], expected["replayed_assistant_blocks"], "{asked}");
}

/// An event in the words of the list of cases.
fn responses_word(event: &Value) -> String {
    let kind = text(&event["type"]);
    let index = &event["output_index"];
    let item = &event["item"];
    match &*kind {
        "response.output_item.added" if item["type"] == "function_call" => {
            format!("{kind}({index},function_call,{})", text(&item["call_id"]))
        }
        "response.output_item.added" => format!("{kind}({index},{})", text(&item["type"])),
        "response.output_item.done" => format!("{kind}({index})"),
        "response.output_text.delta" | "response.function_call_arguments.delta" => {
            format!("{kind}({})", text(&event["delta"]))
        }
        "response.completed" => {
            let output = event["response"]["output"].as_array().expect("items").iter();
            let kinds: Vec<String> = output.map(|item| text(&item["type"])).collect();
            let usage = if event["response"]["usage"]["total_tokens"] == 10 { "usage" } else { "no usage" };
            format!("{kind}({usage},output=[{}])", kinds.join(","))
        }
        _ => kind,
    }
}

#[tokio::test]
async fn b14_responses_have_order_numbers_and_steady_ids() {
    let Some((input, expected)) = case("B14") else { return };
    let told = ask("mistral", chat_stream(&input), "/v1/responses", responses(true)).await;
    let events = told.chunks();
    let words: Vec<String> = events.iter().map(responses_word).collect();
    assert_eq!(json!(words), expected);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    for index in 0..2 {
        let of_item = |event: &&Value| event["output_index"] == index;
        let ids: std::collections::HashSet<&str> = events
            .iter()
            .filter(of_item)
            .filter_map(|event| event["item_id"].as_str().or(event["item"]["id"].as_str()))
            .collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
}

fn messages_word(event: &Value) -> String {
    let (kind, index) = (text(&event["type"]), &event["index"]);
    let (block, delta) = (&event["content_block"], &event["delta"]);
    match &*kind {
        "content_block_start" if block["type"] == "tool_use" => {
            format!("{kind}({index},tool_use {} {})", text(&block["id"]), text(&block["name"]))
        }
        "content_block_start" => format!("{kind}({index},{})", text(&block["type"])),
        "content_block_delta" => {
            let said = delta["text"].as_str().or(delta["partial_json"].as_str()).unwrap_or_default();
            format!("{kind}({index},{} '{said}')", text(&delta["type"]))
        }
        "content_block_stop" => format!("{kind}({index})"),
        "message_delta" => format!("{kind}(stop_reason {})", text(&delta["stop_reason"])),
        _ => kind,
    }
}

#[tokio::test]
async fn b16_blocks_of_messages_open_and_close_one_after_the_other() {
    let Some((input, expected)) = case("B16") else { return };
    let told = ask("openai", chat_stream(&input), "/v1/messages", messages(true)).await;
    let events = told.chunks();
    let words: Vec<String> = events.iter().filter(|event| event["type"] != "ping").map(messages_word).collect();
    let expected: Vec<String> =
        expected.as_array().expect("words").iter().map(|word| text(word).replace(" input {}", "")).collect();
    assert_eq!(words, expected);
}

#[tokio::test]
async fn b23_chunks_without_choices_or_delta_do_no_harm() {
    let Some((input, _)) = case("B23") else { return };
    // From Azure to another client, since to its own the bytes stay as they are.
    let told = ask("azure", chat_stream(&input), "/v1/messages", messages(true)).await;
    let said: String =
        told.chunks().iter().filter_map(|event| event["delta"]["text"].as_str().map(str::to_owned)).collect();
    assert_eq!(said, "Hi");
    assert!(told.text.contains("end_turn") && told.text.contains("message_stop"), "{}", told.text);
    let same = gather(&ask("azure", chat_stream(&input), "/v1/chat/completions", chat(true)).await.chunks());
    assert_eq!((same.text.as_str(), same.finishes), ("Hi", vec!["stop".to_owned()]));
}

#[tokio::test]
async fn b24_characters_survive_every_cut() {
    let whole = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"日本\u{2028}😀\"}}]}\n\n\
        data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let windows = whole.replace('\n', "\r\n");
    let start = || Reply::new(200).header("content-type", "text/event-stream");
    for text in [whole, &windows] {
        let bytes = text.as_bytes();
        let mut replies: Vec<Reply> =
            (1..110).step_by(7).map(|at| start().bytes(bytes[..at].to_vec()).bytes(bytes[at..].to_vec())).collect();
        replies.push(bytes.iter().fold(start(), |reply, byte| reply.step(Step::Bytes(vec![*byte].into()))));
        for reply in replies {
            let told = ask("openai", reply, "/v1/messages", messages(true)).await;
            assert!(told.text.contains("日本\u{2028}😀") && !told.text.contains('\u{fffd}'), "{}", told.text);
            assert!(told.text.contains("message_stop"));
        }
    }
}

#[tokio::test]
async fn b28_a_tool_that_stands_for_structured_output_is_text() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    let mut body = chat(true);
    body["model"] = json!("up/claude-3-5-haiku-latest");
    body["tools"] = json!([{ "type": "function", "function": { "name": "real_tool" } }]);
    body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": "out", "schema": schema } });
    let asked = ask("anthropic", Reply::error(500, "x"), "/v1/chat/completions", body.clone()).await.asked;
    let tools = asked["tools"].as_array().expect("tools");
    let synthetic = text(&tools.iter().find(|tool| tool["name"] != "real_tool").expect("one more")["name"]);
    for (name, input, calls, finish, content) in
        [("real_tool", "{}", 1, "tool_calls", ""), (&*synthetic, r#"{"a":1}"#, 0, "stop", r#"{"a":1}"#)]
    {
        let events = json!([
            { "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant", "model": "c",
                "content": [], "usage": { "input_tokens": 1, "output_tokens": 1 } } },
            { "type": "content_block_start", "index": 0, "content_block":
                { "type": "tool_use", "id": "t1", "name": name, "input": {} } },
            { "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": input } },
            { "type": "content_block_stop", "index": 0 },
            { "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 5 } },
            { "type": "message_stop" },
        ]);
        let told = ask("anthropic", stream(&events), "/v1/chat/completions", body.clone()).await;
        let got = gather(&told.chunks());
        assert_eq!((got.calls.len(), &*got.finishes[0], &*got.text), (calls, finish, content), "{name}");
    }
}

#[tokio::test]
async fn b33_reasoning_in_two_fields_is_said_once() {
    let Some((input, expected)) = case("B33") else { return };
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let told = ask("openrouter", chat_stream(&json!([input, end])), "/v1/messages", messages(true)).await;
    let thought: String =
        told.chunks().iter().filter_map(|event| event["delta"]["thinking"].as_str().map(str::to_owned)).collect();
    assert_eq!(thought, text(&expected["reasoning"]));
}
