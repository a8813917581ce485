//! Answers from the cache, and one call for equal requests in flight.

use std::collections::HashSet;

use serde_json::{Value, json};
use tollgate_testkit::fake::fake_anthropic;
use tollgate_testkit::servers::Redis;
use tollgate_testkit::{Answer, Gate, Gateway, Reply, Upstream, data_events};

use crate::support::{PROVIDER_KEY, chat, chunk, completion, finish_chunk, gateway, gateway_to, streamed, usage_chunk};

const EXACT: &str = "cache: { mode: exact }";

fn stream(text: &str) -> Reply {
    Reply::sse([chunk(text), finish_chunk(), usage_chunk(7, 3), "[DONE]".to_owned()])
}

fn status(answer: &Answer) -> String {
    answer.header("cache-status").unwrap_or("none").to_owned()
}

async fn text_of(answer: Answer) -> String {
    answer.json().await["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

fn streamed_text(body: &str) -> String {
    let events = data_events(body);
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"), "{body}");
    let chunks = events[..events.len() - 1].iter().map(|event| serde_json::from_str::<Value>(event).expect("JSON"));
    chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn the_second_time_the_cache_answers() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, EXACT).await;
    let first = gateway.chat(chat("m")).send().await;
    assert_eq!(status(&first), "tollgate; fwd=miss; stored");
    let first = first.json().await;
    let second = gateway.chat(chat("m")).send().await;
    assert_eq!(status(&second), "tollgate; hit; detail=exact");
    assert_eq!(second.header("age"), Some("0"));
    assert_eq!(second.header("x-tollgate-attempts"), None);
    assert_eq!(second.header("x-tollgate-provider"), Some("up"));
    let second = second.json().await;
    let (one, other) = (&first["choices"][0], &second["choices"][0]);
    assert_eq!(
        (&one["message"]["content"], &one["finish_reason"]),
        (&other["message"]["content"], &other["finish_reason"])
    );
    assert_eq!(first["usage"], second["usage"]);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(upstream.requests().len(), 1);
    let records = gateway.usage_records(2).await;
    assert_eq!((&records[0]["cache"], &records[0]["input_tokens"]), (&json!("miss"), &json!(7)));
    assert_eq!((&records[1]["cache"], &records[1]["input_tokens"]), (&json!("hit"), &Value::Null));
    assert_eq!((&records[1]["saved_input_tokens"], &records[1]["saved_output_tokens"]), (&json!(7), &json!(3)));
}

#[tokio::test]
async fn answers_are_shared_in_a_server_and_health_tells_of_it() {
    for server in [Redis::start().await, Redis::start_valkey().await] {
        let Some(mut server) = server else { continue };
        let upstream = Upstream::always(Reply::json(completion("A gate.")));
        let url = server.url();
        let more = format!(
            "cache: {{ mode: exact, redis: {{ url: \"{url}\", read_timeout: 2s }} }}\nquota: {{ redis: {{ url: \"{url}\" }} }}"
        );
        let (one, other) = (gateway_to(&upstream, &more).await, gateway_to(&upstream, &more).await);
        assert_eq!(status(&one.chat(chat("m")).send().await), "tollgate; fwd=miss; stored");
        // It is written after the answer has left.
        let mut found = String::new();
        for _ in 0..200 {
            let answer = other.chat(chat("m")).header("x-tollgate-cache", "only-if-cached").send().await;
            if answer.status() == 200 {
                found = status(&answer);
                assert_eq!(text_of(answer).await, "A gate.");
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(found, "tollgate; hit; detail=exact");
        let health = async || one.get("/admin/v1/health").send().await.json().await;
        let stores =
            |reachable: bool| ["answers", "limits"].map(|keeps| json!({ "keeps": keeps, "reachable": reachable }));
        let told = health().await;
        assert_eq!((&told["status"], &told["stores"]), (&json!("ok"), &json!(stores(true))));
        server.stop();
        let told = health().await;
        assert_eq!((&told["status"], &told["stores"]), (&json!("degraded"), &json!(stores(false))));
        let answer = one.chat(json!({ "model": "m", "messages": [{ "role": "user", "content": "Another?" }] }));
        assert_eq!(answer.send().await.status(), 200, "no request relies on it");
    }
}

#[tokio::test]
async fn one_entry_serves_whole_and_streamed_requests() {
    for starts_with_stream in [false, true] {
        let reply = if starts_with_stream { stream("A gate.") } else { Reply::json(completion("A gate.")) };
        let upstream = Upstream::always(reply);
        let gateway = gateway_to(&upstream, EXACT).await;
        let first = if starts_with_stream { streamed("m") } else { chat("m") };
        gateway.chat(first).send().await.bytes().await;
        let whole = gateway.chat(chat("m")).send().await;
        assert_eq!(status(&whole), "tollgate; hit; detail=exact");
        assert_eq!(text_of(whole).await, "A gate.");
        let mut asked = streamed("m");
        asked["stream_options"] = json!({ "include_usage": true });
        let answer = gateway.chat(asked).send().await;
        assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
        let body = answer.text().await;
        assert_eq!(streamed_text(&body), "A gate.");
        assert!(body.contains("\"prompt_tokens\":7"), "{body}");
        assert_eq!(upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn one_entry_serves_clients_of_every_protocol() {
    let upstream = Upstream::start(fake_anthropic());
    let url = upstream.url();
    let config =
        format!("providers:\n  claude: {{ kind: anthropic, base_url: \"{url}\", api_key: {PROVIDER_KEY} }}\n{EXACT}\n");
    let gateway = gateway().config(config).start().await;
    let messages = json!([{ "role": "user", "content": "say hello" }]);
    let body = json!({ "model": "claude-fake", "max_tokens": 64, "messages": messages });
    gateway.post("/v1/messages", body.clone()).send().await.bytes().await;
    let answer = gateway.chat(body).send().await;
    assert_eq!(status(&answer), "tollgate; hit; detail=exact");
    assert_eq!(text_of(answer).await, "Hello from FAKE.");
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "say hello" }] }],
        "generationConfig": { "maxOutputTokens": 64 } });
    let answer = gateway.post("/v1beta/models/claude-fake:generateContent", body).send().await;
    assert_eq!(status(&answer), "tollgate; hit; detail=exact");
    assert_eq!(answer.json().await["candidates"][0]["content"]["parts"][0]["text"], "Hello from FAKE.");
    let body = json!({ "model": "claude-fake", "max_output_tokens": 64, "input": [{ "role": "user", "content": "say hello" }] });
    let answer = gateway.post("/v1/responses", body.clone()).send().await;
    let is_hit = status(&answer).contains("hit");
    let first = answer.json().await;
    assert!(is_hit, "{first}");
    // It is kept under its own name, so that its client can go on from it.
    let id = first["id"].as_str().expect("an id");
    let read = gateway.get(&format!("/v1/responses/{id}")).send().await;
    assert_eq!(read.status(), 200);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn embeddings_and_completions_are_kept_too() {
    let upstream = Upstream::start(|request| match request.path() {
        "/v1/embeddings" => Reply::json(
            r#"{"object":"list","model":"e","data":[{"object":"embedding","index":0,"embedding":[1.0]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#,
        ),
        _ => Reply::json(
            r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":"x","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
        ),
    });
    let gateway = gateway_to(&upstream, EXACT).await;
    for (path, body) in [
        ("/v1/embeddings", json!({ "model": "e", "input": "hello" })),
        ("/v1/completions", json!({ "model": "m", "prompt": "hello" })),
    ] {
        let first = gateway.post(path, body.clone()).send().await;
        assert_eq!(status(&first), "tollgate; fwd=miss; stored", "{path}");
        let mut first = first.json().await;
        let second = gateway.post(path, body).send().await;
        assert_eq!(status(&second), "tollgate; hit; detail=exact", "{path}");
        let mut second = second.json().await;
        for answer in [&mut first, &mut second] {
            answer["id"].take();
            answer["created"].take();
        }
        assert_eq!(first, second);
    }
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn clients_say_what_caches_may_do() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, "").await;
    let ask = async |name: &str, value: &str| gateway.chat(chat("m")).header(name, value).send().await;
    assert_eq!(status(&gateway.chat(chat("m")).send().await), "none", "off where nobody asks for it");
    let answer = ask("x-tollgate-cache", "only-if-cached").await;
    assert_eq!(answer.status(), 504);
    assert_eq!(answer.json().await["error"]["code"], "not_cached");
    assert_eq!(status(&ask("x-tollgate-cache", "exact").await), "tollgate; fwd=miss; stored");
    assert_eq!(status(&ask("x-tollgate-cache", "exact").await), "tollgate; hit; detail=exact");
    assert_eq!(status(&ask("x-tollgate-cache", "only-if-cached").await), "tollgate; hit; detail=exact");
    assert_eq!(status(&ask("x-tollgate-cache", "refresh").await), "tollgate; fwd=miss; stored");
    assert_eq!(status(&ask("x-tollgate-cache", "off").await), "tollgate; fwd=bypass; detail=off");
    assert_eq!(upstream.requests().len(), 4);
    let answer = ask("x-tollgate-cache", "offf").await;
    assert_eq!((answer.status(), answer.json().await["error"]["param"].clone()), (400, json!("x-tollgate-cache")));
}

