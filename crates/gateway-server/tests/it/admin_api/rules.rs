//! Limits, budgets and prices.

use http::Method;
use serde_json::{Value, json};
use tollgate_testkit::{Answer, Gateway, Reply, Upstream};

use crate::support::{chat, completion, gateway, gateway_to, refused};

async fn put(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    let call = gateway.call(Method::PUT, &format!("/admin/v1/{path}")).header("content-type", "application/json");
    call.body(body.to_string()).send().await
}

#[tokio::test]
async fn rules_are_put_and_listed() {
    let gateway = gateway().start().await;
    for (kind, body) in [
        ("limits", json!({ "limit": 60, "unit": "requests_per_minute", "scope": { "path": "acme" }, "each": "key" })),
        ("budgets", json!({ "limit_nano_usd": 5_000_000_000_u64, "per": "month", "scope": { "tags": { "a": "b" } } })),
    ] {
        let answer = put(&gateway, &format!("{kind}/one"), &body).await;
        assert_eq!(answer.status(), 200);
        let stored = answer.json().await;
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&stored["body"][name], value, "{stored}");
        }
        let version = stored["version"].as_u64().unwrap();
        refused(put(&gateway, &format!("{kind}/one?version=0"), &body).await, 409, "conflict").await;
        refused(put(&gateway, &format!("{kind}/one?version={}", version + 1), &body).await, 409, "conflict").await;
        assert_eq!(put(&gateway, &format!("{kind}/one?version={version}"), &body).await.status(), 200);
        assert_eq!(put(&gateway, &format!("{kind}/two?version=0"), &body).await.status(), 200);

        let page = gateway.get(&format!("/admin/v1/{kind}?limit=1")).send().await.json().await;
        assert_eq!((&page["items"][0]["id"], page["items"].as_array().unwrap().len()), (&json!("one"), 1), "{page}");
        let cursor = page["next_cursor"].as_str().unwrap();
        let page = gateway.get(&format!("/admin/v1/{kind}?cursor={cursor}")).send().await.json().await;
        assert_eq!((&page["items"][0]["id"], &page["next_cursor"]), (&json!("two"), &Value::Null), "{page}");

        let path = format!("/admin/v1/{kind}/one");
        assert_eq!(gateway.get(&path).send().await.json().await["id"], "one");
        assert_eq!(gateway.call(Method::DELETE, &path).send().await.status(), 204);
        refused(gateway.get(&path).send().await, 404, "not_found").await;
        refused(gateway.call(Method::DELETE, &path).send().await, 404, "not_found").await;
    }
}

#[tokio::test]
async fn rules_that_make_no_sense() {
    let gateway = gateway().start().await;
    for (kind, body) in [
        ("limits", json!({ "limit": 60 })),
        ("limits", json!({ "limit": 60, "unit": "requests_per_week" })),
        ("limits", json!({ "limit": 60, "unit": "requests_per_minute", "scope": { "keys": "a" } })),
        ("budgets", json!({ "limit": 60, "per": "day" })),
        ("budgets", json!({ "limit_nano_usd": 1, "per": "day", "each": "path:0" })),
        ("prices/overrides/up/m", json!({ "rates": [] })),
        ("prices/overrides/up/m", json!({ "rates": [{ "unit": "inputs", "nano_usd": 1 }] })),
        ("prices/overrides/up/a%20b", json!({ "rates": [{ "unit": "input", "nano_usd": 1 }] })),
    ] {
        let path = if kind.starts_with("prices") { kind.to_owned() } else { format!("{kind}/one") };
        refused(put(&gateway, &path, &body).await, 400, "invalid_request").await;
    }
}

#[tokio::test]
async fn a_price_is_overridden() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, "").await;
    refused(gateway.get("/admin/v1/prices/of-model?model=up/m").send().await, 404, "not_found").await;
    let rates = json!([{ "unit": "input", "nano_usd": 2_000_000_000_u64 }, { "unit": "output", "nano_usd": 10_000_000_000_u64 }]);
    let answer = put(&gateway, "prices/overrides/up/m", &json!({ "rates": rates })).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await);
    gateway.chat(chat("m")).send().await.bytes().await;
    let record = gateway.get("/admin/v1/usage/records").send().await.json().await["items"][0].take();
    // 7 tokens of input and 3 of output, see `completion`.
    assert_eq!(record["cost_nano_usd"], 7 * 2_000 + 3 * 10_000, "{record}");
    let id = record["price"].as_str().unwrap().replace(' ', "%20");
    let price = gateway.get(&format!("/admin/v1/prices/of-record?id={id}")).send().await.json().await;
    assert_eq!((&price["id"], &price["terms"]["rates"][0]["nano_usd"]), (&record["price"], &json!(2_000_000_000_u64)));
    let listed = gateway.get("/admin/v1/prices/overrides").send().await.json().await;
    assert_eq!(listed["items"][0]["id"], "up/m", "{listed}");
    assert_eq!(gateway.call(Method::DELETE, "/admin/v1/prices/overrides/up/m").send().await.status(), 204);
    gateway.chat(chat("m")).send().await.bytes().await;
    let record = gateway.get("/admin/v1/usage/records").send().await.json().await["items"][0].take();
    assert_eq!(record["cost_nano_usd"], Value::Null, "unknown is not nothing");
}

