//! The mock upstream: a provider that answers at once, or exactly as late as asked.
//!
//! It shares two cores with everything that is measured, so it must be cheap: every answer is rendered when the
//! settings change and then only copied by reference; of a request it looks for `"stream":true` and nothing else. One
//! thread serves all, because handing work between threads would cost more than the work.
//!
//! The settings can change while it runs (`POST /__settings`), so that a peer, which is configured once with one
//! upstream address, can take part in every workload.

mod anthropic;
mod body;
mod delay;
mod openai;
mod script;
mod stats;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use self::body::EventBody;
use self::delay::Delay;
pub(super) use self::script::Settings;
use self::script::{Answer, Script, Wish};
use self::stats::Stats;
pub(super) use self::stats::now_micros;
use super::serve::serve;
use crate::Result;

/// How the mock answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Time before the first byte of every answer.
    #[arg(long, default_value = "0ms", value_parser = super::args::duration)]
    latency: Duration,
    /// Length of the text in a whole answer; 700 makes a body of about 1 KB.
    #[arg(long, default_value_t = 700)]
    response_bytes: usize,
    /// Content events in a streamed answer.
    #[arg(long, default_value_t = 64)]
    chunks: usize,
    /// Time between stream events; zero sends them back to back, each flushed on its own.
    #[arg(long, default_value = "0ms", value_parser = super::args::duration)]
    pace: Duration,
}

/// What every connection shares.
#[derive(Debug)]
struct Mock {
    script: RwLock<Arc<Script>>,
    delay: Delay,
    stats: Arc<Stats>,
}

type Body = Either<Full<Bytes>, EventBody>;

/// Runs the mock until it is killed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let settings =
        Settings { latency: args.latency, response_bytes: args.response_bytes, chunks: args.chunks, pace: args.pace };
    let mock = Arc::new(Mock {
        script: RwLock::new(Arc::new(Script::new(settings))),
        delay: Delay::start(),
        stats: Arc::default(),
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(args.listen, move |request| {
        let mock = Arc::clone(&mock);
        async move { Ok::<_, Infallible>(mock.handle(request).await) }
    }))
}

impl Mock {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return whole(StatusCode::BAD_REQUEST, Bytes::new());
        };
        let body = body.to_bytes();
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/__stats") => whole(StatusCode::OK, self.stats.render()),
            (&Method::POST, "/__settings") => self.change(&body),
            (_, path) => self.answer(path, &body).await,
        }
    }

    fn change(&self, body: &[u8]) -> Response<Body> {
        match serde_json::from_slice(body) {
            Ok(settings) => {
                let script = Arc::new(Script::new(settings));
                *self.script.write().unwrap_or_else(PoisonError::into_inner) = script;
                whole(StatusCode::OK, Bytes::from_static(b"{}"))
            }
            Err(error) => whole(StatusCode::BAD_REQUEST, error.to_string().into()),
        }
    }

    async fn answer(&self, path: &str, body: &[u8]) -> Response<Body> {
        let script = Arc::clone(&self.script.read().unwrap_or_else(PoisonError::into_inner));
        let Some(answer) = script.answer(path, Wish::read(body)) else {
            return whole(StatusCode::NOT_FOUND, Bytes::from_static(b"{\"error\":{\"message\":\"no such path\"}}"));
        };
        self.stats.request();
        self.delay.wait(script.settings.latency).await;
        match answer {
            Answer::Whole(bytes) => whole(StatusCode::OK, bytes),
            Answer::Events(events) => {
                let body = EventBody::new(events, script.settings.pace, Arc::clone(&self.stats));
                respond(StatusCode::OK, "text/event-stream; charset=utf-8", Either::Right(body))
            }
        }
    }
}

fn whole(status: StatusCode, bytes: Bytes) -> Response<Body> {
    respond(status, "application/json", Either::Left(Full::new(bytes)))
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}
