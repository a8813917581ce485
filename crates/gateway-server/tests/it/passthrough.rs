//! Requests that go to a provider as they are, below `/p/{provider}/`.

use http::Method;
use serde_json::{Value, json};
use tollgate_testkit::{Reply, Step, Upstream, fake_openai};

use crate::support::{PROVIDER_KEY, chat, completion, gateway_to, streamed};

#[tokio::test]
async fn everything_goes_there_and_back() {
    let reply = Reply::new(418)
        .header("content-type", "application/x-teapot; v=\"1\"")
        .header("x-custom", "a")
        .header("x-custom", "b")
        .header("content-disposition", "attachment")
        .bytes(vec![0, 159, 146, 150, 255]);
    let upstream = Upstream::always(reply);
    let mut gateway = gateway_to(&upstream, "").await;
    for (index, method) in
        [Method::PUT, Method::POST, Method::PATCH, Method::DELETE, Method::GET].into_iter().enumerate()
    {
        let answer = gateway
            .call(method.clone(), "/p/up/files/a%20b%2Fc?purpose=x%20y&after=1&after=2&empty=")
            .header("content-type", "application/octet-stream")
            .header("x-mine", "1")
            .body(vec![1, 0, 255])
            .send()
            .await;
        assert_eq!(answer.status(), 418);
        assert_eq!(answer.header("content-type"), Some("application/x-teapot; v=\"1\""));
        assert_eq!(answer.header("content-disposition"), Some("attachment"));
        assert_eq!(answer.headers().get_all("x-custom").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(answer.header("x-tollgate-provider"), Some("up"));
        assert_eq!(&answer.bytes().await[..], [0, 159, 146, 150, 255]);
        let request = upstream.wait_requests(index + 1).await.remove(index);
        assert_eq!(request.method, method);
        assert_eq!(request.path_and_query, "/v1/files/a%20b%2Fc?purpose=x%20y&after=1&after=2&empty=");
        assert_eq!(&request.body[..], [1, 0, 255]);
        assert_eq!(request.header("content-type"), Some("application/octet-stream"));
        assert_eq!(request.header("x-mine"), Some("1"));
        assert_eq!(request.header("authorization"), Some(format!("Bearer {PROVIDER_KEY}").as_str()));
        assert_eq!(gateway.next_record().await["status"], 418);
    }
}

#[tokio::test]
async fn the_program_that_asks_is_named() {
    let upstream = Upstream::start(fake_openai());
    let gateway = gateway_to(&upstream, "").await;
    gateway.get("/p/up/models").header("user-agent", "tests/1").send().await;
    assert_eq!(upstream.only_request().header("user-agent"), Some("tests/1"));
}

#[tokio::test]
async fn what_is_the_clients_stays_here() {
    let upstream = Upstream::start(fake_openai());
    let gateway = gateway_to(&upstream, "client_key: tg-secret").await;
    for path in ["/p/up/v1/chat/completions", "/v1/chat/completions"] {
        for (name, value) in
            [("authorization", "Bearer tg-secret"), ("x-api-key", "tg-secret"), ("x-goog-api-key", "tg-secret")]
        {
            let call = gateway.post(path, chat("fake-chat")).header(name, value);
            let answer = call
                .header("cookie", "session=tg-secret")
                .header("x-forwarded-for", "10.9.8.7")
                .header("x-real-ip", "10.9.8.7")
                .header("x-tollgate-tags", "team=a")
                .header("proxy-authorization", "Basic tg-secret")
                .header("connection", "x-hop")
                .header("x-hop", "tg-secret")
                .send()
                .await;
            assert_eq!(answer.status(), 200, "{path} with {name}");
            assert_eq!(answer.json().await["choices"][0]["message"]["content"], "Hello from upstream!");
        }
    }
    let requests = upstream.requests();
    assert_eq!(requests.len(), 6);
    for request in requests {
        let all = format!("{:?} {:?}", request.headers, request.path_and_query);
        assert!(!all.contains("tg-secret") && !all.contains("10.9.8.7") && !all.contains("team=a"), "{all}");
        assert_eq!(request.headers.get_all("authorization").iter().count(), 1);
        assert_eq!(request.header("authorization"), Some(format!("Bearer {PROVIDER_KEY}").as_str()));
        assert!(request.header("host").is_some_and(|host| upstream.url().ends_with(host)), "{all}");
    }
}

#[tokio::test]
async fn the_key_in_a_query_stays_here() {
    let upstream = Upstream::start(fake_openai());
    let gateway = gateway_to(&upstream, "").await;
    gateway.get("/p/up/v1/models?key=tg-secret&pageSize=5").send().await;
    assert_eq!(upstream.only_request().path_and_query, "/v1/models?pageSize=5");
}

#[tokio::test]
async fn whole_answers_are_metered() {
    let upstream = Upstream::always(Reply::json(completion("hello")));
    let mut gateway = gateway_to(&upstream, "").await;
    let body = chat("m").to_string();
    let answer = gateway.post("/p/up/chat/completions", &body).send().await;
    assert_eq!(answer.text().await, completion("hello"));
    assert_eq!(upstream.only_request().body, body);
    let record = gateway.next_record().await;
    assert_eq!((&record["operation"], &record["provider"]), (&json!("passthrough"), &json!("up")), "{record}");
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(7), &json!(3)), "{record}");
    assert_eq!((&record["model_asked"], &record["model_answered"]), (&json!("m"), &json!("m")), "{record}");
    assert_eq!((&record["estimated"], &record["status"]), (&json!(false), &json!(200)), "{record}");
}

