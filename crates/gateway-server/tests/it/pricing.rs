//! What requests cost: in headers, in records, in sums.

use serde_json::{Value, json};
use tollgate_testkit::{Gateway, Reply, Upstream};

use crate::support::{PROVIDER_KEY, chat, completion, config, finish_chunk, gateway, streamed, usage_chunk};

/// Two dollars per million tokens of input, ten of output.
const PRICES: &str = "prices: { up/m: { input: 2, output: 10 } }\n";
/// Seven tokens of input and three of output at these.
const COST: u64 = 7 * 2000 + 3 * 10_000;

async fn priced(upstream: &Upstream, more: &str) -> Gateway {
    gateway().config(config(&upstream.base_url(), &format!("{PRICES}{more}"))).start().await
}

#[tokio::test]
async fn a_whole_answer_says_what_it_cost() {
    let upstream = Upstream::always(Reply::json(completion("Hi")));
    let mut gateway = priced(&upstream, "cache: { mode: \"off\" }").await;
    let answer = gateway.chat(chat("up/m")).send().await;
    assert_eq!(answer.header("x-tollgate-cost"), Some("0.000044"));
    assert_eq!(answer.header("x-tollgate-saved"), None);
    let record = gateway.next_record().await;
    assert_eq!(record["cost_nano_usd"], COST);
    assert_eq!(record["price"], "override:up/m in=2 out=10");
}

#[tokio::test]
async fn a_stream_is_priced_at_its_end() {
    let stream = Reply::sse([finish_chunk(), usage_chunk(7, 3), "[DONE]".to_owned()]);
    let upstream = Upstream::always(stream);
    let mut gateway = priced(&upstream, "cache: { mode: \"off\" }").await;
    let answer = gateway.chat(streamed("up/m")).send().await;
    assert_eq!(answer.header("x-tollgate-cost"), None);
    answer.text().await;
    assert_eq!(gateway.next_record().await["cost_nano_usd"], COST);
}

#[tokio::test]
async fn a_hit_costs_nothing_and_says_what_it_saved() {
    let upstream = Upstream::always(Reply::json(completion("Hi")));
    let mut gateway = priced(&upstream, "cache: { mode: exact }").await;
    gateway.chat(chat("up/m")).send().await.text().await;
    let hit = gateway.chat(chat("up/m")).send().await;
    assert_eq!((hit.header("x-tollgate-cost"), hit.header("x-tollgate-saved")), (Some("0"), Some("0.000044")));
    gateway.next_record().await;
    let record = gateway.next_record().await;
    assert_eq!((&record["cost_nano_usd"], &record["saved_nano_usd"]), (&json!(0), &json!(COST)));
    assert_eq!(record["price"], "cached");
    let usage = gateway.get("/admin/v1/usage/summary").send().await.json().await;
    let total = &usage["total"];
    assert_eq!((&total["cost_nano_usd"], &total["saved_nano_usd"]), (&json!(COST), &json!(COST)), "{usage}");
    assert_eq!(total["unpriced"], 0);
}

