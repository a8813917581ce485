//! The built-in provider: deterministic, offline, made to show what a gateway does.

mod chat;
mod embeddings;
mod prompt;
mod responses;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, header};
use serde_json::Value;
use tollgate_core::{Body, BoxFuture, Context, Error, ErrorKind, Operation, Outcome, Request, Response, Usage};

use crate::{Model, Provider};

/// The one chat model, and the one for embeddings.
const MODELS: [&str; 2] = ["demo", "demo-embedding"];

/// Answers every request by repeating what was said, word by word when streamed, with usage. The same request always gets
/// the same answer.
#[derive(Clone)]
pub struct Demo {
    name: Arc<str>,
    pace: Duration,
}

/// An answer before it has a protocol.
struct Answer {
    id: String,
    model: String,
    text: String,
    finish: Finish,
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    Stop,
    /// The client's limit on tokens, which are words here.
    Length,
}

impl Demo {
    /// The provider under a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), pace: Duration::from_millis(15) }
    }

    /// Sets the time between two words of a stream. Defaults to 15 ms.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    async fn answer(&self, request: Request) -> Result<Response, Error> {
        let body: Value = serde_json::from_slice(&request.edits.apply(&request.body))
            .map_err(|error| Error::invalid_request(format!("The request body is not valid: {error}."), None))?;
        if request.operation == Operation::Embeddings {
            let (answer, tokens) = embeddings::answer(&body)?;
            let usage = Usage { input: Some(tokens), ..Usage::default() };
            return Ok(whole(&request.context, &answer, MODELS[1], usage));
        }
        let answer = Answer::to(&request, &body)?;
        if !request.is_streamed() {
            let json = match request.operation {
                Operation::Responses => responses::whole(&answer),
                operation => chat::whole(operation, &answer),
            };
            return Ok(whole(&request.context, &json, &answer.model, answer.usage()));
        }
        let events = match request.operation {
            Operation::Responses => responses::events(&answer),
            operation => chat::events(operation, &answer, request.head.asks_for_stream_usage()),
        };
        Ok(stream::paced(events, self.pace, request.context, &answer))
    }
}

impl Answer {
    fn to(request: &Request, body: &Value) -> Result<Self, Error> {
        let said = prompt::last_said(request.operation, body)?;
        let text = if said.trim().is_empty() {
            "Hello! This is the demo provider of Tollgate. Set a provider's API key to talk to a real model.".to_owned()
        } else {
            format!("You said: {}", said.trim())
        };
        let words = text.split_inclusive(' ').count() as u64;
        let limit = request.head.max_tokens.unwrap_or(u64::MAX).max(1);
        let kept = usize::try_from(words.min(limit)).unwrap_or(usize::MAX);
        Ok(Self {
            id: prompt::fingerprint(&request.body),
            model: MODELS[0].to_owned(),
            text: text.split_inclusive(' ').take(kept).collect(),
            input_tokens: prompt::count_words(body),
            finish: if words > limit { Finish::Length } else { Finish::Stop },
            output_tokens: kept as u64,
        })
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive(' ')
    }

    fn usage(&self) -> Usage {
        Usage { input: Some(self.input_tokens), output: Some(self.output_tokens), ..Usage::default() }
    }
}

/// Seconds since 1970. All of an answer but its date is determined by the request.
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn whole(context: &Context, answer: &Value, model: &str, usage: Usage) -> Response {
    context.observe(|observed| {
        observed.model = Some(model.into());
        observed.usage = Some(usage);
        observed.outcome = Outcome::Complete;
    });
    let mut response = Response::new(Body::from(answer.to_string()));
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Provider for Demo {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn supports(&self, operation: Operation) -> bool {
        matches!(
            operation,
            Operation::ChatCompletions | Operation::Completions | Operation::Responses | Operation::Embeddings
        )
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            if !self.supports(request.operation) {
                return Err(Error::new(ErrorKind::UnsupportedOperation, "The demo provider has no API of its own."));
            }
            self.answer(request).await
        })
    }

    fn models(&self) -> BoxFuture<'_, Result<Vec<Model>, Error>> {
        Box::pin(async { Ok(MODELS.into_iter().map(Model::new).collect()) })
    }
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo").field("name", &self.name).finish_non_exhaustive()
    }
}