#[tokio::test]
async fn streams_are_metered() {
    let upstream = Upstream::start(fake_openai());
    let mut gateway = gateway_to(&upstream, "").await;
    let mut body = streamed("fake-chat");
    body["stream_options"] = json!({ "include_usage": true });
    let direct = tollgate_testkit::Call::post(format!("{}/chat/completions", upstream.base_url()), &body);
    let direct = direct.send().await.text().await;
    let answer = gateway.post("/p/up/chat/completions", &body).send().await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(answer.text().await, direct);
    let record = gateway.next_record().await;
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(9), &json!(4)), "{record}");
    assert_eq!((&record["estimated"], &record["error"]), (&json!(false), &Value::Null), "{record}");
}

#[tokio::test]
async fn streams_of_another_protocol_are_metered() {
    let events = [
        json!({ "type": "message_start", "message": { "model": "claude-x", "usage": { "input_tokens": 25, "output_tokens": 1 } } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hi" } }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 15 } }),
        json!({ "type": "message_stop" }),
    ];
    let stream: String =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).collect();
    let upstream = Upstream::always(Reply::new(200).header("content-type", "text/event-stream").bytes(stream.clone()));
    let mut gateway = gateway_to(&upstream, "").await;
    assert_eq!(gateway.post("/p/up/messages", streamed("claude-x")).send().await.text().await, stream);
    let record = gateway.next_record().await;
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(25), &json!(15)), "{record}");
    assert_eq!(record["model_answered"], "claude-x", "{record}");
}

#[tokio::test]
async fn answers_without_a_body() {
    let upstream = Upstream::start(|request| match request.path() {
        "/v1/gone" => Reply::new(204).header("x-custom", "kept"),
        "/v1/same" => Reply::new(304).header("etag", "\"7\"").header("x-custom", "kept"),
        _ => Reply::new(200).header("x-custom", "kept").bytes("twelve bytes"),
    });
    let mut gateway = gateway_to(&upstream, "").await;
    for (method, path, status) in
        [(Method::DELETE, "/p/up/gone", 204), (Method::GET, "/p/up/same", 304), (Method::HEAD, "/p/up/files/1", 200)]
    {
        let answer = gateway.call(method.clone(), path).send().await;
        assert_eq!((answer.status(), answer.header("x-custom")), (status, Some("kept")), "{path}");
        assert_eq!(answer.text().await, "");
        let record = gateway.next_record().await;
        assert_eq!((&record["status"], &record["error"]), (&json!(status), &Value::Null), "{record}");
        assert_eq!(upstream.requests().last().map(|request| request.method.clone()), Some(method));
    }
}

