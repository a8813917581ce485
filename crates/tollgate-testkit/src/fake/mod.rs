//! Providers that follow their specifications, for an [`Upstream`](crate::Upstream) to answer as.
//!
//! Each refuses what the real one would refuse, in its own words; so they are what a translation is judged by. What they
//! answer follows from the last text of the user alone, and is the same for all, so that one program can talk to every
//! provider:
//!
//! | the user says | answer |
//! |---|---|
//! | `say hello` | `Hello from FAKE.` |
//! | `weather in Paris` (`and Rome`), with a tool `get_weather` | a call with `{"city":"Paris"}` (and another) |
//! | `call time`, with a tool `get_time` | a call without arguments |
//! | anything, and results of tools after it | `It is RESULT1 and RESULT2` |
//! | `describe the image`, with an image | `I see an image of N bytes (MIME)` |
//! | `as json`, with a structured output asked for | `{"name":"Ada","age":36}` |
//! | `think hard`, with thinking switched on | thinking and its proof, then what else is asked for |
//! | `fail 429`, `fail 500`, `fail overloaded` | the provider's own error |
//! | `break midstream` | two deltas, then an error inside the stream; 500 where nothing is streamed |
//! | `cut midstream` | two deltas, then the connection closes |
//! | `long` | a text that ends for its length |
//! | `refuse` | the provider's form of a refusal |
//! | `echo params` | the sampling parameters as JSON, keys sorted |
//! | `echo system` | the system text |
//! | anything else | `FAKE heard: ` and what was said |
//!
//! A tool that the client forces is called whatever the user says. The model `no-such-model` is there nowhere. The
//! counts of tokens are the constants here.

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod ollama;
mod openai;
mod script;
mod simple;
#[cfg(test)]
mod testing;

pub use anthropic::fake_anthropic;
pub use bedrock::fake_bedrock;
pub use cohere::fake_cohere;
pub use gemini::fake_gemini;
pub use ollama::fake_ollama;
pub use openai::fake_openai_full;
pub use script::{CACHE_READ, CACHE_WRITE, INPUT_UNCACHED, OUTPUT, REASONING};
pub use simple::fake_openai;
