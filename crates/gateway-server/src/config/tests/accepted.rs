//! What loads, and to what.

use std::time::Duration;

use super::*;
use crate::config::types::{ByteSize, Span};
use crate::config::types::{Cors, Limits, Log, LogFormat, LogLevel, Models, Retry, Shutdown, Timeouts, Usage};

#[test]
fn nothing_gives_the_defaults() {
    for yaml in ["", "# only a comment\n", "---\n", "{}", "~", "limits:\nlog: {}\nproviders:\n", "\u{feff}open: false"]
    {
        let config = accept(yaml, "");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!((config.base_path.as_str(), config.open), ("", false));
        assert_eq!((config.client_key.is_none(), config.admin_key.is_none()), (true, true));
        assert!(config.providers.is_empty() && config.aliases.is_empty() && config.key_files.is_empty());
        assert_eq!((config.timeouts, config.retry, config.limits), Default::default());
        assert_eq!((config.shutdown, config.models, config.log), Default::default());
        assert_eq!((config.usage, config.cors), (Usage::default(), None));
    }
}

#[test]
fn defaults_are_those_of_the_contract() {
    let seconds = |seconds: u64| Span::from_millis(seconds * 1000);
    let timeouts = Timeouts {
        connect: seconds(10),
        first_byte: seconds(600),
        idle: seconds(300),
        progress: seconds(300),
        total: seconds(3600),
    };
    assert_eq!(Timeouts::default(), timeouts);
    let retry = Retry {
        max_attempts: 3,
        base_delay: Span::from_millis(250),
        max_delay: seconds(8),
        max_retry_after: seconds(30),
    };
    assert_eq!(Retry::default(), retry);
    let limits = Limits {
        max_body: ByteSize::bytes(33_554_432),
        max_json_depth: 128,
        max_headers: ByteSize::bytes(65_536),
        max_event: ByteSize::bytes(1_048_576),
        max_buffered_response: ByteSize::bytes(4_194_304),
        max_concurrency: 0,
        queue_timeout: seconds(5),
    };
    assert_eq!(Limits::default(), limits);
    assert_eq!(Limits::default().concurrency(), None);
    assert_eq!(Shutdown::default(), Shutdown { grace: seconds(30) });
    assert_eq!(Models::default(), Models { cache_ttl: seconds(300), timeout: seconds(5) });
    assert_eq!(Log::default(), Log { level: LogLevel::Info, format: LogFormat::Text, usage: true });
    assert_eq!(Usage::default(), Usage { recent: 1000, max_groups: 10_000 });
}

