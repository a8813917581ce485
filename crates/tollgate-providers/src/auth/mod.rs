//! Proofs of identity that are made anew for a request or an hour, where a fixed key is not enough.

mod google;
mod sigv4;

use std::fmt;

pub use google::{GoogleCredentials, GoogleToken};
pub use sigv4::{AwsCredentials, SigV4Signer};

/// Why credentials cannot be used. Quotes nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialsError(&'static str);

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for CredentialsError {}
