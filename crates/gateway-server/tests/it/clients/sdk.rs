//! The programs of `tests/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tollgate_testkit::{Gateway, component};

use super::KEY;
use super::process::Process;

/// Loading LangChain alone takes seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program and what runs it.
pub(super) struct Sdk {
    name: &'static str,
    interpreter: PathBuf,
    script: &'static str,
    /// Where Node finds packages.
    modules: Option<PathBuf>,
}

impl Sdk {
    /// The OpenAI SDK for Python.
    pub(super) fn python() -> Option<Self> {
        let interpreter = component("TOLLGATE_PYTHON", "Python with the openai package")?;
        Some(Self { name: "the Python SDK", interpreter, script: "python/openai_sdk.py", modules: None })
    }

    /// LangChain's OpenAI classes for Python.
    pub(super) fn langchain() -> Option<Self> {
        let interpreter = component("TOLLGATE_PYTHON", "Python with the langchain-openai package")?;
        Some(Self { name: "LangChain", interpreter, script: "python/langchain_openai_client.py", modules: None })
    }

    /// The OpenAI SDK for Node.
    pub(super) fn node() -> Option<Self> {
        let interpreter = component("TOLLGATE_NODE", "Node")?;
        let modules = Some(component("TOLLGATE_NODE_MODULES", "the openai package for Node")?);
        Some(Self { name: "the Node SDK", interpreter, script: "node/openai_sdk.mjs", modules })
    }

    /// Runs cases in one process, with [`KEY`]; fails unless all of them pass.
    pub(super) async fn run(&self, gateway: &Gateway, model: &str, cases: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(self.script);
        let mut command = Command::new(&self.interpreter);
        // Variables of this machine, such as a proxy or a real key, would change what the SDK does.
        command.env_clear().env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(self.modules.iter().map(|modules| ("TOLLGATE_NODE_MODULES", modules)));
        command.arg(script).arg("--base-url").arg(format!("{}/v1", gateway.url()));
        command.args(["--api-key", KEY, "--model", model, "--case", &cases.join(",")]);

        let mut process = Process::start(self.name, command);
        let status = process.until("its end", PATIENCE, async |process| process.ended()).await;
        let output = process.output();
        assert!(status.success(), "{}: {status}", self.name);
        for case in cases {
            assert!(output.lines().any(|line| line == format!("ok {case}")), "{} did not run {case}", self.name);
        }
    }
}
