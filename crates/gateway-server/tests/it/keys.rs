//! Virtual keys: made at the command line, used by clients, and seen by servers that run.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::servers::Postgres;
use tollgate_testkit::{Answer, Call, Finished, Gateway, PATIENCE, Received, Reply, Upstream, fake_openai};

use tollgate_usage::database::Sqlite;
use tollgate_usage::directory::{AuditFilter, Capture, CaptureFilter, Directory, Page, SqliteDirectory};

use crate::support::{chat, completion, config, gateway, refused, streamed};

/// A database that servers and commands share, in front of one upstream.
struct Shared {
    data: TempDir,
    upstream: Upstream,
    more: &'static str,
}

impl Shared {
    fn with(more: &'static str) -> Self {
        let data = TempDir::with_prefix("tollgate-data-").expect("a folder");
        Self { data, upstream: Upstream::start(fake_openai()), more }
    }

    fn new() -> Self {
        Self::with("keys: { poll: 20ms }")
    }

    fn config(&self) -> String {
        config(&self.upstream.base_url(), self.more)
    }

    async fn server(&self) -> Gateway {
        gateway().config(self.config()).env("TOLLGATE_DATA", self.folder()).start().await
    }

    fn folder(&self) -> &str {
        self.data.path().to_str().expect("a plain name")
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let command = gateway().config(self.config()).env("TOLLGATE_DATA", self.folder()).env("USER", "tester");
        arguments.iter().fold(command.arg("keys"), |command, argument| command.arg(*argument)).run()
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let finished = self.run(arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {}{}", finished.stdout, finished.stderr);
        finished.stdout.trim_end().to_owned()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.done(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Makes a key and returns its secret.
    #[track_caller]
    fn create(&self, name: &str, settings: &[&str]) -> String {
        let secret = self.done(&[&["create", name], settings].concat());
        assert!(secret.starts_with("tg-") && secret.len() > 40 && !secret.contains(char::is_whitespace), "{secret}");
        secret
    }
}

/// Waits until a call is answered with a status.
async fn becomes(status: u16, call: impl Fn() -> Call) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = call().send().await;
        if answer.status() == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for an answer with status {status}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_key_from_its_making_to_its_end() {
    let shared = Shared::new();
    let secret = shared.create("web", &["--path", "acme/search", "--tag", "team=search", "--tag", "app=web"]);
    let mut server = shared.server().await;
    let call = || server.chat(chat("fake-chat"));
    refused(call().send().await, 401, "invalid_api_key").await;
    refused(call().bearer("tg-wrong").send().await, 401, "invalid_api_key").await;
    refused(call().bearer(&secret[..secret.len() - 1]).send().await, 401, "invalid_api_key").await;
    assert_eq!(call().bearer(&secret).send().await.status(), 200);
    let record = server.next_record().await;
    assert_eq!((&record["key"], &record["path"]), (&json!("web"), &json!("acme/search")));
    assert_eq!(record["tags"], json!({ "team": "search", "app": "web" }));

    let tagged = server.chat(chat("fake-chat")).bearer(&secret).header("x-tollgate-tags", "team=ads,run=7");
    assert_eq!(tagged.send().await.status(), 200);
    assert_eq!(server.next_record().await["tags"], json!({ "team": "ads", "run": "7", "app": "web" }));

    shared.done(&["disable", "web"]);
    let call = || server.chat(chat("fake-chat")).bearer(&secret);
    let error = refused(becomes(401, call).await, 401, "invalid_api_key").await;
    assert!(error["message"].as_str().is_some_and(|text| text.contains("disabled")), "{error}");
    shared.done(&["enable", "web"]);
    becomes(200, call).await;
    shared.done(&["expire", "web"]);
    let error = refused(becomes(401, call).await, 401, "invalid_api_key").await;
    assert!(error["message"].as_str().is_some_and(|text| text.contains("expired")), "{error}");
    shared.done(&["expire", "web", "--never"]);
    becomes(200, call).await;
    shared.done(&["delete", "web"]);
    becomes(401, call).await;
    // Nobody else comes in now that the last key is gone.
    refused(server.chat(chat("fake-chat")).send().await, 401, "invalid_api_key").await;
}

#[tokio::test]
async fn every_sdk_sends_it_its_own_way() {
    let shared = Shared::new();
    let secret = shared.create("web", &[]);
    let server = shared.server().await;
    for name in ["x-api-key", "x-goog-api-key", "api-key"] {
        let answer = server.chat(chat("fake-chat")).header(name, &secret).send().await;
        assert_eq!(answer.status(), 200, "{name}");
    }
    let messages = json!({ "model": "fake-chat", "max_tokens": 9, "messages": chat("fake-chat")["messages"] });
    assert_eq!(server.post("/v1/messages", messages).header("x-api-key", &secret).send().await.status(), 200);
    let contents = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }] });
    let path = format!("/v1beta/models/fake-chat:generateContent?key={secret}");
    assert_eq!(server.post(&path, contents).send().await.status(), 200);
    assert_eq!(server.usage_records(5).await.iter().filter(|record| record["key"] == "web").count(), 5);
    assert!(shared.upstream.requests().iter().all(|request| !format!("{request:?}").contains(&secret)));
}

