//! How long a look takes, as a whole and in parts.

use std::path::Path;
use std::time::{Duration, Instant};

use tollgate_cache::index::VectorIndex;
use tollgate_cache::semantic::decision::NEIGHBOURS;
use tollgate_cache::semantic::text::Reading;

use super::Line;
use super::setup::{Setup, Vectors};
use super::texts;
use crate::Result;

/// Milliseconds that a miss without anything like it may take in the median.
const MOST_OF_A_MISS: f64 = 1.0;

/// One look.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    whole: Duration,
    reading: Duration,
    prepare: Duration,
    embed: Duration,
    index: Duration,
    is_hit: bool,
    embedded: u64,
}

/// Fills a cache and asks it for requests of each kind.
pub(super) async fn measure(model: &Path, entries: usize, requests: usize) -> Result<Vec<Line>> {
    let setup = Setup::new(model)?;
    let start = Instant::now();
    for number in 0..entries {
        // What is asked for again is embedded; it lies between the others, as it would.
        let vectors = if number % (entries / requests).max(1) == 0 { Vectors::Embedded } else { Vectors::OfWords };
        setup.store(&texts::stored(number), number, vectors).await?;
        if number % 1000 == 0 {
            // Nothing of this waits, so that nobody else would have a turn, such as what keeps the deadline.
            tokio::task::yield_now().await;
        }
    }
    let namespaces = setup.semantic.namespaces().len();
    println!("{entries} prompts in {namespaces} namespace(s), stored in {:.0} s\n", start.elapsed().as_secs_f64());
    let step = (entries / requests).max(1);
    let new = looks(&setup, requests, texts::unrelated).await?;
    let common = looks(&setup, requests, texts::unrelated_but_common).await?;
    let related = looks(&setup, requests, |number| texts::related(number * step)).await?;
    let again = looks(&setup, requests, |number| texts::rephrased(number * step)).await?;
    let all: Vec<Look> = related.iter().chain(&again).copied().collect();
    let not_embedded = |looks: &[Look]| looks.iter().copied().filter(|look| look.embedded == 0).collect::<Vec<_>>();
    let (hits, misses): (Vec<Look>, Vec<Look>) = all.iter().partition(|look| look.is_hit);
    let searched: Vec<Look> = all.iter().copied().filter(|look| look.embedded > 0).collect();
    let rest = |look: &Look| look.whole.saturating_sub(look.prepare + look.embed + look.index);
    let mut first = line("miss, new words", &not_embedded(&new), |look| look.whole);
    let p50 = quantile(&new, 0.5, |look| look.whole);
    let is_met = p50 <= MOST_OF_A_MISS && new.iter().all(|look| look.embedded == 0);
    first.target = Some((format!("p50 <= {MOST_OF_A_MISS} ms, not embedded"), is_met));
    Ok(vec![
        first,
        line("miss, new words and a common one", &not_embedded(&common), |look| look.whole),
        line("miss with a candidate", &misses, |look| look.whole),
        line("hit", &hits, |look| look.whole),
        line("  reading a prompt", &all, |look| look.reading),
        line("  reading and key", &all, |look| look.prepare),
        line("  words alone", &not_embedded(&new), |look| look.whole.saturating_sub(look.prepare)),
        line("  embedding", &searched, |look| look.embed),
        line("  search", &searched, |look| look.index),
        line("  comparison and decision", &searched, rest),
    ])
}

async fn looks(setup: &Setup, requests: usize, text: impl Fn(usize) -> String) -> Result<Vec<Look>> {
    let mut looks = Vec::with_capacity(requests);
    for number in 0..requests {
        looks.push(look(setup, &text(number)).await?);
    }
    Ok(looks)
}

async fn look(setup: &Setup, text: &str) -> Result<Look> {
    let request = Setup::request(text)?;
    let lookup = setup.lookup(&request)?;
    setup.embedder.take();
    let start = Instant::now();
    let query = setup.query(&lookup, &request)?;
    let prepare = start.elapsed();
    let searched = setup.semantic.search(&setup.answers, &lookup, &query).await;
    let whole = start.elapsed();
    let (embed, embedded) = setup.embedder.take();
    let start = Instant::now();
    std::hint::black_box(Reading::of(std::hint::black_box(text)));
    let reading = start.elapsed();
    let mut look =
        Look { whole, reading, prepare, embed, is_hit: searched.serve.is_some(), embedded, ..Look::default() };
    if embedded > 0 {
        let vector = setup.embedder.vector(text);
        let start = Instant::now();
        setup.index.search(query.namespace, &vector, NEIGHBOURS).await?;
        look.index = start.elapsed();
    }
    Ok(look)
}

fn line(name: &'static str, looks: &[Look], of: impl Fn(&Look) -> Duration) -> Line {
    let cell = |at| format!("{:.3} ms", quantile(looks, at, &of));
    let cells = if looks.is_empty() { [String::new(), String::new()] } else { [cell(0.5), cell(0.99)] };
    let [p50, p99] = cells;
    Line { name, cells: [p50, p99, looks.len().to_string()], target: None }
}

/// In milliseconds; 0 if there are none.
fn quantile(looks: &[Look], at: f64, of: impl Fn(&Look) -> Duration) -> f64 {
    let mut times: Vec<Duration> = looks.iter().map(of).collect();
    times.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "few")]
    let rank = (times.len() as f64 * at) as usize;
    times.get(rank.min(times.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
