//! Which models there are, and which provider answers for a name.

use serde_json::{Value, json};
use tollgate_testkit::{Gateway, Received, Refusing, Reply, Upstream};

use crate::support::{chat, completion, gateway};

fn with_models(ids: &'static [&'static str]) -> Upstream {
    Upstream::start(move |request: &Received| match request.path() {
        "/v1/models" => {
            let models: Vec<Value> =
                ids.iter().map(|id| json!({ "id": id, "object": "model", "created": 5, "owned_by": "them" })).collect();
            Reply::json(json!({ "object": "list", "data": models }).to_string())
        }
        _ => Reply::json(completion(&request.json()["model"].to_string())),
    })
}

fn two(first: &str, second: &str, more: &str) -> String {
    format!(
        "providers:\n  one: {{ kind: openai, base_url: \"{first}\", api_key: k1 }}\n  \
         two: {{ kind: openai, base_url: \"{second}\", api_key: k2 }}\nretry: {{ base_delay: 1ms }}\n{more}\n"
    )
}

async fn listed(gateway: &Gateway) -> Vec<String> {
    let list = gateway.get("/v1/models").send().await.json().await;
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().expect("a list of models");
    assert!(models.iter().all(|model| model["object"] == "model" && model["created"].is_number()), "{list}");
    models.iter().map(|model| model["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn lists_are_merged() {
    let (one, two_) = (with_models(&["a", "shared"]), with_models(&["b/x", "shared"]));
    let yaml = two(&one.base_url(), &two_.base_url(), "aliases: { fast: two/b/x }");
    let gateway = gateway().config(yaml).start().await;
    assert_eq!(listed(&gateway).await, ["fast", "a", "shared", "b/x", "two/shared"]);
    let model = gateway.get("/v1/models/two%2Fshared").send().await.json().await;
    assert_eq!((&model["id"], &model["object"]), (&json!("two/shared"), &json!("model")));
    let answer = gateway.get("/v1/models/nothing").send().await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.json().await["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn a_name_leads_to_its_provider() {
    let (one, two_) = (with_models(&["a", "shared"]), with_models(&["b/x", "shared"]));
    let gateway = gateway().config(two(&one.base_url(), &two_.base_url(), "aliases: { fast: b/x }")).start().await;
    for (name, provider, model) in [
        ("a", "one", "a"),
        ("shared", "one", "shared"),
        ("two/shared", "two", "shared"),
        ("b/x", "two", "b/x"),
        ("fast", "two", "b/x"),
        ("one/not-listed", "one", "not-listed"),
    ] {
        let answer = gateway.chat(chat(name)).send().await;
        assert_eq!(answer.status(), 200, "{name}");
        assert_eq!(answer.header("x-tollgate-provider"), Some(provider), "{name}");
        assert_eq!(answer.header("x-tollgate-model"), Some(model), "{name}");
        assert_eq!(answer.text().await, completion(&format!("\"{model}\"")));
    }
    let answer = gateway.chat(chat("nobody-has-it")).send().await;
    assert_eq!(answer.status(), 404);
    let error = answer.json().await["error"].take();
    assert_eq!((&error["code"], &error["param"]), (&json!("model_not_found"), &json!("model")));
    let records = gateway.usage_records(7).await;
    let record = &records[4];
    assert_eq!((&record["model_asked"], &record["model"]), (&json!("fast"), &json!("b/x")), "{record}");
    assert_eq!((&record["provider"], &record["model_answered"]), (&json!("two"), &json!("m")), "{record}");
}

#[tokio::test]
async fn one_provider_is_down() {
    let (down, up) = (Refusing::start(), with_models(&["a", "b"]));
    let gateway = gateway().config(two(&down.base_url(), &up.base_url(), "")).start().await;
    assert_eq!(listed(&gateway).await, ["a", "b"]);
    assert_eq!(gateway.chat(chat("b")).send().await.status(), 200);
}

#[tokio::test]
async fn one_provider_hangs() {
    let (slow, up) = (Upstream::always(Reply::hang()), with_models(&["a"]));
    let gateway = gateway().config(two(&slow.base_url(), &up.base_url(), "models: { timeout: 300ms }")).start().await;
    assert_eq!(listed(&gateway).await, ["a"]);
    assert_eq!(gateway.chat(chat("a")).send().await.status(), 200);
}

#[tokio::test]
async fn a_provider_dies() {
    let (one, mut two_) = (with_models(&["a"]), with_models(&["b"]));
    let gateway = gateway().config(two(&one.base_url(), &two_.base_url(), "models: { cache_ttl: 0 }")).start().await;
    assert_eq!(listed(&gateway).await, ["a", "b"]);
    two_.stop();
    assert_eq!(listed(&gateway).await, ["a", "b"], "an old list is better than none");
    let answer = gateway.chat(chat("b")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-provider")), (502, Some("two")));
}

#[tokio::test]
async fn models_of_the_configuration_are_not_asked_for() {
    let (one, two_) = (with_models(&["a"]), with_models(&["b"]));
    let yaml = format!(
        "providers:\n  one: {{ kind: openai, base_url: \"{}\", api_key: k, models: [x, y] }}\n  \
         two: {{ kind: openai, base_url: \"{}\", api_key: k }}\n",
        one.base_url(),
        two_.base_url()
    );
    let gateway = gateway().config(yaml).start().await;
    assert_eq!(listed(&gateway).await, ["x", "y", "b"]);
    assert!(one.requests().is_empty());
    assert_eq!(two_.requests()[0].header("authorization"), Some("Bearer k"));
}

#[tokio::test]
async fn providers_of_the_environment() {
    let (one, two_) = (with_models(&["a"]), with_models(&["b"]));
    let gateway = gateway()
        .env("OPENAI_API_KEY", "k-one")
        .env("OPENAI_BASE_URL", &one.base_url())
        .env("OPENAI_EAST_API_KEY", "k-two")
        .env("OPENAI_EAST_BASE_URL", &two_.base_url())
        .start()
        .await;
    assert_eq!(listed(&gateway).await, ["a", "b"]);
    let answer = gateway.chat(chat("openai-east/b")).send().await;
    assert_eq!((answer.status(), answer.header("x-tollgate-provider")), (200, Some("openai-east")));
    let asked = two_.requests().into_iter().find(|request| request.path() == "/v1/chat/completions").unwrap();
    assert_eq!(asked.header("authorization"), Some("Bearer k-two"));
}
