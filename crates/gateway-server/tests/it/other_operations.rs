//! Operations besides conversations: embeddings of every provider, counts of tokens, and what is forwarded by its model.

use serde_json::{Value, json};
use tollgate_testkit::fake::{fake_anthropic, fake_cohere, fake_gemini, fake_ollama, fake_openai_full};
use tollgate_testkit::{Gateway, Received, Reply, Upstream};

use crate::support::{PROVIDER_KEY, config, gateway, gateway_to};

async fn before(kind: &str, upstream: &Upstream) -> Gateway {
    let (url, key) = (upstream.url(), PROVIDER_KEY);
    gateway()
        .config(format!("providers:\n  up: {{ kind: {kind}, base_url: \"{url}\", api_key: {key} }}\n"))
        .start()
        .await
}

#[tokio::test]
async fn what_is_forwarded_goes_to_the_same_path_of_its_models_provider() {
    let upstream = Upstream::start(|request: &Received| match request.path() {
        "/v1/audio/speech" => Reply::new(200).header("content-type", "audio/mpeg").bytes("sound"),
        "/v1/moderations" => Reply::error(400, "not this"),
        _ => Reply::json(json!({ "results": [], "usage": { "prompt_tokens": 4, "total_tokens": 4 } }).to_string()),
    });
    let gateway = gateway_to(&upstream, "aliases: { quick: up/real-model }").await;
    for path in ["rerank", "images/generations", "responses/compact"] {
        let body = r#"{"model" : "quick","query":"q","n":1.0}"#;
        let answer = gateway.post(&format!("/v1/{path}"), body).send().await;
        assert_eq!((answer.status(), answer.header("x-tollgate-model")), (200, Some("real-model")), "{path}");
        let asked = upstream.requests().pop().expect("a request");
        assert_eq!(asked.path(), format!("/v1/{path}"));
        assert_eq!(asked.body, r#"{"model" : "real-model","query":"q","n":1.0}"#, "nothing else changes");
    }
    let sound = gateway.post("/v1/audio/speech", r#"{"model":"quick","input":"hi"}"#).send().await;
    assert_eq!(sound.header("content-type"), Some("audio/mpeg"));
    assert_eq!(sound.text().await, "sound");
    let refused = gateway.post("/v1/moderations", r#"{"model":"quick","input":"hi"}"#).send().await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json().await["error"]["message"], "not this");
    let records = gateway.usage_records(5).await;
    let operations: Vec<&Value> = records.iter().map(|record| &record["operation"]).collect();
    assert_eq!(operations, ["rerank", "images", "compact", "speech", "moderations"]);
    assert_eq!(records[0]["input_tokens"], 4);
}

#[tokio::test]
async fn a_form_keeps_everything_but_its_models_name() {
    let upstream = Upstream::always(Reply::json(r#"{"text":"hello"}"#));
    let gateway = gateway_to(&upstream, "aliases: { quick: up/whisper-1 }").await;
    let form = |model: &str| {
        format!(
            "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--B\r\nContent-Disposition: \
             form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n\0\u{1}quick\r\n--B--\r\n"
        )
    };
    let call = gateway.call(http::Method::POST, "/v1/audio/transcriptions").body(form("quick"));
    let answer = call.header("content-type", "multipart/form-data; boundary=B").send().await;
    assert_eq!(answer.json().await["text"], "hello");
    let asked = upstream.only_request();
    assert_eq!(asked.header("content-type"), Some("multipart/form-data; boundary=B"));
    assert_eq!(asked.body, form("whisper-1"));
}

#[tokio::test]
async fn every_provider_embeds_for_every_client() {
    for (kind, upstream) in [
        ("openai", Upstream::start(fake_openai_full())),
        ("gemini", Upstream::start(fake_gemini())),
        ("ollama", Upstream::start(fake_ollama())),
        ("cohere", Upstream::start(fake_cohere())),
    ] {
        let url = if kind == "openai" { upstream.base_url() } else { upstream.url() };
        let yaml = config(&url, "").replace("kind: openai", &format!("kind: {kind}"));
        let gateway = gateway().config(yaml).start().await;
        let ask = |body: Value| gateway.post("/v1/embeddings", body).send();
        let list = ask(json!({ "model": "fake-embed", "input": ["a", "b"] })).await;
        assert_eq!(list.status(), 200, "{kind}");
        let list = list.json().await;
        let vector = list["data"][1]["embedding"].as_array().expect("a vector").clone();
        assert_eq!((&list["object"], &list["data"][1]["index"]), (&json!("list"), &json!(1)), "{kind}");
        let packed = ask(json!({ "model": "fake-embed", "input": "b", "encoding_format": "base64" })).await;
        assert!(packed.json().await["data"][0]["embedding"].is_string(), "{kind}");

        let path = "/v1beta/models/fake-embed:embedContent";
        let google = gateway.post(path, json!({ "content": { "parts": [{ "text": "b" }] } })).send().await;
        let google = google.json().await;
        assert_eq!(google["embedding"]["values"].as_array().map(Vec::len), Some(vector.len()), "{kind} {google}");
        let ollama = gateway.post("/api/embed", json!({ "model": "fake-embed", "input": ["b"] })).send().await;
        let ollama = ollama.json().await;
        assert_eq!(ollama["embeddings"][0].as_array().map(Vec::len), Some(vector.len()), "{kind} {ollama}");
    }
}

#[tokio::test]
async fn tokens_are_counted_by_who_can_and_estimated_where_nobody_can() {
    let anthropic = Upstream::start(fake_anthropic());
    let gemini = Upstream::start(fake_gemini());
    let openai = Upstream::start(fake_openai_full());
    for (kind, upstream, model) in
        [("anthropic", &anthropic, "claude-fake"), ("gemini", &gemini, "gemini-3-fake"), ("custom", &openai, "fake")]
    {
        let gateway = before(kind, upstream).await;
        let messages = json!([{ "role": "user", "content": "How many tokens is this?" }]);
        let counts = [
            ("/v1/messages/count_tokens", json!({ "model": model, "messages": messages }), "input_tokens"),
            (
                "/v1/responses/input_tokens",
                json!({ "model": model, "input": "How many tokens is this?" }),
                "input_tokens",
            ),
            (
                &*format!("/v1beta/models/{model}:countTokens"),
                json!({ "contents": [{ "role": "user", "parts": [{ "text": "How many tokens is this?" }] }] }),
                "totalTokens",
            ),
        ];
        for (path, body, member) in counts {
            let answer = gateway.post(path, body).send().await;
            let estimated = answer.header("x-tollgate-estimated").is_some();
            assert_eq!((answer.status(), estimated), (200, kind == "custom"), "{kind} {path}");
            let answer = answer.json().await;
            assert!(answer[member].as_u64() > Some(0), "{kind} {path} {answer}");
        }
    }
}
