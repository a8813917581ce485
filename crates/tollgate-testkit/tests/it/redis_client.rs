//! The connection to Redis, with a server that is stopped, paused and started again.

#![expect(clippy::unwrap_used, reason = "a test that meets a surprise should stop there")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_cache::redis::{RedisBuilder, RedisClient, RedisError};
use tollgate_core::Secret;
use tollgate_testkit::servers::Redis;

const LONG: Duration = Duration::from_secs(20);

fn builder(redis: &Redis) -> RedisBuilder {
    RedisClient::builder(Secret::new(redis.url())).cool_down(Duration::from_millis(10), Duration::from_millis(50))
}

/// A client that waits for a busy machine; for those cases in which nothing should time out.
fn patient(redis: &Redis) -> RedisClient {
    builder(redis).read_timeout(LONG).write_timeout(LONG).connect_timeout(LONG).build().unwrap()
}

/// Waits until the server is asked again and answers.
async fn recovers(client: &RedisClient) {
    let deadline = std::time::Instant::now() + LONG;
    while let Err(error) = client.ping().await {
        assert!(std::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Fails until the server is being left alone.
async fn is_left_alone(client: &RedisClient, is_expected: impl Fn(&RedisError) -> bool) {
    let mut errors = Vec::new();
    for _ in 0..3 {
        let error = client.get(b"key").await.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        errors.push(error);
    }
    assert!(errors.iter().all(|error| !error.to_string().contains("127.0.0.1")));
}

#[tokio::test]
async fn keys_are_set_read_and_deleted() {
    let Some(redis) = Redis::start().await else { return };
    round_trip(&patient(&redis)).await;
}

#[tokio::test]
async fn redis_7_will_do() {
    let Some(redis) = Redis::start_version_7().await else { return };
    round_trip(&patient(&redis)).await;
}

#[tokio::test]
async fn valkey_will_do() {
    let Some(valkey) = Redis::start_valkey().await else { return };
    round_trip(&patient(&valkey)).await;
}

async fn round_trip(client: &RedisClient) {
    assert_eq!(client.get(b"key").await.unwrap(), None);
    let value: Vec<u8> = (0..=255).collect();
    client.set(b"key", &value, None).await.unwrap();
    assert_eq!(client.get(b"key").await.unwrap().as_deref(), Some(&*value));
    client.set(b"\0\r\n", b"", Some(LONG)).await.unwrap();
    let found = client.get_many(&[b"key", b"none", b"\0\r\n"]).await.unwrap();
    assert_eq!(found, [Some(value.into()), None, Some(bytes::Bytes::new())]);
    assert_eq!(client.delete(&[b"key", b"none"]).await.unwrap(), 1);
    assert_eq!((client.delete(&[]).await.unwrap(), client.get_many(&[]).await.unwrap()), (0, vec![]));
    assert_eq!(client.increment(b"epoch").await.unwrap(), 1);
    assert_eq!(client.increment(b"epoch").await.unwrap(), 2);
    let refused = client.increment(b"\0\r\n").await.unwrap_err();
    assert!(!refused.is_timeout() && !refused.is_unavailable(), "{refused:?}");
}

#[tokio::test]
async fn keys_expire() {
    let Some(redis) = Redis::start().await else { return };
    let client = patient(&redis);
    client.set(b"key", b"value", Some(Duration::from_nanos(1))).await.unwrap();
    let deadline = std::time::Instant::now() + LONG;
    while client.get(b"key").await.unwrap().is_some() {
        assert!(std::time::Instant::now() < deadline);
    }
}

#[tokio::test]
async fn clients_with_other_prefixes_do_not_meet() {
    let Some(redis) = Redis::start().await else { return };
    let [one, other] = ["one:", "other:"]
        .map(|prefix| builder(&redis).key_prefix(prefix).read_timeout(LONG).write_timeout(LONG).build().unwrap());
    one.set(b"key", b"1", None).await.unwrap();
    assert_eq!(other.get(b"key").await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_stopped_is_found_again() {
    let Some(mut redis) = Redis::start().await else { return };
    let client = builder(&redis).read_timeout(LONG).write_timeout(LONG).build().unwrap();
    client.set(b"key", b"value", None).await.unwrap();
    redis.stop();
    is_left_alone(&client, RedisError::is_unavailable).await;
    redis.restart().await;
    recovers(&client).await;
    assert_eq!(client.get(b"key").await.unwrap(), None);
}

#[tokio::test]
async fn a_restart_between_two_commands_goes_unnoticed() {
    let Some(mut redis) = Redis::start().await else { return };
    let client = patient(&redis);
    for _ in 0..3 {
        client.set(b"key", b"value", None).await.unwrap();
        redis.restart().await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_a_deadline_and_then_nothing() {
    let Some(redis) = Redis::start().await else { return };
    let short = Duration::from_millis(150);
    let client = builder(&redis).read_timeout(short).cool_down(LONG, LONG).build().unwrap();
    recovers(&client).await;
    redis.pause();
    is_left_alone(&client, RedisError::is_timeout).await;
    // Refused by now, without asking: the cool-down is longer than the test may be.
    assert!(client.get(b"key").await.unwrap_err().is_unavailable());
    redis.resume();
}

#[tokio::test]
async fn a_server_that_hung_is_found_again() {
    let Some(redis) = Redis::start().await else { return };
    let client = builder(&redis).read_timeout(Duration::from_millis(30)).build().unwrap();
    recovers(&client).await;
    redis.pause();
    is_left_alone(&client, |error| error.is_timeout() || error.is_unavailable()).await;
    redis.resume();
    recovers(&client).await;
}

#[tokio::test]
async fn passwords_are_sent_and_not_shown() {
    let Some(redis) = Redis::start_with(&["--requirepass", "open-sesame"]).await else { return };
    let build = |url: String| RedisClient::builder(Secret::new(url)).read_timeout(LONG).build().unwrap();
    let right = build(redis.url().replace("//", "//:open-sesame@"));
    right.ping().await.unwrap();
    let wrong = build(redis.url().replace("//", "//:open-barley@"));
    let error = wrong.ping().await.unwrap_err();
    assert_eq!(error.to_string(), "redis refused the credentials");
    assert!(!format!("{right:?} {wrong:?} {error:?}").contains("open-"));
}

#[test]
fn addresses_that_are_none_are_refused() {
    for url in ["", "localhost", "http://localhost", "rediss://localhost", "redis://:secret@", "redis+unix:///x"] {
        let error = RedisClient::builder(Secret::new(url)).build().unwrap_err();
        assert!(error.is_configuration() && !format!("{error:?}").contains("secret"), "{url}: {error:?}");
    }
}

#[test]
fn runtimes_come_and_go() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let Some(redis) = first.block_on(Redis::start()) else { return };
    let client = patient(&redis);
    first.block_on(client.set(b"key", b"value", None)).unwrap();
    // The first is still there but nobody drives it; the others end before the next begins.
    for _ in 0..3 {
        assert!(runtime().block_on(client.get(b"key")).unwrap().is_some());
    }
    first.block_on(client.get(b"key")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                runtime().block_on(async {
                    let all = (0..50).map(|_| client.increment(b"count"));
                    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
                });
            });
        }
    });
    assert_eq!(runtime().block_on(client.increment(b"count")).unwrap(), 201);
}

#[tokio::test]
async fn commands_share_a_connection() {
    let Some(redis) = Redis::start().await else { return };
    let client = patient(&redis);
    let all = (0..100).map(|_| client.increment(b"count"));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).await.unwrap();
    assert_eq!(clients_of(&mut stream).await, 2);
}

/// How many connections the server has, by asking on one of them.
async fn clients_of(stream: &mut TcpStream) -> usize {
    stream.write_all(b"CLIENT LIST\r\nQUIT\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().filter(|line| line.contains("addr=")).count()
}

#[test]
fn a_connection_that_has_gone_silent_is_replaced() {
    let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let Some(redis) = servers.block_on(Redis::start()) else { return };
    let is_silent = Arc::new(AtomicBool::new(false));
    let port = servers.block_on(proxy(redis.port(), is_silent.clone()));
    let client = RedisClient::builder(Secret::new(format!("redis://127.0.0.1:{port}")));
    let client = client.read_timeout(Duration::from_millis(150)).cool_down(Duration::ZERO, Duration::ZERO);
    let client = client.connect_timeout(LONG).build().unwrap();
    let [one, other] = [(); 2].map(|()| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    one.block_on(recovers(&client));
    is_silent.store(true, Ordering::Relaxed);
    // The other has a connection of its own that works, so the server does not look broken.
    other.block_on(recovers(&client));
    for _ in 0..3 {
        assert!(one.block_on(client.ping()).unwrap_err().is_timeout());
        other.block_on(recovers(&client));
    }
    one.block_on(recovers(&client));
}

/// Passes on to Redis. Once it has become silent, connections that were there before get no more answers.
async fn proxy(redis: u16, is_silent: Arc<AtomicBool>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let is_late = is_silent.load(Ordering::Relaxed);
            let is_silent = is_silent.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", redis)).await.unwrap();
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = from_server.read(&mut piece).await {
                    if is_late || !is_silent.load(Ordering::Relaxed) {
                        to_client.write_all(&piece[..length]).await.unwrap();
                    }
                }
            });
        }
    });
    port
}
