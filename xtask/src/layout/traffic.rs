//! What a gateway is asked while it is watched: what most of its users ask.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;

/// Under Valgrind everything takes fifty times as long.
const START_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Until the answers are stored with their vectors, and the ledger has written.
const AFTERWARDS: Duration = Duration::from_secs(20);

/// What the gateway asks in its turn.
pub(super) struct Upstream {
    child: Child,
    /// The gateway's configuration.
    pub(super) configuration: String,
}

/// Waits until the gateway is healthy.
pub(super) fn wait_for(gateway: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < START_LIMIT {
        if exchange(gateway, "GET", "/health", "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("the gateway did not start".into())
}

/// Asks in each way that clients do, twice, so that the second is answered from the cache, and once in other words.
pub(super) fn send(gateway: SocketAddr) -> Result<()> {
    wait_for(gateway)?;
    ask(gateway, "GET", "/v1/models", "")?;
    for (number, subject) in ["rivers", "mountains", "letters", "engines", "planets", "kitchens", "bridges", "markets"]
        .into_iter()
        .enumerate()
    {
        for stream in [false, true] {
            // Not the same for both, because an answer that is stored is not asked for once more to be streamed.
            let question =
                format!("How do I find {number} names of {subject} until 5 March 2026? Answer in {stream} words.");
            for question in [&question, &question, &format!("Please, {question}")] {
                for (path, body) in requests(question, stream) {
                    ask(gateway, "POST", path, &body.to_string())?;
                }
            }
        }
    }
    std::thread::sleep(AFTERWARDS);
    Ok(())
}

fn requests(question: &str, stream: bool) -> [(&'static str, Value); 3] {
    let messages = json!([{ "role": "user", "content": question }]);
    let chat = json!({ "model": "mock-model", "temperature": 0, "stream": stream, "messages": messages });
    let responses = json!({ "model": "mock-model", "stream": stream, "store": false, "input": question });
    let claude = json!({ "model": "mock-claude", "max_tokens": 100, "stream": stream, "messages": messages });
    [("/v1/chat/completions", chat), ("/v1/responses", responses), ("/v1/messages", claude)]
}

fn ask(gateway: SocketAddr, method: &str, path: &str, body: &str) -> Result<()> {
    let answer = exchange(gateway, method, path, body)?;
    if answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(format!("{method} {path} was answered with {answer}").into())
}

fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

// === impl Upstream ===

impl Upstream {
    /// Starts the mock; with a model the gateway answers rephrased questions from its cache.
    pub(super) fn start(model: Option<&Path>) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg("mock").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("the mock has no output")?).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        let cache = match model {
            Some(model) => {
                format!("semantic\n  semantic:\n    model: {}\n    start: warm", std::path::absolute(model)?.display())
            }
            None => "exact".to_owned(),
        };
        let provider = |kind: &str, model: &str| {
            format!("\n    kind: {kind}\n    base_url: http://{address}/v1\n    api_key: mock\n    models: [{model}]\n")
        };
        let [chat, claude] = [provider("openai", "mock-model"), provider("anthropic", "mock-claude")];
        let configuration = format!("providers:\n  chat:{chat}  claude:{claude}cache:\n  mode: {cache}\n");
        Ok(Self { child, configuration })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