#[tokio::test]
async fn the_first_key_closes_the_door_of_a_running_server() {
    let shared = Shared::new();
    let server = shared.server().await;
    assert_eq!(server.chat(chat("fake-chat")).send().await.status(), 200);
    assert_eq!(server.chat(chat("fake-chat")).bearer("sk-anything").send().await.status(), 200);
    let secret = shared.create("web", &[]);
    becomes(401, || server.chat(chat("fake-chat"))).await;
    assert_eq!(server.chat(chat("fake-chat")).bearer(&secret).send().await.status(), 200);
}

#[tokio::test]
async fn a_rotation_with_grace_and_without() {
    let shared = Shared::new();
    let old = shared.create("web", &[]);
    let server = shared.server().await;
    let call = |secret: &str| server.chat(chat("fake-chat")).bearer(secret);
    let new = shared.done(&["rotate", "web", "--grace", "1h"]);
    becomes(200, || call(&new)).await;
    assert_eq!(call(&old).send().await.status(), 200);
    assert!(shared.json(&["show", "web"])["previous_secret_until"].is_string());
    let newest = shared.done(&["rotate", "web"]);
    becomes(200, || call(&newest)).await;
    for replaced in [&old, &new] {
        refused(call(replaced).send().await, 401, "invalid_api_key").await;
    }
    // A server that starts now knows the same.
    let other = shared.server().await;
    assert_eq!(other.chat(chat("fake-chat")).bearer(&newest).send().await.status(), 200);
    refused(other.chat(chat("fake-chat")).bearer(&old).send().await, 401, "invalid_api_key").await;
}

fn with_models(ids: &'static [&'static str]) -> Upstream {
    Upstream::start(move |request: &Received| match request.path() {
        "/v1/models" => {
            let models: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "object": "model" })).collect();
            Reply::json(json!({ "object": "list", "data": models }).to_string())
        }
        _ => Reply::json(completion("ok")),
    })
}

