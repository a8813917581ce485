//! Clients that ask until there is nothing left.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::task::JoinSet;

/// So many clients at the same time.
pub(super) struct Clients {
    pub(super) count: usize,
    pub(super) seed: u64,
}

/// What the clients were told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// That the budget is spent.
    pub(super) refused: u64,
    /// That they should try again.
    pub(super) again: u64,
    /// Something else than an answer.
    pub(super) failed: u64,
}

/// The largest limit on an answer.
const MOST_TOKENS: u64 = 2000;

/// A client that was refused so often has seen that even small requests are.
const REFUSALS: u64 = 10;

/// Between two tries, where a client was told to try again; less than that, because nobody wants to wait for this.
const PAUSE: Duration = Duration::from_millis(100);

impl Clients {
    /// Lets each ask the gateways in turn until it is refused for good.
    pub(super) async fn run(&self, gateways: Vec<SocketAddr>) -> Asked {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut asking = JoinSet::new();
        for number in 0..self.count {
            let (client, gateways) = (client.clone(), gateways.clone());
            let random = Rng::with_seed(self.seed.wrapping_add(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            asking.spawn(one(client, gateways, random, number));
        }
        let mut all = Asked::default();
        while let Some(asked) = asking.join_next().await {
            let asked = asked.unwrap_or(Asked { failed: 1, ..Asked::default() });
            all.refused += asked.refused;
            all.again += asked.again;
            all.failed += asked.failed;
        }
        all
    }
}

async fn one(
    client: Client<HttpConnector, Full<Bytes>>,
    gateways: Vec<SocketAddr>,
    mut random: Rng,
    number: usize,
) -> Asked {
    let mut asked = Asked::default();
    for turn in number.. {
        let gateway = gateways[turn % gateways.len()];
        match ask(&client, gateway, &mut random).await {
            Some(200) => {}
            Some(402) => asked.refused += 1,
            Some(429) => {
                asked.again += 1;
                tokio::time::sleep(PAUSE).await;
            }
            _ => asked.failed += 1,
        }
        if asked.refused >= REFUSALS || asked.failed >= REFUSALS {
            break;
        }
    }
    asked
}

/// Sends a request and reads its answer to the end.
async fn ask(client: &Client<HttpConnector, Full<Bytes>>, gateway: SocketAddr, random: &mut Rng) -> Option<u16> {
    let text = "x".repeat(random.usize(10..400));
    let body = json!({
        "model": "mock-model",
        "max_tokens": random.u64(1..=MOST_TOKENS),
        "stream": random.bool(),
        "messages": [{ "role": "user", "content": text }],
    });
    let mut request =
        Request::post(format!("http://{gateway}/v1/chat/completions")).body(body.to_string().into()).ok()?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = client.request(request).await.ok()?;
    let status = response.status().as_u16();
    response.into_body().collect().await.ok()?;
    Some(status)
}