#[tokio::test]
async fn an_unknown_price_is_unknown() {
    let answer = completion("Hi").replace(r#""model":"m""#, r#""model":"m-2026""#);
    let upstream = Upstream::always(Reply::json(answer));
    let mut gateway = priced(&upstream, "").await;
    let answer = gateway.chat(chat("up/m-2026")).send().await;
    assert_eq!(answer.header("x-tollgate-cost"), None);
    let record = gateway.next_record().await;
    assert_eq!((&record["cost_nano_usd"], &record["price"]), (&Value::Null, &Value::Null));
    let usage = gateway.get("/admin/v1/usage/summary").send().await.json().await;
    assert_eq!(usage["total"]["unpriced"], 1);
}

#[tokio::test]
async fn a_name_without_a_price_is_priced_by_the_name_that_answers() {
    let upstream = Upstream::always(Reply::json(completion("Hi")));
    let mut gateway = priced(&upstream, "").await;
    gateway.chat(chat("up/m-latest")).send().await.text().await;
    assert_eq!(gateway.next_record().await["price"], "override:up/m in=2 out=10");
}

#[tokio::test]
async fn a_provider_is_priced_by_its_kind_and_the_class_of_service() {
    let mut answer: Value = serde_json::from_str(&completion("Hi")).expect("is JSON");
    answer["service_tier"] = json!("priority");
    answer["model"] = json!("gpt-4o-2024-08-06");
    let upstream = Upstream::always(Reply::json(answer.to_string()));
    let mut gateway = gateway().config(config(&upstream.base_url(), "")).start().await;
    gateway.chat(chat("up/gpt-4o")).send().await.text().await;
    let record = gateway.next_record().await;
    // 4.25 and 17 dollars per million.
    assert_eq!(record["cost_nano_usd"], 7 * 4250 + 3 * 17_000);
    assert_eq!(record["service_tier"], "priority");
    assert!(record["price"].as_str().is_some_and(|price| price.ends_with(":openai/gpt-4o")), "{record}");
}

#[tokio::test]
async fn the_cost_that_openrouter_reports_is_believed_and_that_of_others_is_not() {
    let mut answer: Value = serde_json::from_str(&completion("Hi")).expect("is JSON");
    answer["usage"]["cost"] = json!(0.00012);
    let upstream = Upstream::always(Reply::json(answer.to_string()));
    let provider = |name: &str, kind: &str| {
        format!("  {name}: {{ kind: {kind}, base_url: \"{}\", api_key: {PROVIDER_KEY} }}\n", upstream.base_url())
    };
    let prices = "prices: { \"other/*\": { input: 1, output: 1 } }\n";
    let yaml = format!("providers:\n{}{}{prices}", provider("router", "openrouter"), provider("other", "custom"));
    let mut gateway = gateway().config(yaml).start().await;
    gateway.chat(chat("router/any/model")).send().await.text().await;
    let record = gateway.next_record().await;
    assert_eq!((&record["cost_nano_usd"], &record["price"]), (&json!(120_000), &json!("reported")));
    gateway.chat(chat("other/model")).send().await.text().await;
    assert_eq!(gateway.next_record().await["cost_nano_usd"], 10_000);
}

#[tokio::test]
async fn the_demo_has_a_price() {
    let gateway = gateway().start().await;
    let answer = gateway.chat(chat("demo")).send().await;
    let cost = answer.header("x-tollgate-cost").and_then(|cost| cost.parse::<tollgate_core::NanoUsd>().ok());
    assert!(cost.is_some_and(|cost| cost > tollgate_core::NanoUsd::ZERO), "{cost:?}");
}

#[tokio::test]
async fn a_reload_exchanges_prices() {
    let upstream = Upstream::always(Reply::json(completion("Hi")));
    let mut gateway = priced(&upstream, "cache: { mode: \"off\" }").await;
    gateway.chat(chat("up/m")).send().await.text().await;
    gateway.next_record().await;
    let dearer = "prices: { up/m: { input: 4, output: 20 } }\ncache: { mode: \"off\" }";
    gateway.write_config(&config(&upstream.base_url(), dearer));
    gateway.post("/admin/v1/reload", "").send().await.text().await;
    gateway.chat(chat("up/m")).send().await.text().await;
    assert_eq!(gateway.next_record().await["cost_nano_usd"], 2 * COST);
}

#[tokio::test]
async fn pictures_are_charged_by_the_piece() {
    let answer = json!({ "created": 1, "data": [{ "b64_json": "aGk=" }, { "b64_json": "aGk=" }] });
    let upstream = Upstream::always(Reply::json(answer.to_string()));
    let prices = "prices: { up/painter: { image: 0.04 } }";
    let mut gateway = gateway().config(config(&upstream.base_url(), prices)).start().await;
    let body = json!({ "model": "up/painter", "prompt": "A tollgate.", "n": 2 });
    gateway.post("/v1/images/generations", body).send().await.text().await;
    let record = gateway.next_record().await;
    assert_eq!((&record["images"], &record["cost_nano_usd"]), (&json!(2), &json!(80_000_000)), "{record}");
}
