//! `cargo xtask bench cache-faults`: whether the cache ever keeps an answer that is not whole and good, or loses one that is.
//!
//! Answers in every protocol, whole and streamed, are written by the encoders that clients are served with and pass the
//! real [`CacheLayer`] in pieces of random size. Half of them have one [`Fault`]. A good one must be in the cache
//! afterwards, as it was; one with a fault must not, unless all it lacks is what follows after its end.

mod fault;
mod sample;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tollgate_cache::{AnswerCache, Found, Payload, Plan, Settings};
use tollgate_core::{Body, BoxFuture, CacheMode, Error, ErrorKind, Request, Response, Target};
use tollgate_protocols::doors::{Doors, stream_content_type};
use tollgate_tower::cache::CacheLayer;
use tower::{Layer, Service};

use self::fault::{Delivery, Fault};
use self::sample::Sample;
use crate::Result;

/// How many answers to spoil.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Answers; every other one is good.
    #[arg(long, default_value_t = 20_000)]
    answers: u64,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came of one kind of fault.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    kept: u64,
    /// Kept though it was not good, or not as it was.
    wrong: u64,
    /// Good, and not kept.
    lost: u64,
}

#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<Fault, Count>,
    examples: Vec<String>,
}

/// How many examples are shown.
const EXAMPLES: usize = 12;
/// After so many answers there is a new cache, so that none is displaced by another.
const ANSWERS_OF_A_CACHE: u64 = 1000;

/// Runs the test, and fails if an answer was kept wrongly, or lost.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let tally = inject(args.answers, args.seed)?;
    println!("{:<12} {:>8} {:>8} {:>8} {:>8}", "", "answers", "kept", "wrongly", "lost");
    for (fault, count) in &tally.counts {
        let name = format!("{fault:?}").to_lowercase();
        println!("{name:<12} {:>8} {:>8} {:>8} {:>8}", count.all, count.kept, count.wrong, count.lost);
    }
    tally.examples.iter().for_each(|example| println!("\n{example}"));
    Ok(if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn inject(answers: u64, seed: u64) -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let (mut rng, mut tally) = (Rng::with_seed(seed), Tally::default());
        let mut cache = cache();
        for number in 0..answers {
            if number % ANSWERS_OF_A_CACHE == 0 {
                cache = self::cache();
            }
            let sample = Sample::draw(number, &mut rng)?;
            let fault = Fault::draw(&sample, &mut rng);
            let delivery = fault.deliver(&sample, &mut rng)?;
            pass(&cache, &sample, &delivery, &mut rng).await;
            let kept = kept(&cache, &sample).await?;
            tally.count(fault, &sample, &delivery, kept.as_ref())?;
        }
        Ok(tally)
    })
}

fn cache() -> Arc<AnswerCache> {
    let mut settings = Settings::default();
    settings.mode = CacheMode::Exact;
    Arc::new(AnswerCache::builder(settings, Arc::new(Doors)).build())
}

/// Lets an answer through the layer to a client that reads it to its end, or leaves.
async fn pass(cache: &Arc<AnswerCache>, sample: &Sample, delivery: &Delivery, rng: &mut Rng) {
    let inner = Scripted::new(sample, delivery, rng);
    let Ok(response) = CacheLayer::new(cache.clone()).layer(inner).call(sample.request.clone()).await else { return };
    let mut body = response.body;
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if delivery.leaves_after.is_some_and(|after| read > after) {
            return;
        }
    }
}

/// What the cache holds for a request.
async fn kept(cache: &AnswerCache, sample: &Sample) -> Result<Option<Payload>> {
    let Plan::Use(mut lookup) = cache.plan(&sample.request) else {
        return Err("a request that is not for the cache".into());
    };
    Ok(match cache.find(&mut lookup).await {
        Found::Fresh(entry) => Some(entry.payload.clone()),
        _ => None,
    })
}

// === impl Tally ===

impl Tally {
    fn count(&mut self, fault: Fault, sample: &Sample, delivery: &Delivery, kept: Option<&Payload>) -> Result<()> {
        let whole = sample.written(&sample.answer)?;
        let is_right = match kept {
            None => true,
            Some(Payload::Text(text)) => delivery.is_complete && text.as_bytes() == whole,
            Some(Payload::Answer(answer)) => delivery.is_complete && answer.unpack().choices == sample.read(&whole)?,
        };
        let is_lost = delivery.is_good && kept.is_none();
        let count = self.counts.entry(fault).or_default();
        count.all += 1;
        count.kept += u64::from(kept.is_some());
        count.wrong += u64::from(!is_right);
        count.lost += u64::from(is_lost);
        if (!is_right || is_lost) && self.examples.len() < EXAMPLES {
            let text = String::from_utf8_lossy(&delivery.bytes);
            let what = if is_lost { "lost" } else { "kept wrongly" };
            self.examples.push(format!("{what}: {fault:?} {:?}\n{text}\n{kept:?}", sample.request.operation));
        }
        Ok(())
    }

    fn is_clean(&self) -> bool {
        self.counts.values().all(|count| count.wrong + count.lost == 0)
    }
}

/// Answers one request, with what was made for it.
#[derive(Clone)]
struct Scripted(Arc<Mutex<Option<(Response, bool)>>>);

impl Scripted {
    fn new(sample: &Sample, delivery: &Delivery, rng: &mut Rng) -> Self {
        let mut pieces = VecDeque::new();
        let mut rest = &delivery.bytes[..];
        while !rest.is_empty() {
            // A client that leaves does so at a byte, so pieces must be small.
            let most = if delivery.leaves_after.is_some() { 1 } else { rest.len().min(rng.usize(1..200)) };
            let (piece, others) = rest.split_at(most);
            pieces.push_back(Ok(Bytes::copy_from_slice(piece)));
            rest = others;
        }
        pieces.extend(delivery.error.clone().map(Err));
        let mut response = Response::new(Body::arriving(Pieces(pieces)));
        response.status = StatusCode::from_u16(delivery.status).unwrap_or_default();
        let content_type = match sample.request.is_streamed() {
            true => stream_content_type(sample.request.protocol),
            false => "application/json",
        };
        response.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self(Arc::new(Mutex::new(Some((response, delivery.is_of_another_model)))))
    }
}

impl Service<Request> for Scripted {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, std::result::Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let again = || Error::new(ErrorKind::Internal, "asked more than once");
            let (response, is_of_another_model) = made.ok_or_else(again)?;
            if is_of_another_model {
                request.context.observe(|observed| observed.target = Some(Target::new("p", "smaller")));
            }
            Ok(response)
        })
    }
}

/// A body in pieces, each of which may be an error.
struct Pieces(VecDeque<std::result::Result<Bytes, Error>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_answers_are_kept_and_all_of_them() {
        let tally = inject(4000, 3).unwrap();
        assert!(tally.is_clean(), "{:#?}\n{}", tally.counts, tally.examples.join("\n\n"));
        assert_eq!(tally.counts.len(), 15, "every fault was tried: {:?}", tally.counts);
        assert!(tally.counts[&Fault::None].kept > 1000);
    }
}
