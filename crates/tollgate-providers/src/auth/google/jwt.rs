//! The signed assertion of a service account (RFC 7519, RFC 7523).

use std::time::{Duration, SystemTime};

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use tollgate_core::{Error, ErrorKind};

use crate::auth::CredentialsError;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The longest that Google accepts.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Makes assertions.
pub(super) struct Signer {
    email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
}

impl Signer {
    pub(super) fn new(email: &str, key_id: Option<&str>, pem: &str) -> Result<Self, CredentialsError> {
        let refused = CredentialsError("`private_key` is not an RSA key of 2048 to 4096 bits in PKCS #8 and PEM");
        // A key that went through a variable often has its line ends escaped once too often.
        let pem = pem.replace("\\n", "\n");
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| refused)?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| refused)?;
        Ok(Self { email: email.to_owned(), key_id: key_id.map(str::to_owned), key })
    }

    /// An assertion for the token server `audience`, signed with RS256.
    pub(super) fn assertion(&self, audience: &str, now: SystemTime) -> Result<String, Error> {
        let fault = || Error::new(ErrorKind::Internal, "The gateway could not sign a request for a token.");
        let issued = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| fault())?.as_secs();
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": audience,
            "iat": issued,
            "exp": issued.saturating_add(LIFETIME.as_secs()),
        });
        let said = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), said.as_bytes(), &mut signature).map_err(|_| fault())?;
        Ok(format!("{said}.{}", base64url(&signature)))
    }
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: [char; 64] = {
        let text = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut digits = ['A'; 64];
        let mut at = 0;
        while at < 64 {
            digits[at] = text[at] as char;
            at += 1;
        }
        digits
    };
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        // Three bytes are four digits, two are three, one is two.
        let digits = [18, 12, 6, 0].into_iter().take(group.len() + 1);
        text.extend(digits.map(|shift| DIGITS[(bits >> shift & 63) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (bytes, expect) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"\xfb\xff\xbf", "-_-_"),
        ] {
            assert_eq!(base64url(bytes), expect);
        }
    }
}
