//! What Tollgate's tests stand on. Not published.
//!
//! * [`Upstream`] is a provider that does what a closure says, down to single bytes and broken connections;
//!   [`fake_openai`] is such a closure that follows OpenAI's specification; those in [`fake`] are strict ones, for all
//!   protocols.
//! * [`Gateway`] is the server as a child process, with its usage records and everything it writes.
//! * [`Call`] is a client that reads as fast or as slowly as a test wants.
//! * [`conformance`] tells whether an answer is what the protocol of its client says.
//! * [`servers`] are stores: started for one test, and stopped, paused and started again in its course.
//! * [`component`] finds real parts that are there on some machines only.
//!
//! Everything here panics where a test could only fail.
//!
//! ```
//! use tollgate_testkit::{Call, Reply, Upstream};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let upstream = Upstream::start(|request| match request.path() {
//!     "/v1/models" => Reply::json(r#"{"object":"list","data":[]}"#),
//!     _ => Reply::error(404, "nothing here"),
//! });
//! let answer = Call::get(format!("{}/models", upstream.base_url())).send().await;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(upstream.requests().len(), 1);
//! # });
//! ```

mod client;
mod component;
pub mod conformance;
pub mod fake;
mod gateway;
pub mod recordings;
pub mod servers;
mod sse;
mod upstream;
mod wait;

pub use client::{Answer, Call};
pub use component::{component, shared};
pub use fake::{fake_anthropic, fake_bedrock, fake_cohere, fake_gemini, fake_ollama, fake_openai, fake_openai_full};
pub use gateway::{Finished, Gateway, GatewayBuilder};
pub use sse::data_events;
pub use upstream::{Deaf, Gate, Received, Refusing, Reply, Step, Upstream};
pub use wait::{PATIENCE, eventually, free_port};