#[tokio::test]
async fn headers_of_http_mean_what_they_mean_elsewhere() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, EXACT).await;
    let ask = async |value: &str| status(&gateway.chat(chat("m")).header("cache-control", value).send().await);
    assert_eq!(ask("no-store").await, "tollgate; fwd=bypass; detail=no-store");
    assert_eq!(ask("max-age=60").await, "tollgate; fwd=miss; stored");
    assert_eq!(ask("max-age=60").await, "tollgate; hit; detail=exact");
    assert_eq!(ask("no-cache").await, "tollgate; fwd=miss; stored");
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn what_is_not_an_answer_is_not_kept() {
    let finish = |reason: &str| completion("A gate.").replace("\"stop\"", &format!("\"{reason}\""));
    let refusal = completion("A gate.").replace("\"content\":\"A gate.\"", "\"content\":null,\"refusal\":\"No.\"");
    let cases = [
        (Reply::json(finish("length")), "not-stored:length"),
        (Reply::json(finish("content_filter")), "not-stored:content-filter"),
        (Reply::json(refusal), "not-stored:refusal"),
        (Reply::json(completion(" ")), "not-stored:empty"),
    ];
    for (reply, reason) in cases {
        let upstream = Upstream::always(reply);
        let gateway = gateway_to(&upstream, EXACT).await;
        for _ in 0..2 {
            assert_eq!(status(&gateway.chat(chat("m")).send().await), format!("tollgate; fwd=miss; detail={reason}"));
        }
        assert_eq!(upstream.requests().len(), 2, "{reason}");
    }
}