#[tokio::test]
async fn answers_that_break_off() {
    let upstream = Upstream::start(|request| match request.path() {
        "/v1/stream" => Reply::sse([crate::support::chunk("12345678")]).bytes("data: {\"a").step(Step::Cut),
        _ => Reply::new(200).bytes("half of it").step(Step::Cut),
    });
    let mut gateway = gateway_to(&upstream, "").await;
    for path in ["/p/up/stream", "/p/up/files/1/content"] {
        let answer = gateway.post(path, streamed("m")).send().await;
        assert_eq!(answer.status(), 200);
        assert!(answer.try_bytes().await.is_err(), "{path}: half an answer must not look whole");
        let record = gateway.next_record().await;
        assert_eq!(
            (&record["status"], &record["error"]),
            (&json!(200), &json!("upstream_invalid_response")),
            "{record}"
        );
        assert_eq!(record["estimated"], true, "{record}");
    }
}

#[tokio::test]
async fn a_provider_that_hangs() {
    let upstream = Upstream::always(Reply::hang());
    let more = "timeouts: { first_byte: 300ms }\nretry: { max_attempts: 1 }";
    let mut gateway = gateway_to(&upstream, more).await;
    let answer = gateway.get("/p/up/files").send().await;
    assert_eq!(answer.status(), 504);
    assert_eq!(answer.json().await["error"]["code"], "upstream_timeout");
    assert_eq!(gateway.next_record().await["status"], 504);
}

#[tokio::test]
async fn nothing_is_asked_twice() {
    let upstream = Upstream::always(Reply::error(500, "no"));
    let mut gateway = gateway_to(&upstream, "").await;
    assert_eq!(gateway.post("/p/up/files", "{}").send().await.status(), 500);
    assert_eq!((upstream.requests().len(), &gateway.next_record().await["attempts"]), (1, &json!(1)));
}

#[tokio::test]
async fn places_that_are_not_there() {
    let upstream = Upstream::start(fake_openai());
    let gateway = gateway_to(&upstream, "").await;
    assert_eq!(gateway.get("/p/nobody/v1/models").send().await.status(), 404);
    for path in ["/p/up/../admin", "/p/up/a/%2e%2E/b", "/p/up/./a"] {
        assert_eq!(gateway.get(path).send().await.status(), 400, "{path}");
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn keys_take_turns() {
    let upstream = Upstream::start(|request| match request.header("authorization") {
        Some("Bearer k2") => Reply::error(401, "revoked"),
        _ => Reply::json(completion("hello")),
    });
    let yaml = format!(
        "providers: {{ up: {{ kind: openai, base_url: \"{}\", api_keys: [k1, k2, k3] }} }}",
        upstream.base_url()
    );
    let gateway = crate::support::gateway().config(yaml).start().await;
    let mut statuses = Vec::new();
    for _ in 0..9 {
        statuses.push(gateway.chat(chat("m")).send().await.status());
    }
    let keys: Vec<String> =
        upstream.requests().iter().filter_map(|request| request.header("authorization").map(str::to_owned)).collect();
    let count = |key: &str| keys.iter().filter(|used| *used == &format!("Bearer {key}")).count();
    assert!(count("k1") >= 3 && count("k3") >= 3, "{keys:?}");
    assert_eq!(count("k2"), 1, "a key that was refused rests: {keys:?}");
    assert_eq!(statuses.iter().filter(|status| **status != 200).count(), 1);
}