#[tokio::test]
async fn the_book_says_what_models_cost() {
    let gateway = gateway().start().await;
    let book = gateway.get("/admin/v1/prices/book").send().await.json().await;
    assert!(book["prices"].as_u64() > Some(100), "{book}");
    let price = gateway.get("/admin/v1/prices/of-model?model=openai/gpt-4o").send().await.json().await;
    assert!(price["id"].as_str().is_some_and(|id| id.starts_with(book["version"].as_str().unwrap())), "{price}");
    assert!(price["terms"]["rates"].as_array().is_some_and(|rates| rates.len() > 1), "{price}");
    refused(gateway.get("/admin/v1/prices/of-model?model=openai/gpt-4o-nonsense").send().await, 404, "not_found").await;
    refused(gateway.get("/admin/v1/prices/of-model?model=gpt-4o").send().await, 400, "invalid_request").await;
    refused(gateway.get("/admin/v1/prices/of-record?id=none").send().await, 404, "not_found").await;
}

/// One request of 7 tokens of input and 3 of output that costs a microdollar for each token.
const ONE_REQUEST: u64 = 10_000;

async fn priced() -> (Upstream, Gateway) {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, "").await;
    let rates = ["input", "output"].map(|unit| json!({ "unit": unit, "nano_usd": 1_000_000_000 }));
    assert_eq!(put(&gateway, "prices/overrides/up/m", &json!({ "rates": rates })).await.status(), 200);
    (upstream, gateway)
}

#[tokio::test]
async fn a_budget_has_a_level_and_can_be_reset() {
    let (_upstream, gateway) = priced().await;
    let budget = json!({ "limit_nano_usd": 1_000_000_000, "per": "day" });
    assert_eq!(put(&gateway, "budgets/all", &budget).await.status(), 200);
    gateway.chat(chat("m")).send().await.bytes().await;
    let level = async || gateway.get("/admin/v1/budgets/all/level").send().await.json().await;
    // The answer may be here a moment before what was held for it is settled.
    let mut seen = level().await;
    for _ in 0..1000 {
        if seen["held"] == 0 && seen["used"] != 0 {
            break;
        }
        seen = level().await;
    }
    assert_eq!((&seen["used"], &seen["held"], &seen["unit"]), (&json!(ONE_REQUEST), &json!(0), &json!("nano_usd")));
    assert_eq!(seen["remaining"], 1_000_000_000 - ONE_REQUEST, "{seen}");
    assert!(seen["resets_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{seen}");
    let reset = gateway.post("/admin/v1/budgets/all/reset", "{}").send().await;
    assert_eq!((reset.status(), &reset.json().await["used"]), (200, &json!(0)));
    refused(gateway.get("/admin/v1/budgets/none/level").send().await, 404, "not_found").await;
    refused(gateway.post("/admin/v1/budgets/all/reset", r#"{"keys":"a"}"#).send().await, 400, "invalid_request").await;
}

#[tokio::test]
async fn a_limit_for_each_key_is_enforced_and_told() {
    let (_upstream, gateway) = priced().await;
    let key = gateway.post("/admin/v1/keys", json!({ "name": "web" })).send().await.json().await;
    let secret = key["secret"].as_str().unwrap();
    let limit = json!({ "limit": 2, "unit": "requests_per_hour", "each": "key", "on_error": "closed" });
    assert_eq!(put(&gateway, "limits/two", &limit).await.status(), 200);
    let ask = async || gateway.chat(chat("m")).bearer(secret).send().await.status();
    assert_eq!((ask().await, ask().await, ask().await), (200, 200, 429));
    refused(gateway.get("/admin/v1/limits/two/level").send().await, 409, "conflict").await;
    let level = gateway.get("/admin/v1/limits/two/level?key=web").send().await.json().await;
    assert_eq!(
        (&level["used"], &level["remaining"], &level["unit"]),
        (&json!(2), &json!(0), &json!("requests")),
        "{level}"
    );
    let levels = gateway.get("/admin/v1/keys/web/levels").send().await.json().await;
    assert_eq!(
        (&levels["items"][0]["rule"], &levels["items"][0]["used"]),
        (&json!("limit:two"), &json!(2)),
        "{levels}"
    );
    // It is gone at once, also for the next request.
    assert_eq!(gateway.call(Method::DELETE, "/admin/v1/limits/two").send().await.status(), 204);
    assert_eq!(ask().await, 200);
}

#[tokio::test]
async fn a_key_has_limits_and_budgets_of_its_own() {
    let (_upstream, gateway) = priced().await;
    let limits = json!([{ "name": "hourly", "limit": 1, "unit": "requests_per_hour" }]);
    let key = json!({ "name": "web", "limits": limits });
    let key = gateway.post("/admin/v1/keys", key).send().await.json().await;
    let ask = async || gateway.chat(chat("m")).bearer(key["secret"].as_str().unwrap()).send().await.status();
    assert_eq!((ask().await, ask().await), (200, 429));
    let none = gateway.call(Method::PATCH, "/admin/v1/keys/web").header("content-type", "application/json");
    let changed = none.body(r#"{"limits":[]}"#).send().await.json().await;
    assert_eq!(changed["limits"], json!([]), "{changed}");
    assert_eq!(ask().await, 200);
}