/// Ollama's protocol has words for it and nothing else.
#[tokio::test]
async fn a_refusal_is_not_kept_where_the_clients_protocol_cannot_tell_it() {
    let refusal = completion("A gate.").replace("\"content\":\"A gate.\"", "\"content\":null,\"refusal\":\"No.\"");
    let upstream = Upstream::always(Reply::json(refusal));
    let gateway = gateway_to(&upstream, EXACT).await;
    let body = json!({ "model": "m", "stream": false, "messages": [{ "role": "user", "content": "a" }] });
    for _ in 0..2 {
        let answer = gateway.post("/api/chat", body.clone()).send().await;
        assert_eq!(status(&answer), "tollgate; fwd=miss; detail=not-stored:refusal");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_not_kept() {
    let upstream = Upstream::sequence([Reply::sse([chunk("A ga")]), Reply::error(500, "broken"), stream("A gate.")]);
    let gateway = gateway_to(&upstream, "cache: { mode: exact }\nretry: { max_attempts: 1 }").await;
    assert!(gateway.chat(streamed("m")).send().await.text().await.contains("error"));
    assert_eq!(gateway.chat(streamed("m")).send().await.status(), 500);
    for _ in 0..2 {
        assert_eq!(streamed_text(&gateway.chat(streamed("m")).send().await.text().await), "A gate.");
    }
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn keys_do_not_see_each_others_answers() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, EXACT).await;
    let differing = [
        json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }] }),
        json!({ "model": "n", "messages": [{ "role": "user", "content": "a" }] }),
        json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }], "seed": 1 }),
        json!({ "model": "m", "messages": [{ "role": "system", "content": "a" }] }),
        json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }], "x_unknown": null }),
    ];
    for body in &differing {
        assert!(status(&gateway.chat(body).send().await).contains("miss"), "{body}");
    }
    let search = json!({ "model": "m", "input": "x", "tools": [{ "type": "web_search" }] });
    let answer = gateway.post("/v1/responses", search).send().await;
    assert_eq!(status(&answer), "tollgate; fwd=bypass; detail=provider-tools");
}

