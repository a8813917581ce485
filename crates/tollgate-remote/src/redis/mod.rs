//! A connection to Redis or Valkey that is always there to be asked, and never keeps anybody waiting for long.
//!
//! [`RedisClient`] is shared by everything that is kept in one server. Each command has a deadline, opening the connection
//! included; a server that does not answer is left alone for a moment, in which commands fail at once; and it is found
//! again by itself. It may be used from any number of tokio runtimes: each has a connection of its own.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use tollgate_remote::redis::RedisClient;
//! use tollgate_core::Secret;
//!
//! # async fn example() -> Result<(), tollgate_remote::redis::RedisError> {
//! let redis = RedisClient::builder(Secret::new("redis://:password@localhost:6379/0")).key_prefix("tollgate:").build()?;
//! redis.set(b"greeting", b"hello", Some(Duration::from_secs(60))).await?;
//! assert_eq!(redis.get(b"greeting").await?.as_deref(), Some(&b"hello"[..]));
//! # Ok(())
//! # }
//! ```

mod command;
mod error;
mod link;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tollgate_core::Secret;

pub use command::{Argument, Command, Reply, Script, cmd};
pub use error::RedisError;

use self::link::{Links, Target};
use crate::{Breaker, CoolDown};

/// A client of one server. Clones share everything. See the [module docs](self).
#[derive(Clone)]
pub struct RedisClient(Arc<Inner>);

/// Builds a [`RedisClient`].
#[derive(Clone, Debug)]
#[must_use = "there is no client before `build`"]
pub struct RedisBuilder {
    url: Secret,
    key_prefix: String,
    read_timeout: Duration,
    write_timeout: Duration,
    connect_timeout: Duration,
    cool_down: CoolDown,
}

struct Inner {
    links: Links,
    breaker: Arc<Breaker>,
    settings: RedisBuilder,
}

/// What a command is, which decides how long it may take and whether it may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Somebody waits for the answer.
    Read,
    /// Doing it twice is the same as doing it once.
    Write,
    /// Doing it twice is not.
    Once,
}

// === impl RedisBuilder ===

impl RedisBuilder {
    /// Sets what all keys begin with, so that several may share a server. Defaults to `tollgate:`.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = prefix.into();
        self
    }

    /// Sets how long reading may take. Defaults to 50 milliseconds.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Sets how long writing may take. Defaults to 1 second.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets how long opening a connection may take. A command waits for that only until its own deadline. Defaults to 1
    /// second.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long a server is left alone after it did not answer three times in a row, and how long at most if it goes
    /// on not to. Both vary by a quarter. Defaults to 200 milliseconds and 5 seconds.
    pub fn cool_down(mut self, first: Duration, longest: Duration) -> Self {
        self.cool_down = CoolDown { first, longest };
        self
    }

    /// The client. Nothing is sent before the first command.
    ///
    /// # Errors
    /// If the address is not one of Redis.
    pub fn build(self) -> Result<RedisClient, RedisError> {
        let target = Target::new(self.url.expose(), self.connect_timeout)?;
        let breaker = Breaker::new(self.cool_down);
        Ok(RedisClient(Arc::new(Inner { links: Links::new(target), breaker, settings: self })))
    }
}

// === impl RedisClient ===

impl RedisClient {
    /// A client of the server at an address, `redis://user:password@host:port/database`.
    pub fn builder(url: Secret) -> RedisBuilder {
        RedisBuilder {
            url,
            key_prefix: "tollgate:".to_owned(),
            read_timeout: Duration::from_millis(50),
            write_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            cool_down: CoolDown::default(),
        }
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.run(&cmd("PING"), Operation::Read).await.map(drop)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// If the server does not answer or the key holds something else.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, RedisError> {
        bytes(self.run(cmd("GET").arg(self.key(key)), Operation::Read).await?)
    }

