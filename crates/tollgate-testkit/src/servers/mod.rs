//! Stores as child processes, each for one test: stopped, paused and started again in its course.
//!
//! ```no_run
//! use tollgate_testkit::servers::Redis;
//!
//! # async fn example() {
//! let Some(mut redis) = Redis::start().await else { return };
//! // … what uses redis.url() works …
//! redis.pause();
//! // … everything takes as long as its deadline …
//! redis.resume();
//! redis.stop();
//! // … nobody listens …
//! redis.restart().await;
//! // … it works again, and is empty
//! # }
//! ```

mod postgres;
mod process;
mod qdrant;
mod redis;

pub use postgres::Postgres;
pub use qdrant::Qdrant;
pub use redis::Redis;
