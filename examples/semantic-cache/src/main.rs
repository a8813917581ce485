//! Answers for rephrased requests, with an embedder of one's own. It needs no network and no key, and ends by itself.
//!
//! ```text
//! cargo run -p example-semantic-cache
//! ```
//!
//! At first the cache only observes: it compares what it would have served with what the provider answers. Once it has seen
//! enough to keep wrong answers within the bound, it serves.

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tollgate_cache::index::memory::MemoryIndex;
use tollgate_cache::semantic::decision::{DecisionEngine, Policy, Settings as Decisions};
use tollgate_cache::semantic::{EmbedError, Embedder, SemanticCache};
use tollgate_cache::{AnswerCache, Settings};
use tollgate_core::{Body, BoxFuture, CacheMode, Error, Request, Response, Target};
use tollgate_http::FrontDoors;
use tollgate_protocols::doors::Doors;
use tollgate_tower::cache::CacheLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt};

/// Things to be asked about, each in the [`WAYS`] to ask.
const THINGS: [&str; 20] = [
    "roses", "bicycles", "violins", "goldfish", "carpets", "kettles", "tents", "boots", "clocks", "candles", "oaks",
    "sheep", "mirrors", "pianos", "kites", "vines", "saddles", "lamps", "ferns", "sledges",
];
const WAYS: [&str; 5] = [
    "How should {} be stored over winter?",
    "How should {} be stored over the winter?",
    "Please explain how {} should be stored over winter.",
    "How should the {} be stored over winter?",
    "Please, how should {} be stored over winter?",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let (mut last, mut hits) = (String::new(), 0);
    let doors = app();
    for (number, question) in questions().enumerate() {
        let status = ask(&doors, &question).await?;
        hits += u32::from(status.contains("; hit"));
        // Only where something changes, or there would be a hundred lines.
        if status != last {
            println!("{:>3}  {question:<52} {status}", number + 1);
            last = status;
        }
    }
    println!("{hits} of 100 requests were served without the provider");
    Ok(())
}

fn questions() -> impl Iterator<Item = String> {
    WAYS.iter().flat_map(|way| THINGS.iter().map(move |thing| way.replace("{}", thing)))
}

/// Front doors over a cache that holds wrong answers to one in ten requests, and a provider that is a function.
fn app() -> FrontDoors<BoxCloneSyncService<Request, Response, Error>> {
    let engine = DecisionEngine::new(Decisions::new(Policy::calibrated(0.1)), 1);
    let index = Arc::new(MemoryIndex::builder().build());
    let semantic = SemanticCache::new(Arc::new(BagOfWords), index, engine, true);
    let mut settings = Settings::default();
    settings.mode = CacheMode::Semantic;
    let cache = AnswerCache::builder(settings, Arc::new(Doors)).semantic(Arc::new(semantic)).build();
    let stack = ServiceBuilder::new()
        // What `RouteLayer` does where there is more than one provider.
        .map_request(|mut request: Request| {
            let target = Target::new("own", "gardener");
            request.context.observe(|observed| observed.target = Some(target.clone()));
            request.target = Some(target);
            request
        })
        .layer(CacheLayer::new(Arc::new(cache)))
        .service(tower::service_fn(answer));
    FrontDoors::new(BoxCloneSyncService::new(stack))
}

/// Counts words. A real one is `tollgate_embed`, or a model behind an API.
struct BagOfWords;

impl Embedder for BagOfWords {
    fn id(&self) -> &str {
        "bag-of-words-1"
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        let mut vector = vec![0.0; 256];
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let place = word.to_lowercase().bytes().fold(7_usize, |sum, byte| sum * 31 % 251 + usize::from(byte));
            vector[place % 256] += 1.0;
        }
        Box::pin(std::future::ready(Ok(vector)))
    }
}

/// Answers by the thing that is asked about.
async fn answer(request: Request) -> Result<Response, Error> {
    let question = String::from_utf8_lossy(&request.body);
    let thing = THINGS.iter().find(|thing| question.contains(**thing)).unwrap_or(&"it");
    let text = ["dry", "dark", "clean", "high", "covered", "aired"].map(|how| format!("{thing}{how}")).join(" ");
    let message = json!({ "role": "assistant", "content": text });
    let body = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gardener",
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }] });
    let mut response = Response::new(Body::from(bytes_of(&body)));
    response.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn bytes_of(body: &Value) -> bytes::Bytes {
    body.to_string().into()
}

/// Asks as a client does, and gives what the cache says of it.
async fn ask(
    doors: &FrontDoors<BoxCloneSyncService<Request, Response, Error>>,
    question: &str,
) -> Result<String, BoxError> {
    let body = json!({ "model": "gardener", "messages": [{ "role": "user", "content": question }] });
    let request = http::Request::post("/v1/chat/completions").body(Full::from(body.to_string()))?;
    let response = doors.clone().oneshot(request).await?;
    let status =
        response.headers().get("cache-status").and_then(|value| value.to_str().ok()).unwrap_or("none").to_owned();
    response.into_body().collect().await?;
    // What was answered is learned from beside the requests; here they wait for it.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_observes_first_and_serves_then() {
        let doors = app();
        let mut statuses = Vec::new();
        for question in questions() {
            statuses.push(ask(&doors, &question).await.unwrap());
        }
        assert!(statuses[..20].iter().all(|status| status.contains("fwd=miss")), "{statuses:?}");
        assert!(statuses.iter().any(|status| status == "tollgate; hit; detail=semantic"), "{statuses:?}");
    }
}