#[tokio::test]
async fn a_key_is_for_what_it_was_made_for() {
    let (one, two) = (with_models(&["small", "large"]), with_models(&["other"]));
    let yaml = format!(
        "providers:\n  one: {{ kind: openai, base_url: \"{}\", api_key: k }}\n  \
         two: {{ kind: openai, base_url: \"{}\", api_key: k }}\naliases: {{ fast: one/small, best: one/large }}\n",
        one.base_url(),
        two.base_url()
    );
    let data = TempDir::with_prefix("tollgate-data-").unwrap();
    let folder = data.path().to_str().unwrap();
    let secret = |name: &str, settings: &[&str]| {
        let command = gateway().config(yaml.clone()).env("TOLLGATE_DATA", folder).arg("keys").arg("create").arg(name);
        settings.iter().fold(command, |command, argument| command.arg(*argument)).run().stdout.trim().to_owned()
    };
    let by_model = secret("by-model", &["--model", "one/sm*", "--model", "other"]);
    let by_provider = secret("by-provider", &["--provider", "two"]);
    let by_protocol = secret("by-protocol", &["--protocol", "anthropic_messages"]);
    let with_more = secret("with-more", &["--model", "small", "--passthrough"]);
    let server = gateway().config(yaml.clone()).env("TOLLGATE_DATA", folder).start().await;
    let status = async |key: &str, model: &str| server.chat(chat(model)).bearer(key).send().await.status();

    for (model, expect) in
        [("small", 200), ("one/small", 200), ("fast", 200), ("other", 200), ("large", 403), ("best", 403)]
    {
        assert_eq!(status(&by_model, model).await, expect, "{model}");
    }
    let error = refused(server.chat(streamed("best")).bearer(&by_model).send().await, 403, "permission_denied").await;
    assert_eq!(error["param"], "model");
    assert_eq!((status(&by_provider, "other").await, status(&by_provider, "small").await), (200, 403));
    assert_eq!(status(&by_protocol, "small").await, 403);
    let message = json!({ "model": "small", "max_tokens": 9, "messages": chat("small")["messages"] });
    let answer = server.post("/v1/messages", message).header("x-api-key", &by_protocol).send().await;
    assert_eq!(answer.status(), 200);

    let passthrough = async |key: &str, provider: &str| {
        server.post(&format!("/p/{provider}/v1/x"), "{}").bearer(key).send().await.status()
    };
    assert_eq!(passthrough(&by_model, "one").await, 403);
    assert_eq!(passthrough(&by_protocol, "one").await, 403);
    assert_eq!((passthrough(&by_provider, "one").await, passthrough(&by_provider, "two").await), (403, 200));
    assert_eq!(passthrough(&with_more, "one").await, 200);

    let listed = async |key: &str| {
        let list = server.get("/v1/models").bearer(key).send().await.json().await;
        let ids = list["data"].as_array().expect("a list").iter().map(|model| model["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(listed(&by_model).await, ["fast", "small", "other"]);
    assert_eq!(listed(&by_provider).await, ["other"]);
    assert_eq!(listed(&by_protocol).await, ["best", "fast", "small", "large", "other"]);
    assert_eq!(server.get("/v1/models/small").bearer(&by_model).send().await.status(), 200);
    refused(server.get("/v1/models/large").bearer(&by_model).send().await, 403, "permission_denied").await;
    assert!(one.requests().iter().all(|request| request.path() == "/v1/models" || request.json()["model"] != "large"));
}

#[tokio::test]
async fn two_servers_on_one_database() {
    let shared = Shared::new();
    let servers = [shared.server().await, shared.server().await];
    let secret = shared.create("web", &[]);
    for server in &servers {
        becomes(401, || server.chat(chat("fake-chat"))).await;
        assert_eq!(server.chat(chat("fake-chat")).bearer(&secret).send().await.status(), 200);
    }
    shared.done(&["disable", "web"]);
    for server in &servers {
        becomes(401, || server.chat(chat("fake-chat")).bearer(&secret)).await;
    }
}

#[tokio::test]
async fn two_servers_on_postgres() {
    let Some(mut database) = Postgres::start().await else { return };
    let upstream = Upstream::start(fake_openai());
    let more = format!("keys: {{ poll: 20ms }}\nledger: {{ store: postgres, url: \"{}\" }}", database.url());
    let yaml = config(&upstream.base_url(), &more);
    let keys = |arguments: &[&str]| {
        let command = gateway().config(yaml.clone()).arg("keys");
        let finished = arguments.iter().fold(command, |command, argument| command.arg(*argument)).run();
        assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
        finished.stdout.trim_end().to_owned()
    };
    let servers = [gateway().config(yaml.clone()).start().await, gateway().config(yaml.clone()).start().await];
    let secret = keys(&["create", "web"]);
    let call = |server: &Gateway, secret: &str| server.chat(chat("fake-chat")).bearer(secret);
    for server in &servers {
        becomes(401, || server.chat(chat("fake-chat"))).await;
        assert_eq!(call(server, &secret).send().await.status(), 200);
    }
    // While the database is away, what is known is good enough; then what has changed is seen again.
    database.stop();
    servers[0].wait_stderr("changes of keys are not seen").await;
    assert_eq!(call(&servers[0], &secret).send().await.status(), 200);
    refused(servers[0].chat(chat("fake-chat")).send().await, 401, "invalid_api_key").await;
    database.restart().await;
    keys(&["disable", "web"]);
    for server in &servers {
        becomes(401, || call(server, &secret)).await;
    }
}

#[tokio::test]
async fn what_is_cached_is_shared_along_the_path() {
    let shared = Shared::with("keys: { poll: 20ms }\ncache: { mode: exact, scope: team, conceal: false }");
    let alice = shared.create("alice", &["--path", "acme/search/alice"]);
    let bob = shared.create("bob", &["--path", "acme/search/bob"]);
    let carol = shared.create("carol", &["--path", "acme/ads/carol"]);
    let server = shared.server().await;
    for (key, expect) in [(&alice, "miss"), (&bob, "hit"), (&carol, "miss")] {
        let answer = server.chat(chat("fake-chat")).bearer(key).send().await;
        let status = answer.header("cache-status").unwrap_or_default().to_owned();
        assert_eq!(answer.status(), 200);
        assert!(if expect == "hit" { status.contains("; hit") } else { !status.contains("; hit") }, "{status}");
    }
}

#[tokio::test]
async fn beyond_loopback_a_virtual_key_is_enough() {
    let shared = Shared::new();
    let refused =
        gateway().config(shared.config()).env("TOLLGATE_DATA", shared.folder()).arg("--listen").arg("0.0.0.0:0");
    let refused = refused.run();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("gateway-server keys create"), "{}", refused.stderr);
    let secret = shared.create("web", &[]);
    let server = gateway().config(shared.config()).env("TOLLGATE_DATA", shared.folder()).host("0.0.0.0").start().await;
    assert_eq!(server.chat(chat("fake-chat")).bearer(&secret).send().await.status(), 200);
    refused_without_key(&server).await;
}

async fn refused_without_key(server: &Gateway) {
    refused(server.chat(chat("fake-chat")).send().await, 401, "invalid_api_key").await;
}

#[tokio::test]
async fn a_key_may_be_required_before_there_is_one() {
    let shared = Shared::with("keys: { required: true, poll: 20ms }");
    let server = shared.server().await;
    refused_without_key(&server).await;
    let secret = shared.create("web", &[]);
    becomes(200, || server.chat(chat("fake-chat")).bearer(&secret)).await;
}

#[tokio::test]
async fn a_database_that_cannot_be_read_lets_nobody_in() {
    let shared = Shared::new();
    std::fs::write(shared.data.path().join("tollgate.db"), "this is no database, and was never one").unwrap();
    let refused = gateway().config(shared.config()).env("TOLLGATE_DATA", shared.folder()).run();
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("damaged, or no database"), "{}", refused.stderr);
}

#[tokio::test]
async fn commands_say_what_is_there_and_what_is_wrong() {
    let shared = Shared::new();
    let made = shared.json(&["create", "web", "--path", "acme/search", "--model", "gpt-4o*", "--expires-in", "720h"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(secret.starts_with(made["prefix"].as_str().unwrap()));
    shared.create("batch", &["--path", "acme/ads", "--disabled"]);
    let listed = shared.json(&["list"]);
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["batch", "web"]);
    assert_eq!(shared.json(&["list", "--within", "acme/search"]).as_array().map(Vec::len), Some(1));
    let table = shared.done(&["list"]);
    assert!(table.contains("acme/search") && table.contains("disabled") && !table.contains(secret), "{table}");
    let shown = shared.json(&["show", id]);
    assert_eq!((&shown["name"], &shown["models"]), (&json!("web"), &json!(["gpt-4o*"])));
    assert!(shown.get("secret").is_none());
    let text = shared.done(&["show", "web"]);
    assert!(text.contains("acme/search") && !text.contains(secret), "{text}");
    let changed = shared.json(&["update", "web", "--model", "none", "--path", "acme/ads", "--passthrough", "false"]);
    assert_eq!((&changed["models"], &changed["path"]), (&json!([]), &json!("acme/ads")));
    assert_eq!(changed["expires_at"], shown["expires_at"]);
    for (arguments, part) in [
        (&["create", "web"][..], "already"),
        (&["create", "default"], "name of the key in the configuration"),
        (&["create", "a b"], "a key's name"),
        (&["create", "x", "--path", "/acme"], "a path is like"),
        (&["create", "x", "--protocol", "soap"], "openai_chat"),
        (&["create", "x", "--model", "a*b"], "at the end"),
        (&["create", "x", "--tag", "team"], "team=search"),
        (&["create", "x", "--limit", "{"], "not JSON"),
        (&["show", "nobody"], "no key `nobody`"),
        (&["delete", "nobody"], "no key `nobody`"),
        (&["rotate", "web", "--grace", "5"], "duration"),
    ] {
        let finished = shared.run(arguments);
        assert!(finished.code != Some(0) && finished.stderr.contains(part), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
    assert_eq!(shared.json(&["list"]).as_array().map(Vec::len), Some(2));
}

/// Whether any file of a folder holds a text.
fn is_in_a_file(folder: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.is_file()).any(|path| {
        let bytes = std::fs::read(path).expect("a file");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn no_secret_is_kept_or_logged() {
    let shared = Shared::with("keys: { poll: 20ms }\nlog: { level: trace }");
    let made = shared.json(&["create", "web"]);
    let secret = made["secret"].as_str().unwrap().to_owned();
    let server = shared.server().await;
    assert_eq!(server.chat(chat("fake-chat")).bearer(&secret).send().await.status(), 200);
    let rotated = shared.done(&["rotate", "web", "--grace", "1h"]);
    becomes(200, || server.chat(chat("fake-chat")).bearer(&rotated)).await;
    server.usage_records(2).await;
    let prefix = made["prefix"].as_str().unwrap();
    assert!(is_in_a_file(shared.data.path(), &prefix[3..]), "the id is there");
    for secret in [&secret, &rotated] {
        let hidden = &secret[prefix.len()..];
        assert!(!is_in_a_file(shared.data.path(), hidden));
        assert!(!server.stdout().contains(hidden) && !server.stderr().contains(hidden));
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(shared.data.path().join("tollgate.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "the database is its owner's alone");
}

#[tokio::test]
async fn changes_and_reloads_are_in_the_audit_log() {
    let shared = Shared::new();
    shared.create("web", &["--model", "fake-chat"]);
    shared.done(&["disable", "web"]);
    let mut server = shared.server().await;
    server.write_config(&format!("{}aliases: {{ fast: up/fake-chat }}\n", shared.config()));
    server.wait_stderr("configuration reloaded").await;
    server.terminate();
    server.wait_exit().await;
    let directory = directory(&shared).await;
    let entries = directory.audit(&AuditFilter::default(), &Page::default()).await.unwrap().items;
    let told: Vec<_> = entries.iter().map(|entry| (entry.actor.as_str(), entry.action.as_str())).collect();
    let expect =
        [("configuration", "configuration.reload"), ("cli:tester", "key.disable"), ("cli:tester", "key.create")];
    assert_eq!(told, expect);
    assert_eq!(entries[0].after, Some(json!({ "changed": ["aliases"], "needs_restart": [] })));
    assert_eq!(entries[2].after.as_ref().map(|key| &key["models"]), Some(&json!(["fake-chat"])));
}

#[tokio::test]
async fn it_is_known_when_a_key_was_last_used() {
    let shared = Shared::new();
    let secret = shared.create("web", &[]);
    shared.create("idle", &[]);
    let mut server = shared.server().await;
    assert_eq!(server.chat(chat("fake-chat")).bearer(&secret).send().await.status(), 200);
    assert!(shared.json(&["show", "web"])["last_used_at"].is_null(), "not on the way of the request");
    server.terminate();
    server.wait_exit().await;
    assert!(shared.json(&["show", "web"])["last_used_at"].is_string());
    assert!(shared.json(&["show", "idle"])["last_used_at"].is_null());
}

async fn directory(shared: &Shared) -> Directory {
    let database = Sqlite::open(shared.data.path().join("tollgate.db")).expect("opens");
    Directory::new(std::sync::Arc::new(SqliteDirectory::open(database).await.expect("is a directory")))
}

// === Captures ===

const CAPTURE: &str = r#"keys: { poll: 20ms }
capture:
  max_body: 2KiB
  redact: { members: [password], pointers: [/messages/*/name], patterns: ['[\w.+-]+@[\w.-]+'] }
"#;

/// What a server has kept by the time it has ended, the newest first.
async fn captures(shared: &Shared, mut server: Gateway) -> Vec<Capture> {
    server.terminate();
    server.wait_exit().await;
    directory(shared).await.captures(&CaptureFilter::default(), &Page::default()).await.expect("lists them").items
}

#[tokio::test]
async fn nothing_is_kept_unless_asked_for() {
    let shared = Shared::new();
    let server = shared.server().await;
    assert_eq!(server.chat(chat("fake-chat")).send().await.status(), 200);
    assert_eq!(captures(&shared, server).await, []);
    assert!(!is_in_a_file(shared.data.path(), "What is a tollgate?"));
}

#[tokio::test]
async fn requests_and_answers_are_kept_without_what_nobody_is_to_see() {
    let shared = Shared::with(CAPTURE);
    let secret = shared.create("web", &["--path", "acme/search"]);
    let server = shared.server().await;
    let body = json!({
        "model": "fake-chat",
        "messages": [{ "role": "user", "name": "mallory", "content": "Write to alice@example.com, please." }],
        "password": "hunter2",
    });
    let call = server.chat(&body).bearer(&secret).header("x-request-id", "whole").header("cookie", "c=hunter3");
    assert_eq!(call.send().await.status(), 200);
    let call = server.chat(streamed("fake-chat")).bearer(&secret).header("x-request-id", "stream");
    let seen = call.send().await.text().await;
    let call = server.chat(chat("fake-chat")).header("x-api-key", &secret).header("x-request-id", "long");
    let mut long = chat("fake-chat");
    long["x"] = json!("x".repeat(10_000));
    assert_eq!(call.send().await.status(), 200);
    assert_eq!(server.chat(long).bearer(&secret).header("x-request-id", "longer").send().await.status(), 200);
    assert_eq!(server.post("/p/up/v1/x", "{}").bearer(&secret).send().await.status(), 404);

    let kept = captures(&shared, server).await;
    let ids: Vec<_> = kept.iter().map(|capture| capture.request_id.as_str()).collect();
    assert_eq!(ids, ["longer", "long", "stream", "whole"], "and nothing of the pass-through");
    let [longer, _, stream, whole] = &kept[..] else { unreachable!() };
    let said: Value = serde_json::from_str(&whole.request.text).unwrap();
    assert_eq!(said["messages"][0]["content"], "Write to [redacted], please.");
    assert_eq!((&said["messages"][0]["name"], &said["password"]), (&json!("[redacted]"), &json!("[redacted]")));
    assert_eq!((whole.request.redacted, whole.request.truncated, whole.status), (3, false, 200));
    assert_eq!((whole.key.as_deref(), whole.path.as_deref()), (Some("web"), Some("acme/search")));
    assert_eq!((whole.model.as_deref(), whole.target.as_deref()), (Some("fake-chat"), Some("up/fake-chat")));
    assert!(whole.response.text.contains("choices"), "{whole:?}");
    assert_eq!(stream.response.text, seen, "as the client saw it");
    assert!(longer.request.truncated && longer.request.text.len() <= 2048 && longer.request.bytes > 10_000);
    for hidden in ["alice@example.com", "hunter2", "hunter3", "mallory", &secret[13..]] {
        assert!(!is_in_a_file(shared.data.path(), hidden), "{hidden}");
    }
}

#[tokio::test]
async fn captures_that_make_no_sense_are_refused() {
    let yaml = "capture:\n  share: 2\n  memory: 1KiB\n  redact: { pointers: [x], patterns: ['('] }\n";
    let finished = gateway().config(yaml).arg("check").run();
    for part in ["capture.share:", "capture.memory:", "capture.redact.pointers[0]:", "capture.redact.patterns[0]:"] {
        assert!(finished.stderr.contains(part), "{part} {}", finished.stderr);
    }
}
