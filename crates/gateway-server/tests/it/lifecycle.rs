//! Starting, checking and stopping.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{Call, Gate, Reply, Step, Upstream, eventually};

use crate::support::{
    PROVIDER_KEY, chat, chunk, completion, config, finish_chunk, gateway, gateway_to, streamed, usage_chunk,
};

// === Start ===

#[tokio::test]
async fn it_says_that_it_is_up() {
    let gateway = gateway().start().await;
    assert_eq!(gateway.get("/health").send().await.json().await["status"], "ok");
    assert_eq!(gateway.get("/health/ready").send().await.json().await["status"], "ready");
    assert_eq!(gateway.stdout(), "", "standard output is for usage records alone");
}

#[tokio::test]
async fn beyond_loopback_only_with_a_key_or_on_purpose() {
    let refused = gateway().arg("--listen").arg("0.0.0.0:0").run();
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("TOLLGATE_API_KEY") && refused.stderr.contains("--open"), "{}", refused.stderr);
    let open = gateway().host("0.0.0.0").arg("--open").start().await;
    assert_eq!(open.chat(chat("demo")).send().await.status(), 200);
    let keyed = gateway().host("0.0.0.0").env("TOLLGATE_API_KEY", "k").start().await;
    assert_eq!(keyed.chat(chat("demo")).send().await.status(), 401);
    let by_file = gateway().host("0.0.0.0").config("open: true").start().await;
    assert_eq!(by_file.chat(chat("demo")).send().await.status(), 200);
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let first = gateway().start().await;
    let second = gateway().arg("--listen").arg(first.authority()).run();
    assert_ne!(second.code, Some(0));
    assert!(second.stderr.contains(first.authority()) && second.stderr.contains("in use"), "{}", second.stderr);
}

#[tokio::test]
async fn a_configuration_that_is_not_valid() {
    let yaml = format!("providers:\n  openai:\n    api_key: {PROVIDER_KEY}\n    bse_url: http://localhost\n");
    let finished = gateway().config(yaml).run();
    assert_ne!(finished.code, Some(0));
    assert!(finished.stderr.contains("tollgate.yaml:4:5: providers.openai.bse_url"), "{}", finished.stderr);
    let finished = gateway().arg("--config").arg("/nowhere/tollgate.yaml").run();
    assert_ne!(finished.code, Some(0));
    assert!(finished.stderr.contains("/nowhere/tollgate.yaml"), "{}", finished.stderr);
}

#[test]
fn check_finds_every_mistake() {
    let good = gateway().arg("check").config(config("http://127.0.0.1:9/v1", "aliases: { fast: up/m }")).run();
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""), "{}", good.stdout);
    assert!(good.stdout.contains("valid"), "{}", good.stdout);
    let nothing = gateway().arg("check").run();
    assert_eq!(nothing.code, Some(0), "no configuration is one too");

    let yaml = format!(
        "listen: nonsense\nproviders:\n  openai:\n    api_key: {PROVIDER_KEY}\n    bse_url: http://localhost\n\
         timeouts: {{ idle: 5 }}\n"
    );
    let bad = gateway().arg("check").config(yaml).run();
    assert!(bad.code.is_some_and(|code| code != 0));
    assert_eq!(bad.stdout, "");
    assert!(bad.stderr.contains("tollgate.yaml:5:5: providers.openai.bse_url: unknown key"), "{}", bad.stderr);
    assert!(bad.stderr.contains("base_url"), "the hint: {}", bad.stderr);
    assert!(!bad.stderr.contains(PROVIDER_KEY), "{}", bad.stderr);
    let bad = gateway().arg("check").config("aliases: {a: b, b: a}\nlisten: nonsense\n").run();
    assert!(bad.stderr.contains("tollgate.yaml:1:") && bad.stderr.contains("tollgate.yaml:2:"), "{}", bad.stderr);
    let bad = gateway().arg("check").config("client_key: ${NOT_SET}\n").run();
    assert!(bad.code != Some(0) && bad.stderr.contains("NOT_SET"), "{}", bad.stderr);
}