#[test]
fn every_section_is_read() {
    let config = accept(
        r#"
listen: "[::1]:9000"
base_path: /llm/v2
client_key: ck
admin_key: "ak"
timeouts: { connect: 1s, first_byte: 2s, idle: 3s, progress: 3500ms, total: 4s }
retry: { max_attempts: 1, base_delay: 0, max_delay: 5s, max_retry_after: 0 }
limits: { max_body: 1MB, max_json_depth: 7, max_headers: 100, max_event: 2KiB, max_buffered_response: 3 MiB,
          max_concurrency: 0x10, queue_timeout: 0s }
shutdown: { grace: 0 }
cors: { allow_origins: [https://a.example, "http://localhost:3000"], allow_headers: [authorization],
        allow_credentials: true, max_age: 0 }
models: { cache_ttl: 0, timeout: 1m }
log: { level: trace, format: json, usage: false }
usage: { recent: 0, max_groups: 1 }
"#,
        "",
    );
    assert_eq!(config.listen.to_string(), "[::1]:9000");
    assert_eq!(config.base_path, "/llm/v2");
    assert_eq!(config.client_key.expect("a client key").expose(), "ck");
    assert_eq!(config.admin_key.expect("an admin key").expose(), "ak");
    assert_eq!(config.timeouts.total.get(), Duration::from_secs(4));
    assert_eq!(config.retry.base_delay, Span::ZERO);
    assert_eq!((config.limits.max_body.get(), config.limits.max_headers.as_usize()), (1_000_000, 100));
    assert_eq!(config.limits.concurrency().map(usize::from), Some(16));
    let origins = ["https://a.example", "http://localhost:3000"].map(str::to_owned).to_vec();
    let allow_headers = vec!["authorization".to_owned()];
    let cors = Cors { allow_origins: origins, allow_headers, allow_credentials: true, max_age: Span::ZERO };
    assert_eq!(config.cors, Some(cors));
    assert_eq!(config.log, Log { level: LogLevel::Trace, format: LogFormat::Json, usage: false });
    assert_eq!(config.usage, Usage { recent: 0, max_groups: 1 });
}

#[test]
fn a_provider_is_read() {
    let config = accept(
        r#"
timeouts: { connect: 1s, idle: 9m }
providers:
  zeta-2:
    kind: openai
    base_url: https://x.example/v1/
    api_keys: [a, b]
    api_version: "2024-10-21"
    models: [gpt-4o, o3]
    headers: { X-Extra: value }
    max_concurrency: 100
    stream_usage: false
    timeouts: { connect: 2s, progress: 8m }
  demo:
"#,
        "",
    );
    let [zeta, demo] = &config.providers[..] else { panic!("two providers in the order of the file") };
    assert_eq!((zeta.name.as_str(), zeta.kind.as_str()), ("zeta-2", "openai"));
    assert_eq!(zeta.base_url.as_deref(), Some("https://x.example/v1"));
    assert_eq!(zeta.keys.iter().map(|key| key.expose()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        (zeta.api_version.as_deref(), &zeta.models[..]),
        (Some("2024-10-21"), &["gpt-4o".into(), "o3".into()][..])
    );
    assert_eq!((zeta.headers[0].0.as_str(), zeta.headers[0].1.expose()), ("x-extra", "value"));
    assert_eq!((zeta.max_concurrency.map(usize::from), zeta.stream_usage), (Some(100), Some(false)));
    assert_eq!((zeta.timeouts.connect, zeta.timeouts.idle), (Span::from_secs(2), Span::from_mins(9)));
    assert_eq!((zeta.timeouts.progress, config.timeouts.progress), (Span::from_mins(8), Span::from_mins(5)));
    assert_eq!((demo.name.as_str(), demo.kind.as_str(), demo.keys.len()), ("demo", "demo", 0));
    assert_eq!(demo.timeouts, config.timeouts);
}

#[test]
fn variables_take_the_type_of_their_place() {
    let yaml = r#"
open: ${OPEN}
client_key: ${KEY}
admin_key: ${NONE:-}
base_path: "${BASE}"
limits: { max_concurrency: "${NONE:-}12" }
retry:
  max_attempts: ${N}
  max_delay: ${N}m
aliases: { "${KEY}": "${KEY}" }
log: { level: "${LEVEL:-warn}" }
"#;
    let quoted_number = "t.yaml:6:28: limits.max_concurrency: expected a whole number, found a string";
    refuse(yaml, "OPEN=true KEY=12345 BASE=/x N=4", &[quoted_number]);
    let config = accept(&yaml.replace("\"${NONE:-}12\"", "0"), "OPEN=true KEY=12345 BASE=/x N=4");
    assert!(config.open && config.admin_key.is_none());
    assert_eq!(config.client_key.expect("a key of digits").expose(), "12345");
    assert_eq!((config.base_path.as_str(), config.retry.max_attempts), ("/x", 4));
    assert_eq!(config.retry.max_delay, Span::from_mins(4));
    assert_eq!(config.aliases, [("${KEY}".to_owned(), "12345".to_owned())], "keys are not expanded");
    assert_eq!(config.log.level, LogLevel::Warn);
}

#[test]
fn values_cannot_change_the_structure() {
    let mut variables = variables("");
    variables.insert("EVIL".into(), "x\nopen: true\nlisten: 0.0.0.0:1 # ${EVIL}".into());
    let source = Source::text("t.yaml", "aliases:\n  a: ${EVIL}\n");
    let config = load(&source, &variables, KINDS, &Overrides::default()).expect("a strange target is still a target");
    assert_eq!(config.aliases[0].1, "x\nopen: true\nlisten: 0.0.0.0:1 # ${EVIL}");
    assert!(!config.open);
}

#[test]
fn anchors_repeat_values() {
    let config =
        accept("providers:\n  openai: { api_key: k, timeouts: &t { idle: 1s } }\n  demo: { timeouts: *t }\n", "");
    assert_eq!(config.providers[0].timeouts, config.providers[1].timeouts);
}

#[test]
fn aliases_may_follow_each_other() {
    let config = accept("aliases: { c: b, b: a, a: openai/gpt-4o, gpt-4.1: x }", "");
    let names: Vec<&str> = config.aliases.iter().map(|(alias, _)| alias.as_str()).collect();
    assert_eq!(names, ["c", "b", "a", "gpt-4.1"]);
}

#[test]
fn base_paths() {
    for path in ["", "/llm", "/a/b", "/a.b_c-d~e"] {
        assert_eq!(accept(&format!("base_path: {path:?}"), "").base_path, path);
    }
}
