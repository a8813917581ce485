//! Every SDK against every kind of provider: what the programs of `tests/clients` call scenarios, each whole and streamed.
//!
//! The providers are fakes that refuse what the real ones would refuse. A program says for each scenario whether what its
//! SDK made of it is what the scenario demands.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tollgate_testkit::fake::{fake_anthropic, fake_bedrock, fake_cohere, fake_gemini, fake_ollama, fake_openai_full};
use tollgate_testkit::{Gateway, Upstream, component};

use super::KEY;
use super::process::Process;
use crate::support::{PROVIDER_KEY, gateway};

/// A program plays some hundred scenarios; loading its SDK alone takes seconds.
const PATIENCE: Duration = Duration::from_secs(240);

const PYTHON: &[&str] = &[
    "openai-chat",
    "openai-responses",
    "anthropic",
    "google-genai",
    "ollama",
    "langchain-openai",
    "langchain-anthropic",
    "openai-agents",
];
const NODE: &[&str] = &[
    "openai-chat",
    "openai-responses",
    "anthropic",
    "google-genai",
    "ollama",
    "ai-openai",
    "ai-openai-chat",
    "ai-anthropic",
    "openai-agents",
];

/// The models of the providers, each by the name that its fake thinks under.
const MODELS: &[&str] = &[
    "openai/gpt-5-fake",
    "custom/gpt-5-fake",
    "anthropic/claude-opus-4-6",
    "gemini/gemini-3-fake",
    "bedrock/claude-opus-4-6",
    "cohere/fake",
    "ollama/fake",
];

const SCENARIOS: &[&str] = &[
    "hello",
    "weather",
    "parallel",
    "time",
    "image",
    "json",
    "think",
    "think_tools",
    "long",
    "refuse",
    "fail_429",
    "fail_500",
    "fail_overloaded",
    "break",
    "cut",
];

/// What an SDK and a provider cannot do together: program, model, scenario, and why.
const CANNOT: &[(&str, &str, &str, &str)] = &[
    (
        "ai-anthropic",
        "ollama/fake",
        "json",
        "it forces a tool for JSON where it does not know the model, and Ollama forces none",
    ),
    ("ai-openai", "", "cut", "it gives an error inside of a stream a status of its own"),
];

struct Providers {
    upstreams: Vec<(&'static str, Upstream, &'static str)>,
}

impl Providers {
    fn start() -> Self {
        let upstreams = vec![
            ("openai", Upstream::start(fake_openai_full()), "/v1"),
            ("custom", Upstream::start(fake_openai_full()), "/v1"),
            ("anthropic", Upstream::start(fake_anthropic()), ""),
            ("gemini", Upstream::start(fake_gemini()), ""),
            ("bedrock", Upstream::start(fake_bedrock()), ""),
            ("cohere", Upstream::start(fake_cohere()), ""),
            ("ollama", Upstream::start(fake_ollama()), ""),
        ];
        Self { upstreams }
    }

    async fn gateway(&self, more: &str) -> Gateway {
        let mut config = format!("client_key: {KEY}\nretry: {{ base_delay: 1ms }}\n{more}\nproviders:\n");
        for (kind, upstream, path) in &self.upstreams {
            let url = upstream.url();
            config += &format!("  {kind}: {{ kind: {kind}, base_url: \"{url}{path}\", api_key: {PROVIDER_KEY} }}\n");
        }
        gateway().config(config).start().await
    }
}

/// Plays every scenario with each of the models; what was wrong, and how many were played.
async fn play(gateway: &Gateway, language: &str, sdk: &str, models: &[&str]) -> (Vec<String>, usize) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients");
    let Some(mut command) = interpreter(language, &scripts) else { return (Vec::new(), 0) };
    command.args(["--sdk", sdk, "--base-url", gateway.url(), "--api-key", KEY]);
    command.args(["--model", &models.join(","), "--scenario", &SCENARIOS.join(",")]);
    let mut process = Process::start("an SDK", command);
    process.until(&format!("the end of {language} {sdk}"), PATIENCE, async |process| process.ended()).await;
    let output = process.output();
    let lines: Vec<Value> = output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let wrong = lines.iter().filter(|line| line["ok"] != true && !is_known(sdk, line));
    (wrong.map(|line| format!("{language} {sdk}: {line}")).collect(), lines.len())
}

fn interpreter(language: &str, scripts: &Path) -> Option<Command> {
    let mut command = match language {
        "python" => {
            let mut command = Command::new(component("TOLLGATE_PYTHON", "Python with the SDKs")?);
            command.env_clear().arg(scripts.join("python/scenarios.py"));
            command
        }
        _ => {
            let modules = component("TOLLGATE_NODE_MODULES", "the SDKs for Node")?;
            let mut command = Command::new(component("TOLLGATE_NODE", "Node")?);
            command.env_clear().env("TOLLGATE_NODE_MODULES", modules).arg(scripts.join("node/scenarios.mjs"));
            command
        }
    };
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PATH", "/usr/bin:/bin");
    Some(command)
}

fn is_known(sdk: &str, line: &Value) -> bool {
    CANNOT.iter().any(|(program, model, scenario, _)| {
        *program == sdk && (model.is_empty() || line["model"] == *model) && line["scenario"] == *scenario
    })
}

#[tokio::test]
async fn every_sdk_reaches_every_provider() {
    let providers = Providers::start();
    let gateway = providers.gateway("").await;
    let programs = PYTHON.iter().map(|sdk| ("python", *sdk)).chain(NODE.iter().map(|sdk| ("node", *sdk)));
    let played: Vec<(Vec<String>, usize)> =
        stream::iter(programs.map(|(language, sdk)| play(&gateway, language, sdk, MODELS))).buffered(2).collect().await;
    if played.iter().all(|(_, count)| *count == 0) {
        return;
    }
    let wrong: Vec<&String> = played.iter().flat_map(|(wrong, _)| wrong).collect();
    let count: usize = played.iter().map(|(_, count)| count).sum();
    assert!(wrong.is_empty(), "{} of {count} are wrong: {wrong:#?}", wrong.len());
    assert!(count > 1500, "only {count} scenarios");
}

/// What the cache wrote reads like what the provider wrote: the second time most scenarios never come to it.
#[tokio::test]
async fn sdks_read_answers_of_the_cache() {
    let providers = Providers::start();
    let gateway = providers.gateway("cache: { mode: exact }").await;
    let programs = [
        ("python", "openai-chat"),
        ("python", "openai-responses"),
        ("python", "anthropic"),
        ("python", "google-genai"),
        ("node", "ai-openai"),
    ];
    for round in 0..2 {
        for (language, sdk) in programs {
            let (wrong, count) = play(&gateway, language, sdk, &["anthropic/claude-opus-4-6"]).await;
            if count == 0 {
                return;
            }
            assert!(wrong.is_empty(), "round {round}: {wrong:#?}");
        }
    }
    let stats = gateway.get("/admin/v1/cache/stats").send().await.json().await;
    assert!(stats["served"]["exact"].as_u64() > Some(50), "{stats}");
}
