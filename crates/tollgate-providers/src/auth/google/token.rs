//! A token that is renewed in time, once for all who wait for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::HeaderValue;
use tokio::time::Instant;
use tollgate_core::{Error, ErrorKind, Secret};

use super::credentials::{GoogleCredentials, Grant};
use super::exchange::{bearer, exchange};
use crate::auth::CredentialsError;
use crate::transport::Transport;

/// How long before its end a token is renewed, at most half its life.
const AHEAD: Duration = Duration::from_secs(300);

/// How long before its end a token is no longer used, at most a tenth of its life: a request is on its way for a while.
const UNSAFE_END: Duration = Duration::from_secs(10);

/// How long a token that could not be renewed, and still holds, is used before it is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// The access token of some credentials. Clones share it.
#[derive(Clone)]
pub struct GoogleToken(Arc<Inner>);

struct Inner {
    grant: Grant,
    /// The header of a token that is used as it is.
    fixed: Option<HeaderValue>,
    transport: Transport,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The renewal in flight.
    renewal: Option<Renewal>,
    /// Not before then is a token renewed that still holds.
    pause_until: Option<Instant>,
}

struct Token {
    header: HeaderValue,
    renew_from: Instant,
    usable_until: Instant,
}

/// All who wait get the same outcome.
type Renewal = Shared<BoxFuture<'static, Result<HeaderValue, Arc<Error>>>>;

// === impl GoogleToken ===

impl GoogleToken {
    /// The token of these credentials; none is asked for yet. The transport needs TLS unless the token server is on this
    /// machine.
    ///
    /// # Errors
    /// If a fixed access token is empty or has characters that a header cannot have.
    pub fn new(credentials: GoogleCredentials, transport: Transport) -> Result<Self, CredentialsError> {
        let header = |token: &Secret| Some(token.expose()).filter(|token| !token.is_empty()).and_then(bearer);
        let fixed = match &credentials.grant {
            Grant::Fixed(token) => {
                Some(header(token).ok_or(CredentialsError("the access token is empty or has a forbidden character"))?)
            }
            _ => None,
        };
        Ok(Self(Arc::new(Inner { grant: credentials.grant, fixed, transport, state: Mutex::default() })))
    }

    /// The value of an `authorization` header. Where there is no token that holds, it is asked for, once for all callers
    /// at the same time; one that is about to expire is renewed beside the request. Needs a runtime of tokio.
    ///
    /// # Errors
    /// If the token server cannot be reached, refuses the credentials or gives no token. All who waited get the error,
    /// the next caller asks again.
    pub async fn header(&self) -> Result<HeaderValue, Error> {
        if let Some(fixed) = &self.0.fixed {
            return Ok(fixed.clone());
        }
        let renewal = {
            let mut state = self.0.state();
            let now = Instant::now();
            if let Some(token) = state.token.as_ref().filter(|token| now < token.usable_until) {
                let header = token.header.clone();
                let is_due = now >= token.renew_from && state.pause_until.is_none_or(|until| now >= until);
                if is_due && state.renewal.is_none() {
                    state.renewal = Some(self.renew());
                }
                return Ok(header);
            }
            state.renewal.get_or_insert_with(|| self.renew()).clone()
        };
        renewal.clone().await.map_err(|error| {
            // If its runtime ended before it began, nobody else takes it away.
            drop(self.0.state().renewal.take_if(|known| known.ptr_eq(&renewal)));
            Error::new(error.kind(), error.message())
                .with_retryable(error.is_retryable())
                .with_retry_after(error.retry_after())
                .with_source(error)
        })
    }

    /// Begins a renewal. It is a task of its own, so that a caller who goes away does not take it with him.
    fn renew(&self) -> Renewal {
        let inner = self.0.clone();
        let task = tokio::spawn(async move {
            // Whatever happens, the next caller must be able to begin another.
            let ending = Ending(&inner);
            let outcome = ending.0.ask().await;
            ending.0.settle(outcome)
        });
        let outcome = async {
            task.await.unwrap_or_else(|error| {
                let message = "The gateway stopped asking the provider's token server.";
                Err(Arc::new(Error::new(ErrorKind::UpstreamUnreachable, message).with_source(error)))
            })
        };
        outcome.boxed().shared()
    }
}

// === impl Inner ===

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> Result<Token, Error> {
        let Some(form) = self.grant.form(SystemTime::now()) else {
            return Err(Error::new(ErrorKind::Internal, "A fixed access token cannot be renewed."));
        };
        // Counted from before it is asked for, so that the way back does not make it seem younger.
        let asked = Instant::now();
        let (uri, form) = form?;
        let granted = exchange(&self.transport, uri, form).await?;
        let (header, lifetime) = (granted.header, granted.lifetime);
        Ok(Token {
            header,
            renew_from: asked + (lifetime - AHEAD.min(lifetime / 2)),
            usable_until: asked + (lifetime - UNSAFE_END.min(lifetime / 10)),
        })
    }

    fn settle(&self, outcome: Result<Token, Error>) -> Result<HeaderValue, Arc<Error>> {
        let mut state = self.state();
        match outcome {
            Ok(token) => {
                let header = token.header.clone();
                (state.token, state.pause_until) = (Some(token), None);
                Ok(header)
            }
            Err(error) => {
                state.pause_until = Some(Instant::now() + PAUSE);
                Err(Arc::new(error))
            }
        }
    }
}

/// Takes the renewal away when it has ended, or its runtime has.
struct Ending<'a>(&'a Inner);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // Dropped after the lock is free: it may hold the last reference to an outcome.
        let ended = self.0.state().renewal.take();
        drop(ended);
    }
}

impl fmt::Debug for GoogleToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleToken").finish_non_exhaustive()
    }
}
