//! Serves all fakes on free ports until standard input closes or ten minutes have passed:
//!
//! ```sh
//! cargo run -p tollgate-testkit --example fakes
//! ```
//!
//! Writes a line `NAME URL` for each.

#![allow(clippy::print_stdout, reason = "what it is for")]

use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

use tollgate_testkit::{
    Upstream, fake_anthropic, fake_bedrock, fake_cohere, fake_gemini, fake_ollama, fake_openai_full,
};

fn main() {
    let fakes = [
        ("openai", Upstream::start(fake_openai_full())),
        ("anthropic", Upstream::start(fake_anthropic())),
        ("gemini", Upstream::start(fake_gemini())),
        ("bedrock", Upstream::start(fake_bedrock())),
        ("cohere", Upstream::start(fake_cohere())),
        ("ollama", Upstream::start(fake_ollama())),
    ];
    for (name, fake) in &fakes {
        println!("{name} {}", fake.url());
    }
    let (end, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    let _ = ended.recv_timeout(Duration::from_secs(600));
}
