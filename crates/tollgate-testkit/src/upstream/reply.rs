//! What an upstream answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::Semaphore;

/// An answer, step by step.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The head; `None` in raw mode, where the steps write to the socket itself.
    pub(crate) head: Option<Head>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) delay: Duration,
}

/// One step of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes, flushed, as a chunk of their own.
    Bytes(Bytes),
    /// Sends the same bytes so many times.
    Repeat(Bytes, usize),
    /// Waits.
    Wait(Duration),
    /// Waits until the test lets one pass.
    Gate(Gate),
    /// Waits until the peer goes.
    Hang,
    /// Closes the connection without ending the answer.
    Cut,
}

/// Something that a test holds closed. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

// === impl Reply ===

impl Reply {
    /// A status without a body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { head: Some(Head { status, headers: Vec::new(), delay: Duration::ZERO }), steps: Vec::new() }
    }

    /// 200 with a JSON body.
    #[must_use]
    pub fn json(body: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "application/json").bytes(body.into())
    }

    /// 200 with an event stream; each event is sent as a chunk of its own, with the blank line that ends it added.
    #[must_use]
    pub fn sse<E: AsRef<str>>(events: impl IntoIterator<Item = E>) -> Self {
        let start = Self::new(200).header("content-type", "text/event-stream; charset=utf-8");
        events.into_iter().fold(start, |reply, event| reply.event(event.as_ref()))
    }

    /// An error in OpenAI's shape.
    #[must_use]
    pub fn error(status: u16, message: &str) -> Self {
        let body = json!({ "error": { "message": message, "type": "server_error", "param": null, "code": null } });
        Self::json(body.to_string()).status(status)
    }

    /// No answer at all for as long as the peer waits.
    #[must_use]
    pub fn hang() -> Self {
        Self::raw([Step::Hang])
    }

    /// Steps that write to the socket itself; what they write need not be HTTP. The connection closes after them.
    #[must_use]
    pub fn raw(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { head: None, steps: steps.into_iter().collect() }
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        if let Some(head) = &mut self.head {
            head.status = status;
        }
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(head) = &mut self.head {
            head.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Waits before anything is sent.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        if let Some(head) = &mut self.head {
            head.delay = delay;
        }
        self
    }

    /// Adds a step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Bytes(bytes.into()))
    }

    /// Adds an event whose data is `data`.
    #[must_use]
    pub fn event(self, data: &str) -> Self {
        self.bytes(format!("data: {data}\n\n"))
    }

    /// Adds a wait.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        self.step(Step::Wait(wait))
    }

    /// Adds a gate.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        self.step(Step::Gate(gate.clone()))
    }
}

// === impl Gate ===

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets one pass.
    pub fn pass(&self) {
        self.0.add_permits(1);
    }

    /// Lets all pass, those to come too.
    pub fn open(&self) {
        self.0.close();
    }

    pub(crate) async fn wait(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