#[test]
fn help_and_version() {
    let help = gateway().arg("--help").run();
    assert_eq!(help.code, Some(0));
    for word in ["--listen", "--config", "--open", "check", "TOLLGATE_LISTEN", "TOLLGATE_CONFIG"] {
        assert!(help.stdout.contains(word), "{word} is not in {}", help.stdout);
    }
    assert!(gateway().arg("--version").run().stdout.contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(gateway().arg("--nonsense").run().code, Some(2));
}

#[tokio::test]
async fn the_listener_of_the_environment() {
    let busy = gateway().start().await;
    let finished = gateway().env("TOLLGATE_LISTEN", busy.authority()).run();
    assert!(finished.stderr.contains(busy.authority()), "{}", finished.stderr);
    // The flag, which a server is started with here, wins over the variable.
    let gateway = gateway().env("TOLLGATE_LISTEN", busy.authority()).start().await;
    assert_eq!(gateway.get("/health").send().await.status(), 200);
}

#[tokio::test]
async fn records_can_be_turned_off() {
    let gateway = gateway().config("log: { usage: false, format: json }").start().await;
    gateway.chat(chat("demo")).send().await;
    let summary = gateway.get("/admin/v1/usage/summary").send().await.json().await;
    assert_eq!(summary["total"]["requests"], 1, "sums are kept all the same");
    assert_eq!(gateway.stdout(), "");
    let first: Value = serde_json::from_str(gateway.stderr().lines().next().unwrap()).unwrap();
    assert_eq!(first["level"], "INFO");
}

// === Stop ===

fn gated(gate: &Gate) -> Upstream {
    let gate = gate.clone();
    Upstream::start(move |request| match request.json()["stream"] {
        Value::Bool(true) => {
            let reply = Reply::sse([chunk("one")]).gate(&gate).event(&chunk("two")).event(&finish_chunk());
            reply.event(&usage_chunk(5, 2)).event("[DONE]")
        }
        _ => Reply::new(200).header("content-type", "application/json").gate(&gate).bytes(completion("hello")),
    })
}

#[tokio::test]
async fn streams_in_flight_may_finish() {
    let gate = Gate::new();
    let upstream = gated(&gate);
    let mut gateway = gateway_to(&upstream, "").await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut answer = gateway.chat(streamed("m")).send().await;
        answer.event().await;
        streams.push(answer);
    }
    let whole = tokio::spawn(gateway.chat(chat("m")).send());
    upstream.wait_requests(9).await;
    gateway.terminate();
    let url = format!("{}/health", gateway.url());
    let started = Instant::now();
    while Call::get(&url).try_send().await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10), "it still takes connections");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(gateway.is_running());
    gate.open();
    for answer in streams {
        assert!(answer.text().await.ends_with("data: [DONE]\n\n"));
    }
    assert_eq!(whole.await.unwrap().text().await, completion("hello"));
    assert_eq!(gateway.wait_exit().await.code(), Some(0));
    let records = gateway.usage_records(9).await;
    assert!(records.iter().all(|record| record["status"] == 200 && record["estimated"] == false), "{records:#?}");
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let mut gateway = gateway().start().await;
    // A connection that is kept open for later must not hold the server up.
    let idle = tokio::net::TcpStream::connect(gateway.authority()).await.unwrap();
    gateway.chat(chat("demo")).send().await;
    let started = Instant::now();
    gateway.signal("INT");
    assert_eq!(gateway.wait_exit().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    gateway.usage_records(1).await;
    drop(idle);
}

#[tokio::test]
async fn what_is_too_slow_is_cut_off_and_recorded() {
    let upstream = Upstream::always(Reply::sse([chunk("12345678")]).step(Step::Hang));
    let mut gateway = gateway_to(&upstream, "shutdown: { grace: 300ms }").await;
    let mut answer = gateway.chat(streamed("m")).send().await;
    answer.event().await;
    let started = Instant::now();
    gateway.terminate();
    assert!(answer.try_bytes().await.is_err(), "a stream that is cut off must not look complete");
    assert!(started.elapsed() >= Duration::from_millis(300), "it was cut off after {:?}", started.elapsed());
    gateway.wait_exit().await;
    let record = gateway.next_record().await;
    assert_eq!((&record["estimated"], &record["output_tokens"]), (&json!(true), &json!(2)), "{record}");
    eventually("the upstream to be let go", || (upstream.answering() == 0).then_some(())).await;
}

#[tokio::test]
async fn what_waits_for_its_answer_is_cut_off_and_recorded() {
    let upstream = Upstream::always(Reply::hang());
    let mut gateway = gateway_to(&upstream, "shutdown: { grace: 300ms }").await;
    let calling = tokio::spawn(gateway.chat(chat("m")).try_send());
    upstream.wait_requests(1).await;
    gateway.terminate();
    assert!(calling.await.unwrap().is_err());
    gateway.wait_exit().await;
    assert_eq!(gateway.usage_records(1).await.len(), 1);
}

#[tokio::test]
async fn a_second_signal_means_now() {
    let upstream = Upstream::always(Reply::sse([chunk("1")]).step(Step::Hang));
    let mut gateway = gateway_to(&upstream, "shutdown: { grace: 10m }").await;
    let mut answer = gateway.chat(streamed("m")).send().await;
    answer.event().await;
    gateway.terminate();
    gateway.wait_stderr("stopping").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(gateway.is_running(), "one signal is no second signal");
    assert_eq!(upstream.answering(), 1);
    gateway.terminate();
    gateway.wait_exit().await;
    assert_eq!(gateway.usage_records(1).await.len(), 1);
}