    /// The values of keys, in order.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>, RedisError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("MGET");
        for key in keys {
            command.arg(self.key(key));
        }
        match self.run(&command, Operation::Read).await? {
            Reply::Array(values) if values.len() == keys.len() => values.into_iter().map(bytes).collect(),
            _ => Err(RedisError::unexpected()),
        }
    }

    /// Sets a key, for ever or for a time of at least a millisecond.
    ///
    /// # Errors
    /// If the server does not answer or takes no writes.
    pub async fn set(&self, key: &[u8], value: &[u8], ttl: Option<Duration>) -> Result<(), RedisError> {
        let mut command = cmd("SET");
        command.arg(self.key(key)).arg(value);
        if let Some(ttl) = ttl {
            command.arg("PX").arg(milliseconds(ttl));
        }
        self.run(&command, Operation::Write).await.map(drop)
    }

    /// Deletes keys; how many were there.
    ///
    /// # Errors
    /// If the server does not answer or takes no writes.
    pub async fn delete(&self, keys: &[&[u8]]) -> Result<u64, RedisError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let mut command = cmd("UNLINK");
        for key in keys {
            command.arg(self.key(key));
        }
        number(&self.run(&command, Operation::Write).await?)
    }

    /// Adds one to the number that a key holds, and returns it. A key that is not there holds 0.
    ///
    /// # Errors
    /// If the server does not answer, takes no writes, or the key holds something else. After a timeout it is not known
    /// whether one was added.
    pub async fn increment(&self, key: &[u8]) -> Result<u64, RedisError> {
        number(&self.run(cmd("INCR").arg(self.key(key)), Operation::Once).await?)
    }

    /// Adds one to the number in a field of a hash, and returns it. A field that is not there holds 0.
    ///
    /// # Errors
    /// As [`RedisClient::increment`].
    pub async fn hash_increment(&self, key: &[u8], field: &[u8]) -> Result<u64, RedisError> {
        let mut command = cmd("HINCRBY");
        command.arg(self.key(key)).arg(field).arg(1);
        number(&self.run(&command, Operation::Once).await?)
    }

    /// The fields of a hash with their values; none if there is no such hash.
    ///
    /// # Errors
    /// If the server does not answer or the key holds something else.
    pub async fn hash_all(&self, key: &[u8]) -> Result<Vec<(Bytes, Bytes)>, RedisError> {
        let pairs: Vec<Bytes> = match self.run(cmd("HGETALL").arg(self.key(key)), Operation::Read).await? {
            Reply::Array(items) => items.into_iter().map(bytes).collect::<Result<Option<_>, _>>()?.unwrap_or_default(),
            Reply::Map(pairs) => {
                let items = pairs.into_iter().flat_map(|(field, value)| [field, value]);
                items.map(bytes).collect::<Result<Option<_>, _>>()?.unwrap_or_default()
            }
            _ => return Err(RedisError::unexpected()),
        };
        Ok(pairs.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }

    /// A key as the server has it: with the prefix.
    #[must_use]
    pub fn key(&self, key: &[u8]) -> Vec<u8> {
        [self.0.settings.key_prefix.as_bytes(), key].concat()
    }

    /// Sends a command. Keys in it are as [`RedisClient::key`] makes them.
    ///
    /// # Errors
    /// If the server does not answer in the time that the operation has, or refuses the command.
    pub async fn run(&self, command: &Command, operation: Operation) -> Result<Reply, RedisError> {
        let settings = &self.0.settings;
        let timeout = if operation == Operation::Read { settings.read_timeout } else { settings.write_timeout };
        let Some(permit) = self.0.breaker.admit() else {
            return Err(RedisError::unavailable("redis did not answer a moment ago"));
        };
        let done = tokio::time::timeout(timeout, self.send(command, operation)).await;
        let result = done.unwrap_or_else(|_| Err(RedisError::timeout()));
        if result.as_ref().is_err_and(RedisError::is_timeout) {
            self.0.links.suspect();
        }
        match &result {
            Err(error) if error.is_timeout() || error.is_unavailable() => permit.failed(),
            _ => permit.succeeded(),
        }
        result
    }

    /// Calls a script, whose text is sent only if the server does not have it yet. Keys are as [`RedisClient::key`] makes
    /// them.
    ///
    /// # Errors
    /// As [`RedisClient::run`].
    pub async fn call(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        arguments: &[Vec<u8>],
        operation: Operation,
    ) -> Result<Reply, RedisError> {
        let command = |name: &str, script: &str| {
            let mut command = cmd(name);
            command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            command
        };
        match self.run(&command("EVALSHA", &script.hash), operation).await {
            Err(error) if error.is_unknown_script() => self.run(&command("EVAL", script.text), operation).await,
            done => done,
        }
    }

    async fn send(&self, command: &Command, operation: Operation) -> Result<Reply, RedisError> {
        let live = self.0.links.live().await?;
        match live.send(command).await {
            // Mostly a connection that the server closed while it was idle, which is found only now.
            Err(error) if error.is_unavailable() => {
                self.0.links.discard(&live);
                if operation == Operation::Once {
                    return Err(error);
                }
                self.0.links.live().await?.send(command).await
            }
            done => done,
        }
    }
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisClient").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// A time to live in milliseconds: at least one, which is the least that the server takes.
#[must_use]
pub fn milliseconds(ttl: Duration) -> u64 {
    // What is longer than this overflows in the server.
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 53)
}

fn bytes(value: Reply) -> Result<Option<Bytes>, RedisError> {
    match value {
        Reply::Nil => Ok(None),
        Reply::BulkString(bytes) => Ok(Some(bytes.into())),
        _ => Err(RedisError::unexpected()),
    }
}

/// The number that a reply is.
///
/// # Errors
/// If it is something else, or below zero.
pub fn number(value: &Reply) -> Result<u64, RedisError> {
    match value {
        Reply::Int(number) => u64::try_from(*number).map_err(|_| RedisError::unexpected()),
        _ => Err(RedisError::unexpected()),
    }
}
