//! Responses that clients come back to.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate_testkit::fake::{fake_anthropic, fake_openai_full};
use tollgate_testkit::{Gateway, Reply, Step, Upstream};

use crate::support::{PROVIDER_KEY, gateway};

async fn before_anthropic(upstream: &Upstream) -> Gateway {
    let url = upstream.url();
    let config = format!("providers:\n  claude: {{ kind: anthropic, base_url: \"{url}\", api_key: {PROVIDER_KEY} }}\n");
    gateway().config(config).start().await
}

async fn create(gateway: &Gateway, body: Value) -> Value {
    let answer = gateway.post("/v1/responses", body).send().await;
    assert_eq!(answer.status(), 200);
    answer.json().await
}

async fn delete(gateway: &Gateway, path: &str) -> (u16, Value) {
    let answer = gateway.call(Method::DELETE, path).send().await;
    (answer.status(), answer.json().await)
}

fn text(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_kept_response_is_read_listed_gone_on_from_and_deleted() {
    let upstream = Upstream::start(fake_anthropic());
    let gateway = before_anthropic(&upstream).await;
    let first = create(&gateway, json!({ "model": "claude-fake", "input": "say hello" })).await;
    let id = first["id"].as_str().expect("an id").to_owned();
    assert_eq!(text(&first), "Hello from FAKE.");

    let read = gateway.get(&format!("/v1/responses/{id}")).send().await;
    assert_eq!((read.status(), read.json().await), (200, first.clone()));
    let items = gateway.get(&format!("/v1/responses/{id}/input_items")).send().await.json().await;
    assert_eq!(items["data"][0]["content"][0]["text"], "say hello", "{items}");
    let replayed = gateway.get(&format!("/v1/responses/{id}?stream=true&starting_after=0")).send().await;
    assert!(replayed.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")));
    let replayed = replayed.text().await;
    assert!(replayed.starts_with("event: response.in_progress\n"), "{replayed}");
    let last: Value = serde_json::from_str(replayed.rsplit("data: ").next().expect("an event")).expect("JSON");
    assert_eq!((&last["type"], &last["response"]), (&json!("response.completed"), &first));

    let body = json!({ "model": "claude-fake", "input": "and again", "previous_response_id": id });
    let second = create(&gateway, body).await;
    assert_eq!(second["previous_response_id"], id);
    let asked = upstream.requests().pop().expect("a request").json();
    let said: Vec<&Value> = asked["messages"].as_array().expect("messages").iter().collect();
    assert_eq!(said.len(), 3, "{asked}");
    assert_eq!((&said[1]["role"], &said[2]["role"]), (&json!("assistant"), &json!("user")));

    assert_eq!(delete(&gateway, &format!("/v1/responses/{id}")).await.1["deleted"], true);
    for (method, path) in [
        (Method::GET, format!("/v1/responses/{id}")),
        (Method::GET, format!("/v1/responses/{id}/input_items")),
        (Method::POST, format!("/v1/responses/{id}/cancel")),
        (Method::DELETE, format!("/v1/responses/{id}")),
    ] {
        let answer = gateway.call(method.clone(), &path).send().await;
        assert_eq!(answer.status(), 404, "{method} {path}");
    }
    let body = json!({ "model": "claude-fake", "input": "and again", "previous_response_id": id });
    let answer = gateway.post("/v1/responses", body).send().await;
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json().await["error"]["code"], "previous_response_not_found");
}

#[tokio::test]
async fn a_streamed_response_is_kept_and_one_without_store_is_not() {
    let upstream = Upstream::start(fake_anthropic());
    let gateway = before_anthropic(&upstream).await;
    for (store, status) in [(true, 200), (false, 404)] {
        let body = json!({ "model": "claude-fake", "input": "say hello", "stream": true, "store": store });
        let stream = gateway.post("/v1/responses", body).send().await.text().await;
        let completed = stream.rsplit("data: ").next().expect("an event");
        let completed: Value = serde_json::from_str(completed).expect("JSON");
        assert_eq!(completed["type"], "response.completed", "{stream}");
        let id = completed["response"]["id"].as_str().expect("an id");
        let read = gateway.get(&format!("/v1/responses/{id}")).send().await;
        assert_eq!(read.status(), status);
        if store {
            assert_eq!(read.json().await, completed["response"]);
        }
    }
}

#[tokio::test]
async fn a_response_in_the_background_is_waited_for_or_cancelled() {
    let upstream = Upstream::start(fake_anthropic());
    let gateway = before_anthropic(&upstream).await;
    let body = json!({ "model": "claude-fake", "input": "say hello", "background": true });
    let queued = create(&gateway, body).await;
    assert_eq!((&queued["status"], &queued["output"]), (&json!("queued"), &json!([])));
    let path = format!("/v1/responses/{}", queued["id"].as_str().expect("an id"));
    let mut read = Value::Null;
    for _ in 0..200 {
        read = gateway.get(&path).send().await.json().await;
        if read["status"] == "completed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((read["status"].as_str(), text(&read)), (Some("completed"), "Hello from FAKE."), "{read}");
    assert_eq!(read["id"], queued["id"]);
    let records = gateway.usage_records(1).await;
    assert_eq!(records[0]["operation"], "responses");
    assert!(records[0]["output_tokens"].as_u64() > Some(0), "{records:?}");

    let slow = Upstream::always(Reply::new(200).step(Step::Wait(Duration::from_secs(60))));
    let gateway = before_anthropic(&slow).await;
    let queued = create(&gateway, json!({ "model": "m", "input": "x", "background": true })).await;
    slow.wait_requests(1).await;
    let path = format!("/v1/responses/{}/cancel", queued["id"].as_str().expect("an id"));
    let cancelled = gateway.post(&path, "").send().await;
    assert_eq!((cancelled.status(), cancelled.json().await["status"].clone()), (200, json!("cancelled")));
    let records = gateway.usage_records(1).await;
    assert_eq!(records[0]["status"], 499, "what it had cost is accounted");
}

#[tokio::test]
async fn what_a_provider_keeps_is_asked_of_it() {
    let upstream = Upstream::start(fake_openai_full());
    let url = upstream.url();
    let config = format!("providers:\n  up: {{ kind: openai, base_url: \"{url}/v1\", api_key: {PROVIDER_KEY} }}\n");
    let gateway = gateway().config(config).start().await;
    let first = create(&gateway, json!({ "model": "gpt-5-fake", "input": "say hello" })).await;
    let id = first["id"].as_str().expect("an id");
    for (method, path) in [
        (Method::GET, format!("/v1/responses/{id}")),
        (Method::GET, format!("/v1/responses/{id}/input_items?limit=5")),
        (Method::POST, format!("/v1/responses/{id}/cancel")),
    ] {
        gateway.call(method.clone(), &path).send().await;
        let asked = upstream.requests().pop().expect("a request");
        assert_eq!((asked.method, asked.path_and_query), (method, path));
    }
    let body = json!({ "model": "gpt-5-fake", "input": "again", "previous_response_id": id });
    create(&gateway, body.clone()).await;
    assert_eq!(upstream.requests().pop().expect("a request").json(), body, "its own provider goes on from it");
}
