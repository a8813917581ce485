//! One connection for each runtime.
//!
//! A connection is driven by a task of the runtime that opened it, and dies with it; a command sent from another runtime
//! would wake that one's thread for each answer. A server with a runtime for each core therefore has as many connections
//! as cores, and no command crosses threads.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ProtocolVersion, Value};
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;
use tollgate_core::BoxFuture;

use super::{Command, RedisError, Reply};

/// The connections of one client, made when they are needed.
pub(super) struct Links {
    target: Target,
    links: RwLock<HashMap<Id, Link>>,
}

/// Where to, as whom.
#[derive(Clone)]
pub(super) struct Target {
    info: ConnectionInfo,
    timeout: Duration,
}

/// A connection, there or being opened. Opening goes on though everybody who waits for it may have given up.
type Link = Shared<BoxFuture<'static, Result<Live, RedisError>>>;

/// A connection that has been opened.
#[derive(Clone)]
pub(super) struct Live {
    connection: MultiplexedConnection,
    driver: AbortHandle,
    /// How many commands in a row were not answered in time.
    silences: Arc<AtomicU32>,
}

/// How many commands may wait to be written before those who send more are held back.
const QUEUED: usize = 512;

/// Fewer could be a slow command.
const SILENCES: u32 = 3;

// === impl Target ===

impl Target {
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, RedisError> {
        // The cause would show the address, and with it perhaps the password.
        let unusable =
            |_| RedisError::configuration("the address of redis is not like redis://user:password@host:6379/0");
        let info = ::redis::IntoConnectionInfo::into_connection_info(url).map_err(unusable)?;
        if !matches!(info.addr(), ConnectionAddr::Tcp(..)) {
            return Err(RedisError::configuration("redis can only be reached by redis://host:port, without TLS"));
        }
        // The replies that are read are those of version 2, whatever the address asks for.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        Ok(Self { info: info.set_redis_settings(settings), timeout })
    }

    async fn connect(self) -> Result<Live, RedisError> {
        match tokio::time::timeout(self.timeout, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(RedisError::unavailable("redis did not accept a connection in time")),
        }
    }

    async fn open(&self) -> Result<Live, RedisError> {
        let ConnectionAddr::Tcp(host, port) = self.info.addr() else {
            return Err(RedisError::configuration("redis is not reached by TCP"));
        };
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(RedisError::io)?;
        stream.set_nodelay(true).map_err(RedisError::io)?;
        // Each command has a deadline already.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUED);
        let opened = MultiplexedConnection::new_with_config(self.info.redis_settings(), stream, config).await;
        let (connection, driver) = opened?;
        let driver: BoxFuture<'static, ()> = Box::pin(driver);
        Ok(Live { connection, driver: tokio::spawn(driver).abort_handle(), silences: Arc::default() })
    }
}

// === impl Live ===

impl Live {
    pub(super) async fn send(&self, command: &Command) -> Result<Reply, RedisError> {
        let answer = self.connection.clone().send_packed_command(&command.0).await;
        self.silences.store(0, Ordering::Relaxed);
        Reply::of(answer.and_then(Value::extract_error)?)
    }
}

// === impl Links ===

impl Links {
    pub(super) fn new(target: Target) -> Self {
        Self { target, links: RwLock::default() }
    }

    /// The connection of this runtime.
    pub(super) async fn live(&self) -> Result<Live, RedisError> {
        self.link().await
    }

    /// Has the next command of this runtime open a new connection, if it would have used this one.
    pub(super) fn discard(&self, live: &Live) {
        live.driver.abort();
        let is_same = |link: &Link| matches!(link.peek(), Some(Ok(known)) if known.driver.id() == live.driver.id());
        self.write().retain(|_, link| !is_same(link));
    }

    /// Notes that a command of this runtime was not answered in time. After some the next one opens a new connection: one
    /// whose other end has gone without a word would otherwise not be missed for many minutes.
    pub(super) fn suspect(&self) {
        let link = self.links.read().unwrap_or_else(PoisonError::into_inner).get(&Handle::current().id()).cloned();
        if let Some(Ok(live)) = link.as_ref().and_then(Shared::peek)
            && live.silences.fetch_add(1, Ordering::Relaxed) + 1 >= SILENCES
        {
            self.discard(live);
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Id, Link>> {
        self.links.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self) -> Link {
        let id = Handle::current().id();
        let known = self.links.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(link) = known.filter(is_usable) {
            return link;
        }
        let mut links = self.write();
        // Another task may have been faster; and runtimes that have ended leave theirs behind.
        links.retain(|_, link| is_usable(link));
        let connect = || {
            let connecting = tokio::spawn(self.target.clone().connect());
            let gone = |_| Err(RedisError::unavailable("the runtime has ended"));
            let link: BoxFuture<'static, _> = Box::pin(async move { connecting.await.unwrap_or_else(gone) });
            link.shared()
        };
        links.entry(id).or_insert_with(connect).clone()
    }
}

fn is_usable(link: &Link) -> bool {
    match link.peek() {
        Some(Ok(live)) => !live.driver.is_finished(),
        Some(Err(_)) => false,
        None => true,
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        let links = self.links.get_mut().unwrap_or_else(PoisonError::into_inner);
        for live in links.values().filter_map(|link| link.peek()?.as_ref().ok()) {
            live.driver.abort();
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}