#[tokio::test]
async fn equal_requests_in_flight_share_one_answer() {
    let gate = Gate::new();
    let reply = Reply::sse([chunk("A ")]).gate(&gate).event(&chunk("gate.")).event(&finish_chunk());
    let upstream = Upstream::always(reply.event(&usage_chunk(7, 3)).event("[DONE]"));
    let gateway = gateway_to(&upstream, EXACT).await;
    let mut leader = gateway.chat(streamed("m")).send().await;
    assert!(leader.event().await.expect("an event").contains("A "));
    let mut tasks = Vec::new();
    for number in 0..60 {
        let mut body = if number % 3 == 0 { chat("m") } else { streamed("m") };
        if number % 3 == 1 {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let call = gateway.chat(body);
        tasks.push(tokio::spawn(async move {
            let answer = call.send().await;
            let status = status(&answer);
            let text = answer.text().await;
            let text = match serde_json::from_str::<Value>(&text) {
                Ok(whole) => whole["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(),
                Err(_) => streamed_text(&text),
            };
            (status, text)
        }));
    }
    let stats = async || gateway.get("/admin/v1/cache/stats").send().await.json().await;
    let seated = async |wanted: u64| {
        for _ in 0..500 {
            if stats().await["seats"] == wanted {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    seated(61).await;
    drop(leader);
    // It must be known to have left, or else it is the one that is billed.
    seated(60).await;
    gate.open();
    let mut others = 0;
    for task in tasks {
        let (status, text) = task.await.expect("no panic");
        assert_eq!(text, "A gate.");
        // One of them took over the bill, and if it waited for the whole answer, it was told that it was stored.
        others += usize::from(status == "tollgate; fwd=miss; collapsed");
    }
    assert!(others >= 59, "{others}");
    assert_eq!(upstream.requests().len(), 1);
    let records = gateway.usage_records(61).await;
    let billed: Vec<&Value> = records.iter().filter(|record| record["input_tokens"] == 7).collect();
    assert_eq!(billed.len(), 1, "one of them pays, although the first one left");
    let saved = records.iter().filter(|record| record["saved_input_tokens"] == 7).count();
    assert_eq!(saved, 59);
    let outcomes: HashSet<&str> = records.iter().filter_map(|record| record["cache"].as_str()).collect();
    assert_eq!(outcomes, HashSet::from(["collapsed", "miss"]));
    assert_eq!(status(&gateway.chat(chat("m")).send().await), "tollgate; hit; detail=exact");
}

#[tokio::test]
async fn a_failure_before_the_beginning_is_tried_once_more_for_all() {
    let gate = Gate::new();
    let upstream =
        Upstream::sequence([Reply::raw([]).gate(&gate).bytes("garbage\r\n\r\n"), Reply::json(completion("A gate."))]);
    let gateway = gateway_to(&upstream, "cache: { mode: exact }\nretry: { max_attempts: 1 }").await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let call = gateway.chat(chat("m"));
            tokio::spawn(async move { call.send().await.status() })
        })
        .collect();
    upstream.wait_requests(1).await;
    for _ in 0..500 {
        if gateway.get("/admin/v1/cache/stats").send().await.json().await["seats"] == 20 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    gate.open();
    let mut failed = 0;
    for call in calls {
        failed += usize::from(call.await.expect("no panic") != 200);
    }
    assert_eq!((failed, upstream.requests().len()), (1, 2));
}

#[tokio::test]
async fn stale_answers_stand_in() {
    let upstream =
        Upstream::sequence([Reply::json(completion("old")), Reply::json(completion("new")), Reply::error(503, "down")]);
    let more = "cache: { mode: exact, stale_while_revalidate: 1h }\nretry: { max_attempts: 1 }";
    let gateway = gateway_to(&upstream, more).await;
    let ask = async || gateway.chat(chat("m")).header("x-tollgate-cache-ttl", "0").send().await;
    assert_eq!(text_of(ask().await).await, "old");
    let stale = ask().await;
    assert_eq!(status(&stale), "tollgate; hit; detail=stale-while-revalidate");
    assert_eq!(text_of(stale).await, "old");
    upstream.wait_requests(2).await;
    let records = gateway.usage_records(3).await;
    let own: Vec<&Value> = records.iter().filter(|record| record["key"] == "tollgate").collect();
    assert_eq!((own.len(), &own[0]["input_tokens"]), (1, &json!(7)), "the gateway's own account");

    let upstream = Upstream::sequence([Reply::json(completion("old")), Reply::error(503, "down")]);
    let more = "cache: { mode: exact, stale_if_error: 1h }\nretry: { max_attempts: 1 }";
    let gateway = gateway_to(&upstream, more).await;
    let ask = async || gateway.chat(chat("m")).header("x-tollgate-cache-ttl", "0").send().await;
    ask().await.bytes().await;
    let stale = ask().await;
    assert_eq!(status(&stale), "tollgate; hit; detail=stale-if-error");
    assert_eq!(text_of(stale).await, "old");
}

async fn purge(gateway: &Gateway, what: Value) -> Value {
    let answer = gateway.post("/admin/v1/cache/purge", what).send().await;
    assert_eq!(answer.status(), 200);
    answer.json().await
}

#[tokio::test]
async fn answers_are_listed_and_purged() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, EXACT).await;
    let ask = async |text: &str, tags: &str| {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
        status(&gateway.chat(body).header("x-tollgate-cache-tags", tags).send().await)
    };
    for text in ["a", "b", "c"] {
        ask(text, if text == "a" { "doc:1,doc:2" } else { "doc:2" }).await;
    }
    let listed = gateway.get("/admin/v1/cache/entries?tag=doc:1").send().await.json().await;
    assert_eq!(listed["entries"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(
        purge(&gateway, json!({ "tag": "doc:1", "dry_run": true })).await,
        json!({ "dry_run": true, "entries": 1 })
    );
    assert!(ask("a", "").await.contains("hit"));
    assert_eq!(purge(&gateway, json!({ "tag": "doc:1" })).await["entries"], 1);
    assert!(ask("a", "").await.contains("miss"));
    assert!(ask("b", "").await.contains("hit"));
    let key = gateway.get("/admin/v1/cache/entries?tag=doc:2").send().await.json().await["entries"][0]["id"].clone();
    assert_eq!(purge(&gateway, json!({ "entry": key })).await["entries"], 1);
    assert_eq!(purge(&gateway, json!({ "model": "up/m" })).await["entries"], 2);
    assert!(ask("b", "").await.contains("miss"));
    assert_eq!(purge(&gateway, json!({ "all": true })).await["entries"], 1);
    let stats = gateway.get("/admin/v1/cache/stats").send().await.json().await;
    assert_eq!((&stats["entries"], &stats["served"]["exact"]), (&json!(0), &json!(2)), "{stats}");
    let answer = gateway.post("/admin/v1/cache/purge", "{}").send().await;
    assert_eq!(answer.status(), 400, "what to purge must be said");
}

/// What is left of an answer without its long words, names and times among them.
fn without_names(body: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    body.split(|letter| !is_word(letter)).filter(|word| word.len() < 10).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn answers_that_are_remembered_are_those_that_would_be_written() {
    let upstream = Upstream::always(Reply::json(completion("A gate, chatcmpl-1 of 1764000000.")));
    let gateway = gateway_to(&upstream, EXACT).await;
    let messages = json!([{ "role": "user", "content": "say hello" }]);
    for stream in [false, true] {
        for (path, body) in [
            ("/v1/chat/completions", json!({ "model": "m", "messages": messages, "stream": stream })),
            ("/v1/messages", json!({ "model": "m", "max_tokens": 9, "messages": messages, "stream": stream })),
            ("/v1/responses", json!({ "model": "m", "input": "say hello", "stream": stream })),
            ("/api/chat", json!({ "model": "m", "messages": messages, "stream": stream })),
        ] {
            let mut bodies = HashSet::new();
            let mut forms = HashSet::new();
            // The first is stored, the second written and remembered, the others are remembered.
            for time in 0..4 {
                let answer = gateway.post(path, body.clone()).send().await;
                let is_hit = status(&answer) == "tollgate; hit; detail=exact";
                let body = answer.text().await;
                if time > 0 {
                    assert!(is_hit, "{path} {time}: {body}");
                    assert!(body.contains("A gate, chatcmpl-1 of 1764000000."), "{body}");
                    forms.insert(without_names(&body));
                    bodies.insert(body);
                }
            }
            assert_eq!(forms.len(), 1, "{path}: {forms:?}");
            if path != "/api/chat" {
                assert_eq!(bodies.len(), 3, "{path}: everybody gets a name of their own");
            }
        }
    }
}

#[tokio::test]
async fn what_is_remembered_ends_with_its_entry() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, EXACT).await;
    let ask = async |header: Option<(&str, &str)>| {
        let asking = gateway.chat(chat("m"));
        let asking = if let Some((name, value)) = header { asking.header(name, value) } else { asking };
        status(&asking.send().await)
    };
    for _ in 0..3 {
        ask(None).await;
    }
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(ask(Some(("cache-control", "no-cache"))).await, "tollgate; fwd=miss; stored", "refreshed");
    assert_eq!(ask(None).await, "tollgate; hit; detail=exact", "by the new entry");
    assert_eq!(ask(Some(("cache-control", "max-age=0"))).await, "tollgate; fwd=miss; stored");
    assert_eq!(ask(None).await, "tollgate; hit; detail=exact");
    assert_eq!(ask(None).await, "tollgate; hit; detail=exact");
    assert_eq!(upstream.requests().len(), 3);
    assert_eq!(purge(&gateway, json!({ "all": true })).await["entries"], 1);
    assert_eq!(ask(None).await, "tollgate; fwd=miss; stored", "what was invalidated is not remembered");
}

/// What a client sees of an answer but for the names that everybody gets anew.
async fn seen(answer: Answer) -> (u16, Vec<(String, String)>, String) {
    let status = answer.status();
    let is_own = |name: &str| matches!(name, "date" | "x-request-id");
    let headers =
        answer.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
    let mut headers: Vec<_> = headers.filter(|(name, _)| !is_own(name)).collect();
    headers.sort();
    (status, headers, without_names(&answer.text().await))
}

#[tokio::test]
async fn where_answers_are_shared_nobody_can_tell_that_one_was_stored() {
    let reply = Reply::json(completion("A gate.")).header("openai-processing-ms", "512");
    let upstream = Upstream::always(reply);
    let gateway = gateway_to(&upstream, "cache: { mode: exact, scope: deployment }").await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(seen(gateway.chat(chat("m")).send().await).await);
    }
    assert_eq!(upstream.requests().len(), 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    let told: Vec<&str> = answers[0].1.iter().map(|(name, _)| &**name).collect();
    assert!(!told.contains(&"cache-status") && told.contains(&"x-tollgate-provider"), "{told:?}");
    let records = gateway.usage_records(4).await;
    let outcomes: Vec<&str> = records.iter().filter_map(|record| record["cache"].as_str()).collect();
    assert_eq!(outcomes, ["miss", "hit", "hit", "hit"], "operators know");
    let only = gateway.chat(chat("m")).header("x-tollgate-cache", "only-if-cached").send().await;
    assert_eq!(only.status(), 504);
    let search = json!({ "model": "m", "input": "x", "tools": [{ "type": "web_search" }] });
    let answer = gateway.post("/v1/responses", search).send().await;
    assert_eq!(status(&answer), "tollgate; fwd=bypass; detail=provider-tools");
}

#[tokio::test]
async fn streams_of_stored_answers_are_like_new_ones() {
    let upstream = Upstream::always(Reply::sse(["A gate", " at a", " road."].map(chunk).into_iter().chain([
        finish_chunk(),
        usage_chunk(7, 3),
        "[DONE]".to_owned(),
    ])));
    let gateway = gateway_to(&upstream, "cache: { mode: exact, scope: deployment }").await;
    let mut events = Vec::new();
    for _ in 0..3 {
        let answer = gateway.chat(streamed("m")).send().await;
        assert_eq!((status(&answer).as_str(), answer.header("age")), ("none", None));
        let body = answer.text().await;
        assert_eq!(streamed_text(&body), "A gate at a road.");
        let members = data_events(&body).iter().map(|event| without_names(event)).next();
        events.push(members);
    }
    assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn who_says_so_shares_answers_openly() {
    let upstream = Upstream::always(Reply::json(completion("A gate.")));
    let gateway = gateway_to(&upstream, "cache: { mode: exact, scope: deployment, conceal: false }").await;
    assert_eq!(status(&gateway.chat(chat("m")).send().await), "tollgate; fwd=miss; stored");
    assert_eq!(status(&gateway.chat(chat("m")).send().await), "tollgate; hit; detail=exact");
}

#[tokio::test]
async fn several_answers_are_kept_where_that_is_asked_for() {
    let upstream = Upstream::sequence(["one", "two", "three"].map(|text| Reply::json(completion(text))));
    let gateway = gateway_to(&upstream, "cache: { mode: exact, variants: 2 }").await;
    let mut answers = HashSet::new();
    for _ in 0..60 {
        answers.insert(text_of(gateway.chat(chat("m")).send().await).await);
    }
    assert_eq!(answers, HashSet::from(["one", "two"].map(str::to_owned)));
    assert_eq!(upstream.requests().len(), 2);
}
